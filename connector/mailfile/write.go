package mailfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gallra/gallra/connector/safefile"
)

// tempMark is in the name of every file of ours that is not yet whole. Open
// files of a living process are younger than staleAfter; older ones were left
// by a process that was killed, hold copies of mails, and are removed.
const (
	tempMark   = ".gallra-tmp"
	staleAfter = time.Minute
)

// replaceFile writes a new file beside path through write, brings it to disk
// and renames it over path. like gives mode, owner and, when keepTime is set,
// the time of last change.
func replaceFile(path, temp string, like os.FileInfo, keepTime bool, write func(io.Writer) error) error {
	if err := putFile(path, temp, like, keepTime, write, func() error { return nil }); err != nil {
		return err
	}
	if err := safefile.At(safefile.StepFolder); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// errNoFolder says that the folder of a new file is not there.
var errNoFolder = errors.New("mailfile: no folder for the new file")

// putFile is replaceFile without bringing the folder to disk: who replaces many
// files does that once. Last before the rename, still says whether path is to be
// replaced all the same. errNoFolder where temp can't stand.
func putFile(path, temp string, like os.FileInfo, keepTime bool, write func(io.Writer) error, still func() error) (err error) {
	if err := safefile.At(safefile.StepCreate); err != nil {
		return err
	}
	f, err := create(temp)
	if errors.Is(err, fs.ErrNotExist) {
		return errNoFolder
	}
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(temp)
		}
	}()
	if err := write(safefile.Writer(f)); err != nil {
		return err
	}
	if err := f.Chmod(like.Mode().Perm()); err != nil {
		return err
	}
	chownLike(f, like)
	if err := errors.Join(safefile.At(safefile.StepSync), f.Sync()); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if keepTime {
		if err := os.Chtimes(temp, like.ModTime(), like.ModTime()); err != nil {
			return err
		}
	}
	if err := errors.Join(safefile.At(safefile.StepRename), still()); err != nil {
		return err
	}
	return os.Rename(temp, path)
}

// create makes a new file, never through a link that somebody has put in its
// place. One that a killed process has left there goes.
func create(temp string) (*os.File, error) {
	const fresh = os.O_CREATE | os.O_EXCL | os.O_WRONLY
	f, err := os.OpenFile(temp, fresh, 0o600)
	if errors.Is(err, fs.ErrExist) {
		if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		f, err = os.OpenFile(temp, fresh, 0o600)
	}
	return f, err
}

// remove removes a mail that is a file.
func remove(path string) error {
	if err := safefile.At(safefile.StepRemove); err != nil {
		return err
	}
	return os.Remove(path)
}

// syncDir brings renames and removals in a folder to disk.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return ignoreUnsupported(d.Sync())
}

// sweep removes what a killed process left in a folder.
func sweep(dir string, entries []os.DirEntry) {
	for _, e := range entries {
		if !strings.Contains(e.Name(), tempMark) || e.IsDir() {
			continue
		}
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > staleAfter {
			_ = os.Remove(filepath.Join(dir, e.Name())) // tried again next time
		}
	}
}
