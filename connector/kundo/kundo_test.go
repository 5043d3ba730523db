package kundo_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	ct "github.com/gallra/gallra/connector/connectortest"
	"github.com/gallra/gallra/connector/kundo"
	"github.com/gallra/gallra/connector/rest"
	"github.com/gallra/gallra/connector/rest/resttest"
)

type doc = map[string]any

const token = "0123456789abcdefhemlig"

// fake is an organisation in Kundo: read only, one field unless more are asked
// for, and a fault for the rating of a ticket that has none.
type fake struct {
	clock    *resttest.Clock
	contract *resttest.Contract
	quota    *resttest.Quota
	way      *resttest.Faulty
	system   gallra.SystemID

	mu       sync.Mutex
	last     int
	contacts []doc
	users    []doc
	tickets  []doc
	messages map[string][]doc
	events   map[string][]doc
	renamed  string // a field that Kundo no longer knows
}

var systems atomic.Int64

func newFake(tb testing.TB) *fake {
	tb.Helper()
	b, err := os.ReadFile("testdata/kundo.yaml")
	if err != nil {
		tb.Fatal(err)
	}
	contract, err := resttest.NewContract(b)
	if err != nil {
		tb.Fatal(err)
	}
	clock := resttest.NewClock(time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC))
	f := &fake{clock: clock, contract: contract, quota: &resttest.Quota{Clock: clock, Calls: 240, Per: time.Minute}, system: gallra.SystemID(fmt.Sprint("kundo-", systems.Add(1)))}
	f.way = &resttest.Faulty{Next: resttest.Local{Handler: f}}
	f.reset()
	tb.Cleanup(func() {
		for _, b := range contract.Broken() {
			tb.Errorf("against the contract: %s", b)
		}
	})
	return f
}

func (f *fake) reset() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last, f.contacts, f.tickets, f.messages, f.events, f.renamed = 0, nil, nil, map[string][]doc{}, map[string][]doc{}, ""
	f.users = []doc{{"id": f.uuid(), "name": "Handläggaren", "email": "h@kommun.example"}}
}

func (f *fake) uuid() string {
	f.last++
	return fmt.Sprintf("%08x-0000-7000-8000-%012x", f.last*2654435761%(1<<32), f.last)
}

func (f *fake) contact(name, email string) string {
	id := f.uuid()
	f.contacts = append(f.contacts, doc{"id": id, "name": name, "email": email})
	return id
}

func (f *fake) ticket(contact, title, channel string, created time.Time, texts ...string) string {
	id := f.uuid()
	f.tickets = append(f.tickets, doc{"id": id, "created_at": created.UTC().Format("2006-01-02T15:04:05.000000Z"), "channel": doc{"id": f.uuid(), "type": channel}, "title": title, "status": "DONE",
		"num_messages": len(texts), "incoming": true, "tags": []string{"bygglov"}, "contacts": []string{contact}})
	for _, t := range texts {
		f.messages[id] = append(f.messages[id], doc{"id": nil, "created_at": created.UTC().Format(time.RFC3339), "editor_id": nil, "contact_id": contact, "content": "<p>" + t + "</p>"})
	}
	return id
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f.quota.Refuse(w) {
		return
	}
	if r.Header.Get("Token") != token {
		resttest.Write(w, 401, doc{"detail": "Authentication required"})
		return
	}
	f.contract.Wrap(http.HandlerFunc(f.serve)).ServeHTTP(w, r)
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := strings.Split(strings.TrimPrefix(r.URL.Path, "/v1/"), "/")
	switch {
	case p[0] == "me":
		resttest.Write(w, 200, doc{"id": "gallra", "organization_id": "1888"})
	case p[0] == "contacts":
		f.list(w, r, f.contacts, "name")
	case p[0] == "users":
		f.list(w, r, f.users, "name")
	case len(p) == 1:
		f.list(w, r, f.tickets, "created_at")
	case len(p) == 2:
		for _, t := range f.tickets {
			if t["id"] == p[1] && t["csat"] != nil {
				resttest.Write(w, 200, doc{"data": doc{"id": p[1], "csat": t["csat"]}})
				return
			}
		}
		resttest.Write(w, 500, doc{"detail": "Error fetching ticket"})
	case p[2] == "messages":
		f.list(w, r, f.messages[p[1]], "")
	default:
		f.list(w, r, f.events[p[1]], "")
	}
}

