package intercom_test

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
	"github.com/gallra/gallra/connector/intercom"
	"github.com/gallra/gallra/connector/rest/resttest"
)

//go:embed testdata/contract.yaml
var contractFile []byte

type doc = resttest.Doc

// fake is a workspace of Intercom in memory: deletion at once and for good, a
// search that lags and gives pages in the order of the last change, the 500
// newest parts, contacts that leave their conversations behind.
type fake struct {
	mu       sync.Mutex
	clock    *resttest.Clock
	contract *resttest.Contract
	quota    *resttest.Quota
	index    *resttest.Index[doc]
	n        int64
	order    []string
	contacts map[string]doc
	convs    map[string]doc
	files    map[string][]byte
	merged   map[string]string // id of a contact that is no more, to the one it was merged into
	of       map[string]string
	refuse   bool
	strange  bool
}

func newFake() *fake {
	contract, err := resttest.NewContract(contractFile)
	if err != nil {
		panic(err)
	}
	f := &fake{clock: resttest.NewClock(time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)), contract: contract}
	f.quota = &resttest.Quota{Clock: f.clock, Calls: 1600, Per: 10 * time.Second}
	f.reset()
	return f
}

func (f *fake) reset() {
	f.index = &resttest.Index[doc]{Clock: f.clock, Lag: 5 * time.Minute}
	f.order, f.contacts, f.convs = nil, map[string]doc{}, map[string]doc{}
	f.files, f.of, f.refuse, f.strange, f.merged = map[string][]byte{}, map[string]string{}, false, false, map[string]string{}
}

// merge makes two contacts one as Intercom does: the conversations belong to the
// one who stays, and still name the author they had; what the one who stays lacks
// is filled in; the other is in no list and no search, and its id leads on.
func (f *fake) merge(stays, goes string) {
	for id, c := range f.convs {
		for _, x := range c["contacts"].(doc)["contacts"].([]doc) {
			if x["id"] == goes {
				x["id"] = stays
			}
		}
		f.reindex(id)
	}
	for k, v := range f.contacts[goes] {
		if f.contacts[stays][k] == nil {
			f.contacts[stays][k] = v
		}
	}
	delete(f.contacts, goes)
	f.index.Delete(goes)
	f.index.Put(stays, maps.Clone(f.contacts[stays]))
	f.merged[goes] = stays
}

func (f *fake) id() string { f.n++; return fmt.Sprint(f.n) }

func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func (f *fake) addContact(c doc, created, updated time.Time) string {
	f.n++
	id := fmt.Sprintf("%024x", f.n)
	d := doc{"type": "contact", "id": id, "role": "user", "created_at": unix(created), "updated_at": unix(updated), "custom_attributes": doc{}}
	maps.Copy(d, c)
	f.contacts[id] = d
	f.order = append(f.order, id)
	f.index.Put(id, maps.Clone(d))
	return id
}

func (f *fake) part(author doc, body string, at time.Time, files ...ct.File) doc {
	p := doc{"type": "conversation_part", "id": f.id(), "part_type": "comment", "body": body, "created_at": unix(at), "updated_at": unix(at), "author": author, "redacted": false}
	var list []doc
	for _, file := range files {
		token := "f" + f.id()
		f.files[token] = file.Content
		list = append(list, doc{"type": "upload", "name": file.Name, "url": "https://downloads.intercomcdn.eu/files/" + token, "content_type": "text/plain"})
	}
	if list != nil {
		p["attachments"] = list
	}
	return p
}

func user(id string) doc { return doc{"type": "user", "id": id, "name": "", "email": ""} }

func (f *fake) addConversation(contact string, c doc, created, updated time.Time, parts ...doc) string {
	id := f.id()
	src := doc{"type": "email", "id": f.id(), "author": user(contact), "body": "", "subject": ""}
	d := doc{"type": "conversation", "id": id, "created_at": unix(created), "updated_at": unix(updated), "state": "closed", "source": src,
		"contacts": doc{"type": "contact.list", "contacts": []doc{{"type": "contact", "id": contact}}}, "custom_attributes": doc{}, "parts": parts}
	maps.Copy(d, c)
	f.convs[id] = d
	f.reindex(id)
	return id
}

