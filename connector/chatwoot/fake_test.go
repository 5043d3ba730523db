package chatwoot_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/chatwoot"
	ct "github.com/gallra/gallra/connector/connectortest"
	"github.com/gallra/gallra/connector/rest"
	"github.com/gallra/gallra/connector/rest/resttest"
	"github.com/gallra/gallra/internal/shareddata"
)

type doc = map[string]any

const token, erase = "hemlig-token", "hemlig-radering"

// fake is an account in Chatwoot: lists are ordered by activity or name, a
// conversation goes by a job, a contact at once with its conversations by a job,
// a message is written over.
type fake struct {
	clock    *resttest.Clock
	contract *resttest.Contract
	quota    *resttest.Quota
	jobs     *resttest.Jobs
	index    *resttest.Index[string] // of messages
	way      *resttest.Faulty
	system   gallra.SystemID

	mu            sync.Mutex
	last          int64
	contacts      map[int64]doc
	conversations map[int64]doc // with "contact"
	messages      map[int64]doc
	files         map[int64][]byte
	role          string
	refuse        bool
	of            map[string]int64
	client        int64
}

var systems atomic.Int64

// contract is Chatwoot's own description with the operation that it has and
// does not describe.
func contract(tb testing.TB) *resttest.Contract {
	b, err := os.ReadFile(shareddata.Path(tb, "data/apis/chatwoot/swagger.json"))
	if err != nil {
		tb.Fatal(err)
	}
	var d doc
	if err := json.Unmarshal(b, &d); err != nil {
		tb.Fatal(err)
	}
	d["paths"].(doc)["/api/v1/accounts/{account_id}/conversations/{conversation_id}"].(doc)["delete"] = doc{"responses": doc{"200": doc{"description": "queued"}}}
	d["openapi"] = "3.0.3"
	older(d)
	if b, err = json.Marshal(d); err != nil {
		tb.Fatal(err)
	}
	c, err := resttest.NewContract(b)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// older writes types of OpenAPI 3.1 in the words of 3.0, which are tried a
// hundred times faster.
func older(v any) {
	switch x := v.(type) {
	case []any:
		for _, e := range x {
			older(e)
		}
	case doc:
		if types, ok := x["type"].([]any); ok {
			types = slices.DeleteFunc(types, func(t any) bool { return t == "null" })
			x["nullable"] = true
			if x["type"] = any(nil); len(types) == 1 {
				x["type"] = types[0]
			} else {
				delete(x, "type")
			}
		}
		if x["type"] == "null" {
			delete(x, "type")
			x["nullable"] = true
		}
		for _, e := range x {
			older(e)
		}
	}
}

func newFake(tb testing.TB) *fake {
	tb.Helper()
	clock := resttest.NewClock(time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC))
	f := &fake{clock: clock, contract: contract(tb), quota: &resttest.Quota{Clock: clock, Calls: 120, Per: time.Minute}, system: gallra.SystemID(fmt.Sprint("chatwoot-", systems.Add(1)))}
	f.way = &resttest.Faulty{Next: resttest.Local{Handler: f}}
	f.reset()
	tb.Cleanup(func() {
		for _, b := range f.contract.Broken() {
			tb.Errorf("against the contract: %s", b)
		}
	})
	return f
}

func (f *fake) reset() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.jobs = &resttest.Jobs{Clock: f.clock, Takes: 10 * time.Minute}
	f.index = &resttest.Index[string]{Clock: f.clock, Lag: 5 * time.Minute}
	f.contacts, f.conversations, f.messages, f.files, f.of = map[int64]doc{}, map[int64]doc{}, map[int64]doc{}, map[int64][]byte{}, map[string]int64{}
	f.last, f.role, f.refuse = 0, "administrator", false
	f.client = f.addContact(doc{"name": "Webbformuläret"}, time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC))
}

func (f *fake) id() int64 { f.last++; return f.last }

func (f *fake) addContact(d doc, created time.Time) int64 {
	id := f.id()
	c := doc{"id": id, "name": "", "email": nil, "phone_number": nil, "identifier": nil, "blocked": false, "availability_status": "offline", "thumbnail": "",
		"additional_attributes": doc{}, "custom_attributes": doc{}, "contact_inboxes": []doc{}, "created_at": created.Unix(), "last_activity_at": created.Unix()}
	maps.Copy(c, d)
	f.contacts[id] = c
	return id
}

func (f *fake) addConversation(contact int64, d doc, created, updated, contacted time.Time) int64 {
	id := f.id()
	c := doc{"id": id, "contact": contact, "account_id": 1, "inbox_id": 1, "status": "resolved", "priority": nil, "labels": []string{}, "additional_attributes": doc{}, "custom_attributes": doc{},
		"created_at": created.Unix(), "updated_at": updated.Unix(), "last_activity_at": contacted.Unix()}
	maps.Copy(c, d)
	f.conversations[id] = c
	return id
}

