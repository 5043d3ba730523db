package pace_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector/rest"
	"github.com/gallra/gallra/internal/pace"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/store/storetest"
)

var ctx = context.Background()

// The limit that both processes are told.
const (
	requests = 40
	per      = time.Second
	burst    = 4
	workers  = 3  // in each process
	calls    = 20 // of each worker
)

func TestMain(m *testing.M) {
	if base := os.Getenv("GALLRA_PACE_CHILD"); base != "" {
		if err := child(base); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// stamp tells the fake when a call was sent: how long it lay in a queue after
// that is not the limit's doing.
type stamp struct{ http.RoundTripper }

func (s stamp) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Header.Set("X-At", strconv.FormatInt(time.Now().UnixMicro(), 10))
	return s.RoundTripper.RoundTrip(r)
}

// child is one process of workers.
func child(base string) error {
	db, err := store.Open(ctx, os.Getenv("GALLRA_PACE_DIR"), os.Getenv("GALLRA_PACE_URL"))
	if err != nil {
		return err
	}
	defer db.Close()
	if os.Getenv("GALLRA_PACE_ALONE") == "" {
		rest.Share(pace.Ledger{DB: db})
	}
	errs := make(chan error, workers)
	for range workers {
		go func() {
			c, err := rest.New(rest.Options{System: "desk", BaseURL: base, AllowLoopback: true, Auth: rest.Bearer("x"), Limit: rest.Limit{Requests: requests, Per: per, Burst: burst}, Transport: stamp{http.DefaultTransport}})
			for n := 0; err == nil && n < calls; n++ {
				_, err = c.Do(ctx, rest.Request{Op: "look", Path: "/look"}, nil)
			}
			errs <- err
		}()
	}
	for range workers {
		if err := <-errs; err != nil {
			return err
		}
	}
	return nil
}

// fake is a system that writes down when it was called, and asks the caller of
// the pauseAt-th call to wait.
type fake struct {
	mu      sync.Mutex
	at      []time.Time
	pauseAt int
	pause   string // seconds; 2 when empty
	paused  time.Time
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n, _ := strconv.ParseInt(r.Header.Get("X-At"), 10, 64)
	f.mu.Lock()
	f.at = append(f.at, time.UnixMicro(n))
	pause := len(f.at) == f.pauseAt
	if pause {
		f.paused = time.Now()
	}
	f.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if pause {
		w.Header().Set("Retry-After", cmp.Or(f.pause, "2"))
		w.WriteHeader(http.StatusTooManyRequests)
	}
	_, _ = w.Write([]byte("{}"))
}

// most returns the most calls in any stretch of that length.
func (f *fake) most(within time.Duration) int {
	slices.SortFunc(f.at, time.Time.Compare)
	most := 0
	for i := range f.at {
		n := 0
		for _, t := range f.at[i:] {
			if t.Sub(f.at[i]) >= within {
				break
			}
			n++
		}
		most = max(most, n)
	}
	return most
}

func run(t *testing.T, db *store.DB, dir string, f *fake, extra ...string) {
	t.Helper()
	srv := httptest.NewServer(f)
	defer srv.Close()
	var wg sync.WaitGroup
	for range 2 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(append(os.Environ(), "GALLRA_PACE_CHILD="+srv.URL, "GALLRA_PACE_DIR="+dir, "GALLRA_PACE_URL="+db.URL), extra...)
		cmd.Stderr = os.Stderr
		wg.Go(func() {
			if err := cmd.Run(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// Two processes with three workers each keep to one limit between them. A worker
// that gets its turn and is then held up by the machine sends a little later than
// it was let: so much is allowed for. Two that knew nothing of each other would
// be at twice the limit, which is tried too.
func TestX16_TwoProcessesKeepToOneLimit(t *testing.T) {
	const slack = requests / 4
	dir := t.TempDir()
	sqlite, err := store.Open(ctx, dir, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sqlite.Close() })
	for name, open := range map[string]func(*testing.T) *store.DB{
		"sqlite":   func(*testing.T) *store.DB { return sqlite },
		"postgres": func(t *testing.T) *store.DB { return storetest.Postgres(t) },
	} {
		t.Run(name, func(t *testing.T) {
			db := open(t)
			f := &fake{}
			run(t, db, dir, f)
			if len(f.at) != 2*workers*calls {
				t.Fatalf("%d calls", len(f.at))
			}
			if n := f.most(per); n > requests+slack {
				t.Errorf("%d calls in %v, the limit is %d", n, per, requests)
			} else {
				t.Logf("at most %d calls in %v by two processes; limit %d", n, per, requests)
			}
		})
	}
	t.Run("strangers", func(t *testing.T) {
		f := &fake{}
		run(t, sqlite, dir, f, "GALLRA_PACE_ALONE=1")
		if n := f.most(per); n <= requests+slack {
			t.Errorf("two that know nothing of each other made %d calls in %v: the test would not see it", n, per)
		}
	})
}

// A pause that the system asks one worker for holds back the other process too.
func TestX16_APauseIsEverybodys(t *testing.T) {
	dir := t.TempDir()
	db, err := store.Open(ctx, dir, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	f := &fake{pauseAt: 30}
	run(t, db, dir, f)
	if len(f.at) != 2*workers*calls+1 {
		t.Fatalf("%d calls", len(f.at))
	}
	// What the workers had been let before they could know of it: one call each.
	n := 0
	for _, at := range f.at {
		if d := at.Sub(f.paused); d > 0 && d < 1800*time.Millisecond {
			n++
		}
	}
	if n > 2*workers {
		t.Errorf("%d calls within the pause", n)
	}
}

// Systems that use one account at a vendor have one limit and one pause between
// them; another account at the same host has its own. The store keeps no key.
func TestX16_SystemsOfOneAccountShareItsLimit(t *testing.T) {
	db, err := store.Open(ctx, t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	rest.Share(pace.Ledger{DB: db})
	t.Cleanup(func() { rest.Share(nil) })
	f := &fake{pauseAt: 3, pause: "60"}
	srv := httptest.NewServer(f)
	t.Cleanup(srv.Close)
	look := func(patience time.Duration, system gallra.SystemID, account, key string) error {
		c, err := rest.New(rest.Options{System: system, BaseURL: srv.URL, AllowLoopback: true, Auth: rest.Bearer(key), Account: account, Limit: rest.Limit{Requests: 100, Per: time.Second, Burst: 10}})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		short, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		_, err = c.Do(short, rest.Request{Op: "look", Path: "/look"}, nil)
		return err
	}
	for _, system := range []gallra.SystemID{"a", "b"} {
		if err := look(time.Minute, system, "canary-account", "key of "+string(system)); err != nil {
			t.Fatal(err)
		}
	}
	if err := look(time.Second, "a", "canary-account", "key"); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("the vendor asked for a pause: %v", err)
	}
	if err := look(time.Second, "b", "canary-account", "another key"); !errors.Is(err, context.DeadlineExceeded) || len(f.at) != 3 {
		t.Errorf("the pause holds for the other system of the account too: %v, %d calls", err, len(f.at))
	}
	if err := look(time.Minute, "c", "another", "key"); err != nil || len(f.at) != 4 {
		t.Errorf("another account has no pause: %v, %d calls", err, len(f.at))
	}
	rows, err := db.QueryContext(ctx, `SELECT account FROM pace`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		var account string
		if err := rows.Scan(&account); err != nil || strings.Contains(account, "canary") || !strings.HasPrefix(account, strings.TrimPrefix(srv.URL, "http://")+"#") {
			t.Errorf("account %q, %v", account, err)
		}
		n++
	}
	if n != 2 {
		t.Errorf("%d limits of two accounts", n)
	}
}
