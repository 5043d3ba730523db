package web

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/config"
	"github.com/gallra/gallra/internal/i18n"
	"github.com/gallra/gallra/internal/retention"
	"github.com/gallra/gallra/internal/statistics"
)

// StatisticsView is "are our numbers still right?": the figures of each kind of
// case, what is live and what is gone counted together, and the proof of every
// run that they were the same before and after.
type StatisticsView struct {
	Types    []StatisticsType
	Channel  Chart    // volume by channel, all systems together
	Missing  []string // systems that could not be counted
	Counting []string // systems that are being counted; older figures may be shown of them
	Proofs   []Proof
}

// StatisticsType is the figures of one type of one system, live and gone.
type StatisticsType struct {
	statistics.Report
	Title    string
	Measured time.Time
	Chart    Chart
	Groups   []Chart // volume by queue, category and the like
}

// MeasureNames are the measures that any month has, in order: the columns of
// the table month by month.
func (t StatisticsType) MeasureNames() []string {
	var out []string
	for _, m := range t.Measures {
		out = append(out, m.Name)
	}
	return out
}

// Of returns a month's measure of that name; false when it has none.
func (t StatisticsType) Of(m statistics.Month, name string) *statistics.Measure {
	for i := range m.Measures {
		if m.Measures[i].Name == name {
			return &m.Measures[i]
		}
	}
	return nil
}

// groupsShown is how many values of a dimension the picture shows, the largest
// first; the rest are one bar.
const groupsShown = 12

// groups draws the volume of each dimension.
func groups(id string, r statistics.Report) []Chart {
	var out []Chart
	at := map[string]int{}
	list := slices.Clone(r.Groups) // by dimension, the largest first
	slices.SortStableFunc(list, func(a, b statistics.Count) int {
		if a.Dimension == b.Dimension && clocked(a.Dimension) {
			return cmp.Compare(a.Name, b.Name)
		}
		return 0
	})
	for _, g := range list {
		i, ok := at[g.Dimension]
		if !ok {
			i = len(out)
			at[g.Dimension] = i
			out = append(out, Chart{ID: id + "g" + strconv.Itoa(i), Names: true, Title: dimension(g.Dimension), Desc: i18n.Msg("statistics.group.desc"), Label: i18n.Msg("statistics.group"), Unit: i18n.Msg("chart.records")})
		}
		c := &out[i]
		most := groupsShown
		if clocked(g.Dimension) {
			most = 25 // the hours of a day, and none
		}
		switch {
		case len(c.Points) > most:
			c.Points[most].Value += g.N
		case len(c.Points) == most:
			c.Points = append(c.Points, Point{Label: i18n.Msg("statistics.rest"), Value: g.N})
		case g.Name == "":
			c.Points = append(c.Points, Point{Label: noValue, Value: g.N})
		default:
			c.Points = append(c.Points, Point{Label: groupValue(g), Value: g.N})
		}
	}
	return slices.DeleteFunc(out, func(c Chart) bool { // nobody fills it in: nothing to show
		label, ok := c.Points[0].Label.(i18n.Message)
		return ok && len(c.Points) == 1 && label.Key == noValue.Key
	})
}

// noValue stands for the cases that have no value in a dimension.
var noValue = i18n.Msg("statistics.no_value")

// clocked reports whether a dimension has an order of its own, as hours and
// weekdays do.
func clocked(dimension string) bool { return dimension == "hour" || dimension == "weekday" }

// groupValue puts the few values that have words into words.
func groupValue(g statistics.Count) any {
	switch {
	case g.Dimension == "weekday" && len(g.Name) == 1 && g.Name >= "1" && g.Name <= "7":
		return i18n.Msg("weekday." + g.Name)
	case g.Name == "true" || g.Name == "false":
		return i18n.Msg("statistics." + g.Name)
	}
	return g.Name
}

// dimension names what cases are counted by.
func dimension(name string) i18n.Message {
	for _, known := range []string{"label", "weekday", "hour", "folder", "answered", "queue", "channel", "category", "status", "priority", "tag", "type", "state", "topic", "outcome", "source", "inbox", "dept", "team"} {
		if strings.Contains(strings.ToLower(name), known) {
			return i18n.Msg("dimension." + known)
		}
	}
	return i18n.Msg("dimension.other", "name", name)
}

// Counting every record of a system is work for the system, and may take
// minutes: it is done beside the page, one system at a time, which shows the
// figures it has and for how long they hold.
const (
	countWithin = 30 * time.Minute
	countAgain  = 10 * time.Minute
	countRetry  = time.Minute            // after a failure
	countGrace  = 120 * time.Millisecond // the page waits so long for what is counted at once
)

// figures keeps what was counted last of each system, and what is being counted.
type figures struct {
	mu   sync.Mutex
	last map[gallra.SystemID]counting
	busy map[gallra.SystemID]chan struct{} // closed when the counting ends
	turn sync.Mutex                        // held by the one that counts
}

type counting struct {
	at    time.Time
	types []statistics.Report
	bad   bool      // it could not be counted since
	again time.Time // when it is counted anew at the earliest
}

