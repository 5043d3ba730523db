package table

import "math"

// Cost measures what a partition has lost: Entropy, Discernibility or Height.
type Cost interface {
	of(p *Partition) float64
	// bound is cheap, never more than the cost of n or of any generalisation
	// of n, and never falls with generalisation.
	bound(t *Table, n Node) float64
	// exact reports that the cost is its bound.
	exact() bool
	// monotone reports that the cost never falls with generalisation.
	monotone() bool
}

// Entropy is the non-uniform entropy (Gionis and Tassa, 2009): the bits lost by
// knowing of each row the label in place of the value, summed over rows and
// columns, each column by its weight.
type Entropy struct {
	// Suppressed counts in what the suppressed rows lose besides: the bits of
	// their labels among themselves. Without it the cost grows with every
	// generalisation, as the search of large lattices likes.
	Suppressed bool
	// Normalised counts each column's bits as a share of what it has to lose,
	// so that a column of many values is not dearer than one of few.
	Normalised bool
}

func (c Entropy) bound(t *Table, n Node) (sum float64) {
	for i, a := range t.attrs {
		sum += c.weight(a) * a.bits[n[i]]
	}
	return sum
}

// weight is what one bit of a column costs.
func (c Entropy) weight(a attribute) float64 {
	if whole := a.bits[len(a.bits)-1]; c.Normalised && whole > 0 {
		return a.weight / whole
	}
	return a.weight
}

func (c Entropy) exact() bool    { return !c.Suppressed }
func (c Entropy) monotone() bool { return !c.Suppressed }

func (c Entropy) of(p *Partition) float64 {
	sum := c.bound(p.t, p.node)
	if !c.Suppressed || p.suppressed == 0 {
		return sum
	}
	for i, a := range p.t.attrs {
		l := p.node[i]
		counts := make([]int32, len(a.labels[l]))
		for tuple, class := range p.of {
			if !p.kept[class] {
				counts[a.up[l][a.col[tuple]]] += p.t.weight[tuple]
			}
		}
		for _, n := range counts {
			if n > 0 {
				sum -= c.weight(a) * float64(n) * math.Log2(float64(n)/float64(p.suppressed))
			}
		}
	}
	return sum
}

// lostBits returns the bits that all rows lose at each level of a column.
func lostBits(a attribute, weight []int32) []float64 {
	rows := make([]float64, len(a.labels[0]))
	for tuple, v := range a.col {
		rows[v] += float64(weight[tuple])
	}
	out := make([]float64, len(a.levels))
	for l, up := range a.up {
		label := make([]float64, len(a.labels[l]))
		for v, n := range rows {
			label[up[v]] += n
		}
		for v, n := range rows {
			out[l] -= n * math.Log2(n/label[up[v]])
		}
		out[l] = max(0, out[l])
	}
	return out
}

// Discernibility sums for each row how many rows it cannot be told from
// (Bayardo and Agrawal, 2005).
type Discernibility struct {
	// Suppressed counts a suppressed row as alike to every row of the table.
	// Without it a suppressed class counts as a kept one does, which makes the
	// cost grow with every generalisation (DM*; El Emam and others, 2009).
	Suppressed bool
}

func (c Discernibility) bound(*Table, Node) float64 { return 0 }
func (c Discernibility) exact() bool                { return false }
func (c Discernibility) monotone() bool             { return !c.Suppressed }

func (c Discernibility) of(p *Partition) (sum float64) {
	for class, n := range p.size {
		if c.Suppressed && !p.kept[class] {
			sum += float64(n) * float64(p.t.rows)
		} else {
			sum += float64(n) * float64(n)
		}
	}
	return sum
}

// Height is one minus Sweeney's precision (2002): the mean over the columns of
// how much of its hierarchy each has climbed, by weight. It looks at no row.
type Height struct{}

func (Height) bound(t *Table, n Node) float64 {
	sum, of := 0.0, 0.0
	for i, a := range t.attrs {
		of += a.weight
		if top := len(a.levels) - 1; top > 0 {
			sum += a.weight * float64(n[i]) / float64(top)
		}
	}
	if of == 0 {
		return 0
	}
	return sum / of
}

func (Height) exact() bool               { return true }
func (Height) monotone() bool            { return true }
func (c Height) of(p *Partition) float64 { return c.bound(p.t, p.node) }
