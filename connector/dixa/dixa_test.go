package dixa_test

import (
	_ "embed"
	"encoding/base64"
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
	"github.com/gallra/gallra/connector/dixa"
	"github.com/gallra/gallra/connector/rest/resttest"
)

//go:embed testdata/contract.yaml
var contractFile []byte

type doc = resttest.Doc

// fake is an organisation in Dixa in memory: anonymisation is a request that is
// processed later and takes along what is below; open conversations are refused;
// lists leave custom attributes out; the search lags.
type fake struct {
	mu       sync.Mutex
	clock    *resttest.Clock
	contract *resttest.Contract
	jobs     *resttest.Jobs
	index    *resttest.Index[string]
	quota    *resttest.Quota
	n        int64
	order    []string // users
	users    map[string]doc
	convs    map[int64]doc
	messages map[int64][]doc
	notes    map[int64][]doc
	log      map[int64][]doc
	files    map[string][]byte
	requests map[string]doc // anonymisations
	of       map[string]any
	refuse   bool
	strange  bool
}

func newFake() *fake {
	contract, err := resttest.NewContract(contractFile)
	if err != nil {
		panic(err)
	}
	f := &fake{clock: resttest.NewClock(time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)), contract: contract}
	f.quota = &resttest.Quota{Clock: f.clock, Calls: 40, Per: time.Second}
	f.reset()
	return f
}

func (f *fake) reset() {
	f.jobs = &resttest.Jobs{Clock: f.clock, Takes: 10 * time.Minute}
	f.index = &resttest.Index[string]{Clock: f.clock, Lag: 5 * time.Minute}
	f.order, f.users, f.convs, f.messages = nil, map[string]doc{}, map[int64]doc{}, map[int64][]doc{}
	f.notes, f.log, f.files, f.requests, f.of = map[int64][]doc{}, map[int64][]doc{}, map[string][]byte{}, map[string]doc{}, map[string]any{}
	f.refuse, f.strange = false, false
}

