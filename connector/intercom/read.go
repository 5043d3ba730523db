package intercom

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/desk"
	"github.com/gallra/gallra/connector/rest"
)

// reader is the workspace as package desk reads it.
type reader struct{ *Source }

const (
	pageMax  = 150 // contacts or conversations on a page
	partsMax = 500 // newest parts of a conversation
)

// contactID is the form of Intercom's ids of contacts.
var contactID = regexp.MustCompile(`^[0-9a-f]{24}$`)

func at(unix int64) time.Time {
	if unix == 0 {
		return time.Time{}
	}
	return time.Unix(unix, 0).UTC()
}

type contactDoc struct {
	ID       string `json:"id"`
	Role     string `json:"role"`
	Name     string `json:"name"`
	Email    string `json:"email"`
	Phone    string `json:"phone"`
	External string `json:"external_id"`
	Language string `json:"language_override"`
	Created  int64  `json:"created_at"`
	Updated  int64  `json:"updated_at"`
	Replied  int64  `json:"last_replied_at"`
	Location struct {
		Country, Region, City string
	} `json:"location"`
	Social struct {
		Data []struct {
			Name string `json:"name"`
			URL  string `json:"url"`
		} `json:"data"`
	} `json:"social_profiles"`
	Custom map[string]any `json:"custom_attributes"`
}

func (s *Source) customFields(ctx context.Context, model string, values map[string]any) ([]gallra.Field, error) {
	attrs, err := s.attributes(ctx, model)
	if err != nil {
		return nil, err
	}
	var out []gallra.Field
	for _, k := range slices.Sorted(func(yield func(string) bool) {
		for k := range values {
			if !yield(k) {
				return
			}
		}
	}) {
		v := ""
		switch x := values[k].(type) {
		case nil:
		case string:
			v = x
		case bool:
			v = strconv.FormatBool(x)
		case float64:
			v = strconv.FormatFloat(x, 'f', -1, 64)
		default:
			b, err := json.Marshal(x)
			if err != nil {
				return nil, s.shape("custom_attributes")
			}
			v = string(b)
		}
		if v == "" {
			continue
		}
		if !slices.ContainsFunc(attrs, func(a attribute) bool { return a.Name == k }) {
			return nil, gallra.Errorf(gallra.Drift, "intercom.attribute_undeclared", "system", string(s.system), "field", k)
		}
		out = append(out, gallra.Field{Name: "attr_" + k, Value: v})
	}
	return out, nil
}

func (s reader) contact(ctx context.Context, raw json.RawMessage) (gallra.Record, error) {
	var c contactDoc
	if json.Unmarshal(raw, &c) != nil || !contactID.MatchString(c.ID) || c.Role == "" {
		return gallra.Record{}, s.shape("contacts")
	}
	r := gallra.Record{Ref: s.ref(TypeContact, c.ID), Created: at(c.Created), Updated: at(c.Updated), Contact: at(c.Replied)}
	var social []string
	for _, p := range c.Social.Data {
		social = append(social, p.Name+" "+p.URL)
	}
	where := strings.Trim(strings.Join([]string{c.Location.City, c.Location.Region, c.Location.Country}, ", "), ", ")
	r.Fields = desk.Fields("name", c.Name, "email", c.Email, "phone", c.Phone, "external_id", c.External, "location", where, "social", strings.Join(social, ", "), "role", c.Role, "language", c.Language)
	own, err := s.customFields(ctx, "contact", c.Custom)
	r.Fields = append(r.Fields, own...)
	r.Version = desk.Version(r)
	return r, err
}

type author struct {
	Type, ID, Name, Email string
}

type attachment struct {
	Name string `json:"name"`
	URL  string `json:"url"`
	Type string `json:"content_type"`
}

type partDoc struct {
	ID       string       `json:"id"`
	Kind     string       `json:"part_type"`
	Channel  string       `json:"type"` // of a source: "email"
	Subject  string       `json:"subject"`
	Body     string       `json:"body"`
	Created  int64        `json:"created_at"`
	Updated  int64        `json:"updated_at"`
	Author   author       `json:"author"`
	Redacted bool         `json:"redacted"`
	Files    []attachment `json:"attachments"`
}

