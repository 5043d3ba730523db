package api

import (
	"bytes"
	"cmp"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/deadline"
	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/i18n"
	"github.com/gallra/gallra/internal/report"
	"github.com/gallra/gallra/internal/request"
	"github.com/gallra/gallra/internal/work"
)

// Case is one request and what has come of it; nothing of it tells who asks.
type Case struct {
	request.Request
	AppealBy time.Time        `json:"appeal_by,omitzero"` // last day to appeal
	Searches []request.Search `json:"searches"`
	Items    []request.Item   `json:"items"`
	Events   []request.Event  `json:"events"`
	Works    []Progress       `json:"works"` // under way
}

// NewRequest is a message from a person. Who it is stands in the body alone: it
// is sealed with the case, and no answer gives it back.
type NewRequest struct {
	Rights       []request.Right `json:"rights,omitempty"`
	Tracks       []request.Track `json:"tracks,omitempty"`   // document, party, guardian: each becomes a case of its own
	Received     string          `json:"received,omitempty"` // YYYY-MM-DD; today when left out
	Channel      string          `json:"channel,omitempty"`
	Registration string          `json:"registration,omitempty"`
	Protected    bool            `json:"protected,omitempty"`
	Name         string          `json:"name,omitempty"`
	Address      string          `json:"address,omitempty"`
	Message      string          `json:"message,omitempty"`
	About        []About         `json:"about,omitempty"`   // what the person is known by
	Targets      []gallra.Ref    `json:"targets,omitempty"` // what is asked for, where it is known
}

// Why is a reason, in a code or plain words without personal values.
type Why struct {
	Reason string `json:"reason"`
}

// IdentityMade says how it was made sure who asks.
type IdentityMade struct {
	Method string `json:"method"`
	Reason string `json:"reason,omitempty"`
}

// AnswerTaken is a person's answer to what was asked of them.
type AnswerTaken struct {
	Insufficient bool `json:"insufficient,omitempty"`
}

// HandSearch is what a person found in a system that no program can ask.
type HandSearch struct {
	System gallra.SystemID `json:"system"`
	Hits   int             `json:"hits"`
}

// Chosen are the records that somebody asks to see as official documents.
type Chosen struct {
	Targets []gallra.Ref `json:"targets"`
}

// TrackChange moves a request to another track.
type TrackChange struct {
	To     request.Track `json:"to"` // gdpr, document, party, guardian
	Reason string        `json:"reason"`
}

// Judgement decides about items.
type Judgement struct {
	Items    []int            `json:"items"`
	Decision request.Decision `json:"decision"` // include, exclude, keep
	Action   gallra.Action    `json:"action,omitempty"`
	Reason   string           `json:"reason,omitempty"`
	Law      string           `json:"law,omitempty"`
	Official bool             `json:"official,omitempty"` // of keep: it stays as an official document
	Recheck  string           `json:"recheck,omitempty"`  // YYYY-MM-DD
}

// SecrecyTest is what a secrecy test found.
type SecrecyTest struct {
	Result request.SecrecyResult `json:"result"`        // no, partly, yes
	Law    string                `json:"law,omitempty"` // demanded where something is kept back
}

// RulingMade is what the written decision says. The facts are sealed with the
// case and stand in the letter alone.
type RulingMade struct {
	request.Ruling
	Facts string `json:"facts"`
}

// Decided is the outcome of a request.
type Decided struct {
	Outcome request.Outcome `json:"outcome"`
	Reason  string          `json:"reason,omitempty"`
}

// HandedOver says by which road the person was answered.
type HandedOver struct {
	How string `json:"how"` // download, link, portal, email, post, visit
}

// ServedOn is the day on which the person got the decision.
type ServedOn struct {
	On string `json:"on"` // YYYY-MM-DD
}

// MovedTo brings a request to a state that follows from no work.
type MovedTo struct {
	To     request.State `json:"to"` // classified, withdrawn, forwarded, appealed, reopened
	Reason string        `json:"reason"`
}

// PackageIn says in which language the package is made.
type PackageIn struct {
	Language string `json:"language,omitempty"` // sv or en; that of Accept-Language when left out
}

