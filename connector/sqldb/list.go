package sqldb

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

const (
	defaultLimit = 1000
	maxLimit     = 10_000
)

// List reads by key, so that rows may come and go meanwhile.
func (s *Source) List(ctx context.Context, q connector.Query) (connector.Page, error) {
	t, err := s.table(q.Type)
	if err != nil {
		return connector.Page{}, err
	}
	limit := q.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	limit = min(limit, maxLimit)
	st := s.reader(t, q.Fields)
	var conds []func(*query)
	if t.spec.Where != "" {
		conds = append(conds, func(b *query) { b.add("(", s.expand(t.spec.Where), ")") })
	}
	if q.Cursor != "" {
		after, err := splitKey(t, q.Cursor)
		if err != nil {
			return connector.Page{}, err
		}
		conds = append(conds, func(b *query) { s.afterKey(b, t, after) })
	}
	if q.Partition != "" {
		lo, hi, err := bounds(q.Partition)
		if err != nil {
			return connector.Page{}, err
		}
		k := "t." + s.d.quote(t.spec.Key[0])
		conds = append(conds, func(b *query) { b.add(k, " >= ").arg(lo).add(" AND ", k, " < ").arg(hi) })
	}
	if q.Clock != "" && !(q.From.IsZero() && q.To.IsZero()) {
		conds = append(conds, func(b *query) { s.inRange(b, t, q) })
	}
	if q.Parents != nil {
		keys := make([]string, 0, len(q.Parents))
		for _, p := range q.Parents {
			if t.spec.Parent != nil && p.Type == t.spec.Parent.Type {
				keys = append(keys, p.ID)
			}
		}
		conds = append(conds, func(b *query) { s.belongs(b, t, "t.", keys) })
	}
	var total int64 = -1
	if q.Cursor == "" {
		if total, err = s.estimate(ctx, t, conds); err != nil {
			return connector.Page{}, err
		}
	}
	st.where(conds)
	st.b.add(" ORDER BY ")
	for i, k := range t.spec.Key {
		if i > 0 {
			st.b.add(", ")
		}
		st.b.add("t.", s.d.quote(k))
	}
	st.b.add(" LIMIT ", strconv.Itoa(limit+1))
	recs, err := st.all(ctx, s.db)
	if err != nil {
		return connector.Page{}, s.fail("list "+t.name, err)
	}
	p := connector.Page{Total: total}
	if len(recs) > limit {
		recs = recs[:limit]
		p.Next = recs[limit-1].Ref.ID
	}
	p.Records = recs
	if q.Fields == connector.FieldsAll {
		if err := s.fillContent(ctx, t, p.Records); err != nil {
			return connector.Page{}, err
		}
	}
	return p, nil
}

// estimate counts what the query selects; a count of keys is cheap beside
// reading the rows.
func (s *Source) estimate(ctx context.Context, t *table, conds []func(*query)) (int64, error) {
	b := &query{d: s.d}
	b.add("SELECT count(*) FROM ", s.d.quote(t.name), " t")
	writeWhere(b, conds)
	var n int64
	if err := s.db.QueryRowContext(ctx, b.String(), b.args...).Scan(&n); err != nil {
		return 0, s.fail("count "+t.name, err)
	}
	return n, nil
}

func writeWhere(b *query, conds []func(*query)) {
	for i, c := range conds {
		if i == 0 {
			b.add(" WHERE ")
		} else {
			b.add(" AND ")
		}
		c(b)
	}
}

// Get reads one record whole.
func (s *Source) Get(ctx context.Context, ref gallra.Ref) (gallra.Record, error) {
	t, err := s.table(ref.Type)
	if err != nil {
		return gallra.Record{}, err
	}
	recs, err := s.byKeys(ctx, s.db, t, []string{ref.ID}, connector.FieldsAll, "")
	if err != nil {
		return gallra.Record{}, err
	}
	if len(recs) == 0 {
		return gallra.Record{}, gallra.Errorf(gallra.NotFound, "sqldb.gone", "ref", ref.String())
	}
	return recs[0], s.fillContent(ctx, t, recs)
}

