package main

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/deadline"
	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/letter"
)

type letterCmd struct {
	Write   letterWriteCmd   `cmd:"" help:"cli_letter_write"`
	Sent    letterSentCmd    `cmd:"" help:"cli_letter_sent"`
	Remind  letterRemindCmd  `cmd:"" help:"cli_letter_remind"`
	Answer  letterAnswerCmd  `cmd:"" help:"cli_letter_answer"`
	Recheck letterRecheckCmd `cmd:"" help:"cli_letter_recheck"`
	Show    letterShowCmd    `cmd:"" help:"cli_letter_show"`
	List    letterListCmd    `cmd:"" help:"cli_letter_list"`
}

// onLetters runs f for a user who may handle requests.
func (s *session) onLetters(as string, f func(a *app, d *letter.Desk, acc auth.Account) error) error {
	a, err := s.full()
	if err != nil {
		return err
	}
	defer a.close()
	acc, err := s.as(a, as, auth.HandleRequests)
	if err != nil {
		return err
	}
	return f(a, &letter.Desk{DB: a.db, Log: a.log, Loc: stockholm}, acc)
}

// letterSpec is what the configuration says about a letter to a system's vendor.
func (a *app) letterSpec(system, vendor, to, lang string) (letter.Spec, error) {
	sys, ok := a.config.System(gallra.SystemID(system))
	if !ok {
		return letter.Spec{}, gallra.Errorf(gallra.Invalid, "cli.unknown_system", "system", system)
	}
	o := a.config.Organisation
	return letter.Spec{System: sys.Name, Vendor: vendor, To: to, Product: sys.Title, Agreement: sys.Vendor.Agreement, Language: lang,
		Organisation: o.Name, Number: o.Number, Contact: o.Contact}, nil
}

// letterOut is where a text goes that is never kept by Gallra itself.
type letterOut struct {
	Output string `short:"o" help:"cli_flag_output" placeholder:"FILE"`
	In     string `name:"in" help:"cli_flag_letter_language" default:"sv" enum:"sv,en"`
}

func (o letterOut) put(s *session, text string) error {
	if o.Output == "" {
		_, err := io.WriteString(s.out, text)
		return err
	}
	return writeFile(o.Output, func(f *os.File) error { _, err := io.WriteString(f, text); return err })
}

type letterWriteCmd struct {
	System string `arg:"" help:"cli_arg_system_name"`
	Action string `help:"cli_flag_letter_action" default:"erase" enum:"erase,anonymise,rectify,extract"`
	Vendor string `help:"cli_flag_letter_vendor" placeholder:"VENDOR"`
	To     string `help:"cli_flag_letter_to" placeholder:"ADDRESS"`
	For    string `name:"for" help:"cli_flag_letter_for" placeholder:"REQUEST"`
	personFlags
	letterOut
	asFlag
}

// Run writes the first letter. Its text goes where the user says and nowhere else.
func (c *letterWriteCmd) Run(s *session) error {
	ids, err := c.identifiers()
	if err != nil {
		return err
	}
	return s.onLetters(c.As, func(a *app, d *letter.Desk, acc auth.Account) error {
		spec, err := a.letterSpec(c.System, c.Vendor, c.To, c.In)
		if err != nil {
			return err
		}
		spec.Action, spec.Matter, spec.About, spec.Actor = c.Action, c.For, ids, acc.Username
		spec.Put = func(text string) error { return c.put(s, text) }
		l, _, err := d.Write(s.ctx, spec)
		if err != nil {
			return err
		}
		if s.flags.JSON {
			return s.json(l)
		}
		s.line("cli.letter.written", "letter", l.ID)
		for _, v := range letter.Vendors() {
			if v.Name == l.Vendor && v.Sender.SV != "" {
				s.line("cli.letter.sender", "words", v.Sender.In(string(s.say.Lang())))
			}
		}
		return nil
	})
}

type letterSentCmd struct {
	Letter string `arg:"" help:"cli_arg_letter"`
	On     string `help:"cli_flag_letter_on" placeholder:"YYYY-MM-DD"`
	asFlag
}

// Run notes that the letter went out; from then the vendor's time runs.
func (c *letterSentCmd) Run(s *session) error {
	return s.onLetters(c.As, func(a *app, d *letter.Desk, acc auth.Account) error {
		on, err := day(c.On)
		if err != nil {
			return err
		}
		l, err := d.Sent(s.ctx, c.Letter, acc.Username, on)
		return s.letter(l, err)
	})
}

// day reads a day of the command line; today when there is none.
func day(v string) (time.Time, error) {
	if v == "" {
		return time.Now(), nil
	}
	t, err := deadline.ParseDay(v)
	if err != nil {
		return time.Time{}, gallra.Errorf(gallra.Invalid, "cli.date", "value", v)
	}
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, stockholm), nil
}

// letter prints how a letter stands.
func (s *session) letter(l letter.Letter, err error) error {
	if err != nil {
		return err
	}
	return s.letters([]letter.Letter{l})
}

func (s *session) letters(list []letter.Letter) error {
	if s.flags.JSON {
		return s.json(list)
	}
	now := time.Now()
	rows := make([][]string, 0, len(list))
	for _, l := range list {
		due := ""
		if !l.Due.IsZero() && l.State != letter.Done {
			due = l.Due.In(stockholm).Format(time.DateOnly)
		}
		rows = append(rows, []string{l.ID, string(l.System), l.Matter, s.say.T("letter." + string(l.State)), due, s.say.T("letter.next." + string(l.Next(now)))})
	}
	return s.table([]string{s.say.T("cli.col.letter"), s.say.T("cli.col.system"), s.say.T("cli.col.request"), s.say.T("cli.col.state"), s.say.T("cli.col.due_date"), s.say.T("cli.col.next")}, rows)
}

