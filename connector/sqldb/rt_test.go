package sqldb_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	ct "github.com/gallra/gallra/connector/connectortest"
)

var rtQueues = map[string]int{"Bygglov": 1, "Skola": 2, "Vatten": 3}

// rtTicket is a ticket as RT stores it, with its requestor when user is not 0.
func rtTicket(id int, s ct.Seed, user int) []row {
	status, resolved := "open", any("1970-01-01 00:00:00")
	if !s.Closed.IsZero() {
		status, resolved = "resolved", s.Closed
	}
	rows := []row{
		{"tickets", []any{"id", id, "effectiveid", id, "queue", rtQueues[s.Keep], "type", "ticket", "owner", 6, "subject", cut(s.Text, 200), "status", status, "told", s.Contact, "resolved", resolved, "lastupdated", s.Updated, "creator", user, "created", s.Created}},
		{"groups", []any{"id", id + 50, "name", "Requestor", "domain", "RT::Ticket-Role", "instance", id}},
		{"groups", []any{"id", id + 51, "name", "Cc", "domain", "RT::Ticket-Role", "instance", id}},
		{"principals", []any{"id", id + 50, "principaltype", "Group"}},
		{"links", []any{"id", id, "base", fmt.Sprintf("fsck.com-rt://x/ticket/%d", id), "target", "y", "type", "RefersTo", "localbase", id, "localtarget", 0}},
	}
	if user != 0 {
		rows = append(rows, row{"groupmembers", []any{"id", id, "groupid", id + 50, "memberid", user}},
			row{"cachedgroupmembers", []any{"id", id, "groupid", id + 50, "memberid", user, "via", id, "immediateparentid", id + 50}})
	}
	return rows
}

func rtPart(id, ticket int, s ct.Seed, body string) []row {
	return []row{
		{"transactions", []any{"id", id, "objecttype", "RT::Ticket", "objectid", ticket, "type", "Correspond", "created", s.Created}},
		{"attachments", []any{"id", id, "transactionid", id, "subject", "Re", "contenttype", "text/plain", "contentencoding", "quoted-printable", "headers", "From: =?utf-8?B?" + base64.StdEncoding.EncodeToString([]byte(s.Name)) + "?= <" + s.Email + ">\nContent-Type: text/plain\n", "content", quotedPrintable(body), "created", s.Created}},
	}
}

func rtUser(id int, s ct.Seed) []row {
	return []row{{"users", []any{"id", id, "name", s.Email, "password", "*NO-PASSWORD*", "emailaddress", s.Email, "realname", s.Name, "mobilephone", s.Phone, "created", s.Created, "lastupdated", s.Updated}},
		{"principals", []any{"id", id, "principaltype", "User"}}}
}

func TestRequestTracker(t *testing.T) {
	t.Parallel()
	p := requestTracker(t)
	owned := []string{"tickets", "groups", "groupmembers", "cachedgroupmembers", "principals", "links", "transactions", "attachments", "objectcustomfieldvalues", "attributes"}
	reset := func(h *ct.Harness) {
		base := h.Reset
		h.Reset = func(tb ct.TB) { base(tb); p.exec(tb, "DELETE FROM users WHERE id > 6") }
	}
	t.Run("tickets", func(t *testing.T) {
		seed := func(tb ct.TB, id int, s ct.Seed, user int) []row {
			rows := rtTicket(id, s, user)
			for i, c := range s.Children {
				rows = append(rows, rtPart(id+i, id, s, c)...)
			}
			for i, f := range s.Files {
				rows = append(rows, row{"attachments", []any{"id", id + 20 + i, "transactionid", id, "filename", f.Name, "contenttype", "application/octet-stream", "contentencoding", "base64", "content", base64.StdEncoding.EncodeToString(f.Content), "created", s.Created}})
			}
			for i, v := range s.History {
				rows = append(rows, row{"transactions", []any{"id", id + 30 + i, "objecttype", "RT::Ticket", "objectid", id, "type", "Set", "field", "Subject", "oldvalue", cut(v, 250), "newvalue", cut(v, 250), "created", s.Created}},
					row{"attachments", []any{"id", id + 30 + i, "transactionid", id + 30 + i, "contenttype", "text/plain", "contentencoding", "none", "content", v, "created", s.Created}})
			}
			return rows
		}
		h := p.harness(owned, func(tb ct.TB, id int, s ct.Seed) []row { return seed(tb, id, s, 0) })
		reset(&h)
		h.Type, h.Text, h.Keep, h.Children, h.Attachments = "ticket", "subject", "queue", "part", "part"
		h.Texts = []string{"å ä ö Å Ä Ö é ü ß ñ — “citat” ’", "👩🏽‍🚒 𝒮 漢字 العربية", "\ttabb, semikolon; komma, lodstreck|"}
		h.Clocks = allClocks
		h.Touch = p.touch("tickets", "lastupdated", "subject")
		h.FailWrites = p.refuse("tickets", "subject")
		h.Linked = p.linked(func(tb ct.TB, id int, s ct.Seed) []row { return append(rtUser(id+90, s), seed(tb, id, s, id+90)...) })
		ct.Run(t, h)
	})
	t.Run("users", func(t *testing.T) {
		h := p.harness(owned, func(_ ct.TB, id int, s ct.Seed) []row {
			rows := rtUser(id, s)
			rows[0].cells[3] = s.Username
			for i, v := range s.History {
				rows = append(rows, row{"transactions", []any{"id", id + i, "objecttype", "RT::User", "objectid", id, "type", "Set", "field", "EmailAddress", "oldvalue", cut(v, 250), "created", s.Created}})
			}
			return rows
		})
		reset(&h)
		h.Type, h.Email, h.Named = "user", "emailaddress", "realname"
		h.Kinds = []gallra.IdentifierKind{gallra.IdentEmail, gallra.IdentName, gallra.IdentPhone, gallra.IdentUsername}
		h.Clocks = []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated}
		h.Touch = p.touch("users", "lastupdated", "")
		ct.Run(t, h)
	})
}

