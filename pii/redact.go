package pii

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/pii/ident"
)

// RedactOptions says how a Redactor writes its placeholders and what it knows.
type RedactOptions struct {
	// Lang is the language of the placeholders: "sv" ([NAMN 1], [E-POST 1]) or
	// "en" ([NAME 1], [EMAIL 1]); Swedish when empty. The text may be in any.
	Lang string
	// TextLang is the language of the texts when it is known; otherwise the
	// engine's, or a guess.
	TextLang string
	// Known are identifiers that are taken out wherever they stand, whatever
	// the detector thinks.
	Known []gallra.Identifier
	// Only lists the categories to take out; empty means all.
	Only []gallra.Category
}

// Redactor replaces personal data in the texts of one conversation. What it
// has found in one text it finds in every later one, in any written form, and
// the same value or person keeps one placeholder. Redacting a text that is
// redacted already changes nothing. A Redactor holds personal data in memory
// and is not safe for concurrent use.
type Redactor struct {
	engine  *Engine
	lang    string // of the texts
	labels  map[gallra.Category]string
	only    map[gallra.Category]bool
	known   int // the first identifiers are RedactOptions.Known
	ids     []gallra.Identifier
	cats    []gallra.Category // of ids
	matcher *ident.Matcher    // of the first ids; the others are added when it is asked
	matched int               // how many
	read    map[textKey]reading
	seed    maphash.Seed
	have    map[string]bool // ids by kind and normalised value
	values  map[string]int  // category and normalised value → number
	next    map[gallra.Category]int
	persons []person
	counts  map[gallra.Category]int
}

// textKey tells a text without holding it.
type textKey struct {
	sum uint64
	n   int
}

// reading is what reading a text once has given.
type reading struct {
	found   []Finding // by the engine
	learnt  bool      // its values are known
	settled int       // one more than there were ids when nothing was to be replaced; 0: never
}

// person is someone the conversation names, by all the names used.
type person struct {
	number int // of the placeholder; 0 before the first
	words  map[string]bool
}

// NewRedactor returns a Redactor for one conversation.
func (e *Engine) NewRedactor(o RedactOptions) *Redactor {
	r := &Redactor{
		engine: e,
		lang:   cmp.Or(o.TextLang, e.lang),
		labels: placeholders[o.Lang],
		have:   map[string]bool{},
		values: map[string]int{},
		next:   map[gallra.Category]int{},
		counts: map[gallra.Category]int{},
		read:   map[textKey]reading{},
		seed:   maphash.MakeSeed(),
	}
	if r.labels == nil {
		r.labels = placeholders["sv"]
	}
	if len(o.Only) > 0 {
		r.only = map[gallra.Category]bool{}
		for _, c := range o.Only {
			r.only[c] = true
		}
	}
	for _, id := range o.Known {
		r.remember(id, id.Kind.Category())
		if id.Kind == gallra.IdentName {
			if w := strings.Fields(ident.Fold(id.Value)); len(w) > 0 {
				r.person(w)
			}
		}
	}
	r.known = len(r.ids)
	return r
}

// Counts returns how many places have been replaced, by category.
func (r *Redactor) Counts() map[gallra.Category]int { return maps.Clone(r.counts) }

// Known returns the values that are taken out wherever they stand: those it was
// given and those it has found. They are personal data.
func (r *Redactor) Known() []gallra.Identifier { return slices.Clone(r.ids) }

// Trim gives back memory that can be made again: of many conversations that are
// kept, few are read at a time.
func (r *Redactor) Trim() {
	r.matcher, r.matched = nil, 0
}

// Learn reads a text of the conversation without redacting it, so that what is
// found in a later message is found in the earlier ones too. What it finds is
// kept until Forget: redacting the text does not search it a second time. The
// numbers of placeholders that stand in it are not given out again.
func (r *Redactor) Learn(text string) {
	k := r.key(text)
	rd, done := r.read[k]
	if rd.learnt {
		return
	}
	if !done {
		rd.found = slices.Clone(r.detected(text)) // kept: no larger than it must be
	}
	r.learnAll(text, rd.found)
	r.heldBack(text)
	rd.learnt = true
	r.read[k] = rd
}

// Forget gives back what is kept of texts that were learnt and are not yet as
// they are to be. What is known stays known.
func (r *Redactor) Forget() {
	maps.DeleteFunc(r.read, func(_ textKey, rd reading) bool { return len(rd.found) > 0 && rd.settled == 0 })
}

// Learned returns how many values are known: when it has grown, there may be
// more to take out of a text that was redacted before.
func (r *Redactor) Learned() int { return len(r.ids) }

func (r *Redactor) key(text string) textKey {
	return textKey{maphash.String(r.seed, text), len(text)}
}

