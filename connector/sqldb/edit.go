package sqldb

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"iter"
	"slices"
	"strconv"
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
	loosen := func(tx *sql.Tx, t *table, idx []int) error {
		if m := t.meta.Person; m != nil && len(m.Through) > 0 && m.Unlink != "" {
			var loose []string
			for _, i := range idx {
				if edits[i].Unlink {
					loose = append(loose, edits[i].Ref.ID)
				}
			}
			if len(loose) > 0 {
				return s.cut(ctx, tx, t, nil, func(b *query) { s.hasKey(b, t, "t", loose) })
			}
		}
		return nil
	}
	// A record of which no field is set has nothing that its copies must forget.
	set := func(idx []int) []string {
		return keysOf(items, slices.DeleteFunc(slices.Clone(idx), func(i int) bool { return len(edits[i].Set) == 0 }))
	}
	locked := s.locked(ctx, items, func(tx *sql.Tx, t *table, _ []string, idx []int) error {
		// Copies are found by the way from the record: before anything changes.
		if err := s.forget(ctx, tx, t, set(idx), nil); err != nil {
			return err
		}
		if err := loosen(tx, t, idx); err != nil {
			return err
		}
		return s.write(ctx, tx, t, edits, idx)
	})
	out, err := s.change(ctx, "edit", gallra.ActionAnonymise, items, func(tx *sql.Tx, t *table, idx []int, out []connector.Result) ([]int, error) {
		if !s.checks(t, edits, idx) {
			return locked(tx, t, idx, out)
		}
		ok, of, err := s.writeChecked(ctx, tx, t, edits, idx, out)
		if err != nil || len(ok) == 0 {
			return ok, err
		}
		if err := loosen(tx, t, ok); err != nil {
			return ok, err
		}
		return ok, s.forget(ctx, tx, t, set(ok), of)
	}, func(t *table, i int) error { return t.settable(edits[i].Set) })
	for i := range out {
		if t := s.byType[edits[i].Ref.Type]; out[i].Err == nil && edits[i].Unlink {
			out[i].Unlinked = t.meta.Person != nil && t.meta.Person.Unlink != ""
		}
		out[i].Rounded = out[i].Err == nil && edits[i].Round
	}
	return out, err
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

// manyAlike is from how many rows on that are set to the same a statement of
// their own is worth its round trip.
const manyAlike = 16

// writings parts edits by what they set.
func (s *Source) writings(t *table, edits []connector.Edit, idx []int) iter.Seq2[writing, []int] {
	groups := map[string][]int{}
	var order []string
	for _, i := range idx {
		g := map[bool]string{true: "unlink"}[edits[i].Unlink && t.linked()] + map[bool]string{true: "round"}[edits[i].Round]
		for _, f := range edits[i].Set {
			g += "\x00" + f.Name
		}
		if groups[g] == nil {
			order = append(order, g)
		}
		groups[g] = append(groups[g], i)
	}
	return func(yield func(writing, []int) bool) {
		for _, g := range order {
			if g == "" {
				continue
			}
			names := strings.Split(g, "\x00")
			w := writing{t: t, s: s, unlink: strings.HasPrefix(names[0], "unlink"), round: strings.HasSuffix(names[0], "round")}
			for _, n := range names[1:] {
				f, _ := t.field(n) // settable has seen it
				w.fields = append(w.fields, f)
			}
			if w.nothing() {
				continue
			}
			if !yield(w, groups[g]) {
				return
			}
		}
	}
}

// write writes the values into rows that are locked: one statement for rows that
// are set to the same, and few for those that share their fields only.
func (s *Source) write(ctx context.Context, tx *sql.Tx, t *table, edits []connector.Edit, idx []int) error {
	for w, idx := range s.writings(t, edits, idx) {
		same, rest := w.alike(edits, idx)
		for _, like := range same {
			if err := s.writeSame(ctx, tx, w, edits, like); err != nil {
				return err
			}
		}
		if len(rest) == 0 {
			continue
		}
		how := s.writeRows
		switch {
		case s.d == postgres && w.inText() && len(w.fields) > 0:
			how = func(ctx context.Context, tx *sql.Tx, w writing, edits []connector.Edit, idx []int) error {
				return s.writeArrays(ctx, tx, w, edits, idx, nil, false)
			}
		case s.d == mariadb && w.inText():
			how = s.writeCases
		}
		if err := how(ctx, tx, w, edits, rest); err != nil {
			return err
		}
	}
	return nil
}

// linked reports whether a row points at its person by a column of its own that
// the profile lets go.
func (t *table) linked() bool {
	m := t.meta.Person
	return m != nil && len(m.Through) == 0 && m.Unlink != ""
}

