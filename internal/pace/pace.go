// Package pace keeps the limits of systems with an API for all workers on one
// store: however many processes there are, and on however many machines, an
// account at a vendor is never called for more often than its limit, whichever
// systems use it, and a pause that the vendor asks one of them for is kept by all.
package pace

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/gallra/gallra/internal/store"
)

// Ledger is a rest.Ledger on the store.
type Ledger struct{ DB *store.DB }

// clock is an expression for the time in microseconds. Workers on several
// machines are told it by the one database they share; SQLite is on one machine.
func (l Ledger) clock() string {
	if l.DB.Dialect == store.Postgres {
		return `(extract(epoch FROM clock_timestamp()) * 1000000)::bigint`
	}
	return `CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)`
}

// greater is the larger of two, in the dialect's word.
func (l Ledger) greater() string {
	if l.DB.Dialect == store.Postgres {
		return "greatest"
	}
	return "max"
}

// Take takes one call of a bucket that refills one every so often and holds
// burst, and returns 0, or returns how long until one may be there.
func (l Ledger) Take(ctx context.Context, account string, every time.Duration, burst int) (time.Duration, error) {
	if _, err := l.DB.ExecContext(ctx, `INSERT INTO pace (account) VALUES ($1) ON CONFLICT (account) DO NOTHING`, account); err != nil {
		return 0, fmt.Errorf("pace: %w", err)
	}
	var wait int64
	err := l.DB.Tx(ctx, func(tx *sql.Tx) error {
		now, larger := l.clock(), l.greater()
		err := tx.QueryRowContext(ctx, `UPDATE pace SET next = CASE WHEN $2 > 0 THEN `+larger+`(next, `+now+`) + $2 ELSE next END
			WHERE account = $1 AND until <= `+now+` AND `+larger+`(next, `+now+`) + $2 <= `+now+` + $2 * $3 RETURNING 0`, account, every.Microseconds(), int64(burst)).Scan(&wait)
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		return tx.QueryRowContext(ctx, `SELECT `+larger+`(until - `+now+`, `+larger+`(next, `+now+`) + $2 - `+now+` - $2 * $3, 1000) FROM pace WHERE account = $1`,
			account, every.Microseconds(), int64(burst)).Scan(&wait)
	})
	if err != nil {
		return 0, fmt.Errorf("pace: %w", err)
	}
	return time.Duration(wait) * time.Microsecond, nil
}

// Pause holds every worker back from an account for a while.
func (l Ledger) Pause(ctx context.Context, account string, d time.Duration) error {
	now, larger := l.clock(), l.greater()
	_, err := l.DB.ExecContext(ctx, `INSERT INTO pace (account, until) VALUES ($1, `+now+` + $2) ON CONFLICT (account) DO UPDATE SET until = `+larger+`(pace.until, excluded.until)`, account, d.Microseconds())
	if err != nil {
		return fmt.Errorf("pace: %w", err)
	}
	return nil
}