type conversationDoc struct {
	ID       string      `json:"id"`
	Title    string      `json:"title"`
	State    string      `json:"state"`
	Created  int64       `json:"created_at"`
	Updated  int64       `json:"updated_at"`
	Team     json.Number `json:"team_assignee_id"`
	Source   partDoc     `json:"source"`
	Contacts struct {
		Contacts []struct {
			ID string `json:"id"`
		} `json:"contacts"`
	} `json:"contacts"`
	Rating *struct {
		Rating int    `json:"rating"`
		Remark string `json:"remark"`
	} `json:"conversation_rating"`
	Statistics *struct {
		Closed  int64 `json:"last_close_at"`
		Contact int64 `json:"last_contact_reply_at"`
	} `json:"statistics"`
	Custom map[string]any `json:"custom_attributes"`
	Parts  *struct {
		Parts []partDoc `json:"conversation_parts"`
		Total int       `json:"total_count"`
	} `json:"conversation_parts"`
}

func (s *Source) conversation(ctx context.Context, id string) (conversationDoc, error) {
	var c conversationDoc
	if _, ok := desk.Number(id); !ok {
		return c, desk.Gone(s.ref(TypeConversation, id))
	}
	if err := s.get(ctx, "conversations.get", join("conversations", id), &c); err != nil {
		return c, err
	}
	if c.ID != id || c.State == "" || c.Parts == nil {
		return c, s.shape("conversations.get")
	}
	return c, nil
}

func (s reader) head(ctx context.Context, c conversationDoc) (gallra.Record, error) {
	r := gallra.Record{Ref: s.ref(TypeConversation, c.ID), Created: at(c.Created), Updated: at(c.Updated)}
	var cc []string
	for _, p := range c.Contacts.Contacts {
		if !contactID.MatchString(p.ID) {
			return r, s.shape("conversations.get")
		}
		if r.Person.IsZero() && (c.Source.Author.ID == p.ID || c.Source.Author.Type == "admin" || len(c.Contacts.Contacts) == 1) {
			r.Person = s.ref(TypeContact, p.ID)
		} else {
			cc = append(cc, p.ID)
		}
	}
	rating, remark := "", ""
	if c.Rating != nil {
		remark = c.Rating.Remark
		if c.Rating.Rating > 0 {
			rating = strconv.Itoa(c.Rating.Rating)
		}
	}
	if c.Statistics != nil {
		r.Contact = at(c.Statistics.Contact)
		if c.State == "closed" {
			r.Closed = at(c.Statistics.Closed)
		}
	}
	email, name := "", ""
	if c.Source.Author.Type != "admin" && c.Source.Author.Type != "bot" {
		email, name = c.Source.Author.Email, c.Source.Author.Name
	}
	r.Fields = desk.Fields("title", c.Title, "from_email", email, "from_name", name, "cc", strings.Join(cc, " "), "rating_remark", remark, "state", c.State, "channel", c.Source.Channel, "team", c.Team.String(), "rating", rating)
	own, err := s.customFields(ctx, "conversation", c.Custom)
	r.Fields = append(r.Fields, own...)
	r.Version = desk.Version(r)
	return r, err
}

// Root implements desk.Vendor.
func (s reader) Root(ctx context.Context, ref gallra.Ref) (gallra.Record, error) {
	if ref.Type == TypeContact {
		if !contactID.MatchString(ref.ID) {
			return gallra.Record{}, desk.Gone(ref)
		}
		var raw json.RawMessage
		if err := s.get(ctx, "contacts.get", join("contacts", ref.ID), &raw); err != nil {
			return gallra.Record{}, err
		}
		return s.contact(ctx, raw)
	}
	c, err := s.conversation(ctx, ref.ID)
	if err != nil {
		return gallra.Record{}, err
	}
	return s.head(ctx, c)
}

var paging = rest.Paging{Items: "data", Cursor: "pages.next.starting_after", Param: "starting_after"}

