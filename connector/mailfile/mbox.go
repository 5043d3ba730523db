package mailfile

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/mailrecord"
)

// mbox is one mbox file or a folder of them. "From " lines part the mails; a
// ">From " line in a mail is a quoted "From " (mboxrd).
type mbox struct {
	root string

	mu     sync.Mutex
	erased map[string]map[int]bool // key of mails alike -> which of them this process has erased
}

// fromLine is how a mail begins: sender and the time of delivery. A file whose
// first line is not of this form is parted at every "From " after a blank line.
var fromLine = regexp.MustCompile(`^From .*(Mon|Tue|Wed|Thu|Fri|Sat|Sun) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +\d{1,2} +\d{1,2}:\d{2}`)

func (m *mbox) files() (paths []string, dir bool, err error) {
	info, err := os.Stat(m.root)
	if err != nil {
		return nil, false, fileError(err)
	}
	if !info.IsDir() {
		return []string{m.root}, false, nil
	}
	entries, err := os.ReadDir(m.root)
	if err != nil {
		return nil, true, fileError(err)
	}
	for _, e := range entries {
		name := e.Name()
		if e.Type().IsRegular() && !strings.HasPrefix(name, ".") && !strings.HasSuffix(name, ".lock") {
			path := filepath.Join(m.root, name)
			if startsMbox(path) {
				paths = append(paths, path)
			}
		}
	}
	return paths, true, nil
}

func startsMbox(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	b := make([]byte, 5)
	n, _ := io.ReadFull(f, b)
	return n == 0 || string(b[:n]) == "From "
}

func (m *mbox) index(ctx context.Context) (listing, []connector.Problem, error) {
	paths, dir, err := m.files()
	if err != nil {
		return nil, nil, err
	}
	var items inMemory
	var problems []connector.Problem
	for i, path := range paths {
		its, cut, prefix, err := m.scan(ctx, path)
		if err != nil {
			return nil, nil, err
		}
		where := "file " + strconv.Itoa(i+1)
		if prefix > 0 {
			if len(its) == 0 && !dir {
				return nil, nil, gallra.Errorf(gallra.Invalid, "mailfile.not_an_mbox")
			}
			problems = append(problems, connector.Problem{Where: where, Reason: "mailfile.no_mail_before"})
		}
		if cut {
			problems = append(problems, connector.Problem{Where: where, Reason: "mail.truncated"})
		}
		items = append(items, its...)
		if entries, err := os.ReadDir(filepath.Dir(path)); err == nil && i == 0 {
			sweep(filepath.Dir(path), entries)
		}
	}
	sort.Slice(items, func(a, b int) bool { return items[a].id < items[b].id })
	return items, problems, nil
}

