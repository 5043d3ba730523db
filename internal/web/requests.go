package web

import (
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/deadline"
	"github.com/gallra/gallra/internal/i18n"
	"github.com/gallra/gallra/internal/request"
)

// RequestsView is "who has asked, when are they due?".
type RequestsView struct {
	Open bool // only those that wait for us
	Rows []RequestRow
	Late int64
	New  IntakeView
}

// RequestRow is one request in the list. It holds nothing that tells who asks.
type RequestRow struct {
	request.Request
	Clock Clock
}

// Clock is what is left of a request's time.
type Clock struct {
	Running bool
	Due     time.Time // the date that counts now
	Paused  time.Time // the date if every pause holds; zero when the same
	Days    int64     // left; negative when over
	State   deadline.State
}

// Left says how long is left, in words.
func (k Clock) Left() i18n.Message {
	switch {
	case !k.Running:
		return i18n.Message{}
	case k.Days < 0:
		return i18n.Plural("clock.over", -k.Days)
	case k.Days == 0:
		return i18n.Msg("clock.today")
	}
	return i18n.Plural("clock.left", k.Days)
}

// Wrong reports whether the clock must be looked at.
func (k Clock) Wrong() bool {
	return k.Running && (k.State == deadline.Urgent || k.State == deadline.Overdue)
}

func clock(r request.Request, now time.Time) Clock {
	d := r.Deadline
	k := Clock{Running: r.State.Open(), Due: d.Watch, State: d.State(now)}
	if !d.Applies.With.Equal(d.Watch) {
		k.Paused = d.Applies.With
	}
	loc := d.Watch.Location()
	y, m, day := now.In(loc).Date()
	wy, wm, wd := d.Watch.Date()
	k.Days = int64(time.Date(wy, wm, wd, 12, 0, 0, 0, time.UTC).Sub(time.Date(y, m, day, 12, 0, 0, 0, time.UTC)) / (24 * time.Hour))
	return k
}

// IntakeView is the form of a new request.
type IntakeView struct {
	Rights   []request.Right
	Tracks   []request.Track // of public bodies; empty for others
	Channels []string
	Kinds    []gallra.IdentifierKind
}

var channels = []string{"email", "phone", "letter", "chat", "visit", "web", "ticket"}

// intakeKinds are the identifiers the form asks for; none is demanded.
var intakeKinds = []gallra.IdentifierKind{gallra.IdentEmail, gallra.IdentPhone, gallra.IdentPersonnummer, gallra.IdentCustomer, gallra.IdentUsername}

// intake is the form as this organisation has it.
func (c *call) intake() (IntakeView, error) {
	cfg, err := c.configuration()
	v := IntakeView{Rights: request.Rights(), Channels: channels, Kinds: intakeKinds}
	if err == nil && cfg.Organisation.Type.Public() {
		v.Tracks = request.Tracks()
	}
	return v, err
}

func (c *call) desk() (*request.Desk, error) {
	if c.Requests == nil {
		return nil, gallra.Errorf(gallra.Unavailable, "web.no_requests")
	}
	return c.Requests, nil
}

func (c *call) requestsView() (v RequestsView, err error) {
	d, err := c.desk()
	if err != nil {
		return v, err
	}
	if v.New, err = c.intake(); err != nil {
		return v, err
	}
	v.Open = c.r.URL.Query().Get("show") != "all"
	rs, err := d.List(c.ctx(), request.Filter{Open: v.Open})
	if err != nil {
		return v, err
	}
	for _, r := range rs {
		row := RequestRow{Request: r, Clock: clock(r, c.DB.Now())}
		if row.Clock.Running && row.Clock.Days < 0 {
			v.Late++
		}
		v.Rows = append(v.Rows, row)
	}
	return v, nil
}

func (c *call) requestsPage() error {
	v, err := c.requestsView()
	if err != nil {
		return err
	}
	return c.ok("requests", v)
}

// newRequestPage is the form for a request that has come in.
func (c *call) newRequestPage() error {
	v, err := c.requestsView()
	if err != nil {
		return err
	}
	return c.ok("request-new", v.New)
}

// registerRequest takes a message in, however it came (GDPR art. 12).
func (c *call) registerRequest() error {
	d, err := c.desk()
	if err != nil {
		return err
	}
	if err := c.r.ParseForm(); err != nil {
		return gallra.Errorf(gallra.Invalid, "web.form")
	}
	form, err := c.intake()
	if err != nil {
		return err
	}
	f := c.r.PostForm
	in := request.Intake{Channel: f.Get("channel"), Registration: strings.TrimSpace(f.Get("registration")), Protected: f.Get("protected") != "", Actor: c.account.Username,
		Details: request.Details{Name: strings.TrimSpace(f.Get("name")), Address: strings.TrimSpace(f.Get("address")), Message: f.Get("message")}}
	for _, r := range f["right"] {
		in.Rights = append(in.Rights, request.Right(r))
	}
	for _, t := range f["track"] {
		in.Tracks = append(in.Tracks, request.Track(t))
	}
	if in.Targets, err = about(f.Get("about")); err != nil {
		return c.refuse("request-new", form, err)
	}
	if s := f.Get("received"); s != "" {
		if in.Received, err = time.Parse(time.DateOnly, s); err != nil {
			return c.refuse("request-new", form, gallra.Errorf(gallra.Invalid, "web.date"))
		}
		in.Received = in.Received.Add(12 * time.Hour) // noon is the same day in Sweden
		if now := c.DB.Now(); in.Received.After(now) && in.Received.Sub(now) < 24*time.Hour {
			in.Received = now // today, before noon
		}
	}
	add := func(k gallra.IdentifierKind, v string) {
		if v = strings.TrimSpace(v); v != "" {
			in.Details.Identifiers = append(in.Details.Identifiers, request.Known{Identifier: gallra.Identifier{Kind: k, Value: v}, Verified: true, By: c.account.Username, At: c.DB.Now()})
		}
	}
	add(gallra.IdentName, in.Details.Name)
	for _, k := range intakeKinds {
		add(k, f.Get("id_"+string(k)))
	}
	rs, err := d.Register(c.ctx(), in)
	if err != nil {
		return c.refuse("request-new", form, err)
	}
	for _, r := range rs { // whoever fills in the form has read what it is about
		if err := d.Move(c.ctx(), r.ID, c.account.Username, request.Classified, reasonClassified); err != nil {
			return err
		}
		// What is asked for is put on hold now; workers find it by themselves too.
		if w, err := d.HoldWork(c.ctx(), r.ID); err != nil {
			return err
		} else if w != "" && c.Queue != nil {
			if err := c.Queue(c.ctx(), w); err != nil {
				return err
			}
		}
	}
	if len(rs) == 1 {
		return c.done("/requests/"+rs[0].ID, "request_registered")
	}
	return c.done("/requests", "request_registered")
}
