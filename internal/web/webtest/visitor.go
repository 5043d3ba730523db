package webtest

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gallra/gallra/internal/auth"
)

// Visitor is one browser: it keeps cookies and does not follow redirects.
type Visitor struct {
	t      testing.TB
	Client *http.Client
	Base   string
}

// Visitor opens the site in a new browser.
func (s *Site) Visitor(t testing.TB) *Visitor {
	t.Helper()
	srv := httptest.NewServer(s.Handler)
	t.Cleanup(srv.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &Visitor{t: t, Base: srv.URL, Client: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// As returns a visitor who has signed in with a role.
func (s *Site) As(t testing.TB, r auth.Role) *Visitor {
	t.Helper()
	v := s.Visitor(t)
	if status, _, to := v.Post("/sign-in", "username", string(r), "password", Password); status != http.StatusSeeOther || to != "/" {
		t.Fatalf("sign in as %s: %d to %q", r, status, to)
	}
	return v
}

// Do makes one request; header are name, value pairs.
func (v *Visitor) Do(method, path string, form url.Values, header ...string) (status int, body, location string) {
	v.t.Helper()
	req, err := http.NewRequest(method, v.Base+path, strings.NewReader(form.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := v.Client.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return res.StatusCode, string(b), res.Header.Get("Location")
}

// Get opens a page.
func (v *Visitor) Get(path string) (status int, body string) {
	v.t.Helper()
	status, body, _ = v.Do(http.MethodGet, path, nil)
	return status, body
}

// Post sends a form of name, value pairs.
func (v *Visitor) Post(path string, pairs ...string) (status int, body, location string) {
	v.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return v.Do(http.MethodPost, path, form)
}
