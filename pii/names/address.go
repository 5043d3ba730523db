package names

import (
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/pii/names/internal/tagger"
	"github.com/gallra/gallra/pii/names/internal/token"
)

// addresses reports street and box addresses, whole: what stands before the
// street ("c/o"), number, flat, postal code and city. The code and city are
// checked against the postal lists, so that a number that merely looks like a
// code does not count. It marks the tokens taken.
func (m *Model) addresses(w *work) {
	w.later = w.later[:0]
	for i := 0; i < len(w.Tokens); i++ {
		if w.taken[i] {
			continue
		}
		var start, end int
		var rule string
		var score float32
		switch in := &w.Brief[i]; {
		case w.Tokens[i].Kind == token.Number:
			start, end, score, rule = m.atNumber(w, i)
		case in.Class&tagger.Box != 0:
			start, end, score, rule = m.box(w, i)
		case in.Class&tagger.Abroad != 0:
			start, end, score, rule = m.abroad(w, i)
		case in.Upper() && w.british(i) > i:
			start, end, score, rule = w.atPostcode(i)
		case in.Street == tagger.StrongStreet:
			start, end, score, rule = w.spelled(i)
		case w.endsInNumber(i):
			start, end, score, rule = m.joined(w, i)
		}
		least := addressFloor + (DefaultRecall-w.recall)*0.6
		if end > start && float64(score) < least && float64(score) >= least-addressDoubt {
			w.later = append(w.later, [2]int{start, end})
		}
		if end > start && float64(score) >= least {
			w.emit(start, end, gallra.CategoryAddress, score, rule)
			for k := start; k < end; k++ {
				w.taken[k] = true
			}
			i = end - 1
		}
	}
}

// atPostcode reads the address without a house number that ends in the British
// or Irish postcode at token i: two names at least, apart by commas.
func (w *work) atPostcode(i int) (start, end int, score float32, rule string) {
	start = i
	parts := 0
	for n := 0; n < 12; n++ {
		k := start - 1
		switch {
		case w.is(k, ",") && (w.capital(k-1) || w.is(k-1, ".")):
			parts++
			start = k
		case w.free(k) && w.capital(k) && w.Word(k).Given() < 5, w.is(k, ".") && w.is(k-1, "Co"):
			start = k
		default:
			n = 12
		}
	}
	if w.is(start, ",") {
		start++
		parts--
	}
	if parts < 1 {
		return 0, 0, 0, ""
	}
	return start, w.british(i), 0.7, "address/postal"
}

// numerals are the house numbers people write as words.
var numerals = words("ett två tre fyra fem sex sju åtta nio tio elva tolv tretton fjorton femton")

// spelled reads a street and a number written as a word: "Gruvgatan sju".
func (w *work) spelled(i int) (start, end int, score float32, rule string) {
	if !w.wordAt(i+1) || !numerals[w.Word(i+1).Lower] || !w.capital(i) && !w.low(i) {
		return 0, 0, 0, ""
	}
	return i, i + 2, 0.6, "address/street"
}

// endsInNumber reports whether the word at token i ends in a digit, or in one
// and a letter.
func (w *work) endsInNumber(i int) bool {
	t := w.Tokens[i]
	if t.Kind != token.Word || t.End-t.Start < 8 {
		return false
	}
	a, b := w.text[t.End-2], w.text[t.End-1]
	return b >= '0' && b <= '9' || a >= '0' && a <= '9' && b > '9' && b < 0x80
}

// joined reads a street and its number in one word: "Kolonivägen12".
func (m *Model) joined(w *work, i int) (start, end int, score float32, rule string) {
	if w.lang == "en" || !w.capital(i) && !w.low(i) && w.Tag[i] != tagger.Adr || tagger.Joined(w.str(i)) != tagger.StrongStreet {
		return 0, 0, 0, ""
	}
	stem := strings.TrimRight(strings.TrimRight(w.str(i), "abcdefghABCDEFGH"), "0123456789")
	if strings.HasSuffix(stem, "tie") && w.lang != "fi" || strings.HasSuffix(stem, "gate") && w.lang != "no" { // partie2, delegate3
		return 0, 0, 0, ""
	}
	score = 0.6
	tail, kind := m.tail(w, w.afterNumber(i), w.low(i))
	if kind == tailPostal {
		score = 0.95
	}
	return w.saint(i), tail, score, "address/street"
}

