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
