package web

import (
	"cmp"
	"slices"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/config"
	"github.com/gallra/gallra/internal/i18n"
	"github.com/gallra/gallra/internal/retention"
)

// LateRow is what one system keeps longer than a month past its date, and why
// (REQUIREMENTS G-12).
type LateRow struct {
	Title, Type string
	N           int64
	Days        int64 // of the latest
	Why         []i18n.Message
	Plan        string
}

// late tells what the newest plan of each type found late, and what a run has
// left since.
func (c *call) late(cfg *config.Config, plans []retention.Plan) ([]LateRow, error) {
	var out []LateRow
	seen := map[string]bool{}
	for _, p := range plans { // newest first
		if p.State == retention.Making {
			continue
		}
		var left map[string]int64
		for _, u := range p.Preview.Units {
			key := string(u.System) + "/" + u.Type
			if seen[key] {
				continue
			}
			seen[key] = true
			s, _ := cfg.System(u.System)
			row := LateRow{Title: cmp.Or(title(s), string(u.System)), Type: u.Type, N: u.Late, Days: int64(u.LateDays), Plan: p.ID}
			if p.State == retention.Done {
				if left == nil { // most plans are of types that a newer one has looked at
					var err error
					if left, err = c.left(p.ID); err != nil {
						return nil, err
					}
				}
				row.N = min(row.N, left[key])
			}
			if row.N == 0 {
				continue
			}
			row.Why = lateWhy(u, p, cfg.Rules, c.DB.Now())
			out = append(out, row)
		}
	}
	slices.SortStableFunc(out, func(a, b LateRow) int { return cmp.Compare(b.Days, a.Days) })
	return out, nil
}

func lateWhy(u retention.UnitPreview, p retention.Plan, rules []gallra.Rule, now time.Time) []i18n.Message {
	var out []i18n.Message
	if n := u.Blocked[retention.ReasonNoDecision]; n > 0 {
		out = append(out, i18n.Plural("late.no_decision", n))
	}
	if n := sum(u.Held); n > 0 {
		out = append(out, i18n.Plural("late.held", n))
	}
	if u.Planned == 0 {
		return out
	}
	if state := planState(p, rules, now); state == "done" {
		return append(out, i18n.Msg("late.done"))
	} else if state != "nothing" {
		return append(out, i18n.Plural("late."+state, u.Planned))
	}
	return out
}

// BackupRow is until when backups of a system may hold what has been gallrat.
type BackupRow struct {
	Title string
	Run   string
	Ended time.Time
	By    time.Time // zero: nobody knows
	Over  bool      // the day has passed
}

// backups tells, of each system that something has gone from, when the last
// backup that may hold it is gone (REQUIREMENTS B-2).
func (c *call) backups(cfg *config.Config, runs []retention.Run) []BackupRow {
	var out []BackupRow
	seen := map[string]bool{}
	for _, r := range runs { // newest first: the latest day of a system
		for _, part := range r.Protocol.Parts {
			if seen[string(part.System)] || part.Tally.Outcomes["erased"]+part.Tally.Outcomes["anonymised"]+part.Tally.Outcomes["de-identified"] == 0 {
				continue
			}
			seen[string(part.System)] = true
			s, _ := cfg.System(part.System)
			out = append(out, BackupRow{cmp.Or(title(s), string(part.System)), r.ID, r.Ended, part.BackupsBy, !part.BackupsBy.IsZero() && part.BackupsBy.Before(c.DB.Now())})
		}
	}
	return out
}
