package deadline

import (
	"sort"
	"time"

	"github.com/gallra/gallra"
)

// Input is what the dates of a request depend on. Any instant may be given: the
// date in Sweden at that instant counts.
type Input struct {
	Received time.Time // when it reached the controller, whatever the channel, weekday or hour (T1)
	Extended bool      // a notice of extension with reasons has been sent
	Pauses   []Pause
	Eves     bool      // treat the three eves as holidays (T5); off is the cautious default
	Today    time.Time // up to which an unanswered pause is counted; zero: it counts no days yet
}

// Pause is the time from a question about identity, or about what a very large
// request concerns, to its answer (GDPR art. 12(6), recital 63; REQUIREMENTS 5.4).
type Pause struct {
	From         time.Time // when the question was sent
	To           time.Time // when the answer came; zero while there is none
	Insufficient bool      // the answer did not do: the pause goes on if the next question is sent within 3 working days
	Approved     bool      // the data protection officer has approved that the clock stood still
}

// Step is one link of the computation: a date and the rule that gave it.
type Step struct {
	Key    string    `json:"key"`    // message key of what happened: "deadline.step.month"
	Rule   string    `json:"rule"`   // "T2"
	Source string    `json:"source"` // "GDPR art. 12(3); ..."
	Date   time.Time `json:"date"`
	Days   int       `json:"days,omitempty"`   // of a pause
	Passed []Holiday `json:"passed,omitempty"` // of a move to the next working day
}

// Warning is something about the input that weakens a date.
type Warning struct {
	Key  string    `json:"key"`
	Date time.Time `json:"date"`
}

// Period is one deadline with and without the pauses. Without is the safe one.
type Period struct {
	Nominal time.Time `json:"nominal"` // same day one or three months later (T2), before any move
	Without time.Time `json:"without"` // deadline if no pause holds
	With    time.Time `json:"with"`    // deadline if all pauses hold
}

// Result is every date of a request.
type Result struct {
	Received time.Time `json:"received"`
	First    Period    `json:"first"`    // one month
	Extended Period    `json:"extended"` // three months from receipt

	// Applies is the deadline in force: Extended after a notice of extension,
	// else First. Watch is the date that reminders and the red state follow:
	// without pauses, until every pause has been approved.
	Applies Period    `json:"applies"`
	Watch   time.Time `json:"watch"`

	NoticeBy    time.Time `json:"notice_by"`   // last day to send a notice of extension (T7)
	Acknowledge time.Time `json:"acknowledge"` // internal targets (T9)
	AskBy       time.Time `json:"ask_by"`
	SearchBy    time.Time `json:"search_by"`
	DecideBy    time.Time `json:"decide_by"`
	Amber       time.Time `json:"amber"`
	Red         time.Time `json:"red"`

	PauseDays int       `json:"pause_days"`
	RemindOn  time.Time `json:"remind_on,omitzero"`  // of an unanswered question
	GiveUpOn  time.Time `json:"give_up_on,omitzero"` // close as "cannot identify"
	Steps     []Step    `json:"steps"`               // in order; those of the extended deadline only when it applies
	Warnings  []Warning `json:"warnings,omitempty"`
}

// The internal limits of REQUIREMENTS T9 and 5.4, in working days or days.
const (
	acknowledgeWorkingDays = 1
	askWorkingDays         = 3
	searchDays             = 10
	decideDays             = 20
	amberDays              = 7
	redWorkingDays         = 2
	remindDays             = 30
	giveUpDays             = 60
)

// Sources of the rules, as printed in explanations.
const (
	sourceReceipt = "GDPR art. 12(3); IMY: Tidsfrister"
	sourceMonth   = "GDPR art. 12(3); Reg. 1182/71 art. 3(2)(c); lag 1930:173 1 §"
	sourceMove    = "Reg. 1182/71 art. 3(4); lag 1989:253 1 §"
	sourceEves    = "Reg. 1182/71 art. 3(4); lag 1989:253 1 §; lag 1930:173 2 §"
	sourceExtend  = "GDPR art. 12(3); IMY: Tidsfrister"
	sourcePause   = "GDPR art. 12(6), recital 63"
)