// saint returns the token where the name of a street begins that may have a
// shortened saint before it: "S:t Eriksgatan", "S:ta Gertruds väg", "St. Olofsgatan".
func (w *work) saint(start int) int {
	switch k := start - 1; {
	case (w.is(k, "t") || w.is(k, "ta")) && w.is(k-1, ":") && (w.is(k-2, "S") || w.is(k-2, "s")) && w.free(k-2):
		return k - 2
	case w.is(k, ".") && (w.is(k-1, "St") || w.is(k-1, "S:t")) && !w.Tokens[k].Spaced && w.free(k-1):
		return k - 1
	}
	return start
}

// measures are what a number counts that is no house's: "på Kvarnliden 5 minuter".
var measures = words(`minuter minut min timmar timme h dagar dag veckor vecka månader månad år gånger gång kronor kr st stycken personer platser meter km kilometer poäng
	minutter timer dager uger måneder ganger gange minuuttia tuntia päivää minuten stunden tage wochen monate minutes hours days weeks months times people`)

// addressLabels stand before an address and its colon.
var addressLabels = words(`adress bostadsadress hemadress gatuadress leveransadress fakturaadress besöksadress postadress utdelningsadress folkbokföringsadress adressen
	adresse leveringsadresse postadresse anschrift wohnadresse osoite kotiosoite toimitusosoite address`)

// labelled reports whether the token before start is the colon of a label that
// announces an address.
func (w *work) labelled(start int) bool {
	return w.is(start-1, ":") && w.wordAt(start-2) && addressLabels[w.Word(start-2).Lower]
}

func words(list string) map[uint64]bool {
	m := map[uint64]bool{}
	for _, w := range strings.Fields(list) {
		m[token.Hash([]byte(w))] = true
	}
	return m
}

// abroad reads "14 rue des Lilas, 34000 Montpellier", "Via Garibaldi 12, 20100
// Milano", "ul. Długa 5/7, 00-238 Warszawa".
func (m *Model) abroad(w *work, i int) (start, end int, score float32, rule string) {
	if w.is(i, "via") { // by way of
		return 0, 0, 0, ""
	}
	start, end = i, i+1
	if w.is(end, ".") && !w.Tokens[end].Spaced {
		end++
	}
	first := w.houseNumber(i-1) || w.is(i-1, ",") && w.houseNumber(i-2)
	k := end
	for n := 0; n < 5 && w.wordAt(k) && (w.capital(k) || len(w.str(k)) <= 3 && w.wordAt(k+1)); n++ {
		k++
	}
	if k == end || !w.capital(k-1) {
		return 0, 0, 0, ""
	}
	end = k
	if first {
		if start--; w.is(start, ",") {
			start--
		}
	} else {
		if w.is(end, ",") {
			end++
		}
		if !w.houseNumber(end) {
			return 0, 0, 0, ""
		}
		end = w.afterNumber(end)
	}
	if w.is(end, ",") {
		if n := w.plain(end + 1); n >= 4 && w.capital(end+2) || n == 2 && w.is(end+2, "-") && w.plain(end+3) == 3 && w.capital(end+4) {
			for end++; !w.capital(end); end++ {
			}
			end++
		}
	}
	return start, end, 0.7, "address/abroad"
}

// addressFloor is the least score of an address at the dial's middle.
const addressFloor = 0.44

// addressDoubt is how far below it redaction still takes one out.
const addressDoubt = 0.15

// ended reports whether token i and the one before it stand apart: a line
// break, or nothing there.
func (w *work) ended(i int) bool {
	k := w.kind(i)
	return k == token.Break || k == token.Blank
}

