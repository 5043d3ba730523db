package memory

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/pii/ident"
)

// kindOf says which kind of identifier a field holds.
var kindOf = map[string]gallra.IdentifierKind{
	"name": gallra.IdentName, "contact_name": gallra.IdentName, "from_name": gallra.IdentName,
	"email": gallra.IdentEmail, "contact_email": gallra.IdentEmail, "from_email": gallra.IdentEmail,
	"phone": gallra.IdentPhone, "personnummer": gallra.IdentPersonnummer, "username": gallra.IdentUsername,
	"customer": gallra.IdentCustomer, "ip": gallra.IdentIP,
}

// Find compares identity fields, and every text when asked to.
func (c *Source) Find(ctx context.Context, n connector.Needles, cursor string) (connector.Hits, error) {
	s := c.sys
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := c.ready(ctx, "find", gallra.Ref{}); err != nil {
		return connector.Hits{}, err
	}
	from, err := s.after(cursor)
	if err != nil {
		return connector.Hits{}, err
	}
	m := ident.New(n.Identifiers)
	var out connector.Hits
	for _, id := range s.ids[from:] {
		if len(out.Hits) >= defaultLimit {
			out.Next = strconv.FormatInt(id-1, 10)
			return out, nil
		}
		if r := s.rows[id]; r != nil {
			out.Hits = append(out.Hits, c.hits(r, n, m)...)
		}
	}
	return out, nil
}

// after returns the position of the first id behind a cursor.
func (s *System) after(cursor string) (int, error) {
	if cursor == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(cursor, 10, 64)
	if err != nil || n < 0 {
		return 0, gallra.Errorf(gallra.Invalid, "connector.bad_cursor")
	}
	i, _ := slices.BinarySearch(s.ids, n+1)
	return i, nil
}

func (c *Source) hits(r *row, n connector.Needles, m *ident.Matcher) []connector.Hit {
	s := c.sys
	var out []connector.Hit
	hit := func(field string, index int, role gallra.Role) {
		if slices.ContainsFunc(out, func(h connector.Hit) bool { return h.Identifier == index && h.Field == field }) {
			return
		}
		k := n.Identifiers[index].Kind
		h := connector.Hit{Ref: c.ref(r), Role: role, Field: field, Kind: k, Certainty: connector.Certain, Created: r.created, Identifier: index}
		if k == gallra.IdentName {
			h.Certainty = connector.Unsure
		}
		if conv := s.conversation(r); conv != nil && conv != r {
			h.Parent = c.ref(conv)
		}
		out = append(out, h)
	}
	for i, id := range n.Identifiers {
		own := s.requester(s.conversation(r), id)
		if r.typ == TypePerson && id.Kind == gallra.IdentAccount && id.Value == strconv.FormatInt(r.id, 10) {
			hit("id", i, gallra.RoleRequester)
		}
		if r.typ == TypeConversation && s.rows[r.person] != nil && own {
			hit("person", i, gallra.RoleRequester)
		}
		for _, f := range r.fields {
			if f.Value == "" || kindOf[f.Name] != id.Kind || !ident.Equal(id.Kind, f.Value, id.Value) {
				continue
			}
			role := gallra.RoleRequester
			if r.typ == TypeMessage && !own {
				role = gallra.RoleAuthor
			}
			hit(f.Name, i, role)
		}
	}
	if n.Depth != connector.InText {
		return out
	}
	text := func(field, value string, foreign gallra.Role) {
		for _, f := range m.Find(value) {
			role := foreign
			if s.requester(s.conversation(r), n.Identifiers[f.Index]) {
				role = gallra.RoleRequester
			}
			hit(field, f.Index, role)
		}
	}
	for _, f := range r.fields {
		if info, _ := types[r.typ].Field(f.Name); info.Text {
			text(f.Name, f.Value, gallra.RoleMentioned)
		}
	}
	if r.file != "" {
		text("content", string(s.files[r.file]), gallra.RoleAttachment)
	}
	return out
}

// requester reports whether id points out the person whose case conv is.
func (s *System) requester(conv *row, id gallra.Identifier) bool {
	if conv == nil {
		return false
	}
	for _, r := range []*row{conv, s.rows[conv.person]} {
		if r == nil {
			continue
		}
		if r.typ == TypePerson && id.Kind == gallra.IdentAccount && id.Value == strconv.FormatInt(r.id, 10) {
			return true
		}
		for _, f := range r.fields {
			if f.Value != "" && kindOf[f.Name] == id.Kind && ident.Equal(id.Kind, f.Value, id.Value) {
				return true
			}
		}
	}
	return false
}

// Leftovers reads the storage itself, wastebasket, index and files included,
// not the records that Find reads.
func (c *Source) Leftovers(ctx context.Context, n connector.Needles, _ string) (connector.Residues, error) {
	s := c.sys
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := c.ready(ctx, "leftovers", gallra.Ref{}); err != nil {
		return connector.Residues{}, err
	}
	m := ident.New(n.Identifiers)
	var out connector.Residues
	look := func(ref gallra.Ref, where, value string) {
		if found := m.Find(value); len(found) > 0 {
			out.Residues = append(out.Residues, gallra.Residue{Ref: ref, Where: where, Why: "residue.found", Count: int64(len(found))})
		}
	}
	for _, part := range []struct {
		where string
		rows  map[int64]*row
	}{{"", s.rows}, {"wastebasket.", s.basket}} {
		for _, id := range sorted(part.rows) {
			r := part.rows[id]
			for _, f := range r.fields {
				look(c.ref(r), part.where+r.typ+"."+f.Name, f.Value)
			}
			if r.file != "" {
				look(c.ref(r), part.where+r.typ+".content", string(s.files[r.file]))
			}
		}
	}
	for _, id := range sorted(s.index) {
		look(gallra.Ref{System: c.id, Type: cmp.Or(s.typeOf(id), "index"), ID: strconv.FormatInt(id, 10)}, "search index", s.index[id])
	}
	return out, nil
}

func (s *System) typeOf(id int64) string {
	if r := s.rows[id]; r != nil {
		return r.typ
	}
	return ""
}

// Remains looks in every part of the storage for the ids.
func (c *Source) Remains(ctx context.Context, refs []gallra.Ref) ([]gallra.Residue, error) {
	s := c.sys
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := c.ready(ctx, "remains", gallra.Ref{}); err != nil {
		return nil, err
	}
	var out []gallra.Residue
	for _, ref := range refs {
		id := number(ref.ID)
		if s.rows[id] != nil {
			out = append(out, gallra.Residue{Ref: ref, Where: ref.Type, Why: "residue.still_there", Count: 1})
		}
		if s.basket[id] != nil {
			out = append(out, gallra.Residue{Ref: ref, Where: "wastebasket", Why: "residue.wastebasket", Count: 1})
		}
		if _, ok := s.index[id]; ok && s.rows[id] == nil {
			out = append(out, gallra.Residue{Ref: ref, Where: "search index", Why: "residue.still_there", Count: 1})
		}
	}
	return out, nil
}
