package i18n_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gallra/gallra/internal/i18n"
)

// S38: a country is told by its name, in the language of who reads.
func TestS38_CountriesByName(t *testing.T) {
	t.Parallel()
	sv, en := i18n.For(i18n.Swedish), i18n.For(i18n.English)
	for _, c := range []struct{ code, sv, en string }{
		{"SE", "Sverige", "Sweden"}, {"US", "USA", "United States"}, {"DE", "Tyskland", "Germany"}, {"AX", "Åland", "Åland Islands"},
		{"XX", "XX", "XX"}, {"ZZ", "ZZ", "ZZ"}, {"SU", "SU", "SU"}, {"UK", "UK", "UK"}, {"", "", ""}, {"se", "se", "se"}, {"150", "150", "150"},
	} {
		if s, e := sv.Country(c.code), en.Country(c.code); s != c.sv || e != c.en {
			t.Errorf("%s: %q and %q, want %q and %q", c.code, s, e, c.sv, c.en)
		}
	}
	for _, p := range []*i18n.Printer{sv, en} {
		all := p.Countries()
		if len(all) < 249 || len(all) > 260 {
			t.Errorf("%d countries", len(all))
		}
		seen := map[string]string{}
		for _, c := range all {
			if seen[c.Name] != "" || c.Name == "" || c.Name == c.Code {
				t.Errorf("%s is called %q, like %s", c.Code, c.Name, seen[c.Name])
			}
			seen[c.Name] = c.Code
		}
	}
	var names []string
	for _, c := range sv.Countries() {
		if strings.Contains("ZA ZW AX AT EG DK", c.Code) {
			names = append(names, c.Name)
		}
	}
	if want := []string{"Danmark", "Egypten", "Sydafrika", "Zimbabwe", "Åland", "Österrike"}; !slices.Equal(names, want) {
		t.Errorf("in the order %v, want %v", names, want)
	}
}
