package sqldb

import (
	"context"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/pii"
)

// column is one column as the database describes it.
type column struct {
	name     string
	kind     string // data type, lower case
	nullable bool
	length   int  // most characters; 0 for no limit
	exact    bool // compares case by case: Anna is not anna
}

// numeric reports whether the column holds whole numbers.
func (c column) numeric() bool {
	return strings.Contains(c.kind, "int") && !strings.Contains(c.kind, "interval") || strings.Contains(c.kind, "serial")
}

func (c column) blob() bool { return strings.Contains(c.kind, "blob") || c.kind == "bytea" }

// json reports whether the database checks the column's text.
func (c column) json() bool { return strings.HasPrefix(c.kind, "json") }

// text reports whether the column holds characters.
func (c column) text() bool {
	for _, k := range []string{"char", "text", "json", "clob", "enum", "xml"} {
		if strings.Contains(c.kind, k) {
			return true
		}
	}
	return c.kind == ""
}

// searchable reports whether a personal value can stand in the column.
func (c column) searchable() bool {
	if c.text() || c.blob() || c.numeric() { // a phone number may be kept as a number
		return true
	}
	for _, k := range []string{"inet", "cidr", "array", "user-defined", "hstore", "numeric", "decimal", "binary"} {
		if strings.Contains(c.kind, k) {
			return true
		}
	}
	return false
}

// schema is every table of the database with its columns.
type schema map[string]map[string]column

const (
	// The catalogue itself: information_schema takes a second of a large one.
	postgresColumns = `SELECT c.relname, a.attname,
	CASE WHEN t.typtype = 'e' THEN 'user-defined' WHEN t.typcategory = 'A' THEN 'array' ELSE format_type(a.atttypid, NULL) END,
	NOT a.attnotnull, CASE WHEN a.atttypid IN (1042, 1043) AND a.atttypmod > 4 THEN a.atttypmod - 4 ELSE 0 END, true
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_type t ON t.oid = a.atttypid
WHERE c.relkind IN ('r', 'p') AND n.nspname = ANY(current_schemas(false)) AND a.attnum > 0 AND NOT a.attisdropped`
	mariadbColumns = `SELECT c.table_name, c.column_name, c.data_type, c.is_nullable = 'YES',
	CASE WHEN c.data_type IN ('char', 'varchar') THEN c.character_maximum_length ELSE 0 END, COALESCE(c.collation_name, '_bin') NOT LIKE '%_ci'
FROM information_schema.columns c WHERE c.table_schema = DATABASE()`
	// Apart: joined to the columns it costs twenty times as much.
	mariadbTables = `SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'`
	sqliteColumns = `SELECT m.name, p.name, lower(p.type), p."notnull" = 0, 0, 1 FROM sqlite_master m, pragma_table_xinfo(m.name) p WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'`
)

// readSchema asks the database what tables and columns it has.
func (s *Source) readSchema(ctx context.Context) (schema, error) {
	rows, err := s.db.QueryContext(ctx, map[dialect]string{postgres: postgresColumns, mariadb: mariadbColumns, sqlite: sqliteColumns}[s.d])
	if err != nil {
		return nil, s.fail("inspect", err)
	}
	defer rows.Close()
	out := schema{}
	for rows.Next() {
		var t string
		var c column
		if err := rows.Scan(&t, &c.name, &c.kind, &c.nullable, &c.length, &c.exact); err != nil {
			return nil, s.fail("inspect", err)
		}
		c.kind = strings.ToLower(c.kind)
		if out[t] == nil {
			out[t] = map[string]column{}
		}
		out[t][c.name] = c
	}
	if err := rows.Err(); err != nil {
		return nil, s.fail("inspect", err)
	}
	if s.d == mariadb { // whose columns are those of views too
		return out, s.onlyTables(ctx, out)
	}
	return out, nil
}

// onlyTables takes out of have what is no table.
func (s *Source) onlyTables(ctx context.Context, have schema) error {
	rows, err := s.db.QueryContext(ctx, mariadbTables)
	if err != nil {
		return s.fail("inspect", err)
	}
	defer rows.Close()
	table := map[string]bool{}
	for rows.Next() {
		var t string
		if err := rows.Scan(&t); err != nil {
			return s.fail("inspect", err)
		}
		table[t] = true
	}
	if err := rows.Err(); err != nil {
		return s.fail("inspect", err)
	}
	maps.DeleteFunc(have, func(t string, _ map[string]column) bool { return !table[t] })
	return nil
}

