package request

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/hold"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/subject"
	"github.com/gallra/gallra/internal/work"
)

// The kinds of work of this package: what internal/work shows progress of.
const (
	WorkSearch  = "search"
	WorkExecute = "execute"
	WorkVerify  = "verify"
)

// Search is one system's share of the search plan and what came of it.
type Search struct {
	System   gallra.SystemID  `json:"system"`
	State    string           `json:"state"` // waiting, done, manual, failed
	Hits     int              `json:"hits"`
	Skipped  int              `json:"skipped"` // places that a person must look at
	At       time.Time        `json:"at,omitzero"`
	Problem  *gallra.Error    `json:"-"`
	Verified time.Time        `json:"verified,omitzero"`
	Remains  []gallra.Residue `json:"remains,omitempty"` // found after execution
}

// StartSearch makes the search plan, every system of the organisation with every
// identifier that has been accepted, and returns the work that carries it out.
// Decisions already made about records found before stay.
func (d *Desk) StartSearch(ctx context.Context, id, actor string) (work.Work, error) {
	systems, err := d.Systems(ctx)
	if err != nil {
		return work.Work{}, err
	}
	var w work.Work
	err = d.DB.Tx(ctx, func(tx *sql.Tx) error {
		r, err := d.get(ctx, tx, id)
		if err != nil {
			return err
		}
		det, err := d.open(ctx, tx, id)
		if err != nil {
			return err
		}
		if len(det.Identifiers) == 0 {
			return gallra.Errorf(gallra.Invalid, "request.identifier_missing")
		}
		if going, err := d.going(ctx, tx, r, Searching, WorkSearch, &w); err != nil || going {
			return err
		}
		if err := d.voidSecrecy(ctx, tx, id); err != nil {
			return err
		}
		if r.State != Searching {
			if err := d.move(ctx, tx, r, actor, Searching, "request.search"); err != nil {
				return err
			}
		}
		for _, s := range systems {
			state := "waiting"
			if s.Manual {
				state = "manual"
			}
			_, err := tx.ExecContext(ctx, `INSERT INTO request_search (request, system, state) VALUES ($1, $2, $3)
				ON CONFLICT (request, system) DO UPDATE SET state = excluded.state, hits = 0, skipped = 0, at = 0, problem = '', verified = 0, remains = '[]'`, id, string(s.ID), state)
			if err != nil {
				return fmt.Errorf("request: search plan: %w", err)
			}
		}
		if w, err = work.Create(ctx, tx, d.now(), WorkSearch, id, actor); err != nil {
			return err
		}
		w.State, w.Total = work.Waiting, int64(len(systems))
		if err := work.Save(ctx, tx, d.now(), &w); err != nil {
			return err
		}
		kinds := make([]string, 0, len(det.Identifiers))
		for _, k := range det.Identifiers {
			kinds = append(kinds, string(k.Identifier.Kind))
		}
		slices.Sort(kinds)
		return d.prove(ctx, tx, id, actor, "request.search_plan", strings.Join(kinds, ","), map[string]int64{"systems": int64(len(systems))})
	})
	return w, err
}

// going reports whether the request is in a state because of a work that is not
// over yet, and gives that work: it is gone on with, not begun twice.
func (d *Desk) going(ctx context.Context, tx *sql.Tx, r Request, s State, kind string, w *work.Work) (bool, error) {
	if r.State != s {
		return false, nil
	}
	latest, err := work.Latest(ctx, tx, kind, r.ID)
	if gallra.CodeOf(err) == gallra.NotFound {
		return false, nil
	}
	if err != nil || latest.State.Over() {
		return false, err
	}
	*w = latest
	return true, nil
}

// Searches returns the search plan by system.
func (d *Desk) Searches(ctx context.Context, id string) ([]Search, error) {
	return d.searches(ctx, d.DB, id)
}

func (d *Desk) searches(ctx context.Context, q querier, id string) ([]Search, error) {
	rows, err := q.QueryContext(ctx, "SELECT system, state, hits, skipped, at, problem, verified, remains FROM request_search WHERE request = $1 ORDER BY system", id)
	if err != nil {
		return nil, fmt.Errorf("request: searches: %w", err)
	}
	defer rows.Close()
	var out []Search
	for rows.Next() {
		var s Search
		var at, verified int64
		var problem, remains string
		if err := rows.Scan(&s.System, &s.State, &s.Hits, &s.Skipped, &at, &problem, &verified, &remains); err != nil {
			return nil, fmt.Errorf("request: searches: %w", err)
		}
		if err := json.Unmarshal([]byte(remains), &s.Remains); err != nil {
			return nil, fmt.Errorf("request: searches: %w", err)
		}
		s.At, s.Verified, s.Problem = store.Time(at), store.Time(verified), work.ProblemError(problem)
		out = append(out, s)
	}
	return out, rows.Err()
}

