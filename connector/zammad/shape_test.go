package zammad_test

import (
	"testing"

	"github.com/gallra/gallra/connector/rest/resttest"
	"github.com/gallra/gallra/connector/zammad"
)

// TestV4_AnswersOfAnotherShapeAreDrift, never an empty page, and nothing is erased.
func TestV4_AnswersOfAnotherShapeAreDrift(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.locked(func() { f.addTicket(doc{"title": "Bygglov"}, monday, monday) })
	resttest.Shapes(t, f.open(t), zammad.TypeTicket, f.way, true, f.stored)
}
