package retention

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gallra/gallra"
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
