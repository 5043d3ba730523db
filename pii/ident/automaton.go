package ident

// automaton finds all keys in one reading of the text (Aho and Corasick 1975).
// Transitions are kept sparse: keys are few and their characters any bytes.
type automaton struct {
	next []map[byte]int32
	fail []int32
	out  []int32 // the nearest state on the way of failure where keys end, 0 for none
	ends [][]int // keys that end in the state itself
	root [256]int32
}

func (a *automaton) add(symbols string, key int) {
	if a.next == nil {
		a.grow()
	}
	s := int32(0)
	for i := 0; i < len(symbols); i++ {
		n, ok := a.next[s][symbols[i]]
		if !ok {
			n = a.grow()
			if a.next[s] == nil {
				a.next[s] = map[byte]int32{}
			}
			a.next[s][symbols[i]] = n
		}
		s = n
	}
	a.ends[s] = append(a.ends[s], key)
}

func (a *automaton) grow() int32 {
	a.next = append(a.next, nil)
	a.fail = append(a.fail, 0)
	a.out = append(a.out, 0)
	a.ends = append(a.ends, nil)
	return int32(len(a.next) - 1)
}

func (a *automaton) build() {
	if a.next == nil {
		return
	}
	var queue []int32
	for c, n := range a.next[0] {
		a.root[c] = n
		queue = append(queue, n)
	}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		if f := a.fail[s]; len(a.ends[f]) > 0 {
			a.out[s] = f
		} else {
			a.out[s] = a.out[f]
		}
		for c, n := range a.next[s] {
			a.fail[n] = a.step(a.fail[s], c)
			queue = append(queue, n)
		}
	}
}

func (a *automaton) step(s int32, c byte) int32 {
	for s != 0 {
		if n, ok := a.next[s][c]; ok {
			return n
		}
		s = a.fail[s]
	}
	return a.root[c]
}
