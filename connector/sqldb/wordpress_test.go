package sqldb_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	ct "github.com/gallra/gallra/connector/connectortest"
)

// The tables of WordPress's core with the types and limits that its installer
// gives them; bbPress adds none.
const wordpressSchema = `
CREATE TABLE wp_users (ID bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, user_login varchar(60) NOT NULL DEFAULT '', user_pass varchar(255) NOT NULL DEFAULT '', user_nicename varchar(50) NOT NULL DEFAULT '', user_email varchar(100) NOT NULL DEFAULT '', user_url varchar(100) NOT NULL DEFAULT '', user_registered datetime NOT NULL DEFAULT '0000-00-00 00:00:00', user_activation_key varchar(255) NOT NULL DEFAULT '', user_status int NOT NULL DEFAULT 0, display_name varchar(250) NOT NULL DEFAULT '', KEY (user_login), KEY (user_nicename), KEY (user_email));
CREATE TABLE wp_usermeta (umeta_id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, user_id bigint unsigned NOT NULL DEFAULT 0, meta_key varchar(255), meta_value longtext, KEY (user_id), KEY (meta_key(191)));
CREATE TABLE wp_posts (ID bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, post_author bigint unsigned NOT NULL DEFAULT 0, post_date datetime NOT NULL DEFAULT '0000-00-00 00:00:00', post_date_gmt datetime NOT NULL DEFAULT '0000-00-00 00:00:00', post_content longtext NOT NULL DEFAULT '', post_title text NOT NULL DEFAULT '', post_excerpt text NOT NULL DEFAULT '', post_status varchar(20) NOT NULL DEFAULT 'publish', comment_status varchar(20) NOT NULL DEFAULT 'open', ping_status varchar(20) NOT NULL DEFAULT 'open', post_password varchar(255) NOT NULL DEFAULT '', post_name varchar(200) NOT NULL DEFAULT '', to_ping text NOT NULL DEFAULT '', pinged text NOT NULL DEFAULT '', post_modified datetime NOT NULL DEFAULT '0000-00-00 00:00:00', post_modified_gmt datetime NOT NULL DEFAULT '0000-00-00 00:00:00', post_content_filtered longtext NOT NULL DEFAULT '', post_parent bigint unsigned NOT NULL DEFAULT 0, guid varchar(255) NOT NULL DEFAULT '', menu_order int NOT NULL DEFAULT 0, post_type varchar(20) NOT NULL DEFAULT 'post', post_mime_type varchar(100) NOT NULL DEFAULT '', comment_count bigint NOT NULL DEFAULT 0, KEY (post_name(191)), KEY (post_type, post_status, post_date, ID), KEY (post_parent), KEY (post_author));
CREATE TABLE wp_postmeta (meta_id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, post_id bigint unsigned NOT NULL DEFAULT 0, meta_key varchar(255), meta_value longtext, KEY (post_id), KEY (meta_key(191)));
CREATE TABLE wp_comments (comment_ID bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, comment_post_ID bigint unsigned NOT NULL DEFAULT 0, comment_author tinytext NOT NULL DEFAULT '', comment_author_email varchar(100) NOT NULL DEFAULT '', comment_author_url varchar(200) NOT NULL DEFAULT '', comment_author_IP varchar(100) NOT NULL DEFAULT '', comment_date datetime NOT NULL DEFAULT '0000-00-00 00:00:00', comment_date_gmt datetime NOT NULL DEFAULT '0000-00-00 00:00:00', comment_content text NOT NULL DEFAULT '', comment_karma int NOT NULL DEFAULT 0, comment_approved varchar(20) NOT NULL DEFAULT '1', comment_agent varchar(255) NOT NULL DEFAULT '', comment_type varchar(20) NOT NULL DEFAULT 'comment', comment_parent bigint unsigned NOT NULL DEFAULT 0, user_id bigint unsigned NOT NULL DEFAULT 0, KEY (comment_post_ID), KEY (comment_approved, comment_date_gmt), KEY (comment_parent), KEY (comment_author_email(10)));
CREATE TABLE wp_commentmeta (meta_id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, comment_id bigint unsigned NOT NULL DEFAULT 0, meta_key varchar(255), meta_value longtext, KEY (comment_id), KEY (meta_key(191)));
CREATE TABLE wp_terms (term_id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, name varchar(200) NOT NULL DEFAULT '', slug varchar(200) NOT NULL DEFAULT '', term_group bigint NOT NULL DEFAULT 0);
CREATE TABLE wp_termmeta (meta_id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, term_id bigint unsigned NOT NULL DEFAULT 0, meta_key varchar(255), meta_value longtext);
CREATE TABLE wp_term_taxonomy (term_taxonomy_id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, term_id bigint unsigned NOT NULL DEFAULT 0, taxonomy varchar(32) NOT NULL DEFAULT '', description longtext NOT NULL, parent bigint unsigned NOT NULL DEFAULT 0, count bigint NOT NULL DEFAULT 0);
CREATE TABLE wp_term_relationships (object_id bigint unsigned NOT NULL DEFAULT 0, term_taxonomy_id bigint unsigned NOT NULL DEFAULT 0, term_order int NOT NULL DEFAULT 0, PRIMARY KEY (object_id, term_taxonomy_id));
CREATE TABLE wp_options (option_id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, option_name varchar(191) NOT NULL DEFAULT '', option_value longtext NOT NULL, autoload varchar(20) NOT NULL DEFAULT 'yes', UNIQUE (option_name));
CREATE TABLE wp_links (link_id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, link_url varchar(255) NOT NULL DEFAULT '', link_name varchar(255) NOT NULL DEFAULT '', link_image varchar(255) NOT NULL DEFAULT '', link_target varchar(25) NOT NULL DEFAULT '', link_description varchar(255) NOT NULL DEFAULT '', link_visible varchar(20) NOT NULL DEFAULT 'Y', link_owner bigint unsigned NOT NULL DEFAULT 1, link_rating int NOT NULL DEFAULT 0, link_updated datetime NOT NULL DEFAULT '0000-00-00 00:00:00', link_rel varchar(255) NOT NULL DEFAULT '', link_notes mediumtext NOT NULL, link_rss varchar(255) NOT NULL DEFAULT '');`

