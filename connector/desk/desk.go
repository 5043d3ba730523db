// Package desk is what connectors to helpdesks and chats with an API share: how
// persons, conversations, messages and files become records that are listed
// page by page, and how a person is found in them. A Vendor reads its system;
// everything that decides what is found and what is listed once stands here, so
// that it is decided the same way everywhere.
//
// A vendor's search names candidates only. What it names is read and compared
// here, whole and in every written form: searches split words, lag behind and
// fold letters in their own ways (SYSTEMS 1).
package desk

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

// Vendor reads one system. A root is a record that belongs to no other: a
// person, a conversation, a suspended mail. Its methods return gallra.ErrNotFound
// for what is not there, and are safe for concurrent use.
type Vendor interface {
	// Types returns the types of this very account, roots and what hangs on them.
	Types(ctx context.Context) ([]connector.Type, error)
	// Walk returns about limit roots of a type that come after a place ("" for
	// the beginning), in an order that no change of a record alters, each once.
	Walk(ctx context.Context, typ, after string, limit int) (Stretch, error)
	// Place returns the place after a conversation, for Walk to go on from, also
	// when the conversation is gone by then.
	Place(conversation gallra.Record) string
	// Root reads one root.
	Root(ctx context.Context, ref gallra.Ref) (gallra.Record, error)
	// Thread reads all that hangs on a conversation, messages and files.
	Thread(ctx context.Context, conversation gallra.Record) (Thread, error)
	// Search names the roots that may speak of the person, by the system's own
	// search, a page at a time.
	Search(ctx context.Context, n connector.Needles, cursor string) (Candidates, error)
	// Cases returns the conversations a person record is part of.
	Cases(ctx context.Context, person gallra.Ref) ([]gallra.Ref, error)
	// Content returns the bytes of a file.
	Content(ctx context.Context, file gallra.Ref) ([]byte, error)
	// Traces returns texts about a conversation that are no records: its
	// history. With a zero record it returns those of no conversation: lists of
	// what is deleted.
	Traces(ctx context.Context, conversation gallra.Record) ([]Trace, error)
}

// Stretch is a part of a walk.
type Stretch struct {
	Records []gallra.Record
	Next    string // "" after the last
	Skipped []connector.Problem
}

// Thread is what hangs on a conversation.
type Thread struct {
	Records []gallra.Record
	Skipped []connector.Problem // what the system did not hand out: parts beyond its cap
}

// Candidates are roots that a search names.
type Candidates struct {
	Refs    []gallra.Ref
	Next    string
	Skipped []connector.Problem
}

// Trace is a text that is no record of its own.
type Trace struct {
	Ref   gallra.Ref
	Where string // "audits"; never personal
	Text  string
}

// Limits of a page.
const (
	defaultLimit = 100
	maxLimit     = 1000
)

// Desk is the reading half of a connector, for the connector's Source to embed.
type Desk struct {
	System gallra.SystemID
	V      Vendor
}

// Types implements connector.Source.
func (d *Desk) Types(ctx context.Context) ([]connector.Type, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return d.V.Types(ctx)
}

func (d *Desk) typ(ctx context.Context, name string) (connector.Type, error) {
	types, err := d.Types(ctx)
	if err != nil {
		return connector.Type{}, err
	}
	for _, t := range types {
		if t.Name == name {
			return t, nil
		}
	}
	return connector.Type{}, gallra.Errorf(gallra.Invalid, "connector.unknown_type", "type", name)
}

// conversations returns the type that messages hang on.
func conversations(types []connector.Type) string {
	for _, t := range types {
		if t.Kind == connector.KindConversation {
			return t.Name
		}
	}
	return ""
}

// cursor is where a listing goes on.
type cursor struct {
	After  string `json:"a,omitempty"` // place of the walk
	Parent int    `json:"i,omitempty"` // index in Query.Parents
	Inside string `json:"c,omitempty"` // id of the conversation that was not finished
	Last   string `json:"p,omitempty"` // key of its last record given
	Type   int    `json:"t,omitempty"` // for Leftovers
}

