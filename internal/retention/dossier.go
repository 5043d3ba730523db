package retention

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/archive"
)

// What an archive gets of one conversation: its records as JSON, its mails and files
// as files, and the digest by which it is known again when the receipt has come.

// dossier is one conversation with all that belongs to it, as an archive gets it.
type dossier struct {
	record gallra.Record
	person *gallra.Record
	parts  []gallra.Record
	types  map[string]connector.Type
	moved  bool // it changed while it was read
}

func typesOf(ctx context.Context, src connector.Source, system gallra.SystemID) (map[string]connector.Type, error) {
	list, err := src.Types(ctx)
	if err != nil {
		return nil, fmt.Errorf("retention: types of %s: %w", system, err)
	}
	out := map[string]connector.Type{}
	for _, t := range list {
		out[t.Name] = t
	}
	return out, nil
}

// dossiers reads conversations whole, by id; those that are gone are missing.
func (r *running) dossiers(ctx context.Context, src connector.Source, u unit, types map[string]connector.Type, items []item) (map[string]*dossier, error) {
	refs := make([]gallra.Ref, len(items))
	for n, i := range items {
		refs[n] = gallra.Ref{System: u.System, Type: u.Type, ID: i.id}
	}
	records, err := getMany(ctx, src, refs, true, nil)
	if err != nil {
		return nil, err
	}
	var threads []*thread
	for _, i := range items {
		if rec, ok := records[i.id]; ok {
			threads = append(threads, &thread{item: i, record: rec})
		}
	}
	parts, err := descendants(ctx, src, u, types, gallra.FilesKeep, threads, false, nil)
	if err != nil {
		return nil, err
	}
	again, err := getMany(ctx, src, refs, true, nil)
	if err != nil {
		return nil, err
	}
	out := map[string]*dossier{}
	for id, rec := range records {
		t := &dossier{record: rec, parts: parts[id], types: types}
		now, there := again[id]
		t.moved = there && now.Version != rec.Version
		if !there {
			continue
		}
		if !rec.Person.IsZero() {
			p, err := src.Get(ctx, rec.Person)
			switch {
			case err == nil:
				t.person = &p
			case !errors.Is(err, gallra.ErrNotFound):
				return nil, fmt.Errorf("retention: get %s: %w", rec.Person, err)
			}
		}
		slices.SortStableFunc(t.parts, func(a, b gallra.Record) int {
			return strings.Compare(a.Ref.Type+"\x00"+a.Ref.ID, b.Ref.Type+"\x00"+b.Ref.ID)
		})
		out[id] = t
	}
	return out, nil
}

// The form of a record in a package: internal/archive/record.schema.json.
type (
	archived struct {
		Schema string           `json:"schema"`
		System gallra.SystemID  `json:"system"`
		Record archivedRecord   `json:"record"`
		Person *archivedRecord  `json:"person,omitempty"`
		Parts  []archivedRecord `json:"parts,omitempty"`
	}
	archivedRecord struct {
		Type    string                          `json:"type"`
		ID      string                          `json:"id"`
		Kind    connector.Kind                  `json:"kind"`
		Created time.Time                       `json:"created,omitzero"`
		Updated time.Time                       `json:"updated,omitzero"`
		Contact time.Time                       `json:"contact,omitzero"`
		Closed  time.Time                       `json:"closed,omitzero"`
		Events  map[gallra.StartEvent]time.Time `json:"events,omitempty"`
		Fields  []archivedField                 `json:"fields,omitempty"`
	}
	archivedField struct {
		Name     string           `json:"name"`
		Value    string           `json:"value,omitempty"`
		File     string           `json:"file,omitempty"`
		SHA256   string           `json:"sha256,omitempty"`
		Bytes    int64            `json:"bytes,omitempty"`
		Category gallra.Category  `json:"category,omitempty"`
		Format   connector.Format `json:"format,omitempty"`
	}
)

// errNoFile says that an attachment's bytes cannot be had through the connector. A
// conversation that has one is not handed over, and so never erased by this road:
// the archive would get less than what goes.
var errNoFile = errors.New("retention: the content of an attachment cannot be read")

// apart reports whether rec is an attachment whose bytes stand in none of its fields.
func (t *dossier) apart(rec gallra.Record) bool {
	typ := t.types[rec.Ref.Type]
	return typ.Kind == connector.KindAttachment && !slices.ContainsFunc(rec.Fields, func(f gallra.Field) bool {
		info, _ := typ.Field(f.Name)
		return info.Format == connector.FormatFile && f.Value != ""
	})
}

// contentOf opens an attachment whose bytes stand in no field; errNoFile. One
// without a byte counts as one that cannot be read: a column is empty too where the
// product keeps its files on a disk.
func contentOf(ctx context.Context, src connector.Source, ref gallra.Ref) (io.Reader, io.Closer, error) {
	opener, can := src.(connector.Attachments)
	if !can {
		return nil, nil, fmt.Errorf("%s: %w", ref, errNoFile)
	}
	body, err := opener.Open(ctx, ref)
	switch {
	case errors.Is(err, gallra.ErrNotFound), errors.Is(err, gallra.ErrUnsupported):
		return nil, nil, fmt.Errorf("%s: %w", ref, errNoFile)
	case err != nil:
		return nil, nil, fmt.Errorf("retention: open %s: %w", ref, err)
	}
	r := bufio.NewReader(body)
	if _, err := r.Peek(1); err != nil {
		_ = body.Close() // it was only read
		if errors.Is(err, io.EOF) {
			return nil, nil, fmt.Errorf("%s: %w", ref, errNoFile)
		}
		return nil, nil, fmt.Errorf("retention: read %s: %w", ref, err)
	}
	return r, body, nil
}