// scan finds the mails of one file. cut: the file does not end with a line end,
// so its last mail was cut short. prefix: bytes before the first mail.
func (m *mbox) scan(ctx context.Context, path string) (items []item, cut bool, prefix int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, false, 0, fileError(err)
	}
	defer f.Close()
	folder := filepath.Base(path)
	r := bufio.NewReaderSize(f, 1<<20)
	var (
		off       int64
		cur       *item
		header    bool // within the header of cur
		inID      bool
		messageID []byte
		sum       hash.Hash // of the mail, while it has no Message-ID
		blank     = true    // the line before was blank
		whole     = true    // the slice before ended with a line end
		lastEnded = true
		alike     = map[string]int{}
		loose     bool
	)
	finish := func() {
		if cur == nil {
			return
		}
		cur.end = off
		key := strings.TrimSpace(string(messageID))
		if key == "" {
			key = "sum:" + hex.EncodeToString(sum.Sum(nil))
		}
		cur.key = mailrecord.Digest(path2key(m.root, path), key)
		items = append(items, *cur)
		cur = nil
	}
	for n := 0; ; n++ {
		if n%10_000 == 0 && ctx.Err() != nil {
			return nil, false, 0, ctx.Err()
		}
		line, err := r.ReadSlice('\n')
		if len(line) > 0 {
			start := whole
			whole = line[len(line)-1] == '\n'
			lastEnded = whole
			trimmed := bytes.TrimRight(line, "\r\n")
			begins := start && blank && bytes.HasPrefix(line, []byte("From "))
			if begins && off == 0 {
				loose = !fromLine.Match(trimmed)
			}
			if begins && (loose || fromLine.Match(trimmed)) {
				finish()
				if len(items) == 0 {
					prefix = off
				}
				cur = &item{path: path, folder: folder, start: off, body: off + int64(len(line))}
				header, inID, messageID, sum = true, false, nil, sha256.New()
			} else if cur != nil {
				switch {
				case !header:
				case start && len(trimmed) == 0:
					header = false
				case start && len(line) > 11 && bytes.EqualFold(line[:11], []byte("message-id:")) && messageID == nil:
					messageID, inID = append([]byte{}, trimmed[11:]...), true
				case inID && (line[0] == ' ' || line[0] == '\t') && len(messageID) < 1000:
					messageID = append(messageID, bytes.TrimSpace(trimmed)...)
				default:
					inID = false
				}
				if len(bytes.TrimSpace(messageID)) == 0 {
					sum.Write(line)
				}
			}
			blank = start && len(trimmed) == 0
			off += int64(len(line))
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, false, 0, fileError(err)
		}
	}
	finish()
	if len(items) == 0 {
		prefix = off
	}
	// Mails alike are numbered in their order, past those that this process has
	// erased, so that the others keep their numbers.
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range items {
		key := items[i].key
		k := alike[key]
		for m.erased[key][k] {
			k++
		}
		alike[key] = k + 1
		items[i].id, items[i].nth = key, k
		if k > 0 {
			items[i].id = mailrecord.Digest(key, strconv.Itoa(k))
		}
	}
	return items, off > 0 && !lastEnded, prefix, nil
}

// path2key names a file within the box, so that an mbox may be moved as a whole.
func path2key(root, path string) string {
	if rel, err := filepath.Rel(root, path); err == nil {
		return rel
	}
	return ""
}

// rememberErased keeps the numbers of mails alike that are gone.
func (m *mbox) rememberErased(gone []item) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, it := range gone {
		if m.erased[it.key] == nil {
			m.erased[it.key] = map[int]bool{}
		}
		m.erased[it.key][it.nth] = true
	}
}

func (m *mbox) read(it item, max int64) (mailrecord.Stored, error) {
	f, err := os.Open(it.path)
	if err != nil {
		return mailrecord.Stored{}, fileError(err)
	}
	defer f.Close()
	return m.readFrom(f, it, max)
}

func (m *mbox) readFrom(f io.ReaderAt, it item, max int64) (mailrecord.Stored, error) {
	s := mailrecord.Stored{Folder: it.folder}
	n := it.end - it.body
	if n > max {
		n, s.Truncated = max, true
	}
	b := make([]byte, it.body-it.start+n)
	if got, err := f.ReadAt(b, it.start); err != nil && (err != io.EOF || got < len(b)) {
		if err == io.EOF {
			return s, gallra.Errorf(gallra.NotFound, "connector.record_not_found")
		}
		return s, fileError(err)
	}
	from, raw := b[:it.body-it.start], b[it.body-it.start:]
	if !bytes.HasPrefix(from, []byte("From ")) {
		return s, gallra.Errorf(gallra.NotFound, "connector.record_not_found") // rewritten by another since
	}
	if !s.Truncated {
		raw = trimSeparator(raw)
	}
	s.Raw = unquoteFrom(raw)
	s.Version = mailrecord.Version(s.Raw)
	if s.Truncated {
		s.Version += "+" + strconv.FormatInt(it.end-it.body, 10)
	}
	s.Received = fromTime(string(from))
	s.Answered = answered(s.Raw)
	return s, nil
}

