package retention

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/statistics"
	"github.com/gallra/gallra/internal/store"
)

// look is what a survey of one unit has seen so far.
type look struct {
	Cursor string           `json:"cursor"`
	Begun  bool             `json:"begun"`
	Due    int64            `json:"due"`
	Left   map[string]int64 `json:"left,omitempty"` // after: past its date all the same, by reason
	List   []Left           `json:"list,omitempty"` // after: the first of them
	Marks  marks            `json:"marks,omitempty"`
	Shared map[string]int64 `json:"shared,omitempty"` // after: anonymised records by what is left of them
	Exact  int64            `json:"exact,omitempty"`  // after: anonymised records whose times are exact
	Sum    string           `json:"sum,omitempty"`    // digest of the statistics, when complete
}

// Left is a record past its date that is still there, and why.
type Left struct {
	Ref    gallra.Ref `json:"ref"`
	Reason string     `json:"reason"`
	Detail string     `json:"detail,omitempty"`
}

const leftListed = 1000

// survey looks at everything the rules reach, unit by unit: before the run to
// count it, compare it with the preview (REQUIREMENTS G-3) and save its
// statistics; after it to find what is past its date all the same (S45) and
// prove the statistics equal (G-8, S46).
func (r *running) survey(ctx context.Context) error {
	if r.at.Phase == phaseAfter {
		if busy, err := r.working(ctx); err != nil || busy {
			return errors.Join(err, r.busy())
		}
	}
	until := time.Now().Add(r.budget())
	for r.at.Unit < len(r.plan.units) {
		done, err := r.surveyUnit(ctx, until)
		if err != nil || !done {
			return err
		}
		r.at.Unit++
	}
	if r.at.Phase == phaseAfter {
		r.at = runCursor{Phase: phaseEnd, Abort: r.at.Abort}
		return r.save(ctx)
	}
	if err := r.brake(ctx); err != nil {
		return r.refuse(ctx, err)
	}
	r.at, r.w.Total = runCursor{Phase: phaseAct}, r.plan.Preview.Planned
	return r.save(ctx)
}

// working reports whether a worker still is at a batch of the run: after a stop
// it may be.
func (r *running) working(ctx context.Context) (bool, error) {
	var n int
	if err := r.DB.QueryRowContext(ctx, `SELECT count(*) FROM lease WHERE name LIKE $1 AND until > $2`, "batch/"+r.plan.ID+"/%", store.Micros(time.Now())).Scan(&n); err != nil {
		return false, fmt.Errorf("retention: survey %s: %w", r.run.ID, err)
	}
	return n > 0, nil
}

// brake stops a run that meets another number of records than the preview said.
func (r *running) brake(ctx context.Context) error {
	for n, u := range r.plan.units {
		l, _, err := r.seen(ctx, r.DB, phaseBefore, n)
		if err != nil {
			return err
		}
		said := r.plan.Preview.Units[n].Due
		off := max(l.Due-said, said-l.Due)
		if r.plan.Preview.Units[n].Planned > 0 && off >= surpriseFloor && float64(off) > surprise*float64(said) {
			return gallra.Errorf(gallra.Blocked, "retention.surprise", "system", string(u.System), "type", u.Type,
				"preview", strconv.FormatInt(said, 10), "now", strconv.FormatInt(l.Due, 10))
		}
	}
	return nil
}

