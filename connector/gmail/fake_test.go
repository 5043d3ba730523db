package gmail_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/mail"
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
	"github.com/gallra/gallra/connector/gmail"
	"github.com/gallra/gallra/connector/mailrecord/mailtest"
	"github.com/gallra/gallra/connector/rest"
	"github.com/gallra/gallra/connector/rest/resttest"
)

type doc = map[string]any

const secret = "hemlig-klient"

// fake is a mailbox at Google: what is erased can be restored by an
// administrator for 25 days, and is kept by Vault where it holds it.
type fake struct {
	clock    *resttest.Clock
	tokens   *resttest.Tokens
	contract *resttest.Contract
	quota    *resttest.Quota
	way      *resttest.Faulty
	system   gallra.SystemID

	mu         sync.Mutex
	last       int
	mails      map[string]*letter
	restorable map[string]*letter
	labels     map[string]string // names by id
	full       bool              // the scope that may erase
	refuse     bool
}

type letter struct {
	n      int
	labels []string
	date   time.Time
	raw    string
	until  time.Time
}

var systems atomic.Int64

func newFake(tb testing.TB) *fake {
	tb.Helper()
	b, err := os.ReadFile("testdata/gmail.yaml")
	if err != nil {
		tb.Fatal(err)
	}
	contract, err := resttest.NewContract(b)
	if err != nil {
		tb.Fatal(err)
	}
	clock := resttest.NewClock(time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC))
	f := &fake{clock: clock, contract: contract, system: gallra.SystemID(fmt.Sprint("gmail-", systems.Add(1))), full: true,
		tokens: &resttest.Tokens{Clock: clock, Life: time.Hour, Client: "app", Secret: secret, Reader: "hemlig-lasning"}, quota: &resttest.Quota{Clock: clock, Calls: 6000, Per: time.Minute}}
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
	f.mails, f.restorable, f.last = map[string]*letter{}, map[string]*letter{}, 0
	f.labels = map[string]string{"INBOX": "INBOX", "TRASH": "TRASH", "Label_1": "Bygglov", "Label_2": "Skola", "Label_3": "Vatten"}
}

func (f *fake) add(l *letter) string {
	f.last++
	l.n = f.last
	id := fmt.Sprintf("18f%013x", f.last*7919)
	f.mails[id] = l
	return id
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Host == "login.example.com" {
		f.tokens.ServeHTTP(w, r)
		return
	}
	if f.quota.Refuse(w) {
		return
	}
	if !f.tokens.Valid(r) {
		refuse(w, 401)
		return
	}
	if f.tokens.Reading(r) && resttest.Changes(r) {
		refuse(w, 403)
		return
	}
	f.contract.Wrap(http.HandlerFunc(f.serve)).ServeHTTP(w, r)
}

