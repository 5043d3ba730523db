// Package ident finds a person's known identifiers in text, however they are
// written there: personnummer with ten or twelve digits and any separator, a
// telephone number national or with country code and in any grouping, a name
// without its diacritics, in the genitive or surname first, an address of mail
// in any case. What it is told to find it does not miss; that is what an
// erasure rests on (REQUIREMENTS H-3).
//
// Matching is by whole words: anna@example.se is not in johanna@example.se.
package ident

import (
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/pii/phone"
)

// homeCountry is the country a number with a leading 0 belongs to when two
// written forms are compared.
const homeCountry = "46"

// Normalise returns the one form that all written forms of a value share:
// personnummer as ten or twelve digits, phone as the digits of E.164 (a leading
// 0 is Swedish), mail in lower case without the part after "+", name folded,
// the others in lower case without spaces. It returns "" for a value that holds
// nothing of its kind.
func Normalise(kind gallra.IdentifierKind, value string) string {
	value = strings.TrimSpace(value)
	switch kind {
	case gallra.IdentPersonnummer:
		return strings.ToUpper(strings.ReplaceAll(Fold(value), " ", ""))
	case gallra.IdentPhone:
		return phone.Canonical(asciiDigits(value), homeCountry)
	case gallra.IdentEmail:
		return normaliseMail(value)
	case gallra.IdentName:
		return Fold(value)
	case gallra.IdentIP:
		if a, err := netip.ParseAddr(value); err == nil {
			return a.Unmap().WithZone("").String()
		}
		return strings.ToLower(value)
	case gallra.IdentUsername:
		return strings.TrimPrefix(strings.ToLower(norm.NFC.String(value)), "@")
	}
	return strings.ReplaceAll(Fold(value), " ", "")
}

// Canonical is Normalise for digests, which nothing but equality can be asked
// of: the one form that all written forms of a value share, or "" for a value too
// short to point anybody out. A personnummer has its last ten digits, with or
// without the century; a name alone is half the country.
func Canonical(kind gallra.IdentifierKind, value string) string {
	n := Normalise(kind, value)
	switch kind {
	case gallra.IdentPersonnummer:
		digits := strings.Map(func(r rune) rune {
			if r < '0' || r > '9' {
				return -1
			}
			return r
		}, n)
		if len(digits) != 10 && len(digits) != 12 {
			return ""
		}
		return digits[len(digits)-10:]
	case gallra.IdentName:
		if !strings.Contains(n, " ") {
			return ""
		}
	case gallra.IdentPhone:
		if len(n) < 7 {
			return ""
		}
	}
	return n
}

func normaliseMail(value string) string {
	value = foldMail(value)
	value = strings.Trim(value, "<>")
	value = strings.TrimPrefix(value, "mailto:")
	local, domain, ok := strings.Cut(value, "@")
	if !ok {
		return value
	}
	if i := strings.IndexByte(local, '+'); i > 0 {
		local = local[:i]
	}
	return local + "@" + domain
}

// foldMail writes an address of mail, or a part of one, in the one way that all
// its written forms share: lower case, composed, without what has no width, the
// letters of other scripts that look Latin taken for Latin.
func foldMail(s string) string {
	return strings.Map(func(r rune) rune {
		if h, ok := homoglyph[r]; ok {
			return h
		}
		return r
	}, strings.ToLower(norm.NFKC.String(stripIgnorable(s))))
}

func stripIgnorable(s string) string {
	return strings.Map(func(r rune) rune {
		if r != 0x0301 && ignorable(r) && r < 0x0300 || r >= 0x200B && ignorable(r) {
			return -1
		}
		return r
	}, s)
}

// asciiDigits rewrites the digits of other scripts.
func asciiDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x80 {
			return r
		}
		if b := appendFolded(nil, r); len(b) == 1 && b[0] >= '0' && b[0] <= '9' {
			return rune(b[0])
		}
		return r
	}, s)
}

// Equal reports whether a and b write the same identifier. A personnummer with
// ten digits equals the one with twelve; a phone number without country code
// equals the same number with any.
func Equal(kind gallra.IdentifierKind, a, b string) bool {
	na, nb := Normalise(kind, a), Normalise(kind, b)
	if na == "" || nb == "" {
		return false
	}
	if na == nb {
		return true
	}
	switch kind {
	case gallra.IdentPersonnummer:
		if len(na) != len(nb) && len(na) >= 10 && len(nb) >= 10 {
			return na[len(na)-10:] == nb[len(nb)-10:]
		}
	case gallra.IdentPhone:
		x, y := subscriber(a), subscriber(b)
		return (x.country == "" || y.country == "" || x.country == y.country) && (x.number == y.number || x.bare == y.number && x.bare != "" || x.number == y.bare && y.bare != "")
	case gallra.IdentName:
		return sameWords(na, nb)
	}
	return false
}

