package rest_test

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector/rest"
)

// tokenServer gives out numbered tokens and accepts the last of them alone.
type tokenServer struct {
	given  int
	lives  string // expires_in
	status int    // of the token address, when not 200
}

func (s *tokenServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Host == "login.example.se" {
		_ = r.ParseForm()
		if s.status != 0 || r.PostForm.Get("client_secret") != "hemlig" {
			answer(w, max(s.status, 400), `{"error":"invalid_client","error_description":"hemlig"}`)
			return
		}
		s.given++
		answer(w, 200, `{"access_token":"t`+strconv.Itoa(s.given)+`","token_type":"Bearer","expires_in":`+s.lives+`}`)
		return
	}
	if r.Header.Get("Authorization") != "Bearer t"+strconv.Itoa(s.given) {
		answer(w, 401, "{}")
		return
	}
	answer(w, 200, `{"a":1}`)
}

func oauth(t *testing.T, s *tokenServer, secret string) *rest.Client {
	return client(t, s.ServeHTTP, func(o *rest.Options) {
		o.Auth = rest.OAuth(rest.Grant{TokenURL: "https://login.example.se/token", Form: func(time.Time) (url.Values, error) {
			return url.Values{"grant_type": {"client_credentials"}, "client_secret": {secret}}, nil
		}})
	})
}

func TestOAuthTokenIsSharedAndRenewedBeforeItEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &tokenServer{lives: "3600"}
		c := oauth(t, s, "hemlig")
		for range 3 {
			if _, err := c.Do(t.Context(), rest.Request{Op: "x"}, nil); err != nil {
				t.Fatal(err)
			}
		}
		if s.given != 1 {
			t.Errorf("%d tokens for three calls", s.given)
		}
		time.Sleep(59 * time.Minute) // the bubble's time
		if _, err := c.Do(t.Context(), rest.Request{Op: "x"}, nil); err != nil || s.given != 2 {
			t.Errorf("an hour later: %d tokens, %v", s.given, err)
		}
		s.given++ // the token is revoked before its time
		if _, err := c.Do(t.Context(), rest.Request{Op: "x", Method: "POST"}, nil); err != nil || s.given != 4 {
			t.Errorf("after a revocation: %d tokens, %v", s.given, err)
		}
	})
}

func TestOAuthRefusalIsAboutTheCredentials(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]*gallra.Error{0: gallra.ErrAuth, 401: gallra.ErrAuth, 503: gallra.ErrUnavailable, 404: gallra.ErrAuth} {
		synctest.Test(t, func(t *testing.T) {
			s := &tokenServer{lives: "1", status: status}
			_, err := oauth(t, s, "fel").Do(t.Context(), rest.Request{Op: "x", Method: "POST"}, nil)
			if !errors.Is(err, want) {
				t.Errorf("status %d: %v, want %s", status, err, want.Code)
			}
		})
	}
	if _, err := rest.New(rest.Options{BaseURL: "https://desk.example.se", Auth: rest.OAuth(rest.Grant{})}); !errors.Is(err, gallra.ErrInvalid) {
		t.Errorf("a grant without an address: %v", err)
	}
	c, err := rest.New(rest.Options{System: system(), BaseURL: "https://desk.example.se", Auth: rest.OAuth(rest.Grant{TokenURL: "http://169.254.169.254/token", Form: func(time.Time) (url.Values, error) { return nil, nil }})})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Do(t.Context(), rest.Request{Op: "x"}, nil); !errors.Is(err, gallra.ErrBlocked) {
		t.Errorf("a token address of a metadata service: %v", err)
	}
}

func TestBytesAreGivenAsTheyCome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var got []byte
		c := client(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			_, _ = io.WriteString(w, r.Header.Get("Accept")+"|"+r.Header.Get("Prefer"))
		})
		if _, err := c.Do(t.Context(), rest.Request{Op: "x", Header: map[string]string{"Prefer": "a"}}, &got); err != nil || string(got) != "*/*|a" {
			t.Errorf("%q, %v", got, err)
		}
	})
}
