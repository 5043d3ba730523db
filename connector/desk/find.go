package desk

import (
	"context"
	"slices"
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/document"
	"github.com/gallra/gallra/pii/ident"
)

// kinds says which kind of identifier a field of a category holds.
var kinds = map[gallra.Category]gallra.IdentifierKind{
	gallra.CategoryEmail: gallra.IdentEmail, gallra.CategoryPhone: gallra.IdentPhone, gallra.CategoryPersonnummer: gallra.IdentPersonnummer,
	gallra.CategoryPerson: gallra.IdentName, gallra.CategoryUsername: gallra.IdentUsername, gallra.CategoryCustomerID: gallra.IdentCustomer,
	gallra.CategoryIP: gallra.IdentIP,
}

// someone is what a person record tells: which identifiers it has, and whether
// it is a customer's or an employee's.
type someone struct {
	has  map[int]bool
	kind connector.Kind
}

// search is one call of Find.
type search struct {
	*Desk
	connector.Needles
	any     *ident.Matcher
	each    map[gallra.IdentifierKind]*ident.Matcher
	types   []connector.Type
	persons map[gallra.Ref]someone
	out     connector.Hits
}

func (d *Desk) search(ctx context.Context, n connector.Needles) (*search, error) {
	types, err := d.Types(ctx)
	if err != nil {
		return nil, err
	}
	s := &search{Desk: d, Needles: n, any: ident.New(n.Identifiers), each: map[gallra.IdentifierKind]*ident.Matcher{}, types: types, persons: map[gallra.Ref]someone{}}
	for _, id := range n.Identifiers {
		if s.each[id.Kind] != nil {
			continue
		}
		own := make([]gallra.Identifier, len(n.Identifiers)) // others' places stay, empty
		for i, o := range n.Identifiers {
			own[i].Kind = o.Kind
			if o.Kind == id.Kind {
				own[i] = o
			}
		}
		s.each[id.Kind] = ident.New(own)
	}
	return s, nil
}

// Find implements connector.Finder: the system's search names candidates, the
// cases of the persons among them are added, and each is read and compared here.
func (d *Desk) Find(ctx context.Context, n connector.Needles, cursor string) (connector.Hits, error) {
	s, err := d.search(ctx, n)
	if err != nil {
		return connector.Hits{}, err
	}
	c, err := d.V.Search(ctx, n, cursor)
	if err != nil {
		return connector.Hits{}, err
	}
	s.out.Next, s.out.Skipped = c.Next, c.Skipped
	queue, seen := c.Refs, map[gallra.Ref]bool{}
	for len(queue) > 0 {
		ref := queue[0]
		queue = queue[1:]
		if seen[ref] {
			continue
		}
		seen[ref] = true
		more, err := s.root(ctx, ref)
		if gallra.CodeOf(err) == gallra.NotFound {
			continue // the index still names what is gone
		}
		if err != nil {
			return connector.Hits{}, err
		}
		queue = append(queue, more...)
	}
	return s.out, nil
}

// root compares one root and what hangs on it; it returns further candidates.
func (s *search) root(ctx context.Context, ref gallra.Ref) ([]gallra.Ref, error) {
	r, err := s.V.Root(ctx, ref)
	if err != nil {
		return nil, err
	}
	t := s.typ(r.Ref.Type) // a person that was taken for a customer may be an employee
	own, err := s.whose(ctx, r, t)
	if err != nil {
		return nil, err
	}
	s.record(r, t, gallra.Record{}, own)
	if err := s.copied(ctx, r, t); err != nil {
		return nil, err
	}
	switch {
	case t.Kind == connector.KindConversation:
		return nil, s.below(ctx, r, own)
	case (t.Kind == connector.KindPerson || t.Kind == connector.KindAgent) && len(own) > 0:
		return s.V.Cases(ctx, r.Ref)
	}
	return nil, nil
}

