package table

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// sheet is one sheet of a workbook, with the places of its cells.
type sheet struct {
	name   string // of its part
	raw    []byte
	rows   []sheetRow
	end    int // where the rows end: filters, links and checks of values follow
	notes  []*note
	header int            // index of the row that names the columns; -1 for none
	names  map[int]string // by column

	splices []splice
}

// sheetRow is one row.
type sheetRow struct {
	number     int // as Excel shows it
	start, end int
	cells      []sheetCell
}

// sheetCell is one cell that is there.
type sheetCell struct {
	col        int // A is 0
	start, end int
	value      string
	word       bool   // a text, not a number or a date
	shared     int    // index of its shared string; -1
	prefix     string // of its element, with the colon
	style      string
	formula    span   // its f element
	group      string // of a formula that cells share
	master     bool   // it holds the group's formula
	gone       bool
}

type span struct{ start, end int }

// splice puts other bytes in the place of some.
type splice struct {
	start, end int
	with       []byte
}

// apply returns raw with the splices made; of two that overlap the one that
// begins first counts.
func apply(raw []byte, all []splice) []byte {
	slices.SortStableFunc(all, func(x, y splice) int { return cmp.Compare(x.start, y.start) })
	var out []byte
	from := 0
	for _, s := range all {
		if s.start < from {
			continue
		}
		out = append(append(out, raw[from:s.start]...), s.with...)
		from = s.end
	}
	return append(out, raw[from:]...)
}

func decoder(raw []byte) *xml.Decoder {
	d := xml.NewDecoder(bytes.NewReader(raw))
	d.Strict = false
	return d
}

// walker reads a part whose elements must be closed in their order: where they
// are not, it cannot be told what belongs to a row.
type walker struct {
	*xml.Decoder
	open []xml.Name
}

// next returns the next token; io.EOF after the last of a well-formed part.
func (w *walker) next() (xml.Token, error) {
	t, err := w.RawToken()
	if errors.Is(err, io.EOF) && len(w.open) == 0 {
		return nil, io.EOF
	}
	if err != nil {
		return nil, malformed()
	}
	switch t := t.(type) {
	case xml.StartElement:
		w.open = append(w.open, t.Name)
	case xml.EndElement:
		n := len(w.open) - 1
		if n < 0 || w.open[n] != t.Name {
			return nil, malformed()
		}
		w.open = w.open[:n]
	}
	return t, nil
}

