package document

import (
	"bytes"
	"compress/zlib"
	"io"
	"strconv"
	"strings"
)

// A PDF reader of our own: the Go libraries that are to be had either do not
// give text or panic and grow without bound on broken files. This one never
// trusts the cross-reference table; it collects the objects as they stand in
// the file, later ones winning, and reads the text operators of every page.

type (
	pdfName string
	pdfRef  int
	pdfDict map[pdfName]any
	pdfOp   string // an operator of a content stream
	pdfStr  string // bytes of a string object
)

type pdfObject struct {
	value  any
	stream []byte // raw; nil when the object is no stream
}

type pdfFile struct {
	b        *budget
	where    string
	objects  map[pdfRef]pdfObject
	order    []pdfRef
	unpacked map[pdfRef][]byte
	fonts    map[pdfRef]*pdfFont
	problems map[string]bool
	images   int
	out      strings.Builder
	steps    int // operators left to run
}

// pdfText returns the text layer of a PDF: pages, form fields, notes and
// document information.
func (b *budget) pdfText(where string, data []byte) string {
	p := &pdfFile{b: b, where: where, objects: map[pdfRef]pdfObject{}, unpacked: map[pdfRef][]byte{},
		fonts: map[pdfRef]*pdfFont{}, steps: 5_000_000}
	trailers := p.scan(data)
	for _, t := range trailers {
		if t["Encrypt"] != nil {
			b.problem(where, ReasonEncrypted)
			return ""
		}
	}
	p.objectStreams()
	pages := p.pages(trailers)
	for i, page := range pages {
		if !b.part(where + "/page:" + itoa(i+1)) {
			break
		}
		before, seen := p.out.Len(), p.images
		p.page(page)
		if p.out.Len() == before && p.images > seen {
			b.problem(where+"/page:"+itoa(i+1), ReasonImage)
		}
		p.newline()
	}
	p.extras(trailers)
	if len(pages) == 0 {
		b.problem(where, ReasonBroken)
	}
	return p.out.String()
}

func (p *pdfFile) newline() {
	s := p.out.Len()
	if s > 0 {
		p.out.WriteByte('\n')
	}
}

// scan collects the objects "N G obj" of a file and the trailers.
func (p *pdfFile) scan(data []byte) (trailers []pdfDict) {
	for i := 0; i < len(data); {
		t := bytes.Index(data[i:], []byte("trailer"))
		if t < 0 {
			break
		}
		l := &pdfLexer{s: data, i: i + t + 7}
		if d, ok := l.object(0).(pdfDict); ok {
			trailers = append(trailers, d)
		}
		i = max(i+t+7, l.i)
	}
	for i := 0; i < len(data); {
		k := bytes.Index(data[i:], []byte("obj"))
		if k < 0 {
			break
		}
		at := i + k
		i = at + 3
		if at >= 3 && string(data[at-3:at]) == "end" {
			continue
		}
		num, ok := objectNumber(data[:at])
		if !ok || len(p.objects) > 500_000 {
			continue
		}
		l := &pdfLexer{s: data, i: i}
		o := pdfObject{value: l.object(0)}
		if d, isDict := o.value.(pdfDict); isDict {
			l.space()
			if bytes.HasPrefix(data[l.i:], []byte("stream")) {
				start := l.i + 6
				if start < len(data) && data[start] == '\r' {
					start++
				}
				if start < len(data) && data[start] == '\n' {
					start++
				}
				end := -1
				if n, ok := d["Length"].(float64); ok && n >= 0 && start+int(n) <= len(data) {
					if rest := bytes.TrimLeft(data[start+int(n):min(len(data), start+int(n)+20)], "\r\n \t"); bytes.HasPrefix(rest, []byte("endstream")) {
						end = start + int(n)
					}
				}
				if end < 0 {
					if e := bytes.Index(data[min(start, len(data)):], []byte("endstream")); e >= 0 {
						end = start + e
					} else {
						end = len(data)
						p.b.problem(p.where, ReasonTruncated)
					}
				}
				o.stream = data[min(start, end):end]
				l.i = end
			}
			if d["Type"] == pdfName("XRef") {
				trailers = append(trailers, d)
			}
		}
		i = max(i, l.i)
		p.put(pdfRef(num), o)
	}
	return trailers
}

func (p *pdfFile) put(r pdfRef, o pdfObject) {
	if _, have := p.objects[r]; !have {
		p.order = append(p.order, r)
	}
	p.objects[r] = o
}

// objectNumber reads "N G " backwards from the end of b.
func objectNumber(b []byte) (int, bool) {
	b = bytes.TrimRight(b[max(0, len(b)-40):], " \r\n\t")
	j := len(b)
	for j > 0 && b[j-1] >= '0' && b[j-1] <= '9' {
		j--
	}
	if j == len(b) {
		return 0, false
	}
	b = bytes.TrimRight(b[:j], " \r\n\t")
	j = len(b)
	for j > 0 && b[j-1] >= '0' && b[j-1] <= '9' {
		j--
	}
	n, err := strconv.Atoi(string(b[j:]))
	return n, err == nil && n < 1<<30
}

