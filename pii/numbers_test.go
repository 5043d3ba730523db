package pii_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/shareddata"
	"github.com/gallra/gallra/pii"
	"github.com/gallra/gallra/pii/scan"
)

func readJSON[T any](t testing.TB, name string) T {
	t.Helper()
	raw, err := os.ReadFile(shareddata.Path(t, name))
	if err != nil {
		t.Fatal(err)
	}
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// written are the ways a number of twelve digits is written. Ten digits in a
// row are the hardest: nothing but the check digit tells them from an order.
var written = []struct {
	name string
	form func(d string) string
}{
	{"12 digits", func(d string) string { return d }},
	{"8-4", func(d string) string { return d[:8] + "-" + d[8:] }},
	{"8 4", func(d string) string { return d[:8] + " " + d[8:] }},
	{"8+4", func(d string) string { return d[:8] + "+" + d[8:] }},
	{"6-4", func(d string) string { return d[2:8] + "-" + d[8:] }},
	{"6+4", func(d string) string { return d[2:8] + "+" + d[8:] }},
	{"6 4", func(d string) string { return d[2:8] + " " + d[8:] }},
	{"6–4", func(d string) string { return d[2:8] + "–" + d[8:] }},
	{"6 - 4", func(d string) string { return d[2:8] + " - " + d[8:] }},
	{"10 digits", func(d string) string { return d[2:] }},
	{"2 2 2-4", func(d string) string { return d[2:4] + " " + d[4:6] + " " + d[6:8] + "-" + d[8:] }},
	{"6 2-4", func(d string) string { return d[:6] + " " + d[6:8] + "-" + d[8:] }},
	{"zero width", func(d string) string { return d[:8] + "\u200b-" + d[8:] }},
	{"soft hyphen", func(d string) string { return d[2:6] + "\u00ad" + d[6:8] + "-" + d[8:] }},
}

// carriers are texts around a number, with and without a word that names it.
var carriers = []struct {
	text  string
	named bool
}{
	{"Mitt personnummer är %s, tack på förhand.", true},
	{"Hej! Jag heter Anna och jag undrar över min ansökan. %s. Mvh Anna", false},
	{"Kund: Anna Berg %s\nÄrende: lampan är trasig", false},
	{"Pnr: %s\nTel: 070-174 06 05", true},
	{"(%s)", false},
	{"Gäller min son %s som börjar i höst", false},
}

func foundAs(e *pii.Engine, text, value string, want gallra.Category) bool {
	at := strings.Index(text, value)
	for _, f := range e.Find(text) {
		if f.Start == at && f.End == at+len(value) && f.Category == want {
			return true
		}
	}
	return false
}

// scanned is foundAs for the scanner alone, which is fast enough for whole lists.
func scanned(s *scan.Scanner, text, value string, want gallra.Category) bool {
	at := strings.Index(text, value)
	for _, f := range s.Append(nil, text) {
		if f.Start == at && f.End == at+len(value) && f.Kind == want {
			return true
		}
	}
	return false
}

// everyNth is the share of a long list that goes through the whole engine too.
const everyNth = 40

// The Tax Agency's official test numbers in all written forms, in running text.
func TestS32_OfficialNumbersAreFound(t *testing.T) {
	t.Parallel()
	e := engine(t, pii.Options{Lang: "sv"})
	sc := scan.New("sv", 0.5)
	for _, list := range []struct {
		file  string
		floor float64
	}{
		{"allPins.json", 0.9995},
		{"allCoords.json", 0.999},
	} {
		numbers := readJSON[[]string](t, "data/numbers/personnummer-meta/testdata/"+list.file)
		missed := map[string]int{}
		total, miss := 0, 0
		for i, d := range numbers {
			for j, w := range written {
				c := carriers[(i+j)%len(carriers)]
				value := w.form(d)
				total++
				text := fmt.Sprintf(c.text, value)
				found := scanned(sc, text, value, gallra.CategoryPersonnummer)
				if found && total%everyNth == 0 {
					found = foundAs(e, text, value, gallra.CategoryPersonnummer)
				}
				if !found {
					miss++
					missed[fmt.Sprintf("%s in %q", w.name, c.text)]++
				}
			}
		}
		recall := 1 - float64(miss)/float64(total)
		t.Logf("%s: %d numbers, %d texts, recall %.5f", list.file, len(numbers), total, recall)
		if recall < list.floor {
			t.Errorf("%s: recall %.5f, want %.4f; missed: %v", list.file, recall, list.floor, missed)
		}
	}
}

func TestS32_InterimAndOrganisationNumbers(t *testing.T) {
	t.Parallel()
	e := engine(t, pii.Options{Lang: "sv"})
	type number struct {
		Separated string `json:"separated_format"`
		Long      string `json:"separated_long"`
		Type      string `json:"type"`
		Valid     bool   `json:"valid"`
	}
	for _, n := range readJSON[[]number](t, "data/numbers/personnummer-meta/testdata/interim.json") {
		text := "Patient med nummer " + n.Separated + " är inskriven."
		if got := foundAs(e, text, n.Separated, gallra.CategoryPersonnummer); got != n.Valid {
			t.Errorf("interim %s found: %v, valid: %v", n.Separated, got, n.Valid)
		}
	}
	for _, n := range readJSON[[]number](t, "data/numbers/personnummer-meta/testdata/orgnumber.json") {
		text := "Bolaget har org.nr " + n.Separated + "."
		if !foundAs(e, text, n.Separated, gallra.CategoryOrgNumber) {
			t.Errorf("organisation number %s not found", n.Separated)
		}
	}
	for _, n := range readJSON[[]number](t, "data/numbers/personnummer-meta/testdata/list.json") {
		if !strings.ContainsAny(n.Separated, "-+") {
			continue // marked invalid for its separator, which people use all the same
		}
		text := "Personnumret " + n.Separated + " står i akten"
		if got := foundAs(e, text, n.Separated, gallra.CategoryPersonnummer); got != n.Valid {
			t.Errorf("%s %s found: %v, valid: %v", n.Type, n.Separated, got, n.Valid)
		}
	}
}

// Numbers that fail date or check digit are never personnummer, and of random
// numbers of ten digits hardly any is.
func TestS32_DecoysAreLeftAlone(t *testing.T) {
	t.Parallel()
	e := engine(t, pii.Options{Lang: "sv"})
	rng := rand.New(rand.NewPCG(1, 2))
	sc := scan.New("sv", 0.5)
	turn := 0
	is := func(text string) bool {
		if turn++; turn%everyNth == 0 {
			return slices.ContainsFunc(e.Find(text), func(f pii.Finding) bool { return f.Category == gallra.CategoryPersonnummer })
		}
		return slices.ContainsFunc(sc.Append(nil, text), func(f scan.Span) bool { return f.Kind == gallra.CategoryPersonnummer })
	}
	const n = 200_000
	for _, carrier := range []string{"%010d", "Det står %010d på lappen.", "Ordernummer %010d", "OCR: %010d"} {
		hits := 0
		for range n {
			if is(fmt.Sprintf(carrier, rng.Int64N(1e10))) {
				hits++
			}
		}
		t.Logf("%q: %.3f %% of random numbers", carrier, 100*float64(hits)/n)
		if hits > n*5/1000 {
			t.Errorf("%q: %d of %d random numbers reported", carrier, hits, n)
		}
	}
	for _, d := range readJSON[[]string](t, "data/numbers/personnummer-meta/testdata/allPins.json")[:5000] {
		last := d[11] - '0'
		wrong := d[:8] + "-" + d[8:11] + string('0'+(last+1+byte(rng.IntN(9)))%10)
		if is("Mitt personnummer är " + wrong) {
			t.Fatalf("%s fails its check digit and was reported", wrong)
		}
	}
}

// The authorities' questions and answers hold no personal data.
func TestS31_FalseAlarmsOnSweFAQ(t *testing.T) {
	t.Parallel()
	e := engine(t, pii.Options{Lang: "sv"})
	structured := map[gallra.Category]bool{}
	for _, c := range gallra.Categories() {
		structured[c] = true
	}
	for _, c := range []gallra.Category{gallra.CategoryPerson, gallra.CategoryPlace, gallra.CategoryAddress, gallra.CategoryHealth, gallra.CategorySensitive} {
		structured[c] = false
	}
	seen := map[string]bool{}
	alarms, size := 0, 0
	for _, name := range []string{"swefaq_dev.jsonl", "swefaq_test.jsonl"} {
		f, err := os.Open(shareddata.Path(t, "data/text/swefaq/"+name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		in := bufio.NewScanner(f)
		in.Buffer(nil, 1<<24)
		for in.Scan() {
			var q struct {
				Question string   `json:"question"`
				Answers  []string `json:"candidate_answers"`
			}
			if err := json.Unmarshal(in.Bytes(), &q); err != nil {
				t.Fatal(err)
			}
			for _, text := range append(q.Answers, q.Question) {
				if seen[text] {
					continue
				}
				seen[text] = true
				size += len(text)
				for _, f := range e.Find(text) {
					if structured[f.Category] {
						alarms++
						t.Logf("%s %q (%s)", f.Category, text[max(0, f.Start-30):min(len(text), f.End+10)], f.Rule)
					}
				}
			}
		}
		if err := in.Err(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d alarms in %d texts, %d bytes", alarms, len(seen), size)
	if alarms > 3 {
		t.Errorf("%d identifiers reported in text without any, at most 3 wanted", alarms)
	}
}
