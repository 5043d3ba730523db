// Package trial proves what a connector claims, on this organisation's own
// system: a made-up person is put into it, found, edited, erased, looked for by
// another road, and the date is kept. A capability counts only from then on
// (REQUIREMENTS D10 "senast testad"; DESIGN 1.1).
//
// The person is put there by the connector where it can (connector.Planter), and
// otherwise by whoever runs the trial, as a customer would come in: by a mail to
// the system, a form, a chat. What is touched is only what holds the person's
// name, which no living person has.
package trial

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/hold"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/work"
)

// Verdict is what became of one step.
type Verdict string

// The verdicts.
const (
	Proved  Verdict = "proved"
	Failed  Verdict = "failed"
	Waiting Verdict = "waiting" // the system has promised and its time is not up
)

// Step is one capability and what became of it.
type Step struct {
	Capability connector.Capability `json:"capability"`
	Verdict    Verdict              `json:"verdict"`
	Why        string               `json:"why,omitempty"` // message key
	Count      int                  `json:"count,omitempty"`
	Grade      gallra.Grade         `json:"grade,omitempty"` // of an erasure, as the connector claims
}

// Trial is one trial of one system.
type Trial struct {
	ID      string           `json:"id"`
	System  gallra.SystemID  `json:"system"`
	Actor   string           `json:"actor"`
	Person  connector.Person `json:"person"` // made up
	Begun   time.Time        `json:"begun"`
	Ended   time.Time        `json:"ended,omitzero"`
	Planted bool             `json:"planted"` // by the connector; false: a person must do it
	Steps   []Step           `json:"steps,omitempty"`
	Until   time.Time        `json:"until,omitzero"` // when a promise is due

	receipts []gallra.Receipt
	pending  []gallra.Ref // to be erased: written down before the first of them goes
}

// Passed reports whether everything that was tried was proved, an erasure among it.
func (t Trial) Passed() bool {
	erased := false
	for _, s := range t.Steps {
		if s.Verdict != Proved {
			return false
		}
		erased = erased || s.Capability == connector.CanErase
	}
	return erased && !t.Ended.IsZero()
}

// Bench runs trials.
type Bench struct {
	DB   *store.DB
	Log  *evidence.Log
	Open func(ctx context.Context, system gallra.SystemID) (connector.Source, error)
	// Stopped reports whether all disposal is stopped (REQUIREMENTS X-16); nil: it
	// never is.
	Stopped func(ctx context.Context) (bool, error)
}

// mayChange refuses while all disposal is stopped.
func (b *Bench) mayChange(ctx context.Context) error {
	if b.Stopped == nil {
		return nil
	}
	if stopped, err := b.Stopped(ctx); err != nil {
		return err
	} else if stopped {
		return gallra.Errorf(gallra.Blocked, "retention.all_stopped")
	}
	return nil
}

// intend writes down what is about to be done, before it is.
func (b *Bench) intend(ctx context.Context, t *Trial, c connector.Capability, n int) error {
	return b.DB.Tx(ctx, func(tx *sql.Tx) error {
		_, err := b.Log.Append(ctx, tx, evidence.Entry{Actor: t.Actor, Action: "trial.intent", System: t.System, Subject: t.ID, Reason: string(c), Counts: map[string]int64{"records": int64(n)}})
		return err
	})
}

// free reports whether no hold covers a record (REQUIREMENTS W-20).
func free(holds hold.Set, r gallra.Record) bool {
	person := r.Person
	if person.IsZero() {
		person = r.Ref
	}
	_, held := holds.Covers(r.Ref, r.Parent, person)
	return !held
}

// person makes somebody up. The domain is reserved (RFC 2606): no mail can
// reach it.
func person() connector.Person {
	b := make([]byte, 5)
	_, _ = rand.Read(b) // crypto/rand.Read never fails (Go 1.24)
	k := hex.EncodeToString(b)
	return connector.Person{Name: "Kanarie Prov" + k, Email: "kanarie." + k + "@prov.example", Text: "Detta är ett prov av Gallra (" + k + "). Det får tas bort. This is a trial by Gallra and may be erased."}
}