// requestRoutes are the routes of requests. The desk (internal/request) holds
// every rule about what may follow what; here is only who may ask.
func requestRoutes() []route {
	const at = "/requests/{request}"
	list := []route{
		{method: "GET", path: "/requests", may: auth.SeeRequests, summary: "The requests that are open, the one that is due first on top; with all=1 the closed ones too. None names a person", query: []string{"all"}, out: []request.Request{}, serve: (*call).requests},
		{method: "POST", path: "/requests", may: auth.HandleRequests, summary: "Register a request: one for each right and track asked for. What is asked for is on hold from then on", in: NewRequest{}, out: []request.Request{}, status: http.StatusCreated, serve: (*call).registerRequest},
		{method: "GET", path: at, may: auth.SeeRequests, summary: "One request: its dates, what was found and decided, its log, the work under way", out: Case{}, serve: (*call).oneRequest},
		{method: "POST", path: at + "/letter", may: auth.SeePersonal, summary: "The written decision: with how to appeal (public bodies) or where to complain (others). It tells of the person, and the reading is in the log", query: []string{"format"}, media: report.LetterFormats(), serve: (*call).decisionLetter},
		{method: "POST", path: at + "/package/fetch", may: auth.SeePersonal, summary: "The package in clear, to be handed over; the reading is in the log. A public body's waits for the secrecy test", media: []report.Format{report.Zip}, serve: (*call).fetchPackage},
	}
	return append(list,
		step("identify", auth.HandleRequests, "How it was made sure who asks", func(c *call, d *request.Desk, id string, in IdentityMade) error {
			return d.Identify(c.ctx(), id, c.account.Username, in.Method, in.Reason)
		}),
		step("ask", auth.HandleRequests, "The person was asked something", func(c *call, d *request.Desk, id string, in Why) error {
			return d.Ask(c.ctx(), id, c.account.Username, in.Reason)
		}),
		step("answered", auth.HandleRequests, "The person has answered", func(c *call, d *request.Desk, id string, in AnswerTaken) error {
			return d.Answered(c.ctx(), id, c.account.Username, in.Insufficient)
		}),
		step("pauses", auth.ApprovePauses, "The clock did stand still meanwhile", func(c *call, d *request.Desk, id string, _ none) error {
			return d.ApprovePauses(c.ctx(), id, c.account.Username)
		}),
		step("unidentified", auth.HandleRequests, "Nothing more can be asked for", func(c *call, d *request.Desk, id string, in Why) error {
			return d.CannotIdentify(c.ctx(), id, c.account.Username, in.Reason)
		}),
		step("extend", auth.HandleRequests, "The person was told today that it takes up to three months", func(c *call, d *request.Desk, id string, in Why) error {
			return d.Extend(c.ctx(), id, c.account.Username, in.Reason, c.DB.Now())
		}),
		step("track", auth.HandleRequests, "Move the request to another track", func(c *call, d *request.Desk, id string, in TrackChange) error {
			return d.SwitchTrack(c.ctx(), id, c.account.Username, in.To, in.Reason)
		}),
		step("search", auth.HandleRequests, "Search every system", func(c *call, d *request.Desk, id string, _ none) error {
			return c.goOn(d.StartSearch(c.ctx(), id, c.account.Username))
		}),
		step("manual", auth.HandleRequests, "A system that people search has been searched", func(c *call, d *request.Desk, id string, in HandSearch) error {
			return d.ManualDone(c.ctx(), id, c.account.Username, in.System, in.Hits)
		}),
		step("choose", auth.HandleRequests, "Pick out what somebody asks to see as an official document", func(c *call, d *request.Desk, id string, in Chosen) error {
			return d.Choose(c.ctx(), id, c.account.Username, in.Targets)
		}),
		step("judge", auth.HandleRequests, "Decide about single records", func(c *call, d *request.Desk, id string, in Judgement) error {
			v := request.Verdict{Items: in.Items, Decision: in.Decision, Action: in.Action, Reason: in.Reason, Law: in.Law}
			if in.Official {
				v.Ground = request.GroundOfficial
			}
			var err error
			if in.Recheck != "" {
				v.Recheck, err = parseDay(in.Recheck)
			}
			if err != nil {
				return err
			}
			return d.Judge(c.ctx(), id, c.account.Username, v)
		}),
		step("secrecy", auth.HandleRequests, "Record the secrecy test, without which a public body hands nothing over", func(c *call, d *request.Desk, id string, in SecrecyTest) error {
			return d.TestSecrecy(c.ctx(), id, c.account.Username, in.Result, in.Law)
		}),
		step("decide", auth.HandleRequests, "Decide the request", func(c *call, d *request.Desk, id string, in Decided) error {
			return d.Decide(c.ctx(), id, c.account.Username, in.Outcome, in.Reason)
		}),
		step("ruling", auth.HandleRequests, "What the written decision says: provisions, facts, who took part", func(c *call, d *request.Desk, id string, in RulingMade) error {
			return d.SetRuling(c.ctx(), id, c.account.Username, in.Ruling, in.Facts)
		}),
		step("approve", auth.DecideRequests, "The second person's yes", func(c *call, d *request.Desk, id string, _ none) error {
			return d.Approve(c.ctx(), id, c.account.Username)
		}),
		step("send-back", auth.DecideRequests, "The second person's no: back to review", func(c *call, d *request.Desk, id string, in Why) error {
			return d.SendBack(c.ctx(), id, c.account.Username, in.Reason)
		}),
		step("execute", auth.HandleRequests, "Carry the decision out in the systems", func(c *call, d *request.Desk, id string, _ none) error {
			return c.goOn(d.StartExecute(c.ctx(), id, c.account.Username))
		}),
		step("verify", auth.HandleRequests, "Look for what is left, by another road", func(c *call, d *request.Desk, id string, _ none) error {
			return c.goOn(d.StartVerify(c.ctx(), id, c.account.Username))
		}),
		step("package", auth.HandleRequests, "Make the package that answers the request, sealed with the case", func(c *call, d *request.Desk, id string, in PackageIn) error {
			if c.Maker == nil {
				return gallra.Errorf(gallra.Unavailable, "web.no_reading")
			}
			lang, ok := i18n.ParseLang(cmp.Or(in.Language, string(c.print.Lang())))
			if !ok {
				return gallra.Errorf(gallra.Invalid, "api.body")
			}
			m, err := c.Maker(c.ctx())
			if err != nil {
				return err
			}
			return d.Package(c.ctx(), id, c.account.Username, func(w io.Writer) error {
				_, err := m.Request(c.ctx(), w, lang, d, id, c.account.Username)
				return err
			})
		}),
		step("deliver", auth.HandleRequests, "The person has been answered. Refused to a public body without a secrecy test, or against what it found", func(c *call, d *request.Desk, id string, in HandedOver) error {
			return d.Deliver(c.ctx(), id, c.account.Username, in.How)
		}),
		step("serve", auth.HandleRequests, "The day on which the person got the decision: the three weeks of an appeal run from it", func(c *call, d *request.Desk, id string, in ServedOn) error {
			day, err := parseDay(in.On)
			if err != nil {
				return err
			}
			return d.Serve(c.ctx(), id, c.account.Username, day)
		}),
		step("move", auth.HandleRequests, "Classified, withdrawn, forwarded, appealed or reopened", func(c *call, d *request.Desk, id string, in MovedTo) error {
			return d.Move(c.ctx(), id, c.account.Username, in.To, in.Reason)
		}),
		step("close", auth.HandleRequests, "Close the request; its sealed data have a day to go", func(c *call, d *request.Desk, id string, in Why) error {
			return d.Close(c.ctx(), id, c.account.Username, in.Reason)
		}),
	)
}

