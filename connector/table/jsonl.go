package table

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"

	"github.com/gallra/gallra"
)

// jsonLines is one JSON object a line.
type jsonLines struct{ lines }

func (jsonLines) header(f io.ReaderAt) (format, []string, int64, error) {
	head := make([]byte, 3)
	if n, _ := f.ReadAt(head, 0); n == 3 && bytes.Equal(head, utf8BOM) {
		return jsonLines{}, nil, 3, nil
	}
	return jsonLines{}, nil, 0, nil
}

func (jsonLines) open(*int, []byte) bool { return false }

var errNoObject = errors.New("no JSON object")

// parse reads the top level of the object; what is nested is a value of its own
// as it stands.
func (jsonLines) parse(raw []byte) ([]cell, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errNoObject
	}
	var out []cell
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, errNoObject
		}
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return nil, errNoObject
		}
		end := int(d.InputOffset())
		c := cell{name: name, start: end - len(v), end: end}
		switch v[0] {
		case '"':
			if err := json.Unmarshal(v, &c.value); err != nil {
				return nil, errNoObject
			}
		case '{', '[':
			c.value, c.json = string(v), true
		case 'n': // null
		default:
			c.value = string(v)
		}
		out = append(out, c)
	}
	if _, err := d.Token(); err != nil {
		return nil, errNoObject
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errNoObject
	}
	return out, nil
}

// encode keeps a number a number and null null where the new value allows it.
func (jsonLines) encode(c cell, raw []byte, value string, _ bool) ([]byte, error) {
	old := raw[c.start:c.end]
	if len(old) > 0 && old[0] != '"' {
		if value == "" && string(old) == "null" {
			return old, nil
		}
		if c.json && json.Valid([]byte(value)) {
			return []byte(value), nil
		}
		if _, err := strconv.ParseFloat(value, 64); !c.json && err == nil && json.Valid([]byte(value)) {
			return []byte(value), nil
		}
		if (string(old) == "true" || string(old) == "false") && (value == "true" || value == "false") {
			return []byte(value), nil
		}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return nil, gallra.Errorf(gallra.Invalid, "table.value")
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}
