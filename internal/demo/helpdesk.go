package demo

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// helpdeskSchema is the schema of the example ticket system, which the connector
// knows by the profile "helpdesk". Times are text in UTC.
const helpdeskSchema = `
CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT, email TEXT, phone TEXT, personnummer TEXT, created_at TEXT);
CREATE TABLE ticket (id INTEGER PRIMARY KEY, number TEXT, subject TEXT, status TEXT, queue TEXT, channel TEXT, category TEXT,
  person_id INTEGER REFERENCES person(id), created_at TEXT, updated_at TEXT, last_contact_at TEXT, closed_at TEXT, first_response_s INTEGER, rating INTEGER);
CREATE TABLE message (id INTEGER PRIMARY KEY, ticket_id INTEGER REFERENCES ticket(id), person_id INTEGER, agent TEXT, sender TEXT, body TEXT, html INTEGER, created_at TEXT, ip TEXT);
CREATE TABLE attachment (id INTEGER PRIMARY KEY, message_id INTEGER REFERENCES message(id), filename TEXT, content_type TEXT, content BLOB);
CREATE TABLE history (id INTEGER PRIMARY KEY, ticket_id INTEGER, at TEXT, what TEXT, old_value TEXT, new_value TEXT);
CREATE TABLE draft (id INTEGER PRIMARY KEY, ticket_id INTEGER, agent TEXT, body TEXT, saved_at TEXT);
CREATE INDEX person_email ON person(email);
CREATE INDEX ticket_person ON ticket(person_id);
CREATE INDEX ticket_closed ON ticket(closed_at);
CREATE INDEX message_ticket ON message(ticket_id);
CREATE INDEX attachment_message ON attachment(message_id);
CREATE INDEX history_ticket ON history(ticket_id);`

// fillHelpdesk writes every person and n tickets.
func (w *world) fillHelpdesk(ctx context.Context, db *sql.DB, n int) (Counts, error) {
	in := newInserter(ctx, db, sqlite, "")
	in.table("person", "id", "name", "email", "phone", "personnummer", "created_at")
	in.table("ticket", "id", "number", "subject", "status", "queue", "channel", "category", "person_id", "created_at", "updated_at", "last_contact_at", "closed_at", "first_response_s", "rating")
	in.table("message", "id", "ticket_id", "person_id", "agent", "sender", "body", "html", "created_at", "ip")
	in.table("attachment", "id", "message_id", "filename", "content_type", "content")
	in.table("history", "id", "ticket_id", "at", "what", "old_value", "new_value")
	in.table("draft", "id", "ticket_id", "agent", "body", "saved_at")
	err := w.accounts("helpdesk", func(p Person) error {
		r := newRandom(w.seed, "account", p.Number)
		return in.add("person", p.Number, p.Name(), p.Email(), null(written(r, p.Phone)), null(p.Personnummer),
			w.volume.at(float64(p.Number-1)/float64(w.persons)))
	})
	if err != nil {
		return in.done(err)
	}
	message, attachment, history, drafts := 0, 0, 0, 0
	err = w.each(ctx, "helpdesk", n, func(c conversation) error {
		id := c.Index + 1
		err := in.add("ticket", id, fmt.Sprintf("SV%d-%06d", c.Created.Year(), id), c.Subject, c.Status, c.Queue, c.Channel, c.Category, c.Person.Number,
			c.Created, c.Updated, c.LastContact, c.Closed, nullInt(c.FirstResponse), nullInt(c.Rating))
		for _, t := range c.Turns {
			if err != nil {
				return err
			}
			message++
			body := t.Text
			if t.HTML {
				body = asHTML(body)
			}
			switch t.Side {
			case customer:
				err = in.add("message", message, id, t.Author.Number, nil, t.Author.Name()+" <"+t.Author.Email()+">", body, t.HTML, t.At, null(t.IP))
			case agent:
				err = in.add("message", message, id, nil, c.Agent.Name, c.Agent.Email, body, t.HTML, t.At, nil)
			case internal:
				err = in.add("message", message, id, nil, c.Agent.Name, "internal", body, false, t.At, nil)
			}
			for _, f := range t.Files {
				if err == nil {
					attachment++
					err = in.add("attachment", attachment, message, f.Name, f.Type, f.Body)
				}
			}
		}
		event := func(at any, what string, before, after any) {
			if err == nil {
				history++
				err = in.add("history", history, id, at, what, before, after)
			}
		}
		event(c.Created, "created", nil, c.Person.Name()+" <"+c.Person.Email()+">")
		if c.FirstResponse > 0 {
			event(c.Created, "owner", nil, c.Agent.Name)
		}
		if id%9 == 0 && len(c.Person.Emails) > 1 {
			event(c.LastContact, "customer.email", c.Person.Emails[1], c.Person.Email())
		}
		if !c.Closed.IsZero() {
			event(c.Closed, "status", "open", "closed")
		} else if err == nil {
			drafts++
			err = in.add("draft", drafts, id, c.Agent.Name, "Hej "+c.Person.Given+"!\n\nJag tittar på ditt ärende och ringer dig på "+or(c.Person.Phone, c.Person.Email())+".", c.LastContact)
		}
		return err
	})
	return in.done(err)
}

func null(s string) any {
	if strings.TrimSpace(s) == "" {
		return nil
	}
	return s
}

func nullInt(n int) any {
	if n == 0 {
		return nil
	}
	return n
}
