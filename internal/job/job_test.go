package job_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/job"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/store/storetest"
	"github.com/gallra/gallra/internal/work"
)

var ctx = context.Background()

var quick = job.Options{Takeover: 400 * time.Millisecond, Slice: 50 * time.Millisecond, Poll: 20 * time.Millisecond}

// counter is a step that counts to the work's total, one a step, in the row.
func counter(db *store.DB, to int64) job.Step {
	return func(ctx context.Context, id string) (more bool, err error) {
		err = db.Tx(ctx, func(tx *sql.Tx) error {
			w, err := work.Get(ctx, tx, id)
			if err != nil {
				return err
			}
			switch {
			case w.State.Over() || w.State == work.Paused:
				return nil
			case w.Wish == work.WishPause:
				w.State = work.Paused
			case w.Wish == work.WishStop:
				w.State = work.Stopped
			default:
				w.State, w.Total = work.Running, to
				if w.Done++; w.Done == to {
					w.State = work.Done
				}
				more = w.Done < to
			}
			return work.Save(ctx, tx, db.Now(), &w)
		})
		return more, err
	}
}

func runner(t *testing.T, db *store.DB, opt job.Options, register func(*job.Runner)) *job.Runner {
	t.Helper()
	r, err := job.New(ctx, db, opt)
	if err != nil {
		t.Fatal(err)
	}
	register(r)
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- r.Run(running, 4) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		r.Close()
	})
	return r
}

func start(t *testing.T, db *store.DB, r *job.Runner, kind string) (id string) {
	t.Helper()
	if err := db.Tx(ctx, func(tx *sql.Tx) (err error) { id, err = r.Start(ctx, tx, kind, "subject", "anna"); return err }); err != nil {
		t.Fatal(err)
	}
	return id
}

// await polls until the work is as ok wants it; half a minute is for ever.
func await(t *testing.T, db *store.DB, id string, ok func(work.Work) bool) work.Work {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); ; {
		w, err := work.Get(ctx, db, id)
		if err != nil {
			t.Fatal(err)
		}
		if ok(w) {
			return w
		}
		if time.Now().After(end) {
			t.Fatalf("still %+v", w)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestWorksToTheEnd(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		r := runner(t, db, quick, func(r *job.Runner) { r.Register("count", 1, counter(db, 30)) })
		for _, id := range []string{start(t, db, r, "count"), start(t, db, r, "count")} {
			if w := await(t, db, id, func(w work.Work) bool { return w.State.Over() }); w.State != work.Done || w.Done != 30 {
				t.Fatalf("%+v", w)
			}
		}
		if err := db.Tx(ctx, func(tx *sql.Tx) error { _, err := r.Start(ctx, tx, "unheard", "", ""); return err }); !errors.Is(err, gallra.ErrInvalid) {
			t.Fatalf("unknown kind: %v", err)
		}
	})
}

// What is started in a transaction that fails was never started.
func TestStartRollsBack(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		var steps atomic.Int64
		r := runner(t, db, quick, func(r *job.Runner) {
			r.Register("count", 1, func(context.Context, string) (bool, error) { steps.Add(1); return false, nil })
			r.Register("other", 1, counter(db, 1))
		})
		boom := errors.New("boom")
		if err := db.Tx(ctx, func(tx *sql.Tx) error {
			if _, err := r.Start(ctx, tx, "count", "", ""); err != nil {
				return err
			}
			return boom
		}); !errors.Is(err, boom) {
			t.Fatal(err)
		}
		await(t, db, start(t, db, r, "other"), func(w work.Work) bool { return w.State == work.Done })
		if steps.Load() != 0 {
			t.Fatal("a step ran")
		}
	})
}

func TestPauseResumeStop(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		slow := counter(db, 1_000_000)
		r := runner(t, db, quick, func(r *job.Runner) { r.Register("count", 1, slow) })
		id := start(t, db, r, "count")
		await(t, db, id, func(w work.Work) bool { return w.Done > 3 })
		if err := r.Wish(ctx, id, work.WishPause); err != nil {
			t.Fatal(err)
		}
		paused := await(t, db, id, func(w work.Work) bool { return w.State == work.Paused })
		if err := r.Wish(ctx, id, work.WishNone); err != nil {
			t.Fatal(err)
		}
		await(t, db, id, func(w work.Work) bool { return w.Done > paused.Done+3 })
		if err := r.Wish(ctx, id, work.WishStop); err != nil {
			t.Fatal(err)
		}
		await(t, db, id, func(w work.Work) bool { return w.State == work.Stopped })
	})
}

