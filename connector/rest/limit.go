package rest

import (
	"context"
	"sync"
	"time"

	"github.com/gallra/gallra"
)

// Limit is how often a system may be called: Requests in Per, at most Burst of
// them at once. The zero Limit is none.
type Limit struct {
	Requests int
	Per      time.Duration
	Burst    int // 0 means 1
}

// limiter is a token bucket, and a pause that the server has asked for.
type limiter struct {
	mu    sync.Mutex
	every time.Duration // between two calls; 0 for no limit
	burst int
	next  time.Time // when a bucket that is never touched again would be full
	until time.Time // the end of the pause
}

var (
	limitersMu sync.Mutex
	limiters   = map[gallra.SystemID]*limiter{}
)

// shared returns the system's one limiter. When two clients declare different
// limits, the lower holds for both.
func shared(s gallra.SystemID, l Limit) *limiter {
	limitersMu.Lock()
	defer limitersMu.Unlock()
	m := limiters[s]
	if m == nil {
		m = &limiter{}
		limiters[s] = m
	}
	if l.Requests > 0 && l.Per > 0 {
		m.mu.Lock()
		defer m.mu.Unlock()
		burst := max(l.Burst, 1)
		if m.every == 0 {
			m.burst = burst
		}
		m.every, m.burst = max(m.every, l.Per/time.Duration(l.Requests)), min(m.burst, burst)
	}
	return m
}

// wait takes a token, when there is one. A caller that gives up leaves its
// token: the bucket refills by itself.
func (m *limiter) wait(ctx context.Context, c Clock) error {
	for {
		d := m.take(c.Now())
		if d <= 0 {
			return ctx.Err()
		}
		if err := c.Sleep(ctx, d); err != nil {
			return err
		}
	}
}

// take takes a token and returns 0, or returns how long until one may be there.
func (m *limiter) take(now time.Time) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	if d := m.until.Sub(now); d > 0 {
		return d
	}
	if m.every == 0 {
		return 0
	}
	next := m.next
	if next.Before(now) {
		next = now
	}
	if d := next.Add(m.every).Sub(now.Add(time.Duration(m.burst) * m.every)); d > 0 {
		return d
	}
	m.next = next.Add(m.every)
	return 0
}

// pause holds all the system's workers back.
func (m *limiter) pause(now time.Time, d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t := now.Add(d); t.After(m.until) {
		m.until = t
	}
}
