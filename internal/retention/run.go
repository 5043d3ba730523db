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
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/statistics"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/work"
)

// Run is one plan being carried out, or carried out.
type Run struct {
	ID       string     `json:"id"`
	Plan     string     `json:"plan"`
	Actor    string     `json:"actor"`
	Approved []Approval `json:"approved"`
	Started  time.Time  `json:"started"`
	Ended    time.Time  `json:"ended,omitzero"`
	Protocol *Protocol  `json:"protocol,omitempty"`
	hash     string
	key      []byte
	text     string // of the protocol, as it is stored
}

// The phases of a run. Each is message key "phase.run.<name>" of the work.
const (
	phaseBefore  = "before"  // look at everything past its date; count; compare with the preview
	phaseAct     = "act"     // batches
	phaseCoarsen = "coarsen" // make what is left of the anonymised alike enough
	phaseAfter   = "after"   // look again
	phaseEnd     = "end"     // protocol
)

// runCursor is where a run stands.
type runCursor struct {
	Phase string     `json:"phase"`
	Unit  int        `json:"unit"`            // in a survey, and while coarsening
	Batch int64      `json:"batch,omitempty"` // while coarsening: the next one
	Abort *Deviation `json:"abort,omitempty"` // why the run ends early
}

// Start starts the run of an approved plan and returns its id, which Step and
// Drive take. gallra.ErrBlocked when the plan is not approved by two people as
// it is now, when a gallringsbeslut is missing, or when everything is stopped;
// gallra.ErrConflict when a rule has changed or the plan has been run. A plan
// that names nothing needs no approval: its run only proves and records it.
func (e *Engine) Start(ctx context.Context, plan, actor string) (string, error) {
	var id string
	err := e.DB.Tx(ctx, func(tx *sql.Tx) (err error) { id, err = e.StartTx(ctx, tx, plan, actor); return err })
	return id, err
}

