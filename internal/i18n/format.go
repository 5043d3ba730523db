package i18n

import (
	"strconv"
	"strings"
	"time"

	"github.com/gallra/gallra"
)

// nbsp keeps a number and what belongs to it on one line.
const nbsp = "\u00a0"

var stockholm = func() *time.Location {
	l, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		panic(err) // the zone database is embedded
	}
	return l
}()

// Number returns n grouped by thousands: "1 234 567" with no-break spaces in
// Swedish, "1,234,567" in English.
func (p *Printer) Number(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "\u2212", s[1:]
	}
	sep := nbsp
	if p.lang == English {
		sep = ","
	}
	var b strings.Builder
	for i, r := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteString(sep)
		}
		b.WriteRune(r)
	}
	return sign + b.String()
}

// Decimal returns x with the given number of decimals.
func (p *Printer) Decimal(x float64, decimals int) string {
	s := strconv.FormatFloat(x, 'f', decimals, 64)
	whole, frac, found := strings.Cut(s, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return s
	}
	out := p.Number(n)
	if n == 0 && strings.HasPrefix(s, "-") {
		out = "\u2212" + out
	}
	if !found {
		return out
	}
	if p.lang == English {
		return out + "." + frac
	}
	return out + "," + frac
}

// Percent returns part of whole in whole per cent, "–" when whole is 0. It
// never rounds something up to all or down to nothing.
func (p *Printer) Percent(part, whole int64) string {
	if whole <= 0 {
		return "–"
	}
	n := (part*200 + whole) / (2 * whole)
	if n == 100 && part < whole {
		n = 99
	}
	if n == 0 && part > 0 {
		n = 1
	}
	if p.lang == English {
		return strconv.FormatInt(n, 10) + "%"
	}
	return strconv.FormatInt(n, 10) + nbsp + "%"
}

// Date returns the Swedish civil date of t in the written form of the language:
// "3 mars 2026", "3 March 2026". "–" for the zero time.
func (p *Printer) Date(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	t = t.In(stockholm)
	return strconv.Itoa(t.Day()) + nbsp + p.Raw("month."+strconv.Itoa(int(t.Month()))) + " " + strconv.Itoa(t.Year())
}

// Day returns the Swedish civil date of t as YYYY-MM-DD, for tables.
func (p *Printer) Day(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.In(stockholm).Format(time.DateOnly)
}

// Clock returns date and time of t in Sweden: "2026-03-03 14:05".
func (p *Printer) Clock(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.In(stockholm).Format("2006-01-02 15:04")
}

// Month returns the short month and year of t: "mars 2026", "Mar 2026".
func (p *Printer) Month(t time.Time) string {
	t = t.In(stockholm)
	return p.Raw("month.short."+strconv.Itoa(int(t.Month()))) + " " + strconv.Itoa(t.Year())
}

// Duration returns a rough length in words, one unit: "40 sekunder",
// "12 minuter", "3 timmar", "2 dagar".
func (p *Printer) Duration(d time.Duration) string {
	switch {
	case d < 90*time.Second:
		return p.N("unit.second", int64(d.Round(time.Second)/time.Second))
	case d < 90*time.Minute:
		return p.N("unit.minute", int64(d.Round(time.Minute)/time.Minute))
	case d < 36*time.Hour:
		return p.N("unit.hour", int64(d.Round(time.Hour)/time.Hour))
	}
	return p.N("unit.day", int64(d.Round(24*time.Hour)/(24*time.Hour)))
}

// Period returns a calendar period in words: "1 år och 6 månader".
func (p *Printer) Period(d gallra.Period) string {
	var parts []string
	for _, u := range []struct {
		n   int
		key string
	}{{d.Years, "unit.year"}, {d.Months, "unit.month"}, {d.Days, "unit.day"}} {
		if u.n != 0 {
			parts = append(parts, p.N(u.key, int64(u.n)))
		}
	}
	if len(parts) == 0 {
		return p.N("unit.day", 0)
	}
	return p.List(parts)
}

// List joins words as prose: "a, b och c".
func (p *Printer) List(words []string) string {
	switch len(words) {
	case 0:
		return ""
	case 1:
		return words[0]
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " " + p.Raw("list.and") + " " + words[last]
}

// Bytes returns a size in whole kB, MB or GB (powers of ten).
func (p *Printer) Bytes(n int64) string {
	switch {
	case n < 10_000:
		return p.Number(n) + nbsp + "B"
	case n < 10_000_000:
		return p.Number(n/1000) + nbsp + "kB"
	case n < 10_000_000_000:
		return p.Number(n/1_000_000) + nbsp + "MB"
	}
	return p.Number(n/1_000_000_000) + nbsp + "GB"
}

// Month is a month among the arguments of a message, or on the axis of a chart.
type Month time.Time
