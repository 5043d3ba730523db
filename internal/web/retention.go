package web

import (
	"cmp"
	"database/sql"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/config"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/facts"
	"github.com/gallra/gallra/internal/i18n"
	"github.com/gallra/gallra/internal/report"
	"github.com/gallra/gallra/internal/retention"
	"github.com/gallra/gallra/internal/statistics"
	"github.com/gallra/gallra/internal/trial"
)

// RetentionView is "what goes, when?": the rules as sentences, and the plans.
type RetentionView struct {
	Rules  []RuleRow
	Plans  []PlanRow
	Making []Progress
	Time   Timeline
	Late   []LateRow
	Backup []BackupRow
	Empty  bool // no rule at all
	Halted bool // the kill switch is thrown
}

// RuleRow is one rule as a sentence.
type RuleRow struct {
	gallra.Rule
	Sentence i18n.Message
	Systems  []string // titles
	Blocked  bool     // a public body's rule without its decision
	Meets    []Meeting
}

// Meeting is another rule over the same records: of the two purposes the longer
// period decides (REQUIREMENTS H-20).
type Meeting struct {
	Other  i18n.Message // the other rule as a sentence
	System string
	ID     string
}

// PlanRow is one plan in the list.
type PlanRow struct {
	ID           string
	Created      time.Time
	Actor        string
	State        string // key of plan.state.
	Good         bool
	Due, Planned int64
}

func (c *call) ruleRows(cfg *config.Config, rules []gallra.Rule) []RuleRow {
	var out []RuleRow
	for _, r := range rules {
		row := RuleRow{Rule: r, Sentence: rule(r)}
		for _, id := range r.Systems {
			s, _ := cfg.System(id)
			row.Systems = append(row.Systems, cmp.Or(title(s), string(id)))
		}
		for _, other := range cfg.Rules {
			if id, yes := r.Meets(other); yes && other.ID != r.ID {
				s, _ := cfg.System(id)
				row.Meets = append(row.Meets, Meeting{rule(other), cmp.Or(title(s), string(id)), other.ID})
			}
		}
		row.Blocked = cfg.Organisation.Type.Public() && (r.Decision.Body == "" || r.Decision.Date == "" || r.Decision.Number == "")
		out = append(out, row)
	}
	return out
}

// planState is where a plan stands, in the words people use of it; rules are
// those in force.
func planState(p retention.Plan, rules []gallra.Rule, now time.Time) string {
	switch {
	case p.State != retention.Ready:
		return string(p.State)
	case p.Preview.Planned == 0 && len(p.Preview.Tasks) == 0:
		return "nothing"
	case len(p.Changed(rules)) > 0:
		return "void"
	case p.Approved(now):
		return "approved"
	case len(p.Valid(now)) > 0:
		return "half"
	}
	return "ready"
}

// plansShown is how many plans the page lists.
const plansShown = 50

func (c *call) retentionView() (v RetentionView, err error) {
	cfg, err := c.configuration()
	if err != nil {
		return v, err
	}
	v.Rules = c.ruleRows(cfg, cfg.Rules)
	v.Empty = len(v.Rules) == 0
	if v.Making, err = c.running(retention.WorkPlan, retention.WorkRun); err != nil {
		return v, err
	}
	if c.Retention == nil {
		return v, nil
	}
	if v.Halted, err = c.Retention.Stopped(c.ctx()); err != nil {
		return v, err
	}
	plans, err := c.Retention.Plans(c.ctx(), plansShown)
	if err != nil {
		return v, err
	}
	for _, p := range plans {
		state := planState(p, cfg.Rules, c.DB.Now())
		v.Plans = append(v.Plans, PlanRow{ID: p.ID, Created: p.Created, Actor: p.Actor, State: state, Good: state == "approved" || state == "done", Due: p.Preview.Due, Planned: p.Preview.Planned})
	}
	runs, err := c.Retention.RunParts(c.ctx(), runsShown)
	if err != nil {
		return v, err
	}
	if v.Time, err = c.timeline(cfg, runs); err != nil {
		return v, err
	}
	if v.Late, err = c.late(cfg, plans); err != nil {
		return v, err
	}
	v.Backup = c.backups(cfg, runs)
	return v, nil
}

