package planted

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
)

// digits returns n random digits, the first not 0.
func digits(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('0' + r.IntN(10))
	}
	if n > 0 && b[0] == '0' {
		b[0] = '1' + byte(r.IntN(9))
	}
	return string(b)
}

// form writes value by a pattern: "#" is its next character, anything else
// stands for itself; what is left over follows.
func form(pattern, value string) string {
	var b strings.Builder
	for _, c := range pattern {
		if c == '#' && value != "" {
			b.WriteByte(value[0])
			value = value[1:]
		} else if c != '#' {
			b.WriteRune(c)
		}
	}
	return b.String() + value
}

func forms(r *rand.Rand, value string, patterns ...string) string {
	return form(pick(r, patterns...), value)
}

// withLuhn appends the digit that makes d pass Luhn's test (ISO/IEC 7812-1,
// annex B): tried out rather than computed.
func withLuhn(d string) string {
	doubled := [10]int{0, 2, 4, 6, 8, 1, 3, 5, 7, 9}
	for c := byte('0'); c <= '9'; c++ {
		s := d + string(c)
		sum := 0
		for i := range len(s) {
			v := int(s[len(s)-1-i] - '0')
			if i%2 == 1 {
				v = doubled[v]
			}
			sum += v
		}
		if sum%10 == 0 {
			return s
		}
	}
	panic("unreachable")
}

// withGS1 appends the check digit of GS1 (weights 3 and 1 from the right).
func withGS1(d string) string {
	sum := 0
	for i := range len(d) {
		w := 3
		if i%2 == 1 {
			w = 1
		}
		sum += w * int(d[len(d)-1-i]-'0')
	}
	return d + string(rune('0'+(1000-sum)%10))
}

// weighted returns the sum of d's digits times the weights, modulo 11.
func weighted(d string, weights ...int) int {
	sum := 0
	for i, w := range weights {
		sum += w * int(d[i]-'0')
	}
	return sum % 11
}

// day returns a date of birth that exists, every fourth of them late in its month.
func day(r *rand.Rand) (year, month, dayOfMonth int) {
	last := [...]int{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}
	month = 1 + r.IntN(12)
	dayOfMonth = 1 + r.IntN(28)
	if r.IntN(4) == 0 {
		dayOfMonth = last[month-1]
	}
	return 1930 + r.IntN(94), month, dayOfMonth
}

// swedish returns twelve digits; extra is added to the day (60 for a
// samordningsnummer). Birth numbers 980 to 999 are the Tax Agency's for tests.
func swedish(r *rand.Rand, extra int) string {
	y, m, d := day(r)
	return fmt.Sprintf("%02d", y/100) + withLuhn(fmt.Sprintf("%02d%02d%02d%03d", y%100, m, d+extra, 980+r.IntN(20)))
}

// written writes twelve digits in one of the ways people write such a number.
func written(r *rand.Rand, d string) string {
	switch r.IntN(14) {
	case 0:
		return d
	case 1:
		return form("########-####", d)
	case 2:
		return form("######## ####", d)
	case 3:
		return form("######-####", d[2:])
	case 4:
		return form("###### ####", d[2:])
	case 5:
		return d[2:]
	case 6:
		return form("######–####", d[2:])
	case 7:
		return form("###### - ####", d[2:])
	case 8:
		return form("## ## ##-####", d[2:])
	case 9:
		return form("###### ##-####", d)
	case 10:
		return form("######+####", d[2:])
	case 11:
		return form("########\u00ad-####", d)
	case 12:
		return form("####\u200b##-####", d[2:])
	}
	var b strings.Builder
	for _, c := range form("########-####", d) {
		if c != '-' {
			c += '０' - '0'
		}
		b.WriteRune(c)
	}
	return b.String()
}

// readOut writes ten digits as Swedish words, one by one.
func readOut(r *rand.Rand, d string) string {
	words := [...]string{"noll", "ett", "två", "tre", "fyra", "fem", "sex", "sju", "åtta", "nio"}
	var out []string
	for _, c := range d {
		out = append(out, words[c-'0'])
	}
	return strings.Join(out, pick(r, " ", " ", ", "))
}

// norwegian returns a fødselsnummer whose first check digit leaves rest (0; 1 to
// 3 from 2032). dayPlus and monthPlus make the D, H and test numbers.
func norwegian(r *rand.Rand, dayPlus, monthPlus, rest int) string {
	for {
		y, m, d := day(r)
		s := fmt.Sprintf("%02d%02d%02d%03d", d+dayPlus, m+monthPlus, y%100, r.IntN(1000))
		for k1 := range 10 {
			t := s + string(rune('0'+k1))
			if weighted(t, 3, 7, 6, 1, 8, 9, 4, 5, 2, 1) != rest {
				continue
			}
			for k2 := range 10 {
				if u := t + string(rune('0'+k2)); weighted(u, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1) == 0 {
					return u
				}
			}
		}
	}
}

