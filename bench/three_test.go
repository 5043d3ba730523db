package bench_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/anonymise"
	"github.com/gallra/gallra/connector"
	_ "github.com/gallra/gallra/connector/mailfile"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/retention"
	"github.com/gallra/gallra/internal/store/storetest"
	"github.com/gallra/gallra/pii"
)

// share is how many of a hundred conversations lie in PostgreSQL, MariaDB and a
// Maildir; GALLRA_BENCH_SHARE="100,0,0" changes it.
func share(b *testing.B) (postgres, maria, mails int) {
	b.Helper()
	s := os.Getenv("GALLRA_BENCH_SHARE")
	if s == "" {
		return 45, 45, 10
	}
	if _, err := fmt.Sscanf(s, "%d,%d,%d", &postgres, &maria, &mails); err != nil || postgres+maria+mails != 100 {
		b.Fatalf("GALLRA_BENCH_SHARE=%q: %v", s, err)
	}
	return postgres, maria, mails
}

// places are one copy of what is thinned out: two helpdesks, each ticket with a
// message, and a Maildir. A place with nothing in it is left out.
type places struct {
	nPostgres, nMaria, nMails int
	postgres                  string   // address
	maria                     string   // address
	names                     []string // of the databases
	mails                     string   // folder
}

func (p places) total() int { return p.nPostgres + p.nMaria + p.nMails }

// systems are the addresses by system.
func (p places) systems() map[gallra.SystemID]string {
	out := map[gallra.SystemID]string{}
	if p.nPostgres > 0 {
		out["helpdesk"] = p.postgres
	}
	if p.nMaria > 0 {
		out["servicedesk"] = p.maria
	}
	if p.nMails > 0 {
		out["mailbox"] = "maildir:" + p.mails
	}
	return out
}

// rules are what falls due: closed tickets and old mail.
func (p places) rules(a gallra.Action, text gallra.TextPolicy) []gallra.Rule {
	var out []gallra.Rule
	desks := gallra.Rule{ID: "tickets", Version: 1, Purpose: "kundservice", Start: gallra.StartClosed, Keep: gallra.Period{Years: 2}, Action: a, Text: text}
	for _, s := range []gallra.SystemID{"helpdesk", "servicedesk"} {
		if p.systems()[s] != "" {
			desks.Systems = append(desks.Systems, s)
		}
	}
	if len(desks.Systems) > 0 {
		out = append(out, desks)
	}
	if p.nMails > 0 {
		out = append(out, gallra.Rule{ID: "mail", Version: 1, Purpose: "kundservice", Systems: []gallra.SystemID{"mailbox"}, Start: gallra.StartCreated, Keep: gallra.Period{Years: 2}, Action: a, Text: text})
	}
	return out
}

// planOnly reports whether nothing but the plan is measured: GALLRA_BENCH_PART=plan.
func planOnly() bool { return os.Getenv("GALLRA_BENCH_PART") == "plan" }

// seeded makes the places twice, alike: the first for the plain side.
func seeded(b *testing.B) (plain, ours places) {
	b.Helper()
	n := retentionRows(b, 30_000)
	p, m, _ := share(b)
	var out [2]places
	for k := range out {
		if k == 0 && planOnly() {
			continue
		}
		o := &out[k]
		o.nPostgres, o.nMaria = n*p/100, n*m/100
		o.nMails = n - o.nPostgres - o.nMaria
		if o.nPostgres > 0 {
			like := ""
			if len(out[0].names) > 0 && k > 0 {
				like = out[0].names[0]
			}
			name := ""
			name, o.postgres = helpdesk(b, o.nPostgres, like)
			o.names = append(o.names, name)
		}
		if o.nMaria > 0 {
			o.maria = mariaHelpdesk(b, o.nMaria)
			o.names = append(o.names, o.maria[strings.LastIndex(o.maria, "/")+1:])
		}
		if o.nMails > 0 {
			o.mails = mailbox(b, o.nMails)
		}
	}
	return out[0], out[1]
}

