package scan

import (
	"github.com/gallra/gallra"
)

// mixed reads the tokens in which letters and digits are joined: plates,
// passports, references, passwords, screen names.
func (p *pass) mixed(c *candidate) (end int, ok bool) {
	if p.at0(c.end) == '@' && !c.plate() {
		return 0, false // the name of a mailbox
	}
	start, end := p.token(c.start)
	if start < p.done {
		return 0, false
	}
	if c.glued {
		if e, ok := p.vehicle(c); ok {
			return e, ok
		}
	}
	return p.cued(start, end, c)
}

// byCue reads a number that only the words before it can name.
func (p *pass) byCue(c *candidate) (end int, ok bool) {
	ph := &p.ph
	if !ph.quiet {
		if end, ok = p.password(c); ok {
			return end, ok
		}
	}
	if p.cues.pos == c.start && p.cues.seen&naming == 0 && p.bare(c) {
		return 0, false // the words before have been read and none names a number
	}
	last := c.g
	total := ph.group[c.g].len()
	for h := c.g + 1; h < ph.n; h++ {
		if !ph.seps(h-1, h, sepSpace|sepDash|sepSlash|sepDot) || ph.group[h].sep == sepDot && ph.group[h].len() < 3 {
			break
		}
		if total+ph.group[h].len() > 20 {
			break
		}
		total += ph.group[h].len()
		last = h
	}
	start, end := c.start, p.to(c, last)
	digits := end       // where they end
	if last == ph.n-1 { // the token may go on with letters: "2025-11482-B"
		e := end
		if !ph.quiet {
			e = p.tokenEnd(end)
		}
		if e > end {
			end = e
		} else if b := p.at0(end + 1); p.at0(end) == ' ' && b >= 'A' && b <= 'Z' && !p.wordAfter(end+2) && p.at0(end+2) != ' ' {
			end += 2 // "24-771-09 B"
		}
	}
	switch b := p.at0(start - 1); {
	case c.g > 0:
	case b == '#':
		start--
	case b == ' ':
		if p.boxNumber(start) {
			return 0, false
		}
		start = p.prefix(start)
	case !ph.quiet:
		if s, _ := p.token(start); s < start && s >= p.done {
			start = s
			if p.at0(start-1) == ' ' {
				start = p.prefix(start)
			}
		}
	}
	if start == c.start {
		if ph.quiet && end == digits { // as cued finds, in short
			if after := p.at0(end); total < 3 || after == '@' || after == '=' || p.unitAfter(end) || p.smallNumber(p.t[start:end], c, true, true) {
				return 0, false
			}
			p.before(start)
		}
		if p.cues.pos == start && p.cues.seen&naming == 0 {
			return 0, false // none of the words before names a number
		}
	}
	return p.cued(start, end, c)
}

// bare reports whether no letters before c can belong to it.
func (p *pass) bare(c *candidate) bool {
	return c.g > 0 || c.start >= 2 && p.t[c.start-1] == ' ' && p.t[c.start-2] < 0x80 && !capital(p.t, c.start-2)
}

// boxNumber reports whether the word before start is "Box" or the like: the
// number is part of a postal address.
func (p *pass) boxNumber(start int) bool {
	i := start - 1
	j := i
	for j > 0 && asciiLetter(p.t[j-1]) && i-j < 12 {
		j--
	}
	switch p.t[j:i] {
	case "Box", "box", "BOX", "Boks", "Postboks", "Postbox", "postbox", "Postfach", "PL", "Pb", "Nr", "gate", "plan", "Plan":
		return p.t[j:i] != "Nr"
	}
	return false
}

// password reads a value whose signs no reference has, after a word such as
// password: "Tyttebær!2025".
func (p *pass) password(c *candidate) (end int, ok bool) {
	if b, e := p.at0(c.start-1), p.at0(c.end); passwordEdge[b] && (passwordEdge[e] || e == '.' && p.at0(c.end+1) <= ' ') {
		return 0, false // digits alone
	}
	t := p.t
	start, seen := c.start, uint32(0)
	for start > p.done && c.start-start < 40 {
		k := passwordByte[t[start-1]]
		if k == passwordEnd {
			break
		}
		seen += uint32(k)
		start--
	}
	end = c.end
	for end < len(t) && end-c.end < 40 {
		k := passwordByte[t[end]]
		if k == passwordEnd {
			break
		}
		seen += uint32(k)
		end++
	}
	for end > c.end && t[end-1] == '.' {
		seen -= passwordSign
		end--
	}
	if seen&0xFF < 2 || seen < passwordSign || p.at0(end) == '@' {
		return 0, false
	}
	before := p.before(start)
	if own := before.nearest(cueSecret); own > 36 || before.nearest(cueUser|cueCustomer|cueArticle) <= own {
		return 0, false
	}
	return p.add(start, end, gallra.CategorySecret, likely, "secret/word+token"), true
}

