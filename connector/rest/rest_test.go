package rest_test

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector/rest"
	"github.com/gallra/gallra/connector/rest/resttest"
)

// local answers requests in the process, so that time can be the test's own.
type local struct{ http.Handler }

func (l local) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	l.ServeHTTP(w, r)
	return w.Result(), nil
}

// systems numbers the systems: a system's limit outlives the clock of a test.
var systems atomic.Int64

func system() gallra.SystemID { return gallra.SystemID(fmt.Sprint("desk-", systems.Add(1))) }

func client(t *testing.T, h http.HandlerFunc, change ...func(*rest.Options)) *rest.Client {
	t.Helper()
	o := rest.Options{System: system(), BaseURL: "https://desk.example.se/api", Auth: rest.Bearer("hemlig-token"), Transport: local{h}}
	for _, f := range change {
		f(&o)
	}
	c, err := rest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func TestStatusBecomesCode(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]gallra.Code{
		301: gallra.Drift, 400: gallra.Invalid, 401: gallra.Unauthorize, 403: gallra.Forbidden, 404: gallra.NotFound, 408: gallra.Unavailable,
		409: gallra.Conflict, 410: gallra.NotFound, 412: gallra.Conflict, 422: gallra.Invalid, 429: gallra.Unavailable, 500: gallra.Unavailable, 503: gallra.Unavailable,
	} {
		synctest.Test(t, func(t *testing.T) {
			_, err := client(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, status, "{}") }).Do(t.Context(), rest.Request{Op: "x"}, nil)
			if got := gallra.CodeOf(err); got != want {
				t.Errorf("%d: %q, want %q", status, got, want)
			}
		})
	}
}

// A body that is not a whole JSON value of the right shape is never an empty page.
func TestBodyIsBelievedOnlyWhole(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kind, body string
		want       *gallra.Error
	}{
		"cut off":       {"application/json", `{"tickets":[{"id":1},`, gallra.ErrUnavailable},
		"empty":         {"application/json", ``, gallra.ErrUnavailable},
		"login page":    {"text/html", `<html>`, gallra.ErrDrift},
		"html as json":  {"application/json", `<html>`, gallra.ErrDrift},
		"two values":    {"application/json", `{"tickets":[]}{"tickets":[]}`, gallra.ErrDrift},
		"no list":       {"application/json", `{}`, gallra.ErrDrift},
		"list is null":  {"application/json", `{"tickets":null,"meta":{"has_more":false}}`, gallra.ErrDrift},
		"null":          {"application/json", `null`, gallra.ErrDrift},
		"array":         {"application/json", `[]`, gallra.ErrDrift},
		"more, nowhere": {"application/json", `{"tickets":[],"meta":{"has_more":true}}`, gallra.ErrDrift},
		"does not say":  {"application/json", `{"tickets":[]}`, gallra.ErrDrift},
		"no media type": {"", `{"tickets":[]}`, gallra.ErrDrift},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cl := client(t, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Type", c.kind)
					_, _ = io.WriteString(w, c.body)
				})
				_, err := cl.Page(t.Context(), rest.Request{Op: "tickets.list"}, byCursor, "")
				if !errors.Is(err, c.want) {
					t.Errorf("%v, want %q", err, c.want.Code)
				}
			})
		})
	}
}

var byCursor = rest.Paging{Items: "tickets", Cursor: "meta.after", More: "meta.has_more", Param: "page[after]"}

// pages follows a listing to its end and returns the items.
func pages(t *testing.T, c *rest.Client, r rest.Request, p rest.Paging) (string, error) {
	t.Helper()
	var got []string
	cursor := ""
	for range 20 {
		page, err := c.Page(t.Context(), r, p, cursor)
		if err != nil {
			return strings.Join(got, " "), err
		}
		for _, i := range page.Items {
			got = append(got, string(i))
		}
		if cursor = page.Next; cursor == "" {
			return strings.Join(got, " "), nil
		}
		if strings.Contains(cursor, "anna") {
			t.Errorf("the cursor holds the search words")
		}
	}
	return "", errors.New("does not end")
}