func pastChart(id string, months map[string]int64) Chart {
	return Chart{ID: id, Title: i18n.Msg("retention.past"), Desc: i18n.Msg("retention.past.desc"),
		Label: i18n.Msg("chart.when"), Unit: i18n.Msg("chart.records"), Points: calendar(months)}
}

func (c *call) retentionPage() error {
	v, err := c.retentionView()
	if err != nil {
		return err
	}
	return c.ok("retention", v)
}

// makePlan starts a plan of the chosen rules. Nothing is written to any system.
func (c *call) makePlan() error {
	if c.Retention == nil || c.Queue == nil {
		return gallra.Errorf(gallra.Unavailable, "web.no_retention")
	}
	cfg, err := c.configuration()
	if err != nil {
		return err
	}
	if err := c.r.ParseForm(); err != nil {
		return gallra.Errorf(gallra.Invalid, "web.form")
	}
	spec := retention.PlanSpec{Actor: c.account.Username, Organisation: retention.Organisation{Name: cfg.Organisation.Name, Number: cfg.Organisation.Number, Type: cfg.Organisation.Type, Archive: cfg.Organisation.Archive}}
	for _, r := range cfg.Rules {
		if slices.Contains(c.r.PostForm["rule"], r.ID) {
			spec.Rules = append(spec.Rules, r)
		}
	}
	var id string
	err = c.DB.Tx(c.ctx(), func(tx *sql.Tx) (err error) { id, err = c.Retention.PlanTx(c.ctx(), tx, spec); return err })
	if err != nil {
		v, verr := c.retentionView()
		if verr != nil {
			return verr
		}
		return c.refuse("retention", v, err)
	}
	if err := c.Queue(c.ctx(), id); err != nil {
		return err
	}
	c.redirect("/retention/plans/" + id)
	return nil
}

// PlanView is one plan on one page: what goes, what stays and why, what will
// remain, and the decision.
type PlanView struct {
	ID, Hash  string
	State     string // key of plan.state.
	Actor     string
	Created   time.Time
	Today     time.Time
	Progress  *Progress // while it is being made
	Rules     []RuleRow
	Units     []PlanUnit
	Figures   []PlanFigures
	Due       int64
	Planned   int64
	Late      int64
	LateDays  int
	Oldest    time.Time
	Skipped   []Skipped
	Months    Chart // what is due by month of the start event, all systems together
	Remains   []SystemRemains
	Unproved  []string // systems in which something planned has never been shown to work
	Sample    []gallra.Ref
	Read      []ReadRecord // some of the sample as they are now, masked
	Tasks     []TaskRow    // what people will be asked to do by hand
	Approvals []PlanApproval
	Void      []i18n.Message // rules that have changed since: nobody can approve or run it any more
	Needed    int            // approvals still wanted
	MayDecide bool           // the reader may approve, and has not
	Mine      bool           // the reader has approved
	MayRun    bool
	Run       string
	Typed     string // what was typed, when the form is shown again
}

// PlanUnit is one type of one system in a plan.
type PlanUnit struct {
	System, Title, Type string
	Total, Due, Planned int64
	Actions             []Counted
	Oldest              time.Time
	Months              Chart // due by month of the start event
}

// PlanFigures is where the cases that the statistics count stand before a run
// and after it: in the system, or saved as figures alone.
type PlanFigures struct {
	Title, Type          string
	Live, Saved          int64
	LiveAfter, SavedThen int64
}

// Sum returns how many cases are counted, before as after.
func (f PlanFigures) Sum() int64 { return f.Live + f.Saved }

// Counted is a number with its name.
type Counted struct {
	Name string
	N    int64
}

// Skipped is what is past its date and stays, and why.
type Skipped struct {
	Why  i18n.Message
	N    int64
	Risk bool // somebody has to do something about it
}

