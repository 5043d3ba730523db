package imap_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	_ "github.com/gallra/gallra/connector/imap"
	"github.com/gallra/gallra/connector/mailrecord"
	"github.com/gallra/gallra/document"
)

var ctx = context.Background()

// account is one account on a server, with a client of the test's own.
type account struct {
	url  string
	peek *imapclient.Client
}

// servers start an account each: in this process, and on a real server when
// GALLRA_TEST_IMAP names one that takes any user name with its password, as
// imap://user:password@127.0.0.1:port/.
func servers(t *testing.T) map[string]func(testing.TB) account {
	m := map[string]func(testing.TB) account{"memory": memory}
	if os.Getenv("GALLRA_TEST_IMAP") != "" {
		m["server"] = server
	} else {
		t.Log("the real server is not tried: GALLRA_TEST_IMAP is not set")
	}
	return m
}

func memory(tb testing.TB) account {
	return memoryWith(tb, goimap.CapSet{goimap.CapIMAP4rev1: {}, goimap.CapUIDPlus: {}})
}

func memoryWith(tb testing.TB, caps goimap.CapSet) account {
	tb.Helper()
	return memorySession(tb, caps, func(s imapserver.Session) imapserver.Session { return s })
}

// memorySession starts a server whose sessions are wrapped.
func memorySession(tb testing.TB, caps goimap.CapSet, wrap func(imapserver.Session) imapserver.Session) account {
	tb.Helper()
	mem := imapmemserver.New()
	user := imapmemserver.NewUser("anna@kommun.se", "hemligt lösen/@:")
	for _, name := range []string{"INBOX", "Skickat"} {
		if err := user.Create(name, nil); err != nil {
			tb.Fatal(err)
		}
	}
	mem.AddUser(user)
	srv := imapserver.New(&imapserver.Options{InsecureAuth: true, Caps: caps, Logger: log.New(io.Discard, "", 0),
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return wrap(mem.NewSession()), nil, nil
		}})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	go func() { _ = srv.Serve(ln) }()
	tb.Cleanup(func() { _ = srv.Close() })
	u := url.URL{Scheme: "imap", User: url.UserPassword("anna@kommun.se", "hemligt lösen/@:"), Host: ln.Addr().String(), Path: "/"}
	return account{u.String(), dial(tb, u.String())}
}

func server(tb testing.TB) account {
	tb.Helper()
	u, err := url.Parse(os.Getenv("GALLRA_TEST_IMAP"))
	if err != nil {
		tb.Fatal("GALLRA_TEST_IMAP is no address")
	}
	pw, _ := u.User.Password()
	u.User = url.UserPassword("t"+strings.ToLower(rand.Text())[:12]+"@gallra.test", pw)
	a := account{u.String(), dial(tb, u.String())}
	if err := a.peek.Create("Skickat", nil).Wait(); err != nil {
		tb.Fatal(err)
	}
	return a
}

func dial(tb testing.TB, address string) *imapclient.Client {
	tb.Helper()
	u, _ := url.Parse(address)
	c, err := imapclient.DialInsecure(u.Host, nil)
	if err != nil {
		tb.Fatal(err)
	}
	pw, _ := u.User.Password()
	if err := c.Login(u.User.Username(), pw).Wait(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.Close() })
	return c
}

func (a account) put(tb testing.TB, folder, raw string, at time.Time, flags ...goimap.Flag) {
	tb.Helper()
	cmd := a.peek.Append(folder, int64(len(raw)), &goimap.AppendOptions{Time: at, Flags: flags})
	_, _ = cmd.Write([]byte(raw))
	_ = cmd.Close()
	if _, err := cmd.Wait(); err != nil {
		tb.Fatal(err)
	}
}

type stored struct {
	raw   string
	flags []goimap.Flag
	date  time.Time
}

// all returns everything the server holds in a folder, by a client of the
// test's own.
func (a account) all(tb testing.TB, folder string) []stored {
	tb.Helper()
	box, err := a.peek.Select(folder, &goimap.SelectOptions{ReadOnly: true}).Wait()
	if err != nil {
		tb.Fatal(err)
	}
	if box.NumMessages == 0 {
		return nil
	}
	var set goimap.SeqSet
	set.AddRange(1, 0)
	msgs, err := a.peek.Fetch(set, &goimap.FetchOptions{Flags: true, InternalDate: true, BodySection: []*goimap.FetchItemBodySection{{Peek: true}}}).Collect()
	if err != nil {
		tb.Fatal(err)
	}
	var out []stored
	for _, m := range msgs {
		flags := slices.DeleteFunc(m.Flags, func(f goimap.Flag) bool { return f == "\\Recent" })
		out = append(out, stored{string(m.BodySection[0].Bytes), flags, m.InternalDate})
	}
	return out
}

