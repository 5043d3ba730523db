package freshdesk_test

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	ct "github.com/gallra/gallra/connector/connectortest"
	"github.com/gallra/gallra/connector/freshdesk"
	"github.com/gallra/gallra/connector/rest/resttest"
)

//go:embed testdata/contract.yaml
var contractFile []byte

type doc = resttest.Doc

// fake is a Freshdesk account in memory: a trash that is emptied after 30 days
// and can be read until then, contacts whose deletion takes their tickets along,
// pages by number.
type fake struct {
	mu       sync.Mutex
	clock    *resttest.Clock
	contract *resttest.Contract
	quota    *resttest.Quota
	n        int64
	contacts map[int64]doc
	tickets  map[int64]doc
	messages map[int64][]doc
	trash    map[int64]time.Time
	files    map[string][]byte
	of       map[string]int64
	refuse   bool
	scope    int
}

func newFake() *fake {
	contract, err := resttest.NewContract(contractFile)
	if err != nil {
		panic(err)
	}
	f := &fake{clock: resttest.NewClock(time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)), contract: contract}
	f.quota = &resttest.Quota{Clock: f.clock, Calls: 400, Per: time.Minute}
	f.reset()
	return f
}

func (f *fake) reset() {
	f.contacts, f.tickets, f.messages, f.trash = map[int64]doc{}, map[int64]doc{}, map[int64][]doc{}, map[int64]time.Time{}
	f.files, f.of, f.refuse, f.scope = map[string][]byte{}, map[string]int64{}, false, 1
}

func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339)
}

func (f *fake) id() int64 { f.n++; return f.n }

func (f *fake) addContact(c doc, created, updated time.Time) int64 {
	id := f.id()
	d := doc{"id": id, "created_at": stamp(created), "updated_at": stamp(updated), "custom_fields": doc{}}
	maps.Copy(d, c)
	f.contacts[id] = d
	return id
}

func (f *fake) addTicket(requester int64, t doc, created, updated time.Time) int64 {
	id := f.id()
	d := doc{"id": id, "status": 5, "priority": 1, "source": 1, "requester_id": requester, "created_at": stamp(created), "updated_at": stamp(updated), "custom_fields": doc{}, "attachments": []doc{}}
	maps.Copy(d, t)
	f.tickets[id] = d
	return id
}

func (f *fake) addMessage(ticket, user int64, body string, source int, at time.Time, files ...ct.File) int64 {
	id := f.id()
	list := []doc{}
	for _, file := range files {
		n := f.id()
		token := fmt.Sprint("f", n)
		f.files[token] = file.Content
		list = append(list, doc{"id": n, "name": file.Name, "content_type": "text/plain", "attachment_url": "https://s3.amazonaws.com/files/" + token})
	}
	f.messages[ticket] = append(f.messages[ticket], doc{"id": id, "body": body, "user_id": user, "incoming": source == 0, "private": source == 2, "source": source, "created_at": stamp(at), "updated_at": stamp(at), "attachments": list})
	return id
}

func missing(w http.ResponseWriter) { w.WriteHeader(404) }

func paged(w http.ResponseWriter, r *http.Request, items []doc) {
	size, _ := strconv.Atoi(r.URL.Query().Get("per_page"))
	if size == 0 {
		size = 30
	}
	n, _ := strconv.Atoi(r.URL.Query().Get("page"))
	from := min(max(n-1, 0)*size, len(items))
	resttest.Write(w, 200, append([]doc{}, items[from:min(from+size, len(items))]...))
}

func (f *fake) forget(id int64) {
	for _, m := range f.messages[id] {
		f.forgetFiles(m)
	}
	f.forgetFiles(f.tickets[id])
	delete(f.tickets, id)
	delete(f.messages, id)
	delete(f.trash, id)
}

