package sqldb_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/gallra/gallra"
	ct "github.com/gallra/gallra/connector/connectortest"
	_ "github.com/gallra/gallra/connector/sqldb"
)

var allClocks = []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated, gallra.StartLastContact, gallra.StartClosed}

func TestHelpdeskTickets(t *testing.T) {
	t.Parallel()
	ct.Run(t, helpdeskTickets(helpdesk(t)))
}

func helpdeskTickets(p *product) ct.Harness {
	seed := func(_ ct.TB, id int, s ct.Seed) []row {
		rows := []row{{"ticket", []any{"id", id, "number", "SV-1", "subject", s.Text, "status", "closed", "queue", s.Keep, "created_at", s.Created, "updated_at", s.Updated, "last_contact_at", s.Contact, "closed_at", s.Closed}}}
		for i, c := range append([]string{"Från " + s.Name + ", " + s.Email}, s.Children...) {
			if i == 0 {
				rows = append(rows, row{"message", []any{"id", id, "ticket_id", id, "sender", s.Name + " <" + s.Email + ">", "body", "", "ip", s.IP, "created_at", s.Created}})
				continue
			}
			rows = append(rows, row{"message", []any{"id", id + i, "ticket_id", id, "body", c, "created_at", s.Created}})
		}
		for i, f := range s.Files {
			rows = append(rows, row{"attachment", []any{"id", id + i, "message_id", id, "filename", f.Name, "content_type", "text/plain", "content", f.Content}})
		}
		for i, v := range s.History {
			rows = append(rows, row{"history", []any{"id", id + i, "ticket_id", id, "what", "change", "old_value", v, "new_value", v}},
				row{"draft", []any{"id", id + i, "ticket_id", id, "body", v}})
		}
		return rows
	}
	h := p.harness([]string{"person", "ticket", "message", "attachment", "history", "draft"}, seed)
	h.Linked = p.linked(pointing(seed, "person_id", func(id int, s ct.Seed) []row {
		return []row{{"person", []any{"id", id, "name", s.Name, "created_at", s.Created}}}
	}))
	h.Type, h.Text, h.Keep, h.Children, h.Attachments = "ticket", "subject", "queue", "message", "attachment"
	h.Clocks = allClocks
	h.Touch = p.touch("ticket", "updated_at", "subject")
	h.FailWrites = p.refuse("ticket", "subject")
	return h
}

func TestHelpdeskPersons(t *testing.T) {
	t.Parallel()
	p := helpdesk(t)
	h := p.harness([]string{"person"}, func(_ ct.TB, id int, s ct.Seed) []row {
		return []row{{"person", []any{"id", id, "name", s.Name, "email", s.Email, "phone", s.Phone, "personnummer", s.Personnummer, "created_at", s.Created}}}
	})
	h.Type, h.Email, h.Named = "person", "email", "name"
	h.Kinds = []gallra.IdentifierKind{gallra.IdentEmail, gallra.IdentName, gallra.IdentPhone, gallra.IdentPersonnummer}
	h.Clocks = []gallra.StartEvent{gallra.StartCreated}
	ct.Run(t, h)
}

func TestFlarumOnMariaDB(t *testing.T) {
	t.Parallel()
	runFlarum(t, flarum(t, "mariadb"))
}
func TestFlarumOnSQLite(t *testing.T) {
	t.Parallel()
	runFlarum(t, flarum(t, "sqlite"))
}
func TestFlarumOnPostgres(t *testing.T) {
	t.Parallel()
	runFlarum(t, flarum(t, "postgres"))
}

