// Package retention thins out what is past its date: plan, approve, run,
// verify, protocol (REQUIREMENTS 7.4). A plan writes nothing to any system and
// names every record it will touch; two people approve exactly that plan; a run
// carries it out in small steps that can be killed at any moment and repeated,
// each with its intent written before and its result after; what a system
// answers is never believed until it has been verified by another road.
//
// A plan keeps its references in batches of thousands, compressed and with a
// digest each, so that memory stays flat and a million records cost a hundred
// rows. The same batches are afterwards the journal of what was erased, to be
// applied again should a system be restored from a backup (REQUIREMENTS B-3).
package retention

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/hold"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/work"
	"github.com/gallra/gallra/pii"
)

// The kinds of work of this package.
const (
	WorkPlan = "plan"
	WorkRun  = "run"
)

// Engine makes and runs plans. Fields are set before first use; it is safe for
// concurrent use afterwards, also by several processes on one store.
type Engine struct {
	DB  *store.DB
	Log *evidence.Log
	// Open opens a connected system. The engine keeps it until Close. OpenToRead
	// does so without the credentials for changes, for plans (REQUIREMENTS X-5);
	// nil: Open.
	Open       func(ctx context.Context, system gallra.SystemID) (connector.Source, error)
	OpenToRead func(ctx context.Context, system gallra.SystemID) (connector.Source, error)
	// Rules returns the rules as they are now. A run is refused when a rule of
	// its plan has changed since (REQUIREMENTS G-2).
	Rules func(ctx context.Context) ([]gallra.Rule, error)
	// Names returns what people are called by username, for the protocol; nil:
	// usernames alone.
	Names func(ctx context.Context) (map[string]string, error)
	// Loc is where the law's dates are counted: Europe/Stockholm.
	Loc *time.Location
	// Limit is how many records an hour may go from a system; nil or 0: no
	// limit (REQUIREMENTS X-16).
	Limit func(system gallra.SystemID) int64

	// PII finds what rules with TextRedact take out of free text; without it
	// free text is removed. Lang is the language of replacements: "sv", "en".
	PII  *pii.Engine
	Lang string

	// Keys is the folder of keys, with that of people on hold: while somebody is
	// and it is missing, nothing is planned or changed.
	Keys string

	// Dir is where relative folders of rules start: that of gallra.yaml. Version is
	// this program's, for what is handed over to archives.
	Dir, Version string

	BatchSize int           // records a batch; 0: 10,000
	Budget    time.Duration // how long a step goes on reading; 0: five seconds
	Lanes     int           // how many work side by side in Drive; 0: one
	Lease     time.Duration // after which a dead worker's batch is taken over; 0: 30 seconds

	mu      sync.Mutex
	sources map[opened]connector.Source
	owner   string
	last    []proven
	most    map[gallra.Ref]int // records done at a time, by system and type, where their text takes much room
	wake    *signal            // of the lanes
	beside  int                // lanes that work side by side with this one, itself included
	reach   hold.Reach
}

// proven is a batch that was read and found to be the one that was approved.
type proven struct {
	plan, digest string
	items        []item
}

// signal tells the lanes of one Drive that one of them has come further.
type signal struct {
	mu sync.Mutex
	ch chan struct{}
}

// next returns what is closed when a lane comes further.
func (s *signal) next() <-chan struct{} {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch == nil {
		s.ch = make(chan struct{})
	}
	return s.ch
}

func (s *signal) fire() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch != nil {
		close(s.ch)
		s.ch = nil
	}
}

// Figures decided in REQUIREMENTS 7.4.
const (
	approvalLife  = 7 * 24 * time.Hour // of an approval
	surprise      = 0.20               // deviation from the preview that stops a run (G-3)
	surpriseFloor = 5                  // records; fewer are no surprise
	canarySize    = 10                 // records tried and verified before the rest (G-10)
	lateAfter     = 31                 // days past the date from which gallring is late (G-12)
	sampleSize    = 10
	listLimit     = 1000
)

func (e *Engine) batchSize() int {
	if e.BatchSize > 0 {
		return e.BatchSize
	}
	return 10_000
}

// inHand returns a lane's part of what is held in memory at a time: what two lanes
// hold between them does not grow with more of them.
func (e *Engine) inHand(n int) int { return max(1, 2*n/max(2, e.Lanes, e.beside)) }

func (e *Engine) pageSize() int { return min(listLimit, e.batchSize()) }

func (e *Engine) budget() time.Duration {
	if e.Budget > 0 {
		return e.Budget
	}
	return 5 * time.Second
}

func (e *Engine) lease() time.Duration {
	if e.Lease > 0 {
		return e.Lease
	}
	return 30 * time.Second
}

// opened is a system as it was opened.
type opened struct {
	id     gallra.SystemID
	toRead bool
}

// source returns the system opened for changes, opening it at first use.
func (e *Engine) source(ctx context.Context, id gallra.SystemID) (connector.Source, error) {
	return e.keep(ctx, opened{id: id}, e.Open)
}

