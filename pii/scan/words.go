package scan

import (
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/pii/checkdigit"
	"github.com/gallra/gallra/pii/phone"
)

// AppendWords appends the spans that stand in words rather than digits: numbers
// read out in Swedish ("noll sju noll …", as call transcripts have them),
// addresses of mail with "at" and "punkt", and screen names after the word that
// says so. It is a pass of its own because it stops at every word.
func (s *Scanner) AppendWords(dst []Span, text string) []Span {
	p := pass{Scanner: s, t: text, dst: dst}
	p.cues.pos = -1
	for i := 0; i < len(text); {
		if !letter(text[i]) {
			if n := bracketedAt(text[i:]); n > 0 {
				if end := p.spelledMail(i, i+n); end > 0 {
					i = end
					continue
				}
			}
			i++
			continue
		}
		if i+1 < len(text) && keyHead[text[i]]>>(text[i+1]&31)&1 != 0 && i >= p.done {
			if end := p.issuedKey(i); end > i {
				i = end
				continue
			}
		}
		start := i
		var key uint64
		n := 0
		for i < len(text) && letter(text[i]) {
			sym, size := folded[text[i]], 1
			if text[i] >= 0x80 {
				sym, size = foldAt(text, i)
			}
			key = key*31 + uint64(sym)
			n++
			i += size
		}
		if n > maxWord || vocabularyKeys.lacks(key) {
			continue
		}
		if v, ok := vocabulary[key]; ok {
			i = max(i, p.word(v, start, i))
		}
	}
	return p.dst
}

// bracketedAt returns the length of "(at)", "[at]", "(a)" or "[a]" at the start of t.
func bracketedAt(t string) int {
	if t[0] != '(' && t[0] != '[' || len(t) < 3 || t[1]|0x20 != 'a' {
		return 0
	}
	n := 2
	if t[2]|0x20 == 't' {
		n = 3
	}
	if n < len(t) && (t[n] == ')' || t[n] == ']') {
		return n + 1
	}
	return 0
}

// keyHead holds the first two bytes of issued keys and of the line before a
// private key: by the first a bit for the five low bits of the second.
var keyHead = func() (t [256]uint32) {
	t['B'] = 1 << ('E' & 31)
	for _, k := range issued {
		t[k.head[0]] |= 1 << (k.head[1] & 31)
	}
	return t
}()

// maxWord is the length of the longest word in the vocabulary.
const maxWord = 24

// meaning is what a word of the vocabulary is.
type meaning struct {
	kind  byte // 'n' number, 's' the sign @, 'u' a screen name follows, 'p' a password does, 'k' a word agreed on does, 'w' someone wrote, 'l' a profile's address follows
	value string
}

// foldKey is the key of a word in the vocabulary.
func foldKey(w string) (key uint64) {
	for i := 0; i < len(w); {
		sym, size := foldAt(w, i)
		key = key*31 + uint64(sym)
		i += size
	}
	return key
}

var vocabulary = func() map[uint64]meaning {
	m := map[uint64]meaning{}
	// A number, and the same read in one breath with the zero before it, as area
	// codes are: "sju", "nollsju".
	number := func(w, digits string) {
		m[foldKey(w)] = meaning{'n', digits}
		m[foldKey("noll"+w)] = meaning{'n', "0" + digits}
	}
	units := []string{"noll", "ett", "två", "tre", "fyra", "fem", "sex", "sju", "åtta", "nio"}
	for i, w := range units {
		number(w, string(rune('0'+i)))
	}
	number("nolla", "0")
	number("en", "1")
	number("etta", "1")
	number("tvåa", "2")
	number("trea", "3")
	for i, w := range []string{"tio", "elva", "tolv", "tretton", "fjorton", "femton", "sexton", "sjutton", "arton", "nitton"} {
		number(w, "1"+string(rune('0'+i)))
	}
	for i, w := range []string{"tjugo", "trettio", "fyrtio", "femtio", "sextio", "sjuttio", "åttio", "nittio"} {
		tens := string(rune('2' + i))
		number(w, tens+"0")
		for j, u := range units[1:] {
			number(w+u, tens+string(rune('1'+j)))
		}
	}
	for _, w := range []string{"snabel", "snabela", "krullalfa", "kroellalfa"} {
		m[foldKey(w)] = meaning{'s', ""}
	}
	for _, w := range []string{"användarnamn", "användarnamnet", "anvnamn", "username", "brukernavn", "brukernavnet", "brugernavn", "brugernavnet", "brugeren", "brukeren", "bruker", "bruger", "login",
		"inloggning", "nick", "nickname", "nicket", "user", "benutzername", "benutzer", "nutzer", "nutzername", "käyttäjätunnus", "käyttäjätunnuksella", "tunnus", "tunnuksella", "nimimerkki", "nimimerkillä", "signaturen", "kontot", "konto", "alias"} {
		m[foldKey(w)] = meaning{'u', ""}
	}
	for _, w := range []string{"lösenord", "lösenordet", "lösen", "lösenet", "startlösenord", "password", "passwd", "pwd", "pw", "passord", "passordet", "adgangskode", "adgangskoden", "salasana", "salasanani", "passwort", "kennwort", "passphrase", "lösenfras"} {
		m[foldKey(w)] = meaning{'p', ""}
	}
	for _, w := range []string{"kodord", "kodordet", "säkerhetsord", "säkerhetsordet", "safeword", "sikkerhetsord", "tunnussana", "tunnussanani", "codewort", "memorable", "secret", "security"} {
		m[foldKey(w)] = meaning{'k', ""}
	}
	for _, w := range sites {
		m[foldKey(w)] = meaning{'l', ""}
	}
	for _, w := range []string{"skrev", "skriver", "svarade", "svarar", "wrote", "writes", "kirjoitti", "vastasi", "schrieb", "schreibt", "skreiv"} {
		m[foldKey(w)] = meaning{'w', ""}
	}
	return m
}()

