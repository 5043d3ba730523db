// Package special finds what tells of somebody's health (GDPR art. 9) and of
// beliefs, trade unions, politics, origin, sexual life and crimes (art. 9 and
// 10): the shortest phrase that reveals it.
//
// A lexicon in six languages says which words may reveal something; a small
// linear-chain model (conditional random field, Lafferty, McCallum and Pereira
// 2001) over the classes of the words around says whether it does here, and how
// far the phrase reaches. A finding's rule names the class and the word of the
// lexicon that opened it, so that a reader sees why.
package special

import (
	"github.com/gallra/gallra"
	"github.com/gallra/gallra/pii/names/internal/token"
)

// Span is a finding: tokens First to Last-1.
type Span struct {
	First, Last int
	Kind        gallra.Category
	Score       float32 // the model's probability that the words belong to a finding
	Rule        string
}

// Text is a text cut into tokens, each with its Mark.
type Text struct {
	Text   string
	Lang   string
	Tokens []token.Token
	Marks  []uint64
}

// The tags of the model.
const (
	outside = iota
	begin
	inside
	tags
)

// How far from a word of the lexicon a phrase may reach, in tokens.
const (
	reachBack    = 6
	reachForward = 8
)

// dialSpan is how far the dial's ends move the odds of a finding, in powers of e.
const dialSpan = 3

// lean moves the odds towards finding: where as many findings are right as
// marks are found, in cross-validation.
const lean = 0.6

// Finder finds spans. It holds working memory: one goroutine uses it at a time.
type Finder struct {
	*Text
	model  *Model
	list   []term // of the lexicon
	lang   uint8
	first  int // the token words begins at
	words  []word
	rows   [][]uint32
	emits  [][tags]float32
	chain  lattice
	tagged []uint8
	back   [][tags]uint8
	buf    []byte
	hits   []uint16
}

// word is what is known of a token within a stretch.
type word struct {
	set   uint32 // classes, one bit each
	class class  // the first of them
	term  uint16 // the lexicon's term that gave class
	cont  bool   // goes on a phrase begun before
	lower uint64
	shape uint8
	// forgotten, in training, leaves the word's own letters out.
	forgotten bool
}

// NewFinder returns a Finder for m.
func NewFinder(m *Model) *Finder { return &Finder{model: m, list: lexicon().list} }

// Append appends the spans in t to dst, in order. recall is the dial between
// reporting nothing doubtful (0) and missing nothing (1).
func (f *Finder) Append(dst []Span, t *Text, recall float64) []Span {
	f.Text, f.lang = t, languageBit(t.Lang)
	bias := float32(recall-0.5)*2*dialSpan + lean
	for i, j, ok := f.stretch(0); ok; i, j, ok = f.stretch(j) {
		f.read(i, j)
		f.emit(f.model, bias)
		f.chain.run(f.emits, &f.model.trans, nil)
		f.decode(&f.model.trans)
		dst = f.spans(dst, i)
	}
	return dst
}

// stretch returns the next tokens, from token start on, around words that may
// open a finding; those that lie closer than they reach are in one stretch.
func (f *Finder) stretch(start int) (from, to int, ok bool) {
	for i := start; i < len(f.Tokens); i++ {
		if ok && i >= to+reachBack {
			break
		}
		if f.Marks[i] == 0 || !f.opens(i) {
			continue
		}
		a, b := i, i+1
		for a > start && i-a < reachBack && !f.broken(a-1) {
			a--
		}
		if ok && a > to {
			break
		}
		for b < len(f.Tokens) && b-i <= reachForward && !f.broken(b) {
			b++
		}
		if !ok {
			from, ok = a, true
		}
		to = b
	}
	return from, to, ok
}

func (f *Finder) broken(i int) bool {
	k := f.Tokens[i].Kind
	return k == token.Break || k == token.Blank
}

// opens reports whether token i is, or begins, a term that can make a finding.
func (f *Finder) opens(i int) bool {
	for _, at := range f.terms(i) {
		if f.list[at].class.opens() {
			return true
		}
	}
	return false
}

// terms returns the places of the terms that token i is, or begins, valid until
// the next call.
func (f *Finder) terms(i int) []uint16 {
	f.hits = f.hits[:0]
	for m := f.Marks[i]; m != 0; m >>= 16 {
		at := uint16(m)
		if phrases := f.list[at].phrases; phrases != nil {
			for _, at := range phrases {
				f.try(at, i)
			}
			continue
		}
		f.try(at, i)
	}
	return f.hits
}

