package table

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

const (
	defaultLimit = 1000
	maxLimit     = 10_000
	anchors      = 4 // rows that a cursor knows ahead
)

// mark is a cursor: where the next row began, and the digests of the next rows,
// by which the place is found again when the file has been rewritten since.
type mark struct {
	At   int64    `json:"at"`
	Next []string `json:"next"`
	Last string   `json:"last"`
}

func (m mark) String() string {
	b, _ := json.Marshal(m) // cannot fail: strings and a number
	return base64.RawURLEncoding.EncodeToString(b)
}

func readMark(cursor string) (mark, error) {
	var m mark
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	if err != nil || len(m.Next) == 0 || m.At < 0 {
		return m, gallra.Errorf(gallra.Invalid, "connector.bad_cursor")
	}
	return m, nil
}

// resume places the scanner where the mark says.
func (sh *shape) resume(scan *scanner, cursor string) error {
	if cursor == "" {
		return nil
	}
	m, err := readMark(cursor)
	if err != nil {
		return err
	}
	if m.At >= sh.first {
		scan.seek(m.At)
		if l, err := scan.scan(); err == nil && digest(l.raw) == m.Next[0] && (m.At == sh.first || endsLine(scan.f, m.At)) {
			scan.seek(m.At)
			return nil
		}
	}
	// The file was rewritten: look for the rows that came next, and take the
	// place nearest to where they were; failing all, go on after the last one.
	best, at := len(m.Next)+1, int64(-1)
	scan.seek(sh.first)
	for {
		l, err := scan.scan()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		d := digest(l.raw)
		for i, n := range append(m.Next, m.Last) {
			if d == n && (i < best || i == best && l.at <= m.At) {
				best, at = i, l.at
				if i == len(m.Next) {
					at = l.next()
				}
			}
		}
	}
	if at < 0 {
		return gallra.Errorf(gallra.Conflict, "table.place_lost")
	}
	scan.seek(at)
	return nil
}

func endsLine(f io.ReaderAt, at int64) bool {
	var b [1]byte
	_, err := f.ReadAt(b[:], at-1)
	return err == nil && b[0] == '\n'
}

// markAt makes the cursor for going on at l, the next row.
func markAt(scan *scanner, l line, last string) (string, error) {
	m := mark{At: l.at, Next: []string{digest(l.raw)}, Last: last}
	for len(m.Next) < anchors {
		l, err := scan.scan()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", err
		}
		m.Next = append(m.Next, digest(l.raw))
	}
	return m.String(), nil
}

// List reads the rows in the order of the file.
func (s *Source) List(ctx context.Context, q connector.Query) (connector.Page, error) {
	if q.Type != TypeRow {
		return connector.Page{}, gallra.Errorf(gallra.Invalid, "connector.unknown_type", "type", q.Type)
	}
	f, sh, err := s.read(ctx)
	if err != nil {
		return connector.Page{}, err
	}
	defer f.Close()
	p := connector.Page{Total: -1}
	if q.Clock == "" && q.Cursor == "" {
		p.Total = sh.rows
	}
	if q.Parents != nil {
		p.Total = 0
		return p, nil // rows belong to nothing
	}
	limit := q.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	limit = min(limit, maxLimit)
	scan := newScanner(ctx, f, sh.syntax, sh.names, sh.first)
	if err := sh.resume(scan, q.Cursor); err != nil {
		return connector.Page{}, err
	}
	last := ""
	for {
		l, err := scan.scan()
		if errors.Is(err, io.EOF) {
			return p, nil
		}
		if err != nil {
			return connector.Page{}, err
		}
		if l.problem != "" {
			p.Skipped = append(p.Skipped, s.problem(l))
			continue
		}
		r := s.record(sh, l, q.Fields)
		if !selected(r, q) {
			continue
		}
		if len(p.Records) == limit {
			p.Next, err = markAt(scan, l, last)
			return p, err
		}
		p.Records = append(p.Records, r)
		last = digest(l.raw)
	}
}

func selected(r gallra.Record, q connector.Query) bool {
	if q.Clock == "" || q.From.IsZero() && q.To.IsZero() {
		return true
	}
	t, ok := r.Event(q.Clock)
	if !ok && q.Fallback != "" {
		t, ok = r.Event(q.Fallback)
	}
	return ok && (q.From.IsZero() || !t.Before(q.From)) && (q.To.IsZero() || t.Before(q.To))
}

// problem names a line by a digest, which is not personal and stays when the
// file is rewritten.
func (s *Source) problem(l line) connector.Problem {
	return connector.Problem{Ref: s.ref("r-" + digest(l.raw)), Where: "row", Reason: l.problem}
}

func (s *Source) ref(id string) gallra.Ref {
	return gallra.Ref{System: s.config.System, Type: TypeRow, ID: id}
}

func (s *Source) record(sh *shape, l line, p connector.Projection) gallra.Record {
	r := gallra.Record{Ref: s.ref(sh.ref(sh.key(l), l.at)), Version: digest(l.raw),
		Created: s.at(sh.value(l, sh.clock[gallra.StartCreated])), Updated: s.at(sh.value(l, sh.clock[gallra.StartUpdated])),
		Contact: s.at(sh.value(l, sh.clock[gallra.StartLastContact])), Closed: s.at(sh.value(l, sh.clock[gallra.StartClosed]))}
	if p == connector.FieldsNone {
		return r
	}
	for i, c := range l.cells {
		name := sh.cellName(c, i)
		if p == connector.FieldsKeep {
			if info, _ := sh.typ.Field(name); !info.Keep {
				continue
			}
		}
		r.Fields = append(r.Fields, gallra.Field{Name: name, Value: c.value})
	}
	return r
}

// Get looks the row up.
func (s *Source) Get(ctx context.Context, ref gallra.Ref) (gallra.Record, error) {
	if ref.Type != TypeRow || ref.System != "" && ref.System != s.config.System {
		return gallra.Record{}, gone(ref)
	}
	f, sh, err := s.read(ctx)
	if err != nil {
		return gallra.Record{}, err
	}
	defer f.Close()
	scan := newScanner(ctx, f, sh.syntax, sh.names, sh.first)
	for {
		l, err := scan.scan()
		if errors.Is(err, io.EOF) {
			return gallra.Record{}, gone(ref)
		}
		if err != nil {
			return gallra.Record{}, err
		}
		if l.problem == "" && sh.ref(sh.key(l), l.at) == ref.ID {
			return s.record(sh, l, connector.FieldsAll), nil
		}
	}
}

func gone(ref gallra.Ref) error {
	return gallra.Errorf(gallra.NotFound, "connector.record_not_found", "ref", ref.String())
}
