package deadline_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gallra/gallra/deadline"
)

func day(t rapid.TB, s string) time.Time {
	t.Helper()
	d, err := deadline.ParseDay(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func equal(t rapid.TB, what string, got time.Time, want string) {
	t.Helper()
	if got.Format(time.DateOnly) != want {
		t.Errorf("%s: %s, want %s", what, got.Format(time.DateOnly), want)
	}
}

// The rows of REQUIREMENTS 5.3; the first three are the supervisory authority's own.
func TestTA1_OneMonthAndThree(t *testing.T) {
	t.Parallel()
	for _, v := range []struct{ received, nominal, due, eves, nominal3, extended string }{
		{"2026-03-05", "2026-04-05", "2026-04-07", "2026-04-07", "2026-06-05", "2026-06-05"},
		{"2026-11-25", "2026-12-25", "2026-12-28", "2026-12-28", "2027-02-25", "2027-02-25"},
		{"2026-08-31", "2026-09-30", "2026-09-30", "2026-09-30", "2026-11-30", "2026-11-30"},
		{"2026-11-23", "2026-12-23", "2026-12-23", "2026-12-23", "2027-02-23", "2027-02-23"},
		{"2026-11-24", "2026-12-24", "2026-12-24", "2026-12-28", "2027-02-24", "2027-02-24"},
		{"2026-11-30", "2026-12-30", "2026-12-30", "2026-12-30", "2027-02-28", "2027-03-01"},
		{"2026-12-01", "2027-01-01", "2027-01-04", "2027-01-04", "2027-03-01", "2027-03-01"},
		{"2026-12-31", "2027-01-31", "2027-02-01", "2027-02-01", "2027-03-31", "2027-03-31"},
		{"2027-01-29", "2027-02-28", "2027-03-01", "2027-03-01", "2027-04-29", "2027-04-29"},
		{"2027-01-30", "2027-02-28", "2027-03-01", "2027-03-01", "2027-04-30", "2027-04-30"},
		{"2027-01-31", "2027-02-28", "2027-03-01", "2027-03-01", "2027-04-30", "2027-04-30"},
		{"2028-01-31", "2028-02-29", "2028-02-29", "2028-02-29", "2028-04-30", "2028-05-02"},
		{"2028-02-29", "2028-03-29", "2028-03-29", "2028-03-29", "2028-05-29", "2028-05-29"},
		{"2026-02-28", "2026-03-28", "2026-03-30", "2026-03-30", "2026-05-28", "2026-05-28"},
		{"2026-03-03", "2026-04-03", "2026-04-07", "2026-04-07", "2026-06-03", "2026-06-03"},
		{"2026-04-01", "2026-05-01", "2026-05-04", "2026-05-04", "2026-07-01", "2026-07-01"},
		{"2027-02-26", "2027-03-26", "2027-03-30", "2027-03-30", "2027-05-26", "2027-05-26"},
		{"2027-04-06", "2027-05-06", "2027-05-07", "2027-05-07", "2027-07-06", "2027-07-06"},
		{"2027-05-25", "2027-06-25", "2027-06-25", "2027-06-28", "2027-08-25", "2027-08-25"},
		{"2026-10-31", "2026-11-30", "2026-11-30", "2026-11-30", "2027-01-31", "2027-02-01"},
	} {
		t.Run(v.received, func(t *testing.T) {
			r := deadline.Compute(deadline.Input{Received: day(t, v.received)})
			equal(t, "one month", r.First.Nominal, v.nominal)
			equal(t, "deadline", r.Applies.Without, v.due)
			equal(t, "notice of extension by", r.NoticeBy, v.due)
			e := deadline.Compute(deadline.Input{Received: day(t, v.received), Eves: true})
			equal(t, "deadline with eves", e.Applies.Without, v.eves)
			x := deadline.Compute(deadline.Input{Received: day(t, v.received), Extended: true})
			equal(t, "three months", x.Extended.Nominal, v.nominal3)
			equal(t, "extended deadline", x.Applies.Without, v.extended)
			equal(t, "watched", x.Watch, v.extended)
		})
	}
}

// The two of REQUIREMENTS 5.4.
func TestTA1_Pause(t *testing.T) {
	t.Parallel()
	in := deadline.Input{
		Received: day(t, "2026-11-02"),
		Pauses:   []deadline.Pause{{From: day(t, "2026-11-04"), To: day(t, "2026-11-14")}},
	}
	r := deadline.Compute(in)
	if r.PauseDays != 10 || len(r.Warnings) != 0 {
		t.Errorf("pause %d days, warnings %v", r.PauseDays, r.Warnings)
	}
	equal(t, "with", r.Applies.With, "2026-12-14")
	equal(t, "without", r.Applies.Without, "2026-12-02")
	equal(t, "watched before approval", r.Watch, "2026-12-02")
	in.Pauses[0].Approved = true
	equal(t, "watched after approval", deadline.Compute(in).Watch, "2026-12-14")

	late := deadline.Compute(deadline.Input{
		Received: day(t, "2026-11-02"),
		Pauses:   []deadline.Pause{{From: day(t, "2026-11-20"), To: day(t, "2026-11-25")}},
	})
	if len(late.Warnings) != 1 || late.Warnings[0].Key != "deadline.warning.asked_late" {
		t.Errorf("warnings %v", late.Warnings)
	}
	equal(t, "watched when asked late", late.Watch, "2026-12-02")
}

func TestPausesAddUpWithoutOverlap(t *testing.T) {
	t.Parallel()
	p := func(from, to string) deadline.Pause {
		return deadline.Pause{From: day(t, from), To: day(t, to)}
	}
	insufficient := func(q deadline.Pause) deadline.Pause { q.Insufficient = true; return q }
	for name, v := range map[string]struct {
		pauses []deadline.Pause
		days   int
	}{
		"apart":                       {[]deadline.Pause{p("2026-11-03", "2026-11-05"), p("2026-11-10", "2026-11-12")}, 4},
		"overlapping":                 {[]deadline.Pause{p("2026-11-03", "2026-11-10"), p("2026-11-05", "2026-11-12")}, 9},
		"inside":                      {[]deadline.Pause{p("2026-11-03", "2026-11-10"), p("2026-11-05", "2026-11-06")}, 7},
		"answered the same day":       {[]deadline.Pause{p("2026-11-03", "2026-11-03")}, 0},
		"insufficient, asked at once": {[]deadline.Pause{insufficient(p("2026-11-03", "2026-11-06")), p("2026-11-11", "2026-11-13")}, 10},
		"insufficient, asked late":    {[]deadline.Pause{insufficient(p("2026-11-03", "2026-11-06")), p("2026-11-12", "2026-11-13")}, 4},
		"impossible":                  {[]deadline.Pause{p("2026-11-05", "2026-11-03")}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if r := deadline.Compute(deadline.Input{Received: day(t, "2026-11-02"), Pauses: v.pauses}); r.PauseDays != v.days {
				t.Errorf("%d days, want %d", r.PauseDays, v.days)
			}
		})
	}
}

func TestUnansweredQuestion(t *testing.T) {
	t.Parallel()
	r := deadline.Compute(deadline.Input{
		Received: day(t, "2026-11-02"), Today: day(t, "2026-11-24"),
		Pauses: []deadline.Pause{{From: day(t, "2026-11-04")}},
	})
	if r.PauseDays != 20 {
		t.Errorf("%d days so far, want 20", r.PauseDays)
	}
	equal(t, "reminder", r.RemindOn, "2026-12-04")
	equal(t, "give up", r.GiveUpOn, "2027-01-03")
}

func TestTA2_Properties(t *testing.T) {
	t.Parallel()
	start := day(t, "2020-01-01")
	days := int(day(t, "2035-12-31").Sub(start).Hours()) / 24
	rapid.Check(t, func(t *rapid.T) {
		received := start.AddDate(0, 0, rapid.IntRange(0, days).Draw(t, "day"))
		eves := rapid.Bool().Draw(t, "eves")
		var pauses []deadline.Pause
		for range rapid.IntRange(0, 3).Draw(t, "pauses") {
			from := received.AddDate(0, 0, rapid.IntRange(0, 60).Draw(t, "from"))
			pauses = append(pauses, deadline.Pause{From: from, To: from.AddDate(0, 0, rapid.IntRange(0, 40).Draw(t, "length"))})
		}
		in := deadline.Input{Received: received, Eves: eves, Pauses: pauses, Extended: rapid.Bool().Draw(t, "extended")}
		r := deadline.Compute(in)
		for _, p := range []deadline.Period{r.First, r.Extended} {
			for _, d := range []time.Time{p.Without, p.With} {
				if d.Before(p.Nominal) || deadline.Free(d, eves) != "" || d.Weekday() == time.Saturday || d.Weekday() == time.Sunday {
					t.Fatalf("%v: deadline %v", received, d)
				}
			}
			if p.Without.After(p.Nominal.AddDate(0, 0, 5)) {
				t.Fatalf("%v: %v is more than 5 days after %v", received, p.Without, p.Nominal)
			}
			if p.With.Before(p.Without) {
				t.Fatalf("%v: a pause made the deadline earlier", received)
			}
			if p.Without.Hour() != 0 || p.With.Hour() != 0 {
				t.Fatalf("%v: not a date", received)
			}
		}
		if r.Red.After(r.Watch) || r.Amber.After(r.Watch) {
			t.Fatalf("%v: warned after the deadline", received)
		}
		for _, s := range r.Steps {
			if s.Key == "" || s.Rule == "" || s.Source == "" || s.Date.IsZero() {
				t.Fatalf("a step that does not explain itself: %+v", s)
			}
		}
		next := deadline.Compute(deadline.Input{Received: received.AddDate(0, 0, 1), Eves: eves})
		if next.First.Without.Before(r.First.Without) || next.Extended.Without.Before(r.Extended.Without) {
			t.Fatalf("%v: received later, due earlier", received)
		}
	})
}

func TestTA3_EasterAsPublished(t *testing.T) {
	t.Parallel()
	published := strings.Fields(`2020-04-12 2021-04-04 2022-04-17 2023-04-09 2024-03-31 2025-04-20 2026-04-05
		2027-03-28 2028-04-16 2029-04-01 2030-04-21 2031-04-13 2032-03-28 2033-04-17 2034-04-09 2035-03-25
		2036-04-13 2037-04-05 2038-04-25 2039-04-10 2040-04-01`)
	for i, want := range published {
		equal(t, "Easter", deadline.Easter(2020+i), want)
	}
}

// REQUIREMENTS 5.2.
func TestTA3_HolidayTable(t *testing.T) {
	t.Parallel()
	for year, want := range map[int]struct{ days, eves string }{
		2026: {"1/1 6/1 3/4 5/4 6/4 1/5 14/5 24/5 6/6 20/6 31/10 25/12 26/12", "19/6 24/12 31/12"},
		2027: {"1/1 6/1 26/3 28/3 29/3 1/5 6/5 16/5 6/6 26/6 6/11 25/12 26/12", "25/6 24/12 31/12"},
		2028: {"1/1 6/1 14/4 16/4 17/4 1/5 25/5 4/6 6/6 24/6 4/11 25/12 26/12", "23/6 24/12 31/12"},
		// Whit Monday was a holiday until the national day became one.
		2004: {"1/1 6/1 9/4 11/4 12/4 1/5 20/5 30/5 31/5 26/6 6/11 25/12 26/12", "25/6 24/12 31/12"},
	} {
		show := func(h []deadline.Holiday) string {
			var s []string
			for _, d := range h {
				s = append(s, d.Date.Format("2/1"))
			}
			return strings.Join(s, " ")
		}
		if got := show(deadline.Holidays(year)); got != want.days {
			t.Errorf("%d: %s\nwant %s", year, got, want.days)
		}
		if got := show(deadline.Eves(year)); got != want.eves {
			t.Errorf("%d eves: %s", year, got)
		}
	}
}

// A request that arrives just before midnight in Sweden is received that day,
// whatever the day is in UTC, and daylight saving moves nothing.
func TestT8_DatesAreSwedish(t *testing.T) {
	t.Parallel()
	for instant, want := range map[string]string{
		"2026-03-28T22:59:00Z": "2026-04-28", // 23:59, the night before daylight saving
		"2026-03-28T23:01:00Z": "2026-04-29",
		"2026-10-24T21:59:00Z": "2026-11-24", // 23:59, the night before it ends
		"2026-10-24T22:01:00Z": "2026-11-25",
	} {
		at, err := time.Parse(time.RFC3339, instant)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, instant, deadline.Compute(deadline.Input{Received: at}).Applies.Without, want)
	}
}