// runner is a pool or a transaction.
type runner interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}

func (s *Source) byKeys(ctx context.Context, r runner, t *table, keys []string, p connector.Projection, suffix string) ([]gallra.Record, error) {
	st := s.reader(t, p)
	conds := []func(*query){func(b *query) { s.hasKey(b, t, "t.", keys) }}
	if t.spec.Where != "" {
		conds = append(conds, func(b *query) { b.add("(", s.expand(t.spec.Where), ")") })
	}
	st.where(conds)
	st.b.add(suffix)
	recs, err := st.all(ctx, r)
	if err != nil {
		return nil, s.fail("read "+t.name, err)
	}
	return recs, nil
}

// statement is a SELECT of records and how to read its rows.
type statement struct {
	s      *Source
	t      *table
	b      *query
	fields []fieldSpec
	nkey   int
	nver   int
	parent bool
	person bool
	clocks []clockColumn
}

type clockColumn struct {
	event gallra.StartEvent
	clock clock
}

// reader begins a SELECT of what records of t are made of.
func (s *Source) reader(t *table, p connector.Projection) *statement {
	st := &statement{s: s, t: t, b: &query{d: s.d}, nkey: len(t.spec.Key), nver: len(t.version)}
	var cols []string
	col := func(n string) string { return "t." + s.d.quote(n) }
	for _, k := range t.spec.Key {
		cols = append(cols, col(k))
	}
	for _, v := range t.version {
		cols = append(cols, col(v))
	}
	joins := ""
	if l := t.spec.Parent; l != nil {
		st.parent = true
		at := col(l.Column)
		for i, h := range l.Through {
			a := fmt.Sprintf("h%d", i)
			joins += " LEFT JOIN " + s.d.quote(s.prefix+h.Table) + " " + a + " ON " + a + "." + s.d.quote(h.Key) + " = " + at
			if h.Where != "" {
				joins += " AND (" + strings.ReplaceAll(s.expand(h.Where), "t.", a+".") + ")"
			}
			at = a + "." + s.d.quote(h.Column)
		}
		cols = append(cols, at)
	}
	if m := t.spec.Person; m != nil {
		st.person = true
		at := col(m.Column)
		if pt := s.byType[m.Type]; m.Match != "" && pt != nil {
			joins += " LEFT JOIN " + s.d.quote(pt.name) + " pp ON pp." + s.d.quote(m.Match) + " = " + at
			at = "pp." + s.d.quote(pt.spec.Key[0])
		}
		cols = append(cols, at)
	}
	tm := t.spec.Times
	for _, e := range []struct {
		c  string
		ev gallra.StartEvent
	}{{tm.Created, gallra.StartCreated}, {tm.Updated, gallra.StartUpdated}, {tm.Contact, gallra.StartLastContact}, {tm.Closed, gallra.StartClosed}} {
		if e.c == "" {
			continue
		}
		st.clocks = append(st.clocks, clockColumn{e.ev, t.clock(s, e.c)})
		cols = append(cols, s.timeExpr(t, e.ev, "t."))
	}
	for i, f := range t.fields {
		m := f.Meta.Gallra
		if p == connector.FieldsNone || p == connector.FieldsKeep && !m.Keep || t.columns[f.Name].name == "" {
			continue
		}
		st.fields = append(st.fields, f)
		if l := m.Lookup; l != nil {
			a := fmt.Sprintf("l%d", i)
			joins += " LEFT JOIN " + s.d.quote(s.prefix+l.Table) + " " + a + " ON " + a + "." + s.d.quote(l.Key) + " = " + col(f.Name)
			cols = append(cols, a+"."+s.d.quote(l.Column))
			continue
		}
		cols = append(cols, col(f.Name))
	}
	st.b.add("SELECT ", strings.Join(cols, ", "), " FROM ", s.d.quote(t.name), " t", joins)
	return st
}

