package dixa

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/desk"
	"github.com/gallra/gallra/connector/rest"
)

// reader is the organisation as package desk reads it.
type reader struct{ *Source }

var paging = rest.Paging{Items: "data", Link: "meta.next", Carry: []string{"pageKey", "pageLimit"}}

// users is how many end users a page has.
const users = 100

type customValue struct {
	Name  string          `json:"identifier"`
	Value json.RawMessage `json:"value"`
}

type userDoc struct {
	ID         string        `json:"id"`
	Created    string        `json:"createdAt"`
	Display    string        `json:"displayName"`
	First      string        `json:"firstName"`
	Middle     []string      `json:"middleNames"`
	Last       string        `json:"lastName"`
	Email      string        `json:"email"`
	MoreEmails []string      `json:"additionalEmails"`
	Phone      string        `json:"phoneNumber"`
	MorePhones []string      `json:"additionalPhoneNumbers"`
	External   string        `json:"externalId"`
	Custom     []customValue `json:"customAttributes"`
}

// uuid is the form of Dixa's ids of persons and messages.
var uuid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// placeholder is a name that Dixa puts where one was.
var placeholder = regexp.MustCompile(`(?i)^anonymi[sz]ed`)

func (s reader) user(ctx context.Context, raw json.RawMessage) (gallra.Record, error) {
	var u userDoc
	if json.Unmarshal(raw, &u) != nil || !uuid.MatchString(u.ID) {
		return gallra.Record{}, s.shape("endusers")
	}
	r := gallra.Record{Ref: s.ref(TypeUser, u.ID)}
	var ok bool
	if r.Created, ok = desk.Time(u.Created); !ok {
		return r, s.shape("endusers")
	}
	if placeholder.MatchString(u.Display) {
		u.Display = ""
	}
	r.Fields = desk.Fields("displayName", u.Display, "firstName", u.First, "middleNames", strings.Join(u.Middle, ", "), "lastName", u.Last,
		"email", u.Email, "additionalEmails", strings.Join(u.MoreEmails, ", "), "phoneNumber", u.Phone, "additionalPhoneNumbers", strings.Join(u.MorePhones, ", "), "externalId", u.External)
	own, err := s.customFields(ctx, TypeUser, u.Custom)
	if err != nil {
		return r, err
	}
	r.Fields = append(r.Fields, own...)
	r.Version = desk.Version(r)
	if len(r.Fields) == 0 {
		return r, desk.Gone(r.Ref) // anonymised: nothing is left that tells of anybody
	}
	return r, nil
}

type conversationDoc struct {
	ID        json.Number   `json:"id"`
	Requester string        `json:"requesterId"`
	Channel   string        `json:"channel"`
	Created   string        `json:"createdAt"`
	Direction string        `json:"direction"`
	State     string        `json:"state"`
	StateAt   string        `json:"stateUpdatedAt"`
	Subject   string        `json:"subject"`
	From      string        `json:"fromEmail"`
	Language  string        `json:"language"`
	Gone      string        `json:"anonymizedAt"`
	Custom    []customValue `json:"customAttributes"`
	Queue     struct {
		ID string `json:"id"`
	} `json:"queue"`
	Browser map[string]string `json:"browserInfo"`
}

func (s reader) conversation(ctx context.Context, raw json.RawMessage) (gallra.Record, error) {
	var c conversationDoc
	if json.Unmarshal(raw, &c) != nil || c.ID == "" || c.Channel == "" || !uuid.MatchString(c.Requester) {
		return gallra.Record{}, s.shape("conversations")
	}
	r := gallra.Record{Ref: s.ref(TypeConversation, c.ID.String()), Person: s.ref(TypeUser, c.Requester)}
	var ok, ok2 bool
	r.Created, ok = desk.Time(c.Created)
	if r.Updated, ok2 = desk.Time(c.StateAt); !ok || !ok2 {
		return r, s.shape("conversations")
	}
	if c.State == "Closed" {
		r.Closed = r.Updated
	}
	var browser []string
	for k, v := range c.Browser {
		if k != "ipAddress" {
			browser = append(browser, v)
		}
	}
	slices.Sort(browser)
	r.Fields = desk.Fields("subject", c.Subject, "fromEmail", c.From, "browser", strings.Join(browser, ", "), "browserIp", c.Browser["ipAddress"], "channel", c.Channel, "state", c.State,
		"direction", c.Direction, "queue", c.Queue.ID, "language", c.Language)
	own, err := s.customFields(ctx, TypeConversation, c.Custom)
	if err != nil {
		return r, err
	}
	r.Fields = append(r.Fields, own...)
	r.Version = desk.Version(r)
	if c.Gone != "" {
		return r, desk.Gone(r.Ref)
	}
	return r, nil
}