func runFlarum(t *testing.T, p *product) {
	owned := []string{"users", "discussions", "posts", "access_tokens", "notifications", "email_tokens"}
	t.Run("discussions", func(t *testing.T) {
		seed := func(_ ct.TB, id int, s ct.Seed) []row {
			rows := []row{{"discussions", []any{"id", id, "title", s.Key + " " + s.Text[:min(len(s.Text), 20)], "created_at", s.Created, "last_posted_at", s.Contact, "slug", s.Key, "comment_count", 1}}}
			for i, c := range s.Children {
				rows = append(rows, row{"posts", []any{"id", id + i, "discussion_id", id, "number", i + 1, "created_at", s.Created, "type", "comment", "content", "<t>" + c + " " + s.Email + "</t>", "ip_address", s.IP}})
			}
			return rows
		}
		h := p.harness(owned, seed)
		h.Type, h.Children = "discussion", "post"
		h.Clocks = []gallra.StartEvent{gallra.StartCreated, gallra.StartLastContact}
		h.Linked = p.linked(pointing(seed, "user_id", func(id int, s ct.Seed) []row {
			return []row{{"users", []any{"id", id, "username", s.Username, "email", s.Email, "password", "x", "joined_at", s.Created}}}
		}))
		ct.Run(t, h)
	})
	t.Run("posts", func(t *testing.T) {
		h := p.harness(owned, func(_ ct.TB, id int, s ct.Seed) []row {
			return []row{{"discussions", []any{"id", id / 100, "title", "Tråd", "created_at", s.Created, "slug", "trad"}},
				{"posts", []any{"id", id, "discussion_id", id / 100, "number", id, "created_at", s.Created, "edited_at", s.Updated, "type", "comment", "content", s.Text, "ip_address", s.IP}}}
		})
		h.Type, h.Text = "post", "content"
		h.Kinds = []gallra.IdentifierKind{gallra.IdentIP}
		h.Clocks = []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated}
		h.Touch = p.touch("posts", "edited_at", "content")
		h.FailWrites = p.refuse("posts", "content")
		ct.Run(t, h)
	})
	t.Run("members", func(t *testing.T) {
		h := p.harness(owned, func(_ ct.TB, id int, s ct.Seed) []row {
			rows := []row{{"users", []any{"id", id, "username", s.Username, "email", s.Email, "password", "x", "joined_at", s.Created, "last_seen_at", s.Contact}}}
			for i, v := range s.History {
				rows = append(rows, row{"access_tokens", []any{"id", id + i, "token", fmt.Sprintf("token%d", id+i), "user_id", id, "created_at", s.Created, "last_activity_at", s.Created, "type", "session", "title", cut(v, 140), "last_ip_address", "192.0.2.1"}},
					row{"notifications", []any{"id", id + i, "user_id", id, "type", "x", "data", quoted(v), "created_at", s.Created}})
			}
			return rows
		})
		h.Type, h.Email = "user", "email"
		h.Kinds = []gallra.IdentifierKind{gallra.IdentEmail, gallra.IdentUsername}
		h.Clocks = []gallra.StartEvent{gallra.StartCreated, gallra.StartLastContact}
		ct.Run(t, h)
	})
}

func TestZnuny(t *testing.T) {
	t.Parallel()
	znunyTypes(t, znuny(t), ct.Run)
}