func (f *fake) list(w http.ResponseWriter, r *http.Request, from []doc, order string) {
	q := r.URL.Query()
	all := slices.DeleteFunc(slices.Clone(from), func(d doc) bool {
		at := fmt.Sprint(d["created_at"])
		ge, le := canonical(q.Get("created_gte")), canonical(q.Get("created_lte"))
		return ge != "" && at < ge || le != "" && at > le || q.Get("ids") != "" && !slices.Contains(strings.Split(q.Get("ids"), ","), fmt.Sprint(d["id"]))
	})
	if order != "" {
		slices.SortStableFunc(all, func(a, b doc) int { return strings.Compare(fmt.Sprint(a[order]), fmt.Sprint(b[order])) })
	}
	limit, err := strconv.Atoi(q.Get("limit"))
	if err != nil {
		limit = 100
	}
	limit = min(limit, 3) // Kundo may give fewer
	offset, _ := strconv.Atoi(q.Get("offset"))
	at := min(offset, len(all))
	out := []doc{}
	for _, d := range all[at:min(at+limit, len(all))] {
		one := doc{"id": d["id"]}
		for _, name := range strings.Split(q.Get("fields"), ",") {
			if v, ok := d[name]; ok && name != f.renamed {
				one[name] = v
			}
		}
		out = append(out, one)
	}
	resttest.Write(w, 200, doc{"count": len(all), "data": out})
}

