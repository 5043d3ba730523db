package retention

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
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
	BackupsBy      time.Time `json:"backups_by,omitzero"`
	AnonymisedFrom time.Time `json:"anonymised_from,omitzero"` // AN6: the word holds from this day
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
	p := Protocol{Number: r.run.ID, Plan: r.plan.ID, PlanHash: r.run.hash, Organisation: r.plan.Organisation, Planner: r.plan.Actor, Planned: r.plan.Created,
		Approved: r.run.Approved, Actor: r.run.Actor, Started: r.run.Started, Ended: now, Verified: now, Rules: r.plan.Rules}
	var err error
	if p.Figures, p.FiguresEqual, err = r.figures(ctx); err != nil {
		return err
	}
	var left int64
	for n, u := range r.plan.units {
		v := r.plan.Preview.Units[n]
		part := Part{System: u.System, Type: u.Type, From: v.Oldest, To: u.To, Due: v.Due, Planned: v.Planned, Held: v.Held, Blocked: v.Blocked, Method: v.Can, Remains: v.Remains}
		for _, b := range r.batches {
			if b.unit == n {
				part.Tally.add(b.tally)
			}
		}
		after, _, err := r.look(ctx, r.DB, phaseAfter, n)
		if err != nil {
			return err
		}
		part.Left, part.List, part.GoneBy = after.Left, after.List, part.Tally.GoneBy
		for _, k := range after.Left {
			left += k
		}
		if life, err := gallra.ParsePeriod(v.BackupLife); err == nil {
			part.BackupsBy = life.After(now.In(r.Loc))
		}
		if err := r.wholeChecks(ctx, n, &part.Tally, !part.BackupsBy.IsZero()); err != nil {
			return err
		}
		if part.Tally.Outcomes[gallra.OutcomeAnonymised] > 0 {
			part.AnonymisedFrom = part.BackupsBy
		}
		p.Total.add(part.Tally)
		p.Parts = append(p.Parts, part)
	}
	p.judge(r.at.Abort, left)
	return r.DB.Tx(ctx, func(tx *sql.Tx) error {
		if err := r.lockWork(ctx, tx); err != nil {
			return err
		}
		if err := statistics.Fold(ctx, tx, r.run.ID); err != nil {
			return err
		}
		seq, err := r.Log.Append(ctx, tx, evidence.Entry{Actor: r.run.Actor, Action: "run.verified", Subject: r.run.ID, Digest: r.run.hash, Result: string(p.Status), Counts: p.Total.counts()})
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
		res, err := tx.ExecContext(ctx, `UPDATE run SET ended = $2, protocol = $3 WHERE id = $1 AND protocol = ''`, r.run.ID, store.Micros(now), string(text))
		if err != nil {
			return fmt.Errorf("retention: protocol %s: %w", r.run.ID, err)
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return errOvertaken
		}
		if _, err := tx.ExecContext(ctx, `UPDATE plan SET state = 'done' WHERE id = $1`, r.plan.ID); err != nil {
			return fmt.Errorf("retention: protocol %s: %w", r.run.ID, err)
		}
		r.w.State, r.w.Phase = work.Done, ""
		if p.Status == Stopped {
			r.w.State = work.Stopped
			r.w.Problem = work.Problem(gallra.Errorf(gallra.Blocked, r.at.Abort.Key, r.at.Abort.Args...))
		}
		if err := work.Save(ctx, tx, r.DB.Now(), &r.w); err != nil {
			return err
		}
		_, err = r.Log.Append(ctx, tx, evidence.Entry{Actor: r.run.Actor, Action: "run.protocol", Subject: r.run.ID, Digest: digestOf(text), Result: string(p.Status)})
		return err
	})
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
	case due == 0:
		p.Status = Nothing
	default:
		p.Status = Complete
	}
}
