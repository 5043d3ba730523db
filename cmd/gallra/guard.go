package main

import (
	"strings"

	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/guard"
)

type guardCmd struct {
	Check  guardCheckCmd  `cmd:"" help:"cli_guard_check"`
	List   guardListCmd   `cmd:"" help:"cli_guard_list"`
	Decide guardDecideCmd `cmd:"" help:"cli_guard_decide"`
}

type guardCheckCmd struct {
	Systems []string `arg:"" optional:"" name:"system" help:"cli_arg_systems"`
}

// Run looks through the systems, all of gallra.yaml when none is named, for what
// was erased and is there again. It ends with code 3 when somebody must decide.
func (c *guardCheckCmd) Run(s *session) error {
	a, err := s.full()
	if err != nil {
		return err
	}
	defer a.close()
	systems, err := a.named(c.Systems)
	if err != nil {
		return err
	}
	e := a.retention()
	defer e.Close() // read only
	check := a.checker(e, a.desk())
	if _, err := check.Purge(s.ctx); err != nil {
		return err
	}
	for _, sys := range systems {
		w, err := check.Start(s.ctx, sys.Name, "cli")
		if err != nil {
			return err
		}
		what := s.say.T("cli.guard.reading", "system", string(sys.Name))
		if err := a.steps(s.ctx, w.ID, check.Step, func(done, total int64) { s.status.show(what, done, total) }); err != nil {
			return err
		}
	}
	s.status.clear()
	return s.alarms(check.Guard, false)
}

type guardListCmd struct {
	All bool `help:"cli_flag_guard_all"`
}

// Run lists the alarms. It ends with code 3 when somebody must decide.
func (c *guardListCmd) Run(s *session) error {
	a, err := s.full()
	if err != nil {
		return err
	}
	defer a.close()
	return s.alarms(a.guard(), c.All)
}

// alarms prints the alarms, and how the guard stands.
func (s *session) alarms(g *guard.Guard, all bool) error {
	list, err := g.Alarms(s.ctx, all)
	if err != nil {
		return err
	}
	standing, err := g.Standing(s.ctx)
	if err != nil {
		return err
	}
	asks := false
	rows := [][]string{}
	for _, a := range list {
		asks = asks || a.Asks()
		why := make([]string, 0, len(a.Why))
		for _, k := range a.Why {
			why = append(why, s.say.T("identifier."+k))
		}
		rows = append(rows, []string{a.ID, s.say.T("guard.kind." + string(a.Kind)), strings.Trim(a.Ref.String(), "/"), s.say.Number(a.Records), a.Matter, s.date(a.Erased), s.date(a.Made), s.date(a.Found), strings.Join(why, ", "), s.say.T("guard.state." + string(a.State))})
	}
	if s.flags.JSON {
		err = s.json(map[string]any{"alarms": list, "standing": standing})
	} else {
		if err = s.table([]string{s.say.T("cli.col.alarm"), s.say.T("cli.col.what"), s.say.T("cli.col.record"), s.say.T("cli.col.records"), s.say.T("cli.col.matter"), s.say.T("cli.col.erased"), s.say.T("cli.col.made"), s.say.T("cli.col.found"), s.say.T("cli.col.by_what"), s.say.T("cli.col.state")}, rows); err == nil {
			s.line("cli.guard.standing", "persons", standing.Persons, "digests", standing.Digests)
			for _, a := range list {
				say := map[guard.Kind]string{guard.Record: "cli.guard.replay", guard.Rewritten: "cli.guard.rewrite", guard.Altered: "cli.guard.altered"}[a.Kind]
				if say != "" && a.State != guard.Closed {
					s.line(say, "system", a.System, "date", s.date(a.Erased), "count", a.Records)
				}
			}
		}
	}
	if err == nil && standing.Blind > 0 {
		s.line("cli.guard.blind", "count", standing.Blind)
		return errRemains
	}
	if err == nil && asks {
		return errRemains
	}
	return err
}

type guardDecideCmd struct {
	Alarm    string `arg:"" help:"cli_arg_alarm"`
	Decision string `arg:"" help:"cli_arg_guard_decision" enum:"new_contact,another,erase_again,rewrite,nothing"`
	Reason   string `required:"" help:"cli_flag_guard_reason" placeholder:"TEXT"`
	asFlag
}

// Run writes down what a named user finds of an alarm.
func (c *guardDecideCmd) Run(s *session) error {
	a, err := s.full()
	if err != nil {
		return err
	}
	defer a.close()
	acc, err := s.as(a, c.As, auth.HandleRequests)
	if err != nil {
		return err
	}
	al, err := a.guard().Decide(s.ctx, c.Alarm, acc.Username, guard.Decision(c.Decision), c.Reason)
	if err != nil {
		return err
	}
	if s.flags.JSON {
		return s.json(al)
	}
	s.line("cli.guard.decided", "alarm", al.ID, "decision", s.say.T("guard.decision."+string(al.Decision)))
	return nil
}