func attribute(t xml.StartElement, name string) string {
	for _, a := range t.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func prefix(n xml.Name) string {
	if n.Space == "" {
		return ""
	}
	return n.Space + ":"
}

// readSheet takes a sheet apart.
func readSheet(raw []byte, shared []string, dates dateStyles) (*sheet, error) {
	s := &sheet{raw: raw, end: len(raw), header: -1, names: map[int]string{}}
	d := &walker{Decoder: decoder(raw)}
	var row *sheetRow
	var cell *sheetCell
	var kind string
	var text strings.Builder
	formula, phonetic := 0, 0
	data, in := false, false
	for {
		at := int(d.InputOffset())
		t, err := d.next()
		if errors.Is(err, io.EOF) {
			return s, nil
		}
		if err != nil {
			return nil, err
		}
		after := int(d.InputOffset())
		switch t := t.(type) {
		case xml.StartElement:
			switch t.Name.Local {
			case "sheetData":
				data = true
			case "row":
				if !data || row != nil {
					return nil, malformed()
				}
				number := 1
				if n := len(s.rows); n > 0 {
					number = s.rows[n-1].number + 1
				}
				if n, err := strconv.Atoi(attribute(t, "r")); err == nil {
					number = n
				}
				s.rows = append(s.rows, sheetRow{number: number, start: at})
				row = &s.rows[len(s.rows)-1]
			case "c":
				if row == nil || cell != nil {
					return nil, malformed()
				}
				col := 0
				if n := len(row.cells); n > 0 {
					col = row.cells[n-1].col + 1
				}
				if c, _, ok := cellPlace(attribute(t, "r")); ok {
					col = c
				}
				row.cells = append(row.cells, sheetCell{col: col, start: at, shared: -1, prefix: prefix(t.Name), style: attribute(t, "s")})
				cell = &row.cells[len(row.cells)-1]
				kind = attribute(t, "t")
				text.Reset()
			case "v", "t":
				in = cell != nil && phonetic == 0
			case "rPh":
				phonetic++
			case "f":
				formula = at
				if cell != nil && attribute(t, "t") == "shared" {
					cell.group, cell.master = attribute(t, "si"), attribute(t, "ref") != ""
				}
			}
		case xml.EndElement:
			switch t.Name.Local {
			case "sheetData":
				data, s.end = false, after
			case "row":
				if row != nil {
					row.end = after
				}
				row = nil
			case "c":
				if cell != nil {
					cell.end = after
					cell.read(kind, text.String(), shared, dates)
				}
				cell = nil
			case "v", "t":
				in = false
			case "rPh":
				phonetic--
			case "f":
				if cell != nil {
					cell.formula = span{formula, after}
				}
			}
		case xml.CharData:
			if in {
				text.Write(t)
			}
		}
	}
}

// read says what a cell shows.
func (c *sheetCell) read(kind, v string, shared []string, dates dateStyles) {
	switch kind {
	case "s":
		if i, err := strconv.Atoi(strings.TrimSpace(v)); err == nil && i >= 0 && i < len(shared) {
			c.shared, c.value, c.word = i, shared[i], true
		}
	case "inlineStr", "str":
		c.value, c.word = unescapeCell(v), true
	case "b":
		c.value = map[string]string{"0": "FALSE", "1": "TRUE"}[strings.TrimSpace(v)]
	case "e", "d":
		c.value = strings.TrimSpace(v)
	default:
		c.value = number(strings.TrimSpace(v))
		if at, ok := dates.time(c.style, c.value); ok {
			c.value = at
		}
	}
}

// number writes a large whole number in digits, as a person would read it: a
// personnummer is stored as 1.98509082395E+11.
func number(v string) string {
	if !strings.ContainsAny(v, "Ee.") || len(v) > 32 {
		return v
	}
	f, err := strconv.ParseFloat(v, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) >= 1<<53 {
		return v
	}
	return strconv.FormatFloat(f, 'f', 0, 64)
}

// cellPlace reads "B5": column 1, row 5.
func cellPlace(ref string) (col, row int, ok bool) {
	i := 0
	for ; i < len(ref) && ref[i] >= 'A' && ref[i] <= 'Z' && i < 4; i++ {
		col = col*26 + int(ref[i]-'A') + 1
	}
	row, err := strconv.Atoi(ref[i:])
	return col - 1, row, err == nil && i > 0
}

func columnLetters(col int) string {
	out := ""
	for col++; col > 0; col = (col - 1) / 26 {
		out = string(rune('A'+(col-1)%26)) + out
	}
	return out
}

// head finds the row that names the columns: the first in which at least two
// cells, or the only one that the sheet ever fills, are words and none is
// anything else. What stands above it, a title say, is a row like others.
func (s *sheet) head(naked bool) {
	widest := 0
	for _, r := range s.rows {
		widest = max(widest, len(r.filled()))
	}
	for i, r := range s.rows {
		cells := r.filled()
		if naked || len(cells) < min(2, widest) || len(cells) == 0 || slices.ContainsFunc(cells, func(c sheetCell) bool { return !c.word }) {
			if naked || i > 20 {
				break
			}
			continue
		}
		s.header = i
		seen := map[string]bool{notesName: true}
		for _, c := range cells {
			base := strings.TrimSpace(c.value)
			name := base
			for k := 2; seen[name]; k++ {
				name = base + "_" + strconv.Itoa(k)
			}
			seen[name] = true
			s.names[c.col] = name
		}
		return
	}
}

func (r sheetRow) filled() []sheetCell {
	var out []sheetCell
	for _, c := range r.cells {
		if strings.TrimSpace(c.value) != "" {
			out = append(out, c)
		}
	}
	return out
}

func (s *sheet) column(col int) string {
	if n, ok := s.names[col]; ok {
		return n
	}
	return column(col)
}

// field is what a row has in a column.
type field struct {
	name, value string
	cell        int // index in the row's cells; -1 for its notes
}

// fields returns what a row holds.
func (s *sheet) fields(row int) []field {
	var out []field
	r := s.rows[row]
	for i, c := range r.cells {
		if c.value != "" {
			out = append(out, field{s.column(c.col), c.value, i})
		}
	}
	var notes []string
	for _, n := range s.notes {
		if n.row == r.number && n.text != "" && !slices.Contains(notes, n.text) {
			notes = append(notes, n.text)
		}
	}
	if len(notes) > 0 {
		out = append(out, field{notesName, strings.Join(notes, "\n"), -1})
	}
	return out
}

// erase takes a row out. The rows below keep their numbers, which formulas and
// filters name.
func (s *sheet) erase(row int, c *changes) {
	r := s.rows[row]
	s.splices = append(s.splices, splice{start: r.start, end: r.end})
	for i := range r.cells {
		c.take(&r.cells[i])
	}
	for _, n := range s.notes {
		if n.row == r.number {
			n.set("", c)
		}
	}
}

// edit puts other values into the cells of a row.
func (s *sheet) edit(row int, line []byte, c *changes) error {
	now, err := jsonLines{}.parse(bytes.TrimSpace(line))
	if err != nil {
		return malformed()
	}
	value := map[string]string{}
	for _, x := range now {
		value[x.name] = x.value
	}
	r := s.rows[row]
	for _, f := range s.fields(row) {
		v := value[f.name]
		if v == f.value {
			continue
		}
		if f.cell < 0 {
			for _, n := range s.notes {
				if n.row == r.number {
					n.set(v, c)
					v = "" // the first says it
				}
			}
			continue
		}
		x := &r.cells[f.cell]
		c.take(x)
		s.splices = append(s.splices, splice{x.start, x.end, x.with(v, r.number)})
	}
	return nil
}

// take notes that a cell's value is gone.
func (c *changes) take(x *sheetCell) {
	x.gone = true
	c.formulas = c.formulas || x.formula.end > 0
	if telling(x.value) {
		c.gone[x.value] = true
		c.gone[strings.TrimSpace(x.value)] = true
	}
}

// telling reports whether a value is worth looking for elsewhere: a lone digit
// or letter stands in too many places that have nothing to do with it.
func telling(v string) bool {
	digits, letters := 0, 0
	for _, r := range v {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case r > ' ':
			letters++
		}
	}
	return letters >= 3 || digits >= 5
}