func TestX1_PagesInThreeWaysAndNoSearchWordInACursor(t *testing.T) {
	t.Parallel()
	r := rest.Request{Op: "tickets.list", Path: "/tickets", Query: url.Values{"query": {"anna@example.se"}}}
	handler := func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if q.Get("query") != "anna@example.se" || r.URL.Path != "/api/tickets" || r.Header.Get("Authorization") != "Bearer hemlig-token" {
			answer(w, 400, "{}")
			return
		}
		n := max(len(q.Get("page[after]")), len(q.Get("at"))) // one letter a page
		if p := q.Get("page"); p != "" {
			n = int(p[0] - '1')
		}
		body := [][]string{{"1", "2"}, {"3", "4"}, {"5"}}[n]
		next, link := strings.Repeat("x", n+1), "null"
		if n < 2 {
			link = fmt.Sprintf("%q", "https://desk.example.se/api/tickets?query=anna%40example.se&at="+next)
		}
		answer(w, 200, fmt.Sprintf(`{"tickets":[%s],"meta":{"after":%q,"has_more":%v},"next":%s}`, strings.Join(body, ","), next, n < 2, link))
	}
	for name, p := range map[string]rest.Paging{
		"cursor": byCursor, "link": {Items: "tickets", Link: "next", Carry: []string{"at"}}, "number": {Items: "tickets", Param: "page", Size: 2},
	} {
		got, err := pages(t, client(t, handler), r, p)
		if err != nil || got != "1 2 3 4 5" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if name == "cursor" {
			continue // any text may be one
		}
		if _, err := client(t, handler).Page(t.Context(), r, p, "\x00 none"); !errors.Is(err, gallra.ErrInvalid) {
			t.Errorf("%s: a cursor that is none: %v", name, err)
		}
	}
}

func TestLinkThatLeadsAstrayIsDrift(t *testing.T) {
	t.Parallel()
	for _, link := range []string{"https://elsewhere.example/api/tickets?at=x", "http://desk.example.se/api/tickets?at=x",
		"https://desk.example.se/api/users?at=x", "https://desk.example.se/api/tickets?other=x", "https://desk.example.se:444/api/tickets?at=x", "%zz"} {
		c := client(t, func(w http.ResponseWriter, _ *http.Request) {
			answer(w, 200, fmt.Sprintf(`{"tickets":[1],"next":%q}`, link))
		})
		if _, err := c.Page(t.Context(), rest.Request{Op: "x", Path: "/tickets"}, rest.Paging{Items: "tickets", Link: "next", Carry: []string{"at"}}, ""); !errors.Is(err, gallra.ErrDrift) {
			t.Errorf("%s: %v", link, err)
		}
	}
}

func TestPageThatRepeatsItselfIsDrift(t *testing.T) {
	t.Parallel()
	c := client(t, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 200, `{"tickets":[1],"meta":{"after":"same","has_more":true}}`)
	})
	if got, err := pages(t, c, rest.Request{Op: "x"}, byCursor); !errors.Is(err, gallra.ErrDrift) || got != "1" {
		t.Errorf("%q, %v", got, err)
	}
}

