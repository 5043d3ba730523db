package connectortest

import (
	"bytes"
	"io"
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

func checkReadsChangeNothing(tb TB, h Harness) {
	ss := h.fullSeeds(4)
	h.begin(tb, ss...)
	before := h.Stored(tb)
	var raw []byte
	if h.Raw != nil {
		raw = h.Raw(tb)
	}
	src := h.open(tb)
	if err := src.Check(tb.Context()); err != nil {
		tb.Fatalf("check: %v", err)
	}
	types, err := src.Types(tb.Context())
	if err != nil {
		tb.Fatalf("types: %v", err)
	}
	var refs []gallra.Ref
	for _, t := range types {
		for _, r := range all(tb, src, connector.Query{Type: t.Name, Limit: 2}) {
			refs = append(refs, r.Ref)
			if _, err := src.Get(tb.Context(), r.Ref); err != nil {
				tb.Errorf("get %s: %v", r.Ref, err)
			}
			if o, ok := src.(connector.Attachments); ok && t.Kind == connector.KindAttachment {
				_ = read(tb, o, r.Ref)
			}
		}
	}
	ids := h.identifiers(ss[0])
	if _, ok := src.(connector.Finder); ok {
		find(tb, src, connector.InFields, ids...)
		find(tb, src, connector.InText, ids...)
	}
	if _, ok := src.(connector.Searcher); ok {
		leftovers(tb, src, ids...)
	}
	if s, ok := src.(connector.Verifier); ok {
		if _, err := s.Remains(tb.Context(), refs); err != nil {
			tb.Errorf("remains: %v", err)
		}
	}
	if s, ok := src.(connector.Partitioner); ok {
		if _, err := s.Partitions(tb.Context(), h.query(), 3); err != nil {
			tb.Errorf("partitions: %v", err)
		}
	}
	if err := src.Close(); err != nil {
		tb.Errorf("close: %v", err)
	}
	same(tb, "after reading only", before, h.Stored(tb))
	if h.Raw != nil && !bytes.Equal(raw, h.Raw(tb)) {
		tb.Errorf("after reading only: the stored bytes have changed")
	}
}

func read(tb TB, o connector.Attachments, ref gallra.Ref) []byte {
	tb.Helper()
	f, err := o.Open(tb.Context(), ref)
	if err != nil {
		tb.Fatalf("open %s: %v", ref, err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		tb.Fatalf("read %s: %v", ref, err)
	}
	return b
}

// identifiers returns what the harness holds of the seed's person.
func (h Harness) identifiers(s Seed) []gallra.Identifier {
	var out []gallra.Identifier
	for _, k := range h.Kinds {
		out = append(out, gallra.Identifier{Kind: k, Value: s.value(k)})
	}
	return out
}

// alike holds, for each kind, the value of one person and that of another whose
// value contains it or is contained in it.
var alike = []struct {
	kind       gallra.IdentifierKind
	one, other string
}{
	{gallra.IdentEmail, "anna@example.se", "johanna@example.se"},
	{gallra.IdentEmail, "anna@example.se", "anna@example.se.example.org"},
	{gallra.IdentEmail, "a_b@example.se", "axb@example.se"}, // the wildcard of SQL's LIKE
	{gallra.IdentPhone, "070-174 06 05", "070-174 06 051"},
	{gallra.IdentPersonnummer, "19811218-9876", "19811218-9884"},
	{gallra.IdentName, "Anna Berg", "Johanna Bergström"},
	{gallra.IdentUsername, "anna", "annabella"},
	{gallra.IdentCustomer, "K1001", "K10010"},
	{gallra.IdentIP, "192.0.2.1", "192.0.2.11"},
}

// checkFindWhole proves that a value finds its own records and not those of a
// look-alike.
func checkFindWhole(tb TB, h Harness) {
	for _, a := range alike {
		if !h.holdsKind(a.kind) {
			continue
		}
		ss := seeds(3)
		ss[0].set(a.kind, a.one)
		ss[1].set(a.kind, a.other)
		h.begin(tb, ss...)
		src := h.open(tb)
		rs := h.records(tb, src, ss)
		for _, depth := range []connector.Depth{connector.InFields, connector.InText} {
			h.mustFind(tb, src, depth, gallra.Identifier{Kind: a.kind, Value: a.one}, ss, rs, 0)
			h.mustFind(tb, src, depth, gallra.Identifier{Kind: a.kind, Value: a.other}, ss, rs, 1)
		}
		if hits := find(tb, src, connector.InText, gallra.Identifier{Kind: a.kind, Value: "zzqq-0-nobody@example.net"}); len(hits) > 0 {
			tb.Errorf("%s: a value that nobody has gives %d hits", a.kind, len(hits))
		}
	}
}

func (h Harness) holdsKind(k gallra.IdentifierKind) bool {
	for _, x := range h.Kinds {
		if x == k {
			return true
		}
	}
	return false
}

// mustFind fails unless id finds the case of ss[want] and no other.
func (h Harness) mustFind(tb TB, src connector.Source, depth connector.Depth, id gallra.Identifier, ss []Seed, rs []gallra.Record, want int) {
	tb.Helper()
	found := false
	for _, hit := range find(tb, src, depth, id) {
		if hit.Identifier != 0 || hit.Kind != id.Kind || hit.Field == "" || hit.Role == "" || hit.Certainty == "" {
			tb.Errorf("%s: an incomplete hit on %s: field %q, role %q, kind %q, certainty %q", id.Kind, hit.Ref, hit.Field, hit.Role, hit.Kind, hit.Certainty)
		}
		if hit.Certainty == connector.Certain && id.Kind == gallra.IdentName {
			tb.Errorf("name: a hit by name alone is called certain (REQUIREMENTS W-6)")
		}
		switch {
		case belongs(tb, src, hit.Ref, hit.Parent, rs[want], ss[want]):
			found = true
		default:
			tb.Errorf("%s at depth %d: %s is found and belongs to somebody else", id.Kind, depth, hit.Ref)
		}
	}
	if !found {
		tb.Errorf("%s at depth %d: the person's own record is not found", id.Kind, depth)
	}
}

// forms are written forms of one value: each finds the others.
var forms = map[gallra.IdentifierKind][]string{
	gallra.IdentEmail:        {"Anna.Berg@Example.se", "anna.berg@example.se", "ANNA.BERG@EXAMPLE.SE"},
	gallra.IdentPhone:        {"070-174 06 05", "+46701740605", "0701740605", "+46 70 174 06 05"},
	gallra.IdentPersonnummer: {"19811218-9876", "811218-9876", "8112189876", "198112189876"},
	gallra.IdentName:         {"Åsa Sjöqvist", "åsa sjöqvist"},
	gallra.IdentUsername:     {"AnnaB", "annab"},
	gallra.IdentCustomer:     {"K1001", "k1001"},
}

// checkFindForms proves that a value is found in whatever form it is written
// (REQUIREMENTS H-3).
func checkFindForms(tb TB, h Harness) {
	for _, kind := range h.Kinds {
		for _, written := range forms[kind] {
			ss := seeds(2)
			ss[0].set(kind, written)
			h.begin(tb, ss...)
			src := h.open(tb)
			rs := h.records(tb, src, ss)
			for _, asked := range forms[kind] {
				h.mustFind(tb, src, connector.InFields, gallra.Identifier{Kind: kind, Value: asked}, ss, rs, 0)
			}
		}
	}
}

// lone holds values that a text can name and that hold no seed's key.
var lone = map[gallra.IdentifierKind]string{
	gallra.IdentEmail: "grannen@example.se", gallra.IdentPhone: "070-174 06 99", gallra.IdentPersonnummer: "19811218-9876",
	gallra.IdentCustomer: "K900417", gallra.IdentIP: "198.51.100.7",
}

// checkFindMention proves that a person named in another's case is found there
// with a role that keeps the other's case from being erased.
func checkFindMention(tb TB, h Harness) {
	for _, kind := range h.Kinds {
		if kind == gallra.IdentName || kind == gallra.IdentUsername {
			continue // a word that a text can hold by chance
		}
		ss := seeds(3)
		value := lone[kind]
		ss[0].set(kind, value)
		ss[1].Text += " Min granne har " + value + ", hör av er dit."
		h.begin(tb, ss...)
		src := h.open(tb)
		rs := h.records(tb, src, ss)
		mentioned := false
		for _, hit := range find(tb, src, connector.InText, gallra.Identifier{Kind: kind, Value: value}) {
			switch {
			case belongs(tb, src, hit.Ref, hit.Parent, rs[0], ss[0]):
			case belongs(tb, src, hit.Ref, hit.Parent, rs[1], ss[1]):
				mentioned = true
				if hit.Role != gallra.RoleMentioned && hit.Role != gallra.RoleQuoted {
					tb.Errorf("%s: a mention in another's case has the role %q", kind, hit.Role)
				}
			default:
				tb.Errorf("%s: %s is found and does not hold the value", kind, hit.Ref)
			}
		}
		if !mentioned {
			tb.Errorf("%s: a mention in another's text is not found at depth InText", kind)
		}
		for _, hit := range find(tb, src, connector.InFields, gallra.Identifier{Kind: kind, Value: value}) {
			if belongs(tb, src, hit.Ref, hit.Parent, rs[1], ss[1]) && !strings.EqualFold(hit.Field, h.Text) {
				tb.Errorf("%s: a mention in text is found as a field (%s)", kind, hit.Field)
			}
		}
	}
}

func leftovers(tb TB, src connector.Source, ids ...gallra.Identifier) []gallra.Residue {
	tb.Helper()
	var out []gallra.Residue
	cursor := ""
	for range 1000 {
		p, err := src.(connector.Searcher).Leftovers(tb.Context(), connector.Needles{Identifiers: ids, Depth: connector.InText}, cursor)
		if err != nil {
			tb.Fatalf("leftovers: %v", err)
		}
		out = append(out, p.Residues...)
		if p.Next == "" {
			return out
		}
		cursor = p.Next
	}
	tb.Fatalf("leftovers do not end")
	return nil
}

func checkLeftovers(tb TB, h Harness) {
	ss := h.fullSeeds(2)
	ids := h.identifiers(ss[0])
	if len(ids) == 0 {
		ss[0].Text += " Svara till " + ss[0].Email
	}
	h.begin(tb, ss...)
	src := h.open(tb)
	rs := h.records(tb, src, ss)
	if len(ids) == 0 {
		ids = []gallra.Identifier{{Kind: gallra.IdentEmail, Value: ss[0].Email}}
	}
	left := leftovers(tb, src, ids...)
	if len(left) == 0 {
		tb.Errorf("nothing is left of a person whose record is there")
	}
	h.mustNotTell(tb, left, ss)
	e, ok := src.(connector.Eraser)
	if !ok {
		return
	}
	r, err := e.Erase(tb.Context(), rs[0].Ref, "")
	if err != nil {
		tb.Fatalf("erase: %v", err)
	}
	h.settle(tb, src, r)
	if left := leftovers(tb, src, ids...); len(left) > 0 {
		tb.Errorf("after the erasure %d places are said to hold the person, %s for one", len(left), left[0].Where)
	}
	if h.Plant == nil {
		tb.Logf("not tried: planted leftovers")
		return
	}
	for _, id := range ids {
		h.Reset(tb)
		h.Seed(tb, ss[1:])
		h.Plant(tb, "Kvar: "+id.Value+" åäö.")
		left := leftovers(tb, src, id)
		if len(left) == 0 {
			tb.Errorf("%s: what was left behind is not found", id.Kind)
		}
		h.mustNotTell(tb, left, ss)
	}
}

// mustNotTell fails when a residue holds a personal value.
func (h Harness) mustNotTell(tb TB, rs []gallra.Residue, ss []Seed) {
	tb.Helper()
	for _, r := range rs {
		if r.Where == "" || r.Why == "" {
			tb.Errorf("a residue does not say where or why")
		}
		said := strings.ToLower(r.Where + r.Why + r.Ref.String())
		for _, s := range ss {
			for _, v := range append([]string{s.Key}, s.Email, s.Name) {
				if strings.Contains(said, strings.ToLower(v)) {
					tb.Errorf("a residue holds a personal value")
				}
			}
		}
	}
}

func checkRemains(tb TB, h Harness) {
	ss := h.fullSeeds(3)
	h.begin(tb, ss...)
	src := h.open(tb)
	rs := h.records(tb, src, ss)
	refs := refsOf(rs)
	ask := func() map[gallra.Ref]int {
		out, err := src.(connector.Verifier).Remains(tb.Context(), refs)
		if err != nil {
			tb.Fatalf("remains: %v", err)
		}
		h.mustNotTell(tb, out, ss)
		by := map[gallra.Ref]int{}
		for _, r := range out {
			by[r.Ref]++
		}
		return by
	}
	if by := ask(); by[refs[0]] == 0 || by[refs[1]] == 0 || by[refs[2]] == 0 {
		tb.Errorf("records that are there are said to be gone")
	}
	h.settle(tb, src, h.erase(tb, src, rs[1]))
	if by := ask(); by[refs[1]] > 0 || by[refs[0]] == 0 || by[refs[2]] == 0 {
		tb.Errorf("after one erasure the wrong records are said to remain")
	}
	if h.PutBack == nil {
		tb.Logf("not tried: a record put back where List does not look")
		return
	}
	h.PutBack(tb, refs[1], ss[1])
	if by := ask(); by[refs[1]] == 0 {
		tb.Errorf("a record that is back in the storage is said to be gone")
	}
}

// checkTrace tries a Tracer: what it has noted is there before an erasure and
// nowhere after it, and another record's is not touched by the question.
func checkTrace(tb TB, h Harness) {
	ss := h.fullSeeds(2)
	h.begin(tb, ss...)
	src := h.open(tb)
	tracer, ok := src.(connector.Tracer)
	if !ok {
		tb.Logf("not tried: it follows nothing")
		return
	}
	rs := h.records(tb, src, ss)
	refs := refsOf(rs)
	t, err := tracer.Trace(tb.Context(), refs)
	if err != nil {
		tb.Fatalf("trace: %v", err)
	}
	ask := func() map[gallra.Ref]int {
		out, err := t.Remains(tb.Context())
		if err != nil {
			tb.Fatalf("remains: %v", err)
		}
		h.mustNotTell(tb, out, ss)
		by := map[gallra.Ref]int{}
		for _, r := range out {
			by[r.Ref]++
		}
		return by
	}
	values := func() map[gallra.Ref]int {
		var lost []connector.Lost
		for i, r := range refs {
			lost = append(lost, connector.Lost{Ref: r, Now: r, Values: []gallra.Identifier{{Kind: gallra.IdentEmail, Value: ss[i].Email}}})
		}
		out, err := t.Leftovers(tb.Context(), lost, func(string) connector.Look { return connector.LookValues })
		if err != nil {
			tb.Fatalf("leftovers: %v", err)
		}
		h.mustNotTell(tb, out, ss)
		by := map[gallra.Ref]int{}
		for _, r := range out {
			by[r.Ref]++
		}
		return by
	}
	if by := ask(); by[refs[0]] == 0 || by[refs[1]] == 0 {
		tb.Errorf("records that are there are said to be gone")
	}
	before := values()
	if h.Email != "" && (before[refs[0]] == 0 || before[refs[1]] == 0) {
		tb.Errorf("values that stand in a record's own field are not found")
	}
	h.settle(tb, src, h.erase(tb, src, rs[0]))
	if by := ask(); by[refs[0]] > 0 || by[refs[1]] == 0 {
		tb.Errorf("after one erasure the wrong records are said to remain")
	}
	if by := values(); by[refs[0]] > 0 || by[refs[1]] != before[refs[1]] {
		tb.Errorf("after one erasure the wrong values are said to remain")
	}
}

func checkAttachments(tb TB, h Harness) {
	ss := h.fullSeeds(2)
	ss[1].Files = append(ss[1].Files, File{Name: "bild-" + ss[1].Key + ".bin", Content: append([]byte(ss[1].Key), 0, 255, 13, 10, 26, 0x80)})
	h.begin(tb, ss...)
	src := h.open(tb)
	found := map[string]gallra.Ref{}
	for _, r := range all(tb, src, connector.Query{Type: h.Attachments}) {
		found[string(read(tb, src.(connector.Attachments), r.Ref))] = r.Ref
	}
	for _, s := range ss {
		for _, f := range s.Files {
			if _, ok := found[string(f.Content)]; !ok {
				tb.Errorf("no attachment opens with the bytes that were seeded")
			}
		}
	}
	if _, ok := src.(connector.Eraser); !ok {
		return
	}
	rec := h.records(tb, src, ss)[0]
	h.settle(tb, src, h.erase(tb, src, rec))
	f, err := src.(connector.Attachments).Open(tb.Context(), found[string(ss[0].Files[0].Content)])
	if err == nil {
		_ = f.Close()
	}
	missing(tb, "open of an attachment whose case is erased (REQUIREMENTS G-5)", err)
}

// checkSharedContent proves that a file two cases share stays until the last of
// them is erased, and no longer.
func checkSharedContent(tb TB, h Harness) {
	ss := h.fullSeeds(2)
	const content = "Samma blankett i bägge ärendena: zqsharedxw"
	for i := range ss {
		ss[i].Files = []File{{Name: "blankett-" + ss[i].Key + ".txt", Content: []byte(content)}}
	}
	h.begin(tb, ss...)
	src := h.open(tb)
	rs := h.records(tb, src, ss)
	h.settle(tb, src, h.erase(tb, src, rs[0]))
	if len(h.where(tb, content)) == 0 {
		tb.Errorf("a file that another case uses is erased too")
	}
	h.settle(tb, src, h.erase(tb, src, rs[1]))
	if w := h.where(tb, "zqsharedxw"); len(w) > 0 {
		tb.Errorf("a file that no case uses is still in %s", strings.Join(w, ", "))
	}
}
