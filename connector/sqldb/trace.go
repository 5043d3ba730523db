package sqldb

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/pii"
	"github.com/gallra/gallra/pii/ident"
)

// trace is what belongs to some records: by which values the rows of each table
// point at the row above them, and shared content they use. Once a ticket and
// its articles are gone nothing else tells which search rows were theirs.
type trace struct {
	s     *Source
	roots []*traced
}

// traced is the records of one type.
type traced struct {
	root   *table
	keys   []string
	links  map[*table]map[string][]string // value of the parent column: keys of the records
	shared map[*table]map[string][]string // shared key: keys of the records
}

// Trace notes what belongs to refs, on a connection of its own.
func (s *Source) Trace(ctx context.Context, refs []gallra.Ref) (connector.Trace, error) {
	byType := map[string][]string{}
	for _, r := range refs {
		if r.System == s.system {
			byType[r.Type] = append(byType[r.Type], r.ID)
		}
	}
	out := &trace{s: s}
	for _, root := range s.tables {
		for keys := range slices.Chunk(byType[root.typ], maxLimit) {
			x := &traced{root: root, keys: keys, links: map[*table]map[string][]string{}, shared: map[*table]map[string][]string{}}
			if err := s.follow(ctx, x); err != nil {
				return nil, err
			}
			out.roots = append(out.roots, x)
		}
	}
	return out, nil
}

