package intercom

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector/desk"
	"github.com/gallra/gallra/connector/rest"
)

// indexLag is how long the search may show what is gone.
const indexLag = time.Hour

// Erase deletes a conversation or a contact, or has the whole text of a part
// redacted. A contact's conversations stay; the receipt says how many.
func (s *Source) Erase(ctx context.Context, ref gallra.Ref, ifVersion string) (gallra.Receipt, error) {
	if _, err := s.Current(ctx, ref, ifVersion); err != nil {
		return gallra.Receipt{}, s.alive(ctx, ref, err)
	}
	var left []gallra.Ref
	req := rest.Request{Op: ref.Type + ".delete", Method: "DELETE", Header: version}
	switch ref.Type {
	case TypeConversation:
		req.Path = join("conversations", ref.ID)
	case TypeContact:
		var err error
		if left, err = (reader{s}).Cases(ctx, ref); err != nil {
			return gallra.Receipt{}, err
		}
		req.Path = join("contacts", ref.ID)
	case TypePart:
		return s.redact(ctx, ref)
	default:
		return gallra.Receipt{}, gallra.Errorf(gallra.Unsupported, "intercom.only_with_part", "ref", ref.String())
	}
	_, err := s.via.Write.Do(ctx, req, nil)
	if _, err := desk.Absent(err); err != nil {
		return gallra.Receipt{}, err
	}
	if err := s.mustBeGone(ctx, ref); err != nil {
		return gallra.Receipt{}, err
	}
	r := desk.Soon(ref, gallra.ActionErase, s.clock.Now(), indexLag)
	if len(left) > 0 {
		r.Residues = append(r.Residues, gallra.Residue{Ref: ref, Where: TypeConversation, Why: "residue.conversations", Count: int64(len(left))})
	}
	return r, nil
}

// alive makes a conflict of "not found" where a contact has been merged into
// another one: the person is still there, so nothing may be called gone.
func (s *Source) alive(ctx context.Context, ref gallra.Ref, err error) error {
	if ref.Type != TypeContact || !contactID.MatchString(ref.ID) || gallra.CodeOf(err) != gallra.NotFound {
		return err
	}
	into, lost := s.mergedInto(ctx, ref.ID)
	switch {
	case lost != nil:
		return lost
	case into != "":
		return gallra.Errorf(gallra.Conflict, "intercom.merged", "ref", ref.String(), "into", s.ref(TypeContact, into).String())
	}
	return err
}

// mergedInto returns the contact that one has been merged into, "" when it has
// not been. Intercom answers 410 and names it in a Link.
func (s *Source) mergedInto(ctx context.Context, id string) (string, error) {
	resp, err := s.via.Read.Do(ctx, rest.Request{Op: "contacts.get", Path: join("contacts", id), Header: version}, nil)
	if err != nil && gallra.CodeOf(err) != gallra.NotFound {
		return "", err
	}
	if m := canonical.FindStringSubmatch(resp.Header.Get("Link")); resp.Status == 410 && m != nil {
		return m[1], nil
	}
	return "", nil
}

var canonical = regexp.MustCompile(`</contacts/([0-9a-f]{24})>;\s*rel="canonical"`)

// mustBeGone reads back: an answer of success is no proof.
func (s *Source) mustBeGone(ctx context.Context, ref gallra.Ref) error {
	_, err := s.Get(ctx, ref)
	gone, err := desk.Absent(err)
	if err == nil && !gone {
		return desk.Undone(ref)
	}
	return err
}

func (s *Source) redact(ctx context.Context, ref gallra.Ref) (gallra.Receipt, error) {
	ids := desk.Parts(ref.ID)
	body := map[string]any{"type": "conversation_part", "conversation_id": ids[0], "conversation_part_id": ids[1]}
	if ids[1] == source {
		c, err := s.conversation(ctx, ids[0])
		if err != nil {
			return gallra.Receipt{}, err
		}
		body = map[string]any{"type": "source", "conversation_id": ids[0], "source_id": c.Source.ID}
	}
	resp, err := s.via.Write.Do(ctx, rest.Request{Op: "conversations.redact", Method: "POST", Repeat: true, Path: "/conversations/redact", Header: version, Body: body}, nil)
	if resp.Status == 400 || resp.Status == 422 {
		return gallra.Receipt{}, gallra.Errorf(gallra.Blocked, "intercom.redact_refused", "ref", ref.String())
	}
	if _, err := desk.Absent(err); err != nil {
		return gallra.Receipt{}, err
	}
	if err := s.mustBeGone(ctx, ref); err != nil {
		return gallra.Receipt{}, err
	}
	return desk.Soon(ref, gallra.ActionErase, s.clock.Now(), indexLag), nil
}

// Confirm tells whether the search has caught up.
func (s *Source) Confirm(ctx context.Context, r gallra.Receipt) (gallra.Receipt, error) {
	if err := ctx.Err(); err != nil {
		return r, err
	}
	out, ok := desk.Settled(r, s.clock.Now())
	if !ok && !r.Final {
		return r, gallra.Errorf(gallra.Invalid, "connector.receipt_unknown", "ref", r.Ref.String())
	}
	return out, nil
}

// settable are the fields of a contact that Intercom lets be set in place.
var settable = []string{"name", "email", "phone", "external_id"}

// Edit changes a contact's fields in place. Nothing else can be changed
// (gallra.ErrUnsupported): of a part Intercom takes away all or nothing, which is
// Erase.
func (s *Source) Edit(ctx context.Context, ref gallra.Ref, ifVersion string, set []gallra.Field) (gallra.Receipt, error) {
	if _, err := s.Current(ctx, ref, ifVersion); err != nil {
		return gallra.Receipt{}, s.alive(ctx, ref, err)
	}
	if err := s.CanSet(ctx, ref.Type, set, func(name string) bool {
		return ref.Type == TypeContact && (slices.Contains(settable, name) || strings.HasPrefix(name, "attr_"))
	}, "intercom.field_fixed"); err != nil {
		return gallra.Receipt{}, err
	}
	change, custom := map[string]any{}, map[string]any{}
	for _, f := range set {
		if name, own := strings.CutPrefix(f.Name, "attr_"); own {
			custom[name] = f.Value
		} else {
			change[f.Name] = f.Value
		}
	}
	if len(custom) > 0 {
		change["custom_attributes"] = custom
	}
	if _, err := s.via.Write.Do(ctx, rest.Request{Op: "contacts.update", Method: "PUT", Repeat: true, Path: join("contacts", ref.ID), Header: version, Body: change}, nil); err != nil {
		return gallra.Receipt{}, err
	}
	now, err := s.Get(ctx, ref)
	if err != nil {
		return gallra.Receipt{}, err
	}
	for _, f := range set {
		if v, _ := now.Field(f.Name); v != f.Value {
			return gallra.Receipt{}, desk.Undone(ref)
		}
	}
	return desk.Soon(ref, gallra.ActionRedact, s.clock.Now(), indexLag), nil
}

// Remains asks for each record by its id: not the search, and not the list.
func (s *Source) Remains(ctx context.Context, refs []gallra.Ref) ([]gallra.Residue, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var out []gallra.Residue
	for _, r := range refs {
		_, err := s.Get(ctx, r)
		gone, err := desk.Absent(err)
		if err != nil {
			return nil, err
		}
		if !gone {
			out = append(out, gallra.Residue{Ref: r, Where: r.Type, Why: "residue.still_there", Count: 1})
		}
	}
	return out, nil
}
