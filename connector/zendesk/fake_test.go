package zendesk_test

import (
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gallra/gallra/connector/connectortest"
	"github.com/gallra/gallra/connector/rest/resttest"
)

//go:embed testdata/contract.yaml
var contractFile []byte

// doc is a JSON object.
type doc map[string]any

// indexed is what the fake's search knows of a ticket or user.
type indexed struct {
	kind             string
	id, requester    int64
	cc, commenters   []int64
	role, status     string
	created, updated string
	text             string
}

// fake is a Zendesk account in memory. It behaves as the vendor describes, or as
// users have found: soft and then hard deletion by a job, users that can still
// be read when they are deleted, a search that lags, lists without the archived
// tickets, a history that keeps old subjects, redaction that blots out, quotas.
type fake struct {
	mu       sync.Mutex
	clock    *resttest.Clock
	contract *resttest.Contract
	readers  *resttest.Tokens
	erasers  *resttest.Tokens
	jobs     *resttest.Jobs
	index    *resttest.Index[indexed]
	quota    *resttest.Quota

	next          int64
	users         map[int64]doc
	identities    map[int64][]doc // by user
	tickets       map[int64]doc
	comments      map[int64][]doc // by ticket
	raw           map[int64]string
	files         map[string][]byte // by token
	audits        map[int64][]doc
	deleted       map[int64]string // ticket: when
	compliance    map[int64][]doc
	suspended     map[int64]doc
	refuse        bool // writes
	hideArchived  bool // from show_many
	role          string
	restriction   string
	bulk          int  // calls that ask for many
	noWorkspace   bool // redaction of closed tickets is refused
	unknownTicket doc  // an answer of another shape
}

func newFake() *fake {
	clock := resttest.NewClock(time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC))
	contract, err := resttest.NewContract(contractFile)
	if err != nil {
		panic(err)
	}
	f := &fake{clock: clock, contract: contract,
		readers: &resttest.Tokens{Clock: clock, Life: time.Hour, Client: "reader", Secret: "hemlig-lasare"},
		erasers: &resttest.Tokens{Clock: clock, Life: time.Hour, Client: "eraser", Secret: "hemlig-radera"},
		jobs:    &resttest.Jobs{Clock: clock, Takes: 5 * time.Minute},
		index:   &resttest.Index[indexed]{Clock: clock, Lag: 10 * time.Minute},
		quota:   &resttest.Quota{Clock: clock, Calls: 700, Per: time.Minute},
	}
	f.reset()
	return f
}

func (f *fake) reset() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.users, f.identities, f.tickets, f.comments = map[int64]doc{}, map[int64][]doc{}, map[int64]doc{}, map[int64][]doc{}
	f.raw, f.files, f.audits = map[int64]string{}, map[string][]byte{}, map[int64][]doc{}
	f.deleted, f.compliance, f.suspended = map[int64]string{}, map[int64][]doc{}, map[int64]doc{}
	f.index = &resttest.Index[indexed]{Clock: f.clock, Lag: 10 * time.Minute}
	f.jobs = &resttest.Jobs{Clock: f.clock, Takes: 5 * time.Minute}
	f.refuse, f.hideArchived, f.role, f.restriction, f.noWorkspace = false, false, "admin", "", false
	f.addUser(doc{"name": "Agneta Handläggare", "email": "agneta@kommunen.example", "role": "agent"}, f.clock.Now(), f.clock.Now())
}

func (f *fake) id() int64 { f.next++; return f.next }

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func (f *fake) addUser(u doc, created, updated time.Time) int64 {
	id := f.id()
	base := doc{"id": id, "active": true, "role": "end-user", "created_at": stamp(created), "updated_at": stamp(updated), "user_fields": doc{}, "locale": "sv"}
	maps.Copy(base, u)
	f.users[id] = base
	for typ, v := range map[string]any{"email": u["email"], "phone_number": u["phone"], "twitter": u["twitter"]} {
		if s, _ := v.(string); s != "" {
			f.identities[id] = append(f.identities[id], doc{"id": f.id(), "user_id": id, "type": typ, "value": s, "primary": typ == "email"})
		}
	}
	delete(base, "twitter")
	f.indexUser(id)
	return id
}