func (f *fake) addMessage(conversation int64, d doc, files ...ct.File) int64 {
	id := f.id()
	c := f.conversations[conversation]
	m := doc{"id": id, "conversation_id": conversation, "content": "", "account_id": 1, "inbox_id": 1, "message_type": 0, "created_at": c["created_at"], "private": false, "status": "sent", "source_id": nil,
		"content_type": "text", "content_attributes": doc{}, "sender_type": "Contact", "sender": doc{"id": c["contact"], "name": "Webbformuläret", "type": "contact"}, "attachments": []doc{}}
	maps.Copy(m, d)
	list := []doc{}
	for _, file := range files {
		n := f.id()
		f.files[n] = file.Content
		list = append(list, doc{"id": n, "message_id": id, "file_type": "file", "account_id": 1, "data_url": fmt.Sprintf("https://chatt.kommun.example/rails/active_storage/%d/%s", n, file.Name), "file_size": len(file.Content)})
	}
	m["attachments"] = list
	f.messages[id] = m
	f.index.Put(fmt.Sprint(id), fmt.Sprint(m["content"]))
	return id
}

func (f *fake) dropConversation(id int64) {
	delete(f.conversations, id)
	for n, m := range f.messages {
		if m["conversation_id"] == id {
			f.dropFiles(m)
			delete(f.messages, n)
		}
	}
}

func (f *fake) dropFiles(m doc) {
	for _, a := range m["attachments"].([]doc) {
		delete(f.files, a["id"].(int64))
	}
	m["attachments"] = []doc{}
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f.quota.Refuse(w) {
		return
	}
	if shown := r.Header.Get("api_access_token"); shown != erase && (shown != token || resttest.Changes(r)) {
		resttest.Write(w, 401, doc{"error": "Invalid Access Token"})
		return
	}
	if strings.HasPrefix(r.URL.Path, "/rails/active_storage/") {
		n, _ := strconv.ParseInt(strings.Split(r.URL.Path, "/")[3], 10, 64)
		f.mu.Lock()
		defer f.mu.Unlock()
		if b, ok := f.files[n]; ok {
			_, _ = w.Write(b)
			return
		}
		missing(w)
		return
	}
	f.contract.Wrap(http.HandlerFunc(f.serve)).ServeHTTP(w, r)
}

func missing(w http.ResponseWriter) {
	resttest.Write(w, 404, doc{"description": "Resource could not be found"})
}

var route = regexp.MustCompile(`^/api/v1/(profile|accounts/1/(contacts|conversations)(?:/(search|\d+))?(?:/(messages|conversations)(?:/(\d+))?)?)$`)

func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.jobs.Run()
	p := route.FindStringSubmatch(r.URL.Path)
	if p == nil {
		missing(w)
		return
	}
	id, _ := strconv.ParseInt(p[3], 10, 64)
	if r.Method == "DELETE" {
		f.delete(w, p, id)
		return
	}
	switch {
	case p[1] == "profile":
		resttest.Write(w, 200, doc{"id": 1, "accounts": []doc{{"id": 1, "role": f.role, "status": "active"}}})
	case p[2] == "contacts" && p[4] == "conversations":
		f.cases(w, id)
	case p[2] == "contacts" && id > 0:
		if c := f.contacts[id]; c != nil {
			resttest.Write(w, 200, doc{"payload": c})
			return
		}
		missing(w)
	case p[2] == "contacts":
		f.listContacts(w, r, p[3] == "search")
	case p[4] == "messages":
		f.thread(w, r, id)
	case id > 0:
		if c := f.conversations[id]; c != nil {
			resttest.Write(w, 200, f.show(c))
			return
		}
		missing(w)
	default:
		f.listConversations(w, r)
	}
}

func (f *fake) show(c doc) doc {
	out := maps.Clone(c)
	delete(out, "contact")
	sender := doc{"id": c["contact"]}
	if x := f.contacts[c["contact"].(int64)]; x != nil {
		sender["name"], sender["email"] = x["name"], x["email"]
	}
	out["meta"] = doc{"sender": sender, "channel": "Channel::Email"}
	return out
}

// stretch gives a page of a list.
func stretch(r *http.Request, all []doc, size int) []doc {
	n, _ := strconv.Atoi(r.URL.Query().Get("page"))
	at := min((max(n, 1)-1)*size, len(all))
	return append([]doc{}, all[at:min(at+size, len(all))]...)
}