func (f *fake) reindex(id string) {
	c := f.convs[id]
	if c == nil {
		f.index.Delete("c" + id)
		return
	}
	b, _ := json.Marshal(c)
	var copied doc
	_ = json.Unmarshal(b, &copied)
	f.index.Put("c"+id, copied)
}

// shown is the conversation as it is handed out.
func (f *fake) shown(id string) doc {
	c := maps.Clone(f.convs[id])
	parts, _ := c["parts"].([]doc)
	delete(c, "parts")
	if f.strange {
		delete(c, "conversation_parts")
		c["state"] = ""
		return c
	}
	c["conversation_parts"] = doc{"type": "conversation_part.list", "conversation_parts": append([]doc{}, parts[max(0, len(parts)-500):]...), "total_count": len(parts)}
	return c
}

func missing(w http.ResponseWriter) {
	resttest.Write(w, 404, doc{"type": "error.list", "errors": []doc{{"code": "not_found", "message": "Resource not found"}}})
}

// paged answers with a page from an opaque cursor, which is the last id given.
func paged(w http.ResponseWriter, list string, items []doc, size int, after string) {
	from := 0
	if after != "" {
		from = slices.IndexFunc(items, func(d doc) bool { return fmt.Sprint(d["id"]) > after })
		if from < 0 {
			from = len(items)
		}
	}
	if size == 0 {
		size = 50
	}
	to := min(from+size, len(items))
	pages := doc{"type": "pages"}
	if to < len(items) {
		pages["next"] = doc{"per_page": size, "starting_after": fmt.Sprint(items[to-1]["id"])}
	}
	resttest.Write(w, 200, doc{"type": "list", list: append([]doc{}, items[from:to]...), "total_count": len(items), "pages": pages})
}

