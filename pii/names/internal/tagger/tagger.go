// Package tagger marks the words of a text that are names of persons, places
// and organisations, with a linear model decoded by Viterbi's algorithm.
//
// The model is linear, so what a word says by itself (its form, its endings,
// its place in the name lists) adds up to one vector for each of the five
// positions it can have relative to the word being judged. Those vectors are
// kept for the words met lately; a word costs five additions the next time.
package tagger

import (
	"slices"

	"github.com/gallra/gallra/pii/names/internal/pack"
	"github.com/gallra/gallra/pii/names/internal/token"
)

// The tags.
const (
	O = iota
	BPer
	IPer
	BLoc
	ILoc
	BOrg
	IOrg
	Adr
	Tags
)

// Bits is how many bits of a feature's hash choose its row of weights.
const Bits = 18

// Rows is the number of rows of weights.
const Rows = 1 << Bits

// reach is how far to either side words are looked at.
const reach = 2

// Scores holds a sum of weights for each tag, in lanes of 16 bits: the even
// tags in the first word, the odd ones in the second. Weights are stored with
// 128 added, so that a sum is never negative; only differences between tags
// matter, and what was added is the same for all. A token has fewer than 120
// features of at most 255: no lane overflows.
type Scores [2]uint64

const lanes = 0x00FF00FF00FF00FF

// add adds the row of weights r.
func (v *Scores) add(weights string, r uint32) {
	w := weights[r*Tags : r*Tags+Tags]
	x := uint64(w[0]) | uint64(w[1])<<8 | uint64(w[2])<<16 | uint64(w[3])<<24 |
		uint64(w[4])<<32 | uint64(w[5])<<40 | uint64(w[6])<<48 | uint64(w[7])<<56
	v[0] += x & lanes
	v[1] += x >> 8 & lanes
}

// of returns the sum for tag y.
func (v *Scores) of(y int) int32 { return int32(uint16(v[y&1] >> (y >> 1 * 16))) }

// Model is a trained tagger. It is immutable; each goroutine works through a
// Scratch of its own.
type Model struct {
	weights string // Rows * Tags int8
	trans   [Tags][Tags]int32
	words   pack.Table
	edges   [Tags]int32 // of a tag between tokens that are no names
	unit    int32
	hope    int32
}

// Unit returns how much of a score makes the odds e times greater.
func (m *Model) Unit() int32 { return m.unit }

// The sections of a language pack that a Model reads.
const (
	SectionWords       = "words"
	SectionWeights     = "weights"
	SectionTransitions = "transitions"
)

// Open returns the model in a pack. A pack without weights gives a model that
// only analyses words.
func Open(s pack.Sections) (*Model, error) {
	m := &Model{weights: s[SectionWeights]}
	var err error
	if m.words, err = pack.OpenTable(s[SectionWords]); err != nil {
		return nil, err
	}
	if m.weights != "" && len(m.weights) != Rows*Tags {
		return nil, pack.ErrFormat
	}
	t := s[SectionTransitions]
	if len(t) == 2*Tags*Tags+2 {
		m.unit = int32(t[len(t)-2]) | int32(t[len(t)-1])<<8
		for i := range m.trans {
			for j := range m.trans[i] {
				k := 2 * (i*Tags + j)
				m.trans[i][j] = int32(int16(uint16(t[k]) | uint16(t[k+1])<<8))
				if !Legal(uint8(i), uint8(j)) {
					m.trans[i][j] = never
				}
			}
		}
	} else if m.weights != "" {
		return nil, pack.ErrFormat
	}
	m.hope = hope * m.unit
	for y := range m.edges {
		m.edges[y] = m.trans[O][y] + m.trans[y][O]
	}
	return m, nil
}

const never = -1 << 28

// Legal reports whether tag b may follow tag a.
func Legal(a, b uint8) bool {
	switch b {
	case IPer:
		return a == BPer || a == IPer
	case ILoc:
		return a == BLoc || a == ILoc
	case IOrg:
		return a == BOrg || a == IOrg
	}
	return true
}

// Votes is what a word says of the language it stands in, by language.
type Votes [6]int16

// Word is the analysis of one word and what it adds to the scores of its
// neighbours.
type Word struct {
	Info
	joint uint8 // place in the name lists, as one number
	Mark  uint64
	Votes Votes
	id    uint32 // the word itself when common, else its class
}

