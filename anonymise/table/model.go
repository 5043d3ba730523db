package table

import (
	"errors"
	"fmt"
	"math"
)

// Model is what every kept class must satisfy: KAnonymity, DistinctDiversity,
// EntropyDiversity or Closeness.
type Model interface {
	check(t *Table) error
	// judge marks the classes that fail as not kept.
	judge(p *Partition)
	// necessary returns a monotone model that every class satisfies which
	// satisfies this one, itself if it is monotone; nil when there is none.
	// Monotone means that a class which satisfies it still does after taking in
	// any other, so that generalising never suppresses more rows. Without
	// suppression all models are monotone: the union of two classes that
	// satisfy one does too.
	necessary() Model
}

// KAnonymity demands K rows in every class (Samarati and Sweeney, 1998;
// REQUIREMENTS AN4).
type KAnonymity struct{ K int }

func (m KAnonymity) check(*Table) error {
	if m.K < 1 {
		return errors.New("table: k is less than 1")
	}
	return nil
}

func (m KAnonymity) necessary() Model { return m }

func (m KAnonymity) judge(p *Partition) {
	for c, n := range p.size {
		if int(n) < m.K {
			p.kept[c] = false
		}
	}
}

// DistinctDiversity demands L different values of a sensitive column in every
// class (Machanavajjhala and others, 2007).
type DistinctDiversity struct {
	Column string
	L      int
}

func (m DistinctDiversity) check(t *Table) error { _, err := t.sensitiveColumn(m.Column); return err }
func (m DistinctDiversity) necessary() Model     { return m }

func (m DistinctDiversity) judge(p *Partition) {
	s, _ := p.t.sensitiveColumn(m.Column) // known since check
	p.each(s, func(c int, counts []int32) {
		if distinct(counts) < m.L {
			p.kept[c] = false
		}
	})
}

// slack lets a class pass that meets a bound but for the rounding of sums.
const slack = 1e-9

// EntropyDiversity demands that the entropy of a sensitive column is at least
// log L in every class (Machanavajjhala and others, 2007).
type EntropyDiversity struct {
	Column string
	L      float64
}

func (m EntropyDiversity) check(t *Table) error { _, err := t.sensitiveColumn(m.Column); return err }

// A class of high entropy may lose it by taking in one that was suppressed, but
// not the number of values that the entropy needs.
func (m EntropyDiversity) necessary() Model {
	return DistinctDiversity{m.Column, int(math.Ceil(m.L - slack))}
}

func (m EntropyDiversity) judge(p *Partition) {
	s, _ := p.t.sensitiveColumn(m.Column)
	least := math.Log(m.L) - slack
	p.each(s, func(c int, counts []int32) {
		if entropy(counts, p.size[c]) < least {
			p.kept[c] = false
		}
	})
}

// Closeness demands that the distribution of a sensitive column in every class
// is at most T from that of the whole table (Li and others, t-Closeness, 2007).
type Closeness struct {
	Column   string
	T        float64
	Distance Distance
}

func (m Closeness) check(t *Table) error {
	s, err := t.sensitiveColumn(m.Column)
	if err != nil {
		return err
	}
	_, err = m.Distance.over(t.sensitive[s])
	return err
}

func (m Closeness) necessary() Model { return nil }

func (m Closeness) judge(p *Partition) {
	s, _ := p.t.sensitiveColumn(m.Column)
	measure, _ := m.Distance.over(p.t.sensitive[s])
	p.each(s, func(c int, counts []int32) {
		if measure(counts, p.size[c]) > m.T+slack {
			p.kept[c] = false
		}
	})
}

// Distance is the ground distance of the earth mover's distance between two
// distributions of a column. The zero Distance is Equal.
type Distance struct {
	order []string
	tree  *Hierarchy
}

// Equal holds all values equally far from each other.
func Equal() Distance { return Distance{} }

// Ordered holds values as far from each other as their places in order, which
// names every value of the column's domain once.
func Ordered(order ...string) Distance { return Distance{order: order} }

// Hierarchical holds values as far from each other as the level at which h
// makes them one.
func Hierarchical(h *Hierarchy) Distance { return Distance{tree: h} }

// over returns the distance, from 0 to 1, of a class's counts from those of
// the whole column (Li and others, 2007, section 5).
func (d Distance) over(s sensitive) (func(counts []int32, size int32) float64, error) {
	rows := 0.0
	for _, n := range s.total {
		rows += float64(n)
	}
	extra := func(counts []int32, size int32, v int) float64 {
		return float64(counts[v])/float64(size) - float64(s.total[v])/rows
	}
	switch {
	case d.tree != nil:
		return d.overTree(s, extra)
	case d.order != nil:
		return d.overOrder(s, extra)
	}
	return func(counts []int32, size int32) (sum float64) {
		for v := range counts {
			sum += max(0, extra(counts, size, v))
		}
		return sum
	}, nil
}

type surplus func(counts []int32, size int32, value int) float64

func (d Distance) overOrder(s sensitive, extra surplus) (func([]int32, int32) float64, error) {
	place := map[string]int{}
	for i, label := range d.order {
		place[label] = i
	}
	if len(place) != len(d.order) {
		return nil, fmt.Errorf("table: the order of column %q names a value twice", s.name)
	}
	at := make([]int, len(d.order)) // place to value, -1 when no row has it
	for i := range at {
		at[i] = -1
	}
	for v, label := range s.labels {
		i, ok := place[label]
		if !ok {
			return nil, fmt.Errorf("table: the order of column %q lacks a value", s.name)
		}
		at[i] = v
	}
	return func(counts []int32, size int32) (sum float64) {
		if len(at) < 2 {
			return 0
		}
		carried := 0.0
		for _, v := range at {
			if v >= 0 {
				carried += extra(counts, size, v)
			}
			sum += math.Abs(carried)
		}
		return sum / float64(len(at)-1)
	}, nil
}

func (d Distance) overTree(s sensitive, extra surplus) (func([]int32, int32) float64, error) {
	height := len(d.tree.levels) - 1
	// up[l] gives the node at level l+1 that a node at level l belongs to.
	up := make([][]int, height)
	nodes := make([]int, height+1)
	ids := make([]map[string]int, height+1)
	for l := range ids {
		ids[l] = map[string]int{}
	}
	for v, label := range s.labels {
		path, ok := d.tree.paths[label]
		if !ok {
			return nil, fmt.Errorf("table: the hierarchy of column %q lacks a value", s.name)
		}
		below := v
		nodes[0] = len(s.labels)
		for l := 1; l <= height; l++ {
			id, ok := ids[l][path[l]]
			if !ok {
				id = nodes[l]
				ids[l][path[l]] = id
				nodes[l]++
			}
			for len(up[l-1]) <= below {
				up[l-1] = append(up[l-1], id)
			}
			below = id
		}
	}
	if height > 0 && nodes[height] > 1 {
		return nil, fmt.Errorf("table: the hierarchy of column %q has no single top", s.name)
	}
	return func(counts []int32, size int32) (sum float64) {
		now := make([]float64, nodes[0])
		for v := range now {
			now[v] = extra(counts, size, v)
		}
		for l := range height {
			more, less := make([]float64, nodes[l+1]), make([]float64, nodes[l+1])
			for c, x := range now {
				if x > 0 {
					more[up[l][c]] += x
				} else {
					less[up[l][c]] -= x
				}
			}
			now = make([]float64, nodes[l+1])
			for n := range now {
				// What stays below a node is moved within it, at its height.
				sum += float64(l+1) / float64(height) * min(more[n], less[n])
				now[n] = more[n] - less[n]
			}
		}
		return sum
	}, nil
}
