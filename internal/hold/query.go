package hold

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/deadline"
	"github.com/gallra/gallra/internal/store"
)

// Query is a hold over the records of one type that were made within a time and
// whose statistics fields (channel, queue, category) say so. It is asked anew
// before every change: what comes in later is on hold too.
type Query struct {
	System gallra.SystemID   `json:"system"`
	Type   string            `json:"type"`
	From   time.Time         `json:"created_from,omitzero"`
	To     time.Time         `json:"created_before,omitzero"` // the first instant that is not covered
	Fields map[string]string `json:"fields,omitempty"`
}

// ParseQuery reads a query as people write it: days in loc, and fields as
// FIELD=VALUE. Its system and type are the caller's to fill in.
func ParseQuery(from, before string, where []string, loc *time.Location) (q Query, err error) {
	for _, d := range []struct {
		text string
		t    *time.Time
	}{{from, &q.From}, {before, &q.To}} {
		if d.text == "" {
			continue
		}
		if *d.t, err = time.ParseInLocation(time.DateOnly, d.text, loc); err != nil {
			return Query{}, gallra.Errorf(gallra.Invalid, "cli.date", "value", d.text)
		}
	}
	for _, w := range where {
		name, value, ok := strings.Cut(w, "=")
		_, twice := q.Fields[strings.TrimSpace(name)] // both can never be true of a record
		if name = strings.TrimSpace(name); !ok || name == "" || twice {
			return Query{}, gallra.Errorf(gallra.Invalid, "hold.query_form")
		}
		if q.Fields == nil {
			q.Fields = map[string]string{}
		}
		q.Fields[name] = strings.TrimSpace(value)
	}
	return q, nil
}

// String returns the conditions in a form that needs no language.
func (q Query) String() string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(q.Fields)) {
		out = append(out, name+"="+q.Fields[name])
	}
	if !q.From.IsZero() {
		out = append(out, "created>="+q.From.In(deadline.Stockholm).Format(time.DateOnly))
	}
	if !q.To.IsZero() {
		out = append(out, "created<"+q.To.In(deadline.Stockholm).Format(time.DateOnly))
	}
	return strings.Join(out, " ")
}

// covers reports whether a record is one of those. A record whose making the
// system does not know may have been made whenever; a field that the type has no
// longer may have said anything.
func (q Query) covers(typ connector.Type, rec gallra.Record) bool {
	if q.System != rec.Ref.System || q.Type != rec.Ref.Type {
		return false
	}
	if !rec.Created.IsZero() && (!q.From.IsZero() && rec.Created.Before(q.From) || !q.To.IsZero() && !rec.Created.Before(q.To)) {
		return false
	}
	for name, want := range q.Fields {
		if info, ok := typ.Field(name); !ok || !info.Keep {
			continue
		}
		if got, _ := rec.Field(name); !strings.EqualFold(strings.TrimSpace(got), strings.TrimSpace(want)) {
			return false
		}
	}
	return true
}

// check says what is wrong with q, given the types of its system.
func (q Query) check(types []connector.Type) error {
	typ, ok := typeNamed(types, q.Type)
	switch {
	case !ok:
		return gallra.Errorf(gallra.Invalid, "hold.type_missing", "system", string(q.System), "type", q.Type, "types", names(types))
	case q.From.IsZero() && q.To.IsZero() && len(q.Fields) == 0:
		return gallra.Errorf(gallra.Invalid, "hold.query_form")
	case !q.From.IsZero() && !q.To.IsZero() && !q.From.Before(q.To):
		return gallra.Errorf(gallra.Invalid, "hold.query_time")
	}
	for name := range q.Fields {
		if f, ok := typ.Field(name); !ok || !f.Keep {
			var can []string
			for _, f := range typ.Fields {
				if f.Keep {
					can = append(can, f.Name)
				}
			}
			return gallra.Errorf(gallra.Invalid, "hold.query_field", "field", name, "type", q.Type, "fields", strings.Join(can, ", "))
		}
	}
	return nil
}

func typeNamed(types []connector.Type, name string) (connector.Type, bool) {
	for _, t := range types {
		if t.Name == name {
			return t, true
		}
	}
	return connector.Type{}, false
}

func names(types []connector.Type) string {
	var out []string
	for _, t := range types {
		out = append(out, t.Name)
	}
	return strings.Join(out, ", ")
}

func putQueries(ctx context.Context, tx *sql.Tx, id string, queries []Query) error {
	for n, q := range queries {
		if q.System == "" || q.Type == "" {
			return gallra.Errorf(gallra.Invalid, "hold.target_missing")
		}
		fields, err := json.Marshal(q.Fields)
		if err != nil {
			return fmt.Errorf("hold: place: %w", err)
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO hold_query (hold, n, system, type, created_from, created_to, fields) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			id, n, string(q.System), q.Type, store.Micros(q.From), store.Micros(q.To), string(fields)); err != nil {
			return fmt.Errorf("hold: place: %w", err)
		}
	}
	return nil
}

// heldQuery is a query and the hold it belongs to.
type heldQuery struct {
	hold string
	Query
}

// queries returns those over one system, or over all ("").
func queries(ctx context.Context, db *store.DB, system gallra.SystemID, all bool) ([]heldQuery, error) {
	rows, err := db.QueryContext(ctx, `SELECT h.id, q.system, q.type, q.created_from, q.created_to, q.fields FROM hold h JOIN hold_query q ON q.hold = h.id
		WHERE (h.released = 0 OR $2 = 1) AND (q.system = $1 OR $1 = '') ORDER BY h.id, q.n`, string(system), flag(all))
	if err != nil {
		return nil, fmt.Errorf("hold: queries: %w", err)
	}
	defer rows.Close()
	var out []heldQuery
	for rows.Next() {
		var q heldQuery
		var from, to int64
		var fields string
		if err := rows.Scan(&q.hold, &q.System, &q.Type, &from, &to, &fields); err != nil {
			return nil, fmt.Errorf("hold: queries: %w", err)
		}
		if err := json.Unmarshal([]byte(fields), &q.Fields); err != nil {
			return nil, fmt.Errorf("hold: queries: %w", err)
		}
		q.From, q.To = store.Time(from), store.Time(to)
		out = append(out, q)
	}
	return out, rows.Err()
}
