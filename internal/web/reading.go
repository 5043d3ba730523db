package web

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/content"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/inventory"
	"github.com/gallra/gallra/internal/report"
	"github.com/gallra/gallra/internal/request"
	"github.com/gallra/gallra/pii"
	"github.com/gallra/gallra/pii/ident"
)

// What is read live in a system to be looked at: nothing of it is stored, every
// reading is logged before it is shown, and values are masked unless the reader
// has said why they must be seen (REQUIREMENTS W-7, X-8, X-21).

const (
	readMost    = 100    // records of one conversation
	readText    = 20_000 // bytes of one text
	samplesMost = 5
	sampleSide  = 70  // bytes of text on either side of a finding
	samplePages = 20  // pages looked through for samples
	samplePage  = 100 // records a page
)

// Stretch is a piece of text: plain, or a value found in it.
type Stretch struct {
	Text     string
	Category gallra.Category // "" for plain text
}

// masker hides what a detector finds, and certain identifiers whatever it finds.
type masker struct {
	engine *pii.Engine
	known  *ident.Matcher
	kinds  []gallra.Identifier
	reveal bool
	counts map[string]int64 // by category: what the log is told
}

func newMasker(e *pii.Engine, known []gallra.Identifier) *masker {
	return &masker{engine: e, known: ident.New(known), kinds: known, counts: map[string]int64{}}
}

// findings are those of the detector and of the known identifiers, in order and
// without overlap.
func (m *masker) findings(text string) []pii.Finding {
	var all []pii.Finding
	for _, k := range m.known.Find(text) {
		all = append(all, pii.Finding{Start: k.Start, End: k.End, Category: m.kinds[k.Index].Kind.Category()})
	}
	all = append(all, m.engine.Find(text)...)
	slices.SortStableFunc(all, func(a, b pii.Finding) int { return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(b.End, a.End)) })
	out := all[:0]
	end := 0
	for _, f := range all {
		if f.Start < end { // what sticks out of an overlap is hidden with it
			if f.End > end {
				out[len(out)-1].End, end = f.End, f.End
			}
			continue
		}
		out = append(out, f)
		end = f.End
	}
	return out
}

func (m *masker) value(c gallra.Category, value string) Stretch {
	m.counts[string(c)]++
	if m.reveal {
		return Stretch{value, c}
	}
	return Stretch{pii.Mask(c, value), c}
}

// text cuts a text into stretches.
func (m *masker) text(text string) []Stretch {
	return m.part(text, 0, len(text))
}

// part is text of the bytes from to end, with the values found in the whole.
func (m *masker) part(text string, from, to int) []Stretch {
	var out []Stretch
	at := from
	for _, f := range m.findings(text) {
		if f.End <= from || f.Start >= to {
			continue
		}
		if f.Start > at {
			out = append(out, Stretch{Text: text[at:f.Start]})
		}
		out = append(out, m.value(f.Category, text[f.Start:f.End]))
		at = f.End
	}
	if at < to {
		out = append(out, Stretch{Text: text[at:to]})
	}
	return out
}

// prove writes an entry of the log in the reader's name.
func (c *call) prove(e evidence.Entry) error {
	if c.Evidence == nil {
		return gallra.Errorf(gallra.Unavailable, "web.no_evidence")
	}
	e.Actor = c.account.Username
	return c.DB.Tx(c.ctx(), func(tx *sql.Tx) error {
		_, err := c.Evidence.Append(c.ctx(), tx, e)
		return err
	})
}

// open opens a system to read in.
func (c *call) open(m report.Maker, id gallra.SystemID) (connector.Source, []connector.Type, string, error) {
	s, ok := m.Config.System(id)
	if !ok {
		return nil, nil, "", gallra.Errorf(gallra.NotFound, "web.no_system")
	}
	src, err := m.Open(c.ctx(), s)
	if err != nil {
		return nil, nil, "", err
	}
	types, err := src.Types(c.ctx())
	if err != nil {
		_ = src.Close() // the first error tells more
		return nil, nil, "", err
	}
	return src, types, title(s), nil
}

