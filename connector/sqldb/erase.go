package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

// Erase erases one record with all that belongs to it.
func (s *Source) Erase(ctx context.Context, ref gallra.Ref, ifVersion string) (gallra.Receipt, error) {
	return connector.One(s.EraseMany(ctx, []connector.Item{{Ref: ref, IfVersion: ifVersion}}))
}

// EraseMany erases the records in one transaction a type: rows are locked and
// their versions compared, then children go before parents and shared content
// last, when no other row uses it. A record that something outside the profile
// points at is refused alone.
func (s *Source) EraseMany(ctx context.Context, items []connector.Item) ([]connector.Result, error) {
	return s.change(ctx, "erase", gallra.ActionErase, items, s.locked(ctx, items, func(tx *sql.Tx, t *table, keys []string, _ []int) error {
		if t.conversation() != nil && t.meta.OnEdit == editKeep { // what its case says of it elsewhere
			if err := s.forget(ctx, tx, t, keys, nil); err != nil {
				return err
			}
		}
		return s.cascade(ctx, tx, t, keys)
	}), nil)
}

// acting does something to records of a type, in one transaction, and returns
// those to which it was done; it fills in what became of the others.
type acting func(tx *sql.Tx, t *table, idx []int, out []connector.Result) ([]int, error)

// locked does something to rows that it has locked and that have their version.
func (s *Source) locked(ctx context.Context, items []connector.Item, do func(tx *sql.Tx, t *table, keys []string, idx []int) error) acting {
	return func(tx *sql.Tx, t *table, idx []int, out []connector.Result) ([]int, error) {
		ok, err := s.lock(ctx, tx, t, items, idx, out)
		if err != nil || len(ok) == 0 {
			return ok, err
		}
		return ok, do(tx, t, keysOf(items, ok), ok)
	}
}

func keysOf(items []connector.Item, idx []int) []string {
	keys := make([]string, len(idx))
	for n, i := range idx {
		keys[n] = items[i].Ref.ID
	}
	return keys
}

