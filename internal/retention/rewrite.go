package retention

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/anonymise"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/statistics"
)

// thread is one conversation being rewritten: its record and all that hangs on it.
type thread struct {
	item
	record   gallra.Record
	children []gallra.Record
	rewriter *anonymise.Conversation
	change   anonymise.Change // of the record itself, which is edited last
	known    int              // how much was known when it was made
	residues []gallra.Residue
	done     map[gallra.Ref]deed // to its records; one map for all threads of a chunk
	erased   bool                // one of its records, at least
	now      gallra.Ref          // where the record is, once it was edited
	problem  error               // of a child: the thread is not done
}

// deed is what has been done to a record besides rewriting it.
type deed uint8

const (
	didErase  deed = 1 << iota
	didUnlink      // by its edit
	didRound       // by its edit
)

// did notes a deed.
func (t *thread) did(ref gallra.Ref, d deed) {
	t.done[ref] |= d
	t.erased = t.erased || d == didErase
}

func (t *thread) has(ref gallra.Ref, d deed) bool { return t.done[ref]&d != 0 }

// anonymise rewrites a chunk of conversations in place, everything that hangs
// on them first and the conversation last, reads all of it again, and judges
// what is left by what it reads.
func (r *running) anonymise(ctx context.Context, u unit, rule gallra.Rule, items []item, again bool) (result, error) {
	var x result
	src, err := r.source(ctx, u.System)
	if err != nil {
		return x, err
	}
	list, err := src.Types(ctx)
	if err != nil {
		return x, fmt.Errorf("retention: types of %s: %w", u.System, err)
	}
	types := map[string]connector.Type{}
	for _, t := range list {
		types[t.Name] = t
	}
	todo, err := r.recheck(ctx, src, u, items, &x)
	if err != nil {
		return x, err
	}
	threads, err := r.threads(ctx, src, u, types, rule.Files, todo, again, &x)
	if err != nil || len(threads) == 0 {
		return x, err
	}
	opt := anonymise.Options{Text: rule.Text, Files: rule.Files, PII: r.PII, Lang: r.Lang}
	for _, t := range threads {
		t.rewriter = anonymise.New(opt, types, append([]gallra.Record{t.record}, t.children...))
	}
	refs := make([]gallra.Ref, len(threads))
	for n, t := range threads {
		refs[n] = t.record.Ref
	}
	trace, err := traceOf(ctx, src, refs)
	if err != nil {
		return x, err
	}
	counted, err := attached(ctx, trace)
	if err != nil {
		return x, err
	}
	if r.PII != nil && rule.Text == gallra.TextRedact {
		if err := learnCopies(ctx, src, u, types, threads); err != nil {
			return x, err
		}
	}
	if err := dropFiles(ctx, src, types, rule.Files, threads); err != nil {
		return x, err
	}
	if err := r.rewriteChildren(ctx, src, types, threads); err != nil {
		return x, err
	}
	if err := r.rewriteCopies(ctx, src, u, types, rule.Files, threads); err != nil {
		return x, err
	}
	if err := r.rewriteConversations(ctx, src, types[u.Type], threads, &x); err != nil {
		return x, err
	}
	if err := unlink(ctx, src, threads); err != nil {
		return x, err
	}
	if err := roundTimes(ctx, src, u, threads); err != nil {
		return x, err
	}
	left, err := leftovers(ctx, src, trace, types, rule.Files, threads, len(items) <= canarySize)
	if err != nil {
		return x, err
	}
	if err := r.examine(ctx, src, u, types, rule.Files, threads, left, &x); err != nil || counted == nil {
		return x, err
	}
	for _, t := range threads {
		a := connector.Attached{}
		if t.erased { // the others keep theirs
			a = counted[t.id]
		}
		x.tally.attached(&a)
	}
	return x, nil
}

