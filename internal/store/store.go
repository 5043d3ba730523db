// Package store opens Gallra's own database, SQLite in the data directory or
// PostgreSQL, brings its schema up to date, and runs transactions. Both are
// reached through database/sql with the same $n statements; a package of the
// product keeps its own statements beside the functions that use them.
//
// The store holds pointers, categories, counts and keyed digests, never content
// and never an identifier in clear (DESIGN 1.3).
package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // database/sql driver "pgx"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	_ "modernc.org/sqlite" // database/sql driver "sqlite"

	"github.com/gallra/gallra"
)

//go:embed migrations
var migrations embed.FS

// Dialect is the kind of database behind a DB.
type Dialect string

// The dialects.
const (
	SQLite   Dialect = "sqlite"
	Postgres Dialect = "postgres"
)

// DB is Gallra's own database. It is safe for concurrent use.
type DB struct {
	*sql.DB
	Dialect Dialect
	URL     string           // empty for SQLite
	Now     func() time.Time // the clock of everything above the store; tests set it
}

// Open opens the database of the data directory dir, or the PostgreSQL database
// at databaseURL when that is not empty, and applies the migrations.
func Open(ctx context.Context, dir, databaseURL string) (*DB, error) {
	if databaseURL != "" {
		return openPostgres(ctx, databaseURL)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, gallra.Errorf(gallra.Invalid, "store.directory", "directory", dir).Wrap(err)
	}
	return openSQLite(ctx, filepath.Join(dir, "gallra.db"))
}

func openSQLite(ctx context.Context, path string) (*DB, error) {
	// busy_timeout stands first so that the other pragmas wait too.
	// secure_delete keeps erased rows out of the file (REQUIREMENTS X-4).
	q := url.Values{"_txlock": {"immediate"}}
	for _, p := range []string{"busy_timeout(10000)", "journal_mode(wal)", "synchronous(normal)", "foreign_keys(1)", "secure_delete(on)"} {
		q.Add("_pragma", p)
	}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+q.Encode())
	if err != nil {
		return nil, fmt.Errorf("store: open: %w", err)
	}
	db.SetMaxOpenConns(8)
	// One at a time: SQLite answers "busy" at once, whatever the timeout, to the
	// second of two that turn a file over to the write-ahead log, and both of two
	// that migrate would find the same tables missing.
	unlock, err := alone(path + ".lock")
	if err != nil {
		_ = db.Close()
		return nil, err
	}
	defer unlock()
	return migrated(ctx, &DB{DB: db, Dialect: SQLite, Now: time.Now})
}

func openPostgres(ctx context.Context, u string) (*DB, error) {
	db, err := sql.Open("pgx", u)
	if err != nil {
		return nil, gallra.Errorf(gallra.Invalid, "store.url")
	}
	db.SetMaxOpenConns(16)
	if err := db.PingContext(ctx); err != nil {
		_ = db.Close()
		return nil, gallra.Errorf(gallra.Unavailable, "store.unreachable")
	}
	return migrated(ctx, &DB{DB: db, Dialect: Postgres, URL: u, Now: time.Now})
}

func migrated(ctx context.Context, db *DB) (*DB, error) {
	dir, dialect := "migrations/sqlite", goose.DialectSQLite3
	if db.Dialect == Postgres {
		dir, dialect = "migrations/postgres", goose.DialectPostgres
	}
	sub, err := fs.Sub(migrations, dir)
	if err != nil {
		return nil, fmt.Errorf("store: migrations: %w", err)
	}
	// A store may have a later migration and lack an earlier one that came with
	// a newer program: each adds tables of its own and leans on none before it
	// but the one that made what it changes.
	options := []goose.ProviderOption{goose.WithAllowOutofOrder(true)}
	if db.Dialect == Postgres { // several workers may start at once; a file's store is locked by its caller
		one, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 600))
		if err != nil {
			_ = db.Close()
			return nil, fmt.Errorf("store: migrations: %w", err)
		}
		options = append(options, goose.WithSessionLocker(one))
	}
	p, err := goose.NewProvider(dialect, db.DB, sub, options...)
	if err == nil {
		_, err = p.Up(ctx)
	}
	if err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("store: migrate: %w", err)
	}
	return db, nil
}

// Tx runs f in one transaction: commit when it returns nil, roll back otherwise.
func (db *DB) Tx(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("store: begin: %w", err)
	}
	if err := f(tx); err != nil {
		_ = tx.Rollback() // err is what the caller needs to know
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("store: commit: %w", err)
	}
	return nil
}

// Scrub empties SQLite's write-ahead log into the file, so that what was erased
// is in neither. Call it after every purge and run. PostgreSQL needs nothing.
func (db *DB) Scrub(ctx context.Context) error {
	if db.Dialect != SQLite {
		return nil
	}
	if _, err := db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		return fmt.Errorf("store: scrub: %w", err)
	}
	return nil
}

// Micros turns t into what the store keeps: microseconds since 1970 UTC, 0 for
// the zero time.
func Micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// Time is the inverse of Micros, in UTC.
func Time(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// Placeholders returns "$n,$n+1,..." for k parameters from number n.
func Placeholders(n, k int) string {
	var b strings.Builder
	for i := range k {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "$%d", n+i)
	}
	return b.String()
}
