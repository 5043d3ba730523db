// Package token cuts text into words, numbers, punctuation and line breaks.
//
// It reads bytes once, keeps no state between texts, accepts any bytes
// (invalid UTF-8 is punctuation) and takes time linear in the text. A word is
// letters with inner hyphens and apostrophes, so that "Ann-Cathrine" and
// "O'Brien" are one; invisible characters inside a word (soft hyphen, zero
// width space) are part of it and do not change its key.
package token

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Kind is the kind of a token.
type Kind uint8

// The kinds.
const (
	Word   Kind = iota
	Number      // begins with a digit; letters may follow: "8B"
	Punct       // one character
	Break       // one line break
	Blank       // an empty line: two line breaks or more
	Link        // part of an e-mail address, a handle or a URL
)

// Token is one piece of a text. Offsets are bytes from the start of the text
// given to Append.
type Token struct {
	Start, End int32
	Key        uint64 // hash of the visible bytes, case kept
	Kind       Kind
	Spaced     bool // white space or a line break stands before it
}

const (
	other  = iota // white space and control characters
	letter        // ASCII letter
	digit
	punct
	newline
	high // first byte of a longer character, or invalid
)

var class = func() (t [256]uint8) {
	for c := range t {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
			t[c] = letter
		case c >= '0' && c <= '9':
			t[c] = digit
		case c == '\n':
			t[c] = newline
		case c <= ' ' || c == 0x7f:
			t[c] = other
		case c >= 0x80:
			t[c] = high
		default:
			t[c] = punct
		}
	}
	return t
}()

// Invisible reports whether r shows nothing: soft hyphen, zero width
// characters, direction marks, byte order mark.
func Invisible(r rune) bool {
	return r == 0xAD || r >= 0x200B && r <= 0x200F || r >= 0x202A && r <= 0x202E || r >= 0x2060 && r <= 0x2064 || r == 0xFEFF
}

// highClass returns the class of the character at s[i], whose first byte is
// not ASCII, and its length. Invisible characters have the class 255.
func highClass(s string, i int) (uint8, int) {
	if s[i] == 0xC3 && i+1 < len(s) && s[i+1]&0xC0 == 0x80 {
		if s[i+1] == 0x97 || s[i+1] == 0xB7 { // × and ÷
			return punct, 2
		}
		return letter, 2
	}
	r, n := utf8.DecodeRuneInString(s[i:])
	switch {
	case r == utf8.RuneError && n <= 1:
		return punct, 1
	case Invisible(r):
		return 255, n
	case unicode.IsLetter(r) || unicode.Is(unicode.M, r):
		return letter, n
	case unicode.IsDigit(r):
		return digit, n
	case r == 0x85 || r == 0x2028 || r == 0x2029:
		return newline, n
	case unicode.IsSpace(r):
		return other, n
	}
	return punct, n
}

const (
	seed  = 0xcbf29ce484222325
	prime = 0x9E3779B97F4A7C15
)

func mix(h uint64, b byte) uint64 { return (h ^ uint64(b)) * prime }

func finish(h uint64) uint64 { return h ^ h>>29 }

