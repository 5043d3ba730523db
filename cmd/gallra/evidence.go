package main

import (
	"errors"
	"os"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/evidence"
)

type evidenceCmd struct {
	Verify evidenceVerifyCmd `cmd:"" help:"cli_evidence_verify"`
	Export evidenceExportCmd `cmd:"" help:"cli_evidence_export"`
	Key    evidenceKeyCmd    `cmd:"" help:"cli_evidence_key"`
}

type evidenceVerifyCmd struct {
	File string `arg:"" optional:"" help:"cli_arg_evidence"`
	Key  string `help:"cli_flag_key" placeholder:"KEY"`
}

// Run verifies an exported log from the file and the key alone, or the log in
// the data folder. It ends with code 3 and names the first bad entry when
// anything was changed.
func (c *evidenceVerifyCmd) Run(s *session) error {
	var r evidence.Report
	if c.File != "" {
		f, err := os.Open(c.File)
		if err != nil {
			return gallra.Errorf(gallra.Invalid, "cli.file", "file", c.File)
		}
		defer f.Close()
		if r, err = evidence.Verify(f, c.Key); err != nil && !errors.Is(err, evidence.ErrTampered) {
			return err
		}
	} else {
		a, err := s.full()
		if err != nil {
			return err
		}
		defer a.close()
		if r, err = a.log.VerifyDB(s.ctx); err != nil && !errors.Is(err, evidence.ErrTampered) {
			return err
		}
	}
	if s.flags.JSON {
		if err := s.json(r); err != nil {
			return err
		}
	} else {
		s.line("cli.evidence.checked", "entries", r.Entries, "sealed", r.Sealed, "size", r.Size)
		s.line("cli.evidence.root", "root", r.Root)
		if !r.KeyGiven {
			s.line("cli.evidence.own_key", "key", r.Key)
		}
	}
	if r.Bad != nil {
		if !s.flags.JSON {
			s.line("cli.evidence.bad", "seq", r.Bad.Seq, "reason", s.say.T("evidence.bad."+r.Bad.Reason))
		}
		return errRemains
	}
	if !s.flags.JSON {
		s.line("cli.evidence.ok")
	}
	return nil
}

type evidenceExportCmd struct {
	Output string `short:"o" help:"cli_flag_output" placeholder:"FILE"`
}

// Run writes the whole log to a file or to standard output.
func (c *evidenceExportCmd) Run(s *session) error {
	a, err := s.full()
	if err != nil {
		return err
	}
	defer a.close()
	if c.Output == "" || c.Output == "-" {
		return a.log.Export(s.ctx, s.out)
	}
	return writeFile(c.Output, func(f *os.File) error { return a.log.Export(s.ctx, f) })
}

type evidenceKeyCmd struct{}

// Run prints the public key, to be kept somewhere else than the log.
func (c *evidenceKeyCmd) Run(s *session) error {
	a, err := s.full()
	if err != nil {
		return err
	}
	defer a.close()
	_, err = s.out.Write([]byte(a.log.PublicKey() + "\n"))
	return err
}

// writeFile writes a file that only its owner may read, and none at all when
// write fails.
func writeFile(name string, write func(*os.File) error) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return gallra.Errorf(gallra.Invalid, "cli.output", "file", name)
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		_ = os.Remove(name) // err is what matters; a part of an extract must not lie about
	}
	return err
}
