package connectortest

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

var (
	faultRuns = flag.Int("faults", 0, "randomised runs with faults for each harness of the conformance suite; 0 for as many as belong to every test run")
	faultSeed = flag.Int("faultseed", 0, "number of the first of these runs")
)

// Faults runs randomised sequences of listing, searching, erasing, editing and
// restarts over a system whose connection fails (Harness.Faults), with a caller
// that behaves as the engine does: it repeats what failed, asks by another road
// what remains, and goes on from the cursor after a restart. Afterwards it looks
// behind the connector's back. It proves (DESIGN 3; REQUIREMENTS G-4, G-7, S35):
//
//   - nothing is lost: a record that was to go is gone, or reported as still there;
//   - nothing is done twice: a record that was edited exists once, and erasing
//     what is gone is answered with gallra.ErrNotFound and changes nothing;
//   - no other record's data are touched;
//   - a listing leaves nothing out without an error or a Problem.
//
// The flag -faults says how many runs: 25 (or Harness.FaultRuns) when it is not
// given, and 1000 before a release. Run i makes
// the same choices each time; -faults 1 -faultseed 17 repeats one, and -faults 100
// -faultseed 300 is the fourth part of ten.
func Faults(t *testing.T, h Harness) {
	t.Helper()
	if h.Faults == nil {
		t.Fatal("the harness has no Faults")
	}
	var sum Tally
	runs := cmp.Or(*faultRuns, h.FaultRuns, 25)
	for i := *faultSeed; i < *faultSeed+runs; i++ {
		ok := t.Run(fmt.Sprintf("Faults/seed=%d", i), func(t *testing.T) { sum.add(FaultRun(t, h, uint64(i))) })
		if !ok {
			break // the next ones would say the same
		}
	}
	t.Logf("%d runs: %s", runs, sum)
	if !t.Failed() && sum.Faults < runs/4 {
		t.Errorf("%d faults in %d runs: the connection hardly failed", sum.Faults, runs)
	}
}

// Tally counts what a run did.
type Tally struct{ Faults, Listed, Erased, Edited, Repeated, Restarts, Refused int }

func (s *Tally) add(o Tally) {
	s.Faults, s.Listed, s.Erased, s.Edited = s.Faults+o.Faults, s.Listed+o.Listed, s.Erased+o.Erased, s.Edited+o.Edited
	s.Repeated, s.Restarts, s.Refused = s.Repeated+o.Repeated, s.Restarts+o.Restarts, s.Refused+o.Refused
}

// String tells the counts in a line.
func (s Tally) String() string {
	return fmt.Sprintf("%d faults, %d listings, %d erased, %d edited, %d calls repeated, %d restarts, %d refused as changed meanwhile",
		s.Faults, s.Listed, s.Erased, s.Edited, s.Repeated, s.Restarts, s.Refused)
}

// FaultRun is one run of Faults.
func FaultRun(tb TB, h Harness, seed uint64) Tally {
	tb.Helper()
	r := &run{tb: tb, h: h, rng: rand.New(rand.NewPCG(seed, 20261127)), edited: map[int]string{}}
	r.begin()
	r.stop = h.Faults(tb, seed)
	steps := []func(){r.list, r.list, r.find, r.eraseSome, r.eraseSome, r.editSome, r.touch, r.restart}
	for range 3 + r.rng.IntN(6) {
		steps[r.rng.IntN(len(steps))]()
		if tb.Failed() {
			break
		}
	}
	r.calm()
	if tb.Failed() {
		return r.tally
	}
	r.settle()
	r.judge()
	return r.tally
}

// run is the state of one run: what the caller believes.
type run struct {
	tb    TB
	h     Harness
	rng   *rand.Rand
	src   connector.Source
	can   map[connector.Capability]bool
	stop  func() int
	tally Tally

	seeds   []Seed
	recs    []gallra.Record // as last read by the caller, by seed
	before  []Place
	erased  []int          // seeds that the caller holds for gone
	edited  map[int]string // seeds with the text that now stands in them
	touched []int          // changed by somebody else since
	pending []gallra.Receipt
	waiting []gallra.Ref // promises whose receipts were lost
}

func (r *run) begin() {
	r.seeds = r.h.fullSeeds(3 + r.rng.IntN(8))
	for i := range r.seeds {
		r.seeds[i].History = append(r.seeds[i].History, r.seeds[i].Text) // which an edit must forget
	}
	r.h.begin(r.tb, r.seeds...)
	r.src = r.h.open(r.tb)
	r.can = map[connector.Capability]bool{}
	for _, c := range connector.Capabilities(r.src) {
		r.can[c] = true
	}
	r.recs = r.h.records(r.tb, r.src, r.seeds)
	r.before = r.h.Stored(r.tb)
}

