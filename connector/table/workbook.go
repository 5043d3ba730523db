package table

import (
	"archive/zip"
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"encoding/xml"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/zipfile"
	"github.com/gallra/gallra/document"
	"github.com/gallra/gallra/pii/ident"
)

// workbook is an Excel workbook (ECMA-376): a ZIP whose sheets are XML. Its rows
// are handed out as lines of JSON, sheet after sheet, hidden ones included, and
// what becomes of them is put back into the XML in place: the other bytes of a
// sheet stay as they are.
//
// A workbook keeps copies of what its cells hold: strings that no cell points
// to any longer, notes, pivot tables, charts, links, filters. What goes from the
// cells goes from there too.
type workbook struct {
	jsonLines
	naked bool
}

func newWorkbook(c connector.Config) (format, error) {
	return workbook{naked: c.Option("header") == "no"}, nil
}

// How much a part of a workbook may hold, and all rows together.
const (
	maxPart = 256 << 20
	maxText = 512 << 20
)

// notesName is the field of a row that holds the notes and comments on its cells.
const notesName = "comments"

// book is a workbook taken apart.
type book struct {
	zip    *zip.Reader
	parts  map[string]*zip.File
	sheets []*sheet
	shared sharedStrings
	text   []byte   // the rows as lines of JSON
	places []origin // where they came from, in the order of text
}

// origin is where a line of the text came from.
type origin struct {
	at    int64
	sheet *sheet
	row   int // index in sheet.rows
}

// ole begins a file of the old binary format, and a workbook with a password.
var ole = []byte("\xD0\xCF\x11\xE0")

func (w workbook) rows(ctx context.Context, f *os.File) (*rows, error) {
	b, err := w.take(ctx, f)
	if err != nil {
		return nil, err
	}
	return &rows{ReaderAt: bytes.NewReader(b.text), put: b.put}, nil
}

