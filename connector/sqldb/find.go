package sqldb

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/document"
	"github.com/gallra/gallra/pii/ident"
)

// place is where a find goes on.
type place struct {
	Table int    `json:"t"`
	Key   string `json:"k"`
}

// Find looks in identity columns by their index, follows the person's key to
// the records that point at it, and, when asked to look in text, reads every
// record, decoded.
func (s *Source) Find(ctx context.Context, n connector.Needles, cursor string) (connector.Hits, error) {
	if n.Depth == connector.InFields {
		return s.inFields(ctx, n)
	}
	return s.inText(ctx, n, cursor)
}

func (s *Source) inFields(ctx context.Context, n connector.Needles) (connector.Hits, error) {
	var hits connector.Hits
	persons := map[string][]string{} // keys found, by type
	which := map[gallra.Ref]int{}
	for _, t := range s.tables {
		for i, id := range n.Identifiers {
			recs, field, err := s.byIdentity(ctx, t, id)
			if err != nil {
				return hits, err
			}
			for k, r := range recs {
				hits.Hits = append(hits.Hits, s.hit(t, r, field[k], i, id.Kind))
				if t.spec.Kind == connector.KindPerson {
					persons[t.typ] = append(persons[t.typ], r.Ref.ID)
					which[r.Ref] = i
				}
				if p := r.Parent; !p.IsZero() && s.byType[p.Type] != nil && s.byType[p.Type].spec.Kind == connector.KindPerson {
					// An address kept in a table of its own leads to its person.
					persons[p.Type] = append(persons[p.Type], p.ID)
					which[p] = i
				}
			}
		}
	}
	for typ, keys := range persons {
		pt := s.byType[typ]
		found, err := s.byKeys(ctx, s.db, pt, keys, connector.FieldsNone, "")
		if err != nil {
			return hits, err
		}
		for _, r := range found {
			i := which[r.Ref]
			hits.Hits = append(hits.Hits, s.hit(pt, r, fieldSpec{Name: pt.spec.Key[0]}, i, n.Identifiers[i].Kind))
		}
		for _, t := range s.tables {
			m := t.spec.Person
			if m == nil || m.Type != typ {
				continue
			}
			recs, err := s.byPerson(ctx, t, pt, keys)
			if err != nil {
				return hits, err
			}
			for _, r := range recs {
				i := which[r.Person]
				h := s.hit(t, r, fieldSpec{Name: m.Column}, i, n.Identifiers[i].Kind)
				h.Role = gallra.RoleAuthor
				if t.spec.Kind == connector.KindConversation || t.spec.Parent == nil {
					h.Role = gallra.RoleRequester
				}
				hits.Hits = append(hits.Hits, h)
			}
		}
	}
	return hits, nil
}

func (s *Source) byPerson(ctx context.Context, t, pt *table, keys []string) ([]gallra.Record, error) {
	st := s.reader(t, connector.FieldsNone)
	m := t.spec.Person
	conds := []func(*query){func(b *query) {
		if m.Match == "" {
			b.in("t."+s.d.quote(m.Column), keys, pt.keyNumeric())
			return
		}
		b.add("t.", s.d.quote(m.Column), " IN (SELECT q.", s.d.quote(m.Match), " FROM ", s.d.quote(pt.name), " q WHERE ")
		s.hasKey(b, pt, "q.", keys)
		b.add(")")
	}}
	if t.spec.Where != "" {
		conds = append(conds, func(b *query) { b.add("(", s.expand(t.spec.Where), ")") })
	}
	st.where(conds)
	recs, err := st.all(ctx, s.db)
	if err != nil {
		return nil, s.fail("find in "+t.name, err)
	}
	return recs, nil
}

// byIdentity asks the identity columns of one table for one identifier. What
// the database thinks equal is compared again by the rules of the kind.
func (s *Source) byIdentity(ctx context.Context, t *table, id gallra.Identifier) ([]gallra.Record, []fieldSpec, error) {
	if id.Kind == gallra.IdentAccount {
		if t.spec.Kind != connector.KindPerson || id.System != "" && id.System != s.system {
			return nil, nil, nil
		}
		recs, err := s.byKeys(ctx, s.db, t, []string{id.Value}, connector.FieldsNone, "")
		return recs, make([]fieldSpec, len(recs)), err
	}
	cat := id.Kind.Category()
	var fields []fieldSpec
	for _, f := range t.fields {
		if f.Meta.Gallra.Category == cat && !f.Meta.Gallra.Text && t.columns[f.Name].name != "" {
			fields = append(fields, f)
		}
	}
	if len(fields) == 0 {
		return nil, nil, nil
	}
	forms := ident.Forms(id)
	st := s.reader(t, connector.FieldsNone)
	for _, f := range fields { // the values, to compare again
		st.fields = append(st.fields, f)
	}
	sel := st.b.String()
	cut := strings.Index(sel, " FROM ")
	extra := ""
	for _, f := range fields {
		extra += ", t." + s.d.quote(f.Name)
	}
	st.b.b.Reset()
	st.b.add(sel[:cut], extra, sel[cut:])
	st.where([]func(*query){func(b *query) {
		b.add("(")
		for i, f := range fields {
			if i > 0 {
				b.add(" OR ")
			}
			s.same(b, "t."+s.d.quote(f.Name), f, id, forms)
		}
		b.add(")")
	}})
	recs, err := st.all(ctx, s.db)
	if err != nil {
		return nil, nil, s.fail("find in "+t.name, err)
	}
	var out []gallra.Record
	var where []fieldSpec
	for _, r := range recs {
		for _, f := range fields {
			v, _ := r.Field(f.Name)
			if v != "" && ident.Equal(id.Kind, v, id.Value) {
				r.Fields = nil
				out, where = append(out, r), append(where, f)
				break
			}
		}
	}
	return out, where, nil
}