func (f *fake) uuid() string {
	f.n++
	return fmt.Sprintf("%08x-0000-4000-8000-%012x", f.n, f.n)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func (f *fake) addUser(u doc, at time.Time) string {
	id := f.uuid()
	d := doc{"id": id, "createdAt": stamp(at)}
	maps.Copy(d, u)
	f.users[id] = d
	f.order = append(f.order, id)
	return id
}

func (f *fake) addConversation(user string, c doc, at time.Time) int64 {
	f.n++
	id := f.n
	d := doc{"id": id, "requesterId": user, "channel": "Email", "createdAt": stamp(at), "state": "Closed", "stateUpdatedAt": stamp(at), "_type": "EmailConversation"}
	maps.Copy(d, c)
	f.convs[id] = d
	f.messages[id] = []doc{}
	f.log[id] = []doc{{"id": f.uuid(), "_type": "ConversationCreatedByCustomer", "subject": c["subject"]}}
	f.reindex(id)
	return id
}

func (f *fake) addMessage(conv int64, author, text string, at time.Time, files ...ct.File) string {
	id := f.uuid()
	attrs := doc{"_type": "ChatAttributes", "content": doc{"_type": "Text", "value": text}, "direction": "Inbound"}
	var list []doc
	for _, file := range files {
		f.n++
		token := fmt.Sprint("f", f.n)
		f.files[token] = file.Content
		list = append(list, doc{"url": "https://files.dixa.io/files/" + token, "prettyName": file.Name})
	}
	if list != nil {
		attrs["attachments"] = list
	}
	f.messages[conv] = append(f.messages[conv], doc{"id": id, "authorId": author, "createdAt": stamp(at), "attributes": attrs})
	f.reindex(conv)
	return id
}

func (f *fake) reindex(conv int64) {
	f.index.Put(fmt.Sprint(conv), resttest.Words(f.convs[conv])+resttest.Words(f.messages[conv])+resttest.Words(f.notes[conv]))
}

func missing(w http.ResponseWriter) { resttest.Write(w, 404, doc{"message": "Not found"}) }

// paged answers by a link to the next page, as Dixa does.
func paged[K any](w http.ResponseWriter, r *http.Request, keys []K, show func(K) doc) {
	limit, _ := strconv.Atoi(r.URL.Query().Get("pageLimit"))
	if limit == 0 {
		limit = 50
	}
	from := 0
	if k := r.URL.Query().Get("pageKey"); k != "" {
		b, _ := base64.StdEncoding.DecodeString(k)
		from, _ = strconv.Atoi(string(b))
	}
	to := min(from+limit, len(keys))
	out := []doc{}
	for _, k := range keys[min(from, to):to] {
		out = append(out, show(k))
	}
	meta := doc{}
	if to < len(keys) {
		meta["next"] = r.URL.Path + "?pageLimit=" + strconv.Itoa(limit) + "&pageKey=" + base64.StdEncoding.EncodeToString([]byte(strconv.Itoa(to)))
	}
	resttest.Write(w, 200, doc{"data": out, "meta": meta})
}

func without(d doc, keys ...string) doc {
	out := maps.Clone(d)
	for _, k := range keys {
		delete(out, k)
	}
	return out
}

func (f *fake) forgetMessage(m doc) {
	attrs := m["attributes"].(doc)
	list, _ := attrs["attachments"].([]doc)
	for _, a := range list {
		delete(f.files, a["url"].(string)[strings.LastIndex(a["url"].(string), "/")+1:])
	}
	m["attributes"] = doc{"_type": attrs["_type"], "direction": attrs["direction"]}
}

func (f *fake) forgetConversation(id int64) {
	c := f.convs[id]
	f.convs[id] = doc{"id": id, "requesterId": c["requesterId"], "channel": c["channel"], "createdAt": c["createdAt"], "state": c["state"], "stateUpdatedAt": c["stateUpdatedAt"], "anonymizedAt": stamp(f.clock.Now()), "_type": "AnonymizedConversation"}
	for _, m := range f.messages[id] {
		f.forgetMessage(m)
	}
	f.notes[id], f.log[id] = []doc{}, []doc{}
	f.reindex(id)
}

// request queues an anonymisation; the same target's is not queued twice.
func (f *fake) request(w http.ResponseWriter, kind, target string, do func()) {
	for _, q := range f.requests {
		if q["targetEntityId"] == target && q["processedAt"] == nil {
			resttest.Write(w, 202, doc{"data": q})
			return
		}
	}
	q := doc{"id": f.uuid(), "_type": kind, "entityType": doc{}, "initiatedAt": stamp(f.clock.Now()), "targetEntityId": target, "requestedBy": f.uuid()}
	f.requests[q["id"].(string)] = q
	f.jobs.Start(func() { do(); q["processedAt"] = stamp(f.clock.Now()) })
	resttest.Write(w, 202, doc{"data": q})
}

func (f *fake) handler() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /beta/organization", func(w http.ResponseWriter, _ *http.Request) {
		resttest.Write(w, 200, doc{"data": doc{"name": "Kommunen"}})
	})
	m.HandleFunc("GET /beta/custom-attributes", func(w http.ResponseWriter, _ *http.Request) {
		attr := func(n int, entity, name, kind string) doc {
			return doc{"id": fmt.Sprintf("%08x-0000-4000-8000-000000000000", n), "entityType": entity, "identifier": name, "label": name, "inputDefinition": doc{"_type": kind}}
		}
		resttest.Write(w, 200, doc{"data": []doc{attr(1, "Contact", "personnummer", "Text"), attr(2, "Contact", "omrade", "Select"), attr(3, "Conversation", "arende", "Select")}})
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
	m.HandleFunc("GET /beta/endusers", func(w http.ResponseWriter, r *http.Request) {
		paged(w, r, f.order, func(id string) doc { return without(f.users[id], "customAttributes") })
	})
	user := func(do func(w http.ResponseWriter, r *http.Request, id string, u doc)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if u := f.users[r.PathValue("user")]; u != nil {
				do(w, r, r.PathValue("user"), u)
				return
			}
			missing(w)
		}
	}
	m.HandleFunc("GET /beta/endusers/{user}", user(func(w http.ResponseWriter, _ *http.Request, _ string, u doc) {
		resttest.Write(w, 200, doc{"data": u})
	}))
	m.HandleFunc("PATCH /beta/endusers/{user}", user(func(w http.ResponseWriter, r *http.Request, _ string, u doc) {
		in := doc{}
		_ = json.NewDecoder(r.Body).Decode(&in)
		maps.Copy(u, in)
		resttest.Write(w, 200, doc{"data": u})
	}))
	own := func(user string) []int64 {
		return slices.Sorted(func(yield func(int64) bool) {
			for id, c := range f.convs {
				if c["requesterId"] == user && !yield(id) {
					return
				}
			}
		})
	}
	m.HandleFunc("GET /beta/endusers/{user}/conversations", user(func(w http.ResponseWriter, r *http.Request, id string, _ doc) {
		paged(w, r, own(id), func(c int64) doc { return without(f.convs[c], "customAttributes") })
	}))
	m.HandleFunc("PATCH /beta/endusers/{user}/anonymize", user(func(w http.ResponseWriter, _ *http.Request, id string, u doc) {
		for _, c := range own(id) {
			if f.convs[c]["state"] != "Closed" {
				resttest.Write(w, 409, doc{"message": "The user has conversations that are not closed"})
				return
			}
		}
		f.request(w, "User", id, func() {
			f.users[id] = doc{"id": id, "createdAt": u["createdAt"], "displayName": "Anonymized user"}
			for _, c := range own(id) {
				f.forgetConversation(c)
			}
		})
	}))
	conv := func(do func(w http.ResponseWriter, r *http.Request, id int64, c doc)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			id, _ := strconv.ParseInt(r.PathValue("conversation"), 10, 64)
			if c := f.convs[id]; c != nil {
				do(w, r, id, c)
				return
			}
			missing(w)
		}
	}
	m.HandleFunc("GET /beta/conversations/{conversation}", conv(func(w http.ResponseWriter, _ *http.Request, _ int64, c doc) {
		if f.strange {
			c = without(c, "channel")
			c["channel"] = ""
		}
		resttest.Write(w, 200, doc{"data": c})
	}))
	open := func(w http.ResponseWriter, c doc) bool {
		if c["state"] == "Closed" {
			return false
		}
		resttest.Write(w, 409, doc{"message": "The conversation is not closed"})
		return true
	}
	m.HandleFunc("PATCH /beta/conversations/{conversation}/anonymize", conv(func(w http.ResponseWriter, _ *http.Request, id int64, c doc) {
		if !open(w, c) {
			f.request(w, "Conversation", fmt.Sprint(id), func() { f.forgetConversation(id) })
		}
	}))
	m.HandleFunc("PATCH /beta/conversations/{conversation}/messages/{message}/anonymize", conv(func(w http.ResponseWriter, r *http.Request, id int64, c doc) {
		for _, msg := range f.messages[id] {
			if msg["id"] == r.PathValue("message") {
				if !open(w, c) {
					f.request(w, "Message", r.PathValue("message"), func() { f.forgetMessage(msg); f.reindex(id) })
				}
				return
			}
		}
		missing(w)
	}))
	for list, from := range map[string]func(int64) []doc{
		"messages": func(id int64) []doc { return f.messages[id] }, "notes": func(id int64) []doc { return f.notes[id] },
		"activitylog": func(id int64) []doc { return f.log[id] }, "ratings": func(int64) []doc { return nil },
	} {
		m.HandleFunc("GET /beta/conversations/{conversation}/"+list, conv(func(w http.ResponseWriter, _ *http.Request, id int64, _ doc) {
			resttest.Write(w, 200, doc{"data": append([]doc{}, from(id)...)})
		}))
	}
	m.HandleFunc("GET /beta/anonymization/request/{request}", func(w http.ResponseWriter, r *http.Request) {
		q := f.requests[r.PathValue("request")]
		if q == nil {
			missing(w)
			return
		}
		resttest.Write(w, 200, doc{"data": q})
	})
	m.HandleFunc("POST /beta/search/conversations", func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Query struct{ Value string } }
		_ = json.NewDecoder(r.Body).Decode(&in)
		var hits []int64
		for id, text := range f.index.Shown() {
			if resttest.HasPhrase(text, in.Query.Value) {
				n, _ := strconv.ParseInt(id, 10, 64)
				hits = append(hits, n)
			}
		}
		slices.Sort(hits)
		paged(w, r, hits, func(id int64) doc { return doc{"id": id, "highlights": doc{}} })
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.jobs.Run()
		token := r.Header.Get("Authorization")
		switch {
		case strings.HasPrefix(r.URL.Path, "/files/"):
			if token != "" {
				f.contract.Breach("the token is shown to the host of the files")
			}
		case !strings.HasPrefix(r.Host, "127.") && f.quota.Refuse(w):
			return
		case token != "hemlig-lasning" && token != "hemlig-andring":
			resttest.Write(w, 401, doc{"message": "Unauthorized"})
			return
		case r.Method == "PATCH" && (f.refuse || token != "hemlig-andring"):
			resttest.Write(w, 403, doc{"message": "Forbidden"})
			return
		}
		m.ServeHTTP(w, r)
	})
}

