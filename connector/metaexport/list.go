package metaexport

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"path"
	"slices"
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

// entry is one record of a thread with its place in the order of the listing,
// which does not hang on what else is in the file.
type entry struct {
	key    string
	record func() (gallra.Record, error)
	times  gallra.Record // for choosing by time
	media  *zip.File
	text   message
}

// entries returns the records of one type in a conversation, in order.
func (s *Source) entries(c conversation, typ string, p connector.Projection) []entry {
	var out []entry
	switch typ {
	case TypeConversation:
		r := s.record(c, p)
		out = append(out, entry{record: func() (gallra.Record, error) { return r, nil }, times: r})
	case TypeMessage:
		for _, m := range c.messages {
			r := s.messageRecord(c, m, connector.FieldsNone)
			out = append(out, entry{key: fmt.Sprintf("%020d.%09d", m.at, 999_999_999-m.nth), times: r, text: m,
				record: func() (gallra.Record, error) { return s.messageRecord(c, m, p), nil }})
		}
	case TypeAttachment:
		for _, f := range c.media {
			r := s.mediaRecord(c, f)
			out = append(out, entry{key: c.mediaID(f), times: r, media: f, record: func() (gallra.Record, error) {
				if p != connector.FieldsAll {
					return r, nil
				}
				b, err := zipfile.Unpack(f, maxFile)
				r.Fields = []gallra.Field{{Name: "filename", Value: path.Base(f.Name)}, {Name: "content", Value: string(b)}}
				return r, err
			}})
		}
		slices.SortFunc(out, func(x, y entry) int { return cmp.Compare(x.key, y.key) })
	}
	return out
}

// mediaRecord returns an attachment without its content. It belongs to the
// message that points at it, and to the conversation when none does.
func (s *Source) mediaRecord(c conversation, f *zip.File) gallra.Record {
	r := gallra.Record{Ref: s.ref(TypeAttachment, c.mediaID(f)), Version: fmt.Sprintf("%08x-%d", f.CRC32, f.UncompressedSize64), Parent: s.ref(TypeConversation, c.thread.id)}
	for _, m := range c.messages {
		if slices.ContainsFunc(m.uris, func(u span) bool { return within(u.value, f) }) {
			r.Parent, r.Created = s.ref(TypeMessage, c.id(m)), moment(m.at)
			break
		}
	}
	return r
}

// List goes through the conversations by id and each one's messages by time.
func (s *Source) List(ctx context.Context, q connector.Query) (connector.Page, error) {
	if _, ok := typeOf(q.Type); !ok {
		return connector.Page{}, gallra.Errorf(gallra.Invalid, "connector.unknown_type", "type", q.Type)
	}
	from, after, err := position(q.Cursor)
	if err != nil {
		return connector.Page{}, err
	}
	a, done, err := s.read(ctx)
	if err != nil {
		return connector.Page{}, err
	}
	defer done()
	p := connector.Page{Total: -1}
	if q.Type == TypeConversation && q.Cursor == "" && q.Clock == "" && q.Parents == nil {
		p.Total = int64(len(a.threads))
	}
	limit := q.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	limit = min(limit, maxLimit)
	last := ""
	for _, t := range a.threads {
		if q.Cursor != "" && (t.id < from || t.id == from && q.Type == TypeConversation) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return connector.Page{}, err
		}
		c, problems := s.load(t)
		p.Skipped = append(p.Skipped, problems...)
		if c == nil || q.Parents != nil && q.Type == TypeConversation {
			continue
		}
		for _, e := range s.entries(*c, q.Type, q.Fields) {
			if q.Cursor != "" && t.id == from && e.key <= after || !selected(e.times, q) {
				continue
			}
			if len(p.Records) == limit {
				p.Next = last
				return p, nil
			}
			r, err := e.record()
			if err != nil {
				p.Skipped = append(p.Skipped, connector.Problem{Ref: e.times.Ref, Where: "content", Reason: reason(err)})
			}
			p.Records = append(p.Records, r)
			last = base64.RawURLEncoding.EncodeToString([]byte(t.id + "\x00" + e.key))
		}
	}
	return p, nil
}

// position reads a cursor: a conversation and a place in it.
func position(cursor string) (thread, key string, err error) {
	if cursor == "" {
		return "", "", nil
	}
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	thread, key, ok := strings.Cut(string(b), "\x00")
	if err != nil || !ok {
		return "", "", gallra.Errorf(gallra.Invalid, "connector.bad_cursor")
	}
	return thread, key, nil
}

// load reads a conversation; what cannot be read is named.
func (s *Source) load(t *thread) (*conversation, []connector.Problem) {
	var problems []connector.Problem
	for _, f := range t.html {
		problems = append(problems, connector.Problem{Ref: s.ref(TypeConversation, t.id), Where: path.Base(f.Name), Reason: "meta.html_unread"})
	}
	if len(t.pages) == 0 {
		if len(t.html) == 0 {
			problems = append(problems, connector.Problem{Ref: s.ref(TypeConversation, t.id), Where: "messages", Reason: "meta.no_messages"})
		}
		return nil, problems
	}
	c, err := t.load()
	if err != nil {
		return nil, append(problems, connector.Problem{Ref: s.ref(TypeConversation, t.id), Where: "messages", Reason: reason(err)})
	}
	return &c, problems
}

// reason returns the message key of an error.
func reason(err error) string {
	if e, ok := err.(*gallra.Error); ok {
		return e.Key
	}
	return "meta.malformed"
}

func selected(r gallra.Record, q connector.Query) bool {
	if q.Parents != nil && !slices.ContainsFunc(q.Parents, func(p gallra.Ref) bool { return p == r.Parent || p.ID == threadOf(r.Ref.ID) }) {
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

// lookup returns the conversation a reference is in.
func (s *Source) lookup(a *archive, ref gallra.Ref) (*conversation, error) {
	if _, ok := typeOf(ref.Type); !ok || ref.System != "" && ref.System != s.config.System {
		return nil, gone(ref)
	}
	t, ok := a.thread(threadOf(ref.ID))
	if !ok {
		return nil, gone(ref)
	}
	c, err := t.load()
	if err != nil {
		return nil, err
	}
	if len(t.pages) == 0 {
		return nil, gone(ref)
	}
	return &c, nil
}

// Get returns one record.
func (s *Source) Get(ctx context.Context, ref gallra.Ref) (gallra.Record, error) {
	a, done, err := s.read(ctx)
	if err != nil {
		return gallra.Record{}, err
	}
	defer done()
	c, err := s.lookup(a, ref)
	if err != nil {
		return gallra.Record{}, err
	}
	for _, e := range s.entries(*c, ref.Type, connector.FieldsAll) {
		if e.times.Ref.ID == ref.ID {
			return e.record()
		}
	}
	return gallra.Record{}, gone(ref)
}

// Open returns the bytes of a picture, a film or another file that was sent.
func (s *Source) Open(ctx context.Context, ref gallra.Ref) (io.ReadCloser, error) {
	a, done, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	if ref.Type != TypeAttachment {
		return nil, gone(ref)
	}
	c, err := s.lookup(a, ref)
	if err != nil {
		return nil, err
	}
	for _, f := range c.media {
		if c.mediaID(f) == ref.ID {
			b, err := zipfile.Unpack(f, maxFile)
			return io.NopCloser(bytes.NewReader(b)), err
		}
	}
	return nil, gone(ref)
}

// now is when receipts are written.
func now() time.Time { return time.Now() }
