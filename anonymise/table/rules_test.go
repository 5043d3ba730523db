package table_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gallra/gallra/anonymise/table"
	"pgregory.net/rapid"
)

// drawn is a random table with one sensitive column, last.
type drawn struct {
	columns []table.Column
	rows    [][]string
	t       *table.Table
}

func draw(t *rapid.T) drawn {
	var d drawn
	var domains []int
	for c := range rapid.IntRange(1, 4).Draw(t, "columns") {
		size := rapid.IntRange(1, 7).Draw(t, "domain")
		domains = append(domains, size)
		depth := rapid.IntRange(1, 3).Draw(t, "depth")
		labels := make([][]string, size)
		for v := range labels {
			labels[v] = []string{fmt.Sprint("v", v)}
		}
		// Each level merges labels of the one below at random, so that they nest.
		for l := range depth {
			to := map[string]string{}
			for _, path := range labels {
				below := path[l]
				if _, ok := to[below]; !ok {
					to[below] = fmt.Sprintf("l%d.%d", l, rapid.IntRange(0, size-1).Draw(t, "label"))
				}
			}
			for v, path := range labels {
				labels[v] = append(path, to[path[l]])
			}
		}
		for v, path := range labels {
			labels[v] = append(path, table.All)
		}
		h, err := table.NewHierarchy(nil, labels)
		if err != nil {
			t.Fatal(err)
		}
		d.columns = append(d.columns, table.Column{Name: fmt.Sprint("c", c), Hierarchy: h, Weight: rapid.Float64Range(0.5, 2).Draw(t, "weight")})
	}
	d.columns = append(d.columns, table.Column{Name: "s", Sensitive: true})
	for range rapid.IntRange(1, 60).Draw(t, "rows") {
		var row []string
		for _, size := range domains {
			row = append(row, fmt.Sprint("v", min(rapid.IntRange(0, size-1).Draw(t, "value"), rapid.IntRange(0, size-1).Draw(t, "value"))))
		}
		d.rows = append(d.rows, append(row, fmt.Sprint("s", rapid.IntRange(0, 3).Draw(t, "sensitive"))))
	}
	var err error
	if d.t, err = table.New(d.columns, d.rows); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d drawn) node(t *rapid.T) table.Node {
	n := d.t.Top()
	for i, top := range n {
		n[i] = rapid.IntRange(0, top).Draw(t, "level")
	}
	return n
}

// cells groups the rows by their labels in the plainest way.
func (d drawn) cells(n table.Node) map[string][]int {
	out := map[string][]int{}
	for r, row := range d.rows {
		var labels []string
		for c, l := range n {
			label, _ := d.columns[c].Hierarchy.Label(row[c], l)
			labels = append(labels, label)
		}
		key := strings.Join(labels, "|")
		out[key] = append(out[key], r)
	}
	return out
}

// all calls do with every node of the lattice.
func (d drawn) all(do func(table.Node)) {
	top := d.t.Top()
	for n := d.t.Bottom(); ; {
		do(n)
		c := 0
		for ; c < len(n) && n[c] == top[c]; c++ {
			n[c] = 0
		}
		if c == len(n) {
			return
		}
		n[c]++
	}
}

func TestAN4_ClassesPartitionTheRows(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		n := d.node(t)
		p, err := d.t.Partition(n)
		if err != nil {
			t.Fatal(err)
		}
		cells := d.cells(n)
		var sizes []int
		seen := map[int]bool{}
		for _, rows := range cells {
			sizes = append(sizes, len(rows))
			first, _ := p.Class(rows[0])
			if seen[first] {
				t.Fatal("two cells in one class")
			}
			seen[first] = true
			for _, r := range rows {
				if c, kept := p.Class(r); c != first || !kept {
					t.Fatal("a cell in two classes")
				}
			}
		}
		slices.Sort(sizes)
		if !slices.Equal(sizes, p.Sizes()) || p.K() != sizes[0] || p.Classes() != len(sizes) || p.Kept() != len(d.rows) {
			t.Fatalf("sizes %v, want %v", p.Sizes(), sizes)
		}
	})
}

