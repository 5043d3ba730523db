// Package xexport connects to the ZIP that X (Twitter) hands out to whoever asks
// for the archive of an account. It is the only way to direct messages older
// than thirty days, and once on somebody's disk a copy of every private
// conversation that is in no register (REQUIREMENTS H-7, H-14).
//
// In it the conversations stand together in data/direct-messages.js, a script
// that assigns JSON to a variable; large archives go on in -part1.js and so on,
// and a second file repeats who wrote when. Persons are told by the number of
// their account alone. The account's own posts name those they answer. The file
// is rewritten whole, and what is not concerned is copied as it stands.
package xexport

import (
	"context"
	"os"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/safefile"
)

// The record types.
const (
	TypeConversation = "conversation"
	TypeMessage      = "message"
	TypeAttachment   = "attachment"
	TypePost         = "post"
)

func init() {
	connector.Register(connector.Info{
		Name: "x-export", Schemes: []string{"x-export"}, Title: "X archive (Twitter)", Channel: connector.ChannelSocial,
		Can:   []connector.Capability{connector.CanFind, connector.CanErase, connector.CanEdit, connector.CanAttachments, connector.CanLeftovers, connector.CanVerify, connector.CanBatch},
		Finds: []gallra.IdentifierKind{gallra.IdentName, gallra.IdentEmail, gallra.IdentPhone, gallra.IdentPersonnummer, gallra.IdentUsername, gallra.IdentCustomer, gallra.IdentAccount},
		Open: func(_ context.Context, c connector.Config) (connector.Source, error) {
			if c.Path() == "" {
				return nil, gallra.Errorf(gallra.Invalid, "xexport.no_path")
			}
			return &Source{config: c, path: c.Path()}, nil
		},
	})
}

// Source is one archive.
type Source struct {
	config connector.Config
	path   string
}

var (
	_ connector.Finder      = (*Source)(nil)
	_ connector.Eraser      = (*Source)(nil)
	_ connector.Editor      = (*Source)(nil)
	_ connector.Attachments = (*Source)(nil)
	_ connector.Searcher    = (*Source)(nil)
	_ connector.Verifier    = (*Source)(nil)
	_ connector.Batcher     = (*Source)(nil)
	_ connector.Profiled    = (*Source)(nil)
)

// Close has nothing to close: the file is open during a call only.
func (s *Source) Close() error { return nil }

// Profile says what stays after an erasure.
func (s *Source) Profile() connector.Profile {
	return s.config.Known(connector.Profile{Product: "X", Channel: connector.ChannelSocial, Remains: []connector.Remain{
		{Where: "platform", SV: "Konversationen finns kvar hos X, som är personuppgiftsansvarig för plattformen. Gallra tar bort det som står i arkivet.", EN: "The conversation stays with X, which is the controller of the platform. Gallra removes what the archive holds."},
		{Where: "disk", SV: "Filen skrivs om. Diskens gamla block och äldre versioner i säkerhetskopior finns kvar tills de skrivs över.", EN: "The file is written anew. Old blocks of the disk and older versions in backups stay until they are overwritten."},
	}})
}

var (
	starts = []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated, gallra.StartLastContact}
	types  = []connector.Type{
		{Name: TypeConversation, Kind: connector.KindConversation, Starts: starts, Fields: []connector.FieldInfo{
			{Name: "participants", Category: gallra.CategoryUsername, Role: gallra.RoleRequester, ReadOnly: true},
			{Name: "name", Text: true},
			{Name: "channel", Keep: true}, {Name: "group", Keep: true},
		}},
		{Name: TypeMessage, Kind: connector.KindMessage, Parent: TypeConversation, Starts: starts, Fields: []connector.FieldInfo{
			{Name: "sender", Category: gallra.CategoryUsername, Role: gallra.RoleAuthor, ReadOnly: true},
			{Name: "text", Text: true}, {Name: "more", Text: true, Format: connector.FormatJSON, ReadOnly: true},
		}},
		{Name: TypeAttachment, Kind: connector.KindAttachment, Parent: TypeMessage, Starts: []gallra.StartEvent{gallra.StartCreated}, Fields: []connector.FieldInfo{
			{Name: "filename", Text: true, ReadOnly: true}, {Name: "content", Text: true, Format: connector.FormatFile, ReadOnly: true},
		}},
		{Name: TypePost, Kind: connector.KindMessage, Starts: starts, Fields: []connector.FieldInfo{
			{Name: "text", Text: true}, {Name: "answers", Category: gallra.CategoryUsername, Role: gallra.RoleCC},
			{Name: "mentions", Text: true},
			{Name: "more", Text: true, Format: connector.FormatJSON, ReadOnly: true}, {Name: "channel", Keep: true},
		}},
	}
)

// Types returns the four types.
func (s *Source) Types(ctx context.Context) ([]connector.Type, error) { return types, ctx.Err() }

func typeOf(name string) (connector.Type, bool) {
	for _, t := range types {
		if t.Name == name {
			return t, true
		}
	}
	return connector.Type{}, false
}

// Check proves that the file is a whole ZIP of an account, that its messages can
// be understood, and that it can be replaced.
func (s *Source) Check(ctx context.Context) error {
	a, done, err := s.read(ctx)
	if err != nil {
		return err
	}
	defer done()
	if !a.recognised {
		return gallra.Errorf(gallra.Drift, "xexport.no_messages")
	}
	if len(a.problems) > 0 {
		return gallra.Errorf(gallra.Drift, "xexport.malformed")
	}
	return safefile.Writable(s.path)
}

// read opens the archive; done closes it.
func (s *Source) read(ctx context.Context) (a *archive, done func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	f, err := os.Open(s.path)
	if err != nil {
		return nil, nil, safefile.Error(err)
	}
	if a, err = readArchive(f); err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return a, func() { _ = f.Close() }, nil
}

func (s *Source) ref(typ, id string) gallra.Ref {
	return gallra.Ref{System: s.config.System, Type: typ, ID: id}
}

// mine reports whether a reference can be to this archive.
func (s *Source) mine(ref gallra.Ref) bool {
	_, ok := typeOf(ref.Type)
	return ok && (ref.System == "" || ref.System == s.config.System)
}

func gone(ref gallra.Ref) error {
	return gallra.Errorf(gallra.NotFound, "connector.record_not_found", "ref", ref.String())
}
