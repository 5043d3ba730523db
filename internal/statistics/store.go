package statistics

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/store"
)

// folded is the part that a whole run's counts have become.
const folded = -1

// Save writes the counts of batch part of a run, in the transaction that marks
// the batch as done.
func Save(ctx context.Context, tx *sql.Tx, run string, part int64, c *Cells) error {
	b, err := c.Encode()
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO statistic (run, part, system, type, cells) VALUES ($1, $2, $3, $4, $5)`,
		run, part, string(c.System), c.Type, b); err != nil {
		return fmt.Errorf("statistics: save %s: %w", run, err)
	}
	return nil
}

// Fold makes one row a type of a run's many. It may be repeated.
func Fold(ctx context.Context, tx *sql.Tx, run string) error {
	all, err := load(ctx, tx, `SELECT cells FROM statistic WHERE run = $1`, run)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM statistic WHERE run = $1`, run); err != nil {
		return fmt.Errorf("statistics: fold %s: %w", run, err)
	}
	for _, c := range all {
		if err := Save(ctx, tx, run, folded, c); err != nil {
			return err
		}
	}
	return nil
}

// Querier is what *sql.DB and *sql.Tx share.
type Querier interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}

// Thinned returns the counts of all that runs have erased of a type.
func Thinned(ctx context.Context, q Querier, system gallra.SystemID, typ string) (*Cells, error) {
	all, err := load(ctx, q, `SELECT cells FROM statistic WHERE system = $1 AND type = $2`, string(system), typ)
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		return c, nil // one type: load has merged them
	}
	return NewCells(system, typ), nil
}

// ThinnedTypes returns the counts of all that is gone, type by type.
func ThinnedTypes(ctx context.Context, q Querier) ([]*Cells, error) {
	return load(ctx, q, `SELECT cells FROM statistic ORDER BY system, type`)
}

// load merges the selected rows by system and type, one row in memory at a time.
func load(ctx context.Context, q Querier, query string, args ...any) ([]*Cells, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("statistics: load: %w", err)
	}
	defer rows.Close()
	var out []*Cells
	at := map[gallra.Ref]int{}
	for rows.Next() {
		var b []byte
		if err := rows.Scan(&b); err != nil {
			return nil, fmt.Errorf("statistics: load: %w", err)
		}
		c, err := Decode(b)
		if err != nil {
			return nil, err
		}
		k := gallra.Ref{System: c.System, Type: c.Type}
		if i, ok := at[k]; ok {
			out[i].Merge(c)
			continue
		}
		at[k] = len(out)
		out = append(out, c)
	}
	return out, rows.Err()
}

// Live counts every record of a type that is in the system now.
func Live(ctx context.Context, src connector.Source, system gallra.SystemID, t connector.Type, loc *time.Location) (*Cells, error) {
	s, c := SchemaOf(system, t), NewCells(system, t.Name)
	q := connector.Query{Type: t.Name, Fields: connector.FieldsKeep}
	for {
		p, err := src.List(ctx, q)
		if err != nil {
			return nil, fmt.Errorf("statistics: list %s/%s: %w", system, t.Name, err)
		}
		for _, r := range p.Records {
			c.Add(s, s.Fact(r, loc))
		}
		if q.Cursor = p.Next; p.Next == "" {
			return c, nil
		}
	}
}

// Whole returns live and thinned counts of a type together: what every report
// is made of.
func Whole(ctx context.Context, db *store.DB, src connector.Source, system gallra.SystemID, t connector.Type, loc *time.Location) (*Cells, error) {
	c, err := Thinned(ctx, db, system, t.Name)
	if err != nil {
		return nil, err
	}
	live, err := Live(ctx, src, system, t, loc)
	if err != nil {
		return nil, err
	}
	c.Merge(live)
	return c, nil
}
