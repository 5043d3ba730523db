package sqldb_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

// TestX5_ReadingUserChangesNothing gives the database two users with the rights
// that docs/connectors.md names: with both the system is read by the one and
// changed by the other, with the reading one alone it is not changed.
func TestX5_ReadingUserChangesNothing(t *testing.T) {
	for _, kind := range []string{"postgres", "mariadb"} {
		t.Run(kind, func(t *testing.T) {
			p := flarum(t, kind)
			at := time.Date(2024, 3, 1, 9, 0, 0, 0, time.UTC)
			for id := 1; id <= 2; id++ {
				p.insert(t, row{"discussions", []any{"id", id, "title", "Bygglov", "created_at", at, "slug", "b", "comment_count", 1}})
			}
			reader, eraser := fmt.Sprintf("gallra_r%d", time.Now().UnixNano()), fmt.Sprintf("gallra_e%d", time.Now().UnixNano())
			p.user(t, reader, "SELECT")
			p.user(t, eraser, "SELECT, UPDATE, DELETE")
			open := func(options map[string]string) connector.Source {
				c := p.config()
				c.Options = options
				src, err := connector.Open(t.Context(), c)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = src.Close() })
				return src
			}
			both := open(map[string]string{"user": reader, "password": "hemlig", "erase_user": eraser, "erase_password": "hemlig"})
			if err := both.Check(t.Context()); err != nil {
				t.Error(err)
			}
			page, err := both.List(t.Context(), connector.Query{Type: "discussion"})
			if err != nil || len(page.Records) != 2 {
				t.Fatal(len(page.Records), err)
			}
			if _, err := both.(connector.Eraser).Erase(t.Context(), page.Records[0].Ref, page.Records[0].Version); err != nil {
				t.Error(err)
			}
			alone := open(map[string]string{"user": reader, "password": "hemlig"})
			if err := alone.Check(t.Context()); !errors.Is(err, gallra.ErrPermission) {
				t.Errorf("the check of a user who may only read: %v", err)
			}
			if _, err := alone.(connector.Eraser).Erase(t.Context(), page.Records[1].Ref, page.Records[1].Version); !errors.Is(err, gallra.ErrPermission) {
				t.Errorf("a user who may only read erases: %v", err)
			}
			if page, err = alone.List(t.Context(), connector.Query{Type: "discussion"}); err != nil || len(page.Records) != 1 {
				t.Errorf("%d discussions are left, %v", len(page.Records), err)
			}
		})
	}
}

// user makes a user of the database with some rights in all of its tables.
func (p *product) user(t *testing.T, name, rights string) {
	t.Helper()
	if p.kind == "postgres" {
		p.exec(t, "CREATE ROLE "+name+" LOGIN PASSWORD 'hemlig'")
		t.Cleanup(func() {
			for _, st := range []string{"DROP OWNED BY " + name, "DROP ROLE " + name} {
				if _, err := p.db.Exec(st); err != nil {
					t.Error(err)
				}
			}
		})
		p.exec(t, "GRANT "+rights+" ON ALL TABLES IN SCHEMA public TO "+name)
		return
	}
	p.exec(t, "CREATE USER "+name+" IDENTIFIED BY 'hemlig'")
	t.Cleanup(func() {
		if _, err := p.db.Exec("DROP USER " + name); err != nil {
			t.Error(err)
		}
	})
	for _, db := range p.names(t, "SELECT database()") {
		p.exec(t, "GRANT "+rights+" ON "+db+".* TO "+name)
	}
}

// TestV1_ClocksThatTheDatabaseMoves: Gallra's edits go past the product, so that
// only the database itself can set a clock back. Where it does, by a column that
// follows every change or by a trigger, the profile says so for what it lists.
func TestV1_ClocksThatTheDatabaseMoves(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		make  func(*testing.T) *product
		moved string // the tables of the product's own schema that have such a column or trigger
	}{
		"osticket":           {osTicket, "ost_note ost_organization ost_translation"},
		"flarum on mariadb":  {func(t *testing.T) *product { return flarum(t, "mariadb") }, ""},
		"flarum on postgres": {func(t *testing.T) *product { return flarum(t, "postgres") }, ""},
		"wordpress":          {wordPress, ""},
		"znuny":              {znuny, ""},
		"rt":                 {requestTracker, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := c.make(t)
			got := p.names(t, map[string]string{
				"mariadb":  "SELECT table_name FROM information_schema.columns WHERE table_schema = database() AND extra LIKE '%on update%' UNION SELECT event_object_table FROM information_schema.triggers WHERE trigger_schema = database() ORDER BY 1",
				"postgres": "SELECT DISTINCT event_object_table::text FROM information_schema.triggers WHERE event_manipulation = 'UPDATE' ORDER BY 1",
			}[p.kind])
			if s := strings.Join(got, " "); s != c.moved {
				t.Errorf("clocks are moved in %q, not %q", s, c.moved)
			}
		})
	}
	p := osTicket(t)
	p.insert(t, row{"user", []any{"id", 7, "name", "Anna", "created", day(1), "updated", day(1), "default_email_id", 0, "org_id", 0}},
		row{"note", []any{"id", 3, "staff_id", 1, "ext_id", "U7", "body", "Anna ringde", "status", 0, "sort", 0, "created", day(1), "updated", day(1)}})
	src := p.source(t)
	ref := gallra.Ref{System: "system", Type: "user_note", ID: "3"}
	before, err := src.Get(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := src.(connector.Editor).Edit(t.Context(), ref, "", []gallra.Field{{Name: "body", Value: "[namn] ringde"}}); err != nil {
		t.Fatal(err)
	}
	after, err := src.Get(t.Context(), ref)
	if err != nil || after.Updated.Equal(before.Updated) {
		t.Errorf("the clock stands at %v, %v", after.Updated, err)
	}
	if got := src.(connector.Profiled).Profile().Clocks; !slices.Equal(got, []connector.ClockNote{{Type: "user_note", Clock: gallra.StartUpdated}}) {
		t.Errorf("the profile tells of %v", got)
	}
}