func (w *work) is(i int, s string) bool { return w.str(i) == s }

func (w *work) class(i int, c tagger.Class) bool {
	return i >= 0 && i < len(w.Brief) && w.Brief[i].Class&c != 0
}

func (w *work) wordAt(i int) bool { return w.kind(i) == token.Word }

func (w *work) capital(i int) bool { return w.wordAt(i) && w.Brief[i].Capital() }

// single reports whether token i is one letter, which may be a door.
func (w *work) single(i int) bool {
	if !w.wordAt(i) {
		return false
	}
	t := w.Tokens[i]
	return t.End-t.Start == 1
}

// plain returns how many digits token i is, 0 when it is something else.
func (w *work) plain(i int) int {
	if w.kind(i) != token.Number {
		return 0
	}
	s := w.str(i)
	for k := 0; k < len(s); k++ {
		if s[k] < '0' || s[k] > '9' {
			return 0
		}
	}
	return len(s)
}

// houseNumber reports whether token i may be the number of a house: up to four
// digits, one or two letters.
func (w *work) houseNumber(i int) bool {
	if w.kind(i) != token.Number {
		return false
	}
	s := w.str(i)
	d := 0
	for d < len(s) && s[d] >= '0' && s[d] <= '9' {
		d++
	}
	return d > 0 && d <= 4 && len(s)-d <= 2 && s[0] != '0'
}

// atNumber reads the address whose house number is token i.
func (m *Model) atNumber(w *work, i int) (start, end int, score float32, rule string) {
	if !w.houseNumber(i) {
		return 0, 0, 0, ""
	}
	if w.wordAt(i-1) || w.is(i-1, ".") && w.wordAt(i-2) && !w.Tokens[i-1].Spaced {
		start, end, score, rule = m.nordic(w, i)
	}
	if s, e, sure, why := m.english(w, i); e > end || sure > score {
		return s, e, sure, why
	}
	return start, end, score, rule
}

// nordic reads "street number", as it is written from Helsinki to Vienna.
func (m *Model) nordic(w *work, i int) (start, end int, score float32, rule string) {
	s := i - 1
	if w.is(s, ".") {
		s--
	}
	in := w.Word(s)
	tagged := w.Tag[s] == tagger.Adr
	shortened := false
	if s < i-1 { // "Tegelbruksv. 9"
		l := w.str(s)
		last := l[len(l)-1]
		shortened = len(l) > 4 && (last == 'v' || last == 'g') || in.Street >= tagger.StrongStreet
		if !shortened && !tagged {
			return 0, 0, 0, ""
		}
	}
	start = s
	switch {
	case in.Street == tagger.StreetAlone:
		for n := 0; n < 3 && w.capital(start-1) && !w.class(start-1, tagger.Greeting|tagger.Label|tagger.Home); n++ {
			start--
		}
		if start == s {
			if start--; !w.wordAt(start) || !w.low(start) || w.Word(start).Common() > 3 || !tagged {
				return 0, 0, 0, ""
			}
		}
		score, rule = 0.9, "address/street"
	case w.lang == "sv" && in.Street == tagger.StrongStreet && strings.HasSuffix(w.str(s), "gade"): // a verb: "Överklagade 2 gånger"
		score, rule = 0.3, "address/street"
	case in.Street == tagger.StrongStreet || shortened:
		score, rule = 0.9, "address/street"
	case in.Street == tagger.WeakStreet:
		score, rule = 0.3, "address/street"
		if w.capital(s) {
			score = 0.4
			if w.class(s-1, tagger.PlaceWord|tagger.Home) {
				score = 0.5
			}
		}
	case w.capital(s) || w.low(s):
		score, rule = 0.1, "address/postal"
	default:
		return 0, 0, 0, ""
	}
	if tagged {
		score += 0.25
		if in.Street == tagger.NoStreet {
			rule = "address/tagger"
		}
	}
	for n := 0; n < 3 && w.wordAt(start-1); n++ {
		p := start - 1
		if w.class(p, tagger.Modifier) && (w.capital(p) || w.low(p) && w.Tag[p] == tagger.Adr) || w.Tag[p] == tagger.Adr && w.capital(p) && !w.class(p, tagger.Label) && w.Word(p).Street == tagger.NoStreet {
			start--
			if w.lang == "de" && score < 0.5 && w.class(start, tagger.Modifier) {
				score += 0.2
			}
			continue
		}
		break
	}
	start = w.saint(start)
	if w.labelled(start) && w.capital(start) && !w.class(start, tagger.Unit) { // not "Address: Flat 2, 118 Albany Road"
		score += 0.35
	}
	end = w.afterNumber(i)
	tail, kind := m.tail(w, end, !in.Capital())
	if kind == tailNone && in.Street < tagger.StrongStreet && w.wordAt(end) && measures[w.Word(end).Lower] {
		return 0, 0, 0, ""
	}
	switch kind {
	case tailPostal:
		score += 0.5
	case tailUnit, tailCity:
		score += 0.15
	}
	if (w.is(i+1, ",") || w.is(i+1, ".")) && !w.Tokens[i+1].Spaced && w.kind(i+2) == token.Number && !w.Tokens[i+2].Spaced {
		return 0, 0, 0, "" // a decimal number
	}
	// A number that goes on is another number: "plan 2 500 kr".
	if kind == tailNone && end == i+1 && (w.plain(end) == 3 && w.Tokens[end].Spaced || w.is(end, ":") || w.is(end, "%") || w.is(end, ".") && w.kind(end+1) == token.Number && !w.Tokens[end+1].Spaced) {
		return 0, 0, 0, ""
	}
	start, _ = w.before(start)
	return start, tail, min(score, 0.99), rule
}

