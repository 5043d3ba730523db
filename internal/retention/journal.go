package retention

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/guard"
	"github.com/gallra/gallra/internal/store"
)

// ReasonOther is why a replay leaves a record alone: it bears the id of one
// that was erased, but is another.
const ReasonOther = "retention.reason.other"

// Replay erases and anonymises again, after a system has been restored from a
// backup taken at since, every record that a run had erased or anonymised in it
// since then (REQUIREMENTS B-4). It may be repeated. A record on hold stays, and
// one that only bears an erased record's id, made after the restore, is told by
// its day and stays too. One that was anonymised is told by its version: any other
// than the decision was about stays, and is counted.
func (e *Engine) Replay(ctx context.Context, system gallra.SystemID, since time.Time, actor string) (guard.Replayed, error) {
	out := guard.Replayed{Kept: map[string]int64{}}
	if stopped, err := e.Stopped(ctx); err != nil {
		return out, err
	} else if stopped {
		return out, errAllStopped
	}
	rows, err := e.DB.QueryContext(ctx, `SELECT DISTINCT r.id FROM run r JOIN plan_batch b ON b.plan = r.plan WHERE b.ended >= $1 AND length(r.key) > 0 ORDER BY r.id`, store.Micros(since))
	if err != nil {
		return out, fmt.Errorf("retention: replay: %w", err)
	}
	defer rows.Close()
	var ids []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return out, fmt.Errorf("retention: replay: %w", err)
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		return out, fmt.Errorf("retention: replay: %w", err)
	}
	altered := map[gallra.Ref]bool{}
	for _, id := range ids {
		did := guard.Replayed{Kept: map[string]int64{}}
		err := e.replayRun(ctx, id, system, since, actor, &did, altered)
		out.Add(did)
		if did.Erased+did.Rewritten > 0 {
			terr := e.tellAgain(ctx, id, Again{At: e.DB.Now().UTC(), System: system, Since: since.UTC(), Actor: actor, Back: did.Back, Erased: did.Erased, RewritesBack: did.RewritesBack, Rewritten: did.Rewritten, Kept: did.Kept})
			if err == nil {
				err = terr
			}
		}
		if err != nil {
			return out, err
		}
	}
	if out.Altered = int64(len(altered)); out.Altered > 0 {
		out.Kept[ReasonAltered] = out.Altered
	}
	return out, nil
}

func (e *Engine) replayRun(ctx context.Context, id string, system gallra.SystemID, since time.Time, actor string, out *guard.Replayed, altered map[gallra.Ref]bool) error {
	r, err := e.journalOf(ctx, id)
	if err != nil {
		return err
	}
	for _, b := range r.batches {
		u := r.plan.units[b.unit]
		if u.System != system || b.ended.Before(since) {
			continue
		}
		gone, err := r.doneOf(ctx, b)
		if err != nil {
			return err
		}
		if r.plan.Rules[b.rule].Action == gallra.ActionAnonymise {
			out.Rewrites += int64(len(gone))
			if err := r.replayRewrites(ctx, u, b, gone, actor, out, altered); err != nil {
				return err
			}
			continue
		}
		if !r.plan.Rules[b.rule].Action.Erases() {
			continue
		}
		out.Journal += int64(len(gone))
		if err := r.replayBatch(ctx, u, b, gone, actor, out); err != nil {
			return err
		}
	}
	return nil
}

// kept returns the ids of a unit's records with which the run has not done what
// was planned.
func (r *running) kept(ctx context.Context, n int) (map[string]bool, error) {
	rows, err := r.DB.QueryContext(ctx, `SELECT ref_id FROM run_item WHERE run = $1 AND unit = $2 AND outcome <> 'erased'`, r.run.ID, n)
	if err != nil {
		return nil, fmt.Errorf("retention: replay: %w", err)
	}
	defer rows.Close()
	out := map[string]bool{}
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("retention: replay: %w", err)
		}
		out[id] = true
	}
	return out, rows.Err()
}

func (r *running) replayBatch(ctx context.Context, u unit, b batch, gone []item, actor string, out *guard.Replayed) error {
	src, err := r.source(ctx, u.System)
	if err != nil {
		return err
	}
	refs := make([]gallra.Ref, len(gone))
	for n, i := range gone {
		refs[n] = gallra.Ref{System: u.System, Type: u.Type, ID: i.id}
	}
	there, err := remains(ctx, src, nil, refs)
	if err != nil || len(there) == 0 {
		return err
	}
	holds, err := r.holds(ctx, src, u, gone)
	if err != nil {
		return err
	}
	var back []item
	for n, i := range gone {
		if _, ok := there[i.id]; !ok {
			continue
		}
		out.Back++
		same, err := r.same(ctx, src, u, refs[n], i)
		switch {
		case err != nil:
			return err
		case !same:
			out.Kept[ReasonOther]++
			continue
		}
		if _, held := holds.Covers(refs[n], i.parent, i.person); held {
			out.Kept[reasonHold]++
			continue
		}
		i.version = "" // the backup's
		back = append(back, i)
	}
	if len(back) == 0 {
		return nil
	}
	if stopped, err := r.Stopped(ctx); err != nil {
		return err
	} else if stopped { // since the last batch
		return errAllStopped
	}
	if err := r.DB.Tx(ctx, func(tx *sql.Tx) error {
		entry := r.entry("replay.intent", b, back, "", map[string]int64{"items": int64(len(back)), "batch": b.n})
		entry.Actor = actor
		_, err := r.Log.Append(ctx, tx, entry)
		return err
	}); err != nil {
		return err
	}
	again := make([]gallra.Ref, len(back))
	for n, i := range back {
		again[n] = gallra.Ref{System: u.System, Type: u.Type, ID: i.id}
	}
	trace, err := traceOf(ctx, src, again)
	if err != nil {
		return err
	}
	answers, err := eraseMany(ctx, src, u, back)
	if err != nil {
		return err
	}
	left, err := remains(ctx, src, trace, again)
	if err != nil {
		return err
	}
	var erased int64
	for n, i := range back {
		if _, still := left[i.id]; !still {
			erased++
			continue
		}
		why := reasonRemains
		if answers[n].Err != nil {
			_, why = refusal(answers[n].Err)
		}
		out.Kept[why]++
	}
	out.Erased += erased
	return r.DB.Tx(ctx, func(tx *sql.Tx) error {
		entry := r.entry("replay.result", b, back, strconv.FormatInt(erased, 10), map[string]int64{"erased": erased})
		entry.Actor = actor
		_, err := r.Log.Append(ctx, tx, entry)
		return err
	})
}

