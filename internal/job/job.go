// Package job carries long works on in the background, on SQLite inside one
// process or on PostgreSQL by as many worker processes as wanted. A work is a
// row (package work) and a step function that does a small, repeatable piece;
// this package sees to it that somebody always takes the next step until the
// work is over, paused or stopped, also when a worker is killed.
//
// River is the queue behind it, and only this package knows. Its jobs hold ids
// alone. A step's failure is counted and kept here, not in River's rows.
package job

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/work"
)

// Step does the next piece of a work and says whether there is more. It must
// bear being repeated after a crash at any point. A work.Later error asks to be
// called again after a while; any other is retried with growing pauses until
// the work is failed, unless the step has failed it itself.
type Step func(ctx context.Context, workID string) (more bool, err error)

// Options are how a Runner works. The zero value is sensible.
type Options struct {
	Logger   *slog.Logger  // nil: silent
	Takeover time.Duration // silence after which a worker is given up; 0: one minute
	Slice    time.Duration // how long a worker stays with a work before others get their turn; 0: ten seconds
	Poll     time.Duration // how often the queue is asked when nothing calls; 0: one second
}

// Runner starts works and, once Run, carries them on. Register every kind
// before Run. It is safe for concurrent use.
type Runner struct {
	db       *store.DB
	opt      Options
	client   *river.Client[*sql.Tx] // inserts; before Run it can do no more
	driver   riverdriver.Driver[*sql.Tx]
	pool     *pgxpool.Pool // PostgreSQL: hears of new jobs
	mu       sync.Mutex
	kinds    map[string]kind
	periodic map[string]periodic
}

type kind struct {
	step  Step
	lanes int
}

type periodic struct {
	every time.Duration
	do    func(context.Context) error
}

// New returns a runner on db, after bringing the queue's own tables up to date.
func New(ctx context.Context, db *store.DB, opt Options) (*Runner, error) {
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if opt.Takeover <= 0 {
		opt.Takeover = time.Minute
	}
	if opt.Slice <= 0 {
		opt.Slice = 10 * time.Second
	}
	if opt.Poll <= 0 {
		opt.Poll = time.Second
	}
	r := &Runner{db: db, opt: opt, kinds: map[string]kind{}, periodic: map[string]periodic{}}
	switch db.Dialect {
	case store.SQLite:
		r.driver = riversqlite.New(db.DB)
	case store.Postgres:
		cfg, err := pgxpool.ParseConfig(db.URL)
		if err != nil {
			return nil, gallra.Errorf(gallra.Invalid, "store.url")
		}
		cfg.MaxConns = 2
		if r.pool, err = pgxpool.NewWithConfig(ctx, cfg); err != nil {
			return nil, gallra.Errorf(gallra.Unavailable, "store.unreachable")
		}
		r.driver = riverdatabasesql.NewWithPgxListener(db.DB, r.pool)
	}
	m, err := rivermigrate.New(r.driver, &rivermigrate.Config{Logger: opt.Logger})
	if err != nil {
		return nil, fmt.Errorf("job: %w", err)
	}
	if err := r.migrate(ctx, m); err != nil {
		return nil, fmt.Errorf("job: migrate: %w", err)
	}
	if r.client, err = river.NewClient(r.driver, &river.Config{Logger: opt.Logger}); err != nil {
		return nil, fmt.Errorf("job: %w", err)
	}
	return r, nil
}

// migrate brings River's tables up to date, one worker at a time.
func (r *Runner) migrate(ctx context.Context, m *rivermigrate.Migrator[*sql.Tx]) error {
	if r.db.Dialect == store.SQLite {
		return r.db.Tx(ctx, func(tx *sql.Tx) error {
			_, err := m.MigrateTx(ctx, tx, rivermigrate.DirectionUp, nil)
			return err
		})
	}
	// Not in one transaction: a value added to an enumeration can't be used in
	// the same one. The lock goes with its connection.
	c, err := r.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	const number = 71127001
	if _, err := c.ExecContext(ctx, `SELECT pg_advisory_lock($1)`, number); err != nil {
		return err
	}
	_, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
	if _, uerr := c.ExecContext(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, number); err == nil {
		err = uerr
	}
	return err
}

