package retention

import (
	"bufio"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/archive"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/store"
)

// Handing over to an archive before anything is erased (REQUIREMENTS SE-11). A
// chunk of a batch becomes a package in the folder that its rule names: written
// under a name of its own, its checksum noted, then given its name in one step. Its
// records stay where they are, and the run waits for each of them. When the
// archive says that it has a file with that checksum, each record is read once
// more, must be what was handed over, and is then erased as after a quarantine.
// Without a receipt nothing is ever erased.

const (
	reasonArchive = "retention.reason.archive"         // handed over, no receipt yet
	reasonSent    = "retention.reason.archive_refused" // the archive sent the package back
	reasonNoFile  = "retention.reason.archive_no_file" // an attachment's content cannot be read here
)

// packageSize is how many conversations a package holds at most, readTogether how
// many of them are in memory at a time.
const (
	packageSize  = 1000
	readTogether = 20
)

// lookForReceipts is how often the folder of receipts is looked into.
const lookForReceipts = 10 * time.Minute

// receiptWithin is until when a receipt is expected, if the rule does not say.
var receiptWithin = gallra.Period{Days: 30}

// Delivery is one package that was handed over to an archive.
type Delivery struct {
	ID        string          `json:"id"` // the package's name
	Run       string          `json:"run"`
	System    gallra.SystemID `json:"system"`
	Type      string          `json:"type"`
	Rule      string          `json:"rule"`
	Body      string          `json:"body,omitempty"` // the archive
	State     DeliveryState   `json:"state"`
	File      string          `json:"file"`   // its name in the folder
	SHA256    string          `json:"sha256"` // of the file
	Bytes     int64           `json:"bytes"`
	Records   int64           `json:"records"`
	Files     int64           `json:"files"`
	Made      time.Time       `json:"made"`
	Delivered time.Time       `json:"delivered,omitzero"`
	Due       time.Time       `json:"due,omitzero"` // when a receipt is expected
	Received  time.Time       `json:"received,omitzero"`
	Actor     string          `json:"actor,omitempty"`     // who registered the receipt
	Reference string          `json:"reference,omitempty"` // the archive's own number
	Note      string          `json:"note,omitempty"`
	Problem   string          `json:"problem,omitempty"` // why the last receipt was not believed: a message key

	unit     int
	batch    int64
	position int64
	covered  int64
	target   string
	part     string
	content  string
}

// DeliveryState is how far a package has come.
type DeliveryState string

// The states.
const (
	DeliveryWritten  DeliveryState = "written"   // and not known to stand in its folder yet
	DeliveryOut      DeliveryState = "delivered" // waits for a receipt
	DeliveryReceived DeliveryState = "received"
	DeliveryRefused  DeliveryState = "refused" // sent back by the archive: nothing of it is erased
)

// Overdue reports whether the archive should have answered by now.
func (d Delivery) Overdue(now time.Time) bool { return d.State == DeliveryOut && now.After(d.Due) }

// packed is what a package decides about its items.
type packedItems struct {
	Items []packedItem `json:"items"`
	Left  []packedItem `json:"left,omitempty"`
}

type packedItem struct {
	ID      string `json:"id"`
	Version string `json:"version,omitempty"`
	Digest  string `json:"digest,omitempty"`
	Reason  string `json:"reason,omitempty"`
	Detail  string `json:"detail,omitempty"`
}

// receiptFile is who registered what a file said.
const receiptFile = "receipt file"

// folder returns a rule's folder as this process reaches it. gallra.ErrUnavailable
// when it is not there.
func (e *Engine) folder(path string) (string, error) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(e.Dir, path)
	}
	if st, err := os.Stat(path); err != nil || !st.IsDir() {
		return "", gallra.Errorf(gallra.Unavailable, "retention.archive_folder", "folder", filepath.Base(path))
	}
	return path, nil
}

