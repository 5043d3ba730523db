package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/config"
	"github.com/gallra/gallra/internal/demo"
	"github.com/gallra/gallra/internal/retention"
)

type demoCmd struct {
	Addr    string `default:"127.0.0.1:8700" help:"cli_flag_addr"`
	NoServe bool   `help:"cli_flag_no_serve"`
	Size    int    `help:"cli_flag_size" placeholder:"RECORDS"`
	Seed    uint64 `default:"1" help:"cli_flag_seed"`
}

// demoPassword opens every account of a demonstration, which holds nobody's data.
const demoPassword = "gallra-demo-2026"

// demoAccounts are the people of the example organisation's office.
var demoAccounts = []auth.NewAccount{
	{Username: "anna", Name: "Anna Ek", Role: auth.Agent},
	{Username: "bo", Name: "Bo Lind", Role: auth.Approver},
	{Username: "cilla", Name: "Cilla Norén", Role: auth.Approver},
	{Username: "dso", Name: "Disa Strand", Role: auth.DPO},
	{Username: "admin", Name: "Ali Ceder", Role: auth.Admin},
	{Username: "revisor", Name: "Rut Alm", Role: auth.Auditor},
}

// demoMarker tells a folder that demo made from one that somebody works in.
const demoMarker = ".gallra-demo"

// Run makes an example organisation on disk, takes inventory of it, plans and
// opens the page. It needs no network, and touches no folder it did not make.
func (c *demoCmd) Run(s *session) error {
	began := time.Now()
	if s.flags.Data == "gallra-data" {
		s.flags.Data = "demo-data" // never the folder of a real organisation
	}
	if err := demoFolder(s.flags.Data); err != nil {
		return err
	}
	s.line("cli.demo.making", "directory", s.flags.Data)
	org, err := demo.Make(s.ctx, s.flags.Data, demo.Options{Size: c.Size, Seed: c.Seed})
	if err != nil {
		return err
	}
	a, err := s.full()
	if err != nil {
		return err
	}
	defer a.close()
	for _, n := range demoAccounts {
		n.Password = demoPassword
		if _, err := a.auth.Create(s.ctx, n); err != nil {
			return err
		}
	}
	for _, sys := range a.config.Systems {
		what := s.say.T("cli.scan.reading", "system", sys.Title)
		if err := a.scan(s.ctx, sys.Name, "anna", func(done, total int64) { s.status.show(what, done, total) }); err != nil {
			return err
		}
	}
	e := a.retention()
	defer e.Close()
	id, err := e.Plan(s.ctx, retention.PlanSpec{Rules: a.config.Rules, Organisation: a.organisation(), Actor: "anna"})
	if err != nil {
		return err
	}
	if err := a.drive(s, e, id, "cli.retention.planning", 0); err != nil {
		return err
	}
	p, err := e.PlanOf(s.ctx, id)
	if err != nil {
		return err
	}
	s.line("cli.demo.made", "organisation", a.config.Organisation.Name, "records", org.Records, "systems", len(org.Systems), "due", p.Preview.Due)
	who := org.Cast[0]
	s.line("cli.demo.person", "name", who.Name(), "email", who.Email())
	s.line("cli.demo.accounts", "password", demoPassword)
	for _, n := range demoAccounts {
		fmt.Fprintf(s.out, "  %-8s %s\n", n.Username, s.say.T("role."+string(n.Role)))
	}
	s.line("cli.demo.time", "seconds", s.say.Decimal(time.Since(began).Seconds(), 1))
	if c.NoServe {
		return nil
	}
	return a.serve(s, c.Addr, "", false)
}

// demoFolder empties a folder of an earlier demonstration, and refuses any other
// that holds something.
func demoFolder(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		return gallra.Errorf(gallra.Invalid, "store.directory", "directory", dir)
	}
	marked := false
	for _, en := range entries {
		marked = marked || en.Name() == demoMarker
	}
	if len(entries) > 0 && !marked {
		return gallra.Errorf(gallra.Invalid, "cli.demo_folder", "directory", dir)
	}
	for _, en := range entries {
		if n := en.Name(); n == "systems" || n == "keys" || n == config.FileName || strings.HasPrefix(n, "gallra.db") || strings.HasPrefix(n, "evidence") {
			if err := os.RemoveAll(dir + string(os.PathSeparator) + n); err != nil {
				return gallra.Errorf(gallra.Invalid, "store.directory", "directory", dir)
			}
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return gallra.Errorf(gallra.Invalid, "store.directory", "directory", dir)
	}
	return os.WriteFile(dir+string(os.PathSeparator)+demoMarker, nil, 0o600)
}
