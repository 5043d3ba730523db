package web

import (
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/deadline"
	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/config"
	"github.com/gallra/gallra/internal/i18n"
	"github.com/gallra/gallra/internal/inventory"
	"github.com/gallra/gallra/internal/request"
	"github.com/gallra/gallra/internal/retention"
)

// OverviewView is the start page: the three areas of the house and the
// requests, and what is left to do (REQUIREMENTS S1, S5).
type OverviewView struct {
	Panels []Panel
	Todo   []Todo
	Works  []Progress
}

// Panel is one area: one figure, one sentence, one trend, one action.
type Panel struct {
	Area   string
	Path   string
	Figure i18n.Message // what the number counts; its count is the number
	Number int64
	To     string // where the number leads
	Wrong  bool   // the number should be zero
	Says   i18n.Message
	Trend  Chart
	Action i18n.Message
	Act    string
}

// Todo is one thing left to do, why, for whom and until when.
type Todo struct {
	Risk int // 2: something is wrong now, 1: a duty is unmet, 0: good to do
	What i18n.Message
	Role auth.Role
	By   time.Time
	To   string
	Law  string // key of the law's sentence, without "law."
	Fine string // key of what breaking it may cost, or ""
	Each []Place
	kind string // key of what is left to do with many systems, or "" for what stands alone
}

// Place is one of several systems with which the same is left to do.
type Place struct{ Title, To string }

// Urgent reports whether something is wrong now.
func (t Todo) Urgent() bool { return t.Risk == 2 }

// Left is how many things are left to do; the same thing with five systems is five.
func (v OverviewView) Left() (n int64) {
	for _, t := range v.Todo {
		n += int64(max(1, len(t.Each)))
	}
	return n
}

// alike is from how many systems on the same thing left to do is said once,
// with the systems beneath it: who has twenty systems reads a list of what to
// do, not twenty lines of it.
const alike = 3

// together says what is left to do with many systems once. The order stays that
// of the first of each kind.
func together(todos []Todo) []Todo {
	many := map[string]int{}
	for _, t := range todos {
		many[t.kind]++
	}
	var out []Todo
	at := map[string]int{}
	for _, t := range todos {
		n := many[t.kind]
		if t.kind == "" || n < alike {
			t.Each = nil
			out = append(out, t)
			continue
		}
		if i, ok := at[t.kind]; ok {
			out[i].Each = append(out[i].Each, t.Each...)
			continue
		}
		at[t.kind] = len(out)
		t.What = i18n.Plural("todo.many."+strings.TrimPrefix(t.kind, "todo."), int64(n))
		if t.To == t.Each[0].To {
			t.To = "" // each system has a page of its own for it
		}
		out = append(out, t)
	}
	return out
}

func (c *call) overview() error {
	v, err := c.overviewView()
	if err != nil {
		return err
	}
	return c.ok("overview", v)
}

func (c *call) overviewView() (v OverviewView, err error) {
	cfg, err := c.configuration()
	if err != nil {
		return v, err
	}
	reports, err := c.reports(cfg)
	if err != nil {
		return v, err
	}
	if v.Works, err = c.running("scan", "plan", "run"); err != nil {
		return v, err
	}
	gallring, todos, err := c.retentionPanel(cfg)
	if err != nil {
		return v, err
	}
	v.Panels = append(v.Panels, inventoryPanel(cfg, reports), systemsPanel(cfg, reports), gallring)
	if c.can(auth.SeeRequests) {
		asked, late, err := c.requestsPanel()
		if err != nil {
			return v, err
		}
		v.Panels, todos = append(v.Panels, asked), append(late, todos...)
		back, err := c.alarmTodos()
		if err != nil {
			return v, err
		}
		letters, err := c.letterTodos()
		if err != nil {
			return v, err
		}
		todos = append(append(back, letters...), todos...)
	}
	v.Todo = append(append(todos, systemTodos(cfg, reports)...), c.accountTodos()...)
	held, err := c.holdTodos()
	if err != nil {
		return v, err
	}
	hand, err := c.taskTodos()
	if err != nil {
		return v, err
	}
	out, err := c.deliveryTodos()
	if err != nil {
		return v, err
	}
	v.Todo = append(append(append(v.Todo, held...), hand...), out...)
	for i, t := range v.Todo {
		if t.Fine != "" {
			v.Todo[i].Fine = fine(t.Fine, cfg.Organisation.Type)
		}
	}
	v.Todo = together(v.Todo)
	slices.SortStableFunc(v.Todo, func(a, b Todo) int { return b.Risk - a.Risk })
	return v, nil
}

