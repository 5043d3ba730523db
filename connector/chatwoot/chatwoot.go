// Package chatwoot connects Chatwoot through its application API:
// "chatwoot://chatt.kommun.se?account=1&token=…". Where the database can be
// reached, sqldb with the profile chatwoot can also anonymise in place.
//
// The API erases a conversation (an operation that Chatwoot has and its
// published description does not name) by a background job, a contact at once
// unless the visitor is online, and a single message by writing "deleted" over
// it: its place in the conversation stays, its text and files go. It cannot set
// another text, so Edit is not declared.
//
// Chatwoot lists by activity or by name, a page at a time, and an order that
// changes while it is read loses records. So the ids are read until they are as
// many as Chatwoot counts, and the records then one by one, by id.
//
// Sources: Chatwoot's OpenAPI description, SYSTEMS 3.5.
package chatwoot

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"io"
	"math"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/desk"
	"github.com/gallra/gallra/connector/rest"
	"github.com/gallra/gallra/pii/ident"
)

// The types of record.
const (
	TypeContact      = "contact"
	TypeConversation = "conversation"
	TypeMessage      = "message"
	TypeAttachment   = "attachment"
)

func init() {
	connector.Register(connector.Info{
		Name: "chatwoot", Schemes: []string{"chatwoot"}, Title: "Chatwoot", Channel: connector.ChannelChat,
		Can: []connector.Capability{connector.CanFind, connector.CanErase, connector.CanConfirm, connector.CanAttachments,
			connector.CanLeftovers, connector.CanVerify},
		Finds: gallra.IdentifierKinds(),
		Options: append([]connector.Option{
			{Name: "account", Help: "option.chatwoot.account", Required: true},
			{Name: "token", Help: "option.chatwoot.token", Required: true, Secret: true},
			{Name: "erase_token", Help: "option.chatwoot.erase_token", Secret: true},
			{Name: "search", Help: "option.chatwoot.search"},
			{Name: "file_hosts", Help: "option.chatwoot.file_hosts"},
		}, rest.CommonOptions()...),
		Open: func(_ context.Context, c connector.Config) (connector.Source, error) { return open(c, nil) },
	})
}

//go:embed profile.yaml
var profile []byte

var known = connector.MustProfile(profile)

// Source is one account in Chatwoot.
type Source struct {
	known func(connector.Profile) connector.Profile
	desk.Desk
	via     rest.Pair
	clock   rest.Clock
	account string
	index   bool

	mu  sync.Mutex
	ids map[string][]int64 // of each type, as last read in full
}

func open(c connector.Config, tune func(*rest.Options)) (*Source, error) {
	o, err := rest.FromConfig(c, "", rest.PerMinute(60))
	if err != nil {
		return nil, err
	}
	invalid := func(name string) error {
		return gallra.Errorf(gallra.Invalid, "connector.option_invalid", "option", name)
	}
	s := &Source{known: c.Known, account: c.Option("account"), ids: map[string][]int64{}}
	if _, ok := desk.Number(s.account); !ok {
		return nil, invalid("account")
	}
	switch c.Option("search") {
	case "", "all":
	case "index":
		s.index = true
	default:
		return nil, invalid("search")
	}
	o.FileHosts = strings.FieldsFunc(c.Option("file_hosts"), func(r rune) bool { return r == ',' || r == ' ' })
	o.Auth = token(c.Option("token"))
	if tune != nil {
		tune(&o)
	}
	s.System, s.V, s.clock = c.System, s, o.Clock
	if s.clock == nil {
		s.clock = rest.Wall{}
	}
	s.via, err = rest.NewPair(o, rest.Given(c.Option("erase_token"), token))
	return s, err
}

func token(t string) rest.Auth { return rest.Header("api_access_token", t) }

// Close implements io.Closer.
func (s *Source) Close() error { return s.via.Close() }

// Profile implements connector.Profiled.
func (s *Source) Profile() connector.Profile { return s.known(known) }

