package token

import (
	"unicode"
	"unicode/utf8"
)

// Lower appends the lower case of the word to dst, without invisible
// characters, with a typographic apostrophe made plain and the commonest
// combining marks (ring, diaeresis, acute, grave, tilde, caron) composed.
func Lower(dst []byte, word string) []byte {
	for i := 0; i < len(word); {
		b := word[i]
		if b < 0x80 {
			if b >= 'A' && b <= 'Z' {
				b |= 0x20
			}
			dst = append(dst, b)
			i++
			continue
		}
		if b == 0xC3 && i+1 < len(word) && word[i+1]&0xC0 == 0x80 {
			c := word[i+1]
			if c < 0x9F && c != 0x97 {
				c |= 0x20
			}
			dst = append(dst, b, c)
			i += 2
			continue
		}
		r, n := utf8.DecodeRuneInString(word[i:])
		i += n
		switch {
		case r == utf8.RuneError && n <= 1:
			dst = append(dst, '?')
		case Invisible(r):
		case r == 0x2019:
			dst = append(dst, '\'')
		case r >= 0x300 && r <= 0x36F:
			dst = compose(dst, r)
		default:
			dst = utf8.AppendRune(dst, unicode.ToLower(r))
		}
	}
	return dst
}

// composed maps a combining mark and a plain letter to one letter.
var composed = func() map[[2]rune]rune {
	m := map[[2]rune]rune{}
	for mark, pairs := range map[rune]string{
		0x300: "aàeèiìoòuù", 0x301: "aáeéiíoóuúyý", 0x303: "aãnñoõ",
		0x308: "aäeëiïoöuüyÿ", 0x30A: "aå", 0x30C: "cčeěrřsšzž", 0x302: "aâeêiîoôuû",
	} {
		p := []rune(pairs)
		for i := 0; i < len(p); i += 2 {
			m[[2]rune{mark, p[i]}] = p[i+1]
		}
	}
	return m
}()

func compose(dst []byte, mark rune) []byte {
	if len(dst) == 0 {
		return dst
	}
	if r, ok := composed[[2]rune{mark, rune(dst[len(dst)-1])}]; ok {
		return utf8.AppendRune(dst[:len(dst)-1], r)
	}
	return dst
}

// Plain appends the lower-case word to dst with its marks taken off: å and ä
// become a, ö and ø become o, é becomes e. Letters it does not know it keeps.
func Plain(dst, lower []byte) []byte {
	for i := 0; i < len(lower); i++ {
		if lower[i] == 0xC3 && i+1 < len(lower) && lower[i+1] >= 0xA0 && lower[i+1] <= 0xBF {
			const base = "aaaaaaaceeeeiiiidnooooo?ouuuuypy"
			dst = append(dst, base[lower[i+1]-0xA0])
			i++
			continue
		}
		dst = append(dst, lower[i])
	}
	return dst
}

// Hash is the key of a lower-case word in the tables of the language pack.
func Hash(lower []byte) uint64 {
	h := uint64(seed)
	for _, b := range lower {
		h = mix(h, b)
	}
	h ^= h >> 32
	h *= 0xD6E8FEB86659FD93
	return h ^ h>>32
}
