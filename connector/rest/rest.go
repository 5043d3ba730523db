// Package rest is the HTTP that every connector to an API shares, so that the
// rules of the road stand in one place: which addresses may be reached, how
// often, what is repeated, and what an answer must look like to be believed.
//
// What it never does: follow a link to another host, take a cut-off or foreign
// body for an empty page, repeat a change whose outcome is unknown unless the
// caller says that this is safe, or put an address, a query value, a body or a
// secret in an error. Errors name Request.Op, the method and the status alone.
package rest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"mime"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gallra/gallra"
)

// Options says how one system is reached.
type Options struct {
	System        gallra.SystemID // named in errors
	BaseURL       string          // https://host[:port][/path], without user, query or fragment; the one host that is reached
	AllowLoopback bool            // lets BaseURL be this machine, http included
	CA            []byte          // PEM of the authorities to trust instead of the system's own
	Auth          Auth
	Limit         Limit

	// Account is whom at the host the vendor counts calls for, where one host
	// serves many customers: the key that reads, a tenant and its app. All clients
	// of one host and account share one limit, whatever systems they belong to.
	// "" is the host's one customer. Only a digest of it is kept.
	Account string

	Timeout  time.Duration // of one attempt, its body included; 0 means 30 s
	Attempts int           // at most, the first included; 0 means 5
	MaxWait  time.Duration // longest wait the server may ask for; 0 means 2 min
	MaxBody  int64         // bytes of an answer; 0 means 64 MiB

	// FileHosts are the hosts besides BaseURL's own that Download may fetch
	// from, without credentials: a name, or ".example.com" for all below it.
	FileHosts []string

	// Clock is for tests; nil means Wall.
	Clock Clock

	// Transport replaces the network, for tests. The check of resolved
	// addresses belongs to the network and is then not made, and the limit is the
	// system's own.
	Transport http.RoundTripper
}

// Client talks to one system. It is safe for concurrent use.
type Client struct {
	base   *url.URL
	auth   Auth
	http   *http.Client // follows nothing
	limit  *limiter
	o      Options
	closer func()
}

// Request is one call.
type Request struct {
	Op     string // what it is called in errors: "tickets.list"; never a value
	Method string // "" means GET
	Path   string // below BaseURL, as Join makes it
	Query  url.Values
	Body   any        // sent as JSON; nil for none
	Form   url.Values // sent as a form instead of Body
	Header map[string]string

	// Repeat says that doing it twice is doing it once, so that it may be
	// repeated when the outcome is unknown. GET, HEAD and DELETE always may.
	Repeat bool
}

// Response is what is known of an answer besides its body.
type Response struct {
	Status int
	Header http.Header
	Date   time.Time // the server's clock; zero when it does not say

	// Reason is the vendor's own code of a refusal ("RecordInvalid"): a word
	// without blanks from error, code or type of the body, "" when there is none.
	// The rest of the body is the vendor's text and may quote what was sent.
	Reason string

	// Repeated says that an earlier attempt may have been carried out: not
	// found after a DELETE then means that it was.
	Repeated bool
}

// Join makes a path of segments, each escaped: an id never adds a segment.
// It returns gallra.ErrInvalid for an empty segment, "." and "..", which a
// server would read as another address.
func Join(segments ...string) (string, error) {
	var b strings.Builder
	for _, s := range segments {
		if s == "" || s == "." || s == ".." {
			return "", gallra.Errorf(gallra.Invalid, "rest.path")
		}
		b.WriteString("/" + url.PathEscape(s))
	}
	return b.String(), nil
}

