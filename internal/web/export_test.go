package web

import "github.com/gallra/gallra/internal/auth"

// Route is a route as tests see it.
type Route struct {
	Pattern string
	May     auth.Permission
}

// Routes returns every route.
func Routes() []Route {
	var out []Route
	for _, r := range routes {
		out = append(out, Route{r.pattern, r.may})
	}
	return out
}

// Local is local.
func Local(path string) string { return local(path) }

// ParsePeriod is parsePeriod.
var ParsePeriod = parsePeriod
