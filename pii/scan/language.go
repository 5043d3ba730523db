package scan

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
const guessText = 2000

var languages = [...]string{"sv", "en", "no", "da", "fi", "de"}

// function words that are common in one of the languages and rare in the others.
var functionWords = func() map[string]uint8 {
	m := map[string]uint8{}
	for i, list := range [...]string{
		"och att är jag inte för på från ni mig som hej vi har med är och att inte när här eller också till det mitt",
		"the and is you to of i my for we please have with not hi are this your that was will it on from",
		"jeg ikke og er har det vi på for til med hei hilsen mvh dere ikke fra meg skal noe etter også nå mye hva ble av",
		"jeg ikke og er har det vi på for til med hej hilsen jer ikke fra mig skal noget efter også nu meget hvad blev af mvh kan har",
		"ja on ei että minä se hei olen ole voi kun mutta niin vai terveisin mun sen joka kiitos oli ovat tai",
		"ich und die der das nicht ist ein eine mit zu auf von für bitte wir sie den habe haben mein grüße es im bei",
	} {
		start := 0
		for j := 0; j <= len(list); j++ {
			if j == len(list) || list[j] == ' ' {
				m[list[start:j]] |= 1 << i
				start = j + 1
			}
		}
	}
	return m
}()

func guessLanguage(t string) string {
	if len(t) > guessText {
		t = t[:guessText]
	}
	var votes [len(languages)]int
	var buf [12]byte
	n := 0
	for i := 0; i <= len(t); i++ {
		if i < len(t) && letter(t[i]) {
			if n < len(buf) {
				c := t[i]
				if c >= 'A' && c <= 'Z' {
					c |= 0x20
				}
				buf[n] = c
			}
			n++
			continue
		}
		if n > 0 && n <= len(buf) {
			if set := functionWords[string(buf[:n])]; set != 0 {
				for k := range votes {
					if set&(1<<k) != 0 {
						votes[k] += 1 + b2i(set&(set-1) == 0)*2
					}
				}
			}
		}
		n = 0
	}
	best := -1
	for k, v := range votes {
		if v > 0 && (best < 0 || v > votes[best]) {
			best = k
		}
	}
	if best < 0 {
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
