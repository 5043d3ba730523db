package xexport

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/zipfile"
)

const (
	defaultLimit = 500
	maxLimit     = 10_000
)

// entry is one record with its place in the order of the listing, which does not
// hang on what else is in the file.
type entry struct {
	key  string
	what any // *conversation, *message, *media or *post
}

// entries returns the records of one type in the order of their keys.
func (a *archive) entries(typ string) []entry {
	var out []entry
	switch typ {
	case TypeConversation:
		for _, c := range a.conversations {
			out = append(out, entry{c.id, c})
		}
	case TypeMessage:
		for _, c := range a.conversations {
			for _, m := range c.messages {
				out = append(out, entry{fmt.Sprintf("%s %020d %s", c.id, m.created.UnixNano(), m.id), m})
			}
		}
	case TypeAttachment:
		for _, m := range a.media {
			out = append(out, entry{m.id, m})
		}
	case TypePost:
		seen := map[string]int{}
		for _, p := range a.posts {
			if seen[p.id]++; seen[p.id] > 1 { // another file has a post of that number
				p.id += "~" + strconv.Itoa(seen[p.id])
			}
			out = append(out, entry{p.id, p})
		}
	}
	slices.SortFunc(out, func(x, y entry) int { return cmp.Compare(x.key, y.key) })
	return out
}

// find returns the record that a reference names.
func (a *archive) find(ref gallra.Ref) (any, bool) {
	for _, e := range a.entries(ref.Type) {
		if id(e.what) == ref.ID {
			return e.what, true
		}
	}
	return nil, false
}

func id(what any) string {
	switch x := what.(type) {
	case *conversation:
		return x.id
	case *message:
		return x.id
	case *media:
		return x.id
	case *post:
		return x.id
	}
	return ""
}

// record returns a record; its error is of the content of a file that was sent.
func (s *Source) record(what any, p connector.Projection) (gallra.Record, error) {
	var r gallra.Record
	add := func(from connector.Projection, name, value string) {
		if p <= from && value != "" {
			r.Fields = append(r.Fields, gallra.Field{Name: name, Value: value})
		}
	}
	switch x := what.(type) {
	case *conversation:
		r = gallra.Record{Ref: s.ref(TypeConversation, x.id), Version: x.version()}
		if n := len(x.messages); n > 0 {
			r.Created, r.Updated = x.messages[0].created, x.messages[n-1].created
			r.Contact = r.Updated
		}
		add(connector.FieldsAll, "participants", strings.Join(x.participants(), "\n"))
		add(connector.FieldsAll, "name", x.name())
		add(connector.FieldsKeep, "channel", "x")
		add(connector.FieldsKeep, "group", strconv.FormatBool(x.group))
	case *message:
		r = gallra.Record{Ref: s.ref(TypeMessage, x.id), Version: x.version, Parent: s.ref(TypeConversation, x.c.id), Created: x.created, Updated: x.created, Contact: x.created}
		add(connector.FieldsAll, "sender", x.sender)
		add(connector.FieldsAll, "text", x.text.value)
		add(connector.FieldsAll, "more", x.more)
	case *media:
		r = gallra.Record{Ref: s.ref(TypeAttachment, x.id), Version: fmt.Sprintf("%08x-%d", x.file.CRC32, x.file.UncompressedSize64)}
		if x.msg != nil {
			r.Parent, r.Created = s.ref(TypeMessage, x.msg.id), x.msg.created
		}
		add(connector.FieldsAll, "filename", x.name())
		if p == connector.FieldsAll {
			b, err := zipfile.Unpack(x.file, maxFile)
			add(connector.FieldsAll, "content", string(b))
			return r, err
		}
	case *post:
		r = gallra.Record{Ref: s.ref(TypePost, x.id), Version: x.version, Created: x.created, Updated: x.created, Contact: x.created}
		add(connector.FieldsAll, "text", x.text.value)
		add(connector.FieldsAll, "answers", x.answers.value)
		add(connector.FieldsAll, "mentions", x.mentions())
		add(connector.FieldsAll, "more", x.more)
		add(connector.FieldsKeep, "channel", "x")
	}
	return r, nil
}

