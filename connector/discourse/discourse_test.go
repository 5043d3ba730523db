package discourse_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	ct "github.com/gallra/gallra/connector/connectortest"
	"github.com/gallra/gallra/connector/desk"
	"github.com/gallra/gallra/connector/discourse"
	"github.com/gallra/gallra/connector/rest/resttest"
	"strconv"
)

// Not beside other tests: the suite counts what is left running.
func TestConformance(t *testing.T) {
	t.Run("topics", func(t *testing.T) { ct.Run(t, newFake(t).topicHarness()) })
	t.Run("users", func(t *testing.T) { ct.Run(t, newFake(t).userHarness()) })
}

func TestS35_Faults(t *testing.T) {
	t.Parallel()
	t.Run("topics", func(t *testing.T) { t.Parallel(); ct.Faults(t, newFake(t).topicHarness()) })
	t.Run("users", func(t *testing.T) { t.Parallel(); ct.Faults(t, newFake(t).userHarness()) })
}

func (f *fake) ref(typ string, id ...int64) gallra.Ref {
	var parts []string
	for _, i := range id {
		parts = append(parts, strconv.FormatInt(i, 10))
	}
	return gallra.Ref{System: f.system, Type: typ, ID: desk.Child(parts[0], parts[1:]...)}
}

func (f *fake) holds(text string) string {
	for _, p := range f.stored() {
		if strings.Contains(p.Value, text) {
			return p.Where
		}
	}
	return ""
}

func TestPostGoesInTwoSteps(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	var topic, mine int64
	f.locked(func() {
		topic = f.addTopic(f.client, "Lekplatsen", "Vad tycker ni?", monday, doc{})
		asa := f.addUser(doc{"username": "asa"}, monday)
		mine = f.addPost(topic, asa, "Jag heter Åsa Öberg", monday, nil)
		f.addPost(topic, f.client, "Tack", monday, nil)
	})
	src := f.open(t).(*discourse.Source)
	ref := f.ref(discourse.TypePost, topic, mine)
	r, err := src.Erase(t.Context(), ref, "")
	if err != nil || r.Final || r.Grade != gallra.GradeHidden {
		t.Fatalf("%+v, %v", r, err)
	}
	f.clock.Advance(4 * time.Minute)
	if r, err = src.Confirm(t.Context(), r); err != nil || r.Final || f.holds("Öberg") == "" {
		t.Errorf("after four minutes: %+v, %v", r, err)
	}
	f.clock.Advance(2 * time.Minute)
	if r, err = src.Confirm(t.Context(), r); err != nil || !r.Final {
		t.Errorf("after six minutes: %+v, %v", r, err)
	}
	if w := f.holds("Öberg"); w != "" || len(f.posts) != 2 {
		t.Errorf("left in %q, %d posts", w, len(f.posts))
	}
	first := f.ref(discourse.TypePost, topic, topic+1)
	if _, err := src.Erase(t.Context(), first, ""); !errors.Is(err, gallra.ErrUnsupported) {
		t.Errorf("the first post alone: %v", err)
	}
}