// Walk implements desk.Vendor.
func (s reader) Walk(ctx context.Context, typ, after string, limit int) (desk.Stretch, error) {
	if typ == TypeConversation {
		return s.walkConversations(ctx, after, limit)
	}
	p, err := s.via.Read.Page(ctx, rest.Request{Op: "contacts.list", Path: "/contacts", Query: url.Values{"per_page": {strconv.Itoa(min(limit, pageMax))}}, Header: version}, paging, after)
	if err != nil {
		return desk.Stretch{}, err
	}
	out := desk.Stretch{Next: p.Next}
	for _, raw := range p.Items {
		r, err := s.contact(ctx, raw)
		if err != nil {
			return desk.Stretch{}, err
		}
		out.Records = append(out.Records, r)
	}
	return out, nil
}

// found is a conversation as a search names it.
type found struct {
	Created int64
	ID      string
}

func (f found) place() string { return strconv.FormatInt(f.Created, 10) + "." + f.ID }

// after orders by when they were begun, then by id.
func (f found) after(o found) bool {
	a, _ := desk.Number(f.ID)
	b, _ := desk.Number(o.ID)
	return f.Created > o.Created || f.Created == o.Created && a > b
}

func readPlace(v string) (found, error) {
	if v == "" {
		return found{}, nil
	}
	a, id, ok := strings.Cut(v, ".")
	n, err := strconv.ParseInt(a, 10, 64)
	if _, is := desk.Number(id); !ok || err != nil || id != "0" && !is {
		return found{}, gallra.Errorf(gallra.Invalid, "connector.bad_cursor")
	}
	return found{n, id}, nil
}

// epoch is before Intercom's first conversation.
var epoch = time.Date(2011, 1, 1, 0, 0, 0, 0, time.UTC).Unix()

// walkConversations goes from when they were begun to now, in windows that hold
// few enough to be read whole: their order inside is then ours.
func (s reader) walkConversations(ctx context.Context, after string, limit int) (desk.Stretch, error) {
	last, err := readPlace(after)
	if err != nil {
		return desk.Stretch{}, err
	}
	from, now := max(last.Created, epoch), s.clock.Now().Unix()+1
	s.mu.Lock()
	span := s.span
	s.mu.Unlock()
	if span == 0 {
		span = now - from + 1
	}
	var out desk.Stretch
	for calls := 0; from <= now && calls < 30; calls++ {
		to := min(from+span, now+1)
		list, whole, err := s.window(ctx, from, to)
		if err != nil {
			return desk.Stretch{}, err
		}
		if !whole {
			span = max((to-from)/2, 1)
			continue
		}
		slices.SortFunc(list, func(a, b found) int {
			if a == b {
				return 0
			}
			if a.after(b) {
				return 1
			}
			return -1
		})
		for i, f := range list {
			if !f.after(last) || i > 0 && list[i-1] == f {
				continue
			}
			r, err := s.Root(ctx, s.ref(TypeConversation, f.ID))
			if gone, err := desk.Absent(err); gone {
				continue // the index still names it
			} else if err != nil {
				return desk.Stretch{}, err
			}
			if len(out.Records) == limit {
				out.Next = last.place()
				return out, nil
			}
			out.Records = append(out.Records, r)
			last = f
		}
		s.mu.Lock()
		s.span = span
		s.mu.Unlock()
		from, span = to, span*2
		last = found{to - 1, strconv.FormatInt(1<<62, 10)} // all of the window is behind
	}
	if from <= now {
		out.Next = found{from, "0"}.place()
	}
	return out, nil
}

// window names the conversations begun in [from, to); whole is false when they
// are too many and the window can be cut.
func (s reader) window(ctx context.Context, from, to int64) (list []found, whole bool, err error) {
	query := map[string]any{"operator": "AND", "value": []any{
		map[string]any{"field": "created_at", "operator": ">", "value": strconv.FormatInt(from-1, 10)},
		map[string]any{"field": "created_at", "operator": "<", "value": strconv.FormatInt(to, 10)},
	}}
	whole = true
	err = s.search(ctx, "conversations", query, func(raw json.RawMessage, total int) error {
		var c struct {
			ID      string `json:"id"`
			Created int64  `json:"created_at"`
		}
		if json.Unmarshal(raw, &c) != nil || c.ID == "" || c.Created < from || c.Created >= to {
			return s.shape("conversations.search")
		}
		if total > pageMax && to-from > 1 {
			whole = false
			return errEnough
		}
		list = append(list, found{c.Created, c.ID})
		return nil
	})
	return list, whole, err
}