// danish returns a CPR number of the 19th or 20th century.
func danish(r *rand.Rand) string {
	_, m, d := day(r)
	return fmt.Sprintf("%02d%02d%02d", d, m, 37+r.IntN(60)) + string(rune('0'+r.IntN(4))) + fmt.Sprintf("%03d", r.IntN(1000))
}

// finnish returns a henkilötunnus with any of the signs in use since 2023.
func finnish(r *rand.Rand) string {
	y, m, d := day(r)
	signs := "-YXWVU"
	if y >= 2000 {
		signs = "ABCDEF"
	}
	date, number := fmt.Sprintf("%02d%02d%02d", d, m, y%100), fmt.Sprintf("%03d", 900+r.IntN(100))
	n := new(big.Int)
	n.SetString(date+number, 10)
	rest := n.Mod(n, big.NewInt(31)).Int64()
	return date + string(signs[r.IntN(len(signs))]) + number + "0123456789ABCDEFHJKLMNPRSTUVWXY"[rest:rest+1]
}

// germanTax returns a Steuer-Identifikationsnummer (ISO/IEC 7064, mod 11,10).
func germanTax(r *rand.Rand) string {
	for {
		d := digits(r, 10)
		for c := byte('0'); c <= '9'; c++ {
			carry := 10
			for i := range 10 {
				carry = (carry + int(d[i]-'0')) % 10
				if carry == 0 {
					carry = 10
				}
				carry = carry * 2 % 11
			}
			if (carry+int(c-'0'))%10 == 1 {
				return d + string(c)
			}
		}
	}
}

// ibanForms are the countries of the IBAN registry and what follows the check
// digits: how many characters, n digits, a capitals, c either.
const ibanForms = `AD 8n12c AE 19n AL 8n16c AT 16n AZ 4a20c BA 16n BE 12n BG 4a6n8c BH 4a14c BI 23n BR 23n1a1c BY 4c4n16c CH 5n12c
	CR 18n CY 8n16c CZ 20n DE 18n DJ 23n DK 14n DO 4c20n EE 16n EG 25n ES 20n FI 14n FK 2a12n FO 14n FR 10n11c2n GB 4a14n GE 2a16n
	GI 4a15c GL 14n GR 7n16c GT 24c HN 4a20n HR 17n HU 24n IE 4a14n IL 19n IQ 4a15n IS 22n IT 1a10n12c JO 4a4n18c KW 4a22c KZ 3n13c
	LB 4n20c LC 4a24c LI 5n12c LT 16n LU 3n13c LV 4a13c LY 21n MC 10n11c2n MD 2c18c ME 18n MK 3n10c2n MN 16n MR 23n MT 4a5n18c
	MU 4a19n3a NI 4a20n NL 4a10n NO 11n OM 3n16c PK 4a16c PL 24n PS 4a21c PT 21n QA 4a21c RO 4a16c RS 18n RU 14n15c SA 2n18c SC 4a20n3a
	SD 14n SE 20n SI 15n SK 20n SM 1a10n12c SO 19n ST 21n SV 4a20n TL 19n TN 20n TR 6n16c UA 6n19c VA 18n VG 4a16n XK 16n YE 4a4n18c`

var ibanCountries = strings.Fields(ibanForms)

func iban(r *rand.Rand) string {
	k := 2 * r.IntN(len(ibanCountries)/2)
	country, shape := ibanCountries[k], ibanCountries[k+1]
	var b strings.Builder
	for n := 0; shape != ""; shape = shape[1:] {
		if c := shape[0]; c >= '0' && c <= '9' {
			n = n*10 + int(c-'0')
			continue
		}
		of := map[byte]string{'n': "0123456789", 'a': "ABCDEFGHIJKLMNOPQRSTUVWXYZ", 'c': "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"}[shape[0]]
		for ; n > 0; n-- {
			b.WriteByte(of[r.IntN(len(of))])
		}
	}
	var number strings.Builder
	for _, c := range b.String() + country + "00" {
		if c >= 'A' {
			fmt.Fprint(&number, int(c-'A')+10)
		} else {
			number.WriteRune(c)
		}
	}
	n := new(big.Int)
	n.SetString(number.String(), 10)
	s := country + fmt.Sprintf("%02d", 98-n.Mod(n, big.NewInt(97)).Int64()) + b.String()
	switch r.IntN(6) {
	case 0, 1:
		return s
	case 2:
		return strings.ToLower(s)
	case 3:
		return fours(s, "-")
	case 4:
		return fours(s, "\u00a0")
	}
	return fours(s, " ")
}

