package sqldb_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	ct "github.com/gallra/gallra/connector/connectortest"
)

// freeScout makes the tables from the list of FreeScout's columns, with the two
// times that its framework adds to each.
func freeScout(t *testing.T) *product {
	p := open(t, "mariadb")
	tables := map[string]bool{}
	p.listed("data/schemas/freescout/columns.csv", func(table, column, kind string) string {
		tables[table] = true
		switch kind {
		case "increments", "bigIncrements":
			return "bigint NOT NULL PRIMARY KEY AUTO_INCREMENT"
		case "string", "uuid", "morphs":
			return "varchar(998) NULL"
		case "text", "longText":
			return "longtext NULL"
		case "timestamp":
			return "datetime NULL"
		}
		return "bigint NULL"
	})
	for n := range tables {
		p.exec(t, "ALTER TABLE "+p.quote(n)+" ADD COLUMN IF NOT EXISTS created_at datetime NULL, ADD COLUMN IF NOT EXISTS updated_at datetime NULL")
	}
	p.address += "?profile=freescout"
	for i, n := range []string{"Bygglov", "Skola", "Vatten"} {
		p.insert(t, row{"mailboxes", []any{"id", i + 1, "name", n}})
	}
	return p
}

func TestFreeScout(t *testing.T) {
	t.Parallel()
	freeScoutTypes(t, freeScout(t), ct.Run)
}

// freeScoutTypes gives run a harness for each type of record.
func freeScoutTypes(t *testing.T, p *product, run func(*testing.T, ct.Harness)) {
	mailboxes := map[string]int{"Bygglov": 1, "Skola": 2, "Vatten": 3}
	owned := []string{"customers", "emails", "conversations", "threads", "attachments", "send_logs", "conversation_folder", "failed_jobs"}
	thread := func(id, conversation int, s ct.Seed, body string) []row {
		return []row{
			{"threads", []any{"id", id, "conversation_id", conversation, "type", 1, "body", body, "body_original", "Före: " + body, "headers", "From: =?utf-8?Q?" + strings.ReplaceAll(strings.TrimSpace(quotedPrintable(s.Name)), " ", "_") + "?= <" + s.Email + ">\r\n", "from", s.Email, "created_at", s.Created, "updated_at", s.Updated}},
			{"send_logs", []any{"id", id, "thread_id", id, "email", s.Email, "created_at", s.Created}},
		}
	}
	t.Run("conversations", func(t *testing.T) {
		seed := func(id int, s ct.Seed, customer any) []row {
			rows := []row{{"conversations", []any{"id", id, "number", id, "subject", cut(s.Text, 990), "customer_email", s.Email, "mailbox_id", mailboxes[s.Keep], "status", 3, "state", 2, "customer_id", customer, "closed_at", s.Closed, "last_customer_reply_at", s.Contact, "created_at", s.Created, "updated_at", s.Updated}},
				{"conversation_folder", []any{"id", id, "conversation_id", id, "folder_id", 1}}}
			for i, c := range s.Children {
				rows = append(rows, thread(id+i, id, s, c)...)
			}
			for i, f := range s.Files {
				rows = append(rows, row{"attachments", []any{"id", id + i, "thread_id", id, "file_name", f.Name + " " + string(f.Content), "mime_type", "text/plain"}})
			}
			return rows
		}
		h := p.harness(owned, func(_ ct.TB, id int, s ct.Seed) []row { return seed(id, s, nil) })
		h.Type, h.Text, h.Email, h.Keep, h.Children = "conversation", "subject", "customer_email", "mailbox", "thread"
		h.Texts = []string{"å ä ö Å Ä Ö é ü ß ñ — “citat” ’", "👩🏽‍🚒 𝒮 漢字 العربية", `'; DROP TABLE ticket; -- "dubbla" \ %s %00 <b>&amp;</b> {{x}}`}
		h.Kinds = []gallra.IdentifierKind{gallra.IdentEmail}
		h.Clocks = allClocks
		h.Touch = p.touch("conversations", "updated_at", "subject")
		h.FailWrites = p.refuse("conversations", "subject")
		h.Linked = p.linked(func(_ ct.TB, id int, s ct.Seed) []row {
			return append(seed(id, s, id), row{"customers", []any{"id", id, "first_name", s.Name}})
		})
		run(t, h)
	})
	t.Run("customers", func(t *testing.T) {
		h := p.harness(owned, func(_ ct.TB, id int, s ct.Seed) []row {
			first, last, _ := strings.Cut(s.Name, " ")
			rows := []row{{"customers", []any{"id", id, "first_name", first, "last_name", last, "background", s.Text, "phones", quoted(s.Phone), "created_at", s.Created, "updated_at", s.Updated}}}
			for i, v := range s.History {
				rows = append(rows, row{"send_logs", []any{"id", id + i, "customer_id", id, "status_message", v, "created_at", s.Created}})
			}
			return rows
		})
		h.Type, h.Text = "customer", "background"
		h.Clocks = []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated}
		h.Touch = p.touch("customers", "updated_at", "background")
		run(t, h)
	})
}

