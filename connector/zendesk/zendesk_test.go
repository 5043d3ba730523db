package zendesk_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	ct "github.com/gallra/gallra/connector/connectortest"
	"github.com/gallra/gallra/connector/rest/resttest"
)

// desk returns an empty account and a connection to it.
func desk(t *testing.T, change ...string) (*account, connector.Source) {
	t.Helper()
	a := newAccount()
	a.reset()
	src := a.open(t, change...)
	t.Cleanup(func() {
		for _, b := range a.contract.Broken() {
			t.Error(b)
		}
		_ = src.Close()
	})
	return a, src
}

func (a *account) ticketOf(requester int64, subject, status string, age time.Duration) int64 {
	at := a.clock.Now().Add(-age)
	return a.addTicket(doc{"subject": subject, "status": status, "requester_id": requester}, at, at)
}

func find(t *testing.T, src connector.Source, depth connector.Depth, ids ...gallra.Identifier) []connector.Hit {
	t.Helper()
	var out []connector.Hit
	cursor := ""
	for {
		p, err := src.(connector.Finder).Find(t.Context(), connector.Needles{Identifiers: ids, Depth: depth}, cursor)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p.Hits...)
		if cursor = p.Next; cursor == "" {
			return out
		}
	}
}

func email(v string) gallra.Identifier {
	return gallra.Identifier{Kind: gallra.IdentEmail, Value: v}
}

