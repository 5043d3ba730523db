package main

import (
	"os"
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/deadline"
	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/report"
	"github.com/gallra/gallra/internal/request"
)

// asked says what a request asks for.
func (s *session) asked(r request.Request) string {
	if r.Track != request.TrackData {
		return s.say.T("track." + string(r.Track) + ".name")
	}
	return s.say.T("right." + string(r.Right) + ".name")
}

// refs reads references as a person writes them: SYSTEM, SYSTEM/TYPE or
// SYSTEM/TYPE/ID.
func refs(list []string) ([]gallra.Ref, error) {
	var out []gallra.Ref
	for _, s := range list {
		p := strings.SplitN(s, "/", 3)
		p = append(p, "", "")
		if p[0] == "" {
			return nil, gallra.Errorf(gallra.Invalid, "hold.target_missing")
		}
		out = append(out, gallra.Ref{System: gallra.SystemID(p[0]), Type: p[1], ID: p[2]})
	}
	return out, nil
}

type requestChooseCmd struct {
	caseCmd
	About []string `required:"" help:"cli_flag_about" placeholder:"SYSTEM/TYPE/ID"`
}

// Run picks out what somebody asks to see as an official document.
func (c *requestChooseCmd) Run(s *session) error {
	list, err := refs(c.About)
	if err != nil {
		return err
	}
	return c.on(s, auth.HandleRequests, func(_ *app, d *request.Desk, acc auth.Account) error {
		return d.Choose(s.ctx, c.ID, acc.Username, list)
	})
}

type requestTrackCmd struct {
	caseCmd
	To     string `required:"" enum:"gdpr,document,party,guardian" help:"cli_flag_track"`
	Reason string `required:"" help:"cli_flag_reason"`
}

// Run moves a request to another track.
func (c *requestTrackCmd) Run(s *session) error {
	return c.on(s, auth.HandleRequests, func(_ *app, d *request.Desk, acc auth.Account) error {
		return d.SwitchTrack(s.ctx, c.ID, acc.Username, request.Track(c.To), c.Reason)
	})
}

type requestSecrecyCmd struct {
	caseCmd
	Result string `required:"" enum:"no,partly,yes" help:"cli_flag_secrecy"`
	Law    string `help:"cli_flag_secrecy_law"`
}

// Run records the secrecy test, without which a public body hands nothing over.
func (c *requestSecrecyCmd) Run(s *session) error {
	return c.on(s, auth.HandleRequests, func(_ *app, d *request.Desk, acc auth.Account) error {
		return d.TestSecrecy(s.ctx, c.ID, acc.Username, request.SecrecyResult(c.Result), c.Law)
	})
}

type requestRulingCmd struct {
	caseCmd
	Provisions string   `required:"" help:"cli_flag_provisions"`
	Facts      string   `required:"" help:"cli_flag_facts" placeholder:"FILE"`
	Presenter  string   `help:"cli_flag_presenter"`
	Other      []string `help:"cli_flag_other"`
	Unnamed    bool     `help:"cli_flag_unnamed"`
}

// Run records what the written decision says. The facts come from a file, so that
// they stand in no history of commands.
func (c *requestRulingCmd) Run(s *session) error {
	facts, err := os.ReadFile(c.Facts)
	if err != nil {
		return gallra.Errorf(gallra.Invalid, "cli.file", "file", c.Facts)
	}
	return c.on(s, auth.HandleRequests, func(_ *app, d *request.Desk, acc auth.Account) error {
		return d.SetRuling(s.ctx, c.ID, acc.Username, request.Ruling{Presenter: c.Presenter, Others: c.Other, Provisions: c.Provisions, Unnamed: c.Unnamed}, string(facts))
	})
}

type requestLetterCmd struct {
	caseCmd
	Output string `required:"" short:"o" help:"cli_flag_letter" placeholder:"FILE.html|pdf"`
}

// Run writes the written decision in the format that the file's name asks for.
func (c *requestLetterCmd) Run(s *session) error {
	f, err := report.LetterFormatOf(c.Output)
	if err != nil {
		return err
	}
	return c.on(s, auth.SeePersonal, func(a *app, d *request.Desk, acc auth.Account) error {
		names, err := a.auth.Names(s.ctx)
		if err != nil {
			return err
		}
		l, err := report.DecisionOf(s.ctx, d, c.ID, acc.Username, a.config.Organisation, names)
		if err != nil {
			return err
		}
		return s.saveAs(c.Output, f, l)
	})
}

type requestServeCmd struct {
	caseCmd
	Day string `required:"" help:"cli_flag_served" placeholder:"YYYY-MM-DD"`
}

// Run records the day on which the person got the decision.
func (c *requestServeCmd) Run(s *session) error {
	day, err := deadline.ParseDay(c.Day)
	if err != nil {
		return gallra.Errorf(gallra.Invalid, "cli.date", "value", c.Day)
	}
	return c.on(s, auth.HandleRequests, func(_ *app, d *request.Desk, acc auth.Account) error {
		if err := d.Serve(s.ctx, c.ID, acc.Username, day); err != nil {
			return err
		}
		r, err := d.Get(s.ctx, c.ID)
		if err == nil && !r.AppealBy().IsZero() {
			s.line("cli.request.appeal_by", "date", r.AppealBy())
		}
		return err
	})
}