// zammadSchema has the columns that the profile speaks of, as Zammad's own
// migrations make them, with their references; the others are left out.
const zammadSchema = `
CREATE TABLE users (id serial PRIMARY KEY, organization_id int, login varchar(255) NOT NULL UNIQUE, firstname varchar(100), lastname varchar(100), email varchar(255), image varchar(100), web varchar(100), password varchar(120), phone varchar(100), fax varchar(100), mobile varchar(100), department varchar(200), street varchar(120), zip varchar(100), city varchar(100), country varchar(100), address varchar(500), vip boolean DEFAULT false, note varchar(5000), last_login timestamp(3), source varchar(200), preferences text, updated_by_id int NOT NULL REFERENCES users(id), created_by_id int NOT NULL REFERENCES users(id), created_at timestamp(3), updated_at timestamp(3));
CREATE TABLE authorizations (id serial PRIMARY KEY, provider varchar(250), uid varchar(250), token varchar, username varchar(250), user_id int NOT NULL REFERENCES users(id));
CREATE TABLE tokens (id serial PRIMARY KEY, user_id int NOT NULL REFERENCES users(id), name varchar(100));
CREATE TABLE roles_users (user_id int REFERENCES users(id), role_id int);
CREATE TABLE groups_users (user_id int REFERENCES users(id), group_id int);
CREATE TABLE organizations_users (user_id int REFERENCES users(id), organization_id int);
CREATE TABLE taskbars (id serial PRIMARY KEY, user_id int NOT NULL REFERENCES users(id), "key" varchar(100), state text, params text, created_at timestamp(3), updated_at timestamp(3));
CREATE TABLE object_lookups (id serial PRIMARY KEY, name varchar(250));
CREATE TABLE avatars (id serial PRIMARY KEY, o_id int NOT NULL, object_lookup_id int NOT NULL, source_url varchar(512));
CREATE TABLE history_objects (id serial PRIMARY KEY, name varchar(250));
CREATE TABLE history_attributes (id serial PRIMARY KEY, name varchar(250));
CREATE TABLE histories (id serial PRIMARY KEY, history_type_id int, history_object_id int NOT NULL, history_attribute_id int, o_id int NOT NULL, value_from text, value_to text, created_by_id int NOT NULL REFERENCES users(id), created_at timestamp(3), updated_at timestamp(3));
CREATE TABLE groups (id serial PRIMARY KEY, name varchar(160));
CREATE TABLE ticket_states (id serial PRIMARY KEY, name varchar(250));
CREATE TABLE ticket_priorities (id serial PRIMARY KEY, name varchar(250));
CREATE TABLE ticket_article_types (id serial PRIMARY KEY, name varchar(250));
CREATE TABLE ticket_article_senders (id serial PRIMARY KEY, name varchar(250));
CREATE TABLE tickets (id serial PRIMARY KEY, group_id int NOT NULL, priority_id int NOT NULL, state_id int NOT NULL, number varchar(60) NOT NULL, title varchar(250) NOT NULL, owner_id int NOT NULL REFERENCES users(id), customer_id int NOT NULL REFERENCES users(id), note varchar(250), first_response_in_min int, close_in_min int, close_at timestamp(3), last_contact_at timestamp(3), article_count int, preferences text, updated_by_id int NOT NULL REFERENCES users(id), created_by_id int NOT NULL REFERENCES users(id), created_at timestamp(3), updated_at timestamp(3));
CREATE TABLE ticket_articles (id serial PRIMARY KEY, ticket_id int NOT NULL REFERENCES tickets(id), type_id int NOT NULL DEFAULT 1, sender_id int NOT NULL DEFAULT 1, "from" varchar(3000), "to" varchar(3000), cc varchar(3000), subject varchar(3000), reply_to varchar(300), message_id varchar(3000), message_id_md5 varchar(32), in_reply_to varchar(3000), content_type varchar(20) DEFAULT 'text/plain', body text NOT NULL, preferences text, updated_by_id int NOT NULL REFERENCES users(id), created_by_id int NOT NULL REFERENCES users(id), origin_by_id int REFERENCES users(id), created_at timestamp(3), updated_at timestamp(3));
CREATE TABLE ticket_article_flags (id serial PRIMARY KEY, ticket_article_id int NOT NULL REFERENCES ticket_articles(id), key varchar(50), value varchar(50));
CREATE TABLE store_objects (id serial PRIMARY KEY, name varchar(250));
CREATE TABLE store_files (id serial PRIMARY KEY, sha varchar(128) NOT NULL UNIQUE, provider varchar(20));
CREATE TABLE store_provider_dbs (id serial PRIMARY KEY, sha varchar(128) NOT NULL UNIQUE, data bytea);
CREATE TABLE stores (id serial PRIMARY KEY, store_object_id int NOT NULL, store_file_id int NOT NULL REFERENCES store_files(id), o_id bigint NOT NULL, preferences varchar(2500), size varchar(50), filename varchar(250) NOT NULL, created_by_id int NOT NULL REFERENCES users(id), created_at timestamp(3), updated_at timestamp(3));
CREATE TABLE tag_objects (id serial PRIMARY KEY, name varchar(250));
CREATE TABLE tags (id serial PRIMARY KEY, tag_item_id int NOT NULL, tag_object_id int NOT NULL, o_id int NOT NULL, created_by_id int NOT NULL REFERENCES users(id));
INSERT INTO users (id, login, firstname, updated_by_id, created_by_id) VALUES (1, '-', '-', 1, 1);
INSERT INTO groups VALUES (1, 'Bygglov'), (2, 'Skola'), (3, 'Vatten');
INSERT INTO ticket_states VALUES (1, 'open'), (2, 'closed');
INSERT INTO ticket_priorities VALUES (1, 'normal');
INSERT INTO ticket_article_types VALUES (1, 'email');
INSERT INTO ticket_article_senders VALUES (1, 'Customer');
INSERT INTO history_objects VALUES (1, 'Ticket'), (2, 'Ticket::Article'), (3, 'User');
INSERT INTO history_attributes VALUES (1, 'title');
INSERT INTO store_objects VALUES (1, 'Ticket::Article'), (2, 'Ticket::Article::Mail');
INSERT INTO object_lookups VALUES (1, 'User'), (2, 'Ticket');
INSERT INTO tag_objects VALUES (1, 'Ticket');`

