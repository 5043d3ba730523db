package web

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/i18n"
	"github.com/gallra/gallra/internal/request"
	"github.com/gallra/gallra/internal/subject"
	"github.com/gallra/gallra/internal/work"
)

// CaseView is one request on one page.
type CaseView struct {
	request.Request
	Clock     Clock
	Next      i18n.Message // what to do now
	Steps     []CaseDate
	Similar   []string
	Searches  []SearchRow
	Items     []ItemGroup
	Undecided int64
	Proposals []subject.Proposal
	Events    []request.Event
	Works     []Progress
	Methods   []string
	Outcomes  []request.Outcome
	Moves     []request.State // reached by hand
	Person    *request.Details
	Mine      bool // the reader handled or decided it: may not approve

	CanClassify, CanIdentify, CanSearch, CanJudge, CanDecide, CanApprove, CanExecute, CanVerify, CanDeliver, CanClose, CanExtend bool
	Asked                                                                                                                        bool // a question to the person is open
	Pending                                                                                                                      bool // pauses wait for the officer

	Packaged                                                     time.Time // when the package was made; zero: there is none
	Kinds                                                        []gallra.IdentifierKind
	CanPackage, CanFetch, CanCorrect, CanRead, Certified, ByHand bool

	caseRules
}

// carried are the rights whose yes changes records, and not only an answer.
var carried = []request.Right{request.Erasure, request.Objection, request.Withdrawal, request.Restriction}

// Final reports whether carrying the decision out cannot be undone.
func (v CaseView) Final() bool {
	return v.Right != request.Restriction && slices.Contains(carried, v.Right)
}

// CaseDate is one date of the computation and the rule that gave it.
type CaseDate struct {
	What i18n.Message
	Date time.Time
	Law  string
}

// SearchRow is one system's share of the search.
type SearchRow struct {
	request.Search
	Title   string
	Problem string
}

// ItemGroup is the hits of one certainty.
type ItemGroup struct {
	Certainty connector.Certainty
	Items     []ItemRow
}

// Count is how many hits there are.
func (g ItemGroup) Count() int64 { return int64(len(g.Items)) }

// ItemRow is one hit.
type ItemRow struct {
	request.Item
	Title   string
	Problem string
}

// reasonClassified is the reason of a request whose right a person has read out
// of what came in.
const reasonClassified = "case.classified"

func (c *call) caseView() (v CaseView, err error) {
	d, err := c.desk()
	if err != nil {
		return v, err
	}
	ctx, id := c.ctx(), c.r.PathValue("request")
	r, err := d.Get(ctx, id)
	if err != nil {
		return v, err
	}
	v = CaseView{Request: r, Clock: clock(r, c.DB.Now()), Methods: request.Methods(), Next: i18n.Msg("case.next." + string(r.State)),
		Outcomes: []request.Outcome{request.Granted, request.Partial, request.Refused, request.NoData, request.NotApplicable, request.Unfounded}}
	for _, s := range r.Deadline.Steps {
		v.Steps = append(v.Steps, CaseDate{i18n.Msg(s.Key), s.Date, s.Source})
	}
	if v.Similar, err = d.Similar(ctx, id); err != nil {
		return v, err
	}
	if err = v.found(c, d); err != nil {
		return v, err
	}
	if v.Events, err = d.Events(ctx, id); err != nil {
		return v, err
	}
	works, err := work.Open(ctx, c.DB)
	if err != nil {
		return v, err
	}
	for _, w := range works {
		if w.Subject == id && slices.Contains([]string{request.WorkSearch, request.WorkExecute, request.WorkVerify}, w.Kind) {
			v.Works = append(v.Works, c.progress(w))
		}
	}
	v.may(c)
	v.CanPrint = c.PDF.Able()
	return v, errors.Join(v.answers(c, d), v.rules(c))
}

func (v *CaseView) found(c *call, d *request.Desk) error {
	cfg, err := c.configuration()
	if err != nil {
		return err
	}
	name := func(id gallra.SystemID) string {
		if s, ok := cfg.System(id); ok {
			return title(s)
		}
		return string(id)
	}
	searches, err := d.Searches(c.ctx(), v.ID)
	if err != nil {
		return err
	}
	for _, s := range searches {
		row := SearchRow{Search: s, Title: name(s.System)}
		if s.Problem != nil {
			row.Problem = c.print.Error(s.Problem)
		}
		v.Searches = append(v.Searches, row)
	}
	items, err := d.Items(c.ctx(), v.ID)
	if err != nil {
		return err
	}
	for _, certainty := range []connector.Certainty{connector.Certain, connector.Probable, connector.Unsure} {
		g := ItemGroup{Certainty: certainty}
		for _, it := range items {
			if it.Certainty != certainty {
				continue
			}
			row := ItemRow{Item: it, Title: name(it.Ref.System)}
			row.Why = slices.CompactFunc(slices.SortedFunc(slices.Values(it.Why), func(a, b subject.Reason) int {
				return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Field, b.Field))
			}), func(a, b subject.Reason) bool { return a.Kind == b.Kind && a.Field == b.Field })
			if it.Problem != nil {
				row.Problem = c.print.Error(it.Problem)
			}
			if it.Decision == request.Open {
				v.Undecided++
			}
			g.Items = append(g.Items, row)
		}
		if len(g.Items) > 0 {
			v.Items = append(v.Items, g)
		}
	}
	return nil
}