const mariaSchema = `
CREATE TABLE person (id BIGINT PRIMARY KEY AUTO_INCREMENT, name TEXT, email TEXT, phone TEXT, personnummer TEXT, created_at DATETIME(6));
CREATE TABLE ticket (id BIGINT PRIMARY KEY AUTO_INCREMENT, person_id BIGINT, number VARCHAR(40), subject TEXT, status VARCHAR(20), queue VARCHAR(40), channel VARCHAR(20), category VARCHAR(40),
	first_response_s INTEGER, rating INTEGER, created_at DATETIME(6), updated_at DATETIME(6), last_contact_at DATETIME(6), closed_at DATETIME(6), FOREIGN KEY (person_id) REFERENCES person (id));
CREATE TABLE message (id BIGINT PRIMARY KEY AUTO_INCREMENT, ticket_id BIGINT NOT NULL, person_id BIGINT, sender TEXT, agent TEXT, body TEXT, html BOOLEAN, ip VARCHAR(45), created_at DATETIME(6),
	FOREIGN KEY (ticket_id) REFERENCES ticket (id), FOREIGN KEY (person_id) REFERENCES person (id));
CREATE TABLE attachment (id BIGINT PRIMARY KEY AUTO_INCREMENT, message_id BIGINT NOT NULL, filename TEXT, content_type TEXT, content LONGBLOB, FOREIGN KEY (message_id) REFERENCES message (id));
CREATE TABLE history (id BIGINT PRIMARY KEY AUTO_INCREMENT, ticket_id BIGINT NOT NULL, what TEXT, old_value TEXT, new_value TEXT, at DATETIME(6), FOREIGN KEY (ticket_id) REFERENCES ticket (id));
CREATE TABLE draft (id BIGINT PRIMARY KEY AUTO_INCREMENT, ticket_id BIGINT NOT NULL, agent TEXT, body TEXT, saved_at DATETIME(6), FOREIGN KEY (ticket_id) REFERENCES ticket (id));
INSERT INTO person SELECT seq, CONCAT('Namn ', seq), CONCAT('p', seq, '@example.se'), '070-174 06 05', '', now(6) FROM seq_1_to_1000;
INSERT INTO ticket SELECT seq, 1 + seq % 1000, CONCAT('T', seq), CONCAT('Fråga om bygglov nummer ', seq), 'closed', ELT(1 + seq % 3, 'Bygg','Skola','Vatten'), ELT(1 + seq % 2, 'mail','chat'), 'fråga',
	seq % 90000, 1 + seq % 5, t, t, t, t + INTERVAL 2 DAY FROM (SELECT seq, TIMESTAMP('2016-01-01') + INTERVAL seq * 189216000 / ROWS SECOND AS t FROM seq_1_to_ROWS) x;
INSERT INTO message (ticket_id, person_id, sender, agent, body, html, ip, created_at)
	SELECT id, person_id, 'p@example.se', '', CONCAT('Hej! Jag undrar över mitt ärende, det har snart gått två veckor utan svar. ', id), 0, '192.0.2.1', created_at FROM ticket;
CREATE INDEX closed ON ticket (closed_at);
ANALYZE TABLE person, ticket, message, attachment, history, draft`

// mariaOpen opens an address of ours as the plain side does.
func mariaOpen(b *testing.B, address string) *sql.DB {
	b.Helper()
	u, err := url.Parse(address)
	if err != nil {
		b.Fatal(err)
	}
	c := mysql.NewConfig()
	c.Net, c.Addr, c.User, c.DBName = "tcp", u.Host, u.User.Username(), strings.TrimPrefix(u.Path, "/")
	c.Passwd, _ = u.User.Password()
	c.InterpolateParams = true
	db, err := sql.Open("mysql", c.FormatDSN())
	if err != nil {
		b.Fatal(err)
	}
	return db
}

// mariaHelpdesk makes a database of n tickets and returns its address.
func mariaHelpdesk(b *testing.B, n int) string {
	b.Helper()
	server := os.Getenv("GALLRA_TEST_MARIADB")
	if server == "" {
		b.Skip("GALLRA_TEST_MARIADB is not set: ./test starts a server")
	}
	admin := mariaOpen(b, server)
	name := fmt.Sprintf("gallra_bench_%d_%d", os.Getpid(), time.Now().UnixNano())
	if _, err := admin.Exec("CREATE DATABASE " + name + " CHARACTER SET utf8mb4"); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if _, err := admin.Exec("DROP DATABASE " + name); err != nil {
			b.Error(err)
		}
		_ = admin.Close()
	})
	address := strings.TrimSuffix(server, "/") + "/" + name
	db := mariaOpen(b, address)
	defer db.Close()
	for q := range strings.SplitSeq(strings.ReplaceAll(mariaSchema, "ROWS", strconv.Itoa(n)), ";\n") {
		if _, err := db.Exec(q); err != nil {
			b.Fatal(err)
		}
	}
	return address
}

