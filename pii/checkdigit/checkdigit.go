// Package checkdigit holds the check digits, dates and forms of the numbers
// that point out people, firms and accounts in the Nordic countries and
// Germany. Every function takes the bare ASCII digits, separators removed, and
// answers whether the number can exist; none of them looks anything up.
package checkdigit

// Luhn reports whether d passes the Luhn test (ISO/IEC 7812-1 annex B).
func Luhn(d []byte) bool {
	if len(d) == 0 {
		return false
	}
	sum, i := 0, len(d)-1
	for ; i > 0; i -= 2 { // without a branch on any digit
		sum += int(d[i]-'0') + int(doubled[(d[i-1]-'0')&15])
	}
	if i == 0 {
		sum += int(d[0] - '0')
	}
	return sum%10 == 0
}

// doubled holds the digit sums of twice the digits.
var doubled = [16]uint8{0, 2, 4, 6, 8, 1, 3, 5, 7, 9}

// two returns the number d[i:i+2] writes.
func two(d []byte, i int) int { return int(d[i]-'0')*10 + int(d[i+1]-'0') }

// Date reports whether year-month-day exists in the calendar. A year under 100
// has no century: 29 February then passes when any century would allow it.
func Date(year, month, day int) bool {
	if month < 1 || month > 12 || day < 1 {
		return false
	}
	last := 31
	switch month {
	case 4, 6, 9, 11:
		last = 30
	case 2:
		last = 28
		if year%4 == 0 && (year < 100 || year%100 != 0 || year%400 == 0) {
			last = 29
		}
	}
	return day <= last
}

// Swedish says what kind of Swedish number ten or twelve digits are.
type Swedish int

// The kinds of Swedish number.
const (
	NotSwedish Swedish = iota
	Personnummer
	Samordningsnummer
	Organisation
)

// SwedishNumber classifies ten digits (YYMMDDNNNC) or twelve (with century, or
// with the prefix 16 of an organisation number).
//
// A personnummer has a day that exists. A samordningsnummer has the day plus
// 60, month 00 and day 60 when the birth date is unknown, and need not be a day
// that exists: all of these occur in the Tax Agency's official test list. An
// organisation number has a third digit of at least 2 (SFS 1974:174).
func SwedishNumber(d []byte) Swedish {
	year := -1
	switch len(d) {
	case 10:
	case 12:
		century := two(d, 0)
		if century == 16 {
			if d[4] >= '2' && d[2] != '0' && Luhn(d[2:]) {
				return Organisation
			}
			return NotSwedish
		}
		if century < 18 || century > 20 {
			return NotSwedish
		}
		year = century*100 + two(d, 2)
		if year > 2049 { // not yet born, whenever this is read
			return NotSwedish
		}
		d = d[2:]
	default:
		return NotSwedish
	}
	month, day := two(d, 2), two(d, 4)
	if d[6] == '0' && d[7] == '0' && d[8] == '0' && month <= 12 { // birth numbers begin at 001
		return NotSwedish
	}
	if year < 0 {
		year = two(d, 0)
	}
	switch {
	case month <= 12 && day >= 60 && day <= 91:
		if Luhn(d) {
			return Samordningsnummer
		}
	case Date(year, month, day):
		if Luhn(d) {
			return Personnummer
		}
	case d[2] >= '2' && d[0] != '0' && len(d) == 10 && year < 100:
		if Luhn(d) {
			return Organisation
		}
	}
	return NotSwedish
}

// mod11 returns the weighted sum of d modulo 11.
func mod11(d []byte, w []int) int {
	s := 0
	for i, v := range w {
		s += v * int(d[i]-'0')
	}
	return s % 11
}

var (
	norwegianFirst  = []int{3, 7, 6, 1, 8, 9, 4, 5, 2, 1}
	norwegianSecond = []int{5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1}
	norwegianBank   = []int{5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1}
	danishWeights   = []int{4, 3, 2, 7, 6, 5, 4, 3, 2, 1}
)

