package scan_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gallra/gallra/pii/scan"
)

// hit is one expected finding as "CATEGORY:text".
func find(s *scan.Scanner, text string) []string {
	var out []string
	for _, sp := range s.Append(nil, text) {
		out = append(out, string(sp.Kind)+":"+text[sp.Start:sp.End])
	}
	return out
}

func TestS32_KindsInRunningText(t *testing.T) {
	t.Parallel()
	s := scan.New("", 0.5)
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"personnummer, phone, mail, ip", "Mitt pnr är 19850822-9914, tel 070-174 06 71 eller anna.berg@example.se. IP 192.0.2.1",
			[]string{"PERSONNUMMER:19850822-9914", "PHONE:070-174 06 71", "EMAIL:anna.berg@example.se", "IP:192.0.2.1"}},
		{"iban and card", "SE85 5000 0000 0508 9749 9334 kort 4242 4282 9363 4260",
			[]string{"BANK_ACCOUNT:SE85 5000 0000 0508 9749 9334", "CARD:4242 4282 9363 4260"}},
		{"mac and ipv6", "MAC 64:95:63:c4:ee:ee och 2001:db8:12:a8::5", []string{"DEVICE_ID:64:95:63:c4:ee:ee", "IP:2001:db8:12:a8::5"}},
		{"full-width and zero-width", "８５０８２２-9914 8508\u200b22-9914", []string{"PERSONNUMMER:８５０８２２-9914", "PERSONNUMMER:8508\u200b22-9914"}},
		{"reference, password", "Ärende BUN 2025/318 lösenord Bullen2015!", []string{"CUSTOMER_ID:BUN 2025/318", "SECRET:Bullen2015!"}},
		{"nothing", "Vi ses kl 14:05 den 3/4, det kostar 1 129,00 kr (faktura 900338). Version 10.2.0.1 gäller från 2025-11-02.", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			same(t, find(s, tt.text), tt.want)
		})
	}
}

func same(t *testing.T, got, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("got %q, want %q", got[i], want[i])
		}
	}
}

// Four small numbers are an address or a version by the words around them.
func TestS32_AddressOrVersion(t *testing.T) {
	t.Parallel()
	s := scan.New("", 0.5)
	for text, want := range map[string][]string{
		"Inloggning från 10.18.4.77 kl 9.02, klient 5.0.21.3":         {"IP:10.18.4.77"},
		"Min publika adress är 5.150.2.31.":                           {"IP:5.150.2.31"},
		"Kunden sitter på 203.0.113.9 i dag":                          {"IP:203.0.113.9"},
		"10.2.0.9":                                                    {"IP:10.2.0.9"},
		"2.3.4.5 - - [10/Oct/2025:13:55:36 +0200] \"GET / HTTP/1.1\"": {"IP:2.3.4.5"},
		"gå till http://10.0.0.5/admin":                               {"IP:10.0.0.5"},
		"root@10.0.0.5 svarar inte":                                   {"IP:10.0.0.5"},
		"porten är 10.0.0.5:8443":                                     {"IP:10.0.0.5"},
		"Uppdatera från 8.2.10.1 till 8.2.11.3":                       nil,
		"min app är 1.0.88.2, hälsningar":                             nil,
		"Version 8.2.0 (build 10.2.118.4)":                            nil,
		"6.4.11.3 virkede uden problemer":                             nil,
		"mask 255.255.255.0, dns 8.8.8.8 och localhost 127.0.0.1":     nil,
		"multicast 239.255.255.250":                                   nil,
	} {
		t.Run(text, func(t *testing.T) { same(t, find(s, text), want) })
	}
}

// findWords is find with what stands in words added.
func findWords(s *scan.Scanner, text string) []string {
	got := find(s, text)
	for _, sp := range s.AppendWords(nil, text) {
		if hit := string(sp.Kind) + ":" + text[sp.Start:sp.End]; !slices.Contains(got, hit) {
			got = append(got, hit)
		}
	}
	return got
}

