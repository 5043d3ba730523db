package zendesk_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	ct "github.com/gallra/gallra/connector/connectortest"
	"github.com/gallra/gallra/connector/rest"
	"github.com/gallra/gallra/connector/rest/resttest"
	"github.com/gallra/gallra/connector/zendesk"
)

var systems atomic.Int64

// account is a fake, the way to it, and which record belongs to which seed.
type account struct {
	*fake
	system gallra.SystemID
	way    *resttest.Faulty
	of     map[string]int64
	client int64 // a customer whom no test is about
}

func newAccount() *account {
	f := newFake()
	a := &account{fake: f, system: gallra.SystemID(fmt.Sprint("zendesk-", systems.Add(1))), of: map[string]int64{}}
	a.way = &resttest.Faulty{Next: resttest.Local{Handler: f.handler()}}
	return a
}

func (a *account) config() connector.Config {
	return connector.Config{System: a.system, URL: "zendesk://kommunen.zendesk.com?rate=6000",
		Options: map[string]string{"client_id": "reader", "client_secret": "hemlig-lasare", "erase_client_id": "eraser", "erase_client_secret": "hemlig-radera"}}
}

// served is the account at the end of a real network, with the clock on the wall
// and therefore a limit of its own.
func (a *account) served(url string) connector.Config {
	c := a.config()
	c.System += "-served"
	c.URL = "zendesk://" + strings.TrimPrefix(url, "http://") + "?allow_loopback=yes&tls=none&rate=6000"
	return c
}

func (a *account) tune(o *rest.Options) { o.Transport, o.Clock = a.way, a.clock }

// open connects with some settings changed: name, value, name, value.
func (a *account) open(tb ct.TB, change ...string) connector.Source {
	tb.Helper()
	c := a.config()
	for i := 0; i+1 < len(change); i += 2 {
		c.Options[change[i]] = change[i+1]
	}
	src, err := zendesk.OpenWith(c, a.tune)
	if err != nil {
		tb.Fatalf("open: %v", err)
	}
	return src
}

func (a *account) reset() {
	a.fake.reset()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.of = map[string]int64{}
	a.client = a.addUser(doc{"name": "Webbformuläret"}, a.clock.Now(), a.clock.Now())
	a.index.Flush()
}

// harness is what the suites of all types share. The contract is looked at after
// every check.
func (a *account) harness(t *testing.T, seed func(s ct.Seed) int64, touch func(id int64)) ct.Harness {
	server := httptest.NewServer(a.handler())
	t.Cleanup(server.Close)
	t.Cleanup(func() {
		for _, b := range a.contract.Broken() {
			t.Error(b)
		}
	})
	return ct.Harness{
		Name:    "zendesk",
		Config:  func(ct.TB) connector.Config { return a.served(server.URL) },
		Open:    func(tb ct.TB) connector.Source { return a.open(tb) },
		Secrets: []string{"hemlig-lasare", "hemlig-radera", "access-"},
		Broken: func(ct.TB) []connector.Config {
			var out []connector.Config
			for _, change := range []map[string]string{{"client_secret": "fel"}, {"erase_client_secret": "fel"}, {"client_id": ""}, {"rate": "snabbt"}} {
				c := a.served(server.URL)
				for k, v := range change {
					c.Options[k] = v
				}
				out = append(out, c)
			}
			return append(out, connector.Config{System: a.system, URL: "zendesk://127.0.0.1:1/", Options: a.config().Options}, connector.Config{System: a.system, URL: "zendesk:", Options: a.config().Options})
		},
		Reset: func(ct.TB) { a.reset() },
		Seed: func(_ ct.TB, ss []ct.Seed) {
			a.mu.Lock()
			defer a.mu.Unlock()
			for _, s := range ss {
				a.of[s.Key] = seed(s)
			}
			a.index.Flush()
		},
		Stored: func(ct.TB) []ct.Place { return a.stored() },
		Touch: func(_ ct.TB, s ct.Seed) {
			a.mu.Lock()
			defer a.mu.Unlock()
			touch(a.of[s.Key])
			a.index.Flush() // its time is not what is tried
		},
		FailWrites: func(_ ct.TB, on bool) {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.refuse = on
		},
		Plant: func(_ ct.TB, v string) {
			a.mu.Lock()
			defer a.mu.Unlock()
			id := a.addTicket(doc{"subject": v, "requester_id": a.client}, a.clock.Now(), a.clock.Now())
			a.deleted[id] = stamp(a.clock.Now())
			a.index.Flush()
		},
		Eventually: func(ct.TB) {
			a.clock.Advance(31 * 24 * time.Hour)
			a.mu.Lock()
			defer a.mu.Unlock()
			a.jobs.Run()
			a.index.Shown()
		},
		Faults: func(_ ct.TB, seed uint64) func() int { return a.way.Spoil(seed, 8) },
	}
}

