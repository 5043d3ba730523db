package main

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/config"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/hold"
	"github.com/gallra/gallra/internal/retention"
	"github.com/gallra/gallra/internal/ruleset"
	"github.com/gallra/gallra/internal/work"
)

type retentionWaitingCmd struct{}

// Run lists what runs have begun and not ended. It ends with code 3 when
// something is past its day.
func (c *retentionWaitingCmd) Run(s *session) error {
	return s.onEngine("", "", func(_ *app, e *retention.Engine, _ auth.Account) error {
		list, err := e.Waiting(s.ctx)
		if err != nil {
			return err
		}
		var overdue int64
		rows := [][]string{}
		for _, r := range list {
			overdue += r.Overdue
			rows = append(rows, []string{r.Run, s.say.Number(r.Promised), s.date(r.PromisedBy), s.say.Number(r.Quarantined), s.date(r.Until), s.say.Number(r.Delivered), s.date(r.ReceiptBy), s.say.Number(r.Tasks), s.date(r.TasksDue), s.say.Number(r.Overdue)})
		}
		if s.flags.JSON {
			err = s.json(list)
		} else {
			err = s.table([]string{s.say.T("cli.col.run"), s.say.T("cli.col.promised"), s.say.T("cli.col.by"), s.say.T("cli.col.quarantined"), s.say.T("cli.col.until"), s.say.T("cli.col.delivered"), s.say.T("cli.col.receipt_by"), s.say.T("cli.col.tasks"), s.say.T("cli.col.due_day"), s.say.T("cli.col.overdue")}, rows)
		}
		if err == nil && overdue > 0 {
			return errRemains
		}
		return err
	})
}

type retentionConfirmCmd struct {
	Run_ string `arg:"" optional:"" name:"run" help:"cli_arg_run"`
	asFlag
}

// Run asks about promises and ends quarantines whose time is over, of one run or
// of all. Workers do the same by themselves.
func (c *retentionConfirmCmd) Run(s *session) error {
	return s.onEngine(c.As, auth.RunRetention, func(_ *app, e *retention.Engine, _ auth.Account) error {
		runs := []string{c.Run_}
		if c.Run_ == "" {
			list, err := e.Waiting(s.ctx)
			if err != nil {
				return err
			}
			runs = nil
			for _, r := range list {
				runs = append(runs, r.Run)
			}
		}
		open := false
		for _, run := range runs {
			o, err := e.Follow(s.ctx, run)
			if err != nil {
				return err
			}
			open = open || o.Any()
			s.line("cli.retention.open", "run", run, "promised", o.Promised, "quarantined", o.Quarantined, "delivered", o.Delivered, "tasks", o.Tasks, "overdue", o.Overdue)
		}
		if open {
			return errRemains
		}
		return nil
	})
}

type retentionTasksCmd struct {
	Run_ string `arg:"" optional:"" name:"run" help:"cli_arg_run"`
}

// Run lists the tasks that people do by hand.
func (c *retentionTasksCmd) Run(s *session) error {
	return s.onEngine("", "", func(_ *app, e *retention.Engine, _ auth.Account) error {
		tasks, err := e.Tasks(s.ctx, c.Run_)
		if err != nil {
			return err
		}
		if s.flags.JSON {
			return s.json(tasks)
		}
		rows := [][]string{}
		for _, t := range tasks {
			state := s.say.T("task.open")
			switch {
			case t.Signature != nil:
				state = s.say.T("task.signed", "user", t.Signature.Actor, "count", t.Signature.Count, "outcome", s.say.T("outcome."+string(t.Signature.Outcome)))
			case t.Overdue(time.Now()):
				state = s.say.T("task.overdue")
			}
			rows = append(rows, []string{t.ID, string(t.System), t.Place, t.Owner, s.date(t.Before), s.date(t.Due.AddDate(0, 0, -1)), state})
		}
		return s.table([]string{s.say.T("cli.col.task"), s.say.T("cli.col.system"), s.say.T("cli.col.place"), s.say.T("cli.col.owner"), s.say.T("cli.col.before"), s.say.T("cli.col.due_day"), s.say.T("cli.col.state")}, rows)
	})
}

type retentionSignCmd struct {
	Task      string   `arg:"" help:"cli_arg_task"`
	Performed string   `required:"" help:"cli_flag_performed" placeholder:"YYYY-MM-DD"`
	Outcome   string   `default:"erased" enum:"erased,de-identified,kept" help:"cli_flag_outcome"`
	Count     int64    `required:"" help:"cli_flag_count"`
	Note      string   `help:"cli_flag_note"`
	Proof     string   `help:"cli_flag_proof" placeholder:"FILE"`
	Heeded    []string `help:"cli_flag_heeded" placeholder:"HOLD"`
	asFlag
}

