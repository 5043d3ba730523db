package rest_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector/rest"
	"github.com/gallra/gallra/connector/rest/resttest"
)

func TestTokensAreFetchedOnceKeptAndRenewed(t *testing.T) {
	t.Parallel()
	clock := resttest.NewClock(time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC))
	tokens := &resttest.Tokens{Clock: clock, Life: time.Hour, Client: "gallra", Secret: "hemlig"}
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/oauth/token":
			tokens.ServeHTTP(w, r)
		case !tokens.Valid(r):
			answer(w, 401, `{"error":"invalid_token"}`)
		default:
			answer(w, 200, `{}`)
		}
	})
	auth := rest.OAuth{TokenURL: "https://login.example.se/oauth/token", ClientID: "gallra", ClientSecret: "hemlig", Scope: "read"}
	c := client(t, h.ServeHTTP, func(o *rest.Options) { o.Auth, o.Clock = rest.Tokens(auth), clock })
	call := func(want int) {
		t.Helper()
		if _, err := c.Do(t.Context(), rest.Request{Op: "x"}, nil); err != nil || tokens.Requests != want {
			t.Fatalf("%d tokens fetched, want %d; %v", tokens.Requests, want, err)
		}
	}
	call(1)
	call(1)
	clock.Advance(time.Hour - 10*time.Second) // not yet expired, too near
	call(2)
	tokens.Revoke() // refused before its time
	call(3)

	auth.ClientSecret = "fel"
	c = client(t, h.ServeHTTP, func(o *rest.Options) { o.Auth, o.Clock = rest.Tokens(auth), clock })
	if _, err := c.Do(t.Context(), rest.Request{Op: "x"}, nil); !errors.Is(err, gallra.ErrAuth) || strings.Contains(err.Error(), "fel") {
		t.Errorf("a wrong secret: %v", err)
	}
	if _, err := rest.New(rest.Options{BaseURL: "https://desk.example.se", Auth: rest.Tokens(rest.OAuth{})}); !errors.Is(err, gallra.ErrInvalid) {
		t.Errorf("no credentials: %v", err)
	}
	auth.TokenURL = "https://169.254.169.254/token"
	c = client(t, h.ServeHTTP, func(o *rest.Options) { o.Auth, o.Clock = rest.Tokens(auth), clock })
	if _, err := c.Do(t.Context(), rest.Request{Op: "x"}, nil); !errors.Is(err, gallra.ErrInvalid) {
		t.Errorf("a token address of the metadata service: %v", err)
	}
}

func TestDownloadGoesWhereItMayAndTellsNobodyWho(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	h := func(w http.ResponseWriter, r *http.Request) {
		seen[r.URL.Host] = r.Header.Get("Authorization")
		switch r.URL.Host + r.URL.Path {
		case "desk.example.se/file":
			w.Header().Set("Location", "https://p1.files.example.com/a?token=x")
			w.WriteHeader(302)
		case "desk.example.se/astray":
			w.Header().Set("Location", "https://elsewhere.example.org/a")
			w.WriteHeader(302)
		case "p1.files.example.com/a":
			_, _ = w.Write([]byte{0, 255, 'a'})
		default:
			t.Errorf("%s is called", r.URL.Host)
		}
	}
	c := client(t, h, func(o *rest.Options) { o.FileHosts = []string{".files.example.com"} })
	b, err := c.Download(t.Context(), "file", "https://desk.example.se/file")
	if err != nil || string(b) != "\x00\xffa" {
		t.Fatalf("%q, %v", b, err)
	}
	if seen["desk.example.se"] == "" || seen["p1.files.example.com"] != "" {
		t.Error("the credentials are missing at home or shown abroad")
	}
	for _, bad := range []string{"https://desk.example.se/astray", "https://elsewhere.example.org/a", "http://p1.files.example.com/a", "https://files.example.com/a", "https://169.254.169.254/a"} {
		if _, err := c.Download(t.Context(), "file", bad); !errors.Is(err, gallra.ErrBlocked) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestReasonIsTheVendorsCodeAndNoMore(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"error":"RecordInvalid","description":"Anna is here"}`:            "RecordInvalid",
		`{"errors":[{"code":"not_found","message":"anna@example.se"}]}`:     "not_found",
		`{"description":"x","errors":{"code":"open_tickets"}}`:              "open_tickets",
		`{"error":"anna@example.se finns"}`:                                 "",
		`{"error":{"title":"Forbidden"}}`:                                   "",
		`<html>`:                                                            "",
		`{"type":"error.list","errors":[{"code":"conversation_not_open"}]}`: "conversation_not_open",
	} {
		c := client(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, 422, body) })
		if r, err := c.Do(t.Context(), rest.Request{Op: "x"}, nil); r.Reason != want || !errors.Is(err, gallra.ErrInvalid) {
			t.Errorf("%s: %q, %v", body, r.Reason, err)
		}
	}
}

func TestContractNotesWhatBreaksIt(t *testing.T) {
	t.Parallel()
	contract, err := resttest.NewContract([]byte(`{"openapi":"3.0.3","info":{"title":"t","version":"1"},"paths":{"/a/{id}":{"get":{
		"parameters":[{"name":"id","in":"path","required":true,"schema":{"type":"integer"}}],
		"responses":{"200":{"description":"ok","content":{"application/json":{"schema":{"type":"object","required":["n"],"properties":{"n":{"type":"integer"}}}}}}}}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	body := `{"n":1}`
	h := contract.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, body) }))
	c := client(t, h.ServeHTTP)
	for _, path := range []string{"/a/1", "/a/x", "/b"} {
		_, _ = c.Do(t.Context(), rest.Request{Op: "x", Path: path}, nil)
	}
	if n := len(contract.Broken()); n != 3 { // the client's base has a path of its own
		t.Errorf("%d breaches: %v", n, contract.Broken())
	}
	c = client(t, h.ServeHTTP, func(o *rest.Options) { o.BaseURL = "https://desk.example.se" })
	before := len(contract.Broken())
	if _, err := c.Do(t.Context(), rest.Request{Op: "x", Path: "/a/1"}, nil); err != nil || len(contract.Broken()) != before {
		t.Errorf("a sound exchange: %v, %v", err, contract.Broken()[before:])
	}
	body = `{"n":"one"}`
	_, _ = c.Do(t.Context(), rest.Request{Op: "x", Path: "/a/1"}, nil)
	if len(contract.Broken()) != before+1 {
		t.Error("an answer of another shape is not noted")
	}
	if contract.Used()["GET /a/{id}"] != 2 {
		t.Errorf("%v", contract.Used())
	}
}
