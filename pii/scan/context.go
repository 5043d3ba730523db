package scan

import "slices"

// A number alone seldom says what it is: "5226-1831" is a bankgiro, an account
// or a part number by the words before it. The words are found by one automaton
// (Aho and Corasick 1975) over the folded text, run over a short window and
// only when a candidate needs it.

// cue is a kind of context word.
type cue uint8

// far says that a cue does not occur in the window.
const far = 1 << 14

// Windows: how many bytes before a candidate are read for cues. Most readers
// ask about the words right before it; a few about the line before as well.
const (
	nearWindow = 48
	wideWindow = 96
)

// cues answers which cues stand before a position and how far off. It reads on
// from where it was when asked about a later position of the same neighbourhood.
type cues struct {
	from, pos int // what has been read: text[from:pos]
	limit     int // how far back the present question looks
	state     uint
	gap       bool
	end       [cueCount]int32 // offset after the last occurrence, noCue for none
}

const noCue = -far

// within reports whether any of the cues ends at most n bytes before the candidate.
func (c *cues) within(n int, ks ...cue) bool { return c.nearest(ks...) <= n }

// nearest returns the smallest distance of the cues, far when there is none.
func (c *cues) nearest(ks ...cue) int {
	last := int32(noCue)
	for _, k := range ks {
		last = max(last, c.end[k])
	}
	if d := c.pos - int(last); d <= c.limit {
		return d
	}
	return far
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

// automaton is the compiled lexicon: rows of transitions, one row a state.
type automaton struct {
	next []uint  // state<<rowShift | symbol → state, with hit set when cues end there
	hits [][]cue // by state
}

const (
	rowShift = 5
	hit      = 1 << 15
)

// newAutomaton compiles the lexicon. A space in a word means the end of a word.
func newAutomaton(lexicon map[cue]string) *automaton {
	type node struct {
		next [symbols]uint
		fail uint
		ends []cue
	}
	nodes := make([]node, 1, 4096)
	for k := range cueCount {
		for _, w := range splitWords(lexicon[k]) {
			s := uint(0)
			for i := 0; i < len(w); i++ {
				sym := folded[w[i]]
				if nodes[s].next[sym] == 0 {
					nodes = append(nodes, node{})
					nodes[s].next[sym] = uint(len(nodes) - 1)
				}
				s = nodes[s].next[sym]
			}
			if !slices.Contains(nodes[s].ends, k) {
				nodes[s].ends = append(nodes[s].ends, k)
			}
		}
	}
	queue := make([]uint, 0, len(nodes))
	for _, s := range nodes[0].next {
		if s != 0 {
			queue = append(queue, s)
		}
	}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		fail := nodes[s].fail
		nodes[s].ends = append(nodes[s].ends, nodes[fail].ends...)
		for sym := range symbols {
			n := nodes[s].next[sym]
			if n == 0 {
				nodes[s].next[sym] = nodes[fail].next[sym]
				continue
			}
			nodes[n].fail = nodes[fail].next[sym]
			queue = append(queue, n)
		}
	}
	a := &automaton{next: make([]uint, len(nodes)<<rowShift), hits: make([][]cue, len(nodes))}
	for s, n := range nodes {
		a.hits[s] = n.ends
		for sym, to := range n.next {
			if len(nodes[to].ends) > 0 {
				to |= hit
			}
			a.next[s<<rowShift|sym] = to
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

// read brings c up to pos of t, with at least window bytes before it read when
// the text has them.
func (a *automaton) read(c *cues, t string, pos, window int) {
	c.limit = window
	if want := max(0, pos-window); c.pos > pos || c.from > want || c.pos < want {
		for k := range c.end {
			c.end[k] = noCue
		}
		i := want
		for i < pos && t[i]&0xC0 == 0x80 {
			i++
		}
		if i > 0 && folded[t[i-1]] != 0 { // the window opens inside a word: let it pass
			for i < pos && folded[t[i]] != 0 {
				i++
			}
		}
		c.from, c.pos = want, i
		c.state, c.gap = a.next[0]&^hit, true
	}
	i, state, gap := c.pos, c.state, c.gap
	for i < pos {
		b := t[i]
		sym, size := folded[b], 1
		if b >= 0x80 {
			sym, size = foldAt(t, i)
		}
		if sym == 0 {
			if gap {
				i += size
				continue
			}
			gap = true
		} else {
			gap = false
		}
		to := a.next[int(state)<<rowShift|int(sym)]
		state = to &^ hit
		if to&hit != 0 {
			at := int32(i)
			if sym != 0 {
				at += int32(size)
			}
			for _, k := range a.hits[state] {
				c.end[k] = at
			}
		}
		i += size
	}
	c.pos, c.state, c.gap = pos, state, gap
	if !gap { // a candidate is no letter: it ends the word
		if to := a.next[int(state)<<rowShift]; to&hit != 0 {
			for _, k := range a.hits[to&^hit] {
				c.end[k] = int32(pos)
			}
		}
	}
}