// SystemRemains is what one system keeps after the run.
type SystemRemains struct {
	Title   string
	Remains []connector.Remain
	Backups *gallra.Period // nil: not known
	Facts   []facts.Line
}

// Warned reports whether something of the system has never been shown to work.
func (r SystemRemains) Warned() bool {
	return slices.ContainsFunc(r.Facts, func(l facts.Line) bool { return l.Warn })
}

// RemainsGroup is what some systems keep after the run, all the same.
type RemainsGroup struct {
	Titles []string
	SystemRemains
}

// RemainsGroups tells once what several systems keep alike, so that a plan of
// many systems can be read.
func (v PlanView) RemainsGroups() []RemainsGroup {
	var out []RemainsGroup
	for _, r := range v.Remains {
		i := slices.IndexFunc(out, func(g RemainsGroup) bool {
			return slices.Equal(g.Remains, r.Remains) && (g.Backups == nil) == (r.Backups == nil) && (r.Backups == nil || *g.Backups == *r.Backups)
		})
		if i < 0 {
			out = append(out, RemainsGroup{SystemRemains: r})
			i = len(out) - 1
		}
		out[i].Titles = append(out[i].Titles, r.Title)
	}
	return out
}

// unitsOpen is how many rows a plan shows of each kind before they are folded.
const unitsOpen = 6

// Many reports whether the plan is of so many systems that what is told of each
// is folded.
func (v PlanView) Many() bool { return len(v.Units) > unitsOpen }

// PlanApproval is one person's yes.
type PlanApproval struct {
	Actor string
	At    time.Time
	Valid bool
}

// Kept returns how many are past their date and stay.
func (v PlanView) Kept() int64 { return v.Due - v.Planned }

// LateMost is the most days any record is past its date.
func (v PlanView) LateMost() int64 { return int64(v.LateDays) }

// Missing is how many approvals are still wanted.
func (v PlanView) Missing() int64 { return int64(v.Needed) }

// Words returns what remains in a language.
func (v PlanView) Words(l i18n.Lang, r connector.Remain) string { return SystemView{}.Words(l, r) }

func (c *call) planView() (v PlanView, p retention.Plan, err error) {
	if c.Retention == nil {
		return v, p, gallra.Errorf(gallra.Unavailable, "web.no_retention")
	}
	cfg, err := c.configuration()
	if err != nil {
		return v, p, err
	}
	if p, err = c.Retention.PlanOf(c.ctx(), c.r.PathValue("plan")); err != nil {
		return v, p, err
	}
	now := c.DB.Now()
	v = PlanView{ID: p.ID, Hash: p.Hash, State: planState(p, cfg.Rules, now), Actor: p.Actor, Created: p.Created, Today: p.Today,
		Rules: c.ruleRows(cfg, p.Rules), Due: p.Preview.Due, Planned: p.Preview.Planned}
	works, err := c.running(retention.WorkPlan)
	if err != nil {
		return v, p, err
	}
	for i := range works {
		if works[i].ID == p.ID {
			v.Progress = &works[i]
		}
	}
	if v.Run, err = c.Retention.RunOfPlan(c.ctx(), p.ID); err != nil {
		return v, p, err
	}
	v.units(cfg, p)
	if err := v.known(c, p); err != nil {
		return v, p, err
	}
	if v.Figures, err = c.planFigures(cfg, p); err != nil {
		return v, p, err
	}
	for _, t := range p.Preview.Tasks {
		s, _ := cfg.System(t.System)
		v.Tasks = append(v.Tasks, TaskRow{Task: t, Title: cmp.Or(title(s), string(t.System))})
	}
	v.skipped(p)
	valid := 0
	for _, a := range p.Approvals {
		ok := v.State != "void" && slices.Contains(p.Valid(now), a)
		if ok {
			valid++
			v.Mine = v.Mine || a.Actor == c.account.Username
		}
		v.Approvals = append(v.Approvals, PlanApproval{a.Actor, a.At, ok})
	}
	v.Needed = max(0, 2-valid)
	for _, r := range p.Changed(cfg.Rules) {
		if v.State == "void" {
			v.Void = append(v.Void, rule(r))
		}
	}
	open := p.State == retention.Ready && len(v.Void) == 0 && p.Preview.Planned+int64(len(p.Preview.Tasks)) > 0
	v.MayDecide = open && c.can(auth.Approve) && !v.Mine && v.Needed > 0
	v.MayRun = open && c.can(auth.RunRetention) && p.Approved(now)
	return v, p, nil
}