func TestAN4_GeneralisingNeverLowersK(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		n := d.node(t)
		k := rapid.IntRange(1, 8).Draw(t, "k")
		fine, _ := d.t.Partition(n, table.KAnonymity{K: k})
		plain, _ := d.t.Partition(n)
		for c, top := range d.t.Top() {
			if n[c] == top {
				continue
			}
			up := slices.Clone(n)
			up[c]++
			coarse, _ := d.t.Partition(up)
			if coarse.K() < plain.K() || coarse.Classes() > plain.Classes() {
				t.Fatalf("column %d: k %d to %d", c, plain.K(), coarse.K())
			}
			if few, _ := d.t.Partition(up, table.KAnonymity{K: k}); few.Suppressed() > fine.Suppressed() {
				t.Fatalf("column %d: %d suppressed, then %d", c, fine.Suppressed(), few.Suppressed())
			}
			a, _ := plain.Diversity("s")
			b, _ := coarse.Diversity("s")
			x, _ := plain.Closeness("s", table.Equal())
			y, _ := coarse.Closeness("s", table.Equal())
			if b.Distinct < a.Distinct || b.Entropy < a.Entropy-1e-9 || b.Certain > a.Certain || y > x+1e-9 {
				t.Fatalf("diversity %v to %v, closeness %v to %v", a, b, x, y)
			}
		}
	})
}

func height(n table.Node) (h int) {
	for _, l := range n {
		h += l
	}
	return h
}

func TestAN4_OptimumIsNoWorseThanAnyNode(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		k := rapid.IntRange(1, 8).Draw(t, "k")
		order := []string{"s0", "s1", "s2", "s3"}
		models := rapid.SampledFrom([][]table.Model{
			{table.KAnonymity{K: k}},
			{table.KAnonymity{K: k}, table.DistinctDiversity{Column: "s", L: 2}},
			{table.EntropyDiversity{Column: "s", L: 1.7}},
			{table.KAnonymity{K: k}, table.Closeness{Column: "s", T: 0.3}},
			{table.Closeness{Column: "s", T: 0.25, Distance: table.Ordered(order...)}},
		}).Draw(t, "models")
		cost := rapid.SampledFrom([]table.Cost{table.Entropy{}, table.Entropy{Suppressed: true}, table.Entropy{Normalised: true}, table.Entropy{Suppressed: true, Normalised: true}, table.Discernibility{}, table.Discernibility{Suppressed: true}, table.Height{}}).Draw(t, "cost")
		limit := rapid.SampledFrom([]float64{0, 0.05, 0.2, 0.5, 1}).Draw(t, "limit")
		search := table.Search{Models: models, Limit: limit, Cost: cost}
		best, err := d.t.Optimum(search)
		allowed := int(limit*float64(len(d.rows)) + 1e-9)
		found := false
		d.all(func(n table.Node) {
			p, perr := d.t.Partition(n, models...)
			if perr != nil {
				t.Fatal(perr)
			}
			if p.Suppressed() > allowed {
				return
			}
			found = true
			if err != nil {
				t.Fatalf("%v satisfies and none was found", n)
			}
			if c := table.CostOf(cost, p); c < best.Cost-1e-9 {
				t.Fatalf("%v costs %v, the optimum %v %v", n, c, best.Node(), best.Cost)
			} else if c == best.Cost && height(n) < height(best.Node()) {
				t.Fatalf("%v costs the same as the optimum %v and climbs less", n, best.Node())
			}
		})
		if !found {
			if err != table.ErrUnreachable {
				t.Fatalf("none satisfies: %v", err)
			}
			return
		}
		if best.Suppressed() > allowed || !best.Exact {
			t.Fatalf("%d suppressed of at most %d", best.Suppressed(), allowed)
		}
		search.Most = 1
		greedy, err := d.t.Optimum(search)
		if err == table.ErrUnreachable {
			return // a greedy climb may pass what only a part of the rows satisfies
		}
		if err != nil || greedy.Suppressed() > allowed || greedy.Exact && d.t.Nodes() > 1 || greedy.Cost < best.Cost-1e-9 {
			t.Fatalf("greedy: %v %+v", err, greedy)
		}
	})
}

