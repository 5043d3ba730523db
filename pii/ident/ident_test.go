package ident_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/pii/ident"
)

func id(k gallra.IdentifierKind, v string) gallra.Identifier {
	return gallra.Identifier{Kind: k, Value: v}
}

func TestH3_WrittenForms(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		id     gallra.Identifier
		found  []string
		absent []string
	}{
		{"mail", id(gallra.IdentEmail, "Anna@Example.se"),
			[]string{"anna@example.se", "ANNA@EXAMPLE.SE", "<anna@example.se>", "mailto:anna@example.se?x", "anna+butik@example.se", "från=anna@example.se", "'anna@example.se'", "anna@example.se.", "anna (at) example punkt se", "anna snabel-a example punkt se", "anna @ example.se", "anna\u200b@example.se"},
			[]string{"johanna@example.se", "anna@example.se.com", "anna@example.sea", "anna.b@example.se", "o'anna@example.se", "anna@myexample.se", "annaexample.se"}},
		{"mobile", id(gallra.IdentPhone, "070-174 06 71"),
			[]string{"0701740671", "+46701740671", "+46 70 174 06 71", "+46 (0)70-174 06 71", "0046701740671", "070 1740671", "46701740671", "tel:0701740671,", "070–174\u00a006\u00a071", "070-174\n> 06 71", "０７０-1740671", "+46070-1740671", "(070) 174 06 71"},
			[]string{"10701740671", "07017406712", "070-174 06 72", "99 0701740671 5x7010"[:8]}},
		{"international", id(gallra.IdentPhone, "+47 415 55 078"),
			[]string{"41555078", "415 55 078", "41 55 50 78", "0047 41555078", "+4741555078"},
			[]string{"+46 41555078", "1415550781"}},
		{"personnummer", id(gallra.IdentPersonnummer, "19850822-9914"),
			[]string{"850822-9914", "8508229914", "198508229914", "19850822 9914", "850822+9914", "85 08 22 9914", "1985-08-22-9914", "850822–9914", "85\u00ad0822-9914", "pnr850822-9914"},
			[]string{"18508229914", "20850822-9914"[:4] + "0822-9915", "850822-99145"}},
		{"name", id(gallra.IdentName, "Åsa Maria Lindqvist"),
			[]string{"Åsa Maria Lindqvist", "asa maria lindqvist", "ÅSA MARIA LINDQVIST", "Åsa Maria Lindqvists", "Lindqvist, Åsa Maria", "Åsa Lindqvist", "Aasa Lindqvist", "Åsa\nLindqvist", "A\u030asa Lindqvist", "asa.lindqvist", "Åsa Lindqvist's"},
			[]string{"Åsa", "Lindqvist", "Vasa Lindqvist", "Åsa Lindqvistsson", "Åsalindqvist"}},
		{"username", id(gallra.IdentUsername, "@lilla_my_72"), []string{"@lilla_my_72", "lilla_my_72:", "Lilla_My_72"}, []string{"lilla_my_721", "xlilla_my_72"}},
		{"customer", id(gallra.IdentCustomer, "BUN 2025/318"), []string{"BUN 2025/318", "bun-2025-318", "BUN2025/318"}, []string{"BUN 2025/3180", "ABUN 2025/318"}},
		{"ip", id(gallra.IdentIP, "2001:db8:0:0::1"), []string{"2001:db8::1", "[2001:DB8::1]:443"}, []string{"2001:db8::12"}},
		{"ip4", id(gallra.IdentIP, "192.0.2.1"), []string{"192.0.2.1", "från 192.0.2.1.", "192.0.2.1:8080"}, []string{"192.0.2.10", "1192.0.2.1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := ident.New([]gallra.Identifier{tt.id})
			for _, f := range tt.found {
				if len(m.Find(f)) == 0 {
					t.Errorf("%q not found", f)
				}
			}
			for _, f := range tt.absent {
				if ms := m.Find(f); len(ms) != 0 {
					t.Errorf("%q found in %q", f[ms[0].Start:ms[0].End], f)
				}
			}
		})
	}
}

