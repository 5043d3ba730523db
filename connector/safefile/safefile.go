// Package safefile replaces a file by a changed copy of itself so that whoever
// reads it, and a machine that loses power, sees the old bytes or the new ones
// and nothing between. The connectors whose system is one file write through it.
package safefile

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/gallra/gallra"
)

// busy holds a lock for each file this process rewrites.
var busy sync.Map // path -> *sync.Mutex

// Rewrite calls write with the file as it is and a writer for what it shall be,
// and puts the new bytes in the file's place when write reports a change.
// Writers of this program wait for each other; a file that another program
// changes meanwhile is left as that program wrote it: gallra.ErrConflict.
func Rewrite(ctx context.Context, path string, write func(old *os.File, w *bufio.Writer) (changed bool, err error)) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return Error(err)
	}
	l, _ := busy.LoadOrStore(path, &sync.Mutex{})
	l.(*sync.Mutex).Lock()
	defer l.(*sync.Mutex).Unlock()
	unlock, err := lockFolder(filepath.Dir(path))
	if err != nil {
		return Error(err)
	}
	defer unlock()

	old, err := os.Open(path)
	if err != nil {
		return Error(err)
	}
	defer old.Close()
	was, err := old.Stat()
	if err != nil {
		return Error(err)
	}
	temp := Temp(path)
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Error(err)
	}
	if err := At(StepCreate); err != nil {
		return Error(err)
	}
	f, err := os.OpenFile(temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return Error(err)
	}
	defer func() {
		_ = f.Close()
		if rerr := os.Remove(temp); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) && err == nil {
			err = Error(rerr)
		}
	}()
	w := bufio.NewWriterSize(Writer(f), 1<<16)
	changed, err := write(old, w)
	if err != nil || !changed {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := errors.Join(w.Flush(), takeOwner(f, was), At(StepSync), f.Sync(), f.Close()); err != nil {
		return Error(err)
	}
	now, err := os.Stat(path)
	if err != nil {
		return Error(err)
	}
	if !os.SameFile(was, now) || was.Size() != now.Size() || !was.ModTime().Equal(now.ModTime()) {
		return gallra.Errorf(gallra.Conflict, "file.changed_meanwhile")
	}
	if err := At(StepRename); err != nil {
		return Error(err)
	}
	if err := os.Rename(temp, path); err != nil {
		return Error(err)
	}
	if err := At(StepFolder); err != nil {
		return Error(err)
	}
	return Error(syncFolder(filepath.Dir(path)))
}

// Temp returns the name of the file that Rewrite writes before it takes path's
// place; one that is left behind by a lost process holds what path held.
func Temp(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".gallra-new")
}

// Copies returns the files beside path that are likely copies of it: what
// editors and careful people leave behind, and Temp.
func Copies(path string) []string {
	d, b := filepath.Dir(path), filepath.Base(path)
	var out []string
	for _, name := range []string{Temp(path), filepath.Join(d, b+"~"), filepath.Join(d, b+".bak"), filepath.Join(d, b+".old"), filepath.Join(d, b+".orig"), filepath.Join(d, "#"+b+"#")} {
		if i, err := os.Stat(name); err == nil && i.Mode().IsRegular() {
			out = append(out, name)
		}
	}
	return out
}

// Writable reports whether Rewrite could replace the file, without trying.
func Writable(path string) error {
	path, err := filepath.EvalSymlinks(path)
	if err == nil {
		var f *os.File
		if f, err = os.OpenFile(path, os.O_WRONLY, 0); err == nil {
			err = f.Close()
		}
	}
	if err == nil {
		err = mayWrite(filepath.Dir(path))
	}
	return Error(err)
}

// Error says what a user can do about an error of the file system. The path,
// which may hold a name, is left out.
func Error(err error) error {
	if err == nil {
		return nil
	}
	cause := err
	var pe *fs.PathError
	var le *os.LinkError
	switch {
	case errors.As(err, &pe):
		cause = pe.Err
	case errors.As(err, &le):
		cause = le.Err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return gallra.Errorf(gallra.Unavailable, "file.missing").Wrap(cause)
	case errors.Is(err, fs.ErrPermission):
		return gallra.Errorf(gallra.Forbidden, "file.permission").Wrap(cause)
	}
	return gallra.Errorf(gallra.Unavailable, "file.failed").Wrap(cause)
}
