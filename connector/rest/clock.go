package rest

import (
	"context"
	"time"
)

// Clock tells the time and waits. It is a seam for tests: a wait of a minute
// that a server asks for takes none.
type Clock interface {
	Now() time.Time
	// Sleep waits for d or for the end of ctx, whose error it returns.
	Sleep(ctx context.Context, d time.Duration) error
}

// Wall is the clock on the wall.
type Wall struct{}

// Now implements Clock.
func (Wall) Now() time.Time { return time.Now() }

// Sleep implements Clock.
func (Wall) Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
