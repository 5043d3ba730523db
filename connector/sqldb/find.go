package sqldb

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/pii/ident"
)

// place is where a search in text goes on.
type place struct {
	Table int    `json:"t"`
	Key   string `json:"k"`
}

// Find looks in identity columns by their index, follows the person's key to
// the records that point at it, and, when asked to look in text, then reads
// every record, decoded.
func (s *Source) Find(ctx context.Context, n connector.Needles, cursor string) (connector.Hits, error) {
	if n.Depth == connector.InFields {
		hits, _, err := s.inFields(ctx, n)
		return connector.Hits{Hits: hits}, err
	}
	return s.inText(ctx, n, cursor)
}

// arm is one SELECT of a UNION ALL and what its rows mean.
type arm struct {
	t          *table
	f          field
	identifier int
	person     bool // rows that point at a person, not rows with the value
}

// inFields answers with two statements, however many tables there are: rows
// with one of the values, then rows that point at the persons among those. It
// also returns the person's own conversations.
func (s *Source) inFields(ctx context.Context, n connector.Needles) ([]connector.Hit, map[gallra.Ref]bool, error) {
	own := map[gallra.Ref]bool{}
	var hits []connector.Hit
	persons := map[gallra.Ref]int{} // and the identifier that led to each
	var order []gallra.Ref
	meet := func(p gallra.Ref, identifier int) {
		if _, ok := persons[p]; !ok && !p.IsZero() {
			persons[p] = identifier
			order = append(order, p)
		}
	}
	b := &query{d: s.d}
	var arms []arm
	for _, t := range s.tables {
		if !t.listed {
			continue
		}
		for i, id := range n.Identifiers {
			arms = s.identityArms(b, arms, t, i, id)
		}
	}
	err := s.union(ctx, b, arms, func(a arm, rec gallra.Record, value string) {
		id := n.Identifiers[a.identifier]
		if id.Kind != gallra.IdentAccount && !ident.Equal(id.Kind, value, id.Value) {
			return
		}
		h := hit(a.t, rec, a.f, a.identifier, id.Kind)
		hits = append(hits, h)
		switch {
		case a.t.kind == connector.KindPerson:
			meet(rec.Ref, a.identifier)
		case a.t.owner != nil && a.t.owner.kind == connector.KindPerson && h.Certainty == connector.Certain:
			meet(rec.Person, a.identifier) // an address that is kept in a table of its own
		case a.t.kind == connector.KindConversation && h.Role == gallra.RoleRequester:
			own[rec.Ref] = true
		}
	})
	if err != nil {
		return nil, nil, err
	}
	found := map[gallra.Ref]bool{}
	for _, h := range hits {
		found[h.Ref] = true
	}
	var linked []connector.Hit
	b, arms = &query{d: s.d}, nil
	for _, pt := range s.tables {
		var keys []string
		for _, p := range order {
			if p.Type == pt.typ {
				keys = append(keys, p.ID)
			}
		}
		if len(keys) > 0 {
			arms = s.personArms(b, arms, pt, keys)
		}
	}
	err = s.union(ctx, b, arms, func(a arm, rec gallra.Record, _ string) {
		p := rec.Person
		if a.t.kind == connector.KindPerson {
			p = rec.Ref
		}
		i, ok := persons[p]
		if !ok || a.t.kind == connector.KindPerson && found[rec.Ref] {
			return
		}
		h := hit(a.t, rec, a.f, i, n.Identifiers[i].Kind)
		switch {
		case a.t.kind == connector.KindConversation:
			own[rec.Ref] = true
			h.Role = gallra.RoleRequester
		case a.t.kind != connector.KindPerson && a.t.conversation() == nil:
			h.Role = gallra.RoleRequester // what is kept about the person
		case a.t.kind != connector.KindPerson:
			if h.Role = gallra.RoleAuthor; a.f.Meta.Role != "" {
				h.Role = a.f.Meta.Role
			}
		}
		linked = append(linked, h)
	})
	if err != nil {
		return nil, nil, err
	}
	hits = append(hits, linked...)
	for i := range hits {
		settle(&hits[i], own)
	}
	return hits, own, nil
}