// learnAll learns what the engine has found in a text.
func (r *Redactor) learnAll(text string, found []Finding) {
	for _, f := range found {
		r.learn(f.Category, text[f.Start:f.End])
	}
}

// detected returns what the engine finds of what is to be taken out.
func (r *Redactor) detected(text string) []Finding {
	return slices.DeleteFunc(r.engine.FindLang(text, r.lang), func(f Finding) bool { return !r.wants(f.Category) })
}

// rounds bounds how often a text is read again: what a placeholder leaves
// beside it may look different to the detector than what stood there.
const rounds = 4

// Redact returns text with its personal data replaced by placeholders.
func (r *Redactor) Redact(text string) string {
	for n := range rounds {
		k := r.key(text)
		rd, done := r.read[k]
		if rd.settled == len(r.ids)+1 { // redacted before, and read back
			break
		}
		if !done {
			rd.found = r.detected(text)
		}
		if n == 0 && !rd.learnt {
			r.learnAll(text, rd.found)
			rd.learnt = true
		}
		next, changed := r.replace(text, r.resolved(text, slices.Clone(rd.found)))
		if !changed {
			rd.settled = len(r.ids) + 1
			r.read[k] = rd
			break
		}
		text = next
	}
	return text
}

// wants reports whether c is to be taken out. A name of doubtful kind goes with
// the names of persons.
func (r *Redactor) wants(c gallra.Category) bool {
	return r.only == nil || r.only[c] || c == gallra.CategoryName && r.only[gallra.CategoryPerson]
}

// Find returns what is personal in text: what the engine finds, what is known,
// and what was found earlier in the conversation or elsewhere in the text.
func (r *Redactor) Find(text string) []Finding {
	found := r.detected(text)
	r.learnAll(text, found)
	return r.resolved(text, found)
}

// resolved adds to what the engine has found in a reading what is known, and
// leaves placeholders alone.
func (r *Redactor) resolved(text string, found []Finding) []Finding {
	switch {
	case r.matcher == nil:
		r.matcher = ident.New(r.ids)
	case r.matched < len(r.ids):
		r.matcher = r.matcher.With(r.ids[r.matched:]...)
	}
	r.matched = len(r.ids)
	structured := len(found)
	for _, m := range r.matcher.Find(text) {
		c := r.cats[m.Index]
		if !r.wants(c) || m.Index >= r.known && r.ids[m.Index].Kind == gallra.IdentName && !nameInText(text[m.Start:m.End]) {
			continue
		}
		f := Finding{Start: m.Start, End: m.End, Category: c, Score: 1, Rule: knownRule}
		if m.Index >= r.known {
			f.Rule = "conversation/known"
			found = append(found, outside(text, found[:structured], f)...)
			continue
		}
		found = append(found, f)
	}
	if len(found) > structured {
		found = resolve(found)
	}
	if held := r.heldBack(text); held != nil {
		found = slices.DeleteFunc(found, func(f Finding) bool { return overlaps(held, f) })
	}
	if held := markup(text); held != nil {
		found = slices.DeleteFunc(found, func(f Finding) bool { return f.Rule != knownRule && overlaps(held, f) })
	}
	return found
}

// outside returns f, or what of it lies outside the findings of its own
// category when it crosses one, or holds more than one over several lines: of
// "Öst, Petter" in "Malin Öst, Petter Öst" nothing that isn't found already, and
// three names in three lines stay three, whatever stood in one line elsewhere.
func outside(text string, found []Finding, f Finding) []Finding {
	var rest []Finding
	at, crosses, inside := f.Start, false, 0
	part := func(from, to int) {
		for from < to && !inName(text[from:]) {
			_, n := utf8.DecodeRuneInString(text[from:])
			from += n
		}
		if from < to {
			g := f
			g.Start, g.End = from, to
			rest = append(rest, g)
		}
	}
	for _, g := range found {
		if g.Start >= f.End {
			break
		}
		if g.End <= f.Start || g.Category != f.Category {
			continue
		}
		crosses = crosses || g.Start < f.Start && g.End < f.End || g.Start > f.Start && g.End > f.End
		inside++
		part(at, g.Start)
		at = max(at, g.End)
	}
	if !crosses && (inside < 2 || !strings.Contains(text[f.Start:f.End], "\n")) {
		return []Finding{f}
	}
	part(at, f.End)
	return rest
}

func inName(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return unicode.IsLetter(r) || unicode.IsDigit(r)
}

// replace replaces what is found in one reading.
func (r *Redactor) replace(text string, found []Finding) (string, bool) {
	if len(found) == 0 {
		return text, false
	}
	var b strings.Builder
	at := 0
	for _, f := range found {
		r.learn(f.Category, text[f.Start:f.End])
		b.WriteString(text[at:f.Start])
		b.WriteString(r.placeholder(f.Category, text[f.Start:f.End]))
		at = f.End
		r.counts[f.Category]++
	}
	b.WriteString(text[at:])
	return b.String(), true
}