// mailText is the n-th of total mails; what is left of it once anonymised
// differs in nothing but the date.
func mailText(n, total int) string {
	at := time.Date(2016, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(n) * (6 * 365 * 24 * time.Hour / time.Duration(total)))
	return fmt.Sprintf("Return-Path: <p%[1]d@example.se>\r\nFrom: Namn %[1]d <p%[1]d@example.se>\r\nTo: Kundtjänst <kundtjanst@example.se>\r\nSubject: Bygglov %[2]d\r\nDate: %[3]s\r\nMessage-ID: <%[2]d@example.se>\r\n"+
		"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nHej! Jag undrar över mitt ärende, det har snart gått två veckor utan svar. %[2]d\r\n", n%1000, n, at.Format(time.RFC1123Z))
}

// mailbox makes a Maildir of n mails.
func mailbox(b *testing.B, n int) string {
	b.Helper()
	dir := filepath.Join(b.TempDir(), "Maildir")
	for _, sub := range []string{"cur", "new", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			b.Fatal(err)
		}
	}
	for k := range n {
		if err := os.WriteFile(mailPath(dir, k), []byte(mailText(k, n)), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	return dir
}

func mailPath(dir string, n int) string {
	return filepath.Join(dir, "cur", strconv.Itoa(1_500_000_000+n)+".M1P1.host:2,S")
}

// threeEngine is an engine that sees the places.
func threeEngine(b *testing.B, p places) *retention.Engine {
	b.Helper()
	db := storetest.Postgres(b)
	log, err := evidence.Open(context.Background(), db, filepath.Join(b.TempDir(), "key"))
	if err != nil {
		b.Fatal(err)
	}
	loc, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		b.Fatal(err)
	}
	finder, err := pii.New(pii.Options{})
	if err != nil {
		b.Fatal(err)
	}
	systems := p.systems()
	e := &retention.Engine{DB: db, Log: log, Loc: loc, Lanes: 2, PII: finder, Open: func(ctx context.Context, id gallra.SystemID) (connector.Source, error) {
		c := connector.Config{System: id, URL: systems[id]}
		if id != "mailbox" {
			c.Options = map[string]string{"profile": "helpdesk"}
		}
		return connector.Open(ctx, c)
	}}
	b.Cleanup(func() { _ = e.Close() })
	return e
}

// mariaTime watches the processor time of MariaDB's threads that serve databases
// of that name, until it is called.
func mariaTime(b *testing.B, names ...string) func() time.Duration {
	b.Helper()
	server := os.Getenv("GALLRA_TEST_MARIADB")
	if server == "" {
		return func() time.Duration { return 0 }
	}
	admin := mariaOpen(b, server)
	var file string
	if err := admin.QueryRow("SELECT @@pid_file").Scan(&file); err != nil {
		b.Fatal(err)
	}
	pid, err := os.ReadFile(file)
	if err != nil { // on another machine
		_ = admin.Close()
		return func() time.Duration { return 0 }
	}
	// A thread that served others before has used the processor already.
	tasks := "/proc/" + strings.TrimSpace(string(pid)) + "/task/"
	before := map[string]time.Duration{}
	entries, err := os.ReadDir(tasks)
	if err != nil {
		b.Fatal(err)
	}
	for _, t := range entries {
		before[t.Name()], _ = processTime(strings.TrimPrefix(tasks, "/proc/") + t.Name())
	}
	return watchThreads(func(see func(string, time.Duration)) {
		rows, err := admin.Query("SELECT TID, COALESCE(DB, '') FROM information_schema.PROCESSLIST")
		if err != nil {
			b.Error(err)
			return
		}
		defer rows.Close()
		for rows.Next() {
			var tid, db string
			if err := rows.Scan(&tid, &db); err != nil {
				b.Error(err)
				return
			}
			if t, ok := processTime(strings.TrimPrefix(tasks, "/proc/") + tid); ok && slices.Contains(names, db) {
				see(tid, t-before[tid])
			}
		}
	}, func() { _ = admin.Close() })
}

