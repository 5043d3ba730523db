package evidence

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/gallra/gallra"
)

// maxLine bounds one line of an export; an entry is a few hundred bytes.
const maxLine = 1 << 20

// Verify reads an exported log and proves it whole: no byte changed, no entry
// removed, added or moved. pub is the public key as kept outside of the file;
// with "" the file's own is used, which the report says. The error matches
// ErrTampered when the file does not verify, and the report then names the
// first bad entry. It needs neither store nor network.
func Verify(r io.Reader, pub string) (Report, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	sum := sha256.New()
	text, err := readLine(in)
	if err != nil {
		return Report{}, asMalformed(&Report{}, 1, err)
	}
	var h header
	if !canonical(text, &h) || h.Format != format {
		rep := Report{}
		return rep, rep.badFile(1, "malformed")
	}
	if pub != "" && h.Key != pub {
		rep := Report{Key: pub}
		return rep, rep.badFile(1, "key")
	}
	c, err := newChecker(h.Key)
	if err != nil || c.report.Origin != h.Origin {
		rep := Report{}
		return rep, rep.badFile(1, "malformed")
	}
	c.report.KeyGiven = pub != ""
	c.line = 1
	roots := make([]tlog.Hash, len(h.Prefix))
	for i, s := range h.Prefix {
		b, err := base64.StdEncoding.Strict().DecodeString(s)
		if err != nil || len(b) != tlog.HashSize {
			return c.report, c.report.badFile(1, "malformed")
		}
		copy(roots[i][:], b)
	}
	if err := c.begin(h.First, roots); err != nil {
		return c.report, err
	}
	for {
		_, _ = sum.Write(append(text, '\n')) // a hash never fails
		c.line++
		if text, err = readLine(in); err != nil {
			return c.report, asMalformed(&c.report, c.line, err)
		}
		var cp checkpointLine
		var end endLine
		switch s := string(text); {
		case strings.HasPrefix(s, entryHead):
			if err := c.exported(s); err != nil {
				return c.report, err
			}
		case canonical(text, &cp) && cp.Checkpoint != "":
			if err := c.checkpoint(cp.Checkpoint); err != nil {
				return c.report, err
			}
		case canonical(text, &end) && end.End != "":
			if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
				return c.report, c.report.badFile(c.line+1, "file")
			}
			return c.report, c.closed(end.End, sum.Sum(nil))
		default:
			return c.report, c.report.bad(c.report.Size, c.report.Size, c.line, "malformed")
		}
	}
}

// exported takes an entry line of a file: the entry and the hash beside it.
func (c *checker) exported(s string) error {
	seq := c.report.Size
	hash, text, ok := strings.Cut(strings.TrimPrefix(s, entryHead), entryMiddle)
	text, closed := strings.CutSuffix(text, "}")
	if !ok || !closed {
		return c.report.bad(seq, seq, c.line, "changed")
	}
	if want := tlog.RecordHash([]byte(text)); hash != base64.StdEncoding.EncodeToString(want[:]) {
		return c.report.bad(seq, seq, c.line, "changed")
	}
	return c.entry(text)
}

// closed takes the last line of a file, which is signed over all before it.
func (c *checker) closed(signed string, sum []byte) error {
	if err := c.end(); err != nil {
		return err
	}
	text, ok := openNote(signed, c.verifier)
	if !ok {
		return c.report.badFile(c.line, "signature")
	}
	p := strings.Split(text, "\n")
	if len(p) < 4 {
		return c.report.badFile(c.line, "signature")
	}
	at, err := time.Parse(time.RFC3339, p[3])
	if err != nil || text != endText(c.report.Origin, c.report.Size, c.root(), at, sum) {
		return c.report.badFile(c.line, "file")
	}
	c.report.At = p[3]
	return nil
}

// badFile reports that the file was changed outside of any entry.
func (r *Report) badFile(line int64, reason string) error {
	return r.bad(r.Size, r.Size, line, reason)
}

// asMalformed turns the end of input, or a line too long, into a finding; a
// reading error stays one.
func asMalformed(r *Report, line int64, err error) error {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return r.badFile(line, "truncated")
	case errors.Is(err, bufio.ErrBufferFull):
		return r.badFile(line, "malformed")
	}
	return fmt.Errorf("evidence: verify: %w", err)
}

// readLine returns the next line without its newline, which must be there.
func readLine(in *bufio.Reader) ([]byte, error) {
	var out []byte
	for {
		part, err := in.ReadSlice('\n')
		out = append(out, part...)
		if err == nil {
			return out[:len(out)-1], nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
		if len(out) > maxLine {
			return nil, bufio.ErrBufferFull
		}
	}
}

// canonical decodes text into v and reports whether it is exactly what Export
// writes for v.
func canonical(text []byte, v any) bool {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if d.Decode(v) != nil {
		return false
	}
	b, err := json.Marshal(v)
	return err == nil && bytes.Equal(b, text)
}

// VerifyDB verifies the log in the store, its stored hashes included.
func (l *Log) VerifyDB(ctx context.Context) (Report, error) {
	c, err := newChecker(l.vkey)
	if err != nil {
		return Report{}, err
	}
	c.report.KeyGiven = true
	err = l.read(ctx, func(r *reader) error {
		roots, err := r.prefix()
		if err != nil {
			return c.report.bad(0, 0, 0, "tree")
		}
		if err := c.begin(r.first, roots); err != nil {
			return err
		}
		for c.report.Size < r.size {
			page, hashes, err := r.page(c.report.Size)
			if err != nil {
				return err
			}
			if len(page) == 0 {
				return c.report.bad(c.report.Size, r.size-1, 0, "missing")
			}
			c.node = func(idx int64, h tlog.Hash) bool { return hashes[idx] == h }
			for _, s := range page {
				if hashes[tlog.StoredHashIndex(0, s.seq)] != tlog.RecordHash([]byte(s.line)) && s.seq == c.report.Size {
					return c.report.bad(s.seq, s.seq, 0, "changed")
				}
				if err := c.entry(s.line); err != nil {
					return err
				}
				if s.note != "" {
					if err := c.checkpoint(s.note); err != nil {
						return err
					}
				}
			}
		}
		return c.end()
	})
	return c.report, err
}

// Holds proves that the log still is what it was at root: that nothing up to
// there was rewritten, not even with the signing key. The error matches
// ErrTampered when it is not. A root older than a purge can't be proved and is
// gallra.ErrNotFound.
func (l *Log) Holds(ctx context.Context, root Root) error {
	return l.read(ctx, func(r *reader) error {
		if root.Size < r.first {
			return gallra.Errorf(gallra.NotFound, "evidence.purged")
		}
		rep := Report{}
		if root.Size > r.size {
			return rep.bad(r.size, root.Size-1, 0, "missing")
		}
		h, err := tlog.TreeHash(root.Size, &tree{ctx: r.ctx, tx: r.tx, fresh: map[int64]tlog.Hash{}})
		if err != nil || base64.StdEncoding.EncodeToString(h[:]) != root.Hash {
			return rep.bad(0, root.Size-1, 0, "checkpoint")
		}
		return nil
	})
}
