// Package webtest opens the page over a real, filled store, so that tests and
// browsers meet what a person would: five accounts, five systems, inventories,
// a log.
package webtest

import (
	"context"
	"database/sql"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/memory"
	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/config"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/guard"
	"github.com/gallra/gallra/internal/inventory"
	"github.com/gallra/gallra/internal/report"
	"github.com/gallra/gallra/internal/request"
	"github.com/gallra/gallra/internal/retention"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/store/storetest"
	"github.com/gallra/gallra/internal/trial"
	"github.com/gallra/gallra/internal/web"
	"github.com/gallra/gallra/internal/work"
	"github.com/gallra/gallra/pii"
)

// Password opens every account of a filled site; the username is the role.
const Password = "sju tallar i vinden"

// Person is the address of the person whose requests a full site holds.
const Person = "test.person@example.org"

// Site is a page over a real store, with one account of each role. Full, it
// has systems, inventories and a log; else it is as on the first day.
type Site struct {
	Handler http.Handler
	DB      *store.DB
	Auth    *auth.Auth
	Config  *config.Config
	Log     *evidence.Log
	Now     time.Time
	Engine  *retention.Engine
	Desk    *request.Desk
	Maker   func(context.Context) (report.Maker, error) // of packages
	Case    string                                      // a request in review
	Queued  []string                                    // works handed to the workers

	systems map[gallra.SystemID]*memory.System
}

var people = map[auth.Role]string{auth.Agent: "Karin Berg", auth.Approver: "Lars Ek", auth.DPO: "Noor Haddad", auth.Admin: "Per Nyström", auth.Auditor: "Eva Sandell"}