// znunyTypes gives run a harness for each type of record.
func znunyTypes(t *testing.T, p *product, run func(*testing.T, ct.Harness)) {
	queues := map[string]int{"Bygglov": 1, "Skola": 2, "Vatten": 3}
	for name, id := range queues {
		p.exec(t, "UPDATE queue SET name = $1 WHERE id = $2", name, id)
	}
	by := func(s ct.Seed) []any {
		return []any{"create_time", s.Created, "create_by", 1, "change_time", s.Created, "change_by", 1}
	}
	ticket := func(id int, s ct.Seed) []row {
		state := 2 // closed successful
		changed := s.Closed
		if changed.IsZero() {
			state, changed = 4, s.Created
		}
		return []row{{"ticket", []any{"id", id, "tn", fmt.Sprint(id), "title", s.Text[:min(len(s.Text), 255)], "queue_id", queues[s.Keep], "ticket_lock_id", 1, "user_id", 1, "responsible_user_id", 1, "ticket_priority_id", 3, "ticket_state_id", state,
			"customer_user_id", s.Email, "timeout", 0, "until_time", 0, "escalation_time", 0, "escalation_update_time", 0, "escalation_response_time", 0, "escalation_solution_time", 0, "archive_flag", 0, "create_time", s.Created, "create_by", 1, "change_time", changed, "change_by", 1}}}
	}
	article := func(id, ticket int, s ct.Seed, body string) []row {
		raw := "From: " + s.Email + "\r\nSubject: =?utf-8?B?" + base64.StdEncoding.EncodeToString([]byte(s.Name)) + "?=\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + body
		return []row{
			{"article", append([]any{"id", id, "ticket_id", ticket, "article_sender_type_id", 3, "communication_channel_id", 1, "is_visible_for_customer", 1}, by(s)...)},
			{"article_data_mime", append([]any{"id", id, "article_id", id, "a_from", s.Name + " <" + s.Email + ">", "a_subject", "Re", "a_body", body, "incoming_time", 0}, by(s)...)},
			{"article_data_mime_plain", append([]any{"id", id, "article_id", id, "body", base64.StdEncoding.EncodeToString([]byte(raw))}, by(s)...)},
			{"article_search_index", []any{"id", id, "ticket_id", ticket, "article_id", id, "article_key", "MIMEBase_Body", "article_value", body}},
		}
	}
	owned := []string{"ticket", "article", "article_data_mime", "article_data_mime_plain", "article_search_index", "article_data_mime_attachment", "ticket_history", "form_draft", "communication_log", "communication_log_object", "communication_log_object_entry", "communication_log_obj_lookup", "customer_user"}
	t.Run("tickets", func(t *testing.T) {
		seed := func(_ ct.TB, id int, s ct.Seed) []row {
			rows := ticket(id, s)
			for i, c := range s.Children {
				rows = append(rows, article(id+i, id, s, c)...)
			}
			for i, f := range s.Files {
				rows = append(rows, row{"article_data_mime_attachment", append([]any{"id", id + i, "article_id", id, "filename", f.Name, "content_type", "text/plain", "content", base64.StdEncoding.EncodeToString(f.Content)}, by(s)...)})
			}
			for i, v := range s.History {
				rows = append(rows,
					row{"ticket_history", append([]any{"id", id + i, "name", "%%" + cut(v, 180) + "%%", "history_type_id", 1, "ticket_id", id, "type_id", 1, "queue_id", 1, "owner_id", 1, "priority_id", 1, "state_id", 1}, by(s)...)},
					row{"form_draft", append([]any{"id", id + i, "object_type", "Ticket", "object_id", id, "action", "x", "content", base64.StdEncoding.EncodeToString([]byte(v))}, by(s)...)})
			}
			return rows
		}
		h := p.harness(owned, seed)
		h.Type, h.Text, h.Keep, h.Children, h.Attachments = "ticket", "title", "queue", "message", "attachment"
		h.Texts = []string{"å ä ö Å Ä Ö é ü ß ñ — “citat” ’", "👩🏽‍🚒 𝒮 漢字 العربية", `'; DROP TABLE ticket; -- "dubbla" \ %s %00 <b>&amp;</b> {{x}}`}
		h.Kinds = []gallra.IdentifierKind{gallra.IdentEmail}
		h.Clocks = []gallra.StartEvent{gallra.StartCreated, gallra.StartClosed}
		h.Touch = p.touch("ticket", "change_time", "title")
		h.FailWrites = p.refuse("ticket", "title")
		h.Linked = p.linked(pointing(seed, "", func(id int, s ct.Seed) []row { // by login, which is the address
			return []row{{"customer_user", append([]any{"id", id, "login", s.Email, "email", s.Email, "customer_id", "kund", "first_name", "Namn", "last_name", s.Key, "valid_id", 1}, by(s)...)}}
		}))
		run(t, h)
	})
	t.Run("articles", func(t *testing.T) {
		h := p.harness(owned, func(_ ct.TB, id int, s ct.Seed) []row {
			rows := append(ticket(id/100, ct.Seed{Text: "Ärende", Keep: s.Keep, Created: s.Created}), article(id, id/100, s, s.Text)...)
			for i, v := range s.History {
				rows = append(rows, row{"ticket_history", append([]any{"id", id + i, "name", "%%" + cut(v, 180) + "%%", "history_type_id", 1, "ticket_id", id / 100, "article_id", id, "type_id", 1, "queue_id", 1, "owner_id", 1, "priority_id", 1, "state_id", 1}, by(s)...)})
			}
			return rows
		})
		h.Type, h.Text = "message", "a_body"
		h.Clocks = []gallra.StartEvent{gallra.StartCreated}
		run(t, h)
	})
}

