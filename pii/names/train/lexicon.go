package train

import (
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode"

	"github.com/gallra/gallra/pii/names"
	"github.com/gallra/gallra/pii/names/internal/pack"
	"github.com/gallra/gallra/pii/names/internal/tagger"
	"github.com/gallra/gallra/pii/names/internal/token"
)

// Lists holds the name and place lists, for the table of words and for
// drawing names from.
type Lists struct {
	given, surname map[string]int // lower case -> bearers
	place          map[string]int // lower case -> postal codes
	country        map[string]bool
	postal         map[uint64]uint16
	Given, Surname Draw
	cities         []string
}

// Draw is a list to draw from by weight.
type Draw struct {
	names []string
	upTo  []float64
}

func newDraw(m map[string]int, power func(int) float64) Draw {
	var d Draw
	for n := range m {
		d.names = append(d.names, n)
	}
	slices.Sort(d.names)
	sum := 0.0
	for _, n := range d.names {
		sum += power(m[n])
		d.upTo = append(d.upTo, sum)
	}
	return d
}

func (d Draw) pick(r *rand.Rand) string {
	return d.names[min(sort.SearchFloat64s(d.upTo, r.Float64()*d.upTo[len(d.upTo)-1]), len(d.names)-1)]
}

func lower(s string) string { return string(token.Lower(nil, s)) }

