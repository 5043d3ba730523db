package request

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/hold"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/work"
)

// StartExecute begins to carry out what was decided and approved, and returns
// the work that does. A request to see the data in the same message is answered
// first: nothing it asks for is erased before that (REQUIREMENTS A12-11). After a
// verification that found leftovers it may be started again for what remains.
func (d *Desk) StartExecute(ctx context.Context, id, actor string) (work.Work, error) {
	var w work.Work
	err := d.DB.Tx(ctx, func(tx *sql.Tx) error {
		r, err := d.get(ctx, tx, id)
		switch {
		case err != nil:
			return err
		case !executes(r.Right) || r.Outcome != Granted && r.Outcome != Partial:
			return gallra.Errorf(gallra.Blocked, "request.nothing_to_do", "request", id)
		case r.Approved.IsZero():
			return gallra.Errorf(gallra.Blocked, "request.not_approved", "request", id)
		}
		var waiting string
		err = tx.QueryRowContext(ctx, `SELECT coalesce(min(id), '') FROM request WHERE matter = $1 AND id <> $2 AND item_right IN ('access','portability')
			AND state NOT IN ('delivered','closed','withdrawn','forwarded')`, r.Matter, id).Scan(&waiting)
		if err != nil {
			return fmt.Errorf("request: execute: %w", err)
		}
		if waiting != "" {
			return gallra.Errorf(gallra.Blocked, "request.access_first", "request", waiting)
		}
		if going, err := d.going(ctx, tx, r, Executing, WorkExecute, &w); err != nil || going {
			return err
		}
		if r.State != Executing {
			if err := d.move(ctx, tx, r, actor, Executing, "request.execute"); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, "UPDATE request_item SET state = 'planned', problem = '' WHERE request = $1 AND state = 'failed'", id); err != nil {
			return fmt.Errorf("request: execute: %w", err)
		}
		items, err := d.items(ctx, tx, id)
		if err != nil {
			return err
		}
		if r.Right == Restriction {
			if err := d.lock(ctx, tx, r, items, actor); err != nil {
				return err
			}
		}
		if w, err = work.Create(ctx, tx, d.now(), WorkExecute, id, actor); err != nil {
			return err
		}
		w.Total = int64(len(todo(items)))
		return work.Save(ctx, tx, d.now(), &w)
	})
	return w, err
}

