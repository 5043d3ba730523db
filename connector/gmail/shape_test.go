package gmail_test

import (
	"testing"

	"github.com/gallra/gallra/connector/rest/resttest"
)

// TestV4_AnswersOfAnotherShapeAreDrift, never an empty page, and nothing is erased.
func TestV4_AnswersOfAnotherShapeAreDrift(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.add(&letter{raw: "From: a@example.se\r\nSubject: Bygglov\r\n\r\nHej\r\n", date: f.clock.Now(), labels: []string{"INBOX"}})
	resttest.Shapes(t, f.open(t), "mail", f.way, false, f.stored, "login.example.com")
}