type person struct{ name, addr string }

var people = []person{{"Anna Åkesson", "anna@example.se"}, {"Johanna Öberg", "johanna@example.se"}, {"Per Svensson", "per@example.se"}, {"Kim Å", "kim+handel@example.se"}}

func letter(n int, p person) string {
	var name strings.Builder
	for _, c := range []byte(p.name) {
		fmt.Fprintf(&name, "=%02X", c)
	}
	date := time.Date(2018, 1, 1, 9, 0, 0, 0, time.UTC).AddDate(0, n, 0).Format(time.RFC1123Z)
	return strings.ReplaceAll(fmt.Sprintf("From: =?utf-8?Q?%s?= <%s>\nTo: kundtjanst@kommun.se\nSubject: =?utf-8?Q?Fr=C3=A5ga?=\nDate: %s\nMessage-ID: <%d@example.se>\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\nJag heter %s och =\nundrar.\n",
		name.String(), p.addr, date, n, name.String()), "\n", "\r\n")
}

func received(n int) time.Time {
	return time.Date(2018, 1, 1, 10, 0, 0, 0, time.UTC).AddDate(0, n, 0)
}

func (a account) fill(tb testing.TB) {
	for i, p := range people {
		a.put(tb, []string{"INBOX", "INBOX", "Skickat", "INBOX"}[i], letter(i, p), received(i), goimap.FlagAnswered)
	}
}

type source interface {
	connector.Source
	connector.Finder
	connector.Eraser
	connector.Editor
	connector.Batcher
	connector.Searcher
	connector.Verifier
	connector.Partitioner
}

func open(tb testing.TB, a account, options ...string) source {
	tb.Helper()
	c := connector.Config{System: "post", URL: a.url, Options: map[string]string{}}
	for i := 0; i+1 < len(options); i += 2 {
		c.Options[options[i]] = options[i+1]
	}
	s, err := connector.Open(ctx, c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	return s.(source)
}

func list(tb testing.TB, s connector.Source, q connector.Query) []gallra.Record {
	tb.Helper()
	q.Type = "mail"
	var out []gallra.Record
	for {
		p, err := s.List(ctx, q)
		if err != nil {
			tb.Fatal(err)
		}
		out = append(out, p.Records...)
		if p.Next == "" {
			return out
		}
		q.Cursor = p.Next
	}
}

func field(r gallra.Record, name string) string { v, _ := r.Field(name); return v }

func forEach(t *testing.T, f func(t *testing.T, a account)) {
	for name, start := range servers(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := start(t)
			a.fill(t)
			f(t, a)
		})
	}
}

func TestListReadsEveryMailOnceAndMarksNone(t *testing.T) {
	t.Parallel()
	forEach(t, func(t *testing.T, a account) {
		s := open(t, a)
		if err := s.Check(ctx); err != nil {
			t.Fatal(err)
		}
		for limit := range 6 {
			seen := map[gallra.Ref]bool{}
			for _, r := range list(t, s, connector.Query{Limit: limit}) {
				if seen[r.Ref] {
					t.Errorf("limit %d: twice", limit)
				}
				seen[r.Ref] = true
				if strings.Contains(r.Ref.ID, "Skickat") || strings.Contains(r.Ref.ID, "anna") {
					t.Error("a name in the reference")
				}
			}
			if len(seen) != 4 {
				t.Errorf("limit %d: %d mails", limit, len(seen))
			}
		}
		for _, r := range list(t, s, connector.Query{}) {
			got, err := s.Get(ctx, r.Ref)
			if err != nil || got.Version != r.Version || field(got, "raw") != field(r, "raw") {
				t.Errorf("Get: %v", err)
			}
			if field(r, "from") != "anna@example.se" {
				continue
			}
			if field(r, "from_name") != "Anna Åkesson" || !strings.Contains(field(r, "text"), "Jag heter Anna Åkesson och undrar.") || field(r, "folder") != "INBOX" || field(r, "answered") != "true" {
				t.Errorf("decoded %q %q %q", field(r, "from_name"), field(r, "text"), field(r, "folder"))
			}
			if !r.Created.Equal(received(0).Add(-time.Hour)) || !r.Updated.Equal(received(0)) {
				t.Errorf("created %v, updated %v", r.Created, r.Updated)
			}
		}
		for _, q := range []connector.Query{
			{Clock: gallra.StartCreated, To: received(1)}, {Clock: gallra.StartUpdated, To: received(2)}, {Clock: gallra.StartUpdated, From: received(2), Fields: connector.FieldsKeep},
		} {
			if got := list(t, s, q); len(got) != 2 {
				t.Errorf("%s: %d mails", q.Clock, len(got))
			}
		}
		if got := list(t, open(t, a, "folders", "Skickat"), connector.Query{}); len(got) != 1 {
			t.Errorf("%d mails in one folder", len(got))
		}
		qs, _ := s.Partitions(ctx, connector.Query{Type: "mail"}, 3)
		n := 0
		for _, q := range qs {
			n += len(list(t, s, q))
		}
		if n != 4 {
			t.Errorf("partitions hold %d mails", n)
		}
		for _, f := range []string{"INBOX", "Skickat"} {
			for _, m := range a.all(t, f) {
				if slices.Contains(m.flags, goimap.FlagSeen) {
					t.Error("reading marked a mail as seen")
				}
			}
		}
	})
}

