package demo

import (
	"context"
	"database/sql"
	"encoding/base64"
	"fmt"
	"strings"
)

// Znuny fills an empty Znuny 6.5 database on PostgreSQL, on top of what its
// installer inserts: customer users, tickets, articles with their raw mail,
// attachments, history and the search index.
func Znuny(ctx context.Context, db *sql.DB, f Fill) (Counts, error) {
	w := f.world()
	in := newInserter(ctx, db, postgres, "")
	who := []string{"create_time", "create_by", "change_time", "change_by"}
	table := func(name string, columns ...string) { in.table(name, append(columns, who...)...) }
	table("customer_user", "login", "email", "customer_id", "first_name", "last_name", "phone", "street", "zip", "city", "country", "valid_id")
	table("ticket", "id", "tn", "title", "queue_id", "ticket_lock_id", "type_id", "user_id", "responsible_user_id", "ticket_priority_id", "ticket_state_id",
		"customer_id", "customer_user_id", "timeout", "until_time", "escalation_time", "escalation_update_time", "escalation_response_time", "escalation_solution_time", "archive_flag")
	table("article", "id", "ticket_id", "article_sender_type_id", "communication_channel_id", "is_visible_for_customer", "search_index_needs_rebuild")
	table("article_data_mime", "article_id", "a_from", "a_to", "a_subject", "a_message_id", "a_content_type", "a_body", "incoming_time")
	table("article_data_mime_plain", "article_id", "body")
	table("article_data_mime_attachment", "article_id", "filename", "content_size", "content_type", "disposition", "content")
	in.table("article_search_index", "ticket_id", "article_id", "article_key", "article_value")
	table("ticket_history", "name", "history_type_id", "ticket_id", "article_id", "type_id", "queue_id", "owner_id", "priority_id", "state_id")

	ids := map[string]int{}
	for key, q := range map[string]string{
		"new": "SELECT id FROM ticket_state WHERE name = 'new'", "open": "SELECT id FROM ticket_state WHERE name = 'open'", "closed": "SELECT id FROM ticket_state WHERE name = 'closed successful'",
		"agent": "SELECT id FROM article_sender_type WHERE name = 'agent'", "customer": "SELECT id FROM article_sender_type WHERE name = 'customer'",
		"Email": "SELECT id FROM communication_channel WHERE name = 'Email'", "Phone": "SELECT id FROM communication_channel WHERE name = 'Phone'", "Internal": "SELECT id FROM communication_channel WHERE name = 'Internal'",
		"NewTicket": "SELECT id FROM ticket_history_type WHERE name = 'NewTicket'", "CustomerUpdate": "SELECT id FROM ticket_history_type WHERE name = 'CustomerUpdate'", "StateUpdate": "SELECT id FROM ticket_history_type WHERE name = 'StateUpdate'",
		"SendAnswer": "SELECT id FROM ticket_history_type WHERE name = 'SendAnswer'", "EmailCustomer": "SELECT id FROM ticket_history_type WHERE name = 'EmailCustomer'",
		"type": "SELECT min(id) FROM ticket_type", "queues": "SELECT count(*) FROM queue",
		"tickets": "SELECT coalesce(max(id), 0) FROM ticket", "articles": "SELECT coalesce(max(id), 0) FROM article", // the installer's welcome
	} {
		var id int
		if err := db.QueryRowContext(ctx, q).Scan(&id); err != nil {
			return nil, fmt.Errorf("demo: znuny: %s: %w", key, err)
		}
		ids[key] = id
	}
	err := w.accounts("helpdesk", func(p Person) error {
		at := w.volume.at(float64(p.Number-1) / float64(w.persons))
		return in.add("customer_user", p.Email(), p.Email(), p.Email(), p.Given, p.Surname, null(p.Phone), p.Street, p.PostalCode, p.City, "Sweden", 1, at, 1, at, 1)
	})
	if err != nil {
		return in.done(err)
	}
	article := ids["articles"]
	err = w.each(ctx, "helpdesk", f.Conversations, func(c conversation) error {
		r := newRandom(w.seed, "znuny", c.Index)
		id, queue, state := ids["tickets"]+c.Index+1, 1+c.Index%ids["queues"], ids[c.Status]
		tn := fmt.Sprintf("%s%07d", c.Created.Format("20060102"), id)
		err := in.add("ticket", id, tn, c.Subject, queue, 1, ids["type"], 1, 1, 3, state, c.Person.Email(), c.Person.Email(), 0, 0, 0, 0, 0, 0, 0, c.Created, 1, c.Updated, 1)
		history := func(kind, name string, art any, at any) {
			if err == nil {
				err = in.add("ticket_history", name, ids[kind], id, art, ids["type"], queue, 1, 3, state, at, 1, at, 1)
			}
		}
		history("NewTicket", "%%"+tn+"%%"+c.Queue+"%%3 normal%%new%%"+fmt.Sprint(id), nil, c.Created)
		history("CustomerUpdate", "%%CustomerID="+c.Person.Email()+";CustomerUser="+c.Person.Email()+";", nil, c.Created)
		for i, t := range c.Turns {
			if err != nil {
				return err
			}
			article++
			sender, channel, visible := ids["customer"], ids["Email"], 1
			m := message{
				id: fmt.Sprintf("<%d.%d.%08x@mx.sundvalla.example>", id, i, uint32(r.Uint64())), at: t.At, ip: t.IP, text: t.Text, files: t.Files,
				from: c.Person.Name() + " <" + c.Person.Email() + ">", to: "Kontaktcenter <" + letterbox + ">",
				subject: fmt.Sprintf("[Ticket#%s] %s", tn, c.Subject),
			}
			if c.Channel == "phone" && t.Side == customer {
				channel = ids["Phone"]
			}
			if t.Side != customer {
				sender = ids["agent"]
				m.from, m.to = c.Agent.Name+" via Kontaktcenter <"+letterbox+">", m.from
			}
			if t.Side == internal {
				channel, visible = ids["Internal"], 0
			}
			err = in.add("article", article, id, sender, channel, visible, 0, t.At, 1, t.At, 1)
			if err == nil {
				err = in.add("article_data_mime", article, m.from, m.to, m.subject, m.id, "text/plain; charset=utf-8", t.Text, t.At.Unix(), t.At, 1, t.At, 1)
			}
			if err == nil && t.Side == customer && channel == ids["Email"] {
				raw := m
				raw.from, raw.subject = address(c.Person.Name(), c.Person.Email()), c.Subject
				err = in.add("article_data_mime_plain", article, base64.StdEncoding.EncodeToString(raw.bytes(r)), t.At, 1, t.At, 1)
			}
			for _, a := range t.Files {
				if err == nil {
					err = in.add("article_data_mime_attachment", article, a.Name, fmt.Sprint(len(a.Body)), a.Type, "attachment", base64.StdEncoding.EncodeToString(a.Body), t.At, 1, t.At, 1)
				}
			}
			for _, x := range [][2]string{{"MIMEBase_From", m.from}, {"MIMEBase_To", m.to}, {"MIMEBase_Subject", m.subject}, {"MIMEBase_Body", strings.ToLower(t.Text)}} {
				if err == nil {
					err = in.add("article_search_index", id, article, x[0], x[1])
				}
			}
			if t.Side == agent {
				history("SendAnswer", "%%"+c.Person.Name()+" <"+c.Person.Email()+">", article, t.At)
			} else if t.Side == customer {
				history("EmailCustomer", "%%", article, t.At)
			}
		}
		if !c.Closed.IsZero() {
			history("StateUpdate", "%%open%%closed successful%%", nil, c.Closed)
		}
		return err
	})
	counts, err := in.done(err)
	if err != nil {
		return counts, err
	}
	for _, t := range []string{"ticket", "article"} {
		if _, err := db.ExecContext(ctx, fmt.Sprintf("SELECT setval(pg_get_serial_sequence('%s', 'id'), (SELECT max(id) FROM %s))", t, t)); err != nil {
			return counts, fmt.Errorf("demo: znuny: sequence: %w", err)
		}
	}
	return counts, nil
}