// calm ends the faults.
func (r *run) calm() {
	if r.stop != nil {
		r.tally.Faults += r.stop()
		r.stop = nil
	}
}

const patience = 25 // attempts before the caller gives up for the day

// again calls f until it succeeds or its error is an answer. Between attempts
// the process may be started anew. After patience the faults end, and f must
// succeed.
func (r *run) again(what string, f func() error) error {
	for n := range patience * 2 {
		if n == patience {
			r.calm()
		}
		err := f()
		switch {
		case err == nil, errors.Is(err, gallra.ErrNotFound), errors.Is(err, gallra.ErrConflict), errors.Is(err, gallra.ErrUnsupported):
			return err
		}
		r.h.mustNotName(r.tb, err, r.seeds)
		r.tally.Repeated++
		if r.rng.IntN(4) == 0 {
			r.restart()
		}
		if n == 2*patience-1 {
			r.tb.Fatalf("%s does not succeed although the system is sound again: %v", what, err)
		}
	}
	return nil
}

// restart ends the process's connection and opens another.
func (r *run) restart() {
	_ = r.src.Close() // it may be broken
	r.tally.Restarts++
	for n := range patience * 2 {
		if n == patience {
			r.calm()
		}
		var err error
		if r.src, err = r.h.dial(r.tb); err == nil {
			src := r.src
			r.tb.Cleanup(func() { _ = src.Close() })
			return
		}
	}
	r.tb.Fatalf("cannot be opened although the system is sound again")
}

// dial opens the system and returns what goes wrong.
func (h Harness) dial(tb TB) (connector.Source, error) {
	if h.Open != nil {
		return h.Open(tb), nil
	}
	return connector.Open(tb.Context(), h.Config(tb))
}

// everything lists all records, with restarts on the way.
func (r *run) everything() ([]gallra.Record, []connector.Problem) {
	q := r.h.query()
	q.Limit = 1 + r.rng.IntN(5)
	var out []gallra.Record
	var problems []connector.Problem
	for range 10_000 {
		var p connector.Page
		if err := r.again("list", func() (err error) {
			p, err = r.src.List(r.tb.Context(), q)
			return err
		}); err != nil {
			r.tb.Fatalf("list: %v", err)
		}
		out, problems = append(out, p.Records...), append(problems, p.Skipped...)
		if q.Cursor = p.Next; q.Cursor == "" {
			r.tally.Listed++
			return out, problems
		}
		if r.rng.IntN(6) == 0 {
			r.restart()
		}
	}
	r.tb.Fatalf("list does not end")
	return nil, nil
}

func (r *run) list() {
	got, problems := r.everything()
	count := map[gallra.Ref]int{}
	for _, rec := range got {
		count[rec.Ref]++
	}
	for i, rec := range r.recs {
		n := count[rec.Ref]
		delete(count, rec.Ref)
		switch {
		case slices.Contains(r.erased, i):
			if n > 0 && !r.waits(rec.Ref) {
				r.tb.Errorf("a record that was called gone is listed")
			}
		case n == 0 && len(problems) == 0:
			r.tb.Errorf("a record is left out of a listing, without an error or a problem")
		case n > 1:
			r.tb.Errorf("a record is listed %d times", n)
		}
	}
	if len(count) > 0 {
		r.tb.Errorf("%d records are listed that nobody put there", len(count))
	}
}

// waits reports whether the system has promised to erase a record and has not
// said that it is gone from sight.
func (r *run) waits(ref gallra.Ref) bool {
	return slices.ContainsFunc(r.pending, func(p gallra.Receipt) bool { return p.Ref == ref && p.Grade < gallra.GradeLive })
}

func (r *run) find() {
	if !r.can[connector.CanFind] || len(r.h.Kinds) == 0 {
		return
	}
	i := r.rng.IntN(len(r.seeds))
	if r.edited[i] != "" || slices.Contains(r.erased, i) {
		return
	}
	k := r.h.Kinds[r.rng.IntN(len(r.h.Kinds))]
	n := connector.Needles{Identifiers: []gallra.Identifier{{Kind: k, Value: r.seeds[i].value(k)}}, Depth: connector.InText}
	found, skipped, cursor := false, 0, ""
	for range 10_000 {
		var p connector.Hits
		if err := r.again("find", func() (err error) {
			p, err = r.src.(connector.Finder).Find(r.tb.Context(), n, cursor)
			return err
		}); err != nil {
			r.tb.Fatalf("find: %v", err)
		}
		for _, x := range p.Hits {
			found = found || slices.Contains([]gallra.Ref{r.recs[i].Ref, r.recs[i].Parent, r.recs[i].Person}, x.Ref) || x.Parent == r.recs[i].Ref
		}
		skipped += len(p.Skipped)
		if cursor = p.Next; cursor == "" {
			break
		}
	}
	if !found && skipped == 0 {
		r.tb.Errorf("a search by %s leaves the person's record out, without an error or a problem", k)
	}
}

