package main

import (
	"github.com/gallra/gallra/internal/inventory"
)

type scanCmd struct {
	Systems []string `arg:"" optional:"" name:"system" help:"cli_arg_systems"`
	Save    bool     `help:"cli_flag_save"`
}

// Run prints the inventory of the systems, all of gallra.yaml when none is
// named. It keeps the counts in the store only when asked to.
func (c *scanCmd) Run(s *session) error {
	a, err := s.light()
	if err != nil {
		return err
	}
	systems, err := a.named(c.Systems)
	if err != nil {
		return err
	}
	if c.Save {
		if err := a.openStore(s.ctx); err != nil {
			return err
		}
		defer a.close()
	}
	var reports []inventory.Report
	for _, sys := range systems {
		what := s.say.T("cli.scan.reading", "system", string(sys.Name))
		if c.Save {
			if err := a.scan(s.ctx, sys.Name, "cli", func(done, total int64) { s.status.show(what, done, total) }); err != nil {
				return err
			}
			r, err := inventory.Latest(s.ctx, a.db, sys.Name)
			if err != nil {
				return err
			}
			reports = append(reports, r)
			continue
		}
		src, err := a.reader(s.ctx, sys)
		if err != nil {
			return err
		}
		r, err := inventory.Collect(s.ctx, src, sys.Name, a.engine, func(done, total int64) { s.status.show(what, done, total) })
		_ = src.Close() // read only: nothing is lost
		if err != nil {
			return err
		}
		reports = append(reports, r)
	}
	s.status.clear()
	if s.flags.JSON {
		return s.json(reports)
	}
	return s.inventory(reports)
}

// inventory prints type x field x category; rules are left to --json.
func (s *session) inventory(reports []inventory.Report) error {
	var rows [][]string
	for _, r := range reports {
		for _, t := range r.Types {
			rows = append(rows, []string{string(r.System), t.Type, s.say.T("cli.scan.records"), "", "", s.say.Number(t.Records), s.date(t.Oldest)})
			for _, l := range byCategory(r.Lines, t.Type) {
				rows = append(rows, []string{"", "", l.Field, s.say.T("category." + string(l.Category)), s.say.Number(l.Findings), s.say.Number(l.Records), s.date(l.Oldest)})
			}
			for reason, n := range t.Skipped {
				rows = append(rows, []string{"", "", s.say.T("cli.scan.unread"), s.say.Say(reason), s.say.Number(n), "", ""})
			}
		}
	}
	return s.table([]string{s.say.T("cli.col.system"), s.say.T("cli.col.type"), s.say.T("cli.col.field"), s.say.T("cli.col.category"), s.say.T("cli.col.findings"), s.say.T("cli.col.records"), s.say.T("cli.col.oldest")}, rows)
}

// byCategory sums the lines of one type over rules; lines are sorted.
func byCategory(lines []inventory.Line, typ string) []inventory.Line {
	var out []inventory.Line
	for _, l := range lines {
		if l.Type != typ {
			continue
		}
		if n := len(out); n > 0 && out[n-1].Field == l.Field && out[n-1].Category == l.Category {
			p := &out[n-1]
			p.Findings, p.Records = p.Findings+l.Findings, p.Records+l.Records
			if p.Oldest.IsZero() || !l.Oldest.IsZero() && l.Oldest.Before(p.Oldest) {
				p.Oldest = l.Oldest
			}
			continue
		}
		out = append(out, l)
	}
	return out
}
