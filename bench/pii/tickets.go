// Package pii measures the personal-data engine on generated tickets: the
// structured scanner alone, the whole engine, and the standard library's
// regular expressions on the same kinds.
package pii

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// Tickets returns about size bytes of Swedish and English ticket text, one
// ticket an element, the same for the same seed. Every 215 bytes or so holds an
// identifier; order numbers, dates, prices and versions stand between them.
func Tickets(size int, seed uint64) []string {
	r := rand.New(rand.NewPCG(seed, 1))
	var out []string
	for total := 0; total < size; {
		t := ticket(r)
		out = append(out, t)
		total += len(t)
	}
	return out
}

var prose = []string{
	"Hej, jag undrar över min senaste räkning som kom i förra veckan. ", "Vi har haft problem med uppkopplingen sedan i måndags och ingen svarar i växeln. ",
	"Kan ni vara snälla och återkomma så snart som möjligt? ", "Jag har försökt logga in flera gånger men får bara ett felmeddelande. ",
	"Enligt beslutet skulle bussen vända vid vår infart men det har den inte gjort på tre dagar. ", "Tack för hjälpen förra gången, det löste sig till slut. ",
	"I would like to know when the technician will arrive at our office. ", "The parcel was left outside in the rain and everything is wet. ",
	"Please let me know if you need anything else from me to close this case. ", "We have been customers for many years and this has never happened before. ",
	"Hyresgästen ovanför spelar hög musik om nätterna och vi kan inte sova. ", "Vattnet i köket luktar konstigt och trycket är väldigt lågt på morgonen. ",
	"Med vänlig hälsning och tack på förhand, ", "Det står på hemsidan att man kan ansöka om bidraget till och med sista december. ",
}

var (
	given  = []string{"Anna", "Erik", "Åsa", "Mohamed", "Lars", "Fatima", "Johan", "Karin", "Björn", "Sofia"}
	family = []string{"Andersson", "Lindqvist", "Nilsson", "Öberg", "Hassan", "Karlsson", "Ek", "Johansson"}
	street = []string{"Storgatan", "Kvarngatan", "Björkvägen", "Hamngatan", "Skolvägen"}
)

func ticket(r *rand.Rand) string {
	var b strings.Builder
	pick := func(s []string) string { return s[r.IntN(len(s))] }
	for range 4 + r.IntN(5) {
		b.WriteString(pick(prose))
		switch r.IntN(5) {
		case 0, 1:
			b.WriteString(planted(r))
		case 2:
			b.WriteString(decoy(r))
		}
	}
	fmt.Fprintf(&b, "\n%s %s\n%s %d", pick(given), pick(family), pick(street), 1+r.IntN(90))
	return b.String()
}

func decoy(r *rand.Rand) string {
	switch r.IntN(6) {
	case 0:
		return fmt.Sprintf("Ordernummer %d. ", 100000+r.IntN(900000))
	case 1:
		return fmt.Sprintf("Det var den %d/%d kl %02d:%02d. ", 1+r.IntN(28), 1+r.IntN(12), r.IntN(24), r.IntN(60))
	case 2:
		return fmt.Sprintf("Priset var %d %03d kr. ", 1+r.IntN(9), r.IntN(1000))
	case 3:
		return fmt.Sprintf("OCR %d. ", r.Int64N(1e12))
	case 4:
		return fmt.Sprintf("Version %d.%d.%d av appen. ", r.IntN(9), r.IntN(20), r.IntN(90))
	}
	return fmt.Sprintf("Datum: 2025-%02d-%02d. ", 1+r.IntN(12), 1+r.IntN(28))
}

func planted(r *rand.Rand) string {
	switch r.IntN(14) {
	case 0:
		return fmt.Sprintf("Mitt personnummer är %s. ", personnummer(r))
	case 1:
		return fmt.Sprintf("Ring 070-%03d %02d %02d. ", 100+r.IntN(900), r.IntN(100), r.IntN(100))
	case 2:
		return fmt.Sprintf("Nås på +46 70 %03d %02d %02d. ", r.IntN(1000), r.IntN(100), r.IntN(100))
	case 3, 4, 5:
		return fmt.Sprintf("Min e-post är %s.%s%d@example.se. ", strings.ToLower(given[r.IntN(2)]), "berg", r.IntN(100))
	case 6, 7:
		return fmt.Sprintf("Inloggning från %d.%d.%d.%d. ", 1+r.IntN(223), r.IntN(256), r.IntN(256), r.IntN(256))
	case 8:
		return fmt.Sprintf("Adressen är 2001:db8:%x:%x::%x. ", r.IntN(65536), r.IntN(65536), 1+r.IntN(65535))
	case 9:
		return fmt.Sprintf("MAC %02x:%02x:%02x:%02x:%02x:%02x. ", r.IntN(256), r.IntN(256), r.IntN(256), r.IntN(256), r.IntN(256), r.IntN(256))
	case 10:
		return fmt.Sprintf("Konto %s. ", iban(r))
	case 11:
		return fmt.Sprintf("Kortet är %s. ", card(r))
	case 12:
		return fmt.Sprintf("Bilen har regnr %c%c%c %03d. ", 'A'+r.IntN(8), 'J'+r.IntN(7), 'R'+r.IntN(4), r.IntN(1000))
	}
	return fmt.Sprintf("Ärendenummer %c%c-%05d. ", 'A'+r.IntN(26), 'A'+r.IntN(26), r.IntN(100000))
}

func luhnDigit(d string) byte {
	sum := 0
	for i := 0; i < len(d); i++ {
		v := int(d[len(d)-1-i] - '0')
		if i%2 == 0 {
			if v *= 2; v > 9 {
				v -= 9
			}
		}
		sum += v
	}
	return byte('0' + (10-sum%10)%10)
}

func personnummer(r *rand.Rand) string {
	d := fmt.Sprintf("%02d%02d%02d%03d", 40+r.IntN(60), 1+r.IntN(12), 1+r.IntN(28), 980+r.IntN(20))
	return "19" + d[:6] + "-" + d[6:] + string(luhnDigit(d))
}

func card(r *rand.Rand) string {
	d := fmt.Sprintf("4242%011d", r.Int64N(1e11))
	d += string(luhnDigit(d))
	return d[:4] + " " + d[4:8] + " " + d[8:12] + " " + d[12:]
}

func iban(r *rand.Rand) string {
	account := fmt.Sprintf("5000%016d", r.Int64N(1e16))
	rest := 0
	for _, c := range account + "281400" { // SE00
		rest = (rest*10 + int(c-'0')) % 97
	}
	return fmt.Sprintf("SE%02d%s", 98-rest, account)
}
