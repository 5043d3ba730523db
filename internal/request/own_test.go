package request_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/memory"
	"github.com/gallra/gallra/internal/request"
	"github.com/gallra/gallra/internal/store/storetest"
)

// A namesake's case mentions the person's number: it is surely about the person,
// and not for that the person's own, to be erased whole.
func TestW6_NamesakesCaseThatMentionsThePerson(t *testing.T) {
	o := small(t, storetest.SQLite(t))
	sys := memory.New(memory.Options{System: "desk"})
	anna := sys.AddPerson(memory.Person{Name: o.anna.Name(), Email: o.anna.Email(), Phone: o.anna.Phone, Created: o.now})
	other := sys.AddPerson(memory.Person{Name: o.anna.Name(), Email: "al@example.org", Created: o.now})
	sys.AddConversation(memory.Conversation{Person: anna, Name: o.anna.Name(), Email: o.anna.Email(), Subject: "Min", Created: o.now,
		Messages: []memory.Message{{Name: o.anna.Name(), Email: o.anna.Email(), Text: "Hej", Created: o.now}}})
	theirs := sys.AddConversation(memory.Conversation{Person: other, Name: o.anna.Name(), Email: "al@example.org", Subject: "Grannen", Created: o.now,
		Messages: []memory.Message{{Name: o.anna.Name(), Email: "al@example.org", Text: "Ring grannen på +46 70 174 06 05.", Created: o.now}}})
	o.Open = func(context.Context, gallra.SystemID) (connector.Source, error) { return sys.Open(), nil }
	o.Systems = func(context.Context) ([]request.System, error) { return []request.System{{ID: "desk"}}, nil }
	o.Keys.Dir = filepath.Join(t.TempDir(), "keys")
	id := o.register(request.Erasure)[0].ID
	o.searched(id)
	items, err := o.Items(ctx, id)
	o.check(err)
	seen := false
	for _, it := range items {
		if it.Ref == theirs || it.Parent == theirs {
			seen = true
			if it.Action == gallra.ActionErase && it.Decision == request.Include {
				t.Errorf("the namesake's case %s would be erased by itself", it.Ref)
			}
		}
	}
	if !seen {
		t.Error("the mention was not found")
	}
}
