package scan

import (
	"math/bits"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/pii/checkdigit"
)

// number reads everything that can begin with the digit at t[i] and returns
// where the pass goes on.
func (p *pass) number(i int) int {
	ph := &p.ph
	digits := p.masks.digitsAt(i)
	// Beside a letter, or with one behind, it is an address or an account rather
	// than a phrase. What stands alone is one of these seldom.
	early := !passwordEdge[p.at0(i-1)] || hexMark[p.at0(i+bits.TrailingZeros64(^digits))]
	if early {
		if next, ok := p.lettered(i, true); ok {
			return next
		}
	}
	fits := ph.read(p.t, i, digits)
	ph.quiet = !early && fits && p.quiet(i)
	if !early {
		// With no letter joined to it and no colon, only pairs and fours are in hexadecimal.
		pairs := !ph.quiet || ph.kinds&sepColon != 0 || p.at0(ph.end) == ':' ||
			ph.n >= 6 && ph.lens[0] == 2 && ph.kinds&sepDash != 0 || ph.n >= 3 && ph.lens[0] == 4 && ph.kinds&sepDot != 0
		if next, ok := p.lettered(i, pairs); ok {
			return next
		}
	}
	if !fits {
		return ph.end
	}
	p.dated.asked = false
	for g := 0; g < ph.n; {
		if start := i + int(ph.group[g].start); start < p.done {
			g++
			continue
		}
		end, ok := p.group(i, g)
		if !ok {
			g++
			continue
		}
		if end >= ph.end {
			return end
		}
		for g < ph.n && i+int(ph.group[g].start) < end {
			g++
		}
	}
	return ph.end
}

// lettered reads what digits and letters are mixed in from the digit at t[i] on:
// an address in hexadecimal, when it may be one, or an IBAN.
func (p *pass) lettered(i int, hexadecimal bool) (end int, ok bool) {
	if hexadecimal && p.hexLike(i) {
		if end, ok = p.hexForms(i); ok {
			return end, ok
		}
	}
	if p.countryBefore(i) {
		return p.iban(i)
	}
	return 0, false
}

// quiet reports whether nothing but digits and ASCII separators can belong to the
// phrase that begins at i, as most numbers are written: a space, a bracket or the
// like on both sides, or the full stop of a sentence behind. No letter is joined
// to it, and it is no part of a password.
func (p *pass) quiet(i int) bool {
	if before := p.at0(i - 1); p.ph.odd || !passwordEdge[before] {
		return false
	}
	after := p.at0(p.ph.end)
	return passwordEdge[after] || after == '.' && p.at0(p.ph.end+1) <= ' '
}

// countryBefore reports whether two letters of the alphabet, and no third, stand
// before the digit at t[i], directly or behind a space.
func (p *pass) countryBefore(i int) bool {
	if i >= 2 && p.t[i-1] == ' ' {
		i--
	}
	return i >= 2 && alpha[p.t[i-1]]&alpha[p.t[i-2]] != 0 && (i == 2 || alpha[p.t[i-3]] == 0)
}

// candidate is a place in a phrase where a reader is asked.
type candidate struct {
	base, g    int
	start, end int    // of the group, in the text
	from       uint64 // see phrase.from
	letters    int    // how many letters of the alphabet stand before, four at most, a space or dash between
	glued      bool   // a letter stands directly before
	tail       bool   // the end of a token that begins with letters: "MV-2207419"
	dateless   bool   // no date begins with it, which has been looked into
}

// plate reports whether as many letters stand before c as on a plate.
func (c *candidate) plate() bool { return uint(c.letters-1) < 3 }

// to returns the offset in the text after group h.
func (p *pass) to(c *candidate, h int) int { return c.base + int(p.ph.group[h].end) }

// counts is the set of the numbers of digits from lo to hi, as phrase.from has them.
func counts(lo, hi uint) uint64 { return 1<<(hi+1) - 1<<lo }

