package sqldb_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

func (p *product) config() connector.Config {
	return connector.Config{System: "system", URL: p.address}
}

func (p *product) source(t *testing.T) connector.Source {
	t.Helper()
	src, err := connector.Open(t.Context(), p.config())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = src.Close() })
	return src
}

// The example profiles must fit the schemas of the products they are written for.
func TestProfilesFitTheirProducts(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*testing.T) *product{
		"helpdesk": helpdesk, "znuny": znuny, "osticket": osTicket, "chatwoot": chatwoot, "rt": requestTracker, "phpbb": phpBB, "freescout": freeScout, "answer": answer, "zammad": zammad, "discourse": discourse, "wordpress": wordPress,
		"flarum on MariaDB":  func(t *testing.T) *product { return flarum(t, "mariadb") },
		"flarum on Postgres": func(t *testing.T) *product { return flarum(t, "postgres") },
		"flarum on SQLite":   func(t *testing.T) *product { return flarum(t, "sqlite") },
	} {
		t.Run(name, func(t *testing.T) {
			if err := open(t).source(t).Check(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestS42_DriftStopsTheRunAndIsNamed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ change, names string }{
		"unknown column that looks personal": {"ALTER TABLE ticket ADD COLUMN customer_phone TEXT", "ticket.customer_phone"},
		"unknown table with such a column":   {"CREATE TABLE plugin (id integer, email text)", "plugin.email"},
		"missing column":                     {"ALTER TABLE message DROP COLUMN body", "message.body"},
		"missing table":                      {"DROP TABLE attachment", "attachment"},
	} {
		t.Run(name, func(t *testing.T) {
			p := helpdesk(t)
			p.insert(t, row{"ticket", []any{"id", 1, "subject", "x"}})
			p.exec(t, c.change)
			src := p.source(t)
			err := src.Check(t.Context())
			if !errors.Is(err, gallra.ErrDrift) || !strings.Contains(err.Error(), c.names) {
				t.Errorf("Check: %v", err)
			}
			_, err = src.(connector.Eraser).Erase(t.Context(), gallra.Ref{System: "system", Type: "ticket", ID: "1"}, "")
			if !errors.Is(err, gallra.ErrDrift) {
				t.Errorf("Erase: %v", err)
			}
			if _, err := src.List(t.Context(), connector.Query{Type: "ticket"}); err != nil {
				t.Errorf("reading goes on: %v", err)
			}
		})
	}
}

func TestWrongCredentials(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*testing.T) *product{"postgres": func(t *testing.T) *product { return flarum(t, "postgres") }, "mariadb": osTicket} {
		t.Run(name, func(t *testing.T) {
			p := open(t)
			u, err := url.Parse(p.address)
			if err != nil {
				t.Fatal(err)
			}
			u.User = url.UserPassword("intruder", "hemligtord")
			src, err := connector.Open(t.Context(), connector.Config{System: "system", URL: u.String()})
			if err == nil {
				err = src.Check(t.Context())
			}
			if !errors.Is(err, gallra.ErrAuth) {
				t.Errorf("%v", err)
			}
			for _, secret := range []string{"intruder", "hemligtord", "SQLSTATE", "Access denied"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error says %q: %v", secret, err)
				}
			}
		})
	}
}