// objectStreams unpacks the objects that stand in compressed streams.
func (p *pdfFile) objectStreams() {
	for _, r := range append([]pdfRef(nil), p.order...) {
		o := p.objects[r]
		d, ok := o.value.(pdfDict)
		if !ok || d["Type"] != pdfName("ObjStm") || o.stream == nil {
			continue
		}
		data := p.unpack(d, o.stream)
		n, _ := p.resolve(d["N"]).(float64)
		first, _ := p.resolve(d["First"]).(float64)
		head := &pdfLexer{s: data}
		for range min(int(n), 100_000) {
			num, ok1 := head.object(0).(float64)
			off, ok2 := head.object(0).(float64)
			at := int(first) + int(off)
			if !ok1 || !ok2 || at < 0 || at >= len(data) || len(p.objects) > 500_000 {
				break
			}
			l := &pdfLexer{s: data, i: at}
			// A plain object of the same number is a later revision.
			if _, have := p.objects[pdfRef(num)]; !have {
				p.put(pdfRef(num), pdfObject{value: l.object(0)})
			}
		}
	}
}

func (p *pdfFile) resolve(v any) any {
	for range 20 {
		r, ok := v.(pdfRef)
		if !ok {
			return v
		}
		v = p.objects[r].value
	}
	return nil
}

func (p *pdfFile) dict(v any) pdfDict { d, _ := p.resolve(v).(pdfDict); return d }

// streamOf returns the unpacked bytes of the stream v refers to.
func (p *pdfFile) streamOf(v any) []byte {
	r, ok := v.(pdfRef)
	if !ok {
		return nil
	}
	for range 20 {
		next, again := p.objects[r].value.(pdfRef)
		if !again {
			break
		}
		r = next
	}
	o := p.objects[r]
	d, ok := o.value.(pdfDict)
	if !ok || o.stream == nil {
		return nil
	}
	if u, have := p.unpacked[r]; have {
		return u
	}
	u := p.unpack(d, o.stream)
	p.unpacked[r] = u
	return u
}

func (p *pdfFile) unpack(d pdfDict, data []byte) []byte {
	filters := []any{p.resolve(d["Filter"])}
	if a, ok := filters[0].([]any); ok {
		filters = a
	}
	parms := []any{p.resolve(d["DecodeParms"])}
	if a, ok := parms[0].([]any); ok {
		parms = a
	}
	for i, f := range filters {
		name, _ := p.resolve(f).(pdfName)
		switch name {
		case "":
		case "FlateDecode", "Fl":
			z, err := zlib.NewReader(bytes.NewReader(data))
			if err != nil {
				p.b.problem(p.where, ReasonBroken)
				return nil
			}
			limit := max(1<<20, int64(len(data))*p.b.Ratio*5)
			limit = min(limit, p.b.bytes)
			out, _ := io.ReadAll(io.LimitReader(z, limit+1)) // a cut stream is read as far as it goes
			if int64(len(out)) > limit {
				p.b.problem(p.where, ReasonBomb)
				out = out[:limit]
			}
			p.b.bytes -= int64(len(out))
			data = out
			if i < len(parms) {
				data = p.unpredict(p.dict(parms[i]), data)
			}
		case "ASCIIHexDecode", "AHx":
			data = hexBytes(data)
		case "ASCII85Decode", "A85":
			data = ascii85(data)
		case "RunLengthDecode", "RL":
			data = runLength(data, p.b.bytes)
		default:
			p.b.problem(p.where, ReasonFilter)
			return nil
		}
	}
	return data
}

// unpredict undoes the PNG predictors that object and cross-reference streams use.
func (p *pdfFile) unpredict(d pdfDict, data []byte) []byte {
	num := func(k pdfName, def int) int {
		if n, ok := p.resolve(d[k]).(float64); ok && n > 0 && n < 1<<20 {
			return int(n)
		}
		return def
	}
	if num("Predictor", 1) < 10 {
		return data
	}
	bpp := max(1, num("Colors", 1)*num("BitsPerComponent", 8)/8)
	row := (num("Columns", 1)*num("Colors", 1)*num("BitsPerComponent", 8) + 7) / 8
	var out []byte
	prev := make([]byte, row)
	for len(data) > 1 {
		kind := data[0]
		line := append([]byte(nil), data[1:min(len(data), row+1)]...)
		data = data[min(len(data), row+1):]
		for i := range line {
			var left, up, corner byte
			if up = prev[i]; i >= bpp {
				left, corner = line[i-bpp], prev[i-bpp]
			}
			switch kind {
			case 1:
				line[i] += left
			case 2:
				line[i] += up
			case 3:
				line[i] += byte((int(left) + int(up)) / 2)
			case 4:
				a, b, c := int(left), int(up), int(corner)
				pa, pb, pc := abs(b-c), abs(a-c), abs(a+b-2*c)
				switch {
				case pa <= pb && pa <= pc:
					line[i] += left
				case pb <= pc:
					line[i] += up
				default:
					line[i] += corner
				}
			}
		}
		out = append(out, line...)
		copy(prev, line)
	}
	return out
}

