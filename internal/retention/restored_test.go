package retention_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/guard"
	"github.com/gallra/gallra/internal/hold"
	"github.com/gallra/gallra/internal/retention"
	"github.com/gallra/gallra/internal/statistics"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/store/storetest"
)

// figuresOf returns the statistics of the tickets as a report would have them:
// what is live and what is gone, byte for byte.
func figuresOf(t *testing.T, f *fixture, src connector.Source) string {
	t.Helper()
	types, err := src.Types(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var schema statistics.Schema
	for _, typ := range types {
		if typ.Name == "ticket" {
			schema = statistics.SchemaOf("desk", typ)
		}
	}
	cells := statistics.NewCells("desk", "ticket")
	for q := (connector.Query{Type: "ticket"}); ; {
		page, err := src.List(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Records {
			cells.Add(schema, schema.Fact(r, f.Loc))
		}
		if q.Cursor = page.Next; page.Next == "" {
			break
		}
	}
	gone, err := statistics.Thinned(ctx, f.DB, "desk", "ticket")
	if err != nil {
		t.Fatal(err)
	}
	cells.Merge(gone)
	b, err := json.Marshal(cells)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A backup of a database that is put back after its records were rewritten in
// place brings back what they said. What is exactly as it was is rewritten again
// by the same decision, once, and nothing is counted twice; what is on hold, what
// has been written to since and what is another copy stays.
func TestB4_AnonymisedAgainAfterARestore(t *testing.T) {
	for _, text := range []gallra.TextPolicy{gallra.TextRemove, gallra.TextRedact} {
		t.Run(string(text), func(t *testing.T) {
			t.Parallel()
			h := znunyDesk(t)
			const n = 12
			for id := 1000; id < 1000+n; id++ {
				h.seed(t, id)
			}
			f := setup(t, storetest.SQLite(t))
			f.PII = swedish(t)
			f.Open = func(context.Context, gallra.SystemID) (connector.Source, error) {
				return &keepsBack{Source: h.source}, nil
			}
			before := f.now
			for _, table := range h.tables { // the backup
				h.exec(t, "CREATE TABLE zz_"+table+" AS SELECT * FROM "+table)
			}
			restore := func() {
				t.Helper()
				h.exec(t, "SET session_replication_role = replica")
				for _, table := range h.tables {
					h.exec(t, "DELETE FROM "+table)
					h.exec(t, "INSERT INTO "+table+" SELECT * FROM zz_"+table)
				}
				h.exec(t, "SET session_replication_role = DEFAULT")
			}
			h.db.SetMaxOpenConns(1) // the setting is the connection's
			was := figuresOf(t, f, h.source)
			r := redacting()
			r.Text = text
			p := f.plan(t, company, r)
			f.approve(t, p)
			pr := f.run(t, p)
			if pr.Status != retention.Complete || !pr.FiguresEqual || pr.Total.Outcomes[gallra.OutcomeAnonymised]+pr.Total.Outcomes[gallra.OutcomeDeidentified] != n {
				t.Fatalf("%s %t %+v", pr.Status, pr.FiguresEqual, pr.Total)
			}
			after := texts(t, h.db, "SELECT title FROM ticket ORDER BY id")
			figures := figuresOf(t, f, h.source)
			if figures != was {
				t.Fatal("the run changed the figures")
			}
			returned := func() map[guard.Kind]int64 {
				t.Helper()
				list, err := f.Returned(ctx, h.source, "desk", 100)
				if err != nil {
					t.Fatal(err)
				}
				out := map[guard.Kind]int64{}
				for _, r := range list {
					out[r.Kind] += r.Count
				}
				return out
			}
			if got := returned(); len(got) != 0 {
				t.Fatalf("nothing was restored: %v", got)
			}
			if got, err := f.Replay(ctx, "desk", before.Add(-time.Hour), "operator"); err != nil || got.Rewrites != n || got.RewritesBack+got.Rewritten+got.Altered != 0 || len(got.Kept) != 0 {
				t.Fatalf("nothing was restored: %+v %v", got, err)
			}

			restore()
			f.now = f.now.Add(48 * time.Hour)
			// 1002 is on hold; 1003 is an older copy yet; 1004 was not restored and has been
			// written to; 1005 was, and has been too.
			if err := f.DB.Tx(ctx, func(tx *sql.Tx) error {
				_, err := hold.Register{DB: f.DB, Log: f.Log}.Place(ctx, tx, hold.Hold{Kind: hold.Legal, Reason: "tvist", PlacedBy: "dpo", Targets: []hold.Target{{Ref: gallra.Ref{System: "desk", Type: "ticket", ID: "1002"}}}})
				return err
			}); err != nil {
				t.Fatal(err)
			}
			h.exec(t, "UPDATE ticket SET title = 'Äldre fråga från "+whoName+"' WHERE id = 1003")
			h.exec(t, "UPDATE ticket SET title = 'Ny fråga från Eva', create_time = '2023-01-01 00:00:00', change_time = '"+f.now.UTC().Format(time.DateTime)+"' WHERE id = 1004")
			h.exec(t, "UPDATE ticket SET change_time = '"+f.now.UTC().Format(time.DateTime)+"' WHERE id = 1005")
			if got := returned(); got[guard.Rewritten] != n-3 || got[guard.Altered] != 2 || len(got) != 2 {
				t.Fatalf("%v", got)
			}
			got, err := f.Replay(ctx, "desk", before.Add(-time.Hour), "operator")
			if err != nil || got.RewritesBack != n-3 || got.Rewritten != n-4 || got.Altered != 2 || got.Kept["retention.reason.hold"] != 1 || got.Kept[retention.ReasonAltered] != 2 || len(got.Kept) != 2 || !got.Remains() {
				t.Fatalf("%+v %v", got, err)
			}
			now := texts(t, h.db, "SELECT title FROM ticket ORDER BY id")
			for i, s := range now {
				switch id := 1000 + i; id {
				case 1002, 1003, 1004, 1005:
					if s == after[i] {
						t.Errorf("%d was touched", id)
					}
				default:
					if s != after[i] {
						t.Errorf("%d is %q and was %q", id, s, after[i])
					}
				}
			}
			for _, q := range []string{"SELECT a_body FROM article_data_mime m JOIN article a ON a.id = m.article_id WHERE a.ticket_id NOT IN (1002, 1003, 1004, 1005)",
				"SELECT body FROM article_data_mime_plain m JOIN article a ON a.id = m.article_id WHERE a.ticket_id NOT IN (1002, 1003, 1004, 1005)",
				"SELECT name FROM ticket_history WHERE ticket_id NOT IN (1002, 1003, 1004, 1005)", "SELECT title FROM ticket WHERE id NOT IN (1002, 1003, 1004, 1005)"} {
				for _, s := range texts(t, h.db, q) {
					if strings.Contains(s, "Ottilia") || strings.Contains(s, "leftaker") || s == inBase64(rawMail()) {
						t.Errorf("%s: %q", q, s)
					}
				}
			}
			id, err := f.RunOfPlan(ctx, p.ID)
			if err != nil {
				t.Fatal(err)
			}
			told := func() (int, *retention.Protocol) {
				t.Helper()
				if err := f.Settle(ctx, id); err != nil { // what is known of a replay outlives the next issue
					t.Fatal(err)
				}
				run, err := f.RunOf(ctx, id)
				if err != nil {
					t.Fatal(err)
				}
				return len(run.Protocol.Again), run.Protocol
			}
			if k, now := told(); k != 1 || now.Revision != pr.Revision+1 || now.Again[0].Rewritten != n-4 || now.Again[0].Kept["retention.reason.hold"] != 1 || now.Again[0].Actor != "operator" || !now.FiguresEqual {
				t.Fatalf("the protocol tells of %d replays: %+v", k, now.Again)
			}
			// Twice changes nothing.
			if again, err := f.Replay(ctx, "desk", before.Add(-time.Hour), "operator"); err != nil || again.RewritesBack != 1 || again.Rewritten != 0 || again.Altered != 2 || fmt.Sprint(texts(t, h.db, "SELECT title FROM ticket ORDER BY id")) != fmt.Sprint(now) {
				t.Fatalf("%+v %v", again, err)
			}

			if k, _ := told(); k != 1 {
				t.Errorf("nothing was done, and the protocol tells of %d replays", k)
			}

			// Once more without what was done to it: the figures are what they were
			// before anything, and the next plan knows that all is done.
			restore()
			h.exec(t, "UPDATE ticket SET title = 'Fråga från "+whoName+"'")
			if err := f.DB.Tx(ctx, func(tx *sql.Tx) error {
				_, err := tx.ExecContext(ctx, `DELETE FROM hold_target`)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			if figuresOf(t, f, h.source) == figures {
				t.Fatal("what was restored is not seen in the figures: the test shows nothing")
			}
			if got, err := f.Replay(ctx, "desk", before.Add(-time.Hour), "operator"); err != nil || got.Rewritten != n || got.Remains() {
				t.Fatalf("%+v %v", got, err)
			}
			if figuresOf(t, f, h.source) != figures {
				t.Error("the figures differ after the replay")
			}
			if got := returned(); len(got) != 0 {
				t.Errorf("%v", got)
			}
			if p := f.plan(t, company, r); p.Preview.Planned != 0 {
				t.Errorf("planned again: %+v", p.Preview)
			}
			f.verifyLog(t)
		})
	}
}

// dying is a helpdesk whose connection ends at one call that changes something,
// before it or after it.
type dying struct {
	*keepsBack
	at, n int
	after bool
}

var errDied = errors.New("the connection ended")

func (d *dying) EditMany(ctx context.Context, edits []connector.Edit) ([]connector.Result, error) {
	d.n++
	if d.n == d.at && !d.after {
		return nil, errDied
	}
	out, err := d.keepsBack.EditMany(ctx, edits)
	if err == nil && d.n == d.at {
		return nil, errDied
	}
	return out, err
}

func (d *dying) GetMany(ctx context.Context, refs []gallra.Ref, versions bool) ([]gallra.Record, error) {
	if d.n++; d.n == d.at {
		return nil, errDied
	}
	return d.keepsBack.GetMany(ctx, refs, versions)
}

// A replay that dies at any call is done again and ends as one that did not: each
// record rewritten, none reported as something else, the figures as they were.
func TestG6_B4_ReplayOfRewritesGoesOnAfterItDied(t *testing.T) {
	t.Parallel()
	h := znunyDesk(t)
	for id := 1000; id < 1003; id++ {
		h.seed(t, id)
	}
	f := setup(t, storetest.SQLite(t))
	f.PII = swedish(t)
	src := &dying{keepsBack: &keepsBack{Source: h.source}}
	f.Open = func(context.Context, gallra.SystemID) (connector.Source, error) { return src, nil }
	before := f.now
	for _, table := range h.tables {
		h.exec(t, "CREATE TABLE zz_"+table+" AS SELECT * FROM "+table)
	}
	h.db.SetMaxOpenConns(1)
	p := f.plan(t, company, redacting())
	f.approve(t, p)
	if pr := f.run(t, p); pr.Status != retention.Complete {
		t.Fatalf("%s %+v", pr.Status, pr.Total)
	}
	// A number that stands in a message already is not given out again: who it is
	// nobody knows after a restart, so that the title may get the next one.
	numbers := regexp.MustCompile(` [0-9]+\]`)
	said := func(q string) string {
		return numbers.ReplaceAllString(fmt.Sprint(texts(t, h.db, q)), "]")
	}
	const title, body = "SELECT title FROM ticket ORDER BY id", "SELECT a_body FROM article_data_mime ORDER BY id"
	figures, titles, bodies := figuresOf(t, f, h.source), said(title), said(body)
	f.now = f.now.Add(24 * time.Hour)
	died := 0
	for at := 1; ; at++ {
		more := false
		for _, after := range []bool{false, true} {
			h.exec(t, "SET session_replication_role = replica")
			for _, table := range h.tables {
				h.exec(t, "DELETE FROM "+table)
				h.exec(t, "INSERT INTO "+table+" SELECT * FROM zz_"+table)
			}
			h.exec(t, "SET session_replication_role = DEFAULT")
			src.at, src.n, src.after = at, 0, after
			if _, err := f.Replay(ctx, "desk", before.Add(-time.Hour), "operator"); err != nil {
				if !errors.Is(err, errDied) {
					t.Fatal(err)
				}
				more = true
				died++
			}
			src.at = 0
			got, err := f.Replay(ctx, "desk", before.Add(-time.Hour), "operator")
			if err != nil || got.Remains() {
				t.Fatalf("call %d, after it %t: %+v %v", at, after, got, err)
			}
			if s := said(title); s != titles {
				t.Errorf("call %d, after it %t: %s", at, after, s)
			}
			if s := said(body); s != bodies {
				t.Errorf("call %d, after it %t: %s", at, after, s)
			}
			if figuresOf(t, f, h.source) != figures {
				t.Errorf("call %d, after it %t: the figures differ", at, after)
			}
		}
		if !more {
			break
		}
	}
	t.Logf("died %d times", died)
	if died < 8 {
		t.Errorf("it died %d times: the test shows too little", died)
	}
	f.verifyLog(t)
}

// A folder of mail that is put back as it was, where a rewritten mail has another
// name than before.
func TestB4_MailIsRewrittenAgainAfterARestore(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "mail")
	deliver(t, "maildir:"+dir, 5)
	backup := filepath.Join(t.TempDir(), "backup")
	if err := os.CopyFS(backup, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	open := func() connector.Source {
		src, err := connector.Open(ctx, connector.Config{System: "desk", URL: "maildir:" + dir})
		if err != nil {
			t.Fatal(err)
		}
		return src
	}
	f := setup(t, storetest.SQLite(t))
	f.PII = swedish(t)
	f.Open = func(context.Context, gallra.SystemID) (connector.Source, error) { return open(), nil }
	before := f.now
	p := f.plan(t, company, redacting())
	f.approve(t, p)
	if pr := f.run(t, p); pr.Status != retention.Complete || pr.Total.Outcomes[gallra.OutcomeDeidentified] != 5 {
		t.Fatalf("%s %+v", pr.Status, pr.Total)
	}
	read := func() (out []string) {
		src := open()
		defer src.Close()
		page, err := src.List(ctx, connector.Query{Type: "mail"})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Records {
			raw, _ := r.Field("raw")
			out = append(out, raw)
		}
		slices.Sort(out)
		return out
	}
	done := read()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS(backup)); err != nil {
		t.Fatal(err)
	}
	f.now = f.now.Add(24 * time.Hour)
	f.Close()
	got, err := f.Replay(ctx, "desk", before.Add(-time.Hour), "operator")
	if err != nil || got.Rewritten != 5 || got.Remains() {
		t.Fatalf("%+v %v", got, err)
	}
	if now := read(); !slices.Equal(now, done) {
		t.Errorf("%q\nand was\n%q", now, done)
	}
	if got, err := f.Replay(ctx, "desk", before.Add(-time.Hour), "operator"); err != nil || got.Rewritten != 0 || got.Remains() {
		t.Fatalf("again: %+v %v", got, err)
	}
	if p := f.plan(t, company, redacting()); p.Preview.Planned != 0 {
		t.Errorf("planned again: %+v", p.Preview)
	}
}

// What a run has made coarser is made coarser again, and counted once.
func TestB4_CoarserAgainAfterARestore(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		src := unlinking{f.desk}
		f.Open = func(context.Context, gallra.SystemID) (connector.Source, error) { return src, nil }
		f.desk.seed(t, 40, old)
		f.desk.exec(t, `UPDATE ticket SET queue = 'Ensam' WHERE id = 3`)
		f.desk.exec(t, `CREATE TABLE backup AS SELECT * FROM ticket`)
		f.desk.exec(t, `CREATE TABLE backup_message AS SELECT * FROM message`)
		before := f.now
		r := rule("r", 24, gallra.ActionAnonymise)
		r.Coarsen = []string{"queue", "channel", "rating"}
		p := f.plan(t, company, r)
		f.approve(t, p)
		if pr := f.run(t, p); !pr.FiguresEqual || pr.Total.Outcomes[gallra.OutcomeFailed] != 0 {
			t.Fatalf("%s %t %+v", pr.Status, pr.FiguresEqual, pr.Total)
		}
		figures := figuresOf(t, f, src)
		if f.desk.count(t, `SELECT count(*) FROM ticket WHERE queue = 'Ensam'`) != 0 {
			t.Fatal("the run has made nothing coarser: the test shows nothing")
		}
		done := f.desk.dump(t)
		f.desk.exec(t, `DELETE FROM ticket`)
		f.desk.exec(t, `DELETE FROM message`)
		f.desk.exec(t, `INSERT INTO ticket SELECT * FROM backup`)
		f.desk.exec(t, `INSERT INTO message SELECT * FROM backup_message`)
		f.now = f.now.Add(24 * time.Hour)
		// The marks of the run do not tell what is rewritten now: those of the replay do.
		if err := db.Tx(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `DELETE FROM anonymised`)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		got, err := f.Replay(ctx, "desk", before.Add(-time.Hour), "operator")
		if err != nil || got.Rewritten != 40 || got.Remains() {
			t.Fatalf("%+v %v", got, err)
		}
		if p := f.plan(t, company, r); p.Preview.Planned != 0 {
			t.Errorf("planned again: %+v", p.Preview)
		}
		if figuresOf(t, f, src) != figures {
			t.Error("the figures differ")
		}
		if f.desk.dump(t) != done {
			t.Error("what is there differs from what the run had left")
		}
		if got, err := f.Replay(ctx, "desk", before.Add(-time.Hour), "operator"); err != nil || got.RewritesBack+got.Altered != 0 {
			t.Fatalf("again: %+v %v", got, err)
		}
	})
}

// stopping throws the kill switch at the first edit.
type stopping struct {
	*desk
	throw func()
}

func (s *stopping) EditMany(ctx context.Context, edits []connector.Edit) ([]connector.Result, error) {
	if s.throw != nil {
		s.throw()
		s.throw = nil
	}
	return s.desk.EditMany(ctx, edits)
}

// While everything is stopped nothing is rewritten again, and what is under way
// ends before the next batch.
func TestB4_StoppedRewritesNothingAgain(t *testing.T) {
	t.Parallel()
	f := setup(t, storetest.SQLite(t))
	src := &stopping{desk: f.desk}
	f.Open = func(context.Context, gallra.SystemID) (connector.Source, error) { return src, nil }
	before := f.now
	f.desk.exec(t, `CREATE TABLE backup AS SELECT * FROM ticket`)
	for range 2 {
		f.desk.seed(t, 20, old)
		f.desk.exec(t, `INSERT INTO backup SELECT * FROM ticket WHERE id NOT IN (SELECT id FROM backup)`)
		p := f.plan(t, company, rule("r", 24, gallra.ActionAnonymise))
		f.approve(t, p)
		if f.run(t, p); p.Preview.Planned != 20 {
			t.Fatalf("%+v", p.Preview)
		}
		f.now = f.now.Add(time.Hour)
	}
	f.desk.exec(t, `DELETE FROM ticket`)
	f.desk.exec(t, `INSERT INTO ticket SELECT * FROM backup`)
	asBefore := func() int64 {
		return f.desk.count(t, `SELECT count(*) FROM ticket t JOIN backup b ON b.id = t.id AND b.version = t.version AND b.subject = t.subject`)
	}
	stop := func(on bool) {
		if err := f.StopAll(ctx, on, "admin"); err != nil {
			t.Fatal(err)
		}
	}
	stop(true)
	if got, err := f.Replay(ctx, "desk", before.Add(-time.Hour), "operator"); gallra.CodeOf(err) != gallra.Blocked || got.Rewritten != 0 || asBefore() != 40 {
		t.Fatalf("%+v %v", got, err)
	}
	stop(false)
	src.throw = func() { stop(true) }
	if got, err := f.Replay(ctx, "desk", before.Add(-time.Hour), "operator"); gallra.CodeOf(err) != gallra.Blocked || got.Rewritten != 20 || asBefore() != 20 {
		t.Fatalf("stopped on the way: %+v %v, %d as before", got, err, asBefore())
	}
	stop(false)
	if got, err := f.Replay(ctx, "desk", before.Add(-time.Hour), "operator"); err != nil || got.Rewritten != 20 || got.Remains() || asBefore() != 0 {
		t.Fatalf("%+v %v", got, err)
	}
}
