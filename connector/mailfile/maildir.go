package mailfile

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/mailrecord"
	"github.com/gallra/gallra/connector/safefile"
)

// maildir is a Maildir with its subfolders, in the ".Sub" and the "Sub" layout.
type maildir struct {
	root string

	mu   sync.Mutex
	last listing // what was there when somebody looked last
}

// known returns the mails as somebody saw them last, looking when nobody has.
func (m *maildir) known(ctx context.Context) (listing, error) {
	m.mu.Lock()
	items := m.last
	m.mu.Unlock()
	if items != nil {
		return items, nil
	}
	items, _, err := m.index(ctx)
	return items, err
}

// folders returns every folder that has a cur, with its name; "INBOX" for the root.
func (m *maildir) folders(ctx context.Context) (paths, names []string, err error) {
	err = filepath.WalkDir(m.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if path == m.root || !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			return nil
		}
		if !d.IsDir() {
			return ctx.Err()
		}
		switch d.Name() {
		case "cur":
			dir := filepath.Dir(path)
			rel, _ := filepath.Rel(m.root, dir)
			name := strings.Trim(strings.ReplaceAll(rel, string(filepath.Separator), "."), ".")
			if rel == "." {
				name = "INBOX"
			}
			paths, names = append(paths, dir), append(names, name)
			return fs.SkipDir
		case "new", "tmp":
			return fs.SkipDir
		}
		return nil
	})
	if err != nil {
		return nil, nil, fileError(err)
	}
	if len(paths) == 0 {
		return nil, nil, gallra.Errorf(gallra.Invalid, "mailfile.not_a_maildir")
	}
	return paths, names, nil
}

// unique returns the part of a Maildir file name that stays when flags and
// sizes change.
func unique(name string) string {
	if i := strings.IndexAny(name, ":,;!"); i > 0 {
		return name[:i]
	}
	return name
}

func (m *maildir) index(ctx context.Context) (listing, []connector.Problem, error) {
	paths, names, err := m.folders(ctx)
	if err != nil {
		return nil, nil, err
	}
	out := &files{}
	for i, dir := range paths {
		for _, sub := range []string{"new", "cur", "tmp"} {
			d := filesDir{path: filepath.Join(dir, sub), folder: names[i]}
			var at []uint32
			err := walkFolder(ctx, d.path, func(e fs.DirEntry) error {
				if sub == "tmp" || !e.Type().IsRegular() || strings.HasPrefix(e.Name(), ".") || strings.Contains(e.Name(), tempMark) {
					return nil
				}
				n, ok := d.put(e.Name())
				if !ok {
					return gallra.Errorf(gallra.Unsupported, "mailfile.too_many")
				}
				at = append(at, n)
				return nil
			})
			if errors.Is(err, fs.ErrNotExist) && sub != "cur" {
				continue
			}
			if err != nil {
				return nil, nil, fileError(err)
			}
			if sub == "tmp" {
				continue
			}
			for _, n := range at {
				f := file{dir: uint32(len(out.dirs)), name: n}
				if _, err := hex.Decode(f.id[:], []byte(mailrecord.Digest(names[i], unique(d.name(n))))); err != nil {
					return nil, nil, fmt.Errorf("mailfile: id of a mail: %w", err)
				}
				out.mails = append(out.mails, f)
			}
			d.names = slices.Clone(d.names) // no larger than it must be
			out.dirs = append(out.dirs, d)
		}
	}
	out.sort()
	m.mu.Lock()
	m.last = out
	m.mu.Unlock()
	return out, nil, nil
}

