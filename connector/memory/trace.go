package memory

import (
	"context"
	"strconv"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/pii/ident"
)

// trace is which rows belong to which record.
type trace struct {
	c  *Source
	of map[int64]gallra.Ref // by row
}

// Trace notes the records and the rows below them.
func (c *Source) Trace(ctx context.Context, refs []gallra.Ref) (connector.Trace, error) {
	s := c.sys
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := c.ready(ctx, "trace", gallra.Ref{}); err != nil {
		return nil, err
	}
	t := &trace{c, map[int64]gallra.Ref{}}
	for _, r := range refs {
		if id := number(r.ID); id != 0 && r.System == c.id {
			t.of[id] = r
		}
	}
	for grown := true; grown; {
		grown = false
		for id, r := range s.rows {
			for _, up := range []int64{r.parent, r.about} {
				if of, ok := t.of[up]; ok && up != 0 && t.of[id].IsZero() {
					t.of[id], grown = of, true
				}
			}
		}
	}
	return t, nil
}

// Remains looks in every part of the storage for the rows that were noted.
func (t *trace) Remains(ctx context.Context) ([]gallra.Residue, error) {
	s := t.c.sys
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := t.c.ready(ctx, "remains", gallra.Ref{}); err != nil {
		return nil, err
	}
	var out []gallra.Residue
	for _, id := range sorted(t.of) {
		ref, why := t.of[id], "residue.child"
		if strconv.FormatInt(id, 10) == ref.ID {
			why = "residue.still_there"
		}
		if r := s.rows[id]; r != nil {
			out = append(out, gallra.Residue{Ref: ref, Where: r.typ, Why: why, Count: 1})
		}
		if s.basket[id] != nil {
			out = append(out, gallra.Residue{Ref: ref, Where: "wastebasket", Why: "residue.wastebasket", Count: 1})
		}
		if _, ok := s.index[id]; ok && s.rows[id] == nil {
			out = append(out, gallra.Residue{Ref: ref, Where: "search index", Why: why, Count: 1})
		}
	}
	return out, nil
}

// Leftovers looks into every field of the rows that were noted.
func (t *trace) Leftovers(ctx context.Context, lost []connector.Lost, look func(string) connector.Look) ([]gallra.Residue, error) {
	s := t.c.sys
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := t.c.ready(ctx, "leftovers", gallra.Ref{}); err != nil {
		return nil, err
	}
	by := map[gallra.Ref]*ident.Matcher{}
	for _, l := range lost {
		by[l.Ref] = ident.New(l.Values)
	}
	var out []gallra.Residue
	for _, id := range sorted(t.of) {
		r, m := s.rows[id], by[t.of[id]]
		if r == nil || m == nil {
			continue
		}
		switch look(r.typ) {
		case connector.LookAway:
			continue
		case connector.LookAny:
			out = append(out, gallra.Residue{Ref: t.of[id], Where: r.typ, Why: "residue.child", Count: 1})
			continue
		}
		for _, f := range r.fields {
			info, _ := types[r.typ].Field(f.Name)
			if n := len(m.Find(f.Value)); n > 0 && !info.Keep {
				out = append(out, gallra.Residue{Ref: t.of[id], Where: r.typ + "." + f.Name, Why: "residue.found", Count: int64(n)})
			}
		}
		if n := len(m.Find(s.index[id])); n > 0 {
			out = append(out, gallra.Residue{Ref: t.of[id], Where: "search index", Why: "residue.found", Count: int64(n)})
		}
	}
	return out, nil
}