// targets refuses a plan whose packages would have nowhere to go.
func (e *Engine) targets(rule gallra.Rule) error {
	for _, f := range []string{rule.Archive.To, rule.Archive.Receipts} {
		if f == "" {
			continue
		}
		if _, err := e.folder(f); err != nil {
			return gallra.Errorf(gallra.Invalid, "retention.archive_folder_rule", "rule", rule.ID, "folder", f)
		}
	}
	return nil
}

// deliver hands a chunk of batch b over. It touches nothing in the system.
func (r *running) deliver(b batch) doing {
	return func(ctx context.Context, u unit, rule gallra.Rule, items []item, _ bool) (result, error) {
		id := fmt.Sprintf("%s-%d-%d", r.run.ID, b.n, b.position)
		dir, err := r.folder(rule.Archive.To)
		if err != nil {
			return result{}, err
		}
		list, err := r.deliveries(ctx, r.DB, "", id)
		if err != nil {
			return result{}, err
		}
		var d Delivery
		if len(list) > 0 {
			d = list[0] // an earlier attempt had come so far
		} else if d, err = r.pack(ctx, id, dir, b, u, rule, items); err != nil {
			return result{}, err
		}
		if d.Records > 0 {
			if err := publish(dir, d); err != nil {
				return result{}, err
			}
		}
		return r.handed(d, rule)
	}
}

// handed says what has become of the items that a package decides about.
func (r *running) handed(d Delivery, rule gallra.Rule) (result, error) {
	x := result{covered: d.covered}
	var c packedItems
	if err := json.Unmarshal([]byte(d.content), &c); err != nil {
		return x, fmt.Errorf("retention: delivery %s: %w", d.ID, err)
	}
	for _, l := range c.Left {
		x.except(item{id: l.ID}, gallra.OutcomeKept, l.Reason, l.Detail)
	}
	if len(c.Items) == 0 {
		return x, nil
	}
	x.delivered = d.ID
	until := r.receiptDue(rule)
	for _, i := range c.Items {
		x.except(item{id: i.ID}, gallra.OutcomeKept, reasonArchive, d.ID)
		x.waits = append(x.waits, wait{id: i.ID, kind: waitArchive, version: i.Version, pack: d.ID, digest: i.Digest, until: until})
	}
	return x, nil
}

// receiptDue returns the first instant after the day on which a receipt for what
// is handed over today is expected.
func (r *running) receiptDue(rule gallra.Rule) time.Time {
	within := rule.Archive.Within
	if within.IsZero() {
		within = receiptWithin
	}
	return within.After(r.DB.Now().In(r.Loc)).AddDate(0, 0, 1).UTC()
}