func (f *fake) stored() []ct.Place {
	f.jobs.Run()
	var out []ct.Place
	add := func(where string, id any, v string) {
		if strings.TrimSpace(v) != "" {
			out = append(out, ct.Place{Where: fmt.Sprint(where, " ", id), Value: v})
		}
	}
	for _, id := range f.order {
		if f.users[id]["displayName"] != "Anonymized user" {
			add("user", id, resttest.Words(f.users[id]))
		}
	}
	index := f.index.Shown()
	for _, id := range slices.Sorted(maps.Keys(f.convs)) {
		if f.convs[id]["anonymizedAt"] == nil {
			add("conversation", id, resttest.Words(f.convs[id]))
			add("log", id, resttest.Words(f.log[id]))
			add("index", id, index[fmt.Sprint(id)])
		} else if resttest.HasPhrase(index[fmt.Sprint(id)], "example se") || strings.Contains(index[fmt.Sprint(id)], "zq") {
			add("index", id, index[fmt.Sprint(id)])
		}
		for _, m := range f.messages[id] {
			if len(m["attributes"].(doc)) > 2 {
				add("message", m["id"], resttest.Words(m))
			}
		}
	}
	for _, t := range slices.Sorted(maps.Keys(f.files)) {
		add("file", t, string(f.files[t]))
	}
	return out
}

