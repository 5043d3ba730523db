package connectortest

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

// checkHarness proves the harness: a suite that looks at the wrong place passes
// every connector.
func checkHarness(tb TB, h Harness) {
	ss := h.fullSeeds(3)
	h.begin(tb)
	for _, s := range ss {
		if w := h.where(tb, s.Key); len(w) > 0 {
			tb.Fatalf("an empty system stores a seed's key in %v", w)
		}
	}
	h.begin(tb, ss...)
	for _, s := range ss {
		must := map[string]string{"Key": s.Key}
		for _, k := range h.Kinds {
			must[string(k)] = s.value(k)
		}
		if h.Text != "" {
			must["Text"] = s.Text
		}
		if h.Keep != "" {
			must["Keep"] = s.Keep
		}
		for i, c := range s.Children {
			must["Children["+strconv.Itoa(i)+"]"] = c
		}
		for _, f := range s.Files {
			must["Files.Name"], must["Files.Content"] = f.Name, string(f.Content)
		}
		for what, v := range must {
			if v == "" || len(h.where(tb, v)) == 0 {
				tb.Errorf("Stored does not show what Seed put in: %s", what)
			}
		}
	}
	h.Reset(tb)
	for _, s := range ss {
		h.mustLack(tb, s)
	}
}

func checkDeclared(tb TB, h Harness) {
	h.begin(tb, seeds(1)...)
	i := slices.IndexFunc(connector.All(), func(i connector.Info) bool { return i.Name == h.Name })
	if i < 0 {
		tb.Fatalf("no connector is registered as %q", h.Name)
	}
	info := connector.All()[i]
	src := h.open(tb)
	got, want := connector.Capabilities(src), slices.Clone(info.Can)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		tb.Errorf("declared capabilities %v, real ones %v", want, got)
	}
	if info.Title == "" || info.Channel == "" || len(info.Schemes) == 0 {
		tb.Errorf("title, channel and schemes must be declared")
	}
	if slices.Contains(want, connector.CanFind) != (len(info.Finds) > 0) {
		tb.Errorf("CanFind and Finds do not agree")
	}
	for _, k := range info.Finds {
		if !slices.Contains(gallra.IdentifierKinds(), k) {
			tb.Errorf("finds %q, which is no kind of identifier", k)
		}
	}
	for _, k := range h.Kinds {
		if len(info.Finds) > 0 && !slices.Contains(info.Finds, k) {
			tb.Errorf("holds identifiers of kind %q and does not declare that it finds them", k)
		}
	}
	for _, s := range info.Schemes {
		if l, ok := connector.Lookup(s); !ok || l.Name != info.Name {
			tb.Errorf("scheme %q does not lead to the connector", s)
		}
	}
	if err := src.Check(tb.Context()); err != nil {
		tb.Errorf("Check of a sound system: %v", err)
	}
	c := h.Config(tb)
	c.BackupLife = "P17D"
	told, err := connector.Open(tb.Context(), c)
	if err != nil {
		tb.Fatalf("open: %v", err)
	}
	defer told.Close()
	if p, ok := told.(connector.Profiled); ok && p.Profile().BackupLife != c.BackupLife {
		tb.Errorf("backups are said to live %q by the profile and %q by the one who keeps them: the latter counts", p.Profile().BackupLife, c.BackupLife)
	}
}

func checkRequiredOptions(tb TB, h Harness) {
	h.begin(tb)
	for _, info := range connector.All() {
		if info.Name != h.Name {
			continue
		}
		for _, o := range info.Options {
			if o.Name == "" || o.Help == "" {
				tb.Errorf("option %q has no help", o.Name)
			}
			if !o.Required {
				continue
			}
			c := h.Config(tb)
			c.Options = map[string]string{}
			for k, v := range h.Config(tb).Options {
				c.Options[k] = v
			}
			c.Options[o.Name] = ""
			_, err := connector.Open(tb.Context(), c)
			wantCode(tb, "without option "+o.Name, err, gallra.ErrInvalid)
		}
	}
}