func (v *PlanView) units(cfg *config.Config, p retention.Plan) {
	seen, months := map[gallra.SystemID]bool{}, map[string]int64{}
	for _, u := range p.Preview.Units {
		for m, n := range u.Months {
			months[m] += n
		}
		s, _ := cfg.System(u.System)
		name := cmp.Or(title(s), string(u.System))
		row := PlanUnit{System: string(u.System), Title: name, Type: u.Type, Total: u.Total, Due: u.Due, Planned: u.Planned, Oldest: u.Oldest}
		row.Months = Chart{ID: "m" + strconv.Itoa(len(v.Units)), Title: i18n.Msg("plan.months", "system", name, "type", i18n.TypeName(u.Type)), Desc: i18n.Msg("retention.past.desc"),
			Label: i18n.Msg("chart.when"), Unit: i18n.Msg("chart.records"), Points: calendar(u.Months)}
		for _, a := range []gallra.Action{gallra.ActionErase, gallra.ActionArchive, gallra.ActionAnonymise} {
			if n := u.Actions[string(a)]; n > 0 {
				row.Actions = append(row.Actions, Counted{string(a), n})
			}
		}
		v.Units = append(v.Units, row)
		v.Late += u.Late
		v.LateDays = max(v.LateDays, u.LateDays)
		if !u.Oldest.IsZero() && (v.Oldest.IsZero() || u.Oldest.Before(v.Oldest)) {
			v.Oldest = u.Oldest
		}
		if len(v.Sample) < 10 {
			v.Sample = append(v.Sample, u.Sample[:min(len(u.Sample), 10-len(v.Sample))]...)
		}
		if !seen[u.System] {
			seen[u.System] = true
			r := SystemRemains{Title: name, Remains: u.Remains}
			if d, err := gallra.ParsePeriod(u.BackupLife); err == nil {
				r.Backups = &d
			}
			v.Remains = append(v.Remains, r)
		}
	}
	v.Months = pastChart("months", months)
	slices.SortStableFunc(v.Units, func(a, b PlanUnit) int { return cmp.Compare(b.Planned, a.Planned) }) // what goes most stands first
}

// planFigures tells what the run makes of the statistics: nothing but where their
// cases stand. It is told of a plan that waits; a run has figures of its own.
func (c *call) planFigures(cfg *config.Config, p retention.Plan) (out []PlanFigures, err error) {
	if p.State != retention.Ready || p.Preview.Planned == 0 {
		return nil, nil
	}
	for _, u := range p.Preview.Units {
		if u.Total < 0 {
			continue
		}
		saved, err := statistics.Thinned(c.ctx(), c.DB, u.System, u.Type)
		if err != nil {
			return nil, err
		}
		s, _ := cfg.System(u.System)
		gone := min(u.Actions[string(gallra.ActionErase)]+u.Actions[string(gallra.ActionArchive)], u.Total)
		out = append(out, PlanFigures{cmp.Or(title(s), string(u.System)), u.Type, u.Total, saved.Records(), u.Total - gone, saved.Records() + gone})
	}
	return out, nil
}

// known tells of each system what to know before the run.
func (v *PlanView) known(c *call, p retention.Plan) error {
	shown, err := (&trial.Bench{DB: c.DB}).Shown(c.ctx())
	if err != nil {
		return err
	}
	for i, s := range p.Preview.Systems() {
		proofs := facts.Proofs(s.Can, shown[s.System], c.DB.Now())
		v.Remains[i].Facts = without(facts.Lines(c.print, s.Profile, proofs, s.Planned), "remains", "backups")
		if len(facts.Unproved(proofs, s.Needs...)) > 0 {
			v.Unproved = append(v.Unproved, v.Remains[i].Title)
		}
	}
	return nil
}

