package request

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/store"
)

// Decide records the outcome. reason is demanded of everything but a full yes.
// Every item must have been decided about, and every system searched
// (REQUIREMENTS W-6, E1); a refusal, a partial one and an erasure wait for
// Approve by somebody else.
func (d *Desk) Decide(ctx context.Context, id, actor string, o Outcome, reason string) error {
	if !slices.Contains([]Outcome{Granted, Partial, Refused, Unfounded, CannotIdentify, NoData, NotApplicable}, o) {
		return gallra.Errorf(gallra.Invalid, "request.outcome_unknown")
	}
	if o != Granted && o != NoData && strings.TrimSpace(reason) == "" { // REQUIREMENTS A12-5
		return gallra.Errorf(gallra.Invalid, "request.reason_missing")
	}
	return d.DB.Tx(ctx, func(tx *sql.Tx) error {
		r, err := d.get(ctx, tx, id)
		if err != nil {
			return err
		}
		if (o == CannotIdentify) != (r.State == IdentityFailed) {
			return gallra.Errorf(gallra.Blocked, "request.outcome_state", "outcome", string(o), "state", string(r.State))
		}
		items, err := d.items(ctx, tx, id)
		if err != nil {
			return err
		}
		if r.State == Review {
			if err := d.reviewed(ctx, tx, r, items, o); err != nil {
				return err
			}
		}
		if reason == "" {
			reason = "request.outcome." + string(o)
		}
		_, err = tx.ExecContext(ctx, "UPDATE request SET outcome = $2, reason = $3, decided_by = $4, decided = $5, approved_by = '', approved = 0 WHERE id = $1",
			id, string(o), reason, actor, store.Micros(d.now()))
		if err != nil {
			return fmt.Errorf("request: decide: %w", err)
		}
		return d.move(ctx, tx, r, actor, Decided, reason)
	})
}

func (d *Desk) reviewed(ctx context.Context, tx *sql.Tx, r Request, items []Item, o Outcome) error {
	included, kept := 0, 0
	for _, it := range items {
		switch it.Decision {
		case Open:
			return gallra.Errorf(gallra.Blocked, "request.item_open", "number", fmt.Sprint(it.N))
		case Include:
			included++
		case Keep:
			kept++
		}
	}
	if o == NoData && included+kept > 0 {
		return gallra.Errorf(gallra.Blocked, "request.data_exist", "count", fmt.Sprint(included+kept))
	}
	if o == Granted && kept > 0 {
		return gallra.Errorf(gallra.Blocked, "request.partial", "count", fmt.Sprint(kept))
	}
	searches, err := d.searches(ctx, tx, r.ID)
	if err != nil {
		return err
	}
	for _, s := range searches {
		if s.State != "done" && o != Refused && o != Unfounded && o != NotApplicable {
			return gallra.Errorf(gallra.Blocked, "request.not_searched", "system", string(s.System))
		}
	}
	return nil
}

// Approve is the second person's yes to a decision that needs one. It is refused
// to the one who decided and to the case's handler (REQUIREMENTS W-8).
func (d *Desk) Approve(ctx context.Context, id, actor string) error {
	return d.DB.Tx(ctx, func(tx *sql.Tx) error {
		r, err := d.get(ctx, tx, id)
		switch {
		case err != nil:
			return err
		case actor == "":
			return gallra.Errorf(gallra.Invalid, "request.actor_missing")
		case !r.Approvable():
			return gallra.Errorf(gallra.Blocked, "request.nothing_to_approve", "request", id)
		case actor == r.DecidedBy || actor == r.Handler:
			return gallra.Errorf(gallra.Blocked, "request.four_eyes")
		}
		if _, err := tx.ExecContext(ctx, "UPDATE request SET approved_by = $2, approved = $3 WHERE id = $1", id, actor, store.Micros(d.now())); err != nil {
			return fmt.Errorf("request: approve: %w", err)
		}
		return d.prove(ctx, tx, id, actor, "request.approve", string(r.Outcome), nil)
	})
}

// SendBack is the second person's no: the request goes back to review.
func (d *Desk) SendBack(ctx context.Context, id, actor, reason string) error {
	return d.DB.Tx(ctx, func(tx *sql.Tx) error {
		r, err := d.get(ctx, tx, id)
		if err != nil {
			return err
		}
		return d.move(ctx, tx, r, actor, Review, reason)
	})
}

// Deliver records that the answer was given, or the person told what was done,
// and how (REQUIREMENTS A12-9). Nothing that waits for a second person or for
// execution is delivered, and nothing by an electronic road to a person whose
// identity is protected (REQUIREMENTS SE-34).
func (d *Desk) Deliver(ctx context.Context, id, actor, how string) error {
	switch how {
	case "download", "link", "portal", "email", "post", "visit":
	default:
		return gallra.Errorf(gallra.Invalid, "request.delivery_unknown")
	}
	return d.DB.Tx(ctx, func(tx *sql.Tx) error {
		r, err := d.get(ctx, tx, id)
		switch {
		case err != nil:
			return err
		case r.Approvable():
			return gallra.Errorf(gallra.Blocked, "request.not_approved", "request", id)
		case r.Protected && how != "post" && how != "visit":
			return gallra.Errorf(gallra.Blocked, "request.protected")
		case r.State == Decided && executes(r.Right) && (r.Outcome == Granted || r.Outcome == Partial):
			return gallra.Errorf(gallra.Blocked, "request.not_executed", "request", id)
		}
		if err := errors.Join(d.mayHandOver(ctx, r), d.complete(ctx, r)); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE request SET delivery = $2, delivered = $3 WHERE id = $1", id, how, store.Micros(d.now())); err != nil {
			return fmt.Errorf("request: deliver: %w", err)
		}
		return d.move(ctx, tx, r, actor, Delivered, "request.delivery."+how)
	})
}

// Close ends the request and sets the day its sealed data are destroyed
// (REQUIREMENTS W-13, E10).
func (d *Desk) Close(ctx context.Context, id, actor, reason string) error {
	return d.DB.Tx(ctx, func(tx *sql.Tx) error {
		r, err := d.get(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := d.release(ctx, tx, r, actor); err != nil {
			return err
		}
		keep := d.KeepPackage
		if keep.IsZero() {
			keep = gallra.Period{Days: 30}
		}
		if _, err := tx.ExecContext(ctx, "UPDATE request SET closed = $2, destroy = $3 WHERE id = $1", id, store.Micros(d.now()), store.Micros(keep.After(d.now()))); err != nil {
			return fmt.Errorf("request: close: %w", err)
		}
		return d.move(ctx, tx, r, actor, Closed, reason)
	})
}