func checkTypes(tb TB, h Harness) {
	h.begin(tb, h.fullSeeds(1)...)
	src := h.open(tb)
	types, err := src.Types(tb.Context())
	if err != nil {
		tb.Fatalf("types: %v", err)
	}
	seen := map[string]bool{}
	for _, t := range types {
		if t.Name == "" || t.Kind == "" || seen[t.Name] {
			tb.Errorf("type %q has no name or kind, or occurs twice", t.Name)
		}
		if t.Parent != "" && t.Parent != t.Name && !seen[t.Parent] {
			tb.Errorf("type %s: its parent %q does not come before it", t.Name, t.Parent)
		}
		seen[t.Name] = true
		fields := map[string]bool{}
		for _, f := range t.Fields {
			if f.Name == "" || fields[f.Name] {
				tb.Errorf("type %s: field %q has no name or occurs twice", t.Name, f.Name)
			}
			fields[f.Name] = true
			if f.Keep && (f.Category != "" || f.Text || f.Format != connector.FormatPlain) {
				tb.Errorf("type %s: statistics field %s is declared personal or text", t.Name, f.Name)
			}
			if f.Category != "" && !f.Category.Valid() {
				tb.Errorf("type %s: field %s has no such category %q", t.Name, f.Name, f.Category)
			}
		}
		if _, err := src.List(tb.Context(), connector.Query{Type: t.Name, Limit: 1}); err != nil {
			tb.Errorf("type %s cannot be listed: %v", t.Name, err)
		}
		for _, r := range all(tb, src, connector.Query{Type: t.Name}) {
			for _, f := range r.Fields {
				if !fields[f.Name] {
					tb.Errorf("type %s: a record has the field %q, which Types does not name", t.Name, f.Name)
				}
			}
		}
	}
	t := h.typ(tb, src)
	for _, f := range []struct {
		name string
		ok   func(connector.FieldInfo) bool
		what string
	}{
		{h.Email, func(f connector.FieldInfo) bool { return f.Category == gallra.CategoryEmail }, "category EMAIL"},
		{h.Named, func(f connector.FieldInfo) bool { return f.Category == gallra.CategoryPerson }, "category PERSON"},
		{h.Text, func(f connector.FieldInfo) bool { return f.Text }, "text"},
		{h.Keep, func(f connector.FieldInfo) bool { return f.Keep }, "a statistics field"},
	} {
		if f.name == "" {
			continue
		}
		if info, ok := t.Field(f.name); !ok || !f.ok(info) {
			tb.Errorf("field %s of %s is not declared as %s", f.name, t.Name, f.what)
		}
	}
}

func (h Harness) typ(tb TB, src connector.Source) connector.Type {
	tb.Helper()
	types, err := src.Types(tb.Context())
	if err != nil {
		tb.Fatalf("types: %v", err)
	}
	for _, t := range types {
		if t.Name == h.Type {
			return t
		}
	}
	tb.Fatalf("there is no type %q", h.Type)
	return connector.Type{}
}

func checkListOnce(tb TB, h Harness) {
	const n = 7
	ss := seeds(n)
	h.begin(tb, ss...)
	src := h.open(tb)
	var first []gallra.Ref
	for limit := range n + 2 {
		q := h.query()
		q.Limit = limit
		rs := all(tb, src, q)
		refs := refsOf(rs)
		if len(refs) != n {
			tb.Errorf("limit %d: %d records of %d", limit, len(refs), n)
		}
		for i, r := range rs {
			if r.Ref.Type != h.Type || r.Ref.ID == "" || r.Ref.System == "" || r.Version == "" {
				tb.Errorf("record %d has an incomplete reference or no version: %s", i, r.Ref)
			}
			if slices.Index(refs, r.Ref) != i {
				tb.Errorf("limit %d: %s is listed twice", limit, r.Ref)
			}
			for _, s := range ss {
				if strings.Contains(strings.ToLower(r.Ref.ID), s.Key) {
					tb.Errorf("the reference holds a personal value")
				}
			}
		}
		if first == nil {
			first = refs
		} else if !slices.Equal(first, refs) {
			tb.Errorf("limit %d: another order or other records than with no limit", limit)
		}
	}
	for i, r := range h.records(tb, src, ss) {
		got, err := src.Get(tb.Context(), r.Ref)
		if err != nil {
			tb.Fatalf("get %s: %v", r.Ref, err)
		}
		if got.Ref != r.Ref || got.Version != r.Version || !slices.Equal(got.Fields, r.Fields) || !got.Created.Equal(r.Created) || !got.Closed.Equal(r.Closed) {
			tb.Errorf("record %d: Get and List do not agree", i)
		}
		for _, f := range []struct{ name, want string }{{h.Email, ss[i].Email}, {h.Named, ss[i].Name}, {h.Text, ss[i].Text}, {h.Keep, ss[i].Keep}} {
			if v, ok := got.Field(f.name); f.name != "" && (!ok || v != f.want) {
				tb.Errorf("record %d: field %s does not say what was seeded", i, f.name)
			}
		}
	}
}

