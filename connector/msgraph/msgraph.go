// Package msgraph connects Microsoft 365 mailboxes through Microsoft Graph:
// "msgraph://graph.microsoft.com?tenant=…&client_id=…&mailbox=kontakt@kommun.se".
//
// A mail is read as the MIME that Graph gives of it and looked at by package
// mailrecord, as on any other mail server. References are Graph's immutable ids,
// which follow a mail from folder to folder.
//
// Erasing is permanentDelete: Exchange then keeps the mail in the mailbox's
// Purges folder, which no client and no part of Graph can see, until the
// retention of deleted items has passed, and longer under a litigation hold. A
// receipt is therefore a promise with a date (Confirm), and never final where
// the operator says that there is a hold.
//
// A received mail cannot be changed. An edit makes a new mail in the same
// folder with the dates, marks and categories of the old one and erases the
// old. The new one bears a mark of what it stands for, so that an edit whose
// answer was lost is not done twice. Transport headers (Received …) cannot be
// written through Graph and are lost, and Exchange composes the MIME anew.
//
// Sources: Graph's reference of message, mailFolder and permanentDelete.
package msgraph

import (
	"context"
	_ "embed"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/mailrecord"
	"github.com/gallra/gallra/connector/rest"
	"github.com/gallra/gallra/document"
)

func init() {
	connector.Register(connector.Info{
		Name: "msgraph", Schemes: []string{"msgraph"}, Title: "Microsoft 365 mail (Graph)", Channel: connector.ChannelMail,
		Can: []connector.Capability{connector.CanFind, connector.CanErase, connector.CanEdit, connector.CanConfirm,
			connector.CanLeftovers, connector.CanVerify},
		Finds: []gallra.IdentifierKind{gallra.IdentEmail, gallra.IdentPhone, gallra.IdentPersonnummer, gallra.IdentName,
			gallra.IdentAccount, gallra.IdentUsername, gallra.IdentCustomer, gallra.IdentIP},
		Options: append([]connector.Option{
			{Name: "mailbox", Help: "option.msgraph.mailbox", Required: true},
			{Name: "tenant", Help: "option.msgraph.tenant", Required: true},
			{Name: "client_id", Help: "option.msgraph.client_id", Required: true},
			{Name: "client_secret", Help: "option.msgraph.client_secret", Required: true, Secret: true},
			{Name: "erase_client_id", Help: "option.msgraph.erase_client_id"},
			{Name: "erase_client_secret", Help: "option.msgraph.erase_client_secret", Secret: true},
			{Name: "login", Help: "option.msgraph.login"},
			{Name: "recoverable_days", Help: "option.msgraph.recoverable_days"},
			{Name: "hold", Help: "option.msgraph.hold"},
			{Name: "own", Help: "option.own"},
			{Name: "max_mail", Help: "option.max_mail"},
		}, rest.CommonOptions()...),
		Open: func(_ context.Context, c connector.Config) (connector.Source, error) { return open(c, nil) },
	})
}

// Source is the mailboxes of one organisation.
type Source struct {
	known  func(connector.Profile) connector.Profile
	system gallra.SystemID
	via    rest.Pair
	clock  rest.Clock
	boxes  []mailbox // by digest
	own    []string
	keep   time.Duration // of deleted items
	hold   bool
	max    int64
}

type mailbox struct{ address, digest string }

