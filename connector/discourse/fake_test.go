package discourse_test

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
	ct "github.com/gallra/gallra/connector/connectortest"
	"github.com/gallra/gallra/connector/discourse"
	"github.com/gallra/gallra/connector/rest"
	"github.com/gallra/gallra/connector/rest/resttest"
	"github.com/gallra/gallra/internal/shareddata"
)

type doc = map[string]any

const key, eraseKey = "hemlig-nyckel", "hemlig-radering"

// fake is a forum: what is deleted is hidden and staff still read it; a second
// deletion five minutes later erases it; an edit keeps the old text in a
// revision; an account is anonymised by a job.
type fake struct {
	clock    *resttest.Clock
	contract *resttest.Contract
	quota    *resttest.Quota
	jobs     *resttest.Jobs
	index    *resttest.Index[string]
	way      *resttest.Faulty
	system   gallra.SystemID

	mu        sync.Mutex
	last      int64
	users     map[int64]doc // with "email", "secondary"
	topics    map[int64]doc
	posts     map[int64]doc
	revisions map[int64][]string // earlier texts by post
	screened  []string
	admin     bool
	permanent bool // can_permanently_delete
	refuse    bool
	of        map[string]int64
	client    int64
}

var systems atomic.Int64

// contract is Discourse's own description with two operations that it has and
// does not describe. Answers are tried by type, not by completeness.
func contract(tb testing.TB) *resttest.Contract {
	b, err := os.ReadFile(shareddata.Path(tb, "data/apis/discourse/openapi.json"))
	if err != nil {
		tb.Fatal(err)
	}
	var d doc
	if err := json.Unmarshal(b, &d); err != nil {
		tb.Fatal(err)
	}
	d["openapi"] = "3.0.3"
	param := func(name string) doc {
		return doc{"name": name, "in": "path", "required": true, "schema": doc{"type": "integer"}}
	}
	paths := d["paths"].(doc)
	paths["/posts/{id}/revisions/{revision}.json"] = doc{"get": doc{"parameters": []any{param("id"), param("revision")}, "responses": doc{"200": doc{"description": "a revision"}}}}
	paths["/posts/{id}/revisions/permanently_delete.json"] = doc{"delete": doc{"parameters": []any{param("id")}, "responses": doc{"200": doc{"description": "gone"}}}}
	for _, item := range paths {
		for _, op := range item.(doc) {
			if o, ok := op.(doc); ok {
				loosen(o["responses"])
			}
		}
	}
	if b, err = json.Marshal(d); err != nil {
		tb.Fatal(err)
	}
	c, err := resttest.NewContract(b)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func loosen(v any) {
	switch x := v.(type) {
	case []any:
		for _, e := range x {
			loosen(e)
		}
	case doc:
		if types, ok := x["type"].([]any); ok {
			delete(x, "type")
			x["nullable"] = true
			if types = slices.DeleteFunc(types, func(t any) bool { return t == "null" }); len(types) == 1 {
				x["type"] = types[0]
			}
		}
		delete(x, "required")
		delete(x, "additionalProperties")
		delete(x, "minItems")
		for _, e := range x {
			loosen(e)
		}
	}
}

func newFake(tb testing.TB) *fake {
	tb.Helper()
	clock := resttest.NewClock(time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC))
	f := &fake{clock: clock, contract: contract(tb), quota: &resttest.Quota{Clock: clock, Calls: 120, Per: time.Minute}, system: gallra.SystemID(fmt.Sprint("forum-", systems.Add(1)))}
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
	f.jobs = &resttest.Jobs{Clock: f.clock, Takes: 2 * time.Minute}
	f.index = &resttest.Index[string]{Clock: f.clock, Lag: 5 * time.Minute}
	f.users, f.topics, f.posts, f.revisions, f.of = map[int64]doc{}, map[int64]doc{}, map[int64]doc{}, map[int64][]string{}, map[string]int64{}
	f.last, f.screened, f.admin, f.permanent, f.refuse = 0, nil, true, true, false
	f.client = f.addUser(doc{"username": "gallra", "admin": true}, time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC))
}

func (f *fake) id() int64 { f.last++; return f.last }

func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