func (f *fake) listContacts(w http.ResponseWriter, r *http.Request, search bool) {
	q := strings.ToLower(r.URL.Query().Get("q"))
	all := []doc{}
	for _, id := range slices.Sorted(maps.Keys(f.contacts)) {
		c := f.contacts[id]
		if !search || strings.Contains(strings.ToLower(fmt.Sprint(c["name"], "\n", c["email"], "\n", c["phone_number"], "\n", c["identifier"])), q) {
			all = append(all, c)
		}
	}
	slices.SortStableFunc(all, func(a, b doc) int { return strings.Compare(fmt.Sprint(a["name"]), fmt.Sprint(b["name"])) })
	resttest.Write(w, 200, doc{"meta": doc{"count": len(all), "current_page": 1}, "payload": stretch(r, all, 3)})
}

func (f *fake) listConversations(w http.ResponseWriter, r *http.Request) {
	q := strings.ToLower(r.URL.Query().Get("q"))
	hit := map[any]bool{}
	for id, text := range f.index.Shown() {
		n, _ := strconv.ParseInt(id, 10, 64)
		if m := f.messages[n]; m != nil && strings.Contains(strings.ToLower(text), q) {
			hit[m["conversation_id"]] = true
		}
	}
	all := []doc{}
	for _, id := range slices.Sorted(maps.Keys(f.conversations)) {
		if q == "" || hit[id] {
			all = append(all, f.show(f.conversations[id]))
		}
	}
	slices.SortStableFunc(all, func(a, b doc) int { return int(b["last_activity_at"].(int64) - a["last_activity_at"].(int64)) })
	resttest.Write(w, 200, doc{"data": doc{"meta": doc{"all_count": len(all)}, "payload": stretch(r, all, 4)}})
}

func (f *fake) cases(w http.ResponseWriter, contact int64) {
	if f.contacts[contact] == nil {
		missing(w)
		return
	}
	all := []doc{}
	for _, id := range slices.Sorted(maps.Keys(f.conversations)) {
		if c := f.conversations[id]; c["contact"] == contact {
			all = append(all, f.show(c))
		}
	}
	slices.Reverse(all)
	resttest.Write(w, 200, doc{"payload": all[:min(len(all), 20)]})
}

func (f *fake) thread(w http.ResponseWriter, r *http.Request, conversation int64) {
	if f.conversations[conversation] == nil {
		missing(w)
		return
	}
	after, _ := strconv.ParseInt(r.URL.Query().Get("after"), 10, 64)
	all := []doc{}
	for _, id := range slices.Sorted(maps.Keys(f.messages)) {
		if m := f.messages[id]; m["conversation_id"] == conversation && id > after && len(all) < 2 {
			all = append(all, m)
		}
	}
	resttest.Write(w, 200, doc{"payload": all})
}

func (f *fake) delete(w http.ResponseWriter, p []string, id int64) {
	switch {
	case f.role != "administrator":
		resttest.Write(w, 401, doc{"error": "You are not authorized to do this action"})
	case f.refuse:
		resttest.Write(w, 403, doc{"error": "Åsa får inte tas bort"})
	case p[4] == "messages":
		n, _ := strconv.ParseInt(p[5], 10, 64)
		m := f.messages[n]
		if m == nil || m["conversation_id"] != id {
			missing(w)
			return
		}
		f.dropFiles(m)
		m["content"], m["content_attributes"], m["sender"] = "This message was deleted", doc{"deleted": true}, doc{"id": 0, "name": ""}
		w.WriteHeader(200) // the index of messages does not follow
	case p[2] == "conversations":
		if f.conversations[id] == nil {
			missing(w)
			return
		}
		f.jobs.Start(func() { f.dropConversation(id) })
		w.WriteHeader(200)
	case f.contacts[id] == nil:
		missing(w)
	case f.contacts[id]["availability_status"] == "online":
		resttest.Write(w, 422, doc{"message": "Cannot delete an online contact"})
	default:
		delete(f.contacts, id)
		f.jobs.Start(func() {
			for _, n := range slices.Sorted(maps.Keys(f.conversations)) {
				if f.conversations[n]["contact"] == id {
					f.dropConversation(n)
				}
			}
		})
		w.WriteHeader(200)
	}
}

