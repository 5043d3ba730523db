package xexport

import (
	"archive/zip"
	"context"
	"encoding/base64"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/jsonedit"
	"github.com/gallra/gallra/connector/safefile"
	"github.com/gallra/gallra/connector/zipfile"
	"github.com/gallra/gallra/document"
	"github.com/gallra/gallra/pii/ident"
)

// Find looks at the numbers of accounts in conversations and the names of
// accounts that posts answer, and at all texts when asked to.
func (s *Source) Find(ctx context.Context, n connector.Needles, cursor string) (connector.Hits, error) {
	after, err := position(cursor)
	if err != nil {
		return connector.Hits{}, err
	}
	a, done, err := s.read(ctx)
	if err != nil {
		return connector.Hits{}, err
	}
	defer done()
	h := hunt{s: s, n: n, any: ident.New(n.Identifiers)}
	if cursor == "" {
		h.out.Skipped = s.problems(a)
	}
	last := ""
	for _, t := range types {
		for _, e := range a.entries(t.Name) {
			key := strconv.Itoa(slices.IndexFunc(types, func(o connector.Type) bool { return o.Name == t.Name })) + e.key
			if after != "" && key <= after {
				continue
			}
			if err := ctx.Err(); err != nil {
				return connector.Hits{}, err
			}
			if len(h.out.Hits) >= defaultLimit {
				h.out.Next = base64.RawURLEncoding.EncodeToString([]byte(last))
				return h.out, nil
			}
			h.look(e.what)
			last = key
		}
	}
	return h.out, nil
}

// hunt is one search.
type hunt struct {
	s   *Source
	n   connector.Needles
	any *ident.Matcher
	out connector.Hits
}

func (h *hunt) look(what any) {
	r, _ := h.s.record(what, connector.FieldsNone)
	seen := map[[2]string]bool{}
	add := func(i int, field string, role gallra.Role) {
		key := [2]string{field, strconv.Itoa(i)}
		if seen[key] {
			return
		}
		seen[key] = true
		k := h.n.Identifiers[i].Kind
		hit := connector.Hit{Ref: r.Ref, Role: role, Field: field, Kind: k, Certainty: connector.Certain, Created: r.Created, Identifier: i}
		if k == gallra.IdentName {
			hit.Certainty = connector.Unsure
		}
		if c := conversationOf(what); c != "" {
			hit.Parent = h.s.ref(TypeConversation, c)
		}
		h.out.Hits = append(h.out.Hits, hit)
	}
	account := func(field, value string, role gallra.Role) {
		for i, id := range h.n.Identifiers {
			if (id.Kind == gallra.IdentAccount || id.Kind == gallra.IdentUsername) && value != "" && ident.Equal(id.Kind, value, id.Value) {
				add(i, field, role)
			}
		}
	}
	own := map[int]bool{}
	text := func(field, value string, foreign gallra.Role) {
		if h.n.Depth != connector.InText {
			return
		}
		for _, f := range h.any.Find(value) {
			role := foreign
			if own[f.Index] {
				role = gallra.RoleRequester
			}
			add(f.Index, field, role)
		}
	}
	switch x := what.(type) {
	case *conversation:
		// With one other person the case is theirs; in a group they are one.
		role := gallra.RoleRequester
		if x.group {
			role = gallra.RoleCC
		}
		for _, p := range x.participants() {
			account("participants", p, role)
		}
		text("name", x.name(), gallra.RoleMentioned)
	case *message:
		account("sender", x.sender, gallra.RoleAuthor)
		text("text", x.text.value, gallra.RoleMentioned)
		text("more", x.more, gallra.RoleMentioned)
	case *post:
		account("answers", x.answers.value, gallra.RoleCC)
		for _, m := range x.names {
			account("mentions", m.account.value, gallra.RoleMentioned)
			text("mentions", m.name.value, gallra.RoleMentioned)
		}
		text("text", x.text.value, gallra.RoleMentioned)
		text("more", x.more, gallra.RoleMentioned)
	case *media:
		text("filename", x.name(), gallra.RoleAttachment)
		if h.n.Depth == connector.InText {
			found, problems := fileText(x.file)
			text("content", found, gallra.RoleAttachment)
			for _, why := range problems {
				h.out.Skipped = append(h.out.Skipped, connector.Problem{Ref: r.Ref, Where: "content", Reason: why})
			}
		}
	}
}

