// Package jsonedit reads JSON with the places of its values, so that some can be
// given other bytes and all the rest stay as they are. The connectors whose
// records stand in JSON files work through it.
package jsonedit

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

// ErrMalformed is returned for what is no JSON, or not of the shape asked for.
var ErrMalformed = errors.New("jsonedit: malformed JSON")

// Span is where the bytes of a value are. The zero Span is of none.
type Span struct{ Start, End int }

// Object calls f for each member of the object that d stands before; f reads
// the member's value.
func Object(d *json.Decoder, f func(key string) error) error {
	t, err := d.Token()
	if err != nil || t != json.Delim('{') {
		return ErrMalformed
	}
	for d.More() {
		k, err := d.Token()
		key, ok := k.(string)
		if err != nil || !ok {
			return ErrMalformed
		}
		if err := f(key); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return ErrMalformed
	}
	return nil
}

// Array calls f for each element of the array that d stands before; f reads the
// element.
func Array(d *json.Decoder, f func() error) error {
	t, err := d.Token()
	if err != nil || t != json.Delim('[') {
		return ErrMalformed
	}
	for d.More() {
		if err := f(); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return ErrMalformed
	}
	return nil
}

// Value reads any value and says where it stands, base bytes being before what d
// reads. text is the value of a string, "" for any other.
func Value(d *json.Decoder, base int) (raw json.RawMessage, at Span, text string, err error) {
	if err := d.Decode(&raw); err != nil {
		return nil, Span{}, "", ErrMalformed
	}
	end := base + int(d.InputOffset())
	at = Span{end - len(raw), end}
	if raw[0] == '"' {
		if err := json.Unmarshal(raw, &text); err != nil {
			return nil, Span{}, "", ErrMalformed
		}
	}
	return raw, at, text, nil
}

// Splice puts other bytes in the place of some.
type Splice struct {
	Span
	With []byte
}

// Apply returns raw[from:to] with the splices that lie in it. No two overlap.
func Apply(raw []byte, from, to int, all []Splice) []byte {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(x, y Splice) int { return cmp.Compare(x.Start, y.Start) })
	var out []byte
	for _, s := range all {
		if s.Start < from || s.End > to {
			continue
		}
		out = append(append(out, raw[from:s.Start]...), s.With...)
		from = s.End
	}
	return append(out, raw[from:to]...)
}

// Without takes elements, which stand in the order of their array, out of it
// with their commas. The splices lie beside those elements that stay.
func Without(elements []Span, drop func(i int) bool) []Splice {
	var out []Splice
	kept := -1 // the last that stays
	for i := 0; i < len(elements); i++ {
		if !drop(i) {
			kept = i
			continue
		}
		last := i
		for last+1 < len(elements) && drop(last+1) {
			last++
		}
		s := Span{elements[i].Start, elements[last].End}
		switch {
		case kept >= 0:
			s.Start = elements[kept].End
		case last+1 < len(elements):
			s.End = elements[last+1].Start
		}
		out = append(out, Splice{Span: s})
		i = last
	}
	return out
}

// Strings returns every string of a JSON text, names of members included; false
// when it is malformed.
func Strings(b []byte) ([]string, bool) {
	var v any
	if json.Unmarshal(b, &v) != nil {
		return nil, false
	}
	var out []string
	var walk func(any)
	walk = func(v any) {
		switch x := v.(type) {
		case string:
			out = append(out, x)
		case []any:
			for _, e := range x {
				walk(e)
			}
		case map[string]any:
			for k, e := range x {
				out = append(out, k)
				walk(e)
			}
		}
	}
	walk(v)
	return out, true
}

// Quote writes a text as JSON, signs of HTML as they stand.
func Quote(s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(strings.ToValidUTF8(s, "\uFFFD")) // a string, into memory
	return bytes.TrimRight(b.Bytes(), "\n")
}