// What may be repeated is, and nothing else: the count is the server's own.
func TestG6_WhatIsRepeatedAfterEachFault(t *testing.T) {
	t.Parallel()
	const unknown = "rest.outcome_unknown"
	for _, c := range []struct {
		method   string
		repeat   bool
		fault    resttest.Fault
		done     int
		key      string
		repeated bool
	}{
		{"GET", false, resttest.Lost, 2, "", true},
		{"GET", false, resttest.Truncated, 2, "", true},
		{"GET", false, resttest.Server, 1, "", true},
		{"GET", false, resttest.Timeout, 1, "", true},
		{"GET", false, resttest.Hasty, 1, "", false},
		{"DELETE", false, resttest.Lost, 2, "rest.not_found", true},
		{"DELETE", false, resttest.Server, 1, "", true},
		{"POST", false, resttest.Lost, 1, unknown, false},
		{"POST", false, resttest.Truncated, 1, unknown, false},
		{"POST", false, resttest.Timeout, 0, unknown, false},
		{"POST", false, resttest.Server, 0, unknown, false},
		{"POST", false, resttest.Hasty, 1, "", false},
		{"POST", true, resttest.Lost, 2, "", true},
		{"PUT", false, resttest.Lost, 1, unknown, false},
		{"PUT", true, resttest.Server, 1, "", true},
		{"PUT", false, resttest.Nothing, 0, "rest.shape", false},
	} {
		t.Run(fmt.Sprint(c.method, c.repeat, c.fault), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				done, first := 0, true
				cl := client(t, nil, func(o *rest.Options) {
					o.Transport = &resttest.Faulty{Next: local{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						if done++; r.Method == "DELETE" && done > 1 {
							answer(w, 404, "{}")
							return
						}
						b, _ := io.ReadAll(r.Body)
						if r.Method != "GET" && r.Method != "DELETE" && string(b) != `{"a":1}` {
							t.Errorf("attempt %d sends another body", done)
						}
						answer(w, 200, `{"tickets":[],"meta":{"has_more":false}}`)
					})}, Choose: func(*http.Request) resttest.Fault {
						if !first {
							return resttest.None
						}
						first = false
						return c.fault
					}}
				})
				r := rest.Request{Op: "x", Method: c.method, Repeat: c.repeat}
				if c.method == "POST" || c.method == "PUT" {
					r.Body = map[string]int{"a": 1}
				}
				page, err := cl.Page(t.Context(), r, byCursor, "")
				var e *gallra.Error
				key := ""
				if errors.As(err, &e) {
					key = e.Key
				}
				if done != c.done || key != c.key || page.Repeated != c.repeated {
					t.Errorf("done %d times, %q, repeated %v; want %d, %q, %v", done, key, page.Repeated, c.done, c.key, c.repeated)
				}
			})
		})
	}
}

func TestRetryAfterHoldsEveryWorkerBack(t *testing.T) {
	t.Parallel()
	for _, form := range []string{"seconds", "date", "date of a server whose clock is a day ahead"} {
		name := system()
		same := func(o *rest.Options) { o.System = name }
		synctest.Test(t, func(t *testing.T) {
			start, asked := time.Now(), false
			var mu sync.Mutex
			var at []time.Duration
			h := func(w http.ResponseWriter, _ *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				if !asked {
					asked = true
					w.Header().Set("Retry-After", "60")
					switch form {
					case "date":
						w.Header().Set("Retry-After", time.Now().UTC().Add(time.Minute).Format(http.TimeFormat))
					case "date of a server whose clock is a day ahead":
						there := time.Now().UTC().Add(24 * time.Hour)
						w.Header().Set("Date", there.Format(http.TimeFormat))
						w.Header().Set("Retry-After", there.Add(time.Minute).Format(http.TimeFormat))
					}
					answer(w, 429, "{}")
					return
				}
				at = append(at, time.Since(start))
				answer(w, 200, "{}")
			}
			one, other := client(t, h, same), client(t, h, same)
			var wg sync.WaitGroup
			wg.Go(func() {
				if _, err := one.Do(t.Context(), rest.Request{Op: "x"}, nil); err != nil {
					t.Errorf("%s: %v", form, err)
				}
			})
			synctest.Wait()
			wg.Go(func() {
				if _, err := other.Do(t.Context(), rest.Request{Op: "x"}, nil); err != nil {
					t.Errorf("%s: %v", form, err)
				}
			})
			wg.Wait()
			if len(at) != 2 || at[0] < time.Minute || at[1] > 62*time.Second {
				t.Errorf("%s: served after %v", form, at)
			}
		})
	}
}

func TestLongRetryAfterIsGivenBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		_, err := client(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "86400")
			answer(w, 429, "{}")
		}).Do(t.Context(), rest.Request{Op: "x"}, nil)
		if !errors.Is(err, gallra.ErrUnavailable) || time.Since(start) > 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

func TestLimitIsSharedByAllWorkersOfASystem(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start, served := time.Now(), 0
		var mu sync.Mutex
		h := func(w http.ResponseWriter, _ *http.Request) {
			mu.Lock()
			served++
			mu.Unlock()
			answer(w, 200, "{}")
		}
		name := system()
		limit := func(o *rest.Options) { o.System, o.Limit = name, rest.Limit{Requests: 60, Per: time.Minute, Burst: 5} }
		var wg sync.WaitGroup
		for range 4 {
			c := client(t, h, limit)
			wg.Go(func() {
				for range 10 {
					if _, err := c.Do(t.Context(), rest.Request{Op: "x"}, nil); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		// 5 at once, then 55 a minute: never more than 60 in any minute.
		if d, want := time.Since(start), 35*(time.Minute/55); served != 40 || d != want {
			t.Errorf("%d calls in %v", served, d)
		}
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		_, err := client(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "60")
			answer(w, 503, "{}")
		}).Do(ctx, rest.Request{Op: "x"}, nil)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 3*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// Canaries in every place that an error could quote.
func TestX21_NothingPersonalOrSecretInErrors(t *testing.T) {
	t.Parallel()
	canaries := []string{"hemlig", "kanarie"}
	show := func(err error) {
		for e := err; e != nil; e = errors.Unwrap(e) {
			for _, c := range canaries {
				if s := strings.ToLower(fmt.Sprintf("%v %+v %#v", e, e, e)); strings.Contains(s, c) {
					t.Errorf("an error holds %s", c)
				}
			}
		}
	}
	faults := append(resttest.Faults(), resttest.None)
	for _, status := range []int{200, 302, 400, 401, 404, 409, 500} {
		for _, fault := range faults {
			synctest.Test(t, func(t *testing.T) {
				c := client(t, nil, func(o *rest.Options) {
					o.Transport = &resttest.Faulty{Choose: func(*http.Request) resttest.Fault { return fault },
						Next: local{http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
							w.Header().Set("Location", "https://kanarie.example/hemlig")
							answer(w, status, `{"tickets":"kanarie-hemlig"}`)
						})}}
				})
				for _, method := range []string{"GET", "POST"} {
					_, err := c.Page(t.Context(), rest.Request{Op: "x", Method: method, Path: "/kanarie", Query: url.Values{"q": {"kanarie"}}, Body: "kanarie"}, byCursor, "kanarie")
					if err == nil {
						t.Errorf("%d %v: no error", status, fault)
					}
					show(err)
				}
			})
		}
	}
	for _, base := range []string{"https://kanarie:hemlig@desk.example.se", "https://kanarie.example/?hemlig", "http://kanarie.example", "ftp://kanarie", "https://kanarie hemlig/"} {
		_, err := rest.New(rest.Options{BaseURL: base, Auth: rest.Bearer("hemlig")})
		if !errors.Is(err, gallra.ErrInvalid) {
			t.Errorf("%s: %v", base, err)
		}
		show(err)
	}
	_, err := client(t, nil).Do(t.Context(), rest.Request{Op: "x", Method: "POST", Body: map[string]any{"kanarie": func() {}}}, nil)
	show(err)
	for _, a := range []rest.Auth{rest.Bearer("hemlig"), rest.Basic("kanarie", "hemlig"), rest.Header("X-Key", "hemlig")} {
		show(fmt.Errorf("%v %+v %#v %s", a, a, a, a.LogValue()))
		show(fmt.Errorf("%+v", rest.Options{Auth: a}))
	}
}

func TestAddressesOfThisMachineAndOfCloudsAreRefused(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"127.0.0.1", "localhost", "LOCALHOST.", "x.localhost", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "[fe80::1]", "0.0.0.0", "[::]",
		"100.100.100.200", "168.63.129.16", "[fd00:ec2::254]", "[64:ff9b::a9fe:a9fe]", "224.0.0.1"} {
		_, err := rest.New(rest.Options{BaseURL: "https://" + host + "/x", Auth: rest.Bearer("t")})
		if !errors.Is(err, gallra.ErrBlocked) {
			t.Errorf("%s: %v", host, err)
		}
	}
	for address, want := range map[string]bool{"127.0.0.1:443": false, "[::1]:443": false, "169.254.169.254:80": false, "[fe80::1%eth0]:443": false,
		"[64:ff9b::7f00:1]:443": false, "192.0.2.7:443": true, "10.0.0.5:443": true, "[2001:db8::1]:443": true, "nonsense": false} {
		if got := rest.Guard(false)("tcp", address, nil) == nil; got != want {
			t.Errorf("dialling %s: allowed %v", address, got)
		}
	}
	if rest.Guard(true)("tcp", "127.0.0.1:443", nil) != nil || rest.Guard(true)("tcp", "169.254.169.254:80", nil) == nil {
		t.Error("allow_loopback allows loopback and that alone")
	}
	c := client(t, nil, func(o *rest.Options) { o.Transport = refusing{} })
	if _, err := c.Do(t.Context(), rest.Request{Op: "x", Method: "POST"}, nil); !errors.Is(err, gallra.ErrBlocked) {
		t.Errorf("a name that leads to a refused address: %v", err)
	}
	if _, err := rest.New(rest.Options{BaseURL: "https://desk.example.se"}); !errors.Is(err, gallra.ErrInvalid) {
		t.Errorf("without credentials: %v", err)
	}
}