// surveyUnit lists a unit until it ends (true) or the time is up.
func (r *running) surveyUnit(ctx context.Context, until time.Time) (bool, error) {
	n := r.at.Unit
	u := r.plan.units[n]
	l, cells, err := r.look(ctx, r.DB, r.at.Phase, n)
	if err != nil {
		return false, err
	}
	if l.Sum != "" {
		return true, nil
	}
	src, err := r.reader(ctx, u.System)
	if err != nil {
		return false, err
	}
	done, err := r.marks(ctx, u, r.plan.Rules)
	if err != nil {
		return false, err
	}
	rewrites := slices.ContainsFunc(u.Rules, func(i int) bool { return r.plan.Rules[i].Action == gallra.ActionAnonymise })
	waits, err := r.waits(ctx, u.System, u.Type)
	if err != nil {
		return false, err
	}
	why := func(gallra.Record) (string, string, error) { return "", "", nil }
	if r.at.Phase == phaseAfter {
		if why, err = r.reasons(ctx, n); err != nil {
			return false, err
		}
	}
	for {
		q := u.query(l.Cursor, r.pageSize())
		// Versions tell what was anonymised before, and afterwards what has been now.
		q.Unversioned = !rewrites || r.at.Phase == phaseBefore && len(done) == 0
		page, err := src.List(ctx, q)
		if err != nil {
			return false, fmt.Errorf("retention: list %s/%s: %w", u.System, u.Type, err)
		}
		for _, rec := range page.Records {
			waiting := waits[rec.Ref.ID]
			fact := u.Schema.Fact(rec, r.Loc)
			if waiting != waitPromise { // counted with what is gone, though it still shows
				cells.Add(u.Schema, fact)
			}
			if waiting != "" {
				continue // not this run's, or what it has left open: the protocol says so
			}
			j := u.judge(r.plan.Rules, rec, r.plan.Today, r.Loc)
			if !j.due || r.plan.Rules[j.rule].Action == gallra.ActionAnonymise && done.has(rec.Ref.ID, rec.Version) {
				continue
			}
			l.Due++
			if r.at.Phase == phaseBefore {
				continue
			}
			reason, detail, err := why(rec)
			if err != nil {
				return false, err
			}
			if reason == "" { // anonymised: there, as it should be
				l.Marks = append(l.Marks, mark(rec.Ref.ID, rec.Version))
				if !rounded(rec, r.Loc) {
					l.Exact++
					continue
				}
				if l.Shared == nil {
					l.Shared = map[string]int64{}
				}
				l.Shared[statistics.MonthOf(fact)+"\x1f"+fact.Cell]++
				continue
			}
			if l.Left == nil {
				l.Left = map[string]int64{}
			}
			l.Left[reason]++
			if len(l.List) < leftListed {
				l.List = append(l.List, Left{Ref: rec.Ref, Reason: reason, Detail: detail})
			}
		}
		l.Begun = true
		if l.Cursor = page.Next; page.Next == "" {
			break
		}
		if time.Now().After(until) {
			return false, r.DB.Tx(ctx, func(tx *sql.Tx) error { return r.saveLook(ctx, tx, n, l, cells) })
		}
	}
	err = r.DB.Tx(ctx, func(tx *sql.Tx) error {
		// What is gone belongs to the figures as much as what is live.
		thinned, err := statistics.Thinned(ctx, tx, u.System, u.Type)
		if err != nil {
			return err
		}
		cells.Merge(thinned)
		text, err := json.Marshal(cells)
		if err != nil {
			return fmt.Errorf("retention: survey %s: %w", r.run.ID, err)
		}
		l.Sum = digestOf(text)
		if len(l.Marks) > 0 {
			if err := saveMarks(ctx, tx, r.run.ID, u, l.Marks); err != nil {
				return err
			}
			l.Marks = nil
		}
		return r.saveLook(ctx, tx, n, l, cells)
	})
	return err == nil, err
}

// look reads how far a survey has come, and what it has counted.
func (r *running) look(ctx context.Context, q interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}, phase string, n int) (look, *statistics.Cells, error) {
	l, blob, err := r.seen(ctx, q, phase, n)
	if err != nil || blob == nil {
		return l, statistics.NewCells(r.plan.units[n].System, r.plan.units[n].Type), err
	}
	c, err := statistics.Decode(blob)
	return l, c, err
}

// seen is look with what was counted as it is stored; nil when there is nothing yet.
func (r *running) seen(ctx context.Context, q interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}, phase string, n int) (look, []byte, error) {
	var text string
	var blob []byte
	err := q.QueryRowContext(ctx, `SELECT result, cells FROM run_survey WHERE run = $1 AND phase = $2 AND unit = $3`, r.run.ID, phase, n).Scan(&text, &blob)
	if errors.Is(err, sql.ErrNoRows) {
		return look{}, nil, nil
	}
	if err != nil {
		return look{}, nil, fmt.Errorf("retention: survey %s: %w", r.run.ID, err)
	}
	var l look
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		return look{}, nil, fmt.Errorf("retention: survey %s: %w", r.run.ID, err)
	}
	return l, blob, nil
}

