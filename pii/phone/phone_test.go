package phone_test

import (
	"testing"

	"github.com/gallra/gallra/pii/phone"
)

func TestCanonical(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"070-174 06 71":        "46701740671",
		"+46 (0)70-174 06 71":  "46701740671",
		"0046701740671":        "46701740671",
		"+46070 174 06 71":     "46701740671",
		"+358 50 376 2204":     "358503762204",
		"41 55 50 78":          "41555078",
		"08-465 004 88 (jobb)": "46846500488",
		"":                     "",
		"ingen":                "",
	} {
		if got := phone.Canonical(value, "46"); got != want {
			t.Errorf("Canonical(%q) = %q, want %q", value, got, want)
		}
	}
}

func TestPlans(t *testing.T) {
	t.Parallel()
	for d, want := range map[string]bool{"46701740671": true, "4741555078": true, "47415550781": false, "12025550172": true, "460701740671": false, "49": false, "298555014": true} {
		if got := phone.International([]byte(d)); got != want {
			t.Errorf("International(%s) = %v", d, got)
		}
	}
	for d, want := range map[string][2]bool{"0701740671": {true, true}, "070174067": {true, false}, "084650048": {false, true}, "0012345678": {false, false}, "04212345678": {false, false}} {
		if mobile, ok := phone.Swedish([]byte(d)); mobile != want[0] || ok != want[1] {
			t.Errorf("Swedish(%s) = %v, %v", d, mobile, ok)
		}
	}
}

// No digits make a plan panic, mobile implies the plan's lead digit, and a
// canonical form is its own canonical form.
func FuzzPlans(f *testing.F) {
	for _, s := range []string{"070-174 06 71", "+46 (0)70-174 06 71", "0046701740671", "+358 50 376 2204", "41 55 50 78", "", "0", "00", "+", "+460", "(0)", "0171 1234567", "07700 900123", "+1 202 555 0172"} {
		f.Add(s, "46")
	}
	f.Fuzz(func(t *testing.T, value, country string) {
		var d []byte
		for i := 0; i < len(value); i++ {
			if value[i] >= '0' && value[i] <= '9' {
				d = append(d, value[i])
			}
		}
		if cc := phone.CountryCode(d); cc < 0 || cc > 3 || cc > len(d) {
			t.Fatalf("country code of %d digits in %q", cc, d)
		}
		if phone.International(d) && (len(d) < 7 || len(d) > phone.MaxDigits) {
			t.Fatalf("%q is taken for an international number", d)
		}
		for name, plan := range map[string]func([]byte) (bool, bool){"Swedish": phone.Swedish, "Finnish": phone.Finnish, "German": phone.German, "British": phone.British} {
			if _, ok := plan(d); ok && (d[0] != '0' || len(d) < 7 || len(d) > 12) {
				t.Fatalf("%s takes %q", name, d)
			}
		}
		if phone.Eight(d) && len(d) != 8 {
			t.Fatalf("Eight takes %q", d)
		}
		for i := 0; i < len(country); i++ {
			if country[i] < '1' || country[i] > '9' {
				return
			}
		}
		once := phone.Canonical(value, country)
		for i := 0; i < len(once); i++ {
			if once[i] < '0' || once[i] > '9' {
				t.Fatalf("Canonical(%q) = %q", value, once)
			}
		}
		if once != "" && once[0] != '0' {
			if twice := phone.Canonical("+"+once, country); len(twice) < len(once)-1 {
				t.Fatalf("Canonical(%q) = %q, and of that %q", value, once, twice)
			}
		}
	})
}
