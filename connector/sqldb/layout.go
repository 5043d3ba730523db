package sqldb

import (
	"context"
	"slices"
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

// table is one collection of the profile laid over this database.
type table struct {
	meta    collectionMeta
	typ     string
	kind    connector.Kind
	name    string // as the database has it, prefix included
	key     []string
	columns map[string]column
	fields  []field
	owner   *table // the type its rows belong to and are erased with
	listed  bool   // its rows are records; the others only tie records together
	small   bool   // reading all of it costs less than a second look
}

// field is one field of a record.
type field struct {
	fieldSpec
	column  column // zero for content that stands in another table
	content bool
}

// settable reports whether Edit can write the field.
func (f field) settable() bool { return !f.content && len(f.Meta.Lookup) == 0 }

// base64 reports whether the column holds bytes written as text.
func (f field) base64() bool { return f.Meta.Base64 && f.column.text() }

// lay lays the profile over the tables that are there. What is missing is left
// out: reading goes on without it, writing is refused (drift).
func (s *Source) lay() {
	s.byType = map[string]*table{}
	for _, c := range s.profile.Collections {
		t := &table{meta: c.Meta, typ: c.Meta.Type, kind: c.Meta.Kind, name: s.prefix + c.Name, key: c.Meta.Key, columns: s.have[s.prefix+c.Name]}
		if t.columns == nil {
			continue
		}
		if slices.ContainsFunc(c.needed(), func(n string) bool { return t.columns[n].name == "" }) {
			continue
		}
		if p := c.Meta.Parent; p != nil {
			if t.owner = s.byType[p.Type]; t.owner == nil {
				continue
			}
		}
		declared := map[string]bool{}
		for _, n := range c.needed() {
			declared[n] = true
		}
		for _, f := range c.Fields {
			col := t.columns[f.Meta.Column]
			content := c.Meta.Content != nil && f.Name == c.Meta.Content.Value
			declared[f.Meta.Column] = true
			if col.name != "" || content {
				t.fields = append(t.fields, field{fieldSpec: f, column: col, content: content})
			}
		}
		t.listed = len(t.key) > 0 && len(c.Fields) > 0
		if t.listed {
			t.fields = append(t.fields, s.custom(c.Name, t, declared)...)
		}
		s.tables = append(s.tables, t)
		s.byType[t.typ] = t
	}
}

// custom returns the text columns that the profile does not speak of: what an
// organisation added to its own installation is scanned as free text.
func (s *Source) custom(name string, t *table, declared map[string]bool) []field {
	var out []field
	for n, c := range t.columns {
		if declared[n] || !c.text() || s.profile.looked(name+"."+n) || s.profile.looked(name) {
			continue
		}
		f := field{fieldSpec: fieldSpec{Name: n, Meta: fieldMeta{Column: n, Text: true}}, column: c}
		if c.json() {
			f.Meta.Format = connector.FormatJSON
		}
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b field) int { return strings.Compare(a.Name, b.Name) })
	return out
}

const smallTable = 256 << 10 // bytes

// measure notes which tables are small, so that a search need not rely on an
// index that tells upper from lower case.
func (s *Source) measure(ctx context.Context) error {
	for _, t := range s.tables {
		if !slices.ContainsFunc(t.fields, func(f field) bool { return f.Meta.Indexed }) {
			continue
		}
		b := &query{d: s.d}
		switch s.d {
		case postgres:
			b.add("SELECT pg_relation_size(").arg(s.d.quote(t.name)).add("::regclass) < ").arg(smallTable)
		case sqlite:
			b.add("SELECT count(*) < 2000 FROM (SELECT 1 FROM ", s.d.quote(t.name), " LIMIT 2000)")
		case mariadb:
			b.add("SELECT COALESCE(data_length, 0) < ").arg(smallTable).add(" FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ").arg(t.name)
		}
		if err := s.db.QueryRowContext(ctx, b.String(), b.args...).Scan(&t.small); err != nil {
			return s.fail("inspect "+t.name, err)
		}
	}
	return nil
}

// numericKey reports whether t's key is one whole number.
func (t *table) numericKey() bool { return len(t.key) == 1 && t.columns[t.key[0]].numeric() }

