package table_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gallra/gallra/anonymise/table"
)

func TestHierarchies(t *testing.T) {
	t.Parallel()
	path := func(h *table.Hierarchy, v string) string {
		var out []string
		for l := range h.Levels() {
			label, ok := h.Label(v, l)
			if !ok {
				t.Fatalf("no label at level %d", l)
			}
			out = append(out, label)
		}
		return strings.Join(out, " < ")
	}
	must := func(h *table.Hierarchy, err error) *table.Hierarchy {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
		return h
	}
	days := must(table.Dates([]string{"2024-02-29", "2024-03-01", "2024-12-30", ""}))
	instants := must(table.Dates([]string{"2024-03-01T23:59:00Z", "2024-03-01"}))
	numbers := must(table.Numbers([]string{"59", "60", "-1", "3600"}, 60, 3600))
	codes := must(table.Prefixes([]string{"114 55", "21"}, 3, 2))
	queues := table.Categories([]string{"a", "a", "a", "a", "b", "c", "d", "d", "d"}, 3, "övrigt")
	for _, c := range []struct{ got, want string }{
		// A week that two months share is cut between them.
		{path(days, "2024-02-29"), "2024-02-29 < 2024-W09/2024-02 < 2024-02 < 2024-Q1 < 2024 < *"},
		{path(days, "2024-03-01"), "2024-03-01 < 2024-W09/2024-03 < 2024-03 < 2024-Q1 < 2024 < *"},
		{path(days, "2024-12-30"), "2024-12-30 < 2025-W01/2024-12 < 2024-12 < 2024-Q4 < 2024 < *"},
		{path(days, ""), " <  <  <  <  < *"},
		{path(instants, "2024-03-01T23:59:00Z"), "2024-03-01T23:59:00Z < 2024-03-01 < 2024-W09/2024-03 < 2024-03 < 2024-Q1 < 2024 < *"},
		{path(numbers, "59"), "59 < 0-59 < 0-3599 < *"},
		{path(numbers, "60"), "60 < 60-119 < 0-3599 < *"},
		{path(numbers, "-1"), "-1 < -60--1 < -3600--1 < *"},
		{path(codes, "114 55"), "114 55 < 114** < 11*** < *"},
		{path(codes, "21"), "21 < 21 < 21 < *"},
		{path(queues, "a"), "a < a < *"},
		{path(queues, "b"), "b < övrigt < *"},
		{path(queues, "d"), "d < övrigt < *"}, // b and c alone are two
	} {
		if c.got != c.want {
			t.Errorf("%s, want %s", c.got, c.want)
		}
	}
	for _, c := range []struct {
		name   string
		values []string
		levels string
	}{
		{"postort", []string{"11455", "21120", ""}, "whole 3 2 all"},
		{"c", []string{"114 55", "21120"}, "whole 3 2 all"},
		{"seconds", []string{"11455", "21120"}, "value merged all"},
		{"c", []string{"2024-01-01", "", "2024-02-01"}, "day week month quarter year all"},
		{"c", []string{"2024-01-01", "later"}, "value merged all"},
		{"c", []string{"1", "2", "5"}, "value merged all"}, // ratings are few and keep their values
		{"c", []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "1300"}, "exact 10 100 1000 all"},
		{"c", []string{"", ""}, "value merged all"}, {"c", nil, "value merged all"},
	} {
		if got := strings.Join(table.Infer(c.name, c.values, 5, "x").Hierarchy.Levels(), " "); got != c.levels {
			t.Errorf("%v: %s, want %s", c.values, got, c.levels)
		}
	}
}

// tickets returns what is kept of 400 cases: a day, a queue, a channel and the
// outcome. Two of them went to a queue of their own.
func tickets() (names []string, rows [][]string) {
	start := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 400 {
		queue := []string{"Bygglov", "Avfall", "Skola"}[i%3]
		if i == 17 || i == 230 {
			queue = "Visselblåsare"
		}
		rows = append(rows, []string{start.AddDate(0, 0, i*7/40).Format(time.DateOnly), queue, []string{"mail", "chat"}[i%2], []string{"bifall", "avslag", "annat"}[i%3]})
	}
	return []string{"day", "queue", "channel", "outcome"}, rows
}

func columnsOf(names []string, rows [][]string, k int) []table.Column {
	out := table.Columns(names, rows, k, "övrigt")
	for i := range out {
		out[i].Sensitive = names[i] == "outcome"
	}
	return out
}