var errEnough = errors.New("intercom: enough")

// search runs a query to its end; each is called with an item and how many there
// are in all, and ends the search with errEnough.
func (s reader) search(ctx context.Context, list string, query any, each func(json.RawMessage, int) error) error {
	cursor := ""
	for {
		pages := map[string]any{"per_page": pageMax}
		if cursor != "" {
			pages["starting_after"] = cursor
		}
		var doc map[string]json.RawMessage
		if _, err := s.via.Read.Do(ctx, rest.Request{Op: list + ".search", Method: "POST", Repeat: true, Path: "/" + list + "/search", Header: version, Body: map[string]any{"query": query, "pagination": pages}}, &doc); err != nil {
			return err
		}
		items := doc["data"] // contacts; conversations name the list by themselves
		if list == "conversations" {
			items = doc["conversations"]
		}
		var got []json.RawMessage
		var total int
		var p struct {
			Next *struct {
				After string `json:"starting_after"`
			} `json:"next"`
		}
		if json.Unmarshal(items, &got) != nil || got == nil || json.Unmarshal(doc["total_count"], &total) != nil || json.Unmarshal(doc["pages"], &p) != nil {
			return s.shape(list + ".search")
		}
		for _, raw := range got {
			if err := each(raw, total); errors.Is(err, errEnough) {
				return nil
			} else if err != nil {
				return err
			}
		}
		if p.Next == nil || p.Next.After == "" {
			return nil
		}
		if p.Next.After == cursor {
			return s.shape(list + ".search")
		}
		cursor = p.Next.After
	}
}

// Place implements desk.Vendor.
func (s reader) Place(c gallra.Record) string { return found{c.Created.Unix(), c.Ref.ID}.place() }

// source is the id of the message that began a conversation, among its parts.
const source = "source"

func (c conversationDoc) parts() []partDoc {
	first := c.Source
	first.ID, first.Kind, first.Created, first.Updated = source, "source", c.Created, 0
	return append([]partDoc{first}, c.Parts.Parts...)
}

// Thread implements desk.Vendor.
func (s reader) Thread(ctx context.Context, conv gallra.Record) (desk.Thread, error) {
	c, err := s.conversation(ctx, conv.Ref.ID)
	if err != nil {
		return desk.Thread{}, err
	}
	var out desk.Thread
	if c.Parts.Total > len(c.Parts.Parts) {
		out.Skipped = append(out.Skipped, connector.Problem{Ref: conv.Ref, Where: "parts", Reason: "intercom.beyond_newest"})
	}
	for _, p := range c.parts() {
		if p.Redacted || p.Body == "" && p.Subject == "" && len(p.Files) == 0 {
			continue
		}
		if _, ok := desk.Number(p.ID); !ok && p.ID != source {
			return desk.Thread{}, s.shape("conversations.get")
		}
		r := gallra.Record{Ref: s.ref(TypePart, desk.Child(c.ID, p.ID)), Parent: conv.Ref, Created: at(p.Created), Updated: at(p.Updated),
			Fields: desk.Fields("body", p.Body, "subject", p.Subject, "from_email", p.Author.Email, "from_name", p.Author.Name, "kind", p.Kind)}
		if contactID.MatchString(p.Author.ID) {
			r.Person = s.ref(TypeContact, p.Author.ID)
		}
		r.Version = desk.Version(r)
		out.Records = append(out.Records, r)
		for i, f := range p.Files {
			a := gallra.Record{Ref: s.ref(TypeAttachment, desk.Child(c.ID, p.ID, strconv.Itoa(i))), Parent: conv.Ref, Created: r.Created, Fields: desk.Fields("filename", f.Name, "content_type", f.Type)}
			a.Version = desk.Version(a)
			out.Records = append(out.Records, a)
		}
	}
	return out, nil
}

