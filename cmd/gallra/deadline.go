package main

import (
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/deadline"
)

type deadlineCmd struct {
	Received string   `required:"" help:"cli_flag_received" placeholder:"YYYY-MM-DD"`
	Extended bool     `help:"cli_flag_extended"`
	Pause    []string `help:"cli_flag_pause" placeholder:"FROM/TO"`
	Eves     bool     `help:"cli_flag_eves"`
}

// Run prints the dates of a request and the rule behind each.
func (c *deadlineCmd) Run(s *session) error {
	in := deadline.Input{Extended: c.Extended, Eves: c.Eves}
	var err error
	if in.Received, err = deadline.ParseDay(c.Received); err != nil {
		return gallra.Errorf(gallra.Invalid, "cli.date", "value", c.Received)
	}
	for _, p := range c.Pause {
		from, to, _ := strings.Cut(p, "/")
		var d deadline.Pause
		if d.From, err = deadline.ParseDay(from); err == nil && to != "" {
			d.To, err = deadline.ParseDay(to)
		}
		if err != nil {
			return gallra.Errorf(gallra.Invalid, "cli.date", "value", p)
		}
		in.Pauses = append(in.Pauses, d)
	}
	r := deadline.Compute(in)
	if s.flags.JSON {
		return s.json(r)
	}
	s.line("cli.deadline.applies", "date", r.Applies.Without)
	if !r.Applies.With.Equal(r.Applies.Without) {
		s.line("cli.deadline.with_pause", "date", r.Applies.With, "days", r.PauseDays)
	}
	s.line("cli.deadline.notice", "date", r.NoticeBy)
	for _, w := range r.Warnings {
		s.line("cli.deadline.warning", "text", s.say.T(w.Key, "date", w.Date))
	}
	rows := make([][]string, 0, len(r.Steps))
	for _, st := range r.Steps {
		rows = append(rows, []string{s.date(st.Date), st.Rule, s.say.T(st.Key, "days", st.Days), st.Source})
	}
	return s.table([]string{s.say.T("cli.col.date"), s.say.T("cli.col.rule"), s.say.T("cli.col.what"), s.say.T("cli.col.source")}, rows)
}
