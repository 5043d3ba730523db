package request

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/work"
)

// Step does the next small piece of a search, an execution or a verification and
// says whether there is more. It may be called again after any error or crash,
// by any worker; a wish to pause or stop takes effect between pieces.
func (d *Desk) Step(ctx context.Context, workID string) (more bool, err error) {
	w, err := work.Get(ctx, d.DB, workID)
	if err != nil {
		return false, err
	}
	if w.State.Over() || w.State == work.Paused {
		return false, nil
	}
	if w.Wish != work.WishNone {
		state := work.Paused
		if w.Wish == work.WishStop {
			state = work.Stopped
		}
		return false, d.save(ctx, w, func(w *work.Work) { w.State = state })
	}
	count := func(found bool, err error) (int, error) { return flag(found), err }
	var some func() (int, error)
	var end func() error
	switch w.Kind {
	case WorkSearch:
		some = func() (int, error) { return count(d.searchOne(ctx, w.Subject)) }
		end = func() error { return d.endSearch(ctx, w.Subject) }
	case WorkExecute:
		some = func() (int, error) { return d.executeSome(ctx, w.Subject, w.Actor) }
		end = func() error { return nil }
	case WorkHold:
		some = func() (int, error) { return 0, nil }
		end = func() error { return d.holdFound(ctx, w.Subject) }
	case WorkVerify:
		some = func() (int, error) { return count(d.verifyOne(ctx, w.Subject)) }
		end = func() error { return d.endVerify(ctx, w.Subject) }
	default:
		return false, gallra.Errorf(gallra.Invalid, "request.work_unknown", "kind", w.Kind)
	}
	n, err := some()
	if err != nil {
		return false, err
	}
	if n > 0 {
		return true, d.save(ctx, w, func(w *work.Work) {
			w.State, w.Done = work.Running, w.Done+int64(n)
			w.Total = max(w.Total, w.Done)
		})
	}
	if err := end(); err != nil {
		return false, err
	}
	return false, d.save(ctx, w, func(w *work.Work) { w.State, w.Total = work.Done, w.Done })
}

func (d *Desk) save(ctx context.Context, w work.Work, change func(*work.Work)) error {
	return d.DB.Tx(ctx, func(tx *sql.Tx) error {
		change(&w)
		return work.Save(ctx, tx, d.now(), &w)
	})
}

func (d *Desk) endVerify(ctx context.Context, id string) error {
	return d.DB.Tx(ctx, func(tx *sql.Tx) error {
		r, err := d.get(ctx, tx, id)
		if err != nil || r.State != Executing { // a later look at what was promised changes no state
			return err
		}
		if err := d.watch(ctx, tx, r); err != nil {
			return err
		}
		return d.move(ctx, tx, r, "system", Verified, "request.verified")
	})
}

// Drive calls Step until a work is over or paused. progress, if not nil, is told
// how far it has come. The command line uses it; workers call Step.
func (d *Desk) Drive(ctx context.Context, workID string, progress func(done, total int64)) error {
	for {
		more, err := d.Step(ctx, workID)
		if err != nil {
			if ferr := work.Fail(context.WithoutCancel(ctx), d.DB, workID, err); ferr != nil {
				return errors.Join(err, ferr)
			}
			return fmt.Errorf("request: %w", err)
		}
		if progress != nil {
			w, err := work.Get(ctx, d.DB, workID)
			if err != nil {
				return err
			}
			progress(w.Done, w.Total)
		}
		if !more {
			return nil
		}
	}
}
