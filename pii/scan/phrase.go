package scan

import (
	"encoding/binary"
	"math/bits"
)

// maxGroups and maxDigits bound a phrase: no identifier is longer.
const (
	maxGroups = 24
	maxDigits = 63
)

// A phrase is a run of digit groups with one separator between each two:
// "070-174 06 71". The readers look at it instead of the text, and its shape
// says which of them can make anything of it.
type phrase struct {
	n      int // groups
	group  [maxGroups]group
	digits [maxDigits + 9]byte // of all groups, as ASCII; eight are written at a time
	lens   [maxGroups + 4]byte // of the groups, and zeros: four at a time are compared
	ends   uint64              // bit d: a group ends with the phrase's digit number d
	kinds  sep                 // of all separators
	odd    bool                // a separator has bytes beyond ASCII
	quiet  bool                // see pass.quiet
	end    int                 // offset in the text after the last group
}

// group is one run of digits. A phrase is less than 256 bytes long: maxDigits
// digits and separators of at most eight bytes between maxGroups groups.
type group struct {
	start, end uint8 // offsets in the text, relative to the phrase's first byte
	first      uint8 // index of the first digit in phrase.digits
	sep        sep   // what stands before it
}

// sep is what stands between two groups, and a set of such: one bit each. En
// dash and minus sign count as a dash, the no-break space as a space.
type sep uint16

const (
	sepSpace sep = 1 << iota
	sepDash
	sepDot
	sepSlash
	sepPlus
	sepColon
	sepComma      // "," between digits
	sepCommaSpace // ", "
	sepClose      // ")", ") ", ")-"
	sepOpen       // " (0)" and " (": before an area code or trunk zero
	sepWide       // " - ", " / ", " – ": a sign with spaces around
	sepDotSpace   // ". ": in "1. 1. 1990"
)

// sepOf maps a byte between two digits to its kind.
var sepOf = [256]sep{' ': sepSpace, '-': sepDash, '.': sepDot, '/': sepSlash, '+': sepPlus, ':': sepColon, ',': sepComma, ')': sepClose, '(': sepOpen}

func (g *group) len() int { return int(g.end - g.start) }

// read fills ph with the phrase that begins with the digit at t[i]. It returns
// false when the first group alone is too long for any identifier; ph.end is
// then the end of that group.
//
// The bits of digits say which of the 64 bytes from t[i] on are digits.
func (ph *phrase) read(t string, i int, digits uint64) bool {
	base := i
	ph.n, ph.kinds, ph.ends, ph.odd, ph.end = 0, 0, 0, false, i
	var lens uint64
	before := sep(0)
	for {
		if digits, lens = ph.near(t, base, digits, lens, before); digits == tooFar {
			return ph.readSlow(t, base)
		}
		if digits&0xFF == 0 { // no separator is longer than seven bytes, and most numbers are followed by none
			break
		}
		s, next, ok := wideSeparator(t, ph.end)
		if !ok {
			break
		}
		ph.odd = ph.odd || beyond(t[ph.end:next])
		ph.kinds |= s
		before = s
		digits >>= next - ph.end
		ph.end = next
	}
	binary.LittleEndian.PutUint64(ph.lens[:], lens)
	binary.LittleEndian.PutUint32(ph.lens[8:], 0)
	return true
}

// tooFar is what near answers about a phrase that readSlow must read.
const tooFar = 1<<64 - 1

// near reads the groups from ph.end on between which single bytes stand, the
// first of them behind before. It returns the digits behind the last of them, and
// the lengths of all groups, one byte each. It calls nothing, so that what it
// goes by stays in registers.
func (ph *phrase) near(t string, base int, digits, lens uint64, before sep) (rest, all uint64) {
	const long = 48 // bytes: from here on a separator could reach beyond the 64 that are known
	i, n := ph.end, uint(ph.n)
	nd := uint(0)
	if n > 0 {
		nd = uint(ph.group[n-1].first) + uint(ph.group[n-1].len())
	}
	ends, kinds := ph.ends, ph.kinds
	for {
		run := uint(bits.TrailingZeros64(^digits))
		if i+int(run)-base > long || n == 8 || run > 15 || i+16 > len(t) {
			return tooFar, 0
		}
		x := t[i : i+16]
		binary.LittleEndian.PutUint64(ph.digits[nd&63:], eight(x, 0))
		if run > 8 {
			binary.LittleEndian.PutUint64(ph.digits[(nd+8)&63:], eight(x, 8))
		}
		ph.group[n] = group{start: uint8(i - base), end: uint8(i - base + int(run)), first: uint8(nd), sep: before}
		lens |= uint64(run) << (n * 8 & 63)
		n++
		nd += run
		ends |= 1 << (nd & 63)
		i += int(run)
		digits >>= run & 63
		if digits&0xFF == 0 || digits&2 == 0 {
			break
		}
		if before = sepOf[x[run&15]] &^ sepOpen; before == 0 {
			if trunkZero(t, i) {
				return tooFar, 0
			}
			digits = 0
			break
		}
		kinds |= before
		digits >>= 1
		i++
	}
	ph.n, ph.end, ph.ends, ph.kinds = int(n), i, ends, kinds
	return digits, lens
}

