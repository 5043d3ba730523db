package imap

import (
	"context"
	"errors"
	"io"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/mailrecord"
)

const (
	pageMails = 1000
	pageBytes = 16 << 20
)

// letter is one mail as the server lists it.
type letter struct {
	place  place
	folder string
	size   int64
	date   time.Time // INTERNALDATE
	flags  []goimap.Flag
	header []byte // the Date field, when asked for
	raw    []byte
}

// version changes when somebody answers, flags or labels the mail, not when it
// is read; its bytes cannot change.
func (l letter) version() string {
	var marks []string
	for _, f := range l.flags {
		switch f {
		case goimap.FlagSeen, goimap.FlagDeleted, "\\Recent":
		default:
			if !isTag(f) {
				marks = append(marks, strings.ToLower(string(f)))
			}
		}
	}
	slices.Sort(marks)
	return mailrecord.Digest(append([]string{strconv.FormatInt(l.size, 10), strconv.FormatInt(l.date.Unix(), 10)}, marks...)...)
}

func (s *Source) stored(l letter) mailrecord.Stored {
	return mailrecord.Stored{Ref: s.ref(l.place), Version: l.version(), Folder: l.folder, Raw: l.raw, Received: l.date,
		Truncated: int64(len(l.raw)) < l.size && l.size > s.max, Answered: slices.Contains(l.flags, goimap.FlagAnswered)}
}

// look says what is listed.
type look struct {
	limit  int
	share  connector.Share
	search *goimap.SearchCriteria // optional
	dates  bool                   // the Date field is wanted, which costs the server a look into every mail
	halves bool                   // with half-made mails
}

// stretch is mails of one folder, in order.
type stretch struct {
	folder   folder
	validity uint32
	uids     []goimap.UID
}

func (t stretch) place(u goimap.UID) place { return place{t.folder.digest, t.validity, u} }

// walk finds up to what.limit mails behind cursor and hands those of each folder,
// which is open then, to take. take returns the last mail of the page when the
// page is full before the stretch is at its end, else 0.
func (s *Source) walk(ctx context.Context, c *client, cursor string, what look, take func(stretch) (goimap.UID, error)) (next string, err error) {
	var from place
	if cursor != "" {
		var ok bool
		if from, ok = parsePlace(cursor); !ok {
			return "", gallra.Errorf(gallra.Invalid, "connector.bad_cursor")
		}
	}
	room := what.limit
	one := func(f folder) (next string, err error) {
		first := goimap.UID(1)
		// After a change of UIDVALIDITY the folder is new, and read from its start.
		if f.digest == from.digest && c.validity == from.validity {
			first = from.uid + 1
		}
		uids, full, err := s.uids(ctx, c, first, room, what)
		if err != nil || len(uids) == 0 {
			return "", err
		}
		room -= len(uids)
		t := stretch{f, c.validity, uids}
		last, err := take(t)
		if last == 0 && full {
			last = uids[len(uids)-1]
		}
		if err != nil || last == 0 {
			return "", err
		}
		return t.place(last).String(), nil
	}
	// The next page of a folder that is open still needs no list of folders.
	done := ""
	if c.selected != "" && c.reading && c.validity == from.validity {
		if f := (folder{c.selected, mailrecord.Digest(c.selected)}); f.digest == from.digest {
			if next, err := one(f); err != nil || next != "" {
				return next, err
			}
			done = f.digest
		}
	}
	folders, err := s.folders(ctx, c)
	if err != nil {
		return "", err
	}
	for _, f := range folders {
		if f.digest < from.digest || f.digest == done {
			continue
		}
		box, err := c.open(f.name, true)
		if err != nil {
			if errors.Is(s.fail(ctx, "EXAMINE", err), gallra.ErrNotFound) {
				continue // removed meanwhile
			}
			return "", s.fail(ctx, "EXAMINE", err)
		}
		if box.NumMessages == 0 {
			continue
		}
		if next, err := one(f); err != nil || next != "" {
			return next, err
		}
	}
	return "", nil
}

