package scan

import (
	"math/bits"
	"strings"

	"github.com/gallra/gallra"
)

// localPart says which bytes a mailbox name is read to hold. RFC 5321 allows
// more; the rest is punctuation around addresses far more often.
var localPart = func() (t [256]bool) {
	for c := 0; c < 256; c++ {
		t[c] = digit(byte(c)) || letter(byte(c))
	}
	for _, c := range ".!#$%&'*+-?^_~" {
		t[c] = true
	}
	return t
}()

// at reads what an '@' at t[i] is part of: an e-mail address or a handle.
func (p *pass) at(i int) int {
	t := p.t
	start := i
	for start > p.done && i-start < 64 && localPart[t[start-1]] {
		start--
	}
	for start < i && t[start]&0xC0 == 0x80 {
		start++
	}
	start = p.trimOpening(start, i)
	end := p.domain(i + 1)
	if start < i && end > 0 && t[i-1] != '.' {
		return p.add(start, end, gallra.CategoryEmail, certain, "email/form")
	}
	if i+2 < len(t) && t[i+1] == ' ' && i > 0 && t[i-1] == ' ' {
		if s, e := p.spacedMail(i); e > 0 {
			return p.add(s, e, gallra.CategoryEmail, likely, "email/spaced")
		}
	}
	switch {
	case start < i:
		if end := p.slippedMail(start, i); end > 0 {
			return end
		}
	case i > 0 && t[i-1] == ' ' && end > 0:
		if s, e := p.looseMail(i); e > 0 {
			return p.add(s, e, gallra.CategoryEmail, likely, "email/spaced")
		}
	}
	return p.handle(i)
}

// trimOpening moves start past punctuation that opens rather than begins a mailbox name.
func (p *pass) trimOpening(start, end int) int {
	for start < end {
		r, n := letterAt(p.t, start)
		if r || digit(p.t[start]) || p.t[start] == '_' {
			return start
		}
		start += n
	}
	return start
}

// letterAt reports whether the character at t[i] is a letter, and its length.
func letterAt(t string, i int) (ok bool, n int) {
	if t[i] < 0x80 {
		return asciiLetter(t[i]), 1
	}
	n = 1
	for i+n < len(t) && n < 4 && t[i+n]&0xC0 == 0x80 {
		n++
	}
	return letterLead(t, i), n
}

// domain returns where the domain name that begins at t[i] ends, 0 when there
// is none: labels of letters (of any script), digits and dashes, the last of
// them at least two letters.
func (p *pass) domain(i int) int {
	t := p.t
	if i >= len(t) {
		return 0
	}
	if t[i] == '[' { // address literal
		j := i + 1
		for j < len(t) && j-i < 48 && (hex(t[j]) || t[j] == '.' || t[j] == ':' || t[j]|0x20 == 'i' || t[j]|0x20 == 'p' || t[j]|0x20 == 'v') {
			j++
		}
		if j > i+6 && j < len(t) && t[j] == ']' {
			return j + 1
		}
		return 0
	}
	end, label, dots := 0, i, 0
	for j := i; ; {
		for j < len(t) && j-i < 255 && alphanumeric[t[j]] {
			j++
		}
		n := 0
		if j < len(t) && j-i < 255 {
			switch c := t[j]; {
			case c == '-' && j > label:
				n = 1
			case c >= 0x80:
				if ok, size := letterAt(t, j); ok {
					n = size
				}
			}
		}
		if n > 0 {
			j += n
			continue
		}
		// A label ends at j.
		e := j
		for e > label && t[e-1] == '-' {
			e--
		}
		if e-label >= 2 && dots > 0 && topLevel(t[label:e]) {
			end = e
		}
		if e < j || j == label || j >= len(t) || t[j] != '.' || j-i > 250 {
			return end
		}
		dots++
		j++
		label = j
	}
}

// alphanumeric holds the letters of the alphabet and the digits.
var alphanumeric = func() (t [256]bool) {
	for c := range t {
		t[c] = asciiLetter(byte(c)) || digit(byte(c))
	}
	return t
}()

