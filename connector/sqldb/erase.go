package sqldb

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

// Erase erases one record with all that belongs to it.
func (s *Source) Erase(ctx context.Context, ref gallra.Ref, ifVersion string) (gallra.Receipt, error) {
	r, err := s.EraseMany(ctx, []connector.Item{{Ref: ref, IfVersion: ifVersion}})
	if err != nil {
		return gallra.Receipt{}, err
	}
	return r[0].Receipt, r[0].Err
}

// EraseMany erases the records in one transaction a type: rows are locked and
// their versions compared, then children go before parents and shared content
// last, when no other row uses it.
func (s *Source) EraseMany(ctx context.Context, items []connector.Item) ([]connector.Result, error) {
	out := make([]connector.Result, len(items))
	at := time.Now().UTC()
	err := s.eachType(items, func(i int) gallra.Ref { return items[i].Ref }, out, func(t *table, idx []int) error {
		return s.inTx(ctx, "erase", func(tx *sql.Tx) error {
			ok, err := s.lock(ctx, tx, t, items, idx, out)
			if err != nil || len(ok) == 0 {
				return err
			}
			keys := make([]string, len(ok))
			for n, i := range ok {
				keys[n] = items[i].Ref.ID
			}
			if err := s.cascade(ctx, tx, t, keys); err != nil {
				return err
			}
			for _, i := range ok {
				out[i].Receipt = gallra.Receipt{Ref: items[i].Ref, Action: gallra.ActionErase, Grade: gallra.GradeDerived, At: at, Final: true}
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// eachType calls f once a type with the indexes of its items; unknown types get
// their error.
func (s *Source) eachType(items any, ref func(int) gallra.Ref, out []connector.Result, f func(*table, []int) error) error {
	byType := map[string][]int{}
	var order []string
	for i := range out {
		r := ref(i)
		if s.byType[r.Type] == nil || r.System != s.system {
			out[i].Err = gallra.Errorf(gallra.NotFound, "sqldb.gone", "ref", r.String())
			continue
		}
		if byType[r.Type] == nil {
			order = append(order, r.Type)
		}
		byType[r.Type] = append(byType[r.Type], i)
	}
	for _, typ := range order {
		if err := f(s.byType[typ], byType[typ]); err != nil {
			return err
		}
	}
	return nil
}

func (s *Source) inTx(ctx context.Context, doing string, f func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return s.fail(doing, err)
	}
	if err := f(tx); err != nil {
		_ = tx.Rollback() // err is what the caller needs to know
		return err
	}
	if err := tx.Commit(); err != nil {
		return s.fail(doing, err)
	}
	return nil
}

// lock locks the rows of idx and returns those whose version is still the one
// expected; the others get their error.
func (s *Source) lock(ctx context.Context, tx *sql.Tx, t *table, items []connector.Item, idx []int, out []connector.Result) ([]int, error) {
	keys := make([]string, 0, len(idx))
	any := true
	for _, i := range idx {
		keys = append(keys, items[i].Ref.ID)
		any = any && items[i].IfVersion == ""
	}
	suffix := " FOR UPDATE"
	switch {
	case s.d == sqlite:
		suffix = "" // the transaction holds the whole file
	case s.d == postgres:
		suffix = " FOR UPDATE OF t" // joined rows stay free
	}
	recs, err := s.byKeys(ctx, tx, t, keys, connector.FieldsNone, suffix)
	if err != nil {
		return nil, err
	}
	now := make(map[string]string, len(recs))
	for _, r := range recs {
		now[r.Ref.ID] = r.Version
	}
	var ok []int
	for _, i := range idx {
		v, there := now[items[i].Ref.ID]
		switch {
		case !there:
			out[i].Err = gallra.Errorf(gallra.NotFound, "sqldb.gone", "ref", items[i].Ref.String())
		case items[i].IfVersion != "" && items[i].IfVersion != v:
			out[i].Err = gallra.Errorf(gallra.Conflict, "sqldb.changed", "ref", items[i].Ref.String())
		default:
			ok = append(ok, i)
		}
	}
	return ok, nil
}

// child is a table whose rows hang on a type, over how many hops.
type child struct {
	t    *table
	hops int
}

// children returns the tables that hang on typ, the farthest first, so that the
// rows a hop leads through are still there when it is followed.
func (s *Source) children(typ string) []child {
	var out []child
	for _, t := range s.tables {
		if p := t.spec.Parent; p != nil && p.Type == typ {
			out = append(out, child{t, len(p.Through)})
		}
	}
	slices.SortStableFunc(out, func(a, b child) int { return b.hops - a.hops })
	return out
}

// cascade erases the rows of t with those keys and all that hangs on them.
func (s *Source) cascade(ctx context.Context, tx *sql.Tx, t *table, keys []string) error {
	for _, c := range s.children(t.typ) {
		if len(s.children(c.t.typ)) > 0 || len(c.t.spec.Shared) > 0 {
			// Something hangs on these rows in turn: their keys are needed.
			ids, err := s.keysOf(ctx, tx, c.t, keys)
			if err != nil {
				return err
			}
			for part := range slices.Chunk(ids, maxLimit) {
				if err := s.cascade(ctx, tx, c.t, part); err != nil {
					return err
				}
			}
			continue
		}
		b := &query{d: s.d}
		b.add("DELETE FROM ", s.d.quote(c.t.name), " WHERE ")
		if c.t.spec.Where != "" {
			b.add("(", s.unaliased(c.t, c.t.spec.Where), ") AND ")
		}
		s.belongs(b, c.t, s.d.quote(c.t.name)+".", keys)
		if _, err := tx.ExecContext(ctx, b.String(), b.args...); err != nil {
			return s.fail("erase "+c.t.name, err)
		}
	}
	if err := s.unlink(ctx, tx, t, keys); err != nil {
		return err
	}
	shared, err := s.sharedKeys(ctx, tx, t, keys)
	if err != nil {
		return err
	}
	b := &query{d: s.d}
	b.add("DELETE FROM ", s.d.quote(t.name), " WHERE ")
	s.hasKey(b, t, s.d.quote(t.name)+".", keys)
	if _, err := tx.ExecContext(ctx, b.String(), b.args...); err != nil {
		return s.fail("erase "+t.name, err)
	}
	return s.dropShared(ctx, tx, t, shared)
}

// unaliased writes a profile's condition for a statement without the alias t.
func (s *Source) unaliased(t *table, where string) string {
	return replaceAlias(s.expand(where), s.d.quote(t.name)+".")
}

func (s *Source) keysOf(ctx context.Context, tx *sql.Tx, t *table, parents []string) ([]string, error) {
	b := &query{d: s.d}
	b.add("SELECT ")
	for i, k := range t.spec.Key {
		if i > 0 {
			b.add(", ")
		}
		b.add("t.", s.d.quote(k))
	}
	b.add(" FROM ", s.d.quote(t.name), " t WHERE ")
	if t.spec.Where != "" {
		b.add("(", s.expand(t.spec.Where), ") AND ")
	}
	s.belongs(b, t, "t.", parents)
	return s.strings(ctx, tx, b, len(t.spec.Key), "keys of "+t.name)
}

func (s *Source) strings(ctx context.Context, r runner, b *query, n int, doing string) ([]string, error) {
	rows, err := r.QueryContext(ctx, b.String(), b.args...)
	if err != nil {
		return nil, s.fail(doing, err)
	}
	defer rows.Close()
	vals, ptrs := make([]any, n), make([]any, n)
	for i := range vals {
		ptrs[i] = &vals[i]
	}
	var out []string
	for rows.Next() {
		if err := rows.Scan(ptrs...); err != nil {
			return nil, s.fail(doing, err)
		}
		parts := make([]string, n)
		for i, v := range vals {
			parts[i] = text(v)
		}
		out = append(out, joinKey(parts))
	}
	if err := rows.Err(); err != nil {
		return nil, s.fail(doing, err)
	}
	return out, nil
}

// unlink takes a person's key out of the records of others that stay.
func (s *Source) unlink(ctx context.Context, tx *sql.Tx, t *table, keys []string) error {
	for _, o := range s.tables {
		m := o.spec.Person
		if m == nil || m.Type != t.typ || !o.columns[m.Column].nullable {
			continue
		}
		b := &query{d: s.d}
		b.add("UPDATE ", s.d.quote(o.name), " SET ", s.d.quote(m.Column), " = NULL WHERE ")
		if m.Match != "" {
			col := s.d.quote(m.Match)
			b.add(s.d.quote(m.Column), " IN (SELECT p.", col, " FROM ", s.d.quote(t.name), " p WHERE ")
			s.hasKey(b, t, "p.", keys)
			b.add(")")
		} else {
			b.in(s.d.quote(m.Column), keys, t.keyNumeric())
		}
		if _, err := tx.ExecContext(ctx, b.String(), b.args...); err != nil {
			return s.fail("unlink "+o.name, err)
		}
	}
	return nil
}

// sharedKeys notes which shared content the rows point at, before they go.
func (s *Source) sharedKeys(ctx context.Context, tx *sql.Tx, t *table, keys []string) (map[string][]string, error) {
	out := map[string][]string{}
	for _, sh := range t.spec.Shared {
		if _, done := out[sh.Column]; done {
			continue
		}
		b := &query{d: s.d}
		b.add("SELECT DISTINCT t.", s.d.quote(sh.Column), " FROM ", s.d.quote(t.name), " t WHERE t.", s.d.quote(sh.Column), " IS NOT NULL AND ")
		s.hasKey(b, t, "t.", keys)
		ids, err := s.strings(ctx, tx, b, 1, "shared content of "+t.name)
		if err != nil {
			return nil, err
		}
		out[sh.Column] = ids
	}
	return out, nil
}

// dropShared erases shared content that no row of t uses any more.
func (s *Source) dropShared(ctx context.Context, tx *sql.Tx, t *table, shared map[string][]string) error {
	for _, sh := range t.spec.Shared {
		for part := range slices.Chunk(shared[sh.Column], maxLimit) {
			name := s.d.quote(s.prefix + sh.Table)
			key := name + "." + s.d.quote(sh.Key)
			b := &query{d: s.d}
			b.add("DELETE FROM ", name, " WHERE ")
			b.in(key, part, s.columns[s.prefix+sh.Table][sh.Key].numeric())
			b.add(" AND NOT EXISTS (SELECT 1 FROM ", s.d.quote(t.name), " u WHERE u.", s.d.quote(sh.Column), " = ", key, ")")
			if _, err := tx.ExecContext(ctx, b.String(), b.args...); err != nil {
				return s.fail("erase "+sh.Table, err)
			}
		}
	}
	return nil
}

// Remains looks for the rows themselves and for rows that hang on them, on a
// connection of its own.
func (s *Source) Remains(ctx context.Context, refs []gallra.Ref) ([]gallra.Residue, error) {
	byType := map[string][]string{}
	for _, r := range refs {
		byType[r.Type] = append(byType[r.Type], r.ID)
	}
	var out []gallra.Residue
	for typ, keys := range byType {
		t := s.byType[typ]
		if t == nil {
			continue
		}
		for part := range slices.Chunk(keys, maxLimit) {
			b := &query{d: s.d}
			b.add("SELECT ")
			for i, k := range t.spec.Key {
				if i > 0 {
					b.add(", ")
				}
				b.add("t.", s.d.quote(k))
			}
			b.add(" FROM ", s.d.quote(t.name), " t WHERE ")
			s.hasKey(b, t, "t.", part)
			there, err := s.strings(ctx, s.other, b, len(t.spec.Key), "verify "+t.name)
			if err != nil {
				return nil, err
			}
			for _, id := range there {
				out = append(out, gallra.Residue{Ref: gallra.Ref{System: s.system, Type: typ, ID: id}, Where: t.name, Why: "residue.still_there", Count: 1})
			}
			for _, c := range s.children(typ) {
				if c.hops > 0 {
					continue // the way to it is gone with the rows between
				}
				b := &query{d: s.d}
				b.add("SELECT t.", s.d.quote(c.t.spec.Parent.Column), " FROM ", s.d.quote(c.t.name), " t WHERE ")
				if c.t.spec.Where != "" {
					b.add("(", s.expand(c.t.spec.Where), ") AND ")
				}
				s.belongs(b, c.t, "t.", part)
				ids, err := s.strings(ctx, s.other, b, 1, "verify "+c.t.name)
				if err != nil {
					return nil, err
				}
				for _, id := range ids {
					out = append(out, gallra.Residue{Ref: gallra.Ref{System: s.system, Type: typ, ID: id}, Where: c.t.name, Why: "residue.child", Count: 1})
				}
			}
		}
	}
	return out, nil
}
