package table

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/safefile"
	"github.com/gallra/gallra/pii/ident"
)

// kinds says which kind of identifier a column of a category holds.
var kinds = map[gallra.Category]gallra.IdentifierKind{
	gallra.CategoryEmail: gallra.IdentEmail, gallra.CategoryPhone: gallra.IdentPhone, gallra.CategoryPersonnummer: gallra.IdentPersonnummer,
	gallra.CategoryPerson: gallra.IdentName, gallra.CategoryUsername: gallra.IdentUsername, gallra.CategoryCustomerID: gallra.IdentCustomer,
	gallra.CategoryIP: gallra.IdentIP,
}

// needles is a search made ready.
type needles struct {
	connector.Needles
	any  *ident.Matcher
	each map[gallra.IdentifierKind]*ident.Matcher // of one kind; others' indexes hold nothing
}

func ready(n connector.Needles) needles {
	out := needles{Needles: n, any: ident.New(n.Identifiers), each: map[gallra.IdentifierKind]*ident.Matcher{}}
	for _, id := range n.Identifiers {
		if out.each[id.Kind] != nil {
			continue
		}
		own := make([]gallra.Identifier, len(n.Identifiers))
		for i, o := range n.Identifiers {
			own[i].Kind = o.Kind
			if o.Kind == id.Kind {
				own[i] = o
			}
		}
		out.each[id.Kind] = ident.New(own)
	}
	return out
}

// in returns which identifiers of a kind stand in the value of a column.
func (n needles) in(k gallra.IdentifierKind, value string) map[int]bool {
	m := n.each[k]
	if m == nil || value == "" {
		return nil
	}
	out := map[int]bool{}
	for _, f := range m.Find(value) {
		out[f.Index] = true
	}
	for i, id := range n.Identifiers {
		if id.Kind == k && id.Value != "" && ident.Equal(k, value, id.Value) {
			out[i] = true
		}
	}
	return out
}

// Find reads the file through; a row is its own person's when one of its
// identity columns says so, and mentions those whom its texts name.
func (s *Source) Find(ctx context.Context, n connector.Needles, cursor string) (connector.Hits, error) {
	f, sh, err := s.read(ctx)
	if err != nil {
		return connector.Hits{}, err
	}
	defer f.Close()
	scan := newScanner(ctx, f, sh.syntax, sh.names, sh.first)
	if err := sh.resume(scan, cursor); err != nil {
		return connector.Hits{}, err
	}
	want := ready(n)
	var out connector.Hits
	last := ""
	for {
		l, err := scan.scan()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return connector.Hits{}, err
		}
		if len(out.Hits) >= defaultLimit {
			out.Next, err = markAt(scan, l, last)
			return out, err
		}
		if l.problem != "" {
			out.Skipped = append(out.Skipped, s.problem(l))
			continue
		}
		out.Hits = append(out.Hits, s.hits(sh, l, want)...)
		last = digest(l.raw)
	}
}