// change does one thing to the records of each type that still have their
// version, in one transaction, and fills in receipts. allow, if not nil, refuses
// single items beforehand.
func (s *Source) change(ctx context.Context, doing string, action gallra.Action, items []connector.Item, act acting, allow func(t *table, i int) error) ([]connector.Result, error) {
	if err := s.drift(s.have); err != nil {
		return nil, err
	}
	out := make([]connector.Result, len(items))
	byType := map[*table][]int{}
	for i, it := range items {
		t := s.byType[it.Ref.Type]
		if t == nil || !t.listed || it.Ref.System != s.system {
			out[i].Err = gallra.Errorf(gallra.NotFound, "sqldb.gone", "ref", it.Ref.String())
			continue
		}
		if allow != nil {
			if out[i].Err = allow(t, i); out[i].Err != nil {
				continue
			}
		}
		byType[t] = append(byType[t], i)
	}
	at := time.Now().UTC()
	grade, residues := s.profile.Meta.Grade(), s.profile.Meta.Residues(at)
	var batch func(t *table, idx []int) error
	batch = func(t *table, idx []int) error {
		var ok []int
		err := s.inTx(ctx, doing, func(tx *sql.Tx) (err error) {
			ok, err = act(tx, t, idx, out)
			return err
		})
		switch {
		case gallra.CodeOf(err) == gallra.Conflict && len(idx) == 1:
			out[idx[0]].Err = err
			return nil
		case gallra.CodeOf(err) == gallra.Conflict:
			// One of them breaks a rule of the database: the others shall not wait for it.
			if err := batch(t, idx[:len(idx)/2]); err != nil {
				return err
			}
			return batch(t, idx[len(idx)/2:])
		case err != nil:
			return err
		}
		for _, i := range ok {
			out[i].Receipt = gallra.Receipt{Ref: items[i].Ref, Action: action, Grade: grade, At: at, Final: true, Residues: residues}
		}
		return nil
	}
	// Children of one type before their parents of another, should both be named.
	for _, t := range slices.Backward(s.tables) {
		for part := range slices.Chunk(byType[t], maxLimit) {
			if err := batch(t, part); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// attempts is how often a transaction is tried that the database ends because
// two wait for each other.
const attempts = 5

// inTx runs f in a transaction, and all of it again when the database has chosen
// it to give way to another.
func (s *Source) inTx(ctx context.Context, doing string, f func(*sql.Tx) error) error {
	for n := 1; ; n++ {
		err := s.onceInTx(ctx, doing, f)
		if n == attempts || !errors.Is(err, errDeadlock) {
			return err
		}
	}
}

func (s *Source) onceInTx(ctx context.Context, doing string, f func(*sql.Tx) error) error {
	var opt sql.TxOptions
	if s.readCommitted {
		opt.Isolation = sql.LevelReadCommitted
	}
	tx, err := s.changes.BeginTx(ctx, &opt)
	if err != nil {
		return s.fail(doing, err)
	}
	if err := f(tx); err != nil {
		_ = tx.Rollback() // err is what the caller needs to know
		return err
	}
	return s.fail(doing, tx.Commit())
}

// lock locks the rows of idx and returns those whose version is still the one
// expected; the others get their error.
func (s *Source) lock(ctx context.Context, tx *sql.Tx, t *table, items []connector.Item, idx []int, out []connector.Result) ([]int, error) {
	keys := make([]string, 0, len(idx))
	versions := false
	for _, i := range idx {
		out[i] = connector.Result{} // of an attempt that gave way
		keys = append(keys, items[i].Ref.ID)
		versions = versions || items[i].IfVersion != ""
	}
	now := make(map[string]string, len(keys))
	err := s.keyed(t, "t", keys, func(where func(*query), end string) error {
		b := &query{d: s.d}
		b.add("SELECT ")
		for _, k := range t.key {
			b.add(s.d.refer("t", k), ", ")
		}
		if versions {
			b.add(s.version(t, "t"))
		} else {
			b.add("''")
		}
		b.add(" FROM ", s.d.quote(t.name), " t WHERE ")
		if c := s.rows(t, "t"); c != "" {
			b.add(c, " AND ")
		}
		where(b)
		if s.d != sqlite { // there a transaction holds the whole file
			b.add(" ORDER BY ", s.d.refer("t", t.key[0]), end, " FOR UPDATE") // in order: two batches never wait for each other
		}
		return s.each(ctx, tx, b, len(t.key)+1, "lock "+t.name, func(v []any) { now[t.keyOf(v)] = text(v[len(t.key)]) })
	})
	if err != nil {
		return nil, err
	}
	ok := make([]int, 0, len(idx))
	for _, i := range idx {
		v, there := now[items[i].Ref.ID]
		switch {
		case !there:
			out[i].Err = gallra.Errorf(gallra.NotFound, "sqldb.gone", "ref", items[i].Ref.String())
		case items[i].IfVersion != "" && items[i].IfVersion != v:
			out[i].Err = gallra.Errorf(gallra.Conflict, "sqldb.changed", "ref", items[i].Ref.String())
		default:
			ok = append(ok, i)
			delete(now, items[i].Ref.ID) // named twice: gone the second time
		}
	}
	return ok, nil
}

// dropped is shared content that rows of t have let go.
type dropped struct {
	t    *table
	keys []string
}

// cascade erases the rows of root with those keys and all that belongs to them.
func (s *Source) cascade(ctx context.Context, tx *sql.Tx, root *table, keys []string) error {
	root, keys, err := s.whole(ctx, tx, root, keys)
	if err != nil {
		return err
	}
	var shared []dropped
	for _, t := range slices.Backward(s.tables) {
		if t != root && !t.below(root) {
			continue
		}
		if t.meta.Shared != nil {
			ids, err := s.pointedAt(ctx, tx, t, func(b *query) { s.owned(b, t, root, keys) })
			if err != nil {
				return err
			}
			shared = append(shared, dropped{t, ids})
		}
		if t == root {
			if err := s.unlink(ctx, tx, t, keys); err != nil {
				return err
			}
		}
		b := &query{d: s.d}
		if t.meta.OnErase != editBlank {
			s.deleteFrom(b, t)
		} else if !s.blank(b, t) {
			continue
		}
		s.owned(b, t, root, keys)
		if _, err := tx.ExecContext(ctx, b.String(), b.args...); err != nil {
			return s.fail("erase "+t.name, err)
		}
		if err := s.allGone(ctx, tx, t, root, keys); err != nil {
			return err
		}
	}
	for _, d := range shared {
		if err := s.dropShared(ctx, tx, d.t, d.keys); err != nil {
			return err
		}
	}
	return nil
}

// allGone looks whether rows deep below a record are gone, while those between
// them and the record still are there: afterwards nothing tells whose they were,
// and no other road finds them. A trigger or a rule of the database may have
// kept them without a word.
func (s *Source) allGone(ctx context.Context, tx *sql.Tx, t, root *table, keys []string) error {
	if t == root || t.owner == root || t.meta.OnErase == editBlank {
		return nil // another road finds these: Remains
	}
	b := &query{d: s.d}
	b.add("SELECT count(*) FROM ", s.d.quote(t.name), " t WHERE ")
	s.owned(b, t, root, keys)
	var left int64
	if err := tx.QueryRowContext(ctx, b.String(), b.args...).Scan(&left); err != nil {
		return s.fail("look for "+t.name, err)
	}
	if left > 0 {
		return gallra.Errorf(gallra.Unavailable, "sqldb.kept", "table", t.name)
	}
	return nil
}

// whole returns the row that stands for a record: its own, or its parent's
// where the product spreads one record over two tables.
func (s *Source) whole(ctx context.Context, tx *sql.Tx, t *table, keys []string) (*table, []string, error) {
	if !t.meta.Whole || t.owner == nil {
		return t, keys, nil
	}
	b := &query{d: s.d}
	b.add("SELECT DISTINCT ", s.d.refer("t", t.meta.Parent.Column), " FROM ", s.d.quote(t.name), " t WHERE ")
	s.hasKey(b, t, "t", keys)
	ids, err := s.keys(ctx, tx, b, "parents of "+t.name)
	return t.owner, ids, err
}

// deleteFrom begins a DELETE of rows of t under the alias t.
func (s *Source) deleteFrom(b *query, t *table) {
	if s.d == mariadb {
		b.add("DELETE t FROM ", s.d.quote(t.name), " t WHERE ") // the form whose subqueries MariaDB turns into joins
		return
	}
	b.add("DELETE FROM ", s.d.quote(t.name), " AS t WHERE ")
}

// update begins an UPDATE of rows of t under the alias t; the SET list and the
// condition follow.
func (s *Source) update(b *query, t *table) {
	if s.d == mariadb {
		b.add("UPDATE ", s.d.quote(t.name), " t JOIN (SELECT 1) one SET ") // as for deleteFrom
		return
	}
	b.add("UPDATE ", s.d.quote(t.name), " AS t SET ")
}

// pointedAt notes which shared content the rows point at, before they go.
func (s *Source) pointedAt(ctx context.Context, tx *sql.Tx, t *table, which func(*query)) ([]string, error) {
	col := s.d.refer("t", t.meta.Shared.Column)
	b := &query{d: s.d}
	b.add("SELECT DISTINCT ", col, " FROM ", s.d.quote(t.name), " t WHERE ", col, " IS NOT NULL AND ")
	which(b)
	var ids []string
	err := s.each(ctx, tx, b, 1, "shared content of "+t.name, func(v []any) { ids = append(ids, text(v[0])) })
	return ids, err
}

// dropShared erases content that no row uses any more.
func (s *Source) dropShared(ctx context.Context, tx *sql.Tx, t *table, ids []string) error {
	numeric := t.columns[t.meta.Shared.Column].numeric()
	for part := range slices.Chunk(ids, maxLimit) {
		for _, d := range t.meta.Shared.Delete {
			b := &query{d: s.d}
			s.deleteFrom(b, &table{name: s.prefix + d.Table})
			key, target := s.d.refer("t", d.Column), s.have[s.prefix+d.Table][d.Column]
			if d.Of != nil {
				b.add(key, " IN (SELECT ", s.d.refer("f", d.Of.Column), " FROM ", s.d.quote(s.prefix+d.Of.Table), " f WHERE ")
				key, target = s.d.refer("f", d.Of.Match), s.have[s.prefix+d.Of.Table][d.Of.Match]
			}
			s.inOf(b, target, key, part, numeric)
			for _, u := range t.meta.Shared.Users {
				b.add(" AND NOT EXISTS (SELECT 1 FROM ", s.d.quote(s.prefix+u.Table), " u WHERE ", and(s.d.refer("u", u.Column)+" = "+key, s.d.condition("u", u.Where)), ")")
			}
			if d.Of != nil {
				b.add(")")
			}
			if _, err := tx.ExecContext(ctx, b.String(), b.args...); err != nil {
				return s.fail("erase "+d.Table, err)
			}
		}
	}
	return nil
}
