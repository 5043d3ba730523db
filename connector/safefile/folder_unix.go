//go:build unix

package safefile

import (
	"os"
	"syscall"
)

// lockFolder holds off other processes that rewrite a file in the folder. The
// lock goes with the process that holds it.
func lockFolder(dir string) (unlock func(), err error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(d.Fd()), syscall.LOCK_EX); err != nil {
		_ = d.Close()
		return nil, err
	}
	return func() { _ = d.Close() }, nil
}

// syncFolder makes a rename survive a loss of power.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// takeOwner gives the new file the old one's rights.
func takeOwner(f *os.File, was os.FileInfo) error {
	if s, ok := was.Sys().(*syscall.Stat_t); ok {
		// Only root may give files away; for others the file is theirs already.
		_ = f.Chown(int(s.Uid), int(s.Gid))
	}
	return f.Chmod(was.Mode().Perm())
}

// mayWrite reports whether files can be made in the folder.
func mayWrite(dir string) error {
	const write = 2
	if err := syscall.Access(dir, write); err != nil {
		return &os.PathError{Op: "access", Path: dir, Err: err}
	}
	return nil
}