// writing is what rows are set to: fields, each row's own values, and besides,
// the same for all.
type writing struct {
	t      *table
	fields []field
	s      *Source
	unlink bool
	round  bool
}

// also writes what is set besides, with the alias of the table.
func (w writing) also(b *query, comma, alias string) {
	if w.unlink {
		b.add(comma, w.s.d.quote(w.t.meta.Person.Column), " = ", w.s.nobody(w.t.meta.Person))
		comma = ", "
	}
	if !w.round {
		return
	}
	for _, r := range w.s.rounded(w.t, alias) {
		if !slices.ContainsFunc(w.fields, func(f field) bool { return f.column.name == r.column }) {
			b.add(comma, r.set)
			comma = ", "
		}
	}
}

// nothing reports whether there is no column to set.
func (w writing) nothing() bool {
	b := &query{d: w.s.d}
	w.also(b, "", "t")
	return len(w.fields) == 0 && b.String() == ""
}

// alike parts edits into those of which many set the same values, and the rest.
func (w writing) alike(edits []connector.Edit, idx []int) (same [][]int, rest []int) {
	groups := map[string][]int{}
	var order []string
	var b strings.Builder
	for _, i := range idx {
		b.Reset()
		for n, f := range edits[i].Set {
			if f.Value == "" && strings.Contains(w.fields[n].Meta.Replacement, "{key}") {
				b.WriteString(edits[i].Ref.ID) // its own value, and nobody else's
			}
			fmt.Fprintf(&b, "%d:%s", len(f.Value), f.Value)
		}
		v := b.String()
		if groups[v] == nil {
			order = append(order, v)
		}
		groups[v] = append(groups[v], i)
	}
	for _, v := range order {
		if len(groups[v]) >= manyAlike || len(w.fields) == 0 {
			same = append(same, groups[v])
		} else {
			rest = append(rest, groups[v]...)
		}
	}
	return same, rest
}

// set writes the SET list with values of the edit, as parameters.
func (w writing) set(b *query, e connector.Edit, alias string) {
	comma := ""
	for n, f := range w.fields {
		b.add(comma, b.d.quote(f.column.name), " = ").arg(f.value(e.Set[n].Value, e.Ref.ID))
		if f.Meta.Encoding != "" {
			_, how := f.encode(e.Set[n].Value)
			b.add(", ", b.d.quote(f.Meta.Encoding), " = ").arg(how)
		}
		comma = ", "
	}
	w.also(b, comma, alias)
}

// writeSame sets many rows to the same.
func (s *Source) writeSame(ctx context.Context, tx *sql.Tx, w writing, edits []connector.Edit, idx []int) error {
	keys := make([]string, len(idx))
	for k, i := range idx {
		keys[k] = edits[i].Ref.ID
	}
	name := s.d.quote(w.t.name)
	return s.keyed(w.t, name, keys, func(where func(*query), end string) error {
		b := &query{d: s.d}
		b.add("UPDATE ", name, " SET ")
		w.set(b, edits[idx[0]], name)
		b.add(" WHERE ")
		where(b)
		b.add(end)
		_, err := tx.ExecContext(ctx, b.String(), b.args...)
		return s.fail("edit "+w.t.name, err)
	})
}

// caseRows is how many rows one statement of CASE sets: the server compares
// every row with every case.
const caseRows = 50

// writeCases writes rows of a numeric key, each with its own values, in few
// statements, where the database has no arrays.
func (s *Source) writeCases(ctx context.Context, tx *sql.Tx, w writing, edits []connector.Edit, idx []int) error {
	key := s.d.quote(w.t.key[0])
	for part := range slices.Chunk(idx, caseRows) {
		keys := make([]string, len(part))
		for k, i := range part {
			keys[k] = edits[i].Ref.ID
		}
		b := &query{d: s.d}
		b.add("UPDATE ", s.d.quote(w.t.name), " SET ")
		comma := ""
		for n, f := range w.fields {
			b.add(comma, s.d.quote(f.column.name), " = CASE ", key)
			for k, i := range part {
				b.add(" WHEN ", strconv.FormatInt(numbers(keys[k : k+1])[0], 10), " THEN ").arg(f.value(edits[i].Set[n].Value, edits[i].Ref.ID))
			}
			b.add(" END")
			comma = ", "
		}
		w.also(b, comma, s.d.quote(w.t.name))
		b.add(" WHERE ")
		s.hasKey(b, w.t, s.d.quote(w.t.name), keys)
		if _, err := tx.ExecContext(ctx, b.String(), b.args...); err != nil {
			return s.fail("edit "+w.t.name, err)
		}
	}
	return nil
}

