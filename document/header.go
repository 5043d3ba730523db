package document

import (
	"bytes"
	"net/mail"
	"net/url"
	"strings"
	"time"
)

// HeaderField is one header field of a mail, decoded.
type HeaderField struct{ Name, Value string }

// Address is one mailbox of a From, To or Cc field. Either part may be empty.
type Address struct{ Name, Address string }

// field is one header field as it stands in the mail; a line that is no field
// has an empty name.
type field struct {
	name string // as written
	body string // after the colon, line end excluded, still folded
	raw  []byte // the whole field, folded lines and line end included
}

func (f field) is(name string) bool {
	return len(f.name) == len(name) && strings.EqualFold(f.name, name)
}

// splitHeader cuts a header from raw and returns its fields, appended to room,
// and where the body begins. The blank line between belongs to neither field.
func splitHeader(raw []byte, room []field) (fields []field, headerEnd, bodyStart int) {
	headerEnd, bodyStart = len(raw), len(raw)
	for i := 0; i < len(raw); i = lineEnd(raw, i) {
		if n := blankLine(raw[i:]); n > 0 {
			headerEnd, bodyStart = i, i+n
			break
		}
	}
	text := string(raw[:headerEnd]) // once: names and values are parts of it
	if fields = room; fields == nil {
		fields = make([]field, 0, min(16, strings.Count(text, "\n")+1))
	}
	for i := 0; i < len(text); {
		end := lineEndIn(text, i)
		// A folded line of blanks only is still part of the field; an empty line is not.
		for end < len(text) && (text[end] == ' ' || text[end] == '\t') {
			end = lineEndIn(text, end)
		}
		fields = append(fields, fieldOf(raw[i:end], text[i:end]))
		i = end
	}
	return fields, headerEnd, bodyStart
}

// blankLine returns how long the line end is that b begins with.
func blankLine(b []byte) int {
	switch {
	case b[0] == '\n':
		return 1
	case b[0] == '\r' && len(b) > 1 && b[1] == '\n':
		return 2
	}
	return 0
}

func newField(raw []byte) field { return fieldOf(raw, string(raw)) }

func fieldOf(raw []byte, text string) field {
	f := field{raw: raw, body: trimEOL(text)}
	c := strings.IndexByte(text, ':')
	if c <= 0 {
		return f
	}
	name := strings.TrimRight(text[:c], " \t")
	for i := range len(name) {
		if b := name[i]; b <= ' ' || b >= 0x7F {
			return f
		}
	}
	f.name, f.body = name, trimEOL(text[c+1:])
	return f
}

func lineEnd(b []byte, i int) int {
	if n := bytes.IndexByte(b[i:], '\n'); n >= 0 {
		return i + n + 1
	}
	return len(b)
}

func lineEndIn(s string, i int) int {
	if n := strings.IndexByte(s[i:], '\n'); n >= 0 {
		return i + n + 1
	}
	return len(s)
}

func trimEOL[T string | []byte](b T) T {
	if n := len(b); n > 0 && b[n-1] == '\n' {
		b = b[:n-1]
		if n > 1 && b[n-2] == '\r' {
			b = b[:n-2]
		}
	}
	return b
}

// unfold joins the lines of a folded field body; the blanks that begin a
// continuation line stay.
func unfold(s string) string {
	if strings.IndexByte(s, '\n') < 0 {
		return strings.TrimSpace(s)
	}
	var out strings.Builder
	out.Grow(len(s))
	for {
		end := lineEndIn(s, 0)
		out.WriteString(trimEOL(s[:end]))
		if s = s[end:]; s == "" {
			return strings.TrimSpace(out.String())
		}
	}
}

// decodeHeader decodes RFC 2047 words, also where a mailer cut a character or
// a base64 group in two between them, and guesses the charset of raw 8-bit bytes.
func decodeHeader(s string) string {
	if !strings.Contains(s, "=?") {
		return guessed(s)
	}
	var charset string
	var room, more [192]byte           // enough for most, without the heap
	out, pending := room[:0], more[:0] // pending: decoded bytes of adjacent words of one charset
	open := false                      // there are pending words
	flush := func() {
		if open {
			out = appendCharset(out, charset, pending)
			pending, open = pending[:0], false
		}
	}
	for len(s) > 0 {
		i := strings.Index(s, "=?")
		if i < 0 {
			break
		}
		w, n := encodedWord(s[i:])
		if n == 0 {
			flush()
			out = append(out, guessed(s[:i+2])...)
			s = s[i+2:]
			continue
		}
		between := s[:i]
		if !open || strings.Trim(between, " \t") != "" {
			flush()
			out = append(out, guessed(between)...)
		}
		if open && !strings.EqualFold(w.charset, charset) {
			flush()
		}
		charset, open = w.charset, true
		pending = w.append(pending)
		s = s[i+n:]
	}
	flush()
	return string(append(out, guessed(s)...))
}

