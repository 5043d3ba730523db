package chatwoot_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/chatwoot"
	ct "github.com/gallra/gallra/connector/connectortest"
	"github.com/gallra/gallra/connector/rest/resttest"
)

// Not beside other tests: the suite counts what is left running.
func TestConformance(t *testing.T) {
	t.Run("conversations", func(t *testing.T) { ct.Run(t, newFake(t).conversationHarness()) })
	t.Run("contacts", func(t *testing.T) { ct.Run(t, newFake(t).contactHarness()) })
}

func TestS35_Faults(t *testing.T) {
	t.Parallel()
	t.Run("conversations", func(t *testing.T) { t.Parallel(); ct.Faults(t, newFake(t).conversationHarness()) })
	t.Run("contacts", func(t *testing.T) { t.Parallel(); ct.Faults(t, newFake(t).contactHarness()) })
}

func find(t *testing.T, src connector.Source, depth connector.Depth, email string) []connector.Hit {
	t.Helper()
	n := connector.Needles{Identifiers: []gallra.Identifier{{Kind: gallra.IdentEmail, Value: email}}, Depth: depth}
	var out []connector.Hit
	for at := ""; ; {
		h, err := src.(connector.Finder).Find(t.Context(), n, at)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, h.Hits...)
		if at = h.Next; at == "" {
			return out
		}
	}
}

func (f *fake) ref(typ string, id ...int64) gallra.Ref {
	return gallra.Ref{System: f.system, Type: typ, ID: strings.ReplaceAll(strings.Trim(fmt.Sprint(id), "[]"), " ", "_")}
}

// A person is found in their own conversation, in another's by name, in Cc alone
// and in one that came in a moment ago, each with its role.
func TestRolesOfHits(t *testing.T) {
	t.Parallel()
	for _, search := range []string{"", "index"} {
		f := newFake(t)
		var own, other, cc, fresh int64
		f.locked(func() {
			asa := f.addContact(doc{"name": "Åsa", "email": "asa@example.se"}, monday)
			own = f.addConversation(asa, doc{}, monday, monday, monday)
			other = f.addConversation(f.client, doc{}, monday, monday, monday)
			f.addMessage(other, doc{"content": "Fråga ASA@example.se"})
			cc = f.addConversation(f.client, doc{}, monday, monday, monday)
			f.addMessage(cc, doc{"content": "Hej", "content_attributes": doc{"email": doc{"cc": []string{"asa@example.se"}}}})
		})
		f.mu.Lock() // the index has not seen it
		fresh = f.addConversation(f.client, doc{}, f.clock.Now(), f.clock.Now(), f.clock.Now())
		f.addMessage(fresh, doc{"content": "Nyss: asa@example.se"})
		f.mu.Unlock()
		roles := map[gallra.Ref]gallra.Role{}
		for _, h := range find(t, f.open(t, "search", search), connector.InText, "asa@example.se") {
			at := h.Ref
			if !h.Parent.IsZero() {
				at = h.Parent
			}
			roles[at] = h.Role
		}
		want := map[int64]gallra.Role{own: gallra.RoleRequester, other: gallra.RoleMentioned, fresh: gallra.RoleMentioned}
		if search == "" {
			want[cc] = gallra.RoleMentioned
		}
		for id, role := range want {
			if got := roles[f.ref(chatwoot.TypeConversation, id)]; got != role {
				t.Errorf("search %q: conversation %d has the role %q, want %q", search, id, got, role)
			}
		}
	}
}

