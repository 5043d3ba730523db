// Package re2 measures RE2 (compiled to WebAssembly) on the tickets and
// patterns of the parent package. It is a module of its own so that the product
// does not depend on it: cd bench/pii/re2 && go test -bench .
package re2

import (
	"strings"
	"testing"

	"github.com/wasilibs/go-re2"

	bench "github.com/gallra/gallra/bench/pii"
)

func BenchmarkRE2Union(b *testing.B) {
	re := re2.MustCompile(strings.Join(bench.Patterns, "|"))
	tickets := bench.Tickets(1<<20, 1)
	n := 0
	for _, t := range tickets {
		n += len(t)
	}
	b.SetBytes(int64(n))
	for b.Loop() {
		for _, t := range tickets {
			re.FindAllStringIndex(t, -1)
		}
	}
}
