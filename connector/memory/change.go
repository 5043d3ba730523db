package memory

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

// Erase erases ref with all that hangs on it, its history and its index entries.
func (c *Source) Erase(ctx context.Context, ref gallra.Ref, ifVersion string) (gallra.Receipt, error) {
	c.sys.mu.Lock()
	defer c.sys.mu.Unlock()
	defer c.sys.sweep()
	return c.erase(ctx, ref, ifVersion)
}

// EraseMany erases each item as Erase does.
func (c *Source) EraseMany(ctx context.Context, items []connector.Item) ([]connector.Result, error) {
	c.sys.mu.Lock()
	defer c.sys.mu.Unlock()
	defer c.sys.sweep()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	out := make([]connector.Result, len(items))
	for i, it := range items {
		out[i].Receipt, out[i].Err = c.erase(ctx, it.Ref, it.IfVersion)
	}
	return out, nil
}

// Edit sets fields; the index follows and history that could hold the old
// values goes.
func (c *Source) Edit(ctx context.Context, ref gallra.Ref, ifVersion string, set []gallra.Field) (gallra.Receipt, error) {
	c.sys.mu.Lock()
	defer c.sys.mu.Unlock()
	defer c.sys.sweep()
	return c.edit(ctx, ref, ifVersion, set)
}

// EditMany edits each item as Edit does.
func (c *Source) EditMany(ctx context.Context, edits []connector.Edit) ([]connector.Result, error) {
	c.sys.mu.Lock()
	defer c.sys.mu.Unlock()
	defer c.sys.sweep()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	out := make([]connector.Result, len(edits))
	for i, e := range edits {
		out[i].Receipt, out[i].Err = c.edit(ctx, e.Ref, e.IfVersion, e.Set)
		if r, err := c.row(e.Ref); err == nil && out[i].Err == nil && e.Unlink && !c.sys.lie {
			r.person, out[i].Unlinked = 0, true
		}
	}
	return out, nil
}

// writable returns the record when it still has the version; the caller holds
// the lock.
func (c *Source) writable(ctx context.Context, op string, ref gallra.Ref, ifVersion string) (*row, error) {
	if err := c.ready(ctx, op, ref); err != nil {
		return nil, err
	}
	r, err := c.row(ref)
	if err != nil {
		return nil, err
	}
	if ifVersion != "" && ifVersion != strconv.FormatInt(r.version, 10) {
		return nil, gallra.Errorf(gallra.Conflict, "connector.record_changed", "ref", ref.String())
	}
	return r, nil
}

func (c *Source) erase(ctx context.Context, ref gallra.Ref, ifVersion string) (gallra.Receipt, error) {
	s := c.sys
	r, err := c.writable(ctx, "erase", ref, ifVersion)
	if err != nil {
		return gallra.Receipt{}, err
	}
	receipt := gallra.Receipt{Ref: ref, Action: gallra.ActionErase, Grade: gallra.GradeDerived, At: c.now(), Final: true}
	if s.opts.Wastebasket {
		receipt.Grade, receipt.Final = gallra.GradeHidden, false
		receipt.GoneBy = receipt.At.AddDate(0, 0, 30)
		receipt.Residues = []gallra.Residue{{Ref: ref, Where: "wastebasket", Why: "residue.wastebasket", GoneBy: receipt.GoneBy, Count: 1}}
	}
	if s.lie {
		return receipt, nil
	}
	for _, id := range s.family(r) {
		if s.opts.Wastebasket {
			s.basket[id] = s.rows[id]
		}
		delete(s.rows, id)
		delete(s.index, id)
	}
	if r.typ == TypePerson {
		for _, o := range s.rows {
			if o.person == r.id {
				o.person = 0
			}
		}
	}
	return receipt, nil
}

// family returns the ids of r and of all that hangs on it or tells of it.
func (s *System) family(r *row) []int64 {
	out := []int64{r.id}
	for i := 0; i < len(out); i++ {
		for _, o := range s.rows {
			if (o.parent == out[i] || o.about == out[i]) && !slices.Contains(out, o.id) {
				out = append(out, o.id)
			}
		}
	}
	return out
}

