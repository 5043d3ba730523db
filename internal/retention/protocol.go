package retention

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/statistics"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/work"
)

// Protocol is the gallringsprotokoll, document D8: what was thinned out, by
// what right, who approved, how it was verified, and what remains. It holds no
// personal data of those whose records went.
type Protocol struct {
	Number       string        `json:"number"` // the run's id
	Plan         string        `json:"plan"`
	PlanHash     string        `json:"plan_hash"`
	Organisation Organisation  `json:"organisation"`
	Planner      string        `json:"planner"`
	Planned      time.Time     `json:"planned"`
	Approved     []Approval    `json:"approved"`
	Actor        string        `json:"actor"`
	Started      time.Time     `json:"started"`
	Ended        time.Time     `json:"ended"`
	Verified     time.Time     `json:"verified"`
	Rules        []gallra.Rule `json:"rules"` // criterion, decision, period
	Status       Status        `json:"status"`
	Deviations   []Deviation   `json:"deviations,omitempty"`
	Total        Tally         `json:"total"`
	Parts        []Part        `json:"parts"`
	Figures      []Figures     `json:"figures"`
	FiguresEqual bool          `json:"figures_equal"`
	Evidence     Position      `json:"evidence"`
	Tasks        []Task        `json:"tasks,omitempty"`      // done by hand, with who signed
	Deliveries   []Delivery    `json:"deliveries,omitempty"` // handed over to an archive before erasing
	Open         Open          `json:"open,omitzero"`        // begun and not ended when this issue was written
	Again        []Again       `json:"again,omitempty"`      // what restored backups had brought back of it, and was done with that
	// Revision counts the issues: 1 when the machines were done, more as what was
	// open is settled. Settled is when nothing more was open.
	Revision int       `json:"revision"`
	Settled  time.Time `json:"settled,omitzero"`
	// People names those who took part, by username, as they were called at the
	// issue: who reads it in twenty years has no list of accounts.
	People map[string]string `json:"people,omitempty"`
}

// Again is a replay after a restore: of what the run had done, what was there
// again as it was, and was done once more.
type Again struct {
	At           time.Time        `json:"at"`
	System       gallra.SystemID  `json:"system"`
	Since        time.Time        `json:"since"` // the day of the backup, as it was told
	Actor        string           `json:"actor"` // who started it
	Back         int64            `json:"back"`
	Erased       int64            `json:"erased"`
	RewritesBack int64            `json:"rewrites_back"`
	Rewritten    int64            `json:"rewritten"`
	Kept         map[string]int64 `json:"kept,omitempty"` // the others, by reason
}

// Name returns what somebody who took part is called, with the username that
// the evidence log knows; the username alone when no account has it.
func (p *Protocol) Name(username string) string {
	if name := p.People[username]; name != "" && name != username {
		return name + " (" + username + ")"
	}
	return username
}

// people adds the names of those who took part and have none yet.
func (e *Engine) people(ctx context.Context, p *Protocol) error {
	if e.Names == nil {
		return nil
	}
	names, err := e.Names(ctx)
	if err != nil {
		return fmt.Errorf("retention: protocol %s: %w", p.Number, err)
	}
	actors := []string{p.Planner, p.Actor}
	for _, a := range p.Approved {
		actors = append(actors, a.Actor)
	}
	for _, t := range p.Tasks {
		if t.Signature != nil {
			actors = append(actors, t.Signature.Actor)
		}
	}
	for _, d := range p.Deliveries {
		actors = append(actors, d.Actor)
	}
	for _, x := range p.Again {
		actors = append(actors, x.Actor)
	}
	for _, a := range actors {
		if _, ok := p.People[a]; !ok && names[a] != "" {
			if p.People == nil {
				p.People = map[string]string{}
			}
			p.People[a] = names[a]
		}
	}
	return nil
}

// Status is how a run ended.
type Status string

// The statuses.
const (
	Complete Status = "complete" // everything planned is gone or anonymised, and verified
	Partial  Status = "partial"  // something remains, each with its reason
	Stopped  Status = "stopped"  // by a person, or by a brake
	Unequal  Status = "unequal"  // the statistics differ before and after: look into it
	Nothing  Status = "nothing"  // nothing was past its date
	Pending  Status = "pending"  // partly done: a promise, a quarantine or a task by hand is still open
)

// Deviation is something the reader must know, as a message key with arguments.
type Deviation struct {
	Key  string   `json:"key"`
	Args []string `json:"args,omitempty"`
}