// fileText returns the text in a file, and why some of it could not be read
// (REQUIREMENTS H-4).
func fileText(f *zip.File) (text string, problems []string) {
	b, err := zipfile.Unpack(f, maxFile)
	if err != nil {
		return "", []string{reason(err)}
	}
	text, found := document.Text(path.Base(f.Name), "", b, document.Limits{})
	for _, p := range found {
		problems = append(problems, p.Reason)
	}
	return text, problems
}

// each opens the archive and every likely copy beside it, in turn.
func (s *Source) each(ctx context.Context, f func(i int, place string, file *os.File) error) error {
	for i, name := range append([]string{s.path}, safefile.Copies(s.path)...) {
		if err := ctx.Err(); err != nil {
			return err
		}
		place := "zip"
		if i > 0 {
			place = "copy-" + strconv.Itoa(i)
		}
		file, err := os.Open(name)
		if err != nil {
			return safefile.Error(err)
		}
		err = f(i, place, file)
		_ = file.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// Leftovers reads every entry of the ZIP and of likely copies beside it.
func (s *Source) Leftovers(ctx context.Context, n connector.Needles, _ string) (connector.Residues, error) {
	m := ident.New(n.Identifiers)
	var out connector.Residues
	err := s.each(ctx, func(i int, place string, file *os.File) error {
		add := func(where string, count int) {
			if count > 0 {
				out.Residues = append(out.Residues, gallra.Residue{Ref: s.ref("file", strconv.Itoa(i)), Where: where, Why: "residue.found", Count: int64(count)})
			}
		}
		z, err := zipfile.Read(file)
		if err != nil {
			if i == 0 {
				return err
			}
			b, err := os.ReadFile(file.Name())
			if err != nil {
				return safefile.Error(err)
			}
			add(place, len(m.Find(string(b))))
			return nil
		}
		for k, e := range z.File {
			if err := ctx.Err(); err != nil {
				return err
			}
			at := place + " entry " + strconv.Itoa(k+1)
			add(at+" name", len(m.Find(strings.NewReplacer("/", " ", "_", " ").Replace(e.Name))))
			if strings.HasSuffix(e.Name, "/") {
				continue
			}
			texts, problems := entryTexts(e)
			count := 0
			for _, t := range texts {
				count += len(m.Find(t))
			}
			for _, why := range problems {
				out.Skipped = append(out.Skipped, connector.Problem{Where: at, Reason: why})
			}
			add(at, count)
		}
		return nil
	})
	return out, err
}

// entryTexts returns the strings of a script or the text of another file.
func entryTexts(e *zip.File) (texts, problems []string) {
	if path.Ext(e.Name) != ".js" {
		text, problems := fileText(e)
		return []string{text}, problems
	}
	b, err := zipfile.Unpack(e, maxScript)
	if err != nil {
		return nil, []string{reason(err)}
	}
	if at := strings.IndexByte(string(b), '='); at >= 0 {
		if texts, ok := jsonedit.Strings(b[at+1:]); ok {
			return texts, nil
		}
	}
	return []string{string(b)}, nil
}

// Remains reads the file and its copies anew and looks for the numbers of the
// records in the strings of every script, not by the road of List.
func (s *Source) Remains(ctx context.Context, refs []gallra.Ref) ([]gallra.Residue, error) {
	want := map[string][]gallra.Ref{}
	for _, r := range refs {
		id, _, _ := strings.Cut(r.ID, "~")
		want[id] = append(want[id], r)
	}
	var out []gallra.Residue
	err := s.each(ctx, func(i int, place string, file *os.File) error {
		z, err := zipfile.Read(file)
		if err != nil {
			if i > 0 {
				return nil // not a ZIP: Leftovers reads it as text
			}
			return err
		}
		left := map[gallra.Ref]bool{}
		see := func(id string, attachment bool) {
			for _, r := range want[id] {
				left[r] = left[r] || attachment == (r.Type == TypeAttachment)
			}
		}
		for _, e := range z.File {
			if m := mediaPath.FindStringSubmatch(e.Name); m != nil {
				see(m[1]+"-f"+digest([]byte(m[2])), true)
			}
			if path.Ext(e.Name) != ".js" {
				continue
			}
			texts, problems := entryTexts(e)
			if len(problems) > 0 {
				return gallra.Errorf(gallra.Unavailable, "zip.broken")
			}
			for _, t := range texts {
				see(t, false)
				see("d"+digest([]byte(t)), false)
			}
		}
		for _, r := range refs {
			if left[r] {
				out = append(out, gallra.Residue{Ref: r, Where: place, Why: "residue.still_there", Count: 1})
			}
		}
		return nil
	})
	return out, err
}
