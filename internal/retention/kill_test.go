package retention_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/retention"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/work"
)

// careful is a desk that can also restrict a record and cut its link to a person.
// What it restricts stands in a table of its own, and how often each was.
type careful struct{ unlinking }

func (c careful) Restrict(ctx context.Context, ref gallra.Ref, on bool) (gallra.Receipt, error) {
	for _, q := range []string{`CREATE TABLE IF NOT EXISTS restricted (ticket INTEGER PRIMARY KEY, yes INTEGER NOT NULL)`, `INSERT INTO restricted VALUES (?1, ?2) ON CONFLICT (ticket) DO UPDATE SET yes = ?2`} {
		args := []any{ref.ID, on}
		if q[0] == 'C' {
			args = nil
		}
		if _, err := c.db.ExecContext(ctx, q, args...); err != nil {
			return gallra.Receipt{}, err
		}
	}
	if c.erased != nil {
		c.erased(ref)
	}
	return gallra.Receipt{Ref: ref, Action: gallra.ActionRestrict, Final: true}, nil
}

// guarded opens the fixture's desk with all it can.
func (f *fixture) guarded() *fixture {
	f.Open = func(context.Context, gallra.SystemID) (connector.Source, error) {
		return careful{unlinking{f.desk}}, nil
	}
	return f
}

func random(t *testing.T) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 3))
}

// seedMixed seeds records of which some share too little with others, each with
// a link to a person.
func seedMixed(t *testing.T, f *fixture, n int) {
	f.desk.seed(t, n, old)
	f.desk.exec(t, `UPDATE ticket SET rating = '5'`)
	f.desk.exec(t, `UPDATE ticket SET queue = 'Hamn' WHERE id % 97 = 3`)
	f.desk.exec(t, `UPDATE ticket SET queue = 'Begravning' WHERE id % 149 = 7`)
	f.desk.exec(t, `INSERT INTO attachment (version, message, ticket, filename, content) SELECT 1, id, id, 'Anna Nr' || id || '.pdf', 'x' FROM ticket WHERE id % 10 = 1`)
}

// Text is rewritten, links are cut and rare fields made coarser while workers are
// killed: every byte of the system is afterwards what an undisturbed run of the
// same records leaves.
func TestG6_KilledWhileAnonymisingUnlinkingAndCoarsening(t *testing.T) {
	for _, dialect := range []store.Dialect{store.SQLite, store.Postgres} {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			r := random(t)
			const n = 600
			coarse := rule("r", 24, gallra.ActionAnonymise)
			coarse.Coarsen = []string{"queue", "channel"}
			calm := faulty(t, store.SQLite).guarded()
			seedMixed(t, calm, n)
			p := calm.plan(t, company, coarse)
			calm.approve(t, p)
			want := calm.run(t, p)
			if want.Status != retention.Complete || want.Total.Outcomes[gallra.OutcomeAnonymised] != n {
				t.Fatalf("%+v", want)
			}
			for total := 0; total < *kills; {
				f := faulty(t, dialect).guarded()
				seedMixed(t, f, n)
				p := f.plan(t, company, coarse)
				f.approve(t, p)
				id, err := f.Start(ctx, p.ID, "operator")
				if err != nil {
					t.Fatal(err)
				}
				k := killed(t, f, id, *kills, r)
				pr := f.finish(t, id)
				if pr.Status != retention.Complete || !equal(pr.Total.Outcomes, want.Total.Outcomes) || len(pr.Total.Reasons) != 0 || !pr.FiguresEqual || pr.Parts[0].Anonymity.Smallest != want.Parts[0].Anonymity.Smallest {
					t.Fatalf("%+v, want %+v", pr, want)
				}
				if f.desk.dump(t) != calm.desk.dump(t) {
					t.Fatal("the system is not what an undisturbed run leaves")
				}
				f.verifyLog(t)
				t.Logf("%d kills", k)
				total += max(k, 1)
			}
		})
	}
}

