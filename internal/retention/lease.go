package retention

import (
	"context"
	"fmt"
	"time"

	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/work"
)

// hold takes the lease called name and keeps it while f runs, whose context
// ends should the lease be lost. It returns false when another worker has it.
func (e *Engine) hold(ctx context.Context, name string, f func(context.Context) error) (bool, error) {
	ok, err := e.take(ctx, name)
	if err != nil || !ok {
		return false, err
	}
	ctx, cancel := context.WithCancel(ctx)
	kept := make(chan bool, 1)
	go func() {
		lost := false
		defer func() { kept <- !lost }()
		t := time.NewTicker(e.lease() / 3)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
				if ok, err := e.take(ctx, name); err != nil || !ok {
					lost = ctx.Err() == nil
					cancel()
					return
				}
			}
		}
	}()
	err = f(ctx)
	cancel()
	if !<-kept {
		// Too slow: what f did of its piece another worker does again, and
		// whichever records it first has done it.
		return true, errOvertaken
	}
	// Given back even when ctx has ended, so that nobody has to wait it out.
	if _, derr := e.DB.ExecContext(context.WithoutCancel(ctx), `DELETE FROM lease WHERE name = $1 AND owner = $2`, name, e.name()); derr != nil && err == nil {
		err = fmt.Errorf("retention: lease %s: %w", name, derr)
	}
	return true, err
}

// take gets or renews a lease. Leases are counted on the machine's own clock,
// not the store's, which a test or a clock fault may set.
func (e *Engine) take(ctx context.Context, name string) (bool, error) {
	now := time.Now()
	res, err := e.DB.ExecContext(ctx, `INSERT INTO lease (name, owner, until) VALUES ($1, $2, $3)
		ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until = excluded.until WHERE lease.owner = excluded.owner OR lease.until < $4`,
		name, e.name(), store.Micros(now.Add(e.lease())), store.Micros(now))
	if err != nil {
		return false, fmt.Errorf("retention: lease %s: %w", name, err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

func (e *Engine) name() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.owner == "" {
		e.owner = work.NewID("worker")
	}
	return e.owner
}

// busy asks to come back when another worker may be done.
func (e *Engine) busy() error {
	return work.Later{After: min(e.lease()/3, time.Second), Why: "retention.busy"}
}
