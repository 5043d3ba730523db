package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/facts"
	"github.com/gallra/gallra/internal/retention"
	"github.com/gallra/gallra/internal/trial"
)

// facts prints what is known of each system of a plan; what remains in it is
// told beside the plan.
func (s *session) facts(e *retention.Engine, p retention.Plan) error {
	shown, err := (&trial.Bench{DB: e.DB}).Shown(s.ctx)
	if err != nil {
		return err
	}
	for _, sys := range p.Preview.Systems() {
		lines := facts.Lines(s.say, sys.Profile, facts.Proofs(sys.Can, shown[sys.System], e.DB.Now()), sys.Planned)
		s.factLines(string(sys.System), slices.DeleteFunc(lines, func(l facts.Line) bool { return l.Name == "remains" }))
	}
	if d := p.Preview.Least(); d > 0 {
		s.line("cli.retention.least", "time", d.Round(time.Second))
	}
	return nil
}

func (s *session) factLines(system string, lines []facts.Line) {
	for _, l := range lines {
		s.line("cli.facts.line", "system", system, "what", s.say.T("facts."+l.Name), "text", strings.Join(l.Text, "; "))
	}
}

// warnUnproved says before a run that something in it has never been shown to
// work in a system. The run goes on: two people have approved it.
func (a *app) warnUnproved(s *session, p retention.Plan) error {
	shown, err := (&trial.Bench{DB: a.db}).Shown(s.ctx)
	if err != nil {
		return err
	}
	for _, sys := range p.Preview.Systems() {
		for _, c := range facts.Unproved(facts.Proofs(sys.Can, shown[sys.System], a.db.Now()), sys.Needs...) {
			fmt.Fprintln(s.err, s.say.T("cli.retention.unproved", "system", string(sys.System), "what", s.say.T("capability."+string(c))))
		}
	}
	return nil
}

type connectorsProfileCmd struct {
	System string `arg:"" help:"cli_arg_system_name"`
}

// Run tells what is known of a system, and what has been proved of it.
func (c *connectorsProfileCmd) Run(s *session) error {
	a, err := s.full()
	if err != nil {
		return err
	}
	defer a.close()
	src, err := a.open(s.ctx, gallra.SystemID(c.System))
	if err != nil {
		return err
	}
	defer src.Close()
	var p connector.Profile
	if known, ok := src.(connector.Profiled); ok {
		p = known.Profile()
	}
	shown, err := (&trial.Bench{DB: a.db}).Shown(s.ctx)
	if err != nil {
		return err
	}
	proofs := facts.Proofs(connector.Capabilities(src), shown[gallra.SystemID(c.System)], a.db.Now())
	if s.flags.JSON {
		return s.json(map[string]any{"system": c.System, "profile": p, "proofs": proofs})
	}
	s.factLines(c.System, facts.Lines(s.say, p, proofs, 0))
	return nil
}
