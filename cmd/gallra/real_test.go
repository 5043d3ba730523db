package main

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/gallra/gallra/internal/demo"
	"github.com/gallra/gallra/internal/shareddata"
	"github.com/gallra/gallra/internal/testserver"
)

// office is an organisation on real servers: Znuny on PostgreSQL and osTicket on MariaDB,
// a mailbox on an IMAP server; and the command line over them.
type office struct {
	t    *testing.T
	data string
}

func (o office) gallra(want int, args ...string) string {
	o.t.Helper()
	var out, errs bytes.Buffer
	env := map[string]string{"GALLRA_LANGUAGE": "en", "GALLRA_DATA": o.data, "GALLRA_PASSWORD": demoPassword}
	code := run(context.Background(), append([]string{"--data", o.data}, args...), strings.NewReader(""), &out, &errs,
		func(k string) (string, bool) { v, ok := env[k]; return v, ok })
	if code != want {
		o.t.Fatalf("gallra %s: exit code %d, want %d\n%s%s", strings.Join(args[:2], " "), code, want, out.String(), errs.String())
	}
	return out.String()
}

func schema(t *testing.T, db *sql.DB, path string, replace ...string) {
	t.Helper()
	b, err := os.ReadFile(shareddata.Path(t, path))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(strings.NewReplacer(replace...).Replace(string(b))); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func newOffice(t *testing.T) office {
	ctx := context.Background()
	now := time.Now()
	fill := demo.Fill{Persons: 300, Conversations: 400, Seed: 3, Now: now}

	znuny, znunyURL := testserver.Postgres(t)
	for _, f := range []string{"schema", "initial_insert", "schema-post"} {
		schema(t, znuny, "data/schemas/znuny/"+f+".postgresql.sql")
	}
	if _, err := demo.Znuny(ctx, znuny, fill); err != nil {
		t.Fatal(err)
	}
	ost, ostURL := testserver.MariaDB(t)
	schema(t, ost, "data/schemas/osticket/install-mysql.sql", "%TABLE_PREFIX%", "ost_")
	if _, err := demo.OsTicket(ctx, ost, "ost_", fill); err != nil {
		t.Fatal(err)
	}
	box := testserver.IMAP(t)
	made := t.TempDir()
	if _, err := demo.Make(ctx, made, demo.Options{Size: 1000, Seed: 3, Now: now}); err != nil {
		t.Fatal(err)
	}
	post(t, box, filepath.Join(made, "systems", "mail"))

	data := t.TempDir()
	with := func(u, q string) string {
		if strings.Contains(u, "?") {
			return u + "&" + q
		}
		return u + "?" + q
	}
	yaml := fmt.Sprintf(`organisation: {name: Sundvalla, type: company}
systems:
  - {name: znuny, title: Znuny, channel: ticketing, url: %q}
  - {name: osticket, title: osTicket, channel: ticketing, url: %q}
  - {name: mail, title: Brevlådan, channel: mail, url: %q}
rules:
  - {id: tickets, purpose: Besvara frågor, systems: [znuny, osticket], start: closed, keep: P2Y, action: erase}
  - {id: mail, purpose: Besvara brev, systems: [mail], start: created, keep: P1Y, action: erase}
`, with(znunyURL, "profile=znuny"), with(ostURL, "profile=osticket&prefix=ost_"), box)
	if err := os.WriteFile(filepath.Join(data, "gallra.yaml"), []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	o := office{t, data}
	for user, role := range map[string]string{"anna": "agent", "bo": "approver", "cilla": "approver"} {
		o.gallra(exitDone, "user", "add", user, "--role", role)
	}
	return o
}

// post puts the mails of a Maildir into the mailbox at address.
func post(t *testing.T, address, maildir string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	c, err := imapclient.DialInsecure(u.Host, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	password, _ := u.User.Password()
	if err := c.Login(u.User.Username(), password).Wait(); err != nil {
		t.Fatal(err)
	}
	n := 0
	err = filepath.WalkDir(maildir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Base(filepath.Dir(path)) != "cur" {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		b = bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
		cmd := c.Append("INBOX", int64(len(b)), &imap.AppendOptions{Time: time.Now()})
		if _, err := cmd.Write(b); err != nil {
			return err
		}
		if err := cmd.Close(); err != nil {
			return err
		}
		n++
		_, err = cmd.Wait()
		return err
	})
	if err != nil || n == 0 {
		t.Fatalf("%d mails delivered: %v", n, err)
	}
}

func first(t *testing.T, pattern, s string) string {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(s)
	if m == nil {
		t.Fatalf("nothing matches %s in\n%s", pattern, s)
	}
	return m[1]
}

// TestS45_FourJobsOnRealServers walks the whole way on PostgreSQL, MariaDB and
// IMAP: know, thin out, answer, prove.
func TestS45_FourJobsOnRealServers(t *testing.T) {
	o := newOffice(t)
	const anna = "anna.lindqvist@mail.example.se"

	// Know (S24): every system, fields and free text.
	inventory := o.gallra(exitDone, "scan")
	for _, want := range []string{`(?m)^znuny .*`, `(?m)^osticket .*`, `(?m)^mail .*`, `Personnummer|identity number`} {
		first(t, "("+want+")", inventory)
	}
	for _, sys := range []string{"znuny", "osticket", "mail"} {
		o.gallra(exitDone, "profile", "check", sys)
	}

	// Thin out (S20, S45, S46).
	plan := o.gallra(exitDone, "retention", "plan", "--as", "anna")
	id, hash := first(t, `(plan-[a-z2-7]+)`, plan), first(t, `\b([0-9a-f]{64})\b`, plan)
	o.gallra(exitFailed, "retention", "run", id, "--as", "anna")
	o.gallra(exitDone, "retention", "approve", id, "--hash", hash, "--as", "bo")
	o.gallra(exitDone, "retention", "approve", id, "--hash", hash, "--as", "cilla")
	done := o.gallra(exitDone, "retention", "run", id, "--as", "anna")
	for _, want := range []string{`(?m)^znuny +\S+ +Erased +\d`, `(?m)^osticket +\S+ +Erased +\d`, `(?m)^mail +\S+ +Erased +\d`, `same before and after`} {
		first(t, "("+want+")", done)
	}
	o.gallra(exitDone, "retention", "verify", first(t, `(run-[a-z2-7]+)`, done))

	// Answer (S18, W-8, W-11): found everywhere, extracted, erased, looked for again.
	found := o.gallra(exitDone, "find", "--email", anna)
	for _, sys := range []string{"znuny", "osticket"} {
		first(t, "(?m)^("+sys+"/)", found)
	}
	o.gallra(exitDone, "extract", "--email", anna, "-o", filepath.Join(t.TempDir(), "anna.zip"))
	request := first(t, `(?m)^(\S+):`, o.gallra(exitDone, "request", "new", "--right", "erasure", "--email", anna, "--as", "anna"))
	o.gallra(exitDone, "request", "identify", request, "--method", "known_address", "--as", "anna")
	o.gallra(exitDone, "request", "search", request, "--as", "anna")
	o.gallra(exitDone, "request", "decide", request, "--outcome", "granted", "--reason", "17(1)(a)", "--as", "bo")
	o.gallra(exitDone, "request", "approve", request, "--as", "cilla")
	first(t, "(Nothing is left)", o.gallra(exitDone, "request", "run", request, "--as", "anna"))
	if left := o.gallra(exitDone, "find", "--email", anna); regexp.MustCompile(`(?m)^\w+/\w+/`).MatchString(left) {
		t.Errorf("still found:\n%s", left)
	}

	// Prove (S15).
	first(t, "(Nothing was changed)", o.gallra(exitDone, "evidence", "verify"))
}
