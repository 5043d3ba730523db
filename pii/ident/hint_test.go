package ident_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/pii/ident"
)

// TestG7_HintNeverHidesAMatch compares the hint with the matcher on every
// written form of many values, in texts around them, and on texts of others.
func TestG7_HintNeverHidesAMatch(t *testing.T) {
	t.Parallel()
	ids := []gallra.Identifier{
		{Kind: gallra.IdentName, Value: "Anna Lindqvist"}, {Kind: gallra.IdentName, Value: "Åsa-Märta Öberg Sjöö"}, {Kind: gallra.IdentName, Value: "von Essen, Carl Gustaf"},
		{Kind: gallra.IdentName, Value: "Bo Ek"}, {Kind: gallra.IdentName, Value: "Jean-Luc Müller-Groß"}, {Kind: gallra.IdentName, Value: "Søren Kierkegård"}, {Kind: gallra.IdentName, Value: "Liv"},
		{Kind: gallra.IdentEmail, Value: "anna.lindqvist+x@example.se"}, {Kind: gallra.IdentEmail, Value: "Åke@räksmörgås.se"}, {Kind: gallra.IdentEmail, Value: "a_b-c@example.com"}, {Kind: gallra.IdentEmail, Value: "_@example.com"},
		{Kind: gallra.IdentPhone, Value: "070-174 06 05"}, {Kind: gallra.IdentPhone, Value: "+47 22 12 34 56"}, {Kind: gallra.IdentPhone, Value: "08-12 34 5"},
		{Kind: gallra.IdentPersonnummer, Value: "19811228-9874"}, {Kind: gallra.IdentPersonnummer, Value: "811228+9874"}, {Kind: gallra.IdentPersonnummer, Value: "8112"},
		{Kind: gallra.IdentIP, Value: "192.0.2.17"}, {Kind: gallra.IdentIP, Value: "2001:db8::17"},
		{Kind: gallra.IdentUsername, Value: "@snö_gubbe"}, {Kind: gallra.IdentCustomer, Value: "K-10 023"}, {Kind: gallra.IdentCustomer, Value: "1234"},
	}
	var texts []string
	for _, id := range ids {
		for _, f := range append(ident.Forms(id), id.Value, strings.ToUpper(id.Value), strings.ReplaceAll(id.Value, "@", " (at) "), strings.ReplaceAll(id.Value, "@", " snabel-a "), strings.ReplaceAll(id.Value, ".", " punkt ")) {
			texts = append(texts, f, f+"s", "x="+f+";", "Hej, "+f+".", "["+f+"]", "["+strings.ReplaceAll(f, " ", "\t")+"]")
		}
		if id.Kind == gallra.IdentName {
			w := strings.Fields(strings.ReplaceAll(id.Value, ",", ""))
			texts = append(texts, w[0][:1]+". "+w[len(w)-1], w[len(w)-1]+" "+w[0][:1]+".")
		}
	}
	rng := rand.New(rand.NewPCG(1, 7))
	for range 2000 { // cut and joined at random
		a, b := texts[rng.IntN(len(texts))], texts[rng.IntN(len(texts))]
		texts = append(texts, a[:rng.IntN(len(a)+1)]+" "+b[rng.IntN(len(b)+1):])
	}
	found, spared := 0, 0
	for _, id := range ids {
		one := []gallra.Identifier{id}
		m := ident.New(one)
		for _, text := range texts {
			here := len(m.Find(text)) > 0
			if here {
				found++
			}
			switch may := m.May(text); {
			case here && !may:
				t.Errorf("%s: found in %q, and the hint says it cannot be", id.Kind, text)
			case !may:
				spared++
			}
		}
	}
	if found < 500 || spared < len(texts) {
		t.Errorf("%d found, %d spared of %d texts for each of %d: this says little", found, spared, len(texts), len(ids))
	}
}

// TestG7_WeighedFirstOrNotTheSameIsFound compares a matcher that is asked text by
// text, grows and forgets on the way, with new ones that are asked for all of
// their identifiers at once.
func TestG7_WeighedFirstOrNotTheSameIsFound(t *testing.T) {
	t.Parallel()
	kinds := []gallra.Identifier{
		{Kind: gallra.IdentName, Value: "Anna Lindqvist"}, {Kind: gallra.IdentName, Value: "Åsa Öberg Sjöö"}, {Kind: gallra.IdentName, Value: "Liv"},
		{Kind: gallra.IdentEmail, Value: "anna.lindqvist@example.se"}, {Kind: gallra.IdentEmail, Value: "Åke@räksmörgås.se"}, {Kind: gallra.IdentPhone, Value: "070-174 06 05"},
		{Kind: gallra.IdentPhone, Value: "4722123456"}, {Kind: gallra.IdentPersonnummer, Value: "19811228-9874"}, {Kind: gallra.IdentIP, Value: "192.0.2.17"}, {Kind: gallra.IdentCustomer, Value: "K-10 023"},
	}
	var parts []string
	for _, id := range kinds {
		parts = append(parts, ident.Forms(id)...)
		parts = append(parts, strings.ReplaceAll(id.Value, "@", " snabel-a "), strings.ReplaceAll(id.Value, " ", "         "), strings.ToUpper(id.Value)+"s")
	}
	rng := rand.New(rand.NewPCG(2, 8))
	found := 0
	for range 300 {
		var ids []gallra.Identifier
		for range 1 + rng.IntN(6) {
			ids = append(ids, kinds[rng.IntN(len(kinds))])
		}
		// So many that no text is weighed: nobody's number.
		all := slices.Clone(ids)
		for n := range 100 {
			all = append(all, gallra.Identifier{Kind: gallra.IdentCustomer, Value: "zqx" + strings.Repeat("x", n)})
		}
		whole := ident.New(all)
		k := rng.IntN(len(ids) + 1)
		m := ident.New(ids[:k])
		m.Find(parts[rng.IntN(len(parts))])
		m = m.With(ids[k:]...)
		for range 12 {
			if rng.IntN(8) == 0 {
				m.Trim()
			}
			text := parts[rng.IntN(len(parts))] + []string{" ", "\n> ", ", ", "           "}[rng.IntN(4)] + parts[rng.IntN(len(parts))]
			got, want := m.Find(text), whole.Find(text)
			if found += len(got); !slices.Equal(got, want) {
				t.Fatalf("%q: %v, and %v with all of them", text, got, want)
			}
		}
	}
	if found < 1000 {
		t.Errorf("%d found: this says little", found)
	}
}