// roundTimes makes the times of what was rewritten coarser, where the system can
// and the edits have not done it.
func roundTimes(ctx context.Context, src connector.Source, u unit, threads []*thread) error {
	rounder, ok := src.(connector.Rounder)
	if !ok {
		return nil
	}
	var refs []gallra.Ref
	exact, met := map[string]bool{}, map[string]bool{} // types with a record that no edit has rounded, and with one
	for _, t := range threads {
		if t.problem != nil {
			continue
		}
		refs = append(refs, t.now)
		for _, rec := range append([]gallra.Record{t.record}, t.children...) {
			if met[rec.Ref.Type] = true; !t.has(rec.Ref, didRound) {
				exact[rec.Ref.Type] = true
			}
		}
	}
	if len(refs) == 0 {
		return nil
	}
	var done []string
	for _, typ := range append([]string{u.Type}, u.Children...) {
		if met[typ] && !exact[typ] {
			done = append(done, typ)
		}
	}
	err := rounder.RoundTimes(ctx, refs, done...)
	if errors.Is(err, gallra.ErrUnsupported) {
		return nil
	}
	return wrapped(err, "round times in", refs[0].System)
}

// leftovers looks by another road where values stand still that were taken out,
// by id of the conversation. A system that can only be searched whole is searched
// for the few records that are tried first.
func leftovers(ctx context.Context, src connector.Source, trace connector.Trace, types map[string]connector.Type, files gallra.FilePolicy, threads []*thread, few bool) (map[string][]gallra.Residue, error) {
	stays := map[string]bool{} // of these something is left, as the policy has it or as is said
	for name, t := range types {
		stays[name] = t.Kind == connector.KindAttachment && files == gallra.FilesKeep
	}
	var lost []connector.Lost
	byRef := map[gallra.Ref]*thread{}
	for _, t := range threads {
		if t.problem != nil {
			continue
		}
		for _, r := range t.residues {
			if types[r.Where].Kind == connector.KindAttachment {
				stays[r.Where] = true
			}
		}
		lost = append(lost, connector.Lost{Ref: t.record.Ref, Now: t.now, Values: t.rewriter.Values()})
		for _, rec := range append([]gallra.Record{t.record}, t.children...) {
			byRef[rec.Ref] = t
		}
		byRef[t.now] = t
	}
	out := map[string][]gallra.Residue{}
	enter := func(found []gallra.Residue) {
		for _, f := range found {
			t := byRef[f.Ref]
			if t == nil || stays[f.Ref.Type] {
				continue // another's, who is still there
			}
			if !t.said(f.Where) {
				out[t.id] = append(out[t.id], f)
			}
		}
	}
	search, can := src.(connector.Searcher)
	switch {
	case len(lost) == 0:
	case trace != nil:
		found, err := trace.Leftovers(ctx, lost, func(typ string) connector.Look {
			switch {
			case stays[typ]:
				return connector.LookAway
			case erasedFiles(types[typ], files):
				return connector.LookAny
			}
			return connector.LookValues
		})
		if err != nil {
			return nil, wrapped(err, "search", lost[0].Ref.System)
		}
		enter(found)
	case can && few:
		var ids []gallra.Identifier
		for _, l := range lost {
			ids = append(ids, l.Values...)
		}
		if len(ids) == 0 {
			return out, nil
		}
		for cursor := ""; ; {
			page, err := search.Leftovers(ctx, connector.Needles{Identifiers: ids, Depth: connector.InText}, cursor)
			if errors.Is(err, gallra.ErrUnsupported) {
				return out, nil
			}
			if err != nil {
				return nil, wrapped(err, "search", lost[0].Ref.System)
			}
			enter(page.Residues)
			if cursor = page.Next; cursor == "" {
				break
			}
		}
	}
	return out, nil
}

// said reports whether a place is one of which it is said already that it
// cannot be rewritten.
func (t *thread) said(where string) bool {
	column := func(s string) string { return s[strings.LastIndexByte(s, '.')+1:] }
	return slices.ContainsFunc(t.residues, func(r gallra.Residue) bool {
		return strings.HasPrefix(r.Why, "anonymise.") && column(r.Where) == column(where)
	})
}

