package web

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/gallra/gallra"
)

// A length of time is typed as people write it, "1 år 6 månader", in either
// language of the page. The form that gallra.yaml has, P1Y6M, is taken too.

var (
	periodPart = regexp.MustCompile(`^(\d{1,5})\s*(\p{L}+)\.?`)
	periodUnit = map[string]func(*gallra.Period, int){}
)

func init() {
	for words, add := range map[string]func(*gallra.Period, int){
		"år year years":                  func(p *gallra.Period, n int) { p.Years += n },
		"månad månader mån month months": func(p *gallra.Period, n int) { p.Months += n },
		"vecka veckor week weeks":        func(p *gallra.Period, n int) { p.Days += 7 * n },
		"dag dagar dygn d day days":      func(p *gallra.Period, n int) { p.Days += n },
	} {
		for _, w := range strings.Fields(words) {
			periodUnit[w] = add
		}
	}
}

// parsePeriod reads a length of time as typed.
func parsePeriod(typed string) (gallra.Period, error) {
	rest := strings.ToLower(strings.ReplaceAll(strings.TrimSpace(typed), "\u00a0", " "))
	if strings.HasPrefix(rest, "p") {
		return gallra.ParsePeriod(strings.ToUpper(rest))
	}
	var p gallra.Period
	for rest != "" {
		m := periodPart.FindStringSubmatch(rest)
		if m == nil || periodUnit[m[2]] == nil {
			return gallra.Period{}, gallra.Errorf(gallra.Invalid, "web.period", "value", typed)
		}
		n, err := strconv.Atoi(m[1])
		if err != nil || n > 10000 {
			return gallra.Period{}, gallra.Errorf(gallra.Invalid, "web.period", "value", typed)
		}
		periodUnit[m[2]](&p, n)
		rest = strings.TrimLeft(rest[len(m[0]):], " ,")
		for _, and := range []string{"och ", "and "} {
			rest = strings.TrimLeft(strings.TrimPrefix(rest, and), " ")
		}
	}
	if p.IsZero() {
		return p, gallra.Errorf(gallra.Invalid, "period.empty")
	}
	return p, nil
}

// periodText writes a length of time for a form; "" for none.
func (c *call) periodText(p gallra.Period) string {
	if p.IsZero() {
		return ""
	}
	return strings.ReplaceAll(c.print.Period(p), "\u00a0", " ")
}