// trimSeparator takes off the blank line that parts a mail from the next.
func trimSeparator(raw []byte) []byte {
	for _, sep := range []string{"\r\n\r\n", "\n\n"} {
		if bytes.HasSuffix(raw, []byte(sep)) {
			return raw[:len(raw)-len(sep)/2]
		}
	}
	return raw
}

var quotedFrom = regexp.MustCompile(`(?m)^>(>*From )`)
var unquotedFrom = regexp.MustCompile(`(?m)^(>*From )`)

func unquoteFrom(b []byte) []byte {
	if !bytes.Contains(b, []byte("From ")) {
		return b
	}
	return quotedFrom.ReplaceAll(b, []byte("$1"))
}

func quoteFrom(b []byte) []byte { return unquotedFrom.ReplaceAll(b, []byte(">$1")) }

// fromTime reads the time of delivery in a "From " line; zero when it has none.
func fromTime(line string) time.Time {
	f := strings.Fields(line)
	for i := range f {
		if i < 1 {
			continue
		}
		rest := strings.Join(f[i:], " ")
		for _, layout := range []string{"Mon Jan 2 15:04:05 2006", "Mon Jan 2 15:04:05 -0700 2006", "Mon Jan 2 15:04:05 MST 2006", "Mon Jan 2 15:04 2006", "Mon Jan 2 15:04:05 2006 -0700"} {
			if t, err := time.Parse(layout, rest); err == nil {
				return t
			}
		}
	}
	return time.Time{}
}

// answered reads the mark that mbox programs leave in the header.
func answered(raw []byte) bool {
	end := bytes.Index(raw, []byte("\n\n"))
	if e := bytes.Index(raw, []byte("\r\n\r\n")); e >= 0 && (end < 0 || e < end) {
		end = e
	}
	if end < 0 {
		end = len(raw)
	}
	for _, line := range bytes.Split(raw[:end], []byte("\n")) {
		if len(line) > 9 && bytes.EqualFold(line[:9], []byte("x-status:")) {
			return bytes.ContainsRune(line[9:], 'A')
		}
	}
	return false
}

func (m *mbox) apply(ctx context.Context, changes []*change, max int64) error {
	paths, _, err := m.files()
	if err != nil {
		return err
	}
	left := map[string]*change{}
	for _, c := range changes {
		if left[c.id] != nil {
			c.missing() // named twice in one batch
			continue
		}
		left[c.id] = c
	}
	for _, path := range paths {
		if len(left) == 0 {
			break
		}
		if err := m.applyFile(ctx, path, left, max); err != nil {
			return err
		}
	}
	for _, c := range left {
		if c.err == nil {
			c.missing()
		}
	}
	return nil
}

// segment is a stretch of the new file: bytes of the old one, or new ones.
type segment struct {
	start, end int64
	data       []byte
}

