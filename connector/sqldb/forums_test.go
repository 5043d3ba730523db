package sqldb_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	ct "github.com/gallra/gallra/connector/connectortest"
)

// phpBB makes the tables from phpBB's own list of columns, types translated.
func phpBB(t *testing.T) *product {
	p := open(t, "mariadb")
	p.prefix = "phpbb_"
	first := map[string]bool{}
	p.listed("data/schemas/phpbb/columns.csv", func(table, column, kind string) string {
		key := ""
		if !first[table] && strings.HasSuffix(column, "_id") && kind != "INDEX" {
			key = " PRIMARY KEY AUTO_INCREMENT"
		}
		first[table] = true
		word, _, _ := strings.Cut(kind, ":")
		switch word {
		case "VCHAR", "VCHAR_UNI", "VCHAR_CI", "UNIQUE", "CHAR", "STEXT_UNI", "XSTEXT_UNI":
			return "varchar(255) NOT NULL DEFAULT ''"
		case "TEXT", "TEXT_UNI", "MTEXT", "MTEXT_UNI":
			return "mediumtext NULL"
		case "INDEX": // the list tells of an index of the same name, not of the type
			if strings.HasSuffix(column, "_ip") {
				return "varchar(40) NOT NULL DEFAULT ''"
			}
			return "bigint NOT NULL DEFAULT 0"
		}
		if key != "" && (table == "user_group" || strings.HasSuffix(table, "_watch") || strings.HasSuffix(table, "_track") || strings.HasPrefix(table, "acl_") || table == "bookmarks" || table == "topics_posted" || table == "zebra" || table == "privmsgs_to" || table == "forums_access" || table == "profile_fields_data" || table == "oauth_accounts" || table == "search_wordmatch" || table == "profile_lang" || table == "profile_fields_lang" || table == "notification_emails" || table == "notification_push") {
			key = ""
		}
		if key != "" {
			return "bigint NOT NULL" + key
		}
		return "bigint NOT NULL DEFAULT 0"
	})
	p.address += "?profile=phpbb&prefix=phpbb_"
	for i, n := range []string{"Bygglov", "Skola", "Vatten"} {
		p.insert(t, row{"forums", []any{"forum_id", i + 1, "forum_name", n}})
	}
	return p
}

func unix(at time.Time) int64 {
	if at.IsZero() {
		return 0
	}
	return at.Unix()
}

func TestPhpBB(t *testing.T) {
	t.Parallel()
	phpBBTypes(t, phpBB(t), ct.Run)
}