func refuse(w http.ResponseWriter, status int) {
	resttest.Write(w, status, doc{"error": doc{"code": status, "message": "Åsa får inte"}})
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.expire()
	p := strings.Split(strings.TrimPrefix(r.URL.Path, "/gmail/v1/users/me/"), "/")
	if r.Method != "GET" && (!f.full || f.refuse) {
		refuse(w, 403)
		return
	}
	switch r.Method + " " + p[0] + strconv.Itoa(len(p)) {
	case "GET messages1":
		var ids []string
		want := r.URL.Query().Get("labelIds")
		for id, l := range f.mails {
			if want == "" || slices.Contains(l.labels, want) {
				ids = append(ids, id)
			}
		}
		f.list(w, r, "messages", ids)
	case "GET threads1":
		f.list(w, r, "threads", slices.Collect(maps.Keys(f.mails)))
	case "GET threads2":
		if f.mails[p[1]] == nil {
			refuse(w, 404)
			return
		}
		resttest.Write(w, 200, doc{"id": p[1], "messages": []doc{{"id": p[1]}}})
	case "GET messages2":
		f.get(w, r, p[1])
	case "DELETE messages2":
		l := f.mails[p[1]]
		if l == nil {
			refuse(w, 404)
			return
		}
		delete(f.mails, p[1])
		l.until = f.clock.Now().AddDate(0, 0, 25)
		f.restorable[p[1]] = l
		w.WriteHeader(204)
	case "POST messages1":
		var body struct {
			Raw    string
			Labels []string `json:"labelIds"`
		}
		_ = json.NewDecoder(r.Body).Decode(&body)
		raw, err := base64.URLEncoding.DecodeString(body.Raw)
		m, err2 := mail.ReadMessage(strings.NewReader(string(raw)))
		if err != nil || err2 != nil {
			refuse(w, 400)
			return
		}
		at, err := m.Header.Date()
		if err != nil || r.URL.Query().Get("internalDateSource") != "dateHeader" {
			at = f.clock.Now()
		}
		id := f.add(&letter{labels: body.Labels, date: at, raw: string(raw)})
		resttest.Write(w, 200, doc{"id": id, "threadId": id, "labelIds": body.Labels})
	case "GET labels1":
		out := []doc{}
		for _, id := range slices.Sorted(maps.Keys(f.labels)) {
			out = append(out, doc{"id": id, "name": f.labels[id]})
		}
		resttest.Write(w, 200, doc{"labels": out})
	case "POST labels1":
		var body struct{ Name string }
		_ = json.NewDecoder(r.Body).Decode(&body)
		for _, name := range f.labels {
			if name == body.Name {
				refuse(w, 409)
				return
			}
		}
		f.last++
		id := fmt.Sprint("Label_", 100+f.last)
		f.labels[id] = body.Name
		resttest.Write(w, 200, doc{"id": id, "name": body.Name})
	case "DELETE labels2":
		if _, ok := f.labels[p[1]]; !ok {
			refuse(w, 404)
			return
		}
		delete(f.labels, p[1])
		for _, l := range f.mails {
			l.labels = slices.DeleteFunc(l.labels, func(x string) bool { return x == p[1] })
		}
		w.WriteHeader(204)
	default:
		refuse(w, 404)
	}
}

func (f *fake) expire() {
	maps.DeleteFunc(f.restorable, func(_ string, l *letter) bool { return !f.clock.Now().Before(l.until) })
}

// list gives ids newest first, three a page.
func (f *fake) list(w http.ResponseWriter, r *http.Request, what string, ids []string) {
	slices.SortFunc(ids, func(a, b string) int { return f.mails[b].date.Compare(f.mails[a].date)*2 + strings.Compare(b, a) })
	at, _ := strconv.Atoi(r.URL.Query().Get("pageToken"))
	at = min(at, len(ids))
	end := min(at+3, len(ids))
	out := doc{"resultSizeEstimate": len(ids)}
	page := []doc{}
	for _, id := range ids[at:end] {
		page = append(page, doc{"id": id, "threadId": id})
	}
	if len(page) > 0 {
		out[what] = page
	}
	if end < len(ids) {
		out["nextPageToken"] = strconv.Itoa(end)
	}
	resttest.Write(w, 200, out)
}

func (f *fake) get(w http.ResponseWriter, r *http.Request, id string) {
	l := f.mails[id]
	if l == nil {
		refuse(w, 404)
		return
	}
	out := doc{"id": id, "threadId": id, "labelIds": append([]string{}, l.labels...), "internalDate": strconv.FormatInt(l.date.UnixMilli(), 10)}
	switch r.URL.Query().Get("format") {
	case "raw":
		out["raw"] = base64.URLEncoding.EncodeToString([]byte(l.raw))
	case "metadata":
		hs := []doc{}
		for _, line := range strings.Split(l.raw, "\r\n") {
			if line == "" {
				break
			}
			name, value, _ := strings.Cut(line, ": ")
			if slices.ContainsFunc(r.URL.Query()["metadataHeaders"], func(h string) bool { return strings.EqualFold(h, name) }) {
				hs = append(hs, doc{"name": name, "value": value})
			}
		}
		out["payload"] = doc{"headers": hs}
	}
	resttest.Write(w, 200, out)
}