// group asks the readers about group g of the phrase at base, the surest first.
// A reader is asked only about a number of a length that it knows: what most
// readers could never make anything of costs a test of one bit each.
func (p *pass) group(base, g int) (end int, ok bool) {
	ph := &p.ph
	gr := &ph.group[g]
	c := &candidate{base: base, g: g, start: base + int(gr.start), end: base + int(gr.end), from: ph.from(g)}
	last := g == ph.n-1
	n := gr.len()
	switch {
	case ph.quiet:
		if g == 0 && c.start > 0 && p.t[c.start-1] == ' ' {
			c.letters = p.lettersBefore(c.start, false)
		}
	case g == 0 && c.start > 0:
		b := p.t[c.start-1]
		c.glued = b >= '0' && p.wordBefore(c.start)
		c.letters = p.lettersBefore(c.start, c.glued)
		if tailSign[b] {
			if c.tail = p.wordBefore(c.start - 1); c.tail {
				if end, ok = p.vehicle(c); !ok {
					end, ok = p.byCue(c)
				}
				if ok || b != '/' && b != '.' {
					return end, ok
				}
			}
		}
	}
	if !ph.quiet && (c.glued || last && p.wordAfter(c.end)) {
		if n == 6 && !c.glued { // "131052A308T": the sign is a letter
			if end, ok = p.finnish(c); ok {
				return end, ok
			}
		}
		if end, ok = p.mixed(c); ok || c.glued {
			return end, ok
		}
	}
	if c.letters == 2 && (n == 6 || n == 2 && ph.shape3(g, 2, 2, 2)) {
		if end, ok = p.insurance(c); ok {
			return end, ok
		}
	}
	c.dateless = !p.dateMay(c)
	if ph.n == 1 && n <= 2 { // "kl 14", "3 dagar": at most the day of a date, or a plate's digits
		if c.plate() && p.plateMay(c) {
			if end, ok = p.vehicle(c); ok {
				return end, ok
			}
		}
		if c.dateless {
			return 0, false
		}
		return p.birth(c)
	}
	next := sep(0)
	if !last {
		next = ph.group[g+1].sep
	}
	if next == sepDot && g+3 < ph.n {
		if end, ok = p.ipv4(c); ok {
			return end, ok
		}
	}
	zero := ph.digits[gr.first] == '0'
	if c.from>>7 != 0 && (zero || c.start > 0 && p.t[c.start-1] == '+') {
		if end, ok = p.plusPhone(c); ok {
			return end, ok
		}
	}
	dialled := c.from&counts(7, 12) != 0
	area := dialled && zero && (n == 3 || n == 4) && !last
	if area { // no identity number begins with a group like an area code
		if end, ok = p.phone(c); ok {
			return end, ok
		}
	}
	if c.from&counts(10, 12) != 0 || (n == 6 || n == 8) && p.signMay(c.end) {
		if end, ok = p.identity(c); ok {
			return end, ok
		}
	}
	if c.from&counts(11, 19) != 0 {
		if end, ok = p.long(c); ok {
			return end, ok
		}
	}
	if !c.dateless {
		if end, ok = p.birth(c); ok {
			return end, ok
		}
		if h := g + 2; h < ph.n && (ph.shape3(g, 4, 2, 2) || ph.shape3(g, 2, 2, 4)) && ph.group[g+1].sep == ph.group[h].sep {
			if end, ok = p.date(c); ok { // a date that is nobody's birthday
				return end, ok
			}
		}
	}
	if dialled && !area && (zero || c.from>>8&1 != 0 || ph.shape3(g, 3, 3, 4)) {
		if end, ok = p.phone(c); ok {
			return end, ok
		}
	}
	if (c.from&counts(5, 16) != 0 || ph.kinds&sepDash != 0) && (!last || n >= 6) {
		if end, ok = p.account(c); ok {
			return end, ok
		}
	}
	if c.plate() && p.plateMay(c) && p.noPlate != c.start {
		if end, ok = p.vehicle(c); ok {
			return end, ok
		}
	}
	if next == sepColon {
		if end, ok = p.property(c); ok {
			return end, ok
		}
	}
	return p.byCue(c)
}