// topLevel reports whether a label can be the last of a domain name.
func topLevel(s string) bool {
	if len(s) > 4 && s[:4] == "xn--" {
		return true
	}
	for i := 0; i < len(s); i++ {
		if !letter(s[i]) {
			return false
		}
	}
	return len(s) <= 24
}

// spacedMail reads "anna . berg @ example . se" around the '@' at t[i].
func (p *pass) spacedMail(i int) (start, end int) {
	t := p.t
	j := i
	for j > p.done && t[j-1] == ' ' && i-j < 2 {
		j--
	}
	start = j
	for start > p.done && j-start < 64 && localPart[t[start-1]] {
		start--
	}
	start = p.trimOpening(start, j)
	if start == j {
		return 0, 0
	}
	k := i + 1
	for k < len(t) && t[k] == ' ' && k-i < 3 {
		k++
	}
	return start, p.domain(k)
}

// handle reads "@name" as people write it in social media, and profile paths
// that end in it ("instagram.com/@name").
func (p *pass) handle(i int) int {
	if i > 0 && p.wordBefore(i) {
		return i + 1
	}
	j := p.nameEnd(i + 1)
	if j-i < 4 || !p.handleLike(i+1, j) {
		return i + 1
	}
	start := i
	if i > 0 && p.t[i-1] == '/' {
		dot := false
		for start > p.done && i-start < 80 && p.t[start-1] > ' ' && p.t[start-1] != '(' && p.t[start-1] != '"' && p.t[start-1] != '<' {
			start--
			dot = dot || p.t[start] == '.'
		}
		if !dot {
			start = i
		}
	}
	if p.organisation(i+1, j) {
		return p.add(start, j, gallra.CategoryUsername, doubtful, "username/handle of an organisation")
	}
	return p.add(start, j, gallra.CategoryUsername, 0.8, "username/handle")
}

// nameEnd returns where the screen name that begins at t[i] ends.
func (p *pass) nameEnd(i int) int {
	t := p.t
	j := i
	for j < len(t) && j-i < 64 {
		c := t[j]
		if c < 0x80 {
			if !asciiLetter(c) && !digit(c) && c != '_' && c != '.' && c != '-' {
				break
			}
			j++
			continue
		}
		ok, n := letterAt(t, j)
		if !ok {
			break
		}
		j += n
	}
	for j > i && (t[j-1] == '.' || t[j-1] == '-') {
		j--
	}
	return j
}

// handleLike reports whether t[i:j] holds a letter and does not look like a
// word of a program or a mailbox role.
func (p *pass) handleLike(i, j int) bool {
	letters := 0
	for k := i; k < j; k++ {
		if letter(p.t[k]) {
			letters++
		}
	}
	if letters < 2 {
		return false
	}
	switch p.t[i:j] {
	case "media", "import", "charset", "font-face", "keyframes", "page", "supports", "all", "here", "channel", "everyone", "param", "return", "Override":
		return false
	}
	return true
}

// under reads the token around an underscore at t[i]: people's screen names
// have one, and so do the keys and files of programs.
func (p *pass) under(i int) int {
	t := p.t
	start := i
	for start > p.done && i-start < 40 {
		c := t[start-1]
		if c < 0x80 && !asciiLetter(c) && !digit(c) && c != '_' && c != '.' && c != '-' {
			break
		}
		start--
	}
	for start < i && t[start]&0xC0 == 0x80 {
		start++
	}
	end := p.nameEnd(start)
	if end <= i { // the underscore was trimmed off, or the name is over-long
		return i + 1
	}
	if !p.plainName(start, end) || p.numbered(start, end) {
		return end
	}
	if p.at0(end) == '@' {
		return end
	}
	if end-start >= 12 && p.hasDigit(start, end) {
		if p.before(start).within(nearWindow, cueSecret) {
			return p.add(start, end, gallra.CategorySecret, likely, "secret/word+token")
		}
		if keyLike(t[start:end]) {
			return p.add(start, end, gallra.CategorySecret, likely, "secret/key form")
		}
	}
	var score float32 = 0.55
	rule := "username/underscore"
	if c := p.at0(start - 1); start == 0 || c == '\n' || c == '@' || c == '<' || c == '>' {
		if e := p.at0(end); e == ':' || e == ' ' || e == '\n' || e == 0 || e == '\r' {
			score, rule = 0.85, "username/line start"
		}
	}
	if p.before(start).within(24, cueUser) {
		score, rule = 0.9, "username/word"
	}
	if c := p.at0(start - 1); c == '/' && start >= 2 && t[start-2] == 'u' {
		start -= 2
	}
	return p.add(start, end, gallra.CategoryUsername, score, rule)
}

