// Package work keeps the row that stands for one long work: a scan, a plan, a
// run, a search. It is where the page, the command line and the API read
// progress, and where a person's wish to pause or stop reaches the worker. Job
// queues come and go; this row is the truth (STYLE, "Progress").
package work

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/store"
)

// State is where a work stands.
type State string

// The states. Paused goes on at Resume; Stopped, Failed and Done are final,
// except that a failed work may be resumed once its cause is mended.
const (
	Waiting State = "waiting"
	Running State = "running"
	Paused  State = "paused"
	Stopped State = "stopped"
	Failed  State = "failed"
	Done    State = "done"
)

// Over reports whether nothing more will happen by itself.
func (s State) Over() bool { return s == Stopped || s == Failed || s == Done }

// Wish is what a person wants of a running work.
type Wish string

// The wishes.
const (
	WishNone  Wish = ""
	WishPause Wish = "pause"
	WishStop  Wish = "stop"
)

// Work is one long work. It holds no personal value.
type Work struct {
	ID      string    `json:"id"`
	Kind    string    `json:"kind"`    // "scan", "plan", "run", "search" ...
	Subject string    `json:"subject"` // what it is about: system, plan, run or request id
	State   State     `json:"state"`
	Wish    Wish      `json:"wish,omitempty"`
	Phase   string    `json:"phase,omitempty"` // message key of what it does now
	Done    int64     `json:"done"`
	Total   int64     `json:"total"` // -1: unknown
	Cursor  string    `json:"-"`
	Problem string    `json:"problem,omitempty"` // why it failed, as a message key with arguments
	Actor   string    `json:"actor"`
	Created time.Time `json:"created"`
	Started time.Time `json:"started,omitzero"`
	Updated time.Time `json:"updated"`
	Ended   time.Time `json:"ended,omitzero"`
}

// Rate returns records a second since the start; 0 when not yet known.
func (w Work) Rate() float64 {
	end := w.Updated
	if d := end.Sub(w.Started).Seconds(); !w.Started.IsZero() && d > 0 {
		return float64(w.Done) / d
	}
	return 0
}

// Left returns the time left at the present rate; false when it cannot be told.
func (w Work) Left() (time.Duration, bool) {
	r := w.Rate()
	if r <= 0 || w.Total < 0 || w.State.Over() {
		return 0, false
	}
	return time.Duration(float64(max(w.Total-w.Done, 0)) / r * float64(time.Second)), true
}

// LeftAt is Left, never less than what a rate leaves: least is how long the
// whole work takes at that rate, 0 when none is known. Before anything is done
// it is all that can be told.
func (w Work) LeftAt(least time.Duration) (time.Duration, bool) {
	left, ok := w.Left()
	if least <= 0 || w.Total <= 0 || w.State.Over() {
		return left, ok
	}
	floor := time.Duration(float64(least) * float64(max(w.Total-w.Done, 0)) / float64(w.Total))
	return max(left, floor), true
}

// NewID returns an id of 80 random bits with a readable prefix.
func NewID(prefix string) string {
	b := make([]byte, 10)
	_, _ = rand.Read(b) // crypto/rand.Read never fails (Go 1.24)
	return prefix + "-" + strings.ToLower(base32.StdEncoding.EncodeToString(b))
}

// Create writes a waiting work in the caller's transaction.
func Create(ctx context.Context, tx *sql.Tx, now time.Time, kind, subject, actor string) (Work, error) {
	w := Work{ID: NewID(kind), Kind: kind, Subject: subject, State: Waiting, Total: -1, Actor: actor, Created: now.UTC(), Updated: now.UTC()}
	_, err := tx.ExecContext(ctx, `INSERT INTO work (id, kind, subject, state, total, actor, created, updated)
		VALUES ($1, $2, $3, $4, -1, $5, $6, $6)`, w.ID, kind, subject, string(w.State), actor, store.Micros(now))
	if err != nil {
		return Work{}, fmt.Errorf("work: create %s: %w", kind, err)
	}
	return w, nil
}

// querier is what *sql.DB and *sql.Tx share.
type querier interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
	QueryRowContext(context.Context, string, ...any) *sql.Row
}

const columns = `id, kind, subject, state, wish, phase, done, total, cursor, problem, actor, created, started, updated, ended`

func scanRow(row interface{ Scan(...any) error }) (w Work, err error) {
	var created, started, updated, ended int64
	err = row.Scan(&w.ID, &w.Kind, &w.Subject, &w.State, &w.Wish, &w.Phase, &w.Done, &w.Total, &w.Cursor, &w.Problem, &w.Actor, &created, &started, &updated, &ended)
	w.Created, w.Started, w.Updated, w.Ended = store.Time(created), store.Time(started), store.Time(updated), store.Time(ended)
	return w, err
}