// drift compares the profile with the database: what is missing, and what is
// there that looks personal and that nobody has looked at.
func (s *Source) drift(have schema) error {
	if missing := s.profile.missing(s.prefix, have); len(missing) > 0 {
		return gallra.Errorf(gallra.Drift, "sqldb.missing", "system", string(s.system), "what", strings.Join(missing, ", "))
	}
	if u := s.profile.unknown(s.prefix, have); len(u) > 0 {
		return gallra.Errorf(gallra.Drift, "sqldb.unknown", "system", string(s.system), "what", strings.Join(u, ", "))
	}
	return nil
}

// missing lists the tables and columns the profile needs and the database lacks.
func (p profile) missing(prefix string, have schema) []string {
	var out []string
	need := func(table, column string) {
		if _, ok := have[prefix+table][column]; !ok && column != "" {
			out = append(out, prefix+table+"."+column)
		}
	}
	for _, c := range p.Collections {
		if have[prefix+c.Name] == nil {
			if !c.Meta.Optional {
				out = append(out, prefix+c.Name)
			}
			continue
		}
		for _, n := range c.needed() {
			need(c.Name, n)
		}
		for _, f := range c.Fields {
			if f.Meta.Optional || c.Meta.Content != nil && f.Name == c.Meta.Content.Value {
				continue
			}
			need(c.Name, f.Meta.Column)
			for _, h := range f.Meta.Lookup {
				need(h.Table, h.Match)
				need(h.Table, h.Column)
			}
		}
		if x := c.Meta.Person; x != nil {
			for _, h := range x.Through {
				need(h.Table, h.Match)
				need(h.Table, h.Column)
			}
			if x.Nobody != nil {
				need(x.Nobody.Table, x.Nobody.Column)
			}
		}
		if x := c.Meta.Content; x != nil {
			need(x.Table, x.Match)
			need(x.Table, x.Value)
			need(x.Table, x.Order)
		}
		if x := c.Meta.Shared; x != nil {
			for _, t := range slices.Concat(x.Delete, x.Users) {
				need(t.Table, t.Column)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// needed are the columns besides fields that a collection speaks of.
func (c collection) needed() []string {
	m := c.Meta
	n := slices.Concat(m.Key, m.Version, columns(m.Where), columns(m.WhereNot))
	if m.Parent != nil {
		n = append(n, m.Parent.Column)
	}
	if m.Person != nil {
		n = append(n, m.Person.Column)
		n = append(n, columns(m.Person.Where)...)
	}
	n = append(n, m.Times.Created, m.Times.Updated, m.Times.Contact, m.Times.Closed)
	if m.Only != nil {
		n = append(n, m.Only.From)
	}
	if m.Shared != nil {
		n = append(n, m.Shared.Column)
	}
	if m.Content != nil {
		n = append(n, m.Content.Column)
	}
	for _, f := range c.Fields {
		n = append(n, f.Meta.Encoding)
	}
	return slices.DeleteFunc(n, func(s string) bool { return s == "" })
}

// unknown lists the columns whose names look personal and that the profile does
// not speak of. With a prefix, other products' tables are not looked at.
func (p profile) unknown(prefix string, have schema) []string {
	known := map[string]bool{}
	for _, c := range p.Collections {
		for _, f := range c.Fields {
			known[c.Name+"."+f.Meta.Column] = true
		}
		for _, n := range c.needed() {
			known[c.Name+"."+n] = true
		}
		if x := c.Meta.Content; x != nil {
			known[x.Table+"."+x.Value] = true
		}
	}
	var out []string
	for t, cols := range have {
		short, ok := strings.CutPrefix(t, prefix)
		if !ok || p.looked(short) {
			continue
		}
		for n, c := range cols {
			if _, personal := pii.ColumnName(n); personal && !c.numeric() && c.searchable() && !known[short+"."+n] && !p.looked(short+"."+n) {
				out = append(out, t+"."+n)
			}
		}
	}
	slices.Sort(out)
	return out
}

// looked reports whether the profile's list of known names covers one.
func (p profile) looked(name string) bool {
	for _, k := range p.Meta.Known {
		if ok, err := path.Match(k, name); ok && err == nil {
			return true
		}
	}
	return false
}
