package rest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gallra/gallra"
)

// Auth is how a client shows who it is. It hides itself from fmt and slog.
type Auth struct {
	header, value string
	tokens        *tokens
}

// Bearer sends an OAuth access token that does not expire.
func Bearer(token string) Auth { return some("Authorization", "Bearer ", token) }

// Basic sends a user and a password, or what a vendor puts in their place.
func Basic(user, password string) Auth {
	if user == "" || password == "" {
		return Auth{}
	}
	return Auth{header: "Authorization", value: "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))}
}

// Header sends a token in a header of the vendor's own.
func Header(name, token string) Auth { return some(name, "", token) }

func some(header, prefix, token string) Auth {
	if token == "" {
		return Auth{}
	}
	return Auth{header: header, value: prefix + token}
}

// OAuth says how access tokens are fetched (RFC 6749): with the client's own
// credentials (4.4), or with a refresh token that stays valid (6). A vendor who
// exchanges the refresh token at every use cannot be served: there is nowhere
// to keep the new one.
type OAuth struct {
	TokenURL     string // https, on any host; it is named by the operator or the connector, never by an answer
	ClientID     string
	ClientSecret string
	Scope        string
	RefreshToken string            // "" for client credentials
	More         map[string]string // further parameters: "resource", "audience"
}

// String returns a fixed text.
func (o OAuth) String() string { return "[credentials]" }

// Format hides the credentials from every fmt verb.
func (o OAuth) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(o.String())) }

// LogValue implements slog.LogValuer as String.
func (o OAuth) LogValue() slog.Value { return slog.StringValue(o.String()) }

// Tokens sends a bearer token that is fetched when it is needed, kept until
// shortly before it expires and fetched anew once when the system refuses it.
// It is zero, which New refuses, without an address, an id and a secret.
func Tokens(o OAuth) Auth {
	if o.TokenURL == "" || o.ClientID == "" || o.ClientSecret == "" {
		return Auth{}
	}
	o.More = maps.Clone(o.More)
	return Auth{header: "Authorization", tokens: &tokens{o: o}}
}

// String returns a fixed text.
func (a Auth) String() string { return "[credentials]" }

// Format hides the credentials from every fmt verb.
func (a Auth) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(a.String())) }

// LogValue implements slog.LogValuer as String.
func (a Auth) LogValue() slog.Value { return slog.StringValue(a.String()) }

// tokens holds the present access token. The lock is held while one is fetched,
// so that many workers fetch one.
type tokens struct {
	o       OAuth
	mu      sync.Mutex
	value   string
	expires time.Time // zero: not said
}

// early is how long before its end a token is no longer used.
const early = 30 * time.Second

// credentials returns the header value to send. The refused one, "" for none,
// is not given again.
func (c *Client) credentials(ctx context.Context, refused string) (string, *failure) {
	t := c.auth.tokens
	if t == nil {
		return c.auth.value, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := c.o.Clock.Now()
	if t.value != "" && t.value != refused && (t.expires.IsZero() || now.Before(t.expires.Add(-early))) {
		return t.value, nil
	}
	value, life, f := c.fetchToken(ctx, t.o)
	if f != nil {
		return "", f
	}
	t.value, t.expires = "Bearer "+value, time.Time{}
	if life > 0 {
		t.expires = now.Add(life)
	}
	return t.value, nil
}

var tokenRequest = Request{Op: "oauth.token", Method: http.MethodPost, Repeat: true}

func (c *Client) fetchToken(ctx context.Context, o OAuth) (string, time.Duration, *failure) {
	u, err := url.Parse(o.TokenURL)
	if err != nil || !c.reachable(u) {
		return "", 0, &failure{err: gallra.Errorf(gallra.Invalid, "rest.token_url", "system", string(c.o.System))}
	}
	form := url.Values{"client_id": {o.ClientID}, "client_secret": {o.ClientSecret}, "grant_type": {"client_credentials"}}
	if o.RefreshToken != "" {
		form.Set("grant_type", "refresh_token")
		form.Set("refresh_token", o.RefreshToken)
	}
	if o.Scope != "" {
		form.Set("scope", o.Scope)
	}
	for _, k := range slices.Sorted(maps.Keys(o.More)) {
		form.Set(k, o.More[k])
	}
	res, f := c.send(ctx, tokenRequest, u, payload{[]byte(form.Encode()), "application/x-www-form-urlencoded"}, "")
	if f != nil {
		return "", 0, f
	}
	defer res.Body.Close()
	resp := response(res)
	if resp.Status < 200 || resp.Status > 299 {
		f := c.refusal(tokenRequest, resp)
		if resp.Status >= 400 && resp.Status < 500 && !f.passing {
			// 400 invalid_client and invalid_grant: the credentials, whatever the status.
			f.err = c.fail(gallra.Unauthorize, "rest.auth", tokenRequest, resp.Status)
		}
		return "", 0, f
	}
	var got struct {
		Token   string      `json:"access_token"`
		Kind    string      `json:"token_type"`
		Expires json.Number `json:"expires_in"` // some send it as a string
	}
	if f := c.decode(tokenRequest, res, &got); f != nil {
		return "", 0, f
	}
	if got.Token == "" || got.Kind != "" && !strings.EqualFold(got.Kind, "bearer") {
		return "", 0, &failure{err: c.fail(gallra.Drift, "rest.shape", tokenRequest, resp.Status)}
	}
	seconds, _ := got.Expires.Int64() // not said: it lasts until it is refused
	return got.Token, time.Duration(seconds) * time.Second, nil
}
