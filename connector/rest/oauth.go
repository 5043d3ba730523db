package rest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gallra/gallra"
)

// Grant is how a program gets an access token of its own (RFC 6749): it sends a
// form to the vendor's token address, and does so again before the token ends.
type Grant struct {
	// TokenURL may be on another host than BaseURL. It is part of the
	// configuration, never of an answer, and is held to the same rules.
	TokenURL string
	// Form makes the form, now being this machine's time: client credentials, or
	// an assertion that is signed each time (RFC 7523).
	Form func(now time.Time) (url.Values, error)
}

// OAuth sends an access token that is got by g when it is needed.
func OAuth(g Grant) Auth {
	if g.TokenURL == "" || g.Form == nil {
		return Auth{}
	}
	return Auth{header: "Authorization", tokens: &tokens{grant: g}}
}

// early is how long before its end a token is renewed.
const early = 2 * time.Minute

// tokens holds the token that all the client's calls share.
type tokens struct {
	grant Grant

	mu    sync.Mutex
	value string
	until time.Time
}

// sign puts the credentials on a request.
func (c *Client) sign(ctx context.Context, r Request, req *http.Request) *failure {
	if c.auth.tokens == nil {
		req.Header.Set(c.auth.header, c.auth.value)
		return nil
	}
	token, f := c.token(ctx, r)
	if f == nil {
		req.Header.Set(c.auth.header, "Bearer "+token)
	}
	return f
}

// forget drops a token that the system has refused before its time. It reports
// whether there was one to drop: a fresh one may do better.
func (c *Client) forget() bool {
	t := c.auth.tokens
	if t == nil {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	had := t.value != ""
	t.value = ""
	return had
}

func (c *Client) token(ctx context.Context, r Request) (string, *failure) {
	t := c.auth.tokens
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.value != "" && time.Now().Before(t.until) {
		return t.value, nil
	}
	u, err := parseBase(Options{System: c.o.System, BaseURL: t.grant.TokenURL, AllowLoopback: c.o.AllowLoopback})
	if err != nil {
		return "", &failure{err: err}
	}
	form, err := t.grant.Form(time.Now())
	if err != nil {
		return "", &failure{err: gallra.Errorf(gallra.Invalid, "rest.credentials_unusable", "system", string(c.o.System))}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return "", &failure{err: gallra.Errorf(gallra.Invalid, "rest.path")}
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	ask := Request{Op: "token", Method: http.MethodPost}
	res, err := c.http.Do(req)
	if err != nil {
		f := c.lost(ask, err)
		f.refused = true // r itself was never sent
		return "", f
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		_, _ = io.CopyN(io.Discard, res.Body, 64<<10)
		f := c.refusal(ask, Response{Status: res.StatusCode, Header: res.Header})
		f.refused = true
		if !f.passing { // the form is the credentials: whatever is wrong with it is wrong with them
			f.err = c.fail(gallra.Unauthorize, "rest.auth", r, res.StatusCode)
		}
		return "", f
	}
	var got struct {
		Token   string      `json:"access_token"`
		Expires json.Number `json:"expires_in"`
	}
	if f := c.decode(ask, res, &got); f != nil {
		f.refused = true
		return "", f
	}
	seconds, err := got.Expires.Int64()
	if err != nil || seconds <= 0 {
		seconds = 300 // RFC 6749 5.1 recommends to say; who does not gets a short trust
	}
	if got.Token == "" {
		return "", &failure{err: c.fail(gallra.Drift, "rest.shape", ask, res.StatusCode)}
	}
	t.value, t.until = got.Token, time.Now().Add(time.Duration(seconds)*time.Second-min(early, time.Duration(seconds)*time.Second/2))
	return t.value, nil
}
