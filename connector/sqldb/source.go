// Package sqldb reads and changes customer-service systems in their own
// database: one engine and a profile a product. It is the only way to anonymise
// in most self-hosted helpdesks, whose interfaces can delete at best
// (research: finding 3). A profile says which table is a conversation, a
// message, a person or a copy of something, how rows hang together, which
// column holds what, and in what order they go.
//
// Addresses: postgres://, mysql:// and sqlite:PATH, each with ?profile=NAME or a
// path to a profile of one's own, and prefix= where the product has table
// prefixes.
package sqldb

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // database/sql driver "pgx"
	_ "modernc.org/sqlite"             // database/sql driver "sqlite"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/pii"
)

func init() {
	connector.Register(connector.Info{
		Name: "sqldb", Schemes: []string{"postgres", "postgresql", "mysql", "mariadb", "sqlite"}, Title: "SQL", Channel: connector.ChannelTicketing,
		Can: []connector.Capability{connector.CanFind, connector.CanErase, connector.CanEdit, connector.CanAttachments,
			connector.CanLeftovers, connector.CanVerify, connector.CanPartition, connector.CanBatch},
		Finds: gallra.IdentifierKinds(),
		Options: []connector.Option{
			{Name: "profile", Help: "sqldb.option.profile", Required: true},
			{Name: "prefix", Help: "sqldb.option.prefix"},
			{Name: "user", Help: "sqldb.option.user"},
			{Name: "password", Help: "sqldb.option.password", Secret: true},
		},
		Open: func(ctx context.Context, c connector.Config) (connector.Source, error) { return Open(ctx, c) },
	})
}

// Source is one database seen through a profile. It is safe for concurrent use.
type Source struct {
	system  gallra.SystemID
	d       dialect
	db      *sql.DB
	other   *sql.DB // what verifies: a pool of its own
	profile dataset
	prefix  string
	loc     *time.Location
	columns map[string]map[string]column // by table as the database has it
	tables  []*table                     // parents before children
	byType  map[string]*table
	missing []string // what the profile has and the database has not
}

var (
	_ connector.Source      = (*Source)(nil)
	_ connector.Finder      = (*Source)(nil)
	_ connector.Eraser      = (*Source)(nil)
	_ connector.Editor      = (*Source)(nil)
	_ connector.Attachments = (*Source)(nil)
	_ connector.Searcher    = (*Source)(nil)
	_ connector.Verifier    = (*Source)(nil)
	_ connector.Partitioner = (*Source)(nil)
	_ connector.Batcher     = (*Source)(nil)
	_ connector.Profiled    = (*Source)(nil)
)

// column is one column as the database describes it.
type column struct {
	name     string
	kind     string // data type, lower case
	nullable bool
}

func (c column) numeric() bool {
	return strings.Contains(c.kind, "int") || strings.Contains(c.kind, "serial") || c.kind == "numeric"
}

func (c column) blob() bool { return strings.Contains(c.kind, "blob") || c.kind == "bytea" }

// table is one collection of the profile on this database.
type table struct {
	spec    tableSpec
	name    string // as the database has it, prefix included
	typ     string
	columns map[string]column
	fields  []fieldSpec
	version []string
}

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
	s := &Source{system: c.System, d: d, profile: p, prefix: c.Option("prefix"), loc: time.UTC}
	if z := p.Meta.Gallra.TimeZone; z != "" {
		if s.loc, err = time.LoadLocation(z); err != nil {
			return nil, gallra.Errorf(gallra.Invalid, "sqldb.profile_wrong", "profile", p.Key, "what", "timezone")
		}
	}
	for _, pool := range []**sql.DB{&s.db, &s.other} {
		db, err := sql.Open(name, dsn)
		if err != nil {
			return nil, gallra.Errorf(gallra.Invalid, "sqldb.address", "system", string(c.System))
		}
		db.SetMaxOpenConns(4)
		db.SetMaxIdleConns(2)
		db.SetConnMaxIdleTime(time.Minute)
		*pool = db
	}
	if err := s.inspect(ctx); err != nil {
		_ = s.Close() // the first error is what matters
		return nil, err
	}
	return s, nil
}