// watchThreads looks ten times a second at what threads have used until the
// function it returns is called, which says how much they used meanwhile.
func watchThreads(look func(see func(id string, t time.Duration)), end func()) func() time.Duration {
	first, last := map[string]time.Duration{}, map[string]time.Duration{}
	look(func(id string, t time.Duration) { first[id], last[id] = t, t })
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			over := false
			select {
			case <-stop:
				over = true
			case <-time.After(100 * time.Millisecond):
			}
			look(func(id string, t time.Duration) { last[id] = t })
			if over {
				return
			}
		}
	}()
	return func() time.Duration {
		close(stop)
		<-done
		end()
		var sum time.Duration
		for id, t := range last {
			sum += t - first[id] // none for one that began meanwhile
		}
		return sum
	}
}

// processTime is the processor time of a process, false when it is not here.
func processTime(pid string) (time.Duration, bool) {
	text, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return 0, false
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	f := strings.Fields(rest)
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return time.Duration(user+system) * 10 * time.Millisecond, true // USER_HZ is 100
}

// spent is what something took.
type spent struct{ wall, server, client time.Duration }

func (s spent) cpu() time.Duration { return s.server + s.client }

// spend measures f: the clock, the servers' processor time and this process's.
func spend(b *testing.B, f func(), databases ...string) spent {
	b.Helper()
	postgres, maria, own, start := serverTime(b, databases...), mariaTime(b, databases...), cpu(b), time.Now()
	f()
	s := spent{wall: time.Since(start), client: cpu(b) - own}
	s.server = postgres() + maria()
	fmt.Fprintf(os.Stderr, "%s after %s: %.2f s, servers %.2f s, own %.2f s\n", b.Name(), b.Elapsed().Round(time.Second), s.wall.Seconds(), s.server.Seconds(), s.client.Seconds())
	return s
}

func (s spent) report(b *testing.B, name string) {
	b.ReportMetric(s.wall.Seconds(), name+"-s")
	b.ReportMetric(s.server.Seconds(), name+"-server-cpu-s")
	b.ReportMetric(s.client.Seconds(), name+"-client-cpu-s")
}

// plainMaria runs statements over the tickets, ten thousand a transaction.
func plainMaria(b *testing.B, address string, n int, statements ...string) {
	b.Helper()
	db := mariaOpen(b, address)
	defer db.Close()
	for from := 1; from <= n; from += 10_000 {
		tx, err := db.Begin()
		if err != nil {
			b.Fatal(err)
		}
		for _, q := range statements {
			if _, err := tx.Exec(q, from, from+9999); err != nil {
				b.Fatal(err)
			}
		}
		if err := tx.Commit(); err != nil {
			b.Fatal(err)
		}
	}
}

// carriedOut approves a plan and drives its run to the end, and returns what it
// took and the peak of memory.
func carriedOut(b *testing.B, e *retention.Engine, p retention.Plan, databases ...string) (spent, uint64, *retention.Protocol) {
	b.Helper()
	ctx := context.Background()
	for _, who := range []string{"anna", "bo"} {
		if err := e.Approve(ctx, p.ID, who, p.Hash); err != nil {
			b.Fatal(err)
		}
	}
	id, err := e.Start(ctx, p.ID, "operator")
	if err != nil {
		b.Fatal(err)
	}
	debug.FreeOSMemory()
	resident := watchResident()
	var peak uint64
	took := spend(b, func() { peak = watchMemory(b, func() { err = e.Drive(ctx, id) }) }, append(slices.Clone(databases), storeName(b, e))...)
	if err != nil {
		b.Fatal(err)
	}
	if r := resident(); r > 0 {
		b.ReportMetric(float64(r)/(1<<20), "run-resident-MB")
	}
	r, err := e.RunOf(ctx, id)
	if err != nil || r.Protocol.Status != retention.Complete || !r.Protocol.FiguresEqual {
		b.Fatalf("%+v %v", r.Protocol, err)
	}
	return took, peak, r.Protocol
}