func zammad(t *testing.T) *product {
	p := open(t, "postgres")
	p.exec(t, zammadSchema)
	p.address += "?profile=zammad"
	return p
}

func TestZammad(t *testing.T) {
	t.Parallel()
	zammadTypes(t, zammad(t), ct.Run)
}

// zammadTypes gives run a harness for each type of record.
func zammadTypes(t *testing.T, p *product, run func(*testing.T, ct.Harness)) {
	groups := map[string]int{"Bygglov": 1, "Skola": 2, "Vatten": 3}
	owned := []string{"tickets", "ticket_articles", "ticket_article_flags", "store_provider_dbs", "store_files", "stores", "histories", "taskbars", "authorizations", "tags"}
	reset := func(h *ct.Harness) {
		base := h.Reset
		h.Reset = func(tb ct.TB) { base(tb); p.exec(tb, "DELETE FROM users WHERE id > 1") }
	}
	// stored is a file as Zammad keeps it: once for all who have the same.
	stored := func(id, object, article int, name string, content []byte, s ct.Seed) []row {
		var rows []row
		n := p.files[string(content)]
		if n == 0 {
			n = id
			p.files[string(content)] = n
			sha := fmt.Sprintf("%x", sha256.Sum256(content))
			rows = append(rows, row{"store_files", []any{"id", n, "sha", sha, "provider", "DB"}}, row{"store_provider_dbs", []any{"id", n, "sha", sha, "data", content}})
		}
		return append(rows, row{"stores", []any{"id", id, "store_object_id", object, "store_file_id", n, "o_id", article, "filename", name, "created_by_id", 1, "created_at", s.Created}})
	}
	article := func(id, ticket int, s ct.Seed, body string) []row {
		raw := "From: =?utf-8?Q?" + strings.ReplaceAll(strings.TrimSpace(quotedPrintable(s.Name)), " ", "_") + "?= <" + s.Email + ">\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + quotedPrintable(body)
		rows := []row{{"ticket_articles", []any{"id", id, "ticket_id", ticket, "from", s.Name + " <" + s.Email + ">", "subject", "Re", "body", body, "content_type", "text/html", "updated_by_id", 1, "created_by_id", 1, "created_at", s.Created, "updated_at", s.Updated}}}
		return append(rows, stored(id+60, 2, id, "raw.eml", []byte(raw), s)...)
	}
	ticket := func(id int, s ct.Seed, user int) []row {
		state := 2
		if s.Closed.IsZero() {
			state = 1
		}
		return []row{{"tickets", []any{"id", id, "number", fmt.Sprint(id), "title", cut(s.Text, 250), "group_id", groups[s.Keep], "priority_id", 1, "state_id", state, "owner_id", 1, "customer_id", user, "close_at", s.Closed, "last_contact_at", s.Contact, "updated_by_id", user, "created_by_id", user, "created_at", s.Created, "updated_at", s.Updated}}}
	}
	user := func(id int, s ct.Seed) row {
		return row{"users", []any{"id", id, "login", s.Email, "firstname", "Åsa", "lastname", strings.TrimPrefix(s.Name, "Åsa "), "email", s.Email, "phone", s.Phone, "updated_by_id", 1, "created_by_id", 1, "created_at", s.Created, "updated_at", s.Updated, "last_login", s.Contact}}
	}
	t.Run("tickets", func(t *testing.T) {
		seed := func(id int, s ct.Seed, user int) []row {
			rows := ticket(id, s, user)
			for i, c := range s.Children {
				rows = append(rows, article(id+i, id, s, c)...)
			}
			for i, f := range s.Files {
				rows = append(rows, stored(id+70+i, 1, id, f.Name, f.Content, s)...)
			}
			for i, v := range s.History {
				rows = append(rows, row{"histories", []any{"id", id + i, "history_object_id", 1, "history_attribute_id", 1, "o_id", id, "value_from", v, "created_by_id", 1, "created_at", s.Created}})
			}
			return rows
		}
		h := p.harness(owned, func(_ ct.TB, id int, s ct.Seed) []row { return seed(id, s, 1) })
		reset(&h)
		h.Type, h.Text, h.Keep, h.Children, h.Attachments = "ticket", "title", "group", "article", "attachment"
		h.Texts = []string{"å ä ö Å Ä Ö é ü ß ñ — “citat” ’", "👩🏽‍🚒 𝒮 漢字 العربية"}
		h.Clocks = allClocks
		h.Touch = p.touch("tickets", "updated_at", "title")
		h.FailWrites = p.refuse("tickets", "title")
		h.Linked = p.linked(func(_ ct.TB, id int, s ct.Seed) []row { return append([]row{user(id, s)}, seed(id, s, id)...) })
		run(t, h)
	})
	t.Run("articles", func(t *testing.T) {
		h := p.harness(owned, func(_ ct.TB, id int, s ct.Seed) []row {
			rows := append(ticket(id/100, ct.Seed{Text: "Ärende", Keep: s.Keep, Created: s.Created}, 1), article(id, id/100, s, s.Text)...)
			for i, v := range s.History {
				rows = append(rows, row{"histories", []any{"id", id + i, "history_object_id", 2, "o_id", id, "value_from", v, "created_by_id", 1, "created_at", s.Created}})
			}
			return rows
		})
		reset(&h)
		h.Type, h.Text = "article", "body"
		h.Clocks = []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated}
		h.Touch = p.touch("ticket_articles", "updated_at", "body")
		run(t, h)
	})
	t.Run("users", func(t *testing.T) {
		h := p.harness(owned, func(_ ct.TB, id int, s ct.Seed) []row {
			rows := []row{user(id, s)}
			for i, v := range s.History {
				rows = append(rows, row{"histories", []any{"id", id + i, "history_object_id", 3, "o_id", id, "value_from", v, "created_by_id", 1, "created_at", s.Created}},
					row{"taskbars", []any{"id", id + i, "user_id", id, "key", "x", "state", v}})
			}
			return rows
		})
		reset(&h)
		h.Type = "user"
		h.Kinds = []gallra.IdentifierKind{gallra.IdentEmail, gallra.IdentPhone}
		h.Clocks = []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated, gallra.StartLastContact}
		run(t, h)
	})
}