func (f *fake) site() *resttest.Site {
	return &resttest.Site{
		Connector: "dixa", Host: "dev.dixa.io", Options: map[string]string{"token": "hemlig-lasning", "erase_token": "hemlig-andring"}, Secrets: []string{"hemlig-lasning", "hemlig-andring"},
		Wrong: []map[string]string{{"token": "fel"}, {"erase_token": "fel"}, {"rate": "0"}}, Open: wrap,
		Clock: f.clock, Contract: f.contract, Handler: f.handler(), Lock: &f.mu, Reset: f.reset, Caught: func() { f.index.Flush() }, Stored: f.stored,
		Refuse: func(on bool) { f.refuse = on }, Settle: func() { f.jobs.Run(); f.clock.Advance(3 * time.Hour) }, Ages: time.Hour,
	}
}

var wrap = dixa.OpenWith

func users(t *testing.T) ct.Harness {
	f := newFake()
	s := f.site()
	s.Seed = func(s ct.Seed) {
		f.of[s.Key] = f.addUser(doc{"displayName": s.Name, "email": s.Email, "phoneNumber": s.Phone, "externalId": s.Customer,
			"customAttributes": []doc{{"id": "a", "name": "n", "identifier": "personnummer", "value": s.Personnummer}, {"id": "b", "name": "n", "identifier": "omrade", "value": []string{s.Keep}}}}, s.Created)
	}
	s.Touch = func(s ct.Seed) { f.users[f.of[s.Key].(string)]["lastName"] = "Nygift" }
	h := s.Harness(t)
	h.Type, h.Named, h.Email, h.Keep = "enduser", "displayName", "email", "attr_omrade"
	h.Kinds = []gallra.IdentifierKind{gallra.IdentEmail, gallra.IdentName, gallra.IdentPhone, gallra.IdentCustomer}
	h.Clocks, h.Resolution = []gallra.StartEvent{gallra.StartCreated}, time.Second
	return h
}

