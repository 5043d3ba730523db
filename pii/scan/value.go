package scan

import (
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/pii/checkdigit"
)

// birth reads a date that a word says someone was born on. A date of birth has
// a day; ages and years alone are none.
func (p *pass) birth(c *candidate) (end int, ok bool) {
	start := c.start
	end, ok = p.date(c)
	if !ok {
		if start, end, ok = p.monthFirst(c); !ok {
			return 0, false
		}
	}
	before := p.before(start)
	own := before.nearest(cueBirth)
	if before.within(3, cueBorn) {
		own = 0
	}
	if own > nearWindow || before.nearest(cueInvoice|cueCustomer|cueMoney) < own && own > 12 {
		return 0, false
	}
	return p.add(start, end, gallra.CategoryDateOfBirth, likely, "date_of_birth/word+date"), true
}

// monthFirst reads "March 4, 1979" around its day.
func (p *pass) monthFirst(c *candidate) (start, end int, ok bool) {
	ph := &p.ph
	if ph.group[c.g].len() > 2 || c.g+1 >= ph.n || ph.group[c.g+1].len() != 4 || p.at0(c.start-1) != ' ' {
		return 0, 0, false
	}
	start = c.start - 1
	for start > p.done && asciiLetter(p.t[start-1]) {
		start--
	}
	if start == c.start-1 {
		return 0, 0, false
	}
	if e, ok := p.month(start); !ok || e != c.start-1 {
		return 0, 0, false
	}
	return start, p.to(c, c.g+1), true
}

// dateMay reports whether a date can begin with group c.g, or its day stand there:
// by the lengths of the groups, and by what follows a day alone. Few numbers pass.
func (p *pass) dateMay(c *candidate) bool {
	lens := p.ph.four(c.g)
	l0, l1, l2 := lens&0xFF, lens>>8&0xFF, lens>>16&0xFF
	switch l0 {
	case 1, 2:
		if l1 > 0 && l1 <= 2 && (l2 == 2 || l2 == 4) || l1 == 4 {
			return true
		}
		return monthMay(p.t[c.end:])
	case 4:
		return l1 > 0 && l1 <= 2 && l2 > 0 && l2 <= 2
	}
	return l0 == 6 || l0 == 8
}

// monthMay reports whether the name of a month can stand at the beginning of s, a
// sign of an ordinal, a full stop and spaces before it.
func monthMay(s string) bool {
	if len(s) < 3 {
		return false
	}
	i := 0
	switch {
	case s[0] == ' ':
		i = 1 + b2i(s[1] == ' ')
	case s[0] == '.':
		i = 1
		for i < 3 && s[i] == ' ' && i < len(s)-1 {
			i++
		}
	default:
		return letter(s[0]) || s[0] == ':' && (s[1] == 'e' || s[1] == 'a')
	}
	if i+2 >= len(s) {
		return false
	}
	s = s[i:]
	key, heads := uint(0), uint32(0)
	for n, j := 0, 0; n < 3; n++ {
		if j >= len(s) {
			return false
		}
		sym, size := folded[s[j]], 1
		if s[j] >= 0x80 {
			sym, size = foldAt(s, j)
		}
		if n == 0 {
			heads = monthHeads[sym]
		} else if n == 1 && heads>>sym&1 == 0 {
			return false
		}
		key = key<<5 | uint(sym)
		j += size
	}
	return months[key] || s[:3] == "of "
}

// monthHeads holds the first two letters of the months, and of "of" that stands
// before some: by the first a bit for the second.
var monthHeads = func() (t [symbols]uint32) {
	for _, m := range strings.Fields(monthNames + " of") {
		t[folded[m[0]]] |= 1 << folded[m[1]]
	}
	return t
}()

// dated is what date answered last: several readers ask about one candidate.
type dated struct {
	start, end int
	ok, asked  bool
}

// date reads a date from group c.g on in any of the ways it is written and
// returns where it ends.
func (p *pass) date(c *candidate) (end int, ok bool) {
	if !p.dated.asked || p.dated.start != c.start {
		end, ok = p.readDate(c)
		p.dated = dated{c.start, end, ok, true}
	}
	return p.dated.end, p.dated.ok
}

