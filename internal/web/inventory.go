package web

import (
	"cmp"
	"encoding/csv"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/config"
	"github.com/gallra/gallra/internal/i18n"
	"github.com/gallra/gallra/internal/inventory"
)

// InventoryView is "what do we keep, where?".
type InventoryView struct {
	Systems []InventorySystem
	Rows    []CategoryRow
	Scans   []Progress
	Scanned int // how many systems have an inventory
}

// InventorySystem is one column of the matrix.
type InventorySystem struct {
	Name, Title string
	Ended       time.Time // of the newest inventory; zero: none
	Records     int64
	Oldest      time.Time
	Skipped     int64
	Chart       Chart
}

// CategoryRow is one row of the matrix.
type CategoryRow struct {
	Category gallra.Category
	Special  bool
	Cells    []Cell
	Total    int64
}

// Cell counts one category in one system.
type Cell struct {
	System  string
	Title   string
	Scanned bool
	Count   int64
	URL     string
}

// configuration returns gallra.yaml; an organisation that has none yet has an
// empty one.
func (c *call) configuration() (*config.Config, error) {
	if c.Config == nil {
		return &config.Config{}, nil
	}
	cfg, err := c.Config(c.ctx())
	if gallra.CodeOf(err) == gallra.NotFound {
		return &config.Config{}, nil
	}
	return cfg, err
}

func title(s config.System) string { return cmp.Or(s.Title, string(s.Name)) }

// reports returns the newest inventory of every system that has one.
func (c *call) reports(cfg *config.Config) (map[gallra.SystemID]inventory.Report, error) {
	out := map[gallra.SystemID]inventory.Report{}
	for _, s := range cfg.Systems {
		r, err := inventory.Latest(c.ctx(), c.DB, s.Name)
		switch gallra.CodeOf(err) {
		case "":
			out[s.Name] = r
		case gallra.NotFound:
		default:
			return nil, err
		}
	}
	return out, nil
}

func (c *call) inventoryView() (v InventoryView, err error) {
	cfg, err := c.configuration()
	if err != nil {
		return v, err
	}
	reports, err := c.reports(cfg)
	if err != nil {
		return v, err
	}
	if v.Scans, err = c.running(inventory.Kind); err != nil {
		return v, err
	}
	v.Scanned = len(reports)
	for i, s := range cfg.Systems {
		col := InventorySystem{Name: string(s.Name), Title: title(s)}
		if r, ok := reports[s.Name]; ok {
			col.Ended = r.Ended
			col.Records, col.Oldest, col.Skipped = totals(r)
			col.Chart = timeline("t"+strconv.Itoa(i), title(s), r)
		}
		v.Systems = append(v.Systems, col)
	}
	for _, cat := range gallra.Categories() {
		row := CategoryRow{Category: cat, Special: cat.Special()}
		for _, s := range cfg.Systems {
			r, ok := reports[s.Name]
			cell := Cell{System: string(s.Name), Title: title(s), Scanned: ok, URL: "/inventory/" + url.PathEscape(string(s.Name)) + "/" + string(cat)}
			for _, l := range r.Lines {
				if l.Category == cat {
					cell.Count += l.Findings
				}
			}
			row.Total += cell.Count
			row.Cells = append(row.Cells, cell)
		}
		if row.Total > 0 {
			v.Rows = append(v.Rows, row)
		}
	}
	return v, nil
}

// totals counts the conversations of a system, or all its records when it has
// none, and what could not be read.
func totals(r inventory.Report) (records int64, oldest time.Time, skipped int64) {
	for _, t := range counted(r) {
		records += t.Records
		if !t.Oldest.IsZero() && (oldest.IsZero() || t.Oldest.Before(oldest)) {
			oldest = t.Oldest
		}
	}
	for _, t := range r.Types {
		for _, n := range t.Skipped {
			skipped += n
		}
	}
	return records, oldest, skipped
}

func counted(r inventory.Report) []inventory.TypeLine {
	var c []inventory.TypeLine
	for _, t := range r.Types {
		if t.Kind == connector.KindConversation {
			c = append(c, t)
		}
	}
	if len(c) == 0 {
		return r.Types
	}
	return c
}

// timeline draws when the records of a system were created: by month up to
// three years, by year beyond.
func timeline(id, system string, r inventory.Report) Chart {
	months := map[string]int64{}
	for _, t := range counted(r) {
		for m, n := range t.Months {
			if m != "" {
				months[m] += n
			}
		}
	}
	c := Chart{ID: id, Title: i18n.Msg("chart.created", "system", system), Desc: i18n.Msg("chart.created.desc"), Label: i18n.Msg("chart.when"), Unit: i18n.Msg("chart.records")}
	c.Points = calendar(months)
	return c
}