// Root implements desk.Vendor.
func (s reader) Root(ctx context.Context, ref gallra.Ref) (gallra.Record, error) {
	var doc struct{ Data json.RawMessage }
	if ref.Type == TypeUser {
		if !uuid.MatchString(ref.ID) {
			return gallra.Record{}, desk.Gone(ref)
		}
		if _, err := s.via.Read.Do(ctx, rest.Request{Op: "endusers.get", Path: join("endusers", ref.ID)}, &doc); err != nil {
			return gallra.Record{}, err
		}
		return s.user(ctx, doc.Data)
	}
	if _, ok := desk.Number(ref.ID); !ok {
		return gallra.Record{}, desk.Gone(ref)
	}
	if _, err := s.via.Read.Do(ctx, rest.Request{Op: "conversations.get", Path: join("conversations", ref.ID)}, &doc); err != nil {
		return gallra.Record{}, err
	}
	return s.conversation(ctx, doc.Data)
}

// userPage reads a page of end users, with what their list leaves out.
func (s reader) userPage(ctx context.Context, cursor string, limit int, whole bool) (rest.Items, []gallra.Record, error) {
	p, err := s.via.Read.Page(ctx, rest.Request{Op: "endusers.list", Path: "/beta/endusers", Query: url.Values{"pageLimit": {strconv.Itoa(limit)}}}, paging, cursor)
	if err != nil {
		return p, nil, err
	}
	var out []gallra.Record
	for _, raw := range p.Items {
		r, err := s.user(ctx, raw)
		gone, err := desk.Absent(err)
		if err == nil && whole { // the list has no custom attributes
			r, err = s.Root(ctx, r.Ref)
			gone, err = desk.Absent(err)
		}
		if err != nil {
			return p, nil, err
		}
		if gone && whole {
			continue
		}
		out = append(out, r)
	}
	return p, out, nil
}

// Walk implements desk.Vendor.
func (s reader) Walk(ctx context.Context, typ, after string, limit int) (desk.Stretch, error) {
	if typ == TypeUser {
		p, list, err := s.userPage(ctx, after, min(limit, users), true)
		return desk.Stretch{Records: list, Next: p.Next}, err
	}
	return s.walkConversations(ctx, after, limit)
}

// place is where a walk through the conversations stands: a page of users, the
// last user looked at on it, and the last conversation of theirs. Users stay in
// the list when they are anonymised, so it holds.
type place struct {
	Page string `json:"p,omitempty"`
	User string `json:"u,omitempty"`
	Conv int64  `json:"c,omitempty"`
}

func (p place) String() string {
	b, _ := json.Marshal(p) // strings and a number
	return base64.RawURLEncoding.EncodeToString(b)
}