func (f *fake) addTicket(t doc, created, updated time.Time) int64 {
	id := f.id()
	base := doc{"id": id, "status": "open", "created_at": stamp(created), "updated_at": stamp(updated), "tags": []string{}, "custom_fields": []doc{}, "via": doc{"channel": "web", "source": doc{"from": doc{}}}}
	maps.Copy(base, t)
	f.tickets[id] = base
	f.audits[id] = append(f.audits[id], doc{"id": f.id(), "ticket_id": id, "events": []doc{{"type": "Create", "field_name": "subject", "value": t["subject"]}}})
	f.indexTicket(id)
	return id
}

func (f *fake) addComment(ticket, author int64, body string, at time.Time, files ...connectortest.File) int64 {
	id := f.id()
	c := doc{"id": id, "author_id": author, "body": body, "html_body": `<div class="zd-comment" dir="auto">` + strings.ReplaceAll(html.EscapeString(body), "\n", "<br>") + "</div>", "public": true, "created_at": stamp(at),
		"via": doc{"channel": "email", "source": doc{"from": doc{}}}}
	var atts []doc
	for _, file := range files {
		n := f.id()
		token := fmt.Sprintf("t%d", n)
		f.files[token] = file.Content
		atts = append(atts, doc{"id": n, "file_name": file.Name, "content_type": "text/plain", "content_url": "https://kommunen.zendesk.com/attachments/token/" + token + "?name=x", "deleted": false})
	}
	if atts != nil {
		c["attachments"] = atts
	}
	f.comments[ticket] = append(f.comments[ticket], c)
	f.raw[id] = body
	f.indexTicket(ticket)
	return id
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	var x any
	_ = json.Unmarshal(b, &x)
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

func (f *fake) indexUser(id int64) {
	u := f.users[id]
	if u["active"] != true {
		f.index.Delete(fmt.Sprint("u", id))
		return
	}
	f.index.Put(fmt.Sprint("u", id), indexed{kind: "user", id: id, role: u["role"].(string), created: u["created_at"].(string), updated: u["updated_at"].(string), text: text(u) + text(f.identities[id])})
}

func (f *fake) indexTicket(id int64) {
	t := f.tickets[id]
	if t == nil || f.deleted[id] != "" {
		f.index.Delete(fmt.Sprint("t", id))
		return
	}
	x := indexed{kind: "ticket", id: id, status: t["status"].(string), created: t["created_at"].(string), updated: t["updated_at"].(string), text: text(t)}
	x.requester, _ = t["requester_id"].(int64)
	x.cc, _ = t["email_cc_ids"].([]int64)
	for _, c := range f.comments[id] {
		x.text += c["body"].(string) + "\n" + text(c["via"])
		x.commenters = append(x.commenters, c["author_id"].(int64))
	}
	f.index.Put(fmt.Sprint("t", id), x)
}

// handler answers as the vendor's server does.
func (f *fake) handler() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("POST /oauth/tokens", func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		if r.PostForm.Get("client_id") == "eraser" {
			f.erasers.ServeHTTP(w, r)
			return
		}
		f.readers.ServeHTTP(w, r)
	})
	m.HandleFunc("GET /attachments/token/{token}", func(w http.ResponseWriter, r *http.Request) {
		b, ok := f.files[r.PathValue("token")]
		if !ok {
			missing(w)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = w.Write(b)
	})
	f.userRoutes(m)
	f.ticketRoutes(m)
	f.searchRoutes(m)
	guarded := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.jobs.Run()
		if r.URL.Path != "/oauth/tokens" {
			write := r.Method != http.MethodGet
			switch {
			case !strings.HasPrefix(r.Host, "127.") && f.quota.Refuse(w): // over a real network the test's clock stands still
				return
			case !f.readers.Valid(r) && !f.erasers.Valid(r):
				resttest.Write(w, 401, doc{"error": "invalid_token"})
				return
			case write && (f.refuse || !f.erasers.Valid(r)):
				resttest.Write(w, 403, doc{"error": "Forbidden", "description": "You do not have access to this page."})
				return
			}
		}
		m.ServeHTTP(w, r)
	})
	return f.contract.Wrap(guarded)
}

