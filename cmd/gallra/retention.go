package main

import (
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/retention"
	"github.com/gallra/gallra/internal/work"
)

type retentionCmd struct {
	Plan     retentionPlanCmd     `cmd:"" help:"cli_retention_plan"`
	Show     retentionShowCmd     `cmd:"" help:"cli_retention_show"`
	Sample   retentionSampleCmd   `cmd:"" help:"cli_retention_sample"`
	Approve  retentionApproveCmd  `cmd:"" help:"cli_retention_approve"`
	Run      retentionRunCmd      `cmd:"" help:"cli_retention_run"`
	Verify   retentionVerifyCmd   `cmd:"" help:"cli_retention_verify"`
	Protocol retentionProtocolCmd `cmd:"" help:"cli_retention_protocol"`

	Waiting    retentionWaitingCmd    `cmd:"" help:"cli_retention_waiting"`
	Confirm    retentionConfirmCmd    `cmd:"" help:"cli_retention_confirm"`
	Tasks      retentionTasksCmd      `cmd:"" help:"cli_retention_tasks"`
	Sign       retentionSignCmd       `cmd:"" help:"cli_retention_sign"`
	Deliveries retentionDeliveriesCmd `cmd:"" help:"cli_retention_deliveries"`
	Receipt    retentionReceiptCmd    `cmd:"" help:"cli_retention_receipt"`

	Late retentionLateCmd `cmd:"" help:"cli_retention_late"`
	Wish retentionWishCmd `cmd:"" help:"cli_retention_wish"`
	Halt retentionHaltCmd `cmd:"" help:"cli_retention_halt"`

	Templates retentionTemplatesCmd `cmd:"" help:"cli_retention_templates"`
	Export    retentionExportCmd    `cmd:"" help:"cli_retention_export"`
	Import    retentionImportCmd    `cmd:"" help:"cli_retention_import"`
}

// asFlag names who does it; the password comes from GALLRA_PASSWORD or standard input.
type asFlag struct {
	As string `required:"" help:"cli_flag_as" placeholder:"USER"`
}

// onEngine opens the store, signs in when a permission is needed, and does f.
func (s *session) onEngine(as string, need auth.Permission, f func(a *app, e *retention.Engine, acc auth.Account) error) error {
	a, err := s.full()
	if err != nil {
		return err
	}
	defer a.close()
	var acc auth.Account
	if need != "" {
		if acc, err = s.as(a, as, need); err != nil {
			return err
		}
	}
	e := a.retention()
	defer e.Close()
	return f(a, e, acc)
}

type retentionPlanCmd struct {
	Rules []string `arg:"" optional:"" name:"rule" help:"cli_arg_rules"`
	asFlag
}

// Run makes a plan and prints its preview. It writes nothing to any system.
func (c *retentionPlanCmd) Run(s *session) error {
	return s.onEngine(c.As, auth.PlanRetention, func(a *app, e *retention.Engine, acc auth.Account) error {
		rules := a.config.Rules
		if len(c.Rules) > 0 {
			rules = nil
			for _, id := range c.Rules {
				r, ok := a.config.Rule(id)
				if !ok {
					return gallra.Errorf(gallra.Invalid, "cli.unknown_rule", "rule", id)
				}
				rules = append(rules, r)
			}
		}
		id, err := e.Plan(s.ctx, retention.PlanSpec{Rules: rules, Organisation: a.organisation(), Actor: acc.Username})
		if err != nil {
			return err
		}
		if err := a.drive(s, e, id, "cli.retention.planning", 0); err != nil {
			return err
		}
		p, err := e.PlanOf(s.ctx, id)
		if err != nil {
			return err
		}
		return s.plan(e, p)
	})
}

type retentionShowCmd struct {
	Plan string `arg:"" optional:"" help:"cli_arg_plan"`
}

// Run prints a plan, or the list of plans.
func (c *retentionShowCmd) Run(s *session) error {
	return s.onEngine("", "", func(a *app, e *retention.Engine, _ auth.Account) error {
		if c.Plan != "" {
			p, err := e.PlanOf(s.ctx, c.Plan)
			if err != nil {
				return err
			}
			return s.plan(e, p)
		}
		plans, err := e.Plans(s.ctx, 50)
		if err != nil {
			return err
		}
		if s.flags.JSON {
			return s.json(plans)
		}
		var rows [][]string
		for _, p := range plans {
			rows = append(rows, []string{p.ID, s.say.T("plan.state." + string(p.State)), s.date(p.Created), s.say.Number(p.Preview.Due), s.say.Number(p.Preview.Planned), s.say.Number(int64(len(p.Approvals)))})
		}
		return s.table([]string{s.say.T("cli.col.plan"), s.say.T("cli.col.state"), s.say.T("cli.col.date"), s.say.T("cli.col.due"), s.say.T("cli.col.planned"), s.say.T("cli.col.approvals")}, rows)
	})
}

