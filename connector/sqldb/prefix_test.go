package sqldb_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

// TestV4_CustomPrefix: two installations of a product share a database under
// prefixes of their own. One is read, changed and searched for identity without
// the other, and a prefix that nobody has is drift that names the tables.
func TestV4_CustomPrefix(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"sqlite", "postgres", "mariadb"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			p := open(t, kind)
			for i, prefix := range []string{"kund_2024_", "andra_"} {
				p.prefix = prefix
				p.script(map[string]string{"mariadb": "data/schemas/flarum/mysql-install.dump", "sqlite": "data/schemas/flarum/sqlite-install.dump", "postgres": "data/schemas/flarum/pgsql-install.dump"}[kind],
					"db_prefix_", prefix, "'search_path', ''", "'search_path', 'public'")
				p.insert(t,
					row{"users", []any{"id", 7 + i, "username", "asa" + prefix[:4], "email", "asa@example.se", "password", "x", "joined_at", day(1)}},
					row{"discussions", []any{"id", 5, "title", "Bygglov", "created_at", day(1), "slug", "bygglov", "comment_count", 1}},
					row{"posts", []any{"id", 6, "discussion_id", 5, "number", 1, "created_at", day(1), "type", "comment", "content", "Hej från " + prefix}})
			}
			src := func(prefix string) connector.Source {
				s, err := connector.Open(t.Context(), connector.Config{System: "system", URL: p.address, Options: map[string]string{"profile": "flarum", "prefix": prefix}})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = s.Close() })
				return s
			}
			s := src("kund_2024_")
			if err := s.Check(t.Context()); err != nil {
				t.Fatal(err)
			}
			hits, err := s.(connector.Finder).Find(t.Context(), connector.Needles{Identifiers: []gallra.Identifier{{Kind: gallra.IdentEmail, Value: "asa@example.se"}}}, "")
			if err != nil || len(hits.Hits) != 1 || hits.Hits[0].Ref.ID != "7" {
				t.Errorf("found %v, %v", hits.Hits, err)
			}
			other := func() []string {
				var out []string
				for _, place := range p.dump(t) {
					if strings.HasPrefix(place.Where, "andra_") {
						out = append(out, place.Where+" "+place.Value)
					}
				}
				return out
			}
			before := other()
			for _, r := range []gallra.Ref{{System: "system", Type: "discussion", ID: "5"}, {System: "system", Type: "user", ID: "7"}} {
				if _, err := s.(connector.Eraser).Erase(t.Context(), r, ""); err != nil {
					t.Fatalf("%s: %v", r, err)
				}
			}
			for _, place := range p.dump(t) {
				if strings.HasPrefix(place.Where, "kund_2024_") && (strings.Contains(place.Value, "Hej från") || strings.Contains(place.Value, "asa@example.se")) {
					t.Errorf("left in %s", place.Where)
				}
			}
			if len(before) == 0 || !reflect.DeepEqual(before, other()) {
				t.Error("the other installation has changed")
			}
			if err := src("fel_").Check(t.Context()); !errors.Is(err, gallra.ErrDrift) || !strings.Contains(err.Error(), "fel_discussions") {
				t.Errorf("a prefix that nobody has: %v", err)
			}
		})
	}
}
