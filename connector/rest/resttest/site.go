package resttest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/connectortest"
	"github.com/gallra/gallra/connector/rest"
)

// Site is a fake of a vendor as the conformance suite meets it: in the process,
// on a clock of its own, and for what opens a system through the registry also
// at the end of a real network.
type Site struct {
	Connector string            // its name, which is also the scheme
	Host      string            // as the vendor's
	Options   map[string]string // credentials
	Secrets   []string
	Wrong     []map[string]string // options that cannot work
	Open      func(connector.Config, func(*rest.Options)) (connector.Source, error)

	Clock    *Clock
	Contract *Contract
	Handler  http.Handler
	Lock     sync.Locker // held while Reset, Seed, Touch, Refuse and Settle run

	Reset  func()
	Seed   func(s connectortest.Seed)
	Caught func() // lets the search index catch up with what was seeded; optional
	Stored func() []connectortest.Place
	Touch  func(s connectortest.Seed)
	Refuse func(on bool) // writes
	Settle func()        // does what is due
	Ages   time.Duration // how long promises take

	system gallra.SystemID
	way    *Faulty
}

var sites atomic.Int64

// System returns the name of the site's system: limits are shared by name, and
// every site has a clock of its own.
func (s *Site) System() gallra.SystemID {
	if s.system == "" {
		s.system = gallra.SystemID(fmt.Sprint(s.Connector, "-", sites.Add(1)))
		s.way = &Faulty{Next: Local{Handler: s.Contract.Wrap(s.Handler)}}
	}
	return s.system
}

func (s *Site) config(system gallra.SystemID, address string, change map[string]string) connector.Config {
	o := maps.Clone(s.Options)
	maps.Copy(o, change)
	return connector.Config{System: system, URL: s.Connector + "://" + address + "rate=6000", Options: o}
}

// Connect opens the site in the process, with some options changed.
func (s *Site) Connect(tb connectortest.TB, change map[string]string) connector.Source {
	tb.Helper()
	src, err := s.Open(s.config(s.System(), s.Host+"?", change), func(o *rest.Options) { o.Transport, o.Clock = s.way, s.Clock })
	if err != nil {
		tb.Fatalf("open: %v", err)
	}
	tb.Cleanup(func() { _ = src.Close() })
	return src
}

// Harness returns the suite's view, to be completed with the type and its
// fields. What breaks the contract fails the test.
func (s *Site) Harness(tb connectortest.TB) connectortest.Harness {
	system := s.System()
	server := httptest.NewServer(s.Contract.Wrap(s.Handler))
	tb.Cleanup(func() {
		server.Close()
		for _, b := range s.Contract.Broken() {
			tb.Errorf("%s", b)
		}
	})
	local := strings.TrimPrefix(server.URL, "http://") + "?allow_loopback=yes&tls=none&"
	locked := func(do func()) {
		s.Lock.Lock()
		defer s.Lock.Unlock()
		do()
	}
	return connectortest.Harness{
		Name:    s.Connector,
		Config:  func(connectortest.TB) connector.Config { return s.config(system+"-served", local, nil) },
		Open:    func(tb connectortest.TB) connector.Source { return s.Connect(tb, nil) },
		Secrets: s.Secrets,
		Broken: func(connectortest.TB) []connector.Config {
			out := []connector.Config{s.config(system+"-served", "127.0.0.1:1/?", nil)}
			for _, w := range s.Wrong {
				out = append(out, s.config(system+"-served", local, w))
			}
			return out
		},
		Reset: func(connectortest.TB) { locked(s.Reset) },
		Seed: func(_ connectortest.TB, ss []connectortest.Seed) {
			locked(func() {
				for _, seed := range ss {
					s.Seed(seed)
				}
				if s.Caught != nil {
					s.Caught()
				}
			})
		},
		Stored: func(connectortest.TB) (out []connectortest.Place) {
			locked(func() { out = s.Stored() })
			return out
		},
		Touch:      func(_ connectortest.TB, seed connectortest.Seed) { locked(func() { s.Touch(seed) }) },
		FailWrites: func(_ connectortest.TB, on bool) { locked(func() { s.Refuse(on) }) },
		Eventually: func(connectortest.TB) {
			s.Clock.Advance(s.Ages)
			locked(s.Settle)
		},
		Faults: func(_ connectortest.TB, seed uint64) func() int { return s.way.Spoil(seed, 8) },
	}
}

// Doc is a JSON object of a fake.
type Doc map[string]any

// Words returns every string of a document, one a line.
func Words(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("resttest: %v", err))
	}
	var x any
	_ = json.Unmarshal(b, &x) // it was just written
	var s strings.Builder
	var walk func(any)
	walk = func(v any) {
		switch y := v.(type) {
		case string:
			s.WriteString(y + "\n")
		case []any:
			for _, e := range y {
				walk(e)
			}
		case map[string]any:
			for _, k := range slices.Sorted(maps.Keys(y)) {
				walk(y[k])
			}
		}
	}
	walk(x)
	return s.String()
}

var word = regexp.MustCompile(`[\p{L}\p{N}]+`)

// HasPhrase is how vendors' searches take a phrase: its words stand in the text
// in a row, whatever is between them.
func HasPhrase(text, phrase string) bool {
	fold := func(s string) string {
		return " " + strings.Join(word.FindAllString(strings.ToLower(s), -1), " ") + " "
	}
	return strings.TrimSpace(fold(phrase)) != "" && strings.Contains(fold(text), fold(phrase))
}

// Lie makes the site answer every change with success and make none of them.
func (s *Site) Lie() { s.System(); s.way.choose(Lying) }

// Lying is a choice for Faulty: every change is answered with success, and none
// is made. Searches by POST are told the truth.
func Lying(r *http.Request) Fault {
	if strings.HasSuffix(r.URL.Path, "/search") || strings.Contains(r.URL.Path, "/search/") || strings.Contains(r.URL.Path, "oauth") {
		return None
	}
	return Nothing
}