func conversations(t *testing.T) ct.Harness {
	f := newFake()
	s := f.site()
	who := ""
	s.Reset = func() {
		f.reset()
		who = f.addUser(doc{"displayName": "Webbformuläret"}, f.clock.Now())
	}
	s.Seed = func(s ct.Seed) {
		state, at := "Closed", s.Closed
		if at.IsZero() {
			state, at = "Open", s.Created
		}
		id := f.addConversation(who, doc{"subject": s.Text, "fromEmail": s.Email, "toEmail": "info@kommunen.example", "state": state, "stateUpdatedAt": stamp(at),
			"customAttributes": []doc{{"id": "c", "name": "n", "identifier": "arende", "value": []string{s.Keep}}}}, s.Created)
		f.of[s.Key] = id
		for i, v := range append([]string{"Bifogar, " + s.Key}, s.Children...) {
			var files []ct.File
			if i == 0 {
				files = s.Files
			}
			f.addMessage(id, who, v, s.Created.Add(time.Duration(i)*time.Minute), files...)
		}
		for _, v := range s.History {
			f.log[id] = append(f.log[id], doc{"id": f.uuid(), "_type": "ConversationSubjectUpdated", "oldSubject": v})
		}
	}
	s.Touch = func(s ct.Seed) {
		id := f.of[s.Key].(int64)
		f.convs[id]["subject"] = f.convs[id]["subject"].(string) + " igen"
		f.reindex(id)
	}
	h := s.Harness(t)
	h.Type, h.Text, h.Keep, h.Children, h.Attachments = "conversation", "subject", "attr_arende", "message", "attachment"
	h.Fixed = []string{"subject"}
	h.Kinds = []gallra.IdentifierKind{gallra.IdentEmail}
	h.Clocks = []gallra.StartEvent{gallra.StartCreated, gallra.StartClosed}
	h.Plant = func(_ ct.TB, v string) {
		f.mu.Lock()
		defer f.mu.Unlock()
		id := f.addConversation(who, doc{"subject": "x"}, f.clock.Now())
		f.log[id] = append(f.log[id], doc{"id": f.uuid(), "_type": "ConversationRated", "message": v})
	}
	h.PutBack = func(_ ct.TB, _ gallra.Ref, s ct.Seed) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.addMessage(f.of[s.Key].(int64), who, s.Text, f.clock.Now())
	}
	return h
}

func messages(t *testing.T) ct.Harness {
	f := newFake()
	s := f.site()
	conv, who := int64(0), ""
	s.Reset = func() {
		f.reset()
		who = f.addUser(doc{"displayName": "Webbformuläret"}, f.clock.Now())
		conv = f.addConversation(who, doc{"subject": "Ett samtal"}, f.clock.Now())
	}
	s.Seed = func(s ct.Seed) {
		id := f.addMessage(conv, who, s.Text, s.Created)
		f.of[s.Key] = id
		for _, m := range f.messages[conv] {
			if m["id"] == id {
				m["attributes"].(doc)["from"] = doc{"email": s.Email, "name": s.Name}
				m["attributes"].(doc)["direction"] = map[string]string{"Bygglov": "Inbound", "Skola": "Outbound", "Vatten": "Internal"}[s.Keep]
			}
		}
		f.reindex(conv)
	}
	s.Touch = func(s ct.Seed) {
		for _, m := range f.messages[conv] {
			if m["id"] == f.of[s.Key] {
				m["attributes"].(doc)["cc"] = []doc{{"email": "ny@example.org"}}
			}
		}
	}
	// One search row holds the whole conversation, so it is no message's own.
	look := s.Stored
	s.Stored = func() []ct.Place {
		f.jobs.Run()
		return slices.DeleteFunc(look(), func(p ct.Place) bool { return strings.HasPrefix(p.Where, "index") })
	}
	h := s.Harness(t)
	h.Type, h.Text = "message", "content"
	h.Fixed = []string{"content"}
	h.Kinds = []gallra.IdentifierKind{gallra.IdentEmail, gallra.IdentName}
	h.Clocks = []gallra.StartEvent{gallra.StartCreated}
	return h
}

var kinds = map[string]func(*testing.T) ct.Harness{"users": users, "conversations": conversations, "messages": messages}

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