// watchResident returns what tells the most that the process has had in the
// machine's memory since, its program's own pages included; 0 where the system does
// not tell.
func watchResident() func() uint64 {
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil { // VmHWM begins anew
		return func() uint64 { return 0 }
	}
	return func() uint64 {
		text, err := os.ReadFile("/proc/self/status")
		if err != nil {
			return 0
		}
		_, rest, _ := strings.Cut(string(text), "VmHWM:")
		f := strings.Fields(rest)
		if len(f) == 0 {
			return 0
		}
		kb, _ := strconv.ParseUint(f[0], 10, 64)
		return kb << 10
	}
}

// planned plans and reports what it took.
func planned(b *testing.B, e *retention.Engine, p places, rules []gallra.Rule) retention.Plan {
	b.Helper()
	ctx := context.Background()
	debug.FreeOSMemory()
	var plan retention.Plan
	var peak uint64
	took := spend(b, func() {
		peak = watchMemory(b, func() {
			id, err := e.Plan(ctx, retention.PlanSpec{Rules: rules, Organisation: retention.Organisation{Type: gallra.OrgCompany}, Actor: "p"})
			if err == nil {
				err = e.Drive(ctx, id)
			}
			if err != nil {
				b.Fatal(err)
			}
			if plan, err = e.PlanOf(ctx, id); err != nil {
				b.Fatal(err)
			}
		})
	}, append(slices.Clone(p.names), storeName(b, e))...)
	if plan.Preview.Planned != int64(p.total()) {
		b.Fatalf("%d planned of %d", plan.Preview.Planned, p.total())
	}
	took.report(b, "plan")
	b.ReportMetric(float64(peak)/(1<<20), "plan-peak-MB")
	return plan
}

// BenchmarkThreeErase plans and erases conversations that lie in PostgreSQL,
// MariaDB and a Maildir with the whole engine, and a copy of them the plain way.
func BenchmarkThreeErase(b *testing.B) {
	for b.Loop() {
		theirs, ours := seeded(b)
		e := threeEngine(b, ours)
		p := planned(b, e, ours, ours.rules(gallra.ActionErase, ""))
		if planOnly() {
			continue
		}
		plain := spend(b, func() {
			if theirs.nPostgres > 0 {
				plainDelete(b, theirs.postgres)
			}
			if theirs.nMaria > 0 {
				plainMaria(b, theirs.maria, theirs.nMaria, "DELETE FROM message WHERE ticket_id BETWEEN ? AND ?", "DELETE FROM ticket WHERE id BETWEEN ? AND ?")
			}
			for k := range theirs.nMails {
				if err := os.Remove(mailPath(theirs.mails, k)); err != nil {
					b.Fatal(err)
				}
			}
		}, theirs.names...)
		run, peak, protocol := carriedOut(b, e, p, ours.names...)
		if n := protocol.Total.Outcomes[gallra.OutcomeErased]; n != int64(ours.total()) {
			b.Fatalf("%d erased", n)
		}
		run.report(b, "run")
		plain.report(b, "plain")
		b.ReportMetric(float64(peak)/(1<<20), "run-peak-MB")
		b.ReportMetric(run.wall.Seconds()/plain.wall.Seconds(), "run/plain")
		b.ReportMetric(run.cpu().Seconds()/plain.cpu().Seconds(), "run/plain-cpu")
	}
}

