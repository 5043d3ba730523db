package scan

import "golang.org/x/sys/cpu"

// stopTables are the classes as a product of two halves: a byte has a class when
// the entry of its high half and that of its low half have a bit in common. Each
// table stands twice, once for each half of a vector.
var stopTables = func() (t struct{ high, low [32]uint8 }) {
	bit := uint8(1)
	for h := range 16 {
		any := false
		for l := range 16 {
			if class[h<<4|l] != 0 {
				any = true
				t.low[l] |= bit
				t.low[l+16] |= bit
			}
		}
		if any {
			t.high[h], t.high[h+16] = bit, bit
			bit <<= 1
		}
	}
	return t
}()

// vectors says whether the processor has the instructions of nextVector and
// masksVector.
var vectors = cpu.X86.HasAVX2

// shortest is the length of text from which on nextVector can read.
const shortest = 32

// nextStop returns the first index from i on whose byte has a class, and the
// text's length when none has.
func nextStop(t string, i int) int {
	if !vectors || len(t) < shortest {
		return nextWord(t, i)
	}
	return nextVector(t, i)
}

// nextVector is nextStop, 32 bytes at a time, for texts of 32 bytes and more.
//
//go:noescape
func nextVector(t string, i int) int

// digitBounds make digits the lowest of all signed bytes: added to them the first
// leaves '0' to '9' below the second and nothing else.
var digitBounds = [2]uint8{0x80 - '0', 0x80 + 10}

// masksVector makes the first n masks of t from base on, 64 bytes at a time, for
// texts of 64 bytes and more.
//
//go:noescape
func masksVector(m *masks, t string, base, n int)