// Close frees what New took. Call it after Run has returned.
func (r *Runner) Close() {
	if r.pool != nil {
		r.pool.Close()
	}
}

// Register says how works of a kind are carried on. lanes is how many workers
// may be at one work together; its step must then agree with itself.
func (r *Runner) Register(name string, lanes int, step Step) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kinds[name] = kind{step, max(lanes, 1)}
}

// Every calls do at intervals, on one of the running workers.
func (r *Runner) Every(name string, interval time.Duration, do func(context.Context) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.periodic[name] = periodic{interval, do}
}

func (r *Runner) kind(name string) (kind, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k, ok := r.kinds[name]
	if !ok {
		return kind{}, gallra.Errorf(gallra.Invalid, "job.kind_unknown", "kind", name)
	}
	return k, nil
}

// Start makes a work and queues its first step, in the caller's transaction.
func (r *Runner) Start(ctx context.Context, tx *sql.Tx, kind, subject, actor string) (string, error) {
	w, err := work.Create(ctx, tx, r.db.Now(), kind, subject, actor)
	if err != nil {
		return "", err
	}
	return w.ID, r.Enqueue(ctx, tx, kind, w.ID)
}

// Enqueue queues a work that exists, in the caller's transaction. A work that
// is queued already is left alone while its workers live.
func (r *Runner) Enqueue(ctx context.Context, tx *sql.Tx, kind, id string) error {
	k, err := r.kind(kind)
	if err != nil {
		return err
	}
	for lane := range k.lanes {
		if err := r.chain(ctx, tx, kind, id, lane, time.Now()); err != nil {
			return err
		}
	}
	return nil
}

