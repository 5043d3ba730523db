package scan

import "strings"

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
	key uint64
	set uint8 // bit k: language k
}

func (t *wordTable) slot(key uint64) int {
	i := int(key * 0x9E3779B97F4A7C15 >> 54)
	for t[i].key != 0 && t[i].key != key {
		i = (i + 1) & (len(t) - 1)
	}
	return i
}

// wordKey packs a word of at most eight bytes into one number.
func wordKey(w string) (key uint64) {
	for i := 0; i < len(w); i++ {
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
			s.set |= 1 << k
		}
	}
	return t
}()

func guessLanguage(t string) string {
	if len(t) > guessText {
		t = t[:guessText]
	}
	var votes [len(languages)]int
	var key uint64
	n := 0
	for i := 0; i <= len(t); i++ {
		if i < len(t) && letter(t[i]) {
			c := t[i]
			if c < 0x80 {
				c |= 0x20
			}
			key = key<<8 | uint64(c)
			n++
			continue
		}
		if n > 0 && n <= 8 {
			if set := functionWords[functionWords.slot(key)].set; set != 0 {
				weight := 1
				if set&(set-1) == 0 {
					weight = 3
				}
				for k := range votes {
					votes[k] += weight * int(set>>k&1)
				}
			}
		}
		n, key = 0, 0
	}
	best := 0
	for k, v := range votes {
		if v > votes[best] {
			best = k
		}
	}
	if votes[best] == 0 {
		return ""
	}
	return languages[best]
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
