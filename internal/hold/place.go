package hold

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

// Placer puts holds in force that people ask for: it asks the systems first
// whether what is named exists, and where people are that are to be held.
type Placer struct {
	Register
	Systems []gallra.SystemID // every system there is
	Open    func(ctx context.Context, system gallra.SystemID) (connector.Source, error)
}

// Found is what was found of people when they were put on hold.
type Found struct {
	Records int               `json:"records"`           // in how many records, which are held by reference from now on
	Unasked []gallra.SystemID `json:"unasked,omitempty"` // systems that could not be searched now; what is in them is known before it is changed
}

// Put puts a hold in force. A system, a type, a field or a record that does not
// exist is refused, and so is one in a system that cannot be asked, unless the
// hold is to be placed anyway; a query never is, for nobody could ask it.
func (p Placer) Put(ctx context.Context, h Hold, anyway bool) (Hold, Found, error) {
	var f Found
	if err := p.exists(ctx, h, anyway); err != nil {
		return Hold{}, f, err
	}
	if len(h.Persons) > 0 {
		people := h.Persons
		if err := h.identify(p.Keys); err != nil { // a wrong value is refused before systems are searched
			return Hold{}, f, err
		}
		refs, unasked, err := p.find(ctx, people)
		if err != nil {
			return Hold{}, f, err
		}
		f = Found{len(refs), unasked}
		for _, ref := range refs {
			h.Targets = append(h.Targets, Target{Ref: ref})
		}
	}
	err := p.DB.Tx(ctx, func(tx *sql.Tx) (err error) {
		h, err = p.Place(ctx, tx, h)
		return err
	})
	return h, f, err
}

// exists asks the systems whether there is what h names.
func (p Placer) exists(ctx context.Context, h Hold, anyway bool) error {
	for _, t := range h.Targets {
		switch {
		case t.Digest != "":
		case !slices.Contains(p.Systems, t.Ref.System):
			return gallra.Errorf(gallra.Invalid, "hold.system_missing", "system", string(t.Ref.System))
		case t.Ref.Type == "" && t.Ref.ID != "":
			return gallra.Errorf(gallra.Invalid, "hold.target_missing")
		case t.Ref.Type != "":
			if err := p.inSystem(ctx, t.Ref.System, anyway, func(src connector.Source, types []connector.Type) error {
				if _, ok := typeNamed(types, t.Ref.Type); !ok {
					return gallra.Errorf(gallra.Invalid, "hold.type_missing", "system", string(t.Ref.System), "type", t.Ref.Type, "types", names(types))
				}
				if t.Ref.ID == "" {
					return nil
				}
				_, err := src.Get(ctx, t.Ref)
				if errors.Is(err, gallra.ErrNotFound) {
					return gallra.Errorf(gallra.Invalid, "hold.record_missing", "record", t.Ref.String())
				}
				return err
			}); err != nil {
				return err
			}
		}
	}
	for _, q := range h.Queries {
		if !slices.Contains(p.Systems, q.System) {
			return gallra.Errorf(gallra.Invalid, "hold.system_missing", "system", string(q.System))
		}
		asked := false
		if err := p.inSystem(ctx, q.System, false, func(_ connector.Source, types []connector.Type) error {
			asked = true
			return q.check(types)
		}); err != nil {
			return err
		}
		if !asked {
			return gallra.Errorf(gallra.Invalid, "hold.query_hand", "system", string(q.System))
		}
	}
	return nil
}

// inSystem opens a system for ask, which is given its types. A system that is
// worked by hand is not asked. Where one cannot be asked, that is the error,
// unless anyway.
func (p Placer) inSystem(ctx context.Context, id gallra.SystemID, anyway bool, ask func(connector.Source, []connector.Type) error) error {
	src, err := p.Open(ctx, id)
	if err == nil {
		defer src.Close()
		if _, hand := src.(connector.Handed); hand {
			return nil
		}
		var types []connector.Type
		if types, err = src.Types(ctx); err == nil {
			err = ask(src, types)
		}
	}
	switch {
	case err == nil, gallra.CodeOf(err) == gallra.Invalid, ctx.Err() != nil:
		return err
	case anyway:
		return nil
	}
	return gallra.Errorf(gallra.Unavailable, "hold.unasked", "system", string(id)).Wrap(err)
}

// find searches every system for people.
func (p Placer) find(ctx context.Context, people []gallra.Identifier) (refs []gallra.Ref, unasked []gallra.SystemID, err error) {
	for _, id := range p.Systems {
		found, err := p.findIn(ctx, id, people)
		switch {
		case ctx.Err() != nil:
			return nil, nil, ctx.Err()
		case gallra.CodeOf(err) == gallra.Unsupported: // known by the digests when it comes to it
		case err != nil:
			unasked = append(unasked, id)
		}
		refs = append(refs, found...)
	}
	return refs, unasked, nil
}

func (p Placer) findIn(ctx context.Context, id gallra.SystemID, people []gallra.Identifier) ([]gallra.Ref, error) {
	src, err := p.Open(ctx, id)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	if _, hand := src.(connector.Handed); hand {
		return nil, nil
	}
	return Find(ctx, src, id, people)
}

// Find returns the records, and their conversations, that bear one of the
// identifiers in an identity field, which is quick. gallra.ErrUnsupported where
// the system cannot be searched.
func Find(ctx context.Context, src connector.Source, system gallra.SystemID, ids []gallra.Identifier) ([]gallra.Ref, error) {
	f, ok := src.(connector.Finder)
	if !ok {
		return nil, gallra.Errorf(gallra.Unsupported, "request.cannot_find", "system", string(system))
	}
	var out []gallra.Ref
	seen := map[gallra.Ref]bool{}
	for cursor := ""; ; {
		page, err := f.Find(ctx, connector.Needles{Identifiers: ids, Depth: connector.InFields}, cursor)
		if err != nil {
			return out, fmt.Errorf("hold: find in %s: %w", system, err)
		}
		for _, h := range page.Hits {
			for _, ref := range []gallra.Ref{h.Ref, h.Parent} {
				if !ref.IsZero() && !seen[ref] {
					seen[ref] = true
					out = append(out, ref)
				}
			}
		}
		if cursor = page.Next; cursor == "" {
			return out, nil
		}
	}
}
