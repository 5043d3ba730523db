package guard

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/content"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/work"
	"github.com/gallra/gallra/pii"
)

// WorkCheck is the kind of the work rows of checks; their subject is the system.
const WorkCheck = "guard"

// Newest is how many of the records erased last are looked for in a system. A
// backup that is restored brings back everything erased after it was made, so
// that the newest erasures are always among what is back: they show it, and
// gallra replay finds the rest.
const Newest = 2000

// NewestSlow is Newest for a system that must be asked for one at a time.
const NewestSlow = 100

// Return is what one run or request had erased or rewritten and is there again.
type Return struct {
	Matter string
	Kind   Kind       // Record, also when empty; Rewritten, Altered
	Ref    gallra.Ref // the first of them
	Count  int64
	Erased time.Time
}

// Checker looks through systems for what should not be there.
type Checker struct {
	*Guard
	Engine   *pii.Engine
	Open     func(ctx context.Context, system gallra.SystemID) (connector.Source, error)
	Returned []Journal // of those who keep one of what they erased
}

// Journal looks in a system for the newest records that were erased from it, and
// tells which are there again.
type Journal func(ctx context.Context, src connector.Source, system gallra.SystemID, newest int) ([]Return, error)

// cursor is where a check goes on.
type cursor struct {
	Looked bool   `json:"looked,omitempty"` // for records by their ids
	Type   int    `json:"type"`
	Page   string `json:"page"`
	From   int64  `json:"from"` // records changed since then are read
}

// overlap is how far before the last check records are read again: a clock that
// is behind, a transaction that took long.
const overlap = 24 * time.Hour

// Start registers a check of one system.
func (c *Checker) Start(ctx context.Context, system gallra.SystemID, actor string) (w work.Work, err error) {
	err = c.DB.Tx(ctx, func(tx *sql.Tx) error {
		w, err = c.StartTx(ctx, tx, system, actor)
		return err
	})
	return w, err
}

// StartTx is Start in the caller's transaction.
func (c *Checker) StartTx(ctx context.Context, tx *sql.Tx, system gallra.SystemID, actor string) (work.Work, error) {
	w, err := work.Create(ctx, tx, c.DB.Now(), WorkCheck, string(system), actor)
	if err != nil {
		return w, err
	}
	var from int64
	err = tx.QueryRowContext(ctx, `SELECT at FROM guard_mark WHERE system = $1`, string(system)).Scan(&from)
	if errors.Is(err, sql.ErrNoRows) { // never read: since the first of those watched for was erased
		err = tx.QueryRowContext(ctx, `SELECT coalesce(min(erased), 0) FROM guard_person`).Scan(&from)
	}
	if err != nil {
		return w, fmt.Errorf("guard: start: %w", err)
	}
	b, err := json.Marshal(cursor{From: max(from-overlap.Microseconds(), 0)})
	if err != nil {
		return w, err
	}
	w.Cursor = string(b)
	return w, work.Save(ctx, tx, c.DB.Now(), &w)
}

// Due returns which systems were not checked for most of a day and have no
// check under way.
func (c *Checker) Due(ctx context.Context, systems []gallra.SystemID) ([]gallra.SystemID, error) {
	var out []gallra.SystemID
	for _, s := range systems {
		w, err := work.Latest(ctx, c.DB, WorkCheck, string(s))
		if err != nil && !errors.Is(err, gallra.ErrNotFound) {
			return nil, err
		}
		if err == nil && (!w.State.Over() || c.DB.Now().Sub(w.Created) < 20*time.Hour) {
			continue
		}
		out = append(out, s)
	}
	return out, nil
}

// Step does the next piece of a check: the newest erased records by their ids,
// then the records changed since the last check, for the identifiers of persons.
func (c *Checker) Step(ctx context.Context, id string) (more bool, err error) {
	w, err := work.Get(ctx, c.DB, id)
	if err != nil || w.State.Over() {
		return false, err
	}
	if w.Wish != work.WishNone {
		w.State = work.Paused
		if w.Wish == work.WishStop {
			w.State = work.Stopped
		}
		return false, c.DB.Tx(ctx, func(tx *sql.Tx) error { return work.Save(ctx, tx, c.DB.Now(), &w) })
	}
	src, err := c.Open(ctx, gallra.SystemID(w.Subject))
	if err != nil {
		return false, err
	}
	defer src.Close()
	var at cursor
	if err := json.Unmarshal([]byte(w.Cursor), &at); err != nil {
		return false, fmt.Errorf("guard: cursor of %s: %w", id, err)
	}
	if !at.Looked {
		if err := c.look(ctx, src, gallra.SystemID(w.Subject)); err != nil {
			return false, err
		}
		at.Looked = true
		return true, c.save(ctx, &w, at, nil, 0)
	}
	watch, err := c.Watch(ctx, gallra.SystemID(w.Subject))
	if err != nil {
		return false, err
	}
	types, err := src.Types(ctx)
	if err != nil {
		return false, err
	}
	if watch == nil {
		at.Type = len(types)
		return false, c.save(ctx, &w, at, types, 0)
	}
	for end := time.Now().Add(time.Second); ; { // not the store's clock: it measures how long the step takes
		n, err := c.page(ctx, src, types, watch, &at)
		if err != nil {
			return false, err
		}
		err = c.DB.Tx(ctx, func(tx *sql.Tx) error {
			if _, err := watch.Raise(ctx, tx); err != nil {
				return err
			}
			return c.saveTx(ctx, tx, &w, at, types, n)
		})
		if err != nil || at.Type >= len(types) {
			return false, err
		}
		if time.Now().After(end) {
			return true, nil
		}
	}
}

