package main

import (
	"os"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/archive"
	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/retention"
)

type retentionDeliveriesCmd struct {
	Run_ string `arg:"" optional:"" name:"run" help:"cli_arg_run"`
}

// Run lists what was handed over to archives, and what they have said.
func (c *retentionDeliveriesCmd) Run(s *session) error {
	return s.onEngine("", "", func(a *app, e *retention.Engine, _ auth.Account) error {
		list, err := e.Deliveries(s.ctx, c.Run_)
		if err != nil {
			return err
		}
		if s.flags.JSON {
			return s.json(list)
		}
		rows := [][]string{}
		for _, d := range list {
			state := s.say.T("delivery.state." + string(d.State))
			if d.Overdue(a.db.Now()) {
				state = s.say.T("deliveries.overdue")
			}
			if d.Problem != "" {
				state += ": " + s.say.Say("error."+d.Problem)
			}
			rows = append(rows, []string{d.ID, string(d.System), s.say.Number(d.Records), s.date(d.Delivered), s.date(d.Due), state, d.SHA256})
		}
		return s.table([]string{s.say.T("cli.col.package"), s.say.T("cli.col.system"), s.say.T("cli.col.records"), s.say.T("cli.col.delivered"), s.say.T("cli.col.receipt_by"), s.say.T("cli.col.state"), "SHA-256"}, rows)
	})
}

type retentionReceiptCmd struct {
	Package   string `arg:"" help:"cli_arg_package"`
	SHA256    string `name:"sha256" help:"cli_flag_sha256"`
	Reference string `help:"cli_flag_reference"`
	Refused   bool   `help:"cli_flag_refused"`
	Note      string `help:"cli_flag_refused_note"`
	File      string `help:"cli_flag_receipt_file" placeholder:"FILE"`
	asFlag
}

// Run registers an archive's receipt and erases what it is for. It ends with code
// 3 when something of the run is open still.
func (c *retentionReceiptCmd) Run(s *session) error {
	r := retention.Receipt{SHA256: c.SHA256, Reference: c.Reference, Accepted: !c.Refused, Note: c.Note}
	if c.File != "" {
		b, err := os.ReadFile(c.File)
		if err != nil {
			return gallra.Errorf(gallra.Invalid, "cli.file", "file", c.File)
		}
		said, err := archive.ReadReceipt(b)
		if err != nil {
			return err
		}
		if said.Package != c.Package {
			return gallra.Errorf(gallra.Conflict, "retention.receipt_other", "package", c.Package)
		}
		r = retention.Receipt{SHA256: said.SHA256, Accepted: said.Accepted, Reference: said.Reference, Note: said.Note}
		if c.Reference != "" {
			r.Reference = c.Reference
		}
	}
	return s.onEngine(c.As, auth.RunRetention, func(_ *app, e *retention.Engine, acc auth.Account) error {
		r.Actor = acc.Username
		if err := e.Receive(s.ctx, c.Package, r); err != nil {
			return err
		}
		d, err := e.DeliveryOf(s.ctx, c.Package)
		if err != nil {
			return err
		}
		o, err := e.Follow(s.ctx, d.Run)
		if err != nil {
			return err
		}
		s.line("cli.retention.received", "package", d.ID, "state", s.say.T("delivery.state."+string(d.State)), "open", o.Delivered)
		if o.Any() {
			return errRemains
		}
		return nil
	})
}
