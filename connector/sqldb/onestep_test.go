package sqldb_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

// AN4, AN3: an edit that sets no field cuts records loose and makes their times
// coarser, compares versions as any other, leaves the copies of their texts alone,
// and done again changes nothing.
func TestAN4_AnEditOfNoFieldUnlinksAndRounds(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"sqlite", "postgres", "mariadb"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			p := open(t, kind)
			stamp := map[string]string{"postgres": "TIMESTAMP"}[kind]
			if stamp == "" {
				stamp = "DATETIME"
			}
			blob := map[string]string{"postgres": "BYTEA"}[kind]
			if blob == "" {
				blob = "BLOB"
			}
			for _, q := range []string{
				`CREATE TABLE person (id BIGINT PRIMARY KEY, name TEXT, email TEXT, phone TEXT, personnummer TEXT, created_at STAMP)`,
				`CREATE TABLE ticket (id BIGINT PRIMARY KEY, person_id BIGINT, number TEXT, subject TEXT, status TEXT, queue TEXT, channel TEXT, category TEXT, first_response_s INTEGER, rating INTEGER, created_at STAMP, updated_at STAMP, last_contact_at STAMP, closed_at STAMP)`,
				`CREATE TABLE message (id BIGINT PRIMARY KEY, ticket_id BIGINT, person_id BIGINT, sender TEXT, agent TEXT, body TEXT, html INTEGER, ip TEXT, created_at STAMP)`,
				`CREATE TABLE attachment (id BIGINT PRIMARY KEY, message_id BIGINT, filename TEXT, content_type TEXT, content BLOB)`,
				`CREATE TABLE history (id BIGINT PRIMARY KEY, ticket_id BIGINT, what TEXT, old_value TEXT, new_value TEXT, at STAMP)`,
				`CREATE TABLE draft (id BIGINT PRIMARY KEY, ticket_id BIGINT, agent TEXT, body TEXT, saved_at STAMP)`,
				`INSERT INTO person (id, name) VALUES (1, 'Åsa')`,
			} {
				p.exec(t, strings.ReplaceAll(strings.ReplaceAll(q, "STAMP", stamp), "BLOB", blob))
			}
			const n = 20
			for i := 1; i <= n; i++ {
				p.exec(t, fmt.Sprintf(`INSERT INTO ticket (id, person_id, subject, created_at, closed_at) VALUES (%d, 1, 'Fråga', '2024-03-17 10:11:12', '2024-04-02 08:00:00')`, i))
				p.exec(t, fmt.Sprintf(`INSERT INTO history (id, ticket_id, what, old_value) VALUES (%d, %d, 'subject', 'Annan fråga')`, i, i))
			}
			p.address += "?profile=helpdesk"
			src := p.source(t)
			read := func() []gallra.Record {
				t.Helper()
				page, err := src.List(t.Context(), connector.Query{Type: "ticket", Limit: 100})
				if err != nil || len(page.Records) != n {
					t.Fatalf("%d records: %v", len(page.Records), err)
				}
				return page.Records
			}
			edit := func(version func(gallra.Record) string) []connector.Result {
				t.Helper()
				var edits []connector.Edit
				for _, r := range read() {
					edits = append(edits, connector.Edit{Item: connector.Item{Ref: r.Ref, IfVersion: version(r)}, Unlink: true, Round: true})
				}
				out, err := src.(connector.Batcher).EditMany(t.Context(), edits)
				if err != nil {
					t.Fatal(err)
				}
				return out
			}
			for _, a := range edit(func(gallra.Record) string { return "another" }) {
				if !errors.Is(a.Err, gallra.ErrConflict) || a.Unlinked || a.Rounded {
					t.Fatalf("of another version: %+v", a)
				}
			}
			for _, r := range read() {
				if r.Person.IsZero() || r.Created.Day() != 17 {
					t.Fatalf("a record of another version was changed: %+v", r)
				}
			}
			var versions []string
			for range 2 {
				for _, a := range edit(func(r gallra.Record) string { return r.Version }) {
					if a.Err != nil || !a.Unlinked || !a.Rounded {
						t.Fatalf("%+v", a)
					}
				}
				for i, r := range read() {
					if !r.Person.IsZero() || r.Created.Format("2006-01-02 15:04:05") != "2024-03-01 00:00:00" || r.Closed.Day() != 1 {
						t.Fatalf("%+v", r)
					}
					if len(versions) < n {
						versions = append(versions, r.Version)
					} else if versions[i] != r.Version {
						t.Error("done again it changes the record")
					}
				}
			}
			var kept int
			if err := p.db.QueryRow(`SELECT count(*) FROM history WHERE old_value = 'Annan fråga'`).Scan(&kept); err != nil || kept != n {
				t.Errorf("%d of %d copies are left: %v", kept, n, err)
			}
		})
	}
}
