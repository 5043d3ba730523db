package eval_test

import (
	"io"
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
	if got, want := r.Total(gallra.CategoryPhone), (eval.Score{Right: 1}); got != want {
		t.Errorf("phone: %+v, want %+v", got, want)
	}
	if got, want := r.Total(gallra.CategoryPerson), (eval.Score{Missed: 1, False: 2}); got != want {
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
	if !strings.Contains(b.String(), "sv    PHONE     1       1.000      1.000   1.000") {
		t.Errorf("table:\n%s", b.String())
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
