package request

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/subject"
	"github.com/gallra/gallra/internal/work"
)

// Decision is what a person decided about one item.
type Decision string

// The decisions. An item that was found by a certain identifier starts as
// included, every other as open (REQUIREMENTS W-6).
const (
	Open    Decision = "open"
	Include Decision = "include"
	Exclude Decision = "exclude" // not this person, or not within the request
	Keep    Decision = "keep"    // the person's, but an exception holds it
)

// Item is what was found, in the units that are acted on: a conversation of the
// person's own, a record about the person, or one record in another person's
// conversation.
type Item struct {
	N         int                 `json:"n"`
	Ref       gallra.Ref          `json:"ref"`
	Kind      connector.Kind      `json:"kind"`
	Parent    gallra.Ref          `json:"parent,omitzero"`
	Role      gallra.Role         `json:"role"`
	Certainty connector.Certainty `json:"certainty"`
	Why       []subject.Reason    `json:"why"`
	Created   time.Time           `json:"created,omitzero"`
	Decision  Decision            `json:"decision"`
	Action    gallra.Action       `json:"action,omitempty"` // what inclusion means in an erasure
	Reason    string              `json:"reason,omitempty"`
	Law       string              `json:"law,omitempty"`
	Recheck   time.Time           `json:"recheck,omitzero"`
	Ground    string              `json:"ground,omitempty"`    // of Keep: GroundOfficial, or another
	KeepUntil time.Time           `json:"keep_until,omitzero"` // of GroundOfficial: the last day by the retention rule; zero: until further notice
	KeepRule  string              `json:"keep_rule,omitempty"` // rule, version and its decision
	DecidedBy string              `json:"decided_by,omitempty"`

	State    string           `json:"state"` // planned, doing, done, manual, failed
	Outcome  gallra.Outcome   `json:"outcome,omitempty"`
	Grade    gallra.Grade     `json:"grade,omitempty"`
	GoneBy   time.Time        `json:"gone_by,omitzero"`
	Residues []gallra.Residue `json:"residues,omitempty"`
	Problem  *gallra.Error    `json:"-"`
	Ended    time.Time        `json:"ended,omitzero"`
}

// Own reports whether the record is the person's own, to be erased whole; in any
// other the person's values are taken out (DESIGN 3, "Role").
func (i Item) Own() bool { return i.Role == gallra.RoleRequester }

// itemsOf turns hits into items. In a forum others have written in what one
// person began: a discussion there loses the person and stays (REQUIREMENTS 7.3).
func itemsOf(hits []subject.Hit, types map[string]connector.Type, channel connector.Channel) []Item {
	var out []Item
	for _, c := range subject.Conversations(hits) {
		if c.Own() {
			it := Item{Ref: c.Ref, Kind: types[c.Ref.Type].Kind, Role: c.Role, Certainty: c.Certainty, Action: gallra.ActionErase}
			if channel == connector.ChannelForum && it.Kind == connector.KindConversation {
				it.Action = gallra.ActionAnonymise
			}
			for _, h := range c.Hits {
				it.Why = append(it.Why, h.Why...)
				if h.Ref == c.Ref || it.Created.IsZero() {
					it.Created = h.Created
				}
			}
			out = append(out, it.settled())
			continue
		}
		if c.MaybeOwn { // somebody must look whether the whole case is the person's
			out = append(out, Item{Ref: c.Ref, Kind: types[c.Ref.Type].Kind, Role: gallra.RoleRequester, Certainty: connector.Unsure, Action: gallra.ActionErase}.settled())
		}
		for _, h := range c.Hits {
			it := Item{Ref: h.Ref, Kind: types[h.Ref.Type].Kind, Parent: h.Parent, Role: h.Role, Certainty: h.Certainty, Why: h.Why, Created: h.Created, Action: gallra.ActionRedact}
			out = append(out, it.settled())
		}
	}
	return out
}

