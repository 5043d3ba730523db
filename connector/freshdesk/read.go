package freshdesk

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/desk"
	"github.com/gallra/gallra/connector/rest"
)

// reader is the account as package desk reads it.
type reader struct{ *Source }

const (
	pageSize = 100
	pagesMax = 300 // Freshdesk answers no further page of tickets
	always   = "2000-01-01T00:00:00Z"
)

func (s *Source) page(ctx context.Context, op, path string, q url.Values) ([]json.RawMessage, error) {
	var out []json.RawMessage
	if _, err := s.via.Read.Do(ctx, rest.Request{Op: op, Path: path, Query: q}, &out); err != nil {
		return nil, err
	}
	if out == nil {
		return nil, s.shape(op)
	}
	return out, nil
}

// each reads a list page by page; a page that brings nothing new is one given
// twice. full says that the list went on beyond the last page that is answered.
func (s *Source) each(ctx context.Context, op, path string, q url.Values, do func(id int64, raw json.RawMessage) error) (full bool, err error) {
	seen := map[int64]bool{}
	for n := 1; n <= pagesMax; n++ {
		with := url.Values{"per_page": {strconv.Itoa(pageSize)}, "page": {strconv.Itoa(n)}}
		for k, v := range q {
			with[k] = v
		}
		items, err := s.page(ctx, op, path, with)
		if err != nil {
			return false, err
		}
		fresh := false
		for _, raw := range items {
			var d struct {
				ID int64 `json:"id"`
			}
			if json.Unmarshal(raw, &d) != nil || d.ID == 0 {
				return false, s.shape(op)
			}
			if seen[d.ID] {
				continue
			}
			seen[d.ID], fresh = true, true
			if err := do(d.ID, raw); err != nil {
				return false, err
			}
		}
		if len(items) > 0 && !fresh {
			return false, gallra.Errorf(gallra.Drift, "rest.page_repeats", "system", string(s.system), "op", op, "method", "GET", "status", "200")
		}
		if len(items) < pageSize {
			return false, nil
		}
	}
	return true, nil
}