// settle gives a hit in the person's own conversation the role of that.
func settle(h *connector.Hit, own map[gallra.Ref]bool) {
	if own[h.Parent] && h.Role != gallra.RoleAgent {
		h.Role = gallra.RoleRequester
	}
}

// open begins one arm of a UNION ALL; its condition follows.
func (s *Source) open(b *query, arms []arm, a arm, column string, cond func(*query)) []arm {
	if len(arms) > 0 {
		b.add(" UNION ALL ")
	}
	sel := &selection{s: s, t: a.t}
	cast := func(x string) string {
		if s.d == mariadb {
			return "CAST(" + x + " AS CHAR)"
		}
		return "CAST(" + x + " AS TEXT)"
	}
	cols := []string{strconv.Itoa(len(arms))}
	for i := range 3 {
		if i < len(a.t.key) {
			cols = append(cols, cast(s.d.refer("t", a.t.key[i])))
		} else {
			cols = append(cols, cast("NULL"))
		}
	}
	sel.belonging()
	at := 0
	for _, to := range []*table{sel.parent, sel.person} {
		x := "NULL"
		if to != nil {
			x = sel.columns[at]
			at++
		}
		cols = append(cols, cast(x))
	}
	created := s.event(a.t, gallra.StartCreated, "t")
	if created == "" {
		created = "NULL"
	}
	value := "NULL"
	if column != "" {
		value = s.d.refer("t", column)
	}
	cols = append(cols, cast(created), cast(value))
	sel.write(b, strings.Join(cols, ", "), []func(*query){cond})
	return append(arms, a)
}

// union runs the statement of the arms and calls f with every row.
func (s *Source) union(ctx context.Context, b *query, arms []arm, f func(a arm, rec gallra.Record, value string)) error {
	if len(arms) == 0 {
		return nil
	}
	return s.each(ctx, s.db, b, 8, "find", func(v []any) {
		i, err := strconv.Atoi(text(v[0]))
		if err != nil || i >= len(arms) {
			return // the number of the arm, which the statement itself wrote
		}
		a := arms[i]
		rec := gallra.Record{Ref: gallra.Ref{System: s.system, Type: a.t.typ, ID: a.t.keyOf(v[1:4])}}
		if c := a.t.conversation(); c != nil && v[4] != nil {
			rec.Parent = gallra.Ref{System: s.system, Type: c.typ, ID: text(v[4])}
		}
		if p := s.personOf(a.t); p != nil && v[5] != nil {
			rec.Person = gallra.Ref{System: s.system, Type: p.typ, ID: text(v[5])}
			if a.t.below(p) {
				rec.Parent = rec.Person
			}
		}
		rec.Created = s.clock(a.t, gallra.StartCreated).read(v[6])
		f(a, rec, text(v[7]))
	})
}

// personOf returns the type of person that rows of t are about.
func (s *Source) personOf(t *table) *table {
	sel := &selection{s: s, t: t}
	sel.belonging()
	return sel.person
}

// identityArms adds an arm for each column of t that holds what id is.
func (s *Source) identityArms(b *query, arms []arm, t *table, i int, id gallra.Identifier) []arm {
	if id.Kind == gallra.IdentAccount {
		if t.kind != connector.KindPerson || id.System != "" && id.System != s.system {
			return arms
		}
		return s.open(b, arms, arm{t: t, f: field{fieldSpec: fieldSpec{Name: t.key[0]}}, identifier: i}, t.key[0], func(b *query) { s.hasKey(b, t, "t", []string{id.Value}) })
	}
	for _, f := range t.fields {
		login := id.Kind == gallra.IdentEmail && f.Meta.Category == gallra.CategoryUsername // often the address itself
		if f.Meta.Category != id.Kind.Category() && !login || f.Meta.Text || !f.settable() || f.Meta.Format != "" {
			continue
		}
		arms = s.open(b, arms, arm{t: t, f: f, identifier: i}, f.column.name, func(b *query) { s.same(b, t, f, id) })
	}
	return arms
}