// pack writes a package under a name of its own and notes its checksum. Nothing
// of it can be seen in the folder by the archive yet.
func (r *running) pack(ctx context.Context, id, dir string, b batch, u unit, rule gallra.Rule, items []item) (Delivery, error) {
	d := Delivery{ID: id, Run: r.run.ID, File: id + ".zip", part: fmt.Sprintf(".%s.%s.part", id, r.self()), unit: b.unit, batch: b.n, position: b.position, covered: int64(len(items)),
		target: rule.Archive.To, Made: r.DB.Now().UTC(), State: DeliveryWritten}
	f, err := os.OpenFile(filepath.Join(dir, d.part), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return d, unwritten(id, err)
	}
	done := false
	defer func() {
		if !done {
			_ = f.Close() // what failed is returned already
			_ = os.Remove(f.Name())
		}
	}()
	h := sha256.New()
	var c packedItems
	if c, err = r.fill(ctx, io.MultiWriter(f, h), &d, u, rule, items); err != nil {
		return d, err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return d, unwritten(id, err)
	}
	st, err := os.Stat(f.Name())
	if err != nil {
		return d, unwritten(id, err)
	}
	d.SHA256, d.Bytes = hex.EncodeToString(h.Sum(nil)), st.Size()
	text, err := json.Marshal(c)
	if err != nil {
		return d, fmt.Errorf("retention: delivery %s: %w", id, err)
	}
	d.content = string(text)
	if d.Records == 0 {
		return d, nil // nothing to hand over: the file goes, and what was left out is noted with the chunk
	}
	res, err := r.DB.ExecContext(ctx, `INSERT INTO run_delivery (id, run, unit, batch, position, covered, target, part, state, sha256, bytes, records, files, content, made)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'written', $9, $10, $11, $12, $13, $14) ON CONFLICT (id) DO NOTHING`,
		d.ID, d.Run, d.unit, d.batch, d.position, d.covered, d.target, d.part, d.SHA256, d.Bytes, d.Records, d.Files, d.content, store.Micros(d.Made))
	if err != nil {
		return d, fmt.Errorf("retention: delivery %s: %w", id, err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return d, errOvertaken
	}
	done = true
	return d, nil
}

func unwritten(id string, err error) error {
	return gallra.Errorf(gallra.Unavailable, "retention.archive_write", "package", id).Wrap(err)
}

// self names this worker in the name of a file.
func (e *Engine) self() string {
	h := sha256.Sum256([]byte(e.name() + time.Now().Format(time.RFC3339Nano)))
	return hex.EncodeToString(h[:6])
}

// sweep removes what attempts that died have left in the folders of a run whose
// batches are over: nobody writes there any more.
func (r *running) sweep(ctx context.Context) error {
	known, err := r.deliveries(ctx, r.DB, string(DeliveryWritten))
	if err != nil {
		return err
	}
	for _, rule := range r.plan.Rules {
		if rule.Action != gallra.ActionArchive {
			continue
		}
		dir, err := r.folder(rule.Archive.To)
		if err != nil {
			continue // away: nothing there can be seen to now
		}
		list, err := filepath.Glob(filepath.Join(dir, "."+r.run.ID+"-*.part"))
		if err != nil {
			return fmt.Errorf("retention: delivery: %w", err)
		}
		for _, p := range list {
			if slices.ContainsFunc(known, func(d Delivery) bool { return d.part == filepath.Base(p) }) {
				continue
			}
			if err := os.Remove(p); err != nil && !errors.Is(err, os.ErrNotExist) {
				return unwritten(r.run.ID, err)
			}
		}
	}
	return nil
}

// fill writes the conversations of items into a package: what is on hold, gone or
// changed since the plan is left out.
func (r *running) fill(ctx context.Context, to io.Writer, d *Delivery, u unit, rule gallra.Rule, items []item) (packedItems, error) {
	var c packedItems
	var x result
	src, err := r.source(ctx, u.System)
	if err != nil {
		return c, err
	}
	types, err := typesOf(ctx, src, u.System)
	if err != nil {
		return c, err
	}
	todo, err := r.recheck(ctx, src, u, items, &x)
	if err != nil {
		return c, err
	}
	v := r.plan.Preview.Units[d.unit]
	org := r.plan.Organisation
	w := archive.New(to, archive.About{ID: d.ID, Title: fmt.Sprintf("%s, %s", u.System, u.Type), Description: fmt.Sprintf("%s (%s v%d). %s", rule.Purpose, rule.ID, rule.Version, rule.Decision.Number),
		Organisation: org.Name, Number: org.Number, Creator: org.Archive, Preserver: rule.Archive.Body, Agreement: rule.Archive.Agreement, Reference: rule.Archive.Reference, System: string(u.System),
		Version: r.Version, Made: d.Made, From: v.Oldest, To: u.To})
	n := 0
	for part := range slices.Chunk(todo, readTogether) {
		read, err := r.dossiers(ctx, src, u, types, part)
		if err != nil {
			return c, err
		}
		for _, i := range part {
			t := read[i.id]
			switch {
			case t == nil:
				x.except(i, gallra.OutcomeKept, reasonGone, "")
				continue
			case t.moved || i.version != "" && t.record.Version != i.version:
				x.except(i, gallra.OutcomeKept, reasonChanged, "")
				continue
			}
			if err := t.whole(ctx, src); errors.Is(err, errNoFile) {
				x.except(i, gallra.OutcomeKept, reasonNoFile, "")
				continue
			} else if err != nil {
				return c, err
			}
			n++
			folder := fmt.Sprintf("%06d/", n)
			digest, err := t.write(ctx, src, u.System, func(name string, body func(io.Writer) error) (archive.File, error) { return w.Add(folder+name, body) })
			if err != nil {
				return c, err
			}
			c.Items = append(c.Items, packedItem{ID: i.id, Version: t.record.Version, Digest: digest})
		}
	}
	for _, l := range x.exceptions {
		c.Left = append(c.Left, packedItem{ID: l.id, Reason: l.reason, Detail: l.detail})
	}
	d.Records = int64(len(c.Items))
	d.Files, _ = w.Files()
	if err := w.Close(); err != nil {
		return c, unwritten(d.ID, err)
	}
	return c, nil
}

// publish gives a package its name in the folder, with its checksum beside it. It
// may be repeated: where neither name is there, the archive has fetched it.
func publish(dir string, d Delivery) error {
	part, file := filepath.Join(dir, d.part), filepath.Join(dir, d.File)
	if _, err := os.Stat(part); errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return unwritten(d.ID, err)
	}
	line := []byte(d.SHA256 + "  " + d.File + "\n")
	if err := os.WriteFile(file+".sha256", line, 0o640); err != nil {
		return unwritten(d.ID, err)
	}
	if err := os.Rename(part, file); err != nil {
		return unwritten(d.ID, err)
	}
	f, err := os.Open(dir)
	if err != nil {
		return unwritten(d.ID, err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil { // the name must outlive a power cut before it is believed
		return unwritten(d.ID, err)
	}
	return nil
}

// delivered notes that a package stands in its folder, with the waits for it.
func (r *running) delivered(ctx context.Context, tx *sql.Tx, id string, u unit) error {
	list, err := r.deliveries(ctx, tx, "", id)
	if err != nil {
		return err
	}
	if len(list) != 1 {
		return errOvertaken
	}
	d, now := list[0], r.DB.Now()
	due := r.receiptDue(r.plan.Rules[r.ruleOf(d.batch)])
	res, err := tx.ExecContext(ctx, `UPDATE run_delivery SET state = 'delivered', delivered = $2, due = $3, content = '' WHERE id = $1 AND state = 'written'`, id, store.Micros(now), store.Micros(due))
	if err != nil {
		return fmt.Errorf("retention: delivery %s: %w", id, err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errOvertaken
	}
	_, err = r.Log.Append(ctx, tx, evidence.Entry{Actor: r.run.Actor, Action: "archive.delivered", System: u.System, Subject: r.run.ID, Digest: d.SHA256, Reason: id, Counts: map[string]int64{"records": d.Records, "files": d.Files, "bytes": d.Bytes}})
	return err
}

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

// endDelivery visits records whose package the archive has answered for. One that
// is no longer what was handed over, or has come under a hold, stays; the others
// are erased and verified.
func (r *running) endDelivery(ctx context.Context, list []wait) error {
	u, now := r.plan.units[list[0].unit], r.DB.Now()
	packs, err := r.deliveries(ctx, r.DB, "", list[0].pack)
	if err != nil {
		return err
	}
	if len(packs) != 1 {
		return gallra.Errorf(gallra.Internal, "retention.delivery_unknown", "package", list[0].pack)
	}
	state := packs[0].State
	if state != DeliveryReceived && state != DeliveryRefused { // its day has come without a word
		var out []settled
		for _, w := range list {
			out = append(out, settled{wait: w, state: "open", next: now.Add(askDaily)})
		}
		return r.settle(ctx, list[0].batch, waitArchive, out, nil)
	}
	items, err := r.itemsOf(ctx, list)
	if err != nil {
		return err
	}
	src, err := r.source(ctx, u.System)
	if err != nil {
		return err
	}
	holds, err := r.holds(ctx, src, u, slices.Collect(maps.Values(items)))
	if err != nil {
		return err
	}
	changed, err := r.ruleChanged(ctx)
	if err != nil {
		return err
	}
	types, err := typesOf(ctx, src, u.System)
	if err != nil {
		return err
	}
	var out []settled
	var todo []item
	for part := range slices.Chunk(list, readTogether) {
		read := map[string]*dossier{}
		if state == DeliveryReceived {
			some := make([]item, len(part))
			for n, w := range part {
				some[n] = items[w.id]
			}
			if read, err = r.dossiers(ctx, src, u, types, some); err != nil {
				return err
			}
		}
		for _, w := range part {
			i, t := items[w.id], read[w.id]
			x := settled{wait: w, state: "open", next: now.Add(askDaily)}
			id, held := holds.Covers(gallra.Ref{System: u.System, Type: u.Type, ID: w.id}, i.parent, i.person)
			switch {
			case state == DeliveryRefused:
				x.state, x.reason, x.detail = "out", reasonSent, w.pack
			case t == nil && w.attempt == 0:
				x.state, x.reason = "out", reasonGone
			case t == nil: // our own erasure, before a crash
			case held:
				x.state, x.reason, x.detail = "out", reasonHold, id
			case changed:
				x.state, x.reason = "out", reasonRule
			case t.moved || w.version != "" && t.record.Version != w.version:
				x.state, x.reason = "out", reasonChanged
			case !u.judge(r.plan.Rules, t.record, r.plan.Today, r.Loc).due:
				x.state, x.reason = "out", reasonNotDue
			default:
				digest, err := t.digest(ctx, src, u.System)
				switch {
				case errors.Is(err, errNoFile):
					x.state, x.reason = "out", reasonNoFile
				case err != nil:
					return err
				case digest != w.digest: // the archive has something else than what stands here
					x.state, x.reason = "out", reasonChanged
				}
			}
			if x.state == "out" {
				why := x.reason
				x.change = func(t *Tally) { t.unreason(reasonArchive); t.reason(why) }
			} else {
				i.version = w.version
				todo = append(todo, i)
			}
			out = append(out, x)
		}
	}
	return r.eraseAndSettle(ctx, src, u, list[0].batch, waitArchive, todo, out)
}

const deliveryColumns = `d.id, d.run, d.unit, d.batch, d.position, d.covered, d.target, d.part, d.state, d.sha256, d.bytes, d.records, d.files, d.content, d.made, d.delivered, d.due, d.received, d.actor, d.reference, d.note, d.problem`

// deliveries returns packages of this run, in order: those in a state (any when
// ""), or the one with an id.
func (r *running) deliveries(ctx context.Context, q rowsQuerier, state string, id ...string) ([]Delivery, error) {
	one := ""
	if len(id) > 0 {
		one = id[0]
	}
	list, err := readDeliveries(ctx, q, `SELECT `+deliveryColumns+` FROM run_delivery d WHERE d.run = $1 AND ($2 = '' OR d.state = $2) AND ($3 = '' OR d.id = $3) ORDER BY d.batch, d.position`, r.run.ID, state, one)
	for n := range list {
		list[n].name(r.plan)
	}
	return list, err
}

// name fills in what the plan knows of a package.
func (d *Delivery) name(p Plan) {
	if d.unit < len(p.units) {
		u := p.units[d.unit]
		d.System, d.Type = u.System, u.Type
	}
	for _, rule := range p.Rules {
		if rule.Action == gallra.ActionArchive && rule.Archive.To == d.target && (d.Rule == "" || slices.Contains(rule.Systems, d.System)) {
			d.Rule, d.Body = rule.ID, rule.Archive.Body
		}
	}
}

func readDeliveries(ctx context.Context, q rowsQuerier, query string, args ...any) ([]Delivery, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("retention: deliveries: %w", err)
	}
	defer rows.Close()
	var out []Delivery
	for rows.Next() {
		var d Delivery
		var made, delivered, due, received int64
		if err := rows.Scan(&d.ID, &d.Run, &d.unit, &d.batch, &d.position, &d.covered, &d.target, &d.part, &d.State, &d.SHA256, &d.Bytes, &d.Records, &d.Files, &d.content, &made, &delivered, &due, &received,
			&d.Actor, &d.Reference, &d.Note, &d.Problem); err != nil {
			return nil, fmt.Errorf("retention: deliveries: %w", err)
		}
		d.File, d.Made, d.Delivered, d.Due, d.Received = d.ID+".zip", store.Time(made), store.Time(delivered), store.Time(due), store.Time(received)
		out = append(out, d)
	}
	return out, rows.Err()
}

// Deliveries returns the packages of a run, of every run when run is "", those
// that wait for a receipt first: a thousand at most.
func (e *Engine) Deliveries(ctx context.Context, run string) ([]Delivery, error) {
	return e.named(ctx, `SELECT `+deliveryColumns+` FROM run_delivery d WHERE $1 = '' OR d.run = $1 ORDER BY CASE d.state WHEN 'delivered' THEN 0 WHEN 'written' THEN 1 ELSE 2 END, d.made DESC, d.id LIMIT 1000`, run)
}

// DeliveryOf returns one package. gallra.ErrNotFound.
func (e *Engine) DeliveryOf(ctx context.Context, id string) (Delivery, error) {
	list, err := e.named(ctx, `SELECT `+deliveryColumns+` FROM run_delivery d WHERE d.id = $1`, id)
	if err != nil {
		return Delivery{}, err
	}
	if len(list) == 0 {
		return Delivery{}, gallra.Errorf(gallra.NotFound, "retention.delivery_unknown", "package", id)
	}
	return list[0], nil
}

// named reads packages with what their plans know of them.
func (e *Engine) named(ctx context.Context, query string, args ...any) ([]Delivery, error) {
	list, err := readDeliveries(ctx, e.DB, query, args...)
	if err != nil {
		return nil, err
	}
	plans := map[string]Plan{}
	for n := range list {
		p, ok := plans[list[n].Run]
		if !ok {
			r, err := e.RunOf(ctx, list[n].Run)
			if err != nil {
				return nil, err
			}
			if p, err = e.PlanOf(ctx, r.Plan); err != nil {
				return nil, err
			}
			plans[list[n].Run] = p
		}
		list[n].name(p)
	}
	return list, nil
}

// Receipt is what a person, or a file, says of a package.
type Receipt struct {
	Actor     string
	SHA256    string // as the archive states it: all of it or, from a person, at least its first eight signs
	Accepted  bool
	Reference string // the archive's own number; a person must give it
	Note      string // why it was sent back, without personal values
}

// receiptSigns is how much of a checksum a person must have read off the archive's
// receipt: enough that it is that of no other package.
const receiptSigns = 8

// Receive registers what the archive has said of a package. An acceptance makes
// its records erasable, and nothing else does: gallra.ErrConflict when it speaks
// of other bytes than those that were handed over, or when it was registered
// before. Workers then erase; Follow does so at once.
func (e *Engine) Receive(ctx context.Context, id string, s Receipt) error {
	d, err := e.DeliveryOf(ctx, id)
	if err != nil {
		return err
	}
	s.SHA256, s.Reference, s.Note = strings.ToLower(strings.TrimSpace(s.SHA256)), strings.TrimSpace(s.Reference), strings.TrimSpace(s.Note)
	byFile := s.Actor == receiptFile
	switch {
	case s.Actor == "":
		return gallra.Errorf(gallra.Invalid, "retention.signer_missing")
	case d.State != DeliveryOut:
		return gallra.Errorf(gallra.Conflict, "retention.delivery_state", "package", id, "state", string(d.State))
	case byFile && !archive.Sum(s.SHA256), s.Accepted && len(s.SHA256) < receiptSigns, strings.Trim(s.SHA256, "0123456789abcdef") != "" || len(s.SHA256) > 64:
		return gallra.Errorf(gallra.Invalid, "retention.receipt_sum")
	case s.SHA256 != "" && !strings.HasPrefix(d.SHA256, s.SHA256):
		return e.disbelieve(ctx, d, s.Actor)
	case s.Accepted && !byFile && s.Reference == "":
		return gallra.Errorf(gallra.Invalid, "retention.receipt_reference")
	case !s.Accepted && !byFile && s.Note == "":
		return gallra.Errorf(gallra.Invalid, "retention.receipt_note")
	}
	now := e.DB.Now()
	state, action := DeliveryReceived, "archive.received"
	if !s.Accepted {
		state, action = DeliveryRefused, "archive.refused"
	}
	return e.DB.Tx(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE run_delivery SET state = $2, received = $3, actor = $4, reference = $5, note = $6, problem = '' WHERE id = $1 AND state = 'delivered'`,
			id, string(state), store.Micros(now), s.Actor, s.Reference, s.Note)
		if err != nil {
			return fmt.Errorf("retention: receipt %s: %w", id, err)
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return gallra.Errorf(gallra.Conflict, "retention.delivery_state", "package", id, "state", string(state))
		}
		if _, err := tx.ExecContext(ctx, `UPDATE run_wait SET next = $2 WHERE package = $1 AND state = 'open'`, id, store.Micros(now)); err != nil {
			return fmt.Errorf("retention: receipt %s: %w", id, err)
		}
		_, err = e.Log.Append(ctx, tx, evidence.Entry{Actor: s.Actor, Action: action, System: d.System, Subject: d.Run, Digest: d.SHA256, Reason: id, Result: s.Reference, Counts: map[string]int64{"records": d.Records}})
		return err
	})
}

// disbelieve notes that a receipt spoke of other bytes.
func (e *Engine) disbelieve(ctx context.Context, d Delivery, actor string) error {
	wrong := gallra.Errorf(gallra.Conflict, "retention.receipt_other", "package", d.ID)
	if d.Problem == wrong.Key {
		return wrong
	}
	return errors.Join(wrong, e.DB.Tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE run_delivery SET problem = $2 WHERE id = $1`, d.ID, wrong.Key); err != nil {
			return fmt.Errorf("retention: receipt %s: %w", d.ID, err)
		}
		_, err := e.Log.Append(ctx, tx, evidence.Entry{Actor: actor, Action: "archive.mismatch", System: d.System, Subject: d.Run, Digest: d.SHA256, Reason: d.ID})
		return err
	}))
}

