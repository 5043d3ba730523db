package resttest

import (
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/connectortest"
)

// Shapes tries a source whose vendor has changed what it answers: in place of
// what it read before it gets JSON of another shape. A listing is then
// gallra.ErrDrift, never an empty page; Check does not pass; and an erasure
// changes nothing, with an error. way is the network of the source; array says that
// the vendor lists in a bare array, where an empty one is an empty page; requests
// whose address has one of the parts in spared are answered as before.
func Shapes(t connectortest.TB, src connector.Source, typ string, way *Faulty, array bool, stored func() []connectortest.Place, spared ...string) {
	t.Helper()
	t.Cleanup(func() { _ = src.Close() })
	ctx := t.Context()
	p, err := src.List(ctx, connector.Query{Type: typ})
	if err != nil || len(p.Records) == 0 {
		t.Fatalf("%d are listed: %v", len(p.Records), err)
	}
	next := way.Next
	t.Cleanup(func() { way.Next = next })
	before := stored()
	for _, body := range []string{`{}`, `[]`, `null`, `"x"`, `[{"x":1}]`, `{"data":{"items":[{"name":"x"}]}}`, `<html></html>`} {
		way.Next = roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.Method != http.MethodGet || slices.ContainsFunc(spared, func(s string) bool { return strings.Contains(r.URL.String(), s) }) {
				return next.RoundTrip(r)
			}
			return answer{http.Header{"Content-Type": {"application/json"}}, http.StatusOK, []byte(body)}.response(r), nil
		})
		if got, err := src.List(ctx, connector.Query{Type: typ}); gallra.CodeOf(err) != gallra.Drift && !(array && body == "[]" && err == nil) {
			t.Errorf("%s: list: %d records, %v", body, len(got.Records), err)
		}
		if err := src.Check(ctx); err == nil {
			t.Errorf("%s: passes Check", body)
		}
		if r, err := src.(connector.Eraser).Erase(ctx, p.Records[0].Ref, p.Records[0].Version); err == nil {
			t.Errorf("%s: erases: %+v", body, r)
		}
		if !reflect.DeepEqual(before, stored()) {
			t.Fatalf("%s: an erasure that failed has changed something", body)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