// Norwegian reports whether eleven digits are a fødselsnummer or one of its
// kin: D-number (day + 40), H-number (month + 40), the health network's test
// numbers (month + 65) and Tenor's synthetic ones (month + 80). From 2032 the
// first check digit may leave a rest of 0 to 3; the second always leaves 0.
func Norwegian(d []byte) bool {
	if len(d) != 11 {
		return false
	}
	day, month := two(d, 0), two(d, 2)
	if day > 40 {
		day -= 40
	}
	switch {
	case month > 80:
		month -= 80
	case month > 65 && month <= 77:
		month -= 65
	case month > 40:
		month -= 40
	}
	return Date(two(d, 4), month, day) && mod11(d, norwegianSecond) == 0 && mod11(d, norwegianFirst) <= 3
}

// NorwegianStrict is Norwegian by the check digits in use before 2032.
func NorwegianStrict(d []byte) bool { return Norwegian(d) && mod11(d, norwegianFirst) == 0 }

// NorwegianAccount reports whether eleven digits are a Norwegian bank account (modulo 11).
func NorwegianAccount(d []byte) bool { return len(d) == 11 && mod11(d, norwegianBank) == 0 }

// Danish reports whether ten digits have the form of a CPR number: a day that
// exists in the century the seventh digit says. The modulo 11 test was given
// up in 2007, so Danish does not demand it; see DanishMod11.
func Danish(d []byte) bool {
	if len(d) != 10 {
		return false
	}
	year, day := two(d, 4), two(d, 0)
	switch c := d[6]; {
	case c <= '3':
		year += 1900
	case c == '4' || c == '9':
		if year <= 36 {
			year += 2000
		} else {
			year += 1900
		}
	default:
		if year <= 57 {
			year += 2000
		} else {
			year += 1800
		}
	}
	if day > 60 { // replacement numbers of the administration
		day -= 60
	}
	return Date(year, two(d, 2), day)
}

// DanishMod11 reports whether a CPR number passes the test of before 2007.
func DanishMod11(d []byte) bool { return Danish(d) && mod11(d, danishWeights) == 0 }

// Finnish reports whether six digits, a century sign, three digits and a check
// character are a henkilötunnus, by the signs in use since 2023. Numbers
// 900 to 999 are temporary and count.
func Finnish(date []byte, sign byte, number []byte, check byte) bool {
	if len(date) != 6 || len(number) != 3 {
		return false
	}
	year := two(date, 4)
	switch sign {
	case '+':
		year += 1800
	case '-', 'Y', 'X', 'W', 'V', 'U':
		year += 1900
	case 'A', 'B', 'C', 'D', 'E', 'F':
		year += 2000
	default:
		return false
	}
	if !Date(year, two(date, 2), two(date, 0)) {
		return false
	}
	n := 0
	for _, c := range date {
		n = n*10 + int(c-'0')
	}
	for _, c := range number {
		n = n*10 + int(c-'0')
	}
	return "0123456789ABCDEFHJKLMNPRSTUVWXY"[n%31] == check
}

// GermanTaxID reports whether eleven digits are a Steuer-Identifikationsnummer
// (ISO/IEC 7064 mod 11,10). A leading zero marks a test number and passes.
func GermanTaxID(d []byte) bool { return len(d) == 11 && iso11x10(d) }

func iso11x10(d []byte) bool {
	p := 10
	for _, c := range d[:10] {
		s := (int(c-'0') + p) % 10
		if s == 0 {
			s = 10
		}
		p = s * 2 % 11
	}
	return (11-p)%10 == int(d[10]-'0')
}

// SwissAHV reports whether thirteen digits are a Swiss social security number.
func SwissAHV(d []byte) bool {
	return len(d) == 13 && d[0] == '7' && d[1] == '5' && d[2] == '6' && GS1(d)
}