// settled gives the decision an item starts with. An employee's own work is not
// the customer's data (REQUIREMENTS 7.3).
func (i Item) settled() Item {
	i.Decision = Open
	switch {
	case i.Role == gallra.RoleAgent || i.Kind == connector.KindAgent:
		i.Decision, i.Reason = Exclude, "request.agent"
	case i.Certainty == connector.Certain:
		i.Decision = Include
	}
	return i
}

func (d *Desk) putItem(ctx context.Context, tx *sql.Tx, id string, it Item) error {
	why, err := json.Marshal(it.Why)
	if err != nil {
		return fmt.Errorf("request: item: %w", err)
	}
	parent := ""
	if !it.Parent.IsZero() {
		parent = it.Parent.String()
	}
	// Found again: what a person has decided stays; a surer match of an item that
	// nobody has decided about counts.
	_, err = tx.ExecContext(ctx, `INSERT INTO request_item (request, n, system, type, ref_id, kind, parent, role, certainty, why, created, decision, action, reason)
		SELECT $1, coalesce(max(n), 0) + 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13 FROM request_item WHERE request = $1
		ON CONFLICT (request, system, type, ref_id) DO UPDATE SET role = excluded.role, certainty = excluded.certainty, why = excluded.why, parent = excluded.parent,
			decision = CASE WHEN request_item.decided_by = '' AND request_item.state = 'planned' THEN excluded.decision ELSE request_item.decision END,
			action = CASE WHEN request_item.decided_by = '' AND request_item.state = 'planned' THEN excluded.action ELSE request_item.action END`,
		id, string(it.Ref.System), it.Ref.Type, it.Ref.ID, string(it.Kind), parent, string(it.Role), string(it.Certainty), string(why), store.Micros(it.Created), string(it.Decision), string(it.Action), it.Reason)
	if err != nil {
		return fmt.Errorf("request: item: %w", err)
	}
	return nil
}

// Items returns what was found, in the order it was found.
func (d *Desk) Items(ctx context.Context, id string) ([]Item, error) { return d.items(ctx, d.DB, id) }

func (d *Desk) items(ctx context.Context, q querier, id string) ([]Item, error) {
	rows, err := q.QueryContext(ctx, `SELECT n, system, type, ref_id, kind, parent, role, certainty, why, created, decision, action, reason, law, recheck, decided_by,
		state, outcome, grade, gone_by, residues, problem, ended, ground, keep_until, keep_rule FROM request_item WHERE request = $1 ORDER BY n`, id)
	if err != nil {
		return nil, fmt.Errorf("request: items: %w", err)
	}
	defer rows.Close()
	var out []Item
	for rows.Next() {
		var it Item
		var parent, why, residues, problem string
		var created, recheck, goneBy, ended, until int64
		err := rows.Scan(&it.N, &it.Ref.System, &it.Ref.Type, &it.Ref.ID, &it.Kind, &parent, &it.Role, &it.Certainty, &why, &created, &it.Decision, &it.Action, &it.Reason, &it.Law, &recheck, &it.DecidedBy,
			&it.State, &it.Outcome, &it.Grade, &goneBy, &residues, &problem, &ended, &it.Ground, &until, &it.KeepRule)
		if err == nil && parent != "" {
			it.Parent, err = gallra.ParseRef(parent)
		}
		if err == nil {
			err = json.Unmarshal([]byte(why), &it.Why)
		}
		if err == nil {
			err = json.Unmarshal([]byte(residues), &it.Residues)
		}
		if err != nil {
			return nil, fmt.Errorf("request: items: %w", err)
		}
		it.Created, it.Recheck, it.GoneBy, it.Ended = store.Time(created), store.Time(recheck), store.Time(goneBy), store.Time(ended)
		it.KeepUntil = store.Time(until)
		it.Problem = work.ProblemError(problem)
		out = append(out, it)
	}
	return out, rows.Err()
}

// Verdict is a person's decision about items.
type Verdict struct {
	Items    []int // numbers
	Decision Decision
	Action   gallra.Action // of an inclusion: erase, redact, anonymise, restrict; "" leaves what the role says
	Reason   string        // ground (GDPR art. 17(1)) or why not; without personal values
	Law      string        // of Keep: the provision that holds it (REQUIREMENTS A17-2)
	Ground   string        // of Keep: GroundOfficial, which brings reason, provisions and period of its own
	Recheck  time.Time     // of Keep: when the exception is looked at again
}