// inText reports whether all the fields can be given as text.
func (w writing) inText() bool {
	return w.t.numericKey() && !slices.ContainsFunc(w.fields, func(f field) bool { return f.column.blob() || f.Meta.Encoding != "" })
}

// checks reports whether the rows can be compared with their versions and
// written by one statement, without being locked first. What a person's copies
// hang on may be what is edited: there the copies come first.
func (s *Source) checks(t *table, edits []connector.Edit, idx []int) bool {
	if s.d != postgres || !t.numericKey() || t.kind == connector.KindPerson || t.meta.Whole {
		return false
	}
	n := 0
	for w, idx := range s.writings(t, edits, idx) {
		if !w.inText() {
			return false
		}
		n += len(idx)
	}
	return n == len(idx) // else of some there is nothing to write, and only a lock compares them
}

// writeChecked writes the values into those rows that still have their version,
// returns which, with the conversation of each where the row itself tells it, and
// says what became of the others.
func (s *Source) writeChecked(ctx context.Context, tx *sql.Tx, t *table, edits []connector.Edit, idx []int, out []connector.Result) (ok []int, of map[string]string, err error) {
	at := make(map[string]int, len(idx))
	first := make([]int, 0, len(idx))
	for _, i := range idx {
		out[i] = connector.Result{} // of an attempt that gave way
		if _, twice := at[edits[i].Ref.ID]; !twice {
			at[edits[i].Ref.ID] = i
			first = append(first, i)
		}
	}
	// In order: two batches never wait for each other.
	slices.SortFunc(first, func(a, b int) int { return cmp.Compare(number(edits[a].Ref.ID), number(edits[b].Ref.ID)) })
	done := make(map[string]string, len(idx))
	for w, idx := range s.writings(t, edits, first) {
		same, rest := w.alike(edits, idx)
		for _, like := range same {
			if err := s.writeArrays(ctx, tx, w, edits, like, done, true); err != nil {
				return nil, nil, err
			}
		}
		if len(rest) > 0 {
			if err := s.writeArrays(ctx, tx, w, edits, rest, done, false); err != nil {
				return nil, nil, err
			}
		}
	}
	var left []string
	for _, i := range idx {
		id := edits[i].Ref.ID
		switch _, written := done[id]; {
		case at[id] != i:
			out[i].Err = gallra.Errorf(gallra.NotFound, "sqldb.gone", "ref", edits[i].Ref.String()) // named twice
		case written:
			ok = append(ok, i)
		default:
			left = append(left, id)
		}
	}
	if s.top(t) != "" {
		of = done
	}
	if len(left) == 0 {
		return ok, of, nil
	}
	b := &query{d: s.d}
	(&selection{s: s, t: t}).write(b, s.d.refer("t", t.key[0]), []func(*query){func(b *query) { s.hasKey(b, t, "t", left) }})
	there, err := s.keys(ctx, tx, b, "edit "+t.name)
	if err != nil {
		return nil, nil, err
	}
	for _, id := range left {
		out[at[id]].Err = gallra.Errorf(gallra.NotFound, "sqldb.gone", "ref", edits[at[id]].Ref.String())
		if slices.Contains(there, id) {
			out[at[id]].Err = gallra.Errorf(gallra.Conflict, "sqldb.changed", "ref", edits[at[id]].Ref.String())
		}
	}
	return ok, of, nil
}

// top writes the key of the conversation of a row of t (alias "t"), "" where the
// row itself does not tell it.
func (s *Source) top(t *table) string {
	sel := &selection{s: s, t: t}
	x, top := sel.climb()
	if top == nil || top.kind != connector.KindConversation || len(sel.joins) > 0 || x == "NULL" {
		return ""
	}
	return x
}

// number is a numeric key, 0 for what is none.
func number(key string) int64 {
	n, _ := strconv.ParseInt(key, 10, 64)
	return n
}

// writeRows runs one prepared statement for each row.
func (s *Source) writeRows(ctx context.Context, tx *sql.Tx, w writing, edits []connector.Edit, idx []int) error {
	b := &query{d: s.d}
	b.add("UPDATE ", s.d.quote(w.t.name), " SET ")
	w.set(b, edits[idx[0]], s.d.quote(w.t.name))
	b.add(" WHERE ")
	for n, k := range w.t.key {
		b.add(map[bool]string{true: "", false: " AND "}[n == 0], s.d.quote(k), " = ").arg(nil)
	}
	st, err := tx.PrepareContext(ctx, b.String())
	if err != nil {
		return s.fail("edit "+w.t.name, err)
	}
	defer st.Close()
	for _, i := range idx {
		key, err := w.t.splitKey(edits[i].Ref.ID)
		if err != nil {
			return err
		}
		values := &query{d: s.d}
		w.set(values, edits[i], s.d.quote(w.t.name))
		if _, err := st.ExecContext(ctx, append(values.args, key...)...); err != nil {
			return s.fail("edit "+w.t.name, err)
		}
	}
	return nil
}

