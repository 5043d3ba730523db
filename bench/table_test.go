package bench_test

import (
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/gallra/gallra/anonymise/table"
	"github.com/gallra/gallra/internal/shareddata"
)

func tableCSV(b *testing.B, name string) [][]string {
	b.Helper()
	f, err := os.Open(shareddata.Path(b, "data/tables/arx-adult/"+name))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma = ';'
	rows, err := r.ReadAll()
	if err != nil {
		b.Fatal(err)
	}
	return rows
}

// BenchmarkTableOptimum searches the 12,960 generalisations of the Adult data
// set (30,162 rows, 9 columns) for the optimum, and forms the classes of every
// one of them, which is what a search without pruning does.
func BenchmarkTableOptimum(b *testing.B) {
	rows := tableCSV(b, "adult.csv")
	var columns []table.Column
	for _, name := range rows[0] {
		h, err := table.NewHierarchy(nil, tableCSV(b, "adult_hierarchy_"+name+".csv"))
		if err != nil {
			b.Fatal(err)
		}
		columns = append(columns, table.Column{Name: name, Hierarchy: h})
	}
	data, err := table.New(columns, rows[1:])
	if err != nil {
		b.Fatal(err)
	}
	for _, limit := range []float64{0.04, 0} {
		for _, k := range []int{5, 100} {
			b.Run(fmt.Sprintf("k=%d/limit=%v", k, limit), func(b *testing.B) {
				var r table.Result
				for b.Loop() {
					if r, err = data.Optimum(table.Search{Models: []table.Model{table.KAnonymity{K: k}}, Limit: limit}); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(r.Checked), "nodes")
			})
		}
	}
	b.Run("all", func(b *testing.B) {
		for b.Loop() {
			top := data.Top()
			n := data.Bottom()
			for nodes := 1; ; nodes++ {
				if _, err := data.Partition(n, table.KAnonymity{K: 5}); err != nil {
					b.Fatal(err)
				}
				c := 0
				for ; c < len(n) && n[c] == top[c]; c++ {
					n[c] = 0
				}
				if c == len(n) {
					b.ReportMetric(float64(nodes), "nodes")
					break
				}
				n[c]++
			}
		}
	})
}

// BenchmarkTableReduce reduces what is kept of records (day, queue, channel,
// category, minutes, rating) to k = 5, the hierarchies' making included.
func BenchmarkTableReduce(b *testing.B) {
	for _, n := range []int{10_000, 200_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			names := []string{"day", "queue", "channel", "category", "minutes", "rating"}
			random := rand.New(rand.NewPCG(1, 2))
			start := time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC)
			rows := make([][]string, n)
			some := func(prefix string, n int) string {
				return fmt.Sprint(prefix, min(random.IntN(n), random.IntN(n))) // few are common, some are rare
			}
			for i := range rows {
				rows[i] = []string{start.AddDate(0, 0, random.IntN(730)).Format(time.DateOnly), some("queue ", 8), some("channel ", 4),
					some("category ", 25), fmt.Sprint(int(random.ExpFloat64() * 600)), some("", 6)}
			}
			var report table.Report
			for b.Loop() {
				r, err := table.Reduce(table.Columns(names, rows, table.DefaultK, "other"), rows, table.Spec{})
				if err != nil {
					b.Fatal(err)
				}
				report = r.Report
			}
			if !report.Reached {
				b.Fatal("k not reached")
			}
			b.ReportMetric(float64(report.Merged), "merged")
			b.ReportMetric(float64(report.Blank), "blank")
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			for _, c := range report.Columns {
				b.Logf("%s: %s", c.Column, c.Level)
			}
		})
	}
}
