package retention_test

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	_ "github.com/gallra/gallra/connector/imap"
	_ "github.com/gallra/gallra/connector/mailfile"
	"github.com/gallra/gallra/connector/sqldb"
	"github.com/gallra/gallra/internal/retention"
	"github.com/gallra/gallra/internal/shareddata"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/store/storetest"
	"github.com/gallra/gallra/internal/testserver"
)

// helpdesk is a product's own database, in which a test puts back what a run has
// taken away: what a trigger, an add-on or a nightly copy would do.
type helpdesk struct {
	db     *sql.DB
	source *sqldb.Source
	maria  bool
	tables []string                              // that hold what belongs to a ticket
	seed   func(tb testing.TB, ticket int)       // one ticket with one message and all that hangs on it
	mine   func(table string, ticket int) string // the condition that picks the rows of a ticket
	times  map[string]string                     // columns of times and their tables
	places map[string]string                     // what can be left behind: kind to table
}

func (h *helpdesk) exec(tb testing.TB, q string, args ...any) {
	tb.Helper()
	if _, err := h.db.Exec(q, args...); err != nil {
		tb.Fatalf("%s: %v", q, err)
	}
}

// remember copies the rows of a ticket in some tables; putBack puts them back as
// they were, whatever the product's rules say.
func (h *helpdesk) remember(tb testing.TB, ticket int, tables ...string) {
	for _, t := range tables {
		h.exec(tb, fmt.Sprintf("CREATE TABLE zz_%s AS SELECT * FROM %s WHERE %s", t, t, h.mine(t, ticket)))
	}
}

func (h *helpdesk) putBack(tb testing.TB, ticket int, tables ...string) {
	c, err := h.db.Conn(ctx)
	if err != nil {
		tb.Fatal(err)
	}
	defer c.Close()
	free := "SET session_replication_role = replica"
	if h.maria {
		free = "SET foreign_key_checks = 0"
	}
	for _, q := range []string{free} {
		if _, err := c.ExecContext(ctx, q); err != nil {
			tb.Fatal(err)
		}
	}
	for _, t := range tables {
		for _, q := range []string{"DELETE FROM " + t + " WHERE " + h.mine(t, ticket), "INSERT INTO " + t + " SELECT * FROM zz_" + t} {
			if _, err := c.ExecContext(ctx, q); err != nil {
				tb.Fatalf("%s: %v", q, err)
			}
		}
	}
}

// left counts the rows of a table.
func (h *helpdesk) left(tb testing.TB, table string) (n int) {
	tb.Helper()
	if err := h.db.QueryRow("SELECT count(*) FROM " + table).Scan(&n); err != nil {
		tb.Fatal(err)
	}
	return n
}

func (h *helpdesk) forget(tb testing.TB, ticket int, tables ...string) {
	for _, t := range tables {
		h.exec(tb, "DROP TABLE zz_"+t)
	}
	for _, t := range slices.Backward(h.tables) {
		if h.maria {
			h.exec(tb, "DELETE FROM "+t)
			continue
		}
		h.exec(tb, "SET session_replication_role = replica; DELETE FROM "+t+"; SET session_replication_role = DEFAULT")
	}
}

// keepsBack is the source of a helpdesk that keeps something back.
type keepsBack struct {
	*sqldb.Source
	after func()                        // a change of tickets
	lies  bool                          // nothing is changed at all, and everything is answered
	blind bool                          // what hangs on a ticket is not shown any more after a change
	said  map[gallra.Ref][]gallra.Field // what the liar was told to write
	done  bool
}

func (k *keepsBack) EraseMany(ctx context.Context, items []connector.Item) ([]connector.Result, error) {
	if k.lies {
		out := make([]connector.Result, len(items))
		for n, i := range items {
			out[n].Receipt = gallra.Receipt{Ref: i.Ref, Action: gallra.ActionErase, Grade: gallra.GradeDerived, Final: true}
		}
		return out, nil
	}
	return k.Source.EraseMany(ctx, items)
}

func (k *keepsBack) EditMany(ctx context.Context, edits []connector.Edit) ([]connector.Result, error) {
	if k.lies {
		out := make([]connector.Result, len(edits))
		for n, e := range edits {
			k.said[e.Ref] = e.Set
			out[n].Receipt = gallra.Receipt{Ref: e.Ref, Action: gallra.ActionAnonymise, Grade: gallra.GradeDerived, Final: true}
		}
		return out, nil
	}
	return k.Source.EditMany(ctx, edits)
}

