package ident_test

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/pii/ident"
)

// The written forms below are made from the rules people write by, not by the
// package under test: its own Forms must not be the judge of what it finds.

// pick draws one of the choices.
func pick[T any](t *rapid.T, label string, from ...T) T {
	return rapid.SampledFrom(from).Draw(t, label)
}

// spread puts a separator of any kind between the groups, the same throughout
// or another each time.
func spread(t *rapid.T, groups ...string) string {
	seps := []string{" ", "-", "", "\u00a0", "–", "‑", "\u2009", ".", "/", " - ", "\n", "\n> ", "\r\n> > ", "\u200b", "\u00ad", "\t", "  ", "−", "\u202f"}
	one := pick(t, "separator", seps...)
	mixed := rapid.Bool().Draw(t, "mixed")
	groups = slices.DeleteFunc(groups, func(g string) bool { return g == "" })
	out := groups[0]
	for _, g := range groups[1:] {
		if mixed {
			one = pick(t, "separator", seps...)
		}
		out += one + g
	}
	return out
}

// written changes characters in ways that leave what is read the same.
func written(t *rapid.T, s string) string {
	switch pick(t, "characters", "plain", "plain", "plain", "wide", "arabic", "hidden", "decomposed") {
	case "wide":
		return strings.Map(func(r rune) rune {
			if r > ' ' && r < 0x7F {
				return r + 0xFEE0
			}
			return r
		}, s)
	case "arabic":
		return strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return r - '0' + 0x0660
			}
			return r
		}, s)
	case "hidden":
		r := []rune(s)
		at := rapid.IntRange(1, len(r)).Draw(t, "at")
		return string(r[:at]) + pick(t, "invisible", "\u200b", "\u00ad", "\u200d", "\ufeff", "\u2060", "\u200e") + string(r[at:])
	case "decomposed":
		return norm.NFD.String(s)
	}
	return s
}

func cased(t *rapid.T, s string) string {
	switch pick(t, "case", "as is", "lower", "upper", "odd") {
	case "lower":
		return strings.ToLower(s)
	case "upper":
		return strings.ToUpper(s)
	case "odd":
		up := false
		return strings.Map(func(r rune) rune {
			up = !up
			if up {
				return unicode.ToUpper(r)
			}
			return unicode.ToLower(r)
		}, s)
	}
	return s
}

// withoutMarks writes a name on a keyboard that lacks its letters.
func withoutMarks(t *rapid.T, s string) string {
	switch pick(t, "letters", "as is", "plain", "spelled") {
	case "plain":
		return strings.NewReplacer("å", "a", "ä", "a", "ö", "o", "é", "e", "ü", "u", "ø", "o", "æ", "ae", "ß", "ss", "ł", "l", "č", "c", "Å", "A", "Ä", "A", "Ö", "O", "É", "E", "Ü", "U", "Ø", "O", "Æ", "AE", "Ł", "L", "Č", "C").Replace(s)
	case "spelled":
		if len([]rune(s)) < 3 {
			return s
		}
		return strings.NewReplacer("å", "aa", "ä", "ae", "ö", "oe", "ü", "ue", "ø", "oe", "æ", "ae", "ß", "ss", "Å", "Aa", "Ä", "Ae", "Ö", "Oe", "Ü", "Ue", "Ø", "Oe", "Æ", "Ae").Replace(s)
	}
	return s
}

func writtenName(t *rapid.T) (gallra.Identifier, string) {
	first := pick(t, "first", "Åsa", "Jörgen", "Anna-Maria", "Bo", "Zoé", "Søren", "Łukasz", "Jürgen", "Karl-Åke")
	last := pick(t, "last", "Öberg", "Ek", "Müller", "Ødegård", "Strauß", "Čapek", "Bergström-Ek", "O'Brien", "Lindqvist")
	middle := pick(t, "middle", "", "", "Maria", "Östen")
	full := first + " " + last
	if middle != "" {
		full = first + " " + middle + " " + last
	}
	known := pick(t, "known as", full, full, strings.ToLower(full), last+", "+strings.TrimSpace(first+" "+middle))
	hyphens := strings.Contains(full, "-")
	first, last, middle = withoutMarks(t, first), withoutMarks(t, last), withoutMarks(t, middle)
	initial := func(n string) string {
		var out []string
		for part := range strings.SplitSeq(n, "-") {
			out = append(out, string([]rune(part)[:1])+".")
		}
		return strings.Join(out, pick(t, "between initials", "-", "", " "))
	}
	gap := pick(t, "gap", " ", " ", " ", "\u00a0", "  ", "\n", "\n> ", "\t", "_", ".")
	forms := []string{
		first + gap + last,
		last + ", " + first, last + "," + first, last + " " + first,
		initial(first) + " " + last, initial(first) + last, initial(first) + "\u00a0" + last, last + ", " + initial(first), last + " " + initial(first),
	}
	if middle != "" {
		forms = append(forms, first+gap+middle+gap+last, last+", "+first+" "+middle, first+" "+initial(middle)+" "+last,
			first+" "+string([]rune(middle)[:1])+" "+last, initial(first)+" "+initial(middle)+" "+last, initial(first)+initial(middle)+" "+last,
			middle+" "+last)
	}
	if hyphens {
		forms = append(forms, strings.ReplaceAll(first, "-", " ")+gap+last, strings.ReplaceAll(first, "-", "")+gap+last,
			first+gap+strings.ReplaceAll(last, "-", " "), strings.ReplaceAll(first, "-", "–")+gap+last)
	}
	s := pick(t, "form", forms...)
	if r := s[len(s)-1]; r != '.' {
		s += pick(t, "case ending", "", "", "", "s", "'s", "’s", ":s", "´s")
	}
	return id(gallra.IdentName, known), s
}

