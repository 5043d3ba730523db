package ident

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/pii/phone"
)

// Match is one place where a known identifier stands: byte offsets into the
// text as given, and which of the identifiers it is.
type Match struct {
	Start, End int
	Index      int
}

// shortest is the fewest characters of an account or customer number that are
// looked for in running text: "42" alone points out nobody.
const shortest = 4

// Matcher finds a set of identifiers. It is safe for concurrent use, and the
// time it takes does not grow with their number. What an identifier's written
// forms have in common is looked for first; the forms themselves are written out
// only of those that a text may hold.
type Matcher struct {
	parts []part // by identifier
	ips   map[netip.Addr]int
	mails func() map[string]int // every address as it is written with its sign

	mu    sync.Mutex
	forms []*forms // of the identifiers that some text may have held
}

// forms are the written forms of some identifiers.
type forms struct {
	auto automaton
	keys []key
	of   []bool // by identifier: its forms are among them
}

// rule says which boundaries a key needs.
type rule uint8

const (
	digits     rule = iota // a number: whole digit groups
	subscribed             // a telephone number: whole, with or without trunk zero and country code
	born                   // a personnummer: whole, with or without century
	words                  // letters: whole words, genitive -s allowed
	mailbox                // an address written out in words
)

// key is one string of folded characters that the automaton looks for.
type key struct {
	index   int
	rule    rule
	n       int    // symbols
	head    string // country code or century, "" when any will do
	breaks  uint64 // words: bit k is set when a word begins at symbol k
	exactly bool   // words: breaks between the symbols where breaks says and nowhere else
	// initials, of words: bit k is set when symbol k is an initial, which a stop
	// or a dash must follow: "a berg" is no name.
	initials uint64
	mail     string // mailbox: the address as it is written with its sign, "" when words stand for it
}

// New returns a Matcher for ids. Values that hold nothing of their kind are
// passed over; Index in a Match is the position in ids.
func New(ids []gallra.Identifier) *Matcher { return (&Matcher{}).With(ids...) }

// With returns a Matcher that finds ids too, after those that m finds.
func (m *Matcher) With(ids ...gallra.Identifier) *Matcher {
	m.mu.Lock()
	out := &Matcher{parts: slices.Clip(m.parts), forms: slices.Clip(m.forms)}
	m.mu.Unlock()
	for _, id := range ids {
		out.parts = append(out.parts, partOf(id))
	}
	for i, p := range out.parts {
		if p.id.Kind == gallra.IdentIP {
			if a, err := netip.ParseAddr(strings.TrimSpace(p.id.Value)); err == nil {
				if out.ips == nil {
					out.ips = map[netip.Addr]int{}
				}
				out.ips[a.Unmap().WithZone("")] = i
			}
		}
	}
	out.mails = sync.OnceValue(func() map[string]int {
		mails := map[string]int{}
		for i, p := range out.parts {
			if p.id.Kind == gallra.IdentEmail {
				addMail(mails, p.id.Value, i)
			}
		}
		return mails
	})
	return out
}

// addMail enters an address, and the same with its domain written the other way.
func addMail(mails map[string]int, value string, index int) {
	n := normaliseMail(value)
	local, domain, ok := strings.Cut(n, "@")
	if !ok || local == "" || domain == "" {
		return
	}
	mails[n] = index
	if ascii, err := idna.ToASCII(domain); err == nil && ascii != domain {
		mails[local+"@"+ascii] = index
	}
	if letters, err := idna.ToUnicode(domain); err == nil && letters != domain {
		mails[local+"@"+letters] = index
	}
}

// manyForms is how many automata a text is read with before they are made one.
const manyForms = 4

// formsOf returns written forms that include those of the identifiers wanted.
func (m *Matcher) formsOf(wanted []int) []*forms {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []*forms
	var lacking []int
	for _, i := range wanted {
		k := slices.IndexFunc(m.forms, func(f *forms) bool { return i < len(f.of) && f.of[i] })
		switch {
		case k < 0:
			lacking = append(lacking, i)
		case !slices.Contains(out, m.forms[k]):
			out = append(out, m.forms[k])
		}
	}
	if len(lacking) == 0 {
		return out
	}
	together := len(m.forms) == manyForms
	if together {
		for _, f := range m.forms {
			for i, in := range f.of {
				if in {
					lacking = append(lacking, i)
				}
			}
		}
		out, m.forms = nil, nil
		slices.Sort(lacking)
	}
	f := &forms{of: make([]bool, len(m.parts))}
	states := 0
	for _, i := range lacking {
		states += statesOf(m.parts[i].id)
	}
	f.auto.expect(states)
	for _, i := range lacking {
		f.add(i, m.parts[i].id)
		f.of[i] = true
	}
	f.auto.build()
	m.forms = append(slices.Clip(m.forms), f) // others that came of m share what was there
	return append(out, f)
}