func equal(a, b map[gallra.Outcome]int64) bool {
	if len(a) != len(b) {
		return false
	}
	for k, n := range a {
		if b[k] != n {
			return false
		}
	}
	return true
}

// Killed while records are restricted, and again at the end of their quarantine:
// each is restricted, then erased, once.
func TestG6_KilledInTheQuarantine(t *testing.T) {
	for _, dialect := range []store.Dialect{store.SQLite, store.Postgres} {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			r := random(t)
			const n = 300
			for total := 0; total < *kills; {
				f := faulty(t, dialect).guarded()
				f.desk.seed(t, n, old)
				p := f.plan(t, company, quarantined(30))
				f.approve(t, p)
				id, err := f.Start(ctx, p.ID, "operator")
				if err != nil {
					t.Fatal(err)
				}
				restricting := killed(t, f, id, (*kills+1)/2, r)
				pr := f.finish(t, id)
				if pr.Status != retention.Pending || pr.Open.Quarantined != n || f.desk.count(t, `SELECT count(*) FROM restricted WHERE yes`) != n || f.desk.count(t, `SELECT count(*) FROM erasure`) != 0 {
					t.Fatalf("%+v", pr)
				}
				later := today.AddDate(0, 0, 40)
				f.DB.Now = func() time.Time { return later }
				w, err := work.Latest(ctx, f.DB, retention.WorkFollow, id)
				if err != nil {
					t.Fatal(err)
				}
				erasing := killed(t, f, w.ID, (*kills+1)/2, r)
				if o, err := f.Follow(ctx, id); err != nil || o.Any() {
					t.Fatalf("%+v %v", o, err)
				}
				run, err := f.RunOf(ctx, id)
				if err != nil {
					t.Fatal(err)
				}
				pr = run.Protocol
				if pr.Status != retention.Complete || pr.Total.Outcomes[gallra.OutcomeErased] != n || len(pr.Total.Outcomes) != 1 || len(pr.Total.Reasons) != 0 || !pr.FiguresEqual {
					t.Fatalf("%+v", pr)
				}
				if f.desk.count(t, `SELECT count(*) FROM ticket`) != 0 || f.desk.count(t, `SELECT count(*) FROM erasure`) != n {
					t.Fatal("not every record was erased once")
				}
				f.verifyLog(t)
				t.Logf("%d kills while restricting, %d while erasing", restricting, erasing)
				total += max(restricting+erasing, 1)
			}
		})
	}
}

// Two worker processes at a time share the runs, and either is killed at any
// moment.
func TestG6_KilledBesideAnotherWorker(t *testing.T) {
	for _, dialect := range []store.Dialect{store.SQLite, store.Postgres} {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			r := random(t)
			for total := 0; total < *kills; {
				f := faulty(t, dialect)
				const n = 900
				f.desk.seed(t, n, old)
				p := f.plan(t, company, rule("r", 24, gallra.ActionErase))
				f.approve(t, p)
				id, err := f.Start(ctx, p.ID, "operator")
				if err != nil {
					t.Fatal(err)
				}
				k := 0
				over := func() bool {
					w, err := work.Get(ctx, f.DB, id)
					if err != nil {
						t.Fatal(err)
					}
					return w.State == work.Done
				}
				ended := make(chan error, 2)
				begin := func() *exec.Cmd {
					c := f.start(t, id)
					go func() { ended <- c.Wait() }()
					return c
				}
				pair := []*exec.Cmd{begin(), begin()}
				for k < *kills && !over() {
					time.Sleep(time.Duration(40+r.IntN(300)) * time.Millisecond)
					i := r.IntN(2)
					if err := pair[i].Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
						t.Fatal(err)
					}
					<-ended // the one killed, or one that was done
					k++
					pair[i] = begin()
				}
				for range pair {
					<-ended
				}
				f.complete(t, id, n)
				t.Logf("%d kills", k)
				total += max(k, 1)
			}
		})
	}
}
