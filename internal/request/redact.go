package request

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/document"
	"github.com/gallra/gallra/internal/content"
	"github.com/gallra/gallra/pii/ident"
)

// What stands where a value was. An address stays an address, so that the
// product that reads it doesn't stumble; .invalid belongs to nobody (RFC 2606).
const (
	removed        = "[borttaget]"
	removedAddress = "borttagen@example.invalid"
	removedIP      = "0.0.0.0"
)

// redactor takes one person's values out of records that stay.
type redactor struct {
	src    connector.Source
	edit   connector.Editor
	types  map[string]connector.Type
	values []gallra.Identifier
	own    map[gallra.Ref]bool // records of the person: what they wrote tells of them without naming them
	match  *ident.Matcher
}

const redactTries = 3 // a record that is changed under our hands is read again

// record takes the values out of one record.
func (x *redactor) record(ctx context.Context, ref gallra.Ref) (gallra.Receipt, error) {
	var err error
	for range redactTries {
		var r gallra.Receipt
		var n int
		if r, n, err = x.once(ctx, ref); err == nil && n == 0 {
			// Found by its tie to the person's record, which goes later, or mended
			// since. Whether a value is there after all is for the verification.
			return gallra.Receipt{Ref: ref, Action: gallra.ActionRedact, Grade: gallra.GradeUnlinked, Final: true}, nil
		}
		if gallra.CodeOf(err) != gallra.Conflict {
			return r, err
		}
	}
	return gallra.Receipt{}, err
}

// conversation takes the values out of a conversation and all that belongs to
// it. The person's name is gone from it; the texts remain, and with them what
// they tell, so that the outcome is de-identified and never anonymised.
func (x *redactor) conversation(ctx context.Context, ref gallra.Ref) (gallra.Receipt, error) {
	total := gallra.Receipt{Ref: ref, Action: gallra.ActionAnonymise, Grade: gallra.GradeDerived, Final: true}
	add := func(r gallra.Receipt) {
		total.At, total.Final = r.At, total.Final && r.Final
		total.Grade = min(total.Grade, r.Grade)
		total.Residues = append(total.Residues, r.Residues...)
		if r.GoneBy.After(total.GoneBy) {
			total.GoneBy = r.GoneBy
		}
	}
	refs := []gallra.Ref{ref}
	for _, t := range x.types {
		if t.Parent != ref.Type {
			continue
		}
		for q := (connector.Query{Type: t.Name, Parents: []gallra.Ref{ref}, Fields: connector.FieldsNone}); ; {
			p, err := x.src.List(ctx, q)
			if err != nil {
				return total, fmt.Errorf("request: list %s: %w", t.Name, err)
			}
			for _, rec := range p.Records {
				refs = append(refs, rec.Ref)
			}
			if q.Cursor = p.Next; q.Cursor == "" {
				break
			}
		}
	}
	for i, child := range refs {
		var r gallra.Receipt
		var n int
		var err error
		for range redactTries {
			if r, n, err = x.once(ctx, child); gallra.CodeOf(err) != gallra.Conflict {
				break
			}
		}
		switch {
		case gallra.CodeOf(err) == gallra.NotFound && i > 0: // a child that an edit before this one took along
		case gallra.CodeOf(err) == gallra.Unsupported && i > 0:
			total.Residues = append(total.Residues, gallra.Residue{Ref: child, Where: child.Type, Why: keyOf(err)})
			total.Grade = min(total.Grade, gallra.GradeUnlinked)
		case err != nil:
			return total, err
		case n > 0:
			add(r)
		}
	}
	return total, nil
}

// keyOf returns the message key of an error's cause.
func keyOf(err error) string {
	var e *gallra.Error
	if errors.As(err, &e) {
		return e.Key
	}
	return "internal"
}

