// Package intercom connects to Intercom over its API.
//
// What decides its shape (SYSTEMS 3.5): a deleted contact leaves its
// conversations behind; a deleted conversation is gone for good but for the
// reports; of a message the whole text is redacted or nothing; a conversation
// hands out its 500 newest parts and no more; the list of conversations is
// ordered by what changes, so they are walked through by when they were begun;
// the text of answers cannot be searched, so a search in text reads everything.
package intercom

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
	TypeContact      = "contact"
	TypeConversation = "conversation"
	TypePart         = "part"
	TypeAttachment   = "attachment"
)

//go:embed profile.yaml
var profileFile []byte

var profile = connector.MustProfile(profileFile)

func init() {
	connector.Register(connector.Info{
		Name: "intercom", Schemes: []string{"intercom"}, Title: "Intercom", Channel: connector.ChannelChat,
		Can: []connector.Capability{connector.CanFind, connector.CanErase, connector.CanEdit, connector.CanConfirm,
			connector.CanAttachments, connector.CanLeftovers, connector.CanVerify},
		Finds: gallra.IdentifierKinds(),
		Options: append([]connector.Option{
			{Name: "token", Help: "option.intercom.token", Required: true, Secret: true},
			{Name: "erase_token", Help: "option.intercom.erase_token", Secret: true},
		}, rest.CommonOptions()...),
		Open: func(_ context.Context, c connector.Config) (connector.Source, error) { return open(c, nil) },
	})
}

// Source is one workspace.
type Source struct {
	known func(connector.Profile) connector.Profile
	*desk.Desk
	via    rest.Pair
	clock  rest.Clock
	system gallra.SystemID

	mu     sync.Mutex
	custom map[string][]attribute // by model
	until  time.Time
	span   int64 // seconds of the last window that held few enough conversations
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
	o, err := rest.FromConfig(c, "api.eu.intercom.io", rest.PerMinute(5000))
	if err != nil {
		return nil, err
	}
	o.FileHosts = []string{".intercomcdn.com", ".intercomcdn.eu"}
	o.Clock = rest.Wall{}
	o.Account = c.Option("token")
	if tune != nil {
		tune(&o)
	}
	s := &Source{known: c.Known, clock: o.Clock, system: c.System}
	s.Desk = &desk.Desk{System: c.System, V: reader{s}}
	o.Auth = rest.Bearer(c.Option("token"))
	s.via, err = rest.NewPair(o, rest.Given(c.Option("erase_token"), rest.Bearer))
	return s, err
}

// Close lets go of the connections.
func (s *Source) Close() error { return s.via.Close() }

// version is the version of the API that this connector speaks.
var version = map[string]string{"Intercom-Version": "2.14"}

func (s *Source) get(ctx context.Context, op, path string, out any) error {
	_, err := s.via.Read.Do(ctx, rest.Request{Op: op, Path: path, Header: version}, out)
	return err
}

// Check proves that both tokens are valid and that the reading one reads
// contacts and conversations. Intercom does not tell a token's rights: whether
// one may delete shows when it does.
func (s *Source) Check(ctx context.Context) error {
	if _, err := s.via.Write.Do(ctx, rest.Request{Op: "me", Path: "/me", Header: version}, nil); err != nil {
		return err
	}
	if _, err := s.Types(ctx); err != nil {
		return err
	}
	v := reader{s}
	if _, err := v.Walk(ctx, TypeContact, "", 1); err != nil {
		return err
	}
	_, err := v.Walk(ctx, TypeConversation, "", 1)
	return err
}

// Profile says what is known of Intercom.
func (s *Source) Profile() connector.Profile { return s.known(profile) }

func (s *Source) ref(typ, id string) gallra.Ref {
	return gallra.Ref{System: s.system, Type: typ, ID: id}
}

func (s *Source) shape(op string) error {
	return gallra.Errorf(gallra.Drift, "rest.shape", "system", string(s.system), "op", op, "method", "GET", "status", "200")
}

