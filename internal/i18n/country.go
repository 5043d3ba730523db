package i18n

import (
	"slices"
	"sync"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

// Country is a country by its code (ISO 3166-1 alpha-2) and its name.
type Country struct{ Code, Name string }

// IsCountry reports whether code, two capital letters, is the code of a country
// (ISO 3166-1 alpha-2).
func IsCountry(code string) bool {
	if len(code) != 2 {
		return false
	}
	r, err := language.ParseRegion(code)
	// Codes that have gone are read as well; they have no name, or that of what
	// came after.
	return err == nil && r.String() == code && r.IsCountry() && r.Canonicalize() == r && regionNames(English).Name(r) != ""
}

// Country returns the name of a country by its code (ISO 3166-1 alpha-2), and
// the code itself when no country has it.
func (p *Printer) Country(code string) string {
	if !IsCountry(code) {
		return code
	}
	r, _ := language.ParseRegion(code)
	return regionNames(p.lang).Name(r)
}

func regionNames(l Lang) display.Namer {
	// The dictionaries of these two alone: those of all languages weigh megabytes.
	if l == Swedish {
		return display.Swedish.Regions()
	}
	return display.English.Regions()
}

func tag(l Lang) language.Tag {
	if l == Swedish {
		return language.Swedish
	}
	return language.English
}

// Countries returns every country with its name, in the order of the alphabet
// of the language.
func (p *Printer) Countries() []Country { return slices.Clone(countries[p.lang]()) }

var countries = func() map[Lang]func() []Country {
	all := map[Lang]func() []Country{}
	for _, l := range Langs() {
		all[l] = sync.OnceValue(func() []Country {
			names, order := regionNames(l), collate.New(tag(l))
			var out []Country
			for a := 'A'; a <= 'Z'; a++ {
				for b := 'A'; b <= 'Z'; b++ {
					if code := string(a) + string(b); IsCountry(code) {
						r, _ := language.ParseRegion(code)
						out = append(out, Country{code, names.Name(r)})
					}
				}
			}
			slices.SortFunc(out, func(a, b Country) int { return order.CompareString(a.Name, b.Name) })
			return out
		})
	}
	return all
}()