// Part is the protocol of one type of one system.
type Part struct {
	System  gallra.SystemID        `json:"system"`
	Type    string                 `json:"type"`
	From    time.Time              `json:"from,omitzero"` // oldest start event among what was due
	To      time.Time              `json:"to"`            // everything due is older than this
	Due     int64                  `json:"due"`
	Planned int64                  `json:"planned"`
	Tally   Tally                  `json:"tally"`
	Held    map[string]int64       `json:"held,omitempty"`    // left out of the plan, by hold
	Blocked map[string]int64       `json:"blocked,omitempty"` // left out of the plan, by reason
	Left    map[string]int64       `json:"left,omitempty"`    // past its date and still there at verification, by reason
	List    []Left                 `json:"list,omitempty"`    // the first of them
	Method  []connector.Capability `json:"method"`
	Remains []connector.Remain     `json:"remains,omitempty"`
	// GoneBy is when the system's own promises are due; BackupsBy when the last
	// backup that may hold it is gone, zero when its life is not known (B-2).
	GoneBy         time.Time `json:"gone_by,omitzero"`
	Confirmed      int64     `json:"confirmed,omitempty"`   // promises that were kept, and looked at
	ConfirmedAt    time.Time `json:"confirmed_at,omitzero"` // when the last of them was
	Late           int64     `json:"late,omitempty"`        // past their date by more than a month when planned (G-12)
	LateDays       int       `json:"late_days,omitempty"`   // days past its date, the latest
	BackupsBy      time.Time `json:"backups_by,omitzero"`
	AnonymisedFrom time.Time `json:"anonymised_from,omitzero"` // AN6: the word holds from this day
	// Anonymity is nil where nothing was anonymised.
	Anonymity *Anonymity `json:"anonymity,omitempty"`
}

// Figures is the statistics of one type before and after.
type Figures struct {
	System       gallra.SystemID   `json:"system"`
	Type         string            `json:"type"`
	Before       statistics.Report `json:"before"`
	After        statistics.Report `json:"after"`
	DigestBefore string            `json:"digest_before"`
	DigestAfter  string            `json:"digest_after"`
	Equal        bool              `json:"equal"`
}

// Position is where the run stands in the evidence log.
type Position struct {
	Seq        int64         `json:"seq"` // of the run's last entry before the protocol
	Checkpoint evidence.Root `json:"checkpoint"`
}