// saveLook keeps how far a survey has come, unless another worker has taken the
// run further meanwhile: what a slow one has seen since is another state.
func (r *running) saveLook(ctx context.Context, tx *sql.Tx, n int, l look, c *statistics.Cells) error {
	if err := r.lockWork(ctx, tx); err != nil {
		return err
	}
	text, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("retention: survey %s: %w", r.run.ID, err)
	}
	blob, err := c.Encode()
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO run_survey (run, phase, unit, result, cells) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (run, phase, unit) DO UPDATE SET result = excluded.result, cells = excluded.cells`, r.run.ID, r.at.Phase, n, string(text), blob); err != nil {
		return fmt.Errorf("retention: survey %s: %w", r.run.ID, err)
	}
	return nil
}

// reasons returns what tells why a record past its date is still there: "" for
// one that was anonymised in place.
func (r *running) reasons(ctx context.Context, n int) (func(gallra.Record) (reason, detail string, err error), error) {
	type why struct{ reason, detail string }
	known := map[string]why{}
	rows, err := r.DB.QueryContext(ctx, `SELECT ref_id, reason, detail FROM run_item WHERE run = $1 AND unit = $2`, r.run.ID, n)
	if err != nil {
		return nil, fmt.Errorf("retention: survey %s: %w", r.run.ID, err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var w why
		if err := rows.Scan(&id, &w.reason, &w.detail); err != nil {
			return nil, fmt.Errorf("retention: survey %s: %w", r.run.ID, err)
		}
		known[id] = w
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("retention: survey %s: %w", r.run.ID, err)
	}
	// Of the planned, those tried and those not, as digests.
	var rewritten, untried marks
	for _, b := range r.batches {
		if b.unit != n {
			continue
		}
		rewrites := r.plan.Rules[b.rule].Action == gallra.ActionAnonymise
		if b.state == "done" && !rewrites {
			continue // erased: found again only if it is an exception or came back
		}
		_, items, err := r.blob(ctx, r.DB, b.n)
		if err != nil {
			return nil, err
		}
		for i, it := range items {
			switch m := mark(it.id, ""); {
			case int64(i) >= b.position:
				untried = append(untried, m)
			case rewrites:
				rewritten = append(rewritten, m)
			}
		}
	}
	slices.Sort(rewritten)
	slices.Sort(untried)
	src, err := r.reader(ctx, r.plan.units[n].System)
	if err != nil {
		return nil, err
	}
	holds, err := r.reach.Load(ctx, r.DB, r.Keys, src, r.plan.units[n].System)
	if err != nil {
		return nil, err
	}
	return func(rec gallra.Record) (string, string, error) {
		if w, ok := known[rec.Ref.ID]; ok {
			return w.reason, w.detail, nil
		}
		switch {
		case rewritten.has(rec.Ref.ID, ""):
			return "", "", nil
		case untried.has(rec.Ref.ID, ""):
			return reasonNotTried, "", nil
		}
		if err := holds.Join(ctx, src, []gallra.Ref{rec.Ref}); err != nil {
			return "", "", err
		}
		if id, ok := holds.Covers(rec.Ref, rec.Parent, rec.Person); ok {
			return reasonHold, id, nil
		}
		j := r.plan.units[n].judge(r.plan.Rules, rec, r.plan.Today, r.Loc)
		if why := blocked(r.plan.Organisation.Type, r.plan.Rules[j.rule]); why != "" {
			return why, r.plan.Rules[j.rule].ID, nil
		}
		return reasonUnnamed, "", nil
	}, nil
}

// figures returns the statistics before and after of every unit, and whether
// they are equal to the byte.
func (r *running) figures(ctx context.Context) ([]Figures, bool, error) {
	var out []Figures
	equal := true
	for n, u := range r.plan.units {
		before, a, err := r.look(ctx, r.DB, phaseBefore, n)
		if err != nil {
			return nil, false, err
		}
		after, b, err := r.look(ctx, r.DB, phaseAfter, n)
		if err != nil {
			return nil, false, err
		}
		f := Figures{System: u.System, Type: u.Type, Before: a.Report(), After: b.Report(), DigestBefore: before.Sum, DigestAfter: after.Sum, Equal: before.Sum == after.Sum && before.Sum != ""}
		// A look that never began (the run was stopped before it) proves nothing
		// and contradicts nothing when nothing was touched.
		if before.Sum == "" && !r.touched() {
			f.Equal = true
		}
		equal = equal && f.Equal
		out = append(out, f)
	}
	return out, equal, nil
}

func (r *running) touched() bool {
	return slices.ContainsFunc(r.batches, func(b batch) bool { return b.state != "planned" })
}