// low reports whether token i stands in a line without capitals.
func (w *work) low(i int) bool { return w.Low(i) }

// afterNumber returns the token after the house number at i with its letter
// and Finnish flat: "14 A", "2 A 5", "14 A-C", "118/3/14".
func (w *work) afterNumber(i int) int {
	i++
	if (w.is(i, "/") || w.is(i, "-") || w.is(i, "–")) && w.kind(i+1) == token.Number && !w.Tokens[i].Spaced && !w.Tokens[i+1].Spaced {
		for (w.is(i, "/") || w.is(i, "-") || w.is(i, "–")) && w.kind(i+1) == token.Number && !w.Tokens[i+1].Spaced {
			i += 2
		}
		return i
	}
	if w.single(i) && w.Tokens[i].Spaced {
		c := w.str(i)[0] | 0x20
		next := w.kind(i + 1)
		upper := w.Word(i).Letter()
		if c >= 'a' && c <= 'l' && (upper || next != token.Word || w.class(i+1, tagger.Unit) || w.single(i+1)) && !(c == 'i' && (!upper || w.wordAt(i+1))) {
			i++
			if w.single(i) && w.Word(i).Letter() && w.plain(i+1) > 0 && w.plain(i+1) < 4 { // "20 b A 14"
				i++
			}
			if n := w.plain(i); n > 0 && n <= 4 && !w.is(i+1, ":") && !w.class(i+1, tagger.Unit) {
				i++
			}
		}
	} else if w.wordAt(i) && len(w.str(i)) == 3 && w.str(i)[1] == '-' && w.capital(i) { // A-C
		i++
	} else if s := w.str(i - 1); s[len(s)-1] > '9' && w.Tokens[i-1].Kind == token.Number {
		if n := w.plain(i); n > 0 && n <= 3 && w.lang == "fi" {
			i++
		}
	}
	return i
}

// Kinds of tail.
const (
	tailNone = iota
	tailUnit
	tailCity
	tailPostal
)