// TestW6_RolesInTickets: one's own case, a copy, an answer in another's case, a
// mention, and an employee's own.
func TestW6_RolesInTickets(t *testing.T) {
	a, src := desk(t)
	now := a.clock.Now()
	anna := a.addUser(doc{"name": "Anna Berg", "email": "anna@example.se"}, now, now)
	bo := a.addUser(doc{"name": "Bo Ek", "email": "bo@example.se"}, now, now)
	own := a.ticketOf(anna, "Bygglov", "open", 0)
	copied := a.addTicket(doc{"subject": "Avlopp", "status": "open", "requester_id": bo, "email_cc_ids": []int64{anna}}, now, now)
	wrote := a.ticketOf(bo, "Skola", "open", 0)
	comment := a.addComment(wrote, anna, "Jag såg det också.", now)
	named := a.ticketOf(bo, "Granne", "open", 0)
	mention := a.addComment(named, bo, "Hör med anna@example.se.", now)
	a.index.Flush()
	got := map[string]gallra.Role{}
	for _, h := range find(t, src, connector.InText, email("Anna@Example.se")) {
		if h.Certainty != connector.Certain {
			t.Errorf("%s is %s", h.Ref, h.Certainty)
		}
		got[h.Ref.Type+" "+h.Ref.ID] = h.Role
	}
	want := map[string]gallra.Role{
		fmt.Sprint("user ", anna): gallra.RoleRequester, fmt.Sprint("ticket ", own): gallra.RoleRequester, fmt.Sprint("ticket ", copied): gallra.RoleCC,
		fmt.Sprintf("comment %d_%d", wrote, comment): gallra.RoleAuthor, fmt.Sprintf("comment %d_%d", named, mention): gallra.RoleMentioned,
	}
	for k, r := range want {
		if got[k] != r {
			t.Errorf("%s has the role %q, want %q", k, got[k], r)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%v", got)
	}
	for _, h := range find(t, src, connector.InFields, email("agneta@kommunen.example")) {
		if h.Role != gallra.RoleAgent {
			t.Errorf("an employee's record has the role %q", h.Role)
		}
	}
	for _, h := range find(t, src, connector.InFields, gallra.Identifier{Kind: gallra.IdentAccount, Value: fmt.Sprint(anna)}) {
		if h.Ref.Type == "user" && h.Field != "id" {
			t.Errorf("an account number is found in %s", h.Field)
		}
	}
}

// TestH17_MergedUsersAreOne: the addresses of a merged user lead to the one who
// is left, and the one who went is not there.
func TestH17_MergedUsersAreOne(t *testing.T) {
	a, src := desk(t)
	now := a.clock.Now()
	gone := a.addUser(doc{"name": "Anna B", "email": "anna.gammal@example.se"}, now, now)
	left := a.addUser(doc{"name": "Anna Berg", "email": "anna@example.se"}, now, now)
	a.users[gone]["active"] = false
	for _, i := range a.identities[gone] {
		i["user_id"], i["primary"] = left, false
		a.identities[left] = append(a.identities[left], i)
	}
	delete(a.identities, gone)
	a.indexUser(gone)
	a.indexUser(left)
	a.index.Flush()
	hits := find(t, src, connector.InFields, email("anna.gammal@example.se"))
	if len(hits) != 1 || hits[0].Ref.ID != fmt.Sprint(left) || hits[0].Field != "more_emails" {
		t.Errorf("%v", hits)
	}
	if _, err := src.Get(t.Context(), gallra.Ref{Type: "user", ID: fmt.Sprint(gone)}); !errors.Is(err, gallra.ErrNotFound) {
		t.Errorf("the merged one: %v", err)
	}
}

// TestX9_LeastScopes: an account that may not do what is declared is told so by
// Check, and an erasure with the reading credentials is refused.
func TestX9_LeastScopes(t *testing.T) {
	for name, c := range map[string]struct {
		role, restriction, key string
		code                   *gallra.Error
	}{
		"an end user":      {"end-user", "", "zendesk.not_agent", gallra.ErrPermission},
		"a restricted one": {"agent", "groups", "zendesk.restricted", gallra.ErrPermission},
		"no administrator": {"agent", "", "zendesk.not_admin", gallra.ErrPermission},
		"nobody (200 too)": {"", "", "rest.auth", gallra.ErrAuth},
		"an administrator": {"admin", "", "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAccount()
			a.reset()
			a.role, a.restriction = c.role, c.restriction
			err := a.open(t).Check(t.Context())
			var e *gallra.Error
			switch {
			case c.code == nil && err != nil, c.code != nil && !errors.Is(err, c.code):
				t.Errorf("%v", err)
			case c.code != nil && (!errors.As(err, &e) || e.Key != c.key):
				t.Errorf("%v", err)
			}
		})
	}
	a := newAccount()
	a.reset()
	id := a.ticketOf(a.client, "Bygglov", "closed", 0)
	src := a.open(t, "erase_client_id", "", "erase_client_secret", "")
	if _, err := src.(connector.Eraser).Erase(t.Context(), gallra.Ref{Type: "ticket", ID: fmt.Sprint(id)}, ""); !errors.Is(err, gallra.ErrPermission) {
		t.Errorf("with the reading credentials: %v", err)
	}
	if a.deleted[id] != "" {
		t.Error("something was deleted")
	}
}

// TestG5_UserWithOpenTicketsStays: the refusal has a name of its own, and no
// ticket and no other user is touched by a user's erasure.
func TestG5_UserWithOpenTicketsStays(t *testing.T) {
	a, src := desk(t)
	now := a.clock.Now()
	anna := a.addUser(doc{"name": "Anna Berg", "email": "anna@example.se"}, now, now)
	ticket := a.ticketOf(anna, "Bygglov", "solved", 0) // solved is not closed
	ref := gallra.Ref{Type: "user", ID: fmt.Sprint(anna)}
	var e *gallra.Error
	if _, err := src.(connector.Eraser).Erase(t.Context(), ref, ""); !errors.As(err, &e) || e.Key != "zendesk.user_has_tickets" || !errors.Is(err, gallra.ErrBlocked) {
		t.Fatalf("%v", err)
	}
	a.tickets[ticket]["status"] = "closed"
	r, err := src.(connector.Eraser).Erase(t.Context(), ref, "")
	if err != nil || r.Final || r.GoneBy.IsZero() || r.Grade != gallra.GradeHidden {
		t.Fatalf("%+v, %v", r, err)
	}
	a.clock.Advance(time.Hour)
	if r, err = src.(connector.Confirmer).Confirm(t.Context(), r); err != nil || !r.Final {
		t.Fatalf("%+v, %v", r, err)
	}
	if a.tickets[ticket] == nil || a.users[anna]["name"] != "Permanently Deleted User" {
		t.Error("the ticket went along, or the user did not go")
	}
	agent := slices.Sorted(func(yield func(int64) bool) {
		for id, u := range a.users {
			if u["role"] == "agent" && !yield(id) {
				return
			}
		}
	})[0]
	if _, err := src.(connector.Eraser).Erase(t.Context(), gallra.Ref{Type: "agent", ID: fmt.Sprint(agent)}, ""); !errors.Is(err, gallra.ErrBlocked) {
		t.Errorf("an agent: %v", err)
	}
}

