// Package subject finds one person in all systems: which records, in which
// role, and how sure that is. It asks identity fields first and free text then,
// joins what several identifiers say of one record, and proposes further
// identifiers found on the person's own records. It keeps nothing.
package subject

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/pii"
	"github.com/gallra/gallra/pii/ident"
)

// Hit is one record about the person, with all that spoke for it.
type Hit struct {
	Ref       gallra.Ref          `json:"ref"`
	Parent    gallra.Ref          `json:"parent,omitzero"` // its conversation
	Role      gallra.Role         `json:"role"`            // the strongest role found in the record
	Certainty connector.Certainty `json:"certainty"`
	Why       []Reason            `json:"why"`
	Created   time.Time           `json:"created,omitzero"`
}

// Reason is one identifier that matched in one field. It names kinds, not values.
type Reason struct {
	Field      string                `json:"field"`
	Kind       gallra.IdentifierKind `json:"kind"`
	Identifier int                   `json:"identifier"` // index in the identifiers searched by
	Role       gallra.Role           `json:"role"`
}

// Result is what one system answered.
type Result struct {
	System  gallra.SystemID     `json:"system"`
	At      time.Time           `json:"at"` // when the search began: data that came later are not in it (REQUIREMENTS H-17)
	Hits    []Hit               `json:"hits"`
	Skipped []connector.Problem `json:"skipped,omitempty"` // what could not be searched: needs a look by hand
}

// Search asks one system about the person. progress, if not nil, is told the
// number of hits so far. A system that cannot search is gallra.ErrUnsupported:
// it needs a task by hand, never an empty answer.
func Search(ctx context.Context, src connector.Source, system gallra.SystemID, ids []gallra.Identifier, now time.Time, progress func(hits int)) (Result, error) {
	f, ok := src.(connector.Finder)
	if !ok {
		return Result{}, gallra.Errorf(gallra.Unsupported, "subject.no_search", "system", string(system))
	}
	c := collector{byRef: map[gallra.Ref]*Hit{}}
	res := Result{System: system, At: now}
	for _, depth := range []connector.Depth{connector.InFields, connector.InText} {
		for cursor := ""; ; {
			page, err := f.Find(ctx, connector.Needles{Identifiers: ids, Depth: depth}, cursor)
			if err != nil {
				return Result{}, fmt.Errorf("subject: search %s: %w", system, err)
			}
			for _, h := range page.Hits {
				c.add(h, ids)
			}
			if depth == connector.InText { // the fields were read both times
				res.Skipped = append(res.Skipped, page.Skipped...)
			}
			if progress != nil {
				progress(len(c.byRef))
			}
			if cursor = page.Next; cursor == "" {
				break
			}
		}
	}
	res.Hits = c.hits()
	return res, nil
}

// collector joins hits of one system by record.
type collector struct {
	byRef map[gallra.Ref]*Hit
	order []gallra.Ref
}

func (c *collector) add(h connector.Hit, ids []gallra.Identifier) {
	kind := h.Kind
	if kind == "" && h.Identifier < len(ids) {
		kind = ids[h.Identifier].Kind
	}
	r := Reason{Field: h.Field, Kind: kind, Identifier: h.Identifier, Role: h.Role}
	hit := c.byRef[h.Ref]
	if hit == nil {
		hit = &Hit{Ref: h.Ref, Parent: h.Parent, Role: h.Role, Created: h.Created}
		c.byRef[h.Ref] = hit
		c.order = append(c.order, h.Ref)
	}
	if hit.Parent.IsZero() {
		hit.Parent = h.Parent
	}
	if slices.Contains(hit.Why, r) {
		return
	}
	hit.Why = append(hit.Why, r)
	if Stronger(h.Role, hit.Role) {
		hit.Role = h.Role
	}
}

// hits settles the certainty of every hit: an identifier that only one person
// has is certain; a name alone is unsure; a name beside a second factor of the
// same person in the same conversation is probable (REQUIREMENTS W-6).
func (c *collector) hits() []Hit {
	sure := map[gallra.Ref]bool{} // conversations in which a unique identifier matched
	for _, h := range c.byRef {
		if h.unique() {
			sure[h.conversation()] = true
		}
	}
	own := map[gallra.Ref]bool{} // conversations that are the person's own
	for ref, h := range c.byRef {
		if h.Parent.IsZero() && h.Role == gallra.RoleRequester {
			own[ref] = true
		}
	}
	out := make([]Hit, 0, len(c.order))
	for _, ref := range c.order {
		h := *c.byRef[ref]
		if h.Role == gallra.RoleAuthor && own[h.Parent] {
			h.Role = gallra.RoleRequester // author means: in another person's case
		}
		switch {
		case h.unique():
			h.Certainty = connector.Certain
		case sure[h.conversation()]:
			h.Certainty = connector.Probable
		default:
			h.Certainty = connector.Unsure
		}
		out = append(out, h)
	}
	return out
}

func (h *Hit) unique() bool {
	return slices.ContainsFunc(h.Why, func(r Reason) bool { return Unique(r.Kind) })
}

func (h *Hit) conversation() gallra.Ref {
	if h.Parent.IsZero() {
		return h.Ref
	}
	return h.Parent
}

// Unique reports whether an identifier of that kind belongs to one person. A
// name does not, and an address on the network may be shared.
func Unique(k gallra.IdentifierKind) bool {
	return k != gallra.IdentName && k != gallra.IdentIP
}