// signMay reports whether what stands at i can be the sign between the date of an
// identity number and the rest of it: a letter, or '+', '-' and the like.
func (p *pass) signMay(i int) bool {
	b := p.at0(i)
	return b == '-' || b == '+' || letter(b) || b == ' ' && letter(p.at0(i+1))
}

// tailSign holds the signs that join a number to letters before it.
var tailSign = [256]bool{'-': true, '/': true, '_': true, '.': true, '#': true}

// lettersBefore counts the letters of the alphabet before a number at t[i], up
// to four: directly before it when glued, else behind one space or dash.
func (p *pass) lettersBefore(i int, glued bool) int {
	t := p.t
	if !glued {
		if t[i-1] != ' ' && t[i-1] != '-' {
			return 0
		}
		i--
	}
	if i < 4 {
		n := 0
		for n < i && asciiLetter(t[i-1-n]) {
			n++
		}
		return n
	}
	a := alpha[t[i-1]]
	b := a & alpha[t[i-2]]
	c := b & alpha[t[i-3]]
	return int(a + b + c + c&alpha[t[i-4]])
}

// alpha is 1 for the letters of the alphabet.
var alpha = func() (t [256]uint8) {
	for c := range t {
		t[c] = uint8(b2i(asciiLetter(byte(c))))
	}
	return t
}()

// identity reads the identity numbers of persons and firms that a check digit
// or a date gives away.
func (p *pass) identity(c *candidate) (end int, ok bool) {
	n := p.ph.group[c.g].len()
	if n == 6 {
		if end, ok = p.finnish(c); ok {
			return end, ok
		}
	}
	if c.from&(1<<10|1<<12) != 0 {
		if end, ok = p.swedish(c); ok {
			return end, ok
		}
	}
	if n == 6 || n == 8 {
		if end, ok = p.interim(c); ok {
			return end, ok
		}
	}
	if c.from&(1<<10) != 0 {
		if end, ok = p.danish(c); ok {
			return end, ok
		}
	}
	if c.from&(1<<11) != 0 {
		return p.norwegian(c)
	}
	return 0, false
}