func TestEraseTakesOneMailAndNothingElse(t *testing.T) {
	t.Parallel()
	forEach(t, func(t *testing.T, a account) {
		// Somebody else has marked a mail: plain EXPUNGE would take it.
		if _, err := a.peek.Select("INBOX", nil).Wait(); err != nil {
			t.Fatal(err)
		}
		if err := a.peek.Store(goimap.SeqSetNum(2), &goimap.StoreFlags{Op: goimap.StoreFlagsAdd, Flags: []goimap.Flag{goimap.FlagDeleted}}, nil).Close(); err != nil {
			t.Fatal(err)
		}
		s := open(t, a)
		var victim gallra.Record
		for _, r := range list(t, s, connector.Query{}) {
			if field(r, "from") == "anna@example.se" {
				victim = r
			}
		}
		before := a.all(t, "INBOX")
		if _, err := s.Erase(ctx, victim.Ref, "stale"); !errors.Is(err, gallra.ErrConflict) {
			t.Errorf("stale version: %v", err)
		}
		receipt, err := s.Erase(ctx, victim.Ref, victim.Version)
		if err != nil || receipt.Grade != gallra.GradeLive || !receipt.Final || len(receipt.Residues) == 0 {
			t.Fatalf("%+v %v", receipt, err)
		}
		after := a.all(t, "INBOX")
		if len(after) != 2 || after[0].raw != before[1].raw || after[1].raw != before[2].raw || !slices.Contains(after[0].flags, goimap.FlagDeleted) {
			t.Errorf("%d mails are left", len(after))
		}
		if _, err := s.Erase(ctx, victim.Ref, ""); !errors.Is(err, gallra.ErrNotFound) {
			t.Errorf("twice: %v", err)
		}
		if _, err := s.Get(ctx, victim.Ref); !errors.Is(err, gallra.ErrNotFound) {
			t.Errorf("Get: %v", err)
		}
		rest := list(t, s, connector.Query{})
		remains, err := s.Remains(ctx, []gallra.Ref{victim.Ref, rest[0].Ref})
		if err != nil || len(rest) != 3 || len(remains) != 1 || remains[0].Ref != rest[0].Ref {
			t.Errorf("%d left, remains %v %v", len(rest), remains, err)
		}
	})
}