func missing(w http.ResponseWriter) {
	resttest.Write(w, 404, doc{"error": "RecordNotFound", "description": "Not found"})
}

func pathID(r *http.Request, name string) int64 {
	n, _ := strconv.ParseInt(r.PathValue(name), 10, 64)
	return n
}

// paged answers with one page of a list in the order given, by a cursor that
// holds the last id.
func paged(w http.ResponseWriter, r *http.Request, list string, items []doc, extra doc) {
	size, _ := strconv.Atoi(r.URL.Query().Get("page[size]"))
	if size == 0 {
		size = 100
	}
	start := 0
	if c := r.URL.Query().Get("page[after]"); c != "" {
		b, err := base64.StdEncoding.DecodeString(c)
		if err != nil {
			resttest.Write(w, 400, doc{"error": "InvalidCursor"})
			return
		}
		at, _ := strconv.ParseInt(string(b), 10, 64)
		for start < len(items) && items[start]["id"].(int64) <= at {
			start++
		}
	}
	end := min(start+size, len(items))
	meta := doc{"has_more": end < len(items), "after_cursor": nil}
	if end > start {
		meta["after_cursor"] = base64.StdEncoding.EncodeToString([]byte(fmt.Sprint(items[end-1]["id"])))
	}
	out := doc{list: append([]doc{}, items[start:end]...), "meta": meta}
	maps.Copy(out, extra)
	resttest.Write(w, 200, out)
}

