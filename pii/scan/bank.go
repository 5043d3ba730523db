package scan

import (
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/pii/checkdigit"
)

// iban reads an IBAN whose country letters stand before the digit at t[i]. The
// rest may hold letters and single spaces or dashes.
func (p *pass) iban(i int) (end int, ok bool) {
	if i < 2 || i+1 >= len(p.t) || !digit(p.t[i+1]) {
		return 0, false
	}
	start := i - 2
	if p.t[i-1] == ' ' { // "SE 85 5000"
		start--
	}
	if start < p.done || !asciiLetter(p.t[start]) || !asciiLetter(p.t[start+1]) || p.wordBefore(start) {
		return 0, false
	}
	a, b := p.t[start]&^0x20, p.t[start+1]&^0x20
	n := checkdigit.IBANLength(a, b)
	if n == 0 {
		return 0, false
	}
	var buf [34]byte
	buf[0], buf[1] = a, b
	k, j := 2, i
	for k < n && j < len(p.t) {
		switch c := p.t[j]; {
		case digit(c):
			buf[k] = c
			k++
			j++
		case asciiLetter(c):
			buf[k] = c &^ 0x20
			k++
			j++
		case c == ' ' || c == '-':
			j++
			if c := p.at0(j); !digit(c) && !asciiLetter(c) {
				return 0, false
			}
		case c == 0xC2 && p.at0(j+1) == 0xA0:
			j += 2
		default:
			return 0, false
		}
	}
	if k < n || p.wordAfter(j) || !checkdigit.Modulo97(buf[:n]) {
		return 0, false
	}
	return p.add(start, j, gallra.CategoryBankAccount, certain, "iban/length+mod97"), true
}

// account reads bankgiro, plusgiro and domestic account numbers. Bankgiro and
// accounts need a word; plusgiro in its printed grouping does not.
func (p *pass) account(c *candidate) (end int, ok bool) {
	ph := &p.ph
	if ph.n-c.g == 1 && ph.group[c.g].len() < 6 {
		return 0, false
	}
	if end, ok = p.giro(c); ok {
		return end, ok
	}
	// Norwegian accounts have a form and a check digit of their own.
	if h, fits := ph.upTo(c.g, 11); fits && !p.continues(c, h) && ph.seps(c.g, h, sepDot|sepSpace) && checkdigit.NorwegianAccount(ph.span(c.g, h)) {
		before := p.before(c.start)
		switch {
		case ph.shape3(c.g, 4, 2, 5) && p.against(c.start, cueInvoice|cueTracking|cueCustomer) > 20:
			return p.add(c.start, p.to(c, h), gallra.CategoryBankAccount, 0.9, "account_no/form+mod11"), true
		case before.within(40, cueAccount) && before.nearest(cueAccount) <= p.against(c.start, cueInvoice|cueTracking|cueCustomer):
			return p.add(c.start, p.to(c, h), gallra.CategoryBankAccount, likely, "account_no/word+mod11"), true
		}
	}
	if end, ok = p.clearing(c); ok {
		return end, ok
	}
	// An account is the longest run of groups of 6 to 16 digits in all.
	total, last := 0, -1
	for h := c.g; h < ph.n; h++ {
		if h > c.g && !ph.seps(h-1, h, sepSpace|sepDash|sepDot|sepComma|sepCommaSpace) || h == c.g+1 && ph.group[c.g].len() == 4 && ph.group[h].len() == 2 && h+1 < ph.n && ph.group[h+1].len() == 2 && ph.group[h].sep == sepDash {
			break
		}
		total += ph.group[h].len()
		if total > 16 {
			break
		}
		last = h
	}
	if last < 0 {
		return 0, false
	}
	n := len(ph.span(c.g, last))
	if n < 6 || n > 16 || p.continues(c, last) || p.unitAfter(p.to(c, last)) {
		return 0, false
	}
	if c.g > 0 && ph.group[c.g].sep&(sepDot|sepColon|sepComma|sepSlash) != 0 {
		return 0, false // the middle of another number
	}
	if first := ph.group[c.g].len(); last > c.g && first <= 2 && ph.group[c.g+1].sep&(sepDot|sepComma) != 0 {
		return 0, false // a time, a date, a coordinate
	}
	before := p.before(c.start)
	own := before.nearest(cueAccount)
	if ph.shape3(c.g, 2, 2, 2) && ph.seps(c.g, c.g+2, sepDash) { // a British sort code
		return 0, false
	}
	if own > 40 || before.nearest(cueCustomer|cueNationalID) < own || before.nearest(cueInvoice|cueTracking|cueArticle|cueSecret|cuePhone|cueBirth|cuePersonnummer) < own {
		return 0, false
	}
	if last == c.g && n < 7 && own > 12 {
		return 0, false
	}
	if p.against(c.start, cueAccount) == far && !p.sentenceStart(c.start) {
		return 0, false // the account was spoken of in another sentence
	}
	return p.add(c.start, p.to(c, last), gallra.CategoryBankAccount, likely, "account/word"), true
}

