// Package hold keeps the holds that beat every path by which a record could be
// gallrat: scheduled runs, erasure requests, cascades and manual orders
// (REQUIREMENTS W-20, SE-13). A hold ends when someone releases it and in no
// other way: a review date that has passed alarms, and releases nothing.
//
// It stands below retention and request, which both ask it before every change.
package hold

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/work"
)

// Kind is why a hold stands.
type Kind string

// The kinds.
const (
	Legal   Kind = "legal"   // dispute, supervision, claim
	Request Kind = "request" // an open request concerns it: access, public document (SE-13), appeal
	Archive Kind = "archive" // to be delivered to an archive first
)

// MaxReview is the longest time to the next review (REQUIREMENTS W-20).
var MaxReview = gallra.Period{Months: 6}

// Hold is one hold and what it covers.
type Hold struct {
	ID         string    `json:"id"`
	Kind       Kind      `json:"kind"`
	Reason     string    `json:"reason"`           // without personal values
	Matter     string    `json:"matter,omitempty"` // case or registration number
	Placed     time.Time `json:"placed"`
	PlacedBy   string    `json:"placed_by"`
	Review     time.Time `json:"review"` // at the latest six months on, which is also the default
	Released   time.Time `json:"released,omitzero"`
	ReleasedBy string    `json:"released_by,omitempty"`
	Targets    []Target  `json:"targets"`
	Queries    []Query   `json:"queries,omitempty"`

	// Persons are identifiers of people to be held, whatever record they stand in,
	// now or later. Place keeps keyed digests of them among the targets, and
	// nothing else.
	Persons []gallra.Identifier `json:"-"`
}

// Overdue reports whether h should have been reviewed by now.
func (h Hold) Overdue(now time.Time) bool { return h.Released.IsZero() && now.After(h.Review) }

// Target is what a hold covers. Ref may lack its ID (every record of the type)
// or its Type too (the whole system). The record of a person covers the
// person's conversations, that of a conversation its messages.
type Target struct {
	Ref    gallra.Ref `json:"ref"`
	Digest string     `json:"digest,omitempty"` // keyed digest of an identifier of a person, in every system
}

// Register places, lists and releases holds, each with an entry of evidence.
type Register struct {
	DB   *store.DB
	Log  *evidence.Log
	Keys string // folder of the key of people's digests; needed to put people on hold
}

