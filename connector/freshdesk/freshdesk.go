// Package freshdesk connects to Freshdesk over its API.
//
// What decides its shape (SYSTEMS 3.1): a ticket can only be put in the trash,
// which Freshdesk empties after 30 days, so its erasure is a promise; erasing a
// contact for good takes all their tickets along, so it is refused while they
// have any; nothing in tickets can be redacted but notes; the text of tickets
// cannot be searched, so a search in text reads everything.
package freshdesk

import (
	"context"
	_ "embed"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/desk"
	"github.com/gallra/gallra/connector/rest"
)

// The types of record.
const (
	TypeContact    = "contact"
	TypeTicket     = "ticket"
	TypeMessage    = "message"
	TypeAttachment = "attachment"
)

//go:embed profile.yaml
var profileFile []byte

var profile = connector.MustProfile(profileFile)

func init() {
	connector.Register(connector.Info{
		Name: "freshdesk", Schemes: []string{"freshdesk"}, Title: "Freshdesk", Channel: connector.ChannelTicketing,
		Can: []connector.Capability{connector.CanFind, connector.CanErase, connector.CanEdit, connector.CanConfirm,
			connector.CanAttachments, connector.CanLeftovers, connector.CanVerify},
		Finds: gallra.IdentifierKinds(),
		Options: append([]connector.Option{
			{Name: "api_key", Help: "option.freshdesk.api_key", Required: true, Secret: true},
			{Name: "erase_api_key", Help: "option.freshdesk.erase_api_key", Secret: true},
		}, rest.CommonOptions()...),
		Open: func(_ context.Context, c connector.Config) (connector.Source, error) { return open(c, nil) },
	})
}

// Source is one account.
type Source struct {
	known func(connector.Profile) connector.Profile
	*desk.Desk
	via    rest.Pair
	clock  rest.Clock
	system gallra.SystemID

	mu     sync.Mutex
	custom map[string][]connector.FieldInfo // by list of fields
	until  time.Time
	ids    map[string][]int64 // of a type, as last read from the beginning
}

var (
	_ connector.Finder      = (*Source)(nil)
	_ connector.Eraser      = (*Source)(nil)
	_ connector.Editor      = (*Source)(nil)
	_ connector.Confirmer   = (*Source)(nil)
	_ connector.Attachments = (*Source)(nil)
	_ connector.Searcher    = (*Source)(nil)
	_ connector.Verifier    = (*Source)(nil)
	_ connector.Profiled    = (*Source)(nil)
)

func open(c connector.Config, tune func(*rest.Options)) (*Source, error) {
	o, err := rest.FromConfig(c, "", rest.PerMinute(100))
	if err != nil {
		return nil, err
	}
	o.FileHosts = []string{".freshdesk.com", "s3.amazonaws.com", ".s3.amazonaws.com"}
	o.Clock = rest.Wall{}
	if tune != nil {
		tune(&o)
	}
	s := &Source{known: c.Known, clock: o.Clock, system: c.System, ids: map[string][]int64{}}
	s.Desk = &desk.Desk{System: c.System, V: reader{s}}
	o.Auth = key(c.Option("api_key"))
	s.via, err = rest.NewPair(o, rest.Given(c.Option("erase_api_key"), key))
	return s, err
}

// key shows an API key as Freshdesk wants it: as a user, with any password.
func key(k string) rest.Auth { return rest.Basic(k, "X") }

// Close lets go of the connections.
func (s *Source) Close() error { return s.via.Close() }

// Check proves that both keys are valid agents' and that the reading one sees
// every ticket.
func (s *Source) Check(ctx context.Context) error {
	err := s.via.Each(func(c *rest.Client) error {
		var me struct {
			Scope int `json:"ticket_scope"`
		}
		if _, err := c.Do(ctx, rest.Request{Op: "agents.me", Path: "/api/v2/agents/me"}, &me); err != nil {
			return err
		}
		if me.Scope != 1 { // 1 is all tickets, 2 a group's, 3 the agent's own
			return gallra.Errorf(gallra.Forbidden, "freshdesk.restricted", "system", string(s.system))
		}
		return nil
	})
	if err != nil {
		return err
	}
	if _, err := s.Types(ctx); err != nil {
		return err
	}
	v := reader{s}
	if _, err := v.page(ctx, "contacts.list", "/api/v2/contacts", url.Values{"per_page": {"1"}}); err != nil {
		return err
	}
	_, err = v.page(ctx, "tickets.list", "/api/v2/tickets", url.Values{"per_page": {"1"}})
	return err
}

// Profile says what is known of Freshdesk.
func (s *Source) Profile() connector.Profile { return s.known(profile) }

func (s *Source) ref(typ, id string) gallra.Ref {
	return gallra.Ref{System: s.system, Type: typ, ID: id}
}

func (s *Source) shape(op string) error {
	return gallra.Errorf(gallra.Drift, "rest.shape", "system", string(s.system), "op", op, "method", "GET", "status", "200")
}

func join(segments ...string) string {
	p, err := rest.Join(append([]string{"api", "v2"}, segments...)...)
	if err != nil {
		return "/api/v2/none" // ids are tried before they are sent
	}
	return p
}

