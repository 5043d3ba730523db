package zammad_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	ct "github.com/gallra/gallra/connector/connectortest"
	"github.com/gallra/gallra/connector/rest/resttest"
	"github.com/gallra/gallra/connector/zammad"
)

// Not beside other tests: the suite counts what is left running.
func TestConformance(t *testing.T) {
	for _, search := range []string{"", "all"} {
		t.Run("tickets"+search, func(t *testing.T) { ct.Run(t, newFake(t).ticketHarness(search)) })
		t.Run("customers"+search, func(t *testing.T) { ct.Run(t, newFake(t).customerHarness(search)) })
	}
}

func TestS35_Faults(t *testing.T) {
	t.Parallel()
	t.Run("tickets", func(t *testing.T) { t.Parallel(); ct.Faults(t, newFake(t).ticketHarness("")) })
	t.Run("customers", func(t *testing.T) { t.Parallel(); ct.Faults(t, newFake(t).customerHarness("")) })
}

func TestAccountWithoutARight(t *testing.T) {
	t.Parallel()
	for right, take := range map[string]func(*fake){
		"Admin":              func(f *fake) { f.roles = []string{"Agent"} },
		"admin.data_privacy": func(f *fake) { f.private = false },
	} {
		f := newFake(t)
		take(f)
		if err := f.open(t).Check(t.Context()); !errors.Is(err, gallra.ErrPermission) || !strings.Contains(err.Error(), right) {
			t.Errorf("%s: %v", right, err)
		}
	}
	f := newFake(t)
	f.locked(func() { f.addTicket(doc{"title": "x"}, monday, monday) })
	f.roles = []string{"Agent"}
	src := f.open(t)
	p, err := src.List(t.Context(), connector.Query{Type: "ticket"})
	if err != nil || len(p.Records) != 1 {
		t.Fatal(len(p.Records), err)
	}
	if _, err := src.(connector.Eraser).Erase(t.Context(), p.Records[0].Ref, ""); !errors.Is(err, gallra.ErrPermission) || !strings.Contains(err.Error(), "admin") {
		t.Errorf("erase: %v", err)
	}
	if err := f.open(t, "token", "fel").Check(t.Context()); !errors.Is(err, gallra.ErrAuth) {
		t.Errorf("a wrong token: %v", err)
	}
}

var monday = time.Date(2024, 6, 10, 9, 30, 0, 0, time.UTC)

// A person who is a ticket's customer is not erased, because Zammad would take
// the ticket along, and the neighbour's article with it.
func TestPersonWithTicketsIsNotErased(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	var asa int64
	f.locked(func() {
		asa = f.addUser(doc{"firstname": "Åsa", "lastname": "Öberg", "email": "asa@example.se"}, monday, monday)
		own := f.addTicket(doc{"title": "Eget", "customer_id": asa}, monday, monday)
		f.addArticle(own, doc{"from": "Granne <granne@example.se>", "body": "Jag håller med"})
		other := f.addTicket(doc{"title": "Grannens"}, monday, monday)
		f.addArticle(other, doc{"from": "Åsa Öberg <asa@example.se>", "body": "Jag också", "created_by_id": asa})
	})
	src := f.open(t)
	person := gallra.Ref{System: f.system, Type: zammad.TypeCustomer, ID: "4"}
	before := f.stored()
	_, err := src.(connector.Eraser).Erase(t.Context(), person, "")
	if !errors.Is(err, gallra.ErrBlocked) {
		t.Fatalf("%v", err)
	}
	if !slices.Equal(before, f.stored()) || len(f.tasks) > 0 {
		t.Error("a refused erasure has changed something")
	}
	hits, err := src.(connector.Finder).Find(t.Context(), connector.Needles{Identifiers: []gallra.Identifier{{Kind: gallra.IdentEmail, Value: "asa@example.se"}}}, "")
	if err != nil {
		t.Fatal(err)
	}
	roles := map[gallra.Role]int{}
	for h := hits; ; {
		for _, x := range h.Hits {
			roles[x.Role]++
		}
		if h.Next == "" {
			break
		}
		if h, err = src.(connector.Finder).Find(t.Context(), connector.Needles{Identifiers: []gallra.Identifier{{Kind: gallra.IdentEmail, Value: "asa@example.se"}}}, h.Next); err != nil {
			t.Fatal(err)
		}
	}
	if roles[gallra.RoleRequester] == 0 || roles[gallra.RoleAuthor] == 0 {
		t.Errorf("roles %v", roles)
	}
	// Her own ticket first, then she; what she wrote to the neighbour stays and is found.
	for _, ticket := range []string{"5"} {
		if _, err := src.(connector.Eraser).Erase(t.Context(), gallra.Ref{System: f.system, Type: zammad.TypeTicket, ID: ticket}, ""); err != nil {
			t.Fatal(err)
		}
	}
	r, err := src.(connector.Eraser).Erase(t.Context(), person, "")
	if err != nil || r.Final {
		t.Fatalf("%+v, %v", r, err)
	}
	f.clock.Advance(20 * time.Minute)
	if r, err = src.(connector.Confirmer).Confirm(t.Context(), r); err != nil || !r.Final {
		t.Fatalf("%+v, %v", r, err)
	}
	if f.users[asa] != nil || len(f.tickets) != 1 {
		t.Error("she is still there, or the neighbour's ticket is not")
	}
	left, err := src.(connector.Searcher).Leftovers(t.Context(), connector.Needles{Identifiers: []gallra.Identifier{{Kind: gallra.IdentEmail, Value: "asa@example.se"}}, Depth: connector.InText}, "")
	n := 0
	for err == nil {
		n += len(left.Residues)
		if left.Next == "" {
			break
		}
		left, err = src.(connector.Searcher).Leftovers(t.Context(), connector.Needles{Identifiers: []gallra.Identifier{{Kind: gallra.IdentEmail, Value: "asa@example.se"}}, Depth: connector.InText}, left.Next)
	}
	if err != nil || n == 0 {
		t.Errorf("what she wrote in the neighbour's ticket is not found: %d, %v", n, err)
	}
}

