// Package api is the JSON API of gallring and of requests: what the page and the
// command line can do with rules, plans, runs, holds, tasks, letters, statistics,
// documents and people's requests, a program can do with a token. A token acts in its account's name and may what
// its role may (internal/auth); the work is done by the same packages.
//
// One table, routes, says what there is; it serves the requests and, at
// /api/v1/openapi.json, describes them (OpenAPI 3.0). Addresses hold ids only,
// never a personal value.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/config"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/guard"
	"github.com/gallra/gallra/internal/i18n"
	"github.com/gallra/gallra/internal/pdf"
	"github.com/gallra/gallra/internal/report"
	"github.com/gallra/gallra/internal/request"
	"github.com/gallra/gallra/internal/retention"
	"github.com/gallra/gallra/internal/store"
)

// Base is where the API stands.
const Base = "/api/v1"

// Options are what the API is built on; all but Requests, Maker, SaveConfig, PDF
// and Log are required.
type Options struct {
	DB         *store.DB
	Auth       *auth.Auth
	Evidence   *evidence.Log
	Retention  *retention.Engine
	Guard      *guard.Guard
	Requests   *request.Desk
	Maker      func(context.Context) (report.Maker, error)   // reads the systems for packages; nil: there are none
	Config     func(context.Context) (*config.Config, error) // gallra.yaml as it is now
	SaveConfig func(context.Context, *config.Config) error   // writes it; nil: rules are read only
	Open       func(ctx context.Context, id gallra.SystemID) (connector.Source, error)
	Queue      func(ctx context.Context, workID string) error // hands a waiting work to the workers
	PDF        *pdf.Printer
	Log        *slog.Logger
}

type server struct {
	Options
	failures failures
}

// New returns the API.
func New(o Options) http.Handler {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &server{Options: o}
	mux := http.NewServeMux()
	for _, rt := range routes {
		mux.Handle(rt.method+" "+Base+rt.path, s.serve(rt))
	}
	mux.Handle(Base+"/", s.serve(route{open: true, serve: func(*call) (any, error) { return nil, gallra.Errorf(gallra.NotFound, "api.no_route") }}))
	return mux
}

// maxBody is the largest body a request may have, in bytes.
const maxBody = 1 << 20

// call is one request being answered.
type call struct {
	*server
	w       http.ResponseWriter
	r       *http.Request
	account auth.Account
	print   *i18n.Printer
	status  int // of a good answer; 0: 200
}

func (c *call) ctx() context.Context { return c.r.Context() }

// file is an answer that is not JSON.
type file struct {
	name, mediaType string
	body            []byte
}

func (s *server) serve(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{server: s, w: w, r: r, print: i18n.For(i18n.Negotiate(r.Header.Get("Accept-Language")))}
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		if !rt.open {
			if err := c.identify(rt.may); err != nil {
				c.fail(err)
				return
			}
		}
		out, err := rt.serve(c)
		if err != nil {
			c.fail(err)
			return
		}
		c.answer(out)
	})
}

// identify finds out who asks. Refused tokens from one address are counted, and
// more of them must wait (REQUIREMENTS X-6); a good one never waits for those
// that come from the same address.
func (c *call) identify(may auth.Permission) error {
	scheme, secret, _ := strings.Cut(c.r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		secret = ""
	}
	var err error
	c.account, err = c.Auth.Bearer(c.ctx(), strings.TrimSpace(secret))
	switch {
	case gallra.CodeOf(err) == gallra.Unauthorize:
		from, _, serr := net.SplitHostPort(c.r.RemoteAddr)
		if serr != nil {
			from = c.r.RemoteAddr
		}
		if wait := c.failures.add(from, c.DB.Now()); wait > 0 {
			c.w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())+1))
			return errTooMany
		}
		c.w.Header().Set("WWW-Authenticate", `Bearer realm="gallra"`)
		return err
	case err != nil:
		return err
	case !c.account.Can(may):
		return gallra.Errorf(gallra.Forbidden, "web.forbidden")
	}
	return nil
}