const typesFor = 10 * time.Minute

// fieldsOf returns the account's own fields: "ticket_fields", "contact_fields".
func (s *Source) fieldsOf(ctx context.Context, list string) ([]connector.FieldInfo, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.custom == nil || !s.clock.Now().Before(s.until) {
		s.custom, s.until = map[string][]connector.FieldInfo{}, s.clock.Now().Add(typesFor)
	}
	if f, ok := s.custom[list]; ok {
		return f, nil
	}
	var doc []struct {
		Name    string `json:"name"`
		Type    string `json:"type"`
		Default bool   `json:"default"`
	}
	if _, err := s.via.Read.Do(ctx, rest.Request{Op: list, Path: join(list)}, &doc); err != nil {
		return nil, err
	}
	if doc == nil {
		return nil, s.shape(list)
	}
	own := []connector.FieldInfo{}
	for _, f := range doc {
		if f.Default {
			continue
		}
		choice := slices.Contains([]string{"custom_dropdown", "custom_checkbox", "nested_field"}, f.Type)
		own = append(own, connector.FieldInfo{Name: "field_" + f.Name, Text: !choice, Keep: choice})
	}
	s.custom[list] = own
	return own, nil
}

// Types implements desk.Vendor.
func (s reader) Types(ctx context.Context) ([]connector.Type, error) {
	contact, err := s.fieldsOf(ctx, "contact_fields")
	if err != nil {
		return nil, err
	}
	ticket, err := s.fieldsOf(ctx, "ticket_fields")
	if err != nil {
		return nil, err
	}
	is := func(name string, c gallra.Category, r gallra.Role) connector.FieldInfo {
		return connector.FieldInfo{Name: name, Category: c, Role: r}
	}
	req, auth, cc := gallra.RoleRequester, gallra.RoleAuthor, gallra.RoleCC
	starts := []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated}
	return []connector.Type{
		{Name: TypeContact, Kind: connector.KindPerson, Starts: starts, Fields: append([]connector.FieldInfo{
			is("name", gallra.CategoryPerson, req), is("email", gallra.CategoryEmail, req), is("other_emails", gallra.CategoryEmail, req),
			is("phone", gallra.CategoryPhone, req), is("mobile", gallra.CategoryPhone, req), is("twitter_id", gallra.CategoryUsername, req),
			is("unique_external_id", gallra.CategoryCustomerID, req), {Name: "address", Text: true}, {Name: "description", Text: true}, {Name: "job_title", Text: true},
			{Name: "language", Keep: true}, {Name: "deleted", Keep: true},
		}, contact...)},
		{Name: TypeTicket, Kind: connector.KindConversation, Starts: []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated, gallra.StartLastContact, gallra.StartClosed}, Fields: append([]connector.FieldInfo{
			{Name: "subject", Text: true}, {Name: "description", Text: true, Format: connector.FormatHTML}, {Name: "tags", Text: true},
			is("cc_emails", gallra.CategoryEmail, cc), is("fwd_emails", gallra.CategoryEmail, cc),
			{Name: "status", Keep: true}, {Name: "priority", Keep: true}, {Name: "source", Keep: true}, {Name: "kind", Keep: true}, {Name: "group", Keep: true},
		}, ticket...)},
		{Name: TypeMessage, Kind: connector.KindMessage, Parent: TypeTicket, Starts: starts, Fields: []connector.FieldInfo{
			{Name: "body", Text: true, Format: connector.FormatHTML}, is("from_email", gallra.CategoryEmail, auth), is("to_emails", gallra.CategoryEmail, ""),
			is("cc_emails", gallra.CategoryEmail, cc), {Name: "incoming", Keep: true}, {Name: "private", Keep: true}}},
		{Name: TypeAttachment, Kind: connector.KindAttachment, Parent: TypeTicket, Starts: []gallra.StartEvent{gallra.StartCreated}, Fields: []connector.FieldInfo{
			{Name: "filename", Text: true}, {Name: "content_type", Keep: true}}},
	}, nil
}

func (s *Source) customValues(ctx context.Context, list string, values map[string]any) ([]gallra.Field, error) {
	infos, err := s.fieldsOf(ctx, list)
	if err != nil {
		return nil, err
	}
	var out []gallra.Field
	for k, x := range values {
		v := ""
		switch y := x.(type) {
		case nil:
		case string:
			v = y
		case bool:
			v = strconv.FormatBool(y)
		default:
			b, err := json.Marshal(y)
			if err != nil {
				return nil, s.shape(list)
			}
			v = string(b)
		}
		if v == "" {
			continue
		}
		name := "field_" + k
		if !slices.ContainsFunc(infos, func(f connector.FieldInfo) bool { return f.Name == name }) {
			return nil, gallra.Errorf(gallra.Drift, "freshdesk.field_undeclared", "system", string(s.system), "field", k)
		}
		out = append(out, gallra.Field{Name: name, Value: v})
	}
	slices.SortFunc(out, func(a, b gallra.Field) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}
