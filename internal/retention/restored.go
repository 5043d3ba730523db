package retention

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/anonymise"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/guard"
)

// ReasonAltered is why a replay leaves a record alone that was anonymised: what
// stands there is not what the decision was about.
const ReasonAltered = "retention.reason.altered"

// restored tells which of the records that a batch has anonymised are there again
// as they were before it, by their versions, and which hold what was taken out and
// are not that: an older copy than the one the decision was about, or a restored
// record that somebody has written to. An anonymised record that has been written
// to since is no matter of a backup: it has kept its rounded times.
func (r *running) restored(ctx context.Context, src connector.Source, u unit, b batch, items []item) (exact, altered []item, err error) {
	done, err := r.marks(ctx, u, r.plan.Rules)
	if err != nil || len(items) == 0 {
		return nil, nil, err
	}
	list, err := src.Types(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("retention: types of %s: %w", u.System, err)
	}
	types := map[string]connector.Type{}
	for _, t := range list {
		types[t.Name] = t
	}
	_, rounds := src.(connector.Rounder)
	lives := func(rec gallra.Record) bool {
		return rec.Updated.After(b.ended) && (!rounds || rounded(gallra.Record{Created: rec.Created}, r.Loc))
	}
	for part := range slices.Chunk(items, recordsRead) {
		refs := make([]gallra.Ref, len(part))
		for n, i := range part {
			refs[n] = gallra.Ref{System: u.System, Type: u.Type, ID: i.id}
		}
		now, err := getMany(ctx, src, refs, true, nil)
		if err != nil {
			return nil, nil, err
		}
		for _, i := range part {
			rec, there := now[i.id]
			switch {
			case !there, done.has(i.id, rec.Version):
			case i.version != "" && i.version == rec.Version:
				exact = append(exact, i)
			case lives(rec), r.rewritten(types, r.plan.Rules[b.rule], rec):
			default:
				altered = append(altered, i)
			}
		}
	}
	return exact, altered, nil
}

// rewritten reports whether a record says nothing that a rule would take out.
func (r *running) rewritten(types map[string]connector.Type, rule gallra.Rule, rec gallra.Record) bool {
	c := anonymise.New(anonymise.Options{Text: rule.Text, Files: rule.Files, PII: r.PII, Lang: r.Lang}, types, []gallra.Record{rec})
	set, left := c.Edits(types[rec.Ref.Type], rec)
	return len(set)+len(left) == 0
}

// replayRewrites anonymises again, by the same decision, those records of a batch
// that a restored backup has brought back exactly as they were. The figures have
// what the first time has changed in them already: nothing is added.
func (r *running) replayRewrites(ctx context.Context, u unit, b batch, items []item, actor string, out *guard.Replayed, altered map[gallra.Ref]bool) error {
	src, err := r.source(ctx, u.System)
	if err != nil {
		return err
	}
	exact, other, err := r.restored(ctx, src, u, b, items)
	if err != nil {
		return err
	}
	for _, i := range other {
		altered[gallra.Ref{System: u.System, Type: u.Type, ID: i.id}] = true
	}
	if len(exact) == 0 {
		return nil
	}
	holds, err := r.holds(ctx, src, u, exact)
	if err != nil {
		return err
	}
	out.RewritesBack += int64(len(exact))
	var todo []item
	for _, i := range exact {
		ref := gallra.Ref{System: u.System, Type: u.Type, ID: i.id}
		delete(altered, ref) // of another run that had anonymised it before
		if _, held := holds.Covers(ref, i.parent, i.person); held {
			out.Kept[reasonHold]++
			continue
		}
		todo = append(todo, i)
	}
	if len(todo) == 0 {
		return nil
	}
	act, size, err := r.actor(ctx, b, u, r.plan.Rules[b.rule])
	if err != nil {
		return err
	}
	if err := r.logReplay(ctx, b, todo, actor, "replay.intent", "", map[string]int64{"items": int64(len(todo)), "batch": b.n}); err != nil {
		return err
	}
	again := todo
	var did int64
	for len(todo) > 0 {
		if stopped, err := r.Stopped(ctx); err != nil {
			return err
		} else if stopped {
			return errAllStopped
		}
		part := todo[:min(size, len(todo))]
		res, err := act(ctx, u, r.plan.Rules[b.rule], part, false)
		if errors.Is(err, errNoRoom) {
			size = (len(part) + 1) / 2
			continue
		}
		if err != nil {
			return err
		}
		if err := r.rewrittenAgain(ctx, src, u, b, part, res); err != nil {
			return err
		}
		for _, x := range res.exceptions {
			out.Kept[x.reason]++
		}
		did += int64(len(part) - len(res.exceptions))
		out.Rewritten += int64(len(part) - len(res.exceptions))
		todo = todo[len(part):]
	}
	return r.logReplay(ctx, b, again, actor, "replay.result", strconv.FormatInt(did, 10), map[string]int64{"rewritten": did})
}

func (r *running) logReplay(ctx context.Context, b batch, items []item, actor, action, result string, counts map[string]int64) error {
	return r.DB.Tx(ctx, func(tx *sql.Tx) error {
		entry := r.entry(action, b, items, result, counts)
		entry.Actor = actor
		_, err := r.Log.Append(ctx, tx, entry)
		return err
	})
}

// rewrittenAgain makes coarser what the run had made coarser, and marks what was
// anonymised again, so that the next plan knows it.
func (r *running) rewrittenAgain(ctx context.Context, src connector.Source, u unit, b batch, part []item, res result) error {
	failed := map[string]bool{}
	for _, x := range res.exceptions {
		failed[x.id] = true
	}
	done := slices.DeleteFunc(slices.Clone(part), func(i item) bool { return failed[i.id] })
	if rule := r.plan.Rules[b.rule]; len(rule.Coarsen) > 0 {
		c, err := r.coarsening(ctx, b.unit)
		if err != nil {
			return err
		}
		var rare []item
		for _, i := range done {
			if g, key := c.split(i.fact); c.change[g][key] != "" {
				rare = append(rare, i)
			}
		}
		if _, err := r.coarsenRecords(ctx, src, u, c, rare); err != nil {
			return err
		}
	}
	var refs []gallra.Ref
	for _, i := range done {
		refs = append(refs, gallra.Ref{System: u.System, Type: u.Type, ID: i.id})
	}
	for _, id := range res.renamed {
		refs = append(refs, gallra.Ref{System: u.System, Type: u.Type, ID: id})
	}
	var fresh marks
	for some := range slices.Chunk(refs, recordsRead) {
		now, err := getMany(ctx, src, some, true, nil)
		if err != nil {
			return err
		}
		for id, rec := range now {
			fresh = append(fresh, mark(id, rec.Version))
		}
	}
	if err := r.DB.Tx(ctx, func(tx *sql.Tx) error { return addMarks(ctx, tx, r.run.ID, u, fresh) }); err != nil {
		return err
	}
	return r.noted(ctx, u, res.renamed)
}

// addMarks adds to the marks of a run.
func addMarks(ctx context.Context, tx *sql.Tx, run string, u unit, m marks) error {
	var b []byte
	err := tx.QueryRowContext(ctx, `SELECT marks FROM anonymised WHERE system = $1 AND type = $2 AND run = $3`, string(u.System), u.Type, run).Scan(&b)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("retention: anonymised: %w", err)
	}
	for ; len(b) >= 8; b = b[8:] {
		m = append(m, binary.LittleEndian.Uint64(b))
	}
	slices.Sort(m)
	return saveMarks(ctx, tx, run, u, slices.Compact(m))
}
