package webtest

import (
	"strconv"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/memory"
)

// newSystem fills a system in memory with n cases, one every two days up to now.
func newSystem(id gallra.SystemID, n int, now time.Time) *memory.System {
	s := memory.New(memory.Options{System: id, Now: func() time.Time { return now }})
	s.AddPerson(memory.Person{Name: "Test Person", Email: Person, Created: now.AddDate(-1, 0, 0)})
	queues := []string{"Bygglov", "Skola", "Vatten"}
	for i := range n {
		created := now.AddDate(0, 0, -2*(n-i))
		c := memory.Conversation{Name: "Kund " + strconv.Itoa(i), Email: "kund" + strconv.Itoa(i) + "@example.org", Subject: "Fråga " + strconv.Itoa(i),
			Queue: queues[i%3], Status: "closed", Created: created, Updated: created, Contact: created.Add(26 * time.Hour), Closed: created.Add(50 * time.Hour)}
		if i%97 == 0 {
			c.Closed, c.Contact, c.Status = time.Time{}, time.Time{}, "open"
		}
		if i%150 == 7 {
			c.Name, c.Email = "Test Person", Person
			c.Messages = []memory.Message{{Name: c.Name, Email: Person, Created: created, Direction: "in",
				Text: "Hej, jag nås på " + Person + " eller 070-174 06 05. Min granne Berit Sandberg, berit@example.com, vet mer."}}
		}
		s.AddConversation(c)
	}
	return s
}

// Count returns how many cases a system of the site holds.
func (s *Site) Count(id gallra.SystemID) int { return s.systems[id].Count(memory.TypeConversation) }

// profiled is a system whose vendor has said what stays after an erasure.
type profiled struct{ *memory.Source }

func (profiled) Profile() connector.Profile {
	return connector.Profile{Product: "Desk", BackupLife: "P30D", SoftWindow: "P7D",
		Rate:     connector.Rate{Requests: 60, Per: "1m", Calls: 2, Source: connector.RateVendor},
		Cascades: []connector.Cascade{{Of: "conversation", Takes: []string{"rating"}, Words: connector.Words{SV: "Betyget följer med ärendet.", EN: "The rating goes along with the case."}}},
		Scopes:   []connector.Scope{{Needs: []string{"tickets:read"}}, {For: connector.CanErase, Needs: []string{"tickets:write"}}},
		Remains: []connector.Remain{
			{Where: "index", SV: "Sökindexet, tills det byggs om på natten", EN: "The search index, until it is rebuilt at night"}}}
}
