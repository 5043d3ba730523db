package imap

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/mailrecord"
)

// Erase implements connector.Eraser.
func (s *Source) Erase(ctx context.Context, ref gallra.Ref, ifVersion string) (gallra.Receipt, error) {
	return connector.One(s.EraseMany(ctx, []connector.Item{{Ref: ref, IfVersion: ifVersion}}))
}

// Edit implements connector.Editor.
func (s *Source) Edit(ctx context.Context, ref gallra.Ref, ifVersion string, set []gallra.Field) (gallra.Receipt, error) {
	return connector.One(s.EditMany(ctx, []connector.Edit{{Item: connector.Item{Ref: ref, IfVersion: ifVersion}, Set: set}}))
}

// EraseMany implements connector.Batcher: one STORE and one EXPUNGE a folder.
func (s *Source) EraseMany(ctx context.Context, items []connector.Item) ([]connector.Result, error) {
	return s.change(ctx, gallra.ActionErase, items, nil)
}

// EditMany implements connector.Batcher.
func (s *Source) EditMany(ctx context.Context, edits []connector.Edit) ([]connector.Result, error) {
	items := make([]connector.Item, len(edits))
	for i, e := range edits {
		items[i] = e.Item
	}
	return s.change(ctx, gallra.ActionAnonymise, items, edits)
}

