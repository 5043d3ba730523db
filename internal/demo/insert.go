package demo

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// dialect is the kind of database a schema is filled in.
type dialect int

const (
	sqlite dialect = iota
	mariadb
	postgres
)

// Counts says how many rows or objects of each type were made.
type Counts map[string]int

func (c Counts) total() int {
	n := 0
	for _, k := range c {
		n += k
	}
	return n
}

// inserter writes rows in batches: the tables in the order in which they were
// first used, so that parents stand before children.
type inserter struct {
	ctx     context.Context
	db      *sql.DB
	dialect dialect
	prefix  string
	tables  []*batch
	byName  map[string]*batch
	counts  Counts
	conn    *sql.Conn
	tx      *sql.Tx
	pending int
}

type batch struct {
	table   string
	columns []string
	args    []any
	rows    int
	full    *sql.Stmt // inserts batchRows rows; belongs to the transaction
}

const (
	batchRows  = 200
	copyRows   = 5_000
	commitRows = 50_000
)

func newInserter(ctx context.Context, db *sql.DB, d dialect, prefix string) *inserter {
	return &inserter{ctx: ctx, db: db, dialect: d, prefix: prefix, byName: map[string]*batch{}, counts: Counts{}}
}

// table declares a table and its columns, in the order parents before children.
func (in *inserter) table(name string, columns ...string) {
	b := &batch{table: name, columns: columns}
	in.tables = append(in.tables, b)
	in.byName[name] = b
}

// add queues one row and writes when enough have gathered.
func (in *inserter) add(table string, values ...any) error {
	b := in.byName[table]
	if len(values) != len(b.columns) {
		return fmt.Errorf("demo: %s: %d values for %d columns", table, len(values), len(b.columns))
	}
	for i, v := range values {
		if t, ok := v.(time.Time); ok {
			values[i] = in.time(t)
		}
	}
	b.args = append(b.args, values...)
	b.rows++
	in.counts[table]++
	if b.rows == batchRows && in.dialect != postgres || b.rows == copyRows {
		return in.flush()
	}
	return nil
}

// time returns a time as the database keeps it; NULL for the zero time.
func (in *inserter) time(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	if in.dialect == sqlite {
		return t.UTC().Format(time.DateTime)
	}
	return t.UTC().Truncate(time.Second)
}

func (in *inserter) flush() error {
	if in.tx == nil {
		conn, err := in.db.Conn(in.ctx)
		if err != nil {
			return fmt.Errorf("demo: connect: %w", err)
		}
		in.conn = conn
		if in.tx, err = conn.BeginTx(in.ctx, nil); err != nil {
			return fmt.Errorf("demo: begin: %w", err)
		}
	}
	for _, b := range in.tables {
		if b.rows == 0 {
			continue
		}
		var err error
		if in.dialect == postgres {
			err = in.copy(b)
		} else if b.rows == batchRows {
			if b.full == nil {
				b.full, err = in.tx.PrepareContext(in.ctx, in.statement(b))
			}
			if err == nil {
				_, err = b.full.ExecContext(in.ctx, b.args...)
			}
		} else {
			_, err = in.tx.ExecContext(in.ctx, in.statement(b), b.args...)
		}
		if err != nil {
			return fmt.Errorf("demo: insert into %s: %w", b.table, err)
		}
		in.pending += b.rows
		b.rows, b.args = 0, b.args[:0]
	}
	if in.pending >= commitRows {
		return in.commit()
	}
	return nil
}

// copy sends the rows of b through PostgreSQL's COPY.
func (in *inserter) copy(b *batch) error {
	n := len(b.columns)
	rows := pgx.CopyFromSlice(b.rows, func(i int) ([]any, error) { return b.args[i*n : (i+1)*n], nil })
	return in.conn.Raw(func(c any) error {
		_, err := c.(*stdlib.Conn).Conn().CopyFrom(in.ctx, pgx.Identifier{in.prefix + b.table}, b.columns, rows)
		return err
	})
}

func (in *inserter) statement(b *batch) string {
	var q strings.Builder
	quote := func(s string) string { return `"` + s + `"` }
	if in.dialect == mariadb {
		quote = func(s string) string { return "`" + s + "`" }
	}
	q.WriteString("INSERT INTO " + quote(in.prefix+b.table) + " (")
	for i, c := range b.columns {
		if i > 0 {
			q.WriteByte(',')
		}
		q.WriteString(quote(c))
	}
	q.WriteString(") VALUES ")
	for n := range b.rows {
		if n > 0 {
			q.WriteByte(',')
		}
		q.WriteByte('(')
		for i := range b.columns {
			if i > 0 {
				q.WriteByte(',')
			}
			q.WriteByte('?')
		}
		q.WriteByte(')')
	}
	return q.String()
}

func (in *inserter) commit() error {
	if in.tx == nil {
		return nil
	}
	for _, b := range in.tables {
		b.full = nil
	}
	err := in.tx.Commit()
	if cerr := in.conn.Close(); err == nil {
		err = cerr
	}
	in.tx, in.conn, in.pending = nil, nil, 0
	if err != nil {
		return fmt.Errorf("demo: commit: %w", err)
	}
	return nil
}

// done writes what is left. fill is the error of the filling; when it is set,
// what was not committed is rolled back.
func (in *inserter) done(fill error) (Counts, error) {
	if fill == nil {
		if fill = in.flush(); fill == nil {
			fill = in.commit()
		}
	}
	if in.tx != nil {
		_ = in.tx.Rollback() // fill says why
		_ = in.conn.Close()
		in.tx, in.conn = nil, nil
	}
	return in.counts, fill
}

// each calls f for the n conversations of a system until the context ends.
func (w *world) each(ctx context.Context, system string, n int, f func(conversation) error) error {
	for i := range n {
		if i%1000 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := f(w.conversation(system, i, n)); err != nil {
			return err
		}
	}
	return nil
}