// walkFolder calls f with what lies in a folder, a piece of it in memory at a
// time, and removes what a killed process of ours has left there.
func walkFolder(ctx context.Context, dir string, f func(fs.DirEntry) error) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	var ours []fs.DirEntry
	for {
		entries, err := d.ReadDir(entriesRead)
		for _, e := range entries {
			if strings.Contains(e.Name(), tempMark) {
				ours = append(ours, e)
			}
			if err := f(e); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	sweep(dir, ours)
	return nil
}

// entriesRead is how many entries of a folder are in memory at a time.
const entriesRead = 1000

// open opens a mail where it was seen last or, when it is not there any more,
// where it is now. Nothing is asked before: opening tells what there is.
func (m *maildir) open(it item) (f *os.File, info fs.FileInfo, path string, err error) {
	f, info, err = openMail(it.path)
	if !errors.Is(err, gallra.ErrNotFound) {
		return f, info, it.path, err
	}
	if path, err = m.locate(it); err != nil {
		return nil, nil, "", err
	}
	f, info, err = openMail(path)
	return f, info, path, err
}

// locate looks for a mail that is not where it was seen last: another program may
// have changed its flags, which are part of the name, or moved it from new to cur.
func (m *maildir) locate(it item) (string, error) {
	dir := filepath.Dir(filepath.Dir(it.path))
	want := unique(filepath.Base(it.path))
	for _, sub := range []string{"cur", "new"} {
		entries, err := os.ReadDir(filepath.Join(dir, sub))
		if err != nil {
			continue
		}
		for _, e := range entries {
			if unique(e.Name()) == want {
				return filepath.Join(dir, sub, e.Name()), nil
			}
		}
	}
	return "", gallra.Errorf(gallra.NotFound, "connector.record_not_found")
}

func (m *maildir) read(it item, max int64) (mailrecord.Stored, error) {
	f, info, path, err := m.open(it)
	if err != nil {
		return mailrecord.Stored{}, err
	}
	s, err := readOpen(f, info, max)
	s.Folder = it.folder
	if i := strings.LastIndex(path, ":2,"); i >= 0 {
		s.Answered = strings.Contains(path[i+3:], "R")
	}
	return s, err
}

// openMail opens a file that is one mail and says what it is. A link, a pipe or
// whatever else stands in the place of a mail since the folder was looked through
// is none: it is neither followed nor waited for. The file that is open is asked,
// not its name, which may be another's by then.
func openMail(path string) (*os.File, fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|plainOnly, 0)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) || isLink(err) {
			return nil, nil, gallra.Errorf(gallra.NotFound, "connector.record_not_found")
		}
		return nil, nil, fileError(err)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		err = fileError(err)
	case !info.Mode().IsRegular():
		err = gallra.Errorf(gallra.NotFound, "connector.record_not_found")
	default:
		return f, info, nil
	}
	_ = f.Close() // only read
	return nil, nil, err
}

// readMail reads a file that is one mail.
func readMail(path string, max int64) (mailrecord.Stored, error) {
	f, info, err := openMail(path)
	if err != nil {
		return mailrecord.Stored{}, err
	}
	return readOpen(f, info, max)
}

// readOpen reads an open mail and closes it.
func readOpen(f *os.File, info fs.FileInfo, max int64) (mailrecord.Stored, error) {
	defer f.Close()
	var s mailrecord.Stored
	n := info.Size()
	if n > max {
		n, s.Truncated = max, true
	}
	s.Raw = make([]byte, n)
	got, err := io.ReadFull(f, s.Raw)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && err != io.EOF {
		return s, fileError(err)
	}
	s.Raw = s.Raw[:got]
	s.Version = mailrecord.Version(s.Raw)
	if s.Truncated {
		s.Version += "+" + strconv.FormatInt(info.Size(), 10)
	}
	s.Received = info.ModTime()
	return s, nil
}

func (m *maildir) apply(ctx context.Context, changes []*change, max int64) error {
	// Looking through a large folder takes longer than changing some mails of it:
	// it is looked through again for one that is not where it was.
	items, err := m.known(ctx)
	if err != nil {
		return err
	}
	fresh := false
	var found []foundMail
	for _, c := range changes {
		if err := ctx.Err(); err != nil {
			return err
		}
		it, ok := items.byID(c.id)
		if !ok && !fresh && c.id != "" {
			if items, _, err = m.index(ctx); err != nil {
				return err
			}
			fresh = true
			it, ok = items.byID(c.id)
		}
		if !ok {
			c.missing()
			continue
		}
		found = append(found, foundMail{c, it})
	}
	dirs, err := m.changed(ctx, found, max)
	if err != nil {
		return err
	}
	for dir := range dirs {
		if err := errors.Join(safefile.At(safefile.StepFolder), syncDir(dir)); err != nil {
			return fileError(err)
		}
	}
	return nil
}

// atOnce is how many mails are changed beside each other: the disk brings several
// files down in the time of one.
const atOnce = 8

// atOnceBytes bounds what they hold in memory; a larger one is changed alone.
const atOnceBytes = 16 << 20

// foundMail is a change and the mail it is about.
type foundMail struct {
	*change
	item
}

// changed carries out the changes and returns the folders that are to be brought
// to disk. A mail that is named twice has its turns one after the other.
func (m *maildir) changed(ctx context.Context, list []foundMail, max int64) (map[string]bool, error) {
	var turns [][]foundMail
	at := map[string]int{}
	for _, f := range list {
		k, again := at[f.item.id]
		if !again {
			k = len(turns)
			at[f.item.id], turns = k, append(turns, nil)
		}
		turns[k] = append(turns[k], f)
	}
	var mu sync.Mutex
	dirs := map[string]bool{}
	room := semaphore.NewWeighted(atOnceBytes)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for _, turn := range turns {
		g.Go(func() error {
			for _, c := range turn {
				f, info, path, err := m.open(c.item)
				if err != nil {
					c.err = err
					continue
				}
				size := min(atOnceBytes, info.Size())
				if err := room.Acquire(ctx, size); err != nil {
					_ = f.Close()
					return err
				}
				dir := m.change(f, info, path, c.change, max)
				room.Release(size)
				if dir != "" {
					mu.Lock()
					dirs[dir] = true
					mu.Unlock()
				}
			}
			return nil
		})
	}
	return dirs, g.Wait()
}