// call makes one call below the account.
func (s *Source) call(ctx context.Context, op, method string, q url.Values, out any, segments ...string) (rest.Response, error) {
	p, err := rest.Join(append([]string{"api", "v1", "accounts", s.account}, segments...)...)
	if err != nil {
		return rest.Response{}, gallra.Errorf(gallra.NotFound, "connector.record_not_found")
	}
	return s.via.Do(ctx, rest.Request{Op: op, Method: method, Path: p, Query: q}, out)
}

func (s *Source) drift(op string) error {
	return gallra.Errorf(gallra.Drift, "rest.shape", "system", string(s.System), "op", op)
}

func (s *Source) lacks(right string) error {
	return gallra.Errorf(gallra.Forbidden, "connector.scope_missing", "system", string(s.System), "scope", right)
}

// Check implements connector.Source.
func (s *Source) Check(ctx context.Context) error {
	err := s.via.Each(func(c *rest.Client) error {
		var me struct {
			Accounts []struct {
				ID   json.Number `json:"id"`
				Role string      `json:"role"`
			} `json:"accounts"`
		}
		if _, err := c.Do(ctx, rest.Request{Op: "profile.get", Path: "/api/v1/profile"}, &me); err != nil {
			return err
		}
		if me.Accounts == nil {
			return s.drift("profile.get")
		}
		for _, a := range me.Accounts {
			if a.ID.String() == s.account {
				if a.Role != "administrator" {
					return s.lacks("administrator")
				}
				return nil
			}
		}
		return s.lacks("account " + s.account)
	})
	if err == nil {
		_, _, err = s.page(ctx, TypeConversation, 1)
	}
	return err
}

// Types implements desk.Vendor.
func (s *Source) Types(ctx context.Context) ([]connector.Type, error) {
	who := func(name string, c gallra.Category) connector.FieldInfo {
		return connector.FieldInfo{Name: name, Category: c, Role: gallra.RoleRequester, Indexed: true}
	}
	text := func(name string) connector.FieldInfo { return connector.FieldInfo{Name: name, Text: true} }
	document := func(name string) connector.FieldInfo {
		return connector.FieldInfo{Name: name, Text: true, Format: connector.FormatJSON}
	}
	keep := func(name string) connector.FieldInfo { return connector.FieldInfo{Name: name, Keep: true} }
	return []connector.Type{
		{Name: TypeContact, Kind: connector.KindPerson, Starts: []gallra.StartEvent{gallra.StartCreated, gallra.StartLastContact}, Fields: []connector.FieldInfo{
			who("name", gallra.CategoryPerson), who("email", gallra.CategoryEmail), who("phone_number", gallra.CategoryPhone), who("identifier", gallra.CategoryCustomerID),
			{Name: "channel_emails", Category: gallra.CategoryEmail, Role: gallra.RoleRequester}, {Name: "channel_phones", Category: gallra.CategoryPhone, Role: gallra.RoleRequester},
			{Name: "ip", Category: gallra.CategoryIP, Role: gallra.RoleRequester}, document("additional_attributes"), document("custom_attributes"), document("contact_inboxes"), keep("blocked")}},
		{Name: TypeConversation, Kind: connector.KindConversation, Starts: []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated, gallra.StartLastContact}, Fields: []connector.FieldInfo{
			text("subject"), document("additional_attributes"), document("custom_attributes"), text("labels"), keep("status"), keep("inbox_id"), keep("priority")}},
		{Name: TypeMessage, Kind: connector.KindMessage, Parent: TypeConversation, Starts: []gallra.StartEvent{gallra.StartCreated}, Fields: []connector.FieldInfo{
			text("content"), text("sender"), document("content_attributes"), keep("message_type"), keep("content_type"), keep("private")}},
		{Name: TypeAttachment, Kind: connector.KindAttachment, Parent: TypeConversation, Starts: []gallra.StartEvent{gallra.StartCreated}, Fields: []connector.FieldInfo{
			text("filename"), keep("file_type")}},
	}, ctx.Err()
}

type contact struct {
	ID         int64           `json:"id"`
	Name       string          `json:"name"`
	Email      *string         `json:"email"`
	Phone      *string         `json:"phone_number"`
	Identifier *string         `json:"identifier"`
	Blocked    bool            `json:"blocked"`
	Additional json.RawMessage `json:"additional_attributes"`
	Custom     json.RawMessage `json:"custom_attributes"`
	Inboxes    json.RawMessage `json:"contact_inboxes"`
	Created    float64         `json:"created_at"`
	Activity   float64         `json:"last_activity_at"`
}

