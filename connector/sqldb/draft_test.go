package sqldb_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/sqldb"
)

// A draft made of names alone fits the database it was made from: it is taken as
// a profile, nothing is missing, nothing that looks personal is unknown. On the
// example its kinds and links are those of the profile written by hand.
func TestDraftFitsTheDatabaseItWasMadeFrom(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*testing.T) *product{"helpdesk": helpdesk, "znuny": znuny, "osticket": osTicket, "wordpress": wordPress, "chatwoot": chatwoot,
		"flarum": func(t *testing.T) *product { return flarum(t, "mariadb") }} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := open(t)
			c := p.config()
			c.URL, c.Options = strings.Split(c.URL, "?")[0], map[string]string{"prefix": p.prefix}
			text, err := sqldb.Draft(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "draft.yaml")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			c.Options["profile"] = path
			src, err := connector.Open(t.Context(), c)
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			defer src.Close()
			if err := src.Check(t.Context()); err != nil {
				t.Fatalf("%v", err)
			}
			types, err := src.Types(t.Context())
			if err != nil || len(types) == 0 {
				t.Fatalf("%v %v", types, err)
			}
			for _, typ := range types { // every one can be read
				if _, err := src.List(t.Context(), connector.Query{Type: typ.Name}); err != nil {
					t.Errorf("%s: %v", typ.Name, err)
				}
			}
			if name != "helpdesk" {
				return
			}
			kinds := map[string]connector.Kind{}
			parents := map[string]string{}
			for _, typ := range types {
				kinds[typ.Name], parents[typ.Name] = typ.Kind, typ.Parent
			}
			for typ, want := range map[string]connector.Kind{"person": connector.KindPerson, "ticket": connector.KindConversation, "message": connector.KindMessage, "attachment": connector.KindAttachment, "history": connector.KindTrace, "draft": connector.KindTrace} {
				if kinds[typ] != want {
					t.Errorf("%s is a %s, want %s", typ, kinds[typ], want)
				}
			}
			if parents["message"] != "ticket" || parents["attachment"] != "message" || parents["history"] != "ticket" {
				t.Errorf("%v", parents)
			}
		})
	}
}

// What a profile does not speak of is named; a key that is none is refused.
func TestProfileIsReviewed(t *testing.T) {
	t.Parallel()
	p := helpdesk(t)
	p.exec(t, `CREATE TABLE addon_vote (id INTEGER PRIMARY KEY, ticket INTEGER REFERENCES ticket(id), why TEXT); ALTER TABLE ticket ADD COLUMN extra TEXT`)
	remarks, err := p.source(t).(connector.Reviewer).Review(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, r := range remarks {
		got[r.Where+" "+r.Why] = r.Why
	}
	for _, want := range []string{"addon_vote.ticket sqldb.review.foreign", "addon_vote sqldb.review.table", "ticket.extra sqldb.review.column"} {
		if got[want] == "" {
			t.Errorf("%q is not named: %v", want, remarks)
		}
	}
	b, err := os.ReadFile("profiles/helpdesk.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string]string{
		"of the dataset":     strings.Replace(string(b), "timezone: UTC", "timezon: UTC", 1),
		"of a collection":    strings.Replace(string(b), "kind: person, key: id", "kind: person, kye: id", 1),
		"of a field":         strings.Replace(string(b), "category: EMAIL, role", "category: EMAIL, rolle", 1),
		"of another program": "", // is left alone
	} {
		if text == "" {
			text = strings.Replace(string(b), "    name: Helpdesk\n", "    name: Helpdesk\n    fidesctl_meta: {owner: x}\n", 1)
		}
		path := filepath.Join(t.TempDir(), "p.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c := p.config()
		c.URL, c.Options = strings.Split(c.URL, "?")[0], map[string]string{"profile": path}
		src, err := connector.Open(t.Context(), c)
		if err == nil {
			_ = src.Close()
		}
		if other := what == "of another program"; other != (err == nil) || !other && gallra.CodeOf(err) != gallra.Invalid {
			t.Errorf("a key %s that is none: %v", what, err)
		}
	}
}