// keyLike reports whether a token ends like the keys that programs issue: after
// its last underscore twelve signs or more, digits, capitals and small letters mixed.
func keyLike(token string) bool {
	tail := token[strings.LastIndexByte(token, '_')+1:]
	digits, upper, lower := 0, 0, 0
	for i := 0; i < len(tail); i++ {
		switch b := tail[i]; {
		case digit(b):
			digits++
		case b >= 'A' && b <= 'Z':
			upper++
		case b >= 'a' && b <= 'z':
			lower++
		default:
			return false
		}
	}
	return len(tail) >= 12 && digits >= 2 && upper >= 2 && lower >= 2
}

func (p *pass) hasDigit(i, j int) bool {
	for ; i < j; i++ {
		if digit(p.t[i]) {
			return true
		}
	}
	return false
}

// plainName reports whether t[i:j] with an underscore in it can be a person's
// screen name: it is no key before '=', no constant in capitals, no file name
// and no part of a web address.
func (p *pass) plainName(i, j int) bool {
	t := p.t
	lower, lead := false, false
	for k := i; k < j; k++ {
		if t[k] >= 'a' && t[k] <= 'z' || t[k] >= 0x80 {
			lower = true
			if k == i {
				lead = true
			}
		}
	}
	_ = lead
	if !lower || t[i] == '_' && t[j-1] == '_' {
		return false
	}
	switch p.at0(j) {
	case '=', '(', '[', '{', '%', '/', '\\', '*':
		return false
	}
	switch p.at0(i - 1) {
	case '/', '?', '&', '$', '\\', '{', '#', '%', '*', '.':
		return p.at0(i-1) == '/' && i >= 2 && t[i-2] == 'u' && !p.wordBefore(i-2)
	}
	if d := strings.LastIndexByte(t[i:j], '.'); d > 0 {
		switch ext := t[i+d+1 : j]; ext {
		case "pdf", "jpg", "jpeg", "png", "doc", "docx", "xls", "xlsx", "zip", "txt", "csv", "html", "php", "xml", "json", "gif", "mp4", "eml", "msg", "heic", "mov", "log", "js", "css", "exe", "dll", "PDF", "JPG", "PNG":
			return false
		}
	}
	return true
}

// ipv4 reads four numbers of at most 255 with dots. Four small numbers are the
// version of a program as well: those need a word about connections and none
// about versions nearer by. Addresses that are nobody's are left out.
func (p *pass) ipv4(c *candidate) (end int, ok bool) {
	ph := &p.ph
	h := c.g + 3
	if h >= ph.n || !ph.seps(c.g, h, sepDot) || c.g > 0 && ph.group[c.g].sep == sepDot {
		return 0, false
	}
	for k := c.g; k <= h; k++ {
		if n := ph.group[k].len(); n > 1 && (n > 3 || ph.digits[ph.group[k].first] == '0' || n == 3 && ph.number(k) > 255) {
			return 0, false
		}
	}
	if h+1 < ph.n && (ph.group[h+1].sep == sepDot || ph.group[h+1].sep == sepSlash && ph.group[h+1].len() <= 2) || h == ph.n-1 && p.wordAfter(p.to(c, h)) {
		return 0, false
	}
	if p.at0(c.start-1) == 'v' || p.at0(c.start-1) == '.' && digit(p.at0(c.start-2)) {
		return 0, false
	}
	if nobodys(ph.number(c.g), p.t[c.start:p.to(c, h)]) {
		return 0, false
	}
	score, rule := float32(certain), "ip/v4"
	// One random address in a thousand has six digits or fewer, most versions do.
	first, digits := ph.span(c.g, c.g), len(ph.span(c.g, h))
	if (len(first) == 1 || len(first) == 2 && first[0] < '4') && digits <= 8 {
		before := p.before(c.start)
		ip := before.nearest(cueIP)
		if before.nearest(cueVersion) < min(30, ip) {
			return 0, false
		}
		if digits <= 6 && ip > nearWindow && !before.within(nearWindow, cueNet) && !p.networked(c, h) {
			score, rule = doubtful, "ip/v4, or a version"
		}
	}
	return p.add(c.start, p.to(c, h), gallra.CategoryIP, score, rule), true
}