// List goes through the records in the order of their keys.
func (s *Source) List(ctx context.Context, q connector.Query) (connector.Page, error) {
	if _, ok := typeOf(q.Type); !ok {
		return connector.Page{}, gallra.Errorf(gallra.Invalid, "connector.unknown_type", "type", q.Type)
	}
	after, err := position(q.Cursor)
	if err != nil {
		return connector.Page{}, err
	}
	a, done, err := s.read(ctx)
	if err != nil {
		return connector.Page{}, err
	}
	defer done()
	entries := a.entries(q.Type)
	p := connector.Page{Total: -1}
	if q.Cursor == "" {
		p.Skipped = s.problems(a)
		if q.Clock == "" && q.Parents == nil {
			p.Total = int64(len(entries))
		}
	}
	limit := q.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	limit = min(limit, maxLimit)
	last := ""
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return connector.Page{}, err
		}
		if after != "" && e.key <= after {
			continue
		}
		r, _ := s.record(e.what, connector.FieldsNone) // reads no content
		if !selected(e.what, r, q) {
			continue
		}
		if len(p.Records) == limit {
			p.Next = base64.RawURLEncoding.EncodeToString([]byte(last))
			return p, nil
		}
		if r, err = s.record(e.what, q.Fields); err != nil {
			p.Skipped = append(p.Skipped, connector.Problem{Ref: r.Ref, Where: "content", Reason: reason(err)})
		}
		p.Records = append(p.Records, r)
		last = e.key
	}
	return p, nil
}

// problems names the scripts that could not be understood.
func (s *Source) problems(a *archive) []connector.Problem {
	var out []connector.Problem
	for _, name := range slices.Sorted(maps.Keys(a.problems)) {
		out = append(out, connector.Problem{Where: scriptPath.FindStringSubmatch(name)[1], Reason: a.problems[name]})
	}
	return out
}

func position(cursor string) (string, error) {
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return "", gallra.Errorf(gallra.Invalid, "connector.bad_cursor")
	}
	return string(b), nil
}

func selected(what any, r gallra.Record, q connector.Query) bool {
	if q.Parents != nil && !slices.ContainsFunc(q.Parents, func(p gallra.Ref) bool {
		return p == r.Parent || p.Type == TypeConversation && p.ID == conversationOf(what)
	}) {
		return false
	}
	if q.Clock == "" || q.From.IsZero() && q.To.IsZero() {
		return true
	}
	t, ok := r.Event(q.Clock)
	if !ok && q.Fallback != "" {
		t, ok = r.Event(q.Fallback)
	}
	return ok && (q.From.IsZero() || !t.Before(q.From)) && (q.To.IsZero() || t.Before(q.To))
}

// conversationOf returns the conversation that a message or a file is below.
func conversationOf(what any) string {
	switch x := what.(type) {
	case *message:
		return x.c.id
	case *media:
		if x.c != nil {
			return x.c.id
		}
	}
	return ""
}

// Get returns one record.
func (s *Source) Get(ctx context.Context, ref gallra.Ref) (gallra.Record, error) {
	a, done, err := s.read(ctx)
	if err != nil {
		return gallra.Record{}, err
	}
	defer done()
	if what, ok := a.find(ref); ok && s.mine(ref) {
		return s.record(what, connector.FieldsAll)
	}
	return gallra.Record{}, gone(ref)
}

// Open returns the bytes of a picture or a film that was sent.
func (s *Source) Open(ctx context.Context, ref gallra.Ref) (io.ReadCloser, error) {
	a, done, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	what, _ := a.find(ref)
	m, ok := what.(*media)
	if !ok || !s.mine(ref) {
		return nil, gone(ref)
	}
	b, err := zipfile.Unpack(m.file, maxFile)
	return io.NopCloser(bytes.NewReader(b)), err
}

// now is when receipts are written.
func now() time.Time { return time.Now() }
