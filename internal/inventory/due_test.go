package inventory_test

import (
	"context"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/memory"
	"github.com/gallra/gallra/internal/inventory"
	"github.com/gallra/gallra/internal/store/storetest"
	"github.com/gallra/gallra/pii"
)

// What falls due month by month is the period moved from the event, the fallback
// where the event is lacking, and nothing where neither is known.
func TestT11_FallingDue(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	day := func(s string) time.Time { d, _ := time.Parse(time.DateOnly, s); return d }
	sys := memory.New(memory.Options{System: "desk"})
	for _, c := range []struct{ created, closed string }{{"2026-01-10", "2026-02-10"}, {"2026-01-11", "2026-02-28"}, {"2026-03-01", ""}} {
		x := memory.Conversation{Subject: "x", Created: day(c.created)}
		if c.closed != "" {
			x.Closed = day(c.closed)
		}
		sys.AddConversation(x)
	}
	db := storetest.SQLite(t)
	eng, err := pii.New(pii.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := inventory.Scanner{DB: db, Engine: eng, Open: func(context.Context, gallra.SystemID) (connector.Source, error) { return sys.Open(), nil }}
	w, err := s.Start(ctx, "desk", "admin")
	for more := true; err == nil && more; {
		more, err = s.Step(ctx, w.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	today := day("2026-03-15")
	for _, c := range []struct {
		name string
		rule gallra.Rule
		want map[string]int64
		next string
	}{
		{"event and fallback", gallra.Rule{Start: gallra.StartClosed, Fallback: gallra.StartCreated, Keep: gallra.Period{Months: 3}}, map[string]int64{"2026-05": 2, "2026-06": 1}, "2026-05"},
		{"without fallback", gallra.Rule{Start: gallra.StartClosed, Keep: gallra.Period{Years: 1}}, map[string]int64{"2027-02": 2, "": 1}, "2027-02"},
		{"past already", gallra.Rule{Start: gallra.StartCreated, Keep: gallra.Period{Months: 1}}, map[string]int64{"2026-02": 2, "2026-04": 1}, "2026-03"},
		{"fiscal year", gallra.Rule{Start: gallra.StartFiscalYear, Keep: gallra.Period{Years: 7}}, map[string]int64{"2034-01": 3}, "2034-01"},
	} {
		c.rule.ID, c.rule.Systems = "r", []gallra.SystemID{"desk", "nowhere"}
		got, err := inventory.FallingDue(ctx, db, []gallra.Rule{c.rule}, today)
		if err != nil || len(got.Due) != 1 || len(got.Missing) != 1 {
			t.Fatalf("%s: %+v, %v", c.name, got, err)
		}
		for m, n := range c.want {
			if got.Due[0].Months[m] != n {
				t.Errorf("%s: %v, want %v", c.name, got.Due[0].Months, c.want)
				break
			}
		}
		if next := got.Next("r"); next != c.next {
			t.Errorf("%s: next %q, want %q", c.name, next, c.next)
		}
	}
}