// with returns the cell with a text in it.
func (c *sheetCell) with(v string, row int) []byte {
	p := c.prefix
	style := ""
	if c.style != "" {
		style = ` s="` + escapeXML(c.style) + `"`
	}
	at := columnLetters(c.col) + strconv.Itoa(row)
	if v == "" {
		return fmt.Appendf(nil, `<%sc r="%s"%s/>`, p, at, style)
	}
	return fmt.Appendf(nil, `<%sc r="%s"%s t="inlineStr"><%sis><%st xml:space="preserve">%s</%st></%sis></%sc>`, p, at, style, p, p, escapeXML(escapeCell(v)), p, p, p)
}

// unshare lets cells that shared the formula of one that is gone keep their
// values without it.
func (s *sheet) unshare() {
	lost := map[string]bool{}
	for _, r := range s.rows {
		for _, c := range r.cells {
			if c.gone && c.master {
				lost[c.group] = true
			}
		}
	}
	if len(lost) == 0 {
		return
	}
	for _, r := range s.rows {
		for _, c := range r.cells {
			if !c.gone && c.formula.end > 0 && lost[c.group] {
				s.splices = append(s.splices, splice{start: c.formula.start, end: c.formula.end})
			}
		}
	}
}

// still takes the values off the list that other cells hold.
func (s *sheet) still(gone map[string]bool) {
	for _, r := range s.rows {
		for _, c := range r.cells {
			if !c.gone {
				delete(gone, c.value)
				delete(gone, strings.TrimSpace(c.value))
			}
		}
	}
}