// fours writes s in groups of four.
func fours(s, sep string) string {
	var parts []string
	for len(s) > 4 {
		parts = append(parts, s[:4])
		s = s[4:]
	}
	return strings.Join(append(parts, s), sep)
}

// card returns a payment card number by the ranges that the networks publish.
func card(r *rand.Rand) (d, grouping string) {
	between := func(lo, hi int) string { return fmt.Sprint(lo + r.IntN(hi-lo+1)) }
	length, prefix := 16, ""
	switch r.IntN(10) {
	case 0, 1, 2:
		prefix = "4"
	case 3:
		prefix = between(51, 55)
	case 4:
		prefix = between(2221, 2720)
	case 5:
		prefix, length = pick(r, "34", "37"), 15
	case 6:
		prefix, length = pick(r, "36", "38", between(300, 305)), 14
	case 7:
		prefix = pick(r, "6011", "65", between(644, 649), between(622126, 622925))
	case 8:
		prefix = between(3528, 3589)
	case 9:
		prefix = pick(r, "5018", "5019", "6304", "6759", "6761")
	}
	d = withLuhn(prefix + digits(r, length-1-len(prefix)))
	return d, map[int]string{16: "#### #### #### ####", 15: "#### ###### #####", 14: "#### ###### ####"}[length]
}

// phoneAreas are Swedish area codes of two to four digits after nothing, and how
// long the subscriber's number is.
var phoneAreas = []struct {
	code string
	n    int
}{{"08", 8}, {"08", 7}, {"031", 7}, {"040", 7}, {"018", 6}, {"0480", 6}, {"0470", 5}, {"0920", 6}, {"0980", 5}, {"0565", 6}, {"011", 7}}

func swedishMobile(r *rand.Rand) string {
	return forms(r, pick(r, "070", "072", "073", "076", "079")+fmt.Sprintf("%07d", r.IntN(1e7)),
		"###-### ## ##", "###-#######", "##########", "### ### ## ##", "###-## ## ###", "### ## ## ###", "###/### ## ##", "###.###.##.##", "###–### ## ##", "### - ### ## ##", "(###) ### ## ##", "###-#### ###")
}

func swedishLandline(r *rand.Rand) string {
	a := phoneAreas[r.IntN(len(phoneAreas))]
	n := a.n
	d := digits(r, n)
	tail := map[int]string{5: "### ##", 6: "## ## ##", 7: "### ## ##", 8: "### ### ##"}[n]
	return a.code + pick(r, "-", "-", " ", "/", " - ") + pick(r, form(tail, d), form(tail, d), d)
}

// abroad returns a number with its country code; the first digits of each plan.
func abroad(r *rand.Rand) string {
	switch r.IntN(12) {
	case 0, 1, 2:
		return pick(r, "+46 ", "+46", "0046 ", "+46 (0)", "+46-") + forms(r, pick(r, "70", "72", "73", "76", "79")+fmt.Sprintf("%07d", r.IntN(1e7)), "## ### ## ##", "#########", "##-### ## ##", "## #### ###")
	case 3:
		return pick(r, "+47 ", "+47", "0047 ") + forms(r, pick(r, "4", "9", "2", "5")+fmt.Sprintf("%07d", r.IntN(1e7)), "## ## ## ##", "### ## ###", "########")
	case 4:
		return pick(r, "+45 ", "+45", "0045 ") + forms(r, pick(r, "2", "3", "5", "7")+fmt.Sprintf("%07d", r.IntN(1e7)), "## ## ## ##", "########", "#### ####")
	case 5:
		return pick(r, "+358 ", "+358") + forms(r, pick(r, "40", "44", "45", "50")+fmt.Sprintf("%07d", r.IntN(1e7)), "## ### ####", "#########", "## #######")
	case 6:
		return pick(r, "+49 ", "+49", "0049 ") + forms(r, pick(r, "151", "160", "171", "30", "40")+fmt.Sprintf("%07d", r.IntN(1e7)), "### #######", "##########", "### ### ####", "###/#######")
	case 7:
		return pick(r, "+44 ", "+44") + forms(r, "7"+digits(r, 9), "#### ######", "##########", "#### ### ###")
	case 8:
		return "+1 " + forms(r, "2"+digits(r, 2)+"2"+digits(r, 6), "### ### ####", "###-###-####", "(###) ###-####")
	case 9:
		return "+33 " + forms(r, "6"+digits(r, 8), "# ## ## ## ##", "#########")
	case 10:
		return "+48 " + forms(r, "5"+digits(r, 8), "### ### ###", "#########")
	}
	return "+354 " + forms(r, "6"+digits(r, 6), "### ####", "#######")
}

