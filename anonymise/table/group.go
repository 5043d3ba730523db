package table

import "math/bits"

// part is a column as it takes part in a grouping: a value for each row, and
// the label that stands for the value (nil: itself).
type part struct {
	col  []int32
	up   []int32
	card int // number of labels
}

// grouper numbers the distinct combinations of its parts from 0 in the order
// of their first row. It keeps its memory between calls.
type grouper struct {
	ids    []int32
	keys   []uint64
	direct []int32 // key to id+1, when there are few possible keys
	hkeys  []uint64
	hids   []int32 // slot to id+1
}

// group fills g.ids for n rows and returns how many combinations there are. A
// combination is held as one number in mixed radix; when that would not fit in
// 64 bits, what has been combined so far is numbered densely first.
func (g *grouper) group(n int, parts []part) int {
	if cap(g.keys) < n {
		g.keys, g.ids = make([]uint64, n), make([]int32, n)
	}
	keys := g.keys[:n]
	clear(keys)
	radix := uint64(1)
	for _, p := range parts {
		if p.card < 2 {
			continue
		}
		card := uint64(p.card)
		if hi, _ := bits.Mul64(radix, card); hi != 0 {
			radix = uint64(g.number(n, radix))
			for i, id := range g.ids[:n] {
				keys[i] = uint64(id)
			}
		}
		radix *= card
		if p.up == nil {
			for i, v := range p.col[:n] {
				keys[i] = keys[i]*card + uint64(v)
			}
			continue
		}
		for i, v := range p.col[:n] {
			keys[i] = keys[i]*card + uint64(p.up[v])
		}
	}
	return g.number(n, radix)
}

// number gives equal keys, which are below radix, equal dense ids.
func (g *grouper) number(n int, radix uint64) int {
	count := int32(0)
	if radix <= uint64(4*n+64) {
		if uint64(cap(g.direct)) < radix {
			g.direct = make([]int32, radix)
		}
		seen := g.direct[:radix]
		clear(seen)
		for i, k := range g.keys[:n] {
			if seen[k] == 0 {
				count++
				seen[k] = count
			}
			g.ids[i] = seen[k] - 1
		}
		return int(count)
	}
	size := 1 << bits.Len(uint(2*n))
	if len(g.hids) != size {
		g.hkeys, g.hids = make([]uint64, size), make([]int32, size)
	} else {
		clear(g.hids)
	}
	shift := 64 - bits.Len(uint(size-1))
	for i, k := range g.keys[:n] {
		s := k * 0x9E3779B97F4A7C15 >> shift // Fibonacci hashing: Knuth, TAOCP 3, 6.4
		for g.hids[s] != 0 && g.hkeys[s] != k {
			s = (s + 1) & uint64(size-1)
		}
		if g.hids[s] == 0 {
			count++
			g.hids[s], g.hkeys[s] = count, k
		}
		g.ids[i] = g.hids[s] - 1
	}
	return int(count)
}