func (f *fake) addUser(d doc, created time.Time) int64 {
	id := f.id()
	u := doc{"id": id, "username": fmt.Sprint("user", id), "name": "", "title": "", "admin": false, "moderator": false, "trust_level": 1, "post_count": 0, "ip_address": "", "registration_ip_address": "",
		"created_at": stamp(created), "last_seen_at": nil, "email": "", "secondary": []string{}}
	maps.Copy(u, d)
	f.users[id] = u
	return id
}

func (f *fake) addTopic(by int64, title, text string, created time.Time, more doc) int64 {
	id := f.id()
	t := doc{"id": id, "title": title, "category_id": 1, "archetype": "regular", "closed": false, "posts_count": 0, "created_at": stamp(created), "last_posted_at": stamp(created), "deleted_at": nil, "by": by}
	maps.Copy(t, more)
	f.topics[id] = t
	f.addPost(id, by, text, created, nil)
	if v, ok := more["last_posted_at"]; ok {
		t["last_posted_at"] = v
	}
	return id
}

func (f *fake) addPost(topic, by int64, text string, created time.Time, more doc) int64 {
	id := f.id()
	t := f.topics[topic]
	t["posts_count"] = t["posts_count"].(int) + 1
	t["last_posted_at"] = stamp(created)
	p := doc{"id": id, "topic_id": topic, "post_number": t["posts_count"], "raw": text, "user_id": by, "version": 1, "via_email": false, "created_at": stamp(created), "updated_at": stamp(created), "deleted_at": nil}
	maps.Copy(p, more)
	f.posts[id] = p
	f.index.Put(fmt.Sprint(id), text)
	if u := f.users[by]; u != nil {
		u["post_count"] = u["post_count"].(int) + 1
	}
	return id
}

func (f *fake) showPost(p doc) doc {
	out := maps.Clone(p)
	u := f.users[p["user_id"].(int64)]
	out["username"], out["name"], out["cooked"] = u["username"], u["name"], "<p>"+p["raw"].(string)+"</p>"
	return out
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f.quota.Refuse(w) {
		return
	}
	if shown := r.Header.Get("Api-Key"); r.Header.Get("Api-Username") != "gallra" || shown != eraseKey && (shown != key || resttest.Changes(r)) {
		resttest.Write(w, 403, doc{"errors": []string{"You are not permitted to view the requested resource."}, "error_type": "invalid_access"})
		return
	}
	f.contract.Wrap(http.HandlerFunc(f.serve)).ServeHTTP(w, r)
}

func missing(w http.ResponseWriter) {
	resttest.Write(w, 404, doc{"errors": []string{"The requested URL or resource could not be found."}, "error_type": "not_found"})
}

var route = regexp.MustCompile(`^/(admin/users|t|posts)/(\d+)(?:/(anonymize|revisions)(?:/(\d+|permanently_delete))?)?\.json$`)

func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.jobs.Run()
	if r.Method != "GET" && f.refuse {
		resttest.Write(w, 422, doc{"errors": []string{"Åsa får inte"}})
		return
	}
	path := r.URL.Path
	if strings.HasPrefix(path, "/admin/") && !f.admin {
		missing(w)
		return
	}
	p := route.FindStringSubmatch(path)
	id := int64(0)
	if p != nil {
		id, _ = strconv.ParseInt(p[2], 10, 64)
	}
	switch {
	case path == "/admin/users.json":
		f.listUsers(w, r)
	case path == "/latest.json":
		f.latest(w)
	case path == "/search.json":
		f.search(w, r)
	case path == "/user_actions.json":
		f.actions(w, r)
	case strings.HasSuffix(path, "/emails.json"):
		for _, u := range f.users {
			if u["username"] == strings.Split(path, "/")[2] {
				resttest.Write(w, 200, doc{"email": u["email"], "secondary_emails": u["secondary"]})
				return
			}
		}
		missing(w)
	case p == nil:
		missing(w)
	case p[1] == "admin/users":
		f.user(w, r, id, p[3])
	case p[1] == "t":
		f.topic(w, r, id)
	case p[3] == "revisions":
		f.revision(w, r, id, p[4])
	default:
		f.post(w, r, id)
	}
}