// uids asks which mails of the open folder there are from first on, up to room.
// It asks for a part of the folder at a time: the rest of a large one would be
// named again for every page.
func (s *Source) uids(ctx context.Context, c *client, first goimap.UID, room int, what look) (out []goimap.UID, full bool, err error) {
	for width := uint64(room); ; width *= 4 {
		stop := goimap.UID(0) // to the end, and what has come since the folder was opened
		if end := uint64(first) + width - 1; c.uidNext > 0 && end+1 < uint64(c.uidNext) {
			stop = goimap.UID(end)
		}
		want := goimap.SearchCriteria{}
		if what.search != nil {
			want = *what.search
		}
		want.UID = []goimap.UIDSet{{goimap.UIDRange{Start: first, Stop: stop}}}
		var short *goimap.SearchOptions
		if c.Caps().Has(goimap.CapESearch) { // ranges, where a thousand numbers would be written out
			short = &goimap.SearchOptions{ReturnAll: true}
		}
		found, err := c.UIDSearch(&want, short).Wait()
		if err != nil {
			return nil, false, s.fail(ctx, "SEARCH", err)
		}
		uids := found.AllUIDs()
		slices.Sort(uids)
		out = append(out, slices.DeleteFunc(uids, func(u goimap.UID) bool { return u < first || !what.share.Has(uint64(u)) })...)
		if len(out) >= room {
			return out[:room], true, nil
		}
		if stop == 0 {
			return out, false, nil
		}
		first = stop + 1
	}
}

// page is a stretch of mails over the folders, and where the next one begins.
type page struct {
	letters []letter
	next    string
}

// meta lists mails behind cursor without their text.
func (s *Source) meta(ctx context.Context, c *client, cursor string, what look) (page, error) {
	var out page
	next, err := s.walk(ctx, c, cursor, what, func(t stretch) (goimap.UID, error) {
		got, err := s.fetchMeta(ctx, c, t.folder, t.validity, t.uids, what.dates)
		if !what.halves {
			got = slices.DeleteFunc(got, func(l letter) bool { return halfMade(l.flags) })
		}
		out.letters = append(out.letters, got...)
		return 0, err
	})
	out.next = next
	return out, err
}

var dateField = &goimap.FetchItemBodySection{Specifier: goimap.PartSpecifierHeader, HeaderFields: []string{"Date"}, Peek: true}

func (s *Source) fetchMeta(ctx context.Context, c *client, f folder, validity uint32, uids []goimap.UID, dates bool) ([]letter, error) {
	want := &goimap.FetchOptions{UID: true, Flags: true, InternalDate: true, RFC822Size: true}
	if dates {
		want.BodySection = []*goimap.FetchItemBodySection{dateField}
	}
	by := map[goimap.UID]letter{}
	err := s.asked(ctx, c, uids, func(uids []goimap.UID) ([]goimap.UID, error) {
		msgs, err := c.Fetch(goimap.UIDSetNum(uids...), want).Collect()
		for _, m := range msgs {
			l := letter{place: place{f.digest, validity, m.UID}, folder: f.name, size: m.RFC822Size, date: m.InternalDate, flags: m.Flags}
			for _, b := range m.BodySection {
				l.header = b.Bytes
			}
			if m.UID != 0 && !m.InternalDate.IsZero() {
				by[m.UID] = l
			}
		}
		return slices.DeleteFunc(slices.Clone(uids), func(u goimap.UID) bool { return by[u].place.uid != 0 }), err
	})
	if err != nil {
		return nil, err
	}
	var out []letter
	for _, u := range uids { // in order, whatever the order of the answers
		if l, ok := by[u]; ok {
			out = append(out, l)
		}
	}
	return out, nil
}

// asked calls fetch for uids and then for those of which it says that no answer
// came, until they are gone: what a server tells unasked of a mail, somebody
// having read it just now, is taken for the answer about it when it comes before
// that. A mail that has been erased meanwhile is not there then.
func (s *Source) asked(ctx context.Context, c *client, uids []goimap.UID, fetch func([]goimap.UID) (missing []goimap.UID, err error)) error {
	for range 5 {
		missing, err := fetch(uids)
		if err != nil {
			return s.fail(ctx, "FETCH", err)
		}
		if len(missing) == 0 {
			return nil
		}
		found, err := c.UIDSearch(&goimap.SearchCriteria{UID: []goimap.UIDSet{goimap.UIDSetNum(missing...)}}, nil).Wait()
		if err != nil {
			return s.fail(ctx, "SEARCH", err)
		}
		if uids = found.AllUIDs(); len(uids) == 0 {
			return nil
		}
	}
	return gallra.Errorf(gallra.Unavailable, "imap.busy", "command", "FETCH")
}

