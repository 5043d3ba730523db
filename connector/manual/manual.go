// Package manual stands for a system that no program can reach: a shared
// mailbox without a protocol, a folder on somebody's disk, paper in a cabinet, a
// vendor who erases when asked. It reads nothing and changes nothing. What it
// does is to make such a place part of every plan and every run, as a task that a
// person carries out and signs (REQUIREMENTS G-13), instead of a place nobody
// remembers.
//
// Address: manual://paper?place=Arkivrum+B&owner=registrator&within=P30D&backup_life=P1Y
package manual

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

func init() {
	connector.Register(connector.Info{
		Name: "manual", Schemes: []string{"manual"}, Title: "By hand (mailbox, folder, paper, vendor)", Channel: connector.ChannelOther,
		Options: []connector.Option{
			{Name: "place", Help: "option.manual.place"}, {Name: "owner", Help: "option.manual.owner"},
			{Name: "within", Help: "option.manual.within"}, {Name: "backup_life", Help: "option.manual.backup_life"}},
		Open: func(_ context.Context, c connector.Config) (connector.Source, error) { return open(c) },
	})
}

func open(c connector.Config) (*Source, error) {
	h := connector.Hand{Kind: connector.HandKind(strings.Trim(c.Path(), "/")), Place: c.Option("place"), Owner: c.Option("owner"), BackupLife: cmp.Or(c.BackupLife, c.Option("backup_life")), Within: gallra.Period{Days: 30}}
	if h.Kind == "" {
		h.Kind = connector.HandOther
	}
	if !slices.Contains(connector.HandKinds(), h.Kind) {
		return nil, gallra.Errorf(gallra.Invalid, "manual.kind", "kind", string(h.Kind))
	}
	for _, p := range []struct {
		text string
		into *gallra.Period
	}{{c.Option("within"), &h.Within}, {h.BackupLife, new(gallra.Period)}} {
		if p.text == "" {
			continue
		}
		var err error
		if *p.into, err = gallra.ParsePeriod(p.text); err != nil {
			return nil, err
		}
	}
	return &Source{h}, nil
}

// Source is one such place.
type Source struct{ hand connector.Hand }

var _ connector.Handed = (*Source)(nil)

// Hand tells what kind of place it is.
func (s *Source) Hand() connector.Hand { return s.hand }

// Check has nothing to try: only a person can.
func (s *Source) Check(ctx context.Context) error { return ctx.Err() }

// Types returns none.
func (s *Source) Types(ctx context.Context) ([]connector.Type, error) { return nil, ctx.Err() }

// List refuses: gallra.ErrUnsupported.
func (s *Source) List(context.Context, connector.Query) (connector.Page, error) {
	return connector.Page{}, gallra.Errorf(gallra.Unsupported, "manual.by_hand")
}

// Get refuses: gallra.ErrUnsupported.
func (s *Source) Get(context.Context, gallra.Ref) (gallra.Record, error) {
	return gallra.Record{}, gallra.Errorf(gallra.Unsupported, "manual.by_hand")
}

// Close has nothing to close.
func (s *Source) Close() error { return nil }
