package mailfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gallra/gallra"
)

var errLocked = errors.New("locked")

// turn tells apart the goroutines of one process that want locks.
var turn atomic.Int64

// lock takes the dot-lock and the flock of an mbox, as mail programs do. It
// waits ten seconds, then answers ErrUnavailable. A dot-lock of ours whose
// process on this host is gone is taken over.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	host, _ := os.Hostname()
	mine := fmt.Sprintf("%d %s gallra\n", os.Getpid(), host)
	dot := path + ".lock"
	for try := 0; ; try++ {
		unlock, err := tryLock(path, dot, mine)
		if err == nil {
			return unlock, nil
		}
		if !errors.Is(err, fs.ErrExist) && !errors.Is(err, errLocked) {
			return nil, fileError(err)
		}
		if errors.Is(err, fs.ErrExist) && staleLock(dot, host) {
			_ = os.Remove(dot)
			continue
		}
		if try >= 100 {
			return nil, gallra.Errorf(gallra.Unavailable, "mailfile.locked")
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func tryLock(path, dot, mine string) (func(), error) {
	// The lock appears with its content in one step, so that a process killed
	// on the way leaves a lock that says whose it was, or none.
	temp := filepath.Join(filepath.Dir(dot), "."+filepath.Base(dot)+"."+strconv.Itoa(os.Getpid())+"."+strconv.FormatInt(turn.Add(1), 10)+tempMark)
	if err := os.WriteFile(temp, []byte(mine), 0o600); err != nil {
		return nil, err
	}
	err := os.Link(temp, dot)
	_ = os.Remove(temp)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err == nil {
		if err = flock(f); err != nil {
			_ = f.Close()
		}
	}
	if err != nil {
		_ = os.Remove(dot)
		return nil, err
	}
	return func() {
		_ = f.Close()
		_ = os.Remove(dot)
	}, nil
}

// staleLock reports whether a dot-lock is ours from a process that is gone.
func staleLock(dot, host string) bool {
	b, err := os.ReadFile(dot)
	f := strings.Fields(string(b))
	if err != nil || len(f) != 3 || f[1] != host || f[2] != "gallra" {
		return false
	}
	pid, err := strconv.Atoi(f[0])
	return err == nil && !processLives(pid)
}
