package evidence

import (
	"context"
	"database/sql"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/store"
)

// pageSize is how many entries are read at a time: memory stays flat however
// long the log is.
const pageSize = 1000

// stored is an entry as the tables hold it.
type stored struct {
	seq  int64
	line string
	note string // checkpoint of size seq+1, if there is one
}

// reader reads the tables in one read-only transaction, so that what it sees
// is the log of one moment.
type reader struct {
	ctx         context.Context
	tx          *sql.Tx
	size, first int64
}

func (l *Log) read(ctx context.Context, f func(*reader) error) error {
	opts := &sql.TxOptions{ReadOnly: true} // SQLite reads a snapshot as it is
	if l.db.Dialect == store.Postgres {
		opts.Isolation = sql.LevelRepeatableRead
	}
	tx, err := l.db.BeginTx(ctx, opts)
	if err != nil {
		return fmt.Errorf("evidence: read: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // nothing was written
	r := &reader{ctx: ctx, tx: tx}
	if err := tx.QueryRowContext(ctx, `SELECT size, first FROM evidence_head`).Scan(&r.size, &r.first); err != nil {
		return fmt.Errorf("evidence: read: %w", err)
	}
	return f(r)
}

// page returns up to pageSize entries from number from on, and the stored
// hashes from the leaf of from up to that of the last one's successor.
func (r *reader) page(from int64) ([]stored, map[int64]tlog.Hash, error) {
	rows, err := r.tx.QueryContext(r.ctx, `SELECT e.seq, e.line, COALESCE(c.note, '') FROM evidence e
		LEFT JOIN evidence_checkpoint c ON c.size = e.seq + 1
		WHERE e.seq >= $1 AND e.seq < $2 ORDER BY e.seq LIMIT $3`, from, r.size, pageSize)
	if err != nil {
		return nil, nil, fmt.Errorf("evidence: read: %w", err)
	}
	defer rows.Close()
	var out []stored
	for rows.Next() {
		var s stored
		if err := rows.Scan(&s.seq, &s.line, &s.note); err != nil {
			return nil, nil, fmt.Errorf("evidence: read: %w", err)
		}
		out = append(out, s)
	}
	if err := rows.Err(); err != nil || len(out) == 0 {
		return nil, nil, err
	}
	h, err := r.hashes(tlog.StoredHashIndex(0, out[0].seq), tlog.StoredHashIndex(0, out[len(out)-1].seq+1))
	return out, h, err
}

// hashes returns the stored hashes with indexes in [from, to).
func (r *reader) hashes(from, to int64) (map[int64]tlog.Hash, error) {
	rows, err := r.tx.QueryContext(r.ctx, `SELECT idx, hash FROM evidence_hash WHERE idx >= $1 AND idx < $2`, from, to)
	if err != nil {
		return nil, fmt.Errorf("evidence: read: %w", err)
	}
	defer rows.Close()
	out := map[int64]tlog.Hash{}
	for rows.Next() {
		var x int64
		var b []byte
		if err := rows.Scan(&x, &b); err != nil {
			return nil, fmt.Errorf("evidence: read: %w", err)
		}
		var h tlog.Hash
		copy(h[:], b)
		out[x] = h
	}
	return out, rows.Err()
}

// prefix returns the subtree roots that stand for the purged entries [0, first).
func (r *reader) prefix() ([]tlog.Hash, error) {
	idx := cover(r.first)
	if len(idx) == 0 {
		return nil, nil
	}
	t := &tree{ctx: r.ctx, tx: r.tx, fresh: map[int64]tlog.Hash{}}
	h, err := t.ReadHashes(idx)
	if err != nil {
		return nil, gallra.Errorf(gallra.Internal, "evidence.tree_broken").Wrap(err)
	}
	return h, nil
}

// cover returns the stored-hash indexes of the complete subtrees that together
// are [0, n), left to right.
func cover(n int64) []int64 {
	var out []int64
	var at int64
	for level := 62; level >= 0; level-- {
		if n&(1<<level) != 0 {
			out = append(out, tlog.StoredHashIndex(level, at>>level))
			at += 1 << level
		}
	}
	return out
}