// swedish reads personnummer, samordningsnummer and organisation numbers.
//
// A personnummer needs its date and check digit, whatever its form. A
// samordningsnummer written as ten digits in a row needs a word about persons
// near it as well: one order number in 300 looks like one otherwise. An
// organisation number needs its dash or a word, being one number in 12.
func (p *pass) swedish(c *candidate) (end int, ok bool) {
	ph := &p.ph
	for _, n := range [2]int{12, 10} {
		h, fits := ph.upTo(c.g, n)
		if !fits || h-c.g > 4 || !ph.seps(c.g, h, sepSpace|sepDash|sepPlus|sepSlash|sepWide|sepDot) || !p.swedishShape(c.g, h, n) || p.continues(c, h) {
			continue
		}
		d := ph.span(c.g, h)
		kind := checkdigit.SwedishNumber(d)
		if kind == checkdigit.NotSwedish {
			continue
		}
		bare := h == c.g
		end := p.to(c, h)
		if kind == checkdigit.Personnummer && !bare && (n == 12 || !checkdigit.Danish(d)) {
			return p.add(c.start, end, gallra.CategoryPersonnummer, certain, "personnummer/date+luhn"), true
		}
		before := p.before(c.start)
		neg := p.against(c.start, cueInvoice|cueTracking|cueArticle|cueCustomer)
		own := before.nearest(cuePersonnummer)
		switch kind {
		case checkdigit.Personnummer, checkdigit.Samordningsnummer:
			if own < neg {
				return p.add(c.start, end, gallra.CategoryPersonnummer, certain, "personnummer/word+date+luhn"), true
			}
			if before.nearest(cueDanish|cueFinnish) < 30 {
				continue
			}
			if before.nearest(cuePhone) < 24 && bare && n == 10 && d[0] == '0' {
				continue
			}
			if kind == checkdigit.Personnummer {
				if bare && neg < 16 && n == 10 {
					if p.against(c.start, cueInvoice|cueTracking|cueArticle) == neg { // one reference in 300 looks like one
						if p.threshold > doubtful {
							continue
						}
						return p.add(c.start, end, gallra.CategoryPersonnummer, doubtful, "personnummer/date+luhn, a reference by its word"), true
					}
					return p.add(c.start, end, gallra.CategoryPersonnummer, 0.5, "personnummer/date+luhn, beside a reference word"), true
				}
				return p.add(c.start, end, gallra.CategoryPersonnummer, certain, "personnummer/date+luhn"), true
			}
			switch {
			case !bare && ph.group[h].len() == 4:
				return p.add(c.start, end, gallra.CategoryPersonnummer, 0.9, "samordningsnummer/form+luhn"), true
			case n == 12 && p.against(c.start, cueInvoice|cueTracking|cueArticle) > 16:
				return p.add(c.start, end, gallra.CategoryPersonnummer, 0.9, "samordningsnummer/century+luhn"), true
			case bare && d[0] == '0' && d[1] == '7':
				continue // a mobile number
			case p.at0(c.start-1) == '(' && p.at0(end) == ')',
				p.against(c.start, cueInvoice|cueTracking|cueArticle) > 30 && (before.nearest(cueCustomer) > 12 || p.sentenceStart(c.start)) && p.farBefore(c.start).within(wideWindow, cuePerson|cueNorwegian):
				return p.add(c.start, end, gallra.CategoryPersonnummer, likely, "samordningsnummer/word near+luhn"), true
			default:
				if p.threshold <= doubtful {
					return p.add(c.start, end, gallra.CategoryPersonnummer, doubtful, "samordningsnummer/luhn"), true
				}
			}
		case checkdigit.Organisation:
			if p.against(c.start, cueInvoice|cueTracking|cueArticle) < min(16, before.nearest(cueOrg)) {
				continue
			}
			if before.within(30, cueOrg) {
				return p.add(c.start, end, gallra.CategoryOrgNumber, certain, "org_number/word+luhn"), true
			}
			if h == c.g+1 && ph.group[h].sep == sepDash && ph.group[h].len() == 4 && p.against(c.start, cueCustomer|cueAccount|cuePhone) > 16 {
				return p.add(c.start, end, gallra.CategoryOrgNumber, 0.9, "org_number/form+luhn"), true
			}
		}
	}
	return 0, false
}

// swedishShape reports whether groups g to h split a number of n digits where
// people split it.
func (p *pass) swedishShape(g, h, n int) bool {
	ph := &p.ph
	if h == g {
		return true
	}
	if ph.group[h].len() != 4 {
		return false
	}
	switch h - g {
	case 1: // 8-4, 6-4
		return true
	case 2: // 19 890426-9860, 198904 26-9860, 8904 26-9860
		return ph.group[g].len()%2 == 0 && ph.group[g].len() != 4 || n == 10 && ph.group[g].len() == 4
	case 3: // 1989 04 26 9860, 89 04 26-9860
		return ph.group[g+1].len() == 2 && ph.group[g+2].len() == 2
	case 4: // 19 89 04 26 9860
		return ph.group[g].len() == 2 && ph.group[g+1].len() == 2 && ph.group[g+2].len() == 2
	}
	return false
}

// continues reports whether the number that ends with group h goes on: a digit
// group tied to it by a sign, or a letter.
func (p *pass) continues(c *candidate, h int) bool {
	ph := &p.ph
	if h+1 < ph.n {
		if ph.group[h+1].sep&(sepDash|sepDot|sepSlash|sepColon) != 0 {
			return ph.group[h+1].sep != sepDot || ph.group[h+1].len() < 6
		}
		return false
	}
	if ph.quiet {
		return false
	}
	end := p.to(c, h)
	if p.wordAfter(end) {
		return true
	}
	b := p.at0(end)
	return (b == '-' || b == '_') && p.wordAfter(end+1)
}

