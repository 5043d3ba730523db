package scan

import (
	"math/bits"
	"strings"
)

// language returns the scanner's language, or a guess from the first words of
// the text: enough to choose a number plan, made only when a reader asks.
func (p *pass) language() string {
	if p.lang != "" {
		return p.lang
	}
	if !p.guessed {
		p.guessed = true
		p.guess = guessLanguage(p.t)
	}
	return p.guess
}

// guessText is how much of a text is read for the guess.
const guessText = 400

var languages = [...]string{"sv", "en", "no", "da", "fi", "de"}

// wordTable finds short words by their bytes, packed into one number.
type wordTable [1024]struct {
	key   uint64 // 0: free
	votes uint64 // of a language's word: what it says for each, voteBits of them
}

// voteBits is how many bits the votes for a language take: guessText holds at
// most half as many words as bytes, of three votes each.
const voteBits = 10

func (t *wordTable) slot(key uint64) int {
	i := int(key * 0x9E3779B97F4A7C15 >> 54)
	for t[i].key != 0 && t[i].key != key {
		i = (i + 1) & (len(t) - 1)
	}
	return i
}

// wordKey packs a word of at most eight bytes into one number, the first lowest.
func wordKey(w string) (key uint64) {
	for i := len(w) - 1; i >= 0; i-- {
		key = key<<8 | uint64(w[i])
	}
	return key
}

// functionWords are words of at most eight bytes that are common in one of the
// languages and rare in the others.
var functionWords = func() *wordTable {
	t := &wordTable{}
	for k, list := range [...]string{
		"och att är jag inte för på från ni mig som hej vi har med när här eller också till det mitt",
		"the and is you to of i my for we please have with not hi are this your that was will it on from",
		"jeg ikke og er har det vi på for til med hei hilsen mvh dere fra meg skal noe etter også nå mye hva ble av",
		"jeg ikke og er har det vi på for til med hej hilsen jer fra mig skal noget efter også nu meget hvad blev af mvh kan",
		"ja on ei että minä se hei olen ole voi kun mutta niin vai mun sen joka kiitos oli ovat tai",
		"ich und die der das nicht ist ein eine mit zu auf von für bitte wir sie den habe haben mein es im bei",
	} {
		for _, w := range strings.Fields(list) {
			key := wordKey(w)
			s := &t[t.slot(key)]
			s.key = key
			s.votes |= 1 << (k * voteBits)
		}
	}
	for i := range t {
		if v := t[i].votes; v&(v-1) == 0 {
			t[i].votes = 3 * v // no other language has the word
		}
	}
	return t
}()

func guessLanguage(t string) string {
	if len(t) > guessText {
		t = t[:guessText]
	}
	var votes uint64
	for i := 0; i < len(t); {
		var x uint64 // the next eight bytes
		if i+8 <= len(t) {
			x = eight(t, i)
		} else {
			x = wordKey(t[i:])
		}
		n := bits.TrailingZeros64(notLetters(x)) / 8
		i += n + 1
		if n == 8 {
			if i--; i < len(t) && letter(t[i]) { // a long word
				for i < len(t) && letter(t[i]) {
					i++
				}
				continue
			}
		}
		// In small letters; what is behind the word falls away.
		key := (x | ^x>>2&0x2020202020202020) & (1<<(n*8) - 1)
		votes += functionWords[functionWords.slot(key)].votes
	}
	best, most := "", uint64(0)
	for k, language := range languages {
		if v := votes >> (k * voteBits) & (1<<voteBits - 1); v > most {
			best, most = language, v
		}
	}
	return best
}

// notLetters returns x with the top bit set in every byte that belongs to no word.
func notLetters(x uint64) uint64 {
	const ones = 0x0101010101010101
	const top = 0x80 * ones
	low := x&^top | 0x20*ones
	return ^(x | (low+(0x80-'a')*ones)&^(low+(0x80-'z'-1)*ones)) & top
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
