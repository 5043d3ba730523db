package retention_test

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/retention"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/store/storetest"
)

var kills = flag.Int("kills", 20, "how many times a worker process is killed, for each kind of store")

// TestMain lets the test binary be the worker that the tests kill.
func TestMain(m *testing.M) {
	if os.Getenv("GALLRA_TEST_WORKER") != "" {
		if err := worker(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// worker is a process of its own that drives one work to its end, slowly enough
// to be killed in the middle.
func worker() error {
	dir := os.Getenv("GALLRA_TEST_DIR")
	db, err := store.Open(ctx, dir, os.Getenv("GALLRA_TEST_DATABASE"))
	if err != nil {
		return err
	}
	defer db.Close()
	now, err := time.Parse(time.RFC3339, os.Getenv("GALLRA_TEST_NOW"))
	if err != nil {
		return err
	}
	db.Now = func() time.Time { return now }
	log, err := evidence.Open(ctx, db, dir)
	if err != nil {
		return err
	}
	d, err := newDesk(filepath.Join(dir, "desk.db"))
	if err != nil {
		return err
	}
	defer d.db.Close()
	// A little time at each record and page, so that kills fall there too.
	d.erased = func(gallra.Ref) { time.Sleep(200 * time.Microsecond) }
	d.onList = func(connector.Query) { time.Sleep(8 * time.Millisecond) }
	loc, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		return err
	}
	open := func(context.Context, gallra.SystemID) (connector.Source, error) { return careful{unlinking{d}}, nil }
	if address := os.Getenv("GALLRA_TEST_MAILS"); address != "" {
		src, err := connector.Open(ctx, connector.Config{System: "desk", URL: address})
		if err != nil {
			return err
		}
		m := interruptedBox(src, func() error { return syscall.Kill(os.Getpid(), syscall.SIGKILL) })
		open = func(context.Context, gallra.SystemID) (connector.Source, error) { return m, nil }
	}
	e := &retention.Engine{DB: db, Log: log, Loc: loc, Dir: dir, BatchSize: 50, Lease: 150 * time.Millisecond, Budget: time.Millisecond,
		Open: open}
	return e.Drive(ctx, os.Getenv("GALLRA_TEST_WORKER"))
}

// start starts a worker process on a work.
func (f *fixture) start(tb testing.TB, id string, env ...string) *exec.Cmd {
	tb.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(append(os.Environ(), env...), "GALLRA_TEST_WORKER="+id, "GALLRA_TEST_DIR="+f.dir, "GALLRA_TEST_DATABASE="+f.DB.URL, "GALLRA_TEST_NOW="+f.DB.Now().Format(time.RFC3339))
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		tb.Fatal(err)
	}
	return c
}

// killed runs workers on a work and kills each (SIGKILL) after a random time,
// until n have been killed or the work is over. It returns the kills.
func killed(tb testing.TB, f *fixture, id string, n int, r *rand.Rand) int {
	tb.Helper()
	for k := range n {
		c := f.start(tb, id)
		ended := make(chan error, 1)
		go func() { ended <- c.Wait() }()
		select {
		case err := <-ended:
			if err != nil {
				tb.Fatalf("the worker failed: %v", err)
			}
			return k
		case <-time.After(time.Duration(60+r.IntN(500)) * time.Millisecond):
			if err := c.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
				tb.Fatal(err)
			}
			<-ended
		}
	}
	return n
}

// faulty opens a store in a directory that worker processes can open too.
func faulty(t *testing.T, dialect store.Dialect) *fixture {
	t.Helper()
	dir := t.TempDir()
	var db *store.DB
	if dialect == store.Postgres {
		db = storetest.Postgres(t)
	} else {
		var err error
		if db, err = store.Open(ctx, dir, ""); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
	}
	db.Now = func() time.Time { return today }
	log, err := evidence.Open(ctx, db, dir)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{desk: openDesk(t, filepath.Join(dir, "desk.db")), dir: dir, now: today}
	f.Engine = &retention.Engine{DB: db, Log: log, Loc: stockholm(t), Dir: dir, BatchSize: 50, Lease: 150 * time.Millisecond,
		Open: func(context.Context, gallra.SystemID) (connector.Source, error) { return f.desk, nil }}
	return f
}

