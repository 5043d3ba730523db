package retention_test

import (
	"context"
	"database/sql"
	"strings"
	"testing"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/retention"
	"github.com/gallra/gallra/internal/store/storetest"
	"github.com/gallra/gallra/internal/testserver"
	"github.com/gallra/gallra/pii"
)

const (
	hushed = "Pratade med quorvatz om fakturan igen." // nobody is found here
	spoken = "Hälsningar Karin Quorvatz"              // and here it is plain
)

// redacted carries out one plan that redacts text in place.
func redacted(t *testing.T, src connector.Source) (*retention.Protocol, *fixture) {
	t.Helper()
	e := swedish(t)
	for _, found := range e.Find(hushed) {
		t.Fatalf("%s is found by itself", found.Category)
	}
	f := setup(t, storetest.SQLite(t))
	f.PII = e
	f.Open = func(context.Context, gallra.SystemID) (connector.Source, error) { return src, nil }
	p := f.plan(t, company, redacting())
	f.approve(t, p)
	pr := f.run(t, p)
	f.verifyLog(t)
	if pr.Status != retention.Complete || pr.Total.Outcomes[gallra.OutcomeFailed] != 0 || len(pr.Total.Reasons) != 0 || !pr.FiguresEqual {
		t.Errorf("%s, figures equal %t: %+v", pr.Status, pr.FiguresEqual, pr.Total)
	}
	return pr, f
}