// TestS35_ArchivedTicketsAreListed also where show_many hides them, and an
// archived ticket's erasure is a promise with a date.
func TestS35_ArchivedTicketsAreListed(t *testing.T) {
	for _, hidden := range []bool{false, true} {
		a, src := desk(t)
		a.hideArchived = hidden
		for i := range 5 {
			a.ticketOf(a.client, fmt.Sprint("gammalt ", i), "closed", 400*24*time.Hour)
			a.ticketOf(a.client, fmt.Sprint("nytt ", i), "open", 0)
		}
		a.index.Flush()
		p, err := src.List(t.Context(), connector.Query{Type: "ticket"})
		if err != nil || len(p.Records) != 10 {
			t.Fatalf("hidden %v: %d tickets, %v", hidden, len(p.Records), err)
		}
		ref := p.Records[0].Ref
		r, err := src.(connector.Eraser).Erase(t.Context(), ref, p.Records[0].Version)
		if err != nil || r.Final || r.GoneBy.Sub(a.clock.Now()) < 29*24*time.Hour {
			t.Fatalf("%+v, %v", r, err)
		}
		if r, err = src.(connector.Confirmer).Confirm(t.Context(), r); err != nil || r.Final {
			t.Errorf("called gone before its time: %v", err)
		}
		a.clock.Advance(31 * 24 * time.Hour)
		if r, err = src.(connector.Confirmer).Confirm(t.Context(), r); err != nil || !r.Final {
			t.Errorf("%+v, %v", r, err)
		}
	}
}

