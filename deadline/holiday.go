package deadline

import (
	"sort"
	"time"
)

// Holiday is a day that is no working day, and the message key of its name.
type Holiday struct {
	Date time.Time `json:"date"`
	Key  string    `json:"key"`
}

// Easter returns Easter Sunday of a year in the Gregorian calendar.
func Easter(year int) time.Time {
	// The Gregorian computus in the form published anonymously in Nature, 1876.
	a, b, c := year%19, year/100, year%100
	d, e := b/4, b%4
	f := (b + 8) / 25
	g := (b - f + 1) / 3
	h := (19*a + b - d - g + 15) % 30
	i, k := c/4, c%4
	l := (32 + 2*e + 2*i - h - k) % 7
	m := (a + 11*h + 22*l) / 451
	n := h + l - 7*m + 114
	return Day(year, time.Month(n/31), n%31+1)
}

// Holidays returns the public holidays of a year in order of date, besides the
// ordinary Sundays (lag 1989:253; REQUIREMENTS T4). The national day has been
// one since 2005, when it took the place of Whit Monday (lag 2004:1320).
func Holidays(year int) []Holiday {
	easter := Easter(year)
	h := []Holiday{
		{Day(year, 1, 1), "holiday.new_year"},
		{Day(year, 1, 6), "holiday.epiphany"},
		{addDays(easter, -2), "holiday.good_friday"},
		{easter, "holiday.easter_sunday"},
		{addDays(easter, 1), "holiday.easter_monday"},
		{Day(year, 5, 1), "holiday.first_of_may"},
		{addDays(easter, 39), "holiday.ascension"},
		{addDays(easter, 49), "holiday.whit_sunday"},
		{saturdayFrom(Day(year, 6, 20)), "holiday.midsummer_day"},
		{saturdayFrom(Day(year, 10, 31)), "holiday.all_saints"},
		{Day(year, 12, 25), "holiday.christmas_day"},
		{Day(year, 12, 26), "holiday.boxing_day"},
	}
	if year >= 2005 {
		h = append(h, Holiday{Day(year, 6, 6), "holiday.national_day"})
	} else {
		h = append(h, Holiday{addDays(easter, 50), "holiday.whit_monday"})
	}
	sort.SliceStable(h, func(a, b int) bool { return h[a].Date.Before(h[b].Date) })
	return h
}

// Eves returns midsummer, Christmas and New Year's eve of a year. Swedish law
// treats them as holidays when a period ends (lag 1930:173 2 §), but they are no
// public holidays under lag 1989:253 and so by the cautious reading do not move
// a deadline of EU law (REQUIREMENTS T5).
func Eves(year int) []Holiday {
	return []Holiday{
		{addDays(saturdayFrom(Day(year, 6, 20)), -1), "holiday.midsummer_eve"},
		{Day(year, 12, 24), "holiday.christmas_eve"},
		{Day(year, 12, 31), "holiday.new_years_eve"},
	}
}

func saturdayFrom(d time.Time) time.Time {
	return addDays(d, (int(time.Saturday)-int(d.Weekday())+7)%7)
}

// Free returns the message key of why the date of d is no working day, "" when
// it is one. With eves the three eves count as holidays.
func Free(d time.Time, eves bool) string {
	d = On(d)
	days := Holidays(d.Year())
	if eves {
		days = append(days, Eves(d.Year())...)
	}
	for _, h := range days {
		if h.Date.Equal(d) {
			return h.Key
		}
	}
	switch d.Weekday() {
	case time.Saturday:
		return "holiday.saturday"
	case time.Sunday:
		return "holiday.sunday"
	}
	return ""
}

// AddWorkingDays returns the nth working day after d, d itself not counted; for
// a negative n the nth working day before it.
func AddWorkingDays(d time.Time, n int, eves bool) time.Time {
	step := 1
	if n < 0 {
		step, n = -1, -n
	}
	for d = On(d); n > 0; {
		d = addDays(d, step)
		if Free(d, eves) == "" {
			n--
		}
	}
	return d
}

// NextWorkingDay returns d, or the first working day after it when d is none,
// and the days that were passed over.
func NextWorkingDay(d time.Time, eves bool) (time.Time, []Holiday) {
	var passed []Holiday
	for d = On(d); ; d = addDays(d, 1) {
		key := Free(d, eves)
		if key == "" {
			return d, passed
		}
		passed = append(passed, Holiday{d, key})
	}
}
