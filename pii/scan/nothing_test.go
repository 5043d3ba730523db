package scan

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// numbers returns made-up text of n numbers as people write them, small ones most
// of all, with words before and behind that make some of them somebody's.
func numbers(r *rand.Rand, n int) string {
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	var b strings.Builder
	for range n {
		b.WriteString(pick("den", "kl", "kl.", "Forsa", "Forsa-Böle", "PIN", "pinkod", "koden är", "kundnr", "ordernummer", "ärende", "Box", "OCR", "född", "f.", "IP", "HH-K", "AB", "ABC", "bilen ABC", "bilen", "SE", "GB", "lgh", "order", "på", "bankgiro", "pg", "konto", "faktura", "paket", "telefon", "EAN", "Å", "anna", "anna.berg", "i", "är", "March", "x", "\n"))
		b.WriteString(pick(" ", " ", " ", " ", "", " (", ": ", "-", "\n", "  "))
		a, c := r.IntN(10), r.IntN(40)
		b.WriteString(pick(fmt.Sprint(a), fmt.Sprint(c), fmt.Sprint(r.IntN(1000)), fmt.Sprint(r.IntN(100000)), fmt.Sprintf("%d/%d", c, a), fmt.Sprintf("%d/%d", c, c), fmt.Sprintf("%02d:%02d", c, a), fmt.Sprintf("%d:%d", a, c), fmt.Sprintf("%d.%02d", c, a),
			fmt.Sprintf("%d.%d.%d", a, c, a), fmt.Sprintf("%d.%d.%d", c, a, c), fmt.Sprintf("%02d.%02d.%02d", c, a, 50+c), fmt.Sprintf("%d-%02d-%02d", 1840+r.IntN(270), 1+a, c), fmt.Sprintf("%d.%d.%d.%d", a, c, a, a), fmt.Sprintf("%d %03d", c, r.IntN(1000)), fmt.Sprintf("%03d %03d", r.IntN(1000), r.IntN(1000)), fmt.Sprintf("%d/%d-91", a, a), "850822-9914", "1985", fmt.Sprint(100000+r.IntN(900000)), fmt.Sprintf("%02d%02d%02d", 50+r.IntN(50), 1+a, c), fmt.Sprint(1000000+r.IntN(9000000)), fmt.Sprint(r.IntN(1e9)), fmt.Sprint(100000000+r.IntN(9e8)), fmt.Sprint(r.Int64N(1e12)), fmt.Sprint(160000000000+r.Int64N(5e10)), "5805-6201", "58056201", "1234566", fmt.Sprint(r.Int64N(1e13)), fmt.Sprintf("%d, %d", a, 1950+c), fmt.Sprintf("%d,%02d", r.IntN(300), c), "7\x005103171764", "4242 4282 9363 4260", "4242 4282 9363 4261", fmt.Sprintf("%s-%0*d", pick("A", "QX", "BE", "KND", "ABC", "NR", "MXPQ"), 3+r.IntN(5), r.IntN(100000)), fmt.Sprintf("%d.%d.%d.%d", r.IntN(260), r.IntN(260), r.IntN(260), a), fmt.Sprintf("BKT %03d", r.IntN(1000))))
		b.WriteString(pick(" ", " ", ". ", ", ", ") ", "\n", " kr ", "%", " st. ", " maj 1991 ", ". maj 91 ", "th of May 2001 ", " oktober ", " B ", " B. ", " Ba ", "B ", ":", ": ", "::1 ", "@example.se ", "@ ", "= ", " CDE ", "? ", "!a", " T220 ", "!"))
	}
	return b.String()
}

