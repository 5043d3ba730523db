// Package table connects to files of rows: the customer lists, ticket exports
// and survey answers that lie in folders long after they were needed
// (REQUIREMENTS H-14). A row is a record and its columns are its fields; what a
// column holds is told by its name or by the options of the address.
//
// A file of lines is read as a stream and rewritten whole, one batch in one pass.
// What is not changed keeps its bytes: quoting, byte order mark, line ends, a
// character set that is not UTF-8, and lines that could not be understood. A
// workbook is taken apart in memory and only the cells concerned are written.
package table

import (
	"context"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/safefile"
)

// TypeRow is the one record type.
const TypeRow = "row"

func init() {
	for _, f := range []struct {
		name, title string
		make        func(connector.Config) (format, error)
		more        []connector.Option
	}{
		{"csv", "CSV file", newCSV, []connector.Option{
			{Name: "delimiter", Help: "option.table.delimiter"},
			{Name: "encoding", Help: "option.table.encoding"},
			{Name: "header", Help: "option.table.header"},
		}},
		{"jsonl", "JSON lines file", func(connector.Config) (format, error) { return jsonLines{}, nil }, nil},
		{"xlsx", "Excel workbook", newWorkbook, []connector.Option{
			{Name: "header", Help: "option.table.sheet_header"},
		}},
	} {
		connector.Register(connector.Info{
			Name: f.name, Schemes: []string{f.name}, Title: f.title, Channel: connector.ChannelOther,
			Can:   []connector.Capability{connector.CanFind, connector.CanErase, connector.CanEdit, connector.CanLeftovers, connector.CanVerify, connector.CanBatch},
			Finds: gallra.IdentifierKinds(),
			Options: append([]connector.Option{
				{Name: "id", Help: "option.table.id"},
				{Name: "email", Help: "option.table.email"},
				{Name: "name", Help: "option.table.name"},
				{Name: "phone", Help: "option.table.phone"},
				{Name: "created", Help: "option.table.created"},
				{Name: "updated", Help: "option.table.updated"},
				{Name: "contact", Help: "option.table.contact"},
				{Name: "closed", Help: "option.table.closed"},
				{Name: "keep", Help: "option.table.keep"},
				{Name: "timezone", Help: "option.table.timezone"},
			}, f.more...),
			Open: func(_ context.Context, c connector.Config) (connector.Source, error) {
				syntax, err := f.make(c)
				if err != nil {
					return nil, err
				}
				return open(c, syntax)
			},
		})
	}
}

// format is a way of writing rows in a file.
type format interface {
	store
	// header reads what stands before the first row: the names of the columns,
	// and how many bytes it takes. nil names: they come from the rows.
	header(f io.ReaderAt) (format, []string, int64, error)
	// open reports whether a line that ends here needs the next one too.
	open(state *int, line []byte) bool
	// parse takes a row apart. The values point into their place in raw.
	parse(raw []byte) ([]cell, error)
	// replace writes value into the place of a cell.
	encode(c cell, raw []byte, value string, latin bool) ([]byte, error)
}

// cell is one value of a row and where its bytes stand.
type cell struct {
	name       string // "" when the column is known by its place
	value      string
	start, end int
	json       bool // a nested value
}

// Source is one file.
type Source struct {
	config connector.Config
	path   string
	syntax format
	zone   *time.Location

	mu    sync.Mutex
	known *shape // of the file as it was when last looked at
}

var (
	_ connector.Finder   = (*Source)(nil)
	_ connector.Eraser   = (*Source)(nil)
	_ connector.Editor   = (*Source)(nil)
	_ connector.Searcher = (*Source)(nil)
	_ connector.Verifier = (*Source)(nil)
	_ connector.Batcher  = (*Source)(nil)
	_ connector.Profiled = (*Source)(nil)
)

func open(c connector.Config, syntax format) (*Source, error) {
	s := &Source{config: c, path: c.Path(), syntax: syntax}
	if s.path == "" {
		return nil, gallra.Errorf(gallra.Invalid, "table.no_path")
	}
	zone := c.Option("timezone")
	if zone == "" {
		zone = "Europe/Stockholm"
	}
	var err error
	if s.zone, err = time.LoadLocation(zone); err != nil {
		return nil, gallra.Errorf(gallra.Invalid, "table.timezone")
	}
	return s, nil
}

// Close has nothing to close: the file is open during a call only.
func (s *Source) Close() error { return nil }

// Check proves that the file can be read to its end and replaced.
func (s *Source) Check(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f, _, err := s.read(ctx)
	if err != nil {
		return err
	}
	_ = f.Close()
	return safefile.Writable(s.path)
}

// Profile says what stays after an erasure.
func (s *Source) Profile() connector.Profile {
	return s.config.Known(connector.Profile{Product: s.config.URL[:strings.IndexByte(s.config.URL, ':')], Channel: connector.ChannelOther, Remains: []connector.Remain{
		{Where: "disk", Kind: connector.RemainBackup, SV: "Filen skrivs om. Diskens gamla block och filens äldre versioner i säkerhetskopior finns kvar tills de skrivs över.", EN: "The file is written anew. Old blocks of the disk and older versions of the file in backups stay until they are overwritten."},
	}})
}

// read opens the file and tells its shape, looking through it again only when
// it has changed.
func (s *Source) read(ctx context.Context) (*rows, *shape, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	f, err := os.Open(s.path)
	if err != nil {
		return nil, nil, safefile.Error(err)
	}
	if i, err := f.Stat(); err == nil && i.IsDir() {
		_ = f.Close()
		return nil, nil, gallra.Errorf(gallra.Invalid, "table.not_a_file")
	}
	r, err := s.syntax.rows(ctx, f)
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	sh, err := s.shapeOf(ctx, f, r)
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	r.Closer = f
	return r, sh, nil
}

// shapeOf returns the shape of an open file.
func (s *Source) shapeOf(ctx context.Context, f *os.File, r *rows) (*shape, error) {
	i, err := f.Stat()
	if err != nil {
		return nil, safefile.Error(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.known; k != nil && os.SameFile(k.info, i) && k.info.Size() == i.Size() && k.info.ModTime().Equal(i.ModTime()) {
		return k, nil
	}
	sh, err := s.survey(ctx, r, i)
	if err != nil {
		return nil, err
	}
	s.known = sh
	return sh, nil
}

// Types returns the one type with the file's columns.
func (s *Source) Types(ctx context.Context) ([]connector.Type, error) {
	f, sh, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	_ = f.Close()
	return []connector.Type{sh.typ}, nil
}
