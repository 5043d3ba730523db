package mailfile

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/mailrecord"
)

// folderSource is a box whose mails are files of their own, so that one can be
// put beside the others.
type folderSource struct {
	*Source
	dir    string // where a new mail goes
	suffix string
}

var _ connector.Planter = folderSource{}

// Plant implements connector.Planter.
func (s folderSource) Plant(ctx context.Context, p connector.Person) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	defer s.forget()
	now := time.Now()
	dir := filepath.Join(s.root, s.dir)
	like, err := os.Stat(dir)
	if err != nil {
		return fileError(err)
	}
	name := strconv.FormatInt(now.UnixNano(), 10) + "." + mailrecord.Digest(p.Email)[:8] + ".gallra" + s.suffix
	path := filepath.Join(dir, name)
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		return fileError(os.ErrExist)
	}
	return fileError(replaceFile(path, path+tempMark, mode{like}, false, func(w io.Writer) error {
		_, err := w.Write(mailrecord.Letter(p, now))
		return err
	}))
}

// mode is a folder's owner with the rights of a file in it.
type mode struct{ os.FileInfo }

func (m mode) Mode() os.FileMode { return m.FileInfo.Mode().Perm() & 0o660 }
