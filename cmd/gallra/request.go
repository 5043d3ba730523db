package main

import (
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/deadline"
	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/request"
	"github.com/gallra/gallra/internal/work"
)

type requestCmd struct {
	New      requestNewCmd      `cmd:"" help:"cli_request_new"`
	List     requestListCmd     `cmd:"" help:"cli_request_list"`
	Show     requestShowCmd     `cmd:"" help:"cli_request_show"`
	Identify requestIdentifyCmd `cmd:"" help:"cli_request_identify"`
	Search   requestSearchCmd   `cmd:"" help:"cli_request_search"`
	Judge    requestJudgeCmd    `cmd:"" help:"cli_request_judge"`
	Decide   requestDecideCmd   `cmd:"" help:"cli_request_decide"`
	Approve  requestApproveCmd  `cmd:"" help:"cli_request_approve"`
	Run      requestRunCmd      `cmd:"" help:"cli_request_run"`
	Deliver  requestDeliverCmd  `cmd:"" help:"cli_request_deliver"`
	Close    requestCloseCmd    `cmd:"" help:"cli_request_close"`

	Choose  requestChooseCmd  `cmd:"" help:"cli_request_choose"`
	Track   requestTrackCmd   `cmd:"" help:"cli_request_track"`
	Secrecy requestSecrecyCmd `cmd:"" help:"cli_request_secrecy"`
	Ruling  requestRulingCmd  `cmd:"" help:"cli_request_ruling"`
	Letter  requestLetterCmd  `cmd:"" help:"cli_request_letter"`
	Serve   requestServeCmd   `cmd:"" help:"cli_request_serve"`
}

// caseCmd is a command on one request.
type caseCmd struct {
	ID string `arg:"" name:"request" help:"cli_arg_request"`
	asFlag
}

// on signs in, opens the desk and does f.
func (c caseCmd) on(s *session, need auth.Permission, f func(a *app, d *request.Desk, acc auth.Account) error) error {
	a, err := s.full()
	if err != nil {
		return err
	}
	defer a.close()
	acc, err := s.as(a, c.As, need)
	if err != nil {
		return err
	}
	return f(a, a.desk(), acc)
}

type requestNewCmd struct {
	Right        []string `enum:"access,rectification,erasure,restriction,portability,objection,withdrawal" help:"cli_flag_right"`
	Track        []string `enum:"document,party,guardian" help:"cli_flag_track"`
	About        []string `help:"cli_flag_about" placeholder:"SYSTEM/TYPE/ID"`
	Received     string   `help:"cli_flag_received" placeholder:"YYYY-MM-DD"`
	Channel      string   `default:"other" help:"cli_flag_channel"`
	Registration string   `help:"cli_flag_registration"`
	personFlags
	asFlag
}

// Run registers a request: one for each right asked for.
func (c *requestNewCmd) Run(s *session) error {
	var ids []gallra.Identifier
	var err error
	// Who asks for an official document need not say who they are.
	if len(c.Right) > 0 || !slices.Equal(c.Track, []string{string(request.TrackDocument)}) {
		if ids, err = c.identifiers(); err != nil {
			return err
		}
	}
	about, err := refs(c.About)
	if err != nil {
		return err
	}
	return caseCmd{asFlag: c.asFlag}.on(s, auth.HandleRequests, func(a *app, d *request.Desk, acc auth.Account) error {
		in := request.Intake{Targets: about, Channel: c.Channel, Registration: c.Registration, Actor: acc.Username}
		if c.Received != "" {
			if in.Received, err = deadline.ParseDay(c.Received); err != nil {
				return gallra.Errorf(gallra.Invalid, "cli.date", "value", c.Received)
			}
		}
		for _, r := range c.Right {
			in.Rights = append(in.Rights, request.Right(r))
		}
		for _, t := range c.Track {
			in.Tracks = append(in.Tracks, request.Track(t))
		}
		for _, id := range ids {
			in.Details.Identifiers = append(in.Details.Identifiers, request.Known{Identifier: id, Verified: true, By: acc.Username, At: time.Now()})
		}
		made, err := d.Register(s.ctx, in)
		if err != nil {
			return err
		}
		for _, r := range made { // what is asked for is on hold when the command ends
			w, err := d.HoldWork(s.ctx, r.ID)
			if err == nil && w != "" {
				err = d.Drive(s.ctx, w, nil)
			}
			if err != nil {
				return err
			}
		}
		if s.flags.JSON {
			return s.json(made)
		}
		for _, r := range made {
			s.line("cli.request.made", "id", r.ID, "right", s.asked(r), "date", r.Deadline.Watch)
		}
		return nil
	})
}

