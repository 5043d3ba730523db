package rest

import (
	"context"
	"sync"
	"time"

	"github.com/gallra/gallra"
)

// Limit is how often a system may be called: never more than Requests in any
// stretch of Per, of which Burst may come at once. The zero Limit is none.
type Limit struct {
	Requests int
	Per      time.Duration
	Burst    int // 0 means 1; more than half of Requests means that
}

// Ledger keeps limits for several processes at once. It tells the time itself.
type Ledger interface {
	// Take takes one call of an account's bucket, which refills one every so often
	// and holds burst (every 0: no limit, only pauses count), and returns 0; or it
	// returns how long until one may be there.
	Take(ctx context.Context, account string, every time.Duration, burst int) (time.Duration, error)
	// Pause holds everybody back from an account for d.
	Pause(ctx context.Context, account string, d time.Duration) error
}

// Share keeps the limits of all accounts in l from now on, for every client of
// this process; nil keeps them in the process, as they are at first.
func Share(l Ledger) {
	limitersMu.Lock()
	defer limitersMu.Unlock()
	ledger = l
}

func sharing() Ledger {
	limitersMu.Lock()
	defer limitersMu.Unlock()
	return ledger
}

// limiter is a token bucket, and a pause that the server has asked for.
type limiter struct {
	account string

	mu    sync.Mutex
	every time.Duration // between two calls; 0 for no limit
	burst int
	next  time.Time // when a bucket that is never touched again would be full
	until time.Time // the end of the pause
}

var (
	limitersMu sync.Mutex
	limiters   = map[string]*limiter{}
	ledger     Ledger
)

// shared returns an account's one limiter. When two clients declare different
// limits, the lower holds for both.
func shared(account string, l Limit) *limiter {
	limitersMu.Lock()
	defer limitersMu.Unlock()
	m := limiters[account]
	if m == nil {
		m = &limiter{account: account}
		limiters[account] = m
	}
	if l.Requests > 0 && l.Per > 0 {
		m.mu.Lock()
		defer m.mu.Unlock()
		burst := min(max(l.Burst, 1), max(l.Requests/2, 1))
		// A full bucket and all that it refills in Per are Requests together.
		every := l.Per / time.Duration(max(l.Requests-burst, 1))
		if m.every == 0 {
			m.burst = burst
		}
		m.every, m.burst = max(m.every, every), min(m.burst, burst)
	}
	return m
}

// wait takes a token, when there is one. A caller that gives up leaves its
// token: the bucket refills by itself.
func (m *limiter) wait(ctx context.Context, system gallra.SystemID, c Clock) error {
	for {
		d, err := m.ask(ctx, system, c)
		if err != nil {
			return err
		}
		if d <= 0 {
			return ctx.Err()
		}
		if err := c.Sleep(ctx, d); err != nil {
			return err
		}
	}
}

// ask takes a token where limits are kept.
func (m *limiter) ask(ctx context.Context, system gallra.SystemID, c Clock) (time.Duration, error) {
	l := sharing()
	if l == nil {
		return m.take(c.Now()), nil
	}
	m.mu.Lock()
	every, burst := m.every, m.burst
	m.mu.Unlock()
	d, err := l.Take(ctx, m.account, every, max(burst, 1))
	if err != nil && ctx.Err() == nil {
		err = gallra.Errorf(gallra.Unavailable, "rest.limit_unknown", "system", string(system)).Wrap(err)
	}
	return d, err
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

// pause holds all the account's workers back.
func (m *limiter) pause(ctx context.Context, now time.Time, d time.Duration) error {
	if l := sharing(); l != nil {
		return l.Pause(ctx, m.account, d)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if t := now.Add(d); t.After(m.until) {
		m.until = t
	}
	return nil
}
