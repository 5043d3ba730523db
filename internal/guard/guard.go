// Package guard watches over what was erased: a record that is back because its
// system was restored from a backup, and a person who was erased on request and
// whose identifiers stand in a system again, because a mail was fetched anew, an
// import repeated, or because the person has written again (REQUIREMENTS B-4,
// SYSTEMS 1.6). It only says so. What is to be done is decided by a named user.
//
// No value is kept. Of each identifier of a person who was erased on request the
// guard keeps a keyed digest of its normal form, for the single purpose of
// knowing it again, until a date of its own: the day on which the last backup
// that still has the person is gone, and a margin. Nothing of the kind is kept
// of those whose cases went because they were old: that they write again is no
// matter for alarm, and a digest of each customer ever served would be a
// register that nobody asked for. Their records are known by their references.
package guard

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/work"
)

// Guard keeps the digests and the alarms.
type Guard struct {
	DB  *store.DB
	Log *evidence.Log
	// Dir is the folder of keys.
	Dir string
	// Backup returns how long a system's backups live; zero when nobody knows.
	Backup func(ctx context.Context, system gallra.SystemID) (gallra.Period, error)
}

// The time a digest is kept after the erasure: until the longest-lived backup of
// the systems concerned is gone and Margin more; Unknown where a system's
// backups are not known.
var (
	Margin  = gallra.Period{Days: 30}
	Unknown = gallra.Period{Years: 1}
)

// Erased is a person who has been erased on request.
type Erased struct {
	Matter      string // the request
	Identifiers []gallra.Identifier
	Systems     []gallra.SystemID // where records were erased
	Known       []gallra.Ref      // what was decided to stay
	At          time.Time
	Actor       string
}

