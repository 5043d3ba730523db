package imap

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	goimap "github.com/emersion/go-imap/v2"
)

// lane is a connection under the library's client. It reads far ahead, and while
// a list takes whole mails it picks the answers that bring them out of the stream
// and hands them over at once: the library would pass every mail item by item
// from one goroutine to another, which costs more than reading it. Whatever is
// not exactly such an answer goes to the library as it came.
type lane struct {
	net.Conn
	r    *bufio.Reader
	take atomic.Pointer[func(letter)]
	max  int64 // of a mail, what is beyond is read and thrown away

	// What goes to the library next: rest, then so many bytes of a literal.
	rest    []byte
	literal int64
	within  bool // what comes then is in the middle of a line or an answer
	kept    []byte
}

func newLane(c net.Conn, limit int64) *lane {
	return &lane{Conn: c, r: bufio.NewReaderSize(c, 64<<10), max: limit}
}

// divert has the mails that come from now on given to take, on the goroutine
// that reads, until it is called with nil. There must be no command under way
// when it is called.
func (l *lane) divert(take func(letter)) {
	if take == nil {
		l.take.Store(nil)
		return
	}
	l.take.Store(&take)
}

// Read implements net.Conn.
func (l *lane) Read(p []byte) (int, error) {
	for {
		switch {
		case len(p) == 0:
			return 0, nil
		case len(l.rest) > 0:
			n := copy(p, l.rest)
			l.rest = l.rest[n:]
			return n, nil
		case l.literal > 0:
			n, err := l.r.Read(p[:min(int64(len(p)), l.literal)])
			l.literal -= int64(n)
			return n, err
		}
		// The answer to a command that was sent after divert comes after it.
		if _, err := l.r.Peek(1); err != nil {
			return 0, err
		}
		take := l.take.Load()
		if take == nil {
			n, err := l.r.Read(p[:min(len(p), l.r.Buffered())])
			l.within = n > 0 && p[n-1] != '\n'
			return n, err
		}
		line, err := l.line()
		if err != nil && err != bufio.ErrBufferFull {
			return copy(p, line), err
		}
		if !l.within {
			if m, n, ok := mailBefore(line); ok {
				if err := l.mail(line, m, n, *take); err != nil {
					return 0, err
				}
				continue
			}
		}
		l.hand(line, line, err == nil)
	}
}

// The same as the library's.
const (
	lineTimeout    = 30 * time.Second
	literalTimeout = 5 * time.Minute
)

// line reads a line, which lasts until the next is read.
func (l *lane) line() ([]byte, error) {
	ahead, _ := l.r.Peek(l.r.Buffered())
	if bytes.IndexByte(ahead, '\n') < 0 {
		_ = l.SetReadDeadline(time.Now().Add(lineTimeout))
		defer func() { _ = l.SetReadDeadline(time.Time{}) }()
	}
	return l.r.ReadSlice('\n')
}

// mail reads the text of a mail of n bytes, what follows it, and gives it away.
func (l *lane) mail(line []byte, m letter, n int64, take func(letter)) error {
	l.kept = append(l.kept[:0], line...)
	if int64(l.r.Buffered()) < n {
		_ = l.SetReadDeadline(time.Now().Add(literalTimeout))
		defer func() { _ = l.SetReadDeadline(time.Time{}) }()
	}
	m.raw = rawBuffer(min(n, l.max))
	if _, err := io.ReadFull(l.r, m.raw); err != nil {
		return err
	}
	beyond := n - int64(len(m.raw))
	if _, err := io.CopyN(io.Discard, l.r, beyond); err != nil {
		return err
	}
	tail, err := l.line()
	if err != nil && err != bufio.ErrBufferFull {
		return err
	}
	if m, ok := m.items(tail); ok && m.place.uid != 0 {
		take(m)
		return nil
	}
	if beyond > 0 {
		return io.ErrUnexpectedEOF // it cannot be given back whole
	}
	l.within = true
	l.hand(slices.Concat(l.kept, m.raw, tail), tail, err == nil)
	return nil
}

// hand gives the library b and the literal that line announces, the last of b;
// whole: it has an end.
func (l *lane) hand(b, line []byte, whole bool) {
	l.rest = b
	may := l.within || !forPeople(line)
	l.literal, l.within = 0, !whole
	if n, ok := announced(line); ok && whole && may {
		l.literal, l.within = n, true
	}
}

