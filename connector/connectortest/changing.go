package connectortest

import (
	"errors"
	"slices"
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

func checkEraseExactly(tb TB, h Harness) {
	const n = 4
	for i := range n { // the first, the last and those between
		ss := h.fullSeeds(n)
		h.begin(tb, ss...)
		src := h.open(tb)
		rec := h.records(tb, src, ss)[i]
		before := h.others(tb, ss[i])
		r := h.erase(tb, src, rec)
		if r.Ref != rec.Ref || r.Action != gallra.ActionErase || r.At.IsZero() {
			tb.Errorf("the receipt does not say what was erased, or when")
		}
		r = h.settle(tb, src, r)[0]
		if r.Grade < gallra.GradeLive {
			tb.Errorf("a final receipt of grade %d", r.Grade)
		}
		h.mustLack(tb, ss[i])
		same(tb, "after another record's erasure", before, h.Stored(tb))
		if _, err := src.Get(tb.Context(), rec.Ref); !errors.Is(err, gallra.ErrNotFound) {
			tb.Errorf("an erased record can be read: %v", err)
		}
		if got := len(all(tb, src, h.query())); got != n-1 {
			tb.Errorf("%d records are listed after one of %d was erased", got, n)
		}
	}
}

func checkEraseTwice(tb TB, h Harness) {
	ss := h.fullSeeds(2)
	h.begin(tb, ss...)
	src := h.open(tb)
	rec := h.records(tb, src, ss)[0]
	h.settle(tb, src, h.erase(tb, src, rec))
	before := h.Stored(tb)
	for _, version := range []string{rec.Version, ""} {
		_, err := src.(connector.Eraser).Erase(tb.Context(), rec.Ref, version)
		wantCode(tb, "the second erasure", err, gallra.ErrNotFound)
	}
	same(tb, "after a second erasure", before, h.Stored(tb))
}

func checkEraseStale(tb TB, h Harness) {
	ss := h.fullSeeds(2)
	h.begin(tb, ss...)
	src := h.open(tb)
	rec := h.records(tb, src, ss)[0]
	h.Touch(tb, ss[0])
	before := h.Stored(tb)
	_, err := src.(connector.Eraser).Erase(tb.Context(), rec.Ref, rec.Version)
	wantCode(tb, "erasure of a record that has changed since it was read (REQUIREMENTS G-4)", err, gallra.ErrConflict)
	same(tb, "after a refused erasure", before, h.Stored(tb))
	again := h.records(tb, src, ss)[0]
	if again.Version == rec.Version {
		tb.Errorf("the version does not follow the record")
	}
	h.settle(tb, src, h.erase(tb, src, again))
	h.mustLack(tb, ss[0])
}

// checkEraseMany proves that every item of a batch gets its own result in
// order, one stale and one gone among them.
func checkEraseMany(tb TB, h Harness) {
	ss := h.fullSeeds(7)
	h.begin(tb, ss...)
	src := h.open(tb)
	rs := h.records(tb, src, ss)
	h.settle(tb, src, h.erase(tb, src, rs[1]))
	h.Touch(tb, ss[3])
	keep := h.others(tb, ss[0], ss[2], ss[4])
	var items []connector.Item
	for _, i := range []int{4, 1, 0, 3, 2} {
		items = append(items, connector.Item{Ref: rs[i].Ref, IfVersion: rs[i].Version})
	}
	res, err := src.(connector.Batcher).EraseMany(tb.Context(), items)
	if err != nil {
		tb.Fatalf("EraseMany: %v", err)
	}
	aligned(tb, res, items, gallra.ActionErase, map[int]*gallra.Error{1: gallra.ErrNotFound, 3: gallra.ErrConflict})
	h.settle(tb, src, receipts(res)...)
	for _, i := range []int{0, 2, 4} {
		h.mustLack(tb, ss[i])
	}
	same(tb, "after a batch of erasures", keep, h.Stored(tb))
	if res, err := src.(connector.Batcher).EraseMany(tb.Context(), nil); err != nil || len(res) != 0 {
		tb.Errorf("an empty batch: %d results, %v", len(res), err)
	}
}

func receipts(res []connector.Result) []gallra.Receipt {
	var out []gallra.Receipt
	for _, r := range res {
		if r.Err == nil {
			out = append(out, r.Receipt)
		}
	}
	return out
}

func aligned(tb TB, res []connector.Result, items []connector.Item, action gallra.Action, bad map[int]*gallra.Error) {
	tb.Helper()
	if len(res) != len(items) {
		tb.Fatalf("%d results for %d items", len(res), len(items))
	}
	for i, r := range res {
		if want := bad[i]; want != nil {
			wantCode(tb, "item "+string(rune('0'+i))+" of the batch", r.Err, want)
			continue
		}
		if r.Err != nil {
			tb.Errorf("item %d of the batch: %v", i, r.Err)
		} else if action == gallra.ActionErase && (r.Receipt.Ref != items[i].Ref || r.Receipt.Action != action) {
			tb.Errorf("item %d of the batch: its receipt is another's", i)
		}
	}
}

// checkEraseRefused proves that a write which the system refuses is an error,
// leaves the record whole, and can be repeated.
func checkEraseRefused(tb TB, h Harness) {
	ss := h.fullSeeds(2)
	h.begin(tb, ss...)
	src := h.open(tb)
	rec := h.records(tb, src, ss)[0]
	before := h.Stored(tb)
	h.FailWrites(tb, true)
	_, err := src.(connector.Eraser).Erase(tb.Context(), rec.Ref, rec.Version)
	if b, ok := src.(connector.Batcher); ok {
		res, berr := b.EraseMany(tb.Context(), []connector.Item{{Ref: rec.Ref, IfVersion: rec.Version}})
		if berr == nil && (len(res) != 1 || res[0].Err == nil) {
			tb.Errorf("a batch that the system refused is answered with success")
		}
		h.mustNotName(tb, berr, ss)
	}
	h.FailWrites(tb, false)
	if err == nil {
		tb.Errorf("an erasure that the system refused is answered with success")
	}
	h.mustNotName(tb, err, ss)
	same(tb, "after a refused erasure", before, h.Stored(tb))
	h.settle(tb, src, h.erase(tb, src, rec))
	h.mustLack(tb, ss[0])
}

// mustNotName fails when an error shows a personal value or a secret.
func (h Harness) mustNotName(tb TB, err error, ss []Seed) {
	tb.Helper()
	if err == nil {
		return
	}
	said := strings.ToLower(err.Error())
	for _, s := range ss {
		for _, v := range []string{s.Key, s.Email, s.Name} {
			if strings.Contains(said, strings.ToLower(v)) {
				tb.Errorf("an error holds a personal value")
			}
		}
	}
	for _, secret := range h.Secrets {
		if strings.Contains(said, strings.ToLower(secret)) {
			tb.Errorf("an error holds a secret of the configuration")
		}
	}
}

// edits returns what an anonymisation sets: every personal field of the type
// that the harness names.
func (h Harness) edits() []gallra.Field {
	var out []gallra.Field
	for _, f := range []gallra.Field{{Name: h.Text, Value: "Texten är borttagen – åäö"}, {Name: h.Email, Value: "borttagen@example.invalid"}, {Name: h.Named, Value: "[namn borttaget]"}} {
		if f.Name != "" && !slices.Contains(h.Fixed, f.Name) {
			out = append(out, f)
		}
	}
	return out
}

// checkEditFixed proves that a field whose old value would stay is refused, and
// that a refusal changes nothing of what was to be set along with it.
func checkEditFixed(tb TB, h Harness) {
	ss := seeds(2)
	h.begin(tb, ss...)
	src := h.open(tb)
	rec := h.records(tb, src, ss)[0]
	before := h.Stored(tb)
	for _, name := range h.Fixed {
		set := append(h.edits(), gallra.Field{Name: name, Value: "borttaget"})
		_, err := src.(connector.Editor).Edit(tb.Context(), rec.Ref, rec.Version, set)
		wantCode(tb, "edit of a field whose old value would stay", err, gallra.ErrUnsupported)
		h.mustNotName(tb, err, ss)
	}
	same(tb, "after a refused edit", before, h.Stored(tb))
}

func checkEditForgets(tb TB, h Harness) {
	set := h.edits()
	ss := seeds(3)
	for i := range ss {
		ss[i].History = []string{ss[i].Text, ss[i].Email}
	}
	h.begin(tb, ss...)
	src := h.open(tb)
	rec := h.records(tb, src, ss)[1]
	before := h.others(tb, ss[1])
	r, err := src.(connector.Editor).Edit(tb.Context(), rec.Ref, rec.Version, set)
	if err != nil {
		tb.Fatalf("edit: %v", err)
	}
	h.settle(tb, src, r)
	var forgotten []string
	for _, f := range set {
		switch f.Name {
		case h.Text:
			forgotten = append(forgotten, ss[1].Text)
		case h.Email:
			forgotten = append(forgotten, ss[1].Email)
		case h.Named:
			forgotten = append(forgotten, ss[1].Name)
		}
	}
	for _, v := range forgotten {
		if w := h.where(tb, v); len(w) > 0 {
			tb.Errorf("the old value is still in %s", strings.Join(w, ", "))
		}
	}
	after := h.others(tb, ss[1])
	// Places of the edited record have lost its key: only the others' are compared.
	kept := 0
	for _, p := range before {
		for kept < len(after) && after[kept].Value != p.Value {
			kept++
		}
		if kept == len(after) {
			tb.Errorf("another record's %s is changed or gone", p.Where)
			break
		}
		kept++
	}
	got, err := src.Get(tb.Context(), r.Ref)
	if err != nil {
		tb.Fatalf("get by the receipt's reference: %v", err)
	}
	for _, f := range set {
		if v, _ := got.Field(f.Name); v != f.Value {
			tb.Errorf("field %s does not say what was set", f.Name)
		}
	}
	if h.Keep != "" {
		if v, _ := got.Field(h.Keep); v != ss[1].Keep {
			tb.Errorf("the statistics field has changed")
		}
	}
	for _, f := range rec.Fields {
		if info, _ := h.typ(tb, src).Field(f.Name); info.Keep {
			if v, _ := got.Field(f.Name); v != f.Value {
				tb.Errorf("statistics field %s has changed", f.Name)
			}
		}
	}
	if !got.Created.Equal(rec.Created) || !got.Closed.Equal(rec.Closed) {
		tb.Errorf("the times that statistics rest on have changed")
	}
	if n := len(all(tb, src, h.query())); n != len(ss) {
		tb.Errorf("%d records after an edit of one of %d", n, len(ss))
	}
	if _, err := src.(connector.Editor).Edit(tb.Context(), got.Ref, got.Version, []gallra.Field{{Name: "no_such_field", Value: "x"}}); err == nil {
		tb.Errorf("a field that does not exist is set with success")
	}
}

func checkEditStale(tb TB, h Harness) {
	ss := seeds(2)
	h.begin(tb, ss...)
	src := h.open(tb)
	rec := h.records(tb, src, ss)[0]
	h.Touch(tb, ss[0])
	before := h.Stored(tb)
	_, err := src.(connector.Editor).Edit(tb.Context(), rec.Ref, rec.Version, h.edits())
	wantCode(tb, "edit of a record that has changed since it was read", err, gallra.ErrConflict)
	same(tb, "after a refused edit", before, h.Stored(tb))
}

func checkEditMany(tb TB, h Harness) {
	ss := seeds(6)
	h.begin(tb, ss...)
	src := h.open(tb)
	rs := h.records(tb, src, ss)
	gone := rs[1]
	if e, ok := src.(connector.Eraser); ok {
		if _, err := e.Erase(tb.Context(), gone.Ref, ""); err != nil {
			tb.Fatalf("erase: %v", err)
		}
	} else {
		gone.Ref.ID = "0-no/such:id"
	}
	h.Touch(tb, ss[3])
	var edits []connector.Edit
	var items []connector.Item
	for _, i := range []int{4, 1, 0, 3, 2} {
		it := connector.Item{Ref: rs[i].Ref, IfVersion: rs[i].Version}
		if i == 1 {
			it.Ref = gone.Ref
		}
		items = append(items, it)
		edits = append(edits, connector.Edit{Item: it, Set: []gallra.Field{{Name: h.Text, Value: "ny text " + string(rune('a'+i))}}})
	}
	res, err := src.(connector.Batcher).EditMany(tb.Context(), edits)
	if err != nil {
		tb.Fatalf("EditMany: %v", err)
	}
	aligned(tb, res, items, gallra.ActionRedact, map[int]*gallra.Error{1: gallra.ErrNotFound, 3: gallra.ErrConflict})
	h.settle(tb, src, receipts(res)...)
	for i, r := range res {
		if r.Err != nil {
			continue
		}
		got, err := src.Get(tb.Context(), r.Receipt.Ref)
		if err != nil {
			tb.Errorf("get after a batch of edits: %v", err)
			continue
		}
		if v, _ := got.Field(h.Text); v != edits[i].Set[0].Value {
			tb.Errorf("item %d of the batch: its receipt leads to another's record, or nothing was done", i)
		}
	}
	for _, i := range []int{0, 2, 4} {
		if w := h.where(tb, ss[i].Text); len(w) > 0 {
			tb.Errorf("after a batch of edits the old value is still in %s", strings.Join(w, ", "))
		}
	}
	if len(h.where(tb, ss[5].Text)) == 0 || len(h.where(tb, ss[3].Key)) == 0 {
		tb.Errorf("a batch of edits changed a record that is not its own")
	}
}

// withoutLink returns the fields of a record without a value that is itself the
// link (the requester's login, say), where that has gone.
func withoutLink(tb TB, src connector.Source, was, now gallra.Record) []gallra.Field {
	types, err := src.Types(tb.Context())
	if err != nil {
		tb.Fatalf("types: %v", err)
	}
	var out []gallra.Field
	for _, f := range was.Fields {
		v, there := now.Field(f.Name)
		for _, t := range types {
			if info, ok := t.Field(f.Name); ok && t.Name == was.Ref.Type && info.Role == gallra.RoleRequester && v == "" {
				if f.Value = ""; !there {
					f.Name = ""
				}
			}
		}
		if f.Name != "" {
			out = append(out, f)
		}
	}
	return out
}

// checkUnlink proves that a record is cut loose from its person and otherwise
// left as it is, that a second time is fine, and that each ref has its answer.
func checkUnlink(tb TB, h Harness) {
	ss := seeds(4)
	h.Reset(tb)
	h.Linked(tb, ss)
	src := h.open(tb)
	rs := h.records(tb, src, ss)
	for _, r := range rs {
		if r.Person.IsZero() {
			tb.Fatalf("the harness stores a record without its person")
		}
	}
	keep := h.others(tb, ss[0], ss[2])
	refs := []gallra.Ref{rs[2].Ref, {System: rs[0].Ref.System, Type: h.Type, ID: "0-no/such:id"}, rs[0].Ref}
	for _, round := range []string{"unlinked", "unlinked twice"} {
		res, err := src.(connector.Unlinker).Unlink(tb.Context(), refs)
		if err != nil || len(res) != len(refs) {
			tb.Fatalf("%s: %d answers, %v", round, len(res), err)
		}
		missing(tb, round, res[1].Err)
		for _, i := range []int{0, 2} {
			if res[i].Err != nil {
				tb.Errorf("%s: %v", round, res[i].Err)
			} else if res[i].Receipt.Ref != refs[i] || res[i].Receipt.Grade < gallra.GradeUnlinked {
				tb.Errorf("%s: the receipt is another's, or of grade %d", round, res[i].Receipt.Grade)
			}
		}
		for _, i := range []int{0, 2} {
			got, err := src.Get(tb.Context(), rs[i].Ref)
			if err != nil {
				tb.Fatalf("get: %v", err)
			}
			if !got.Person.IsZero() {
				tb.Errorf("%s: the record still leads to its person", round)
			}
			if !slices.Equal(got.Fields, withoutLink(tb, src, rs[i], got)) {
				tb.Errorf("%s: a field of the record has changed", round)
			}
			if !got.Created.Equal(rs[i].Created) || !got.Closed.Equal(rs[i].Closed) || !got.Contact.Equal(rs[i].Contact) {
				tb.Errorf("%s: a time that statistics rest on has changed", round)
			}
		}
		same(tb, round+": another record", keep, h.others(tb, ss[0], ss[2]))
		if got, err := src.Get(tb.Context(), rs[1].Ref); err != nil || got.Person != rs[1].Person {
			tb.Errorf("%s: another record has lost its person", round)
		}
		for _, i := range []int{0, 2} {
			if _, err := src.Get(tb.Context(), rs[i].Person); err != nil {
				tb.Errorf("%s: the person's own record is gone: %v", round, err)
			}
		}
	}
	checkUnlinkByEdit(tb, h, src, rs[1], rs[3])
}

// checkUnlinkByEdit proves of a connector that says it has cut a record loose
// with an edit that it has, and of any that a record which it was not asked to
// cut loose, or refused, keeps its person.
func checkUnlinkByEdit(tb TB, h Harness, src connector.Source, asked, refused gallra.Record) {
	b, can := src.(connector.Batcher)
	if !can || h.Text == "" {
		return
	}
	set := []gallra.Field{{Name: h.Text, Value: "ny text"}}
	res, err := b.EditMany(tb.Context(), []connector.Edit{
		{Item: connector.Item{Ref: asked.Ref, IfVersion: asked.Version}, Set: set, Unlink: true},
		{Item: connector.Item{Ref: refused.Ref, IfVersion: "no such version"}, Set: set, Unlink: true},
	})
	if err != nil || len(res) != 2 {
		tb.Fatalf("unlinked by an edit: %d answers, %v", len(res), err)
	}
	for i, r := range []gallra.Record{asked, refused} {
		got, err := src.Get(tb.Context(), r.Ref)
		if err != nil {
			tb.Fatalf("get: %v", err)
		}
		switch loose := got.Person.IsZero(); {
		case res[i].Unlinked && res[i].Err != nil:
			tb.Errorf("unlinked by an edit: it says done of an edit that it refused")
		case res[i].Unlinked && !loose:
			tb.Errorf("unlinked by an edit: it says so, and the record still leads to its person")
		case !res[i].Unlinked && loose:
			tb.Errorf("unlinked by an edit: it has lost its person, and nothing says so")
		}
	}
}
