package sqldb

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/pii"
	"github.com/gallra/gallra/pii/ident"
)

// Leftovers reads every column that can hold text or bytes, of every table of
// the database, those of no profile too, decodes what looks encoded and looks
// for the person's values in every written form. One call reads one table, on a
// connection that Find does not use. Which tables there are is asked anew where a
// search begins.
func (s *Source) Leftovers(ctx context.Context, n connector.Needles, cursor string) (connector.Residues, error) {
	var out connector.Residues
	have := s.walked.Load()
	if cursor == "" || have == nil {
		now, err := s.readSchema(ctx) // a table may be newer than the connection
		if err != nil {
			return out, err
		}
		have = &now
		s.walked.Store(have)
	}
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(*have)), func(n string) bool { return n <= cursor })
	if len(names) == 0 {
		return out, nil
	}
	if err := s.leftoversIn(ctx, names[0], (*have)[names[0]], ident.New(n.Identifiers), &out); err != nil {
		s.walked.Store(nil) // the table may be gone
		return out, err
	}
	if len(names) > 1 {
		out.Next = names[0]
	}
	return out, nil
}

// mostResidues is how many rows of one column are named one by one; the rest
// are counted.
const mostResidues = 1000

func (s *Source) leftoversIn(ctx context.Context, name string, columns map[string]column, m *ident.Matcher, out *connector.Residues) error {
	var cols []string
	for _, n := range slices.Sorted(maps.Keys(columns)) {
		if columns[n].searchable() {
			cols = append(cols, n)
		}
	}
	if len(cols) == 0 {
		return nil
	}
	var t *table // whose rows have a reference
	for _, x := range s.tables {
		if x.name == name && x.listed && !x.some() && (x.owner == nil || !x.owner.some()) {
			t = x
		}
	}
	b := &query{d: s.d}
	b.add("SELECT ")
	keys := 0
	if t != nil {
		keys = len(t.key)
		for _, k := range t.key {
			b.add(s.d.quote(k), ", ")
		}
	}
	for i, c := range cols {
		b.add(map[bool]string{true: "", false: ", "}[i == 0], s.d.quote(c))
	}
	b.add(" FROM ", s.d.quote(name))
	counts := make([]int64, len(cols))
	problems := map[connector.Problem]bool{}
	find := func(ref gallra.Ref, i int) {
		if counts[i]++; counts[i] <= mostResidues && !ref.IsZero() {
			out.Residues = append(out.Residues, gallra.Residue{Ref: ref, Where: name + "." + cols[i], Why: "residue.found", Count: 1})
		}
	}
	err := s.each(ctx, s.other, b, keys+len(cols), "search "+name, func(v []any) {
		var ref gallra.Ref
		if t != nil {
			ref = gallra.Ref{System: s.system, Type: t.typ, ID: t.keyOf(v)}
		}
		var parts []string
		first, any := -1, false
		for i, c := range cols {
			x := text(v[keys+i])
			if x == "" {
				continue
			}
			here, reasons := holds(m, columns[c], x)
			for _, r := range reasons {
				problems[connector.Problem{Where: name + "." + c, Reason: r}] = true
			}
			if here {
				any = true
				find(ref, i)
			}
			if k, ok := pii.ColumnName(c); ok && k == gallra.CategoryPerson && len(x) < 200 {
				if parts = append(parts, x); first < 0 {
					first = i
				}
			}
		}
		if !any && len(parts) > 1 && (len(m.Find(strings.Join(parts, " "))) > 0) { // given name and surname apart
			find(ref, first)
		}
	})
	for i, c := range counts {
		if named := min(c, mostResidues); t == nil && c > 0 || c > named {
			if t == nil {
				named = 0
			}
			out.Residues = append(out.Residues, gallra.Residue{Where: name + "." + cols[i], Why: "residue.found", Count: c - named})
		}
	}
	for p := range problems {
		out.Skipped = append(out.Skipped, p)
	}
	return err
}

// holds reports whether a column's value, as it stands or decoded, holds one of
// the values, and why parts of it could not be read.
func holds(m *ident.Matcher, c column, x string) (bool, []string) {
	if len(m.Find(unicode(x))) > 0 {
		return true, nil
	}
	if len(x) <= 5 || c.numeric() {
		return false, nil
	}
	plain, reasons := opened(x)
	if plain != "" && len(m.Find(plain)) > 0 {
		return true, reasons
	}
	return layers(x, func(s string) bool { return len(m.Find(unicode(s))) > 0 }), reasons
}
