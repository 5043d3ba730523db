package api

import (
	"bytes"
	"cmp"
	"database/sql"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/deadline"
	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/config"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/facts"
	"github.com/gallra/gallra/internal/guard"
	"github.com/gallra/gallra/internal/hold"
	"github.com/gallra/gallra/internal/inventory"
	"github.com/gallra/gallra/internal/report"
	"github.com/gallra/gallra/internal/retention"
	"github.com/gallra/gallra/internal/statistics"
	"github.com/gallra/gallra/internal/trial"
	"github.com/gallra/gallra/internal/work"
)

// route is one thing that can be asked for: who may, what it takes and gives.
type route struct {
	method, path string
	may          auth.Permission
	open         bool // needs no token
	summary      string
	query        []string        // parameters of the query
	in, out      any             // a zero value of the JSON; nil: none. out of report.Paper: a file in a format
	media        []report.Format // of an answer that is a file
	status       int             // of a good answer; 0: 200
	serve        func(*call) (any, error)
}

var routes []route

func init() {
	routes = []route{
		{method: "GET", path: "/openapi.json", open: true, summary: "This description", out: json.RawMessage{}, serve: (*call).openapi},
		{method: "GET", path: "/rules", may: auth.SeeRetention, summary: "The rules in force", out: []gallra.Rule{}, serve: (*call).rules},
		{method: "PUT", path: "/rules/{rule}", may: auth.EditRules, summary: "Write a rule: a new one, or the next version of one in force", in: gallra.Rule{}, out: gallra.Rule{}, serve: (*call).putRule},
		{method: "DELETE", path: "/rules/{rule}", may: auth.EditRules, summary: "End a rule", status: http.StatusNoContent, serve: (*call).endRule},
		{method: "GET", path: "/schedule", may: auth.SeeRetention, summary: "What falls due month by month, by rule and system", out: inventory.Schedule{}, serve: (*call).schedule},
		{method: "GET", path: "/plans", may: auth.SeeRetention, summary: "The plans, newest first", out: []retention.Plan{}, serve: (*call).plans},
		{method: "POST", path: "/plans", may: auth.PlanRetention, summary: "Make a plan of the named rules, of all when none is named; nothing is written to any system", in: PlanRequest{}, out: Made{}, status: http.StatusAccepted, serve: (*call).makePlan},
		{method: "GET", path: "/plans/{plan}", may: auth.SeeRetention, summary: "One plan with its preview, hash and approvals", out: retention.Plan{}, serve: (*call).plan},
		{method: "POST", path: "/plans/{plan}/sample", may: auth.SeePersonal, summary: "A few of the records that the plan names, as they are in their systems now, personal values masked; the reading is in the log", out: []retention.Sampled{}, serve: (*call).sample},
		{method: "POST", path: "/plans/{plan}/approve", may: auth.Approve, summary: "Approve the plan with that hash; two different accounts are needed", in: Approval{}, out: retention.Plan{}, serve: (*call).approve},
		{method: "POST", path: "/plans/{plan}/run", may: auth.RunRetention, summary: "Run an approved plan", out: Made{}, status: http.StatusAccepted, serve: (*call).run},
		{method: "GET", path: "/runs", may: auth.SeeRetention, summary: "The runs that have ended, newest first, without their protocols", out: []retention.Run{}, serve: (*call).runs},
		{method: "GET", path: "/runs/{run}", may: auth.SeeRetention, summary: "One run, with its protocol once it has ended", out: retention.Run{}, serve: (*call).oneRun},
		{method: "GET", path: "/runs/{run}/protocol", may: auth.SeeRetention, summary: "The record of disposal (D8)", query: []string{"format"}, out: report.Paper{}, serve: (*call).protocol},
		{method: "POST", path: "/runs/{run}/assessment", may: auth.SeeRetention, summary: "Draw up the assessment of an anonymisation (D14)", query: []string{"format"}, out: report.Paper{}, serve: (*call).assessment},
		{method: "GET", path: "/work/{work}", may: auth.SeeRetention, summary: "How far a plan, a run or a replay has come", out: Progress{}, serve: (*call).progress},
		{method: "POST", path: "/work/{work}/pause", may: auth.RunRetention, summary: "Pause", out: Progress{}, serve: wish(work.WishPause)},
		{method: "POST", path: "/work/{work}/stop", may: auth.RunRetention, summary: "Stop for good; what is done stays done", out: Progress{}, serve: wish(work.WishStop)},
		{method: "POST", path: "/work/{work}/resume", may: auth.RunRetention, summary: "Go on after a pause", out: Progress{}, serve: wish(work.WishNone)},
		{method: "GET", path: "/stop", may: auth.SeeRetention, summary: "Whether all disposal is stopped", out: Stop{}, serve: (*call).stopped},
		{method: "POST", path: "/stop", may: auth.RunRetention, summary: "Stop all disposal, on every worker", out: Stop{}, serve: func(c *call) (any, error) { return c.stop(true) }},
		{method: "DELETE", path: "/stop", may: auth.Approve, summary: "Lift the stop", out: Stop{}, serve: func(c *call) (any, error) { return c.stop(false) }},
		{method: "GET", path: "/tasks", may: auth.SeeRetention, summary: "What is done by hand, signed and not", out: []retention.Task{}, serve: (*call).tasks},
		{method: "POST", path: "/tasks/{task}/sign", may: auth.RunRetention, summary: "Sign a task that was done by hand", in: Signature{}, out: retention.Task{}, serve: (*call).sign},
		{method: "GET", path: "/deliveries", may: auth.SeeRetention, summary: "What was handed over to archives before erasing, and what they have said", out: []retention.Delivery{}, serve: (*call).deliveries},
		{method: "POST", path: "/deliveries/{delivery}/receipt", may: auth.RunRetention, summary: "Register an archive's receipt: an acceptance sets the erasure of the package's records going, and nothing else does", in: Receipt{}, out: retention.Delivery{}, serve: (*call).receive},
		{method: "GET", path: "/holds", may: auth.SeeRetention, summary: "The holds in force; with all=1 the lifted ones too", query: []string{"all"}, out: []hold.Hold{}, serve: (*call).holds},
		{method: "POST", path: "/holds", may: auth.HandleRequests, summary: "Put a hold in force, over records, some of a type, or people by what they are known by", in: NewHold{}, out: Placed{}, status: http.StatusCreated, serve: (*call).placeHold},
		{method: "DELETE", path: "/holds/{hold}", may: auth.Approve, summary: "Lift a hold", status: http.StatusNoContent, serve: (*call).liftHold},
		{method: "GET", path: "/systems/{system}", may: auth.SeeSystems, summary: "What is known of a system: its profile, and what has been proved of it", out: Known{}, serve: (*call).known},
		{method: "GET", path: "/alarms", may: auth.SeeRequests, summary: "What was erased and is there again, and how the guard stands; with all=1 the closed alarms too", query: []string{"all"}, out: Alarms{}, serve: (*call).alarms},
		{method: "POST", path: "/alarms/{alarm}", may: auth.HandleRequests, summary: "Decide on an alarm, with the reason: new_contact, another or erase_again; rewrite or nothing where texts are back that a run had taken out", in: Ruling{}, out: guard.Alarm{}, serve: (*call).decideAlarm},
		{method: "POST", path: "/alarms/{alarm}/replay", may: auth.Approve, summary: "Erase or rewrite again what a restored backup has brought back, as was decided; by another than who decided", in: Restored{}, out: Made{}, status: http.StatusAccepted, serve: (*call).replayAlarm},
		{method: "GET", path: "/letters", may: auth.SeeRequests, summary: "The letters to vendors that are open, and what is next of each; with all=1 those that are ended too. None names a person", query: []string{"all"}, out: []Letter{}, serve: (*call).letters},
		{method: "POST", path: "/letters", may: auth.HandleRequests, summary: "Write a letter. Its text names a person, is in this answer alone and is not kept", in: NewLetter{}, out: Written{}, status: http.StatusCreated, serve: (*call).writeLetter},
		{method: "GET", path: "/letters/{letter}", may: auth.SeeRequests, summary: "One letter and what is next of it", out: Letter{}, serve: (*call).letter},
		{method: "POST", path: "/letters/{letter}/text", may: auth.HandleRequests, summary: "The text of the last letter that was written, made again; the first needs to be told again whom it is about", in: LetterText{}, out: Written{}, serve: (*call).letterText},
		{method: "POST", path: "/letters/{letter}/sent", may: auth.HandleRequests, summary: "It was sent on that day; the vendor's time runs from it", in: SentOn{}, out: Letter{}, serve: (*call).letterSent},
		{method: "POST", path: "/letters/{letter}/remind", may: auth.HandleRequests, summary: "Write the reminder or the escalation, whichever is due", in: LetterText{}, out: Written{}, serve: (*call).letterRemind},
		{method: "POST", path: "/letters/{letter}/answer", may: auth.HandleRequests, summary: "The vendor's answer, with the digest of its proof", in: LetterAnswer{}, out: Letter{}, serve: (*call).letterAnswer},
		{method: "POST", path: "/letters/{letter}/recheck", may: auth.HandleRequests, summary: "A new look through the system: by Gallra when it is told whom to look for, else the number that a person found; nothing left ends the matter", in: LetterCheck{}, out: Letter{}, serve: (*call).letterRecheck},
		{method: "GET", path: "/statistics/{system}", may: auth.SeeStatistics, summary: "The figures of a system's cases, live and gone counted together", out: []statistics.Report{}, serve: (*call).statistics},
		{method: "POST", path: "/documents/{document}", may: auth.SeeRetention, summary: "Draw up the retention schedule (D3) or the register of holds (D15); a new version stands in the evidence log", query: []string{"format"}, out: report.Paper{}, serve: (*call).document},
	}
	routes = append(routes, requestRoutes()...)
}