// room is how much more text of a chunk may be held in memory.
type room struct{ left int }

// errNoRoom says that a chunk is too large; nothing has been changed.
var errNoRoom = errors.New("retention: more text than there is room for")

// take takes a record in. No room at all is as much as anybody needs.
func (m *room) take(records ...gallra.Record) error {
	if m == nil {
		return nil
	}
	for _, rec := range records {
		m.left -= roomForRecord
		for _, f := range rec.Fields {
			m.left -= len(f.Value)
		}
	}
	if m.left < 0 {
		return errNoRoom
	}
	return nil
}

// threads reads the conversations of items and what hangs on them. One whose
// version has changed since the plan is left out; after a crash our own edits
// may have changed it, and then its date decides.
func (r *running) threads(ctx context.Context, src connector.Source, u unit, types map[string]connector.Type, files gallra.FilePolicy, items []item, again bool, x *result) ([]*thread, error) {
	refs := make([]gallra.Ref, len(items))
	for n, i := range items {
		refs[n] = gallra.Ref{System: u.System, Type: u.Type, ID: i.id}
	}
	var space *room
	if len(items) > 1 { // one is read whatever it holds
		space = &room{r.inHand(roomForText)}
	}
	records := make(map[string]gallra.Record, len(refs))
	for part := range slices.Chunk(refs, recordsRead) {
		some, err := getMany(ctx, src, part, true, space)
		if err != nil {
			return nil, err
		}
		maps.Copy(records, some)
	}
	ours, err := renamed(ctx, src, refs, records, space)
	if err != nil {
		return nil, err
	}
	var out []*thread
	done := map[gallra.Ref]deed{}
	for _, i := range items {
		rec, there := records[i.id]
		switch {
		case !there:
			x.except(i, gallra.OutcomeKept, reasonGone, "")
			continue
		case i.version != "" && rec.Version != i.version && !((again || ours[i.id]) && u.judge(r.plan.Rules, rec, r.plan.Today, r.Loc).due):
			x.except(i, gallra.OutcomeKept, reasonChanged, "")
			continue
		}
		out = append(out, &thread{item: i, record: rec, now: rec.Ref, done: done})
	}
	// Derived copies (history, search rows, drafts) come later: see rewriteCopies.
	children, err := descendants(ctx, src, u.originals(types), types, files, out, true, space)
	if err != nil {
		return nil, err
	}
	for _, t := range out {
		t.children = children[t.id]
	}
	return out, nil
}

// renamed adds to records, by their old ids, those of refs that an attempt of
// ours that was interrupted has given another reference, and says which they are.
func renamed(ctx context.Context, src connector.Source, refs []gallra.Ref, records map[string]gallra.Record, space *room) (map[string]bool, error) {
	renamer, ok := src.(connector.Renamer)
	missing := slices.DeleteFunc(slices.Clone(refs), func(r gallra.Ref) bool { _, there := records[r.ID]; return there })
	if !ok || len(missing) == 0 {
		return nil, nil
	}
	became, err := renamer.Renamed(ctx, missing)
	if err != nil {
		return nil, wrapped(err, "look for renamed records in", missing[0].System)
	}
	there, err := getMany(ctx, src, slices.Collect(maps.Values(became)), true, space)
	if err != nil {
		return nil, err
	}
	ours := map[string]bool{}
	for old, ref := range became {
		if rec, ok := there[ref.ID]; ok {
			records[old.ID], ours[old.ID] = rec, true
		}
	}
	return ours, nil
}

// originals is u without the types that are derived copies.
func (u unit) originals(types map[string]connector.Type) unit {
	u.Children = slices.DeleteFunc(slices.Clone(u.Children), func(typ string) bool { return types[typ].Kind == connector.KindTrace })
	return u
}