// A worker killed at any moment of plan and run loses nothing and doubles
// nothing: the final state is that of an undisturbed run.
func TestG6_KilledAtRandomPoints(t *testing.T) {
	for _, dialect := range []store.Dialect{store.SQLite, store.Postgres} {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			r := rand.New(rand.NewPCG(seed, 1))
			for total := 0; total < *kills; {
				f := faulty(t, dialect)
				const n = 900
				f.desk.seed(t, n, old)
				id, err := f.Plan(ctx, retention.PlanSpec{Rules: []gallra.Rule{rule("r", 24, gallra.ActionErase)}, Organisation: company, Actor: "planner"})
				if err != nil {
					t.Fatal(err)
				}
				inPlan := killed(t, f, id, 4, r)
				if err := f.Drive(ctx, id); err != nil {
					t.Fatal(err)
				}
				p, err := f.PlanOf(ctx, id)
				if err != nil || p.Preview.Planned != n || p.Preview.Units[0].Rules["r"] != n {
					t.Fatalf("%+v %v", p.Preview, err)
				}
				f.approve(t, p)
				run, err := f.Start(ctx, id, "operator")
				if err != nil {
					t.Fatal(err)
				}
				inRun := killed(t, f, run, *kills, r)
				f.complete(t, run, n)
				t.Logf("%d kills in the plan, %d in the run", inPlan, inRun)
				total += inPlan + inRun
			}
		})
	}
}

// The same while conversations are rewritten: each ends rewritten whole.
func TestG6_KilledWhileAnonymising(t *testing.T) {
	t.Parallel()
	f := faulty(t, store.SQLite)
	const n = 400
	f.desk.seed(t, n, old)
	f.desk.exec(t, `UPDATE ticket SET person = 0, rating = '5'`)
	p := f.plan(t, company, rule("r", 24, gallra.ActionAnonymise))
	f.approve(t, p)
	id, err := f.Start(ctx, p.ID, "operator")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d kills", killed(t, f, id, *kills, rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 2))))
	pr := f.finish(t, id)
	if pr.Status != retention.Complete || pr.Total.Outcomes[gallra.OutcomeAnonymised] != n || !pr.FiguresEqual {
		t.Fatalf("%+v", pr)
	}
	// Each record has been edited once, or once more where a kill fell after it.
	if d := f.desk.dump(t); strings.Contains(d, "Anna") || strings.Contains(d, "example.se") {
		t.Fatal("a personal value is left")
	}
	if left := f.desk.count(t, `SELECT count(*) FROM ticket WHERE version <> 2`) + f.desk.count(t, `SELECT count(*) FROM message WHERE version <> 2`); left != 0 {
		t.Fatalf("%d records were not edited exactly once", left)
	}
	f.verifyLog(t)
}

// The disk fills in the middle: the step fails and says so, nothing is half
// written, and when there is room again the run ends as if nothing had been.
func TestG6_DiskFull(t *testing.T) {
	t.Parallel()
	f := setup(t, storetest.SQLite(t))
	f.desk.seed(t, 600, old)
	p := f.plan(t, company, rule("r", 24, gallra.ActionErase))
	f.approve(t, p)
	id, err := f.Start(ctx, p.ID, "operator")
	if err != nil {
		t.Fatal(err)
	}
	f.DB.SetMaxOpenConns(1) // the limit below belongs to a connection
	var pages, full int
	if err := f.DB.QueryRowContext(ctx, `PRAGMA page_count`).Scan(&pages); err != nil {
		t.Fatal(err)
	}
	limit := func(n int) {
		if err := f.DB.QueryRowContext(ctx, fmt.Sprintf(`PRAGMA max_page_count = %d`, n)).Scan(&n); err != nil {
			t.Fatal(err)
		}
	}
	limit(pages + 1)
	for range 200 {
		more, err := f.Step(ctx, id)
		if err != nil {
			if full++; !more {
				t.Fatalf("a full disk ended the run: %v", err)
			}
			pages++
			limit(pages + 1)
			continue
		}
		if !more {
			break
		}
	}
	if full == 0 {
		t.Fatal("the disk never was full")
	}
	limit(1 << 30)
	f.complete(t, id, 600)
}

// The database of Gallra itself drops every connection, again and again, as at a
// restart: the run goes on and ends as if nothing had been.
func TestG6_DatabaseRestartsInTheMiddle(t *testing.T) {
	t.Parallel()
	f := faulty(t, store.Postgres)
	const n = 900
	f.desk.seed(t, n, old)
	p := f.plan(t, company, rule("r", 24, gallra.ActionErase))
	f.approve(t, p)
	id, err := f.Start(ctx, p.ID, "operator")
	if err != nil {
		t.Fatal(err)
	}
	var name string
	if err := f.DB.QueryRowContext(ctx, `SELECT current_database()`).Scan(&name); err != nil {
		t.Fatal(err)
	}
	admin, err := sql.Open("pgx", os.Getenv("GALLRA_TEST_POSTGRES"))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	f.desk.erased = func(gallra.Ref) { time.Sleep(200 * time.Microsecond) }
	stop, stopped := make(chan struct{}), make(chan struct{})
	var cut int
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(25 * time.Millisecond):
			}
			var k int
			if err := admin.QueryRow(`SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()`, name).Scan(&k); err == nil {
				cut += k
			}
		}
	}()
	failures := 0
	for tries := 0; ; tries++ {
		more, err := f.Step(ctx, id)
		if err != nil {
			failures++
		}
		if err == nil && !more {
			break
		}
		if tries == 40 { // enough: let it end
			close(stop)
			<-stopped
		}
		if tries > 2000 {
			t.Fatalf("the run does not end: %v", err)
		}
	}
	select {
	case <-stopped:
	default:
		close(stop)
		<-stopped
	}
	t.Logf("%d connections cut, %d steps failed", cut, failures)
	if failures == 0 {
		t.Fatal("no step met a lost connection")
	}
	f.complete(t, id, n)
}