// same writes a condition that holds for every way of writing the value that
// the index can answer; a column without one is compared loosely.
func (s *Source) same(b *query, col string, f fieldSpec, id gallra.Identifier, forms []string) {
	if f.Meta.Gallra.Indexed {
		b.in(col, append(forms, id.Value), false)
		return
	}
	switch id.Kind {
	case gallra.IdentPhone, gallra.IdentPersonnummer:
		// Separators may stand anywhere: compare the digits that every form shares.
		digits := strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return r
			}
			return -1
		}, id.Value)
		if len(digits) > 7 {
			digits = digits[len(digits)-7:]
		}
		b.add("REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(CAST(", col, " AS ", map[dialect]string{postgres: "TEXT", mariadb: "CHAR", sqlite: "TEXT"}[s.d], "), ' ', ''), '-', ''), '+', ''), '(', ''), ')', '') LIKE ").arg("%" + digits)
	default:
		b.add("LOWER(", col, ") LIKE ").arg("%" + strings.ToLower(shortest(forms, id.Value)) + "%")
	}
}

func shortest(forms []string, value string) string {
	out := value
	for _, f := range forms {
		if len(f) < len(out) && f != "" {
			out = f
		}
	}
	return strings.NewReplacer("%", "", "_", "").Replace(strings.TrimSpace(out))
}

func (s *Source) hit(t *table, r gallra.Record, f fieldSpec, i int, kind gallra.IdentifierKind) connector.Hit {
	role := f.Meta.Gallra.Role
	if role == "" {
		switch {
		case t.spec.Kind == connector.KindPerson:
			role = gallra.RoleRequester
		case t.spec.Kind == connector.KindAttachment:
			role = gallra.RoleAttachment
		default:
			role = gallra.RoleMentioned
		}
	}
	return connector.Hit{Ref: r.Ref, Parent: r.Parent, Role: role, Field: f.Name, Kind: kind, Certainty: certainty(kind), Created: r.Created, Identifier: i}
}

func certainty(k gallra.IdentifierKind) connector.Certainty {
	if k == gallra.IdentName || k == gallra.IdentIP {
		return connector.Unsure
	}
	return connector.Certain
}

// inText reads every record of every type, decoded, and matches all written
// forms. One call reads one page of one type.
func (s *Source) inText(ctx context.Context, n connector.Needles, cursor string) (connector.Hits, error) {
	var at place
	var hits connector.Hits
	if cursor != "" {
		if err := json.Unmarshal([]byte(cursor), &at); err != nil {
			return hits, gallra.Errorf(gallra.Invalid, "sqldb.cursor")
		}
	} else {
		var err error
		if hits, err = s.inFields(ctx, n); err != nil { // the fields were asked for too
			return hits, err
		}
	}
	if at.Table >= len(s.tables) {
		return hits, nil
	}
	m := ident.New(n.Identifiers)
	t := s.tables[at.Table]
	page, err := s.List(ctx, connector.Query{Type: t.typ, Cursor: at.Key})
	if err != nil {
		return hits, err
	}
	for _, r := range page.Records {
		for _, f := range t.fields {
			v, ok := r.Field(f.Name)
			if !ok || v == "" {
				continue
			}
			txt, problems := decoded(f, r, v)
			for _, p := range problems {
				hits.Skipped = append(hits.Skipped, connector.Problem{Ref: r.Ref, Where: f.Name, Reason: p})
			}
			seen := map[int]bool{}
			for _, x := range m.Find(txt) {
				if seen[x.Index] {
					continue
				}
				seen[x.Index] = true
				hits.Hits = append(hits.Hits, s.hit(t, r, f, x.Index, n.Identifiers[x.Index].Kind))
			}
		}
	}
	at.Key = page.Next
	if at.Key == "" {
		at.Table++
	}
	if at.Table < len(s.tables) {
		b, _ := json.Marshal(at) // two plain fields always marshal
		hits.Next = string(b)
	}
	return hits, nil
}

// decoded is a field's text: markup, mail and files opened.
func decoded(f fieldSpec, r gallra.Record, v string) (string, []string) {
	var ct string
	name := ""
	switch f.Meta.Gallra.Format {
	case connector.FormatPlain, connector.FormatJSON:
		return v, nil
	case connector.FormatHeaders:
		ct, v = string(connector.FormatMail), v+"\r\n\r\n"
	case connector.FormatFile:
		for _, n := range []string{"filename", "name"} {
			if x, ok := r.Field(n); ok {
				name = x
			}
		}
	default:
		ct = string(f.Meta.Gallra.Format)
	}
	txt, problems := document.Text(name, ct, []byte(v), document.Limits{})
	var out []string
	for _, p := range problems {
		out = append(out, p.Reason)
	}
	return txt, out
}
