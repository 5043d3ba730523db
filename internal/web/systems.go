package web

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/config"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/facts"
	"github.com/gallra/gallra/internal/i18n"
	"github.com/gallra/gallra/internal/inventory"
	"github.com/gallra/gallra/internal/trial"
)

// SystemsView is "may they, can they?": one row a system.
type SystemsView struct {
	Systems []SystemRow
	Scans   []Progress
}

// SystemRow is one system and its vendor.
type SystemRow struct {
	Name, Title string
	Channel     connector.Channel
	Connector   string
	Vendor      config.Vendor
	Area        string // where it is stored: inside, outside, unknown (of the EEA)
	Rights      []Right
	Scanned     time.Time
	Proved      time.Time // when an erasure was last shown to work; zero: never, or too long ago
}

// Right is one thing a person may ask for, and whether the system can do it.
type Right struct {
	Name string // find, erase, edit, restrict, verify
	Can  bool
}

// rights are what people may demand, in the terms of connectors: access and
// portability need find, erasure erase, rectification edit, restriction
// restrict (GDPR art. 15-21); verify is what proves it.
var rights = []connector.Capability{connector.CanFind, connector.CanErase, connector.CanEdit, connector.CanRestrict, connector.CanVerify}

// eea holds the countries of the European Economic Area: the 27 of the Union
// with Iceland, Liechtenstein and Norway (REQUIREMENTS S38).
const eea = " AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK "

func storageArea(v config.Vendor) string {
	country := strings.ToUpper(strings.TrimSpace(v.Country))
	switch {
	case country == "" && v.Hosting == "own":
		return "own"
	case country == "":
		return "unknown"
	case strings.Contains(eea, " "+country+" "):
		return "inside"
	}
	return "outside"
}

func (c *call) systemRow(s config.System) (SystemRow, error) {
	row := SystemRow{Name: string(s.Name), Title: title(s), Channel: s.Channel, Vendor: s.Vendor, Area: storageArea(s.Vendor)}
	info, _ := connector.Lookup(connector.Scheme(s.URL))
	row.Connector = cmp.Or(info.Title, connector.Scheme(s.URL))
	if k := "connector." + info.Name; c.print.Has(k) {
		row.Connector = c.print.T(k)
	}
	row.Channel = cmp.Or(row.Channel, info.Channel, connector.ChannelOther)
	for _, r := range rights {
		row.Rights = append(row.Rights, Right{string(r), slices.Contains(info.Can, r)})
	}
	r, err := inventory.Latest(c.ctx(), c.DB, s.Name)
	if err != nil && gallra.CodeOf(err) != gallra.NotFound {
		return row, err
	}
	row.Scanned = r.Ended
	shown, err := (&trial.Bench{DB: c.DB}).Shown(c.ctx())
	if err != nil {
		return row, err
	}
	for _, p := range facts.Proofs([]connector.Capability{connector.CanErase}, shown[s.Name], c.DB.Now()) {
		if p.Counts {
			row.Proved = p.Proved
		}
	}
	return row, nil
}

func (c *call) systemsView() (v SystemsView, err error) {
	cfg, err := c.configuration()
	if err != nil {
		return v, err
	}
	for _, s := range cfg.Systems {
		row, err := c.systemRow(s)
		if err != nil {
			return v, err
		}
		v.Systems = append(v.Systems, row)
	}
	v.Scans, err = c.running(inventory.Kind)
	return v, err
}

func (c *call) systemsPage() error {
	v, err := c.systemsView()
	if err != nil {
		return err
	}
	return c.ok("systems", v)
}

// SystemView is one system on a page of its own.
type SystemView struct {
	SystemRow
	Remains    []connector.Remain
	BackupLife string // as the system's entry says; "" as its profile says
	Reindex    string
	Types      []inventory.TypeLine
	Skipped    map[string]int64 // reason: places that could not be read
	Scans      []Progress
	Problem    string // why the system could not be asked
	Facts      []facts.Line
}

// patience is how long a page waits for a system to answer.
const patience = 5 * time.Second