// whole reports whether every attachment of the conversation can be read; errNoFile.
func (t *dossier) whole(ctx context.Context, src connector.Source) error {
	for _, p := range append([]gallra.Record{t.record}, t.parts...) {
		if !t.apart(p) {
			continue
		}
		_, body, err := contentOf(ctx, src, p.Ref)
		if err != nil {
			return err
		}
		if err := body.Close(); err != nil {
			return fmt.Errorf("retention: read %s: %w", p.Ref, err)
		}
	}
	return nil
}

// adding writes one file of a conversation.
type adding func(name string, body func(io.Writer) error) (archive.File, error)

// write gives the conversation to add, file by file and record.json last, and
// returns the digest of all that goes when it is erased: the person's record stays
// in its system and is left out of the digest.
func (t *dossier) write(ctx context.Context, src connector.Source, system gallra.SystemID, add adding) (string, error) {
	files := 0
	out := archived{Schema: "gallra-record-1", System: system}
	var err error
	if out.Record, err = t.form(ctx, src, t.record, &files, add); err != nil {
		return "", err
	}
	for _, p := range t.parts {
		f, err := t.form(ctx, src, p, &files, add)
		if err != nil {
			return "", err
		}
		out.Parts = append(out.Parts, f)
	}
	text, err := json.Marshal(out)
	if err != nil {
		return "", fmt.Errorf("retention: archive %s: %w", t.record.Ref, err)
	}
	digest := digestOf(text)
	if t.person != nil {
		p, err := t.form(ctx, src, *t.person, &files, add)
		if err != nil {
			return "", err
		}
		out.Person = &p
	}
	if text, err = json.MarshalIndent(out, "", "  "); err != nil {
		return "", fmt.Errorf("retention: archive %s: %w", t.record.Ref, err)
	}
	_, err = add("record.json", func(w io.Writer) error { _, err := w.Write(append(text, '\n')); return err })
	return digest, err
}

// form is a record as it stands in record.json; mails and files become files.
func (t *dossier) form(ctx context.Context, src connector.Source, rec gallra.Record, files *int, add adding) (archivedRecord, error) {
	typ := t.types[rec.Ref.Type]
	out := archivedRecord{Type: rec.Ref.Type, ID: rec.Ref.ID, Kind: typ.Kind, Created: rec.Created, Updated: rec.Updated, Contact: rec.Contact, Closed: rec.Closed, Events: rec.Events}
	name := ""
	for _, f := range rec.Fields {
		if f.Name == "filename" || f.Name == "name" {
			name = f.Value
		}
	}
	file := func(f archivedField, ending string, body func(io.Writer) error) error {
		*files++
		a, err := add(fmt.Sprintf("%04d%s", *files, ending), body)
		if err != nil {
			return err
		}
		f.File, f.SHA256, f.Bytes = a.Name[strings.LastIndexByte(a.Name, '/')+1:], a.SHA256, a.Bytes
		out.Fields = append(out.Fields, f)
		return nil
	}
	for _, f := range rec.Fields {
		info, _ := typ.Field(f.Name)
		x := archivedField{Name: f.Name, Category: info.Category, Format: info.Format}
		if f.Value == "" {
			out.Fields = append(out.Fields, x)
			continue
		}
		ending := ""
		switch {
		case info.Format == connector.FormatMail:
			ending = ".eml"
		case info.Format == connector.FormatFile:
			ending = archive.Extension(name)
		case strings.ToValidUTF8(f.Value, "") != f.Value:
			ending = ".bin"
		}
		if ending == "" {
			x.Value = f.Value
			out.Fields = append(out.Fields, x)
			continue
		}
		if err := file(x, ending, func(w io.Writer) error { _, err := io.WriteString(w, f.Value); return err }); err != nil {
			return out, err
		}
	}
	if !t.apart(rec) {
		return out, nil
	}
	body, closer, err := contentOf(ctx, src, rec.Ref)
	if err != nil {
		return out, err
	}
	defer closer.Close()
	return out, file(archivedField{Name: "content", Format: connector.FormatFile}, archive.Extension(name), func(w io.Writer) error { _, err := io.Copy(w, body); return err })
}

// digest reads a conversation's digest without keeping anything of it.
func (t *dossier) digest(ctx context.Context, src connector.Source, system gallra.SystemID) (string, error) {
	return t.write(ctx, src, system, func(name string, body func(io.Writer) error) (archive.File, error) {
		h := sha256.New()
		n := written(0)
		err := body(io.MultiWriter(h, &n))
		return archive.File{Name: name, SHA256: hex.EncodeToString(h.Sum(nil)), Bytes: int64(n)}, err
	})
}

type written int64

func (n *written) Write(b []byte) (int, error) { *n += written(len(b)); return len(b), nil }