// passwordEdge holds the bytes that end a password rather than belong to it.
var passwordEdge = func() (t [256]bool) {
	for c := range byte(' ' + 1) {
		t[c] = true
	}
	for _, c := range []byte("\"'(),:;<=>?@[]") {
		t[c] = true
	}
	return t
}()

// What a byte is in a password: counts of letters in the lowest byte and of signs
// in the next, or its end. There are no more than 80 beside a number.
const (
	passwordSign = 1 << 8
	passwordEnd  = 0xFFFF
)

var passwordByte = func() (t [256]uint16) {
	for i := range t {
		switch c := byte(i); {
		case passwordEdge[c]:
			t[i] = passwordEnd
		case letter(c):
			t[i] = 1
		case !digit(c) && c != '-' && c != '/':
			t[i] = passwordSign
		}
	}
	return t
}()

// prefix returns where a reference begins whose letters stand apart from its
// digits: "BUN 2025/318".
func (p *pass) prefix(start int) int {
	i := start - 1
	j := i
	for j > p.done && i-j < 7 && (p.t[j-1] >= 'A' && p.t[j-1] <= 'Z' || p.t[j-1] >= 0x80) {
		j--
	}
	if n := i - j; n < 1 || n > 6 || p.wordBefore(j) || !capital(p.t, j) {
		return start
	}
	switch p.t[j:i] {
	case "NR", "ID", "PIN", "CVC", "CVV", "CVV2", "TEL", "OCR", "SEK", "EUR", "KL", "PUK", "DNR", "REG", "LGH", "KUND", "ORDER", "REF", "IMEI", "MAC", "IP", "BG", "PG", "IBAN", "VISA", "KOD", "CODE", "MPRN", "MPAN", "CPR", "NHS", "AHV", "PAC", "ISBN", "ISSN", "EAN", "SFS", "KID":
		return start
	}
	return j
}

// token returns the bounds of the run without spaces around t[i], punctuation
// at its ends left out.
func (p *pass) token(i int) (start, end int) {
	t := p.t
	start, end = i, i+1
	for start > 0 && i-start < 40 && (tokenASCII[t[start-1]] || t[start-1] >= 0x80 && tokenByte(t, start-1)) {
		start--
	}
	for start < i && t[start]&0xC0 == 0x80 {
		start++
	}
	for end < len(t) && end-i < 60 && (tokenASCII[t[end]] || t[end] >= 0x80 && tokenByte(t, end)) {
		end++
	}
	for start < i && !digit(t[start]) && !letter(t[start]) && t[start] != '#' {
		start++
	}
	for end > i+1 && !digit(t[end-1]) && !letter(t[end-1]) && t[end-1] != '#' {
		end--
	}
	return start, end
}

// tokenEnd returns where the token ends that holds the digit before t[end].
func (p *pass) tokenEnd(end int) int {
	t, i := p.t, end
	for i < len(t) && i-end < 59 && (tokenASCII[t[i]] || t[i] >= 0x80 && tokenByte(t, i)) {
		i++
	}
	for i > end && !digit(t[i-1]) && !letter(t[i-1]) && t[i-1] != '#' {
		i--
	}
	return i
}

// tokenByte reports whether t[i] can stand inside a reference or a password.
func tokenByte(t string, i int) bool {
	if i >= len(t) {
		return false
	}
	c := t[i]
	if c < 0x80 {
		return tokenASCII[c]
	}
	j := i // letters, not quotes and dashes
	for j > 0 && t[j]&0xC0 == 0x80 && i-j < 4 {
		j--
	}
	return letterLead(t, j)
}

var tokenASCII = func() (t [256]bool) {
	for c := range byte(128) {
		t[c] = digit(c) || asciiLetter(c)
	}
	for _, c := range []byte("-/_.#") {
		t[c] = true
	}
	return t
}()

// naming are the cues by which cued names a number.
const naming = cueCustomer | cueFlat | cueSecret | cueNationalID | cueUser | cueCard | cuePhone | cuePhoneWeak

// namingAgainst are the cues that make a number something else's than what a
// naming word further off says.
const namingAgainst = cueInvoice | cueTracking | cueArticle | cueVersion | cueMoney | cueLaw

