//go:build unix

package mailfile

import (
	"errors"
	"os"
	"syscall"
)

const diskQuota = syscall.EDQUOT

// plainOnly keeps opening a file from following a link and from waiting for a pipe.
const plainOnly = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

// isLink reports whether a file was not opened because it is a link.
func isLink(err error) bool { return errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.EMLINK) }

// chownLike gives f the owner of another file, as far as we may.
func chownLike(f *os.File, like os.FileInfo) {
	if st, ok := like.Sys().(*syscall.Stat_t); ok {
		_ = f.Chown(int(st.Uid), int(st.Gid)) // not permitted to users, who own their files anyway
	}
}

func flock(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errLocked
	}
	return ignoreUnsupported(err)
}

func processLives(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || !errors.Is(err, syscall.ESRCH)
}

// ignoreUnsupported passes over file systems that know no locks or no fsync of folders.
func ignoreUnsupported(err error) error {
	if errors.Is(err, syscall.ENOTSUP) || errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSYS) {
		return nil
	}
	return err
}

// room returns how many bytes are free in the file system of a folder, 0 when
// that is not known.
func room(dir string) int64 {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return 0
	}
	return int64(fs.Bavail) * int64(fs.Bsize)
}
