package sqldb

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"encoding/hex"
	"html"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// The search for what is left opens a value as often as this, and reads no more
// than this of what comes out of one.
const (
	mostLayers  = 4
	mostDecoded = 16 << 20
)

// layers calls f with everything that a value says in another form: compressed,
// in base64 or hexadecimal, escaped for JSON, HTML or an address, in UTF-16 or as
// UTF-8 that was once read as Latin-1, one within the other. It ends when f has
// found what it looks for. What has none of these forms costs one look at it.
func layers(v string, f func(string) bool) bool {
	budget := mostDecoded
	return peel(v, mostLayers, &budget, f)
}

func peel(v string, depth int, budget *int, f func(string) bool) bool {
	if depth == 0 {
		return false
	}
	try := func(s string) bool {
		if s == "" || s == v || *budget < len(s) {
			return false
		}
		*budget -= len(s)
		return f(s) || peel(s, depth-1, budget, f)
	}
	if s := inflated(v, *budget); s != "" {
		return try(s)
	}
	if s := wide(v); s != "" {
		return try(s)
	}
	if strings.IndexByte(v, '%') >= 0 && try(unpercent(v)) {
		return true
	}
	if strings.Contains(v, `\`) && try(unescape(v)) {
		return true
	}
	marked := depth == mostLayers && !strings.HasPrefix(v, "{") && !strings.HasPrefix(v, "[") && strings.ContainsAny(v[:min(len(v), 2048)], "<&") // read already, as it looks
	if i := strings.IndexByte(v, '&'); !marked && i >= 0 && strings.IndexByte(v[i:], ';') > 0 && try(strings.ReplaceAll(html.UnescapeString(v), "\u00a0", " ")) {
		return true
	}
	if strings.ContainsAny(v, "ÃÂ") {
		if b, err := charmap.Windows1252.NewEncoder().String(v); err == nil && utf8.ValidString(b) && try(b) {
			return true
		}
		if b, err := charmap.ISO8859_1.NewEncoder().String(v); err == nil && utf8.ValidString(b) && try(b) {
			return true
		}
	}
	return runs(v, try)
}

// inflated is what a compressed value says; "" for one that is not. Some
// products write the length before it.
func inflated(v string, limit int) string {
	if strings.HasPrefix(v, "\x1f\x8b") {
		r, err := gzip.NewReader(strings.NewReader(v))
		if err != nil {
			return ""
		}
		return some(r, limit)
	}
	for skip := range min(len(v)-2, 5) {
		if h := v[skip : skip+2]; h[0] == 0x78 && (int(h[0])<<8+int(h[1]))%31 == 0 {
			if r, err := zlib.NewReader(strings.NewReader(v[skip:])); err == nil {
				if s := some(r, limit); s != "" {
					return s
				}
			}
		}
	}
	return ""
}

// some reads what there is, cut-off values too.
func some(r io.Reader, limit int) string {
	b, _ := io.ReadAll(io.LimitReader(r, int64(limit)))
	return string(b)
}

// wide reads UTF-16: with a mark before it, or with every other byte empty.
func wide(v string) string {
	if len(v) < 8 || len(v)%2 != 0 {
		return ""
	}
	little := strings.HasPrefix(v, "\xff\xfe")
	if !little && !strings.HasPrefix(v, "\xfe\xff") {
		even, odd := 0, 0
		for i := 0; i+1 < min(len(v), 512); i += 2 {
			if v[i] == 0 {
				even++
			}
			if v[i+1] == 0 {
				odd++
			}
		}
		half := min(len(v), 512) / 4
		if even < half && odd < half {
			return ""
		}
		little = odd > even
	}
	u := make([]uint16, 0, len(v)/2)
	for i := 0; i+1 < len(v); i += 2 {
		if little {
			u = append(u, uint16(v[i])|uint16(v[i+1])<<8)
		} else {
			u = append(u, uint16(v[i])<<8|uint16(v[i+1]))
		}
	}
	return strings.TrimPrefix(string(utf16.Decode(u)), "\ufeff")
}

// unpercent reads what an address says; a percent sign that is none stays.
func unpercent(v string) string {
	var b strings.Builder
	changed := false
	for i := 0; i < len(v); i++ {
		if v[i] == '%' && i+2 < len(v) {
			if n, err := strconv.ParseUint(v[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(n))
				i, changed = i+2, true
				continue
			}
		}
		if v[i] == '+' {
			b.WriteByte(' ')
			continue
		}
		b.WriteByte(v[i])
	}
	if !changed {
		return ""
	}
	return b.String()
}

// unescape reads the escapes of JSON and of most languages, anywhere in a text.
func unescape(v string) string {
	var b strings.Builder
	for i := 0; i < len(v); i++ {
		if v[i] != '\\' || i+1 == len(v) {
			b.WriteByte(v[i])
			continue
		}
		i++
		switch v[i] {
		case 'n', 'r', 't':
			b.WriteByte(' ')
		case 'x':
			if n, ok := hexDigits(v, i+1, 2); ok {
				b.WriteByte(byte(n))
				i += 2
				continue
			}
			b.WriteString(`\x`)
		case 'u':
			n, ok := hexDigits(v, i+1, 4)
			if !ok {
				b.WriteString(`\u`)
				continue
			}
			i += 4
			if utf16.IsSurrogate(rune(n)) && strings.HasPrefix(v[i+1:], `\u`) {
				if low, ok := hexDigits(v, i+3, 4); ok {
					b.WriteRune(utf16.DecodeRune(rune(n), rune(low)))
					i += 6
					continue
				}
			}
			b.WriteRune(rune(n))
		default:
			b.WriteByte(v[i])
		}
	}
	return b.String()
}

func hexDigits(v string, at, digits int) (uint64, bool) {
	if at+digits > len(v) {
		return 0, false
	}
	n, err := strconv.ParseUint(v[at:at+digits], 16, 32)
	return n, err == nil
}

// shortestRun is the least that is tried as base64 or hexadecimal: a personnummer
// of ten digits is sixteen letters of base64.
const shortestRun = 14

// runs tries every unbroken stretch of a value that can be base64 or hexadecimal.
// Line breaks belong to it, as mail has them.
func runs(v string, try func(string) bool) bool {
	for i := 0; i < len(v); {
		if !inBase64(v[i]) {
			i++
			continue
		}
		end, n, hexa := i, 0, true
		for end < len(v) && (inBase64(v[end]) || v[end] == '\r' || v[end] == '\n') {
			if v[end] > ' ' {
				n++
				hexa = hexa && isHex(v[end])
			}
			end++
		}
		if run := v[i:end]; n >= shortestRun {
			if n != len(run) {
				run = strings.NewReplacer("\r", "", "\n", "").Replace(run)
			}
			if hexa && len(run)%2 == 0 {
				if b, err := hex.DecodeString(run); err == nil && says(b) && try(string(b)) {
					return true
				}
			}
			if b, err := base64.RawStdEncoding.DecodeString(strings.NewReplacer("-", "+", "_", "/").Replace(run[:len(run)-isOne(len(run)%4 == 1)])); err == nil && says(b) && try(string(b)) {
				return true
			}
		}
		i = end
	}
	return false
}

func isOne(b bool) int {
	if b {
		return 1
	}
	return 0
}

func inBase64(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '/' || c == '-' || c == '_'
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// says reports whether bytes are worth a look: text, or compressed.
func says(b []byte) bool {
	if bytes.HasPrefix(b, []byte("\x1f\x8b")) || len(b) > 2 && b[0] == 0x78 || bytes.HasPrefix(b, []byte("\xff\xfe")) || bytes.HasPrefix(b, []byte("\xfe\xff")) {
		return true
	}
	odd := 0
	for _, c := range b[:min(len(b), 256)] {
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' || c == 0x7f {
			odd++
		}
	}
	return odd*20 <= min(len(b), 256)
}