// Content implements desk.Vendor.
func (s reader) Content(ctx context.Context, ref gallra.Ref) ([]byte, error) {
	ids := desk.Parts(ref.ID)
	if ref.Type != TypeAttachment || len(ids) != 3 {
		return nil, desk.Gone(ref)
	}
	c, err := s.conversation(ctx, ids[0])
	if err != nil {
		return nil, err
	}
	for _, p := range c.parts() {
		for i, f := range p.Files {
			if p.ID == ids[1] && strconv.Itoa(i) == ids[2] && !p.Redacted {
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

// Traces implements desk.Vendor: there are none that the API shows.
func (s reader) Traces(context.Context, gallra.Record) ([]desk.Trace, error) { return nil, nil }

// fields are what each kind of identifier is asked for by, of contacts.
var fields = map[gallra.IdentifierKind]string{gallra.IdentEmail: "email", gallra.IdentPhone: "phone", gallra.IdentName: "name", gallra.IdentCustomer: "external_id", gallra.IdentUsername: "external_id"}

// Search implements desk.Vendor. In fields it asks the two searches; in text it
// goes through all contacts and conversations, as no search knows the words of
// answers.
func (s reader) Search(ctx context.Context, n connector.Needles, cursor string) (desk.Candidates, error) {
	var out desk.Candidates
	typ, after := TypeContact, cursor
	if rest, ok := strings.CutPrefix(cursor, "c:"); ok {
		typ, after = TypeConversation, rest
	}
	if n.Depth == connector.InText {
		w, err := s.Walk(ctx, typ, after, 50)
		if err != nil {
			return out, err
		}
		for _, r := range w.Records {
			if typ == TypeConversation || desk.Holds(r, n.Identifiers) {
				out.Refs = append(out.Refs, r.Ref)
			}
		}
		switch {
		case typ == TypeContact && w.Next == "":
			out.Next = "c:"
		case typ == TypeContact:
			out.Next = w.Next
		case w.Next != "":
			out.Next = "c:" + w.Next
		}
	}
	if cursor != "" {
		return out, nil
	}
	for _, id := range n.Identifiers {
		if v := strings.TrimSpace(id.Value); id.Kind == gallra.IdentAccount && contactID.MatchString(v) && (id.System == "" || id.System == s.system) {
			out.Refs = append(out.Refs, s.ref(TypeContact, v))
		}
		field := fields[id.Kind]
		if field == "" {
			continue
		}
		for _, f := range desk.Forms(id) {
			err := s.search(ctx, "contacts", map[string]any{"field": field, "operator": "~", "value": f}, func(raw json.RawMessage, _ int) error {
				var c struct {
					ID string `json:"id"`
				}
				if json.Unmarshal(raw, &c) != nil || !contactID.MatchString(c.ID) {
					return s.shape("contacts.search")
				}
				out.Refs = append(out.Refs, s.ref(TypeContact, c.ID))
				return nil
			})
			if err != nil {
				return out, err
			}
			if id.Kind != gallra.IdentEmail && id.Kind != gallra.IdentName {
				continue
			}
			refs, err := s.conversations(ctx, "source.author."+field, "~", f)
			if err != nil {
				return out, err
			}
			out.Refs = append(out.Refs, refs...)
		}
	}
	return out, nil
}

func (s reader) conversations(ctx context.Context, field, operator, value string) ([]gallra.Ref, error) {
	var out []gallra.Ref
	err := s.search(ctx, "conversations", map[string]any{"field": field, "operator": operator, "value": value}, func(raw json.RawMessage, _ int) error {
		var c struct {
			ID string `json:"id"`
		}
		if json.Unmarshal(raw, &c) != nil || c.ID == "" {
			return s.shape("conversations.search")
		}
		out = append(out, s.ref(TypeConversation, c.ID))
		return nil
	})
	return out, err
}

// Cases implements desk.Vendor.
func (s reader) Cases(ctx context.Context, person gallra.Ref) ([]gallra.Ref, error) {
	return s.conversations(ctx, "contact_ids", "=", person.ID)
}
