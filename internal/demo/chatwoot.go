package demo

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
)

// chatwootTables are the tables and columns of Chatwoot 4 in which customers'
// data are kept (its own schema has more tables, not more of these columns).
var chatwootTables = [][2]string{
	{"accounts", "id bigint PRIMARY KEY, name text, created_at timestamp, updated_at timestamp, locale integer, domain text, support_email text, custom_attributes jsonb, status integer"},
	{"users", "id bigint PRIMARY KEY, provider text, uid text, encrypted_password text, sign_in_count integer, last_sign_in_at timestamp, last_sign_in_ip text, name text, display_name text, email text, created_at timestamp, updated_at timestamp, pubsub_token text, type text"},
	{"inboxes", "id bigint PRIMARY KEY, channel_id integer, account_id integer, name text, created_at timestamp, updated_at timestamp, channel_type text, email_address text, timezone text"},
	{"contacts", "id bigint PRIMARY KEY, name text, email text, phone_number text, account_id integer, created_at timestamp, updated_at timestamp, additional_attributes jsonb, identifier text, custom_attributes jsonb, last_activity_at timestamp, contact_type integer, middle_name text, last_name text, location text, country_code text, blocked boolean, company_id bigint"},
	{"contact_inboxes", "id bigint PRIMARY KEY, contact_id bigint, inbox_id bigint, source_id text, created_at timestamp, updated_at timestamp, hmac_verified boolean, pubsub_token text"},
	{"conversations", "id bigint PRIMARY KEY, account_id integer, inbox_id integer, status integer, assignee_id integer, created_at timestamp, updated_at timestamp, contact_id bigint, display_id integer, contact_last_seen_at timestamp, agent_last_seen_at timestamp, additional_attributes jsonb, contact_inbox_id bigint, uuid text, identifier text, last_activity_at timestamp, team_id bigint, campaign_id bigint, snoozed_until timestamp, custom_attributes jsonb, assignee_last_seen_at timestamp, first_reply_created_at timestamp, priority integer, sla_policy_id bigint, waiting_since timestamp, cached_label_list text"},
	{"messages", "id bigint PRIMARY KEY, content text, account_id integer, inbox_id integer, conversation_id integer, message_type integer, created_at timestamp, updated_at timestamp, private boolean, status integer, source_id text, content_type integer, content_attributes json, sender_type text, sender_id bigint, external_source_ids jsonb, additional_attributes jsonb, processed_message_content text, sentiment jsonb"},
	{"attachments", "id bigint PRIMARY KEY, file_type integer, external_url text, coordinates_lat float, coordinates_long float, message_id integer, account_id integer, created_at timestamp, updated_at timestamp, fallback_title text, extension text, meta jsonb"},
	{"notes", "id bigint PRIMARY KEY, content text, account_id bigint, contact_id bigint, user_id bigint, created_at timestamp, updated_at timestamp"},
	{"csat_survey_responses", "id bigint PRIMARY KEY, account_id bigint, conversation_id bigint, message_id bigint, rating integer, feedback_message text, contact_id bigint, assigned_agent_id bigint, created_at timestamp, updated_at timestamp, csat_review_notes text"},
}

var chatwootIndexes = []string{
	"CREATE INDEX index_contacts_on_email ON contacts (email)",
	"CREATE INDEX index_conversations_on_contact ON conversations (contact_id)",
	"CREATE INDEX index_messages_on_conversation ON messages (conversation_id)",
	"CREATE INDEX index_messages_on_sender ON messages (sender_type, sender_id)",
}

// createChatwoot makes the tables where there is no Chatwoot.
func createChatwoot(ctx context.Context, db *sql.DB) error {
	for _, t := range chatwootTables {
		if _, err := db.ExecContext(ctx, "CREATE TABLE "+t[0]+" ("+t[1]+")"); err != nil {
			return fmt.Errorf("demo: create %s: %w", t[0], err)
		}
	}
	for _, x := range chatwootIndexes {
		if _, err := db.ExecContext(ctx, x); err != nil {
			return fmt.Errorf("demo: create index: %w", err)
		}
	}
	return nil
}