func inventoryPanel(cfg *config.Config, reports map[gallra.SystemID]inventory.Report) Panel {
	p := Panel{Area: "inventory", Path: "/inventory", To: "/inventory", Act: "/inventory", Action: i18n.Msg("panel.inventory.act")}
	var oldest time.Time
	months := map[string]int64{}
	for _, r := range reports {
		for _, l := range r.Lines {
			p.Number += l.Findings
		}
		for _, t := range counted(r) {
			for m, n := range t.Months {
				if m != "" {
					months[m] += n
				}
			}
			if !t.Oldest.IsZero() && (oldest.IsZero() || t.Oldest.Before(oldest)) {
				oldest = t.Oldest
			}
		}
	}
	p.Figure = i18n.Plural("panel.inventory.figure", p.Number)
	switch {
	case len(cfg.Systems) == 0:
		p.Says = i18n.Msg("panel.inventory.no_systems")
	case len(reports) == 0:
		p.Says = i18n.Msg("panel.inventory.not_scanned")
		p.Action, p.Act = i18n.Msg("panel.inventory.scan"), "/systems"
	default:
		p.Says = i18n.Plural("panel.inventory.says", int64(len(reports)), "oldest", oldest)
	}
	p.Trend = Chart{ID: "trend-inventory", Title: i18n.Msg("panel.inventory.trend"), Desc: i18n.Msg("chart.created.desc"),
		Label: i18n.Msg("chart.when"), Unit: i18n.Msg("chart.records"), Points: calendar(months)}
	return p
}

func systemsPanel(cfg *config.Config, reports map[gallra.SystemID]inventory.Report) Panel {
	p := Panel{Area: "systems", Path: "/systems", To: "/systems", Act: "/systems", Action: i18n.Msg("panel.systems.act"),
		Trend: Chart{ID: "trend-systems", Names: true, Title: i18n.Msg("panel.systems.trend"), Desc: i18n.Msg("panel.systems.trend.desc"), Label: i18n.Msg("chart.system"), Unit: i18n.Msg("chart.records")}}
	for _, s := range cfg.Systems {
		missing := !ownPlace(s) && s.Vendor.Hosting != "own" && s.Vendor.Agreement == ""
		if missing {
			p.Number++
		}
		records, _, _ := totals(reports[s.Name])
		p.Trend.Points = append(p.Trend.Points, Point{Label: title(s), Value: records, Mark: missing})
	}
	p.Figure = i18n.Plural("panel.systems.figure", p.Number)
	p.Wrong = p.Number > 0
	outside := 0
	for _, s := range cfg.Systems {
		if a := storageArea(s.Vendor); a == "outside" || a == "unknown" && !ownPlace(s) {
			outside++
		}
	}
	switch {
	case len(cfg.Systems) == 0:
		p.Says = i18n.Msg("panel.systems.none")
	case outside > 0:
		p.Says = i18n.Plural("panel.systems.outside", int64(outside), "all", len(cfg.Systems))
	default:
		p.Says = i18n.Plural("panel.systems.inside", int64(len(cfg.Systems)))
	}
	return p
}

// retentionPanel tells what the newest plan or run found, and what waits for
// somebody.
func (c *call) retentionPanel(cfg *config.Config) (Panel, []Todo, error) {
	p := Panel{Area: "retention", Path: "/retention", To: "/retention", Act: "/retention", Action: i18n.Msg("panel.retention.act"), Figure: i18n.Plural("panel.retention.figure", 0)}
	if len(cfg.Rules) == 0 {
		p.Says = i18n.Msg("panel.retention.no_rules")
		return p, nil, nil
	}
	p.Says, p.Action = i18n.Msg("panel.retention.no_plan"), i18n.Msg("panel.retention.make")
	if c.Retention == nil {
		return p, nil, nil
	}
	plans, err := c.Retention.Plans(c.ctx(), plansShown)
	if err != nil {
		return p, nil, err
	}
	known, err := c.pastDates(plans)
	if err != nil || known.newest == nil {
		return p, nil, err
	}
	plan := *known.newest
	p.Act, p.Action, p.To = "/retention/plans/"+plan.ID, i18n.Msg("panel.retention.plan"), "/retention/plans/"+plan.ID
	p.Number, p.Trend = known.due, pastChart("trend-retention", known.months)
	p.Says = i18n.Msg("panel.retention.says", "date", plan.Today, "oldest", known.oldest)
	if known.oldest.IsZero() {
		p.Says = i18n.Msg("panel.retention.left", "date", plan.Today)
	}
	if known.due == 0 {
		p.Says, p.Trend = i18n.Msg("panel.retention.clean", "date", plan.Today), Chart{}
	}
	p.Figure, p.Wrong = i18n.Plural("panel.retention.figure", p.Number), p.Number > 0
	var todos []Todo
	switch planState(plan, cfg.Rules, c.DB.Now()) {
	case "ready", "half":
		todos = append(todos, Todo{Risk: 2, What: i18n.Msg("todo.approve", "date", plan.Today), Role: auth.Approver, To: p.Act, Law: "a5e", Fine: "5"})
	case "void":
		todos = append(todos, Todo{Risk: 2, What: i18n.Msg("todo.replan", "date", plan.Today), Role: auth.Agent, To: "/retention", Law: "a5e", Fine: "5"})
	case "approved":
		todos = append(todos, Todo{Risk: 2, What: i18n.Msg("todo.run", "date", plan.Today), Role: auth.Agent, By: plan.Valid(c.DB.Now())[0].At.AddDate(0, 0, 7), To: p.Act, Law: "a5e", Fine: "5"})
	case "done":
		if p.Number > 0 {
			todos = append(todos, Todo{Risk: 2, What: i18n.Msg("todo.past", "n", p.Number), Role: auth.Agent, To: "/retention", Law: "a5e", Fine: "5"})
		}
	}
	return p, todos, nil
}