func (p *pass) readDate(c *candidate) (end int, ok bool) {
	ph := &p.ph
	// The lengths of three groups; 0 where there are none.
	lens := ph.four(c.g)
	l0, l1, l2 := int(lens&0xFF), int(lens>>8&0xFF), int(lens>>16&0xFF)
	const seps = sepDash | sepSlash | sepDot | sepSpace | sepDotSpace
	if l1 > 0 && l1 <= 2 && l2 > 0 {
		switch {
		case l0 == 4 && l2 <= 2 && ph.seps(c.g, c.g+2, seps):
			if y := ph.number(c.g); y > 1850 && y < 2100 && checkdigit.Date(y, ph.number(c.g+1), ph.number(c.g+2)) {
				return p.to(c, c.g+2), true
			}
		case l0 <= 2 && (l2 == 4 || l2 == 2) && ph.seps(c.g, c.g+2, seps|sepWide):
			a, b, y := ph.number(c.g), ph.number(c.g+1), ph.number(c.g+2)
			if l2 == 4 && (y < 1850 || y > 2100) {
				return 0, false
			}
			if checkdigit.Date(y, b, a) || checkdigit.Date(y, a, b) || l0 == 2 && l2 == 2 && checkdigit.Date(a, b, y) {
				return p.to(c, c.g+2), true
			}
		}
	}
	switch {
	case l0 <= 2:
		if !monthMay(p.t[c.end:]) {
			return 0, false
		}
		return p.namedDate(c, ph.number(c.g))
	case l0 == 8:
		d := ph.number(c.g)
		if y := d / 10000; y > 1850 && y < 2100 && checkdigit.Date(y, d/100%100, d%100) {
			return c.end, true
		}
	case l0 == 6:
		d := ph.number(c.g)
		if checkdigit.Date(d/10000, d/100%100, d%100) || checkdigit.Date(d%100, d/100%100, d/10000) {
			return c.end, true
		}
	}
	return 0, false
}

// months are the first three letters of the months in the languages read, as
// symbols of the folded alphabet, five bits each.
var months = func() (t [1 << 15]bool) {
	for _, m := range strings.Fields(monthNames) {
		t[uint(folded[m[0]])<<10|uint(folded[m[1]])<<5|uint(folded[m[2]])] = true
	}
	return t
}()

const monthNames = "jan feb mar apr maj may mai jun jul aug sep okt oct nov dec des dez " +
	"tam hel maa huh tou kes hei elo syy lok jou"

// month returns where the month's name at t[i] ends.
func (p *pass) month(i int) (end int, ok bool) {
	key := uint(0)
	n := 0
	j := i
	for j < len(p.t) && n < 16 {
		sym, size := folded[p.t[j]], 1
		if p.t[j] >= 0x80 {
			sym, size = foldAt(p.t, j)
		}
		if sym == 0 {
			break
		}
		if n < 3 {
			key = key<<5 | uint(sym)
		} else if n == 3 && !months[key] {
			return j, false
		}
		n++
		j += size
	}
	return j, n >= 3 && n <= 12 && months[key]
}

// namedDate reads "4 april 1991", "3. heinäkuuta 1988", "9th Feb 2019" and
// "March 4, 1979" around a day of one or two digits.
func (p *pass) namedDate(c *candidate, day int) (end int, ok bool) {
	if day < 1 || day > 31 {
		return 0, false
	}
	i := c.end
	if s := p.t[i:]; len(s) > 2 && (s[:2] == "st" || s[:2] == "nd" || s[:2] == "rd" || s[:2] == "th" || s[:2] == ":e" || s[:2] == ":a") {
		i += 2
	}
	if p.at0(i) == '.' {
		i++
	}
	for n := 0; p.at0(i) == ' ' && n < 2; n++ {
		i++
	}
	if len(p.t) > i+3 && p.t[i:i+3] == "of " {
		i += 3
	}
	j, ok := p.month(i)
	if !ok {
		return 0, false
	}
	if p.at0(j) == '.' || p.at0(j) == ',' {
		j++
	}
	for p.at0(j) == ' ' || p.at0(j) == '-' || p.at0(j) == '\'' {
		j++
	}
	k := j
	for k < len(p.t) && digit(p.t[k]) {
		k++
	}
	if k-j == 4 && (p.t[j:j+2] == "18" || p.t[j:j+2] == "19" || p.t[j:j+2] == "20") || k-j == 2 {
		return k, true
	}
	return 0, false
}

// plateMay reports whether the digits at c, with the letters before them, can have
// the form of a plate, German ones apart from those by the dash before the letters.
func (p *pass) plateMay(c *candidate) bool {
	n := p.ph.group[c.g].len()
	switch after := p.at0(c.end); {
	case c.letters == 3 && (n == 3 || n == 2 && asciiLetter(after)),
		c.letters == 2 && (n == 4 || n == 5 || n == 2 && (after == ' ' || asciiLetter(after))):
		return true
	}
	return c.letters <= 2 && !c.glued && p.at0(c.start-2-c.letters) == '-'
}