// keySet is a set of keys of which some others are thought to be in it: a bit
// for each value of the highest bits of a product.
type keySet [1 << 13 / 64]uint64

func (s *keySet) slot(key uint64) uint64 { return key * 0x9E3779B97F4A7C15 >> (64 - 13) }

// lacks reports that a key is not in the set.
func (s *keySet) lacks(key uint64) bool {
	k := s.slot(key)
	return s[k/64]>>(k%64)&1 == 0
}

// vocabularyKeys tell nearly all words from those of the vocabulary.
var vocabularyKeys = func() (s keySet) {
	for key := range vocabulary {
		k := s.slot(key)
		s[k/64] |= 1 << (k % 64)
	}
	return s
}()

// word acts on a word of the vocabulary at t[start:end] and returns where the
// reading goes on.
func (p *pass) word(v meaning, start, end int) int {
	switch v.kind {
	case 'n':
		return p.spoken(v, start, end)
	case 's':
		i := end
		if end-start == len("snabel") { // "snabel-a", "snabel a"
			if i+1 < len(p.t) && (p.t[i] == '-' || p.t[i] == ' ') && p.t[i+1]|0x20 == 'a' && !p.wordAfter(i+2) {
				i += 2
			}
		}
		return p.spelledMail(start, i)
	case 'u':
		return p.screenName(end)
	case 'p':
		return p.spelledSecret(end)
	case 'k':
		return p.codeWord(start, end)
	case 'w':
		return p.wrote(start, end)
	case 'l':
		return p.profile(start, end)
	}
	return end
}

// spoken reads on from a number word and reports what the digits are.
func (p *pass) spoken(v meaning, start, end int) int {
	var buf [40]byte
	d := append(buf[:0], v.value...)
	words := 1
	for i := end; ; {
		j := i
		for j < len(p.t) && j-i < 3 && (p.t[j] == ' ' || p.t[j] == ',' || p.t[j] == '-') {
			j++
		}
		if j == i || j >= len(p.t) {
			break
		}
		k := j
		var key uint64
		for k < len(p.t) && letter(p.t[k]) && k-j < 2*maxWord {
			sym, size := foldAt(p.t, k)
			key = key*31 + uint64(sym)
			k += size
		}
		next, ok := vocabulary[key]
		if k == j || !ok || next.kind != 'n' || len(d)+len(next.value) > len(buf) {
			break
		}
		d = append(d, next.value...)
		words++
		i, end = k, k
	}
	if words < 4 {
		return end
	}
	before := p.before(start)
	secret, customer, call := before.nearest(cueSecret), before.nearest(cueCustomer), p.against(start, cuePhone|cuePhoneWeak)
	mobile, swedish := phone.Swedish(d)
	own := before.nearest(cuePersonnummer)
	switch kind := checkdigit.SwedishNumber(d); {
	case (kind == checkdigit.Personnummer || kind == checkdigit.Samordningsnummer) && (len(d) == 12 || !swedish || own < far && own <= call || !mobile && call == far):
		return p.add(start, end, gallra.CategoryPersonnummer, 0.95, "personnummer/read out+luhn")
	case secret < min(customer, call) && len(d) <= 8:
		return p.add(start, end, gallra.CategorySecret, likely, "secret/word+read out")
	case swedish && customer > 12:
		return p.add(start, end, gallra.CategoryPhone, 0.95, "phone_se/read out")
	case customer <= 40 && customer < call:
		return p.add(start, end, gallra.CategoryCustomerID, likely, "customer_id/word+read out")
	case call <= 40 && len(d) >= 6:
		return p.add(start, end, gallra.CategoryPhone, probable, "phone/word+read out")
	case len(d) == 16 && checkdigit.Card(d):
		return p.add(start, end, gallra.CategoryCard, 0.9, "card/read out+luhn")
	case len(d) >= 8 && words >= 6:
		return p.add(start, end, gallra.CategoryCustomerID, doubtful, "customer_id/read out")
	}
	return end
}