func TestEditForgetsThePerson(t *testing.T) {
	t.Parallel()
	forEach(t, func(t *testing.T, a account) {
		s := open(t, a)
		needles := connector.Needles{Depth: connector.InText, Identifiers: []gallra.Identifier{{Kind: gallra.IdentEmail, Value: "Anna@Example.se"}, {Kind: gallra.IdentName, Value: "Anna Åkesson"}}}
		hits, err := s.Find(ctx, needles, "")
		if err != nil || len(hits.Hits) == 0 {
			t.Fatalf("%v %v", hits, err)
		}
		for _, h := range hits.Hits {
			if h.Ref != hits.Hits[0].Ref {
				t.Error("another's mail is found")
			}
		}
		rec, _ := s.Get(ctx, hits.Hits[0].Ref)
		old := a.all(t, "INBOX")
		raw, _, err := document.RewriteMail([]byte(field(rec, "raw")), func(_ document.PartInfo, s string) string {
			return strings.NewReplacer("Anna Åkesson", "[NAMN 1]", "anna@example.se", "[E-POST 1]").Replace(s)
		})
		if err != nil {
			t.Fatal(err)
		}
		set := []gallra.Field{{Name: "raw", Value: string(raw)}}
		receipt, err := s.Edit(ctx, rec.Ref, rec.Version, set)
		if err != nil {
			t.Fatal(err)
		}
		if receipt.Ref == rec.Ref {
			t.Error("the mail has no new reference")
		}
		now := a.all(t, "INBOX")
		if len(now) != 3 {
			t.Errorf("%d mails", len(now))
		}
		last := now[len(now)-1]
		if last.raw != string(raw) || !last.date.Equal(old[0].date) || !slices.Equal(last.flags, old[0].flags) {
			t.Errorf("the edited mail has %v %v, want %v %v", last.flags, last.date, old[0].flags, old[0].date)
		}
		left, err := s.Leftovers(ctx, needles, "")
		if err != nil || len(left.Residues) > 0 {
			t.Errorf("left: %v %v", left.Residues, err)
		}
		got, err := s.Get(ctx, receipt.Ref)
		if err != nil || field(got, "from_name") != "[NAMN 1] [E-POST 1]" || !got.Created.Equal(rec.Created) || !got.Updated.Equal(rec.Updated) {
			t.Errorf("%v %q", err, field(got, "from_name"))
		}
		for _, keep := range []string{"folder", "weekday", "hour", "answered"} {
			if field(got, keep) != field(rec, keep) {
				t.Errorf("%s changed", keep)
			}
		}
		// Without a copy that is there already.
		again, err := s.Edit(ctx, receipt.Ref, got.Version, []gallra.Field{{Name: "raw", Value: strings.Replace(string(raw), "undrar", "fragar", 1)}})
		if err != nil || again.Ref == receipt.Ref || len(a.all(t, "INBOX")) != 3 {
			t.Errorf("%v %v", again, err)
		}
	})
}

// Two mails alike are edited to the same bytes and must stay two.
func TestMailsAlikeStayTwo(t *testing.T) {
	t.Parallel()
	forEach(t, func(t *testing.T, a account) {
		a.put(t, "INBOX", letter(0, people[0]), received(0), goimap.FlagAnswered)
		s := open(t, a)
		var edits []connector.Edit
		for _, r := range list(t, s, connector.Query{}) {
			if field(r, "from") == "anna@example.se" {
				edits = append(edits, connector.Edit{Item: connector.Item{Ref: r.Ref, IfVersion: r.Version}, Set: []gallra.Field{{Name: "raw", Value: strings.Replace(field(r, "raw"), "undrar", "fragar", 1)}}})
			}
		}
		if len(edits) != 2 {
			t.Fatalf("%d mails alike", len(edits))
		}
		if _, err := s.Edit(ctx, edits[0].Ref, "", edits[0].Set); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Edit(ctx, edits[1].Ref, "", edits[1].Set); err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, m := range a.all(t, "INBOX") {
			if strings.Contains(m.raw, "fragar") {
				n++
			}
			for _, f := range m.flags {
				if strings.HasPrefix(string(f), "$gallra") {
					t.Error("our mark is left")
				}
			}
		}
		if n != 2 {
			t.Errorf("%d of two mails alike are left", n)
		}
	})
}

func TestFindByHeaderOfEveryForm(t *testing.T) {
	t.Parallel()
	forEach(t, func(t *testing.T, a account) {
		s := open(t, a, "own", "kommun.se")
		for _, tc := range []struct {
			id   gallra.Identifier
			want int
		}{
			{gallra.Identifier{Kind: gallra.IdentEmail, Value: "anna@example.se"}, 1},
			{gallra.Identifier{Kind: gallra.IdentEmail, Value: "JOHANNA@example.se"}, 1},
			{gallra.Identifier{Kind: gallra.IdentEmail, Value: "kim@example.se"}, 1}, // the mail has kim+handel@
			{gallra.Identifier{Kind: gallra.IdentEmail, Value: "ingen@example.se"}, 0},
			{gallra.Identifier{Kind: gallra.IdentName, Value: "Per Svensson"}, 1},
		} {
			hits, err := s.Find(ctx, connector.Needles{Identifiers: []gallra.Identifier{tc.id}}, "")
			refs := map[gallra.Ref]bool{}
			for _, h := range hits.Hits {
				refs[h.Ref] = true
			}
			if err != nil || len(refs) != tc.want {
				t.Errorf("%s: %d mails, %v", tc.id.Kind, len(refs), err)
			}
		}
	})
}

