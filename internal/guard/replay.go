package guard

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/work"
)

// WorkReplay is the kind of the work rows of replays; their subject is the alarm.
const WorkReplay = "replay"

// Replayed is what a replay after a restore found and did.
type Replayed struct {
	Journal int64            `json:"journal"` // erasures in the journal since the date
	Back    int64            `json:"back"`    // of them, records that the restore had brought back
	Erased  int64            `json:"erased"`  // of those, erased again and looked for
	Kept    map[string]int64 `json:"kept"`    // the others, and those of the anonymised, by reason
	// Rewrites are the records rewritten in place in the journal since the date;
	// RewritesBack those of them that the restore had brought back exactly as they
	// were, and Rewritten those of these that were rewritten again and looked at.
	// Altered are there in yet another form: which decision they belong to cannot
	// be told, and a new plan must find them.
	Rewrites     int64 `json:"rewrites"`
	RewritesBack int64 `json:"rewrites_back"`
	Rewritten    int64 `json:"rewritten"`
	Altered      int64 `json:"altered"`
	// Redacted are mentions that requests have taken out since then. The values are
	// no longer kept: those that came back need a case of their own, and the guard
	// tells of them.
	Redacted int64 `json:"redacted"`
}

// Add adds what another replay did.
func (r *Replayed) Add(o Replayed) {
	r.Journal, r.Back, r.Erased, r.Redacted = r.Journal+o.Journal, r.Back+o.Back, r.Erased+o.Erased, r.Redacted+o.Redacted
	r.Rewrites, r.RewritesBack, r.Rewritten, r.Altered = r.Rewrites+o.Rewrites, r.RewritesBack+o.RewritesBack, r.Rewritten+o.Rewritten, r.Altered+o.Altered
	for why, n := range o.Kept {
		r.Kept[why] += n
	}
}

// Remains reports whether something came back that is still there as it was.
func (r Replayed) Remains() bool {
	return r.Erased < r.Back || r.Rewritten < r.RewritesBack || r.Altered > 0
}

// Replay erases and rewrites again what is back in a system since a backup was taken.
type Replay func(ctx context.Context, system gallra.SystemID, since time.Time, actor string) (Replayed, error)

// ReplayAll does one replay after the other and adds up what they did. The first
// error ends it; what was done until then stands in the log.
func ReplayAll(ctx context.Context, system gallra.SystemID, since time.Time, actor string, replays ...Replay) (Replayed, error) {
	out := Replayed{Kept: map[string]int64{}}
	for _, f := range replays {
		r, err := f(ctx, system, since, actor)
		out.Add(r)
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

// replayCursor is what a replay is to do, and what it has done.
type replayCursor struct {
	Since time.Time `json:"since"`
	Replayed
}

// StartReplay is the second person's word on an alarm of records that are back:
// the first has decided, with the reason, that they are to go again. It erases
// nothing itself; a Replayer does. since is the day of the backup, at the latest
// that of the erasure.
func (g *Guard) StartReplay(ctx context.Context, alarm string, since time.Time, actor string) (w work.Work, err error) {
	a, err := g.Alarm(ctx, alarm)
	if err != nil {
		return w, err
	}
	switch {
	case !a.Kind.Replayed() || a.State != Acting:
		return w, gallra.Errorf(gallra.Conflict, "guard.replay_undecided")
	case actor == "" || a.Actor == actor:
		return w, gallra.Errorf(gallra.Forbidden, "guard.replay_same_person")
	case since.After(a.Erased):
		return w, gallra.Errorf(gallra.Invalid, "guard.replay_too_late", "date", a.Erased.Format(time.DateOnly))
	}
	err = g.DB.Tx(ctx, func(tx *sql.Tx) error {
		// The row is taken, so that two who press at once are one after the other.
		res, err := tx.ExecContext(ctx, `UPDATE guard_alarm SET state = 'acting' WHERE id = $1 AND state = 'acting' AND actor = $2`, a.ID, a.Actor)
		if err != nil {
			return fmt.Errorf("guard: replay: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return gallra.Errorf(gallra.Conflict, "guard.replay_undecided")
		}
		last, err := work.Latest(ctx, tx, WorkReplay, a.ID)
		if err != nil && !errors.Is(err, gallra.ErrNotFound) {
			return err
		}
		if err == nil && !last.State.Over() {
			return gallra.Errorf(gallra.Conflict, "guard.replay_running")
		}
		if w, err = work.Create(ctx, tx, g.DB.Now(), WorkReplay, a.ID, actor); err != nil {
			return err
		}
		b, err := json.Marshal(replayCursor{Since: since})
		if err != nil {
			return err
		}
		w.Cursor = string(b)
		if err := work.Save(ctx, tx, g.DB.Now(), &w); err != nil {
			return err
		}
		_, err = g.Log.Append(ctx, tx, evidence.Entry{Actor: actor, Action: "guard.replay", System: a.System, Subject: a.ID, Reason: a.Actor, Result: since.Format(time.DateOnly)})
		return err
	})
	return w, err
}

// LastReplay returns the newest replay of an alarm and what it did so far.
// gallra.ErrNotFound when there is none.
func (g *Guard) LastReplay(ctx context.Context, alarm string) (work.Work, Replayed, error) {
	w, err := work.Latest(ctx, g.DB, WorkReplay, alarm)
	if err != nil {
		return w, Replayed{}, err
	}
	var at replayCursor
	if err := json.Unmarshal([]byte(w.Cursor), &at); err != nil {
		return w, at.Replayed, fmt.Errorf("guard: replay %s: %w", w.ID, err)
	}
	return w, at.Replayed, nil
}

// Replayer carries the replays on that StartReplay has begun.
type Replayer struct {
	*Guard
	Replays []Replay // of those who keep a journal of what they erased
	// Check begins a check of the system afterwards, which ends the alarm.
	Check func(ctx context.Context, system gallra.SystemID, actor string) error
}

// Step does a replay. It may be repeated: what was erased again is not there the
// next time. What says that it may not go on, such as the kill switch, fails it;
// it can then be started anew.
func (r *Replayer) Step(ctx context.Context, id string) (more bool, err error) {
	w, err := work.Get(ctx, r.DB, id)
	if err != nil || w.State.Over() {
		return false, err
	}
	save := func() error {
		return r.DB.Tx(ctx, func(tx *sql.Tx) error { return work.Save(ctx, tx, r.DB.Now(), &w) })
	}
	a, err := r.Alarm(ctx, w.Subject)
	if err != nil {
		return false, err
	}
	var at replayCursor
	if err := json.Unmarshal([]byte(w.Cursor), &at); err != nil {
		return false, fmt.Errorf("guard: replay %s: %w", id, err)
	}
	w.State, w.Phase = work.Running, "guard.replaying"
	if err := save(); err != nil {
		return false, err
	}
	did, err := ReplayAll(ctx, a.System, at.Since, w.Actor, r.Replays...)
	var answer *gallra.Error
	if errors.As(err, &answer) && answer.Code == gallra.Blocked {
		return false, work.Fail(ctx, r.DB, id, err)
	}
	if err != nil {
		return false, err
	}
	at.Replayed = did
	b, err := json.Marshal(at)
	if err != nil {
		return false, err
	}
	w.Cursor, w.State, w.Phase, w.Done, w.Total = string(b), work.Done, "", did.Erased+did.Rewritten, did.Back+did.RewritesBack
	if err := save(); err != nil {
		return false, err
	}
	return false, r.Check(ctx, a.System, w.Actor)
}