func (f *fake) forgetFiles(d doc) {
	list, _ := d["attachments"].([]doc)
	for _, a := range list {
		u := a["attachment_url"].(string)
		delete(f.files, u[strings.LastIndex(u, "/")+1:])
	}
}

func (f *fake) empty() {
	for id, at := range f.trash {
		if f.clock.Now().Sub(at) >= 30*24*time.Hour {
			f.forget(id)
		}
	}
}

func (f *fake) handler() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /api/v2/agents/me", func(w http.ResponseWriter, _ *http.Request) {
		resttest.Write(w, 200, doc{"ticket_scope": f.scope})
	})
	m.HandleFunc("GET /api/v2/contact_fields", func(w http.ResponseWriter, _ *http.Request) {
		resttest.Write(w, 200, []doc{{"name": "name", "type": "default_name", "default": true}, {"name": "cf_personnummer", "type": "custom_text", "default": false}, {"name": "cf_omrade", "type": "custom_dropdown", "default": false}})
	})
	m.HandleFunc("GET /api/v2/ticket_fields", func(w http.ResponseWriter, _ *http.Request) {
		resttest.Write(w, 200, []doc{{"name": "subject", "type": "default_subject", "default": true}, {"name": "cf_omrade", "type": "custom_dropdown", "default": false}})
	})
	m.HandleFunc("GET /files/{token}", func(w http.ResponseWriter, r *http.Request) {
		b, ok := f.files[r.PathValue("token")]
		if !ok {
			missing(w)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = w.Write(b)
	})
	m.HandleFunc("GET /api/v2/contacts", func(w http.ResponseWriter, r *http.Request) {
		var out []doc
		for _, id := range slices.Sorted(maps.Keys(f.contacts)) {
			if (f.contacts[id]["deleted"] == true) == (r.URL.Query().Get("state") == "deleted") {
				out = append(out, f.contacts[id])
			}
		}
		paged(w, r, out)
	})
	contact := func(do func(w http.ResponseWriter, r *http.Request, id int64, c doc)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
			if c := f.contacts[id]; c != nil {
				do(w, r, id, c)
				return
			}
			missing(w)
		}
	}
	m.HandleFunc("GET /api/v2/contacts/{id}", contact(func(w http.ResponseWriter, _ *http.Request, _ int64, c doc) { resttest.Write(w, 200, c) }))
	m.HandleFunc("PUT /api/v2/contacts/{id}", contact(func(w http.ResponseWriter, r *http.Request, _ int64, c doc) {
		in := doc{}
		_ = json.NewDecoder(r.Body).Decode(&in)
		if own, ok := in["custom_fields"].(map[string]any); ok {
			merged := doc{}
			if have, ok := c["custom_fields"].(doc); ok {
				maps.Copy(merged, have)
			}
			maps.Copy(merged, own)
			in["custom_fields"] = merged
		}
		maps.Copy(c, in)
		c["updated_at"] = stamp(f.clock.Now())
		resttest.Write(w, 200, c)
	}))
	m.HandleFunc("DELETE /api/v2/contacts/{id}/hard_delete", contact(func(w http.ResponseWriter, _ *http.Request, id int64, _ doc) {
		for t, d := range f.tickets {
			if d["requester_id"] == id {
				f.forget(t)
			}
		}
		delete(f.contacts, id)
		w.WriteHeader(204)
	}))
	m.HandleFunc("GET /api/v2/tickets", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		var out []doc
		for _, id := range slices.Sorted(maps.Keys(f.tickets)) {
			t := f.tickets[id]
			if (t["deleted"] == true) != (q.Get("filter") == "deleted") || q.Get("requester_id") != "" && q.Get("requester_id") != fmt.Sprint(t["requester_id"]) {
				continue
			}
			out = append(out, t)
		}
		if q.Get("order_type") == "desc" {
			slices.Reverse(out)
		}
		paged(w, r, out)
	})
	ticket := func(do func(w http.ResponseWriter, r *http.Request, id int64, t doc)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
			if t := f.tickets[id]; t != nil {
				do(w, r, id, t)
				return
			}
			missing(w)
		}
	}
	m.HandleFunc("GET /api/v2/tickets/{id}", ticket(func(w http.ResponseWriter, _ *http.Request, _ int64, t doc) { resttest.Write(w, 200, t) }))
	m.HandleFunc("DELETE /api/v2/tickets/{id}", ticket(func(w http.ResponseWriter, _ *http.Request, id int64, t doc) {
		if t["deleted"] == true {
			missing(w)
			return
		}
		t["deleted"] = true
		f.trash[id] = f.clock.Now()
		w.WriteHeader(204)
	}))
	m.HandleFunc("GET /api/v2/tickets/{id}/conversations", ticket(func(w http.ResponseWriter, r *http.Request, id int64, _ doc) { paged(w, r, f.messages[id]) }))
	message := func(do func(w http.ResponseWriter, r *http.Request, ticket int64, m doc)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			for t, list := range f.messages {
				for _, msg := range list {
					if fmt.Sprint(msg["id"]) == r.PathValue("id") {
						do(w, r, t, msg)
						return
					}
				}
			}
			missing(w)
		}
	}
	m.HandleFunc("PUT /api/v2/conversations/{id}", message(func(w http.ResponseWriter, r *http.Request, _ int64, msg doc) {
		in := doc{}
		_ = json.NewDecoder(r.Body).Decode(&in)
		msg["body"] = in["body"]
		resttest.Write(w, 200, msg)
	}))
	m.HandleFunc("DELETE /api/v2/conversations/{id}", message(func(w http.ResponseWriter, _ *http.Request, t int64, msg doc) {
		f.forgetFiles(msg)
		f.messages[t] = slices.DeleteFunc(f.messages[t], func(o doc) bool { return o["id"] == msg["id"] })
		w.WriteHeader(204)
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.empty()
		key, _, _ := r.BasicAuth()
		switch {
		case strings.HasPrefix(r.URL.Path, "/files/"):
			if key != "" {
				f.contract.Breach("the key is shown to the host of the files")
			}
		case !strings.HasPrefix(r.Host, "127.") && f.quota.Refuse(w):
			return
		case key != "hemlig-lasning" && key != "hemlig-andring":
			resttest.Write(w, 401, doc{"code": "invalid_credentials"})
			return
		case r.Method != "GET" && (f.refuse || key != "hemlig-andring"):
			resttest.Write(w, 403, doc{"code": "access_denied"})
			return
		}
		m.ServeHTTP(w, r)
	})
}

