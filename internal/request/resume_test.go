package request_test

import (
	"context"
	"errors"
	"maps"
	"testing"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/request"
	"github.com/gallra/gallra/internal/store/storetest"
)

// between stands between the desk and a real system, and may interfere with
// what changes it.
type between struct {
	connector.Source
	connector.Finder
	connector.Editor
	connector.Searcher
	connector.Verifier
	erase func(connector.Eraser, context.Context, gallra.Ref) (gallra.Receipt, error)
}

func (b between) Erase(ctx context.Context, ref gallra.Ref, _ string) (gallra.Receipt, error) {
	return b.erase(b.Source.(connector.Eraser), ctx, ref)
}

func wrapped(erase func(connector.Eraser, context.Context, gallra.Ref) (gallra.Receipt, error)) func(gallra.SystemID, connector.Source) connector.Source {
	return func(_ gallra.SystemID, s connector.Source) connector.Source {
		return between{Source: s, Finder: s.(connector.Finder), Editor: s.(connector.Editor), Searcher: s.(connector.Searcher), Verifier: s.(connector.Verifier), erase: erase}
	}
}

// Ready to execute.
func approved(t *testing.T) (*office, string) {
	t.Helper()
	o := newOffice(t, storetest.SQLite(t))
	id := o.register(request.Erasure)[0].ID
	o.searched(id)
	o.judged(id)
	o.check(o.Decide(ctx, id, "karin", request.Granted, ""))
	o.check(o.Approve(ctx, id, "bo"))
	return o, id
}

// The worker dies before and after every single erasure in turn, and another
// goes on: the systems end up as after an undisturbed run, and every item is
// done once.
func TestW10_G6_KilledAnywhere(t *testing.T) {
	calm, id := approved(t)
	calm.execute(id)
	want := map[string]map[string]string{}
	for _, s := range systems {
		want[string(s)] = calm.dump(string(s))
	}
	for _, after := range []bool{false, true} {
		for _, kill := range []int{1, 3, 5, 7} {
			o, id := approved(t)
			n := 0
			dying, die := context.WithCancel(ctx)
			o.wrap = wrapped(func(e connector.Eraser, c context.Context, ref gallra.Ref) (gallra.Receipt, error) {
				if n++; n == kill && !after {
					die()
					return gallra.Receipt{}, c.Err()
				}
				r, err := e.Erase(context.WithoutCancel(c), ref, "")
				if n == kill {
					die() // it was erased; nobody lives to write that down
				}
				return r, err
			})
			w, err := o.StartExecute(ctx, id, "karin")
			o.check(err)
			for {
				more, err := o.Step(dying, w.ID)
				if err != nil {
					if !errors.Is(err, context.Canceled) {
						t.Fatal(err)
					}
					break
				}
				if !more {
					break
				}
			}
			die()
			if n < kill {
				t.Fatalf("only %d erasures", n)
			}
			again, err := o.StartExecute(ctx, id, "bo")
			o.check(err)
			if again.ID != w.ID {
				t.Errorf("begun anew as %s, not gone on with", again.ID)
			}
			o.check(o.Drive(ctx, again.ID, nil))
			o.verify(id)
			for _, s := range systems {
				if got := o.dump(string(s)); !maps.Equal(got, want[string(s)]) {
					t.Errorf("killed at %d (after: %t): %s differs from an undisturbed run", kill, after, s)
				}
			}
			left, err := o.Remaining(ctx, id)
			o.check(err)
			if len(left) != 0 || o.state(id) != request.Verified {
				t.Errorf("killed at %d: %s, remains %+v", kill, o.state(id), left)
			}
		}
	}
}

// A system that fails keeps the case open for what it failed at; the rest is
// done, and a second attempt finishes it.
func TestW10_PartialFailure(t *testing.T) {
	o, id := approved(t)
	broken := true
	o.wrap = wrapped(func(e connector.Eraser, c context.Context, ref gallra.Ref) (gallra.Receipt, error) {
		if broken && ref.System == "helpdesk" && ref.Type == "ticket" {
			return gallra.Receipt{}, gallra.Errorf(gallra.Unavailable, "test.down")
		}
		return e.Erase(c, ref, "")
	})
	o.execute(id)
	o.verify(id)
	left, err := o.Remaining(ctx, id)
	o.check(err)
	failed := 0
	for _, r := range left {
		if r.Why == "request.not_done" {
			failed++
		}
	}
	if failed != 3 {
		t.Errorf("%d failed items are told of, want 3: %+v", failed, left)
	}
	items, err := o.Items(ctx, id)
	o.check(err)
	for _, it := range items {
		if it.Ref.System == "helpdesk" && it.Kind == connector.KindPerson && it.Decision == request.Include && it.State != "failed" {
			t.Errorf("the customer's record was %s while cases hang on it", it.State)
		}
		if it.Ref.System == "chat" && it.Decision == request.Include && it.State != "done" {
			t.Errorf("%s was not done", it.Ref)
		}
	}
	broken = false
	o.execute(id)
	o.verify(id)
	if left, err = o.Remaining(ctx, id); err != nil || len(left) != 0 {
		t.Errorf("after the second attempt: %+v, %v", left, err)
	}
	o.clean("helpdesk")
}

// A system that says yes and does nothing is found out (REQUIREMENTS G-7, W-11).
func TestW11_YesWithoutErasing(t *testing.T) {
	o, id := approved(t)
	o.wrap = wrapped(func(e connector.Eraser, c context.Context, ref gallra.Ref) (gallra.Receipt, error) {
		if ref.System == "chat" {
			return gallra.Receipt{Ref: ref, Action: gallra.ActionErase, Grade: gallra.GradeDerived, Final: true}, nil
		}
		return e.Erase(c, ref, "")
	})
	o.execute(id)
	o.verify(id)
	left, err := o.Remaining(ctx, id)
	o.check(err)
	if len(left) == 0 {
		t.Fatal("nothing was found to remain")
	}
	c, err := o.Certificate(ctx, id)
	o.check(err)
	for _, s := range c.Systems {
		if (s.System == "chat") != (s.Remains > 0) {
			t.Errorf("%s: %d remain", s.System, s.Remains)
		}
	}
}

// What a system promises for a later day is looked at again on that day.
func TestW11_PromisesAreCheckedOnTheirDay(t *testing.T) {
	o, id := approved(t)
	promise := o.now.AddDate(0, 0, 30)
	o.wrap = wrapped(func(e connector.Eraser, c context.Context, ref gallra.Ref) (gallra.Receipt, error) {
		r, err := e.Erase(c, ref, "")
		if ref.System == "chat" {
			r.Final, r.GoneBy, r.Grade = false, promise, gallra.GradeHidden
		}
		return r, err
	})
	o.execute(id)
	o.verify(id)
	due := func() []string {
		ids, err := o.Rechecks(ctx)
		o.check(err)
		return ids
	}
	if d := due(); len(d) != 0 {
		t.Errorf("due at once: %v", d)
	}
	o.now = promise.AddDate(0, 0, 1)
	if d := due(); len(d) != 1 || d[0] != id {
		t.Errorf("due on its day: %v", d)
	}
	o.check(o.Deliver(ctx, id, "karin", "email"))
	o.verify(id)
	if d := due(); len(d) != 0 || o.state(id) != request.Delivered {
		t.Errorf("due after it was looked at: %v, %s", d, o.state(id))
	}
}