// getMany reads the records of one type that exist, by id.
func getMany(ctx context.Context, src connector.Source, refs []gallra.Ref, versions bool, space *room) (map[string]gallra.Record, error) {
	out := make(map[string]gallra.Record, len(refs))
	if len(refs) == 0 {
		return out, nil
	}
	if m, ok := src.(connector.Many); ok {
		list, err := m.GetMany(ctx, refs, versions)
		for _, rec := range list {
			out[rec.Ref.ID] = rec
		}
		if err == nil {
			err = space.take(list...)
		}
		if !errors.Is(err, gallra.ErrUnsupported) {
			return out, wrapped(err, "get from", refs[0].System)
		}
	}
	for _, ref := range refs {
		rec, err := src.Get(ctx, ref)
		switch {
		case err == nil:
			out[ref.ID] = rec
			if err := space.take(rec); err != nil {
				return nil, err
			}
		case !errors.Is(err, gallra.ErrNotFound):
			return nil, fmt.Errorf("retention: get %s: %w", ref, err)
		}
	}
	return out, nil
}

// erasedFiles reports whether records of a type go whole, unread.
func erasedFiles(t connector.Type, files gallra.FilePolicy) bool {
	return t.Kind == connector.KindAttachment && (files == "" || files == gallra.FilesErase)
}

// dropFiles erases attachments where that is the policy. One that cannot be
// erased is a residue.
func dropFiles(ctx context.Context, src connector.Source, types map[string]connector.Type, files gallra.FilePolicy, threads []*thread) error {
	byType := map[string][]item{}
	owner := map[gallra.Ref]*thread{}
	for _, t := range threads {
		for _, c := range t.children {
			if erasedFiles(types[c.Ref.Type], files) {
				byType[c.Ref.Type] = append(byType[c.Ref.Type], item{id: c.Ref.ID, version: c.Version})
				owner[c.Ref] = t
			}
		}
	}
	for typ, list := range byType {
		u := unit{System: threads[0].record.Ref.System, Type: typ}
		answers, err := eraseMany(ctx, src, u, list)
		if errors.Is(err, gallra.ErrUnsupported) {
			answers, err = make([]connector.Result, len(list)), nil
			for n := range answers {
				answers[n].Err = gallra.ErrUnsupported
			}
		}
		if err != nil {
			return err
		}
		for n, a := range answers {
			ref := gallra.Ref{System: u.System, Type: typ, ID: list[n].id}
			t := owner[ref]
			switch {
			case a.Err == nil:
				t.did(ref, didErase)
				t.residues = append(t.residues, a.Receipt.Residues...)
			case errors.Is(a.Err, gallra.ErrNotFound):
			case errors.Is(a.Err, gallra.ErrUnsupported):
				t.residues = append(t.residues, gallra.Residue{Ref: ref, Where: typ, Why: "anonymise.file"})
			default:
				t.problem = a.Err
			}
		}
	}
	return nil
}

// descendants lists what hangs on the threads' conversations, by conversation.
// Attachments that go whole are listed without their content.
func descendants(ctx context.Context, src connector.Source, u unit, types map[string]connector.Type, files gallra.FilePolicy, threads []*thread, versions bool, space *room) (map[string][]gallra.Record, error) {
	out := map[string][]gallra.Record{}
	var parents []gallra.Ref
	for _, t := range threads {
		parents = append(parents, t.record.Ref)
	}
	for _, typ := range u.Children {
		if len(parents) == 0 {
			break
		}
		q := connector.Query{Type: typ, Parents: parents, Limit: childrenListed, Unversioned: !versions}
		if erasedFiles(types[typ], files) {
			q.Fields = connector.FieldsNone
		}
		for {
			page, err := src.List(ctx, q)
			if err != nil {
				return nil, fmt.Errorf("retention: list %s/%s: %w", u.System, typ, err)
			}
			if err := space.take(page.Records...); err != nil {
				return nil, err
			}
			for _, c := range page.Records {
				out[c.Parent.ID] = append(out[c.Parent.ID], c)
			}
			if q.Cursor = page.Next; page.Next == "" {
				break
			}
		}
	}
	return out, nil
}

