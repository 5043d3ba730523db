package hold

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/store"
)

// Reach loads holds together with what they keep besides their own targets: a
// conversation takes its messages and their files along when it goes, and a
// person's record the conversations, so none of them may go before what is held
// in them is released (REQUIREMENTS W-20: "survives cascade"). The zero value is
// ready; it may be used by several goroutines.
type Reach struct {
	mu    sync.Mutex
	above map[gallra.Ref]above
}

// above is what a record was found to hang on.
type above struct {
	refs []gallra.Ref
	at   time.Time
}

// reachKept is how long it is believed that a held record hangs on what it hung
// on: a run asks for every chunk, and a system may have thousands of them on hold.
const reachKept = time.Minute

// depth is how many levels are followed: a file, its message, the conversation,
// and the person.
const depth = 4

// Load returns the holds in force over system and, looking in src, what they
// keep: every record above a held one, and every type above one that is held
// whole. A held record that does not exist keeps nothing; one that cannot be
// read is an error, for nobody knows what would go with it. keys is the folder of
// the key by which people on hold are known: without it nothing may be changed
// while somebody is.
func (g *Reach) Load(ctx context.Context, db *store.DB, keys string, src connector.Source, system gallra.SystemID) (Set, error) {
	s, err := Load(ctx, db, system)
	if err != nil || s.Empty() {
		return s, err
	}
	if len(s.digests) > 0 {
		if s.key, err = loadKey(keys, false); err != nil {
			return Set{}, err
		}
		if err := s.blind(); err != nil {
			return Set{}, err
		}
	}
	types, err := src.Types(ctx)
	if errors.Is(err, gallra.ErrUnsupported) {
		return s, nil
	}
	if err != nil {
		return Set{}, fmt.Errorf("hold: types of %s: %w", system, err)
	}
	s.kept, s.asked, s.types = map[gallra.Ref]string{}, map[gallra.Ref]met{}, types
	kind := map[string]connector.Kind{}
	s.talks, s.people = map[string][]string{}, map[string]bool{}
	for _, t := range types {
		kind[t.Name] = t.Kind
		switch {
		case t.Kind == connector.KindPerson:
			s.people[t.Name] = true
		case t.Kind == connector.KindMessage && t.Parent != "":
			s.talks[t.Parent] = append(s.talks[t.Parent], t.Name)
		}
	}
	var ask []gallra.Ref
	for ref, id := range s.refs {
		i := slices.IndexFunc(types, func(t connector.Type) bool { return t.Name == ref.Type })
		switch {
		case i < 0 || types[i].Kind == connector.KindPerson:
		case ref.ID != "":
			ask = append(ask, ref)
		default:
			for _, t := range over(types, types[i]) {
				s.kept[gallra.Ref{System: system, Type: t}] = id
			}
		}
	}
	for n := 0; n < depth && len(ask) > 0; n++ {
		found, err := g.look(ctx, db.Now(), src, kind, ask)
		if err != nil {
			return Set{}, err
		}
		var next []gallra.Ref
		for _, ref := range ask {
			id := s.refs[ref]
			if id == "" {
				id = s.kept[ref]
			}
			for _, up := range found[ref] {
				if _, known := s.kept[up]; known {
					continue
				}
				s.kept[up] = id
				next = append(next, up)
			}
		}
		ask = next
	}
	return s, nil
}

// over returns the types whose records may take one of t along: those it hangs
// on, and the persons'.
func over(types []connector.Type, t connector.Type) []string {
	var out []string
	for up := t.Parent; up != "" && !slices.Contains(out, up); {
		out = append(out, up)
		i := slices.IndexFunc(types, func(t connector.Type) bool { return t.Name == up })
		if i < 0 {
			break
		}
		up = types[i].Parent
	}
	for _, p := range types {
		if p.Kind == connector.KindPerson && p.Name != t.Name && !slices.Contains(out, p.Name) {
			out = append(out, p.Name)
		}
	}
	return out
}

// look returns what each record hangs on.
func (g *Reach) look(ctx context.Context, now time.Time, src connector.Source, kind map[string]connector.Kind, refs []gallra.Ref) (map[gallra.Ref][]gallra.Ref, error) {
	out := make(map[gallra.Ref][]gallra.Ref, len(refs))
	var ask []gallra.Ref
	g.mu.Lock()
	for _, ref := range refs {
		if a, ok := g.above[ref]; ok && now.Sub(a.at) < reachKept && !now.Before(a.at) {
			out[ref] = a.refs
			continue
		}
		ask = append(ask, ref)
	}
	g.mu.Unlock()
	records, err := read(ctx, src, kind, ask)
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.above == nil || len(g.above) > 100_000 {
		g.above = map[gallra.Ref]above{}
	}
	for _, ref := range ask {
		a := above{at: now}
		if r, there := records[ref]; there {
			for _, up := range []gallra.Ref{r.Parent, r.Person} {
				if !up.IsZero() && up != ref {
					a.refs = append(a.refs, up)
				}
			}
			g.above[ref] = a // one that is not there is asked for again
		}
		out[ref] = a.refs
	}
	return out, nil
}

