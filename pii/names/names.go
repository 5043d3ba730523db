// Package names finds what has no form of its own in text: names of persons,
// places, street addresses, and words that tell of someone's health or of
// other things in GDPR articles 9 and 10.
//
// Names are found by a linear tagger over name lists and word forms, trained by
// cmd/langpack and embedded as weights; addresses by form; health and the other
// special kinds by a lexicon and a model of phrases (package special). Nothing here does input or output. Time is linear
// in the text and memory flat, whatever the bytes.
package names

import (
	_ "embed"
	"sync"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/pii/names/internal/pack"
	"github.com/gallra/gallra/pii/names/internal/special"
	"github.com/gallra/gallra/pii/names/internal/tagger"
	"github.com/gallra/gallra/pii/names/internal/token"
)

// Span is one finding.
type Span struct {
	Start, End int // bytes, End exclusive
	Kind       gallra.Category
	Score      float32 // 0 to 1
	Rule       string  // what found it, with the words that made it do so
}

// Model is an opened language pack. It is immutable and safe for concurrent use.
type Model struct {
	tagger  *tagger.Model
	postal  pack.Table
	detect  string
	special *special.Model
	homes   string
	scratch sync.Pool
}

//go:embed lang.pack
var embedded string

var load = sync.OnceValues(func() (*Model, error) { return Open(embedded) })

// Load returns the embedded language pack's model. The pack is used where it
// lies in the binary: nothing is parsed.
func Load() (*Model, error) { return load() }

// Open returns the model in the bytes of a language pack file.
func Open(file string) (*Model, error) {
	s, err := pack.Decode(file)
	if err != nil {
		return nil, err
	}
	m := &Model{detect: s[SectionDetect], homes: s[SectionHome]}
	if m.tagger, err = tagger.Open(s); err != nil {
		return nil, err
	}
	if m.special, err = special.Load(); err != nil {
		return nil, err
	}
	if m.postal, err = pack.OpenTable(s[SectionPostal]); err != nil {
		return nil, err
	}
	if m.homes != "" && (len(m.homes) != HomeRowCount+1 || m.homes[HomeRowCount] == 0) {
		return nil, pack.ErrFormat
	}
	if m.detect != "" && len(m.detect) != detectRows*len(languages) {
		return nil, pack.ErrFormat
	}
	m.scratch.New = func() any { return newWork(m) }
	return m, nil
}

// The sections of a language pack that this package reads itself.
const (
	SectionPostal = "postal"
	SectionDetect = "detect"
)

// DefaultRecall is the dial's middle: a finding is reported when it is more
// likely right than not.
const DefaultRecall = 0.5

// work is the working memory of one call.
type work struct {
	*tagger.Scratch
	text     string
	lang     string
	recall   float64
	base     int
	special  *special.Finder
	marked   special.Text
	reveals  []special.Span
	speakers map[string]int // of the block's lines
	odds     float64        // score that makes the odds e times greater
	taken    []bool         // token -> part of an address or a name
	later    [][2]int       // doubtful addresses
	homes    string
	out      []Span
}

func newWork(m *Model) *work {
	w := &work{Scratch: tagger.NewScratch(m.tagger), homes: m.homes}
	w.Classify = special.Mark
	w.special = special.NewFinder(m.special)
	w.speakers = map[string]int{}
	if m.detect != "" {
		w.Vote = m.votes
	}
	w.odds = float64(max(m.tagger.Unit(), 1))
	return w
}

// Find returns the personal data in text, in order. lang is "sv", "en", "no",
// "da", "fi" or "de"; empty means that it is guessed. recall is the dial
// between reporting nothing doubtful (0) and missing nothing (1). Spans of
// different kinds may overlap.
func (m *Model) Find(text, lang string, recall float64) []Span {
	return m.Append(nil, text, lang, recall)
}