func (c cursor) String() string {
	b, err := json.Marshal(c)
	if err != nil {
		panic(fmt.Sprintf("desk: %v", err)) // strings and numbers
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func parse(s string) (cursor, error) {
	var c cursor
	if s == "" {
		return c, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil || c.Parent < 0 || c.Type < 0 {
		return c, gallra.Errorf(gallra.Invalid, "connector.bad_cursor")
	}
	return c, nil
}

// List implements connector.Source. A page may be shorter than asked for where
// the range is tried here and not by the system.
func (d *Desk) List(ctx context.Context, q connector.Query) (connector.Page, error) {
	t, err := d.typ(ctx, q.Type)
	if err != nil {
		return connector.Page{}, err
	}
	at, err := parse(q.Cursor)
	if err != nil {
		return connector.Page{}, err
	}
	limit := q.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	limit = min(limit, maxLimit)
	switch {
	case t.Parent != "" && q.Parents != nil:
		return d.listBelow(ctx, t, q, at, limit)
	case t.Parent != "":
		return d.listAllBelow(ctx, t, q, at, limit)
	case q.Parents != nil:
		return connector.Page{}, nil // roots belong to nothing
	}
	s, err := d.V.Walk(ctx, q.Type, at.After, limit)
	if err != nil {
		return connector.Page{}, err
	}
	p := connector.Page{Total: -1, Skipped: s.Skipped}
	for _, r := range s.Records {
		if selected(r, q) {
			p.Records = append(p.Records, project(r, t, q.Fields))
		}
	}
	if s.Next != "" {
		p.Next = cursor{After: s.Next}.String()
	}
	return p, nil
}

// listBelow lists the records of some conversations.
func (d *Desk) listBelow(ctx context.Context, t connector.Type, q connector.Query, at cursor, limit int) (connector.Page, error) {
	p := connector.Page{Total: -1}
	for i := at.Parent; i < len(q.Parents); i++ {
		conv, err := d.V.Root(ctx, q.Parents[i])
		if gallra.CodeOf(err) == gallra.NotFound {
			continue
		}
		if err != nil {
			return connector.Page{}, err
		}
		last := ""
		if at.Inside == q.Parents[i].ID {
			last = at.Last
		}
		full, err := d.fill(ctx, &p, conv, t, q, last, limit)
		if err != nil {
			return connector.Page{}, err
		}
		if full {
			p.Next = cursor{Parent: i, Inside: q.Parents[i].ID, Last: key(p.Records[len(p.Records)-1])}.String()
			return p, nil
		}
	}
	return p, nil
}

// heads is how many conversations are read ahead when all their messages are
// listed.
const heads = 50

func (d *Desk) listAllBelow(ctx context.Context, t connector.Type, q connector.Query, at cursor, limit int) (connector.Page, error) {
	types, err := d.Types(ctx)
	if err != nil {
		return connector.Page{}, err
	}
	p := connector.Page{Total: -1}
	s, err := d.V.Walk(ctx, conversations(types), at.After, min(heads, limit))
	if err != nil {
		return connector.Page{}, err
	}
	p.Skipped = append(p.Skipped, s.Skipped...)
	place := at.After
	for _, conv := range s.Records {
		last := ""
		if at.Inside == conv.Ref.ID {
			last = at.Last
		}
		full, err := d.fill(ctx, &p, conv, t, q, last, limit)
		if gallra.CodeOf(err) == gallra.NotFound {
			place = d.V.Place(conv)
			continue // gone since it was listed
		}
		if err != nil {
			return connector.Page{}, err
		}
		if full {
			p.Next = cursor{After: place, Inside: conv.Ref.ID, Last: key(p.Records[len(p.Records)-1])}.String()
			return p, nil
		}
		place = d.V.Place(conv)
	}
	if s.Next != "" {
		p.Next = cursor{After: s.Next}.String()
	}
	return p, nil
}

// fill adds the records of type t of one conversation that come after last, and
// reports whether the page is full.
func (d *Desk) fill(ctx context.Context, p *connector.Page, conv gallra.Record, t connector.Type, q connector.Query, last string, limit int) (bool, error) {
	th, err := d.thread(ctx, conv)
	if err != nil {
		return false, err
	}
	if last == "" {
		p.Skipped = append(p.Skipped, th.Skipped...)
	}
	for _, r := range th.Records {
		if r.Ref.Type != t.Name || last != "" && key(r) <= last || !selected(r, q) {
			continue
		}
		p.Records = append(p.Records, project(r, t, q.Fields))
		if len(p.Records) == limit {
			return true, nil
		}
	}
	return false, nil
}

// thread reads a conversation's records in the order of key.
func (d *Desk) thread(ctx context.Context, conv gallra.Record) (Thread, error) {
	th, err := d.V.Thread(ctx, conv)
	if err != nil {
		return Thread{}, err
	}
	slices.SortStableFunc(th.Records, func(a, b gallra.Record) int { return strings.Compare(key(a), key(b)) })
	for i := range th.Records {
		if th.Records[i].Parent.IsZero() {
			th.Records[i].Parent = conv.Ref
		}
	}
	return th, nil
}

// key orders the records of a conversation: by when they were made and, made in
// the same moment, by id. No change of a record alters it.
func key(r gallra.Record) string {
	return fmt.Sprintf("%020d/%s", r.Created.UnixMicro()+1<<60, r.Ref.ID)
}

func selected(r gallra.Record, q connector.Query) bool {
	if q.Clock == "" || q.From.IsZero() && q.To.IsZero() {
		return true
	}
	t, ok := r.Event(q.Clock)
	if !ok && q.Fallback != "" {
		t, ok = r.Event(q.Fallback)
	}
	return ok && (q.From.IsZero() || !t.Before(q.From)) && (q.To.IsZero() || t.Before(q.To))
}

func project(r gallra.Record, t connector.Type, p connector.Projection) gallra.Record {
	if p == connector.FieldsAll {
		return r
	}
	fields := r.Fields
	r.Fields = nil
	if p == connector.FieldsKeep {
		for _, f := range fields {
			if info, _ := t.Field(f.Name); info.Keep {
				r.Fields = append(r.Fields, f)
			}
		}
	}
	return r
}

// Gone is the error for a record that is not there.
func Gone(ref gallra.Ref) error {
	return gallra.Errorf(gallra.NotFound, "connector.record_not_found", "ref", ref.String())
}

// Changed is the error for a record that has another version than was read.
func Changed(ref gallra.Ref) error {
	return gallra.Errorf(gallra.Conflict, "connector.record_changed", "ref", ref.String())
}

// Get implements connector.Source. The id of a record that hangs on a
// conversation begins with the conversation's, as Child makes it.
func (d *Desk) Get(ctx context.Context, ref gallra.Ref) (gallra.Record, error) {
	types, err := d.Types(ctx)
	if err != nil {
		return gallra.Record{}, err
	}
	i := slices.IndexFunc(types, func(t connector.Type) bool { return t.Name == ref.Type })
	if i < 0 || ref.System != "" && ref.System != d.System || !plain(ref.ID) {
		return gallra.Record{}, Gone(ref)
	}
	if types[i].Parent == "" {
		r, err := d.V.Root(ctx, ref)
		if err == nil && (r.Ref.Type != ref.Type || r.Ref.ID != ref.ID) {
			err = Gone(ref)
		}
		return r, err
	}
	conv, ok := Conversation(ref.ID)
	if !ok {
		return gallra.Record{}, Gone(ref)
	}
	head, err := d.V.Root(ctx, gallra.Ref{System: d.System, Type: conversations(types), ID: conv})
	if err != nil {
		return gallra.Record{}, err
	}
	th, err := d.thread(ctx, head)
	if err != nil {
		return gallra.Record{}, err
	}
	for _, r := range th.Records {
		if r.Ref == (gallra.Ref{System: d.System, Type: ref.Type, ID: ref.ID}) {
			return r, nil
		}
	}
	return gallra.Record{}, Gone(ref)
}

// Current returns the record when it still has the version ("" for any).
func (d *Desk) Current(ctx context.Context, ref gallra.Ref, ifVersion string) (gallra.Record, error) {
	r, err := d.Get(ctx, ref)
	if err != nil {
		return r, err
	}
	if ifVersion != "" && r.Version != ifVersion {
		return r, Changed(ref)
	}
	return r, nil
}

// Child makes the id of a record that hangs on a conversation.
func Child(conversation string, ids ...string) string {
	return strings.Join(append([]string{conversation}, ids...), "_")
}

// Conversation returns the conversation that an id made by Child begins with.
func Conversation(id string) (string, bool) {
	conv, _, ok := strings.Cut(id, "_")
	return conv, ok && conv != ""
}

// Parts returns the ids that Child joined.
func Parts(id string) []string { return strings.Split(id, "_") }

// plain reports whether an id can be one of a system's: letters, digits, hyphens
// and what Child adds. Nothing else is sent to a system.
func plain(id string) bool {
	return id != "" && len(id) < 300 && !strings.ContainsFunc(id, func(r rune) bool {
		return !(r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '-' || r == '_' || r == '.')
	})
}

// Number reads an id that is a positive number; false for any other.
func Number(id string) (int64, bool) {
	n, err := strconv.ParseInt(id, 10, 64)
	return n, err == nil && n > 0 && strconv.FormatInt(n, 10) == id
}

// Time reads the time an API writes (RFC 3339); zero for none. ok is false when
// it is something else.
func Time(s string) (t time.Time, ok bool) {
	if s == "" {
		return time.Time{}, true
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	return t, err == nil
}

// Digest returns a version made of values, for systems that tell no time of
// change, without showing them.
func Digest(values ...string) string {
	h := sha256.New()
	for _, v := range values {
		fmt.Fprintf(h, "%d:%s", len(v), v)
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}
