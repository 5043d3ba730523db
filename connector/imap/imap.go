// Package imap connects mailboxes on an IMAP server (RFC 3501, RFC 9051):
// "imaps://user:password@host/" and "imap://...". It reads with EXAMINE and
// BODY.PEEK[], so that no mail is ever marked as read, and erases with UID
// EXPUNGE (RFC 4315), so that no mail that somebody else has marked is taken
// with it.
//
// A mail on an IMAP server cannot be changed. An edit appends the new mail with
// the flags and the date of the old one and then expunges the old: the mail gets
// a new reference. Until it is whole the new mail is marked as deleted, and until
// the old one is gone it carries a keyword of ours. If the connection is lost on
// the way, the same edit done again finds the new one by keyword and bytes; what
// the server stores later still is hidden, and taken away by the next change in
// the folder.
//
// The reference of a mail is folder (as a digest: people name folders after
// customers), UIDVALIDITY and UID.
package imap

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/mailrecord"
	"github.com/gallra/gallra/document"
)

func init() {
	connector.Register(connector.Info{
		Name: "imap", Schemes: []string{"imap", "imaps"}, Title: "Mailboxes (IMAP)", Channel: connector.ChannelMail,
		Can: []connector.Capability{connector.CanFind, connector.CanErase, connector.CanEdit, connector.CanLeftovers,
			connector.CanVerify, connector.CanPartition, connector.CanBatch},
		Finds: []gallra.IdentifierKind{gallra.IdentEmail, gallra.IdentPhone, gallra.IdentPersonnummer, gallra.IdentName,
			gallra.IdentAccount, gallra.IdentUsername, gallra.IdentCustomer, gallra.IdentIP},
		Options: []connector.Option{
			{Name: "user", Help: "option.imap.user", Secret: true},
			{Name: "password", Help: "option.imap.password", Secret: true},
			{Name: "folders", Help: "option.imap.folders"},
			{Name: "own", Help: "option.own"},
			{Name: "max_mail", Help: "option.max_mail"},
			{Name: "tls", Help: "option.imap.tls"},
			{Name: "ca", Help: "option.ca"},
		},
		Open: open,
	})
}

// Source is one account on a server.
type Source struct {
	known          func(connector.Profile) connector.Profile
	system         gallra.SystemID
	address, host  string
	user, password string
	implicit       bool // TLS from the first byte
	plain          bool // no TLS at all
	tls            *tls.Config
	only           []string
	own            []string
	max            int64
	typical        atomic.Int64 // bytes of a mail, a mean of the last ones

	mu      sync.Mutex
	idle    []idle
	closed  bool
	dovecot bool
}

func open(_ context.Context, c connector.Config) (connector.Source, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Hostname() == "" {
		return nil, gallra.Errorf(gallra.Invalid, "imap.bad_address") // err would quote the password
	}
	s := &Source{known: c.Known, system: c.System, host: u.Hostname(), implicit: u.Scheme == "imaps", max: 64 << 20, own: mailrecord.Own(c.Option("own"))}
	s.typical.Store(64 << 10) // until it is known
	port := u.Port()
	if port == "" {
		port = map[bool]string{true: "993", false: "143"}[s.implicit]
	}
	s.address = net.JoinHostPort(s.host, port)
	s.user = u.User.Username()
	s.password, _ = u.User.Password()
	if v := c.Option("user"); v != "" {
		s.user = v
	}
	if v := c.Option("password"); v != "" {
		s.password = v
	}
	if s.user == "" {
		return nil, gallra.Errorf(gallra.Invalid, "connector.option_missing", "connector", "imap", "option", "user")
	}
	for _, f := range strings.Split(c.Option("folders"), ",") {
		if f = strings.TrimSpace(f); f != "" {
			s.only = append(s.only, f)
		}
	}
	if v := c.Option("max_mail"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > 4096 {
			return nil, gallra.Errorf(gallra.Invalid, "connector.option_invalid", "option", "max_mail")
		}
		s.max = int64(n) << 20
	}
	ip := net.ParseIP(s.host)
	s.plain = !s.implicit && (s.host == "localhost" || ip != nil && ip.IsLoopback() || c.Option("tls") == "none")
	s.tls = &tls.Config{ServerName: s.host, MinVersion: tls.VersionTLS12}
	if file := c.Option("ca"); file != "" {
		pem, err := os.ReadFile(file)
		pool := x509.NewCertPool()
		if err != nil || !pool.AppendCertsFromPEM(pem) {
			return nil, gallra.Errorf(gallra.Invalid, "connector.option_invalid", "option", "ca")
		}
		s.tls.RootCAs = pool
	}
	return s, nil
}

