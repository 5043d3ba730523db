package table

import (
	"cmp"
	"errors"
	"math"
	"slices"
)

// Search says what Optimum looks for.
type Search struct {
	Models []Model
	Limit  float64 // share of the rows that may be suppressed, from 0 to 1
	Cost   Cost    // nil is Entropy
	// Most is the largest lattice that is searched for the optimum; a larger one
	// is climbed greedily, and Result.Exact tells; with a model other than
	// KAnonymity and DistinctDiversity that may miss what could be reached.
	// 0 means 4,194,304 nodes.
	Most int
}

const mostNodes = 1 << 22

// Result is the node found.
type Result struct {
	*Partition
	Cost    float64
	Exact   bool // no other node costs less
	Nodes   int  // size of the lattice
	Checked int  // nodes whose classes were formed
}

// Optimum returns the node of least cost that satisfies every model with no
// more than the limit of rows suppressed. Of nodes that cost the same it takes
// the one with the fewest levels climbed, then the one whose first columns are
// finest. ErrUnreachable when there is none.
//
// Nodes are tried in the order of a lower bound of their cost, so that most are
// never tried. What the models demand at least is monotone: where it fails it
// fails for all finer nodes and where it holds it holds for all coarser ones, so
// that an upward path is searched by halves (the idea of the Flash algorithm;
// Kohlmayer and others, 2012). With a monotone cost, what is coarser than a node
// found, or than one that is too dear, is left out as well.
func (t *Table) Optimum(s Search) (Result, error) {
	if s.Cost == nil {
		s.Cost = Entropy{}
	}
	if s.Limit < 0 || s.Limit > 1 || math.IsNaN(s.Limit) {
		return Result{}, errors.New("table: the limit of suppression is no share")
	}
	if len(s.Models) == 0 {
		return Result{}, errors.New("table: no model to satisfy")
	}
	for _, m := range s.Models {
		if err := m.check(t); err != nil {
			return Result{}, err
		}
	}
	l := &lattice{t: t, s: s, allowed: int(math.Floor(s.Limit*float64(t.rows) + slack))}
	for _, m := range s.Models {
		if n := m.necessary(); l.allowed == 0 {
			l.least = append(l.least, m) // then every model is monotone
		} else if n != nil {
			l.least = append(l.least, n)
			l.more = l.more || n != m
		} else {
			l.more = true
		}
	}
	if s.Most == 0 {
		s.Most = mostNodes
	}
	if n := t.Nodes(); n > s.Most {
		return l.greedy(n)
	}
	return l.search()
}

// lattice is one search. A node is known by its number in mixed radix, the
// first column most significant.
type lattice struct {
	t       *Table
	s       Search
	allowed int     // rows that may be suppressed
	least   []Model // monotone: what the models demand at least
	more    bool    // the models demand more than that
	g       grouper
	step    []int   // what one level up in a column adds to the number
	state   []state // by least
	dear    []bool  // costs no less than the best
	checked int
	queue   []int
}

type state uint8

const (
	unknown state = iota
	fails
	satisfies
)

func (l *lattice) node(id int) Node {
	n := make(Node, len(l.step))
	for i, s := range l.step {
		n[i] = id / s % len(l.t.attrs[i].levels)
	}
	return n
}

func (l *lattice) level(id, column int) int {
	return id / l.step[column] % len(l.t.attrs[column].levels)
}

func (l *lattice) search() (Result, error) {
	nodes := l.t.Nodes()
	l.step, l.state, l.dear = make([]int, len(l.t.attrs)), make([]state, nodes), make([]bool, nodes)
	for i, s := len(l.step)-1, 1; i >= 0; i-- {
		l.step[i] = s
		s *= len(l.t.attrs[i].levels)
	}
	bounds, heights, order := make([]float64, nodes), make([]int, nodes), make([]int, nodes)
	for id := range nodes {
		n := l.node(id)
		bounds[id], order[id] = l.s.Cost.bound(l.t, n), id
		for _, h := range n {
			heights[id] += h
		}
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(bounds[a], bounds[b]), cmp.Compare(heights[a], heights[b]), cmp.Compare(a, b))
	})
	var best *Partition
	bestID, bestCost := 0, math.Inf(1)
	for _, id := range order {
		if best != nil && (bounds[id] > bestCost || l.s.Cost.exact()) {
			break
		}
		if l.dear[id] {
			continue
		}
		p := l.settle(id)
		if l.state[id] != satisfies {
			continue
		}
		if p == nil || l.more {
			p = l.partition(id, l.s.Models)
		}
		cost := l.s.Cost.of(p)
		if l.verdict(p) == satisfies && (cost < bestCost || cost == bestCost && cmp.Or(cmp.Compare(heights[id], heights[bestID]), cmp.Compare(id, bestID)) < 0) {
			p.of = slices.Clone(p.of)
			best, bestID, bestCost = p, id, cost
		}
		if best != nil && cost >= bestCost && l.s.Cost.monotone() {
			l.spread(id, func(to int) bool { was := l.dear[to]; l.dear[to] = true; return !was }, 1)
		}
	}
	if best == nil {
		return Result{Nodes: nodes, Checked: l.checked}, ErrUnreachable
	}
	return Result{Partition: best, Cost: bestCost, Exact: true, Nodes: nodes, Checked: l.checked}, nil
}