func TestContactIsErasedAfterItsConversations(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	var asa int64
	var convs []int64
	f.locked(func() {
		asa = f.addContact(doc{"name": "Åsa", "email": "asa@example.se"}, monday)
		for range 23 { // more than Chatwoot hands out of one contact
			convs = append(convs, f.addConversation(asa, doc{}, monday, monday, monday))
		}
	})
	src := f.open(t).(*chatwoot.Source)
	before := len(f.stored())
	_, err := src.Erase(t.Context(), f.ref(chatwoot.TypeContact, asa), "")
	if !errors.Is(err, gallra.ErrBlocked) || !strings.Contains(err.Error(), "23") || len(f.stored()) != before {
		t.Fatalf("%v", err)
	}
	for _, id := range convs {
		r, err := src.Erase(t.Context(), f.ref(chatwoot.TypeConversation, id), "")
		if err != nil || r.Final || r.GoneBy.IsZero() {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	f.clock.Advance(queue)
	f.locked(func() { f.contacts[asa]["availability_status"] = "online" })
	if _, err = src.Erase(t.Context(), f.ref(chatwoot.TypeContact, asa), ""); !errors.Is(err, gallra.ErrBlocked) || !strings.Contains(err.Error(), "online") {
		t.Errorf("a visitor who is online: %v", err)
	}
	f.locked(func() { f.contacts[asa]["availability_status"] = "offline" })
	if r, err := src.Erase(t.Context(), f.ref(chatwoot.TypeContact, asa), ""); err != nil || !r.Final {
		t.Errorf("%+v, %v", r, err)
	}
}

const queue = 11 * 60e9 // longer than a job takes

// A single message goes: its text and files, not its place, and not the others'.
func TestMessageIsWrittenOver(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	var conv, mine, other int64
	f.locked(func() {
		conv = f.addConversation(f.client, doc{}, monday, monday, monday)
		mine = f.addMessage(conv, doc{"content": "Jag heter Åsa"}, ct.File{Name: "intyg.txt", Content: []byte("Åsas intyg")})
		other = f.addMessage(conv, doc{"content": "Grannen här"}, ct.File{Name: "annat.txt", Content: []byte("grannens")})
	})
	src := f.open(t).(*chatwoot.Source)
	ref := f.ref(chatwoot.TypeMessage, conv, mine)
	r, err := src.Erase(t.Context(), ref, "")
	if err != nil || !r.Final {
		t.Fatalf("%+v, %v", r, err)
	}
	for _, p := range f.stored() {
		if strings.Contains(p.Value, "Åsa") {
			t.Errorf("left in %s", p.Where)
		}
	}
	if len(f.messages) != 2 || len(f.files) != 1 {
		t.Error("the place of the message is gone, or the other's file")
	}
	if _, err := src.Get(t.Context(), ref); !errors.Is(err, gallra.ErrNotFound) {
		t.Errorf("read after the erasure: %v", err)
	}
	if _, err := src.Get(t.Context(), f.ref(chatwoot.TypeMessage, conv, other)); err != nil {
		t.Error(err)
	}
	if _, err := src.Erase(t.Context(), f.ref(chatwoot.TypeAttachment, conv, other, other+1), ""); !errors.Is(err, gallra.ErrUnsupported) {
		t.Errorf("a single file: %v", err)
	}
}

func TestAccountWithoutARight(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.role = "agent"
	if err := f.open(t).Check(t.Context()); !errors.Is(err, gallra.ErrPermission) || !strings.Contains(err.Error(), "administrator") {
		t.Errorf("check: %v", err)
	}
	src := f.open(t).(*chatwoot.Source)
	if _, err := src.Erase(t.Context(), f.ref(chatwoot.TypeContact, f.client), ""); !errors.Is(err, gallra.ErrPermission) {
		t.Errorf("erase: %v", err)
	}
	if err := f.open(t, "account", "2").Check(t.Context()); !errors.Is(err, gallra.ErrPermission) {
		t.Errorf("another account: %v", err)
	}
	if err := f.open(t, "token", "fel").Check(t.Context()); !errors.Is(err, gallra.ErrAuth) {
		t.Errorf("a wrong token: %v", err)
	}
}

// A Chatwoot that cannot delete a conversation says 404 of one that is there.
func TestOldChatwootCannotEraseConversations(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	var conv int64
	f.locked(func() { conv = f.addConversation(f.client, doc{}, monday, monday, monday) })
	next := f.way.Next
	f.way.Next = resttest.Local{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "DELETE" {
			missing(w)
			return
		}
		next.(resttest.Local).Handler.ServeHTTP(w, r)
	})}
	src := f.open(t).(*chatwoot.Source)
	if _, err := src.Erase(t.Context(), f.ref(chatwoot.TypeConversation, conv), ""); !errors.Is(err, gallra.ErrUnsupported) {
		t.Errorf("%v", err)
	}
}