// dial returns a new connection that is logged in.
func (s *Source) dial(ctx context.Context) (*client, error) {
	d := net.Dialer{Timeout: 30 * time.Second}
	nc, err := d.DialContext(ctx, "tcp", s.address)
	if err != nil {
		return nil, s.fail(ctx, "connect", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = nc.Close() })
	defer stop()
	var c *imapclient.Client
	var l *lane
	switch {
	case s.implicit:
		t := tls.Client(nc, s.tls)
		if err = t.HandshakeContext(ctx); err == nil {
			l = newLane(t, s.max)
			c = imapclient.New(l, nil)
		}
	case s.plain:
		l = newLane(nc, s.max)
		c = imapclient.New(l, nil)
	default: // what is encrypted from some point on is the library's alone
		c, err = imapclient.NewStartTLS(nc, &imapclient.Options{TLSConfig: s.tls})
	}
	if err != nil {
		_ = nc.Close()
		var cert *tls.CertificateVerificationError
		if errors.As(err, &cert) {
			return nil, gallra.Errorf(gallra.Unavailable, "imap.certificate", "host", s.host)
		}
		var refused *goimap.Error
		if errors.As(err, &refused) {
			return nil, gallra.Errorf(gallra.Unavailable, "imap.no_tls", "host", s.host)
		}
		return nil, s.fail(ctx, "connect", err)
	}
	if err := c.WaitGreeting(); err != nil {
		_ = c.Close()
		return nil, s.fail(ctx, "connect", err)
	}
	if err := c.Login(s.user, s.password).Wait(); err != nil {
		_ = c.Close()
		var no *goimap.Error
		if errors.As(err, &no) {
			switch no.Code {
			case goimap.ResponseCodeUnavailable, goimap.ResponseCodeInUse, goimap.ResponseCodeLimit:
				return nil, gallra.Errorf(gallra.Unavailable, "imap.login_refused", "host", s.host)
			}
			return nil, gallra.Errorf(gallra.Unauthorize, "imap.login", "host", s.host) // the server's text may name the user
		}
		return nil, s.fail(ctx, "log in", err)
	}
	if c.Caps().Has(goimap.CapID) {
		if id, err := c.ID(nil).Wait(); err == nil && id != nil {
			s.mu.Lock()
			s.dovecot = strings.EqualFold(id.Name, "Dovecot")
			s.mu.Unlock()
		}
	}
	return &client{Client: c, lane: l}, nil
}

// client is a connection and the folder that is open on it. The library's own
// notion of that lags behind the answer to SELECT.
type client struct {
	*imapclient.Client
	lane     *lane // nil where there is none
	selected string
	reading  bool       // it was opened to read only
	validity uint32     // of the open folder
	uidNext  goimap.UID // when it was opened; 0 when the server did not say
}

// open opens a folder.
func (c *client) open(name string, readOnly bool) (*goimap.SelectData, error) {
	c.selected = ""
	box, err := c.Select(name, &goimap.SelectOptions{ReadOnly: readOnly}).Wait()
	if err == nil {
		c.selected, c.reading, c.validity, c.uidNext = name, readOnly, box.UIDValidity, box.UIDNext
	}
	return box, err
}