func (l *lattice) partition(id int, models []Model) *Partition {
	l.checked++
	return l.t.partition(&l.g, l.node(id), models)
}

// settle finds whether a node gives what the models demand at least. It returns
// the node's partition by that when it was the last to be formed.
func (l *lattice) settle(id int) *Partition {
	if l.state[id] != unknown {
		return nil
	}
	if len(l.least) == 0 {
		l.state[id] = satisfies
		return nil
	}
	path := l.path(id)
	low, high := 0, len(path) // path[:low] fails, path[high:] satisfies
	for low < high {
		mid := (low + high) / 2
		p := l.partition(path[mid], l.least)
		v := l.verdict(p)
		up := 1
		if v == fails {
			up = -1
		}
		l.spread(path[mid], func(to int) bool {
			if l.state[to] != unknown {
				return false
			}
			l.state[to] = v
			return true
		}, up)
		if v == fails {
			low = mid + 1
		} else if high = mid; mid == 0 {
			return p
		}
	}
	return nil
}

func (l *lattice) verdict(p *Partition) state {
	if p.suppressed <= l.allowed {
		return satisfies
	}
	return fails
}

// path climbs from a node through ones that are unknown. A step goes to the
// column where the fewest bits are lost, so that the path stays among the cheap.
func (l *lattice) path(id int) []int {
	path := []int{id}
	for {
		next, least := -1, math.Inf(1)
		for c, step := range l.step {
			a := l.t.attrs[c]
			h := l.level(id, c)
			if h+1 < len(a.levels) && l.state[id+step] == unknown {
				if lost := a.weight * (a.bits[h+1] - a.bits[h]); lost < least {
					next, least = id+step, lost
				}
			}
		}
		if next < 0 {
			return path
		}
		path, id = append(path, next), next
	}
}

// spread marks a node and all coarser ones (up is 1) or finer ones (up is -1).
// mark reports false for a node that was marked, and so were those beyond it.
func (l *lattice) spread(id int, mark func(id int) bool, up int) {
	mark(id)
	l.queue = append(l.queue[:0], id)
	for len(l.queue) > 0 {
		id := l.queue[len(l.queue)-1]
		l.queue = l.queue[:len(l.queue)-1]
		for c, step := range l.step {
			if h := l.level(id, c) + up; h < 0 || h >= len(l.t.attrs[c].levels) {
				continue
			}
			if to := id + up*step; mark(to) {
				l.queue = append(l.queue, to)
			}
		}
	}
}

// greedy climbs from the bottom, each time by the column that rescues most rows
// for what it costs, and then comes down again where nothing is gained.
func (l *lattice) greedy(nodes int) (Result, error) {
	form := func(n Node) *Partition {
		l.checked++
		return l.t.partition(&l.g, n, l.s.Models)
	}
	n := l.t.Bottom()
	p := form(n)
	for l.verdict(p) != satisfies {
		column, most := -1, math.Inf(-1)
		for c, a := range l.t.attrs {
			if n[c]+1 == len(a.levels) {
				continue
			}
			n[c]++
			gain := float64(p.suppressed-form(n).suppressed) / (1 + a.weight*(a.bits[n[c]]-a.bits[n[c]-1]))
			n[c]--
			if gain > most {
				column, most = c, gain
			}
		}
		if column < 0 {
			return Result{Nodes: nodes, Checked: l.checked}, ErrUnreachable
		}
		n[column]++
		p = form(n)
	}
	for again := true; again; {
		again = false
		for c := range l.t.attrs {
			for n[c] > 0 {
				n[c]--
				if l.verdict(form(n)) != satisfies {
					n[c]++
					break
				}
				again = true
			}
		}
	}
	p = form(n)
	p.of = slices.Clone(p.of)
	return Result{Partition: p, Cost: l.s.Cost.of(p), Nodes: nodes, Checked: l.checked}, nil
}
