package resttest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Clock is a test's own time: it stands still but for Advance and Sleep. It
// implements rest.Clock, so that a wait a server asks for takes no time.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that shows at.
func NewClock(at time.Time) *Clock { return &Clock{now: at} }

// Now returns the time shown.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Sleep moves the clock instead of waiting.
func (c *Clock) Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.Advance(d)
	return nil
}

// Local answers requests in the process, without a network.
type Local struct{ Handler http.Handler }

// RoundTrip implements http.RoundTripper.
func (l Local) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	l.Handler.ServeHTTP(w, r)
	res := w.Result()
	res.Request = r
	return res, nil
}

// Write answers with a JSON document.
func Write(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("resttest: %v", err)) // a fake that cannot write its own answer is a mistake of the test
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b)
}

// Quota refuses what goes beyond a number of calls in a window of time, as
// vendors do: 429, and Retry-After until the window ends.
type Quota struct {
	Clock *Clock
	Calls int
	Per   time.Duration

	mu    sync.Mutex
	began time.Time
	n     int
}

// Refuse reports whether the call is beyond the quota, and has then answered it.
func (q *Quota) Refuse(w http.ResponseWriter) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.Clock.Now()
	if now.Sub(q.began) >= q.Per {
		q.began, q.n = now, 0
	}
	if q.n++; q.n <= q.Calls {
		return false
	}
	left := q.began.Add(q.Per).Sub(now)
	w.Header().Set("Retry-After", strconv.Itoa(int((left+time.Second-1)/time.Second)))
	Write(w, http.StatusTooManyRequests, map[string]string{"error": "too_many_requests"})
	return true
}

// Index is a search index that lags behind: what is put or taken out shows
// after Lag. It is safe for concurrent use.
type Index[T any] struct {
	Clock *Clock
	Lag   time.Duration

	mu    sync.Mutex
	shown map[string]T
	due   []change[T]
}

type change[T any] struct {
	at    time.Time
	id    string
	value *T
}

// Put sets the value of id.
func (x *Index[T]) Put(id string, v T) { x.add(id, &v) }

// Delete takes id out.
func (x *Index[T]) Delete(id string) { x.add(id, nil) }

func (x *Index[T]) add(id string, v *T) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.due = append(x.due, change[T]{x.Clock.Now().Add(x.Lag), id, v})
}

// Flush lets the index catch up at once.
func (x *Index[T]) Flush() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.apply(true)
}

func (x *Index[T]) apply(all bool) {
	now := x.Clock.Now()
	for len(x.due) > 0 && (all || !x.due[0].at.After(now)) {
		if x.shown == nil {
			x.shown = map[string]T{}
		}
		if d := x.due[0]; d.value == nil {
			delete(x.shown, d.id)
		} else {
			x.shown[d.id] = *d.value
		}
		x.due = x.due[1:]
	}
}

// Shown returns what a search sees now.
func (x *Index[T]) Shown() map[string]T {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.apply(false)
	return maps.Clone(x.shown)
}

// Everything returns what is shown and what is still to come, for a look at all
// that a system stores.
func (x *Index[T]) Everything() []T {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.apply(false)
	var out []T
	for _, k := range slices.Sorted(maps.Keys(x.shown)) {
		out = append(out, x.shown[k])
	}
	return out
}

// Jobs are works that a system has promised: they are done when the clock has
// passed their time. It is safe for concurrent use.
type Jobs struct {
	Clock *Clock
	Takes time.Duration

	mu   sync.Mutex
	jobs map[string]*job
	n    int
}

type job struct {
	due  time.Time
	do   func()
	done time.Time
}

// Start queues do and returns the job's id.
func (j *Jobs) Start(do func()) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.n++
	id := fmt.Sprintf("job-%d", j.n)
	if j.jobs == nil {
		j.jobs = map[string]*job{}
	}
	j.jobs[id] = &job{due: j.Clock.Now().Add(j.Takes), do: do}
	return id
}

// Run does what is due, in the order it was queued. A fake calls it before it
// answers anything.
func (j *Jobs) Run() {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := 1; i <= j.n; i++ {
		if b := j.jobs[fmt.Sprintf("job-%d", i)]; b != nil && b.done.IsZero() && !b.due.After(j.Clock.Now()) {
			b.do()
			b.done = b.due
		}
	}
}

// State returns when the job was done, zero while it is not; false when there
// is no such job.
func (j *Jobs) State(id string) (done time.Time, ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	b := j.jobs[id]
	if b == nil {
		return time.Time{}, false
	}
	return b.done, true
}

// Tokens is the token endpoint of a fake: it gives access tokens that last for
// Life to the client with the secret, and knows which are valid.
type Tokens struct {
	Clock    *Clock
	Life     time.Duration
	Client   string
	Secret   string
	Reader   string // the client or refresh token whose access tokens only read; optional
	mu       sync.Mutex
	given    map[string]time.Time
	Requests int
}

// ServeHTTP answers a token request (RFC 6749, sections 4.4 and 6).
func (t *Tokens) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.Requests++
	client := ""
	if r.ParseForm() == nil {
		client = r.PostForm.Get("client_id")
	}
	reads := t.Reader != "" && (client == t.Reader || r.PostForm.Get("refresh_token") == t.Reader)
	if client != t.Client && !reads || r.PostForm.Get("client_secret") != t.Secret {
		Write(w, http.StatusBadRequest, map[string]string{"error": "invalid_client"})
		return
	}
	if t.given == nil {
		t.given = map[string]time.Time{}
	}
	token := fmt.Sprintf("access-%s-%d", t.Client, t.Requests)
	if reads {
		token = "reading-" + token
	}
	t.given[token] = t.Clock.Now().Add(t.Life)
	Write(w, http.StatusOK, map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": int(t.Life / time.Second)})
}

// Valid reports whether a request shows a token that has not expired.
func (t *Tokens) Valid(r *http.Request) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	const prefix = "Bearer "
	h := r.Header.Get("Authorization")
	return len(h) > len(prefix) && h[:len(prefix)] == prefix && t.Clock.Now().Before(t.given[h[len(prefix):]])
}

// Reading reports whether a request shows a token that may only read.
func (t *Tokens) Reading(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Authorization"), "Bearer reading-")
}

// Changes reports whether a request would change something: searches by POST
// do not.
func Changes(r *http.Request) bool {
	return r.Method != http.MethodGet && r.Method != http.MethodHead && !strings.HasSuffix(r.URL.Path, "/search")
}

// Revoke makes every token given so far invalid.
func (t *Tokens) Revoke() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.given)
}
