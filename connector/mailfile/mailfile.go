// Package mailfile connects mails that lie in files: one mbox or a folder of
// them ("mbox:PATH"), a Maildir with its subfolders ("maildir:PATH"), and a
// folder of .eml files ("eml:DIR"), and an Outlook data file, which can only be
// read ("pst:PATH"). Such files are where leavers' mailboxes and
// exports of old systems end up.
//
// The files belong to others, who may read and write them at the same time. So
// nothing is ever changed in place: a new file is written beside the old one,
// brought to disk, and renamed over it, and whoever is killed on the way leaves
// the old file or the new one. An mbox is locked (dot-lock and flock) while it
// is rewritten, and what stands in it that is no mail, or a mail that was cut
// short at the end, is copied byte for byte.
package mailfile

import (
	"context"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/mailrecord"
	"github.com/gallra/gallra/document"
)

func init() {
	connector.Register(connector.Info{
		Name: "mailfile", Schemes: []string{"mbox", "maildir", "eml"}, Title: "Mail files (mbox, Maildir, EML)", Channel: connector.ChannelMail,
		Can: []connector.Capability{connector.CanFind, connector.CanErase, connector.CanEdit, connector.CanLeftovers,
			connector.CanVerify, connector.CanPartition, connector.CanBatch},
		Finds:   findable,
		Options: options,
		Open:    open,
	})
}

var (
	findable = []gallra.IdentifierKind{gallra.IdentEmail, gallra.IdentPhone, gallra.IdentPersonnummer, gallra.IdentName,
		gallra.IdentAccount, gallra.IdentUsername, gallra.IdentCustomer, gallra.IdentIP}
	options = []connector.Option{
		{Name: "own", Help: "option.own"},
		{Name: "max_mail", Help: "option.max_mail"},
	}
)

// item is one mail of a box. Items are ordered by id, which does not change when
// other mails come and go.
type item struct {
	id     string
	path   string // of the file
	folder string
	start  int64  // mbox: of the "From " line
	body   int64  // mbox: of the header
	end    int64  // mbox: of the next "From " line
	key    string // mbox: what mails alike have in common
	nth    int    // mbox: which of them
}

// change is one wish about one mail, and what became of it.
type change struct {
	id        string
	ifVersion string
	set       []gallra.Field // nil: erase
	err       error
	newID     string
}

// box is one kind of mail file.
type box interface {
	// index lists the mails, sorted by id, and what is no mail.
	index(ctx context.Context) (listing, []connector.Problem, error)
	// read returns one mail as it lies, at most max bytes of it.
	read(it item, max int64) (mailrecord.Stored, error)
	// apply carries out changes and fills in what became of each.
	apply(ctx context.Context, changes []*change, max int64) error
	// beside lists the texts outside the mails that can hold personal data:
	// envelope lines, file names, caches.
	beside(ctx context.Context, yield func(where string, text string) error) error
	// caches names the derived copies beside the mails that exist.
	caches() []string
}

// Source is an open mail file.
type Source struct {
	known  func(connector.Profile) connector.Profile
	system gallra.SystemID
	root   string
	box    box
	own    []string
	max    int64

	mu       sync.Mutex
	items    listing
	problems []connector.Problem
	loaded   bool
}

func open(_ context.Context, c connector.Config) (connector.Source, error) {
	root := c.Path()
	if root == "" {
		return nil, gallra.Errorf(gallra.Invalid, "mailfile.no_path")
	}
	s := &Source{known: c.Known, system: c.System, root: filepath.Clean(root), own: mailrecord.Own(c.Option("own")), max: 64 << 20}
	if v := c.Option("max_mail"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > 4096 {
			return nil, gallra.Errorf(gallra.Invalid, "connector.option_invalid", "option", "max_mail")
		}
		s.max = int64(n) << 20
	}
	switch connector.Scheme(c.URL) {
	case "mbox":
		s.box = &mbox{root: s.root, erased: map[string]map[int]bool{}}
	case "maildir":
		s.box = &maildir{root: s.root}
		return folderSource{s, "cur", ":2,S"}, nil
	case "eml":
		s.box = &eml{root: s.root}
		return folderSource{s, "", ".eml"}, nil
	}
	return s, nil
}