// personArms adds the arms of rows that are about the persons, and of the
// persons themselves.
func (s *Source) personArms(b *query, arms []arm, pt *table, keys []string) []arm {
	arms = s.open(b, arms, arm{t: pt, f: field{fieldSpec: fieldSpec{Name: pt.key[0]}}, person: true}, "", func(b *query) { s.hasKey(b, pt, "t", keys) })
	for _, t := range s.tables {
		if !t.listed {
			continue
		}
		if m := t.meta.Person; m != nil && m.Type == pt.typ {
			arms = s.open(b, arms, arm{t: t, f: field{fieldSpec: fieldSpec{Name: or(m.Column, m.Type), Meta: fieldMeta{Role: m.Role}}}, person: true}, "", func(b *query) { s.about(b, t, pt, keys) })
		} else if t.below(pt) && t.conversation() == nil {
			arms = s.open(b, arms, arm{t: t, f: field{fieldSpec: fieldSpec{Name: t.meta.Parent.Column}}, person: true}, "", func(b *query) { s.owned(b, t, pt, keys) })
		}
	}
	return arms
}

// same writes a condition that holds for every way of writing the value. A
// column with an index is asked for whole values, which the index can answer;
// where upper and lower case differ and the table is large, a value written in
// mixed case is left to the search in text. What the condition lets through is
// compared again by the rules of the kind.
func (s *Source) same(b *query, t *table, f field, id gallra.Identifier) {
	col := s.d.refer("t", f.column.name)
	if f.Meta.Indexed && (!t.small || !f.column.exact) {
		forms := ident.Forms(id)
		for _, x := range slices.Clone(forms) {
			if l := strings.ToLower(x); !slices.Contains(forms, l) {
				forms = append(forms, l)
			}
		}
		b.in(col, forms, f.column.numeric())
		return
	}
	cast := map[bool]string{true: "CHAR", false: "TEXT"}[s.d == mariadb]
	switch id.Kind {
	case gallra.IdentPhone, gallra.IdentPersonnummer, gallra.IdentCustomer:
		// Signs may stand anywhere: compare the last digits, which every form shares.
		digits := strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return r
			}
			return -1
		}, id.Value)
		if len(digits) < 4 {
			b.add("LOWER(CAST(", col, " AS ", cast, ")) = ").arg(strings.ToLower(strings.TrimSpace(id.Value)))
			return
		}
		digits = digits[max(0, len(digits)-4):]
		x := "CAST(" + col + " AS " + cast + ")"
		for _, sign := range []string{" ", "-", "+", "(", ")", "/", ".", "–", "\u00a0"} {
			x = "REPLACE(" + x + ", '" + sign + "', '')"
		}
		b.add(x, " LIKE ").arg("%" + digits + "%")
	case gallra.IdentName:
		b.add(col, " IS NOT NULL") // folding and the order of names are not the database's business
	case gallra.IdentEmail:
		// A part after "+" and upper case are the same mailbox.
		local, domain, _ := strings.Cut(ident.Normalise(id.Kind, id.Value), "@")
		b.add("LOWER(CAST(", col, " AS ", cast, ")) LIKE ").arg("%" + escapeLike(local) + "%@" + escapeLike(domain) + "%").add(" ESCAPE '|'")
	default:
		b.add("LOWER(CAST(", col, " AS ", cast, ")) LIKE ").arg("%" + escapeLike(strings.ToLower(strings.TrimPrefix(strings.TrimSpace(id.Value), "@"))) + "%").add(" ESCAPE '|'")
	}
}