// searchOne searches the next system that waits. A system that can't be reached
// is marked failed and the search goes on: the others' answers count, and the
// gap is shown. It reports whether there was one.
func (d *Desk) searchOne(ctx context.Context, id string) (bool, error) {
	all, err := d.Searches(ctx, id)
	if err != nil {
		return false, err
	}
	i := slices.IndexFunc(all, func(s Search) bool { return s.State == "waiting" })
	if i < 0 {
		return false, nil
	}
	system := all[i].System
	det, err := d.open(ctx, d.DB, id)
	if err != nil {
		return false, err
	}
	sys, err := d.system(ctx, system)
	if err != nil {
		return false, err
	}
	res, types, err := d.ask(ctx, system, det.identifiers())
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	return true, d.DB.Tx(ctx, func(tx *sql.Tx) error {
		state, problem := "done", ""
		if err != nil {
			state, problem = "failed", work.Problem(err)
			if gallra.CodeOf(err) == gallra.Unsupported {
				state = "manual"
			}
		}
		n := 0
		for _, it := range itemsOf(res.Hits, types, sys.Channel) {
			if err := d.putItem(ctx, tx, id, it); err != nil {
				return err
			}
			n++
		}
		_, err := tx.ExecContext(ctx, "UPDATE request_search SET state = $3, hits = $4, skipped = $5, at = $6, problem = $7 WHERE request = $1 AND system = $2",
			id, string(system), state, len(res.Hits), len(res.Skipped), store.Micros(d.now()), problem)
		if err != nil {
			return fmt.Errorf("request: search: %w", err)
		}
		return d.prove(ctx, tx, id, "system", "request.searched", state, map[string]int64{"hits": int64(len(res.Hits)), "items": int64(n), "skipped": int64(len(res.Skipped))})
	})
}

// system returns what is known of a system; one that is no longer connected is
// a manual one.
func (d *Desk) system(ctx context.Context, id gallra.SystemID) (System, error) {
	all, err := d.Systems(ctx)
	if err != nil {
		return System{}, err
	}
	for _, s := range all {
		if s.ID == id {
			return s, nil
		}
	}
	return System{ID: id, Title: string(id), Manual: true}, nil
}

func (d *Desk) openToRead(ctx context.Context, system gallra.SystemID) (connector.Source, error) {
	if d.OpenToRead != nil {
		return d.OpenToRead(ctx, system)
	}
	return d.Open(ctx, system)
}

func (d *Desk) ask(ctx context.Context, system gallra.SystemID, ids []gallra.Identifier) (subject.Result, map[string]connector.Type, error) {
	src, err := d.openToRead(ctx, system)
	if err != nil {
		return subject.Result{}, nil, err
	}
	defer src.Close()
	types, err := typesOf(ctx, src)
	if err != nil {
		return subject.Result{}, nil, err
	}
	res, err := subject.Search(ctx, src, system, ids, d.now(), nil)
	return res, types, err
}

func typesOf(ctx context.Context, src connector.Source) (map[string]connector.Type, error) {
	list, err := src.Types(ctx)
	if err != nil {
		return nil, fmt.Errorf("request: types: %w", err)
	}
	out := make(map[string]connector.Type, len(list))
	for _, t := range list {
		out[t.Name] = t
	}
	return out, nil
}

// endSearch moves the request to review and keeps what access was asked to from
// being thinned out meanwhile (REQUIREMENTS A12-11).
func (d *Desk) endSearch(ctx context.Context, id string) error {
	return d.DB.Tx(ctx, func(tx *sql.Tx) error {
		r, err := d.get(ctx, tx, id)
		if err != nil || r.State != Searching {
			return err
		}
		if r.Right == Access || r.Right == Portability {
			if err := d.keep(ctx, tx, r, "request.access_open"); err != nil {
				return err
			}
		}
		return d.move(ctx, tx, r, "system", Review, "request.searched")
	})
}

