package retention

import (
	"context"
	"fmt"
	"slices"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/guard"
)

// Returned tells which of the records that runs erased last from a system are
// there again, as they were: what a restored backup brings back. It reads and
// changes nothing.
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
		if u.System != system || !r.plan.Rules[b.rule].Action.Erases() {
			continue
		}
		gone, err := r.erasedOf(ctx, b)
		if err != nil {
			return nil, err
		}
		gone = gone[max(len(gone)-newest, 0):]
		newest -= len(gone)
		back, err := r.back(ctx, src, u, gone)
		if err != nil {
			return nil, err
		}
		if len(back) == 0 {
			continue
		}
		ref := gallra.Ref{System: u.System, Type: u.Type, ID: back[0].id}
		if k := len(out) - 1; k >= 0 && out[k].Matter == p.run {
			out[k].Count, out[k].Ref, out[k].Erased = out[k].Count+int64(len(back)), ref, b.ended
		} else {
			out = append(out, guard.Return{Matter: p.run, Ref: ref, Count: int64(len(back)), Erased: b.ended})
		}
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

// erasedOf returns the records of a batch that its run erased, in order.
func (r *running) erasedOf(ctx context.Context, b batch) ([]item, error) {
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
