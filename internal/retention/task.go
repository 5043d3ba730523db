package retention

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/hold"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/work"
)

// Task is something that a person does by hand as part of a run: in a mailbox
// without a door, a folder, a cabinet, or by asking a vendor (REQUIREMENTS
// G-13). It stands in the plan, is approved with it, and is signed.
type Task struct {
	ID     string             `json:"id,omitempty"` // once the run has begun
	Run    string             `json:"run,omitempty"`
	System gallra.SystemID    `json:"system"`
	Type   string             `json:"type,omitempty"` // "": all that is there
	Kind   connector.HandKind `json:"kind"`
	Place  string             `json:"place,omitempty"`
	Owner  string             `json:"owner,omitempty"` // the role that answers for the place
	Rule   int                `json:"rule"`            // index in the plan's rules: the one that decides
	Before time.Time          `json:"before"`          // what began to count before this day is past its date
	Action gallra.Action      `json:"action"`
	Within gallra.Period      `json:"within"` // from the start of the run
	// Held names the holds over the place when the plan was made; those in force
	// at signing are asked again.
	Held       []string `json:"held,omitempty"`
	BackupLife string   `json:"backup_life,omitempty"`

	Due       time.Time  `json:"due,omitzero"`
	Signature *Signature `json:"signature,omitempty"` // nil: not done
	Reminded  time.Time  `json:"reminded,omitzero"`
}

// Signature is a person's word for what was done.
type Signature struct {
	Actor     string         `json:"actor"`
	At        time.Time      `json:"at"`
	Performed string         `json:"performed"` // YYYY-MM-DD
	Outcome   gallra.Outcome `json:"outcome"`   // erased, anonymised by no test: de-identified; kept: nothing was there or it stays
	Count     int64          `json:"count"`     // pieces; 0 with kept
	Note      string         `json:"note,omitempty"`
	Proof     string         `json:"proof,omitempty"` // SHA-256 of a paper that proves it, hexadecimal
	// Heeded names every hold over something in the place: the signer has left
	// what they cover.
	Heeded []string `json:"heeded,omitempty"`
}

// Overdue reports whether the task should have been signed by now.
func (t Task) Overdue(now time.Time) bool { return t.Signature == nil && now.After(t.Due) }

// tasks lists what the rules ask of people in the systems that are worked by
// hand. Where several rules speak of one place, the longest period decides, as
// for records (REQUIREMENTS H-20).
func (e *Engine) tasks(ctx context.Context, rules []gallra.Rule, org gallra.OrganisationType, today time.Time) (tasks []Task, blockedBy map[string]int64, err error) {
	blockedBy = map[string]int64{}
	var systems []gallra.SystemID
	for _, r := range rules {
		for _, s := range r.Systems {
			if !slices.Contains(systems, s) {
				systems = append(systems, s)
			}
		}
	}
	slices.Sort(systems)
	for _, s := range systems {
		src, err := e.reader(ctx, s)
		if err != nil {
			return nil, nil, err
		}
		handed, ok := src.(connector.Handed)
		if !ok {
			continue
		}
		hand := handed.Hand()
		holds, err := hold.Load(ctx, e.DB, s)
		if err != nil {
			return nil, nil, err
		}
		for _, typ := range handedTypes(rules, s) {
			t := Task{System: s, Type: typ, Kind: hand.Kind, Place: hand.Place, Owner: hand.Owner, Within: hand.Within, BackupLife: hand.BackupLife, Rule: -1, Held: holds.IDs()}
			for i, r := range rules {
				if !slices.Contains(r.Systems, s) || typ != "" && len(r.Types) > 0 && !slices.Contains(r.Types, typ) || typ == "" && len(r.Types) > 0 {
					continue
				}
				if to := firstKept(r.Keep, today); t.Rule < 0 || to.Before(t.Before) {
					t.Rule, t.Before, t.Action = i, to, r.Action
				}
			}
			if why := blocked(org, rules[t.Rule]); why != "" {
				blockedBy[why]++
				continue
			}
			if t.Within.IsZero() {
				t.Within = gallra.Period{Days: 30}
			}
			tasks = append(tasks, t)
		}
	}
	return tasks, blockedBy, nil
}

// handedTypes returns the types that rules name in a system worked by hand;
// "" stands for all of it.
func handedTypes(rules []gallra.Rule, s gallra.SystemID) []string {
	var out []string
	for _, r := range rules {
		if !slices.Contains(r.Systems, s) {
			continue
		}
		types := r.Types
		if len(types) == 0 {
			types = []string{""}
		}
		for _, t := range types {
			if !slices.Contains(out, t) {
				out = append(out, t)
			}
		}
	}
	slices.Sort(out)
	return out
}

// orderTasks writes the plan's tasks as those of a run that begins now.
func (e *Engine) orderTasks(ctx context.Context, tx *sql.Tx, p Plan, run string, now time.Time) error {
	for n, t := range p.Preview.Tasks {
		text, err := json.Marshal(t)
		if err != nil {
			return fmt.Errorf("retention: task: %w", err)
		}
		due := t.Within.After(now.In(e.Loc)).AddDate(0, 0, 1) // the whole last day is in time
		if _, err := tx.ExecContext(ctx, `INSERT INTO run_task (id, run, n, task, due) VALUES ($1, $2, $3, $4, $5)`, work.NewID("task"), run, n, string(text), store.Micros(due)); err != nil {
			return fmt.Errorf("retention: task: %w", err)
		}
	}
	return nil
}