// cued names t[start:end] by the nearest word before it, if any word does.
func (p *pass) cued(start, end int, c *candidate) (int, bool) {
	if end <= start || start < p.done || p.at0(end) == '@' || p.at0(end) == '=' {
		return 0, false
	}
	token := p.t[start:end]
	seen := uint64(0)
	for i := 0; i < len(token); i++ {
		seen += tokenCount[token[i]]
	}
	digits, letters, upper := int(seen&0xFFFF), int(seen>>16&0xFFFF), int(seen>>32)
	if letters == 0 && (digits < 3 || p.unitAfter(end) || p.smallNumber(token, c, true, true)) {
		return 0, false
	}
	passport := letters >= 1 && letters <= 3 && upper == letters && digits >= 6 && digits <= 8 && capital(token, 0) && len(token) <= digits+letters+1
	before := p.before(start)
	if passport {
		before = p.farBefore(start)
	}
	customer, flat := before.nearest(cueCustomer), before.nearest(cueFlat)
	secret, id := before.nearest(cueSecret), before.nearest(cueNationalID)
	user, card := before.nearest(cueUser), before.nearest(cueCard)
	not := before.nearest(namingAgainst)
	// A passport's number is known by its form further off.
	if passport && id <= 72 && not > id && min(customer, secret) > min(id, 40) {
		return p.add(start, end, gallra.CategoryNationalID, likely, "national_id/word+passport form"), true
	}
	if letters > 0 && digits >= 3 && before.nearest(cuePhoneWeak) <= 6 && not > before.nearest(cuePhoneWeak)+10 && p.referenceLike(token, digits, letters, upper, 6) && min(secret, id, user) > 24 {
		return p.add(start, end, gallra.CategoryCustomerID, 0.7, "customer_id/number word+form"), true
	}
	if c.g == 0 && p.ph.shape3(0, 2, 2, 2) && p.ph.seps(0, 2, sepDash) && before.nearest(cueAccount) <= secret {
		return 0, false // a British sort code
	}
	best := min(customer, flat, secret, id, user, card)
	if call := before.nearest(cuePhone); call <= 24 && call < min(best, not) && letters == 0 && c.start-start <= 1 && p.dialled(c, end, digits) {
		return p.add(c.start, end, gallra.CategoryPhone, 0.7, "phone/word"), true
	}
	if best > 40 || not <= best {
		return p.unnamed(start, end, c, digits, letters, upper, not)
	}
	if digits < 1 || (letters > 0 || best != secret) && p.smallNumber(token, c, letters == 0, best == secret) {
		return 0, false
	}
	switch best {
	case customer:
		if customer <= 30 && p.referenceLike(token, digits, letters, upper, customer) && !p.postcode(c) {
			return p.add(start, end, gallra.CategoryCustomerID, likely, "customer_id/word"), true
		}
	case secret:
		if digits >= 2 || letters >= 4 && secret <= 8 { // "lösen är qwerty1"
			return p.secret(start, end, digits, letters, secret)
		}
	case id:
		if digits >= 5 && digits+letters <= 20 && (letters == 0 || upper == letters || letters <= 3) && id <= 24 {
			return p.add(start, p.idTail(end), gallra.CategoryNationalID, likely, "national_id/word"), true
		}
	case flat:
		if flat <= 14 && letters <= 2 && digits >= 3 && digits <= 8 && !p.postcode(c) && !p.inAddress(start) {
			return p.add(start, end, gallra.CategoryCustomerID, 0.7, "customer_id/flat"), true
		}
	case user:
		if user <= 16 && letters >= 3 && upper < letters && len(token) <= 32 {
			return p.add(start, end, gallra.CategoryUsername, 0.75, "username/word"), true
		}
	case card: // a library, travel or member card: not a payment card
		if letters == 0 && digits >= 9 && digits <= 16 && card <= 40 {
			return p.add(start, end, gallra.CategoryCustomerID, probable, "customer_id/card word"), true
		}
	}
	return 0, false
}