// PlanRequest says what to plan.
type PlanRequest struct {
	Rules []string `json:"rules,omitempty"` // ids; empty: all
}

// Made names a long work that has begun: follow it at /work/{id}.
type Made struct {
	ID string `json:"id"`
}

// Approval is a yes to a plan as it is.
type Approval struct {
	Hash string `json:"hash"`
}

// Stop says whether all disposal is stopped.
type Stop struct {
	Stopped bool `json:"stopped"`
}

// Signature is what a person says of a task done by hand; who it is follows
// from the token.
type Signature struct {
	Performed string         `json:"performed"` // YYYY-MM-DD
	Outcome   gallra.Outcome `json:"outcome"`   // erased, de-identified, kept
	Count     int64          `json:"count"`
	Note      string         `json:"note,omitempty"`
	Proof     string         `json:"proof,omitempty"`
	Heeded    []string       `json:"heeded,omitempty"`
}

// Receipt is what an archive has said of a package; who registers it follows from
// the token.
type Receipt struct {
	Accepted  bool   `json:"accepted"`
	SHA256    string `json:"sha256,omitempty"`    // as the archive states it, at least its first eight signs; demanded of an acceptance
	Reference string `json:"reference,omitempty"` // the archive's own number; demanded of an acceptance
	Note      string `json:"note,omitempty"`      // why it was sent back, without personal values
}