type requestListCmd struct{}

// Run lists the requests with their dates; nothing that tells who they are of.
func (c *requestListCmd) Run(s *session) error {
	a, err := s.full()
	if err != nil {
		return err
	}
	defer a.close()
	list, err := a.desk().List(s.ctx, request.Filter{})
	if err != nil {
		return err
	}
	if s.flags.JSON {
		return s.json(list)
	}
	var rows [][]string
	for _, r := range list {
		rows = append(rows, []string{r.ID, s.say.T("right." + string(r.Right) + ".name"), s.say.T("request.state." + string(r.State)), s.date(r.Received), s.date(r.Deadline.Watch)})
	}
	return s.table([]string{s.say.T("cli.col.request"), s.say.T("cli.col.right"), s.say.T("cli.col.state"), s.say.T("cli.col.received"), s.say.T("cli.col.due_date")}, rows)
}

type requestShowCmd struct{ caseCmd }

// Run shows one request: its state, its hits by role and certainty, its log.
func (c *requestShowCmd) Run(s *session) error {
	return c.on(s, auth.SeeRequests, func(a *app, d *request.Desk, _ auth.Account) error { return s.request(d, c.ID) })
}

func (s *session) request(d *request.Desk, id string) error {
	r, err := d.Get(s.ctx, id)
	if err != nil {
		return err
	}
	items, err := d.Items(s.ctx, id)
	if err != nil {
		return err
	}
	events, err := d.Events(s.ctx, id)
	if err != nil {
		return err
	}
	if s.flags.JSON {
		return s.json(struct {
			request.Request
			Items  []request.Item  `json:"items"`
			Events []request.Event `json:"events"`
		}{r, items, events})
	}
	s.line("cli.request.head", "id", r.ID, "right", s.asked(r), "state", s.say.T("request.state."+string(r.State)), "date", r.Deadline.Watch)
	var rows [][]string
	for _, it := range items {
		outcome := ""
		if it.Outcome != "" {
			outcome = s.say.T("outcome." + string(it.Outcome))
		}
		rows = append(rows, []string{strconv.Itoa(it.N), it.Ref.String(), s.say.T("role." + string(it.Role)), s.say.T("certainty." + string(it.Certainty)), s.say.T("decision." + string(it.Decision)), outcome})
	}
	return s.table([]string{"#", s.say.T("cli.col.record"), s.say.T("cli.col.part"), s.say.T("cli.col.certainty"), s.say.T("cli.col.decision"), s.say.T("cli.col.outcome")}, rows)
}

type requestIdentifyCmd struct {
	caseCmd
	Method string `required:"" help:"cli_flag_method"`
	Reason string `help:"cli_flag_reason"`
}

// Run records how it was made sure who asks.
func (c *requestIdentifyCmd) Run(s *session) error {
	return c.on(s, auth.HandleRequests, func(a *app, d *request.Desk, acc auth.Account) error {
		return d.Identify(s.ctx, c.ID, acc.Username, c.Method, c.Reason)
	})
}

type requestSearchCmd struct{ caseCmd }

// Run searches every system.
func (c *requestSearchCmd) Run(s *session) error {
	return c.on(s, auth.HandleRequests, func(a *app, d *request.Desk, acc auth.Account) error {
		return s.drive(d, func() (work.Work, error) { return d.StartSearch(s.ctx, c.ID, acc.Username) }, "cli.request.searching", c.ID)
	})
}

// drive starts a work of the desk, does it, and shows the request.
func (s *session) drive(d *request.Desk, start func() (work.Work, error), key, id string) error {
	w, err := start()
	if err != nil {
		return err
	}
	if err := d.Drive(s.ctx, w.ID, func(done, total int64) { s.status.show(s.say.T(key), done, total) }); err != nil {
		return err
	}
	s.status.clear()
	return s.request(d, id)
}

