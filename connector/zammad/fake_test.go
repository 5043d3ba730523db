package zammad_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
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

	"github.com/getkin/kin-openapi/openapi3filter"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	ct "github.com/gallra/gallra/connector/connectortest"
	"github.com/gallra/gallra/connector/rest"
	"github.com/gallra/gallra/connector/rest/resttest"
	"github.com/gallra/gallra/connector/zammad"
)

type doc = map[string]any

const (
	token   = "hemlig-token"    // of a user who may read
	erase   = "hemlig-radering" // of an administrator
	pageCap = 3                 // however many are asked for
)

// fake is a Zammad: a ticket is deleted at once and the index follows; a person
// goes by a task that waits and takes the person's tickets along.
type fake struct {
	clock    *resttest.Clock
	contract *resttest.Contract
	quota    *resttest.Quota
	index    *resttest.Index[string]
	jobs     *resttest.Jobs
	way      *resttest.Faulty
	system   gallra.SystemID

	mu       sync.Mutex
	last     int64
	users    map[int64]doc
	tickets  map[int64]doc
	articles map[int64]doc // with "files": base64 by id, and "raw"
	history  []doc         // ticket_id, value_from, value_to
	tasks    map[int64]doc
	roles    []string
	refuse   bool
	private  bool // the token may order tasks for data privacy
	of       map[string]int64
	client   int64
}

var systems atomic.Int64

func init() { openapi3filter.RegisterBodyDecoder("message/rfc822", openapi3filter.FileBodyDecoder) }

func newFake(tb testing.TB) *fake {
	tb.Helper()
	b, err := os.ReadFile("testdata/zammad.yaml")
	if err != nil {
		tb.Fatal(err)
	}
	contract, err := resttest.NewContract(b)
	if err != nil {
		tb.Fatal(err)
	}
	clock := resttest.NewClock(time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC))
	f := &fake{clock: clock, contract: contract, quota: &resttest.Quota{Clock: clock, Calls: 600, Per: time.Minute},
		system: gallra.SystemID(fmt.Sprint("zammad-", systems.Add(1)))}
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
	f.index = &resttest.Index[string]{Clock: f.clock, Lag: 5 * time.Minute}
	f.jobs = &resttest.Jobs{Clock: f.clock, Takes: 10 * time.Minute}
	f.users, f.tickets, f.articles, f.tasks, f.of = map[int64]doc{}, map[int64]doc{}, map[int64]doc{}, map[int64]doc{}, map[string]int64{}
	f.history, f.last, f.refuse, f.private, f.roles = nil, 0, false, true, []string{"Admin", "Agent"}
	at := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	f.addUser(doc{"login": "-", "roles": []string{}}, at, at)
	f.addUser(doc{"login": "gallra@kommun.example", "roles": f.roles}, at, at)
	f.client = f.addUser(doc{"login": "webbformular@kommun.example", "firstname": "Webbformuläret"}, at, at)
	f.index.Flush()
}

func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

func (f *fake) id() int64 { f.last++; return f.last }

func (f *fake) addUser(d doc, created, updated time.Time) int64 {
	id := f.id()
	u := doc{"id": id, "login": "", "firstname": "", "lastname": "", "email": "", "phone": "", "mobile": "", "fax": "", "web": "", "address": "", "note": "", "active": true,
		"roles": []string{"Customer"}, "last_login": nil, "created_at": stamp(created), "updated_at": stamp(updated)}
	maps.Copy(u, d)
	f.users[id] = u
	f.index.Put(fmt.Sprint("user-", id), flat(u))
	return id
}

func (f *fake) addTicket(d doc, created, updated time.Time) int64 {
	id := f.id()
	t := doc{"id": id, "number": fmt.Sprint(22000 + id), "title": "", "note": nil, "customer_id": f.client, "group": "Users", "state": "open", "priority": "2 normal",
		"create_article_type": "email", "article_count": 0, "created_at": stamp(created), "updated_at": stamp(updated), "last_contact_at": nil, "close_at": nil}
	maps.Copy(t, d)
	f.tickets[id] = t
	f.reindex(id)
	return id
}