// Run signs a task. Of a proof only its digest is kept.
func (c *retentionSignCmd) Run(s *session) error {
	sig := retention.Signature{Performed: c.Performed, Outcome: gallra.Outcome(c.Outcome), Count: c.Count, Note: c.Note, Heeded: c.Heeded}
	if c.Proof != "" {
		f, err := os.Open(c.Proof)
		if err != nil {
			return gallra.Errorf(gallra.Invalid, "cli.file", "file", c.Proof)
		}
		defer f.Close()
		h := sha256.New()
		if _, err := io.Copy(h, f); err != nil {
			return gallra.Errorf(gallra.Invalid, "cli.file", "file", c.Proof)
		}
		sig.Proof = hex.EncodeToString(h.Sum(nil))
	}
	return s.onEngine(c.As, auth.RunRetention, func(_ *app, e *retention.Engine, acc auth.Account) error {
		sig.Actor = acc.Username
		if err := e.Sign(s.ctx, c.Task, sig); err != nil {
			return err
		}
		s.line("cli.retention.signed", "task", c.Task)
		return nil
	})
}

type retentionWishCmd struct {
	Work string `arg:"" help:"cli_arg_work"`
	Wish string `arg:"" enum:"pause,resume,stop" help:"cli_arg_wish"`
	asFlag
}

// Run pauses, resumes or stops a plan or a run, wherever it is being worked on.
func (c *retentionWishCmd) Run(s *session) error {
	return s.onEngine(c.As, auth.RunRetention, func(a *app, _ *retention.Engine, acc auth.Account) error {
		wish := map[string]work.Wish{"pause": work.WishPause, "resume": work.WishNone, "stop": work.WishStop}[c.Wish]
		err := a.db.Tx(s.ctx, func(tx *sql.Tx) error {
			if err := work.SetWish(s.ctx, tx, a.db.Now(), c.Work, wish); err != nil {
				return err
			}
			_, err := a.log.Append(s.ctx, tx, evidence.Entry{Actor: acc.Username, Action: "work." + c.Wish, Subject: c.Work})
			return err
		})
		if err != nil {
			return err
		}
		s.line("cli.retention.wished", "work", c.Work)
		return nil
	})
}

type retentionHaltCmd struct {
	Lift bool `help:"cli_flag_lift"`
	asFlag
}

// Run throws the kill switch, or lifts it (REQUIREMENTS X-16).
func (c *retentionHaltCmd) Run(s *session) error {
	return s.onEngine(c.As, auth.RunRetention, func(_ *app, e *retention.Engine, acc auth.Account) error {
		if err := e.StopAll(s.ctx, !c.Lift, acc.Username); err != nil {
			return err
		}
		key := "cli.retention.halted"
		if c.Lift {
			key = "cli.retention.lifted"
		}
		s.line(key)
		return nil
	})
}

type retentionLateCmd struct{}

// Run tells what is past its date by more than a month and why, as the newest
// plan of each system saw it (REQUIREMENTS G-12). Code 3 when anything is.
func (c *retentionLateCmd) Run(s *session) error {
	return s.onEngine("", "", func(_ *app, e *retention.Engine, _ auth.Account) error {
		late, err := e.Late(s.ctx)
		if err != nil {
			return err
		}
		if s.flags.JSON {
			err = s.json(late)
		} else {
			rows := [][]string{}
			for _, l := range late {
				var why []string
				for _, k := range slices.Sorted(maps.Keys(l.Why)) {
					why = append(why, s.say.Number(l.Why[k])+": "+s.say.Say(k))
				}
				rows = append(rows, []string{string(l.System), l.Type, s.say.Number(l.Late), s.say.Number(int64(l.Days)), s.date(l.Seen), strings.Join(why, "; ")})
			}
			err = s.table([]string{s.say.T("cli.col.system"), s.say.T("cli.col.type"), s.say.T("cli.col.late"), s.say.T("cli.col.days"), s.say.T("cli.col.date"), s.say.T("cli.col.why")}, rows)
		}
		if err == nil && len(late) > 0 {
			return errRemains
		}
		return err
	})
}

type retentionTemplatesCmd struct {
	All bool `help:"cli_flag_all_templates"`
}

