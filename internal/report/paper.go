package report

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/config"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/i18n"
	"github.com/gallra/gallra/internal/pdf"
	"github.com/gallra/gallra/internal/retention"
	"github.com/gallra/gallra/internal/store"
)

// Paper is one of the documents that an authority asks for (REQUIREMENTS
// section 6): the same content as a page, on paper, in a spreadsheet and for a
// machine. It holds no personal value of those it is about.
type Paper struct {
	Head    Head
	Content any // what "content" of the JSON is; documents.schema.json describes it

	lay   func(*sheet)                  // for reading
	cells func(say) []map[string]string // for a spreadsheet: a row a map, by column key
	order []string                      // the columns, as message keys
}

// Head is what stands over every paper.
type Head struct {
	Document     string    `json:"document"` // "D8": the row of REQUIREMENTS section 6
	Organisation string    `json:"organisation"`
	Number       string    `json:"organisation_number"` // organisationsnummer; "" when not told
	Date         time.Time `json:"date"`                // when the content was drawn up
	Version      int       `json:"version"`             // counts the times the content has changed
	By           string    `json:"produced_by"`         // account, or "system"
	SHA256       string    `json:"sha256"`              // of the content as compact JSON, the same in every format and language
	Log          Place     `json:"evidence_log"`
}

// Place is where a paper stands in the evidence log.
type Place struct {
	Seq  int64  `json:"seq"`  // the entry that names the content, or that the content ends at
	Size int64  `json:"size"` // of the log, sealed by its checkpoint
	Root string `json:"root"` // root hash at that size, base64
}

// Format is what a paper is written as.
type Format string

// The formats.
const (
	HTML Format = "html"
	PDF  Format = "pdf"
	CSV  Format = "csv"
	JSON Format = "json"
	Zip  Format = "zip" // of packages, which are no documents
)

// Formats returns every format in the order they are offered.
func Formats() []Format { return []Format{HTML, PDF, CSV, JSON} }

// FormatOf returns the format that a file's name asks for.
func FormatOf(file string) (Format, error) {
	f := Format(strings.TrimPrefix(strings.ToLower(filepath.Ext(file)), "."))
	if !slices.Contains(Formats(), f) {
		return "", gallra.Errorf(gallra.Invalid, "report.format", "file", filepath.Base(file))
	}
	return f, nil
}

// MediaType is what a browser is told the format is.
func (f Format) MediaType() string {
	return map[Format]string{HTML: "text/html; charset=utf-8", PDF: "application/pdf", CSV: "text/csv; charset=utf-8", JSON: "application/json", Zip: "application/zip"}[f]
}

// Write writes the paper as f. Only PDF asks printer, and only it is
// pdf.ErrNoBrowser where nothing can print.
func (p Paper) Write(ctx context.Context, w io.Writer, f Format, lang i18n.Lang, printer *pdf.Printer) error {
	switch f {
	case HTML:
		return p.page(w, lang)
	case CSV:
		return p.table(w, lang)
	case JSON:
		return p.data(w)
	case PDF:
		if printer == nil {
			return pdf.ErrNoBrowser
		}
		var b bytes.Buffer
		if err := p.page(&b, lang); err != nil {
			return err
		}
		out, err := printer.Print(ctx, b.Bytes())
		if err != nil {
			return err
		}
		if _, err := w.Write(out); err != nil {
			return fmt.Errorf("report: %s: %w", p.Head.Document, err)
		}
		return nil
	}
	return gallra.Errorf(gallra.Invalid, "report.format", "file", string(f))
}

// FileName is what the paper is called when it is saved.
func (p Paper) FileName(f Format, lang i18n.Lang) string {
	name := i18n.For(lang).T("paper." + p.Head.Document + ".file")
	return name + "-" + p.Head.Date.In(stockholm).Format(time.DateOnly) + "." + string(f)
}

// Body writes the paper without the frame of a page, for a page that has a look
// of its own.
func (p Paper) Body(w io.Writer, lang i18n.Lang) error { return p.execute(w, "paper-body", lang) }