// none is the body of a step that takes none.
type none struct{}

// step is one thing that is done with a request; the answer is the request after it.
func step[In any](name string, may auth.Permission, summary string, do func(*call, *request.Desk, string, In) error) route {
	rt := route{method: "POST", path: "/requests/{request}/" + name, may: may, summary: summary, out: Case{}}
	var zero In
	_, empty := any(zero).(none)
	if !empty {
		rt.in = zero
	}
	rt.serve = func(c *call) (any, error) {
		d, err := c.desk()
		if err != nil {
			return nil, err
		}
		var in In
		if !empty {
			if err := c.body(&in); err != nil {
				return nil, err
			}
		}
		if err := do(c, d, c.r.PathValue("request"), in); err != nil {
			return nil, err
		}
		return c.oneRequest()
	}
	return rt
}

func (c *call) desk() (*request.Desk, error) {
	if c.Requests == nil {
		return nil, gallra.Errorf(gallra.Unavailable, "web.no_requests")
	}
	return c.Requests, nil
}

// goOn hands a work that has been started to the workers.
func (c *call) goOn(w work.Work, err error) error {
	if err != nil {
		return err
	}
	return c.Queue(c.ctx(), w.ID)
}

// parseDay reads a day that is a day of the law's calendar.
func parseDay(text string) (time.Time, error) {
	t, err := deadline.ParseDay(text)
	if err != nil {
		return t, gallra.Errorf(gallra.Invalid, "web.date")
	}
	return t, nil
}

func (c *call) requests() (any, error) {
	d, err := c.desk()
	if err != nil {
		return nil, err
	}
	list, err := d.List(c.ctx(), request.Filter{Open: c.r.URL.Query().Get("all") != "1"})
	if list == nil {
		list = []request.Request{}
	}
	return list, err
}