// lock puts a hold over what a restriction was granted for, whether or not its
// system can hide it: nothing of it may be gallrat until somebody releases the
// hold, also when the request is closed (REQUIREMENTS W-21, A18-1).
func (d *Desk) lock(ctx context.Context, tx *sql.Tx, r Request, items []Item, actor string) error {
	var n int
	if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM hold WHERE matter = $1 AND reason = 'request.restricted' AND released = 0`, r.ID).Scan(&n); err != nil {
		return fmt.Errorf("request: hold: %w", err)
	}
	h := hold.Hold{Kind: hold.Request, Reason: "request.restricted", Matter: r.ID, PlacedBy: actor}
	for _, it := range items {
		if it.Decision == Include {
			h.Targets = append(h.Targets, hold.Target{Ref: it.Ref})
		}
	}
	if n > 0 || len(h.Targets) == 0 {
		return nil
	}
	_, err := d.holds().Place(ctx, tx, h)
	return err
}

// todo returns the items to act on, in the order that leaves nothing dangling:
// mentions in others' cases, then own cases, then the records about the person.
func todo(items []Item) []Item {
	var out []Item
	for _, it := range items {
		if it.Decision == Include && (it.State == "planned" || it.State == "doing") {
			out = append(out, it)
		}
	}
	slices.SortStableFunc(out, func(a, b Item) int { return cmp.Compare(turnOf(a), turnOf(b)) })
	return out
}

func turnOf(it Item) int {
	switch {
	case it.Action == gallra.ActionRedact:
		return 0
	case it.Kind == connector.KindPerson:
		return 2
	}
	return 1
}

// executeSome acts on the items that wait, one after another, until the time
// for one step is over: intent into the log, the act, result into the log. A
// worker killed in between leaves an intent without a result, and the item is
// done again, which harms nothing (REQUIREMENTS W-10, G-6). It returns how many
// items it did.
func (d *Desk) executeSome(ctx context.Context, id, actor string) (int, error) {
	items, err := d.Items(ctx, id)
	if err != nil {
		return 0, err
	}
	list := todo(items)
	if len(list) == 0 {
		return 0, nil
	}
	det, err := d.open(ctx, d.DB, id)
	if err != nil {
		return 0, err
	}
	var key []byte
	if err := d.DB.QueryRowContext(ctx, "SELECT digest_key FROM request WHERE id = $1", id).Scan(&key); err != nil {
		return 0, fmt.Errorf("request: digest key: %w", err)
	}
	open := sources{open: d.Open}
	defer open.close()
	begun := time.Now() // not the store's clock: it measures how long the step takes
	for i, it := range list {
		if i > 0 && time.Since(begun) > stepTime {
			return i, nil
		}
		done, err := d.executeOne(ctx, id, actor, key, it, items, det, &open)
		if err != nil {
			return i, err
		}
		for k := range items {
			if items[k].N == it.N {
				items[k] = done
			}
		}
	}
	return len(list), nil
}

// stepTime is about how long one step goes on: long enough to be worth its
// queue, short enough for a wish to stop to be heard.
const stepTime = 2 * time.Second

func (d *Desk) executeOne(ctx context.Context, id, actor string, key []byte, it Item, items []Item, det Details, open *sources) (Item, error) {
	err := d.DB.Tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "UPDATE request_item SET state = 'doing' WHERE request = $1 AND n = $2", id, it.N); err != nil {
			return fmt.Errorf("request: execute: %w", err)
		}
		_, err := d.Log.Append(ctx, tx, evidence.Entry{Actor: actor, Action: "request.intent", System: it.Ref.System, Subject: id, Digest: evidence.Digest(key, it.Ref), Reason: string(it.Action)})
		return err
	})
	if err != nil {
		return it, err
	}
	done := d.act(ctx, it, items, det, open)
	if ctx.Err() != nil {
		return it, ctx.Err() // what came of it is not known: done again
	}
	return done, d.DB.Tx(ctx, func(tx *sql.Tx) error {
		residues, err := json.Marshal(done.Residues)
		if err != nil {
			return fmt.Errorf("request: execute: %w", err)
		}
		problem, reason, result := "", "", done.State
		if done.Problem != nil {
			problem, reason = work.Problem(done.Problem), done.Problem.Key
		}
		if done.Outcome != "" {
			result = string(done.Outcome)
		}
		_, err = tx.ExecContext(ctx, "UPDATE request_item SET state = $3, outcome = $4, grade = $5, gone_by = $6, residues = $7, problem = $8, ended = $9, ref_id = $10 WHERE request = $1 AND n = $2",
			id, it.N, done.State, string(done.Outcome), int(done.Grade), store.Micros(done.GoneBy), string(residues), problem, store.Micros(d.now()), done.Ref.ID)
		if err != nil {
			return fmt.Errorf("request: execute: %w", err)
		}
		_, err = d.Log.Append(ctx, tx, evidence.Entry{Actor: actor, Action: "request.result", System: it.Ref.System, Subject: id, Digest: evidence.Digest(key, it.Ref), Reason: reason, Result: result, Counts: map[string]int64{"residues": int64(len(done.Residues))}})
		return err
	})
}

// act carries one item out and returns it with what came of it. Errors of the
// system become the item's problem: one record's failure does not stop the rest,
// and the case stays open for it.
func (d *Desk) act(ctx context.Context, it Item, all []Item, det Details, open *sources) Item {
	fail := func(err error) Item {
		it.State, it.Problem = "failed", work.ProblemError(work.Problem(err))
		if gallra.CodeOf(err) == gallra.Unsupported {
			it.State = "manual"
		}
		return it
	}
	src, err := open.get(ctx, it.Ref.System)
	if err != nil {
		return fail(err)
	}
	holds, err := d.reach.Load(ctx, d.DB, d.Keys.Dir, src, it.Ref.System)
	if err == nil {
		err = holds.Join(ctx, src, []gallra.Ref{it.Ref})
	}
	if err != nil {
		return fail(err)
	}
	person := gallra.Ref{}
	if it.Kind == connector.KindPerson {
		person = it.Ref
	}
	if h, held := holds.Covers(it.Ref, it.Parent, person); held && it.Action != gallra.ActionRestrict { // REQUIREMENTS W-20
		it.State, it.Outcome, it.Problem = "done", gallra.OutcomeKept, gallra.Errorf(gallra.Blocked, "request.held", "hold", h)
		return it
	}
	if it.Kind == connector.KindPerson && it.Action == gallra.ActionErase {
		if stop := caseRemains(it, all); stop != nil {
			if stop.Decision == Keep || stop.Outcome == gallra.OutcomeKept {
				it.State, it.Outcome, it.Problem = "done", gallra.OutcomeKept, gallra.Errorf(gallra.Blocked, "request.case_kept", "record", stop.Ref.String())
				return it
			}
			return fail(gallra.Errorf(gallra.Blocked, "request.case_remains", "record", stop.Ref.String()))
		}
	}
	own := map[gallra.Ref]bool{}
	for _, o := range all {
		if o.Kind == connector.KindPerson && o.Decision == Include {
			own[o.Ref] = true
		}
	}
	receipt, outcome, err := perform(ctx, src, it, redactor{src: src, values: needles(det), own: own})
	if gallra.CodeOf(err) == gallra.NotFound { // gone already, by itself or in an earlier attempt
		it.State, it.Outcome, it.Grade, it.Problem = "done", gallra.OutcomeErased, gallra.GradeLive, nil
		return it
	}
	if err != nil {
		return fail(err)
	}
	it.State, it.Outcome, it.Grade, it.GoneBy, it.Residues, it.Problem = "done", outcome, receipt.Grade, receipt.GoneBy, receipt.Residues, nil
	if !receipt.Ref.IsZero() {
		it.Ref = receipt.Ref
	}
	return it
}

// sources keeps the systems of one step open.
type sources struct {
	open func(context.Context, gallra.SystemID) (connector.Source, error)
	have map[gallra.SystemID]connector.Source
}

func (s *sources) get(ctx context.Context, id gallra.SystemID) (connector.Source, error) {
	if src, ok := s.have[id]; ok {
		return src, nil
	}
	src, err := s.open(ctx, id)
	if err != nil {
		return nil, err
	}
	if s.have == nil {
		s.have = map[gallra.SystemID]connector.Source{}
	}
	s.have[id] = src
	return src, nil
}

func (s *sources) close() {
	for _, src := range s.have {
		_ = src.Close() // every change was answered for when it was made
	}
}

// caseRemains returns a case of the person's own that stays in the same system:
// the record it hangs on must not go before it.
func caseRemains(person Item, all []Item) *Item {
	for i := range all {
		it := &all[i]
		if it.Ref.System == person.Ref.System && it.Kind == connector.KindConversation && it.Own() && it.Decision != Exclude &&
			(it.Decision == Keep || it.State != "done" || it.Outcome == gallra.OutcomeKept) {
			return it
		}
	}
	return nil
}

func perform(ctx context.Context, src connector.Source, it Item, x redactor) (gallra.Receipt, gallra.Outcome, error) {
	system := string(it.Ref.System)
	switch it.Action {
	case gallra.ActionErase:
		e, ok := src.(connector.Eraser)
		if !ok {
			return gallra.Receipt{}, "", gallra.Errorf(gallra.Unsupported, "request.cannot_erase", "system", system)
		}
		// Any version: what came after the search is the person's too (REQUIREMENTS H-17).
		r, err := e.Erase(ctx, it.Ref, "")
		return r, gallra.OutcomeErased, err
	case gallra.ActionRestrict:
		s, ok := src.(connector.Restrictor)
		if !ok {
			return gallra.Receipt{}, "", gallra.Errorf(gallra.Unsupported, "request.cannot_restrict", "system", system)
		}
		r, err := s.Restrict(ctx, it.Ref, true)
		return r, gallra.OutcomeKept, err
	case gallra.ActionRedact, gallra.ActionAnonymise:
		e, ok := src.(connector.Editor)
		if !ok {
			return gallra.Receipt{}, "", gallra.Errorf(gallra.Unsupported, "request.cannot_edit", "system", system)
		}
		var err error
		if x.types, err = typesOf(ctx, src); err != nil {
			return gallra.Receipt{}, "", err
		}
		x.edit = e
		if it.Action == gallra.ActionAnonymise {
			r, err := x.conversation(ctx, it.Ref)
			return r, gallra.OutcomeDeidentified, err
		}
		r, err := x.record(ctx, it.Ref)
		return r, gallra.OutcomeDeidentified, err
	}
	return gallra.Receipt{}, "", gallra.Errorf(gallra.Invalid, "request.action_unknown")
}

// needles are the values taken out of a record that is known to speak of the
// person: the identifiers, and the name they gave.
func needles(det Details) []gallra.Identifier {
	ids := det.identifiers()
	if det.Name != "" {
		ids = append(ids, gallra.Identifier{Kind: gallra.IdentName, Value: det.Name})
	}
	return ids
}

// ManualItem records that a person has carried an item out by hand.
func (d *Desk) ManualItem(ctx context.Context, id, actor string, n int, o gallra.Outcome) error {
	if o != gallra.OutcomeErased && o != gallra.OutcomeDeidentified && o != gallra.OutcomeKept {
		return gallra.Errorf(gallra.Invalid, "request.outcome_unknown")
	}
	return d.DB.Tx(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, "UPDATE request_item SET state = 'done', outcome = $3, ended = $4, reason = 'request.by_hand', decided_by = $5 WHERE request = $1 AND n = $2 AND state IN ('manual','failed')", id, n, string(o), store.Micros(d.now()), actor)
		if err != nil {
			return fmt.Errorf("request: manual: %w", err)
		}
		if k, err := res.RowsAffected(); err != nil || k != 1 {
			return gallra.Errorf(gallra.NotFound, "request.no_item", "number", fmt.Sprint(n))
		}
		return d.prove(ctx, tx, id, actor, "request.by_hand", string(o), nil)
	})
}