func readPlace(v string) (place, error) {
	var p place
	if v == "" {
		return p, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(v)
	if err != nil || json.Unmarshal(b, &p) != nil {
		return p, gallra.Errorf(gallra.Invalid, "connector.bad_cursor")
	}
	return p, nil
}

func (s reader) walkConversations(ctx context.Context, after string, limit int) (desk.Stretch, error) {
	at, err := readPlace(after)
	if err != nil {
		return desk.Stretch{}, err
	}
	p, list, err := s.userPage(ctx, at.Page, users, false)
	if err != nil {
		return desk.Stretch{}, err
	}
	var out desk.Stretch
	skip := at.User != ""
	for _, u := range list {
		last := int64(0)
		if skip {
			if u.Ref.ID != at.User {
				continue
			}
			skip, last = false, at.Conv
		}
		convs, err := s.of(ctx, u.Ref.ID)
		if err != nil {
			return desk.Stretch{}, err
		}
		for _, c := range convs {
			n, _ := desk.Number(c.Ref.ID)
			if n <= last {
				continue
			}
			if len(out.Records) == limit {
				out.Next = at.String()
				return out, nil
			}
			out.Records = append(out.Records, c)
			at = place{Page: at.Page, User: u.Ref.ID, Conv: n}
			s.remember(c.Ref.ID, at.String())
		}
	}
	if skip { // the user is on no page where they stood
		return desk.Stretch{}, gallra.Errorf(gallra.Conflict, "dixa.place_lost", "system", string(s.system))
	}
	if p.Next != "" {
		out.Next = place{Page: p.Next}.String()
	}
	return out, nil
}

// of reads the conversations of a user, each whole, in the order of their ids.
func (s reader) of(ctx context.Context, user string) ([]gallra.Record, error) {
	var out []gallra.Record
	cursor := ""
	for {
		p, err := s.via.Read.Page(ctx, rest.Request{Op: "endusers.conversations", Path: join("endusers", user, "conversations"), Query: url.Values{"pageLimit": {"100"}}}, paging, cursor)
		if gone, err := desk.Absent(err); err != nil {
			return nil, err
		} else if gone {
			return nil, nil
		}
		for _, raw := range p.Items {
			r, err := s.conversation(ctx, raw)
			gone, err := desk.Absent(err)
			if err == nil && !gone { // the list has no custom attributes
				r, err = s.Root(ctx, r.Ref)
				gone, err = desk.Absent(err)
			}
			if err != nil {
				return nil, err
			}
			if !gone {
				out = append(out, r)
			}
		}
		if cursor = p.Next; cursor == "" {
			break
		}
	}
	slices.SortFunc(out, func(a, b gallra.Record) int {
		x, _ := desk.Number(a.Ref.ID)
		y, _ := desk.Number(b.Ref.ID)
		return int(x - y)
	})
	return out, nil
}

func (s *Source) remember(conv, place string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.places) > 10_000 {
		clear(s.places) // only those of the page being listed are asked for
	}
	s.places[conv] = place
}

// Place implements desk.Vendor.
func (s reader) Place(c gallra.Record) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.places[c.Ref.ID]
}

type file struct {
	URL  string `json:"url"`
	Name string `json:"prettyName"`
}

type contact struct {
	Email string `json:"email"`
	Name  string `json:"name"`
}

type content struct {
	Value string `json:"value"`
}

type messageDoc struct {
	ID      string `json:"id"`
	Author  string `json:"authorId"`
	Created string `json:"createdAt"`
	Attrs   struct {
		Content *content `json:"content"`
		Email   *struct {
			Content *content `json:"content"`
			File    *file    `json:"file"`
		} `json:"emailContent"`
		From      json.RawMessage `json:"from"` // a contact, or a telephone number
		To        json.RawMessage `json:"to"`
		CC        []contact       `json:"cc"`
		BCC       []contact       `json:"bcc"`
		Direction string          `json:"direction"`
		Files     []file          `json:"attachments"`
		Images    []file          `json:"inlineImages"`
		Original  *file           `json:"originalContentUrl"`
		Recording string          `json:"recording"`
		Form      json.RawMessage `json:"formSubmission"`
	} `json:"attributes"`
}

func contacts(list []contact) string {
	var out []string
	for _, c := range list {
		out = append(out, strings.TrimSpace(c.Name+" <"+c.Email+">"))
	}
	return strings.Join(out, ", ")
}

func (m messageDoc) files() []file {
	out := append(slices.Clone(m.Attrs.Files), m.Attrs.Images...)
	if m.Attrs.Email != nil && m.Attrs.Email.File != nil {
		out = append(out, *m.Attrs.Email.File)
	}
	if m.Attrs.Original != nil {
		out = append(out, *m.Attrs.Original)
	}
	if m.Attrs.Recording != "" {
		out = append(out, file{URL: m.Attrs.Recording, Name: "recording"})
	}
	return out
}