func TestX5_ReadingTokenChangesNothing(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.locked(func() { f.addConversation(f.client, doc{}, monday, monday, monday) })
	resttest.Reader(t, f.open(t, "erase_token", ""), chatwoot.TypeConversation, false, f.stored)
}

// merge makes two contacts one as Chatwoot does: conversations, messages and
// identities at channels move, what the one who stays lacks is filled in, and
// the other is gone.
func (f *fake) merge(stays, goes int64) {
	for _, c := range f.conversations {
		if c["contact"] == goes {
			c["contact"] = stays
		}
	}
	for _, m := range f.messages {
		if s := m["sender"].(doc); s["id"] == goes {
			s["id"], s["name"] = stays, f.contacts[stays]["name"]
		}
	}
	for k, v := range f.contacts[goes] {
		if have := f.contacts[stays][k]; have == nil || have == "" {
			f.contacts[stays][k] = v
		}
	}
	f.contacts[stays]["contact_inboxes"] = append(f.contacts[stays]["contact_inboxes"].([]doc), f.contacts[goes]["contact_inboxes"].([]doc)...)
	delete(f.contacts, goes)
}

// TestH17_MergedContactsAreOne: what was the one's is found with the other, by
// the old address too, which the channel keeps; the old id leads nowhere and
// takes nothing along, and a neighbour stays as she was.
func TestH17_MergedContactsAreOne(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	inbox := func(address string) []doc {
		return []doc{{"source_id": address, "inbox": doc{"id": 1, "name": "Post"}}}
	}
	var stays, goes, neighbour, old, hers int64
	f.locked(func() {
		goes = f.addContact(doc{"name": "Anna B", "email": "anna.gammal@example.se", "phone_number": "+46701740605", "contact_inboxes": inbox("anna.gammal@example.se")}, monday)
		stays = f.addContact(doc{"name": "Anna Berg", "email": "anna@example.se", "contact_inboxes": inbox("anna@example.se")}, monday)
		neighbour = f.addContact(doc{"name": "Anna Borg", "email": "borg@example.se"}, monday)
		old = f.addConversation(goes, doc{}, monday, monday, monday)
		f.addMessage(old, doc{"content": "Hej"})
		hers = f.addConversation(neighbour, doc{}, monday, monday, monday)
		f.addMessage(hers, doc{"content": "Hej"})
		f.merge(stays, goes)
	})
	src := f.open(t).(*chatwoot.Source)
	for _, address := range []string{"anna.gammal@example.se", "anna@example.se"} {
		var refs []string
		for _, h := range find(t, src, connector.InText, address) {
			refs = append(refs, h.Ref.String())
		}
		for _, want := range []gallra.Ref{f.ref(chatwoot.TypeContact, stays), f.ref(chatwoot.TypeConversation, old)} {
			if !slices.Contains(refs, want.String()) {
				t.Errorf("%s: %s is not found: %v", address, want, refs)
			}
		}
		if slices.Contains(refs, f.ref(chatwoot.TypeConversation, hers).String()) {
			t.Errorf("%s: a neighbour's conversation", address)
		}
	}
	before := len(f.stored())
	if _, err := src.Erase(t.Context(), f.ref(chatwoot.TypeContact, goes), ""); !errors.Is(err, gallra.ErrNotFound) || len(f.stored()) != before {
		t.Errorf("the one who went: %v", err)
	}
	if _, err := src.Erase(t.Context(), f.ref(chatwoot.TypeConversation, old), ""); err != nil {
		t.Error(err)
	}
	f.clock.Advance(queue)
	if r, err := src.Erase(t.Context(), f.ref(chatwoot.TypeContact, stays), ""); err != nil || !r.Final {
		t.Errorf("%+v, %v", r, err)
	}
	if f.contacts[neighbour] == nil || f.conversations[hers] == nil || f.conversations[old] != nil {
		t.Error("the neighbour's is gone, or hers is not")
	}
}