// Brief is what is asked most often of a token, beside the token.
type Brief struct {
	Class  Class
	Shape  uint8
	Active bool // may be part of a name
	Street Street
}

// Cache limits: a block of text is analysed after at most cacheFull words are
// held, and can add no more than one a byte.
const (
	cacheFull  = 40_000
	cacheSlots = 1 << 17
)

// Identity returns a number for the word itself when it is common enough to
// have been learned, else one for its class, else 0.
func (w *Word) Identity() uint32 { return w.id }

type slot struct {
	key uint64
	at  uint32
}

// Scratch holds the working memory of one goroutine.
type Scratch struct {
	model  *Model
	lex    Lexicon
	slots  []slot
	words  []Word
	vecs   [][2*reach + 1]Scores // of each word, what it adds around it
	Tokens []token.Token
	Brief  []Brief  // of each token
	seq    []uint32 // token -> words
	place  []place
	Tag    []uint8
	Person []int32  // how far the best reading with the token in a person's name lies above the best without
	base   []Scores // of a run, what the words say each by itself
	emit   [][Tags]int32
	ahead  [][Tags]int32 // score of the best tags up to a token
	back   [][Tags]uint8
	feats  features
	// Classify, when set, gives each new word a mark of the caller's.
	Classify func(lower []byte) uint64
	// Vote, when set, tells of each new word what it says of the language.
	Vote  func(lower []byte) Votes
	alter func(*Info)      // the learner's doubt
	learn func(int, *Word) // the learner's view of a new word
}

// NewScratch returns working memory for m.
func NewScratch(m *Model) *Scratch {
	s := &Scratch{model: m, slots: make([]slot, cacheSlots), words: make([]Word, 1, 4096), vecs: make([][2*reach + 1]Scores, 1, 4096)}
	s.lex.words = m.words
	return s
}

// Word returns the analysis of token i.
func (s *Scratch) Word(i int) *Word { return &s.words[s.seq[i]] }

// Read cuts a block of text into tokens and analyses each.
func (s *Scratch) Read(text string) {
	if len(s.words) > cacheFull {
		s.forget()
	}
	s.Tokens = token.Append(s.Tokens[:0], text)
	n := len(s.Tokens)
	s.seq, s.Brief = slices.Grow(s.seq[:0], n)[:n], slices.Grow(s.Brief[:0], n)[:n]
	for i := range s.Tokens {
		at := s.intern(&s.Tokens[i], text)
		s.seq[i] = at
		w := &s.words[at]
		s.Brief[i] = Brief{w.Class, w.Shape, w.Active, w.Street}
	}
	s.lines()
}

// forget drops the words held.
func (s *Scratch) forget() {
	clear(s.slots)
	s.words, s.vecs = s.words[:1], s.vecs[:1]
}

func (s *Scratch) intern(t *token.Token, text string) uint32 {
	key := t.Key + uint64(t.Kind)<<57 | 1
	h := key * 0x9E3779B97F4A7C15 >> (64 - 17)
	for {
		e := &s.slots[h]
		if e.key == key {
			return e.at
		}
		if e.key == 0 {
			if len(s.words) >= cacheSlots*3/4 {
				return s.add(key, t, text)
			}
			at := s.add(key, t, text)
			*e = slot{key, at}
			return at
		}
		h = (h + 1) & (cacheSlots - 1)
	}
}

func (s *Scratch) add(key uint64, t *token.Token, text string) uint32 {
	s.words, s.vecs = append(s.words, Word{}), append(s.vecs, [2*reach + 1]Scores{})
	w := &s.words[len(s.words)-1]
	word := text[t.Start:t.End]
	if t.Kind == token.Word || t.Kind == token.Number { // all that have its key share the analysis
		word = token.Visible(word)
	}
	w.Info = s.lex.analyse(word, t.Kind)
	if s.alter != nil {
		s.alter(&w.Info)
	}
	w.joint, w.id = joint(&w.Info), identity(&w.Info)
	if s.learn != nil {
		s.learn(len(s.words)-1, w)
	}
	if s.model.weights != "" {
		s.feats.word(w)
		for k := -reach; k <= reach; k++ {
			v := &s.vecs[len(s.vecs)-1][k+reach]
			for _, f := range s.feats.at(k) {
				v.add(s.model.weights, row(f, k))
			}
		}
	}
	if s.Classify != nil && t.Kind == token.Word {
		w.Mark = s.Classify(w.lower)
	}
	if s.Vote != nil && t.Kind == token.Word {
		w.Votes = s.Vote(w.lower)
	}
	w.lower = nil
	return uint32(len(s.words) - 1)
}

