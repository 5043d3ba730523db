package inventory

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/store"
)

// Due is what falls due by one rule in one system, month by month, as the
// system's newest inventory has it.
type Due struct {
	Rule    string           `json:"rule"`
	System  gallra.SystemID  `json:"system"`
	Scanned time.Time        `json:"scanned"`
	Months  map[string]int64 `json:"months"` // records by the month in which they may first be gallrad; "" when that is not known
}

// Schedule is what falls due by every rule in every system.
type Schedule struct {
	Today   time.Time         `json:"today"`
	Due     []Due             `json:"due"`
	Missing []gallra.SystemID `json:"missing"` // systems of the rules without an inventory
}

// FallingDue counts what falls due month by month. It is made of counts by month,
// not of records: a period of days moves a month's records together, and where
// several rules speak of the same type the longest decides (REQUIREMENTS H-20).
func FallingDue(ctx context.Context, db *store.DB, rules []gallra.Rule, today time.Time) (Schedule, error) {
	s := Schedule{Today: today}
	for _, sys := range systemsOf(rules) {
		rep, err := latestTypes(ctx, db, sys)
		if errors.Is(err, gallra.ErrNotFound) {
			s.Missing = append(s.Missing, sys)
			continue
		}
		if err != nil {
			return s, err
		}
		starts, err := loadStarts(ctx, db, rep.ID)
		if err != nil {
			return s, err
		}
		by := map[string]Due{}
		for _, t := range rep.Types {
			r, ok := longest(rules, sys, t)
			if !ok {
				continue
			}
			d, ok := by[r.ID]
			if !ok {
				d = Due{Rule: r.ID, System: sys, Scanned: rep.Ended, Months: map[string]int64{}}
				by[r.ID] = d
			}
			for at, n := range starts[t.Type] {
				if at.Event == r.Start.Clock() {
					d.Months[r.falls(at)] += n
				}
			}
		}
		for _, id := range slices.Sorted(maps.Keys(by)) {
			s.Due = append(s.Due, by[id])
		}
	}
	return s, nil
}

// Next returns the first month from today on in which something falls due by a
// rule, "YYYY-MM"; this month when something is past its date already; "" when
// the inventories know of nothing.
func (s Schedule) Next(rule string) string {
	next, now := "", s.Today.Format("2006-01")
	for _, d := range s.Due {
		if d.Rule != rule {
			continue
		}
		for m, n := range d.Months {
			if m == "" || n == 0 {
				continue
			}
			if m = max(m, now); next == "" || m < next {
				next = m
			}
		}
	}
	return next
}

// counted is a rule as counts by month can follow it.
type counted struct{ gallra.Rule }

// falls returns the month in which records of a start may first be gallrade. The
// middle of the month stands for its days: right to the month for a period of
// years and months, to half of one for a period of days.
func (r counted) falls(at Start) string {
	first, err := time.ParseInLocation("2006-01", at.Month, stockholm)
	if err != nil {
		return ""
	}
	day := first.AddDate(0, 0, 14)
	rec := gallra.Record{Created: day} // what lacks the event stands by its creation
	if !at.Lacking {
		rec.Contact, rec.Closed, rec.Updated, rec.Events = day, day, day, map[gallra.StartEvent]time.Time{at.Event: day}
	}
	last, _, ok := r.Due(rec, stockholm)
	if !ok {
		return ""
	}
	return last.AddDate(0, 0, 1).Format("2006-01")
}

func systemsOf(rules []gallra.Rule) []gallra.SystemID {
	var out []gallra.SystemID
	for _, r := range rules {
		for _, s := range r.Systems {
			if !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	return out
}

// longest returns the rule that decides of a type.
func longest(rules []gallra.Rule, sys gallra.SystemID, t TypeLine) (counted, bool) {
	var best counted
	found := false
	day := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, r := range rules {
		if r.Covers(sys, t.Type, t.Kind == connector.KindConversation) && (!found || r.Keep.After(day).After(best.Keep.After(day))) {
			best, found = counted{r}, true
		}
	}
	return best, found
}

// lacking stands before the event of the records that lack it.
const lacking = "no "

func (s Start) word() string {
	if s.Lacking {
		return lacking + string(s.Event)
	}
	return string(s.Event)
}

func loadStarts(ctx context.Context, db *store.DB, scan string) (map[string]map[Start]int64, error) {
	out := map[string]map[Start]int64{}
	err := each(ctx, db, `SELECT type, event, month, records FROM scan_start WHERE scan = $1`, scan, func(rows *sql.Rows) error {
		var typ, event, month string
		var n int64
		if err := rows.Scan(&typ, &event, &month, &n); err != nil {
			return err
		}
		if out[typ] == nil {
			out[typ] = map[Start]int64{}
		}
		e, no := strings.CutPrefix(event, lacking)
		out[typ][Start{gallra.StartEvent(e), no, month}] = n
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("inventory: starts: %w", err)
	}
	return out, nil
}