// ReadLists reads the lists below the data folder.
func ReadLists(data string) (*Lists, error) {
	l := &Lists{given: map[string]int{}, surname: map[string]int{}, place: map[string]int{}, country: map[string]bool{}, postal: map[uint64]uint16{}}
	cased := map[string]string{}
	for file, m := range map[string]map[string]int{
		"fornamn-kvinnor": l.given, "fornamn-man": l.given, "tilltalsnamn-kvinnor": l.given, "tilltalsnamn-man": l.given, "efternamn": l.surname,
	} {
		err := rows(filepath.Join(data, "names/se-scb", file+".csv"), ',', func(r []string) {
			n, _ := strconv.Atoi(r[1])
			for _, part := range strings.Fields(r[0]) {
				k := lower(part)
				if len([]rune(k)) < 2 {
					continue
				}
				if strings.Contains(r[0], " ") {
					n = min(n, 40)
				}
				m[k] = max(m[k], n)
				if c, ok := cased[k]; !ok || part < c {
					cased[k] = strings.Clone(part)
				}
			}
		})
		if err != nil {
			return nil, err
		}
	}
	for _, list := range []struct {
		file         string
		m            map[string]int
		local, roman int // columns
	}{{"common-forenames-by-country", l.given, 10, 11}, {"common-surnames-by-country", l.surname, 4, 5}} {
		m, local, roman := list.m, list.local, list.roman
		err := rows(filepath.Join(data, "names/world-cc0", list.file+".csv"), ',', func(r []string) {
			for _, col := range []int{local, roman} {
				for _, part := range strings.Fields(r[col]) {
					k := lower(part)
					if len([]rune(k)) < 2 {
						continue
					}
					m[k] = max(m[k], 400)
					if _, ok := cased[k]; !ok {
						cased[k] = strings.Clone(part)
					}
				}
			}
		})
		if err != nil {
			return nil, err
		}
	}
	for _, c := range []string{"SE", "NO", "DK", "FI", "DE"} {
		err := rows(filepath.Join(data, "places/postal", c+".csv"), ',', func(r []string) {
			code := strings.ReplaceAll(r[1], " ", "")
			city := r[2]
			if c == "DE" && (strings.Contains(city, " GmbH") || strings.Contains(city, " AG") || strings.Contains(city, " mbH")) {
				return
			}
			words := strings.FieldsFunc(city, func(x rune) bool { return x == ' ' || x == ',' || x == '/' || x == '(' || x == ')' })
			if len(words) == 0 {
				return
			}
			l.postal[names.PostalKey(code, lower(words[0]))] = 1
			l.postal[names.PostalKey(code, "")] = 1
			if len(words) > 1 {
				l.postal[names.CityKey(lower(strings.Join(words, " ")))] = 1
			}
			l.place[lower(words[0])]++
			if len(words) == 1 {
				l.cities = append(l.cities, strings.Clone(city))
			}
			for _, w := range words[1:] {
				if len([]rune(w)) > 3 {
					l.place[lower(w)] += 0
				}
			}
			for _, col := range []int{7} {
				if col < len(r) && r[col] != "" && c != "DE" {
					l.place[lower(strings.Fields(r[col])[0])] += 3
				}
			}
		})
		if err != nil {
			return nil, err
		}
	}
	for _, f := range []string{"kommuner", "ortsnamn", "lander"} {
		err := rows(filepath.Join(data, "places/platser", f+".csv"), ',', func(r []string) {
			var cells []string
			switch f {
			case "kommuner":
				n := strings.TrimSuffix(r[1], " kommun")
				cells = []string{n, strings.TrimSuffix(n, "s")}
			case "ortsnamn":
				cells = r[:1]
			case "lander":
				cells = []string{r[0], r[1], r[4]}
			}
			for n, c := range cells {
				if w := strings.Fields(c); len(w) > 0 && len([]rune(w[0])) > 2 {
					l.place[lower(w[0])] += 20
					if f == "lander" && n != 1 && len(w) == 1 { // 1 is the capital
						l.country[lower(w[0])] = true
					}
				}
			}
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(l.cities)
	l.cities = slices.Compact(l.cities)
	// Names are drawn by the square root of their bearers: common ones often,
	// rare ones too.
	root := func(n int) float64 { return float64(intSqrt(n)) }
	recase := func(m map[string]int, least int) map[string]int {
		out := map[string]int{}
		for k, n := range m {
			c := cased[k]
			r := []rune(c)
			if n >= least && len(r) > 2 && unicode.IsUpper(r[0]) && unicode.Is(unicode.Latin, r[0]) {
				out[c] = n
			}
		}
		return out
	}
	l.Given, l.Surname = newDraw(recase(l.given, 10), root), newDraw(recase(l.surname, 5), root)
	return l, nil
}

func intSqrt(n int) int {
	i := 1
	for i*i < n {
		i++
	}
	return i
}

func level(n int, cuts ...int) uint8 {
	v := uint8(0)
	for _, c := range cuts {
		if n >= c {
			v++
		}
	}
	return v
}

// Words returns the table of words. common counts the ordinary words of the
// marked text, names left out; entities counts the words of marked names.
func (l *Lists) Words(common, entities map[string]int) string {
	type word struct{ given, surname, place, common uint8 }
	m := map[string]*word{}
	get := func(k string) *word {
		if m[k] == nil {
			m[k] = &word{}
		}
		return m[k]
	}
	for k, n := range l.given {
		get(k).given = level(n, 2, 20, 100, 500, 2500, 10000, 40000)
	}
	for k, n := range l.surname {
		get(k).surname = level(n, 2, 8, 40, 200, 1000, 5000, 20000)
	}
	for k, n := range l.place {
		get(k).place = level(n, 0, 2, 4, 10, 20, 40, 100)
	}
	for k, n := range common {
		if n >= 2 {
			get(k).common = level(n, 1, 2, 4, 8, 20, 60, 200)
		}
	}
	for k, n := range entities {
		if n >= 3 {
			get(k)
		}
	}
	table := map[uint64]uint16{}
	for k, w := range m {
		e := tagger.NewEntry(w.given, w.surname, w.place, w.common)
		if entities[k] >= 3 {
			e = e.Known()
		}
		if l.country[k] {
			e = e.Land()
		}
		table[token.Hash([]byte(k))] = uint16(e)
	}
	// Names written without their marks: "Bjorn Astrom".
	for _, k := range slices.Sorted(maps.Keys(m)) {
		w := m[k]
		if p := string(token.Plain(nil, []byte(k))); p != k && (w.given >= 3 || w.surname >= 3 || w.place >= 4) {
			h := token.Hash([]byte(p))
			if _, ok := table[h]; !ok {
				table[h] = uint16(tagger.NewEntry(w.given, w.surname, w.place, 0))
			}
		}
	}
	return pack.EncodeTable(table)
}

// Postal returns the table of postal codes and cities.
func (l *Lists) Postal() string { return pack.EncodeTable(l.postal) }
