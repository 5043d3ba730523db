package retention

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/statistics"
)

// unit is one type of one system with the rules that speak of it: what is
// listed, planned, surveyed and counted together.
type unit struct {
	System   gallra.SystemID     `json:"system"`
	Type     string              `json:"type"`
	Rules    []int               `json:"rules"` // indexes in the plan's rules
	Clock    gallra.StartEvent   `json:"clock"`
	Fallback gallra.StartEvent   `json:"fallback"`
	To       time.Time           `json:"to"` // only records whose clock is before it can be due
	Schema   statistics.Schema   `json:"schema"`
	Children []string            `json:"children"` // types below it, nearest first
	Starts   []gallra.StartEvent `json:"starts"`
}

// units lists what the rules cover in the systems they name. A rule that covers
// no type of a system it names is gallra.ErrInvalid: a plan must not quietly
// leave a system out.
func (e *Engine) units(ctx context.Context, rules []gallra.Rule, today time.Time) ([]unit, error) {
	var systems []gallra.SystemID
	for _, r := range rules {
		for _, s := range r.Systems {
			if !slices.Contains(systems, s) {
				systems = append(systems, s)
			}
		}
	}
	slices.Sort(systems)
	var out []unit
	for _, s := range systems {
		src, err := e.reader(ctx, s)
		if err != nil {
			return nil, err
		}
		if _, ok := src.(connector.Handed); ok {
			continue // asked of people: see tasks
		}
		types, err := src.Types(ctx)
		if err != nil {
			return nil, fmt.Errorf("retention: types of %s: %w", s, err)
		}
		used := map[int]bool{}
		for _, t := range types {
			u := unit{System: s, Type: t.Name, Schema: statistics.SchemaOf(s, t), Starts: t.Starts, Children: below(types, t.Name)}
			for i, r := range rules {
				if !r.Covers(s, t.Name, t.Kind == connector.KindConversation) {
					continue
				}
				used[i] = true
				u.Rules = append(u.Rules, i)
				// Due under every rule is asked record by record; the query is
				// that of the rule which lets the fewest through.
				if to := firstKept(r.Keep, today); u.To.IsZero() || to.Before(u.To) {
					u.To, u.Clock, u.Fallback = to, r.Start.Clock(), r.Fallback.Clock()
				}
			}
			if len(u.Rules) == 0 {
				continue
			}
			// A record without the start event is listed by its creation all the
			// same, so that what can never fall due is counted and shown (T11).
			if u.Fallback == "" {
				u.Fallback = gallra.StartCreated
			}
			out = append(out, u)
		}
		for i, r := range rules {
			if slices.Contains(r.Systems, s) && !used[i] {
				return nil, gallra.Errorf(gallra.Invalid, "retention.rule_covers_nothing", "rule", r.ID, "system", string(s))
			}
		}
	}
	return out, nil
}

// firstKept returns the first instant of the clock that is not past its date
// today: what lies before it may be gallrat. The last day is included in the
// period (REQUIREMENTS T10).
func firstKept(keep gallra.Period, today time.Time) time.Time {
	return keep.Before(today.AddDate(0, 0, -1)).AddDate(0, 0, 1)
}

// below returns the types that hang on typ, nearest first.
func below(types []connector.Type, typ string) []string {
	var out []string
	for _, t := range types {
		if t.Parent == typ && t.Name != typ {
			out = append(out, t.Name)
		}
	}
	for _, c := range slices.Clone(out) {
		for _, d := range below(types, c) {
			if !slices.Contains(out, d) {
				out = append(out, d)
			}
		}
	}
	return out
}

// query lists the unit's records that can be past their date.
func (u unit) query(cursor string, limit int) connector.Query {
	return connector.Query{Type: u.Type, Cursor: cursor, Limit: limit, Clock: u.Clock, Fallback: u.Fallback, To: u.To, Fields: connector.FieldsKeep}
}

// verdict is what the rules say of one record.
type verdict struct {
	due      bool
	rule     int       // that decides
	last     time.Time // day it may be kept
	start    time.Time
	fallback bool
	unknown  bool // a rule's start event is not known: never due
}

// judge asks every rule of the unit: a record goes when the longest period has
// ended, and by that rule (REQUIREMENTS H-20).
func (u unit) judge(rules []gallra.Rule, r gallra.Record, today time.Time, loc *time.Location) verdict {
	v := verdict{due: true}
	for n, i := range u.Rules {
		last, fallback, ok := rules[i].Due(r, loc)
		if !ok {
			return verdict{unknown: true, rule: i}
		}
		if !today.After(last) {
			v.due = false
		}
		if n == 0 || last.After(v.last) {
			v.last, v.rule, v.fallback = last, i, fallback
			v.start, _, _ = rules[i].Began(r, loc)
		}
	}
	return v
}