// once reads a record, takes the values out and writes it back if it still is
// the one that was read. It returns how many fields were changed.
func (x *redactor) once(ctx context.Context, ref gallra.Ref) (gallra.Receipt, int, error) {
	rec, err := x.src.Get(ctx, ref)
	if err != nil {
		return gallra.Receipt{}, 0, err
	}
	set, err := x.fields(x.types[ref.Type], rec)
	if err != nil || len(set) == 0 {
		return gallra.Receipt{}, 0, err
	}
	r, err := x.edit.Edit(ctx, ref, rec.Version, set)
	return r, len(set), err
}

func (x *redactor) fields(t connector.Type, rec gallra.Record) ([]gallra.Field, error) {
	if x.match == nil {
		x.match = ident.New(x.values)
	}
	var set []gallra.Field
	for _, f := range rec.Fields {
		info, ok := t.Field(f.Name)
		if !ok || info.ReadOnly || info.Keep || f.Value == "" {
			continue
		}
		v, err := x.value(info, rec, f.Value)
		if err != nil {
			return nil, err
		}
		if info.Category != "" && x.own[rec.Person] && (info.Role == gallra.RoleAuthor || info.Role == gallra.RoleRequester) {
			v = replacement(info.Category) // the address on the network, say
		}
		if v != f.Value {
			set = append(set, gallra.Field{Name: f.Name, Value: v})
		}
	}
	return set, nil
}

func (x *redactor) value(info connector.FieldInfo, rec gallra.Record, v string) (string, error) {
	each := func(_ document.PartInfo, s string) string { return x.text(s) }
	switch info.Format {
	case connector.FormatMail:
		b, _, err := document.RewriteMail([]byte(v), each)
		return string(b), err
	case connector.FormatHeaders:
		b, _, err := document.RewriteMail([]byte(v+"\r\n\r\n"), each)
		return strings.TrimSuffix(string(b), "\r\n\r\n"), err
	case connector.FormatHTML:
		const head = "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
		b, _, err := document.RewriteMail([]byte(head+v), each)
		return strings.TrimPrefix(string(b), head), err
	case connector.FormatJSON:
		return x.json(v), nil
	case connector.FormatFile:
		text, _ := content.Decode(info.Format, content.FileName(rec), v)
		if len(x.match.Find(text)) == 0 {
			return v, nil
		}
		if text == v { // plain text: rewritten as it is
			return x.text(v), nil
		}
		return "", gallra.Errorf(gallra.Unsupported, "request.file_not_editable", "record", rec.Ref.String())
	}
	if info.Category != "" && !info.Text && len(x.match.Find(v)) > 0 {
		return replacement(info.Category), nil
	}
	return x.text(v), nil
}

func replacement(c gallra.Category) string {
	switch c {
	case gallra.CategoryEmail:
		return removedAddress
	case gallra.CategoryIP:
		return removedIP
	}
	return removed
}

// text replaces every place where a value stands.
func (x *redactor) text(s string) string {
	matches := x.match.Find(s)
	if len(matches) == 0 {
		return s
	}
	var b strings.Builder
	at := 0
	for _, m := range matches {
		b.WriteString(s[at:m.Start])
		b.WriteString(removed)
		at = m.End
	}
	b.WriteString(s[at:])
	return b.String()
}

// json replaces values within the strings of a JSON document; what is no JSON is
// taken as text.
func (x *redactor) json(s string) string {
	dec := json.NewDecoder(strings.NewReader(s))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return x.text(s)
	}
	changed := false
	var walk func(any) any
	walk = func(v any) any {
		switch v := v.(type) {
		case string:
			r := x.text(v)
			changed = changed || r != v
			return r
		case json.Number:
			if r := x.text(v.String()); r != v.String() {
				changed = true
				return r
			}
		case []any:
			for i := range v {
				v[i] = walk(v[i])
			}
		case map[string]any:
			for k := range v {
				v[k] = walk(v[k])
			}
		}
		return v
	}
	v = walk(v)
	if !changed {
		return s
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return x.text(s)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
