package retention

import (
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"slices"

	"github.com/gallra/gallra"
)

// marks tells which records have been anonymised in place and not changed
// since: digests of id and version, sorted. Eight bytes a record: a million are
// eight megabytes.
type marks []uint64

func mark(id, version string) uint64 {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%d:%s%s", len(id), id, version) // a hash never fails
	return h.Sum64()
}

func (m marks) has(id, version string) bool {
	if len(m) == 0 {
		return false
	}
	_, ok := slices.BinarySearch(m, mark(id, version))
	return ok
}

// marks loads those of a unit that has a rule which anonymises.
func (e *Engine) marks(ctx context.Context, u unit, rules []gallra.Rule) (marks, error) {
	if !slices.ContainsFunc(u.Rules, func(i int) bool { return rules[i].Action == gallra.ActionAnonymise }) {
		return nil, nil
	}
	rows, err := e.DB.QueryContext(ctx, `SELECT marks FROM anonymised WHERE system = $1 AND type = $2`, string(u.System), u.Type)
	if err != nil {
		return nil, fmt.Errorf("retention: anonymised: %w", err)
	}
	defer rows.Close()
	var out marks
	for rows.Next() {
		var b []byte
		if err := rows.Scan(&b); err != nil {
			return nil, fmt.Errorf("retention: anonymised: %w", err)
		}
		for ; len(b) >= 8; b = b[8:] {
			out = append(out, binary.LittleEndian.Uint64(b))
		}
	}
	slices.Sort(out)
	return out, rows.Err()
}

func saveMarks(ctx context.Context, tx *sql.Tx, run string, u unit, m marks) error {
	b := make([]byte, 0, 8*len(m))
	for _, x := range m {
		b = binary.LittleEndian.AppendUint64(b, x)
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO anonymised (system, type, run, marks) VALUES ($1, $2, $3, $4)
		ON CONFLICT (system, type, run) DO UPDATE SET marks = excluded.marks`, string(u.System), u.Type, run, b); err != nil {
		return fmt.Errorf("retention: anonymised: %w", err)
	}
	return nil
}
