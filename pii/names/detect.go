package names

import (
	"strings"

	"github.com/gallra/gallra/pii/names/internal/token"
)

// languages are the languages of the pack, in the order of its sections.
var languages = [...]string{"sv", "en", "no", "da", "fi", "de"}

// Languages returns the languages known, Swedish first.
func Languages() []string { return languages[:] }

const (
	detectBits = 14
	detectRows = 1 << detectBits

	// DetectRowCount is the number of rows DetectRows names.
	DetectRowCount = detectRows

	detectText = 1500 // bytes read
)

// DetectRows calls f with the row of weights of each feature of the words in
// text that tell its language: whole words and their groups of three letters.
func DetectRows(text string, f func(row int)) {
	if len(text) > detectText {
		text = text[:detectText]
	}
	var buf [64]byte
	for i := 0; i < len(text); {
		j := i
		for j < len(text) && !strings.ContainsRune(" \n\r\t.,:;!?()\"", rune(text[j])) {
			j++
		}
		if n := j - i; n > 0 && n < 40 && !strings.ContainsAny(text[i:j], "0123456789@/") {
			w := append(token.Lower(append(buf[:0], '_'), text[i:j]), '_')
			if n < 9 {
				f(int(token.Hash(w) >> (64 - detectBits)))
			}
			for k := 0; k+3 <= len(w); k++ {
				f(int(token.Hash(w[k:k+3]) >> (64 - detectBits)))
			}
		}
		i = j + 1
	}
}

// Detect returns the language text is most likely written in; "sv" when
// nothing tells.
func (m *Model) Detect(text string) string {
	if m.detect == "" {
		return "sv"
	}
	var votes [len(languages)]int
	DetectRows(text, func(row int) {
		for i := range votes {
			votes[i] += int(int8(m.detect[row*len(languages)+i]))
		}
	})
	best := 0
	for i, v := range votes {
		if v > votes[best] {
			best = i
		}
	}
	return languages[best]
}