// statesOf is about how many states the forms of an identifier take: many for an
// address or a name of several words, which are written in many ways, and few for
// the others.
func statesOf(id gallra.Identifier) int {
	switch {
	case id.Kind == gallra.IdentEmail, id.Kind == gallra.IdentName && strings.ContainsAny(id.Value, " -,"):
		return 256
	case id.Kind == gallra.IdentIP:
		return 0
	}
	return 2*len(id.Value) + 8
}

// Trim forgets the forms that have been written out; they are again when a text
// asks for them. Of many Matchers that are kept, few are in use.
func (m *Matcher) Trim() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forms = nil
}

func (m *forms) add(index int, id gallra.Identifier) {
	put := func(folded string, k key) {
		k.index = index
		symbols := strings.ReplaceAll(folded, " ", "")
		if symbols == "" || len(symbols) > maxKey {
			return
		}
		k.n = len(symbols)
		if k.exactly {
			at := 0
			for w := range strings.FieldsSeq(folded) {
				if at < 64 {
					k.breaks |= 1 << at
				}
				at += len(w)
			}
		}
		m.keys = append(m.keys, k)
		m.auto.add(symbols)
	}
	switch id.Kind {
	case gallra.IdentPersonnummer:
		n := strings.ToLower(Normalise(id.Kind, id.Value))
		switch len(n) {
		case 10:
			put(n, key{rule: born})
		case 12:
			put(n[2:], key{rule: born, head: n[:2]})
		default:
			put(n, key{rule: digits})
		}
	case gallra.IdentPhone:
		l := subscriber(id.Value)
		if len(l.number) < 5 {
			return
		}
		put(l.number, key{rule: subscribed, head: l.country})
		if l.bare != "" {
			put(l.bare, key{rule: subscribed, head: l.number[:len(l.number)-len(l.bare)]})
		}
	case gallra.IdentEmail:
		n := normaliseMail(id.Value)
		local, domain, ok := strings.Cut(n, "@")
		if !ok || local == "" || domain == "" {
			return
		}
		// One after the other, without blanks: a letter folds to the same wherever
		// it stands.
		bare := func(s string) string { return strings.ReplaceAll(Fold(s), " ", "") }
		spelled := func(s, dot string) string {
			var b strings.Builder
			for n, part := range strings.Split(s, ".") {
				if n > 0 {
					b.WriteString(dot)
				}
				b.WriteString(bare(part))
			}
			return b.String()
		}
		plain := spelled(local, "")
		for _, dot := range []string{"punkt", "dot", "prick", "piste", ""} {
			l, d := spelled(local, dot), spelled(domain, dot)
			for _, at := range []string{"at", "snabela", "krollalfa", "alfa"} {
				put(l+at+d, key{rule: mailbox})
				if l != plain {
					put(plain+at+d, key{rule: mailbox})
				}
			}
		}
		// Also as a link or a page's source writes the sign: %40 and &#64;.
		for _, at := range []string{"40", "64", "x40", "commat"} {
			put(plain+at+spelled(domain, ""), key{rule: mailbox})
		}
		put(plain+spelled(domain, ""), key{rule: mailbox, mail: n})
	case gallra.IdentName:
		for _, f := range nameKeys(id.Value) {
			put(f.folded, key{rule: words, exactly: true, initials: f.initials})
		}
	case gallra.IdentIP: // by its value: findIPs
	case gallra.IdentUsername:
		put(Fold(id.Value), key{rule: words})
	default:
		f := Fold(id.Value)
		if n := strings.ReplaceAll(f, " ", ""); len(n) >= shortest {
			r := words
			if strings.Trim(n, "0123456789") == "" {
				r = digits
			}
			put(f, key{rule: r})
		}
	}
}

// nameKey is one order and spelling of a name, folded.
type nameKey struct {
	folded   string
	initials uint64
}

