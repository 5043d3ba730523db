// Package metaexport connects to the ZIP that Meta hands out to whoever asks
// for the content of an Instagram or Facebook account. Such a file on somebody's
// disk is a copy of every private conversation, and seldom in a register
// (REQUIREMENTS H-7, H-14).
//
// In it each conversation is a folder, named after the person one writes with,
// of JSON files with the newest message first. Text is UTF-8 whose bytes are
// written as if each were a character ("\u00c3\u00a5" is å); what is changed is
// written the same way. The file is rewritten whole, and what is not concerned is
// copied as it stands, compressed bytes and all.
package metaexport

import (
	"context"
	"os"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/safefile"
	"github.com/gallra/gallra/connector/zipfile"
)

// The record types.
const (
	TypeConversation = "conversation"
	TypeMessage      = "message"
	TypeAttachment   = "attachment"
)

func init() {
	connector.Register(connector.Info{
		Name: "meta-export", Schemes: []string{"meta-export"}, Title: "Meta export (Instagram, Facebook)", Channel: connector.ChannelSocial,
		Can:   []connector.Capability{connector.CanFind, connector.CanErase, connector.CanEdit, connector.CanAttachments, connector.CanLeftovers, connector.CanVerify, connector.CanBatch},
		Finds: []gallra.IdentifierKind{gallra.IdentName, gallra.IdentEmail, gallra.IdentPhone, gallra.IdentPersonnummer, gallra.IdentUsername, gallra.IdentCustomer},
		Open: func(_ context.Context, c connector.Config) (connector.Source, error) {
			if c.Path() == "" {
				return nil, gallra.Errorf(gallra.Invalid, "meta.no_path")
			}
			return &Source{config: c, path: c.Path()}, nil
		},
	})
}

// Source is one export.
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
	return s.config.Known(connector.Profile{Product: "Meta", Channel: connector.ChannelSocial, Remains: []connector.Remain{
		{Where: "platform", Kind: connector.RemainOut, SV: "Konversationen på Instagram eller Facebook finns kvar; Meta är personuppgiftsansvarig för plattformen. Gallra tar bort det som står i exporten.", EN: "The conversation on Instagram or Facebook stays; Meta is the controller of the platform. Gallra removes what the export holds."},
		{Where: "disk", Kind: connector.RemainBackup, SV: "Filen skrivs om. Diskens gamla block och äldre versioner i säkerhetskopior finns kvar tills de skrivs över.", EN: "The file is written anew. Old blocks of the disk and older versions in backups stay until they are overwritten."},
	}})
}

// Types returns the three types.
func (s *Source) Types(ctx context.Context) ([]connector.Type, error) {
	return types, ctx.Err()
}

var (
	starts = []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated, gallra.StartLastContact}
	types  = []connector.Type{
		{Name: TypeConversation, Kind: connector.KindConversation, Starts: starts, Fields: []connector.FieldInfo{
			{Name: "title", Category: gallra.CategoryPerson, Role: gallra.RoleRequester},
			{Name: "participants", Category: gallra.CategoryPerson},
			{Name: "channel", Keep: true}, {Name: "folder", Keep: true},
		}},
		{Name: TypeMessage, Kind: connector.KindMessage, Parent: TypeConversation, Starts: starts, Fields: []connector.FieldInfo{
			{Name: "sender_name", Category: gallra.CategoryPerson, Role: gallra.RoleAuthor},
			{Name: "content", Text: true}, {Name: "more", Text: true, Format: connector.FormatJSON, ReadOnly: true},
		}},
		{Name: TypeAttachment, Kind: connector.KindAttachment, Parent: TypeMessage, Starts: []gallra.StartEvent{gallra.StartCreated}, Fields: []connector.FieldInfo{
			{Name: "filename", Text: true, ReadOnly: true}, {Name: "content", Text: true, Format: connector.FormatFile, ReadOnly: true},
		}},
	}
)

func typeOf(name string) (connector.Type, bool) {
	for _, t := range types {
		if t.Name == name {
			return t, true
		}
	}
	return connector.Type{}, false
}

// Check proves that the file is a whole ZIP with conversations, and can be
// replaced.
func (s *Source) Check(ctx context.Context) error {
	a, done, err := s.read(ctx)
	if err != nil {
		return err
	}
	defer done()
	if !a.recognised {
		return gallra.Errorf(gallra.Drift, "meta.no_messages")
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

func readArchive(f *os.File) (*archive, error) {
	z, err := zipfile.Read(f)
	if err != nil {
		return nil, err
	}
	return sortOut(z), nil
}

func (s *Source) ref(typ, id string) gallra.Ref {
	return gallra.Ref{System: s.config.System, Type: typ, ID: id}
}

func gone(ref gallra.Ref) error {
	return gallra.Errorf(gallra.NotFound, "connector.record_not_found", "ref", ref.String())
}