const taskColumns = `id, run, task, due, outcome, count, note, proof, heeded, performed, signed_by, signed, reminded`

// Tasks returns the tasks of a run in order, of every run when run is "".
func (e *Engine) Tasks(ctx context.Context, run string) ([]Task, error) {
	return e.readTasks(ctx, e.DB, `SELECT `+taskColumns+` FROM run_task WHERE $1 = '' OR run = $1 ORDER BY due DESC, run, n`, run)
}

// TaskOf returns one task. gallra.ErrNotFound.
func (e *Engine) TaskOf(ctx context.Context, id string) (Task, error) {
	list, err := e.readTasks(ctx, e.DB, `SELECT `+taskColumns+` FROM run_task WHERE id = $1`, id)
	if err != nil {
		return Task{}, err
	}
	if len(list) == 0 {
		return Task{}, gallra.Errorf(gallra.NotFound, "retention.task_unknown", "task", id)
	}
	return list[0], nil
}

type rowsQuerier interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}

func (e *Engine) readTasks(ctx context.Context, q rowsQuerier, query string, args ...any) ([]Task, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("retention: tasks: %w", err)
	}
	defer rows.Close()
	var out []Task
	for rows.Next() {
		var t Task
		var s Signature
		var id, run, text, heeded string
		var due, signed, reminded int64
		if err := rows.Scan(&id, &run, &text, &due, &s.Outcome, &s.Count, &s.Note, &s.Proof, &heeded, &s.Performed, &s.Actor, &signed, &reminded); err != nil {
			return nil, fmt.Errorf("retention: tasks: %w", err)
		}
		if err := json.Unmarshal([]byte(text), &t); err != nil {
			return nil, fmt.Errorf("retention: tasks: %w", err)
		}
		t.ID, t.Run, t.Due, t.Reminded = id, run, store.Time(due).In(e.Loc), store.Time(reminded)
		if s.Actor != "" {
			s.At, s.Heeded = store.Time(signed), strings.Fields(heeded)
			t.Signature = &s
		}
		out = append(out, t)
	}
	return out, rows.Err()
}

// Sign records that a person has done a task: who, when, how many, with a note
// and the digest of a proof if there is one. A hold over the place refuses it,
// unless the signer says that all of it was kept (REQUIREMENTS W-20); so does the
// kill switch. Signed is signed: gallra.ErrConflict the second time.
func (e *Engine) Sign(ctx context.Context, id string, s Signature) error {
	t, err := e.TaskOf(ctx, id)
	if err != nil {
		return err
	}
	if err := e.maySign(ctx, t, s); err != nil {
		return err
	}
	now := e.DB.Now()
	if err := e.DB.Tx(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE run_task SET state = 'signed', outcome = $2, count = $3, note = $4, proof = $5, performed = $6, signed_by = $7, signed = $8, heeded = $9 WHERE id = $1 AND state = 'open'`,
			id, string(s.Outcome), s.Count, s.Note, s.Proof, s.Performed, s.Actor, store.Micros(now), strings.Join(s.Heeded, " "))
		if err != nil {
			return fmt.Errorf("retention: sign %s: %w", id, err)
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return gallra.Errorf(gallra.Conflict, "retention.task_signed", "task", id)
		}
		_, err = e.Log.Append(ctx, tx, evidence.Entry{Actor: s.Actor, Action: "run.task", System: t.System, Subject: t.Run, Digest: s.Proof, Reason: id, Result: string(s.Outcome), Counts: map[string]int64{"count": s.Count}})
		return err
	}); err != nil {
		return err
	}
	return e.Settle(ctx, t.Run)
}

func (e *Engine) maySign(ctx context.Context, t Task, s Signature) error {
	day, err := time.ParseInLocation(time.DateOnly, s.Performed, e.Loc)
	switch {
	case s.Actor == "":
		return gallra.Errorf(gallra.Invalid, "retention.signer_missing")
	case err != nil || day.After(e.DB.Now()):
		return gallra.Errorf(gallra.Invalid, "retention.task_date", "value", s.Performed)
	case s.Outcome != gallra.OutcomeErased && s.Outcome != gallra.OutcomeDeidentified && s.Outcome != gallra.OutcomeKept:
		return gallra.Errorf(gallra.Invalid, "retention.task_outcome")
	case s.Count < 0 || s.Outcome == gallra.OutcomeKept && s.Count != 0:
		return gallra.Errorf(gallra.Invalid, "retention.task_count", "value", strconv.FormatInt(s.Count, 10))
	case s.Proof != "" && (len(s.Proof) != 64 || strings.Trim(s.Proof, "0123456789abcdef") != ""):
		return gallra.Errorf(gallra.Invalid, "retention.task_proof")
	case s.Outcome == gallra.OutcomeKept:
		return nil
	}
	if stopped, err := e.Stopped(ctx); err != nil {
		return err
	} else if stopped {
		return errAllStopped
	}
	holds, err := hold.Load(ctx, e.DB, t.System)
	if err != nil {
		return err
	}
	if id, ok := holds.Covers(gallra.Ref{System: t.System, Type: t.Type}, gallra.Ref{}, gallra.Ref{}); ok {
		return gallra.Errorf(gallra.Blocked, "retention.task_held", "task", t.ID, "hold", id)
	}
	for _, id := range holds.IDs() {
		if !slices.Contains(s.Heeded, id) {
			return gallra.Errorf(gallra.Blocked, "retention.task_hold_unseen", "task", t.ID, "hold", id)
		}
	}
	return nil
}