// StartTx is Start within the caller's transaction.
func (e *Engine) StartTx(ctx context.Context, tx *sql.Tx, plan, actor string) (string, error) {
	p, err := e.PlanOf(ctx, plan)
	if err != nil {
		return "", err
	}
	batches, err := e.readBatches(ctx, plan)
	if err != nil {
		return "", err
	}
	now := e.DB.Now()
	if err := e.check(ctx, p, batches, now); err != nil {
		return "", err
	}
	if p.State != Ready {
		return "", gallra.Errorf(gallra.Conflict, "retention.plan_state", "plan", plan, "state", string(p.State))
	}
	w, err := work.Create(ctx, tx, now, WorkRun, plan, actor)
	if err != nil {
		return "", err
	}
	approved, err := json.Marshal(p.Valid(now))
	if err != nil {
		return "", fmt.Errorf("retention: start %s: %w", plan, err)
	}
	res, err := tx.ExecContext(ctx, `UPDATE plan SET state = 'running' WHERE id = $1 AND state = 'ready'`, plan)
	if err != nil {
		return "", fmt.Errorf("retention: start %s: %w", plan, err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return "", gallra.Errorf(gallra.Conflict, "retention.plan_state", "plan", plan, "state", string(Running))
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO run (id, plan, actor, hash, approved, started, key) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		w.ID, plan, actor, p.Hash, string(approved), store.Micros(now), evidence.NewKey()); err != nil {
		return "", fmt.Errorf("retention: start %s: %w", plan, err)
	}
	for _, r := range p.Rules {
		if err := e.keepVersion(ctx, tx, r, now); err != nil {
			return "", err
		}
	}
	if err := e.orderTasks(ctx, tx, p, w.ID, now); err != nil {
		return "", err
	}
	_, err = e.Log.Append(ctx, tx, evidence.Entry{Actor: actor, Action: "run.start", Subject: w.ID, Digest: p.Hash, Counts: map[string]int64{"planned": p.Preview.Planned}})
	return w.ID, err
}

// check is asked at the start of a run and before every batch.
func (e *Engine) check(ctx context.Context, p Plan, batches []batch, now time.Time) error {
	if stopped, err := e.Stopped(ctx); err != nil {
		return err
	} else if stopped {
		return errAllStopped
	}
	if err := p.mayRun(); err != nil {
		return err
	}
	sum, err := p.seal(batches)
	if err != nil {
		return err
	}
	if sum != p.Hash || p.Hash == "" {
		return gallra.Errorf(gallra.Conflict, "retention.plan_changed", "plan", p.ID)
	}
	if p.State == Ready && (len(batches) > 0 || len(p.Preview.Tasks) > 0) && !p.Approved(now) {
		return gallra.Errorf(gallra.Blocked, "retention.not_approved", "plan", p.ID, "approvals", strconv.Itoa(len(p.Valid(now))))
	}
	// A clock set back would make records due that are not.
	if now.Before(p.Today) {
		return gallra.Errorf(gallra.Blocked, "retention.clock", "plan", p.ID)
	}
	return e.unchanged(ctx, p)
}

// unchanged refuses a plan whose rules have changed since it was made.
func (e *Engine) unchanged(ctx context.Context, p Plan) error {
	if e.Rules == nil {
		return nil
	}
	rules, err := e.Rules(ctx)
	if err != nil {
		return err
	}
	for _, r := range p.Changed(rules) {
		return gallra.Errorf(gallra.Conflict, "retention.rule_changed", "rule", r.ID)
	}
	return nil
}

// Changed returns what makes a plan void: those of its rules that are not among
// the rules in force as they were when it was made, and those in force that speak
// of the same records and that it does not know (REQUIREMENTS G-2, H-20).
func (p Plan) Changed(rules []gallra.Rule) []gallra.Rule {
	var out []gallra.Rule
	for _, planned := range p.Rules {
		if !slices.ContainsFunc(rules, func(r gallra.Rule) bool { return same(r, planned) }) {
			out = append(out, planned)
		}
	}
	for _, c := range apart(p.Rules, rules) {
		out = append(out, c.other)
	}
	return out
}

// conflict is a rule that speaks of records of one that is planned without it.
type conflict struct {
	planned, other gallra.Rule
	system         gallra.SystemID
}

// apart returns the rules in force that are not among planned and may speak of
// the same records. Of two purposes the longer period decides, so a plan that
// leaves one out would take what the other keeps (REQUIREMENTS H-20).
func apart(planned, inForce []gallra.Rule) []conflict {
	var out []conflict
	for _, other := range inForce {
		if slices.ContainsFunc(planned, func(r gallra.Rule) bool { return r.ID == other.ID }) {
			continue
		}
		for _, r := range planned {
			if s, yes := r.Meets(other); yes {
				out = append(out, conflict{r, other, s})
				break
			}
		}
	}
	return out
}

func same(a, b gallra.Rule) bool {
	x, errx := json.Marshal(a)
	y, erry := json.Marshal(b)
	return errx == nil && erry == nil && string(x) == string(y)
}

// stopSetting is the name of the kill switch in the store's settings.
const stopSetting = "retention.stopped"

// StopAll throws the kill switch: every run on every worker stops before its
// next batch and none starts, until it is lifted (REQUIREMENTS X-16).
func (e *Engine) StopAll(ctx context.Context, on bool, actor string) error {
	return e.DB.Tx(ctx, func(tx *sql.Tx) error {
		q, action := `DELETE FROM setting WHERE name = $1`, "retention.resume_all"
		if on {
			q, action = `INSERT INTO setting (name, value) VALUES ($1, '1') ON CONFLICT (name) DO NOTHING`, "retention.stop_all"
		}
		if _, err := tx.ExecContext(ctx, q, stopSetting); err != nil {
			return fmt.Errorf("retention: stop all: %w", err)
		}
		_, err := e.Log.Append(ctx, tx, evidence.Entry{Actor: actor, Action: action})
		return err
	})
}

// Stopped reports whether the kill switch is thrown.
func (e *Engine) Stopped(ctx context.Context) (bool, error) {
	var n int
	if err := e.DB.QueryRowContext(ctx, `SELECT count(*) FROM setting WHERE name = $1`, stopSetting).Scan(&n); err != nil {
		return false, fmt.Errorf("retention: stopped: %w", err)
	}
	return n > 0, nil
}

// RunOf returns a run, with its protocol once it has one. gallra.ErrNotFound.
func (e *Engine) RunOf(ctx context.Context, id string) (Run, error) {
	r := Run{ID: id}
	var approved, protocol string
	var started, ended int64
	err := e.DB.QueryRowContext(ctx, `SELECT plan, actor, hash, approved, started, ended, key, protocol FROM run WHERE id = $1`, id).
		Scan(&r.Plan, &r.Actor, &r.hash, &approved, &started, &ended, &r.key, &protocol)
	if errors.Is(err, sql.ErrNoRows) {
		return Run{}, gallra.Errorf(gallra.NotFound, "retention.run_unknown", "run", id)
	}
	if err == nil {
		err = json.Unmarshal([]byte(approved), &r.Approved)
	}
	if err == nil && protocol != "" {
		r.Protocol, r.text = &Protocol{}, protocol
		err = json.Unmarshal([]byte(protocol), r.Protocol)
	}
	if err != nil {
		return Run{}, fmt.Errorf("retention: run %s: %w", id, err)
	}
	r.Started, r.Ended = store.Time(started), store.Time(ended)
	return r, nil
}

// RunOfPlan returns the id of a plan's run; "" when it has none.
func (e *Engine) RunOfPlan(ctx context.Context, plan string) (string, error) {
	var id string
	err := e.DB.QueryRowContext(ctx, `SELECT id FROM run WHERE plan = $1`, plan).Scan(&id)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("retention: run of %s: %w", plan, err)
	}
	return id, nil
}