func swedish(t *testing.T) *pii.Engine {
	t.Helper()
	e, err := pii.New(pii.Options{Lang: "sv"})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func redacting() gallra.Rule {
	r := rule("r", 24, gallra.ActionAnonymise)
	r.Start, r.Text = gallra.StartCreated, gallra.TextRedact
	return r
}

// texts returns the texts of a column, those of one ticket after each other.
func texts(t *testing.T, db *sql.DB, query string) (out []string) {
	t.Helper()
	rows, err := db.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var s sql.NullString
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		out = append(out, s.String)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// A name that only one place of a ticket gives away is taken out of all the
// others in the first pass: a later message, the mail as it came, the history,
// the search table.
func TestG7_ANameFoundLastIsTakenOutOfTheFirst(t *testing.T) {
	type place struct {
		hide string // into the message: from now on it holds the name by itself
		tell map[string]string
		all  string // every message
	}
	mime := strings.ReplaceAll(rawMail(), inBase64(whoTold), inBase64(whoTold+"\r\n\r\n"+spoken))
	for name, product := range map[string]struct {
		open func(*testing.T) *helpdesk
		place
	}{
		"znuny on PostgreSQL": {znunyDesk, place{
			hide: "UPDATE article_data_mime SET a_body = '" + hushed + "' WHERE article_id = 10010",
			all:  "SELECT a_body FROM article_data_mime ORDER BY id",
			tell: map[string]string{
				"a later message": "INSERT INTO article (id, ticket_id, article_sender_type_id, communication_channel_id, is_visible_for_customer, create_time, create_by, change_time, change_by) VALUES (10015, 1001, 3, 1, 1, '2023-01-13 10:00:00', 1, '2023-01-13 10:00:00', 1);" +
					"INSERT INTO article_data_mime (id, article_id, a_from, a_to, a_subject, a_body, incoming_time, create_time, create_by, change_time, change_by) VALUES (10015, 10015, '', '', 'Fråga', '" + spoken + "', 0, '2023-01-13 10:00:00', 1, '2023-01-13 10:00:00', 1)",
				"the mail as it came": "UPDATE article_data_mime_plain SET body = '" + inBase64(mime) + "' WHERE article_id = 10010",
				"a history row":       "UPDATE ticket_history SET name = '" + spoken + "' WHERE ticket_id = 1001",
				"the search table":    "UPDATE article_search_index SET article_value = '" + spoken + "' WHERE ticket_id = 1001",
			}}},
		"osTicket on MariaDB": {osTicketDesk, place{
			hide: "UPDATE ost_thread_entry SET body = '" + hushed + "' WHERE id = 1001",
			all:  "SELECT body FROM ost_thread_entry ORDER BY id",
			tell: map[string]string{
				"a later message": "INSERT INTO ost_thread_entry (id, thread_id, type, poster, title, body, format, ip_address, created, updated) VALUES (10015, 1001, 'M', '', 'Fråga', '" + spoken + "', 'html', '', '2023-01-13 10:00:00', '2023-01-13 10:00:00')",
			}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := product.open(t)
			for kind, tell := range product.tell {
				t.Run(kind, func(t *testing.T) {
					for id := 1000; id < 1003; id++ {
						h.seed(t, id)
					}
					defer h.forget(t, 1001)
					h.exec(t, product.hide)
					for q := range strings.SplitSeq(tell, ";") {
						h.exec(t, q)
					}
					pr, f := redacted(t, h.source)
					if done := pr.Total.Outcomes[gallra.OutcomeDeidentified]; done != 3 {
						t.Errorf("%d of 3 are done: %+v", done, pr.Total)
					}
					first := texts(t, h.db, product.all)
					for _, s := range first {
						if strings.Contains(strings.ToLower(s), "quorvatz") {
							t.Errorf("the name is left: %q", s)
						}
					}
					if !strings.Contains(strings.Join(first, "\n"), "Pratade med [NAMN ") || !strings.Contains(strings.Join(first, "\n"), "om fakturan igen") {
						t.Errorf("more than the name is gone: %q", first)
					}
					// Done is done: the same again changes nothing, a run that nobody has marked included.
					if p := f.plan(t, company, redacting()); p.Preview.Planned != 0 {
						t.Errorf("planned again: %+v", p.Preview)
					}
					redacted(t, h.source)
					for n, s := range texts(t, h.db, product.all) {
						if n >= len(first) || s != first[n] {
							t.Errorf("a second time the text is %q", s)
						}
					}
				})
			}
		})
	}
}

// The same in mails: the name stands in the subject by itself, and the body,
// which is encoded, gives it away.
func TestG7_ANameFoundLastIsTakenOutOfTheFirst_Mail(t *testing.T) {
	t.Parallel()
	raw := strings.NewReplacer("Subject: =?utf-8?B?"+inBase64("Fråga från "+whoName)+"?=", "Subject: "+hushed, inBase64(whoTold), inBase64("Hej, det gäller min faktura.\r\n\r\n"+spoken), whoName, "-").Replace(rawMail())
	for name, address := range map[string]func(t *testing.T) string{"Maildir": func(t *testing.T) string { return "maildir:" + t.TempDir() }, "IMAP": func(t *testing.T) string { return testserver.IMAP(t) }} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := address(t)
			deliverMails(t, at, []byte(raw))
			read := func() (out []string) {
				src, err := connector.Open(ctx, connector.Config{System: "desk", URL: at})
				if err != nil {
					t.Fatal(err)
				}
				defer src.Close()
				page, err := src.List(ctx, connector.Query{Type: "mail"})
				if err != nil || len(page.Records) != 1 {
					t.Fatalf("%d mails, %v", len(page.Records), err)
				}
				for _, f := range page.Records[0].Fields {
					out = append(out, f.Name+": "+f.Value)
				}
				return out
			}
			open := func() connector.Source {
				src, err := connector.Open(ctx, connector.Config{System: "desk", URL: at})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = src.Close() })
				return src
			}
			redacted(t, open())
			once := strings.Join(read(), "\n")
			if strings.Contains(strings.ToLower(once), "quorvatz") || !strings.Contains(once, "Pratade med [NAMN 1] om fakturan igen.") || !strings.Contains(once, "[NAMN 1]\n") && !strings.Contains(once, "[NAMN 1]\r\n") {
				t.Fatalf("%s", once)
			}
			redacted(t, open())
			if twice := strings.Join(read(), "\n"); twice != once {
				t.Errorf("a second time it is\n%s\nand was\n%s", twice, once)
			}
		})
	}
}