func (f *fake) userRoutes(m *http.ServeMux) {
	m.HandleFunc("GET /api/v2/users/me", func(w http.ResponseWriter, r *http.Request) {
		role := f.role
		if f.readers.Valid(r) && role == "admin" {
			role = "agent"
		}
		u := doc{"id": 1, "name": "Gallra", "role": role, "active": true, "created_at": "", "updated_at": ""}
		if f.restriction != "" {
			u["ticket_restriction"] = f.restriction
		}
		resttest.Write(w, 200, doc{"user": u})
	})
	m.HandleFunc("GET /api/v2/users", func(w http.ResponseWriter, r *http.Request) {
		roles := append(r.URL.Query()["role[]"], r.URL.Query().Get("role"))
		list, ids := []doc{}, []doc{}
		for _, id := range slices.Sorted(maps.Keys(f.users)) {
			if u := f.users[id]; u["active"] == true && slices.Contains(roles, u["role"].(string)) {
				list = append(list, u)
				ids = append(ids, f.identities[id]...)
			}
		}
		paged(w, r, "users", list, doc{"identities": ids})
	})
	user := func(do func(w http.ResponseWriter, r *http.Request, id int64, u doc)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			id := pathID(r, "id")
			if u, ok := f.users[id]; ok {
				do(w, r, id, u)
				return
			}
			missing(w)
		}
	}
	m.HandleFunc("GET /api/v2/users/{id}", user(func(w http.ResponseWriter, _ *http.Request, id int64, u doc) {
		resttest.Write(w, 200, doc{"user": u, "identities": append([]doc{}, f.identities[id]...)})
	}))
	m.HandleFunc("PUT /api/v2/users/{id}", user(func(w http.ResponseWriter, r *http.Request, id int64, u doc) {
		var in struct{ User doc }
		_ = json.NewDecoder(r.Body).Decode(&in)
		for k, v := range in.User {
			if k == "user_fields" {
				v = merged(u["user_fields"], v)
			}
			if k == "phone" {
				for _, i := range f.identities[id] {
					if i["type"] == "phone_number" && i["value"] == u["phone"] {
						i["value"] = v
					}
				}
			}
			u[k] = v
		}
		f.touchUser(id)
		resttest.Write(w, 200, doc{"user": u})
	}))
	m.HandleFunc("DELETE /api/v2/users/{id}", user(func(w http.ResponseWriter, _ *http.Request, id int64, u doc) {
		for _, t := range f.tickets {
			if t["requester_id"] == id && t["status"] != "closed" && f.deleted[t["id"].(int64)] == "" {
				resttest.Write(w, 422, doc{"error": "RecordInvalid", "description": u["name"].(string) + " is requester on one or more tickets that are not closed."})
				return
			}
		}
		if u["active"] != true {
			missing(w)
			return
		}
		u["active"] = false
		f.touchUser(id)
		resttest.Write(w, 200, doc{"user": u})
	}))
	m.HandleFunc("GET /api/v2/users/{id}/identities", user(func(w http.ResponseWriter, r *http.Request, id int64, _ doc) {
		paged(w, r, "identities", f.identities[id], nil)
	}))
	m.HandleFunc("POST /api/v2/users/{id}/identities", user(func(w http.ResponseWriter, r *http.Request, id int64, _ doc) {
		var in struct{ Identity doc }
		_ = json.NewDecoder(r.Body).Decode(&in)
		for _, list := range f.identities {
			for _, i := range list {
				if i["value"] == in.Identity["value"] {
					resttest.Write(w, 422, doc{"error": "RecordInvalid"})
					return
				}
			}
		}
		i := doc{"id": f.id(), "user_id": id, "type": "email", "value": in.Identity["value"], "primary": false}
		f.identities[id] = append(f.identities[id], i)
		f.touchUser(id)
		resttest.Write(w, 201, doc{"identity": i})
	}))
	m.HandleFunc("PUT /api/v2/users/{id}/identities/{identity}/make_primary", user(func(w http.ResponseWriter, r *http.Request, id int64, u doc) {
		for _, i := range f.identities[id] {
			if i["type"] == "email" {
				i["primary"] = i["id"] == pathID(r, "identity")
				if i["primary"] == true {
					u["email"] = i["value"]
				}
			}
		}
		f.touchUser(id)
		resttest.Write(w, 200, doc{"identities": f.identities[id]})
	}))
	m.HandleFunc("DELETE /api/v2/users/{id}/identities/{identity}", user(func(w http.ResponseWriter, r *http.Request, id int64, _ doc) {
		n := len(f.identities[id])
		f.identities[id] = slices.DeleteFunc(f.identities[id], func(i doc) bool { return i["id"] == pathID(r, "identity") })
		if len(f.identities[id]) == n {
			missing(w)
			return
		}
		f.touchUser(id)
		w.WriteHeader(204)
	}))
	m.HandleFunc("GET /api/v2/users/{id}/compliance_deletion_statuses", user(func(w http.ResponseWriter, r *http.Request, id int64, _ doc) {
		paged(w, r, "compliance_deletion_statuses", f.compliance[id], nil)
	}))
	for _, list := range []string{"requested", "ccd"} {
		m.HandleFunc("GET /api/v2/users/{id}/tickets/"+list, user(func(w http.ResponseWriter, r *http.Request, id int64, _ doc) {
			var out []doc
			for _, n := range slices.Sorted(maps.Keys(f.tickets)) {
				t := f.tickets[n]
				cc, _ := t["email_cc_ids"].([]int64)
				if f.deleted[n] == "" && !f.isArchived(n) && (list == "requested" && t["requester_id"] == id || list == "ccd" && slices.Contains(cc, id)) {
					out = append(out, t)
				}
			}
			paged(w, r, "tickets", out, nil)
		}))
	}
	// A deleted user is in this list until the permanent deletion is done.
	waiting := func(id int64) bool { return f.users[id]["active"] == false && f.users[id]["purged"] == nil }
	m.HandleFunc("GET /api/v2/deleted_users", func(w http.ResponseWriter, r *http.Request) {
		var out []doc
		for _, id := range slices.Sorted(maps.Keys(f.users)) {
			if waiting(id) {
				out = append(out, f.users[id])
			}
		}
		paged(w, r, "deleted_users", out, nil)
	})
	m.HandleFunc("GET /api/v2/deleted_users/{id}", user(func(w http.ResponseWriter, _ *http.Request, id int64, u doc) {
		if !waiting(id) {
			missing(w)
			return
		}
		resttest.Write(w, 200, doc{"deleted_user": u})
	}))
	m.HandleFunc("DELETE /api/v2/deleted_users/{id}", user(func(w http.ResponseWriter, _ *http.Request, id int64, u doc) {
		if !waiting(id) {
			missing(w)
			return
		}
		if len(f.compliance[id]) == 0 {
			note := func(app, action string) {
				f.compliance[id] = append(f.compliance[id], doc{"id": f.id(), "application": app, "action": action, "user_id": id, "created_at": stamp(f.clock.Now())})
			}
			note("all", "request_deletion")
			f.jobs.Start(func() {
				note("support", "started")
				note("chat", "started")
				note("chat", "complete")
				note("support", "complete")
				f.users[id] = doc{"id": id, "active": false, "purged": true, "role": "end-user", "name": "Permanently Deleted User", "created_at": u["created_at"], "updated_at": stamp(f.clock.Now())}
				delete(f.identities, id)
			})
		}
		resttest.Write(w, 200, doc{"deleted_user": u})
	}))
}

