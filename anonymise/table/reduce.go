package table

import (
	"errors"
	"slices"
)

// DefaultK is how many records must share what is left of each (REQUIREMENTS AN4).
const DefaultK = 5

// DefaultLimit is the share of records that may be made coarser than the rest
// rather than make all coarser for their sake.
const DefaultLimit = 0.05

// Spec says how far a table must be reduced.
type Spec struct {
	K int // 0 means DefaultK
	// Limit is the share of records whose small cells may be merged further than
	// the rest, 0 to 1; nil means DefaultLimit.
	Limit *float64
	Cost  Cost // nil is Entropy, normalised: every column is as dear as its weight
}

// Reduction is a table made coarse enough. Rows hold values: they are for
// writing back, never for a report.
type Reduction struct {
	Rows   [][]string // in the order given, all columns; sensitive ones unchanged
	Report Report
}

// Report is what the assessment of an anonymisation (D14) says of singling out
// and inference. It holds names and counts, no value.
type Report struct {
	Records int
	Wanted  int  // the k that was to be reached
	Before  int  // k of the records as they were
	K       int  // k of the rows written, measured on them anew
	Reached bool // K is at least Wanted; false only for fewer records than that

	Columns []Generalised // the quasi-identifiers, in order
	Merged  int           // records made coarser than Columns says, to fill their cells
	Blank   int           // records of which nothing distinguishing is left

	Risk      Risk        // of the rows written
	RiskThen  Risk        // of the records as they were
	Singling  []Singling  // which column singled out, as the records were
	Inference []Inference // one for each sensitive column, of the rows written

	Exact bool // the search was complete: no other generalisation loses less
}

// Generalised says how coarse a column has become for all but the merged.
type Generalised struct {
	Column      string
	Level       string // the name of the level: "month"
	Climbed, Of int    // levels climbed, and how many there are to climb
}

// Inference is what the rows written let a reader conclude of a sensitive
// column (AN5).
type Inference struct {
	Column string
	Diversity
	Closeness float64 // largest distance of a cell's distribution from that of all
}

// Worst returns the column that singled out most: the one without which fewest
// records stood in cells below k. It is "" when none did.
func (r Report) Worst() string {
	name, least := "", -1
	for _, s := range r.Singling {
		if s.Small > 0 && (least < 0 || s.Without < least) {
			name, least = s.Column, s.Without
		}
	}
	return name
}

// Reduce makes rows coarser, as little as will do, until at least k of them
// share every combination of what is left (AN4). First the columns are
// generalised alike for all rows but a few; the cells that are still too small
// are then generalised by themselves, again as little as will do, until the last
// are merged into one of which only the top of every hierarchy is left. With
// fewer than k rows nothing can hide them: Report.Reached is false, and they are
// not anonymous whatever is done.
func Reduce(columns []Column, rows [][]string, spec Spec) (Reduction, error) {
	if spec.K == 0 {
		spec.K = DefaultK
	}
	if spec.Cost == nil {
		spec.Cost = Entropy{Normalised: true}
	}
	limit := DefaultLimit
	if spec.Limit != nil {
		limit = *spec.Limit
	}
	whole, err := New(columns, rows)
	if err != nil {
		return Reduction{}, err
	}
	for _, c := range columns {
		if !c.Sensitive && (c.Hierarchy == nil || !c.Hierarchy.single()) {
			return Reduction{}, errors.New("table: a hierarchy to reduce by must end in one label for all: column " + c.Name)
		}
	}
	r := reducer{columns: columns, rows: rows, spec: spec, out: make([][]string, len(rows))}
	r.report = Report{Records: len(rows), Wanted: spec.K, Exact: true}
	before, err := whole.Partition(whole.Bottom())
	if err != nil {
		return Reduction{}, err
	}
	r.report.Before = before.K()
	r.report.RiskThen = before.Prosecutor(1 / float64(spec.K))
	if r.report.Singling, err = whole.Singling(whole.Bottom(), spec.K); err != nil {
		return Reduction{}, err
	}
	if err := r.run(whole, limit); err != nil {
		return Reduction{}, err
	}
	if err := r.measure(); err != nil {
		return Reduction{}, err
	}
	return Reduction{Rows: r.out, Report: r.report}, nil
}

// single reports whether all values end in one label.
func (h *Hierarchy) single() bool {
	top, first := "", true
	for _, p := range h.paths {
		if l := p[len(p)-1]; first {
			top, first = l, false
		} else if l != top {
			return false
		}
	}
	return true
}

type reducer struct {
	columns []Column
	rows    [][]string
	spec    Spec
	out     [][]string
	report  Report
}