// TestSYSTEMS3_2_RequestTrackerEndsWithNothingLeft is the table of what RT's own
// ways leave, as a test: a ticket made from a mail with a quoted-printable body,
// an HTML part, a PDF and somebody in Cc, whose subject and person were changed.
// Anonymising must add no old value, and erasing must leave nothing, decoded.
func TestSYSTEMS3_2_RequestTrackerEndsWithNothingLeft(t *testing.T) {
	t.Parallel()
	p := requestTracker(t)
	person := ct.Seed{Name: "Åsa Öberg", Email: "asa.oberg@example.se", Phone: "070-174 06 05", Text: "Åsa Öberg 850908-2395 om bygglov", Keep: "Bygglov", Created: day(1), Updated: day(2), Contact: day(2), Closed: day(3)}
	other := ct.Seed{Name: "Per Ek", Email: "per.ek@example.se", Text: "Annat", Keep: "Skola", Created: day(1), Updated: day(2), Contact: day(2), Closed: day(3)}
	const user, ticket = 2001, 3001
	p.insert(t, rtUser(user, person)...)
	p.insert(t, rtTicket(ticket, person, user)...)
	p.insert(t, rtTicket(4001, other, 0)...)
	p.insert(t, rtPart(4001, 4001, other, "Hej från Per Ek")...)
	body := "Hej, jag heter Åsa Öberg, 850908-2395, och bor på Storgatan."
	headers := "From: =?utf-8?Q?=C3=85sa_=C3=96berg?= <asa.oberg@example.se>\nCc: =?utf-8?B?" + base64.StdEncoding.EncodeToString([]byte("Bo Åkesson")) + "?= <bo.akesson@example.se>\nSubject: =?utf-8?Q?=C3=85sa_=C3=96berg_850908-2395?=\n"
	part := func(id, transaction int, name, kind, encoding, content, headers string) row {
		return row{"attachments", []any{"id", id, "transactionid", transaction, "subject", person.Text, "filename", name, "contenttype", kind, "contentencoding", encoding, "headers", headers, "content", content, "creator", user, "created", day(1)}}
	}
	p.insert(t,
		row{"transactions", []any{"id", 3001, "objecttype", "RT::Ticket", "objectid", ticket, "type", "Create", "data", person.Text, "creator", user, "created", day(1)}},
		part(3001, 3001, "", "multipart/mixed", "none", "", headers),
		part(3002, 3001, "", "text/plain", "quoted-printable", quotedPrintable(body), "Content-Type: text/plain\n"),
		part(3003, 3001, "", "text/html", "base64", base64.StdEncoding.EncodeToString([]byte("<p>Hej, jag heter &Aring;sa &Ouml;berg</p>")), "Content-Type: text/html\n"),
		part(3004, 3001, "intyg Åsa Öberg.pdf", "application/pdf", "base64", base64.StdEncoding.EncodeToString([]byte(pdf("Intyg 850908-2395"))), "Content-Disposition: attachment; filename=\"intyg =?utf-8?Q?=C3=85sa_=C3=96berg?=.pdf\"\n"),
		row{"transactions", []any{"id", 3005, "objecttype", "RT::Ticket", "objectid", ticket, "type", "Set", "field", "Subject", "oldvalue", person.Text, "newvalue", "x", "creator", 1, "created", day(2)}},
		row{"transactions", []any{"id", 3006, "objecttype", "RT::User", "objectid", user, "type", "Set", "field", "EmailAddress", "oldvalue", person.Email, "newvalue", "y", "creator", 1, "created", day(2)}},
		row{"transactions", []any{"id", 3007, "objecttype", "RT::Ticket", "objectid", ticket, "type", "EmailRecord", "data", "<msg@example.se>", "creator", 1, "created", day(2)}},
		part(3007, 3007, "", "text/plain", "quoted-printable", quotedPrintable("Autosvar till Åsa Öberg"), "To: asa.oberg@example.se\n"),
		// A ticket that was merged into it.
		row{"tickets", []any{"id", 3100, "effectiveid", ticket, "ismerged", 1, "type", "ticket", "subject", "Åsa Öberg igen", "status", "resolved", "created", day(1), "lastupdated", day(2)}},
		row{"transactions", []any{"id", 3100, "objecttype", "RT::Ticket", "objectid", 3100, "type", "Create", "data", "Åsa Öberg igen", "creator", user, "created", day(1)}},
		part(3100, 3100, "", "text/plain", "none", body, ""))
	needles := []string{"Åsa Öberg", "850908-2395", "asa.oberg@", "Bo Åkesson", "bo.akesson@"}
	left := func() (out []string) {
		for _, place := range p.dump(t) {
			for _, n := range needles {
				if strings.Contains(strings.ToLower(place.Value), strings.ToLower(n)) {
					out = append(out, place.Where+": "+n)
				}
			}
		}
		return out
	}
	if n := len(left()); n < 15 {
		t.Fatalf("only %d copies at the start: the test would prove nothing", n)
	}
	src := p.source(t)
	if err := src.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	ref := func(typ string, id int) gallra.Ref {
		return gallra.Ref{System: "system", Type: typ, ID: fmt.Sprint(id)}
	}
	ids := []gallra.Identifier{{Kind: gallra.IdentName, Value: "Åsa Öberg"}, {Kind: gallra.IdentPersonnummer, Value: "19850908-2395"}, {Kind: gallra.IdentEmail, Value: "asa.oberg@example.se"}}
	search := func() map[string]bool {
		out := map[string]bool{}
		for cursor := ""; ; {
			r, err := src.(connector.Searcher).Leftovers(t.Context(), connector.Needles{Identifiers: ids}, cursor)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range r.Residues {
				out[x.Where] = true
			}
			if cursor = r.Next; cursor == "" {
				return out
			}
		}
	}
	found := search()
	for _, w := range []string{"attachments.content", "attachments.headers", "attachments.subject", "attachments.filename", "tickets.subject", "transactions.oldvalue", "transactions.data", "users.name", "users.emailaddress", "users.realname"} {
		if !found[w] {
			t.Errorf("the search for what is left does not see %s", w)
		}
	}
	rec, err := src.Get(t.Context(), ref("ticket", ticket))
	if err != nil || rec.Person != ref("user", user) {
		t.Fatalf("the requestor is %v, %v", rec.Person, err)
	}
	// Anonymise: no old value may be added, and those there are go.
	if _, err := src.(connector.Editor).Edit(t.Context(), ref("user", user), "", []gallra.Field{{Name: "realname", Value: ""}, {Name: "emailaddress", Value: ""}, {Name: "name", Value: ""}, {Name: "mobilephone", Value: ""}}); err != nil {
		t.Fatal(err)
	}
	if _, err := src.(connector.Editor).Edit(t.Context(), ref("ticket", ticket), "", []gallra.Field{{Name: "subject", Value: "gallrad"}}); err != nil {
		t.Fatal(err)
	}
	var old int
	if err := p.db.QueryRow("SELECT count(*) FROM transactions WHERE oldvalue <> '' OR newvalue <> ''").Scan(&old); err != nil || old != 0 {
		t.Errorf("%d old values after anonymising, %v", old, err)
	}
	keep := p.others(t, 4001)
	// Erase.
	for _, r := range []gallra.Ref{ref("ticket", ticket), ref("user", user)} {
		if _, err := src.(connector.Eraser).Erase(t.Context(), r, ""); err != nil {
			t.Fatalf("%s: %v", r, err)
		}
	}
	if l := left(); len(l) > 0 {
		t.Errorf("left: %v", l)
	}
	if f := search(); len(f) > 0 {
		t.Errorf("the search finds %v", f)
	}
	if now := p.others(t, 4001); strings.Join(now, "\n") != strings.Join(keep, "\n") {
		t.Errorf("another's ticket has changed")
	}
	var n int
	if err := p.db.QueryRow("SELECT (SELECT count(*) FROM groups WHERE instance <> 4001) + (SELECT count(*) FROM groupmembers) + (SELECT count(*) FROM cachedgroupmembers) + (SELECT count(*) FROM links WHERE localbase <> 4001)").Scan(&n); err != nil || n != 0 {
		t.Errorf("%d roles, members and links are left, %v", n, err)
	}
}
