package table

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"github.com/gallra/gallra/connector/safefile"
)

// longest is the most bytes a row may have. A quotation mark that is never
// closed would otherwise swallow the rest of the file.
const longest = 16 << 20

// line is one row as it stands in the file.
type line struct {
	at      int64  // of its first byte
	raw     []byte // valid until the next call
	end     []byte // its line end; empty at the end of a file that has none
	problem string // why it is no row; "" for a row
	cells   []cell
}

func (l line) next() int64 { return l.at + int64(len(l.raw)+len(l.end)) }

// scanner reads the rows of a file from a place on.
type scanner struct {
	ctx    context.Context
	f      io.ReaderAt
	b      *bufio.Reader
	at     int64
	syntax format
	names  []string // nil: rows name their values themselves
	buf    []byte
	count  int
}

func newScanner(ctx context.Context, f io.ReaderAt, syntax format, names []string, at int64) *scanner {
	s := &scanner{ctx: ctx, f: f, syntax: syntax, names: names}
	s.seek(at)
	return s
}

func (s *scanner) seek(at int64) {
	s.at = at
	r := io.NewSectionReader(s.f, at, 1<<62-at)
	if s.b == nil {
		s.b = bufio.NewReaderSize(r, 1<<16)
	} else {
		s.b.Reset(r)
	}
}

// scan returns the next line that is not blank; io.EOF after the last. Blank
// lines belong to nobody and are skipped.
func (s *scanner) scan() (line, error) {
	for {
		if s.count++; s.count%512 == 0 {
			if err := s.ctx.Err(); err != nil {
				return line{}, err
			}
		}
		l, err := s.raw()
		if err != nil {
			return l, err
		}
		s.at = l.next()
		if len(bytes.TrimSpace(l.raw)) == 0 {
			continue
		}
		if l.problem != "" {
			return l, nil
		}
		if l.cells, err = s.syntax.parse(l.raw); err != nil {
			l.problem = "table.row_malformed"
			if len(l.end) == 0 {
				l.problem = "table.row_truncated"
			}
		} else if len(l.end) == 0 && s.names != nil && len(l.cells) < len(s.names) {
			l.problem, l.cells = "table.row_truncated", nil
		}
		return l, nil
	}
}

// raw reads up to the line end that ends a row.
func (s *scanner) raw() (line, error) {
	s.buf = s.buf[:0]
	state, first := 0, 0
	for {
		part, err := s.b.ReadSlice('\n')
		s.buf = append(s.buf, part...)
		full := errors.Is(err, bufio.ErrBufferFull)
		if err != nil && !full && !errors.Is(err, io.EOF) {
			return line{}, safefile.Error(err)
		}
		if len(s.buf) == 0 {
			return line{}, io.EOF
		}
		open := s.syntax.open(&state, part)
		if !full && first == 0 {
			first = len(s.buf)
		}
		switch {
		case len(s.buf) < longest && (full || open && err == nil):
			continue
		case !full && !open:
			return cut(s.at, s.buf, ""), nil
		}
		// A quotation mark was never closed: its line is no row, and what
		// follows it is read on its own.
		why := "table.quote_open"
		if first == len(s.buf) {
			why = "table.row_truncated"
		}
		if first == 0 {
			first, why = len(s.buf), "table.row_too_long"
		}
		l := cut(s.at, bytes.Clone(s.buf[:first]), why)
		s.seek(l.next())
		return l, nil
	}
}

func cut(at int64, b []byte, problem string) line {
	n := len(b)
	if n > 0 && b[n-1] == '\n' {
		n--
		if n > 0 && b[n-1] == '\r' {
			n--
		}
	}
	return line{at: at, raw: b[:n], end: b[n:], problem: problem}
}

// decode reads bytes as UTF-8, or as Windows-1252 when they are not.
func decode(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	out, err := charmap.Windows1252.NewDecoder().Bytes(b)
	if err != nil {
		return string(b)
	}
	return string(out)
}
