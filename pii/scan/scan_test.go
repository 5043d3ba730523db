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
		"nyckeln sk_live_4eC39HqLyjWDarjtT1zdp7dc ligger i koden":        {"SECRET:sk_live_4eC39HqLyjWDarjtT1zdp7dc"},
		"API-avain, jota käytämme testissä, on gk_test_9fQ2xL0aTb77.":    {"SECRET:gk_test_9fQ2xL0aTb77"},
		"Fri frakt med koden SVENNE15":                                   nil,
		"Now 49.99 with code HOPE15":                                     nil,
		"Lösenord: glömt":                                                nil,
		"Lösenordet: går det att återställa det själv?":                  nil,
		"Hej, jag har glömt mitt lösenord. Kan ni skicka ett nytt i dag": nil,
		"Sort code: 20-00-00":                                            nil,
	} {
		t.Run(text, func(t *testing.T) {
			got := find(s, text)
			for _, sp := range s.AppendWords(nil, text) {
				if hit := string(sp.Kind) + ":" + text[sp.Start:sp.End]; !slices.Contains(got, hit) {
					got = append(got, hit)
				}
			}
			same(t, got, want)
		})
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
