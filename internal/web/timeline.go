package web

import (
	"cmp"
	"strconv"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/config"
	"github.com/gallra/gallra/internal/i18n"
	"github.com/gallra/gallra/internal/inventory"
	"github.com/gallra/gallra/internal/retention"
)

// Timeline is what falls due month by month, a picture a system.
type Timeline struct {
	Charts  []DueSoon
	Missing []string  // systems, by title, nobody has taken inventory of
	Since   time.Time // the oldest inventory it rests on
	Later   int64     // falls due after the pictures end
	Unknown int64     // the day is not known
}

// ManyMissing reports whether so many systems are missing that they are counted,
// and named behind a disclosure.
func (t Timeline) ManyMissing() bool { return len(t.Missing) > fewShown }

// DueSoon is one system's picture.
type DueSoon struct {
	System string
	Past   int64 // past its date already, and no run has taken it since the inventory
	Chart  Chart
}

// timelineMonths is how far the pictures look ahead.
const timelineMonths = 12

func (c *call) timeline(cfg *config.Config, runs []retention.Run) (t Timeline, err error) {
	today := c.DB.Now().In(c.Retention.Loc)
	s, err := inventory.FallingDue(c.ctx(), c.DB, cfg.Rules, today)
	if err != nil {
		return t, err
	}
	name := func(id gallra.SystemID) string {
		sys, _ := cfg.System(id)
		return cmp.Or(title(sys), string(id))
	}
	for _, id := range s.Missing {
		t.Missing = append(t.Missing, name(id))
	}
	months := map[gallra.SystemID]map[string]int64{}
	var order []gallra.SystemID
	for _, d := range s.Due {
		if months[d.System] == nil {
			months[d.System] = map[string]int64{}
			order = append(order, d.System)
		}
		for m, n := range d.Months {
			months[d.System][m] += n
		}
		if t.Since.IsZero() || d.Scanned.Before(t.Since) {
			t.Since = d.Scanned
		}
	}
	gone := goneSince(s, runs)
	for i, id := range order {
		d, later := dueSoon("due"+strconv.Itoa(i), name(id), months[id], today)
		d.Past = max(0, d.Past-gone[id])
		t.Later += later
		t.Unknown += months[id][""]
		t.Charts = append(t.Charts, d)
	}
	return t, nil
}

// goneSince counts what runs have taken from each system after the inventory
// that its picture rests on.
func goneSince(s inventory.Schedule, runs []retention.Run) map[gallra.SystemID]int64 {
	scanned, out := map[gallra.SystemID]time.Time{}, map[gallra.SystemID]int64{}
	for _, d := range s.Due {
		scanned[d.System] = d.Scanned
	}
	for _, r := range runs {
		for _, p := range r.Protocol.Parts {
			if at, ok := scanned[p.System]; ok && r.Started.After(at) {
				o := p.Tally.Outcomes
				out[p.System] += o[gallra.OutcomeErased] + o[gallra.OutcomeAnonymised] + o[gallra.OutcomeDeidentified]
			}
		}
	}
	return out
}

// dueSoon draws a bar a month; what is past its date and what falls due later
// are numbers, which would make the months too small to see.
func dueSoon(id, system string, months map[string]int64, today time.Time) (DueSoon, int64) {
	first := time.Date(today.Year(), today.Month(), 1, 0, 0, 0, 0, today.Location())
	d := DueSoon{System: system, Chart: Chart{ID: id, Title: i18n.Msg("timeline.system", "system", system), Desc: i18n.Msg("timeline.desc"), Label: i18n.Msg("chart.when"), Unit: i18n.Msg("chart.records")}}
	at := map[string]int{}
	for i := range timelineMonths {
		m := first.AddDate(0, i, 0)
		at[m.Format("2006-01")] = i
		d.Chart.Points = append(d.Chart.Points, Point{Label: i18n.Month(m)})
	}
	var later int64
	for m, n := range months {
		switch i, ok := at[m]; {
		case m == "":
		case ok:
			d.Chart.Points[i].Value += n
		case m < first.Format("2006-01"):
			d.Past += n
		default:
			later += n
		}
	}
	return d, later
}