func writtenPhone(t *rapid.T) (gallra.Identifier, string) {
	type plan struct{ cc, trunk, area, rest string }
	digits := func(label, expr string) string { return rapid.StringMatching(expr).Draw(t, label) }
	p := pick(t, "plan", plan{"46", "0", "7" + pick(t, "se", "0", "2", "3", "6", "9"), digits("mobile", "[0-9]{7}")},
		plan{"46", "0", "8", digits("stockholm", "[1-9][0-9]{6,7}")}, plan{"46", "0", "31", digits("gothenburg", "[1-9][0-9]{5,6}")},
		plan{"47", "", "", digits("no", "[2-9][0-9]{7}")}, plan{"45", "", "", digits("da", "[2-9][0-9]{7}")},
		plan{"358", "0", "40", digits("fi", "[0-9]{7}")}, plan{"49", "0", "171", digits("de", "[1-9][0-9]{6}")}, plan{"44", "0", "7700", digits("uk", "9[0-9]{5}")})
	national := p.trunk + p.area + p.rest
	whole := "+" + p.cc + p.area + p.rest
	known := pick(t, "known as", whole, "00"+whole[1:], "+"+p.cc+" "+p.area+" "+p.rest)
	if p.cc == "46" {
		known = pick(t, "known as", known, national, p.trunk+p.area+"-"+p.rest)
	}
	// The subscriber's digits in groups of two or three, or one by one.
	var groups []string
	rest := p.rest
	switch size := pick(t, "grouping", 2, 3, 1, 9); size {
	case 9:
		groups = []string{rest}
	default:
		for len(rest) > size {
			groups, rest = append(groups, rest[:size]), rest[size:]
		}
		groups = append(groups, rest)
	}
	var s string
	switch pick(t, "dialling", "national", "plus", "double zero", "optional zero", "bare", "parentheses", "link") {
	case "plus":
		s = "+" + spread(t, append([]string{p.cc, p.area}, groups...)...)
	case "double zero":
		s = "00" + spread(t, append([]string{p.cc, p.area}, groups...)...)
	case "optional zero":
		if p.trunk == "" {
			s = whole
			break
		}
		s = "+" + p.cc + pick(t, "zero", " (0)", "(0)", " (0) ", " 0", "0") + spread(t, append([]string{p.area}, groups...)...)
	case "bare":
		s = p.cc + p.area + p.rest
	case "parentheses":
		if p.area != "" {
			s = "(" + p.trunk + p.area + ")" + pick(t, "after", " ", "", "-") + spread(t, groups...)
			break
		}
		fallthrough
	case "link":
		s = "tel:" + whole
	default:
		s = spread(t, append([]string{p.trunk + p.area}, groups...)...)
	}
	return id(gallra.IdentPhone, known), s
}

func writtenPersonnummer(t *rapid.T) (gallra.Identifier, string) {
	d := rapid.StringMatching(`(19|20)[0-9]{2}(0[0-9]|1[0-2])[0-9]{2}[0-9]{4}`).Draw(t, "number")
	century, y, m, day, last := d[:2], d[2:4], d[4:6], d[6:8], d[8:]
	known := pick(t, "known as", d, d[2:], d[:8]+"-"+last, d[2:8]+"-"+last, d[2:8]+"+"+last, d[:8]+" "+last)
	var s string
	switch pick(t, "form", "ten", "twelve", "parts", "dashed", "one by one") {
	case "ten":
		s = y + m + day + pick(t, "separator", "-", "", "+", " ", "–", " - ", "−", "‑", "/", "\u00a0", ":") + last
	case "twelve":
		s = century + y + m + day + pick(t, "separator", "-", "", "+", " ", "–", " - ", "\u00a0", " – ") + last
	case "parts":
		s = spread(t, y, m, day, last)
	case "dashed":
		s = spread(t, century+y, m, day, last)
	default:
		s = spread(t, strings.Split(y+m+day+last, "")...)
	}
	return id(gallra.IdentPersonnummer, known), s
}

