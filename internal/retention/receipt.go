package retention

import (
	"context"
	"database/sql"
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
	"github.com/gallra/gallra/internal/archive"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/store"
)

// What an archive answers: receipts by files and by persons, and the erasing that
// only an acceptance allows (REQUIREMENTS SE-11).

// lookForReceipts is how often the folder of receipts is looked into.
const lookForReceipts = 10 * time.Minute

// receiptFile is who registered what a file said.
const receiptFile = "receipt file"

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
