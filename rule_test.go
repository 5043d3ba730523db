package gallra_test

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gallra/gallra"
)

// BFL 7:2: kept to the end of the seventh year after the calendar year in which
// the fiscal year ended.
func TestSE20_AccountingRecords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ created, yearEnd, last string }{
		{"2019-03-14", "", "2026-12-31"},      // fiscal year ending 2019-12-31: goes from 2027-01-01
		{"2019-12-31", "", "2026-12-31"},      // its last day
		{"2020-04-30", "04-30", "2027-12-31"}, // fiscal year ending 2020-04-30
		{"2019-05-01", "04-30", "2027-12-31"}, // its first day
		{"2020-05-01", "04-30", "2028-12-31"}, // the first day of the next
	} {
		created, err := time.Parse(time.DateOnly, c.created)
		if err != nil {
			t.Fatal(err)
		}
		r := gallra.Rule{ID: "bok", Start: gallra.StartFiscalYear, Keep: gallra.Period{Years: 7}, Action: gallra.ActionErase, YearEnd: c.yearEnd}
		last, _, ok := r.Due(gallra.Record{Created: created}, time.UTC)
		if got := last.Format(time.DateOnly); !ok || got != c.last || r.Check() != nil {
			t.Errorf("%s with %q: kept through %s, want %s", c.created, c.yearEnd, got, c.last)
		}
	}
}

// T11: any event that a system knows can begin a period, and what it does not
// know falls back.
func TestT11_EveryStartEvent(t *testing.T) {
	t.Parallel()
	at := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
	for _, e := range gallra.StartEvents() {
		r := gallra.Record{Created: at, Updated: at, Contact: at, Closed: at, Events: map[gallra.StartEvent]time.Time{e: at}}
		rule := gallra.Rule{ID: "r", Start: e, Keep: gallra.Period{Years: 1}, Action: gallra.ActionErase}
		if _, fallback, ok := rule.Due(r, time.UTC); !ok || fallback || rule.Check() != nil {
			t.Errorf("%s is not known", e)
		}
		rule.Start, rule.Fallback = gallra.StartDisputeEnded, gallra.StartCreated
		if last, fallback, ok := rule.Due(gallra.Record{Created: at}, time.UTC); !ok || !fallback || last.Format(time.DateOnly) != "2025-02-28" {
			t.Errorf("fallback: %v %v", last, fallback)
		}
	}
}

// G-11: a rule whose period and quarantine pass its own check never keeps a
// record longer than was promised, from whatever day.
func TestG11_NeverLongerThanPromised(t *testing.T) {
	t.Parallel()
	period := rapid.Custom(func(t *rapid.T) gallra.Period {
		return gallra.Period{Years: rapid.IntRange(0, 2).Draw(t, "y"), Months: rapid.IntRange(0, 14).Draw(t, "m"), Days: rapid.IntRange(1, 40).Draw(t, "d")}
	})
	rapid.Check(t, func(t *rapid.T) {
		r := gallra.Rule{ID: "r", Start: gallra.StartCreated, Action: gallra.ActionErase, Keep: period.Draw(t, "keep"), Quarantine: period.Draw(t, "quarantine"), Agreed: period.Draw(t, "agreed")}
		err := r.Check()
		if err != nil && !errors.Is(err, gallra.ErrInvalid) {
			t.Fatal(err)
		}
		day := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rapid.IntRange(0, 5000).Draw(t, "day"))
		if err == nil && r.Quarantine.After(r.Keep.After(day)).After(r.Agreed.After(day)) {
			t.Fatalf("%s and %s exceed %s from %s", r.Keep, r.Quarantine, r.Agreed, day)
		}
	})
}

func TestSE1_PublicBodies(t *testing.T) {
	t.Parallel()
	for org, public := range map[gallra.OrganisationType]bool{gallra.OrgCompany: false, gallra.OrgAssociation: false, gallra.OrgAuthority: true, gallra.OrgMunicipality: true, gallra.OrgMunicipalCompany: true} {
		if org.Public() != public {
			t.Errorf("%s", org)
		}
	}
}

// H-20: rules meet in a system, unless both name types and share none.
func TestH20_RulesThatMeet(t *testing.T) {
	t.Parallel()
	rule := func(systems string, types ...string) gallra.Rule {
		r := gallra.Rule{Types: types}
		for _, s := range systems {
			r.Systems = append(r.Systems, gallra.SystemID(s))
		}
		return r
	}
	for _, c := range []struct {
		a, b gallra.Rule
		want gallra.SystemID
	}{
		{rule("ab"), rule("bc"), "b"},
		{rule("a"), rule("b"), ""},
		{rule("a", "ticket"), rule("a"), "a"},
		{rule("a"), rule("a", "user"), "a"},
		{rule("a", "ticket"), rule("a", "user"), ""},
		{rule("a", "ticket", "user"), rule("a", "user"), "a"},
	} {
		if got, ok := c.a.Meets(c.b); got != c.want || ok != (c.want != "") {
			t.Errorf("%+v and %+v meet in %q, %v; want %q", c.a, c.b, got, ok, c.want)
		}
	}
}
