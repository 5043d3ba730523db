package evidence

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"sort"
	"strconv"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/store"
)

// ActionPurge is the action of the marker that Purge leaves.
const ActionPurge = "evidence.purge"

// Purge removes every entry before number cut and leaves a marker entry that
// states the cut, the root hash there, how many went, who did it and why. It is
// the only way an entry leaves the log (REQUIREMENTS X-10).
func (l *Log) Purge(ctx context.Context, cut int64, actor, reason string) error {
	err := l.db.Tx(ctx, func(tx *sql.Tx) error {
		size, first, err := l.lock(ctx, tx)
		if err != nil {
			return err
		}
		if cut <= first || cut > size {
			return gallra.Errorf(gallra.Invalid, "evidence.cut", "from", strconv.FormatInt(first, 10), "to", strconv.FormatInt(size, 10))
		}
		root, err := tlog.TreeHash(cut, &tree{ctx: ctx, tx: tx, fresh: map[int64]tlog.Hash{}})
		if err != nil {
			return fmt.Errorf("evidence: purge: %w", err)
		}
		if _, err := l.Append(ctx, tx, Entry{Actor: actor, Action: ActionPurge, Digest: purgeDigest(root), Reason: reason,
			Counts: map[string]int64{"cut": cut, "entries": cut - first}}); err != nil {
			return err
		}
		keep := cover(cut)
		args := []any{tlog.StoredHashIndex(0, cut)}
		for _, x := range keep {
			args = append(args, x)
		}
		for _, s := range []struct {
			query string
			args  []any
		}{
			{`UPDATE evidence_head SET first = $1`, []any{cut}},
			{`DELETE FROM evidence WHERE seq < $1`, []any{cut}},
			{`DELETE FROM evidence_checkpoint WHERE size <= $1`, []any{cut}},
			{`DELETE FROM evidence_hash WHERE idx < $1 AND idx NOT IN (` + store.Placeholders(2, len(keep)) + `)`, args},
		} {
			if _, err := tx.ExecContext(ctx, s.query, s.args...); err != nil {
				return fmt.Errorf("evidence: purge: %w", err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return l.db.Scrub(ctx)
}

// Before returns the number of the first entry at or after t: the cut that
// purges all older ones.
func (l *Log) Before(ctx context.Context, t time.Time) (int64, error) {
	var cut int64
	err := l.read(ctx, func(r *reader) error {
		var ferr error
		cut = r.first + int64(sort.Search(int(r.size-r.first), func(i int) bool {
			var line string
			var e Entry
			if err := r.tx.QueryRowContext(r.ctx, `SELECT line FROM evidence WHERE seq = $1`, r.first+int64(i)).Scan(&line); err != nil {
				ferr = err
				return true
			}
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				ferr = err
				return true
			}
			return !e.At.Before(t)
		}))
		return ferr
	})
	if err != nil {
		return 0, fmt.Errorf("evidence: before: %w", err)
	}
	return cut, nil
}
