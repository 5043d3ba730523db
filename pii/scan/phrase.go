package scan

import (
	"encoding/binary"
	"math/bits"
)

// maxGroups and maxDigits bound a phrase: no identifier is longer.
const (
	maxGroups = 24
	maxDigits = 64
)

// A phrase is a run of digit groups with one separator between each two:
// "070-174 06 71". The readers look at it instead of the text.
type phrase struct {
	n      int // groups
	group  [maxGroups]group
	digits [maxDigits + 8]byte // of all groups, as ASCII; eight are written at a time
	dash   bool                // a separator is '-'
	end    int                 // offset in the text after the last group
}

// group is one run of digits.
type group struct {
	start, end int32 // offsets in the text, relative to the phrase's first byte
	first      int32 // index of the first digit in phrase.digits
	sep        byte  // what stands before it: see the sep constants
}

// Separators are the ASCII character, en dash and the minus sign being '-' and
// no-break space ' ', or one of these.
const (
	sepNone   = 0
	sepWide   = 'w' // " - ", " / ", " – ": a sign with spaces around
	sepComma  = 'c' // ", "
	sepParen  = ')' // ") ", ")", ")-"
	sepParens = '(' // " (0)" and " (": before an area code or trunk zero
	sepDot    = 'd' // ". ": in "1. 1. 1990"
)

func (g *group) len() int { return int(g.end - g.start) }

// read fills ph with the phrase that begins with the digit at t[i]. It returns
// false when the first group alone is too long for any identifier; ph.end is
// then the end of that group.
func (ph *phrase) read(t string, i int) bool {
	base := i
	ph.n, ph.dash = 0, false
	nd := 0
	sep := byte(sepNone)
	for {
		start := i
		room := len(ph.digits) - 8 - nd
		for i+8 <= len(t) && i-start <= room {
			x := eight(t, i)
			binary.LittleEndian.PutUint64(ph.digits[nd+i-start:], x)
			run := bits.TrailingZeros64(notDigits(x)) / 8
			i += run
			if run < 8 {
				break
			}
		}
		for i < len(t) && digit(t[i]) {
			if i-start <= room {
				ph.digits[nd+i-start] = t[i]
			}
			i++
		}
		if nd+i-start > maxDigits || ph.n == maxGroups {
			if ph.n == 0 {
				ph.end = i
				return false
			}
			return true
		}
		ph.group[ph.n] = group{start: int32(start - base), end: int32(i - base), first: int32(nd), sep: sep}
		ph.n++
		nd += i - start
		ph.end = i
		var ok bool
		sep, i, ok = separator(t, i)
		if !ok {
			return true
		}
		ph.dash = ph.dash || sep == '-'
	}
}

// notDigits returns x with the top bit set in every byte that is no digit.
func notDigits(x uint64) uint64 {
	const ones = 0x0101010101010101
	const top = 0x80 * ones
	low := x &^ top
	return (x | ^(low + (0x80-'0')*ones) | (low + (0x80-'9'-1)*ones)) & top
}

// separator reads what stands between two digit groups at t[i]. It returns the
// kind, where the next group begins, and false when no digit follows.
func separator(t string, i int) (sep byte, next int, ok bool) {
	if i >= len(t) {
		return 0, i, false
	}
	c := t[i]
	if i+1 < len(t) && digit(t[i+1]) {
		switch c {
		case ' ', '-', '.', '/', '+', ':', ',', ')':
			return c, i + 1, true
		}
		return 0, i, false
	}
	j, spaces, sign, signs := i, 0, byte(0), 0
	for j < len(t) && j-i < 6 && !digit(t[j]) {
		switch c := t[j]; {
		case c == ' ':
			spaces++
			j++
		case c == 0xC2 && j+1 < len(t) && t[j+1] == 0xA0:
			spaces++
			j += 2
		case c == 0xE2 && j+2 < len(t) && t[j+1] == 0x80 && (t[j+2] == 0x93 || t[j+2] == 0x94):
			sign = '-'
			signs++
			j += 3
		case c == '-' || c == '/' || c == ',' || c == '.':
			sign = c
			signs++
			j++
		case c == ')':
			sign = sepParen
			signs++
			j++
		case c == '(':
			sign = sepParens
			signs++
			j++
		default:
			return 0, i, false
		}
	}
	if j >= len(t) || !digit(t[j]) || spaces > 2 {
		return 0, i, false
	}
	switch {
	case signs == 0:
		return ' ', j, true
	case sign == ')', sign == '(':
		return sign, j, signs <= 2
	case signs == 2 && sign == '-' && t[i] == ')':
		return sepParen, j, true
	case signs > 1:
		return 0, i, false
	case sign == ',':
		return sepComma, j, true
	case sign == '.':
		return sepDot, j, spaces == 1 && i >= 2 && !(digit(t[i-1]) && digit(t[i-2]) && i >= 3 && digit(t[i-3]))
	case spaces == 0:
		return sign, j, true
	}
	return sepWide, j, true
}

// span returns the digits of groups g to h inclusive.
func (ph *phrase) span(g, h int) []byte {
	last := &ph.group[h]
	return ph.digits[ph.group[g].first : int(last.first)+last.len()]
}

// upTo returns the group at which the digits from group g amount to n exactly,
// and false when no group ends there.
func (ph *phrase) upTo(g, n int) (h int, ok bool) {
	total := 0
	for h = g; h < ph.n; h++ {
		total += ph.group[h].len()
		if total == n {
			return h, true
		}
		if total > n {
			return 0, false
		}
	}
	return 0, false
}

// seps reports whether every separator between groups g and h is in allowed.
func (ph *phrase) seps(g, h int, allowed string) bool {
	for k := g + 1; k <= h; k++ {
		ok := false
		for i := 0; i < len(allowed); i++ {
			if allowed[i] == ph.group[k].sep {
				ok = true
				break
			}
		}
		if !ok {
			return false
		}
	}
	return true
}

// shape reports whether groups g and on have these lengths.
func (ph *phrase) shape(g int, lens ...int) bool {
	if g+len(lens) > ph.n {
		return false
	}
	for i, n := range lens {
		if ph.group[g+i].len() != n {
			return false
		}
	}
	return true
}
