package pii_test

import (
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gallra/gallra/pii"
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
	for _, unit := range []string{"1", "1 ", "1-", "a1", "a:", "::", "@", "a@", "_", "a_", "12.", "+4", "0 ", "é1", "\u200b1", "(0)", "A-1", "ABC 12", "noll ", "punkt ", ".1@", "12:34:", "1/", "\xff", "å", "Anna.", "SE12 ", "användarnamn ", "lösenord: ", "a_A1", "1.1.1.1 "} {
		small, large := cost(unit, 1<<12), cost(unit, 1<<16)
		// Sixteen times the text; five times that leaves room for cold caches and
		// is far from the 256 times of quadratic cost.
		if large > 80*small+5*time.Millisecond {
			t.Errorf("%q: 4 kB take %v, 64 kB %v", unit, small, large)
		}
	}
}

// A line without end, an export with its breaks lost, is scanned in time linear
// in its length and without memory beyond it, and offsets at its end are right.
// With GALLRA_TEST_GIGABYTE set the line is a gigabyte, else an eighth of that.
func TestBadInput_OneLongLine(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	size := 1 << 27
	if os.Getenv("GALLRA_TEST_GIGABYTE") != "" {
		size = 1 << 30
	}
	const unit, last = "hej hej 123 order ", "pnr 850822-9914"
	s := scan.New("sv", 0.5)
	var m runtime.MemStats
	perByte := func(size int) float64 {
		text := strings.Repeat(unit, size/len(unit)) + last
		runtime.ReadMemStats(&m)
		before, start := m.TotalAlloc, processor(t)
		got := s.Append(make([]scan.Span, 0, 4), text)
		took := processor(t) - start
		runtime.ReadMemStats(&m)
		if grown := m.TotalAlloc - before; grown > 1<<20 {
			t.Errorf("%d bytes allocated for a line of %d", grown, len(text))
		}
		if len(got) != 1 || got[0].End != len(text) || text[got[0].Start:] != last[4:] {
			t.Errorf("line of %d bytes: %+v", len(text), got)
		}
		t.Logf("%d MB: %v, %.0f MB/s", len(text)>>20, took, float64(len(text))/1e6/took.Seconds())
		return float64(took) / float64(len(text))
	}
	small, large := perByte(size/16), perByte(size)
	if large > 3*small {
		t.Errorf("%.2f ns a byte in a line of %d MB, %.2f in one of %d MB", small, size>>24, large, size>>20)
	}
}

// The same for everything the engine looks for.
func TestBadInput_OneLongLineEverything(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	e, err := pii.New(pii.Options{Lang: "sv"})
	if err != nil {
		t.Fatal(err)
	}
	const unit = "Hej, jag heter Anna Lindqvist och bor på Storgatan 12 i Lund, pnr 850822-9914. "
	perByte := func(size int) float64 {
		text := strings.Repeat(unit, size/len(unit))
		best := time.Hour
		for range 2 {
			start := processor(t)
			e.Find(text)
			best = min(best, processor(t)-start)
		}
		return float64(best) / float64(len(text))
	}
	small, large := perByte(1<<18), perByte(1<<22)
	if large > 4*small {
		t.Errorf("%.1f ns a byte in a line of 256 kB, %.1f in one of 4 MB", small, large)
	}
}