// Judge records a decision about items, which must still be in review. Another
// person's conversation is never erased for this one: it may be redacted only
// (DESIGN 3, "Role").
func (d *Desk) Judge(ctx context.Context, id, actor string, v Verdict) error {
	official := v.Decision == Keep && v.Ground == GroundOfficial
	if official {
		if strings.TrimSpace(v.Reason) == "" {
			v.Reason = "request.ground.official"
		}
		if strings.TrimSpace(v.Law) == "" {
			v.Law = OfficialLaw
		}
	}
	switch {
	case v.Ground != "" && !official:
		return gallra.Errorf(gallra.Invalid, "request.ground_unknown")
	case v.Decision != Include && v.Decision != Exclude && v.Decision != Keep:
		return gallra.Errorf(gallra.Invalid, "request.decision_unknown")
	case v.Decision != Include && strings.TrimSpace(v.Reason) == "":
		return gallra.Errorf(gallra.Invalid, "request.reason_missing")
	case v.Decision == Keep && !official && (strings.TrimSpace(v.Law) == "" || v.Recheck.IsZero()):
		return gallra.Errorf(gallra.Invalid, "request.exception_incomplete")
	}
	type period struct {
		until time.Time
		rule  string
	}
	periods := map[int]period{}
	if official { // the systems are read before the transaction
		items, err := d.Items(ctx, id)
		if err != nil {
			return err
		}
		for _, it := range items {
			if !slices.Contains(v.Items, it.N) {
				continue
			}
			until, rule, err := d.preserve(ctx, it)
			if err != nil {
				return err
			}
			periods[it.N] = period{until, rule}
		}
	}
	return d.DB.Tx(ctx, func(tx *sql.Tx) error {
		r, err := d.get(ctx, tx, id)
		if err != nil {
			return err
		}
		if r.State != Review {
			return gallra.Errorf(gallra.Blocked, "request.not_in_review", "state", string(r.State))
		}
		items, err := d.items(ctx, tx, id)
		if err != nil {
			return err
		}
		byN := map[int]Item{}
		for _, it := range items {
			byN[it.N] = it
		}
		for _, n := range v.Items {
			it, ok := byN[n]
			if !ok {
				return gallra.Errorf(gallra.NotFound, "request.no_item", "number", fmt.Sprint(n))
			}
			action := it.Action
			if v.Decision == Include && v.Action != "" {
				switch v.Action {
				case gallra.ActionErase, gallra.ActionRedact, gallra.ActionAnonymise, gallra.ActionRestrict:
				default:
					return gallra.Errorf(gallra.Invalid, "request.action_unknown")
				}
				if action = v.Action; action == gallra.ActionErase && !it.Own() {
					return gallra.Errorf(gallra.Blocked, "request.not_own", "record", it.Ref.String())
				}
			}
			p, recheck, outcome := periods[n], v.Recheck, ""
			if official {
				outcome = string(OutcomePreserved)
				if recheck.IsZero() {
					recheck = p.until
				}
			}
			_, err := tx.ExecContext(ctx, "UPDATE request_item SET decision = $3, action = $4, reason = $5, law = $6, recheck = $7, decided_by = $8, ground = $9, keep_until = $10, keep_rule = $11, outcome = $12 WHERE request = $1 AND n = $2",
				id, n, string(v.Decision), string(action), v.Reason, v.Law, store.Micros(recheck), actor, v.Ground, store.Micros(p.until), p.rule, outcome)
			if err != nil {
				return fmt.Errorf("request: judge: %w", err)
			}
		}
		if err := d.voidSecrecy(ctx, tx, id); err != nil {
			return err
		}
		return d.prove(ctx, tx, id, actor, "request.judge", string(v.Decision), map[string]int64{"items": int64(len(v.Items))})
	})
}