var strength = map[gallra.Role]int{
	gallra.RoleRequester: 7, gallra.RoleAuthor: 6, gallra.RoleCC: 5, gallra.RoleAgent: 4,
	gallra.RoleMentioned: 3, gallra.RoleQuoted: 2, gallra.RoleAttachment: 1,
}

// Stronger reports whether role a says more of a person's part than b.
func Stronger(a, b gallra.Role) bool { return strength[a] > strength[b] }

// Conversation is the person's part in one conversation, from all its hits.
type Conversation struct {
	Ref       gallra.Ref          `json:"ref"`
	Role      gallra.Role         `json:"role"`
	Certainty connector.Certainty `json:"certainty"`
	Hits      []Hit               `json:"hits"`

	// MaybeOwn says that the conversation is that of somebody of the person's
	// name, who may be another, and surely speaks of the person: the role and the
	// hits are those of the sure part alone.
	MaybeOwn bool `json:"maybe_own,omitempty"`
}

// Own reports whether the case is the person's own: then it may be erased
// whole. In any other the person's values are redacted (DESIGN 3, "Role").
func (c Conversation) Own() bool { return c.Role == gallra.RoleRequester }

// Conversations groups hits by conversation, in the order they were found. A
// record without a conversation stands as its own. The role is the strongest
// one; the certainty that of the surest hit.
func Conversations(hits []Hit) []Conversation {
	at := map[gallra.Ref]int{}
	var out []Conversation
	for _, h := range hits {
		ref := h.conversation()
		i, ok := at[ref]
		if !ok {
			i = len(out)
			at[ref] = i
			out = append(out, Conversation{Ref: ref, Role: h.Role, Certainty: h.Certainty})
		}
		c := &out[i]
		c.Hits = append(c.Hits, h)
		if Stronger(h.Role, c.Role) {
			c.Role = h.Role
		}
		if rank(h.Certainty) > rank(c.Certainty) {
			c.Certainty = h.Certainty
		}
	}
	for i := range out {
		out[i].sureOnly()
	}
	return out
}

// sureOnly keeps a namesake's case from being taken for the person's own because
// it mentions the person's number, say (REQUIREMENTS W-6).
func (c *Conversation) sureOnly() {
	if !c.Own() || c.Certainty != connector.Certain {
		return
	}
	var sure []Hit
	var role gallra.Role
	for _, h := range c.Hits {
		h.Role = ""
		for _, r := range h.Why {
			if Unique(r.Kind) && (h.Role == "" || Stronger(r.Role, h.Role)) {
				h.Role = r.Role
			}
		}
		if h.Role == "" {
			continue
		}
		sure = append(sure, h)
		if role == "" || Stronger(h.Role, role) {
			role = h.Role
		}
	}
	if role != "" && role != gallra.RoleRequester {
		c.Role, c.Hits, c.MaybeOwn = role, sure, true
	}
}

func rank(c connector.Certainty) int {
	switch c {
	case connector.Certain:
		return 2
	case connector.Probable:
		return 1
	}
	return 0
}

// Proposal is a further identifier found on a record that is certainly the
// person's own. It is searched by only after a person has accepted it
// (REQUIREMENTS W-5). Its Identifier hides its value as all identifiers do.
type Proposal struct {
	Identifier gallra.Identifier `json:"-"`
	Masked     string            `json:"masked"`
	From       gallra.Ref        `json:"from"`
	Field      string            `json:"field"`
}

// Propose reads the person records among certain hits and returns identifiers
// on them that are not searched by yet, each once, in the order found.
func Propose(ctx context.Context, src connector.Source, hits []Hit, known []gallra.Identifier) ([]Proposal, error) {
	types, err := src.Types(ctx)
	if err != nil {
		return nil, fmt.Errorf("subject: types: %w", err)
	}
	byName := map[string]connector.Type{}
	for _, t := range types {
		byName[t.Name] = t
	}
	seen := slices.Clone(known)
	var out []Proposal
	for _, h := range hits {
		t := byName[h.Ref.Type]
		if t.Kind != connector.KindPerson || h.Certainty != connector.Certain {
			continue
		}
		rec, err := src.Get(ctx, h.Ref)
		if gallra.CodeOf(err) == gallra.NotFound {
			continue // gone since it was found
		}
		if err != nil {
			return nil, fmt.Errorf("subject: read %s: %w", h.Ref, err)
		}
		for _, f := range rec.Fields {
			info, ok := t.Field(f.Name)
			kind, isKind := kindOf(info.Category)
			if !ok || !isKind || f.Value == "" {
				continue
			}
			id := gallra.Identifier{Kind: kind, Value: f.Value}
			if slices.ContainsFunc(seen, func(k gallra.Identifier) bool {
				return k.Kind == kind && ident.Equal(kind, k.Value, f.Value)
			}) {
				continue
			}
			seen = append(seen, id)
			out = append(out, Proposal{Identifier: id, Masked: pii.Mask(info.Category, f.Value), From: h.Ref, Field: f.Name})
		}
	}
	slices.SortStableFunc(out, func(a, b Proposal) int { return cmp.Compare(a.Identifier.Kind, b.Identifier.Kind) })
	return out, nil
}

func kindOf(c gallra.Category) (gallra.IdentifierKind, bool) {
	for _, k := range gallra.IdentifierKinds() {
		if k != gallra.IdentAccount && k.Category() == c {
			return k, true
		}
	}
	return "", false
}
