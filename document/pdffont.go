package document

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// pdfFont says which letters the codes of a font are.
type pdfFont struct {
	wide    bool              // two-byte codes
	unicode map[uint32]string // by ToUnicode
	codes   [256]rune         // by encoding, for one-byte codes
	unknown bool              // two-byte codes without ToUnicode
	widths  map[uint32]float64
	width   float64 // of codes not in widths
}

// measured reports whether the font says how wide its letters are.
func (f *pdfFont) measured() bool { return f != nil && len(f.widths) > 0 }

func (p *pdfFile) font(v any) *pdfFont {
	r, isRef := v.(pdfRef)
	if f, ok := p.fonts[r]; ok && isRef {
		return f
	}
	d := p.dict(v)
	f := &pdfFont{wide: d["Subtype"] == pdfName("Type0")}
	base := charmap.Windows1252
	enc := p.resolve(d["Encoding"])
	if e, ok := enc.(pdfDict); ok {
		if p.resolve(e["BaseEncoding"]) == pdfName("MacRomanEncoding") {
			base = charmap.Macintosh
		}
	} else if enc == pdfName("MacRomanEncoding") {
		base = charmap.Macintosh
	}
	for i := range f.codes {
		f.codes[i] = base.DecodeByte(byte(i))
	}
	if e, ok := enc.(pdfDict); ok {
		diff, _ := p.resolve(e["Differences"]).([]any)
		code := 0
		for _, v := range diff {
			switch v := v.(type) {
			case float64:
				code = int(v)
			case pdfName:
				if code >= 0 && code < 256 {
					if g := glyph(string(v)); g != 0 {
						f.codes[code] = g
					}
				}
				code++
			}
		}
	}
	if m := p.streamOf(d["ToUnicode"]); m != nil {
		f.unicode = toUnicode(m)
	} else if f.wide {
		f.unknown = true
	}
	p.widths(f, d)
	if isRef {
		p.fonts[r] = f
	}
	return f
}

func (p *pdfFile) widths(f *pdfFont, d pdfDict) {
	f.widths, f.width = map[uint32]float64{}, 500
	if !f.wide {
		first, _ := p.resolve(d["FirstChar"]).(float64)
		list, _ := p.resolve(d["Widths"]).([]any)
		for i, w := range list {
			if n, ok := p.resolve(w).(float64); ok && i < 256 {
				f.widths[uint32(first)+uint32(i)] = n
			}
		}
		return
	}
	f.width = 1000
	list, _ := p.resolve(d["DescendantFonts"]).([]any)
	if len(list) == 0 {
		return
	}
	cid := p.dict(list[0])
	if n, ok := p.resolve(cid["DW"]).(float64); ok {
		f.width = n
	}
	w, _ := p.resolve(cid["W"]).([]any)
	for i := 0; i+1 < len(w) && len(f.widths) < 70_000; {
		first, _ := p.resolve(w[i]).(float64)
		if run, ok := p.resolve(w[i+1]).([]any); ok {
			for k, v := range run {
				n, _ := p.resolve(v).(float64)
				f.widths[uint32(first)+uint32(k)] = n
			}
			i += 2
			continue
		}
		if i+2 >= len(w) {
			return
		}
		last, _ := p.resolve(w[i+1]).(float64)
		n, _ := p.resolve(w[i+2]).(float64)
		for c := first; c <= min(last, first+65535); c++ {
			f.widths[uint32(c)] = n
		}
		i += 3
	}
}

func (f *pdfFont) widthOf(c uint32) float64 {
	if w, ok := f.widths[c]; ok {
		return w
	}
	return f.width
}

// decode returns the text of a string and how far it moves the pen.
func (f *pdfFont) decode(s string, r *pdfRun) (string, float64) {
	if f == nil {
		return guess([]byte(s)), float64(len(s)) * r.size / 2
	}
	var out strings.Builder
	var width float64
	step := 1
	if f.wide {
		step = 2
		if f.unknown {
			r.p.b.problem(r.p.where, ReasonNoUnicode)
		}
	}
	for i := 0; i+step <= len(s); i += step {
		c := code(s[i : i+step])
		w := f.widthOf(c)/1000*r.size + r.charGap
		if !f.wide && c == ' ' {
			w += r.wordGap
		}
		width += w * (1 + r.scale)
		if u, ok := f.unicode[c]; ok {
			out.WriteString(u)
		} else if !f.wide {
			if g := f.codes[c]; g >= ' ' && g != utf8.RuneError {
				out.WriteRune(g)
			}
		}
	}
	return out.String(), width
}