// Keep begins to watch for a person, in the transaction that ends the erasure.
// It may be called again for the same request.
func (g *Guard) Keep(ctx context.Context, tx *sql.Tx, e Erased) error {
	k, err := g.loadKey()
	if err != nil {
		return err
	}
	until, err := g.until(ctx, e)
	if err != nil {
		return err
	}
	n := int64(0)
	for _, i := range e.Identifiers {
		d := k.digest(i.Kind, i.Value)
		yes, weak := kept(i.Kind, i.Value)
		if d == "" || !yes {
			continue
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO guard_person (matter, digest, kind, weak, key, erased, until) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (matter, digest) DO UPDATE SET until = excluded.until`, e.Matter, d, string(i.Kind), flag(weak), k.name, store.Micros(e.At), store.Micros(until)); err != nil {
			return fmt.Errorf("guard: keep: %w", err)
		}
		n++
	}
	for _, r := range e.Known {
		if _, err := tx.ExecContext(ctx, `INSERT INTO guard_known (matter, system, type, ref_id) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`, e.Matter, string(r.System), r.Type, r.ID); err != nil {
			return fmt.Errorf("guard: keep: %w", err)
		}
	}
	_, err = g.Log.Append(ctx, tx, evidence.Entry{Actor: e.Actor, Action: "guard.keep", Subject: e.Matter, Result: until.UTC().Format(time.DateOnly), Counts: map[string]int64{"digests": n}})
	return err
}

func (g *Guard) until(ctx context.Context, e Erased) (time.Time, error) {
	var last time.Time
	for _, s := range e.Systems {
		p := gallra.Period{}
		if g.Backup != nil {
			var err error
			if p, err = g.Backup(ctx, s); err != nil {
				return last, err
			}
		}
		if p.IsZero() {
			p = Unknown
		}
		if t := Margin.After(p.After(e.At)); t.After(last) {
			last = t
		}
	}
	if last.IsZero() {
		last = Margin.After(Unknown.After(e.At))
	}
	return last, nil
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Purge forgets the digests whose day has come, what was known beside them, and
// the alarms that are closed. Call it daily.
func (g *Guard) Purge(ctx context.Context) (digests int64, err error) {
	err = g.DB.Tx(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `DELETE FROM guard_person WHERE until <= $1`, store.Micros(g.DB.Now()))
		if err != nil {
			return fmt.Errorf("guard: purge: %w", err)
		}
		if digests, err = res.RowsAffected(); err != nil || digests == 0 {
			return err
		}
		for _, q := range []string{
			`DELETE FROM guard_known WHERE matter NOT IN (SELECT matter FROM guard_person)`,
			`DELETE FROM guard_alarm WHERE kind <> 'record' AND state = 'closed' AND matter NOT IN (SELECT matter FROM guard_person)`,
		} {
			if _, err := tx.ExecContext(ctx, q); err != nil {
				return fmt.Errorf("guard: purge: %w", err)
			}
		}
		_, err = g.Log.Append(ctx, tx, evidence.Entry{Actor: "system", Action: "guard.purge", Counts: map[string]int64{"digests": digests}})
		return err
	})
	if err != nil || digests == 0 {
		return 0, err
	}
	return digests, g.DB.Scrub(ctx)
}

// Kind says what has come back, as far as it can be told.
type Kind string

// The kinds of alarm.
const (
	// Record: records that a run or a request erased bear their old ids again. A
	// backup was restored.
	Record Kind = "record"
	// Rewritten: records that a run rewrote in place are there again exactly as
	// they were before it. A backup was restored.
	Rewritten Kind = "rewritten"
	// Altered: records that a run rewrote in place hold again what it took out, and
	// are not exactly as they were: perhaps an older backup, or somebody has written
	// to a restored one. A new plan finds them, if they are past their date.
	Altered Kind = "altered"
	// Restored: the person stands in a record from before the erasure that the
	// request did not know: restored, imported or fetched again.
	Restored Kind = "restored"
	// Contact: the person stands in a record made after the erasure: has written
	// again, or an import made the record anew.
	Contact Kind = "contact"
	// Possible: only something that several people may share, such as a telephone
	// number. It is listed, and asks nobody for anything.
	Possible Kind = "possible"
)

// State is how far an alarm has come.
type State string

// The states.
const (
	Open   State = "open"
	Acting State = "acting" // somebody has said that it is to go again; the next check looks
	Closed State = "closed"
)

// Decision is what a named user finds of an alarm, or what the next check found.
type Decision string

// The decisions.
const (
	NewContact Decision = "new_contact" // the person is a customer anew: nothing is to be done, now or later
	EraseAgain Decision = "erase_again" // by a replay, or a new case
	Rewrite    Decision = "rewrite"     // by a replay
	Nothing    Decision = "nothing"     // is to be done: it is as it should be
	Other      Decision = "another"     // it is another person
	Gone       Decision = "gone"        // the next check no longer found it
)

// Decisions returns those that a user may take on an alarm of the kind.
func (k Kind) Decisions() []Decision {
	switch k {
	case Record:
		return []Decision{Other, EraseAgain}
	case Rewritten:
		return []Decision{Rewrite, Nothing}
	case Altered:
		return []Decision{Nothing}
	}
	return []Decision{NewContact, Other, EraseAgain}
}

// Decisions returns all that a user may take.
func Decisions() []Decision { return []Decision{NewContact, Other, EraseAgain, Rewrite, Nothing} }

// back reports whether an alarm is of records by their old ids, one a run or
// request, system and type.
func (k Kind) back() bool { return k == Record || k == Rewritten || k == Altered }

// Replayed reports whether a replay does away with what the alarm is about.
func (k Kind) Replayed() bool { return k == Record || k == Rewritten }

// place is what the alarm is kept under beside its matter, system and type. What
// was erased and what was rewritten by one run are two.
func (a Alarm) place() string {
	if a.Kind == Rewritten || a.Kind == Altered {
		return "*" + string(a.Kind)
	}
	return a.Ref.ID
}

// Alarm says that something erased is there again. It names no person.
type Alarm struct {
	ID       string          `json:"id"`
	Matter   string          `json:"matter"` // request or run that had erased it
	Kind     Kind            `json:"kind"`
	System   gallra.SystemID `json:"system"`
	Ref      gallra.Ref      `json:"ref"`           // the conversation or record; the first of them
	Why      []string        `json:"why,omitempty"` // kinds of identifier
	Records  int64           `json:"records"`       // how many of it
	Made     time.Time       `json:"made,omitzero"` // when the record says it was made
	Erased   time.Time       `json:"erased"`        // when it had been erased
	Found    time.Time       `json:"found"`         // when the guard first saw it
	Seen     time.Time       `json:"seen"`          // and last
	State    State           `json:"state"`         //
	Decision Decision        `json:"decision,omitempty"`
	Reason   string          `json:"reason,omitempty"`
	Actor    string          `json:"actor,omitempty"`
	Closed   time.Time       `json:"closed,omitzero"`
}

// Asks reports whether somebody must decide.
func (a Alarm) Asks() bool { return a.State == Open && a.Kind != Possible }

// Since is the day from which a backup would have it: what gallra replay is to
// be told.
func (a Alarm) Since() time.Time { return a.Erased }

const alarmColumns = `id, matter, kind, system, type, ref_id, why, records, made, erased, found, seen, state, decision, reason, actor, closed`

// Alarms returns the alarms, newest first; closed ones too when all.
func (g *Guard) Alarms(ctx context.Context, all bool) ([]Alarm, error) {
	if all {
		return g.alarms(ctx, `ORDER BY found DESC, id`)
	}
	return g.alarms(ctx, `WHERE state <> 'closed' ORDER BY found DESC, id`)
}

// Alarm returns one. gallra.ErrNotFound.
func (g *Guard) Alarm(ctx context.Context, id string) (Alarm, error) {
	list, err := g.alarms(ctx, `WHERE id = $1`, id)
	if err == nil && len(list) == 0 {
		err = gallra.Errorf(gallra.NotFound, "guard.unknown", "alarm", id)
	}
	if err != nil {
		return Alarm{}, err
	}
	return list[0], nil
}

func (g *Guard) alarms(ctx context.Context, where string, args ...any) ([]Alarm, error) {
	rows, err := g.DB.QueryContext(ctx, `SELECT `+alarmColumns+` FROM guard_alarm `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("guard: alarms: %w", err)
	}
	defer rows.Close()
	var out []Alarm
	for rows.Next() {
		var a Alarm
		var why string
		var at [5]int64
		if err := rows.Scan(&a.ID, &a.Matter, &a.Kind, &a.System, &a.Ref.Type, &a.Ref.ID, &why, &a.Records, &at[0], &at[1], &at[2], &at[3], &a.State, &a.Decision, &a.Reason, &a.Actor, &at[4]); err != nil {
			return nil, fmt.Errorf("guard: alarms: %w", err)
		}
		if a.Ref.System = a.System; a.Ref.ID == a.place() && a.Kind.back() {
			a.Ref.ID = ""
		}
		if why != "" {
			a.Why = strings.Split(why, ",")
		}
		for i, t := range []*time.Time{&a.Made, &a.Erased, &a.Found, &a.Seen, &a.Closed} {
			*t = store.Time(at[i])
		}
		out = append(out, a)
	}
	return out, rows.Err()
}

// Decide is a named user's word on an alarm, with the reason, which must hold no
// personal value. New contact means of the whole person: later records raise no
// alarm. gallra.ErrConflict when it was decided already.
func (g *Guard) Decide(ctx context.Context, id, actor string, d Decision, reason string) (Alarm, error) {
	if !slices.Contains(Decisions(), d) {
		return Alarm{}, gallra.Errorf(gallra.Invalid, "guard.decision_unknown")
	}
	if reason = strings.TrimSpace(reason); reason == "" || actor == "" {
		return Alarm{}, gallra.Errorf(gallra.Invalid, "guard.reason_missing")
	}
	a, err := g.Alarm(ctx, id)
	if err != nil {
		return a, err
	}
	switch {
	case a.Kind == Record && d == NewContact: // an erased record is no contact
		return a, gallra.Errorf(gallra.Invalid, "guard.record_is_back")
	case !slices.Contains(a.Kind.Decisions(), d):
		return a, gallra.Errorf(gallra.Invalid, "guard.decision_unknown")
	}
	now := g.DB.Now()
	state, closed := Closed, store.Micros(now)
	if d == EraseAgain || d == Rewrite {
		state, closed = Acting, 0
	}
	err = g.DB.Tx(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE guard_alarm SET state = $2, decision = $3, reason = $4, actor = $5, closed = $6 WHERE id = $1 AND state <> 'closed'`, id, string(state), string(d), reason, actor, closed)
		if err != nil {
			return fmt.Errorf("guard: decide: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return gallra.Errorf(gallra.Conflict, "guard.decided", "alarm", id)
		}
		switch d {
		case NewContact:
			if _, err := tx.ExecContext(ctx, `UPDATE guard_person SET returned = 1 WHERE matter = $1`, a.Matter); err != nil {
				return fmt.Errorf("guard: decide: %w", err)
			}
			// The person's other new records are answered for by the same word.
			if _, err := tx.ExecContext(ctx, `UPDATE guard_alarm SET state = 'closed', decision = $2, reason = $3, actor = $4, closed = $5 WHERE matter = $1 AND kind IN ('contact','possible') AND state = 'open'`,
				a.Matter, string(d), reason, actor, closed); err != nil {
				return fmt.Errorf("guard: decide: %w", err)
			}
		case Other:
			if _, err := tx.ExecContext(ctx, `INSERT INTO guard_known (matter, system, type, ref_id) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`, a.Matter, string(a.System), a.Ref.Type, a.Ref.ID); err != nil {
				return fmt.Errorf("guard: decide: %w", err)
			}
		}
		_, err = g.Log.Append(ctx, tx, evidence.Entry{Actor: actor, Action: "guard.decide", System: a.System, Subject: id, Reason: string(a.Kind), Result: string(d)})
		return err
	})
	if err != nil {
		return a, err
	}
	return g.Alarm(ctx, id)
}