// tail reads what may follow a house number: flat and floor, postal code and
// city. It returns the token after it.
func (m *Model) tail(w *work, i int, lower bool) (end, kind int) {
	end = i
	for range 6 {
		j := end
		comma := false
		if w.is(j, ",") {
			j++
			comma = true
		}
		broken := false
		if w.kind(j) == token.Break {
			j++
			broken = true
		}
		if e := m.postal1(w, j); e > j {
			return e, tailPostal
		}
		if broken {
			return end, kind
		}
		if e := w.unit(j); e > j {
			end, kind = e, max(kind, tailUnit)
			continue
		}
		if comma || kind != tailCity {
			if e := w.city(j, comma, lower); e > j {
				end, kind = e, tailCity
				continue
			}
		}
		return end, kind
	}
	return end, kind
}

// unit reads a part of a building: "lgh 1102", "3 tr", "2. th", "st.".
func (w *work) unit(i int) int {
	if e := w.side(i); e > i {
		return e
	}
	j := i
	number := false
	if n := w.kind(j); n == token.Number && len(w.str(j)) <= 4 {
		number = true
		j++
		if w.is(j, ".") && !w.Tokens[j].Spaced {
			j++
		}
		if s := w.str(i); !w.class(j, tagger.Unit) {
			if len(s) >= 3 && (s[1:] == "tv" || s[1:] == "th" || s[1:] == "mf") || len(s) == 3 && s[1:] == "tr" {
				return j
			}
			if s[0] == 'H' {
				return j
			}
			if w.is(j-1, ".") && w.is(j, ",") && w.plain(i) == 1 { // "77, 1., 5700"
				return j
			}
			return i
		}
	}
	if s := w.str(j); len(s) == 5 && (s[0] == 'H' || s[0] == 'U' || s[0] == 'K' || s[0] == 'L') && w.wordAt(j) && s[1] >= '0' && s[1] <= '9' {
		return j + 1
	}
	if !w.class(j, tagger.Unit) {
		return i
	}
	first := j
	for w.class(j, tagger.Unit) {
		j++
		if w.is(j, ".") && !w.Tokens[j].Spaced && (w.kind(j+1) != token.Blank && !w.capital(j+1) || w.is(j+1, ",")) {
			j++
		}
	}
	if w.kind(j) == token.Number && len(w.str(j)) <= 5 || w.single(j) && w.Word(j).Letter() {
		return j + 1
	}
	if !number && len(w.str(first)) > 3 && !w.is(first, "Hinterhaus") && !w.is(first, "stue") {
		return i
	}
	return j
}

// sides are the parts of a house that are told without a number: "nedre botten".
var sides = words(`nb bv ög öv gårdshus gårdshuset gatuhus gatuhuset`)

// side reads a part of a house by its side or its entrance: "ög", "n b",
// "uppg C", "uppg. 2".
func (w *work) side(i int) int {
	if !w.wordAt(i) || w.lang != "sv" && w.lang != "fi" {
		return i
	}
	if w.is(i, "uppg") || w.is(i, "Uppg") {
		j := i + 1
		if w.is(j, ".") && !w.Tokens[j].Spaced {
			j++
		}
		if w.single(j) && w.capital(j) || w.plain(j) == 1 || w.plain(j) == 2 || w.single(j) && w.low(j) {
			return j + 1
		}
		return i
	}
	if sides[w.Word(i).Lower] {
		return i + 1
	}
	if a, b := w.str(i), w.str(i+1); (a == "n" || a == "ö") && (b == "b" || a == "ö" && b == "g") && w.Tokens[i+1].Spaced {
		return i + 2
	}
	return i
}

// city reads the name of a place known to the lists; in lower case only where
// the street is so too.
func (w *work) city(i int, comma, lower bool) int {
	if !w.wordAt(i) {
		return i
	}
	in := w.Word(i)
	least := uint8(4)
	if comma {
		least = 1
	}
	if in.Place() < least || !in.Capital() && (!lower && !w.low(i) || in.Common() > 1) {
		if comma && w.class(i, tagger.Modifier) && w.capital(i+1) && w.Word(i+1).Place() > 0 && w.capital(i) {
			return i + 2
		}
		return i
	}
	if !comma && in.Class&(tagger.Verb|tagger.Pronoun|tagger.PlaceWord) != 0 {
		return i
	}
	return i + 1
}

