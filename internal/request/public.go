package request

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/deadline"
	"github.com/gallra/gallra/internal/hold"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/subject"
	"github.com/gallra/gallra/internal/work"
)

// Track is by which law somebody wants to see something (REQUIREMENTS SE-6). One
// letter may need two: each track is a request of its own, of the same matter.
type Track string

// The tracks.
const (
	TrackData     Track = "gdpr"     // a data subject's rights: identity, one month
	TrackDocument Track = "document" // an official document: anonymous, promptly (TF 2:15, 2:16, 2:18)
	TrackParty    Track = "party"    // a party's insight in the own matter (FL 10 §)
	TrackGuardian Track = "guardian" // a guardian's or representative's insight
)

// Tracks returns those besides TrackData, which follows from a right.
func Tracks() []Track { return []Track{TrackDocument, TrackParty, TrackGuardian} }

// The targets of the tracks that no month applies to, in working days. TF and FL
// name no number; these are the organisation's own aim, and cautious.
const (
	documentDays = 2
	partyDays    = 10
)

// promptly returns the dates of a request by which no month is given.
func promptly(r *Request, eves bool) {
	days, key, source := partyDays, "deadline.step.party", "FL 9, 10 §§"
	if r.Track == TrackDocument {
		days, key, source = documentDays, "deadline.step.document", "TF 2:15, 2:16"
	}
	by := deadline.AddWorkingDays(r.Received, days, eves)
	p := deadline.Period{Nominal: by, Without: by, With: by}
	d := &r.Deadline
	d.First, d.Extended, d.Applies, d.Watch, d.NoticeBy = p, p, p, by, by
	d.Acknowledge, d.AskBy, d.SearchBy, d.DecideBy, d.Amber, d.Red = by, by, by, by, d.Received, by
	d.Steps = []deadline.Step{{Key: "deadline.step.received", Rule: "SE-6", Source: source, Date: d.Received}, {Key: key, Rule: "SE-6", Source: source, Date: by}}
}

// Anonymous reports whether nobody may be asked who they are (TF 2:18).
func (r Request) Anonymous() bool { return r.Track == TrackDocument }

// may is State.May as it holds for the request's track: who asks for an official
// document is never asked who they are, and what they ask for may be picked out
// without a search.
func (r Request) may(to State) bool {
	if r.Anonymous() {
		switch to {
		case IdentityAsked, IdentityFailed, Identified:
			return false
		case Searching, Review:
			if r.State == Classified {
				return true
			}
		}
	}
	return r.State.May(to)
}

// May reports whether to may follow the request's state (REQUIREMENTS W-1, SE-6).
func (r Request) May(to State) bool { return r.may(to) }

// SwitchTrack moves a request that asks to see something to another track, which
// is logged with the reason. It is refused once something has been decided.
func (d *Desk) SwitchTrack(ctx context.Context, id, actor string, to Track, reason string) error {
	if to != TrackData && !slices.Contains(Tracks(), to) {
		return gallra.Errorf(gallra.Invalid, "request.track_unknown", "track", string(to))
	}
	if strings.TrimSpace(reason) == "" {
		return gallra.Errorf(gallra.Invalid, "request.reason_missing")
	}
	if to != TrackData {
		if err := d.tracked(ctx, to); err != nil {
			return err
		}
	}
	return d.DB.Tx(ctx, func(tx *sql.Tx) error {
		r, err := d.get(ctx, tx, id)
		switch {
		case err != nil:
			return err
		case r.Right != Access || r.Track == to || !slices.Contains([]State{Received, Classified, IdentityAsked, Identified, Review}, r.State):
			return gallra.Errorf(gallra.Blocked, "request.track_state", "state", string(r.State))
		}
		// From the anonymous track identity has still to be asked for; to it, it is not.
		state := r.State
		if r.Anonymous() && r.Identity.Method == "" || to == TrackDocument && state != Received && state != Review {
			state = Classified
		}
		if _, err := tx.ExecContext(ctx, "UPDATE request SET track = $2, state = $3 WHERE id = $1 AND state = $4", id, string(to), string(state), string(r.State)); err != nil {
			return fmt.Errorf("request: track: %w", err)
		}
		if err := d.event(ctx, tx, id, actor, r.State, state, reason); err != nil {
			return err
		}
		return d.prove(ctx, tx, id, actor, "request.track", string(r.Track)+" > "+string(to)+": "+reason, nil)
	})
}

