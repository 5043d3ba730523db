package document

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"path"
	"sort"
	"strconv"
	"strings"
)

// zipText reads a zip archive: an Office or OpenDocument file by what it holds,
// any other member by member.
func (b *budget) zipText(where, name string, data []byte) string {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		b.problem(where, ReasonBroken)
		return ""
	}
	has := map[string]bool{}
	for _, f := range z.File {
		has[f.Name] = true
	}
	office := ""
	switch {
	case has["word/document.xml"]:
		office = "word/"
	case has["xl/workbook.xml"]:
		office = "xl/"
	case has["ppt/presentation.xml"]:
		office = "ppt/"
	case has["content.xml"] && has["META-INF/manifest.xml"]:
		office = "odf"
	}
	if b.Depth <= 0 {
		b.problem(where, ReasonTooDeep)
		return ""
	}
	b.Depth--
	defer func() { b.Depth++ }()
	var out strings.Builder
	write := func(s string) {
		if s != "" {
			out.WriteString(s)
			if !strings.HasSuffix(s, "\n") {
				out.WriteByte('\n')
			}
		}
	}
	files := z.File
	if office != "" {
		// Slides and sheets in the order of their numbers, shared strings first.
		files = append([]*zip.File(nil), files...)
		sort.SliceStable(files, func(i, j int) bool { return memberOrder(files[i].Name) < memberOrder(files[j].Name) })
	}
	var shared []string
	for i, f := range files {
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		at := where + "/zip:" + itoa(i+1)
		if !b.part(at) {
			break
		}
		if f.Flags&1 != 0 {
			b.problem(at, ReasonEncrypted)
			continue
		}
		if office != "" && !officeMember(office, f.Name) {
			continue
		}
		member, ok := b.member(at, f)
		if !ok && len(member) == 0 {
			continue
		}
		switch {
		case office == "" || strings.Contains(f.Name, "/embeddings/") || strings.Contains(f.Name, "/media/") || strings.HasPrefix(f.Name, "Pictures/") || strings.HasPrefix(f.Name, "media/"):
			base := path.Base(strings.ReplaceAll(f.Name, `\`, "/"))
			if office == "" {
				write(b.clip(base, at))
			}
			write(b.fileText(at, base, "", member))
		case f.Name == "META-INF/manifest.xml":
			if bytes.Contains(member, []byte("encryption-data")) {
				b.problem(where, ReasonEncrypted)
				return out.String()
			}
		case f.Name == "xl/sharedStrings.xml":
			shared = sharedStrings(member)
		case strings.HasPrefix(f.Name, "xl/worksheets/"):
			write(b.clip(sheetText(member, shared, b.text), at))
		default:
			s, whole := xmlText(member)
			if !whole {
				b.problem(at, ReasonBroken)
			}
			write(b.clip(s, at))
		}
	}
	return out.String()
}

// member unpacks one member within the budget.
func (b *budget) member(where string, f *zip.File) ([]byte, bool) {
	r, err := f.Open()
	if err != nil {
		reason := ReasonBroken
		if errors.Is(err, zip.ErrAlgorithm) {
			reason = ReasonArchive
		}
		b.problem(where, reason)
		return nil, false
	}
	defer r.Close()
	limit, reason := b.bytes, ReasonTooLarge
	if most := max(1<<20, int64(min(f.CompressedSize64, 1<<40))*b.Ratio); most < limit {
		limit, reason = most, ReasonBomb
	}
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if int64(len(data)) > limit {
		b.problem(where, reason)
		data, err = data[:limit], nil
		b.bytes -= limit
		if reason == ReasonBomb {
			return nil, false
		}
		return data, false
	}
	b.bytes -= int64(len(data))
	if err != nil {
		b.problem(where, ReasonBroken)
		return data, false
	}
	return data, true
}

// officeMember reports whether a member of an Office file can hold what people wrote.
func officeMember(office, name string) bool {
	if strings.HasPrefix(name, "docProps/") && strings.HasSuffix(name, ".xml") || name == "meta.xml" {
		return true
	}
	if strings.Contains(name, "/embeddings/") || strings.Contains(name, "/media/") || strings.HasPrefix(name, "Pictures/") || strings.HasPrefix(name, "media/") {
		return true
	}
	base := path.Base(name)
	if strings.Contains(name, "/_rels/") {
		return strings.HasSuffix(name, ".rels") // hyperlinks: mailto: addresses
	}
	if !strings.HasSuffix(name, ".xml") {
		return false
	}
	switch office {
	case "odf":
		return name == "content.xml" || name == "styles.xml" || name == "META-INF/manifest.xml"
	case "word/":
		for _, no := range []string{"styles", "settings", "fontTable", "webSettings", "theme", "numbering"} {
			if strings.HasPrefix(base, no) {
				return false
			}
		}
		return strings.HasPrefix(name, "word/") || strings.HasPrefix(name, "customXml/item")
	case "xl/":
		return name == "xl/sharedStrings.xml" || strings.HasPrefix(name, "xl/worksheets/") || strings.HasPrefix(base, "comments") ||
			strings.HasPrefix(name, "xl/threadedComments/") || strings.HasPrefix(name, "xl/persons/") || strings.HasPrefix(name, "xl/drawings/") ||
			strings.HasPrefix(name, "xl/pivotCache/") || strings.HasPrefix(name, "xl/tables/")
	}
	return strings.HasPrefix(name, "ppt/slides/") || strings.HasPrefix(name, "ppt/notesSlides/") || strings.HasPrefix(name, "ppt/comments/") || base == "commentAuthors.xml"
}

// memberOrder sorts slide10 after slide2, and what others need before them.
func memberOrder(name string) string {
	switch name {
	case "META-INF/manifest.xml":
		return ""
	case "xl/sharedStrings.xml":
		return "\x01"
	}
	end := len(name)
	if i := strings.LastIndexByte(name, '.'); i > 0 {
		end = i
	}
	start := end
	for start > 0 && name[start-1] >= '0' && name[start-1] <= '9' {
		start--
	}
	if start == end || end-start > 8 {
		return name
	}
	return name[:start] + strings.Repeat("0", 9-(end-start)) + name[start:]
}

// xmlText returns the character data of an Office or OpenDocument part, with a
// line end after each paragraph, and the attributes that hold names and links.
// ok is false when the part ends before its end.
func xmlText(data []byte) (text string, ok bool) {
	d := xml.NewDecoder(bytes.NewReader(data))
	d.Strict = false
	var out strings.Builder
	depth := 0
	for {
		t, err := d.RawToken()
		if err != nil {
			return out.String(), err == io.EOF
		}
		switch t := t.(type) {
		case xml.StartElement:
			if depth++; depth > 10000 {
				return out.String(), false
			}
			switch t.Name.Local {
			case "tab":
				out.WriteByte('\t')
			case "br", "line-break", "cr":
				out.WriteByte('\n')
			case "s":
				out.WriteByte(' ')
			}
			for _, a := range t.Attr {
				switch a.Name.Local {
				case "author", "initials", "displayName", "userId", "name", "descr", "title", "href", "Target", "alias", "instr", "providerId":
					if strings.HasPrefix(a.Value, "http://schemas.") || a.Name.Local == "name" && t.Name.Local != "cNvPr" && t.Name.Local != "docPr" && t.Name.Local != "cmAuthor" {
						continue
					}
					if a.Name.Local == "Target" && !strings.Contains(a.Value, ":") {
						continue
					}
					out.WriteString(" " + a.Value + " ")
				}
			}
		case xml.EndElement:
			depth--
			switch t.Name.Local {
			case "p", "h", "si", "row", "table-row", "creator", "lastModifiedBy", "title", "subject", "description", "keywords", "Manager", "Company", "initial-creator", "lpwstr", "lpstr", "text", "comment":
				out.WriteByte('\n')
			case "tc", "table-cell", "c":
				out.WriteByte('\t')
			}
		case xml.CharData:
			if bytes.IndexByte(t, '\n') < 0 || len(bytes.TrimSpace(t)) > 0 { // not the indentation
				out.Write(t)
			}
		}
	}
}

// sharedStrings returns the strings of a workbook that its cells point to.
func sharedStrings(data []byte) []string {
	d := xml.NewDecoder(bytes.NewReader(data))
	d.Strict = false
	var out []string
	var cur strings.Builder
	text, phonetic := false, false
	for {
		t, err := d.RawToken()
		if err != nil {
			return out
		}
		switch t := t.(type) {
		case xml.StartElement:
			switch t.Name.Local {
			case "si":
				cur.Reset()
			case "t":
				text = true
			case "rPh":
				phonetic = true
			}
		case xml.EndElement:
			switch t.Name.Local {
			case "si":
				out = append(out, cur.String())
			case "t":
				text = false
			case "rPh":
				phonetic = false
			}
		case xml.CharData:
			if text && !phonetic {
				cur.Write(t)
			}
		}
	}
}

// sheetText returns a worksheet, a line for each row, cells parted by tabs. It
// stops after about limit bytes: a few strings in many cells are a bomb too.
func sheetText(data []byte, shared []string, limit int64) string {
	d := xml.NewDecoder(bytes.NewReader(data))
	d.Strict = false
	var out, value strings.Builder
	kind, in := "", false
	for {
		t, err := d.RawToken()
		if err != nil || int64(out.Len()) > limit {
			return out.String()
		}
		switch t := t.(type) {
		case xml.StartElement:
			switch t.Name.Local {
			case "c":
				kind = ""
				for _, a := range t.Attr {
					if a.Name.Local == "t" {
						kind = a.Value
					}
				}
				value.Reset()
			case "v", "t":
				in = true
			case "oddHeader", "oddFooter", "f":
				in = t.Name.Local != "f"
			}
		case xml.EndElement:
			switch t.Name.Local {
			case "v", "t":
				in = false
			case "oddHeader", "oddFooter":
				in = false
				out.WriteString(value.String() + "\n")
				value.Reset()
			case "c":
				v := value.String()
				if kind == "s" {
					if i, err := strconv.Atoi(strings.TrimSpace(v)); err == nil && i >= 0 && i < len(shared) {
						v = shared[i]
					}
				}
				out.WriteString(v + "\t")
				value.Reset()
			case "row":
				out.WriteByte('\n')
			}
		case xml.CharData:
			if in {
				value.Write(t)
			}
		}
	}
}