func (f *fake) listUsers(w http.ResponseWriter, r *http.Request) {
	n, _ := strconv.Atoi(r.URL.Query().Get("page"))
	all := []doc{{"id": -1, "username": "system"}}
	for _, id := range slices.Sorted(maps.Keys(f.users)) {
		all = append(all, doc{"id": id, "username": f.users[id]["username"]})
	}
	const size = 3
	at := min((max(n, 1)-1)*size, len(all))
	resttest.Write(w, 200, append([]doc{}, all[at:min(at+size, len(all))]...))
}

func (f *fake) latest(w http.ResponseWriter) {
	list := []doc{}
	for _, id := range slices.Sorted(maps.Keys(f.topics)) {
		if t := f.topics[id]; t["archetype"] == "regular" && t["deleted_at"] == nil {
			list = append(list, doc{"id": id, "title": t["title"]})
		}
	}
	slices.Reverse(list)
	resttest.Write(w, 200, doc{"topic_list": doc{"topics": list[:min(len(list), 3)]}})
}

func (f *fake) search(w http.ResponseWriter, r *http.Request) {
	q := strings.ToLower(strings.Trim(r.URL.Query().Get("q"), `"`))
	out := []doc{}
	shown := f.index.Shown()
	for _, id := range slices.Sorted(maps.Keys(f.posts)) {
		if p := f.posts[id]; p["deleted_at"] == nil && strings.Contains(strings.ToLower(shown[fmt.Sprint(id)]), q) {
			out = append(out, doc{"id": id, "topic_id": p["topic_id"]})
		}
	}
	n, _ := strconv.Atoi(r.URL.Query().Get("page"))
	at := min((max(n, 1)-1)*2, len(out))
	resttest.Write(w, 200, doc{"posts": append([]doc{}, out[at:min(at+2, len(out))]...)})
}

func (f *fake) actions(w http.ResponseWriter, r *http.Request) {
	offset, _ := strconv.Atoi(r.URL.Query().Get("offset"))
	all := []doc{}
	for _, id := range slices.Sorted(maps.Keys(f.posts)) {
		p := f.posts[id]
		if u := f.users[p["user_id"].(int64)]; u["username"] == r.URL.Query().Get("username") && p["deleted_at"] == nil {
			all = append(all, doc{"topic_id": p["topic_id"]})
		}
	}
	at := min(offset, len(all))
	resttest.Write(w, 200, doc{"user_actions": append([]doc{}, all[at:min(at+2, len(all))]...)})
}

func (f *fake) user(w http.ResponseWriter, r *http.Request, id int64, verb string) {
	u := f.users[id]
	switch {
	case u == nil:
		missing(w)
	case verb == "anonymize":
		f.jobs.Start(func() {
			if f.users[id] != nil {
				name := fmt.Sprintf("anon%d", 100000+id)
				maps.Copy(u, doc{"username": name, "name": "", "email": name + "@anonymized.invalid", "secondary": []string{}, "ip_address": "", "registration_ip_address": "", "title": ""})
			}
		})
		resttest.Write(w, 200, doc{"success": "OK"})
	case r.Method == "DELETE":
		var body struct {
			Email bool `json:"block_email"`
			IP    bool `json:"block_ip"`
		}
		_ = json.NewDecoder(r.Body).Decode(&body)
		if u["post_count"].(int) > 0 {
			resttest.Write(w, 403, doc{"deleted": false, "message": "User has posts"})
			return
		}
		if body.Email || body.IP {
			f.screened = append(f.screened, fmt.Sprint(u["email"], u["ip_address"]))
		}
		delete(f.users, id)
		resttest.Write(w, 200, doc{"deleted": true})
	default:
		out := maps.Clone(u)
		delete(out, "email")
		delete(out, "secondary")
		resttest.Write(w, 200, out)
	}
}

func (f *fake) topic(w http.ResponseWriter, r *http.Request, id int64) {
	t := f.topics[id]
	if t == nil {
		missing(w)
		return
	}
	stream := []int64{}
	for _, pid := range slices.Sorted(maps.Keys(f.posts)) {
		if f.posts[pid]["topic_id"] == id {
			stream = append(stream, pid)
		}
	}
	if r.Method == "DELETE" {
		if t["deleted_at"] == nil {
			t["deleted_at"] = stamp(f.clock.Now())
			for _, pid := range stream { // with the first post
				if f.posts[pid]["post_number"] == 1 {
					f.posts[pid]["deleted_at"] = stamp(f.clock.Now())
				}
			}
		}
		w.WriteHeader(200)
		return
	}
	out := maps.Clone(t)
	delete(out, "by")
	out["details"] = doc{"created_by": doc{"id": t["by"]}}
	out["post_stream"] = doc{"stream": stream, "posts": []doc{}}
	resttest.Write(w, 200, out)
}