func (s *Source) messages(ctx context.Context, conv string) ([]messageDoc, error) {
	var doc struct{ Data []messageDoc }
	if _, err := s.via.Read.Do(ctx, rest.Request{Op: "messages.list", Path: join("conversations", conv, "messages")}, &doc); err != nil {
		return nil, err
	}
	if doc.Data == nil {
		return nil, s.shape("messages.list")
	}
	return doc.Data, nil
}

func (s reader) message(conv gallra.Record, m messageDoc) (gallra.Record, error) {
	r := gallra.Record{Ref: s.ref(TypeMessage, desk.Child(conv.Ref.ID, m.ID)), Parent: conv.Ref}
	var ok bool
	if r.Created, ok = desk.Time(m.Created); !ok || !uuid.MatchString(m.ID) {
		return r, s.shape("messages.list")
	}
	if uuid.MatchString(m.Author) {
		r.Person = s.ref(TypeUser, m.Author)
	}
	var from contact
	var phone, to string
	if json.Unmarshal(m.Attrs.From, &from) != nil {
		_ = json.Unmarshal(m.Attrs.From, &phone) // neither: there is none
	}
	var list []contact
	if json.Unmarshal(m.Attrs.To, &list) == nil {
		to = contacts(list)
	} else if json.Unmarshal(m.Attrs.To, &to) != nil {
		to = ""
	}
	body := ""
	if m.Attrs.Content != nil {
		body = m.Attrs.Content.Value
	} else if m.Attrs.Email != nil && m.Attrs.Email.Content != nil {
		body = m.Attrs.Email.Content.Value
	}
	more := ""
	if len(m.Attrs.Form) > 0 && string(m.Attrs.Form) != "null" {
		more = string(m.Attrs.Form)
	}
	r.Fields = desk.Fields("content", body, "from_email", from.Email, "from_name", from.Name, "from_phone", phone, "to", to,
		"cc", contacts(append(slices.Clone(m.Attrs.CC), m.Attrs.BCC...)), "more", more)
	if len(r.Fields) == 0 && len(m.files()) == 0 {
		return r, desk.Gone(r.Ref) // anonymised
	}
	r.Fields = append(r.Fields, desk.Fields("direction", m.Attrs.Direction)...)
	r.Version = desk.Version(r)
	return r, nil
}

// Thread implements desk.Vendor.
func (s reader) Thread(ctx context.Context, conv gallra.Record) (desk.Thread, error) {
	list, err := s.messages(ctx, conv.Ref.ID)
	if err != nil {
		return desk.Thread{}, err
	}
	var out desk.Thread
	for _, m := range list {
		r, err := s.message(conv, m)
		if gone, err := desk.Absent(err); gone {
			continue
		} else if err != nil {
			return desk.Thread{}, err
		}
		out.Records = append(out.Records, r)
		for i, f := range m.files() {
			a := gallra.Record{Ref: s.ref(TypeAttachment, desk.Child(conv.Ref.ID, m.ID, strconv.Itoa(i))), Parent: conv.Ref, Created: r.Created, Fields: desk.Fields("filename", f.Name)}
			a.Version = desk.Version(a, f.URL)
			out.Records = append(out.Records, a)
		}
	}
	var notes struct {
		Data []struct {
			ID      string `json:"id"`
			Created string `json:"createdAt"`
			Message string `json:"message"`
		}
	}
	if _, err := s.via.Read.Do(ctx, rest.Request{Op: "notes.list", Path: join("conversations", conv.Ref.ID, "notes")}, &notes); err != nil {
		return desk.Thread{}, err
	}
	for _, n := range notes.Data {
		r := gallra.Record{Ref: s.ref(TypeNote, desk.Child(conv.Ref.ID, n.ID)), Parent: conv.Ref, Fields: desk.Fields("message", n.Message)}
		var ok bool
		if r.Created, ok = desk.Time(n.Created); !ok || !uuid.MatchString(n.ID) {
			return desk.Thread{}, s.shape("notes.list")
		}
		r.Version = desk.Version(r)
		out.Records = append(out.Records, r)
	}
	return out, nil
}

