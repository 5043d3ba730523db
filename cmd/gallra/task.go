package main

import (
	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/retention"
)

type retentionTasksCmd struct {
	Run_ string `arg:"" optional:"" name:"run" help:"${cli_arg_run}"`
}

// Run lists what is to be done by hand, of one run or of all.
func (c *retentionTasksCmd) Run(s *session) error {
	return s.onEngine("", "", func(a *app, e *retention.Engine, _ auth.Account) error {
		list, err := e.Tasks(s.ctx, c.Run_)
		if err != nil {
			return err
		}
		if s.flags.JSON {
			return s.json(list)
		}
		var rows [][]string
		for _, t := range list {
			signed := "–"
			if t.Signature != nil {
				signed = t.Signature.Performed + " " + t.Signature.Actor
			}
			rows = append(rows, []string{t.ID, string(t.System), s.date(t.Before), s.date(t.Due.AddDate(0, 0, -1)), signed})
		}
		return s.table([]string{s.say.T("cli.col.task"), s.say.T("cli.col.system"), s.say.T("cli.col.before"), s.say.T("cli.col.due_day"), s.say.T("cli.col.signed")}, rows)
	})
}

type retentionSignCmd struct {
	Task      string   `arg:"" help:"${cli_arg_task}"`
	Performed string   `required:"" help:"${cli_flag_performed}" placeholder:"YYYY-MM-DD"`
	Outcome   string   `enum:"erased,de-identified,kept" default:"erased" help:"${cli_flag_task_outcome}"`
	Count     int64    `help:"${cli_flag_count}"`
	Note      string   `help:"${cli_flag_note}"`
	Proof     string   `help:"${cli_flag_proof}" placeholder:"SHA256"`
	Heeded    []string `help:"${cli_flag_heeded}" placeholder:"HOLD"`
	asFlag
}

// Run signs a task that was done by hand.
func (c *retentionSignCmd) Run(s *session) error {
	return s.onEngine(c.As, auth.RunRetention, func(a *app, e *retention.Engine, acc auth.Account) error {
		err := e.Sign(s.ctx, c.Task, retention.Signature{Actor: acc.Username, Performed: c.Performed, Outcome: gallra.Outcome(c.Outcome), Count: c.Count, Note: c.Note, Proof: c.Proof, Heeded: c.Heeded})
		if err != nil {
			return err
		}
		s.line("cli.retention.signed", "task", c.Task)
		return nil
	})
}
