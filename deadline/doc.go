// Package deadline computes the dates by which a data subject's request, a
// refusal's appeal and a personal data breach must be dealt with, and says for
// every step which rule gave it (REQUIREMENTS section 5).
//
// A deadline is a civil date in Europe/Stockholm, never an instant: daylight
// saving has no effect (T8). Dates are represented as time.Time at midnight
// Stockholm time, as On and Day make them. The package reads no clock, does no
// input or output and carries its own time zone data, so that it gives the same
// answer on a machine that has none.
package deadline

import (
	"time"
	_ "time/tzdata" // the zone must be the same on a bare machine
)

// Stockholm is the time zone of every date in this package.
var Stockholm = mustLoad("Europe/Stockholm")

func mustLoad(name string) *time.Location {
	l, err := time.LoadLocation(name)
	if err != nil {
		panic("deadline: " + err.Error()) // the data are embedded: unreachable
	}
	return l
}

// Day returns a date. Values out of range are normalised as time.Date does.
func Day(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 0, 0, 0, 0, Stockholm)
}

// On returns the date in Sweden at the instant t; the zero time stays zero.
func On(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	y, m, d := t.In(Stockholm).Date()
	return Day(y, m, d)
}

// ParseDay reads a date of the form 2006-01-02.
func ParseDay(s string) (time.Time, error) {
	return time.ParseInLocation(time.DateOnly, s, Stockholm)
}

// addDays returns the date n days after d.
func addDays(d time.Time, n int) time.Time {
	y, m, day := d.Date()
	return Day(y, m, day+n)
}

// daysBetween returns the calendar days from a to b, negative when b is earlier.
// It counts dates, so the day that has 23 hours counts as one.
func daysBetween(a, b time.Time) int {
	utc := func(t time.Time) time.Time {
		y, m, d := t.Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	}
	return int(utc(b).Sub(utc(a)) / (24 * time.Hour))
}