func writtenMail(t *rapid.T) (gallra.Identifier, string) {
	local := rapid.StringMatching(`[a-z][a-z0-9]{1,8}([._-][a-z0-9]{1,6})?`).Draw(t, "local")
	domain := rapid.StringMatching(`[a-z]{2,8}(\.[a-z]{2,6})?\.(se|com|example|nu)`).Draw(t, "domain")
	switch pick(t, "domain of letters beyond ASCII", "", "", "åäö.se") {
	case "":
	default:
		domain = "blåbär.se"
	}
	known := local + pick(t, "tag", "", "", "+butik") + "@" + domain
	at := pick(t, "at", "@", "@", "@", " (at) ", " at ", "[at]", " snabel-a ", "%40", "&#64;", " @ ", "＠")
	dot := "."
	if at != "@" && at != "＠" && at != "%40" && at != "&#64;" && at != " @ " {
		dot = pick(t, "dot", ".", " punkt ", " dot ", " (dot) ", "[dot]", " (punkt) ")
	}
	tag := ""
	if at == "@" {
		tag = pick(t, "tag in text", "", "", "+nyhet", "+a.b")
		if domain == "blåbär.se" && rapid.Bool().Draw(t, "punycode") {
			domain = "xn--blbr-noae.se"
		}
	}
	if at == " at " && dot == "." {
		at = " (at) "
	}
	s := cased(t, strings.ReplaceAll(local, ".", pick(t, "dots of the name", ".", dot))) + tag + at + cased(t, strings.ReplaceAll(domain, ".", dot))
	return id(gallra.IdentEmail, known), pick(t, "around", "", "mailto:", "<", "mail=", "to:") + s
}

func writtenOther(t *rapid.T) (gallra.Identifier, string) {
	switch pick(t, "other", "username", "customer", "account", "v4", "v6") {
	case "username":
		u := rapid.StringMatching(`[a-z]{3,8}([_.-][a-z0-9]{2,5})?`).Draw(t, "user")
		return id(gallra.IdentUsername, pick(t, "known as", u, "@"+u)), pick(t, "around", "", "@", "https://social.example/", "u/", "~") + cased(t, u)
	case "customer":
		letters, number := rapid.StringMatching(`[A-Z]{2,4}`).Draw(t, "letters"), rapid.StringMatching(`[0-9]{4,8}`).Draw(t, "number")
		return id(gallra.IdentCustomer, letters+pick(t, "known with", "-", "", " ", "/")+number), cased(t, letters) + pick(t, "written with", "-", "", " ", "/", ": ", "_", "–", "\u00a0", "\n") + number
	case "account":
		n := rapid.StringMatching(`[1-9][0-9]{3,9}`).Draw(t, "account")
		return id(gallra.IdentAccount, n), pick(t, "around", "", "#", "id=", "kund ", "nr.") + n
	case "v4":
		a := rapid.StringMatching(`([1-9][0-9]?\.){3}[1-9][0-9]?`).Draw(t, "v4")
		return id(gallra.IdentIP, pick(t, "known as", a, "::ffff:"+a)), pick(t, "around", "", "[", "ip=", "::ffff:", "http://") + a + pick(t, "after", "", ":8080", "/24", ".")
	}
	h := rapid.StringMatching(`[1-9a-f]{1,4}`)
	a, b := h.Draw(t, "a"), h.Draw(t, "b")
	return id(gallra.IdentIP, "2001:db8:"+a+"::"+b), cased(t, pick(t, "form", "2001:db8:"+a+"::"+b, "2001:0db8:"+a+":0:0:0:0:"+b, "[2001:db8:"+a+"::"+b+"]:443", "2001:db8:"+a+":0000:0000:0000:0000:"+b, "2001:db8:"+a+"::"+b+"/64"))
}