// end writes the protocol, folds the statistics, and closes plan and run.
func (r *running) end(ctx context.Context) error {
	now := r.DB.Now().UTC()
	if err := r.sweep(ctx); err != nil {
		return err
	}
	p, err := r.protocol(ctx, r.DB, now, r.at.Abort)
	if err != nil {
		return err
	}
	if err := r.people(ctx, &p); err != nil {
		return err
	}
	return r.DB.Tx(ctx, func(tx *sql.Tx) error {
		if err := r.lockWork(ctx, tx); err != nil {
			return err
		}
		if err := statistics.Fold(ctx, tx, r.run.ID); err != nil {
			return err
		}
		if err := r.follow(ctx, tx); err != nil {
			return err
		}
		if err := r.issue(ctx, tx, p, "run.verified"); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE plan SET state = 'done' WHERE id = $1`, r.plan.ID); err != nil {
			return fmt.Errorf("retention: protocol %s: %w", r.run.ID, err)
		}
		r.w.State, r.w.Phase = work.Done, ""
		if p.Status == Stopped {
			r.w.State = work.Stopped
			r.w.Problem = work.Problem(gallra.Errorf(gallra.Blocked, r.at.Abort.Key, r.at.Abort.Args...))
		}
		return work.Save(ctx, tx, r.DB.Now(), &r.w)
	})
}

// issue writes a protocol as the run's present one, sealed by a checkpoint. The
// one before it is kept. errOvertaken when another has been issued meanwhile.
func (r *running) issue(ctx context.Context, tx *sql.Tx, p Protocol, action string) error {
	seq, err := r.Log.Append(ctx, tx, evidence.Entry{Actor: r.run.Actor, Action: action, Subject: r.run.ID, Digest: r.run.hash, Result: string(p.Status), Counts: p.Total.counts()})
	if err != nil {
		return err
	}
	checkpoint, err := evidence.CheckpointTx(ctx, tx)
	if err != nil {
		return err
	}
	p.Evidence.Seq = seq
	if p.Evidence.Checkpoint, err = evidence.RootOf(checkpoint); err != nil {
		return err
	}
	text, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("retention: protocol %s: %w", r.run.ID, err)
	}
	was := ""
	if r.run.Protocol != nil {
		was = r.run.text
		if _, err := tx.ExecContext(ctx, `INSERT INTO run_protocol (run, revision, protocol) VALUES ($1, $2, $3)`, r.run.ID, r.run.Protocol.Revision, was); err != nil {
			return fmt.Errorf("retention: protocol %s: %w", r.run.ID, err)
		}
	}
	res, err := tx.ExecContext(ctx, `UPDATE run SET ended = $2, protocol = $3 WHERE id = $1 AND protocol = $4`, r.run.ID, store.Micros(p.Ended), string(text), was)
	if err != nil {
		return fmt.Errorf("retention: protocol %s: %w", r.run.ID, err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errOvertaken
	}
	_, err = r.Log.Append(ctx, tx, evidence.Entry{Actor: r.run.Actor, Action: "run.protocol", Subject: r.run.ID, Digest: digestOf(text), Result: string(p.Status), Counts: map[string]int64{"revision": int64(p.Revision)}})
	return err
}

// Settle issues a run's protocol anew if something that was open when it was
// written has been settled since. It does nothing before the first issue.
func (e *Engine) Settle(ctx context.Context, run string) error {
	r := &running{Engine: e}
	var err error
	if r.run, err = e.RunOf(ctx, run); err != nil || r.run.Protocol == nil {
		return err
	}
	if r.plan, err = e.PlanOf(ctx, r.run.Plan); err != nil {
		return err
	}
	if r.batches, err = e.readBatches(ctx, r.plan.ID); err != nil {
		return err
	}
	was := r.run.Protocol
	p, err := r.protocol(ctx, e.DB, was.Ended, was.abort())
	if err != nil {
		return err
	}
	p.Evidence, p.Verified, p.Revision, p.People, p.Again = was.Evidence, was.Verified, was.Revision, maps.Clone(was.People), was.Again
	for n := range p.Parts { // dates count from the run, not from this issue
		p.Parts[n].AnonymisedFrom = was.Parts[n].AnonymisedFrom
	}
	was.Open.Overdue, p.Settled = p.Open.Overdue, was.Settled
	before, errb := json.Marshal(was)
	after, erra := json.Marshal(p)
	if erra != nil || errb != nil {
		return fmt.Errorf("retention: protocol %s: %w", run, errors.Join(erra, errb))
	}
	if bytes.Equal(before, after) {
		return nil
	}
	p.Revision++
	if err := r.people(ctx, &p); err != nil {
		return err
	}
	if !p.Open.Any() {
		p.Settled = e.DB.Now().UTC()
	}
	return e.DB.Tx(ctx, func(tx *sql.Tx) error { return r.issue(ctx, tx, p, "run.settled") })
}

// abort returns why the run ended early, nil if it did not.
func (p *Protocol) abort() *Deviation {
	if p.Status != Stopped || len(p.Deviations) == 0 {
		return nil
	}
	return &p.Deviations[0]
}

// protocol puts together what is known of a run now.
func (r *running) protocol(ctx context.Context, q rowsQuerier, ended time.Time, abort *Deviation) (Protocol, error) {
	p := Protocol{Number: r.run.ID, Plan: r.plan.ID, PlanHash: r.run.hash, Organisation: r.plan.Organisation, Planner: r.plan.Actor, Planned: r.plan.Created,
		Approved: r.run.Approved, Actor: r.run.Actor, Started: r.run.Started, Ended: ended, Verified: ended, Rules: r.plan.Rules, Revision: 1}
	var err error
	if p.Figures, p.FiguresEqual, err = r.figures(ctx); err != nil {
		return p, err
	}
	if p.Open, err = r.openOf(ctx, q, r.run.ID); err != nil {
		return p, err
	}
	if p.Tasks, err = r.readTasks(ctx, q, `SELECT `+taskColumns+` FROM run_task WHERE run = $1 ORDER BY n`, r.run.ID); err != nil {
		return p, err
	}
	if p.Deliveries, err = r.deliveries(ctx, q, ""); err != nil {
		return p, err
	}
	if !p.Open.Any() {
		p.Settled = ended
	}
	var left int64
	for n := range r.plan.units {
		part, err := r.part(ctx, q, n, ended)
		if err != nil {
			return p, err
		}
		for _, k := range part.Left {
			left += k
		}
		p.Total.add(part.Tally)
		p.Parts = append(p.Parts, part)
	}
	p.judge(abort, left)
	return p, nil
}

// part is the protocol of unit n.
func (r *running) part(ctx context.Context, q rowsQuerier, n int, ended time.Time) (Part, error) {
	u, v := r.plan.units[n], r.plan.Preview.Units[n]
	part := Part{System: u.System, Type: u.Type, From: v.Oldest, To: u.To, Due: v.Due, Planned: v.Planned, Held: v.Held, Blocked: v.Blocked, Method: v.Can, Remains: v.Remains, Late: v.Late, LateDays: v.LateDays}
	for _, b := range r.batches {
		if b.unit == n {
			part.Tally.add(b.tally)
		}
	}
	after, _, err := r.seen(ctx, r.DB, phaseAfter, n)
	if err != nil {
		return part, err
	}
	part.Left, part.List, part.GoneBy = after.Left, after.List, part.Tally.GoneBy
	if err := r.afterwards(ctx, q, n, &part); err != nil {
		return part, err
	}
	if life, err := gallra.ParsePeriod(v.BackupLife); err == nil {
		last := ended
		if part.ConfirmedAt.After(last) {
			last = part.ConfirmedAt // what went later is in backups longer
		}
		part.BackupsBy = life.After(last.In(r.Loc))
	}
	a := anonymityOf(after.Shared, after.Exact)
	r.wholeChecks(&part.Tally, a, !part.BackupsBy.IsZero())
	if a.Records > 0 {
		part.Anonymity = &a
		if a.Coarser, err = r.coarser(ctx, n, after.Shared); err != nil {
			return part, err
		}
	}
	if part.Tally.Outcomes[gallra.OutcomeAnonymised] > 0 {
		part.AnonymisedFrom = part.BackupsBy
	}
	return part, nil
}

// afterwards enters what has come of the records that were waited for.
func (r *running) afterwards(ctx context.Context, q rowsQuerier, n int, part *Part) error {
	rows, err := q.QueryContext(ctx, `SELECT w.ref_id, w.kind, w.state, w.ended, coalesce(i.reason, ''), coalesce(i.detail, '') FROM run_wait w
		LEFT JOIN run_item i ON i.run = w.run AND i.unit = w.unit AND i.ref_id = w.ref_id WHERE w.run = $1 AND w.unit = $2 AND w.state <> 'open' ORDER BY w.ref_id`, r.run.ID, n)
	if err != nil {
		return fmt.Errorf("retention: protocol %s: %w", r.run.ID, err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, kind, state, reason, detail string
		var ended int64
		if err := rows.Scan(&id, &kind, &state, &ended, &reason, &detail); err != nil {
			return fmt.Errorf("retention: protocol %s: %w", r.run.ID, err)
		}
		switch {
		case state == "done":
			if part.ConfirmedAt = later(part.ConfirmedAt, store.Time(ended)); kind == waitPromise {
				part.Confirmed++
			}
		case reason != reasonGone:
			if part.Left == nil {
				part.Left = map[string]int64{}
			}
			part.Left[reason]++
			if len(part.List) < leftListed {
				part.List = append(part.List, Left{Ref: gallra.Ref{System: part.System, Type: part.Type, ID: id}, Reason: reason, Detail: detail})
			}
		}
	}
	return rows.Err()
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// judge finds the word for how the run ended, from what was measured.
func (p *Protocol) judge(abort *Deviation, left int64) {
	if abort != nil {
		p.Deviations = append(p.Deviations, *abort)
	}
	if !p.FiguresEqual {
		p.Deviations = append(p.Deviations, Deviation{Key: "retention.figures_differ"})
	}
	var due int64
	for _, part := range p.Parts {
		due += part.Due
		if part.Due > 0 && part.BackupsBy.IsZero() {
			p.Deviations = append(p.Deviations, Deviation{Key: "retention.backups_unknown", Args: []string{"system", string(part.System)}})
		}
	}
	switch {
	case abort != nil:
		p.Status = Stopped
	case !p.FiguresEqual:
		p.Status = Unequal
	case left > 0 || p.Total.Outcomes[gallra.OutcomeFailed] > 0:
		p.Status = Partial
	case p.Open.Any():
		p.Status = Pending
	case due == 0 && len(p.Tasks) == 0:
		p.Status = Nothing
	default:
		p.Status = Complete
	}
}