func TestH3_Equal(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		kind gallra.IdentifierKind
		a, b string
		want bool
	}{
		{gallra.IdentPhone, "070-1740671", "+46 70 174 06 71", true},
		{gallra.IdentPhone, "41555078", "+4741555078", true},
		{gallra.IdentPhone, "0701740671", "0701740672", false},
		{gallra.IdentPhone, "+47 70174067", "+46 70174067", false},
		{gallra.IdentPersonnummer, "8508229914", "19850822-9914", true},
		{gallra.IdentPersonnummer, "188508229914", "198508229914", false},
		{gallra.IdentEmail, "Anna@Example.se", "anna+x@example.se", true},
		{gallra.IdentEmail, "anna@example.se", "johanna@example.se", false},
		{gallra.IdentName, "Lindqvist, Åsa", "asa lindqvist", true},
		{gallra.IdentName, "Åsa", "Asa Lindqvist", false},
		{gallra.IdentName, "", "", false},
		{gallra.IdentIP, "::1", "0:0:0:0:0:0:0:1", true},
	} {
		if got := ident.Equal(tt.kind, tt.a, tt.b); got != tt.want {
			t.Errorf("Equal(%s, %q, %q) = %v", tt.kind, tt.a, tt.b, got)
		}
	}
}

// identifier draws one identifier of any kind.
func identifier(t *rapid.T) gallra.Identifier {
	word := func(label string) string {
		return rapid.SampledFrom([]string{"Åsa", "Bo", "Zoë", "Jörgen", "Anna-Maria", "Łukasz", "Ødegård", "Müller", "Nguyễn", "Æbeltoft", "O'Brien", "Strauß", "Lindqvist", "Ek", "Čapek", "Yıldırım"}).Draw(t, label)
	}
	number := func(label, expr string) string { return rapid.StringMatching(expr).Draw(t, label) }
	switch k := rapid.SampledFrom(gallra.IdentifierKinds()).Draw(t, "kind"); k {
	case gallra.IdentEmail:
		return id(k, number("mail", `[a-z][a-z0-9]{0,8}([._-][a-z0-9]{1,6})?@[a-z]{2,8}(\.[a-z]{2,6})?\.(se|com|example|nu)`))
	case gallra.IdentPhone:
		return id(k, number("phone", `0[1-9][0-9]{1,2}-[0-9]{5,6}|\+46 ?[1-9][0-9]{7,8}|07[02369][0-9]{7}|\+4[57] ?[2-9][0-9]{7}|\+358 ?[1-9][0-9]{6,8}|\+49[1-9][0-9]{8,9}`))
	case gallra.IdentPersonnummer:
		return id(k, number("pnr", `(19|20)?[0-9]{2}(0[1-9]|1[0-2])[0-2][1-9][-+ ]?[0-9]{4}`))
	case gallra.IdentName:
		n := word("first")
		for range rapid.IntRange(1, 2).Draw(t, "names") {
			n += " " + word("last")
		}
		return id(k, n)
	case gallra.IdentIP:
		return id(k, number("ip", `([1-9][0-9]?\.){3}[1-9][0-9]?|2001:db8:[1-9a-f]{1,4}::[1-9a-f]{1,4}`))
	case gallra.IdentUsername:
		return id(k, number("user", `[a-z]{3,8}(_[a-z0-9]{2,5})?`))
	default:
		return id(k, number("number", `[A-Z]{2,4}-[0-9]{4,8}|[0-9]{5,9}`))
	}
}

// variants are ways in which a form changes on its way into a text.
var variants = []func(string) string{
	func(s string) string { return s },
	strings.ToUpper,
	strings.ToLower,
	func(s string) string { return strings.ReplaceAll(s, " ", "\u00a0") },
	func(s string) string { return strings.ReplaceAll(s, "-", "–") },
	func(s string) string { // a zero-width space after the third character
		if utf8.RuneCountInString(s) < 4 {
			return s
		}
		r := []rune(s)
		return string(r[:3]) + "\u200b" + string(r[3:])
	},
}