// TestH3_WrittenByPeople: a value in a form that people, forms and programs
// write it in is found wherever it stands in a text, and covered whole.
func TestH3_WrittenByPeople(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]func(*rapid.T) (gallra.Identifier, string){
		"name": writtenName, "phone": writtenPhone, "personnummer": writtenPersonnummer, "mail": writtenMail, "other": writtenOther,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				known, form := write(t)
				switch known.Kind {
				case gallra.IdentName:
					form = written(t, cased(t, form))
				case gallra.IdentPhone, gallra.IdentPersonnummer:
					if !strings.HasPrefix(form, "tel:") {
						form = written(t, form)
					}
				}
				before := pick(t, "before", "", "Hej, ", "x (", "\"", "Kund: ", "\r\n", "\t", "> ", "\xff ", "🙂 ", "<b>", "med ", "…", "|", "•")
				after := pick(t, "after", "", ".", ", tack", ")", "\"", "\r\n", "; ", " \xff", "</b>", "!", "?", " och", "|", "…")
				text := before + form + after
				ms := ident.New([]gallra.Identifier{known}).Find(text)
				covered := make([]bool, len(text))
				for _, m := range ms {
					for i := m.Start; i < m.End; i++ {
						covered[i] = true
					}
				}
				from, to := len(before)+lead(known.Kind, form), len(before)+tail(known.Kind, form)
				for i, r := range text[:to] {
					if i < from || covered[i] || !unicode.IsLetter(r) && !unicode.IsDigit(r) {
						continue
					}
					t.Fatalf("%s %q: %q of %q left in %q (%v)", known.Kind, known.Value, text[i:to], form, text, ms)
				}
			})
		})
	}
}

// lead is how much of a form stands around the value: a link's scheme, the name
// of a field.
func lead(k gallra.IdentifierKind, form string) int {
	for _, p := range []string{"mailto:", "mail=", "to:", "tel:", "https://social.example/", "http://", "u/", "id=", "ip=", "kund ", "nr.", "::ffff:", "::FFFF:"} {
		if strings.HasPrefix(form, p) && k != gallra.IdentName {
			return len(p)
		}
	}
	return 0
}

// tail is where a form's value ends: before a port or the length of a prefix.
func tail(k gallra.IdentifierKind, form string) int {
	if k == gallra.IdentIP {
		for _, p := range []string{":8080", "/24", "]:443", "/64"} {
			if i := strings.Index(form, p); i > 0 {
				return i
			}
		}
	}
	return len(form)
}

// TestH3_NoLookAlikes: another person's value that resembles the known one is
// left alone.
func TestH3_NoLookAlikes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var known gallra.Identifier
		var other string
		switch pick(t, "kind", "mail", "phone", "personnummer", "name", "username", "customer", "ip") {
		case "mail":
			known = id(gallra.IdentEmail, "anna@example.se")
			local := rapid.StringMatching(`[a-zåäö0-9][a-zåäö0-9._-]{0,5}`).Draw(t, "more")
			other = pick(t, "mail", local+"anna@example.se", "anna"+local+"@example.se", "anna@"+rapid.StringMatching(`[a-z]{1,5}[.-]?`).Draw(t, "sub")+"example.se",
				"anna@example."+rapid.StringMatching(`s|e|see|sea|no|com|se\.com`).Draw(t, "top"), "anna.example.se", "anna example se", "anna@exampel.se", "änna@example.se", "anna@éxample.se")
		case "phone":
			known = id(gallra.IdentPhone, "070-174 06 71")
			other = pick(t, "phone", "070-174 06 7"+pick(t, "digit", "0", "2", "9"), "1070-1740671", "070-17406711", "+47 70 174 06 71", "+45 701740671", "07017406", "070-714 06 71", "170 174 06 71", "0701740671234")
		case "personnummer":
			known = id(gallra.IdentPersonnummer, "19850822-9914")
			other = pick(t, "number", "850822-991"+pick(t, "digit", "3", "5"), "20850822-9914", "18850822-9914", "8508229914"+pick(t, "more", "0", "7"), "1"+"850822-9914", "850822", "9914", "850823-9914")
		case "name":
			known = id(gallra.IdentName, "Anna Ek")
			other = pick(t, "name", "Johanna Ek", "Anna Eklund", "Anna Ekström", "Anna", "Ek", "Annas ek står här", "Hanna Ek", "Anna-Lena Ek", "Anna E.", "B. Ek", "Anna Ekar", "Ann Ek", "Annaek", "i ek", "a ek", "ek a ek", "Karin A Ek", "A Ek")
		case "username":
			known = id(gallra.IdentUsername, "anna_72")
			other = pick(t, "user", "johanna_72", "anna_721", "anna_7", "xanna_72")
		case "customer":
			known = id(gallra.IdentCustomer, "AB-12345")
			other = pick(t, "customer", "AB-123456", "CAB-12345", "AB-12346", "12345", "AB-1234")
		default:
			known = id(gallra.IdentIP, "192.0.2.1")
			other = pick(t, "ip", "192.0.2.10", "192.0.2.11", "1192.0.2.1", "192.0.21", "92.0.2.1")
		}
		text := pick(t, "before", "", "Hej ", "(", "\n") + other + pick(t, "after", "", ".", ", och", ")", "\n")
		if ms := ident.New([]gallra.Identifier{known}).Find(text); len(ms) != 0 {
			t.Fatalf("%q found in %q", text[ms[0].Start:ms[0].End], text)
		}
	})
}
