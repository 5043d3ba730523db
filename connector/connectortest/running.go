package connectortest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

func checkRestrict(tb TB, h Harness) {
	ss := seeds(2)
	h.begin(tb, ss...)
	src := h.open(tb)
	rec := h.records(tb, src, ss)[0]
	others := h.others(tb, ss[0])
	for _, on := range []bool{true, true, false, false} {
		r, err := src.(connector.Restrictor).Restrict(tb.Context(), rec.Ref, on)
		if err != nil {
			tb.Fatalf("restrict %v: %v", on, err)
		}
		if r.Ref != rec.Ref || r.Action != gallra.ActionRestrict {
			tb.Errorf("restrict %v: the receipt is another's", on)
		}
		if len(h.where(tb, ss[0].Key)) == 0 {
			tb.Errorf("restrict %v: the record is no longer stored", on)
		}
	}
	same(tb, "after a restriction of another record", others, h.others(tb, ss[0]))
	h.records(tb, src, ss)
	_, err := src.(connector.Restrictor).Restrict(tb.Context(), gallra.Ref{System: rec.Ref.System, Type: h.Type, ID: "0-no/such:id"}, true)
	missing(tb, "restrict", err)
}

// checkCancelled proves that a cancelled context stops everything, writes above
// all.
func checkCancelled(tb TB, h Harness) {
	ss := h.fullSeeds(2)
	h.begin(tb, ss...)
	src := h.open(tb)
	rec := h.records(tb, src, ss)[0]
	before := h.Stored(tb)
	ctx, cancel := context.WithCancel(tb.Context())
	cancel()
	ids := connector.Needles{Identifiers: []gallra.Identifier{{Kind: gallra.IdentEmail, Value: ss[0].Email}}, Depth: connector.InText}
	try := func(what string, err error) {
		if err == nil {
			tb.Errorf("%s goes on although the context is cancelled", what)
		} else if !errors.Is(err, context.Canceled) {
			tb.Errorf("%s: want context.Canceled, got %v", what, err)
		}
	}
	_, err := src.List(ctx, h.query())
	try("List", err)
	_, err = src.Get(ctx, rec.Ref)
	try("Get", err)
	if s, ok := src.(connector.Finder); ok {
		_, err = s.Find(ctx, ids, "")
		try("Find", err)
	}
	if s, ok := src.(connector.Searcher); ok {
		_, err = s.Leftovers(ctx, ids, "")
		try("Leftovers", err)
	}
	if s, ok := src.(connector.Verifier); ok {
		_, err = s.Remains(ctx, []gallra.Ref{rec.Ref})
		try("Remains", err)
	}
	if s, ok := src.(connector.Eraser); ok {
		_, err = s.Erase(ctx, rec.Ref, rec.Version)
		try("Erase", err)
	}
	if s, ok := src.(connector.Editor); ok && h.Text != "" {
		_, err = s.Edit(ctx, rec.Ref, rec.Version, h.edits())
		try("Edit", err)
	}
	if s, ok := src.(connector.Batcher); ok {
		res, err := s.EraseMany(ctx, []connector.Item{{Ref: rec.Ref, IfVersion: rec.Version}})
		if err == nil && len(res) == 1 {
			err = res[0].Err
		}
		try("EraseMany", err)
	}
	same(tb, "after cancelled calls", before, h.Stored(tb))
}