type refusing struct{}

func (refusing) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, &net.OpError{Op: "dial", Err: rest.ErrRefusedAddress}
}

func TestTLSWithOwnAuthority(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer(w, 200, fmt.Sprintf(`{"path":%q,"user":%q}`, r.URL.EscapedPath(), r.Header.Get("X-Key")))
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // one handshake is meant to fail
	s.StartTLS()
	defer s.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	o := rest.Options{System: "tls", BaseURL: s.URL + "/api/", AllowLoopback: true, Auth: rest.Header("X-Key", "k"), CA: ca}
	c, err := rest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	path, err := rest.Join("users", "a/b ?#å")
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ Path, User string }
	if _, err := c.Do(t.Context(), rest.Request{Op: "x", Path: path}, &got); err != nil || got.User != "k" || got.Path != "/api/users/a%2Fb%20%3F%23%C3%A5" {
		t.Errorf("%+v, %v", got, err)
	}
	o.CA = nil
	c, err = rest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var e *gallra.Error
	if _, err := c.Do(t.Context(), rest.Request{Op: "x"}, nil); !errors.As(err, &e) || e.Key != "rest.certificate" {
		t.Errorf("an unknown authority: %v", err)
	}
	o.CA = []byte("no certificate")
	if _, err := rest.New(o); !errors.Is(err, gallra.ErrInvalid) {
		t.Errorf("authorities that are none: %v", err)
	}
	for _, bad := range []string{"", ".", ".."} {
		if _, err := rest.Join("users", bad); !errors.Is(err, gallra.ErrInvalid) {
			t.Errorf("segment %q: %v", bad, err)
		}
	}
}

func TestTooLargeAnswerIsRefused(t *testing.T) {
	t.Parallel()
	c := client(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, `{"a":"0123456789"}`) }, func(o *rest.Options) { o.MaxBody = 10 })
	if _, err := c.Do(t.Context(), rest.Request{Op: "x"}, nil); !errors.Is(err, gallra.ErrDrift) {
		t.Errorf("%v", err)
	}
}
