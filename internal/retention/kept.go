package retention

import (
	"slices"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

// How much of each page the values of statistics fields are looked at, and when
// they are called personal: a queue may be called by an address or a first name,
// but then few values are shared by many records.
const (
	keptLooked   = 200 // records of a page
	keptDistinct = 5   // different values at least
	keptShare    = 0.2 // of the records that have one
)

// keptFields watches the statistics fields of a unit while it is listed.
type keptFields struct {
	*Engine
	unit  unit
	look  []string // fields of which nobody has said that they are safe
	known map[string]map[string]bool
	n     map[string]int // records with a value, by field
}

// watchKept returns the watch of a unit. What a connector itself calls personal and
// counted all the same is refused at once.
func (e *Engine) watchKept(u unit, types []connector.Type) (*keptFields, error) {
	k := &keptFields{Engine: e, unit: u, known: map[string]map[string]bool{}, n: map[string]int{}}
	i := slices.IndexFunc(types, func(t connector.Type) bool { return t.Name == u.Type })
	if i < 0 {
		return k, nil
	}
	for _, f := range types[i].Fields {
		switch {
		case !f.Keep || f.Safe:
		case f.Category.Direct():
			return nil, k.refuse(f.Name, f.Category)
		case slices.Contains(u.Schema.Dimensions, f.Name):
			k.look = append(k.look, f.Name)
			k.known[f.Name] = map[string]bool{}
		}
	}
	return k, nil
}

func (k *keptFields) refuse(field string, c gallra.Category) error {
	return gallra.Errorf(gallra.Invalid, "retention.kept_personal", "system", string(k.unit.System), "type", k.unit.Type, "field", field, "category", string(c))
}

// page looks at a page of records. The values of a statistics field stay when the
// record goes and stand in figures, so one whose values point out persons makes no
// plan. Values are held in memory for one step, and no error tells one.
func (k *keptFields) page(records []gallra.Record) error {
	if k.PII == nil {
		return nil
	}
	for _, field := range k.look {
		var fresh []string
		for _, r := range records[:min(len(records), keptLooked)] {
			v, ok := r.Field(field)
			if !ok || v == "" {
				continue
			}
			k.n[field]++
			if !k.known[field][v] {
				k.known[field][v] = true
				fresh = append(fresh, v)
			}
		}
		if n := len(k.known[field]); len(fresh) == 0 || n < keptDistinct || float64(n) < keptShare*float64(k.n[field]) {
			continue
		}
		all := func(yield func(string) bool) {
			for v := range k.known[field] {
				if !yield(v) {
					return
				}
			}
		}
		if c, _ := k.PII.Column(k.unit.Type+"."+field, "text", all); c.Direct() {
			return k.refuse(field, c)
		}
	}
	return nil
}
