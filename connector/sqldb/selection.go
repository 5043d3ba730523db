package sqldb

import (
	"context"
	"database/sql"
	"encoding/base64"
	"fmt"
	"io"
	"mime/quotedprintable"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

// selection is a SELECT of records of one type and how its rows are read.
type selection struct {
	s       *Source
	t       *table
	columns []string
	joins   []string
	parent  *table // of the conversation column
	person  *table // of the person column
	owner   bool   // the person is what the row belongs to
	events  []gallra.StartEvent
	fields  []field
	expect  int // how many records there will be, about
	room    int // most bytes of their fields that are kept; 0: all
	full    bool
}

// read begins a SELECT of what records of t are made of: key, version,
// conversation, person, times, fields. The table's alias is t.
func (s *Source) read(t *table, p connector.Projection) *selection {
	sel := &selection{s: s, t: t}
	for _, k := range t.key {
		sel.columns = append(sel.columns, s.d.refer("t", k))
	}
	sel.columns = append(sel.columns, s.version(t, "t"))
	sel.belonging()
	for _, e := range events {
		if x := s.event(t, e, "t"); x != "" {
			sel.events = append(sel.events, e)
			sel.columns = append(sel.columns, x)
		}
	}
	for _, f := range t.fields {
		if f.content || p == connector.FieldsNone || p == connector.FieldsKeep && !f.Meta.Keep {
			continue
		}
		sel.fields = append(sel.fields, f)
		x := s.looked(f, "t")
		if e := f.Meta.Encoding; e != "" { // both in one value: decode takes them apart
			x = s.d.joined("COALESCE("+s.d.refer("t", e)+", '')", "':'", x)
		}
		sel.columns = append(sel.columns, x)
	}
	return sel
}

// belonging adds the columns of the conversation and of the person.
func (sel *selection) belonging() {
	t, d := sel.t, sel.s.d
	if x, top := sel.climb(); top != nil {
		sel.columns = append(sel.columns, x)
		if top.kind == connector.KindPerson {
			sel.person, sel.owner = top, true
		} else {
			sel.parent = top
		}
	}
	m := t.meta.Person
	if m == nil || sel.person != nil {
		return
	}
	p := sel.s.byType[m.Type]
	if p == nil {
		return
	}
	x := sel.s.personKey(t)
	if m.Match != "" && m.Match != p.key[0] {
		sel.joins = append(sel.joins, " LEFT JOIN "+d.quote(p.name)+" p ON "+d.refer("p", m.Match)+" = "+x)
		x = d.refer("p", p.key[0])
	}
	if c := d.condition("t", m.Where); c != "" {
		x = "CASE WHEN " + c + " THEN " + x + " END"
	}
	sel.person = p
	sel.columns = append(sel.columns, x)
}

// climb joins the owners of t up to its conversation or person and returns the
// expression of that one's key.
func (sel *selection) climb() (string, *table) {
	d, alias := sel.s.d, "t"
	for cur := sel.t; cur.owner != nil; cur = cur.owner {
		o := cur.owner
		top := o.kind == connector.KindConversation || o.kind == connector.KindPerson
		x := d.refer(alias, cur.meta.Parent.Column)
		if len(cur.meta.Parent.Prefixes) > 0 {
			return "NULL", o
		}
		if top && slices.Equal(o.key, []string{cur.matched()}) && !o.some() {
			return x, o
		}
		up := "u" + strconv.Itoa(len(sel.joins))
		join := " LEFT JOIN "
		if o.some() {
			join = " JOIN " // rows of other owners in the same table are another type's
		}
		sel.joins = append(sel.joins, join+d.quote(o.name)+" "+up+" ON "+and(d.refer(up, cur.matched())+" = "+x, sel.s.rows(o, up)))
		if top {
			return d.refer(up, o.key[0]), o
		}
		alias = up
	}
	return "", nil
}

// write writes the statement.
func (sel *selection) write(b *query, columns string, conds []func(*query)) {
	s := sel.s
	b.add("SELECT ", columns, " FROM ", s.d.quote(sel.t.name), " t")
	b.add(sel.joins...)
	if c := s.rows(sel.t, "t"); c != "" {
		conds = append([]func(*query){func(b *query) { b.add(c) }}, conds...)
	}
	for i, c := range conds {
		b.add(map[bool]string{true: " WHERE ", false: " AND "}[i == 0])
		c(b)
	}
}

// count returns the statement that counts what the conditions select.
func (sel *selection) count(conds []func(*query)) *query {
	b := &query{d: sel.s.d}
	plain := *sel
	plain.joins = nil // conditions speak of t alone; only some joins leave rows out
	for _, j := range sel.joins {
		if strings.HasPrefix(j, " JOIN ") {
			plain.joins = sel.joins
		}
	}
	plain.write(b, "count(*)", conds)
	return b
}

// run reads the records that the conditions select.
func (sel *selection) run(ctx context.Context, r runner, conds []func(*query), tail string) ([]gallra.Record, error) {
	_, changes := r.(*sql.Tx)
	b := &query{d: sel.s.d, reads: !changes}
	sel.write(b, strings.Join(sel.columns, ", "), conds)
	b.add(tail)
	out := make([]gallra.Record, 0, sel.expect)
	bytes := 0
	err := sel.s.each(ctx, r, b, len(sel.columns), "read "+sel.t.name, func(v []any) {
		if sel.full = sel.full || sel.room > 0 && bytes > sel.room; sel.full {
			return
		}
		rec := sel.record(v)
		for _, f := range rec.Fields {
			bytes += len(f.Value)
		}
		out = append(out, rec)
	})
	return out, err
}

// record reads one row.
func (sel *selection) record(v []any) gallra.Record {
	t, sys := sel.t, sel.s.system
	rec := gallra.Record{Ref: gallra.Ref{System: sys, Type: t.typ, ID: t.keyOf(v)}}
	i := len(t.key)
	rec.Version = text(v[i])
	i++
	point := func(to *table) gallra.Ref {
		id := text(v[i])
		i++
		if id == "" || id == "0" {
			return gallra.Ref{}
		}
		return gallra.Ref{System: sys, Type: to.typ, ID: id}
	}
	if sel.parent != nil {
		rec.Parent = point(sel.parent)
	}
	if sel.person != nil {
		rec.Person = point(sel.person)
		if sel.owner {
			rec.Parent = rec.Person
		}
	}
	for _, e := range sel.events {
		at := sel.s.clock(t, e).read(v[i])
		i++
		switch e {
		case gallra.StartCreated:
			rec.Created = at
		case gallra.StartUpdated:
			rec.Updated = at
		case gallra.StartLastContact:
			rec.Contact = at
		case gallra.StartClosed:
			rec.Closed = at
		default:
			if !at.IsZero() {
				if rec.Events == nil {
					rec.Events = map[gallra.StartEvent]time.Time{}
				}
				rec.Events[e] = at
			}
		}
	}
	rec.Fields = make([]gallra.Field, 0, len(sel.fields))
	for _, f := range sel.fields {
		if v[i] != nil {
			rec.Fields = append(rec.Fields, gallra.Field{Name: f.Name, Value: f.decode(text(v[i]))})
		}
		i++
	}
	return rec
}

// decode returns the bytes that a column's value stands for.
func (f field) decode(v string) string {
	how := ""
	switch {
	case f.base64():
		how = "base64"
	case f.Meta.Encoding != "":
		how, v, _ = strings.Cut(v, ":")
	}
	switch strings.ToLower(how) {
	case "base64":
		if b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(v), "")); err == nil {
			return string(b)
		}
	case "quoted-printable":
		if b, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(v))); err == nil {
			return string(b)
		}
	}
	return v // not encoded, or not in truth
}

// encode is the inverse of decode, and how the value is encoded then.
func (f field) encode(v string) (value, how string) {
	switch {
	case f.base64(), f.Meta.Encoding != "" && (!utf8.ValidString(v) || strings.ContainsRune(v, 0)):
		return base64.StdEncoding.EncodeToString([]byte(v)), "base64"
	}
	return v, "none"
}

// text is a value as a field holds it.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case []byte:
		return string(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		if v {
			return "1"
		}
		return "0"
	case time.Time:
		return v.Format("2006-01-02 15:04:05.999999999")
	}
	return fmt.Sprint(v)
}
