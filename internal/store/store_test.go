package store_test

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"testing"

	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/store/storetest"
	"github.com/gallra/gallra/internal/testserver"
)

func TestTxRollsBackOnError(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		boom := errors.New("boom")
		err := db.Tx(ctx, func(tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, "INSERT INTO setting (name, value) VALUES ($1, $2)", "a", "b"); err != nil {
				return err
			}
			return boom
		})
		if !errors.Is(err, boom) {
			t.Fatalf("got %v, want the cause", err)
		}
		var n int
		if err := db.QueryRowContext(ctx, "SELECT count(*) FROM setting").Scan(&n); err != nil || n != 0 {
			t.Fatalf("got %d rows, %v; want none", n, err)
		}
	})
}

// TestStoreTakesAnEarlierMigrationLater: what a newer program adds between two
// migrations is made when the store is opened.
func TestStoreTakesAnEarlierMigrationLater(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	db, err := store.Open(ctx, dir, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"DROP TABLE trial", "DELETE FROM goose_db_version WHERE version_id = 16"} {
		if _, err := db.ExecContext(ctx, s); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if db, err = store.Open(ctx, dir, ""); err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, "SELECT id FROM trial"); err != nil {
		t.Error(err)
	}
}

// Programs that are started at once on a store that nobody has made yet all open
// it: one makes the tables, the others wait.
func TestOpenedByManyAtOnce(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) func() (*store.DB, error){
		"sqlite": func(t *testing.T) func() (*store.DB, error) {
			dir := t.TempDir()
			return func() (*store.DB, error) { return store.Open(t.Context(), dir, "") }
		},
		"postgres": func(t *testing.T) func() (*store.DB, error) {
			_, address := testserver.Postgres(t)
			return func() (*store.DB, error) { return store.Open(t.Context(), "", address) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			one := open(t)
			var all sync.WaitGroup
			for range 6 {
				all.Go(func() {
					db, err := one()
					if err != nil {
						t.Error(err)
						return
					}
					if err := db.Close(); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
		})
	}
}
