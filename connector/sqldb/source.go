// Package sqldb reads and changes customer-service systems in their own
// database: one engine and a profile a product. It is the only way to anonymise
// in most self-hosted helpdesks, whose interfaces can delete at best. A profile
// says which table is a conversation, a message, a person or a copy of
// something, how rows hang together, and which column holds what.
//
// Addresses: postgres://, mysql:// and sqlite:PATH, each with ?profile=NAME or
// the path of a profile of one's own, and prefix= where the product has table
// prefixes.
package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // database/sql driver "pgx"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

func init() {
	connector.Register(connector.Info{
		Name: "sqldb", Schemes: []string{"postgres", "postgresql", "mysql", "mariadb", "sqlite"}, Title: "SQL", Channel: connector.ChannelTicketing,
		Can: []connector.Capability{connector.CanFind, connector.CanErase, connector.CanEdit, connector.CanAttachments,
			connector.CanLeftovers, connector.CanVerify, connector.CanPartition, connector.CanBatch, connector.CanUnlink},
		Finds: gallra.IdentifierKinds(),
		Options: []connector.Option{
			{Name: "profile", Help: "option.sqldb.profile", Required: true},
			{Name: "prefix", Help: "option.sqldb.prefix"},
			{Name: "timezone", Help: "option.sqldb.timezone"},
			{Name: "user", Help: "option.sqldb.user"},
			{Name: "password", Help: "option.sqldb.password", Secret: true},
			{Name: "erase_user", Help: "option.sqldb.erase_user"},
			{Name: "erase_password", Help: "option.sqldb.erase_password", Secret: true},
		},
		Open:  func(ctx context.Context, c connector.Config) (connector.Source, error) { return Open(ctx, c) },
		Draft: Draft,
	})
}

// Source is one database seen through a profile. It is safe for concurrent use.
type Source struct {
	known     func(connector.Profile) connector.Profile
	system    gallra.SystemID
	d         dialect
	db        *sql.DB
	other     *sql.DB // what verifies and searches what is left: a pool of its own
	changes   *sql.DB // what changes: db, where no user of its own is given
	profile   profile
	prefix    string
	loc       *time.Location
	have      schema
	tables    []*table // as in the profile: parents before children
	byType    map[string]*table
	walked    atomic.Pointer[schema] // the tables that the search for what is left goes through
	foreignMu sync.Mutex
	foreign   *[]foreignKey // what the database itself knows to point at what; nil: not asked yet
	hashes    bool          // PostgreSQL from 14 on: a row's hash costs a fraction of its text's digest
	// readCommitted: MariaDB is asked for what PostgreSQL does by itself. Its own
	// default locks the gaps between rows too, and two batches wait for each other.
	readCommitted bool
}

var (
	_ connector.Source      = (*Source)(nil)
	_ connector.Finder      = (*Source)(nil)
	_ connector.Eraser      = (*Source)(nil)
	_ connector.Editor      = (*Source)(nil)
	_ connector.Attachments = (*Source)(nil)
	_ connector.Searcher    = (*Source)(nil)
	_ connector.Verifier    = (*Source)(nil)
	_ connector.Tracer      = (*Source)(nil)
	_ connector.Rounder     = (*Source)(nil)
	_ connector.OneStep     = (*Source)(nil)
	_ connector.Partitioner = (*Source)(nil)
	_ connector.Batcher     = (*Source)(nil)
	_ connector.Unlinker    = (*Source)(nil)
	_ connector.Profiled    = (*Source)(nil)
	_ connector.Reviewer    = (*Source)(nil)
)

// Open connects and reads what tables there are. It does not look at rows.
func Open(ctx context.Context, c connector.Config) (*Source, error) {
	p, err := loadProfile(c.Option("profile"))
	if err != nil {
		return nil, err
	}
	name, dsn, d, err := driverOf(c)
	if err != nil {
		return nil, err
	}
	write := dsn
	if user := c.Option("erase_user"); user != "" {
		c.Options = maps.Clone(c.Options)
		c.Options["user"], c.Options["password"] = user, c.Option("erase_password")
		if _, write, _, err = driverOf(c); err != nil {
			return nil, err
		}
	}
	s := &Source{known: c.Known, system: c.System, d: d, profile: p, prefix: c.Option("prefix")}
	zone := p.Meta.TimeZone
	if z := c.Option("timezone"); z != "" {
		zone = z
	}
	if s.loc, err = time.LoadLocation(zone); err != nil {
		return nil, gallra.Errorf(gallra.Invalid, "sqldb.timezone", "system", string(c.System), "timezone", zone)
	}
	pool := func(dsn string) *sql.DB {
		db, openErr := sql.Open(name, dsn)
		if openErr != nil {
			err = gallra.Errorf(gallra.Invalid, "sqldb.address", "system", string(c.System))
			return nil
		}
		db.SetMaxOpenConns(4)
		db.SetMaxIdleConns(4)
		db.SetConnMaxIdleTime(time.Minute)
		return db
	}
	s.db, s.other = pool(dsn), pool(dsn)
	if s.changes = s.db; write != dsn {
		s.changes = pool(write)
	}
	if err != nil {
		return nil, err
	}
	if err := s.inspect(ctx); err != nil {
		_ = s.Close() // the first error is what matters
		return nil, err
	}
	return s, nil
}