// checkSecrets makes everything fail that can and reads the errors.
func checkSecrets(tb TB, h Harness) {
	ss := seeds(2)
	h.begin(tb, ss...)
	var errs []error
	add := func(err error) { errs = append(errs, err) }
	if h.Config != nil {
		c := h.Config(tb)
		for _, shown := range []string{c.String(), fmt.Sprintf("%v %+v %#v %s", c, c, c, c), c.LogValue().String()} {
			add(errors.New(shown))
		}
	}
	src := h.open(tb)
	rec := h.records(tb, src, ss)[0]
	_, err := src.Get(tb.Context(), gallra.Ref{System: rec.Ref.System, Type: h.Type, ID: "0-no/such:id"})
	add(err)
	_, err = src.List(tb.Context(), connector.Query{Type: "no-such-type"})
	add(err)
	_, err = src.List(tb.Context(), connector.Query{Type: h.Type, Cursor: "\x00 no cursor"})
	if err == nil {
		tb.Errorf("a cursor that is none is taken for one")
	}
	add(err)
	if s, ok := src.(connector.Eraser); ok {
		_, err = s.Erase(tb.Context(), rec.Ref, "no such version")
		wantCode(tb, "a version that never was", err, gallra.ErrConflict)
		add(err)
	}
	if s, ok := src.(connector.Editor); ok {
		_, err = s.Edit(tb.Context(), rec.Ref, rec.Version, []gallra.Field{{Name: "no_such_field", Value: ss[1].Email}})
		add(err)
	}
	if h.Broken != nil {
		for i, c := range h.Broken(tb) {
			s, err := connector.Open(tb.Context(), c)
			if err == nil {
				err = s.Check(tb.Context())
				_ = s.Close()
			}
			if err == nil {
				tb.Errorf("broken configuration %d opens and passes Check", i)
			}
			add(err)
		}
	}
	for _, err := range errs {
		h.mustNotName(tb, err, ss)
	}
}

func checkParallel(tb TB, h Harness) {
	ss := seeds(8)
	h.begin(tb, ss...)
	src := h.open(tb)
	want := len(h.records(tb, src, ss))
	var wg sync.WaitGroup
	errs := make(chan string, 8)
	for range 8 {
		wg.Go(func() {
			seen := 0
			q := h.query()
			q.Limit = 3
			for {
				p, err := src.List(tb.Context(), q)
				if err != nil {
					errs <- err.Error()
					return
				}
				for _, r := range p.Records {
					if _, err := src.Get(tb.Context(), r.Ref); err != nil {
						errs <- err.Error()
						return
					}
					seen++
				}
				if p.Next == "" || seen > want {
					break
				}
				q.Cursor = p.Next
			}
			if seen != want {
				errs <- fmt.Sprintf("%d records of %d", seen, want)
			}
		})
	}
	wg.Wait()
	close(errs)
	for e := range errs {
		tb.Errorf("eight readers at once: %s", e)
	}
}

// checkClose proves that a connection leaves nothing running behind it.
func checkClose(tb TB, h Harness) {
	h.begin(tb, seeds(3)...)
	round := func() {
		var src connector.Source
		if h.Open != nil {
			src = h.Open(tb)
		} else {
			var err error
			if src, err = connector.Open(tb.Context(), h.Config(tb)); err != nil {
				tb.Fatalf("open: %v", err)
			}
		}
		all(tb, src, h.query())
		if err := src.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
		_ = src.Close() // a second time must not panic
	}
	round() // what a driver starts once and for all is no connection's
	// Goroutines inherit the label of the one that starts them: those of tests
	// that run beside this one are told apart.
	mark := strconv.FormatInt(marks.Add(1), 10)
	pprof.Do(tb.Context(), pprof.Labels(closeLabel, mark), func(context.Context) {
		for range 10 {
			round()
		}
	})
	for end := time.Now().Add(10 * time.Second); marked(mark) > 2 && time.Now().Before(end); {
		<-time.After(5 * time.Millisecond)
	}
	if n := marked(mark); n > 2 {
		tb.Errorf("%d goroutines are left after ten connections were closed", n)
	}
}

// closeLabel is the name of the label that checkClose gives.
const closeLabel = "connectortest.close"

var marks atomic.Int64

// marked counts the goroutines that bear a label of checkClose.
func marked(mark string) int {
	var b bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&b, 1); err != nil {
		return 0
	}
	n := 0
	for _, g := range strings.Split(b.String(), "\n\n") {
		if !strings.Contains(g, `"`+closeLabel+`":"`+mark+`"`) {
			continue
		}
		before, _, _ := strings.Cut(g, " @ ") // "3 @ 0x…", after a line of its own in the first
		k, err := strconv.Atoi(before[strings.LastIndexByte(before, '\n')+1:])
		if err != nil {
			k = 1
		}
		n += k
	}
	return n
}
