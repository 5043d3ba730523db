package request

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/guard"
	"github.com/gallra/gallra/internal/store"
)

// watch gives the person to the guard once the erasure was verified: should the
// identifiers stand in a system again, somebody is told (SYSTEMS 1.6).
func (d *Desk) watch(ctx context.Context, tx *sql.Tx, r Request) error {
	if d.Guard == nil || r.Right == Restriction {
		return nil
	}
	items, err := d.items(ctx, tx, r.ID)
	if err != nil {
		return err
	}
	e := guard.Erased{Matter: r.ID, At: d.now(), Actor: "system"}
	for _, it := range items {
		switch it.Outcome {
		case gallra.OutcomeErased, gallra.OutcomeDeidentified, gallra.OutcomeAnonymised:
			if !slices.Contains(e.Systems, it.Ref.System) {
				e.Systems = append(e.Systems, it.Ref.System)
			}
		default:
			e.Known = append(e.Known, it.Ref)
		}
	}
	if len(e.Systems) == 0 {
		return nil // all of it stays: who is there is no surprise
	}
	det, err := d.open(ctx, tx, r.ID)
	if err != nil {
		return err
	}
	e.Identifiers = needles(det)
	return d.Guard.Keep(ctx, tx, e)
}

// gone is one record in the journal of what requests erased: a bare reference.
type goneRecord struct {
	request string
	ref     gallra.Ref
	parent  gallra.Ref
	person  bool
	ended   time.Time
}

func (d *Desk) journal(ctx context.Context, system gallra.SystemID, since time.Time, newest int) ([]goneRecord, error) {
	rows, err := d.DB.QueryContext(ctx, `SELECT request, type, ref_id, kind, ended FROM request_item WHERE system = $1 AND state = 'done' AND outcome = 'erased' AND ended >= $2 ORDER BY ended DESC, request, n LIMIT $3`,
		string(system), store.Micros(since), newest)
	if err != nil {
		return nil, fmt.Errorf("request: journal: %w", err)
	}
	defer rows.Close()
	var out []goneRecord
	for rows.Next() {
		g := goneRecord{ref: gallra.Ref{System: system}}
		var kind string
		var ended int64
		if err := rows.Scan(&g.request, &g.ref.Type, &g.ref.ID, &kind, &ended); err != nil {
			return nil, fmt.Errorf("request: journal: %w", err)
		}
		g.person, g.ended = kind == string(connector.KindPerson), store.Time(ended)
		out = append(out, g)
	}
	return out, rows.Err()
}

// back returns those of list that are in the system again, and are the same: a
// record made after the erasure only bears an old one's id. other counts those.
func back(ctx context.Context, src connector.Source, list []goneRecord) (same []goneRecord, other int64, err error) {
	there := map[gallra.Ref]bool{}
	byType := map[string][]gallra.Ref{}
	for _, g := range list {
		byType[g.ref.Type] = append(byType[g.ref.Type], g.ref)
	}
	for _, refs := range byType {
		if err := gone(ctx, src, refs, func(r gallra.Residue) error { there[r.Ref] = true; return nil }); err != nil {
			return nil, 0, err
		}
	}
	for _, g := range list {
		if !there[g.ref] {
			continue
		}
		rec, err := src.Get(ctx, g.ref)
		switch {
		case errors.Is(err, gallra.ErrNotFound): // only a trace of it
		case err != nil:
			return nil, 0, fmt.Errorf("request: get %s: %w", g.ref, err)
		case !rec.Created.IsZero() && rec.Created.After(g.ended):
			other++
			continue
		}
		g.parent = rec.Parent
		same = append(same, g)
	}
	return same, other, nil
}