// TestG5_NothingOpenIsForced and no conversation goes along with its user.
func TestG5_NothingOpenIsForced(t *testing.T) {
	f := newFake()
	src := f.site().Connect(t, nil)
	anna := f.addUser(doc{"displayName": "Anna Berg", "email": "anna@example.se"}, f.clock.Now())
	id := f.addConversation(anna, doc{"subject": "Bygglov", "state": "Open"}, f.clock.Now())
	refused := func(ref gallra.Ref, key string) {
		t.Helper()
		var e *gallra.Error
		if _, err := src.(connector.Eraser).Erase(t.Context(), ref, ""); !errors.As(err, &e) || e.Key != key || !errors.Is(err, gallra.ErrBlocked) {
			t.Errorf("%v", err)
		}
	}
	conv, user := gallra.Ref{Type: "conversation", ID: fmt.Sprint(id)}, gallra.Ref{Type: "enduser", ID: anna}
	refused(conv, "dixa.conversation_open")
	refused(user, "dixa.user_has_conversations")
	f.convs[id]["state"] = "Closed"
	refused(user, "dixa.user_has_conversations")
	if len(f.requests) > 0 {
		t.Error("something was asked for")
	}
	for _, ref := range []gallra.Ref{conv, user} {
		r, err := src.(connector.Eraser).Erase(t.Context(), ref, "")
		if err != nil {
			t.Fatal(err)
		}
		f.clock.Advance(2 * time.Hour)
		f.jobs.Run()
		f.clock.Advance(2 * time.Hour)
		if r, err = src.(connector.Confirmer).Confirm(t.Context(), r); err != nil || !r.Final || r.Grade != gallra.GradeLive {
			t.Errorf("%+v, %v", r, err)
		}
	}
}

// TestX9_ReadingTokenChangesNothing, and a shape that is not known is drift.
func TestX9_ReadingTokenChangesNothing(t *testing.T) {
	f := newFake()
	src := f.site().Connect(t, map[string]string{"erase_token": ""})
	anna := f.addUser(doc{"displayName": "Anna Berg"}, f.clock.Now())
	id := f.addConversation(anna, doc{"subject": "Bygglov"}, f.clock.Now())
	if _, err := src.(connector.Eraser).Erase(t.Context(), gallra.Ref{Type: "conversation", ID: fmt.Sprint(id)}, ""); !errors.Is(err, gallra.ErrPermission) {
		t.Errorf("%v", err)
	}
	f.strange = true
	if _, err := src.List(t.Context(), connector.Query{Type: "conversation"}); !errors.Is(err, gallra.ErrDrift) {
		t.Errorf("a conversation without a channel: %v", err)
	}
	f.strange = false
	f.users[anna]["customAttributes"] = []doc{{"id": "x", "name": "x", "identifier": "okand", "value": "v"}}
	if _, err := src.List(t.Context(), connector.Query{Type: "enduser"}); !errors.Is(err, gallra.ErrDrift) {
		t.Errorf("an attribute that is not declared: %v", err)
	}
}