func TestWrongCredentialsAndNoServer(t *testing.T) {
	t.Parallel()
	forEach(t, func(t *testing.T, a account) {
		u, _ := url.Parse(a.url)
		u.User = url.UserPassword("anna@kommun.se", "fel-lösenord")
		err := open(t, account{url: u.String()}).Check(ctx)
		if !errors.Is(err, gallra.ErrAuth) {
			t.Errorf("wrong password: %v", err)
		}
		if err != nil && (strings.Contains(err.Error(), "fel-l") || strings.Contains(err.Error(), "anna")) {
			t.Errorf("the error tells user or password: %v", err)
		}
		if err := open(t, a, "folders", "Finns inte").Check(ctx); !errors.Is(err, gallra.ErrNotFound) {
			t.Errorf("no such folder: %v", err)
		}
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	_ = ln.Close()
	if err := open(t, account{url: "imap://u:hemligt@" + addr + "/"}).Check(ctx); !errors.Is(err, gallra.ErrUnavailable) || strings.Contains(err.Error(), "hemligt") {
		t.Errorf("no server: %v", err)
	}
	for _, bad := range []string{"imap://", "imap://host/", "imap://u:%zz@host/"} {
		if _, err := connector.Open(ctx, connector.Config{URL: bad}); !errors.Is(err, gallra.ErrInvalid) || strings.Contains(fmt.Sprint(err), "%zz") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestServerWithoutUIDPlus(t *testing.T) {
	t.Parallel()
	a := memoryWith(t, goimap.CapSet{goimap.CapIMAP4rev1: {}})
	a.fill(t)
	s := open(t, a)
	if err := s.Check(ctx); !errors.Is(err, gallra.ErrUnsupported) {
		t.Errorf("Check: %v", err)
	}
	r := list(t, s, connector.Query{})[0]
	if _, err := s.Erase(ctx, r.Ref, r.Version); !errors.Is(err, gallra.ErrUnsupported) {
		t.Errorf("Erase: %v", err)
	}
	if n := len(a.all(t, "INBOX")) + len(a.all(t, "Skickat")); n != 4 {
		t.Errorf("%d mails", n)
	}
}

// cutter passes a connection on and cuts it once a command with a certain word
// has been sent, before or after the server sees it.
func cutter(t *testing.T, address, word string, after bool, armed *atomic.Bool) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", address)
			if err != nil {
				_ = in.Close()
				return
			}
			var cut atomic.Bool
			answered := make(chan struct{}, 1)
			go func() {
				defer in.Close()
				buf := make([]byte, 64<<10)
				for {
					n, err := out.Read(buf)
					if err != nil {
						return
					}
					if cut.Load() {
						select {
						case answered <- struct{}{}:
						default:
						}
						continue // the answer never comes
					}
					if _, err := in.Write(buf[:n]); err != nil {
						return
					}
				}
			}()
			go func() {
				defer out.Close()
				defer in.Close()
				buf := make([]byte, 64<<10)
				for {
					n, err := in.Read(buf)
					if err != nil {
						return
					}
					hit := strings.Contains(string(buf[:n]), word) && armed.CompareAndSwap(true, false)
					if hit && !after {
						return
					}
					cut.Store(hit)
					if _, err := out.Write(buf[:n]); err != nil {
						return
					}
					if hit {
						select { // the server has done it; only the client does not know
						case <-answered:
						case <-time.After(5 * time.Second):
						}
						return
					}
				}
			}()
		}
	}()
	return ln.Addr().String()
}

func TestConnectionLostInTheMiddleOfAWrite(t *testing.T) {
	t.Parallel()
	for name, start := range servers(t) {
		for _, word := range []string{"STORE", "UID EXPUNGE", "APPEND", "UID FETCH"} {
			for _, after := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/after=%v", name, word, after), func(t *testing.T) {
					t.Parallel()
					a := start(t)
					a.fill(t)
					u, _ := url.Parse(a.url)
					var armed atomic.Bool
					u.Host = cutter(t, u.Host, word, after, &armed)
					s := open(t, account{url: u.String()})
					var rec gallra.Record
					for _, r := range list(t, s, connector.Query{}) {
						if field(r, "from") == "anna@example.se" {
							rec = r
						}
					}
					set := []gallra.Field{{Name: "raw", Value: strings.Replace(field(rec, "raw"), "undrar", "fragar", 1)}}
					armed.Store(true)
					_, err := s.Edit(ctx, rec.Ref, rec.Version, set)
					if !errors.Is(err, gallra.ErrUnavailable) {
						t.Errorf("the lost connection: %v", err)
					}
					// Nothing is lost: the old or the new mail, or both, are there.
					have := func() (old, edited int) {
						for _, m := range a.all(t, "INBOX") {
							if strings.Contains(m.raw, "0@example.se") {
								if strings.Contains(m.raw, "fragar") {
									edited++
								} else {
									old++
								}
							}
						}
						return old, edited
					}
					if old, edited := have(); old+edited == 0 || edited > 1 {
						t.Fatalf("%d old, %d edited", old, edited)
					}
					// The same call done again ends as if nothing had happened.
					if _, err := s.Edit(ctx, rec.Ref, rec.Version, set); err != nil && !errors.Is(err, gallra.ErrNotFound) {
						t.Errorf("again: %v", err)
					}
					if old, edited := have(); old != 0 || edited != 1 {
						t.Errorf("%d old, %d edited in the end", old, edited)
					}
				})
			}
		}
	}
}

