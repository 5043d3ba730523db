package document

import (
	"bytes"
	"html"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"
)

// The reader below keeps the place of every byte, which the rewriter needs: a
// page in which nothing is found must come out byte for byte as it went in.

type tokenKind int

const (
	tokText tokenKind = iota
	tokStart
	tokEnd
	tokComment
	tokOther // doctype, processing instruction
	tokRaw   // content of script and style
)

type htmlToken struct {
	kind  tokenKind
	raw   string
	name  string // of a tag, lower case
	attrs []htmlAttr
}

type htmlAttr struct {
	name       string
	start, end int // the value in the token's raw bytes, quotes included
}

func (t htmlToken) value(a htmlAttr) string {
	v := t.raw[a.start:a.end]
	if len(v) > 0 && (v[0] == '"' || v[0] == '\'') {
		v = strings.TrimSuffix(v[1:], v[:1])
	}
	return html.UnescapeString(v)
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// htmlTokens calls yield for every token; together they are s.
func htmlTokens(s string, yield func(htmlToken)) {
	for len(s) > 0 {
		n, t := 0, htmlToken{}
		switch {
		case strings.HasPrefix(s, "<!--"):
			n = len(s)
			if i := strings.Index(s[4:], "-->"); i >= 0 {
				n = 4 + i + 3
			}
			t.kind = tokComment
		case len(s) > 1 && s[0] == '<' && (s[1] == '!' || s[1] == '?'):
			if i := strings.IndexByte(s, '>'); i >= 0 {
				n, t.kind = i+1, tokOther
			}
		case len(s) > 2 && s[0] == '<' && s[1] == '/' && letter(s[2]):
			if i := strings.IndexByte(s, '>'); i >= 0 {
				n, t.kind, t.name = i+1, tokEnd, tagName(s[2:i])
			}
		case len(s) > 1 && s[0] == '<' && letter(s[1]):
			n, t = startTag(s)
		}
		if n == 0 { // text, also a "<" that begins nothing
			n = len(s)
			if i := strings.IndexByte(s[1:], '<'); i >= 0 {
				n = i + 1
			}
			t = htmlToken{kind: tokText}
		}
		t.raw = s[:n]
		s = s[n:]
		yield(t)
		if t.kind == tokStart && (t.name == "script" || t.name == "style") && len(s) > 0 {
			end := indexFold(s, "</"+t.name)
			if end < 0 {
				end = len(s)
			}
			if end > 0 {
				yield(htmlToken{kind: tokRaw, raw: s[:end], name: t.name})
				s = s[end:]
			}
		}
	}
}

func indexFold(s, sub string) int {
	for i := 0; i+len(sub) <= len(s); i++ {
		k := strings.IndexByte(s[i:], '<')
		if k < 0 {
			return -1
		}
		if i += k; i+len(sub) <= len(s) && strings.EqualFold(s[i:i+len(sub)], sub) {
			return i
		}
	}
	return -1
}

func tagName(s string) string {
	i := strings.IndexAny(s, " \t\r\n/>")
	if i < 0 {
		i = len(s)
	}
	return strings.ToLower(s[:i])
}

func startTag(s string) (int, htmlToken) {
	t := htmlToken{kind: tokStart}
	i := 1
	for i < len(s) && !strings.ContainsRune(" \t\r\n/>", rune(s[i])) {
		i++
	}
	t.name = strings.ToLower(s[1:i])
	for i < len(s) {
		switch c := s[i]; {
		case c == '>':
			return i + 1, t
		case c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '/' || c == '=':
			i++
		default:
			start := i
			for i < len(s) && !strings.ContainsRune(" \t\r\n/>=", rune(s[i])) {
				i++
			}
			name := strings.ToLower(s[start:i])
			j := i
			for j < len(s) && strings.IndexByte(" \t\r\n", s[j]) >= 0 {
				j++
			}
			if j >= len(s) || s[j] != '=' {
				continue
			}
			for j++; j < len(s) && strings.IndexByte(" \t\r\n", s[j]) >= 0; {
				j++
			}
			if j >= len(s) {
				return 0, t
			}
			a := htmlAttr{name: name, start: j}
			if q := s[j]; q == '"' || q == '\'' {
				k := strings.IndexByte(s[j+1:], q)
				if k < 0 {
					return 0, t
				}
				a.end = j + 1 + k + 1
			} else {
				for a.end = j; a.end < len(s) && !strings.ContainsRune(" \t\r\n>", rune(s[a.end])); {
					a.end++
				}
			}
			t.attrs = append(t.attrs, a)
			i = a.end
		}
	}
	return 0, t
}

var metaCharset = regexp.MustCompile(`(?i)<meta[^>]{0,200}charset\s*=\s*["']?([a-z0-9_:.-]{2,40})`)

// htmlCharset returns the charset a page declares in itself; "" when none.
func htmlCharset(b []byte) string {
	if m := metaCharset.FindSubmatch(b[:min(len(b), 4096)]); m != nil {
		return string(m[1])
	}
	return ""
}

// inline elements do not end a stretch of text: in "Anna <b>Andersson</b>" the
// name is one.
var inline = set("a abbr acronym b bdi bdo big br cite code del dfn em font i ins kbd label mark o:p q s samp small span strike strong sub sup tt u var wbr")

var urlAttr = set("href src action cite background formaction longdesc ping data")

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

// htmlText returns what a reader of the page sees, a line for each block, and
// after it the addresses that links hide.
func htmlText(s string) string {
	room := rooms.Get().(*[]byte)
	defer leaveRoom(room)
	out := (*room)[:0]
	var hidden []string
	pre := 0
	last := func() byte {
		if len(out) == 0 {
			return '\n'
		}
		return out[len(out)-1]
	}
	newline := func() {
		if last() != '\n' {
			out = append(out, '\n')
		}
	}
	htmlTokens(s, func(t htmlToken) {
		switch t.kind {
		case tokText:
			text := html.UnescapeString(t.raw)
			if pre > 0 {
				out = append(out, text...)
				return
			}
			out = collapse(out, text, strings.IndexByte(" \n\t", last()) >= 0, nil)
		case tokStart, tokEnd:
			switch {
			case t.name == "br":
				out = append(out, '\n')
			case t.name == "td" || t.name == "th":
				if t.kind == tokEnd {
					out = append(out, '\t')
				}
			case t.name == "pre" || t.name == "textarea":
				newline()
				if t.kind == tokStart {
					pre++
				} else if pre > 0 {
					pre--
				}
			case !inline[t.name]:
				newline()
			}
			for _, a := range t.attrs {
				v := t.value(a)
				switch a.name {
				case "alt", "title", "value", "placeholder", "content":
					if t.name != "meta" && strings.TrimSpace(v) != "" {
						out = append(append(append(out, ' '), v...), ' ')
					}
				case "href":
					if u, err := url.PathUnescape(v); err == nil {
						v = u
					}
					if strings.ContainsRune(v, '@') || strings.HasPrefix(v, "tel:") {
						hidden = append(hidden, strings.TrimPrefix(strings.TrimPrefix(v, "mailto:"), "tel:"))
					}
				}
			}
		}
	})
	text := string(bytes.TrimSpace(out))
	*room = out
	for _, h := range hidden {
		if !strings.Contains(text, h) {
			text += "\n" + h
		}
	}
	return text
}

// collapse appends s to out with every run of HTML white space made one blank,
// or none where a space stands already. at, if not nil, gets for every byte
// appended, and for the end, the offset in s it comes from.
func collapse(out []byte, s string, space bool, at *[]int) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch c {
		case ' ', '\t', '\r', '\n', '\f':
			if space {
				continue
			}
			c, space = ' ', true
		default:
			space = false
		}
		out = append(out, c)
		if at != nil {
			*at = append(*at, i)
		}
	}
	if at != nil {
		*at = append(*at, len(s))
	}
	return out
}