// nameKeys returns the folded orders and spellings of a name. A single word is
// looked for as it is; of more words, one given name and the last suffice, and
// of given names their initials.
func nameKeys(value string) []nameKey {
	var out []nameKey
	add := func(name string, initials uint64) {
		for _, f := range spellings(strings.Fields(name)) {
			if f = Fold(f); f != "" && !slices.ContainsFunc(out, func(k nameKey) bool { return k.folded == f && k.initials == initials }) {
				out = append(out, nameKey{f, initials})
			}
		}
	}
	for _, f := range nameForms(value) {
		add(f, 0)
	}
	given, last := nameParts(value)
	if len(given) == 0 {
		return out
	}
	// "Anna-Maria" is written "AnnaMaria" and "Anna Maria" too.
	whole := strings.Join(given, " ")
	add(strings.ReplaceAll(whole, "-", "")+" "+last, 0)
	add(whole+" "+strings.ReplaceAll(last, "-", ""), 0)
	for _, g := range given {
		add(g+" "+last, 0)
		add(strings.ReplaceAll(g, "-", "")+" "+last, 0)
	}
	var all []string
	for n, g := range given {
		letters := strings.Fields(Fold(strings.ReplaceAll(g, "-", " ")))
		for i := range letters {
			letters[i] = letters[i][:1]
		}
		if n > 0 { // the first name whole, the second by its letter: no stop is needed
			add(given[0]+" "+strings.Join(letters, " ")+" "+last, 0)
		}
		all = append(all, letters...)
		if n > 0 && n < len(given)-1 || len(all) > 8 {
			continue
		}
		bits := uint64(1)<<len(all) - 1
		add(strings.Join(all, " ")+" "+last, bits)
		for _, l := range spellings(strings.Fields(last)) { // where the letters stand depends on the spelling
			l = Fold(l)
			if n := len(strings.ReplaceAll(l, " ", "")); n+len(all) < 64 {
				out = append(out, nameKey{l + " " + strings.Join(all, " "), bits << n})
			}
		}
	}
	return out
}

// spellings returns the words with å, ä, ö and their like as they are, or each
// word as it is written where they cannot be.
func spellings(words []string) []string {
	out := []string{""}
	for i, w := range words {
		t := transliterate(w)
		n := len(out)
		if t != w && i < 4 {
			out = append(out, out...)
		}
		for k := range out {
			if k >= n {
				out[k] += t + " "
			} else {
				out[k] += w + " "
			}
		}
	}
	return out
}

// maxKey bounds the length of a key, and with it the memory of a search.
const maxKey = 96

// maxGap is how many characters may stand between two of a value: " (0)", a
// line break with its quote mark.
const maxGap = 6

// Find returns where the identifiers stand in text, in order; of overlapping
// places the longest.
func (m *Matcher) Find(text string) []Match {
	var out []Match
	s := search{text: text}
	for _, f := range m.formsOf(m.wanted(text)) {
		s.find(f)
	}
	out = s.out
	if strings.IndexByte(text, '@') >= 0 {
		if mails := m.mails(); len(mails) > 0 {
			out = findMails(out, text, mails)
		}
	}
	if len(m.ips) > 0 {
		out = m.findIPs(out, text)
	}
	return longest(out)
}

// longest sorts matches and keeps, of those that overlap, the longest.
func longest(ms []Match) []Match {
	slices.SortFunc(ms, func(a, b Match) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(b.End, a.End), cmp.Compare(a.Index, b.Index))
	})
	out := ms[:0]
	for _, x := range ms {
		if n := len(out); n > 0 && x.Start < out[n-1].End {
			if x.End-x.Start > out[n-1].End-out[n-1].Start {
				out[n-1] = x
			}
			continue
		}
		out = append(out, x)
	}
	return out
}

// ring holds the last symbols read, enough for the longest key with its prefix.
const ring = 128

// symbol is one folded character of the text under search.
type symbol struct {
	start, end int
	c          byte
	gap        bool // something that is no letter or digit stands before it
}

type search struct {
	text string
	syms [ring]symbol
	n    int // symbols read since the last break
	out  []Match
}

