// Package bench measures Gallra against the plain way of doing the same thing,
// side by side in one run. BENCHMARKS.md tells how it was run and what it gave.
package bench_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"runtime/metrics"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	_ "github.com/gallra/gallra/connector/sqldb"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/heap"
	"github.com/gallra/gallra/internal/retention"
	"github.com/gallra/gallra/internal/store/storetest"
)

// retentionRows is how many tickets there are, each with a message;
// GALLRA_BENCH_ROWS changes it.
func retentionRows(b *testing.B, otherwise int) int {
	b.Helper()
	s := os.Getenv("GALLRA_BENCH_ROWS")
	if s == "" {
		return otherwise
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

const helpdeskSchema = `
CREATE TABLE person (id BIGSERIAL PRIMARY KEY, name TEXT, email TEXT, phone TEXT, personnummer TEXT, created_at TIMESTAMPTZ);
CREATE TABLE ticket (id BIGSERIAL PRIMARY KEY, person_id BIGINT REFERENCES person, number TEXT, subject TEXT, status TEXT, queue TEXT, channel TEXT, category TEXT,
	first_response_s INTEGER, rating INTEGER, created_at TIMESTAMPTZ, updated_at TIMESTAMPTZ, last_contact_at TIMESTAMPTZ, closed_at TIMESTAMPTZ);
CREATE TABLE message (id BIGSERIAL PRIMARY KEY, ticket_id BIGINT NOT NULL REFERENCES ticket, person_id BIGINT REFERENCES person, sender TEXT, agent TEXT, body TEXT, html BOOLEAN, ip TEXT, created_at TIMESTAMPTZ);
CREATE TABLE attachment (id BIGSERIAL PRIMARY KEY, message_id BIGINT NOT NULL REFERENCES message, filename TEXT, content_type TEXT, content BYTEA);
CREATE TABLE history (id BIGSERIAL PRIMARY KEY, ticket_id BIGINT NOT NULL REFERENCES ticket, what TEXT, old_value TEXT, new_value TEXT, at TIMESTAMPTZ);
CREATE TABLE draft (id BIGSERIAL PRIMARY KEY, ticket_id BIGINT NOT NULL REFERENCES ticket, agent TEXT, body TEXT, saved_at TIMESTAMPTZ);
INSERT INTO person SELECT g, 'Namn ' || g, 'p' || g || '@example.se', '070-174 06 05', '', now() FROM generate_series(1, 1000) g;
INSERT INTO ticket SELECT g, 1 + g % 1000, 'T' || g, 'Fråga om bygglov nummer ' || g, 'closed', (ARRAY['Bygg','Skola','Vatten'])[1 + g % 3], (ARRAY['mail','chat'])[1 + g % 2], 'fråga',
	g % 90000, 1 + g % 5, t, t, t, t + interval '2 days' FROM (SELECT g, timestamptz '2016-01-01' + g * (interval '6 years' / ROWS) AS t FROM generate_series(1, ROWS) g) x;
INSERT INTO message (ticket_id, person_id, sender, agent, body, html, ip, created_at)
	SELECT id, person_id, 'p@example.se', '', 'Hej! Jag undrar över mitt ärende, det har snart gått två veckor utan svar. ' || id, false, '192.0.2.1', created_at FROM ticket;
CREATE INDEX ON ticket (closed_at);
CREATE INDEX ON ticket (person_id);
CREATE INDEX ON message (ticket_id);
CREATE INDEX ON message (person_id);
CREATE INDEX ON attachment (message_id);
CREATE INDEX ON history (ticket_id);
CREATE INDEX ON draft (ticket_id);
ANALYZE;`

// helpdesk makes a database of n tickets and returns its address. like, if not
// empty, is one to copy.
func helpdesk(b *testing.B, n int, like string) (name, url string) {
	b.Helper()
	server := os.Getenv("GALLRA_TEST_POSTGRES")
	if server == "" {
		b.Skip("GALLRA_TEST_POSTGRES is not set: ./test starts a server")
	}
	admin, err := sql.Open("pgx", server)
	if err != nil {
		b.Fatal(err)
	}
	name = fmt.Sprintf("gallra_bench_%d_%d", os.Getpid(), time.Now().UnixNano())
	q := "CREATE DATABASE " + name
	if like != "" {
		q += " TEMPLATE " + like
	}
	if _, err := admin.Exec(q); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if _, err := admin.Exec("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			b.Error(err)
		}
		_ = admin.Close()
	})
	base, query, _ := strings.Cut(server, "?")
	url = base[:strings.LastIndex(base, "/")+1] + name + "?" + query
	if like == "" {
		db, err := sql.Open("pgx", url)
		if err != nil {
			b.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Exec(strings.ReplaceAll(helpdeskSchema, "ROWS", strconv.Itoa(n))); err != nil {
			b.Fatal(err)
		}
	}
	return name, url
}

// plainDelete is what an administrator would write: the same rows, ten thousand
// tickets a transaction.
func plainDelete(b *testing.B, url string) {
	b.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	for {
		tx, err := db.Begin()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := tx.Exec(`CREATE TEMPORARY TABLE going ON COMMIT DROP AS SELECT id FROM ticket WHERE closed_at < timestamptz '2024-01-01' ORDER BY id LIMIT 10000`); err != nil {
			b.Fatal(err)
		}
		if _, err := tx.Exec(`DELETE FROM message WHERE ticket_id IN (SELECT id FROM going)`); err != nil {
			b.Fatal(err)
		}
		res, err := tx.Exec(`DELETE FROM ticket WHERE id IN (SELECT id FROM going)`)
		if err != nil {
			b.Fatal(err)
		}
		if err := tx.Commit(); err != nil {
			b.Fatal(err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return
		}
	}
}

func engine(b *testing.B, url string) *retention.Engine {
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
	e := &retention.Engine{DB: db, Log: log, Loc: loc, Lanes: 2, Open: func(ctx context.Context, id gallra.SystemID) (connector.Source, error) {
		return connector.Open(ctx, connector.Config{System: id, URL: url, Options: map[string]string{"profile": "helpdesk"}})
	}}
	b.Cleanup(func() { _ = e.Close() })
	return e
}

var helpdeskRule = gallra.Rule{ID: "two-years", Version: 1, Purpose: "kundservice", Systems: []gallra.SystemID{"helpdesk"}, Start: gallra.StartClosed,
	Keep: gallra.Period{Years: 2}, Action: gallra.ActionErase}

func plan(b *testing.B, e *retention.Engine) retention.Plan { return planOf(b, e, helpdeskRule) }

func planOf(b *testing.B, e *retention.Engine, rule gallra.Rule) retention.Plan {
	b.Helper()
	ctx := context.Background()
	id, err := e.Plan(ctx, retention.PlanSpec{Rules: []gallra.Rule{rule}, Organisation: retention.Organisation{Type: gallra.OrgCompany}, Actor: "p"})
	if err == nil {
		err = e.Drive(ctx, id)
	}
	if err != nil {
		b.Fatal(err)
	}
	p, err := e.PlanOf(ctx, id)
	if err != nil {
		b.Fatal(err)
	}
	return p
}

// cpu returns the processor time of this process.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// serverTime watches the processor time of the server's processes that work on
// databases of that name, until it is called. On a machine that others use too,
// it says more than the clock.
func serverTime(b *testing.B, names ...string) func() time.Duration {
	b.Helper()
	admin, err := sql.Open("pgx", os.Getenv("GALLRA_TEST_POSTGRES"))
	if err != nil {
		b.Fatal(err)
	}
	return watchThreads(func(see func(string, time.Duration)) {
		rows, err := admin.Query(`SELECT pid::text FROM pg_stat_activity WHERE backend_type = 'client backend' AND datname = ANY($1)`, names)
		if err != nil {
			b.Error(err)
			return
		}
		defer rows.Close()
		for rows.Next() {
			var pid string
			if err := rows.Scan(&pid); err != nil {
				b.Error(err)
				return
			}
			if t, ok := processTime(pid); ok { // else ended meanwhile, or on another machine
				see(pid, t)
			}
		}
	}, func() { _ = admin.Close() })
}

// storeName returns the name of the database of an engine's own store.
func storeName(b *testing.B, e *retention.Engine) string {
	b.Helper()
	var name string
	if err := e.DB.QueryRow(`SELECT current_database()`).Scan(&name); err != nil {
		b.Fatal(err)
	}
	return name
}

// BenchmarkRetentionRun erases n tickets and their messages with the whole
// engine (survey, evidence, canary, erasure, verification by another road,
// statistics, survey, protocol), and a copy of them with plain batched DELETE.
func BenchmarkRetentionRun(b *testing.B) {
	n := retentionRows(b, 100_000)
	ctx := context.Background()
	for b.Loop() {
		name, first := helpdesk(b, n, "")
		copied, second := helpdesk(b, n, name)
		e := engine(b, second)
		debug.FreeOSMemory()
		start := time.Now()
		var p retention.Plan
		inPlan := watchMemory(b, func() { p = plan(b, e) })
		planned := time.Since(start)
		if p.Preview.Planned != int64(n) {
			b.Fatalf("%d planned of %d", p.Preview.Planned, n)
		}
		stop := serverTime(b, name)
		start = time.Now()
		plainDelete(b, first)
		plain := time.Since(start)
		plainCPU := stop()
		for _, who := range []string{"anna", "bo"} {
			if err := e.Approve(ctx, p.ID, who, p.Hash); err != nil {
				b.Fatal(err)
			}
		}
		id, err := e.Start(ctx, p.ID, "operator")
		if err != nil {
			b.Fatal(err)
		}
		used := cpu(b)
		stop = serverTime(b, copied, storeName(b, e))
		start = time.Now()
		inRun := watchMemory(b, func() { err = e.Drive(ctx, id) })
		if err != nil {
			b.Fatal(err)
		}
		ran := time.Since(start)
		runCPU := cpu(b) - used + stop()
		r, err := e.RunOf(ctx, id)
		if err != nil || r.Protocol.Status != retention.Complete || r.Protocol.Total.Outcomes[gallra.OutcomeErased] != int64(n) || !r.Protocol.FiguresEqual {
			b.Fatalf("%+v %v", r.Protocol, err)
		}
		b.ReportMetric(float64(inPlan)/(1<<20), "plan-peak-MB")
		b.ReportMetric(float64(inRun)/(1<<20), "run-peak-MB")
		b.ReportMetric(planned.Seconds(), "plan-s")
		b.ReportMetric(plain.Seconds(), "plain-s")
		b.ReportMetric(ran.Seconds(), "run-s")
		b.ReportMetric(plainCPU.Seconds(), "plain-cpu-s")
		b.ReportMetric(runCPU.Seconds(), "run-cpu-s")
		b.ReportMetric(runCPU.Seconds()/plainCPU.Seconds(), "run/plain-cpu")
		b.ReportMetric(ran.Seconds()/plain.Seconds(), "run/plain")
	}
}

// BenchmarkRetentionPlanMemory plans ever more tickets and reports the peak of
// this process's memory, which must stay flat.
func BenchmarkRetentionPlanMemory(b *testing.B) {
	top := retentionRows(b, 100_000)
	for n := 10_000; n <= top; n *= 10 {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			for b.Loop() {
				_, url := helpdesk(b, n, "")
				e := engine(b, url)
				debug.FreeOSMemory()
				peak := watchMemory(b, func() { plan(b, e) })
				b.ReportMetric(float64(peak)/(1<<20), "peak-MB")
			}
		})
	}
}

