package store_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/store/storetest"
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
