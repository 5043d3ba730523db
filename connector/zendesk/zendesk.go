// Package zendesk connects to Zendesk Support over its API.
//
// What decides its shape (SYSTEMS 3.1): deleting is two steps and a job, for
// tickets and for users; the list of tickets leaves out the archived ones; the
// search lags, stops at a cap and hides what is deleted; a ticket's history keeps
// every earlier subject and cannot be changed, so a subject is not edited but
// refused; comments can have words blotted out, and nothing put in their place.
package zendesk

import (
	"context"
	_ "embed"
	"sync"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/desk"
	"github.com/gallra/gallra/connector/rest"
)

// The types of record.
const (
	TypeUser       = "user"
	TypeAgent      = "agent"
	TypeTicket     = "ticket"
	TypeComment    = "comment"
	TypeAttachment = "attachment"
	TypeSuspended  = "suspended_ticket"
)

func init() {
	connector.Register(connector.Info{
		Name: "zendesk", Schemes: []string{"zendesk"}, Title: "Zendesk Support", Channel: connector.ChannelTicketing,
		Can: []connector.Capability{connector.CanFind, connector.CanErase, connector.CanEdit, connector.CanConfirm,
			connector.CanAttachments, connector.CanLeftovers, connector.CanVerify, connector.CanBatch},
		Finds: gallra.IdentifierKinds(),
		Options: append([]connector.Option{
			{Name: "client_id", Help: "option.zendesk.client_id"},
			{Name: "client_secret", Help: "option.zendesk.client_secret", Secret: true},
			{Name: "token", Help: "option.zendesk.token", Secret: true},
			{Name: "email", Help: "option.zendesk.email"},
			{Name: "api_token", Help: "option.zendesk.api_token", Secret: true},
			{Name: "erase_client_id", Help: "option.zendesk.erase_client_id"},
			{Name: "erase_client_secret", Help: "option.zendesk.erase_client_secret", Secret: true},
			{Name: "erase_token", Help: "option.zendesk.erase_token", Secret: true},
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

	mu       sync.Mutex
	types    []connector.Type
	until    time.Time // when types are asked for again
	archived archive
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

// open connects; tune is for tests.
func open(c connector.Config, tune func(*rest.Options)) (*Source, error) {
	o, err := rest.FromConfig(c, "", rest.PerMinute(200)) // the smallest plan's limit
	if err != nil {
		return nil, err
	}
	o.FileHosts = []string{".zdusercontent.com"} // where Zendesk keeps attachments
	o.Clock = rest.Wall{}
	if tune != nil {
		tune(&o)
	}
	s := &Source{known: c.Known, clock: o.Clock, system: c.System}
	s.Desk = &desk.Desk{System: c.System, V: reader{s}}
	base := o.BaseURL
	o.Auth = auth(base, "read", c.Option("token"), c.Option("client_id"), c.Option("client_secret"))
	if c.Option("email") != "" && c.Option("api_token") != "" && c.Option("token") == "" && c.Option("client_id") == "" {
		o.Auth = rest.Basic(c.Option("email")+"/token", c.Option("api_token"))
	}
	var write *rest.Auth
	switch {
	case c.Option("erase_token") != "" || c.Option("erase_client_id") != "":
		a := auth(base, "read write", c.Option("erase_token"), c.Option("erase_client_id"), c.Option("erase_client_secret"))
		write = &a
	case c.Option("client_id") != "" && c.Option("token") == "": // the same client asks for more
		a := auth(base, "read write", "", c.Option("client_id"), c.Option("client_secret"))
		write = &a
	}
	s.via, err = rest.NewPair(o, write)
	return s, err
}

func auth(base, scope, token, id, secret string) rest.Auth {
	if token != "" {
		return rest.Bearer(token)
	}
	return rest.Tokens(rest.OAuth{TokenURL: base + "/oauth/tokens", ClientID: id, ClientSecret: secret, Scope: scope})
}

// Close lets go of the connections.
func (s *Source) Close() error { return s.via.Close() }

// Check proves that both credentials are an agent's, that they may read what
// the connector reads and change what it changes.
func (s *Source) Check(ctx context.Context) error {
	err := s.via.Each(func(c *rest.Client) error {
		var me struct {
			User struct {
				Role       string `json:"role"`
				Restricted string `json:"ticket_restriction"`
			} `json:"user"`
		}
		if _, err := c.Do(ctx, rest.Request{Op: "users.me", Path: "/api/v2/users/me"}, &me); err != nil {
			return err
		}
		switch {
		case me.User.Role == "":
			return gallra.Errorf(gallra.Unauthorize, "rest.auth", "system", string(s.system), "op", "users.me", "method", "GET", "status", "200") // an anonymous answer is 200 too
		case me.User.Role == "end-user":
			return gallra.Errorf(gallra.Forbidden, "zendesk.not_agent", "system", string(s.system))
		case me.User.Restricted != "":
			return gallra.Errorf(gallra.Forbidden, "zendesk.restricted", "system", string(s.system))
		case c == s.via.Write && me.User.Role != "admin":
			return gallra.Errorf(gallra.Forbidden, "zendesk.not_admin", "system", string(s.system))
		}
		return nil
	})
	if err != nil {
		return err
	}
	if _, err := s.Desk.Types(ctx); err != nil {
		return err
	}
	v := reader{s}
	if _, err := v.Walk(ctx, TypeUser, "", 1); err != nil {
		return err
	}
	if _, err := v.Walk(ctx, TypeSuspended, "", 1); err != nil {
		return err
	}
	_, err = s.via.Read.Page(ctx, rest.Request{Op: "tickets.deleted", Path: "/api/v2/deleted_tickets"}, deletedPaging, "")
	return err
}

// text kinds of custom fields; the others are choices, numbers and dates.
var written = map[string]bool{"text": true, "textarea": true, "regexp": true, "partialcreditcard": true, "lookup": true}

// choice kinds hold one of a list that the account has written.
var choice = map[string]bool{"tagger": true, "dropdown": true, "multiselect": true, "checkbox": true}

func (s *Source) customFields(ctx context.Context, op, path, list string, name func(id, key string) string) ([]connector.FieldInfo, error) {
	var out []connector.FieldInfo
	cursor := ""
	for {
		p, err := s.via.Read.Page(ctx, rest.Request{Op: op, Path: path, Query: page(100)}, paging(list), cursor)
		if err != nil {
			return nil, err
		}
		for _, raw := range p.Items {
			var f struct {
				ID        int64  `json:"id"`
				Key       string `json:"key"`
				Type      string `json:"type"`
				Removable *bool  `json:"removable"`
			}
			if err := decode(raw, &f); err != nil || f.ID == 0 || f.Type == "" {
				return nil, s.shape(op)
			}
			if f.Removable != nil && !*f.Removable {
				continue // a system field: subject, status ...
			}
			info := connector.FieldInfo{Name: name(itoa(f.ID), f.Key)}
			info.Text = written[f.Type]
			info.Keep = choice[f.Type]
			out = append(out, info)
		}
		if cursor = p.Next; cursor == "" {
			return out, nil
		}
	}
}

// typesFor is how long the account's own fields are believed to be the same.
const typesFor = 10 * time.Minute

func (s *Source) allTypes(ctx context.Context) ([]connector.Type, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.types != nil && s.clock.Now().Before(s.until) {
		return s.types, nil
	}
	user, err := s.customFields(ctx, "user_fields.list", "/api/v2/user_fields", "user_fields", func(_, key string) string { return "field_" + key })
	if err != nil {
		return nil, err
	}
	ticket, err := s.customFields(ctx, "ticket_fields.list", "/api/v2/ticket_fields", "ticket_fields", func(id, _ string) string { return "field_" + id })
	if err != nil {
		return nil, err
	}
	person := append([]connector.FieldInfo{
		{Name: "name", Category: gallra.CategoryPerson, Role: gallra.RoleRequester, Indexed: true},
		{Name: "email", Category: gallra.CategoryEmail, Role: gallra.RoleRequester, Indexed: true},
		{Name: "more_emails", Category: gallra.CategoryEmail, Role: gallra.RoleRequester, Indexed: true},
		{Name: "phone", Category: gallra.CategoryPhone, Role: gallra.RoleRequester, Indexed: true},
		{Name: "more_phones", Category: gallra.CategoryPhone, Role: gallra.RoleRequester},
		{Name: "handles", Category: gallra.CategoryUsername, Role: gallra.RoleRequester},
		{Name: "external_id", Category: gallra.CategoryCustomerID, Role: gallra.RoleRequester, Indexed: true},
		{Name: "alias", Category: gallra.CategoryPerson, Role: gallra.RoleRequester},
		{Name: "details", Text: true}, {Name: "notes", Text: true},
		{Name: "locale", Keep: true},
	}, user...)
	agent := make([]connector.FieldInfo, len(person))
	for i, f := range person {
		if f.Role != "" {
			f.Role = gallra.RoleAgent
		}
		agent[i] = f
	}
	starts := []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated}
	from := func(role gallra.Role) []connector.FieldInfo {
		return []connector.FieldInfo{
			{Name: "from_email", Category: gallra.CategoryEmail, Role: role},
			{Name: "from_name", Category: gallra.CategoryPerson, Role: role},
			{Name: "from_phone", Category: gallra.CategoryPhone, Role: role},
		}
	}
	s.types = []connector.Type{
		{Name: TypeUser, Kind: connector.KindPerson, Fields: person, Starts: starts},
		{Name: TypeAgent, Kind: connector.KindAgent, Fields: agent, Starts: starts},
		{Name: TypeTicket, Kind: connector.KindConversation, Starts: []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated, gallra.StartLastContact, gallra.StartClosed},
			Fields: append(append([]connector.FieldInfo{
				{Name: "subject", Text: true}, // Edit refuses: the history keeps the old one
				{Name: "external_id", Text: true},
				{Name: "cc", Role: gallra.RoleCC},
				{Name: "tags", Text: true},
				{Name: "rating_comment", Text: true},
				{Name: "status", Keep: true}, {Name: "channel", Keep: true}, {Name: "priority", Keep: true}, {Name: "kind", Keep: true},
				{Name: "group", Keep: true}, {Name: "brand", Keep: true}, {Name: "rating", Keep: true},
			}, from(gallra.RoleRequester)...), ticket...)},
		{Name: TypeComment, Kind: connector.KindMessage, Parent: TypeTicket, Starts: []gallra.StartEvent{gallra.StartCreated}, Fields: append([]connector.FieldInfo{
			{Name: "body", Text: true}, // what the new value lacks is blotted out; nothing is put in its place
			{Name: "public", Keep: true}, {Name: "channel", Keep: true},
			{Name: "ip", Category: gallra.CategoryIP, Role: gallra.RoleAuthor},
			{Name: "location", Text: true},
		}, from(gallra.RoleAuthor)...)},
		{Name: TypeAttachment, Kind: connector.KindAttachment, Parent: TypeTicket, Starts: []gallra.StartEvent{gallra.StartCreated}, Fields: []connector.FieldInfo{
			{Name: "filename", Text: true}, {Name: "content_type", Keep: true}}},
		{Name: TypeSuspended, Kind: connector.KindRow, Starts: []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated}, Fields: []connector.FieldInfo{
			{Name: "from_email", Category: gallra.CategoryEmail, Role: gallra.RoleRequester},
			{Name: "from_name", Category: gallra.CategoryPerson, Role: gallra.RoleRequester},
			{Name: "subject", Text: true}, {Name: "content", Text: true},
			{Name: "cause", Keep: true}}},
	}
	s.until = s.clock.Now().Add(typesFor)
	return s.types, nil
}

//go:embed profile.yaml
var profileFile []byte

var profile = connector.MustProfile(profileFile)

// Profile says what is known of Zendesk.
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
		return "/api/v2/none" // ids are tried before: see number
	}
	return p
}