func (f *fake) post(w http.ResponseWriter, r *http.Request, id int64) {
	p := f.posts[id]
	if p == nil {
		missing(w)
		return
	}
	switch r.Method {
	case "GET":
		resttest.Write(w, 200, f.showPost(p))
	case "PUT":
		var body struct{ Post struct{ Raw string } }
		_ = json.NewDecoder(r.Body).Decode(&body)
		f.revisions[id] = append(f.revisions[id], p["raw"].(string))
		p["raw"], p["version"], p["updated_at"] = body.Post.Raw, p["version"].(int)+1, stamp(f.clock.Now())
		f.index.Put(fmt.Sprint(id), body.Post.Raw)
		resttest.Write(w, 200, doc{"post": f.showPost(p)})
	default:
		f.deletePost(w, r, id, p)
	}
}

func (f *fake) deletePost(w http.ResponseWriter, r *http.Request, id int64, p doc) {
	var body struct {
		Force bool `json:"force_destroy"`
	}
	_ = json.NewDecoder(r.Body).Decode(&body)
	t := f.topics[p["topic_id"].(int64)]
	if !body.Force {
		if p["deleted_at"] == nil {
			p["deleted_at"] = stamp(f.clock.Now())
			if p["post_number"] != 1 {
				t["posts_count"] = t["posts_count"].(int) - 1
			}
		}
		w.WriteHeader(200)
		return
	}
	others := 0
	for oid, o := range f.posts {
		if oid != id && o["topic_id"] == p["topic_id"] {
			others++
		}
	}
	at, _ := time.Parse(time.RFC3339, fmt.Sprint(p["deleted_at"]))
	if !f.permanent || p["deleted_at"] == nil || f.clock.Now().Sub(at) < 5*time.Minute || p["post_number"] == 1 && others > 0 {
		resttest.Write(w, 403, doc{"errors": []string{"You must wait."}})
		return
	}
	delete(f.posts, id)
	delete(f.revisions, id)
	f.index.Delete(fmt.Sprint(id))
	if u := f.users[p["user_id"].(int64)]; u != nil {
		u["post_count"] = u["post_count"].(int) - 1
	}
	if p["post_number"] == 1 {
		delete(f.topics, p["topic_id"].(int64))
	}
	w.WriteHeader(200)
}

func (f *fake) revision(w http.ResponseWriter, r *http.Request, id int64, which string) {
	if which == "permanently_delete" && r.Method == "DELETE" {
		if !f.permanent {
			resttest.Write(w, 403, doc{"errors": []string{"no"}})
			return
		}
		if len(f.revisions[id]) == 0 {
			missing(w)
			return
		}
		delete(f.revisions, id)
		w.WriteHeader(200)
		return
	}
	n, _ := strconv.Atoi(which)
	old := f.revisions[id]
	if n < 2 || n-2 >= len(old) {
		missing(w)
		return
	}
	out := doc{"current_revision": n, "next_revision": nil, "body_changes": doc{"side_by_side_markdown": "<table><tr><td><del>" + old[n-2] + "</del></td></tr></table>"}}
	if n-1 < len(old) {
		out["next_revision"] = n + 1
	}
	resttest.Write(w, 200, out)
}