// Close ends both pools.
func (s *Source) Close() error {
	err := s.db.Close()
	if oerr := s.other.Close(); err == nil {
		err = oerr
	}
	if err != nil {
		return s.fail("close", err)
	}
	return nil
}

// Profile returns what the profile says of the product.
func (s *Source) Profile() connector.Profile { return s.profile.Meta.Gallra.Profile }

func (s *Source) inspect(ctx context.Context) error {
	var q string
	switch s.d {
	case postgres:
		q = `SELECT table_name, column_name, data_type, is_nullable = 'YES' FROM information_schema.columns WHERE table_schema = ANY(current_schemas(false))`
	case mariadb:
		q = `SELECT table_name, column_name, data_type, is_nullable = 'YES' FROM information_schema.columns WHERE table_schema = DATABASE()`
	case sqlite:
		q = `SELECT m.name, p.name, lower(p.type), p."notnull" = 0 FROM sqlite_master m, pragma_table_info(m.name) p WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'`
	}
	rows, err := s.db.QueryContext(ctx, q)
	if err != nil {
		return s.fail("inspect", err)
	}
	defer rows.Close()
	s.columns = map[string]map[string]column{}
	for rows.Next() {
		var t string
		var c column
		if err := rows.Scan(&t, &c.name, &c.kind, &c.nullable); err != nil {
			return s.fail("inspect", err)
		}
		c.kind = strings.ToLower(c.kind)
		if s.columns[t] == nil {
			s.columns[t] = map[string]column{}
		}
		s.columns[t][c.name] = c
	}
	if err := rows.Err(); err != nil {
		return s.fail("inspect", err)
	}
	s.compile()
	return nil
}

// compile lays the profile over the tables that are there and notes what is
// missing; Check reports it.
func (s *Source) compile() {
	s.byType = map[string]*table{}
	for _, c := range s.profile.Collections {
		g := c.Meta.Gallra
		t := &table{spec: g, name: s.prefix + c.Name, typ: g.typ(c.Name)}
		t.columns = s.columns[t.name]
		if t.columns == nil {
			if !g.Optional {
				s.missing = append(s.missing, t.name)
			}
			continue
		}
		for _, f := range c.Fields {
			if _, ok := t.columns[f.Name]; ok {
				t.fields = append(t.fields, f)
			} else if !f.Meta.Gallra.Optional && g.Content == nil {
				s.missing = append(s.missing, t.name+"."+f.Name)
			} else if g.Content != nil && f.Name == g.Content.Value {
				t.fields = append(t.fields, f)
			}
		}
		for _, n := range t.needed() {
			if _, ok := t.columns[n]; !ok {
				s.missing = append(s.missing, t.name+"."+n)
			}
		}
		t.version = g.Version
		if len(t.version) == 0 {
			for _, f := range t.fields {
				if col := t.columns[f.Name]; col.name != "" && !col.blob() {
					t.version = append(t.version, f.Name)
				}
			}
		}
		s.tables = append(s.tables, t)
		s.byType[t.typ] = t
	}
	slices.SortStableFunc(s.tables, func(a, b *table) int { return s.depth(a) - s.depth(b) })
}

// needed are the columns besides fields that the profile speaks of.
func (t *table) needed() []string {
	n := slices.Clone([]string(t.spec.Key))
	n = append(n, t.spec.Version...)
	if p := t.spec.Parent; p != nil {
		n = append(n, p.Column)
	}
	if p := t.spec.Person; p != nil {
		n = append(n, p.Column)
	}
	for _, c := range []string{t.spec.Times.Created, t.spec.Times.Updated, t.spec.Times.Contact, t.spec.Times.Closed} {
		if c != "" {
			n = append(n, c)
		}
	}
	return n
}

// depth is how far a table stands from a conversation or person: children are
// deeper than what they hang on.
func (s *Source) depth(t *table) int {
	n := 0
	if p := t.spec.Parent; p != nil {
		n = 1 + len(p.Through)
	}
	return n
}