// phpBBTypes gives run a harness for each type of record.
func phpBBTypes(t *testing.T, p *product, run func(*testing.T, ct.Harness)) {
	forums := map[string]int{"Bygglov": 1, "Skola": 2, "Vatten": 3}
	owned := []string{"users", "topics", "posts", "attachments", "search_wordlist", "search_wordmatch", "reports", "sessions", "drafts", "log", "notifications"}
	word := 0
	post := func(id, topic int, s ct.Seed, body string) []row {
		word++
		return []row{
			{"posts", []any{"post_id", id, "topic_id", topic, "post_time", unix(s.Created), "post_edit_time", unix(s.Updated), "post_text", body, "poster_ip", s.IP}},
			{"search_wordlist", []any{"word_id", word, "word_text", s.Key + fmt.Sprint(word)}},
			{"search_wordmatch", []any{"post_id", id, "word_id", word}},
			{"search_wordmatch", []any{"post_id", id, "word_id", 900_000}}, // a word that all use
		}
	}
	topic := func(id int, s ct.Seed, user int) []row {
		status := 1
		if s.Closed.IsZero() {
			status = 0
		}
		return []row{{"topics", []any{"topic_id", id, "forum_id", forums[s.Keep], "topic_title", s.Text, "topic_time", unix(s.Created), "topic_last_post_time", unix(s.Contact), "topic_status", status, "topic_poster", user, "topic_first_poster_name", s.Username}}}
	}
	t.Run("topics", func(t *testing.T) {
		seed := func(id int, s ct.Seed, user int) []row {
			rows := topic(id, s, user)
			for i, c := range s.Children {
				rows = append(rows, post(id+i, id, s, c)...)
			}
			for i, f := range s.Files {
				rows = append(rows, row{"attachments", []any{"attach_id", id + i, "post_msg_id", id, "topic_id", id, "real_filename", f.Name, "attach_comment", string(f.Content), "mimetype", "text/plain", "filetime", unix(s.Created)}})
			}
			for i, v := range s.History {
				if len(s.Children) > 0 {
					rows = append(rows, row{"reports", []any{"report_id", id + i, "post_id", id, "report_text", "x", "reported_post_text", v}})
				}
			}
			return rows
		}
		h := p.harness(owned, func(_ ct.TB, id int, s ct.Seed) []row { return seed(id, s, 1) })
		h.Type, h.Text, h.Keep, h.Children = "topic", "topic_title", "forum", "post"
		h.Texts = []string{"å ä ö Å Ä Ö é ü ß ñ — “citat” ’", "👩🏽‍🚒 𝒮 漢字 العربية"}
		h.Clocks = []gallra.StartEvent{gallra.StartCreated, gallra.StartLastContact}
		h.Touch = p.touch("topics", "", "topic_title")
		h.FailWrites = p.refuse("topics", "topic_title")
		h.Linked = p.linked(func(_ ct.TB, id int, s ct.Seed) []row {
			return append(seed(id, s, id), row{"users", []any{"user_id", id, "user_type", 0, "username", s.Username, "username_clean", s.Username}})
		})
		run(t, h)
	})
	t.Run("members", func(t *testing.T) {
		h := p.harness(owned, func(_ ct.TB, id int, s ct.Seed) []row {
			rows := []row{
				{"users", []any{"user_id", id, "user_type", 0, "username", s.Username, "username_clean", s.Username, "user_email", s.Email, "user_ip", s.IP, "user_regdate", unix(s.Created), "user_lastvisit", unix(s.Contact)}},
				{"sessions", []any{"session_id", s.Key, "session_user_id", id, "session_ip", s.IP}},
			}
			for i, v := range s.History {
				rows = append(rows, row{"log", []any{"log_id", id + i, "user_id", id, "log_operation", "x", "log_data", v}})
			}
			return rows
		})
		h.Type, h.Email = "user", "user_email"
		h.Kinds = []gallra.IdentifierKind{gallra.IdentEmail, gallra.IdentUsername, gallra.IdentIP}
		h.Clocks = []gallra.StartEvent{gallra.StartCreated, gallra.StartLastContact}
		run(t, h)
	})
}