// Get returns one work. gallra.ErrNotFound.
func Get(ctx context.Context, q querier, id string) (Work, error) {
	w, err := scanRow(q.QueryRowContext(ctx, `SELECT `+columns+` FROM work WHERE id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return Work{}, gallra.Errorf(gallra.NotFound, "work.unknown", "id", id)
	}
	if err != nil {
		return Work{}, fmt.Errorf("work: get %s: %w", id, err)
	}
	return w, nil
}

// Latest returns the newest work of a kind about a subject ("" for any
// subject). gallra.ErrNotFound when there is none.
func Latest(ctx context.Context, q querier, kind, subject string) (Work, error) {
	w, err := scanRow(q.QueryRowContext(ctx, `SELECT `+columns+` FROM work
		WHERE kind = $1 AND ($2 = '' OR subject = $2) ORDER BY created DESC, id DESC LIMIT 1`, kind, subject))
	if errors.Is(err, sql.ErrNoRows) {
		return Work{}, gallra.Errorf(gallra.NotFound, "work.none", "kind", kind)
	}
	if err != nil {
		return Work{}, fmt.Errorf("work: latest %s: %w", kind, err)
	}
	return w, nil
}

// Open returns the works that are not over, oldest first.
func Open(ctx context.Context, q querier) ([]Work, error) {
	rows, err := q.QueryContext(ctx, `SELECT `+columns+` FROM work WHERE state IN ('waiting','running','paused') ORDER BY created, id`)
	if err != nil {
		return nil, fmt.Errorf("work: open: %w", err)
	}
	defer rows.Close()
	var out []Work
	for rows.Next() {
		w, err := scanRow(rows)
		if err != nil {
			return nil, fmt.Errorf("work: open: %w", err)
		}
		out = append(out, w)
	}
	return out, rows.Err()
}

// Save writes what a step changed: state, phase, done, total, cursor, problem
// and the times. It leaves the wish alone, which belongs to the page.
func Save(ctx context.Context, tx *sql.Tx, now time.Time, w *Work) error {
	w.Updated = now.UTC()
	if w.Started.IsZero() && w.State != Waiting {
		w.Started = w.Updated
	}
	if w.State.Over() && w.Ended.IsZero() {
		w.Ended = w.Updated
	}
	if !w.State.Over() {
		w.Ended = time.Time{}
	}
	res, err := tx.ExecContext(ctx, `UPDATE work SET state = $2, phase = $3, done = $4, total = $5, cursor = $6, problem = $7, started = $8, updated = $9, ended = $10 WHERE id = $1`,
		w.ID, string(w.State), w.Phase, w.Done, w.Total, w.Cursor, w.Problem, store.Micros(w.Started), store.Micros(w.Updated), store.Micros(w.Ended))
	if err != nil {
		return fmt.Errorf("work: save %s: %w", w.ID, err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return gallra.Errorf(gallra.NotFound, "work.unknown", "id", w.ID)
	}
	return nil
}

// SetWish asks a work to pause or stop, or (WishNone) to go on. A paused or
// failed work goes back to waiting; one that is over keeps its state.
func SetWish(ctx context.Context, tx *sql.Tx, now time.Time, id string, wish Wish) error {
	res, err := tx.ExecContext(ctx, `UPDATE work SET wish = $2, updated = $3,
		state = CASE WHEN state IN ('paused','failed') AND $2 = '' THEN 'waiting' WHEN state IN ('waiting','paused') AND $2 = 'stop' THEN 'stopped' ELSE state END
		WHERE id = $1 AND state NOT IN ('stopped','done')`, id, string(wish), store.Micros(now))
	if err != nil {
		return fmt.Errorf("work: wish %s: %w", id, err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return gallra.Errorf(gallra.Conflict, "work.over", "id", id)
	}
	return nil
}

// Fail marks w failed for cause, in a transaction of its own. The problem kept
// is the message key and arguments of a *gallra.Error, and the bare key
// "internal" for anything else: its text could hold anything.
func Fail(ctx context.Context, db *store.DB, id string, cause error) error {
	return db.Tx(ctx, func(tx *sql.Tx) error {
		w, err := Get(ctx, tx, id)
		if err != nil {
			return err
		}
		w.State, w.Problem = Failed, Problem(cause)
		return Save(ctx, tx, db.Now(), &w)
	})
}

type problem struct {
	Code gallra.Code `json:"code"`
	Key  string      `json:"key"`
	Args []string    `json:"args,omitempty"`
}

// Problem turns err into what a row may keep of it.
func Problem(err error) string {
	p := problem{Code: gallra.CodeOf(err), Key: "internal"}
	var e *gallra.Error
	if errors.As(err, &e) {
		p.Key, p.Args = e.Key, e.Args
	}
	b, jerr := json.Marshal(p)
	if jerr != nil {
		return `{"code":"internal","key":"internal"}`
	}
	return string(b)
}

// ProblemError is the inverse of Problem; nil for "".
func ProblemError(s string) *gallra.Error {
	if s == "" {
		return nil
	}
	var p problem
	if json.Unmarshal([]byte(s), &p) != nil {
		return gallra.Errorf(gallra.Internal, "internal")
	}
	return &gallra.Error{Code: p.Code, Key: p.Key, Args: p.Args}
}

// Later is the error of a step that could not go on now and should be tried
// again: a rate limit, an hourly limit, another worker at the same thing.
type Later struct {
	After time.Duration
	Why   string // message key
}

// Error returns the reason and the time.
func (l Later) Error() string { return l.Why + ": again in " + l.After.String() }