func merged(a, b any) doc {
	out := doc{}
	for _, m := range []any{a, b} {
		switch x := m.(type) {
		case doc:
			maps.Copy(out, x)
		case map[string]any:
			maps.Copy(out, x)
		}
	}
	return out
}

func (f *fake) touchUser(id int64) {
	f.users[id]["updated_at"] = stamp(f.clock.Now())
	f.indexUser(id)
}

func (f *fake) isArchived(id int64) bool {
	t := f.tickets[id]
	at, _ := time.Parse(time.RFC3339, t["updated_at"].(string))
	return t["status"] == "closed" && f.clock.Now().Sub(at) > 120*24*time.Hour
}

func (f *fake) live(id int64) bool { return f.tickets[id] != nil && f.deleted[id] == "" }

func (f *fake) ticketRoutes(m *http.ServeMux) {
	m.HandleFunc("GET /api/v2/tickets", func(w http.ResponseWriter, r *http.Request) {
		var out []doc
		for _, id := range slices.Backward(slices.Sorted(maps.Keys(f.tickets))) {
			if f.live(id) && !f.isArchived(id) && len(out) == 0 {
				out = append(out, f.tickets[id])
			}
		}
		resttest.Write(w, 200, doc{"tickets": append([]doc{}, out...)})
	})
	m.HandleFunc("GET /api/v2/tickets/show_many", func(w http.ResponseWriter, r *http.Request) {
		out := []doc{}
		for _, s := range strings.Split(r.URL.Query().Get("ids"), ",") {
			id, _ := strconv.ParseInt(s, 10, 64)
			if f.live(id) && !(f.hideArchived && f.isArchived(id)) {
				out = append(out, f.tickets[id])
			}
		}
		if f.unknownTicket != nil {
			out = append(out, f.unknownTicket)
		}
		resttest.Write(w, 200, doc{"tickets": out})
	})
	ticket := func(do func(w http.ResponseWriter, r *http.Request, id int64, t doc)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if id := pathID(r, "id"); f.live(id) {
				do(w, r, id, f.tickets[id])
				return
			}
			missing(w)
		}
	}
	m.HandleFunc("GET /api/v2/tickets/{id}", ticket(func(w http.ResponseWriter, _ *http.Request, _ int64, t doc) {
		resttest.Write(w, 200, doc{"ticket": t})
	}))
	m.HandleFunc("DELETE /api/v2/tickets/{id}", ticket(func(w http.ResponseWriter, _ *http.Request, id int64, _ doc) {
		f.deleted[id] = stamp(f.clock.Now())
		f.indexTicket(id)
		w.WriteHeader(204)
	}))
	m.HandleFunc("GET /api/v2/tickets/{id}/comments", ticket(func(w http.ResponseWriter, r *http.Request, id int64, _ doc) {
		paged(w, r, "comments", f.comments[id], nil)
	}))
	m.HandleFunc("GET /api/v2/tickets/{id}/audits", ticket(func(w http.ResponseWriter, r *http.Request, id int64, _ doc) {
		paged(w, r, "audits", f.audits[id], nil)
	}))
	m.HandleFunc("PUT /api/v2/tickets/{id}/comments/{comment}/attachments/{attachment}/redact", ticket(func(w http.ResponseWriter, r *http.Request, id int64, t doc) {
		if t["status"] == "closed" {
			resttest.Write(w, 422, doc{"error": "RecordInvalid"})
			return
		}
		for _, c := range f.comments[id] {
			atts, _ := c["attachments"].([]doc)
			for _, a := range atts {
				if c["id"] == pathID(r, "comment") && a["id"] == pathID(r, "attachment") {
					delete(f.files, fmt.Sprintf("t%d", a["id"]))
					a["file_name"], a["deleted"] = "redacted.txt", true
					f.indexTicket(id)
					resttest.Write(w, 200, doc{"attachment": a})
					return
				}
			}
		}
		missing(w)
	}))
	m.HandleFunc("PUT /api/v2/comment_redactions/{id}", f.redact)
	m.HandleFunc("GET /api/v2/deleted_tickets", func(w http.ResponseWriter, r *http.Request) {
		var out []doc
		for _, id := range slices.Sorted(maps.Keys(f.deleted)) {
			if !f.isArchived(id) {
				out = append(out, doc{"id": id, "subject": f.tickets[id]["subject"], "deleted_at": f.deleted[id]})
			}
		}
		if r.URL.Query().Get("sort_order") == "desc" { // by deleted_at; one page is enough here
			slices.SortFunc(out, func(a, b doc) int { return strings.Compare(b["deleted_at"].(string), a["deleted_at"].(string)) })
			resttest.Write(w, 200, doc{"deleted_tickets": append([]doc{}, out...), "meta": doc{"has_more": false}})
			return
		}
		paged(w, r, "deleted_tickets", out, nil)
	})
	m.HandleFunc("DELETE /api/v2/deleted_tickets/{id}", func(w http.ResponseWriter, r *http.Request) {
		id := pathID(r, "id")
		if f.deleted[id] == "" || f.isArchived(id) {
			missing(w)
			return
		}
		job := f.jobs.Start(func() { f.forget(id) })
		resttest.Write(w, 200, doc{"job_status": doc{"id": job, "status": "queued"}})
	})
	// Each of the ids is tried, in a job; those that cannot go are left.
	many := func(do func(id int64)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			f.bulk++
			job := f.jobs.Start(func() {
				for _, s := range strings.Split(r.URL.Query().Get("ids"), ",") {
					id, _ := strconv.ParseInt(s, 10, 64)
					do(id)
				}
			})
			resttest.Write(w, 200, doc{"job_status": doc{"id": job, "status": "queued"}})
		}
	}
	m.HandleFunc("DELETE /api/v2/tickets/destroy_many", many(func(id int64) {
		if f.live(id) && !f.refuse {
			f.deleted[id] = stamp(f.clock.Now())
			f.indexTicket(id)
		}
	}))
	m.HandleFunc("DELETE /api/v2/deleted_tickets/destroy_many", many(func(id int64) {
		if f.deleted[id] != "" && !f.isArchived(id) {
			f.forget(id)
		}
	}))
	m.HandleFunc("GET /api/v2/job_statuses/{id}", func(w http.ResponseWriter, r *http.Request) {
		done, ok := f.jobs.State(r.PathValue("id"))
		if !ok {
			missing(w)
			return
		}
		status := "working"
		if !done.IsZero() {
			status = "completed"
		}
		resttest.Write(w, 200, doc{"job_status": doc{"id": r.PathValue("id"), "status": status}})
	})
	m.HandleFunc("GET /api/v2/suspended_tickets", func(w http.ResponseWriter, r *http.Request) {
		var out []doc
		for _, id := range slices.Sorted(maps.Keys(f.suspended)) {
			out = append(out, f.suspended[id])
		}
		paged(w, r, "suspended_tickets", out, nil)
	})
	m.HandleFunc("GET /api/v2/suspended_tickets/{id}", func(w http.ResponseWriter, r *http.Request) {
		s, ok := f.suspended[pathID(r, "id")]
		if !ok {
			missing(w)
			return
		}
		resttest.Write(w, 200, doc{"suspended_ticket": s})
	})
	m.HandleFunc("DELETE /api/v2/suspended_tickets/{id}", func(w http.ResponseWriter, r *http.Request) {
		if f.suspended[pathID(r, "id")] == nil {
			missing(w)
			return
		}
		delete(f.suspended, pathID(r, "id"))
		w.WriteHeader(204)
	})
}

