package sqldb

import (
	"context"
	"slices"

	"github.com/gallra/gallra"
)

// Remains looks, on a connection of its own, for the rows themselves, for every
// row below them that can still be led back to them, for rows that name a person
// who is gone, and for rows of any table, those of no profile too, whose foreign
// key leads straight to them. Rows below a row that is gone can be led back to
// nothing: that they go is looked at while they are erased.
func (s *Source) Remains(ctx context.Context, refs []gallra.Ref) ([]gallra.Residue, error) {
	byType := map[string][]string{}
	for _, r := range refs {
		byType[r.Type] = append(byType[r.Type], r.ID)
	}
	var out []gallra.Residue
	for _, root := range s.tables {
		for keys := range slices.Chunk(byType[root.typ], maxLimit) {
			found, err := s.remaining(ctx, root, keys)
			if err != nil {
				return nil, err
			}
			out = append(out, found...)
		}
	}
	return out, nil
}

// pointer is a column that may hold the key of a record that is gone.
type pointer struct {
	table, column string
	rows          string // which of the table's rows count, under the alias t
	numeric       bool
	why           string
}

func (s *Source) remaining(ctx context.Context, root *table, keys []string) ([]gallra.Residue, error) {
	b := &query{d: s.d, reads: true}
	b.add("SELECT ")
	for i, c := range root.key {
		b.add(map[bool]string{true: "", false: ", "}[i == 0], s.d.refer("t", c))
	}
	b.add(" FROM ", s.d.quote(root.name), " t WHERE ")
	if c := s.rows(root, "t"); c != "" {
		b.add(c, " AND ")
	}
	s.hasKey(b, root, "t", keys)
	var there []string
	out, err := s.counted(ctx, b, root, root.name, len(root.key), "residue.still_there", func(id string) { there = append(there, id) })
	if err != nil {
		return nil, err
	}
	for _, t := range s.tables { // below what is still there
		if len(there) == 0 || !t.below(root) || t.owner == root || t.meta.OnErase == editBlank {
			continue
		}
		for _, id := range there {
			b := &query{d: s.d, reads: true}
			b.add("SELECT count(*) FROM ", s.d.quote(t.name), " t WHERE ")
			s.owned(b, t, root, []string{id})
			var n int64
			if err := s.other.QueryRowContext(ctx, b.String(), b.args...).Scan(&n); err != nil {
				return nil, s.fail("verify "+t.name, err)
			}
			if n > 0 {
				out = append(out, gallra.Residue{Ref: gallra.Ref{System: s.system, Type: root.typ, ID: id}, Where: t.name, Why: "residue.child", Count: n})
			}
		}
	}
	pointers, err := s.pointers(ctx, root)
	if err != nil {
		return nil, err
	}
	for _, p := range pointers {
		b := &query{d: s.d, reads: true}
		b.add("SELECT ", s.d.refer("t", p.column), " FROM ", s.d.quote(p.table), " t WHERE ")
		if p.rows != "" {
			b.add(p.rows, " AND ")
		}
		b.in(s.d.refer("t", p.column), keys, p.numeric)
		found, err := s.counted(ctx, b, root, p.table, 1, p.why, nil)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

// pointers are the columns that lead straight to a record of root.
func (s *Source) pointers(ctx context.Context, root *table) ([]pointer, error) {
	var out []pointer
	if len(root.key) != 1 {
		return out, nil // a link holds one value
	}
	covered := map[string]bool{} // the profile says what becomes of these
	for _, t := range s.tables {
		if p := t.meta.Parent; p != nil {
			covered[t.name+"."+p.Column] = true
		}
		if p := t.meta.Person; p != nil {
			covered[t.name+"."+p.Column] = true
		}
		if t.owner == root && t.meta.OnErase != editBlank && t.matched() == root.key[0] && len(t.meta.Parent.Prefixes) == 0 {
			out = append(out, pointer{t.name, t.meta.Parent.Column, s.rows(t, "t"), t.columns[t.meta.Parent.Column].numeric(), "residue.child"})
		}
		if p := t.meta.Person; p != nil && p.Type == root.typ && p.Unlink != "" && p.Column != "" && (p.Match == "" || p.Match == root.key[0]) && t != root {
			w := and(s.rows(t, "t"), s.d.condition("t", p.Where))
			out = append(out, pointer{t.name, p.Column, w, t.columns[p.Column].numeric(), "residue.link"})
		}
	}
	for _, r := range root.meta.Release {
		covered[s.prefix+r.Table+"."+r.Column] = true
	}
	keys, err := s.foreignKeys(ctx)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if k.to != root.name || k.toColumn != root.key[0] || covered[k.from+"."+k.column] {
			continue
		}
		out = append(out, pointer{k.from, k.column, "", s.have[k.from][k.column].numeric(), "residue.foreign"})
	}
	return out, nil
}

// counted reads keys of root and returns a residue for each that occurs.
func (s *Source) counted(ctx context.Context, b *query, root *table, where string, width int, why string, each func(id string)) ([]gallra.Residue, error) {
	counts := map[string]int64{}
	var order []string
	err := s.each(ctx, s.other, b, width, "verify "+where, func(v []any) {
		id := root.keyOf(v)
		if counts[id] == 0 {
			order = append(order, id)
		}
		counts[id]++
	})
	var out []gallra.Residue
	for _, id := range order {
		out = append(out, gallra.Residue{Ref: gallra.Ref{System: s.system, Type: root.typ, ID: id}, Where: where, Why: why, Count: counts[id]})
		if each != nil {
			each(id)
		}
	}
	return out, err
}

// foreignKey is a column that the database itself knows to point at another.
type foreignKey struct{ from, column, to, toColumn string }

const (
	postgresForeign = `SELECT f.relname, a.attname, p.relname, b.attname FROM pg_constraint c
	JOIN pg_class f ON f.oid = c.conrelid JOIN pg_class p ON p.oid = c.confrelid JOIN pg_namespace n ON n.oid = f.relnamespace
	JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1] JOIN pg_attribute b ON b.attrelid = c.confrelid AND b.attnum = c.confkey[1]
WHERE c.contype = 'f' AND array_length(c.conkey, 1) = 1 AND n.nspname = ANY(current_schemas(false)) ORDER BY 1, 2`
	mariadbForeign = `SELECT table_name, column_name, referenced_table_name, referenced_column_name FROM information_schema.key_column_usage
WHERE table_schema = DATABASE() AND referenced_table_schema = DATABASE() AND referenced_table_name IS NOT NULL ORDER BY 1, 2`
	sqliteForeign = `SELECT m.name, f."from", f."table", coalesce(f."to", '') FROM sqlite_master m, pragma_foreign_key_list(m.name) f WHERE m.type = 'table' ORDER BY 1, 2`
)

// foreignKeys asks the database once which columns point at which.
func (s *Source) foreignKeys(ctx context.Context) ([]foreignKey, error) {
	s.foreignMu.Lock()
	defer s.foreignMu.Unlock()
	if s.foreign != nil {
		return *s.foreign, nil
	}
	rows, err := s.other.QueryContext(ctx, map[dialect]string{postgres: postgresForeign, mariadb: mariadbForeign, sqlite: sqliteForeign}[s.d])
	if err != nil {
		return nil, s.fail("inspect", err)
	}
	defer rows.Close()
	out := []foreignKey{}
	for rows.Next() {
		var k foreignKey
		if err := rows.Scan(&k.from, &k.column, &k.to, &k.toColumn); err != nil {
			return nil, s.fail("inspect", err)
		}
		if k.toColumn == "" { // SQLite: the key, whatever it is called
			for _, t := range s.tables {
				if t.name == k.to && len(t.key) == 1 {
					k.toColumn = t.key[0]
				}
			}
		}
		out = append(out, k)
	}
	if err := rows.Err(); err != nil {
		return nil, s.fail("inspect", err)
	}
	s.foreign = &out
	return out, nil
}
