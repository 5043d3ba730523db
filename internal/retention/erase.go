package retention

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

// Why a record was kept or failed: message keys.
const (
	reasonHold     = "retention.reason.hold"
	reasonChanged  = "retention.reason.changed"   // new activity since the plan
	reasonGone     = "retention.reason.gone"      // somebody else has removed it
	reasonNotDue   = "retention.reason.not_due"   // looked at again, its date has not passed
	reasonRemains  = "retention.reason.remains"   // the system said done, and it is still there
	reasonRefused  = "retention.reason.refused"   // the system refused
	reasonLost     = "retention.reason.lost"      // the system could not be reached for it
	reasonUnable   = "retention.reason.unable"    // the system cannot do it for this record
	reasonUnnamed  = "retention.reason.unplanned" // past its date, not in the plan
	reasonNotTried = "retention.reason.not_tried" // the run ended before its turn
)

// oneByOne is how many records are done between two notes of progress where
// the system takes them one at a time.
const oneByOne = 100

// How many conversations are rewritten at a time in a system that takes batches:
// their text is in memory meanwhile, and where files are redacted, those too. When
// it is more than roomForText there are fewer. Both are for two lanes: more of them
// share what two would have (inHand).
const (
	manyThreads    = 5000
	childrenListed = 5000 // a page of what hangs on them
	recordsRead    = 1000 // of conversations themselves, between two looks at the room
	threadsOfFiles = 50
	roomForText    = 8 << 20
	roomForRecord  = 300 // besides its text
)

// doing carries a rule's action out on the items of a chunk. again says that an
// earlier attempt at the same chunk may have come through, in whole or part.
type doing func(ctx context.Context, u unit, rule gallra.Rule, items []item, again bool) (result, error)

// actor returns how a rule's action is done in a system, and how many records
// at a time. gallra.ErrUnsupported when the system can't.
func (r *running) actor(ctx context.Context, b batch, u unit, rule gallra.Rule) (doing, int, error) {
	src, err := r.source(ctx, u.System)
	if err != nil {
		return nil, 0, err
	}
	_, batcher := src.(connector.Batcher)
	size := oneByOne
	if !rule.Quarantine.IsZero() {
		return r.quarantine, size, nil
	}
	switch rule.Action {
	case gallra.ActionErase:
		if _, ok := src.(connector.Eraser); !ok && !batcher {
			return nil, 0, gallra.Errorf(gallra.Unsupported, "retention.cannot_erase", "system", string(u.System))
		}
		if batcher {
			size = r.batchSize()
		}
		return r.erase, size, nil
	case gallra.ActionArchive:
		if _, ok := src.(connector.Eraser); !ok && !batcher {
			return nil, 0, gallra.Errorf(gallra.Unsupported, "retention.cannot_erase", "system", string(u.System))
		}
		return r.deliver(b), packageSize, nil
	case gallra.ActionAnonymise:
		if _, ok := src.(connector.Editor); !ok && !batcher {
			return nil, 0, gallra.Errorf(gallra.Unsupported, "retention.cannot_anonymise", "system", string(u.System))
		}
		if batcher {
			size = r.inHand(manyThreads)
		}
		if rule.Files == gallra.FilesRedact {
			size = min(size, threadsOfFiles)
		}
		return r.anonymise, size, nil
	}
	return nil, 0, gallra.Errorf(gallra.Invalid, "retention.rule_action", "rule", rule.ID)
}

// recheck leaves out what must not be touched now: what is on hold, and, where
// the system gives no versions, what is no longer as it was (REQUIREMENTS G-4).
// Where there are versions the system itself refuses what has changed.
func (r *running) recheck(ctx context.Context, src connector.Source, u unit, items []item, x *result) ([]item, error) {
	holds, err := r.holds(ctx, src, u, items)
	if err != nil {
		return nil, err
	}
	out := make([]item, 0, len(items))
	for _, i := range items {
		ref := gallra.Ref{System: u.System, Type: u.Type, ID: i.id}
		if id, ok := holds.Covers(ref, i.parent, i.person); ok {
			x.except(i, gallra.OutcomeKept, reasonHold, id)
			continue
		}
		if i.version == "" {
			rec, err := src.Get(ctx, ref)
			switch {
			case errors.Is(err, gallra.ErrNotFound):
				// The action meets it again and knows whether it was ours.
			case err != nil:
				return nil, fmt.Errorf("retention: get %s: %w", ref, err)
			case !u.judge(r.plan.Rules, rec, r.plan.Today, r.Loc).due:
				x.except(i, gallra.OutcomeKept, reasonNotDue, "")
				continue
			}
		}
		out = append(out, i)
	}
	return out, nil
}