func (f *Finder) try(at uint16, i int) {
	if t := &f.list[at]; t.langs&f.lang != 0 && f.follows(t, i) {
		f.hits = append(f.hits, at)
	}
}

// follows reports whether the rest of t follows token i.
func (f *Finder) follows(t *term, i int) bool {
	for n, want := range t.rest {
		k := i + 1 + n
		if k >= len(f.Tokens) || f.broken(k) {
			return false
		}
		got := f.lowered(k)
		if string(got) != want && !(t.prefix && n == len(t.rest)-1 && len(got) > len(want) && string(got[:len(want)]) == want) {
			return false
		}
	}
	return true
}

// longest is how much of a word is looked at.
const longest = 48

// lowered returns token i in lower case without marks, valid until the next call.
func (f *Finder) lowered(i int) []byte {
	s := f.Text.Text[f.Tokens[i].Start:f.Tokens[i].End]
	if len(s) > longest {
		s = s[:longest]
	}
	f.buf = token.Lower(f.buf[:0], s)
	n := len(f.buf)
	f.buf = token.Plain(f.buf, f.buf[:n])
	return f.buf[n:]
}

// read fills words for tokens i to j-1.
func (f *Finder) read(i, j int) {
	f.first, f.words = i, f.words[:0]
	for k := i; k < j; k++ {
		f.words = append(f.words, word{})
	}
	for k := i; k < j; k++ {
		w := &f.words[k-i]
		low := f.lowered(k)
		w.lower = token.Hash(low)
		w.shape = f.shape(k)
		size := 0
		for _, at := range f.terms(k) {
			t := &f.list[at]
			w.set |= 1 << t.class
			if n := len(t.said); n > size && !w.cont {
				size, w.class, w.term = n, t.class, at
			}
			for n := range t.rest {
				if k+1+n < j {
					c := &f.words[k+1+n-i]
					c.cont, c.class, c.term = true, t.class, at
					c.set |= 1 << t.class
				}
			}
		}
	}
}

// Shapes of tokens, as far as they tell.
const (
	shapeWord uint8 = iota
	shapeCapital
	shapeUpper
	shapeNumber
	shapeComma
	shapeStop
	shapeColon
	shapeOpen
	shapeClose
	shapeSlash
	shapeDash
	shapePercent
	shapeQuote
	shapeOther
)

func (f *Finder) shape(i int) uint8 {
	t := &f.Tokens[i]
	s := f.Text.Text[t.Start:t.End]
	switch t.Kind {
	case token.Word:
		switch {
		case s[0] < 'A' || s[0] > 'Z' && s[0] != 0xC3 || s[0] == 0xC3 && (len(s) < 2 || s[1] > 0x9E):
			return shapeWord
		case len(s) > 1 && s[1] >= 'A' && s[1] <= 'Z' && s[len(s)-1] < 'a':
			return shapeUpper
		}
		return shapeCapital
	case token.Number:
		return shapeNumber
	case token.Punct:
		switch s[0] {
		case ',', ';':
			return shapeComma
		case '.', '!', '?':
			return shapeStop
		case ':':
			return shapeColon
		case '(', '[', '{':
			return shapeOpen
		case ')', ']', '}':
			return shapeClose
		case '/', '|':
			return shapeSlash
		case '-', '+':
			return shapeDash
		case '%':
			return shapePercent
		case '"', '\'', 0xE2, 0xC2:
			return shapeQuote
		}
	}
	return shapeOther
}

// spans appends the findings among the tagged words of the stretch that begins
// at token base.
func (f *Finder) spans(dst []Span, base int) []Span {
	for k := 0; k < len(f.tagged); k++ {
		if f.tagged[k] == outside {
			continue
		}
		e := k + 1
		for e < len(f.tagged) && f.tagged[e] == inside {
			e++
		}
		if t := f.reason(k, e); t != nil {
			score := float32(1)
			for i := k; i < e; i++ {
				score = min(score, 1-f.chain.node[i][outside])
			}
			kind := gallra.CategoryHealth
			if t.class > lastHealth {
				kind = gallra.CategorySensitive
			}
			dst = append(dst, Span{base + k, base + e, kind, score, t.rule})
		}
		k = e - 1
	}
	return dst
}

// reason returns the term that makes words k to e-1 a finding, the longest; nil
// when none does.
func (f *Finder) reason(k, e int) *term {
	var best *term
	for i := k; i < e; i++ {
		if w := &f.words[i]; w.class.opens() {
			if t := &f.list[w.term]; best == nil || len(t.said) > len(best.said) {
				best = t
			}
		}
	}
	return best
}
