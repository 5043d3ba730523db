package zendesk

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector/desk"
	"github.com/gallra/gallra/connector/rest"
)

const (
	// indexLag is how long a search may show an old value; Zendesk speaks of minutes.
	indexLag = time.Hour
	// purgedBy is when Zendesk itself purges what is deleted.
	purgedBy = 30 * 24 * time.Hour
)

// Receipt.Remote of what is promised: a job, an archived ticket, a user.
const (
	remoteJob     = "job:"
	remoteArchive = "archive"
	remoteUser    = "user"
)

// Erase deletes a ticket or a user for good, in two steps that each can be done
// again; an attachment is redacted; a suspended mail is deleted at once.
func (s *Source) Erase(ctx context.Context, ref gallra.Ref, ifVersion string) (gallra.Receipt, error) {
	_, err := s.Current(ctx, ref, ifVersion)
	gone, err := desk.Absent(err)
	if err != nil {
		return gallra.Receipt{}, err
	}
	if _, ok := desk.Number(ref.ID); gone && !ok {
		return gallra.Receipt{}, desk.Gone(ref)
	}
	switch ref.Type {
	case TypeTicket:
		return s.eraseTicket(ctx, ref, gone)
	case TypeUser:
		return s.eraseUser(ctx, ref, gone)
	}
	if gone {
		return gallra.Receipt{}, desk.Gone(ref)
	}
	switch ref.Type {
	case TypeSuspended:
		return s.eraseSuspended(ctx, ref)
	case TypeAttachment:
		return s.eraseAttachment(ctx, ref)
	case TypeAgent:
		return gallra.Receipt{}, gallra.Errorf(gallra.Blocked, "zendesk.agent", "ref", ref.String())
	}
	return gallra.Receipt{}, gallra.Errorf(gallra.Unsupported, "zendesk.comment_redact_only", "ref", ref.String())
}

func (s *Source) eraseTicket(ctx context.Context, ref gallra.Ref, deleted bool) (gallra.Receipt, error) {
	ours := false
	if !deleted {
		_, err := s.via.Write.Do(ctx, rest.Request{Op: "tickets.delete", Method: "DELETE", Path: join("tickets", ref.ID)}, nil)
		if gone, err := desk.Absent(err); err != nil && !gone {
			return gallra.Receipt{}, err
		}
		if err := s.mustBeGone(ctx, ref); err != nil {
			return gallra.Receipt{}, err
		}
		ours = true
	}
	return s.purge(ctx, ref, ours)
}

// mustBeGone reads back: an answer of success is no proof.
func (s *Source) mustBeGone(ctx context.Context, ref gallra.Ref) error {
	_, err := s.Get(ctx, ref)
	gone, err := desk.Absent(err)
	if err == nil && !gone {
		return desk.Undone(ref)
	}
	return err
}

// purge asks for the second step. ours says that the first has just been made:
// a ticket that the second does not know is then an archived one, which Zendesk
// purges by itself.
func (s *Source) purge(ctx context.Context, ref gallra.Ref, ours bool) (gallra.Receipt, error) {
	var remote string
	var doc struct {
		Job struct {
			ID string `json:"id"`
		} `json:"job_status"`
	}
	resp, err := s.via.Write.Do(ctx, rest.Request{Op: "deleted_tickets.purge", Method: "DELETE", Path: join("deleted_tickets", ref.ID)}, &doc)
	gone, err := desk.Absent(err)
	switch {
	case err != nil:
		return gallra.Receipt{}, err
	case gone && (ours || resp.Repeated):
		remote = remoteArchive
	case gone:
		return gallra.Receipt{}, desk.Gone(ref)
	case doc.Job.ID == "":
		return gallra.Receipt{}, desk.Undone(ref)
	default:
		remote = remoteJob + doc.Job.ID
	}
	return s.promise(ref, remote), nil
}