// below reports whether t's rows belong, over however many owners, to rows of root.
func (t *table) below(root *table) bool {
	for o := t.owner; o != nil; o = o.owner {
		if o == root {
			return true
		}
	}
	return false
}

// conversation returns the type of conversation that t's rows belong to, nil for none.
func (t *table) conversation() *table {
	for o := t.owner; o != nil; o = o.owner {
		if o.kind == connector.KindConversation {
			return o
		}
	}
	return nil
}

// events are the clocks in the order they are shown.
var events = slices.DeleteFunc(gallra.StartEvents(), func(e gallra.StartEvent) bool { return e != e.Clock() })

// clockColumn returns the column of an event, "" when there is none.
func (t *table) clockColumn(e gallra.StartEvent) string {
	switch e {
	case gallra.StartCreated:
		return t.meta.Times.Created
	case gallra.StartUpdated:
		return t.meta.Times.Updated
	case gallra.StartLastContact:
		return t.meta.Times.Contact
	case gallra.StartClosed:
		return t.meta.Times.Closed
	}
	return t.meta.Times.Events[e]
}

// clock says how the values of an event are read.
func (s *Source) clock(t *table, e gallra.StartEvent) clock {
	col, in := t.clockColumn(e), t
	if n := t.meta.Times.Newest; n != nil && e == gallra.StartLastContact {
		if in = s.byType[n.Type]; in == nil {
			return clock{loc: s.loc}
		}
		col = n.Column
	}
	return clock{encoding: in.meta.Times.Encoding, kind: in.columns[col].kind, loc: s.loc}
}

// refer writes alias.column.
func (d dialect) refer(alias, col string) string { return alias + "." + d.quote(col) }

// literal writes a profile's own constant; profiles are checked to hold no backslash.
func literal(v string) string { return "'" + strings.ReplaceAll(v, "'", "''") + "'" }

// condition writes which rows of an alias are meant; "" for all.
func (d dialect) condition(alias string, where map[string]list) string {
	var parts []string
	for _, c := range columns(where) {
		values := make([]string, len(where[c]))
		for i, v := range where[c] {
			values[i] = literal(v)
		}
		parts = append(parts, d.refer(alias, c)+" IN ("+strings.Join(values, ", ")+")")
	}
	return strings.Join(parts, " AND ")
}

// exclusion writes which rows of an alias are not meant; "" for none.
func (d dialect) exclusion(alias string, not map[string]list) string {
	var parts []string
	for _, c := range columns(not) {
		x := d.refer(alias, c)
		parts = append(parts, "("+x+" IS NULL OR NOT ("+d.condition(alias, map[string]list{c: not[c]})+"))")
	}
	return strings.Join(parts, " AND ")
}

// rows writes which rows of t's table are meant under an alias; "" for all.
func (s *Source) rows(t *table, alias string) string {
	c := and(s.d.condition(alias, t.meta.Where), s.d.exclusion(alias, t.meta.WhereNot))
	if o := t.meta.Only; o != nil {
		x := s.d.refer(alias, o.From) + " IN (SELECT " + s.d.refer("among", o.Column) + " FROM " + s.d.quote(s.prefix+o.Table) + " among"
		if w := s.d.condition("among", o.Where); w != "" {
			x += " WHERE " + w
		}
		c = and(c, x+")")
	}
	return c
}

// some reports whether not every row of t's table is meant.
func (t *table) some() bool {
	return len(t.meta.Where) > 0 || len(t.meta.WhereNot) > 0 || t.meta.Only != nil
}

// and joins conditions that are not empty.
func and(conditions ...string) string {
	return strings.Join(slices.DeleteFunc(conditions, func(c string) bool { return c == "" }), " AND ")
}

// matched returns the column of the owner that a link points at.
func (t *table) matched() string {
	if m := t.meta.Parent.Match; m != "" {
		return m
	}
	return t.owner.key[0]
}

// owned writes the condition that a row of t (alias "t") belongs to one of the
// rows of root with these keys, or is one of them.
func (s *Source) owned(b *query, t, root *table, keys []string) {
	s.ownedAt(b, t, root, "t", 0, t.name, keys)
}

