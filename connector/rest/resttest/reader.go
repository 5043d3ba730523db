package resttest

import (
	"errors"
	"reflect"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/connectortest"
)

// Reader tries a source whose credentials may only read: it lists the type, is
// refused an erasure and has then changed nothing (REQUIREMENTS X-5). When told
// so, its Check must say that a right is missing; some vendors do not tell.
func Reader(t connectortest.TB, src connector.Source, typ string, told bool, stored func() []connectortest.Place) {
	t.Helper()
	t.Cleanup(func() { _ = src.Close() })
	refused := func(err error) bool {
		return errors.Is(err, gallra.ErrPermission) || errors.Is(err, gallra.ErrAuth)
	}
	ctx := t.Context()
	p, err := src.List(ctx, connector.Query{Type: typ})
	if err != nil || len(p.Records) == 0 {
		t.Fatalf("a source that may only read lists %d: %v", len(p.Records), err)
	}
	if err := src.Check(ctx); told && !refused(err) {
		t.Errorf("the check of a source that may only read: %v", err)
	}
	before := stored()
	r, err := src.(connector.Eraser).Erase(ctx, p.Records[0].Ref, "")
	if !refused(err) {
		t.Errorf("a source that may only read erases: %+v, %v", r, err)
	}
	if !reflect.DeepEqual(before, stored()) {
		t.Errorf("a source that may only read has changed something")
	}
}
