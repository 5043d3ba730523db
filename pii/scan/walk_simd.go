//go:build goexperiment.simd && amd64

package scan

import (
	"math/bits"
	"simd/archsimd"
	"unsafe"
)

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

var vectors = archsimd.X86.AVX2()

// nextStop returns the first index from i on whose byte has a class, and the
// text's length when none has, reading 32 bytes at a time.
func nextStop(t string, i int) int {
	if !vectors {
		return nextWord(t, i)
	}
	b := unsafe.Slice(unsafe.StringData(t), len(t))
	high, low := archsimd.LoadUint8x32(&stopTables.high), archsimd.LoadUint8x32(&stopTables.low)
	half, zero := archsimd.BroadcastUint8x32(0x0F), archsimd.Uint8x32{}
	for i+32 <= len(b) {
		x := archsimd.LoadUint8x32((*[32]uint8)(b[i:]))
		h := high.PermuteOrZeroGrouped(x.AsUint16x16().ShiftAllRight(4).AsUint8x32().And(half).AsInt8x32())
		l := low.PermuteOrZeroGrouped(x.And(half).AsInt8x32())
		if m := ^h.And(l).Equal(zero).ToBits(); m != 0 {
			archsimd.ClearAVXUpperBits()
			return i + bits.TrailingZeros32(m)
		}
		i += 32
	}
	archsimd.ClearAVXUpperBits()
	return nextWord(t, i)
}
