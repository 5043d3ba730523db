package scan_test

import (
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
			got := find(s, tt.text)
			if len(got) != len(tt.want) {
				t.Fatalf("got %q, want %q", got, tt.want)
			}
			for i := range got {
				if got[i] != tt.want[i] {
					t.Errorf("got %q, want %q", got[i], tt.want[i])
				}
			}
		})
	}
}