// copied looks at the persons that a field with the role of a copy names by id.
func (s *search) copied(ctx context.Context, r gallra.Record, t connector.Type) error {
	i := slices.IndexFunc(s.types, func(t connector.Type) bool { return t.Kind == connector.KindPerson })
	if i < 0 {
		return nil
	}
	for _, f := range r.Fields {
		if info, _ := t.Field(f.Name); info.Role != gallra.RoleCC || info.Category != "" {
			continue
		}
		for _, id := range strings.Fields(f.Value) {
			p, err := s.person(ctx, gallra.Ref{System: s.System, Type: s.types[i].Name, ID: id})
			if err != nil {
				return err
			}
			for i := range p.has {
				s.hit(r, gallra.Record{}, i, f.Name, p.role(gallra.RoleCC))
			}
		}
	}
	return nil
}

func (s *search) typ(name string) connector.Type {
	i := slices.IndexFunc(s.types, func(t connector.Type) bool { return t.Name == name })
	if i < 0 {
		return connector.Type{}
	}
	return s.types[i]
}

// whose returns the identifiers of the person whose root this is: those that
// the root's own fields or its person record hold.
func (s *search) whose(ctx context.Context, r gallra.Record, t connector.Type) (map[int]bool, error) {
	own := map[int]bool{}
	person := t.Kind == connector.KindPerson || t.Kind == connector.KindAgent
	for _, f := range r.Fields {
		info, _ := t.Field(f.Name)
		if person || info.Role == gallra.RoleRequester {
			for i := range s.in(kinds[info.Category], f.Value) {
				own[i] = true
			}
		}
	}
	if person {
		for i := range s.account(r.Ref) {
			own[i] = true
		}
		s.persons[r.Ref] = someone{own, t.Kind}
	}
	if !r.Person.IsZero() && !person {
		has, err := s.person(ctx, r.Person)
		if err != nil {
			return nil, err
		}
		for i := range has.has {
			own[i] = true
		}
	}
	return own, nil
}

// person returns what a person record tells; little when it is gone.
func (s *search) person(ctx context.Context, ref gallra.Ref) (someone, error) {
	if p, ok := s.persons[ref]; ok {
		return p, nil
	}
	r, err := s.V.Root(ctx, ref)
	if gone, err := Absent(err); err != nil {
		return someone{}, err
	} else if gone {
		s.persons[ref] = someone{s.account(ref), s.typ(ref.Type).Kind}
		return s.persons[ref], nil
	}
	if _, err = s.whose(ctx, r, s.typ(r.Ref.Type)); err != nil {
		return someone{}, err
	}
	s.persons[ref] = s.persons[r.Ref]
	return s.persons[ref], nil
}

// account returns the identifiers that are the record's own id.
func (s *search) account(ref gallra.Ref) map[int]bool {
	out := map[int]bool{}
	for i, id := range s.Identifiers {
		if id.Kind == gallra.IdentAccount && (id.System == "" || id.System == s.System) && strings.TrimSpace(id.Value) == ref.ID {
			out[i] = true
		}
	}
	return out
}

// in returns which identifiers of a kind the value is or lists.
func (s *search) in(k gallra.IdentifierKind, value string) map[int]bool {
	m := s.each[k]
	if m == nil || value == "" {
		return nil
	}
	out := map[int]bool{}
	for _, f := range m.Find(value) {
		out[f.Index] = true
	}
	for i, id := range s.Identifiers {
		if id.Kind == k && id.Value != "" && ident.Equal(k, value, id.Value) {
			out[i] = true
		}
	}
	return out
}

func (s *search) below(ctx context.Context, conv gallra.Record, own map[int]bool) error {
	th, err := s.thread(ctx, conv)
	if err != nil {
		return err
	}
	s.out.Skipped = append(s.out.Skipped, th.Skipped...)
	for _, r := range th.Records {
		t := s.typ(r.Ref.Type)
		if !r.Person.IsZero() && r.Person != conv.Person {
			wrote, err := s.person(ctx, r.Person)
			if err != nil {
				return err
			}
			for i := range wrote.has {
				s.hit(r, conv, i, "author", wrote.role(gallra.RoleAuthor))
			}
		}
		s.record(r, t, conv, own)
		if t.Kind == connector.KindAttachment && s.Depth == connector.InText {
			if err := s.file(ctx, r, conv, own); err != nil {
				return err
			}
		}
	}
	return nil
}