// lines tells of each token where it stands in its line.
func (s *Scratch) lines() {
	s.place = slices.Grow(s.place[:0], len(s.Tokens))[:len(s.Tokens)]
	closed := false // the last line that wasn't empty was a closing
	for i := 0; i < len(s.Tokens); {
		j := i
		for j < len(s.Tokens) && s.Tokens[j].Kind != token.Break && s.Tokens[j].Kind != token.Blank {
			j++
		}
		if j > i {
			closed = s.line(i, j, closed)
		}
		if j < len(s.Tokens) {
			s.place[j] = place{}
		}
		i = j + 1
	}
}

// place is where a token stands.
type place struct {
	low  bool   // in a line without capitals
	lead uint32 // what opens the line: a label and its colon, a greeting, a closing above
	spot uint8  // how near the ends of a short line
}

// What opens a line, besides a label that is a known word.
const (
	leadNone uint32 = iota
	leadUnknown
	leadSpeaker // the token stands before the colon
	leadGreeting
	leadClosing
)

// labelReach is how far into its line a label's colon may stand.
const labelReach = 5

// line places the tokens of the line from i to j-1 and reports whether it is a
// closing, after which a name is to be expected.
func (s *Scratch) line(i, j int, closed bool) bool {
	low, colon, closing := true, -1, false
	for k := i; k < j; k++ {
		w := &s.Brief[k]
		if w.Shape >= shapeTitle && w.Shape <= shapeCapped && w.Shape != shapeMixed {
			low = false
		}
		if w.Shape == shapeColon && colon < 0 && k > i && k-i < labelReach {
			colon = k
		}
		closing = closing || w.Class&Closing != 0
	}
	lead := leadNone
	switch first := &s.Brief[i]; {
	case colon > 0:
		if lead = s.words[s.seq[colon-1]].id; lead == 0 {
			lead = leadUnknown
		}
	case first.Class&Greeting != 0:
		lead = leadGreeting
	case closed:
		lead = leadClosing
	}
	for k := i; k < j; k++ {
		p := place{low: low, lead: lead, spot: uint8(min(k-i, 3)<<4 | min(j-k-1, 3)<<2 | min((j-i)/2, 3))}
		if k < colon {
			p.lead = leadSpeaker
		}
		s.place[k] = p
	}
	return closing && j-i <= 6
}

// Low reports whether token i stands in a line without capitals.
func (s *Scratch) Low(i int) bool { return s.place[i].low }

// Line returns what opens the line of token i and how near its ends it stands.
func (s *Scratch) Line(i int) (lead uint32, spot uint8) { return s.place[i].lead, s.place[i].spot }

// active reports whether token i may be part of a name.
func (s *Scratch) active(i int, before bool) bool {
	b := &s.Brief[i]
	if b.Active {
		return true
	}
	if !before {
		return false
	}
	switch {
	case b.Class&Particle != 0:
		return true
	case b.Shape == shapeStop:
		p := s.Brief[i-1].Shape
		return p == shapeInitial || p == shapeLower && s.Tokens[i-1].End-s.Tokens[i-1].Start == 1
	case b.Shape == shapeDigits, b.Shape == shapeNumber:
		return true
	}
	return false
}

// Decode tags the tokens read. bias is added to the score of every tag of a
// person, towards finding more.
func (s *Scratch) Decode(bias int32) {
	n := len(s.Tokens)
	s.Tag, s.Person = slices.Grow(s.Tag[:0], n)[:n], slices.Grow(s.Person[:0], n)[:n]
	clear(s.Tag)
	for i := range s.Person {
		s.Person[i] = never
	}
	if s.model.weights == "" {
		return
	}
	for i := 0; i < n; i++ {
		if !s.Brief[i].Active {
			continue
		}
		s.base = s.base[:0]
		j := i
		for ; j < n && s.active(j, j > i); j++ {
			v := s.sum(j)
			if s.Brief[j].Active && s.hopeless(&v, bias) {
				break
			}
			s.base = append(s.base, v)
		}
		switch {
		case j == i+1:
			s.alone(i, bias)
		case j > i:
			s.run(i, j, bias)
			i = j - 1
		}
	}
}

