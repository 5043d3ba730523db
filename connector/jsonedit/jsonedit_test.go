package jsonedit_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/gallra/gallra/connector/jsonedit"
)

// TestWithoutLeavesAnArray: whatever goes, what stays is the same array without
// it, byte for byte.
func TestWithoutLeavesAnArray(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 8).Draw(t, "n")
		gone := make([]bool, n)
		raw := []byte("[ ")
		var want []any
		for i := range n {
			gone[i] = rapid.Bool().Draw(t, "gone")
			if i > 0 {
				raw = append(raw, " ,\n  "...)
			}
			raw = fmt.Appendf(raw, `{"n": %d}`, i)
			if !gone[i] {
				want = append(want, map[string]any{"n": float64(i)})
			}
		}
		raw = append(raw, " ]"...)
		var places []jsonedit.Span
		d := json.NewDecoder(bytes.NewReader(raw))
		if err := jsonedit.Array(d, func() error {
			_, at, _, err := jsonedit.Value(d, 0)
			places = append(places, at)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		out := jsonedit.Apply(raw, 0, len(raw), jsonedit.Without(places, func(i int) bool { return gone[i] }))
		var got []any
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) && len(got)+len(want) > 0 {
			t.Fatalf("%s became %s", raw, out)
		}
	})
}