func (f *fake) handler() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /me", func(w http.ResponseWriter, _ *http.Request) { resttest.Write(w, 200, doc{"type": "admin"}) })
	m.HandleFunc("GET /data_attributes", func(w http.ResponseWriter, r *http.Request) {
		list := []doc{{"name": "created_at", "data_type": "date", "custom": false}, {"name": "omrade", "data_type": "string", "custom": true, "options": []string{"Bygglov", "Skola", "Vatten"}}}
		if r.URL.Query().Get("model") == "contact" {
			list = append(list, doc{"name": "personnummer", "data_type": "string", "custom": true})
		}
		resttest.Write(w, 200, doc{"data": list})
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
	m.HandleFunc("GET /contacts", func(w http.ResponseWriter, r *http.Request) {
		var list []doc
		for _, id := range f.order {
			if f.contacts[id] != nil {
				list = append(list, f.contacts[id])
			}
		}
		n, _ := strconv.Atoi(r.URL.Query().Get("per_page"))
		paged(w, "data", list, n, r.URL.Query().Get("starting_after"))
	})
	m.HandleFunc("POST /contacts/search", func(w http.ResponseWriter, r *http.Request) { f.search(w, r, "data", "contact") })
	m.HandleFunc("POST /conversations/search", func(w http.ResponseWriter, r *http.Request) { f.search(w, r, "conversations", "conversation") })
	m.HandleFunc("GET /contacts/{id}", func(w http.ResponseWriter, r *http.Request) {
		if c := f.contacts[r.PathValue("id")]; c != nil {
			resttest.Write(w, 200, c)
			return
		}
		if into := f.merged[r.PathValue("id")]; into != "" {
			w.Header().Set("Link", "</contacts/"+into+`>; rel="canonical"`)
			resttest.Write(w, 410, doc{"type": "error.list", "errors": []doc{{"code": "contact_merged", "message": "This contact has been merged."}}})
			return
		}
		missing(w)
	})
	m.HandleFunc("PUT /contacts/{id}", func(w http.ResponseWriter, r *http.Request) {
		c := f.contacts[r.PathValue("id")]
		if c == nil {
			missing(w)
			return
		}
		in := doc{}
		_ = json.NewDecoder(r.Body).Decode(&in)
		if own, ok := in["custom_attributes"].(map[string]any); ok {
			merged := doc{}
			if have, ok := c["custom_attributes"].(doc); ok {
				maps.Copy(merged, have)
			}
			maps.Copy(merged, own)
			in["custom_attributes"] = merged
		}
		maps.Copy(c, in)
		c["updated_at"] = f.clock.Now().Unix()
		f.index.Put(r.PathValue("id"), maps.Clone(c))
		resttest.Write(w, 200, c)
	})
	m.HandleFunc("DELETE /contacts/{id}", func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		if f.contacts[id] == nil {
			missing(w)
			return
		}
		delete(f.contacts, id)
		f.index.Delete(id)
		resttest.Write(w, 200, doc{"type": "contact", "id": id, "deleted": true})
	})
	m.HandleFunc("GET /conversations/{id}", func(w http.ResponseWriter, r *http.Request) {
		if f.convs[r.PathValue("id")] == nil {
			missing(w)
			return
		}
		resttest.Write(w, 200, f.shown(r.PathValue("id")))
	})
	m.HandleFunc("DELETE /conversations/{id}", func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		c := f.convs[id]
		if c == nil {
			missing(w)
			return
		}
		parts, _ := c["parts"].([]doc)
		for _, p := range append(parts, c["source"].(doc)) {
			f.forgetFiles(p)
		}
		delete(f.convs, id)
		f.reindex(id)
		resttest.Write(w, 200, doc{"id": id, "object": "conversation", "deleted": true})
	})
	m.HandleFunc("POST /conversations/redact", f.redact)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		reads := r.Method == "GET" || strings.HasSuffix(r.URL.Path, "/search")
		switch {
		case strings.HasPrefix(r.URL.Path, "/files/"):
			if token != "" {
				f.contract.Breach("the token is shown to the host of the files")
			}
		case !strings.HasPrefix(r.Host, "127.") && f.quota.Refuse(w):
			return
		case token != "hemlig-lasning" && token != "hemlig-andring":
			resttest.Write(w, 401, doc{"type": "error.list", "errors": []doc{{"code": "token_not_found"}}})
			return
		case !reads && (f.refuse || token != "hemlig-andring"):
			resttest.Write(w, 403, doc{"type": "error.list", "errors": []doc{{"code": "token_unauthorized"}}})
			return
		}
		m.ServeHTTP(w, r)
	})
}

func (f *fake) forgetFiles(p doc) {
	list, _ := p["attachments"].([]doc)
	for _, a := range list {
		delete(f.files, a["url"].(string)[strings.LastIndex(a["url"].(string), "/")+1:])
	}
}

func (f *fake) redact(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Conv   string `json:"conversation_id"`
		Part   string `json:"conversation_part_id"`
		Source string `json:"source_id"`
	}
	_ = json.NewDecoder(r.Body).Decode(&in)
	c := f.convs[in.Conv]
	if c == nil {
		missing(w)
		return
	}
	parts, _ := c["parts"].([]doc)
	for i, p := range append(slices.Clone(parts), c["source"].(doc)) {
		if p["id"] != in.Part && p["id"] != in.Source {
			continue
		}
		if p["author"].(doc)["type"] == "admin" && i == len(parts) || p["body"] == "" {
			resttest.Write(w, 400, doc{"type": "error.list", "errors": []doc{{"code": "parameter_invalid"}}})
			return
		}
		f.forgetFiles(p)
		p["body"], p["redacted"], p["attachments"], p["subject"] = "<p><i>This message was deleted</i></p>", true, []doc{}, ""
		p["author"] = doc{"type": p["author"].(doc)["type"], "id": p["author"].(doc)["id"]}
		f.reindex(in.Conv)
		resttest.Write(w, 200, f.shown(in.Conv))
		return
	}
	missing(w)
}