func (c *call) systemView() (v SystemView, err error) {
	cfg, err := c.configuration()
	if err != nil {
		return v, err
	}
	s, ok := cfg.System(gallra.SystemID(c.r.PathValue("system")))
	if !ok {
		return v, c.unknownPage()
	}
	if v.SystemRow, err = c.systemRow(s); err != nil {
		return v, err
	}
	if v.BackupLife = s.BackupLife; v.BackupLife != "" {
		if p, err := gallra.ParsePeriod(v.BackupLife); err == nil {
			v.BackupLife = c.periodText(p)
		}
	}
	scans, err := c.running(inventory.Kind)
	if err != nil {
		return v, err
	}
	for _, p := range scans {
		if p.Subject == v.Name {
			v.Scans = append(v.Scans, p)
		}
	}
	r, err := inventory.Latest(c.ctx(), c.DB, s.Name)
	if err != nil && gallra.CodeOf(err) != gallra.NotFound {
		return v, err
	}
	v.Types, v.Skipped = r.Types, map[string]int64{}
	for _, t := range r.Types {
		for reason, n := range t.Skipped {
			v.Skipped[reason] += n
		}
	}
	if c.Scanner != nil && c.Scanner.Open != nil {
		v.profile(c, s.Name)
	}
	return v, nil
}

// profile asks the system's connector what remains after an erasure. A system
// that does not answer is no reason not to show what is known of it.
func (v *SystemView) profile(c *call, id gallra.SystemID) {
	ctx, cancel := context.WithTimeout(c.ctx(), patience)
	defer cancel()
	src, err := c.Scanner.Open(ctx, id)
	if err != nil {
		v.Problem = c.print.Error(err)
		return
	}
	defer src.Close()
	if p, ok := src.(connector.Profiled); ok {
		pr := p.Profile()
		v.Remains, v.Reindex = pr.Remains, pr.Reindex
		if shown, err := (&trial.Bench{DB: c.DB}).Shown(ctx); err == nil {
			v.Facts = without(facts.Lines(c.print, pr, facts.Proofs(connector.Capabilities(src), shown[id], c.DB.Now()), 0), "remains", "reindex")
		}
	}
}

// without leaves out the lines that a page shows elsewhere.
func without(lines []facts.Line, names ...string) []facts.Line {
	return slices.DeleteFunc(lines, func(l facts.Line) bool { return slices.Contains(names, l.Name) })
}

// Words returns what remains in the language of the page.
func (v SystemView) Words(l i18n.Lang, r connector.Remain) string {
	if l == i18n.English {
		return r.EN
	}
	return r.SV
}

func (c *call) systemPage() error {
	v, err := c.systemView()
	if err != nil {
		return err
	}
	return c.ok("system", v)
}

// checkSystem proves that the system can be reached with the rights it needs.
func (c *call) checkSystem() error {
	v, err := c.systemView()
	if err != nil {
		return err
	}
	if c.Scanner == nil || c.Scanner.Open == nil {
		return gallra.Errorf(gallra.Unavailable, "web.no_scanner")
	}
	ctx, cancel := context.WithTimeout(c.ctx(), 4*patience)
	defer cancel()
	src, err := c.Scanner.Open(ctx, gallra.SystemID(v.Name))
	if err == nil {
		defer src.Close()
		err = src.Check(ctx)
	}
	if err != nil {
		return c.refuse("system", v, err)
	}
	return c.done("/systems/"+v.Name, "system_answers")
}

// scanSystem starts an inventory of the system.
func (c *call) scanSystem() error {
	v, err := c.systemView()
	if err != nil {
		return err
	}
	switch {
	case c.Scanner == nil || c.Queue == nil:
		return gallra.Errorf(gallra.Unavailable, "web.no_scanner")
	case len(v.Scans) > 0:
		return c.refuse("system", v, gallra.Errorf(gallra.Conflict, "web.scan_running"))
	}
	w, err := c.Scanner.Start(c.ctx(), gallra.SystemID(v.Name), c.account.Username)
	if err != nil {
		return err
	}
	if err := c.record(evidence.Entry{Action: "scan.start", System: gallra.SystemID(v.Name), Subject: w.ID}); err != nil {
		return err
	}
	if err := c.Queue(c.ctx(), w.ID); err != nil {
		return err
	}
	return c.done("/systems/"+v.Name, "scan_started")
}
