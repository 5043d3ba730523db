package metaexport

import (
	"archive/zip"
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/jsonedit"
	"github.com/gallra/gallra/connector/safefile"
	"github.com/gallra/gallra/connector/zipfile"
	"github.com/gallra/gallra/pii/ident"
)

// Erase removes a conversation with its folder, a message with what it has
// attached, or a file.
func (s *Source) Erase(ctx context.Context, ref gallra.Ref, ifVersion string) (gallra.Receipt, error) {
	return connector.One(s.EraseMany(ctx, []connector.Item{{Ref: ref, IfVersion: ifVersion}}))
}

// Edit changes a message's text or sender, or the name a conversation bears:
// everywhere in the conversation, its folder included.
func (s *Source) Edit(ctx context.Context, ref gallra.Ref, ifVersion string, set []gallra.Field) (gallra.Receipt, error) {
	return connector.One(s.EditMany(ctx, []connector.Edit{{Item: connector.Item{Ref: ref, IfVersion: ifVersion}, Set: set}}))
}

// EraseMany erases in one rewrite of the file.
func (s *Source) EraseMany(ctx context.Context, items []connector.Item) ([]connector.Result, error) {
	edits := make([]connector.Edit, len(items))
	for i, it := range items {
		edits[i].Item = it
	}
	return s.rewrite(ctx, edits, gallra.ActionErase)
}

// EditMany edits in one rewrite of the file.
func (s *Source) EditMany(ctx context.Context, edits []connector.Edit) ([]connector.Result, error) {
	return s.rewrite(ctx, edits, gallra.ActionRedact)
}

// change is what becomes of one conversation.
type change struct {
	c       *conversation
	drop    bool
	remove  map[string]bool     // messages, by id
	files   map[*zip.File]bool  // that go
	splices [][]jsonedit.Splice // by page
	rename  map[string]string   // names that the whole conversation is rid of
	dir     string              // its new folder; "" for the old
}