// promise is the receipt of a ticket that is deleted and will be purged.
func (s *Source) promise(ref gallra.Ref, remote string) gallra.Receipt {
	now := s.clock.Now()
	r := gallra.Receipt{Ref: ref, Action: gallra.ActionErase, Grade: gallra.GradeHidden, At: now, GoneBy: now.Add(purgedBy), Remote: remote}
	r.Residues = []gallra.Residue{{Ref: ref, Where: "deleted_tickets", Why: "residue.wastebasket", GoneBy: r.GoneBy, Count: 1}}
	return r
}

func (s *Source) eraseUser(ctx context.Context, ref gallra.Ref, deleted bool) (gallra.Receipt, error) {
	if !deleted {
		resp, err := s.via.Write.Do(ctx, rest.Request{Op: "users.delete", Method: "DELETE", Path: join("users", ref.ID)}, nil)
		if resp.Status == 422 {
			return gallra.Receipt{}, gallra.Errorf(gallra.Blocked, "zendesk.user_has_tickets", "ref", ref.String())
		}
		if gone, err := desk.Absent(err); err != nil && !gone {
			return gallra.Receipt{}, err
		}
		if err := s.mustBeGone(ctx, ref); err != nil {
			return gallra.Receipt{}, err
		}
	}
	resp, err := s.via.Write.Do(ctx, rest.Request{Op: "deleted_users.purge", Method: "DELETE", Path: join("deleted_users", ref.ID)}, nil)
	gone, err := desk.Absent(err)
	if err != nil {
		return gallra.Receipt{}, err
	}
	if gone && !resp.Repeated && deleted {
		return gallra.Receipt{}, desk.Gone(ref)
	}
	if _, begun, err := s.compliance(ctx, ref.ID); err != nil {
		return gallra.Receipt{}, err
	} else if !begun {
		return gallra.Receipt{}, desk.Undone(ref)
	}
	now := s.clock.Now()
	r := gallra.Receipt{Ref: ref, Action: gallra.ActionErase, Grade: gallra.GradeHidden, At: now, GoneBy: now.Add(purgedBy), Remote: remoteUser}
	r.Residues = []gallra.Residue{{Ref: ref, Where: "deleted_users", Why: "residue.wastebasket", GoneBy: r.GoneBy, Count: 1}}
	return r, nil
}

// compliance tells which of Zendesk's products have not yet finished erasing a
// user, and whether the erasure has been asked for at all.
func (s *Source) compliance(ctx context.Context, user string) (open []string, begun bool, err error) {
	last := map[string]string{}
	err = s.each(ctx, rest.Request{Op: "users.compliance", Path: join("users", user, "compliance_deletion_statuses"), Query: page(100)}, "compliance_deletion_statuses", func(raw json.RawMessage) {
		var d struct{ Action, Application string }
		if json.Unmarshal(raw, &d) != nil {
			return
		}
		if d.Application == "all" {
			begun = begun || d.Action == "request_deletion"
			return
		}
		if last[d.Application] != "complete" {
			last[d.Application] = d.Action
		}
	})
	if gone, err := desk.Absent(err); gone || err != nil {
		return nil, false, err
	}
	for app, action := range last {
		if action != "complete" {
			open = append(open, app)
		}
	}
	if begun && len(last) == 0 {
		open = append(open, "support") // asked for, and nobody has begun
	}
	slices.Sort(open)
	return open, begun, nil
}

func (s *Source) eraseSuspended(ctx context.Context, ref gallra.Ref) (gallra.Receipt, error) {
	_, err := s.via.Write.Do(ctx, rest.Request{Op: "suspended.delete", Method: "DELETE", Path: join("suspended_tickets", ref.ID)}, nil)
	if gone, err := desk.Absent(err); err != nil && !gone {
		return gallra.Receipt{}, err
	}
	if err := s.mustBeGone(ctx, ref); err != nil {
		return gallra.Receipt{}, err
	}
	return gallra.Receipt{Ref: ref, Action: gallra.ActionErase, Grade: gallra.GradeLive, At: s.clock.Now(), Final: true}, nil
}

