package scan

// A number alone seldom says what it is: "5226-1831" is a bankgiro, an account
// or a part number by the words before it. The words are found by one automaton
// (Aho and Corasick 1975) over the folded text, run over a short window and
// only when a candidate needs it.

// cue is a kind of context word.
type cue uint8

// far says that a cue does not occur in the window.
const far = 1 << 14

// window is how many bytes before a candidate are read for cues.
const window = 96

// cues holds, for each cue, how many bytes lie between its last occurrence and
// the candidate.
type cues [cueCount]int16

// within reports whether any of the cues ends at most n bytes before the candidate.
func (c *cues) within(n int16, ks ...cue) bool {
	for _, k := range ks {
		if c[k] <= n {
			return true
		}
	}
	return false
}

// nearest returns the smallest distance of the cues.
func (c *cues) nearest(ks ...cue) int16 {
	d := int16(far)
	for _, k := range ks {
		d = min(d, c[k])
	}
	return d
}

// The folded alphabet: 0 ends a word, 1 to 26 are the letters without marks.
const symbols = 27

// folded maps a byte to its symbol; bytes from 0x80 are read by foldAt.
var folded = func() (t [256]uint8) {
	for c := byte('a'); c <= 'z'; c++ {
		t[c] = c - 'a' + 1
		t[c-'a'+'A'] = c - 'a' + 1
	}
	return t
}()

// latin1 maps the second byte after 0xC3 (U+00C0 to U+00FF) to its symbol.
var latin1 = func() (t [64]uint8) {
	const base = "aaaaaaaceeeeiiiidnooooo ouuuuypsaaaaaaaceeeeiiiidnooooo ouuuuypy"
	for i := range t {
		t[i] = folded[base[i]]
	}
	return t
}()

// foldAt returns the symbol of the character at t[i] and its length in bytes.
func foldAt(t string, i int) (sym uint8, size int) {
	c := t[i]
	if c < 0x80 {
		return folded[c], 1
	}
	if c == 0xC3 && i+1 < len(t) && t[i+1]&0xC0 == 0x80 {
		return latin1[t[i+1]&0x3F], 2
	}
	if c >= 0xC0 { // other letters end the word; their tail bytes are skipped
		n := 1
		for i+n < len(t) && n < 4 && t[i+n]&0xC0 == 0x80 {
			n++
		}
		return 0, n
	}
	return 0, 1
}

type state struct {
	next  [symbols]uint16
	fail  uint16
	found uint16 // index into automaton.hits, 0 for none
}

type automaton struct {
	states []state
	hits   [][]cue
}

// newAutomaton compiles the lexicon. A space in a word means the end of a word.
func newAutomaton(lexicon map[cue]string) *automaton {
	a := &automaton{states: make([]state, 1, 4096), hits: make([][]cue, 1)}
	ends := map[uint16][]cue{}
	for k := range cueCount {
		for _, w := range splitWords(lexicon[k]) {
			s := uint16(0)
			for i := 0; i < len(w); i++ {
				sym := folded[w[i]]
				if a.states[s].next[sym] == 0 {
					a.states = append(a.states, state{})
					a.states[s].next[sym] = uint16(len(a.states) - 1)
				}
				s = a.states[s].next[sym]
			}
			ends[s] = append(ends[s], k)
		}
	}
	queue := make([]uint16, 0, len(a.states))
	for _, s := range a.states[0].next {
		if s != 0 {
			queue = append(queue, s)
		}
	}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		fail := a.states[s].fail
		all := append(append([]cue(nil), ends[s]...), a.hits[a.states[fail].found]...)
		if len(all) > 0 {
			a.hits = append(a.hits, all)
			a.states[s].found = uint16(len(a.hits) - 1)
		}
		for sym := range symbols {
			n := a.states[s].next[sym]
			if n == 0 {
				a.states[s].next[sym] = a.states[fail].next[sym]
				continue
			}
			a.states[n].fail = a.states[fail].next[sym]
			queue = append(queue, n)
		}
	}
	return a
}

// splitWords splits the lines of a lexicon entry at commas and keeps the spaces
// that mark word ends: written as "_".
func splitWords(s string) []string {
	var words []string
	var w []byte
	flush := func() {
		if len(w) > 0 {
			words = append(words, string(w))
		}
		w = nil
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case ',':
			flush()
		case '_':
			w = append(w, ' ')
		case '\n', '\t', ' ':
		default:
			w = append(w, c)
		}
	}
	flush()
	return words
}

// read fills c with the distances of the cues in t before pos.
func (a *automaton) read(c *cues, t string, pos int) {
	for i := range c {
		c[i] = far
	}
	i := max(0, pos-window)
	for i < pos && t[i]&0xC0 == 0x80 {
		i++
	}
	s := uint16(0)
	if i > 0 && folded[t[i-1]] != 0 { // the window opens inside a word: let it pass
		for i < pos && folded[t[i]] != 0 {
			i++
		}
	}
	s = a.states[0].next[0]
	gap := true
	step := func(sym uint8, end int) {
		s = a.states[s].next[sym]
		if f := a.states[s].found; f != 0 {
			for _, k := range a.hits[f] {
				c[k] = int16(pos - end)
			}
		}
	}
	for i < pos {
		sym, size := foldAt(t, i)
		if sym == 0 {
			if !gap {
				step(0, i)
			}
			gap = true
		} else {
			gap = false
			step(sym, i+size)
		}
		i += size
	}
	if !gap {
		step(0, pos)
	}
}