// change carries out one change of the mail that is open, which it closes, and
// returns the folder in which something has changed, "" for none.
func (m *maildir) change(f *os.File, info fs.FileInfo, path string, c *change, max int64) string {
	s, err := readOpen(f, info, max)
	if err != nil {
		c.err = err
		return ""
	}
	raw, erase := c.decide(s)
	switch {
	case c.err != nil:
		return ""
	case erase:
		err := remove(path)
		if errors.Is(err, fs.ErrNotExist) {
			c.missing()
			return ""
		}
		c.err = fileError(err)
	default:
		c.err = fileError(m.rewrite(path, info, raw))
	}
	if c.err != nil {
		return ""
	}
	return filepath.Dir(path)
}

var sizes = regexp.MustCompile(`,[SW]=\d+`)

// rewrite puts new bytes in the place of a mail. A size in the file name is
// mended afterwards: Dovecot refuses a mail whose name lies about it, and gives
// a renamed one a new UID, so that what its cache keeps of the old mail is
// never shown again.
//
// Rights and time are those of the file that was read. The one look at the name is
// needed: between reading and here, the longest part of which is bringing the new
// bytes to disk, a mail program may have changed the flags and with them the name.
// The rename would then make a second mail of the old name, and leave the old bytes
// under the new one.
func (m *maildir) rewrite(path string, was fs.FileInfo, raw []byte) error {
	dir, name := filepath.Split(path)
	put := func(temp string) error {
		return putFile(path, temp, was, true, func(w io.Writer) error {
			_, err := w.Write(raw)
			return err
		}, func() error {
			now, err := os.Lstat(path)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			if err != nil || !os.SameFile(was, now) || was.Size() != now.Size() || !was.ModTime().Equal(now.ModTime()) {
				return gallra.Errorf(gallra.Conflict, "file.changed_meanwhile")
			}
			return nil
		})
	}
	err := put(filepath.Join(dir, "..", "tmp", unique(name)+tempMark))
	if errors.Is(err, errNoFolder) {
		err = put(filepath.Join(dir, "."+unique(name)+tempMark))
	}
	if err != nil || !sizes.MatchString(name) {
		return err
	}
	base, flags, _ := strings.Cut(name, ":")
	renamed := sizes.ReplaceAllString(base, "") + ",S=" + strconv.Itoa(len(raw))
	if flags != "" {
		renamed += ":" + flags
	}
	if renamed == name {
		return nil
	}
	return os.Rename(path, filepath.Join(dir, renamed))
}

func (m *maildir) beside(ctx context.Context, yield func(where, text string) error) error {
	paths, names, err := m.folders(ctx)
	if err != nil {
		return err
	}
	for i, dir := range paths {
		where := "folder " + strconv.Itoa(i+1)
		if err := yield(where+" name", names[i]); err != nil {
			return err
		}
		// Half deliveries, drafts of mail programs, unfinished files of ours.
		if entries, err := os.ReadDir(filepath.Join(dir, "tmp")); err == nil {
			for _, e := range entries {
				if e.Type().IsRegular() {
					if err := yieldFile(where+" tmp", filepath.Join(dir, "tmp", e.Name()), yield); err != nil {
						return err
					}
				}
			}
		}
	}
	for i, path := range m.cacheFiles() {
		if err := yieldFile("cache "+strconv.Itoa(i+1)+" "+filepath.Base(path), path, yield); err != nil {
			return err
		}
	}
	return nil
}

func (m *maildir) cacheFiles() []string {
	var out []string
	_ = filepath.WalkDir(m.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			if err == nil && strings.HasPrefix(d.Name(), "dovecot.index.cache") {
				out = append(out, path)
			}
			return nil
		}
		switch d.Name() {
		case "cur", "new", "tmp":
			return fs.SkipDir
		}
		return nil
	})
	return out
}

func (m *maildir) caches() []string {
	if len(m.cacheFiles()) > 0 {
		return []string{"dovecot.index.cache"}
	}
	return nil
}

// eml is a folder of .eml files, subfolders included.
type eml struct{ root string }

// fileName is the field that tells, and changes, the name of an .eml file.
const fileName = "filename"

