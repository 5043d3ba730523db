package guard

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/store"
)

// Watch looks for the persons of the guard in what a system's records say. It
// is given every value that was found in them, and keeps none: a value becomes a
// digest, and a digest that nobody has is dropped. It is safe for concurrent use.
type Watch struct {
	guard  *Guard
	key    key
	system gallra.SystemID
	who    map[string][]person // by digest
	known  map[knownRef]bool

	mu   sync.Mutex
	seen map[place]*sight
}

// person is one digest of one erased person.
type person struct {
	matter   string
	kind     gallra.IdentifierKind
	weak     bool
	erased   time.Time
	returned bool
}

type knownRef struct {
	matter string
	ref    gallra.Ref
}

// place is where a person was seen: the conversation, or the record itself.
type place struct {
	matter string
	ref    gallra.Ref
}

type sight struct {
	kinds   map[gallra.IdentifierKind]bool
	strong  bool
	made    time.Time
	erased  time.Time
	records map[gallra.Ref]bool
}

// Watch returns a watch over one system; nil when there is nobody to watch for,
// so that reading costs nothing then.
func (g *Guard) Watch(ctx context.Context, system gallra.SystemID) (*Watch, error) {
	rows, err := g.DB.QueryContext(ctx, `SELECT matter, digest, kind, weak, erased, returned FROM guard_person WHERE until > $1`, store.Micros(g.DB.Now()))
	if err != nil {
		return nil, fmt.Errorf("guard: watch: %w", err)
	}
	defer rows.Close()
	w := &Watch{guard: g, system: system, who: map[string][]person{}, known: map[knownRef]bool{}, seen: map[place]*sight{}}
	for rows.Next() {
		var p person
		var digest string
		var weak, erased, returned int64
		if err := rows.Scan(&p.matter, &digest, &p.kind, &weak, &erased, &returned); err != nil {
			return nil, fmt.Errorf("guard: watch: %w", err)
		}
		p.weak, p.returned, p.erased = weak == 1, returned == 1, store.Time(erased)
		w.who[digest] = append(w.who[digest], p)
	}
	if err := rows.Err(); err != nil || len(w.who) == 0 {
		return nil, err
	}
	if w.key, err = g.loadKey(); err != nil {
		return nil, err
	}
	return w, w.loadKnown(ctx)
}

func (w *Watch) loadKnown(ctx context.Context) error {
	rows, err := w.guard.DB.QueryContext(ctx, `SELECT matter, type, ref_id FROM guard_known WHERE system = $1`, string(w.system))
	if err != nil {
		return fmt.Errorf("guard: watch: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		k := knownRef{ref: gallra.Ref{System: w.system}}
		if err := rows.Scan(&k.matter, &k.ref.Type, &k.ref.ID); err != nil {
			return fmt.Errorf("guard: watch: %w", err)
		}
		w.known[k] = true
	}
	return rows.Err()
}

// kindOf returns the kind of identifier that a category of personal data is.
func kindOf(c gallra.Category) (gallra.IdentifierKind, bool) {
	switch c {
	case gallra.CategoryEmail:
		return gallra.IdentEmail, true
	case gallra.CategoryPhone:
		return gallra.IdentPhone, true
	case gallra.CategoryPersonnummer:
		return gallra.IdentPersonnummer, true
	case gallra.CategoryPerson:
		return gallra.IdentName, true
	case gallra.CategoryUsername:
		return gallra.IdentUsername, true
	case gallra.CategoryCustomerID:
		return gallra.IdentCustomer, true
	}
	return "", false
}

// Value is told of one value of a record that was found to be of a category.
func (w *Watch) Value(rec gallra.Record, c gallra.Category, value string) {
	kind, ok := kindOf(c)
	if !ok {
		return
	}
	d := w.key.digest(kind, value)
	if d == "" {
		return
	}
	for _, p := range w.who[d] {
		if p.kind == kind {
			w.saw(rec, p)
		}
	}
}

func (w *Watch) saw(rec gallra.Record, p person) {
	for _, r := range []gallra.Ref{rec.Ref, rec.Parent, rec.Person} {
		if w.known[knownRef{p.matter, r}] {
			return
		}
	}
	made := rec.Created
	if p.returned && !made.Before(p.erased) {
		return
	}
	at := place{p.matter, rec.Parent}
	if at.ref.IsZero() {
		at.ref = rec.Ref
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.seen[at]
	if s == nil {
		s = &sight{kinds: map[gallra.IdentifierKind]bool{}, erased: p.erased, records: map[gallra.Ref]bool{}}
		w.seen[at] = s
	}
	s.kinds[p.kind], s.strong, s.records[rec.Ref] = true, s.strong || !p.weak, true
	if s.made.IsZero() || !made.IsZero() && made.Before(s.made) {
		s.made = made
	}
}

// enough says whether what was seen is one person's, or may be shared: one value
// that only one person has, or two that several may share. A number and a shared
// box of mail are one workplace, so they need a name or the like beside them; a
// name and a number that two people have in common are told apart by nobody.
func (s *sight) enough() bool {
	if s.strong {
		return true
	}
	own := 0
	for k := range s.kinds {
		if k != gallra.IdentPhone && k != gallra.IdentEmail {
			own++
		}
	}
	return len(s.kinds) > 1 && own > 0
}

// hint reports whether it is worth a line as a possibility: a name alone is not.
func (s *sight) hint() bool { return len(s.kinds) > 1 || !s.kinds[gallra.IdentName] }

// Raise writes alarms of what was seen since the last call, in the transaction
// that notes the reading, and returns how many are new. What is merely possible
// is one line a person and system, however much of it there is.
func (w *Watch) Raise(ctx context.Context, tx *sql.Tx) (fresh int64, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for at, s := range w.seen {
		if !s.enough() && !s.hint() {
			continue
		}
		a := Alarm{Matter: at.matter, Kind: Contact, System: w.system, Ref: at.ref, Records: int64(len(s.records)), Made: s.made, Erased: s.erased}
		switch {
		case !s.enough():
			a.Kind = Possible
		case !s.made.IsZero() && s.made.Before(s.erased):
			a.Kind = Restored
		}
		for k := range s.kinds {
			a.Why = append(a.Why, string(k))
		}
		slices.Sort(a.Why)
		if a.Kind == Possible {
			one, err := w.onePossible(ctx, tx, a)
			if err != nil {
				return fresh, err
			}
			if one {
				continue
			}
		}
		new, err := w.guard.raise(ctx, tx, a)
		if err != nil {
			return fresh, err
		}
		if new && a.Kind != Possible {
			fresh++
		}
	}
	clear(w.seen)
	return fresh, nil
}

// onePossible reports whether the person has a line of what is possible in this
// system already, in another place.
func (w *Watch) onePossible(ctx context.Context, tx *sql.Tx, a Alarm) (bool, error) {
	var n int
	err := tx.QueryRowContext(ctx, `SELECT count(*) FROM guard_alarm WHERE matter = $1 AND system = $2 AND kind = 'possible' AND NOT (type = $3 AND ref_id = $4)`, a.Matter, string(a.System), a.Ref.Type, a.Ref.ID).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("guard: possible: %w", err)
	}
	return n > 0, nil
}