type conversation struct {
	ID         int64           `json:"id"`
	Inbox      int64           `json:"inbox_id"`
	Status     string          `json:"status"`
	Priority   *string         `json:"priority"`
	Labels     []string        `json:"labels"`
	Additional json.RawMessage `json:"additional_attributes"`
	Custom     json.RawMessage `json:"custom_attributes"`
	Created    float64         `json:"created_at"`
	Updated    float64         `json:"updated_at"`
	Activity   float64         `json:"last_activity_at"`
	Meta       struct {
		Sender struct {
			ID int64 `json:"id"`
		} `json:"sender"`
	} `json:"meta"`
}

type message struct {
	ID          int64           `json:"id"`
	Content     *string         `json:"content"`
	Type        int             `json:"message_type"`
	ContentType string          `json:"content_type"`
	Private     bool            `json:"private"`
	Attributes  json.RawMessage `json:"content_attributes"`
	Created     float64         `json:"created_at"`
	SenderType  string          `json:"sender_type"`
	Sender      *struct {
		ID   int64  `json:"id"`
		Name string `json:"name"`
		Type string `json:"type"`
	} `json:"sender"`
	Attachments []struct {
		ID   int64  `json:"id"`
		Type string `json:"file_type"`
		URL  string `json:"data_url"`
	} `json:"attachments"`
}

// erased reports whether Chatwoot has written "deleted" over the message.
func (m message) erased() bool {
	var a struct {
		Deleted bool `json:"deleted"`
	}
	return json.Unmarshal(m.Attributes, &a) == nil && a.Deleted
}

// instant reads Chatwoot's seconds since 1970.
func instant(seconds float64) time.Time {
	if seconds <= 0 {
		return time.Time{}
	}
	whole, part := math.Modf(seconds)
	return time.Unix(int64(whole), int64(part*1e6)*1000).UTC()
}

func (s *Source) ref(typ string, id ...int64) gallra.Ref {
	var parts []string
	for _, i := range id {
		parts = append(parts, strconv.FormatInt(i, 10))
	}
	return gallra.Ref{System: s.System, Type: typ, ID: desk.Child(parts[0], parts[1:]...)}
}