// forget takes a ticket out of the storage.
func (f *fake) forget(id int64) {
	for _, c := range f.comments[id] {
		delete(f.raw, c["id"].(int64))
		atts, _ := c["attachments"].([]doc)
		for _, a := range atts {
			delete(f.files, fmt.Sprintf("t%d", a["id"]))
		}
	}
	delete(f.comments, id)
	delete(f.audits, id)
	delete(f.tickets, id)
	delete(f.deleted, id)
}

var (
	redactTag  = regexp.MustCompile(`(?s)<redact>(.*?)</redact>`)
	redactAttr = regexp.MustCompile(`<[^>]* redact>`)
	anyTag     = regexp.MustCompile(`<[^>]*>`)
)

func blots(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' {
			return r
		}
		return '▇'
	}, html.UnescapeString(s))
}

func (f *fake) redact(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Ticket int64  `json:"ticket_id"`
		HTML   string `json:"html_body"`
	}
	_ = json.NewDecoder(r.Body).Decode(&in)
	if !f.live(in.Ticket) {
		missing(w)
		return
	}
	if f.noWorkspace && f.tickets[in.Ticket]["status"] == "closed" {
		resttest.Write(w, 422, doc{"error": "RecordInvalid"})
		return
	}
	for _, c := range f.comments[in.Ticket] {
		if c["id"] != pathID(r, "id") {
			continue
		}
		// The marked text must be the comment's own.
		if strings.NewReplacer("<redact>", "", "</redact>", "", " redact>", ">").Replace(in.HTML) != c["html_body"] {
			resttest.Write(w, 422, doc{"error": "RecordInvalid"})
			return
		}
		out := redactTag.ReplaceAllStringFunc(redactAttr.ReplaceAllString(in.HTML, ""), func(m string) string { return blots(redactTag.FindStringSubmatch(m)[1]) })
		c["html_body"] = out
		c["body"] = html.UnescapeString(anyTag.ReplaceAllString(strings.ReplaceAll(out, "<br>", "\n"), ""))
		id, body := c["id"].(int64), c["body"].(string)
		f.jobs.Start(func() { f.raw[id] = body })
		f.tickets[in.Ticket]["updated_at"] = stamp(f.clock.Now())
		f.indexTicket(in.Ticket)
		resttest.Write(w, 200, doc{"comment": c})
		return
	}
	missing(w)
}

