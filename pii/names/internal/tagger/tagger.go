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
	unit    int32
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

// Word is the analysis of one word and what it adds to the scores of its
// neighbours.
type Word struct {
	key uint64
	Info
	joint uint8 // place in the name lists, as one number
	Mark  uint64
	id    uint32 // the word itself when common, else its class
	vec   [2*reach + 1]Scores
}

// Cache limits: a block of text is analysed after at most cacheFull words are
// held, and can add no more than one a byte.
const (
	cacheFull  = 40_000
	cacheSlots = 1 << 17
)

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
	Tokens []token.Token
	seq    []uint32 // token -> words
	low    []bool   // token stands in a line without capitals
	Tag    []uint8
	Person []int32 // how far the best reading with the token in a person's name lies above the best without
	emit   [][Tags]int32
	ahead  [][Tags]int32 // score of the best tags up to a token
	back   [][Tags]uint8
	feats  features
	// Classify, when set, gives each new word a mark of the caller's.
	Classify func(lower []byte) uint64
	alter    func(*Info)      // the learner's doubt
	learn    func(int, *Word) // the learner's view of a new word
}

// NewScratch returns working memory for m.
func NewScratch(m *Model) *Scratch {
	s := &Scratch{model: m, slots: make([]slot, cacheSlots), words: make([]Word, 1, 4096)}
	s.lex.words = m.words
	return s
}

// Word returns the analysis of token i.
func (s *Scratch) Word(i int) *Word { return &s.words[s.seq[i]] }

// Read cuts a block of text into tokens and analyses each.
func (s *Scratch) Read(text string) {
	if len(s.words) > cacheFull {
		clear(s.slots)
		s.words = s.words[:1]
	}
	s.Tokens = token.Append(s.Tokens[:0], text)
	s.seq = s.seq[:0]
	for i := range s.Tokens {
		t := &s.Tokens[i]
		s.seq = append(s.seq, s.intern(t, text))
	}
	s.lines()
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
	s.words = append(s.words, Word{key: key})
	w := &s.words[len(s.words)-1]
	w.Info = s.lex.analyse(text[t.Start:t.End], t.Kind)
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
			v := &w.vec[k+reach]
			for _, f := range s.feats.at(k) {
				v.add(s.model.weights, row(f, k))
			}
		}
	}
	if s.Classify != nil && t.Kind == token.Word {
		w.Mark = s.Classify(w.lower)
	}
	w.lower = nil
	return uint32(len(s.words) - 1)
}

// lines marks the tokens of lines in which no word begins with a capital.
func (s *Scratch) lines() {
	s.low = s.low[:0]
	start, capital := 0, false
	for i := 0; i <= len(s.Tokens); i++ {
		if i == len(s.Tokens) || s.Tokens[i].Kind == token.Break || s.Tokens[i].Kind == token.Blank {
			for len(s.low) < i {
				s.low = append(s.low, !capital)
			}
			if i < len(s.Tokens) {
				s.low = append(s.low, false)
			}
			start, capital = i+1, false
			continue
		}
		if k := s.words[s.seq[i]].Shape; k >= shapeTitle && k <= shapeCapped && k != shapeMixed && i >= start {
			capital = true
		}
	}
}

// Low reports whether token i stands in a line without capitals.
func (s *Scratch) Low(i int) bool { return s.low[i] }

// active reports whether token i may be part of a name.
func (s *Scratch) active(i int, before bool) bool {
	w := s.Word(i)
	if w.Active {
		return true
	}
	if !before {
		return false
	}
	switch {
	case w.Class&Particle != 0:
		return true
	case w.Shape == shapeStop:
		p := s.Word(i - 1)
		return p.Shape == shapeInitial || p.Shape == shapeLower && s.Tokens[i-1].End-s.Tokens[i-1].Start == 1
	case w.Shape == shapeDigits, w.Shape == shapeNumber:
		return true
	}
	return false
}

// Decode tags the tokens read. bias is added to the score of every tag of a
// person, towards finding more.
func (s *Scratch) Decode(bias int32) {
	n := len(s.Tokens)
	s.Tag = append(s.Tag[:0], make([]uint8, n)...)
	s.Person = slices.Grow(s.Person[:0], n)[:n]
	for i := range s.Person {
		s.Person[i] = never
	}
	if s.model.weights == "" {
		return
	}
	for i := 0; i < n; {
		if !s.active(i, false) {
			i++
			continue
		}
		j := i + 1
		for j < n && s.active(j, true) {
			j++
		}
		s.run(i, j, bias)
		i = j
	}
}

var nowhere = Word{Info: Info{Shape: shapeBlank, Lower: uint64(shapeBlank) + 1}}

func (s *Scratch) at(i int) *Word {
	if i < 0 || i >= len(s.seq) {
		return &nowhere
	}
	return &s.words[s.seq[i]]
}

// emission returns the scores of token i.
func (s *Scratch) emission(i int, bias int32) (e [Tags]int32) {
	var v Scores
	for k := -reach; k <= reach; k++ {
		if j := i + k; j >= 0 && j < len(s.seq) {
			u := &s.words[s.seq[j]].vec[reach+k]
			v[0] += u[0]
			v[1] += u[1]
		}
	}
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

// run finds the best tags of tokens i to j-1, which stand between tokens that
// are no names.
func (s *Scratch) run(i, j int, bias int32) {
	s.emit, s.ahead, s.back = s.emit[:0], s.ahead[:0], s.back[:0]
	trans := &s.model.trans
	for k := i; k < j; k++ {
		e := s.emission(k, bias)
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
