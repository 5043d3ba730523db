package pii_test

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gallra/gallra/pii/scan"
)

// processor returns the processor time the calling thread has used: other work
// on the machine does not show in it.
func processor(t *testing.T) time.Duration {
	t.Helper()
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		t.Fatal(err)
	}
	return time.Duration(ts.Nano())
}

// A hostile line costs no more a byte than a longer one: time is linear.
func TestBadInput_LinearTime(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	s := scan.New("", 0.5)
	cost := func(unit string, size int) time.Duration {
		text := strings.Repeat(unit, size/len(unit))
		best := time.Hour
		for range 3 {
			start := processor(t)
			s.Append(nil, text)
			s.AppendWords(nil, text)
			best = min(best, processor(t)-start)
		}
		return best
	}
	for _, unit := range []string{"1", "1 ", "1-", "a1", "a:", "::", "@", "a@", "_", "a_", "12.", "+4", "0 ", "é1", "\u200b1", "(0)", "A-1", "ABC 12", "noll ", "punkt ", ".1@", "12:34:", "1/", "\xff", "å", "Anna.", "SE12 ", "användarnamn "} {
		small, large := cost(unit, 1<<12), cost(unit, 1<<16)
		// Sixteen times the text; five times that leaves room for cold caches and
		// is far from the 256 times of quadratic cost.
		if large > 80*small+5*time.Millisecond {
			t.Errorf("%q: 4 kB take %v, 64 kB %v", unit, small, large)
		}
	}
}