func refsOf(rs []gallra.Record) []gallra.Ref {
	out := make([]gallra.Ref, 0, len(rs))
	for _, r := range rs {
		out = append(out, r.Ref)
	}
	return out
}

func checkListEmpty(tb TB, h Harness) {
	h.begin(tb)
	for _, limit := range []int{0, 1, 50} {
		p, err := h.open(tb).List(tb.Context(), connector.Query{Type: h.Type, Limit: limit})
		if err != nil || len(p.Records) != 0 || p.Next != "" || p.Total > 0 {
			tb.Errorf("an empty system lists %d records, next %q, total %d, error %v", len(p.Records), p.Next, p.Total, err)
		}
	}
}

func checkListWhileInserting(tb TB, h Harness) {
	ss := seeds(9)
	h.begin(tb, ss[:6]...)
	src := h.open(tb)
	want := refsOf(h.records(tb, src, ss[:6]))
	var got []gallra.Ref
	q := h.query()
	q.Limit = 2
	for i := 0; ; i++ {
		p, err := src.List(tb.Context(), q)
		if err != nil {
			tb.Fatalf("list: %v", err)
		}
		got = append(got, refsOf(p.Records)...)
		if p.Next == "" || i > 20 {
			break
		}
		q.Cursor = p.Next
		if i < 3 {
			h.Seed(tb, ss[6+i:7+i])
		}
	}
	once(tb, "while records are added", want, got)
}

// once fails unless every wanted reference is there exactly once.
func once(tb TB, when string, want, got []gallra.Ref) {
	tb.Helper()
	count := map[gallra.Ref]int{}
	for _, r := range got {
		count[r]++
	}
	for _, r := range want {
		if count[r] != 1 {
			tb.Errorf("%s: %s is listed %d times", when, r, count[r])
		}
	}
}

func checkListWhileDeleting(tb TB, h Harness) {
	ss := seeds(9)
	h.begin(tb, ss...)
	src := h.open(tb)
	want := refsOf(h.records(tb, src, ss))
	var got []gallra.Ref
	q := h.query()
	q.Limit = 2
	for i := 0; i < 20; i++ {
		p, err := src.List(tb.Context(), q)
		if err != nil {
			tb.Fatalf("list: %v", err)
		}
		got = append(got, refsOf(p.Records)...)
		if p.Next == "" {
			break
		}
		for _, r := range p.Records {
			h.erase(tb, src, r)
		}
		q.Cursor = p.Next
	}
	once(tb, "while records are erased", want, got)
}

func checkResume(tb TB, h Harness) {
	ss := seeds(7)
	h.begin(tb, ss...)
	want := refsOf(all(tb, h.open(tb), h.query()))
	q := h.query()
	q.Limit = 2
	for seen := 0; ; {
		src := h.open(tb)
		p, err := src.List(tb.Context(), q)
		if err != nil {
			tb.Fatalf("list from a cursor in a new connection: %v", err)
		}
		seen += len(p.Records)
		_ = src.Close()
		if p.Next == "" {
			if seen != len(want) {
				tb.Errorf("pages read in new connections hold %d records of %d", seen, len(want))
			}
			return
		}
		if seen > len(want) {
			tb.Fatalf("pages read in new connections do not end")
		}
		for _, s := range ss {
			if strings.Contains(strings.ToLower(p.Next), s.Key) {
				tb.Errorf("the cursor holds a personal value")
			}
		}
		q.Cursor = p.Next
		rest := q
		rest.Limit = 3
		if got := refsOf(all(tb, h.open(tb), rest)); !slices.Equal(got, want[seen:]) {
			tb.Errorf("from the cursor after %d records: %d records follow, not the %d that are left", seen, len(got), len(want)-seen)
		}
	}
}