func join(segments ...string) string {
	p, err := rest.Join(segments...)
	if err != nil {
		return "/none" // ids are tried before they are sent
	}
	return p
}

// attribute is a custom attribute of the workspace's own.
type attribute struct {
	Name    string `json:"name"`
	Type    string `json:"data_type"`
	Custom  bool   `json:"custom"`
	Options []any  `json:"options"`
}

const typesFor = 10 * time.Minute

func (s *Source) attributes(ctx context.Context, model string) ([]attribute, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.custom == nil || !s.clock.Now().Before(s.until) {
		s.custom, s.until = map[string][]attribute{}, s.clock.Now().Add(typesFor)
	}
	if a, ok := s.custom[model]; ok {
		return a, nil
	}
	var doc struct{ Data []attribute }
	if _, err := s.via.Read.Do(ctx, rest.Request{Op: "data_attributes", Path: "/data_attributes", Query: map[string][]string{"model": {model}}, Header: version}, &doc); err != nil {
		return nil, err
	}
	if doc.Data == nil {
		return nil, s.shape("data_attributes")
	}
	own := []attribute{}
	for _, a := range doc.Data {
		if a.Custom {
			own = append(own, a)
		}
	}
	s.custom[model] = own
	return own, nil
}

// Types implements desk.Vendor.
func (s reader) Types(ctx context.Context) ([]connector.Type, error) {
	own := map[string][]connector.FieldInfo{}
	for _, model := range []string{"contact", "conversation"} {
		attrs, err := s.attributes(ctx, model)
		if err != nil {
			return nil, err
		}
		for _, a := range attrs {
			choice := len(a.Options) > 0 || a.Type == "boolean"
			own[model] = append(own[model], connector.FieldInfo{Name: "attr_" + a.Name, Text: !choice, Keep: choice})
		}
	}
	is := func(name string, c gallra.Category, r gallra.Role) connector.FieldInfo {
		return connector.FieldInfo{Name: name, Category: c, Role: r}
	}
	req, auth := gallra.RoleRequester, gallra.RoleAuthor
	return []connector.Type{
		{Name: TypeContact, Kind: connector.KindPerson, Starts: []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated, gallra.StartLastContact}, Fields: append([]connector.FieldInfo{
			is("name", gallra.CategoryPerson, req), is("email", gallra.CategoryEmail, req), is("phone", gallra.CategoryPhone, req), is("external_id", gallra.CategoryCustomerID, req),
			{Name: "location", Text: true}, {Name: "social", Text: true}, {Name: "role", Keep: true}, {Name: "language", Keep: true},
		}, own["contact"]...)},
		{Name: TypeConversation, Kind: connector.KindConversation, Starts: []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated, gallra.StartLastContact, gallra.StartClosed}, Fields: append([]connector.FieldInfo{
			{Name: "title", Text: true}, is("from_email", gallra.CategoryEmail, req), is("from_name", gallra.CategoryPerson, req), {Name: "cc", Role: gallra.RoleCC}, {Name: "rating_remark", Text: true},
			{Name: "state", Keep: true}, {Name: "channel", Keep: true}, {Name: "team", Keep: true}, {Name: "rating", Keep: true},
		}, own["conversation"]...)},
		{Name: TypePart, Kind: connector.KindMessage, Parent: TypeConversation, Starts: []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated}, Fields: []connector.FieldInfo{
			{Name: "body", Text: true, Format: connector.FormatHTML}, {Name: "subject", Text: true},
			is("from_email", gallra.CategoryEmail, auth), is("from_name", gallra.CategoryPerson, auth), {Name: "kind", Keep: true},
		}},
		{Name: TypeAttachment, Kind: connector.KindAttachment, Parent: TypeConversation, Starts: []gallra.StartEvent{gallra.StartCreated}, Fields: []connector.FieldInfo{
			{Name: "filename", Text: true}, {Name: "content_type", Keep: true}}},
	}, nil
}
