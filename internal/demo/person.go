package demo

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"
)

// Person is one customer. All that could reach or identify somebody is taken
// from ranges set aside for tests and fiction.
type Person struct {
	Number       int // from 1; the person's id in the ticket system
	Given        string
	Surname      string
	Emails       []string
	Phone        string // national, without separators
	Personnummer string // YYYYMMDD-NNNN, "" for many
	Username     string
	CustomerNo   string
	Street       string
	PostalCode   string
	City         string
	Lang         string // in which the person writes: sv, en, fi, ar
}

// Name returns given name and surname.
func (p Person) Name() string { return p.Given + " " + p.Surname }

// Email returns the address the person mostly writes from.
func (p Person) Email() string { return p.Emails[0] }

// domains are reserved for documentation (RFC 2606, and example.se by the
// Swedish Internet Foundation).
var domains = []string{"example.se", "mail.example.se", "post.example.com", "bredband.example.net", "example.org", "hemma.example.com"}

var streets = []string{
	"Björkvägen", "Storgatan", "Skolvägen", "Ringvägen", "Granstigen", "Kyrkogatan", "Ängsvägen", "Åkervägen", "Sjöbacken",
	"Lövstigen", "Fågelsångsvägen", "Kvarngatan", "Mästargränd", "Östra Hamngatan", "Västra Strandgatan", "Hällvägen",
	"Ljungstigen", "Päronvägen", "Fjärilsgränd", "Tallåsvägen", "Brunnsgatan", "Smedjegatan", "Häradsvägen", "Älggatan",
}

// The telephone numbers that the Swedish Post and Telecom Authority has set
// aside for books, film and tests. The first of the mobile ones belong to the
// leading persons alone, so that they can be found by number.
func phone(r random) string {
	switch n := r.IntN(10); {
	case n < 7:
		return fmt.Sprintf("0701740%03d", r.between(605+len(cast), 699))
	case n < 8:
		return fmt.Sprintf("0846500%03d", r.between(401, 499))
	case n < 9:
		return fmt.Sprintf("0313900%03d", r.between(600, 699))
	default:
		return fmt.Sprintf("0406280%03d", r.between(400, 499))
	}
}

// testNumber returns a test number of the Swedish Tax Agency: birth numbers 980
// to 999 are given to nobody, nor are 238 and 239 from 1980 on. coordination
// makes it a samordningsnummer (day + 60).
func testNumber(born time.Time, serial int, coordination bool) string {
	y, m, d := born.Date()
	if coordination {
		d += 60
	}
	digits := fmt.Sprintf("%02d%02d%02d%03d", y%100, int(m), d, serial)
	sum := 0
	for i, c := range digits {
		x := int(c - '0')
		if i%2 == 0 {
			if x *= 2; x > 9 {
				x -= 9
			}
		}
		sum += x
	}
	return fmt.Sprintf("%04d%02d%02d-%03d%d", y, int(m), d, serial, (10-sum%10)%10)
}

// personnummer spreads persons over dates and test serials so that no two of the
// first 200 000 share one.
func personnummer(r random, i int, female bool) string {
	const days, blocks = 20_000, 10 // dates from 1941 to 1995; serials a sex
	if i >= days*blocks {
		i = r.IntN(days * blocks)
	}
	born := time.Date(1941, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, i*7919%days)
	serial := 980 + 2*(i/days)
	if i < days && born.Year() >= 1980 {
		serial = 238
	}
	if !female {
		serial++
	}
	return testNumber(born, serial, r.chance(0.03))
}

func (w *world) person(i int) Person {
	if i < len(cast) {
		return cast[i]
	}
	r := newRandom(w.seed, "person", i)
	female := r.chance(0.52)
	p := Person{Number: i + 1, Surname: w.surnames.pick(r), Lang: "sv"}
	if female {
		p.Given = w.women.pick(r)
	} else {
		p.Given = w.men.pick(r)
	}
	switch n := r.IntN(100); {
	case n < 4:
		p.Lang = "en"
	case n < 6:
		p.Lang = "fi"
	case n < 8:
		p.Lang = "ar"
	}
	given, surname := ascii(p.Given), ascii(p.Surname)
	var local string
	switch r.IntN(4) {
	case 0:
		local = fmt.Sprintf("%s.%s%d", given, surname, i)
	case 1:
		local = fmt.Sprintf("%s%s%d", given, surname[:1], i)
	case 2:
		local = fmt.Sprintf("%s_%d", surname, i)
	default:
		local = fmt.Sprintf("%s.%s.%d", surname, given[:1], i)
	}
	p.Emails = []string{local + "@" + pick(r, domains)}
	if r.chance(0.12) {
		p.Emails = append(p.Emails, fmt.Sprintf("%s%d@%s", given, i, pick(r, domains)))
	}
	if r.chance(0.7) {
		p.Phone = phone(r)
	}
	if r.chance(0.6) {
		p.Personnummer = personnummer(r, i, female)
	}
	p.Username = fmt.Sprintf("%s%d", pick(r, []string{given, surname, given + surname[:1], "villa" + surname[:1], surname + given[:1]}), i)
	p.CustomerNo = fmt.Sprintf("%08d", 40_000_000+i)
	p.Street = fmt.Sprintf("%s %d", pick(r, streets), r.between(1, 98))
	if r.chance(0.2) {
		p.Street += pick(r, []string{"A", "B", "C"})
	}
	home := pick(r, w.places)
	p.PostalCode, p.City = home.code, home.name
	return p
}

// ascii returns the form of a name that people use in addresses.
func ascii(s string) string {
	s = strings.NewReplacer("ø", "o", "Ø", "o", "æ", "ae", "ß", "ss", "ł", "l", "Ł", "l", "đ", "d", "-", "", " ", "").Replace(s)
	out, _, err := transform.String(transform.Chain(norm.NFD, runes.Remove(runes.In(unicode.Mn))), s)
	if err != nil {
		return "kund"
	}
	out = strings.Map(func(r rune) rune {
		if r > 127 || !unicode.IsLetter(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, out)
	if out == "" {
		return "kund"
	}
	return out
}

// written returns one of the ways people write a telephone number.
func written(r random, n string) string {
	if n == "" {
		return ""
	}
	area := 3
	if strings.HasPrefix(n, "08") {
		area = 2
	}
	rest := n[area:]
	switch r.IntN(5) {
	case 0:
		return n
	case 1:
		return "+46" + n[1:]
	case 2:
		return "+46 " + n[1:area] + " " + rest[:3] + " " + rest[3:]
	case 3:
		return n[:area] + "-" + rest
	default:
		return n[:area] + "-" + rest[:3] + " " + rest[3:5] + " " + rest[5:]
	}
}

// writtenPersonnummer returns one of the ways people write it.
func writtenPersonnummer(r random, n string) string {
	if n == "" {
		return ""
	}
	switch r.IntN(4) {
	case 0:
		return n
	case 1:
		return n[2:]
	case 2:
		return strings.Replace(n, "-", "", 1)
	default:
		return strings.Replace(n[2:], "-", "", 1)
	}
}