// Check proves that the credentials suffice and that the database looks as the
// profile says: a missing table or column, or an unknown one that looks
// personal, is gallra.ErrDrift and is named.
func (s *Source) Check(ctx context.Context) error {
	if err := s.db.PingContext(ctx); err != nil {
		return s.fail("check", err)
	}
	if len(s.missing) > 0 {
		return gallra.Errorf(gallra.Drift, "sqldb.missing", "system", string(s.system), "what", strings.Join(s.missing, ", "))
	}
	if u := s.unknown(); len(u) > 0 {
		return gallra.Errorf(gallra.Drift, "sqldb.unknown", "system", string(s.system), "what", strings.Join(u, ", "))
	}
	for _, t := range s.tables {
		if _, err := s.db.ExecContext(ctx, "SELECT 1 FROM "+s.d.quote(t.name)+" WHERE 1 = 0"); err != nil {
			return s.fail("check "+t.name, err)
		}
	}
	return nil
}

// unknown lists the columns that look personal and that the profile does not know.
func (s *Source) unknown() []string {
	known := map[string]bool{}
	for _, k := range s.profile.Meta.Gallra.Known {
		known[s.prefix+k] = true
	}
	for _, c := range s.profile.Collections {
		t := s.prefix + c.Name
		for _, f := range c.Fields {
			known[t+"."+f.Name] = true
		}
		probe := table{spec: c.Meta.Gallra}
		for _, n := range probe.needed() {
			known[t+"."+n] = true
		}
		if p := c.Meta.Gallra.Content; p != nil {
			known[s.prefix+p.Table+"."+p.Value] = true
		}
	}
	var out []string
	for t, cols := range s.columns {
		if known[t] || s.prefix != "" && !strings.HasPrefix(t, s.prefix) {
			continue
		}
		for n := range cols {
			if _, personal := pii.ColumnName(n); personal && !known[t+"."+n] {
				out = append(out, t+"."+n)
			}
		}
	}
	slices.Sort(out)
	return out
}

// Types returns the kinds of record, parents before children.
func (s *Source) Types(ctx context.Context) ([]connector.Type, error) {
	out := make([]connector.Type, 0, len(s.tables))
	for _, t := range s.tables {
		ct := connector.Type{Name: t.typ, Kind: t.spec.Kind}
		if p := t.spec.Parent; p != nil {
			ct.Parent = p.Type
		}
		for _, f := range t.fields {
			m := f.Meta.Gallra
			ct.Fields = append(ct.Fields, connector.FieldInfo{Name: f.Name, Category: m.Category, Role: m.Role, Text: m.Text, Format: m.Format, Keep: m.Keep, Indexed: m.Indexed,
				ReadOnly: t.spec.Content != nil && f.Name == t.spec.Content.Value})
		}
		for _, e := range []struct {
			col string
			ev  gallra.StartEvent
		}{{t.spec.Times.Created, gallra.StartCreated}, {t.spec.Times.Contact, gallra.StartLastContact}, {t.spec.Times.Closed, gallra.StartClosed}, {t.spec.Times.Updated, gallra.StartUpdated}} {
			if e.col != "" {
				ct.Starts = append(ct.Starts, e.ev)
			}
		}
		out = append(out, ct)
	}
	return out, nil
}

func (s *Source) table(typ string) (*table, error) {
	if t := s.byType[typ]; t != nil {
		return t, nil
	}
	return nil, gallra.Errorf(gallra.NotFound, "sqldb.no_type", "system", string(s.system), "type", typ)
}

func (t *table) keyNumeric() bool { return len(t.spec.Key) == 1 && t.columns[t.spec.Key[0]].numeric() }

func (t *table) clock(s *Source, col string) clock {
	return clock{encoding: t.spec.Times.Encoding, kind: t.columns[col].kind, loc: s.loc}
}

// fail turns a driver's error into one that says what to do. The driver's own
// text is dropped: it may quote a row's values or the address.
func (s *Source) fail(doing string, err error) error {
	return failure(s.system, doing, err)
}

func failure(system gallra.SystemID, doing string, err error) error {
	if err == nil {
		return nil
	}
	code, key := classify(err)
	e := gallra.Errorf(code, key, "system", string(system), "doing", doing)
	if ctxErr := contextError(err); ctxErr != nil {
		return fmt.Errorf("sqldb: %s of %s: %w", doing, system, ctxErr)
	}
	return e
}
