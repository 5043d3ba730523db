// Package resttest is what the tests of connectors to APIs share. It makes the
// network fail in the ways networks do, so that they can show that nothing is
// lost or done twice, and it has the parts of a stateful fake of a vendor: a
// clock, a contract, quotas, jobs, an index that lags, tokens.
package resttest

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// Fault is one way to fail.
type Fault int

// The faults.
const (
	None      Fault = iota
	Timeout         // no answer; nothing was done
	Server          // 503; nothing was done
	Hasty           // 429 with Retry-After: 2; nothing was done
	Truncated       // it was done; half the answer arrives
	Repeated        // a GET for a further page is answered with the page before it
	Nothing         // a change is answered with 200 and {}, and was not done
	Lost            // it was done; the connection breaks before the answer
	Skewed          // the server's clock is a day ahead
)

// Faults returns every fault.
func Faults() []Fault {
	return []Fault{Timeout, Server, Hasty, Truncated, Repeated, Nothing, Lost, Skewed}
}

// Faulty passes requests on to Next, spoilt as Choose says; nil spoils none. It
// is safe for concurrent use.
type Faulty struct {
	Next   http.RoundTripper
	Choose func(*http.Request) Fault

	mu     sync.Mutex
	before map[string]answer
}

type answer struct {
	header http.Header
	status int
	body   []byte
}

// Random returns a choice that spoils about one request in n, the same for the
// same seed, and never two in a row: a client that tries twice gets through.
func Random(seed uint64, n int) func(*http.Request) Fault {
	var mu sync.Mutex
	r := rand.New(rand.NewPCG(seed, 1))
	spoilt := false
	return func(*http.Request) Fault {
		mu.Lock()
		defer mu.Unlock()
		if spoilt = !spoilt && r.IntN(n) == 0; !spoilt {
			return None
		}
		return Faults()[r.IntN(len(Faults()))]
	}
}

// Spoil spoils about one request in n from now on, as Random does, until stop,
// which tells how many were.
func (f *Faulty) Spoil(seed uint64, n int) (stop func() int) {
	choose, count := Random(seed, n), 0
	f.choose(func(r *http.Request) Fault {
		fault := choose(r)
		if fault != None {
			f.mu.Lock()
			count++
			f.mu.Unlock()
		}
		return fault
	})
	return func() int {
		f.choose(nil)
		f.mu.Lock()
		defer f.mu.Unlock()
		return count
	}
}

func (f *Faulty) choose(c func(*http.Request) Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Choose, f.before = c, nil
}

type timeout struct{}

func (timeout) Error() string   { return "resttest: no answer in time" }
func (timeout) Timeout() bool   { return true }
func (timeout) Temporary() bool { return true }

// RoundTrip implements http.RoundTripper.
func (f *Faulty) RoundTrip(req *http.Request) (*http.Response, error) {
	f.mu.Lock()
	choose := f.Choose
	f.mu.Unlock()
	fault := None
	if choose != nil {
		fault = choose(req)
	}
	undone := func(status int, body string) (*http.Response, error) {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		h := http.Header{"Content-Type": {"application/json"}}
		if status == http.StatusTooManyRequests {
			h.Set("Retry-After", "2")
		}
		return answer{h, status, []byte(body)}.response(req), nil
	}
	read := req.Method == http.MethodGet
	switch {
	case fault == Timeout:
		_, _ = undone(0, "")
		return nil, timeout{}
	case fault == Server:
		return undone(http.StatusServiceUnavailable, "{}")
	case fault == Hasty:
		return undone(http.StatusTooManyRequests, "{}")
	case fault == Nothing && !read:
		return undone(http.StatusOK, "{}")
	}
	res, err := f.Next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil {
		return nil, err
	}
	a := answer{res.Header, res.StatusCode, b}
	f.mu.Lock()
	listing, further := page(req.URL)
	old, known := f.before[listing]
	if read {
		if f.before == nil {
			f.before = map[string]answer{}
		}
		f.before[listing] = a
	}
	f.mu.Unlock()
	switch fault {
	case Repeated:
		if read && known && further {
			a = old
		}
	case Lost:
		return nil, errors.New("resttest: connection lost")
	case Skewed:
		a.header = a.header.Clone()
		a.header.Set("Date", time.Now().UTC().Add(24*time.Hour).Format(http.TimeFormat))
	case Truncated:
		res := a.response(req)
		res.Body = io.NopCloser(io.MultiReader(bytes.NewReader(b[:len(b)/2]), broken{}))
		return res, nil
	}
	return a.response(req), nil
}

// pageParams are the parameters that ask for a further page.
var pageParams = []string{"page[after]", "page", "cursor", "after", "after_cursor", "starting_after", "pageKey", "pageToken", "offset", "$skip", "$skiptoken"}

// page returns what a page is one of, and whether it is not the first.
func page(u *url.URL) (listing string, further bool) {
	q := u.Query()
	for _, p := range pageParams {
		if v := q.Get(p); v != "" && v != "0" && v != "1" {
			further = true
		}
		q.Del(p)
	}
	return u.Path + "?" + q.Encode(), further
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func (a answer) response(req *http.Request) *http.Response {
	return &http.Response{StatusCode: a.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: a.header,
		Body: io.NopCloser(bytes.NewReader(a.body)), ContentLength: int64(len(a.body)), Request: req}
}