// TestPhpBBForgetsTheNameElsewhere: what a member wrote in others' topics stays
// without name and address, whether the member is anonymised or erased.
func TestPhpBBForgetsTheNameElsewhere(t *testing.T) {
	t.Parallel()
	p := phpBB(t)
	for _, erase := range []bool{false, true} {
		p.exec(t, "DELETE FROM phpbb_users; DELETE FROM phpbb_topics; DELETE FROM phpbb_posts")
		p.insert(t, row{"users", []any{"user_id", 1, "user_type", 2, "username", "Anonymous", "username_clean", "anonymous"}}, row{"users", []any{"user_id", 7, "user_type", 0, "username", "Asa_Oberg", "username_clean", "asa_oberg"}},
			row{"topics", []any{"topic_id", 5, "topic_title", "Tråd", "topic_poster", 7, "topic_first_poster_name", "Asa_Oberg", "topic_last_poster_id", 7, "topic_last_poster_name", "Asa_Oberg"}},
			row{"posts", []any{"post_id", 6, "topic_id", 5, "poster_id", 7, "post_text", "hej", "post_username", "Asa_Oberg", "poster_ip", "192.0.2.7"}})
		p.exec(t, "UPDATE phpbb_forums SET forum_last_poster_id = 7, forum_last_poster_name = 'Asa_Oberg' WHERE forum_id = 1")
		src := p.source(t)
		ref := gallra.Ref{System: "system", Type: "user", ID: "7"}
		var err error
		if erase {
			_, err = src.(connector.Eraser).Erase(t.Context(), ref, "")
		} else {
			_, err = src.(connector.Editor).Edit(t.Context(), ref, "", []gallra.Field{{Name: "username", Value: ""}, {Name: "username_clean", Value: ""}})
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, place := range p.dump(t) {
			for _, v := range []string{"asa_oberg", "192.0.2.7"} {
				if strings.Contains(strings.ToLower(place.Value), v) {
					t.Errorf("erased %v: %s still holds %s", erase, place.Where, v)
				}
			}
		}
		post, err := src.Get(t.Context(), gallra.Ref{System: "system", Type: "post", ID: "6"})
		if err != nil || erase && !post.Person.IsZero() {
			t.Errorf("erased %v: the post is about %v, %v", erase, post.Person, err)
		}
	}
}

// answer makes the tables from the list of Apache Answer's columns; in two of
// them the list has lost the name of a time.
func answer(t *testing.T) *product {
	p := open(t, "mariadb")
	lost := map[string][]string{}
	p.listed("data/schemas/apache-answer/columns.csv", func(table, column, kind string) string {
		if column == "TIMESTAMP" {
			lost[table] = append(lost[table], column)
			return ""
		}
		if column == "id" {
			return "BIGINT NOT NULL PRIMARY KEY"
		}
		switch word, _, _ := strings.Cut(kind, "("); word {
		case "":
			return ""
		case "TIMESTAMP":
			return "DATETIME NULL"
		case "MEDIUMTEXT", "TEXT":
			return "MEDIUMTEXT NULL"
		case "VARCHAR":
			return "varchar(255) NOT NULL DEFAULT ''"
		}
		return "BIGINT NOT NULL DEFAULT 0"
	})
	for table := range lost {
		p.exec(t, "ALTER TABLE "+p.quote(table)+" ADD COLUMN updated_at DATETIME NULL")
	}
	p.exec(t, "ALTER TABLE question ADD COLUMN post_update_time DATETIME NULL")
	p.address += "?profile=answer"
	return p
}

func TestApacheAnswer(t *testing.T) {
	t.Parallel()
	answerTypes(t, answer(t), ct.Run)
}

// answerTypes gives run a harness for each type of record.
func answerTypes(t *testing.T, p *product, run func(*testing.T, ct.Harness)) {
	owned := []string{"user", "question", "answer", "comment", "revision", "report", "notification", "user_external_login", "activity"}
	t.Run("questions", func(t *testing.T) {
		seed := func(id int, s ct.Seed, user int) []row {
			status := 2
			if s.Closed.IsZero() {
				status = 1
			}
			rows := []row{{"question", []any{"id", id, "user_id", user, "title", s.Text, "original_text", "Fråga " + s.Key, "parsed_text", "<p>Fråga " + s.Key + "</p>", "status", status, "created_at", s.Created, "updated_at", s.Updated, "post_update_time", s.Contact}}}
			for i, c := range s.Children {
				rows = append(rows, row{"answer", []any{"id", id + i, "question_id", id, "original_text", c, "parsed_text", c, "created_at", s.Created, "updated_at", s.Created}},
					row{"comment", []any{"id", id + i, "question_id", id, "object_id", id, "original_text", c, "parsed_text", c, "created_at", s.Created, "updated_at", s.Created}})
			}
			for i, v := range s.History {
				rows = append(rows, row{"revision", []any{"id", id + i, "object_type", 1, "object_id", id, "title", "x", "content", quoted(v), "created_at", s.Created}},
					row{"report", []any{"id", id + i, "object_type", 1, "object_id", id, "flagged_content", v, "created_at", s.Created}})
			}
			return rows
		}
		h := p.harness(owned, func(_ ct.TB, id int, s ct.Seed) []row { return seed(id, s, 0) })
		h.Type, h.Text, h.Children = "question", "title", "answer"
		h.Texts = []string{"å ä ö Å Ä Ö é ü ß ñ — “citat” ’", "👩🏽‍🚒 𝒮 漢字 العربية", `'; DROP TABLE ticket; -- "dubbla" \ %s %00 <b>&amp;</b> {{x}}`}
		h.Clocks = []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated, gallra.StartLastContact}
		h.Touch = p.touch("question", "updated_at", "title")
		h.FailWrites = p.refuse("question", "title")
		h.Linked = p.linked(func(_ ct.TB, id int, s ct.Seed) []row {
			return append(seed(id, s, id), row{"user", []any{"id", id, "username", s.Username}})
		})
		run(t, h)
	})
	t.Run("users", func(t *testing.T) {
		h := p.harness(owned, func(_ ct.TB, id int, s ct.Seed) []row {
			rows := []row{{"user", []any{"id", id, "username", s.Username, "display_name", s.Name, "e_mail", s.Email, "mobile", s.Phone, "ip_info", s.IP, "created_at", s.Created, "updated_at", s.Updated, "last_login_date", s.Contact}}}
			for i, v := range s.History {
				rows = append(rows, row{"notification", []any{"id", id + i, "user_id", id, "content", quoted(v), "created_at", s.Created}})
			}
			return rows
		})
		h.Type, h.Email, h.Named = "user", "e_mail", "display_name"
		h.Kinds = []gallra.IdentifierKind{gallra.IdentEmail, gallra.IdentName, gallra.IdentPhone, gallra.IdentUsername, gallra.IdentIP}
		h.Clocks = []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated, gallra.StartLastContact}
		run(t, h)
	})
}