// BenchmarkThreeAnonymise rewrites them in place instead, the text removed, or
// redacted with GALLRA_BENCH_TEXT=redact: then the time in which the same texts
// are redacted and nothing else done is measured by itself.
func BenchmarkThreeAnonymise(b *testing.B) {
	text := gallra.TextPolicy(os.Getenv("GALLRA_BENCH_TEXT"))
	body := "'[borttaget]'"
	if text == gallra.TextRedact { // as long as what the engine writes
		body = "'Hej! Jag undrar över mitt ärende, det har snart gått två veckor utan svar. 0'"
	}
	month := func(column string) string { return column + " = DATE_FORMAT(" + column + ", '%Y-%m-01')" }
	message := "UPDATE message SET sender = '[borttaget]', body = " + body + ", ip = '', person_id = NULL, " + month("created_at") + " WHERE ticket_id BETWEEN ? AND ?"
	ticket := "UPDATE ticket SET subject = '[borttaget]', person_id = NULL, " + month("created_at") + ", " + month("updated_at") + ", " + month("last_contact_at") + ", " + month("closed_at") + " WHERE id BETWEEN ? AND ?"
	for b.Loop() {
		theirs, ours := seeded(b)
		e := threeEngine(b, ours)
		p := planned(b, e, ours, ours.rules(gallra.ActionAnonymise, text))
		plain := spend(b, func() {
			if theirs.nPostgres > 0 {
				plainUpdate(b, theirs.postgres, theirs.nPostgres)
			}
			if theirs.nMaria > 0 {
				plainMaria(b, theirs.maria, theirs.nMaria, message, ticket)
			}
			for k := range theirs.nMails {
				plainMail(b, theirs, k)
			}
		}, theirs.names...)
		own := spend(b, func() { redactAlone(b, e, ours, text) })
		run, peak, protocol := carriedOut(b, e, p, ours.names...)
		if n := protocol.Total.Outcomes[gallra.OutcomeAnonymised] + protocol.Total.Outcomes[gallra.OutcomeDeidentified]; n != int64(ours.total()) {
			b.Fatalf("%d rewritten: %+v", n, protocol.Total)
		}
		run.report(b, "run")
		plain.report(b, "plain")
		b.ReportMetric(own.client.Seconds(), "redact-alone-cpu-s")
		b.ReportMetric(float64(peak)/(1<<20), "run-peak-MB")
		b.ReportMetric((run.wall-own.wall/2).Seconds()/plain.wall.Seconds(), "run/plain") // two lanes redact side by side
		b.ReportMetric((run.cpu()-own.client).Seconds()/plain.cpu().Seconds(), "run/plain-cpu")
		b.ReportMetric(run.server.Seconds()/plain.server.Seconds(), "run/plain-server-cpu")
	}
}

// plainMail writes a mail anew, without what was personal in it, and puts it in
// the place of the old one: on disk before, as a mail program does.
func plainMail(b *testing.B, p places, k int) {
	b.Helper()
	path := mailPath(p.mails, k)
	old, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	_, date, _ := strings.Cut(string(old), "Date: ")
	date, _, _ = strings.Cut(date, "\r\n")
	temp := filepath.Join(p.mails, "tmp", strconv.Itoa(k))
	f, err := os.OpenFile(temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		b.Fatal(err)
	}
	_, err = f.WriteString("From: \r\nTo: \r\nSubject: \r\nDate: " + date + "\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n[borttaget]\r\n")
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = f.Close()
	}
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		b.Fatal(err)
	}
}

// redactAlone redacts the texts that the places hold, and does nothing else.
func redactAlone(b *testing.B, e *retention.Engine, p places, text gallra.TextPolicy) {
	b.Helper()
	if text != gallra.TextRedact {
		return
	}
	types := map[string]connector.Type{"ticket": {Name: "ticket", Fields: []connector.FieldInfo{{Name: "subject", Text: true}}},
		"message": {Name: "message", Fields: []connector.FieldInfo{{Name: "sender", Text: true}, {Name: "body", Text: true, Format: connector.FormatHTML}, {Name: "ip", Category: gallra.CategoryIP}}},
		"mail":    {Name: "mail", Fields: []connector.FieldInfo{{Name: "raw", Text: true, Format: connector.FormatMail}}}}
	opt := anonymise.Options{Text: text, PII: e.PII}
	for k := range p.nPostgres + p.nMaria {
		records := []gallra.Record{
			{Ref: gallra.Ref{Type: "ticket"}, Fields: []gallra.Field{{Name: "subject", Value: "Fråga om bygglov nummer " + strconv.Itoa(k)}}},
			{Ref: gallra.Ref{Type: "message"}, Fields: []gallra.Field{{Name: "sender", Value: "p@example.se"}, {Name: "ip", Value: "192.0.2.1"},
				{Name: "body", Value: "Hej! Jag undrar över mitt ärende, det har snart gått två veckor utan svar. " + strconv.Itoa(k)}}}}
		c := anonymise.New(opt, types, records)
		for _, r := range records {
			c.Edits(types[r.Ref.Type], r)
		}
	}
	for k := range p.nMails {
		r := gallra.Record{Ref: gallra.Ref{Type: "mail"}, Fields: []gallra.Field{{Name: "raw", Value: mailText(k, p.nMails)}}}
		anonymise.New(opt, types, []gallra.Record{r}).Edits(types["mail"], r)
	}
}