// sameWords reports whether two folded names have the same words in any order.
func sameWords(a, b string) bool {
	x, y := strings.Fields(a), strings.Fields(b)
	slices.Sort(x)
	slices.Sort(y)
	return len(x) > 1 && slices.Equal(x, y)
}

// line is a telephone number taken apart.
type line struct {
	country string // "" when the value does not say
	number  string // without country code and trunk zero
	bare    string // the value may also be a number without its leading country code
}

func subscriber(value string) line {
	value = asciiDigits(value)
	d := phone.Canonical(value, "")
	if d == "" {
		return line{}
	}
	trimmed := strings.TrimLeft(value, " (")
	if strings.HasPrefix(trimmed, "+") || strings.HasPrefix(trimmed, "00") {
		cc := phone.CountryCode([]byte(d))
		return line{country: d[:cc], number: d[cc:]}
	}
	if d[0] == '0' {
		return line{number: d[1:]}
	}
	l := line{number: d}
	if cc := phone.CountryCode([]byte(d)); cc > 0 && len(d) >= 10 && phone.International([]byte(d)) {
		l.bare = d[cc:]
	}
	return l
}

// Forms returns the written forms of id to ask a system's own search for: the
// systems match strings, not meanings. The first is the value as given; none
// occurs twice.
func Forms(id gallra.Identifier) []string {
	value := strings.TrimSpace(id.Value)
	if value == "" {
		return nil
	}
	out := []string{value}
	add := func(forms ...string) {
		for _, f := range forms {
			if f != "" && !slices.Contains(out, f) {
				out = append(out, f)
			}
		}
	}
	switch id.Kind {
	case gallra.IdentPersonnummer:
		add(personnummerForms(value)...)
	case gallra.IdentPhone:
		add(phoneForms(value)...)
	case gallra.IdentEmail:
		add(strings.ToLower(value), normaliseMail(value))
	case gallra.IdentName:
		add(nameForms(value)...)
	case gallra.IdentUsername:
		bare := strings.TrimPrefix(value, "@")
		add(bare, "@"+bare, strings.ToLower(bare))
	case gallra.IdentIP:
		add(Normalise(id.Kind, value))
	default:
		add(strings.ToLower(value), strings.ToUpper(value), Normalise(id.Kind, value))
	}
	return out
}

func personnummerForms(value string) []string {
	d := Normalise(gallra.IdentPersonnummer, value)
	if len(d) != 10 && len(d) != 12 {
		return nil
	}
	short := d[len(d)-10:]
	var out []string
	for _, head := range heads(d, strings.Contains(value, "+")) {
		for _, sep := range []string{"-", "", "+", " ", "–", " - "} {
			out = append(out, head+short[:6]+sep+short[6:])
		}
		if head != "" {
			out = append(out, head+short[:2]+"-"+short[2:4]+"-"+short[4:6]+"-"+short[6:],
				head+" "+short[:6]+"-"+short[6:], head+short[:4]+" "+short[4:6]+"-"+short[6:])
		}
	}
	return append(out, short[:2]+" "+short[2:4]+" "+short[4:6]+" "+short[6:])
}

// heads returns the century digits that may stand before ten digits. Without a
// known century both possible ones are searched.
func heads(d string, hundred bool) []string {
	if len(d) == 12 {
		return []string{"", d[:2]}
	}
	if hundred {
		return []string{"", "19", "18"}
	}
	return []string{"", "19", "20"}
}