func (f *fake) search(w http.ResponseWriter, r *http.Request, list, kind string) {
	var in struct {
		Query struct {
			Field    string
			Operator string
			Value    json.RawMessage
		}
		Pagination struct {
			Size  int    `json:"per_page"`
			After string `json:"starting_after"`
		}
	}
	_ = json.NewDecoder(r.Body).Decode(&in)
	var out []doc
	for _, d := range f.index.Shown() {
		if d["type"] == kind && matches(d, in.Query.Field, in.Query.Operator, in.Query.Value) {
			out = append(out, maps.Clone(d))
		}
	}
	for i := range out {
		delete(out[i], "parts")
	}
	slices.SortFunc(out, func(a, b doc) int { return strings.Compare(fmt.Sprint(a["id"]), fmt.Sprint(b["id"])) })
	if kind == "conversation" {
		for i := range out {
			out[i] = doc{"id": out[i]["id"], "created_at": out[i]["created_at"]}
		}
	}
	paged(w, list, out, in.Pagination.Size, in.Pagination.After)
}

func matches(d doc, field, operator string, value json.RawMessage) bool {
	if operator == "AND" {
		var all []struct {
			Field, Operator string
			Value           json.RawMessage
		}
		_ = json.Unmarshal(value, &all)
		for _, q := range all {
			if !matches(d, q.Field, q.Operator, q.Value) {
				return false
			}
		}
		return true
	}
	var v string
	_ = json.Unmarshal(value, &v)
	var have any = map[string]any(d)
	for _, k := range strings.Split(field, ".") {
		if m, ok := have.(map[string]any); ok {
			have = m[k]
		}
	}
	if field == "contact_ids" {
		return strings.Contains(resttest.Words(d["contacts"]), v+"\n")
	}
	text := strings.ToLower(fmt.Sprint(have))
	switch operator {
	case "<", ">":
		a, _ := have.(float64)
		b, _ := strconv.ParseFloat(v, 64)
		return operator == "<" && a < b || operator == ">" && a > b
	case "~":
		return strings.Contains(text, strings.ToLower(v))
	}
	return text == strings.ToLower(v)
}

func (f *fake) stored() []ct.Place {
	var out []ct.Place
	add := func(where, id, v string) { out = append(out, ct.Place{Where: where + " " + id, Value: v}) }
	for _, id := range f.order {
		if f.contacts[id] != nil {
			add("contact", id, resttest.Words(f.contacts[id]))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(f.convs)) {
		c := maps.Clone(f.convs[id])
		parts, _ := c["parts"].([]doc)
		delete(c, "parts")
		add("conversation", id, resttest.Words(c))
		for _, p := range parts {
			if p["redacted"] != true {
				add("part", p["id"].(string), resttest.Words(p))
			}
		}
	}
	for _, t := range slices.Sorted(maps.Keys(f.files)) {
		add("file", t, string(f.files[t]))
	}
	shown := f.index.Shown()
	for _, id := range slices.Sorted(maps.Keys(shown)) {
		if s := shown[id]; s["type"] == "contact" || s["parts"] == nil {
			add("index", id, resttest.Words(s))
		}
	}
	return out
}

func (f *fake) site() *resttest.Site {
	return &resttest.Site{
		Connector: "intercom", Host: "api.eu.intercom.io", Options: map[string]string{"token": "hemlig-lasning", "erase_token": "hemlig-andring"}, Secrets: []string{"hemlig-lasning", "hemlig-andring"},
		Wrong: []map[string]string{{"token": "fel"}, {"erase_token": "fel"}, {"rate": "0"}}, Open: intercom.OpenWith,
		Clock: f.clock, Contract: f.contract, Handler: f.handler(), Lock: &f.mu, Reset: f.reset, Caught: func() { f.index.Flush() }, Stored: f.stored,
		Refuse: func(on bool) { f.refuse = on }, Settle: func() {}, Ages: 2 * time.Hour,
	}
}

func contacts(t *testing.T) ct.Harness {
	f := newFake()
	s := f.site()
	s.Seed = func(s ct.Seed) {
		f.of[s.Key] = f.addContact(doc{"name": s.Name, "email": s.Email, "phone": s.Phone, "external_id": s.Customer, "last_replied_at": unix(s.Contact),
			"custom_attributes": doc{"personnummer": s.Personnummer, "omrade": s.Keep}}, s.Created, s.Updated)
	}
	s.Touch = func(s ct.Seed) { f.contacts[f.of[s.Key]]["updated_at"] = f.clock.Now().Unix() }
	h := s.Harness(t)
	h.Type, h.Named, h.Email, h.Keep = "contact", "name", "email", "attr_omrade"
	h.Kinds = []gallra.IdentifierKind{gallra.IdentEmail, gallra.IdentName, gallra.IdentPhone, gallra.IdentCustomer}
	h.Clocks = []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated, gallra.StartLastContact}
	h.PutBack = func(_ ct.TB, ref gallra.Ref, s ct.Seed) {
		f.contacts[ref.ID] = doc{"type": "contact", "id": ref.ID, "role": "user", "name": s.Name, "created_at": 0, "updated_at": 0}
	}
	return h
}

