package report_test

import (
	"strings"
	"testing"

	"github.com/gallra/gallra/connector/memory"
	"github.com/gallra/gallra/internal/i18n"
)

// The person's own first name in an answer to them is not another's name, and
// what is searched by and who received the data is told.
func TestA15_2_OwnNameIsNotMasked(t *testing.T) {
	t.Parallel()
	sys := memory.New(memory.Options{System: "desk"})
	anna := sys.AddPerson(memory.Person{Name: "Anna Lindqvist", Email: "anna@example.se", Created: day})
	sys.AddConversation(memory.Conversation{Person: anna, Name: "Anna Lindqvist", Email: "anna@example.se", Subject: "Fakturan", Created: day, Messages: []memory.Message{
		{Name: "Anna Lindqvist", Email: "anna@example.se", Text: "Hej! Jag heter Anna Lindqvist och min granne heter Birger Ekström.", Created: day},
		{Name: "Kontaktcenter", Email: "kc@sundvalla.example", Text: "Hej Anna!\n\nTack, vi hör av oss. Med vänlig hälsning Gudrun Nordström", Created: day},
	}})
	_, files := pack(t, i18n.Swedish, sys)
	data := files["data.json"]
	for _, want := range []string{"Hej Anna!", "Jag heter Anna Lindqvist"} {
		if !strings.Contains(data, want) {
			t.Errorf("%q is not in the extract as it was written", want)
		}
	}
	if strings.Contains(data, "Birger Ekström") {
		t.Error("the neighbour's name is in the extract")
	}
	if !strings.Contains(files["oversikt.html"], "a***@e***.se") || strings.Contains(files["oversikt.html"], "anna@example.se") {
		t.Error("the overview does not say, masked, what was searched by")
	}
}