// some returns up to n seeds whose records are there.
func (r *run) some(n int) []int {
	var out []int
	for _, i := range r.rng.Perm(len(r.seeds)) {
		if len(out) < n && !slices.Contains(r.erased, i) {
			out = append(out, i)
		}
	}
	return out
}

// gone asks by another road which of the records are gone.
func (r *run) gone(refs []gallra.Ref) []bool {
	out := make([]bool, len(refs))
	if v, ok := r.src.(connector.Verifier); ok {
		var left []gallra.Residue
		err := r.again("remains", func() (err error) {
			v = r.src.(connector.Verifier) // the process may be another
			left, err = v.Remains(r.tb.Context(), refs)
			return err
		})
		if err == nil {
			for i, ref := range refs {
				out[i] = !slices.ContainsFunc(left, func(x gallra.Residue) bool { return x.Ref == ref })
			}
			return out
		}
	}
	for i, ref := range refs { // as the engine does without a Verifier
		err := r.again("get", func() error {
			_, err := r.src.Get(r.tb.Context(), ref)
			return err
		})
		out[i] = errors.Is(err, gallra.ErrNotFound)
	}
	return out
}

func (r *run) eraseSome() {
	if !r.can[connector.CanErase] {
		return
	}
	open := r.some(1 + r.rng.IntN(3))
	many := r.can[connector.CanBatch] && r.rng.IntN(2) == 0
	refuse := r.h.FailWrites != nil && r.rng.IntN(6) == 0
	for day := 0; len(open) > 0; day++ {
		if day == patience {
			r.calm()
		}
		if day == 2*patience {
			r.tb.Fatalf("an erasure does not succeed although the system is sound again")
		}
		if refuse {
			r.h.FailWrites(r.tb, true)
		}
		results := r.eraseOnce(open, many)
		if refuse {
			r.h.FailWrites(r.tb, false)
			refuse = false
		}
		var still []int
		var refs []gallra.Ref
		promised := map[int]bool{} // the promise was made, and its receipt is lost
		for n, i := range open {
			switch res := results[n]; {
			case errors.Is(res.Err, gallra.ErrConflict):
				if !slices.Contains(r.touched, i) && r.stale(i) {
					continue // read again; the engine leaves it for its next run
				}
				r.tally.Refused++
				if !slices.Contains(r.touched, i) {
					r.tb.Errorf("an erasure is refused as changed meanwhile, and nobody changed the record: %v", results[n].Err)
				}
			case res.Err == nil && !res.Receipt.Final:
				if slices.Contains(r.touched, i) {
					r.tb.Errorf("a record that somebody changed meanwhile is erased (REQUIREMENTS G-4)")
				}
				r.pending = append(r.pending, res.Receipt)
				r.erased = append(r.erased, i)
				r.tally.Erased++
			default:
				still, refs = append(still, i), append(refs, r.recs[i].Ref)
				promised[i] = errors.Is(res.Err, gallra.ErrNotFound) && r.h.Eventually != nil
			}
		}
		open = nil
		if len(refs) == 0 {
			return
		}
		for n, gone := range r.gone(refs) {
			if gone {
				if slices.Contains(r.touched, still[n]) {
					r.tb.Errorf("a record that somebody changed meanwhile is erased (REQUIREMENTS G-4)")
				}
				r.erased = append(r.erased, still[n])
				r.tally.Erased++
				continue
			}
			if promised[still[n]] { // not shown any more, and reported as still there
				r.erased, r.waiting = append(r.erased, still[n]), append(r.waiting, refs[n])
				r.tally.Erased++
				continue
			}
			open = append(open, still[n]) // it failed, or it was a lie
		}
	}
}

// hurry returns a context that now and then ends in the middle of a write.
func (r *run) hurry() (context.Context, context.CancelFunc) {
	if r.stop == nil || r.rng.IntN(10) > 0 {
		return r.tb.Context(), func() {}
	}
	return context.WithTimeout(r.tb.Context(), time.Duration(r.rng.IntN(3000))*time.Microsecond)
}

