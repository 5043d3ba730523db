package retention

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/statistics"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/work"
)

// WorkFollow is the kind of work that follows a run up: it asks again about what
// a system has only promised, and ends quarantines. Its subject is the run. It
// sleeps until the next day on which there is something to ask.
const WorkFollow = "follow"

// The kinds of what a run waits for.
const (
	waitPromise    = "promise"
	waitQuarantine = "quarantine"
	waitArchive    = "archive" // handed over, until the archive says that it has it
)

const (
	reasonPromised   = "retention.reason.promised"
	reasonQuarantine = "retention.reason.quarantine"
	reasonRule       = "retention.reason.rule_changed" // its rule changed during the quarantine
)

// askDaily is how often what is open is asked about, once the first quick
// questions have been answered with no.
const askDaily = 24 * time.Hour

// Open is what a run has begun and not ended, at a moment.
type Open struct {
	Promised    int64     `json:"promised,omitempty"` // records that their system has only promised to erase
	PromisedBy  time.Time `json:"promised_by,omitzero"`
	Quarantined int64     `json:"quarantined,omitempty"` // records restricted, to be erased
	Until       time.Time `json:"until,omitzero"`        // when the last quarantine is over
	Delivered   int64     `json:"delivered,omitempty"`   // records handed over to an archive, to be erased when it says that it has them
	ReceiptBy   time.Time `json:"receipt_by,omitzero"`   // when the last receipt is expected
	Tasks       int64     `json:"tasks,omitempty"`       // not signed
	TasksDue    time.Time `json:"tasks_due,omitzero"`
	Overdue     int64     `json:"overdue,omitempty"` // of all these, past their day
}

// Any reports whether something is open.
func (o Open) Any() bool { return o.Promised+o.Quarantined+o.Delivered+o.Tasks > 0 }

// RunOpen is what is open of one run, for the list of things to do.
type RunOpen struct {
	Run  string `json:"run"`
	Plan string `json:"plan"`
	Open
}