// requestsPanel tells who waits for an answer.
func (c *call) requestsPanel() (Panel, []Todo, error) {
	p := Panel{Area: "requests", Path: "/requests", To: "/requests", Act: "/requests", Action: i18n.Msg("panel.requests.act"), Says: i18n.Msg("panel.requests.none")}
	p.Figure = i18n.Plural("panel.requests.figure", 0)
	if c.Requests == nil {
		return p, nil, nil
	}
	rs, err := c.Requests.List(c.ctx(), request.Filter{})
	if err != nil {
		return p, nil, err
	}
	now, late, months := c.DB.Now(), int64(0), map[string]int64{}
	var first time.Time
	var todos []Todo
	for _, r := range rs {
		months[r.Received.Format("2006-01")]++
		k := clock(r, now)
		if !k.Running {
			continue
		}
		p.Number++
		if first.IsZero() || k.Due.Before(first) {
			first = k.Due
		}
		if k.Days < 0 {
			late++
		}
		if k.State != deadline.Calm {
			t := Todo{Risk: 1, What: i18n.Msg("todo.request", "right", i18n.Msg(asked(r)), "matter", r.Matter), Role: auth.Agent, By: k.Due, To: "/requests/" + r.ID, Law: "a12", Fine: "5"}
			if k.Wrong() {
				t.Risk = 2
			}
			todos = append(todos, t)
		}
	}
	p.Figure = i18n.Plural("panel.requests.figure", p.Number)
	switch {
	case late > 0:
		p.Says, p.Wrong = i18n.Plural("panel.requests.late", late), true
	case p.Number > 0:
		p.Says = i18n.Msg("panel.requests.next", "date", first)
	}
	p.Trend = Chart{ID: "trend-requests", Title: i18n.Msg("panel.requests.trend"), Desc: i18n.Msg("panel.requests.trend.desc"), Label: i18n.Msg("chart.when"), Unit: i18n.Msg("area.requests"), Points: calendar(months)}
	return p, todos, nil
}

// pastDates is what the plans and runs, taken together, last said of what is
// past its date: for each type of each system the newest of them that looked.
type pastDates struct {
	newest *retention.Plan
	due    int64
	oldest time.Time
	months map[string]int64 // of what no run has dealt with
}

func (c *call) pastDates(plans []retention.Plan) (d pastDates, err error) {
	d.months = map[string]int64{}
	seen := map[string]bool{}
	for i, p := range plans { // newest first
		if p.State == retention.Making {
			continue
		}
		if d.newest == nil || d.newest.State == retention.Done && p.State == retention.Ready {
			d.newest = &plans[i] // one that waits for somebody comes before one that is done
		}
		var left map[string]int64
		for _, u := range p.Preview.Units {
			key := string(u.System) + "/" + u.Type
			if seen[key] {
				continue
			}
			seen[key] = true
			if p.State == retention.Done {
				if left == nil { // most plans are of types that a newer one has looked at
					if left, err = c.left(p.ID); err != nil {
						return d, err
					}
				}
				d.due += left[key]
				continue
			}
			d.due += u.Due
			for m, n := range u.Months {
				d.months[m] += n
			}
			if !u.Oldest.IsZero() && (d.oldest.IsZero() || u.Oldest.Before(d.oldest)) {
				d.oldest = u.Oldest
			}
		}
	}
	return d, nil
}

// left returns how many records a plan's run left past their date, by type.
func (c *call) left(plan string) (map[string]int64, error) {
	out := map[string]int64{}
	id, err := c.Retention.RunOfPlan(c.ctx(), plan)
	if err != nil || id == "" {
		return out, err
	}
	run, err := c.Retention.RunOf(c.ctx(), id)
	if err != nil || run.Protocol == nil {
		return out, err
	}
	for _, part := range run.Protocol.Parts {
		out[string(part.System)+"/"+part.Type] = sum(part.Left)
	}
	return out, nil
}