// Start begins a trial and plants the person where the connector can. In the
// other case the person in the Trial must be put into the system by hand before
// Go is called.
func (b *Bench) Start(ctx context.Context, system gallra.SystemID, actor string) (Trial, error) {
	src, err := b.Open(ctx, system)
	if err != nil {
		return Trial{}, err
	}
	defer src.Close()
	if err := b.mayChange(ctx); err != nil {
		return Trial{}, err
	}
	if err := src.Check(ctx); err != nil {
		return Trial{}, err
	}
	t := Trial{ID: work.NewID("trial"), System: system, Actor: actor, Person: person(), Begun: b.DB.Now().UTC()}
	planter, ok := src.(connector.Planter)
	t.Planted = ok
	// Written first: what is planted is known even when the process ends here.
	if err := b.DB.Tx(ctx, func(tx *sql.Tx) error {
		who, err := json.Marshal(t.Person)
		if err != nil {
			return fmt.Errorf("trial: %w", err)
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO trial (id, system, actor, person, planted, begun) VALUES ($1, $2, $3, $4, $5, $6)`, t.ID, string(system), actor, string(who), flag(t.Planted), store.Micros(t.Begun)); err != nil {
			return fmt.Errorf("trial: %w", err)
		}
		_, err = b.Log.Append(ctx, tx, evidence.Entry{Actor: actor, Action: "trial.start", System: system, Subject: t.ID})
		return err
	}); err != nil {
		return Trial{}, err
	}
	if ok {
		if err := planter.Plant(ctx, t.Person); err != nil {
			return t, err
		}
	}
	return t, nil
}

func flag(on bool) int {
	if on {
		return 1
	}
	return 0
}

// Go carries the trial out, or on: one that waits for a promise asks whether it
// was kept. gallra.ErrNotFound for a trial that is none, gallra.ErrConflict for
// one that has ended. A person who is not there (yet) leaves the trial open.
func (b *Bench) Go(ctx context.Context, id string) (Trial, error) {
	list, err := b.read(ctx, `WHERE id = $1`, id)
	if err != nil {
		return Trial{}, err
	}
	if len(list) == 0 {
		return Trial{}, gallra.Errorf(gallra.NotFound, "trial.unknown", "trial", id)
	}
	t := list[0]
	if !t.Ended.IsZero() {
		return t, gallra.Errorf(gallra.Conflict, "trial.ended", "trial", id)
	}
	src, err := b.Open(ctx, t.System)
	if err != nil {
		return t, err
	}
	defer src.Close()
	if len(t.receipts) == 0 || len(t.pending) > 0 {
		if err := b.mayChange(ctx); err != nil {
			return t, err
		}
		if err := b.perform(ctx, &t, src); err != nil {
			return t, err
		}
	}
	if err := t.settle(ctx, src); err != nil {
		return t, err
	}
	if t.Until.IsZero() {
		if err := t.verify(ctx, src); err != nil {
			return t, err
		}
		t.Ended = b.DB.Now().UTC()
	}
	return t, b.save(ctx, t)
}

func (t *Trial) needles(d connector.Depth) connector.Needles {
	return connector.Needles{Depth: d, Identifiers: []gallra.Identifier{{Kind: gallra.IdentEmail, Value: t.Person.Email}, {Kind: gallra.IdentName, Value: t.Person.Name}}}
}

func (t *Trial) step(c connector.Capability, ok bool, why string) *Step {
	s := Step{Capability: c, Verdict: Proved}
	if !ok {
		s.Verdict, s.Why = Failed, why
	}
	t.Steps = slices.DeleteFunc(t.Steps, func(o Step) bool { return o.Capability == c })
	t.Steps = append(t.Steps, s)
	return &t.Steps[len(t.Steps)-1]
}

// perform finds the person, edits one text and erases what is the person's own.
// What is to be erased is written down first: a trial that was cut off goes on
// with that, and does not look for a person who is half gone.
func (b *Bench) perform(ctx context.Context, t *Trial, src connector.Source) error {
	if len(t.pending) > 0 {
		e, ok := src.(connector.Eraser)
		if !ok {
			return gallra.Errorf(gallra.Unsupported, "request.cannot_erase", "system", string(t.System))
		}
		return b.erase(ctx, t, src, e)
	}
	hits, err := find(ctx, src, t.needles(connector.InText))
	if err != nil {
		return err
	}
	if len(hits) == 0 {
		return gallra.Errorf(gallra.Unavailable, "trial.not_found_yet", "name", t.Person.Name)
	}
	t.step(connector.CanFind, true, "").Count = len(hits)
	roots, err := t.roots(ctx, src, hits)
	if err != nil {
		return err
	}
	if e, ok := src.(connector.Editor); ok {
		if err := b.intend(ctx, t, connector.CanEdit, 1); err != nil {
			return err
		}
		if err := b.edit(ctx, t, src, e, hits); err != nil {
			return err
		}
		if hits, err = find(ctx, src, t.needles(connector.InText)); err != nil { // an edit may give a new reference
			return err
		}
		if roots, err = t.roots(ctx, src, hits); err != nil {
			return err
		}
	}
	e, ok := src.(connector.Eraser)
	if !ok {
		return nil
	}
	t.step(connector.CanErase, len(roots) > 0, "trial.nothing_to_erase")
	if len(roots) == 0 {
		return nil
	}
	t.pending = roots
	if err := b.save(ctx, *t); err != nil {
		return err
	}
	if err := b.intend(ctx, t, connector.CanErase, len(roots)); err != nil {
		return err
	}
	return b.erase(ctx, t, src, e)
}

// erase erases what is pending, one after another, and writes each down.
func (b *Bench) erase(ctx context.Context, t *Trial, src connector.Source, e connector.Eraser) error {
	for len(t.pending) > 0 {
		ref := t.pending[0]
		holds, err := hold.Load(ctx, b.DB, t.System)
		if err != nil {
			return err
		}
		rec, err := src.Get(ctx, ref)
		if errors.Is(err, gallra.ErrNotFound) {
			rec, err = gallra.Record{Ref: ref}, nil // gone with another, or before the trial was cut off
		}
		if err != nil {
			return err
		}
		i := slices.IndexFunc(t.Steps, func(s Step) bool { return s.Capability == connector.CanErase })
		s := &t.Steps[i]
		if !free(holds, rec) {
			s.Verdict, s.Why, t.pending = Failed, "trial.held", nil
			return b.save(ctx, *t)
		}
		receipt, err := e.Erase(ctx, ref, "")
		switch {
		case errors.Is(err, gallra.ErrNotFound):
			receipt = gallra.Receipt{Ref: ref, Action: gallra.ActionErase, At: b.DB.Now().UTC(), Final: true, Grade: s.Grade}
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			s.Verdict, s.Why, t.pending = Failed, keyOf(err), nil
			return b.save(ctx, *t)
		}
		s.Grade = max(s.Grade, receipt.Grade)
		if !receipt.Final {
			s.Verdict = Waiting
		}
		s.Count++
		t.receipts, t.pending = append(t.receipts, receipt), t.pending[1:]
		if err := b.save(ctx, *t); err != nil {
			return err
		}
	}
	return nil
}

// roots returns what is the person's own and holds the made-up name or address:
// conversations first, person records last, as most systems demand.
func (t *Trial) roots(ctx context.Context, src connector.Source, hits []connector.Hit) ([]gallra.Ref, error) {
	types, err := src.Types(ctx)
	if err != nil {
		return nil, err
	}
	order := func(r gallra.Ref) int {
		i := slices.IndexFunc(types, func(x connector.Type) bool { return x.Name == r.Type })
		switch {
		case i < 0:
			return -1
		case types[i].Kind == connector.KindConversation, types[i].Kind == connector.KindRow:
			return 0
		case types[i].Kind == connector.KindPerson:
			return 2
		case types[i].Kind == connector.KindMessage && types[i].Parent == "":
			return 1
		}
		return -1 // goes with its conversation; an agent's record never
	}
	var out []gallra.Ref
	for _, h := range hits {
		for _, r := range []gallra.Ref{h.Ref, h.Parent} {
			if r.IsZero() || order(r) < 0 || slices.Contains(out, r) || h.Role != gallra.RoleRequester && h.Role != gallra.RoleAuthor {
				continue
			}
			mine, err := t.mine(ctx, src, r)
			if err != nil {
				return nil, err
			}
			if mine {
				out = append(out, r)
			}
		}
	}
	slices.SortStableFunc(out, func(x, y gallra.Ref) int { return order(x) - order(y) })
	return out, nil
}

// mine reports whether a record, or what belongs to it, holds the made-up person:
// nothing else may be touched, whatever Find says.
func (t *Trial) mine(ctx context.Context, src connector.Source, ref gallra.Ref) (bool, error) {
	r, err := src.Get(ctx, ref)
	if errors.Is(err, gallra.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if t.holds(r) {
		return true, nil
	}
	if !r.Person.IsZero() && r.Person != ref {
		if p, err := src.Get(ctx, r.Person); err == nil && t.holds(p) {
			return true, nil
		}
	}
	types, err := src.Types(ctx)
	if err != nil {
		return false, err
	}
	for _, typ := range connector.Below(types, ref.Type) {
		p, err := src.List(ctx, connector.Query{Type: typ.Name, Parents: []gallra.Ref{ref}})
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(p.Records, t.holds) {
			return true, nil
		}
	}
	return false, nil
}

func (t *Trial) holds(r gallra.Record) bool {
	for _, f := range r.Fields {
		v := strings.ToLower(f.Value)
		if strings.Contains(v, strings.ToLower(t.Person.Email)) || strings.Contains(v, strings.ToLower(t.Person.Name)) {
			return true
		}
	}
	return false
}

// edit takes the made-up name out of one text and reads it back.
func (b *Bench) edit(ctx context.Context, t *Trial, src connector.Source, e connector.Editor, hits []connector.Hit) error {
	holds, err := hold.Load(ctx, b.DB, t.System)
	if err != nil {
		return err
	}
	types, err := src.Types(ctx)
	if err != nil {
		return err
	}
	for _, h := range hits {
		i := slices.IndexFunc(types, func(x connector.Type) bool { return x.Name == h.Ref.Type })
		if i < 0 {
			continue
		}
		info, ok := types[i].Field(h.Field)
		if !ok || !info.Text || info.ReadOnly {
			continue
		}
		r, err := src.Get(ctx, h.Ref)
		if errors.Is(err, gallra.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if !free(holds, r) {
			continue
		}
		old, _ := r.Field(h.Field)
		if !t.holds(gallra.Record{Fields: []gallra.Field{{Value: old}}}) {
			continue
		}
		value := strings.NewReplacer(t.Person.Name, "[NAMN 1]", t.Person.Email, "[E-POST 1]").Replace(old)
		receipt, err := e.Edit(ctx, r.Ref, r.Version, []gallra.Field{{Name: h.Field, Value: value}})
		s := t.step(connector.CanEdit, err == nil, keyOf(err))
		if err != nil {
			return nil
		}
		s.Count = 1
		after, err := src.Get(ctx, receipt.Ref)
		if err != nil {
			s.Verdict, s.Why = Failed, keyOf(err)
			return nil
		}
		if now, _ := after.Field(h.Field); strings.Contains(now, t.Person.Name) || strings.Contains(now, t.Person.Email) {
			s.Verdict, s.Why = Failed, "trial.edit_kept"
		}
		return nil
	}
	return nil // no text of the person's that can be edited: not tried
}

// settle asks for the promises that were made.
func (t *Trial) settle(ctx context.Context, src connector.Source) error {
	c, ok := src.(connector.Confirmer)
	t.Until = time.Time{}
	i := slices.IndexFunc(t.Steps, func(s Step) bool { return s.Capability == connector.CanErase })
	if i < 0 || t.Steps[i].Verdict == Failed {
		return nil
	}
	t.Steps[i].Verdict = Proved
	for k, r := range t.receipts {
		if r.Final || !ok {
			continue
		}
		now, err := c.Confirm(ctx, r)
		if err != nil {
			return err
		}
		if t.receipts[k] = now; !now.Final {
			t.Steps[i].Verdict = Waiting
			if t.Until.IsZero() || now.GoneBy.After(t.Until) {
				t.Until = now.GoneBy
			}
			if t.Until.IsZero() {
				t.Until = now.At.Add(24 * time.Hour)
			}
			continue
		}
		t.step(connector.CanConfirm, true, "")
	}
	return nil
}

// verify looks by other roads whether anything is left.
func (t *Trial) verify(ctx context.Context, src connector.Source) error {
	i := slices.IndexFunc(t.Steps, func(s Step) bool { return s.Capability == connector.CanErase })
	if i < 0 || t.Steps[i].Verdict != Proved {
		return nil
	}
	fail := func(why string, n int) {
		if n > 0 && t.Steps[i].Verdict == Proved {
			t.Steps[i].Verdict, t.Steps[i].Why = Failed, why
		}
	}
	var refs []gallra.Ref
	for _, r := range t.receipts {
		refs = append(refs, r.Ref)
		if _, err := src.Get(ctx, r.Ref); err == nil {
			fail("trial.still_read", 1)
		} else if !errors.Is(err, gallra.ErrNotFound) {
			return err
		}
	}
	hits, err := find(ctx, src, t.needles(connector.InText))
	if err != nil {
		return err
	}
	fail("trial.still_found", len(hits))
	if v, ok := src.(connector.Verifier); ok {
		left, err := v.Remains(ctx, refs)
		if err != nil {
			return err
		}
		fail("trial.remains", len(left))
		t.step(connector.CanVerify, len(left) == 0, "trial.remains")
	}
	if s, ok := src.(connector.Searcher); ok {
		n := 0
		for cursor := ""; ; {
			r, err := s.Leftovers(ctx, t.needles(connector.InText), cursor)
			if err != nil {
				return err
			}
			n += len(r.Residues)
			if cursor = r.Next; cursor == "" {
				break
			}
		}
		fail("trial.leftovers", n)
		t.step(connector.CanLeftovers, n == 0, "trial.leftovers").Count = n
	}
	return nil
}

func find(ctx context.Context, src connector.Source, n connector.Needles) ([]connector.Hit, error) {
	f, ok := src.(connector.Finder)
	if !ok {
		return nil, gallra.Errorf(gallra.Unsupported, "trial.cannot_find")
	}
	var out []connector.Hit
	for cursor := ""; ; {
		h, err := f.Find(ctx, n, cursor)
		if err != nil {
			return nil, err
		}
		out = append(out, h.Hits...)
		if cursor = h.Next; cursor == "" {
			return out, nil
		}
	}
}

func keyOf(err error) string {
	var e *gallra.Error
	if errors.As(err, &e) {
		return e.Key
	}
	if err != nil {
		return "trial.failed"
	}
	return ""
}

// outcome is what of a trial is written as JSON.
type outcome struct {
	Steps    []Step           `json:"steps,omitempty"`
	Receipts []gallra.Receipt `json:"receipts,omitempty"`
	Pending  []gallra.Ref     `json:"pending,omitempty"`
}

func (b *Bench) save(ctx context.Context, t Trial) error {
	text, err := json.Marshal(outcome{t.Steps, t.receipts, t.pending})
	if err != nil {
		return fmt.Errorf("trial: %w", err)
	}
	ended, until := int64(0), int64(0)
	if !t.Ended.IsZero() {
		ended = store.Micros(t.Ended)
	}
	if !t.Until.IsZero() {
		until = store.Micros(t.Until)
	}
	return b.DB.Tx(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE trial SET outcome = $2, ended = $3, until = $4, passed = $5 WHERE id = $1 AND ended = 0`, t.ID, string(text), ended, until, flag(t.Passed()))
		if err != nil {
			return fmt.Errorf("trial: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return gallra.Errorf(gallra.Conflict, "trial.ended", "trial", t.ID)
		}
		if t.Ended.IsZero() {
			return nil
		}
		counts := map[string]int64{}
		for _, s := range t.Steps {
			counts[string(s.Capability)+"."+string(s.Verdict)] = 1
		}
		result := "failed"
		if t.Passed() {
			result = "passed"
		}
		_, err = b.Log.Append(ctx, tx, evidence.Entry{Actor: t.Actor, Action: "trial.end", System: t.System, Subject: t.ID, Result: result, Counts: counts})
		return err
	})
}

// List returns the trials of a system, newest first; of every system when it
// is "".
func (b *Bench) List(ctx context.Context, system gallra.SystemID) ([]Trial, error) {
	return b.read(ctx, `WHERE $1 = '' OR system = $1 ORDER BY begun DESC, id`, string(system))
}

// Shown returns, for each system, when each of its capabilities was last proved
// in a trial that has ended.
func (b *Bench) Shown(ctx context.Context) (map[gallra.SystemID]map[connector.Capability]time.Time, error) {
	list, err := b.read(ctx, `WHERE ended > $1 ORDER BY ended, id`, int64(0))
	if err != nil {
		return nil, err
	}
	out := map[gallra.SystemID]map[connector.Capability]time.Time{}
	for _, t := range list {
		if out[t.System] == nil {
			out[t.System] = map[connector.Capability]time.Time{}
		}
		for _, s := range t.Steps {
			if s.Verdict == Proved {
				out[t.System][s.Capability] = t.Ended
			} else {
				delete(out[t.System], s.Capability) // proved once, and not any longer
			}
		}
	}
	return out, nil
}

func (b *Bench) read(ctx context.Context, where string, args ...any) ([]Trial, error) {
	rows, err := b.DB.QueryContext(ctx, `SELECT id, system, actor, person, planted, begun, ended, until, outcome FROM trial `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("trial: %w", err)
	}
	defer rows.Close()
	var out []Trial
	for rows.Next() {
		var t Trial
		var who, text string
		var planted int
		var begun, ended, until int64
		if err := rows.Scan(&t.ID, &t.System, &t.Actor, &who, &planted, &begun, &ended, &until, &text); err != nil {
			return nil, fmt.Errorf("trial: %w", err)
		}
		var o outcome
		if err := errors.Join(json.Unmarshal([]byte(who), &t.Person), json.Unmarshal([]byte(text), &o)); err != nil {
			return nil, fmt.Errorf("trial %s: %w", t.ID, err)
		}
		t.Planted, t.Steps, t.receipts, t.pending = planted == 1, o.Steps, o.Receipts, o.Pending
		t.Begun, t.Ended, t.Until = store.Time(begun), store.Time(ended), store.Time(until)
		out = append(out, t)
	}
	return out, rows.Err()
}