// interim reads interim numbers: a letter stands for the first digit of the
// birth number ("000101-T220").
func (p *pass) interim(c *candidate) (end int, ok bool) {
	ph := &p.ph
	n := ph.group[c.g].len()
	if n != 6 && n != 8 {
		return 0, false
	}
	i := c.end
	if b := p.at0(i); b == '-' || b == '+' || b == ' ' {
		i++
	}
	switch p.at0(i) | 0x20 {
	case 't', 'r', 's', 'u', 'w', 'x', 'j', 'k', 'l', 'm', 'n':
	default:
		return 0, false
	}
	if i+4 > len(p.t) || !digit(p.t[i+1]) || !digit(p.t[i+2]) || !digit(p.t[i+3]) || p.wordAfter(i+4) || c.g != ph.n-1 && i != c.end+1 {
		return 0, false
	}
	var buf [12]byte
	d := append(buf[:0], ph.span(c.g, c.g)...)
	d = append(d, '1', p.t[i+1], p.t[i+2], p.t[i+3])
	if checkdigit.SwedishNumber(d) != checkdigit.Personnummer {
		return 0, false
	}
	score := float32(0.9)
	if i == c.end && !p.before(c.start).within(40, cuePersonnummer) {
		score = doubtful
	}
	return p.add(c.start, i+4, gallra.CategoryPersonnummer, score, "personnummer/interim+luhn"), score >= p.threshold
}

// finnish reads a henkilötunnus: date, century sign, number, check character.
func (p *pass) finnish(c *candidate) (end int, ok bool) {
	ph := &p.ph
	if ph.group[c.g].len() != 6 || c.end+5 > len(p.t) {
		return 0, false
	}
	t := p.t
	sign := t[c.end]
	if sign >= 'a' && sign <= 'z' {
		sign -= 0x20
	}
	n := c.end + 1
	if sign == 0xE2 && c.end+7 <= len(t) && t[c.end+1] == 0x80 && t[c.end+2] == 0x93 {
		sign, n = '-', c.end+3
	}
	if !digit(t[n]) || !digit(t[n+1]) || !digit(t[n+2]) || n+4 > len(t) {
		return 0, false
	}
	check := t[n+3]
	if check >= 'a' && check <= 'z' {
		check -= 0x20
	}
	number := [3]byte{t[n], t[n+1], t[n+2]}
	if p.wordAfter(n+4) || !checkdigit.Finnish(ph.span(c.g, c.g), sign, number[:], check) {
		return 0, false
	}
	if digit(check) && (sign == '-' || sign == '+') { // the form of a Swedish number
		before := p.farBefore(c.start)
		if !before.within(60, cueFinnish) && p.language() != "fi" {
			var buf [10]byte
			d := append(append(buf[:0], ph.span(c.g, c.g)...), number[0], number[1], number[2], check)
			if k := checkdigit.SwedishNumber(d); k != checkdigit.NotSwedish {
				return 0, false
			}
			if before.within(30, cueDanish) {
				return 0, false
			}
		}
	}
	return p.add(c.start, n+4, gallra.CategoryNationalID, certain, "hetu/date+mod31"), true
}

// danish reads a CPR number. Its check digit is not to be relied on since 2007,
// so it needs its dash or space, or a word.
func (p *pass) danish(c *candidate) (end int, ok bool) {
	ph := &p.ph
	h, fits := ph.upTo(c.g, 10)
	if !fits || h-c.g > 3 || h > c.g && ph.group[h].len() != 4 || !ph.seps(c.g, h, sepSpace|sepDash|sepWide) || p.continues(c, h) {
		return 0, false
	}
	if h > c.g+1 && !ph.shape4(c.g, 2, 2, 2, 4) {
		return 0, false
	}
	d := ph.span(c.g, h)
	if !checkdigit.Danish(d) {
		return 0, false
	}
	before := p.before(c.start)
	if before.within(40, cueDanish) {
		return p.add(c.start, p.to(c, h), gallra.CategoryNationalID, certain, "cpr/word+date"), true
	}
	if other := p.against(c.start, cueInvoice|cueTracking|cueArticle|cueCustomer|cueAccount|cuePhone) <= 24; h == c.g || other {
		if h == c.g && checkdigit.DanishMod11(d) && p.language() == "da" && !other {
			return p.add(c.start, p.to(c, h), gallra.CategoryNationalID, probable, "cpr/date+mod11"), true
		}
		return 0, false
	}
	if ph.group[h].sep == sepDash || p.language() == "da" {
		return p.add(c.start, p.to(c, h), gallra.CategoryNationalID, probable, "cpr/form+date"), true
	}
	return 0, false
}