func TestForumThatDoesNotAllowItIsNotDone(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	var topic, mine int64
	f.locked(func() {
		topic = f.addTopic(f.client, "Lekplatsen", "Vad tycker ni?", monday, doc{})
		mine = f.addPost(topic, f.client, "Jag heter Åsa Öberg", monday, nil)
		f.permanent = false
	})
	src := f.open(t).(*discourse.Source)
	r, err := src.Erase(t.Context(), f.ref(discourse.TypePost, topic, mine), "")
	if err != nil {
		t.Fatal(err)
	}
	f.clock.Advance(time.Hour)
	r, err = src.Confirm(t.Context(), r)
	if err != nil || r.Final || len(r.Residues) != 1 || r.Residues[0].Why != "discourse.no_permanent_delete" {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestEditForgetsTheRevisions(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	var topic, mine, mailed int64
	f.locked(func() {
		topic = f.addTopic(f.client, "Lekplatsen", "Vad tycker ni?", monday, doc{})
		mine = f.addPost(topic, f.client, "Jag heter Åsa Öberg", monday, nil)
		f.revisions[mine] = []string{"Åsa Öberg, 811218-9876"}
		mailed = f.addPost(topic, f.client, "Med e-post", monday, doc{"via_email": true})
	})
	src := f.open(t).(*discourse.Source)
	ref := f.ref(discourse.TypePost, topic, mine)
	before, err := src.Get(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	set := []gallra.Field{{Name: "raw", Value: "Jag heter [namn]"}}
	if _, err := src.Edit(t.Context(), ref, "en annan", set); !errors.Is(err, gallra.ErrConflict) {
		t.Errorf("another version: %v", err)
	}
	for range 2 { // done again, it is done
		if r, err := src.Edit(t.Context(), ref, before.Version, set); err != nil || !r.Final || r.Ref != ref {
			t.Errorf("%+v, %v", r, err)
		}
	}
	if w := f.holds("Öberg"); w != "" {
		t.Errorf("the old text is in %s", w)
	}
	after, err := src.Get(t.Context(), ref)
	if v, _ := after.Field("raw"); err != nil || v != set[0].Value || !after.Created.Equal(before.Created) {
		t.Errorf("%q, %v", v, err)
	}
	if _, err := src.Edit(t.Context(), f.ref(discourse.TypePost, topic, mailed), "", set); !errors.Is(err, gallra.ErrUnsupported) {
		t.Errorf("a post that came by mail: %v", err)
	}
	if _, err := src.Edit(t.Context(), f.ref(discourse.TypeTopic, topic), "", []gallra.Field{{Name: "title", Value: "x"}}); !errors.Is(err, gallra.ErrUnsupported) {
		t.Errorf("a title: %v", err)
	}
	f.permanent = false
	if _, err := src.Edit(t.Context(), ref, "", []gallra.Field{{Name: "raw", Value: "igen"}}); !errors.Is(err, gallra.ErrPermission) || !strings.Contains(err.Error(), "can_permanently_delete") {
		t.Errorf("where revisions cannot be erased: %v", err)
	}
}

func TestAccountWithPostsIsAnonymised(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	var asa, topic int64
	f.locked(func() {
		asa = f.addUser(doc{"username": "asa_o", "name": "Åsa Öberg", "email": "asa@example.se", "ip_address": "192.0.2.7"}, monday)
		topic = f.addTopic(f.client, "Lekplatsen", "Vad tycker ni?", monday, doc{})
		f.addPost(topic, asa, "Mer gungor", monday, nil)
	})
	src := f.open(t).(*discourse.Source)
	hits, err := src.Find(t.Context(), connector.Needles{Identifiers: []gallra.Identifier{{Kind: gallra.IdentEmail, Value: "asa@example.se"}}}, "")
	roles := map[gallra.Role]bool{}
	for _, h := range hits.Hits {
		roles[h.Role] = true
	}
	if err != nil || !roles[gallra.RoleRequester] || !roles[gallra.RoleAuthor] {
		t.Errorf("roles %v, %v", roles, err)
	}
	r, err := src.Erase(t.Context(), f.ref(discourse.TypeUser, asa), "")
	if err != nil || r.Final {
		t.Fatalf("%+v, %v", r, err)
	}
	if r, err = src.Confirm(t.Context(), r); err != nil || r.Final {
		t.Errorf("before the job: %+v, %v", r, err)
	}
	f.clock.Advance(3 * time.Minute)
	if r, err = src.Confirm(t.Context(), r); err != nil || !r.Final {
		t.Errorf("after the job: %+v, %v", r, err)
	}
	for _, v := range []string{"asa_o", "Öberg", "asa@example.se", "192.0.2.7"} {
		if w := f.holds(v); w != "" {
			t.Errorf("%s is in %s", v, w)
		}
	}
	if f.holds("Mer gungor") == "" || len(f.screened) > 0 {
		t.Error("the text is gone, or the address is on a block list")
	}
}

func TestAccountWithoutTheRight(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.admin = false
	if err := f.open(t).Check(t.Context()); !errors.Is(err, gallra.ErrPermission) || !strings.Contains(err.Error(), "administrator") {
		t.Errorf("%v", err)
	}
	if err := f.open(t, "token", "fel").Check(t.Context()); !errors.Is(err, gallra.ErrPermission) {
		t.Errorf("a wrong key: %v", err)
	}
}

// A private message is in no list; it is read by its number, and found.
func TestPrivateMessagesAreRead(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	var pm int64
	f.locked(func() {
		f.addTopic(f.client, "Öppet", "Hej", monday, doc{})
		pm = f.addTopic(f.client, "Privat", "Mitt nummer är 811218-9876", monday, doc{"archetype": "private_message"})
	})
	src := f.open(t).(*discourse.Source)
	found := false
	for at := ""; ; {
		h, err := src.Find(t.Context(), connector.Needles{Identifiers: []gallra.Identifier{{Kind: gallra.IdentPersonnummer, Value: "198112189876"}}, Depth: connector.InText}, at)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range h.Hits {
			found = found || x.Parent == f.ref(discourse.TypeTopic, pm)
		}
		if at = h.Next; at == "" {
			break
		}
	}
	if !found {
		t.Error("not found")
	}
}

func TestX5_ReadingKeyChangesNothing(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.locked(func() { f.addTopic(f.client, "Bygglov", "Fråga", monday, doc{}) })
	resttest.Reader(t, f.open(t, "erase_token", ""), discourse.TypeTopic, false, f.stored)
}

// merge makes two accounts one as Discourse does: the posts and the address move,
// mentions are written over, and the other account is gone.
func (f *fake) merge(stays, goes int64) {
	a, b := f.users[stays], f.users[goes]
	for _, p := range f.posts {
		if p["user_id"] == goes {
			p["user_id"] = stays
		}
		p["raw"] = strings.ReplaceAll(p["raw"].(string), "@"+b["username"].(string), "@"+a["username"].(string))
	}
	a["post_count"] = a["post_count"].(int) + b["post_count"].(int)
	a["secondary"] = append(append([]string{}, a["secondary"].([]string)...), b["email"].(string))
	delete(f.users, goes)
}

// TestH17_MergedAccountsAreOne: the old address leads to the account that is
// left and to all its posts; the old id leads nowhere, and erasing what is left
// touches nobody else.
func TestH17_MergedAccountsAreOne(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	var stays, goes, neighbour int64
	f.locked(func() {
		goes = f.addUser(doc{"username": "anna_b", "name": "Anna B", "email": "anna.gammal@example.se"}, monday)
		stays = f.addUser(doc{"username": "anna_berg", "name": "Anna Berg", "email": "anna@example.se"}, monday)
		neighbour = f.addUser(doc{"username": "borg", "name": "Anna Borg", "email": "borg@example.se"}, monday)
		topic := f.addTopic(f.client, "Lekplatsen", "Vad tycker ni?", monday, doc{})
		f.addPost(topic, goes, "Mer gungor", monday, nil)
		f.addPost(topic, stays, "Och sand", monday, nil)
		f.addPost(topic, neighbour, "Håller med @anna_b", monday, nil)
		f.merge(stays, goes)
	})
	src := f.open(t).(*discourse.Source)
	hits, err := src.Find(t.Context(), connector.Needles{Identifiers: []gallra.Identifier{{Kind: gallra.IdentEmail, Value: "anna.gammal@example.se"}}}, "")
	posts, found := map[string]bool{}, false
	for _, h := range hits.Hits {
		if h.Ref.Type == discourse.TypePost {
			posts[h.Ref.ID] = true
		}
		found = found || h.Ref == f.ref(discourse.TypeUser, stays)
	}
	if err != nil || !found || len(posts) != 2 {
		t.Errorf("account %v, posts %v, %v", found, posts, err)
	}
	if _, err := src.Erase(t.Context(), f.ref(discourse.TypeUser, goes), ""); !errors.Is(err, gallra.ErrNotFound) {
		t.Errorf("the account that went: %v", err)
	}
	r, err := src.Erase(t.Context(), f.ref(discourse.TypeUser, stays), "")
	if err != nil {
		t.Fatal(err)
	}
	f.clock.Advance(3 * time.Minute)
	if r, err = src.Confirm(t.Context(), r); err != nil || !r.Final {
		t.Errorf("%+v, %v", r, err)
	}
	for _, v := range []string{"anna.gammal@example.se", "anna@example.se", "Anna Berg", "Anna B"} {
		if w := f.holds(v); w != "" && v != "Anna B" {
			t.Errorf("%s is in %s", v, w)
		}
	}
	if f.users[neighbour]["name"] != "Anna Borg" || f.holds("Håller med") == "" {
		t.Error("the neighbour is touched")
	}
}