func TestOsTicket(t *testing.T) {
	t.Parallel()
	osTicketTypes(t, osTicket(t), ct.Run)
}

// osTicketTypes gives run a harness for each type of record.
func osTicketTypes(t *testing.T, p *product, run func(*testing.T, ct.Harness)) {
	owned := []string{"user", "user_email", "ticket", "thread", "thread_entry", "thread_entry_email", "thread_event", "form_entry", "form_entry_values", "attachment", "file", "file_chunk", "draft", "_search", "ticket__cdata", "note"}
	ticket := func(id int, s ct.Seed) []row {
		if s.Updated.IsZero() {
			s.Updated = s.Created
		}
		return []row{
			{"ticket", []any{"ticket_id", id, "number", fmt.Sprint(id), "dept_id", departments[s.Keep], "ip_address", s.IP, "closed", s.Closed, "lastupdate", s.Contact, "created", s.Created, "updated", s.Updated}},
			{"thread", []any{"id", id, "object_id", id, "object_type", "T", "created", s.Created}},
		}
	}
	entry := func(id, thread int, s ct.Seed, body string) []row {
		return []row{
			{"thread_entry", []any{"id", id, "thread_id", thread, "type", "M", "poster", s.Name, "title", "Re", "body", body, "format", "html", "ip_address", "", "created", s.Created, "updated", s.Updated}},
			{"thread_entry_email", []any{"id", id, "thread_entry_id", id, "mid", "m" + fmt.Sprint(id), "headers", "From: " + s.Email + "\r\nSubject: =?utf-8?B?" + base64.StdEncoding.EncodeToString([]byte(s.Name)) + "?=\r\n"}},
			{"_search", []any{"object_type", "H", "object_id", id, "title", "Re", "content", body}},
		}
	}
	t.Run("tickets", func(t *testing.T) {
		seed := func(_ ct.TB, id int, s ct.Seed) []row {
			rows := append(ticket(id, s),
				row{"form_entry", []any{"id", id, "form_id", 2, "object_id", id, "object_type", "T", "created", s.Created, "updated", s.Created}},
				row{"form_entry_values", []any{"entry_id", id, "field_id", 20, "value", s.Text}},
				row{"_search", []any{"object_type", "T", "object_id", id, "title", s.Text, "content", s.Text}},
				row{"ticket__cdata", []any{"ticket_id", id, "subject", s.Text}})
			rows = append(rows, entry(id, id, s, "Meddelande av "+s.Name)...)
			for i, c := range s.Children {
				rows = append(rows, entry(id+1+i, id, s, c)...)
			}
			for i, f := range s.Files {
				n := p.files[string(f.Content)]
				if n == 0 {
					n = id + i
					p.files[string(f.Content)] = n
					half := len(f.Content) / 2
					rows = append(rows,
						row{"file", []any{"id", n, "type", "text/plain", "size", len(f.Content), "key", fmt.Sprint(n), "signature", fmt.Sprint(n), "name", "fil.txt", "created", s.Created}},
						row{"file_chunk", []any{"file_id", n, "chunk_id", 0, "filedata", f.Content[:half]}}, row{"file_chunk", []any{"file_id", n, "chunk_id", 1, "filedata", f.Content[half:]}})
				}
				rows = append(rows, row{"attachment", []any{"id", id + i, "object_id", id, "type", "H", "file_id", n, "name", f.Name}})
			}
			for i, v := range s.History {
				rows = append(rows, row{"thread_event", []any{"id", id + i, "thread_id", id, "thread_type", "T", "staff_id", 1, "team_id", 0, "dept_id", 1, "topic_id", 0, "data", quoted(v), "username", "SYSTEM", "timestamp", s.Created}},
					row{"draft", []any{"id", id + i, "staff_id", 1, "namespace", fmt.Sprintf("ticket.note.%d", id), "body", v, "created", s.Created}})
			}
			return rows
		}
		h := p.harness(owned, seed)
		h.Type, h.Keep, h.Children, h.Attachments = "ticket", "department", "entry", "attachment"
		h.Kinds = []gallra.IdentifierKind{gallra.IdentIP}
		h.Clocks = allClocks
		h.Touch = p.touch("ticket", "updated", "")
		h.FailWrites = p.refuse("ticket", "ip_address")
		h.Linked = p.linked(pointing(seed, "user_id", func(id int, s ct.Seed) []row {
			return []row{{"user", []any{"id", id, "name", s.Name, "created", s.Created, "updated", s.Created, "default_email_id", id, "org_id", 0}}}
		}))
		run(t, h)
	})
	t.Run("entries", func(t *testing.T) {
		h := p.harness(owned, func(_ ct.TB, id int, s ct.Seed) []row {
			rows := append(ticket(id/100, ct.Seed{Keep: s.Keep, Created: s.Created}), entry(id, id/100, s, s.Text)...)
			for i, v := range s.History {
				rows = append(rows, row{"draft", []any{"id", id + i, "staff_id", 1, "namespace", fmt.Sprintf("ticket.note.%d", id/100), "body", v, "created", s.Created}})
			}
			return rows
		})
		h.Type, h.Text, h.Named = "entry", "body", "poster"
		h.Texts = []string{"å ä ö Å Ä Ö é ü ß ñ — “citat” ’", `'; DROP TABLE ticket; -- "dubbla" \ %s %00 <b>&amp;</b> {{x}}`, "rad ett\r\nrad två\r\n\r\nrad fyra"} // osTicket's own columns hold three bytes a character
		h.Kinds = []gallra.IdentifierKind{gallra.IdentName}
		h.Clocks = []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated}
		h.Touch = p.touch("thread_entry", "updated", "body")
		run(t, h)
	})
	t.Run("users", func(t *testing.T) {
		h := p.harness(owned, func(_ ct.TB, id int, s ct.Seed) []row {
			rows := []row{{"user", []any{"id", id, "name", s.Name, "created", s.Created, "updated", s.Updated, "default_email_id", id, "org_id", 0}},
				{"user_email", []any{"id", id, "user_id", id, "address", s.Email}}}
			return rows
		})
		h.Type, h.Named = "user", "name" // the address stands in a table of its own: TestFindByAddressInATableOfItsOwn
		h.Clocks = []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated}
		run(t, h)
	})
}