func tickets(t *testing.T) ct.Harness {
	a := newAccount()
	h := a.harness(t, func(s ct.Seed) int64 {
		status := "solved"
		metrics := doc{"latest_comment_added_at": stamp(s.Contact), "solved_at": stamp(s.Closed)}
		if s.Closed.IsZero() {
			status, metrics = "open", doc{"latest_comment_added_at": stamp(s.Contact), "solved_at": nil}
		}
		id := a.addTicket(doc{"subject": s.Text, "status": status, "requester_id": a.client, "metric_set": metrics,
			"via":           doc{"channel": "email", "source": doc{"from": doc{"address": s.Email, "name": s.Name, "phone": s.Phone}}},
			"custom_fields": []doc{{"id": int64(902), "value": s.Personnummer}, {"id": int64(904), "value": s.Keep}}}, s.Created, s.Updated)
		for i, v := range append([]string{"Bifogar intyg, " + s.Key}, s.Children...) {
			var files []ct.File
			if i == 0 {
				files = s.Files
			}
			a.addComment(id, a.client, v, s.Created.Add(time.Duration(i)*time.Minute), files...)
		}
		for _, v := range s.History {
			a.audits[id] = append(a.audits[id], doc{"id": a.id(), "ticket_id": id, "events": []doc{{"type": "Change", "field_name": "subject", "previous_value": v}}})
		}
		return id
	}, func(id int64) {
		a.tickets[id]["subject"] = a.tickets[id]["subject"].(string) + " igen"
		a.tickets[id]["updated_at"] = stamp(a.clock.Now())
		a.indexTicket(id)
	})
	h.Type, h.Text, h.Keep, h.Children, h.Attachments = "ticket", "subject", "field_904", "comment", "attachment"
	h.Fixed = []string{"subject"}
	h.Kinds = []gallra.IdentifierKind{gallra.IdentEmail, gallra.IdentName, gallra.IdentPhone}
	h.Clocks = []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated, gallra.StartLastContact, gallra.StartClosed}
	h.PutBack = func(_ ct.TB, ref gallra.Ref, s ct.Seed) {
		a.mu.Lock()
		defer a.mu.Unlock()
		id := a.of[s.Key]
		a.tickets[id] = doc{"id": id, "subject": s.Text, "status": "open", "requester_id": a.client, "created_at": stamp(s.Created), "updated_at": stamp(s.Updated)}
		a.deleted[id] = stamp(a.clock.Now())
	}
	return h
}

func users(t *testing.T) ct.Harness {
	a := newAccount()
	h := a.harness(t, func(s ct.Seed) int64 {
		return a.addUser(doc{"name": s.Name, "email": s.Email, "phone": s.Phone, "twitter": s.Username, "external_id": s.Customer, "notes": s.Text,
			"user_fields": doc{"personnummer": s.Personnummer, "omrade": s.Keep}}, s.Created, s.Updated)
	}, func(id int64) {
		a.users[id]["notes"] = "Ringde igen"
		a.users[id]["updated_at"] = stamp(a.clock.Now())
		a.indexUser(id)
	})
	h.Type, h.Named, h.Email, h.Text, h.Keep = "user", "name", "email", "notes", "field_omrade"
	h.Kinds = []gallra.IdentifierKind{gallra.IdentEmail, gallra.IdentName, gallra.IdentPhone, gallra.IdentUsername, gallra.IdentCustomer}
	h.Clocks = []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated}
	h.PutBack = func(_ ct.TB, ref gallra.Ref, s ct.Seed) {
		a.mu.Lock()
		defer a.mu.Unlock()
		id := a.of[s.Key]
		a.users[id] = doc{"id": id, "name": s.Name, "role": "end-user", "active": false, "created_at": stamp(s.Created), "updated_at": stamp(s.Updated)}
	}
	// The harness's own customer is not a seed's.
	h.Reset = func(ct.TB) {
		a.reset()
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.users, a.client)
		a.indexGone(a.client)
	}
	return h
}

func (f *fake) indexGone(id int64) {
	f.index.Delete(fmt.Sprint("u", id))
	f.index.Flush()
}

func suspended(t *testing.T) ct.Harness {
	a := newAccount()
	h := a.harness(t, func(s ct.Seed) int64 {
		id := a.id()
		a.suspended[id] = doc{"id": id, "author": doc{"name": s.Name, "email": s.Email}, "subject": s.Key, "content": s.Text, "cause": s.Keep, "created_at": stamp(s.Created), "updated_at": stamp(s.Updated)}
		return id
	}, func(id int64) { a.suspended[id]["content"] = "ändrad " + a.suspended[id]["content"].(string) })
	h.Type, h.Text, h.Email, h.Named, h.Keep = "suspended_ticket", "content", "from_email", "from_name", "cause"
	h.Fixed = []string{"content", "from_email", "from_name"}
	h.Kinds = []gallra.IdentifierKind{gallra.IdentEmail, gallra.IdentName}
	h.Clocks = []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated}
	return h
}

// TestS35_TheSuite runs the conformance suite over every kind of record that can
// be erased; every exchange is held against the contract.
func TestS35_TheSuite(t *testing.T) {
	for name, h := range map[string]func(*testing.T) ct.Harness{"tickets": tickets, "users": users, "suspended": suspended} {
		t.Run(name, func(t *testing.T) {
			ct.Run(t, h(t))
		})
	}
}

// TestS35_Faults runs the suite's randomised sequences over a network that fails.
func TestS35_Faults(t *testing.T) {
	for name, h := range map[string]func(*testing.T) ct.Harness{"tickets": tickets, "users": users, "suspended": suspended} {
		t.Run(name, func(t *testing.T) { ct.Faults(t, h(t)) })
	}
}
