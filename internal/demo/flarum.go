package demo

import (
	"context"
	"database/sql"
	"fmt"
	"html"
	"strings"
)

// flarumTables are the tables and columns of Flarum in which members' data are
// kept, as its installer makes them on SQLite.
var flarumTables = []string{
	`CREATE TABLE users (id integer PRIMARY KEY, username varchar(100) NOT NULL, email varchar(150) NOT NULL, is_email_confirmed boolean NOT NULL DEFAULT 0, password varchar(100) NOT NULL, avatar_url varchar(100), preferences json, joined_at datetime, last_seen_at datetime, marked_all_as_read_at datetime, read_notifications_at datetime, discussion_count integer NOT NULL DEFAULT 0, comment_count integer NOT NULL DEFAULT 0)`,
	`CREATE TABLE discussions (id integer PRIMARY KEY, title varchar(200) NOT NULL, comment_count integer NOT NULL DEFAULT 1, participant_count integer NOT NULL DEFAULT 0, created_at datetime NOT NULL, user_id integer, first_post_id integer, last_posted_at datetime, last_posted_user_id integer, last_post_id integer, last_post_number integer, hidden_at datetime, hidden_user_id integer, slug varchar(255) NOT NULL, is_private boolean NOT NULL DEFAULT 0)`,
	`CREATE TABLE posts (id integer PRIMARY KEY, discussion_id integer NOT NULL, number integer, created_at datetime NOT NULL, user_id integer, type varchar(100), content text, edited_at datetime, edited_user_id integer, hidden_at datetime, hidden_user_id integer, ip_address varchar(45), is_private boolean NOT NULL DEFAULT 0)`,
	`CREATE TABLE notifications (id integer PRIMARY KEY, user_id integer NOT NULL, from_user_id integer, type varchar(100) NOT NULL, subject_id integer, data json, created_at datetime NOT NULL, is_deleted boolean NOT NULL DEFAULT 0, read_at datetime)`,
	`CREATE TABLE discussion_user (user_id integer NOT NULL, discussion_id integer NOT NULL, last_read_at datetime, last_read_post_number integer, PRIMARY KEY (user_id, discussion_id))`,
	`CREATE TABLE access_tokens (id integer PRIMARY KEY, token varchar(40) NOT NULL, user_id integer NOT NULL, last_activity_at datetime, created_at datetime NOT NULL, type varchar(100) NOT NULL, title varchar(150), last_ip_address varchar(45), last_user_agent varchar(255))`,
	`CREATE TABLE email_tokens (token varchar(100) PRIMARY KEY, email varchar(150) NOT NULL, user_id integer NOT NULL, created_at datetime)`,
	`CREATE TABLE login_providers (id integer PRIMARY KEY, user_id integer NOT NULL, provider varchar(100) NOT NULL, identifier varchar(100) NOT NULL, created_at datetime, last_login_at datetime)`,
	`CREATE TABLE registration_tokens (token varchar(100) PRIMARY KEY, payload text, created_at datetime, provider varchar(255) NOT NULL, identifier varchar(255) NOT NULL, user_attributes text)`,
	`CREATE TABLE password_tokens (token varchar(100) PRIMARY KEY, user_id integer NOT NULL, created_at datetime)`,
	`CREATE TABLE post_user (post_id integer NOT NULL, user_id integer NOT NULL, PRIMARY KEY (post_id, user_id))`,
	`CREATE TABLE "groups" (id integer PRIMARY KEY, name_singular varchar(100) NOT NULL, name_plural varchar(100) NOT NULL, color varchar(20), icon varchar(100), is_hidden boolean NOT NULL DEFAULT 0, created_at datetime, updated_at datetime)`,
	`CREATE TABLE group_user (user_id integer NOT NULL, group_id integer NOT NULL, created_at datetime, PRIMARY KEY (user_id, group_id))`,
	`CREATE TABLE settings (key varchar(100) PRIMARY KEY, value text)`,
	`CREATE INDEX posts_discussion ON posts (discussion_id)`,
	`CREATE INDEX posts_user ON posts (user_id)`,
	`CREATE UNIQUE INDEX users_email ON users (email)`,
}

func createFlarum(ctx context.Context, db *sql.DB) error {
	for _, s := range flarumTables {
		if _, err := db.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("demo: create forum: %w", err)
		}
	}
	return nil
}

// fillFlarum writes the members and n discussions of the forum. User ids start
// after first, so that an installation's own administrator stays.
func (w *world) fillFlarum(ctx context.Context, db *sql.DB, d dialect, prefix string, first, n int) (Counts, error) {
	in := newInserter(ctx, db, d, prefix)
	in.table("users", "id", "username", "email", "is_email_confirmed", "password", "preferences", "joined_at", "last_seen_at", "discussion_count", "comment_count")
	in.table("discussions", "id", "title", "comment_count", "participant_count", "created_at", "user_id", "last_posted_at", "last_posted_user_id", "last_post_number", "slug", "is_private")
	in.table("posts", "id", "discussion_id", "number", "created_at", "user_id", "type", "content", "ip_address", "is_private")
	err := w.accounts("forum", func(p Person) error {
		at := w.volume.at(float64(p.Number-1) / float64(w.persons))
		return in.add("users", first+p.Number, p.Username, p.Email(), true, fmt.Sprintf("$2y$10$%053d", p.Number), "{}", at, at, 0, 0)
	})
	if err != nil {
		return in.done(err)
	}
	post := 0
	err = w.each(ctx, "forum", n, func(c conversation) error {
		authors := map[int]bool{}
		for _, t := range c.Turns {
			authors[t.Author.Number] = true
		}
		last := c.Turns[len(c.Turns)-1]
		err := in.add("discussions", c.Index+1, c.Subject, len(c.Turns), len(authors), c.Created, first+c.Person.Number, last.At, first+last.Author.Number, len(c.Turns),
			slug(c.Subject), false)
		for i, t := range c.Turns {
			if err != nil {
				return err
			}
			post++
			content := "<t><p>" + strings.ReplaceAll(html.EscapeString(t.Text), "\n", "<br/>\n") + "</p></t>"
			err = in.add("posts", post, c.Index+1, i+1, t.At, first+t.Author.Number, "comment", content, t.IP, false)
		}
		return err
	})
	return in.done(err)
}

// slug returns the form of a title that stands in an address.
func slug(title string) string {
	words := strings.Fields(title)
	for i := range words {
		words[i] = ascii(words[i])
	}
	return strings.Join(words, "-")
}