// tracked refuses the tracks of public bodies to others: nobody else has official
// documents, and their clock is the month of article 12.
func (d *Desk) tracked(ctx context.Context, t Track) error {
	public, err := d.public(ctx)
	if err == nil && !public {
		err = gallra.Errorf(gallra.Invalid, "request.track_public", "track", string(t))
	}
	return err
}

// ours refuses what lies in no system of ours: a hold on a name that nobody has
// would hold nothing, and nobody would be told.
func (d *Desk) ours(ctx context.Context, refs []gallra.Ref) error {
	if len(refs) == 0 {
		return nil
	}
	systems, err := d.Systems(ctx)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		if !slices.ContainsFunc(systems, func(s System) bool { return s.ID == ref.System }) || ref.ID != "" && ref.Type == "" {
			return gallra.Errorf(gallra.Invalid, "hold.target_missing")
		}
	}
	return nil
}

// Choose puts records that somebody asks to see into the review of a request for
// official documents, where no search by a person finds them, and on hold.
func (d *Desk) Choose(ctx context.Context, id, actor string, refs []gallra.Ref) error {
	r, err := d.Get(ctx, id)
	if err != nil {
		return err
	}
	if !r.Anonymous() || r.State != Received && r.State != Classified && r.State != Review || len(refs) == 0 {
		return gallra.Errorf(gallra.Blocked, "request.cannot_choose", "state", string(r.State))
	}
	var items []Item
	for _, ref := range refs {
		it, err := d.itemAt(ctx, ref)
		if err != nil {
			return err
		}
		items = append(items, it)
	}
	return d.DB.Tx(ctx, func(tx *sql.Tx) error {
		r, err := d.classified(ctx, tx, id, actor) // whoever picks out has read what it is about
		if err != nil {
			return err
		}
		for _, it := range items {
			if err := d.putItem(ctx, tx, id, it); err != nil {
				return err
			}
		}
		if err := d.keep(ctx, tx, r, "request.access_open"); err != nil {
			return err
		}
		if r.State == Review {
			return d.prove(ctx, tx, id, actor, "request.choose", "", map[string]int64{"items": int64(len(items))})
		}
		return d.move(ctx, tx, r, actor, Review, "request.chosen")
	})
}

func (d *Desk) itemAt(ctx context.Context, ref gallra.Ref) (Item, error) {
	src, err := d.openToRead(ctx, ref.System)
	if err != nil {
		return Item{}, err
	}
	defer src.Close()
	types, err := typesOf(ctx, src)
	if err != nil {
		return Item{}, err
	}
	rec, err := src.Get(ctx, ref)
	if err != nil {
		return Item{}, fmt.Errorf("request: get %s: %w", ref, err)
	}
	return Item{Ref: ref, Kind: types[ref.Type].Kind, Role: gallra.RoleMentioned, Certainty: connector.Certain, Why: []subject.Reason{}, Created: rec.Created, Decision: Include}, nil
}

// SecrecyResult is what a secrecy test found.
type SecrecyResult string

// The results.
const (
	SecrecyNone   SecrecyResult = "no"     // nothing stands in the way
	SecrecyPartly SecrecyResult = "partly" // some of it must not be handed over
	SecrecyWhole  SecrecyResult = "yes"    // none of it may be handed over
)

// Secrecy is a secrecy test (OSL; REQUIREMENTS SE-8).
type Secrecy struct {
	Result SecrecyResult `json:"result"`
	Law    string        `json:"law,omitempty"` // provision, where something is kept back
	By     string        `json:"by"`
	At     time.Time     `json:"at"`
}

// public reports whether the rules of public bodies hold.
func (d *Desk) public(ctx context.Context) (bool, error) {
	if d.Organisation == nil {
		return false, nil
	}
	o, err := d.Organisation(ctx)
	return o.Public(), err
}

