package special_test

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gallra/gallra/pii/names/internal/special"
)

// TestLinear: text in which every word may open a finding takes time in
// proportion to its length. It counts the thread's own processor time, in which
// other work on the machine does not show.
func TestLinear(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	m, err := special.Load()
	if err != nil {
		t.Fatal(err)
	}
	f := special.NewFinder(m)
	processor := func() time.Duration {
		var ts unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
			t.Fatal(err)
		}
		return time.Duration(ts.Nano())
	}
	took := func(n int) time.Duration {
		cut := special.Cut(strings.Repeat("medlem bad sjuk ont broken dom två ", n), "sv")
		best := time.Hour
		for range 5 {
			start := processor()
			f.Append(nil, cut, 1)
			best = min(best, processor()-start)
		}
		return best
	}
	if a, b := took(250), took(8000); b > 160*a+5*time.Millisecond { // a square would be 1,024 times
		t.Errorf("32 times the text took %v, once %v", b, a)
	}
}