// readReceipts looks for files by which the archive answers for the run's packages.
// One that cannot be read, or is not wholly written yet, is looked at again later.
func (r *running) readReceipts(ctx context.Context) error {
	list, err := r.deliveries(ctx, r.DB, string(DeliveryOut))
	if err != nil {
		return err
	}
	for _, d := range list {
		rule := r.plan.Rules[r.ruleOf(d.batch)]
		from := rule.Archive.Receipts
		if from == "" {
			from = rule.Archive.To
		}
		dir, err := r.folder(from)
		if err != nil {
			continue // a folder that is away for a while holds nothing up: no receipt, no erasure
		}
		b, err := readSmall(filepath.Join(dir, d.ID+archive.Ending))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		var said archive.Receipt
		if err == nil {
			said, err = archive.ReadReceipt(b)
		}
		if err == nil && said.Package != d.ID {
			err = gallra.Errorf(gallra.Conflict, "retention.receipt_other", "package", d.ID)
		}
		if err == nil {
			err = r.Receive(ctx, d.ID, Receipt{Actor: receiptFile, SHA256: said.SHA256, Accepted: said.Accepted, Reference: said.Reference, Note: said.Note})
		}
		switch gallra.CodeOf(err) {
		case gallra.Conflict, gallra.Invalid:
			var answer *gallra.Error
			if errors.As(err, &answer) && answer.Key != d.Problem {
				if _, err := r.DB.ExecContext(ctx, `UPDATE run_delivery SET problem = $2 WHERE id = $1 AND state = 'delivered'`, d.ID, answer.Key); err != nil {
					return fmt.Errorf("retention: receipt %s: %w", d.ID, err)
				}
			}
		default:
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// readSmall reads a file of at most a few thousand bytes.
func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 1<<14+1))
	if err == nil && len(b) > 1<<14 {
		err = gallra.Errorf(gallra.Invalid, "archive.receipt")
	}
	return b, err
}