// find reads the text for written forms.
func (s *search) find(m *forms) {
	text := s.text
	s.n = 0
	state := int32(0)
	gap := 0 // characters since the last symbol
	first := true
	var buf [16]byte
	for i := 0; i < len(text); {
		var folded []byte
		size := 1
		if c := text[i]; c < utf8.RuneSelf {
			folded = appendFolded(buf[:0], rune(c))
		} else {
			var r rune
			r, size = utf8.DecodeRuneInString(text[i:])
			if ignorable(r) {
				// An accent written apart belongs to the letter before it.
				if r >= 0x0300 && r < 0x0370 && s.n > 0 && gap == 0 {
					s.syms[(s.n-1)%ring].end = i + size
				}
				i += size
				continue
			}
			if r != utf8.RuneError {
				folded = appendFolded(buf[:0], r)
			}
		}
		if len(folded) == 0 {
			gap++
			i += size
			continue
		}
		if gap > maxGap {
			state, s.n = 0, 0
		}
		for k, c := range folded {
			e := &s.syms[s.n%ring]
			e.start, e.end, e.c, e.gap = i, i+size, c, k == 0 && (gap > 0 || first)
			s.n++
			state = m.auto.step(state, c)
			for f := state; f != 0; f = m.auto.states[f].out {
				for k := m.auto.states[f].end; k >= 0; k = m.auto.more[k] {
					s.try(&m.keys[k])
				}
			}
		}
		gap, first = 0, false
		i += size
	}
}