// Close ends the pools.
func (s *Source) Close() error {
	return s.fail("close", errors.Join(s.db.Close(), s.other.Close(), s.changes.Close()))
}

// Profile returns what the profile says of the product.
func (s *Source) Profile() connector.Profile {
	p := s.profile.Meta.Profile
	if len(p.Scopes) == 0 { // of every database; two users may share it, one that reads and one that erases
		p.Scopes = []connector.Scope{{Needs: []string{"SELECT"}}, {For: connector.CanErase, Needs: []string{"SELECT", "UPDATE", "DELETE"}}, {For: connector.CanEdit, Needs: []string{"SELECT", "UPDATE", "DELETE"}}}
	}
	return s.known(p)
}

func (s *Source) inspect(ctx context.Context) error {
	have, err := s.readSchema(ctx)
	if err != nil {
		return err
	}
	s.have = have
	s.lay()
	switch s.d {
	case postgres:
		if err := s.db.QueryRowContext(ctx, "SELECT to_regprocedure('pg_catalog.hash_record_extended(record, bigint)') IS NOT NULL").Scan(&s.hashes); err != nil {
			return s.fail("inspect", err)
		}
	case mariadb:
		// A log of statements cannot tell what a transaction did that saw others' work.
		if err := s.db.QueryRowContext(ctx, "SELECT NOT (@@log_bin AND @@binlog_format = 'STATEMENT')").Scan(&s.readCommitted); err != nil {
			return s.fail("inspect", err)
		}
	}
	return s.measure(ctx)
}

// Check proves that the credentials suffice for reading and writing and that
// the database looks as the profile says: a missing table or column, or an
// unknown one that looks personal, is gallra.ErrDrift and is named.
func (s *Source) Check(ctx context.Context) error {
	have, err := s.readSchema(ctx)
	if err != nil {
		return err
	}
	if err := s.drift(have); err != nil {
		return err
	}
	// A statement that meets no row is refused all the same when the right is lacking.
	tx, err := s.changes.BeginTx(ctx, nil)
	if err != nil {
		return s.fail("check", err)
	}
	defer func() { _ = tx.Rollback() }() // nothing was changed
	for _, t := range s.tables {
		q := s.d.quote(t.name)
		statements := []string{"SELECT 1 FROM " + q + " WHERE 1 = 0", "DELETE FROM " + q + " WHERE 1 = 0"}
		for _, f := range t.fields {
			if c := t.columns[f.Meta.Column]; c.name != "" && len(f.Meta.Lookup) == 0 {
				n := s.d.quote(c.name)
				statements = append(statements, "UPDATE "+q+" SET "+n+" = "+n+" WHERE 1 = 0")
				break
			}
		}
		for _, st := range statements {
			if _, err := tx.ExecContext(ctx, st); err != nil {
				return s.fail("check "+t.name, err)
			}
		}
	}
	return nil
}

// Types returns the kinds of record, parents before children.
func (s *Source) Types(context.Context) ([]connector.Type, error) {
	var out []connector.Type
	for _, t := range s.tables {
		if !t.listed {
			continue
		}
		ct := connector.Type{Name: t.typ, Kind: t.kind}
		for o := t.owner; o != nil && ct.Parent == ""; o = o.owner {
			if o.listed {
				ct.Parent = o.typ
			}
		}
		for _, f := range t.fields {
			m := f.Meta
			ct.Fields = append(ct.Fields, connector.FieldInfo{Name: f.Name, Category: m.Category, Role: m.Role, Text: m.Text, Format: m.Format, Keep: m.Keep, Safe: f.safe(), Indexed: m.Indexed, ReadOnly: !f.settable()})
		}
		for _, e := range events {
			if t.clockColumn(e) != "" || e == gallra.StartLastContact && t.meta.Times.Newest != nil {
				ct.Starts = append(ct.Starts, e)
			}
		}
		out = append(out, ct)
	}
	return out, nil
}

// table returns the listed type of a name.
func (s *Source) table(typ string) (*table, error) {
	if t := s.byType[typ]; t != nil && t.listed {
		return t, nil
	}
	return nil, gallra.Errorf(gallra.NotFound, "sqldb.no_type", "system", string(s.system), "type", typ)
}

// fail turns a driver's error into one that says what to do, nil into nil. The
// driver's own text is dropped: it may quote a row's values or the address.
func (s *Source) fail(doing string, err error) error {
	if err == nil {
		return nil
	}
	if e := contextError(err); e != nil {
		return fmt.Errorf("sqldb: %s of %s: %w", doing, s.system, e)
	}
	code, key := classify(err)
	return gallra.Errorf(code, key, "system", string(s.system), "doing", doing)
}