func checkListRange(tb TB, h Harness) {
	step := h.Resolution
	if step == 0 {
		step = time.Second
	}
	for _, clock := range h.Clocks {
		ss := seeds(5)
		for i := range ss {
			at := base.Add(time.Duration(i) * step)
			ss[i].Created, ss[i].Updated, ss[i].Contact, ss[i].Closed = at, at, at, at
		}
		h.begin(tb, ss...)
		src := h.open(tb)
		if !slices.Contains(h.typ(tb, src).Starts, clock) {
			tb.Errorf("clock %s is not among Type.Starts", clock)
		}
		refs := refsOf(h.records(tb, src, ss))
		for _, r := range []struct {
			name     string
			from, to time.Time
			want     []int
		}{
			{"[1,3)", base.Add(step), base.Add(3 * step), []int{1, 2}},
			{"[2,2+)", base.Add(2 * step), base.Add(3 * step), []int{2}},
			{"(-,2)", time.Time{}, base.Add(2 * step), []int{0, 1}},
			{"[3,-)", base.Add(3 * step), time.Time{}, []int{3, 4}},
			{"(-,-)", time.Time{}, time.Time{}, []int{0, 1, 2, 3, 4}},
			{"[9,-)", base.Add(9 * step), time.Time{}, nil},
			{"[2,2)", base.Add(2 * step), base.Add(2 * step), nil},
		} {
			q := h.query()
			q.Clock, q.From, q.To, q.Limit = clock, r.from, r.to, 2
			h.mustSelect(tb, src, q, string(clock)+" "+r.name, refs, r.want)
		}
	}
	if !slices.Contains(h.Clocks, gallra.StartClosed) || !slices.Contains(h.Clocks, gallra.StartCreated) {
		tb.Logf("not tried: Fallback (needs the clocks created and closed)")
		return
	}
	ss := seeds(4)
	for i := range ss {
		at := base.Add(time.Duration(i) * step)
		ss[i].Created, ss[i].Updated, ss[i].Contact, ss[i].Closed = at, at, at, base.Add(3*step)
	}
	ss[0].Closed, ss[1].Closed = time.Time{}, time.Time{}
	h.begin(tb, ss...)
	src := h.open(tb)
	refs := refsOf(h.records(tb, src, ss))
	q := h.query()
	q.Clock, q.To = gallra.StartClosed, base.Add(step)
	h.mustSelect(tb, src, q, "closed unknown, no fallback", refs, nil)
	q.Fallback = gallra.StartCreated
	h.mustSelect(tb, src, q, "closed unknown, fallback created", refs, []int{0})
	q.To = base.Add(3*step + 1)
	q.From = base.Add(step)
	h.mustSelect(tb, src, q, "fallback and clock together", refs, []int{1, 2, 3})
}

func (h Harness) mustSelect(tb TB, src connector.Source, q connector.Query, name string, refs []gallra.Ref, want []int) {
	tb.Helper()
	var got []int
	for _, r := range all(tb, src, q) {
		got = append(got, slices.Index(refs, r.Ref))
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		tb.Errorf("range %s selects seeds %v, want %v", name, got, want)
	}
}

func checkListParents(tb TB, h Harness) {
	ss := h.fullSeeds(3)
	h.begin(tb, ss...)
	src := h.open(tb)
	rs := h.records(tb, src, ss)
	for _, r := range []struct {
		parents []gallra.Ref
		want    []Seed
	}{
		{[]gallra.Ref{rs[1].Ref}, ss[1:2]},
		{[]gallra.Ref{rs[0].Ref, rs[2].Ref}, []Seed{ss[0], ss[2]}},
	} {
		list := all(tb, src, connector.Query{Type: h.Children, Parents: r.parents, Limit: 1})
		for _, s := range ss {
			wanted := slices.ContainsFunc(r.want, func(w Seed) bool { return w.Key == s.Key })
			for i, text := range s.Children {
				n := 0
				for _, c := range list {
					if holds(c, text) {
						n++
					}
				}
				if wanted && n != 1 || !wanted && n != 0 {
					tb.Errorf("children of %d records: child %d of seed %s is listed %d times", len(r.parents), i, s.Key, n)
				}
			}
		}
		for _, c := range list {
			if !slices.Contains(r.parents, c.Parent) {
				tb.Errorf("%s is listed, and its Parent is %s", c.Ref, c.Parent)
			}
		}
	}
}

func checkPartitions(tb TB, h Harness) {
	ss := seeds(12)
	h.begin(tb, ss...)
	src := h.open(tb)
	want := refsOf(all(tb, src, h.query()))
	for _, n := range []int{1, 2, 5, 50} {
		qs, err := src.(connector.Partitioner).Partitions(tb.Context(), h.query(), n)
		if err != nil {
			tb.Fatalf("partitions: %v", err)
		}
		var got []gallra.Ref
		for _, q := range qs {
			q.Limit = 3
			got = append(got, refsOf(all(tb, h.open(tb), q))...)
		}
		once(tb, strconv.Itoa(n)+" partitions", want, got)
		if len(got) != len(want) {
			tb.Errorf("%d partitions: %d records of %d", n, len(got), len(want))
		}
	}
}