// systemTodos are the gaps of each system: what the law asks and nobody has
// answered yet (REQUIREMENTS S5, S9).
func systemTodos(cfg *config.Config, reports map[gallra.SystemID]inventory.Report) []Todo {
	var out []Todo
	if len(cfg.Systems) == 0 {
		return []Todo{{Risk: 1, What: i18n.Msg("todo.no_systems"), Role: auth.Admin, To: "/systems", Law: "a30", Fine: "4"}}
	}
	ruled := map[gallra.SystemID]bool{}
	for _, r := range cfg.Rules {
		for _, s := range r.Systems {
			ruled[s] = true
		}
	}
	for _, s := range cfg.Systems {
		at := "/systems/" + string(s.Name)
		add := func(key string, risk int, role auth.Role, to, law, tier string) {
			out = append(out, Todo{Risk: risk, What: i18n.Msg(key, "system", title(s)), Role: role, To: to, Law: law, Fine: tier, kind: key, Each: []Place{{title(s), at}}})
		}
		if !ownPlace(s) && s.Vendor.Hosting != "own" && s.Vendor.Agreement == "" {
			add("todo.no_agreement", 1, auth.Admin, at, "a28", "4")
		}
		switch storageArea(s.Vendor) {
		case "outside":
			add("todo.outside", 2, auth.DPO, at, "a44", "5")
		case "unknown":
			if !ownPlace(s) {
				add("todo.country", 1, auth.Admin, at, "a44", "5")
			}
		}
		if !ruled[s.Name] {
			add("todo.no_rule", 1, auth.Approver, "/retention", "a5e", "5")
		}
		hand := connector.Scheme(s.URL) == "manual"
		if _, ok := reports[s.Name]; !ok && !hand { // nobody can take inventory of a binder
			add("todo.no_scan", 1, auth.Admin, at, "a30", "4")
		}
	}
	for _, r := range cfg.Rules {
		if cfg.Organisation.Type.Public() && r.Decision.Number == "" {
			out = append(out, Todo{Risk: 1, What: i18n.Msg("todo.no_decision", "rule", rule(r)), Role: auth.Approver, To: "/retention", Law: "archives"})
		}
	}
	return out
}

// ownPlace reports whether a system is a place of the organisation's own that
// people work by hand, such as binders: it has no vendor and lies in the house.
func ownPlace(s config.System) bool {
	for _, kind := range []string{"paper", "folder", "mailbox"} {
		if s.Vendor.Name == "" && (strings.HasPrefix(s.URL, "manual:"+kind) || strings.HasPrefix(s.URL, "manual://"+kind)) {
			return true
		}
	}
	return false
}

// accountTodos asks for the people that four eyes need.
func (c *call) accountTodos() []Todo {
	accounts, err := c.Auth.Accounts(c.ctx())
	if err != nil {
		return nil // the page lives without; the next one fails the same way and says so
	}
	has := map[auth.Role]int{}
	for _, a := range accounts {
		if a.Disabled.IsZero() {
			has[a.Role]++
		}
	}
	var out []Todo
	add := func(key string) {
		out = append(out, Todo{Risk: 1, What: i18n.Msg(key), Role: auth.Admin, To: "/settings", Law: "a32", Fine: "4"})
	}
	if has[auth.Agent] == 0 {
		add("todo.no_agent")
	}
	switch has[auth.Approver] {
	case 0:
		add("todo.no_approver")
	case 1:
		add("todo.one_approver")
	}
	return out
}

// fine returns the key of what breaking a duty may cost: GDPR art. 83(4) or
// (5), for a Swedish public body by 6 kap. 2 § lagen (2018:218).
func fine(tier string, o gallra.OrganisationType) string {
	if o.Public() && o != gallra.OrgMunicipalCompany {
		return "fine.public." + tier
	}
	return "fine.company." + tier
}

// rule returns a rule as one sentence: "Chattar gallras 3 månader efter att de
// stängts".
func rule(r gallra.Rule) i18n.Message {
	what := r.Title
	if what == "" {
		what = r.Purpose
	}
	switch r.Start {
	case gallra.StartCreated, gallra.StartLastContact, gallra.StartClosed, gallra.StartUpdated:
		return i18n.Msg("rule."+string(r.Action)+"."+string(r.Start), "what", what, "period", r.Keep)
	}
	return i18n.Msg("rule."+string(r.Action)+".other", "what", what, "period", r.Keep, "start", i18n.Msg("start."+string(r.Start)))
}