// back returns the symbol k places before the end of the last one read.
func (s *search) back(k int) (start, end int, c byte, gap, ok bool) {
	if k >= s.n || k >= ring {
		return 0, 0, 0, true, false
	}
	e := &s.syms[(s.n-1-k)%ring]
	return e.start, e.end, e.c, e.gap, true
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// try reports a match when the key that ends with the last symbol stands
// within the boundaries its rule asks for.
func (s *search) try(k *key) {
	start, _, c, gap, ok := s.back(k.n - 1)
	if !ok {
		return
	}
	_, end, last, _, _ := s.back(0)
	switch k.rule {
	case digits, subscribed, born:
		if isDigit(last) && s.digitAt(end) {
			return
		}
		from, ok := s.numberStart(k, start, gap, isDigit(c))
		if !ok {
			return
		}
		s.out = append(s.out, Match{from, end, k.index})
	case words, mailbox:
		if !gap {
			return
		}
		if k.exactly {
			for j := 1; j < k.n && j < 64; j++ {
				_, _, _, g, _ := s.back(k.n - 1 - j)
				if g != (k.breaks&(1<<j) != 0) {
					return
				}
			}
		}
		for j := range min(k.n, 64) {
			if _, e, _, _, _ := s.back(k.n - 1 - j); k.initials>>j&1 != 0 && !stopOrDash(s.text[e:]) {
				return
			}
		}
		end, ok = s.wordEnd(end, k.rule == words)
		if !ok || k.rule == mailbox && !s.wholeMailbox(k, start, end) {
			return
		}
		s.out = append(s.out, Match{start, end, k.index})
	}
}

// wholeMailbox reports whether the address at start goes on neither before nor
// after, and has its sign when no word stands for it.
func (s *search) wholeMailbox(k *key, start, end int) bool {
	if end+1 < len(s.text) && s.text[end] == '.' && s.wordAt(end+1) {
		return false
	}
	local := start
	for local > 0 && strings.IndexByte("'.-_+", s.text[local-1]) >= 0 {
		local--
	}
	if local > 0 && local < start && wordByte(s.text[local-1]) {
		return false
	}
	if k.mail == "" {
		return true
	}
	written := strings.Map(func(r rune) rune {
		if r == '>' || unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s.text[start:end])
	return normaliseMail(written) == k.mail
}

// number returns the last n symbols read.
func (s *search) number(n int) string {
	b := make([]byte, n)
	for i := range b {
		_, _, b[n-1-i], _, _ = s.back(i)
	}
	return string(b)
}

// digitAt reports whether the next character with a width at i is a digit.
func (s *search) digitAt(i int) bool {
	for i < len(s.text) {
		r, n := utf8.DecodeRuneInString(s.text[i:])
		if ignorable(r) {
			i += n
			continue
		}
		var buf [16]byte
		f := appendFolded(buf[:0], r)
		return len(f) > 0 && isDigit(f[0])
	}
	return false
}

// wordEnd returns where the word that the key ends in ends: at end, or after
// the -s of a genitive.
func (s *search) wordEnd(end int, genitive bool) (int, bool) {
	if !s.wordAt(end) {
		at := end + hidden(s.text[end:])
		if sign := apostrophe(s.text[at:]); genitive && sign > 0 { // "Anna's", "NN:s"
			if after, ok := s.genitive(at + sign); ok {
				return after, true
			}
		}
		return end, true
	}
	if genitive {
		return s.genitive(end)
	}
	return end, false
}

// genitive returns where the word ends that is an s at i and no more.
func (s *search) genitive(i int) (end int, ok bool) {
	for i < len(s.text) {
		r, n := utf8.DecodeRuneInString(s.text[i:])
		i += n
		if ignorable(r) {
			continue
		}
		var buf [16]byte
		return i, string(appendFolded(buf[:0], r)) == "s" && !s.wordAt(i)
	}
	return i, false
}

// stopOrDash reports whether the sign after an initial stands at the start of rest.
func stopOrDash(rest string) bool {
	rest = rest[hidden(rest):]
	for _, sign := range [...]string{".", "-", "‑", "–", "．", "－"} {
		if strings.HasPrefix(rest, sign) {
			return true
		}
	}
	return false
}

// hidden returns the length of the characters without width that s begins with.
func hidden(s string) int {
	for i, r := range s {
		if !ignorable(r) {
			return i
		}
	}
	return len(s)
}

// apostrophe returns the length of the sign at the start of s that parts a name
// from the -s of its genitive, 0 when there is none.
func apostrophe(s string) int {
	for _, sign := range [...]string{"'", ":", "’", "´", "`", "ʼ", "′", "‘", "＇", "："} {
		if strings.HasPrefix(s, sign) {
			return len(sign)
		}
	}
	return 0
}

func (s *search) wordAt(i int) bool {
	if i >= len(s.text) {
		return false
	}
	r, _ := utf8.DecodeRuneInString(s.text[i:])
	return s.wordRune(r, s.text[i:])
}

// wordRune reports whether r, the first character of rest, carries a word on.
func (s *search) wordRune(r rune, rest string) bool {
	var buf [16]byte
	for ignorable(r) {
		rest = rest[utf8.RuneLen(r):]
		if rest == "" {
			return false
		}
		r, _ = utf8.DecodeRuneInString(rest)
	}
	return r != utf8.RuneError && len(appendFolded(buf[:0], r)) > 0
}

// numberStart returns where the number that ends in the key begins: at the key
// or at the prefix that may stand before it.
func (s *search) numberStart(k *key, start int, gap, digit bool) (from int, ok bool) {
	// Collect the digits before the key, nearest last, up to eight.
	var prefix [8]byte
	var starts [8]int
	var gaps [8]bool
	n := 0
	for n < len(prefix) {
		st, _, c, g, ok := s.back(k.n + n)
		if !ok || !isDigit(c) {
			break
		}
		prefix[n], starts[n], gaps[n] = c, st, g
		n++
	}
	from, ok = start, gap || n == 0 || !digit
	// before reports whether the digits before the key are p, as a whole.
	before := func(p string) bool {
		if len(p) > n {
			return false
		}
		for i := range len(p) {
			if prefix[i] != p[len(p)-1-i] {
				return false
			}
		}
		return len(p) == n || gaps[len(p)-1]
	}
	take := func(p string) {
		if before(p) {
			from, ok = starts[len(p)-1], true
		}
	}
	switch k.rule {
	case born:
		for _, c := range []string{"18", "19", "20"} {
			if k.head == "" || k.head == c {
				take(c)
			}
		}
		return from, ok
	case subscribed:
		take("0")
		countries := []string{k.head}
		if k.head == "" {
			countries = countries[:0]
			for size := 1; size <= 3; size++ {
				for skip := range 2 { // a trunk zero between country code and number
					if n < size+skip || skip == 1 && prefix[0] != '0' {
						continue
					}
					var cc [4]byte
					for i := range size {
						cc[size-1-i] = prefix[skip+i]
					}
					d := append(cc[:size:size], "0000"...)
					dialled := s.at(starts[skip+size-1]-1) == '+' || n >= size+skip+2 && prefix[size+skip] == '0' && prefix[size+skip+1] == '0'
					country := string(cc[:size])
					if phone.CountryCode(d) == size && (dialled || neighbours[country]) && (country == homeCountry || phone.International([]byte(country+s.number(k.n)))) {
						countries = append(countries, country)
					}
				}
			}
		}
		for _, cc := range countries {
			for _, p := range []string{cc, cc + "0", "00" + cc, "00" + cc + "0"} {
				take(p)
			}
		}
		if from == start && n > 0 && n <= 3 && s.at(starts[n-1]-1) == '+' {
			return from, false // another country's number
		}
		if ok && s.at(from-1) == '+' {
			from--
		}
	}
	return from, ok
}

// neighbours are the country codes that people write without a plus sign.
var neighbours = map[string]bool{"46": true, "47": true, "45": true, "358": true, "49": true, "354": true, "298": true, "44": true}

// at returns the byte at i, 0 outside the text.
func (s *search) at(i int) byte {
	if i < 0 || i >= len(s.text) {
		return 0
	}
	return s.text[i]
}

// findMails looks at every '@' for an address that is known.
func findMails(out []Match, text string, mails map[string]int) []Match {
	for at := strings.IndexByte(text, '@'); at >= 0; {
		if start, end, index, ok := mailAt(text, at, mails); ok {
			out = append(out, Match{start, end, index})
		}
		next := strings.IndexByte(text[at+1:], '@')
		if next < 0 {
			break
		}
		at += 1 + next
	}
	return out
}

// mailAt reads the address around the '@' at text[at] and looks it up. The
// mailbox name may be followed by more in the text ("x=anna@…"), so every
// boundary before it is tried.
func mailAt(text string, at int, mails map[string]int) (start, end, index int, ok bool) {
	end = at + 1
	for end < len(text) && end-at < 256 {
		r, n := utf8.DecodeRuneInString(text[end:])
		if !(mailRune(r) || r == '.' || ignorable(r)) || r == utf8.RuneError && n == 1 {
			break
		}
		end += n
	}
	for end > at && (text[end-1] == '.' || text[end-1] == '-') {
		end--
	}
	domain := foldMail(text[at+1 : end])
	start = at
	for start > 0 && at-start < 128 {
		r, n := utf8.DecodeLastRuneInString(text[:start])
		if r == utf8.RuneError && n == 1 || !(mailRune(r) || ignorable(r) || r < 0x80 && strings.IndexByte(".!#$%&'*+/=?^`{|}~", byte(r)) >= 0) {
			break
		}
		start -= n
	}
	for from := start; from < at; {
		local := foldMail(text[from:at])
		if i := strings.IndexByte(local, '+'); i > 0 {
			local = local[:i]
		}
		if index, ok = mails[local+"@"+domain]; ok {
			return from, end, index, true
		}
		// On to the next boundary: after a sign that people put before an address.
		next := at
		for i := from; i < at; i++ {
			if strings.IndexByte("=/{|?*", text[i]) >= 0 || strings.IndexByte("'`&!#$%^~", text[i]) >= 0 && (i == start || !wordByte(text[i-1])) {
				next = i + 1
				break
			}
		}
		from = next
	}
	return 0, 0, 0, false
}

// wordByte reports whether c is part of a letter or digit.
func wordByte(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || isDigit(c) || c >= 0x80
}

func mailRune(r rune) bool {
	if r < 0x80 {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_'
	}
	var buf [16]byte
	return len(appendFolded(buf[:0], r)) > 0
}

// findIPs parses everything that has the characters of an address.
func (m *Matcher) findIPs(out []Match, text string) []Match {
	for i := 0; i < len(text); {
		if !ipByte(text[i]) {
			i++
			continue
		}
		start := i
		dots, colons := 0, 0
		for i < len(text) && ipByte(text[i]) {
			switch text[i] {
			case '.':
				dots++
			case ':':
				colons++
			}
			i++
		}
		if dots < 3 && colons < 2 || i-start > 64 {
			continue
		}
		if start > 0 && (text[start-1]|0x20 >= 'a' && text[start-1]|0x20 <= 'z') {
			continue
		}
		// A port or the end of a sentence may follow.
		s, e := start, i
		for e > s && (text[e-1] == '.' || text[e-1] == ':' && !strings.HasSuffix(text[s:e], "::")) {
			e--
		}
		for _, cut := range [2]int{e, lastColon(text, s, e)} {
			if cut <= s {
				continue
			}
			if a, err := netip.ParseAddr(text[s:cut]); err == nil {
				if index, ok := m.ips[a.Unmap()]; ok {
					out = append(out, Match{s, cut, index})
					break
				}
			}
		}
	}
	return out
}

func lastColon(t string, s, e int) int {
	if i := strings.LastIndexByte(t[s:e], ':'); i > 0 {
		return s + i
	}
	return s
}

func ipByte(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' || c == '.' || c == ':'
}