// Place puts a hold in force and returns it with its id and dates. It may be
// called within the transaction that registers the request that asks for it.
func (g Register) Place(ctx context.Context, tx *sql.Tx, h Hold) (Hold, error) {
	now := g.DB.Now().UTC()
	h.ID, h.Placed = work.NewID("hold"), now
	latest := MaxReview.After(now)
	if h.Review.IsZero() {
		h.Review = latest
	}
	switch {
	case strings.TrimSpace(h.Reason) == "":
		return Hold{}, gallra.Errorf(gallra.Invalid, "hold.reason_missing")
	case len(h.Targets)+len(h.Persons)+len(h.Queries) == 0:
		return Hold{}, gallra.Errorf(gallra.Invalid, "hold.target_missing")
	case h.Review.After(latest):
		return Hold{}, gallra.Errorf(gallra.Invalid, "hold.review_late", "latest", latest.Format(time.DateOnly))
	}
	if err := h.identify(g.Keys); err != nil {
		return Hold{}, err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO hold (id, kind, reason, matter, placed, placed_by, review) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		h.ID, string(h.Kind), h.Reason, h.Matter, store.Micros(h.Placed), h.PlacedBy, store.Micros(h.Review)); err != nil {
		return Hold{}, fmt.Errorf("hold: place: %w", err)
	}
	for _, t := range h.Targets {
		if t.Ref.System == "" && t.Digest == "" {
			return Hold{}, gallra.Errorf(gallra.Invalid, "hold.target_missing")
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO hold_target (hold, system, type, ref_id, digest) VALUES ($1, $2, $3, $4, $5)`,
			h.ID, string(t.Ref.System), t.Ref.Type, t.Ref.ID, t.Digest); err != nil {
			return Hold{}, fmt.Errorf("hold: place: %w", err)
		}
	}
	if err := putQueries(ctx, tx, h.ID, h.Queries); err != nil {
		return Hold{}, err
	}
	counts := map[string]int64{"targets": int64(len(h.Targets))}
	if n := len(h.Queries); n > 0 {
		counts["queries"] = int64(n)
	}
	_, err := g.Log.Append(ctx, tx, evidence.Entry{Actor: h.PlacedBy, Action: "hold.place", Subject: h.ID, Reason: string(h.Kind), Counts: counts})
	return h, err
}

// Release ends a hold. gallra.ErrNotFound when there is none in force.
func (g Register) Release(ctx context.Context, tx *sql.Tx, id, actor string) error {
	res, err := tx.ExecContext(ctx, `UPDATE hold SET released = $2, released_by = $3 WHERE id = $1 AND released = 0`, id, store.Micros(g.DB.Now()), actor)
	if err != nil {
		return fmt.Errorf("hold: release: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return gallra.Errorf(gallra.NotFound, "hold.unknown", "id", id)
	}
	_, err = g.Log.Append(ctx, tx, evidence.Entry{Actor: actor, Action: "hold.release", Subject: id})
	return err
}

// List returns the holds, newest first; those in force only, unless all.
func (g Register) List(ctx context.Context, all bool) ([]Hold, error) {
	rows, err := g.DB.QueryContext(ctx, `SELECT h.id, h.kind, h.reason, h.matter, h.placed, h.placed_by, h.review, h.released, h.released_by,
		coalesce(t.system, ''), coalesce(t.type, ''), coalesce(t.ref_id, ''), coalesce(t.digest, '') FROM hold h LEFT JOIN hold_target t ON t.hold = h.id
		WHERE h.released = 0 OR $1 = 1 ORDER BY h.placed DESC, h.id, t.system, t.type, t.ref_id`, flag(all))
	if err != nil {
		return nil, fmt.Errorf("hold: list: %w", err)
	}
	defer rows.Close()
	var out []Hold
	for rows.Next() {
		var h Hold
		var t Target
		var placed, review, released int64
		if err := rows.Scan(&h.ID, &h.Kind, &h.Reason, &h.Matter, &placed, &h.PlacedBy, &review, &released, &h.ReleasedBy,
			&t.Ref.System, &t.Ref.Type, &t.Ref.ID, &t.Digest); err != nil {
			return nil, fmt.Errorf("hold: list: %w", err)
		}
		if len(out) == 0 || out[len(out)-1].ID != h.ID {
			h.Placed, h.Review, h.Released = store.Time(placed), store.Time(review), store.Time(released)
			out = append(out, h)
		}
		if t != (Target{}) { // a hold by a query alone has none
			out[len(out)-1].Targets = append(out[len(out)-1].Targets, t)
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, fmt.Errorf("hold: list: %w", err)
	}
	qs, err := queries(ctx, g.DB, "", all)
	if err != nil {
		return nil, err
	}
	for _, q := range qs {
		if i := slices.IndexFunc(out, func(h Hold) bool { return h.ID == q.hold }); i >= 0 {
			out[i].Queries = append(out[i].Queries, q.Query)
		}
	}
	return out, nil
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// Set is the holds in force over one system, for asking about many records. It is
// for one goroutine.
type Set struct {
	refs    map[gallra.Ref]string // target to hold id
	kept    map[gallra.Ref]string // what would take a target along: it and nothing that hangs on it
	talks   map[string][]string   // by type of conversation the types of its messages
	people  map[string]bool       // types of person
	digests map[string]string     // of people, in every system
	queries []heldQuery
	key     key
	types   []connector.Type
	asked   map[gallra.Ref]met // of what others hang on
}

// Load returns the holds in force over system. It covers by reference alone:
// people and queries are asked by Join, in a set that Reach has loaded.
func Load(ctx context.Context, db *store.DB, system gallra.SystemID) (Set, error) {
	rows, err := db.QueryContext(ctx, `SELECT h.id, t.system, t.type, t.ref_id, t.digest FROM hold h JOIN hold_target t ON t.hold = h.id
		WHERE h.released = 0 AND t.system IN ('', $1)`, string(system))
	if err != nil {
		return Set{}, fmt.Errorf("hold: load: %w", err)
	}
	defer rows.Close()
	s := Set{refs: map[gallra.Ref]string{}, digests: map[string]string{}}
	for rows.Next() {
		var id string
		var t Target
		if err := rows.Scan(&id, &t.Ref.System, &t.Ref.Type, &t.Ref.ID, &t.Digest); err != nil {
			return Set{}, fmt.Errorf("hold: load: %w", err)
		}
		if t.Digest != "" {
			s.digests[t.Digest] = id
			continue
		}
		s.refs[t.Ref] = id
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return Set{}, fmt.Errorf("hold: load: %w", err)
	}
	s.queries, err = queries(ctx, db, system, false)
	return s, err
}

// Empty reports whether s holds nothing.
func (s Set) Empty() bool { return len(s.refs)+len(s.digests)+len(s.queries) == 0 }

// Covers returns the id of a hold over a record, given the record, the
// conversation it belongs to and the person it is about (zero when none).
func (s Set) Covers(ref, parent, person gallra.Ref) (string, bool) {
	for _, r := range []gallra.Ref{ref, parent, person} {
		if id, ok := s.held(r); ok {
			return id, true
		}
	}
	for _, r := range []gallra.Ref{ref, whole(ref)} {
		if id, ok := s.kept[r]; ok {
			return id, true
		}
	}
	return "", false
}

// held returns the id of a hold over a record itself, its type or its system.
func (s Set) held(ref gallra.Ref) (string, bool) {
	if ref.IsZero() {
		return "", false
	}
	for _, r := range []gallra.Ref{ref, whole(ref), {System: ref.System}} {
		if id, ok := s.refs[r]; ok {
			return id, true
		}
	}
	return "", false
}

// whole is the target that covers every record of ref's type.
func whole(ref gallra.Ref) gallra.Ref { return gallra.Ref{System: ref.System, Type: ref.Type} }

// IDs returns the holds that s is made of, in order.
func (s Set) IDs() []string {
	var out []string
	for _, id := range s.refs {
		out = append(out, id)
	}
	for _, id := range s.digests {
		out = append(out, id)
	}
	for _, q := range s.queries {
		out = append(out, q.hold)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
