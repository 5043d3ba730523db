// Package safefiletest makes the disk fail in the ways disks do, for the tests of
// connectors whose systems are files.
package safefiletest

import (
	"io/fs"
	"math/rand/v2"
	"sync"
	"syscall"

	"github.com/gallra/gallra/connector/safefile"
)

// Spoil makes about one step in n of rewriting files fail, full disk or
// input/output error, the same for the same seed, until stop, which tells how
// many failed. The whole process has one disk: tests that use it do not run at
// once.
func Spoil(seed uint64, n int) (stop func() int) {
	var mu sync.Mutex
	rng, count := rand.New(rand.NewPCG(seed, 9)), 0
	safefile.Fail(func(s safefile.Step) error {
		mu.Lock()
		defer mu.Unlock()
		if rng.IntN(n) > 0 {
			return nil
		}
		count++
		return &fs.PathError{Op: string(s), Path: "test", Err: []error{syscall.ENOSPC, syscall.EIO}[rng.IntN(2)]}
	})
	return func() int {
		safefile.Fail(nil)
		mu.Lock()
		defer mu.Unlock()
		return count
	}
}