// Close implements io.Closer; nothing is held open.
func (s *Source) Close() error { return nil }

// Check implements connector.Source.
func (s *Source) Check(ctx context.Context) error {
	if _, err := os.Stat(s.root); err != nil {
		return fileError(err)
	}
	_, err := s.index(ctx, true)
	return err
}

// Types implements connector.Source.
func (s *Source) Types(context.Context) ([]connector.Type, error) {
	if _, ok := s.box.(*eml); ok {
		return []connector.Type{mailrecord.Type(false, connector.FieldInfo{Name: fileName, Text: true})}, nil
	}
	return []connector.Type{mailrecord.Type(false)}, nil
}

// index returns the mails, from memory unless fresh is set.
func (s *Source) index(ctx context.Context, fresh bool) (listing, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.loaded && !fresh {
		return s.items, nil
	}
	items, problems, err := s.box.index(ctx)
	if err != nil {
		return nil, err
	}
	s.items, s.problems, s.loaded = items, problems, true
	return items, nil
}

func (s *Source) forget() {
	s.mu.Lock()
	s.loaded = false
	s.mu.Unlock()
}

func (s *Source) ref(id string) gallra.Ref {
	return gallra.Ref{System: s.system, Type: mailrecord.TypeName, ID: id}
}

func (s *Source) limits() document.Limits { return document.Limits{Bytes: s.max} }

func (s *Source) read(it item) (mailrecord.Stored, error) {
	m, err := s.box.read(it, s.max)
	m.Ref = s.ref(it.id)
	return m, err
}

// pageBytes bounds what one page holds in memory.
const pageBytes = 16 << 20

// List implements connector.Source.
func (s *Source) List(ctx context.Context, q connector.Query) (connector.Page, error) {
	if err := mailrecord.CheckType(q.Type); err != nil {
		return connector.Page{}, err
	}
	part, err := connector.ParseShare(q.Partition)
	if err != nil {
		return connector.Page{}, err
	}
	if err := checkCursor(q.Cursor); err != nil {
		return connector.Page{}, err
	}
	var page connector.Page
	limit := q.Limit
	if limit <= 0 {
		limit = 500
	}
	items, err := s.index(ctx, q.Cursor == "")
	if err != nil {
		return connector.Page{}, err
	}
	if q.Cursor == "" {
		page.Total = int64(items.count())
		s.mu.Lock()
		page.Skipped = append(page.Skipped, s.problems...)
		s.mu.Unlock()
	}
	next, bytes := first(items, q.Cursor), 0
	for ; next < items.count(); next++ {
		if err := ctx.Err(); err != nil {
			return connector.Page{}, err
		}
		if len(page.Records) >= limit || bytes > pageBytes {
			page.Next = items.at(next - 1).id
			break
		}
		it := items.at(next)
		if !inShare(part, it.id) {
			continue
		}
		m, err := s.read(it)
		if errors.Is(err, gallra.ErrNotFound) {
			continue // erased since the index was made
		}
		if err != nil {
			if gallra.CodeOf(err) == gallra.Forbidden {
				page.Skipped = append(page.Skipped, connector.Problem{Ref: s.ref(it.id), Reason: "mailfile.not_readable"})
				continue
			}
			return connector.Page{}, err
		}
		r, problems := mailrecord.Record(m, q.Fields, s.limits())
		if !mailrecord.Selects(q, r) {
			continue
		}
		s.more(it, q.Fields, &r)
		page.Records = append(page.Records, r)
		page.Skipped = append(page.Skipped, problems...)
		if q.Fields == connector.FieldsAll {
			bytes += 3 * len(m.Raw)
		}
	}
	return page, nil
}

// more adds what only some boxes know.
func (s *Source) more(it item, p connector.Projection, r *gallra.Record) {
	if _, ok := s.box.(*eml); ok && p == connector.FieldsAll {
		r.Fields = append(r.Fields, gallra.Field{Name: fileName, Value: filepath.Base(it.path)})
	}
}