// dialled reports whether c, which ends at end and has so many digits, can be what
// a word such as "ring" or "telefon" promises although no country's plan has it: a
// subscriber's number without its area code, a foreign one, one with a digit amiss.
// It is written in groups or has seven digits and more, and is no date, amount,
// place on the earth, nor a number that payments to an organisation go to.
func (p *pass) dialled(c *candidate, end, digits int) bool {
	ph := &p.ph
	if digits < 6 || digits > 13 || p.postcode(c) || p.unitAfter(end) {
		return false
	}
	if c.g > 0 && ph.group[c.g].sep&(sepComma|sepCommaSpace|sepWide) == 0 {
		return false // the rest of a number
	}
	last, thousands := c.g, ph.group[c.g].len() <= 3
	for ; p.to(c, last) < end && last+1 < ph.n; last++ {
		next := &ph.group[last+1]
		if next.sep&(sepSpace|sepDash|sepSlash|sepWide) == 0 && (next.sep != sepDot || next.len() > 4) {
			return false
		}
		thousands = thousands && next.sep == sepSpace && next.len() == 3
	}
	if p.to(c, last) != end || last == c.g && digits < 7 || thousands && digits < 9 {
		return false
	}
	if d := ph.span(c.g, last); len(d) == 10 && string(d[:3]) == "123" {
		return false // Swish, organisations
	}
	_, date := p.date(c)
	return !date
}

// tokenCount counts, sixteen bits each, digits, letters and capitals of the
// alphabet among them.
var tokenCount = func() (t [256]uint64) {
	for i := range t {
		c := byte(i)
		t[i] = uint64(b2i(digit(c)) | b2i(letter(c))<<16 | b2i(c >= 'A' && c <= 'Z')<<32)
	}
	return t
}()

// unnamed reads a reference that no word names, by its form alone: capitals, a
// dash, four digits or more.
func (p *pass) unnamed(start, end int, c *candidate, digits, letters, upper int, not int) (int, bool) {
	if not <= nearWindow || letters < 1 || letters > 4 || upper != letters || digits < 4 || digits > 12 || p.t[start] < 'A' || p.t[start] > 'Z' {
		return 0, false
	}
	i := start
	for i < end && p.t[i] >= 'A' && p.t[i] <= 'Z' {
		i++
	}
	if i-start != letters || p.at0(i) != '-' && p.at0(i) != '/' {
		return 0, false
	}
	switch p.t[start:i] {
	case "COVID", "ISO", "SFS", "EN", "IP", "DIN", "IEC", "RFC", "KB", "PM", "SS", "UTC", "GMT", "KPI", "HTTP", "FK", "E", "B", "A":
		return 0, false
	}
	return p.add(start, end, gallra.CategoryCustomerID, 0.55, "customer_id/form"), 0.55 >= p.threshold
}

// idTail extends a national identity number by the letters and digits some
// countries write apart: "15 070649 C 103", "00 00 03 D".
func (p *pass) idTail(end int) int {
	if b := p.at0(end + 1); p.at0(end) != ' ' || b < 'A' || b > 'Z' || p.wordAfter(end+2) {
		return end
	}
	end += 2
	i := end + 1
	for i < len(p.t) && digit(p.t[i]) {
		i++
	}
	if p.at0(end) == ' ' && i-end-1 == 3 && !p.wordAfter(i) {
		return i
	}
	return end
}

// smallNumber reports whether the token, numeric when no letter is in it, is a
// date, a time, an amount or a number too small to be a reference.
func (p *pass) smallNumber(token string, c *candidate, numeric, secret bool) bool {
	ph := &p.ph
	if !c.dateless {
		if e, ok := p.date(c); ok && e > c.end && c.start+len(token) >= e {
			return true
		}
	}
	if !numeric || ph.n == 1 && ph.lens[0] >= 3 {
		return false
	}
	if h := c.g + 1; h < ph.n && (ph.group[h].sep == sepColon || ph.group[h].sep == sepDot && ph.group[h].len() == 2) && ph.group[c.g].len() <= 2 {
		return true // a time
	}
	if c.g > 0 && ph.group[c.g].len() <= 2 && ph.group[c.g-1].len() <= 2 && (ph.group[c.g].sep == sepColon || ph.group[c.g].sep == sepDot || ph.group[c.g].sep == sepSlash || ph.group[c.g].sep == sepDash) {
		return true
	}
	if secret && len(token) >= 3 {
		return false
	}
	groups, run, short := 0, 0, true
	for i := 0; i <= len(token); i++ {
		if i < len(token) && digit(token[i]) {
			run++
			continue
		}
		if run > 0 {
			groups++
			short = short && run <= 2
		}
		run = 0
	}
	if secret {
		return groups == 1
	}
	if short && groups <= 2 || groups == 2 && ph.years(c.g) {
		return true
	}
	if h := c.g + 1; groups == 2 && h < ph.n && ph.group[h].sep == sepDot && ph.group[c.g].len() <= 3 { // 30.081 or 58.51534
		return true
	}
	if c.g > 0 && ph.group[c.g].sep == sepDot && ph.group[c.g-1].len() <= 3 { // the rest of such
		return true
	}
	if ph.shape2(c.g, 4, 2) && groups == 2 && (token[:2] == "19" || token[:2] == "20") { // a month
		return true
	}
	if n := ph.group[c.g].len(); groups == 2 && n <= 3 && c.g+1 < ph.n && ph.group[c.g+1].len() == 3 && ph.group[c.g+1].sep == sepSpace && n+3 <= 5 { // 1 184
		return true
	}
	return false
}