// Passwords, codes and keys in running text are SECRET, for the rule that masks
// at once; campaign codes, order numbers and complaints about passwords are not.
func TestH13_SecretsInText(t *testing.T) {
	t.Parallel()
	s := scan.New("", 0.5)
	for text, want := range map[string][]string{
		"Mitt lösenord är Sommar2024! och det funkar inte":               {"SECRET:Sommar2024!"},
		"Lösenord: Tyttebær!2025":                                        {"SECRET:Tyttebær!2025"},
		"lösenord: blåbärspaj\nhälsningar":                               {"SECRET:blåbärspaj"},
		"password=hunterhunter, snälla hjälp":                            {"SECRET:hunterhunter"},
		"Passwort: \"Kirschbaum\"":                                       {"SECRET:Kirschbaum"},
		"PIN-kod 4471":                                                   {"SECRET:4471"},
		"Portkoden är 1937#":                                             {"SECRET:1937#"},
		"BankID-koden till dosan: engångskod 662 018":                    {"SECRET:662 018"},
		"Kortet 4242 4282 9363 4260 09/27 318":                           {"CARD:4242 4282 9363 4260", "SECRET:318"},
		"mitt lösen är qwerty1":                                          {"SECRET:qwerty1"},
		"pw: hunterhunter":                                               {"SECRET:hunterhunter"},
		"nyckeln sk_live_4eC39HqLyjWDarjtT1zdp7dc ligger i koden":        {"SECRET:sk_live_4eC39HqLyjWDarjtT1zdp7dc"},
		"API-avain, jota käytämme testissä, on gk_test_9fQ2xL0aTb77.":    {"SECRET:gk_test_9fQ2xL0aTb77"},
		"Fri frakt med koden SVENNE15":                                   nil,
		"Now 49.99 with code HOPE15":                                     nil,
		"Lösenord: glömt":                                                nil,
		"Lösenordet: går det att återställa det själv?":                  nil,
		"Hej, jag har glömt mitt lösenord. Kan ni skicka ett nytt i dag": nil,
		"Sort code: 20-00-00":                                            nil,
	} {
		t.Run(text, func(t *testing.T) { same(t, findWords(s, text), want) })
	}
}

// Mistyped addresses of mail are found; what only looks like one is not.
func TestS32_MistypedAddresses(t *testing.T) {
	t.Parallel()
	s := scan.New("sv", 0.5)
	for text, want := range map[string][]string{
		"maila kalle@exempel,se tack":         {"EMAIL:kalle@exempel,se"},
		"kalle@exempel . se":                  {"EMAIL:kalle@exempel . se"},
		"kalle@exempel .se":                   {"EMAIL:kalle@exempel .se"},
		"kalle@exempel..com":                  {"EMAIL:kalle@exempel..com"},
		"kalle@ exempel.se":                   {"EMAIL:kalle@ exempel.se"},
		"kalle@@exempel.se":                   {"EMAIL:kalle@@exempel.se"},
		"kalle.@exempel.se":                   {"EMAIL:kalle.@exempel.se"},
		"k.berg @exempel.se":                  {"EMAIL:k.berg @exempel.se"},
		"kalle @gmail.com":                    {"EMAIL:kalle @gmail.com"},
		"kalle@gmail tack":                    {"EMAIL:kalle@gmail"},
		"kalle.berg@kommunen, tack":           {"EMAIL:kalle.berg@kommunen"},
		"kalle(a)exempel.se":                  {"EMAIL:kalle(a)exempel.se"},
		"kalle [A] exempel.se":                {"EMAIL:kalle [A] exempel.se"},
		"Skriv till kalle@exempel.se. Se dit": {"EMAIL:kalle@exempel.se"},
		"följ oss @exempel":                   {"USERNAME:@exempel"},
		"Ja, det gör jag. @exempel.lena":      {"USERNAME:@exempel.lena"},
		"ssh root@localhost":                  nil,
		"3 st@20 kr":                          nil,
		"punkt (a) eller (b) i avtalet. Ja":   nil,
	} {
		t.Run(text, func(t *testing.T) { same(t, findWords(s, text), want) })
	}
}

// After a word that promises a telephone number comes one, though no country's
// plan has it: without area code, without the plus sign, foreign, in one's own
// groups. Times, amounts, dates and other things' numbers are none.
func TestS32_NumbersPromisedByAWord(t *testing.T) {
	t.Parallel()
	s := scan.New("sv", 0.5)
	for text, want := range map[string][]string{
		"Ring hem: 123 45 67 (Göteborg)":                      {"PHONE:123 45 67"},
		"ring 46735551234":                                    {"PHONE:46735551234"},
		"whatsapp: 46 73 555 12 34":                           {"PHONE:46 73 555 12 34"},
		"mobil 45 20 12 34 56":                                {"PHONE:45 20 12 34 56"},
		"Mobil: 7 0 1 2 3 4 5 6 7":                            {"PHONE:7 0 1 2 3 4 5 6 7"},
		"tel. 512 345 678":                                    {"PHONE:512 345 678"},
		"tel#512345678":                                       {"PHONE:512345678"},
		"Nå mig på +46(0)701234567":                           {"PHONE:+46(0)701234567"},
		"Ring mig kl 13 30 eller 14 45":                       nil,
		"Ring mig 2024-05-12 efter 14":                        nil,
		"mobil kostar 12 990 kr":                              nil,
		"telefonen kostar 1 299 500":                          nil,
		"Ring mig ang faktura 123456789":                      nil,
		"ring oss om positionen 59.329323":                    nil,
		"swish: 1231234567":                                   nil,
		"mobilabonnemang 2023-11-02 till 2024-11-02":          nil,
		"Ring 15 000 000 personer, och ring sedan 4 gånger!!": nil,
	} {
		t.Run(text, func(t *testing.T) { same(t, find(s, text), want) })
	}
}