// postal1 reads a postal code and its city: the code must be in the lists with
// that city, or the code stand alone in the lists before a capital.
func (m *Model) postal1(w *work, i int) int {
	j := i
	if w.wordAt(j) && len(w.str(j)) <= 2 && w.is(j+1, "-") { // "D-10115"
		j += 2
	}
	if s := w.str(j); w.wordAt(j) && len(s) >= 6 && len(s) <= 8 && (s[1] == '-' || s[2] == '-') { // "SE-12345" is one word
		return i
	}
	var buf [12]byte
	code := buf[:0]
	switch n := w.plain(j); {
	case n == 3 && w.plain(j+1) == 2 && w.Tokens[j+1].Start-w.Tokens[j].End <= 2:
		code = append(append(code, w.str(j)...), w.str(j+1)...)
		j += 2
	case n == 4 || n == 5:
		code = append(code, w.str(j)...)
		j++
	default:
		return w.british(i)
	}
	if w.is(j, ",") {
		j++
	}
	if !w.wordAt(j) {
		return i
	}
	known, full := m.knows(w, code, j)
	if !known {
		_, ok := m.postal.Get(postalKey(code, nil))
		if !w.capital(j) || len(code) == 5 && !ok && w.Word(j).Place() == 0 && w.lang != "fi" || len(code) == 4 && w.lang != "de" && w.lang != "no" && w.lang != "da" {
			return i
		}
	}
	j++
	if full > 0 {
		j += full
	} else if w.class(j-1, tagger.Modifier) && w.capital(j) {
		j++
	}
	if known && full == 0 && w.capital(j) && w.Tokens[j].Spaced && w.ended(j+1) { // "Nykøbing Mors"
		j++
	}
	// "København N", "Odense NØ", "Halle (Saale)", "Kárášjohka/Karasjok"
	if w.wordAt(j) && w.Tokens[j].Spaced && len([]rune(w.str(j))) <= 2 && w.capital(j) {
		j++
	} else if w.is(j, "/") && w.capital(j+1) && !w.Tokens[j].Spaced {
		j += 2
	} else if w.is(j, "(") && w.capital(j+1) && w.is(j+2, ")") && w.lang == "de" {
		j += 3
	}
	return j
}

// knows reports whether the code goes with the city whose first word is token
// j, and how many more words the city has.
func (m *Model) knows(w *work, code []byte, j int) (ok bool, more int) {
	var buf [96]byte
	name := token.Lower(buf[:0], clip(w.str(j)))
	_, ok = m.postal.Get(postalKey(code, name))
	for k := 1; k <= 3 && w.wordAt(j+k); k++ {
		name = token.Lower(append(name, ' '), clip(w.str(j+k)))
		if _, found := m.postal.Get(cityKey(name)); found {
			more = k
		}
	}
	return ok, more
}

func clip(s string) string { return s[:min(len(s), 40)] }

// british reads "LE3 0LF" and its like, Irish Eircodes, and "NM 88011".
func (w *work) british(i int) int {
	a, b := w.str(i), w.str(i+1)
	if w.Tokens == nil || i+1 >= len(w.Tokens) || !w.wordAt(i) {
		return i
	}
	letters := 0
	for letters < len(a) && (a[letters] >= 'A' && a[letters] <= 'Z' || a[letters] >= 'a' && a[letters] <= 'z') {
		letters++
	}
	hasDigit := letters < len(a) && a[letters] >= '0' && a[letters] <= '9'
	switch {
	case letters >= 1 && letters <= 2 && len(a) <= 4 && hasDigit && len(b) == 3 && b[0] >= '0' && b[0] <= '9' && b[1] > '9' && b[2] > '9':
		return i + 2
	case letters == 1 && len(a) == 3 && hasDigit && len(b) == 4 && (w.kind(i+1) == token.Number || w.capital(i+1)):
		return i + 2
	case letters == 2 && len(a) == 2 && w.Word(i).Capital() && w.plain(i+1) == 5:
		return i + 2
	}
	return i
}