// dotWord returns where a spelled-out dot with its spaces at t[i] ends, 0 when
// there is none.
func (p *pass) dotWord(i int) int {
	for _, w := range [...]string{" punkt ", " dot ", " prick ", " piste ", " (punkt) ", " (dot) ", " [dot] ", "(punkt)", "[dot]", "(dot)"} {
		if len(p.t) >= i+len(w) && strings.EqualFold(p.t[i:i+len(w)], w) {
			return i + len(w)
		}
	}
	return 0
}

// dotBefore returns where the spelled-out dot that ends at i begins, i when
// there is none.
func (p *pass) dotBefore(i int) int {
	for _, w := range [...]string{" punkt ", " dot ", " prick ", " piste "} {
		if i >= len(w) && strings.EqualFold(p.t[i-len(w):i], w) {
			return i - len(w)
		}
	}
	return i
}

// spelledMail reads the address around the word for @ at t[start:end].
func (p *pass) spelledMail(start, end int) int {
	t := p.t
	// The mailbox name, backwards.
	i := start
	for i > 0 && t[i-1] == ' ' && start-i < 2 {
		i--
	}
	last := i
	for {
		j := i
		for j > p.done && last-j < 64 && (letter(t[j-1]) || digit(t[j-1]) || t[j-1] == '.' || t[j-1] == '_' || t[j-1] == '-') {
			j--
		}
		if j == i {
			return 0
		}
		i = j
		k := p.dotBefore(j)
		if k == j {
			break
		}
		i = k
	}
	i = p.trimOpening(i, last)
	// The domain.
	j := end
	for j < len(t) && t[j] == ' ' && j-end < 2 {
		j++
	}
	labels, label := 1, j
	for j < len(t) {
		if letter(t[j]) || digit(t[j]) || t[j] == '-' {
			j++
			continue
		}
		if t[j] == '.' && j > label && p.wordAfter(j+1) {
			j++
			label = j
			labels++
			continue
		}
		if k := p.dotWord(j); k > 0 && j > label && p.wordAfter(k) {
			j, label = k, k
			labels++
			continue
		}
		break
	}
	if labels < 2 || j-label < 2 || j-label > 8 || i >= last || !topLevel(t[label:j]) {
		return 0
	}
	return p.add(i, j, gallra.CategoryEmail, 0.9, "email/spelled out")
}

// screenName reads the name after a word such as "username": with a link word
// or colon between them any token, and without one a token that is no ordinary
// word by its digits, dots or case.
func (p *pass) screenName(i int) int {
	t := p.t
	linked := false
	for n := 0; n < 2; n++ {
		for i < len(t) && (t[i] == ' ' || t[i] == ':' || t[i] == '"' || t[i] == '=') {
			linked = linked || t[i] == ':' || t[i] == '='
			i++
		}
		for _, w := range [...]string{"är ", "is ", "er ", "on ", "ist ", "heter "} {
			if strings.HasPrefix(t[i:], w) {
				linked = true
				i += len(w)
			}
		}
	}
	j := p.nameEnd(i)
	if j-i < 4 || j-i > 32 || p.at0(j) == '@' || p.at0(j) == '/' || i < p.done {
		return i
	}
	marks, upper, letters := 0, 0, 0
	for k := i; k < j; k++ {
		switch b := t[k]; {
		case digit(b), b == '_', b == '.' && k > i:
			marks++
		case letter(b):
			letters++
			if b >= 'A' && b <= 'Z' && k > i {
				upper++
			}
		}
	}
	switch {
	case letters < 3 || upper == letters:
		return i
	case marks > 0 && letters > marks, upper > 0 && t[i] >= 'a':
		return p.add(i, j, gallra.CategoryUsername, likely, "username/word")
	case linked && t[i] >= 'a' && t[i] <= 'z' && j-i >= 5 && !ordinary[foldKey(t[i:j])]:
		return p.add(i, j, gallra.CategoryUsername, 0.6, "username/word+link")
	}
	return i
}