// running is one step of a run.
type running struct {
	*Engine
	w       work.Work
	run     Run
	plan    Plan
	at      runCursor
	from    string // phase as it was read: what is saved is saved from there only
	batches []batch
}

// stepRun does the next piece of a run.
func (e *Engine) stepRun(ctx context.Context, w work.Work) (bool, error) {
	r := &running{Engine: e, w: w, at: runCursor{Phase: phaseBefore}}
	var err error
	if r.run, err = e.RunOf(ctx, w.ID); err != nil {
		return false, err
	}
	if r.run.Protocol != nil {
		return false, nil
	}
	if r.plan, err = e.PlanOf(ctx, r.run.Plan); err != nil {
		return false, err
	}
	if w.Cursor != "" {
		if err := json.Unmarshal([]byte(w.Cursor), &r.at); err != nil {
			return false, fmt.Errorf("retention: run %s: %w", w.ID, err)
		}
		r.from = r.at.Phase
	}
	return r.step(ctx)
}

func (r *running) step(ctx context.Context) (more bool, err error) {
	if rest, err := r.heed(ctx); rest || err != nil {
		return false, err
	}
	if r.at.Phase == phaseAct {
		if r.batches, err = r.readBatches(ctx, r.plan.ID); err != nil {
			return false, err
		}
		return true, r.act(ctx)
	}
	// Everything but batches is done by one worker at a time.
	more = true
	held, err := r.hold(ctx, "run/"+r.w.ID, func(ctx context.Context) (err error) {
		if r.batches, err = r.readBatches(ctx, r.plan.ID); err != nil {
			return err
		}
		switch r.at.Phase {
		case phaseBefore, phaseAfter:
			return r.survey(ctx)
		case phaseCoarsen:
			return r.coarsen(ctx)
		case phaseEnd:
			more = false
			return r.end(ctx)
		}
		return fmt.Errorf("retention: run %s: phase %q", r.w.ID, r.at.Phase)
	})
	if err == nil && !held {
		return true, r.busy()
	}
	return more, err
}

// heed does what a person wishes. A stopped run still looks at what it has done
// and writes its protocol.
func (r *running) heed(ctx context.Context) (bool, error) {
	ending := r.at.Phase == phaseAfter || r.at.Phase == phaseEnd
	switch {
	case ending:
		return false, nil
	case r.w.Wish == work.WishStop || r.w.State == work.Stopped:
		return false, r.abort(ctx, Deviation{Key: "retention.stopped"})
	case r.w.Wish == work.WishPause && r.w.State != work.Paused:
		r.w.State = work.Paused
		return true, r.save(ctx)
	case r.w.State == work.Paused:
		return true, nil
	}
	return false, nil
}

// abort ends the batches early: on to the second survey and the protocol.
func (r *running) abort(ctx context.Context, why Deviation) error {
	r.at = runCursor{Phase: phaseAfter, Abort: &why}
	return r.save(ctx)
}

// refuse turns an answer that the run must not go on into its early end; the
// kill switch makes it rest instead, until someone resumes it.
func (r *running) refuse(ctx context.Context, err error) error {
	var answer *gallra.Error
	switch {
	case errors.Is(err, errAllStopped):
		r.w.State = work.Paused
		return r.save(ctx)
	case errors.As(err, &answer) && (answer.Code == gallra.Blocked || answer.Code == gallra.Conflict):
		return r.abort(ctx, Deviation{Key: answer.Key, Args: answer.Args})
	}
	return err
}

