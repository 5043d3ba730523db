//go:build !amd64

package scan

// nextStop returns the first index from i on whose byte has a class, and the
// text's length when none has.
func nextStop(t string, i int) int { return nextWord(t, i) }

// vectors says whether there is a masksVector.
const vectors = false

func masksVector(*masks, string, int, int) { panic("no vector instructions") }