func (v *PlanView) skipped(p retention.Plan) {
	sum := map[string]int64{}
	for _, u := range p.Preview.Units {
		for _, n := range u.Held {
			sum["held"] += n
		}
		for why, n := range u.Blocked {
			if why == retention.ReasonNoDecision {
				sum["no_decision"] += n
			} else {
				sum["blocked"] += n
			}
		}
		sum["already"] += u.Already
		sum["unknown"] += u.Unknown
		sum["fallback"] += u.Fallback
		for _, n := range u.Unread {
			sum["unread"] += n
		}
	}
	for _, why := range []string{"no_decision", "blocked", "held", "unknown", "unread", "already"} {
		if n := sum[why]; n > 0 {
			v.Skipped = append(v.Skipped, Skipped{i18n.Msg("plan.skipped." + why), n, why == "no_decision" || why == "unknown" || why == "unread"})
		}
	}
}

func (c *call) planPage() error {
	v, _, err := c.planView()
	if err != nil {
		return err
	}
	return c.ok("plan", v)
}

// approvePlan is the decision. The person types how many records go, so that
// nobody approves a number unread; the hash binds the yes to this very plan
// (REQUIREMENTS G-2).
func (c *call) approvePlan() error {
	v, p, err := c.planView()
	if err != nil {
		return err
	}
	v.Typed = c.r.PostFormValue("count")
	digits := strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return r
		}
		return -1
	}, v.Typed)
	if digits != strconv.FormatInt(p.Preview.Planned, 10) {
		return c.refuse("plan", v, gallra.Errorf(gallra.Invalid, "web.count_differs"))
	}
	if err := c.Retention.Approve(c.ctx(), p.ID, c.account.Username, c.r.PostFormValue("hash")); err != nil {
		return c.refuse("plan", v, err)
	}
	return c.done("/retention/plans/"+p.ID, "plan_approved")
}

// sampleRead is how many records of a plan are shown, and sampleText how many
// bytes of each of their texts.
const (
	sampleRead = 5
	sampleText = 300
)

// samplePlan shows a few of the records that would go, masked, so that whoever
// decides sees what kind they are. The reading is in the log.
func (c *call) samplePlan() error {
	v, _, err := c.planView()
	if err != nil {
		return err
	}
	m, err := c.maker()
	if err != nil {
		return c.refuse("plan", v, err)
	}
	mask := newMasker(m.Engine, nil)
	for _, ref := range v.Sample[:min(len(v.Sample), sampleRead)] {
		rec, types, err := c.sampled(m, ref)
		if errors.Is(err, gallra.ErrNotFound) {
			continue // gone since the plan
		}
		if err != nil {
			return c.refuse("plan", v, err)
		}
		read := mask.record(types, rec)
		for i, p := range read.Parts {
			read.Parts[i].Text = shorten(p.Text, sampleText)
		}
		v.Read = append(v.Read, read)
	}
	mask.counts["records"] = int64(len(v.Read))
	if err := c.prove(evidence.Entry{Action: "plan.sample", Subject: v.ID, Result: "masked", Counts: mask.counts}); err != nil {
		return err
	}
	return c.ok("plan", v)
}

func (c *call) sampled(m report.Maker, ref gallra.Ref) (gallra.Record, []connector.Type, error) {
	src, types, _, err := c.open(m, ref.System)
	if err != nil {
		return gallra.Record{}, nil, err
	}
	defer src.Close() // read only: nothing is lost
	rec, err := src.Get(c.ctx(), ref)
	return rec, types, err
}

// shorten keeps the first bytes of a text, whole characters.
func shorten(text []Stretch, most int) []Stretch {
	for i, s := range text {
		if len(s.Text) > most {
			return append(text[:i:i], Stretch{Text: s.Text[:whole(s.Text, most)] + " …", Category: s.Category})
		}
		most -= len(s.Text)
	}
	return text
}