// word2047 is an encoded word of RFC 2047.
type word2047 struct {
	charset, text string
	base64        bool
}

// encodedWord reads one word at the start of s and returns it and its length;
// length 0 when there is none.
func encodedWord(s string) (w word2047, n int) {
	q1 := strings.IndexByte(s[2:], '?')
	if q1 < 1 || q1 > 60 {
		return w, 0
	}
	q1 += 2
	if q1+2 >= len(s) || s[q1+2] != '?' {
		return w, 0
	}
	switch s[q1+1] {
	case 'b', 'B':
		w.base64 = true
	case 'q', 'Q':
	default:
		return w, 0
	}
	end := strings.Index(s[q1+3:], "?=")
	if end < 0 {
		return w, 0
	}
	w.text = s[q1+3 : q1+3+end]
	w.charset, _, _ = strings.Cut(s[2:q1], "*") // RFC 2231 language
	return w, q1 + 3 + end + 2
}

// append appends the bytes that the word stands for.
func (w word2047) append(b []byte) []byte {
	text := w.text
	if w.base64 {
		b, _ = appendBase64(b, text, int64(len(text)))
		return b
	}
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '_':
			b = append(b, ' ')
		case c == '=' && i+2 < len(text) && unhex(text[i+1]) < 16 && unhex(text[i+2]) < 16:
			b = append(b, unhex(text[i+1])<<4|unhex(text[i+2]))
			i += 2
		default:
			b = append(b, c)
		}
	}
	return b
}

// encodeHeader writes decoded text as a field body: plain when it is ASCII,
// else in RFC 2047 words of UTF-8, folded after about 76 columns. first is the
// column the text begins at.
func encodeHeader(s, nl string, first int) string {
	s = strings.Map(func(r rune) rune {
		if r == '\r' || r == '\n' || r == 0 {
			return ' '
		}
		return r
	}, s)
	if ascii([]byte(s)) && !strings.Contains(s, "=?") {
		return foldWords(strings.Split(s, " "), nl, first)
	}
	var words []string
	var chunk []byte
	for _, r := range s {
		c := string(r)
		if len(chunk)+len(c) > 42 {
			words, chunk = append(words, bWord(chunk)), chunk[:0]
		}
		chunk = append(chunk, c...)
	}
	return foldWords(append(words, bWord(chunk)), nl, first)
}

func bWord(b []byte) string {
	return "=?utf-8?B?" + strings.TrimRight(string(wrapBase64(b, "")), "\r\n") + "?="
}

// foldWords joins words by one blank, or by a line end and a blank where the
// line would pass 76 columns.
func foldWords(words []string, nl string, col int) string {
	var b strings.Builder
	for i, w := range words {
		if i > 0 {
			// An empty word is a second blank in a row: a fold there would leave a blank line.
			if col+1+len(w) > 76 && w != "" && words[i-1] != "" {
				b.WriteString(nl)
				col = 0
			}
			b.WriteByte(' ')
			col++
		}
		b.WriteString(w)
		col += len(w)
	}
	return b.String()
}

// mailbox is one entry of an address list. group: name is a group's, and an
// empty group has no address of its own.
type mailbox struct {
	name, addr string // decoded
	group      bool
}

// splitAddresses reads an address list, however broken: nothing that stands in
// the field is left out.
func splitAddresses(s string) (list []mailbox) {
	eachAddress(s, func(m mailbox) { list = append(list, m) })
	return list
}

// eachAddress calls yield for every entry of an address list.
func eachAddress(s string, yield func(mailbox)) {
	if plainList(s) {
		for more := true; more; {
			var entry string
			entry, s, more = strings.Cut(s, ",")
			name, addr, angle := strings.Cut(entry, "<")
			addr, _, _ = strings.Cut(addr, ">")
			entryOf(name, addr, "", angle, false, yield)
		}
		return
	}
	brokenList(s, yield)
}

// plainList reports whether every entry of a list is "name <address>", an
// address or a name, in which no mark has another meaning than it has there.
func plainList(s string) bool {
	if strings.ContainsAny(s, `"\():;`) {
		return false
	}
	for rest := s; ; {
		i := strings.Index(rest, "=?")
		if i < 0 {
			break
		}
		rest = rest[i:]
		_, n := encodedWord(rest)
		if strings.ContainsAny(rest[:n], ",<") { // badly encoded
			return false
		}
		rest = rest[max(n, 2):]
	}
	for more := true; more; {
		var entry string
		entry, s, more = strings.Cut(s, ",")
		if _, addr, angle := strings.Cut(entry, "<"); angle {
			if _, behind, closed := strings.Cut(addr, ">"); !closed || strings.TrimSpace(behind) != "" {
				return false
			}
		}
	}
	return true
}

