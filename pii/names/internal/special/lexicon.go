package special

import (
	"bytes"
	_ "embed"
	"slices"
	"strings"
	"sync"

	"github.com/gallra/gallra/pii/names/internal/token"
)

//go:embed health.txt
var healthWords string

//go:embed sensitive.txt
var sensitiveWords string

// class is what a word of the lexicon says.
type class uint8

// The classes. Those up to lastHealth and lastSensitive can make a finding;
// the others only say how far it reaches.
const (
	none class = iota
	diagnosis
	medicine
	injury
	state
	birth
	care
	clinic
	aid
	faith
	union
	party
	ethnic
	sexual
	crime
	general
	body
	degree
	period
	have
	be
	goes
	possessive
	relation
	against
	preposition
	and
	member
	classes

	lastHealth    = aid
	lastSensitive = crime
)

var classNames = [classes]string{"", "diagnosis", "medicine", "injury", "state", "birth", "care", "clinic", "aid",
	"faith", "union", "party", "ethnic", "sexual", "crime",
	"general", "body", "degree", "time", "have", "be", "goes", "poss", "relation", "against", "prep", "and", "member"}

// opens reports whether a word of the class can make a finding.
func (c class) opens() bool { return c != none && c <= lastSensitive }

// term is one word or phrase of the lexicon.
type term struct {
	first   string   // the first word without marks on its letters
	marked  string   // the same as written, for a short word that is another without its marks
	rest    []string // the words after it
	phrases []uint16 // the phrases that begin with first: the entry stands for them
	class   class
	langs   uint8 // bit k: languages[k]
	anywhere,
	prefix,
	bare bool
	said string // the term as a reason shows it
	rule string // of a finding it makes
}

// languages are those of the lexicon, in the order of a term's bits.
var languages = [...]string{"sv", "en", "no", "da", "fi", "de"}

func languageBit(lang string) uint8 {
	if k := slices.Index(languages[:], lang); k > 0 {
		return 1 << k
	}
	return 1
}

// The shortest terms that are found without their marks, and inside words.
const (
	plainLength = 5
	innerLength = 5
)

// words are the terms of the lexicon.
type words struct {
	list  []term              // a word's mark holds places in it; entry 0 is none
	start map[uint32][]uint16 // finds the terms by the first three bytes
}

// lexicon is read when it is first needed: most commands of the program never do.
var lexicon = sync.OnceValue(func() *words {
	list := []term{{}}
	list = parse(list, healthWords)
	list = parse(list, sensitiveWords)
	index := map[uint32][]uint16{}
	heads := map[string]int{}
	for i, n := 1, len(list); i < n; i++ {
		t := &list[i]
		k := start([]byte(t.first))
		if len(t.rest) == 0 {
			index[k] = append(index[k], uint16(i))
			continue
		}
		id := t.first + " " + t.marked
		at, ok := heads[id]
		if !ok {
			at = len(list)
			heads[id] = at
			list = append(list, term{first: t.first, marked: t.marked, said: t.first, bare: true})
			index[k] = append(index[k], uint16(at))
		}
		list[at].phrases = append(list[at].phrases, uint16(i))
	}
	return &words{list, index}
})

// parse appends the terms of a lexicon file to list. The file is part of the
// program: a heading it does not know is an error of the programmer.
func parse(list []term, file string) []term {
	var c class
	var langs uint8
	for line := range strings.Lines(file) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if head, ok := strings.CutPrefix(line, "["); ok {
			names, kind, _ := strings.Cut(head, "] ")
			at := slices.Index(classNames[:], kind)
			if at < 1 {
				panic("special: unknown class " + kind)
			}
			c, langs = class(at), 0
			for _, l := range strings.Fields(names) {
				if l == "*" {
					langs = 0xFF
				} else {
					langs |= languageBit(l)
				}
			}
			continue
		}
		for _, w := range strings.Fields(line) {
			list = append(list, newTerm(w, c, langs))
		}
	}
	return list
}

func newTerm(w string, c class, langs uint8) term {
	t := term{class: c, langs: langs}
	w, t.anywhere = strings.CutPrefix(w, "*")
	w, asWritten := strings.CutPrefix(w, "!")
	if asWritten && !t.anywhere {
		w, t.anywhere = strings.CutPrefix(w, "*")
	}
	w, exact := strings.CutPrefix(w, "=")
	w, t.prefix = strings.CutSuffix(w, "*")
	w, t.bare = strings.CutSuffix(w, "=")
	t.bare = t.bare || exact
	words := strings.Split(strings.Trim(w, "_"), "_")
	t.said = strings.Join(words, " ")
	t.rule = "health/"
	if c > lastHealth {
		t.rule = "sensitive/"
	}
	t.rule += classNames[c] + " " + t.said
	t.first = plain(words[0])
	for _, r := range words[1:] {
		t.rest = append(t.rest, plain(r))
	}
	if asWritten || len(t.first) < plainLength && t.first != words[0] {
		t.marked = words[0]
	}
	if len(t.first) < innerLength {
		t.anywhere = false
	}
	if len(t.first) < 3 {
		t.prefix = false
	}
	return t
}

func plain(w string) string { return string(token.Plain(nil, token.Lower(nil, w))) }

// start packs the first three bytes of a word.
func start(w []byte) uint32 {
	var k uint32
	for i := range 3 {
		k <<= 8
		if i < len(w) {
			k |= uint32(w[i])
		}
	}
	return k
}

// marked is how many terms a mark holds.
const marked = 4

// Mark returns the places of the lexicon's terms that begin in a lower-case
// word, the longest first, packed; 0 for a word that it does not know.
func Mark(lower []byte) (m uint64) {
	var buf [64]byte
	w := token.Plain(buf[:0], lower)
	lex := lexicon()
	var found [marked]uint16
	n := 0
	for at := 0; at < len(w); at++ {
		if w[at]&0xC0 == 0x80 {
			continue
		}
		for _, i := range lex.start[start(w[at:])] {
			t := &lex.list[i]
			if at > 0 && !t.anywhere || !bytes.HasPrefix(w[at:], []byte(t.first)) || !t.ends(w[at+len(t.first):]) ||
				t.marked != "" && !bytes.Contains(lower, []byte(t.marked)) {
				continue
			}
			k := n
			for k > 0 && len(lex.list[found[k-1]].said) < len(t.said) {
				k--
			}
			if k == marked {
				continue
			}
			n = min(n+1, marked)
			copy(found[k+1:n], found[k:])
			found[k] = i
		}
	}
	for k := range n {
		m |= uint64(found[k]) << (16 * k)
	}
	return m
}

// endings are those a word of the lexicon may have.
var endings = func() map[string]bool {
	m := map[string]bool{}
	for _, e := range strings.Fields("n en et s ns ens ets er ar or na erna arna orna erne e ne ene t a in an es em ern ers 's ernas arnas a:s") {
		m[e] = true
	}
	return m
}()

// ends reports whether what follows t's first word in a word may follow it.
func (t *term) ends(after []byte) bool {
	switch {
	case len(after) == 0, t.prefix:
		return true
	case t.bare:
		return false
	case len(t.first) < 4:
		return string(after) == "s"
	}
	return endings[string(after)]
}