// role returns the role of a customer, or an employee's.
func (p someone) role(role gallra.Role) gallra.Role {
	if p.kind == connector.KindAgent {
		return gallra.RoleAgent
	}
	return role
}

func (s *search) record(r gallra.Record, t connector.Type, conv gallra.Record, own map[int]bool) {
	identity := map[int]bool{}
	for _, f := range r.Fields {
		info, _ := t.Field(f.Name)
		for i := range s.in(kinds[info.Category], f.Value) {
			identity[i] = true
			role := info.Role
			switch {
			case t.Kind == connector.KindAgent:
				role = gallra.RoleAgent
			case t.Kind == connector.KindPerson || role == gallra.RoleAuthor && own[i]:
				role = gallra.RoleRequester
			case role == "":
				role = gallra.RoleMentioned
			}
			s.hit(r, conv, i, f.Name, role)
		}
	}
	switch t.Kind {
	case connector.KindPerson, connector.KindAgent:
		for i := range s.account(r.Ref) {
			s.hit(r, conv, i, "id", someone{kind: t.Kind}.role(gallra.RoleRequester))
		}
	case connector.KindConversation:
		for i := range own {
			if !identity[i] {
				s.hit(r, conv, i, "requester", gallra.RoleRequester)
			}
		}
	}
	if s.Depth != connector.InText {
		return
	}
	for _, f := range r.Fields {
		info, _ := t.Field(f.Name)
		for _, m := range s.any.Find(Readable(info, f.Value)) {
			if kinds[info.Category] == s.Identifiers[m.Index].Kind {
				continue
			}
			role := gallra.RoleMentioned
			switch {
			case own[m.Index]:
				role = gallra.RoleRequester
			case t.Kind == connector.KindAttachment:
				role = gallra.RoleAttachment
			}
			s.hit(r, conv, m.Index, f.Name, role)
		}
	}
}

// file reads the content of an attachment.
func (s *search) file(ctx context.Context, r, conv gallra.Record, own map[int]bool) error {
	text, problems, err := s.content(ctx, r)
	if err != nil {
		return err
	}
	s.out.Skipped = append(s.out.Skipped, problems...)
	for _, m := range s.any.Find(text) {
		role := gallra.RoleAttachment
		if own[m.Index] {
			role = gallra.RoleRequester
		}
		s.hit(r, conv, m.Index, "content", role)
	}
	return nil
}

// content returns the text in a file, and what could not be read of it.
func (d *Desk) content(ctx context.Context, r gallra.Record) (string, []connector.Problem, error) {
	b, err := d.V.Content(ctx, r.Ref)
	switch gallra.CodeOf(err) {
	case "":
	case gallra.NotFound:
		return "", nil, nil // gone since it was listed
	case gallra.Blocked, gallra.Drift, gallra.Forbidden, gallra.Invalid: // this file, not the system
		return "", []connector.Problem{{Ref: r.Ref, Where: "content", Reason: "desk.file_unreadable"}}, nil
	default:
		return "", nil, err
	}
	name, _ := r.Field("filename")
	text, found := document.Text(name, "", b, document.Limits{})
	var problems []connector.Problem
	for _, p := range found {
		problems = append(problems, connector.Problem{Ref: r.Ref, Where: "content", Reason: p.Reason})
	}
	return text, problems, nil
}

// Readable returns what a person reads in the value of a field.
func Readable(info connector.FieldInfo, value string) string {
	if info.Format != connector.FormatHTML || value == "" {
		return value
	}
	text, _ := document.Text("text.html", string(connector.FormatHTML), []byte(value), document.Limits{})
	return text
}

func (s *search) hit(r, conv gallra.Record, i int, field string, role gallra.Role) {
	h := connector.Hit{Ref: r.Ref, Parent: conv.Ref, Role: role, Field: field, Kind: s.Identifiers[i].Kind, Certainty: connector.Certain, Created: r.Created, Identifier: i}
	if h.Kind == gallra.IdentName {
		h.Certainty = connector.Unsure
	}
	if !slices.ContainsFunc(s.out.Hits, func(o connector.Hit) bool { return o.Ref == h.Ref && o.Identifier == i && o.Field == field }) {
		s.out.Hits = append(s.out.Hits, h)
	}
}

