package demo

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"strings"
)

// OsTicket fills an empty osTicket 1.18 database on MariaDB whose tables have a
// prefix ("ost_"): users, tickets, threads with the header lines of their mail,
// events, files in chunks. Times are local, as osTicket keeps them.
func OsTicket(ctx context.Context, db *sql.DB, prefix string, f Fill) (Counts, error) {
	w := f.world()
	in := newInserter(ctx, db, mariadb, prefix)
	in.table("form", "id", "type", "flags", "title", "name", "created", "updated")
	in.table("form_field", "id", "form_id", "flags", "type", "label", "name", "sort", "created", "updated")
	in.table("department", "id", "sla_id", "email_id", "autoresp_email_id", "name", "signature", "path", "updated", "created")
	in.table("ticket_status", "id", "name", "state", "mode", "flags", "sort", "properties", "created", "updated")
	in.table("staff", "staff_id", "dept_id", "role_id", "username", "firstname", "lastname", "email", "signature", "isactive", "created", "updated")
	in.table("user", "id", "org_id", "default_email_id", "status", "name", "created", "updated")
	in.table("user_email", "id", "user_id", "flags", "address")
	in.table("ticket", "ticket_id", "number", "user_id", "user_email_id", "status_id", "dept_id", "staff_id", "ip_address", "source", "isanswered", "closed", "lastupdate", "created", "updated")
	in.table("form_entry", "id", "form_id", "object_id", "object_type", "created", "updated")
	in.table("form_entry_values", "entry_id", "field_id", "value")
	in.table("thread", "id", "object_id", "object_type", "lastresponse", "lastmessage", "created")
	in.table("thread_entry", "id", "thread_id", "staff_id", "user_id", "type", "poster", "source", "title", "body", "format", "ip_address", "created", "updated")
	in.table("thread_entry_email", "id", "thread_entry_id", "mid", "headers")
	in.table("thread_event", "id", "thread_id", "thread_type", "event_id", "staff_id", "team_id", "dept_id", "topic_id", "data", "username", "uid", "uid_type", "timestamp")
	in.table("file", "id", "ft", "bk", "type", "size", "key", "signature", "name", "created")
	in.table("file_chunk", "file_id", "chunk_id", "filedata")
	in.table("attachment", "id", "object_id", "type", "file_id", "name", "inline")

	const emailField, nameField, phoneField, subjectField = 1, 2, 3, 20 // as the installer numbers them
	departments := map[string]int{}
	err := w.osTicketSettings(in, db, departments)
	if err != nil {
		return in.done(err)
	}
	entry, event, mail, files := 0, 0, 0, 0
	form := func(id, object int, kind string, at any, values ...any) error {
		entry++
		err := in.add("form_entry", entry, id, object, kind, at, at)
		for i := 0; i+1 < len(values) && err == nil; i += 2 {
			if values[i+1] != nil {
				err = in.add("form_entry_values", entry, values[i], values[i+1])
			}
		}
		return err
	}
	err = w.accounts("helpdesk", func(p Person) error {
		at := w.volume.at(float64(p.Number-1) / float64(w.persons))
		err := in.add("user", p.Number, 0, p.Number, 0, p.Name(), at, at)
		if err == nil {
			err = in.add("user_email", p.Number, p.Number, 0, p.Email())
		}
		if err == nil {
			err = form(1, p.Number, "U", at, emailField, p.Email(), nameField, p.Name(), phoneField, null(p.Phone))
		}
		return err
	})
	if err != nil {
		return in.done(err)
	}
	message := 0
	err = w.each(ctx, "helpdesk", f.Conversations, func(c conversation) error {
		id, status, answered := c.Index+1, 1, 0
		if !c.Closed.IsZero() {
			status = 3
		}
		if c.FirstResponse > 0 {
			answered = 1
		}
		source := map[string]string{"email": "Email", "web": "Web", "phone": "Phone"}[c.Channel]
		dept := departments[c.Queue]
		err := in.add("ticket", id, fmt.Sprintf("%06d", id), c.Person.Number, c.Person.Number, status, dept, c.Agent.Number, or(c.Turns[0].IP, "::1"), or(source, "Other"), answered, c.Closed, c.Updated, c.Created, c.Updated)
		if err == nil {
			err = form(2, id, "T", c.Created, subjectField, c.Subject)
		}
		if err == nil {
			err = in.add("thread", id, id, "T", c.LastContact, c.LastContact, c.Created)
		}
		note := func(kind int, data string, uid any, who, kindOf string, at any) {
			if err == nil {
				event++
				err = in.add("thread_event", event, id, "T", kind, c.Agent.Number, 0, dept, 0, data, who, uid, kindOf, at)
			}
		}
		note(1, "", c.Person.Number, c.Person.Name(), "U", c.Created)
		for i, t := range c.Turns {
			if err != nil {
				return err
			}
			message++
			kind, poster, staff, user, ip := "M", t.Author.Name(), 0, t.Author.Number, t.IP
			if t.Side != customer {
				kind, poster, staff, user = "R", c.Agent.Name, c.Agent.Number, 0
				if t.Side == internal {
					kind = "N"
				}
			}
			var title any
			if i == 0 {
				title = c.Subject
			}
			err = in.add("thread_entry", message, id, staff, user, kind, poster, or(source, "Other"), title, asHTML(t.Text), "html", ip, t.At, t.At)
			if err == nil && c.Channel == "email" && t.Side == customer {
				mail++
				mid := fmt.Sprintf("<%d.%d@mx.example.se>", id, i)
				headers := strings.Join([]string{
					"From: " + address(t.Author.Name(), t.Author.Email()), "To: " + letterbox, "Subject: " + c.Subject, "Message-ID: " + mid,
					"X-Originating-IP: [" + t.IP + "]", "Content-Type: text/plain; charset=utf-8",
				}, "\r\n") + "\r\n"
				err = in.add("thread_entry_email", mail, message, mid, headers)
			}
			for _, a := range t.Files {
				if err != nil {
					return err
				}
				files++
				sum := sha256.Sum256(a.Body)
				key := hex.EncodeToString(sum[:16])
				err = in.add("file", files, "T", "D", a.Type, len(a.Body), fmt.Sprintf("%s%08d", key[:24], files), key, a.Name, t.At)
				if err == nil {
					err = in.add("file_chunk", files, 0, a.Body)
				}
				if err == nil {
					err = in.add("attachment", files, message, "H", files, a.Name, 0)
				}
			}
		}
		if !c.Closed.IsZero() {
			note(2, `{"status":[1,"Open"]}`, c.Agent.Number, c.Agent.Name, "S", c.Closed)
		}
		return err
	})
	return in.done(err)
}

