package table

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/safefile"
	"github.com/gallra/gallra/pii/ident"
)

// store is where a format's rows stand: on the lines of the file, or inside it.
type store interface {
	// rows returns the rows as lines of the format.
	rows(ctx context.Context, f *os.File) (*rows, error)
	// count tells how often m's identifiers stand anywhere in the file, without
	// taking what is there for rows, and what could not be read.
	count(ctx context.Context, f *os.File, m *ident.Matcher) (int64, []connector.Problem, error)
}

// rows are the rows of a file as lines, and the way to put others in their place.
type rows struct {
	io.ReaderAt
	io.Closer
	// put writes the file anew with the edits, which stand in the order of the
	// rows, made.
	put func(ctx context.Context, w *bufio.Writer, edits []edit) error
}

// edit is what becomes of a row: other bytes, or none.
type edit struct {
	at, next int64 // its first byte, and the next row's
	with     []byte
}

// lines are rows that are the lines of the file themselves.
type lines struct{}

func (lines) rows(_ context.Context, f *os.File) (*rows, error) {
	return &rows{ReaderAt: f, put: func(_ context.Context, w *bufio.Writer, edits []edit) error {
		i, err := f.Stat()
		if err != nil {
			return safefile.Error(err)
		}
		from := int64(0)
		for _, e := range append(edits, edit{at: i.Size()}) {
			if _, err := io.Copy(w, io.NewSectionReader(f, from, e.at-from)); err != nil {
				return safefile.Error(err)
			}
			if _, err := w.Write(e.with); err != nil {
				return safefile.Error(err)
			}
			from = e.next
		}
		return nil
	}}, nil
}

// window is how much of a file Leftovers reads at a time, and overlap how much
// of it again, so that nothing is missed where two windows meet.
const (
	window  = 1 << 20
	overlap = 4 << 10
)

func (lines) count(ctx context.Context, f *os.File, m *ident.Matcher) (int64, []connector.Problem, error) {
	var n int64
	buf := make([]byte, window)
	carry := 0
	for at := int64(0); ; {
		if err := ctx.Err(); err != nil {
			return 0, nil, err
		}
		k, err := io.ReadFull(f, buf[carry:])
		at += int64(k)
		k += carry
		end := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !end {
			return 0, nil, safefile.Error(err)
		}
		carry = 0
		if !end {
			carry = min(overlap, k)
		}
		for text := range strings.SplitSeq(unescape(decode(buf[:k])), "\n") {
			n += int64(len(m.Find(text)))
		}
		if end {
			return n, nil, nil
		}
		copy(buf, buf[k-carry:k])
	}
}

// unescape takes away what a value's place in CSV or JSON adds to it: \u escapes
// and doubled quotation marks.
func unescape(s string) string {
	s = strings.ReplaceAll(s, `""`, `"`)
	if !strings.Contains(s, `\u`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+5 < len(s) && s[i+1] == 'u' {
			if r, err := strconv.ParseUint(s[i+2:i+6], 16, 16); err == nil {
				b.WriteRune(rune(r))
				i += 5
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