// take takes a workbook apart.
func (w workbook) take(ctx context.Context, f *os.File) (*book, error) {
	head := make([]byte, len(ole))
	if _, err := f.ReadAt(head, 0); err == nil && bytes.Equal(head, ole) {
		return nil, gallra.Errorf(gallra.Unsupported, "table.workbook_old_or_locked")
	}
	z, err := zipfile.Read(f)
	if err != nil {
		return nil, err
	}
	b := &book{zip: z, parts: map[string]*zip.File{}}
	for _, p := range z.File {
		b.parts[p.Name] = p
	}
	if b.parts["xl/workbook.xml"] == nil {
		return nil, gallra.Errorf(gallra.Invalid, "table.not_a_workbook")
	}
	style, err := b.styles()
	if err != nil {
		return nil, err
	}
	if raw, err := b.part("xl/sharedStrings.xml"); err != nil {
		return nil, err
	} else if b.shared, err = readShared(raw); err != nil {
		return nil, err
	}
	for _, p := range z.File {
		if ok, _ := path.Match("xl/worksheets/*.xml", p.Name); !ok {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		raw, err := zipfile.Unpack(p, maxPart)
		if err != nil {
			return nil, err
		}
		s, err := readSheet(raw, b.shared.values, style)
		if err != nil {
			return nil, err
		}
		s.name = p.Name
		if s.notes, err = b.notes(p.Name); err != nil {
			return nil, err
		}
		b.sheets = append(b.sheets, s)
	}
	slices.SortFunc(b.sheets, func(x, y *sheet) int {
		return cmp.Or(cmp.Compare(len(x.name), len(y.name)), cmp.Compare(x.name, y.name))
	})
	for _, s := range b.sheets {
		if err := b.render(s, w.naked); err != nil {
			return nil, err
		}
	}
	return b, ctx.Err()
}

// part unpacks a part of the workbook; nil when there is none of that name.
func (b *book) part(name string) ([]byte, error) {
	p := b.parts[name]
	if p == nil {
		return nil, nil
	}
	return zipfile.Unpack(p, maxPart)
}

// render writes the rows of a sheet as lines.
func (b *book) render(s *sheet, naked bool) error {
	s.head(naked)
	var line bytes.Buffer
	e := json.NewEncoder(&line)
	e.SetEscapeHTML(false)
	put := func(v string) error {
		err := e.Encode(v)
		line.Truncate(line.Len() - 1) // the line end
		return err
	}
	for i := range s.rows {
		if i == s.header {
			continue
		}
		line.Reset()
		for _, f := range s.fields(i) {
			if line.Len() > 0 {
				line.WriteByte(',')
			}
			if err := put(f.name); err != nil {
				return malformed()
			}
			line.WriteByte(':')
			if err := put(f.value); err != nil {
				return malformed()
			}
		}
		if line.Len() == 0 {
			continue
		}
		b.places = append(b.places, origin{at: int64(len(b.text)), sheet: s, row: i})
		b.text = append(append(append(b.text, '{'), line.Bytes()...), '}', '\n')
		if len(b.text) > maxText {
			return gallra.Errorf(gallra.Unsupported, "table.workbook_too_large")
		}
	}
	return nil
}

// put writes the workbook with the edits made.
func (b *book) put(ctx context.Context, w *bufio.Writer, edits []edit) error {
	change, err := b.changes(edits)
	if err != nil {
		return err
	}
	return zipfile.Rewrite(ctx, b.zip, w, func(f *zip.File) zipfile.Change {
		if f.Name == calcChain && change.formulas {
			return zipfile.Change{Drop: true}
		}
		if body, ok := change.bodies[f.Name]; ok {
			return zipfile.Change{Body: func() []byte { return body }}
		}
		return zipfile.Change{}
	})
}

// calcChain lists the cells with formulas. It is made anew by who opens the
// workbook, and one that names a cell without a formula is an error to them.
const calcChain = "xl/calcChain.xml"

var calcMention = regexp.MustCompile(`<[^<>]*calcChain[^<>]*/>`)

// changes is what the edits make of the parts of a workbook.
type changes struct {
	bodies   map[string][]byte
	formulas bool            // a cell with a formula was touched
	gone     map[string]bool // values that no cell holds any longer
}

func (b *book) changes(edits []edit) (*changes, error) {
	c := &changes{bodies: map[string][]byte{}, gone: map[string]bool{}}
	for _, e := range edits {
		i, ok := slices.BinarySearchFunc(b.places, e.at, func(p origin, at int64) int { return cmp.Compare(p.at, at) })
		if !ok {
			return nil, gallra.Errorf(gallra.Internal, "table.place_lost")
		}
		p := b.places[i]
		if e.with == nil {
			p.sheet.erase(p.row, c)
		} else if err := p.sheet.edit(p.row, e.with, c); err != nil {
			return nil, err
		}
	}
	for _, s := range b.sheets {
		s.unshare()
		s.still(c.gone)
	}
	c.shared(b)
	for _, s := range b.sheets {
		if len(s.splices) > 0 {
			c.bodies[s.name] = s.write(c.gone)
		}
		for _, n := range s.notes {
			n.write(c.bodies)
		}
	}
	return c, c.derived(b)
}

// shared empties the strings that cells pointed to and none does now. The others
// keep their numbers, by which cells point to them.
func (c *changes) shared(b *book) {
	used := map[int]bool{}
	for _, s := range b.sheets {
		for _, r := range s.rows {
			for _, x := range r.cells {
				if x.shared >= 0 && !x.gone {
					used[x.shared] = true
				}
			}
		}
	}
	var all []splice
	for i, si := range b.shared.places {
		if !used[i] && c.gone[b.shared.values[i]] {
			all = append(all, splice{si.start, si.end, []byte("<" + si.prefix + "si><" + si.prefix + "t></" + si.prefix + "t></" + si.prefix + "si>")})
		}
	}
	if len(all) > 0 {
		c.bodies["xl/sharedStrings.xml"] = apply(b.shared.raw, all)
	}
}

// derived takes the values that are gone out of the parts that copy them.
func (c *changes) derived(b *book) error {
	if c.formulas && b.parts[calcChain] != nil {
		for _, name := range []string{"[Content_Types].xml", "xl/_rels/workbook.xml.rels"} {
			raw, err := b.part(name)
			if err != nil {
				return err
			}
			c.bodies[name] = calcMention.ReplaceAll(raw, nil)
		}
	}
	if len(c.gone) == 0 {
		return nil
	}
	for name := range b.parts {
		if !isXML(name) || slices.ContainsFunc(b.sheets, func(s *sheet) bool { return s.name == name }) || name == "xl/sharedStrings.xml" || name == calcChain {
			continue
		}
		raw, ok := c.bodies[name]
		if !ok {
			var err error
			if raw, err = b.part(name); err != nil {
				return err
			}
		}
		if out := forget(raw, c.gone); !bytes.Equal(out, raw) {
			c.bodies[name] = out
		}
	}
	return nil
}

func isXML(name string) bool {
	switch path.Ext(name) {
	case ".xml", ".rels", ".vml":
		return true
	}
	return false
}

// instead stands where a value that is gone was copied to.
const instead = "\u2014"

var xmlValue = regexp.MustCompile(`>[^<>]+<|="[^"<>]*"|='[^'<>]*'`)

// forget replaces the texts and attributes of a part that are a value that is
// gone, and links that hold one.
func forget(raw []byte, gone map[string]bool) []byte {
	return xmlValue.ReplaceAllFunc(raw, func(m []byte) []byte {
		from, to := 1, len(m)-1
		if m[0] == '=' {
			from = 2
		}
		v := strings.TrimSpace(unescapeXML(string(m[from:to])))
		if gone[v] {
			return slices.Concat(m[:from], []byte(instead), m[to:])
		}
		if scheme, rest, ok := strings.Cut(v, ":"); ok && m[0] == '=' && (scheme == "mailto" || scheme == "tel" || strings.HasPrefix(scheme, "http")) {
			for g := range gone {
				if len(g) > 5 && strings.Contains(rest, g) {
					return slices.Concat(m[:from], []byte(scheme+":"), m[to:])
				}
			}
		}
		return m
	})
}

var entities = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&quot;", `"`, "&apos;", "'", "&#10;", "\n", "&#xA;", "\n", "&amp;", "&")

func unescapeXML(s string) string {
	if !strings.Contains(s, "&") {
		return s
	}
	return entities.Replace(s)
}

// count reads every part of the workbook, names of parts included.
func (w workbook) count(ctx context.Context, f *os.File, m *ident.Matcher) (int64, []connector.Problem, error) {
	z, err := zipfile.Read(f)
	if gallra.CodeOf(err) == gallra.Unavailable {
		return w.jsonLines.count(ctx, f, m) // a copy that is no workbook
	}
	if err != nil {
		return 0, nil, err
	}
	var n int64
	var problems []connector.Problem
	for _, p := range z.File {
		if err := ctx.Err(); err != nil {
			return 0, nil, err
		}
		if strings.HasSuffix(p.Name, "/") {
			continue
		}
		raw, err := zipfile.Unpack(p, maxPart)
		if err != nil {
			problems = append(problems, connector.Problem{Where: "part", Reason: keyOf(err)})
			continue
		}
		if isXML(p.Name) {
			n += int64(len(m.Find(xmlText(raw))))
			continue
		}
		text, found := document.Text(path.Base(p.Name), "", raw, document.Limits{})
		n += int64(len(m.Find(text)))
		for _, x := range found {
			problems = append(problems, connector.Problem{Where: "part", Reason: x.Reason})
		}
	}
	return n, problems, nil
}

func keyOf(err error) string {
	if e, ok := err.(*gallra.Error); ok {
		return e.Key
	}
	return "table.workbook_malformed"
}

// xmlText returns the texts of a part, a line for each cell, string, note or
// paragraph, and its attributes, a line each. A malformed part is returned as it
// stands.
func xmlText(raw []byte) string {
	d := decoder(raw)
	var out, attributes strings.Builder
	for {
		t, err := d.RawToken()
		if err != nil {
			if d.InputOffset() < int64(len(raw)) {
				out.Write(raw)
			}
			return out.String() + "\n" + attributes.String()
		}
		switch t := t.(type) {
		case xml.StartElement:
			for _, a := range t.Attr {
				attributes.WriteString(a.Value + "\n")
			}
		case xml.EndElement:
			switch t.Name.Local {
			case "r", "t", "rPr": // runs of one text
			case "v":
				out.WriteString(" ")
			default:
				out.WriteByte('\n')
			}
		case xml.CharData:
			out.WriteString(number(string(t)))
		}
	}
}

func malformed() error { return gallra.Errorf(gallra.Invalid, "table.workbook_malformed") }
