package request

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/pii/ident"
)

// Correction is a value that is wrong and the one that is right (GDPR art. 16).
type Correction struct {
	Kind gallra.IdentifierKind
	Old  string
	New  string
}

// String hides the values.
func (c Correction) String() string { return "[" + string(c.Kind) + "]" }

// GoString hides the values.
func (c Correction) GoString() string { return c.String() }

// Correct carries a granted rectification out: the value is set right in every
// system's record about the person that was included, also where it is written
// in another form, and each is read again. What a person once wrote in a
// conversation is a record of what was said and is not rewritten (REQUIREMENTS
// A5-3, A16-1). Records that can't be changed from here become tasks by hand.
// The log tells of the values by keyed digests only (A16-2).
func (d *Desk) Correct(ctx context.Context, id, actor string, c Correction) error {
	if ident.Normalise(c.Kind, c.Old) == "" || ident.Normalise(c.Kind, c.New) == "" {
		return gallra.Errorf(gallra.Invalid, "request.correction_empty")
	}
	var items []Item
	var key []byte
	err := d.DB.Tx(ctx, func(tx *sql.Tx) error {
		r, err := d.get(ctx, tx, id)
		switch {
		case err != nil:
			return err
		case r.Right != Rectification || r.Outcome != Granted && r.Outcome != Partial:
			return gallra.Errorf(gallra.Blocked, "request.nothing_to_do", "request", id)
		case r.Approvable():
			return gallra.Errorf(gallra.Blocked, "request.not_approved", "request", id)
		}
		if r.State != Executing { // a second correction of the same case goes on
			if err := d.move(ctx, tx, r, actor, Executing, "request.execute"); err != nil {
				return err
			}
		}
		if err := tx.QueryRowContext(ctx, "SELECT digest_key FROM request WHERE id = $1", id).Scan(&key); err != nil {
			return fmt.Errorf("request: digest key: %w", err)
		}
		items, err = d.items(ctx, tx, id)
		return err
	})
	if err != nil {
		return err
	}
	open := sources{open: d.Open}
	defer open.close()
	for _, it := range items {
		if it.Decision != Include || it.Kind != connector.KindPerson && it.Kind != connector.KindRow {
			continue
		}
		n, err := d.correctOne(ctx, &open, it, c)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		state := "done"
		if err != nil {
			state = "manual"
		}
		err = d.DB.Tx(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "UPDATE request_item SET state = $3, action = $4, outcome = $5, ended = $6 WHERE request = $1 AND n = $2", id, it.N, state, string(gallra.ActionRectify), string(gallra.OutcomeKept), store.Micros(d.now()))
			if err != nil {
				return fmt.Errorf("request: correct: %w", err)
			}
			_, err = d.Log.Append(ctx, tx, evidence.Entry{
				Actor: actor, Action: "request.rectify", System: it.Ref.System, Subject: id, Digest: evidence.Digest(key, it.Ref), Result: state,
				Reason: string(c.Kind) + " " + keyedDigest(key, c.Old)[:16] + " " + keyedDigest(key, c.New)[:16], Counts: map[string]int64{"fields": int64(n)},
			})
			return err
		})
		if err != nil {
			return err
		}
	}
	return d.DB.Tx(ctx, func(tx *sql.Tx) error {
		r, err := d.get(ctx, tx, id)
		if err != nil {
			return err
		}
		return d.move(ctx, tx, r, actor, Verified, "request.verified")
	})
}

// correctOne sets one record right and reads it again. It returns how many
// fields it changed; none is no error: the record never had the value.
func (d *Desk) correctOne(ctx context.Context, open *sources, it Item, c Correction) (int, error) {
	src, err := open.get(ctx, it.Ref.System)
	if err != nil {
		return 0, err
	}
	types, err := typesOf(ctx, src)
	if err != nil {
		return 0, err
	}
	wrong := func() (gallra.Record, []gallra.Field, error) {
		rec, err := src.Get(ctx, it.Ref)
		var set []gallra.Field
		for _, f := range rec.Fields {
			info, ok := types[it.Ref.Type].Field(f.Name)
			if ok && !info.ReadOnly && info.Category == c.Kind.Category() && ident.Equal(c.Kind, f.Value, c.Old) && f.Value != c.New {
				set = append(set, gallra.Field{Name: f.Name, Value: c.New})
			}
		}
		return rec, set, err
	}
	rec, set, err := wrong()
	if err != nil || len(set) == 0 {
		return 0, err
	}
	e, ok := src.(connector.Editor)
	if !ok {
		return 0, gallra.Errorf(gallra.Unsupported, "request.cannot_edit", "system", string(it.Ref.System))
	}
	if _, err := e.Edit(ctx, it.Ref, rec.Version, set); err != nil {
		return 0, err
	}
	if _, left, err := wrong(); err != nil || len(left) > 0 {
		return 0, gallra.Errorf(gallra.Conflict, "request.not_corrected", "record", it.Ref.String())
	}
	return len(set), nil
}