var errTooMany = gallra.Errorf(gallra.Unauthorize, "api.too_many")

// The failures one address may have within a window before it must wait.
const (
	failuresMost   = 10
	failuresWithin = time.Minute
	addressesMost  = 10_000 // remembered at once
)

// failures counts refused tokens by address. The zero value is ready to use.
type failures struct {
	mu   sync.Mutex
	from map[string][]time.Time
}

// add counts a failure and returns how long the address has to wait; 0 when it
// may try again. A failure while it waits prolongs nothing.
func (f *failures) add(from string, now time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := recent(f.from[from], now)
	if len(list) >= failuresMost {
		return failuresWithin - now.Sub(list[0])
	}
	if f.from == nil || len(f.from) >= addressesMost { // forgetting is safer than filling the memory
		f.from = map[string][]time.Time{}
	}
	f.from[from] = append(list, now)
	return 0
}

func recent(list []time.Time, now time.Time) []time.Time {
	for len(list) > 0 && now.Sub(list[0]) >= failuresWithin {
		list = list[1:]
	}
	return list
}

// Problem is the answer to a request that could not be met.
type Problem struct {
	Code string `json:"code"` // of gallra.Code: what kind of problem
	Key  string `json:"key"`  // which one, the same in every language
	Text string `json:"text"` // for people, in the language of Accept-Language
}

var statuses = map[gallra.Code]int{
	gallra.Invalid: http.StatusUnprocessableEntity, gallra.NotFound: http.StatusNotFound, gallra.Conflict: http.StatusConflict, gallra.Unauthorize: http.StatusUnauthorized,
	gallra.Forbidden: http.StatusForbidden, gallra.Unavailable: http.StatusServiceUnavailable, gallra.Blocked: http.StatusConflict, gallra.Drift: http.StatusConflict, gallra.Unsupported: http.StatusUnprocessableEntity,
}

// Status returns the HTTP status of an error, for the page and the API alike.
func Status(err error) int {
	if errors.Is(err, errTooMany) {
		return http.StatusTooManyRequests
	}
	if s, ok := statuses[gallra.CodeOf(err)]; ok {
		return s
	}
	return http.StatusInternalServerError
}

func (c *call) fail(err error) {
	if c.ctx().Err() != nil {
		return // the reader has gone
	}
	status := Status(err)
	p := Problem{Code: string(gallra.CodeOf(err)), Text: c.print.Error(err)}
	var e *gallra.Error
	if errors.As(err, &e) {
		p.Key = e.Key
	}
	if status == http.StatusInternalServerError {
		c.Log.LogAttrs(c.ctx(), slog.LevelError, "request failed", slog.String("route", c.r.Pattern), slog.Any("error", err))
		p.Code, p.Key = string(gallra.Internal), "internal"
	}
	c.status = status
	c.answer(p)
}

func (c *call) answer(out any) {
	if _, ok := out.(*stream); ok {
		return // it is sent
	}
	if f, ok := out.(file); ok {
		c.w.Header().Set("Content-Type", f.mediaType)
		c.w.Header().Set("Content-Disposition", `attachment; filename="`+f.name+`"`)
		_, _ = c.w.Write(f.body) // the reader may have gone
		return
	}
	if out == nil {
		c.w.WriteHeader(http.StatusNoContent)
		return
	}
	b, err := json.Marshal(out)
	if err != nil {
		http.Error(c.w, "500", http.StatusInternalServerError)
		return
	}
	c.w.Header().Set("Content-Type", "application/json")
	c.w.Header().Set("Content-Language", string(c.print.Lang()))
	if c.status != 0 {
		c.w.WriteHeader(c.status)
	}
	_, _ = c.w.Write(append(b, '\n')) // the reader may have gone
}

// body reads the request's JSON into v; what v does not know is refused.
func (c *call) body(v any) error {
	d := json.NewDecoder(c.r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return gallra.Errorf(gallra.Invalid, "api.body")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return gallra.Errorf(gallra.Invalid, "api.body")
	}
	return nil
}
