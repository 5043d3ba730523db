package request

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/deadline"
	"github.com/gallra/gallra/internal/store"
)

// methods are the ways to make sure who asks, the least intrusive first
// (REQUIREMENTS 7.2). A copy of an identity document is an exception that must
// be reasoned; the copy itself is never kept.
var methods = []string{"known_address", "portal", "shared_facts", "eid", "call_back", "visit", "id_copy"}

// Methods returns the ways to make sure who asks, the proposed one first.
func Methods() []string { return slices.Clone(methods) }

// Identify records that the person is who they say (GDPR art. 12(6)).
func (d *Desk) Identify(ctx context.Context, id, actor, method, reason string) error {
	if !slices.Contains(methods, method) {
		return gallra.Errorf(gallra.Invalid, "request.identity_method", "method", method)
	}
	if method == "id_copy" && strings.TrimSpace(reason) == "" { // REQUIREMENTS A12-7
		return gallra.Errorf(gallra.Invalid, "request.identity_reason")
	}
	return d.DB.Tx(ctx, func(tx *sql.Tx) error {
		r, err := d.classified(ctx, tx, id, actor)
		if err != nil {
			return err
		}
		b, err := json.Marshal(Identity{Method: method, Reason: reason, At: d.now(), By: actor})
		if err != nil {
			return fmt.Errorf("request: identity: %w", err)
		}
		if _, err := tx.ExecContext(ctx, "UPDATE request SET identity = $2 WHERE id = $1", id, string(b)); err != nil {
			return fmt.Errorf("request: identity: %w", err)
		}
		if err := d.answer(ctx, tx, id, false); err != nil {
			return err
		}
		return d.move(ctx, tx, r, actor, Identified, "request.identity."+method)
	})
}

// classified returns the request, which whoever works on its identity has
// accepted as what it was registered as.
func (d *Desk) classified(ctx context.Context, tx *sql.Tx, id, actor string) (Request, error) {
	r, err := d.get(ctx, tx, id)
	if err != nil || r.State != Received {
		return r, err
	}
	if err := d.move(ctx, tx, r, actor, Classified, "request.classified"); err != nil {
		return r, err
	}
	r.State = Classified
	return r, nil
}

// Ask records that a question about identity, or about what the request
// concerns, was sent: the clock may pause from that day. reason says what was
// asked and why it was necessary.
func (d *Desk) Ask(ctx context.Context, id, actor, reason string) error {
	return d.DB.Tx(ctx, func(tx *sql.Tx) error {
		r, err := d.classified(ctx, tx, id, actor)
		if err != nil {
			return err
		}
		if err := d.move(ctx, tx, r, actor, IdentityAsked, reason); err != nil {
			return err
		}
		if err := d.answer(ctx, tx, id, true); err != nil { // the question before, if it is still open
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO request_pause (request, n, asked, reason, asked_by)
			SELECT $1, coalesce(max(n), 0) + 1, $2, $3, $4 FROM request_pause WHERE request = $1`, id, store.Micros(d.now()), reason, actor)
		if err != nil {
			return fmt.Errorf("request: ask: %w", err)
		}
		return nil
	})
}

// Answered records that the person has answered the open question; insufficient
// says that the answer did not do and another question follows.
func (d *Desk) Answered(ctx context.Context, id, actor string, insufficient bool) error {
	return d.DB.Tx(ctx, func(tx *sql.Tx) error {
		if err := d.answer(ctx, tx, id, insufficient); err != nil {
			return err
		}
		return d.prove(ctx, tx, id, actor, "request.answered", "", nil)
	})
}

func (d *Desk) answer(ctx context.Context, tx *sql.Tx, id string, insufficient bool) error {
	_, err := tx.ExecContext(ctx, "UPDATE request_pause SET answered = $2, insufficient = $3 WHERE request = $1 AND answered = 0", id, store.Micros(d.now()), flag(insufficient))
	if err != nil {
		return fmt.Errorf("request: answer: %w", err)
	}
	return nil
}

// ApprovePauses records that the data protection officer finds that the clock
// did stand still. Until then every reminder follows the date without pauses
// (REQUIREMENTS 5.4). The one who asked may not approve.
func (d *Desk) ApprovePauses(ctx context.Context, id, officer string) error {
	return d.DB.Tx(ctx, func(tx *sql.Tx) error {
		r, err := d.get(ctx, tx, id)
		if err != nil {
			return err
		}
		for _, p := range r.Pauses {
			if p.AskedBy == officer {
				return gallra.Errorf(gallra.Blocked, "request.four_eyes")
			}
		}
		if _, err := tx.ExecContext(ctx, "UPDATE request_pause SET approved_by = $2 WHERE request = $1", id, officer); err != nil {
			return fmt.Errorf("request: approve pauses: %w", err)
		}
		return d.prove(ctx, tx, id, officer, "request.pauses_approved", "", nil)
	})
}

// CannotIdentify records that nothing more can be asked for (GDPR art. 11). The
// request may be opened again when the person has more to tell.
func (d *Desk) CannotIdentify(ctx context.Context, id, actor, reason string) error {
	return d.DB.Tx(ctx, func(tx *sql.Tx) error {
		r, err := d.get(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := d.answer(ctx, tx, id, true); err != nil {
			return err
		}
		return d.move(ctx, tx, r, actor, IdentityFailed, reason)
	})
}

// Extend moves the deadline to three months from receipt. It takes a reason
// (complexity or number of requests) and the day the person was told, which must
// not be later than the first deadline (REQUIREMENTS A12-4, T6, T7).
func (d *Desk) Extend(ctx context.Context, id, actor, reason string, told time.Time) error {
	if strings.TrimSpace(reason) == "" {
		return gallra.Errorf(gallra.Invalid, "request.reason_missing")
	}
	if told.IsZero() {
		return gallra.Errorf(gallra.Invalid, "request.extension_untold")
	}
	return d.DB.Tx(ctx, func(tx *sql.Tx) error {
		r, err := d.get(ctx, tx, id)
		if err != nil {
			return err
		}
		switch by := r.Deadline.NoticeBy; {
		case !r.State.Open():
			return gallra.Errorf(gallra.Blocked, "request.over", "request", id)
		case r.Track == TrackDocument || r.Track == TrackParty: // their clock is not article 12's
			return gallra.Errorf(gallra.Blocked, "request.extension_track", "request", id)
		case !r.Extended.IsZero():
			return gallra.Errorf(gallra.Blocked, "request.extended_already", "request", id)
		case deadline.On(told).After(by), deadline.On(d.now()).After(by):
			return gallra.Errorf(gallra.Blocked, "request.extension_late", "date", by.Format(time.DateOnly))
		}
		if _, err := tx.ExecContext(ctx, "UPDATE request SET extended = $2, extension = $3 WHERE id = $1", id, store.Micros(told), reason); err != nil {
			return fmt.Errorf("request: extend: %w", err)
		}
		return d.prove(ctx, tx, id, actor, "request.extend", reason, nil)
	})
}