func TestChatwoot(t *testing.T) {
	t.Parallel()
	chatwootTypes(t, chatwoot(t), ct.Run)
}

// chatwootTypes gives run a harness for each type of record.
func chatwootTypes(t *testing.T, p *product, run func(*testing.T, ct.Harness)) {
	inboxes := map[string]int{"Bygglov": 1, "Skola": 2, "Vatten": 3}
	owned := []string{"contacts", "contact_inboxes", "conversations", "messages", "attachments", "notes", "csat_survey_responses", "audits"}
	t.Run("conversations", func(t *testing.T) {
		seed := func(_ ct.TB, id int, s ct.Seed) []row {
			status := 1
			if s.Closed.IsZero() {
				status = 0
			}
			rows := []row{{"conversations", []any{"id", id, "account_id", 1, "inbox_id", inboxes[s.Keep], "status", status, "created_at", s.Created, "updated_at", s.Updated, "last_activity_at", s.Contact, "additional_attributes", quoted(s.Text), "custom_attributes", "{}"}}}
			for i, c := range s.Children {
				rows = append(rows, row{"messages", []any{"id", id + i, "content", c, "processed_message_content", c, "conversation_id", id, "account_id", 1, "created_at", s.Created, "updated_at", s.Created}})
			}
			for i, v := range s.History {
				rows = append(rows, row{"audits", []any{"id", id + i, "auditable_id", id, "auditable_type", "Conversation", "audited_changes", quoted(v), "created_at", s.Created}},
					row{"csat_survey_responses", []any{"id", id + i, "conversation_id", id, "feedback_message", "bra, " + s.Key, "rating", 5, "created_at", s.Created, "updated_at", s.Created}})
			}
			return rows
		}
		h := p.harness(owned, seed)
		h.Type, h.Keep, h.Children = "conversation", "inbox", "message"
		h.Clocks = []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated, gallra.StartLastContact}
		h.Touch = p.touch("conversations", "updated_at", "")
		h.Linked = p.linked(pointing(seed, "contact_id", func(id int, s ct.Seed) []row {
			return []row{{"contacts", []any{"id", id, "name", s.Name, "email", s.Email, "account_id", 1, "created_at", s.Created, "updated_at", s.Created}}}
		}))
		run(t, h)
	})
	t.Run("messages", func(t *testing.T) {
		h := p.harness(owned, func(_ ct.TB, id int, s ct.Seed) []row {
			rows := []row{{"conversations", []any{"id", id / 100, "account_id", 1, "created_at", s.Created, "updated_at", s.Updated}},
				{"messages", []any{"id", id, "content", s.Text, "conversation_id", id / 100, "account_id", 1, "created_at", s.Created, "updated_at", s.Updated}}}
			for i, v := range s.History {
				rows = append(rows, row{"audits", []any{"id", id + i, "auditable_id", id / 100, "auditable_type", "Conversation", "audited_changes", quoted(v), "created_at", s.Created}})
			}
			return rows
		})
		h.Type, h.Text = "message", "content"
		h.Clocks = []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated}
		h.Touch = p.touch("messages", "updated_at", "content")
		h.FailWrites = p.refuse("messages", "content")
		run(t, h)
	})
	t.Run("contacts", func(t *testing.T) {
		h := p.harness(owned, func(_ ct.TB, id int, s ct.Seed) []row {
			rows := []row{{"contacts", []any{"id", id, "name", s.Name, "email", s.Email, "phone_number", s.Phone, "identifier", s.Customer, "account_id", 1, "created_at", s.Created, "updated_at", s.Updated, "last_activity_at", s.Contact}},
				{"contact_inboxes", []any{"id", id, "contact_id", id, "inbox_id", 1, "source_id", "k-" + s.Key, "created_at", s.Created, "updated_at", s.Created}}}
			for i, v := range s.History {
				rows = append(rows, row{"audits", []any{"id", id + i, "auditable_id", id, "auditable_type", "Contact", "audited_changes", quoted(v), "created_at", s.Created}})
			}
			return rows
		})
		h.Type, h.Named, h.Email = "contact", "name", "email"
		h.Kinds = []gallra.IdentifierKind{gallra.IdentName, gallra.IdentEmail, gallra.IdentPhone, gallra.IdentCustomer}
		h.Clocks = []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated, gallra.StartLastContact}
		h.Touch = p.touch("contacts", "updated_at", "")
		run(t, h)
	})
}

