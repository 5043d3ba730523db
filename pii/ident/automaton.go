package ident

// automaton finds all keys in one reading of the text (Aho and Corasick 1975).
// It is a tree of children and siblings in one piece of memory: keys are few,
// and most states have one way on.
type automaton struct {
	states []state
	more   []int32 // by key: the next one that ends in the same state, -1 for none
	root   [256]int32
}

type state struct {
	child, sibling int32
	fail           int32
	out            int32 // the nearest state on the way of failure where keys end, 0 for none
	end            int32 // the last key that ends in the state itself, -1 for none
	c              byte
}

// add adds the next key. Keys are numbered as they come.
func (a *automaton) add(symbols string) {
	if a.states == nil {
		a.expect(0)
	}
	s := int32(0)
	for i := 0; i < len(symbols); i++ {
		c := symbols[i]
		n := a.child(s, c)
		if n == 0 {
			n = int32(len(a.states))
			a.states = append(a.states, state{end: -1, c: c, sibling: a.states[s].child})
			a.states[s].child = n
			if s == 0 {
				a.root[c] = n
			}
		}
		s = n
	}
	a.more = append(a.more, a.states[s].end)
	a.states[s].end = int32(len(a.more) - 1)
}

// expect makes room for about n states.
func (a *automaton) expect(n int) { a.states = append(make([]state, 0, n+1), state{end: -1}) }

// child returns where c leads from s by itself, 0 for nowhere.
func (a *automaton) child(s int32, c byte) int32 {
	if s == 0 {
		return a.root[c]
	}
	for n := a.states[s].child; n != 0; n = a.states[n].sibling {
		if a.states[n].c == c {
			return n
		}
	}
	return 0
}

// build makes it ready, once all keys are added.
func (a *automaton) build() {
	if a.states == nil {
		return
	}
	queue := make([]int32, 1, len(a.states))
	for k := 0; k < len(queue); k++ {
		s := queue[k]
		for n := a.states[s].child; n != 0; n = a.states[n].sibling {
			if s != 0 {
				a.states[n].fail = a.step(a.states[s].fail, a.states[n].c)
			}
			if f := a.states[n].fail; a.states[f].end >= 0 {
				a.states[n].out = f
			} else {
				a.states[n].out = a.states[f].out
			}
			queue = append(queue, n)
		}
	}
}

func (a *automaton) step(s int32, c byte) int32 {
	for s != 0 {
		if n := a.child(s, c); n != 0 {
			return n
		}
		s = a.states[s].fail
	}
	return a.root[c]
}
