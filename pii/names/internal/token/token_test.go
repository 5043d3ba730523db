package token_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gallra/gallra/pii/names/internal/token"
)

func texts(s string) []string {
	var out []string
	for _, t := range token.Append(nil, s) {
		out = append(out, s[t.Start:t.End])
	}
	return out
}

func TestAppend(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, want string }{
		{"words", "Hej Åsa, hur är det?", "Hej|Åsa|,|hur|är|det|?"},
		{"hyphen and apostrophe", "Ann-Cathrine O'Brien O’Neill - x", "Ann-Cathrine|O'Brien|O’Neill|-|x"},
		{"numbers", "8B, 4tv 06:30", "8B|,|4tv|06|:|30"},
		{"soft hyphen and zero width", "An\u00ADna Sve\u200Bnsson", "An\u00ADna|Sve\u200Bnsson"},
		{"combining mark", "A\u030Asa", "A\u030Asa"},
		{"invalid UTF-8", "a\xff\xfeb", "a|\xff|\xfe|b"},
	} {
		if got := strings.Join(texts(c.text), "|"); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestKeyIgnoresInvisible(t *testing.T) {
	t.Parallel()
	key := func(s string) uint64 { return token.Append(nil, s)[0].Key }
	if key("An\u00ADna") != key("Anna") {
		t.Error("a soft hyphen changes the key")
	}
	if key("Anna") == key("anna") {
		t.Error("the key ignores case")
	}
}

func TestLinks(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"anna.svensson@example.se", "https://example.se/anna"} {
		text := "Skriv " + s + " i dag"
		for _, tok := range token.Append(nil, text) {
			in := int(tok.Start) >= 6 && int(tok.End) <= 6+len(s)
			if in != (tok.Kind == token.Link) {
				t.Errorf("%q: token %q has kind %d", text, text[tok.Start:tok.End], tok.Kind)
			}
		}
	}
}

func TestLower(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"ÅSA": "åsa", "A\u030Asa": "åsa", "Šarić": "šarić", "O’Brien": "o'brien", "An\u00ADna": "anna"} {
		if got := string(token.Lower(nil, in)); got != want {
			t.Errorf("Lower(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestLinear(t *testing.T) {
	t.Parallel()
	for _, unit := range []string{"a", "a ", "@", "a@", "//", "-a", "\u00AD", "a\u00AD", "\xff", "\n", "å", "'"} {
		long := strings.Repeat(unit, (1<<20)/len(unit))
		start := time.Now()
		token.Append(nil, long)
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("1 MB of %q took %v", unit, d)
		}
	}
}

func FuzzAppend(f *testing.F) {
	for _, s := range []string{"Hej Åsa!", "a@b.se", "\xff\u00AD\u200B", "https://x", "\r\n\r\n", "Ann-Mari d’Arc 8B"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		last := int32(0)
		for _, tok := range token.Append(nil, s) {
			if tok.Start < last || tok.End <= tok.Start || int(tok.End) > len(s) {
				t.Fatalf("token %+v after %d in %q", tok, last, s)
			}
			if utf8.ValidString(s) && !utf8.ValidString(s[tok.Start:tok.End]) {
				t.Fatalf("token %+v splits a character of %q", tok, s)
			}
			last = tok.End
			token.Lower(nil, s[tok.Start:tok.End])
		}
	})
}