// nameInText reports whether a word that was a name elsewhere is one here: it
// has a capital, is longer than the common words that are names too, or is
// more than one word.
func nameInText(s string) bool {
	first, _ := utf8.DecodeRuneInString(s)
	return unicode.IsUpper(first) || strings.ContainsAny(s, " -") || utf8.RuneCountInString(s) >= 6
}

// learn keeps a value so that its other forms are found from now on.
func (r *Redactor) learn(c gallra.Category, value string) {
	switch c {
	case gallra.CategoryPerson:
		words := strings.Fields(ident.Fold(value))
		if len(words) == 0 {
			return
		}
		r.person(words)
		r.remember(gallra.Identifier{Kind: gallra.IdentName, Value: value}, c)
		for _, w := range strings.FieldsFunc(value, func(r rune) bool { return unicode.IsSpace(r) || r == ',' }) {
			if utf8.RuneCountInString(strings.Trim(w, ".")) >= 3 && !particle[strings.ToLower(w)] {
				r.remember(gallra.Identifier{Kind: gallra.IdentName, Value: w}, c)
			}
		}
	case gallra.CategoryEmail:
		r.remember(gallra.Identifier{Kind: gallra.IdentEmail, Value: value}, c)
	case gallra.CategoryPhone:
		r.remember(gallra.Identifier{Kind: gallra.IdentPhone, Value: value}, c)
	case gallra.CategoryPersonnummer:
		r.remember(gallra.Identifier{Kind: gallra.IdentPersonnummer, Value: value}, c)
	case gallra.CategoryIP:
		r.remember(gallra.Identifier{Kind: gallra.IdentIP, Value: value}, c)
	case gallra.CategoryHealth, gallra.CategorySensitive, gallra.CategoryPlace, gallra.CategoryName, gallra.CategoryDateOfBirth:
		// Common words and dates: what they reveal depends on where they stand.
	case gallra.CategoryUsername:
		r.remember(gallra.Identifier{Kind: gallra.IdentUsername, Value: strings.TrimPrefix(value, "@")}, c)
	default:
		if len(ident.Fold(value)) >= 5 {
			r.remember(gallra.Identifier{Kind: gallra.IdentCustomer, Value: value}, c)
		}
	}
}

// particle are the small words inside names that are no names alone.
var particle = map[string]bool{"von": true, "van": true, "der": true, "den": true, "del": true, "dos": true, "och": true, "and": true, "und": true, "och.": true, "bin": true, "ben": true, "abu": true, "the": true}

func (r *Redactor) remember(id gallra.Identifier, c gallra.Category) {
	key := string(id.Kind) + "\x00" + ident.Normalise(id.Kind, id.Value)
	if r.have[key] {
		return
	}
	r.have[key] = true
	r.ids = append(r.ids, id)
	r.cats = append(r.cats, c)
}

// person returns the position of the one person that words name, adding one
// when they name nobody yet or more than one.
func (r *Redactor) person(words []string) int {
	words = ungenitive(words, r.persons)
	part, whole := -1, -1
	parts, wholes := 0, 0
	for i, p := range r.persons {
		in, of := 0, 0
		for _, w := range words {
			if p.words[w] {
				in++
			}
		}
		for w := range p.words {
			if slices.Contains(words, w) {
				of++
			}
		}
		switch {
		case in == len(words) && of == len(p.words):
			return i
		case in == len(words):
			part = i
			parts++
		case of == len(p.words):
			whole = i
			wholes++
		}
	}
	switch {
	case parts == 1:
		return part
	case parts == 0 && wholes == 1:
		for _, w := range words {
			r.persons[whole].words[w] = true
		}
		return whole
	}
	p := person{words: map[string]bool{}}
	for _, w := range words {
		p.words[w] = true
	}
	r.persons = append(r.persons, p)
	return len(r.persons) - 1
}

// ungenitive drops the -s of the last word when the word without it is known.
func ungenitive(words []string, persons []person) []string {
	last := words[len(words)-1]
	if len(last) < 3 || last[len(last)-1] != 's' {
		return words
	}
	for _, p := range persons {
		if p.words[last] {
			return words
		}
	}
	for _, p := range persons {
		if p.words[last[:len(last)-1]] {
			return append(slices.Clone(words[:len(words)-1]), last[:len(last)-1])
		}
	}
	return words
}

// placeholder returns what stands for value, the same for the same value.
func (r *Redactor) placeholder(c gallra.Category, value string) string {
	number := 0
	if c == gallra.CategoryPerson {
		if words := strings.Fields(ident.Fold(value)); len(words) > 0 {
			p := &r.persons[r.person(words)]
			if p.number == 0 {
				r.next[c]++
				p.number = r.next[c]
			}
			number = p.number
		}
	}
	if number == 0 {
		key := string(c) + "\x00" + normalValue(c, value)
		if number = r.values[key]; number == 0 {
			r.next[c]++
			number = r.next[c]
			r.values[key] = number
		}
	}
	return fmt.Sprintf("[%s %d]", r.labels[c], number)
}