// erase erases a chunk and verifies it by another road.
func (r *running) erase(ctx context.Context, u unit, _ gallra.Rule, items []item, again bool) (result, error) {
	var x result
	src, err := r.source(ctx, u.System)
	if err != nil {
		return x, err
	}
	todo, err := r.recheck(ctx, src, u, items, &x)
	if err != nil || len(todo) == 0 {
		return x, err
	}
	refs := make([]gallra.Ref, len(todo))
	for n, i := range todo {
		refs[n] = gallra.Ref{System: u.System, Type: u.Type, ID: i.id}
	}
	trace, err := traceOf(ctx, src, refs)
	if err != nil {
		return x, err
	}
	files, err := attached(ctx, trace)
	if err != nil {
		return x, err
	}
	answers, err := eraseMany(ctx, src, u, todo)
	if err != nil {
		return x, err
	}
	type claim struct {
		item
		receipt gallra.Receipt
	}
	claims := make([]claim, 0, len(answers))
	verify := make([]gallra.Ref, 0, len(answers))
	x.gone = make([]item, 0, len(answers))
	for n, a := range answers {
		i := todo[n]
		switch {
		case a.Err == nil:
			claims = append(claims, claim{i, a.Receipt})
			if a.Receipt.Final {
				verify = append(verify, gallra.Ref{System: u.System, Type: u.Type, ID: i.id})
			}
		case errors.Is(a.Err, gallra.ErrNotFound) && again:
			claims = append(claims, claim{i, gallra.Receipt{Action: gallra.ActionErase, Grade: gallra.GradeLive, Final: true}})
			verify = append(verify, gallra.Ref{System: u.System, Type: u.Type, ID: i.id})
		default:
			o, why := refusal(a.Err)
			x.except(i, o, why, "")
		}
	}
	left, err := remains(ctx, src, trace, verify)
	if err != nil {
		return x, err
	}
	for _, c := range claims {
		if found := left[c.id]; len(found) > 0 {
			if err := r.leftBehind(ctx, src, u, c.item, found, &x); err != nil {
				return x, err
			}
			continue
		}
		x.tally.outcome(gallra.OutcomeErased, 1)
		x.tally.receipt(c.receipt)
		if files != nil {
			a := files[c.id]
			x.tally.attached(&a)
		}
		x.gone = append(x.gone, c.item)
		if !c.receipt.Final {
			// Counted under erased; the exception says until when it may be there.
			x.exceptions = append(x.exceptions, exception{id: c.id, outcome: gallra.OutcomeErased, reason: reasonPromised, detail: c.receipt.Remote, goneBy: c.receipt.GoneBy})
			x.waits = append(x.waits, wait{id: c.id, kind: waitPromise, receipt: c.receipt, until: c.receipt.GoneBy})
		}
	}
	return x, nil
}

// refusal says what a record's error makes of it.
func refusal(err error) (gallra.Outcome, string) {
	switch {
	case errors.Is(err, gallra.ErrConflict):
		return gallra.OutcomeKept, reasonChanged
	case errors.Is(err, gallra.ErrNotFound):
		return gallra.OutcomeKept, reasonGone
	case errors.Is(err, gallra.ErrUnsupported):
		return gallra.OutcomeFailed, reasonUnable
	case errors.Is(err, gallra.ErrUnavailable):
		return gallra.OutcomeFailed, reasonLost
	}
	return gallra.OutcomeFailed, reasonRefused
}

func eraseMany(ctx context.Context, src connector.Source, u unit, items []item) ([]connector.Result, error) {
	if b, ok := src.(connector.Batcher); ok {
		list := make([]connector.Item, len(items))
		for n, i := range items {
			list[n] = connector.Item{Ref: gallra.Ref{System: u.System, Type: u.Type, ID: i.id}, IfVersion: i.version}
		}
		out, err := b.EraseMany(ctx, list)
		if err == nil && len(out) != len(list) {
			err = gallra.Errorf(gallra.Internal, "retention.answers", "system", string(u.System))
		}
		if !errors.Is(err, gallra.ErrUnsupported) {
			return out, wrapped(err, "erase in", u.System)
		}
	}
	er, ok := src.(connector.Eraser)
	if !ok {
		return nil, gallra.Errorf(gallra.Unsupported, "retention.cannot_erase", "system", string(u.System))
	}
	out := make([]connector.Result, len(items))
	for n, i := range items {
		out[n].Receipt, out[n].Err = er.Erase(ctx, gallra.Ref{System: u.System, Type: u.Type, ID: i.id}, i.version)
		if out[n].Err != nil && ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return out, nil
}

func wrapped(err error, what string, system gallra.SystemID) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("retention: %s %s: %w", what, system, err)
}