func (st *statement) where(conds []func(*query)) { writeWhere(st.b, conds) }

// timeExpr is the column of an event, nothing where its condition does not hold.
func (s *Source) timeExpr(t *table, ev gallra.StartEvent, alias string) string {
	tm := t.spec.Times
	c := map[gallra.StartEvent]string{gallra.StartCreated: tm.Created, gallra.StartUpdated: tm.Updated, gallra.StartLastContact: tm.Contact, gallra.StartClosed: tm.Closed}[ev]
	if c == "" {
		return ""
	}
	e := alias + s.d.quote(c)
	if ev == gallra.StartClosed && tm.ClosedIf != "" {
		return "CASE WHEN " + s.expand(tm.ClosedIf) + " THEN " + e + " END"
	}
	return e
}

// expand writes the prefix into a profile's own SQL.
func (s *Source) expand(expr string) string { return strings.ReplaceAll(expr, "{prefix}", s.prefix) }

// inRange writes the half-open range of q on its clock, or on the fallback
// where the clock is unknown of a row.
func (s *Source) inRange(b *query, t *table, q connector.Query) {
	one := func(ev gallra.StartEvent) bool {
		e := s.timeExpr(t, ev, "t.")
		if e == "" {
			return false
		}
		c := map[gallra.StartEvent]string{gallra.StartCreated: t.spec.Times.Created, gallra.StartUpdated: t.spec.Times.Updated, gallra.StartLastContact: t.spec.Times.Contact, gallra.StartClosed: t.spec.Times.Closed}[ev]
		ck := t.clock(s, c)
		b.add("(", e, " IS NOT NULL")
		if !q.From.IsZero() {
			b.add(" AND ", e, " >= ").arg(ck.param(q.From, s.d))
		}
		if !q.To.IsZero() {
			b.add(" AND ", e, " < ").arg(ck.param(q.To, s.d))
		}
		b.add(")")
		return true
	}
	b.add("(")
	ok := one(q.Clock)
	if q.Fallback != "" && q.Fallback != q.Clock && s.timeExpr(t, q.Fallback, "t.") != "" {
		if ok {
			b.add(" OR (", s.timeExpr(t, q.Clock, "t."), " IS NULL AND ")
		} else {
			b.add("(")
		}
		one(q.Fallback)
		b.add(")")
	} else if !ok {
		b.add("1 = 0")
	}
	b.add(")")
}

func (s *Source) hasKey(b *query, t *table, alias string, ids []string) {
	if len(t.spec.Key) == 1 {
		b.in(alias+s.d.quote(t.spec.Key[0]), ids, t.keyNumeric())
		return
	}
	if len(ids) == 0 {
		b.add("1 = 0")
		return
	}
	b.add("(")
	for i, id := range ids {
		if i > 0 {
			b.add(" OR ")
		}
		parts, err := splitKey(t, id)
		if err != nil {
			b.add("1 = 0")
			continue
		}
		b.add("(")
		for j, k := range t.spec.Key {
			if j > 0 {
				b.add(" AND ")
			}
			b.add(alias, s.d.quote(k), " = ").arg(parts[j])
		}
		b.add(")")
	}
	b.add(")")
}

func (s *Source) afterKey(b *query, t *table, after []any) {
	if len(t.spec.Key) == 1 {
		b.add("t.", s.d.quote(t.spec.Key[0]), " > ").arg(after[0])
		return
	}
	b.add("(")
	for i, k := range t.spec.Key {
		if i > 0 {
			b.add(", ")
		}
		b.add("t.", s.d.quote(k))
	}
	b.add(") > (")
	for i := range t.spec.Key {
		if i > 0 {
			b.add(", ")
		}
		b.arg(after[i])
	}
	b.add(")")
}

// belongs writes the condition that a row hangs on one of the parents.
func (s *Source) belongs(b *query, t *table, alias string, keys []string) {
	l := t.spec.Parent
	if l == nil || len(keys) == 0 {
		b.add("1 = 0")
		return
	}
	numeric := true
	if p := s.byType[l.Type]; p != nil {
		numeric = p.keyNumeric()
	}
	s.along(b, alias+s.d.quote(l.Column), l.Through, keys, numeric)
}