// bodies fetches the mails of one folder, which is selected, in one command, and
// hands each to f as it comes. f runs on several goroutines: decoding goes on
// while the server sends.
func (s *Source) bodies(ctx context.Context, c *client, letters []letter, section goimap.FetchItemBodySection, f func(i int, l letter)) error {
	if len(letters) == 0 {
		return nil
	}
	index := map[goimap.UID]int{}
	var uids []goimap.UID
	for i, l := range letters {
		index[l.place.uid] = i
		uids = append(uids, l.place.uid)
	}
	section.Peek = true
	work := make(chan int)
	var wg sync.WaitGroup
	for range max(2, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for i := range work {
				f(i, letters[i])
			}
		})
	}
	err := s.asked(ctx, c, uids, func(uids []goimap.UID) ([]goimap.UID, error) {
		cmd := c.Fetch(goimap.UIDSetNum(uids...), &goimap.FetchOptions{UID: true, BodySection: []*goimap.FetchItemBodySection{&section}})
		var err error
		for err == nil {
			msg := cmd.Next()
			if msg == nil {
				break
			}
			var l letter
			if l, err = s.receive(msg); err == nil && l.raw != nil {
				if i, ok := index[l.place.uid]; ok {
					delete(index, l.place.uid)
					letters[i].raw = l.raw
					work <- i
				}
			}
		}
		if e := cmd.Close(); err == nil {
			err = e
		}
		return slices.Collect(maps.Keys(index)), err
	})
	close(work)
	wg.Wait()
	return err
}

// raws are buffers of mails that nobody has any more.
var raws sync.Pool

// rawBuffer returns a buffer of n bytes, whatever is in it.
func rawBuffer(n int64) []byte {
	if b, ok := raws.Get().(*[]byte); ok && int64(cap(*b)) >= n {
		return (*b)[:n]
	}
	return make([]byte, n, max(n, 4<<10)) // room for the next one
}

// leaveRaw gives a buffer back; a large one is not kept.
func leaveRaw(b []byte) {
	if cap(b) <= 256<<10 {
		raws.Put(&b)
	}
}

// receive reads what the server tells of one mail, a text beyond the limit in part.
func (s *Source) receive(msg *imapclient.FetchMessageData) (letter, error) {
	var l letter
	for item := msg.Next(); item != nil; item = msg.Next() {
		switch item := item.(type) {
		case imapclient.FetchItemDataUID:
			l.place.uid = item.UID
		case imapclient.FetchItemDataFlags:
			l.flags = item.Flags
		case imapclient.FetchItemDataInternalDate:
			l.date = item.Time
		case imapclient.FetchItemDataRFC822Size:
			l.size = item.Size
		case imapclient.FetchItemDataBodySection:
			if item.Literal == nil {
				l.raw = []byte{}
				continue
			}
			l.raw = rawBuffer(min(item.Literal.Size(), s.max))
			_, err := io.ReadFull(item.Literal, l.raw)
			if err == nil {
				_, err = io.Copy(io.Discard, item.Literal)
			}
			if err != nil {
				return l, err
			}
		}
	}
	return l, nil
}

// chunks parts letters by folder and by what one answer may hold in memory.
func (s *Source) chunks(letters []letter) [][]letter {
	var out [][]letter
	start, bytes := 0, int64(0)
	for i, l := range letters {
		n := min(l.size, s.max)
		if i > start && (l.folder != letters[start].folder || bytes+n > pageBytes) {
			out = append(out, letters[start:i])
			start, bytes = i, 0
		}
		bytes += n
	}
	if start < len(letters) {
		out = append(out, letters[start:])
	}
	return out
}

// whole is the section of a chunk: a mail beyond the limit is read in part.
func (s *Source) whole(chunk []letter) goimap.FetchItemBodySection {
	for _, l := range chunk {
		if l.size > s.max {
			return goimap.FetchItemBodySection{Partial: &goimap.SectionPartial{Offset: 0, Size: s.max}}
		}
	}
	return goimap.FetchItemBodySection{}
}