// eraseOnce makes one attempt and returns what became of each.
func (r *run) eraseOnce(open []int, many bool) []connector.Result {
	ctx, cancel := r.hurry()
	defer cancel()
	out := make([]connector.Result, len(open))
	if many {
		items := make([]connector.Item, len(open))
		for n, i := range open {
			items[n] = connector.Item{Ref: r.recs[i].Ref, IfVersion: r.recs[i].Version}
		}
		res, err := r.src.(connector.Batcher).EraseMany(ctx, items)
		if err == nil && len(res) != len(items) {
			r.tb.Fatalf("%d answers for %d items", len(res), len(items))
		}
		for n := range out {
			if out[n].Err = err; err == nil {
				out[n] = res[n]
			}
		}
	} else {
		for n, i := range open {
			out[n].Receipt, out[n].Err = r.src.(connector.Eraser).Erase(ctx, r.recs[i].Ref, r.recs[i].Version)
		}
	}
	for _, x := range out {
		r.h.mustNotName(r.tb, x.Err, r.seeds)
		if x.Err != nil {
			r.tally.Repeated++
		}
	}
	return out
}

// stale reads a record again and reports whether it has another version now.
func (r *run) stale(i int) bool {
	var rec gallra.Record
	if r.again("get", func() (err error) {
		rec, err = r.src.Get(r.tb.Context(), r.recs[i].Ref)
		return err
	}) != nil {
		return false
	}
	old := r.recs[i].Version
	r.recs[i] = rec
	return rec.Version != old
}

// editSome redacts a record's text, until reading it shows the new one.
func (r *run) editSome() {
	if !r.can[connector.CanEdit] || r.h.Text == "" {
		return
	}
	for _, i := range r.some(1 + r.rng.IntN(2)) {
		if slices.Contains(r.touched, i) {
			continue
		}
		text := fmt.Sprintf("gallrad text nr %d %d", i, r.rng.IntN(1<<30))
		set := []gallra.Field{{Name: r.h.Text, Value: text}}
		done := false
		for day := 0; !done; day++ {
			if day == patience {
				r.calm()
			}
			if day == 2*patience {
				r.tb.Fatalf("an edit does not succeed although the system is sound again")
			}
			ctx, cancel := r.hurry()
			receipt, err := r.src.(connector.Editor).Edit(ctx, r.recs[i].Ref, r.recs[i].Version, set)
			cancel()
			r.h.mustNotName(r.tb, err, r.seeds)
			if errors.Is(err, gallra.ErrUnsupported) {
				return
			}
			ref := r.recs[i].Ref
			if err == nil {
				ref = receipt.Ref
			} else {
				r.tally.Repeated++
			}
			done = r.shows(i, ref, text)
		}
		r.edited[i] = text
		r.tally.Edited++
	}
}

// shows reads record i at ref and reports whether it holds the text. When it is
// not there, an attempt may have given it another reference: the listing knows.
func (r *run) shows(i int, ref gallra.Ref, text string) bool {
	var rec gallra.Record
	err := r.again("get", func() (err error) {
		rec, err = r.src.Get(r.tb.Context(), ref)
		return err
	})
	if errors.Is(err, gallra.ErrNotFound) {
		list, _ := r.everything()
		for _, x := range list {
			if v, _ := x.Field(r.h.Text); v == text {
				r.recs[i] = x
				return true
			}
		}
		r.tb.Fatalf("a record is gone after an edit that failed")
	}
	v, _ := rec.Field(r.h.Text)
	r.recs[i] = rec
	return v == text
}

// touch lets somebody else work on a record that the caller has read: an
// erasure of it must be refused from now on.
func (r *run) touch() {
	if r.h.Touch == nil {
		return
	}
	for _, i := range r.some(1) {
		if r.edited[i] != "" || slices.Contains(r.touched, i) {
			continue
		}
		r.h.Touch(r.tb, r.seeds[i])
		r.touched = append(r.touched, i)
	}
}

// settle lets promises come true; one that does not is asked for again. What an
// attempt with a lost answer has promised comes true in the same time.
func (r *run) settle() {
	if len(r.pending) == 0 && len(r.erased)+len(r.edited) > 0 && r.h.Eventually != nil {
		r.h.Eventually(r.tb)
	}
	if len(r.waiting) > 0 {
		r.h.Eventually(r.tb)
		for n, gone := range r.gone(r.waiting) {
			if !gone {
				r.tb.Errorf("lost: %s is answered with not found, and stays", r.waiting[n])
			}
		}
	}
	for range 5 {
		if len(r.pending) == 0 {
			return
		}
		c, ok := r.src.(connector.Confirmer)
		if !ok || r.h.Eventually == nil {
			r.tb.Fatalf("a receipt is not final, and there is no Confirmer or no Harness.Eventually")
		}
		r.h.Eventually(r.tb)
		var open []gallra.Receipt
		for _, p := range r.pending {
			got, err := c.Confirm(r.tb.Context(), p)
			if err != nil {
				r.tb.Fatalf("confirm: %v", err)
			}
			if got.Final {
				continue
			}
			if again, err := r.src.(connector.Eraser).Erase(r.tb.Context(), p.Ref, ""); err == nil && !again.Final {
				p = again
			}
			open = append(open, p)
		}
		r.pending = open
	}
	r.tb.Fatalf("%d promises do not come true", len(r.pending))
}

