package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/trial"
)

type connectorsCmd struct {
	List    connectorsListCmd    `cmd:"" default:"1" help:"cli_connectors_list"`
	Profile connectorsProfileCmd `cmd:"" help:"cli_connectors_profile"`
	Test    connectorsTestCmd    `cmd:"" help:"cli_connectors_test"`
	Show    connectorsShowCmd    `cmd:"" help:"cli_connectors_show"`
}

type connectorsListCmd struct{}

type connectorLine struct {
	Name    string                  `json:"name"`
	Title   string                  `json:"title"`
	Schemes []string                `json:"schemes"`
	Channel connector.Channel       `json:"channel"`
	Can     []connector.Capability  `json:"can"`
	Finds   []gallra.IdentifierKind `json:"finds"`
}

// Run lists what this program can connect to and what each can do.
func (c *connectorsListCmd) Run(s *session) error {
	var lines []connectorLine
	for _, i := range connector.All() {
		lines = append(lines, connectorLine{i.Name, i.Title, i.Schemes, i.Channel, i.Can, i.Finds})
	}
	if s.flags.JSON {
		return s.json(lines)
	}
	return s.connectors(lines)
}

func (s *session) connectors(lines []connectorLine) error {
	rows := make([][]string, 0, len(lines))
	for _, l := range lines {
		can := make([]string, 0, len(l.Can))
		for _, k := range l.Can {
			can = append(can, s.say.T("capability."+string(k)))
		}
		rows = append(rows, []string{l.Title, strings.Join(l.Schemes, ", "), s.say.T("channel." + string(l.Channel)), strings.Join(can, ", ")})
	}
	return s.table([]string{s.say.T("cli.col.connector"), s.say.T("cli.col.address"), s.say.T("cli.col.channel"), s.say.T("cli.col.can")}, rows)
}

type connectorsShowCmd struct {
	Connector string `arg:"" help:"cli_arg_connector"`
}

type connectorSetting struct {
	Name       string `json:"name"`
	Meaning    string `json:"meaning"`
	Required   bool   `json:"required,omitempty"`
	Secret     bool   `json:"secret,omitempty"`
	ForChanges bool   `json:"for_changes,omitempty"`
}

// Run shows one connector with its settings, as gallra.yaml takes them.
func (c *connectorsShowCmd) Run(s *session) error {
	info, ok := connector.Lookup(strings.ToLower(c.Connector))
	for _, i := range connector.All() {
		if i.Name == strings.ToLower(c.Connector) {
			info, ok = i, true
		}
	}
	if !ok {
		return gallra.Errorf(gallra.Invalid, "cli.connectors.unknown", "name", c.Connector)
	}
	line := connectorLine{info.Name, info.Title, info.Schemes, info.Channel, info.Can, info.Finds}
	settings := make([]connectorSetting, 0, len(info.Options))
	for _, o := range info.Options {
		settings = append(settings, connectorSetting{o.Name, s.say.T(o.Help), o.Required, o.Secret, strings.HasPrefix(o.Name, connector.ForChanges)})
	}
	if s.flags.JSON {
		return s.json(struct {
			connectorLine
			Settings []connectorSetting `json:"settings"`
		}{line, settings})
	}
	if err := s.connectors([]connectorLine{line}); err != nil {
		return err
	}
	fmt.Fprintln(s.out)
	var rows [][]string
	for _, o := range settings {
		meaning := []string{o.Meaning}
		if o.Required {
			meaning = append(meaning, s.say.T("cli.connectors.required"))
		}
		if o.Secret {
			meaning = append(meaning, s.say.T("cli.connectors.secret"))
		}
		rows = append(rows, []string{o.Name, strings.Join(meaning, "; ")})
	}
	return s.table([]string{s.say.T("cli.col.setting"), s.say.T("cli.col.meaning")}, rows)
}

type connectorsTestCmd struct {
	System string `arg:"" help:"cli_arg_system_name"`
	Trial  string `help:"cli_flag_trial" placeholder:"TRIAL"`
	asFlag
}

