package re2

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wasilibs/go-re2"

	bench "github.com/gallra/gallra/bench/pii"
	"github.com/gallra/gallra/pii"
	"github.com/gallra/gallra/pii/scan"
)

// cpu returns the processor time of this process, system time included: other
// work on the machine does not show in it.
func cpu() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// speed runs over tickets for five seconds of processor time, a small part of
// them at a time, and returns megabytes a second of one thread where each part
// took its best time: what else the machine does, and what it takes from the
// caches, shows in most of the runs and not in all.
func speed(tickets []string, over func(text string)) float64 {
	const parts = 16
	part := func(k int) []string { return tickets[len(tickets)*k/parts : len(tickets)*(k+1)/parts] }
	var best [parts]time.Duration
	size, first := 0, true
	for start := cpu(); first || cpu()-start < 5*time.Second; first = false {
		for k := range parts {
			begun := cpu()
			for _, t := range part(k) {
				over(t)
			}
			if took := cpu() - begun; first || took < best[k] {
				best[k] = took
			}
			for _, t := range part(k) {
				if first {
					size += len(t)
				}
			}
		}
	}
	var total time.Duration
	for _, took := range best {
		total += took
	}
	return float64(size) / 1e6 / total.Seconds()
}

// TestMeasure prints the figures of BENCHMARKS.md. It is a measurement, run by
// hand on a quiet machine: GALLRA_MEASURE=. go test -run Measure -v, where the
// value is a regular expression of what to measure. GODEBUG=cpu.avx2=off shows
// what processors without vector instructions do.
func TestMeasure(t *testing.T) {
	if os.Getenv("GALLRA_MEASURE") == "" {
		t.Skip("a measurement, not a test: set GALLRA_MEASURE=.")
	}
	wanted := regexp.MustCompile(os.Getenv("GALLRA_MEASURE"))
	runtime.GOMAXPROCS(1)
	load, _ := os.ReadFile("/proc/loadavg")
	t.Logf("load before: %s", strings.TrimSpace(string(load)))
	e, err := pii.New(pii.Options{})
	if err != nil {
		t.Fatal(err)
	}
	union := strings.Join(bench.Patterns, "|")
	re, standard := re2.MustCompile(union), regexp.MustCompile(union)
	s := scan.New("", pii.DefaultRecall)
	var spans []scan.Span
	var found []pii.Finding
	tickets := bench.Tickets(8<<20, 1)
	one := []string{strings.Join(tickets, "\n")}
	prose := []string{strings.Repeat("Hej, jag undrar över min senaste räkning som kom i förra veckan. Kan ni återkomma så snart som möjligt? ", 20000)}
	for _, m := range []struct {
		name string
		of   []string
		over func(string)
	}{
		{"structured kinds, ticket by ticket", tickets, func(x string) { spans = s.Append(spans[:0], x) }},
		{"structured kinds, one text of 8 MB", one, func(x string) { spans = s.Append(spans[:0], x) }},
		{"structured kinds, prose without any", prose, func(x string) { spans = s.Append(spans[:0], x) }},
		{"everything, ticket by ticket", tickets[:len(tickets)/8], func(x string) { found = e.Append(found[:0], x) }},
		{"RE2, 20 patterns, ticket by ticket", tickets[:len(tickets)/8], func(x string) { re.FindAllStringIndex(x, -1) }},
		{"Go regexp, 20 patterns, ticket by ticket", tickets[:len(tickets)/32], func(x string) { standard.FindAllStringIndex(x, -1) }},
	} {
		if !wanted.MatchString(m.name) {
			continue
		}
		t.Logf("%-42s %8.1f MB/s", m.name, speed(m.of, m.over))
	}
	if !wanted.MatchString("memory") {
		return
	}
	// Memory while an archive passes: each batch is made, searched and dropped.
	var line strings.Builder
	n, bytes := 0, 0
	for batch := 0; bytes < 200<<20; batch++ {
		for _, x := range bench.Tickets(5<<20, uint64(batch)) {
			found = e.Append(found[:0], x)
			n += len(found)
			bytes += len(x)
		}
		if batch%8 == 7 {
			fmt.Fprintf(&line, " %d MB: %s;", bytes>>20, resident(t))
		}
	}
	t.Logf("everything over 200 MB, %d findings, resident memory after%s", n, line.String())
	load, _ = os.ReadFile("/proc/loadavg")
	t.Logf("load after: %s", strings.TrimSpace(string(load)))
}

// resident returns the memory the process holds.
func resident(t *testing.T) string {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			return strings.Join(strings.Fields(rest), " ")
		}
	}
	t.Fatal("no VmRSS")
	return ""
}
