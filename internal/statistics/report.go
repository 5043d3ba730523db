package statistics

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/gallra/gallra"
)

// Report is the statistics of one type of one system.
type Report struct {
	System   gallra.SystemID `json:"system"`
	Type     string          `json:"type"`
	Records  int64           `json:"records"`
	Small    int64           `json:"small_cells"` // combinations of a month that stand for fewer than SmallCell records
	Days     []Count         `json:"days"`        // volume by day of creation
	Months   []Month         `json:"months"`
	Groups   []Count         `json:"groups"` // volume by dimension and value
	Measures []Measure       `json:"measures"`
}

// Count is a volume.
type Count struct {
	Name      string `json:"name"`                // day, or value of the dimension
	Dimension string `json:"dimension,omitempty"` // "queue"; "" for days
	N         int64  `json:"n"`
}

// Month is the volume and measures of one month.
type Month struct {
	Month    string    `json:"month"` // "2026-03"; "" unknown
	N        int64     `json:"n"`
	Measures []Measure `json:"measures,omitempty"`
}

// Measure sums up the values of one measure, in its own unit.
type Measure struct {
	Name   string  `json:"name"`
	N      int64   `json:"n"`
	Mean   float64 `json:"mean"`
	Median float64 `json:"median"` // to the precision of Histogram
	P90    float64 `json:"p90"`
}

// Report sums c up.
func (c *Cells) Report() Report {
	r := Report{System: c.System, Type: c.Type, Records: c.Records(), Small: c.Small()}
	groups := map[string]int64{}
	for k, n := range c.days {
		if k.group == "" {
			r.Days = append(r.Days, Count{Name: dayName(k.day), N: n})
		} else {
			groups[k.group] += n
		}
	}
	slices.SortFunc(r.Days, func(a, b Count) int { return cmp.Compare(a.Name, b.Name) })
	for g, n := range groups {
		d, v, _ := strings.Cut(g, "=")
		r.Groups = append(r.Groups, Count{Name: v, Dimension: d, N: n})
	}
	slices.SortFunc(r.Groups, func(a, b Count) int {
		return cmp.Or(cmp.Compare(a.Dimension, b.Dimension), cmp.Compare(b.N, a.N), cmp.Compare(a.Name, b.Name))
	})
	total := map[string]*Histogram{}
	months := map[string]map[string]*Histogram{}
	volume := map[string]int64{}
	for k, x := range c.months {
		if months[k.month] == nil {
			months[k.month] = map[string]*Histogram{}
		}
		volume[k.month] += x.n
		for name, h := range x.measures {
			for _, into := range []map[string]*Histogram{total, months[k.month]} {
				if into[name] == nil {
					into[name] = &Histogram{Buckets: map[int16]int64{}}
				}
				into[name].merge(h)
			}
		}
	}
	for m, h := range months {
		r.Months = append(r.Months, Month{Month: m, N: volume[m], Measures: measures(h)})
	}
	slices.SortFunc(r.Months, func(a, b Month) int { return cmp.Compare(a.Month, b.Month) })
	r.Measures = measures(total)
	return r
}

func measures(from map[string]*Histogram) []Measure {
	var out []Measure
	for name, h := range from {
		out = append(out, Measure{Name: name, N: h.N, Mean: float64(h.Sum) / 1000 / float64(h.N), Median: float64(h.quantile(.5)) / 1000, P90: float64(h.quantile(.9)) / 1000})
	}
	slices.SortFunc(out, func(a, b Measure) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// WriteCSV writes the monthly cells for a BI tool: one line a month,
// combination of groups and measure.
func (c *Cells) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	rows := [][]string{}
	for k, x := range c.months {
		head := []string{string(c.System), c.Type, k.month, strings.ReplaceAll(k.cell, separator, "; "), strconv.FormatInt(x.n, 10)}
		for _, m := range measures(x.measures) {
			rows = append(rows, append(slices.Clone(head), m.Name, strconv.FormatInt(m.N, 10), number(m.Mean), number(m.Median), number(m.P90)))
		}
		if len(x.measures) == 0 {
			rows = append(rows, append(head, "", "", "", "", ""))
		}
	}
	slices.SortFunc(rows, slices.Compare)
	err := out.Write([]string{"system", "type", "month", "groups", "records", "measure", "n", "mean", "median", "p90"})
	if err == nil {
		err = out.WriteAll(rows)
	}
	if err != nil {
		return fmt.Errorf("statistics: csv: %w", err)
	}
	return nil
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