// A worker that has gone silent, here one that never comes back from its step,
// is given up, and another goes on.
func TestLostWorkerIsReplaced(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		// The lane of a dead process: its token is nobody's, its beat long past.
		r, err := job.New(ctx, db, quick)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		r.Register("count", 2, counter(db, 5))
		id := start(t, db, r, "count")
		if _, err := db.ExecContext(ctx, `UPDATE work_lane SET token = 'dead', beat = 1`); err != nil {
			t.Fatal(err)
		}
		runner(t, db, quick, func(r *job.Runner) { r.Register("count", 2, counter(db, 5)) })
		if w := await(t, db, id, func(w work.Work) bool { return w.State.Over() }); w.State != work.Done || w.Done != 5 {
			t.Fatalf("%+v", w)
		}
	})
}

func TestFailuresAreRetriedAndLaterIsHeeded(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		var n atomic.Int64
		count := counter(db, 3)
		r := runner(t, db, quick, func(r *job.Runner) {
			r.Register("flaky", 1, func(ctx context.Context, id string) (bool, error) {
				switch n.Add(1) {
				case 1:
					return true, work.Later{After: 10 * time.Millisecond, Why: "test"}
				case 2:
					return true, errors.New("disk full: anna@example.se")
				}
				return count(ctx, id)
			})
			r.Register("wrong", 1, func(ctx context.Context, id string) (bool, error) {
				err := gallra.Errorf(gallra.Blocked, "test.blocked")
				return false, errors.Join(err, work.Fail(ctx, db, id, err))
			})
		})
		wrong := start(t, db, r, "wrong")
		await(t, db, start(t, db, r, "flaky"), func(w work.Work) bool { return w.State == work.Done })
		if w := await(t, db, wrong, func(w work.Work) bool { return w.State.Over() }); w.State != work.Failed || !strings.Contains(w.Problem, "test.blocked") {
			t.Fatalf("%+v", w)
		}
		// no error text reaches the queue's tables.
		var rows int
		if err := db.QueryRowContext(ctx, `SELECT count(*) FROM river_job WHERE CAST(errors AS TEXT) LIKE '%anna@%' OR CAST(args AS TEXT) LIKE '%anna@%'`).Scan(&rows); err != nil || rows != 0 {
			t.Fatalf("%d rows of the queue hold the error's text, %v", rows, err)
		}
	})
}

// Two processes work on one PostgreSQL store; both take part in a work of
// several lanes, and each of its pieces is done once.
func TestTwoProcessesShareAWork(t *testing.T) {
	t.Parallel()
	db := storetest.Postgres(t)
	db2, err := store.Open(ctx, "", db.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer db2.Close()
	var first, second atomic.Int64
	step := func(n *atomic.Int64, d *store.DB) job.Step {
		count := counterLocked(d, 100)
		return func(ctx context.Context, id string) (bool, error) { n.Add(1); return count(ctx, id) }
	}
	r := runner(t, db, quick, func(r *job.Runner) { r.Register("count", 4, step(&first, db)) })
	runner(t, db2, quick, func(r *job.Runner) { r.Register("count", 4, step(&second, db2)) })
	w := await(t, db, start(t, db, r, "count"), func(w work.Work) bool { return w.State.Over() })
	if w.Done != 100 || first.Load() == 0 || second.Load() == 0 {
		t.Fatalf("%+v; %d and %d steps", w, first.Load(), second.Load())
	}
}

// counterLocked is counter for many lanes: it locks the row it reads.
func counterLocked(db *store.DB, to int64) job.Step {
	count := counter(db, to)
	return func(ctx context.Context, id string) (bool, error) {
		var more bool
		err := db.Tx(ctx, func(tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(42)`); err != nil {
				return err
			}
			var err error
			more, err = count(ctx, id)
			return err
		})
		return more, err
	}
}

func TestPeriodic(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		done := make(chan struct{}, 100)
		runner(t, db, quick, func(r *job.Runner) {
			r.Register("count", 1, counter(db, 1))
			r.Every("checkpoint", time.Hour, func(context.Context) error { done <- struct{}{}; return nil })
		})
		select {
		case <-done:
		case <-time.After(2 * time.Minute):
			t.Fatal("never called")
		}
	})
}