// tellAgain issues a run's protocol anew, with what a replay did of what the run
// had done.
func (e *Engine) tellAgain(ctx context.Context, run string, again Again) error {
	var err error
	for range protocolTries {
		r := &running{Engine: e}
		if r.run, err = e.RunOf(ctx, run); err != nil || r.run.Protocol == nil {
			return err
		}
		p := *r.run.Protocol
		p.Again = append(slices.Clone(p.Again), again)
		p.Revision++
		p.People = maps.Clone(p.People)
		if err := e.people(ctx, &p); err != nil {
			return err
		}
		err = e.DB.Tx(ctx, func(tx *sql.Tx) error { return r.issue(ctx, tx, p, "run.replayed") })
		if !errors.Is(err, errOvertaken) {
			break
		}
	}
	return err
}

// protocolTries is how often an issue is tried when another comes between.
const protocolTries = 5

// same reports whether the record that bears an erased one's id is that one,
// by the day it was made.
func (r *running) same(ctx context.Context, src connector.Source, u unit, ref gallra.Ref, i item) (bool, error) {
	rec, err := src.Get(ctx, ref)
	if gallra.CodeOf(err) == gallra.NotFound {
		return true, nil // only a trace of it is back
	}
	if err != nil {
		return false, fmt.Errorf("retention: get %s: %w", ref, err)
	}
	return u.Schema.Fact(rec, r.Loc).Day == i.fact.Day, nil
}

// journalMargin is how many days a run's journal is kept after the last backup
// that still holds what the run took: time to notice that an old one was put back
// (REQUIREMENTS B-3).
const journalMargin = 30

// PurgeJournal forgets which records the runs have touched whose last backups went
// a margin ago: their references, and the keys of their digests in the evidence
// log, which nobody can read the meaning of afterwards (REQUIREMENTS B-3, X-11).
// Protocols and counts stay. A run that still waits for something keeps its
// journal, and so does one in a system of which nobody has said how long its
// backups live. The workers call it every hour; it returns for how many runs.
func (e *Engine) PurgeJournal(ctx context.Context, actor string) (runs int, err error) {
	due, err := e.journalsDue(ctx)
	if err != nil || len(due) == 0 {
		return 0, err
	}
	err = e.DB.Tx(ctx, func(tx *sql.Tx) error {
		for _, id := range due {
			for _, q := range []string{
				`UPDATE plan_batch SET blob = $2 WHERE plan = (SELECT plan FROM run WHERE id = $1)`,
				`DELETE FROM run_item WHERE run = $1`,
				`DELETE FROM run_survey WHERE run = $1`,
				`DELETE FROM run_wait WHERE run = $1`,
				`UPDATE run SET key = $2 WHERE id = $1`,
			} {
				args := []any{id}
				if q[0] == 'U' {
					args = append(args, []byte{})
				}
				if _, err := tx.ExecContext(ctx, q, args...); err != nil {
					return fmt.Errorf("retention: purge journal of %s: %w", id, err)
				}
			}
		}
		_, err := e.Log.Append(ctx, tx, evidence.Entry{Actor: actor, Action: "journal.purge", Counts: map[string]int64{"runs": int64(len(due))}})
		return err
	})
	if err != nil {
		return 0, err
	}
	return len(due), e.DB.Scrub(ctx)
}

// journalsDue returns the runs whose journals may be forgotten.
func (e *Engine) journalsDue(ctx context.Context) ([]string, error) {
	const q = `SELECT id, protocol FROM run WHERE protocol <> '' AND length(key) > 0
		AND id NOT IN (SELECT run FROM run_wait WHERE state = 'open' UNION SELECT run FROM run_task WHERE state = 'open') ORDER BY id`
	rows, err := e.DB.QueryContext(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("retention: journals: %w", err)
	}
	defer rows.Close()
	var due []string
	for rows.Next() {
		var id, text string
		if err := rows.Scan(&id, &text); err != nil {
			return nil, fmt.Errorf("retention: journals: %w", err)
		}
		var p Protocol
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			return nil, fmt.Errorf("retention: protocol of %s: %w", id, err)
		}
		if last, known := p.lastBackup(); known && last.AddDate(0, 0, journalMargin).Before(e.DB.Now()) {
			due = append(due, id)
		}
	}
	return due, rows.Err()
}

// lastBackup returns the day by which the last backup of what the run took is
// gone, and false where the life of a system's backups is not known.
func (p *Protocol) lastBackup() (last time.Time, known bool) {
	for _, part := range p.Parts {
		if part.Planned == 0 {
			continue
		}
		if part.BackupsBy.IsZero() {
			return time.Time{}, false
		}
		last = later(last, part.BackupsBy)
	}
	return later(last, p.Ended), true
}