// networked reports whether the signs around groups c.g to h make them an
// address: a scheme or user before, a port after, a log line's beginning, or
// nothing else in the text, as in a column of a table.
func (p *pass) networked(c *candidate, h int) bool {
	switch p.at0(c.start - 1) {
	case '@', '/':
		return true
	case 0, '\n':
		end := p.to(c, h)
		return c.start == 0 && end == len(p.t) || strings.HasPrefix(p.t[end:], " - ")
	}
	return h+1 < p.ph.n && p.ph.group[h+1].sep == sepColon
}

// nobodys reports whether an address cannot be that of anybody's connection:
// this host, loopback, multicast, net masks (RFC 6890, RFC 5771), or one of the
// public name servers that instructions tell people to try.
func nobodys(first int, address string) bool {
	if first == 0 || first == 127 || first == 255 || first >= 224 && first <= 239 {
		return true
	}
	switch address {
	case "8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "9.9.9.9", "149.112.112.112", "208.67.222.222", "208.67.220.220":
		return true
	}
	return false
}

// colon reads the MAC or IPv6 address that a colon at t[i] may stand in when no
// digit came before it.
func (p *pass) colon(i int) int {
	if i+1 >= len(p.t) || !hex(p.t[i+1]) && p.t[i+1] != ':' {
		return i + 1
	}
	start := i
	for start > p.done && i-start < 4 && hex(p.t[start-1]) {
		start--
	}
	if next, ok := p.hexAt(start); ok {
		return next
	}
	return i + 1
}

// hexLike reports whether the digit at t[i] can be the first of an address in
// hexadecimal: a colon or a letter up to f comes within six bytes, after digits,
// dots and dashes alone, or letters or signs of the address stand before.
func (p *pass) hexLike(i int) bool {
	t := p.t
	if i > 0 && hexBefore[t[i-1]] && i >= 3 {
		return true
	}
	if i+8 <= len(t) {
		x := eight(t, i)
		if k := bits.TrailingZeros64(notNumeric(x)) &^ 7; k < 56 && hexMark[byte(x>>k)] {
			return true
		}
		// "34-53-71-ca-b4-27", "8440.92d1.3228": the first letter may be far.
		return byte(x>>16) == '-' && i+14 <= len(t) && t[i+5] == '-' && t[i+8] == '-' && t[i+11] == '-' || byte(x>>32) == '.' && i+14 <= len(t) && t[i+9] == '.'
	}
	j := i + 1
	for j < len(t) && j < i+7 && t[j] >= '-' && t[j] <= '9' {
		j++
	}
	return j < len(t) && j < i+7 && hexMark[t[j]]
}

// hexBefore holds what stands before a digit inside an address in hexadecimal.
var hexBefore = func() (t [256]bool) {
	for c := range t {
		b := byte(c)
		t[c] = b == '-' || b == '.' || hex(b)
	}
	return t
}()

// hexMark holds what only an address in hexadecimal goes on with.
var hexMark = func() (t [256]bool) {
	for c := range t {
		b := byte(c)
		t[c] = b == ':' || hex(b) && !digit(b)
	}
	return t
}()

// notNumeric returns x with the top bit set in every byte that is neither digit
// nor one of "-./".
func notNumeric(x uint64) uint64 {
	const ones = 0x0101010101010101
	const top = 0x80 * ones
	low := x &^ top
	return (x | ^(low + (0x80-'-')*ones) | (low + (0x80-'9'-1)*ones)) & top
}

// hexForms reads a MAC or IPv6 address whose first digit is at t[i].
func (p *pass) hexForms(i int) (end int, ok bool) {
	t := p.t
	start := i
	for start > p.done && i-start < 12 && (hex(t[start-1]) || (t[start-1] == '-' || t[start-1] == ':') && start > 1 && hex(t[start-2])) {
		start--
	}
	if end, ok = p.hexAt(start); ok || start < p.done+5 || t[start-1] != '.' {
		return end, ok
	}
	if start -= 5; !p.wordBefore(start) { // "ddfe.b816.7893"
		return p.mac(start)
	}
	return 0, false
}