// may settles which steps the page offers. The desk refuses by itself what is
// not allowed; this is to show nobody a door that is shut.
func (v *CaseView) may(c *call) {
	s, handle := v.State, c.can(auth.HandleRequests)
	busy := len(v.Works) > 0
	to := func(t request.State) bool { return handle && !busy && v.May(t) }
	v.Mine = v.DecidedBy == c.account.Username || v.Handler == c.account.Username
	v.CanClassify = s == request.Received && to(request.Classified)
	v.CanIdentify = to(request.Identified)
	v.CanSearch = to(request.Searching)
	v.CanJudge = handle && s == request.Review
	v.CanDecide = s == request.Review && to(request.Decided) && v.Undecided == 0
	v.CanApprove = v.Approvable() && c.can(auth.DecideRequests) && !v.Mine
	v.CanExecute = to(request.Executing) && !v.Approvable() && slices.Contains(carried, v.Right) && (v.Outcome == request.Granted || v.Outcome == request.Partial)
	v.CanVerify = handle && !busy && s == request.Executing
	v.CanDeliver = to(request.Delivered) && !v.Approvable()
	v.CanClose = to(request.Closed)
	v.CanExtend = handle && s.Open() && v.Extended.IsZero()
	for _, p := range v.Pauses {
		v.Asked = v.Asked || p.Answered.IsZero()
		v.Pending = v.Pending || p.ApprovedBy == ""
	}
	if !handle {
		return
	}
	for _, t := range request.ByHand() {
		if v.May(t) {
			v.Moves = append(v.Moves, t)
		}
	}
}

func (c *call) casePage() error {
	v, err := c.caseView()
	if err != nil {
		return err
	}
	return c.ok("case", v)
}

// caseStep is one thing that is done with a case; an error of the kind a person
// can mend is shown on the case's page.
type caseStep struct {
	may    auth.Permission
	notice string
	do     func(c *call, d *request.Desk, id string) error
}