// entryOf decodes one entry of a list; angle: its address stood in angle brackets.
func entryOf(name, addr, comment string, angle, group bool, yield func(mailbox)) {
	name, addr, comment = strings.TrimSpace(name), strings.TrimSpace(addr), strings.TrimSpace(comment)
	if !angle && !group && strings.Contains(name, "@") && !strings.ContainsAny(name, " \t") {
		name, addr = "", name // a bare address
	}
	if name == "" {
		name = comment
	} else if comment != "" {
		name += " (" + comment + ")"
	}
	name = decodeHeader(name)
	addr = decodeHeader(strings.Trim(addr, "<> \t"))
	if name != "" || addr != "" {
		yield(mailbox{name, addr, group})
	}
}

// brokenList reads any list, byte by byte.
func brokenList(s string, yield func(mailbox)) {
	var phrase, addr, comment strings.Builder
	angle := false
	flush := func(group bool) {
		entryOf(phrase.String(), addr.String(), comment.String(), angle, group, yield)
		phrase.Reset()
		addr.Reset()
		comment.Reset()
		angle = false
	}
	inAngle, depth := false, 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case depth > 0:
			switch c {
			case '\\':
				if i++; i < len(s) {
					comment.WriteByte(s[i])
				}
			case '(':
				depth++
				comment.WriteByte(c)
			case ')':
				if depth--; depth > 0 {
					comment.WriteByte(c)
				}
			default:
				comment.WriteByte(c)
			}
		case c == '"':
			w := &phrase
			if inAngle {
				w = &addr
				w.WriteByte('"')
			}
			start := i
			for i++; i < len(s) && s[i] != '"'; i++ {
				if s[i] == '\\' && i+1 < len(s) {
					i++
				}
				w.WriteByte(s[i])
			}
			if inAngle {
				w.WriteByte('"')
			} else if i+1 < len(s) && s[i+1] == '@' {
				phrase.Reset() // "odd local part"@domain without angle brackets
				phrase.WriteString(s[start : i+1])
			}
		case inAngle:
			if c == '>' {
				inAngle = false
			} else {
				addr.WriteByte(c)
			}
		case strings.HasPrefix(s[i:], "=?"):
			// A word may hold a comma when a mailer encoded it badly.
			if _, n := encodedWord(s[i:]); n > 0 {
				phrase.WriteString(s[i : i+n])
				i += n - 1
			} else {
				phrase.WriteByte(c)
			}
		case c == '(':
			depth = 1
			if comment.Len() > 0 {
				comment.WriteByte(' ')
			}
		case c == '<':
			inAngle, angle = true, true
		case c == ',' || c == ';':
			flush(false)
		case c == ':' && !angle:
			flush(true)
		default:
			phrase.WriteByte(c)
		}
	}
	flush(false)
}

// formatAddresses is the inverse of splitAddresses for a list that was changed.
// What is no address any more stands as an empty group (RFC 6854), which is
// valid where an address is demanded and addresses nobody.
func formatAddresses(list []mailbox, nl string, first int) string {
	var words []string
	for i, m := range list {
		sep := ","
		if i == len(list)-1 {
			sep = ""
		}
		name := strings.TrimSpace(m.name)
		var w []string
		switch {
		case m.addr != "" && validAddress(m.addr):
			if name == "" {
				w = []string{m.addr}
			} else {
				w = append(phraseWords(name), "<"+m.addr+">")
			}
		default:
			w = phraseWords(strings.TrimSpace(name + " " + m.addr))
			w[len(w)-1] += ":;"
		}
		w[len(w)-1] += sep
		words = append(words, w...)
	}
	if len(words) == 0 {
		words = []string{`"-":;`}
	}
	return foldWords(words, nl, first)
}

func phraseWords(s string) []string {
	switch {
	case s == "":
		return []string{`"-"`}
	case !ascii([]byte(s)) || strings.Contains(s, "=?"):
		return strings.Split(encodeHeader(s, "", -1<<20), " ")
	case strings.IndexFunc(s, func(r rune) bool {
		return r != ' ' && !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r))
	}) < 0 && !strings.Contains(s, "  "):
		return strings.Split(s, " ")
	}
	return []string{`"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`}
}

func validAddress(s string) bool {
	i := strings.LastIndexByte(s, '@')
	return i > 0 && i < len(s)-1 && !strings.ContainsAny(s, " \t\r\n<>[](),;:") && strings.Count(s, "@") == 1
}

// param is one parameter of Content-Type or Content-Disposition.
type param struct{ key, raw, value string } // raw: as written; value: quotes removed, not decoded

