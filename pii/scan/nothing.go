package scan

import (
	"encoding/binary"
	"math/bits"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/pii/checkdigit"
)

// nothing returns where the pass goes on behind the number that begins at t[i]
// when one look at it and beside it shows what all the readers would find out one
// by one, that it is nobody's; 0 when they are to be asked. So are most numbers of
// people's texts: "17 stolar", "kl 14.30", "den 13/6", "1 184 kr", "version 5.13.2",
// "2025-03-12", and the digits at the end of a mailbox's name. Where a reader could
// have a say, by form or by a word, the answer is 0; what words alone decide is read
// here as well (see lone).
func (p *pass) nothing(i int) int {
	d := p.masks.digitsAt(i)
	n := bits.TrailingZeros64(^d)
	if n > 12 || i < 4 || i < p.done {
		return 0
	}
	near := p.t[i-4 : i]
	before := near[3]
	end, first := i+n, 0
	after := p.at0(end)
	rest := d >> n & 0x1FF // the first bit is no digit's
	if rest != 0 && rest&2 == 0 && !p.wide(end) {
		rest = 0
	}
	if rest == 0 && after == '@' && alpha[before]&alpha[near[2]]&alpha[near[1]]&alpha[near[0]] != 0 && !hexBefore[before] {
		return end
	}
	if before == '-' && n >= 4 && n <= 8 && rest == 0 {
		return p.coded(i, n)
	}
	if !passwordEdge[before] || before == ':' || n > 7 && n != 9 && n != 12 {
		return 0
	}
	if n == 4 && d&0xFFFFF == 0x7BDEF { // four groups of four
		return p.printed(i)
	}
	sign, third := byte(0), 0
	if rest != 0 { // a second group behind one byte, maybe a third behind the same, and no fourth
		if rest&2 == 0 || after == 0 { // without a sign it stands alone
			return 0
		}
		sign, first = after, n
		d >>= n + 1
		n = bits.TrailingZeros64(^d)
		end += 1 + n
		after = p.at0(end)
		if d >>= n; d&0xFF != 0 && (d&2 != 0 || p.wide(end)) {
			if sign == '.' && after == '.' && first <= 3 && n <= 3 {
				if end := p.quad(i); end != 0 {
					return end
				}
			}
			if third = bits.TrailingZeros64(^(d >> 1)); third == 0 || third > 2 || after != sign {
				return 0
			}
			end += 1 + third
			if d >>= third + 1; d&0xFF != 0 && (d&2 != 0 || p.wide(end)) {
				return 0
			}
			after = p.at0(end)
		}
	}
	if after == ':' || !passwordEdge[after] && (after != '.' || p.at0(end+1) > ' ') || monthMay(p.t[end:]) {
		return 0
	}
	letters := 0
	if before == ' ' && alpha[near[2]] != 0 {
		letters = 1 + int(alpha[near[1]]+alpha[near[1]]&alpha[near[0]])
		if letters == 3 && i > 4 {
			letters += int(alpha[p.t[i-5]])
		}
		if letters <= 2 && near[2-letters] == '-' {
			return 0 // "HH-K 44"
		}
	}
	if letters == 2 && (sign == 0 || third > 0) && (sign == 0 && n == 6 || checkdigit.IBANLength(near[1]&^0x20, near[2]&^0x20) != 0) {
		return 0 // "QQ 123456 C", "GB 29"
	}
	if sign == 0 && (letters == 3 && n == 3 || letters == 2 && (n == 4 || n == 5 || n == 2 && after == ' ')) { // a plate: "ABC 123"
		c := p.single(i, n)
		if end, ok := p.vehicle(&c); ok {
			return end
		}
		p.noPlate = i
	}
	if sign == 0 && n <= 2 {
		return end
	}
	// A reference may have its letters before it or one behind it.
	if b := near[2]; before == ' ' && (b >= 0x80 || b >= 'A' && b <= 'Z') && p.prefix(i) != i {
		return 0
	}
	if b := p.at0(end + 1); after == ' ' && b >= 'A' && b <= 'Z' && !asciiLetter(p.at0(end+2)) {
		return 0
	}
	switch {
	case third > 0:
		return p.threeNothing(i, end, sign, first, n, third)
	case sign == 0:
		return p.lone(i, end)
	case sign == '.' && first <= 2 && n <= 2:
		return end
	case sign == ':' && first <= 2 && n <= 2 && !(before == ' ' && p.named(i-1)):
		return end
	case sign == ',' && first <= 3 && n <= 2 && letters != 3: // "17,8", "165,50"
		if first <= 2 || before == ' ' && p.boxNumber(i) || p.before(i).seen&naming == 0 {
			return end
		}
	case sign == ' ' && first <= 3 && n == 3 && letters != 2 && (letters != 3 || first != 3): // "1 184"
		if p.unitAfter(end) {
			return end
		}
		if after != '@' && after != '=' && !(before == ' ' && p.boxNumber(i)) && p.before(i).seen&(naming|cueAccount) == 0 {
			p.before(i + first + 1) // as the readers of the second group do
			return end
		}
	case sign == '/' && first <= 2 && n <= 2: // too small for all words but those of codes
		if first+n < 3 || after == '@' || after == '=' || p.unitAfter(end) || before == ' ' && p.boxNumber(i) || p.before(i).seen&cueSecret == 0 {
			return end
		}
	}
	return 0
}