// along follows hops from a column to the keys.
func (s *Source) along(b *query, col string, through []hop, keys []string, numeric bool) {
	if len(through) == 0 {
		b.in(col, keys, numeric)
		return
	}
	h := through[0]
	tbl := s.d.quote(s.prefix + h.Table)
	b.add(col, " IN (SELECT ", tbl, ".", s.d.quote(h.Key), " FROM ", tbl, " WHERE ")
	if h.Where != "" {
		b.add("(", strings.ReplaceAll(s.expand(h.Where), "t.", tbl+"."), ") AND ")
	}
	s.along(b, tbl+"."+s.d.quote(h.Column), through[1:], keys, numeric)
	b.add(")")
}

// splitKey reads a Ref.ID: the key, or a JSON array of a key of several columns.
func splitKey(t *table, id string) ([]any, error) {
	parts := []string{id}
	if len(t.spec.Key) > 1 {
		if json.Unmarshal([]byte(id), &parts) != nil || len(parts) != len(t.spec.Key) {
			return nil, gallra.Errorf(gallra.Invalid, "sqldb.key", "type", t.typ)
		}
	}
	out := make([]any, len(parts))
	for i, p := range parts {
		out[i] = p
		if t.columns[t.spec.Key[i]].numeric() {
			n, err := strconv.ParseInt(p, 10, 64)
			if err != nil {
				return nil, gallra.Errorf(gallra.Invalid, "sqldb.key", "type", t.typ)
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
	b, _ := json.Marshal(parts) // strings always marshal
	return string(b)
}

func (st *statement) all(ctx context.Context, r runner) ([]gallra.Record, error) {
	rows, err := r.QueryContext(ctx, st.b.String(), st.b.args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	n := st.nkey + st.nver + len(st.clocks) + len(st.fields)
	if st.parent {
		n++
	}
	if st.person {
		n++
	}
	vals := make([]any, n)
	ptrs := make([]any, n)
	for i := range vals {
		ptrs[i] = &vals[i]
	}
	var out []gallra.Record
	for rows.Next() {
		if err := rows.Scan(ptrs...); err != nil {
			return nil, err
		}
		out = append(out, st.record(vals))
	}
	return out, rows.Err()
}

func (st *statement) record(vals []any) gallra.Record {
	t, sys := st.t, st.s.system
	i := 0
	take := func() any { v := vals[i]; i++; return v }
	key := make([]string, st.nkey)
	for k := range key {
		key[k] = text(take())
	}
	rec := gallra.Record{Ref: gallra.Ref{System: sys, Type: t.typ, ID: joinKey(key)}}
	h := fnv.New64a()
	for range st.nver {
		v := take()
		_, _ = io.WriteString(h, text(v)) // a hash never fails
		_, _ = h.Write([]byte{0})
	}
	rec.Version = strconv.FormatUint(h.Sum64(), 36)
	if st.parent {
		if v := take(); v != nil {
			rec.Parent = gallra.Ref{System: sys, Type: t.spec.Parent.Type, ID: text(v)}
		}
	}
	if st.person {
		if v := take(); v != nil && text(v) != "0" && text(v) != "" {
			rec.Person = gallra.Ref{System: sys, Type: t.spec.Person.Type, ID: text(v)}
		}
	}
	for _, c := range st.clocks {
		at := c.clock.read(take())
		switch c.event {
		case gallra.StartCreated:
			rec.Created = at
		case gallra.StartUpdated:
			rec.Updated = at
		case gallra.StartLastContact:
			rec.Contact = at
		case gallra.StartClosed:
			rec.Closed = at
		}
	}
	rec.Fields = make([]gallra.Field, 0, len(st.fields))
	for _, f := range st.fields {
		if v := take(); v != nil {
			rec.Fields = append(rec.Fields, gallra.Field{Name: f.Name, Value: text(v)})
		}
	}
	return rec
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

// fillContent reads file content that stands in a table of its own, in pieces.
func (s *Source) fillContent(ctx context.Context, t *table, recs []gallra.Record) error {
	if t.spec.Content == nil {
		return nil
	}
	for i := range recs {
		b, err := s.content(ctx, t, recs[i].Ref.ID)
		if err != nil {
			return err
		}
		recs[i].Fields = append(recs[i].Fields, gallra.Field{Name: t.spec.Content.Value, Value: b})
	}
	return nil
}

func (s *Source) content(ctx context.Context, t *table, id string) (string, error) {
	c := t.spec.Content
	b := &query{d: s.d}
	b.add("SELECT c.", s.d.quote(c.Value), " FROM ", s.d.quote(s.prefix+c.Table), " c JOIN ", s.d.quote(t.name), " t ON t.", s.d.quote(c.Column), " = c.", s.d.quote(c.Key), " WHERE ")
	s.hasKey(b, t, "t.", []string{id})
	if c.Order != "" {
		b.add(" ORDER BY c.", s.d.quote(c.Order))
	}
	rows, err := s.db.QueryContext(ctx, b.String(), b.args...)
	if err != nil {
		return "", s.fail("content of "+t.name, err)
	}
	defer rows.Close()
	var out strings.Builder
	for rows.Next() {
		var piece sql.RawBytes
		if err := rows.Scan(&piece); err != nil {
			return "", s.fail("content of "+t.name, err)
		}
		out.Write(piece)
	}
	if err := rows.Err(); err != nil {
		return "", s.fail("content of "+t.name, err)
	}
	return out.String(), nil
}

// Open returns the bytes of an attachment.
func (s *Source) Open(ctx context.Context, ref gallra.Ref) (io.ReadCloser, error) {
	t, err := s.table(ref.Type)
	if err != nil {
		return nil, err
	}
	rec, err := s.Get(ctx, ref)
	if err != nil {
		return nil, err
	}
	for _, f := range t.fields {
		if f.Meta.Gallra.Format == connector.FormatFile {
			v, _ := rec.Field(f.Name)
			return io.NopCloser(strings.NewReader(v)), nil
		}
	}
	return nil, gallra.Errorf(gallra.NotFound, "sqldb.gone", "ref", ref.String())
}

// Partitions cuts the range of a numeric key into about n even parts.
func (s *Source) Partitions(ctx context.Context, q connector.Query, n int) ([]connector.Query, error) {
	t, err := s.table(q.Type)
	if err != nil {
		return nil, err
	}
	if n < 2 || !t.keyNumeric() {
		return []connector.Query{q}, nil
	}
	k := s.d.quote(t.spec.Key[0])
	var lo, hi sql.NullInt64
	err = s.db.QueryRowContext(ctx, "SELECT min("+k+"), max("+k+") FROM "+s.d.quote(t.name)).Scan(&lo, &hi)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, s.fail("partition "+t.name, err)
	}
	if !lo.Valid {
		return []connector.Query{q}, nil
	}
	step := (hi.Int64-lo.Int64)/int64(n) + 1
	var out []connector.Query
	for i := range int64(n) {
		from, to := lo.Int64+i*step, lo.Int64+(i+1)*step
		if i == 0 {
			from = -1 << 62
		}
		if i == int64(n)-1 {
			to = 1 << 62
		}
		p := q
		p.Partition = fmt.Sprintf("%d:%d", from, to)
		out = append(out, p)
	}
	return out, nil
}

func bounds(p string) (lo, hi int64, err error) {
	a, b, _ := strings.Cut(p, ":")
	if lo, err = strconv.ParseInt(a, 10, 64); err == nil {
		hi, err = strconv.ParseInt(b, 10, 64)
	}
	if err != nil {
		return 0, 0, gallra.Errorf(gallra.Invalid, "sqldb.partition")
	}
	return lo, hi, nil
}
