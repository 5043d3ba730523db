package scan

import "math/bits"

// The byte classes that stop the walk.
const (
	classDigit = 1 + iota
	classAt
	classColon
	classUnder
	classOdd // lead bytes of characters that stand for a digit or for nothing
)

var class = func() (t [256]uint8) {
	for c := '0'; c <= '9'; c++ {
		t[c] = classDigit
	}
	t['@'], t[':'], t['_'] = classAt, classColon, classUnder
	for _, c := range []byte{0xC2, 0xCD, 0xD8, 0xD9, 0xDB, 0xE0, 0xE1, 0xE2, 0xE3, 0xEF, 0xF0, 0xF3} {
		t[c] = classOdd
	}
	return t
}()

// nextWord returns the first index from i on whose byte has a class, and the
// text's length when none has, reading sixteen bytes at a time.
func nextWord(t string, i int) int {
	k := walking
	for i+16 <= len(t) {
		w := t[i : i+16]
		a, b := eight(w, 0), eight(w, 8)
		m := k.stops(a)
		if m|k.stops(b) == 0 {
			i += 16
			continue
		}
		if m == 0 {
			i += 8
			m = k.stops(b)
		}
		i += bits.TrailingZeros64(m) / 8
		if class[t[i]] != 0 {
			return i
		}
		i++
	}
	for i < len(t) && class[t[i]] == 0 {
		i++
	}
	return i
}

// eight returns t[i:i+8] as one number, the first byte lowest.
func eight(t string, i int) uint64 {
	t = t[i : i+8]
	return uint64(t[0]) | uint64(t[1])<<8 | uint64(t[2])<<16 | uint64(t[3])<<24 |
		uint64(t[4])<<32 | uint64(t[5])<<40 | uint64(t[6])<<48 | uint64(t[7])<<56
}

// patterns are bytes repeated eight times, of the value that their names say.
type patterns struct{ x7F, x50, x3F, x5F, x43, x80 uint64 }

// walking is read into registers before the walk: written as constants, the
// compiler loads each anew for every eight bytes.
var walking = func() patterns {
	const ones = 0x0101010101010101
	return patterns{0x7F * ones, 0x50 * ones, 0x3F * ones, 0x5F * ones, 0x43 * ones, 0x80 * ones}
}()

// stops returns x with the top bit set in every byte that may be one of a
// class: '0' to '@', '_', and lead bytes other than that of the letters U+00C0
// to U+00FF. No byte of a class is left out; class has the last word.
func (k *patterns) stops(x uint64) uint64 {
	low := x & k.x7F // additions below never carry into the next byte
	m := (low+k.x50)&^(low+k.x3F) | ^(low ^ k.x5F + k.x7F)
	lead := x << 1 & (low ^ k.x43 + k.x7F)
	return (m&^x | lead&x) & k.x80
}