// Known is what is known of a system.
type Known struct {
	System  gallra.SystemID   `json:"system"`
	Profile connector.Profile `json:"profile"`
	Proofs  []facts.Proof     `json:"proofs"`
}

// Alarms is what was erased and is there again.
type Alarms struct {
	Alarms   []guard.Alarm  `json:"alarms"`
	Standing guard.Standing `json:"standing"`
}

// Ruling is what a person finds of an alarm; who it is follows from the token.
type Ruling struct {
	Decision guard.Decision `json:"decision"`
	Reason   string         `json:"reason"` // without personal values
}

// Restored says when the backup was taken that was restored: a day in Sweden,
// before that of the erasure.
type Restored struct {
	Since string `json:"since"` // 2026-03-02
}

// NewHold is a hold to be put in force.
type NewHold struct {
	Kind    hold.Kind    `json:"kind"`
	Reason  string       `json:"reason"` // without personal values
	Matter  string       `json:"matter,omitempty"`
	Review  string       `json:"review,omitempty"`  // YYYY-MM-DD; six months on when left out
	Targets []gallra.Ref `json:"targets,omitempty"` // a system, a type in it, or a record
	Queries []HeldSome   `json:"queries,omitempty"` // some of the records of a type, those that come in later too
	// Persons are held in every system, in what comes in later too. The values are
	// searched for and never stored, logged or answered: keyed digests are kept.
	Persons []About `json:"persons,omitempty"`
	Anyway  bool    `json:"anyway,omitempty"` // though a system cannot be asked whether the target exists
}