func (p Paper) page(w io.Writer, lang i18n.Lang) error { return p.execute(w, "paper.html", lang) }

func (p Paper) execute(w io.Writer, name string, lang i18n.Lang) error {
	s := &sheet{say: say{i18n.For(lang)}}
	p.lay(s)
	s.head(p.Head)
	if err := templates.ExecuteTemplate(w, name, paperPage{Say: s.say, Lang: lang, Head: p.Head, Title: s.T("paper." + p.Head.Document + ".title"), Parts: s.parts}); err != nil {
		return fmt.Errorf("report: %s: %w", p.Head.Document, err)
	}
	return nil
}

// data writes head and content. The content stands as it was hashed: compacting
// it gives the bytes that sha256 is of.
func (p Paper) data(w io.Writer) error {
	content, _, err := sum(p.Content)
	if err != nil {
		return err
	}
	out, err := json.MarshalIndent(struct {
		Head
		Content json.RawMessage `json:"content"`
	}{p.Head, content}, "", "  ")
	if err == nil {
		_, err = w.Write(append(out, '\n'))
	}
	if err != nil {
		return fmt.Errorf("report: %s: %w", p.Head.Document, err)
	}
	return nil
}

// table writes one line a row, the head repeated at its end, so that a sheet
// that is sorted or cut keeps saying where it comes from.
func (p Paper) table(w io.Writer, lang i18n.Lang) error {
	s := say{i18n.For(lang)}
	rows := [][]string{{}}
	for _, k := range p.order {
		rows[0] = append(rows[0], s.T(k))
	}
	tail := []string{p.Head.Organisation, p.Head.Number, s.When(p.Head.Date), strconv.Itoa(p.Head.Version), p.Head.By, p.Head.SHA256, strconv.FormatInt(p.Head.Log.Seq, 10), p.Head.Log.Root}
	for _, k := range headKeys {
		rows[0] = append(rows[0], s.T(k))
	}
	for _, r := range p.cells(s) {
		var row []string
		for _, k := range p.order {
			row = append(row, guard(r[k]))
		}
		for _, t := range tail {
			row = append(row, guard(t))
		}
		rows = append(rows, row)
	}
	if _, err := io.WriteString(w, "\ufeff"); err != nil {
		return fmt.Errorf("report: %s: %w", p.Head.Document, err)
	}
	c := csv.NewWriter(w)
	c.UseCRLF = true
	if err := c.WriteAll(rows); err != nil {
		return fmt.Errorf("report: %s: %w", p.Head.Document, err)
	}
	return nil
}

// headKeys are the columns of a paper's head.
var headKeys = []string{"paper.head.organisation", "paper.head.number", "paper.head.date", "paper.head.version", "paper.head.by", "paper.head.sha256", "paper.head.seq", "paper.head.root"}

// sum returns content as compact JSON and its digest.
func sum(content any) (json.RawMessage, string, error) {
	b, err := json.Marshal(content)
	if err != nil {
		return nil, "", fmt.Errorf("report: content: %w", err)
	}
	d := sha256.Sum256(b)
	return b, hex.EncodeToString(d[:]), nil
}

// sheet is a paper being laid out in one language.
type sheet struct {
	say
	parts []part
}

// part is one section of a paper: what it is called, running text, facts and a
// table, each when it has them.
type part struct {
	Title string
	Text  []string
	Facts []fact
	Table *grid
	Sign  bool // a line to sign on
}

// fact is a name and what is known under it.
type fact struct {
	Label  string
	Values []string
	Code   bool // a digest or an id
}

// grid is a table with heads.
type grid struct {
	Columns []column
	Rows    [][]string
}

type column struct {
	Label string
	Num   bool
}

func (s *sheet) part(title string, text ...string) *part {
	s.parts = append(s.parts, part{Title: title, Text: text})
	return &s.parts[len(s.parts)-1]
}