// osTicketSettings adds what the installer would have: forms, departments,
// statuses and staff, each if there is none of it.
func (w *world) osTicketSettings(in *inserter, db *sql.DB, departments map[string]int) error {
	at := w.volume.months[0]
	names := []string{}
	for _, c := range categories {
		names = append(names, queues[c])
	}
	for i, n := range names {
		departments[n] = 100 + i
	}
	fill := map[string]func() error{
		"form": func() error {
			err := in.add("form", 1, "U", 1, "Contact Information", "", at, at)
			if err == nil {
				err = in.add("form", 2, "T", 1, "Ticket Details", "", at, at)
			}
			return err
		},
		"form_field": func() error {
			for i, f := range [][4]string{{"1", "1", "Email Address", "email"}, {"2", "1", "Full Name", "name"}, {"3", "1", "Phone Number", "phone"}, {"4", "1", "Internal Notes", "notes"}, {"20", "2", "Issue Summary", "subject"}, {"22", "2", "Priority Level", "priority"}} {
				if err := in.add("form_field", f[0], f[1], 489379, "text", f[2], f[3], i+1, at, at); err != nil {
					return err
				}
			}
			return nil
		},
		"department": func() error {
			for i, n := range names {
				if err := in.add("department", 100+i, 0, 0, 0, n, "", "/"+fmt.Sprint(100+i)+"/", at, at); err != nil {
					return err
				}
			}
			return nil
		},
		"ticket_status": func() error {
			for i, s := range [][2]string{{"Open", "open"}, {"Resolved", "closed"}, {"Closed", "closed"}, {"Archived", "archived"}, {"Deleted", "deleted"}} {
				if err := in.add("ticket_status", i+1, s[0], s[1], 3, 0, i+1, "{}", at, at); err != nil {
					return err
				}
			}
			return nil
		},
		"staff": func() error {
			for _, e := range w.employees {
				if err := in.add("staff", e.Number, 100, 1, ascii(e.Name), e.Given, strings.TrimPrefix(e.Name, e.Given+" "), e.Email, "", 1, at, at); err != nil {
					return err
				}
			}
			return nil
		},
	}
	for _, table := range []string{"form", "form_field", "department", "ticket_status", "staff"} {
		var n int
		if err := db.QueryRowContext(in.ctx, "SELECT count(*) FROM `"+in.prefix+table+"`").Scan(&n); err != nil {
			return fmt.Errorf("demo: osticket %s: %w", table, err)
		}
		if n == 0 {
			if err := fill[table](); err != nil {
				return err
			}
		}
	}
	return in.flush()
}
