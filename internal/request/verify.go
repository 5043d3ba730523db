package request

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/content"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/subject"
	"github.com/gallra/gallra/internal/work"
	"github.com/gallra/gallra/pii/ident"
)

// StartVerify returns the work that searches every system again, by another road
// than the one that found (REQUIREMENTS W-11). It may be started again later:
// when a system has promised to have erased by a date.
func (d *Desk) StartVerify(ctx context.Context, id, actor string) (work.Work, error) {
	var w work.Work
	err := d.DB.Tx(ctx, func(tx *sql.Tx) error {
		r, err := d.get(ctx, tx, id)
		if err != nil {
			return err
		}
		if r.State != Executing && r.State != Verified && r.State != Delivered {
			return gallra.Errorf(gallra.Blocked, "request.not_executed", "request", id)
		}
		if _, err := tx.ExecContext(ctx, "UPDATE request_search SET verified = 0 WHERE request = $1 AND state = 'done'", id); err != nil {
			return fmt.Errorf("request: verify: %w", err)
		}
		if w, err = work.Create(ctx, tx, d.now(), WorkVerify, id, actor); err != nil {
			return err
		}
		searches, err := d.searches(ctx, tx, id)
		w.Total = int64(len(searches))
		if err != nil {
			return err
		}
		return work.Save(ctx, tx, d.now(), &w)
	})
	return w, err
}

// verifyOne searches the next system again. It reports whether there was one.
func (d *Desk) verifyOne(ctx context.Context, id string) (bool, error) {
	searches, err := d.Searches(ctx, id)
	if err != nil {
		return false, err
	}
	i := slices.IndexFunc(searches, func(s Search) bool { return s.State == "done" && s.Verified.IsZero() })
	if i < 0 {
		return false, nil
	}
	system := searches[i].System
	det, err := d.open(ctx, d.DB, id)
	if err != nil {
		return false, err
	}
	items, err := d.Items(ctx, id)
	if err != nil {
		return false, err
	}
	sys, err := d.system(ctx, system)
	if err != nil {
		return false, err
	}
	remains := []gallra.Residue{}
	if sys.Manual {
		remains = append(remains, gallra.Residue{Where: string(system), Why: "request.verify_by_hand"})
	} else if found, err := d.leftovers(ctx, system, items, det); err != nil {
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		remains = append(remains, gallra.Residue{Where: string(system), Why: "request.verify_failed"})
	} else {
		remains = append(remains, found...)
	}
	return true, d.DB.Tx(ctx, func(tx *sql.Tx) error {
		b, err := json.Marshal(remains)
		if err != nil {
			return fmt.Errorf("request: verify: %w", err)
		}
		if _, err := tx.ExecContext(ctx, "UPDATE request_search SET verified = $3, remains = $4 WHERE request = $1 AND system = $2", id, string(system), store.Micros(d.now()), string(b)); err != nil {
			return fmt.Errorf("request: verify: %w", err)
		}
		return d.prove(ctx, tx, id, "system", "request.verified_system", string(system), map[string]int64{"remains": int64(len(remains))})
	})
}

// leftovers returns what is left of the person in a system, apart from what was
// decided to stay.
func (d *Desk) leftovers(ctx context.Context, system gallra.SystemID, items []Item, det Details) ([]gallra.Residue, error) {
	src, err := d.Open(ctx, system)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	stays := map[gallra.Ref]bool{}
	var erased, redacted []gallra.Ref
	for _, it := range items {
		if it.Ref.System != system {
			continue
		}
		switch {
		case it.Decision != Include || it.Outcome == gallra.OutcomeKept:
			stays[it.Ref] = true
		case it.State == "done" && it.Outcome == gallra.OutcomeErased:
			erased = append(erased, it.Ref)
		case it.State == "done" && it.Outcome == gallra.OutcomeDeidentified:
			redacted = append(redacted, it.Ref)
		}
	}
	var out []gallra.Residue
	var expected map[string]int64 // made when it is needed
	add := func(r gallra.Residue) error {
		if r.Ref.IsZero() && len(stays) > 0 {
			if expected == nil {
				var err error
				if expected, err = keptValues(ctx, src, stays, ident.New(unique(det))); err != nil {
					return err
				}
			}
			column := r.Where[strings.LastIndexByte(r.Where, '.')+1:]
			n := min(expected[column], r.Count)
			expected[column] -= n
			if r.Count -= n; r.Count == 0 {
				return nil
			}
		}
		kept, err := within(ctx, src, r.Ref, stays)
		if err == nil && !kept && !slices.Contains(out, r) {
			out = append(out, r)
		}
		return err
	}
	if err := gone(ctx, src, erased, add); err != nil {
		return nil, err
	}
	if err := cleaned(ctx, src, redacted, needles(det), add); err != nil {
		return nil, err
	}
	return out, search(ctx, src, system, unique(det), d, add)
}

// unique returns the identifiers that one person alone has: a namesake's cases
// are no leftovers. When nothing else is known the name must do.
func unique(det Details) []gallra.Identifier {
	ids := slices.DeleteFunc(det.identifiers(), func(i gallra.Identifier) bool { return !subject.Unique(i.Kind) })
	if len(ids) == 0 {
		return det.identifiers()
	}
	return ids
}

// within reports whether a record, or the conversation or person it belongs to,
// was decided to stay.
func within(ctx context.Context, src connector.Source, ref gallra.Ref, stays map[gallra.Ref]bool) (bool, error) {
	if ref.IsZero() || len(stays) == 0 {
		return false, nil
	}
	if stays[ref] {
		return true, nil
	}
	rec, err := src.Get(ctx, ref)
	if err != nil {
		if gallra.CodeOf(err) == gallra.NotFound || gallra.CodeOf(err) == gallra.Invalid {
			return false, nil // a place that is no record of its own
		}
		return false, fmt.Errorf("request: read %s: %w", ref, err)
	}
	return stays[rec.Parent] || stays[rec.Person], nil
}