// htmlKind says what a stretch of a page is, for the rewriter's callback.
type htmlKind int

const (
	htmlRun htmlKind = iota
	htmlAttribute
	htmlComment
)

// textNode is one text node of a run: its place among the pieces of the page (-1
// for a line break, which holds no text) and in the decoded text of the run.
type textNode struct{ piece, start, end int }

// applyEdits returns the new text of the nodes that edits of the run change, by
// piece. The new text of an edit goes to the node it begins in.
func applyEdits(run string, nodes []textNode, edits []edit) map[int]string {
	owner := make([]int, len(edits))
	for i, e := range edits {
		owner[i] = -1
		for k, n := range nodes {
			if n.piece < 0 {
				continue
			}
			owner[i] = k
			if e.start < n.end || e.start == e.end && e.start == n.end {
				break
			}
		}
	}
	out := map[int]string{}
	for k, n := range nodes {
		if n.piece < 0 {
			continue
		}
		var b strings.Builder
		pos, touched := n.start, false
		for i, e := range edits {
			if owner[i] != k && (e.end <= n.start || e.start >= n.end) {
				continue
			}
			touched = true
			if s := min(max(e.start, pos), n.end); s > pos {
				b.WriteString(run[pos:s])
				pos = s
			}
			if owner[i] == k {
				b.WriteString(e.text)
			}
			pos = max(pos, min(e.end, n.end))
		}
		if touched {
			b.WriteString(run[pos:n.end])
			out[n.piece] = b.String()
		}
	}
	return out
}

