package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/i18n"
	"github.com/gallra/gallra/internal/pdf"
	"github.com/gallra/gallra/internal/report"
	"github.com/gallra/gallra/internal/retention"
)

type documentCmd struct {
	RetentionPlan documentPlanCmd       `cmd:"" name:"retention-plan" help:"cli_document_plan"`
	Holds         documentHoldsCmd      `cmd:"" help:"cli_document_holds"`
	Anonymisation documentAssessmentCmd `cmd:"" help:"cli_document_anonymisation"`
}

// paperFlags say who asks for a document and where it goes.
type paperFlags struct {
	Output string `short:"o" required:"" help:"cli_flag_paper" placeholder:"FILE.html|pdf|csv|json"`
	asFlag
}

// document draws a paper up and saves it.
func (s *session) document(f paperFlags, draw func(report.Press) (report.Paper, error)) error {
	return s.onEngine(f.As, auth.SeeRetention, func(a *app, e *retention.Engine, acc auth.Account) error {
		p, err := draw(a.press(e, acc.Username))
		if err != nil {
			return err
		}
		return s.save(f.Output, p)
	})
}

type documentPlanCmd struct{ paperFlags }

// Run saves the gallringsplan, document D3.
func (c *documentPlanCmd) Run(s *session) error {
	return s.document(c.paperFlags, func(p report.Press) (report.Paper, error) { return p.RetentionPlan(s.ctx) })
}

type documentHoldsCmd struct{ paperFlags }

// Run saves the register of holds, document D15.
func (c *documentHoldsCmd) Run(s *session) error {
	return s.document(c.paperFlags, func(p report.Press) (report.Paper, error) { return p.HoldRegister(s.ctx) })
}

type documentAssessmentCmd struct {
	Run_ string `arg:"" name:"run" help:"cli_arg_run"`
	paperFlags
}

// Run saves the assessment of an anonymisation, document D14.
func (c *documentAssessmentCmd) Run(s *session) error {
	return s.document(c.paperFlags, func(p report.Press) (report.Paper, error) { return p.Assessment(s.ctx, c.Run_) })
}

func (a *app) press(e *retention.Engine, actor string) report.Press {
	return report.Press{DB: a.db, Log: a.log, Retention: e, Config: a.config, Actor: actor}
}

// printable is what can be saved as a page and, where a browser is, as its print.
type printable interface {
	Write(ctx context.Context, w io.Writer, f report.Format, lang i18n.Lang, printer *pdf.Printer) error
}

// save writes a paper in the format its file's name asks for.
func (s *session) save(file string, p report.Paper) error {
	format, err := report.FormatOf(file)
	if err != nil {
		return err
	}
	return s.saveAs(file, format, p)
}

// saveAs writes p as format. Where nothing can print a PDF it is saved as HTML,
// which is said, and the exit code is 3.
func (s *session) saveAs(file string, format report.Format, p printable) error {
	write := func(file string, as report.Format) error {
		return writeFile(file, func(f *os.File) error { return p.Write(s.ctx, f, as, s.say.Lang(), pdf.New("")) })
	}
	err := write(file, format)
	if !errors.Is(err, pdf.ErrNoBrowser) {
		return err
	}
	html := strings.TrimSuffix(file, filepath.Ext(file)) + "." + string(report.HTML)
	if err := write(html, report.HTML); err != nil {
		return err
	}
	s.line("cli.document.no_pdf", "file", html)
	return errRemains
}