func (f *fake) addArticle(ticket int64, d doc, files ...ct.File) int64 {
	id := f.id()
	t := f.tickets[ticket]
	a := doc{"id": id, "ticket_id": ticket, "from": "", "to": "kontakt@kommun.example", "cc": "", "reply_to": nil, "subject": "", "body": "", "content_type": "text/plain", "type": "email", "sender": "Customer",
		"internal": false, "origin_by_id": nil, "created_by_id": 2, "created_at": t["created_at"], "updated_at": t["created_at"], "files": doc{}}
	maps.Copy(a, d)
	list := []doc{}
	for _, file := range files {
		n := f.id()
		list = append(list, doc{"id": n, "filename": file.Name, "size": fmt.Sprint(len(file.Content))})
		a["files"].(doc)[fmt.Sprint(n)] = base64.StdEncoding.EncodeToString(file.Content)
	}
	a["attachments"] = list
	f.articles[id] = a
	t["article_count"] = t["article_count"].(int) + 1
	f.reindex(ticket)
	return id
}

func (f *fake) reindex(ticket int64) {
	text := flat(f.tickets[ticket])
	for _, id := range slices.Sorted(maps.Keys(f.articles)) {
		if a := f.articles[id]; a["ticket_id"] == ticket {
			text += "\n" + flat(a)
			for _, c := range a["files"].(doc) {
				b, _ := base64.StdEncoding.DecodeString(c.(string))
				text += "\n" + string(b)
			}
		}
	}
	f.index.Put(fmt.Sprint("ticket-", ticket), text)
}

func flat(d doc) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(d)) {
		if k != "files" {
			fmt.Fprintf(&b, "%v\n", d[k])
		}
	}
	return b.String()
}

func (f *fake) dropTicket(id int64) {
	delete(f.tickets, id)
	maps.DeleteFunc(f.articles, func(_ int64, a doc) bool { return a["ticket_id"] == id })
	f.history = slices.DeleteFunc(f.history, func(h doc) bool { return h["ticket_id"] == id })
	f.index.Delete(fmt.Sprint("ticket-", id))
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f.quota.Refuse(w) {
		return
	}
	switch shown := strings.TrimPrefix(r.Header.Get("Authorization"), "Token token="); {
	case shown == erase:
	case shown != token:
		resttest.Write(w, 401, doc{"error": "Invalid BasicAuth credentials"})
		return
	case resttest.Changes(r) || strings.Contains(r.URL.Path, "/data_privacy_tasks"):
		resttest.Write(w, 403, doc{"error": "Not authorized"})
		return
	}
	f.contract.Wrap(http.HandlerFunc(f.serve)).ServeHTTP(w, r)
}

var route = regexp.MustCompile(`^/api/v1/([a-z_]+)(?:/(by_ticket|search|me))?(?:/(\d+))?(?:/(\d+)/(\d+))?$`)

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
	if r.Method != "GET" && !strings.HasSuffix(r.URL.Path, "/search") && f.refuse {
		resttest.Write(w, 422, doc{"error": "Åsa får inte tas bort"})
		return
	}
	switch key := p[1] + "." + p[2]; {
	case key == "users.me":
		u := maps.Clone(f.users[2])
		u["roles"] = f.roles
		resttest.Write(w, 200, u)
	case key == "users." && id == 0:
		f.page(w, r, f.users, nil)
	case key == "users.":
		one(w, f.users, id)
	case key == "users.search":
		f.search(w, r, "user", f.users)
	case key == "tickets.search" && r.Method == "POST":
		f.condition(w, r)
	case key == "tickets.search":
		f.search(w, r, "ticket", f.tickets)
	case key == "tickets." && id == 0:
		f.page(w, r, f.tickets, nil)
	case key == "tickets." && r.Method == "DELETE":
		f.delete(w, id)
	case key == "tickets.":
		one(w, f.tickets, id)
	case key == "ticket_articles.by_ticket":
		f.thread(w, id)
	case key == "ticket_article_plain.":
		if a := f.articles[id]; a != nil && a["raw"] != nil {
			w.Header().Set("Content-Type", "message/rfc822")
			_, _ = io.WriteString(w, a["raw"].(string))
			return
		}
		missing(w)
	case key == "ticket_attachment.":
		f.file(w, p[4], p[5])
	case key == "ticket_history.":
		f.past(w, id)
	case key == "data_privacy_tasks.":
		f.privacy(w, r, id)
	default:
		missing(w)
	}
}