// HeldSome is what a hold covers by a query.
type HeldSome struct {
	System gallra.SystemID   `json:"system"`
	Type   string            `json:"type"`
	From   string            `json:"created_from,omitempty"`   // YYYY-MM-DD, in Sweden
	Before string            `json:"created_before,omitempty"` // the first day that is not covered
	Fields map[string]string `json:"fields,omitempty"`         // statistics fields and what they say
}

// Placed is a hold that was put in force, and what was found of people.
type Placed struct {
	hold.Hold
	Found hold.Found `json:"found"`
}

// Progress is how far a long work has come.
type Progress struct {
	work.Work
	Rate    float64 `json:"rate"`           // records a second
	Left    float64 `json:"left,omitempty"` // seconds; 0 when it cannot be told
	Doing   string  `json:"doing"`          // phase, in words
	Trouble string  `json:"trouble"`        // why it failed, in words
}

func (c *call) rules() (any, error) {
	cfg, err := c.Config(c.ctx())
	if err != nil {
		return nil, err
	}
	return cfg.Rules, nil
}

// configure saves gallra.yaml with what change made of it, and the entry.
func (c *call) configure(action string, r gallra.Rule, change func(*config.Config)) error {
	if c.SaveConfig == nil {
		return gallra.Errorf(gallra.Unavailable, "web.no_config")
	}
	cfg, err := c.Config(c.ctx())
	if err != nil {
		return err
	}
	next := *cfg
	next.Rules = slices.Clone(cfg.Rules)
	change(&next)
	if err := next.Validate(); err != nil {
		return err
	}
	entry, err := retention.RuleEntry(action, r)
	if err != nil {
		return err
	}
	entry.Actor = c.account.Username
	if err := c.SaveConfig(c.ctx(), &next); err != nil {
		return err
	}
	return c.DB.Tx(c.ctx(), func(tx *sql.Tx) error {
		_, err := c.Evidence.Append(c.ctx(), tx, entry)
		return err
	})
}

func (c *call) putRule() (any, error) {
	var r gallra.Rule
	if err := c.body(&r); err != nil {
		return nil, err
	}
	cfg, err := c.Config(c.ctx())
	if err != nil {
		return nil, err
	}
	old, _ := cfg.Rule(c.r.PathValue("rule"))
	r.ID, r.Version = c.r.PathValue("rule"), old.Version+1
	return r, c.configure("rule.save", r, func(cfg *config.Config) {
		if i := slices.IndexFunc(cfg.Rules, func(o gallra.Rule) bool { return o.ID == r.ID }); i >= 0 {
			cfg.Rules[i] = r
			return
		}
		cfg.Rules = append(cfg.Rules, r)
	})
}

func (c *call) endRule() (any, error) {
	cfg, err := c.Config(c.ctx())
	if err != nil {
		return nil, err
	}
	r, ok := cfg.Rule(c.r.PathValue("rule"))
	if !ok {
		return nil, gallra.Errorf(gallra.NotFound, "cli.unknown_rule", "rule", c.r.PathValue("rule"))
	}
	c.status = http.StatusNoContent
	return nil, c.configure("rule.end", r, func(cfg *config.Config) {
		cfg.Rules = slices.DeleteFunc(cfg.Rules, func(o gallra.Rule) bool { return o.ID == r.ID })
	})
}

func (c *call) schedule() (any, error) {
	cfg, err := c.Config(c.ctx())
	if err != nil {
		return nil, err
	}
	return inventory.FallingDue(c.ctx(), c.DB, cfg.Rules, c.DB.Now().In(c.Retention.Loc))
}

// listed is how many plans and runs a list has.
const listed = 100

func (c *call) plans() (any, error) { return c.Retention.Plans(c.ctx(), listed) }

func (c *call) plan() (any, error) { return c.Retention.PlanOf(c.ctx(), c.r.PathValue("plan")) }

func (c *call) sample() (any, error) {
	return c.Retention.Sample(c.ctx(), c.r.PathValue("plan"), c.account.Username)
}