// norwegian reads a fødselsnummer, D-number and the rest of that family. Two
// check digits suffice; the wider rule of 2032 needs a word.
func (p *pass) norwegian(c *candidate) (end int, ok bool) {
	ph := &p.ph
	h, fits := ph.upTo(c.g, 11)
	if !fits || h-c.g > 2 || h > c.g && ph.group[h].len() != 5 && !ph.shape3(c.g, 6, 3, 2) || !ph.seps(c.g, h, sepSpace|sepDash|sepDot) || p.continues(c, h) {
		return 0, false
	}
	if ph.shape3(c.g, 4, 2, 5) { // the form of an account
		return 0, false
	}
	d := ph.span(c.g, h)
	if !checkdigit.Norwegian(d) {
		return 0, false
	}
	before := p.before(c.start)
	switch {
	case before.within(40, cueNorwegian):
		return p.add(c.start, p.to(c, h), gallra.CategoryNationalID, certain, "fodselsnummer/word+mod11"), true
	case p.against(c.start, cueAccount|cueInvoice|cueTracking|cueCustomer|cueArticle) <= 20:
		return 0, false
	case checkdigit.NorwegianStrict(d):
		return p.add(c.start, p.to(c, h), gallra.CategoryNationalID, 0.95, "fodselsnummer/date+mod11"), true
	}
	return 0, false
}

// insurance reads a national insurance number of the United Kingdom, two
// letters, six digits and a letter from A to D ("QQ 12 34 56 C"), beside a word.
func (p *pass) insurance(c *candidate) (end int, ok bool) {
	ph := &p.ph
	h := c.g
	if !(ph.lens[h] == 6 || ph.shape3(h, 2, 2, 2) && ph.seps(h, h+2, sepSpace)) || c.glued && ph.lens[h] != 6 {
		return 0, false
	}
	if ph.lens[h] == 2 {
		h += 2
	}
	end = p.to(c, h)
	if p.at0(end) == ' ' {
		end++
	}
	start := c.start - 2
	if !c.glued {
		start--
	}
	if b := p.at0(end); h != ph.n-1 || b < 'A' || b > 'D' || p.wordAfter(end+1) || start < p.done || p.wordBefore(start) || p.t[start] < 'A' || p.t[start] > 'Z' || p.t[start+1] < 'A' || p.t[start+1] > 'Z' {
		return 0, false
	}
	if !p.farBefore(start).within(60, cueNationalID) {
		return 0, false
	}
	return p.add(start, end+1, gallra.CategoryNationalID, certain, "national_insurance/word+form"), true
}