// vehicle reads a plate whose letters stand before the digits at c. Every
// three-letter plate needs a word: "ABC 123" is a product name as well.
func (p *pass) vehicle(c *candidate) (end int, ok bool) {
	if !c.plate() {
		return 0, false
	}
	n := p.ph.group[c.g].len()
	if n < 1 || n > 6 || c.start < 3 {
		return 0, false
	}
	i := c.start
	if !c.glued {
		i--
	}
	start := i - c.letters
	if c.letters <= 2 && !c.glued && p.at0(start-1) == '-' {
		return p.germanPlate(c)
	}
	letters := c.letters
	if letters < 2 || start < p.done || p.wordBefore(start) || p.at0(start-1) == '-' || p.at0(start-1) == '.' || p.at0(start-1) == '@' {
		return 0, false
	}
	end = c.end
	switch {
	case letters == 3 && n == 3: // SE, FI
	case letters == 3 && n == 2 && asciiLetter(p.at0(end)) && p.at0(end)|0x20 != 'o':
		end++ // SE since 2019
	case letters == 2 && n >= 4 && n <= 5: // NO, DK
	case letters == 2 && n == 2 && p.at0(end) == ' ' && asciiLetter(p.at0(end+1)) && asciiLetter(p.at0(end+2)) && asciiLetter(p.at0(end+3)):
		end += 4 // GB
	case letters == 2 && n == 2 && asciiLetter(p.at0(end)) && asciiLetter(p.at0(end+1)) && asciiLetter(p.at0(end+2)):
		end += 3
	case letters == 2 && n == 2 && p.ph.shape2(c.g, 2, 3) && p.ph.group[c.g+1].sep == sepSpace: // DK "CX 48 213"
		end = p.to(c, c.g+1)
	default:
		return 0, false
	}
	if p.wordAfter(end) || p.at0(end) == '-' && (digit(p.at0(end+1)) || asciiLetter(p.at0(end+1))) || p.at0(end) == '.' && digit(p.at0(end+1)) || p.at0(end) == '/' && digit(p.at0(end+1)) || p.at0(end) == ':' && digit(p.at0(end+1)) {
		return 0, false
	}
	switch p.t[start:i] {
	case "kl.", "den", "the", "och", "och ", "and", "for", "med", "till", "nr", "Nr", "NR", "ca", "tel", "Tel", "TEL", "fax", "par", "par ", "Ver", "DIN", "ISO", "IEC", "RFC", "SFS", "mot", "est", "von", "bis", "vor", "der", "die", "das", "am", "und", "ab", "av", "og", "fra", "til", "om", "vid", "de", "ja", "on", "at", "in", "of", "to", "by", "is", "var", "har", "tog", "fick", "kan", "men", "Den", "Det", "det", "ett", "ens", "min", "din", "bara", "lgh", "Lgh", "Box", "box", "rum", "max", "Max", "MIN", "CVC", "CVV", "cvc", "cvv", "PIN", "pin", "PUK", "kod", "SEK", "EUR", "NOK", "DKK", "USD", "kr", "rad", "SKU", "bil", "reg", "Reg":
		return 0, false
	}
	upper := true
	for k := start; k < i; k++ {
		b := p.t[k]
		upper = upper && b < 'a'
		switch b | 0x20 {
		case 'i', 'q', 'v': // not on Swedish plates
			if letters == 3 && p.t[i] == ' ' && p.language() == "sv" {
				return 0, false
			}
		}
	}
	before := p.before(start)
	if upper && letters == 3 && before.nearest(cueVehicle) == far {
		before = p.farBefore(start)
	}
	own := before.nearest(cueVehicle)
	if own == far && !(upper && letters == 3) {
		return 0, false
	}
	neg := p.against(start, cueCustomer|cueArticle|cueInvoice|cueTracking|cueSecret|cueVersion|cueCard)
	if !upper && p.t[i] == ' ' && (p.unitAfter(end) || p.against(start, cueVehicle) == far) { // "det blev 226 st"
		return 0, false
	}
	switch {
	case own <= 40 && own <= neg:
		return p.add(start, end, gallra.CategoryVehicle, likely, "vehicle/word+form"), true
	case own <= wideWindow && own <= neg && upper && letters == 3:
		return p.add(start, end, gallra.CategoryVehicle, probable, "vehicle/word further off+form"), true
	case upper && letters == 3 && neg > 40 && !c.glued && (end-c.end == 1 || n == 3):
		return p.add(start, end, gallra.CategoryVehicle, doubtful, "vehicle/form"), doubtful >= p.threshold
	}
	return 0, false
}