// spelledSecret reads a password of letters alone, which nothing but its place
// gives away: after the word, a colon or equals sign, and with nothing after it
// in the sentence.
func (p *pass) spelledSecret(i int) int {
	t := p.t
	for i < len(t) && t[i] == ' ' {
		i++
	}
	if b := p.at0(i); b != ':' && b != '=' {
		return i
	}
	i++
	for i < len(t) && (t[i] == ' ' || t[i] == '"' || t[i] == '\'') {
		i++
	}
	j := i
	for j < len(t) && j-i < 64 && t[j] > ' ' && t[j] != '"' && t[j] != '\'' && t[j] != ',' && t[j] != ';' && t[j] != '<' {
		j++
	}
	for j > i && (t[j-1] == '.' || t[j-1] == ')') {
		j--
	}
	switch b := p.at0(j); {
	case j-i < 4 || j-i > 40 || i < p.done || ordinary[foldKey(t[i:j])]:
		return i
	case b != 0 && b != '\n' && b != '\r' && b != '"' && b != '\'' && b != ',' && b != ';' && b != '.' && b != '<':
		return i
	case strings.Contains(t[i:j], "://") || strings.Contains(t[i:j], "@") || t[i] == '[' || t[i] == '{' || t[i] == '*':
		return i
	}
	for j < len(t) && t[j]&0xC0 == 0x80 { // the bound fell inside a character
		j++
	}
	return p.add(i, j, gallra.CategorySecret, 0.75, "secret/word+place")
}

// codeWord reads the word agreed on with a customer, which is any word: after
// "kodordet är", "memorable word is" or a colon.
func (p *pass) codeWord(start, i int) int {
	t := p.t
	switch t[start:i] {
	case "memorable", "secret", "security", "Memorable", "Secret", "Security":
		if !strings.HasPrefix(t[i:], " word") {
			return i
		}
		i += len(" word")
	}
	linked := false
	for _, w := range [...]string{" är ", " is ", " er ", " on ", " ist ", " var ", " was ", ": ", ":", " = ", "="} {
		if strings.HasPrefix(t[i:], w) {
			i += len(w)
			linked = true
			break
		}
	}
	if !linked {
		return i
	}
	for i < len(t) && (t[i] == '"' || t[i] == '\'' || t[i] == ' ') {
		i++
	}
	j := p.nameEnd(i)
	if j-i < 3 || j-i > 32 || i < p.done || ordinary[foldKey(t[i:j])] {
		return i
	}
	return p.add(i, j, gallra.CategorySecret, 0.75, "secret/code word")
}

// ordinary are words that follow "the username is" or "password:" without being one.
var ordinary = func() map[uint64]bool {
	m := map[uint64]bool{}
	for _, w := range strings.Fields(`fortfarande låst spärrat spärrad felaktigt ogiltigt stängt avslutat borta upptaget redan samma mitt wrong locked invalid taken still
		blocked disabled gesperrt falsch ungültig lukittu väärä jumissa sperret låst stengt låste ukendt spærret forkert also också gammalt tomt kopplat registrerat registered
		övertrasserat avstängt raderat inaktivt aktivt skapat nytt kontot hackat kapat weg leider nicht noch immer hidden always never being glömt glömde bytt ändrat återställt återställning saknas fungerar okänt ingen inget forgotten reset changed missing
		unknown none empty required vergessen geändert fehlt glemt endret nulstillet unohtunut vaihdettu`) {
		m[foldKey(w)] = true
	}
	return m
}()

// wrote reads the screen name at the start of a line before "skrev", as forums
// print it; a name that begins with a capital and goes on in lower case is a
// person's and left to others.
func (p *pass) wrote(start, end int) int {
	if start < 2 || p.t[start-1] != ' ' {
		return end
	}
	i := start - 1
	for i > p.done && start-i < 40 && p.t[i-1] > ' ' {
		i--
	}
	if i > 0 && p.t[i-1] != '\n' && p.t[i-1] != '>' && !(p.t[i-1] == ' ' && i > 1 && p.t[i-2] == '>') || p.nameEnd(i) != start-1 || start-1-i < 4 {
		return end
	}
	plain := capital(p.t, i)
	for k := i + 1; k < start-1; k++ {
		if b := p.t[k]; digit(b) || b == '_' || b >= 'A' && b <= 'Z' {
			plain = false
		}
	}
	if b := p.at0(end); plain || b != ':' && b != ' ' && b != '\n' {
		return end
	}
	return p.add(i, start-1, gallra.CategoryUsername, 0.7, "username/wrote")
}