// hexAt reads the MAC or IPv6 address that begins at t[start].
func (p *pass) hexAt(start int) (end int, ok bool) {
	if p.wordBefore(start) {
		return 0, false
	}
	if end, ok = p.mac(start); ok {
		return end, true
	}
	return p.ipv6(start)
}

// mac reads six pairs of hexadecimal digits with ':' or '-', three fours with
// '.', or twelve in a row after a word.
func (p *pass) mac(start int) (end int, ok bool) {
	t := p.t
	if start+12 > len(t) {
		return 0, false
	}
	run := 0
	for start+run < len(t) && run < 13 && hex(t[start+run]) {
		run++
	}
	n, groups := 0, 0
	switch {
	case run == 2 && (t[start+2] == ':' || t[start+2] == '-'):
		n, groups = 2, 6
	case run == 4 && t[start+4] == '.':
		n, groups = 4, 3
	case run == 12 && !p.wordAfter(start+12):
		if p.before(start).within(40, cueMAC) {
			return p.add(start, start+12, gallra.CategoryDeviceID, likely, "mac/word"), true
		}
		return 0, false
	default:
		return 0, false
	}
	sep := t[start+n]
	i := start
	letters := false
	for g := range groups {
		if g > 0 {
			if i >= len(t) || t[i] != sep {
				return 0, false
			}
			i++
		}
		if i+n > len(t) {
			return 0, false
		}
		for range n {
			if !hex(t[i]) {
				return 0, false
			}
			letters = letters || !digit(t[i])
			i++
		}
	}
	if p.wordAfter(i) || p.at0(i) == sep && hex(p.at0(i+1)) {
		return 0, false
	}
	if !letters && sep != ':' && !p.before(start).within(40, cueMAC) {
		return 0, false
	}
	return p.add(start, i, gallra.CategoryDeviceID, certain, "mac/form"), true
}

// dotted returns where the IPv4 address that begins at t[i] ends, 0 when there is none.
func dotted(t string, i int) int {
	for part := range 4 {
		if part > 0 {
			if i >= len(t) || t[i] != '.' {
				return 0
			}
			i++
		}
		n, start := 0, i
		for i < len(t) && i-start < 3 && digit(t[i]) {
			n = n*10 + int(t[i]-'0')
			i++
		}
		if i == start || n > 255 {
			return 0
		}
	}
	return i
}

// ipv6 reads an address by RFC 4291: eight groups, or fewer with one "::".
func (p *pass) ipv6(start int) (end int, ok bool) {
	t := p.t
	i, groups, gap, digits := start, 0, -1, 0
	for i < len(t) {
		j := i
		for j < len(t) && j-i < 5 && hex(t[j]) {
			j++
		}
		if j-i > 4 || groups > 8 { // the bound keeps hostile lines linear
			return 0, false
		}
		if j > i {
			if j < len(t) && t[j] == '.' && (gap >= 0 || groups == 6) { // ::ffff:192.0.2.1
				if k := dotted(t, i); k > 0 {
					groups += 2
					digits += 4
					i = k
					break
				}
			}
			groups++
			digits += j - i
			i = j
		} else if i == start && !(i+1 < len(t) && t[i] == ':' && t[i+1] == ':') {
			return 0, false
		}
		if i+1 < len(t) && t[i] == ':' && t[i+1] == ':' {
			if gap >= 0 {
				return 0, false
			}
			gap = groups
			i += 2
			if i >= len(t) || !hex(t[i]) {
				break
			}
			continue
		}
		if i+1 < len(t) && t[i] == ':' && hex(t[i+1]) {
			i++
			continue
		}
		break
	}
	if p.wordAfter(i) || gap < 0 && groups != 8 || gap >= 0 && (groups > 7 || groups < 2 || digits < 4) {
		return 0, false
	}
	return p.add(start, i, gallra.CategoryIP, certain, "ip/v6"), true
}