// fail turns an error of a command into one without the server's text, which
// may quote a folder, a user or a search.
func (s *Source) fail(ctx context.Context, what string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var told *gallra.Error
	if errors.As(err, &told) {
		return err
	}
	var no *goimap.Error
	if errors.As(err, &no) {
		switch no.Code {
		case goimap.ResponseCodeNoPerm, goimap.ResponseCodeAuthorizationFailed:
			return gallra.Errorf(gallra.Forbidden, "imap.no_permission", "command", what)
		case goimap.ResponseCodeOverQuota, goimap.ResponseCodeTooBig:
			return gallra.Errorf(gallra.Unavailable, "imap.over_quota")
		case goimap.ResponseCodeNonExistent:
			return gallra.Errorf(gallra.NotFound, "connector.record_not_found")
		case goimap.ResponseCodeUnavailable, goimap.ResponseCodeInUse, goimap.ResponseCodeLimit:
			return gallra.Errorf(gallra.Unavailable, "imap.busy", "command", what)
		}
		return gallra.Errorf(gallra.Internal, "imap.refused", "command", what)
	}
	return gallra.Errorf(gallra.Unavailable, "imap.connection_lost", "host", s.host, "command", what)
}

// idle is a connection that waits for the next call.
type idle struct {
	c     *client
	since time.Time
}

// fresh is how long a connection that answered is trusted without asking.
const fresh = 5 * time.Second

// maxIdle connections are kept for the next call; servers allow few for one user.
const maxIdle = 3

// with runs f on a connection of its own. An idle connection that the server
// has dropped meanwhile is replaced before f is run.
func (s *Source) with(ctx context.Context, f func(*client) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c, err := s.take(ctx)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	err = f(c)
	if !stop() {
		_ = c.Close()
		return ctx.Err()
	}
	if err != nil {
		c.selected = "" // it may be the folder that is wrong
	}
	s.mu.Lock()
	keep := !s.closed && len(s.idle) < maxIdle && gallra.CodeOf(err) != gallra.Unavailable
	if keep {
		s.idle = append(s.idle, idle{c, time.Now()})
	}
	s.mu.Unlock()
	if !keep {
		_ = c.Close()
	}
	return err
}