// chain begins a new chain for a lane, unless the present one is alive at now.
func (r *Runner) chain(ctx context.Context, tx *sql.Tx, kind, id string, lane int, now time.Time) error {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // crypto/rand.Read never fails (Go 1.24)
	a := args{Work: id, Lane: lane, Token: hex.EncodeToString(b)}
	// Beats are counted on the machine's clock, not the store's: they are about
	// processes, not about the law's dates.
	res, err := tx.ExecContext(ctx, `INSERT INTO work_lane (work, lane, token, beat) VALUES ($1, $2, $3, $4)
		ON CONFLICT (work, lane) DO UPDATE SET token = excluded.token, beat = excluded.beat, failures = 0 WHERE work_lane.beat < $5`,
		id, lane, a.Token, store.Micros(now.Add(r.opt.Takeover)), store.Micros(now))
	if err != nil {
		return fmt.Errorf("job: queue %s: %w", id, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err
	}
	if _, err := r.client.InsertTx(ctx, tx, a, &river.InsertOpts{Queue: kind, MaxAttempts: 1}); err != nil {
		return fmt.Errorf("job: queue %s: %w", id, err)
	}
	return nil
}

// Wish asks a work to pause or stop, or (work.WishNone) to go on, and wakes
// its workers.
func (r *Runner) Wish(ctx context.Context, id string, wish work.Wish) error {
	return r.db.Tx(ctx, func(tx *sql.Tx) error {
		if err := work.SetWish(ctx, tx, r.db.Now(), id, wish); err != nil {
			return err
		}
		w, err := work.Get(ctx, tx, id)
		if err != nil || wish == work.WishPause {
			return err
		}
		return r.Enqueue(ctx, tx, w.Kind, id)
	})
}

// args are a job's arguments: ids only, for anyone who sees the queue sees them.
type args struct {
	Work  string `json:"work"`
	Lane  int    `json:"lane"`
	Token string `json:"token"`
}

// Kind implements river.JobArgs.
func (args) Kind() string { return "step" }

type tick struct {
	Name string `json:"name"`
}

// Kind implements river.JobArgs.
func (tick) Kind() string { return "tick" }

// tickQueue is the queue of periodic jobs.
const tickQueue = "tick"

// Run carries works on, up to workers at a time of each kind, until ctx ends;
// it then lets the steps under way end and returns.
func (r *Runner) Run(ctx context.Context, workers int) error {
	bundle := river.NewWorkers()
	if err := river.AddWorkerSafely(bundle, river.WorkFunc(func(jctx context.Context, j *river.Job[args]) error { return r.work(ctx, jctx, j.Args) })); err != nil {
		return fmt.Errorf("job: %w", err)
	}
	if err := river.AddWorkerSafely(bundle, river.WorkFunc(func(jctx context.Context, j *river.Job[tick]) error { return r.tick(jctx, j.Args.Name) })); err != nil {
		return fmt.Errorf("job: %w", err)
	}
	cfg := &river.Config{Logger: r.opt.Logger, Workers: bundle, Queues: map[string]river.QueueConfig{tickQueue: {MaxWorkers: 2}},
		JobTimeout: -1, FetchPollInterval: r.opt.Poll, FetchCooldown: min(100*time.Millisecond, r.opt.Poll)}
	r.mu.Lock()
	for name := range r.kinds {
		cfg.Queues[name] = river.QueueConfig{MaxWorkers: max(workers, 1)}
	}
	for name, p := range r.periodic {
		cfg.PeriodicJobs = append(cfg.PeriodicJobs, river.NewPeriodicJob(river.PeriodicInterval(p.every),
			func() (river.JobArgs, *river.InsertOpts) {
				return tick{name}, &river.InsertOpts{Queue: tickQueue, MaxAttempts: 1}
			}, &river.PeriodicJobOpts{RunOnStart: true}))
	}
	r.mu.Unlock()
	client, err := river.NewClient(r.driver, cfg)
	if err != nil {
		return fmt.Errorf("job: %w", err)
	}
	// The client outlives ctx so that steps under way can end in their own time.
	life := context.WithoutCancel(ctx)
	if err := client.Start(life); err != nil {
		return fmt.Errorf("job: start: %w", err)
	}
	r.sweep(ctx)
	if err := client.Stop(life); err != nil {
		return fmt.Errorf("job: stop: %w", err)
	}
	return nil
}

// sweep gives every open work that nobody is at to a new chain, now and then,
// until ctx ends.
func (r *Runner) sweep(ctx context.Context) {
	t := time.NewTicker(max(r.opt.Takeover/4, 10*time.Millisecond))
	defer t.Stop()
	for {
		if err := r.adopt(ctx); err != nil && ctx.Err() == nil {
			r.opt.Logger.Warn("job: works without a worker could not be looked for", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

func (r *Runner) adopt(ctx context.Context) error {
	open, err := work.Open(ctx, r.db)
	if err != nil {
		return err
	}
	for _, w := range open {
		// A paused work waits for a person; one of a kind not registered here
		// belongs to other workers.
		if _, err := r.kind(w.Kind); err != nil || w.State == work.Paused {
			continue
		}
		if err := r.db.Tx(ctx, func(tx *sql.Tx) error { return r.Enqueue(ctx, tx, w.Kind, w.ID) }); err != nil {
			return err
		}
	}
	return nil
}

func (r *Runner) tick(ctx context.Context, name string) error {
	r.mu.Lock()
	p, ok := r.periodic[name]
	r.mu.Unlock()
	if !ok {
		return nil
	}
	if err := p.do(ctx); err != nil {
		return fmt.Errorf("job: %s: %w", name, err)
	}
	return nil
}

// giveUp is how many failures in a row fail a work, after some three hours.
const giveUp = 40

// work takes steps for a while. stopping ends when the process is asked to end.
func (r *Runner) work(stopping, ctx context.Context, a args) error {
	w, err := work.Get(ctx, r.db, a.Work)
	if errors.Is(err, gallra.ErrNotFound) {
		return nil
	}
	if err != nil {
		return r.again(ctx, a, err)
	}
	k, err := r.kind(w.Kind)
	if err != nil {
		return err
	}
	// The beat goes on while a step runs, however long it is.
	ctx, cancel := context.WithCancel(ctx)
	beating := make(chan struct{})
	go func() {
		defer close(beating)
		t := time.NewTicker(r.opt.Takeover / 3)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
				if mine, err := r.beat(ctx, a, 0, same); err == nil && !mine {
					cancel() // another chain has taken over
					return
				}
			}
		}
	}()
	end := func() { cancel(); <-beating }
	defer end()
	if mine, err := r.beat(ctx, a, 0, same); err != nil || !mine {
		return r.unless(err, ctx, a)
	}
	for until := time.Now().Add(r.opt.Slice); ; {
		more, err := k.step(ctx, a.Work)
		if err == nil && more && time.Now().Before(until) && stopping.Err() == nil {
			continue
		}
		outer := context.WithoutCancel(ctx)
		end()
		var later work.Later
		switch {
		case errors.As(err, &later):
			return r.snooze(outer, a, later.After, zero)
		case err != nil:
			return r.again(outer, a, err)
		case more:
			return r.snooze(outer, a, 0, zero)
		}
		return r.done(outer, a)
	}
}

// unless lets a chain that is no longer the true one end in silence.
func (r *Runner) unless(err error, ctx context.Context, a args) error {
	if err == nil {
		return nil
	}
	return r.again(ctx, a, err)
}

// What a beat does to the count of failures in a row.
const (
	same   = "failures"
	zero   = "0"
	onMore = "failures + 1"
)

// beat keeps the lane alive until after from now; false when it belongs to
// another chain.
func (r *Runner) beat(ctx context.Context, a args, after time.Duration, failures string) (bool, error) {
	res, err := r.db.ExecContext(ctx, `UPDATE work_lane SET beat = $4, failures = `+failures+` WHERE work = $1 AND lane = $2 AND token = $3`,
		a.Work, a.Lane, a.Token, store.Micros(time.Now().Add(after+r.opt.Takeover)))
	if err != nil {
		return false, fmt.Errorf("job: beat %s: %w", a.Work, err)
	}
	k, err := res.RowsAffected()
	return k == 1, err
}

// snooze puts the chain's job back in the queue.
func (r *Runner) snooze(ctx context.Context, a args, after time.Duration, failures string) error {
	if mine, err := r.beat(ctx, a, after, failures); err == nil && !mine {
		return nil
	}
	return river.JobSnooze(after)
}

// again retries after a failure, later each time, until it is enough.
func (r *Runner) again(ctx context.Context, a args, cause error) error {
	w, err := work.Get(ctx, r.db, a.Work)
	if err == nil && w.State.Over() {
		return r.done(ctx, a) // the step has failed it itself
	}
	var failures int
	if err := r.db.QueryRowContext(ctx, `SELECT failures FROM work_lane WHERE work = $1 AND lane = $2`, a.Work, a.Lane).Scan(&failures); err == nil && failures >= giveUp {
		if err := work.Fail(ctx, r.db, a.Work, cause); err == nil {
			return r.done(ctx, a)
		}
	}
	r.opt.Logger.Warn("job: step failed, will be tried again", "work", a.Work, "failures", failures+1, "code", gallra.CodeOf(cause))
	return r.snooze(ctx, a, min(time.Second<<min(failures, 9), 5*time.Minute), onMore)
}

// done ends the lane: nothing more is to be done now. A work resumed later gets
// a new chain.
func (r *Runner) done(ctx context.Context, a args) error {
	if _, err := r.db.ExecContext(ctx, `UPDATE work_lane SET beat = 0 WHERE work = $1 AND lane = $2 AND token = $3`, a.Work, a.Lane, a.Token); err != nil {
		return fmt.Errorf("job: done %s: %w", a.Work, err)
	}
	return nil
}