// TestZammadUserLeavesTheTicketsOfOthers: a person whom other rows name as the
// one who changed them can be erased, and the rows stay.
func TestZammadUserLeavesTheTicketsOfOthers(t *testing.T) {
	t.Parallel()
	p := zammad(t)
	p.insert(t, row{"users", []any{"id", 7, "login", "a", "updated_by_id", 7, "created_by_id", 1}}, row{"users", []any{"id", 8, "login", "b", "updated_by_id", 7, "created_by_id", 7}},
		row{"tickets", []any{"id", 5, "number", "5", "title", "x", "group_id", 1, "priority_id", 1, "state_id", 1, "owner_id", 7, "customer_id", 8, "updated_by_id", 7, "created_by_id", 7}},
		row{"ticket_articles", []any{"id", 6, "ticket_id", 5, "body", "x", "updated_by_id", 7, "created_by_id", 7, "origin_by_id", 7}})
	src := p.source(t)
	if _, err := src.(connector.Eraser).Erase(t.Context(), gallra.Ref{System: "system", Type: "user", ID: "7"}, ""); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := p.db.QueryRow("SELECT (SELECT count(*) FROM tickets WHERE customer_id = 8 AND owner_id = 1 AND updated_by_id = 1) + (SELECT count(*) FROM ticket_articles WHERE created_by_id = 1)").Scan(&n); err != nil || n != 2 {
		t.Errorf("%d, %v", n, err)
	}
}
