package heap

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
)

// What is in use for a while does not let the heap become twice as large, and a
// process that needs more than is foreseen gets it.
func TestS21_HeadroomIsBounded(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(-1))
	bound()
	fill := func(mb int) [][]byte {
		out := make([][]byte, mb)
		for n := range out {
			out[n] = make([]byte, 1<<20)
		}
		return out
	}
	goal := func() int64 { // of the heap, before it is collected again
		runtime.GC()
		s := []metrics.Sample{{Name: "/gc/heap/goal:bytes"}}
		metrics.Read(s)
		return int64(s[0].Value.Uint64())
	}
	inUse := fill(120)
	if g := goal(); g > Small {
		t.Errorf("the heap grows to %d MB for %d in use", g>>20, len(inUse))
	}
	more := fill(300)
	want := int64(len(inUse)+len(more)) << 20 * 5 / 4
	for n := 0; goal() < want || debug.SetMemoryLimit(-1) < want; n++ {
		if n == 1000 {
			t.Fatalf("a limit of %d MB and a goal of %d, not %d", debug.SetMemoryLimit(-1)>>20, goal()>>20, want>>20)
		}
		runtime.Gosched() // the finalizer runs beside this
	}
	runtime.KeepAlive(inUse)
	runtime.KeepAlive(more)
}