func checkProjections(tb TB, h Harness) {
	ss := h.fullSeeds(3)
	h.begin(tb, ss...)
	src := h.open(tb)
	types, err := src.Types(tb.Context())
	if err != nil {
		tb.Fatalf("types: %v", err)
	}
	for _, t := range types {
		q := connector.Query{Type: t.Name}
		full := all(tb, src, q)
		q.Fields = connector.FieldsKeep
		kept := all(tb, src, q)
		q.Fields = connector.FieldsNone
		bare := all(tb, src, q)
		if len(kept) != len(full) || len(bare) != len(full) {
			tb.Fatalf("type %s: %d records, %d with statistics fields, %d bare", t.Name, len(full), len(kept), len(bare))
		}
		for i, f := range full {
			for _, r := range []gallra.Record{kept[i], bare[i]} {
				if r.Ref != f.Ref || r.Version != f.Version || !r.Created.Equal(f.Created) || !r.Updated.Equal(f.Updated) || !r.Contact.Equal(f.Contact) || !r.Closed.Equal(f.Closed) {
					tb.Errorf("type %s: a projection changes reference, version or times of %s", t.Name, f.Ref)
				}
			}
			if len(bare[i].Fields) > 0 {
				tb.Errorf("type %s: FieldsNone fills fields", t.Name)
			}
			for _, v := range kept[i].Fields {
				if info, ok := t.Field(v.Name); !ok || !info.Keep {
					tb.Errorf("type %s: FieldsKeep fills %s, which is no statistics field", t.Name, v.Name)
				}
			}
			for _, s := range ss {
				personal := holds(kept[i], s.Key)
				for _, k := range h.Kinds {
					personal = personal || s.value(k) != "" && holds(kept[i], s.value(k))
				}
				if personal {
					tb.Errorf("type %s: a statistics field of %s holds a personal value", t.Name, f.Ref)
				}
			}
			for _, info := range t.Fields {
				if info.Keep {
					a, _ := f.Field(info.Name)
					if b, _ := kept[i].Field(info.Name); a != b {
						tb.Errorf("type %s: statistics field %s differs between projections", t.Name, info.Name)
					}
				}
			}
		}
	}
}

func checkFaithful(tb TB, h Harness) {
	texts := h.Texts
	if texts == nil {
		texts = Odd()
	}
	ss := seeds(len(texts))
	for i := range ss {
		ss[i].Text = ss[i].Key + " " + texts[i]
	}
	h.begin(tb, ss...)
	src := h.open(tb)
	for i, r := range h.records(tb, src, ss) {
		if v, _ := r.Field(h.Text); v != ss[i].Text {
			tb.Errorf("odd text %d is not read as it was written (%d bytes, want %d)", i, len(v), len(ss[i].Text))
		}
	}
}

func checkNotFound(tb TB, h Harness) {
	ss := seeds(1)
	h.begin(tb, ss...)
	src := h.open(tb)
	ref := h.records(tb, src, ss)[0].Ref
	h.Reset(tb)
	refs := []gallra.Ref{ref, {System: ref.System, Type: h.Type, ID: "0-no/such:id"}, {System: ref.System, Type: "no-such-type", ID: ref.ID}}
	for _, r := range refs {
		_, err := src.Get(tb.Context(), r)
		missing(tb, "get", err)
		if s, ok := src.(connector.Eraser); ok {
			_, err := s.Erase(tb.Context(), r, "")
			missing(tb, "erase", err)
		}
		if s, ok := src.(connector.Editor); ok && h.Text != "" {
			_, err := s.Edit(tb.Context(), r, "", []gallra.Field{{Name: h.Text, Value: "x"}})
			missing(tb, "edit", err)
		}
		if s, ok := src.(connector.Attachments); ok {
			f, err := s.Open(tb.Context(), r)
			if err == nil {
				_ = f.Close()
			}
			missing(tb, "open", err)
		}
	}
	if _, err := src.List(tb.Context(), connector.Query{Type: "no-such-type"}); err == nil {
		tb.Errorf("a type that does not exist can be listed")
	}
}

func missing(tb TB, what string, err error) {
	tb.Helper()
	if !errors.Is(err, gallra.ErrNotFound) {
		tb.Errorf("%s of a record that is not there: want code not_found, got %v", what, err)
	}
}