// Append is Find that appends to dst. Beyond dst and the reasons of its spans
// it does not allocate once warm.
func (m *Model) Append(dst []Span, text, lang string, recall float64) []Span {
	w := m.scratch.Get().(*work)
	defer m.scratch.Put(w)
	w.lang, w.recall, w.out = lang, min(max(recall, 0), 1), dst
	for at := 0; at < len(text); {
		end := blockEnd(text, at)
		w.text, w.base = text[at:end], at
		m.block(w)
		at = end
	}
	dst, w.out, w.text = w.out, nil, ""
	return dst
}

// A text is worked through in blocks: long enough to hold most messages whole,
// short enough for memory to be flat.
const blockSize = 8 << 10

// blockEnd returns where the block that starts at from ends: after an empty
// line, a line, a sentence or a word, or after blockSize bytes.
func blockEnd(text string, from int) int {
	if len(text)-from <= blockSize {
		return len(text)
	}
	b := text[from : from+blockSize]
	line, sentence, word := 0, 0, 0
	for i := len(b) - 1; i > blockSize/2; i-- {
		switch b[i] {
		case '\n':
			if b[i-1] == '\n' {
				return from + i + 1
			}
			line = max(line, i+1)
		case ' ':
			if b[i-1] == '.' || b[i-1] == '?' || b[i-1] == '!' {
				sentence = max(sentence, i+1)
			}
			word = max(word, i+1)
		}
	}
	for _, cut := range [...]int{line, sentence, word} {
		if cut > 0 {
			return from + cut
		}
	}
	end := from + blockSize
	for end > from+blockSize-4 && text[end]&0xC0 == 0x80 {
		end--
	}
	return end
}

// block finds what is in one block.
func (m *Model) block(w *work) {
	m.tag(w)
	first := len(w.out)
	m.addresses(w)
	w.persons()
	w.places()
	w.usernames()
	w.doubtful()
	w.specials()
	sortSpans(w.out[first:])
}

// tag reads w.text and tags its words.
func (m *Model) tag(w *work) {
	w.Read(w.text)
	if w.lang == "" {
		w.lang = w.language()
	}
	w.Decode(int32((w.recall - DefaultRecall) * 2 * dialSpan * float64(m.tagger.Unit())))
	w.taken = append(w.taken[:0], make([]bool, len(w.Tokens))...)
}

// dialSpan is how far the dial's ends move the odds of a name, in powers of e.
const dialSpan = 3

// specials reports what tells of health, beliefs, unions, crimes.
func (w *work) specials() {
	w.marked = special.Text{Text: w.text, Lang: w.lang, Tokens: w.Tokens, Marks: w.marked.Marks[:0]}
	for i := range w.Tokens {
		w.marked.Marks = append(w.marked.Marks, w.Word(i).Mark)
	}
	w.reveals = w.special.Append(w.reveals[:0], &w.marked, w.recall)
	for _, s := range w.reveals {
		w.emit(s.First, s.Last, s.Kind, s.Score, s.Rule)
	}
	w.marked.Text = ""
}

func (w *work) emit(i, j int, kind gallra.Category, score float32, rule string) {
	for k := i; k < j; k++ {
		w.taken[k] = true
	}
	w.out = append(w.out, Span{w.base + int(w.Tokens[i].Start), w.base + int(w.Tokens[j-1].End), kind, score, rule})
}

// kind of a token, past the end a blank line.
func (w *work) kind(i int) token.Kind {
	if i < 0 || i >= len(w.Tokens) {
		return token.Blank
	}
	return w.Tokens[i].Kind
}

// str returns the text of token i.
func (w *work) str(i int) string {
	if i < 0 || i >= len(w.Tokens) {
		return ""
	}
	return w.text[w.Tokens[i].Start:w.Tokens[i].End]
}

func sortSpans(s []Span) {
	for i := 1; i < len(s); i++ { // nearly sorted and short
		for j := i; j > 0 && s[j].Start < s[j-1].Start; j-- {
			s[j], s[j-1] = s[j-1], s[j]
		}
	}
}
