// Package storetest gives tests a fresh, migrated store: SQLite always, and
// PostgreSQL when GALLRA_TEST_POSTGRES names a server, so that every statement
// is tried on both.
package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"sync/atomic"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // database/sql driver "pgx"

	"github.com/gallra/gallra/internal/store"
)

// SQLite opens a fresh SQLite store that goes away with the test.
func SQLite(tb testing.TB) *store.DB {
	tb.Helper()
	db, err := store.Open(context.Background(), tb.TempDir(), "")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = db.Close() })
	return db
}

var serial atomic.Int64

// Postgres opens a fresh database on the server GALLRA_TEST_POSTGRES names; it
// skips, saying so, when there is none.
func Postgres(tb testing.TB) *store.DB {
	tb.Helper()
	u := os.Getenv("GALLRA_TEST_POSTGRES")
	if u == "" {
		tb.Skip("GALLRA_TEST_POSTGRES is not set: ./test starts a server")
	}
	admin, err := sql.Open("pgx", u)
	if err != nil {
		tb.Fatal(err)
	}
	name := fmt.Sprintf("gallra_%d_%d", os.Getpid(), serial.Add(1))
	if _, err := admin.Exec("CREATE DATABASE " + name); err != nil {
		tb.Fatal(err)
	}
	pu, err := url.Parse(u)
	if err != nil {
		tb.Fatal(err)
	}
	pu.Path = "/" + name
	db, err := store.Open(context.Background(), "", pu.String())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = db.Close()
		if _, err := admin.Exec("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			tb.Error(err)
		}
		_ = admin.Close()
	})
	return db
}

// Each runs f once for each kind of database.
func Each(t *testing.T, f func(t *testing.T, db *store.DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { f(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { f(t, Postgres(t)) })
}
