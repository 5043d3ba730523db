package document

import (
	"bytes"
	"encoding/base64"
	"mime/quotedprintable"
	"slices"
	"strconv"
	"strings"
)

func itoa(n int) string { return strconv.Itoa(n) }

// decodeTransfer undoes a Content-Transfer-Encoding as far as it goes: stray
// bytes in base64 are skipped, a broken quoted-printable escape stands for
// itself. At most max bytes are given back; ok is false for an unknown encoding.
// What must be decoded is written to room, if there is one, and lasts until it
// is used again.
func decodeTransfer(cte string, b []byte, max int64, room *[]byte) (out []byte, whole, ok bool) {
	if room == nil {
		room = new([]byte)
	}
	switch cte {
	case "", "7bit", "8bit", "binary":
		if int64(len(b)) > max {
			return b[:max], false, true
		}
		return b, true, true
	case "base64":
		*room, whole = appendBase64(slices.Grow((*room)[:0], int(min(int64(len(b)/4*3+3), max+3))), b, max)
		return *room, whole, true
	case "quoted-printable":
		if whole = int64(len(b)) <= max; !whole {
			b = b[:max]
		}
		if bytes.IndexByte(b, '=') < 0 {
			return b, whole, true
		}
		*room = appendQP(slices.Grow((*room)[:0], len(b)), b)
		return *room, whole, true
	}
	return nil, true, false
}

var base64Value = func() (t [256]byte) {
	for i := range t {
		t[i] = 0xFF
	}
	for i, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/" {
		t[c] = byte(i)
	}
	t['-'], t['_'] = 62, 63
	return t
}()

// appendBase64 appends what b encodes, at most max bytes of it.
func appendBase64[T string | []byte](dst []byte, b T, max int64) (out []byte, whole bool) {
	out = dst
	max += int64(len(dst))
	var acc uint32
	n := 0
	for i := 0; i < len(b); i++ {
		for n == 0 && i+4 <= len(b) && int64(len(out)) <= max { // whole groups
			v0, v1, v2, v3 := base64Value[b[i]], base64Value[b[i+1]], base64Value[b[i+2]], base64Value[b[i+3]]
			if v0|v1|v2|v3 >= 64 {
				break
			}
			out = append(out, v0<<2|v1>>4, v1<<4|v2>>2, v2<<6|v3)
			i += 4
		}
		if i == len(b) {
			break
		}
		c := b[i]
		v := base64Value[c]
		if v == 0xFF {
			// Padding ends a group; some mailers glue several encodings together.
			if c == '=' && n > 0 {
				out = appendTail(out, acc, n)
				acc, n = 0, 0
			}
			continue
		}
		acc = acc<<6 | uint32(v)
		if n++; n == 4 {
			if int64(len(out)) > max {
				return out[:max], false
			}
			out = append(out, byte(acc>>16), byte(acc>>8), byte(acc))
			acc, n = 0, 0
		}
	}
	out = appendTail(out, acc, n)
	if int64(len(out)) > max {
		return out[:max], false
	}
	return out, true
}

func appendTail(out []byte, acc uint32, n int) []byte {
	switch n {
	case 2:
		return append(out, byte(acc>>4))
	case 3:
		return append(out, byte(acc>>10), byte(acc>>2))
	}
	return out
}

func appendQP(out, b []byte) []byte {
	for i := 0; i < len(b); i++ {
		if b[i] != '=' {
			next := bytes.IndexByte(b[i:], '=')
			if next < 0 {
				return append(out, b[i:]...)
			}
			out = append(out, b[i:i+next]...)
			i += next
		}
		if i+2 < len(b) && unhex(b[i+1])|unhex(b[i+2]) < 16 {
			out = append(out, unhex(b[i+1])<<4|unhex(b[i+2]))
			i += 2
			continue
		}
		j := i + 1
		for j < len(b) && (b[j] == ' ' || b[j] == '\t') {
			j++
		}
		switch {
		case j >= len(b):
			i = j
		case b[j] == '\n':
			i = j
		case b[j] == '\r' && j+1 < len(b) && b[j+1] == '\n':
			i = j + 1
		default:
			out = append(out, '=')
		}
	}
	return out
}

func unhex(c byte) byte { return hexValue[c] }

var hexValue = func() (t [256]byte) {
	for i := range t {
		t[i] = 0xFF
	}
	for i, c := range "0123456789ABCDEF" {
		t[c] = byte(i)
	}
	for i, c := range "abcdef" {
		t[c] = byte(10 + i)
	}
	return t
}()

// encodeTransfer writes b in a Content-Transfer-Encoding with the line ending
// nl, in another one when it cannot hold b, and says which. text says that line
// ends in b are line ends of the mail.
func encodeTransfer(cte string, b []byte, nl string, text bool) ([]byte, string) {
	switch cte {
	case "base64":
		return wrapBase64(b, nl), cte
	case "quoted-printable":
	case "", "7bit":
		if ascii(b) && longestLine(b) <= 998 {
			return b, cte
		}
		cte = "quoted-printable"
	case "8bit", "binary":
		if cte == "binary" || longestLine(b) <= 998 {
			return b, cte
		}
		cte = "quoted-printable"
	default:
		return wrapBase64(b, nl), "base64"
	}
	var q bytes.Buffer
	w := quotedprintable.NewWriter(&q)
	w.Binary = !text
	_, _ = w.Write(b) // to memory: cannot fail
	_ = w.Close()
	if nl == "\r\n" {
		return q.Bytes(), cte
	}
	return bytes.ReplaceAll(q.Bytes(), []byte("\r\n"), []byte(nl)), cte
}

func wrapBase64(b []byte, nl string) []byte {
	s := base64.StdEncoding.EncodeToString(b)
	var o strings.Builder
	o.Grow(len(s) + len(s)/76*len(nl) + len(nl))
	for len(s) > 76 {
		o.WriteString(s[:76])
		o.WriteString(nl)
		s = s[76:]
	}
	o.WriteString(s)
	o.WriteString(nl)
	return []byte(o.String())
}

func longestLine(b []byte) int {
	longest := 0
	for len(b) > 0 {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			return max(longest, len(b))
		}
		longest = max(longest, i)
		b = b[i+1:]
	}
	return longest
}