// Run lists the periods offered, each with the statute it rests on. None applies
// by itself.
func (c *retentionTemplatesCmd) Run(s *session) error {
	a, err := s.light()
	if err != nil {
		return err
	}
	org := a.config.Organisation.Type
	if c.All {
		org = ""
	}
	list, date := ruleset.Templates(org)
	if s.flags.JSON {
		return s.json(list)
	}
	rows := [][]string{}
	for _, t := range list {
		law := t.Law.EN
		if s.say.Lang() == "sv" {
			law = t.Law.SV
		}
		rows = append(rows, []string{t.ID, t.Title.In(string(s.say.Lang())), t.Keep.String(), s.say.T("start." + string(t.Start)), t.Law.Name + ", " + t.Law.Section + ": " + law})
	}
	if err := s.table([]string{s.say.T("cli.col.template"), s.say.T("cli.col.title"), s.say.T("cli.col.period"), s.say.T("cli.col.from"), s.say.T("cli.col.law")}, rows); err != nil {
		return err
	}
	s.line("cli.retention.templates_note", "date", date)
	return nil
}

type retentionExportCmd struct {
	File string `arg:"" help:"cli_arg_rules_file"`
}

// Run writes the rules of gallra.yaml to a file, JSON or CSV by its name.
func (c *retentionExportCmd) Run(s *session) error {
	a, err := s.light()
	if err != nil {
		return err
	}
	return writeFile(c.File, func(f *os.File) error {
		if strings.EqualFold(filepath.Ext(c.File), ".csv") {
			return ruleset.WriteCSV(f, a.config.Rules)
		}
		return ruleset.WriteJSON(f, a.config.Rules)
	})
}

type retentionImportCmd struct {
	File string `arg:"" help:"cli_arg_rules_file"`
	asFlag
}

// Run brings rules from a file into gallra.yaml. A rule that has changed needs a
// higher version.
func (c *retentionImportCmd) Run(s *session) error {
	return s.onEngine(c.As, auth.EditRules, func(a *app, _ *retention.Engine, _ auth.Account) error {
		f, err := os.Open(c.File)
		if err != nil {
			return gallra.Errorf(gallra.Invalid, "cli.file", "file", c.File)
		}
		defer f.Close()
		read := ruleset.ReadJSON
		if strings.EqualFold(filepath.Ext(c.File), ".csv") {
			read = ruleset.ReadCSV
		}
		rules, err := read(f)
		if err != nil {
			return err
		}
		cfg, err := config.Load(a.configPath())
		if err != nil {
			return err
		}
		merged, done, err := ruleset.Merge(cfg.Rules, rules)
		if err != nil {
			return err
		}
		cfg.Rules = merged
		if err := cfg.Save(a.configPath()); err != nil {
			return err
		}
		count := map[ruleset.Change]int64{}
		for _, ch := range done {
			count[ch]++
		}
		s.line("cli.retention.imported", "added", count[ruleset.Added], "replaced", count[ruleset.Replaced], "same", count[ruleset.Same])
		return nil
	})
}

type holdCmd struct {
	List    holdListCmd    `cmd:"" help:"cli_hold_list"`
	Place   holdPlaceCmd   `cmd:"" help:"cli_hold_place"`
	Release holdReleaseCmd `cmd:"" help:"cli_hold_release"`
}

type holdListCmd struct {
	All bool `help:"cli_flag_all_holds"`
}

// Run lists the holds in force, or all there have been.
func (c *holdListCmd) Run(s *session) error {
	return s.onEngine("", "", func(a *app, _ *retention.Engine, _ auth.Account) error {
		list, err := hold.Register{DB: a.db, Log: a.log}.List(s.ctx, c.All)
		if err != nil {
			return err
		}
		if s.flags.JSON {
			return s.json(list)
		}
		rows := [][]string{}
		for _, h := range list {
			var targets []string
			for _, t := range h.Targets {
				if by := t.By(); by != "" {
					targets = append(targets, s.say.T("cli.hold.person", "by", s.say.T("identifier."+string(by))))
					continue
				}
				targets = append(targets, t.Ref.String())
			}
			for _, q := range h.Queries {
				targets = append(targets, s.say.T("cli.hold.query", "system", string(q.System), "type", q.Type, "filter", q.String()))
			}
			review := s.date(h.Review)
			if h.Overdue(time.Now()) {
				review += " " + s.say.T("cli.hold.overdue")
			}
			rows = append(rows, []string{h.ID, h.Reason, h.Matter, strings.Join(targets, " "), s.date(h.Placed), review, s.date(h.Released)})
		}
		return s.table([]string{s.say.T("cli.col.hold"), s.say.T("cli.col.why"), s.say.T("cli.col.matter"), s.say.T("cli.col.covers"), s.say.T("cli.col.date"), s.say.T("cli.col.review"), s.say.T("cli.col.released")}, rows)
	})
}