// germanPlate reads "HH-KY 4471": district, dash, one or two letters, number.
func (p *pass) germanPlate(c *candidate) (end int, ok bool) {
	t := p.t
	i := c.start
	if p.ph.group[c.g].len() > 4 || i < 4 || t[i-1] != ' ' && t[i-1] != '-' {
		return 0, false
	}
	i--
	j := i
	for j > p.done && i-j < 3 && t[j-1] >= 'A' && t[j-1] <= 'Z' {
		j--
	}
	if i-j < 1 || i-j > 2 || j < 2 || t[j-1] != '-' {
		return 0, false
	}
	// The district: one to three letters, "Ä", "Ö" and "Ü" among them.
	k, n := j-1, 0
	for ; n < 4 && k > p.done; n++ {
		if t[k-1] >= 'A' && t[k-1] <= 'Z' {
			k--
		} else if k-2 >= p.done && t[k-2] == 0xC3 && (t[k-1] == 0x84 || t[k-1] == 0x96 || t[k-1] == 0x9C) {
			k -= 2
		} else {
			break
		}
	}
	if n == 0 || n > 3 || p.wordBefore(k) || p.wordAfter(c.end) {
		return 0, false
	}
	before := p.farBefore(k)
	if !before.within(60, cueVehicle) && p.language() != "de" || before.nearest(cueCustomer|cueArticle|cueInvoice) < min(24, before.nearest(cueVehicle)) {
		return 0, false
	}
	return p.add(k, c.end, gallra.CategoryVehicle, 0.75, "vehicle/german form"), true
}

// property reads a property designation: a name with a capital and "3:18".
func (p *pass) property(c *candidate) (end int, ok bool) {
	ph := &p.ph
	h := c.g + 1
	if h >= ph.n || ph.group[h].sep != sepColon || ph.group[c.g].len() > 3 || ph.group[h].len() > 4 || p.at0(c.start-1) != ' ' {
		return 0, false
	}
	if h+1 < ph.n && (ph.group[h+1].sep == sepColon || ph.group[h+1].sep == sepDash || ph.group[h+1].sep == sepDot) || c.g > 0 && ph.group[c.g].sep != sepSpace || h == ph.n-1 && p.wordAfter(p.to(c, h)) {
		return 0, false
	}
	// The name is one or more words with a capital directly before.
	start := c.start
	words := 0
	for words < 3 && start > p.done && p.t[start-1] == ' ' {
		w := start - 1
		for w > p.done && letter(p.t[w-1]) {
			w--
		}
		if start-1-w < 2 || !capital(p.t, w) {
			break
		}
		start = w
		words++
	}
	if words == 0 {
		return 0, false
	}
	if start > p.done && p.t[start-1] == '-' { // "Forsa-Böle 2:17"
		w := start - 1
		for w > p.done && letter(p.t[w-1]) {
			w--
		}
		if w < start-1 && capital(p.t, w) {
			start = w
		}
	}
	if i := strings.IndexByte(p.t[start:c.start-1], ' '); i > 0 { // "Fastighet Kärret 4:17"
		word := cues{pos: -1}
		p.words.read(&word, p.t, start+i+1, nearWindow)
		if word.within(2, cueProperty) {
			start += i + 1
		}
	}
	if p.lawWord(p.t[start : c.start-1]) {
		return 0, false
	}
	before := p.before(start)
	first, second := ph.span(c.g, c.g), ph.span(h, h)
	clock := len(first) <= 2 && len(second) == 2 && second[0] < '6' && (len(first) == 1 || string(first) < "24")
	switch {
	case before.within(40, cueProperty):
		return p.add(start, p.to(c, h), gallra.CategoryPlace, likely, "property/word+form"), true
	case before.within(30, cueLaw|cueVersion), clock && len(first) == 2:
		return 0, false
	case ph.group[h].len() >= 2 || ph.group[c.g].len() >= 2:
		return p.add(start, p.to(c, h), gallra.CategoryPlace, 0.6, "property/form"), true
	}
	return 0, false
}

// capital reports whether the word at t[i] begins with a capital letter.
func capital(t string, i int) bool {
	if t[i] < 0x80 {
		return t[i] >= 'A' && t[i] <= 'Z'
	}
	return t[i] == 0xC3 && i+1 < len(t) && t[i+1] >= 0x80 && t[i+1] <= 0x9E && t[i+1] != 0x97
}

// lawWord reports whether the word before "3:18" makes it a statute, a verse,
// a score or a time.
func (p *pass) lawWord(w string) bool {
	if i := strings.LastIndexByte(w, ' '); i >= 0 {
		w = w[i+1:]
	}
	switch w {
	case "SFS", "Prop", "Kl", "KL", "Klockan", "Kap", "Joh", "Matt", "Luk", "Mark", "Mos", "NJA", "HFD", "FB", "BrB", "JB", "RB", "SoL", "AD", "RH", "Version", "Ver", "Uhr", "Klo", "At", "Den", "Mvh", "Skala", "Avsnitt", "EU", "Lag", "Bet", "Tid", "Von", "Vid", "Ab", "Um", "Bis", "Dag", "Nr", "From", "To", "Till", "Cirka", "Artikel", "Dir", "SOU":
		return true
	}
	return false
}
