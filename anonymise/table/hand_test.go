package table_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gallra/gallra/anonymise/table"
)

// made returns a table over plain columns, the last of them sensitive.
func made(t *testing.T, names []string, rows ...[]string) *table.Table {
	t.Helper()
	var columns []table.Column
	for i, n := range names {
		columns = append(columns, table.Column{Name: n, Sensitive: i == len(names)-1})
	}
	out, err := table.New(columns, rows)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func classes(t *testing.T, data *table.Table, models ...table.Model) *table.Partition {
	t.Helper()
	p, err := data.Partition(data.Bottom(), models...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func near(a, b float64) bool { return math.Abs(a-b) < 1e-12 }

func TestAN5_DiversityByHand(t *testing.T) {
	t.Parallel()
	data := made(t, []string{"post code", "matter"},
		[]string{"114", "flu"}, []string{"114", "flu"}, []string{"114", "asthma"}, []string{"114", "burn"},
		[]string{"211", "flu"}, []string{"211", "flu"}, []string{"211", "flu"})
	p := classes(t, data)
	d, err := p.Diversity("matter")
	if err != nil || d != (table.Diversity{Distinct: 1, Entropy: 1, Certain: 3}) {
		t.Fatalf("%v %+v", err, d)
	}
	// Halves, quarters, quarters: 1.5 bits, which is 2 to the 1.5 equal values.
	d, _ = classes(t, data, table.DistinctDiversity{Column: "matter", L: 2}).Diversity("matter")
	if d.Distinct != 3 || !near(d.Entropy, math.Pow(2, 1.5)) || d.Certain != 0 {
		t.Fatalf("%+v", d)
	}
	for _, c := range []struct {
		model      table.Model
		suppressed int
	}{
		{table.DistinctDiversity{Column: "matter", L: 3}, 3}, {table.DistinctDiversity{Column: "matter", L: 4}, 7},
		{table.EntropyDiversity{Column: "matter", L: 2.8}, 3}, {table.EntropyDiversity{Column: "matter", L: 2.9}, 7},
		{table.EntropyDiversity{Column: "matter", L: math.Pow(2, 1.5)}, 3},
		{table.KAnonymity{K: 4}, 3}, {table.KAnonymity{K: 3}, 0},
	} {
		if got := classes(t, data, c.model).Suppressed(); got != c.suppressed {
			t.Errorf("%#v: %d suppressed, want %d", c.model, got, c.suppressed)
		}
	}
	if _, err := p.Diversity("post code"); err == nil {
		t.Error("a quasi-identifier was measured as sensitive")
	}
}

// The example of Li, Li and Venkatasubramanian (t-Closeness, ICDE 2007, section
// 5): salaries of 3 to 11 thousand, of which a class holds three.
func TestAN5_ClosenessByHand(t *testing.T) {
	t.Parallel()
	order := []string{"3", "4", "5", "6", "7", "8", "9", "10", "11"}
	data := made(t, []string{"class", "salary"},
		[]string{"1", "3"}, []string{"1", "4"}, []string{"1", "5"},
		[]string{"2", "6"}, []string{"2", "8"}, []string{"2", "11"},
		[]string{"3", "7"}, []string{"3", "9"}, []string{"3", "10"})
	p := classes(t, data)
	// 0.375 for 3, 4, 5; 0.167 for 6, 8, 11 and 7/24 for 7, 9, 10.
	for _, c := range []struct {
		t          float64
		suppressed int
	}{{0.375, 0}, {0.374, 3}, {7.0 / 24, 3}, {0.2, 6}, {1.0 / 6, 6}, {0.16, 9}} {
		m := table.Closeness{Column: "salary", T: c.t, Distance: table.Ordered(order...)}
		if got := classes(t, data, m).Suppressed(); got != c.suppressed {
			t.Errorf("t = %v: %d suppressed, want %d", c.t, got, c.suppressed)
		}
	}
	if got, err := p.Closeness("salary", table.Ordered(order...)); err != nil || !near(got, 0.375) {
		t.Errorf("ordered: %v %v", got, err)
	}
	// Three values have 1/3 for 1/9: 3 x 2/9 must be moved.
	if got, err := p.Closeness("salary", table.Equal()); err != nil || !near(got, 2.0/3) {
		t.Errorf("equal: %v %v", got, err)
	}
	if _, err := p.Closeness("salary", table.Ordered("3", "4")); err == nil {
		t.Error("an order that lacks values was accepted")
	}
	if _, err := p.Closeness("salary", table.Ordered(append(order, "3")...)); err == nil {
		t.Error("an order that names a value twice was accepted")
	}

	// Four values, two and two of a kind; one class holds one value alone. 1/4
	// moves within the kind (height 1 of 2) and 1/2 between the kinds (2 of 2).
	tree, err := table.NewHierarchy(nil, [][]string{{"a1", "A", "*"}, {"a2", "A", "*"}, {"b1", "B", "*"}, {"b2", "B", "*"}})
	if err != nil {
		t.Fatal(err)
	}
	p = classes(t, made(t, []string{"class", "kind"}, []string{"1", "a1"}, []string{"2", "a2"}, []string{"2", "b1"}, []string{"2", "b2"}))
	if got, err := p.Closeness("kind", table.Hierarchical(tree)); err != nil || !near(got, 0.25*0.5+0.5) {
		t.Errorf("hierarchical: %v %v", got, err)
	}
}

func sized(sizes ...int) (rows [][]string) {
	for c, n := range sizes {
		for range n {
			rows = append(rows, []string{string(rune('a' + c)), "x"})
		}
	}
	return rows
}

func TestCostsByHand(t *testing.T) {
	t.Parallel()
	tree, err := table.NewHierarchy(nil, [][]string{{"a", "A", "*"}, {"b", "A", "*"}, {"c", "C", "*"}, {"d", "C", "*"}})
	if err != nil {
		t.Fatal(err)
	}
	flat, err := table.NewHierarchy(nil, [][]string{{"x", "*"}})
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]string
	for _, v := range []string{"a", "b", "c", "c", "c", "d"} {
		rows = append(rows, []string{v, "x"})
	}
	data, err := table.New([]table.Column{{Name: "tree", Hierarchy: tree, Weight: 3}, {Name: "flat", Hierarchy: flat}}, rows)
	if err != nil {
		t.Fatal(err)
	}
	// At level 1 there are two A and four C: a and b lose a bit each, c and d
	// what it takes to tell three of four from one of four.
	lost := 2 + 3*math.Log2(4.0/3) + math.Log2(4)
	whole := 2*math.Log2(6) + 3*math.Log2(2) + math.Log2(6)
	for _, c := range []struct {
		name string
		cost table.Cost
		node table.Node
		k    int
		want float64
	}{
		{"entropy", table.Entropy{}, table.Node{1, 0}, 1, 3 * lost},
		{"entropy, normalised", table.Entropy{Normalised: true}, table.Node{1, 1}, 1, 3 * lost / whole},
		// a, b and d are alone and suppressed: one of three each.
		{"entropy, suppressed", table.Entropy{Suppressed: true}, table.Node{0, 0}, 2, 3 * 3 * math.Log2(3)},
		{"discernibility", table.Discernibility{}, table.Node{0, 1}, 2, 1 + 1 + 9 + 1},
		{"discernibility, suppressed", table.Discernibility{Suppressed: true}, table.Node{0, 1}, 2, 6 + 6 + 9 + 6},
		{"height", table.Height{}, table.Node{1, 1}, 1, (3*0.5 + 1) / 4},
	} {
		p, err := data.Partition(c.node, table.KAnonymity{K: c.k})
		if err != nil {
			t.Fatal(err)
		}
		if got := table.CostOf(c.cost, p); !near(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestAN4_RiskByHand(t *testing.T) {
	t.Parallel()
	names := []string{"class", "s"}
	sample := made(t, names, sized(1, 2, 3, 4)...)
	p := classes(t, sample)
	if got, want := p.Prosecutor(0.34), (table.Risk{Rows: 10, Classes: 4, Unique: 1, Highest: 1, Average: 0.4, AtRisk: 3, Marketer: 0.4}); got != want {
		t.Errorf("prosecutor: %+v, want %+v", got, want)
	}
	if got := p.Prosecutor(0.2).AtRisk; got != 10 {
		t.Errorf("%d rows in classes below five", got)
	}
	got, err := p.Journalist(made(t, names, sized(2, 4, 3, 10)...), 0.3)
	// (1/2 + 2/4 + 3/3 + 4/10) / 10 is more than 4 classes of 19.
	if want := 0.24; err != nil || got.Highest != 0.5 || !near(got.Marketer, want) || !near(got.Average, want) || got.AtRisk != 4 {
		t.Errorf("journalist: %v %+v", err, got)
	}
	if _, err := p.Journalist(made(t, names, sized(2, 4, 2, 10)...), 0.3); !errors.Is(err, table.ErrNotSample) {
		t.Errorf("a population smaller than its sample: %v", err)
	}
	// The other way about: 2 classes of 152 people are more than (2/3 + 1/2) / 101.
	got, err = classes(t, made(t, names, sized(100, 1)...)).Journalist(made(t, names, sized(150, 2)...), 0.3)
	if err != nil || !near(got.Average, 2.0/152) || !near(got.Marketer, (100.0/150+0.5)/101) {
		t.Errorf("journalist: %v %+v", err, got)
	}
	few := classes(t, sample, table.KAnonymity{K: 3})
	if got := few.Prosecutor(0.2); got.Rows != 7 || got.Unique != 0 || got.Highest != 1.0/3 || !near(got.Average, 2.0/7) {
		t.Errorf("after suppression: %+v", got)
	}
}

// The example and the figures of ARX's TestRiskMetrics: seven people by age,
// gender and postcode, two-anonymous without suppression.
func TestAN4_RiskExampleOfARX(t *testing.T) {
	t.Parallel()
	rows := readCSV(t, "test.csv")[1:]
	column := func(c int) (out []string) {
		for _, r := range rows {
			out = append(out, r[c])
		}
		return out
	}
	zip, err := table.Prefixes(column(2), 4, 3, 2, 1)
	if err != nil {
		t.Fatal(err)
	}
	age, err := table.NewHierarchy(nil, [][]string{{"34", "<50", "*"}, {"45", "<50", "*"}, {"66", ">=50", "*"}, {"70", ">=50", "*"}})
	if err != nil {
		t.Fatal(err)
	}
	gender, err := table.NewHierarchy(nil, [][]string{{"male", "*"}, {"female", "*"}})
	if err != nil {
		t.Fatal(err)
	}
	data, err := table.New([]table.Column{{Name: "age", Hierarchy: age}, {Name: "gender", Hierarchy: gender}, {Name: "zipcode", Hierarchy: zip}}, rows)
	if err != nil {
		t.Fatal(err)
	}
	if r := classes(t, data).Prosecutor(0.5); r.Highest != 1 || r.Average != 1 || r.Unique != 7 {
		t.Fatalf("before: %+v", r)
	}
	r := optimum(t, data, table.Search{Models: []table.Model{table.KAnonymity{K: 2}}}).Prosecutor(0.5)
	if r.Highest != 0.5 || r.Average != 0.42857142857142855 {
		t.Fatalf("after: %+v", r)
	}
}

func TestAN4_SinglingByHand(t *testing.T) {
	t.Parallel()
	var rows [][]string
	for day := range 10 {
		rows = append(rows, []string{string(rune('a' + day)), "Bygg", "x"})
	}
	rows = append(rows, []string{"a", "Miljö", "x"})
	data := made(t, []string{"day", "queue", "s"}, rows...)
	got, err := data.Singling(data.Bottom(), 5)
	want := []table.Singling{{Column: "day", Alone: 11, Without: 1, Small: 11}, {Column: "queue", Alone: 1, Without: 11, Small: 11}}
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("%v %+v", err, got)
	}
	if worst := (table.Report{Singling: got}).Worst(); worst != "day" {
		t.Fatalf("%q", worst)
	}
}

func TestErrorsHoldNoValue(t *testing.T) {
	t.Parallel()
	const canary = "19811228-9874"
	some, err := table.NewHierarchy(nil, [][]string{{"a", "*"}})
	if err != nil {
		t.Fatal(err)
	}
	_, missing := table.New([]table.Column{{Name: "c", Hierarchy: some}}, [][]string{{canary}})
	_, short := table.New([]table.Column{{Name: "c"}, {Name: "d"}}, [][]string{{canary}})
	_, nested := table.NewHierarchy(nil, [][]string{{"a", canary, "x"}, {"b", canary, "y"}})
	_, ragged := table.NewHierarchy(nil, [][]string{{"a", "b"}, {canary}})
	_, dates := table.Dates([]string{"2024-01-01", canary})
	_, day := table.Dates([]string{"2024-02-30"})
	_, numbers := table.Numbers([]string{canary}, 10)
	_, plain := table.Reduce([]table.Column{{Name: "c"}}, [][]string{{canary}, {"x"}}, table.Spec{})
	for i, err := range []error{missing, short, nested, ragged, dates, day, numbers, plain} {
		if err == nil || strings.Contains(err.Error(), canary) || strings.Contains(err.Error(), "02-30") {
			t.Errorf("%d: %v", i, err)
		}
	}
}

func TestWrongSearchesAreRefused(t *testing.T) {
	t.Parallel()
	data := made(t, []string{"class", "s"}, sized(2, 3)...)
	for i, s := range []table.Search{
		{}, {Models: []table.Model{table.KAnonymity{}}}, {Models: []table.Model{table.KAnonymity{K: 2}}, Limit: 1.5},
		{Models: []table.Model{table.KAnonymity{K: 2}}, Limit: math.NaN()}, {Models: []table.Model{table.DistinctDiversity{Column: "class", L: 2}}},
		{Models: []table.Model{table.Closeness{Column: "s", Distance: table.Ordered("y")}}},
	} {
		if _, err := data.Optimum(s); err == nil || errors.Is(err, table.ErrUnreachable) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if _, err := data.Partition(table.Node{1}); err == nil {
		t.Error("a node outside the lattice was accepted")
	}
	if _, err := data.Optimum(table.Search{Models: []table.Model{table.KAnonymity{K: 6}}}); !errors.Is(err, table.ErrUnreachable) {
		t.Errorf("six of five rows: %v", err)
	}
}
