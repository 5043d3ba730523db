package metaexport

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

// Find looks at the names of participants and senders, and at all texts when
// asked to. An export tells a person by name alone, so a hit by name is unsure
// and every other identifier stands in a text.
func (s *Source) Find(ctx context.Context, n connector.Needles, cursor string) (connector.Hits, error) {
	from, _, err := position(cursor)
	if err != nil {
		return connector.Hits{}, err
	}
	a, done, err := s.read(ctx)
	if err != nil {
		return connector.Hits{}, err
	}
	defer done()
	m := ident.New(n.Identifiers)
	var out connector.Hits
	last := ""
	for _, t := range a.threads {
		if cursor != "" && t.id <= from {
			continue
		}
		if err := ctx.Err(); err != nil {
			return connector.Hits{}, err
		}
		if len(out.Hits) >= defaultLimit {
			out.Next = last
			return out, nil
		}
		c, problems := s.load(t)
		out.Skipped = append(out.Skipped, problems...)
		if c != nil {
			hits, problems := s.hits(*c, n, m)
			out.Hits, out.Skipped = append(out.Hits, hits...), append(out.Skipped, problems...)
		}
		last = base64.RawURLEncoding.EncodeToString([]byte(t.id + "\x00"))
	}
	return out, nil
}

func (s *Source) hits(c conversation, n connector.Needles, m *ident.Matcher) ([]connector.Hit, []connector.Problem) {
	var out []connector.Hit
	var problems []connector.Problem
	conv := s.record(c, connector.FieldsNone)
	add := func(r gallra.Record, i int, field string, role gallra.Role) {
		k := n.Identifiers[i].Kind
		h := connector.Hit{Ref: r.Ref, Role: role, Field: field, Kind: k, Certainty: connector.Certain, Created: r.Created, Identifier: i}
		if k == gallra.IdentName {
			h.Certainty = connector.Unsure
		}
		if r.Ref != conv.Ref {
			h.Parent = conv.Ref
		}
		if !slices.ContainsFunc(out, func(o connector.Hit) bool { return o.Ref == h.Ref && o.Identifier == i && o.Field == field }) {
			out = append(out, h)
		}
	}
	named := func(i int, name string) bool {
		k := n.Identifiers[i].Kind
		return (k == gallra.IdentName || k == gallra.IdentUsername) && name != "" && ident.Equal(k, name, n.Identifiers[i].Value)
	}
	// With one other person the case is theirs; among several they are one.
	role, own := gallra.RoleRequester, map[int]bool{}
	if len(c.names()) > 2 {
		role = gallra.RoleCC
	}
	for i := range n.Identifiers {
		if named(i, c.title()) {
			own[i] = true
			add(conv, i, "title", role)
		}
		for _, name := range c.names() {
			if named(i, name) {
				own[i] = true
				add(conv, i, "participants", role)
			}
		}
		for _, msg := range c.messages {
			if named(i, msg.sender.value) {
				add(s.messageRecord(c, msg, connector.FieldsNone), i, "sender_name", gallra.RoleAuthor)
			}
		}
	}
	if n.Depth != connector.InText {
		return out, nil
	}
	text := func(r gallra.Record, field, value string, foreign gallra.Role) {
		for _, f := range m.Find(value) {
			role := foreign
			if own[f.Index] {
				role = gallra.RoleRequester
			}
			add(r, f.Index, field, role)
		}
	}
	for _, name := range append(c.names(), c.title()) {
		text(conv, "participants", name, gallra.RoleMentioned)
	}
	for _, msg := range c.messages {
		r := s.messageRecord(c, msg, connector.FieldsNone)
		text(r, "content", msg.text.value, gallra.RoleMentioned)
		text(r, "more", msg.more, gallra.RoleMentioned)
	}
	for _, f := range c.media {
		r := s.mediaRecord(c, f)
		text(r, "filename", path.Base(f.Name), gallra.RoleAttachment)
		found, reasons := fileText(f)
		text(r, "content", found, gallra.RoleAttachment)
		for _, why := range reasons {
			problems = append(problems, connector.Problem{Ref: r.Ref, Where: "content", Reason: why})
		}
	}
	return out, problems
}

// fileText returns the text in a file, and why some of it could not be read
// (REQUIREMENTS H-4).
func fileText(f *zip.File) (text string, problems []string) {
	b, err := zipfile.Unpack(f, maxJSON)
	if err != nil {
		return "", []string{reason(err)}
	}
	text, found := document.Text(path.Base(f.Name), "", b, document.Limits{})
	for _, p := range found {
		problems = append(problems, p.Reason)
	}
	return text, problems
}