// ReadingView is the text of one hit, as it stands in its system now.
type ReadingView struct {
	Case, Title string
	N           int
	Ref         gallra.Ref
	Role        gallra.Role
	Records     []ReadRecord
	Revealed    bool
	Cut         bool // there is more in the system than is shown
}

// ReadRecord is one record of it.
type ReadRecord struct {
	Ref     gallra.Ref
	Type    string
	Created time.Time
	Parts   []ReadPart
}

// ReadPart is one field's text.
type ReadPart struct {
	Field    string
	Text     []Stretch
	Cut      bool
	Problems []string
}

// readItem shows the text of a hit: masked, or in clear for a reason.
func (c *call) readItem() error {
	d, err := c.desk()
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(c.r.PostFormValue("item"))
	if err != nil {
		return gallra.Errorf(gallra.Invalid, "web.number")
	}
	id := c.r.PathValue("request")
	items, err := d.Items(c.ctx(), id)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(items, func(it request.Item) bool { return it.N == n })
	if i < 0 {
		return gallra.Errorf(gallra.NotFound, "request.no_item", "number", strconv.Itoa(n))
	}
	reveal := c.r.PostForm.Has("reveal")
	if reveal && c.reason() == "" {
		return gallra.Errorf(gallra.Invalid, "web.reason")
	}
	v, err := c.readingView(d, id, items[i], reveal)
	if err != nil {
		return err
	}
	return c.ok("reading", v)
}

func (c *call) readingView(d *request.Desk, id string, it request.Item, reveal bool) (v ReadingView, err error) {
	m, err := c.maker()
	if err != nil {
		return v, err
	}
	reason := "request.reading"
	if reveal {
		reason = c.reason()
	}
	// The person's own identifiers are hidden even where the detector sees none.
	det, err := d.Details(c.ctx(), id, c.account.Username, reason)
	if err != nil {
		return v, err
	}
	var known []gallra.Identifier
	for _, k := range det.Identifiers {
		known = append(known, k.Identifier)
	}
	if det.Name != "" {
		known = append(known, gallra.Identifier{Kind: gallra.IdentName, Value: det.Name})
	}
	src, types, name, err := c.open(m, it.Ref.System)
	if err != nil {
		return v, err
	}
	defer src.Close() // read only: nothing is lost
	v = ReadingView{Case: id, Title: name, N: it.N, Ref: it.Ref, Role: it.Role, Revealed: reveal}
	records, cut, err := conversation(c.ctx(), src, types, it.Ref)
	if err != nil {
		return v, err
	}
	v.Cut = cut
	mask := newMasker(m.Engine, known)
	mask.reveal = reveal
	for _, rec := range records {
		v.Records = append(v.Records, mask.record(types, rec))
	}
	mask.counts["records"] = int64(len(records))
	result := "masked"
	if reveal {
		result = "revealed"
	}
	return v, c.prove(evidence.Entry{Action: "request.read_item", System: it.Ref.System, Subject: id, Reason: reason, Result: result, Counts: mask.counts})
}

// conversation reads a record and what belongs to it, oldest first.
func conversation(ctx context.Context, src connector.Source, types []connector.Type, ref gallra.Ref) (out []gallra.Record, cut bool, err error) {
	first, err := src.Get(ctx, ref)
	if err != nil {
		return nil, false, err
	}
	out = append(out, first)
	for _, ty := range connector.Below(types, ref.Type) {
		if ty.Kind == connector.KindTrace {
			continue // a derived copy says nothing new
		}
		for q := (connector.Query{Type: ty.Name, Parents: []gallra.Ref{ref}}); ; {
			page, err := src.List(ctx, q)
			if err != nil {
				return nil, false, err
			}
			out = append(out, page.Records...)
			if q.Cursor = page.Next; q.Cursor == "" || len(out) > readMost {
				break
			}
		}
	}
	slices.SortStableFunc(out[1:], func(a, b gallra.Record) int { return a.Created.Compare(b.Created) })
	if len(out) > readMost {
		return out[:readMost], true, nil
	}
	return out, false, nil
}

