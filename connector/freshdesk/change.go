package freshdesk

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector/desk"
	"github.com/gallra/gallra/connector/rest"
)

// trashFor is when Freshdesk empties its trash.
const trashFor = 30 * 24 * time.Hour

// Erase puts a ticket in the trash, which is a promise with a date; deletes a
// message for good; and deletes a contact for good when they have no tickets,
// which would go along.
func (s *Source) Erase(ctx context.Context, ref gallra.Ref, ifVersion string) (gallra.Receipt, error) {
	_, err := s.Current(ctx, ref, ifVersion)
	gone, err := desk.Absent(err)
	if err != nil {
		return gallra.Receipt{}, err
	}
	if gone {
		if trashed, err := s.trashed(ctx, ref); err != nil || !trashed {
			return gallra.Receipt{}, firstOf(err, desk.Gone(ref))
		}
		return s.promise(ref), nil
	}
	req := rest.Request{Op: ref.Type + ".delete", Method: "DELETE"}
	switch ref.Type {
	case TypeTicket:
		req.Path = join("tickets", ref.ID)
	case TypeContact:
		left, err := reader{s}.Cases(ctx, ref)
		if err != nil {
			return gallra.Receipt{}, err
		}
		if len(left) > 0 {
			return gallra.Receipt{}, gallra.Errorf(gallra.Blocked, "freshdesk.contact_has_tickets", "ref", ref.String())
		}
		req.Path, req.Query = join("contacts", ref.ID, "hard_delete"), map[string][]string{"force": {"true"}}
	case TypeMessage:
		req.Path = join("conversations", desk.Parts(ref.ID)[1])
	default:
		return gallra.Receipt{}, gallra.Errorf(gallra.Unsupported, "freshdesk.only_with_message", "ref", ref.String())
	}
	_, err = s.via.Write.Do(ctx, req, nil)
	if _, err := desk.Absent(err); err != nil {
		return gallra.Receipt{}, err
	}
	_, err = s.Get(ctx, ref)
	if gone, err := desk.Absent(err); err != nil {
		return gallra.Receipt{}, err
	} else if !gone {
		return gallra.Receipt{}, desk.Undone(ref)
	}
	if ref.Type == TypeTicket {
		return s.promise(ref), nil
	}
	return gallra.Receipt{Ref: ref, Action: gallra.ActionErase, Grade: gallra.GradeLive, At: s.clock.Now(), Final: true, Residues: profile.Residues(s.clock.Now())}, nil
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// trashed reports whether a ticket lies in the trash.
func (s *Source) trashed(ctx context.Context, ref gallra.Ref) (bool, error) {
	if ref.Type != TypeTicket {
		return false, nil
	}
	t, err := s.ticket(ctx, ref.ID)
	gone, err := desk.Absent(err)
	return !gone && t.Deleted, err
}

func (s *Source) promise(ref gallra.Ref) gallra.Receipt {
	now := s.clock.Now()
	return gallra.Receipt{Ref: ref, Action: gallra.ActionErase, Grade: gallra.GradeHidden, At: now, GoneBy: now.Add(trashFor), Remote: "trash",
		Residues: []gallra.Residue{{Ref: ref, Where: "trash", Why: "residue.wastebasket", GoneBy: now.Add(trashFor), Count: 1}}}
}

// Confirm looks whether the trash has been emptied.
func (s *Source) Confirm(ctx context.Context, r gallra.Receipt) (gallra.Receipt, error) {
	if err := ctx.Err(); err != nil || r.Final {
		return r, err
	}
	left, err := s.Remains(ctx, []gallra.Ref{r.Ref})
	if err != nil || len(left) > 0 {
		return r, err
	}
	r.Final, r.Grade, r.At, r.GoneBy = true, profile.Grade(), s.clock.Now(), time.Time{}
	r.Residues = profile.Residues(r.At)
	return r, nil
}

// settable are the fields of a contact that Freshdesk lets be set in place.
var settable = []string{"name", "email", "phone", "mobile", "twitter_id", "unique_external_id", "address", "description", "job_title", "other_emails"}

// Edit changes a contact's fields, or the text of a note. Tickets and what was
// sent or received by mail cannot be changed (gallra.ErrUnsupported).
func (s *Source) Edit(ctx context.Context, ref gallra.Ref, ifVersion string, set []gallra.Field) (gallra.Receipt, error) {
	if _, err := s.Current(ctx, ref, ifVersion); err != nil {
		return gallra.Receipt{}, err
	}
	note := false
	if ref.Type == TypeMessage {
		ids := desk.Parts(ref.ID)
		list, err := s.messages(ctx, ids[0])
		if err != nil {
			return gallra.Receipt{}, err
		}
		for _, m := range list {
			note = note || s.ref(TypeMessage, desk.Child(ids[0], itoa(m.ID))).ID == ref.ID && m.Source == 2
		}
	}
	if err := s.CanSet(ctx, ref.Type, set, func(name string) bool {
		return ref.Type == TypeContact && (slices.Contains(settable, name) || strings.HasPrefix(name, "field_")) || note && name == "body"
	}, "freshdesk.field_fixed"); err != nil {
		return gallra.Receipt{}, err
	}
	change, custom := map[string]any{}, map[string]any{}
	for _, f := range set {
		switch name, own := strings.CutPrefix(f.Name, "field_"); {
		case own:
			custom[name] = f.Value
		case f.Name == "other_emails":
			change[f.Name] = strings.FieldsFunc(f.Value, func(r rune) bool { return r == ',' || r == ' ' })
		default:
			change[f.Name] = f.Value
		}
	}
	if len(custom) > 0 {
		change["custom_fields"] = custom
	}
	path := join("contacts", ref.ID)
	if note {
		path = join("conversations", desk.Parts(ref.ID)[1])
	}
	if _, err := s.via.Write.Do(ctx, rest.Request{Op: ref.Type + ".update", Method: "PUT", Repeat: true, Path: path, Body: change}, nil); err != nil {
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
	return gallra.Receipt{Ref: ref, Action: gallra.ActionRedact, Grade: profile.Grade(), At: s.clock.Now(), Final: true}, nil
}

// Remains asks for each record by its id; a ticket in the trash answers too.
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
			continue
		}
		if trashed, err := s.trashed(ctx, r); err != nil {
			return nil, err
		} else if trashed {
			out = append(out, gallra.Residue{Ref: r, Where: "trash", Why: "residue.wastebasket", Count: 1})
		}
	}
	return out, nil
}
