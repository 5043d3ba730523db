package main

import (
	"fmt"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/deadline"
	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/guard"
	"github.com/gallra/gallra/internal/retention"
)

type replayCmd struct {
	System string `arg:"" help:"cli_arg_system_name"`
	Since  string `required:"" help:"cli_flag_since" placeholder:"YYYY-MM-DD"`
	asFlag
}

// Run erases and rewrites again what a restored backup has brought back (REQUIREMENTS B-4),
// when a second person gives the same command. It ends with code 3 when something
// that came back was left, and when nothing is done because one person has asked.
func (c *replayCmd) Run(s *session) error {
	since, err := deadline.ParseDay(c.Since)
	if err != nil {
		return gallra.Errorf(gallra.Invalid, "cli.date", "value", c.Since)
	}
	return s.onEngine(c.As, auth.RunRetention, func(a *app, e *retention.Engine, acc auth.Account) error {
		second, err := a.guard().Order(s.ctx, gallra.SystemID(c.System), since, acc.Username, acc.Can(auth.Approve))
		if err != nil {
			return err
		}
		if !second {
			fmt.Fprintln(s.err, s.say.T("cli.replay.ordered", "system", c.System, "date", c.Since))
			return errRemains
		}
		r, err := guard.ReplayAll(s.ctx, gallra.SystemID(c.System), since, acc.Username, e.Replay, a.desk().Replay)
		if err != nil {
			return err
		}
		if s.flags.JSON {
			if err := s.json(r); err != nil {
				return err
			}
		} else {
			s.line("cli.replay.done", "system", c.System, "back", r.Back, "erased", r.Erased)
			if r.Rewrites > 0 {
				s.line("cli.replay.rewrites", "count", r.Rewrites, "back", r.RewritesBack, "rewritten", r.Rewritten)
			}
			if r.Redacted > 0 {
				s.line("cli.replay.redacted", "count", r.Redacted)
			}
			for why, n := range r.Kept {
				s.line("cli.replay.kept", "count", n, "why", s.say.Say(why))
			}
		}
		if r.Remains() {
			return errRemains
		}
		return nil
	})
}