func or(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// plain writes JSON so that its letters can be searched: without \u escapes.
func plain(raw json.RawMessage) string {
	var v any
	if json.Unmarshal(raw, &v) != nil || v == nil {
		return ""
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return ""
	}
	if t := strings.TrimSpace(b.String()); t != "{}" && t != "[]" {
		return t
	}
	return ""
}

// channels returns the addresses and numbers by which channels know the contact,
// besides its own: after a merge that is where those of the other one are left.
func channels(c contact) (emails, phones string) {
	var list []struct {
		Source string `json:"source_id"`
	}
	_ = json.Unmarshal(c.Inboxes, &list) // of any other shape: the field is shown whole all the same
	var e, p []string
	for _, x := range list {
		v := strings.TrimPrefix(x.Source, "whatsapp:")
		switch {
		case strings.Contains(v, "@") && v != or(c.Email):
			e = append(e, v)
		case number.MatchString(v):
			if v = "+" + strings.TrimPrefix(v, "+"); v != or(c.Phone) {
				p = append(p, v)
			}
		}
	}
	slices.Sort(e)
	slices.Sort(p)
	return strings.Join(slices.Compact(e), ", "), strings.Join(slices.Compact(p), ", ")
}

var number = regexp.MustCompile(`^\+?[1-9][0-9]{7,14}$`)

func (s *Source) contactRecord(c contact) gallra.Record {
	var more struct {
		IP string `json:"created_at_ip"`
	}
	_ = json.Unmarshal(c.Additional, &more) // any other shape has no address to show
	emails, phones := channels(c)
	r := gallra.Record{Ref: s.ref(TypeContact, c.ID), Created: instant(c.Created), Contact: instant(c.Activity),
		Fields: desk.Fields("name", c.Name, "channel_emails", emails, "channel_phones", phones, "email", or(c.Email), "phone_number", or(c.Phone), "identifier", or(c.Identifier), "ip", more.IP,
			"additional_attributes", plain(c.Additional), "custom_attributes", plain(c.Custom), "contact_inboxes", plain(c.Inboxes), "blocked", strconv.FormatBool(c.Blocked))}
	parts := []string{strconv.FormatFloat(c.Activity, 'f', -1, 64)}
	for _, f := range r.Fields {
		parts = append(parts, f.Value)
	}
	r.Version = desk.Digest(parts...) // Chatwoot tells no time of change
	return r
}

func (s *Source) conversationRecord(c conversation) gallra.Record {
	var mail struct {
		Subject string `json:"mail_subject"`
	}
	_ = json.Unmarshal(c.Additional, &mail)
	r := gallra.Record{Ref: s.ref(TypeConversation, c.ID), Created: instant(c.Created), Updated: instant(c.Updated), Contact: instant(c.Activity),
		Version: strconv.FormatFloat(c.Updated, 'f', 6, 64) + "-" + strconv.FormatFloat(c.Activity, 'f', 0, 64) + "-" + c.Status,
		Fields: desk.Fields("subject", mail.Subject, "additional_attributes", plain(c.Additional), "custom_attributes", plain(c.Custom), "labels", strings.Join(c.Labels, ", "),
			"status", c.Status, "inbox_id", strconv.FormatInt(c.Inbox, 10), "priority", or(c.Priority))}
	if c.Meta.Sender.ID > 0 {
		r.Person = s.ref(TypeContact, c.Meta.Sender.ID)
	}
	return r
}

// page returns the ids on a page of a list and how many Chatwoot counts in all.
func (s *Source) page(ctx context.Context, typ string, n int) (ids []int64, total int64, err error) {
	if typ == TypeContact {
		var p struct {
			Meta struct {
				Count *int64 `json:"count"`
			} `json:"meta"`
			Payload []contact `json:"payload"`
		}
		if _, err := s.call(ctx, "contacts.list", "GET", url.Values{"page": {strconv.Itoa(n)}, "sort": {"name"}}, &p, "contacts"); err != nil {
			return nil, 0, err
		}
		if p.Payload == nil || p.Meta.Count == nil {
			return nil, 0, s.drift("contacts.list")
		}
		for _, c := range p.Payload {
			ids = append(ids, c.ID)
		}
		return ids, *p.Meta.Count, nil
	}
	cs, total, err := s.conversations(ctx, n, "")
	for _, c := range cs {
		ids = append(ids, c.ID)
	}
	return ids, total, err
}

func (s *Source) conversations(ctx context.Context, n int, q string) ([]conversation, int64, error) {
	v := url.Values{"page": {strconv.Itoa(n)}, "status": {"all"}, "assignee_type": {"all"}}
	if q != "" {
		v.Set("q", q)
	}
	var p struct {
		Data struct {
			Meta struct {
				All *float64 `json:"all_count"`
			} `json:"meta"`
			Payload []conversation `json:"payload"`
		} `json:"data"`
	}
	if _, err := s.call(ctx, "conversations.list", "GET", v, &p, "conversations"); err != nil {
		return nil, 0, err
	}
	if p.Data.Payload == nil || p.Data.Meta.All == nil {
		return nil, 0, s.drift("conversations.list")
	}
	return p.Data.Payload, int64(*p.Data.Meta.All), nil
}

// passes is how often a list is read before it is given up on.
const passes = 6

// every reads the ids of a type until they are as many as Chatwoot counts.
func (s *Source) every(ctx context.Context, typ string) ([]int64, error) {
	found := map[int64]bool{}
	for range passes {
		total := int64(-1)
		for n := 1; ; n++ {
			ids, count, err := s.page(ctx, typ, n)
			if err != nil {
				return nil, err
			}
			total = count
			for _, id := range ids {
				if id <= 0 {
					return nil, s.drift(typ + ".list")
				}
				found[id] = true
			}
			if len(ids) == 0 {
				break
			}
		}
		if int64(len(found)) >= total {
			var out []int64
			for id := range found {
				out = append(out, id)
			}
			slices.Sort(out)
			s.mu.Lock()
			s.ids[typ] = out
			s.mu.Unlock()
			return out, nil
		}
	}
	return nil, gallra.Errorf(gallra.Unavailable, "desk.page_repeats")
}

// Walk implements desk.Vendor. The ids are read anew at the beginning of a walk
// and by a new process.
func (s *Source) Walk(ctx context.Context, typ, after string, limit int) (desk.Stretch, error) {
	last := int64(0)
	if after != "" {
		n, ok := desk.Number(after)
		if !ok {
			return desk.Stretch{}, gallra.Errorf(gallra.Invalid, "connector.bad_cursor")
		}
		last = n
	}
	s.mu.Lock()
	ids, have := s.ids[typ]
	s.mu.Unlock()
	if after == "" || !have {
		var err error
		if ids, err = s.every(ctx, typ); err != nil {
			return desk.Stretch{}, err
		}
	}
	var out desk.Stretch
	for _, id := range ids {
		if id <= last {
			continue
		}
		if len(out.Records) == limit {
			out.Next = strconv.FormatInt(last, 10)
			return out, nil
		}
		r, err := s.Root(ctx, s.ref(typ, id))
		if err != nil && gallra.CodeOf(err) != gallra.NotFound {
			return desk.Stretch{}, err
		}
		if last = id; err == nil {
			out.Records = append(out.Records, r)
		}
	}
	return out, nil
}

// Place implements desk.Vendor.
func (s *Source) Place(conversation gallra.Record) string { return conversation.Ref.ID }

// Root implements desk.Vendor.
func (s *Source) Root(ctx context.Context, ref gallra.Ref) (gallra.Record, error) {
	if _, ok := desk.Number(ref.ID); !ok {
		return gallra.Record{}, desk.Gone(ref)
	}
	if ref.Type == TypeContact {
		var c struct {
			Payload contact `json:"payload"`
		}
		if _, err := s.call(ctx, "contacts.get", "GET", nil, &c, "contacts", ref.ID); err != nil {
			return gallra.Record{}, err
		}
		if strconv.FormatInt(c.Payload.ID, 10) != ref.ID {
			return gallra.Record{}, s.drift("contacts.get")
		}
		return s.contactRecord(c.Payload), nil
	}
	var c conversation
	if _, err := s.call(ctx, "conversations.get", "GET", nil, &c, "conversations", ref.ID); err != nil {
		return gallra.Record{}, err
	}
	if strconv.FormatInt(c.ID, 10) != ref.ID {
		return gallra.Record{}, s.drift("conversations.get")
	}
	return s.conversationRecord(c), nil
}

// messages returns every message of a conversation, erased ones included.
func (s *Source) messages(ctx context.Context, conversation string) ([]message, error) {
	var out []message
	for last := int64(0); ; {
		var p struct {
			Payload []message `json:"payload"`
		}
		if _, err := s.call(ctx, "messages.list", "GET", url.Values{"after": {strconv.FormatInt(last, 10)}}, &p, "conversations", conversation, "messages"); err != nil {
			return nil, err
		}
		if p.Payload == nil {
			return nil, s.drift("messages.list")
		}
		if len(p.Payload) == 0 {
			return out, nil
		}
		for _, m := range p.Payload {
			if m.ID <= last {
				return nil, gallra.Errorf(gallra.Unavailable, "desk.page_repeats")
			}
			last = m.ID
			out = append(out, m)
		}
	}
}

// Thread implements desk.Vendor.
func (s *Source) Thread(ctx context.Context, conv gallra.Record) (desk.Thread, error) {
	id, _ := desk.Number(conv.Ref.ID)
	ms, err := s.messages(ctx, conv.Ref.ID)
	if err != nil {
		return desk.Thread{}, err
	}
	var out desk.Thread
	for _, m := range ms {
		if m.erased() {
			continue
		}
		r := gallra.Record{Ref: s.ref(TypeMessage, id, m.ID), Parent: conv.Ref, Created: instant(m.Created), Contact: instant(m.Created)}
		sender := ""
		if m.Sender != nil {
			sender = m.Sender.Name
			if strings.EqualFold(cmp.Or(m.SenderType, m.Sender.Type), "contact") && m.Sender.ID > 0 {
				r.Person = s.ref(TypeContact, m.Sender.ID)
			}
		}
		r.Fields = desk.Fields("content", or(m.Content), "sender", sender, "content_attributes", plain(m.Attributes),
			"message_type", strconv.Itoa(m.Type), "content_type", m.ContentType, "private", strconv.FormatBool(m.Private))
		r.Version = desk.Digest(or(m.Content), sender, plain(m.Attributes), strconv.Itoa(len(m.Attachments)))
		out.Records = append(out.Records, r)
		for _, a := range m.Attachments {
			name := ""
			if u, err := url.Parse(a.URL); err == nil {
				name = path.Base(u.Path)
			}
			out.Records = append(out.Records, gallra.Record{Ref: s.ref(TypeAttachment, id, m.ID, a.ID), Version: strconv.FormatInt(a.ID, 10), Parent: conv.Ref, Created: instant(m.Created),
				Fields: desk.Fields("filename", name, "file_type", a.Type)})
		}
	}
	return out, nil
}

// Search implements desk.Vendor. Contacts are found by Chatwoot's search of
// their fields; in text everything is read, unless the operator chose the
// index: then Chatwoot's search of messages, and the conversations that were
// active last.
func (s *Source) Search(ctx context.Context, n connector.Needles, at string) (desk.Candidates, error) {
	var forms []string
	for _, id := range n.Identifiers {
		if id.Kind != gallra.IdentAccount {
			forms = append(forms, ident.Forms(id)...)
		}
	}
	slices.Sort(forms)
	forms = slices.Compact(forms)
	if scan, ok := strings.CutPrefix(at, "all."); ok {
		c, err := desk.Scan(ctx, s, []string{TypeContact, TypeConversation}, scan)
		if c.Next != "" {
			c.Next = "all." + c.Next
		}
		return c, err
	}
	if n.Depth == connector.InText && !s.index {
		return s.Search(ctx, n, "all.")
	}
	step, page := 0, 1
	if at != "" {
		a, b, _ := strings.Cut(at, ".")
		var err, err2 error
		step, err = strconv.Atoi(a)
		page, err2 = strconv.Atoi(b)
		if err != nil || err2 != nil || step < 0 || step > 2*len(forms) || page < 1 {
			return desk.Candidates{}, gallra.Errorf(gallra.Invalid, "connector.bad_cursor")
		}
	}
	var out desk.Candidates
	for _, id := range n.Identifiers {
		if _, ok := desk.Number(id.Value); ok && at == "" && id.Kind == gallra.IdentAccount && (id.System == "" || id.System == s.System) {
			out.Refs = append(out.Refs, gallra.Ref{System: s.System, Type: TypeContact, ID: id.Value})
		}
	}
	more, err := s.look(ctx, &out, forms, step, page, n.Depth)
	if err != nil {
		return desk.Candidates{}, err
	}
	switch {
	case more:
		out.Next = strconv.Itoa(step) + "." + strconv.Itoa(page+1)
	case step < 2*len(forms):
		out.Next = strconv.Itoa(step+1) + ".1"
	}
	return out, nil
}

// look makes one step of a search and reports whether it has a further page.
func (s *Source) look(ctx context.Context, out *desk.Candidates, forms []string, step, page int, depth connector.Depth) (bool, error) {
	switch {
	case step < len(forms):
		var p struct {
			Payload []contact `json:"payload"`
		}
		if _, err := s.call(ctx, "contacts.search", "GET", url.Values{"q": {forms[step]}, "page": {strconv.Itoa(page)}, "sort": {"name"}}, &p, "contacts", "search"); err != nil {
			return false, err
		}
		if p.Payload == nil {
			return false, s.drift("contacts.search")
		}
		for _, c := range p.Payload {
			out.Refs = append(out.Refs, s.ref(TypeContact, c.ID))
		}
		return len(p.Payload) > 0, nil
	case depth != connector.InText:
		return false, nil
	}
	q := ""
	if step < 2*len(forms) {
		q = forms[step-len(forms)]
	}
	cs, _, err := s.conversations(ctx, page, q)
	for _, c := range cs {
		out.Refs = append(out.Refs, s.ref(TypeConversation, c.ID))
	}
	return q != "" && len(cs) > 0, err
}

// Cases implements desk.Vendor. Chatwoot hands out a contact's latest
// conversations only, so the whole list is asked.
func (s *Source) Cases(ctx context.Context, person gallra.Ref) ([]gallra.Ref, error) {
	var few struct {
		Payload []conversation `json:"payload"`
	}
	_, err := s.call(ctx, "contacts.conversations", "GET", nil, &few, "contacts", person.ID, "conversations")
	if gallra.CodeOf(err) == gallra.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if few.Payload == nil {
		return nil, s.drift("contacts.conversations")
	}
	var out []gallra.Ref
	for _, c := range few.Payload {
		out = append(out, s.ref(TypeConversation, c.ID))
	}
	if len(out) < casesCap {
		return out, nil
	}
	for n := 1; ; n++ {
		cs, _, err := s.conversations(ctx, n, "")
		if err != nil || len(cs) == 0 {
			return out, err
		}
		for _, c := range cs {
			if r := s.ref(TypeConversation, c.ID); strconv.FormatInt(c.Meta.Sender.ID, 10) == person.ID && !slices.Contains(out, r) {
				out = append(out, r)
			}
		}
	}
}

// casesCap is how many of a contact's conversations Chatwoot hands out.
const casesCap = 20

// Content implements desk.Vendor.
func (s *Source) Content(ctx context.Context, file gallra.Ref) ([]byte, error) {
	parts := desk.Parts(file.ID)
	if len(parts) != 3 || file.Type != TypeAttachment {
		return nil, desk.Gone(file)
	}
	ms, err := s.messages(ctx, parts[0])
	if err != nil {
		return nil, err
	}
	for _, m := range ms {
		for _, a := range m.Attachments {
			if strconv.FormatInt(m.ID, 10) == parts[1] && strconv.FormatInt(a.ID, 10) == parts[2] {
				return s.via.Read.Download(ctx, "attachments.get", a.URL)
			}
		}
	}
	return nil, desk.Gone(file)
}

// Open implements connector.Attachments.
func (s *Source) Open(ctx context.Context, ref gallra.Ref) (io.ReadCloser, error) {
	if ref.Type != TypeAttachment || ref.System != "" && ref.System != s.System {
		return nil, desk.Gone(ref)
	}
	b, err := s.Content(ctx, ref)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

// Traces implements desk.Vendor: what a list still shows of conversations that
// can no longer be read.
func (s *Source) Traces(ctx context.Context, conv gallra.Record) ([]desk.Trace, error) {
	if !conv.Ref.IsZero() {
		return nil, nil
	}
	var out []desk.Trace
	for n := 1; ; n++ {
		cs, _, err := s.conversations(ctx, n, "")
		if err != nil || len(cs) == 0 {
			return out, err
		}
		for _, c := range cs {
			_, err := s.Root(ctx, s.ref(TypeConversation, c.ID))
			if gallra.CodeOf(err) == gallra.NotFound {
				r := s.conversationRecord(c)
				for _, f := range r.Fields {
					out = append(out, desk.Trace{Ref: r.Ref, Where: "conversation list", Text: f.Value})
				}
			} else if err != nil {
				return nil, err
			}
		}
	}
}

// Erase implements connector.Eraser for contacts, conversations and messages.
// Chatwoot has no conditional deletion: the version is compared just before.
func (s *Source) Erase(ctx context.Context, ref gallra.Ref, ifVersion string) (gallra.Receipt, error) {
	r, err := s.Current(ctx, ref, ifVersion)
	if err != nil {
		return gallra.Receipt{}, err
	}
	parts := desk.Parts(ref.ID)
	var op string
	var at []string
	switch ref.Type {
	case TypeConversation:
		op, at = "conversations.delete", []string{"conversations", ref.ID}
	case TypeContact:
		cases, err := s.Cases(ctx, ref)
		if err != nil {
			return gallra.Receipt{}, err
		}
		if len(cases) > 0 {
			return gallra.Receipt{}, gallra.Errorf(gallra.Blocked, "chatwoot.has_conversations", "count", strconv.Itoa(len(cases)))
		}
		op, at = "contacts.delete", []string{"contacts", ref.ID}
	case TypeMessage:
		op, at = "messages.delete", []string{"conversations", parts[0], "messages", parts[1]}
	default:
		return gallra.Receipt{}, gallra.Errorf(gallra.Unsupported, "chatwoot.with_its_message")
	}
	resp, err := s.call(ctx, op, "DELETE", nil, nil, at...)
	switch code := gallra.CodeOf(err); {
	case err == nil, code == gallra.NotFound && resp.Repeated:
	case code == gallra.Forbidden, code == gallra.Unauthorize:
		return gallra.Receipt{}, s.lacks("administrator")
	case resp.Status == 422 && ref.Type == TypeContact:
		return gallra.Receipt{}, gallra.Errorf(gallra.Blocked, "chatwoot.online")
	case code == gallra.NotFound && ref.Type == TypeConversation: // it was there just now
		if _, err := s.Root(ctx, ref); err == nil {
			return gallra.Receipt{}, gallra.Errorf(gallra.Unsupported, "chatwoot.too_old")
		} else if gallra.CodeOf(err) != gallra.NotFound {
			return gallra.Receipt{}, err
		}
	case code != gallra.NotFound:
		return gallra.Receipt{}, err
	}
	return s.receipt(ctx, gallra.Receipt{Ref: r.Ref, Action: gallra.ActionErase})
}

// queued is how long Chatwoot's background jobs may take.
const queued = time.Hour

// receipt says what has become of an erasure: a conversation goes by a job.
func (s *Source) receipt(ctx context.Context, r gallra.Receipt) (gallra.Receipt, error) {
	left, err := s.Remains(ctx, []gallra.Ref{r.Ref})
	if err != nil {
		return r, err
	}
	r.At = s.clock.Now()
	switch {
	case len(left) == 0:
		r.Final, r.Grade, r.GoneBy, r.Residues = true, known.Grade(), time.Time{}, known.Residues(r.At)
	case r.Ref.Type != TypeConversation:
		return gallra.Receipt{}, gallra.Errorf(gallra.Unavailable, "chatwoot.not_done", "system", string(s.System))
	default:
		r.Grade, r.GoneBy, r.Residues = gallra.GradeHidden, r.At.Add(queued), left
	}
	return r, nil
}

// Confirm implements connector.Confirmer.
func (s *Source) Confirm(ctx context.Context, r gallra.Receipt) (gallra.Receipt, error) {
	if r.Final {
		return r, ctx.Err()
	}
	by := r.GoneBy
	got, err := s.receipt(ctx, r)
	if err != nil {
		return r, err
	}
	if !got.Final {
		got.GoneBy = by
	}
	return got, nil
}

// Remains implements connector.Verifier: a conversation is asked for by its
// messages, a contact by its conversations, a message by its neighbours' list;
// List and Erase go other ways.
func (s *Source) Remains(ctx context.Context, refs []gallra.Ref) ([]gallra.Residue, error) {
	var out []gallra.Residue
	for _, ref := range refs {
		parts := desk.Parts(ref.ID)
		if _, ok := desk.Number(parts[0]); !ok {
			continue
		}
		there := false
		var err error
		switch ref.Type {
		case TypeContact:
			_, err = s.call(ctx, "contacts.conversations", "GET", nil, nil, "contacts", ref.ID, "conversations")
			there = err == nil
		case TypeConversation, TypeMessage, TypeAttachment:
			var ms []message
			ms, err = s.messages(ctx, parts[0])
			there = err == nil && (ref.Type == TypeConversation || slices.ContainsFunc(ms, func(m message) bool {
				return len(parts) > 1 && strconv.FormatInt(m.ID, 10) == parts[1] && !m.erased()
			}))
		}
		if err != nil && gallra.CodeOf(err) != gallra.NotFound {
			return nil, err
		}
		if there {
			out = append(out, gallra.Residue{Ref: ref, Where: ref.Type, Why: "residue.still_there", Count: 1})
		}
	}
	return out, ctx.Err()
}