// names returns the token after the capital words that begin at token i, small
// words between them included: "Ffordd y Môr".
func (w *work) names(i int) int {
	for n := 0; n < 5 && (w.capital(i) || n > 0 && w.wordAt(i) && len(w.str(i)) <= 3 && w.capital(i+1)); n++ {
		i++
	}
	return i
}

// english reads "number street", with the flat before it and the town after.
func (m *Model) english(w *work, i int) (start, end int, score float32, rule string) {
	j := i + 1
	if w.is(j, "/") && w.kind(j+1) == token.Number {
		j += 2
	}
	if w.single(j) && w.Word(j).Letter() && w.capital(j+1) { // "907 N Sycamore Ave"
		j++
	}
	n := 0
	for ; n < 4 && w.wordAt(j); n++ {
		in := w.Word(j)
		street := in.Street == tagger.StreetAlone || w.class(j, tagger.StreetWord)
		if street && n > 0 && (in.Capital() || w.low(j)) {
			if !in.Capital() && w.Tag[j] != tagger.Adr && w.Tag[j-1] != tagger.Adr {
				return 0, 0, 0, ""
			}
			j++
			if w.is(j, ".") && len(w.str(j-1)) <= 4 && !w.capital(j+1) {
				j++
			}
			var kind int
			end, kind = m.englishTail(w, j)
			score = 0.6
			if kind >= tailCity || w.Tag[j-1] == tagger.Adr || w.Tag[i+1] == tagger.Adr {
				score = 0.9
			}
			start, _ = w.before(i)
			return start, end, score, "address/street"
		}
		if !in.Capital() && !w.low(j) {
			break
		}
		j++
	}
	if w.class(i-1, tagger.Unit) && w.is(i+1, ",") { // "Unit 6, Saddlers Yard, Ludlow SY8 1AJ"
		if e, kind := m.englishTail(w, i+1); kind == tailPostal {
			return i - 1, e, 0.9, "address/postal"
		}
	}
	if k := w.names(i + 1); k > i+1 && w.is(k, ",") { // "3 Quarry Bank, Allensford, Consett DH8 9BA"
		if e, kind := m.englishTail(w, k); kind == tailPostal {
			start, _ = w.before(i)
			return start, e, 0.8, "address/postal"
		}
	}
	if n > 0 && w.Tag[i+1] == tagger.Adr { // "27 Heol Fawr, Machynlleth"
		for j = i + 1; w.wordAt(j) && w.Tag[j] == tagger.Adr; {
			j++
		}
		var kind int
		if end, kind = m.englishTail(w, j); kind >= tailCity {
			start, _ = w.before(i)
			return start, end, 0.7, "address/tagger"
		}
	}
	return 0, 0, 0, ""
}

// englishTail reads flat, towns and postcode after a street.
func (m *Model) englishTail(w *work, i int) (end, kind int) {
	end = i
	for range 5 {
		j := end
		comma := w.is(j, ",")
		if comma {
			j++
		}
		if w.kind(j) == token.Break {
			j++
		}
		if e := m.postal1(w, j); e > j {
			return e, tailPostal
		}
		if e := w.unit(j); e > j && j < len(w.Tokens) && !w.ended(end) {
			end, kind = e, max(kind, tailUnit)
			continue
		}
		if !comma || !w.capital(j) && w.british(j+1) == j+1 {
			// "Cardiff CF24 3RU": the town stands directly before the code.
			return end, kind
		}
		k := j
		for k < j+3 && (w.capital(k) || w.wordAt(k) && w.british(k+1) > k+1) && w.british(k) == k {
			k++
		}
		if w.plain(k) > 0 && w.plain(k) <= 2 && w.is(k-1, "Dublin") {
			k++
		}
		if e := w.british(k); e > k {
			return e, tailPostal
		}
		if !w.is(k, ",") && !w.ended(k) && !w.is(k, ".") && w.kind(k) == token.Word && w.Word(j).Place() == 0 {
			return end, kind
		}
		end, kind = k, tailCity
	}
	return end, kind
}