// discourseSchema has the columns that the profile speaks of, as the models of
// Discourse list them; the other columns and tables are left out.
const discourseSchema = `
CREATE TABLE users (id serial PRIMARY KEY, username varchar(60) NOT NULL UNIQUE, username_lower varchar(60) NOT NULL UNIQUE, name varchar, title varchar, ip_address inet, registration_ip_address inet, date_of_birth date, trust_level int DEFAULT 0, admin boolean NOT NULL DEFAULT false, moderator boolean NOT NULL DEFAULT false, created_at timestamp, updated_at timestamp, last_seen_at timestamp);
CREATE TABLE user_emails (id serial PRIMARY KEY, user_id int NOT NULL, email varchar(513) NOT NULL, normalized_email varchar, "primary" boolean DEFAULT false, created_at timestamp, updated_at timestamp);
CREATE TABLE user_profiles (user_id int PRIMARY KEY, location varchar, website varchar, bio_raw text, bio_cooked text, views int DEFAULT 0);
CREATE TABLE user_custom_fields (id serial PRIMARY KEY, user_id int NOT NULL, name varchar(256), value text, created_at timestamp, updated_at timestamp);
CREATE TABLE user_search_data (user_id int PRIMARY KEY, search_data tsvector, raw_data text);
CREATE TABLE user_associated_accounts (id serial PRIMARY KEY, user_id int, provider_uid varchar, info json, extra json);
CREATE TABLE single_sign_on_records (id serial PRIMARY KEY, user_id int NOT NULL, external_id varchar, last_payload text NOT NULL DEFAULT '', external_username varchar, external_email varchar, external_name varchar, created_at timestamp, updated_at timestamp);
CREATE TABLE user_auth_tokens (id serial PRIMARY KEY, user_id int NOT NULL, auth_token varchar, client_ip inet, user_agent varchar);
CREATE TABLE user_auth_token_logs (id serial PRIMARY KEY, user_id int, client_ip inet, user_agent varchar);
CREATE TABLE user_histories (id serial PRIMARY KEY, action int, acting_user_id int, target_user_id int, details text, context varchar, ip_address varchar, email varchar, subject text, previous_value text, new_value text, created_at timestamp, updated_at timestamp);
CREATE TABLE email_logs (id serial PRIMARY KEY, to_address varchar, email_type varchar, user_id int, cc_addresses text, raw text, created_at timestamp, updated_at timestamp);
CREATE TABLE drafts (id serial PRIMARY KEY, user_id int, draft_key varchar, data text NOT NULL, created_at timestamp, updated_at timestamp);
CREATE TABLE notifications (id serial PRIMARY KEY, user_id int NOT NULL, data varchar(1000), created_at timestamp, updated_at timestamp);
CREATE TABLE invites (id serial PRIMARY KEY, email varchar, invited_by_id int NOT NULL, custom_message text, created_at timestamp, updated_at timestamp);
CREATE TABLE user_actions (id serial PRIMARY KEY, action_type int, user_id int NOT NULL, created_at timestamp);
CREATE TABLE categories (id serial PRIMARY KEY, name varchar(50));
CREATE TABLE topics (id serial PRIMARY KEY, title varchar NOT NULL, fancy_title varchar, slug varchar, excerpt varchar, featured_link varchar, category_id int, archetype varchar DEFAULT 'regular', posts_count int DEFAULT 0, views int DEFAULT 0, closed boolean NOT NULL DEFAULT false, user_id int, last_post_user_id int NOT NULL DEFAULT -1, created_at timestamp, updated_at timestamp, last_posted_at timestamp, deleted_at timestamp);
CREATE TABLE topic_search_data (topic_id int PRIMARY KEY, raw_data text, search_data tsvector);
CREATE TABLE topic_allowed_users (id serial PRIMARY KEY, user_id int NOT NULL, topic_id int NOT NULL);
CREATE TABLE topic_users (id serial PRIMARY KEY, user_id int NOT NULL, topic_id int NOT NULL);
CREATE TABLE topic_views (topic_id int NOT NULL, viewed_at date, user_id int, ip_address inet);
CREATE TABLE posts (id serial PRIMARY KEY, user_id int, topic_id int NOT NULL, post_number int DEFAULT 1, raw text NOT NULL, cooked text NOT NULL, raw_email text, edit_reason varchar, last_editor_id int, created_at timestamp, updated_at timestamp, deleted_at timestamp);
CREATE TABLE post_revisions (id serial PRIMARY KEY, user_id int, post_id int, modifications text, number int, created_at timestamp, updated_at timestamp);
CREATE TABLE post_search_data (post_id int PRIMARY KEY, search_data tsvector, raw_data text);
CREATE TABLE post_custom_fields (id serial PRIMARY KEY, post_id int NOT NULL, name varchar, value text);
CREATE TABLE incoming_emails (id serial PRIMARY KEY, user_id int, topic_id int, post_id int, raw text, error text, message_id text, from_address text, to_addresses text, cc_addresses text, subject text, rejection_message text, created_at timestamp, updated_at timestamp);
CREATE TABLE post_actions (id serial PRIMARY KEY, post_id int NOT NULL, user_id int NOT NULL);
CREATE TABLE uploads (id serial PRIMARY KEY, user_id int NOT NULL, original_filename varchar NOT NULL, url varchar NOT NULL DEFAULT '', created_at timestamp);
CREATE TABLE upload_references (id serial PRIMARY KEY, upload_id int NOT NULL, target_type varchar NOT NULL, target_id int NOT NULL, created_at timestamp);
CREATE TABLE topic_links (id serial PRIMARY KEY, topic_id int NOT NULL, post_id int, user_id int NOT NULL, url varchar(500), title varchar);`

