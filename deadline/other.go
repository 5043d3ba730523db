package deadline

import (
	"time"

	"github.com/gallra/gallra"
)

// AppealBy returns the last day to appeal an authority's decision: three weeks
// from the day the person got it, moved to a working day. It is a period of
// Swedish law, so the eves count as holidays (förvaltningslagen 44 §; lag
// 1930:173 2 §; REQUIREMENTS T5, T13).
func AppealBy(told time.Time) time.Time {
	d, _ := NextWorkingDay(gallra.Period{Days: 21}.After(On(told)), true)
	return d
}

// Breach is by when a personal data breach must be notified. Notify is what to
// work by; Latest is the latest reading of the law.
type Breach struct {
	Notify time.Time `json:"notify"`
	Latest time.Time `json:"latest"`
}

// BreachBy returns when a breach that the controller became aware of at an
// instant must be notified within a number of hours: 72 today (GDPR art. 33(1);
// a setting, because 96 has been proposed). Hours run through weekends and
// holidays. Latest leaves out the hour of the event (Reg. 1182/71 art. 3(1)) and
// holds at least two working days (art. 3(5)), counting a working day that the
// period only touches.
func BreachBy(aware time.Time, hours int) Breach {
	aware = aware.In(Stockholm)
	start := aware.Truncate(time.Hour).Add(time.Hour)
	b := Breach{Notify: aware.Add(time.Duration(hours) * time.Hour), Latest: start.Add(time.Duration(hours) * time.Hour)}
	working := 0
	for d := On(start); d.Before(b.Latest); d = addDays(d, 1) {
		if Free(d, false) == "" {
			working++
		}
	}
	if working < 2 {
		last := AddWorkingDays(b.Latest.Add(-time.Nanosecond), 2-working, false)
		b.Latest = addDays(last, 1) // the expiry of the last hour of that day
	}
	return b
}

// State is how near a deadline is.
type State string

// The states.
const (
	Calm    State = "calm"
	Soon    State = "amber"
	Urgent  State = "red"
	Overdue State = "overdue"
)

// State returns how near the watched deadline is on a day (T9).
func (r Result) State(today time.Time) State {
	d := On(today)
	switch {
	case d.After(r.Watch):
		return Overdue
	case !d.Before(r.Red):
		return Urgent
	case !d.Before(r.Amber):
		return Soon
	}
	return Calm
}