// Standing is how the guard stands.
type Standing struct {
	Persons int64     `json:"persons"`          // watched for
	Digests int64     `json:"digests"`          // kept of them
	Until   time.Time `json:"until,omitzero"`   // when the last of them is forgotten
	Blind   int64     `json:"blind"`            // digests made with a key that is gone: they know nobody again
	Checked time.Time `json:"checked,omitzero"` // when the system that was read longest ago was read
}

// Standing tells how many are watched for, and whether the guard can see.
func (g *Guard) Standing(ctx context.Context) (Standing, error) {
	var s Standing
	k, err := g.loadKey()
	if err != nil {
		return s, err
	}
	var until, checked int64
	err = g.DB.QueryRowContext(ctx, `SELECT count(DISTINCT matter), count(*), coalesce(max(until), 0), coalesce(sum(CASE WHEN key <> $1 THEN 1 ELSE 0 END), 0) FROM guard_person WHERE until > $2`, k.name, store.Micros(g.DB.Now())).
		Scan(&s.Persons, &s.Digests, &until, &s.Blind)
	if err == nil {
		err = g.DB.QueryRowContext(ctx, `SELECT coalesce(min(at), 0) FROM guard_mark`).Scan(&checked)
	}
	if err != nil {
		return s, fmt.Errorf("guard: standing: %w", err)
	}
	s.Until, s.Checked = store.Time(until), store.Time(checked)
	return s, nil
}

