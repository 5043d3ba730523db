package scan

import "math/bits"

// masksLong is how many words of stops are known at a time: 1,024 bytes of text.
const masksLong = 16

// masksKnown is how many are made: a number that begins with the last stop is
// read from the digits after it.
const masksKnown = masksLong + 1

// masks say of a stretch of the text, one bit a byte, where digits stand and
// where the walk may stop, which class has the last word on. They are made for
// many bytes at once, without a branch on any of them; the walk and the reading
// of numbers then go from bit to bit.
type masks struct {
	base   int // offset of the stretch, a multiple of 64
	words  int // how many words of stops are made
	digits [masksKnown]uint64
	stops  [masksKnown]uint64
}

// known is how many bytes the stops are used of.
const known = masksLong * 64

// read makes the masks of t from base on.
func (m *masks) read(t string, base int) {
	m.base, m.words = base, min(masksLong, (len(t)-base+63)/64)
	if vectors && len(t) >= 64 {
		masksVector(m, t, base, m.words+1)
	} else {
		m.readWords(t, base)
	}
}

// digitsAt returns which of the 64 bytes from i on are digits, the first in the
// lowest bit. A stop has been at i.
func (m *masks) digitsAt(i int) uint64 {
	i -= m.base
	w, s := uint(i)/64, uint(i)%64
	return m.digits[w]>>s | m.digits[w+1]<<(64-s)
}

// readWords is read, eight bytes at a time.
func (m *masks) readWords(t string, base int) {
	k := walking
	for w := range m.words + 1 {
		var stops, digits uint64
		i := base + w*64
		for b := 0; b < 64 && i+b < len(t); b += 8 {
			var x uint64
			if i+b+8 <= len(t) {
				x = eight(t, i+b)
			} else {
				for j := len(t) - 1; j >= i+b; j-- {
					x = x<<8 | uint64(t[j])
				}
			}
			if s := k.stops(x); s != 0 {
				stops |= gather(s) << b
				digits |= gather(^notDigits(x)&k.x80) << b
			}
		}
		m.stops[w], m.digits[w] = stops, digits
	}
}

// gather brings the top bits of the eight bytes of x together; the others are 0.
func gather(x uint64) uint64 { return x >> 7 * 0x0102040810204080 >> 56 }

// next returns the first place from i on that may have a class, within what is
// known, and where to go on when there is none.
func (m *masks) next(i int) (at int, ok bool) {
	w := uint(i-m.base) / 64
	x := m.stops[w] >> (uint(i) % 64)
	for x == 0 {
		if w++; w >= uint(m.words) {
			return m.base + known, false
		}
		i = m.base + int(w)*64
		x = m.stops[w]
	}
	return i + bits.TrailingZeros64(x), true
}
