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
