package names

import (
	"github.com/gallra/gallra/pii/names/internal/tagger"
	"github.com/gallra/gallra/pii/names/internal/token"
)

// languages are the languages of the pack, in the order of its sections.
var languages = [...]string{"sv", "en", "no", "da", "fi", "de"}

// Languages returns the languages known, Swedish first.
func Languages() []string { return languages[:] }

const (
	detectBits = 14
	detectRows = 1 << detectBits

	// DetectRowCount is the number of rows DetectRows names.
	DetectRowCount = detectRows

	detectText = 1500 // bytes read
)

// DetectRows calls f with the row of weights of each feature of the words in
// the beginning of text that tell its language: whole words and their groups of
// three letters.
func DetectRows(text string, f func(row int)) {
	text = text[:min(len(text), detectText)]
	var buf [64]byte
	for _, t := range token.Append(nil, text) {
		if t.Kind == token.Word && t.End-t.Start < maxDetectWord {
			wordRows(token.Lower(append(buf[:0], '_'), text[t.Start:t.End]), f)
		}
	}
}

// maxDetectWord is the length of the longest word read.
const maxDetectWord = 40

// wordRows calls f with the rows of one word in lower case, "_" before it.
func wordRows(w []byte, f func(row int)) {
	w = append(w, '_')
	if len(w) < 11 {
		f(int(token.Hash(w) >> (64 - detectBits)))
	}
	for k := 0; k+3 <= len(w); k++ {
		f(int(token.Hash(w[k:k+3]) >> (64 - detectBits)))
	}
}

// votes returns what a word says of the language it stands in.
func (m *Model) votes(lower []byte) (v tagger.Votes) {
	if len(lower) >= maxDetectWord {
		return v
	}
	var buf [64]byte
	wordRows(append(append(buf[:0], '_'), lower...), func(row int) {
		for i := range languages {
			v[i] += int16(int8(m.detect[row*len(languages)+i]))
		}
	})
	return v
}

// Detect returns the language text is most likely written in; "sv" when
// nothing tells.
func (m *Model) Detect(text string) string {
	w := m.scratch.Get().(*work)
	defer m.scratch.Put(w)
	w.Read(text[:min(len(text), detectText)])
	return w.language()
}

// language returns the language of the words read.
func (w *work) language() string {
	var sum [len(languages)]int
	for i := range w.Tokens {
		if w.Tokens[i].Start > detectText {
			break
		}
		v := &w.Word(i).Votes
		for l := range sum {
			sum[l] += int(v[l])
		}
	}
	best := 0
	for i, v := range sum {
		if v > sum[best] {
			best = i
		}
	}
	return languages[best]
}