var errAllStopped = gallra.Errorf(gallra.Blocked, "retention.all_stopped")

// save writes the cursor in a transaction of its own.
func (r *running) save(ctx context.Context) error {
	return r.DB.Tx(ctx, func(tx *sql.Tx) error { return r.saveTx(ctx, tx) })
}

// saveTx writes state and cursor if the phase still is what it was when read;
// errOvertaken when it is not.
func (r *running) saveTx(ctx context.Context, tx *sql.Tx) error {
	if err := r.lockWork(ctx, tx); err != nil {
		return err
	}
	if r.w.State != work.Paused {
		r.w.State, r.w.Problem = work.Running, ""
	}
	b, err := json.Marshal(r.at)
	if err != nil {
		return fmt.Errorf("retention: run %s: %w", r.w.ID, err)
	}
	r.w.Cursor, r.w.Phase = string(b), "phase.run."+r.at.Phase
	r.from = r.at.Phase
	return work.Save(ctx, tx, r.DB.Now(), &r.w)
}

// lockWork keeps the work's row for this transaction and takes over the
// progress that other workers have noted in it.
func (r *running) lockWork(ctx context.Context, tx *sql.Tx) error {
	if _, err := tx.ExecContext(ctx, `UPDATE work SET updated = updated WHERE id = $1`, r.w.ID); err != nil {
		return fmt.Errorf("retention: run %s: %w", r.w.ID, err)
	}
	now, err := work.Get(ctx, tx, r.w.ID)
	if err != nil {
		return err
	}
	var at runCursor
	if now.Cursor != "" {
		if err := json.Unmarshal([]byte(now.Cursor), &at); err != nil {
			return fmt.Errorf("retention: run %s: %w", r.w.ID, err)
		}
	}
	if at.Phase != r.from {
		return errOvertaken
	}
	r.w.Done = now.Done
	return nil
}

// act takes the next batch nobody works on and does a chunk of it.
func (r *running) act(ctx context.Context) error {
	open := slices.DeleteFunc(slices.Clone(r.batches), func(b batch) bool { return b.state == "done" })
	if len(open) == 0 {
		held, err := r.hold(ctx, "run/"+r.w.ID, func(ctx context.Context) error {
			r.at = runCursor{Phase: phaseAfter}
			if r.coarsens() {
				r.at.Phase = phaseCoarsen
			}
			return r.save(ctx)
		})
		if err == nil && !held {
			return r.busy()
		}
		return err
	}
	// What was approved is asked again before every batch; the approvals
	// themselves were good at the start.
	err := r.check(ctx, r.plan, r.batches, r.DB.Now())
	if err == nil && r.run.hash != r.plan.Hash {
		err = gallra.Errorf(gallra.Conflict, "retention.plan_changed", "plan", r.plan.ID)
	}
	if err != nil {
		return r.refuse(ctx, err)
	}
	var limited error
	for _, b := range open {
		canary, wait := r.canary(b)
		if wait {
			continue
		}
		if err := r.limit(ctx, r.plan.units[b.unit].System); err != nil {
			limited = err
			continue
		}
		held, err := r.hold(ctx, fmt.Sprintf("batch/%s/%d", r.plan.ID, b.n), func(ctx context.Context) error { return r.chunk(ctx, b.n, canary) })
		if err != nil || held {
			return err
		}
	}
	if limited != nil {
		return limited
	}
	return r.busy()
}

// canary reports whether nothing of b's system has been tried yet, so that b
// begins with a few records; and whether b must wait for another batch of its
// system which does (REQUIREMENTS G-10).
func (r *running) canary(b batch) (first, wait bool) {
	for _, o := range r.batches {
		if r.plan.units[o.unit].System != r.plan.units[b.unit].System {
			continue
		}
		if o.position > 0 || o.state == "done" {
			return false, false
		}
	}
	for _, o := range r.batches {
		if r.plan.units[o.unit].System == r.plan.units[b.unit].System {
			return o.n == b.n, o.n != b.n
		}
	}
	return true, false
}