// lone is nothing for three to seven, nine or twelve digits at t[i:end] that stand
// alone: of these lengths a number is no telephone number and no person's unless it
// begins like one, and a date only of six. The readers of accounts and references
// go by the words alone, and what is left for a reference's to decide is read here,
// for order numbers are common.
func (p *pass) lone(i, end int) int {
	n, after := end-i, p.at0(end)
	none := after == '@' || after == '=' || p.unitAfter(end)
	if n <= 5 {
		if none || p.t[i-1] == ' ' && p.boxNumber(i) {
			return end
		}
	} else if first := two(p.t, i); none || first < 10 || n == 12 && (first == 16 || first >= 18 && first <= 20) {
		return 0
	}
	if b := p.at0(end + 2); n == 6 && digit(b) {
		return 0 // "850822 T220"
	}
	before := p.before(i)
	if n > 5 {
		if before.seen&(cueAccount|cueBankgiro|cuePlusgiro) != 0 || n == 6 && before.seen&(cueBirth|cueBorn) != 0 {
			return 0
		}
		if before.seen&naming != 0 && p.t[i-1] == ' ' && p.boxNumber(i) {
			return end
		}
	}
	if before.seen&naming == 0 {
		return end
	}
	customer := before.nearest(cueCustomer)
	best := min(customer, before.nearest(naming&^(cueCustomer|cuePhone|cuePhoneWeak)))
	not := before.nearest(namingAgainst)
	switch call := before.nearest(cuePhone); {
	case n > 5 && call <= 24 && call < min(best, not):
		return 0
	case best > 40 || not <= best:
		return end
	case best != customer || n < 5 || n == 5 && after == ' ': // of five, perhaps a postcode
		return 0
	case customer <= 30:
		return p.add(i, end, gallra.CategoryCustomerID, likely, "customer_id/word")
	}
	return end
}

// wide reports whether a separator of several bytes stands between the number that
// ends at end and the next, which comes soon: in "13/6 kl 05" there is none.
func (p *pass) wide(end int) bool {
	if b := p.at0(end + 1); asciiLetter(b) {
		return false
	}
	_, _, ok := wideSeparator(p.t, end)
	return ok
}

// single makes the phrase that n digits at t[i] are, behind which none follow, and
// returns the place in it where readers are asked that look at its shape alone.
func (p *pass) single(i, n int) candidate {
	ph := &p.ph
	ph.n, ph.kinds, ph.odd, ph.quiet, ph.end = 1, 0, false, false, i+n
	ph.group[0] = group{end: uint8(n)}
	binary.LittleEndian.PutUint32(ph.lens[:], uint32(n))
	return candidate{base: i, start: i, end: i + n, letters: p.lettersBefore(i, false), dateless: true}
}

// coded reads the reference that n digits at t[i], behind a dash, are the end of:
// "AB-12345", up to four capitals with a space before and nothing joined to the
// digits. It is no address in hexadecimal, no account and no password; it may be
// the plate of a car where a word says so, which is left to its reader. It returns
// 0 where others are to be asked.
func (p *pass) coded(i, n int) int {
	t, end := p.t, i+n
	after := p.at0(end)
	if after == ':' || !passwordEdge[after] && (after != '.' || p.at0(end+1) > ' ') {
		return 0
	}
	if b := p.at0(end + 1); after == ' ' && b >= 'A' && b <= 'Z' && !asciiLetter(p.at0(end+2)) {
		return 0 // a letter belongs to it
	}
	start := i - 1
	for start > p.done && i-start < 6 && t[start-1] >= 'A' && t[start-1] <= 'Z' {
		start--
	}
	letters := i - 1 - start
	if letters == 0 || letters > 4 || start < 1 || t[start-1] != ' ' || p.prefix(start) != start {
		return 0
	}
	if letters == 2 && n <= 5 && t[start:i-1] != "NR" && p.before(start).seen&cueVehicle != 0 {
		return 0
	}
	c := p.single(i, n)
	if e, ok := p.cued(start, end, &c); ok {
		return e
	}
	return end
}