// top is the table that is changed: MariaDB reads it in a subquery of its own
// change only where the answer is made first.
func (s *Source) ownedAt(b *query, t, root *table, alias string, depth int, top string, keys []string) {
	c := s.rows(t, alias)
	if t == root && t.meta.Only != nil {
		// What says that the row is one of these may be its own child, which goes
		// before it: the keys are those of rows that were found to be.
		c = and(s.d.condition(alias, t.meta.Where), s.d.exclusion(alias, t.meta.WhereNot))
	}
	if c != "" {
		b.add(c, " AND ")
	}
	if t == root {
		s.hasKey(b, t, alias, keys)
		return
	}
	col, m := s.d.refer(alias, t.meta.Parent.Column), t.matched()
	if prefixes := t.meta.Parent.Prefixes; len(prefixes) > 0 {
		var values []string
		if t.owner == root {
			for _, p := range prefixes {
				for _, k := range keys {
					values = append(values, p+k)
				}
			}
		}
		b.in(col, values, false)
		return
	}
	if t.owner == root && slices.Equal(root.key, []string{m}) && !root.some() {
		b.in(col, keys, t.columns[t.meta.Parent.Column].numeric())
		return
	}
	up := "o" + string(rune('a'+depth))
	apart := s.d == mariadb && t.owner.name == top
	b.add(col, " IN (SELECT ")
	if apart {
		b.add("made.k FROM (SELECT DISTINCT ", s.d.refer(up, m), " AS k")
	} else {
		b.add(s.d.refer(up, m))
	}
	b.add(" FROM ", s.d.quote(t.owner.name), " ", up, " WHERE ")
	s.ownedAt(b, t.owner, root, up, depth+1, top, keys)
	if apart {
		b.add(") made")
	}
	b.add(")")
}

// hasKey writes the condition that a row is one of those with these keys.
func (s *Source) hasKey(b *query, t *table, alias string, ids []string) {
	if len(t.key) == 1 {
		b.in(s.d.refer(alias, t.key[0]), ids, t.numericKey())
		return
	}
	var tuples [][]any
	for _, id := range ids {
		if parts, err := t.splitKey(id); err == nil { // a malformed key is no row's
			tuples = append(tuples, parts)
		}
	}
	if len(tuples) == 0 {
		b.add("1 = 0")
		return
	}
	for i, parts := range tuples {
		b.add(map[bool]string{true: "((", false: ") OR ("}[i == 0])
		for j, k := range t.key {
			if j > 0 {
				b.add(" AND ")
			}
			b.add(s.d.refer(alias, k), " = ").arg(parts[j])
		}
	}
	b.add("))")
}

// The kinds of column that PostgreSQL hashes as they are; others as their text.
var (
	letters = []string{"text", "character varying", "character"}
	hashed  = []string{"bigint", "integer", "smallint", "boolean", "numeric", "real", "double precision", "uuid", "bytea", "jsonb", "date", "user-defined",
		"timestamp without time zone", "timestamp with time zone", "time without time zone", "interval", "inet", "cidr"}
)

// version writes an expression that changes when the row does. The database
// computes it, so that comparing versions reads nothing personal.
func (s *Source) version(t *table, alias string) string {
	names := t.meta.Version
	if len(names) == 0 {
		for n := range t.columns {
			names = append(names, n)
		}
		slices.Sort(names)
	}
	cols := make([]string, len(names))
	for i, n := range names {
		c := s.d.refer(alias, n)
		if t.columns[n].blob() && len(t.meta.Version) == 0 {
			c = "length(" + c + ")"
		}
		switch s.d {
		case mariadb:
			c = "COALESCE(" + c + ", 0x01)"
		case postgres:
			switch k := t.columns[n].kind; {
			case s.hashes && slices.Contains(letters, k):
				c += ` COLLATE "C"` // byte by byte, whatever counts as equal otherwise
			case s.hashes && !slices.Contains(hashed, k) && !strings.HasPrefix(c, "length("), k == "json":
				c += "::text" // no equality of its own, but a text
			}
		}
		cols[i] = c
	}
	list := strings.Join(cols, ", ")
	switch s.d {
	case postgres:
		if s.hashes {
			return "hash_record_extended(ROW(" + list + "), 0)"
		}
		return "md5(ROW(" + list + ")::text)"
	case mariadb:
		return "MD5(CONCAT_WS(0x1f, " + list + "))"
	}
	return digestFunction + "(" + list + ")"
}