func (c *call) makePlan() (any, error) {
	var in PlanRequest
	if err := c.body(&in); err != nil {
		return nil, err
	}
	cfg, err := c.Config(c.ctx())
	if err != nil {
		return nil, err
	}
	o := cfg.Organisation
	spec := retention.PlanSpec{Rules: cfg.Rules, Actor: c.account.Username, Organisation: retention.Organisation{Name: o.Name, Number: o.Number, Type: o.Type, Archive: o.Archive}}
	if len(in.Rules) > 0 {
		spec.Rules = nil
		for _, id := range in.Rules {
			r, ok := cfg.Rule(id)
			if !ok {
				return nil, gallra.Errorf(gallra.Invalid, "cli.unknown_rule", "rule", id)
			}
			spec.Rules = append(spec.Rules, r)
		}
	}
	return c.begin(func(tx *sql.Tx) (string, error) { return c.Retention.PlanTx(c.ctx(), tx, spec) })
}

// begin starts a long work and hands it to the workers.
func (c *call) begin(start func(*sql.Tx) (string, error)) (any, error) {
	var id string
	err := c.DB.Tx(c.ctx(), func(tx *sql.Tx) (err error) { id, err = start(tx); return err })
	if err == nil {
		err = c.Queue(c.ctx(), id)
	}
	c.status = http.StatusAccepted
	return Made{id}, err
}

func (c *call) approve() (any, error) {
	var in Approval
	if err := c.body(&in); err != nil {
		return nil, err
	}
	if err := c.Retention.Approve(c.ctx(), c.r.PathValue("plan"), c.account.Username, in.Hash); err != nil {
		return nil, err
	}
	return c.plan()
}

func (c *call) run() (any, error) {
	return c.begin(func(tx *sql.Tx) (string, error) {
		return c.Retention.StartTx(c.ctx(), tx, c.r.PathValue("plan"), c.account.Username)
	})
}

func (c *call) runs() (any, error) {
	list, err := c.Retention.Runs(c.ctx(), listed)
	for i := range list {
		list[i].Protocol = nil
	}
	return list, err
}

func (c *call) oneRun() (any, error) { return c.Retention.RunOf(c.ctx(), c.r.PathValue("run")) }

func (c *call) progress() (any, error) {
	w, err := c.work(retention.WorkPlan, retention.WorkRun, guard.WorkReplay)
	if err != nil {
		return nil, err
	}
	p := Progress{Work: w, Rate: w.Rate(), Doing: c.print.Say(w.Phase)}
	least := time.Duration(0)
	if w.Kind == retention.WorkRun {
		if least, err = c.Retention.Least(c.ctx(), w.ID); err != nil {
			return nil, err
		}
	}
	if left, ok := w.LeftAt(least); ok {
		p.Left = left.Seconds()
	}
	if w.Problem != "" {
		p.Trouble = c.print.Error(work.ProblemError(w.Problem))
	}
	return p, nil
}

// work returns a work of this package's concern; others are not found here.
// work returns the work that is asked about, when it is of one of the kinds.
func (c *call) work(kinds ...string) (work.Work, error) {
	w, err := work.Get(c.ctx(), c.DB, c.r.PathValue("work"))
	if err == nil && !slices.Contains(kinds, w.Kind) {
		err = gallra.Errorf(gallra.NotFound, "api.no_route")
	}
	return w, err
}

func wish(want work.Wish) func(*call) (any, error) {
	return func(c *call) (any, error) {
		w, err := c.work(retention.WorkPlan, retention.WorkRun)
		if err != nil {
			return nil, err
		}
		action := map[work.Wish]string{work.WishPause: "work.pause", work.WishStop: "work.stop", work.WishNone: "work.resume"}[want]
		err = c.DB.Tx(c.ctx(), func(tx *sql.Tx) error {
			if err := work.SetWish(c.ctx(), tx, c.DB.Now(), w.ID, want); err != nil {
				return err
			}
			_, err := c.Evidence.Append(c.ctx(), tx, evidence.Entry{Actor: c.account.Username, Action: action, Subject: w.ID})
			return err
		})
		if err != nil {
			return nil, err
		}
		if want == work.WishNone {
			if err := c.Queue(c.ctx(), w.ID); err != nil {
				return nil, err
			}
		}
		return c.progress()
	}
}

func (c *call) stopped() (any, error) {
	on, err := c.Retention.Stopped(c.ctx())
	return Stop{on}, err
}

func (c *call) stop(on bool) (any, error) {
	return Stop{on}, c.Retention.StopAll(c.ctx(), on, c.account.Username)
}

func (c *call) tasks() (any, error) { return c.Retention.Tasks(c.ctx(), "") }