// page reads one page of what has changed.
func (c *Checker) page(ctx context.Context, src connector.Source, types []connector.Type, watch *Watch, at *cursor) (int64, error) {
	if at.Type >= len(types) {
		return 0, nil
	}
	typ := types[at.Type]
	q := connector.Query{Type: typ.Name, Cursor: at.Page, Limit: 500, Unversioned: true}
	if at.From > 0 {
		q.Clock, q.Fallback, q.From = gallra.StartUpdated, gallra.StartCreated, store.Time(at.From)
	}
	p, err := src.List(ctx, q)
	if err != nil {
		return 0, err
	}
	for _, r := range p.Records {
		c.read(watch, typ, r)
	}
	if at.Page = p.Next; p.Next == "" {
		at.Type++
	}
	return int64(len(p.Records)), nil
}

// read gives a record's values to the watch: declared ones and found ones.
func (c *Checker) read(watch *Watch, typ connector.Type, rec gallra.Record) {
	for _, part := range content.Texts(typ, rec) {
		if part.Category != "" {
			watch.Value(rec, part.Category, part.Text)
		}
		for _, f := range c.Engine.Find(part.Text) {
			watch.Value(rec, f.Category, part.Text[f.Start:f.End])
		}
	}
}

func (c *Checker) save(ctx context.Context, w *work.Work, at cursor, types []connector.Type, n int64) error {
	return c.DB.Tx(ctx, func(tx *sql.Tx) error { return c.saveTx(ctx, tx, w, at, types, n) })
}

func (c *Checker) saveTx(ctx context.Context, tx *sql.Tx, w *work.Work, at cursor, types []connector.Type, n int64) error {
	now, err := work.Get(ctx, tx, w.ID)
	if err != nil {
		return err
	}
	if now.Cursor != w.Cursor || now.State.Over() {
		return gallra.Errorf(gallra.Conflict, "work.taken", "id", w.ID) // another worker did this page
	}
	b, err := json.Marshal(at)
	if err != nil {
		return err
	}
	w.Cursor, w.State, w.Phase, w.Done = string(b), work.Running, "guard.reading", w.Done+n
	if at.Looked && types != nil && at.Type >= len(types) {
		w.State, w.Total = work.Done, w.Done
		if _, err := tx.ExecContext(ctx, `INSERT INTO guard_mark (system, at) VALUES ($1, $2) ON CONFLICT (system) DO UPDATE SET at = excluded.at`, w.Subject, store.Micros(w.Created)); err != nil {
			return fmt.Errorf("guard: mark: %w", err)
		}
	}
	return work.Save(ctx, tx, c.DB.Now(), w)
}

// look asks for the newest erased records by their ids, and whether what earlier
// alarms told of is still there.
func (c *Checker) look(ctx context.Context, src connector.Source, system gallra.SystemID) error {
	newest := NewestSlow
	if _, ok := src.(connector.Verifier); ok {
		newest = Newest
	}
	type matter struct {
		id   string
		kind Kind
	}
	back := map[matter]bool{}
	for _, f := range c.Returned {
		list, err := f(ctx, src, system, newest)
		if err != nil {
			return err
		}
		for _, r := range list {
			r.Kind = cmp.Or(r.Kind, Record)
			back[matter{r.Matter, r.Kind}] = true
			if err := c.DB.Tx(ctx, func(tx *sql.Tx) error {
				// One alarm a run or request and system: its place is no record's own.
				_, err := c.raise(ctx, tx, Alarm{Matter: r.Matter, Kind: r.Kind, System: system, Ref: gallra.Ref{System: system, Type: r.Ref.Type}, Records: r.Count, Erased: r.Erased})
				return err
			}); err != nil {
				return err
			}
		}
	}
	open, err := c.alarms(ctx, `WHERE system = $1 AND state <> 'closed'`, string(system))
	if err != nil {
		return err
	}
	for _, a := range open {
		if a.Kind.back() {
			if !back[matter{a.Matter, a.Kind}] {
				err = c.settle(ctx, a)
			}
		} else if _, gerr := src.Get(ctx, a.Ref); errors.Is(gerr, gallra.ErrNotFound) {
			err = c.settle(ctx, a)
		} else if gerr != nil {
			err = fmt.Errorf("guard: get %s: %w", a.Ref, gerr)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