// checkCursor refuses what List never gave: a cursor is the id of a mail.
func checkCursor(c string) error {
	if _, err := hex.DecodeString(c); err != nil || len(c) != 0 && len(c) != 20 {
		return gallra.Errorf(gallra.Invalid, "connector.bad_cursor")
	}
	return nil
}

// first returns the position of the first mail behind cursor.
func first(items listing, cursor string) int {
	if cursor == "" {
		return 0
	}
	return items.after(cursor)
}

// find returns the item of an id, looking at the files again if need be.
func (s *Source) find(ctx context.Context, ref gallra.Ref) (item, error) {
	notFound := gallra.Errorf(gallra.NotFound, "connector.record_not_found", "ref", ref.String())
	if ref.Type != mailrecord.TypeName || ref.System != s.system {
		return item{}, notFound
	}
	for _, fresh := range []bool{false, true} {
		items, err := s.index(ctx, fresh)
		if err != nil {
			return item{}, err
		}
		if it, ok := items.byID(ref.ID); ok {
			return it, nil
		}
	}
	return item{}, notFound
}

// Get implements connector.Source.
func (s *Source) Get(ctx context.Context, ref gallra.Ref) (gallra.Record, error) {
	it, err := s.find(ctx, ref)
	if err != nil {
		return gallra.Record{}, err
	}
	m, err := s.read(it)
	if errors.Is(err, gallra.ErrNotFound) {
		s.forget()
		if it, err = s.find(ctx, ref); err != nil {
			return gallra.Record{}, err
		}
		m, err = s.read(it)
	}
	if err != nil {
		return gallra.Record{}, err
	}
	r, _ := mailrecord.Record(m, connector.FieldsAll, s.limits())
	s.more(it, connector.FieldsAll, &r)
	return r, nil
}

// Find implements connector.Finder.
func (s *Source) Find(ctx context.Context, n connector.Needles, cursor string) (connector.Hits, error) {
	needle := mailrecord.NewNeedle(n, s.own)
	var out connector.Hits
	next, err := s.each(ctx, cursor, func(it item, m mailrecord.Stored) {
		hits, problems := needle.Hits(m, s.limits())
		out.Hits = append(out.Hits, hits...)
		out.Skipped = append(out.Skipped, problems...)
	})
	out.Next = next
	return out, err
}

// Leftovers implements connector.Searcher. It decodes every mail in full, and
// reads what lies beside the mails.
func (s *Source) Leftovers(ctx context.Context, n connector.Needles, cursor string) (connector.Residues, error) {
	needle := mailrecord.NewNeedle(n, nil)
	var out connector.Residues
	if cursor == "" {
		err := s.box.beside(ctx, func(where, text string) error {
			if c := needle.Count(text); c > 0 {
				out.Residues = append(out.Residues, gallra.Residue{Where: where, Why: "mailfile.left_beside", Count: c})
			}
			return ctx.Err()
		})
		if err != nil {
			return out, err
		}
	}
	next, err := s.each(ctx, cursor, func(_ item, m mailrecord.Stored) {
		residues, problems := needle.Leftovers(m, s.limits())
		out.Residues = append(out.Residues, residues...)
		out.Skipped = append(out.Skipped, problems...)
	})
	out.Next = next
	return out, err
}

// each reads a page of mails and returns the cursor of the next one.
func (s *Source) each(ctx context.Context, cursor string, f func(item, mailrecord.Stored)) (next string, err error) {
	if err := checkCursor(cursor); err != nil {
		return "", err
	}
	items, err := s.index(ctx, cursor == "")
	if err != nil {
		return "", err
	}
	bytes := 0
	for i, k := first(items, cursor), 0; i < items.count(); i, k = i+1, k+1 {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		if k >= 1000 || bytes > pageBytes {
			return items.at(i - 1).id, nil
		}
		it := items.at(i)
		m, err := s.read(it)
		if errors.Is(err, gallra.ErrNotFound) {
			continue
		}
		if err != nil {
			return "", err
		}
		bytes += len(m.Raw)
		f(it, m)
	}
	return "", nil
}

