package table

import (
	"fmt"
	"math"
	"slices"
)

// Partition is a table's rows in equivalence classes as one node shows them.
// Classes that fail a model are suppressed: they count in Suppressed, and the
// figures of what is kept leave them out.
type Partition struct {
	t          *Table
	node       Node
	of         []int32 // distinct row to class
	size       []int32
	kept       []bool
	suppressed int
	members    []int32 // distinct rows by class; built when first needed
	start      []int32
}

// Partition returns the classes that node n gives, with those suppressed that
// fail any of the models.
func (t *Table) Partition(n Node, models ...Model) (*Partition, error) {
	if !t.valid(n) {
		return nil, fmt.Errorf("table: %v is no node of the lattice", []int(n))
	}
	for _, m := range models {
		if err := m.check(t); err != nil {
			return nil, err
		}
	}
	var g grouper
	p := t.partition(&g, n, models)
	p.of = slices.Clone(p.of)
	return p, nil
}

// partition is Partition on checked arguments; the result shares g's memory.
func (t *Table) partition(g *grouper, n Node, models []Model) *Partition {
	p := &Partition{t: t, node: slices.Clone(n)}
	parts := make([]part, len(t.attrs))
	for i, a := range t.attrs {
		parts[i] = part{a.col, a.up[n[i]], len(a.labels[n[i]])}
	}
	count := g.group(len(t.weight), parts)
	p.of = g.ids[:len(t.weight)]
	p.size = make([]int32, count)
	for tuple, c := range p.of {
		p.size[c] += t.weight[tuple]
	}
	p.kept = make([]bool, count)
	for c := range p.kept {
		p.kept[c] = true
	}
	for _, m := range models {
		m.judge(p)
	}
	for c, k := range p.kept {
		if !k {
			p.suppressed += int(p.size[c])
		}
	}
	return p
}

// Node returns the node.
func (p *Partition) Node() Node { return slices.Clone(p.node) }

// Suppressed returns how many rows are suppressed.
func (p *Partition) Suppressed() int { return p.suppressed }

// Kept returns how many rows are not suppressed.
func (p *Partition) Kept() int { return p.t.rows - p.suppressed }

// Classes returns how many classes are kept.
func (p *Partition) Classes() int {
	n := 0
	for _, k := range p.kept {
		if k {
			n++
		}
	}
	return n
}

// Sizes returns the sizes of the kept classes, smallest first.
func (p *Partition) Sizes() []int {
	var out []int
	for c, k := range p.kept {
		if k {
			out = append(out, int(p.size[c]))
		}
	}
	slices.Sort(out)
	return out
}

// K returns the size of the smallest kept class, 0 when none is kept.
func (p *Partition) K() int {
	k := int32(0)
	for c, kept := range p.kept {
		if kept && (k == 0 || p.size[c] < k) {
			k = p.size[c]
		}
	}
	return int(k)
}

// Class returns the class of row r (from 0) and whether it is kept.
func (p *Partition) Class(r int) (class int, kept bool) {
	c := p.of[p.t.tuple[r]]
	return int(c), p.kept[c]
}

// each calls do with the counts of sensitive column s in every kept class. The
// counts are valid during the call.
func (p *Partition) each(s int, do func(class int, counts []int32)) {
	if p.start == nil {
		p.start = make([]int32, len(p.size)+1)
		for _, c := range p.of {
			p.start[c+1]++
		}
		for c := range p.size {
			p.start[c+1] += p.start[c]
		}
		next := slices.Clone(p.start)
		p.members = make([]int32, len(p.of))
		for tuple, c := range p.of {
			p.members[next[c]] = int32(tuple)
			next[c]++
		}
	}
	col := p.t.sensitive[s].col
	counts := make([]int32, len(p.t.sensitive[s].labels))
	for c := range p.size {
		if !p.kept[c] {
			continue
		}
		members := p.members[p.start[c]:p.start[c+1]]
		for _, m := range members {
			counts[col[m]] += p.t.weight[m]
		}
		do(c, counts)
		for _, m := range members {
			counts[col[m]] = 0
		}
	}
}

// Diversity is what the kept classes let a reader infer of a sensitive column
// (AN5; Machanavajjhala and others, l-Diversity, 2007).
type Diversity struct {
	Distinct int     // fewest different values in a class: distinct l-diversity
	Entropy  float64 // lowest exp(entropy) of a class: entropy l-diversity
	Certain  int     // rows in classes where everybody has the same value
}

// Diversity measures a sensitive column. It is zero when no class is kept.
func (p *Partition) Diversity(name string) (Diversity, error) {
	s, err := p.t.sensitiveColumn(name)
	if err != nil {
		return Diversity{}, err
	}
	var d Diversity
	p.each(s, func(c int, counts []int32) {
		distinct, entropy := distinct(counts), math.Exp(entropy(counts, p.size[c]))
		if d.Distinct == 0 || distinct < d.Distinct {
			d.Distinct = distinct
		}
		if d.Entropy == 0 || entropy < d.Entropy {
			d.Entropy = entropy
		}
		if distinct == 1 {
			d.Certain += int(p.size[c])
		}
	})
	return d, nil
}

// Closeness returns the largest distance between a sensitive column's
// distribution in a kept class and in the whole table, from 0 to 1: the
// smallest t for which the table has t-closeness.
func (p *Partition) Closeness(name string, d Distance) (float64, error) {
	s, err := p.t.sensitiveColumn(name)
	if err != nil {
		return 0, err
	}
	measure, err := d.over(p.t.sensitive[s])
	if err != nil {
		return 0, err
	}
	most := 0.0
	p.each(s, func(c int, counts []int32) { most = max(most, measure(counts, p.size[c])) })
	return most, nil
}

func distinct(counts []int32) (n int) {
	for _, c := range counts {
		if c > 0 {
			n++
		}
	}
	return n
}

// entropy is in nats.
func entropy(counts []int32, size int32) (h float64) {
	for _, c := range counts {
		if c > 0 {
			q := float64(c) / float64(size)
			h -= q * math.Log(q)
		}
	}
	return h
}