// readSlow is read for phrases of any length and texts of any.
func (ph *phrase) readSlow(t string, i int) bool {
	base := i
	ph.n, ph.kinds, ph.ends, ph.odd = 0, 0, 0, false
	nd := 0
	before := sep(0)
	for {
		start := i
		room := maxDigits - nd
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
			break
		}
		ph.group[ph.n] = group{start: uint8(start - base), end: uint8(i - base), first: uint8(nd), sep: before}
		ph.lens[ph.n] = byte(i - start)
		ph.n++
		nd += i - start
		ph.ends |= 1 << nd
		ph.end = i
		var ok bool
		stood := i
		before, i, ok = separator(t, i)
		if !ok {
			break
		}
		ph.odd = ph.odd || beyond(t[stood:i])
		ph.kinds |= before
	}
	binary.LittleEndian.PutUint32(ph.lens[ph.n:], 0)
	return true
}

// beyond reports whether s has a byte beyond ASCII.
func beyond(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return true
		}
	}
	return false
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
func separator(t string, i int) (s sep, next int, ok bool) {
	if i >= len(t) {
		return 0, i, false
	}
	if i+8 <= len(t) {
		// No separator is longer than seven bytes, and most numbers are followed by none.
		if notDigits(eight(t, i)) == 0x8080808080808080 {
			return 0, i, false
		}
	}
	if i+1 < len(t) && digit(t[i+1]) {
		s = sepOf[t[i]]
		return s, i + 1, s != 0 && (s != sepOpen || trunkZero(t, i))
	}
	return wideSeparator(t, i)
}

// trunkZero reports whether "(0)" and a digit stand at t[i], as in "+46(0)70": a
// bracket that follows a digit joins two groups in no other case.
func trunkZero(t string, i int) bool { return i+3 < len(t) && t[i:i+3] == "(0)" && digit(t[i+3]) }

// wideSeparator is separator where t[i+1] is no digit.
func wideSeparator(t string, i int) (s sep, next int, ok bool) {
	j, spaces, signs := i, 0, 0
	for j < len(t) && j-i < 6 && !digit(t[j]) {
		switch c := t[j]; {
		case c == ' ':
			spaces++
			j++
		case c == 0xC2 && j+1 < len(t) && t[j+1] == 0xA0:
			spaces++
			j += 2
		case c == 0xE2 && j+2 < len(t) && t[j+1] == 0x80 && (t[j+2] == 0x93 || t[j+2] == 0x94):
			s = sepDash
			signs++
			j += 3
		case c == '-' || c == '/' || c == ',' || c == '.' || c == ')' || c == '(':
			s = sepOf[c]
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
		return sepSpace, j, true
	case s == sepClose, s == sepOpen:
		return s, j, signs <= 2
	case signs == 2 && s == sepDash && t[i] == ')':
		return sepClose, j, true
	case signs > 1:
		return 0, i, false
	case s == sepComma:
		return sepCommaSpace, j, true
	case s == sepDot:
		return sepDotSpace, j, spaces == 1 && i >= 2 && !(digit(t[i-1]) && digit(t[i-2]) && i >= 3 && digit(t[i-3]))
	case spaces == 0:
		return s, j, true
	}
	return sepWide, j, true
}

// span returns the digits of groups g to h inclusive.
func (ph *phrase) span(g, h int) []byte {
	last := &ph.group[h]
	return ph.digits[ph.group[g].first : int(last.first)+last.len()]
}

// from returns the set of the numbers of digits, one bit each, with which the
// groups from g on can be read as one number.
func (ph *phrase) from(g int) uint64 { return ph.ends >> uint(ph.group[g].first) }

// number returns what the digits of group g write, for nine of them at most.
func (ph *phrase) number(g int) int {
	gr := &ph.group[g]
	n := 0
	for _, d := range ph.digits[gr.first : int(gr.first)+min(gr.len(), 9)] {
		n = n*10 + int(d-'0')
	}
	return n
}

// years reports whether groups g and g+1 are years: "2019-2023".
func (ph *phrase) years(g int) bool {
	if !ph.shape2(g, 4, 4) {
		return false
	}
	a, b := ph.number(g), ph.number(g+1)
	return a >= 1900 && a < 2100 && b >= a && b < 2100
}

// upTo returns the group at which the digits from group g amount to n exactly,
// and false when no group ends there.
func (ph *phrase) upTo(g, n int) (h int, ok bool) {
	if ph.from(g)>>uint(n)&1 == 0 {
		return 0, false
	}
	last := int(ph.group[g].first) + n
	for h = g; h+1 < ph.n && int(ph.group[h+1].first) < last; {
		h++
	}
	return h, true
}

// seps reports whether every separator between groups g and h is in allowed.
func (ph *phrase) seps(g, h int, allowed sep) bool {
	if ph.kinds&^allowed == 0 {
		return true
	}
	for k := g + 1; k <= h; k++ {
		if ph.group[k].sep&^allowed != 0 {
			return false
		}
	}
	return true
}

// four returns the lengths of groups g to g+3, the first in the lowest byte, 0
// for those that there are not.
func (ph *phrase) four(g int) uint32 { return binary.LittleEndian.Uint32(ph.lens[g:]) }

// shape2 to shape4 report whether groups g and on have these lengths.
func (ph *phrase) shape2(g int, a, b uint32) bool { return ph.four(g)&0xFFFF == a|b<<8 }

func (ph *phrase) shape3(g int, a, b, c uint32) bool { return ph.four(g)&0xFFFFFF == a|b<<8|c<<16 }

func (ph *phrase) shape4(g int, a, b, c, d uint32) bool { return ph.four(g) == a|b<<8|c<<16|d<<24 }