func canonical(v string) string {
	t, err := time.Parse(time.RFC3339Nano, v)
	if err != nil {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000000Z")
}

func (f *fake) stored() []ct.Place {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []ct.Place
	add := func(where string, ds []doc) {
		for _, d := range ds {
			out = append(out, ct.Place{Where: where, Value: fmt.Sprint(d)})
		}
	}
	add("contacts", f.contacts)
	add("users", f.users)
	add("tickets", f.tickets)
	for _, part := range []map[string][]doc{f.messages, f.events} {
		for _, id := range slices.Sorted(maps.Keys(part)) {
			add("thread", part[id])
		}
	}
	return out
}

func (f *fake) config() connector.Config {
	return connector.Config{System: f.system, URL: "kundo://api.kundo.example", Options: map[string]string{"token": token}}
}

func (f *fake) open(tb ct.TB, options ...string) connector.Source {
	tb.Helper()
	c := f.config()
	for i := 0; i+1 < len(options); i += 2 {
		c.Options[options[i]] = options[i+1]
	}
	s, err := kundo.Open(c, func(o *rest.Options) { o.Clock, o.Transport = f.clock, f.way })
	if err != nil {
		tb.Fatalf("open: %v", err)
	}
	return s
}

func (f *fake) harness() ct.Harness {
	return ct.Harness{
		Name: "kundo", Type: kundo.TypeTicket, Text: "title", Children: kundo.TypeMessage,
		Kinds:   []gallra.IdentifierKind{gallra.IdentEmail, gallra.IdentName},
		Clocks:  []gallra.StartEvent{gallra.StartCreated},
		Config:  func(ct.TB) connector.Config { return f.config() },
		Open:    func(tb ct.TB) connector.Source { return f.open(tb) },
		Secrets: []string{token},
		Reset:   func(ct.TB) { f.reset() },
		Seed: func(_ ct.TB, ss []ct.Seed) {
			f.mu.Lock()
			defer f.mu.Unlock()
			for _, s := range ss {
				id := f.ticket(f.contact(s.Name, s.Email), s.Text, "email", s.Created, s.Children...)
				t := f.tickets[len(f.tickets)-1]
				t["tags"] = []string{s.Keep}
				f.events[id] = []doc{{"event_type": "forward_email", "event_data": doc{"email": s.Key + "@forward.example"}, "created_at": t["created_at"]}}
			}
		},
		Stored: func(ct.TB) []ct.Place { return f.stored() },
		Plant: func(_ ct.TB, text string) {
			f.mu.Lock()
			defer f.mu.Unlock()
			id := f.ticket(f.users[0]["id"].(string), "Annat", "email", f.clock.Now())
			f.events[id] = []doc{{"event_type": "assign", "event_data": doc{"message": text}, "created_at": "2024-06-10T09:30:00Z"}}
		},
		Broken: func(ct.TB) []connector.Config {
			a, b := f.config(), f.config()
			a.Options["rate"], b.URL = "snabbt", "kundo://"
			return []connector.Config{a, b}
		},
		Faults: func(_ ct.TB, seed uint64) func() int { return f.way.Spoil(seed, 10) },
	}
}

// Not beside other tests: the suite counts what is left running.
func TestConformance(t *testing.T) {
	ct.Run(t, newFake(t).harness())
}

func TestS35_Faults(t *testing.T) {
	t.Parallel()
	ct.Faults(t, newFake(t).harness())
}

var monday = time.Date(2024, 6, 10, 9, 30, 0, 0, time.UTC)

func TestWrongKey(t *testing.T) {
	t.Parallel()
	if err := newFake(t).open(t, "token", "fel").Check(t.Context()); !errors.Is(err, gallra.ErrAuth) {
		t.Errorf("%v", err)
	}
}

// Kundo drops a name it does not know without a word; an empty title is not that.
func TestFieldThatKundoNoLongerKnowsIsDrift(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.ticket(f.contact("", ""), "", "email", monday, "")
	src := f.open(t)
	if _, err := src.List(t.Context(), connector.Query{Type: "ticket"}); err != nil {
		t.Fatal(err)
	}
	f.renamed = "title"
	for what, err := range map[string]error{"check": src.Check(t.Context()), "list": func() error { _, err := src.List(t.Context(), connector.Query{Type: "ticket"}); return err }()} {
		if !errors.Is(err, gallra.ErrDrift) || !strings.Contains(err.Error(), "title") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A long thread beyond the cap, tickets of one moment, a rating that is there
// and one that is answered with a fault, and a chat: all read or said.
func TestCapsAndFaultsOfKundo(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	asa := f.contact("Åsa", "asa@example.se")
	var texts []string
	for i := range 7 {
		texts = append(texts, fmt.Sprint("brev nummer ", i))
	}
	f.ticket(asa, "Långt", "email", monday, texts...)
	f.tickets[0]["csat"] = doc{"rating": 4, "comment": "Tack Åsa"}
	for range 8 {
		f.ticket(asa, "Samma stund", "chat", monday)
	}
	src := f.open(t)
	count := map[string]int{}
	problems := map[string]int{}
	for _, typ := range []string{"ticket", "message", "rating"} {
		for q := (connector.Query{Type: typ, Limit: 2}); ; {
			p, err := src.List(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			count[typ] += len(p.Records)
			for _, x := range p.Skipped {
				problems[x.Reason]++
			}
			if q.Cursor = p.Next; p.Next == "" {
				break
			}
		}
	}
	if count["ticket"] != 9 || count["message"] != 7 || count["rating"] != 1 || problems["kundo.no_messages"] == 0 || problems["kundo.rating_unread"] == 0 {
		t.Errorf("%v, problems %v", count, problems)
	}
	if _, ok := src.(connector.Eraser); ok {
		t.Error("Kundo cannot erase, and the connector says it can")
	}
	if m := src.(connector.Profiled).Profile().Manual; m == nil || !strings.Contains(m.SV, "Vi har bekräftat personen/personernas identitet.") {
		t.Error("the way by letter is not told")
	}
}