func TestBatchOverFolders(t *testing.T) {
	t.Parallel()
	forEach(t, func(t *testing.T, a account) {
		s := open(t, a)
		rs := list(t, s, connector.Query{})
		items := []connector.Item{
			{Ref: rs[0].Ref, IfVersion: rs[0].Version}, {Ref: rs[1].Ref, IfVersion: "stale"}, {Ref: rs[2].Ref},
			{Ref: gallra.Ref{System: "post", Type: "mail", ID: "none"}}, {Ref: rs[0].Ref}, {Ref: rs[3].Ref, IfVersion: rs[3].Version},
		}
		res, err := s.EraseMany(ctx, items)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []error{nil, gallra.ErrConflict, nil, gallra.ErrNotFound, gallra.ErrNotFound, nil} {
			if want == nil && res[i].Err != nil || want != nil && !errors.Is(res[i].Err, want) {
				t.Errorf("item %d: %v, want %v", i, res[i].Err, want)
			}
		}
		if left := list(t, s, connector.Query{}); len(left) != 1 || left[0].Ref != rs[1].Ref {
			t.Errorf("%d left", len(left))
		}
	})
}

func TestMailOfAnySize(t *testing.T) {
	t.Parallel()
	forEach(t, func(t *testing.T, a account) {
		a.put(t, "INBOX", "From: stor@example.se\r\nContent-Type: text/plain\r\n\r\n"+strings.Repeat(strings.Repeat("x", 70)+"\r\n", 40_000), received(5))
		s := open(t, a, "max_mail", "1")
		page, err := s.List(ctx, connector.Query{Type: "mail"})
		if err != nil || len(page.Records) != 5 {
			t.Fatalf("%d mails, %v", len(page.Records), err)
		}
		named := false
		for _, p := range page.Skipped {
			named = named || p.Reason == "mail.too_large"
		}
		if !named {
			t.Errorf("a mail read in part is not named: %v", page.Skipped)
		}
		for _, r := range page.Records {
			if field(r, "from") != "stor@example.se" {
				continue
			}
			if _, err := s.Edit(ctx, r.Ref, "", []gallra.Field{{Name: "raw", Value: "From: x\r\n\r\n"}}); !errors.Is(err, gallra.ErrUnsupported) {
				t.Errorf("a mail read in part was rewritten: %v", err)
			}
			if _, err := s.Erase(ctx, r.Ref, r.Version); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	a := memory(t)
	a.fill(t)
	s := open(t, a)
	r := list(t, s, connector.Query{})[0]
	done, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := s.Erase(done, r.Ref, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if _, err := s.List(done, connector.Query{Type: "mail"}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if n := len(list(t, s, connector.Query{})); n != 4 {
		t.Errorf("%d mails", n)
	}
}

// TestG7_LateFormsOfAnEditAreSweptAway: what the server stores of an edit after
// all, whole or cut short, is nobody's mail: not listed, named by Remains, and
// gone after the next change in the folder. What is tagged and live is a mail, a
// mail that somebody else has marked stays, and so does what belongs to an edit
// that is still to be done again.
func TestG7_LateFormsOfAnEditAreSweptAway(t *testing.T) {
	t.Parallel()
	forEach(t, func(t *testing.T, a account) {
		s := open(t, a)
		old := map[string]gallra.Ref{}
		for _, r := range list(t, s, connector.Query{}) {
			old[field(r, "from")] = r.Ref
		}
		anna, kim, johanna := old["anna@example.se"], old["kim+handel@example.se"], old["johanna@example.se"]
		edited, err := s.Edit(ctx, anna, "", []gallra.Field{{Name: "text", Value: "gallrad"}})
		if err != nil {
			t.Fatal(err)
		}
		rec, err := s.Get(ctx, edited.Ref)
		if err != nil {
			t.Fatal(err)
		}
		tag := func(r gallra.Ref) goimap.Flag { return goimap.Flag("$gallra" + mailrecord.Digest(r.ID)) }
		whole := field(rec, "raw")
		a.put(t, "INBOX", whole, received(0), goimap.FlagDeleted, tag(anna))
		a.put(t, "INBOX", whole[:len(whole)/2], received(0), goimap.FlagDeleted, tag(anna))
		a.put(t, "INBOX", letter(7, people[2]), received(7), goimap.FlagDeleted, tag(kim))
		a.put(t, "INBOX", letter(8, people[2]), received(8), tag(anna))
		a.put(t, "INBOX", letter(9, people[2]), received(9), goimap.FlagDeleted)
		if n := len(list(t, s, connector.Query{})); n != 6 {
			t.Errorf("%d mails are listed, not 4, the one that is live and the one that somebody has marked", n)
		}
		left, err := s.Remains(ctx, []gallra.Ref{anna, johanna, kim})
		n := map[gallra.Ref]int{}
		for _, r := range left {
			n[r.Ref]++
		}
		if err != nil || n[anna] != 2 || n[johanna] != 1 || n[kim] != 1 {
			t.Errorf("remains %v, %v", n, err)
		}
		if _, err := s.Erase(ctx, johanna, ""); err != nil {
			t.Fatal(err)
		}
		tags := map[string]int{}
		for _, m := range a.all(t, "INBOX") {
			slices.Sort(m.flags)
			tags[strings.ToLower(fmt.Sprint(m.flags))]++
		}
		if tags[strings.ToLower(fmt.Sprint([]goimap.Flag{tag(kim), goimap.FlagDeleted}))] != 1 || tags[strings.ToLower(fmt.Sprint([]goimap.Flag{tag(anna)}))] != 1 || tags[`[\deleted]`] != 1 || tags[`[\answered]`] != 2 || len(tags) != 4 {
			t.Errorf("left: %v", tags)
		}
		if left, err := s.Remains(ctx, []gallra.Ref{anna, johanna}); err != nil || len(left) != 0 {
			t.Errorf("remains %v, %v", left, err)
		}
		// The mail of the interrupted edit is erased instead: its new form goes too.
		if _, err := s.Erase(ctx, kim, ""); err != nil {
			t.Fatal(err)
		}
		for _, m := range a.all(t, "INBOX") {
			if strings.Contains(m.raw, "<7@example.se>") {
				t.Error("the new form of an erased mail is left")
			}
		}
	})
}

// rights is a session of an account that lacks rights (RFC 4314): what is asked
// beyond them is refused, in words that quote the folder.
type rights struct {
	imapserver.Session
	insert, remove bool
}

var noPermission = &goimap.Error{Type: goimap.StatusResponseTypeNo, Code: goimap.ResponseCodeNoPerm, Text: "INBOX/Åsa Öberg: permission denied"}

func (r rights) Append(mailbox string, l goimap.LiteralReader, o *goimap.AppendOptions) (*goimap.AppendData, error) {
	if !r.insert {
		return nil, noPermission
	}
	return r.Session.Append(mailbox, l, o)
}

func (r rights) Store(w *imapserver.FetchWriter, n goimap.NumSet, f *goimap.StoreFlags, o *goimap.StoreOptions) error {
	if !r.remove {
		return noPermission
	}
	return r.Session.Store(w, n, f, o)
}

// TestX5_AccountWithoutTheRights is told so, in words that quote nothing, and
// every mail is there afterwards as it was.
func TestX5_AccountWithoutTheRights(t *testing.T) {
	t.Parallel()
	for name, may := range map[string]rights{"may read only": {}, "may not remove": {insert: true}, "may not insert": {remove: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var limited atomic.Bool
			a := memorySession(t, goimap.CapSet{goimap.CapIMAP4rev1: {}, goimap.CapUIDPlus: {}}, func(s imapserver.Session) imapserver.Session {
				if !limited.Load() {
					return s // the test's own
				}
				return rights{s, may.insert, may.remove}
			})
			a.fill(t)
			limited.Store(true)
			s := open(t, a)
			before := a.all(t, "INBOX")
			for _, r := range list(t, s, connector.Query{}) {
				if field(r, "from") != "anna@example.se" {
					continue
				}
				did := map[string]error{}
				_, did["edit"] = s.Edit(ctx, r.Ref, "", []gallra.Field{{Name: "text", Value: "gallrad"}})
				if !may.remove {
					_, did["erase"] = s.Erase(ctx, r.Ref, "")
				}
				for what, err := range did {
					if !errors.Is(err, gallra.ErrPermission) || strings.Contains(fmt.Sprint(err), "berg") {
						t.Errorf("%s: %v", what, err)
					}
				}
			}
			if n := len(list(t, s, connector.Query{})); n != 4 {
				t.Errorf("%d mails are listed", n)
			}
			live := slices.DeleteFunc(a.all(t, "INBOX"), func(m stored) bool { return slices.Contains(m.flags, goimap.FlagDeleted) })
			if !reflect.DeepEqual(before, live) {
				t.Errorf("the mails are not as they were")
			}
		})
	}
}

// chatty is a session that tells of a mail that is asked for later.
type chatty struct{ imapserver.Session }

func (c chatty) Fetch(w *imapserver.FetchWriter, n goimap.NumSet, o *goimap.FetchOptions) error {
	if uids, ok := n.(goimap.UIDSet); ok && uids.Contains(1) {
		for _, i := range []uint32{3, 30} {
			m := w.CreateMessage(i)
			m.WriteUID(goimap.UID(i))
			m.WriteFlags([]goimap.Flag{goimap.FlagSeen})
			if err := m.Close(); err != nil {
				return err
			}
		}
	}
	return c.Session.Fetch(w, n, o)
}

// TestH4_WhatIsToldUnaskedHidesNoMail: a server tells that somebody has read a
// mail just before it answers what was asked about it.
func TestH4_WhatIsToldUnaskedHidesNoMail(t *testing.T) {
	t.Parallel()
	a := memorySession(t, goimap.CapSet{goimap.CapIMAP4rev1: {}, goimap.CapUIDPlus: {}}, func(s imapserver.Session) imapserver.Session { return chatty{s} })
	for i := range 40 {
		a.put(t, "INBOX", letter(i, people[i%4]), received(i))
	}
	seen := map[gallra.Ref]bool{}
	for _, r := range list(t, open(t, a), connector.Query{}) {
		if seen[r.Ref] || field(r, "raw") == "" {
			t.Errorf("%s twice, or without its text", r.Ref)
		}
		seen[r.Ref] = true
	}
	if len(seen) != 40 {
		t.Errorf("%d of 40 mails are listed", len(seen))
	}
	s := open(t, a)
	if n := len(list(t, s, connector.Query{Fields: connector.FieldsKeep})); n != 40 {
		t.Errorf("%d of 40 mails are listed without their text", n)
	}
	hits, err := s.Find(ctx, connector.Needles{Identifiers: []gallra.Identifier{{Kind: gallra.IdentName, Value: "Per Svensson"}}, Depth: connector.InText}, "")
	mails := map[gallra.Ref]bool{}
	for _, h := range hits.Hits {
		mails[h.Ref] = true
	}
	if err != nil || len(mails) != 10 {
		t.Errorf("%d of 10 mails are found, %v", len(mails), err)
	}
}

// TestG6_WhatAnEditHasBecomeIsKnownUntilItIsNoted: not what somebody has
// removed, and not what is there still.
func TestG6_WhatAnEditHasBecomeIsKnownUntilItIsNoted(t *testing.T) {
	forEach(t, func(t *testing.T, a account) {
		a.fill(t)
		s := open(t, a)
		m := s.(connector.Renamer)
		all := list(t, s, connector.Query{Type: "mail"})
		var refs []gallra.Ref
		var edits []connector.Edit
		for i, r := range all[:4] {
			refs = append(refs, r.Ref)
			if i < 2 {
				edits = append(edits, connector.Edit{Item: connector.Item{Ref: r.Ref}, Set: []gallra.Field{{Name: "text", Value: "[borttaget]"}}, Mark: i == 0})
			}
		}
		done, err := s.(connector.Batcher).EditMany(t.Context(), edits)
		if err != nil || done[0].Err != nil || done[1].Err != nil {
			t.Fatal(err, done)
		}
		if _, err := s.Erase(t.Context(), refs[2], ""); err != nil {
			t.Fatal(err)
		}
		got, err := m.Renamed(t.Context(), refs)
		if err != nil || len(got) != 1 || got[refs[0]] != done[0].Receipt.Ref {
			t.Fatalf("%v %v, not only %v", got, err, done[0].Receipt.Ref)
		}
		if now, err := s.Get(t.Context(), got[refs[0]]); err != nil || field(now, "text") != "[borttaget]" {
			t.Fatalf("%q %v", field(now, "text"), err)
		}
		for range 2 { // done again it changes nothing
			if err := m.Noted(t.Context(), []gallra.Ref{got[refs[0]], refs[2]}); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := m.Renamed(t.Context(), refs); err != nil || len(got) != 0 {
			t.Fatalf("noted, and still told: %v %v", got, err)
		}
		for _, mail := range a.all(t, "INBOX") {
			if slices.ContainsFunc(mail.flags, func(f goimap.Flag) bool { return strings.HasPrefix(string(f), "$gallra") }) {
				t.Errorf("marked still: %v", mail.flags)
			}
		}
	})
}