// write returns the sheet with its splices made. What follows the rows is rid
// of values that are gone.
func (s *sheet) write(gone map[string]bool) []byte {
	tail := forget(s.raw[s.end:], gone)
	return append(apply(s.raw[:s.end], s.splices), tail...)
}

// note is a note or comment on a cell. Excel keeps a comment twice.
type note struct {
	part   string
	raw    []byte
	row    int
	text   string
	inside span // what its text element holds
	plain  bool // its text element holds the text itself
	prefix string

	changed bool
	now     string
}

// set gives the note another text. It stays where it is: a drawing points at it.
func (n *note) set(text string, c *changes) {
	if telling(n.text) {
		c.gone[n.text] = true
	}
	n.changed, n.now = true, text
}

// write puts the changes of this note into its part.
func (n *note) write(bodies map[string][]byte) {
	if !n.changed {
		return
	}
	body, ok := bodies[n.part]
	if !ok {
		body = n.raw
	}
	with := escapeXML(escapeCell(n.now))
	if !n.plain {
		with = "<" + n.prefix + `t xml:space="preserve">` + with + "</" + n.prefix + "t>"
	}
	// The notes of a part are written in the order they stand in: what came
	// before has moved this one.
	shift := len(body) - len(n.raw)
	bodies[n.part] = slices.Concat(body[:n.inside.start+shift], []byte(with), body[n.inside.end+shift:])
}

// notes reads the notes and comments on a sheet.
func (b *book) notes(sheet string) ([]*note, error) {
	dir, base := path.Split(sheet)
	raw, err := b.part(dir + "_rels/" + base + ".rels")
	if err != nil || raw == nil {
		return nil, err
	}
	var out []*note
	d := &walker{Decoder: decoder(raw)}
	for {
		t, err := d.next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		e, ok := t.(xml.StartElement)
		if !ok || !strings.HasSuffix(attribute(e, "Type"), "/comments") && !strings.HasSuffix(attribute(e, "Type"), "/threadedComment") {
			continue
		}
		target := attribute(e, "Target")
		if !strings.HasPrefix(target, "/") {
			target = dir + target
		}
		target = strings.TrimPrefix(path.Clean(target), "/")
		part, err := b.part(target)
		if err != nil {
			return nil, err
		}
		notes, err := readNotes(target, part)
		if err != nil {
			return nil, err
		}
		out = append(out, notes...)
	}
}

func readNotes(part string, raw []byte) ([]*note, error) {
	var out []*note
	d := &walker{Decoder: decoder(raw)}
	var cur *note
	var text strings.Builder
	in := false
	for {
		at := int(d.InputOffset())
		t, err := d.next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			switch t.Name.Local {
			case "comment", "threadedComment":
				_, row, _ := cellPlace(attribute(t, "ref"))
				cur = &note{part: part, raw: raw, row: row, plain: t.Name.Local == "threadedComment", prefix: prefix(t.Name)}
				text.Reset()
			case "text":
				if cur != nil {
					cur.inside.start, in = int(d.InputOffset()), true
				}
			}
		case xml.EndElement:
			switch t.Name.Local {
			case "text":
				if cur != nil {
					cur.inside.end = at
				}
				in = false
			case "comment", "threadedComment":
				if cur != nil && cur.inside.end > cur.inside.start {
					cur.text = unescapeCell(text.String())
					out = append(out, cur)
				}
				cur = nil
			}
		case xml.CharData:
			if in {
				text.Write(t)
			}
		}
	}
}

// sharedStrings are the texts that cells point to.
type sharedStrings struct {
	raw    []byte
	values []string
	places []sharedPlace
}

type sharedPlace struct {
	start, end int
	prefix     string
}