type holdPlaceCmd struct {
	System string `arg:"" optional:"" help:"cli_arg_system_name"`
	Type   string `arg:"" optional:"" help:"cli_arg_hold_type"`
	ID     string `arg:"" optional:"" help:"cli_arg_hold_id"`

	Email        []string `help:"cli_flag_hold_email"`
	Phone        []string `help:"cli_flag_hold_phone"`
	Personnummer []string `help:"cli_flag_hold_personnummer"`

	CreatedFrom   string   `help:"cli_flag_hold_from" placeholder:"YYYY-MM-DD"`
	CreatedBefore string   `help:"cli_flag_hold_before" placeholder:"YYYY-MM-DD"`
	Where         []string `help:"cli_flag_hold_where" placeholder:"FIELD=VALUE"`

	Kind   string `default:"legal" enum:"legal,request,archive" help:"cli_flag_hold_kind"`
	Reason string `required:"" help:"cli_flag_reason"`
	Matter string `help:"cli_flag_matter"`
	Review string `help:"cli_flag_review" placeholder:"YYYY-MM-DD"`
	Anyway bool   `help:"cli_flag_hold_anyway"`
	asFlag
}

// covered fills in what the hold is over.
func (c *holdPlaceCmd) covered(h *hold.Hold) error {
	for _, k := range []struct {
		kind   gallra.IdentifierKind
		values []string
	}{{gallra.IdentEmail, c.Email}, {gallra.IdentPhone, c.Phone}, {gallra.IdentPersonnummer, c.Personnummer}} {
		for _, v := range k.values {
			h.Persons = append(h.Persons, gallra.Identifier{Kind: k.kind, Value: v})
		}
	}
	if len(h.Persons) > 0 {
		if c.System != "" || c.Type != "" || len(c.Where) > 0 || c.CreatedFrom != "" || c.CreatedBefore != "" {
			return gallra.Errorf(gallra.Invalid, "hold.two_ways")
		}
		return nil
	}
	if len(c.Where) == 0 && c.CreatedFrom == "" && c.CreatedBefore == "" {
		h.Targets = []hold.Target{{Ref: gallra.Ref{System: gallra.SystemID(c.System), Type: c.Type, ID: c.ID}}}
		return nil
	}
	if c.System == "" || c.Type == "" || c.ID != "" {
		return gallra.Errorf(gallra.Invalid, "hold.query_form")
	}
	q, err := hold.ParseQuery(c.CreatedFrom, c.CreatedBefore, c.Where, stockholm)
	if err != nil {
		return err
	}
	q.System, q.Type = gallra.SystemID(c.System), c.Type
	h.Queries = []hold.Query{q}
	return nil
}

// Run puts a hold over a system, a type, one record, a selection or a person.
func (c *holdPlaceCmd) Run(s *session) error {
	return s.onEngine(c.As, auth.HandleRequests, func(a *app, e *retention.Engine, acc auth.Account) error {
		h := hold.Hold{Kind: hold.Kind(c.Kind), Reason: c.Reason, Matter: c.Matter, PlacedBy: acc.Username}
		if err := c.covered(&h); err != nil {
			return err
		}
		if c.Review != "" {
			day, err := time.ParseInLocation(time.DateOnly, c.Review, stockholm)
			if err != nil {
				return gallra.Errorf(gallra.Invalid, "cli.date", "value", c.Review)
			}
			h.Review = day
		}
		person := len(h.Persons) > 0
		h, found, err := e.Placer(a.config.Names()).Put(s.ctx, h, c.Anyway)
		if err != nil {
			return err
		}
		if s.flags.JSON {
			return s.json(struct {
				hold.Hold
				Found hold.Found `json:"found"`
			}{h, found})
		}
		s.line("cli.hold.placed", "hold", h.ID, "date", h.Review)
		if person {
			_, _ = io.WriteString(s.out, s.say.N("cli.hold.found", int64(found.Records))+"\n")
		}
		for _, id := range found.Unasked {
			s.line("cli.hold.not_asked", "system", string(id))
		}
		return nil
	})
}

type holdReleaseCmd struct {
	Hold string `arg:"" help:"cli_arg_hold"`
	asFlag
}

// Run ends a hold.
func (c *holdReleaseCmd) Run(s *session) error {
	return s.onEngine(c.As, auth.Approve, func(a *app, _ *retention.Engine, acc auth.Account) error {
		if err := a.db.Tx(s.ctx, func(tx *sql.Tx) error {
			return hold.Register{DB: a.db, Log: a.log}.Release(s.ctx, tx, c.Hold, acc.Username)
		}); err != nil {
			return err
		}
		s.line("cli.hold.released", "hold", c.Hold)
		return nil
	})
}
