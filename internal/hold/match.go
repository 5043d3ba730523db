package hold

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

// match asks records of one type, and all that would go with them, whether a
// person on hold is known in them or a query covers them, and keeps those: a
// record by its own fields and texts, by the person it is about and what it hangs
// on, and by everything that hangs on it. It costs a reading of what is about to
// go, and is done only while somebody or something is on hold in such a way.
func (s Set) match(ctx context.Context, src connector.Source, refs []gallra.Ref) error {
	if len(refs) == 0 || len(s.digests)+len(s.queries) == 0 {
		return nil
	}
	typ, ok := typeNamed(s.types, refs[0].Type)
	if !ok {
		return gallra.Errorf(gallra.Blocked, "hold.cannot_ask", "system", string(refs[0].System))
	}
	for part := range slices.Chunk(refs, readTogether) {
		if err := s.matchSome(ctx, src, typ, part); err != nil {
			return fmt.Errorf("hold: ask %s/%s: %w", part[0].System, typ.Name, err)
		}
	}
	return nil
}

func (s Set) matchSome(ctx context.Context, src connector.Source, typ connector.Type, refs []gallra.Ref) error {
	records, err := s.fetch(ctx, src, refs)
	if err != nil {
		return err
	}
	if err := s.climb(ctx, src, records); err != nil {
		return err
	}
	for _, r := range records {
		if id := s.touches(r); id != "" {
			s.kept[r.Ref] = id
		}
	}
	switch typ.Kind {
	case connector.KindConversation:
		return s.below(ctx, src, typ.Name, "", refs, func(top gallra.Ref) []gallra.Ref { return []gallra.Ref{top} })
	case connector.KindPerson:
		return s.cases(ctx, src, refs)
	}
	// What hangs on a message is listed by its conversation, and on which message
	// is not told: all of that conversation that are about to go stay.
	in := map[gallra.Ref][]gallra.Ref{}
	var tops []gallra.Ref
	for _, r := range records {
		if len(connector.Below(s.types, typ.Name)) == 0 || r.Parent.IsZero() {
			continue
		}
		if len(in[r.Parent]) == 0 {
			tops = append(tops, r.Parent)
		}
		in[r.Parent] = append(in[r.Parent], r.Ref)
	}
	if len(tops) == 0 {
		return nil
	}
	return s.below(ctx, src, tops[0].Type, typ.Name, tops, func(top gallra.Ref) []gallra.Ref { return in[top] })
}

// fetch reads those of refs that exist, whole.
func (s Set) fetch(ctx context.Context, src connector.Source, refs []gallra.Ref) ([]gallra.Record, error) {
	kind := map[string]connector.Kind{}
	for _, t := range s.types {
		kind[t.Name] = t.Kind
	}
	var out []gallra.Record
	err := readEach(ctx, src, kind, refs, func(r gallra.Record) { out = append(out, r) })
	return out, err
}

// met is what was found of a record that others hang on: the hold it is under
// by itself, and what it hangs on.
type met struct {
	hold string
	up   []gallra.Ref
}

// climb reads what records hang on and whom they are about, as far up as it goes.
func (s Set) climb(ctx context.Context, src connector.Source, records []gallra.Record) error {
	var ask []gallra.Ref
	want := func(refs ...gallra.Ref) {
		for _, ref := range refs {
			if _, known := s.asked[ref]; !known && !ref.IsZero() {
				s.asked[ref] = met{} // nothing, if it does not exist
				ask = append(ask, ref)
			}
		}
	}
	for _, r := range records {
		want(r.Parent, r.Person)
	}
	for n := 0; n < depth && len(ask) > 0; n++ {
		list := ask
		ask = nil
		for part := range slices.Chunk(list, readTogether) {
			above, err := s.fetch(ctx, src, part)
			if err != nil {
				for _, ref := range list {
					delete(s.asked, ref)
				}
				return err
			}
			for _, r := range above {
				s.asked[r.Ref] = met{s.matches(r), []gallra.Ref{r.Parent, r.Person}}
				want(r.Parent, r.Person)
			}
		}
	}
	return nil
}

