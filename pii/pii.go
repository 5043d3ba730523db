// Package pii finds personal data in text and takes it out again. It is pure:
// no input or output, no clock, no network. Offsets are byte offsets into the
// text as given; the command line converts them to code points.
package pii

import "github.com/gallra/gallra"

// Finding is one place in a text that holds personal data.
type Finding struct {
	Start, End int // byte offsets, End exclusive
	Category   gallra.Category
	Score      float32 // 0 to 1
	Rule       string  // which rule found it and why: "personnummer/luhn", "name/tagger"
}