// splitParams reads "value; key=value; ..." tolerantly.
func splitParams(s string) (value string, params []param) {
	p, s, more := cutQuoted(s, ';')
	value = strings.ToLower(strings.TrimSpace(stripComments(p)))
	for more {
		p, s, more = cutQuoted(s, ';')
		k, v, ok := strings.Cut(p, "=")
		if !ok {
			if strings.TrimSpace(p) != "" {
				params = append(params, param{raw: strings.TrimSpace(p)})
			}
			continue
		}
		v = strings.TrimSpace(v)
		q := param{key: strings.ToLower(strings.TrimSpace(k)), raw: strings.TrimSpace(p)}
		if strings.HasPrefix(v, `"`) {
			var b strings.Builder
			for i := 1; i < len(v) && v[i] != '"'; i++ {
				if v[i] == '\\' && i+1 < len(v) && (v[i+1] == '"' || v[i+1] == '\\') {
					i++
				}
				b.WriteByte(v[i])
			}
			q.value = b.String()
		} else {
			q.value = strings.TrimSpace(stripComments(v))
		}
		params = append(params, q)
	}
	return value, params
}

// cutQuoted cuts s around the first sep that stands in no quotes.
func cutQuoted(s string, sep byte) (before, after string, found bool) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case !quoted && s[i] == sep:
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

func stripComments(s string) string {
	if i := strings.IndexByte(s, '('); i >= 0 {
		return s[:i]
	}
	return s
}

// paramBase returns the name of a parameter without its RFC 2231 continuation
// marks, its number, and whether it is percent-encoded.
func paramBase(key string) (base string, n int, encoded bool) {
	base, rest, ok := strings.Cut(key, "*")
	if !ok {
		return base, 0, false
	}
	encoded = rest == "" || strings.HasSuffix(rest, "*")
	for _, c := range strings.TrimSuffix(rest, "*") {
		if c < '0' || c > '9' || n > 1000 {
			return base, 0, encoded
		}
		n = n*10 + int(c-'0')
	}
	return base, n, encoded
}

// paramValue returns a parameter decoded: RFC 2231 continuations and charsets,
// RFC 2047 words (which mailers use though they must not), raw 8-bit.
func paramValue(params []param, name string) string {
	if len(params) == 0 {
		return ""
	}
	plain, found := "", false
	var pieces map[int]param
	last := -1
	for _, p := range params {
		base, n, enc := paramBase(p.key)
		if base != name {
			continue
		}
		if p.key == name {
			if !found {
				plain, found = decodeHeader(p.value), true
			}
			continue
		}
		if enc || strings.Contains(p.key, "*") {
			if pieces == nil {
				pieces = map[int]param{}
			}
			pieces[n] = p
			last = max(last, n)
		}
	}
	if last < 0 || last > 200 {
		return plain
	}
	var raw []byte
	charset := ""
	for n := 0; n <= last; n++ {
		p, ok := pieces[n]
		if !ok {
			continue
		}
		v := p.value
		if _, _, enc := paramBase(p.key); enc {
			if n == 0 {
				if c := strings.SplitN(v, "'", 3); len(c) == 3 {
					charset, v = c[0], c[2]
				}
			}
			if u, err := url.PathUnescape(v); err == nil {
				v = u
			}
		}
		raw = append(raw, v...)
	}
	return decodeCharset(charset, raw)
}

// formatParam writes a parameter in RFC 2231 form where it needs it.
func formatParam(name, value string) string {
	value = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7F {
			return ' '
		}
		return r
	}, value)
	if ascii([]byte(value)) {
		return name + `="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
	}
	return name + "*=utf-8''" + strings.ReplaceAll(url.PathEscape(value), "'", "%27")
}

// parseDate reads a Date field; zero when it is none.
func parseDate(s string) time.Time {
	// What nearly all write, which ParseDate comes to after several attempts.
	if t, err := time.Parse("Mon, 2 Jan 2006 15:04:05 -0700", s); err == nil {
		return t
	}
	if t, err := mail.ParseDate(s); err == nil {
		return t
	}
	s = strings.TrimSpace(stripComments(s))
	s = strings.Join(strings.Fields(s), " ")
	for _, layout := range []string{
		time.RFC1123Z, time.RFC1123, time.RFC822Z, time.RFC822, time.RFC850, time.ANSIC, time.UnixDate, time.RFC3339,
		"Mon, 2 Jan 2006 15:04:05 -0700", "Mon, 2 Jan 2006 15:04:05", "2 Jan 2006 15:04:05 -0700", "2 Jan 2006 15:04:05",
		"Mon, 2 Jan 2006 15:04:05 MST", "2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05", "Mon Jan 2 15:04:05 2006 -0700",
	} {
		if t, err := time.Parse(layout, s); err == nil {
			return t
		}
	}
	return time.Time{}
}
