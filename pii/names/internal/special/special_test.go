package special_test

import (
	"strings"
	"testing"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/pii/names/internal/special"
)

func find(t *testing.T, text, lang string, recall float64) []string {
	t.Helper()
	m, err := special.Load()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	cut := special.Cut(text, lang)
	for _, s := range special.NewFinder(m).Append(nil, cut, recall) {
		if s.Kind != gallra.CategoryHealth && s.Kind != gallra.CategorySensitive || s.Score <= 0 || s.Score > 1 {
			t.Errorf("%q: finding %+v", text, s)
		}
		out = append(out, text[cut.Tokens[s.First].Start:cut.Tokens[s.Last-1].End]+" = "+s.Rule)
	}
	return out
}

// TestPhrases holds the shortest phrase that reveals something, with the word
// of the lexicon that opened it, in every language.
func TestPhrases(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ lang, text, want string }{
		{"sv", "Min dotter har epilepsi och får inte vara ensam.", "epilepsi = health/diagnosis epilep"},
		{"sv", "min dotter har NOTALLERGI o epilepsi", "NOTALLERGI o epilepsi = health/diagnosis nötallerg"},
		{"sv", "Han är dömd för misshandel sedan i våras.", "dömd för misshandel = sensitive/crime misshand"},
		{"en", "My mother has dementia and lives with us.", "dementia = health/diagnosis dementia"},
		{"no", "Moren min har demens og bor hos oss.", "demens = health/diagnosis demens"},
		{"da", "Min mor har demens og bor hos os.", "demens = health/diagnosis demens"},
		{"fi", "Äidilläni on diabetes.", "diabetes = health/diagnosis diabet"},
		{"de", "Meine Mutter hat Demenz und wohnt bei uns.", "Demenz = health/diagnosis demenz"},
		{"de", "Er ist vorbestraft.", "vorbestraft = sensitive/crime vorbestraft"},
		{"sv", "Öppettiderna i jul finns på webben.", ""},
	} {
		if got := strings.Join(find(t, c.text, c.lang, 0.5), "|"); got != c.want {
			t.Errorf("%s %q: got %q, want %q", c.lang, c.text, got, c.want)
		}
	}
}

// TestDial: a higher dial finds no less.
func TestDial(t *testing.T) {
	t.Parallel()
	text := "Facket har inte svarat. Vårdcentralen har bytt nummer. Hon har ont i ryggen och är sjukskriven. Bussen går förbi moskén och sjukhuset."
	last := 0
	for _, dial := range []float64{0, 0.25, 0.5, 0.75, 1} {
		n := 0
		for _, f := range find(t, text, "sv", dial) {
			n += len(f)
		}
		if n < last {
			t.Errorf("dial %.2f: %d bytes, less than at a lower dial: %d", dial, n, last)
		}
		last = n
	}
	if last == 0 {
		t.Error("nothing found at dial 1")
	}
}

func FuzzAppend(f *testing.F) {
	f.Add("Jag är gravid i v. 26 \xff\x00 diabe\u00adtes", "sv")
	f.Add("", "de")
	m, err := special.Load()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text, lang string) {
		cut := special.Cut(text, lang)
		last := 0
		for _, s := range special.NewFinder(m).Append(nil, cut, 1) {
			if s.First < last || s.Last <= s.First || s.Last > len(cut.Tokens) || s.Rule == "" {
				t.Fatalf("span %+v after %d of %d tokens", s, last, len(cut.Tokens))
			}
			last = s.Last
		}
	})
}