func conversations(t *testing.T) ct.Harness {
	f := newFake()
	s := f.site()
	who := ""
	s.Reset = func() {
		f.reset()
		who = f.addContact(doc{"name": "Webbformuläret"}, f.clock.Now(), f.clock.Now())
	}
	s.Seed = func(s ct.Seed) {
		state := "closed"
		if s.Closed.IsZero() {
			state = "open"
		}
		var parts []doc
		for i, v := range append([]string{"Bifogar, " + s.Key}, s.Children...) {
			var files []ct.File
			if i == 0 {
				files = s.Files
			}
			parts = append(parts, f.part(user(who), v, s.Created.Add(time.Duration(i)*time.Minute), files...))
		}
		f.of[s.Key] = f.addConversation(who, doc{"title": s.Text, "state": state, "custom_attributes": doc{"omrade": s.Keep},
			"statistics": doc{"last_close_at": unix(s.Closed), "last_contact_reply_at": unix(s.Contact)},
			"source":     doc{"type": "email", "id": f.id(), "subject": "Ärende " + s.Key, "body": "", "author": doc{"type": "lead", "id": "x", "name": s.Name, "email": s.Email}}}, s.Created, s.Updated, parts...)
	}
	s.Touch = func(s ct.Seed) {
		f.convs[f.of[s.Key]]["updated_at"] = f.clock.Now().Unix()
		f.reindex(f.of[s.Key])
	}
	h := s.Harness(t)
	h.Type, h.Text, h.Keep, h.Children, h.Attachments = "conversation", "title", "attr_omrade", "part", "attachment"
	h.Fixed = []string{"title"}
	h.Kinds = []gallra.IdentifierKind{gallra.IdentEmail, gallra.IdentName}
	h.Clocks = []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated, gallra.StartLastContact, gallra.StartClosed}
	h.PutBack = func(_ ct.TB, ref gallra.Ref, s ct.Seed) {
		f.convs[ref.ID] = doc{"type": "conversation", "id": ref.ID, "created_at": 1, "updated_at": 1, "state": "open", "source": doc{"id": "1", "type": "email", "author": user(who)}, "contacts": doc{"contacts": []doc{}}}
	}
	return h
}

var kinds = map[string]func(*testing.T) ct.Harness{"contacts": contacts, "conversations": conversations}

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