// change carries out a batch folder by folder. edits is nil to erase.
func (s *Source) change(ctx context.Context, action gallra.Action, items []connector.Item, edits []connector.Edit) ([]connector.Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	out := make([]connector.Result, len(items))
	type key struct {
		digest   string
		validity uint32
	}
	groups := map[key][]int{}
	var order []key
	for i, it := range items {
		p, ok := s.placeOf(it.Ref)
		if !ok {
			out[i].Err = errNotFound()
			continue
		}
		k := key{p.digest, p.validity}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], i)
	}
	if len(order) == 0 {
		return out, nil
	}
	err := s.with(ctx, func(c *client) error {
		if !hasUIDPlus(c) {
			return errNoUIDPlus()
		}
		for _, k := range order {
			f, box, err := s.locate(ctx, c, k.digest, k.validity, false)
			if gallra.CodeOf(err) == gallra.NotFound {
				for _, i := range groups[k] {
					out[i].Err = err
				}
				continue
			}
			if err != nil {
				return err
			}
			if p := box.PermanentFlags; len(p) > 0 && !slices.Contains(p, goimap.FlagDeleted) && !slices.Contains(p, goimap.FlagWildcard) {
				return gallra.Errorf(gallra.Forbidden, "imap.no_permission", "command", "EXPUNGE")
			}
			if err := s.changeFolder(ctx, c, f, box, action, items, groups[k], edits, out); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (s *Source) changeFolder(ctx context.Context, c *client, f folder, box *goimap.SelectData, action gallra.Action, items []connector.Item, group []int, edits []connector.Edit, out []connector.Result) error {
	validity := box.UIDValidity
	keywords := slices.Contains(box.PermanentFlags, goimap.FlagWildcard)
	var uids []goimap.UID
	for _, i := range group {
		p, _ := s.placeOf(items[i].Ref)
		uids = append(uids, p.uid)
	}
	letters, err := s.fetchMeta(ctx, c, f, validity, uids, false)
	if err != nil {
		return err
	}
	by := map[goimap.UID]letter{}
	for _, l := range letters {
		by[l.place.uid] = l
	}
	var forms []form
	var gone, unmarked []goimap.UID // those that go, and those of them that were not marked before us
	var extra []goimap.UID          // what earlier edits of these mails have left
	residues := s.residues()
	goes := func(i int, l letter, ref gallra.Ref) {
		gone = append(gone, l.place.uid)
		if !slices.Contains(l.flags, goimap.FlagDeleted) {
			unmarked = append(unmarked, l.place.uid)
		}
		out[i].Receipt = gallra.Receipt{Ref: ref, Action: action, Grade: gallra.GradeLive, Final: true, Residues: residues}
	}
	for n, i := range group {
		l, ok := by[uids[n]]
		if !ok {
			out[i].Err = errNotFound()
			continue
		}
		if v := items[i].IfVersion; v != "" && v != l.version() {
			out[i].Err = gallra.Errorf(gallra.Conflict, "connector.record_changed")
			continue
		}
		if edits == nil {
			delete(by, uids[n]) // named twice: the second time it is gone
			goes(i, l, items[i].Ref)
			if keywords && slices.ContainsFunc(box.Flags, func(f goimap.Flag) bool { return strings.EqualFold(string(f), string(tagOf(l.place))) }) {
				halves, err := s.tagged(ctx, c, l.place)
				if err != nil {
					return err
				}
				extra = append(extra, halves...)
			}
			continue
		}
		moved, others, err := s.append(ctx, c, f, validity, l, edits[i].Set, keywords)
		if err != nil {
			if gallra.CodeOf(err) == gallra.Unavailable || ctx.Err() != nil {
				return err
			}
			out[i].Err = err
			continue
		}
		extra = append(extra, others...)
		if moved == l.place {
			out[i].Receipt = gallra.Receipt{Ref: items[i].Ref, Action: action, Grade: gallra.GradeLive, At: time.Now(), Final: true, Residues: residues}
			continue // the bytes were these already
		}
		delete(by, uids[n])
		forms = append(forms, form{i, l, moved})
	}
	live, err := s.publish(ctx, c, forms)
	if err != nil {
		return err
	}
	for _, m := range forms {
		if live[m.to.uid] {
			goes(m.item, m.old, s.ref(m.to))
			continue
		}
		// Somebody has emptied the folder of what was marked: the old mail stays.
		out[m.item].Err = gallra.Errorf(gallra.Internal, "imap.refused", "command", "APPEND")
	}
	if err := s.expunge(ctx, c, gone, unmarked); err != nil {
		return err
	}
	if keywords {
		if err := s.sweep(ctx, c, f, validity, extra, forms); err != nil {
			return err
		}
		ended := slices.DeleteFunc(forms, func(m form) bool { return edits[m.item].Mark })
		if err := s.untag(ctx, c, ended); err != nil {
			return err
		}
	}
	now := time.Now()
	for _, i := range group {
		if out[i].Err == nil && out[i].Receipt.At.IsZero() {
			out[i].Receipt.At = now
		}
	}
	return nil
}

// form is a mail that is edited and the place of its new form.
type form struct {
	item int
	old  letter
	to   place
}

// expunge takes mails away for good and asks the server whether they are.
func (s *Source) expunge(ctx context.Context, c *client, uids, unmarked []goimap.UID) error {
	if len(uids) == 0 {
		return nil
	}
	set := goimap.UIDSetNum(uids...)
	mark := &goimap.StoreFlags{Op: goimap.StoreFlagsAdd, Silent: true, Flags: []goimap.Flag{goimap.FlagDeleted}}
	err := c.Store(set, mark, nil).Close()
	if err == nil {
		err = c.UIDExpunge(set).Close()
	}
	if err == nil {
		found, serr := c.UIDSearch(&goimap.SearchCriteria{UID: []goimap.UIDSet{set}}, nil).Wait()
		if err = serr; err == nil && len(found.AllUIDs()) > 0 {
			err = gallra.Errorf(gallra.Internal, "imap.refused", "command", "EXPUNGE")
		}
	}
	if err != nil {
		if len(unmarked) > 0 {
			// Refused: the mails are as they were. A lost connection makes this fail
			// too; then the same call done again finishes the work.
			mark.Op = goimap.StoreFlagsDel
			_ = c.Store(goimap.UIDSetNum(unmarked...), mark, nil).Close()
		}
		return s.fail(ctx, "EXPUNGE", err)
	}
	return nil
}

// An edit goes so, and each step may be the last that is heard of:
//
//  1. The new form is appended, marked \Deleted from its birth and tagged with
//     a keyword that says whose new form it is.
//  2. It loses \Deleted, and is looked at: it is there, and live.
//  3. The old mail is expunged.
//  4. The new form loses its tag, at once or when the caller has noted its place.
//
// So what is tagged and \Deleted is half-made: nobody's mail, hidden from the
// lists here, and it may go at any time. A server may store it long after the
// connection was lost, whole or cut short, when the edit has been done again
// and even when its mail has been erased since: sweep takes it away then. What
// is tagged and not \Deleted is a mail like any other.

// tagPrefix begins the keyword. Two mails alike are still two mails when both
// are edited, and an edit that was interrupted finds its own work again.
const tagPrefix = "$gallra"

func tagOf(old place) goimap.Flag { return goimap.Flag(tagPrefix + mailrecord.Digest(old.String())) }

func isTag(f goimap.Flag) bool { return strings.HasPrefix(strings.ToLower(string(f)), tagPrefix) }

// halfMade reports whether flags are those of an edit that has not come to its
// second step.
func halfMade(flags []goimap.Flag) bool {
	return slices.Contains(flags, goimap.FlagDeleted) && slices.ContainsFunc(flags, isTag)
}

// expungesAtOnce reports whether the server takes away what is marked \Deleted
// without being asked, as Gmail does unless it is told otherwise. A new form is
// live from its birth there.
func expungesAtOnce(c *client) bool { return c.Caps().Has("X-GM-EXT-1") }

// append puts the edited mail beside the old one and returns where it is, and
// what else earlier edits of the mail have left. A mail that an interrupted edit
// has left there is taken instead, if its bytes are these.
func (s *Source) append(ctx context.Context, c *client, f folder, validity uint32, l letter, set []gallra.Field, keywords bool) (place, []goimap.UID, error) {
	one := []letter{l}
	if err := s.bodies(ctx, c, one, s.whole(one), func(int, letter) {}); err != nil {
		return place{}, nil, err
	}
	l = one[0]
	if l.raw == nil {
		return place{}, nil, errNotFound()
	}
	raw, err := mailrecord.Edited(s.stored(l), set)
	if err != nil {
		return place{}, nil, err
	}
	raw = toCRLF(raw)
	p, others, err := s.already(ctx, c, f, validity, l, raw, keywords)
	if err != nil {
		return place{}, nil, err
	}
	if bytes.Equal(raw, l.raw) {
		if keywords && p != (place{}) {
			others = append(others, p.uid)
		}
		return l.place, others, nil
	}
	if p != (place{}) {
		return p, others, nil
	}
	flags := slices.DeleteFunc(slices.Clone(l.flags), func(f goimap.Flag) bool {
		return f == "\\Recent" || f == goimap.FlagDeleted || isTag(f)
	})
	if keywords {
		flags = append(flags, tagOf(l.place))
	}
	if !expungesAtOnce(c) {
		flags = append(flags, goimap.FlagDeleted)
	}
	cmd := c.Append(f.name, int64(len(raw)), &goimap.AppendOptions{Flags: flags, Time: l.date})
	_, werr := cmd.Write(raw)
	cerr := cmd.Close()
	data, err := cmd.Wait()
	for _, e := range []error{err, werr, cerr} {
		if e != nil {
			return place{}, nil, s.fail(ctx, "APPEND", e)
		}
	}
	if data.UID != 0 && data.UIDValidity == validity {
		return place{f.digest, validity, data.UID}, others, nil
	}
	p, others, err = s.already(ctx, c, f, validity, l, raw, keywords)
	if err == nil && p == (place{}) {
		err = gallra.Errorf(gallra.Internal, "imap.refused", "command", "APPEND")
	}
	return p, others, err
}

// already looks for new forms of l: by their tag, or on a server without
// keywords by bytes and date. It returns the one that holds raw, if there is
// one, and those that carry the tag and do not.
func (s *Source) already(ctx context.Context, c *client, f folder, validity uint32, l letter, raw []byte, keywords bool) (place, []goimap.UID, error) {
	n := int64(len(raw))
	var uids []goimap.UID
	var err error
	if keywords {
		uids, err = s.tagged(ctx, c, l.place)
	} else {
		var found *goimap.SearchData
		found, err = c.UIDSearch(&goimap.SearchCriteria{UID: []goimap.UIDSet{{goimap.UIDRange{Start: l.place.uid + 1, Stop: 0}}}, Larger: n - 1, Smaller: n + 1}, nil).Wait()
		if err = s.fail(ctx, "SEARCH", err); err == nil {
			uids = slices.DeleteFunc(found.AllUIDs(), func(u goimap.UID) bool { return u <= l.place.uid })
		}
	}
	if err != nil || len(uids) == 0 {
		return place{}, nil, err
	}
	there, err := s.fetchMeta(ctx, c, f, validity, uids, false)
	if err != nil {
		return place{}, nil, err
	}
	same := slices.DeleteFunc(slices.Clone(there), func(m letter) bool { return !m.date.Equal(l.date) || m.size != n })
	if err := s.bodies(ctx, c, same, goimap.FetchItemBodySection{}, func(int, letter) {}); err != nil {
		return place{}, nil, err
	}
	var p place
	for _, m := range same {
		if bytes.Equal(m.raw, raw) {
			p = m.place
			break
		}
	}
	var others []goimap.UID
	for _, m := range there {
		if keywords && m.place != p {
			others = append(others, m.place.uid)
		}
	}
	return p, others, nil
}

// tagged returns the mails of the open folder that carry the tag of a place.
func (s *Source) tagged(ctx context.Context, c *client, old place) ([]goimap.UID, error) {
	found, err := c.UIDSearch(&goimap.SearchCriteria{Flag: []goimap.Flag{tagOf(old)}}, nil).Wait()
	if err != nil {
		return nil, s.fail(ctx, "SEARCH", err)
	}
	return slices.DeleteFunc(found.AllUIDs(), func(u goimap.UID) bool { return u == old.uid }), nil
}

// publish takes \Deleted off new forms and returns those that are there and live.
func (s *Source) publish(ctx context.Context, c *client, forms []form) (map[goimap.UID]bool, error) {
	if len(forms) == 0 {
		return nil, nil
	}
	set := goimap.UIDSet{}
	for _, m := range forms {
		set.AddNum(m.to.uid)
	}
	if err := c.Store(set, &goimap.StoreFlags{Op: goimap.StoreFlagsDel, Silent: true, Flags: []goimap.Flag{goimap.FlagDeleted}}, nil).Close(); err != nil {
		return nil, s.fail(ctx, "STORE", err)
	}
	found, err := c.UIDSearch(&goimap.SearchCriteria{UID: []goimap.UIDSet{set}, NotFlag: []goimap.Flag{goimap.FlagDeleted}}, nil).Wait()
	if err != nil {
		return nil, s.fail(ctx, "SEARCH", err)
	}
	live := map[goimap.UID]bool{}
	for _, u := range found.AllUIDs() {
		live[u] = true
	}
	return live, nil
}

// halves returns the half-made mails of the open folder and their tags.
func (s *Source) halves(ctx context.Context, c *client) (map[goimap.UID][]goimap.Flag, error) {
	marked, err := c.UIDSearch(&goimap.SearchCriteria{Flag: []goimap.Flag{goimap.FlagDeleted}}, nil).Wait()
	if err != nil {
		return nil, s.fail(ctx, "SEARCH", err)
	}
	if len(marked.AllUIDs()) == 0 {
		return nil, nil
	}
	msgs, err := c.Fetch(goimap.UIDSetNum(marked.AllUIDs()...), &goimap.FetchOptions{UID: true, Flags: true}).Collect()
	if err != nil {
		return nil, s.fail(ctx, "FETCH", err)
	}
	out := map[goimap.UID][]goimap.Flag{}
	for _, m := range msgs {
		if m.UID != 0 && halfMade(m.Flags) {
			out[m.UID] = slices.DeleteFunc(m.Flags, func(f goimap.Flag) bool { return !isTag(f) })
		}
	}
	return out, nil
}

// sweep takes away extra, and every half-made mail of the folder whose old one
// is gone: its edit has come to its end, or the old mail was erased instead. One
// whose old mail is there is left to the edit that is to be done again.
func (s *Source) sweep(ctx context.Context, c *client, f folder, validity uint32, extra []goimap.UID, forms []form) error {
	halves, err := s.halves(ctx, c)
	if err != nil {
		return err
	}
	if len(halves) > 0 {
		all, err := c.UIDSearch(&goimap.SearchCriteria{}, nil).Wait()
		if err != nil {
			return s.fail(ctx, "SEARCH", err)
		}
		there := map[string]bool{}
		for _, u := range all.AllUIDs() {
			there[strings.ToLower(string(tagOf(place{f.digest, validity, u})))] = true
		}
		for u, tags := range halves {
			if !slices.ContainsFunc(tags, func(t goimap.Flag) bool { return there[strings.ToLower(string(t))] }) {
				extra = append(extra, u)
			}
		}
	}
	if expungesAtOnce(c) { // nothing is half-made there: its twins tell by their tag
		for _, m := range forms {
			twins, err := s.tagged(ctx, c, m.old.place)
			if err != nil {
				return err
			}
			extra = append(extra, slices.DeleteFunc(twins, func(u goimap.UID) bool { return u == m.to.uid })...)
		}
	}
	slices.Sort(extra)
	return s.expunge(ctx, c, slices.Compact(extra), nil)
}

// untag takes the tags off the new forms, the old mails being gone.
func (s *Source) untag(ctx context.Context, c *client, forms []form) error {
	if len(forms) == 0 {
		return nil
	}
	set := goimap.UIDSet{}
	var tags []goimap.Flag
	for _, m := range forms {
		set.AddNum(m.to.uid)
		tags = append(tags, tagOf(m.old.place))
	}
	err := c.Store(set, &goimap.StoreFlags{Op: goimap.StoreFlagsDel, Silent: true, Flags: tags}, nil).Close()
	return s.fail(ctx, "STORE", err)
}

// toCRLF ends every line as IMAP demands.
func toCRLF(b []byte) []byte {
	if bytes.Count(b, []byte("\n")) == bytes.Count(b, []byte("\r\n")) {
		return b
	}
	return bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
}

// residues says what a server keeps of an expunged mail (SYSTEMS 3.3).
func (s *Source) residues() []gallra.Residue {
	s.mu.Lock()
	defer s.mu.Unlock()
	where := "server index"
	if s.dovecot {
		where = "dovecot.index.cache"
	}
	return []gallra.Residue{{Where: where, Why: "imap.cache"}}
}
