package connectortest_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/connectortest"
	"github.com/gallra/gallra/connector/memory"
)

// line is the way to the reference system: it fails as networks do.
type line struct {
	mu     sync.Mutex
	rng    *rand.Rand // nil: sound
	spoilt bool
	count  int
	cut    bool // the page being read is cut off
}

type fault int

const (
	sound   fault = iota
	refused       // nothing was done
	lied          // success, and nothing was done
	lost          // it was done, and the answer is lost
)

func (l *line) next(write bool) fault {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rng == nil || l.spoilt || l.rng.IntN(4) > 0 {
		l.spoilt = false
		return sound
	}
	l.spoilt = true
	l.count++
	f := fault(1 + l.rng.IntN(3))
	if f == lied && !write {
		f = refused
	}
	return f
}

func (l *line) begin(seed uint64) func() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rng, l.count = rand.New(rand.NewPCG(seed, 7)), 0
	return func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.rng = nil
		return l.count
	}
}

// flaky is the reference connector at the end of a line.
type flaky struct {
	*memory.Source
	l *line
}

func broken() error { return gallra.Errorf(gallra.Unavailable, "memory.refused") }

// over makes a call over the line.
func over[T any](l *line, write bool, call func() (T, error), lie func() (T, error)) (T, error) {
	var none T
	switch l.next(write) {
	case refused:
		return none, broken()
	case lied:
		return lie()
	case lost:
		if _, err := call(); err != nil {
			return none, err
		}
		return none, broken()
	}
	return call()
}

func (f *flaky) List(ctx context.Context, q connector.Query) (connector.Page, error) {
	return over(f.l, false, func() (connector.Page, error) { return f.Source.List(ctx, q) }, nil)
}

func (f *flaky) Get(ctx context.Context, r gallra.Ref) (gallra.Record, error) {
	return over(f.l, false, func() (gallra.Record, error) { return f.Source.Get(ctx, r) }, nil)
}

func (f *flaky) Find(ctx context.Context, n connector.Needles, c string) (connector.Hits, error) {
	return over(f.l, false, func() (connector.Hits, error) { return f.Source.Find(ctx, n, c) }, nil)
}

func (f *flaky) Remains(ctx context.Context, refs []gallra.Ref) ([]gallra.Residue, error) {
	return over(f.l, false, func() ([]gallra.Residue, error) { return f.Source.Remains(ctx, refs) }, nil)
}

func (f *flaky) Erase(ctx context.Context, r gallra.Ref, v string) (gallra.Receipt, error) {
	return over(f.l, true, func() (gallra.Receipt, error) { return f.Source.Erase(ctx, r, v) }, func() (gallra.Receipt, error) { return done(r, f.Source), nil })
}

func (f *flaky) Edit(ctx context.Context, r gallra.Ref, v string, set []gallra.Field) (gallra.Receipt, error) {
	return over(f.l, true, func() (gallra.Receipt, error) { return f.Source.Edit(ctx, r, v, set) }, func() (gallra.Receipt, error) { return done(r, f.Source), nil })
}

func (f *flaky) EraseMany(ctx context.Context, items []connector.Item) ([]connector.Result, error) {
	return over(f.l, true, func() ([]connector.Result, error) { return f.Source.EraseMany(ctx, items) }, func() ([]connector.Result, error) {
		out := make([]connector.Result, len(items))
		for i, it := range items {
			out[i].Receipt = done(it.Ref, f.Source)
		}
		return out, nil
	})
}

func flakyHarness(name, typ string, o memory.Options) (connectortest.Harness, *memory.System, *line) {
	h, sys := harness(name, typ, o)
	l := &line{}
	h.Open = func(connectortest.TB) connector.Source { return &flaky{sys.Open(), l} }
	h.Faults = func(_ connectortest.TB, seed uint64) func() int { return l.begin(seed) }
	return h, sys, l
}

