package retention

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/guard"
)

// Returned tells which of the records that runs erased or anonymised last in a
// system are there again, as they were: what a restored backup brings back. Of
// those anonymised it also tells which are there in another form than either. It
// reads and changes nothing.
func (e *Engine) Returned(ctx context.Context, src connector.Source, system gallra.SystemID, newest int) ([]guard.Return, error) {
	type place struct {
		run string
		n   int64
	}
	rows, err := e.DB.QueryContext(ctx, `SELECT r.id, b.n FROM run r JOIN plan_batch b ON b.plan = r.plan WHERE b.ended > 0 AND b.position > 0 AND length(r.key) > 0 AND length(b.blob) > 0 ORDER BY b.ended DESC, b.n DESC`)
	if err != nil {
		return nil, fmt.Errorf("retention: returned: %w", err)
	}
	defer rows.Close()
	var places []place
	for rows.Next() {
		var p place
		if err := rows.Scan(&p.run, &p.n); err != nil {
			return nil, fmt.Errorf("retention: returned: %w", err)
		}
		places = append(places, p)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("retention: returned: %w", err)
	}
	var out []guard.Return
	open := map[string]*running{}
	seen := map[gallra.Ref]bool{} // anonymised by a newer run than the one that is looked at
	add := func(run string, u unit, kind guard.Kind, list []item, ended time.Time) {
		if len(list) == 0 {
			return
		}
		ref := gallra.Ref{System: u.System, Type: u.Type, ID: list[0].id}
		k := slices.IndexFunc(out, func(o guard.Return) bool { return o.Matter == run && o.Kind == kind && o.Ref.Type == u.Type })
		if k < 0 {
			out = append(out, guard.Return{Matter: run, Kind: kind, Ref: ref, Count: int64(len(list)), Erased: ended})
			return
		}
		out[k].Count, out[k].Ref, out[k].Erased = out[k].Count+int64(len(list)), ref, ended
	}
	for _, p := range places {
		if newest <= 0 {
			break
		}
		r := open[p.run]
		if r == nil {
			if r, err = e.journalOf(ctx, p.run); err != nil {
				return nil, err
			}
			open[p.run] = r
		}
		k := slices.IndexFunc(r.batches, func(b batch) bool { return b.n == p.n })
		if k < 0 {
			continue
		}
		b := r.batches[k]
		u := r.plan.units[b.unit]
		action := r.plan.Rules[b.rule].Action
		if u.System != system || !action.Erases() && action != gallra.ActionAnonymise {
			continue
		}
		gone, err := r.doneOf(ctx, b)
		if err != nil {
			return nil, err
		}
		gone = gone[max(len(gone)-newest, 0):]
		newest -= len(gone)
		if action == gallra.ActionAnonymise {
			gone = slices.DeleteFunc(gone, func(i item) bool {
				ref := gallra.Ref{System: u.System, Type: u.Type, ID: i.id}
				was := seen[ref]
				seen[ref] = true
				return was
			})
			exact, altered, err := r.restored(ctx, src, u, b, gone)
			if err != nil {
				return nil, err
			}
			add(p.run, u, guard.Rewritten, exact, b.ended)
			add(p.run, u, guard.Altered, altered, b.ended)
			continue
		}
		back, err := r.back(ctx, src, u, gone)
		if err != nil {
			return nil, err
		}
		add(p.run, u, guard.Record, back, b.ended)
	}
	return out, nil
}

// journalOf reads what a run was to do.
func (e *Engine) journalOf(ctx context.Context, id string) (*running, error) {
	r := &running{Engine: e}
	var err error
	if r.run, err = e.RunOf(ctx, id); err != nil {
		return nil, err
	}
	if r.plan, err = e.PlanOf(ctx, r.run.Plan); err != nil {
		return nil, err
	}
	r.batches, err = e.readBatches(ctx, r.plan.ID)
	return r, err
}

// doneOf returns the records of a batch with which its run has done what was
// planned, in order.
func (r *running) doneOf(ctx context.Context, b batch) ([]item, error) {
	kept, err := r.kept(ctx, b.unit)
	if err != nil {
		return nil, err
	}
	_, items, err := r.blob(ctx, r.DB, b.n)
	if err != nil {
		return nil, err
	}
	var gone []item
	for _, i := range items[:min(b.position, int64(len(items)))] {
		if !kept[i.id] {
			gone = append(gone, i)
		}
	}
	return gone, nil
}

// back returns those of gone that are in the system again, and are the same.
func (r *running) back(ctx context.Context, src connector.Source, u unit, gone []item) ([]item, error) {
	refs := make([]gallra.Ref, len(gone))
	for n, i := range gone {
		refs[n] = gallra.Ref{System: u.System, Type: u.Type, ID: i.id}
	}
	there, err := remains(ctx, src, nil, refs)
	if err != nil {
		return nil, err
	}
	var back []item
	for n, i := range gone {
		if _, ok := there[i.id]; !ok {
			continue
		}
		same, err := r.same(ctx, src, u, refs[n], i)
		if err != nil {
			return nil, err
		}
		if same {
			back = append(back, i)
		}
	}
	return back, nil
}
