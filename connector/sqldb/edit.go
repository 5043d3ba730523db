package sqldb

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

// Edit changes fields of one record.
func (s *Source) Edit(ctx context.Context, ref gallra.Ref, ifVersion string, set []gallra.Field) (gallra.Receipt, error) {
	r, err := s.EditMany(ctx, []connector.Edit{{Item: connector.Item{Ref: ref, IfVersion: ifVersion}, Set: set}})
	if err != nil {
		return gallra.Receipt{}, err
	}
	return r[0].Receipt, r[0].Err
}

// EditMany changes fields of many records in one transaction a type, and makes
// the copies of their conversations and persons forget the old values.
func (s *Source) EditMany(ctx context.Context, edits []connector.Edit) ([]connector.Result, error) {
	out := make([]connector.Result, len(edits))
	items := make([]connector.Item, len(edits))
	for i, e := range edits {
		items[i] = e.Item
	}
	at := time.Now().UTC()
	err := s.eachType(edits, func(i int) gallra.Ref { return edits[i].Ref }, out, func(t *table, idx []int) error {
		idx = slices.DeleteFunc(slices.Clone(idx), func(i int) bool {
			out[i].Err = t.settable(edits[i])
			return out[i].Err != nil
		})
		return s.inTx(ctx, "edit", func(tx *sql.Tx) error {
			ok, err := s.lock(ctx, tx, t, items, idx, out)
			if err != nil || len(ok) == 0 {
				return err
			}
			keys := make([]string, len(ok))
			for n, i := range ok {
				keys[n] = edits[i].Ref.ID
			}
			// Copies are found by the way from the record: before anything changes.
			if err := s.forget(ctx, tx, t, keys); err != nil {
				return err
			}
			if err := s.update(ctx, tx, t, edits, ok); err != nil {
				return err
			}
			for _, i := range ok {
				out[i].Receipt = gallra.Receipt{Ref: edits[i].Ref, Action: gallra.ActionAnonymise, Grade: gallra.GradeDerived, At: at, Final: true}
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (t *table) settable(e connector.Edit) error {
	for _, f := range e.Set {
		ok := slices.ContainsFunc(t.fields, func(x fieldSpec) bool { return x.Name == f.Name && x.Meta.Gallra.Lookup == nil })
		if !ok || t.columns[f.Name].name == "" {
			return gallra.Errorf(gallra.Unsupported, "sqldb.field", "type", t.typ, "field", f.Name)
		}
	}
	return nil
}

// update writes the values. PostgreSQL takes a batch that sets the same columns
// as arrays in one statement; the others one prepared statement a row.
func (s *Source) update(ctx context.Context, tx *sql.Tx, t *table, edits []connector.Edit, ok []int) error {
	groups := map[string][]int{}
	var order []string
	for _, i := range ok {
		var names []string
		for _, f := range edits[i].Set {
			names = append(names, f.Name)
		}
		g := strings.Join(names, "\x00")
		if groups[g] == nil {
			order = append(order, g)
		}
		groups[g] = append(groups[g], i)
	}
	for _, g := range order {
		if g == "" {
			continue
		}
		names := strings.Split(g, "\x00")
		if s.d == postgres && t.keyNumeric() && !slices.ContainsFunc(names, func(n string) bool { return t.columns[n].blob() }) {
			if err := s.updateArrays(ctx, tx, t, names, edits, groups[g]); err != nil {
				return err
			}
			continue
		}
		for _, i := range groups[g] {
			b := &query{d: s.d}
			b.add("UPDATE ", s.d.quote(t.name), " SET ")
			for n, f := range edits[i].Set {
				if n > 0 {
					b.add(", ")
				}
				b.add(s.d.quote(f.Name), " = ").arg(s.value(t, f))
			}
			b.add(" WHERE ")
			s.hasKey(b, t, "", []string{edits[i].Ref.ID})
			if _, err := tx.ExecContext(ctx, b.String(), b.args...); err != nil {
				return s.fail("edit "+t.name, err)
			}
		}
	}
	return nil
}

// value is what a column is set to: an emptied one becomes NULL where that is
// allowed and the type is not text.
func (s *Source) value(t *table, f gallra.Field) any {
	c := t.columns[f.Name]
	isText := strings.Contains(c.kind, "char") || strings.Contains(c.kind, "text") || c.blob() || c.kind == ""
	switch {
	case f.Value == "" && !isText && c.nullable:
		return nil
	case c.blob():
		return []byte(f.Value)
	}
	return f.Value
}

func (s *Source) updateArrays(ctx context.Context, tx *sql.Tx, t *table, names []string, edits []connector.Edit, idx []int) error {
	keys := make([]string, len(idx))
	cols := make([][]*string, len(names))
	for n := range cols {
		cols[n] = make([]*string, len(idx))
	}
	for k, i := range idx {
		keys[k] = edits[i].Ref.ID
		for n := range names {
			if v, ok := s.value(t, edits[i].Set[n]).(string); ok {
				cols[n][k] = &v
			}
		}
	}
	b := &query{d: s.d}
	b.add("UPDATE ", s.d.quote(t.name), " SET ")
	for n, name := range names {
		if n > 0 {
			b.add(", ")
		}
		b.add(s.d.quote(name), " = CAST(v.c", string(rune('0'+n%10)), string(rune('a'+n/10)), " AS ", castType(t.columns[name].kind), ")")
	}
	b.add(" FROM (SELECT unnest(").arg(numbers(keys)).add("::bigint[]) AS id")
	for n := range names {
		b.add(", unnest(").arg(cols[n]).add("::text[]) AS c", string(rune('0'+n%10)), string(rune('a'+n/10)))
	}
	b.add(") v WHERE ", s.d.quote(t.name), ".", s.d.quote(t.spec.Key[0]), " = v.id")
	if _, err := tx.ExecContext(ctx, b.String(), b.args...); err != nil {
		return s.fail("edit "+t.name, err)
	}
	return nil
}

// castType is the type a text is cast to; the user-defined ones of enum
// columns are cast by the assignment itself.
func castType(kind string) string {
	switch kind {
	case "user-defined", "array":
		return "text"
	}
	return kind
}

// forget makes the derived copies of edited records lose the old values: rows of
// tables with on_edit are erased or blanked, for the whole conversation.
func (s *Source) forget(ctx context.Context, tx *sql.Tx, t *table, keys []string) error {
	typ, ids := t.typ, keys
	if p := t.spec.Parent; p != nil {
		var err error
		if ids, err = s.parentsOf(ctx, tx, t, keys); err != nil {
			return err
		}
		typ = p.Type
	}
	for _, o := range s.tables {
		if o.spec.Parent == nil || o.spec.Parent.Type != typ || o == t {
			continue
		}
		b := &query{d: s.d}
		switch o.spec.OnEdit {
		case "erase":
			b.add("DELETE FROM ", s.d.quote(o.name))
		case "blank":
			b.add("UPDATE ", s.d.quote(o.name), " SET ")
			n := 0
			for _, f := range o.fields {
				if m := f.Meta.Gallra; m.Keep || !m.Text && m.Category == "" && m.Format == "" || o.columns[f.Name].name == "" {
					continue
				}
				if n++; n > 1 {
					b.add(", ")
				}
				b.add(s.d.quote(f.Name), " = ")
				if o.columns[f.Name].nullable {
					b.add("NULL")
				} else {
					b.add("''")
				}
			}
			if n == 0 {
				continue
			}
		default:
			continue
		}
		b.add(" WHERE ")
		if o.spec.Where != "" {
			b.add("(", s.unaliased(o, o.spec.Where), ") AND ")
		}
		s.belongs(b, o, s.d.quote(o.name)+".", ids)
		if _, err := tx.ExecContext(ctx, b.String(), b.args...); err != nil {
			return s.fail("forget "+o.name, err)
		}
	}
	return nil
}

func (s *Source) parentsOf(ctx context.Context, tx *sql.Tx, t *table, keys []string) ([]string, error) {
	recs, err := s.byKeys(ctx, tx, t, keys, connector.FieldsNone, "")
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	var out []string
	for _, r := range recs {
		if !r.Parent.IsZero() && !seen[r.Parent.ID] {
			seen[r.Parent.ID] = true
			out = append(out, r.Parent.ID)
		}
	}
	return out, nil
}

func replaceAlias(expr, with string) string { return strings.ReplaceAll(expr, "t.", with) }