func (f *fake) stored() []ct.Place {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.jobs.Run()
	var out []ct.Place
	for _, part := range []struct {
		where string
		rows  map[int64]doc
	}{{"contacts", f.contacts}, {"conversations", f.conversations}, {"messages", f.messages}} {
		for _, id := range slices.Sorted(maps.Keys(part.rows)) {
			out = append(out, ct.Place{Where: part.where, Value: fmt.Sprint(part.rows[id])})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(f.files)) {
		out = append(out, ct.Place{Where: "active_storage_blobs", Value: string(f.files[id])})
	}
	return out
}

func (f *fake) config() connector.Config {
	return connector.Config{System: f.system, URL: "chatwoot://chatt.kommun.example", Options: map[string]string{"account": "1", "token": token, "erase_token": erase}}
}

func (f *fake) open(tb ct.TB, options ...string) connector.Source {
	tb.Helper()
	c := f.config()
	for i := 0; i+1 < len(options); i += 2 {
		c.Options[options[i]] = options[i+1]
	}
	s, err := chatwoot.Open(c, func(o *rest.Options) { o.Clock, o.Transport = f.clock, f.way })
	if err != nil {
		tb.Fatalf("open: %v", err)
	}
	return s
}

func (f *fake) locked(g func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	g()
	f.index.Flush()
}

func (f *fake) harness(search string) ct.Harness {
	return ct.Harness{
		Name:    "chatwoot",
		Config:  func(ct.TB) connector.Config { return f.config() },
		Open:    func(tb ct.TB) connector.Source { return f.open(tb, "search", search) },
		Secrets: []string{token, erase},
		Reset:   func(ct.TB) { f.reset() },
		Stored:  func(ct.TB) []ct.Place { return f.stored() },
		Broken: func(ct.TB) []connector.Config {
			a, b, c := f.config(), f.config(), f.config()
			a.Options["account"], b.Options["search"], c.URL = "ett", "kanske", "chatwoot://"
			return []connector.Config{a, b, c}
		},
		FailWrites: func(_ ct.TB, on bool) { f.mu.Lock(); f.refuse = on; f.mu.Unlock() },
		Eventually: func(ct.TB) {
			f.clock.Advance(20 * time.Minute)
			f.locked(f.jobs.Run)
		},
		Plant: func(_ ct.TB, text string) {
			f.locked(func() {
				id := f.addConversation(f.client, doc{}, monday, monday, monday)
				f.addMessage(id, doc{"content_attributes": doc{"email": doc{"text_content": doc{"full": text}}}})
			})
		},
		Faults: func(_ ct.TB, seed uint64) func() int { return f.way.Spoil(seed, 10) },
	}
}

var monday = time.Date(2024, 6, 10, 9, 30, 0, 0, time.UTC)

// conversationHarness: the person stands in the text of what a form has sent.
func (f *fake) conversationHarness() ct.Harness {
	h := f.harness("")
	h.Type, h.Text, h.Keep, h.Children, h.Attachments = chatwoot.TypeConversation, "subject", "", chatwoot.TypeMessage, chatwoot.TypeAttachment
	h.Clocks = []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated, gallra.StartLastContact}
	h.Seed = func(_ ct.TB, ss []ct.Seed) {
		f.locked(func() {
			for _, s := range ss {
				id := f.addConversation(f.client, doc{"additional_attributes": doc{"mail_subject": s.Text, "referer": s.Keep}}, s.Created, s.Updated, s.Contact)
				f.of[s.Key] = id
				f.addMessage(id, doc{"content": "Det gäller " + s.Key, "content_attributes": doc{"email": doc{"from": []string{s.Email}}}}, s.Files...)
				for _, c := range append(slices.Clone(s.Children), s.History...) {
					f.addMessage(id, doc{"content": c, "message_type": 1, "sender_type": "User", "sender": doc{"id": 9, "name": "Handläggaren"}})
				}
			}
		})
	}
	h.Touch = func(_ ct.TB, s ct.Seed) {
		f.locked(func() {
			id := f.of[s.Key]
			f.addMessage(id, doc{"content": "Ett svar om " + s.Key})
			f.conversations[id]["updated_at"], f.conversations[id]["last_activity_at"] = f.clock.Now().Unix(), f.clock.Now().Unix()
		})
	}
	return h
}

func (f *fake) contactHarness() ct.Harness {
	h := f.harness("")
	h.Type, h.Email, h.Named, h.Text = chatwoot.TypeContact, "email", "name", ""
	h.Kinds = []gallra.IdentifierKind{gallra.IdentEmail, gallra.IdentName, gallra.IdentPhone, gallra.IdentCustomer}
	h.Clocks = []gallra.StartEvent{gallra.StartCreated, gallra.StartLastContact}
	h.Seed = func(_ ct.TB, ss []ct.Seed) {
		f.locked(func() {
			for _, s := range ss {
				f.of[s.Key] = f.addContact(doc{"name": s.Name, "email": s.Email, "phone_number": s.Phone, "identifier": s.Customer, "additional_attributes": doc{"created_at_ip": s.IP},
					"custom_attributes": doc{"anteckning": s.Text, "kö": s.Keep}, "last_activity_at": s.Contact.Unix()}, s.Created)
			}
		})
	}
	h.Touch = func(_ ct.TB, s ct.Seed) {
		f.locked(func() { f.contacts[f.of[s.Key]]["last_activity_at"] = f.clock.Now().Unix() })
	}
	reset := h.Reset
	h.Reset = func(tb ct.TB) {
		reset(tb)
		f.locked(func() { delete(f.contacts, f.client) })
	}
	return h
}