// TestS35_FaultsOnTheReferenceConnector: the randomised runs pass a connector
// that is right.
func TestS35_FaultsOnTheReferenceConnector(t *testing.T) {
	for name, o := range map[string]memory.Options{"plain": {}, "wastebasket": {Wastebasket: true}} {
		for _, typ := range []string{memory.TypePerson, memory.TypeConversation} {
			t.Run(name+" "+typ, func(t *testing.T) {
				h, _, _ := flakyHarness(t.Name(), typ, o)
				if o.Wastebasket {
					h.FailWrites = nil
				}
				connectortest.Faults(t, h)
			})
		}
	}
}

// bent is a connector that is wrong in the presence of faults.
type bent struct {
	*flaky
	list    func(context.Context, connector.Query) (connector.Page, error)
	erase   func(context.Context, gallra.Ref, string) (gallra.Receipt, error)
	edit    func(context.Context, gallra.Ref, string, []gallra.Field) (gallra.Receipt, error)
	remains func(context.Context, []gallra.Ref) ([]gallra.Residue, error)
}

func (b *bent) List(ctx context.Context, q connector.Query) (connector.Page, error) {
	if b.list != nil {
		return b.list(ctx, q)
	}
	return b.flaky.List(ctx, q)
}

func (b *bent) Erase(ctx context.Context, r gallra.Ref, v string) (gallra.Receipt, error) {
	if b.erase != nil {
		return b.erase(ctx, r, v)
	}
	return b.flaky.Erase(ctx, r, v)
}

func (b *bent) EraseMany(ctx context.Context, items []connector.Item) ([]connector.Result, error) {
	out := make([]connector.Result, len(items))
	for i, it := range items {
		out[i].Receipt, out[i].Err = b.Erase(ctx, it.Ref, it.IfVersion)
	}
	return out, nil
}

func (b *bent) Edit(ctx context.Context, r gallra.Ref, v string, set []gallra.Field) (gallra.Receipt, error) {
	if b.edit != nil {
		return b.edit(ctx, r, v, set)
	}
	return b.flaky.Edit(ctx, r, v, set)
}

func (b *bent) Remains(ctx context.Context, refs []gallra.Ref) ([]gallra.Residue, error) {
	if b.remains != nil {
		return b.remains(ctx, refs)
	}
	return b.flaky.Remains(ctx, refs)
}

