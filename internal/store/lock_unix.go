//go:build unix

package store

import (
	"fmt"
	"os"
	"syscall"
)

// alone waits until no other process opens the store of this file and returns what
// lets the next one in. A process that dies lets go by itself.
func alone(path string) (func(), error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("store: lock: %w", err)
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if err == nil {
			return func() { _ = f.Close() }, nil // closing unlocks
		}
		if err != syscall.EINTR {
			_ = f.Close()
			return nil, fmt.Errorf("store: lock: %w", err)
		}
	}
}
