package web

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/config"
	"github.com/gallra/gallra/internal/i18n"
	"github.com/gallra/gallra/internal/retention"
	"github.com/gallra/gallra/internal/work"
)

// RunView is one run: how far it has come, and then what came of it.
type RunView struct {
	ID, Plan  string
	Actor     string
	Started   time.Time
	Ended     time.Time
	Progress  Progress
	Planned   int64
	Approvals []retention.Approval
	Rules     []RuleRow
	Protocol  *RunResult
	Halted    bool // the kill switch is thrown: it rests until that is lifted and somebody resumes it
}

// RunResult is what came of a run, in the words of a page.
type RunResult struct {
	retention.Protocol
	Outcomes   []Counted // in a fixed order, zeros left out
	Reasons    []Counted
	Deviations []i18n.Message
	Parts      []PartView
	Figures    []FiguresRow
	Good       bool
}

// PartView is what became of one type of one system.
type PartView struct {
	retention.Part
	Title    string
	Outcomes []Counted
	Left     []Counted
	Held     int64
	Blocked  int64
	Residues []retention.Residue
}

// Words returns what remains in a language.
func (v RunView) Words(l i18n.Lang, r connector.Remain) string { return SystemView{}.Words(l, r) }

var outcomes = []gallra.Outcome{gallra.OutcomeErased, gallra.OutcomeAnonymised, gallra.OutcomeDeidentified, gallra.OutcomeKept, gallra.OutcomeFailed}

func outcomesOf(t retention.Tally) []Counted {
	var out []Counted
	for _, o := range outcomes {
		if n := t.Outcomes[o]; n > 0 {
			out = append(out, Counted{string(o), n})
		}
	}
	return out
}

// FiguresRow is the statistics of one type before and after a run.
type FiguresRow struct {
	Title, Type   string
	Before, After int64
	Digest        string // the first signs of the sum that both have
	Equal         bool
}

func figuresOf(cfg *config.Config, list []retention.Figures) (out []FiguresRow) {
	for _, f := range list {
		s, _ := cfg.System(f.System)
		out = append(out, FiguresRow{cmp.Or(title(s), string(f.System)), f.Type, f.Before.Records, f.After.Records, f.DigestAfter[:min(12, len(f.DigestAfter))], f.Equal})
	}
	return out
}

// ranked turns counts by name into rows, the most first.
func ranked(m map[string]int64) []Counted {
	var out []Counted
	for k, n := range m {
		out = append(out, Counted{k, n})
	}
	slices.SortFunc(out, func(a, b Counted) int { return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Name, b.Name)) })
	return out
}

func sum(m map[string]int64) (n int64) {
	for _, k := range m {
		n += k
	}
	return n
}

func (c *call) runView() (v RunView, err error) {
	if c.Retention == nil {
		return v, gallra.Errorf(gallra.Unavailable, "web.no_retention")
	}
	cfg, err := c.configuration()
	if err != nil {
		return v, err
	}
	run, err := c.Retention.RunOf(c.ctx(), c.r.PathValue("run"))
	if err != nil {
		return v, err
	}
	plan, err := c.Retention.PlanOf(c.ctx(), run.Plan)
	if err != nil {
		return v, err
	}
	w, err := work.Get(c.ctx(), c.DB, run.ID)
	if err != nil {
		return v, err
	}
	v = RunView{ID: run.ID, Plan: run.Plan, Actor: run.Actor, Started: run.Started, Ended: run.Ended, Progress: c.progress(w), Planned: plan.Preview.Planned,
		Approvals: run.Approved, Rules: c.ruleRows(cfg, plan.Rules)}
	if v.Halted, err = c.Retention.Stopped(c.ctx()); err != nil {
		return v, err
	}
	if run.Protocol != nil {
		v.Protocol = protocolView(cfg, *run.Protocol)
	}
	return v, nil
}

func protocolView(cfg *config.Config, p retention.Protocol) *RunResult {
	v := &RunResult{Protocol: p, Figures: figuresOf(cfg, p.Figures), Outcomes: outcomesOf(p.Total), Reasons: ranked(p.Total.Reasons), Good: p.Status == retention.Complete || p.Status == retention.Pending || p.Status == retention.Nothing}
	for _, d := range p.Deviations {
		args := make([]any, len(d.Args))
		for i, a := range d.Args {
			if args[i] = a; i > 0 && d.Args[i-1] == "system" { // as people call it
				if s, ok := cfg.System(gallra.SystemID(a)); ok {
					args[i] = cmp.Or(title(s), a)
				}
			}
		}
		v.Deviations = append(v.Deviations, i18n.Msg(d.Key, args...))
	}
	for _, part := range p.Parts {
		s, _ := cfg.System(part.System)
		pv := PartView{Part: part, Title: cmp.Or(title(s), string(part.System)), Outcomes: outcomesOf(part.Tally), Left: ranked(part.Left), Held: sum(part.Held), Blocked: sum(part.Blocked)}
		for _, r := range part.Tally.Residues {
			pv.Residues = append(pv.Residues, r)
		}
		slices.SortFunc(pv.Residues, func(a, b retention.Residue) int {
			return cmp.Or(cmp.Compare(a.Where, b.Where), cmp.Compare(a.Why, b.Why))
		})
		v.Parts = append(v.Parts, pv)
	}
	return v
}

func (c *call) runPage() error {
	v, err := c.runView()
	if err != nil {
		return err
	}
	return c.ok("run", v)
}

// startRun starts what two people have approved.
func (c *call) startRun() error {
	v, p, err := c.planView()
	if err != nil {
		return err
	}
	if c.Queue == nil {
		return gallra.Errorf(gallra.Unavailable, "web.no_retention")
	}
	var id string
	err = c.DB.Tx(c.ctx(), func(tx *sql.Tx) (err error) {
		id, err = c.Retention.StartTx(c.ctx(), tx, p.ID, c.account.Username)
		return err
	})
	if err != nil {
		return c.refuse("plan", v, err)
	}
	if err := c.Queue(c.ctx(), id); err != nil {
		return err
	}
	c.redirect("/retention/runs/" + id)
	return nil
}

// stopAll throws the kill switch, and liftStop lifts it (REQUIREMENTS X-16).
func (c *call) stopAll() error { return c.kill(true, "all_stopped") }

func (c *call) liftStop() error { return c.kill(false, "all_resumed") }

func (c *call) kill(on bool, notice string) error {
	if c.Retention == nil {
		return gallra.Errorf(gallra.Unavailable, "web.no_retention")
	}
	if err := c.Retention.StopAll(context.WithoutCancel(c.ctx()), on, c.account.Username); err != nil {
		return err
	}
	return c.done("/retention", notice)
}