func (r *reducer) run(t *Table, limit float64) error {
	left := make([]int, len(r.rows)) // rows not yet written
	for i := range left {
		left[i] = i
	}
	for round := 0; len(left) >= r.spec.K; round++ {
		found, err := t.Optimum(Search{Models: []Model{KAnonymity{r.spec.K}}, Limit: limit, Cost: r.spec.Cost})
		if err != nil {
			return err
		}
		r.report.Exact = r.report.Exact && found.Exact
		if round == 0 {
			for i, a := range t.attrs {
				r.report.Columns = append(r.report.Columns, Generalised{a.name, a.levels[found.node[i]], found.node[i], len(a.levels) - 1})
			}
		}
		var next []int
		for at, row := range left {
			if _, kept := found.Class(at); kept {
				r.write(row, t.Row(found.node, at))
			} else {
				next = append(next, row)
			}
		}
		if left = next; len(left) < r.spec.K {
			break
		}
		some := make([][]string, len(left))
		for i, row := range left {
			some[i] = r.rows[row]
		}
		if t, err = New(r.columns, some); err != nil {
			return err
		}
	}
	if r.report.Columns == nil {
		for i, l := range t.Top() {
			a := t.attrs[i]
			r.report.Columns = append(r.report.Columns, Generalised{a.name, a.levels[l], l, l})
		}
		for row := range r.rows {
			r.blank(row)
		}
		return nil
	}
	return r.merge(left)
}

// merge writes the last rows, fewer than k, with nothing left of them, and
// draws in others until k rows are so: what cells have beyond k, largest first,
// and when that is not enough the smallest cell.
func (r *reducer) merge(left []int) error {
	for _, row := range left {
		r.blank(row)
	}
	if len(left) == 0 {
		return nil
	}
	p, err := r.written()
	if err != nil {
		return err
	}
	cells := make([][]int, len(p.size))
	for row := range r.out {
		c, _ := p.Class(row)
		cells[c] = append(cells[c], row)
	}
	blank, _ := p.Class(left[0])
	need := r.spec.K - len(cells[blank])
	cells = slices.Delete(cells, blank, blank+1)
	slices.SortStableFunc(cells, func(a, b []int) int { return len(a) - len(b) })
	for c := len(cells) - 1; c >= 0 && need > 0; c-- {
		for len(cells[c]) > r.spec.K && need > 0 {
			last := len(cells[c]) - 1
			r.blank(cells[c][last])
			cells[c] = cells[c][:last]
			need--
		}
	}
	if need > 0 && len(cells) > 0 {
		for _, row := range cells[0] { // k rows or more
			r.blank(row)
		}
	}
	return nil
}

// write sets the quasi-identifiers of a row.
func (r *reducer) write(row int, labels []string) {
	out := slices.Clone(r.rows[row][:len(r.columns)])
	i := 0
	for c, column := range r.columns {
		if !column.Sensitive {
			out[c] = labels[i]
			i++
		}
	}
	r.out[row] = out
}

// blank writes a row with the top of every hierarchy.
func (r *reducer) blank(row int) {
	var labels []string
	for c, column := range r.columns {
		if !column.Sensitive {
			path := column.Hierarchy.paths[r.rows[row][c]]
			labels = append(labels, path[len(path)-1])
		}
	}
	r.write(row, labels)
}

// written returns the classes of the rows as they are written, by their values
// alone.
func (r *reducer) written() (*Partition, error) {
	columns := slices.Clone(r.columns)
	for c := range columns {
		columns[c].Hierarchy = nil
	}
	t, err := New(columns, r.out)
	if err != nil {
		return nil, err
	}
	return t.Partition(t.Bottom())
}

// measure fills in what the report says of the rows written.
func (r *reducer) measure() error {
	p, err := r.written()
	if err != nil {
		return err
	}
	r.report.K = p.K()
	r.report.Reached = r.report.K >= r.spec.K || len(r.rows) == 0
	r.report.Risk = p.Prosecutor(1 / float64(r.spec.K))
	for _, s := range p.t.sensitive {
		i := Inference{Column: s.name}
		if i.Diversity, err = p.Diversity(s.name); err != nil {
			return err
		}
		if i.Closeness, err = p.Closeness(s.name, Equal()); err != nil {
			return err
		}
		r.report.Inference = append(r.report.Inference, i)
	}
	for row, out := range r.out {
		alike, blank, i := true, true, 0
		for c, column := range r.columns {
			if column.Sensitive {
				continue
			}
			path := column.Hierarchy.paths[r.rows[row][c]]
			alike = alike && out[c] == path[r.report.Columns[i].Climbed]
			blank = blank && out[c] == path[len(path)-1]
			i++
		}
		if !alike {
			r.report.Merged++
		}
		if blank {
			r.report.Blank++
		}
	}
	return nil
}