// A column's bits counted in another way: the entropy of the values less that
// of the labels.
func TestEntropyIsWhatTheLabelsDoNotTell(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		n := d.node(t)
		p, _ := d.t.Partition(n)
		want := 0.0
		for c := range n {
			bits := func(level int) (sum float64) {
				count := map[string]float64{}
				for _, row := range d.rows {
					label, _ := d.columns[c].Hierarchy.Label(row[c], level)
					count[label]++
				}
				for _, x := range count {
					sum -= x * math.Log2(x/float64(len(d.rows)))
				}
				return sum
			}
			want += d.columns[c].Weight * (bits(0) - bits(n[c]))
		}
		if got := table.CostOf(table.Entropy{}, p); math.Abs(got-want) > 1e-6 {
			t.Fatalf("%v, want %v", got, want)
		}
	})
}

func TestAN4_ReduceReachesK(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		k := rapid.IntRange(1, 8).Draw(t, "k")
		limit := rapid.SampledFrom([]float64{0, 0.05, 0.3}).Draw(t, "limit")
		r, err := table.Reduce(d.columns, d.rows, table.Spec{K: k, Limit: &limit})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Rows) != len(d.rows) {
			t.Fatal("rows lost")
		}
		cells, merged := map[string]int{}, 0
		last := len(d.columns) - 1
		for i, row := range r.Rows {
			if row[last] != d.rows[i][last] {
				t.Fatal("a sensitive value was changed")
			}
			alike := true
			for c := range last {
				levels, on := d.columns[c].Hierarchy.Levels(), false
				for l := range levels {
					label, _ := d.columns[c].Hierarchy.Label(d.rows[i][c], l)
					on = on || label == row[c]
				}
				if !on {
					t.Fatal("a value became something that it is not")
				}
				label, _ := d.columns[c].Hierarchy.Label(d.rows[i][c], r.Report.Columns[c].Climbed)
				alike = alike && label == row[c]
			}
			if !alike {
				merged++
			}
			cells[strings.Join(row[:last], "|")]++
		}
		smallest := len(d.rows)
		for _, n := range cells {
			smallest = min(smallest, n)
		}
		if r.Report.K != smallest || r.Report.Merged != merged || r.Report.Reached != (smallest >= k) {
			t.Fatalf("k %d, merged %d; the report says %+v", smallest, merged, r.Report)
		}
		if len(d.rows) >= k && smallest < k {
			t.Fatalf("%d rows, k %d of %d", len(d.rows), smallest, k)
		}
		if r.Report.Risk.Highest != 1/float64(smallest) {
			t.Fatalf("highest risk %v", r.Report.Risk.Highest)
		}
	})
}

// Combinations that do not fit in one machine word are still told apart: eight
// columns of 1,024 values are 80 bits, and half of the rows differ from the
// others in the first column alone.
func TestManyWideColumns(t *testing.T) {
	t.Parallel()
	const values = 1024
	columns := make([]table.Column, 8)
	var rows [][]string
	for r := range 2 * values {
		row := make([]string, len(columns))
		for c := range row {
			columns[c].Name = fmt.Sprint(c)
			row[c] = fmt.Sprint(r % values)
		}
		if r >= values {
			row[0] = fmt.Sprint((r + 1) % values)
		}
		rows = append(rows, row, slices.Clone(row))
	}
	data, err := table.New(columns, rows)
	if err != nil {
		t.Fatal(err)
	}
	p, err := data.Partition(data.Bottom())
	if err != nil || p.Classes() != 2*values || p.K() != 2 {
		t.Fatalf("%v: %d classes, k %d", err, p.Classes(), p.K())
	}
}
