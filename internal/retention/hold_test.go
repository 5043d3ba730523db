package retention_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/retention"
	"github.com/gallra/gallra/internal/store/storetest"
)

// counter is a helpdesk of two closed tickets. In the first, which Anna has
// opened, Bo has written too, and sent a file.
func counter(t *testing.T, f *fixture) *sql.DB {
	t.Helper()
	path := filepath.Join(t.TempDir(), "helpdesk.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	for _, q := range []string{
		`PRAGMA journal_mode = WAL`,
		`CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT, email TEXT, phone TEXT, personnummer TEXT, created_at TEXT)`,
		`CREATE TABLE ticket (id INTEGER PRIMARY KEY, person_id INTEGER, number TEXT, subject TEXT, status TEXT, queue TEXT, channel TEXT, category TEXT, first_response_s INTEGER, rating INTEGER, created_at TEXT, updated_at TEXT, last_contact_at TEXT, closed_at TEXT)`,
		`CREATE TABLE message (id INTEGER PRIMARY KEY, ticket_id INTEGER NOT NULL, person_id INTEGER, sender TEXT, agent TEXT, body TEXT, html BOOLEAN, ip TEXT, created_at TEXT)`,
		`CREATE TABLE attachment (id INTEGER PRIMARY KEY, message_id INTEGER NOT NULL, filename TEXT, content_type TEXT, content BLOB)`,
		`CREATE TABLE history (id INTEGER PRIMARY KEY, ticket_id INTEGER NOT NULL, what TEXT, old_value TEXT, new_value TEXT, at TEXT)`,
		`CREATE TABLE draft (id INTEGER PRIMARY KEY, ticket_id INTEGER NOT NULL, agent TEXT, body TEXT, saved_at TEXT)`,
		`INSERT INTO person VALUES (1, 'Anna Ek', 'anna@example.se', '', '', '2020-01-01 08:00:00'), (2, 'Bo Alm', 'bo@example.se', '', '', '2020-01-01 08:00:00'), (3, 'Cia Rask', 'cia@example.se', '', '', '2020-01-01 08:00:00')`,
		`INSERT INTO ticket VALUES (10, 1, 'T10', 'Tomt', 'closed', 'Bygg', 'mail', '', 60, 4, '2020-01-01 08:00:00', '2020-01-02 08:00:00', '2020-01-02 08:00:00', '2020-01-02 08:00:00'),
			(11, 3, 'T11', 'Vatten', 'closed', 'Bygg', 'mail', '', 60, 4, '2020-01-01 08:00:00', '2020-01-02 08:00:00', '2020-01-02 08:00:00', '2020-01-02 08:00:00')`,
		`INSERT INTO message VALUES (100, 10, 1, 'anna@example.se', '', 'Hej, jag heter Anna Ek.', 0, '192.0.2.1', '2020-01-01 08:00:00'), (101, 10, 2, 'bo@example.se', '', 'Jag är granne, Bo Alm.', 0, '192.0.2.2', '2020-01-01 09:00:00'),
			(102, 11, 3, 'cia@example.se', '', 'Hej, Cia Rask här.', 0, '192.0.2.3', '2020-01-01 08:00:00')`,
		`INSERT INTO attachment VALUES (1000, 101, 'staket.txt', 'text/plain', 'Bo Alm')`,
		`INSERT INTO history VALUES (5000, 10, 'subject', 'Staket', 'Tomt', '2020-01-01 10:00:00')`,
	} {
		if _, err := db.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	f.Open = func(ctx context.Context, id gallra.SystemID) (connector.Source, error) {
		return connector.Open(ctx, connector.Config{System: id, URL: "sqlite:" + path, Options: map[string]string{"profile": "helpdesk"}})
	}
	return db
}

// shelf is everything the helpdesk has of the first ticket and of Anna.
func shelf(t *testing.T, db *sql.DB) string {
	t.Helper()
	var out string
	for _, q := range []string{
		`SELECT group_concat(id || name || email, ';') FROM person WHERE id < 3`,
		`SELECT group_concat(id || ifnull(person_id, '-') || subject || closed_at, ';') FROM ticket WHERE id = 10`,
		`SELECT group_concat(id || ifnull(person_id, '-') || sender || body || ip, ';') FROM message WHERE ticket_id = 10`,
		`SELECT group_concat(id || filename || content, ';') FROM attachment`,
		`SELECT group_concat(id || old_value, ';') FROM history WHERE ticket_id = 10`,
	} {
		var s sql.NullString
		if err := db.QueryRow(q).Scan(&s); err != nil {
			t.Fatal(err)
		}
		out += s.String + "\n"
	}
	return out
}

// What is on hold must not go because something above it does: a message with
// its conversation, a conversation with a person's record, what somebody wrote
// with another's case. The holds come before the plan, or after the approval.
func TestW20_HoldBeatsTheCascade(t *testing.T) {
	t.Parallel()
	people := rule("r", 24, gallra.ActionErase)
	people.Types, people.Start = []string{"person"}, gallra.StartCreated
	tickets := func(a gallra.Action) gallra.Rule {
		r := rule("r", 24, a)
		r.Types = []string{"ticket"}
		return r
	}
	type target struct{ typ, id string }
	for name, c := range map[string]struct {
		rule gallra.Rule
		held []target
		all  bool // of the type, in the whole system
	}{
		"ticket erased":     {tickets(gallra.ActionErase), []target{{"message", "101"}, {"attachment", "1000"}, {"history", "5000"}, {"person", "2"}}, false},
		"ticket anonymised": {tickets(gallra.ActionAnonymise), []target{{"message", "101"}, {"attachment", "1000"}, {"person", "2"}}, false},
		"person erased":     {people, []target{{"ticket", "10"}, {"message", "101"}, {"attachment", "1000"}}, false},
		"whole types":       {tickets(gallra.ActionErase), []target{{"message", ""}, {"attachment", ""}, {"person", ""}}, true},
		"persons of types":  {people, []target{{"ticket", ""}, {"message", ""}}, true},
	} {
		for _, h := range c.held {
			for _, late := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s %s on hold/late=%v", name, h.typ, h.id, late), func(t *testing.T) {
					t.Parallel()
					f := setup(t, storetest.SQLite(t))
					db := counter(t, f)
					before := shelf(t, db)
					ref := gallra.Ref{System: "desk", Type: h.typ, ID: h.id}
					if !late {
						place(t, f, ref)
					}
					p := f.plan(t, company, c.rule)
					v := p.Preview.Units[slices.IndexFunc(p.Preview.Units, func(u retention.UnitPreview) bool { return u.Type == c.rule.Types[0] })]
					if held := len(v.Held) > 0; held == late {
						t.Errorf("on hold in the preview: %v", v.Held)
					}
					f.approve(t, p)
					var pr *retention.Protocol
					if late {
						run, err := f.Start(ctx, p.ID, "operator")
						if err != nil {
							t.Fatal(err)
						}
						place(t, f, ref)
						pr = f.finish(t, run)
					} else {
						pr = f.run(t, p)
					}
					if after := shelf(t, db); after != before {
						t.Errorf("%s is on hold, and this was left:\n%s\nof\n%s", ref, after, before)
					}
					var n int
					q := `SELECT count(*) FROM ticket WHERE id = 11 AND subject = 'Vatten'`
					if c.rule.Types[0] == "person" {
						q = `SELECT count(*) FROM person WHERE id = 3`
					}
					if err := db.QueryRow(q).Scan(&n); err != nil || (n == 1) != c.all {
						t.Errorf("%d of what is not on hold: %v", n, err)
					}
					if late && pr.Total.Reasons["retention.reason.hold"] == 0 || !pr.FiguresEqual {
						t.Errorf("%+v", pr.Total)
					}
				})
			}
		}
	}
}
