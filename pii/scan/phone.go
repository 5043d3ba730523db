package scan

import (
	"github.com/gallra/gallra"
	"github.com/gallra/gallra/pii/phone"
)

// plusPhone reads a number with country code: "+46 (0)70-174 06 05", "0046…".
func (p *pass) plusPhone(c *candidate) (end int, ok bool) {
	ph := &p.ph
	start, zeros := c.start, 0
	switch {
	case c.start > 0 && p.t[c.start-1] == '+' && !(c.start > 1 && digit(p.t[c.start-2])):
		start--
		if p.at0(start-1) == '(' && c.g+1 < ph.n && ph.group[c.g+1].sep == sepClose {
			start--
		}
	case ph.group[c.g].len() >= 4 && ph.digits[ph.group[c.g].first] == '0' && ph.digits[ph.group[c.g].first+1] == '0':
		zeros = 2
	default:
		return 0, false
	}
	var buf [phone.MaxDigits + 3]byte
	d := buf[:0]
	best := -1
	for h := c.g; h < ph.n; h++ {
		g := &ph.group[h]
		if h > c.g {
			if g.sep&(sepSpace|sepDash|sepDot|sepSlash|sepOpen|sepClose|sepWide) == 0 {
				break
			}
		}
		digits := ph.span(h, h)
		if h == c.g {
			digits = digits[zeros:]
		}
		if g.sep == sepOpen && string(digits) == "0" {
			continue
		}
		if g.sep == sepOpen && len(digits) > 1 && digits[0] == '0' {
			digits = digits[1:]
		}
		if len(d)+len(digits) > phone.MaxDigits {
			break
		}
		d = append(d, digits...)
		if len(d) > 6 && phone.International(d) { // no shorter one is a number of any country
			best = h
		}
	}
	if best < 0 || p.continues(c, best) && p.wordAfter(p.to(c, best)) {
		return 0, false
	}
	if zeros > 0 {
		before := p.before(c.start)
		if p.against(c.start, cueInvoice|cueTracking|cueArticle|cueCustomer) < before.nearest(cuePhone) || d[0] != '3' && d[0] != '4' && !before.within(40, cuePhone) {
			return 0, false
		}
		return p.add(start, p.to(c, best), gallra.CategoryPhone, 0.8, "phone/00+country"), true
	}
	return p.add(start, p.to(c, best), gallra.CategoryPhone, certain, "phone/e164"), true
}

// phone reads national numbers by the plans of the countries whose language
// may be at hand. A mobile number of the text's country stands by itself;
// numbers without a trunk zero need their grouping and language, or a word.
func (p *pass) phone(c *candidate) (end int, ok bool) {
	ph := &p.ph
	if c.g > 0 && ph.group[c.g].sep&(sepDash|sepDot|sepColon) != 0 { // the middle of another number
		return 0, false
	}
	if ph.shape4(c.g, 2, 2, 2, 2) && ph.group[c.g+1].sep == sepDot && ph.group[c.g+2].sep&(sepDash|sepWide) != 0 { // "09.15-15.30"
		return 0, false
	}
	if ph.shape3(c.g, 2, 2, 4) || ph.shape3(c.g, 4, 2, 2) {
		if _, ok := p.date(c); ok {
			return 0, false
		}
	}
	start := c.start
	if c.g+1 < ph.n && ph.group[c.g+1].sep == sepClose && p.at0(c.start-1) == '(' {
		start--
	}
	best, bestScore, rule := -1, float32(0), ""
	n := 0
	var ends [7]int // the groups it may end with
	count := 0
	for h := c.g; h < ph.n && h <= c.g+6; h++ {
		if h > c.g {
			s := ph.group[h].sep
			if s&(sepSpace|sepDash|sepDot|sepSlash) == 0 && (s&(sepClose|sepWide) == 0 || h > c.g+1) {
				break
			}
		}
		n += ph.group[h].len()
		if n > 12 {
			break
		}
		if n < 7 || p.continues(c, h) {
			continue
		}
		ends[count] = h
		count++
	}
	if count == 0 {
		return 0, false
	}
	// The longest that fits is taken unless a shorter one fits far better, and
	// none fits better than a mobile number in its groups.
	if h := ends[count-1]; count > 1 {
		if score, r := p.phonePlan(c, h); score >= 0.8 {
			best, bestScore, rule = h, score, r
		}
	}
	if best < 0 {
		for _, h := range ends[:count] {
			if score, r := p.phonePlan(c, h); score > 0 && score >= bestScore-0.2 {
				best, bestScore, rule = h, score, r
			}
		}
	}
	if best < 0 || p.unitAfter(p.to(c, best)) {
		return 0, false
	}
	service := serviceLine(ph.span(c.g, best))
	if bestScore >= 0.9 && !service {
		return p.add(start, p.to(c, best), gallra.CategoryPhone, bestScore, rule), true
	}
	before := p.before(c.start)
	own := before.nearest(cuePhone)
	if best == c.g && ph.group[c.g].len() == 8 && p.against(c.start, cuePhone) == far {
		if _, ok := p.date(c); ok { // "det skickades 20230203"
			return 0, false
		}
	}
	weak := min(own, before.nearest(cuePhoneWeak))
	neg := p.against(c.start, cueCustomer|cueInvoice|cueTracking|cueArticle|cueAccount|cueBankgiro|cuePlusgiro|cueSecret|cueOrg|cueVersion)
	if id := p.against(c.start, cueNationalID|cueTaxID); id < own && id <= 24 { // "my passport number is"
		neg = min(neg, 14)
	}
	switch {
	case own <= 40 && own <= neg:
		if bestScore >= 0.3 {
			bestScore = max(bestScore, likely)
		}
	case neg <= 14 && neg < own && bestScore < 0.9:
		return 0, false
	case bestScore >= 0.4 && p.alone(start, p.to(c, best)):
		bestScore = max(bestScore, 0.7) // a line of its own, as in a signature
	case weak <= 8 && bestScore >= 0.3 && (bestScore >= 0.4 || p.against(c.start, cueNationalID|cueBirth|cueAccount) == far):
		bestScore = max(bestScore, 0.7)
	case neg <= 30 && neg < own:
		bestScore -= 0.2
	}
	if service && p.farBefore(c.start).within(60, cueService) {
		bestScore, rule = doubtful, "phone_se/service line"
	}
	if bestScore < p.threshold {
		return 0, false
	}
	return p.add(start, p.to(c, best), gallra.CategoryPhone, bestScore, rule), true
}