// New returns a client. gallra.ErrInvalid when the address, the authorities or
// the credentials cannot be used; gallra.ErrBlocked for an address of this
// machine, of its own network segment or of a cloud's metadata service.
func New(o Options) (*Client, error) {
	base, err := parseBase(o)
	if err != nil {
		return nil, err
	}
	if o.Auth.header == "" {
		return nil, gallra.Errorf(gallra.Invalid, "rest.credentials_missing")
	}
	o.Timeout = or(o.Timeout, 30*time.Second)
	o.Attempts = or(o.Attempts, 5)
	o.MaxWait = or(o.MaxWait, 2*time.Minute)
	o.MaxBody = or(o.MaxBody, 64<<20)
	if o.Clock == nil {
		o.Clock = Wall{}
	}
	c := &Client{base: base, auth: o.Auth, o: o, limit: shared(account(base, o), o.Limit), closer: func() {}}
	rt := o.Transport
	if rt == nil {
		t, err := network(o)
		if err != nil {
			return nil, err
		}
		rt, c.closer = t, t.CloseIdleConnections
	}
	c.http = &http.Client{Transport: rt, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return c, nil
}

// account names what the vendor's limit is of.
func account(base *url.URL, o Options) string {
	if o.Transport != nil {
		return string(o.System)
	}
	host := strings.TrimSuffix(strings.ToLower(base.Host), ":443")
	if o.Account == "" {
		return host
	}
	sum := sha256.Sum256([]byte(o.Account))
	return host + "#" + hex.EncodeToString(sum[:8])
}

func or[T int | int64 | time.Duration](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}

func network(o Options) (*http.Transport, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(o.CA) > 0 {
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(o.CA) {
			return nil, gallra.Errorf(gallra.Invalid, "rest.ca")
		}
	}
	d := &net.Dialer{Timeout: 10 * time.Second, Control: guard(o.AllowLoopback)}
	// No proxy: the guard would see the proxy's address instead of the system's.
	return &http.Transport{DialContext: d.DialContext, TLSClientConfig: conf, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: 10 * time.Second, IdleConnTimeout: time.Minute, MaxIdleConnsPerHost: 8}, nil
}

// Close lets go of idle connections. It may be called twice.
func (c *Client) Close() error { c.closer(); return nil }

// Do makes the call and decodes the answer into out, which may be nil when the
// body does not matter. Waiting, for the limit or between attempts, ends with
// ctx, whose error is then returned.
//
// A refusal for haste (429) is repeated for every method, as nothing was done.
// Other failures of the server or the connection are repeated where the request
// allows it; where it does not, the key is "rest.outcome_unknown".
//
// Errors: gallra.ErrAuth (401), ErrPermission (403), ErrNotFound (404, 410),
// ErrConflict (409, 412), ErrInvalid (other 4xx), ErrDrift (an answer of another
// shape), ErrUnavailable (5xx, 429, lost or cut-off answers).
func (c *Client) Do(ctx context.Context, r Request, out any) (Response, error) {
	u, err := c.address(r)
	if err != nil {
		return Response{}, err
	}
	body, err := encode(r)
	if err != nil {
		return Response{}, err
	}
	return c.try(ctx, r, func(ctx context.Context) (Response, *failure) { return c.attempt(ctx, r, u, body, out) })
}

// try attempts a call as often as it may be.
func (c *Client) try(ctx context.Context, r Request, attempt func(context.Context) (Response, *failure)) (Response, error) {
	unsure, fresh := false, false
	for n := 1; ; n++ {
		if err := c.limit.wait(ctx, c.o.System, c.o.Clock); err != nil {
			return Response{}, err
		}
		within, cancel := context.WithTimeout(ctx, c.o.Timeout)
		resp, f := attempt(within)
		cancel()
		resp.Repeated = unsure
		if f == nil {
			return resp, nil
		}
		if err := ctx.Err(); err != nil {
			return resp, err
		}
		if f.expired && !fresh {
			fresh = true // once: a second refusal is about the credentials, not their age
			continue
		}
		unsure = unsure || f.passing && !f.refused
		if f.passing && !f.refused && !r.repeatable() {
			return resp, c.fail(gallra.Unavailable, "rest.outcome_unknown", r, resp.Status)
		}
		if !f.passing || n >= c.o.Attempts {
			return resp, f.err
		}
		wait := f.after
		if wait > c.o.MaxWait {
			return resp, f.err
		}
		if wait > 0 {
			if err := c.limit.pause(ctx, c.o.Clock.Now(), wait); err != nil {
				return resp, c.fail(gallra.Unavailable, "rest.limit_unknown", r, resp.Status)
			}
		}
		if err := c.o.Clock.Sleep(ctx, max(wait, backoff(n))); err != nil {
			return resp, err
		}
	}
}

// backoff returns between half and the whole of 0.5, 1, 2 … 30 seconds, so that
// workers that failed together do not come back together.
func backoff(n int) time.Duration {
	d := min(500*time.Millisecond<<min(n-1, 10), 30*time.Second)
	return d/2 + rand.N(d/2)
}

func (r Request) method() string {
	if r.Method == "" {
		return http.MethodGet
	}
	return r.Method
}

func (r Request) repeatable() bool {
	switch r.method() {
	case http.MethodGet, http.MethodHead, http.MethodDelete:
		return true
	}
	return r.Repeat
}

// payload is the body of a request and what it is.
type payload struct {
	bytes []byte
	kind  string
}

func encode(r Request) (payload, error) {
	switch {
	case r.Form != nil:
		return payload{[]byte(r.Form.Encode()), "application/x-www-form-urlencoded"}, nil
	case r.Body == nil:
		return payload{}, nil
	}
	b, err := json.Marshal(r.Body)
	if err != nil { // its text may quote the value
		return payload{}, gallra.Errorf(gallra.Internal, "rest.encode", "op", r.Op)
	}
	return payload{b, "application/json"}, nil
}

// failure is why an attempt failed, and what may be done about it.
type failure struct {
	err     error
	refused bool          // nothing was done
	passing bool          // it may go better the next time
	expired bool          // with a new token it may go better
	after   time.Duration // the wait that the server asks for
}

// address returns where a request goes.
func (c *Client) address(r Request) (*url.URL, error) {
	u := *c.base
	raw := c.base.EscapedPath() + r.Path
	path, err := url.PathUnescape(raw)
	if err != nil {
		return nil, gallra.Errorf(gallra.Invalid, "rest.path")
	}
	u.Path, u.RawPath, u.RawQuery = path, raw, r.Query.Encode()
	return &u, nil
}

func (c *Client) attempt(ctx context.Context, r Request, u *url.URL, body payload, out any) (Response, *failure) {
	shown, f := c.credentials(ctx, "")
	if f != nil {
		return Response{}, f
	}
	res, f := c.send(ctx, r, u, body, shown)
	if f != nil {
		return Response{}, f
	}
	defer res.Body.Close()
	resp := response(res)
	if resp.Status < 200 || resp.Status > 299 {
		resp.Reason = reason(res.Body)
		f := c.refusal(r, resp)
		if resp.Status == http.StatusUnauthorized && c.auth.tokens != nil {
			if _, again := c.credentials(ctx, shown); again != nil {
				return resp, again
			}
			f.expired = true
		}
		return resp, f
	}
	return resp, c.decode(r, res, out)
}

// send makes one exchange. The caller closes the body.
func (c *Client) send(ctx context.Context, r Request, u *url.URL, body payload, credentials string) (*http.Response, *failure) {
	var b io.Reader
	if body.bytes != nil {
		b = bytes.NewReader(body.bytes)
	}
	req, err := http.NewRequestWithContext(ctx, r.method(), u.String(), b)
	if err != nil {
		return nil, &failure{err: gallra.Errorf(gallra.Invalid, "rest.path")}
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "gallra")
	for k, v := range r.Header {
		req.Header.Set(k, v)
	}
	if credentials != "" {
		req.Header.Set(c.auth.header, credentials)
	}
	if body.kind != "" {
		req.Header.Set("Content-Type", body.kind)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, c.lost(r, err)
	}
	return res, nil
}

func response(res *http.Response) Response {
	resp := Response{Status: res.StatusCode, Header: res.Header}
	resp.Date, _ = http.ParseTime(res.Header.Get("Date"))
	return resp
}

var codeWord = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,63}$`)

// reason reads a little of a refusal, so that the connection can be used again,
// and takes the vendor's code from it.
func reason(body io.Reader) string {
	b, _ := io.ReadAll(io.LimitReader(body, 64<<10))
	var doc any
	if json.Unmarshal(b, &doc) != nil {
		return ""
	}
	var look func(v any, deep int) string
	look = func(v any, deep int) string {
		switch x := v.(type) {
		case string:
			if codeWord.MatchString(x) {
				return x
			}
		case []any:
			if len(x) > 0 && deep > 0 {
				return look(x[0], deep-1)
			}
		case map[string]any:
			for _, k := range []string{"code", "error", "errors", "type"} {
				if x[k] != nil && deep > 0 {
					if s := look(x[k], deep-1); s != "" {
						return s
					}
				}
			}
		}
		return ""
	}
	if m, ok := doc.(map[string]any); ok {
		return look(m, 3)
	}
	return ""
}

// lost classes a request without an answer. The cause is left out: net/http
// quotes the whole address in it.
func (c *Client) lost(r Request, err error) *failure {
	var cert *tls.CertificateVerificationError
	var timed net.Error
	switch {
	case errors.Is(err, errRefusedAddress):
		return &failure{err: c.fail(gallra.Blocked, "rest.address_refused", r, 0)}
	case errors.As(err, &cert):
		return &failure{err: c.fail(gallra.Unavailable, "rest.certificate", r, 0)}
	case errors.As(err, &timed) && timed.Timeout():
		return &failure{passing: true, err: c.fail(gallra.Unavailable, "rest.timeout", r, 0)}
	}
	return &failure{passing: true, err: c.fail(gallra.Unavailable, "rest.connection", r, 0)}
}

func (c *Client) refusal(r Request, resp Response) *failure {
	code, key := gallra.Invalid, "rest.refused"
	f := &failure{}
	switch s := resp.Status; {
	case s == http.StatusTooManyRequests:
		code, key = gallra.Unavailable, "rest.too_many"
		f.refused, f.passing, f.after = true, true, retryAfter(resp)
	case s == http.StatusUnauthorized:
		code, key = gallra.Unauthorize, "rest.auth"
	case s == http.StatusForbidden:
		code, key = gallra.Forbidden, "rest.permission"
	case s == http.StatusNotFound, s == http.StatusGone:
		code, key = gallra.NotFound, "rest.not_found"
	case s == http.StatusConflict, s == http.StatusPreconditionFailed:
		code, key = gallra.Conflict, "rest.conflict"
	case s == http.StatusRequestTimeout, s >= 500:
		code, key = gallra.Unavailable, "rest.server"
		f.passing, f.after = true, retryAfter(resp)
	case s < 400:
		code, key = gallra.Drift, "rest.redirect"
	}
	f.err = c.fail(code, key, r, resp.Status)
	return f
}

// retryAfter reads the wait asked for. A date is measured against the server's
// own clock where it shows it, so that a clock that is wrong here does no harm.
func retryAfter(resp Response) time.Duration {
	v := strings.TrimSpace(resp.Header.Get("Retry-After"))
	if n, err := strconv.Atoi(v); err == nil {
		if n < 0 {
			return 0
		}
		return time.Duration(min(n, 1<<30)) * time.Second
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	now := resp.Date
	if now.IsZero() {
		now = time.Now()
	}
	return max(at.Sub(now), 0)
}

func (c *Client) decode(r Request, res *http.Response, out any) *failure {
	b, err := io.ReadAll(io.LimitReader(res.Body, c.o.MaxBody+1))
	if err != nil {
		return &failure{passing: true, err: c.fail(gallra.Unavailable, "rest.truncated", r, res.StatusCode)}
	}
	if int64(len(b)) > c.o.MaxBody {
		return &failure{err: c.fail(gallra.Drift, "rest.too_large", r, res.StatusCode)}
	}
	if out == nil {
		return nil
	}
	kind, _, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" && !strings.HasSuffix(kind, "+json") {
		return &failure{err: c.fail(gallra.Drift, "rest.not_json", r, res.StatusCode)}
	}
	if err := json.Unmarshal(b, out); err == nil {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	var whole json.RawMessage
	if err := dec.Decode(&whole); errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return &failure{passing: true, err: c.fail(gallra.Unavailable, "rest.truncated", r, res.StatusCode)}
	} else if err != nil || dec.More() {
		return &failure{err: c.fail(gallra.Drift, "rest.not_json", r, res.StatusCode)}
	}
	return &failure{err: c.fail(gallra.Drift, "rest.shape", r, res.StatusCode)}
}

func (c *Client) fail(code gallra.Code, key string, r Request, status int) error {
	return gallra.Errorf(code, key, "system", string(c.o.System), "op", r.Op, "method", r.method(), "status", strconv.Itoa(status))
}