func phoneForms(value string) []string {
	l := subscriber(value)
	if len(l.number) < 5 {
		return nil
	}
	country := l.country
	if country == "" {
		if len(l.number) == 8 && asciiDigits(strings.TrimLeft(value, " ("))[0] != '0' {
			return eightForms(l.number, "47", "45")
		}
		country = homeCountry
	}
	n := l.number
	if country == "47" || country == "45" {
		return eightForms(n, country)
	}
	out := []string{"0" + n, "+" + country + n, "00" + country + n, country + n, "+" + country + " " + n, "+" + country + "0" + n, "+" + country + "(0)" + n}
	for _, area := range areaLengths(country, n) {
		if area >= len(n) {
			continue
		}
		a, rest := n[:area], n[area:]
		for _, r := range append(groupings(rest), rest) {
			out = append(out, "0"+a+"-"+r, "0"+a+" "+r, "+"+country+" "+a+" "+r, "+"+country+" (0)"+a+"-"+r, "+"+country+" "+a+"-"+r, "+"+country+a+" "+r, "0"+a+"/"+r, "(0"+a+") "+r, "00"+country+" "+a+" "+r, "+"+country+"-"+a+"-"+r)
		}
	}
	return out
}

// areaLengths returns how many digits after the trunk zero may be an area code.
func areaLengths(country, n string) []int {
	switch {
	case country == homeCountry && n[0] == '7':
		return []int{2, 3}
	case country == homeCountry && n[0] == '8':
		return []int{1}
	case country == homeCountry:
		return []int{2, 3}
	}
	return []int{2, 3, 4}
}

// groupings returns the ways the digits after an area code are grouped.
func groupings(d string) []string {
	pairs := func(s string) string {
		var b strings.Builder
		if len(s)%2 == 1 {
			b.WriteString(s[:3])
			s = s[3:]
			if s != "" {
				b.WriteByte(' ')
			}
		}
		for i := 0; i < len(s); i += 2 {
			if i > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(s[i : i+2])
		}
		return b.String()
	}
	out := []string{}
	if len(d) >= 4 {
		out = append(out, pairs(d))
	}
	if len(d) >= 6 {
		out = append(out, d[:3]+" "+d[3:], d[:3]+" "+pairs(d[3:]), d[:2]+" "+d[2:])
	}
	if len(d) == 8 {
		out = append(out, d[:3]+" "+d[3:6]+" "+d[6:], d[:3]+" "+d[3:5]+" "+d[5:])
	}
	return out
}

func eightForms(n string, countries ...string) []string {
	out := []string{n}
	if len(n) == 8 {
		out = append(out, n[:2]+" "+n[2:4]+" "+n[4:6]+" "+n[6:], n[:3]+" "+n[3:5]+" "+n[5:], n[:4]+" "+n[4:])
	}
	for _, c := range countries {
		for _, f := range out[:min(4, len(out))] {
			out = append(out, "+"+c+" "+f, "+"+c+f, "00"+c+f)
		}
	}
	return out
}

// nameParts returns the given names and the last name of a name in either
// order, and no given names when it is one word.
func nameParts(value string) (given []string, last string) {
	if l, g, ok := strings.Cut(value, ","); ok && strings.TrimSpace(g) != "" { // "Lindqvist, Anna"
		return strings.Fields(g), strings.Join(strings.Fields(l), " ")
	}
	words := strings.Fields(value)
	if len(words) < 2 {
		return nil, value
	}
	return words[:len(words)-1], words[len(words)-1]
}

func nameForms(value string) []string {
	variants := []string{strings.Join(strings.Fields(value), " ")}
	if given, last := nameParts(value); len(given) > 0 {
		all := strings.Join(given, " ")
		variants = append(variants, all+" "+last, last+", "+all, last+" "+all)
		if len(given) > 1 {
			variants = append(variants, given[0]+" "+last, last+", "+given[0])
		}
	}
	var out []string
	for _, v := range variants {
		for _, f := range []string{v, plain(v), transliterate(v)} {
			out = append(out, f, genitive(f))
		}
	}
	return out
}

// plain returns s without diacritics, its case and signs kept.
func plain(s string) string {
	var b strings.Builder
	for _, r := range norm.NFD.String(s) {
		if ignorable(r) {
			continue
		}
		lower := r
		upper := false
		if l := []rune(strings.ToLower(string(r))); len(l) == 1 && l[0] != r {
			lower, upper = l[0], true
		}
		if f, ok := special[lower]; ok {
			if upper {
				f = strings.ToUpper(f[:1]) + f[1:]
			}
			b.WriteString(f)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// genitive returns the Swedish genitive of a name: -s, or nothing after s, x and z.
func genitive(s string) string {
	if s == "" {
		return ""
	}
	switch s[len(s)-1] | 0x20 {
	case 's', 'x', 'z':
		return s
	}
	return s + "s"
}