// Remains implements connector.Verifier: the files are read anew, past the
// index that List and Erase use.
func (s *Source) Remains(ctx context.Context, refs []gallra.Ref) ([]gallra.Residue, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	items, _, err := s.box.index(ctx)
	if err != nil {
		return nil, err
	}
	var out []gallra.Residue
	for _, r := range refs {
		if _, ok := items.byID(r.ID); ok && r.System == s.system {
			out = append(out, gallra.Residue{Ref: r, Where: "file", Why: "mailfile.still_there", Count: 1})
		}
	}
	return out, nil
}

// Erase implements connector.Eraser.
func (s *Source) Erase(ctx context.Context, ref gallra.Ref, ifVersion string) (gallra.Receipt, error) {
	return connector.One(s.EraseMany(ctx, []connector.Item{{Ref: ref, IfVersion: ifVersion}}))
}

// Edit implements connector.Editor.
func (s *Source) Edit(ctx context.Context, ref gallra.Ref, ifVersion string, set []gallra.Field) (gallra.Receipt, error) {
	return connector.One(s.EditMany(ctx, []connector.Edit{{Item: connector.Item{Ref: ref, IfVersion: ifVersion}, Set: set}}))
}

// EraseMany implements connector.Batcher: an mbox is rewritten once.
func (s *Source) EraseMany(ctx context.Context, items []connector.Item) ([]connector.Result, error) {
	changes := make([]*change, len(items))
	refs := make([]gallra.Ref, len(items))
	for i, it := range items {
		changes[i], refs[i] = &change{id: it.Ref.ID, ifVersion: it.IfVersion}, it.Ref
	}
	return s.apply(ctx, gallra.ActionErase, refs, changes)
}

// EditMany implements connector.Batcher.
func (s *Source) EditMany(ctx context.Context, edits []connector.Edit) ([]connector.Result, error) {
	changes := make([]*change, len(edits))
	refs := make([]gallra.Ref, len(edits))
	for i, e := range edits {
		set := e.Set
		if set == nil {
			set = []gallra.Field{}
		}
		changes[i], refs[i] = &change{id: e.Ref.ID, ifVersion: e.IfVersion, set: set}, e.Ref
	}
	return s.apply(ctx, gallra.ActionAnonymise, refs, changes)
}

func (s *Source) apply(ctx context.Context, action gallra.Action, refs []gallra.Ref, changes []*change) ([]connector.Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for i, c := range changes {
		if refs[i].System != s.system || refs[i].Type != mailrecord.TypeName {
			c.id = ""
		}
	}
	err := s.box.apply(ctx, changes, s.max)
	if _, ok := s.box.(*maildir); !ok { // there a mail that has gone, or has another name, is told from one that is there
		s.forget()
	}
	if err != nil {
		return nil, err
	}
	grade, residues := gallra.GradeDerived, []gallra.Residue(nil)
	for _, cache := range s.box.caches() {
		grade = gallra.GradeLive
		residues = append(residues, gallra.Residue{Where: cache, Why: "mailfile.cache"})
	}
	now := time.Now()
	out := make([]connector.Result, len(changes))
	for i, c := range changes {
		if c.err != nil {
			out[i].Err = c.err
			continue
		}
		ref := refs[i]
		if c.newID != "" {
			ref.ID = c.newID
		}
		out[i].Receipt = gallra.Receipt{Ref: ref, Action: action, Grade: grade, At: now, Final: true, Residues: residues}
	}
	return out, nil
}

// decide checks the version of a mail and returns what it becomes; nil with erase.
func (c *change) decide(m mailrecord.Stored) (raw []byte, erase bool) {
	if c.ifVersion != "" && c.ifVersion != m.Version {
		c.err = gallra.Errorf(gallra.Conflict, "connector.record_changed")
		return nil, false
	}
	if c.set == nil {
		return nil, true
	}
	raw, c.err = mailrecord.Edited(m, c.set)
	return raw, false
}

