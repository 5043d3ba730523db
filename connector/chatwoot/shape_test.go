package chatwoot_test

import (
	"testing"

	"github.com/gallra/gallra/connector/chatwoot"
	"github.com/gallra/gallra/connector/rest/resttest"
)

// TestV4_AnswersOfAnotherShapeAreDrift, never an empty page, and nothing is erased.
func TestV4_AnswersOfAnotherShapeAreDrift(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.locked(func() { f.addConversation(f.client, doc{}, monday, monday, monday) })
	resttest.Shapes(t, f.open(t), chatwoot.TypeConversation, f.way, false, f.stored)
}