// calendar turns counts by YYYY-MM into bars without gaps.
func calendar(months map[string]int64) []Point {
	keys := make([]string, 0, len(months))
	for m := range months {
		keys = append(keys, m)
	}
	if len(keys) == 0 {
		return nil
	}
	slices.Sort(keys)
	first, err1 := time.Parse("2006-01", keys[0])
	last, err2 := time.Parse("2006-01", keys[len(keys)-1])
	if err1 != nil || err2 != nil {
		return nil
	}
	var out []Point
	if last.Sub(first) > 3*366*24*time.Hour {
		for y := first.Year(); y <= last.Year(); y++ {
			p := Point{Label: strconv.Itoa(y)}
			for m, n := range months {
				if m[:4] == p.Label {
					p.Value += n
				}
			}
			out = append(out, p)
		}
		return out
	}
	for m := first; !m.After(last); m = m.AddDate(0, 1, 0) {
		out = append(out, Point{Label: i18n.Month(m.AddDate(0, 0, 14)), Value: months[m.Format("2006-01")]})
	}
	return out
}

func (c *call) inventoryPage() error {
	v, err := c.inventoryView()
	if err != nil {
		return err
	}
	return c.ok("inventory", v)
}

// FindingsView explains one number of the matrix.
type FindingsView struct {
	System, Title string
	Category      gallra.Category
	Special       bool
	Ended         time.Time
	Findings      int64
	Rows          []FindingRow
	Sort          string
	Chosen        *FindingRow // whose samples are shown
	Samples       []Sample
	CanSample     bool
}

// FindingRow is one type x field x rule.
type FindingRow struct {
	Type, Field, Rule string
	Declared          bool // the profile says that the field holds it; nothing was guessed
	Findings, Records int64
	Oldest            time.Time
}

// Explained returns the key of what the rule goes by.
func (r FindingRow) Explained() string {
	kind, _, _ := strings.Cut(r.Rule, "/")
	switch kind {
	case "phone_se", "phone_no_da", "phone_us", "phone_gb", "phone_fi", "phone_de":
		kind = "phone"
	}
	return "finding.rule." + kind
}

func (c *call) findingsView() (v FindingsView, err error) {
	cfg, err := c.configuration()
	if err != nil {
		return v, err
	}
	v.Category = gallra.Category(c.r.PathValue("category"))
	s, ok := cfg.System(gallra.SystemID(c.r.PathValue("system")))
	if !ok || !v.Category.Valid() {
		return v, c.unknownPage()
	}
	v.System, v.Title, v.Special = string(s.Name), title(s), v.Category.Special()
	r, err := inventory.Latest(c.ctx(), c.DB, s.Name)
	if err != nil {
		return v, err
	}
	v.Ended, v.CanSample = r.Ended, c.can(auth.SeePersonal) && c.Maker != nil
	for _, l := range r.Lines {
		if l.Category == v.Category {
			v.Findings += l.Findings
			v.Rows = append(v.Rows, FindingRow{l.Type, l.Field, l.Rule, l.Rule == inventory.FieldRule, l.Findings, l.Records, l.Oldest})
		}
	}
	v.Sort = c.r.URL.Query().Get("sort")
	slices.SortStableFunc(v.Rows, func(a, b FindingRow) int {
		switch v.Sort {
		case "type":
			return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Field, b.Field))
		case "oldest":
			return a.Oldest.Compare(b.Oldest)
		}
		return cmp.Compare(b.Findings, a.Findings)
	})
	return v, nil
}

func (c *call) findingsPage() error {
	v, err := c.findingsView()
	if err != nil {
		return err
	}
	return c.ok("findings", v)
}

// inventoryCSV is every line of every inventory, for a spreadsheet.
func (c *call) inventoryCSV() error {
	cfg, err := c.configuration()
	if err != nil {
		return err
	}
	reports, err := c.reports(cfg)
	if err != nil {
		return err
	}
	rows := [][]string{{"system", "type", "field", "category", "rule", "findings", "records", "oldest", "newest", "scanned"}}
	for _, s := range cfg.Systems {
		r := reports[s.Name]
		for _, l := range r.Lines {
			rows = append(rows, []string{string(s.Name), l.Type, l.Field, string(l.Category), l.Rule, strconv.FormatInt(l.Findings, 10),
				strconv.FormatInt(l.Records, 10), c.print.Day(l.Oldest), c.print.Day(l.Newest), c.print.Clock(r.Ended)})
		}
	}
	return c.csv("inventory.csv", rows)
}

// csv sends rows as a file. The first bytes tell a spreadsheet that it is UTF-8.
func (c *call) csv(name string, rows [][]string) error {
	c.w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	c.w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	if _, err := c.w.Write([]byte("\ufeff")); err != nil {
		return nil // the reader has gone
	}
	w := csv.NewWriter(c.w)
	_ = w.WriteAll(rows) // likewise
	return nil
}