// reader returns the system opened to be read, opening it at first use.
func (e *Engine) reader(ctx context.Context, id gallra.SystemID) (connector.Source, error) {
	if e.OpenToRead == nil {
		return e.source(ctx, id)
	}
	return e.keep(ctx, opened{id, true}, e.OpenToRead)
}

func (e *Engine) keep(ctx context.Context, k opened, open func(context.Context, gallra.SystemID) (connector.Source, error)) (connector.Source, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s, ok := e.sources[k]; ok {
		return s, nil
	}
	s, err := open(ctx, k.id)
	if err != nil {
		return nil, err
	}
	if e.sources == nil {
		e.sources = map[opened]connector.Source{}
	}
	e.sources[k] = s
	return s, nil
}

// holds returns the holds over items of a unit, and over what goes with them.
func (e *Engine) holds(ctx context.Context, src connector.Source, u unit, items []item) (hold.Set, error) {
	s, err := e.reach.Load(ctx, e.DB, e.Keys, src, u.System)
	if err != nil {
		return s, err
	}
	refs := make([]gallra.Ref, len(items))
	for n, i := range items {
		refs[n] = gallra.Ref{System: u.System, Type: u.Type, ID: i.id}
	}
	return s, s.Join(ctx, src, refs)
}

// Placer places holds over the given systems, which are all there are.
func (e *Engine) Placer(systems []gallra.SystemID) hold.Placer {
	open := e.OpenToRead
	if open == nil {
		open = e.Open
	}
	return hold.Placer{Register: hold.Register{DB: e.DB, Log: e.Log, Keys: e.Keys}, Systems: systems, Open: open}
}

// Close closes the systems that are open.
func (e *Engine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	var errs []error
	for _, s := range e.sources {
		errs = append(errs, s.Close())
	}
	e.sources = nil
	return errors.Join(errs...)
}

// Step does the next small piece of a plan or a run and says whether there is
// more. It may be called again at any time after any error or crash, by any
// worker. A work.Later error asks to be called again after a while; any other
// error of a code that repeating can't mend has marked the work failed.
func (e *Engine) Step(ctx context.Context, id string) (more bool, err error) {
	w, err := work.Get(ctx, e.DB, id)
	if err != nil {
		return false, err
	}
	switch {
	case w.State == work.Done, w.State == work.Failed:
		return false, nil
	case w.Kind == WorkPlan:
		more, err = e.stepPlan(ctx, w)
	case w.Kind == WorkRun:
		more, err = e.stepRun(ctx, w)
	case w.Kind == WorkFollow:
		more, err = e.stepFollow(ctx, w)
	default:
		return false, gallra.Errorf(gallra.Invalid, "retention.work_kind", "id", id)
	}
	if errors.Is(err, errOvertaken) {
		return true, nil // another worker was faster: look again
	}
	if err == nil {
		return more, nil
	}
	var later work.Later
	if errors.As(err, &later) || ctx.Err() != nil || errors.Is(err, gallra.ErrUnavailable) {
		return true, err
	}
	// A *gallra.Error is an answer; anything else (a full disk, a lost
	// connection) may pass, and the work stays open for another attempt.
	var answer *gallra.Error
	if errors.As(err, &answer) {
		if ferr := work.Fail(ctx, e.DB, id, err); ferr != nil {
			return false, errors.Join(err, ferr)
		}
		return false, err
	}
	return true, err
}

// Drive calls Step until the work is over, paused or failed, waiting where a
// step asks for it. Lanes drive it side by side, as workers do. The command line
// uses it; workers call Step.
func (e *Engine) Drive(ctx context.Context, id string) error {
	lanes := max(e.Lanes, 1)
	if lanes == 1 {
		return e.drive(ctx, id)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make([]error, lanes)
	var wg sync.WaitGroup
	wake := &signal{}
	for n := range lanes {
		// Each its own engine: leases tell workers apart by it.
		lane := &Engine{DB: e.DB, Log: e.Log, Open: e.Open, Rules: e.Rules, Loc: e.Loc, Limit: e.Limit, PII: e.PII, Lang: e.Lang, Keys: e.Keys, Dir: e.Dir, Version: e.Version, BatchSize: e.BatchSize, Budget: e.Budget, Lease: e.Lease, wake: wake, beside: lanes}
		wg.Go(func() {
			if errs[n] = errors.Join(lane.drive(ctx, id), lane.Close()); errs[n] != nil {
				cancel()
			}
		})
	}
	wg.Wait()
	// The others were told to end: what ended the first is what counts.
	for _, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	return errors.Join(errs...)
}

func (e *Engine) drive(ctx context.Context, id string) error {
	for {
		further := e.wake.next() // before the step: what comes meanwhile counts
		more, err := e.Step(ctx, id)
		var later work.Later
		if errors.As(err, &later) {
			select {
			case <-ctx.Done():
				return fmt.Errorf("retention: %s: %w", id, ctx.Err())
			case <-further:
			case <-time.After(later.After):
			}
			continue
		}
		e.wake.fire()
		if err != nil || !more {
			return err
		}
	}
}