func (c *Source) edit(ctx context.Context, ref gallra.Ref, ifVersion string, set []gallra.Field) (gallra.Receipt, error) {
	s := c.sys
	r, err := c.writable(ctx, "edit", ref, ifVersion)
	if err != nil {
		return gallra.Receipt{}, err
	}
	for _, f := range set {
		if info, ok := types[r.typ].Field(f.Name); !ok || info.ReadOnly {
			return gallra.Receipt{}, gallra.Errorf(gallra.Invalid, "connector.field_unknown", "field", f.Name)
		}
	}
	receipt := gallra.Receipt{Ref: ref, Action: gallra.ActionRedact, Grade: gallra.GradeDerived, At: c.now(), Final: true}
	if s.lie {
		return receipt, nil
	}
	for _, f := range set {
		if r.typ == TypeAttachment && f.Name == "content" {
			sum := sha256.Sum256([]byte(f.Value))
			r.file = hex.EncodeToString(sum[:])
			s.files[r.file] = []byte(f.Value)
			continue
		}
		i := slices.IndexFunc(r.fields, func(o gallra.Field) bool { return o.Name == f.Name })
		if i < 0 {
			r.fields = append(r.fields, f)
			continue
		}
		// A reader may hold the old slice.
		r.fields = slices.Clone(r.fields)
		r.fields[i].Value = f.Value
	}
	r.version++
	s.reindex(r)
	for id, o := range s.rows {
		if o.about == r.id {
			delete(s.rows, id)
			delete(s.index, id)
		}
	}
	return receipt, nil
}

// Unlink cuts records loose from the persons they are about.
func (c *Source) Unlink(ctx context.Context, refs []gallra.Ref) ([]connector.Result, error) {
	c.sys.mu.Lock()
	defer c.sys.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	out := make([]connector.Result, len(refs))
	for i, ref := range refs {
		r, err := c.writable(ctx, "unlink", ref, "")
		if err != nil {
			out[i].Err = err
			continue
		}
		out[i].Receipt = gallra.Receipt{Ref: ref, Action: gallra.ActionAnonymise, Grade: gallra.GradeUnlinked, At: c.now(), Final: true}
		if r.person != 0 && !c.sys.lie {
			r.person = 0
			r.version++
		}
	}
	return out, nil
}

// RoundTimes sets the times of records and of all that hangs on them back to the
// beginning of their month in UTC.
func (c *Source) RoundTimes(ctx context.Context, refs []gallra.Ref, _ ...string) error {
	c.sys.mu.Lock()
	defer c.sys.mu.Unlock()
	for _, ref := range refs {
		r, err := c.writable(ctx, "round", ref, "")
		if err != nil {
			return err
		}
		for _, id := range c.sys.family(r) {
			if m := c.sys.rows[id]; m != nil && !c.sys.lie {
				for _, t := range []*time.Time{&m.created, &m.updated, &m.contact, &m.closed} {
					if !t.IsZero() {
						y, month, _ := t.UTC().Date()
						*t = time.Date(y, month, 1, 0, 0, 0, 0, time.UTC)
					}
				}
			}
		}
	}
	return nil
}

// Restrict marks a record; its content stays as it is.
func (c *Source) Restrict(ctx context.Context, ref gallra.Ref, on bool) (gallra.Receipt, error) {
	c.sys.mu.Lock()
	defer c.sys.mu.Unlock()
	r, err := c.writable(ctx, "restrict", ref, "")
	if err != nil {
		return gallra.Receipt{}, err
	}
	if !c.sys.lie {
		r.restricted = on
	}
	return gallra.Receipt{Ref: ref, Action: gallra.ActionRestrict, Grade: gallra.GradeHidden, At: c.now(), Final: true}, nil
}

// Confirm tells whether the wastebasket still holds what was promised away.
func (c *Source) Confirm(ctx context.Context, r gallra.Receipt) (gallra.Receipt, error) {
	c.sys.mu.RLock()
	defer c.sys.mu.RUnlock()
	if err := c.ready(ctx, "confirm", r.Ref); err != nil {
		return gallra.Receipt{}, err
	}
	id := number(r.Ref.ID)
	if c.sys.basket[id] == nil && c.sys.rows[id] == nil {
		r.Final, r.Grade, r.Residues, r.At = true, gallra.GradeDerived, nil, c.now()
	}
	return r, nil
}