// announced returns how long the literal is that a line ends by announcing.
func announced(line []byte) (int64, bool) {
	line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
	i := bytes.LastIndexByte(line, '{')
	if i < 0 || line[len(line)-1] != '}' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(line[i+1:len(line)-1]), 10, 62)
	return int64(n), err == nil
}

// forPeople reports whether an answer that begins with line ends in human text,
// which announces nothing.
func forPeople(line []byte) bool {
	if !bytes.HasPrefix(line, []byte("* ")) {
		return true // tagged, or an invitation to go on
	}
	for _, status := range []string{"OK", "NO", "BAD", "BYE"} {
		if bytes.HasPrefix(line[2:], []byte(status)) {
			return true
		}
	}
	return false
}

var bodyItem = []byte("BODY[] ")

// mailBefore reads "* 1 FETCH (UID 7 ... BODY[] {123}" and returns what it says
// of the mail and how long its text is; false for any other line.
func mailBefore(line []byte) (m letter, n int64, ok bool) {
	rest, ok := bytes.CutPrefix(line, []byte("* "))
	if !ok {
		return m, 0, false
	}
	i := 0
	for i < len(rest) && rest[i] >= '0' && rest[i] <= '9' {
		i++
	}
	if rest, ok = bytes.CutPrefix(rest[i:], []byte(" FETCH (")); !ok || i == 0 {
		return m, 0, false
	}
	body := bytes.LastIndex(rest, bodyItem)
	if body < 0 {
		return m, 0, false
	}
	text := rest[body+len(bodyItem):]
	if n, ok = announced(text); !ok || text[0] != '{' {
		return m, 0, false
	}
	rest, closed := m.some(rest[:body])
	return m, n, len(rest) == 0 && !closed
}

// items reads the items behind the text up to the end of the answer.
func (l letter) items(tail []byte) (letter, bool) {
	rest, closed := l.some(tail)
	return l, closed && len(bytes.Trim(rest, "\r\n")) == 0
}

// some reads "UID 7 FLAGS (\Seen) " as far as it knows the items, and the
// parenthesis that closes them, and returns what is left.
func (l *letter) some(b []byte) (rest []byte, closed bool) {
	for {
		b = bytes.TrimLeft(b, " ")
		if len(b) > 0 && b[0] == ')' {
			return b[1:], true
		}
		name, value, ok := bytes.Cut(b, []byte(" "))
		if !ok {
			return b, false
		}
		end := -1
		switch string(name) {
		case "UID", "RFC822.SIZE":
			end = 0
			for end < len(value) && value[end] >= '0' && value[end] <= '9' {
				end++
			}
			bits := 63
			if name[0] == 'U' {
				bits = 32
			}
			n, err := strconv.ParseUint(string(value[:end]), 10, bits)
			if err != nil {
				return b, false
			}
			if name[0] == 'U' {
				l.place.uid = goimap.UID(n)
			} else {
				l.size = int64(n)
			}
		case "INTERNALDATE":
			if len(value) < 2 || value[0] != '"' {
				return b, false
			}
			if end = bytes.IndexByte(value[1:], '"'); end < 0 {
				return b, false
			}
			at, err := time.Parse("_2-Jan-2006 15:04:05 -0700", string(value[1:1+end]))
			if err != nil || at.IsZero() {
				return b, false
			}
			l.date = at
			end += 2
		case "FLAGS":
			if end = bytes.IndexByte(value, ')'); end < 0 || value[0] != '(' {
				return b, false
			}
			if l.flags, ok = flagsOf(value[1:end]); !ok {
				return b, false
			}
			end++
		default:
			return b, false
		}
		if b = value[end:]; len(b) > 0 && b[0] != ' ' && b[0] != ')' {
			return b, false
		}
	}
}

// systemFlags are written as everybody writes them; another way is the library's affair.
var systemFlags = []goimap.Flag{goimap.FlagSeen, goimap.FlagAnswered, goimap.FlagFlagged, goimap.FlagDeleted, goimap.FlagDraft, "\\Recent"}

func flagsOf(b []byte) (flags []goimap.Flag, ok bool) {
	for len(b) > 0 {
		var one []byte
		one, b, _ = bytes.Cut(b, []byte(" "))
		i := slices.IndexFunc(systemFlags, func(f goimap.Flag) bool { return string(f) == string(one) })
		switch {
		case i >= 0:
			flags = append(flags, systemFlags[i])
		case len(one) == 0 || bytes.ContainsAny(one, "\\\"({%*"):
			return nil, false
		default:
			flags = append(flags, goimap.Flag(one))
		}
	}
	return flags, true
}