func discourse(t *testing.T) *product {
	p := open(t, "postgres")
	p.exec(t, discourseSchema)
	p.address += "?profile=discourse"
	for i, n := range []string{"Bygglov", "Skola", "Vatten"} {
		p.insert(t, row{"categories", []any{"id", i + 1, "name", n}})
	}
	return p
}

func TestDiscourse(t *testing.T) {
	t.Parallel()
	discourseTypes(t, discourse(t), ct.Run)
}

// discourseTypes gives run a harness for each type of record.
func discourseTypes(t *testing.T, p *product, run func(*testing.T, ct.Harness)) {
	categories := map[string]int{"Bygglov": 1, "Skola": 2, "Vatten": 3}
	owned := []string{"users", "user_emails", "user_profiles", "topics", "posts", "post_revisions", "post_search_data", "topic_search_data", "incoming_emails", "notifications", "user_histories", "email_logs", "topic_links"}
	post := func(id, topic int, s ct.Seed, body string) []row {
		return []row{
			{"posts", []any{"id", id, "topic_id", topic, "raw", body, "cooked", "<p>" + body + "</p>", "raw_email", "From: " + s.Email + "\r\n\r\n" + body, "created_at", s.Created, "updated_at", s.Updated}},
			{"post_search_data", []any{"post_id", id, "raw_data", body}},
			{"incoming_emails", []any{"id", id, "post_id", id, "raw", "From: " + s.Email + "\r\nContent-Transfer-Encoding: quoted-printable\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + quotedPrintable(body), "from_address", s.Email, "subject", s.Key}},
		}
	}
	t.Run("topics", func(t *testing.T) {
		seed := func(id int, s ct.Seed, user any) []row {
			rows := []row{{"topics", []any{"id", id, "title", s.Text, "slug", s.Key, "category_id", categories[s.Keep], "closed", !s.Closed.IsZero(), "user_id", user, "created_at", s.Created, "updated_at", s.Updated, "last_posted_at", s.Contact}},
				{"topic_search_data", []any{"topic_id", id, "raw_data", s.Text}}}
			for i, c := range s.Children {
				rows = append(rows, post(id+i, id, s, c)...)
			}
			for i, v := range s.History {
				if len(s.Children) > 0 {
					rows = append(rows, row{"post_revisions", []any{"id", id + i, "post_id", id, "modifications", "---\nraw:\n- " + v + "\n- y\n", "created_at", s.Created}})
				}
			}
			return rows
		}
		h := p.harness(owned, func(_ ct.TB, id int, s ct.Seed) []row { return seed(id, s, nil) })
		h.Type, h.Keep, h.Children = "topic", "category", "post"
		h.Clocks = []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated, gallra.StartLastContact}
		h.Touch = p.touch("topics", "updated_at", "")
		h.FailWrites = p.refuse("topics", "title")
		h.Linked = p.linked(func(_ ct.TB, id int, s ct.Seed) []row {
			return append(seed(id, s, id), row{"users", []any{"id", id, "username", s.Username, "username_lower", s.Username}})
		})
		run(t, h)
	})
	t.Run("posts", func(t *testing.T) {
		h := p.harness(owned, func(_ ct.TB, id int, s ct.Seed) []row {
			rows := append([]row{{"topics", []any{"id", id / 100, "title", "Tråd", "created_at", s.Created, "updated_at", s.Created}}}, post(id, id/100, s, s.Text)...)
			rows[1].cells = []any{"id", id, "topic_id", id / 100, "raw", s.Text, "cooked", "", "created_at", s.Created, "updated_at", s.Updated}
			for i, v := range s.History {
				rows = append(rows, row{"post_revisions", []any{"id", id + i, "post_id", id, "modifications", v, "created_at", s.Created}})
			}
			return rows
		})
		h.Type, h.Text = "post", "raw"
		h.Clocks = []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated}
		h.Touch = p.touch("posts", "updated_at", "raw")
		run(t, h)
	})
	t.Run("members", func(t *testing.T) {
		h := p.harness(owned, func(_ ct.TB, id int, s ct.Seed) []row {
			rows := []row{{"users", []any{"id", id, "username", s.Username, "username_lower", s.Username, "name", s.Name, "ip_address", s.IP, "created_at", s.Created, "updated_at", s.Updated, "last_seen_at", s.Contact}},
				{"user_profiles", []any{"user_id", id, "bio_raw", "jag är " + s.Key}}}
			for i, v := range s.History {
				rows = append(rows, row{"user_histories", []any{"id", id + i, "target_user_id", id, "previous_value", v, "created_at", s.Created}})
			}
			return rows
		})
		h.Type, h.Named = "user", "name"
		h.Kinds = []gallra.IdentifierKind{gallra.IdentName, gallra.IdentUsername}
		h.Clocks = []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated, gallra.StartLastContact}
		run(t, h)
	})
}