func readShared(raw []byte) (sharedStrings, error) {
	s := sharedStrings{raw: raw}
	d := &walker{Decoder: decoder(raw)}
	var cur strings.Builder
	text, phonetic, start := false, 0, 0
	for {
		at := int(d.InputOffset())
		t, err := d.next()
		if errors.Is(err, io.EOF) {
			return s, nil
		}
		if err != nil {
			return s, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			switch t.Name.Local {
			case "si":
				start = at
				cur.Reset()
			case "t":
				text = true
			case "rPh":
				phonetic++
			}
		case xml.EndElement:
			switch t.Name.Local {
			case "si":
				s.values = append(s.values, unescapeCell(cur.String()))
				s.places = append(s.places, sharedPlace{start, int(d.InputOffset()), prefix(t.Name)})
			case "t":
				text = false
			case "rPh":
				phonetic--
			}
		case xml.CharData:
			if text && phonetic == 0 {
				cur.Write(t)
			}
		}
	}
}

// dateStyles says which cells show their number as a date.
type dateStyles struct {
	date map[string]bool // by style
	from time.Time       // day 0
}

// styles reads which styles are dates, and which calendar counts.
func (b *book) styles() (dateStyles, error) {
	s := dateStyles{date: map[string]bool{}, from: time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)}
	raw, err := b.part("xl/workbook.xml")
	if err != nil {
		return s, err
	}
	for d := decoder(raw); ; {
		t, err := d.RawToken()
		if err != nil {
			break
		}
		if e, ok := t.(xml.StartElement); ok && e.Name.Local == "workbookPr" {
			if v := attribute(e, "date1904"); v == "1" || v == "true" {
				s.from = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
			}
		}
	}
	if raw, err = b.part("xl/styles.xml"); err != nil {
		return s, err
	}
	formats := map[string]bool{}
	for n := 14; n <= 22; n++ {
		formats[strconv.Itoa(n)] = true
	}
	formats["45"], formats["46"], formats["47"] = true, true, true
	cells, n := false, 0
	for d := decoder(raw); ; {
		t, err := d.RawToken()
		if err != nil {
			return s, nil
		}
		switch t := t.(type) {
		case xml.StartElement:
			switch t.Name.Local {
			case "numFmt":
				formats[attribute(t, "numFmtId")] = dateCode(attribute(t, "formatCode"))
			case "cellXfs":
				cells = true
			case "xf":
				if cells {
					s.date[strconv.Itoa(n)] = formats[attribute(t, "numFmtId")]
					n++
				}
			}
		case xml.EndElement:
			cells = cells && t.Name.Local != "cellXfs"
		}
	}
}

var notInDate = regexp.MustCompile(`"[^"]*"|\[[^\]]*\]|\\.|_.|\*.|General`)

func dateCode(code string) bool {
	return strings.ContainsAny(strings.ToLower(notInDate.ReplaceAllString(code, "")), "ymdhs")
}

// time reads a cell's number as a time of day or a date.
func (s dateStyles) time(style, v string) (string, bool) {
	if !s.date[style] {
		return "", false
	}
	f, err := strconv.ParseFloat(v, 64)
	if err != nil || f < 0 || f > 2958466 { // the year 9999
		return "", false
	}
	seconds := math.Round(f * 86400)
	t := s.from.AddDate(0, 0, int(seconds)/86400).Add(time.Duration(int(seconds)%86400) * time.Second)
	switch {
	case f < 1:
		return t.Format(time.TimeOnly), true
	case math.Mod(seconds, 86400) == 0:
		return t.Format(time.DateOnly), true
	}
	return t.Format(time.DateTime), true
}

// Signs that XML cannot hold stand as _xHHHH_ in cells.
var escapedSign = regexp.MustCompile(`_x[0-9A-Fa-f]{4}_`)

func unescapeCell(s string) string {
	if !strings.Contains(s, "_x") {
		return s
	}
	return escapedSign.ReplaceAllStringFunc(s, func(m string) string {
		r, _ := strconv.ParseUint(m[2:6], 16, 16) // four digits: cannot fail
		return string(rune(r))
	})
}

func escapeCell(s string) string {
	s = escapedSign.ReplaceAllStringFunc(s, func(m string) string { return "_x005F" + m })
	var b strings.Builder
	for _, r := range s {
		if r < ' ' && r != '\t' && r != '\n' || r == 0xFFFE || r == 0xFFFF {
			fmt.Fprintf(&b, "_x%04X_", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func escapeXML(s string) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(s)
}
