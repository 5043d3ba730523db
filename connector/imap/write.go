package imap

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

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
	return s.change(ctx, gallra.ActionAnonymise, items, func(i int) []gallra.Field { return edits[i].Set })
}

// change carries out a batch folder by folder. set is nil to erase.
func (s *Source) change(ctx context.Context, action gallra.Action, items []connector.Item, set func(i int) []gallra.Field) ([]connector.Result, error) {
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
			keywords := slices.Contains(box.PermanentFlags, goimap.FlagWildcard)
			if err := s.changeFolder(ctx, c, f, k.validity, action, items, groups[k], set, keywords, out); err != nil {
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

func (s *Source) changeFolder(ctx context.Context, c *client, f folder, validity uint32, action gallra.Action, items []connector.Item, group []int, set func(int) []gallra.Field, keywords bool, out []connector.Result) error {
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
	var gone []goimap.UID
	var unmarked []goimap.UID // those that were not marked before us
	var tags []goimap.Flag    // of the new mails
	var news []goimap.UID     // the new mails, in the order of tags
	residues := s.residues()
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
		ref := items[i].Ref
		if set != nil {
			moved, err := s.append(ctx, c, f, validity, l, set(i), keywords)
			if err != nil {
				if gallra.CodeOf(err) == gallra.Unavailable || ctx.Err() != nil {
					return err
				}
				out[i].Err = err
				continue
			}
			if moved == l.place {
				out[i].Receipt = gallra.Receipt{Ref: ref, Action: action, Grade: gallra.GradeLive, At: time.Now(), Final: true, Residues: residues}
				continue // the bytes were these already
			}
			ref = s.ref(moved)
			tags, news = append(tags, tagOf(l.place)), append(news, moved.uid)
		}
		delete(by, uids[n]) // named twice: the second time it is gone
		gone = append(gone, uids[n])
		if !slices.Contains(l.flags, goimap.FlagDeleted) {
			unmarked = append(unmarked, uids[n])
		}
		out[i].Receipt = gallra.Receipt{Ref: ref, Action: action, Grade: gallra.GradeLive, Final: true, Residues: residues}
	}
	if err := s.expunge(ctx, c, gone, unmarked); err != nil {
		return err
	}
	if keywords {
		if err := s.untag(ctx, c, tags, news); err != nil {
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

// tagPrefix begins the keyword that an edited mail carries until the old one is
// gone. It says whose new form it is: two mails alike are still two mails when
// both are edited, and an edit that was interrupted finds its own work again.
const tagPrefix = "$gallra"

func tagOf(old place) goimap.Flag { return goimap.Flag(tagPrefix + mailrecord.Digest(old.String())) }

func isTag(f goimap.Flag) bool { return strings.HasPrefix(strings.ToLower(string(f)), tagPrefix) }

// append puts the edited mail beside the old one and returns where it is. A mail
// that an earlier, interrupted edit has left there is taken instead.
func (s *Source) append(ctx context.Context, c *client, f folder, validity uint32, l letter, set []gallra.Field, keywords bool) (place, error) {
	one := []letter{l}
	if err := s.bodies(ctx, c, one, s.whole(one), func(int, letter) {}); err != nil {
		return place{}, err
	}
	l = one[0]
	if l.raw == nil {
		return place{}, errNotFound()
	}
	raw, err := mailrecord.Edited(s.stored(l), set)
	if err != nil {
		return place{}, err
	}
	raw = toCRLF(raw)
	if bytes.Equal(raw, l.raw) {
		return l.place, nil
	}
	if p, ok, err := s.already(ctx, c, f, validity, l, raw, keywords); err != nil || ok {
		return p, err
	}
	flags := slices.DeleteFunc(slices.Clone(l.flags), func(f goimap.Flag) bool {
		return f == "\\Recent" || f == goimap.FlagDeleted || isTag(f)
	})
	if keywords {
		flags = append(flags, tagOf(l.place))
	}
	cmd := c.Append(f.name, int64(len(raw)), &goimap.AppendOptions{Flags: flags, Time: l.date})
	_, werr := cmd.Write(raw)
	cerr := cmd.Close()
	data, err := cmd.Wait()
	for _, e := range []error{err, werr, cerr} {
		if e != nil {
			return place{}, s.fail(ctx, "APPEND", e)
		}
	}
	if data.UID != 0 && data.UIDValidity == validity {
		return place{f.digest, validity, data.UID}, nil
	}
	p, ok, err := s.already(ctx, c, f, validity, l, raw, keywords)
	if err == nil && !ok {
		err = gallra.Errorf(gallra.Internal, "imap.refused", "command", "APPEND")
	}
	return p, err
}

// already looks behind l for its new form: by its tag, or on a server without
// keywords by bytes and date.
func (s *Source) already(ctx context.Context, c *client, f folder, validity uint32, l letter, raw []byte, keywords bool) (place, bool, error) {
	n := int64(len(raw))
	search := &goimap.SearchCriteria{UID: []goimap.UIDSet{{goimap.UIDRange{Start: l.place.uid + 1, Stop: 0}}}, Larger: n - 1, Smaller: n + 1}
	if keywords {
		search.Flag = []goimap.Flag{tagOf(l.place)}
	}
	found, err := c.UIDSearch(search, nil).Wait()
	if err != nil {
		return place{}, false, s.fail(ctx, "SEARCH", err)
	}
	uids := slices.DeleteFunc(found.AllUIDs(), func(u goimap.UID) bool { return u <= l.place.uid })
	if len(uids) == 0 {
		return place{}, false, nil
	}
	same, err := s.fetchMeta(ctx, c, f, validity, uids, false)
	if err != nil {
		return place{}, false, err
	}
	same = slices.DeleteFunc(same, func(m letter) bool { return !m.date.Equal(l.date) || m.size != n })
	if err := s.bodies(ctx, c, same, goimap.FetchItemBodySection{}, func(int, letter) {}); err != nil {
		return place{}, false, err
	}
	for _, m := range same {
		if bytes.Equal(m.raw, raw) {
			return m.place, true, nil
		}
	}
	return place{}, false, nil
}

// untag takes the tags off the new mails, the old ones being gone. Where an
// interrupted edit came to its end on the server after all, there are two, and
// the other may be one that was cut short: the one that was made or compared
// now stays.
func (s *Source) untag(ctx context.Context, c *client, tags []goimap.Flag, news []goimap.UID) error {
	var extra []goimap.UID
	var cmds []*imapclient.SearchCommand
	for _, tag := range tags {
		cmds = append(cmds, c.UIDSearch(&goimap.SearchCriteria{Flag: []goimap.Flag{tag}}, nil))
	}
	for i, cmd := range cmds {
		found, err := cmd.Wait()
		if err != nil {
			return s.fail(ctx, "SEARCH", err)
		}
		for _, u := range found.AllUIDs() {
			if u != news[i] {
				extra = append(extra, u)
			}
		}
	}
	if err := s.expunge(ctx, c, extra, extra); err != nil {
		return err
	}
	if len(news) == 0 {
		return nil
	}
	err := c.Store(goimap.UIDSetNum(news...), &goimap.StoreFlags{Op: goimap.StoreFlagsDel, Silent: true, Flags: tags}, nil).Close()
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
