package discourse_test

import (
	"testing"

	"github.com/gallra/gallra/connector/discourse"
	"github.com/gallra/gallra/connector/rest/resttest"
)

// TestV4_AnswersOfAnotherShapeAreDrift, never an empty page, and nothing is erased.
func TestV4_AnswersOfAnotherShapeAreDrift(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.locked(func() { f.addTopic(f.client, "Bygglov", "Fråga", monday, doc{}) })
	resttest.Shapes(t, f.open(t), discourse.TypeTopic, f.way, false, f.stored)
}
