package demo

import (
	"context"
	"database/sql"
	"time"
)

// Fill says how much a real product's schema is filled with, for tests and
// measurements at size. Each conversation has about four messages.
type Fill struct {
	Persons       int
	Conversations int
	Seed          uint64
	Now           time.Time // until when things have happened; zero: the clock
}

func (f Fill) world() *world {
	if f.Now.IsZero() {
		f.Now = time.Now()
	}
	return newWorld(f.Seed, f.Now, f.Persons)
}

// Driver names the database behind a *sql.DB.
type Driver string

// The drivers.
const (
	MariaDB    Driver = "mariadb"
	PostgreSQL Driver = "postgres"
)

func (d Driver) dialect() dialect {
	if d == MariaDB {
		return mariadb
	}
	return postgres
}

// Flarum fills an empty Flarum database on either server. prefix stands before
// its table names, first is the highest user id that is taken.
func Flarum(ctx context.Context, db *sql.DB, d Driver, prefix string, first int, f Fill) (Counts, error) {
	return f.world().fillFlarum(ctx, db, d.dialect(), prefix, first, f.Conversations)
}

// Chatwoot makes Chatwoot's tables in an empty PostgreSQL database, those in
// which customers' data are kept, and fills them.
func Chatwoot(ctx context.Context, db *sql.DB, f Fill) (Counts, error) {
	if err := createChatwoot(ctx, db); err != nil {
		return nil, err
	}
	return f.world().fillChatwoot(ctx, db, postgres, f.Conversations)
}