// printed reads the number of a card that begins at t[i] and is written as it is
// printed: four groups of four digits with spaces between them, and alone. It returns
// 0 where others are to be asked.
func (p *pass) printed(i int) int {
	const long = 4*4 + 3
	t, end := p.t, i+long
	x := t[i:end]
	if x[4] != ' ' || x[9] != ' ' || x[14] != ' ' || x[0] < '2' || x[0] > '6' {
		return 0
	}
	if d := p.masks.digitsAt(i) >> long; d&0xFF != 0 && (d&2 != 0 || p.wide(end)) {
		return 0
	}
	if after := p.at0(end); after == ':' || !passwordEdge[after] && (after != '.' || p.at0(end+1) > ' ') || t[i-1] == ' ' && alpha[t[i-2]] != 0 && p.countryBefore(i) {
		return 0
	}
	var d [16]byte
	copy(d[:], x[:4])
	copy(d[4:], x[5:9])
	copy(d[8:], x[10:14])
	copy(d[12:], x[15:])
	if !checkdigit.Card(d[:]) {
		return 0
	}
	if score, rule := p.cardWords(i, true, false); score > 0 {
		return p.add(i, end, gallra.CategoryCard, score, rule)
	}
	return 0
}

// quad reads the address of four numbers with dots that begins at t[i] and stands
// alone, when it can be no version. It returns 0 where others are to be asked.
func (p *pass) quad(i int) int {
	t, d := p.t, p.masks.digitsAt(i)
	first, digits, end := 0, 0, i
	for k := range 4 {
		n := bits.TrailingZeros64(^d)
		if n == 0 || n > 3 || n > 1 && t[end] == '0' || n == 3 && t[end:end+3] > "255" {
			return 0
		}
		if digits += n; k == 0 {
			first = n
		}
		d >>= n
		if end += n; k < 3 {
			if p.at0(end) != '.' {
				return 0
			}
			end++
			d >>= 1
		}
	}
	if (first == 1 || first == 2 && t[i] < '4') && digits <= 8 || d&0xFF != 0 && (d&2 != 0 || p.wide(end)) {
		return 0
	}
	if after := p.at0(end); after == ':' || !passwordEdge[after] && (after != '.' || p.at0(end+1) > ' ') {
		return 0
	}
	number := 0
	for _, b := range []byte(t[i : i+first]) {
		number = number*10 + int(b-'0')
	}
	if nobodys(number, t[i:end]) {
		return 0
	}
	return p.add(i, end, gallra.CategoryIP, certain, "ip/v4")
}

// threeNothing is nothing for three groups of digits with the same sign between
// them, of these lengths, from t[i] to t[end]: versions of programs, and dates that
// no word makes a birthday.
func (p *pass) threeNothing(i, end int, sign byte, first, second, third int) int {
	date := false
	switch {
	case sign == '.' && first <= 2 && second <= 2:
		if third == 2 {
			a, b, c := p.few(i, first), p.few(i+first+1, second), p.few(end-2, 2)
			date = checkdigit.Date(c, b, a) || checkdigit.Date(c, a, b) || first == 2 && checkdigit.Date(a, b, c)
		}
	case sign == '-' && first == 4 && second == 2 && third == 2:
		year := two(p.t, i)*100 + two(p.t, i+2)
		if date = year > 1850 && year < 2100 && checkdigit.Date(year, two(p.t, i+5), two(p.t, i+8)); !date {
			return 0
		}
	default:
		return 0
	}
	if date && p.before(i).seen&(cueBirth|cueBorn) != 0 {
		return 0
	}
	return end
}

// few returns the number that one or two digits at t[i] write.
func (p *pass) few(i, n int) int {
	if n == 1 {
		return int(p.t[i] - '0')
	}
	return two(p.t, i)
}

// two returns the number that two digits at t[i] write.
func two(t string, i int) int { return int(t[i]-'0')*10 + int(t[i+1]-'0') }

// named reports whether a word with a capital ends at i, as that of a property
// does: "Forsa 3:18".
func (p *pass) named(i int) bool {
	w := i
	for w > p.done && letter(p.t[w-1]) {
		w--
	}
	return i-w >= 2 && capital(p.t, w)
}
