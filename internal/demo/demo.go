// Package demo makes an example organisation to try Gallra on: the contact
// centre of a municipality that does not exist, with twelve years of tickets,
// mail, chats, forum posts, social media and a forgotten spreadsheet. Nothing in
// it belongs to anybody: names are drawn by how common they are in Sweden, and
// every number and address comes from a range set aside for tests, books or
// documentation.
//
// Everything is drawn from a seed and from its own number alone, so the same
// seed and time always give the same organisation and any size is written with
// the same small memory. The leading persons of the demonstration are kept apart
// from the many: what is held about them is known to the letter.
package demo

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // database/sql driver "sqlite"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/config"
)

// Options say what to make.
type Options struct {
	Size int       // records in all systems together; 0: DefaultSize. At least MinSize
	Seed uint64    // 0 is a seed like any other
	Now  time.Time // until when things have happened; zero: the clock
}

// The sizes.
const (
	DefaultSize = 20_000
	MinSize     = 100
)

// Organisation is what was made.
type Organisation struct {
	Dir     string
	Config  string // path of gallra.yaml
	Systems []System
	Cast    []Person // the leading persons; the first is the one to search for
	Records int
}

// System is one of the organisation's systems and what is in it.
type System struct {
	config.System
	Counts Counts
}

// plan divides a size among the systems: conversations each, and persons.
type plan struct{ persons, helpdesk, mail, chat, forum, social int }

const maxThreads = 40_000 // of mail: a file each

func planOf(size int) plan {
	share := func(thousandths, least int) int { return max(size*thousandths/1000, least) }
	p := plan{
		persons: share(90, len(cast)+16), helpdesk: share(68, 8), mail: min(share(20, 3), maxThreads),
		chat: share(20, 3), forum: share(7, 2), social: share(5, 2),
	}
	return p
}

// Make writes the systems and their gallra.yaml into dir, which it makes if need
// be; files of an earlier demonstration are replaced.
func Make(ctx context.Context, dir string, o Options) (Organisation, error) {
	if o.Size == 0 {
		o.Size = DefaultSize
	}
	if o.Size < MinSize {
		return Organisation{}, gallra.Errorf(gallra.Invalid, "demo.size", "least", fmt.Sprint(MinSize))
	}
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	systems := filepath.Join(dir, "systems")
	if err := os.RemoveAll(systems); err != nil {
		return Organisation{}, fmt.Errorf("demo: %w", err)
	}
	if err := os.MkdirAll(systems, 0o700); err != nil {
		return Organisation{}, fmt.Errorf("demo: %w", err)
	}
	p := planOf(o.Size)
	w := newWorld(o.Seed, o.Now, p.persons)
	org := Organisation{Dir: dir, Config: filepath.Join(dir, config.FileName), Cast: append([]Person(nil), cast...)}
	c := configuration(o.Now)

	at := func(name string) string { return filepath.Join(systems, name) }
	for i, write := range []func() (Counts, error){
		func() (Counts, error) {
			return inSQLite(ctx, at("helpdesk.db"), func(db *sql.DB) (Counts, error) {
				if _, err := db.ExecContext(ctx, helpdeskSchema); err != nil {
					return nil, fmt.Errorf("demo: helpdesk: %w", err)
				}
				return w.fillHelpdesk(ctx, db, p.helpdesk)
			})
		},
		func() (Counts, error) { return w.writeMaildir(ctx, at("mail"), p.mail) },
		func() (Counts, error) {
			return inSQLite(ctx, at("chat.db"), func(db *sql.DB) (Counts, error) {
				if err := createChatwoot(ctx, db); err != nil {
					return nil, err
				}
				return w.fillChatwoot(ctx, db, sqlite, p.chat)
			})
		},
		func() (Counts, error) {
			return inSQLite(ctx, at("forum.db"), func(db *sql.DB) (Counts, error) {
				if err := createFlarum(ctx, db); err != nil {
					return nil, err
				}
				return w.fillFlarum(ctx, db, sqlite, "", 0, p.forum)
			})
		},
		func() (Counts, error) { return w.writeMeta(ctx, at("meta-export.zip"), p.social) },
		func() (Counts, error) {
			return w.writeExport(ctx, at("kundlista.csv"), max(o.Size-org.Records, len(cast)))
		},
	} {
		counts, err := write()
		if err != nil {
			return Organisation{}, err
		}
		org.Systems = append(org.Systems, System{c.Systems[i], counts})
		org.Records += counts.total()
	}
	if err := c.Save(org.Config); err != nil {
		return Organisation{}, err
	}
	return org, nil
}

// inSQLite fills a new database file. Nothing else uses it while it is made, so
// it needs no journal.
func inSQLite(ctx context.Context, path string, fill func(*sql.DB) (Counts, error)) (Counts, error) {
	q := url.Values{"_pragma": {"journal_mode(off)", "synchronous(off)", "cache_size(-16000)"}}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+q.Encode())
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	db.SetMaxOpenConns(1)
	counts, err := fill(db)
	if cerr := db.Close(); err == nil && cerr != nil {
		err = fmt.Errorf("demo: %w", cerr)
	}
	return counts, err
}