// The system's own disk is full: its answer is an error, nothing is lost, and the
// run waits for room.
func TestG6_SystemsDiskFull(t *testing.T) {
	t.Parallel()
	f := setup(t, storetest.SQLite(t))
	f.desk.seed(t, 600, old)
	f.desk.db.SetMaxOpenConns(1) // the limit below belongs to a connection
	p := f.plan(t, company, rule("r", 24, gallra.ActionAnonymise))
	f.approve(t, p)
	id, err := f.Start(ctx, p.ID, "operator")
	if err != nil {
		t.Fatal(err)
	}
	// Every change is also noted in a journal of the system, which needs room.
	f.desk.exec(t, `CREATE TABLE journal (note TEXT)`)
	for _, table := range []string{"ticket", "message"} {
		f.desk.exec(t, `CREATE TRIGGER t_`+table+` AFTER UPDATE ON `+table+` BEGIN INSERT INTO journal VALUES (hex(zeroblob(400))); END`)
	}
	pages := f.desk.count(t, `PRAGMA page_count`)
	limit := func(n int64) { f.desk.count(t, fmt.Sprintf(`PRAGMA max_page_count = %d`, n)) }
	limit(pages + 2)
	full := 0
	for tries := 0; ; tries++ {
		more, err := f.Step(ctx, id)
		if err != nil {
			if full++; !more {
				t.Fatalf("a full disk ended the run: %v", err)
			}
			pages += 20
			limit(pages)
		}
		if err == nil && !more {
			break
		}
		if tries > 3000 {
			t.Fatalf("the run does not end: %v", err)
		}
	}
	if full < 3 {
		t.Fatalf("the disk was full %d times", full)
	}
	pr := f.finish(t, id)
	if pr.Total.Outcomes[gallra.OutcomeAnonymised]+pr.Total.Outcomes[gallra.OutcomeDeidentified] != 600 || len(pr.Total.Reasons) != 0 || !pr.FiguresEqual {
		t.Fatalf("%+v", pr.Total)
	}
	if left := f.desk.count(t, `SELECT count(*) FROM ticket WHERE version <> 2`) + f.desk.count(t, `SELECT count(*) FROM message WHERE version <> 2`); left != 0 {
		t.Fatalf("%d records were not edited exactly once", left)
	}
	f.verifyLog(t)
}

// The system loses the connection in the middle of a batch, sometimes after it
// has done it: the step is repeated, and every record is counted once.
func TestG6_ConnectionLostInTheMiddle(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		f.desk.seed(t, 300, old)
		p := f.plan(t, company, rule("r", 24, gallra.ActionErase))
		f.approve(t, p)
		id, err := f.Start(ctx, p.ID, "operator")
		if err != nil {
			t.Fatal(err)
		}
		lost := gallra.Errorf(gallra.Unavailable, "desk.lost")
		src := &dropping{desk: f.desk, err: lost}
		f.Open = func(context.Context, gallra.SystemID) (connector.Source, error) { return src, nil }
		if err := f.Close(); err != nil { // so that the system is opened anew
			t.Fatal(err)
		}
		for n := 0; ; n++ {
			more, err := f.Step(ctx, id)
			if err != nil && !errors.Is(err, lost) {
				t.Fatal(err)
			}
			if !more {
				break
			}
			if n > 500 {
				t.Fatal("the run does not end")
			}
		}
		if src.calls.Load() < 4 {
			t.Fatalf("only %d calls", src.calls.Load())
		}
		f.complete(t, id, 300)
	})
}

// dropping does every second batch and then answers that the connection was lost.
type dropping struct {
	*desk
	err   error
	calls atomic.Int64
}

func (d *dropping) EraseMany(ctx context.Context, items []connector.Item) ([]connector.Result, error) {
	out, err := d.desk.EraseMany(ctx, items)
	if d.calls.Add(1)%2 == 1 {
		return nil, d.err
	}
	return out, err
}