// examine opens the folder of a chunk to read; ErrNotFound when it is gone or is
// another folder by now.
func (s *Source) examine(ctx context.Context, c *client, chunk []letter) error {
	l := chunk[0]
	if c.selected == l.folder {
		return nil
	}
	box, err := c.open(l.folder, true)
	if err != nil {
		return s.fail(ctx, "EXAMINE", err)
	}
	if box.UIDValidity != l.place.validity {
		return errNotFound()
	}
	return nil
}

// List implements connector.Source.
func (s *Source) List(ctx context.Context, q connector.Query) (connector.Page, error) {
	if err := mailrecord.CheckType(q.Type); err != nil {
		return connector.Page{}, err
	}
	share, err := connector.ParseShare(q.Partition)
	if err != nil {
		return connector.Page{}, err
	}
	limit := q.Limit
	if limit <= 0 || limit > 5000 {
		limit = pageMails
	}
	var out connector.Page
	// Without a range every mail is wanted, and its text tells its date.
	dates := q.Fields != connector.FieldsAll || !q.From.IsZero() || !q.To.IsZero()
	err = s.with(ctx, func(c *client) error {
		if q.Cursor == "" {
			total, err := s.total(ctx, c)
			if err != nil {
				return err
			}
			out.Total = total
		}
		if !dates {
			return s.listWhole(ctx, c, q, look{limit: limit, share: share}, &out)
		}
		p, err := s.meta(ctx, c, q.Cursor, look{limit: limit, share: share, search: narrow(q), dates: dates})
		if err != nil {
			return err
		}
		out.Next = p.next
		// The times decide before the texts are fetched.
		var want []letter
		for _, l := range p.letters {
			l.raw = l.header
			head := s.stored(l)
			l.raw = nil
			r, _ := mailrecord.Record(head, connector.FieldsNone, s.limits())
			if !mailrecord.Selects(q, r) {
				continue
			}
			if q.Fields == connector.FieldsAll {
				want = append(want, l)
				continue
			}
			r, _ = mailrecord.Record(head, q.Fields, s.limits())
			out.Records = append(out.Records, r)
		}
		bytes := int64(0)
		for _, chunk := range s.chunks(want) {
			if bytes > pageBytes {
				// The rest is for the next page, which begins behind the last mail of this one.
				last := out.Records[len(out.Records)-1]
				out.Next = last.Ref.ID
				break
			}
			records := make([]gallra.Record, len(chunk))
			problems := make([][]connector.Problem, len(chunk))
			if err := s.examine(ctx, c, chunk); err != nil {
				if gallra.CodeOf(err) == gallra.NotFound {
					continue
				}
				return err
			}
			err := s.bodies(ctx, c, chunk, s.whole(chunk), func(i int, l letter) {
				records[i], problems[i] = mailrecord.Record(s.stored(l), connector.FieldsAll, s.limits())
			})
			if err != nil {
				return err
			}
			for i := range chunk {
				bytes += 3 * int64(len(chunk[i].raw))
				chunk[i].raw = nil
				if !records[i].Ref.IsZero() { // else erased meanwhile
					out.Records = append(out.Records, records[i])
					out.Skipped = append(out.Skipped, problems[i]...)
				}
			}
		}
		return nil
	})
	if err != nil {
		return connector.Page{}, err
	}
	return out, nil
}

// listWhole lists a page of whole mails. All that is told of a mail is asked for
// in one command, and the next command is under way while the answers to one are
// taken apart.
func (s *Source) listWhole(ctx context.Context, c *client, q connector.Query, what look, out *connector.Page) error {
	bytes := int64(0)
	next, err := s.walk(ctx, c, q.Cursor, what, func(t stretch) (goimap.UID, error) {
		if len(q.Parents) > 0 {
			t.uids = slices.DeleteFunc(t.uids, func(u goimap.UID) bool { return !slices.Contains(q.Parents, s.ref(t.place(u))) })
		}
		records := make([]gallra.Record, len(t.uids))
		problems := make([][]connector.Problem, len(t.uids))
		last, err := s.stream(ctx, c, t, &bytes, func(i int, l letter) {
			records[i], problems[i] = mailrecord.Record(s.stored(l), connector.FieldsAll, s.limits())
		})
		for i := range records {
			if last != 0 && t.uids[i] > last {
				break
			}
			if !records[i].Ref.IsZero() { // else erased meanwhile
				out.Records = append(out.Records, records[i])
				out.Skipped = append(out.Skipped, problems[i]...)
			}
		}
		return last, err
	})
	out.Next = next
	return err
}