// readTogether is how many held records are read at a time: their text is in
// memory meanwhile. Files are read one by one.
const readTogether = 200

// read returns those of refs that exist, without their fields.
func read(ctx context.Context, src connector.Source, kind map[string]connector.Kind, refs []gallra.Ref) (map[gallra.Ref]gallra.Record, error) {
	out := make(map[gallra.Ref]gallra.Record, len(refs))
	err := readEach(ctx, src, kind, refs, func(r gallra.Record) {
		out[r.Ref] = gallra.Record{Ref: r.Ref, Parent: r.Parent, Person: r.Person}
	})
	return out, err
}

// readEach gives those of refs that exist to see, one after another.
func readEach(ctx context.Context, src connector.Source, kind map[string]connector.Kind, refs []gallra.Ref, see func(gallra.Record)) error {
	byType := map[string][]gallra.Ref{}
	for _, ref := range refs {
		byType[ref.Type] = append(byType[ref.Type], ref)
	}
	many, _ := src.(connector.Many)
	for typ, same := range byType {
		for part := range slices.Chunk(same, readTogether) {
			if many != nil && kind[typ] != connector.KindAttachment {
				list, err := many.GetMany(ctx, part, false)
				if err == nil {
					for _, r := range list {
						see(r)
					}
					continue
				}
				if !errors.Is(err, gallra.ErrUnsupported) {
					return fmt.Errorf("hold: read %s to see what is on hold: %w", part[0].System, err)
				}
			}
			for _, ref := range part {
				r, err := src.Get(ctx, ref)
				switch {
				case errors.Is(err, gallra.ErrNotFound):
				case err != nil:
					return fmt.Errorf("hold: read %s to see what is on hold: %w", ref, err)
				default:
					see(r)
				}
			}
		}
	}
	return nil
}

// Join looks who takes part in which conversation, for records of one type that
// may be about to go: a conversation stays in which somebody on hold has written,
// whoever it is about, and a person stays who has written in one that is on hold.
// It asks the system only when the one or the other is on hold in it. Where people
// are on hold by what they are known by, or records by a query, it reads what
// would go and asks each of it (see match).
func (s Set) Join(ctx context.Context, src connector.Source, records []gallra.Ref) error {
	if err := s.match(ctx, src, records); err != nil {
		return err
	}
	switch {
	case len(records) == 0 || len(s.refs) == 0:
	case s.people[records[0].Type]:
		kept := map[string][]gallra.Ref{}
		for _, list := range []map[gallra.Ref]string{s.refs, s.kept} {
			for ref := range list {
				if len(s.talks[ref.Type]) > 0 && ref.ID != "" {
					kept[ref.Type] = append(kept[ref.Type], ref)
				}
			}
		}
		for typ, conversations := range kept {
			slices.SortFunc(conversations, func(a, b gallra.Ref) int { return cmp.Compare(a.ID, b.ID) })
			if err := s.messages(ctx, src, typ, slices.Compact(conversations), func(m gallra.Record) {
				id, ok := s.refs[m.Parent]
				if !ok {
					id = s.kept[m.Parent]
				}
				if !m.Person.IsZero() {
					s.kept[m.Person] = id
				}
			}); err != nil {
				return err
			}
		}
	case slices.ContainsFunc(slices.Collect(maps.Keys(s.refs)), func(r gallra.Ref) bool { return s.people[r.Type] }):
		return s.messages(ctx, src, records[0].Type, records, func(m gallra.Record) {
			if id, ok := s.held(m.Person); ok && !m.Parent.IsZero() {
				s.kept[m.Parent] = id
			}
		})
	}
	return nil
}

// messages lists the messages of conversations of a type.
func (s Set) messages(ctx context.Context, src connector.Source, typ string, conversations []gallra.Ref, see func(gallra.Record)) error {
	for _, m := range s.talks[typ] {
		q := connector.Query{Type: m, Parents: conversations, Unversioned: true, Fields: connector.FieldsNone}
		for {
			page, err := src.List(ctx, q)
			if err != nil {
				return fmt.Errorf("hold: list %s/%s: %w", conversations[0].System, m, err)
			}
			for _, r := range page.Records {
				see(r)
			}
			if q.Cursor = page.Next; page.Next == "" {
				break
			}
		}
	}
	return nil
}
