package eval_test

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/pii"
	"github.com/gallra/gallra/pii/eval"
)

const marked = `{"id":"1","lang":"sv","text":"Å Anna Berg 070-1740671","spans":[{"start":2,"end":11,"label":"PERSON"},{"start":12,"end":23,"label":"PHONE"}]}
{"id":"2","lang":"en","text":"Order 12","spans":[]}
`

func TestReport(t *testing.T) {
	t.Parallel()
	r, err := eval.Run(strings.NewReader(marked), func(text, lang string) []pii.Finding {
		if lang == "en" {
			return []pii.Finding{{Start: 0, End: 5, Category: gallra.CategoryPerson}}
		}
		// "Å" is two bytes: the phone begins at byte 13. Of the name only "Anna".
		return []pii.Finding{{Start: 3, End: 7, Category: gallra.CategoryPerson}, {Start: 13, End: 24, Category: gallra.CategoryPhone}}
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := r.Total(gallra.CategoryPhone), (eval.Score{Right: 1, Reached: 1, Touching: 1}); got != want {
		t.Errorf("phone: %+v, want %+v", got, want)
	}
	if got, want := r.Total(gallra.CategoryPerson), (eval.Score{Missed: 1, False: 2, Reached: 1, Touching: 1}); got != want {
		t.Errorf("person: %+v, want %+v", got, want)
	}
	for _, l := range r.Languages {
		switch l.Lang {
		case "sv":
			if l.Clean != 0 || l.Tokens != 4 || l.Masked != 3 {
				t.Errorf("sv: clean %d, tokens %d, masked %d", l.Clean, l.Tokens, l.Masked)
			}
		case "en":
			if l.Clean != 1 {
				t.Errorf("en: clean %d", l.Clean)
			}
			if l.Rest != 2 || l.Over != 1 {
				t.Errorf("en: %d of %d unmarked words taken out, want 1 of 2", l.Over, l.Rest)
			}
		}
	}
	var b strings.Builder
	if err := r.Table(&b); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "sv    PHONE     1       1.000      1.000   1.000  1.000               1.000") {
		t.Errorf("table:\n%s", b.String())
	}
}

// TestArithmetic holds every figure to a conversation counted by hand.
//
//	Anna Berg, anna berg och Bo Ek. Ring 08-123 45, Bo. Hon har gikt.
//
// Marked are three names of two entities (Anna Berg twice, in two cases), Bo
// twice as one entity by its mark, a phone, a disease. Found are the first and
// the second name, half of Bo Ek, a place that is none, the phone with a word too
// much, and the disease as something else.
func TestArithmetic(t *testing.T) {
	t.Parallel()
	text := "Anna Berg, anna berg och Bo Ek. Ring 08-123 45, Bo. Hon har gikt."
	at := func(s string) (int, int) { i := strings.Index(text, s); return i, i + len(s) }
	type mark struct {
		Start  int    `json:"start"`
		End    int    `json:"end"`
		Label  string `json:"label"`
		Entity string `json:"entity,omitempty"`
	}
	gold := struct {
		Lang  string `json:"lang"`
		Text  string `json:"text"`
		Spans []mark `json:"spans"`
	}{Lang: "sv", Text: text}
	for _, m := range [][3]string{{"Anna Berg", "PERSON", ""}, {"anna berg", "PERSON", ""}, {"Bo Ek", "PERSON", "bo"}, {"Bo.", "PERSON", "bo"}, {"08-123 45", "PHONE", ""}, {"gikt", "HEALTH", ""}} {
		a, b := at(m[0])
		if m[0] == "Bo." {
			b--
		}
		gold.Spans = append(gold.Spans, mark{a, b, m[1], m[2]})
	}
	line, err := json.Marshal(gold)
	if err != nil {
		t.Fatal(err)
	}
	r, err := eval.Run(bytes.NewReader(line), func(string, string) []pii.Finding {
		var out []pii.Finding
		for _, f := range [][2]string{{"Anna Berg", "PERSON"}, {"anna berg", "PERSON"}, {"Ek", "PERSON"}, {"Ring", "PLACE"}, {"Ring 08-123 45", "PHONE"}, {"gikt", "SENSITIVE"}} {
			a, b := at(f[0])
			out = append(out, pii.Finding{Start: a, End: b, Category: gallra.Category(f[1])})
		}
		return out
	})
	if err != nil {
		t.Fatal(err)
	}
	for c, want := range map[gallra.Category]eval.Score{
		gallra.CategoryPerson:    {Right: 2, Missed: 2, False: 1, Reached: 3, Touching: 3},
		gallra.CategoryPhone:     {Missed: 1, False: 1, Reached: 1, Touching: 1},
		gallra.CategoryHealth:    {Missed: 1},
		gallra.CategorySensitive: {False: 1},
		gallra.CategoryPlace:     {False: 1},
	} {
		if got := r.Total(c); got != want {
			t.Errorf("%s: %+v, want %+v", c, got, want)
		}
	}
	p := r.Total(gallra.CategoryPerson)
	for name, f := range map[string][2]float64{
		"precision": {p.Precision(), 2.0 / 3}, "recall": {p.Recall(), 0.5}, "F1": {p.F1(), 4.0 / 7},
		"touching precision": {p.TouchPrecision(), 1}, "touching recall": {p.TouchRecall(), 0.75},
	} {
		if math.Abs(f[0]-f[1]) > 1e-12 {
			t.Errorf("%s: %v, want %v", name, f[0], f[1])
		}
	}
	l := r.Languages[0]
	// Words: Anna Berg anna berg Bo Ek 08 123 45 Bo gikt are marked, och Ring Hon har are not.
	got := [...]int{l.Texts, l.Clean, l.Tokens, l.Masked, l.Rest, l.Over, l.Entities, l.Whole, l.Direct, l.DirectWhole}
	want := [...]int{1, 0, 11, 9, 4, 1, 4, 3, 3, 2}
	if got != want {
		t.Errorf("texts, clean, words, masked, rest, over, entities, whole, direct, whole: %v, want %v", got, want)
	}
}

func TestRunRejects(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]string{
		"no JSON":     "{",
		"bad offsets": `{"lang":"sv","text":"ab","spans":[{"start":1,"end":9,"label":"PERSON"}]}`,
	} {
		if _, err := eval.Run(strings.NewReader(in), func(string, string) []pii.Finding { return nil }); gallra.CodeOf(err) != gallra.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever stands in a marked file, Run answers with figures that add up or
// with an error that holds nothing of the text.
func FuzzRun(f *testing.F) {
	f.Add(marked)
	f.Add(`{"lang":"sv","text":"\xff\u0000å","spans":[{"start":0,"end":1,"label":"X"},{"start":0,"end":0,"label":""}]}`)
	f.Add(`{"lang":"sv","text":"ab","spans":[{"start":1,"end":9,"label":"PERSON"}]}`)
	f.Add(`{"lang":"","text":"ab","spans":[{"start":1,"end":1,"label":"PERSON"},{"start":1,"end":1,"label":"PERSON"}]}` + "\n\n[]")
	f.Fuzz(func(t *testing.T, in string) {
		r, err := eval.Run(strings.NewReader(in), func(text, lang string) []pii.Finding {
			if text == "" {
				return nil
			}
			return []pii.Finding{{Start: 0, End: len(text), Category: gallra.CategoryPerson, Score: 1, Rule: "all"}}
		})
		if err != nil {
			return
		}
		for _, l := range r.Languages {
			if l.Clean > l.Texts || l.Masked != l.Tokens {
				t.Fatalf("everything is found, and of %d words %d are, of %d texts %d are clean", l.Tokens, l.Masked, l.Texts, l.Clean)
			}
			for c, s := range l.Label {
				if p, q := s.Precision(), s.Recall(); p < 0 || p > 1 || q < 0 || q > 1 {
					t.Fatalf("%s: precision %v, recall %v", c, p, q)
				}
			}
		}
		if err := r.Table(io.Discard); err != nil {
			t.Fatal(err)
		}
	})
}