// TestSecrecy records the secrecy test of what would be handed over. A test is of
// what stood in the review then: a new judgement or search makes it void.
func (d *Desk) TestSecrecy(ctx context.Context, id, actor string, result SecrecyResult, law string) error {
	law = strings.TrimSpace(law)
	switch {
	case actor == "":
		return gallra.Errorf(gallra.Invalid, "request.actor_missing")
	case result != SecrecyNone && result != SecrecyPartly && result != SecrecyWhole:
		return gallra.Errorf(gallra.Invalid, "request.secrecy_result")
	case result != SecrecyNone && law == "":
		return gallra.Errorf(gallra.Invalid, "request.secrecy_law")
	case result == SecrecyNone:
		law = ""
	}
	return d.DB.Tx(ctx, func(tx *sql.Tx) error {
		r, err := d.get(ctx, tx, id)
		if err != nil {
			return err
		}
		if r.State != Review && r.State != Decided {
			return gallra.Errorf(gallra.Blocked, "request.secrecy_state", "state", string(r.State))
		}
		if _, err := tx.ExecContext(ctx, "UPDATE request SET secrecy = $2, secrecy_law = $3, secrecy_by = $4, secrecy_at = $5 WHERE id = $1", id, string(result), law, actor, store.Micros(d.now())); err != nil {
			return fmt.Errorf("request: secrecy: %w", err)
		}
		reason := string(result)
		if law != "" {
			reason += ": " + law
		}
		return d.prove(ctx, tx, id, actor, "request.secrecy", reason, nil)
	})
}

// voidSecrecy forgets a test whose matter has changed.
func (d *Desk) voidSecrecy(ctx context.Context, tx *sql.Tx, id string) error {
	if _, err := tx.ExecContext(ctx, "UPDATE request SET secrecy = '', secrecy_law = '', secrecy_by = '', secrecy_at = 0 WHERE id = $1", id); err != nil {
		return fmt.Errorf("request: secrecy: %w", err)
	}
	return nil
}

// HandsOver reports whether carrying out the decision gives somebody what
// records say.
func (r Request) HandsOver() bool {
	return (r.Right == Access || r.Right == Portability) && (r.Outcome == Granted || r.Outcome == Partial)
}

// MayHandOver refuses what a public body must not hand over: without a secrecy
// test, or against what it found. Every road out asks it: delivery, package, link.
func (d *Desk) MayHandOver(ctx context.Context, id string) error {
	r, err := d.Get(ctx, id)
	if err != nil {
		return err
	}
	return d.mayHandOver(ctx, r)
}

func (d *Desk) mayHandOver(ctx context.Context, r Request) error {
	public, err := d.public(ctx)
	switch {
	case err != nil || !public || !r.HandsOver():
		return err
	case r.Secrecy == nil:
		return gallra.Errorf(gallra.Blocked, "request.secrecy_missing", "request", r.ID)
	case r.Secrecy.Result == SecrecyWhole, r.Secrecy.Result == SecrecyPartly && r.Outcome != Partial:
		return gallra.Errorf(gallra.Blocked, "request.secrecy_against", "request", r.ID, "outcome", string(r.Outcome))
	}
	return nil
}

// Ruling is what a written decision says besides the outcome (FL 31, 32 §§;
// REQUIREMENTS SE-9). The decisive facts stand in Details.Facts, sealed.
type Ruling struct {
	Presenter  string   `json:"presenter,omitempty"` // föredragande
	Others     []string `json:"others,omitempty"`    // who took part in the end without deciding
	Provisions string   `json:"provisions"`          // that were decisive
	Unnamed    bool     `json:"unnamed,omitempty"`   // names are left out, for somebody is under threat (FL 33 § 4 st)
}

