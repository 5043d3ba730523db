package table

import (
	"strconv"
	"strings"
)

// Risk is how likely it is that a kept row is tied to the right person by
// somebody who knows the person's quasi-identifiers (El Emam, Guide to the
// De-Identification of Personal Health Information, 2013, chapter 16).
type Risk struct {
	Rows     int     // rows kept
	Classes  int     // classes kept
	Unique   int     // rows alone in their class: sample uniqueness
	Highest  float64 // of any row
	Average  float64 // over the rows
	AtRisk   int     // rows whose risk is above the threshold
	Marketer float64 // share of the rows that are tied rightly when all are tried
}

// Prosecutor returns the risk from somebody who knows that the person is in
// the table: one by the size of the class. A threshold of 0.2 is k = 5.
func (p *Partition) Prosecutor(threshold float64) Risk {
	return p.risk(threshold, func(c int) int32 { return p.size[c] })
}

// Journalist returns the risk from somebody who only knows that the person is
// in a population from which the table is drawn: one by the size of the
// population's class. The population has the same quasi-identifiers in the same
// order and is taken at the partition's node, all its rows. ErrNotSample when a
// class is larger here than there.
func (p *Partition) Journalist(population *Table, threshold float64) (Risk, error) {
	whole, err := population.Partition(p.node)
	if err != nil {
		return Risk{}, err
	}
	of := map[string]int32{}
	for c, label := range whole.classLabels() {
		of[label] = whole.size[c]
	}
	size := make([]int32, len(p.size))
	for c, label := range p.classLabels() {
		size[c] = of[label]
		if p.kept[c] && size[c] < p.size[c] {
			return Risk{}, ErrNotSample
		}
	}
	return p.risk(threshold, func(c int) int32 { return size[c] }), nil
}

func (p *Partition) risk(threshold float64, size func(class int) int32) Risk {
	var r Risk
	population := 0.0
	for c, n := range p.size {
		if !p.kept[c] {
			continue
		}
		one := 1 / float64(size(c))
		r.Rows += int(n)
		r.Classes++
		population += float64(size(c))
		r.Marketer += float64(n) * one
		r.Highest = max(r.Highest, one)
		if n == 1 {
			r.Unique++
		}
		if one > threshold+slack {
			r.AtRisk += int(n)
		}
	}
	if r.Rows > 0 {
		r.Marketer /= float64(r.Rows)
		// The larger of the two ways an attacker may go about it, from the
		// table to the population or back.
		r.Average = max(r.Marketer, float64(r.Classes)/population)
	}
	return r
}

// classLabels returns the labels of every class as one string each.
func (p *Partition) classLabels() []string {
	out := make([]string, len(p.size))
	done := make([]bool, len(p.size))
	var b strings.Builder
	for tuple, c := range p.of {
		if done[c] {
			continue
		}
		done[c] = true
		b.Reset()
		for i, a := range p.t.attrs {
			label := a.labels[p.node[i]][a.up[p.node[i]][a.col[tuple]]]
			// The length first: no label can then run into the next.
			b.WriteString(strconv.Itoa(len(label)) + ":" + label)
		}
		out[c] = b.String()
	}
	return out
}

// Singling is how much one column has to do with rows being singled out.
type Singling struct {
	Column  string
	Alone   int // rows in classes below k when only this column is known
	Without int // rows in classes below k when all but this column are known
	Small   int // rows in classes below k when all columns are known
}

// Singling tells, column by column, which of them point people out at a node:
// the one without which fewest rows stand in classes of fewer than k is the one
// that does it most.
func (t *Table) Singling(n Node, k int) ([]Singling, error) {
	whole, err := t.Partition(n, KAnonymity{k})
	if err != nil {
		return nil, err
	}
	var out []Singling
	var g grouper
	small := func(with func(column int) bool) int {
		var parts []part
		for i, a := range t.attrs {
			if with(i) {
				parts = append(parts, part{a.col, a.up[n[i]], len(a.labels[n[i]])})
			}
		}
		size := make([]int, g.group(len(t.weight), parts))
		for tuple, c := range g.ids[:len(t.weight)] {
			size[c] += int(t.weight[tuple])
		}
		rows := 0
		for _, s := range size {
			if s < k {
				rows += s
			}
		}
		return rows
	}
	for c, a := range t.attrs {
		out = append(out, Singling{
			Column: a.name, Small: whole.suppressed,
			Alone:   small(func(i int) bool { return i == c }),
			Without: small(func(i int) bool { return i != c }),
		})
	}
	return out, nil
}