// before moves the start of an address back over flat, house name and "c/o".
func (w *work) before(start int) (int, bool) {
	moved := false
	if w.class(start-1, tagger.Unit) && w.kind(start) == token.Number && len(w.str(start-1)) > 2 {
		start, moved = start-1, true
	}
	for range 3 {
		s := start - 1
		if w.is(s, ",") {
			s--
		}
		if w.is(s+1, ",") && w.kind(s) == token.Number && w.class(s-1, tagger.Unit) { // "Flat 2, 118 Albany Road"
			start, moved = s-1, true
			continue
		}
		if w.is(s+1, ",") && w.lang == "en" && w.kind(start) == token.Number { // "The Manse, 1 Kirk Wynd"
			k := s
			for n := 0; n < 3 && w.capital(k) && (w.Word(k).Given() < 3 || w.is(k-1, "The")); n++ {
				k--
			}
			if k < s && (w.ended(k) || w.is(k, ",") || w.is(k, ":") || w.is(k+1, "The")) {
				start, moved = k+1, true
				break
			}
		}
		if w.is(s+1, ",") { // "c/o Ruuth, Karl Staaffs gata 4"
			k := s
			for n := 0; n < 4 && w.capital(k); n++ {
				k--
			}
			if w.careOf(k) && w.Tag[k+1] != tagger.BPer {
				start, moved = k-2, true
				continue
			}
		}
		break
	}
	return start, moved
}

// careOf reports whether token k ends "c/o".
func (w *work) careOf(k int) bool {
	return (w.is(k, "o") || w.is(k, "O")) && w.is(k-1, "/") && (w.is(k-2, "c") || w.is(k-2, "C"))
}

// box reads a post office box with its code and city, or alone.
func (m *Model) box(w *work, i int) (start, end int, score float32, rule string) {
	j := i + 1
	start = i
	if w.is(i, "Box") || w.is(i, "box") {
		// "P.O. Box 1187"
		if w.is(i-1, ".") && (w.is(i-2, "O") || w.is(i-2, "o")) {
			for start > i-5 && (w.is(start-1, ".") || w.single(start-1)) && !w.ended(start-1) {
				start--
			}
		} else if w.is(i-1, "PO") {
			start--
		}
	}
	n := w.plain(j)
	if n == 0 || n > 5 {
		return 0, 0, 0, ""
	}
	end = j + 1
	if n <= 3 && w.plain(end) == 2 { // "Box 240 67"
		if e := m.postal1(w, j); e > j {
			end = j
		}
	}
	tail, kind := m.tail(w, end, false)
	if kind < tailPostal {
		if tail, kind = m.englishTail(w, end); kind < tailPostal {
			if !w.capital(i) || w.lang == "en" && start == i {
				return 0, 0, 0, ""
			}
			tail = end
			if c := w.city(end+1, true, false); w.is(end, ",") && c > end+1 {
				tail = c
			}
			if w.is(i, "PL") || w.is(i, "pl") {
				return 0, 0, 0, ""
			}
			start, _ = w.before(start)
			return start, tail, 0.6, "address/box"
		}
	}
	start, _ = w.before(start)
	return start, tail, 0.95, "address/box"
}

func postalKey(code, city []byte) uint64 {
	var buf [96]byte
	return token.Hash(append(append(append(buf[:0], code...), '|'), city...))
}

func cityKey(name []byte) uint64 {
	var buf [160]byte
	return token.Hash(append(append(buf[:0], "city|"...), name...))
}

// PostalKey is the key in the postal table of a code together with the first
// word of its city in lower case, or of the code alone.
func PostalKey(code, city string) uint64 { return postalKey([]byte(code), []byte(city)) }

// CityKey is the key in the postal table of a city of several words.
func CityKey(name string) uint64 { return cityKey([]byte(name)) }