func (c *call) oneRequest() (any, error) {
	d, err := c.desk()
	if err != nil {
		return nil, err
	}
	id := c.r.PathValue("request")
	out := Case{Works: []Progress{}}
	if out.Request, err = d.Get(c.ctx(), id); err != nil {
		return nil, err
	}
	cfg, err := c.Config(c.ctx())
	if err != nil {
		return nil, err
	}
	if cfg.Organisation.Type.Public() {
		out.AppealBy = out.Request.AppealBy()
	}
	if out.Searches, err = d.Searches(c.ctx(), id); err != nil {
		return nil, err
	}
	if out.Items, err = d.Items(c.ctx(), id); err != nil {
		return nil, err
	}
	if out.Events, err = d.Events(c.ctx(), id); err != nil {
		return nil, err
	}
	works, err := work.Open(c.ctx(), c.DB)
	if err != nil {
		return nil, err
	}
	for _, w := range works {
		if w.Subject == id && slices.Contains([]string{request.WorkHold, request.WorkSearch, request.WorkExecute, request.WorkVerify}, w.Kind) {
			p := Progress{Work: w, Rate: w.Rate(), Doing: c.print.Say(w.Phase)}
			if w.Problem != "" {
				p.Trouble = c.print.Error(work.ProblemError(w.Problem))
			}
			out.Works = append(out.Works, p)
		}
	}
	return out, nil
}

func (c *call) registerRequest() (any, error) {
	d, err := c.desk()
	if err != nil {
		return nil, err
	}
	var b NewRequest
	if err := c.body(&b); err != nil {
		return nil, err
	}
	ids, err := identifiers(b.About)
	if err != nil {
		return nil, err
	}
	in := request.Intake{Rights: b.Rights, Tracks: b.Tracks, Targets: b.Targets, Channel: b.Channel, Registration: b.Registration, Protected: b.Protected, Actor: c.account.Username,
		Details: request.Details{Name: b.Name, Address: b.Address, Message: b.Message}}
	if b.Name != "" {
		ids = append(ids, gallra.Identifier{Kind: gallra.IdentName, Value: b.Name})
	}
	for _, i := range ids {
		in.Details.Identifiers = append(in.Details.Identifiers, request.Known{Identifier: i, Verified: true, By: c.account.Username, At: c.DB.Now()})
	}
	if b.Received != "" {
		if in.Received, err = c.day(b.Received); err != nil {
			return nil, err
		}
	}
	made, err := d.Register(c.ctx(), in)
	if err != nil {
		return nil, err
	}
	for _, r := range made { // workers find it by themselves too
		w, err := d.HoldWork(c.ctx(), r.ID)
		if err == nil && w != "" {
			err = c.Queue(c.ctx(), w)
		}
		if err != nil {
			return nil, err
		}
	}
	c.status = http.StatusCreated
	return made, nil
}

func (c *call) decisionLetter() (any, error) {
	d, err := c.desk()
	if err != nil {
		return nil, err
	}
	id := c.r.PathValue("request")
	f, err := report.LetterFormatOf(id + "." + cmp.Or(c.r.URL.Query().Get("format"), string(report.HTML)))
	if err != nil {
		return nil, err
	}
	cfg, err := c.Config(c.ctx())
	if err != nil {
		return nil, err
	}
	names, err := c.Auth.Names(c.ctx())
	if err != nil {
		return nil, err
	}
	l, err := report.DecisionOf(c.ctx(), d, id, c.account.Username, cfg.Organisation, names)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := l.Write(c.ctx(), &b, f, c.print.Lang(), c.PDF); err != nil {
		return nil, err
	}
	return file{id + "." + string(f), f.MediaType(), b.Bytes()}, nil
}

func (c *call) fetchPackage() (any, error) {
	d, err := c.desk()
	if err != nil {
		return nil, err
	}
	id := c.r.PathValue("request")
	if err := d.MayHandOver(c.ctx(), id); err != nil {
		return nil, err
	}
	out := &stream{call: c, name: id + ".zip", mediaType: report.Zip.MediaType()}
	if err := d.OpenPackage(c.ctx(), id, c.account.Username, out); err != nil {
		if out.begun { // half a file must not look like a whole one
			panic(http.ErrAbortHandler)
		}
		return nil, err
	}
	return out, nil
}

// stream is an answer that is sent while it is made; its headers go out with the
// first byte, so that an error before that is told as any other.
type stream struct {
	*call
	name, mediaType string
	begun           bool
}

// Write sends a part of the answer.
func (s *stream) Write(b []byte) (int, error) {
	if !s.begun {
		s.begun = true
		s.w.Header().Set("Content-Type", s.mediaType)
		s.w.Header().Set("Content-Disposition", `attachment; filename="`+s.name+`"`)
	}
	return s.w.Write(b)
}