func (s *Source) eraseAttachment(ctx context.Context, ref gallra.Ref) (gallra.Receipt, error) {
	id := desk.Parts(ref.ID)
	resp, err := s.via.Write.Do(ctx, rest.Request{Op: "attachments.redact", Method: "PUT", Repeat: true, Path: join("tickets", id[0], "comments", id[1], "attachments", id[2], "redact")}, nil)
	if resp.Status == 422 {
		return gallra.Receipt{}, gallra.Errorf(gallra.Blocked, "zendesk.ticket_closed", "ref", ref.String())
	}
	if err != nil {
		return gallra.Receipt{}, err
	}
	if err := s.mustBeGone(ctx, ref); err != nil {
		return gallra.Receipt{}, err
	}
	return desk.Soon(ref, gallra.ActionErase, s.clock.Now(), indexLag), nil
}

// Confirm asks what has become of a promise.
func (s *Source) Confirm(ctx context.Context, r gallra.Receipt) (gallra.Receipt, error) {
	if err := ctx.Err(); err != nil {
		return r, err
	}
	if out, ok := desk.Settled(r, s.clock.Now()); ok || r.Final {
		return out, nil
	}
	if r.Remote == remoteUser {
		open, begun, err := s.compliance(ctx, r.Ref.ID)
		if err != nil || !begun || len(open) > 0 {
			if begun {
				r.Residues = nil
				for _, app := range open {
					r.Residues = append(r.Residues, gallra.Residue{Ref: r.Ref, Where: app, Why: "residue.zendesk_erasing", GoneBy: r.GoneBy})
				}
			}
			return r, err
		}
		left, err := s.Remains(ctx, []gallra.Ref{r.Ref})
		if err != nil || len(left) > 0 {
			return r, err
		}
		return s.done(r), nil
	}
	if id, ok := strings.CutPrefix(r.Remote, remoteJob); ok {
		var doc struct {
			Job struct{ Status string } `json:"job_status"`
		}
		_, err := s.via.Read.Do(ctx, rest.Request{Op: "jobs.show", Path: join("job_statuses", id)}, &doc)
		gone, err := desk.Absent(err)
		switch {
		case err != nil:
			return r, err
		case gone, doc.Job.Status == "completed":
		case doc.Job.Status == "failed", doc.Job.Status == "killed":
			again, err := s.purge(ctx, r.Ref, true)
			if err == nil {
				r.Remote = again.Remote
			}
			return r, err
		default:
			return r, nil
		}
	}
	_, err := s.Get(ctx, r.Ref)
	gone, err := desk.Absent(err)
	if err != nil || !gone {
		return r, err
	}
	if r.Remote == remoteArchive && s.clock.Now().Before(r.GoneBy) {
		return r, nil // in no list that could be looked at
	}
	there, err := s.inBasket(ctx, r.Ref.ID, r.At.Add(-24*time.Hour))
	if err != nil || there {
		return r, err
	}
	return s.done(r), nil
}

func (s *Source) done(r gallra.Receipt) gallra.Receipt {
	r.Final, r.Grade, r.Residues, r.GoneBy, r.At = true, gallra.GradeLive, nil, time.Time{}, s.clock.Now()
	return r
}

// settable are the fields of a user that Zendesk lets be set in place.
var settable = []string{"name", "phone", "alias", "details", "notes", "external_id"}

// Edit changes a user's fields, or blots words out of a comment: those that the
// new text lacks. Other fields cannot be changed without a trace, and are
// refused (gallra.ErrUnsupported).
func (s *Source) Edit(ctx context.Context, ref gallra.Ref, ifVersion string, set []gallra.Field) (gallra.Receipt, error) {
	rec, err := s.Current(ctx, ref, ifVersion)
	if err != nil {
		return gallra.Receipt{}, err
	}
	if err := s.CanSet(ctx, ref.Type, set, func(name string) bool {
		switch ref.Type {
		case TypeComment:
			return name == "body"
		case TypeUser:
			return slices.Contains(settable, name) || name == "email" || name == "more_emails" || strings.HasPrefix(name, "field_")
		}
		return false
	}, "zendesk.field_fixed"); err != nil {
		return gallra.Receipt{}, err
	}
	if ref.Type == TypeComment {
		for _, f := range set {
			if err := s.redact(ctx, rec, f.Value); err != nil {
				return gallra.Receipt{}, err
			}
		}
		return desk.Soon(ref, gallra.ActionRedact, s.clock.Now(), indexLag), nil
	}
	if err := s.editUser(ctx, rec, set); err != nil {
		return gallra.Receipt{}, err
	}
	return desk.Soon(ref, gallra.ActionRedact, s.clock.Now(), indexLag), nil
}