// What came in a minute ago is not in the index yet, and is found.
func TestSearchIndexThatLags(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.mu.Lock()
	id := f.addTicket(doc{"title": "Nytt"}, f.clock.Now(), f.clock.Now())
	f.addArticle(id, doc{"from": "Åsa <asa@example.se>"})
	f.mu.Unlock()
	src := f.open(t)
	n := connector.Needles{Identifiers: []gallra.Identifier{{Kind: gallra.IdentEmail, Value: "ASA@example.se"}}, Depth: connector.InText}
	found, cursor := 0, ""
	for {
		h, err := src.(connector.Finder).Find(t.Context(), n, cursor)
		if err != nil {
			t.Fatal(err)
		}
		found += len(h.Hits)
		if cursor = h.Next; cursor == "" {
			break
		}
	}
	if found == 0 {
		t.Error("not found")
	}
}

func TestTaskThatFailsIsNotDone(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.locked(func() { f.addUser(doc{"email": "asa@example.se"}, monday, monday) })
	src := f.open(t)
	r, err := src.(connector.Eraser).Erase(t.Context(), gallra.Ref{System: f.system, Type: zammad.TypeCustomer, ID: "4"}, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range f.tasks {
		task["state"] = "failed"
	}
	r, err = src.(connector.Confirmer).Confirm(t.Context(), r)
	if err != nil || r.Final || len(r.Residues) != 1 || r.Residues[0].Why != "zammad.task_failed" {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestX5_ReadingTokenChangesNothing(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.locked(func() { f.addTicket(doc{"title": "Bygglov"}, monday, monday) })
	resttest.Reader(t, f.open(t, "erase_token", ""), zammad.TypeTicket, true, f.stored)
}

// TestH17_PersonsMadeOneByHand: Zammad's interface has no merging of persons.
// Who makes two one moves the tickets to the account that stays; the other
// remains with its address, and so do the articles' senders. Each address finds
// the ticket, both accounts are found by their own, and the empty one goes alone.
func TestH17_PersonsMadeOneByHand(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	var goes, stays, neighbour, moved, hers int64
	f.locked(func() {
		goes = f.addUser(doc{"firstname": "Anna", "lastname": "B", "email": "anna.gammal@example.se"}, monday, monday)
		stays = f.addUser(doc{"firstname": "Anna", "lastname": "Berg", "email": "anna@example.se"}, monday, monday)
		neighbour = f.addUser(doc{"firstname": "Anna", "lastname": "Borg", "email": "borg@example.se"}, monday, monday)
		moved = f.addTicket(doc{"title": "Bygglov", "customer_id": goes}, monday, monday)
		f.addArticle(moved, doc{"from": "Anna B <anna.gammal@example.se>", "body": "Hej", "created_by_id": goes})
		hers = f.addTicket(doc{"title": "Skola", "customer_id": neighbour}, monday, monday)
		f.addArticle(hers, doc{"from": "Anna Borg <borg@example.se>", "body": "Hej", "created_by_id": neighbour})
		f.tickets[moved]["customer_id"] = stays
		f.reindex(moved)
	})
	f.clock.Advance(time.Hour)
	src := f.open(t)
	found := func(address string) map[gallra.Ref]gallra.Role {
		out := map[gallra.Ref]gallra.Role{}
		for at := ""; ; {
			h, err := src.(connector.Finder).Find(t.Context(), connector.Needles{Identifiers: []gallra.Identifier{{Kind: gallra.IdentEmail, Value: address}}}, at)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range h.Hits {
				out[x.Ref] = x.Role
				if !x.Parent.IsZero() {
					out[x.Parent] = x.Role
				}
			}
			if at = h.Next; at == "" {
				return out
			}
		}
	}
	ref := func(typ string, id int64) gallra.Ref {
		return gallra.Ref{System: f.system, Type: typ, ID: fmt.Sprint(id)}
	}
	for address, who := range map[string]int64{"anna.gammal@example.se": goes, "anna@example.se": stays} {
		got := found(address)
		for _, want := range []gallra.Ref{ref(zammad.TypeCustomer, who), ref(zammad.TypeTicket, moved)} {
			if _, ok := got[want]; !ok {
				t.Errorf("%s: %s is not found: %v", address, want, got)
			}
		}
		if _, ok := got[ref(zammad.TypeTicket, hers)]; ok {
			t.Errorf("%s: a neighbour's ticket", address)
		}
	}
	e := src.(connector.Eraser)
	r, err := e.Erase(t.Context(), ref(zammad.TypeCustomer, goes), "")
	if err != nil {
		t.Fatal(err)
	}
	f.clock.Advance(20 * time.Minute)
	if r, err = src.(connector.Confirmer).Confirm(t.Context(), r); err != nil || !r.Final || f.users[goes] != nil || f.tickets[moved] == nil {
		t.Errorf("the empty account: %+v, %v", r, err)
	}
	if _, ok := found("anna.gammal@example.se")[ref(zammad.TypeTicket, moved)]; !ok {
		t.Error("the ticket is no longer found by the old address, which its article holds")
	}
	if _, err := e.Erase(t.Context(), ref(zammad.TypeTicket, moved), ""); err != nil {
		t.Error(err)
	}
	if f.tickets[hers] == nil || f.users[neighbour] == nil || f.users[stays] == nil {
		t.Error("somebody else's is gone")
	}
}