// Search implements desk.Vendor. The users are read through, a page at a time,
// as no search of Dixa's knows their names; the conversations are asked for by
// the search of texts, whole words, once at the beginning.
func (s reader) Search(ctx context.Context, n connector.Needles, cursor string) (desk.Candidates, error) {
	var out desk.Candidates
	if cursor == "" {
		for _, id := range n.Identifiers {
			if id.Kind == gallra.IdentAccount {
				if v := strings.TrimSpace(id.Value); uuid.MatchString(v) && (id.System == "" || id.System == s.system) {
					out.Refs = append(out.Refs, s.ref(TypeUser, v))
				}
				continue
			}
			for _, f := range desk.Forms(id) {
				refs, err := s.searchText(ctx, f)
				if err != nil {
					return out, err
				}
				out.Refs = append(out.Refs, refs...)
			}
		}
	}
	p, list, err := s.userPage(ctx, cursor, users, true)
	if err != nil {
		return out, err
	}
	for _, r := range list {
		if desk.Holds(r, n.Identifiers) {
			out.Refs = append(out.Refs, r.Ref)
		}
	}
	out.Next = p.Next
	return out, nil
}

func (s reader) searchText(ctx context.Context, value string) ([]gallra.Ref, error) {
	r := rest.Request{Op: "search.conversations", Method: "POST", Repeat: true, Path: "/beta/search/conversations", Query: url.Values{"pageLimit": {"100"}},
		Body: map[string]any{"query": map[string]any{"value": value, "exactMatch": true}}}
	var out []gallra.Ref
	cursor := ""
	for {
		p, err := s.via.Read.Page(ctx, r, paging, cursor)
		if err != nil {
			return nil, err
		}
		for _, raw := range p.Items {
			var d struct {
				ID json.Number `json:"id"`
			}
			if json.Unmarshal(raw, &d) != nil || d.ID == "" {
				return nil, s.shape("search.conversations")
			}
			out = append(out, s.ref(TypeConversation, d.ID.String()))
		}
		if cursor = p.Next; cursor == "" {
			return out, nil
		}
	}
}

// Cases implements desk.Vendor.
func (s reader) Cases(ctx context.Context, person gallra.Ref) ([]gallra.Ref, error) {
	list, err := s.of(ctx, person.ID)
	var out []gallra.Ref
	for _, r := range list {
		out = append(out, r.Ref)
	}
	return out, err
}

// Content implements desk.Vendor.
func (s reader) Content(ctx context.Context, ref gallra.Ref) ([]byte, error) {
	ids := desk.Parts(ref.ID)
	if ref.Type != TypeAttachment || len(ids) != 3 {
		return nil, desk.Gone(ref)
	}
	if _, ok := desk.Number(ids[0]); !ok {
		return nil, desk.Gone(ref)
	}
	list, err := s.messages(ctx, ids[0])
	if err != nil {
		return nil, err
	}
	for _, m := range list {
		for i, f := range m.files() {
			if m.ID == ids[1] && strconv.Itoa(i) == ids[2] {
				return s.via.Read.Download(ctx, "attachment", f.URL)
			}
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

// Traces implements desk.Vendor: the log of a conversation, where old subjects,
// replaced users and the words of ratings stand.
func (s reader) Traces(ctx context.Context, conv gallra.Record) ([]desk.Trace, error) {
	if conv.Ref.IsZero() {
		return nil, nil
	}
	return s.traces(ctx, conv.Ref)
}

func (s *Source) traces(ctx context.Context, conv gallra.Ref) ([]desk.Trace, error) {
	var out []desk.Trace
	for _, list := range []string{"activitylog", "ratings"} {
		var doc struct{ Data json.RawMessage }
		_, err := s.via.Read.Do(ctx, rest.Request{Op: list, Path: join("conversations", conv.ID, list)}, &doc)
		if gone, err := desk.Absent(err); err != nil {
			return nil, err
		} else if !gone {
			out = append(out, desk.Trace{Ref: conv, Where: list, Text: desk.Strings(doc.Data)})
		}
	}
	return out, nil
}