// open makes a source; tune, for tests, changes how the server is reached.
func open(c connector.Config, tune func(*rest.Options)) (*Source, error) {
	// 10,000 are allowed, to all programs of the app together.
	o, err := rest.FromConfig(c, "", rest.Limit{Requests: 9_500, Per: 10 * time.Minute, Burst: parallel})
	if err != nil {
		return nil, err
	}
	s := &Source{known: c.Known, system: c.System, own: mailrecord.Own(c.Option("own")), keep: 14 * 24 * time.Hour, max: 64 << 20}
	for _, a := range mailrecord.Own(c.Option("mailbox")) {
		s.boxes = append(s.boxes, mailbox{a, mailrecord.Digest(a)[:8]})
	}
	slices.SortFunc(s.boxes, func(a, b mailbox) int { return strings.Compare(a.digest, b.digest) })
	s.boxes = slices.CompactFunc(s.boxes, func(a, b mailbox) bool { return a.digest == b.digest })
	for _, b := range s.boxes {
		s.own = append(s.own, b.address)
	}
	if v := c.Option("recoverable_days"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 || n > 3650 {
			return nil, gallra.Errorf(gallra.Invalid, "connector.option_invalid", "option", "recoverable_days")
		}
		s.keep = time.Duration(n) * 24 * time.Hour
	}
	if s.hold, err = rest.Flag(c, "hold"); err != nil {
		return nil, err
	}
	if v := c.Option("max_mail"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > 4096 {
			return nil, gallra.Errorf(gallra.Invalid, "connector.option_invalid", "option", "max_mail")
		}
		s.max = int64(n) << 20
	}
	login := c.Option("login")
	if login == "" {
		login = "login.microsoftonline.com"
	}
	tenant, err := rest.Join(c.Option("tenant"))
	if err != nil {
		return nil, gallra.Errorf(gallra.Invalid, "connector.option_invalid", "option", "tenant")
	}
	access := func(app string) rest.Auth {
		return rest.Tokens(rest.OAuth{TokenURL: "https://" + login + tenant + "/oauth2/v2.0/token",
			ClientID: c.Option(app + "client_id"), ClientSecret: c.Option(app + "client_secret"), Scope: "https://graph.microsoft.com/.default"})
	}
	o.Auth = access("")
	var write *rest.Auth
	if c.Option("erase_client_id") != "" {
		a := access("erase_")
		write = &a
	}
	o.MaxBody, o.Account = s.max, c.Option("tenant")+" "+c.Option("client_id")
	if tune != nil {
		tune(&o)
	}
	s.clock = o.Clock
	if s.clock == nil {
		s.clock = rest.Wall{}
	}
	s.via, err = rest.NewPair(o, write)
	return s, err
}

// parallel is how many calls Graph takes at once for one app and mailbox.
const parallel = 4

// Close implements io.Closer.
func (s *Source) Close() error { return s.via.Close() }

// Check implements connector.Source. It asks for the right to erase by naming a
// mail that cannot exist: an account without the right is refused before
// anybody looks for the mail.
func (s *Source) Check(ctx context.Context) error {
	for _, b := range s.boxes {
		var inbox folder
		if err := s.get(ctx, "mailFolders.get", b, nil, &inbox, "mailFolders", "inbox"); err != nil {
			return s.scoped(err, "Mail.Read")
		}
		if inbox.ID == "" {
			return gallra.Errorf(gallra.Drift, "msgraph.shape")
		}
		path, err := rest.Join("v1.0", "users", b.address, "messages", "gallra-no-such-message", "permanentDelete")
		if err != nil {
			return err
		}
		_, err = s.via.Do(ctx, rest.Request{Op: "messages.permanentDelete", Method: "POST", Path: path, Header: immutable, Repeat: true}, nil)
		if code := gallra.CodeOf(err); code != gallra.NotFound && code != gallra.Invalid { // 400 where the id is called malformed
			if err == nil {
				return gallra.Errorf(gallra.Drift, "msgraph.shape")
			}
			return s.scoped(err, "Mail.ReadWrite")
		}
	}
	return nil
}

// scoped names the permission that a refusal is about.
func (s *Source) scoped(err error, permission string) error {
	if gallra.CodeOf(err) == gallra.Forbidden {
		return gallra.Errorf(gallra.Forbidden, "connector.scope_missing", "system", string(s.system), "scope", permission)
	}
	return err
}

// Types implements connector.Source.
func (s *Source) Types(ctx context.Context) ([]connector.Type, error) {
	return []connector.Type{mailrecord.Type(false)}, ctx.Err()
}

func (s *Source) limits() document.Limits { return document.Limits{Bytes: s.max} }

// place is where a mail is.
type place struct {
	box mailbox
	id  string // Graph's immutable id
}

func (s *Source) ref(p place) gallra.Ref {
	return gallra.Ref{System: s.system, Type: mailrecord.TypeName, ID: p.box.digest + "-" + p.id}
}

func (s *Source) placeOf(r gallra.Ref) (place, bool) {
	digest, id, _ := strings.Cut(r.ID, "-")
	b, ok := s.box(digest)
	return place{b, id}, ok && id != "" && r.System == s.system && r.Type == mailrecord.TypeName
}

func (s *Source) box(digest string) (mailbox, bool) {
	i, ok := slices.BinarySearchFunc(s.boxes, digest, func(b mailbox, d string) int { return strings.Compare(b.digest, d) })
	if !ok {
		return mailbox{}, false
	}
	return s.boxes[i], true
}

func errNotFound() error { return gallra.Errorf(gallra.NotFound, "connector.record_not_found") }

//go:embed profile.yaml
var profile []byte

var known = connector.MustProfile(profile)

// Profile implements connector.Profiled (SYSTEMS 3.3).
func (s *Source) Profile() connector.Profile { return s.known(known) }
