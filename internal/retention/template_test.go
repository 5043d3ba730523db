package retention_test

import (
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/retention"
)

// SE-20, SE-22, SE-23: the templates name their statute in both languages; the
// one for bookkeeping never ends before the law's own date.
func TestSE22_Templates(t *testing.T) {
	list, checked := retention.Templates()
	if _, err := time.Parse(time.DateOnly, checked); err != nil || len(list) < 5 {
		t.Fatalf("%d templates, checked %q", len(list), checked)
	}
	for _, x := range list {
		if x.ID == "" || x.Keep.IsZero() || x.Statute == "" || x.In("sv").Text == "" || x.In("en").Text == "" || x.In("sv").Title == "" || x.In("en").Title == "" {
			t.Errorf("%+v lacks something", x)
		}
		if x.ID != "bookkeeping" {
			continue
		}
		for _, c := range []struct{ created, yearEnd, through string }{{"2019-01-01", "", "2026-12-31"}, {"2019-12-31", "", "2026-12-31"}, {"2019-05-01", "04-30", "2027-12-31"}, {"2020-04-30", "04-30", "2027-12-31"}} {
			created, _ := time.Parse(time.DateOnly, c.created)
			last, _, ok := gallra.Rule{Start: x.Start, Keep: x.Keep, YearEnd: c.yearEnd}.Due(gallra.Record{Created: created}, time.UTC)
			if got := last.Format(time.DateOnly); !ok || got != c.through {
				t.Errorf("of %s, fiscal year to %q: kept to %s, the law says through %s", c.created, c.yearEnd, got, c.through)
			}
		}
	}
}