// Trace lets the leftovers be there when they are looked for.
func (k *keepsBack) Trace(ctx context.Context, refs []gallra.Ref) (connector.Trace, error) {
	t, err := k.Source.Trace(ctx, refs)
	return keptTrace{t, k}, err
}

type keptTrace struct {
	connector.Trace
	k *keepsBack
}

func (t keptTrace) plant() {
	if t.k.after != nil {
		t.k.after()
	}
	t.k.done = true
}

func (t keptTrace) Attached(ctx context.Context) (map[string]connector.Attached, error) {
	return t.Trace.(connector.Counter).Attached(ctx)
}

func (t keptTrace) Remains(ctx context.Context) ([]gallra.Residue, error) {
	t.plant()
	return t.Trace.Remains(ctx)
}

func (t keptTrace) Leftovers(ctx context.Context, lost []connector.Lost, look func(string) connector.Look) ([]gallra.Residue, error) {
	t.plant()
	return t.Trace.Leftovers(ctx, lost, look)
}

// shown is a record as the liar shows it: as if it had done what it was told.
func (k *keepsBack) shown(r gallra.Record) gallra.Record {
	for _, f := range k.said[r.Ref] {
		for n := range r.Fields {
			if r.Fields[n].Name == f.Name {
				r.Fields[n].Value = f.Value
			}
		}
	}
	return r
}

func (k *keepsBack) List(ctx context.Context, q connector.Query) (connector.Page, error) {
	if k.blind && k.done && q.Type != "ticket" {
		return connector.Page{}, nil
	}
	p, err := k.Source.List(ctx, q)
	if k.lies && q.Type == "attachment" && len(k.said) > 0 {
		p.Records = nil
	}
	for n := range p.Records {
		p.Records[n] = k.shown(p.Records[n])
	}
	return p, err
}

func (k *keepsBack) GetMany(ctx context.Context, refs []gallra.Ref, versions bool) ([]gallra.Record, error) {
	list, err := k.Source.GetMany(ctx, refs, versions)
	for n := range list {
		list[n] = k.shown(list[n])
	}
	return list, err
}

func (k *keepsBack) Close() error { return nil }

func schemaFrom(tb testing.TB, db *sql.DB, path string, replace ...string) {
	tb.Helper()
	b, err := os.ReadFile(shareddata.Path(tb, path))
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := db.Exec(strings.NewReplacer(replace...).Replace(string(b))); err != nil {
		tb.Fatalf("%s: %v", path, err)
	}
}

const (
	whoName = "Ottilia Leftåker"
	whoMail = "ottilia.leftaker@example.se"
	whoTold = "Hej, jag heter Ottilia Leftåker och nås på ottilia.leftaker@example.se."
)

func inBase64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// rawMail has the name in an encoded header and the text in an encoded part.
func rawMail() string {
	return "From: =?utf-8?B?" + inBase64(whoName) + "?= <" + whoMail + ">\r\nTo: kontakt@sundvalla.example\r\nSubject: =?utf-8?B?" + inBase64("Fråga från "+whoName) + "?=\r\nDate: Tue, 10 Jan 2023 10:00:00 +0100\r\n" +
		"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n" + inBase64(whoTold) +
		"\r\n--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename*=utf-8''" + url.PathEscape(whoName) + ".pdf\r\n\r\nx\r\n--b--\r\n"
}

