package mailrecord

import (
	"context"
	"sync"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/document"
)

// Trace is connector.Trace over mails, each of which is all that belongs to it.
type Trace struct {
	Refs []gallra.Ref
	// Gone tells which of refs are still there, past what List and Erase use.
	Gone func(ctx context.Context, refs []gallra.Ref) ([]gallra.Residue, error)
	// Read calls f with each of refs that is there, on a connection of its own;
	// f may run on several goroutines.
	Read   func(ctx context.Context, refs []gallra.Ref, f func(Stored)) error
	Limits document.Limits
}

// Remains implements connector.Trace.
func (t Trace) Remains(ctx context.Context) ([]gallra.Residue, error) { return t.Gone(ctx, t.Refs) }

// Leftovers implements connector.Trace: the mail as it is now is read whole and
// every text in it decoded; where the edit made a new one, the old one must be
// gone.
func (t Trace) Leftovers(ctx context.Context, lost []connector.Lost, _ func(string) connector.Look) ([]gallra.Residue, error) {
	by := make(map[gallra.Ref]connector.Lost, len(lost))
	was := map[gallra.Ref]bool{}
	var now, old []gallra.Ref
	for _, l := range lost {
		if by[l.Now] = l; l.Now != l.Ref {
			old = append(old, l.Ref)
			was[l.Ref] = true
		}
		now = append(now, l.Now)
	}
	var out []gallra.Residue
	if len(old) > 0 {
		left, err := t.Gone(ctx, old)
		if err != nil {
			return nil, err
		}
		out = left
	}
	var mu sync.Mutex
	err := t.Read(ctx, now, func(s Stored) {
		l, ok := by[s.Ref]
		if !ok {
			return
		}
		found, _ := NewNeedle(connector.Needles{Identifiers: l.Values}, nil).Leftovers(s, t.Limits)
		mu.Lock()
		defer mu.Unlock()
		for _, f := range found {
			f.Ref = l.Ref
			out = append(out, f)
		}
	})
	return out, err
}
