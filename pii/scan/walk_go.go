//go:build !goexperiment.simd || !amd64

package scan

// nextStop is nextWord where the compiler has no vector instructions to offer.
func nextStop(t string, i int) int { return nextWord(t, i) }
