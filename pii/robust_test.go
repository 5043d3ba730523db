package pii_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/pii"
	"github.com/gallra/gallra/pii/scan"
)

func ordered(t interface{ Fatalf(string, ...any) }, text string, fs []pii.Finding) {
	last := 0
	for _, f := range fs {
		if f.Start < last || f.End <= f.Start || f.End > len(text) || !f.Category.Valid() || f.Rule == "" || f.Score <= 0 || f.Score > 1 {
			t.Fatalf("bad finding %+v after %d in a text of %d bytes", f, last, len(text))
		}
		last = f.End
	}
}

func FuzzFind(f *testing.F) {
	for _, s := range []string{
		"Pnr 850822-9914, 070-174 06 71, anna@example.se, 2001:db8::1, SE85 5000 0000 0508 9749 9334",
		"８５０８２２-9914\u200b 8508\u00ad229914 \xff\xfe\x00 IP 192.0.2.1:80 MAC 64:95:63:c4:ee:ee",
		"noll sju noll ett sju fyra noll sex fem två, anna punkt berg snabel-a example punkt se",
		"regnr EHL 79P, Stensjö 1:62, lösenord Bullen2015!, @handle lilla_my_72: f. 4 april 1991", "+46 (0)70-1740605 (08) 123 45", "090793-975W 1. 1. 1990 ::ffff:192.0.2.1",
		"\u202e4199-228058\u202c", "аnna@exаmple.se", strings.Repeat("1", 300), strings.Repeat("1 ", 60), strings.Repeat("a:", 40), strings.Repeat("@_", 30),
	} {
		f.Add(s)
	}
	e, err := pii.New(pii.Options{Recall: 0.9})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) { ordered(t, text, e.Find(text)) })
}

func FuzzScan(f *testing.F) {
	f.Add("sv", "Pnr 850822-9914 SE85 5000 0000 0508 9749 9334 kort 4242 4282 9363 4260 09/27 318")
	f.Add("de", "HH-KY 4471 0511 260 441 7 15 070649 C 103 Nr. 1. 1. 1990 8327-9, 914 203 556-1")
	f.Fuzz(func(t *testing.T, lang, text string) {
		s := scan.New(lang, 0.1)
		for _, spans := range [][]scan.Span{s.Append(nil, text), s.AppendWords(nil, text)} {
			last := 0
			for _, sp := range spans {
				if sp.Start < last || sp.End <= sp.Start || sp.End > len(text) {
					t.Fatalf("bad span %+v in %q", sp, text)
				}
				last = sp.End
				// Spans begin and end between characters, not inside them.
				if utf8.ValidString(text) && (!utf8.RuneStart(text[sp.Start]) || sp.End < len(text) && !utf8.RuneStart(text[sp.End])) {
					t.Fatalf("span %+v cuts a character of %q", sp, text)
				}
			}
		}
	})
}

func FuzzRedact(f *testing.F) {
	f.Add("Hej, Anna Lindqvist här, 850822-9914. Ring 070-174 06 71 [NAMN 1] [NAMN 99] [X]")
	e, err := pii.New(pii.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := e.NewRedactor(pii.RedactOptions{Known: []gallra.Identifier{{Kind: gallra.IdentName, Value: "Anna Lindqvist"}}})
		once := r.Redact(text)
		if twice := r.Redact(once); twice != once {
			t.Fatalf("redacting twice changed the text:\n%q\n%q\n%q", text, once, twice)
		}
	})
}

// Offsets stay right whatever stands between the digits.
func TestBadInput_HiddenDigits(t *testing.T) {
	t.Parallel()
	e := engine(t, pii.Options{Lang: "sv"})
	hidden := []string{"\u200b", "\u200d", "\u00ad", "\ufeff", "\u2060", "\u200e", "\u202c", "\ufe0f"}
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.SampledFrom([]string{"850822-9914", "198508229914", "070-174 06 71", "4242 4282 9363 4260", "192.0.2.77"}).Draw(t, "value")
		var b strings.Builder
		for i, r := range value {
			if i > 0 && rapid.Bool().Draw(t, "hide") {
				b.WriteString(rapid.SampledFrom(hidden).Draw(t, "sign"))
			}
			if r >= '0' && r <= '9' && rapid.Bool().Draw(t, "wide") {
				r = r - '0' + '０'
			}
			b.WriteRune(r)
		}
		before := rapid.SampledFrom([]string{"", "Hej åäö ", "\u200b\u200b ", "\xff\x00 ", "שלום ", "🙂 "}).Draw(t, "before")
		text := before + b.String() + rapid.SampledFrom([]string{"", " tack", ".", "\n\u200b"}).Draw(t, "after")
		for _, f := range e.Find(text) {
			if f.Start == len(before) && f.End == len(before)+b.Len() {
				return
			}
		}
		t.Fatalf("%q not found whole in %q: %+v", b.String(), text, e.Find(text))
	})
}

func TestBadInput_Homoglyphs(t *testing.T) {
	t.Parallel()
	e := engine(t, pii.Options{})
	text := "skriv till аnnа@exаmple.se" // Cyrillic а
	fs := e.Find(text)
	if len(fs) != 1 || fs[0].Category != gallra.CategoryEmail || text[fs[0].Start:fs[0].End] != "аnnа@exаmple.se" {
		t.Errorf("%+v", fs)
	}
}

func TestAppendDoesNotAllocate(t *testing.T) {
	s := scan.New("", 0.5)
	text := "Pnr 850822-9914, tel 070-174 06 71, anna@example.se, ärende BUN 2025/318, IP 192.0.2.1, regnr EHL 79P"
	spans := s.Append(nil, text)
	if n := testing.AllocsPerRun(100, func() { spans = s.Append(spans[:0], text) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if len(spans) != 6 {
		t.Errorf("%d spans, want 6", len(spans))
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]pii.Options{
		"dial":             {Recall: 1.5},
		"pattern":          {Patterns: []pii.Pattern{{Name: "x", Expr: "(", Category: gallra.CategoryCustomerID}}},
		"pattern category": {Patterns: []pii.Pattern{{Name: "x", Expr: "a", Category: "X"}}},
		"empty pattern":    {Patterns: []pii.Pattern{{Name: "x", Expr: "a*", Category: gallra.CategoryCustomerID}}},
	} {
		if _, err := pii.New(o); gallra.CodeOf(err) != gallra.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	e := engine(t, pii.Options{
		Lang:     "sv",
		Patterns: []pii.Pattern{{Name: "kundnummer", Expr: `\bVX\d{5}\b`, Category: gallra.CategoryCustomerID}},
		Allow:    []string{"info@kommunen.example"},
	})
	text := "VX12345 skrev till Info@kommunen.example och anna@kommunen.example"
	var got []string
	for _, f := range e.Find(text) {
		got = append(got, text[f.Start:f.End]+" "+f.Rule)
	}
	if want := []string{"VX12345 pattern/kundnummer", "anna@kommunen.example email/form"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The dial: raising it never loses a finding's characters.
func TestRecallDial(t *testing.T) {
	t.Parallel()
	low, high := scan.New("sv", 0.9), scan.New("sv", 0.05)
	text := "Hej 6701652383 och VA-40771, ring 0771-29 00 10 eller 5226-1831. Bilen ABC 123."
	if a, b := len(low.Append(nil, text)), len(high.Append(nil, text)); a >= b {
		t.Errorf("%d findings at the low end, %d at the high", a, b)
	}
}