// follow goes down from the records, owner by owner.
func (s *Source) follow(ctx context.Context, x *traced) error {
	for _, t := range s.tables { // parents stand before children
		if t != x.root && !t.below(x.root) {
			continue
		}
		// What others point at in rows of t, besides the key of the records themselves.
		var cols []string
		var to []map[string][]string
		need := func(col string, into map[string][]string) {
			cols, to = append(cols, col), append(to, into)
		}
		for _, c := range s.tables {
			if c.owner != t {
				continue
			}
			into := map[string][]string{}
			x.links[c] = into
			switch m := c.matched(); {
			case len(c.meta.Parent.Prefixes) > 0 && t == x.root:
				for _, p := range c.meta.Parent.Prefixes {
					for _, k := range x.keys {
						into[p+k] = []string{k}
					}
				}
			case len(c.meta.Parent.Prefixes) > 0:
			case t == x.root && slices.Equal(t.key, []string{m}):
				for _, k := range x.keys {
					into[k] = []string{k}
				}
			default:
				need(m, into)
			}
		}
		if sh := t.meta.Shared; sh != nil {
			x.shared[t] = map[string][]string{}
			need(sh.Column, x.shared[t])
		}
		if len(cols) == 0 {
			continue
		}
		err := s.rowsOf(ctx, x, t, cols, "trace "+t.name, func(of []string, v []any) {
			for i, into := range to {
				if val := text(v[i]); v[i] != nil && val != "" {
					for _, k := range of {
						if !slices.Contains(into[val], k) {
							into[val] = append(into[val], k)
						}
					}
				}
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// rowsOf reads columns of the rows of t that belong to the records, or are them.
func (s *Source) rowsOf(ctx context.Context, x *traced, t *table, cols []string, doing string, f func(of []string, v []any)) error {
	refer := make([]string, len(cols))
	for i, c := range cols {
		refer[i] = s.d.refer("t", c)
	}
	return s.valuesOf(ctx, x, t, refer, doing, f)
}

// valuesOf is rowsOf for expressions over the alias t.
func (s *Source) valuesOf(ctx context.Context, x *traced, t *table, cols []string, doing string, f func(of []string, v []any)) error {
	lead := x.root.key
	if t != x.root {
		lead = []string{t.meta.Parent.Column}
	}
	values := x.keys
	if t != x.root {
		values = slices.Collect(maps.Keys(x.links[t]))
		slices.Sort(values)
	}
	for part := range slices.Chunk(values, maxLimit) {
		b := &query{d: s.d, reads: true}
		b.add("SELECT ")
		for i, c := range lead {
			b.add(map[bool]string{true: "", false: ", "}[i == 0], s.d.refer("t", c))
		}
		for _, c := range cols {
			b.add(", ", c)
		}
		b.add(" FROM ", s.d.quote(t.name), " t WHERE ")
		if c := s.rows(t, "t"); c != "" {
			b.add(c, " AND ")
		}
		if t == x.root {
			s.hasKey(b, t, "t", part)
		} else {
			b.in(s.d.refer("t", lead[0]), part, t.columns[lead[0]].numeric())
		}
		err := s.each(ctx, s.other, b, len(lead)+len(cols), doing, func(v []any) {
			of := []string{x.root.keyOf(v)}
			if t != x.root {
				of = x.links[t][text(v[0])]
			}
			f(of, v[len(lead):])
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// tally counts rows by record and place, in the order they are met.
type tally struct {
	s     *Source
	root  *table
	count map[[2]string]int
	out   []gallra.Residue
}

func (t *tally) add(key, where, why string) {
	at, ok := t.count[[2]string{key, where}]
	if !ok {
		at = len(t.out)
		t.count[[2]string{key, where}] = at
		t.out = append(t.out, gallra.Residue{Ref: gallra.Ref{System: t.s.system, Type: t.root.typ, ID: key}, Where: where, Why: why})
	}
	t.out[at].Count++
}

// Remains looks for the rows themselves and for all that belonged to them, at
// any depth, and for shared content that nothing uses any more.
func (t *trace) Remains(ctx context.Context) ([]gallra.Residue, error) {
	var out []gallra.Residue
	for _, x := range t.roots {
		found := &tally{s: t.s, root: x.root, count: map[[2]string]int{}}
		for _, o := range t.s.tables {
			if o != x.root && !o.below(x.root) {
				continue
			}
			var cols []string
			why := "residue.child"
			switch {
			case o == x.root:
				why = "residue.still_there"
			case o.meta.OnErase == editBlank: // the row is another's; its texts were not to stay
				for _, f := range o.fields {
					if !f.Meta.Keep && f.settable() && f.Meta.Text {
						cols = append(cols, f.column.name)
					}
				}
				if len(cols) == 0 {
					continue
				}
			}
			err := t.s.rowsOf(ctx, x, o, cols, "verify "+o.name, func(of []string, v []any) {
				if len(cols) > 0 && !slices.ContainsFunc(v, func(c any) bool { s := text(c); return s != "" && s != "{}" }) {
					return
				}
				for _, k := range of {
					found.add(k, o.name, why)
				}
			})
			if err != nil {
				return nil, err
			}
		}
		err := t.s.sharedOf(ctx, x, nil, func(d *table, key string, _ []string, _ []any) {
			for _, k := range x.users(key) {
				found.add(k, d.name, "residue.child")
			}
		})
		if err != nil {
			return nil, err
		}
		out = append(out, found.out...)
	}
	return out, nil
}

// users returns the records that used a shared key.
func (x *traced) users(key string) []string {
	var out []string
	for _, m := range x.shared {
		out = append(out, m[key]...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// sharedOf reads the rows of shared content that the records used and that no
// other row uses now. Without look their keys are enough.
func (s *Source) sharedOf(ctx context.Context, x *traced, look func(typ string) connector.Look, f func(d *table, key string, names []string, v []any)) error {
	for t, held := range x.shared {
		if len(held) == 0 || look != nil && look(t.typ) == connector.LookAway {
			continue
		}
		ids := slices.Sorted(maps.Keys(held))
		numeric := t.columns[t.meta.Shared.Column].numeric()
		for _, d := range t.meta.Shared.Delete {
			if d.Of != nil {
				continue // its key is another than the one that was noted, and the way to it is gone
			}
			name := s.prefix + d.Table
			target := &table{name: name, columns: s.have[name]}
			if target.columns == nil {
				continue
			}
			var names []string
			if look != nil { // the content is wanted
				names = target.searched("")
			}
			for part := range slices.Chunk(ids, maxLimit) {
				b := &query{d: s.d, reads: true}
				key := s.d.refer("t", d.Column)
				b.add("SELECT ", key)
				for _, n := range names {
					b.add(", ", s.d.refer("t", n))
				}
				b.add(" FROM ", s.d.quote(name), " t WHERE ")
				s.inOf(b, target.columns[d.Column], key, part, numeric)
				for _, u := range t.meta.Shared.Users {
					b.add(" AND NOT EXISTS (SELECT 1 FROM ", s.d.quote(s.prefix+u.Table), " u WHERE ", and(s.d.refer("u", u.Column)+" = "+key, s.d.condition("u", u.Where)), ")")
				}
				if err := s.each(ctx, s.other, b, 1+len(names), "verify "+name, func(v []any) { f(target, text(v[0]), names, v[1:]) }); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// Attached implements connector.Counter: rows of attachments, and what their
// content measures where it stands.
func (t *trace) Attached(ctx context.Context) (map[string]connector.Attached, error) {
	out := map[string]connector.Attached{}
	for _, x := range t.roots {
		for _, o := range t.s.tables {
			if o.kind != connector.KindAttachment || !o.below(x.root) {
				continue
			}
			size := "0"
			for _, f := range o.fields {
				if f.Meta.Format == connector.FormatFile && !f.content {
					size = t.s.d.bytes(t.s.d.refer("t", f.column.name))
					if f.base64() {
						size = "(" + size + ") / 4 * 3"
					}
				}
			}
			err := t.s.valuesOf(ctx, x, o, []string{size}, "count "+o.name, func(of []string, v []any) {
				n, _ := strconv.ParseInt(text(v[0]), 10, 64) // none is nothing
				for _, k := range of {
					a := out[k]
					out[k] = connector.Attached{Files: a.Files + 1, Bytes: a.Bytes + n}
				}
			})
			if err != nil {
				return nil, err
			}
			if c := o.meta.Content; c != nil && c.Of == nil && o.meta.Shared != nil && c.Column == o.meta.Shared.Column {
				if err := t.s.measured(ctx, x, o, out); err != nil {
					return nil, err
				}
			}
		}
	}
	return out, nil
}

// measured adds what content measures that stands in rows of another table.
func (s *Source) measured(ctx context.Context, x *traced, o *table, out map[string]connector.Attached) error {
	c := o.meta.Content
	ids := slices.Sorted(maps.Keys(x.shared[o]))
	for part := range slices.Chunk(ids, maxLimit) {
		b := &query{d: s.d, reads: true}
		b.add("SELECT ", s.d.refer("t", c.Match), ", sum(", s.d.bytes(s.d.refer("t", c.Value)), ") FROM ", s.d.quote(s.prefix+c.Table), " t WHERE ")
		s.inOf(b, s.have[s.prefix+c.Table][c.Match], s.d.refer("t", c.Match), part, o.columns[c.Column].numeric())
		b.add(" GROUP BY ", s.d.refer("t", c.Match))
		err := s.each(ctx, s.other, b, 2, "count "+c.Table, func(v []any) {
			n, _ := strconv.ParseInt(text(v[1]), 10, 64) // none is nothing
			for _, k := range x.shared[o][text(v[0])] {
				a := out[k]
				out[k] = connector.Attached{Files: a.Files, Bytes: a.Bytes + n}
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// searched returns the columns of t that can hold a value of a person: not its
// keys, not the column that leads to its owner, not statistics.
func (t *table) searched(link string) []string {
	var out []string
	for _, n := range slices.Sorted(maps.Keys(t.columns)) {
		keep := slices.ContainsFunc(t.fields, func(f field) bool { return f.column.name == n && f.Meta.Keep })
		if t.columns[n].searchable() && !keep && n != link && !slices.Contains(t.key, n) {
			out = append(out, n)
		}
	}
	return out
}

// Leftovers reads every column of every row that belongs to the records and
// decodes what looks encoded.
func (t *trace) Leftovers(ctx context.Context, lost []connector.Lost, look func(typ string) connector.Look) ([]gallra.Residue, error) {
	var out []gallra.Residue
	for _, x := range t.roots {
		mine := make(map[string]bool, len(x.keys))
		for _, k := range x.keys {
			mine[k] = true
		}
		all := &needles{persons: map[string]bool{}}
		by := map[string]*needle{}
		for _, l := range lost {
			if l.Ref.System == t.s.system && l.Ref.Type == x.root.typ && mine[l.Ref.ID] {
				by[l.Ref.ID] = &needle{of: all, matcher: ident.New(l.Values)}
			}
		}
		if len(by) == 0 {
			continue
		}
		found := &tally{s: t.s, root: x.root, count: map[[2]string]int{}}
		seen := func(o *table, of, names []string, v []any) {
			for _, k := range of {
				if n := by[k]; n != nil {
					for _, n := range n.standing(o, names, v) {
						found.add(k, o.name+"."+n, "residue.found")
					}
				}
			}
		}
		for _, o := range t.s.tables {
			if o != x.root && !o.below(x.root) {
				continue
			}
			var names []string
			switch look(o.typ) {
			case connector.LookAway:
				continue
			case connector.LookValues:
				link := ""
				if o != x.root {
					link = o.meta.Parent.Column
				}
				if names = o.searched(link); len(names) == 0 {
					continue
				}
			}
			err := t.s.rowsOf(ctx, x, o, names, "search "+o.name, func(of []string, v []any) {
				if len(names) > 0 {
					seen(o, of, names, v)
					return
				}
				for _, k := range of {
					if _, asked := by[k]; asked {
						found.add(k, o.name, "residue.child")
					}
				}
			})
			if err != nil {
				return nil, err
			}
		}
		err := t.s.sharedOf(ctx, x, look, func(d *table, key string, names []string, v []any) { seen(d, x.users(key), names, v) })
		if err != nil {
			return nil, err
		}
		out = append(out, found.out...)
	}
	return out, nil
}

// longNumber is how long a number must be to be a person's and not a count.
const longNumber = 8

// needles are those of one search, with what they share.
type needles struct {
	persons map[string]bool  // whether a column's name is that of a person's name
	live    []*ident.Matcher // those that have written forms out
}

// needle is what is looked for of one record. Few of them keep the forms that
// they have written out.
type needle struct {
	of      *needles
	matcher *ident.Matcher
}

const liveMatchers = 32

// find returns the matcher, for a value that may hold one of its own.
func (n *needle) find() *ident.Matcher {
	if all := n.of; !slices.Contains(all.live, n.matcher) {
		if all.live = append(all.live, n.matcher); len(all.live) > liveMatchers {
			all.live[0].Trim()
			all.live = all.live[1:]
		}
	}
	return n.matcher
}

// passes reports whether a value reads as it stands and holds none of what is
// looked for.
func (n *needle) passes(x string) bool {
	return !(len(x) > 16 && len(x)%4 == 0) && !strings.ContainsAny(x, "\n\x03=<&\\%{") && !n.matcher.May(x)
}

// person reports whether a column holds names of persons, by its own name.
func (n *needles) person(column string) bool {
	is, known := n.persons[column]
	if !known {
		k, ok := pii.ColumnName(column)
		is = ok && k == gallra.CategoryPerson
		n.persons[column] = is
	}
	return is
}

// standing returns the columns in which one of the values stands.
func (n *needle) standing(t *table, names []string, v []any) []string {
	var out []string
	var parts string
	first := ""
	for i, name := range names {
		x := text(v[i])
		c := t.columns[name]
		if x == "" || c.numeric() && len(x) < longNumber {
			continue
		}
		if !n.passes(x) {
			if here, _ := holds(n.find(), c, x); here {
				out = append(out, name)
			}
		}
		if len(x) < 200 && n.of.person(name) {
			if parts += " " + x; first == "" {
				first = name
			}
		}
	}
	if len(out) == 0 && first != "" && n.matcher.May(parts) && len(n.find().Find(parts)) > 0 { // given name and surname apart
		out = append(out, first)
	}
	return out
}
