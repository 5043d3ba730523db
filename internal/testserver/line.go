package testserver

import (
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// Line is a way to a server over TCP that can fail as networks do: a connection
// is cut in the middle of what is sent (it arrives in part, or not at all) or of
// what is answered (it was done, and nobody hears of it), or it is slow.
type Line struct {
	l  net.Listener
	to string

	mu     sync.Mutex
	rng    *rand.Rand // nil: sound
	within int
	cuts   int
	conns  map[*wire]bool
}

// wire is one connection and how many bytes may still pass each way.
type wire struct {
	client, server net.Conn
	left           [2]int // to the server, from it; negative: any number
}

// NewLine opens a line to an address, sound until Spoil.
func NewLine(tb testing.TB, to string) *Line {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	line := &Line{l: l, to: to, conns: map[*wire]bool{}}
	tb.Cleanup(func() {
		_ = l.Close()
		line.mu.Lock()
		defer line.mu.Unlock()
		for w := range line.conns {
			w.close()
		}
	})
	go line.serve()
	return line
}

// Addr is where the line begins.
func (l *Line) Addr() string { return l.l.Addr().String() }

// Spoil cuts connections from now on, the present ones too, somewhere within a
// number of bytes, at places that follow from the seed, until stop, which tells
// how many were cut. About every third connection is spared.
func (l *Line) Spoil(seed uint64, within int) (stop func() int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rng, l.within, l.cuts = rand.New(rand.NewPCG(seed, 3)), within, 0
	for w := range l.conns {
		l.doom(w)
	}
	return func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.rng = nil
		for w := range l.conns {
			w.left = [2]int{-1, -1}
		}
		return l.cuts
	}
}

// doom says where a connection will be cut; the caller holds the lock.
func (l *Line) doom(w *wire) {
	w.left = [2]int{-1, -1}
	if way := l.rng.IntN(3); way < 2 {
		w.left[way] = l.rng.IntN(l.within)
	}
}

func (l *Line) serve() {
	for {
		c, err := l.l.Accept()
		if err != nil {
			return
		}
		s, err := net.Dial("tcp", l.to)
		if err != nil {
			_ = c.Close()
			continue
		}
		w := &wire{client: c, server: s, left: [2]int{-1, -1}}
		l.mu.Lock()
		l.conns[w] = true
		if l.rng != nil {
			l.doom(w)
		}
		l.mu.Unlock()
		go l.forward(w, 0, c, s)
		go l.forward(w, 1, s, c)
	}
}

func (w *wire) close() {
	_ = w.client.Close() // either end may be gone already
	_ = w.server.Close()
}

// forward passes bytes on one way until the wire ends or is cut.
func (l *Line) forward(w *wire, way int, from, to net.Conn) {
	defer func() {
		w.close()
		l.mu.Lock()
		delete(l.conns, w)
		l.mu.Unlock()
	}()
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			pass, cut, wait := l.pass(w, way, n)
			if wait > 0 {
				time.Sleep(wait)
			}
			if _, err := to.Write(buf[:pass]); err != nil || cut {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// pass says how many of n bytes get through, whether the wire is cut then, and
// how long they take.
func (l *Line) pass(w *wire, way, n int) (pass int, cut bool, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rng == nil || w.left[way] < 0 {
		return n, false, 0
	}
	if l.rng.IntN(8) == 0 {
		wait = time.Duration(l.rng.IntN(3000)) * time.Microsecond
	}
	if w.left[way] >= n {
		w.left[way] -= n
		return n, false, wait
	}
	l.cuts++
	return w.left[way], true, wait
}