// fillChatwoot writes the contacts and n conversations of the chat.
func (w *world) fillChatwoot(ctx context.Context, db *sql.DB, d dialect, n int) (Counts, error) {
	in := newInserter(ctx, db, d, "")
	in.table("accounts", "id", "name", "created_at", "updated_at", "locale", "status")
	in.table("users", "id", "provider", "uid", "name", "display_name", "email", "created_at", "updated_at")
	in.table("inboxes", "id", "channel_id", "account_id", "name", "created_at", "updated_at", "channel_type")
	in.table("contacts", "id", "name", "email", "phone_number", "account_id", "created_at", "updated_at", "additional_attributes", "identifier", "custom_attributes", "last_activity_at", "contact_type", "location", "country_code", "blocked")
	in.table("contact_inboxes", "id", "contact_id", "inbox_id", "source_id", "created_at", "updated_at", "hmac_verified", "pubsub_token")
	in.table("conversations", "id", "account_id", "inbox_id", "status", "assignee_id", "created_at", "updated_at", "contact_id", "display_id", "additional_attributes", "contact_inbox_id", "uuid", "last_activity_at", "custom_attributes", "first_reply_created_at", "cached_label_list")
	in.table("messages", "id", "content", "account_id", "inbox_id", "conversation_id", "message_type", "created_at", "updated_at", "private", "status", "content_type", "content_attributes", "sender_type", "sender_id", "additional_attributes", "processed_message_content")
	in.table("csat_survey_responses", "id", "account_id", "conversation_id", "message_id", "rating", "feedback_message", "contact_id", "assigned_agent_id", "created_at", "updated_at")

	start := w.volume.months[0]
	err := in.add("accounts", 1, "Sundvalla kontaktcenter", start, start, 16, 0)
	if err == nil {
		err = in.add("inboxes", 1, 1, 1, "Webbchatt", start, start, "Channel::WebWidget")
	}
	for _, e := range w.employees {
		if err == nil {
			err = in.add("users", e.Number, "email", e.Email, e.Name, e.Given, e.Email, start, start)
		}
	}
	if err != nil {
		return in.done(err)
	}
	err = w.accounts("chat", func(p Person) error {
		r := newRandom(w.seed, "contact", p.Number)
		at := w.volume.at(float64(p.Number-1) / float64(w.persons))
		phone := ""
		if p.Phone != "" {
			phone = "+46" + p.Phone[1:]
		}
		err := in.add("contacts", p.Number, p.Name(), p.Email(), null(phone), 1, at, at,
			object("city", p.City, "created_at_ip", ip(r)), null(p.CustomerNo), object("kundnummer", p.CustomerNo), at, 1, p.City, "SE", false)
		if err == nil {
			token := fmt.Sprintf("%016x%016x", r.Uint64(), r.Uint64())
			err = in.add("contact_inboxes", p.Number, p.Number, 1, token, at, at, false, token)
		}
		return err
	})
	if err != nil {
		return in.done(err)
	}
	message, ratings := 0, 0
	err = w.each(ctx, "chat", n, func(c conversation) error {
		r := newRandom(w.seed, "chat.row", c.Index)
		id, status := c.Index+1, 1
		if c.Closed.IsZero() {
			status = 0
		}
		var first any
		for _, t := range c.Turns {
			if t.Side == agent && first == nil {
				first = in.time(t.At)
			}
		}
		err := in.add("conversations", id, 1, 1, status, c.Agent.Number, c.Created, c.Updated, c.Person.Number, id,
			object("browser", pick(r, []string{"Firefox", "Chrome", "Safari", "Edge"}), "initiated_at_ip", or(c.Turns[0].IP, "192.0.2.1"), "referer", "https://www.sundvalla.example/"+c.Category),
			c.Person.Number, uuid(r), c.LastContact, object("queue", c.Queue), first, c.Category)
		for _, t := range c.Turns {
			if err != nil {
				return err
			}
			message++
			kind, sender, number := 0, "Contact", t.Author.Number
			if t.Side != customer {
				kind, sender, number = 1, "User", c.Agent.Number
			}
			err = in.add("messages", message, t.Text, 1, 1, id, kind, t.At, t.At, t.Side == internal, 0, 0, "{}", sender, number, "{}", strings.ToLower(t.Text))
		}
		if err == nil && c.Rating > 0 {
			ratings++
			var feedback any
			if c.Rating < 3 {
				feedback = "Fick inget riktigt svar. /" + c.Person.Given
			}
			err = in.add("csat_survey_responses", ratings, 1, id, message, c.Rating, feedback, c.Person.Number, c.Agent.Number, c.Updated, c.Updated)
		}
		return err
	})
	return in.done(err)
}

func object(pairs ...string) string {
	m := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	b, err := json.Marshal(m)
	if err != nil {
		panic("demo: json: " + err.Error()) // strings always marshal
	}
	return string(b)
}

func uuid(r random) string {
	a, b := r.Uint64(), r.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", a>>32, a>>16&0xffff, a&0xfff, 0x8000|b>>48&0x3fff, b&0xffffffffffff)
}