// learnCopies reads the derived copies of the threads before anything is edited,
// for the edit of a message takes its copies with it: a name that only the history
// gives away is to be taken out of the messages too.
func learnCopies(ctx context.Context, src connector.Source, u unit, types map[string]connector.Type, threads []*thread) error {
	var parents []gallra.Ref
	byID := make(map[string]*thread, len(threads))
	for _, t := range threads {
		parents = append(parents, t.record.Ref)
		byID[t.record.Ref.ID] = t
	}
	for _, typ := range u.Children {
		text := slices.ContainsFunc(types[typ].Fields, func(f connector.FieldInfo) bool { return f.Text && !f.ReadOnly })
		if types[typ].Kind != connector.KindTrace || !text {
			continue
		}
		q := connector.Query{Type: typ, Parents: parents, Limit: childrenListed, Unversioned: true}
		for {
			page, err := src.List(ctx, q)
			if err != nil {
				return fmt.Errorf("retention: list %s/%s: %w", u.System, typ, err)
			}
			for _, c := range page.Records {
				if t := byID[c.Parent.ID]; t != nil {
					t.rewriter.Learn(types, c)
				}
			}
			if q.Cursor = page.Next; page.Next == "" {
				break
			}
		}
	}
	return nil
}

// rewriteChildren edits messages and the like; what can't be edited, such as an
// attachment, is erased, and what can't be erased either is a residue. All texts
// of a conversation are read before the first is edited, so that a name which
// only the last message gives away is taken out of the first.
func (r *running) rewriteChildren(ctx context.Context, src connector.Source, types map[string]connector.Type, threads []*thread) error {
	all := map[*thread][]gallra.Record{}
	for _, t := range threads {
		all[t] = t.children
	}
	return r.rewriteRecords(ctx, src, types, threads, all)
}

// rewriteCopies edits derived copies, type by type as they are then: an edit of
// what they were derived from has changed or erased them already where the
// system keeps its contract, and the edit of one may change another.
func (r *running) rewriteCopies(ctx context.Context, src connector.Source, u unit, types map[string]connector.Type, files gallra.FilePolicy, threads []*thread) error {
	for _, typ := range u.Children {
		if types[typ].Kind != connector.KindTrace {
			continue
		}
		one := u
		one.Children = []string{typ}
		copies, err := descendants(ctx, src, one, types, files, threads, true, nil)
		if err != nil {
			return err
		}
		some := map[*thread][]gallra.Record{}
		for _, t := range threads {
			some[t] = copies[t.id]
			t.children = append(t.children, copies[t.id]...)
		}
		if err := r.rewriteRecords(ctx, src, types, threads, some); err != nil {
			return err
		}
	}
	return nil
}

func (r *running) rewriteRecords(ctx context.Context, src connector.Source, types map[string]connector.Type, threads []*thread, records map[*thread][]gallra.Record) error {
	var edits []connector.Edit
	var owner []*thread
	for _, t := range threads {
		changes := t.rewrite(types, records[t])
		for n, c := range records[t] {
			if t.has(c.Ref, didErase) || t.problem != nil {
				continue
			}
			set, left := changes[n].Set, changes[n].Left
			if len(left) > 0 {
				if err := t.drop(ctx, src, c, left); err != nil {
					return err
				}
				continue
			}
			if len(set) > 0 || r.inOneStep(src, c) {
				edits = append(edits, connector.Edit{Item: connector.Item{Ref: c.Ref, IfVersion: c.Version}, Set: set, Unlink: !c.Person.IsZero(), Round: true})
				owner = append(owner, t)
			}
		}
	}
	answers, err := editMany(ctx, src, edits)
	if err != nil {
		return err
	}
	for n, a := range answers {
		switch {
		case a.Err == nil:
			owner[n].residues = append(owner[n].residues, a.Receipt.Residues...)
			owner[n].loose(edits[n].Ref, a)
		case errors.Is(a.Err, gallra.ErrNotFound): // gone with another child's edit
		default:
			owner[n].problem = a.Err
		}
	}
	return nil
}