func (f *fake) stored() []ct.Place {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.expire()
	var out []ct.Place
	for _, part := range []struct {
		where string
		mails map[string]*letter
	}{{"mailbox", f.mails}, {"restorable", f.restorable}} {
		ls := slices.SortedFunc(maps.Values(part.mails), func(a, b *letter) int { return a.n - b.n })
		for _, l := range ls {
			out = append(out, ct.Place{Where: part.where, Value: strings.Join(f.names(l), " ") + "\n" + l.date.String() + "\n" + mailtest.Decoded(l.raw)})
		}
	}
	return out
}

func (f *fake) names(l *letter) []string {
	var out []string
	for _, id := range l.labels {
		out = append(out, f.labels[id])
	}
	return out
}

func (f *fake) config() connector.Config {
	return connector.Config{System: f.system, URL: "gmail://gmail.example.com", Options: map[string]string{"client_id": "app", "client_secret": secret, "refresh_token": "hemlig-lasning", "erase_refresh_token": "hemlig-nyckel", "login": "login.example.com"}}
}

func (f *fake) open(tb ct.TB, options ...string) connector.Source {
	tb.Helper()
	c := f.config()
	for i := 0; i+1 < len(options); i += 2 {
		c.Options[options[i]] = options[i+1]
	}
	s, err := gmail.Open(c, func(o *rest.Options) { o.Clock, o.Transport = f.clock, f.way })
	if err != nil {
		tb.Fatalf("open: %v", err)
	}
	return s
}

func (f *fake) put(s ct.Seed) string {
	label := "INBOX"
	for id, name := range f.labels {
		if name == s.Keep {
			label = id
		}
	}
	return f.add(&letter{labels: []string{label, "UNREAD"}, date: s.Updated, raw: mailtest.Compose(s)})
}

func (f *fake) harness() ct.Harness {
	return ct.Harness{
		Name: "gmail", Type: "mail", Email: "from", Named: "from_name", Text: "text", Keep: "folder",
		Kinds:   []gallra.IdentifierKind{gallra.IdentEmail, gallra.IdentName},
		Clocks:  []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated},
		Config:  func(ct.TB) connector.Config { return f.config() },
		Open:    func(tb ct.TB) connector.Source { return f.open(tb) },
		Secrets: []string{secret, "hemlig-nyckel", "hemlig-lasning"},
		Reset:   func(ct.TB) { f.reset() },
		Seed: func(_ ct.TB, ss []ct.Seed) {
			f.mu.Lock()
			defer f.mu.Unlock()
			for _, s := range ss {
				f.put(s)
			}
		},
		Stored: func(ct.TB) []ct.Place { return f.stored() },
		Touch: func(_ ct.TB, s ct.Seed) {
			f.mu.Lock()
			defer f.mu.Unlock()
			for _, l := range f.mails {
				if strings.Contains(mailtest.Decoded(l.raw), s.Key) {
					l.labels = append(l.labels, "TRASH")
				}
			}
		},
		Plant: func(_ ct.TB, text string) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.add(&letter{labels: []string{"TRASH"}, date: f.clock.Now(), raw: mailtest.Compose(ct.Seed{Key: "plant", Text: text, Email: "x@example.org"})})
		},
		FailWrites: func(_ ct.TB, on bool) { f.mu.Lock(); f.refuse = on; f.mu.Unlock() },
		Eventually: func(ct.TB) { f.clock.Advance(26 * 24 * time.Hour) },
		Broken: func(ct.TB) []connector.Config {
			a, b, c := f.config(), f.config(), f.config()
			a.Options["restore_days"], b.Options["hold"], c.URL = "många", "kanske", "gmail://"
			return []connector.Config{a, b, c}
		},
		Faults: func(_ ct.TB, seed uint64) func() int {
			stop := f.way.Spoil(seed, 8)
			return func() int {
				f.clock.Advance(26 * 24 * time.Hour) // what edits have left to restore goes
				return stop()
			}
		},
	}
}
