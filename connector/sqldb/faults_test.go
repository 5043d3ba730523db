package sqldb_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	ct "github.com/gallra/gallra/connector/connectortest"
	"github.com/gallra/gallra/internal/testserver"
)

// TestS35_Faults loses connections to PostgreSQL and MariaDB before a statement,
// in the middle of one, before its answer and around the commit, and makes the
// database refuse writes now and then. SQLite has no connection to lose: see
// failing.
func TestS35_Faults(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"postgres", "mariadb"} {
		t.Run("discussions on "+kind, func(t *testing.T) {
			t.Parallel()
			p := flarum(t, kind)
			h := p.harness([]string{"users", "discussions", "posts"}, func(_ ct.TB, id int, s ct.Seed) []row {
				rows := []row{{"discussions", []any{"id", id, "title", s.Text, "created_at", s.Created, "last_posted_at", s.Contact, "slug", s.Key, "comment_count", 1}}}
				for i, c := range s.Children {
					rows = append(rows, row{"posts", []any{"id", id + i, "discussion_id", id, "number", i + 1, "created_at", s.Created, "type", "comment", "content", c + " " + s.IP, "ip_address", s.IP}})
				}
				return rows
			})
			h.Type, h.Text, h.Children = "discussion", "title", "post"
			h.Touch = p.touch("discussions", "last_posted_at", "title")
			h.FailWrites = p.refuse("discussions", "title")
			p.spoilt(t, &h, 5_000)
			ct.Faults(t, h)
		})
	}
	t.Run("tickets on sqlite", func(t *testing.T) {
		t.Parallel()
		p := helpdesk(t)
		h := helpdeskTickets(p)
		f := newFailing(strings.TrimPrefix(p.address[:strings.Index(p.address, "?")], "sqlite:"), "ticket", "message", "attachment", "history", "draft")
		h.Faults = func(_ ct.TB, seed uint64) func() int { return f.spoil(seed) }
		ct.Faults(t, h)
	})
	t.Run("requests on postgres", func(t *testing.T) {
		t.Parallel()
		p := requestTracker(t)
		h := p.harness([]string{"tickets", "groups", "groupmembers", "cachedgroupmembers", "principals", "links", "transactions", "attachments"}, func(_ ct.TB, id int, s ct.Seed) []row {
			rows := rtTicket(id, s, 0)
			for i, c := range s.Children {
				rows = append(rows, rtPart(id+i, id, s, c)...)
			}
			for i, v := range s.History {
				rows = append(rows, row{"transactions", []any{"id", id + 30 + i, "objecttype", "RT::Ticket", "objectid", id, "type", "Set", "field", "Subject", "oldvalue", cut(v, 250), "created", s.Created}})
			}
			return rows
		})
		h.Type, h.Text, h.Children = "ticket", "subject", "part"
		h.Kinds = []gallra.IdentifierKind{gallra.IdentEmail}
		h.Touch = p.touch("tickets", "lastupdated", "subject")
		p.spoilt(t, &h, 30_000)
		ct.Faults(t, h)
	})
	t.Run("tickets with shared files on mariadb", func(t *testing.T) {
		t.Parallel()
		p := osTicket(t)
		h := p.harness([]string{"ticket", "thread", "thread_entry", "attachment", "file", "file_chunk"}, func(_ ct.TB, id int, s ct.Seed) []row {
			rows := []row{
				{"ticket", []any{"ticket_id", id, "number", fmt.Sprint(id), "dept_id", departments[s.Keep], "source_extra", cut(s.Text, 40), "ip_address", s.IP, "created", s.Created, "updated", s.Updated}},
				{"thread", []any{"id", id, "object_id", id, "object_type", "T", "created", s.Created}},
				{"thread_entry", []any{"id", id, "thread_id", id, "type", "M", "poster", s.Name, "title", "Re", "body", s.Text, "format", "html", "ip_address", "", "created", s.Created, "updated", s.Updated}},
				{"attachment", []any{"id", id, "object_id", id, "type", "H", "file_id", firstID}},
				{"attachment", []any{"id", id + 1, "object_id", id, "type", "H", "file_id", id}},
				{"file", []any{"id", id, "type", "text/plain", "size", 1, "key", fmt.Sprint(id), "signature", fmt.Sprint(id), "name", s.Key, "created", s.Created}},
				{"file_chunk", []any{"file_id", id, "chunk_id", 0, "filedata", []byte("Bilaga " + s.Key)}},
			}
			if p.files["shared"] == 0 { // what every ticket has
				p.files["shared"] = firstID
				rows = append(rows, row{"attachment", []any{"id", 1, "object_id", 1, "type", "H", "file_id", firstID}}, row{"file", []any{"id", firstID, "type", "text/plain", "size", 1, "key", "s", "signature", "s", "name", "villkor", "created", s.Created}},
					row{"file_chunk", []any{"file_id", firstID, "chunk_id", 0, "filedata", []byte("Allmänna villkor")}})
			}
			return rows
		})
		h.Type = "ticket"
		h.Kinds = []gallra.IdentifierKind{gallra.IdentIP}
		h.Touch = p.touch("ticket", "updated", "")
		p.spoilt(t, &h, 30_000)
		ct.Faults(t, h)
	})
}

// TestS35_FaultsOfProfiles does the same to the types of record of each other
// profile, with the rows that the conformance suite gives them.
func TestS35_FaultsOfProfiles(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		make  func(*testing.T) *product
		types func(*testing.T, *product, func(*testing.T, ct.Harness))
	}{
		{"znuny", znuny, znunyTypes}, {"phpbb", phpBB, phpBBTypes}, {"freescout", freeScout, freeScoutTypes}, {"chatwoot", chatwoot, chatwootTypes},
		{"zammad", zammad, zammadTypes}, {"discourse", discourse, discourseTypes}, {"answer", answer, answerTypes}, {"wordpress", wordPress, wordPressTypes},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := c.make(t)
			c.types(t, p, func(t *testing.T, h ct.Harness) {
				h.FaultRuns = 5
				p.spoilt(t, &h, 10_000)
				ct.Faults(t, h)
			})
		})
	}
}

// spoilt puts a line between the connector and the database that is cut somewhere
// within a number of bytes.
func (p *product) spoilt(t *testing.T, h *ct.Harness, within int) {
	c := h.Config(t)
	u, err := url.Parse(c.URL)
	if err != nil {
		t.Fatal(err)
	}
	line := testserver.NewLine(t, u.Host)
	u.Host = line.Addr()
	c.URL = u.String()
	h.Config = func(ct.TB) connector.Config { return c }
	h.Faults = func(_ ct.TB, seed uint64) func() int { return line.Spoil(seed, within) }
}