// Waiting returns the runs that have something open, the oldest first.
func (e *Engine) Waiting(ctx context.Context) ([]RunOpen, error) {
	rows, err := e.DB.QueryContext(ctx, `SELECT id, plan FROM run WHERE id IN (SELECT run FROM run_wait WHERE state = 'open' UNION SELECT run FROM run_task WHERE state = 'open') ORDER BY started, id`)
	if err != nil {
		return nil, fmt.Errorf("retention: waiting: %w", err)
	}
	defer rows.Close()
	var out []RunOpen
	for rows.Next() {
		var r RunOpen
		if err := rows.Scan(&r.Run, &r.Plan); err != nil {
			return nil, fmt.Errorf("retention: waiting: %w", err)
		}
		out = append(out, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("retention: waiting: %w", err)
	}
	for i := range out {
		if out[i].Open, err = e.openOf(ctx, e.DB, out[i].Run); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// openOf counts what is open of a run.
func (e *Engine) openOf(ctx context.Context, q rowsQuerier, run string) (Open, error) {
	now := store.Micros(e.DB.Now())
	rows, err := q.QueryContext(ctx, `SELECT kind, count(*), max(until), sum(CASE WHEN until < $2 THEN 1 ELSE 0 END) FROM run_wait WHERE run = $1 AND state = 'open' GROUP BY kind
		UNION ALL SELECT 'task', count(*), coalesce(max(due), 0), coalesce(sum(CASE WHEN due < $2 THEN 1 ELSE 0 END), 0) FROM run_task WHERE run = $1 AND state = 'open'`, run, now)
	if err != nil {
		return Open{}, fmt.Errorf("retention: open of %s: %w", run, err)
	}
	defer rows.Close()
	var o Open
	for rows.Next() {
		var kind string
		var n, last, overdue int64
		if err := rows.Scan(&kind, &n, &last, &overdue); err != nil {
			return Open{}, fmt.Errorf("retention: open of %s: %w", run, err)
		}
		switch kind {
		case waitPromise:
			o.Promised, o.PromisedBy = n, store.Time(last)
		case waitQuarantine:
			o.Quarantined, o.Until = n, store.Time(last)
		case waitArchive:
			o.Delivered, o.ReceiptBy = n, store.Time(last)
		default:
			o.Tasks, o.TasksDue = n, store.Time(last)
		}
		o.Overdue += overdue
	}
	return o, rows.Err()
}

// wait is one record that a run waits for.
type wait struct {
	unit    int
	id      string
	batch   int64
	kind    string
	version string
	receipt gallra.Receipt
	pack    string // the package it was handed over in, and its digest there
	digest  string
	until   time.Time
	asked   int64
	attempt int64
}

// waiting is why a record that is waited for is still there.
func (w wait) waiting() string {
	if w.kind == waitArchive {
		return reasonArchive
	}
	return reasonQuarantine
}

// keepWaits writes what a chunk has left open.
func (r *running) keepWaits(ctx context.Context, tx *sql.Tx, b batch, waits []wait) error {
	u, now := r.plan.units[b.unit], r.DB.Now()
	for _, w := range waits {
		receipt, err := json.Marshal(w.receipt)
		if err != nil {
			return fmt.Errorf("retention: wait: %w", err)
		}
		next := now.Add(askDaily)
		if w.kind == waitPromise {
			next = now.Add(time.Minute)
		}
		if w.until.Before(next) || w.kind == waitArchive { // which a receipt wakes
			next = w.until
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO run_wait (run, unit, ref_id, system, type, batch, kind, version, receipt, package, digest, until, next) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
			r.run.ID, b.unit, w.id, string(u.System), u.Type, b.n, w.kind, w.version, string(receipt), w.pack, w.digest, store.Micros(w.until), store.Micros(next)); err != nil {
			return fmt.Errorf("retention: wait: %w", err)
		}
	}
	return nil
}

// waits returns, by id, what records of a type are being waited for, by any run:
// they are neither planned again nor a surprise.
func (e *Engine) waits(ctx context.Context, system gallra.SystemID, typ string) (map[string]string, error) {
	rows, err := e.DB.QueryContext(ctx, `SELECT ref_id, kind FROM run_wait WHERE state = 'open' AND system = $1 AND type = $2`, string(system), typ)
	if err != nil {
		return nil, fmt.Errorf("retention: waiting: %w", err)
	}
	defer rows.Close()
	out := map[string]string{}
	for rows.Next() {
		var id, kind string
		if err := rows.Scan(&id, &kind); err != nil {
			return nil, fmt.Errorf("retention: waiting: %w", err)
		}
		out[id] = kind
	}
	return out, rows.Err()
}

// follow begins the work that follows a run up, if something is open.
func (r *running) follow(ctx context.Context, tx *sql.Tx) error {
	var n int
	if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM run_wait WHERE run = $1 AND state = 'open'`, r.run.ID).Scan(&n); err != nil {
		return fmt.Errorf("retention: follow %s: %w", r.run.ID, err)
	}
	if n == 0 {
		return nil
	}
	_, err := work.Create(ctx, tx, r.DB.Now(), WorkFollow, r.run.ID, r.run.Actor)
	return err
}

// Follow does at once what the follow-up of a run has to do by now, and returns
// what is open afterwards. Workers do the same by themselves.
func (e *Engine) Follow(ctx context.Context, run string) (Open, error) {
	w, err := work.Latest(ctx, e.DB, WorkFollow, run)
	if err != nil && !errors.Is(err, gallra.ErrNotFound) {
		return Open{}, err
	}
	for more := err == nil; more; {
		var later work.Later
		if more, err = e.Step(ctx, w.ID); errors.As(err, &later) && later.Why == "retention.follow" {
			break
		} else if errors.As(err, &later) {
			select {
			case <-ctx.Done():
				return Open{}, ctx.Err()
			case <-time.After(later.After):
			}
		} else if err != nil {
			return Open{}, err
		}
	}
	return e.openOf(ctx, e.DB, run)
}

// FollowUp returns the work that follows a run up, so that somebody can wake it;
// "" when nothing of the run is open.
func (e *Engine) FollowUp(ctx context.Context, run string) (string, error) {
	w, err := work.Latest(ctx, e.DB, WorkFollow, run)
	if errors.Is(err, gallra.ErrNotFound) || err == nil && w.State.Over() {
		return "", nil
	}
	return w.ID, err
}

// followChunk is how many records a step asks about between two notes.
const followChunk = 100

// stepFollow visits some of the records whose time it is.
func (e *Engine) stepFollow(ctx context.Context, w work.Work) (more bool, err error) {
	r := &running{Engine: e, w: w}
	if r.run, err = e.RunOf(ctx, w.Subject); err != nil {
		return false, err
	}
	if r.plan, err = e.PlanOf(ctx, r.run.Plan); err != nil {
		return false, err
	}
	if r.batches, err = e.readBatches(ctx, r.plan.ID); err != nil {
		return false, err
	}
	if stopped, err := e.Stopped(ctx); err != nil {
		return true, err
	} else if stopped {
		return true, work.Later{After: time.Minute, Why: "retention.all_stopped"}
	}
	visited := 0
	held, err := e.hold(ctx, "follow/"+r.run.ID, func(ctx context.Context) error {
		if err := r.readReceipts(ctx); err != nil {
			return err
		}
		list, err := r.due(ctx)
		if err != nil {
			return err
		}
		if visited = len(list); visited == 0 {
			return nil
		}
		switch list[0].kind {
		case waitPromise:
			return r.confirm(ctx, list)
		case waitArchive:
			return r.endDelivery(ctx, list)
		}
		return r.endQuarantine(ctx, list)
	})
	switch {
	case err != nil:
		return true, err
	case !held:
		return true, e.busy()
	case visited > 0:
		return true, nil
	}
	return e.sleep(ctx, r, &w)
}

// due returns some records of one batch and one kind whose time it is.
func (r *running) due(ctx context.Context) ([]wait, error) {
	rows, err := r.DB.QueryContext(ctx, `SELECT unit, ref_id, batch, kind, version, receipt, package, digest, until, asked, attempt FROM run_wait
		WHERE run = $1 AND state = 'open' AND next <= $2 ORDER BY batch, kind, package, ref_id LIMIT $3`, r.run.ID, store.Micros(r.DB.Now()), followChunk)
	if err != nil {
		return nil, fmt.Errorf("retention: follow %s: %w", r.run.ID, err)
	}
	defer rows.Close()
	var out []wait
	for rows.Next() {
		var w wait
		var receipt string
		var until int64
		if err := rows.Scan(&w.unit, &w.id, &w.batch, &w.kind, &w.version, &receipt, &w.pack, &w.digest, &until, &w.asked, &w.attempt); err != nil {
			return nil, fmt.Errorf("retention: follow %s: %w", r.run.ID, err)
		}
		if err := json.Unmarshal([]byte(receipt), &w.receipt); err != nil {
			return nil, fmt.Errorf("retention: follow %s: %w", r.run.ID, err)
		}
		w.until = store.Time(until)
		if len(out) > 0 && (w.batch != out[0].batch || w.kind != out[0].kind || w.pack != out[0].pack) {
			break
		}
		out = append(out, w)
	}
	return out, rows.Err()
}

// sleep issues the protocol anew and ends the work, or asks to be called when
// the next record's time has come.
func (e *Engine) sleep(ctx context.Context, r *running, w *work.Work) (bool, error) {
	if err := e.Settle(ctx, r.run.ID); err != nil {
		return true, err
	}
	var open, done int64
	var next sql.NullInt64
	if err := e.DB.QueryRowContext(ctx, `SELECT coalesce(sum(CASE WHEN state = 'open' THEN 1 ELSE 0 END), 0), count(*), min(CASE WHEN state = 'open' THEN next END) FROM run_wait WHERE run = $1`, r.run.ID).Scan(&open, &done, &next); err != nil {
		return true, fmt.Errorf("retention: follow %s: %w", r.run.ID, err)
	}
	w.State, w.Phase, w.Total, w.Done = work.Running, "phase.follow", done, done-open
	if open == 0 {
		w.State, w.Phase = work.Done, ""
	}
	if err := e.DB.Tx(ctx, func(tx *sql.Tx) error { return work.Save(ctx, tx, e.DB.Now(), w) }); err != nil {
		return true, err
	}
	if open == 0 {
		return false, nil
	}
	after, most := max(store.Time(next.Int64).Sub(e.DB.Now()), time.Second), askDaily
	if waiting, err := r.deliveries(ctx, e.DB, "delivered"); err != nil {
		return true, err
	} else if len(waiting) > 0 {
		most = lookForReceipts
	}
	return true, work.Later{After: min(after, most), Why: "retention.follow"}
}

// settled is what has come of one wait.
type settled struct {
	wait
	state  string // done, out, failed; open when it is to be asked again
	next   time.Time
	reason string // of out and failed
	detail string
	change func(*Tally)
}

// confirm asks a system what has become of its promises, and believes a yes only
// after a look by another road (REQUIREMENTS G-7, W-11).
func (r *running) confirm(ctx context.Context, list []wait) error {
	u, now := r.plan.units[list[0].unit], r.DB.Now()
	src, err := r.source(ctx, u.System)
	if err != nil {
		return err
	}
	asker, can := src.(connector.Confirmer)
	var out []settled
	var verify []gallra.Ref
	for _, w := range list {
		x := settled{wait: w, state: "open", next: now.Add(min(time.Minute<<min(w.asked, 12), askDaily))}
		if w.until.After(now) && x.next.After(w.until) {
			x.next = w.until
		}
		said := !now.Before(w.until) // a system that cannot be asked is looked at on the day it named
		if can {
			answer, err := asker.Confirm(ctx, w.receipt)
			switch {
			case errors.Is(err, gallra.ErrNotFound):
				said = true
			case err != nil:
				return fmt.Errorf("retention: confirm %s: %w", w.receipt.Ref, err)
			default:
				said = answer.Final
				x.receipt = answer
			}
		}
		if said {
			x.state = "done"
			verify = append(verify, gallra.Ref{System: u.System, Type: u.Type, ID: w.id})
		}
		out = append(out, x)
	}
	left, err := remains(ctx, src, nil, verify)
	if err != nil {
		return err
	}
	for i := range out {
		x := &out[i]
		if x.state != "done" {
			continue
		}
		was, grade := list[i].receipt.Grade, max(x.receipt.Grade, gallra.GradeLive)
		where, still := left[x.id]
		if still && !can {
			x.state = "open" // nobody has said that it is gone
			x.next = now.Add(askDaily)
			continue
		}
		if still {
			x.state, x.reason, x.detail = "failed", reasonRemains, placesOf(where)
			x.change = func(t *Tally) {
				t.unpromise(was, was)
				t.outcome(gallra.OutcomeErased, -1)
				t.outcome(gallra.OutcomeFailed, 1)
				t.reason(reasonRemains)
			}
			continue
		}
		x.change = func(t *Tally) { t.unpromise(was, grade) }
	}
	return r.settle(ctx, list[0].batch, waitPromise, out, nil)
}

// endQuarantine visits restricted records: one that has changed or come under a
// hold is given back, one whose time is over is erased and verified, and the
// others wait on.
func (r *running) endQuarantine(ctx context.Context, list []wait) error {
	u, now := r.plan.units[list[0].unit], r.DB.Now()
	src, err := r.source(ctx, u.System)
	if err != nil {
		return err
	}
	items, err := r.itemsOf(ctx, list)
	if err != nil {
		return err
	}
	holds, err := r.holds(ctx, src, u, slices.Collect(maps.Values(items)))
	if err != nil {
		return err
	}
	changed, err := r.ruleChanged(ctx)
	if err != nil {
		return err
	}
	var out []settled
	var todo []item
	for _, w := range list {
		i := items[w.id]
		ref := gallra.Ref{System: u.System, Type: u.Type, ID: w.id}
		x := settled{wait: w, state: "open", next: now.Add(askDaily)}
		if w.until.After(now) && x.next.After(w.until) {
			x.next = w.until
		}
		rec, err := src.Get(ctx, ref)
		gone := errors.Is(err, gallra.ErrNotFound)
		if err != nil && !gone {
			return fmt.Errorf("retention: get %s: %w", ref, err)
		}
		id, held := holds.Covers(ref, i.parent, i.person)
		switch {
		case gone && w.attempt == 0:
			x.state, x.reason = "out", reasonGone
		case gone: // our own erasure, before a crash
		case held:
			x.state, x.reason, x.detail = "out", reasonHold, id
		case changed:
			x.state, x.reason = "out", reasonRule
		case w.version != "" && rec.Version != w.version:
			x.state, x.reason = "out", reasonChanged
		case !u.judge(r.plan.Rules, rec, r.plan.Today, r.Loc).due:
			x.state, x.reason = "out", reasonNotDue
		}
		switch {
		case x.state == "out":
			if err := r.giveBack(ctx, src, ref, gone); err != nil {
				return err
			}
			why := x.reason
			x.change = func(t *Tally) { t.unreason(reasonQuarantine); t.reason(why) }
		case !w.until.After(now):
			i.version = w.version
			todo = append(todo, i)
		}
		out = append(out, x)
	}
	return r.eraseAndSettle(ctx, src, u, list[0].batch, waitQuarantine, todo, out)
}

// eraseAndSettle erases those of out that are in todo, and notes what has become of all.
func (r *running) eraseAndSettle(ctx context.Context, src connector.Source, u unit, batch int64, kind string, todo []item, out []settled) error {
	var gone []item
	if len(todo) > 0 {
		var err error
		if gone, err = r.eraseWaited(ctx, src, u, batch, todo, out); err != nil {
			return err
		}
	}
	return r.settle(ctx, batch, kind, out, gone)
}

// giveBack lifts the restriction of a record that stays.
func (r *running) giveBack(ctx context.Context, src connector.Source, ref gallra.Ref, gone bool) error {
	res, ok := src.(connector.Restrictor)
	if gone || !ok {
		return nil
	}
	if _, err := res.Restrict(ctx, ref, false); err != nil && !errors.Is(err, gallra.ErrNotFound) {
		return fmt.Errorf("retention: give back %s: %w", ref, err)
	}
	return nil
}

// ruleChanged reports whether a rule of the plan is no longer what was approved:
// then nothing more is erased by it.
func (r *running) ruleChanged(ctx context.Context) (bool, error) {
	if r.Rules == nil {
		return false, nil
	}
	rules, err := r.Rules(ctx)
	if err != nil {
		return false, err
	}
	for _, planned := range r.plan.Rules {
		if !slices.ContainsFunc(rules, func(x gallra.Rule) bool { return same(x, planned) }) {
			return true, nil
		}
	}
	return false, nil
}

// itemsOf returns the plan's items of waits of one batch, by id.
func (r *running) itemsOf(ctx context.Context, list []wait) (map[string]item, error) {
	_, items, err := r.blob(ctx, r.DB, list[0].batch)
	if err != nil {
		return nil, err
	}
	wanted, out := map[string]bool{}, map[string]item{}
	for _, w := range list {
		wanted[w.id] = true
	}
	for _, i := range items {
		if wanted[i.id] {
			out[i.id] = i
		}
	}
	if len(out) != len(list) {
		return nil, gallra.Errorf(gallra.Conflict, "retention.plan_changed", "plan", r.plan.ID)
	}
	return out, nil
}

// eraseWaited writes the intent, erases what was in quarantine or with an archive,
// verifies, fills in out, and returns the items that are gone.
func (r *running) eraseWaited(ctx context.Context, src connector.Source, u unit, n int64, todo []item, out []settled) ([]item, error) {
	if err := r.DB.Tx(ctx, func(tx *sql.Tx) error {
		for _, i := range todo {
			if _, err := tx.ExecContext(ctx, `UPDATE run_wait SET attempt = attempt + 1 WHERE run = $1 AND unit = $2 AND ref_id = $3`, r.run.ID, out[0].unit, i.id); err != nil {
				return fmt.Errorf("retention: quarantine %s: %w", r.run.ID, err)
			}
		}
		b := batch{n: n, unit: out[0].unit, rule: r.ruleOf(n)}
		_, err := r.Log.Append(ctx, tx, r.entry(out[0].kind+".intent", b, todo, "", map[string]int64{"items": int64(len(todo)), "batch": n}))
		return err
	}); err != nil {
		return nil, err
	}
	refs := make([]gallra.Ref, len(todo))
	for k, i := range todo {
		refs[k] = gallra.Ref{System: u.System, Type: u.Type, ID: i.id}
	}
	trace, err := traceOf(ctx, src, refs)
	if err != nil {
		return nil, err
	}
	answers, err := eraseMany(ctx, src, u, todo)
	if err != nil {
		return nil, err
	}
	at := map[string]*settled{}
	for i := range out {
		at[out[i].id] = &out[i]
	}
	var verify []gallra.Ref
	for k, a := range answers {
		if a.Err == nil && a.Receipt.Final || errors.Is(a.Err, gallra.ErrNotFound) && at[todo[k].id].attempt > 0 {
			verify = append(verify, gallra.Ref{System: u.System, Type: u.Type, ID: todo[k].id})
		}
	}
	left, err := remains(ctx, src, trace, verify)
	if err != nil {
		return nil, err
	}
	var gone []item
	for k, a := range answers {
		i, x := todo[k], at[todo[k].id]
		if errors.Is(a.Err, gallra.ErrNotFound) && x.attempt > 0 {
			a = connector.Result{Receipt: gallra.Receipt{Action: gallra.ActionErase, Grade: gallra.GradeLive, Final: true}}
		}
		if where, still := left[i.id]; a.Err == nil && still {
			x.fail(gallra.OutcomeFailed, reasonRemains, placesOf(where))
			_, err := src.Get(ctx, refs[k])
			switch {
			case errors.Is(err, gallra.ErrNotFound):
				gone = append(gone, i) // its statistics are counted nowhere else now
			case err != nil:
				return nil, fmt.Errorf("retention: verify %s: %w", refs[k], err)
			}
			continue
		}
		if a.Err != nil {
			o, why := refusal(a.Err)
			x.fail(o, why, "")
			continue
		}
		receipt, why, archived := a.Receipt, x.waiting(), x.kind == waitArchive
		x.state, x.receipt = "done", receipt
		x.change = func(t *Tally) {
			t.unreason(why)
			if archived {
				t.Archived++
			}
			t.outcome(gallra.OutcomeKept, -1)
			t.outcome(gallra.OutcomeErased, 1)
			t.receipt(receipt)
		}
		if !receipt.Final {
			x.kind, x.state, x.until, x.asked = waitPromise, "open", receipt.GoneBy, 0
			x.next = r.DB.Now().Add(time.Minute)
		}
		gone = append(gone, i)
	}
	return gone, nil
}

// fail ends a wait without an erasure. A record that the system refused is
// no longer waited for: the next plan finds it again.
func (x *settled) fail(o gallra.Outcome, why, detail string) {
	x.state, x.reason, x.detail = "failed", why, detail
	if o == gallra.OutcomeKept {
		x.state = "out"
	}
	waited := x.waiting()
	x.change = func(t *Tally) {
		t.unreason(waited)
		t.reason(why)
		t.outcome(gallra.OutcomeKept, -1)
		t.outcome(o, 1)
	}
}

// ruleOf returns the rule of batch n.
func (r *running) ruleOf(n int64) int {
	for _, b := range r.batches {
		if b.n == n {
			return b.rule
		}
	}
	return 0
}

// settle writes what has come of some waits of batch n, all of it or nothing.
func (r *running) settle(ctx context.Context, n int64, waited string, list []settled, gone []item) error {
	now, action := r.DB.Now(), map[string]string{waitPromise: "run.confirm", waitQuarantine: "run.quarantine", waitArchive: "run.archive"}[waited]
	return r.DB.Tx(ctx, func(tx *sql.Tx) error {
		var text string
		q := `SELECT tally FROM plan_batch WHERE plan = $1 AND n = $2`
		if r.DB.Dialect == store.Postgres {
			q += ` FOR UPDATE`
		}
		if err := tx.QueryRowContext(ctx, q, r.plan.ID, n).Scan(&text); err != nil {
			return fmt.Errorf("retention: settle %s: %w", r.run.ID, err)
		}
		var t Tally
		if err := json.Unmarshal([]byte(text), &t); err != nil {
			return fmt.Errorf("retention: settle %s: %w", r.run.ID, err)
		}
		counts := map[string]int64{}
		for _, x := range list {
			if err := r.settleOne(ctx, tx, x, now); err != nil {
				return err
			}
			if x.change != nil {
				x.change(&t)
			}
			if x.state != "open" || x.change != nil {
				counts[x.state]++
			}
		}
		tally, err := json.Marshal(t)
		if err != nil {
			return fmt.Errorf("retention: settle %s: %w", r.run.ID, err)
		}
		if _, err := tx.ExecContext(ctx, `UPDATE plan_batch SET tally = $3 WHERE plan = $1 AND n = $2`, r.plan.ID, n, string(tally)); err != nil {
			return fmt.Errorf("retention: settle %s: %w", r.run.ID, err)
		}
		if len(gone) > 0 {
			if err := r.settleGone(ctx, tx, waited, list[0].unit, n, gone, now); err != nil {
				return err
			}
		}
		if len(counts) == 0 {
			return nil
		}
		_, err = r.Log.Append(ctx, tx, evidence.Entry{Actor: r.run.Actor, Action: action, System: r.plan.units[list[0].unit].System, Subject: r.run.ID, Counts: counts})
		return err
	})
}

func (r *running) settleOne(ctx context.Context, tx *sql.Tx, x settled, now time.Time) error {
	receipt, err := json.Marshal(x.receipt)
	if err != nil {
		return fmt.Errorf("retention: settle %s: %w", r.run.ID, err)
	}
	var ended time.Time
	if x.state != "open" {
		ended = now
	}
	res, err := tx.ExecContext(ctx, `UPDATE run_wait SET state = $4, kind = $5, receipt = $6, next = $7, until = $8, ended = $9, asked = asked + 1 WHERE run = $1 AND unit = $2 AND ref_id = $3 AND state = 'open'`,
		r.run.ID, x.unit, x.id, x.state, x.kind, string(receipt), store.Micros(x.next), store.Micros(x.until), store.Micros(ended))
	if err != nil {
		return fmt.Errorf("retention: settle %s: %w", r.run.ID, err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errOvertaken
	}
	switch {
	case x.state == "out" || x.state == "failed":
		outcome := gallra.OutcomeKept
		if x.state == "failed" {
			outcome = gallra.OutcomeFailed
		}
		_, err = tx.ExecContext(ctx, `UPDATE run_item SET outcome = $4, reason = $5, detail = $6 WHERE run = $1 AND unit = $2 AND ref_id = $3`, r.run.ID, x.unit, x.id, string(outcome), x.reason, x.detail)
	case x.state == "open" && x.kind == waitPromise:
		_, err = tx.ExecContext(ctx, `UPDATE run_item SET outcome = 'erased', reason = $4, gone_by = $5 WHERE run = $1 AND unit = $2 AND ref_id = $3`, r.run.ID, x.unit, x.id, reasonPromised, store.Micros(x.until))
	case x.state == "done": // as planned after all
		_, err = tx.ExecContext(ctx, `DELETE FROM run_item WHERE run = $1 AND unit = $2 AND ref_id = $3`, r.run.ID, x.unit, x.id)
	}
	if err != nil {
		return fmt.Errorf("retention: settle %s: %w", r.run.ID, err)
	}
	return nil
}

// settleGone saves the statistics of records erased after a wait, in the journal
// and the log too.
func (r *running) settleGone(ctx context.Context, tx *sql.Tx, kind string, unit int, n int64, gone []item, now time.Time) error {
	u := r.plan.units[unit]
	cells := statistics.NewCells(u.System, u.Type)
	for _, i := range gone {
		cells.Add(u.Schema, i.fact)
	}
	if err := statistics.Save(ctx, tx, r.run.ID, n<<32|1<<31, cells); err != nil {
		return err
	}
	if err := statistics.Fold(ctx, tx, r.run.ID); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE plan_batch SET ended = $3 WHERE plan = $1 AND n = $2`, r.plan.ID, n, store.Micros(now)); err != nil {
		return fmt.Errorf("retention: settle %s: %w", r.run.ID, err)
	}
	_, err := r.Log.Append(ctx, tx, r.entry(kind+".result", batch{n: n, unit: unit, rule: r.ruleOf(n)}, gone, "", map[string]int64{"erased": int64(len(gone))}))
	return err
}

// quarantine restricts records, each until its quarantine is over; the period
// that was promised is never exceeded, so for a record that is late already the
// quarantine is short or none (REQUIREMENTS G-11).
func (r *running) quarantine(ctx context.Context, u unit, rule gallra.Rule, items []item, again bool) (result, error) {
	var x result
	src, err := r.source(ctx, u.System)
	if err != nil {
		return x, err
	}
	res, ok := src.(connector.Restrictor)
	if !ok {
		return x, gallra.Errorf(gallra.Unsupported, "retention.cannot_restrict", "system", string(u.System))
	}
	todo, err := r.recheck(ctx, src, u, items, &x)
	if err != nil {
		return x, err
	}
	for _, i := range todo {
		ref := gallra.Ref{System: u.System, Type: u.Type, ID: i.id}
		rec, err := src.Get(ctx, ref)
		switch {
		case errors.Is(err, gallra.ErrNotFound):
			x.except(i, gallra.OutcomeKept, reasonGone, "")
			continue
		case err != nil:
			return x, fmt.Errorf("retention: get %s: %w", ref, err)
		case i.version != "" && rec.Version != i.version && !again, !u.judge(r.plan.Rules, rec, r.plan.Today, r.Loc).due:
			x.except(i, gallra.OutcomeKept, reasonChanged, "")
			continue
		}
		receipt, err := res.Restrict(ctx, ref, true)
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, gallra.ErrUnavailable) {
				return x, fmt.Errorf("retention: restrict %s: %w", ref, err)
			}
			o, why := refusal(err)
			x.except(i, o, why, "")
			continue
		}
		if rec, err = src.Get(ctx, ref); err != nil {
			return x, fmt.Errorf("retention: get %s: %w", ref, err)
		}
		until := r.quarantineEnd(rule, rec)
		x.except(i, gallra.OutcomeKept, reasonQuarantine, "")
		x.exceptions[len(x.exceptions)-1].goneBy = until
		x.waits = append(x.waits, wait{id: i.id, kind: waitQuarantine, version: rec.Version, receipt: receipt, until: until})
	}
	return x, nil
}

// quarantineEnd returns the first instant after a record's quarantine, if it
// begins today.
func (r *running) quarantineEnd(rule gallra.Rule, rec gallra.Record) time.Time {
	now := r.DB.Now()
	last := rule.Quarantine.After(now.In(r.Loc))
	if start, _, ok := rule.Began(rec, r.Loc); ok {
		if agreed := rule.AgreedPeriod().After(start); agreed.Before(last) {
			last = agreed
		}
	}
	end := last.AddDate(0, 0, 1)
	if end.Before(now) {
		return now.UTC()
	}
	return end.UTC()
}
