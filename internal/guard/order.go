package guard

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/store"
)

// orderLife is how long the first person's word waits for the second's.
const orderLife = 7 * 24 * time.Hour

// Order is one person's word that what a backup taken at since has brought back in
// a system is to go again, where no alarm asks for it. The first word waits for
// another person's, seven days; second is true when this is that, and the replay
// may be made, once. Only one who may approve can be the second.
func (g *Guard) Order(ctx context.Context, system gallra.SystemID, since time.Time, actor string, mayApprove bool) (second bool, err error) {
	if actor == "" {
		return false, gallra.Errorf(gallra.Forbidden, "guard.replay_same_person")
	}
	now := g.DB.Now()
	err = g.DB.Tx(ctx, func(tx *sql.Tx) error {
		var first string
		var at int64
		err := tx.QueryRowContext(ctx, `SELECT actor, at FROM replay_order WHERE system = $1 AND since = $2`, string(system), store.Micros(since)).Scan(&first, &at)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("guard: replay: %w", err)
		}
		entry := evidence.Entry{Actor: actor, Action: "replay.order", System: system, Subject: "replay:" + string(system), Result: since.Format(time.DateOnly)}
		if err == nil && first != actor && now.Sub(store.Time(at)) <= orderLife {
			if !mayApprove {
				return gallra.Errorf(gallra.Forbidden, "guard.replay_approver")
			}
			// Taken, so that of two who come at once one is the second.
			res, err := tx.ExecContext(ctx, `DELETE FROM replay_order WHERE system = $1 AND since = $2 AND actor = $3 AND at = $4`, string(system), store.Micros(since), first, at)
			if err != nil {
				return fmt.Errorf("guard: replay: %w", err)
			}
			if n, err := res.RowsAffected(); err != nil || n != 1 {
				return gallra.Errorf(gallra.Conflict, "guard.replay_running")
			}
			second, entry.Action, entry.Reason = true, "replay.approve", first
		} else if _, err := tx.ExecContext(ctx, `INSERT INTO replay_order (system, since, actor, at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (system, since) DO UPDATE SET actor = excluded.actor, at = excluded.at`, string(system), store.Micros(since), actor, store.Micros(now)); err != nil {
			return fmt.Errorf("guard: replay: %w", err)
		}
		_, err = g.Log.Append(ctx, tx, entry)
		return err
	})
	return second && err == nil, err
}
