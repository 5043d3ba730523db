package sqldb

import (
	"context"
	"database/sql"
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

const (
	defaultLimit = 1000
	fileLimit    = 50 // records that hold files: they may be large
	maxLimit     = 10_000
	pageBytes    = 8 << 20 // of the fields of a page
)

// List reads by key, so that rows may come and go meanwhile.
func (s *Source) List(ctx context.Context, q connector.Query) (connector.Page, error) {
	t, err := s.table(q.Type)
	if err != nil {
		return connector.Page{}, err
	}
	limit := t.limit(q)
	sel := s.read(t, q.Fields)
	if q.Unversioned {
		sel.columns[len(t.key)] = "''"
	}
	sel.expect, sel.room = min(limit, defaultLimit)+1, pageBytes
	conds, err := s.selected(t, sel, q)
	if err != nil {
		return connector.Page{}, err
	}
	page := connector.Page{Total: -1}
	switch {
	case q.Cursor == "" && q.Parents != nil: // what hangs on named conversations is read, not counted first
	case q.Cursor == "":
		b := sel.count(conds)
		if err := s.db.QueryRowContext(ctx, b.String(), b.args...).Scan(&page.Total); err != nil {
			return connector.Page{}, s.fail("count "+t.name, err)
		}
	default:
		after, err := t.splitKey(q.Cursor)
		if err != nil {
			return connector.Page{}, err
		}
		conds = append(conds, func(b *query) { s.afterKey(b, t, after) })
	}
	order := make([]string, len(t.key))
	for i, k := range t.key {
		order[i] = s.d.refer("t", k)
		if q.Parents != nil && t.numericKey() {
			order[i] += " + 0" // never by the key's own index, through all rows of others
		}
	}
	page.Records, err = sel.run(ctx, s.db, conds, " ORDER BY "+strings.Join(order, ", ")+" LIMIT "+strconv.Itoa(limit+1))
	if err != nil {
		return connector.Page{}, err
	}
	if len(page.Records) > limit {
		page.Records = page.Records[:limit]
		page.Next = page.Records[limit-1].Ref.ID
	}
	if sel.full {
		page.Next = page.Records[len(page.Records)-1].Ref.ID
	}
	if q.Fields == connector.FieldsAll {
		if err := s.fillContent(ctx, t, page.Records); err != nil {
			return connector.Page{}, err
		}
	}
	return page, nil
}

func (t *table) limit(q connector.Query) int {
	n := defaultLimit
	if q.Limit > 0 {
		n = min(q.Limit, maxLimit)
	}
	if q.Fields == connector.FieldsAll && slices.ContainsFunc(t.fields, func(f field) bool {
		return f.Meta.Format == connector.FormatFile || f.Meta.Format == connector.FormatMail
	}) {
		n = min(n, fileLimit)
	}
	return n
}

// selected returns the conditions of a query, the cursor apart.
func (s *Source) selected(t *table, sel *selection, q connector.Query) ([]func(*query), error) {
	var conds []func(*query)
	if q.Partition != "" {
		lo, hi, ok := strings.Cut(q.Partition, ":")
		k := s.d.refer("t", t.key[0])
		for _, p := range []struct{ op, v string }{{" >= ", lo}, {" < ", hi}} {
			n, err := strconv.ParseInt(p.v, 10, 64)
			if p.v == "" && ok {
				continue
			}
			if err != nil {
				return nil, gallra.Errorf(gallra.Invalid, "sqldb.partition", "type", t.typ)
			}
			conds = append(conds, func(b *query) { b.add(k, p.op).arg(n) })
		}
	}
	if q.Clock != "" && !(q.From.IsZero() && q.To.IsZero()) {
		conds = append(conds, func(b *query) { s.inRange(b, t, q) })
	}
	if q.Parents != nil {
		top := t.conversation()
		for o := t.owner; o != nil && top == nil; o = o.owner {
			if o.kind == connector.KindPerson {
				top = o
			}
		}
		var keys []string
		for _, p := range q.Parents {
			if top != nil && p.Type == top.typ && p.System == s.system {
				keys = append(keys, p.ID)
			}
		}
		conds = append(conds, func(b *query) {
			if len(keys) == 0 {
				b.add("1 = 0")
				return
			}
			s.owned(b, t, top, keys)
		})
	}
	return conds, nil
}

// Get reads one record whole.
func (s *Source) Get(ctx context.Context, ref gallra.Ref) (gallra.Record, error) {
	gone := gallra.Errorf(gallra.NotFound, "sqldb.gone", "ref", ref.String())
	t := s.byType[ref.Type]
	if t == nil || !t.listed || ref.System != s.system {
		return gallra.Record{}, gone
	}
	recs, err := s.byKeys(ctx, t, []string{ref.ID}, connector.FieldsAll)
	if err != nil {
		return gallra.Record{}, err
	}
	if len(recs) == 0 {
		return gallra.Record{}, gone
	}
	return recs[0], s.fillContent(ctx, t, recs)
}

// GetMany returns those of the records that exist, with all their fields.
func (s *Source) GetMany(ctx context.Context, refs []gallra.Ref, versions bool) ([]gallra.Record, error) {
	byType := map[*table][]string{}
	for _, r := range refs {
		if t := s.byType[r.Type]; t != nil && t.listed && r.System == s.system {
			byType[t] = append(byType[t], r.ID)
		}
	}
	var out []gallra.Record
	for _, t := range s.tables {
		for keys := range slices.Chunk(byType[t], t.limit(connector.Query{Limit: maxLimit})) {
			sel := s.read(t, connector.FieldsAll)
			sel.expect = len(keys)
			if !versions {
				sel.columns[len(t.key)] = "''"
			}
			recs, err := sel.run(ctx, s.db, []func(*query){func(b *query) { s.hasKey(b, t, "t", keys) }}, "")
			if err == nil {
				err = s.fillContent(ctx, t, recs)
			}
			if err != nil {
				return nil, err
			}
			out = append(out, recs...)
		}
	}
	return out, nil
}

func (s *Source) byKeys(ctx context.Context, t *table, keys []string, p connector.Projection) ([]gallra.Record, error) {
	return s.read(t, p).run(ctx, s.db, []func(*query){func(b *query) { s.hasKey(b, t, "t", keys) }}, "")
}

// Open returns the bytes of an attachment.
func (s *Source) Open(ctx context.Context, ref gallra.Ref) (io.ReadCloser, error) {
	rec, err := s.Get(ctx, ref)
	if err != nil {
		return nil, err
	}
	for _, f := range s.byType[ref.Type].fields {
		if f.Meta.Format == connector.FormatFile {
			v, _ := rec.Field(f.Name)
			return io.NopCloser(strings.NewReader(v)), nil
		}
	}
	return nil, gallra.Errorf(gallra.NotFound, "sqldb.gone", "ref", ref.String())
}

// afterKey writes the condition that a row stands after the last one read.
func (s *Source) afterKey(b *query, t *table, after []any) {
	names := make([]string, len(t.key))
	for i, k := range t.key {
		names[i] = s.d.refer("t", k)
	}
	b.add("(", strings.Join(names, ", "), ") > (")
	for i := range t.key {
		if i > 0 {
			b.add(", ")
		}
		b.arg(after[i])
	}
	b.add(")")
}

// inRange writes the half-open range of q on its clock, or on the fallback
// where the clock is unknown of a row.
func (s *Source) inRange(b *query, t *table, q connector.Query) {
	one := func(e gallra.StartEvent) bool {
		x := s.event(t, e, "t")
		if x == "" {
			return false
		}
		c := s.clock(t, e)
		if s.d == sqlite && c.encoding == "" {
			x = "replace(substr(" + x + ", 1, 19), 'T', ' ')" // whatever way the product writes a time
		}
		b.add("(", x, " IS NOT NULL")
		if !q.From.IsZero() {
			b.add(" AND ", x, " >= ").arg(c.param(q.From, s.d))
		}
		if !q.To.IsZero() {
			b.add(" AND ", x, " < ").arg(c.param(q.To, s.d))
		}
		b.add(")")
		return true
	}
	b.add("(")
	ok := one(q.Clock)
	if !ok {
		b.add("1 = 0")
	}
	if q.Fallback != "" && q.Fallback != q.Clock && s.event(t, q.Fallback, "t") != "" {
		b.add(" OR (")
		if ok {
			b.add(s.event(t, q.Clock, "t"), " IS NULL AND ")
		}
		one(q.Fallback)
		b.add(")")
	}
	b.add(")")
}

// event writes when an event happened to the row of an alias, NULL where it did
// not; "" when the type does not know the event.
func (s *Source) event(t *table, e gallra.StartEvent, alias string) string {
	if n := t.meta.Times.Newest; n != nil && e == gallra.StartLastContact {
		m := s.byType[n.Type]
		if m == nil || m.owner != t {
			return ""
		}
		return "(SELECT max(" + s.d.refer("newest", n.Column) + ") FROM " + s.d.quote(m.name) + " newest WHERE " +
			and(s.d.refer("newest", m.meta.Parent.Column)+" = "+s.d.refer(alias, m.matched()), s.rows(m, "newest"), s.d.condition("newest", n.Where)) + ")"
	}
	col := t.clockColumn(e)
	if col == "" {
		return ""
	}
	x := s.d.refer(alias, col)
	if t.meta.Times.Encoding != "" {
		x = "NULLIF(" + x + ", 0)"
	}
	if u := t.meta.Times.Unset; u != "" {
		x = "NULLIF(" + x + ", " + literal(u) + ")"
	}
	if e == gallra.StartClosed && len(t.meta.Times.ClosedIf) > 0 {
		return "CASE WHEN " + s.closedIf(t, alias) + " THEN " + x + " END"
	}
	return x
}

// closedIf writes the condition under which a conversation is closed. A name is
// a field, whose lookup is followed, or a column.
func (s *Source) closedIf(t *table, alias string) string {
	var parts []string
	for _, n := range columns(t.meta.Times.ClosedIf) {
		values := make([]string, len(t.meta.Times.ClosedIf[n]))
		for i, v := range t.meta.Times.ClosedIf[n] {
			values[i] = literal(v)
		}
		x := s.d.refer(alias, n)
		for _, f := range t.fields {
			if f.Name == n {
				x = s.looked(f, alias)
			}
		}
		parts = append(parts, x+" IN ("+strings.Join(values, ", ")+")")
	}
	return strings.Join(parts, " AND ")
}

// looked writes a field's value; that of a lookup stands at the end of its hops.
func (s *Source) looked(f field, alias string) string {
	x := s.d.refer(alias, f.Meta.Column)
	for i, h := range f.Meta.Lookup {
		a := "l" + strconv.Itoa(i)
		x = "(SELECT " + s.d.refer(a, h.Column) + " FROM " + s.d.quote(s.prefix+h.Table) + " " + a + " WHERE " + and(s.d.refer(a, h.Match)+" = "+x, s.d.condition(a, h.Where)) + ")"
	}
	return x
}

// splitKey reads a Ref.ID: the key, or a JSON array of a key of several columns.
func (t *table) splitKey(id string) ([]any, error) {
	wrong := gallra.Errorf(gallra.Invalid, "sqldb.key", "type", t.typ)
	parts := []string{id}
	if len(t.key) > 1 && (json.Unmarshal([]byte(id), &parts) != nil || len(parts) != len(t.key)) {
		return nil, wrong
	}
	out := make([]any, len(parts))
	for i, p := range parts {
		out[i] = p
		if t.columns[t.key[i]].numeric() {
			n, err := strconv.ParseInt(p, 10, 64)
			if err != nil {
				return nil, wrong
			}
			out[i] = n
		}
	}
	return out, nil
}

func joinKey(parts []string) string {
	if len(parts) == 1 {
		return parts[0]
	}
	b, err := json.Marshal(parts)
	if err != nil {
		panic("sqldb: strings always marshal: " + err.Error())
	}
	return string(b)
}

// fillContent reads the files of a page that stand in a table of their own, in
// pieces.
func (s *Source) fillContent(ctx context.Context, t *table, recs []gallra.Record) error {
	c := t.meta.Content
	if c == nil || len(recs) == 0 {
		return nil
	}
	keys := make([]string, len(recs))
	for i, r := range recs {
		keys[i] = r.Ref.ID
	}
	b := &query{d: s.d}
	b.add("SELECT ")
	for _, k := range t.key {
		b.add(s.d.refer("t", k), ", ")
	}
	b.add(s.d.refer("c", c.Value), " FROM ", s.d.quote(t.name), " t")
	at := s.d.refer("t", c.Column)
	if o := c.Of; o != nil {
		b.add(" JOIN ", s.d.quote(s.prefix+o.Table), " f ON ", s.d.refer("f", o.Match), " = ", at)
		at = s.d.refer("f", o.Column)
	}
	b.add(" JOIN ", s.d.quote(s.prefix+c.Table), " c ON ", s.d.refer("c", c.Match), " = ", at, " WHERE ")
	s.hasKey(b, t, "t", keys)
	if c.Order != "" {
		b.add(" ORDER BY ", s.d.refer("c", c.Order))
	}
	pieces := map[string]*strings.Builder{}
	err := s.each(ctx, s.db, b, len(t.key)+1, "files of "+t.name, func(v []any) {
		id := t.keyOf(v)
		if pieces[id] == nil {
			pieces[id] = &strings.Builder{}
		}
		pieces[id].WriteString(text(v[len(t.key)]))
	})
	if err != nil {
		return err
	}
	for i := range recs {
		if p := pieces[recs[i].Ref.ID]; p != nil {
			recs[i].Fields = append(recs[i].Fields, gallra.Field{Name: c.Value, Value: p.String()})
		}
	}
	return nil
}

// keyOf returns the Ref.ID of a row that begins with t's key.
func (t *table) keyOf(v []any) string {
	parts := make([]string, len(t.key))
	for i := range parts {
		parts[i] = text(v[i])
	}
	return joinKey(parts)
}

// each runs a query and calls f with every row's n values, which f must not keep.
func (s *Source) each(ctx context.Context, r runner, b *query, n int, doing string, f func([]any)) error {
	rows, err := r.QueryContext(ctx, b.String(), b.args...)
	if err != nil {
		return s.fail(doing, err)
	}
	defer rows.Close()
	vals, ptrs := make([]any, n), make([]any, n)
	for i := range vals {
		ptrs[i] = &vals[i]
	}
	for rows.Next() {
		if err := rows.Scan(ptrs...); err != nil {
			return s.fail(doing, err)
		}
		f(vals)
	}
	return s.fail(doing, rows.Err())
}

// runner is a pool or a transaction.
type runner interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}

// Partitions cuts the range of a numeric key into about n even parts.
func (s *Source) Partitions(ctx context.Context, q connector.Query, n int) ([]connector.Query, error) {
	t, err := s.table(q.Type)
	if err != nil {
		return nil, err
	}
	if n < 2 || !t.numericKey() {
		return []connector.Query{q}, nil
	}
	k := s.d.quote(t.key[0])
	var lo, hi sql.NullInt64
	if err := s.db.QueryRowContext(ctx, "SELECT min("+k+"), max("+k+") FROM "+s.d.quote(t.name)).Scan(&lo, &hi); err != nil {
		return nil, s.fail("partition "+t.name, err)
	}
	if !lo.Valid {
		return []connector.Query{q}, nil
	}
	step := (hi.Int64-lo.Int64)/int64(n) + 1
	out := make([]connector.Query, n)
	for i := range out {
		// Open ends: what is added meanwhile belongs to one of them too.
		var from, to string
		if i > 0 {
			from = strconv.FormatInt(lo.Int64+int64(i)*step, 10)
		}
		if i < n-1 {
			to = strconv.FormatInt(lo.Int64+int64(i+1)*step, 10)
		}
		out[i] = q
		out[i].Partition = from + ":" + to
	}
	return out, nil
}