// roots is how many roots a page of Leftovers reads.
const roots = 20

// Leftovers implements connector.Searcher. It walks through everything, history
// and lists of what is deleted included, and reads it here; the system's search
// has no part in it.
func (d *Desk) Leftovers(ctx context.Context, n connector.Needles, at string) (connector.Residues, error) {
	c, err := parse(at)
	if err != nil {
		return connector.Residues{}, err
	}
	s, err := d.search(ctx, n)
	if err != nil {
		return connector.Residues{}, err
	}
	var top []connector.Type
	for _, t := range s.types {
		if t.Parent == "" {
			top = append(top, t)
		}
	}
	if c.Type >= len(top) {
		return connector.Residues{}, gallra.Errorf(gallra.Invalid, "connector.bad_cursor")
	}
	w := left{search: s}
	if at == "" {
		if err := w.traces(ctx, gallra.Record{}); err != nil {
			return w.out, err
		}
	}
	t := top[c.Type]
	page, err := d.V.Walk(ctx, t.Name, c.After, roots)
	if err != nil {
		return connector.Residues{}, err
	}
	w.out.Skipped = append(w.out.Skipped, page.Skipped...)
	for _, r := range page.Records {
		if err := w.root(ctx, r, t); gallra.CodeOf(err) != gallra.NotFound && err != nil {
			return connector.Residues{}, err
		}
	}
	switch {
	case page.Next != "":
		w.out.Next = cursor{Type: c.Type, After: page.Next}.String()
	case c.Type+1 < len(top):
		w.out.Next = cursor{Type: c.Type + 1}.String()
	}
	return w.out, nil
}

// left collects residues.
type left struct {
	*search
	out connector.Residues
}

func (w *left) add(ref gallra.Ref, where, text string) {
	if n := len(w.any.Find(text)); n > 0 {
		w.out.Residues = append(w.out.Residues, gallra.Residue{Ref: ref, Where: where, Why: "residue.found", Count: int64(n)})
	}
}

func (w *left) fields(r gallra.Record, t connector.Type) {
	for _, f := range r.Fields {
		info, _ := t.Field(f.Name)
		n := len(w.any.Find(Readable(info, f.Value)))
		if k := kinds[info.Category]; n == 0 && k != "" {
			n = len(w.in(k, f.Value)) // values too short for running text
		}
		if n > 0 {
			w.out.Residues = append(w.out.Residues, gallra.Residue{Ref: r.Ref, Where: t.Name + "." + f.Name, Why: "residue.found", Count: int64(n)})
		}
	}
	if t.Kind == connector.KindPerson && len(w.account(r.Ref)) > 0 {
		w.out.Residues = append(w.out.Residues, gallra.Residue{Ref: r.Ref, Where: t.Name + ".id", Why: "residue.found", Count: 1})
	}
}

func (w *left) root(ctx context.Context, r gallra.Record, t connector.Type) error {
	w.fields(r, t)
	if t.Kind != connector.KindConversation {
		return nil
	}
	th, err := w.thread(ctx, r)
	if err != nil {
		return err
	}
	w.out.Skipped = append(w.out.Skipped, th.Skipped...)
	for _, m := range th.Records {
		mt := w.typ(m.Ref.Type)
		w.fields(m, mt)
		if mt.Kind == connector.KindAttachment {
			text, problems, err := w.content(ctx, m)
			if err != nil {
				return err
			}
			w.out.Skipped = append(w.out.Skipped, problems...)
			w.add(m.Ref, mt.Name+".content", text)
		}
	}
	return w.traces(ctx, r)
}

func (w *left) traces(ctx context.Context, conv gallra.Record) error {
	traces, err := w.V.Traces(ctx, conv)
	if err != nil {
		return err
	}
	for _, t := range traces {
		w.add(t.Ref, t.Where, t.Text)
	}
	return nil
}