func hexDigits(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = "0123456789abcdef"[r.IntN(16)]
	}
	return string(b)
}

func ipv4(r *rand.Rand) string {
	first := 1 + r.IntN(222)
	if first == 127 {
		first = 81
	}
	return fmt.Sprintf("%d.%d.%d.%d", first, r.IntN(256), r.IntN(256), r.IntN(256))
}

func ipv6(r *rand.Rand) string {
	h := func() string { return fmt.Sprintf("%x", 1+r.IntN(65535)) }
	s := ""
	switch r.IntN(7) {
	case 0:
		s = "2001:db8:" + strings.Join([]string{h(), h(), h(), h(), h(), h()}, ":")
	case 1:
		s = "2001:db8::" + h() + ":" + h()
	case 2:
		s = "fe80::" + strings.Join([]string{h(), h(), h(), h()}, ":")
	case 3:
		s = "2a02:" + h() + ":" + h() + "::" + h()
	case 4:
		s = "::ffff:" + ipv4(r)
	case 5:
		s = "2001:0db8:0000:0000:0000:" + hexDigits(r, 4) + ":" + hexDigits(r, 4) + ":" + hexDigits(r, 4)
	case 6:
		s = "2001:db8:" + h() + ":" + h() + ":" + h() + "::"
	}
	if r.IntN(4) == 0 {
		s = strings.ToUpper(s)
	}
	return s
}

func mac(r *rand.Rand) string {
	s := forms(r, hexDigits(r, 12), "##:##:##:##:##:##", "##-##-##-##-##-##", "####.####.####")
	if r.IntN(2) == 0 {
		s = strings.ToUpper(s)
	}
	return s
}

var (
	givenNames = []string{"anna", "erik", "asa", "bjorn", "fatima", "li", "kim", "mats", "j", "sara.maria", "olle", "x"}
	surnames   = []string{"berg", "lindqvist", "o-neill", "hassan", "aalto", "muller", "b", "ek", "norgren89", "von.essen"}
	domains    = []string{"example.se", "example.com", "mail.example.org", "example.co.uk", "exempel-bolaget.se", "sub.dom.example.museum", "example.fi", "example.dk", "web.de.example"}
	idnDomains = []string{"räksmörgås.example", "åäö.se", "blåbär-ab.se", "fjällräven.example", "xn--rksmrgs-5wao1o.example", "bücher.example", "lørdag.no", "äiti.fi", "почта.рф"}
)

func mail(r *rand.Rand) string {
	local := pick(r, givenNames...) + pick(r, ".", "_", "-", "", "+") + pick(r, surnames...) + pick(r, "", "", fmt.Sprint(r.IntN(100)))
	s := local + "@" + pick(r, domains...)
	switch r.IntN(8) {
	case 0:
		s = strings.ToUpper(s)
	case 1:
		s = strings.ToUpper(s[:1]) + s[1:]
	}
	return s
}

func idnMail(r *rand.Rand) string {
	return pick(r, pick(r, givenNames...), "åsa.öberg", "björn", "märta_k", "søren") + "@" + pick(r, idnDomains...)
}

func spelledMail(r *rand.Rand) string {
	at := pick(r, " (at) ", " [at] ", "(at)", " snabel-a ", " snabela ", " (AT) ")
	dot := pick(r, " punkt ", " punkt ", ".", " dot ")
	name := pick(r, "anna", "erik.ek", "asa"+dot+"berg", "mats_norgren")
	return name + at + pick(r, "example", "exempelbolaget", "min-domän") + dot + pick(r, "se", "com", "nu")
}

func organisation(r *rand.Rand) string {
	return withLuhn(pick(r, "2", "5", "7", "8", "9") + digits(r, 1) + string(rune('2'+r.IntN(8))) + digits(r, 6))
}

func plusgiro(r *rand.Rand) string {
	d := withLuhn(digits(r, 1+r.IntN(7)))
	head, last := d[:len(d)-1], d[len(d)-1:]
	var groups []string
	for len(head) > 2 {
		groups = append([]string{head[len(head)-2:]}, groups...)
		head = head[:len(head)-2]
	}
	return strings.Join(append([]string{head}, groups...), " ") + "-" + last
}

func plateLetters(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = "ABCDEFGHJKLMNOPRSTUWXYZ"[r.IntN(23)]
	}
	return string(b)
}