// TestG7_UploadOfTwoPersonsStaysWithTheOther: an upload that posts of two persons
// show stays when one of the posts goes, and one that nobody shows any more is
// left to Discourse's own job, which takes what nothing refers to. A reference
// that stayed behind would keep it for ever.
func TestG7_UploadOfTwoPersonsStaysWithTheOther(t *testing.T) {
	t.Parallel()
	p := discourse(t)
	p.insert(t, row{"users", []any{"id", 7, "username", "asa", "username_lower", "asa"}}, row{"users", []any{"id", 8, "username", "bo", "username_lower", "bo"}},
		row{"topics", []any{"id", 5, "title", "Tråd"}}, row{"posts", []any{"id", 50, "topic_id", 5, "user_id", 7, "raw", "![ritning](upload://a)", "cooked", ""}},
		row{"posts", []any{"id", 51, "topic_id", 5, "user_id", 8, "raw", "![ritning](upload://a)", "cooked", ""}},
		row{"uploads", []any{"id", 1, "user_id", 7, "original_filename", "ritning.png"}}, row{"uploads", []any{"id", 2, "user_id", 7, "original_filename", "bara min.png"}},
		row{"upload_references", []any{"id", 1, "upload_id", 1, "target_type", "Post", "target_id", 50}}, row{"upload_references", []any{"id", 2, "upload_id", 1, "target_type", "Post", "target_id", 51}},
		row{"upload_references", []any{"id", 3, "upload_id", 2, "target_type", "Post", "target_id", 50}}, row{"upload_references", []any{"id", 4, "upload_id", 1, "target_type", "User", "target_id", 50}})
	src := p.source(t)
	kept := func(when, uploads, references string) {
		t.Helper()
		p.exec(t, "DELETE FROM uploads WHERE id NOT IN (SELECT upload_id FROM upload_references)") // the job
		var u, r string
		if err := p.db.QueryRow("SELECT (SELECT coalesce(string_agg(id::text, ',' ORDER BY id), '') FROM uploads), (SELECT coalesce(string_agg(id::text, ',' ORDER BY id), '') FROM upload_references)").Scan(&u, &r); err != nil || u != uploads || r != references {
			t.Errorf("%s: uploads %s, references %s, %v", when, u, r, err)
		}
	}
	kept("before", "1,2", "1,2,3,4")
	if _, err := src.(connector.Eraser).Erase(t.Context(), gallra.Ref{System: "system", Type: "post", ID: "50"}, ""); err != nil {
		t.Fatal(err)
	}
	kept("one post gone", "1", "2,4") // 4 is of a user who has the post's number
	p.exec(t, "DELETE FROM upload_references WHERE id = 4")
	if _, err := src.(connector.Eraser).Erase(t.Context(), gallra.Ref{System: "system", Type: "topic", ID: "5"}, ""); err != nil {
		t.Fatal(err)
	}
	kept("the topic gone", "", "")
}