// rewriteHTML gives every stretch of text, attribute value and comment of a
// page, decoded, to f and puts the answers in their place. Markup is never
// given to f and never changed.
func rewriteHTML(s string, f func(kind htmlKind, name, text string) string) (string, bool) {
	var pieces []string // the output
	changed := false
	var nodes []textNode
	var run strings.Builder
	flush := func() {
		at := make([]int, 0, run.Len()+1)
		text := string(collapse(nil, run.String(), false, &at))
		if strings.TrimSpace(text) != "" {
			if got := f(htmlRun, "", text); got != text {
				changed = true
				edits := diff(text, got)
				for i, e := range edits {
					edits[i].start, edits[i].end = at[e.start], at[e.start]
					if e.end > e.start {
						edits[i].end = at[e.end-1] + 1
					}
				}
				for piece, s := range applyEdits(run.String(), nodes, edits) {
					pieces[piece] = html.EscapeString(s)
				}
			}
		}
		run.Reset()
		nodes = nodes[:0]
	}
	add := func(piece int, text string) {
		start := run.Len()
		run.WriteString(text)
		nodes = append(nodes, textNode{piece, start, run.Len()})
	}
	htmlTokens(s, func(t htmlToken) {
		switch t.kind {
		case tokText:
			pieces = append(pieces, t.raw)
			add(len(pieces)-1, html.UnescapeString(t.raw))
			return
		case tokComment:
			text := strings.TrimSuffix(strings.TrimPrefix(t.raw, "<!--"), "-->")
			if got := f(htmlComment, "", text); got != text {
				changed = true
				t.raw = "<!--" + strings.NewReplacer("-->", "-- >", "--!>", "-- >").Replace(got) + "-->"
			}
		case tokRaw:
			if got := f(htmlComment, t.name, t.raw); got != t.raw {
				changed = true
				t.raw = strings.ReplaceAll(got, "</", `<\/`)
			}
		case tokStart, tokEnd:
			if !inline[t.name] {
				flush()
			} else if t.name == "br" {
				add(-1, "\n")
			}
			raw := t.raw
			for i := len(t.attrs) - 1; i >= 0; i-- {
				if v, ok := rewriteAttr(t.attrs[i].name, t.value(t.attrs[i]), f); ok {
					changed = true
					raw = raw[:t.attrs[i].start] + `"` + html.EscapeString(v) + `"` + raw[t.attrs[i].end:]
				}
			}
			t.raw = raw
		}
		pieces = append(pieces, t.raw)
	})
	flush()
	if !changed {
		return s, false
	}
	return strings.Join(pieces, ""), true
}

func rewriteAttr(name, v string, f func(htmlKind, string, string) string) (string, bool) {
	if strings.TrimSpace(v) == "" || strings.HasPrefix(v, "data:") {
		return v, false
	}
	if urlAttr[name] {
		u, err := url.PathUnescape(v)
		if err != nil || !utf8.ValidString(u) {
			u = v
		}
		got := f(htmlAttribute, name, u)
		if got == u {
			return v, false
		}
		return escapeURL(got), true
	}
	got := f(htmlAttribute, name, v)
	return got, got != v
}

// escapeURL percent-encodes what may not stand in a URL.
func escapeURL(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c >= 0x7F || strings.IndexByte(`"<>[]\^{|}`+"`%", c) >= 0 {
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