func (c *change) missing() {
	c.err = gallra.Errorf(gallra.NotFound, "connector.record_not_found")
}

// Partitions implements connector.Partitioner.
func (s *Source) Partitions(_ context.Context, q connector.Query, n int) ([]connector.Query, error) {
	if err := mailrecord.CheckType(q.Type); err != nil {
		return nil, err
	}
	n = max(1, min(n, 256))
	out := make([]connector.Query, n)
	for i := range out {
		out[i] = q
		out[i].Cursor, out[i].Partition = "", strconv.Itoa(i)+"/"+strconv.Itoa(n)
	}
	return out, nil
}

// inShare reports whether the number that an id begins with falls in the share.
func inShare(p connector.Share, id string) bool {
	v, err := strconv.ParseUint(id[:min(4, len(id))], 16, 32)
	return err == nil && p.Has(v)
}

// Profile implements connector.Profiled.
func (s *Source) Profile() connector.Profile {
	return s.known(connector.Profile{Product: "Mail files", Channel: connector.ChannelMail, Remains: []connector.Remain{
		{Where: "backup", Kind: connector.RemainBackup, SV: "Säkerhetskopior av katalogen innehåller posten tills de gallras.", EN: "Backups of the folder hold the record until they are thinned out."},
		{Where: "disk", Kind: connector.RemainBackup, SV: "Filens gamla plats på disken skrivs över först när den används igen.", EN: "The file's old place on the disk is overwritten only when it is used again."},
		{Where: "index", Kind: connector.RemainCopy, SV: "Index som ett e-postprogram lagt bredvid (dovecot.index.cache, .msf) kan behålla avsändare och ämne tills programmet bygger om dem.", EN: "Indexes that a mail program has put beside it (dovecot.index.cache, .msf) may keep sender and subject until the program rebuilds them."},
	}, Reindex: "doveadm mailbox cache purge -A '*'"})
}

// fileError turns an error of the file system into one without the path, which
// may hold a name.
func fileError(err error) error {
	var told *gallra.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &told), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, fs.ErrNotExist):
		return gallra.Errorf(gallra.NotFound, "mailfile.no_such_file")
	case errors.Is(err, fs.ErrPermission):
		return gallra.Errorf(gallra.Forbidden, "mailfile.permission")
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EFBIG), errors.Is(err, diskQuota):
		return gallra.Errorf(gallra.Unavailable, "mailfile.disk_full")
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		return gallra.Errorf(gallra.Internal, "mailfile.io", "operation", p.Op).Wrap(p.Err)
	}
	var l *os.LinkError
	if errors.As(err, &l) {
		return gallra.Errorf(gallra.Internal, "mailfile.io", "operation", l.Op).Wrap(l.Err)
	}
	return gallra.Errorf(gallra.Internal, "mailfile.io", "operation", "read").Wrap(err)
}

// Trace implements connector.Tracer.
func (s *Source) Trace(_ context.Context, refs []gallra.Ref) (connector.Trace, error) {
	return mailrecord.Trace{Refs: refs, Gone: s.Remains, Read: s.anew, Limits: s.limits()}, nil
}

// anew reads mails past the index that List and Edit use. A Maildir's are files of
// their own, opened where they are; looking through the folder for each batch
// would take longer than reading it.
func (s *Source) anew(ctx context.Context, refs []gallra.Ref, f func(mailrecord.Stored)) error {
	look := func(ctx context.Context) (listing, error) {
		items, _, err := s.box.index(ctx)
		return items, err
	}
	if m, ok := s.box.(*maildir); ok {
		look = m.known
	}
	items, err := look(ctx)
	if err != nil {
		return err
	}
	for _, r := range refs {
		if err := ctx.Err(); err != nil {
			return err
		}
		it, ok := items.byID(r.ID)
		if !ok {
			continue
		}
		m, err := s.read(it)
		if errors.Is(err, gallra.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		f(m)
	}
	return nil
}