// touches returns the hold over a record, what it hangs on or whom it is about.
func (s Set) touches(r gallra.Record) string {
	if id := s.matches(r); id != "" {
		return id
	}
	ask := []gallra.Ref{r.Parent, r.Person}
	for range depth {
		var next []gallra.Ref
		for _, ref := range ask {
			m := s.asked[ref]
			if m.hold != "" {
				return m.hold
			}
			next = append(next, m.up...)
		}
		ask = next
	}
	return ""
}

// matches returns the hold that a record by itself is under; "" when none.
func (s Set) matches(r gallra.Record) string {
	typ, ok := typeNamed(s.types, r.Ref.Type)
	if !ok {
		return ""
	}
	for _, q := range s.queries {
		if q.covers(typ, r) {
			return q.hold
		}
	}
	return s.bears(typ, r)
}

// below reads all that hangs on records of type root, except what is of one type,
// and keeps what keep names of each of them under which something is on hold.
func (s Set) below(ctx context.Context, src connector.Source, root, except string, tops []gallra.Ref, keep func(top gallra.Ref) []gallra.Ref) error {
	under := map[gallra.Ref]gallra.Ref{} // of what hangs on something else than a top
	for _, top := range tops {
		under[top] = top
	}
	for _, typ := range connector.Below(s.types, root) {
		if typ.Name == except {
			continue
		}
		q := connector.Query{Type: typ.Name, Parents: tops, Unversioned: true}
		for {
			page, err := src.List(ctx, q)
			if err != nil {
				return fmt.Errorf("list %s: %w", typ.Name, err)
			}
			if err := s.climb(ctx, src, page.Records); err != nil {
				return err
			}
			for _, r := range page.Records {
				top, told := under[r.Parent]
				if told {
					under[r.Ref] = top
				}
				id := s.matches(r)
				if m := s.asked[r.Person]; id == "" {
					id = m.hold
				}
				switch {
				case id == "":
				case told:
					for _, ref := range keep(top) {
						s.kept[ref] = id
					}
				default: // on which of them it hangs is not told
					for _, top := range tops {
						for _, ref := range keep(top) {
							s.kept[ref] = id
						}
					}
				}
			}
			if q.Cursor = page.Next; page.Next == "" {
				break
			}
		}
	}
	return nil
}

// accounts is how many persons' conversations are asked for at a time.
const accounts = 50

// cases looks in the conversations of persons who are about to go, where the
// system finds them by the person's own id: their records may take them along.
func (s Set) cases(ctx context.Context, src connector.Source, persons []gallra.Ref) error {
	f, ok := src.(connector.Finder)
	if !ok {
		return nil
	}
	for part := range slices.Chunk(persons, accounts) {
		n := connector.Needles{Depth: connector.InFields}
		for _, p := range part {
			n.Identifiers = append(n.Identifiers, gallra.Identifier{Kind: gallra.IdentAccount, Value: p.ID, System: p.System})
		}
		of := map[gallra.Ref][]gallra.Ref{} // conversation to persons
		var talks []gallra.Ref
		for cursor := ""; ; {
			page, err := f.Find(ctx, n, cursor)
			if errors.Is(err, gallra.ErrUnsupported) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("find conversations: %w", err)
			}
			for _, h := range page.Hits {
				for _, ref := range []gallra.Ref{h.Ref, h.Parent} {
					if t, ok := typeNamed(s.types, ref.Type); !ok || t.Kind != connector.KindConversation || h.Identifier >= len(part) {
						continue
					}
					if len(of[ref]) == 0 {
						talks = append(talks, ref)
					}
					of[ref] = append(of[ref], part[h.Identifier])
				}
			}
			if cursor = page.Next; cursor == "" {
				break
			}
		}
		slices.SortStableFunc(talks, func(a, b gallra.Ref) int { return cmp.Compare(a.Type, b.Type) })
		for len(talks) > 0 { // of one type at a time
			n := 1
			for n < len(talks) && n < readTogether && talks[n].Type == talks[0].Type {
				n++
			}
			few := talks[:n]
			talks = talks[n:]
			records, err := s.fetch(ctx, src, few)
			if err != nil {
				return err
			}
			for _, r := range records {
				if id := s.matches(r); id != "" {
					for _, p := range of[r.Ref] {
						s.kept[p] = id
					}
				}
			}
			if err := s.below(ctx, src, few[0].Type, "", few, func(top gallra.Ref) []gallra.Ref { return of[top] }); err != nil {
				return err
			}
		}
	}
	return nil
}