// New opens a site: full, or as on the first day.
func New(t testing.TB, full bool) *Site {
	t.Helper()
	ctx := context.Background()
	s := &Site{DB: storetest.SQLite(t), Now: time.Date(2026, 3, 2, 8, 30, 0, 0, time.UTC), Config: &config.Config{}}
	s.DB.Now = func() time.Time { return s.Now }
	s.Auth = auth.New(s.DB, auth.Limits{})
	var err error
	if s.Log, err = evidence.Open(ctx, s.DB, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	s.Engine = &retention.Engine{DB: s.DB, Log: s.Log, Open: s.open, Names: s.Auth.Names, Loc: stockholm(t), Dir: t.TempDir(),
		Rules: func(context.Context) ([]gallra.Rule, error) { return s.Config.Rules, nil }}
	keys := t.TempDir()
	s.Engine.Keys = keys
	s.Desk = &request.Desk{DB: s.DB, Log: s.Log, Keys: request.Keys{Dir: keys}, Guard: &guard.Guard{DB: s.DB, Log: s.Log, Dir: keys}, Open: s.open, Stopped: s.Engine.Stopped, Organisation: func(context.Context) (gallra.OrganisationType, error) { return s.Config.Organisation.Type, nil }, Systems: func(context.Context) ([]request.System, error) {
		var out []request.System
		for _, c := range s.Config.Systems {
			out = append(out, request.System{ID: c.Name, Title: c.Title, Channel: c.Channel, Manual: s.systems[c.Name] == nil})
		}
		return out, nil
	}}
	if full {
		s.fill(t)
	}
	engine := sync.OnceValues(func() (*pii.Engine, error) { return pii.New(pii.Options{}) })
	s.Maker = func(context.Context) (report.Maker, error) {
		e, err := engine()
		return report.Maker{Config: s.Config, Engine: e, Now: s.DB.Now, Open: func(ctx context.Context, sys config.System) (connector.Source, error) { return s.open(ctx, sys.Name) }}, err
	}
	s.Handler, err = web.New(web.Options{
		DB: s.DB, Auth: s.Auth, Evidence: s.Log, Retention: s.Engine, Requests: s.Desk,
		Config:     func(context.Context) (*config.Config, error) { return s.Config, nil },
		SaveConfig: func(_ context.Context, c *config.Config) error { s.Config = c; return nil },
		Maker:      s.Maker,
		Scanner:    &inventory.Scanner{DB: s.DB, Open: s.open},
		Queue:      func(_ context.Context, id string) error { s.Queued = append(s.Queued, id); return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func stockholm(t testing.TB) *time.Location {
	l, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (s *Site) open(ctx context.Context, id gallra.SystemID) (connector.Source, error) {
	sys, ok := s.systems[id]
	if c, found := s.Config.System(id); !ok && found && connector.Scheme(c.URL) == "manual" {
		return connector.Open(ctx, connector.Config{System: id, URL: c.URL, Options: c.Options})
	}
	if !ok {
		return nil, gallra.Errorf(gallra.Unavailable, "store.unreachable")
	}
	return profiled{sys.Open()}, nil
}

// Work does every queued work to its end.
func (s *Site) Work(t testing.TB) {
	t.Helper()
	for len(s.Queued) > 0 {
		id := s.Queued[0]
		s.Queued = s.Queued[1:]
		if err := s.Engine.Drive(context.Background(), id); err != nil {
			t.Fatal(err)
		}
	}
}

// Plan makes a plan of every rule and returns its id.
func (s *Site) Plan(t testing.TB) string {
	t.Helper()
	id, err := s.Engine.Plan(context.Background(), retention.PlanSpec{Rules: s.Config.Rules, Actor: "agent",
		Organisation: retention.Organisation{Name: s.Config.Organisation.Name, Type: s.Config.Organisation.Type}})
	if err == nil {
		err = s.Engine.Drive(context.Background(), id)
	}
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// Run plans, approves and runs the rule of chats, and returns the run's id.
func (s *Site) Run(t testing.TB) string { t.Helper(); return s.RunOf(t, 0) }

// RunOf is Run with the nth rule, which gets a decision if it has none.
func (s *Site) RunOf(t testing.TB, n int) string {
	t.Helper()
	ctx := context.Background()
	if d := &s.Config.Rules[n].Decision; d.Number == "" {
		*d = gallra.Decision{Number: "KS 2025/88 § 14", Body: "Kommunstyrelsen", Date: "2025-03-11"}
	}
	id, err := s.Engine.Plan(ctx, retention.PlanSpec{Rules: s.Config.Rules[n : n+1], Actor: "agent",
		Organisation: retention.Organisation{Name: s.Config.Organisation.Name, Type: s.Config.Organisation.Type}})
	if err == nil {
		err = s.Engine.Drive(ctx, id)
	}
	p, perr := s.Engine.PlanOf(ctx, id)
	for _, by := range []string{"approver", "approver2"} {
		if err == nil && perr == nil {
			err = s.Engine.Approve(ctx, id, by, p.Hash)
		}
	}
	run := ""
	if err == nil {
		run, err = s.Engine.Start(ctx, id, "agent")
	}
	if err == nil {
		err = s.Engine.Drive(ctx, run)
	}
	if err != nil || perr != nil {
		t.Fatal(err, perr)
	}
	return run
}

// Task runs a rule over binders that people thin out by hand, and returns the
// run. The test imports connector/manual.
func (s *Site) Task(t testing.TB) string {
	t.Helper()
	s.Config.Systems = append(s.Config.Systems, config.System{Name: "parmar", Title: "Pärmar i receptionen", URL: "manual:paper", Options: map[string]string{"place": "Skåp 4", "owner": "Receptionschefen"}})
	s.Config.Rules = append([]gallra.Rule{{ID: "parmar", Version: 1, Title: "Papper i receptionen", Purpose: "Kundservice", Systems: []gallra.SystemID{"parmar"}, Start: gallra.StartCreated, Keep: gallra.Period{Years: 2}, Action: gallra.ActionErase,
		Decision: gallra.Decision{Number: "KS 2025/88 § 14", Body: "Kommunstyrelsen", Date: "2025-03-11"}}}, s.Config.Rules...)
	return s.Run(t)
}

// Deliver runs a rule that hands the forum's threads over to an archive, and
// returns the run.
func (s *Site) Deliver(t testing.TB) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(s.Engine.Dir, "arkiv"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.Config.Rules = slices.DeleteFunc(s.Config.Rules, func(r gallra.Rule) bool { return r.ID == "forum" })
	s.Config.Rules = append([]gallra.Rule{{ID: "forum-arkiv", Version: 1, Title: "Trådar i forumet", Purpose: "Frågor och svar", Systems: []gallra.SystemID{"forum"}, Start: gallra.StartUpdated, Keep: gallra.Period{Years: 1}, Action: gallra.ActionArchive,
		Archive:  gallra.Archive{To: "arkiv", Body: "Stadsarkivet", Agreement: "SA 2025/14"},
		Decision: gallra.Decision{Number: "KS 2025/88 § 14", Body: "Kommunstyrelsen", Date: "2025-03-11"}}}, s.Config.Rules...)
	return s.Run(t)
}

// Grow adds n systems with long names, and one rule over them that comes first.
func (s *Site) Grow(t testing.TB, n int) {
	t.Helper()
	r := gallra.Rule{ID: "manga", Version: 1, Title: "Ärenden om bostadsanpassningsbidragsansökningar", Purpose: "Kundservice", Start: gallra.StartClosed, Fallback: gallra.StartCreated, Keep: gallra.Period{Years: 1}, Action: gallra.ActionErase,
		Decision: gallra.Decision{Number: "KS 2025/88 § 14", Body: "Kommunstyrelsens arbetsmarknads- och integrationsutskott", Date: "2025-03-11"}}
	for i := range n {
		id := gallra.SystemID("gren" + strconv.Itoa(i))
		s.systems[id] = newSystem(id, 250+10*i, s.Now)
		s.Config.Systems = append(s.Config.Systems, config.System{Name: id, Title: "Personuppgiftsbiträdesavtalsregistret, kundtjänstgren " + strconv.Itoa(i+1), URL: "sqlite:g.db?profile=osticket", Channel: "ticketing", Vendor: config.Vendor{Name: "Egen drift", Hosting: "own"}})
		r.Systems = append(r.Systems, id)
	}
	s.Config.Rules = append([]gallra.Rule{r}, s.Config.Rules...)
}

// SetUp makes the first administrator of an empty site.
func (s *Site) SetUp(t testing.TB) {
	t.Helper()
	if _, err := s.Auth.CreateFirst(context.Background(), auth.NewAccount{Username: string(auth.Admin), Name: people[auth.Admin], Password: Password}); err != nil {
		t.Fatal(err)
	}
}

// Progress moves the scan that is under way in a full site to done records; at
// the last of them it is over.
func (s *Site) Progress(t testing.TB, done int64) {
	t.Helper()
	s.tx(t, func(tx *sql.Tx) error {
		w, err := work.Latest(context.Background(), tx, inventory.Kind, "sociala")
		if err != nil {
			return err
		}
		if w.Done = done; done >= w.Total {
			w.State = work.Done
		}
		return work.Save(context.Background(), tx, s.Now.Add(time.Minute), &w)
	})
}

func (s *Site) fill(t testing.TB) {
	t.Helper()
	ctx := context.Background()
	s.systems = map[gallra.SystemID]*memory.System{"chatt": newSystem("chatt", 400, s.Now), "arenden": newSystem("arenden", 1900, s.Now), "epost": newSystem("epost", 700, s.Now), "forum": newSystem("forum", 500, s.Now)}
	if _, err := s.Auth.Create(ctx, auth.NewAccount{Username: "approver2", Name: "Sara Holm", Password: Password, Role: auth.Approver}); err != nil {
		t.Fatal(err)
	}
	for _, r := range auth.Roles() {
		if _, err := s.Auth.Create(ctx, auth.NewAccount{Username: string(r), Name: people[r], Password: Password, Role: r}); err != nil {
			t.Fatal(err)
		}
	}
	s.Config = &config.Config{
		Organisation: config.Organisation{Name: "Exempelstads kommun", Type: gallra.OrgMunicipality, Contact: "kundservice@exempelstad.example"},
		Systems: []config.System{
			{Name: "arenden", Title: "Ärenden", URL: "sqlite:a.db?profile=osticket", Channel: "ticketing", Vendor: config.Vendor{Name: "Egen drift", Hosting: "own"}},
			{Name: "epost", Title: "E-post", URL: "maildir:mail", Channel: "mail", Vendor: config.Vendor{Name: "Postbolaget AB", Hosting: "cloud", Country: "SE", Agreement: "KS 2024/112, 2024-05-02", Review: "2026-09-01"}},
			{Name: "chatt", Title: "Chatt", URL: "sqlite:c.db?profile=chatwoot", Channel: "chat", Vendor: config.Vendor{Name: "Talk Inc.", Hosting: "cloud", Country: "US"}},
			{Name: "forum", Title: "Frågor och svar", URL: "sqlite:f.db?profile=flarum", Channel: "forum", Vendor: config.Vendor{Name: "Forumvärden", Hosting: "cloud"}},
			{Name: "sociala", Title: "Sociala medier", URL: "meta-export:m.zip", Channel: "social", Vendor: config.Vendor{Name: "Meta Platforms Ireland", Hosting: "cloud", Country: "IE", Agreement: "Standardavtal 2025"}},
		},
		Rules: []gallra.Rule{
			{ID: "chatt", Version: 1, Title: "Chattar", Purpose: "Kundservice", Systems: []gallra.SystemID{"chatt"}, Start: gallra.StartClosed, Fallback: gallra.StartCreated, Keep: gallra.Period{Months: 3}, Action: gallra.ActionErase, Decision: gallra.Decision{Number: "KS 2025/88 § 14", Body: "Kommunstyrelsen", Date: "2025-03-11"}},
			{ID: "arenden", Version: 2, Title: "Ärenden", Purpose: "Kundservice", Systems: []gallra.SystemID{"arenden", "epost"}, Start: gallra.StartLastContact, Fallback: gallra.StartCreated, Keep: gallra.Period{Years: 2}, Action: gallra.ActionErase, Decision: gallra.Decision{Number: "KS 2025/88 § 14", Body: "Kommunstyrelsen", Date: "2025-03-11"}},
			{ID: "forum", Version: 1, Title: "Trådar i forumet", Purpose: "Frågor och svar", Systems: []gallra.SystemID{"forum"}, Start: gallra.StartUpdated, Keep: gallra.Period{Years: 1}, Action: gallra.ActionAnonymise},
		},
	}
	for i, sys := range []string{"arenden", "epost", "chatt", "forum"} {
		s.scan(t, sys, int64(i))
	}
	s.Plan(t)
	s.requests(t)
	s.tx(t, func(tx *sql.Tx) error {
		w, err := work.Create(ctx, tx, s.Now, inventory.Kind, "sociala", "admin")
		if err != nil {
			return err
		}
		w.State, w.Done, w.Total, w.Started = work.Running, 3120, 18400, s.Now
		return work.Save(ctx, tx, s.Now.Add(40*time.Second), &w)
	})
}

// requests registers four: one late, one searched and in review.
func (s *Site) requests(t testing.TB) {
	t.Helper()
	ctx := context.Background()
	for i, in := range []request.Intake{
		{Rights: []request.Right{request.Access, request.Erasure}, Received: s.Now.AddDate(0, 0, -26), Channel: "email", Registration: "KS 2026/31"},
		{Rights: []request.Right{request.Rectification}, Received: s.Now.AddDate(0, 0, -34), Channel: "phone"},
		{Rights: []request.Right{request.Erasure}, Received: s.Now.AddDate(0, 0, -3), Channel: "letter", Protected: true},
	} {
		in.Actor = "agent"
		in.Details = request.Details{Name: "Test Person", Identifiers: []request.Known{{Identifier: gallra.Identifier{Kind: gallra.IdentEmail, Value: Person}, Verified: true, By: "agent", At: s.Now}}}
		rs, err := s.Desk.Register(ctx, in)
		if err == nil && i == 0 {
			err = s.Desk.Move(ctx, rs[1].ID, "agent", request.Classified, "case.classified")
			if err == nil {
				err = s.Desk.Identify(ctx, rs[1].ID, "agent", "known_address", "")
			}
			var w work.Work
			if err == nil {
				w, err = s.Desk.StartSearch(ctx, rs[1].ID, "agent")
			}
			if err == nil {
				err = s.Desk.Drive(ctx, w.ID, nil)
			}
			s.Case = rs[1].ID
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// scan writes a finished inventory the way a scanner leaves it.
func (s *Site) scan(t testing.TB, system string, n int64) {
	t.Helper()
	id := "scan-" + system
	at := func(y int) int64 { return store.Micros(time.Date(y, 4, 17, 9, 0, 0, 0, time.UTC)) }
	s.tx(t, func(tx *sql.Tx) error {
		exec := func(q string, args ...any) error { _, err := tx.Exec(q, args...); return err }
		err := exec(`INSERT INTO scan VALUES ($1, $2, $3, $4)`, id, system, store.Micros(s.Now), store.Micros(s.Now))
		for i, typ := range []string{"conversation", "message", "attachment"} {
			kind := []string{"conversation", "message", "attachment"}[i]
			if err == nil {
				err = exec(`INSERT INTO scan_type VALUES ($1, $2, $3, $4, $5, $6)`, id, typ, kind, 18211/(n+1)*int64(i+1), at(2017), at(2026))
			}
		}
		for m := range 38 {
			month := time.Date(2023, time.Month(m+2), 1, 0, 0, 0, 0, time.UTC)
			if err == nil {
				err = exec(`INSERT INTO scan_month VALUES ($1, 'conversation', $2, $3)`, id, month.Format("2006-01"), 210+37*int64(m%7)+int64(m)*9/(n+1))
			}
		}
		for m := range 30 { // what falls due before and after today
			month := time.Date(2023, time.Month(m+9), 1, 0, 0, 0, 0, time.UTC).Format("2006-01")
			for _, event := range []gallra.StartEvent{gallra.StartCreated, gallra.StartLastContact, gallra.StartClosed, gallra.StartUpdated} {
				if err == nil {
					err = exec(`INSERT INTO scan_start VALUES ($1, 'conversation', $2, $3, $4)`, id, string(event), month, 90+11*int64(m%5)+n)
				}
			}
		}
		for i, c := range gallra.Categories() {
			if (int64(i)+n)%5 == 4 || err != nil {
				continue
			}
			count := 48123 / int64(i*i+1) / (n + 1)
			if err = exec(`INSERT INTO scan_finding VALUES ($1, 'message', 'body', $2, $7, $3, $4, $5, $6)`, id, string(c), count, count/2+1, at(2018), at(2026), ruleOf(c)); err != nil {
				break
			}
			if i < 3 {
				err = exec(`INSERT INTO scan_finding VALUES ($1, 'conversation', 'contact_email', $2, 'field', $3, $3, $4, $5)`, id, string(c), count*2, at(2017), at(2026))
			}
		}
		if err == nil && n == 0 {
			err = exec(`INSERT INTO scan_skipped VALUES ($1, 'attachment', 'file.encrypted', 14)`, id)
		}
		return err
	})
}

func (s *Site) tx(t testing.TB, f func(*sql.Tx) error) {
	t.Helper()
	if err := s.DB.Tx(context.Background(), f); err != nil {
		t.Fatal(err)
	}
}

// ruleOf is the rule that finds most of a category in text.
func ruleOf(c gallra.Category) string {
	switch c {
	case gallra.CategoryEmail:
		return "email/form"
	case gallra.CategoryPhone:
		return "phone_se/mobile"
	}
	return "name/tagger"
}

// WorkCases does every queued work of a case to its end.
func (s *Site) WorkCases(t testing.TB) {
	t.Helper()
	for len(s.Queued) > 0 {
		id := s.Queued[0]
		s.Queued = s.Queued[1:]
		if err := s.Desk.Drive(context.Background(), id, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// Alarms makes a person who was erased stand in two systems again, and records
// of a run be back in a third.
func (s *Site) Alarms(t testing.TB) {
	t.Helper()
	ctx := context.Background()
	g := s.Desk.Guard
	id := gallra.Identifier{Kind: gallra.IdentEmail, Value: "borta@example.org"}
	phone := gallra.Identifier{Kind: gallra.IdentPhone, Value: "070-174 06 05"}
	s.tx(t, func(tx *sql.Tx) error {
		return g.Keep(ctx, tx, guard.Erased{Matter: s.Case, Identifiers: []gallra.Identifier{id, phone}, Systems: []gallra.SystemID{"arenden"}, At: s.Now.AddDate(0, -1, 0), Actor: "agent"})
	})
	for system, r := range map[gallra.SystemID]gallra.Record{
		"arenden": {Created: s.Now.AddDate(-2, 0, 0), Fields: []gallra.Field{{Value: id.Value}}},
		"chatt":   {Created: s.Now.AddDate(0, 0, -3), Fields: []gallra.Field{{Value: id.Value}}},
		"forum":   {Created: s.Now.AddDate(0, 0, -3), Fields: []gallra.Field{{Value: phone.Value}}},
	} {
		r.Ref = gallra.Ref{System: system, Type: "conversation", ID: "3"}
		w, err := g.Watch(ctx, system)
		if err != nil {
			t.Fatal(err)
		}
		w.Value(r, gallra.CategoryEmail, r.Fields[0].Value)
		w.Value(r, gallra.CategoryPhone, r.Fields[0].Value)
		s.tx(t, func(tx *sql.Tx) error { _, err := w.Raise(ctx, tx); return err })
	}
	c := guard.Checker{Guard: g, Open: s.open, Returned: []guard.Journal{func(context.Context, connector.Source, gallra.SystemID, int) ([]guard.Return, error) {
		return []guard.Return{{Matter: "run-3", Ref: gallra.Ref{System: "chatt", Type: "conversation", ID: "9"}, Count: 12, Erased: s.Now.AddDate(0, 0, -9)}}, nil
	}}}
	w, err := c.Start(ctx, "chatt", "agent")
	if err == nil {
		_, err = c.Step(ctx, w.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Prove shows on made-up persons that the systems do what they say.
func (s *Site) Prove(t testing.TB) {
	t.Helper()
	ctx := context.Background()
	b := trial.Bench{DB: s.DB, Log: s.Log, Open: s.open}
	for id, sys := range s.systems {
		tr, err := b.Start(ctx, id, "admin")
		if err != nil {
			t.Fatal(err)
		}
		person := sys.AddPerson(memory.Person{Name: tr.Person.Name, Email: tr.Person.Email, Created: s.Now, Updated: s.Now})
		c := sys.AddConversation(memory.Conversation{Person: person, Subject: "Prov", Created: s.Now, Updated: s.Now})
		sys.AddMessage(c, memory.Message{Name: tr.Person.Name, Email: tr.Person.Email, Text: tr.Person.Name, Created: s.Now})
		if tr, err = b.Go(ctx, tr.ID); err != nil || !tr.Passed() {
			t.Fatalf("%s: %+v, %v", id, tr.Steps, err)
		}
	}
}

// Restore puts a system back as it was before any run, and checks it for what
// was erased: an alarm stands. It returns how many cases the system then holds.
func (s *Site) Restore(t testing.TB, id gallra.SystemID, n int) int {
	t.Helper()
	*s.systems[id] = *newSystem(id, n, s.Now)
	s.Now = s.Now.Add(24 * time.Hour)
	if err := s.check(context.Background(), id, "system"); err != nil {
		t.Fatal(err)
	}
	return s.Count(id)
}

// check looks through a system for what was erased from it.
func (s *Site) check(ctx context.Context, id gallra.SystemID, actor string) error {
	e, err := pii.New(pii.Options{})
	if err != nil {
		return err
	}
	c := guard.Checker{Guard: s.Desk.Guard, Engine: e, Open: s.open, Returned: []guard.Journal{s.Engine.Returned, s.Desk.Returned}}
	w, err := c.Start(ctx, id, actor)
	for more := true; err == nil && more; {
		more, err = c.Step(ctx, w.ID)
	}
	return err
}

// Replay does every queued replay, and the check after it.
func (s *Site) Replay(t testing.TB) {
	t.Helper()
	r := guard.Replayer{Guard: s.Desk.Guard, Replays: []guard.Replay{s.Engine.Replay, s.Desk.Replay}, Check: s.check}
	for len(s.Queued) > 0 {
		id := s.Queued[0]
		s.Queued = s.Queued[1:]
		if _, err := r.Step(context.Background(), id); err != nil {
			t.Fatal(err)
		}
	}
}