// TestS35_BeyondEveryCap: more tickets, comments, users and hits than a page holds.
func TestS35_BeyondEveryCap(t *testing.T) {
	a, src := desk(t)
	for i := range 230 {
		a.ticketOf(a.client, fmt.Sprint("Ärende ", i), "open", 0)
		a.addUser(doc{"name": fmt.Sprint("Kund ", i), "notes": "grannen@example.se"}, a.clock.Now(), a.clock.Now())
	}
	last := a.ticketOf(a.client, "Det långa", "open", 0)
	for i := range 250 {
		a.addComment(last, a.client, fmt.Sprint("Rad ", i), a.clock.Now())
	}
	a.index.Flush()
	for typ, want := range map[string]int{"ticket": 231, "comment": 250, "user": 231, "agent": 1} {
		seen := map[gallra.Ref]bool{}
		for q := (connector.Query{Type: typ, Limit: 37}); ; {
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
		if len(seen) != want {
			t.Errorf("%d of %d %s records", len(seen), want, typ)
		}
	}
	if hits := find(t, src, connector.InText, email("grannen@example.se")); len(hits) != 230 {
		t.Errorf("%d hits of 230", len(hits))
	}
}

// TestG3_CommentsAreBlottedOut: the words that go, links included, and no other.
func TestG3_CommentsAreBlottedOut(t *testing.T) {
	a, src := desk(t)
	id := a.ticketOf(a.client, "Bygglov", "closed", 0)
	body := "Hej!\nJag heter Åsa Öberg, ring 070-174 06 05.\nHälsningar Åsa Öberg"
	c := a.addComment(id, a.client, body, a.clock.Now(), ct.File{Name: "intyg.txt", Content: []byte("x")})
	a.comments[id][0]["html_body"] = strings.Replace(a.comments[id][0]["html_body"].(string), "ring", `<a href="mailto:asa.oberg@example.se">ring</a>`, 1)
	ref := gallra.Ref{Type: "comment", ID: fmt.Sprintf("%d_%d", id, c)}
	rec, err := src.Get(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	set := []gallra.Field{{Name: "body", Value: "Hej!\nJag heter [namn borttaget], ring [telefon borttagen].\nHälsningar [namn borttaget]"}}
	a.noWorkspace = true
	if _, err := src.(connector.Editor).Edit(t.Context(), ref, rec.Version, set); !errors.Is(err, gallra.ErrBlocked) {
		t.Errorf("where a closed ticket cannot be redacted: %v", err)
	}
	a.noWorkspace = false
	if _, err := src.(connector.Editor).Edit(t.Context(), ref, rec.Version, set); err != nil {
		t.Fatal(err)
	}
	after := a.comments[id][0]["body"].(string)
	for _, gone := range []string{"Åsa", "Öberg", "070", "06"} {
		if strings.Contains(after, gone) {
			t.Errorf("%s is still in %q", gone, after)
		}
	}
	for _, stays := range []string{"Hej!", "Jag heter", "ring", "Hälsningar"} {
		if !strings.Contains(after, stays) {
			t.Errorf("%s is gone from %q", stays, after)
		}
	}
	if _, err := src.(connector.Eraser).Erase(t.Context(), ref, ""); !errors.Is(err, gallra.ErrUnsupported) {
		t.Errorf("a comment cannot be erased alone: %v", err)
	}
	p, err := src.List(t.Context(), connector.Query{Type: "attachment"})
	if err != nil || len(p.Records) != 1 {
		t.Fatalf("%d, %v", len(p.Records), err)
	}
	if _, err := src.(connector.Eraser).Erase(t.Context(), p.Records[0].Ref, ""); !errors.Is(err, gallra.ErrBlocked) {
		t.Errorf("an attachment of a closed ticket: %v", err)
	}
	a.tickets[id]["status"] = "solved"
	if _, err := src.(connector.Eraser).Erase(t.Context(), p.Records[0].Ref, p.Records[0].Version); err != nil {
		t.Error(err)
	}
	if len(a.files) != 0 {
		t.Error("the file is still stored")
	}
}

// TestV4_UnknownShapesAreDrift, never an empty page.
func TestV4_UnknownShapesAreDrift(t *testing.T) {
	for name, d := range map[string]doc{
		"a field that is not declared": {"id": int64(2), "status": "open", "requester_id": int64(1), "created_at": "", "updated_at": "", "custom_fields": []doc{{"id": int64(999), "value": "x"}}},
		"a ticket nobody asked for":    {"id": int64(99999), "status": "open", "requester_id": int64(1), "created_at": "", "updated_at": ""},
		"a time of another form":       {"id": int64(2), "status": "open", "requester_id": int64(1), "created_at": "igår", "updated_at": ""},
	} {
		t.Run(name, func(t *testing.T) {
			a, src := desk(t)
			a.ticketOf(a.client, "x", "open", 0)
			a.unknownTicket = d
			if _, err := src.List(t.Context(), connector.Query{Type: "ticket"}); !errors.Is(err, gallra.ErrDrift) {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestG7_SuccessThatDidNothingIsNone: an answer of success is read back.
func TestG7_SuccessThatDidNothingIsNone(t *testing.T) {
	a, src := desk(t)
	now := a.clock.Now()
	who := a.addUser(doc{"name": "Anna Berg", "email": "anna@example.se"}, now, now)
	id := a.ticketOf(a.client, "Bygglov", "closed", 0)
	c := a.addComment(id, who, "Jag heter Anna Berg", now)
	a.suspended[900] = doc{"id": int64(900), "author": doc{"name": "x", "email": "x@example.se"}, "subject": "x", "content": "x"}
	a.way.Choose = resttest.Lying
	for _, ref := range []gallra.Ref{{Type: "user", ID: fmt.Sprint(who)}, {Type: "ticket", ID: fmt.Sprint(id)}, {Type: "suspended_ticket", ID: "900"}} {
		if r, err := src.(connector.Eraser).Erase(t.Context(), ref, ""); !errors.Is(err, gallra.ErrUnavailable) {
			t.Errorf("%s: %+v, %v", ref, r, err)
		}
	}
	ed := src.(connector.Editor)
	if _, err := ed.Edit(t.Context(), gallra.Ref{Type: "comment", ID: fmt.Sprintf("%d_%d", id, c)}, "", []gallra.Field{{Name: "body", Value: "Jag heter"}}); !errors.Is(err, gallra.ErrUnavailable) {
		t.Errorf("comment: %v", err)
	}
	if _, err := ed.Edit(t.Context(), gallra.Ref{Type: "user", ID: fmt.Sprint(who)}, "", []gallra.Field{{Name: "email", Value: "borta@example.invalid"}}); !errors.Is(err, gallra.ErrUnavailable) {
		t.Errorf("user: %v", err)
	}
}

// TestG4_ManyTicketsInOneJob: a hundred and more go in two jobs a hundred, one
// that was changed meanwhile stays, one that is gone is said to be, an archived
// one is promised, and a job that lasts too long is asked for again.
func TestG4_ManyTicketsInOneJob(t *testing.T) {
	a, src := desk(t)
	for i := range 120 {
		a.ticketOf(a.client, fmt.Sprint("Ärende ", i), "closed", time.Hour)
	}
	old := a.ticketOf(a.client, "Gammalt", "closed", 400*24*time.Hour)
	a.index.Flush()
	var items []connector.Item
	q := connector.Query{Type: "ticket"}
	for {
		p, err := src.List(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range p.Records {
			items = append(items, connector.Item{Ref: r.Ref, IfVersion: r.Version})
		}
		if q.Cursor = p.Next; q.Cursor == "" {
			break
		}
	}
	items = append(items, connector.Item{Ref: gallra.Ref{System: a.system, Type: "ticket", ID: "999999"}})
	if len(items) != 122 {
		t.Fatalf("%d tickets", len(items))
	}
	id := func(i int) int64 {
		n, _ := strconv.ParseInt(items[i].Ref.ID, 10, 64)
		return n
	}
	a.tickets[id(7)]["subject"] = "Ändrat"
	a.tickets[id(7)]["updated_at"] = stamp(a.clock.Now())
	b := src.(connector.Batcher)
	a.jobs.Takes = time.Hour
	if _, err := b.EraseMany(t.Context(), items[:3]); !errors.Is(err, gallra.ErrUnavailable) {
		t.Fatalf("a job that lasts an hour: %v", err)
	}
	a.jobs.Takes, a.bulk = 2*time.Second, 0
	a.clock.Advance(2 * time.Hour)
	res, err := b.EraseMany(t.Context(), items)
	if err != nil || len(res) != len(items) {
		t.Fatal(len(res), err)
	}
	for i, r := range res {
		switch {
		case i == 7:
			if !errors.Is(r.Err, gallra.ErrConflict) || a.deleted[id(i)] != "" {
				t.Errorf("one that was changed: %v", r.Err)
			}
		case i == len(items)-1:
			if !errors.Is(r.Err, gallra.ErrNotFound) {
				t.Errorf("one that is not there: %v", r.Err)
			}
		case r.Err != nil || r.Receipt.Ref != items[i].Ref || r.Receipt.Final || r.Receipt.GoneBy.IsZero():
			t.Errorf("%d: %+v, %v", i, r.Receipt, r.Err)
		}
	}
	if a.bulk != 4 {
		t.Errorf("%d jobs for two stretches of a hundred", a.bulk)
	}
	a.clock.Advance(time.Hour)
	for i, r := range res {
		if r.Err != nil || id(i) == old {
			continue
		}
		if got, err := src.(connector.Confirmer).Confirm(t.Context(), r.Receipt); err != nil || !got.Final || a.tickets[id(i)] != nil {
			t.Fatalf("%d: %+v, %v", i, got, err)
		}
	}
	if a.deleted[old] == "" || a.tickets[old] == nil {
		t.Error("the archived one is not deleted, or purged before its time")
	}
}
