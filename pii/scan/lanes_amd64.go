package scan

// foldConstants are what lanesVector folds by.
type foldConstants struct {
	small  uint8 // the bit of small letters
	lowest uint8 // added, makes the letters the lowest of the signed bytes
	behind uint8 // the first signed byte that is none
	number uint8 // added, makes the letters their numbers
	half   uint8 // what VPSHUFB looks up by
	last   uint8 // the last byte of U+00FF, the one small letter that is not its capital's
	mend   uint8 // what it is more than the last byte of U+00DF
	lead   uint8 // the first signed byte that goes on with no character
	latin  uint8 // the first byte of U+00C0 to U+00FF
	skip   uint8 // its symbol
}

var foldBytes = foldConstants{0x20, 0x80 - 'a', 0x80 + 26, 0x100 + 1 - 'a', 0x0F, 0xBF, 'y' - 's', 0xC0, 0xC3, symSkip}

// foldLetters are the letters of U+00C0 to U+00DF, which are those of U+00E0 to
// U+00FF but for the last.
var foldLetters = [32]uint8(latin1[:32])

// lanesVector reads the last n bytes of t, 63 at most, and notes what it finds in
// c. It returns false when it cannot: there are characters beyond U+00FF, or more
// hits than it keeps.
//
//go:noescape
func lanesVector(c *cues, a *automaton, t string, n int) bool