// Append appends the tokens of text to dst. text must be shorter than 2 GiB.
func Append(dst []Token, text string) []Token {
	i, n := 0, len(text)
	spaced := true
	for i < n {
		c := class[text[i]]
		size := 1
		if c == high {
			c, size = highClass(text, i)
		}
		switch c {
		case other, 255:
			spaced = spaced || c == other
			i += size
		case newline:
			start, lines := i, 0
			for i < n {
				b := text[i]
				if b == '\n' {
					lines++
					i++
				} else if b == ' ' || b == '\r' || b == '\t' {
					i++
				} else {
					break
				}
			}
			if lines == 0 { // a line break of another kind
				i += size
			}
			k := Break
			if lines > 1 {
				k = Blank
			}
			dst = append(dst, Token{int32(start), int32(i), uint64(k) | 1<<40, k, spaced})
			spaced = true
		case letter, digit:
			start, whole := i, true // whole: every byte shows and is as written
			kind := Word
			if c == digit {
				kind = Number
			}
			for i < n {
				b := text[i]
				cc := class[b]
				if cc == letter || cc == digit {
					i++
					continue
				}
				if cc == high {
					var z int
					cc, z = highClass(text, i)
					if cc == letter || cc == digit {
						i += z
						continue
					}
					if cc == 255 {
						if !letterAt(text, i+z) {
							break
						}
						whole = false
						i += z
						continue
					}
					if z == 3 && kind == Word && text[i:i+3] == "’" && letterAt(text, i+3) {
						whole = false
						i += 3
						continue
					}
					break
				}
				if kind == Word && (b == '-' || b == '\'') && letterAt(text, i+1) {
					i++
					continue
				}
				break
			}
			key := uint64(0)
			if whole {
				key = keyOf(text[start:i])
			} else {
				key = keyOf(Visible(text[start:i]))
			}
			dst = append(dst, Token{int32(start), int32(i), key, kind, spaced})
			spaced = false
		default:
			h := uint64(seed)
			for k := i; k < i+size; k++ {
				h = mix(h, text[k])
			}
			kind := Punct
			dst = append(dst, Token{int32(i), int32(i + size), finish(h), kind, spaced})
			b := text[i]
			i += size
			spaced = false
			if b == '@' && letterAt(text, i) || b == '/' && i > 1 && text[i-2] == ':' && i < n && text[i] == '/' {
				dst, i = link(dst, text, i)
			}
		}
	}
	return dst
}

// Visible returns s as it looks: without what shows nothing, apostrophes straight.
// Words that look the same have one key.
func Visible(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case Invisible(r):
			return -1
		case r == '’':
			return '\''
		}
		return r
	}, s)
}

// keyOf hashes the bytes of a word, eight at a time.
func keyOf(s string) uint64 {
	h := uint64(seed) ^ uint64(len(s))*prime
	for ; len(s) >= 8; s = s[8:] {
		h = (h ^ (uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 | uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56)) * prime
		h ^= h >> 32
	}
	rest := uint64(0)
	for i := range len(s) {
		rest = rest<<8 | uint64(s[i])
	}
	h = (h ^ rest) * prime
	return h ^ h>>29
}

// letterAt reports whether a letter begins at s[i].
func letterAt(s string, i int) bool {
	if i >= len(s) {
		return false
	}
	c := class[s[i]]
	if c == high {
		c, _ = highClass(s, i)
	}
	return c == letter
}

// link turns what hangs together with the sign before text[i] ("@" or "/" of
// "//") into links: back to the last white space, and forward to the next.
func link(dst []Token, text string, i int) ([]Token, int) {
	for k := len(dst) - 1; k >= 0; k-- {
		t := &dst[k]
		if t.Kind == Break || t.Kind == Blank || k < len(dst)-1 && t.Kind == Punct && opens(text[t.Start]) && (text[t.Start] != ':' || text[i-1] == '@') {
			break
		}
		t.Kind = Link
		if t.Spaced {
			break
		}
	}
	start, h := i, uint64(seed)
	for i < len(text) {
		b := text[i]
		if c := class[b]; c == other || c == newline || b == '<' || b == '>' || b == ')' || b == '"' || b == ',' || b == ';' {
			break
		} else if c == high {
			if k, _ := highClass(text, i); k == other || k == newline || k == 255 {
				break
			}
		}
		h = mix(h, b)
		i++
	}
	if i > start {
		dst = append(dst, Token{int32(start), int32(i), finish(h), Link, false})
	}
	return dst, i
}

func opens(b byte) bool {
	return b == '<' || b == '(' || b == '"' || b == ':' || b == ',' || b == ';' || b == '['
}
