package planted_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/pii"
	"github.com/gallra/gallra/pii/eval/planted"
)

// floors are what every kind must reach at least, below which a change has
// broken something; the figures themselves stand in BENCHMARKS.md.
var floors = map[gallra.Category]struct{ recall, precision float64 }{
	gallra.CategoryEmail:        {.995, .99},
	gallra.CategoryIP:           {.995, .99},
	gallra.CategoryCard:         {.995, .99},
	gallra.CategoryBankAccount:  {.99, .98},
	gallra.CategoryPersonnummer: {.99, .98},
	gallra.CategoryNationalID:   {.99, .98},
	gallra.CategoryPhone:        {.985, .95},
	gallra.CategoryOrgNumber:    {.98, .98},
	gallra.CategoryVehicle:      {.98, .98},
	gallra.CategoryDeviceID:     {.99, .99},
	gallra.CategoryCustomerID:   {.99, .95},
	gallra.CategoryPlace:        {.99, .95},
}

// Everything planted is found, and hardly anything else. Another seed than the
// one the readers were looked at with.
func TestS31_PlantedValuesAreFound(t *testing.T) {
	t.Parallel()
	engines := map[string]*pii.Engine{}
	r := planted.Run(planted.Options{Seed: 7, Texts: 300}, func(text, lang string) []pii.Finding {
		if engines[lang] == nil {
			e, err := pii.New(pii.Options{Lang: lang})
			if err != nil {
				t.Fatal(err)
			}
			engines[lang] = e
		}
		return engines[lang].Find(text)
	})
	for _, k := range r.Kinds {
		floor, ok := floors[k.Category]
		if !ok {
			t.Errorf("%s: no floor for %s", k.Kind, k.Category)
		}
		want := floor.recall
		if k.Kind == "IBAN" {
			want = .995
		}
		if k.Recall() < want || k.Precision() < floor.precision {
			t.Errorf("%s: recall %.4f (floor %.3f), precision %.4f (%.3f)", k.Kind, k.Recall(), want, k.Precision(), floor.precision)
		}
	}
	if t.Failed() {
		var b bytes.Buffer
		if err := r.Table(&b); err != nil {
			t.Fatal(err)
		}
		t.Log(b.String())
	}
}

// The same seed gives the same texts, the value stands where it is said to, and
// official numbers are planted when there are any.
func TestTexts(t *testing.T) {
	t.Parallel()
	all := func(seed uint64) (texts []planted.Text) {
		o := planted.Options{Seed: seed, Texts: 3, Official: []string{"198508229914", "198508829911"}}
		planted.Each(o, func(t planted.Text) { texts = append(texts, t) })
		return texts
	}
	a, b := all(1), all(1)
	official := 0
	for i, x := range a {
		if x.Body != b[i].Body || x.Start != b[i].Start {
			t.Fatalf("text %d differs", i)
		}
		if x.Start >= x.End || x.End > len(x.Body) || strings.TrimSpace(x.Body[x.Start:x.End]) != x.Body[x.Start:x.End] {
			t.Errorf("%s: the value stands at %d to %d of %q", x.Kind, x.Start, x.End, x.Body)
		}
		if strings.Contains(x.Body, "{}") {
			t.Errorf("%s: a place was left open in %q", x.Kind, x.Body)
		}
		if strings.Contains(x.Kind, "official") {
			official++
		}
	}
	if c := all(2); slices.EqualFunc(a, c, func(a, b planted.Text) bool { return a.Body == b.Body }) {
		t.Error("another seed gives the same texts")
	}
	if official != 6 {
		t.Errorf("%d texts with official numbers, want 6", official)
	}
}

// A detector that finds nothing, one that cuts a value short, one that takes
// every date for a card: each shows in the figures.
func TestRun_SeesFaults(t *testing.T) {
	t.Parallel()
	e, err := pii.New(pii.Options{})
	if err != nil {
		t.Fatal(err)
	}
	o := planted.Options{Seed: 3, Texts: 20}
	score := func(r planted.Report, kind string) planted.Score {
		for _, s := range r.Kinds {
			if s.Kind == kind {
				return s
			}
		}
		t.Fatalf("no kind %q", kind)
		return planted.Score{}
	}
	if s := score(planted.Run(o, func(string, string) []pii.Finding { return nil }), "IBAN"); s.Recall() != 0 || s.Planted != 20 {
		t.Errorf("nothing found: %+v", s)
	}
	short := planted.Run(o, func(text, _ string) []pii.Finding {
		fs := e.Find(text)
		for i := range fs {
			fs[i].End--
		}
		return fs
	})
	if s := score(short, "IBAN"); s.Found != 0 || s.Partly < 18 {
		t.Errorf("cut short: %+v", s)
	}
	wrong := planted.Run(o, func(text, _ string) []pii.Finding {
		fs := e.Find(text)
		if i := strings.Index(text, "-1"); i > 0 {
			fs = append(fs, pii.Finding{Start: i, End: i + 2, Category: gallra.CategoryCard, Score: 1, Rule: "card/wrong"})
		}
		return fs
	})
	if s := score(wrong, "card, in groups"); s.False < 20 || s.Precision() > .6 || len(wrong.Alarms) == 0 {
		t.Errorf("false cards: %+v, %d alarms", s, len(wrong.Alarms))
	}
}