// hope is how far the words may speak against a name each by itself, in powers
// of e, for it to be worth asking what they say together.
const hope = 2

// hopeless reports whether a token of which the words say v is no name, whatever
// they say together.
func (s *Scratch) hopeless(v *Scores, bias int32) bool {
	name := max(max(v.of(BPer), v.of(IPer))+bias, v.of(BLoc), v.of(ILoc), v.of(BOrg), v.of(IOrg), v.of(Adr))
	return v.of(O)-name > s.model.hope
}

// sum returns what the words around token i say of it, each by itself.
func (s *Scratch) sum(i int) (v Scores) {
	for k := max(-reach, -i); k <= reach && i+k < len(s.seq); k++ {
		u := &s.vecs[s.seq[i+k]][reach+k]
		v[0] += u[0]
		v[1] += u[1]
	}
	return v
}

var nowhere = Word{Info: Info{Shape: shapeBlank, Lower: uint64(shapeBlank) + 1}}

func (s *Scratch) at(i int) *Word {
	if i < 0 || i >= len(s.seq) {
		return &nowhere
	}
	return &s.words[s.seq[i]]
}

// emission returns the scores of token i, of which the words say v each by
// itself.
func (s *Scratch) emission(i int, v Scores, bias int32) (e [Tags]int32) {
	var rows [pairs]uint32
	for _, r := range s.pairs(i, &rows) {
		v.add(s.model.weights, r)
	}
	for y := range e {
		e[y] = v.of(y)
	}
	e[BPer] += bias
	e[IPer] += bias
	return e
}

// alone finds the best tag of token i, which stands between tokens that are no
// names.
func (s *Scratch) alone(i int, bias int32) {
	e := s.emission(i, s.base[0], bias)
	best, other, tag := int32(-1<<30), int32(-1<<30), uint8(0)
	for y, v := range e {
		v += s.model.edges[y]
		if v > best {
			best, tag = v, uint8(y)
		}
		if y != BPer {
			other = max(other, v)
		}
	}
	s.Tag[i], s.Person[i] = tag, e[BPer]+s.model.edges[BPer]-other
}

// run finds the best tags of tokens i to j-1, which stand between tokens that
// are no names.
func (s *Scratch) run(i, j int, bias int32) {
	s.emit, s.ahead, s.back = s.emit[:0], s.ahead[:0], s.back[:0]
	trans := &s.model.trans
	for k := i; k < j; k++ {
		e := s.emission(k, s.base[k-i], bias)
		var score [Tags]int32
		var back [Tags]uint8
		if k == i {
			for y := range score {
				score[y] = trans[O][y] + e[y]
			}
		} else {
			last := &s.ahead[k-i-1]
			for y := range score {
				best, from := last[0]+trans[0][y], 0
				for x := 1; x < Tags; x++ {
					if v := last[x] + trans[x][y]; v > best {
						best, from = v, x
					}
				}
				score[y], back[y] = best+e[y], uint8(from)
			}
		}
		s.emit, s.ahead, s.back = append(s.emit, e), append(s.ahead, score), append(s.back, back)
	}
	var after [Tags]int32 // score of the best tags from the token on
	for x := range after {
		after[x] = trans[x][O]
	}
	best, y := int32(-1<<30), uint8(0)
	for x, v := range s.ahead[j-i-1] {
		if v += after[x]; v > best {
			best, y = v, uint8(x)
		}
	}
	for k := j - 1; ; k-- {
		a := &s.ahead[k-i]
		s.Tag[k] = y
		y = s.back[k-i][y]
		name, other := max(a[BPer]+after[BPer], a[IPer]+after[IPer]), int32(-1<<30)
		for x, v := range a {
			if x != BPer && x != IPer {
				other = max(other, v+after[x])
			}
		}
		s.Person[k] = name - other
		if k == i {
			return
		}
		e := &s.emit[k-i]
		var before [Tags]int32
		for x := range before {
			b := int32(-1 << 30)
			for z := range after {
				b = max(b, trans[x][z]+e[z]+after[z])
			}
			before[x] = b
		}
		after = before
	}
}