// TestS35_FaultsCatchWrongConnectors runs connectors that are wrong only when
// something fails: the suite without faults would pass each.
func TestS35_FaultsCatchWrongConnectors(t *testing.T) {
	passing := func(err error) bool { return errors.Is(err, gallra.ErrUnavailable) }
	for name, bend := range map[string]func(b *bent, f *flaky, sys *memory.System){
		"loses on retry: takes what it tried once for done": func(b *bent, f *flaky, _ *memory.System) {
			tried := map[gallra.Ref]bool{}
			b.erase = func(ctx context.Context, r gallra.Ref, v string) (gallra.Receipt, error) {
				if tried[r] {
					return gallra.Receipt{}, gallra.ErrNotFound
				}
				tried[r] = true
				return f.Erase(ctx, r, v)
			}
			b.remains = func(ctx context.Context, refs []gallra.Ref) ([]gallra.Residue, error) {
				out, err := f.Remains(ctx, refs)
				return slices.DeleteFunc(out, func(x gallra.Residue) bool { return tried[x.Ref] }), err
			}
		},
		"trusts 200: verifies by what it was told": func(b *bent, f *flaky, _ *memory.System) {
			told := map[gallra.Ref]bool{}
			b.erase = func(ctx context.Context, r gallra.Ref, v string) (gallra.Receipt, error) {
				out, err := f.Erase(ctx, r, v)
				told[r] = told[r] || err == nil
				return out, err
			}
			b.remains = func(ctx context.Context, refs []gallra.Ref) ([]gallra.Residue, error) {
				out, err := f.Remains(ctx, refs)
				return slices.DeleteFunc(out, func(x gallra.Residue) bool { return told[x.Ref] }), err
			}
		},
		"erases a neighbour when it tries again": func(b *bent, f *flaky, _ *memory.System) {
			b.erase = func(ctx context.Context, r gallra.Ref, v string) (gallra.Receipt, error) {
				out, err := f.Erase(ctx, r, v)
				if passing(err) {
					p, _ := f.Source.List(ctx, connector.Query{Type: r.Type, Limit: 1})
					for _, o := range p.Records {
						_, _ = f.Source.Erase(ctx, o.Ref, "")
					}
				}
				return out, err
			}
		},
		"ignores the version when it tries again": func(b *bent, f *flaky, _ *memory.System) {
			b.erase = func(ctx context.Context, r gallra.Ref, v string) (gallra.Receipt, error) {
				out, err := f.Erase(ctx, r, v)
				if passing(err) {
					return f.Erase(ctx, r, "")
				}
				return out, err
			}
		},
		"takes a truncated page for the end": func(b *bent, f *flaky, _ *memory.System) {
			b.list = func(ctx context.Context, q connector.Query) (connector.Page, error) {
				p, err := f.List(ctx, q)
				if passing(err) {
					return connector.Page{Total: -1}, nil
				}
				return p, err
			}
		},
		"goes on behind a page that failed": func(b *bent, f *flaky, _ *memory.System) {
			b.list = func(ctx context.Context, q connector.Query) (connector.Page, error) {
				p, err := f.List(ctx, q)
				if passing(err) {
					p, _ := f.Source.List(ctx, q)
					p.Records = nil
					return p, nil
				}
				return p, err
			}
		},
		"gives a repeated page twice": func(b *bent, f *flaky, _ *memory.System) {
			b.list = func(ctx context.Context, q connector.Query) (connector.Page, error) {
				p, err := f.List(ctx, q)
				if passing(err) && q.Cursor != "" {
					first, _ := f.Source.List(ctx, connector.Query{Type: q.Type, Limit: q.Limit})
					p, err = f.Source.List(ctx, q)
					p.Records = append(first.Records[:min(1, len(first.Records))], p.Records...)
					if q.Limit > 0 && len(p.Records) > q.Limit {
						p.Records = p.Records[:q.Limit]
					}
				}
				return p, err
			}
		},
		"adds a copy when an edit's answer is lost": func(b *bent, f *flaky, sys *memory.System) {
			b.edit = func(ctx context.Context, r gallra.Ref, v string, set []gallra.Field) (gallra.Receipt, error) {
				out, err := f.Edit(ctx, r, v, set)
				if passing(err) {
					rec, _ := f.Source.Get(ctx, r)
					c := memory.Conversation{Created: rec.Created, Updated: time.Now()}
					c.Subject, _ = rec.Field("subject")
					c.Name, _ = rec.Field("contact_name")
					c.Email, _ = rec.Field("contact_email")
					sys.AddConversation(c)
				}
				return out, err
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			h, sys, l := flakyHarness(t.Name(), memory.TypeConversation, memory.Options{})
			h.Open = func(connectortest.TB) connector.Source {
				f := &flaky{sys.Open(), l}
				b := &bent{flaky: f}
				bend(b, f, sys)
				return b
			}
			const runs = 60
			caught := 0
			said := ""
			for seed := range runs {
				c := connectortest.Check{Name: "Faults", Run: func(tb connectortest.TB, h connectortest.Harness) { connectortest.FaultRun(tb, h, uint64(seed)) }}
				if r := record(t, c, h); len(r.failures) > 0 {
					caught++
					said = r.failures[0]
				}
			}
			if caught == 0 {
				t.Errorf("not caught in %d runs", runs)
			}
			t.Logf("caught in %d of %d runs: %s", caught, runs, said)
		})
	}
	t.Run("without faults each run is sound", func(t *testing.T) {
		h, _, _ := flakyHarness(t.Name(), memory.TypeConversation, memory.Options{})
		h.Faults = func(connectortest.TB, uint64) func() int { return func() int { return 0 } }
		for seed := range 20 {
			c := connectortest.Check{Name: "Faults", Run: func(tb connectortest.TB, h connectortest.Harness) { connectortest.FaultRun(tb, h, uint64(seed)) }}
			if r := record(t, c, h); len(r.failures) > 0 {
				t.Fatal(r.failures)
			}
		}
	})
}
