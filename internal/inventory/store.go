package inventory

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/guard"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/work"
	"github.com/gallra/gallra/pii"
)

// Kind is the kind of the work rows of scans; their subject is the system.
const Kind = "scan"

// Scanner makes inventories and keeps their counts in the store.
type Scanner struct {
	DB     *store.DB
	Engine *pii.Engine
	Open   func(ctx context.Context, system gallra.SystemID) (connector.Source, error)
	// Guard is told of persons who were erased and are there again; nil: nobody is.
	Guard *guard.Guard
}

// Start registers a scan of one system; Step or a worker then does it.
func (s *Scanner) Start(ctx context.Context, system gallra.SystemID, actor string) (work.Work, error) {
	var w work.Work
	err := s.DB.Tx(ctx, func(tx *sql.Tx) (err error) {
		w, err = s.StartTx(ctx, tx, system, actor)
		return err
	})
	return w, err
}

// StartTx is Start in the caller's transaction.
func (s *Scanner) StartTx(ctx context.Context, tx *sql.Tx, system gallra.SystemID, actor string) (work.Work, error) {
	w, err := work.Create(ctx, tx, s.DB.Now(), Kind, string(system), actor)
	if err != nil {
		return w, err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO scan (id, system, started) VALUES ($1, $2, $3)`, w.ID, string(system), store.Micros(s.DB.Now()))
	if err != nil {
		return w, fmt.Errorf("inventory: start: %w", err)
	}
	return w, nil
}

// Step does one page of the scan with that work id and reports whether there is
// more. The page's counts and the cursor are one transaction, so that a crash
// neither loses nor doubles a count. A wish to pause or stop ends it in order.
func (s *Scanner) Step(ctx context.Context, id string) (more bool, err error) {
	w, err := work.Get(ctx, s.DB, id)
	if err != nil || w.State.Over() {
		return false, err
	}
	if w.Wish != work.WishNone {
		return false, s.yield(ctx, w)
	}
	src, err := s.Open(ctx, gallra.SystemID(w.Subject))
	if err != nil {
		return false, err
	}
	defer src.Close()
	types, err := src.Types(ctx)
	if err != nil {
		return false, err
	}
	var c Cursor
	if w.Cursor != "" {
		if err := json.Unmarshal([]byte(w.Cursor), &c); err != nil {
			return false, fmt.Errorf("inventory: cursor of %s: %w", id, err)
		}
	}
	var watch *guard.Watch
	if s.Guard != nil {
		if watch, err = s.Guard.Watch(ctx, gallra.SystemID(w.Subject)); err != nil {
			return false, err
		}
	}
	// Several pages in one step: opening a source costs more than a page of one.
	for end := time.Now().Add(time.Second); ; {
		done, err := s.page(ctx, &w, src, types, watch, &c)
		if err != nil || done {
			return false, err
		}
		if time.Now().After(end) {
			return true, nil
		}
	}
}

func (s *Scanner) page(ctx context.Context, w *work.Work, src connector.Source, types []connector.Type, watch *guard.Watch, c *Cursor) (done bool, err error) {
	t, next, estimate, done, err := Page(ctx, src, types, s.Engine, watch, *c)
	if err != nil {
		return false, err
	}
	b, err := json.Marshal(next)
	if err != nil {
		return false, err
	}
	return done, s.DB.Tx(ctx, func(tx *sql.Tx) error {
		now, err := work.Get(ctx, tx, w.ID)
		if err != nil {
			return err
		}
		if now.Cursor != w.Cursor || now.State.Over() {
			return gallra.Errorf(gallra.Conflict, "work.taken", "id", w.ID) // another worker did this page
		}
		if err := add(ctx, tx, w.ID, t); err != nil {
			return err
		}
		if watch != nil {
			if _, err := watch.Raise(ctx, tx); err != nil {
				return err
			}
		}
		var n int64
		for _, tc := range t.Types {
			n += tc.Records
		}
		w.Done += n
		if estimate > 0 {
			w.Total = max(w.Total, 0) + estimate
		}
		w.Phase, w.Cursor, w.State = "scan.reading", string(b), work.Running
		if done {
			w.State, w.Total = work.Done, w.Done
			if _, err := tx.ExecContext(ctx, `UPDATE scan SET ended = $2 WHERE id = $1`, w.ID, store.Micros(s.DB.Now())); err != nil {
				return fmt.Errorf("inventory: end: %w", err)
			}
		}
		*c = next
		return work.Save(ctx, tx, s.DB.Now(), w)
	})
}

func (s *Scanner) yield(ctx context.Context, w work.Work) error {
	w.State = work.Paused
	if w.Wish == work.WishStop {
		w.State = work.Stopped
	}
	return s.DB.Tx(ctx, func(tx *sql.Tx) error { return work.Save(ctx, tx, s.DB.Now(), &w) })
}

func add(ctx context.Context, tx *sql.Tx, scan string, t *Tally) error {
	for name, c := range t.Types {
		_, err := tx.ExecContext(ctx, `INSERT INTO scan_type (scan, type, kind, records, oldest, newest) VALUES ($1,$2,$3,$4,$5,$6)
			ON CONFLICT (scan, type) DO UPDATE SET records = scan_type.records + excluded.records,
			oldest = CASE WHEN scan_type.oldest = 0 OR excluded.oldest <> 0 AND excluded.oldest < scan_type.oldest THEN excluded.oldest ELSE scan_type.oldest END,
			newest = CASE WHEN excluded.newest > scan_type.newest THEN excluded.newest ELSE scan_type.newest END`,
			scan, name, string(c.Kind), c.Records, store.Micros(c.Oldest), store.Micros(c.Newest))
		if err != nil {
			return fmt.Errorf("inventory: count type: %w", err)
		}
		for month, n := range c.Months {
			if _, err := tx.ExecContext(ctx, `INSERT INTO scan_month (scan, type, month, records) VALUES ($1,$2,$3,$4)
				ON CONFLICT (scan, type, month) DO UPDATE SET records = scan_month.records + excluded.records`, scan, name, month, n); err != nil {
				return fmt.Errorf("inventory: count month: %w", err)
			}
		}
		for at, n := range c.Starts {
			if _, err := tx.ExecContext(ctx, `INSERT INTO scan_start (scan, type, event, month, records) VALUES ($1,$2,$3,$4,$5)
				ON CONFLICT (scan, type, event, month) DO UPDATE SET records = scan_start.records + excluded.records`, scan, name, at.word(), at.Month, n); err != nil {
				return fmt.Errorf("inventory: count start: %w", err)
			}
		}
		for reason, n := range c.Skipped {
			if _, err := tx.ExecContext(ctx, `INSERT INTO scan_skipped (scan, type, reason, places) VALUES ($1,$2,$3,$4)
				ON CONFLICT (scan, type, reason) DO UPDATE SET places = scan_skipped.places + excluded.places`, scan, name, reason, n); err != nil {
				return fmt.Errorf("inventory: count unread: %w", err)
			}
		}
	}
	for k, c := range t.Counts {
		_, err := tx.ExecContext(ctx, `INSERT INTO scan_finding (scan, type, field, category, rule, findings, records, oldest, newest) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9)
			ON CONFLICT (scan, type, field, category, rule) DO UPDATE SET findings = scan_finding.findings + excluded.findings, records = scan_finding.records + excluded.records,
			oldest = CASE WHEN scan_finding.oldest = 0 OR excluded.oldest <> 0 AND excluded.oldest < scan_finding.oldest THEN excluded.oldest ELSE scan_finding.oldest END,
			newest = CASE WHEN excluded.newest > scan_finding.newest THEN excluded.newest ELSE scan_finding.newest END`,
			scan, k.Type, k.Field, string(k.Category), k.Rule, c.Findings, c.Records, store.Micros(c.Oldest), store.Micros(c.Newest))
		if err != nil {
			return fmt.Errorf("inventory: count finding: %w", err)
		}
	}
	return nil
}

// Report is a finished inventory of one system.
type Report struct {
	ID     string          `json:"id,omitempty"`
	System gallra.SystemID `json:"system"`
	Ended  time.Time       `json:"ended,omitzero"`
	Types  []TypeLine      `json:"types"`
	Lines  []Line          `json:"lines"`
}

// TypeLine is the sum of one type.
type TypeLine struct {
	Type    string           `json:"type"`
	Kind    connector.Kind   `json:"kind"`
	Records int64            `json:"records"`
	Oldest  time.Time        `json:"oldest,omitzero"`
	Newest  time.Time        `json:"newest,omitzero"`
	Months  map[string]int64 `json:"months,omitempty"`
	Skipped map[string]int64 `json:"skipped,omitempty"`
}

// Line is one type x field x category x rule.
type Line struct {
	Type     string          `json:"type"`
	Field    string          `json:"field"`
	Category gallra.Category `json:"category"`
	Rule     string          `json:"rule"`
	Findings int64           `json:"findings"`
	Records  int64           `json:"records"`
	Oldest   time.Time       `json:"oldest,omitzero"`
	Newest   time.Time       `json:"newest,omitzero"`
}

// Report turns the tally into a report, in a stable order.
func (t *Tally) Report(system gallra.SystemID) Report {
	r := Report{System: system}
	for n, c := range t.Types {
		r.Types = append(r.Types, TypeLine{n, c.Kind, c.Records, c.Oldest, c.Newest, c.Months, c.Skipped})
	}
	for k, c := range t.Counts {
		r.Lines = append(r.Lines, Line{k.Type, k.Field, k.Category, k.Rule, c.Findings, c.Records, c.Oldest, c.Newest})
	}
	r.sort()
	return r
}

func (r *Report) sort() {
	slices.SortFunc(r.Types, func(a, b TypeLine) int { return compare(a.Type, b.Type) })
	slices.SortFunc(r.Lines, func(a, b Line) int {
		return compare(a.Type, b.Type, a.Field, b.Field, string(a.Category), string(b.Category), a.Rule, b.Rule)
	})
}

func compare(pairs ...string) int {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i] < pairs[i+1] {
			return -1
		}
		if pairs[i] > pairs[i+1] {
			return 1
		}
	}
	return 0
}

// Latest returns the newest finished inventory of a system. gallra.ErrNotFound.
func Latest(ctx context.Context, db *store.DB, system gallra.SystemID) (Report, error) {
	r, err := latest(ctx, db, system)
	if err != nil {
		return r, err
	}
	return r, r.load(ctx, db)
}

// latestTypes is Latest with nothing but which types of record there are.
func latestTypes(ctx context.Context, db *store.DB, system gallra.SystemID) (Report, error) {
	r, err := latest(ctx, db, system)
	if err != nil {
		return r, err
	}
	types, err := r.types(ctx, db)
	for _, l := range types {
		r.Types = append(r.Types, *l)
	}
	return r, err
}

func latest(ctx context.Context, db *store.DB, system gallra.SystemID) (Report, error) {
	r := Report{System: system}
	var ended int64
	err := db.QueryRowContext(ctx, `SELECT id, ended FROM scan WHERE system = $1 AND ended > 0 ORDER BY ended DESC, id DESC LIMIT 1`, string(system)).Scan(&r.ID, &ended)
	if errors.Is(err, sql.ErrNoRows) {
		return r, gallra.Errorf(gallra.NotFound, "inventory.none", "system", string(system))
	}
	if err != nil {
		return r, fmt.Errorf("inventory: latest of %s: %w", system, err)
	}
	r.Ended = store.Time(ended)
	return r, nil
}

func (r *Report) types(ctx context.Context, db *store.DB) (map[string]*TypeLine, error) {
	types := map[string]*TypeLine{}
	err := each(ctx, db, `SELECT type, kind, records, oldest, newest FROM scan_type WHERE scan = $1`, r.ID, func(rows *sql.Rows) error {
		l := TypeLine{Months: map[string]int64{}, Skipped: map[string]int64{}}
		var o, n int64
		if err := rows.Scan(&l.Type, &l.Kind, &l.Records, &o, &n); err != nil {
			return err
		}
		l.Oldest, l.Newest = store.Time(o), store.Time(n)
		types[l.Type] = &l
		return nil
	})
	return types, err
}

func (r *Report) load(ctx context.Context, db *store.DB) error {
	types, err := r.types(ctx, db)
	if err != nil {
		return err
	}
	counts := func(query string, into func(*TypeLine) map[string]int64) error {
		return each(ctx, db, query, r.ID, func(rows *sql.Rows) error {
			var typ, k string
			var n int64
			if err := rows.Scan(&typ, &k, &n); err != nil {
				return err
			}
			if l := types[typ]; l != nil {
				into(l)[k] = n
			}
			return nil
		})
	}
	if err := counts(`SELECT type, month, records FROM scan_month WHERE scan = $1`, func(l *TypeLine) map[string]int64 { return l.Months }); err != nil {
		return err
	}
	if err := counts(`SELECT type, reason, places FROM scan_skipped WHERE scan = $1`, func(l *TypeLine) map[string]int64 { return l.Skipped }); err != nil {
		return err
	}
	for _, l := range types {
		r.Types = append(r.Types, *l)
	}
	err = each(ctx, db, `SELECT type, field, category, rule, findings, records, oldest, newest FROM scan_finding WHERE scan = $1`, r.ID, func(rows *sql.Rows) error {
		var l Line
		var o, n int64
		if err := rows.Scan(&l.Type, &l.Field, &l.Category, &l.Rule, &l.Findings, &l.Records, &o, &n); err != nil {
			return err
		}
		l.Oldest, l.Newest = store.Time(o), store.Time(n)
		r.Lines = append(r.Lines, l)
		return nil
	})
	r.sort()
	return err
}

func each(ctx context.Context, db *store.DB, query, id string, f func(*sql.Rows) error) error {
	rows, err := db.QueryContext(ctx, query, id)
	if err != nil {
		return fmt.Errorf("inventory: read: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows); err != nil {
			return fmt.Errorf("inventory: read: %w", err)
		}
	}
	return rows.Err()
}

// Collect scans src at once, without a store: the command line's bare address.
// progress, if not nil, is told the records read so far and the estimate.
func Collect(ctx context.Context, src connector.Source, system gallra.SystemID, eng *pii.Engine, progress func(done, total int64)) (Report, error) {
	types, err := src.Types(ctx)
	if err != nil {
		return Report{}, err
	}
	var sum Tally
	var c Cursor
	var done, total int64 = 0, -1
	for {
		t, next, estimate, last, err := Page(ctx, src, types, eng, nil, c)
		if err != nil {
			return Report{}, err
		}
		for _, tc := range t.Types {
			done += tc.Records
		}
		if estimate > 0 {
			total = max(total, 0) + estimate
		}
		if progress != nil {
			progress(done, total)
		}
		sum.Merge(t)
		if last {
			return sum.Report(system), nil
		}
		c = next
	}
}