// keep puts what was found on hold, in place of what was held since the request
// was registered. A search that found nothing changes no hold.
func (d *Desk) keep(ctx context.Context, tx *sql.Tx, r Request, reason string) error {
	items, err := d.items(ctx, tx, r.ID)
	if err != nil {
		return err
	}
	h := hold.Hold{Kind: hold.Request, Reason: reason, Matter: r.ID, PlacedBy: "system"}
	for _, it := range items {
		h.Targets = append(h.Targets, hold.Target{Ref: it.Ref})
	}
	if len(h.Targets) == 0 {
		return nil
	}
	if err := d.release(ctx, tx, r, "system"); err != nil {
		return err
	}
	if h, err = d.holds().Place(ctx, tx, h); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "UPDATE request SET hold = $2 WHERE id = $1", r.ID, h.ID); err != nil {
		return fmt.Errorf("request: hold: %w", err)
	}
	return nil
}

// release ends the request's own hold, if it has one.
func (d *Desk) release(ctx context.Context, tx *sql.Tx, r Request, actor string) error {
	if r.hold == "" {
		return nil
	}
	if err := d.holds().Release(ctx, tx, r.hold, actor); err != nil && gallra.CodeOf(err) != gallra.NotFound {
		return err
	}
	if _, err := tx.ExecContext(ctx, "UPDATE request SET hold = '' WHERE id = $1", r.ID); err != nil {
		return fmt.Errorf("request: hold: %w", err)
	}
	return nil
}

// ManualDone records that a person has searched a system by hand and what was
// found there.
func (d *Desk) ManualDone(ctx context.Context, id, actor string, system gallra.SystemID, hits int) error {
	return d.DB.Tx(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, "UPDATE request_search SET state = 'done', hits = $3, at = $4 WHERE request = $1 AND system = $2 AND state IN ('manual','failed')", id, string(system), hits, store.Micros(d.now()))
		if err != nil {
			return fmt.Errorf("request: manual search: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return gallra.Errorf(gallra.NotFound, "request.no_manual_search", "system", string(system))
		}
		return d.prove(ctx, tx, id, actor, "request.searched_by_hand", string(system), map[string]int64{"hits": int64(hits)})
	})
}

// Proposals returns further identifiers found on the person's own records, in
// the systems that can be reached. None is searched by before Accept.
func (d *Desk) Proposals(ctx context.Context, id string) ([]subject.Proposal, error) {
	det, err := d.open(ctx, d.DB, id)
	if err != nil {
		return nil, err
	}
	items, err := d.Items(ctx, id)
	if err != nil {
		return nil, err
	}
	bySystem := map[gallra.SystemID][]subject.Hit{}
	for _, it := range items {
		if it.Kind == connector.KindPerson && it.Decision != Exclude {
			bySystem[it.Ref.System] = append(bySystem[it.Ref.System], subject.Hit{Ref: it.Ref, Role: it.Role, Certainty: it.Certainty})
		}
	}
	var out []subject.Proposal
	for system, hits := range bySystem {
		src, err := d.openToRead(ctx, system)
		if err != nil {
			return nil, err
		}
		p, err := subject.Propose(ctx, src, hits, det.identifiers())
		if cerr := src.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return nil, err
		}
		out = append(out, p...)
	}
	slices.SortStableFunc(out, func(a, b subject.Proposal) int {
		return strings.Compare(a.From.String()+a.Field, b.From.String()+b.Field)
	})
	return out, nil
}

// Accept adds an identifier to those that are searched by, with the reason why
// it is the person's (REQUIREMENTS W-5). Search again afterwards.
func (d *Desk) Accept(ctx context.Context, id, actor string, i gallra.Identifier, reason string) error {
	if strings.TrimSpace(reason) == "" {
		return gallra.Errorf(gallra.Invalid, "request.reason_missing")
	}
	return d.DB.Tx(ctx, func(tx *sql.Tx) error {
		det, err := d.open(ctx, tx, id)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(det.Identifiers, func(k Known) bool { return k.Identifier == i }) {
			return nil
		}
		det.Identifiers = append(det.Identifiers, Known{Identifier: i, Reason: reason, By: actor, At: d.now()})
		if err := d.putDetails(ctx, tx, id, det); err != nil {
			return err
		}
		return d.prove(ctx, tx, id, actor, "request.identifier", reason, map[string]int64{"identifiers": int64(len(det.Identifiers))})
	})
}
