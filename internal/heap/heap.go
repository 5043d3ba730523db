// Package heap bounds what the garbage collector leaves lying. By itself it lets
// the heap become twice what is in use, so that a run which needs 120 MB for a
// moment takes 240. Bound lets it do so while all that is held from the system is
// small, and above that leaves a third as headroom: more of the processor for a
// large heap, and none for a small one.
package heap

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// Small is what may be held from the system whatever is in use of it.
const Small = 200 << 20

// besides is what is held besides the heap: stacks, and the collector's own.
const besides = 24 << 20

// Bound bounds the heap of this process from now on. Where the environment says
// how much there may be (GOMEMLIMIT, GOGC), that is left as it is.
func Bound() {
	for _, name := range []string{"GOMEMLIMIT", "GOGC"} {
		if os.Getenv(name) != "" {
			return
		}
	}
	bound()
}

func bound() {
	s := &sentinel{set: Small, sample: []metrics.Sample{{Name: "/gc/heap/live:bytes"}}}
	debug.SetMemoryLimit(s.set)
	runtime.SetFinalizer(s, (*sentinel).collected)
}

// limit is how much may be held when so much is in use. The runtime never gives up
// over it, but would collect without end if it were less than what is needed.
func limit(live uint64) int64 { return max(Small, int64(live+live/3+besides)) }

// sentinel is reached by nothing, so that its finalizer runs after each collection.
type sentinel struct {
	set    int64
	sample []metrics.Sample
}

func (s *sentinel) collected() {
	metrics.Read(s.sample)
	// The world stops for a moment to set it: only for what matters.
	if l := limit(s.sample[0].Value.Uint64()); l > s.set || l < s.set-s.set/16 {
		s.set = l
		debug.SetMemoryLimit(l)
	}
	runtime.SetFinalizer(s, (*sentinel).collected)
}