func (f *fake) stored() []ct.Place {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.jobs.Run()
	var out []ct.Place
	for _, part := range []struct {
		where string
		rows  map[int64]doc
	}{{"users", f.users}, {"topics", f.topics}, {"posts", f.posts}} {
		for _, id := range slices.Sorted(maps.Keys(part.rows)) {
			d := maps.Clone(part.rows[id])
			delete(d, "post_count") // follows the posts
			out = append(out, ct.Place{Where: part.where, Value: fmt.Sprint(d)})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(f.revisions)) {
		for _, text := range f.revisions[id] {
			out = append(out, ct.Place{Where: "post_revisions", Value: text})
		}
	}
	for _, s := range f.screened {
		out = append(out, ct.Place{Where: "screened_emails", Value: s})
	}
	return out
}

func (f *fake) config() connector.Config {
	return connector.Config{System: f.system, URL: "discourse://forum.kommun.example", Options: map[string]string{"user": "gallra", "token": key, "erase_token": eraseKey}}
}

func (f *fake) open(tb ct.TB, options ...string) connector.Source {
	tb.Helper()
	c := f.config()
	for i := 0; i+1 < len(options); i += 2 {
		c.Options[options[i]] = options[i+1]
	}
	s, err := discourse.Open(c, func(o *rest.Options) { o.Clock, o.Transport = f.clock, f.way })
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

func (f *fake) harness() ct.Harness {
	return ct.Harness{
		Name:    "discourse",
		Config:  func(ct.TB) connector.Config { return f.config() },
		Open:    func(tb ct.TB) connector.Source { return f.open(tb) },
		Secrets: []string{key, eraseKey},
		Reset:   func(ct.TB) { f.reset() },
		Stored:  func(ct.TB) []ct.Place { return f.stored() },
		Broken: func(ct.TB) []connector.Config {
			a, b := f.config(), f.config()
			a.Options["search"], b.URL = "kanske", "discourse://"
			return []connector.Config{a, b}
		},
		FailWrites: func(_ ct.TB, on bool) { f.mu.Lock(); f.refuse = on; f.mu.Unlock() },
		Eventually: func(ct.TB) { f.clock.Advance(6 * time.Minute) },
		Plant: func(_ ct.TB, text string) {
			f.locked(func() {
				id := f.addTopic(f.client, "Annat", "Annat", monday, doc{})
				f.addPost(id, f.client, text, monday, nil)
				f.topics[id]["deleted_at"] = stamp(monday)
			})
		},
		Faults: func(_ ct.TB, seed uint64) func() int { return f.way.Spoil(seed, 10) },
	}
}

var monday = time.Date(2024, 6, 10, 9, 30, 0, 0, time.UTC)

func (f *fake) topicHarness() ct.Harness {
	h := f.harness()
	h.Type, h.Text, h.Children = discourse.TypeTopic, "title", discourse.TypePost
	h.Fixed = []string{"title"} // a rename leaves the old title in the history
	h.Clocks = []gallra.StartEvent{gallra.StartCreated, gallra.StartLastContact}
	h.Seed = func(_ ct.TB, ss []ct.Seed) {
		f.locked(func() {
			for _, s := range ss {
				id := f.addTopic(f.client, s.Text, "Inlägg om "+s.Key+" "+s.Email, s.Created, doc{"archetype": "regular", "slug": s.Keep})
				f.of[s.Key] = id
				for _, c := range s.Children {
					f.addPost(id, f.client, c, s.Created, nil)
				}
				f.topics[id]["last_posted_at"] = stamp(s.Contact)
			}
		})
	}
	h.Touch = func(_ ct.TB, s ct.Seed) {
		f.locked(func() { f.addPost(f.of[s.Key], f.client, "Ett svar om "+s.Key, f.clock.Now(), nil) })
	}
	return h
}

func (f *fake) userHarness() ct.Harness {
	h := f.harness()
	h.Type, h.Email, h.Named, h.Text = discourse.TypeUser, "email", "name", "title"
	h.Fixed = []string{"email", "name", "title"}
	h.Kinds = []gallra.IdentifierKind{gallra.IdentEmail, gallra.IdentName, gallra.IdentUsername, gallra.IdentIP}
	h.Clocks = []gallra.StartEvent{gallra.StartCreated, gallra.StartLastContact}
	h.Seed = func(_ ct.TB, ss []ct.Seed) {
		f.locked(func() {
			for _, s := range ss {
				f.of[s.Key] = f.addUser(doc{"username": s.Username, "name": s.Name, "email": s.Email, "ip_address": s.IP, "title": s.Text, "last_seen_at": stamp(s.Contact), "locale": s.Keep}, s.Created)
			}
		})
	}
	h.Touch = func(_ ct.TB, s ct.Seed) {
		f.locked(func() { f.users[f.of[s.Key]]["last_seen_at"] = stamp(f.clock.Now()) })
	}
	return h
}
