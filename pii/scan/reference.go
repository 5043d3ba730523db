package scan

import "github.com/gallra/gallra"

// mixed reads the tokens in which letters and digits are joined: plates,
// passports, references, passwords, screen names.
func (p *pass) mixed(c candidate) (end int, ok bool) {
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
func (p *pass) byCue(c candidate) (end int, ok bool) {
	ph := &p.ph
	last := c.g
	total := ph.group[c.g].len()
	for h := c.g + 1; h < ph.n; h++ {
		if !ph.seps(h-1, h, " -/.") {
			break
		}
		if ph.group[h].sep == '.' && ph.group[h].len() < 3 {
			break
		}
		if total += ph.group[h].len(); total > 20 {
			break
		}
		last = h
	}
	start, end := c.start, p.to(c, last)
	if last == ph.n-1 { // the token may go on with letters: "2025-11482-B"
		if _, e := p.token(end - 1); e > end {
			end = e
		}
	}
	if b := p.at0(start - 1); b == '#' {
		start--
	} else if b == ' ' {
		start = p.prefix(start)
	} else if s, _ := p.token(start); s < start && s >= p.done {
		start = s
	}
	return p.cued(start, end, c)
}

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
	case "NR", "ID", "PIN", "TEL", "OCR", "SEK", "EUR", "KL", "PUK", "DNR", "REG", "LGH", "KUND", "ORDER", "REF", "IMEI", "MAC", "IP", "BG", "PG", "IBAN", "VISA", "KOD", "CODE", "MPRN", "MPAN", "CPR", "NHS", "AHV", "PAC":
		return start
	}
	return j
}

// token returns the bounds of the run without spaces around t[i], punctuation
// at its ends left out.
func (p *pass) token(i int) (start, end int) {
	t := p.t
	start, end = i, i+1
	for start > 0 && i-start < 40 && tokenByte(t, start-1) {
		start--
	}
	for start < i && t[start]&0xC0 == 0x80 {
		start++
	}
	for end < len(t) && end-i < 60 && tokenByte(t, end) {
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

// tokenByte reports whether t[i] can stand inside a reference or a password.
func tokenByte(t string, i int) bool {
	c := t[i]
	switch {
	case digit(c), asciiLetter(c):
		return true
	case c == '-', c == '/', c == '_', c == '.', c == '#':
		return true
	case c >= 0x80: // letters, not quotes and dashes
		j := i
		for j > 0 && t[j]&0xC0 == 0x80 && i-j < 4 {
			j--
		}
		return letterLead(t, j)
	}
	return false
}

// cued names t[start:end] by the nearest word before it, if any word does.
func (p *pass) cued(start, end int, c candidate) (int, bool) {
	if end <= start || start < p.done {
		return 0, false
	}
	before := p.before(start)
	customer, flat := before.nearest(cueCustomer), before.nearest(cueFlat)
	secret, id := before.nearest(cueSecret), before.nearest(cueNationalID)
	user := before.nearest(cueUser)
	not := before.nearest(cueInvoice, cueTracking, cueArticle, cueVersion, cueMoney, cueLaw)
	best := min(customer, flat, secret, id, user)
	if best > 40 || not < best {
		return 0, false
	}
	token := p.t[start:end]
	digits, letters, upper := 0, 0, 0
	for i := 0; i < len(token); i++ {
		switch c := token[i]; {
		case digit(c):
			digits++
		case letter(c):
			letters++
			if c >= 'A' && c <= 'Z' {
				upper++
			}
		}
	}
	if letters == 0 && p.unitAfter(end) {
		return 0, false
	}
	if digits < 2 || p.looksLikeTime(token, c) {
		return 0, false
	}
	switch best {
	case secret:
		return p.secret(start, end, digits, letters, secret)
	case id:
		if digits >= 5 && digits+letters <= 20 && (letters == 0 || upper == letters || letters <= 3) && id <= 30 {
			return p.add(start, end, gallra.CategoryNationalID, likely, "national_id/word"), true
		}
	case flat:
		if flat <= 14 && letters <= 2 && digits >= 3 && digits <= 6 {
			return p.add(start, end, gallra.CategoryCustomerID, 0.7, "customer_id/flat"), true
		}
	case customer:
		if customer <= 30 && p.referenceLike(token, digits, letters, upper, customer) {
			return p.add(start, end, gallra.CategoryCustomerID, likely, "customer_id/word"), true
		}
	case user:
		if user <= 16 && letters >= 3 && upper < letters && len(token) <= 32 {
			return p.add(start, end, gallra.CategoryUsername, 0.75, "username/word"), true
		}
	}
	return 0, false
}

// looksLikeTime reports whether the token is a date, a time, a percentage or a
// small number.
func (p *pass) looksLikeTime(token string, c candidate) bool {
	if e, ok := p.date(c); ok && e >= c.start+len(token) {
		return p.ph.group[c.g].len() < 6
	}
	if h := c.g + 1; h < p.ph.n && (p.ph.group[h].sep == ':' || p.ph.group[h].sep == '.' && p.ph.group[h].len() == 2) && p.ph.group[c.g].len() <= 2 {
		return true
	}
	return false
}

// referenceLike reports whether a token can be a reference rather than a year,
// an age or an amount.
func (p *pass) referenceLike(token string, digits, letters, upper int, distance int16) bool {
	switch {
	case letters > 0:
		return digits >= 2 && digits+letters >= 4 && (upper*2 >= letters || letters <= 3)
	case digits >= 5:
		return true
	case digits == 4:
		return distance <= 12 && !(token[:2] == "19" || token[:2] == "20") || len(token) > 4
	}
	return digits >= 3 && len(token) > digits && distance <= 12
}

// secret reports the value after a word such as PIN, code or password.
func (p *pass) secret(start, end, digits, letters int, distance int16) (int, bool) {
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
	case letters == 0 && digits > 10, letters == 0 && digits < 3, distance > 36:
		return 0, false
	case letters == 0 && digits == 4 && distance > 10 && (p.t[start:start+2] == "20" || p.t[start:start+2] == "19"):
		return 0, false
	}
	return p.add(start, end, gallra.CategorySecret, likely, "secret/word"), true
}
