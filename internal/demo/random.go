package demo

import (
	"math"
	"math/rand/v2"
	"time"
)

// random draws the choices of one thing: the person numbered i, the ticket
// numbered j. It depends on the seed, the kind of thing and the number alone, so
// that anything can be made again at any time without being remembered.
type random struct{ *rand.Rand }

func newRandom(seed uint64, stream string, i int) random {
	h := seed ^ 0x9e3779b97f4a7c15
	for _, c := range []byte(stream) {
		h = mix(h ^ uint64(c))
	}
	return random{rand.New(rand.NewPCG(h, mix(h+uint64(i))))}
}

// mix is the finaliser of SplitMix64.
func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func (r random) chance(p float64) bool { return r.Float64() < p }

func (r random) between(from, to int) int { return from + r.IntN(to-from+1) }

func pick[T any](r random, from []T) T { return from[r.IntN(len(from))] }

// duration draws a time around a median, with the long tail that waiting has.
func (r random) duration(median time.Duration) time.Duration {
	return time.Duration(float64(median) * math.Exp(1.1*r.NormFloat64())).Round(time.Second)
}

// weighted draws an index by weight from cumulated weights.
func (r random) weighted(cumulated []int) int {
	x := r.IntN(cumulated[len(cumulated)-1])
	lo, hi := 0, len(cumulated)-1
	for lo < hi {
		if m := (lo + hi) / 2; cumulated[m] <= x {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return lo
}
