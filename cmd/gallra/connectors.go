package main

import (
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

type connectorsCmd struct{}

type connectorLine struct {
	Name    string                  `json:"name"`
	Title   string                  `json:"title"`
	Schemes []string                `json:"schemes"`
	Channel connector.Channel       `json:"channel"`
	Can     []connector.Capability  `json:"can"`
	Finds   []gallra.IdentifierKind `json:"finds"`
}

// Run lists what this program can connect to and what each can do.
func (c *connectorsCmd) Run(s *session) error {
	var lines []connectorLine
	for _, i := range connector.All() {
		lines = append(lines, connectorLine{i.Name, i.Title, i.Schemes, i.Channel, i.Can, i.Finds})
	}
	if s.flags.JSON {
		return s.json(lines)
	}
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

type profileCmd struct {
	Check profileCheckCmd `cmd:"" help:"${cli_profile_check}"`
}

type profileCheckCmd struct {
	System string `arg:"" help:"${cli_arg_system}"`
}

// Run tells whether a system looks as its profile says.
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
	if s.flags.JSON {
		return s.json(types)
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
	return nil
}
