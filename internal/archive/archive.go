// Package archive writes what is handed over to an e-archive, and reads the
// archive's receipts.
//
// A package is one ZIP file with one folder in it, laid out as E-ARK CSIP 2.1.0
// and E-ARK SIP 2.1.0 ask (METS, PREMIS, Dublin Core; a SHA-256 of every file),
// which together are the Swedish FGS Paketstruktur 2.0. The content itself is
// Gallra's own open form, described in the package (JSON, mail and files as they
// were); it is no FGS Ärendehantering (CITS ERMS), and the XML schemas of METS
// and PREMIS are named and not enclosed. See docs/archive.md.
package archive

import (
	"archive/zip"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"io"
	"path"
	"strings"
	"time"
)

// The parts of a package that are the same in all.
var (
	//go:embed record.schema.json
	schema []byte
	//go:embed LASMIG.txt
	readMe []byte
)

// About says what a package is and who hands it over. Nothing in it is personal.
type About struct {
	ID           string // name of the package and of its folder
	Title        string
	Description  string
	Organisation string // who hands it over
	Number       string // its organisationsnummer
	Creator      string // arkivbildare; "" is the organisation
	Preserver    string // the archive that receives it; "" is not said
	Agreement    string // submission agreement; "" is not said
	Reference    string // place in the archive's order; "" is not said
	System       string // where the records were
	Version      string // of this program
	Made         time.Time
	From, To     time.Time // what the records' periods were counted from; zero: unknown
}

// File is one file of a package.
type File struct {
	Name   string // within the package's folder
	SHA256 string
	Bytes  int64

	mime string
	made time.Time
}

// Writer writes one package. It is not safe for concurrent use.
type Writer struct {
	about About
	zip   *zip.Writer
	data  []File
	bytes int64
}

// New begins a package on w.
func New(w io.Writer, a About) *Writer {
	if a.Creator == "" {
		a.Creator = a.Organisation
	}
	a.Made = a.Made.UTC().Truncate(time.Second)
	return &Writer{about: a, zip: zip.NewWriter(w)}
}

// Data is where the content of a package lies.
const Data = "representations/rep1/data/"

// Add writes one file of the content; name is below Data.
func (w *Writer) Add(name string, write func(io.Writer) error) (File, error) {
	f, err := w.create(Data+name, write)
	if err != nil {
		return File{}, err
	}
	w.data = append(w.data, f)
	w.bytes += f.Bytes
	return f, nil
}

// Files returns how many files of content there are and how many bytes.
func (w *Writer) Files() (files, bytes int64) { return int64(len(w.data)), w.bytes }

func (w *Writer) create(name string, write func(io.Writer) error) (File, error) {
	to, err := w.zip.CreateHeader(&zip.FileHeader{Name: w.about.ID + "/" + name, Method: zip.Deflate, Modified: w.about.Made})
	if err != nil {
		return File{}, fmt.Errorf("archive: package %s: %w", w.about.ID, err)
	}
	h, n := sha256.New(), counter(0)
	if err := write(io.MultiWriter(to, h, &n)); err != nil {
		return File{}, fmt.Errorf("archive: package %s: %w", w.about.ID, err)
	}
	return File{Name: name, SHA256: hex.EncodeToString(h.Sum(nil)), Bytes: int64(n), mime: mimeOf(name), made: w.about.Made}, nil
}

type counter int64

func (c *counter) Write(b []byte) (int, error) { *c += counter(len(b)); return len(b), nil }

func bytesOf(b []byte) func(io.Writer) error {
	return func(w io.Writer) error { _, err := w.Write(b); return err }
}

// Close writes what describes the content and ends the package. Whoever gave the
// writer closes it.
func (w *Writer) Close() error {
	var parts struct{ schema, doc, dc, premis File }
	for _, p := range []struct {
		into *File
		name string
		body []byte
	}{
		{&parts.schema, "schemas/record.schema.json", schema},
		{&parts.doc, "documentation/LASMIG.txt", readMe},
		{&parts.dc, "metadata/descriptive/dc.xml", w.dublinCore()},
		{&parts.premis, "metadata/preservation/premis.xml", w.premis()},
	} {
		f, err := w.create(p.name, bytesOf(p.body))
		if err != nil {
			return err
		}
		*p.into = f
	}
	if _, err := w.create("METS.xml", bytesOf(w.mets(parts.schema, parts.doc, parts.dc, parts.premis))); err != nil {
		return err
	}
	if err := w.zip.Close(); err != nil {
		return fmt.Errorf("archive: package %s: %w", w.about.ID, err)
	}
	return nil
}

// mimes are the media types of what packages usually hold; anything else is
// bytes, and the archive's own tools say what they are.
var mimes = map[string]string{".json": "application/json", ".xml": "text/xml", ".txt": "text/plain", ".html": "text/html", ".htm": "text/html", ".csv": "text/csv", ".eml": "message/rfc822",
	".pdf": "application/pdf", ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".tif": "image/tiff", ".tiff": "image/tiff", ".zip": "application/zip",
	".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document", ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}

func mimeOf(name string) string {
	if m, ok := mimes[strings.ToLower(path.Ext(name))]; ok {
		return m
	}
	return "application/octet-stream"
}

// Extension returns the ending of a file's name that may stand in a package: the
// name itself may be personal, ".pdf" is not. ".bin" when there is none.
func Extension(name string) string {
	e := strings.ToLower(path.Ext(name))
	if len(e) < 2 || len(e) > 6 || strings.Trim(e[1:], "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		return ".bin"
	}
	return e
}