func TestT9_InternalTargets(t *testing.T) {
	t.Parallel()
	r := deadline.Compute(deadline.Input{Received: day(t, "2026-12-23")})
	equal(t, "acknowledge", r.Acknowledge, "2026-12-24")
	equal(t, "ask", r.AskBy, "2026-12-29")
	equal(t, "search", r.SearchBy, "2027-01-02")
	equal(t, "decide", r.DecideBy, "2027-01-12")
	equal(t, "deadline", r.Watch, "2027-01-25")
	equal(t, "amber", r.Amber, "2027-01-18")
	equal(t, "red", r.Red, "2027-01-21")
	for on, want := range map[string]deadline.State{
		"2027-01-17": deadline.Calm, "2027-01-18": deadline.Soon, "2027-01-21": deadline.Urgent,
		"2027-01-25": deadline.Urgent, "2027-01-26": deadline.Overdue,
	} {
		if got := r.State(day(t, on)); got != want {
			t.Errorf("%s: %s, want %s", on, got, want)
		}
	}
}

func TestT13_Appeal(t *testing.T) {
	t.Parallel()
	equal(t, "plain", deadline.AppealBy(day(t, "2026-11-24")), "2026-12-15")
	equal(t, "ends on Christmas Eve", deadline.AppealBy(day(t, "2026-12-03")), "2026-12-28")
	equal(t, "ends on midsummer eve", deadline.AppealBy(day(t, "2026-05-29")), "2026-06-22")
}