// watchMemory returns the most memory that the process held from the system
// while f ran. With GALLRA_BENCH_HEAP=DIR it writes a heap profile there each time
// the live heap has grown by a tenth, and says what made up the most.
func watchMemory(b *testing.B, f func()) uint64 {
	b.Helper()
	heap.Bound() // as the program does
	stop, done := make(chan struct{}), make(chan uint64)
	dir, began := os.Getenv("GALLRA_BENCH_HEAP"), time.Now()
	go func() {
		var peak, live uint64
		var at string
		s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}, {Name: "/gc/heap/live:bytes"},
			{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/free:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
		t := time.NewTicker(5 * time.Millisecond)
		defer t.Stop()
		for {
			metrics.Read(s)
			mb := func(n int) float64 { return float64(s[n].Value.Uint64()) / (1 << 20) }
			if now := s[0].Value.Uint64() - s[1].Value.Uint64(); now > peak {
				peak = now
				at = fmt.Sprintf("%.0f MB at %.1f s: live %.0f, objects %.0f, free %.0f, unused %.0f, stacks %.0f", mb(0)-mb(1), time.Since(began).Seconds(), mb(2), mb(3), mb(4), mb(5), mb(6))
			}
			if now := s[2].Value.Uint64(); dir != "" && now > live+live/10 {
				live = now
				name := fmt.Sprintf("%s/%s-%06.1fs-%03.0fMB", dir, strings.ReplaceAll(b.Name(), "/", "-"), time.Since(began).Seconds(), mb(2))
				if w, err := os.Create(name); err != nil {
					b.Error(err)
				} else if err = errors.Join(pprof.Lookup("heap").WriteTo(w, 0), w.Close()); err != nil {
					b.Error(err)
				}
			}
			select {
			case <-stop:
				if dir != "" {
					fmt.Fprintln(os.Stderr, "most:", at)
				}
				done <- peak
				return
			case <-t.C:
			}
		}
	}()
	f()
	close(stop)
	return <-done
}