// raise writes an alarm, or that it was seen again. What was closed stays
// closed, unless it was said to be gone.
func (g *Guard) raise(ctx context.Context, tx *sql.Tx, a Alarm) (fresh bool, err error) {
	now := store.Micros(g.DB.Now())
	var state, decision, kind string
	err = tx.QueryRowContext(ctx, `SELECT state, decision, kind FROM guard_alarm WHERE matter = $1 AND system = $2 AND type = $3 AND ref_id = $4`, a.Matter, string(a.System), a.Ref.Type, a.place()).Scan(&state, &decision, &kind)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		_, err = tx.ExecContext(ctx, `INSERT INTO guard_alarm (id, matter, kind, system, type, ref_id, why, records, made, erased, found, seen) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)
			ON CONFLICT (matter, system, type, ref_id) DO NOTHING`, work.NewID("alarm"), a.Matter, string(a.Kind), string(a.System), a.Ref.Type, a.place(), strings.Join(a.Why, ","), a.Records, store.Micros(a.Made), store.Micros(a.Erased), now)
		fresh = true
	case err != nil:
	case state == string(Closed) && decision != string(Gone):
		return false, nil
	default:
		fresh = state == string(Closed) || kind == string(Possible) && a.Kind != Possible
		if kind != string(Possible) && a.Kind == Possible {
			a.Kind = Kind(kind) // what was surer stays so
		}
		_, err = tx.ExecContext(ctx, `UPDATE guard_alarm SET seen = $5, records = $6, kind = $7, why = $8, state = CASE WHEN state = 'closed' THEN 'open' ELSE state END, closed = 0
			WHERE matter = $1 AND system = $2 AND type = $3 AND ref_id = $4`, a.Matter, string(a.System), a.Ref.Type, a.place(), now, a.Records, string(a.Kind), strings.Join(a.Why, ","))
	}
	if err != nil {
		return false, fmt.Errorf("guard: alarm: %w", err)
	}
	if !fresh || a.Kind == Possible {
		return fresh, nil
	}
	_, err = g.Log.Append(ctx, tx, evidence.Entry{Actor: "system", Action: "guard.alarm", System: a.System, Subject: a.Matter, Reason: string(a.Kind), Result: strings.Join(a.Why, ","), Counts: map[string]int64{"records": a.Records}})
	return fresh, err
}

// settle closes an alarm whose record is no longer there.
func (g *Guard) settle(ctx context.Context, a Alarm) error {
	return g.DB.Tx(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE guard_alarm SET state = 'closed', decision = 'gone', closed = $2 WHERE id = $1 AND state <> 'closed'`, a.ID, store.Micros(g.DB.Now()))
		if err != nil {
			return fmt.Errorf("guard: settle: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return err
		}
		_, err = g.Log.Append(ctx, tx, evidence.Entry{Actor: "system", Action: "guard.gone", System: a.System, Subject: a.ID, Reason: string(a.Kind)})
		return err
	})
}