// phonePlan scores groups c.g to h as a national number, 0 when they are none.
func (p *pass) phonePlan(c *candidate, h int) (score float32, rule string) {
	ph := &p.ph
	d := ph.span(c.g, h)
	bare := h == c.g
	lead := ph.group[c.g].len()
	// Subscriber numbers are written in groups of two to four, or as one.
	for k := c.g + 1; k <= h; k++ {
		if l := ph.group[k].len(); l < 2 && !(k == h && p.language() == "de") || h > c.g+1 && l > 4 && k > c.g+1 {
			return 0, ""
		}
	}
	dash := !bare && (ph.group[c.g+1].sep == sepDash || ph.group[c.g+1].sep == sepWide || ph.group[c.g+1].sep == sepClose || ph.group[c.g+1].sep == sepSlash)
	if d[0] == '0' {
		if !bare && lead > 5 {
			return 0, ""
		}
		mobile, swedish := phone.Swedish(d)
		if swedish {
			switch {
			case mobile && bare:
				return 0.9, "phone_se/mobile"
			case mobile:
				return 0.97, "phone_se/mobile grouped"
			case dash && lead <= 4:
				return 0.9, "phone_se/area code"
			case !bare && lead <= 4 && h-c.g >= 2:
				return 0.75, "phone_se/grouped"
			}
		}
		lang := p.language()
		if swedish && (lang == "sv" || lang == "") {
			score, rule = 0.35, "phone_se/word"
		}
		if mobile, ok := phone.Finnish(d); ok && lang == "fi" {
			switch {
			case mobile:
				return 0.95, "phone_fi/mobile"
			case !bare:
				return 0.8, "phone_fi/grouped"
			}
			score, rule = 0.4, "phone_fi/word"
		} else if ok && mobile && !bare && lead <= 4 {
			return 0.8, "phone_fi/mobile grouped"
		}
		if mobile, ok := phone.British(d); ok {
			switch {
			case mobile && len(d) == 11:
				return 0.9, "phone_gb/mobile"
			case lang == "en" && !bare:
				return 0.85, "phone_gb/grouped"
			case lang == "en":
				score, rule = 0.5, "phone_gb/plan"
			}
		}
		if mobile, ok := phone.German(d); ok {
			switch {
			case mobile && lang == "de":
				return 0.93, "phone_de/mobile"
			case !bare && lang == "de":
				return 0.85, "phone_de/grouped"
			case lang == "de":
				score, rule = 0.5, "phone_de/plan"
			case mobile && !bare && len(d) >= 11:
				return 0.6, "phone_de/mobile grouped"
			case dash || !bare:
				score, rule = max(score, 0.35), "phone_de/word"
			}
		}
		return score, rule
	}
	if len(d) == 10 && d[0] >= '2' && d[3] >= '2' && ph.shape3(c.g, 3, 3, 4) && p.language() == "en" {
		return 0.7, "phone_us/grouped"
	}
	if phone.Eight(d) && ph.seps(c.g, h, sepSpace) && (bare || h+1 >= ph.n || ph.group[h+1].sep != sepSpace) { // "45 20 12 34 56" goes on
		lang := p.language()
		grouped := ph.shape4(c.g, 2, 2, 2, 2) || ph.shape3(c.g, 3, 2, 3)
		switch {
		case grouped && (lang == "no" || lang == "da"):
			return 0.85, "phone_no_da/grouped"
		case ph.shape4(c.g, 2, 2, 2, 2):
			return 0.4, "phone_no_da/word"
		case (lang == "no" || lang == "da") && (bare || ph.shape2(c.g, 4, 4)):
			return 0.45, "phone_no_da/word"
		case bare || grouped || ph.shape2(c.g, 4, 4):
			return 0.3, "phone_no_da/word"
		}
	}
	return 0, ""
}

// serviceLine reports whether d is a Swedish number that no person has: shared
// cost, free of charge, premium.
func serviceLine(d []byte) bool {
	return d[0] == '0' && (d[1] == '7' && d[2] == '7' || d[1] == '2' && d[2] == '0' || d[1] == '9' && d[2] == '0' && d[3] == '0')
}

// alone reports whether t[start:end] is all there is on its line.
func (p *pass) alone(start, end int) bool {
	for start > 0 && (p.t[start-1] == ' ' || p.t[start-1] == '\t') {
		start--
	}
	for end < len(p.t) && (p.t[end] == ' ' || p.t[end] == '\t' || p.t[end] == '\r') {
		end++
	}
	return start > 0 && p.t[start-1] == '\n' && (end == len(p.t) || p.t[end] == '\n')
}
