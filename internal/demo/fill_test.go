package demo_test

import (
	"context"
	"database/sql"
	"encoding/base64"
	"os"
	"strings"
	"testing"

	"github.com/gallra/gallra/internal/demo"
	"github.com/gallra/gallra/internal/shareddata"
	"github.com/gallra/gallra/internal/testserver"
)

var fill = demo.Fill{Persons: 300, Conversations: 500, Seed: 3, Now: now}

func mariaDB(t *testing.T) *sql.DB {
	db, _ := testserver.MariaDB(t)
	return db
}

func postgreSQL(t *testing.T) *sql.DB {
	db, _ := testserver.Postgres(t)
	return db
}

func run(t *testing.T, db *sql.DB, path string, replace ...string) {
	t.Helper()
	b, err := os.ReadFile(shareddata.Path(t, path))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(strings.NewReplacer(replace...).Replace(string(b))); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// same compares what was said to be made with what is there.
func same(t *testing.T, db *sql.DB, counts demo.Counts, table func(string) string) {
	t.Helper()
	for name, n := range counts {
		var got int
		if err := db.QueryRow("SELECT count(*) FROM " + table(name)).Scan(&got); err != nil || got < n || n == 0 {
			t.Errorf("%s: %d, said %d, %v", name, got, n, err)
		}
	}
}

func one[T any](t *testing.T, db *sql.DB, q string) T {
	t.Helper()
	var v T
	if err := db.QueryRow(q).Scan(&v); err != nil {
		t.Fatalf("%s: %v", q, err)
	}
	return v
}

func TestOsTicket(t *testing.T) {
	db := mariaDB(t)
	run(t, db, "data/schemas/osticket/install-mysql.sql", "%TABLE_PREFIX%", "ost_")
	counts, err := demo.OsTicket(context.Background(), db, "ost_", fill)
	if err != nil {
		t.Fatal(err)
	}
	same(t, db, counts, func(n string) string { return "`ost_" + n + "`" })
	if n := one[int](t, db, `SELECT count(*) FROM ost_ticket t LEFT JOIN ost_user u ON u.id = t.user_id LEFT JOIN ost_thread h ON h.object_id = t.ticket_id WHERE u.id IS NULL OR h.id IS NULL`); n != 0 {
		t.Errorf("%d tickets without person or thread", n)
	}
	if s := one[string](t, db, "SELECT name FROM ost_user WHERE id = 4"); s != "Karl-Erik Öberg" {
		t.Errorf("%q", s)
	}
	if n := one[int](t, db, "SELECT count(*) FROM ost_thread_entry WHERE body LIKE '%&ouml;%' OR body LIKE '%ä%'"); n < 100 {
		t.Errorf("%d texts with Swedish letters", n)
	}
}

func TestZnuny(t *testing.T) {
	db := postgreSQL(t)
	for _, f := range []string{"schema", "initial_insert", "schema-post"} {
		run(t, db, "data/schemas/znuny/"+f+".postgresql.sql")
	}
	counts, err := demo.Znuny(context.Background(), db, fill)
	if err != nil {
		t.Fatal(err)
	}
	same(t, db, counts, func(n string) string { return n })
	raw, err := base64.StdEncoding.DecodeString(one[string](t, db, "SELECT body FROM article_data_mime_plain ORDER BY id DESC LIMIT 1"))
	if err != nil {
		t.Fatal(err)
	}
	if p := parts(t, raw); !strings.Contains(p[0].text, "@") {
		t.Error("the raw mail has no sender")
	}
	if id := one[int](t, db, "INSERT INTO article (ticket_id, article_sender_type_id, communication_channel_id, is_visible_for_customer, create_time, create_by, change_time, change_by) VALUES (1, 1, 1, 1, now(), 1, now(), 1) RETURNING id"); id <= counts["article"] {
		t.Error("the next article would take the number of another")
	}
}

func TestFlarum(t *testing.T) {
	for name, open := range map[string]func(*testing.T) (*sql.DB, demo.Driver){
		"mariadb": func(t *testing.T) (*sql.DB, demo.Driver) {
			db := mariaDB(t)
			run(t, db, "data/schemas/flarum/mysql-install.dump", "db_prefix_", "fl_")
			return db, demo.MariaDB
		},
		"postgres": func(t *testing.T) (*sql.DB, demo.Driver) {
			db := postgreSQL(t)
			run(t, db, "data/schemas/flarum/pgsql-install.dump", "db_prefix_", "fl_", "'search_path', ''", "'search_path', 'public'")
			return db, demo.PostgreSQL
		},
	} {
		t.Run(name, func(t *testing.T) {
			db, driver := open(t)
			counts, err := demo.Flarum(context.Background(), db, driver, "fl_", 1, fill)
			if err != nil {
				t.Fatal(err)
			}
			same(t, db, counts, func(n string) string { return "fl_" + n })
			if n := one[int](t, db, "SELECT count(*) FROM fl_posts p JOIN fl_users u ON u.id = p.user_id"); n != counts["posts"] {
				t.Errorf("%d posts have an author of %d", n, counts["posts"])
			}
		})
	}
}

func TestChatwoot(t *testing.T) {
	db := postgreSQL(t)
	counts, err := demo.Chatwoot(context.Background(), db, fill)
	if err != nil {
		t.Fatal(err)
	}
	same(t, db, counts, func(n string) string { return n })
	if s := one[string](t, db, "SELECT additional_attributes->>'city' FROM contacts WHERE id = 1"); s != "Borlänge" {
		t.Errorf("city %q", s)
	}
}