// fact adds what is known under a key; a dash when nothing is, so that a field
// that is asked for is never left out.
func (s *sheet) fact(key string, values ...string) *fact {
	p := &s.parts[len(s.parts)-1]
	values = slices.DeleteFunc(values, func(v string) bool { return v == "" })
	if len(values) == 0 {
		values = []string{s.T("paper.none")}
	}
	p.Facts = append(p.Facts, fact{Label: s.T(key), Values: values})
	return &p.Facts[len(p.Facts)-1]
}

func (s *sheet) code(key, value string) { s.fact(key, value).Code = true }

// head adds what stands over every paper, last on the page: the reader wants
// the content first.
func (s *sheet) head(h Head) {
	s.part(s.T("paper.head"), s.T("paper.head.how"))
	s.fact("paper.head.organisation", h.Organisation)
	s.fact("paper.head.number", h.Number)
	s.fact("paper.head.date", s.When(h.Date))
	s.fact("paper.head.version", strconv.Itoa(h.Version))
	s.fact("paper.head.by", h.By)
	s.code("paper.head.sha256", h.SHA256)
	s.fact("paper.head.seq", s.T("paper.head.place", "seq", h.Log.Seq, "size", h.Log.Size))
	s.code("paper.head.root", h.Log.Root)
}

type paperPage struct {
	Say   say
	Lang  i18n.Lang
	Head  Head
	Title string
	Parts []part
}

// Label is the head of a row's nth cell, for a narrow screen.
func (g grid) Label(n int) string { return g.Columns[n].Label }

// Num reports whether the nth column is of numbers.
func (g grid) Num(n int) bool { return g.Columns[n].Num }

// Press draws papers up from what the product knows.
type Press struct {
	DB        *store.DB
	Log       *evidence.Log
	Retention *retention.Engine
	Config    *config.Config // gallra.yaml as it is now
	Actor     string         // who asks for the paper
}

// issue puts a version of a paper in the evidence log when its content is not
// the one that stands there already, and returns its head. subject names the
// paper: "D3", or the document and what it is about.
func (p Press) issue(ctx context.Context, document, subject string, content any) (Head, error) {
	_, digest, err := sum(content)
	if err != nil {
		return Head{}, err
	}
	h := p.headOf(document, digest)
	earlier, err := p.Log.Entries(ctx, subject)
	if err != nil {
		return Head{}, err
	}
	last := evidence.Entry{}
	for _, e := range earlier {
		if e.Action == actionIssue {
			h.Version++
			last = e
		}
	}
	if last.Digest == digest {
		h.Date, h.By, h.Log.Seq = last.At, last.Actor, last.Seq
		checkpoint, err := p.Log.Checkpoint(ctx)
		if err != nil {
			return Head{}, err
		}
		return h, h.seal(checkpoint)
	}
	h.Version++
	err = p.DB.Tx(ctx, func(tx *sql.Tx) (err error) {
		if h.Log.Seq, err = p.Log.Append(ctx, tx, evidence.Entry{Actor: p.Actor, Action: actionIssue, Subject: subject, Digest: digest}); err != nil {
			return err
		}
		checkpoint, err := evidence.CheckpointTx(ctx, tx)
		if err != nil {
			return err
		}
		return h.seal(checkpoint)
	})
	return h, err
}

// actionIssue is the entry of a new version of a paper.
const actionIssue = "document.issue"

func (p Press) headOf(document, digest string) Head {
	o := p.Config.Organisation
	return Head{Document: document, Organisation: o.Name, Number: o.Number, Date: p.DB.Now().UTC(), By: p.Actor, SHA256: digest}
}

func (h *Head) seal(checkpoint string) error {
	root, err := evidence.RootOf(checkpoint)
	h.Log.Size, h.Log.Root = root.Size, root.Hash
	return err
}

// title is what people call a system.
func (p Press) title(id gallra.SystemID) string {
	if s, ok := p.Config.System(id); ok && s.Title != "" {
		return s.Title
	}
	return string(id)
}