// Leak 0: every written form of an identifier, in any text, is found, and with
// the matches cut out none is left.
func TestH3_NoFormLeaks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOfN(rapid.Custom(identifier), 1, 6).Draw(t, "ids")
		m := ident.New(ids)
		var b strings.Builder
		type place struct{ start, end, index int }
		var places []place
		fillers := []string{" ", ", och ", "\n", " (", "): ", ". Hej! ", "\t", " – ", "; ", "<br>", "\xff ", " 🙂 ", "\" "}
		b.WriteString(rapid.SampledFrom([]string{"", "Hej ", "x: ", "\x00 "}).Draw(t, "opening"))
		for i := range rapid.IntRange(1, 5).Draw(t, "places") {
			k := rapid.IntRange(0, len(ids)-1).Draw(t, "which")
			forms := ident.Forms(ids[k])
			form := rapid.SampledFrom(forms).Draw(t, "form")
			if ids[k].Kind != gallra.IdentEmail && ids[k].Kind != gallra.IdentIP {
				form = rapid.SampledFrom(variants).Draw(t, "variant")(form)
			}
			_ = i
			start := b.Len()
			b.WriteString(form)
			places = append(places, place{start, b.Len(), k})
			// Letters between numbers, so that neighbours do not run together.
			b.WriteString(rapid.SampledFrom(fillers).Draw(t, "filler") + "och ")
		}
		text := b.String()
		ms := m.Find(text)
		for i, x := range ms {
			if x.Start >= x.End || x.Start < 0 || x.End > len(text) || i > 0 && x.Start < ms[i-1].End {
				t.Fatalf("bad match %+v in %q", x, text)
			}
		}
		for _, p := range places {
			covered := slices.ContainsFunc(ms, func(x ident.Match) bool { return x.Start <= p.start+1 && x.End >= p.end-1 })
			if !covered {
				t.Fatalf("%q (%s) not found in %q: %v", text[p.start:p.end], ids[p.index].Kind, text, ms)
			}
		}
		var rest strings.Builder
		at := 0
		for _, x := range ms {
			rest.WriteString(text[at:x.Start] + "[x]")
			at = x.End
		}
		rest.WriteString(text[at:])
		if left := m.Find(rest.String()); len(left) != 0 {
			t.Fatalf("left after removal: %q", rest.String())
		}
	})
}

func FuzzFind(f *testing.F) {
	f.Add("Åsa Lindqvist 850822-9914 +46 (0)70-174 06 71 anna@example.se 192.0.2.1")
	f.Add("\xff\xfe\u200b0\u200b7\u030a")
	m := ident.New([]gallra.Identifier{
		id(gallra.IdentName, "Åsa Lindqvist"), id(gallra.IdentPersonnummer, "198508229914"), id(gallra.IdentPhone, "0701740671"),
		id(gallra.IdentEmail, "anna@example.se"), id(gallra.IdentIP, "192.0.2.1"), id(gallra.IdentUsername, "my_72"), id(gallra.IdentCustomer, "AB-1234"),
	})
	f.Fuzz(func(t *testing.T, text string) {
		last := 0
		for _, x := range m.Find(text) {
			if x.Start < last || x.End <= x.Start || x.End > len(text) {
				t.Fatalf("bad match %+v", x)
			}
			last = x.End
		}
	})
}

func FuzzNormalise(f *testing.F) {
	f.Add("070-174 06 71")
	f.Add("Lindqvist, Åsa")
	f.Fuzz(func(t *testing.T, value string) {
		for _, k := range gallra.IdentifierKinds() {
			n := ident.Normalise(k, value)
			ident.Forms(id(k, value))
			if n != "" && k != gallra.IdentEmail && !ident.Equal(k, value, value) {
				t.Errorf("%s: a value does not equal itself", k)
			}
		}
	})
}