// Random addresses are found in texts that say nothing of addresses, and all of
// them in texts that do.
func TestS32_RandomAddresses(t *testing.T) {
	t.Parallel()
	s := scan.New("sv", 0.5)
	r := rand.New(rand.NewPCG(3, 4))
	const n = 20000
	for carrier, most := range map[string]int{"Det står %s på lappen.": n * 3 / 1000, "Inloggning från %s kl 9": 0, "IP %s": 0} {
		missed := 0
		for range n {
			first := 1 + r.IntN(222)
			if first == 127 {
				first = 128
			}
			address := fmt.Sprintf("%d.%d.%d.%d", first, r.IntN(256), r.IntN(256), r.IntN(256))
			if !slices.Contains(find(s, fmt.Sprintf(carrier, address)), "IP:"+address) {
				missed++
			}
		}
		if missed > most {
			t.Errorf("%q: %d of %d addresses missed", carrier, missed, n)
		}
	}
}

// The walk reads several bytes at a time: where a finding stands in the text
// must not matter to it.
func TestS32_PlaceInTheTextChangesNothing(t *testing.T) {
	t.Parallel()
	s := scan.New("sv", 0.5)
	for _, value := range []string{"19850822-9914", "070-174 06 71", "anna.berg@example.se", "::ffff:192.0.2.1", "fe80::1:22ab", "lilla_my_72", "＠ ８５０８２２-9914"} {
		for before := range 70 {
			for after := range 34 {
				text := strings.Repeat("x", before) + "\n" + value + "\n" + strings.Repeat("y", after)
				got := s.Append(nil, text)
				if len(got) != 1 || got[0].End != len(text)-after-1 {
					t.Fatalf("%q behind %d bytes, %d after: %+v", value, before, after, got)
				}
			}
		}
	}
}

// What planted texts showed: a word of one sentence does not speak against the
// value of the next, and numbers with a form of their own are not cut out of others.
func TestS32_WordsOfOtherSentences(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		lang, text string
		want       []string
	}{
		{"sv", "Faktura 443380835677. Köpet gjordes på 4242 4282 9363 4260, vill ni se kvittot?", []string{"CARD:4242 4282 9363 4260"}},
		{"sv", "Faktura 4242428293634260", nil},
		{"no", "Fakturanr. 5115459399. (15127571829)\nVarenr. 1", []string{"NATIONAL_ID:15127571829"}},
		{"no", "Fakturanr. 5115459399. (15127571828)\nVarenr. 1", nil}, // fails its check digits
		{"no", "Sporingsnummer 142098460794 hos Bring. Jeg heter Anna, 41087561400, og lurer.", []string{"NATIONAL_ID:41087561400"}},
		{"no", "Fakturanr. 41087561400", nil},
		{"sv", "Artikelnr 768.935.94.\nHans nummer är 0047 50806484, han är utomlands.", []string{"PHONE:0047 50806484"}},
		{"fi", "Tilausnumero 36154366.\nHetu: 270156U981A\n", []string{"CUSTOMER_ID:36154366", "NATIONAL_ID:270156U981A"}},
		{"fi", "Passin numero on 86203539.", []string{"NATIONAL_ID:86203539"}},
		{"en", "NHS no. 910 783 0602", []string{"NATIONAL_ID:910 783 0602"}},
		{"en", "My National Insurance number is PX 24 06 61 A.", []string{"NATIONAL_ID:PX 24 06 61 A"}},
		{"de", "Kennzeichen: KÖ-ZC 345", []string{"VEHICLE:KÖ-ZC 345"}},
		{"no", "Skiltnummer PD 64622", []string{"VEHICLE:PD 64622"}},
		{"sv", "Skåpbilen stod där. Det blev 226 st i mars.", nil},
		{"sv", "Enheten med MAC-adressen 34-53-71-ca-b4-27 syns inte, inte heller MAC ddfe.b816.7893 eller 8440.92d1.3228",
			[]string{"DEVICE_ID:34-53-71-ca-b4-27", "DEVICE_ID:ddfe.b816.7893", "DEVICE_ID:8440.92d1.3228"}},
		{"sv", "Öppet 09.15-15.17, avtalet gällde 2019-2023, boken har ISBN 978-07-334-5524-1.", nil},
		{"sv", "Mitt kontonummer är 5226 18 31 415.\nHålet ligger vid 68.78087, 18.32943.", []string{"BANK_ACCOUNT:5226 18 31 415"}},
		{"sv", "Ordernummer saknas. Hålet ligger vid 68.78087, 18.32943 och kostade 30.081,07 EUR", nil},
		{"sv", "Från 2001:db8::ac5f:192f i går. Det skickades 26/11-23.", []string{"IP:2001:db8::ac5f:192f"}},
		{"sv", "Ring 072 176 47 65. Det skickades 20200224.", []string{"PHONE:072 176 47 65"}},
		{"sv", "Sätt in på BI58 1033 5717 4003 7534 7547 813", []string{"BANK_ACCOUNT:BI58 1033 5717 4003 7534 7547 813"}},
	} {
		t.Run(tt.text, func(t *testing.T) { same(t, find(scan.New(tt.lang, 0.5), tt.text), tt.want) })
	}
}