// SetRuling records what the written decision says. facts are the circumstances
// that decided, sealed with the case.
func (d *Desk) SetRuling(ctx context.Context, id, actor string, u Ruling, facts string) error {
	u.Provisions, facts = strings.TrimSpace(u.Provisions), strings.TrimSpace(facts)
	if u.Provisions == "" || facts == "" {
		return gallra.Errorf(gallra.Invalid, "request.ruling_incomplete")
	}
	text, err := json.Marshal(u)
	if err != nil {
		return fmt.Errorf("request: ruling: %w", err)
	}
	return d.DB.Tx(ctx, func(tx *sql.Tx) error {
		r, err := d.get(ctx, tx, id)
		if err != nil {
			return err
		}
		if !slices.Contains([]State{Review, IdentityFailed, Decided, Verified}, r.State) {
			return gallra.Errorf(gallra.Blocked, "request.ruling_state", "state", string(r.State))
		}
		det, err := d.open(ctx, tx, id)
		if err != nil {
			return err
		}
		det.Facts = facts
		if err := d.putDetails(ctx, tx, id, det); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE request SET ruling = $2 WHERE id = $1", id, string(text)); err != nil {
			return fmt.Errorf("request: ruling: %w", err)
		}
		return d.prove(ctx, tx, id, actor, "request.ruling", u.Provisions, nil)
	})
}

// Against reports whether the decision goes against the person, who then gets it
// in writing with reasons and how to have it tried.
func (r Request) Against() bool {
	switch r.Outcome {
	case Partial, Refused, Unfounded, CannotIdentify:
		return true
	}
	return false
}

// complete refuses to deliver a public body's decision against the person that
// does not say why (FL 32 §).
func (d *Desk) complete(ctx context.Context, r Request) error {
	public, err := d.public(ctx)
	if err != nil || !public || !r.Against() || r.Ruling.Provisions != "" {
		return err
	}
	return gallra.Errorf(gallra.Blocked, "request.ruling_missing", "request", r.ID)
}

// Serve records the day on which the person got the decision: from it the three
// weeks of an appeal are counted (FL 44 §).
func (d *Desk) Serve(ctx context.Context, id, actor string, day time.Time) error {
	return d.DB.Tx(ctx, func(tx *sql.Tx) error {
		r, err := d.get(ctx, tx, id)
		switch {
		case err != nil:
			return err
		case r.Delivered.IsZero() || deadline.On(day).Before(deadline.On(r.Delivered)) || day.After(d.now()):
			return gallra.Errorf(gallra.Invalid, "request.served_date")
		}
		if _, err := tx.ExecContext(ctx, "UPDATE request SET served = $2 WHERE id = $1", id, store.Micros(day)); err != nil {
			return fmt.Errorf("request: serve: %w", err)
		}
		return d.prove(ctx, tx, id, actor, "request.served", "", nil)
	})
}

// AppealBy returns the last day to appeal: three weeks from the day the person
// got the decision, or from the delivery when that day is not known. Zero before
// the delivery and for a decision that is not against the person.
func (r Request) AppealBy() time.Time {
	from := r.Served
	if from.IsZero() {
		from = r.Delivered
	}
	if from.IsZero() || !r.Against() {
		return time.Time{}
	}
	return deadline.AppealBy(from)
}

// GroundOfficial is why an item stays: it is an official document (REQUIREMENTS
// SE-10). Its reason and provisions are ready.
const GroundOfficial = "official"

// OfficialLaw are the provisions of GroundOfficial.
const OfficialLaw = "GDPR 17.3 b, d; arkivlagen 3, 10 §§; dataskyddslagen 3:6"

// OutcomePreserved is what became of an item that stays as an official document.
const OutcomePreserved gallra.Outcome = "preserved"

// preserve fills in a verdict that keeps items as official documents: until when
// each is kept follows from the retention rule it falls under. Without a rule, or
// one with its decision, it is kept until further notice.
func (d *Desk) preserve(ctx context.Context, it Item) (until time.Time, rule string, err error) {
	sys, err := d.system(ctx, it.Ref.System)
	if err != nil {
		return time.Time{}, "", err
	}
	var rec *gallra.Record
	for _, u := range sys.Rules {
		if !u.Covers(it.Ref.System, it.Ref.Type, it.Kind == connector.KindConversation) || u.Decision.Body == "" || u.Decision.Date == "" || u.Decision.Number == "" {
			continue
		}
		if rec == nil {
			src, err := d.openToRead(ctx, it.Ref.System)
			if err != nil {
				return time.Time{}, "", err
			}
			r, err := src.Get(ctx, it.Ref)
			if err = errors.Join(err, src.Close()); err != nil {
				return time.Time{}, "", fmt.Errorf("request: get %s: %w", it.Ref, err)
			}
			rec = &r
		}
		if last, _, ok := u.Due(*rec, deadline.Stockholm); ok && last.After(until) { // the longest decides, as when it is thinned out
			until, rule = last, fmt.Sprintf("%s v%d, %s %s", u.ID, u.Version, u.Decision.Body, u.Decision.Number)
		}
	}
	return until, rule, nil
}

