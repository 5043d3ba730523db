package document

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
)

// guess decodes bytes of unknown charset: what is UTF-8 as UTF-8, every other
// byte as windows-1252. A text in either, or a mixture glued together by a
// mailer, so comes out readable.
func guess(b []byte) string {
	switch {
	case bytes.HasPrefix(b, []byte("\xEF\xBB\xBF")):
		b = b[3:]
	case bytes.HasPrefix(b, []byte("\xFF\xFE")), bytes.HasPrefix(b, []byte("\xFE\xFF")):
		if s, err := unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder().Bytes(b); err == nil {
			return string(s)
		}
	}
	if utf8.Valid(b) {
		return string(b)
	}
	return string(appendMixed(make([]byte, 0, len(b)+len(b)/8), b))
}

// appendMixed appends b, in which UTF-8 and windows-1252 are mixed.
func appendMixed(dst, b []byte) []byte {
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			r = charmap.Windows1252.DecodeByte(b[0])
		}
		dst = utf8.AppendRune(dst, r)
		b = b[n:]
	}
	return dst
}

// guessed is guess of a string, which nearly always stays as it is.
func guessed(s string) string {
	if utf8.ValidString(s) && !strings.HasPrefix(s, "\xEF\xBB\xBF") {
		return s
	}
	return guess([]byte(s))
}

// lookup returns the encoding a label names; nil for UTF-8, US-ASCII, none and
// unknown labels, all of which are read by guess.
func lookup(label string) encoding.Encoding {
	if label == "utf-8" || label == "UTF-8" { // nearly always
		return nil
	}
	label = strings.ToLower(strings.Trim(strings.TrimSpace(label), `"'`))
	switch label {
	case "", "utf-8", "utf8", "us-ascii", "ascii", "ansi_x3.4-1968", "unknown-8bit", "x-unknown", "binary", "default":
		return nil
	case "cp-850", "cp850", "ibm850":
		return charmap.CodePage850
	case "cp437", "ibm437":
		return charmap.CodePage437
	case "iso-8859-15", "latin-9", "latin9":
		return charmap.ISO8859_15
	}
	e, err := htmlindex.Get(strings.TrimPrefix(label, "x-"))
	if err != nil {
		if e, err = htmlindex.Get(strings.Replace(label, "cp-", "windows-", 1)); err != nil {
			return nil
		}
	}
	if n, _ := htmlindex.Name(e); n == "utf-8" || n == "replacement" {
		return nil
	}
	return e
}

// decodeCharset returns b as UTF-8. A single-byte label on bytes that are valid
// multi-byte UTF-8 is a mislabelled mail, and read as UTF-8.
func decodeCharset(label string, b []byte) string {
	e := lookup(label)
	if e == nil {
		return guess(b)
	}
	if _, single := e.(*charmap.Charmap); single && !ascii(b) && utf8.Valid(b) {
		return string(b)
	}
	s, err := e.NewDecoder().Bytes(b)
	if err != nil {
		return guess(b)
	}
	return string(s)
}

// appendCharset appends what decodeCharset returns.
func appendCharset(dst []byte, label string, b []byte) []byte {
	if marked := len(b) > 1 && (b[0] >= 0xEF); !marked && lookup(label) == nil { // no mark of byte order
		if utf8.Valid(b) {
			return append(dst, b...)
		}
		return appendMixed(dst, b)
	}
	return append(dst, decodeCharset(label, bytes.Clone(b))...) // cloned: b may be on the stack
}

// encodeCharset returns s in the charset a label names; false when it cannot
// hold s. html: what it cannot hold becomes a numeric character reference.
func encodeCharset(label, s string, html bool) ([]byte, bool) {
	e := lookup(label)
	if e == nil {
		if l := strings.ToLower(strings.TrimSpace(label)); l == "utf-8" || l == "utf8" || ascii([]byte(s)) {
			return []byte(s), true
		}
		if html {
			var b bytes.Buffer
			for _, r := range s {
				if r < utf8.RuneSelf {
					b.WriteByte(byte(r))
				} else {
					b.WriteString("&#" + itoa(int(r)) + ";")
				}
			}
			return b.Bytes(), true
		}
		return nil, false
	}
	enc := e.NewEncoder()
	if html {
		enc = encoding.HTMLEscapeUnsupported(enc)
	}
	b, err := enc.Bytes([]byte(s))
	if err != nil || (!html && decodeCharset(label, b) != s) {
		return nil, false
	}
	return b, true
}

func ascii(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