const (
	ahead     = 1 << 20 // text that one command asks for, as far as can be told beforehand
	mostAsked = 256     // mails that one command asks for
)

// stream fetches the mails of t whole and hands each to f, on several goroutines,
// with its place in t.uids; what f keeps of the text it must copy. bytes counts the text of the page; when there is
// enough of it, stream returns the last mail of the page, else 0.
func (s *Source) stream(ctx context.Context, c *client, t stretch, bytes *int64, f func(i int, l letter)) (goimap.UID, error) {
	if len(t.uids) == 0 {
		return 0, nil
	}
	type piece struct {
		i int
		l letter
	}
	work := make(chan []piece, 8) // some at a time: a mail is taken apart about as fast as it is handed over
	var wg sync.WaitGroup
	for range max(2, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for some := range work {
				for _, p := range some {
					f(p.i, p.l)
					leaveRaw(p.l.raw)
				}
			}
		})
	}
	defer wg.Wait()
	defer close(work)
	index := make(map[goimap.UID]int, len(t.uids))
	for i, u := range t.uids {
		index[u] = i
	}
	want := &goimap.FetchOptions{UID: true, Flags: true, InternalDate: true, RFC822Size: true, BodySection: []*goimap.FetchItemBodySection{{Peek: true}}}
	asked, coming := 0, int64(0)
	last := len(t.uids) // how many are on this page
	var some []piece
	over := false     // nothing is taken any more
	var mu sync.Mutex // of bytes, last, index, some and over
	pass := func() {
		if len(some) > 0 {
			work <- some
			some = make([]piece, 0, 16)
		}
	}
	got := func(l letter) {
		mu.Lock()
		defer mu.Unlock()
		i, ok := index[l.place.uid]
		if !ok || l.raw == nil || over {
			return
		}
		delete(index, l.place.uid)
		n := int64(len(l.raw))
		s.typical.Store((7*s.typical.Load() + n) / 8)
		if i > 0 && *bytes > 4*pageBytes {
			last = min(last, i) // much larger than those before: they do not fit, and come once more with the next page
			return
		}
		*bytes += n
		if halfMade(l.flags) {
			return
		}
		l.place, l.folder = t.place(l.place.uid), t.folder.name
		if some = append(some, piece{i, l}); len(some) >= 16 || n > ahead/16 {
			pass()
		}
	}
	read := func(cmd *imapclient.FetchCommand) (err error) {
		for err == nil {
			msg := cmd.Next()
			if msg == nil {
				break
			}
			var l letter
			if l, err = s.receive(msg); err == nil {
				got(l)
			}
		}
		if e := cmd.Close(); err == nil {
			err = e
		}
		mu.Lock()
		defer mu.Unlock()
		pass()
		return err
	}
	if c.lane != nil { // most come this way, and none is left for read
		c.lane.divert(got)
		defer func() {
			c.lane.divert(nil)
			mu.Lock() // a server may send what nobody asked for
			over = true
			mu.Unlock()
		}()
	}
	// A server may begin to answer one command before it has ended with another:
	// each has its reader.
	type command struct {
		done   chan error
		brings int64 // about so much
	}
	var sent []command
	var failed error
	for {
		mu.Lock()
		for failed == nil && len(sent) < 2 && asked < len(t.uids) && (asked == 0 || 3*(*bytes+coming) <= pageBytes) {
			size := max(s.typical.Load(), 256)
			n := min(len(t.uids)-asked, mostAsked, max(1, int(ahead/size)))
			cmd := command{make(chan error, 1), int64(n) * size}
			fetch := t.uids[asked : asked+n]
			mu.Unlock()
			f := c.Fetch(goimap.UIDSetNum(fetch...), want)
			go func() { cmd.done <- read(f) }()
			mu.Lock()
			sent = append(sent, cmd)
			asked, coming = asked+n, coming+cmd.brings
		}
		mu.Unlock()
		if len(sent) == 0 {
			break
		}
		if err := <-sent[0].done; failed == nil {
			failed = err
		}
		coming -= sent[0].brings
		sent = sent[1:]
	}
	if failed != nil {
		return 0, s.fail(ctx, "FETCH", failed)
	}
	missing := func() (out []goimap.UID) {
		mu.Lock()
		defer mu.Unlock()
		for _, u := range t.uids[:min(last, asked)] {
			if _, ok := index[u]; ok {
				out = append(out, u)
			}
		}
		return out
	}
	first := true
	if err := s.asked(ctx, c, nil, func(uids []goimap.UID) ([]goimap.UID, error) {
		if first {
			first = false
			return missing(), nil
		}
		err := read(c.Fetch(goimap.UIDSetNum(uids...), want))
		return missing(), err
	}); err != nil {
		return 0, err
	}
	if last = min(last, asked); last == len(t.uids) && 3**bytes <= pageBytes {
		return 0, nil
	}
	return t.uids[last-1], nil // the first is never left out
}