func (c *call) sign() (any, error) {
	var in Signature
	if err := c.body(&in); err != nil {
		return nil, err
	}
	id := c.r.PathValue("task")
	err := c.Retention.Sign(c.ctx(), id, retention.Signature{Actor: c.account.Username, Performed: in.Performed, Outcome: in.Outcome, Count: in.Count, Note: in.Note, Proof: in.Proof, Heeded: in.Heeded})
	if err != nil {
		return nil, err
	}
	return c.Retention.TaskOf(c.ctx(), id)
}

func (c *call) deliveries() (any, error) { return c.Retention.Deliveries(c.ctx(), "") }

func (c *call) receive() (any, error) {
	var in Receipt
	if err := c.body(&in); err != nil {
		return nil, err
	}
	id := c.r.PathValue("delivery")
	if err := c.Retention.Receive(c.ctx(), id, retention.Receipt{Actor: c.account.Username, Accepted: in.Accepted, SHA256: in.SHA256, Reference: in.Reference, Note: in.Note}); err != nil {
		return nil, err
	}
	d, err := c.Retention.DeliveryOf(c.ctx(), id)
	if err != nil {
		return nil, err
	}
	follow, err := c.Retention.FollowUp(c.ctx(), d.Run)
	if err == nil && follow != "" {
		err = c.Queue(c.ctx(), follow)
	}
	return d, err
}

func (c *call) register() hold.Register { return hold.Register{DB: c.DB, Log: c.Evidence} }

func (c *call) holds() (any, error) {
	return c.register().List(c.ctx(), c.r.URL.Query().Get("all") == "1")
}

func (c *call) placeHold() (any, error) {
	var in NewHold
	if err := c.body(&in); err != nil {
		return nil, err
	}
	cfg, err := c.Config(c.ctx())
	if err != nil {
		return nil, err
	}
	h := hold.Hold{Kind: in.Kind, Reason: in.Reason, Matter: in.Matter, PlacedBy: c.account.Username}
	if !slices.Contains([]hold.Kind{hold.Legal, hold.Request, hold.Archive}, in.Kind) {
		return nil, gallra.Errorf(gallra.Invalid, "api.body")
	}
	if in.Review != "" {
		if h.Review, err = time.Parse(time.DateOnly, in.Review); err != nil {
			return nil, gallra.Errorf(gallra.Invalid, "web.date")
		}
	}
	for _, ref := range in.Targets {
		h.Targets = append(h.Targets, hold.Target{Ref: ref})
	}
	for _, some := range in.Queries {
		q, err := hold.ParseQuery(some.From, some.Before, nil, deadline.Stockholm)
		if err != nil {
			return nil, err
		}
		q.System, q.Type, q.Fields = some.System, some.Type, some.Fields
		h.Queries = append(h.Queries, q)
	}
	for _, p := range in.Persons {
		h.Persons = append(h.Persons, gallra.Identifier{Kind: p.Kind, Value: p.Value})
	}
	h, found, err := c.Retention.Placer(cfg.Names()).Put(c.ctx(), h, in.Anyway)
	if err != nil {
		return nil, err
	}
	c.status = http.StatusCreated
	return Placed{h, found}, nil
}

func (c *call) liftHold() (any, error) {
	c.status = http.StatusNoContent
	return nil, c.DB.Tx(c.ctx(), func(tx *sql.Tx) error {
		return c.register().Release(c.ctx(), tx, c.r.PathValue("hold"), c.account.Username)
	})
}

func (c *call) statistics() (any, error) {
	cfg, err := c.Config(c.ctx())
	if err != nil {
		return nil, err
	}
	id := gallra.SystemID(c.r.PathValue("system"))
	if _, ok := cfg.System(id); !ok {
		return nil, gallra.Errorf(gallra.NotFound, "web.no_system")
	}
	src, err := c.Open(c.ctx(), id)
	if err != nil {
		return nil, err
	}
	defer src.Close() // read only: nothing is lost
	types, err := src.Types(c.ctx())
	if err != nil {
		return nil, err
	}
	out := []statistics.Report{}
	for _, t := range types {
		if t.Kind != connector.KindConversation {
			continue
		}
		cells, err := statistics.Whole(c.ctx(), c.DB, src, id, t, c.Retention.Loc)
		if err != nil {
			return nil, err
		}
		out = append(out, cells.Report())
	}
	return out, nil
}

