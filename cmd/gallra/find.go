package main

import (
	"os"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/report"
	"github.com/gallra/gallra/internal/subject"
)

// personFlags are the identifiers of a person.
type personFlags struct {
	Email        []string `help:"cli_flag_email"`
	Phone        []string `help:"cli_flag_phone"`
	Personnummer []string `help:"cli_flag_personnummer"`
	Name         []string `help:"cli_flag_personname"`
	Account      []string `help:"cli_flag_account"`
	Customer     []string `help:"cli_flag_customer"`
}

func (p personFlags) identifiers() ([]gallra.Identifier, error) {
	var ids []gallra.Identifier
	for _, k := range []struct {
		kind   gallra.IdentifierKind
		values []string
	}{{gallra.IdentEmail, p.Email}, {gallra.IdentPhone, p.Phone}, {gallra.IdentPersonnummer, p.Personnummer},
		{gallra.IdentName, p.Name}, {gallra.IdentAccount, p.Account}, {gallra.IdentCustomer, p.Customer}} {
		for _, v := range k.values {
			if v != "" {
				ids = append(ids, gallra.Identifier{Kind: k.kind, Value: v})
			}
		}
	}
	if len(ids) == 0 {
		return nil, gallra.Errorf(gallra.Invalid, "cli.no_identifier")
	}
	return ids, nil
}

type findCmd struct {
	Systems []string `arg:"" optional:"" name:"system" help:"cli_arg_systems"`
	personFlags
}

// Run lists every record about the person: references, roles and how sure it
// is, never content.
func (c *findCmd) Run(s *session) error {
	ids, err := c.identifiers()
	if err != nil {
		return err
	}
	a, err := s.light()
	if err != nil {
		return err
	}
	found, err := a.find(s, c.Systems, ids)
	if err != nil {
		return err
	}
	if s.flags.JSON {
		var out []subject.Result
		for _, f := range found {
			out = append(out, f.result)
		}
		return s.json(out)
	}
	var rows [][]string
	for _, f := range found {
		for _, h := range f.result.Hits {
			why := ""
			for i, r := range h.Why {
				if i > 0 {
					why += ", "
				}
				why += r.Field + " (" + s.say.T("identifier."+string(r.Kind)) + ")"
			}
			rows = append(rows, []string{h.Ref.String(), s.say.T("role." + string(h.Role)), s.say.T("certainty." + string(h.Certainty)), s.date(h.Created), why})
		}
	}
	if err := s.table([]string{s.say.T("cli.col.record"), s.say.T("cli.col.part"), s.say.T("cli.col.certainty"), s.say.T("cli.col.date"), s.say.T("cli.col.why")}, rows); err != nil {
		return err
	}
	for _, f := range found {
		if n := len(f.result.Skipped); n > 0 {
			s.line("cli.find.unread", "system", string(f.result.System), "count", n)
		}
	}
	return nil
}

type extractCmd struct {
	Systems []string `arg:"" optional:"" name:"system" help:"cli_arg_systems"`
	personFlags
	Output string `short:"o" required:"" help:"cli_flag_output" placeholder:"FILE.zip"`
	Unsure bool   `help:"cli_flag_unsure"`
}

// Run writes the extract of the person. Hits by name alone are left out unless
// asked for: a namesake's cases must never be in it by accident (REQUIREMENTS W-6).
func (c *extractCmd) Run(s *session) error {
	ids, err := c.identifiers()
	if err != nil {
		return err
	}
	a, err := s.light()
	if err != nil {
		return err
	}
	found, err := a.find(s, c.Systems, ids)
	if err != nil {
		return err
	}
	var of []report.Found
	for _, f := range found {
		r := report.Found{System: f.system, Unread: len(f.result.Skipped)}
		for _, h := range f.result.Hits {
			if c.Unsure || h.Certainty != connector.Unsure {
				r.Hits = append(r.Hits, h)
			}
		}
		of = append(of, r)
	}
	var man report.Manifest
	err = writeFile(c.Output, func(f *os.File) (err error) {
		man, err = a.maker().Write(s.ctx, f, s.say.Lang(), ids, of)
		return err
	})
	if err != nil {
		return err
	}
	if s.flags.JSON {
		return s.json(man)
	}
	n := 0
	for _, k := range man.Systems {
		n += k
	}
	s.line("cli.extract.done", "file", c.Output, "conversations", n, "masked", man.Masked)
	return nil
}