// giro reads bankgiro (3-4 or 4-4 digits) and plusgiro (last digit after a dash).
func (p *pass) giro(c *candidate) (end int, ok bool) {
	ph := &p.ph
	if h := c.g + 1; h < ph.n && (ph.shape2(c.g, 4, 4) || ph.shape2(c.g, 3, 4)) && ph.seps(c.g, h, sepDash|sepWide) && !p.continues(c, h) && checkdigit.Luhn(ph.span(c.g, h)) {
		before := p.farBefore(c.start)
		neg := p.against(c.start, cueCustomer|cuePhone|cueInvoice|cueTracking|cueArticle)
		own := before.nearest(cueBankgiro)
		switch {
		case own < 60 && own <= neg:
			return p.add(c.start, p.to(c, h), gallra.CategoryBankAccount, certain, "bankgiro/word+luhn"), true
		case ph.years(c.g):
			return 0, false
		case before.nearest(cueGiro|cueAccount) < min(neg, 70):
			return p.add(c.start, p.to(c, h), gallra.CategoryBankAccount, likely, "bankgiro/payment word+luhn"), true
		case before.within(wideWindow, cueBankgiro):
			return p.add(c.start, p.to(c, h), gallra.CategoryBankAccount, probable, "bankgiro/word further off+luhn"), true
		}
	}
	// Plusgiro: 1 to 7 digits in groups of two from the right, a dash, one digit.
	for h := c.g + 1; h < ph.n && h <= c.g+4; h++ {
		if ph.group[h].sep != sepDash || ph.group[h].len() != 1 {
			continue
		}
		n := len(ph.span(c.g, h))
		if n < 2 || n > 8 || !ph.seps(c.g, h-1, sepSpace) || p.continues(c, h) || !checkdigit.Luhn(ph.span(c.g, h)) {
			return 0, false
		}
		before := p.before(c.start)
		own := before.nearest(cuePlusgiro)
		if n < 4 {
			own = p.against(c.start, cuePlusgiro)
		}
		switch {
		case own < 60:
			return p.add(c.start, p.to(c, h), gallra.CategoryBankAccount, certain, "plusgiro/word+luhn"), true
		case h >= c.g+3 && p.against(c.start, cueCustomer|cueInvoice|cueTracking) > 24:
			return p.add(c.start, p.to(c, h), gallra.CategoryBankAccount, probable, "plusgiro/form+luhn"), true
		}
		return 0, false
	}
	if n := ph.group[c.g].len(); n >= 5 && n <= 8 && checkdigit.Luhn(ph.span(c.g, c.g)) && !p.continues(c, c.g) && p.before(c.start).within(12, cueBankgiro|cuePlusgiro) {
		return p.add(c.start, c.end, gallra.CategoryBankAccount, likely, "giro/word+luhn"), true
	}
	return 0, false
}

// unitAfter reports whether what follows makes a number an amount or a
// quantity: "kr", "SEK", "%", "kWh".
func (p *pass) unitAfter(i int) bool {
	switch b := p.at0(i); { // most numbers end where none can follow
	case b == ' ':
	case b < '%', b > '%' && b < 'A':
		return false
	}
	return p.unit(i)
}

// unit is unitAfter where one can be.
func (p *pass) unit(i int) bool {
	if p.at0(i) == '%' {
		return true
	}
	if p.at0(i) == ' ' {
		i++
	} else if p.at0(i) == 0xC2 && p.at0(i+1) == 0xA0 {
		i += 2
	}
	if p.at0(i) == '%' || p.at0(i) == 0xE2 && p.at0(i+1) == 0x82 && p.at0(i+2) == 0xAC { // €
		return true
	}
	j := i
	for j < len(p.t) && j-i < 8 && asciiLetter(p.t[j]) {
		j++
	}
	if j == i || j-i > 7 || p.wordAfter(j) {
		return false
	}
	key := uint64(0)
	for k := j - 1; k >= i; k-- {
		key = key<<8 | uint64(p.t[k]|0x20)
	}
	return units[units.slot(key)].key == key
}

// units are the words that make the number before them an amount or a quantity.
var units = func() *wordTable {
	t := &wordTable{}
	for _, w := range strings.Fields("kr kronor sek nok dkk eur euro kwh st stk kg km min h mb gb meter " +
		"dagar dager dage tage days kpl ggr timmar timer stunden hours ar procent kvm liter mm cm tkr mkr wh mw kw usd gbp minuter veckor weeks personer") {
		t[t.slot(wordKey(w))].key = wordKey(w)
	}
	return t
}()

// clearing reads a Swedish account in a grouping nothing else has: Swedbank's
// with the clearing number's fifth digit, and Handelsbanken's.
func (p *pass) clearing(c *candidate) (end int, ok bool) {
	ph := &p.ph
	first := ph.digits[ph.group[c.g].first]
	if ph.group[c.g].len() != 4 {
		return 0, false
	}
	switch {
	case first == '8' && ph.shape2(c.g, 4, 1) && ph.group[c.g+1].sep == sepDash:
		n, last := 0, -1
		for h := c.g + 2; h < ph.n && ph.seps(h-1, h, sepSpace|sepDash|sepComma|sepCommaSpace); h++ {
			if n += ph.group[h].len(); n > 10 {
				break
			}
			last = h
		}
		if n = 0; last >= 0 {
			n = len(ph.span(c.g, last)) - 5
		}
		if n >= 6 && n <= 10 && !p.continues(c, last) {
			return p.add(c.start, p.to(c, last), gallra.CategoryBankAccount, 0.9, "account/swedbank form"), true
		}
	case first == '6' && ph.shape4(c.g, 4, 3, 3, 3) && ph.seps(c.g, c.g+3, sepSpace|sepDash) && ph.seps(c.g+1, c.g+3, sepSpace) && !p.continues(c, c.g+3):
		if before := p.before(c.start); !before.within(24, cueCustomer|cueInvoice|cueTracking|cueCard) {
			return p.add(c.start, p.to(c, c.g+3), gallra.CategoryBankAccount, probable, "account/handelsbanken form"), true
		}
	}
	return 0, false
}