// WorkHold is the kind of work that puts what a request asks to see on hold, as
// soon as it is registered (REQUIREMENTS SE-13).
const WorkHold = "hold"

// watchOver begins the work that looks for what a request is about, in the
// transaction that registers it: workers find it also if nobody calls them.
func (d *Desk) watchOver(ctx context.Context, tx *sql.Tx, id, actor string) error {
	_, err := work.Create(ctx, tx, d.now(), WorkHold, id, actor)
	return err
}

// HoldWork returns the work that puts what a request asks to see on hold; "" when
// there is none to be done.
func (d *Desk) HoldWork(ctx context.Context, id string) (string, error) {
	w, err := work.Latest(ctx, d.DB, WorkHold, id)
	if errors.Is(err, gallra.ErrNotFound) || err == nil && w.State.Over() {
		return "", nil
	}
	return w.ID, err
}

// holdFound looks in the identity fields of every system, which is quick, and
// puts what it finds on hold. A system that cannot be asked is held whole: what
// cannot be told apart must not go. The search of the case takes over later.
func (d *Desk) holdFound(ctx context.Context, id string) error {
	r, err := d.Get(ctx, id)
	if err != nil || !r.State.Open() || r.State == Review || r.State == Searching {
		return err
	}
	det, err := d.open(ctx, d.DB, id)
	if err != nil {
		return err
	}
	systems, err := d.Systems(ctx)
	if err != nil {
		return err
	}
	var targets []hold.Target
	if len(det.Identifiers) > 0 {
		for _, s := range systems {
			if s.Manual {
				continue // asked of people, who see the request
			}
			refs, err := d.findIn(ctx, s.ID, det.identifiers())
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case gallra.CodeOf(err) == gallra.Unsupported:
				continue
			case err != nil:
				targets = append(targets, hold.Target{Ref: gallra.Ref{System: s.ID}})
			}
			for _, ref := range refs {
				targets = append(targets, hold.Target{Ref: ref})
			}
		}
	}
	return d.DB.Tx(ctx, func(tx *sql.Tx) error {
		if r, err = d.get(ctx, tx, id); err != nil || r.State == Review {
			return err
		}
		return d.extendHold(ctx, tx, r, "request.access_open", targets)
	})
}

// findIn returns the records, and their conversations, that bear one of ids in an
// identity field.
func (d *Desk) findIn(ctx context.Context, system gallra.SystemID, ids []gallra.Identifier) ([]gallra.Ref, error) {
	src, err := d.openToRead(ctx, system)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	return hold.Find(ctx, src, system, ids)
}

// extendHold replaces the request's hold by one that covers its targets and those
// it covered before.
func (d *Desk) extendHold(ctx context.Context, tx *sql.Tx, r Request, reason string, targets []hold.Target) error {
	if r.hold != "" {
		rows, err := tx.QueryContext(ctx, "SELECT system, type, ref_id FROM hold_target WHERE hold = $1", r.hold)
		if err != nil {
			return fmt.Errorf("request: hold: %w", err)
		}
		for rows.Next() {
			var t hold.Target
			if err := rows.Scan(&t.Ref.System, &t.Ref.Type, &t.Ref.ID); err != nil {
				rows.Close()
				return fmt.Errorf("request: hold: %w", err)
			}
			if !slices.Contains(targets, t) {
				targets = append(targets, t)
			}
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return fmt.Errorf("request: hold: %w", err)
		}
	}
	if len(targets) == 0 {
		return nil
	}
	if err := d.release(ctx, tx, r, "system"); err != nil {
		return err
	}
	h, err := d.holds().Place(ctx, tx, hold.Hold{Kind: hold.Request, Reason: reason, Matter: r.ID, PlacedBy: "system", Targets: targets})
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "UPDATE request SET hold = $2 WHERE id = $1", r.ID, h.ID); err != nil {
		return fmt.Errorf("request: hold: %w", err)
	}
	return nil
}
