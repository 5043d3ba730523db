// Package dixa connects to Dixa over its API.
//
// Dixa erases nothing and anonymises everything: a user with all their
// conversations, a conversation, a message. What is left keeps its metadata and
// says when it was anonymised; such a record counts as gone here. A user is
// therefore refused while conversations of theirs are left, which would go along
// unasked (SYSTEMS 3.1). There is no list of all conversations: they are walked
// through from user to user.
package dixa

import (
	"context"
	_ "embed"
	"encoding/json"
	"slices"
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
	TypeUser         = "enduser"
	TypeConversation = "conversation"
	TypeMessage      = "message"
	TypeNote         = "note"
	TypeAttachment   = "attachment"
)

//go:embed profile.yaml
var profileFile []byte

var profile = connector.MustProfile(profileFile)

func init() {
	connector.Register(connector.Info{
		Name: "dixa", Schemes: []string{"dixa"}, Title: "Dixa", Channel: connector.ChannelTicketing,
		Can: []connector.Capability{connector.CanFind, connector.CanErase, connector.CanEdit, connector.CanConfirm,
			connector.CanAttachments, connector.CanLeftovers, connector.CanVerify},
		Finds: gallra.IdentifierKinds(),
		Options: append([]connector.Option{
			{Name: "token", Help: "option.dixa.token", Required: true, Secret: true},
			{Name: "erase_token", Help: "option.dixa.erase_token", Secret: true},
		}, rest.CommonOptions()...),
		Open: func(_ context.Context, c connector.Config) (connector.Source, error) { return open(c, nil) },
	})
}

// Source is one organisation in Dixa.
type Source struct {
	known func(connector.Profile) connector.Profile
	*desk.Desk
	via    rest.Pair
	clock  rest.Clock
	system gallra.SystemID

	mu     sync.Mutex
	custom []attribute // nil: not asked for yet
	until  time.Time
	places map[string]string // conversation: its place in the walk
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
	o, err := rest.FromConfig(c, "dev.dixa.io", rest.PerMinute(600))
	if err != nil {
		return nil, err
	}
	o.FileHosts = []string{".dixa.io"}
	o.Clock = rest.Wall{}
	o.Account = c.Option("token")
	if tune != nil {
		tune(&o)
	}
	s := &Source{known: c.Known, clock: o.Clock, system: c.System, places: map[string]string{}}
	s.Desk = &desk.Desk{System: c.System, V: reader{s}}
	o.Auth = token(c.Option("token"))
	s.via, err = rest.NewPair(o, rest.Given(c.Option("erase_token"), token))
	return s, err
}

func token(t string) rest.Auth { return rest.Header("Authorization", t) }

// Close lets go of the connections.
func (s *Source) Close() error { return s.via.Close() }

// Check proves that both tokens are valid and that the reading one reads users,
// conversations and the search. Dixa's tokens have no scopes that could be asked
// for: whether one may anonymise shows when it does.
func (s *Source) Check(ctx context.Context) error {
	if _, err := s.via.Write.Do(ctx, rest.Request{Op: "organization", Path: "/beta/organization"}, nil); err != nil {
		return err
	}
	if _, err := s.Types(ctx); err != nil {
		return err
	}
	v := reader{s}
	if _, err := v.Walk(ctx, TypeConversation, "", 1); err != nil {
		return err
	}
	_, err := v.searchText(ctx, "gallra")
	return err
}

// Profile says what is known of Dixa.
func (s *Source) Profile() connector.Profile { return s.known(profile) }

func (s *Source) ref(typ, id string) gallra.Ref {
	return gallra.Ref{System: s.system, Type: typ, ID: id}
}

func (s *Source) shape(op string) error {
	return gallra.Errorf(gallra.Drift, "rest.shape", "system", string(s.system), "op", op, "method", "GET", "status", "200")
}

func join(segments ...string) string {
	p, err := rest.Join(append([]string{"beta"}, segments...)...)
	if err != nil {
		return "/beta/none" // ids are tried before they are sent
	}
	return p
}

// attribute is a custom attribute of the organisation's own.
type attribute struct {
	ID       string `json:"id"`
	Entity   string `json:"entityType"`
	Name     string `json:"identifier"`
	Archived bool   `json:"isArchived"`
	Input    struct {
		Type string `json:"_type"`
	} `json:"inputDefinition"`
}

const typesFor = 10 * time.Minute