type requestJudgeCmd struct {
	caseCmd
	Items    []int  `required:"" help:"cli_flag_items"`
	Decision string `required:"" enum:"include,exclude,keep" help:"cli_flag_decision"`
	Action   string `enum:",erase,redact,anonymise,restrict" default:"" help:"cli_flag_action"`
	Reason   string `help:"cli_flag_reason"`
	Law      string `help:"cli_flag_law"`
	Recheck  string `help:"cli_flag_recheck" placeholder:"YYYY-MM-DD"`
	Official bool   `help:"cli_flag_official"`
}

// Run decides about single hits.
func (c *requestJudgeCmd) Run(s *session) error {
	return c.on(s, auth.HandleRequests, func(a *app, d *request.Desk, acc auth.Account) error {
		v := request.Verdict{Items: c.Items, Decision: request.Decision(c.Decision), Action: gallra.Action(c.Action), Reason: c.Reason, Law: c.Law}
		if c.Official {
			v.Ground = request.GroundOfficial
		}
		if c.Recheck != "" {
			var err error
			if v.Recheck, err = deadline.ParseDay(c.Recheck); err != nil {
				return gallra.Errorf(gallra.Invalid, "cli.date", "value", c.Recheck)
			}
		}
		return d.Judge(s.ctx, c.ID, acc.Username, v)
	})
}

type requestDecideCmd struct {
	caseCmd
	Outcome string `required:"" enum:"granted,partial,refused,unfounded,cannot_identify,no_data,not_applicable" help:"cli_flag_outcome"`
	Reason  string `help:"cli_flag_reason"`
}

// Run decides the request.
func (c *requestDecideCmd) Run(s *session) error {
	return c.on(s, auth.HandleRequests, func(a *app, d *request.Desk, acc auth.Account) error {
		return d.Decide(s.ctx, c.ID, acc.Username, request.Outcome(c.Outcome), c.Reason)
	})
}

type requestApproveCmd struct{ caseCmd }

// Run is the second person's yes.
func (c *requestApproveCmd) Run(s *session) error {
	return c.on(s, auth.DecideRequests, func(a *app, d *request.Desk, acc auth.Account) error {
		return d.Approve(s.ctx, c.ID, acc.Username)
	})
}

type requestRunCmd struct{ caseCmd }

// Run carries the decision out in the systems and searches again by another
// road. It ends with code 3 when something remains.
func (c *requestRunCmd) Run(s *session) error {
	return c.on(s, auth.HandleRequests, func(a *app, d *request.Desk, acc auth.Account) error {
		if err := s.drive(d, func() (work.Work, error) { return d.StartExecute(s.ctx, c.ID, acc.Username) }, "cli.request.running", c.ID); err != nil {
			return err
		}
		if err := s.drive(d, func() (work.Work, error) { return d.StartVerify(s.ctx, c.ID, acc.Username) }, "cli.request.verifying", c.ID); err != nil {
			return err
		}
		left, err := d.Remaining(s.ctx, c.ID)
		if err != nil {
			return err
		}
		for _, r := range left {
			s.line("cli.request.left", "where", r.Where, "why", s.say.Say(r.Why), "count", r.Count)
		}
		if len(left) > 0 {
			return errRemains
		}
		s.line("cli.request.none_left")
		return nil
	})
}

type requestDeliverCmd struct {
	caseCmd
	Output string `short:"o" help:"cli_flag_output" placeholder:"FILE.zip"`
	How    string `default:"link" help:"cli_flag_how"`
}

// Run writes the extract, when one is asked for, and records that the person
// has been told.
func (c *requestDeliverCmd) Run(s *session) error {
	return c.on(s, auth.HandleRequests, func(a *app, d *request.Desk, acc auth.Account) error {
		if c.Output != "" {
			if err := d.MayHandOver(s.ctx, c.ID); err != nil { // before anything leaves
				return err
			}
			err := writeFile(c.Output, func(f *os.File) error {
				_, err := a.maker().Request(s.ctx, f, s.say.Lang(), d, c.ID, acc.Username)
				return err
			})
			if err != nil {
				return err
			}
		}
		return d.Deliver(s.ctx, c.ID, acc.Username, c.How)
	})
}

type requestCloseCmd struct {
	caseCmd
	Reason string `help:"cli_flag_reason"`
}

// Run closes the request and sets the date its key is destroyed.
func (c *requestCloseCmd) Run(s *session) error {
	return c.on(s, auth.HandleRequests, func(a *app, d *request.Desk, acc auth.Account) error {
		return d.Close(s.ctx, c.ID, acc.Username, c.Reason)
	})
}