// Returned tells which of the records that requests erased last from a system
// are there again. It reads and changes nothing.
func (d *Desk) Returned(ctx context.Context, src connector.Source, system gallra.SystemID, newest int) ([]guard.Return, error) {
	list, err := d.journal(ctx, system, time.Time{}, newest)
	if err != nil {
		return nil, err
	}
	same, _, err := back(ctx, src, list)
	if err != nil {
		return nil, err
	}
	var out []guard.Return
	for _, g := range same {
		i := slices.IndexFunc(out, func(r guard.Return) bool { return r.Matter == g.request })
		if i < 0 {
			out = append(out, guard.Return{Matter: g.request, Ref: g.ref, Erased: g.ended})
			i = len(out) - 1
		}
		if out[i].Count++; g.ended.Before(out[i].Erased) {
			out[i].Erased = g.ended
		}
	}
	return out, nil
}

// Replay erases again, after a system was restored from a backup taken at since,
// what requests had erased from it since then (REQUIREMENTS B-4). It may be
// repeated. A record on hold stays, and the kill switch ends it between two records.
func (d *Desk) Replay(ctx context.Context, system gallra.SystemID, since time.Time, actor string) (guard.Replayed, error) {
	out := guard.Replayed{Kept: map[string]int64{}}
	if err := d.DB.QueryRowContext(ctx, `SELECT count(*) FROM request_item WHERE system = $1 AND state = 'done' AND outcome IN ($3, $4) AND ended >= $2`, string(system), store.Micros(since), string(gallra.OutcomeDeidentified), string(gallra.OutcomeAnonymised)).Scan(&out.Redacted); err != nil {
		return out, fmt.Errorf("request: replay: %w", err)
	}
	list, err := d.journal(ctx, system, since, 1_000_000)
	if err != nil || len(list) == 0 {
		return out, err
	}
	out.Journal = int64(len(list))
	src, err := d.Open(ctx, system)
	if err != nil {
		return out, err
	}
	defer src.Close()
	e, ok := src.(connector.Eraser)
	if !ok {
		return out, gallra.Errorf(gallra.Unsupported, "request.cannot_erase", "system", string(system))
	}
	same, other, err := back(ctx, src, list)
	if err != nil {
		return out, err
	}
	if out.Back = int64(len(same)) + other; other > 0 {
		out.Kept["retention.reason.other"] += other
	}
	// A person's record last, as a request erases it.
	slices.SortStableFunc(same, func(a, b goneRecord) int { return flag(a.person) - flag(b.person) })
	for _, g := range same {
		if err := d.replayOne(ctx, src, e, g, actor, &out); err != nil {
			return out, err
		}
	}
	return out, nil
}

func (d *Desk) replayOne(ctx context.Context, src connector.Source, e connector.Eraser, g goneRecord, actor string, out *guard.Replayed) error {
	if d.Stopped != nil {
		if stopped, err := d.Stopped(ctx); err != nil {
			return err
		} else if stopped {
			return gallra.Errorf(gallra.Blocked, "retention.all_stopped")
		}
	}
	holds, err := d.reach.Load(ctx, d.DB, d.Keys.Dir, src, g.ref.System)
	if err == nil {
		err = holds.Join(ctx, src, []gallra.Ref{g.ref})
	}
	if err != nil {
		return err
	}
	person := gallra.Ref{}
	if g.person {
		person = g.ref
	}
	if _, held := holds.Covers(g.ref, g.parent, person); held {
		out.Kept["retention.reason.hold"]++
		return nil
	}
	entry := func(action, result string) error {
		return d.DB.Tx(ctx, func(tx *sql.Tx) error {
			_, err := d.Log.Append(ctx, tx, evidence.Entry{Actor: actor, Action: action, System: g.ref.System, Subject: g.request, Result: result})
			return err
		})
	}
	if err := entry("replay.intent", ""); err != nil {
		return err
	}
	result := "erased"
	if _, err := e.Erase(ctx, g.ref, ""); err != nil && !errors.Is(err, gallra.ErrNotFound) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		result = "failed"
	} else {
		left := false
		if err := gone(ctx, src, []gallra.Ref{g.ref}, func(gallra.Residue) error { left = true; return nil }); err != nil {
			return err
		}
		if left {
			result = "failed"
		}
	}
	if result == "erased" {
		out.Erased++
	} else {
		out.Kept["retention.reason.remains"]++
	}
	return entry("replay.result", result)
}