// Leftovers reads every entry of the ZIP and of likely copies beside it, names
// of folders and files outside the conversations included.
func (s *Source) Leftovers(ctx context.Context, n connector.Needles, _ string) (connector.Residues, error) {
	if err := ctx.Err(); err != nil {
		return connector.Residues{}, err
	}
	m := ident.New(n.Identifiers)
	var slugs []string
	for _, id := range n.Identifiers {
		if v := slug(id.Value); id.Kind == gallra.IdentName && len(v) > 4 {
			slugs = append(slugs, v)
		}
	}
	var out connector.Residues
	add := func(file int, where string, count int) {
		if count > 0 {
			out.Residues = append(out.Residues, gallra.Residue{Ref: s.ref("file", strconv.Itoa(file)), Where: where, Why: "residue.found", Count: int64(count)})
		}
	}
	for i, name := range append([]string{s.path}, safefile.Copies(s.path)...) {
		place := "zip"
		if i > 0 {
			place = "copy-" + strconv.Itoa(i)
		}
		f, err := os.Open(name)
		if err != nil {
			return out, safefile.Error(err)
		}
		info, err := f.Stat()
		if err != nil {
			_ = f.Close()
			return out, safefile.Error(err)
		}
		z, err := zip.NewReader(f, info.Size())
		if err != nil {
			b, rerr := os.ReadFile(name)
			_ = f.Close()
			if i == 0 || rerr != nil {
				return out, gallra.Errorf(gallra.Unavailable, "zip.broken")
			}
			add(i, place, len(m.Find(string(b))))
			continue
		}
		for k, e := range z.File {
			if err := ctx.Err(); err != nil {
				_ = f.Close()
				return out, err
			}
			at := place + " entry " + strconv.Itoa(k+1)
			count := len(m.Find(strings.NewReplacer("/", " ", "_", " ").Replace(e.Name)))
			for _, v := range slugs {
				if slices.ContainsFunc(strings.Split(e.Name, "/"), func(part string) bool { return part == v || strings.HasPrefix(part, v+"_") }) {
					count++
				}
			}
			add(i, at+" name", count)
			count = 0
			if path.Ext(e.Name) == ".json" {
				b, err := zipfile.Unpack(e, maxJSON)
				if err != nil {
					out.Skipped = append(out.Skipped, connector.Problem{Where: at, Reason: reason(err)})
					continue
				}
				for _, text := range texts(b) {
					count += len(m.Find(text))
				}
			} else if !strings.HasSuffix(e.Name, "/") {
				text, problems := fileText(e)
				count = len(m.Find(text))
				for _, why := range problems {
					out.Skipped = append(out.Skipped, connector.Problem{Where: at, Reason: why})
				}
			}
			add(i, at, count)
		}
		_ = f.Close()
	}
	return out, nil
}

// texts returns every string of a JSON file, names of members included; the file
// as it stands when it is malformed.
func texts(b []byte) []string {
	out, ok := jsonedit.Strings(b)
	if !ok {
		return []string{string(b), unescape(string(b))}
	}
	for i := range out {
		out[i] = unescape(out[i])
	}
	return out
}

// Remains reads the file and its copies anew and counts what is there by the
// bytes of the message files, not by the road of List.
func (s *Source) Remains(ctx context.Context, refs []gallra.Ref) ([]gallra.Residue, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var out []gallra.Residue
	for i, name := range append([]string{s.path}, safefile.Copies(s.path)...) {
		f, err := os.Open(name)
		if err != nil {
			return nil, safefile.Error(err)
		}
		a, err := readArchive(f)
		if err != nil {
			_ = f.Close()
			if i > 0 {
				continue // not a ZIP: Leftovers reads it as text
			}
			return nil, err
		}
		place := "zip"
		if i > 0 {
			place = "copy-" + strconv.Itoa(i)
		}
		pages := map[*thread]string{}
		for _, ref := range refs {
			t, ok := a.thread(threadOf(ref.ID))
			if ok && ref.Type != TypeConversation {
				if _, read := pages[t]; !read && ref.Type == TypeMessage {
					for _, p := range t.pages {
						b, err := zipfile.Unpack(p, maxJSON)
						if err != nil {
							_ = f.Close()
							return nil, err
						}
						pages[t] += string(b)
					}
				}
				ok = holds(t, ref, pages[t])
			}
			if ok {
				out = append(out, gallra.Residue{Ref: ref, Where: place, Why: "residue.still_there", Count: 1})
			}
		}
		_ = f.Close()
	}
	return out, nil
}

// holds reports whether a folder holds a message or a file.
func holds(t *thread, ref gallra.Ref, pages string) bool {
	if ref.Type == TypeAttachment {
		return slices.ContainsFunc(t.media, func(f *zip.File) bool { return t.mediaID(f) == ref.ID })
	}
	part := strings.Split(ref.ID, "-")
	if len(part) < 2 {
		return false
	}
	nth := 1
	if len(part) > 2 {
		nth, _ = strconv.Atoi(part[2]) // 0 for none of ours: then too many are said to remain
	}
	count := 0
	for rest := pages; ; {
		_, after, ok := strings.Cut(rest, `"timestamp_ms"`)
		if !ok {
			return count >= nth
		}
		rest = after
		v := strings.TrimLeft(after, " \t\r\n:")
		if strings.HasPrefix(v, part[1]) && (len(v) == len(part[1]) || v[len(part[1])] < '0' || v[len(part[1])] > '9') {
			count++
		}
	}
}