// GS1 reports whether d passes the GS1 check digit: EAN, GSRN, meter points.
func GS1(d []byte) bool {
	if len(d) < 2 {
		return false
	}
	s := 0
	for i, c := range d {
		v := int(c - '0')
		if (len(d)-1-i)%2 == 1 {
			v *= 3
		}
		s += v
	}
	return s%10 == 0
}

// MeterPoint reports whether eighteen digits are a GS1 number of an energy
// meter point in Sweden (735999), Norway (707057), Denmark (571313) or Finland (6430).
func MeterPoint(d []byte) bool {
	if len(d) != 18 {
		return false
	}
	switch string(d[:6]) {
	case "735999", "707057", "571313":
	default:
		if string(d[:4]) != "6430" {
			return false
		}
	}
	return GS1(d)
}

// IMEI reports whether fifteen digits are a handset's number: Luhn, and a
// reporting body that exists.
func IMEI(d []byte) bool {
	if len(d) != 15 || !Luhn(d) {
		return false
	}
	switch two(d, 0) {
	case 1, 10, 30, 33, 35, 44, 45, 49, 50, 51, 52, 53, 54, 86, 91, 98, 99:
		return true
	}
	return false
}

// Card reports whether d is a payment card number: Luhn, and an issuer range
// and length that belong together (ISO/IEC 7812).
func Card(d []byte) bool {
	return issued(d) && Luhn(d)
}

// issued reports whether d has the first digits and the length of a card.
func issued(d []byte) bool {
	n := len(d)
	if n < 12 || n > 19 {
		return false
	}
	p2 := two(d, 0)
	p4 := p2*100 + two(d, 2)
	switch {
	case d[0] == '4':
		return n == 16 || n == 13 || n == 19
	case p2 >= 51 && p2 <= 55, p4 >= 2221 && p4 <= 2720:
		return n == 16
	case p2 == 34 || p2 == 37:
		return n == 15
	case p2 == 36 || p2 == 38 || p2 == 39 || p4 >= 3000 && p4 <= 3059:
		return n == 14 || n == 16
	case p4 == 6011 || p2 == 65 || p4 >= 6440 && p4 <= 6499 || p2 == 62:
		return n >= 16
	case p4 >= 3528 && p4 <= 3589:
		return n >= 16
	case p2 == 50 || p2 >= 56 && p2 <= 58 || p2 == 63 || p2 == 67:
		return n == 16 || n == 18 || n == 19
	}
	return false
}

// Modulo97 reports whether s, an IBAN without spaces and in upper case, has a
// remainder of 1 (ISO 13616).
func Modulo97(s []byte) bool {
	if len(s) < 5 {
		return false
	}
	r, ok := rest97(0, s[4:])
	if ok {
		r, ok = rest97(r, s[:4])
	}
	return ok && r%97 == 1
}

// rest97 goes on from r with the digits and letters of s; what it returns has the
// remainder of the whole. The division waits until there is no room: each would
// wait for the one before.
func rest97(r uint64, s []byte) (uint64, bool) {
	for _, c := range s {
		if r > 1<<56 {
			r %= 97
		}
		switch {
		case c >= '0' && c <= '9':
			r = r*10 + uint64(c-'0')
		case c >= 'A' && c <= 'Z':
			r = r*100 + uint64(c-'A') + 10
		default:
			return 0, false
		}
	}
	return r, true
}

// IBANLength returns how long an IBAN of the country is, 0 when the country has none.
func IBANLength(a, b byte) int {
	if a < 'A' || a > 'Z' || b < 'A' || b > 'Z' {
		return 0
	}
	return int(ibanLength[int(a-'A')*26+int(b-'A')])
}

var ibanLength = func() (t [26 * 26]uint8) {
	for country, n := range map[string]uint8{
		"AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29,
		"BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29,
		"ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28,
		"HN": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20,
		"LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22,
		"MK": 19, "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29, "PT": 25,
		"QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24,
		"TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
	} {
		t[int(country[0]-'A')*26+int(country[1]-'A')] = n
	}
	return t
}()
