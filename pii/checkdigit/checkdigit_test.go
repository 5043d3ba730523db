package checkdigit_test

import (
	"testing"

	"github.com/gallra/gallra/pii/checkdigit"
)

// Every number below is a test number or belongs to nobody. Each passes its
// test, and fails it with any one digit changed (the dates aside).
func TestChecks(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		check func([]byte) bool
		valid []string
		wrong []string
	}{
		"luhn":              {checkdigit.Luhn, []string{"4242428293634260", "0", "79927398713"}, []string{"", "79927398710"}},
		"norwegian":         {checkdigit.NorwegianStrict, []string{"28118866993", "13017453291", "21049664513", "41087561400"}, []string{"28118866994", "32118866993", "2811886699"}},
		"danish":            {checkdigit.Danish, []string{"1110897207"}, []string{"3102897207", "111089720"}},
		"german tax":        {checkdigit.GermanTaxID, []string{"08235741620", "01732965341"}, []string{"08235741621", "0823574162"}},
		"ahv":               {checkdigit.SwissAHV, []string{"7569217076985", "7561234567897"}, []string{"7569217076984", "7559217076985"}},
		"imei":              {checkdigit.IMEI, []string{"490154205850409", "352099009722832"}, []string{"490154205850408", "770154205850409"}},
		"meter point":       {checkdigit.MeterPoint, []string{"735999312881944370", "707057500936787939", "571313100623187235", "643007714524346392"}, []string{"735999312881944371", "123456789012345675"}},
		"card":              {checkdigit.Card, []string{"4242428293634260", "5555555572111517", "4571733514151072", "378282246319170"}, []string{"4242428293634261", "9999428293634260"}},
		"norwegian account": {checkdigit.NorwegianAccount, []string{"42029540629", "28014275837"}, []string{"42029540628"}},
		"iban":              {checkdigit.Modulo97, []string{"SE8550000000050897499334", "NO8960113624429", "GB63NWBK60161307013794"}, []string{"SE8550000000050897499335", "SE85", "SE85å"}},
	} {
		for _, v := range tt.valid {
			if !tt.check([]byte(v)) {
				t.Errorf("%s: %s does not pass", name, v)
			}
		}
		for _, v := range tt.wrong {
			if tt.check([]byte(v)) {
				t.Errorf("%s: %s passes", name, v)
			}
		}
	}
}

func TestFinnish(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		date, number string
		sign, check  byte
		want         bool
	}{
		{"260366", "977", '-', 'R', true},
		{"190394", "918", 'Y', 'J', true},
		{"090321", "938", 'A', 'W', true},
		{"260366", "977", '-', 'S', false},
		{"310266", "977", '-', 'R', false},
		{"260366", "977", 'G', 'R', false},
	} {
		if got := checkdigit.Finnish([]byte(tt.date), tt.sign, []byte(tt.number), tt.check); got != tt.want {
			t.Errorf("%s%c%s%c: %v", tt.date, tt.sign, tt.number, tt.check, got)
		}
	}
}

func TestSwedishNumber(t *testing.T) {
	t.Parallel()
	for d, want := range map[string]checkdigit.Swedish{
		"8508229914":   checkdigit.Personnummer,
		"198508229914": checkdigit.Personnummer,
		"209908229914": checkdigit.NotSwedish, // not yet born
		"178508229914": checkdigit.NotSwedish,
		"191401682396": checkdigit.Samordningsnummer,
		"5565299863":   checkdigit.Organisation,
		"165565299863": checkdigit.Organisation,
		"8508229915":   checkdigit.NotSwedish,
		"8513229914":   checkdigit.NotSwedish,
		"850822991":    checkdigit.NotSwedish,
		"1509160006":   checkdigit.NotSwedish, // birth numbers begin at 001
	} {
		if got := checkdigit.SwedishNumber([]byte(d)); got != want {
			t.Errorf("%s: %v, want %v", d, got, want)
		}
	}
}

func FuzzNumbers(f *testing.F) {
	f.Add("198508229914")
	f.Fuzz(func(t *testing.T, s string) {
		var d []byte
		for i := 0; i < len(s); i++ {
			d = append(d, '0'+s[i]%10)
		}
		checkdigit.SwedishNumber(d)
		for _, check := range []func([]byte) bool{checkdigit.Luhn, checkdigit.Norwegian, checkdigit.Danish, checkdigit.DanishMod11, checkdigit.GermanTaxID,
			checkdigit.SwissAHV, checkdigit.GS1, checkdigit.MeterPoint, checkdigit.IMEI, checkdigit.Card, checkdigit.NorwegianAccount} {
			check(d)
		}
		checkdigit.Modulo97([]byte(s))
	})
}