var word = regexp.MustCompile(`[\p{L}\p{N}]+`)

// matches is the vendor's search: a phrase of words, or a key and an id.
func (x indexed) matches(query string) bool {
	for key, ids := range map[string][]int64{"requester:": {x.requester}, "cc:": x.cc, "commenter:": x.commenters} {
		if v, ok := strings.CutPrefix(query, key); ok {
			n, _ := strconv.ParseInt(v, 10, 64)
			return slices.Contains(ids, n)
		}
	}
	if strings.HasPrefix(query, "type:ticket") {
		_, before, limited := strings.Cut(query, "updated<")
		return x.kind == "ticket" && (!strings.Contains(query, "status:closed") || x.status == "closed") && (!limited || x.updated < before)
	}
	fold := func(s string) string {
		return " " + strings.Join(word.FindAllString(strings.ToLower(s), -1), " ") + " "
	}
	return strings.Contains(fold(x.text), fold(query))
}

func (f *fake) searchRoutes(m *http.ServeMux) {
	found := func(kind, query string) []doc {
		var out []doc
		for _, x := range f.index.Shown() {
			if x.kind == kind && x.matches(query) {
				out = append(out, doc{"id": x.id, "result_type": x.kind, "role": x.role})
			}
		}
		slices.SortFunc(out, func(a, b doc) int { return int(a["id"].(int64) - b["id"].(int64)) })
		return out
	}
	m.HandleFunc("GET /api/v2/search", func(w http.ResponseWriter, r *http.Request) {
		list := found("ticket", r.URL.Query().Get("query"))
		if r.URL.Query().Get("sort_order") == "desc" {
			slices.Reverse(list)
		}
		n, _ := strconv.Atoi(r.URL.Query().Get("per_page"))
		resttest.Write(w, 200, doc{"results": append([]doc{}, list[:min(n, len(list), 1000)]...), "count": len(list)})
	})
	m.HandleFunc("GET /api/v2/search/export", func(w http.ResponseWriter, r *http.Request) {
		paged(w, r, "results", found(r.URL.Query().Get("filter[type]"), r.URL.Query().Get("query")), nil)
	})
	m.HandleFunc("GET /api/v2/user_fields", func(w http.ResponseWriter, r *http.Request) {
		paged(w, r, "user_fields", []doc{{"id": int64(801), "key": "personnummer", "type": "text"}, {"id": int64(802), "key": "omrade", "type": "dropdown"}}, nil)
	})
	m.HandleFunc("GET /api/v2/ticket_fields", func(w http.ResponseWriter, r *http.Request) {
		paged(w, r, "ticket_fields", []doc{{"id": int64(900), "type": "subject", "removable": false}, {"id": int64(902), "type": "text", "removable": true}, {"id": int64(904), "type": "tagger", "removable": true}}, nil)
	})
}

// stored returns all that the account stores.
func (f *fake) stored() []connectortest.Place {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.jobs.Run()
	var out []connectortest.Place
	add := func(where string, id int64, v string) {
		out = append(out, connectortest.Place{Where: fmt.Sprintf("%s %d", where, id), Value: v})
	}
	for _, id := range slices.Sorted(maps.Keys(f.users)) {
		if f.users[id]["purged"] == nil { // what is left then says nothing of anybody
			add("user", id, text(f.users[id])+text(f.identities[id]))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(f.tickets)) {
		add("ticket", id, text(f.tickets[id]))
		for _, c := range f.comments[id] {
			add("comment", c["id"].(int64), text(c))
		}
		add("audits", id, text(f.audits[id]))
	}
	for _, id := range slices.Sorted(maps.Keys(f.raw)) {
		add("original mail", id, f.raw[id])
	}
	for _, t := range slices.Sorted(maps.Keys(f.files)) {
		out = append(out, connectortest.Place{Where: "file " + t, Value: string(f.files[t])})
	}
	for _, id := range slices.Sorted(maps.Keys(f.suspended)) {
		add("suspended", id, text(f.suspended[id]))
	}
	for _, x := range f.index.Everything() {
		add("index", x.id, x.text)
	}
	return out
}