// configuration is the organisation's gallra.yaml. One rule has no decision yet,
// one system no agreement: the to-do list of a demonstration must not be empty.
func configuration(now time.Time) *config.Config {
	decision := func(row string) gallra.Decision {
		return gallra.Decision{
			Title: "Dokumenthanteringsplan för kontaktcenter", Body: "Kommunstyrelsen", Number: "KS 2024/118 § 41, rad " + row, Date: "2024-03-11",
		}
	}
	return &config.Config{
		Organisation: config.Organisation{
			Name: "Sundvalla kommun", Type: gallra.OrgMunicipality, // no number: every valid one could be somebody's
			Contact: letterbox, DPO: "dataskyddsombud@sundvalla.example",
		},
		Systems: []config.System{
			{Name: "helpdesk", Title: "Ärendesystemet", URL: "sqlite:systems/helpdesk.db?profile=helpdesk", Channel: connector.ChannelTicketing,
				Vendor: config.Vendor{Name: "Egen drift", Hosting: "own", Country: "SE", Agreement: "ingen: egen drift", Review: now.AddDate(0, 6, 0).Format(time.DateOnly)}},
			{Name: "mail", Title: "Gemensam brevlåda", URL: "maildir:systems/mail", Channel: connector.ChannelMail,
				Vendor: config.Vendor{Name: "Posthotellet AB", Hosting: "cloud", Country: "SE", Agreement: "PUB 2023-14, 2023-05-02", Review: now.AddDate(0, 3, 0).Format(time.DateOnly)}},
			{Name: "chat", Title: "Webbchatten", URL: "sqlite:systems/chat.db?profile=chatwoot", Channel: connector.ChannelChat,
				Vendor: config.Vendor{Name: "Chattjänst GmbH", Hosting: "cloud", Country: "DE", Agreement: "PUB 2024-02, 2024-01-15", Review: now.AddDate(0, -1, 0).Format(time.DateOnly)}},
			{Name: "forum", Title: "Frågeforum", URL: "sqlite:systems/forum.db?profile=flarum", Channel: connector.ChannelForum,
				Vendor: config.Vendor{Name: "Forumbolaget", Hosting: "cloud", Country: "US"}},
			{Name: "social", Title: "Sociala medier", URL: "meta-export:systems/meta-export.zip", Channel: connector.ChannelSocial},
			{Name: "export", Title: "Kundlista i kalkylblad", URL: "csv:systems/kundlista.csv", Channel: connector.ChannelOther},
		},
		Rules: []gallra.Rule{
			{ID: "arenden", Title: "Ärenden", Purpose: "Besvara frågor och ärenden från invånare och kunder", Basis: "6.1 e", Systems: []gallra.SystemID{"helpdesk"},
				Start: gallra.StartClosed, Fallback: gallra.StartLastContact, Keep: gallra.Period{Years: 2}, Action: gallra.ActionErase,
				Decision: decision("3"), Motive: "Frågor återkommer sällan efter två år; statistiken sparas."},
			{ID: "mejl", Title: "E-post", Purpose: "Besvara e-post från invånare och kunder", Basis: "6.1 e", Systems: []gallra.SystemID{"mail"},
				Start: gallra.StartCreated, Keep: gallra.Period{Years: 1}, Action: gallra.ActionErase,
				Decision: decision("4"), Motive: "Det som blir ett ärende finns i ärendesystemet."},
			{ID: "chatt", Title: "Chattar", Purpose: "Svara på frågor i webbchatten", Basis: "6.1 e", Systems: []gallra.SystemID{"chat"},
				Start: gallra.StartLastContact, Fallback: gallra.StartCreated, Keep: gallra.Period{Months: 6}, Action: gallra.ActionErase,
				Decision: decision("5"), Motive: "Handlingar av tillfällig eller ringa betydelse."},
			{ID: "forum", Title: "Forum", Purpose: "Låta invånare hjälpa varandra", Basis: "6.1 e", Systems: []gallra.SystemID{"forum"},
				Start: gallra.StartLastContact, Fallback: gallra.StartCreated, Keep: gallra.Period{Years: 3}, Action: gallra.ActionAnonymise,
				Decision: decision("6"), Motive: "Svaren har värde för andra, avsändarna inte."},
			{ID: "sociala-medier", Title: "Sociala medier", Purpose: "Svara på frågor i sociala medier", Basis: "6.1 e", Systems: []gallra.SystemID{"social"},
				Start: gallra.StartCreated, Keep: gallra.Period{Months: 12}, Action: gallra.ActionErase,
				Motive: "Väntar på beslut i nämnden."},
		},
		Patterns: []config.Pattern{{Name: "kundnummer", Expr: `\b400\d{5}\b`, Category: gallra.CategoryCustomerID}},
	}
}
