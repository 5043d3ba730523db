package table

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"golang.org/x/text/encoding/charmap"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/safefile"
)

// commaSeparated is RFC 4180 with any separator; a quotation mark inside a value
// that does not begin with one is a sign like others.
type commaSeparated struct {
	lines
	comma  byte // 0: to be guessed
	latin  bool // the file is Windows-1252 whatever its bytes say
	naked  bool // no line of names
	forced string
}

var utf8BOM = []byte("\xEF\xBB\xBF")

func newCSV(c connector.Config) (format, error) {
	f := commaSeparated{naked: c.Option("header") == "no", forced: strings.ToLower(c.Option("encoding"))}
	switch f.forced {
	case "", "utf-8", "utf8":
	case "windows-1252", "iso-8859-1", "latin1":
		f.latin = true
	default:
		return nil, gallra.Errorf(gallra.Invalid, "table.encoding", "encoding", f.forced)
	}
	switch d := c.Option("delimiter"); {
	case d == "tab" || d == `\t`:
		f.comma = '\t'
	case len(d) == 1 && d != `"` && d != "\n":
		f.comma = d[0]
	case d != "":
		return nil, gallra.Errorf(gallra.Invalid, "table.delimiter")
	}
	return f, nil
}

// header guesses the separator from the first line: the sign that stands there
// most often outside quotation marks.
func (c commaSeparated) header(f io.ReaderAt) (format, []string, int64, error) {
	head := make([]byte, 3)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, 0, safefile.Error(err)
	}
	head = head[:n]
	if bytes.HasPrefix(head, []byte("\xFF\xFE")) || bytes.HasPrefix(head, []byte("\xFE\xFF")) {
		return nil, nil, 0, gallra.Errorf(gallra.Unsupported, "table.encoding", "encoding", "utf-16")
	}
	var at int64
	if bytes.Equal(head, utf8BOM) {
		at = 3
	}
	guess := c
	if guess.comma == 0 {
		guess.comma = ','
	}
	s := scanner{f: f, syntax: guess}
	s.seek(at)
	l, err := s.raw()
	if errors.Is(err, io.EOF) {
		return guess, []string{}, at, nil
	}
	if err != nil {
		return nil, nil, 0, err
	}
	if c.comma == 0 {
		best := 0
		for _, d := range []byte{';', ',', '\t', '|'} {
			try := guess
			try.comma = d
			if cells, err := try.parse(l.raw); err == nil && len(cells) > best {
				best, guess.comma = len(cells), d
			}
		}
	}
	cells, err := guess.parse(l.raw)
	if err != nil {
		return nil, nil, 0, err
	}
	names := make([]string, len(cells))
	seen := map[string]bool{}
	for i, x := range cells {
		name := strings.TrimSpace(x.value)
		if c.naked || name == "" {
			name = column(i)
		}
		for k := 2; seen[name]; k++ {
			name = strings.TrimSpace(x.value) + "_" + strconv.Itoa(k)
		}
		seen[name] = true
		names[i] = name
	}
	if !c.naked {
		at = l.next()
	}
	return guess, names, at, nil
}

// column names a column that has no name.
func column(i int) string { return "column_" + strconv.Itoa(i+1) }

// The states within a line.
const (
	atStart = iota // of a value
	inValue
	inQuotes
	afterQuote
)

func (c commaSeparated) step(state int, b byte) int {
	switch {
	case state == inQuotes && b == '"':
		return afterQuote
	case state == inQuotes:
		return inQuotes
	case state == afterQuote && b == '"':
		return inQuotes
	case b == c.comma || b == '\n':
		return atStart
	case state == atStart && b == '"':
		return inQuotes
	}
	return inValue
}

func (c commaSeparated) open(state *int, part []byte) bool {
	for _, b := range part {
		*state = c.step(*state, b)
	}
	return *state == inQuotes
}

func (c commaSeparated) parse(raw []byte) ([]cell, error) {
	var out []cell
	state, start := atStart, 0
	add := func(end int) {
		v := raw[start:end]
		if len(v) >= 2 && v[0] == '"' && v[len(v)-1] == '"' {
			v = bytes.ReplaceAll(v[1:len(v)-1], []byte(`""`), []byte(`"`))
		}
		x := cell{value: decode(v), start: start, end: end}
		if c.latin {
			x.value, _ = charmap.Windows1252.NewDecoder().String(string(v)) // every byte has a sign
		}
		out = append(out, x)
	}
	for i, b := range raw {
		before := state
		state = c.step(state, b)
		if b == c.comma && before != inQuotes {
			add(i)
			start = i + 1
		}
	}
	if state == inQuotes {
		return nil, gallra.Errorf(gallra.Invalid, "table.quote_open")
	}
	add(len(raw))
	return out, nil
}

func (c commaSeparated) encode(x cell, raw []byte, value string, latin bool) ([]byte, error) {
	quoted := x.start < x.end && raw[x.start] == '"'
	if quoted || strings.ContainsAny(value, "\"\r\n"+string(rune(c.comma))) || value != strings.TrimSpace(value) {
		value = `"` + strings.ReplaceAll(value, `"`, `""`) + `"`
	}
	if !latin && !c.latin {
		return []byte(value), nil
	}
	b, err := charmap.Windows1252.NewEncoder().Bytes([]byte(value))
	if err != nil {
		return nil, fmt.Errorf("table: %w", gallra.Errorf(gallra.Invalid, "table.not_in_encoding"))
	}
	return b, nil
}
