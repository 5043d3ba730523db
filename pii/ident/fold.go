package ident

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// special folds the letters that Unicode does not take apart.
var special = map[rune]string{
	'æ': "ae", 'ø': "o", 'đ': "d", 'ð': "d", 'þ': "th", 'ł': "l", 'ß': "ss", 'œ': "oe", 'ı': "i", 'ŧ': "t", 'ħ': "h", 'ŋ': "n", 'ĸ': "k", 'ə': "a", 'ſ': "s",
}

// homoglyph maps the Greek and Cyrillic letters that look like Latin ones.
var homoglyph = map[rune]rune{
	'а': 'a', 'е': 'e', 'о': 'o', 'р': 'p', 'с': 'c', 'х': 'x', 'у': 'y', 'і': 'i', 'ј': 'j', 'ѕ': 's', 'һ': 'h', 'ԁ': 'd', 'к': 'k', 'м': 'm', 'т': 't', 'в': 'b', 'н': 'h',
	'α': 'a', 'ο': 'o', 'ν': 'v', 'ρ': 'p', 'τ': 't', 'ι': 'i', 'κ': 'k', 'ε': 'e',
}

// ignorable reports whether r stands for nothing: it has no width, or marks a
// place where a word may be broken, or is an accent written apart.
func ignorable(r rune) bool {
	switch {
	case r < 0x0300: // all letters of Latin and the signs among them
		return r == 0xAD
	case r == 0x034F, r == 0x061C, r == 0x180E, r >= 0x200B && r <= 0x200F, r >= 0x202A && r <= 0x202E,
		r >= 0x2060 && r <= 0x206F, r == 0xFEFF, r >= 0xFE00 && r <= 0xFE0F, r >= 0xE0000 && r <= 0xE007F:
		return true
	}
	return unicode.Is(unicode.Mn, r)
}

// appendFolded appends r in lower case without diacritics to dst: nothing for
// a sign, ASCII for every letter and digit that has an ASCII relative.
func appendFolded(dst []byte, r rune) []byte {
	switch {
	case r < 0x80:
		if c := asciiFold[r]; c != 0 {
			return append(dst, c)
		}
		return dst
	case int(r) < len(latinFold()):
		return append(dst, latinFold()[r]...)
	}
	return foldLetter(dst, r)
}

// asciiFold is what is appended for an ASCII character, 0 for nothing.
var asciiFold = func() (t [utf8.RuneSelf]byte) {
	for c := range t {
		switch {
		case c >= 'A' && c <= 'Z':
			t[c] = byte(c) | 0x20
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			t[c] = byte(c)
		}
	}
	return t
}()

// latinFold is what is appended for the letters of Latin beyond ASCII.
var latinFold = sync.OnceValue(func() []string {
	t := make([]string, 0x250)
	for r := rune(0x80); int(r) < len(t); r++ {
		t[r] = string(foldLetter(nil, r))
	}
	return t
})

// foldLetter is appendFolded for what is not ASCII.
func foldLetter(dst []byte, r rune) []byte {
	r = unicode.ToLower(r)
	if s, ok := special[r]; ok {
		return append(dst, s...)
	}
	if h, ok := homoglyph[r]; ok {
		return append(dst, byte(h))
	}
	if unicode.IsDigit(r) {
		if d, ok := decimal(r); ok {
			return append(dst, d)
		}
	}
	var buf [16]byte
	n := utf8.EncodeRune(buf[:], r)
	for _, c := range string(norm.NFKD.Bytes(buf[:n])) {
		switch {
		case unicode.Is(unicode.Mn, c):
		case c < 0x80:
			if r := unicode.ToLower(c); r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
				dst = append(dst, byte(r))
			}
		case unicode.IsLetter(c) || unicode.IsDigit(c):
			dst = utf8.AppendRune(dst, unicode.ToLower(c))
		}
	}
	return dst
}

// decimal returns the ASCII digit of a decimal digit of any script.
func decimal(r rune) (byte, bool) {
	for z := r; z > r-10; z-- {
		if !unicode.Is(unicode.Nd, z-1) || (r-z) == 9 {
			// Blocks of decimal digits are ten long and begin with zero.
			return byte('0' + (r-z)%10), true
		}
	}
	return 0, false
}

// Fold returns s in lower case, without diacritics, letters and digits only,
// words separated by single spaces.
func Fold(s string) string {
	b := make([]byte, 0, len(s)+8)
	gap := false
	for _, r := range s {
		if ignorable(r) {
			continue
		}
		n := len(b)
		if gap && n > 0 {
			b = append(b, ' ')
		}
		m := len(b)
		b = appendFolded(b, r)
		if len(b) == m {
			b = b[:n]
			gap = true
			continue
		}
		gap = false
	}
	return string(b)
}

// transliterate writes å, ä, ö, ü, æ and ø the way they are written where they
// cannot be.
func transliterate(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return transliterated.Replace(s)
		}
	}
	return s
}

var transliterated = strings.NewReplacer(
	"å", "aa", "ä", "ae", "ö", "oe", "ü", "ue", "ø", "oe", "æ", "ae",
	"Å", "Aa", "Ä", "Ae", "Ö", "Oe", "Ü", "Ue", "Ø", "Oe", "Æ", "Ae")