// Run proves on a made-up person what a connector claims, and keeps the date.
// It ends with code 3 when something was not proved, or not yet.
func (c *connectorsTestCmd) Run(s *session) error {
	a, err := s.full()
	if err != nil {
		return err
	}
	defer a.close()
	acc, err := s.as(a, c.As, auth.EditSystems)
	if err != nil {
		return err
	}
	b := trial.Bench{DB: a.db, Log: a.log, Open: a.open, Stopped: a.retention().Stopped}
	id := c.Trial
	if id == "" {
		t, err := b.Start(s.ctx, gallra.SystemID(c.System), acc.Username)
		if err != nil {
			return err
		}
		if !t.Planted {
			if s.flags.JSON {
				if err := s.json(t); err != nil {
					return err
				}
				return errRemains
			}
			s.line("cli.trial.plant", "name", t.Person.Name, "email", t.Person.Email, "text", t.Person.Text, "system", c.System, "trial", t.ID)
			return errRemains
		}
		id = t.ID
	}
	t, err := b.Go(s.ctx, id)
	if err != nil {
		return err
	}
	if s.flags.JSON {
		if err := s.json(t); err != nil {
			return err
		}
	} else {
		rows := make([][]string, 0, len(t.Steps))
		for _, st := range t.Steps {
			why := ""
			if st.Why != "" {
				why = s.say.Say(st.Why)
			}
			rows = append(rows, []string{s.say.T("capability." + string(st.Capability)), s.say.T("trial." + string(st.Verdict)), why})
		}
		if err := s.table([]string{s.say.T("cli.col.can"), s.say.T("cli.col.outcome"), s.say.T("cli.col.why")}, rows); err != nil {
			return err
		}
		switch {
		case !t.Until.IsZero():
			s.line("cli.trial.waits", "system", c.System, "date", t.Until.In(stockholm).Format(time.DateOnly), "trial", t.ID)
		case t.Passed():
			s.line("cli.trial.passed", "system", c.System, "date", t.Ended.In(stockholm).Format(time.DateOnly))
		default:
			s.line("cli.trial.not_passed", "system", c.System)
		}
	}
	if !t.Passed() {
		return errRemains
	}
	return nil
}

type profileCmd struct {
	Check profileCheckCmd `cmd:"" help:"cli_profile_check"`
	Draft profileDraftCmd `cmd:"" help:"cli_profile_draft"`
}

type profileCheckCmd struct {
	System string `arg:"" help:"cli_arg_system"`
}

type profileDraftCmd struct {
	System string `arg:"" help:"cli_arg_system"`
	Output string `short:"o" help:"cli_flag_output" placeholder:"FILE"`
}

// Run writes a profile to begin with for a system that has none, from the names
// of its tables and columns.
func (c *profileDraftCmd) Run(s *session) error {
	a, err := s.light()
	if err != nil {
		return err
	}
	systems, err := a.named([]string{c.System})
	if err != nil {
		return err
	}
	info, ok := connector.Lookup(connector.Scheme(systems[0].URL))
	if !ok || info.Draft == nil {
		return gallra.Errorf(gallra.Unsupported, "cli.no_draft", "system", string(systems[0].Name))
	}
	conf, err := a.config.Connect(systems[0], a.env)
	if err != nil {
		return err
	}
	text, err := info.Draft(s.ctx, conf)
	if err != nil {
		return err
	}
	if c.Output == "" {
		_, err = io.WriteString(s.out, text)
		return err
	}
	return writeFile(c.Output, func(f *os.File) error { _, err := io.WriteString(f, text); return err })
}

// Run tells whether a system looks as its profile says, and what in the profile
// somebody should look at.
func (c *profileCheckCmd) Run(s *session) error {
	a, err := s.light()
	if err != nil {
		return err
	}
	systems, err := a.named([]string{c.System})
	if err != nil {
		return err
	}
	src, err := a.source(s.ctx, systems[0])
	if err != nil {
		return err
	}
	defer src.Close()
	if err := src.Check(s.ctx); err != nil {
		return err
	}
	types, err := src.Types(s.ctx)
	if err != nil {
		return err
	}
	var remarks []connector.Remark
	if r, ok := src.(connector.Reviewer); ok {
		if remarks, err = r.Review(s.ctx); err != nil {
			return err
		}
	}
	if s.flags.JSON {
		return s.json(map[string]any{"types": types, "remarks": remarks})
	}
	rows := make([][]string, 0, len(types))
	for _, t := range types {
		var personal []string
		for _, f := range t.Fields {
			if f.Category != "" || f.Text || f.Format != connector.FormatPlain {
				personal = append(personal, f.Name)
			}
		}
		rows = append(rows, []string{t.Name, s.say.T("kind." + string(t.Kind)), t.Parent, strings.Join(personal, ", ")})
	}
	if err := s.table([]string{s.say.T("cli.col.type"), s.say.T("cli.col.kind"), s.say.T("cli.col.parent"), s.say.T("cli.col.fields")}, rows); err != nil {
		return err
	}
	s.line("cli.profile.ok", "system", string(systems[0].Name))
	for _, r := range remarks {
		s.line("cli.profile.remark", "where", r.Where, "why", s.say.Say(r.Why))
	}
	return nil
}