// keptValues counts, by the name of the field, the records that were decided to
// stay and hold a value of the person. A system that only counts what is left in
// each of its columns, and doesn't say in which record, is judged by these.
func keptValues(ctx context.Context, src connector.Source, stays map[gallra.Ref]bool, m *ident.Matcher) (map[string]int64, error) {
	types, err := typesOf(ctx, src)
	if err != nil {
		return nil, err
	}
	out, seen := map[string]int64{}, map[gallra.Ref]bool{}
	count := func(rec gallra.Record) {
		if seen[rec.Ref] {
			return
		}
		seen[rec.Ref] = true
		for _, p := range content.Texts(types[rec.Ref.Type], rec) {
			if len(m.Find(p.Text)) > 0 {
				out[p.Field]++
			}
		}
	}
	for ref := range stays {
		rec, err := src.Get(ctx, ref)
		if gallra.CodeOf(err) == gallra.NotFound {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("request: read %s: %w", ref, err)
		}
		count(rec)
		for _, t := range types {
			if t.Parent != ref.Type {
				continue
			}
			for q := (connector.Query{Type: t.Name, Parents: []gallra.Ref{ref}}); ; {
				p, err := src.List(ctx, q)
				if err != nil {
					return nil, fmt.Errorf("request: read %s of %s: %w", t.Name, ref, err)
				}
				for _, child := range p.Records {
					count(child)
				}
				if q.Cursor = p.Next; q.Cursor == "" {
					break
				}
			}
		}
	}
	return out, nil
}

// gone looks for the erased records themselves.
func gone(ctx context.Context, src connector.Source, refs []gallra.Ref, add func(gallra.Residue) error) error {
	if len(refs) == 0 {
		return nil
	}
	if v, ok := src.(connector.Verifier); ok {
		left, err := v.Remains(ctx, refs)
		if err != nil {
			return fmt.Errorf("request: verify: %w", err)
		}
		for _, r := range left {
			if err := add(r); err != nil {
				return err
			}
		}
		return nil
	}
	for _, ref := range refs {
		_, err := src.Get(ctx, ref)
		if gallra.CodeOf(err) == gallra.NotFound {
			continue
		}
		if err != nil {
			return fmt.Errorf("request: verify %s: %w", ref, err)
		}
		if err := add(gallra.Residue{Ref: ref, Where: ref.Type, Why: "request.still_there"}); err != nil {
			return err
		}
	}
	return nil
}

// cleaned reads the redacted records again.
func cleaned(ctx context.Context, src connector.Source, refs []gallra.Ref, ids []gallra.Identifier, add func(gallra.Residue) error) error {
	m := ident.New(ids)
	for _, ref := range refs {
		rec, err := src.Get(ctx, ref)
		if gallra.CodeOf(err) == gallra.NotFound {
			continue
		}
		if err != nil {
			return fmt.Errorf("request: verify %s: %w", ref, err)
		}
		for _, f := range rec.Fields {
			if len(m.Find(f.Value)) == 0 {
				continue
			}
			if err := add(gallra.Residue{Ref: ref, Where: ref.Type + "." + f.Name, Why: "request.still_there"}); err != nil {
				return err
			}
		}
	}
	return nil
}

// search asks the system for the person once more: by its search of every place
// where it has one, else as the search did.
func search(ctx context.Context, src connector.Source, system gallra.SystemID, ids []gallra.Identifier, d *Desk, add func(gallra.Residue) error) error {
	s, ok := src.(connector.Searcher)
	if !ok {
		res, err := subject.Search(ctx, src, system, ids, d.now(), nil)
		if err != nil {
			return err
		}
		for _, h := range res.Hits {
			if h.Certainty != connector.Certain && subject.Unique(ids[0].Kind) {
				continue
			}
			if err := add(gallra.Residue{Ref: h.Ref, Where: h.Ref.Type, Why: "request.found_again"}); err != nil {
				return err
			}
		}
		return nil
	}
	for cursor := ""; ; {
		p, err := s.Leftovers(ctx, connector.Needles{Identifiers: ids, Depth: connector.InText}, cursor)
		if err != nil {
			return fmt.Errorf("request: leftovers: %w", err)
		}
		for _, r := range p.Residues {
			if err := add(r); err != nil {
				return err
			}
		}
		if cursor = p.Next; cursor == "" {
			return nil
		}
	}
}

// Remaining returns what was found in the last verification, and what was not
// carried out, by system: what the command line's exit code 3 stands for.
func (d *Desk) Remaining(ctx context.Context, id string) ([]gallra.Residue, error) {
	searches, err := d.Searches(ctx, id)
	if err != nil {
		return nil, err
	}
	var out []gallra.Residue
	for _, s := range searches {
		out = append(out, s.Remains...)
	}
	items, err := d.Items(ctx, id)
	if err != nil {
		return nil, err
	}
	for _, it := range items {
		if it.Decision == Include && (it.State == "failed" || it.State == "manual") {
			why := "request.not_done"
			if it.Problem != nil && strings.HasPrefix(it.Problem.Key, "request.") { // a connector's own key says nothing to a reader
				why = it.Problem.Key
			}
			out = append(out, gallra.Residue{Ref: it.Ref, Where: it.Ref.Type, Why: why})
		}
	}
	return out, nil
}
