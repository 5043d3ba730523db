package sqldb

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

// Edit changes fields of one record.
func (s *Source) Edit(ctx context.Context, ref gallra.Ref, ifVersion string, set []gallra.Field) (gallra.Receipt, error) {
	return connector.One(s.EditMany(ctx, []connector.Edit{{Item: connector.Item{Ref: ref, IfVersion: ifVersion}, Set: set}}))
}

// EditMany changes fields of many records in one transaction a type, and makes
// the copies derived from them forget the old values.
func (s *Source) EditMany(ctx context.Context, edits []connector.Edit) ([]connector.Result, error) {
	items := make([]connector.Item, len(edits))
	for i, e := range edits {
		items[i] = e.Item
	}
	return s.change(ctx, "edit", gallra.ActionAnonymise, items, func(tx *sql.Tx, t *table, keys []string, idx []int) error {
		// Copies are found by the way from the record: before anything changes.
		if err := s.forget(ctx, tx, t, keys); err != nil {
			return err
		}
		return s.write(ctx, tx, t, edits, idx)
	}, func(t *table, i int) error { return t.settable(edits[i].Set) })
}

func (t *table) settable(set []gallra.Field) error {
	for _, f := range set {
		if x, ok := t.field(f.Name); !ok || !x.settable() {
			return gallra.Errorf(gallra.Unsupported, "sqldb.field", "type", t.typ, "field", f.Name)
		}
	}
	return nil
}

func (t *table) field(name string) (field, bool) {
	for _, f := range t.fields {
		if f.Name == name {
			return f, true
		}
	}
	return field{}, false
}

