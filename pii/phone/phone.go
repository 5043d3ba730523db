// Package phone knows the number plans of the Nordic countries, Germany, the
// United Kingdom and Ireland well enough to tell a telephone number from an
// order number, and brings the written forms of one number together. Lengths
// and prefixes follow the national plans (PTS, Nkom, Digitaliseringsstyrelsen,
// Traficom, BNetzA, Ofcom, ComReg) and ITU-T E.164.
package phone

// MaxDigits is the most digits a number has after its plus sign (E.164).
const MaxDigits = 15

// CountryCode returns how many of the leading digits of d, a number without
// plus sign and prefix 00, are its country code, and 0 when no country has it.
func CountryCode(d []byte) int {
	if len(d) < 4 {
		return 0
	}
	switch d[0] {
	case '1', '7':
		return 1
	case '2':
		if d[1] == '0' || d[1] == '7' {
			return 2
		}
		return 3
	case '3':
		if d[1] == '5' || d[1] == '7' || d[1] == '8' {
			return 3
		}
		return 2
	case '4':
		if d[1] == '2' {
			return 3
		}
		return 2
	case '5':
		if d[1] == '0' || d[1] == '9' {
			return 3
		}
		return 2
	case '6':
		if d[1] >= '7' {
			return 3
		}
		return 2
	case '8':
		if d[1] == '1' || d[1] == '2' || d[1] == '4' || d[1] == '6' {
			return 2
		}
		return 3
	case '9':
		if d[1] == '6' || d[1] == '7' || d[1] == '9' {
			return 3
		}
		return 2
	}
	return 0
}

// International reports whether d, the digits after + or 00, can be a number.
func International(d []byte) bool {
	cc := CountryCode(d)
	if cc == 0 {
		return false
	}
	n := len(d) - cc
	nsn := d[cc:]
	switch string(d[:cc]) {
	case "46":
		return n >= 7 && n <= 9 && nsn[0] != '0'
	case "47":
		return n == 8 && nsn[0] >= '2'
	case "45":
		return n == 8 && nsn[0] >= '2'
	case "358":
		return n >= 6 && n <= 11 && nsn[0] != '0'
	case "49":
		return n >= 6 && n <= 12 && nsn[0] != '0'
	case "44":
		return n == 9 || n == 10
	case "353":
		return n >= 7 && n <= 9
	case "1":
		return n == 10 && nsn[0] >= '2' && nsn[3] >= '2'
	case "298", "299":
		return n == 6
	case "354":
		return n == 7 || n == 9
	}
	return n >= 6 && len(d) <= MaxDigits
}

// Swedish reports whether d, with its leading 0, fits the Swedish plan, and
// whether it is a mobile number.
func Swedish(d []byte) (mobile, ok bool) {
	n := len(d)
	if n < 8 || n > 10 || d[0] != '0' || d[1] == '0' {
		return false, false
	}
	if d[1] == '7' {
		switch d[2] {
		case '0', '2', '3', '6', '9':
			return true, n == 10
		case '7': // 0771 and kin: shared cost
			return false, n >= 9
		case '1', '4', '5', '8':
			return false, n >= 9
		}
	}
	return false, true
}

// Eight reports whether d fits the Norwegian and Danish plans: eight digits
// without area code, the first at least 2.
func Eight(d []byte) bool { return len(d) == 8 && d[0] >= '2' }

// Finnish reports whether d, with its leading 0, fits the Finnish plan, and
// whether it is a mobile number.
func Finnish(d []byte) (mobile, ok bool) {
	n := len(d)
	if n < 7 || n > 12 || d[0] != '0' || d[1] == '0' {
		return false, false
	}
	if d[1] == '4' || d[1] == '5' && d[2] == '0' {
		return true, n >= 9 && n <= 11
	}
	return false, n <= 11
}

// German reports whether d, with its leading 0, fits the German plan, and
// whether it is a mobile number.
func German(d []byte) (mobile, ok bool) {
	n := len(d)
	if n < 7 || n > 12 || d[0] != '0' || d[1] <= '1' && !(d[1] == '1' && n >= 10) {
		return false, false
	}
	if d[1] == '1' {
		return d[2] >= '5' && d[2] <= '7', true
	}
	return false, true
}

// British reports whether d, with its leading 0, fits the plan of the United
// Kingdom or Ireland, and whether it is a mobile number.
func British(d []byte) (mobile, ok bool) {
	n := len(d)
	if n < 9 || n > 11 || d[0] != '0' {
		return false, false
	}
	switch d[1] {
	case '7':
		return true, n == 11
	case '8':
		return true, n == 10 || n == 11
	case '1', '2':
		return false, n >= 9
	case '3', '9':
		return false, n == 11
	}
	return false, n == 9 || n == 10
}

// Canonical returns one form for all written forms of a number: the digits of
// E.164 without the plus sign when the country is known, and otherwise the
// digits as they stand. A number with a leading 0 is taken as belonging to the
// country whose code is given ("46"). It returns "" when value holds no number.
func Canonical(value, country string) string {
	digits := make([]byte, 0, 20)
	plus := false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c >= '0' && c <= '9':
			// "+46 (0)70": the zero in brackets is not dialled from abroad.
			if c == '0' && i > 0 && value[i-1] == '(' && i+1 < len(value) && value[i+1] == ')' && plus {
				continue
			}
			digits = append(digits, c)
		case c == '+' && len(digits) == 0:
			plus = true
		}
	}
	if len(digits) == 0 {
		return ""
	}
	if !plus && len(digits) > 3 && digits[0] == '0' && digits[1] == '0' {
		plus, digits = true, digits[2:]
	}
	switch {
	case plus:
		// "+46070…": a trunk zero that should not be there.
		if cc := CountryCode(digits); cc > 0 && len(digits) > cc && digits[cc] == '0' {
			digits = append(digits[:cc:cc], digits[cc+1:]...)
		}
		return string(digits)
	case digits[0] == '0' && country != "":
		return country + string(digits[1:])
	}
	return string(digits)
}