func wordPress(t *testing.T) *product {
	p := open(t, "mariadb")
	p.prefix = "wp_"
	p.exec(t, wordpressSchema)
	p.address += "?profile=wordpress&prefix=wp_"
	p.exec(t, `INSERT INTO wp_users (ID, user_login, display_name) VALUES (1, 'admin', 'Redaktionen')`)
	p.exec(t, `INSERT INTO wp_usermeta (user_id, meta_key, meta_value) VALUES (1, 'wp_capabilities', 'a:1:{s:13:"administrator";b:1;}')`)
	return p
}

// gmt is a time as WordPress writes it; it writes zeros for none.
func gmt(at time.Time) string {
	if at.IsZero() {
		return "0000-00-00 00:00:00"
	}
	return at.UTC().Format(time.DateTime)
}

func TestWordPress(t *testing.T) {
	t.Parallel()
	wordPressTypes(t, wordPress(t), ct.Run)
}

// wordPressTypes gives run a harness for each type of record.
func wordPressTypes(t *testing.T, p *product, run func(*testing.T, ct.Harness)) {
	owned := []string{"posts", "postmeta", "comments", "commentmeta"}
	subscriber := func(id int, s ct.Seed) []row {
		return []row{
			{"users", []any{"ID", id, "user_login", s.Username, "user_nicename", s.Username, "user_email", s.Email, "display_name", s.Name, "user_registered", gmt(s.Created)}},
			{"usermeta", []any{"umeta_id", id, "user_id", id, "meta_key", "wp_capabilities", "meta_value", `a:1:{s:10:"subscriber";b:1;}`}},
			{"usermeta", []any{"umeta_id", id + 1, "user_id", id, "meta_key", "description", "meta_value", "jag är " + s.Key}},
		}
	}
	// Members go, the editors stay.
	reset := func(h *ct.Harness) {
		before := h.Reset
		h.Reset = func(tb ct.TB) {
			before(tb)
			p.exec(tb, "DELETE FROM wp_users WHERE ID <> 1; DELETE FROM wp_usermeta WHERE user_id <> 1")
		}
	}
	t.Run("comments", func(t *testing.T) {
		seed := func(id int, s ct.Seed, user int) []row {
			rows := []row{{"comments", []any{"comment_ID", id, "comment_post_ID", 1, "comment_author", s.Name, "comment_author_email", s.Email, "comment_author_IP", s.IP, "comment_date", gmt(s.Created), "comment_date_gmt", gmt(s.Created), "comment_content", s.Text, "comment_type", "comment", "comment_approved", s.Keep, "comment_agent", "Mozilla", "user_id", user}}}
			for i, v := range s.History {
				rows = append(rows, row{"commentmeta", []any{"meta_id", id + i, "comment_id", id, "meta_key", "_wp_trash_meta_status", "meta_value", v}})
			}
			return rows
		}
		h := p.harness(owned, func(_ ct.TB, id int, s ct.Seed) []row { return seed(id, s, 0) })
		h.Type, h.Named, h.Email, h.Text, h.Keep = "comment", "comment_author", "comment_author_email", "comment_content", "comment_approved"
		h.Kinds = []gallra.IdentifierKind{gallra.IdentEmail, gallra.IdentName, gallra.IdentIP}
		h.Clocks = []gallra.StartEvent{gallra.StartCreated}
		h.Touch = p.touch("comments", "", "comment_content")
		h.FailWrites = p.refuse("comments", "comment_author")
		h.Linked = p.linked(func(_ ct.TB, id int, s ct.Seed) []row { return append(seed(id, s, id), subscriber(id, s)...) })
		reset(&h)
		run(t, h)
	})
	t.Run("topics", func(t *testing.T) {
		post := func(id, parent int, kind string, s ct.Seed, text string, user int) row {
			title, body := text, ""
			if kind == "reply" {
				title, body = "Svar", text
			}
			return row{"posts", []any{"ID", id, "post_type", kind, "post_parent", parent, "post_title", title, "post_content", body, "post_status", s.Keep, "post_author", user, "post_name", s.Key, "post_date_gmt", gmt(s.Created), "post_modified_gmt", gmt(s.Updated)}}
		}
		seed := func(id int, s ct.Seed, user int) []row {
			rows := []row{post(id, 5, "topic", s, s.Text, user), {"postmeta", []any{"meta_id", id, "post_id", id, "meta_key", "_bbp_forum_id", "meta_value", "5"}}}
			for i, c := range s.Children {
				rows = append(rows, post(id+1+i, id, "reply", s, c, user))
			}
			for i, v := range s.History {
				rows = append(rows, row{"posts", []any{"ID", id + 40 + i, "post_type", "revision", "post_parent", id, "post_title", v, "post_content", v, "post_status", "inherit", "post_date_gmt", gmt(s.Created)}})
			}
			return rows
		}
		h := p.harness(owned, func(_ ct.TB, id int, s ct.Seed) []row { return seed(id, s, 0) })
		h.Type, h.Text, h.Keep, h.Children = "topic", "post_title", "post_status", "reply"
		h.Clocks = []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated}
		h.Touch = p.touch("posts", "post_modified_gmt", "post_title")
		h.Linked = p.linked(func(_ ct.TB, id int, s ct.Seed) []row { return append(seed(id, s, id), subscriber(id, s)...) })
		reset(&h)
		run(t, h)
	})
	t.Run("members", func(t *testing.T) {
		h := p.harness(owned, func(_ ct.TB, id int, s ct.Seed) []row {
			rows := subscriber(id, s)
			for i, v := range s.History {
				rows = append(rows, row{"usermeta", []any{"umeta_id", id + 10 + i, "user_id", id, "meta_key", fmt.Sprintf("old_%d", i), "meta_value", v}})
			}
			return rows
		})
		h.Type, h.Named, h.Email = "user", "display_name", "user_email"
		h.Kinds = []gallra.IdentifierKind{gallra.IdentEmail, gallra.IdentName, gallra.IdentUsername}
		h.Clocks = []gallra.StartEvent{gallra.StartCreated}
		reset(&h)
		run(t, h)
	})
}

// TestWordPressEditorsStay: who may write for the site is no customer, and what
// the site says is no customer's record.
func TestWordPressEditorsStay(t *testing.T) {
	t.Parallel()
	p := wordPress(t)
	p.exec(t, `INSERT INTO wp_posts (ID, post_author, post_title, post_type) VALUES (3, 1, 'Öppettider', 'page'), (4, 1, 'Gammal', 'revision')`)
	src := p.source(t)
	for _, typ := range []string{"user", "topic"} {
		if l, err := src.List(t.Context(), connector.Query{Type: typ}); err != nil || len(l.Records) != 0 {
			t.Errorf("%s: %v %v", typ, l.Records, err)
		}
	}
	if l, err := src.List(t.Context(), connector.Query{Type: "page"}); err != nil || len(l.Records) != 1 {
		t.Errorf("pages: %v %v", l.Records, err)
	}
}