// S32: what is passed over or read at a glance is what the readers make of it, and
// leaves the words read as they do.
func TestS32_PassedOverIsNothing(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(9, 10))
	asked, passed, read := 0, 0, 0
	for _, lang := range []string{"", "sv", "de", "en"} {
		s := New(lang, 0.1)
		for range 5000 {
			text := numbers(r, 1+r.IntN(6))
			var quick, slow pass
			for _, p := range []*pass{&quick, &slow} {
				p.Scanner, p.t = s, text
				p.cues.pos = -1
				p.masks.read(text, 0)
			}
			for i := 0; i < min(len(text), known); i++ {
				if !digit(text[i]) || i > 0 && digit(text[i-1]) || i < quick.done {
					continue
				}
				asked++
				end := quick.nothing(i)
				found := len(slow.dst)
				want := slow.number(i)
				if end == 0 {
					quick.number(i)
				} else if passed++; want != end || !slices.Equal(quick.dst[found:], slow.dst[found:]) {
					t.Fatalf("%q: from %d to %d at a glance with %+v, the readers go to %d with %+v", text, i, end, quick.dst[found:], want, slow.dst[found:])
				} else if len(quick.dst) > found {
					read++
				}
				if quick.cues != slow.cues || quick.done != slow.done {
					t.Fatalf("%q at %d: the readers went by %+v, what was passed over by %+v", text, i, slow.cues, quick.cues)
				}
			}
		}
	}
	if passed < asked/20 {
		t.Errorf("%d of %d numbers were passed over", passed, asked)
	}
	if read < asked/1000 {
		t.Errorf("%d of %d numbers were read at a glance", read, asked)
	}
}

// S32: where a date is read, dateMay had said that one may be.
func TestS32_DatesAreLookedFor(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(11, 12))
	dates := 0
	for range 15000 {
		p := pass{Scanner: New("", 0.5), t: numbers(r, 1+r.IntN(3))}
		p.masks.read(p.t, 0)
		for i := range len(p.t) {
			if !digit(p.t[i]) || i > 0 && digit(p.t[i-1]) || !p.ph.read(p.t, i, p.masks.digitsAt(i)) {
				continue
			}
			for g := range p.ph.n {
				gr := &p.ph.group[g]
				c := &candidate{base: i, g: g, start: i + int(gr.start), end: i + int(gr.end), from: p.ph.from(g)}
				_, ok := p.readDate(c)
				if !ok {
					_, _, ok = p.monthFirst(c)
				}
				if ok {
					dates++
					if !p.dateMay(c) {
						t.Fatalf("%q: a date at %d, and dateMay says none", p.t, c.start)
					}
				}
			}
		}
	}
	if dates < 500 {
		t.Errorf("only %d dates in all texts", dates)
	}
}

// S32: the words of a guess at the language, found eight bytes at a time, are
// those found byte by byte.
func TestS32_WordsOfTheGuess(t *testing.T) {
	t.Parallel()
	slow := func(t string) string {
		var votes [len(languages)]uint64
		for _, w := range strings.FieldsFunc(strings.ToLower(t[:min(len(t), guessText)]), func(r rune) bool { return r < 0x80 && !letter(byte(r)) }) {
			if len(w) <= 8 {
				for k := range votes {
					votes[k] += functionWords[functionWords.slot(wordKey(w))].votes >> (k * voteBits) & 7
				}
			}
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
	r := rand.New(rand.NewPCG(13, 14))
	words := strings.Fields("och att är JAG inte för the And is you jeg ikke og hva meget ja on että minä kiitos ich und für bitte 17 a,b möjligt Kundnummer återkomma, uppkopplingen :: 8 abcdefgh mvh.")
	seen := map[string]int{}
	for range 20000 {
		var b strings.Builder
		for range r.IntN(12) {
			b.WriteString(words[r.IntN(len(words))])
			b.WriteString([]string{" ", " ", "\n", ", ", ""}[r.IntN(5)])
		}
		text := b.String()
		want := slow(text)
		seen[want]++
		if got := guessLanguage(text); got != want {
			t.Fatalf("%q: %q, want %q", text, got, want)
		}
	}
	if len(seen) != len(languages)+1 {
		t.Errorf("guessed only %v", seen)
	}
}