func (s *Source) take(ctx context.Context) (*client, error) {
	for {
		s.mu.Lock()
		n := len(s.idle)
		if n == 0 {
			s.mu.Unlock()
			return s.dial(ctx)
		}
		last := s.idle[n-1]
		s.idle = s.idle[:n-1]
		s.mu.Unlock()
		c := last.c
		select {
		case <-c.Closed():
			_ = c.Close()
			continue
		default:
			if time.Since(last.since) < fresh {
				return c, nil
			}
		}
		stop := context.AfterFunc(ctx, func() { _ = c.Close() })
		err := c.Noop().Wait()
		if stop() && err == nil {
			return c, nil
		}
		_ = c.Close()
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
}

// Close implements io.Closer.
func (s *Source) Close() error {
	s.mu.Lock()
	all := s.idle
	s.idle, s.closed = nil, true
	s.mu.Unlock()
	for _, i := range all {
		_ = i.c.Logout().Wait()
		_ = i.c.Close()
	}
	return nil
}

// folder is one mailbox of the account.
type folder struct {
	name, digest string
}

// folders returns the folders that can be opened, ordered by digest.
func (s *Source) folders(ctx context.Context, c *client) ([]folder, error) {
	list, err := c.List("", "*", nil).Collect()
	if err != nil {
		return nil, s.fail(ctx, "LIST", err)
	}
	var out []folder
	for _, l := range list {
		if slices.Contains(l.Attrs, goimap.MailboxAttrNoSelect) || slices.Contains(l.Attrs, goimap.MailboxAttrNonExistent) {
			continue
		}
		// A search folder that shows mails of other folders once more.
		virtual := slices.Contains(l.Attrs, goimap.MailboxAttrFlagged) || slices.Contains(l.Attrs, goimap.MailboxAttrImportant)
		if len(s.only) > 0 && !slices.Contains(s.only, l.Mailbox) || len(s.only) == 0 && virtual {
			continue
		}
		out = append(out, folder{l.Mailbox, mailrecord.Digest(l.Mailbox)})
	}
	for _, want := range s.only {
		if !slices.ContainsFunc(out, func(f folder) bool { return f.name == want }) {
			return nil, gallra.Errorf(gallra.NotFound, "imap.no_such_folder")
		}
	}
	slices.SortFunc(out, func(a, b folder) int { return strings.Compare(a.digest, b.digest) })
	return out, nil
}

// Check implements connector.Source.
func (s *Source) Check(ctx context.Context) error {
	return s.with(ctx, func(c *client) error {
		folders, err := s.folders(ctx, c)
		if err != nil {
			return err
		}
		if len(folders) == 0 {
			return gallra.Errorf(gallra.Drift, "imap.no_folders")
		}
		if !hasUIDPlus(c) {
			return errNoUIDPlus()
		}
		for _, f := range folders {
			if _, err := c.open(f.name, true); err != nil {
				return s.fail(ctx, "EXAMINE", err)
			}
		}
		return nil
	})
}

func hasUIDPlus(c *client) bool {
	return c.Caps().Has(goimap.CapUIDPlus) || c.Caps().Has(goimap.CapIMAP4rev2)
}

func errNoUIDPlus() error { return gallra.Errorf(gallra.Unsupported, "imap.no_uidplus") }

// Types implements connector.Source.
func (s *Source) Types(context.Context) ([]connector.Type, error) {
	return []connector.Type{mailrecord.Type(true)}, nil
}

// Profile implements connector.Profiled (SYSTEMS 3.3).
func (s *Source) Profile() connector.Profile {
	return s.known(connector.Profile{Product: "IMAP", Channel: connector.ChannelMail, Remains: []connector.Remain{
		{Where: "dovecot.index.cache", Kind: connector.RemainCopy, SV: "Dovecot behåller avsändare och ämne för raderade brev i dovecot.index.cache tills \"doveadm mailbox cache purge\" körs.", EN: "Dovecot keeps sender and subject of expunged mails in dovecot.index.cache until \"doveadm mailbox cache purge\" is run."},
		{Where: "copies", Kind: connector.RemainCopy, SV: "Kopior som användare har flyttat till papperskorgen eller andra konton söks inte upp av gallringen av ett brev; de är egna brev i sina mappar.", EN: "Copies that users have put into the trash or other accounts are mails of their own in their folders; erasing one does not erase the other."},
		{Where: "server", Kind: connector.RemainCopy, SV: "Servern kan ha fördröjd radering (lazy_expunge), sökindex och replikering.", EN: "The server may have delayed expunge (lazy_expunge), search indexes and replication."},
		{Where: "backup", Kind: connector.RemainBackup, SV: "Säkerhetskopior av servern innehåller brevet tills de gallras.", EN: "Backups of the server hold the mail until they are thinned out."},
	}, Reindex: "doveadm mailbox cache purge -u USER '*'"})
}

func (s *Source) limits() document.Limits { return document.Limits{Bytes: s.max} }

// place is where a mail is.
type place struct {
	digest   string
	validity uint32
	uid      goimap.UID
}

func (p place) String() string {
	return p.digest + "-" + strconv.FormatUint(uint64(p.validity), 10) + "-" + strconv.FormatUint(uint64(p.uid), 10)
}

func parsePlace(id string) (place, bool) {
	f := strings.Split(id, "-")
	if len(f) != 3 || len(f[0]) != 20 {
		return place{}, false
	}
	v, err1 := strconv.ParseUint(f[1], 10, 32)
	u, err2 := strconv.ParseUint(f[2], 10, 32)
	return place{f[0], uint32(v), goimap.UID(u)}, err1 == nil && err2 == nil && u > 0
}

func (s *Source) ref(p place) gallra.Ref {
	return gallra.Ref{System: s.system, Type: mailrecord.TypeName, ID: p.String()}
}

func (s *Source) placeOf(r gallra.Ref) (place, bool) {
	p, ok := parsePlace(r.ID)
	return p, ok && r.System == s.system && r.Type == mailrecord.TypeName
}

func errNotFound() error { return gallra.Errorf(gallra.NotFound, "connector.record_not_found") }