func (s *session) plan(e *retention.Engine, p retention.Plan) error {
	s.status.clear()
	if s.flags.JSON {
		return s.json(p)
	}
	s.line("cli.retention.plan_head", "plan", p.ID, "due", p.Preview.Due, "planned", p.Preview.Planned)
	var rows [][]string
	for _, u := range p.Preview.Units {
		why := ""
		for k, n := range u.Blocked {
			why += s.say.Number(n) + ": " + s.say.Say(k) + " "
		}
		for _, n := range u.Held {
			why += s.say.Number(n) + ": " + s.say.T("cli.retention.held") + " "
		}
		if u.Unknown > 0 {
			why += s.say.Number(u.Unknown) + ": " + s.say.T("cli.retention.unknown")
		}
		rows = append(rows, []string{string(u.System), u.Type, s.say.Number(u.Total), s.say.Number(u.Due), s.say.Number(u.Planned), s.date(u.Oldest), why})
	}
	if err := s.table([]string{s.say.T("cli.col.system"), s.say.T("cli.col.type"), s.say.T("cli.col.records"), s.say.T("cli.col.due"), s.say.T("cli.col.planned"), s.say.T("cli.col.oldest"), s.say.T("cli.col.left_out")}, rows); err != nil {
		return err
	}
	for _, t := range p.Preview.Tasks {
		s.line("cli.retention.task", "system", string(t.System), "place", t.Place, "owner", t.Owner, "date", t.Before)
	}
	seen := map[string]bool{}
	for _, u := range p.Preview.Units {
		for _, r := range u.Remains {
			t := r.EN
			if s.say.Lang() == "sv" {
				t = r.SV
			}
			if !seen[string(u.System)+t] {
				seen[string(u.System)+t] = true
				s.line("cli.retention.remains", "system", string(u.System), "text", t)
			}
		}
	}
	if err := s.facts(e, p); err != nil {
		return err
	}
	s.line("cli.retention.hash", "hash", p.Hash)
	for _, ap := range p.Approvals {
		s.line("cli.retention.approved_by", "user", ap.Actor, "date", ap.At)
	}
	return nil
}

type retentionSampleCmd struct {
	Plan string `arg:"" help:"cli_arg_plan"`
	asFlag
}

// Run shows a few of the records that a plan names, masked. The reading is in
// the log.
func (c *retentionSampleCmd) Run(s *session) error {
	return s.onEngine(c.As, auth.SeePersonal, func(_ *app, e *retention.Engine, acc auth.Account) error {
		list, err := e.Sample(s.ctx, c.Plan, acc.Username)
		if err != nil {
			return err
		}
		if s.flags.JSON {
			return s.json(list)
		}
		var rows [][]string
		for _, r := range list {
			for _, f := range r.Fields {
				rows = append(rows, []string{r.Ref.String(), s.date(r.Created), f.Name, strings.Join(strings.Fields(f.Value), " ")})
			}
		}
		return s.table([]string{s.say.T("cli.col.record"), s.say.T("cli.col.date"), s.say.T("cli.col.field"), s.say.T("cli.col.text")}, rows)
	})
}

type retentionApproveCmd struct {
	Plan string `arg:"" help:"cli_arg_plan"`
	Hash string `required:"" help:"cli_flag_hash"`
	asFlag
}

// Run approves a plan as it is. Two different users are needed.
func (c *retentionApproveCmd) Run(s *session) error {
	return s.onEngine(c.As, auth.Approve, func(a *app, e *retention.Engine, acc auth.Account) error {
		if err := e.Approve(s.ctx, c.Plan, acc.Username, c.Hash); err != nil {
			return err
		}
		p, err := e.PlanOf(s.ctx, c.Plan)
		if err != nil {
			return err
		}
		if p.Approved(time.Now()) {
			s.line("cli.retention.ready", "plan", p.ID)
		} else {
			s.line("cli.retention.one_more", "plan", p.ID)
		}
		return nil
	})
}

type retentionRunCmd struct {
	Plan string `arg:"" help:"cli_arg_plan"`
	asFlag
}

// Run carries out an approved plan, or goes on with a run that was interrupted.
// It ends with code 3 when something past its date remains.
func (c *retentionRunCmd) Run(s *session) error {
	return s.onEngine(c.As, auth.RunRetention, func(a *app, e *retention.Engine, acc auth.Account) error {
		id, err := e.RunOfPlan(s.ctx, c.Plan)
		if err == nil && id == "" {
			id, err = e.Start(s.ctx, c.Plan, acc.Username)
		}
		if err != nil {
			return err
		}
		p, err := e.PlanOf(s.ctx, c.Plan)
		if err != nil {
			return err
		}
		if err := a.warnUnproved(s, p); err != nil {
			return err
		}
		if err := a.drive(s, e, id, "cli.retention.running", p.Preview.Least()); err != nil {
			return err
		}
		r, err := e.RunOf(s.ctx, id)
		if err != nil {
			return err
		}
		return s.protocol(r)
	})
}