// Compute returns the dates of a request and how they came about.
func Compute(in Input) Result {
	r := Result{Received: On(in.Received)}
	in.Today = On(in.Today)
	pauses, warnings := normalise(in, r.Received)
	r.Warnings = warnings
	for _, p := range pauses {
		r.PauseDays += daysBetween(p.From, p.To)
	}

	r.Steps = []Step{{Key: "deadline.step.received", Rule: "T1", Source: sourceReceipt, Date: r.Received}}
	var first, extended []Step
	r.First, first = period(r.Received, 1, r.PauseDays, in.Eves)
	r.Extended, extended = period(r.Received, 3, r.PauseDays, in.Eves)
	r.Applies = r.First
	r.Steps = append(r.Steps, first...)
	if in.Extended {
		r.Applies = r.Extended
		r.Steps = append(r.Steps, extended...)
	}

	approved := true
	for _, p := range in.Pauses {
		approved = approved && p.Approved
	}
	r.Watch, r.NoticeBy = r.Applies.Without, r.First.Without
	if len(in.Pauses) > 0 && approved {
		r.Watch, r.NoticeBy = r.Applies.With, r.First.With
	}
	r.Steps = append(r.Steps, Step{Key: "deadline.step.notice", Rule: "T7", Source: sourceExtend, Date: r.NoticeBy})

	r.Acknowledge = AddWorkingDays(r.Received, acknowledgeWorkingDays, in.Eves)
	r.AskBy = AddWorkingDays(r.Received, askWorkingDays, in.Eves)
	r.SearchBy = addDays(r.Received, searchDays)
	r.DecideBy = addDays(r.Received, decideDays)
	r.Amber = addDays(r.Watch, -amberDays)
	r.Red = AddWorkingDays(r.Watch, -redWorkingDays, in.Eves)
	if n := len(pauses); n > 0 && pauses[n-1].open {
		r.RemindOn = addDays(pauses[n-1].asked, remindDays)
		r.GiveUpOn = addDays(pauses[n-1].asked, giveUpDays)
	}
	return r
}

// period adds months (T2), then the days of the pauses (5.4), then moves to a
// working day (T3). The month is added to the receipt, never to a moved date (T6).
func period(received time.Time, months, pause int, eves bool) (Period, []Step) {
	key, rule, source := "deadline.step.month", "T2", sourceMonth
	if months == 3 {
		key, rule, source = "deadline.step.three_months", "T6", sourceExtend
	}
	p := Period{Nominal: gallra.Period{Months: months}.After(received)}
	steps := []Step{{Key: key, Rule: rule, Source: source, Date: p.Nominal}}
	move := func(d time.Time) time.Time {
		to, passed := NextWorkingDay(d, eves)
		if len(passed) > 0 {
			source := sourceMove
			if eves {
				source = sourceEves
			}
			steps = append(steps, Step{Key: "deadline.step.moved", Rule: "T3", Source: source, Date: to, Passed: passed})
		}
		return to
	}
	p.Without = move(p.Nominal)
	p.With = p.Without
	if pause > 0 {
		d := addDays(p.Nominal, pause)
		steps = append(steps, Step{Key: "deadline.step.paused", Rule: "5.4", Source: sourcePause, Date: d, Days: pause})
		p.With = move(d)
	}
	return p, steps
}

type interval struct {
	From, To time.Time
	asked    time.Time // the last question
	open     bool
}

// normalise turns pauses into intervals in order that do not overlap, and says
// what is doubtful about them.
func normalise(in Input, received time.Time) ([]interval, []Warning) {
	var w []Warning
	pauses := make([]Pause, 0, len(in.Pauses))
	for _, p := range in.Pauses {
		p.From, p.To = On(p.From), On(p.To)
		if p.From.IsZero() || p.From.Before(received) || !p.To.IsZero() && p.To.Before(p.From) {
			w = append(w, Warning{"deadline.warning.pause_impossible", p.From})
			continue
		}
		pauses = append(pauses, p)
	}
	sort.SliceStable(pauses, func(a, b int) bool { return pauses[a].From.Before(pauses[b].From) })

	var out []interval
	insufficient := false // of the interval last in out
	for _, p := range pauses {
		iv := interval{From: p.From, To: p.To, asked: p.From}
		if p.To.IsZero() {
			iv.open, iv.To = true, p.From
			if in.Today.After(p.From) {
				iv.To = in.Today
			}
		}
		n := len(out)
		follows := n > 0 && insufficient && !p.From.After(AddWorkingDays(out[n-1].To, askWorkingDays, in.Eves))
		if !follows && p.From.After(AddWorkingDays(received, askWorkingDays, in.Eves)) {
			w = append(w, Warning{"deadline.warning.asked_late", p.From})
		}
		if n > 0 && (follows || !p.From.After(out[n-1].To)) {
			last := &out[n-1]
			last.asked, last.open = iv.asked, last.open || iv.open
			if iv.To.After(last.To) {
				last.To = iv.To
			}
		} else {
			out = append(out, iv)
		}
		insufficient = p.Insufficient
	}
	return out, w
}