var caseSteps = map[string]caseStep{
	"identify": {auth.HandleRequests, "case_identified", func(c *call, d *request.Desk, id string) error {
		return d.Identify(c.ctx(), id, c.account.Username, c.r.PostFormValue("method"), c.reason())
	}},
	"classify": {auth.HandleRequests, "case_saved", func(c *call, d *request.Desk, id string) error {
		return d.Move(c.ctx(), id, c.account.Username, request.Classified, reasonClassified)
	}},
	"ask": {auth.HandleRequests, "case_asked", func(c *call, d *request.Desk, id string) error {
		return d.Ask(c.ctx(), id, c.account.Username, c.reason())
	}},
	"answered": {auth.HandleRequests, "case_saved", func(c *call, d *request.Desk, id string) error {
		return d.Answered(c.ctx(), id, c.account.Username, c.r.PostFormValue("insufficient") != "")
	}},
	"pauses": {auth.ApprovePauses, "case_saved", func(c *call, d *request.Desk, id string) error {
		return d.ApprovePauses(c.ctx(), id, c.account.Username)
	}},
	"unidentified": {auth.HandleRequests, "case_saved", func(c *call, d *request.Desk, id string) error {
		return d.CannotIdentify(c.ctx(), id, c.account.Username, c.reason())
	}},
	"extend": {auth.HandleRequests, "case_extended", func(c *call, d *request.Desk, id string) error {
		return d.Extend(c.ctx(), id, c.account.Username, c.reason(), c.DB.Now())
	}},
	"search": {auth.HandleRequests, "case_searching", func(c *call, d *request.Desk, id string) error {
		return c.queue(d.StartSearch(c.ctx(), id, c.account.Username))
	}},
	"manual": {auth.HandleRequests, "case_saved", func(c *call, d *request.Desk, id string) error {
		hits, err := strconv.Atoi(c.r.PostFormValue("hits"))
		if err != nil {
			return gallra.Errorf(gallra.Invalid, "web.number")
		}
		return d.ManualDone(c.ctx(), id, c.account.Username, gallra.SystemID(c.r.PostFormValue("system")), hits)
	}},
	"accept": {auth.HandleRequests, "case_accepted", func(c *call, d *request.Desk, id string) error {
		ps, err := d.Proposals(c.ctx(), id)
		if err != nil {
			return err
		}
		for _, p := range ps { // the masked form names it: a value never travels through the page
			if p.Masked == c.r.PostFormValue("masked") && p.From.String() == c.r.PostFormValue("from") {
				return d.Accept(c.ctx(), id, c.account.Username, p.Identifier, c.reason())
			}
		}
		return gallra.Errorf(gallra.NotFound, "web.no_proposal")
	}},
	"judge": {auth.HandleRequests, "case_judged", func(c *call, d *request.Desk, id string) error {
		v := request.Verdict{Decision: request.Decision(c.r.PostFormValue("decision")), Reason: c.reason(), Law: strings.TrimSpace(c.r.PostFormValue("law"))}
		if v.Decision == "official" {
			v.Decision, v.Ground = request.Keep, request.GroundOfficial
		}
		for _, s := range c.r.PostForm["item"] {
			n, err := strconv.Atoi(s)
			if err != nil {
				return gallra.Errorf(gallra.Invalid, "web.number")
			}
			v.Items = append(v.Items, n)
		}
		if whole := c.r.PostForm["all"]; len(whole) > 0 {
			items, err := d.Items(c.ctx(), id)
			if err != nil {
				return err
			}
			for _, it := range items {
				if slices.Contains(whole, string(it.Certainty)) && !slices.Contains(v.Items, it.N) {
					v.Items = append(v.Items, it.N)
				}
			}
		}
		if len(v.Items) == 0 {
			return gallra.Errorf(gallra.Invalid, "web.none_chosen")
		}
		return d.Judge(c.ctx(), id, c.account.Username, v)
	}},
	"decide": {auth.HandleRequests, "case_decided", func(c *call, d *request.Desk, id string) error {
		return d.Decide(c.ctx(), id, c.account.Username, request.Outcome(c.r.PostFormValue("outcome")), c.reason())
	}},
	"approve": {auth.DecideRequests, "case_approved", func(c *call, d *request.Desk, id string) error {
		return d.Approve(c.ctx(), id, c.account.Username)
	}},
	"send-back": {auth.DecideRequests, "case_sent_back", func(c *call, d *request.Desk, id string) error {
		return d.SendBack(c.ctx(), id, c.account.Username, c.reason())
	}},
	"execute": {auth.HandleRequests, "case_executing", func(c *call, d *request.Desk, id string) error {
		return c.queue(d.StartExecute(c.ctx(), id, c.account.Username))
	}},
	"verify": {auth.HandleRequests, "case_verifying", func(c *call, d *request.Desk, id string) error {
		return c.queue(d.StartVerify(c.ctx(), id, c.account.Username))
	}},
	"deliver": {auth.HandleRequests, "case_delivered", func(c *call, d *request.Desk, id string) error {
		return d.Deliver(c.ctx(), id, c.account.Username, c.r.PostFormValue("how"))
	}},
	"close": {auth.HandleRequests, "case_closed", func(c *call, d *request.Desk, id string) error {
		return d.Close(c.ctx(), id, c.account.Username, c.reason())
	}},
	"move": {auth.HandleRequests, "case_saved", func(c *call, d *request.Desk, id string) error {
		to := request.State(c.r.PostFormValue("to"))
		if !slices.Contains(request.ByHand(), to) {
			return gallra.Errorf(gallra.Invalid, "web.form")
		}
		return d.Move(c.ctx(), id, c.account.Username, to, c.reason())
	}},
}

func (c *call) reason() string { return strings.TrimSpace(c.r.PostFormValue("reason")) }

// queue hands a started work to the workers.
func (c *call) queue(w work.Work, err error) error {
	if err != nil {
		return err
	}
	if c.Queue == nil {
		return gallra.Errorf(gallra.Unavailable, "web.no_scanner")
	}
	return c.Queue(c.ctx(), w.ID)
}

// serve does the step and shows the case again.
func (s caseStep) serve(c *call) error {
	d, err := c.desk()
	if err != nil {
		return err
	}
	if err := c.r.ParseForm(); err != nil {
		return gallra.Errorf(gallra.Invalid, "web.form")
	}
	id := c.r.PathValue("request")
	if err := s.do(c, d, id); err != nil {
		v, verr := c.caseView()
		if verr != nil {
			return verr
		}
		return c.refuse("case", v, err)
	}
	return c.done("/requests/"+id, s.notice)
}

// revealCase shows who the person is. It is a logged act with a reason
// (REQUIREMENTS ), and the answer is neither kept nor redirected to.
func (c *call) revealCase() error {
	d, err := c.desk()
	if err != nil {
		return err
	}
	v, err := c.caseView()
	if err != nil {
		return err
	}
	if c.reason() == "" {
		return c.refuse("case", v, gallra.Errorf(gallra.Invalid, "web.reason"))
	}
	det, err := d.Details(c.ctx(), v.ID, c.account.Username, c.reason())
	if err != nil {
		return c.refuse("case", v, err)
	}
	v.Person = &det
	if v.State == request.Review {
		if v.Proposals, err = d.Proposals(c.ctx(), v.ID); err != nil {
			return c.refuse("case", v, err)
		}
	}
	return c.ok("case", v)
}