// rewrite returns what is to become of children of the thread, and sees to it that
// t.change is what is to become of the conversation itself by what is known then.
func (t *thread) rewrite(types map[string]connector.Type, children []gallra.Record) []anonymise.Change {
	if len(children) == 0 && t.known > 0 && t.known == t.rewriter.Learned() {
		return nil
	}
	changes := t.rewriter.Rewrite(types, append([]gallra.Record{t.record}, children...))
	t.change, t.known = changes[0], t.rewriter.Learned()
	t.rewriter.Trim()
	return changes[1:]
}

func (t *thread) drop(ctx context.Context, src connector.Source, c gallra.Record, left []anonymise.Left) error {
	err := error(gallra.ErrUnsupported)
	if er, ok := src.(connector.Eraser); ok {
		var receipt gallra.Receipt
		if receipt, err = er.Erase(ctx, c.Ref, c.Version); err == nil {
			t.did(c.Ref, didErase)
			t.residues = append(t.residues, receipt.Residues...)
		}
	}
	switch {
	case err == nil, errors.Is(err, gallra.ErrNotFound):
		return nil
	case errors.Is(err, gallra.ErrUnsupported):
		t.residues = append(t.residues, gallra.Residue{Ref: c.Ref, Where: c.Ref.Type + "." + left[0].Field, Why: left[0].Why})
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	t.problem = err
	return nil
}

// rewriteConversations edits the conversations themselves, last, so that what
// they know of the person serves their messages until the end.
func (r *running) rewriteConversations(ctx context.Context, src connector.Source, typ connector.Type, threads []*thread, x *result) error {
	var edits []connector.Edit
	var owner []*thread
	for _, t := range threads {
		if t.problem != nil {
			continue
		}
		set := t.change.Set
		t.rewriter.Forget()
		for _, l := range t.change.Left {
			t.residues = append(t.residues, gallra.Residue{Ref: t.record.Ref, Where: typ.Name + "." + l.Field, Why: l.Why})
		}
		if len(set) == 0 && !r.inOneStep(src, t.record) {
			continue
		}
		edits = append(edits, connector.Edit{Item: connector.Item{Ref: t.record.Ref, IfVersion: t.record.Version}, Set: set, Unlink: !t.record.Person.IsZero(), Round: true, Mark: true})
		owner = append(owner, t)
	}
	answers, err := editMany(ctx, src, edits)
	if err != nil {
		return err
	}
	if err := editAgain(ctx, src, edits, owner, answers); err != nil {
		return err
	}
	for n, a := range answers {
		if owner[n].problem = a.Err; a.Err == nil {
			if !a.Receipt.Ref.IsZero() {
				owner[n].now = a.Receipt.Ref
			}
			owner[n].loose(edits[n].Ref, a)
			owner[n].residues = append(owner[n].residues, a.Receipt.Residues...)
			x.tally.receipt(gallra.Receipt{Grade: a.Receipt.Grade, Final: a.Receipt.Final, GoneBy: a.Receipt.GoneBy})
		}
	}
	return nil
}

// editAgain edits those conversations in the version they have now which editing
// their children has given a new one, and puts the answers in their place.
func editAgain(ctx context.Context, src connector.Source, edits []connector.Edit, owner []*thread, answers []connector.Result) error {
	var refs []gallra.Ref
	for n, a := range answers {
		if errors.Is(a.Err, gallra.ErrConflict) && len(owner[n].children) > 0 {
			refs = append(refs, edits[n].Ref)
		}
	}
	records, err := getMany(ctx, src, refs, true, nil)
	if err != nil {
		return err
	}
	var repeated []connector.Edit
	var at []int
	for n, a := range answers {
		if now, there := records[edits[n].Ref.ID]; there && errors.Is(a.Err, gallra.ErrConflict) {
			e := edits[n]
			e.IfVersion = now.Version
			repeated, at = append(repeated, e), append(at, n)
		}
	}
	second, err := editMany(ctx, src, repeated)
	for k, a := range second {
		answers[at[k]] = a
	}
	return err
}

// loose notes what an edit has done to a record of the thread besides: cut it
// loose from its person, made its times coarser.
func (t *thread) loose(ref gallra.Ref, a connector.Result) {
	if a.Unlinked {
		t.did(ref, didUnlink)
	}
	if a.Rounded {
		t.did(ref, didRound)
	}
}

// inOneStep reports whether a record of which no text is to be changed is edited
// all the same: it is to be cut loose and made coarser, and the system does both
// with an edit.
func (r *running) inOneStep(src connector.Source, rec gallra.Record) bool {
	_, can := src.(connector.OneStep)
	return can && (!rec.Person.IsZero() || !rounded(rec, r.Loc))
}

// unlink cuts the threads' records loose from persons' records, where the
// system can and the edits have not done it.
func unlink(ctx context.Context, src connector.Source, threads []*thread) error {
	un, ok := src.(connector.Unlinker)
	if !ok {
		return nil
	}
	var refs []gallra.Ref
	var owner []*thread
	for _, t := range threads {
		if t.problem != nil {
			continue
		}
		for _, rec := range append([]gallra.Record{t.record}, t.children...) {
			if !rec.Person.IsZero() && !t.has(rec.Ref, didErase) && !t.has(rec.Ref, didUnlink) {
				refs, owner = append(refs, rec.Ref), append(owner, t)
			}
		}
	}
	if len(refs) == 0 {
		return nil
	}
	answers, err := un.Unlink(ctx, refs)
	if errors.Is(err, gallra.ErrUnsupported) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("retention: unlink in %s: %w", refs[0].System, err)
	}
	for n, a := range answers {
		if a.Err != nil && !errors.Is(a.Err, gallra.ErrNotFound) && !errors.Is(a.Err, gallra.ErrUnsupported) {
			owner[n].problem = a.Err
		}
	}
	return nil
}