func (s *Source) editUser(ctx context.Context, rec gallra.Record, set []gallra.Field) error {
	change, custom := map[string]any{}, map[string]any{}
	emails := map[string]string{}
	for _, f := range set {
		switch key, isCustom := strings.CutPrefix(f.Name, "field_"); {
		case isCustom:
			custom[key] = f.Value
		case f.Name == "email" || f.Name == "more_emails":
			emails[f.Name] = f.Value
		default:
			change[f.Name] = f.Value
		}
	}
	if len(custom) > 0 {
		change["user_fields"] = custom
	}
	if len(change) > 0 {
		if _, err := s.via.Write.Do(ctx, rest.Request{Op: "users.update", Method: "PUT", Repeat: true, Path: join("users", rec.Ref.ID), Body: map[string]any{"user": change}}, nil); err != nil {
			return err
		}
	}
	if len(emails) > 0 {
		if err := s.editEmails(ctx, rec, emails); err != nil {
			return err
		}
	}
	now, err := s.Get(ctx, rec.Ref)
	if err != nil {
		return err
	}
	for _, f := range set {
		if v, _ := now.Field(f.Name); v != f.Value {
			return desk.Undone(rec.Ref)
		}
	}
	return nil
}

// editEmails gives a user other addresses: an address is an identity of its own,
// and setting one on the user would only add to them.
func (s *Source) editEmails(ctx context.Context, rec gallra.Record, set map[string]string) error {
	want := func(field string) []string {
		v, named := set[field]
		if !named {
			v, _ = rec.Field(field)
		}
		return strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ' ' })
	}
	primary, all := want("email"), append(want("email"), want("more_emails")...)
	have, err := s.identities(ctx, rec.Ref.ID)
	if err != nil {
		return err
	}
	for _, v := range all {
		if slices.ContainsFunc(have, func(i identity) bool { return i.Type == "email" && i.Value == v }) {
			continue
		}
		_, err := s.via.Write.Do(ctx, rest.Request{Op: "identities.create", Method: "POST", Path: join("users", rec.Ref.ID, "identities"),
			Body: map[string]any{"identity": map[string]any{"type": "email", "value": v, "skip_verify_email": true}}}, nil)
		if err != nil {
			return err
		}
	}
	if have, err = s.identities(ctx, rec.Ref.ID); err != nil {
		return err
	}
	for _, i := range have {
		if i.Type == "email" && len(primary) > 0 && i.Value == primary[0] && !i.Primary {
			if _, err := s.via.Write.Do(ctx, rest.Request{Op: "identities.make_primary", Method: "PUT", Repeat: true, Path: join("users", rec.Ref.ID, "identities", itoa(i.ID), "make_primary")}, nil); err != nil {
				return err
			}
		}
	}
	for _, i := range have {
		if i.Type == "email" && !slices.Contains(all, i.Value) {
			_, err := s.via.Write.Do(ctx, rest.Request{Op: "identities.delete", Method: "DELETE", Path: join("users", rec.Ref.ID, "identities", itoa(i.ID))}, nil)
			if gone, err := desk.Absent(err); err != nil && !gone {
				return err
			}
		}
	}
	return nil
}

func (s *Source) identities(ctx context.Context, user string) ([]identity, error) {
	var out []identity
	bad := false
	err := s.each(ctx, rest.Request{Op: "identities.list", Path: join("users", user, "identities"), Query: page(100)}, "identities", func(raw json.RawMessage) {
		var i identity
		bad = bad || json.Unmarshal(raw, &i) != nil || i.ID == 0
		out = append(out, i)
	})
	if err == nil && bad {
		err = s.shape("identities.list")
	}
	return out, err
}