// TestS35_BeyondEveryPage: more users and conversations than a page holds.
func TestS35_BeyondEveryPage(t *testing.T) {
	f := newFake()
	src := f.site().Connect(t, nil)
	for i := range 130 {
		u := f.addUser(doc{"displayName": fmt.Sprint("Kund ", i)}, f.clock.Now())
		f.addConversation(u, doc{"subject": "grannen@example.se"}, f.clock.Now())
	}
	f.index.Flush()
	for _, typ := range []string{"enduser", "conversation"} {
		seen := map[gallra.Ref]bool{}
		for q := (connector.Query{Type: typ, Limit: 40}); ; {
			p, err := src.List(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range p.Records {
				seen[r.Ref] = true
			}
			if q.Cursor = p.Next; q.Cursor == "" {
				break
			}
		}
		if len(seen) != 130 {
			t.Errorf("%d of 130 %s records", len(seen), typ)
		}
	}
	hits, cursor := map[gallra.Ref]bool{}, ""
	for {
		p, err := src.(connector.Finder).Find(t.Context(), connector.Needles{Identifiers: []gallra.Identifier{{Kind: gallra.IdentEmail, Value: "grannen@example.se"}}, Depth: connector.InText}, cursor)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range p.Hits {
			hits[h.Ref] = true
		}
		if cursor = p.Next; cursor == "" {
			break
		}
	}
	if len(hits) != 130 {
		t.Errorf("%d hits of 130", len(hits))
	}
}

// TestG7_SuccessThatDidNothingIsNone: an answer of success is read back.
func TestG7_SuccessThatDidNothingIsNone(t *testing.T) {
	f := newFake()
	s := f.site()
	src := s.Connect(t, nil)
	now := f.clock.Now()
	who := f.addUser(doc{"displayName": "Anna Berg"}, now)
	other := f.addUser(doc{"displayName": "Bo Ek"}, now)
	id := f.addConversation(who, doc{"subject": "x"}, now)
	msg := f.addMessage(id, who, "x", now)
	refs := []gallra.Ref{{Type: "conversation", ID: fmt.Sprint(id)}, {Type: "enduser", ID: other}, {Type: "message", ID: fmt.Sprint(id, "_", msg)}}
	s.Lie()
	for _, ref := range refs {
		if r, err := src.(connector.Eraser).Erase(t.Context(), ref, ""); !errors.Is(err, gallra.ErrUnavailable) {
			t.Errorf("%s: %+v, %v", ref, r, err)
		}
	}
}

// TestH17_SeveralAddressesAreOnePerson: Dixa's interface has no merging; a user
// who took over another's addresses and conversations has them as additional
// ones. Each leads to the user and the conversations, and to nobody else's.
func TestH17_SeveralAddressesAreOnePerson(t *testing.T) {
	f := newFake()
	src := f.site().Connect(t, nil)
	now := f.clock.Now()
	goes := f.addUser(doc{"displayName": "Anna B", "email": "anna.gammal@example.se"}, now)
	stays := f.addUser(doc{"displayName": "Anna Berg", "email": "anna@example.se", "additionalEmails": []string{"anna.gammal@example.se"}, "additionalPhoneNumbers": []string{"+46701740605"}}, now)
	neighbour := f.addUser(doc{"displayName": "Anna Borg", "email": "borg@example.se"}, now)
	old, hers := f.addConversation(goes, doc{"subject": "Bygglov"}, now), f.addConversation(neighbour, doc{"subject": "Vatten"}, now)
	f.addMessage(old, goes, "Hej", now)
	f.convs[old]["requesterId"] = stays // the message keeps its author's id
	delete(f.users, goes)
	f.order = slices.DeleteFunc(f.order, func(id string) bool { return id == goes })
	f.reindex(old)
	f.index.Flush()
	conv, user := func(id int64) gallra.Ref { return gallra.Ref{Type: "conversation", ID: fmt.Sprint(id)} }, func(id string) gallra.Ref { return gallra.Ref{Type: "enduser", ID: id} }
	for _, id := range []gallra.Identifier{{Kind: gallra.IdentEmail, Value: "anna.gammal@example.se"}, {Kind: gallra.IdentPhone, Value: "070-174 06 05"}} {
		got := map[gallra.Ref]bool{}
		for at := ""; ; {
			h, err := src.(connector.Finder).Find(t.Context(), connector.Needles{Identifiers: []gallra.Identifier{id}}, at)
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
		if !got[user(stays)] || !got[conv(old)] || got[conv(hers)] || got[user(neighbour)] {
			t.Errorf("%s: found %v", id.Kind, got)
		}
	}
	e := src.(connector.Eraser)
	if _, err := e.Erase(t.Context(), user(goes), ""); !errors.Is(err, gallra.ErrNotFound) || len(f.requests) > 0 {
		t.Errorf("the one who went: %v", err)
	}
	for _, ref := range []gallra.Ref{conv(old), user(stays)} {
		r, err := e.Erase(t.Context(), ref, "")
		if err != nil {
			t.Fatal(err)
		}
		f.clock.Advance(2 * time.Hour)
		f.jobs.Run()
		f.clock.Advance(2 * time.Hour)
		if r, err = src.(connector.Confirmer).Confirm(t.Context(), r); err != nil || !r.Final {
			t.Errorf("%+v, %v", r, err)
		}
	}
	if w := resttest.Words(f.users[neighbour]) + resttest.Words(f.convs[hers]); !strings.Contains(w, "Borg") || !strings.Contains(w, "Vatten") {
		t.Error("the neighbour is touched")
	}
}