func (s *Source) hits(sh *shape, l line, n needles) []connector.Hit {
	var out []connector.Hit
	own := map[int]bool{}
	add := func(i int, field string, role gallra.Role) {
		k := n.Identifiers[i].Kind
		h := connector.Hit{Role: role, Field: field, Kind: k, Certainty: connector.Certain, Identifier: i}
		if k == gallra.IdentName {
			h.Certainty = connector.Unsure
		}
		out = append(out, h)
	}
	var names []string
	nameField := ""
	for i, c := range l.cells {
		info, _ := sh.typ.Field(sh.cellName(c, i))
		if info.Category == gallra.CategoryPerson && info.Role == gallra.RoleRequester {
			names = append(names, c.value)
			nameField = info.Name
		}
		for k := range n.in(kinds[info.Category], c.value) {
			add(k, info.Name, info.Role)
			own[k] = own[k] || info.Role == gallra.RoleRequester
		}
		if info.Name == sh.id {
			for k, id := range n.Identifiers {
				if (id.Kind == gallra.IdentAccount || id.Kind == gallra.IdentCustomer) && !own[k] && ident.Equal(id.Kind, c.value, id.Value) {
					add(k, info.Name, gallra.RoleRequester)
					own[k] = true
				}
			}
		}
	}
	if len(names) > 1 { // first name and surname stand in columns of their own
		for k := range n.in(gallra.IdentName, strings.Join(names, " ")) {
			if !own[k] {
				add(k, nameField, gallra.RoleRequester)
				own[k] = true
			}
		}
	}
	if n.Depth == connector.InText {
		for i, c := range l.cells {
			name := sh.cellName(c, i)
			info, _ := sh.typ.Field(name)
			seen := map[int]bool{}
			for _, m := range n.any.Find(c.value) {
				identity := kinds[info.Category] == n.Identifiers[m.Index].Kind
				if seen[m.Index] || identity || own[m.Index] && name == sh.id {
					continue
				}
				seen[m.Index] = true
				role := gallra.RoleMentioned
				if own[m.Index] {
					role = gallra.RoleRequester
				}
				add(m.Index, name, role)
			}
		}
	}
	if len(out) > 0 {
		r := s.record(sh, l, connector.FieldsNone)
		for i := range out {
			out[i].Ref, out[i].Created = r.Ref, r.Created
		}
	}
	return out
}

// Leftovers reads the bytes of the file and of likely copies beside it, without
// taking them for rows: broken lines and what is left in copies count too.
func (s *Source) Leftovers(ctx context.Context, n connector.Needles, _ string) (connector.Residues, error) {
	if err := ctx.Err(); err != nil {
		return connector.Residues{}, err
	}
	m := ident.New(n.Identifiers)
	var out connector.Residues
	for i, path := range append([]string{s.path}, safefile.Copies(s.path)...) {
		count, skipped, err := s.count(ctx, path, m)
		if errors.Is(err, os.ErrNotExist) && i > 0 {
			continue // a copy that went meanwhile
		}
		if err != nil {
			return connector.Residues{}, err
		}
		out.Skipped = append(out.Skipped, skipped...)
		if count > 0 {
			out.Residues = append(out.Residues, gallra.Residue{Ref: s.ref(place(i)), Where: place(i), Why: "residue.found", Count: count})
		}
	}
	return out, nil
}

// place names the file itself or the n-th copy; the names of files may be personal.
func place(n int) string {
	if n == 0 {
		return "file"
	}
	return "copy-" + strconv.Itoa(n)
}

func (s *Source) count(ctx context.Context, path string, m *ident.Matcher) (int64, []connector.Problem, error) {
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return 0, nil, safefile.Error(err)
	}
	defer f.Close()
	return s.syntax.count(ctx, f, m)
}

// Remains reads the file and its copies anew, with nothing remembered.
func (s *Source) Remains(ctx context.Context, refs []gallra.Ref) ([]gallra.Residue, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	want := map[string]gallra.Ref{}
	for _, r := range refs {
		if r.Type == TypeRow {
			want[r.ID] = r
		}
	}
	var out []gallra.Residue
	for i, path := range append([]string{s.path}, safefile.Copies(s.path)...) {
		fresh, err := open(connector.Config{System: s.config.System, URL: s.config.URL, Options: s.config.Options}, s.syntax)
		if err != nil {
			return nil, err
		}
		fresh.path = path
		f, sh, err := fresh.read(ctx)
		if err != nil {
			if i > 0 && gallra.CodeOf(err) == gallra.Unavailable {
				continue // a copy that went meanwhile
			}
			return nil, err
		}
		scan := newScanner(ctx, f, sh.syntax, sh.names, sh.first)
		for {
			var l line
			if l, err = scan.scan(); err != nil {
				break
			}
			if l.problem != "" {
				continue
			}
			if r, ok := want[sh.ref(sh.key(l), l.at)]; ok {
				out = append(out, gallra.Residue{Ref: r, Where: place(i), Why: "residue.still_there", Count: 1})
			}
		}
		_ = f.Close()
		if !errors.Is(err, io.EOF) {
			return nil, err
		}
	}
	return out, nil
}