// traceOf notes what belongs to records before they are changed; nil where the
// system has no such road.
func traceOf(ctx context.Context, src connector.Source, refs []gallra.Ref) (connector.Trace, error) {
	t, ok := src.(connector.Tracer)
	if !ok || len(refs) == 0 {
		return nil, nil
	}
	trace, err := t.Trace(ctx, refs)
	if errors.Is(err, gallra.ErrUnsupported) {
		return nil, nil
	}
	return trace, wrapped(err, "trace in", refs[0].System)
}

// attached returns how many attachments go with each record, by id; nil where
// the system does not tell.
func attached(ctx context.Context, trace connector.Trace) (map[string]connector.Attached, error) {
	c, ok := trace.(connector.Counter)
	if !ok {
		return nil, nil
	}
	out, err := c.Attached(ctx)
	if err != nil {
		return nil, fmt.Errorf("retention: count attachments: %w", err)
	}
	return out, nil
}

// remains asks by another road what is still there of refs, by id: of all that
// belonged to them where it was noted, and in every place that keeps their own
// reference. It reads each again when the system has no such road (REQUIREMENTS G-7).
func remains(ctx context.Context, src connector.Source, trace connector.Trace, refs []gallra.Ref) (map[string][]gallra.Residue, error) {
	out := map[string][]gallra.Residue{}
	if len(refs) == 0 {
		return out, nil
	}
	if trace != nil {
		wanted := make(map[string]bool, len(refs))
		for _, ref := range refs {
			wanted[ref.ID] = true
		}
		left, err := trace.Remains(ctx)
		for _, x := range left {
			if wanted[x.Ref.ID] {
				out[x.Ref.ID] = append(out[x.Ref.ID], x)
			}
		}
		return out, wrapped(err, "verify in", refs[0].System)
	}
	if v, ok := src.(connector.Verifier); ok {
		left, err := v.Remains(ctx, refs)
		if !errors.Is(err, gallra.ErrUnsupported) {
			for _, x := range left {
				out[x.Ref.ID] = append(out[x.Ref.ID], x)
			}
			return out, wrapped(err, "verify in", refs[0].System)
		}
	}
	for _, ref := range refs {
		_, err := src.Get(ctx, ref)
		switch {
		case err == nil:
			out[ref.ID] = []gallra.Residue{{Ref: ref, Where: "get", Count: 1}}
		case !errors.Is(err, gallra.ErrNotFound):
			return nil, fmt.Errorf("retention: verify %s: %w", ref, err)
		}
	}
	return out, nil
}

// placesNamed is how many places an exception names; the residues have them all.
const placesNamed = 5

// leftBehind enters a record of which verification found something: it is
// failed, whatever the system said, and the places are named. Its statistics
// are saved all the same when the record itself is gone, for nothing else
// counts it any more.
func (r *running) leftBehind(ctx context.Context, src connector.Source, u unit, i item, found []gallra.Residue, x *result) error {
	x.failed(i, found)
	ref := gallra.Ref{System: u.System, Type: u.Type, ID: i.id}
	_, err := src.Get(ctx, ref)
	switch {
	case errors.Is(err, gallra.ErrNotFound):
		x.gone = append(x.gone, i)
	case err != nil:
		return fmt.Errorf("retention: verify %s: %w", ref, err)
	}
	return nil
}

// failed enters a record that is not what the system says it is, and where.
func (x *result) failed(i item, found []gallra.Residue) {
	for _, f := range found {
		x.tally.residue(gallra.Residue{Where: f.Where, Why: cmp.Or(f.Why, "residue.still_there"), Count: f.Count})
	}
	x.except(i, gallra.OutcomeFailed, reasonRemains, placesOf(found))
}

// placesOf names the first places of what was found.
func placesOf(found []gallra.Residue) string {
	var places []string
	for _, f := range found {
		if !slices.Contains(places, f.Where) && len(places) < placesNamed {
			places = append(places, f.Where)
		}
	}
	return strings.Join(places, ", ")
}
