package dixa

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector/desk"
	"github.com/gallra/gallra/connector/rest"
)

const (
	// indexLag is how long the search may show what is anonymised.
	indexLag = time.Hour
	// doneBy is when an anonymisation is expected to be done; Dixa names no time.
	doneBy = 24 * time.Hour
)

// Erase has Dixa anonymise a conversation, a message or a user: what is left
// keeps its metadata and tells of nobody. Nothing that is open is forced.
func (s *Source) Erase(ctx context.Context, ref gallra.Ref, ifVersion string) (gallra.Receipt, error) {
	rec, err := s.Current(ctx, ref, ifVersion)
	if err != nil {
		return gallra.Receipt{}, err
	}
	path := ""
	switch ref.Type {
	case TypeConversation:
		path = join("conversations", ref.ID, "anonymize")
	case TypeUser:
		// Anonymising a user takes all their conversations along.
		left, err := reader{s}.of(ctx, ref.ID)
		if err != nil {
			return gallra.Receipt{}, err
		}
		if len(left) > 0 {
			return gallra.Receipt{}, gallra.Errorf(gallra.Blocked, "dixa.user_has_conversations", "ref", ref.String())
		}
		path = join("endusers", ref.ID, "anonymize")
	case TypeMessage:
		ids := desk.Parts(ref.ID)
		path = join("conversations", ids[0], "messages", ids[1], "anonymize")
	default:
		return gallra.Receipt{}, gallra.Errorf(gallra.Unsupported, "dixa.only_with_conversation", "ref", rec.Ref.String())
	}
	return s.anonymise(ctx, ref, path)
}

func (s *Source) anonymise(ctx context.Context, ref gallra.Ref, path string) (gallra.Receipt, error) {
	var doc struct {
		Data struct {
			ID     string `json:"id"`
			Target string `json:"targetEntityId"`
		}
	}
	resp, err := s.via.Write.Do(ctx, rest.Request{Op: ref.Type + ".anonymize", Method: "PATCH", Repeat: true, Path: path}, &doc)
	if resp.Status == 409 {
		return gallra.Receipt{}, gallra.Errorf(gallra.Blocked, "dixa.conversation_open", "ref", ref.String())
	}
	if err != nil {
		return gallra.Receipt{}, err
	}
	if !uuid.MatchString(doc.Data.ID) {
		return gallra.Receipt{}, desk.Undone(ref)
	}
	now := s.clock.Now()
	return gallra.Receipt{Ref: ref, Action: gallra.ActionErase, Grade: gallra.GradeHidden, At: now, GoneBy: now.Add(doneBy), Remote: doc.Data.ID,
		Residues: []gallra.Residue{{Ref: ref, Where: ref.Type, Why: "residue.queued", GoneBy: now.Add(doneBy), Count: 1}}}, nil
}

// Confirm asks Dixa whether the request has been processed, and looks.
func (s *Source) Confirm(ctx context.Context, r gallra.Receipt) (gallra.Receipt, error) {
	if err := ctx.Err(); err != nil {
		return r, err
	}
	if out, ok := desk.Settled(r, s.clock.Now()); ok || r.Final {
		return out, nil
	}
	var doc struct {
		Data struct {
			Processed string `json:"processedAt"`
		}
	}
	if !uuid.MatchString(r.Remote) {
		return r, gallra.Errorf(gallra.Invalid, "connector.receipt_unknown", "ref", r.Ref.String())
	}
	if _, err := s.via.Read.Do(ctx, rest.Request{Op: "anonymization.request", Path: join("anonymization", "request", r.Remote)}, &doc); err != nil {
		return r, err
	}
	at, ok := desk.Time(doc.Data.Processed)
	if !ok || at.IsZero() || s.clock.Now().Before(at.Add(indexLag)) {
		return r, nil
	}
	_, err := s.Get(ctx, r.Ref)
	if gone, err := desk.Absent(err); err != nil || !gone {
		return r, err
	}
	r.Final, r.Grade, r.Residues, r.GoneBy, r.At = true, profile.Grade(), profile.Residues(at), time.Time{}, s.clock.Now()
	return r, nil
}

// settable are the fields of a user that Dixa lets be set in place.
var settable = []string{"displayName", "firstName", "lastName", "email", "phoneNumber", "externalId", "middleNames", "additionalEmails", "additionalPhoneNumbers"}

// Edit changes a user's fields in place. Nothing else can be changed
// (gallra.ErrUnsupported): of a message Dixa takes away all or nothing, which is
// Erase.
func (s *Source) Edit(ctx context.Context, ref gallra.Ref, ifVersion string, set []gallra.Field) (gallra.Receipt, error) {
	rec, err := s.Current(ctx, ref, ifVersion)
	if err != nil {
		return gallra.Receipt{}, err
	}
	if err := s.CanSet(ctx, ref.Type, set, func(name string) bool {
		return ref.Type == TypeUser && slices.Contains(settable, name)
	}, "dixa.field_fixed"); err != nil {
		return gallra.Receipt{}, err
	}
	change := map[string]any{}
	for _, f := range set {
		switch f.Name {
		case "middleNames", "additionalEmails", "additionalPhoneNumbers":
			change[f.Name] = strings.FieldsFunc(f.Value, func(r rune) bool { return r == ',' })
		default:
			change[f.Name] = f.Value
		}
	}
	if _, err := s.via.Write.Do(ctx, rest.Request{Op: "endusers.patch", Method: "PATCH", Repeat: true, Path: join("endusers", ref.ID), Body: change}, nil); err != nil {
		return gallra.Receipt{}, err
	}
	now, err := s.Get(ctx, rec.Ref)
	if gone, err := desk.Absent(err); err != nil {
		return gallra.Receipt{}, err
	} else if !gone {
		for _, f := range set {
			if v, _ := now.Field(f.Name); v != f.Value {
				return gallra.Receipt{}, desk.Undone(ref)
			}
		}
	}
	return desk.Soon(ref, gallra.ActionRedact, s.clock.Now(), indexLag), nil
}

// Remains asks for each record by its id; of a conversation that Dixa calls
// anonymised also whether messages of it still say something.
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
		if _, ok := desk.Number(r.ID); r.Type != TypeConversation || !ok {
			continue
		}
		th, err := reader{s}.Thread(ctx, gallra.Record{Ref: s.ref(TypeConversation, r.ID)})
		if none, err := desk.Absent(err); err != nil {
			return nil, err
		} else if !none && len(th.Records) > 0 {
			out = append(out, gallra.Residue{Ref: r, Where: TypeMessage, Why: "residue.child", Count: int64(len(th.Records))})
		}
	}
	return out, nil
}