func (c *call) press() (report.Press, error) {
	cfg, err := c.Config(c.ctx())
	return report.Press{DB: c.DB, Log: c.Evidence, Retention: c.Retention, Config: cfg, Actor: c.account.Username}, err
}

func (c *call) protocol() (any, error) {
	p, err := c.press()
	if err != nil {
		return nil, err
	}
	paper, err := p.Protocol(c.ctx(), c.r.PathValue("run"))
	if err != nil {
		return nil, err
	}
	return c.paper(paper)
}

func (c *call) assessment() (any, error) {
	p, err := c.press()
	if err != nil {
		return nil, err
	}
	paper, err := p.Assessment(c.ctx(), c.r.PathValue("run"))
	if err != nil {
		return nil, err
	}
	return c.paper(paper)
}

func (c *call) document() (any, error) {
	p, err := c.press()
	if err != nil {
		return nil, err
	}
	var paper report.Paper
	switch c.r.PathValue("document") {
	case "D3":
		paper, err = p.RetentionPlan(c.ctx())
	case "D15":
		paper, err = p.HoldRegister(c.ctx())
	default:
		err = gallra.Errorf(gallra.NotFound, "api.no_route")
	}
	if err != nil {
		return nil, err
	}
	return c.paper(paper)
}

// paper writes a document in the format asked for, JSON when none is.
func (c *call) paper(p report.Paper) (any, error) {
	f := report.Format(cmp.Or(c.r.URL.Query().Get("format"), string(report.JSON)))
	if !slices.Contains(report.Formats(), f) {
		return nil, gallra.Errorf(gallra.Invalid, "report.format", "file", string(f))
	}
	var b bytes.Buffer
	if err := p.Write(c.ctx(), &b, f, c.print.Lang(), c.PDF); err != nil {
		return nil, err
	}
	return file{p.FileName(f, c.print.Lang()), f.MediaType(), b.Bytes()}, nil
}

func (c *call) known() (any, error) {
	id := gallra.SystemID(c.r.PathValue("system"))
	cfg, err := c.Config(c.ctx())
	if err != nil {
		return nil, err
	}
	if _, ok := cfg.System(id); !ok {
		return nil, gallra.Errorf(gallra.NotFound, "cli.unknown_system", "system", string(id))
	}
	src, err := c.Open(c.ctx(), id)
	if err != nil {
		return nil, err
	}
	defer src.Close() // read only: nothing is lost
	out := Known{System: id}
	if p, ok := src.(connector.Profiled); ok {
		out.Profile = p.Profile()
	}
	shown, err := (&trial.Bench{DB: c.DB}).Shown(c.ctx())
	out.Proofs = facts.Proofs(connector.Capabilities(src), shown[id], c.DB.Now())
	return out, err
}

func (c *call) alarms() (any, error) {
	if c.Guard == nil {
		return nil, gallra.Errorf(gallra.Unavailable, "web.no_guard")
	}
	list, err := c.Guard.Alarms(c.ctx(), c.r.URL.Query().Get("all") == "1")
	if err != nil {
		return nil, err
	}
	if list == nil {
		list = []guard.Alarm{}
	}
	st, err := c.Guard.Standing(c.ctx())
	return Alarms{list, st}, err
}

func (c *call) decideAlarm() (any, error) {
	if c.Guard == nil {
		return nil, gallra.Errorf(gallra.Unavailable, "web.no_guard")
	}
	var in Ruling
	if err := c.body(&in); err != nil {
		return nil, err
	}
	return c.Guard.Decide(c.ctx(), c.r.PathValue("alarm"), c.account.Username, in.Decision, in.Reason)
}

// replayAlarm is the second person's yes to thinning out again what is back: the
// workers do it.
func (c *call) replayAlarm() (any, error) {
	if c.Guard == nil {
		return nil, gallra.Errorf(gallra.Unavailable, "web.no_guard")
	}
	var in Restored
	if err := c.body(&in); err != nil {
		return nil, err
	}
	since, err := deadline.ParseDay(in.Since)
	if err != nil {
		return nil, gallra.Errorf(gallra.Invalid, "web.date")
	}
	w, err := c.Guard.StartReplay(c.ctx(), c.r.PathValue("alarm"), since, c.account.Username)
	if err != nil {
		return nil, err
	}
	c.status = http.StatusAccepted
	return Made{w.ID}, c.Queue(c.ctx(), w.ID)
}