func (s *Source) attributes(ctx context.Context) ([]attribute, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.custom != nil && s.clock.Now().Before(s.until) {
		return s.custom, nil
	}
	var doc struct{ Data []attribute }
	if _, err := s.via.Read.Do(ctx, rest.Request{Op: "custom-attributes", Path: "/beta/custom-attributes"}, &doc); err != nil {
		return nil, err
	}
	if doc.Data == nil {
		return nil, s.shape("custom-attributes")
	}
	s.custom, s.until = doc.Data, s.clock.Now().Add(typesFor)
	return s.custom, nil
}

// Types implements desk.Vendor.
func (s reader) Types(ctx context.Context) ([]connector.Type, error) {
	attrs, err := s.attributes(ctx)
	if err != nil {
		return nil, err
	}
	own := map[string][]connector.FieldInfo{}
	for _, a := range attrs {
		f := connector.FieldInfo{Name: "attr_" + a.Name, Text: true}
		if a.Input.Type == "Select" {
			f = connector.FieldInfo{Name: "attr_" + a.Name, Keep: true}
		}
		own[a.Entity] = append(own[a.Entity], f)
	}
	is := func(name string, c gallra.Category, r gallra.Role) connector.FieldInfo {
		return connector.FieldInfo{Name: name, Category: c, Role: r}
	}
	req, auth := gallra.RoleRequester, gallra.RoleAuthor
	created := []gallra.StartEvent{gallra.StartCreated}
	return []connector.Type{
		{Name: TypeUser, Kind: connector.KindPerson, Starts: created, Fields: append([]connector.FieldInfo{
			is("displayName", gallra.CategoryPerson, req), is("firstName", gallra.CategoryPerson, req), is("middleNames", gallra.CategoryPerson, req), is("lastName", gallra.CategoryPerson, req),
			is("email", gallra.CategoryEmail, req), is("additionalEmails", gallra.CategoryEmail, req),
			is("phoneNumber", gallra.CategoryPhone, req), is("additionalPhoneNumbers", gallra.CategoryPhone, req),
			is("externalId", gallra.CategoryCustomerID, req),
		}, own["Contact"]...)},
		{Name: TypeConversation, Kind: connector.KindConversation, Starts: []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated, gallra.StartClosed}, Fields: append([]connector.FieldInfo{
			{Name: "subject", Text: true}, is("fromEmail", gallra.CategoryEmail, req), {Name: "browser", Text: true},
			is("browserIp", gallra.CategoryIP, req),
			{Name: "channel", Keep: true}, {Name: "state", Keep: true}, {Name: "direction", Keep: true}, {Name: "queue", Keep: true}, {Name: "language", Keep: true},
		}, own["Conversation"]...)},
		{Name: TypeMessage, Kind: connector.KindMessage, Parent: TypeConversation, Starts: created, Fields: []connector.FieldInfo{
			{Name: "content", Text: true}, is("from_email", gallra.CategoryEmail, auth), is("from_name", gallra.CategoryPerson, auth), is("from_phone", gallra.CategoryPhone, auth),
			is("to", gallra.CategoryEmail, ""), is("cc", gallra.CategoryEmail, gallra.RoleCC), {Name: "more", Text: true},
			{Name: "direction", Keep: true},
		}},
		{Name: TypeNote, Kind: connector.KindMessage, Parent: TypeConversation, Starts: created, Fields: []connector.FieldInfo{{Name: "message", Text: true}}},
		{Name: TypeAttachment, Kind: connector.KindAttachment, Parent: TypeConversation, Starts: created, Fields: []connector.FieldInfo{{Name: "filename", Text: true}}},
	}, nil
}

// text writes an attribute's value: a string, or a list of choices.
func text(raw json.RawMessage) string {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return one
	}
	var many []string
	if json.Unmarshal(raw, &many) == nil {
		return strings.Join(many, ", ")
	}
	return string(raw)
}

func (s *Source) customFields(ctx context.Context, typ string, list []customValue) ([]gallra.Field, error) {
	var out []gallra.Field
	slices.SortFunc(list, func(a, b customValue) int { return strings.Compare(a.Name, b.Name) })
	for _, c := range list {
		v := text(c.Value)
		if v == "" || v == "null" {
			continue
		}
		attrs, err := s.attributes(ctx)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(attrs, func(a attribute) bool { return a.Name == c.Name }) {
			return nil, gallra.Errorf(gallra.Drift, "dixa.attribute_undeclared", "system", string(s.system), "field", c.Name)
		}
		out = append(out, gallra.Field{Name: "attr_" + c.Name, Value: v})
	}
	return out, nil
}
