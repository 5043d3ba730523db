package request

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/deadline"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/hold"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/pii/ident"
)

// Intake is a message from a person, however it came: nothing about its form is
// demanded (REQUIREMENTS A12-2).
type Intake struct {
	Rights       []Right
	Tracks       []Track      // what else the letter asks to see, by other laws
	Targets      []gallra.Ref // what it is about, where that is known: a system, a type, a record
	Received     time.Time    // when it reached the organisation; zero: now
	Channel      string       // web, email, phone, letter, chat, visit, ticket
	Registration string
	Protected    bool
	Details      Details
	Actor        string // user name
}

// Register makes a request of each right asked for and returns them in that
// order. Each has its own key and its own file.
func (d *Desk) Register(ctx context.Context, in Intake) ([]Request, error) {
	now := d.now()
	if in.Received.IsZero() {
		in.Received = now
	}
	switch {
	case len(in.Rights)+len(in.Tracks) == 0:
		return nil, gallra.Errorf(gallra.Invalid, "request.right_missing")
	case in.Actor == "":
		return nil, gallra.Errorf(gallra.Invalid, "request.actor_missing")
	case in.Received.After(now):
		return nil, gallra.Errorf(gallra.Invalid, "request.received_future")
	case in.Channel == "":
		in.Channel = "other"
	}
	for i, r := range in.Rights {
		if !slices.Contains(Rights(), r) || slices.Contains(in.Rights[:i], r) {
			return nil, gallra.Errorf(gallra.Invalid, "request.right_unknown", "right", string(r))
		}
	}
	for i, t := range in.Tracks {
		if !slices.Contains(Tracks(), t) || slices.Contains(in.Tracks[:i], t) {
			return nil, gallra.Errorf(gallra.Invalid, "request.track_unknown", "track", string(t))
		}
	}
	if len(in.Tracks) > 0 {
		if err := d.tracked(ctx, in.Tracks[0]); err != nil {
			return nil, err
		}
	}
	if err := d.ours(ctx, in.Targets); err != nil {
		return nil, err
	}
	var ids []string
	err := d.DB.Tx(ctx, func(tx *sql.Tx) error {
		ids = ids[:0]
		for _, r := range in.Rights {
			matter := ""
			if len(ids) > 0 {
				matter = ids[0]
			}
			id, err := d.insert(ctx, tx, in, r, TrackData, matter, now)
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		for _, t := range in.Tracks {
			matter := ""
			if len(ids) > 0 {
				matter = ids[0]
			}
			id, err := d.insert(ctx, tx, in, Access, t, matter, now)
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := make([]Request, 0, len(ids))
	for _, id := range ids {
		r, err := d.Get(ctx, id)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

func (d *Desk) insert(ctx context.Context, tx *sql.Tx, in Intake, right Right, track Track, matter string, now time.Time) (string, error) {
	if d.DB.Dialect == store.Postgres { // SQLite has one writer at a time
		if _, err := tx.ExecContext(ctx, "LOCK TABLE request IN EXCLUSIVE MODE"); err != nil {
			return "", fmt.Errorf("request: lock: %w", err)
		}
	}
	year, serial := now.In(deadline.Stockholm).Year(), 0
	if err := tx.QueryRowContext(ctx, "SELECT coalesce(max(serial), 0) + 1 FROM request WHERE year = $1", year).Scan(&serial); err != nil {
		return "", fmt.Errorf("request: number: %w", err)
	}
	id := fmt.Sprintf("B%d-%04d", year, serial)
	if matter == "" {
		matter = id
	}
	// What an earlier attempt left behind: its row was never committed.
	if err := d.Keys.destroy(id); err != nil {
		return "", err
	}
	file, err := d.Keys.create(id)
	if err != nil {
		return "", err
	}
	salt := make([]byte, keySize)
	_, _ = rand.Read(salt)
	sealed, err := sealDetails(caseKey(file, salt), id, in.Details)
	if err != nil {
		return "", err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO request (id, year, serial, matter, registration, item_right, state, channel, received, protected, handler, sealed, salt, digest_key, created, track)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`,
		id, year, serial, matter, in.Registration, string(right), string(Received), in.Channel, store.Micros(in.Received), flag(in.Protected), in.Actor, sealed, salt, evidence.NewKey(), store.Micros(now), string(track))
	if err != nil {
		return "", fmt.Errorf("request: insert: %w", err)
	}
	if err := d.index(ctx, tx, id, in.Details); err != nil {
		return "", err
	}
	if err := d.event(ctx, tx, id, in.Actor, "", Received, "request.registered"); err != nil {
		return "", err
	}
	if right == Access || right == Portability { // SE-13: what is asked for must not go meanwhile
		var targets []hold.Target
		for _, ref := range in.Targets {
			targets = append(targets, hold.Target{Ref: ref})
		}
		if err := d.extendHold(ctx, tx, Request{ID: id}, "request.access_open", targets); err != nil {
			return "", err
		}
		if err := d.watchOver(ctx, tx, id, in.Actor); err != nil {
			return "", err
		}
	}
	what := string(right)
	if track != TrackData {
		what = string(track)
	}
	return id, d.prove(ctx, tx, id, in.Actor, "request.register", what, nil)
}

// index keeps the digests by which another request of the person is recognised.
func (d *Desk) index(ctx context.Context, tx *sql.Tx, id string, det Details) error {
	key, err := d.Keys.lookup()
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM request_person WHERE request = $1", id); err != nil {
		return fmt.Errorf("request: index: %w", err)
	}
	seen := map[string]bool{}
	for _, k := range det.Identifiers {
		n := ident.Normalise(k.Identifier.Kind, k.Identifier.Value)
		if n == "" || k.Identifier.Kind == gallra.IdentName || k.Identifier.Kind == gallra.IdentIP {
			continue
		}
		g := keyedDigest(key, string(k.Identifier.Kind)+"\x00"+n)
		if seen[g] {
			continue
		}
		seen[g] = true
		if _, err := tx.ExecContext(ctx, "INSERT INTO request_person (request, digest) VALUES ($1, $2)", id, g); err != nil {
			return fmt.Errorf("request: index: %w", err)
		}
	}
	return nil
}

// Similar returns other requests of the same right by somebody with an
// identifier in common, received within thirty days of this one: they may be
// the same request again. Nothing is ever merged by itself (REQUIREMENTS W-3).
func (d *Desk) Similar(ctx context.Context, id string) ([]string, error) {
	rows, err := d.DB.QueryContext(ctx, `SELECT DISTINCT b.id FROM request a JOIN request_person p ON p.request = a.id
		JOIN request_person q ON q.digest = p.digest AND q.request <> a.id JOIN request b ON b.id = q.request
		WHERE a.id = $1 AND b.item_right = a.item_right AND b.track = a.track AND abs(b.received - a.received) <= $2 ORDER BY b.id`, id, (30 * 24 * time.Hour).Microseconds())
	if err != nil {
		return nil, fmt.Errorf("request: similar: %w", err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, fmt.Errorf("request: similar: %w", err)
		}
		out = append(out, s)
	}
	return out, rows.Err()
}

// Details opens the sealed part. The reading is logged with its reason
// (REQUIREMENTS X-8). gallra.ErrNotFound when the case's key has been destroyed.
func (d *Desk) Details(ctx context.Context, id, actor, reason string) (Details, error) {
	var det Details
	err := d.DB.Tx(ctx, func(tx *sql.Tx) (err error) {
		if det, err = d.open(ctx, tx, id); err != nil {
			return err
		}
		return d.prove(ctx, tx, id, actor, "request.read", reason, nil)
	})
	return det, err
}

// SetDetails seals det in place of what was there, with a new nonce.
func (d *Desk) SetDetails(ctx context.Context, id, actor string, det Details) error {
	return d.DB.Tx(ctx, func(tx *sql.Tx) error {
		if err := d.putDetails(ctx, tx, id, det); err != nil {
			return err
		}
		return d.prove(ctx, tx, id, actor, "request.details", "", map[string]int64{"identifiers": int64(len(det.Identifiers))})
	})
}

func (d *Desk) putDetails(ctx context.Context, tx *sql.Tx, id string, det Details) error {
	key, err := d.key(ctx, tx, id)
	if err != nil {
		return err
	}
	b, err := sealDetails(key, id, det)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "UPDATE request SET sealed = $2 WHERE id = $1", id, b); err != nil {
		return fmt.Errorf("request: seal: %w", err)
	}
	return d.index(ctx, tx, id, det)
}

type querier interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
	QueryRowContext(context.Context, string, ...any) *sql.Row
}

func (d *Desk) key(ctx context.Context, q querier, id string) ([]byte, error) {
	var salt []byte
	err := q.QueryRowContext(ctx, "SELECT salt FROM request WHERE id = $1", id).Scan(&salt)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, gallra.Errorf(gallra.NotFound, "request.unknown", "request", id)
	}
	if err != nil {
		return nil, fmt.Errorf("request: key: %w", err)
	}
	if len(salt) == 0 {
		return nil, gallra.Errorf(gallra.NotFound, "request.key_gone", "request", id)
	}
	file, err := d.Keys.read(id)
	if err != nil {
		return nil, err
	}
	return caseKey(file, salt), nil
}

func (d *Desk) open(ctx context.Context, q querier, id string) (Details, error) {
	key, err := d.key(ctx, q, id)
	if err != nil {
		return Details{}, err
	}
	var sealed []byte
	if err := q.QueryRowContext(ctx, "SELECT sealed FROM request WHERE id = $1", id).Scan(&sealed); err != nil {
		return Details{}, fmt.Errorf("request: details: %w", err)
	}
	b, err := unseal(key, id, sealed)
	if err != nil {
		return Details{}, err
	}
	var s sealedDetails
	if err := json.Unmarshal(b, &s); err != nil {
		return Details{}, gallra.Errorf(gallra.Internal, "request.details_broken", "request", id)
	}
	return s.details(), nil
}

// sealedDetails is Details as it is written before it is sealed; an Identifier
// itself refuses to be written.
type sealedDetails struct {
	Name, Address, Message, Notes string
	Facts                         string
	Identifiers                   []sealedKnown
}

type sealedKnown struct {
	Kind     gallra.IdentifierKind
	Value    string
	System   gallra.SystemID
	Verified bool
	Reason   string
	By       string
	At       time.Time
}

func sealDetails(key []byte, id string, det Details) ([]byte, error) {
	s := sealedDetails{Name: det.Name, Address: det.Address, Message: det.Message, Notes: det.Notes, Facts: det.Facts}
	for _, k := range det.Identifiers {
		s.Identifiers = append(s.Identifiers, sealedKnown{k.Identifier.Kind, k.Identifier.Value, k.Identifier.System, k.Verified, k.Reason, k.By, k.At})
	}
	b, err := json.Marshal(s)
	if err != nil {
		return nil, gallra.Errorf(gallra.Internal, "request.details_broken", "request", id)
	}
	return seal(key, id, b)
}

func (s sealedDetails) details() Details {
	det := Details{Name: s.Name, Address: s.Address, Message: s.Message, Notes: s.Notes, Facts: s.Facts}
	for _, k := range s.Identifiers {
		det.Identifiers = append(det.Identifiers, Known{gallra.Identifier{Kind: k.Kind, Value: k.Value, System: k.System}, k.Verified, k.Reason, k.By, k.At})
	}
	return det
}

const requestColumns = `id, matter, registration, item_right, state, channel, received, protected, handler, extended, extension, identity,
	outcome, reason, decided_by, decided, approved_by, approved, delivery, delivered, closed, hold, destroy, destroyed, track, secrecy, secrecy_law, secrecy_by, secrecy_at, ruling, served`

func (d *Desk) scan(row interface{ Scan(...any) error }) (Request, error) {
	var r Request
	var received, protected, extended, decided, approved, delivered, closed, destroy, destroyed int64
	var identity, ruling string
	var s Secrecy
	var tested, served int64
	err := row.Scan(&r.ID, &r.Matter, &r.Registration, &r.Right, &r.State, &r.Channel, &received, &protected, &r.Handler, &extended, &r.Extension, &identity,
		&r.Outcome, &r.Reason, &r.DecidedBy, &decided, &r.ApprovedBy, &approved, &r.Delivery, &delivered, &closed, &r.hold, &destroy, &destroyed, &r.Track, &s.Result, &s.Law, &s.By, &tested, &ruling, &served)
	if err != nil {
		return Request{}, err
	}
	if err := json.Unmarshal([]byte(identity), &r.Identity); err != nil {
		return Request{}, fmt.Errorf("identity: %w", err)
	}
	if err := json.Unmarshal([]byte(ruling), &r.Ruling); err != nil {
		return Request{}, fmt.Errorf("ruling: %w", err)
	}
	if s.Result != "" {
		s.At = store.Time(tested)
		r.Secrecy = &s
	}
	r.Served = store.Time(served)
	r.Protected = protected != 0
	r.Received, r.Extended, r.Decided, r.Approved = store.Time(received), store.Time(extended), store.Time(decided), store.Time(approved)
	r.Delivered, r.Closed, r.Destroy, r.Destroyed = store.Time(delivered), store.Time(closed), store.Time(destroy), store.Time(destroyed)
	return r, nil
}

// Get returns a request with its dates. gallra.ErrNotFound.
func (d *Desk) Get(ctx context.Context, id string) (Request, error) { return d.get(ctx, d.DB, id) }

func (d *Desk) get(ctx context.Context, q querier, id string) (Request, error) {
	r, err := d.scan(q.QueryRowContext(ctx, "SELECT "+requestColumns+" FROM request WHERE id = $1", id))
	if errors.Is(err, sql.ErrNoRows) {
		return Request{}, gallra.Errorf(gallra.NotFound, "request.unknown", "request", id)
	}
	if err != nil {
		return Request{}, fmt.Errorf("request: get %s: %w", id, err)
	}
	return r, d.dates(ctx, q, &r)
}

// dates fills the pauses and computes the deadline (REQUIREMENTS section 5).
func (d *Desk) dates(ctx context.Context, q querier, r *Request) error {
	rows, err := q.QueryContext(ctx, "SELECT asked, answered, insufficient, reason, asked_by, approved_by FROM request_pause WHERE request = $1 ORDER BY n", r.ID)
	if err != nil {
		return fmt.Errorf("request: pauses: %w", err)
	}
	defer rows.Close()
	in := deadline.Input{Received: r.Received, Extended: !r.Extended.IsZero(), Eves: d.Eves, Today: d.now()}
	for rows.Next() {
		var p Pause
		var asked, answered, insufficient int64
		if err := rows.Scan(&asked, &answered, &insufficient, &p.Reason, &p.AskedBy, &p.ApprovedBy); err != nil {
			return fmt.Errorf("request: pauses: %w", err)
		}
		p.Asked, p.Answered, p.Insufficient = store.Time(asked), store.Time(answered), insufficient != 0
		r.Pauses = append(r.Pauses, p)
		in.Pauses = append(in.Pauses, deadline.Pause{From: p.Asked, To: p.Answered, Insufficient: p.Insufficient, Approved: p.ApprovedBy != ""})
	}
	r.Deadline = deadline.Compute(in)
	if r.Track == TrackDocument || r.Track == TrackParty {
		promptly(r, d.Eves)
	}
	return rows.Err()
}

// Filter selects requests.
type Filter struct {
	Open   bool   // only those that wait for something of ours
	Matter string // only those of one message
	Limit  int    // 0: 500
}

// List returns requests, the one that is due first on top, then the closed ones
// by when they were received.
func (d *Desk) List(ctx context.Context, f Filter) ([]Request, error) {
	if f.Limit == 0 {
		f.Limit = 500
	}
	rows, err := d.DB.QueryContext(ctx, "SELECT "+requestColumns+` FROM request WHERE ($1 = 0 OR state NOT IN ('closed','withdrawn','forwarded')) AND ($2 = '' OR matter = $2)
		ORDER BY CASE WHEN state IN ('closed','withdrawn','forwarded') THEN 1 ELSE 0 END, received DESC, id DESC LIMIT $3`, flag(f.Open), f.Matter, f.Limit)
	if err != nil {
		return nil, fmt.Errorf("request: list: %w", err)
	}
	var out []Request
	for rows.Next() {
		r, err := d.scan(rows)
		if err != nil {
			rows.Close()
			return nil, fmt.Errorf("request: list: %w", err)
		}
		out = append(out, r)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, fmt.Errorf("request: list: %w", err)
	}
	for i := range out {
		if err := d.dates(ctx, d.DB, &out[i]); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(out, func(a, b Request) int {
		switch {
		case a.State.Open() && b.State.Open():
			return a.Deadline.Watch.Compare(b.Deadline.Watch)
		case a.State.Open():
			return -1
		case b.State.Open():
			return 1
		}
		return 0
	})
	return out, nil
}

// Event is one change of state.
type Event struct {
	At     time.Time `json:"at"`
	Actor  string    `json:"actor"`
	From   State     `json:"from,omitempty"`
	To     State     `json:"to"`
	Reason string    `json:"reason"`
}

// Events returns every change of state of a request in order.
func (d *Desk) Events(ctx context.Context, id string) ([]Event, error) {
	rows, err := d.DB.QueryContext(ctx, "SELECT at, actor, from_state, to_state, reason FROM request_event WHERE request = $1 ORDER BY n", id)
	if err != nil {
		return nil, fmt.Errorf("request: events: %w", err)
	}
	defer rows.Close()
	var out []Event
	for rows.Next() {
		var e Event
		var at int64
		if err := rows.Scan(&at, &e.Actor, &e.From, &e.To, &e.Reason); err != nil {
			return nil, fmt.Errorf("request: events: %w", err)
		}
		e.At = store.Time(at)
		out = append(out, e)
	}
	return out, rows.Err()
}

// ByHand returns the states that a person brings a request to once it is
// classified; the others follow from work done.
func ByHand() []State { return []State{Withdrawn, Forwarded, Appealed, Reopened} }

// Move brings a request to another state by hand: classified, withdrawn,
// forwarded, reopened, appealed. The states that stand for work done (search,
// decision, execution, delivery) are reached by doing it. reason is a code or
// plain words without personal values, and must not be empty (REQUIREMENTS W-1).
func (d *Desk) Move(ctx context.Context, id, actor string, to State, reason string) error {
	if to != Classified && !slices.Contains(ByHand(), to) {
		return gallra.Errorf(gallra.Invalid, "request.state_by_work", "state", string(to))
	}
	return d.DB.Tx(ctx, func(tx *sql.Tx) error {
		r, err := d.get(ctx, tx, id)
		if err != nil {
			return err
		}
		if to == Withdrawn || to == Forwarded {
			if err := d.release(ctx, tx, r, actor); err != nil {
				return err
			}
		}
		if to == Appealed { // what the appeal is about stays, and so does the case's file (W-15)
			if err := d.keep(ctx, tx, r, "request.appealed"); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, "UPDATE request SET destroy = 0 WHERE id = $1", id); err != nil {
				return fmt.Errorf("request: appeal: %w", err)
			}
		}
		if to == Reopened { // a full new month runs from now (REQUIREMENTS 5.4)
			if _, err := tx.ExecContext(ctx, "UPDATE request SET received = $2, extended = 0, extension = '', outcome = '', reason = '', decided = 0, decided_by = '', approved = 0, approved_by = '', delivered = 0, closed = 0, destroy = 0, served = 0, ruling = '{}', secrecy = '', secrecy_law = '', secrecy_by = '', secrecy_at = 0 WHERE id = $1", id, store.Micros(d.now())); err != nil {
				return fmt.Errorf("request: reopen: %w", err)
			}
			if _, err := tx.ExecContext(ctx, "DELETE FROM request_pause WHERE request = $1", id); err != nil {
				return fmt.Errorf("request: reopen: %w", err)
			}
		}
		return d.move(ctx, tx, r, actor, to, reason)
	})
}

// move is the only way a state changes.
func (d *Desk) move(ctx context.Context, tx *sql.Tx, r Request, actor string, to State, reason string) error {
	switch {
	case !r.may(to):
		return gallra.Errorf(gallra.Blocked, "request.transition", "from", string(r.State), "to", string(to))
	case actor == "":
		return gallra.Errorf(gallra.Invalid, "request.actor_missing")
	case strings.TrimSpace(reason) == "":
		return gallra.Errorf(gallra.Invalid, "request.reason_missing")
	case !r.Destroyed.IsZero() && to == Reopened:
		return gallra.Errorf(gallra.Blocked, "request.key_gone", "request", r.ID)
	}
	// The state that was read must still be the state: two users, one button.
	res, err := tx.ExecContext(ctx, "UPDATE request SET state = $3 WHERE id = $1 AND state = $2", r.ID, string(r.State), string(to))
	if err != nil {
		return fmt.Errorf("request: move: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return gallra.Errorf(gallra.Conflict, "request.changed", "request", r.ID)
	}
	if err := d.event(ctx, tx, r.ID, actor, r.State, to, reason); err != nil {
		return err
	}
	return d.prove(ctx, tx, r.ID, actor, "request."+string(to), reason, nil)
}

func (d *Desk) event(ctx context.Context, tx *sql.Tx, id, actor string, from, to State, reason string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO request_event (request, n, at, actor, from_state, to_state, reason)
		SELECT $1, coalesce(max(n), 0) + 1, $2, $3, $4, $5, $6 FROM request_event WHERE request = $1`, id, store.Micros(d.now()), actor, string(from), string(to), reason)
	if err != nil {
		return fmt.Errorf("request: event: %w", err)
	}
	return nil
}

func (d *Desk) prove(ctx context.Context, tx *sql.Tx, id, actor, action, reason string, counts map[string]int64) error {
	_, err := d.Log.Append(ctx, tx, evidence.Entry{Actor: actor, Action: action, Subject: id, Reason: reason, Counts: counts})
	return err
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
