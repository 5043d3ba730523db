package scan

import (
	"math/bits"
	"slices"
)

// A number alone seldom says what it is: "5226-1831" is a bankgiro, an account
// or a part number by the words before it. The words are found by one automaton
// (Aho and Corasick 1975) over the folded text, run over a short window and
// only when a candidate needs it.

// cue is a set of kinds of context word, one bit each.
type cue uint64

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
	seen      cue // what end is valid for
	state     uint16
	last      uint8   // the last symbol read
	end       [40]int // by bit: offset after the last occurrence
}

// within reports whether any of the cues ends at most n bytes before the candidate.
func (c *cues) within(n int, set cue) bool { return c.nearest(set) <= n }

// nearest returns the smallest distance of the cues, far when there is none.
func (c *cues) nearest(set cue) int {
	set &= c.seen
	if set == 0 {
		return far
	}
	last := 0
	for ; set != 0; set &= set - 1 {
		last = max(last, c.end[bits.TrailingZeros64(uint64(set))])
	}
	if d := c.pos - last; d <= c.limit {
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

// automaton is the compiled lexicon: rows of transitions, one row a state. The
// states at which cues end have the highest numbers; within each half they are
// in order of depth, which keeps the few that are visited most together.
type automaton struct {
	next  []uint16 // state<<rowShift | symbol → state
	start uint16   // the state after the end of a word
	hit   uint16   // the first state at which cues end
	hits  []cue    // by state - hit
}

const rowShift = 5

// newAutomaton compiles the lexicon. A space in a word means the end of a word.
func newAutomaton(lexicon map[cue]string) *automaton {
	type node struct {
		next [symbols]int
		fail int
		ends cue
	}
	nodes := make([]node, 1, 8192)
	for k, words := range lexicon {
		for _, w := range splitWords(words) {
			s := 0
			for i := 0; i < len(w); i++ {
				sym := folded[w[i]]
				if nodes[s].next[sym] == 0 {
					nodes = append(nodes, node{})
					nodes[s].next[sym] = len(nodes) - 1
				}
				s = nodes[s].next[sym]
			}
			nodes[s].ends |= k
		}
	}
	queue := make([]int, 1, len(nodes)) // by depth, the root first
	for at := 0; at < len(queue); at++ {
		s := queue[at]
		fail := nodes[s].fail
		if s != 0 {
			nodes[s].ends |= nodes[fail].ends
		}
		for sym := range symbols {
			n := nodes[s].next[sym]
			switch {
			case n == 0:
				nodes[s].next[sym] = nodes[fail].next[sym]
				continue
			case s != 0:
				nodes[n].fail = nodes[fail].next[sym]
			}
			queue = append(queue, n)
		}
	}
	slices.SortStableFunc(queue, func(a, b int) int { return b2i(nodes[a].ends != 0) - b2i(nodes[b].ends != 0) })
	number := make([]uint16, len(nodes))
	for i, s := range queue {
		number[s] = uint16(i)
	}
	a := &automaton{next: make([]uint16, len(nodes)<<rowShift)}
	for i, s := range queue {
		for sym, to := range nodes[s].next {
			a.next[i<<rowShift|sym] = number[to]
		}
		if nodes[s].ends != 0 {
			a.hits = append(a.hits, nodes[s].ends)
		}
	}
	a.hit = uint16(len(queue) - len(a.hits))
	a.start = number[nodes[0].next[0]]
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
		c.seen = 0
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
		c.state, c.last = a.start, 0
	} else if c.pos == pos {
		return
	}
	state, last, next, hit := c.state, c.last, a.next, a.hit
	i := c.pos
	for i < pos {
		b := t[i]
		sym, size := folded[b], 1
		if b >= 0x80 {
			if i+1 < len(t) && b == 0xC3 && t[i+1]&0xC0 == 0x80 {
				sym, size = latin1[t[i+1]&0x3F], 2
			} else {
				sym, size = foldAt(t, i)
			}
		}
		to := next[int(state)<<rowShift|int(sym)]
		if sym|last == 0 { // still between words
			to = state
		}
		state = to
		if to >= hit && sym|last != 0 {
			at := i
			if sym != 0 {
				at += size
			}
			c.found(a, to, at)
		}
		last = sym
		i += size
	}
	c.pos, c.state, c.last = pos, state, last
	if last != 0 { // a candidate is no letter: it ends the word
		if to := next[int(state)<<rowShift]; to >= hit {
			c.found(a, to, pos)
		}
	}
}

// found notes the cues of a state that end at offset at.
func (c *cues) found(a *automaton, state uint16, at int) {
	set := a.hits[state-a.hit]
	c.seen |= set
	for ; set != 0; set &= set - 1 {
		c.end[bits.TrailingZeros64(uint64(set))] = at
	}
}