func (s *Source) rewrite(ctx context.Context, edits []connector.Edit, action gallra.Action) ([]connector.Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(edits) == 0 {
		return nil, nil
	}
	var out []connector.Result
	err := safefile.Rewrite(ctx, s.path, func(old *os.File, w *bufio.Writer) (bool, error) {
		a, err := readArchive(old)
		if err != nil {
			return false, err
		}
		out = make([]connector.Result, len(edits))
		changes := map[*thread]*change{}
		for i, e := range edits {
			out[i] = s.plan(a, changes, e, action)
		}
		if !slices.ContainsFunc(out, func(r connector.Result) bool { return r.Err == nil }) {
			return false, nil
		}
		return true, write(ctx, a, changes, w)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// plan notes what an item asks for in the change of its conversation.
func (s *Source) plan(a *archive, changes map[*thread]*change, e connector.Edit, action gallra.Action) connector.Result {
	fail := func(err error) connector.Result { return connector.Result{Err: err} }
	if _, ok := typeOf(e.Ref.Type); !ok || e.Ref.System != "" && e.Ref.System != s.config.System {
		return fail(gone(e.Ref))
	}
	t, ok := a.thread(threadOf(e.Ref.ID))
	if !ok || len(t.pages) == 0 {
		return fail(gone(e.Ref))
	}
	ch := changes[t]
	if ch == nil {
		c, err := t.load()
		if err != nil {
			return fail(err)
		}
		ch = &change{c: &c, remove: map[string]bool{}, files: map[*zip.File]bool{}, splices: make([][]jsonedit.Splice, len(c.pages)), rename: map[string]string{}}
		changes[t] = ch
	}
	entries := s.entries(*ch.c, e.Ref.Type, connector.FieldsNone)
	i := slices.IndexFunc(entries, func(x entry) bool { return x.times.Ref.ID == e.Ref.ID })
	if i < 0 || ch.drop || ch.remove[e.Ref.ID] || ch.files[entries[i].media] {
		return fail(gone(e.Ref))
	}
	if e.IfVersion != "" && e.IfVersion != entries[i].times.Version {
		return fail(gallra.Errorf(gallra.Conflict, "connector.record_changed", "ref", e.Ref.String()))
	}
	r := gallra.Receipt{Ref: e.Ref, Action: action, Grade: gallra.GradeDerived, At: now(), Final: true}
	if action == gallra.ActionErase {
		ch.erase(e.Ref, entries[i])
		return connector.Result{Receipt: r}
	}
	typ, _ := typeOf(e.Ref.Type)
	for _, f := range e.Set {
		if info, ok := typ.Field(f.Name); !ok || info.ReadOnly || info.Keep {
			return fail(gallra.Errorf(gallra.Invalid, "connector.field_unknown", "field", f.Name))
		}
	}
	switch e.Ref.Type {
	case TypeMessage:
		ch.editMessage(entries[i].text, e.Set)
	case TypeConversation:
		r.Ref.ID = ch.renameAll(e.Set)
	}
	return connector.Result{Receipt: r}
}

func (ch *change) erase(ref gallra.Ref, e entry) {
	switch ref.Type {
	case TypeConversation:
		ch.drop = true
	case TypeMessage:
		ch.remove[ref.ID] = true
	case TypeAttachment:
		ch.files[e.media] = true
		for _, m := range ch.c.messages { // a file's name can tell what was in it
			for _, u := range m.uris {
				if within(u.value, e.media) {
					ch.splices[m.page] = append(ch.splices[m.page], jsonedit.Splice{Span: jsonedit.Span{Start: u.start, End: u.end}, With: []byte(`""`)})
				}
			}
		}
	}
}

func (ch *change) editMessage(m message, set []gallra.Field) {
	for _, f := range set {
		at, key := m.text, "content"
		if f.Name == "sender_name" {
			at, key = m.sender, "sender_name"
		}
		switch {
		case at.end > 0:
			ch.splices[m.page] = append(ch.splices[m.page], jsonedit.Splice{Span: jsonedit.Span{Start: at.start, End: at.end}, With: escape(f.Value)})
		case f.Value != "":
			ch.splices[m.page] = append(ch.splices[m.page], jsonedit.Splice{Span: jsonedit.Span{Start: m.start + 1, End: m.start + 1}, With: append(append([]byte(`"`+key+`": `), escape(f.Value)...), ',')})
		}
	}
}

// renameAll notes the new names and returns the conversation's id afterwards.
func (ch *change) renameAll(set []gallra.Field) string {
	title := ch.c.title()
	for _, f := range set {
		switch f.Name {
		case "title":
			ch.rename[title] = f.Value
			title = f.Value
		case "participants":
			names, to := ch.c.names(), strings.Split(f.Value, "\n")
			for i, n := range names {
				v := f.Value
				if len(to) == len(names) {
					v = to[i]
				}
				if v != n {
					ch.rename[n] = v
				}
			}
		}
	}
	t := ch.c.thread
	number, id := "", t.id
	if m := metaID.FindStringSubmatch(t.dir); m != nil && m[1] == t.id {
		number = m[1]
	} else {
		sum := sha256.Sum256([]byte(t.id))
		number = strconv.FormatUint(binary.BigEndian.Uint64(sum[:])>>4, 10)
		id = number
	}
	ch.dir = path.Join(path.Dir(t.dir), slug(title)+"_"+number)
	return id
}

// slug writes a name as folders are named.
func slug(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, ident.Fold(s))
	return cmp.Or(s, "conversation")
}

// write copies the ZIP with the changes made.
func write(ctx context.Context, a *archive, changes map[*thread]*change, w *bufio.Writer) error {
	pages := map[*zip.File]func() []byte{}
	names := map[*zip.File]string{}
	drop := map[*zip.File]bool{}
	for t, ch := range changes {
		if !ch.drop {
			ch.dropUnused()
		}
		for _, f := range slices.Concat(t.pages, t.html, t.media) {
			drop[f] = ch.drop || ch.files[f]
			if ch.dir != "" {
				names[f] = ch.dir + strings.TrimPrefix(f.Name, t.dir)
			}
		}
		for i, f := range t.pages {
			pages[f] = func() []byte { return ch.page(i) }
		}
	}
	return zipfile.Rewrite(ctx, a.zip, w, func(f *zip.File) zipfile.Change {
		return zipfile.Change{Drop: drop[f] || orphaned(f, changes), Name: names[f], Body: pages[f]}
	})
}

// orphaned reports whether f is the folder entry of a conversation that is gone
// or bears another name: it would keep the person's.
func orphaned(f *zip.File, changes map[*thread]*change) bool {
	if !strings.HasSuffix(f.Name, "/") {
		return false
	}
	for t, ch := range changes {
		if (ch.drop || ch.dir != "") && strings.HasPrefix(f.Name, t.dir+"/") {
			return true
		}
	}
	return false
}

// dropUnused lets the files go that only removed messages had attached.
func (ch *change) dropUnused() {
	for _, f := range ch.c.media {
		used, was := false, false
		for _, m := range ch.c.messages {
			if slices.ContainsFunc(m.uris, func(u span) bool { return within(u.value, f) }) {
				was = true
				used = used || !ch.remove[ch.c.id(m)]
			}
		}
		if was && !used {
			ch.files[f] = true
		}
	}
}

// page returns the bytes of a message file with the changes made.
func (ch *change) page(i int) []byte {
	p := ch.c.pages[i]
	all := slices.Clone(ch.splices[i])
	put := func(s span) {
		if v, ok := ch.rename[s.value]; ok && s.end > 0 && !slices.ContainsFunc(all, func(o jsonedit.Splice) bool { return o.Start == s.start }) {
			all = append(all, jsonedit.Splice{Span: jsonedit.Span{Start: s.start, End: s.end}, With: escape(v)})
		}
	}
	put(p.title)
	for _, n := range p.participants {
		put(n)
	}
	was, is := path.Base(ch.c.dir), path.Base(ch.dir)
	if ch.dir != "" && p.path.end > 0 {
		all = append(all, jsonedit.Splice{Span: jsonedit.Span{Start: p.path.start, End: p.path.end}, With: escape(path.Join(path.Dir(p.path.value), is))})
	}
	var places []jsonedit.Span // in the order of the file
	gone := map[int]bool{}     // by where they begin
	for _, m := range ch.c.messages {
		if m.page != i {
			continue
		}
		places = append(places, jsonedit.Span{Start: m.start, End: m.end})
		if gone[m.start] = ch.remove[ch.c.id(m)]; gone[m.start] {
			continue
		}
		put(m.sender)
		for _, u := range m.uris {
			if ch.dir != "" && !slices.ContainsFunc(all, func(o jsonedit.Splice) bool { return o.Start == u.start }) {
				all = append(all, jsonedit.Splice{Span: jsonedit.Span{Start: u.start, End: u.end}, With: escape(strings.ReplaceAll(u.value, "/"+was+"/", "/"+is+"/"))})
			}
		}
	}
	slices.SortFunc(places, func(x, y jsonedit.Span) int { return cmp.Compare(x.Start, y.Start) })
	all = slices.DeleteFunc(all, func(s jsonedit.Splice) bool {
		return slices.ContainsFunc(places, func(at jsonedit.Span) bool { return gone[at.Start] && at.Start <= s.Start && s.End <= at.End })
	})
	all = append(all, jsonedit.Without(places, func(i int) bool { return gone[places[i].Start] })...)
	out := jsonedit.Apply(p.raw, 0, len(p.raw), all)
	for from, to := range ch.rename { // reactions and the like name people too
		out = bytes.ReplaceAll(out, escape(from), escape(to))
	}
	return out
}
