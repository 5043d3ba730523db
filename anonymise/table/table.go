// Package table judges and coarsens tables of records in which no name is left,
// but whose remaining columns together may still point somebody out: a day, a
// queue, a postcode. It answers the checks AN4 (singling out) and AN5
// (inference) of REQUIREMENTS 7.4 and gives the assessment D14 its figures.
//
// The words are the field's. Rows that are alike in every quasi-identifier form
// an equivalence class; a table is k-anonymous when each class has k rows or
// more (Samarati and Sweeney, 1998). A hierarchy says how a value is made
// coarser level by level; a node is one level for every column (full-domain
// generalisation), and the nodes form a lattice. Optimum finds the node that
// keeps most information; Reduce is what the product needs of it: coarser where
// it must be, cell by cell, with the report.
//
// The package is pure and imports the standard library only. It computes on
// values and never puts one in an error or a report.
package table

import (
	"errors"
	"fmt"
	"slices"
)

// Column describes one column of a table.
type Column struct {
	Name string
	// Hierarchy makes values coarser; nil keeps them as they are.
	Hierarchy *Hierarchy
	// Sensitive columns are what a reader would learn of a person (AN5). They
	// stand outside the quasi-identifiers and are never made coarser.
	Sensitive bool
	// Weight says how dear the column's detail is beside the others'; 0 means 1.
	Weight float64
}

// Node is one hierarchy level for each quasi-identifier, in column order: 0 is
// the value itself. A sensitive column has no place in it.
type Node []int

// Table is rows over quasi-identifiers and sensitive columns, each distinct row
// held once. It is safe for concurrent use.
type Table struct {
	attrs     []attribute
	sensitive []sensitive
	rows      int
	tuple     []int32 // row to distinct row
	weight    []int32 // rows that a distinct row stands for
}

type attribute struct {
	name   string
	weight float64
	levels []string   // names
	col    []int32    // distinct row to value
	up     [][]int32  // level to value to label
	labels [][]string // level to label
	bits   []float64  // level to the bits that all rows lose (Entropy)
}

type sensitive struct {
	name   string
	labels []string
	col    []int32
	total  []int32 // label to rows
}

// Errors that callers branch on.
var (
	// ErrUnreachable says that no generalisation satisfies the models.
	ErrUnreachable = errors.New("table: no generalisation satisfies the models")
	// ErrNotSample says that a table is not drawn from the population it was
	// compared with.
	ErrNotSample = errors.New("table: the rows are no sample of the population")
)

// New returns the table of rows, whose values stand in the order of columns. It
// fails when a row is too short or a value is missing in its column's
// hierarchy; the error names the column and the row number.
func New(columns []Column, rows [][]string) (*Table, error) {
	t := &Table{rows: len(rows)}
	cols := make([][]int32, len(columns))
	parts := make([]part, len(columns))
	var values [][]string
	for c, column := range columns {
		ids := map[string]int32{}
		cols[c] = make([]int32, len(rows))
		var distinct []string
		for r, row := range rows {
			if c >= len(row) {
				return nil, fmt.Errorf("table: row %d has no column %q", r+1, column.Name)
			}
			id, ok := ids[row[c]]
			if !ok {
				if column.Hierarchy != nil && !column.Hierarchy.has(row[c]) {
					return nil, fmt.Errorf("table: the hierarchy of column %q lacks the value of row %d", column.Name, r+1)
				}
				id = int32(len(distinct))
				ids[row[c]] = id
				distinct = append(distinct, row[c])
			}
			cols[c][r] = id
		}
		values = append(values, distinct)
		parts[c] = part{col: cols[c], card: len(distinct)}
	}
	var g grouper
	n := g.group(len(rows), parts)
	t.tuple = slices.Clone(g.ids[:len(rows)])
	t.weight = make([]int32, n)
	first := make([]int, n)
	for r, id := range t.tuple {
		if t.weight[id] == 0 {
			first[id] = r
		}
		t.weight[id]++
	}
	for c, column := range columns {
		col := make([]int32, n)
		for id, r := range first {
			col[id] = cols[c][r]
		}
		if column.Sensitive {
			s := sensitive{name: column.Name, labels: values[c], col: col, total: make([]int32, len(values[c]))}
			for id, v := range col {
				s.total[v] += t.weight[id]
			}
			t.sensitive = append(t.sensitive, s)
			continue
		}
		t.attrs = append(t.attrs, newAttribute(column, values[c], col, t.weight))
	}
	return t, nil
}

func newAttribute(column Column, values []string, col, weight []int32) attribute {
	a := attribute{name: column.Name, weight: column.Weight, levels: []string{"value"}, col: col}
	if a.weight == 0 {
		a.weight = 1
	}
	if column.Hierarchy != nil {
		a.levels = column.Hierarchy.levels
	}
	for l := range a.levels {
		up := make([]int32, len(values))
		ids := map[string]int32{}
		var labels []string
		for v, value := range values {
			label := value
			if column.Hierarchy != nil {
				label = column.Hierarchy.paths[value][l]
			}
			id, ok := ids[label]
			if !ok {
				id = int32(len(labels))
				ids[label] = id
				labels = append(labels, label)
			}
			up[v] = id
		}
		a.up = append(a.up, up)
		a.labels = append(a.labels, labels)
	}
	a.bits = lostBits(a, weight)
	return a
}

// Rows returns the number of rows.
func (t *Table) Rows() int { return t.rows }

// Bottom returns the node that changes nothing.
func (t *Table) Bottom() Node { return make(Node, len(t.attrs)) }

// Top returns the coarsest node.
func (t *Table) Top() Node {
	n := t.Bottom()
	for i, a := range t.attrs {
		n[i] = len(a.levels) - 1
	}
	return n
}

// Nodes returns the size of the lattice; it saturates at the largest int.
func (t *Table) Nodes() int {
	const most = int(^uint(0) >> 1)
	n := 1
	for _, a := range t.attrs {
		if n > most/len(a.levels) {
			return most
		}
		n *= len(a.levels)
	}
	return n
}

// Row returns the quasi-identifiers of row r (from 0) as node n shows them.
func (t *Table) Row(n Node, r int) []string {
	out := make([]string, len(t.attrs))
	for i, a := range t.attrs {
		out[i] = a.labels[n[i]][a.up[n[i]][a.col[t.tuple[r]]]]
	}
	return out
}

// valid reports whether n is a node of t's lattice.
func (t *Table) valid(n Node) bool {
	if len(n) != len(t.attrs) {
		return false
	}
	for i, a := range t.attrs {
		if n[i] < 0 || n[i] >= len(a.levels) {
			return false
		}
	}
	return true
}

func (t *Table) sensitiveColumn(name string) (int, error) {
	for i, s := range t.sensitive {
		if s.name == name {
			return i, nil
		}
	}
	return 0, fmt.Errorf("table: no sensitive column %q", name)
}