func editMany(ctx context.Context, src connector.Source, edits []connector.Edit) ([]connector.Result, error) {
	if len(edits) == 0 {
		return nil, nil
	}
	system := edits[0].Ref.System
	if b, ok := src.(connector.Batcher); ok {
		out, err := b.EditMany(ctx, edits)
		if err == nil && len(out) != len(edits) {
			err = gallra.Errorf(gallra.Internal, "retention.answers", "system", string(system))
		}
		if !errors.Is(err, gallra.ErrUnsupported) {
			return out, wrapped(err, "edit in", system)
		}
	}
	ed, ok := src.(connector.Editor)
	if !ok {
		return nil, gallra.Errorf(gallra.Unsupported, "retention.cannot_anonymise", "system", string(system))
	}
	out := make([]connector.Result, len(edits))
	for n, e := range edits {
		out[n].Receipt, out[n].Err = ed.Edit(ctx, e.Ref, e.IfVersion, e.Set)
		if out[n].Err != nil && ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return out, nil
}

// examine reads everything again and decides each conversation's outcome by
// what is there and by what the other road has found: something to rewrite still
// means that the system did not do what it said.
func (r *running) examine(ctx context.Context, src connector.Source, u unit, types map[string]connector.Type, files gallra.FilePolicy, threads []*thread, left map[string][]gallra.Residue, x *result) error {
	refs := make([]gallra.Ref, len(threads))
	for n, t := range threads {
		refs[n] = t.now
	}
	children, err := descendants(ctx, src, u, types, files, threads, false, nil)
	if err != nil {
		return err
	}
	records, err := getMany(ctx, src, refs, false, nil)
	if err != nil {
		return err
	}
	for _, t := range threads {
		if now, there := records[t.now.ID]; there { // rounded times may be counted elsewhere
			if f := u.Schema.Fact(now, r.Loc); f.Day != t.fact.Day || !slices.Equal(f.Values, t.fact.Values) {
				f.Cell = t.fact.Cell
				x.moved = append(x.moved, statistics.Change{Was: t.fact, Is: f})
			}
		}
		if t.problem != nil {
			o, why := refusal(t.problem)
			x.except(t.item, o, why, "")
			continue
		}
		now, there := records[t.now.ID]
		if !there {
			x.except(t.item, gallra.OutcomeKept, reasonGone, "")
			continue
		}
		if t.now.ID != t.id { // the record goes by another name: the look afterwards must know it
			x.renamed = append(x.renamed, t.now.ID)
		}
		found, failed := left[t.id], []string{}
		for _, rec := range append([]gallra.Record{now}, children[t.id]...) {
			set, _ := t.rewriter.Edits(types[rec.Ref.Type], rec)
			for _, f := range set {
				found = append(found, gallra.Residue{Ref: rec.Ref, Where: rec.Ref.Type + "." + f.Name, Count: 1})
			}
			if t.has(rec.Ref, didErase) {
				found = append(found, gallra.Residue{Ref: rec.Ref, Where: rec.Ref.Type, Count: 1})
			}
			if erasedFiles(types[rec.Ref.Type], files) { // still there, unread
				failed = append(failed, anonymise.AN1, anonymise.AN2)
			}
			for _, f := range t.rewriter.Assess(types[rec.Ref.Type], rec) {
				failed = append(failed, f.Check)
			}
		}
		t.rewriter.Trim()
		if len(found) > 0 {
			x.failed(t.item, found)
			continue
		}
		for _, res := range t.residues {
			x.tally.residue(res)
		}
		x.tally.Children += int64(len(t.children))
		slices.Sort(failed)
		failed = slices.Compact(failed)
		for _, c := range failed {
			x.tally.failing(c, 1)
		}
		if len(failed) > 0 {
			x.tally.outcome(gallra.OutcomeDeidentified, 1)
			continue
		}
		x.tally.outcome(gallra.OutcomeAnonymised, 1)
	}
	return nil
}

// wholeChecks applies AN4 and AN6, which no record decides by itself, to what a
// unit's anonymised records have become, as the look afterwards found them: those
// in cells of fewer than anonymise.K, and all of them where the life of backups
// is not known, are de-identified. A check that fails is counted whether or not
// another has failed already.
func (r *running) wholeChecks(t *Tally, a Anonymity, backups bool) {
	done := t.Outcomes[gallra.OutcomeAnonymised]
	rewritten := done + t.Outcomes[gallra.OutcomeDeidentified]
	if rewritten == 0 {
		return
	}
	small := min(a.Small, rewritten)
	if small > 0 {
		t.failing(anonymise.AN4, small)
	}
	not := min(small, done) // some of them may have failed another check already
	if !backups {
		t.failing(anonymise.AN6, rewritten)
		not = done
	}
	if not > 0 {
		t.outcome(gallra.OutcomeAnonymised, -not)
		t.outcome(gallra.OutcomeDeidentified, not)
	}
}

// exceptions returns the ids of a unit's records that did not go as planned.
func (r *running) exceptions(ctx context.Context, n int) (map[string]bool, error) {
	rows, err := r.DB.QueryContext(ctx, `SELECT ref_id FROM run_item WHERE run = $1 AND unit = $2`, r.run.ID, n)
	if err != nil {
		return nil, fmt.Errorf("retention: run %s: %w", r.run.ID, err)
	}
	defer rows.Close()
	out := map[string]bool{}
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("retention: run %s: %w", r.run.ID, err)
		}
		out[id] = true
	}
	return out, rows.Err()
}