func openSQL(tb testing.TB, address, query string) *sqldb.Source {
	tb.Helper()
	q, err := url.ParseQuery(query)
	if err != nil {
		tb.Fatal(err)
	}
	options := map[string]string{}
	for k := range q {
		options[k] = q.Get(k)
	}
	s, err := sqldb.Open(ctx, connector.Config{System: "desk", URL: address, Options: options})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

// znunyDesk is Znuny on PostgreSQL.
func znunyDesk(t *testing.T) *helpdesk {
	db, address := testserver.Postgres(t)
	return znunyOn(t, db, address)
}

func znunyOn(t *testing.T, db *sql.DB, address string) *helpdesk {
	h := &helpdesk{db: db, tables: []string{"ticket", "article", "article_data_mime", "article_data_mime_plain", "article_data_mime_attachment", "article_search_index", "ticket_history", "form_draft"}}
	for _, f := range []string{"schema", "initial_insert", "schema-post"} {
		schemaFrom(t, h.db, "data/schemas/znuny/"+f+".postgresql.sql")
	}
	h.exec(t, "SET session_replication_role = replica; DELETE FROM article_data_mime; DELETE FROM article_data_mime_plain; DELETE FROM article; DELETE FROM ticket_history; DELETE FROM ticket")
	h.source = openSQL(t, address, "profile=znuny")
	h.mine = func(table string, ticket int) string {
		switch {
		case table == "ticket":
			return fmt.Sprintf("id = %d", ticket)
		case table == "article" || table == "ticket_history":
			return fmt.Sprintf("ticket_id = %d", ticket)
		case table == "form_draft":
			return fmt.Sprintf("object_id = %d", ticket)
		}
		return fmt.Sprintf("article_id = %d", ticket*10) // one article a ticket
	}
	const by = "'2023-01-12 10:00:00', 1, '2023-01-12 10:00:00', 1"
	const who = "create_time, create_by, change_time, change_by"
	h.seed = func(tb testing.TB, id int) {
		ins := func(table, columns, values string, args ...any) {
			tb.Helper()
			h.exec(tb, "INSERT INTO "+table+" ("+columns+", "+who+") VALUES ("+values+", "+by+")", args...)
		}
		a := id * 10
		ins("ticket", "id, tn, title, queue_id, ticket_lock_id, user_id, responsible_user_id, ticket_priority_id, ticket_state_id, customer_id, customer_user_id, timeout, until_time, escalation_time, escalation_update_time, escalation_response_time, escalation_solution_time, archive_flag",
			"$1, $2, $3, 1, 1, 1, 1, 3, 2, $4, $4, 0, 0, 0, 0, 0, 0, 0", id, fmt.Sprint(20230000+id), "Fråga från "+whoName, whoMail)
		ins("article", "id, ticket_id, article_sender_type_id, communication_channel_id, is_visible_for_customer", "$1, $2, 3, 1, 1", a, id)
		ins("article_data_mime", "id, article_id, a_from, a_to, a_subject, a_body, incoming_time", "$1, $1, $2, 'kontakt@sundvalla.example', 'Fråga', $3, 0", a, whoName+" <"+whoMail+">", whoTold)
		ins("article_data_mime_plain", "id, article_id, body", "$1, $1, $2", a, inBase64(rawMail()))
		ins("article_data_mime_attachment", "id, article_id, filename, content_type, content", "$1, $1, $2, 'application/pdf', $3", a, whoName+".pdf", inBase64("x"))
		h.exec(tb, "INSERT INTO article_search_index (id, ticket_id, article_id, article_key, article_value) VALUES ($1, $2, $1, 'MIMEBase_Body', $3)", a, id, strings.ToLower(whoTold))
		ins("ticket_history", "id, name, history_type_id, ticket_id, type_id, queue_id, owner_id, priority_id, state_id", "$1, $2, 1, $3, 1, 1, 1, 3, 2", a, "%%CustomerID="+whoMail+"%%", id)
		ins("form_draft", "id, object_type, object_id, action, content", "$1, 'Ticket', $2, 'AgentTicketNote', $3", a, id, inBase64(`{"Body":"Svar till `+whoMail+`"}`))
	}
	h.times = map[string]string{"create_time": "ticket", "change_time": "ticket_history"}
	h.places = map[string]string{"history rows": "ticket_history", "raw mail": "article_data_mime_plain", "search table": "article_search_index", "drafts": "form_draft",
		"encoded parts": "article_data_mime_plain", "attachment names": "article_data_mime_attachment", "messages": "article_data_mime"}
	return h
}

// osTicketDesk is osTicket on MariaDB.
func osTicketDesk(t *testing.T) *helpdesk {
	db, address := testserver.MariaDB(t)
	return osTicketOn(t, db, address)
}

func osTicketOn(t *testing.T, db *sql.DB, address string) *helpdesk {
	h := &helpdesk{db: db, maria: true, tables: []string{"ost_ticket", "ost_thread", "ost_thread_entry", "ost_thread_entry_email", "ost__search", "ost_thread_event", "ost_draft", "ost_attachment", "ost_file", "ost_file_chunk", "ost_ticket__cdata"}}
	schemaFrom(t, h.db, "data/schemas/osticket/install-mysql.sql", "%TABLE_PREFIX%", "ost_")
	h.exec(t, "CREATE TABLE ost__search (object_type varchar(8), object_id int, title text, content text, PRIMARY KEY (object_type, object_id))")
	h.exec(t, "CREATE TABLE ost_ticket__cdata (ticket_id int PRIMARY KEY, subject mediumtext, priority mediumtext)")
	h.exec(t, "INSERT INTO ost_department (id, name, signature, created, updated) VALUES (1, 'Bygglov', '', now(), now())")
	h.source = openSQL(t, address, "profile=osticket&prefix=ost_")
	h.mine = func(table string, id int) string {
		switch table {
		case "ost_ticket", "ost_ticket__cdata":
			return fmt.Sprintf("ticket_id = %d", id)
		case "ost_thread":
			return fmt.Sprintf("object_id = %d", id)
		case "ost_thread_entry_email":
			return fmt.Sprintf("thread_entry_id = %d", id)
		case "ost__search":
			return fmt.Sprintf("object_id = %d", id)
		case "ost_draft":
			return fmt.Sprintf("namespace = 'ticket.note.%d'", id)
		case "ost_attachment":
			return fmt.Sprintf("object_id = %d", id)
		case "ost_file_chunk":
			return fmt.Sprintf("file_id = %d", id)
		case "ost_file":
			return fmt.Sprintf("id = %d", id)
		}
		return fmt.Sprintf("thread_id = %d", id)
	}
	at := time.Date(2023, 1, 12, 10, 0, 0, 0, time.UTC)
	h.seed = func(tb testing.TB, id int) {
		h.exec(tb, "INSERT INTO ost_ticket (ticket_id, number, dept_id, ip_address, closed, lastupdate, created, updated) VALUES (?, ?, 1, '', ?, ?, ?, ?)", id, fmt.Sprint(id), at, at, at, at)
		h.exec(tb, "INSERT INTO ost_ticket__cdata (ticket_id, subject) VALUES (?, ?)", id, "Fråga från "+whoName)
		h.exec(tb, "INSERT INTO ost_thread (id, object_id, object_type, created) VALUES (?, ?, 'T', ?)", id, id, at)
		h.exec(tb, "INSERT INTO ost_thread_entry (id, thread_id, type, poster, title, body, format, ip_address, created, updated) VALUES (?, ?, 'M', ?, 'Fråga', ?, 'html', '', ?, ?)", id, id, whoName, whoTold, at, at)
		h.exec(tb, "INSERT INTO ost_thread_entry_email (id, thread_entry_id, mid, headers) VALUES (?, ?, ?, ?)", id, id, fmt.Sprint("m", id), "From: =?utf-8?B?"+inBase64(whoName)+"?= <"+whoMail+">\r\n")
		h.exec(tb, "INSERT INTO ost__search (object_type, object_id, title, content) VALUES ('H', ?, 'Fråga', ?)", id, whoTold)
		h.exec(tb, "INSERT INTO ost_thread_event (id, thread_id, thread_type, staff_id, team_id, dept_id, topic_id, data, username, timestamp) VALUES (?, ?, 'T', 1, 0, 1, 0, ?, 'SYSTEM', ?)", id, id, `{"collab":"`+whoName+`"}`, at)
		h.exec(tb, "INSERT INTO ost_draft (id, staff_id, namespace, body, created) VALUES (?, 1, ?, ?, ?)", id, fmt.Sprintf("ticket.note.%d", id), "Svar till "+whoMail+", "+whoName, at)
		h.exec(tb, "INSERT INTO ost_file (id, type, size, `key`, signature, name, created) VALUES (?, 'text/plain', 1, ?, ?, ?, ?)", id, fmt.Sprint(id), fmt.Sprint(id), whoName+".txt", at)
		h.exec(tb, "INSERT INTO ost_file_chunk (file_id, chunk_id, filedata) VALUES (?, 0, ?)", id, whoTold)
		h.exec(tb, "INSERT INTO ost_attachment (id, object_id, type, file_id, name) VALUES (?, ?, 'H', ?, ?)", id, id, id, whoName+".txt")
	}
	h.times = map[string]string{"lastupdate": "ost_ticket", "created": "ost_thread_entry", "timestamp": "ost_thread_event"}
	h.places = map[string]string{"history rows": "ost_thread_event", "raw mail": "ost_thread_entry_email", "search table": "ost__search", "drafts": "ost_draft",
		"encoded parts": "ost_thread_entry_email", "attachment names": "ost_attachment", "file names": "ost_file", "file contents": "ost_file_chunk", "messages": "ost_thread_entry"}
	return h
}

// over runs one plan over a source and returns its protocol and what the run says
// of single records.
func over(t *testing.T, src connector.Source, action gallra.Action) (*retention.Protocol, map[string]string, *fixture) {
	t.Helper()
	f := setup(t, storetest.SQLite(t))
	f.Open = func(context.Context, gallra.SystemID) (connector.Source, error) { return src, nil }
	r := rule("r", 24, action)
	r.Start = gallra.StartCreated
	p := f.plan(t, company, r)
	if p.Preview.Planned == 0 {
		t.Fatal("nothing is planned")
	}
	f.approve(t, p)
	pr := f.run(t, p)
	f.verifyLog(t)
	rows, err := f.DB.QueryContext(ctx, `SELECT ref_id, detail FROM run_item WHERE outcome = 'failed'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	detail := map[string]string{}
	for rows.Next() {
		var id, d string
		if err := rows.Scan(&id, &d); err != nil {
			t.Fatal(err)
		}
		detail[id] = d
	}
	return pr, detail, f
}

// mustNotClaim fails unless exactly the one record is called failed, its places
// are named, and the run is not green.
func mustNotClaim(t *testing.T, pr *retention.Protocol, detail map[string]string, id string, others int64, places ...string) {
	t.Helper()
	done := pr.Total.Outcomes[gallra.OutcomeErased] + pr.Total.Outcomes[gallra.OutcomeAnonymised] + pr.Total.Outcomes[gallra.OutcomeDeidentified]
	if pr.Status == retention.Complete || pr.Status == retention.Pending || pr.Total.Outcomes[gallra.OutcomeFailed] != 1 || done != others || !pr.FiguresEqual {
		t.Fatalf("%s, figures equal %t: %+v", pr.Status, pr.FiguresEqual, pr.Total)
	}
	for _, place := range places {
		named := strings.Contains(detail[id], place)
		for _, r := range pr.Total.Residues {
			named = named || strings.HasPrefix(r.Where, place)
		}
		if !named {
			t.Errorf("%s is not named: %q %+v", place, detail[id], pr.Total.Residues)
		}
	}
	if detail[id] == "" || strings.Contains(detail[id], "Ottilia") || strings.Contains(detail[id], "@") {
		t.Errorf("the record says %q", detail[id])
	}
}

// Each kind of leftover, one at a time and all at once, after erasing and after
// anonymising in place, in databases of real products; and systems that answer
// that they did what they did not.
func TestG7_EveryPlantedLeftoverIsNamed(t *testing.T) {
	for name, open := range map[string]func(*testing.T) *helpdesk{"znuny on PostgreSQL": znunyDesk, "osTicket on MariaDB": osTicketDesk} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t)
			kinds := map[string][]string{}
			var all []string
			for kind, table := range h.places {
				kinds[kind] = []string{table}
				if !slices.Contains(all, table) {
					all = append(all, table)
				}
			}
			kinds["all at once"] = all
			ticket := 1000
			for kind, tables := range kinds {
				for _, action := range []gallra.Action{gallra.ActionErase, gallra.ActionAnonymise} {
					t.Run(kind+", "+string(action), func(t *testing.T) {
						ticket += 10
						for i := range 3 {
							h.seed(t, ticket+i)
						}
						victim := ticket + 1
						h.remember(t, victim, tables...)
						defer h.forget(t, victim, tables...)
						src := &keepsBack{Source: h.source, blind: true, after: func() { h.putBack(t, victim, tables...) }}
						pr, detail, _ := over(t, src, action)
						if len(tables) > 1 { // a file that an attachment still uses is not one left over
							tables = slices.DeleteFunc(slices.Clone(tables), func(t string) bool { return strings.HasPrefix(t, "ost_file") })
						}
						mustNotClaim(t, pr, detail, fmt.Sprint(victim), 2, tables...)
					})
				}
			}
			for _, action := range []gallra.Action{gallra.ActionErase, gallra.ActionAnonymise} {
				t.Run("a liar, "+string(action), func(t *testing.T) {
					ticket += 10
					h.seed(t, ticket)
					defer h.forget(t, ticket)
					pr, detail, _ := over(t, &keepsBack{Source: h.source, lies: true, said: map[gallra.Ref][]gallra.Field{}}, action)
					mustNotClaim(t, pr, detail, fmt.Sprint(ticket), 0, h.tables[0])
				})
				t.Run("nothing left, "+string(action), func(t *testing.T) {
					ticket += 10
					h.seed(t, ticket)
					defer h.forget(t, ticket)
					pr, _, _ := over(t, &keepsBack{Source: h.source}, action)
					if pr.Total.Outcomes[gallra.OutcomeFailed] != 0 || pr.Status != retention.Complete {
						t.Fatalf("%s %+v", pr.Status, pr.Total)
					}
					if a := pr.Total.Attached; a == nil || a.Files != 1 || a.Bytes == 0 {
						t.Errorf("attachments: %+v", a)
					}
					if action == gallra.ActionErase {
						return
					}
					for column, table := range h.times { // AN4: no second tells whose it is
						var n, odd int
						if err := h.db.QueryRow("SELECT count(*), count(CASE WHEN CAST("+column+" AS char(19)) <> '2023-01-01 00:00:00' THEN 1 END) FROM "+table).Scan(&n, &odd); err != nil || n == 0 || odd != 0 {
							t.Errorf("%s.%s: %d of %d times are exact, %v", table, column, odd, n, err)
						}
					}
				})
			}
		})
	}
}

// mailbox is a source of mails that can lie, or put back what it has changed.
type mailbox struct {
	connector.Source
	connector.Batcher
	connector.Verifier
	tracer connector.Tracer
	lies   bool
	after  func()
}

func (m *mailbox) EraseMany(ctx context.Context, items []connector.Item) ([]connector.Result, error) {
	if !m.lies {
		return m.Batcher.EraseMany(ctx, items)
	}
	out := make([]connector.Result, len(items))
	for n, i := range items {
		out[n].Receipt = gallra.Receipt{Ref: i.Ref, Action: gallra.ActionErase, Grade: gallra.GradeDerived, Final: true}
	}
	return out, nil
}

func (m *mailbox) EditMany(ctx context.Context, edits []connector.Edit) ([]connector.Result, error) {
	if !m.lies {
		return m.Batcher.EditMany(ctx, edits)
	}
	out := make([]connector.Result, len(edits))
	for n, e := range edits {
		out[n].Receipt = gallra.Receipt{Ref: e.Ref, Action: gallra.ActionAnonymise, Grade: gallra.GradeDerived, Final: true}
	}
	return out, nil
}

// GetMany shows nothing of what a mail says: only the other road can tell.
func (m *mailbox) GetMany(ctx context.Context, refs []gallra.Ref) ([]gallra.Record, error) {
	var out []gallra.Record
	for _, r := range refs {
		rec, err := m.Get(ctx, r)
		if errors.Is(err, gallra.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if m.planted() {
			rec.Fields = nil
		}
		out = append(out, rec)
	}
	return out, nil
}

func (m *mailbox) planted() bool { return m.after == nil && m.tracer == nil }

func (m *mailbox) Trace(ctx context.Context, refs []gallra.Ref) (connector.Trace, error) {
	t, err := m.tracer.Trace(ctx, refs)
	return mailTrace{t, m}, err
}

type mailTrace struct {
	connector.Trace
	m *mailbox
}

func (t mailTrace) plant() {
	if t.m.after != nil {
		t.m.after()
		t.m.after, t.m.tracer = nil, nil
	}
}

func (t mailTrace) Remains(ctx context.Context) ([]gallra.Residue, error) {
	t.plant()
	return t.Trace.Remains(ctx)
}

func (t mailTrace) Leftovers(ctx context.Context, lost []connector.Lost, look func(string) connector.Look) ([]gallra.Residue, error) {
	t.plant()
	return t.Trace.Leftovers(ctx, lost, look)
}

// deliver puts n mails into a Maildir or, by its address, an IMAP server.
func deliver(t *testing.T, address string, n int) {
	t.Helper()
	var mails [][]byte
	for i := range n {
		mails = append(mails, []byte(strings.Replace(rawMail(), "MIME-Version", fmt.Sprintf("Message-ID: <%d@example.se>\r\nMIME-Version", i), 1)))
	}
	deliverMails(t, address, mails...)
}

func deliverMails(t *testing.T, address string, mails ...[]byte) {
	t.Helper()
	if dir, ok := strings.CutPrefix(address, "maildir:"); ok {
		for _, d := range []string{"cur", "new", "tmp"} {
			if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		for i, raw := range mails {
			if err := os.WriteFile(filepath.Join(dir, "cur", fmt.Sprintf("1673341200.%d.host:2,S", i)), raw, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	c, err := imapclient.DialInsecure(u.Host, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	password, _ := u.User.Password()
	if err := c.Login(u.User.Username(), password).Wait(); err != nil {
		t.Fatal(err)
	}
	for _, b := range mails {
		cmd := c.Append("INBOX", int64(len(b)), &goimap.AppendOptions{Time: old})
		_, werr := cmd.Write(b)
		if err := errors.Join(werr, cmd.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
	}
}

// The same in mailboxes, where the names stand in encoded headers, encoded parts
// and the names of attachments.
// interrupted dies once between an edit that the server has carried out and the
// note of it.
type interrupted struct {
	*mailbox
	connector.Renamer
	die  func() error
	dead bool
}

func interruptedBox(src connector.Source, die func() error) *interrupted {
	return &interrupted{mailbox: &mailbox{Source: src, Batcher: src.(connector.Batcher), Verifier: src.(connector.Verifier), tracer: src.(connector.Tracer)}, Renamer: src.(connector.Renamer), die: die}
}

func (m *interrupted) EditMany(ctx context.Context, edits []connector.Edit) ([]connector.Result, error) {
	out, err := m.mailbox.EditMany(ctx, edits)
	if err == nil && !m.dead {
		m.dead = true
		return nil, m.die()
	}
	return out, err
}

// A run that died between editing mails, which got new numbers, and noting it
// says that it has anonymised them, not that somebody else has removed them; what
// somebody else has removed meanwhile it does not claim.
func TestG6_OwnEditIsKnownAgainOnIMAP(t *testing.T) {
	t.Parallel()
	t.Run("the step fails", func(t *testing.T) {
		t.Parallel()
		failed := errors.New("failed after the edit")
		diesAfterAnEdit(t, func(t *testing.T, f *fixture, id, at string) {
			if err := f.Drive(ctx, id); !errors.Is(err, failed) {
				t.Fatalf("the run did not die: %v", err)
			}
		}, func() error { return failed })
	})
	t.Run("the process is killed", func(t *testing.T) {
		t.Parallel()
		diesAfterAnEdit(t, func(t *testing.T, f *fixture, id, at string) {
			var exit *exec.ExitError
			if err := f.start(t, id, "GALLRA_TEST_MAILS="+at).Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("the worker was not killed: %v", err)
			}
		}, func() error { return errors.New("the process that was not to edit did") })
	})
}

func diesAfterAnEdit(t *testing.T, dies func(t *testing.T, f *fixture, id, at string), die func() error) {
	t.Helper()
	at := testserver.IMAP(t)
	deliver(t, at, 4)
	src, err := connector.Open(ctx, connector.Config{System: "desk", URL: at})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	f := faulty(t, store.SQLite)
	m := interruptedBox(src, die)
	f.Open = func(context.Context, gallra.SystemID) (connector.Source, error) { return m, nil }
	r := rule("r", 24, gallra.ActionAnonymise)
	r.Start = gallra.StartCreated
	p := f.plan(t, company, r)
	f.approve(t, p)
	id, err := f.Start(ctx, p.ID, "operator")
	if err != nil {
		t.Fatal(err)
	}
	dies(t, f, id, at)
	m.dead = true
	list, err := src.List(ctx, connector.Query{Type: "mail"})
	if err != nil || len(list.Records) != 4 {
		t.Fatalf("%d mails, %v", len(list.Records), err)
	}
	if _, err := src.(connector.Eraser).Erase(ctx, list.Records[0].Ref, ""); err != nil {
		t.Fatal(err)
	}
	pr := f.finish(t, id)
	done := pr.Total.Outcomes[gallra.OutcomeAnonymised] + pr.Total.Outcomes[gallra.OutcomeDeidentified]
	if done != 3 || pr.Total.Reasons["retention.reason.gone"] != 1 {
		t.Fatalf("%s: %+v", pr.Status, pr.Total)
	}
	f.verifyLog(t)
	// What is noted carries no mark any more.
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	c, err := imapclient.DialInsecure(u.Host, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	password, _ := u.User.Password()
	if err := c.Login(u.User.Username(), password).Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	var every goimap.SeqSet
	every.AddRange(1, 0)
	mails, err := c.Fetch(every, &goimap.FetchOptions{Flags: true}).Collect()
	if err != nil || len(mails) != 3 {
		t.Fatalf("%d mails, %v", len(mails), err)
	}
	for _, mail := range mails {
		for _, flag := range mail.Flags {
			if strings.HasPrefix(strings.ToLower(string(flag)), "$gallra") {
				t.Errorf("a mail is marked %s", flag)
			}
		}
	}
}

func TestG7_NothingIsLeftInMailboxes(t *testing.T) {
	t.Parallel()
	places := map[string]func(t *testing.T) string{"Maildir": func(t *testing.T) string { return "maildir:" + t.TempDir() }, "IMAP": func(t *testing.T) string { return testserver.IMAP(t) }}
	for name, address := range places {
		for _, action := range []gallra.Action{gallra.ActionErase, gallra.ActionAnonymise} {
			open := func(t *testing.T, n int) (*mailbox, string) {
				t.Helper()
				at := address(t)
				deliver(t, at, n)
				src, err := connector.Open(ctx, connector.Config{System: "desk", URL: at})
				if err != nil {
					t.Fatal(err)
				}
				return &mailbox{Source: src, Batcher: src.(connector.Batcher), Verifier: src.(connector.Verifier), tracer: src.(connector.Tracer)}, at
			}
			t.Run(name+", "+string(action), func(t *testing.T) {
				t.Parallel()
				m, at := open(t, 3)
				pr, _, f := over(t, m, action)
				if pr.Status != retention.Complete || pr.Total.Outcomes[gallra.OutcomeFailed] != 0 || len(pr.Total.Reasons) != 0 || !pr.FiguresEqual {
					t.Fatalf("%s, figures equal %t: %+v %+v", pr.Status, pr.FiguresEqual, pr.Total, pr.Parts[0].List)
				}
				again, err := connector.Open(ctx, connector.Config{System: "desk", URL: at})
				if err != nil {
					t.Fatal(err)
				}
				defer again.Close()
				for _, id := range []gallra.Identifier{{Kind: gallra.IdentEmail, Value: whoMail}, {Kind: gallra.IdentName, Value: whoName}} {
					left, err := again.(connector.Searcher).Leftovers(ctx, connector.Needles{Identifiers: []gallra.Identifier{id}, Depth: connector.InText}, "")
					if err != nil || len(left.Residues) > 0 {
						t.Errorf("%s: %+v %v", id.Kind, left.Residues, err)
					}
				}
				if action == gallra.ActionErase {
					return
				}
				// Done is done, though an edited mail has another number.
				r := rule("r", 24, action)
				r.Start = gallra.StartCreated
				if p := f.plan(t, company, r); p.Preview.Planned != 0 || p.Preview.Units[0].Already != 3 {
					t.Errorf("%+v", p.Preview)
				}
			})
			t.Run(name+", a liar, "+string(action), func(t *testing.T) {
				t.Parallel()
				m, _ := open(t, 1)
				m.lies = true
				pr, detail, _ := over(t, m, action)
				for id := range detail {
					mustNotClaim(t, pr, detail, id, 0)
				}
				if len(detail) != 1 {
					t.Fatalf("%+v", pr.Total)
				}
			})
			if name != "Maildir" {
				continue
			}
			t.Run(name+", put back, "+string(action), func(t *testing.T) {
				t.Parallel()
				m, at := open(t, 3)
				path := filepath.Join(strings.TrimPrefix(at, "maildir:"), "cur", "1673341200.1.host:2,S")
				was, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				m.after = func() {
					if err := os.WriteFile(path, was, 0o600); err != nil {
						t.Error(err)
					}
				}
				pr, detail, _ := over(t, m, action)
				if len(detail) != 1 {
					t.Fatalf("%+v", pr.Total)
				}
				for id := range detail {
					mustNotClaim(t, pr, detail, id, 2)
				}
			})
		}
	}
}

// T12: what Gallra itself reads and rewrites is no activity: every clock of a
// ticket stands where it stood.
func TestT12_OwnChangesAreNoActivity(t *testing.T) {
	for name, open := range map[string]func(*testing.T) *helpdesk{"znuny on PostgreSQL": znunyDesk, "osTicket on MariaDB": osTicketDesk} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t)
			h.seed(t, 1000)
			ticket := gallra.Ref{System: "desk", Type: "ticket", ID: "1000"}
			before, err := h.source.Get(ctx, ticket)
			if err != nil {
				t.Fatal(err)
			}
			types, err := h.source.Types(ctx)
			if err != nil {
				t.Fatal(err)
			}
			changed := 0
			for _, typ := range types {
				if typ.Kind != connector.KindMessage && typ.Name != "ticket" {
					continue
				}
				page, err := h.source.List(ctx, connector.Query{Type: typ.Name})
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range page.Records {
					for _, f := range typ.Fields {
						if v, _ := r.Field(f.Name); v == "" || !f.Text || f.ReadOnly || f.Format != "" {
							continue
						}
						if _, err := h.source.Edit(ctx, r.Ref, "", []gallra.Field{{Name: f.Name, Value: "[NAMN 1]"}}); err != nil {
							t.Fatal(err)
						}
						changed++
					}
				}
			}
			after, err := h.source.Get(ctx, ticket)
			if err != nil || changed == 0 {
				t.Fatalf("%d fields changed: %v", changed, err)
			}
			for what, at := range map[string][2]time.Time{"created": {before.Created, after.Created}, "updated": {before.Updated, after.Updated}, "contact": {before.Contact, after.Contact}, "closed": {before.Closed, after.Closed}} {
				if !at[0].Equal(at[1]) {
					t.Errorf("%s was %s and is %s", what, at[0], at[1])
				}
			}
		})
	}
}