type letterRemindCmd struct {
	Letter string `arg:"" help:"cli_arg_letter"`
	letterOut
	asFlag
}

// Run writes the reminder, or after that the escalation, when its day has come.
func (c *letterRemindCmd) Run(s *session) error {
	return s.onLetters(c.As, func(a *app, d *letter.Desk, acc auth.Account) error {
		l, err := d.Letter(s.ctx, c.Letter)
		if err != nil {
			return err
		}
		spec, err := a.letterSpec(string(l.System), l.Vendor, "", c.In)
		if err != nil {
			return err
		}
		spec.Actor = acc.Username
		spec.Put = func(text string) error { return c.put(s, text) }
		l, _, err = d.Again(s.ctx, c.Letter, spec)
		return s.letter(l, err)
	})
}

type letterShowCmd struct {
	Letter string `arg:"" help:"cli_arg_letter"`
	To     string `help:"cli_flag_letter_to" placeholder:"ADDRESS"`
	personFlags
	letterOut
	asFlag
}

// Run writes the last letter once more, word for word. The first one needs to be
// told again who it is about.
func (c *letterShowCmd) Run(s *session) error {
	return s.onLetters(c.As, func(a *app, d *letter.Desk, _ auth.Account) error {
		l, err := d.Letter(s.ctx, c.Letter)
		if err != nil {
			return err
		}
		spec, err := a.letterSpec(string(l.System), l.Vendor, c.To, c.In)
		if err != nil {
			return err
		}
		if l.Reminded.IsZero() {
			if spec.About, err = c.identifiers(); err != nil {
				return err
			}
		}
		_, text, err := d.Text(s.ctx, c.Letter, spec)
		if err != nil {
			return err
		}
		return c.put(s, text)
	})
}

type letterAnswerCmd struct {
	Letter  string `arg:"" help:"cli_arg_letter"`
	Proof   string `required:"" help:"cli_flag_letter_proof" placeholder:"FILE"`
	On      string `help:"cli_flag_letter_on" placeholder:"YYYY-MM-DD"`
	GoneBy  string `help:"cli_flag_letter_gone_by" placeholder:"YYYY-MM-DD"`
	Remains string `help:"cli_flag_letter_remains" placeholder:"TEXT"`
	asFlag
}

// Run notes the vendor's answer by its digest; the answer itself stays where it is.
func (c *letterAnswerCmd) Run(s *session) error {
	return s.onLetters(c.As, func(a *app, d *letter.Desk, acc auth.Account) error {
		f, err := os.Open(c.Proof)
		if err != nil {
			return gallra.Errorf(gallra.Invalid, "cli.file", "file", c.Proof)
		}
		defer f.Close()
		sum := sha256.New()
		if _, err := io.Copy(sum, f); err != nil {
			return gallra.Errorf(gallra.Invalid, "cli.file", "file", c.Proof)
		}
		ans := letter.Answer{Proof: hex.EncodeToString(sum.Sum(nil)), Remains: c.Remains}
		if ans.On, err = day(c.On); err != nil {
			return err
		}
		if c.GoneBy != "" {
			if ans.GoneBy, err = day(c.GoneBy); err != nil {
				return err
			}
		}
		l, err := d.Take(s.ctx, c.Letter, acc.Username, ans)
		return s.letter(l, err)
	})
}

type letterRecheckCmd struct {
	Letter string `arg:"" help:"cli_arg_letter"`
	Left   int64  `help:"cli_flag_letter_left" default:"-1" placeholder:"N"`
	personFlags
	asFlag
}

// Run looks the system through for the person again where it can be read, and
// otherwise takes the count of who has looked. It ends with code 3 when
// something is left.
func (c *letterRecheckCmd) Run(s *session) error {
	return s.onLetters(c.As, func(a *app, d *letter.Desk, acc auth.Account) error {
		l, err := d.Letter(s.ctx, c.Letter)
		if err != nil {
			return err
		}
		left := c.Left
		if left < 0 {
			if left, err = a.count(s, l.System, c.personFlags); err != nil {
				return err
			}
		}
		l, err = d.Recheck(s.ctx, c.Letter, acc.Username, left)
		if err := s.letter(l, err); err != nil {
			return err
		}
		if left > 0 {
			return errRemains
		}
		return nil
	})
}

// count tells how many records about the person a system still has.
func (a *app) count(s *session, system gallra.SystemID, p personFlags) (int64, error) {
	ids, err := p.identifiers()
	if err != nil {
		return 0, err
	}
	src, err := a.open(s.ctx, system)
	if err != nil {
		return 0, err
	}
	defer src.Close()
	f, ok := src.(connector.Finder)
	if !ok {
		return 0, gallra.Errorf(gallra.Unsupported, "letter.look_by_hand", "system", string(system))
	}
	var n int64
	for cursor := ""; ; {
		h, err := f.Find(s.ctx, connector.Needles{Identifiers: ids, Depth: connector.InText}, cursor)
		if err != nil {
			return 0, err
		}
		n += int64(len(h.Hits))
		if cursor = h.Next; cursor == "" {
			return n, nil
		}
	}
}

type letterListCmd struct {
	All bool `help:"cli_flag_letter_all"`
	asFlag
}

// Run lists the letters, those that are due first.
func (c *letterListCmd) Run(s *session) error {
	return s.onLetters(c.As, func(a *app, d *letter.Desk, _ auth.Account) error {
		list, err := d.List(s.ctx, c.All)
		if err != nil {
			return err
		}
		return s.letters(list)
	})
}