func (f *fake) stored() []ct.Place {
	f.empty()
	var out []ct.Place
	add := func(where string, id any, v string) {
		out = append(out, ct.Place{Where: fmt.Sprint(where, " ", id), Value: v})
	}
	for _, id := range slices.Sorted(maps.Keys(f.contacts)) {
		add("contact", id, resttest.Words(f.contacts[id]))
	}
	for _, id := range slices.Sorted(maps.Keys(f.tickets)) {
		add("ticket", id, resttest.Words(f.tickets[id]))
		for _, m := range f.messages[id] {
			add("message", m["id"], resttest.Words(m))
		}
	}
	for _, t := range slices.Sorted(maps.Keys(f.files)) {
		add("file", t, string(f.files[t]))
	}
	return out
}

func (f *fake) site() *resttest.Site {
	return &resttest.Site{
		Connector: "freshdesk", Host: "kommunen.freshdesk.com", Options: map[string]string{"api_key": "hemlig-lasning", "erase_api_key": "hemlig-andring"}, Secrets: []string{"hemlig-lasning", "hemlig-andring"},
		Wrong: []map[string]string{{"api_key": "fel"}, {"erase_api_key": "fel"}, {"rate": "0"}}, Open: freshdesk.OpenWith,
		Clock: f.clock, Contract: f.contract, Handler: f.handler(), Lock: &f.mu, Reset: f.reset, Stored: f.stored,
		Refuse: func(on bool) { f.refuse = on }, Settle: f.empty, Ages: 31 * 24 * time.Hour,
	}
}