// writeArrays writes rows of a numeric key in one statement: each with its own
// values, or all with those of the first. With done, only rows that still have
// their version are written, and noted there with their conversation.
func (s *Source) writeArrays(ctx context.Context, tx *sql.Tx, w writing, edits []connector.Edit, idx []int, done map[string]string, same bool) error {
	t := w.t
	keys := make([]string, len(idx))
	versions := make([]*string, len(idx))
	cols := make([][]*string, len(w.fields))
	for n := range cols {
		cols[n] = make([]*string, len(idx))
	}
	for k, i := range idx {
		keys[k] = edits[i].Ref.ID
		if v := edits[i].IfVersion; v != "" {
			versions[k] = &v
		}
		for n, f := range w.fields {
			if v, ok := f.value(edits[i].Set[n].Value, edits[i].Ref.ID).(string); ok && !same {
				cols[n][k] = &v
			}
		}
	}
	b := &query{d: s.d}
	b.add("UPDATE ", s.d.quote(t.name), " AS t SET ")
	if same {
		w.set(b, edits[idx[0]], "t")
	} else {
		for n, f := range w.fields {
			kind := f.column.kind
			if kind == "user-defined" || kind == "array" {
				kind = "text" // an enumeration: the assignment casts it
			}
			b.add(map[bool]string{true: "", false: ", "}[n == 0], s.d.quote(f.column.name), fmt.Sprintf(" = CAST(v.c%d AS %s)", n, kind))
		}
		w.also(b, ", ", "t")
	}
	b.add(" FROM unnest(").arg(numbers(keys)).add("::bigint[], ").arg(versions).add("::text[]")
	names := "id, version"
	if !same {
		for n := range w.fields {
			b.add(", ").arg(cols[n]).add("::text[]")
			names += fmt.Sprintf(", c%d", n)
		}
	}
	// The keys once more: joined with values alone, a table of some ten thousand
	// rows is read through for every thousand.
	b.add(") AS v(", names, ") WHERE ", and(s.d.refer("t", t.key[0])+" = v.id", s.rows(t, "t")), " AND ")
	s.hasKey(b, t, "t", keys)
	if done == nil {
		_, err := tx.ExecContext(ctx, b.String(), b.args...)
		return s.fail("edit "+t.name, err)
	}
	b.add(" AND (v.version IS NULL OR v.version = ", s.version(t, "t"), "::text) RETURNING ", s.d.refer("t", t.key[0]), ", ", cmp.Or(s.top(t), "''"))
	return s.each(ctx, tx, b, 2, "edit "+t.name, func(v []any) { done[text(v[0])] = text(v[1]) })
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
// the person's conversations too, are erased or blanked as the profile says. of
// is the conversation of each, where that is known.
func (s *Source) forget(ctx context.Context, tx *sql.Tx, edited *table, keys []string, of map[string]string) error {
	if len(keys) == 0 {
		return nil
	}
	t, keys, err := s.whole(ctx, tx, edited, keys)
	if err != nil {
		return err
	}
	var shared []dropped
	var ids []string // of the conversations they belong to, once somebody asks
	for _, k := range keys {
		if id := of[k]; id != "" {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
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
			if ids == nil {
				if ids, err = s.conversationsOf(ctx, tx, t, keys); err != nil {
					return err
				}
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
	var sets, filled []string
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
		n, x := s.d.quote(f.column.name), s.d.refer("t", f.column.name)
		if s.d == mariadb {
			n = x
		}
		sets = append(sets, n+" = "+empty)
		switch {
		case f.column.nullable:
			x += " IS NOT NULL"
		case f.column.json() && s.d == postgres:
			x += "::text <> '{}'"
		default:
			x += " <> " + empty
		}
		filled = append(filled, x)
	}
	if len(sets) == 0 {
		return false
	}
	s.update(b, o)
	b.add(strings.Join(sets, ", "), " WHERE (", strings.Join(filled, " OR "), ") AND ") // a row that is empty is not written again
	return true
}

// conversationsOf returns the keys of the conversations the records belong to.
func (s *Source) conversationsOf(ctx context.Context, tx *sql.Tx, t *table, keys []string) ([]string, error) {
	sel := &selection{s: s, t: t}
	x, _ := sel.climb()
	b := &query{d: s.d}
	b.reads = true
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