func (m *eml) index(ctx context.Context) (listing, []connector.Problem, error) {
	var items inMemory
	err := filepath.WalkDir(m.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if path != m.root && errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if d.IsDir() {
			if entries, err := os.ReadDir(path); err == nil {
				sweep(path, entries)
			}
			return nil
		}
		if !d.Type().IsRegular() || !strings.EqualFold(filepath.Ext(path), ".eml") || strings.Contains(d.Name(), tempMark) {
			return nil
		}
		rel, err := filepath.Rel(m.root, path)
		if err != nil {
			return err
		}
		// People name folders after customers: in statistics a digest stands for it.
		folder := filepath.ToSlash(filepath.Dir(rel))
		if folder != "." {
			folder = "#" + mailrecord.Digest(folder)[:8]
		}
		items = append(items, item{id: mailrecord.Digest(filepath.ToSlash(rel)), path: path, folder: folder})
		return nil
	})
	if err != nil {
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		return nil, nil, fileError(err)
	}
	sort.Slice(items, func(a, b int) bool { return items[a].id < items[b].id })
	return items, nil, nil
}

func (m *eml) read(it item, max int64) (mailrecord.Stored, error) {
	s, err := readMail(it.path, max)
	s.Folder = it.folder
	return s, err
}

func (m *eml) apply(ctx context.Context, changes []*change, max int64) error {
	items, _, err := m.index(ctx)
	if err != nil {
		return err
	}
	for _, c := range changes {
		if err := ctx.Err(); err != nil {
			return err
		}
		it, ok := items.byID(c.id)
		if !ok {
			c.missing()
			continue
		}
		s, err := readMail(it.path, max)
		if err != nil {
			c.err = err
			continue
		}
		rename := ""
		var set []gallra.Field
		if c.set != nil {
			set = []gallra.Field{}
		}
		for _, f := range c.set {
			if f.Name == fileName {
				rename = f.Value
			} else {
				set = append(set, f)
			}
		}
		c.set = set
		raw, erase := c.decide(s)
		switch {
		case c.err != nil:
		case erase:
			if err := remove(it.path); errors.Is(err, fs.ErrNotExist) {
				c.missing()
			} else if err != nil {
				c.err = fileError(err)
			} else {
				c.err = fileError(syncDir(filepath.Dir(it.path)))
			}
		default:
			c.err = m.rewrite(it, raw, string(raw) != string(s.Raw), rename, c)
		}
	}
	return nil
}

func (m *eml) rewrite(it item, raw []byte, changed bool, name string, c *change) error {
	if changed {
		info, err := os.Lstat(it.path)
		if err != nil {
			return fileError(err)
		}
		temp := filepath.Join(filepath.Dir(it.path), "."+it.id+tempMark)
		err = replaceFile(it.path, temp, info, true, func(w io.Writer) error {
			_, err := w.Write(raw)
			return err
		})
		if err != nil {
			return fileError(err)
		}
	}
	if name == "" || name == filepath.Base(it.path) {
		return nil
	}
	if name != filepath.Base(name) || strings.ContainsAny(name, "/\\\x00") || strings.HasPrefix(name, ".") {
		return gallra.Errorf(gallra.Invalid, "mailfile.bad_name")
	}
	if !strings.EqualFold(filepath.Ext(name), ".eml") {
		name += ".eml"
	}
	// A link never lands on another file, as a rename would. Two redacted files
	// of one folder may well get the same name: they are numbered.
	stem := strings.TrimSuffix(name, filepath.Ext(name))
	dir := filepath.Dir(it.path)
	for n := 1; n < 10_000; n++ {
		if n > 1 {
			name = stem + " " + strconv.Itoa(n) + ".eml"
		}
		target := filepath.Join(dir, name)
		err := os.Link(it.path, target)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOTSUP) {
			if _, err := os.Lstat(target); err == nil {
				continue
			}
			err = os.Rename(it.path, target)
		} else if err == nil {
			err = remove(it.path)
		}
		if err != nil {
			return fileError(err)
		}
		rel, _ := filepath.Rel(m.root, target)
		c.newID = mailrecord.Digest(filepath.ToSlash(rel))
		return fileError(syncDir(dir))
	}
	return gallra.Errorf(gallra.Conflict, "mailfile.bad_name")
}

func (m *eml) beside(ctx context.Context, yield func(where, text string) error) error {
	n := 0
	err := filepath.WalkDir(m.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if path == m.root {
			return nil
		}
		n++
		if err := yield("file "+strconv.Itoa(n)+" name", d.Name()); err != nil {
			return err
		}
		if strings.Contains(d.Name(), tempMark) {
			return yieldFile("file "+strconv.Itoa(n), path, yield)
		}
		return nil
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fileError(err)
}

func (m *eml) caches() []string { return nil }
