package sqldb

import (
	"context"
	"slices"

	"github.com/gallra/gallra"
)

// Remains looks, on a connection of its own, for the rows themselves and for
// rows that point straight at them.
func (s *Source) Remains(ctx context.Context, refs []gallra.Ref) ([]gallra.Residue, error) {
	byType := map[string][]string{}
	for _, r := range refs {
		byType[r.Type] = append(byType[r.Type], r.ID)
	}
	var out []gallra.Residue
	for _, root := range s.tables {
		for keys := range slices.Chunk(byType[root.typ], maxLimit) {
			for _, t := range s.tables {
				if t != root && (t.owner != root || t.meta.OnErase == editBlank) {
					continue
				}
				found, err := s.remaining(ctx, t, root, keys)
				if err != nil {
					return nil, err
				}
				out = append(out, found...)
			}
		}
	}
	return out, nil
}

func (s *Source) remaining(ctx context.Context, t, root *table, keys []string) ([]gallra.Residue, error) {
	why, cols := "residue.still_there", root.key
	if t != root {
		if t.matched() != root.key[0] || len(t.meta.Parent.Prefixes) > 0 {
			return nil, nil // the value it points by is gone with the record
		}
		why, cols = "residue.child", []string{t.meta.Parent.Column}
	}
	b := &query{d: s.d}
	b.add("SELECT ")
	for i, c := range cols {
		b.add(map[bool]string{true: "", false: ", "}[i == 0], s.d.refer("t", c))
	}
	b.add(" FROM ", s.d.quote(t.name), " t WHERE ")
	if c := s.rows(t, "t"); c != "" {
		b.add(c, " AND ")
	}
	if t == root {
		s.hasKey(b, t, "t", keys)
	} else {
		b.in(s.d.refer("t", cols[0]), keys, t.columns[cols[0]].numeric())
	}
	counts := map[string]int64{}
	var order []string
	err := s.each(ctx, s.other, b, len(cols), "verify "+t.name, func(v []any) {
		id := root.keyOf(v)
		if counts[id] == 0 {
			order = append(order, id)
		}
		counts[id]++
	})
	var out []gallra.Residue
	for _, id := range order {
		out = append(out, gallra.Residue{Ref: gallra.Ref{System: s.system, Type: root.typ, ID: id}, Where: t.name, Why: why, Count: counts[id]})
	}
	return out, err
}
