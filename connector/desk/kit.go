package desk

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/pii/ident"
)

// Fields makes fields of names and values, leaving out those without a value.
func Fields(pairs ...string) []gallra.Field {
	var out []gallra.Field
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			out = append(out, gallra.Field{Name: pairs[i], Value: pairs[i+1]})
		}
	}
	return out
}

// Version tells two states of a record apart, by all its fields, its times and
// what else is given.
func Version(r gallra.Record, more ...string) string {
	h := sha256.New()
	write := func(s string) {
		h.Write([]byte(strconv.Itoa(len(s)) + ":" + s))
	}
	for _, f := range r.Fields {
		write(f.Name)
		write(f.Value)
	}
	for _, t := range []time.Time{r.Created, r.Updated, r.Contact, r.Closed} {
		write(strconv.FormatInt(t.UnixMicro(), 10))
	}
	write(r.Person.ID)
	for _, m := range more {
		write(m)
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}

// remoteIndex marks a receipt that waits for the system's index alone.
const remoteIndex = "index"

// Soon is the receipt for a change that is made, but whose old values the
// system's search index shows for a while yet.
func Soon(ref gallra.Ref, a gallra.Action, at time.Time, lag time.Duration) gallra.Receipt {
	return gallra.Receipt{Ref: ref, Action: a, Grade: gallra.GradeLive, At: at, GoneBy: at.Add(lag), Remote: remoteIndex,
		Residues: []gallra.Residue{{Ref: ref, Where: "search index", Why: "residue.index", GoneBy: at.Add(lag)}}}
}

// Settled answers for a receipt that Soon made: it is final when its time has
// come. ok is false for another receipt.
func Settled(r gallra.Receipt, now time.Time) (out gallra.Receipt, ok bool) {
	if r.Remote != remoteIndex {
		return r, false
	}
	if !now.Before(r.GoneBy) {
		r.Final, r.Residues, r.GoneBy, r.At = true, nil, time.Time{}, now
	}
	return r, true
}

// Undone is the error for a change that the system answered well and did not
// make.
func Undone(ref gallra.Ref) error {
	return gallra.Errorf(gallra.Unavailable, "desk.not_done", "ref", ref.String())
}

// Absent reports whether a read says that a record is not there; an error of
// another kind is returned.
func Absent(err error) (bool, error) {
	if gallra.CodeOf(err) == gallra.NotFound {
		return true, nil
	}
	return false, err
}

// NoFile is Vendor.Content of a system that hands out no files.
func NoFile(_ context.Context, ref gallra.Ref) ([]byte, error) { return nil, Gone(ref) }

// Forms returns the written forms in which a value is asked for of a search.
func Forms(id gallra.Identifier) []string {
	forms := append(ident.Forms(id), strings.TrimSpace(id.Value))
	if id.Kind == gallra.IdentEmail {
		forms = append(forms, ident.Normalise(id.Kind, id.Value))
	}
	for i := range forms {
		forms[i] = strings.ToLower(forms[i])
	}
	slices.Sort(forms)
	return slices.DeleteFunc(slices.Compact(forms), func(f string) bool { return strings.Trim(f, " \"") == "" })
}

// Holds reports whether any field of a record holds any of the identifiers; it
// says which records of a list are worth a closer look.
func Holds(r gallra.Record, ids []gallra.Identifier) bool {
	m := ident.New(ids)
	var all []string
	for _, f := range r.Fields {
		if len(m.Find(f.Value)) > 0 || slices.ContainsFunc(ids, func(id gallra.Identifier) bool { return ident.Equal(id.Kind, f.Value, id.Value) }) {
			return true
		}
		all = append(all, f.Value)
	}
	return len(m.Find(strings.Join(all, " "))) > 0 // first name and surname in fields of their own
}

// Strings returns every string of a JSON document, one a line.
func Strings(raw json.RawMessage) string {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return string(raw)
	}
	var b strings.Builder
	var walk func(any)
	walk = func(v any) {
		switch x := v.(type) {
		case string:
			b.WriteString(x + "\n")
		case []any:
			for _, e := range x {
				walk(e)
			}
		case map[string]any:
			for _, k := range slices.Sorted(maps.Keys(x)) {
				walk(x[k])
			}
		}
	}
	walk(v)
	return b.String()
}

// CanSet tells whether every field of an edit is one that the system lets be
// set: gallra.ErrInvalid for a field the type has not, gallra.ErrUnsupported
// with the given key for one that stays as it is.
func (d *Desk) CanSet(ctx context.Context, typ string, set []gallra.Field, can func(field string) bool, key string) error {
	t, err := d.typ(ctx, typ)
	if err != nil {
		return err
	}
	for _, f := range set {
		if _, known := t.Field(f.Name); !known {
			return gallra.Errorf(gallra.Invalid, "connector.field_unknown", "field", f.Name)
		}
		if !can(f.Name) {
			return gallra.Errorf(gallra.Unsupported, key, "field", f.Name)
		}
	}
	return nil
}