// normalValue returns what the written forms of one value share.
func normalValue(c gallra.Category, value string) string {
	switch c {
	case gallra.CategoryEmail:
		return ident.Normalise(gallra.IdentEmail, value)
	case gallra.CategoryPhone:
		return ident.Normalise(gallra.IdentPhone, value)
	case gallra.CategoryPersonnummer:
		n := ident.Normalise(gallra.IdentPersonnummer, value)
		return n[max(0, len(n)-10):]
	case gallra.CategoryIP:
		return ident.Normalise(gallra.IdentIP, value)
	}
	return strings.ReplaceAll(ident.Fold(value), " ", "")
}

// heldBack returns the places of placeholders that stand in text already, and
// sees to it that their numbers are not given out again.
func (r *Redactor) heldBack(text string) [][2]int {
	var held [][2]int
	for at := 0; ; {
		i := strings.IndexByte(text[at:], '[')
		if i < 0 {
			return held
		}
		i += at
		at = i + 1
		j := strings.IndexByte(text[i:min(len(text), i+40)], ']')
		if j < 0 {
			continue
		}
		label, number, ok := cutLast(text[i+1 : i+j])
		c, known := placeholderCategory[label]
		n, err := strconv.Atoi(number)
		if !ok || !known || err != nil || n < 1 {
			continue
		}
		r.next[c] = max(r.next[c], n)
		held = append(held, [2]int{i, i + j + 1})
		at = i + j + 1
	}
}

func cutLast(s string) (before, after string, ok bool) {
	if i := strings.LastIndexByte(s, ' '); i > 0 {
		return s[:i], s[i+1:], true
	}
	return "", "", false
}

// overlaps reports whether f shares a character with one of held, which come in
// order and apart.
func overlaps(held [][2]int, f Finding) bool {
	i, _ := slices.BinarySearchFunc(held, f.Start, func(h [2]int, at int) int { return cmp.Compare(h[1], at+1) })
	return i < len(held) && held[i][0] < f.End
}

// placeholders are the words in brackets, by language.
var placeholders = map[string]map[gallra.Category]string{
	"sv": {
		gallra.CategoryPerson: "NAMN", gallra.CategoryEmail: "E-POST", gallra.CategoryPhone: "TELEFON", gallra.CategoryPersonnummer: "PERSONNUMMER",
		gallra.CategoryNationalID: "ID-NUMMER", gallra.CategoryAddress: "ADRESS", gallra.CategoryPlace: "PLATS", gallra.CategoryOrgNumber: "ORG-NUMMER",
		gallra.CategoryBankAccount: "KONTO", gallra.CategoryCard: "KORT", gallra.CategoryIP: "IP-ADRESS", gallra.CategoryDeviceID: "ENHET",
		gallra.CategoryUsername: "ANVÄNDARNAMN", gallra.CategoryDateOfBirth: "FÖDELSEDATUM", gallra.CategoryVehicle: "FORDON", gallra.CategoryCustomerID: "REFERENS",
		gallra.CategoryHealth: "HÄLSA", gallra.CategorySensitive: "KÄNSLIGT", gallra.CategorySecret: "HEMLIGHET", gallra.CategoryName: "EGENNAMN",
	},
	"en": {
		gallra.CategoryPerson: "NAME", gallra.CategoryEmail: "EMAIL", gallra.CategoryPhone: "PHONE", gallra.CategoryPersonnummer: "PERSONAL NUMBER",
		gallra.CategoryNationalID: "ID NUMBER", gallra.CategoryAddress: "ADDRESS", gallra.CategoryPlace: "PLACE", gallra.CategoryOrgNumber: "ORG NUMBER",
		gallra.CategoryBankAccount: "ACCOUNT", gallra.CategoryCard: "CARD", gallra.CategoryIP: "IP ADDRESS", gallra.CategoryDeviceID: "DEVICE",
		gallra.CategoryUsername: "USERNAME", gallra.CategoryDateOfBirth: "DATE OF BIRTH", gallra.CategoryVehicle: "VEHICLE", gallra.CategoryCustomerID: "REFERENCE",
		gallra.CategoryHealth: "HEALTH", gallra.CategorySensitive: "SENSITIVE", gallra.CategorySecret: "SECRET", gallra.CategoryName: "PROPER NAME",
	},
}

// placeholderCategory is the reverse of placeholders over all languages.
var placeholderCategory = func() map[string]gallra.Category {
	m := map[string]gallra.Category{}
	for _, labels := range placeholders {
		for c, l := range labels {
			m[l] = c
		}
	}
	return m
}()