// plainUpdate is what an administrator would write: the same columns of the same
// rows set to the same replacements, ten thousand tickets a transaction.
func plainUpdate(b *testing.B, url string, n int) {
	b.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	month := func(column string) string {
		return column + " = date_trunc('month', " + column + " AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'"
	}
	for from := 1; from <= n; from += 10_000 {
		tx, err := db.Begin()
		if err != nil {
			b.Fatal(err)
		}
		for _, q := range []string{
			`UPDATE message SET sender = '[borttaget]', body = '[borttaget]', ip = '', person_id = NULL, ` + month("created_at") + ` WHERE ticket_id BETWEEN $1 AND $2`,
			`UPDATE ticket SET subject = '[borttaget]', person_id = NULL, ` + month("created_at") + ", " + month("updated_at") + ", " + month("last_contact_at") + ", " + month("closed_at") + ` WHERE id BETWEEN $1 AND $2`,
		} {
			if _, err := tx.Exec(q, from, from+9999); err != nil {
				b.Fatal(err)
			}
		}
		if err := tx.Commit(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRetentionAnonymise rewrites n tickets and their messages in place with
// the whole engine (each read, rewritten, read again and judged), and a copy of
// them with plain batched UPDATE. The engine's own processor time stands apart
// from the server's.
func BenchmarkRetentionAnonymise(b *testing.B) {
	n := retentionRows(b, 50_000)
	ctx := context.Background()
	for b.Loop() {
		name, first := helpdesk(b, n, "")
		copied, second := helpdesk(b, n, name)
		e := engine(b, second)
		rule := helpdeskRule
		rule.ID, rule.Action = "anonymise", gallra.ActionAnonymise
		p := planOf(b, e, rule)
		stop := serverTime(b, name)
		start := time.Now()
		plainUpdate(b, first, n)
		plain := time.Since(start)
		plainCPU := stop()
		for _, who := range []string{"anna", "bo"} {
			if err := e.Approve(ctx, p.ID, who, p.Hash); err != nil {
				b.Fatal(err)
			}
		}
		id, err := e.Start(ctx, p.ID, "operator")
		if err != nil {
			b.Fatal(err)
		}
		used := cpu(b)
		stop = serverTime(b, copied)
		start = time.Now()
		peak := watchMemory(b, func() { err = e.Drive(ctx, id) })
		if err != nil {
			b.Fatal(err)
		}
		ran, own := time.Since(start), cpu(b)-used
		server := stop()
		r, err := e.RunOf(ctx, id)
		done := r.Protocol.Total.Outcomes[gallra.OutcomeAnonymised] + r.Protocol.Total.Outcomes[gallra.OutcomeDeidentified]
		if err != nil || done != int64(n) || !r.Protocol.FiguresEqual {
			b.Fatalf("%+v %v", r.Protocol.Total, err)
		}
		b.ReportMetric(float64(peak)/(1<<20), "run-peak-MB")
		b.ReportMetric(plain.Seconds(), "plain-s")
		b.ReportMetric(plainCPU.Seconds(), "plain-cpu-s")
		b.ReportMetric(ran.Seconds(), "run-s")
		b.ReportMetric(server.Seconds(), "run-server-cpu-s")
		b.ReportMetric(own.Seconds(), "run-own-cpu-s")
		b.ReportMetric(server.Seconds()/plainCPU.Seconds(), "server/plain-cpu")
	}
}