func TestBadProfile(t *testing.T) {
	t.Parallel()
	p := helpdesk(t)
	address, _, _ := strings.Cut(p.address, "?")
	write := func(text string) string {
		path := filepath.Join(t.TempDir(), "own.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const head = "dataset:\n  - fides_key: own\n    collections:\n"
	for name, c := range map[string]struct{ profile, says string }{
		"unknown name":     {"nosuch", "nosuch"},
		"no such file":     {"/nowhere/own.yaml", "own.yaml"},
		"no YAML":          {write("dataset: ["), "profile_wrong"},
		"no collections":   {write("dataset:\n  - fides_key: own\n"), "collections"},
		"wrong kind":       {write(head + "      - {name: ticket, meta: {gallra: {kind: tickett, key: id}}}\n"), "ticket: kind"},
		"orphan":           {write(head + "      - {name: message, meta: {gallra: {kind: message, key: id, parent: {type: ticket, column: t}}}}\n"), "parent"},
		"wrong category":   {write(head + "      - name: ticket\n        meta: {gallra: {kind: conversation, key: id}}\n        fields: [{name: a, meta: {gallra: {category: PRESON}}}]\n"), "PRESON"},
		"personal, kept":   {write(head + "      - name: ticket\n        meta: {gallra: {kind: conversation, key: id}}\n        fields: [{name: a, meta: {gallra: {category: EMAIL, keep: true}}}]\n"), "statistics"},
		"unknown timezone": {write("dataset:\n  - fides_key: own\n    meta: {gallra: {timezone: Europe/Stokholm}}\n    collections:\n      - {name: ticket, meta: {gallra: {kind: conversation, key: id}}}\n"), "timezone"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := connector.Open(t.Context(), connector.Config{System: "system", URL: address, Options: map[string]string{"profile": c.profile}})
			if !errors.Is(err, gallra.ErrInvalid) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestFindByAddressInATableOfItsOwn(t *testing.T) {
	t.Parallel()
	p := osTicket(t)
	now := time.Now()
	p.insert(t, row{"user", []any{"id", 7, "name", "Anna", "org_id", 0, "default_email_id", 7, "created", now, "updated", now}}, row{"user_email", []any{"id", 8, "user_id", 7, "address", "Anna@example.se"}},
		row{"user", []any{"id", 9, "name", "Johanna", "org_id", 0, "default_email_id", 9, "created", now, "updated", now}}, row{"user_email", []any{"id", 9, "user_id", 9, "address", "johanna@example.se"}},
		row{"ticket", []any{"ticket_id", 5, "user_id", 7, "created", now, "updated", now}}, row{"ticket", []any{"ticket_id", 6, "user_id", 9, "created", now, "updated", now}})
	hits, err := p.source(t).(connector.Finder).Find(t.Context(), connector.Needles{Identifiers: []gallra.Identifier{{Kind: gallra.IdentEmail, Value: "anna@example.se"}}}, "")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]gallra.Role{}
	for _, h := range hits.Hits {
		got[h.Ref.Type+" "+h.Ref.ID] = h.Role
	}
	for _, want := range []string{"user 7", "user_email 8", "ticket 5"} {
		if got[want] != gallra.RoleRequester {
			t.Errorf("%s: %q", want, got[want])
		}
	}
	if len(got) != 3 {
		t.Errorf("%d records", len(got))
	}
}

// A name in windows-1252 bytes, as an old import leaves them, is found.
func TestFindInInvalidUTF8(t *testing.T) {
	t.Parallel()
	p := helpdesk(t)
	p.insert(t, row{"ticket", []any{"id", 1, "subject", "x"}})
	p.exec(t, "INSERT INTO message (id, ticket_id, body) VALUES (1, 1, CAST(x'48656a20c573612d4d616a20d662657267' AS TEXT))")
	src := p.source(t)
	found := false
	for cursor := ""; ; {
		hits, err := src.(connector.Finder).Find(t.Context(), connector.Needles{Identifiers: []gallra.Identifier{{Kind: gallra.IdentName, Value: "Åsa-Maj Öberg"}}, Depth: connector.InText}, cursor)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range hits.Hits {
			found = found || h.Ref.Type == "message" && h.Field == "body"
		}
		if cursor = hits.Next; cursor == "" {
			break
		}
	}
	if !found {
		t.Error("not found")
	}
}

// breaker is a proxy that breaks connections in the middle of what is sent
// when cut is called.
type breaker struct {
	net.Listener
	mu    sync.Mutex
	after int // bytes to the server before the cut; negative: never
}

func newBreaker(t *testing.T, to string) *breaker {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &breaker{Listener: l, after: -1}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s, err := net.Dial("tcp", to)
			if err != nil {
				_ = c.Close()
				continue
			}
			go func() { _, _ = io.Copy(c, s); _ = c.Close() }()
			go b.forward(c, s)
		}
	}()
	return b
}

func (b *breaker) forward(c, s net.Conn) {
	defer c.Close()
	defer s.Close()
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		if n > 0 {
			b.mu.Lock()
			if b.after >= 0 {
				if b.after -= n; b.after < 0 {
					b.after = 0
					b.mu.Unlock()
					return // in the middle of it
				}
			}
			b.mu.Unlock()
			if _, err := s.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (b *breaker) set(after int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.after = after
}

func TestG4_ConnectionLostInTheMiddleOfAWrite(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*testing.T) *product{"postgres": func(t *testing.T) *product { return flarum(t, "postgres") }, "mariadb": func(t *testing.T) *product { return flarum(t, "mariadb") }} {
		t.Run(name, func(t *testing.T) {
			p := open(t)
			for i := 1; i <= 50; i++ {
				p.insert(t, row{"discussions", []any{"id", i, "title", "t", "slug", "s", "created_at", time.Now()}}, row{"posts", []any{"id", i, "discussion_id", i, "number", 1, "created_at", time.Now(), "type", "comment", "content", "x"}})
			}
			u, err := url.Parse(p.address)
			if err != nil {
				t.Fatal(err)
			}
			b := newBreaker(t, u.Host)
			u.Host = b.Addr().String()
			p.address = u.String()
			src := p.source(t)
			var items []connector.Item
			for i := 1; i <= 50; i++ {
				items = append(items, connector.Item{Ref: gallra.Ref{System: "system", Type: "discussion", ID: strconv.Itoa(i)}})
			}
			lost := 0
			for cut := 0; ; cut += 211 {
				b.set(cut)
				res, err := src.(connector.Batcher).EraseMany(t.Context(), items)
				b.set(-1)
				if err == nil {
					for _, r := range res {
						if r.Err != nil && !errors.Is(r.Err, gallra.ErrNotFound) {
							t.Error(r.Err)
						}
					}
					break
				}
				lost++
				if !errors.Is(err, gallra.ErrUnavailable) {
					t.Fatalf("cut after %d bytes: %v", cut, err)
				}
				var n, m int
				if err := p.db.QueryRow("SELECT (SELECT count(*) FROM fl_discussions), (SELECT count(*) FROM fl_posts)").Scan(&n, &m); err != nil {
					t.Fatal(err)
				}
				if n != m || n != 0 && n != 50 {
					t.Fatalf("cut after %d bytes: %d discussions and %d posts are left", cut, n, m)
				}
				if cut > 100_000 {
					t.Fatal("never got through")
				}
			}
			if lost < 3 {
				t.Errorf("only %d cuts hit", lost)
			}
			left, err := src.(connector.Verifier).Remains(context.Background(), []gallra.Ref{items[0].Ref, items[49].Ref})
			if err != nil || len(left) > 0 {
				t.Errorf("%d remain, %v", len(left), err)
			}
		})
	}
}