// snapshot returns the ids of all records of a type, in order. It is read anew
// at the beginning of a walk, and where none is remembered.
func (s reader) snapshot(ctx context.Context, typ string, anew bool) ([]int64, error) {
	s.mu.Lock()
	ids, ok := s.ids[typ]
	s.mu.Unlock()
	if ok && !anew {
		return ids, nil
	}
	ids = []int64{}
	take := func(id int64, _ json.RawMessage) error { ids = append(ids, id); return nil }
	if typ == TypeContact {
		for _, q := range []url.Values{{}, {"state": {"deleted"}}} {
			if _, err := s.each(ctx, "contacts.list", "/api/v2/contacts", q, take); err != nil {
				return nil, err
			}
		}
	} else {
		full, err := s.each(ctx, "tickets.list", "/api/v2/tickets", url.Values{"updated_since": {always}, "order_by": {"created_at"}, "order_type": {"asc"}}, take)
		if err != nil {
			return nil, err
		}
		if full { // the rest is asked for number by number
			last, err := s.page(ctx, "tickets.list", "/api/v2/tickets", url.Values{"updated_since": {always}, "order_by": {"created_at"}, "order_type": {"desc"}, "per_page": {"1"}})
			if err != nil {
				return nil, err
			}
			var d struct {
				ID int64 `json:"id"`
			}
			if len(last) != 1 || json.Unmarshal(last[0], &d) != nil {
				return nil, s.shape("tickets.list")
			}
			for n := slices.Max(ids) + 1; n <= d.ID; n++ {
				ids = append(ids, n)
			}
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids[typ] = ids
	return ids, nil
}

// Walk implements desk.Vendor: by number, each read whole.
func (s reader) Walk(ctx context.Context, typ, after string, limit int) (desk.Stretch, error) {
	last := int64(0)
	if after != "" {
		var ok bool
		if last, ok = desk.Number(after); !ok {
			return desk.Stretch{}, gallra.Errorf(gallra.Invalid, "connector.bad_cursor")
		}
	}
	ids, err := s.snapshot(ctx, typ, after == "")
	if err != nil {
		return desk.Stretch{}, err
	}
	var out desk.Stretch
	i, found := slices.BinarySearch(ids, last)
	if found {
		i++
	}
	for _, n := range ids[i:] {
		if len(out.Records) == limit {
			out.Next = strconv.FormatInt(last, 10)
			return out, nil
		}
		r, err := s.Root(ctx, s.ref(typ, strconv.FormatInt(n, 10)))
		last = n
		if gone, err := desk.Absent(err); gone {
			continue
		} else if err != nil {
			return desk.Stretch{}, err
		}
		out.Records = append(out.Records, r)
	}
	return out, nil
}

// Place implements desk.Vendor.
func (s reader) Place(c gallra.Record) string { return c.Ref.ID }

type fileDoc struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
	Type string `json:"content_type"`
	URL  string `json:"attachment_url"`
}

type ticketDoc struct {
	ID          int64    `json:"id"`
	Subject     string   `json:"subject"`
	Description string   `json:"description"`
	Status      int      `json:"status"`
	Priority    int      `json:"priority"`
	Source      int      `json:"source"`
	Kind        string   `json:"type"`
	Group       int64    `json:"group_id"`
	Tags        []string `json:"tags"`
	CC          []string `json:"cc_emails"`
	Forwarded   []string `json:"fwd_emails"`
	Requester   int64    `json:"requester_id"`
	Created     string   `json:"created_at"`
	Updated     string   `json:"updated_at"`
	Deleted     bool     `json:"deleted"`
	Stats       struct {
		Closed   string `json:"closed_at"`
		Resolved string `json:"resolved_at"`
		Contact  string `json:"requester_responded_at"`
	} `json:"stats"`
	Custom map[string]any `json:"custom_fields"`
	Files  []fileDoc      `json:"attachments"`
}

func (s *Source) ticket(ctx context.Context, id string) (ticketDoc, error) {
	var t ticketDoc
	if _, ok := desk.Number(id); !ok {
		return t, desk.Gone(s.ref(TypeTicket, id))
	}
	if _, err := s.via.Read.Do(ctx, rest.Request{Op: "tickets.get", Path: join("tickets", id), Query: url.Values{"include": {"stats"}}}, &t); err != nil {
		return t, err
	}
	if strconv.FormatInt(t.ID, 10) != id || t.Status == 0 {
		return t, s.shape("tickets.get")
	}
	return t, nil
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func (s reader) head(ctx context.Context, t ticketDoc) (gallra.Record, error) {
	r := gallra.Record{Ref: s.ref(TypeTicket, strconv.FormatInt(t.ID, 10))}
	if t.Requester > 0 {
		r.Person = s.ref(TypeContact, strconv.FormatInt(t.Requester, 10))
	}
	ok := [4]bool{}
	r.Created, ok[0] = desk.Time(t.Created)
	r.Updated, ok[1] = desk.Time(t.Updated)
	r.Contact, ok[2] = desk.Time(t.Stats.Contact)
	closed := t.Stats.Closed
	if closed == "" {
		closed = t.Stats.Resolved
	}
	r.Closed, ok[3] = desk.Time(closed)
	if ok != [4]bool{true, true, true, true} {
		return r, s.shape("tickets.get")
	}
	r.Fields = desk.Fields("subject", t.Subject, "description", t.Description, "tags", strings.Join(t.Tags, ", "), "cc_emails", strings.Join(t.CC, ", "), "fwd_emails", strings.Join(t.Forwarded, ", "),
		"status", number(t.Status), "priority", number(t.Priority), "source", number(t.Source), "kind", t.Kind, "group", number(int(t.Group)))
	own, err := s.customValues(ctx, "ticket_fields", t.Custom)
	if err != nil {
		return r, err
	}
	r.Fields = append(r.Fields, own...)
	r.Version = desk.Version(r)
	if t.Deleted {
		return r, desk.Gone(r.Ref) // in the trash, and read all the same
	}
	return r, nil
}

type contactDoc struct {
	ID          int64          `json:"id"`
	Name        string         `json:"name"`
	Email       string         `json:"email"`
	Others      []string       `json:"other_emails"`
	Phone       string         `json:"phone"`
	Mobile      string         `json:"mobile"`
	Twitter     string         `json:"twitter_id"`
	External    string         `json:"unique_external_id"`
	Address     string         `json:"address"`
	Description string         `json:"description"`
	Job         string         `json:"job_title"`
	Language    string         `json:"language"`
	Deleted     bool           `json:"deleted"`
	Created     string         `json:"created_at"`
	Updated     string         `json:"updated_at"`
	Custom      map[string]any `json:"custom_fields"`
}

// Root implements desk.Vendor.
func (s reader) Root(ctx context.Context, ref gallra.Ref) (gallra.Record, error) {
	if ref.Type == TypeTicket {
		t, err := s.ticket(ctx, ref.ID)
		if err != nil {
			return gallra.Record{}, err
		}
		return s.head(ctx, t)
	}
	if _, ok := desk.Number(ref.ID); !ok {
		return gallra.Record{}, desk.Gone(ref)
	}
	var c contactDoc
	if _, err := s.via.Read.Do(ctx, rest.Request{Op: "contacts.get", Path: join("contacts", ref.ID)}, &c); err != nil {
		return gallra.Record{}, err
	}
	r := gallra.Record{Ref: s.ref(TypeContact, ref.ID)}
	var ok, ok2 bool
	r.Created, ok = desk.Time(c.Created)
	if r.Updated, ok2 = desk.Time(c.Updated); !ok || !ok2 || strconv.FormatInt(c.ID, 10) != ref.ID {
		return r, s.shape("contacts.get")
	}
	deleted := ""
	if c.Deleted {
		deleted = "true"
	}
	r.Fields = desk.Fields("name", c.Name, "email", c.Email, "other_emails", strings.Join(c.Others, ", "), "phone", c.Phone, "mobile", c.Mobile, "twitter_id", c.Twitter,
		"unique_external_id", c.External, "address", c.Address, "description", c.Description, "job_title", c.Job, "language", c.Language, "deleted", deleted)
	own, err := s.customValues(ctx, "contact_fields", c.Custom)
	if err != nil {
		return r, err
	}
	r.Fields = append(r.Fields, own...)
	r.Version = desk.Version(r)
	return r, nil
}

type messageDoc struct {
	ID       int64     `json:"id"`
	Body     string    `json:"body"`
	User     int64     `json:"user_id"`
	Incoming bool      `json:"incoming"`
	Private  bool      `json:"private"`
	Source   int       `json:"source"`
	From     string    `json:"from_email"`
	To       []string  `json:"to_emails"`
	CC       []string  `json:"cc_emails"`
	BCC      []string  `json:"bcc_emails"`
	Created  string    `json:"created_at"`
	Updated  string    `json:"updated_at"`
	Files    []fileDoc `json:"attachments"`
}

func (s *Source) messages(ctx context.Context, ticket string) ([]messageDoc, error) {
	var out []messageDoc
	_, err := s.each(ctx, "conversations.list", join("tickets", ticket, "conversations"), nil, func(_ int64, raw json.RawMessage) error {
		var m messageDoc
		if json.Unmarshal(raw, &m) != nil {
			return s.shape("conversations.list")
		}
		out = append(out, m)
		return nil
	})
	return out, err
}

func (s reader) attachments(conv gallra.Record, message string, files []fileDoc, like gallra.Record) []gallra.Record {
	var out []gallra.Record
	for _, f := range files {
		a := gallra.Record{Ref: s.ref(TypeAttachment, desk.Child(conv.Ref.ID, message, strconv.FormatInt(f.ID, 10))), Parent: conv.Ref, Created: like.Created, Fields: desk.Fields("filename", f.Name, "content_type", f.Type)}
		a.Version = desk.Version(a)
		out = append(out, a)
	}
	return out
}

// Thread implements desk.Vendor.
func (s reader) Thread(ctx context.Context, conv gallra.Record) (desk.Thread, error) {
	t, err := s.ticket(ctx, conv.Ref.ID)
	if err != nil {
		return desk.Thread{}, err
	}
	list, err := s.messages(ctx, conv.Ref.ID)
	if err != nil {
		return desk.Thread{}, err
	}
	var out desk.Thread
	out.Records = append(out.Records, s.attachments(conv, "0", t.Files, conv)...)
	for _, m := range list {
		id := strconv.FormatInt(m.ID, 10)
		r := gallra.Record{Ref: s.ref(TypeMessage, desk.Child(conv.Ref.ID, id)), Parent: conv.Ref}
		if m.User > 0 && m.Incoming {
			r.Person = s.ref(TypeContact, strconv.FormatInt(m.User, 10))
		}
		var ok, ok2 bool
		r.Created, ok = desk.Time(m.Created)
		if r.Updated, ok2 = desk.Time(m.Updated); !ok || !ok2 {
			return desk.Thread{}, s.shape("conversations.list")
		}
		r.Fields = desk.Fields("body", m.Body, "from_email", m.From, "to_emails", strings.Join(m.To, ", "), "cc_emails", strings.Join(append(slices.Clone(m.CC), m.BCC...), ", "),
			"incoming", strconv.FormatBool(m.Incoming), "private", strconv.FormatBool(m.Private))
		r.Version = desk.Version(r)
		out.Records = append(append(out.Records, r), s.attachments(conv, id, m.Files, r)...)
	}
	return out, nil
}

// Content implements desk.Vendor.
func (s reader) Content(ctx context.Context, ref gallra.Ref) ([]byte, error) {
	ids := desk.Parts(ref.ID)
	if ref.Type != TypeAttachment || len(ids) != 3 {
		return nil, desk.Gone(ref)
	}
	t, err := s.ticket(ctx, ids[0])
	if err != nil {
		return nil, err
	}
	if t.Deleted {
		return nil, desk.Gone(ref)
	}
	files := t.Files
	if ids[1] != "0" {
		list, err := s.messages(ctx, ids[0])
		if err != nil {
			return nil, err
		}
		files = nil
		for _, m := range list {
			if strconv.FormatInt(m.ID, 10) == ids[1] {
				files = m.Files
			}
		}
	}
	for _, f := range files {
		if strconv.FormatInt(f.ID, 10) == ids[2] {
			return s.via.Read.Download(ctx, "attachment", f.URL)
		}
	}
	return nil, desk.Gone(ref)
}

// Open returns the bytes of an attachment.
func (s *Source) Open(ctx context.Context, ref gallra.Ref) (io.ReadCloser, error) {
	b, err := reader{s}.Content(ctx, ref)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

// Traces implements desk.Vendor: of no ticket, what lies in the trash.
func (s reader) Traces(ctx context.Context, conv gallra.Record) ([]desk.Trace, error) {
	if !conv.Ref.IsZero() {
		return nil, nil
	}
	var out []desk.Trace
	_, err := s.each(ctx, "tickets.trash", "/api/v2/tickets", url.Values{"filter": {"deleted"}, "updated_since": {always}}, func(id int64, raw json.RawMessage) error {
		out = append(out, desk.Trace{Ref: s.ref(TypeTicket, strconv.FormatInt(id, 10)), Where: "trash", Text: desk.Strings(raw)})
		return nil
	})
	return out, err
}

// Search implements desk.Vendor. All contacts are read through, as they can be
// asked for by whole values alone; of tickets those of the persons found, and in
// text all of them.
func (s reader) Search(ctx context.Context, n connector.Needles, cursor string) (desk.Candidates, error) {
	var out desk.Candidates
	typ, after := TypeContact, cursor
	if rest, ok := strings.CutPrefix(cursor, "t:"); ok {
		typ, after = TypeTicket, rest
	}
	if cursor == "" {
		for _, id := range n.Identifiers {
			if v := strings.TrimSpace(id.Value); id.Kind == gallra.IdentAccount && (id.System == "" || id.System == s.system) {
				if _, ok := desk.Number(v); ok {
					out.Refs = append(out.Refs, s.ref(TypeContact, v))
				}
			}
		}
	}
	w, err := s.Walk(ctx, typ, after, pageSize)
	if err != nil {
		return out, err
	}
	for _, r := range w.Records {
		if typ == TypeTicket || desk.Holds(r, n.Identifiers) {
			out.Refs = append(out.Refs, r.Ref)
		}
	}
	switch {
	case typ == TypeContact && w.Next != "":
		out.Next = w.Next
	case typ == TypeContact && n.Depth == connector.InText:
		out.Next = "t:"
	case typ == TypeTicket && w.Next != "":
		out.Next = "t:" + w.Next
	}
	return out, nil
}

// Cases implements desk.Vendor.
func (s reader) Cases(ctx context.Context, person gallra.Ref) ([]gallra.Ref, error) {
	var out []gallra.Ref
	_, err := s.each(ctx, "tickets.of", "/api/v2/tickets", url.Values{"requester_id": {person.ID}, "updated_since": {always}}, func(id int64, _ json.RawMessage) error {
		out = append(out, s.ref(TypeTicket, strconv.FormatInt(id, 10)))
		return nil
	})
	return out, err
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