// narrow lets the server leave out mails by INTERNALDATE, which is a day and no
// time, in the server's zone: two days more on both sides.
func narrow(q connector.Query) *goimap.SearchCriteria {
	if q.Clock != gallra.StartUpdated {
		return nil
	}
	c := &goimap.SearchCriteria{}
	if !q.From.IsZero() {
		c.Since = q.From.AddDate(0, 0, -2)
	}
	if !q.To.IsZero() {
		c.Before = q.To.AddDate(0, 0, 2)
	}
	return c
}

func (s *Source) total(ctx context.Context, c *client) (int64, error) {
	folders, err := s.folders(ctx, c)
	if err != nil {
		return 0, err
	}
	var cmds []*imapclient.StatusCommand
	for _, f := range folders {
		cmds = append(cmds, c.Status(f.name, &goimap.StatusOptions{NumMessages: true}))
	}
	n := int64(0)
	for _, cmd := range cmds {
		st, err := cmd.Wait()
		if err != nil {
			return 0, s.fail(ctx, "STATUS", err)
		}
		if st.NumMessages != nil {
			n += int64(*st.NumMessages)
		}
	}
	return n, nil
}

// locate opens the folder of a mail; ErrNotFound when it is gone or is another
// folder by now.
func (s *Source) locate(ctx context.Context, c *client, digest string, validity uint32, readOnly bool) (folder, *goimap.SelectData, error) {
	folders, err := s.folders(ctx, c)
	if err != nil {
		return folder{}, nil, err
	}
	for _, f := range folders {
		if f.digest != digest {
			continue
		}
		box, err := c.open(f.name, readOnly)
		if err != nil {
			return f, nil, s.fail(ctx, "SELECT", err)
		}
		if box.UIDValidity != validity {
			return f, nil, errNotFound()
		}
		return f, box, nil
	}
	return folder{}, nil, errNotFound()
}

// Get implements connector.Source.
func (s *Source) Get(ctx context.Context, ref gallra.Ref) (gallra.Record, error) {
	if err := ctx.Err(); err != nil {
		return gallra.Record{}, err
	}
	p, ok := s.placeOf(ref)
	if !ok {
		return gallra.Record{}, errNotFound()
	}
	var out gallra.Record
	err := s.with(ctx, func(c *client) error {
		f, _, err := s.locate(ctx, c, p.digest, p.validity, true)
		if err != nil {
			return err
		}
		letters, err := s.fetchMeta(ctx, c, f, p.validity, []goimap.UID{p.uid}, false)
		if err != nil {
			return err
		}
		if len(letters) > 0 && halfMade(letters[0].flags) {
			return errNotFound()
		}
		if err := s.bodies(ctx, c, letters, s.whole(letters), func(_ int, l letter) {
			out, _ = mailrecord.Record(s.stored(l), connector.FieldsAll, s.limits())
		}); err != nil {
			return err
		}
		if out.Ref.IsZero() {
			return errNotFound()
		}
		return nil
	})
	return out, err
}

// Partitions implements connector.Partitioner: shares of the UIDs of every folder.
func (s *Source) Partitions(ctx context.Context, q connector.Query, n int) ([]connector.Query, error) {
	if err := mailrecord.CheckType(q.Type); err != nil {
		return nil, err
	}
	n = max(1, min(n, 64))
	out := make([]connector.Query, n)
	for i := range out {
		out[i] = q
		out[i].Cursor, out[i].Partition = "", strconv.Itoa(i)+"/"+strconv.Itoa(n)
	}
	return out, ctx.Err()
}