// write writes the values, statements of the same fields together.
func (s *Source) write(ctx context.Context, tx *sql.Tx, t *table, edits []connector.Edit, idx []int) error {
	groups := map[string][]int{}
	var order []string
	for _, i := range idx {
		names := make([]string, len(edits[i].Set))
		for n, f := range edits[i].Set {
			names[n] = f.Name
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
		fields := make([]field, 0, 4)
		for n := range strings.SplitSeq(g, "\x00") {
			f, _ := t.field(n) // settable has seen it
			fields = append(fields, f)
		}
		var err error
		if s.d == postgres && t.numericKey() && !slices.ContainsFunc(fields, func(f field) bool { return f.column.blob() || f.Meta.Encoding != "" }) {
			err = s.writeArrays(ctx, tx, t, fields, edits, groups[g])
		} else {
			err = s.writeRows(ctx, tx, t, fields, edits, groups[g])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// writeRows runs one prepared statement for each row.
func (s *Source) writeRows(ctx context.Context, tx *sql.Tx, t *table, fields []field, edits []connector.Edit, idx []int) error {
	b := &query{d: s.d}
	b.add("UPDATE ", s.d.quote(t.name), " SET ")
	for n, f := range fields {
		b.add(map[bool]string{true: "", false: ", "}[n == 0], s.d.quote(f.column.name), " = ").arg(nil)
		if f.Meta.Encoding != "" {
			b.add(", ", s.d.quote(f.Meta.Encoding), " = ").arg(nil)
		}
	}
	b.add(" WHERE ")
	for n, k := range t.key {
		b.add(map[bool]string{true: "", false: " AND "}[n == 0], s.d.quote(k), " = ").arg(nil)
	}
	st, err := tx.PrepareContext(ctx, b.String())
	if err != nil {
		return s.fail("edit "+t.name, err)
	}
	defer st.Close()
	for _, i := range idx {
		key, err := t.splitKey(edits[i].Ref.ID)
		if err != nil {
			return err
		}
		args := make([]any, 0, len(fields)+len(key))
		for n, f := range fields {
			args = append(args, f.value(edits[i].Set[n].Value, edits[i].Ref.ID))
			if f.Meta.Encoding != "" {
				_, how := f.encode(edits[i].Set[n].Value)
				args = append(args, how)
			}
		}
		if _, err := st.ExecContext(ctx, append(args, key...)...); err != nil {
			return s.fail("edit "+t.name, err)
		}
	}
	return nil
}

// writeArrays writes a batch in one statement.
func (s *Source) writeArrays(ctx context.Context, tx *sql.Tx, t *table, fields []field, edits []connector.Edit, idx []int) error {
	keys := make([]string, len(idx))
	cols := make([][]*string, len(fields))
	for n := range cols {
		cols[n] = make([]*string, len(idx))
	}
	for k, i := range idx {
		keys[k] = edits[i].Ref.ID
		for n, f := range fields {
			if v, ok := f.value(edits[i].Set[n].Value, edits[i].Ref.ID).(string); ok {
				cols[n][k] = &v
			}
		}
	}
	b := &query{d: s.d}
	b.add("UPDATE ", s.d.quote(t.name), " AS t SET ")
	for n, f := range fields {
		kind := f.column.kind
		if kind == "user-defined" || kind == "array" {
			kind = "text" // an enumeration: the assignment casts it
		}
		b.add(map[bool]string{true: "", false: ", "}[n == 0], s.d.quote(f.column.name), fmt.Sprintf(" = CAST(v.c%d AS %s)", n, kind))
	}
	b.add(" FROM unnest(").arg(numbers(keys)).add("::bigint[]")
	for n := range fields {
		b.add(", ").arg(cols[n]).add("::text[]")
	}
	b.add(") AS v(id")
	for n := range fields {
		b.add(fmt.Sprintf(", c%d", n))
	}
	b.add(") WHERE ", s.d.refer("t", t.key[0]), " = v.id")
	_, err := tx.ExecContext(ctx, b.String(), b.args...)
	return s.fail("edit "+t.name, err)
}

// value is what the column is set to. An emptied value becomes the profile's
// replacement, or NULL where the column takes no empty text; one that is longer
// than the column allows is cut.
func (f field) value(v, key string) any {
	if v == "" && f.Meta.Replacement != "" {
		v = strings.ReplaceAll(f.Meta.Replacement, "{key}", key)
	}
	c := f.column
	switch {
	case v == "" && (!c.text() || c.json()) && !c.blob() && c.nullable:
		return nil
	case v == "" && c.json():
		return "{}"
	case c.blob() && f.Meta.Encoding == "":
		return []byte(v)
	}
	v, _ = f.encode(v)
	if c.blob() {
		return []byte(v)
	}
	if c.length > 0 && utf8.RuneCountInString(v) > c.length {
		v = string([]rune(v)[:c.length])
	}
	return v
}

// forget makes the copies derived from edited records lose the old values: rows
// that belong to the record or to its conversation, and for a person those of
// the person's conversations too, are erased or blanked as the profile says.
func (s *Source) forget(ctx context.Context, tx *sql.Tx, edited *table, keys []string) error {
	t, keys, err := s.whole(ctx, tx, edited, keys)
	if err != nil {
		return err
	}
	var shared []dropped
	for _, o := range slices.Backward(s.tables) { // children first: the way to them goes over their parents
		if o == edited || o.meta.OnEdit == editKeep {
			continue
		}
		var which func(*query)
		top := t.conversation()
		switch {
		case o.below(t):
			which = func(b *query) { s.owned(b, o, t, keys) }
		case top != nil && o.below(top) && o.apart(top):
			ids, err := s.conversationsOf(ctx, tx, t, keys)
			if err != nil {
				return err
			}
			which = func(b *query) { s.owned(b, o, top, ids) }
		case t.kind == connector.KindPerson && o.conversation() != nil && o.conversation().meta.Person != nil && o.conversation().meta.Person.Type == t.typ:
			ids, err := s.aboutThem(ctx, tx, o.conversation(), t, keys)
			if err != nil {
				return err
			}
			which = func(b *query) { s.owned(b, o, o.conversation(), ids) }
		default:
			continue
		}
		b := &query{d: s.d}
		if !s.begin(b, o) {
			continue
		}
		if o.meta.Shared != nil && o.meta.OnEdit == editErase {
			ids, err := s.pointedAt(ctx, tx, o, which)
			if err != nil {
				return err
			}
			shared = append(shared, dropped{o, ids})
		}
		which(b)
		if _, err := tx.ExecContext(ctx, b.String(), b.args...); err != nil {
			return s.fail("forget "+o.name, err)
		}
	}
	for _, d := range shared {
		if err := s.dropShared(ctx, tx, d.t, d.keys); err != nil {
			return err
		}
	}
	return nil
}

// apart reports whether t's rows belong to the conversation itself and not to
// one message of it.
func (t *table) apart(top *table) bool {
	for o := t.owner; o != top; o = o.owner {
		if o.kind == connector.KindMessage || o.kind == connector.KindAttachment {
			return false
		}
	}
	return true
}

// begin begins the statement that makes rows of o forget; false when there is
// nothing in them to forget.
func (s *Source) begin(b *query, o *table) bool {
	if o.meta.OnEdit == editErase {
		s.deleteFrom(b, o)
		return true
	}
	return s.blank(b, o)
}

// blank begins the statement that empties the texts of rows of o; false when
// there are none.
func (s *Source) blank(b *query, o *table) bool {
	var sets []string
	for _, f := range o.fields {
		if f.Meta.Keep || !f.settable() || !f.Meta.Text {
			continue
		}
		empty := "''"
		switch {
		case f.column.nullable:
			empty = "NULL"
		case f.column.json():
			empty = "'{}'"
		}
		n := s.d.quote(f.column.name)
		if s.d == mariadb {
			n = "t." + n
		}
		sets = append(sets, n+" = "+empty)
	}
	if len(sets) == 0 {
		return false
	}
	s.update(b, o)
	b.add(strings.Join(sets, ", "), " WHERE ")
	return true
}

// conversationsOf returns the keys of the conversations the records belong to.
func (s *Source) conversationsOf(ctx context.Context, tx *sql.Tx, t *table, keys []string) ([]string, error) {
	sel := &selection{s: s, t: t}
	x, _ := sel.climb()
	b := &query{d: s.d}
	sel.write(b, "DISTINCT "+x, []func(*query){func(b *query) { s.hasKey(b, t, "t", keys) }})
	return s.keys(ctx, tx, b, "conversations of "+t.name)
}

// aboutThem returns the keys of the rows of t that are about one of the persons.
func (s *Source) aboutThem(ctx context.Context, tx *sql.Tx, t, person *table, keys []string) ([]string, error) {
	b := &query{d: s.d}
	b.add("SELECT ", s.d.refer("t", t.key[0]), " FROM ", s.d.quote(t.name), " t WHERE ")
	s.about(b, t, person, keys)
	return s.keys(ctx, tx, b, "conversations of persons")
}

func (s *Source) keys(ctx context.Context, tx *sql.Tx, b *query, doing string) ([]string, error) {
	var ids []string
	err := s.each(ctx, tx, b, 1, doing, func(v []any) {
		if v[0] != nil {
			ids = append(ids, text(v[0]))
		}
	})
	return ids, err
}