func abs(n int) int { return max(n, -n) }

func hexBytes(b []byte) []byte {
	var out []byte
	half := -1
	for _, c := range b {
		if c == '>' {
			break
		}
		v := unhex(c)
		if v > 15 {
			continue
		}
		if half < 0 {
			half = int(v)
		} else {
			out = append(out, byte(half)<<4|v)
			half = -1
		}
	}
	if half >= 0 {
		out = append(out, byte(half)<<4)
	}
	return out
}

func ascii85(b []byte) []byte {
	var out []byte
	var v uint32
	n := 0
	b, _, _ = bytes.Cut(b, []byte("~"))
	for _, c := range b {
		switch {
		case c == 'z' && n == 0:
			out = append(out, 0, 0, 0, 0)
			continue
		case c < '!' || c > 'u':
			continue
		}
		v = v*85 + uint32(c-'!')
		if n++; n == 5 {
			out = append(out, byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
			v, n = 0, 0
		}
	}
	if n > 1 {
		for i := n; i < 5; i++ {
			v = v*85 + 84
		}
		out = append(out, []byte{byte(v >> 24), byte(v >> 16), byte(v >> 8)}[:n-1]...)
	}
	return out
}

func runLength(b []byte, limit int64) []byte {
	var out []byte
	for i := 0; i < len(b) && b[i] != 128 && int64(len(out)) < limit; {
		n := int(b[i])
		if n < 128 {
			out = append(out, b[i+1:min(len(b), i+2+n)]...)
			i += n + 2
		} else {
			if i+1 < len(b) {
				out = append(out, bytes.Repeat(b[i+1:i+2], 257-n)...)
			}
			i += 2
		}
	}
	return out
}

// pages returns the page dictionaries in order: by the page tree, and those the
// tree does not reach after them.
func (p *pdfFile) pages(trailers []pdfDict) []pdfDict {
	var out []pdfDict
	seen := map[pdfRef]bool{}
	var walk func(v any, inherited any, depth int)
	walk = func(v any, inherited any, depth int) {
		if r, ok := v.(pdfRef); ok {
			if seen[r] {
				return
			}
			seen[r] = true
		}
		d := p.dict(v)
		if d == nil || depth > 100 {
			return
		}
		if d["Resources"] != nil {
			inherited = d["Resources"]
		}
		if kids, ok := p.resolve(d["Kids"]).([]any); ok {
			for _, k := range kids {
				walk(k, inherited, depth+1)
			}
			return
		}
		page := pdfDict{}
		for k, v := range d {
			page[k] = v
		}
		page["Resources"] = inherited
		out = append(out, page)
	}
	for i := len(trailers) - 1; i >= 0; i-- {
		if root := p.dict(trailers[i]["Root"]); root != nil {
			walk(root["Pages"], nil, 0)
		}
	}
	for _, r := range p.order {
		if d := p.dict(r); d != nil && d["Type"] == pdfName("Page") && !seen[r] {
			walk(r, nil, 0)
		}
	}
	return out
}

func (p *pdfFile) page(page pdfDict) {
	var content []byte
	switch c := p.resolve(page["Contents"]).(type) {
	case []any:
		for _, v := range c {
			content = append(append(content, p.streamOf(v)...), '\n')
		}
	default:
		content = p.streamOf(page["Contents"])
	}
	r := &pdfRun{p: p, ctm: unit, tm: unit, line: unit}
	r.run(content, p.dict(page["Resources"]), 0)
}

// extras writes what stands outside the pages: document information, form
// values, notes.
func (p *pdfFile) extras(trailers []pdfDict) {
	write := func(v any) {
		if s, ok := p.resolve(v).(pdfStr); ok && len(s) > 0 {
			p.out.WriteString(pdfDocString(string(s)))
			p.newline()
		}
	}
	for _, t := range trailers {
		info := p.dict(t["Info"])
		for _, k := range []pdfName{"Title", "Author", "Subject", "Keywords"} {
			write(info[k])
		}
	}
	for _, r := range p.order {
		d := p.dict(r)
		if d == nil {
			continue
		}
		if d["Subtype"] != nil && (d["Type"] == pdfName("Annot") || d["Rect"] != nil) {
			write(d["Contents"])
			if d["Subtype"] != pdfName("Widget") {
				write(d["T"])
			}
			if a := p.dict(d["A"]); a != nil {
				write(a["URI"])
			}
		}
		if d["FT"] != nil || d["Subtype"] == pdfName("Widget") {
			write(d["V"])
		}
		if d["Type"] == pdfName("Filespec") || d["EF"] != nil {
			write(d["UF"])
			name, _ := p.resolve(d["UF"]).(pdfStr)
			ef := p.dict(d["EF"])
			if data := p.streamOf(ef["F"]); data != nil && p.b.Depth > 0 && p.b.part(p.where) {
				p.b.Depth--
				p.out.WriteString(p.b.fileText(p.where+"/file:"+itoa(int(r)), pdfDocString(string(name)), "", data))
				p.b.Depth++
				p.newline()
			}
		}
	}
}
