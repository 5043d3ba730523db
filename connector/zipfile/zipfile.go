// Package zipfile reads a ZIP that is a system of its own, an export or a
// workbook, and writes it anew with some of its entries changed. What is not
// concerned is copied as it stands, compressed bytes and all. The connectors
// whose file is a ZIP work through it.
package zipfile

import (
	"archive/zip"
	"cmp"
	"context"
	"io"
	"os"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector/safefile"
)

// Limits that no honest file comes near: a ZIP may unpack to more than any
// memory holds.
const (
	maxEntries = 2_000_000
	maxRatio   = 1000 // unpacked to packed, beyond smallPack bytes
	smallPack  = 16 << 20
)

// Read reads the ZIP's directory. gallra.ErrInvalid for a folder,
// gallra.ErrUnavailable for a file without a directory at its end, as half a
// download is, gallra.ErrUnsupported for one with too many entries.
func Read(f *os.File) (*zip.Reader, error) {
	i, err := f.Stat()
	if err != nil {
		return nil, safefile.Error(err)
	}
	if i.IsDir() {
		return nil, gallra.Errorf(gallra.Invalid, "zip.not_a_file")
	}
	z, err := zip.NewReader(f, i.Size())
	if err != nil {
		return nil, broken(err)
	}
	if len(z.File) > maxEntries {
		return nil, bomb()
	}
	return z, nil
}

// Unpack reads an entry of at most limit bytes. gallra.ErrUnsupported when it
// holds more, or far more than its packed size makes likely;
// gallra.ErrUnavailable when it is damaged.
func Unpack(f *zip.File, limit int64) ([]byte, error) {
	if f.UncompressedSize64 > uint64(limit) || f.UncompressedSize64 > smallPack && f.UncompressedSize64/maxRatio > f.CompressedSize64 {
		return nil, bomb()
	}
	r, err := f.Open()
	if err != nil {
		return nil, broken(err)
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, broken(err)
	}
	if int64(len(b)) > limit {
		return nil, bomb()
	}
	return b, nil
}

// Change says what becomes of one entry. The zero value leaves it as it is.
type Change struct {
	Drop bool
	Name string        // its new name; "" for the old
	Body func() []byte // its new content; nil for the old
}

// Rewrite writes the ZIP with what change says of each entry.
func Rewrite(ctx context.Context, z *zip.Reader, w io.Writer, change func(*zip.File) Change) error {
	out := zip.NewWriter(w)
	if err := out.SetComment(z.Comment); err != nil {
		return broken(err)
	}
	for _, f := range z.File {
		if err := ctx.Err(); err != nil {
			return err
		}
		c := change(f)
		if c.Drop {
			continue
		}
		if err := copyEntry(out, f, cmp.Or(c.Name, f.Name), c.Body); err != nil {
			return safefile.Error(err)
		}
	}
	return safefile.Error(out.Close())
}

func copyEntry(z *zip.Writer, f *zip.File, name string, body func() []byte) error {
	if body == nil {
		h := f.FileHeader
		h.Name = name
		r, err := f.OpenRaw()
		if err != nil {
			return err
		}
		w, err := z.CreateRaw(&h)
		if err != nil {
			return err
		}
		_, err = io.Copy(w, r)
		return err
	}
	w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: f.Method, Modified: f.Modified, Comment: f.Comment, ExternalAttrs: f.ExternalAttrs})
	if err != nil {
		return err
	}
	_, err = w.Write(body())
	return err
}

func broken(err error) error {
	return gallra.Errorf(gallra.Unavailable, "zip.broken").Wrap(err)
}

func bomb() error { return gallra.Errorf(gallra.Unsupported, "zip.bomb") }
