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

// maxRead bounds how far is read on, which offsets of 32 bits are enough for.
const maxRead = 1 << 30

// cues answers which cues stand before a position and how far off. It reads on
// from where it was when asked about a later position of the same neighbourhood.
type cues struct {
	from, pos int            // what has been read: text[from:pos]
	limit     int            // how far back the present question looks
	seen      cue            // what end is valid for
	state     state          // of the automaton
	end       [lastCue]int32 // by bit: offset after the last occurrence, from from on
	lanes     lanes          // of the last window that was read in lanes
}

// within reports whether any of the cues ends at most n bytes before the candidate.
func (c *cues) within(n int, set cue) bool { return c.nearest(set) <= n }

// nearest returns the smallest distance of the cues, far when there is none.
func (c *cues) nearest(set cue) int {
	if set &= c.seen; set == 0 {
		return far
	}
	return c.distance(set)
}

// distance is nearest for cues that have been seen.
//
//go:noinline
func (c *cues) distance(set cue) int {
	last := int32(0)
	for ; set != 0; set &= set - 1 {
		last = max(last, c.end[bits.TrailingZeros64(uint64(set))])
	}
	if d := c.pos - c.from - int(last); d <= c.limit {
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

// Symbols of bytes beyond the alphabet, for the automaton.
const (
	symSkip  = symbols + iota // the first byte of U+00C0 to U+00FF: the second says which letter
	symOther                  // the first byte of another character, which ends the word
)

// symbolOf maps a byte to its symbol. The second byte of a letter beyond ASCII
// has the letter's.
var symbolOf = func() (t [256]uint8) {
	t = folded
	for c := 0x80; c < 0x100; c++ {
		switch {
		case c < 0xC0:
			t[c] = latin1[c&0x3F]
		case c == 0xC3:
			t[c] = symSkip
		default:
			t[c] = symOther
		}
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

// automaton is the compiled lexicon: rows of transitions, one row a state, in
// order of depth, which keeps the few that are visited most together, but those
// where cues end behind all others.
type automaton struct {
	next  []uint16 // by row and symbol, the next state; more than any state at symOther
	start state    // after the end of a word
	first state    // where cues end: this state and all behind it
	hits  []cue    // by number of the state from first on: the cues that end there
}

// state is a state of the automaton: its number eightfold, so that four times
// the state is where its row begins. A row of 32 symbols takes one line of the
// processor's cache, of which a window visits as many as it has bytes.
type state = uint32

const (
	stateShift = 3
	rowStates  = 4         // times the state: the offset of its row
	trap       = 1<<16 - 1 // the entry at symOther: no state
	maxStates  = 1 << (16 - stateShift)
)

// newAutomaton compiles the lexicon. A space in a word means the end of a word.
func newAutomaton(lexicon map[cue]string) *automaton {
	type node struct {
		next [symbols]uint16
		fail uint16
		ends cue
		word bool // the last symbol is the end of a word: what is between words changes nothing
	}
	nodes := make([]node, 1, 8192)
	for k, words := range lexicon {
		for _, w := range splitWords(words) {
			s := uint16(0)
			for i := 0; i < len(w); i++ {
				sym := folded[w[i]]
				if nodes[s].next[sym] == 0 {
					nodes = append(nodes, node{word: sym == 0})
					nodes[s].next[sym] = uint16(len(nodes) - 1)
				}
				s = nodes[s].next[sym]
			}
			nodes[s].ends |= k
		}
	}
	queue := make([]uint16, 1, len(nodes)) // by depth, the root first
	for at := 0; at < len(queue); at++ {
		s := &nodes[queue[at]]
		fail := &nodes[s.fail]
		if at > 0 {
			s.ends |= fail.ends
		}
		for sym := range symbols {
			n := s.next[sym]
			switch {
			case n == 0:
				s.next[sym] = fail.next[sym]
				continue
			case at > 0:
				nodes[n].fail = fail.next[sym]
			}
			queue = append(queue, n)
		}
	}
	if len(nodes) > maxStates {
		panic("scan: the lexicon has too many words for the states of its automaton")
	}
	// Stable: of each sort by depth.
	slices.SortStableFunc(queue, func(a, b uint16) int { return b2i(nodes[a].ends != 0) - b2i(nodes[b].ends != 0) })
	number := make([]uint16, len(nodes))
	for i, s := range queue {
		number[s] = uint16(i << stateShift)
	}
	const row = rowStates << stateShift
	a := &automaton{next: make([]uint16, len(nodes)*row)}
	for i, s := range queue {
		row := a.next[i*row:]
		for sym, to := range nodes[s].next {
			row[sym] = number[to]
		}
		row[symSkip] = number[s]
		row[symOther] = trap
		if nodes[s].word {
			row[0] = number[s]
		}
		if nodes[s].ends != 0 {
			a.hits = append(a.hits, nodes[s].ends)
		}
	}
	a.start = state(number[nodes[0].next[0]])
	a.first = state((len(nodes) - len(a.hits)) << stateShift)
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
	want := max(0, pos-window)
	switch {
	case c.pos > pos || c.from > want || c.pos < want || want-c.from > maxRead:
		c.from, c.seen = want, 0
		c.state = a.readAnew(c, t[:pos], want)
	case c.pos == pos:
		return
	default:
		c.state = a.readOn(c, c.state, t[:pos], c.pos)
	}
	c.pos = pos
	// A candidate is no letter: it ends the word.
	if to := a.step(c.state, 0); to >= a.first && to != c.state {
		c.found(a, to, pos)
	}
}

// readAnew reads t from t[i] on, or from behind the word in which that stands.
func (a *automaton) readAnew(c *cues, t string, i int) state {
	if n := len(t) - i; vectors && n >= laneLeast {
		if s, ok := a.readLanes(c, t, n); ok {
			return s
		}
		c.seen = 0
	}
	return a.readPlain(c, t, i)
}

// readPlain is readAnew byte by byte.
func (a *automaton) readPlain(c *cues, t string, i int) state {
	for i < len(t) && t[i]&0xC0 == 0x80 {
		i++
	}
	if i > 0 && folded[t[i-1]] != 0 { // the window opens inside a word: let it pass
		for i < len(t) && folded[t[i]] != 0 {
			i++
		}
	}
	return a.readOn(c, a.start, t, i)
}

// readOn reads t from t[i] on.
func (a *automaton) readOn(c *cues, s state, t string, i int) state {
	if split := wordEnd(t, i, len(t)); split >= 0 {
		return a.runBoth(c, s, t, i, split)
	}
	return a.run(c, s, t, i)
}

// step returns the entry for a symbol after a state.
func (a *automaton) step(s state, sym uint8) state { return state(a.next[s*rowStates+uint32(sym)]) }

// wordEnd returns the first place that ends a word in the second half of
// t[i:pos], -1 when it is not worth the trouble to read the halves side by side.
func wordEnd(t string, i, pos int) int {
	if pos-i < 24 {
		return -1
	}
	for i += (pos - i) / 2; i < pos-8; i++ {
		if symbolOf[t[i]] == 0 && t[i] < 0x80 {
			return i
		}
	}
	return -1
}

// plain reads t from s on for as long as there is nothing to note: it returns how
// many bytes that were, and the state after them. A function of its own, like
// plainBoth, so that all it needs stays in registers.
//
//go:noinline
func plain(next []uint16, t string, s, first state) (n int, after state) {
	for n = 0; n < len(t); n++ {
		to := state(next[s*rowStates+uint32(symbolOf[t[n]])])
		if to >= first {
			break
		}
		s = to
	}
	return n, s
}

// plainBoth is plain for two texts of one length side by side.
//
//go:noinline
func plainBoth(next []uint16, t, u string, s, r, first state) (n int, x, y state) {
	u = u[:len(t)]
	for n = 0; n < len(t); n++ {
		to, then := state(next[s*rowStates+uint32(symbolOf[t[n]])]), state(next[r*rowStates+uint32(symbolOf[u[n]])])
		if max(to, then) >= first {
			break
		}
		s, r = to, then
	}
	return n, s, r
}

// run reads t from i on and returns the state after it.
func (a *automaton) run(c *cues, s state, t string, i int) state {
	for {
		n, after := plain(a.next, t[i:], s, a.first)
		if i += n; i >= len(t) {
			return after
		}
		s, i = a.note(c, t, i, after)
	}
}

// runBoth is run, which waits for each byte's state before it can look up the
// next, in two halves side by side: the second begins behind the end of a word
// at t[split], as if nothing came before.
func (a *automaton) runBoth(c *cues, first state, t string, i, split int) state {
	second, j := a.start, split+1
	for {
		k := min(split+1-i, len(t)-j)
		n, s, r := plainBoth(a.next, t[i:i+k], t[j:j+k], first, second, a.first)
		first, second = s, r
		i += n
		j += n
		if n == k {
			break
		}
		first, i = a.one(c, t, i, first)
		second, j = a.one(c, t, j, second)
		if i > split || j >= len(t) {
			break
		}
	}
	first = a.run(c, first, t[:split+1], i)
	second = a.run(c, second, t, j)
	if last, whole := a.across(c, first, t, split+1); whole {
		return last
	}
	return second
}

// across reads on from t[i], where another reading has begun as if nothing came
// before, until nothing of what did is left to go on from. It returns the state
// after t and true when that is not before its end.
func (a *automaton) across(c *cues, s state, t string, i int) (last state, whole bool) {
	for fresh := a.start; s != fresh; {
		if i >= len(t) {
			return s, true
		}
		if sym := symbolOf[t[i]]; sym == symOther {
			fresh = a.step(fresh, 0)
		} else {
			fresh = a.step(fresh, sym)
		}
		s, i = a.one(c, t, i, s)
	}
	return 0, false
}

// one takes the step by t[i] and returns the state and where to go on.
func (a *automaton) one(c *cues, t string, i int, s state) (state, int) {
	if to := a.step(s, symbolOf[t[i]]); to < a.first {
		return to, i + 1
	}
	return a.note(c, t, i, s)
}

// note is one for a step to a state where cues end or at a character of another
// alphabet: it notes the cues that did not end at the byte before, and passes over
// the bytes that the character goes on with, which ends the word.
//
//go:noinline
func (a *automaton) note(c *cues, t string, i int, s state) (state, int) {
	sym := symbolOf[t[i]]
	to, end, next := a.step(s, sym), i+b2i(sym != 0), i+1
	if sym == symOther {
		_, size := foldAt(t, i)
		to, end, next = a.step(s, 0), i, i+size
	}
	if to >= a.first && (to != s || sym-1 < symbols-1) {
		c.found(a, to, end)
	}
	return to, next
}

// found notes the cues that end with the transition to a state, at offset end.
func (c *cues) found(a *automaton, to state, end int) {
	last := int32(end - c.from)
	for set := a.hits[(to-a.first)>>stateShift]; set != 0; set &= set - 1 {
		k := bits.TrailingZeros64(uint64(set))
		if c.seen>>k&1 == 0 || c.end[k] < last {
			c.end[k] = last
		}
		c.seen |= 1 << k
	}
}
