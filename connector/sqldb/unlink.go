package sqldb

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

// Unlink cuts records loose from their persons' records, each type in one
// transaction: the key becomes what the profile says, null or the product's own
// "deleted user". gallra.ErrUnsupported for a type whose rows hang on a person,
// or whose link the profile leaves as it is.
func (s *Source) Unlink(ctx context.Context, refs []gallra.Ref) ([]connector.Result, error) {
	items := make([]connector.Item, len(refs))
	for i, r := range refs {
		items[i].Ref = r
	}
	out, err := s.change(ctx, "unlink", gallra.ActionAnonymise, items, s.locked(ctx, items, func(tx *sql.Tx, t *table, keys []string, _ []int) error {
		m := t.meta.Person
		if m == nil {
			return nil
		}
		return s.cut(ctx, tx, t, nil, func(b *query) { s.hasKey(b, t, "t", keys) })
	}), func(t *table, _ int) error {
		if m := t.meta.Person; m != nil && m.Unlink == "" || m == nil && s.personOf(t) != nil {
			return gallra.Errorf(gallra.Unsupported, "sqldb.no_unlink", "type", t.typ)
		}
		return nil
	})
	at := time.Now().UTC()
	for i := range out {
		if out[i].Err == nil {
			out[i].Receipt = gallra.Receipt{Ref: refs[i], Action: gallra.ActionAnonymise, Grade: gallra.GradeUnlinked, At: at, Final: true}
		}
	}
	return out, err
}

// unlink takes a person's key out of the records of others that stay.
func (s *Source) unlink(ctx context.Context, tx *sql.Tx, person *table, keys []string) error {
	for _, r := range person.meta.Release {
		col, ok := s.have[s.prefix+r.Table][r.Column]
		if !ok {
			continue // another version of the product: drift has let it pass
		}
		b := &query{d: s.d}
		b.add("UPDATE ", s.d.quote(s.prefix+r.Table), " SET ", s.d.quote(r.Column), " = ", or(person.meta.ReleaseTo, "NULL"), " WHERE ")
		b.in(s.d.quote(r.Column), keys, col.numeric())
		if _, err := tx.ExecContext(ctx, b.String(), b.args...); err != nil {
			return s.fail("unlink "+r.Table, err)
		}
	}
	for _, t := range s.tables {
		m := t.meta.Person
		if m == nil || m.Type != person.typ || m.Unlink == "" {
			continue
		}
		if err := s.cut(ctx, tx, t, keys, func(b *query) { s.about(b, t, person, keys) }); err != nil {
			return err
		}
	}
	return nil
}

// cut cuts the rows of t (alias "t") that a condition selects loose from the
// persons with these keys, nil for whomever they are about.
func (s *Source) cut(ctx context.Context, tx *sql.Tx, t *table, persons []string, which func(*query)) error {
	m := t.meta.Person
	if len(m.Through) == 0 {
		b := &query{d: s.d}
		s.update(b, t)
		b.add(s.d.quote(m.Column), " = ", s.nobody(m), " WHERE ")
		which(b)
		if _, err := tx.ExecContext(ctx, b.String(), b.args...); err != nil {
			return s.fail("unlink "+t.name, err)
		}
		return nil
	}
	last := m.Through[len(m.Through)-1]
	for _, name := range append([]string{last.Table}, m.Copies...) {
		b := &query{d: s.d}
		b.add("DELETE FROM ", s.d.quote(s.prefix+name), " WHERE ")
		if c := s.d.condition(s.d.quote(s.prefix+name), last.Where); c != "" {
			b.add(c, " AND ")
		}
		if persons != nil {
			b.numbered(s.d.quote(last.Column), numbers(persons))
			b.add(" AND ")
		}
		b.add(s.d.quote(last.Match), " IN (SELECT x FROM (SELECT ", s.hops(t, len(m.Through)-1, func(x, from, where string) string {
			return x + " AS x FROM " + s.d.quote(t.name) + " t" + from + " WHERE " + where
		}))
		if len(m.Through) > 1 {
			b.add(" AND ")
		}
		which(b)
		b.add(") inner_rows)")
		if _, err := tx.ExecContext(ctx, b.String(), b.args...); err != nil {
			return s.fail("unlink "+name, err)
		}
	}
	return nil
}

// hops writes the way from a row of t (alias "t") over its first n hops: the
// expression it ends at, the tables on the way, and how they hang together.
func (s *Source) hops(t *table, n int, write func(x, from, where string) string) string {
	x, from := s.d.refer("t", t.key[0]), ""
	var where []string
	for i, h := range t.meta.Person.Through[:n] {
		a := "h" + string(rune('0'+i))
		from += ", " + s.d.quote(s.prefix+h.Table) + " " + a
		where = append(where, s.d.refer(a, h.Match)+" = "+x)
		if c := s.d.condition(a, h.Where); c != "" {
			where = append(where, c)
		}
		x = s.d.refer(a, h.Column)
	}
	return write(x, from, strings.Join(where, " AND "))
}

// nobody writes what stands for no person.
func (s *Source) nobody(m *personLink) string {
	switch m.Unlink {
	case "null":
		return "NULL"
	case "zero":
		return "0"
	case "empty":
		return "''"
	case "nobody":
		x := "(SELECT " + s.d.refer("n", m.Nobody.Column) + " FROM " + s.d.quote(s.prefix+m.Nobody.Table) + " n"
		if c := s.d.condition("n", m.Nobody.Where); c != "" {
			x += " WHERE " + c
		}
		return x + ")"
	}
	return m.Unlink // a number: the profile was checked
}

// personKey writes the value that leads from a row of t (alias "t") to its
// person, NULL where it leads to nobody. Of several persons it is the first.
func (s *Source) personKey(t *table) string {
	m := t.meta.Person
	if n := len(m.Through); n > 0 {
		return s.hops(t, n, func(x, from, where string) string {
			return "(SELECT min(" + x + ") FROM " + strings.TrimPrefix(from, ", ") + " WHERE " + where + ")"
		})
	}
	x := s.d.refer("t", m.Column)
	if m.Unlink == "nobody" || isNumber(m.Unlink) {
		x = "NULLIF(" + x + ", " + s.nobody(m) + ")"
	}
	return x
}

// about writes the condition that a row of t (alias "t") is about one of the persons.
func (s *Source) about(b *query, t, person *table, keys []string) {
	m := t.meta.Person
	for _, c := range []string{s.rows(t, "t"), s.d.condition("t", m.Where)} {
		if c != "" {
			b.add(c, " AND ")
		}
	}
	if n := len(m.Through); n > 0 {
		s.hops(t, n, func(x, from, where string) string {
			first := m.Through[0]
			b.add(s.d.refer("t", t.key[0]), " IN (SELECT ", s.d.refer("h0", first.Match), " FROM ", strings.TrimPrefix(from, ", "), " WHERE ")
			_, rest, more := strings.Cut(where, " AND ") // the first ties the way to the row: IN does
			if more {
				b.add(rest, " AND ")
			}
			b.numbered(x, numbers(keys))
			b.add(")")
			return ""
		})
		return
	}
	col := s.d.refer("t", m.Column)
	if m.Match == "" || m.Match == person.key[0] {
		b.in(col, keys, t.columns[m.Column].numeric())
		return
	}
	b.add(col, " IN (SELECT ", s.d.refer("p", m.Match), " FROM ", s.d.quote(person.name), " p WHERE ")
	s.hasKey(b, person, "p", keys)
	b.add(")")
}