func escapeLike(s string) string {
	return strings.NewReplacer("|", "||", "%", "|%", "_", "|_").Replace(s)
}

func hit(t *table, r gallra.Record, f field, i int, kind gallra.IdentifierKind) connector.Hit {
	role := f.Meta.Role
	if role == "" {
		switch t.kind {
		case connector.KindPerson:
			role = gallra.RoleRequester
		case connector.KindAgent:
			role = gallra.RoleAgent
		case connector.KindAttachment:
			role = gallra.RoleAttachment
		default:
			role = gallra.RoleMentioned
		}
	}
	h := connector.Hit{Ref: r.Ref, Parent: r.Parent, Role: role, Field: f.Name, Kind: kind, Certainty: connector.Certain, Created: r.Created, Identifier: i}
	if kind == gallra.IdentName || kind == gallra.IdentIP {
		h.Certainty = connector.Unsure
	}
	return h
}

// inText reads every record of every type, decoded, and matches all written
// forms. One call reads one page of one type.
func (s *Source) inText(ctx context.Context, n connector.Needles, cursor string) (connector.Hits, error) {
	var at place
	if cursor != "" {
		if err := json.Unmarshal([]byte(cursor), &at); err != nil {
			return connector.Hits{}, gallra.Errorf(gallra.Invalid, "sqldb.cursor")
		}
	}
	fields, own, err := s.inFields(ctx, n)
	if err != nil {
		return connector.Hits{}, err
	}
	var hits connector.Hits
	if cursor == "" {
		hits.Hits = fields // they were asked for too
	}
	for at.Table < len(s.tables) && !s.tables[at.Table].listed {
		at.Table++
	}
	if at.Table >= len(s.tables) {
		return hits, nil
	}
	t, m := s.tables[at.Table], ident.New(n.Identifiers)
	page, err := s.List(ctx, connector.Query{Type: t.typ, Cursor: at.Key, Limit: 5000})
	if err != nil {
		return hits, err
	}
	for _, r := range page.Records {
		s.matches(m, t, r, func(f field, i int) {
			h := hit(t, r, f, i, n.Identifiers[i].Kind)
			settle(&h, own)
			hits.Hits = append(hits.Hits, h)
		}, func(p connector.Problem) { hits.Skipped = append(hits.Skipped, p) })
	}
	at.Key = page.Next
	if at.Key == "" {
		at.Table++
	}
	if at.Table < len(s.tables) {
		b, err := json.Marshal(at)
		if err != nil {
			return hits, fmt.Errorf("sqldb: cursor: %w", err)
		}
		hits.Next = string(b)
	}
	return hits, nil
}

// matches calls found once for each field and identifier that stands in it. A
// name that is split over columns is looked for in them together.
func (s *Source) matches(m *ident.Matcher, t *table, r gallra.Record, found func(f field, identifier int), skipped func(connector.Problem)) {
	var names []string
	var first field
	for _, f := range t.fields {
		v, ok := r.Field(f.Name)
		if !ok || v == "" || len(f.Meta.Lookup) > 0 && !f.Meta.Text {
			continue
		}
		if f.Meta.Category == gallra.CategoryPerson && !f.Meta.Text {
			if len(names) == 0 {
				first = f
			}
			names = append(names, v)
		}
		plain, problems := readable(f.Meta.Format, fileName(r), v)
		for _, p := range problems {
			skipped(connector.Problem{Ref: r.Ref, Where: f.Name, Reason: p})
		}
		for _, i := range distinct(m, plain) {
			found(f, i)
		}
	}
	if len(names) > 1 {
		for _, i := range distinct(m, strings.Join(names, " ")) {
			found(first, i)
		}
	}
}

// distinct returns which identifiers stand in a text.
func distinct(m *ident.Matcher, plain string) []int {
	var out []int
	for _, x := range m.Find(plain) {
		if !slices.Contains(out, x.Index) {
			out = append(out, x.Index)
		}
	}
	return out
}