// toUnicode reads the bfchar and bfrange tables of a ToUnicode map.
func toUnicode(b []byte) map[uint32]string {
	m := map[uint32]string{}
	l := &pdfLexer{s: b}
	var stack []any
	for l.space(); l.i < len(l.s) && len(m) < 70_000; l.space() {
		v := l.object(0)
		op, ok := v.(pdfOp)
		if !ok {
			if len(stack) < 10_000 {
				stack = append(stack, v)
			}
			continue
		}
		switch op {
		case "endbfchar":
			for i := 0; i+1 < len(stack); i += 2 {
				from, _ := stack[i].(pdfStr)
				to, _ := stack[i+1].(pdfStr)
				m[code(string(from))] = utf16be(string(to))
			}
		case "endbfrange":
			for i := 0; i+2 < len(stack); i += 3 {
				lo, _ := stack[i].(pdfStr)
				hi, _ := stack[i+1].(pdfStr)
				first, last := code(string(lo)), code(string(hi))
				if last-first > 65535 {
					continue
				}
				switch to := stack[i+2].(type) {
				case pdfStr:
					r := []rune(utf16be(string(to)))
					for c := first; c <= last && len(r) > 0; c++ {
						m[c] = string(r)
						r[len(r)-1]++
					}
				case []any:
					for k, v := range to {
						if s, ok := v.(pdfStr); ok && first+uint32(k) <= last {
							m[first+uint32(k)] = utf16be(string(s))
						}
					}
				}
			}
		}
		stack = stack[:0]
	}
	return m
}

func code(s string) (n uint32) {
	for i := 0; i < len(s) && i < 4; i++ {
		n = n<<8 | uint32(s[i])
	}
	return n
}

func utf16be(s string) string {
	u := make([]uint16, 0, len(s)/2)
	for i := 0; i+1 < len(s); i += 2 {
		u = append(u, uint16(s[i])<<8|uint16(s[i+1]))
	}
	return string(utf16.Decode(u))
}

// pdfDocString decodes a text string outside the pages: UTF-16 or UTF-8 with a
// mark, else close to Latin-1.
func pdfDocString(s string) string {
	if strings.HasPrefix(s, "\xFE\xFF") {
		return utf16be(s[2:])
	}
	return guess([]byte(s))
}

// glyph returns the character of a glyph name of the Adobe list: the Latin
// letters of western Europe and the marks.
func glyph(name string) rune {
	if len(name) == 1 {
		return rune(name[0])
	}
	name, _, _ = strings.Cut(name, ".")
	if strings.HasPrefix(name, "uni") && len(name) == 7 {
		if n, err := strconv.ParseUint(name[3:], 16, 32); err == nil {
			return rune(n)
		}
	}
	if len(name) > 1 {
		for suffix, accented := range glyphAccents {
			if base, ok := strings.CutSuffix(name, suffix); ok && len(base) == 1 {
				if i := strings.Index(accented, base); i >= 0 {
					return []rune(accented)[utf8.RuneCountInString(accented[:i])+1]
				}
			}
		}
	}
	return glyphNames[name]
}

// Each letter is followed by the letter with its accent.
var glyphAccents = map[string]string{
	"ring": "aåAÅ", "dieresis": "aäoöuüeëiïyÿAÄOÖUÜEËIÏ", "acute": "aáeéiíoóuúyýAÁEÉIÍOÓUÚYÝ",
	"grave": "aàeèiìoòuùAÀEÈIÌOÒUÙ", "circumflex": "aâeêiîoôuûAÂEÊIÎOÔUÛ", "tilde": "aãnñoõAÃNÑOÕ",
	"cedilla": "cçCÇ", "caron": "sšzžSŠZŽ", "slash": "oøOØ",
}

var glyphNames = map[string]rune{
	"space": ' ', "exclam": '!', "quotedbl": '"', "numbersign": '#', "dollar": '$', "percent": '%', "ampersand": '&',
	"quotesingle": '\'', "quoteright": '’', "quoteleft": '‘', "parenleft": '(', "parenright": ')', "asterisk": '*', "plus": '+',
	"comma": ',', "hyphen": '-', "minus": '-', "period": '.', "slash": '/', "zero": '0', "one": '1', "two": '2', "three": '3',
	"four": '4', "five": '5', "six": '6', "seven": '7', "eight": '8', "nine": '9', "colon": ':', "semicolon": ';', "less": '<',
	"equal": '=', "greater": '>', "question": '?', "at": '@', "bracketleft": '[', "backslash": '\\', "bracketright": ']',
	"asciicircum": '^', "underscore": '_', "grave": '`', "braceleft": '{', "bar": '|', "braceright": '}', "asciitilde": '~',
	"bullet": '•', "endash": '–', "emdash": '—', "ellipsis": '…', "quotedblleft": '“', "quotedblright": '”', "section": '§',
	"degree": '°', "germandbls": 'ß', "ae": 'æ', "AE": 'Æ', "oslash": 'ø', "Oslash": 'Ø', "eth": 'ð', "Eth": 'Ð', "thorn": 'þ',
	"Thorn": 'Þ', "Euro": '€', "sterling": '£', "fi": 'ﬁ', "fl": 'ﬂ', "nbspace": ' ', "currency": '¤', "paragraph": '¶',
}

// pdfLexer reads PDF objects and operators.
type pdfLexer struct {
	s []byte
	i int
}

func pdfSpace(c byte) bool {
	return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\f' || c == 0
}

func pdfDelim(c byte) bool { return strings.IndexByte("()<>[]{}/%", c) >= 0 }

