// Package scan finds the structured kinds of personal data in text: identity
// numbers, telephone numbers, addresses of mail and network, accounts, cards,
// plates, references and secrets. One pass, no regular expression, no
// allocation beyond the caller's slice.
//
// Masks say of 64 bytes at a time where digits stand and where a finding can be
// anchored: at digits and at '@', ':' and '_'. The walk goes from one to the next.
// Most numbers are nobody's, which one look shows (see nothing); about the others
// small hand-written readers decide by form, check digit and the words before (see
// cue). What is called from many of them is kept out of line: the readers a text
// needs must fit the processor's cache together.
// What a number is by form alone and what needs a word beside it is stated at
// each reader; the rule of every span says which of them spoke.
package scan

import "github.com/gallra/gallra"

// Span is one finding: byte offsets into the text as given.
type Span struct {
	Start, End int
	Kind       gallra.Category
	Score      float32 // 0 to 1: how sure the rule is
	Rule       string  // constant: "personnummer/luhn+date"
}

// Certain, likely and so on are the scores rules give. A scan reports spans
// from its threshold up.
const (
	certain  = 0.99 // check digit and form, or an unmistakable form
	likely   = 0.85 // form and a context word
	probable = 0.65 // form alone, seldom anything else
	doubtful = 0.45 // reported with a raised recall dial only
)

// Scanner finds spans. It is immutable and safe for concurrent use.
type Scanner struct {
	lang      string
	threshold float32
	words     *automaton
}

// New returns a Scanner for a language ("sv", "no", "da", "fi", "de", "en"; ""
// when unknown) that reports spans from threshold up.
func New(lang string, threshold float32) *Scanner {
	return &Scanner{lang: lang, threshold: threshold, words: compiled()}
}

// Append appends the spans in text to dst, in order and without overlap.
func (s *Scanner) Append(dst []Span, text string) []Span {
	var p pass // set field by field: a literal would be made apart and copied
	p.Scanner, p.t, p.dst = s, text, dst
	p.cues.pos = -1
	if !p.run() {
		return s.appendFolded(dst, text)
	}
	return p.dst
}

// pass is the state of one scan of one text.
type pass struct {
	*Scanner
	t       string
	dst     []Span
	done    int // end of what has been reported or ruled out
	folded  bool
	masks   masks
	cues    cues
	ph      phrase
	dated   dated
	noPlate int // where a number begins that has been found to be no plate's
	guessed bool
	guess   string
}

// run scans p.t. It returns false, having reported nothing, when the text holds
// characters that hide digits and must be folded first.
func (p *pass) run() bool {
	t, m := p.t, &p.masks
	m.base = -known
	for i := 0; i < len(t); {
		if i-m.base >= known {
			m.read(t, i&^63)
		}
		at, ok := m.next(i)
		if !ok {
			if i == m.base { // nothing in the whole stretch: prose
				at = nextStop(t, at)
			}
			i = at
			continue
		}
		i = at
		next := i + 1
		switch class[t[i]] {
		case classDigit:
			if next = p.nothing(i); next == 0 {
				next = p.number(i)
			}
		case classAt:
			next = p.at(i)
		case classColon:
			next = p.colon(i)
		case classUnder:
			next = p.under(i)
		case classOdd:
			if !p.folded && hides(t, i) {
				return false
			}
		}
		i = max(next, i+1)
	}
	return true
}

// add reports t[start:end] unless its score is below the threshold, and returns end.
//
//go:noinline
func (p *pass) add(start, end int, kind gallra.Category, score float32, rule string) int {
	if score >= p.threshold && start < end {
		p.dst = append(p.dst, Span{Start: start, End: end, Kind: kind, Score: score, Rule: rule})
	}
	p.done = end
	return end
}

// before returns the cues of the words right before pos.
//
//go:noinline
func (p *pass) before(pos int) *cues {
	p.words.read(&p.cues, p.t, pos, nearWindow)
	return &p.cues
}

// farBefore returns the cues of the words before pos, the line above included.
//
//go:noinline
func (p *pass) farBefore(pos int) *cues {
	p.words.read(&p.cues, p.t, pos, wideWindow)
	return &p.cues
}

// against returns how far before start a word of the set stands that speaks
// against a finding there. A word of another sentence speaks of something else.
// The words before start have been read.
func (p *pass) against(start int, set cue) int {
	d := p.cues.nearest(set)
	if d < far && start-d < p.sentence(start) {
		return far
	}
	return d
}

// sentence returns where the sentence begins that holds start, as far as the
// words before it are read: behind a full stop that ends no abbreviation, or
// behind the end of a line that is no heading of start.
func (p *pass) sentence(start int) int {
	t := p.t
	words := false // since the place looked at
	for i := start - 1; i > 0 && start-i <= wideWindow; i-- {
		switch c := t[i]; {
		case asciiLetter(c) || c >= 0x80:
			words = true
		case c == '\n':
			if b := t[i-1]; words || b == '.' || b == '!' || b == '?' || digit(b) || b == '\n' {
				return i + 1
			}
		case (c == '.' || c == '!' || c == '?') && i+1 < start && (t[i+1] == ' ' || t[i+1] == '\n'):
			if digit(t[i-1]) || c != '.' || i+2 < len(t) && (words && capital(t, i+2) || t[i+2] == '(') {
				return i + 1
			}
		}
	}
	return max(0, start-wideWindow)
}

// letter reports whether b belongs to a word: ASCII letters and every byte of a
// character beyond ASCII.
func letter(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' || b >= 0x80 }

func digit(b byte) bool { return b >= '0' && b <= '9' }

func hex(b byte) bool { return digit(b) || b|0x20 >= 'a' && b|0x20 <= 'f' }

func asciiLetter(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }

// at0 returns t[i], and 0 outside the text.
func (p *pass) at0(i int) byte {
	if uint(i) < uint(len(p.t)) {
		return p.t[i]
	}
	return 0
}

// wordBefore reports whether a letter or digit stands directly before i. A
// dash, quote or space of several bytes is not a letter.
func (p *pass) wordBefore(i int) bool {
	if i <= 0 {
		return false
	}
	b := p.t[i-1]
	if b < 0x80 {
		return asciiLetter(b) || digit(b)
	}
	j := i - 1
	for j > 0 && p.t[j]&0xC0 == 0x80 && i-j < 4 {
		j--
	}
	return letterLead(p.t, j)
}

// wordAfter reports whether a letter or digit stands at i.
func (p *pass) wordAfter(i int) bool {
	if i >= len(p.t) {
		return false
	}
	b := p.t[i]
	if b < 0x80 {
		return asciiLetter(b) || digit(b)
	}
	return letterLead(p.t, i)
}

// letterLead reports whether the character beyond ASCII at t[i] is a letter
// rather than a sign: U+00C0 and up, without general punctuation, symbols,
// full-width signs and emoji.
func letterLead(t string, i int) bool {
	switch c := t[i]; {
	case c < 0xC3:
		return c == 0xC2 && i+1 < len(t) && (t[i+1] == 0xAA || t[i+1] == 0xB5 || t[i+1] == 0xBA)
	case c == 0xC3:
		return i+1 < len(t) && t[i+1] != 0x97 && t[i+1] != 0xB7
	case c == 0xE2, c == 0xE3 && i+1 < len(t) && t[i+1] == 0x80, c == 0xEF, c >= 0xF0:
		return false
	}
	return true
}