func (m *masker) record(types []connector.Type, rec gallra.Record) ReadRecord {
	r := ReadRecord{Ref: rec.Ref, Type: rec.Ref.Type, Created: rec.Created}
	i := slices.IndexFunc(types, func(t connector.Type) bool { return t.Name == rec.Ref.Type })
	if i < 0 {
		return r
	}
	for _, p := range content.Texts(types[i], rec) {
		if strings.TrimSpace(p.Text) == "" && len(p.Problems) == 0 {
			continue
		}
		part := ReadPart{Field: p.Field, Problems: p.Problems}
		switch end := whole(p.Text, readText); {
		case p.Category != "":
			part.Text = []Stretch{m.value(p.Category, p.Text)}
		case end < len(p.Text):
			part.Text, part.Cut = m.part(p.Text, 0, end), true
		default:
			part.Text = m.text(p.Text)
		}
		r.Parts = append(r.Parts, part)
	}
	return r
}

// whole moves a cut in a text back to where a character begins.
func whole(text string, at int) int {
	if at >= len(text) {
		return len(text)
	}
	for at > 0 && !utf8.RuneStart(text[at]) {
		at--
	}
	return at
}

// Sample is one finding in its surroundings, masked.
type Sample struct {
	Record       gallra.Ref
	Created      time.Time
	Text         []Stretch
	Front, After bool // text is left out before it, after it
}

// samplesPage shows the newest inventory's line with a few of its findings as
// they are in the system now.
func (c *call) samplesPage() error {
	v, err := c.findingsView()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(v.Rows, func(r FindingRow) bool {
		return r.Type == c.r.PostFormValue("type") && r.Field == c.r.PostFormValue("field") && r.Rule == c.r.PostFormValue("rule")
	})
	if i < 0 {
		return gallra.Errorf(gallra.NotFound, "web.no_page")
	}
	v.Chosen = &v.Rows[i]
	m, err := c.maker()
	if err != nil {
		return c.refuse("findings", v, err)
	}
	src, types, _, err := c.open(m, gallra.SystemID(v.System))
	if err != nil {
		return c.refuse("findings", v, err)
	}
	defer src.Close() // read only: nothing is lost
	mask := newMasker(m.Engine, nil)
	if v.Samples, err = samples(c.ctx(), src, types, mask, *v.Chosen, v.Category); err != nil {
		return c.refuse("findings", v, err)
	}
	mask.counts["records"] = int64(len(v.Samples))
	if err := c.prove(evidence.Entry{Action: "inventory.samples", System: gallra.SystemID(v.System), Reason: string(v.Category), Result: "masked", Counts: mask.counts}); err != nil {
		return err
	}
	return c.ok("findings", v)
}

// samples looks for findings of one line, one a record.
func samples(ctx context.Context, src connector.Source, types []connector.Type, m *masker, row FindingRow, category gallra.Category) ([]Sample, error) {
	i := slices.IndexFunc(types, func(t connector.Type) bool { return t.Name == row.Type })
	if i < 0 {
		return nil, nil
	}
	var out []Sample
	q := connector.Query{Type: row.Type, Limit: samplePage}
	for range samplePages {
		page, err := src.List(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, rec := range page.Records {
			if s, ok := m.sample(types[i], rec, row, category); ok {
				if out = append(out, s); len(out) == samplesMost {
					return out, nil
				}
			}
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	return out, nil
}

func (m *masker) sample(ty connector.Type, rec gallra.Record, row FindingRow, category gallra.Category) (Sample, bool) {
	s := Sample{Record: rec.Ref, Created: rec.Created}
	for _, p := range content.Texts(ty, rec) {
		if p.Field != row.Field || strings.TrimSpace(p.Text) == "" {
			continue
		}
		if row.Rule == inventory.FieldRule {
			if p.Category != category {
				continue
			}
			s.Text = []Stretch{m.value(category, p.Text)}
			return s, true
		}
		if p.Category != "" {
			continue
		}
		for _, f := range m.engine.Find(p.Text) {
			if f.Category != category || f.Rule != row.Rule {
				continue
			}
			from, to := whole(p.Text, max(0, f.Start-sampleSide)), whole(p.Text, min(len(p.Text), f.End+sampleSide))
			s.Text, s.Front, s.After = m.part(p.Text, from, to), from > 0, to < len(p.Text)
			return s, true
		}
	}
	return Sample{}, false
}