// applyFile rewrites one file if it holds any of the mails, and takes those out of left.
func (m *mbox) applyFile(ctx context.Context, path string, left map[string]*change, max int64) error {
	unlock, err := lock(ctx, path)
	if err != nil {
		return err
	}
	defer unlock()
	// Under the lock the file is read again: what was known of it may be old.
	items, _, _, err := m.scan(ctx, path)
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return fileError(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fileError(err)
	}
	var segments []segment
	var erased []item
	done := int64(0) // everything before is in segments
	dirty := false
	for _, it := range items {
		c := left[it.id]
		if c == nil {
			continue
		}
		delete(left, it.id)
		s, err := m.readFrom(f, it, max)
		if err != nil {
			return err
		}
		raw, erase := c.decide(s)
		if c.err != nil {
			continue
		}
		segments = append(segments, segment{start: done, end: it.start})
		done = it.end
		dirty = true
		if erase {
			erased = append(erased, it)
			continue
		}
		data, err := rebuilt(f, it, raw)
		if err != nil {
			return err
		}
		segments = append(segments, segment{data: data})
	}
	if !dirty {
		return nil
	}
	segments = append(segments, segment{start: done, end: info.Size()})
	temp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+tempMark)
	err = replaceFile(path, temp, info, false, func(w io.Writer) error {
		for _, s := range segments {
			if s.data != nil {
				if _, err := w.Write(s.data); err != nil {
					return err
				}
				continue
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			if _, err := io.Copy(w, io.NewSectionReader(f, s.start, s.end-s.start)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fileError(err)
	}
	m.rememberErased(erased)
	return nil
}

// rebuilt returns an edited mail as it stands in the file: the "From " line
// without a sender that the mail no longer names, quoted, with a blank line after.
func rebuilt(f io.ReaderAt, it item, raw []byte) ([]byte, error) {
	line := make([]byte, it.body-it.start)
	if _, err := f.ReadAt(line, it.start); err != nil {
		return nil, fileError(err)
	}
	if sender := strings.Fields(string(line)); len(sender) > 2 && !bytes.Contains(bytes.ToLower(raw), []byte(strings.ToLower(sender[1]))) {
		line = bytes.Replace(line, []byte(sender[1]), []byte("MAILER-DAEMON"), 1)
	}
	nl := "\n"
	if bytes.HasSuffix(line, []byte("\r\n")) {
		nl = "\r\n"
	}
	out := append(line, quoteFrom(raw)...)
	if !bytes.HasSuffix(raw, []byte("\n")) {
		out = append(out, nl...)
	}
	return append(out, nl...), nil
}

func (m *mbox) beside(ctx context.Context, yield func(where, text string) error) error {
	paths, _, err := m.files()
	if err != nil {
		return err
	}
	for i, path := range paths {
		where := "file " + strconv.Itoa(i+1)
		if err := yield(where+" name", filepath.Base(path)); err != nil {
			return err
		}
		items, _, prefix, err := m.scan(ctx, path)
		if err != nil {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return fileError(err)
		}
		var lines strings.Builder
		b := make([]byte, min(prefix, 1<<20))
		_, _ = f.ReadAt(b, 0)
		lines.Write(b)
		for _, it := range items {
			b := make([]byte, min(it.body-it.start, 1000))
			if _, err := f.ReadAt(b, it.start); err == nil {
				lines.Write(b)
				lines.WriteByte('\n')
			}
		}
		_ = f.Close()
		if err := yield(where+" From line", lines.String()); err != nil {
			return err
		}
	}
	for i, path := range m.sidecars(paths) {
		if err := yieldFile("cache "+strconv.Itoa(i+1), path, yield); err != nil {
			return err
		}
	}
	return nil
}

// sidecars are the indexes that mail programs keep beside an mbox, and
// unfinished files of ours.
func (m *mbox) sidecars(paths []string) []string {
	var out []string
	for _, path := range paths {
		for _, s := range []string{path + ".msf", filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+tempMark),
			filepath.Join(filepath.Dir(path), ".imap", filepath.Base(path), "dovecot.index.cache")} {
			if _, err := os.Stat(s); err == nil {
				out = append(out, s)
			}
		}
	}
	return out
}

func (m *mbox) caches() []string {
	paths, _, err := m.files()
	if err != nil {
		return nil
	}
	var out []string
	for _, p := range m.sidecars(paths) {
		switch {
		case strings.HasSuffix(p, ".msf"):
			out = append(out, "msf")
		case strings.HasSuffix(p, ".cache"):
			out = append(out, "dovecot.index.cache")
		}
	}
	return out
}

// yieldFile gives the readable text of a binary file.
func yieldFile(where, path string, yield func(where, text string) error) error {
	f, err := os.Open(path)
	if err != nil {
		return nil // gone meanwhile
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 64<<20))
	if err != nil {
		return fileError(err)
	}
	return yield(where, strings.ToValidUTF8(strings.ReplaceAll(string(b), "\x00", "\n"), "\n"))
}