func missing(w http.ResponseWriter) { resttest.Write(w, 404, doc{"error": "Couldn't find it"}) }

func one(w http.ResponseWriter, from map[int64]doc, id int64) {
	if d := from[id]; d != nil {
		resttest.Write(w, 200, d)
		return
	}
	missing(w)
}

func (f *fake) page(w http.ResponseWriter, r *http.Request, from map[int64]doc, wanted func(doc) bool) {
	n, _ := strconv.Atoi(r.URL.Query().Get("page"))
	f.stretch(w, n, from, wanted)
}

func (f *fake) stretch(w http.ResponseWriter, n int, from map[int64]doc, wanted func(doc) bool) {
	all := []doc{}
	for _, id := range slices.Sorted(maps.Keys(from)) {
		if wanted == nil || wanted(from[id]) {
			all = append(all, from[id])
		}
	}
	at := min((max(n, 1)-1)*pageCap, len(all))
	resttest.Write(w, 200, append([]doc{}, all[at:min(at+pageCap, len(all))]...))
}

func (f *fake) search(w http.ResponseWriter, r *http.Request, kind string, from map[int64]doc) {
	shown := f.index.Shown()
	f.page(w, r, from, func(d doc) bool {
		text := strings.ToLower(shown[fmt.Sprint(kind, "-", d["id"])])
		return slices.ContainsFunc(strings.Split(strings.ToLower(r.URL.Query().Get("query")), " or "), func(group string) bool {
			words := strings.Split(strings.Trim(group, "()"), " and ")
			return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, strings.ReplaceAll(strings.Trim(w, `"`), `\`, "")) })
		})
	})
}

func (f *fake) condition(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Condition map[string]struct {
			Operator, Range string
			Value           any
		}
		Page int
	}
	if json.NewDecoder(r.Body).Decode(&body) != nil {
		resttest.Write(w, 422, doc{"error": "bad"})
		return
	}
	f.stretch(w, body.Page, f.tickets, func(d doc) bool {
		for field, c := range body.Condition {
			name := strings.TrimPrefix(field, "ticket.")
			if c.Operator == "within last (relative)" {
				at, _ := time.Parse(time.RFC3339, d[name].(string))
				if hours, _ := strconv.Atoi(c.Value.(string)); f.clock.Now().Sub(at) > time.Duration(hours)*time.Hour {
					return false
				}
				continue
			}
			if !slices.Contains(c.Value.([]any), any(fmt.Sprint(d[name]))) {
				return false
			}
		}
		return true
	})
}

func (f *fake) delete(w http.ResponseWriter, id int64) {
	switch {
	case f.tickets[id] == nil:
		missing(w)
	case !slices.Contains(f.roles, "Admin"):
		resttest.Write(w, 403, doc{"error": "Not authorized"})
	default:
		f.dropTicket(id)
		resttest.Write(w, 200, doc{})
	}
}

func (f *fake) thread(w http.ResponseWriter, ticket int64) {
	if f.tickets[ticket] == nil {
		missing(w)
		return
	}
	out := []doc{}
	for _, id := range slices.Sorted(maps.Keys(f.articles)) {
		if a := f.articles[id]; a["ticket_id"] == ticket {
			a = maps.Clone(a)
			delete(a, "files")
			delete(a, "raw")
			out = append(out, a)
		}
	}
	resttest.Write(w, 200, out)
}

func (f *fake) file(w http.ResponseWriter, article, id string) {
	n, _ := strconv.ParseInt(article, 10, 64)
	if a := f.articles[n]; a != nil {
		if c, ok := a["files"].(doc)[id]; ok {
			b, _ := base64.StdEncoding.DecodeString(c.(string))
			w.Header().Set("Content-Type", "application/octet-stream")
			_, _ = w.Write(b)
			return
		}
	}
	missing(w)
}

func (f *fake) past(w http.ResponseWriter, ticket int64) {
	if f.tickets[ticket] == nil {
		missing(w)
		return
	}
	out := []doc{}
	for _, h := range f.history {
		if h["ticket_id"] == ticket {
			out = append(out, h)
		}
	}
	resttest.Write(w, 200, doc{"history": out})
}

func (f *fake) privacy(w http.ResponseWriter, r *http.Request, id int64) {
	switch {
	case !f.private:
		resttest.Write(w, 403, doc{"error": "Not authorized"})
	case r.Method == "POST":
		var body struct {
			ID int64 `json:"deletable_id"`
		}
		_ = json.NewDecoder(r.Body).Decode(&body)
		u := f.users[body.ID]
		if u == nil || !slices.Equal(u["roles"].([]string), []string{"Customer"}) {
			resttest.Write(w, 422, doc{"error": "Object not found"})
			return
		}
		n := f.id()
		half := func(v any) string {
			var out []string
			for _, p := range strings.Fields(fmt.Sprint(v)) {
				rs := []rune(p)
				out = append(out, string(rs[0])+"*"+string(rs[len(rs)-1]))
			}
			return strings.Join(out, " ")
		}
		f.tasks[n] = doc{"id": n, "deletable_type": "User", "deletable_id": body.ID, "state": "in process", "created_at": stamp(f.clock.Now()),
			"preferences": doc{"user": doc{"firstname": half(u["firstname"]), "lastname": half(u["lastname"])}}}
		f.jobs.Start(func() {
			for _, t := range slices.Sorted(maps.Keys(f.tickets)) {
				if f.tickets[t]["customer_id"] == body.ID {
					f.dropTicket(t)
				}
			}
			delete(f.users, body.ID)
			f.index.Delete(fmt.Sprint("user-", body.ID))
			f.tasks[n]["state"] = "completed"
		})
		resttest.Write(w, 201, f.tasks[n])
	case id > 0:
		one(w, f.tasks, id)
	default:
		f.page(w, r, f.tasks, nil)
	}
}

// stored is all there is, but for the task rows, which say so little of whom
// they were about, and the clock's own numbers.
func (f *fake) stored() []ct.Place {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.jobs.Run()
	var out []ct.Place
	for _, part := range []struct {
		where string
		rows  map[int64]doc
	}{{"users", f.users}, {"tickets", f.tickets}, {"ticket_articles", f.articles}} {
		for _, id := range slices.Sorted(maps.Keys(part.rows)) {
			d := part.rows[id]
			out = append(out, ct.Place{Where: part.where, Value: flat(d)})
			if files, ok := d["files"].(doc); ok {
				for _, k := range slices.Sorted(maps.Keys(files)) {
					b, _ := base64.StdEncoding.DecodeString(files[k].(string))
					out = append(out, ct.Place{Where: "store_files", Value: string(b)})
				}
			}
		}
	}
	for _, h := range f.history {
		out = append(out, ct.Place{Where: "histories", Value: flat(h)})
	}
	return out
}

func (f *fake) config() connector.Config {
	return connector.Config{System: f.system, URL: "zammad://hjalp.kommun.example", Options: map[string]string{"token": token, "erase_token": erase}}
}

func (f *fake) open(tb ct.TB, options ...string) connector.Source {
	tb.Helper()
	c := f.config()
	for i := 0; i+1 < len(options); i += 2 {
		c.Options[options[i]] = options[i+1]
	}
	s, err := zammad.Open(c, func(o *rest.Options) { o.Clock, o.Transport = f.clock, f.way })
	if err != nil {
		tb.Fatalf("open: %v", err)
	}
	return s
}

// locked runs g with the fake's lock, and lets the index catch up.
func (f *fake) locked(g func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	g()
	f.index.Flush()
}

func (f *fake) harness(search string) ct.Harness {
	return ct.Harness{
		Name:    "zammad",
		Config:  func(ct.TB) connector.Config { return f.config() },
		Open:    func(tb ct.TB) connector.Source { return f.open(tb, "search", search) },
		Secrets: []string{token, erase},
		Reset:   func(ct.TB) { f.reset() },
		Stored:  func(ct.TB) []ct.Place { return f.stored() },
		Broken: func(ct.TB) []connector.Config {
			a, b := f.config(), f.config()
			a.Options["search"], b.URL = "kanske", "zammad://"
			return []connector.Config{a, b}
		},
		FailWrites: func(_ ct.TB, on bool) { f.mu.Lock(); f.refuse = on; f.mu.Unlock() },
		Eventually: func(ct.TB) {
			f.clock.Advance(20 * time.Minute)
			f.locked(f.jobs.Run)
		},
		Plant: func(_ ct.TB, text string) {
			f.locked(func() {
				id := f.addTicket(doc{"title": "Annat"}, f.clock.Now(), f.clock.Now())
				f.history = append(f.history, doc{"ticket_id": id, "value_from": text, "value_to": nil})
			})
		},
		Faults: func(_ ct.TB, seed uint64) func() int { return f.way.Spoil(seed, 8) },
	}
}

// tickets is the harness of tickets: the person stands in the article, as with
// a mail that a form has passed on.
func (f *fake) ticketHarness(search string) ct.Harness {
	h := f.harness(search)
	h.Type, h.Text, h.Keep, h.Children, h.Attachments = zammad.TypeTicket, "title", "group", zammad.TypeArticle, zammad.TypeAttachment
	h.Kinds = []gallra.IdentifierKind{gallra.IdentEmail, gallra.IdentName}
	h.Clocks = []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated, gallra.StartLastContact, gallra.StartClosed}
	h.Seed = func(_ ct.TB, ss []ct.Seed) {
		f.locked(func() { f.seedTickets(ss, func(ct.Seed) int64 { return f.client }) })
	}
	h.Touch = func(_ ct.TB, s ct.Seed) {
		f.locked(func() {
			f.addArticle(f.of[s.Key], doc{"body": "En kollega svarar om " + s.Key, "sender": "Agent", "type": "note"})
		})
	}
	return h
}

func (f *fake) seedTickets(ss []ct.Seed, customer func(ct.Seed) int64) {
	for _, s := range ss {
		state := "closed"
		if s.Closed.IsZero() {
			state = "open"
		}
		id := f.addTicket(doc{"title": s.Text, "group": s.Keep, "state": state, "last_contact_at": stamp(s.Contact), "close_at": stamp(s.Closed), "customer_id": customer(s)}, s.Created, s.Updated)
		f.of[s.Key] = id
		from := s.Name + " <" + s.Email + ">"
		raw := "From: " + from + "\r\nSubject: " + s.Key + "\r\n\r\n" + s.Personnummer
		f.addArticle(id, doc{"from": from, "body": "Personnummer " + s.Personnummer + ", telefon " + s.Phone, "raw": raw}, s.Files...)
		for _, c := range s.Children {
			f.addArticle(id, doc{"body": "<p>" + c + "</p>", "content_type": "text/html", "sender": "Agent", "type": "note"})
		}
		for _, old := range s.History {
			f.history = append(f.history, doc{"ticket_id": id, "value_from": old, "value_to": ""})
		}
	}
}

// customers is the harness of persons without tickets.
func (f *fake) customerHarness(search string) ct.Harness {
	h := f.harness(search)
	h.Type, h.Email, h.Named, h.Text, h.Keep = zammad.TypeCustomer, "email", "name", "note", ""
	h.Kinds = []gallra.IdentifierKind{gallra.IdentEmail, gallra.IdentName, gallra.IdentPhone, gallra.IdentUsername}
	h.Clocks = []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated, gallra.StartLastContact}
	h.Seed = func(_ ct.TB, ss []ct.Seed) {
		f.locked(func() {
			for _, s := range ss {
				first, last, _ := strings.Cut(s.Name, " ")
				f.of[s.Key] = f.addUser(doc{"firstname": first, "lastname": last, "email": s.Email, "login": s.Username, "phone": s.Phone, "note": s.Text, "web": s.Keep, "last_login": stamp(s.Contact)}, s.Created, s.Updated)
			}
		})
	}
	h.Touch = func(_ ct.TB, s ct.Seed) {
		f.locked(func() { f.users[f.of[s.Key]]["updated_at"] = stamp(f.clock.Now()) })
	}
	base := h.Reset
	h.Reset = func(tb ct.TB) { // no other customers than the seeds
		base(tb)
		f.locked(func() { delete(f.users, f.client); f.index.Delete(fmt.Sprint("user-", f.client)) })
	}
	return h
}