// count returns the figures of a system's cases, live and gone, as they were
// counted last, and what is closed when they have been counted anew; nil when
// that is not wanted yet. A count outlives the page that asked for it.
func (c *call) count(id gallra.SystemID) (counting, <-chan struct{}) {
	f := &c.figures
	f.mu.Lock()
	defer f.mu.Unlock()
	k, ok := f.last[id]
	if ok && c.DB.Now().Before(k.again) {
		return k, nil
	}
	if done, ok := f.busy[id]; ok {
		return k, done
	}
	if f.last == nil {
		f.last, f.busy = map[gallra.SystemID]counting{}, map[gallra.SystemID]chan struct{}{}
	}
	done := make(chan struct{})
	f.busy[id] = done
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx()), countWithin)
		defer cancel()
		f.turn.Lock()
		fresh, err := c.countNow(ctx, id)
		f.turn.Unlock()
		f.mu.Lock()
		defer f.mu.Unlock()
		if fresh.again = c.DB.Now().Add(countAgain); err != nil { // the figures of last time are shown, and that there are no newer
			fresh = counting{f.last[id].at, f.last[id].types, true, c.DB.Now().Add(countRetry)}
		}
		f.last[id] = fresh
		delete(f.busy, id)
		close(done)
	}()
	return k, done
}

// countNow counts a system's cases.
func (c *call) countNow(ctx context.Context, id gallra.SystemID) (counting, error) {
	k := counting{at: c.DB.Now()}
	if c.Scanner == nil || c.Scanner.Open == nil || c.Retention == nil {
		return k, gallra.Errorf(gallra.Unavailable, "web.no_retention")
	}
	src, err := c.Scanner.Open(ctx, id)
	if err != nil {
		return k, err
	}
	defer src.Close() // read only: nothing is lost
	types, err := src.Types(ctx)
	if err != nil {
		return k, err
	}
	for _, t := range types {
		if t.Kind != connector.KindConversation {
			continue
		}
		cells, err := statistics.Whole(ctx, c.DB, src, id, t, c.Retention.Loc)
		if err != nil {
			return k, err
		}
		k.types = append(k.types, cells.Report())
	}
	return k, nil
}

// counted returns the figures of a system, waiting for them until ctx is over;
// open is what they are still waited for with then.
func (c *call) counted(ctx context.Context, id gallra.SystemID) (k counting, open bool) {
	k, done := c.count(id)
	if done == nil {
		return k, false
	}
	select {
	case <-done:
		c.figures.mu.Lock()
		defer c.figures.mu.Unlock()
		return c.figures.last[id], false
	case <-ctx.Done():
		return k, true
	}
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

// statisticsView waits for figures that are being counted until wait is over.
func (c *call) statisticsView(wait context.Context) (v StatisticsView, err error) {
	cfg, err := c.configuration()
	if err != nil || c.Retention == nil {
		return v, err
	}
	channels := map[string]int64{}
	for _, sys := range cfg.Systems {
		if connector.Scheme(sys.URL) == "manual" {
			continue // what people keep in a place has no figures
		}
		k, open := c.counted(wait, sys.Name)
		switch {
		case open:
			v.Counting = append(v.Counting, title(sys))
		case k.bad:
			v.Missing = append(v.Missing, title(sys))
		}
		for _, r := range k.types {
			id := "v" + strconv.Itoa(len(v.Types))
			v.Types = append(v.Types, StatisticsType{Report: r, Title: title(sys), Measured: k.at, Chart: volume(id, title(sys), r), Groups: groups(id, r)})
			channels[string(cmp.Or(sys.Channel, connector.ChannelOther))] += r.Records
		}
	}
	v.Channel = Chart{ID: "channels", Names: true, Title: i18n.Msg("statistics.channels"), Desc: i18n.Msg("statistics.channels.desc"), Label: i18n.Msg("dimension.channel"), Unit: i18n.Msg("chart.records")}
	for _, n := range ranked(channels) {
		v.Channel.Points = append(v.Channel.Points, Point{Label: i18n.Msg("channel." + n.Name), Value: n.N})
	}
	runs, err := c.Retention.Runs(c.ctx(), runsShown)
	if err != nil {
		return v, err
	}
	for _, run := range runs {
		for _, f := range run.Protocol.Figures {
			v.Proofs = append(v.Proofs, Proof{Run: run.ID, At: run.Ended, Title: systemTitle(cfg, f), Type: f.Type, Before: f.Before.Records, After: f.After.Records, Equal: f.Equal, Digest: f.DigestAfter})
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
	ctx, cancel := context.WithTimeout(c.ctx(), countGrace)
	defer cancel()
	v, err := c.statisticsView(ctx)
	if err != nil {
		return err
	}
	return c.ok("statistics", v)
}

// liveStatistics tells the page when every system has been counted.
func (c *call) liveStatistics() error {
	cfg, err := c.configuration()
	if err != nil {
		return err
	}
	out := http.NewResponseController(c.w)
	_ = out.SetWriteDeadline(time.Time{}) // unsupported by a test's recorder, which has no deadline either
	c.w.Header().Set("Content-Type", "text/event-stream")
	if err := out.Flush(); err != nil {
		return nil // the reader has gone
	}
	for _, sys := range cfg.Systems {
		if connector.Scheme(sys.URL) != "manual" {
			c.counted(c.ctx(), sys.Name)
		}
	}
	if c.ctx().Err() == nil {
		_, _ = fmt.Fprint(c.w, "event: over\ndata: \n\n")
	}
	return nil
}

// statisticsCSV is every month of every type, for a spreadsheet. It waits for
// what is being counted, and a system that could not be has a row that says so:
// a sum over the file must not look whole when it is not.
func (c *call) statisticsCSV() error {
	_ = http.NewResponseController(c.w).SetWriteDeadline(time.Time{}) // unsupported by a test's recorder
	v, err := c.statisticsView(c.ctx())
	if err != nil {
		return err
	}
	rows := [][]string{{"system", "type", "month", "records", "measure", "n", "mean", "median", "p90"}}
	number := func(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }
	for _, name := range v.Missing {
		rows = append(rows, []string{name, "", "", "", "not_counted", "", "", "", ""})
	}
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