// touch returns a change of the row that belongs to a seed, as somebody working
// in the product would make it.
func (p *product) touch(table, stamp, text string) func(tb ct.TB, s ct.Seed) {
	return func(tb ct.TB, s ct.Seed) {
		for n, key := range p.keys {
			if key != s.Key {
				continue
			}
			id := map[string]string{"ost_ticket": "ticket_id", "phpbb_topics": "topic_id", "wp_posts": "ID", "wp_comments": "comment_ID"}[p.prefix+table]
			if id == "" {
				id = "id"
			}
			var set []string
			if stamp != "" {
				set = append(set, p.quote(stamp)+" = '2025-03-04 05:06:07'")
			}
			switch {
			case text != "" && p.kind == "mariadb":
				set = append(set, p.quote(text)+" = concat("+p.quote(text)+", ' och mer')")
			case text != "":
				set = append(set, p.quote(text)+" = "+p.quote(text)+" || ' och mer'")
			}
			p.exec(tb, fmt.Sprintf("UPDATE %s SET %s WHERE %s = %d", p.quote(p.prefix+table), strings.Join(set, ", "), id, n*100))
		}
	}
}

func quoted(v string) string {
	b, err := json.Marshal(map[string]string{"said": v})
	if err != nil {
		panic(err)
	}
	return string(b)
}

func cut(v string, n int) string { return string([]rune(v)[:min(len([]rune(v)), n)]) }

// pointing seeds what seed does, pointing by a column of its first row at a
// person of its own; "" when it does so already.
func pointing(seed func(ct.TB, int, ct.Seed) []row, column string, person func(id int, s ct.Seed) []row) func(ct.TB, int, ct.Seed) []row {
	return func(tb ct.TB, id int, s ct.Seed) []row {
		rows := seed(tb, id, s)
		if column != "" {
			rows[0].cells = append(rows[0].cells, column, id)
		}
		return append(person(id, s), rows...)
	}
}
