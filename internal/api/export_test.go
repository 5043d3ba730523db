package api

import "github.com/gallra/gallra/internal/auth"

// Route is a route as tests see it.
type Route struct {
	Method, Path string
	May          auth.Permission
}

// Routes returns every route.
func Routes() []Route {
	var out []Route
	for _, r := range routes {
		out = append(out, Route{r.method, r.path, r.may})
	}
	return out
}