func contacts(t *testing.T) ct.Harness {
	f := newFake()
	s := f.site()
	s.Seed = func(s ct.Seed) {
		f.of[s.Key] = f.addContact(doc{"name": s.Name, "email": s.Email, "phone": s.Phone, "twitter_id": s.Username, "unique_external_id": s.Customer, "description": s.Text,
			"custom_fields": doc{"cf_personnummer": s.Personnummer, "cf_omrade": s.Keep}}, s.Created, s.Updated)
	}
	s.Touch = func(s ct.Seed) { f.contacts[f.of[s.Key]]["address"] = "Storgatan 1" }
	h := s.Harness(t)
	h.Type, h.Named, h.Email, h.Text, h.Keep = "contact", "name", "email", "description", "field_cf_omrade"
	h.Kinds = []gallra.IdentifierKind{gallra.IdentEmail, gallra.IdentName, gallra.IdentPhone, gallra.IdentUsername, gallra.IdentCustomer}
	h.Clocks = []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated}
	return h
}

func tickets(t *testing.T) ct.Harness {
	f := newFake()
	s := f.site()
	who := int64(0)
	s.Reset = func() {
		f.reset()
		who = f.addContact(doc{"name": "Webbformuläret"}, f.clock.Now(), f.clock.Now())
	}
	s.Seed = func(s ct.Seed) {
		status := 5
		if s.Closed.IsZero() {
			status = 2
		}
		id := f.addTicket(who, doc{"subject": s.Text, "status": status, "cc_emails": []string{s.Email}, "description": "<p>Ärendet " + s.Key + "</p>", "custom_fields": doc{"cf_omrade": s.Keep},
			"stats": doc{"closed_at": stamp(s.Closed), "requester_responded_at": stamp(s.Contact)}}, s.Created, s.Updated)
		f.of[s.Key] = id
		for i, v := range append([]string{"Bifogar, " + s.Key}, s.Children...) {
			var files []ct.File
			if i == 0 {
				files = s.Files
			}
			f.addMessage(id, who, v, 0, s.Created.Add(time.Duration(i)*time.Minute), files...)
		}
	}
	s.Touch = func(s ct.Seed) { f.tickets[f.of[s.Key]]["updated_at"] = stamp(f.clock.Now()) }
	h := s.Harness(t)
	h.Type, h.Text, h.Keep, h.Children, h.Attachments = "ticket", "subject", "field_cf_omrade", "message", "attachment"
	h.Fixed = []string{"subject"}
	h.Clocks = []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated, gallra.StartLastContact, gallra.StartClosed}
	h.Plant = func(_ ct.TB, v string) {
		f.mu.Lock()
		defer f.mu.Unlock()
		id := f.addTicket(who, doc{"subject": v, "deleted": true}, f.clock.Now(), f.clock.Now())
		f.trash[id] = f.clock.Now()
	}
	h.PutBack = func(_ ct.TB, _ gallra.Ref, s ct.Seed) {
		f.mu.Lock()
		defer f.mu.Unlock()
		id := f.of[s.Key]
		f.tickets[id] = doc{"id": id, "subject": s.Text, "status": 5, "requester_id": who, "created_at": stamp(s.Created), "updated_at": stamp(s.Updated), "deleted": true}
		f.trash[id] = f.clock.Now()
	}
	return h
}

var kinds = map[string]func(*testing.T) ct.Harness{"contacts": contacts, "tickets": tickets}

// TestS35_TheSuite runs the conformance suite; every exchange is held against
// the contract.
func TestS35_TheSuite(t *testing.T) {
	for name, h := range kinds {
		t.Run(name, func(t *testing.T) { ct.Run(t, h(t)) })
	}
}

