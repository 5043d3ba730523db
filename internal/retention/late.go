package retention

import (
	"context"
	"errors"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/work"
)

// Late is gallring that comes late in one type of one system: records more than
// a month past their date, and why (REQUIREMENTS G-12).
type Late struct {
	System gallra.SystemID  `json:"system"`
	Type   string           `json:"type"`
	Late   int64            `json:"late"`
	Days   int              `json:"days"` // past its date, the latest
	Why    map[string]int64 `json:"why"`  // message key to records
	Plan   string           `json:"plan"` // that saw it
	Seen   time.Time        `json:"seen"`
}

// Why records past their date are there still, besides a hold or a missing
// decision.
const (
	lateUndecided = "retention.late.undecided" // planned, and not run
	latePlans     = 200                        // how many plans are looked through
)

// Late returns what the newest plan of each type of record saw late, unless a run
// has dealt with it since. What is on hold or blocked stays late and says so.
func (e *Engine) Late(ctx context.Context) ([]Late, error) {
	plans, err := e.Plans(ctx, latePlans)
	if err != nil {
		return nil, err
	}
	seen := map[gallra.Ref]bool{}
	var out []Late
	for _, p := range plans {
		w, err := work.Get(ctx, e.DB, p.ID)
		if err != nil && !errors.Is(err, gallra.ErrNotFound) {
			return nil, err
		}
		if w.State == work.Failed || w.State == work.Stopped || p.State == Making {
			continue
		}
		for n, u := range p.Preview.Units {
			k := gallra.Ref{System: u.System, Type: u.Type}
			if seen[k] {
				continue
			}
			seen[k] = true
			l := Late{System: u.System, Type: u.Type, Late: u.Late, Days: u.LateDays, Why: map[string]int64{}, Plan: p.ID, Seen: p.Created}
			if u.Late > 0 {
				if err := e.why(ctx, p, n, &l); err != nil {
					return nil, err
				}
			}
			if len(l.Why) > 0 {
				out = append(out, l)
			}
		}
	}
	return out, nil
}

// why tells what became of the late ones of unit n. A plan does not know which of
// its records are the late ones, so the reasons are of all that was due.
func (e *Engine) why(ctx context.Context, p Plan, n int, l *Late) error {
	u := p.Preview.Units[n]
	for _, k := range u.Held {
		l.Why[reasonHold] += k
	}
	for why, k := range u.Blocked {
		l.Why[why] += k
	}
	if p.State != Done {
		if u.Planned > 0 {
			l.Why[lateUndecided] = u.Planned
		}
		return nil
	}
	id, err := e.RunOfPlan(ctx, p.ID)
	if err != nil || id == "" {
		return err
	}
	r, err := e.RunOf(ctx, id)
	if err != nil || r.Protocol == nil {
		return err
	}
	clear(l.Why) // the look after the run knows better
	for why, k := range r.Protocol.Parts[n].Left {
		l.Why[why] += k
	}
	return nil
}
