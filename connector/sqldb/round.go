package sqldb

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"strings"

	"github.com/gallra/gallra"
)

// OneStep says that EditMany unlinks and rounds what it is asked to.
func (s *Source) OneStep() {}

// RoundTimes sets every time of the records and of the rows below them back to
// the beginning of its month: columns of a type for times, and those that the
// profile names as clocks. Types that are done are not read for it.
func (s *Source) RoundTimes(ctx context.Context, refs []gallra.Ref, done ...string) error {
	if err := s.drift(s.have); err != nil {
		return err
	}
	byType := map[string][]string{}
	for _, r := range refs {
		if r.System == s.system {
			byType[r.Type] = append(byType[r.Type], r.ID)
		}
	}
	for _, root := range s.tables {
		for keys := range slices.Chunk(byType[root.typ], maxLimit) {
			err := s.inTx(ctx, "round times", func(tx *sql.Tx) error {
				for _, t := range slices.Backward(s.tables) { // children first: the way to them goes over their parents
					if t != root && !t.below(root) || slices.Contains(done, t.typ) {
						continue
					}
					var sets, finer []string
					for _, r := range s.rounded(t, "t") {
						sets, finer = append(sets, r.set), append(finer, r.finer)
					}
					if len(sets) == 0 {
						continue
					}
					b := &query{d: s.d}
					s.update(b, t)
					b.add(strings.Join(sets, ", "), " WHERE (", strings.Join(finer, " OR "), ") AND ")
					s.owned(b, t, root, keys)
					if _, err := tx.ExecContext(ctx, b.String(), b.args...); err != nil {
						return s.fail("round times of "+t.name, err)
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// rounding is how one column is rounded: the assignment, and the condition that
// it changes something.
type rounding struct{ column, set, finer string }

// rounded returns how the times of rows of t are rounded under an alias.
func (s *Source) rounded(t *table, alias string) []rounding {
	encoding := map[string]string{}
	for _, e := range events {
		if c := t.clockColumn(e); c != "" {
			encoding[c] = t.meta.Times.Encoding
		}
	}
	var out []rounding
	for _, n := range slices.Sorted(maps.Keys(t.columns)) {
		c := t.columns[n]
		named, declared := encoding[n]
		temporal := strings.Contains(c.kind, "timestamp") || strings.Contains(c.kind, "datetime") || c.kind == "date"
		if !temporal && !declared || slices.Contains(t.key, n) {
			continue
		}
		x := s.d.refer(alias, n)
		to := s.d.monthOf(x, c, named)
		left := s.d.quote(n)
		if s.d == mariadb {
			left = x
		}
		if to == x {
			continue
		}
		out = append(out, rounding{n, left + " = " + to, x + " <> " + to})
	}
	return out
}

// monthOf writes the beginning of the month of a time; what is none stays.
func (d dialect) monthOf(x string, c column, encoding string) string {
	unit := map[string]string{"unix_ms": "1000", "unix": "1"}[encoding]
	switch {
	case d == postgres && unit != "":
		return "CASE WHEN " + x + " > 0 THEN CAST(extract(epoch FROM date_trunc('month', to_timestamp(" + x + " / " + unit + ") AT TIME ZONE 'UTC')) AS bigint) * " + unit + " ELSE " + x + " END"
	case d == postgres && strings.Contains(c.kind, "with time zone"), d == postgres && c.kind == "timestamptz":
		return "date_trunc('month', " + x + " AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'"
	case d == postgres && c.text():
		return x // a time that is kept as text cannot be told from another
	case d == postgres:
		return "CAST(date_trunc('month', CAST(" + x + " AS timestamp)) AS " + c.kind + ")"
	case d == mariadb && unit != "":
		return "CASE WHEN " + x + " > 0 THEN UNIX_TIMESTAMP(DATE_FORMAT(FROM_UNIXTIME(" + x + " / " + unit + "), '%Y-%m-01')) * " + unit + " ELSE " + x + " END"
	case d == mariadb:
		return "CASE WHEN " + x + " > '1900-01-01' THEN DATE_FORMAT(" + x + ", '%Y-%m-01') ELSE " + x + " END"
	case unit != "":
		return "CASE WHEN " + x + " > 0 THEN CAST(strftime('%s', " + x + " / " + unit + ", 'unixepoch', 'start of month') AS INTEGER) * " + unit + " ELSE " + x + " END"
	}
	return "CASE WHEN " + x + " GLOB '[12][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]*' THEN substr(" + x + ", 1, 8) || '01' || CASE WHEN length(" + x + ") > 10 THEN substr(" + x + ", 11, 1) || '00:00:00' || CASE WHEN " + x + " LIKE '%Z' THEN 'Z' ELSE '' END ELSE '' END ELSE " + x + " END"
}