// TestS35_BeyondEveryCap: more conversations than a page, many begun in one
// second, and more parts than are handed out, which is said.
func TestS35_BeyondEveryCap(t *testing.T) {
	f := newFake()
	src := f.site().Connect(t, nil)
	who := f.addContact(doc{"name": "Anna Berg", "email": "anna@example.se"}, f.clock.Now(), f.clock.Now())
	at := f.clock.Now().Add(-time.Hour)
	for i := range 320 {
		f.addConversation(who, doc{"title": "grannen@example.se"}, at.Add(time.Duration(i/200)*time.Second), at)
	}
	var parts []doc
	for i := range 510 {
		parts = append(parts, f.part(user(who), fmt.Sprint("rad ", i), at))
	}
	f.addConversation(who, doc{"title": "Den långa"}, at.Add(time.Minute), at, parts...)
	f.index.Flush()
	seen, skipped := map[gallra.Ref]bool{}, 0
	for q := (connector.Query{Type: "conversation", Limit: 64}); ; {
		p, err := src.List(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range p.Records {
			if seen[r.Ref] {
				t.Fatalf("%s twice", r.Ref)
			}
			seen[r.Ref] = true
		}
		if q.Cursor = p.Next; q.Cursor == "" {
			break
		}
	}
	if len(seen) != 321 {
		t.Errorf("%d of 321 conversations", len(seen))
	}
	for q := (connector.Query{Type: "part", Limit: 1000}); ; {
		p, err := src.List(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		skipped += len(p.Skipped)
		if q.Cursor = p.Next; q.Cursor == "" {
			break
		}
	}
	if skipped != 1 {
		t.Errorf("the parts beyond the newest are passed over unsaid (%d)", skipped)
	}
}

// TestG3_PartsGoWholeOrNotAtAll and a contact leaves its conversations, which
// the receipt says; a reading token changes nothing; an unknown shape is drift.
func TestG3_PartsGoWholeOrNotAtAll(t *testing.T) {
	f := newFake()
	src := f.site().Connect(t, nil)
	now := f.clock.Now()
	who := f.addContact(doc{"name": "Anna Berg", "email": "anna@example.se"}, now, now)
	part := f.part(user(who), "<p>Jag heter Anna Berg</p>", now)
	id := f.addConversation(who, doc{"source": doc{"id": "77", "type": "email", "body": "<p>Hej</p>", "author": doc{"type": "admin", "id": "5"}}}, now, now, part)
	f.index.Flush()
	ref := gallra.Ref{Type: "part", ID: id + "_" + part["id"].(string)}
	e := src.(connector.Eraser)
	if _, err := src.(connector.Editor).Edit(t.Context(), ref, "", []gallra.Field{{Name: "body", Value: "x"}}); !errors.Is(err, gallra.ErrUnsupported) {
		t.Errorf("%v", err)
	}
	reader := f.site()
	if _, err := reader.Connect(t, map[string]string{"erase_token": ""}).(connector.Eraser).Erase(t.Context(), ref, ""); !errors.Is(err, gallra.ErrPermission) {
		t.Errorf("with the reading token: %v", err)
	}
	if _, err := e.Erase(t.Context(), ref, ""); err != nil || strings.Contains(resttest.Words(f.convs[id]), "Anna") {
		t.Errorf("%v", err)
	}
	if _, err := e.Erase(t.Context(), gallra.Ref{Type: "part", ID: id + "_source"}, ""); !errors.Is(err, gallra.ErrBlocked) {
		t.Errorf("a source that an employee wrote: %v", err)
	}
	r, err := e.Erase(t.Context(), gallra.Ref{Type: "contact", ID: who}, "")
	if err != nil || !slices.ContainsFunc(r.Residues, func(x gallra.Residue) bool { return x.Where == "conversation" && x.Count == 1 }) || f.convs[id] == nil {
		t.Errorf("%+v, %v", r, err)
	}
	f.strange = true
	if _, err := src.Get(t.Context(), gallra.Ref{Type: "conversation", ID: id}); !errors.Is(err, gallra.ErrDrift) {
		t.Errorf("%v", err)
	}
}

// TestG7_SuccessThatDidNothingIsNone: an answer of success is read back.
func TestG7_SuccessThatDidNothingIsNone(t *testing.T) {
	f := newFake()
	s := f.site()
	src := s.Connect(t, nil)
	now := f.clock.Now()
	who := f.addContact(doc{"name": "Anna Berg"}, now, now)
	part := f.part(user(who), "x", now)
	id := f.addConversation(who, doc{"title": "x"}, now, now, part)
	refs := []gallra.Ref{{Type: "contact", ID: who}, {Type: "conversation", ID: id}, {Type: "part", ID: id + "_" + part["id"].(string)}}
	s.Lie()
	for _, ref := range refs {
		if r, err := src.(connector.Eraser).Erase(t.Context(), ref, ""); !errors.Is(err, gallra.ErrUnavailable) {
			t.Errorf("%s: %+v, %v", ref, r, err)
		}
	}
}

// TestH17_MergedContactsAreOne: what a lead wrote is found with the user it was
// merged into, by the lead's address and by its old id; erasing the old id is
// refused, as the person is still there, and a neighbour is left alone.
func TestH17_MergedContactsAreOne(t *testing.T) {
	f := newFake()
	src := f.site().Connect(t, nil)
	now := f.clock.Now()
	goes := f.addContact(doc{"role": "lead", "name": "Anna B", "email": "anna.gammal@example.se"}, now, now)
	stays := f.addContact(doc{"name": "Anna Berg", "email": "anna@example.se"}, now, now)
	neighbour := f.addContact(doc{"name": "Anna Borg", "email": "borg@example.se"}, now, now)
	author := doc{"type": "lead", "id": goes, "name": "Anna B", "email": "anna.gammal@example.se"}
	old := f.addConversation(goes, doc{"source": doc{"type": "email", "id": "1", "author": author, "body": "<p>Hej</p>"}}, now, now)
	hers := f.addConversation(neighbour, doc{}, now, now)
	f.merge(stays, goes)
	f.index.Flush()
	contact, conv := func(id string) gallra.Ref { return gallra.Ref{Type: "contact", ID: id} }, func(id string) gallra.Ref { return gallra.Ref{Type: "conversation", ID: id} }
	found := func(id gallra.Identifier, depth connector.Depth) map[gallra.Ref]bool {
		got := map[gallra.Ref]bool{}
		for at := ""; ; {
			h, err := src.(connector.Finder).Find(t.Context(), connector.Needles{Identifiers: []gallra.Identifier{id}, Depth: depth}, at)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range h.Hits {
				x.Ref.System, x.Parent.System = "", ""
				got[x.Ref], got[x.Parent] = true, true
			}
			if at = h.Next; at == "" {
				return got
			}
		}
	}
	for _, depth := range []connector.Depth{connector.InFields, connector.InText} {
		if got := found(gallra.Identifier{Kind: gallra.IdentEmail, Value: "anna.gammal@example.se"}, depth); !got[conv(old)] || got[conv(hers)] {
			t.Errorf("by the old address: %v", got)
		}
	}
	if got := found(gallra.Identifier{Kind: gallra.IdentEmail, Value: "anna@example.se"}, connector.InFields); !got[contact(stays)] || !got[conv(old)] || got[conv(hers)] {
		t.Errorf("by the address that stays: %v", got)
	}
	e := src.(connector.Eraser)
	if _, err := e.Erase(t.Context(), contact(goes), ""); !errors.Is(err, gallra.ErrConflict) || f.contacts[stays] == nil {
		t.Errorf("the one who went: %v", err)
	}
	for _, ref := range []gallra.Ref{conv(old), contact(stays)} {
		if _, err := e.Erase(t.Context(), ref, ""); err != nil {
			t.Errorf("%s: %v", ref, err)
		}
	}
	if _, err := e.Erase(t.Context(), contact(stays), ""); !errors.Is(err, gallra.ErrNotFound) {
		t.Errorf("twice: %v", err)
	}
	if f.contacts[neighbour] == nil || f.convs[hers] == nil || f.convs[old] != nil {
		t.Error("the neighbour's is gone, or hers is not")
	}
}