func TestT13_Breach(t *testing.T) {
	t.Parallel()
	for _, v := range []struct{ name, aware, notify, latest string }{
		{"on a Monday", "2026-11-23 10:20", "2026-11-26 10:20", "2026-11-26 11:00"},
		{"through the weekend", "2026-11-20 10:20", "2026-11-23 10:20", "2026-11-23 11:00"},
		{"one working day at Easter", "2026-04-02 15:30", "2026-04-05 15:30", "2026-04-08 00:00"},
		{"none at Easter", "2026-04-03 09:00", "2026-04-06 09:00", "2026-04-09 00:00"},
		{"over the change of clocks", "2026-10-24 12:00", "2026-10-27 11:00", "2026-10-27 12:00"},
	} {
		t.Run(v.name, func(t *testing.T) {
			const layout = "2006-01-02 15:04"
			aware, err := time.ParseInLocation(layout, v.aware, deadline.Stockholm)
			if err != nil {
				t.Fatal(err)
			}
			b := deadline.BreachBy(aware, 72)
			if got := b.Notify.Format(layout); got != v.notify {
				t.Errorf("notify %s, want %s", got, v.notify)
			}
			if got := b.Latest.Format(layout); got != v.latest {
				t.Errorf("latest %s, want %s", got, v.latest)
			}
		})
	}
}

// The explanation names the holidays that moved a date.
func TestStepsExplain(t *testing.T) {
	t.Parallel()
	r := deadline.Compute(deadline.Input{Received: day(t, "2026-03-05")})
	var keys, passed []string
	for _, s := range r.Steps {
		keys = append(keys, s.Rule+" "+s.Key)
		for _, h := range s.Passed {
			passed = append(passed, h.Key)
		}
	}
	if got, want := strings.Join(keys, ", "), "T1 deadline.step.received, T2 deadline.step.month, T3 deadline.step.moved, T7 deadline.step.notice"; got != want {
		t.Errorf("steps %s", got)
	}
	if got, want := strings.Join(passed, " "), "holiday.easter_sunday holiday.easter_monday"; got != want {
		t.Errorf("passed %s", got)
	}
}
