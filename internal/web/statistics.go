package web

import (
	"cmp"
	"strconv"
	"time"

	"github.com/gallra/gallra/internal/config"
	"github.com/gallra/gallra/internal/i18n"
	"github.com/gallra/gallra/internal/retention"
	"github.com/gallra/gallra/internal/statistics"
)

// StatisticsView is "are our numbers still right?": the figures of each kind of
// case, what is live and what is gone counted together, and the proof of every
// run that they were the same before and after.
type StatisticsView struct {
	Types  []StatisticsType
	Proofs []Proof
}

// StatisticsType is the figures of one type of one system, by its latest run.
type StatisticsType struct {
	statistics.Report
	Title    string
	Measured time.Time
	Chart    Chart
}

// Proof is one run's comparison of one type.
type Proof struct {
	Run           string
	At            time.Time
	Title, Type   string
	Before, After int64
	Equal         bool
	Digest        string
}

func (c *call) statisticsView() (v StatisticsView, err error) {
	cfg, err := c.configuration()
	if err != nil || c.Retention == nil {
		return v, err
	}
	plans, err := c.Retention.Plans(c.ctx(), plansShown)
	if err != nil {
		return v, err
	}
	seen := map[string]bool{}
	for _, p := range plans {
		if p.State != retention.Done {
			continue
		}
		id, err := c.Retention.RunOfPlan(c.ctx(), p.ID)
		if err != nil {
			return v, err
		}
		run, err := c.Retention.RunOf(c.ctx(), id)
		if err != nil {
			return v, err
		}
		if run.Protocol == nil {
			continue
		}
		for _, f := range run.Protocol.Figures {
			name := systemTitle(cfg, f)
			v.Proofs = append(v.Proofs, Proof{Run: id, At: run.Ended, Title: name, Type: f.Type, Before: f.Before.Records, After: f.After.Records, Equal: f.Equal, Digest: f.DigestAfter})
			if key := string(f.System) + "/" + f.Type; !seen[key] {
				seen[key] = true
				v.Types = append(v.Types, StatisticsType{Report: f.After, Title: name, Measured: run.Ended, Chart: volume("v"+strconv.Itoa(len(v.Types)), name, f.After)})
			}
		}
	}
	return v, nil
}

func systemTitle(cfg *config.Config, f retention.Figures) string {
	s, _ := cfg.System(f.System)
	return cmp.Or(title(s), string(f.System))
}

func volume(id, name string, r statistics.Report) Chart {
	months := map[string]int64{}
	for _, m := range r.Months {
		if m.Month != "" {
			months[m.Month] += m.N
		}
	}
	return Chart{ID: id, Title: i18n.Msg("statistics.volume", "system", name), Desc: i18n.Msg("chart.created.desc"),
		Label: i18n.Msg("chart.when"), Unit: i18n.Msg("chart.records"), Points: calendar(months)}
}

func (c *call) statisticsPage() error {
	v, err := c.statisticsView()
	if err != nil {
		return err
	}
	return c.ok("statistics", v)
}

// statisticsCSV is every month of every type, for a spreadsheet.
func (c *call) statisticsCSV() error {
	v, err := c.statisticsView()
	if err != nil {
		return err
	}
	rows := [][]string{{"system", "type", "month", "records", "measure", "n", "mean", "median", "p90"}}
	number := func(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }
	for _, t := range v.Types {
		for _, m := range t.Months {
			row := []string{string(t.System), t.Type, m.Month, strconv.FormatInt(m.N, 10)}
			rows = append(rows, append(row, "", "", "", "", ""))
			for _, x := range m.Measures {
				rows = append(rows, append(row[:4:4], x.Name, strconv.FormatInt(x.N, 10), number(x.Mean), number(x.Median), number(x.P90)))
			}
		}
	}
	return c.csv("statistics.csv", rows)
}