func TestAN4_StatisticsFieldsAreGeneralised(t *testing.T) {
	t.Parallel()
	names, rows := tickets()
	r, err := table.Reduce(columnsOf(names, rows, 5), rows, table.Spec{})
	if err != nil {
		t.Fatal(err)
	}
	p := r.Report
	if p.Records != 400 || p.Wanted != 5 || p.Before != 1 || p.K < 5 || !p.Reached || !p.Exact {
		t.Fatalf("%+v", p)
	}
	if p.RiskThen.Highest != 1 || p.Risk.Highest > 0.2 || p.Risk.AtRisk != 0 || p.Worst() != "day" {
		t.Fatalf("then %+v, now %+v, worst %q", p.RiskThen, p.Risk, p.Worst())
	}
	if day := p.Columns[0]; day.Column != "day" || day.Level != "week" && day.Level != "month" {
		t.Fatalf("the day became %+v", p.Columns)
	}
	if p.Merged > 20 {
		t.Fatalf("%d of 400 records were merged, more than the limit", p.Merged)
	}
	for _, row := range r.Rows {
		if row[1] == "Visselblåsare" {
			t.Error("the queue of two cases is still named")
		}
	}
	// Queue decides outcome here, so that whoever knows the queue knows it: AN5.
	if len(p.Inference) != 1 || p.Inference[0].Column != "outcome" || p.Inference[0].Distinct != 1 || p.Inference[0].Certain == 0 {
		t.Fatalf("%+v", p.Inference)
	}
	// A report is shown and stored: no value may be in it.
	said := fmt.Sprintf("%+v", p)
	for _, row := range append(slices.Clone(rows), r.Rows...) {
		for _, v := range row {
			if v != table.All && strings.Contains(said, v) {
				t.Fatalf("the report holds a value: %s", said)
			}
		}
	}
}

func TestAN4_WhatIsAlreadyAlikeStays(t *testing.T) {
	t.Parallel()
	var rows [][]string
	for range 6 {
		rows = append(rows, []string{"2024-03-04", "Bygglov"}, []string{"2024-03-05", "Avfall"})
	}
	r, err := table.Reduce(columnsOf([]string{"day", "queue"}, rows, 5), rows, table.Spec{})
	if err != nil || r.Report.K != 6 || r.Report.Merged != 0 || r.Report.Worst() != "" {
		t.Fatalf("%v %+v", err, r.Report)
	}
	for i := range rows {
		if !slices.Equal(rows[i], r.Rows[i]) {
			t.Fatal("rows changed that had no need to")
		}
	}
}

func TestAN4_FewRecordsCannotHide(t *testing.T) {
	t.Parallel()
	rows := [][]string{{"2024-03-04", "Bygglov"}, {"2024-03-05", "Avfall"}, {"2024-03-05", "Avfall"}}
	r, err := table.Reduce(columnsOf([]string{"day", "queue"}, rows, 5), rows, table.Spec{})
	if err != nil || r.Report.Reached || r.Report.K != 3 || r.Report.Blank != 3 {
		t.Fatalf("%v %+v", err, r.Report)
	}
	if r, err = table.Reduce(columnsOf([]string{"day"}, nil, 5), nil, table.Spec{}); err != nil || !r.Report.Reached || r.Report.K != 0 {
		t.Fatalf("no records: %v %+v", err, r.Report)
	}
}

// Three cases in a queue of their own are fewer than k: they take with them what
// others have to spare, or else the smallest other cell.
func TestAN4_LastCellDrawsInOthers(t *testing.T) {
	t.Parallel()
	flat, err := table.NewHierarchy([]string{"value", "all"}, [][]string{{"Avfall", "*"}, {"Bygglov", "*"}, {"Skola", "*"}, {"Miljö", "*"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		cases     map[string]int
		k, merged int
		limit     float64
		level     string
	}{
		{map[string]int{"Avfall": 60, "Bygglov": 5, "Skola": 60, "Miljö": 3}, 5, 5, 0.05, "value"},
		{map[string]int{"Avfall": 5, "Bygglov": 5, "Miljö": 3}, 5, 8, 0.3, "value"},
	} {
		var rows [][]string
		for _, q := range []string{"Bygglov", "Avfall", "Skola", "Miljö"} {
			for range c.cases[q] {
				rows = append(rows, []string{q})
			}
		}
		r, err := table.Reduce([]table.Column{{Name: "queue", Hierarchy: flat}}, rows, table.Spec{Limit: &c.limit})
		if err != nil || r.Report.K != c.k || r.Report.Merged != c.merged || r.Report.Blank != c.merged || r.Report.Columns[0].Level != c.level {
			t.Fatalf("%v %+v", err, r.Report)
		}
	}
}

// Whatever the values are, the columns inferred of them lead to k.
func FuzzReduce(f *testing.F) {
	f.Add("2024-03-04\n2024-03-04T10:00:00Z\n\n2024-02-30", "114 55\n21120\n-9223372036854775808\n9223372036854775807")
	f.Add("1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n-14", "*\n\xff\n\x00\növrigt")
	f.Fuzz(func(t *testing.T, a, b string) {
		x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
		if len(x)*len(y) > 2000 {
			return
		}
		var rows [][]string
		for _, v := range x {
			for _, w := range y {
				rows = append(rows, []string{v, w})
			}
		}
		r, err := table.Reduce(columnsOf([]string{"a", "b"}, rows, 3), rows, table.Spec{K: 3})
		if err != nil || len(r.Rows) != len(rows) || r.Report.Reached != (len(rows) >= 3) {
			t.Fatalf("%d rows: %v %+v", len(rows), err, r.Report)
		}
	})
}