// drive does a plan or a run to its end and shows how it goes.
//
// least is how long the systems' rates make it last at least; 0 when not known.
func (a *app) drive(s *session, e *retention.Engine, id, key string, least time.Duration) error {
	stop := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(200 * time.Millisecond):
			}
			if w, err := work.Get(s.ctx, a.db, id); err == nil {
				s.status.show(s.say.T(key), w.Done, w.Total)
				if left, ok := w.LeftAt(least); ok {
					s.status.left(left)
				}
			}
		}
	}()
	err := e.Drive(s.ctx, id)
	close(stop)
	<-stopped
	s.status.clear()
	return err
}

func (s *session) protocol(r retention.Run) error {
	p := r.Protocol
	if p == nil {
		return gallra.Errorf(gallra.NotFound, "cli.no_protocol", "run", r.ID)
	}
	if s.flags.JSON {
		if err := s.json(p); err != nil {
			return err
		}
	} else {
		s.line("cli.retention.done", "run", p.Number, "status", s.say.T("run.status."+string(p.Word())))
		var rows [][]string
		for _, part := range p.Parts {
			for o, n := range part.Tally.Outcomes {
				rows = append(rows, []string{string(part.System), part.Type, s.say.T("outcome." + string(o)), s.say.Number(n)})
			}
			for why, n := range part.Left {
				rows = append(rows, []string{string(part.System), part.Type, s.say.Say(why), s.say.Number(n)})
			}
		}
		if err := s.table([]string{s.say.T("cli.col.system"), s.say.T("cli.col.type"), s.say.T("cli.col.outcome"), s.say.T("cli.col.records")}, rows); err != nil {
			return err
		}
		for _, t := range p.Tasks {
			if t.Signature == nil {
				s.line("cli.retention.task_open", "task", t.ID, "place", t.Place, "date", t.Due.AddDate(0, 0, -1))
			} else {
				s.line("cli.retention.task_signed", "task", t.ID, "place", t.Place, "user", t.Signature.Actor, "count", t.Signature.Count)
			}
		}
		if p.FiguresEqual {
			s.line("cli.retention.figures_equal")
		} else {
			s.line("cli.retention.figures_differ")
		}
	}
	if p.Status != retention.Complete && p.Status != retention.Nothing {
		return errRemains
	}
	return nil
}

type retentionVerifyCmd struct {
	Run_ string `arg:"" name:"run" help:"cli_arg_run"`
}

// Run looks again whether anything past its date is there, by planning the same
// rules anew: it writes nothing to the systems. Code 3 when something is.
func (c *retentionVerifyCmd) Run(s *session) error {
	return s.onEngine("", "", func(a *app, e *retention.Engine, _ auth.Account) error {
		r, err := e.RunOf(s.ctx, c.Run_)
		if err != nil {
			return err
		}
		old, err := e.PlanOf(s.ctx, r.Plan)
		if err != nil {
			return err
		}
		id, err := e.Plan(s.ctx, retention.PlanSpec{Rules: old.Rules, Organisation: a.organisation(), Actor: "verify", Look: true})
		if err != nil {
			return err
		}
		if err := a.drive(s, e, id, "cli.retention.verifying", 0); err != nil {
			return err
		}
		p, err := e.PlanOf(s.ctx, id)
		if err != nil {
			return err
		}
		if p.Preview.Due == 0 {
			s.line("cli.retention.nothing_due")
			return nil
		}
		if err := s.plan(e, p); err != nil {
			return err
		}
		return errRemains
	})
}

type retentionProtocolCmd struct {
	Run_   string `arg:"" name:"run" help:"cli_arg_run"`
	Output string `short:"o" help:"cli_flag_paper" placeholder:"FILE.html|pdf|csv|json"`
}

// Run prints the record of disposal, or writes it as a page.
func (c *retentionProtocolCmd) Run(s *session) error {
	return s.onEngine("", "", func(a *app, e *retention.Engine, _ auth.Account) error {
		r, err := e.RunOf(s.ctx, c.Run_)
		if err != nil {
			return err
		}
		if c.Output == "" {
			return s.protocol(r)
		}
		p, err := a.press(e, r.Actor).Protocol(s.ctx, r.ID)
		if err != nil {
			return err
		}
		return s.save(c.Output, p)
	})
}