// judge looks behind the connector's back.
func (r *run) judge() {
	stored := r.h.Stored
	snapshot := stored(r.tb) // nothing changes while it is looked at
	r.h.Stored = func(TB) []Place { return snapshot }
	var changed, gone []Seed
	for i, s := range r.seeds {
		switch {
		case slices.Contains(r.erased, i):
			gone = append(gone, s)
			r.h.mustLack(r.tb, s)
		case r.edited[i] != "":
			if w := r.h.where(r.tb, s.Text); len(w) > 0 {
				r.tb.Errorf("lost: an edited record's old text is still in %s", strings.Join(w, ", "))
			}
			if len(r.h.where(r.tb, r.edited[i])) == 0 {
				r.tb.Errorf("lost: an edited record's new text is nowhere")
			}
		case slices.Contains(r.touched, i):
			if len(r.h.where(r.tb, s.Key)) == 0 {
				r.tb.Errorf("a record that somebody changed meanwhile is gone")
			}
		default:
			continue
		}
		changed = append(changed, s)
	}
	r.others(changed)
	r.h.once(r.tb, r)
	if len(gone) == 0 {
		return
	}
	r.h.Stored = stored
	before := stored(r.tb)
	for _, i := range r.erased {
		_, err := r.src.(connector.Eraser).Erase(r.tb.Context(), r.recs[i].Ref, "")
		wantCode(r.tb, "the erasure of what is gone", err, gallra.ErrNotFound)
	}
	same(r.tb, "after erasures of what is gone", before, r.h.Stored(r.tb))
}

// others fails when a place that belongs to no changed record has changed.
func (r *run) others(changed []Seed) {
	keep := func(ps []Place) []Place {
		return slices.DeleteFunc(slices.Clone(ps), func(p Place) bool {
			return slices.ContainsFunc(changed, func(s Seed) bool { return r.h.owns(s, p) })
		})
	}
	after := r.h.Stored(r.tb)
	for _, p := range keep(r.before) {
		i := slices.IndexFunc(after, func(a Place) bool { return a.Value == p.Value })
		if i < 0 {
			r.tb.Errorf("another record's %s is changed or gone", p.Where)
			return
		}
		after = slices.Delete(after, i, i+1)
	}
	for _, p := range keep(after) { // what is left is new: only an edited record may be, once
		if !slices.ContainsFunc(r.recs, func(rec gallra.Record) bool {
			return slices.ContainsFunc(rec.Fields, func(f gallra.Field) bool { return len(f.Value) > 3 && strings.Contains(p.Value, f.Value) })
		}) {
			r.tb.Errorf("%s is new", p.Where)
		}
	}
}

// once fails when a record that ought to be there is not listed exactly once.
func (h Harness) once(tb TB, r *run) {
	ctx, cancel := context.WithTimeout(tb.Context(), time.Minute)
	defer cancel()
	count := map[gallra.Ref]int{}
	texts := map[string]int{}
	q := h.query()
	for range 10_000 {
		p, err := r.src.List(ctx, q)
		if err != nil {
			tb.Fatalf("list of a sound system: %v", err)
		}
		for _, rec := range p.Records {
			count[rec.Ref]++
			v, _ := rec.Field(h.Text)
			texts[v]++
		}
		if q.Cursor = p.Next; q.Cursor == "" {
			break
		}
	}
	for i := range r.seeds {
		want := 1
		if slices.Contains(r.erased, i) {
			want = 0
		}
		if n := count[r.recs[i].Ref]; n != want {
			tb.Errorf("a record is there %d times, not %d", n, want)
		}
		if e := r.edited[i]; e != "" && want == 1 && texts[e] != 1 {
			tb.Errorf("done twice: an edited record is there %d times", texts[e])
		}
	}
	if len(count) > len(r.seeds)-len(r.erased) {
		tb.Errorf("done twice: %d records are there, not %d", len(count), len(r.seeds)-len(r.erased))
	}
}
