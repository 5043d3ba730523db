package connectortest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/connectortest"
	"github.com/gallra/gallra/connector/memory"
)

// harness returns one over the reference connector, and the system behind it.
func harness(name, typ string, o memory.Options) (connectortest.Harness, *memory.System) {
	o.Name, o.System = name, "ref"
	sys := memory.New(o)
	refs := map[string]gallra.Ref{}
	h := connectortest.Harness{
		Name: "memory", Type: typ, Resolution: time.Microsecond,
		Config: func(connectortest.TB) connector.Config {
			return connector.Config{System: "ref", URL: "memory:" + name}
		},
		Broken: func(connectortest.TB) []connector.Config {
			return []connector.Config{{System: "ref", URL: "memory:nowhere-" + name}}
		},
		Reset: func(connectortest.TB) { sys.Reset(); clear(refs) },
		Stored: func(connectortest.TB) []connectortest.Place {
			var out []connectortest.Place
			for _, p := range sys.Stored() {
				row, field, _ := strings.Cut(p.Where, ".")
				if n := len(out); n > 0 && out[n-1].Where == row {
					out[n-1].Value += "\x00" + field + "=" + p.Value
					continue
				}
				out = append(out, connectortest.Place{Where: row, Value: field + "=" + p.Value})
			}
			return out
		},
		Touch:      func(_ connectortest.TB, s connectortest.Seed) { sys.Touch(refs[s.Key], s.Updated.Add(time.Hour)) },
		Plant:      func(_ connectortest.TB, text string) { sys.Hide(gallra.Ref{Type: "message", ID: "900000"}, text) },
		PutBack:    func(_ connectortest.TB, ref gallra.Ref, s connectortest.Seed) { sys.Hide(ref, s.Text) },
		Eventually: func(connectortest.TB) { sys.EmptyWastebasket() },
		FailWrites: func(_ connectortest.TB, on bool) {
			if !on {
				sys.Fail(nil)
				return
			}
			sys.Fail(func(op string, _ gallra.Ref) error {
				if op == "erase" || op == "edit" {
					return gallra.Errorf(gallra.Unavailable, "memory.refused")
				}
				return nil
			})
		},
	}
	switch typ {
	case memory.TypePerson:
		h.Email, h.Named, h.Keep = "email", "name", "segment"
		h.Clocks = []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated}
		h.Kinds = []gallra.IdentifierKind{gallra.IdentEmail, gallra.IdentPhone, gallra.IdentPersonnummer, gallra.IdentName, gallra.IdentUsername, gallra.IdentCustomer, gallra.IdentIP}
		h.Seed = func(_ connectortest.TB, ss []connectortest.Seed) {
			for _, s := range ss {
				refs[s.Key] = sys.AddPerson(memory.Person{Name: s.Name, Email: s.Email, Phone: s.Phone, Personnummer: s.Personnummer,
					Username: s.Username, Customer: s.Customer, IP: s.IP, Segment: s.Keep, Created: s.Created, Updated: s.Updated})
			}
		}
	case memory.TypeConversation:
		h.Email, h.Named, h.Text, h.Keep = "contact_email", "contact_name", "subject", "queue"
		h.Clocks = []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated, gallra.StartLastContact, gallra.StartClosed}
		h.Kinds = []gallra.IdentifierKind{gallra.IdentEmail, gallra.IdentName}
		h.Children, h.Attachments = memory.TypeMessage, memory.TypeAttachment
		seed := func(ss []connectortest.Seed, person func(connectortest.Seed) gallra.Ref) {
			for _, s := range ss {
				c := memory.Conversation{Person: person(s), Name: s.Name, Email: s.Email, Subject: s.Text, Queue: s.Keep, Channel: "email", Created: s.Created, Updated: s.Updated, Contact: s.Contact, Closed: s.Closed}
				for i, text := range s.Children {
					m := memory.Message{Name: s.Name, Email: s.Email, Text: text, Direction: "in", Created: s.Created}
					if i == 0 {
						for _, f := range s.Files {
							m.Files = append(m.Files, memory.File{Name: f.Name, Content: f.Content})
						}
					}
					c.Messages = append(c.Messages, m)
				}
				ref := sys.AddConversation(c)
				refs[s.Key] = ref
				for _, was := range s.History {
					sys.AddHistory(ref, was)
				}
			}
		}
		h.Seed = func(_ connectortest.TB, ss []connectortest.Seed) {
			seed(ss, func(connectortest.Seed) gallra.Ref { return gallra.Ref{} })
		}
		h.Linked = func(_ connectortest.TB, ss []connectortest.Seed) {
			seed(ss, func(s connectortest.Seed) gallra.Ref { return sys.AddPerson(memory.Person{Username: s.Username}) })
		}
	}
	return h, sys
}

// TestS35_MemoryKeepsTheContract runs the suite over the reference connector.
func TestS35_MemoryKeepsTheContract(t *testing.T) {
	for _, typ := range []string{memory.TypePerson, memory.TypeConversation} {
		t.Run(typ, func(t *testing.T) {
			h, _ := harness(t.Name(), typ, memory.Options{})
			connectortest.Run(t, h)
		})
	}
	t.Run("wastebasket", func(t *testing.T) {
		h, _ := harness(t.Name(), memory.TypeConversation, memory.Options{Wastebasket: true})
		h.FailWrites = nil
		connectortest.Run(t, h)
	})
}