// postcode reports whether the number is one by its form or by the town that follows.
func (p *pass) postcode(c *candidate) bool {
	ph := &p.ph
	if ph.shape2(c.g, 3, 2) && ph.group[c.g+1].sep == sepSpace && (c.g+2 == ph.n || !ph.seps(c.g+1, c.g+2, sepSpace|sepDash|sepSlash)) {
		return true
	}
	n := ph.group[c.g].len()
	return (n == 4 || n == 5) && c.g == ph.n-1 && p.at0(c.end) == ' ' && c.end+1 < len(p.t) && capital(p.t, c.end+1) && letter(p.at0(c.end+2)) &&
		(p.at0(c.start-2) == ',' || p.at0(c.start-1) == '\n')
}

// inAddress reports whether a flat's number follows a street number: it is
// then part of the address.
func (p *pass) inAddress(start int) bool {
	i := start
	for i > 0 && (p.t[i-1] == ' ' || p.t[i-1] == '.' || p.t[i-1] == ':') {
		i--
	}
	for i > 0 && letter(p.t[i-1]) {
		i--
	}
	for i > 0 && (p.t[i-1] == ' ' || p.t[i-1] == ',') {
		i--
	}
	if i > 1 && asciiLetter(p.t[i-1]) && !p.wordBefore(i-1) {
		i--
		if p.t[i-1] == ' ' {
			i--
		}
	} else if i > 1 && asciiLetter(p.t[i-1]) && digit(p.t[i-2]) {
		i--
	}
	return i > 0 && digit(p.t[i-1])
}

// referenceLike reports whether a token can be a reference rather than a year,
// an age or an amount.
func (p *pass) referenceLike(token string, digits, letters, upper int, distance int) bool {
	switch {
	case letters > 0 && len(token) == 6 && upper == letters && digits >= 1:
		return true // a booking code
	case letters > 0:
		return digits >= 3 && (upper*2 >= letters || letters <= 3 && letter(token[0])) || digits == 2 && upper == letters && digits+letters >= 5
	case digits >= 5:
		return true
	case digits == 4:
		return distance <= 12 && !(token[:2] == "19" || token[:2] == "20") || len(token) > 4
	}
	return digits >= 3 && len(token) > digits && distance <= 12
}

// secret reports the value after a word such as PIN, code or password.
func (p *pass) secret(start, end, digits, letters int, distance int) (int, bool) {
	// A password may hold signs that no reference does.
	for letters > 0 && end < len(p.t) && p.t[end] > ' ' && p.t[end] < 0x7F {
		if b := p.t[end]; b == ',' || b == ';' || b == ')' || b == '"' || b == '\'' || b == '.' || b == ':' || b == '?' {
			break
		}
		end++
	}
	for letters > 0 && start > p.done && p.t[start-1] > ' ' && p.t[start-1] < 0x7F {
		if b := p.t[start-1]; b == '(' || b == '"' || b == '\'' || b == ':' || b == '=' {
			break
		}
		start--
	}
	for end < len(p.t) && (p.t[end] == '#' || p.t[end] == '*') {
		end++
	}
	switch {
	case letters >= 4 && digits <= 2 && p.voucher(start, end):
		return 0, false
	case letters == 0 && digits > 10, letters == 0 && digits < 3, distance > 36:
		return 0, false
	case letters == 0 && digits == 4 && distance > 10 && (p.t[start:start+2] == "20" || p.t[start:start+2] == "19"):
		return 0, false
	}
	return p.add(start, end, gallra.CategorySecret, likely, "secret/word"), true
}

// voucher reports whether t[start:end] has the form of a campaign's code, a
// word in capitals with a number ("SOMMAR15"), and follows a word that says no
// more than "code".
func (p *pass) voucher(start, end int) bool {
	for i := start; i < end; i++ {
		if b := p.t[i]; !digit(b) && (b < 'A' || b > 'Z') {
			return false
		}
	}
	i := max(start-1, 0)
	j := i
	for j > 0 && i-j < 8 && asciiLetter(p.t[j-1]) {
		j--
	}
	switch p.t[j:i] {
	case "kod", "koden", "code", "kode", "koodi", "koodilla", "Code":
		return true
	}
	return false
}
