package ruleset_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/ruleset"
)

// SE-22, SE-23: templates are whole, dated and pass the rules' own check, and
// what they begin is no rule yet: it names no system.
func TestSE22_SE23_TemplatesAreOfferedNotApplied(t *testing.T) {
	t.Parallel()
	list, date := ruleset.Templates("")
	if len(list) < 8 || date == "" {
		t.Fatalf("%d templates of %s", len(list), date)
	}
	seen := map[string]bool{}
	for _, x := range list {
		for _, w := range []string{x.Title.SV, x.Title.EN, x.Purpose.SV, x.Purpose.EN, x.Motive.SV, x.Motive.EN, x.Law.Name, x.Law.Section, x.Law.SV, x.Law.EN} {
			if strings.TrimSpace(w) == "" {
				t.Errorf("%s has an empty text", x.ID)
			}
		}
		r := x.Rule("sv")
		if err := r.Check(); err != nil || seen[x.ID] || len(r.Systems) != 0 {
			t.Errorf("%s: %v", x.ID, err)
		}
		if !strings.Contains(r.Motive, x.Law.SV) {
			t.Errorf("%s: the motive lacks the statute", x.ID)
		}
		seen[x.ID] = true
	}
	private, _ := ruleset.Templates(gallra.OrgCompany)
	public, _ := ruleset.Templates(gallra.OrgMunicipality)
	if len(private) >= len(public) {
		t.Errorf("%d for a company, %d for a municipality", len(private), len(public))
	}
}

func rule(t *rapid.T) gallra.Rule {
	word := rapid.StringMatching(`[a-zåäö0-9-]{1,8}`)
	any := rapid.StringMatching(`[a-zÅ=+@"', ;\n0-9-]{0,20}`)
	r := gallra.Rule{ID: rapid.StringMatching(`[a-z][a-z0-9-]{0,8}`).Draw(t, "id"), Version: rapid.IntRange(1, 9).Draw(t, "version"), Title: any.Draw(t, "title"), Purpose: "x" + any.Draw(t, "purpose"), Basis: any.Draw(t, "basis"),
		Start: rapid.SampledFrom(gallra.StartEvents()).Draw(t, "start"), Keep: gallra.Period{Years: rapid.IntRange(1, 9).Draw(t, "years"), Days: rapid.IntRange(0, 9).Draw(t, "days")},
		Action: gallra.ActionErase, Motive: any.Draw(t, "motive"), Decision: gallra.Decision{Number: any.Draw(t, "number")}}
	for _, s := range rapid.SliceOfN(word, 1, 3).Draw(t, "systems") {
		r.Systems = append(r.Systems, gallra.SystemID(s))
	}
	return r
}

// One truth: what is written is what is read, in both forms.
func TestRulesSurviveTheWayThroughAFile(t *testing.T) {
	t.Parallel()
	if !ruleset.Complete() {
		t.Fatal("a field of a rule has no column")
	}
	rapid.Check(t, func(t *rapid.T) {
		rules := rapid.SliceOfN(rapid.Custom(rule), 0, 4).Draw(t, "rules")
		for name, f := range map[string]struct {
			write func(io.Writer, []gallra.Rule) error
			read  func(io.Reader) ([]gallra.Rule, error)
		}{"json": {ruleset.WriteJSON, ruleset.ReadJSON}, "csv": {ruleset.WriteCSV, ruleset.ReadCSV}} {
			var b bytes.Buffer
			if err := f.write(&b, rules); err != nil {
				t.Fatal(err)
			}
			got, err := f.read(&b)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if d := cmp.Diff(append([]gallra.Rule{}, rules...), append([]gallra.Rule{}, got...)); d != "" {
				t.Fatalf("%s: %s", name, d)
			}
		}
	})
}

func TestVersionsNeverChange(t *testing.T) {
	t.Parallel()
	a := gallra.Rule{ID: "a", Version: 1, Purpose: "x", Systems: []gallra.SystemID{"s"}, Start: gallra.StartClosed, Keep: gallra.Period{Years: 2}, Action: gallra.ActionErase}
	b := a
	b.Keep = gallra.Period{Years: 1}
	if _, _, err := ruleset.Merge([]gallra.Rule{a}, []gallra.Rule{b}); !errors.Is(err, gallra.ErrConflict) {
		t.Fatalf("another period under the same version: %v", err)
	}
	b.Version = 2
	out, done, err := ruleset.Merge([]gallra.Rule{a}, []gallra.Rule{b})
	if err != nil || done["a"] != ruleset.Replaced || out[0].Keep.Years != 1 {
		t.Fatalf("%+v %v %v", out, done, err)
	}
	if _, _, err := ruleset.Merge(out, []gallra.Rule{a}); !errors.Is(err, gallra.ErrConflict) {
		t.Fatalf("back to an older version: %v", err)
	}
	if _, done, err := ruleset.Merge(out, []gallra.Rule{b}); err != nil || done["a"] != ruleset.Same {
		t.Fatalf("%v %v", done, err)
	}
	if _, _, err := ruleset.Merge(nil, []gallra.Rule{b, b}); !errors.Is(err, gallra.ErrInvalid) {
		t.Fatalf("named twice: %v", err)
	}
}

func FuzzReadCSV(f *testing.F) {
	f.Add("id,keep\na,P1Y\n")
	f.Fuzz(func(t *testing.T, s string) {
		rules, err := ruleset.ReadCSV(strings.NewReader(s))
		if err != nil {
			return
		}
		if err := ruleset.WriteCSV(io.Discard, rules); err != nil {
			t.Fatal(err)
		}
	})
}