// TestS35_Faults runs the suite's randomised sequences over a network that fails.
func TestS35_Faults(t *testing.T) {
	for name, h := range kinds {
		t.Run(name, func(t *testing.T) { ct.Faults(t, h(t)) })
	}
}

// TestG5_NoTicketGoesAlongWithItsContact, messages go alone, notes can be
// edited, a restricted agent and a reading key are refused by name.
func TestG5_NoTicketGoesAlongWithItsContact(t *testing.T) {
	f := newFake()
	src := f.site().Connect(t, nil)
	now := f.clock.Now()
	anna := f.addContact(doc{"name": "Anna Berg", "email": "anna@example.se"}, now, now)
	id := f.addTicket(anna, doc{"subject": "Bygglov"}, now, now)
	mail, note := f.addMessage(id, anna, "<p>Jag heter Anna</p>", 0, now), f.addMessage(id, 0, "<p>Anna ringde</p>", 2, now)
	e, ed := src.(connector.Eraser), src.(connector.Editor)
	var x *gallra.Error
	contact := gallra.Ref{Type: "contact", ID: fmt.Sprint(anna)}
	if _, err := e.Erase(t.Context(), contact, ""); !errors.As(err, &x) || x.Key != "freshdesk.contact_has_tickets" || f.tickets[id] == nil {
		t.Errorf("%v", err)
	}
	set := []gallra.Field{{Name: "body", Value: "<p>[namn borttaget] ringde</p>"}}
	if _, err := ed.Edit(t.Context(), gallra.Ref{Type: "message", ID: fmt.Sprintf("%d_%d", id, mail)}, "", set); !errors.Is(err, gallra.ErrUnsupported) {
		t.Errorf("a mail is edited: %v", err)
	}
	if _, err := ed.Edit(t.Context(), gallra.Ref{Type: "message", ID: fmt.Sprintf("%d_%d", id, note)}, "", set); err != nil {
		t.Error(err)
	}
	if _, err := f.site().Connect(t, map[string]string{"erase_api_key": ""}).(connector.Eraser).Erase(t.Context(), gallra.Ref{Type: "ticket", ID: fmt.Sprint(id)}, ""); !errors.Is(err, gallra.ErrPermission) {
		t.Errorf("with the reading key: %v", err)
	}
	if _, err := e.Erase(t.Context(), gallra.Ref{Type: "message", ID: fmt.Sprintf("%d_%d", id, mail)}, ""); err != nil || strings.Contains(resttest.Words(f.messages[id]), "Anna") {
		t.Errorf("%v", err)
	}
	r, err := e.Erase(t.Context(), gallra.Ref{Type: "ticket", ID: fmt.Sprint(id)}, "")
	if err != nil || r.Final || r.Grade != gallra.GradeHidden || r.GoneBy.Sub(f.clock.Now()) != 30*24*time.Hour {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := e.Erase(t.Context(), contact, ""); err != nil {
		t.Errorf("with its tickets in the trash: %v", err)
	}
	f.scope = 2
	if err := src.Check(t.Context()); !errors.As(err, &x) || x.Key != "freshdesk.restricted" {
		t.Errorf("%v", err)
	}
	f.tickets[99] = doc{"id": int64(99), "status": 2, "requester_id": anna, "created_at": "igår", "updated_at": stamp(now)}
	if _, err := src.Get(t.Context(), gallra.Ref{Type: "ticket", ID: "99"}); !errors.Is(err, gallra.ErrDrift) {
		t.Errorf("a time of another form: %v", err)
	}
}

// TestG7_SuccessThatDidNothingIsNone: an answer of success is read back.
func TestG7_SuccessThatDidNothingIsNone(t *testing.T) {
	f := newFake()
	s := f.site()
	src := s.Connect(t, nil)
	now := f.clock.Now()
	who := f.addContact(doc{"name": "Anna Berg"}, now, now)
	other := f.addContact(doc{"name": "Bo Ek"}, now, now)
	id := f.addTicket(who, doc{"subject": "x"}, now, now)
	msg := f.addMessage(id, who, "x", 0, now)
	refs := []gallra.Ref{{Type: "ticket", ID: fmt.Sprint(id)}, {Type: "contact", ID: fmt.Sprint(other)}, {Type: "message", ID: fmt.Sprintf("%d_%d", id, msg)}}
	s.Lie()
	for _, ref := range refs {
		if r, err := src.(connector.Eraser).Erase(t.Context(), ref, ""); !errors.Is(err, gallra.ErrUnavailable) {
			t.Errorf("%s: %+v, %v", ref, r, err)
		}
	}
}

// merge makes two contacts one as Freshdesk does: tickets and messages move, the
// address goes among the other ones, and the second contact is deleted for good.
func (f *fake) merge(stays, goes int64) {
	for _, t := range f.tickets {
		if t["requester_id"] == goes {
			t["requester_id"] = stays
		}
	}
	for _, list := range f.messages {
		for _, m := range list {
			if m["user_id"] == goes {
				m["user_id"] = stays
			}
		}
	}
	f.contacts[stays]["other_emails"] = []string{f.contacts[goes]["email"].(string)}
	delete(f.contacts, goes)
}

// TestH17_MergedContactsAreOne: the old address leads to the contact that is left
// and its tickets; the old id leads nowhere and takes nothing along.
func TestH17_MergedContactsAreOne(t *testing.T) {
	f := newFake()
	src := f.site().Connect(t, nil)
	now := f.clock.Now()
	goes := f.addContact(doc{"name": "Anna B", "email": "anna.gammal@example.se"}, now, now)
	stays := f.addContact(doc{"name": "Anna Berg", "email": "anna@example.se"}, now, now)
	neighbour := f.addContact(doc{"name": "Anna Borg", "email": "borg@example.se"}, now, now)
	old, own, hers := f.addTicket(goes, doc{"subject": "Bygglov"}, now, now), f.addTicket(stays, doc{"subject": "Skola"}, now, now), f.addTicket(neighbour, doc{"subject": "Vatten"}, now, now)
	f.addMessage(old, goes, "<p>Hej</p>", 0, now)
	f.merge(stays, goes)
	ticket := func(id int64) gallra.Ref { return gallra.Ref{Type: "ticket", ID: fmt.Sprint(id)} }
	contact := func(id int64) gallra.Ref { return gallra.Ref{Type: "contact", ID: fmt.Sprint(id)} }
	got := map[gallra.Ref]bool{}
	for at := ""; ; {
		h, err := src.(connector.Finder).Find(t.Context(), connector.Needles{Identifiers: []gallra.Identifier{{Kind: gallra.IdentEmail, Value: "anna.gammal@example.se"}}}, at)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range h.Hits {
			x.Ref.System = ""
			got[x.Ref] = true
		}
		if at = h.Next; at == "" {
			break
		}
	}
	if !got[contact(stays)] || !got[ticket(old)] || !got[ticket(own)] || got[ticket(hers)] || got[contact(goes)] {
		t.Errorf("found %v", got)
	}
	e := src.(connector.Eraser)
	if _, err := e.Erase(t.Context(), contact(goes), ""); !errors.Is(err, gallra.ErrNotFound) || len(f.tickets) != 3 {
		t.Errorf("the one who went: %v", err)
	}
	for _, ref := range []gallra.Ref{ticket(old), ticket(own), contact(stays)} {
		if _, err := e.Erase(t.Context(), ref, ""); err != nil {
			t.Errorf("%s: %v", ref, err)
		}
	}
	if f.tickets[hers]["deleted"] == true || f.contacts[neighbour] == nil || f.contacts[stays] != nil {
		t.Error("the neighbour's is gone, or hers is not")
	}
}
