package report

import (
	"context"
	"io"
	"slices"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/config"
	"github.com/gallra/gallra/internal/i18n"
	"github.com/gallra/gallra/internal/request"
	"github.com/gallra/gallra/internal/subject"
	"github.com/gallra/gallra/pii"
)

// Maker makes extracts over the systems of gallra.yaml, for the command line
// and the page alike.
type Maker struct {
	Config *config.Config
	Open   func(ctx context.Context, system config.System) (connector.Source, error)
	Engine *pii.Engine
	Now    func() time.Time
}

// Found is what one system answered about a person.
type Found struct {
	System config.System
	Hits   []subject.Hit
	Unread int
}

// Write writes the extract of what was found to w. The systems are read as they
// are now.
func (m Maker) Write(ctx context.Context, w io.Writer, lang i18n.Lang, person []gallra.Identifier, found []Found) (Manifest, error) {
	o := m.Config.Organisation
	e := Extract{Organisation: o.Name, Contact: o.Contact, DPO: o.DPO, Lang: lang, Made: m.Now(), Person: person, Engine: m.Engine}
	for _, f := range found {
		es := ExtractSystem{System: f.System.Name, Title: f.System.Title, Channel: f.System.Channel, Unread: f.Unread,
			Vendor: f.System.Vendor.Name, Country: f.System.Vendor.Country, Found: subject.Conversations(f.Hits)}
		if len(f.Hits) > 0 { // one that holds nothing of the person need not answer
			src, err := m.Open(ctx, f.System)
			if err != nil {
				return Manifest{}, err
			}
			defer src.Close() // read only: nothing is lost
			es.Source = src
		}
		for _, r := range m.Config.Rules {
			if slices.Contains(r.Systems, f.System.Name) {
				es.Rules = append(es.Rules, r)
			}
		}
		e.Systems = append(e.Systems, es)
	}
	return WriteZip(ctx, w, e)
}

// Request writes the extract of a request: the hits that its handler included.
// Reading the person's identifiers is logged in actor's name.
func (m Maker) Request(ctx context.Context, w io.Writer, lang i18n.Lang, d *request.Desk, id, actor string) (Manifest, error) {
	det, err := d.Details(ctx, id, actor, "extract")
	if err != nil {
		return Manifest{}, err
	}
	items, err := d.Items(ctx, id)
	if err != nil {
		return Manifest{}, err
	}
	person := make([]gallra.Identifier, len(det.Identifiers))
	for i, k := range det.Identifiers {
		person[i] = k.Identifier
	}
	var found []Found
	for _, sys := range m.Config.Systems {
		f := Found{System: sys}
		for _, it := range items {
			if it.Ref.System == sys.Name && it.Decision == request.Include {
				f.Hits = append(f.Hits, subject.Hit{Ref: it.Ref, Parent: it.Parent, Role: it.Role, Certainty: it.Certainty, Why: it.Why, Created: it.Created})
			}
		}
		found = append(found, f)
	}
	return m.Write(ctx, w, lang, person, found)
}