func (l *pdfLexer) space() {
	for l.i < len(l.s) {
		if c := l.s[l.i]; c == '%' {
			for l.i < len(l.s) && l.s[l.i] != '\n' && l.s[l.i] != '\r' {
				l.i++
			}
		} else if !pdfSpace(c) {
			return
		} else {
			l.i++
		}
	}
}

// object reads the next object or operator; nil at the end or on a stray mark.
func (l *pdfLexer) object(depth int) any {
	l.space()
	if l.i >= len(l.s) || depth > 100 {
		l.i = len(l.s)
		return nil
	}
	switch c := l.s[l.i]; {
	case c == '/':
		return l.name()
	case c == '(':
		return l.literal()
	case c == '<' && l.i+1 < len(l.s) && l.s[l.i+1] == '<':
		l.i += 2
		d := pdfDict{}
		for {
			l.space()
			if l.i >= len(l.s) {
				return d
			}
			if l.s[l.i] == '>' {
				l.i = min(len(l.s), l.i+2)
				return d
			}
			k, ok := l.object(depth + 1).(pdfName)
			if !ok {
				continue
			}
			l.space()
			if l.i < len(l.s) && l.s[l.i] == '>' {
				continue
			}
			d[k] = l.object(depth + 1)
		}
	case c == '<':
		end := bytes.IndexByte(l.s[l.i:], '>')
		if end < 0 {
			end = len(l.s) - l.i
		}
		b := hexBytes(l.s[l.i+1 : l.i+end])
		l.i = min(len(l.s), l.i+end+1)
		return pdfStr(b)
	case c == '[':
		l.i++
		var a []any
		for {
			l.space()
			if l.i >= len(l.s) {
				return a
			}
			if l.s[l.i] == ']' {
				l.i++
				return a
			}
			a = append(a, l.object(depth+1))
		}
	case c == ')' || c == '>' || c == ']' || c == '{' || c == '}':
		l.i++
		return nil
	case c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.':
		return l.number()
	}
	start := l.i
	for l.i < len(l.s) && !pdfSpace(l.s[l.i]) && !pdfDelim(l.s[l.i]) {
		l.i++
	}
	switch w := string(l.s[start:l.i]); w {
	case "true":
		return true
	case "false":
		return false
	case "null":
		return nil
	default:
		return pdfOp(w)
	}
}

func (l *pdfLexer) name() pdfName {
	l.i++
	var b []byte
	for l.i < len(l.s) && !pdfSpace(l.s[l.i]) && !pdfDelim(l.s[l.i]) {
		c := l.s[l.i]
		if c == '#' && l.i+2 < len(l.s) && unhex(l.s[l.i+1]) < 16 && unhex(l.s[l.i+2]) < 16 {
			c = unhex(l.s[l.i+1])<<4 | unhex(l.s[l.i+2])
			l.i += 2
		}
		b = append(b, c)
		l.i++
	}
	return pdfName(b)
}

// number reads a number, or a reference "N G R".
func (l *pdfLexer) number() any {
	start := l.i
	for l.i < len(l.s) && strings.IndexByte("0123456789+-.eE", l.s[l.i]) >= 0 {
		l.i++
	}
	n, err := strconv.ParseFloat(string(l.s[start:l.i]), 64)
	if err != nil || n != n || n > 1e15 || n < -1e15 {
		return 0.0
	}
	if n >= 0 && n < 1<<30 && n == float64(int(n)) {
		j := l.i
		for j < len(l.s) && pdfSpace(l.s[j]) {
			j++
		}
		k := j
		for k < len(l.s) && l.s[k] >= '0' && l.s[k] <= '9' && k-j < 6 {
			k++
		}
		m := k
		for m < len(l.s) && pdfSpace(l.s[m]) {
			m++
		}
		if k > j && m > k && m < len(l.s) && l.s[m] == 'R' && (m+1 >= len(l.s) || pdfSpace(l.s[m+1]) || pdfDelim(l.s[m+1])) {
			l.i = m + 1
			return pdfRef(n)
		}
	}
	return n
}

func (l *pdfLexer) literal() pdfStr {
	l.i++
	var b []byte
	depth := 1
	for ; l.i < len(l.s); l.i++ {
		c := l.s[l.i]
		switch c {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				l.i++
				return pdfStr(b)
			}
		case '\\':
			if l.i++; l.i >= len(l.s) {
				return pdfStr(b)
			}
			switch c = l.s[l.i]; c {
			case 'n':
				c = '\n'
			case 'r':
				c = '\r'
			case 't':
				c = '\t'
			case 'b', 'f':
				c = ' '
			case '\r':
				if l.i+1 < len(l.s) && l.s[l.i+1] == '\n' {
					l.i++
				}
				continue
			case '\n':
				continue
			default:
				if c >= '0' && c <= '7' {
					v := 0
					k := 0
					for ; k < 3 && l.i+k < len(l.s) && l.s[l.i+k] >= '0' && l.s[l.i+k] <= '7'; k++ {
						v = v*8 + int(l.s[l.i+k]-'0')
					}
					l.i += k - 1
					c = byte(v)
				}
			}
		}
		b = append(b, c)
	}
	return pdfStr(b)
}