// long reads the long numbers: cards, handsets, meter points, AHV, and other
// countries' identity numbers that have a form of their own.
func (p *pass) long(c *candidate) (end int, ok bool) {
	ph := &p.ph
	if h, fits := ph.upTo(c.g, 18); fits && h-c.g <= 6 && !p.continues(c, h) && checkdigit.MeterPoint(ph.span(c.g, h)) {
		return p.add(c.start, p.to(c, h), gallra.CategoryCustomerID, certain, "meter_point/gs1"), true
	}
	if c.from&(counts(13, 16)|counts(18, 19)) != 0 {
		if end, ok = p.card(c); ok {
			return end, ok
		}
	}
	if h, fits := ph.upTo(c.g, 15); fits && h-c.g <= 4 && ph.seps(c.g, h, sepSpace|sepDash) && !p.continues(c, h) && checkdigit.IMEI(ph.span(c.g, h)) {
		before := p.farBefore(c.start)
		if before.within(60, cueIMEI) {
			return p.add(c.start, p.to(c, h), gallra.CategoryDeviceID, certain, "imei/word+luhn"), true
		}
		if p.against(c.start, cueInvoice|cueTracking|cueArticle|cueCustomer|cueAccount|cueMoney) == far {
			return p.add(c.start, p.to(c, h), gallra.CategoryDeviceID, probable, "imei/body+luhn"), true
		}
	}
	if ph.shape4(c.g, 3, 4, 4, 2) && ph.seps(c.g, c.g+3, sepDot|sepSpace) && checkdigit.SwissAHV(ph.span(c.g, c.g+3)) {
		return p.add(c.start, p.to(c, c.g+3), gallra.CategoryNationalID, certain, "ahv/ean13"), true
	}
	if h, fits := ph.upTo(c.g, 11); fits && h-c.g <= 3 && ph.seps(c.g, h, sepSpace) && !p.continues(c, h) && checkdigit.GermanTaxID(ph.span(c.g, h)) && p.before(c.start).within(40, cueTaxID) {
		return p.add(c.start, p.to(c, h), gallra.CategoryNationalID, certain, "steuer_id/word+mod11,10"), true
	}
	return 0, false
}

// card reads a payment card: issuer range, length and Luhn, and either the
// grouping printed on the card or a word. A bare run is what OCR references
// look like too, so a word about invoices rules it out.
func (p *pass) card(c *candidate) (end int, ok bool) {
	ph := &p.ph
	if first := ph.digits[ph.group[c.g].first]; first < '2' || first > '6' { // no issuer's
		return 0, false
	}
	for _, n := range [...]int{16, 15, 19, 18, 14, 13} {
		h, fits := ph.upTo(c.g, n)
		if !fits || h-c.g > 4 || !ph.seps(c.g, h, sepSpace|sepDash|sepDot) || p.continues(c, h) {
			continue
		}
		d := ph.span(c.g, h)
		if !checkdigit.Card(d) {
			continue
		}
		score, rule := p.cardWords(c.start, ph.shape4(c.g, 4, 4, 4, 4) || ph.shape3(c.g, 4, 6, 5), h == c.g && n == 16 && d[0] != '6')
		switch {
		case score > 0:
			return p.cardCode(c, h, p.add(c.start, p.to(c, h), gallra.CategoryCard, score, rule)), true
		case rule != "":
			return 0, false
		}
	}
	return 0, false
}

// cardWords returns how sure it is, by the words before it, that a number with a
// card's digits is one: printed in its groups, or bare as most issuers' are. It is
// none, whatever else is tried, when a rule comes back without a score.
func (p *pass) cardWords(start int, printed, bare bool) (score float32, rule string) {
	before := p.farBefore(start)
	own, neg := before.nearest(cueCard), p.against(start, cueInvoice|cueTracking|cueArticle|cueIMEI)
	switch {
	case own < neg && own < 80:
		return certain, "card/word+luhn"
	case neg < 40:
		return 0, "no card"
	case printed:
		return 0.95, "card/form+luhn"
	case bare && p.against(start, cueCustomer|cueAccount) > 24:
		return 0.7, "card/issuer+luhn"
	}
	return 0, ""
}

// cardCode reports the security code that follows a card's number and expiry
// ("4242 … 09/27 318") and returns where the reading goes on.
func (p *pass) cardCode(c *candidate, h, end int) int {
	ph := &p.ph
	if !ph.shape3(h+1, 2, 2, 3) || ph.group[h+2].sep != sepSlash {
		return end
	}
	code := h + 3
	return p.add(c.base+int(ph.group[code].start), p.to(c, code), gallra.CategorySecret, likely, "secret/card code")
}

// sentenceStart reports whether a sentence or line begins at i.
func (p *pass) sentenceStart(i int) bool {
	if p.at0(i-1) == ' ' {
		i--
	}
	b := p.at0(i - 1)
	return b == '.' || b == '!' || b == '?' || b == '\n'
}