// limit asks to wait when a system's records of the last hour are used up.
func (r *running) limit(ctx context.Context, system gallra.SystemID) error {
	if r.Limit == nil || r.Limit(system) <= 0 {
		return nil
	}
	rows, err := r.DB.QueryContext(ctx, `SELECT p.units, b.unit, b.position FROM plan_batch b JOIN plan p ON p.id = b.plan WHERE b.ended > $1`,
		store.Micros(r.DB.Now().Add(-time.Hour)))
	if err != nil {
		return fmt.Errorf("retention: limit: %w", err)
	}
	defer rows.Close()
	var n int64
	for rows.Next() {
		var text string
		var unitIndex int
		var done int64
		var units []unit
		if err := rows.Scan(&text, &unitIndex, &done); err != nil {
			return fmt.Errorf("retention: limit: %w", err)
		}
		if err := json.Unmarshal([]byte(text), &units); err != nil {
			return fmt.Errorf("retention: limit: %w", err)
		}
		if units[unitIndex].System == system {
			n += done
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("retention: limit: %w", err)
	}
	if n >= r.Limit(system) {
		return work.Later{After: time.Minute, Why: "retention.limit"}
	}
	return nil
}

// exception is a record that did not go as planned.
type exception struct {
	id      string
	outcome gallra.Outcome
	reason  string
	detail  string
	goneBy  time.Time
}

// result is what a chunk has done.
type result struct {
	tally      Tally
	exceptions []exception
	gone       []item              // whose statistics must be saved now
	waits      []wait              // what is not ended yet
	renamed    []string            // ids that rewritten records have now, where they changed
	moved      []statistics.Change // of records whose rounded times are counted elsewhere

	// delivered is the package that was handed over, and covered how many items of
	// the batch it decides about; "" and 0 for other actions.
	delivered string
	covered   int64
}

func (x *result) except(i item, o gallra.Outcome, reason, detail string) {
	x.tally.outcome(o, 1)
	x.tally.reason(reason)
	x.exceptions = append(x.exceptions, exception{id: i.id, outcome: o, reason: reason, detail: detail})
}

// chunk does the next piece of batch n: intent, action, verification, result.
func (r *running) chunk(ctx context.Context, n int64, canary bool) error {
	b, items, err := r.open(ctx, n)
	if err != nil {
		return r.refuse(ctx, err)
	}
	if b.state == "done" {
		return nil
	}
	u, rule := r.plan.units[b.unit], r.plan.Rules[b.rule]
	act, size, err := r.actor(ctx, b, u, rule)
	if err != nil {
		return err
	}
	if canary && rule.Action != gallra.ActionArchive { // which changes nothing yet
		size = min(size, canarySize)
	}
	if rule.Action == gallra.ActionAnonymise {
		size = r.fits(u, size)
	}
	part := items[b.position:min(b.position+int64(size), int64(len(items)))]
	res, err := act(ctx, u, rule, part, b.attempt > 1)
	for errors.Is(err, errNoRoom) {
		part = part[:(len(part)+1)/2]
		r.fit(u, len(part))
		res, err = act(ctx, u, rule, part, b.attempt > 1)
	}
	if err != nil {
		return err
	}
	if res.covered > 0 {
		part = items[b.position:min(b.position+res.covered, int64(len(items)))]
	}
	failed := canary && res.tally.Reasons[reasonRemains] > 0
	if err := r.DB.Tx(ctx, func(tx *sql.Tx) error { return r.record(ctx, tx, b, u, items, part, res, failed) }); err != nil {
		return err
	}
	return r.noted(ctx, u, res.renamed)
}

// noted tells a system that renames what it edits that the new names are written
// down. A mark that stays where this is not heard is nothing that anybody sees.
func (r *running) noted(ctx context.Context, u unit, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	src, err := r.source(ctx, u.System)
	if err != nil {
		return err
	}
	renamer, ok := src.(connector.Renamer)
	if !ok {
		return nil
	}
	refs := make([]gallra.Ref, len(ids))
	for n, id := range ids {
		refs[n] = gallra.Ref{System: u.System, Type: u.Type, ID: id}
	}
	if err := renamer.Noted(ctx, refs); err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return nil
}

// fits returns how many records of a unit are done at a time: as many as the
// action would, unless their text took more room than there is. After some that
// were fewer more are tried again.
func (r *running) fits(u unit, size int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := gallra.Ref{System: u.System, Type: u.Type}
	most, known := r.most[k]
	if !known || most >= size {
		return size
	}
	r.most[k] = most + max(1, most/8)
	return most
}

// fit notes how many records of a unit had room.
func (r *running) fit(u unit, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.most == nil {
		r.most = map[gallra.Ref]int{}
	}
	r.most[gallra.Ref{System: u.System, Type: u.Type}] = n
}

// open reads a batch, proves it is the one that was approved, and writes the
// intent before anything of it is touched (REQUIREMENTS G-6). It counts the
// attempts at the chunk: from the second on, an earlier one may have come
// through in part, and only the last may be recorded.
func (r *running) open(ctx context.Context, n int64) (b batch, items []item, err error) {
	err = r.DB.Tx(ctx, func(tx *sql.Tx) error {
		q := `SELECT n, unit, rule, items, digest, state, position, inflight, tally FROM plan_batch WHERE plan = $1 AND n = $2`
		if r.DB.Dialect == store.Postgres {
			q += ` FOR UPDATE`
		}
		var tally string
		if err := tx.QueryRowContext(ctx, q, r.plan.ID, n).Scan(&b.n, &b.unit, &b.rule, &b.items, &b.digest, &b.state, &b.position, &b.attempt, &tally); err != nil {
			return fmt.Errorf("retention: batch %s/%d: %w", r.plan.ID, n, err)
		}
		b.attempt++
		if acting, err := r.acting(ctx, tx); err != nil || !acting || b.state == "done" {
			b.state = "done"
			return err
		}
		if err := json.Unmarshal([]byte(tally), &b.tally); err != nil {
			return fmt.Errorf("retention: batch %s/%d: %w", r.plan.ID, n, err)
		}
		i := slices.IndexFunc(r.batches, func(o batch) bool { return o.n == n })
		if i < 0 || b.digest != r.batches[i].digest {
			return gallra.Errorf(gallra.Conflict, "retention.plan_changed", "plan", r.plan.ID)
		}
		if items, err = r.proven(ctx, tx, b); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE plan_batch SET state = 'doing', inflight = $3 WHERE plan = $1 AND n = $2`, r.plan.ID, n, b.attempt); err != nil {
			return fmt.Errorf("retention: batch %s/%d: %w", r.plan.ID, n, err)
		}
		if b.state != "planned" {
			return nil
		}
		_, err := r.Log.Append(ctx, tx, r.entry("run.intent", b, items, "", map[string]int64{"items": b.items, "batch": n}))
		return err
	})
	return b, items, err
}

// proven returns the items of a batch whose bytes have the digest that was
// approved. Those of the last are kept: a batch is done in chunks.
func (r *running) proven(ctx context.Context, tx *sql.Tx, b batch) ([]item, error) {
	r.mu.Lock()
	for _, last := range r.last {
		if last.plan == r.plan.ID && last.digest == b.digest {
			r.mu.Unlock()
			return last.items, nil
		}
	}
	r.mu.Unlock()
	var blob []byte
	if err := tx.QueryRowContext(ctx, `SELECT blob FROM plan_batch WHERE plan = $1 AND n = $2`, r.plan.ID, b.n).Scan(&blob); err != nil {
		return nil, fmt.Errorf("retention: batch %s/%d: %w", r.plan.ID, b.n, err)
	}
	if digestOf(blob) != b.digest {
		return nil, gallra.Errorf(gallra.Conflict, "retention.plan_changed", "plan", r.plan.ID)
	}
	items, err := decode(blob, r.plan.units[b.unit].System)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	if r.last = append(r.last, proven{r.plan.ID, b.digest, items}); len(r.last) > max(1, r.Lanes) { // one for each lane
		r.last = slices.Delete(r.last, 0, 1)
	}
	r.mu.Unlock()
	return items, nil
}

// acting reports whether the run still is in its batches, and keeps it so until
// the transaction ends: another worker may have stopped it since this one looked.
func (r *running) acting(ctx context.Context, tx *sql.Tx) (bool, error) {
	q := `SELECT cursor FROM work WHERE id = $1`
	if r.DB.Dialect == store.Postgres {
		q += ` FOR SHARE`
	}
	var text string
	if err := tx.QueryRowContext(ctx, q, r.w.ID).Scan(&text); err != nil {
		return false, fmt.Errorf("retention: run %s: %w", r.w.ID, err)
	}
	var at runCursor
	err := json.Unmarshal([]byte(text), &at)
	return at.Phase == phaseAct, err
}

func (r *running) entry(action string, b batch, items []item, outcome string, counts map[string]int64) evidence.Entry {
	u, rule := r.plan.units[b.unit], r.plan.Rules[b.rule]
	refs := make([]gallra.Ref, len(items))
	for i, it := range items {
		refs[i] = gallra.Ref{System: u.System, Type: u.Type, ID: it.id}
	}
	return evidence.Entry{Actor: r.run.Actor, Action: action, System: u.System, Subject: r.run.ID, Digest: evidence.Digest(r.run.key, refs...),
		Reason: fmt.Sprintf("%s %s v%d", rule.Action, rule.ID, rule.Version), Result: outcome, Counts: counts}
}

var errOvertaken = errors.New("retention: overtaken")

// record writes what a chunk has done, all of it or nothing: statistics,
// exceptions, position, progress and, after the last chunk, the result.
func (r *running) record(ctx context.Context, tx *sql.Tx, b batch, u unit, items, part []item, x result, failed bool) error {
	end := b.position + int64(len(part))
	b.tally.add(x.tally)
	state := "doing"
	if end == b.items {
		state = "done"
	}
	tally, err := json.Marshal(b.tally)
	if err != nil {
		return fmt.Errorf("retention: batch %s/%d: %w", r.plan.ID, b.n, err)
	}
	res, err := tx.ExecContext(ctx, `UPDATE plan_batch SET state = $3, position = $4, inflight = 0, tally = $5, ended = $6 WHERE plan = $1 AND n = $2 AND position = $7 AND inflight = $8`,
		r.plan.ID, b.n, state, end, string(tally), store.Micros(r.DB.Now()), b.position, b.attempt)
	if err != nil {
		return fmt.Errorf("retention: batch %s/%d: %w", r.plan.ID, b.n, err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errOvertaken
	}
	for _, i := range x.exceptions {
		if _, err := tx.ExecContext(ctx, `INSERT INTO run_item (run, unit, ref_id, outcome, reason, detail, gone_by) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			r.run.ID, b.unit, i.id, string(i.outcome), i.reason, i.detail, store.Micros(i.goneBy)); err != nil {
			return fmt.Errorf("retention: batch %s/%d: %w", r.plan.ID, b.n, err)
		}
	}
	for _, id := range x.renamed {
		if _, err := tx.ExecContext(ctx, `INSERT INTO run_item (run, unit, ref_id, outcome, reason) VALUES ($1, $2, $3, $4, '')
			ON CONFLICT (run, unit, ref_id) DO NOTHING`, r.run.ID, b.unit, id, string(gallra.OutcomeAnonymised)); err != nil {
			return fmt.Errorf("retention: batch %s/%d: %w", r.plan.ID, b.n, err)
		}
	}
	if err := r.keepWaits(ctx, tx, b, x.waits); err != nil {
		return err
	}
	if x.delivered != "" {
		if err := r.delivered(ctx, tx, x.delivered, u); err != nil {
			return err
		}
	}
	if len(x.gone)+len(x.moved) > 0 {
		cells := statistics.NewCells(u.System, u.Type)
		for _, i := range x.gone {
			cells.Add(u.Schema, i.fact)
		}
		cells.Replace(u.Schema, x.moved...)
		if err := statistics.Save(ctx, tx, r.run.ID, b.n<<32|b.position, cells); err != nil {
			return err
		}
	}
	// Other workers advance the same row: add to it, don't set it.
	if _, err := tx.ExecContext(ctx, `UPDATE work SET done = done + $2, updated = $3 WHERE id = $1`, r.w.ID, len(part), store.Micros(r.DB.Now())); err != nil {
		return fmt.Errorf("retention: run %s: %w", r.run.ID, err)
	}
	if failed {
		r.at = runCursor{Phase: phaseAfter, Abort: &Deviation{Key: "retention.canary", Args: []string{"system", string(u.System)}}}
		if err := r.saveTx(ctx, tx); err != nil {
			return err
		}
	}
	if state != "done" {
		return nil
	}
	_, err = r.Log.Append(ctx, tx, r.entry("run.result", b, items, "", b.tally.counts()))
	return err
}

// blob reads the items of a batch.
func (r *running) blob(ctx context.Context, q interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}, n int64) (int, []item, error) {
	var blob []byte
	var unitIndex int
	if err := q.QueryRowContext(ctx, `SELECT unit, blob FROM plan_batch WHERE plan = $1 AND n = $2`, r.plan.ID, n).Scan(&unitIndex, &blob); err != nil {
		return 0, nil, fmt.Errorf("retention: batch %s/%d: %w", r.plan.ID, n, err)
	}
	items, err := decode(blob, r.plan.units[unitIndex].System)
	return unitIndex, items, err
}
