package main

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	_ "github.com/gallra/gallra/connector/all" // every connector
	"github.com/gallra/gallra/connector/rest"
	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/config"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/guard"
	"github.com/gallra/gallra/internal/inventory"
	"github.com/gallra/gallra/internal/pace"
	"github.com/gallra/gallra/internal/report"
	"github.com/gallra/gallra/internal/request"
	"github.com/gallra/gallra/internal/retention"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/subject"
	"github.com/gallra/gallra/internal/work"
	"github.com/gallra/gallra/pii"
)

// stockholm is where dates are meant (REQUIREMENTS T8).
var stockholm = func() *time.Location {
	l, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		panic(err) // deadline embeds the zone database
	}
	return l
}()

// app is the product wired together for one process.
type app struct {
	data   string
	env    func(string) (string, bool)
	config *config.Config
	engine *pii.Engine

	database string

	db   *store.DB // nil until openStore, as the two below
	auth *auth.Auth
	log  *evidence.Log
}

// light wires what needs no store: a scan of a bare address writes nothing,
// not even a data directory.
func (s *session) light() (*app, error) {
	a := &app{data: s.flags.Data, database: s.flags.Database, env: s.env}
	c, err := config.Load(a.configPath())
	if errors.Is(err, gallra.ErrNotFound) {
		c, err = &config.Config{}, nil
	}
	if err != nil {
		return nil, err
	}
	a.config = c
	a.engine, err = pii.New(detector(c))
	return a, err
}

func (a *app) configPath() string { return filepath.Join(a.data, config.FileName) }

func detector(c *config.Config) pii.Options {
	o := pii.Options{Recall: 0.5, Allow: c.Allow}
	for _, p := range c.Patterns {
		o.Patterns = append(o.Patterns, pii.Pattern{Name: p.Name, Expr: p.Expr, Category: p.Category})
	}
	return o
}

// named returns the systems that args name, by name in gallra.yaml or by bare
// address; all of gallra.yaml when args is empty.
func (a *app) named(args []string) ([]config.System, error) {
	if len(args) == 0 {
		if len(a.config.Systems) == 0 {
			return nil, gallra.Errorf(gallra.Invalid, "cli.no_systems", "file", a.configPath())
		}
		return a.config.Systems, nil
	}
	var out []config.System
	taken := func(id gallra.SystemID) bool {
		if _, ok := a.config.System(id); ok {
			return true
		}
		for _, o := range out {
			if o.Name == id {
				return true
			}
		}
		return false
	}
	for _, arg := range args {
		if sys, ok := a.config.System(gallra.SystemID(arg)); ok {
			out = append(out, sys)
			continue
		}
		if connector.Scheme(arg) == "" {
			return nil, gallra.Errorf(gallra.Invalid, "cli.unknown_system", "system", arg)
		}
		out = append(out, config.Adhoc(arg, taken))
	}
	return out, nil
}

// source opens one system, with the credentials that changes need.
func (a *app) source(ctx context.Context, sys config.System) (connector.Source, error) {
	c, err := a.config.Connect(sys, a.env)
	if err != nil {
		return nil, err
	}
	return connector.Open(ctx, c)
}

// reader opens one system without them (REQUIREMENTS X-5).
func (a *app) reader(ctx context.Context, sys config.System) (connector.Source, error) {
	c, err := a.config.ConnectToRead(sys, a.env)
	if err != nil {
		return nil, err
	}
	return connector.Open(ctx, c)
}

// open opens the system of that name in gallra.yaml as the file is now: what
// jobs are given.
func (a *app) open(ctx context.Context, id gallra.SystemID) (connector.Source, error) {
	sys, err := a.now(id)
	if err != nil {
		return nil, err
	}
	return a.source(ctx, sys)
}

// openToRead is open for what changes nothing.
func (a *app) openToRead(ctx context.Context, id gallra.SystemID) (connector.Source, error) {
	sys, err := a.now(id)
	if err != nil {
		return nil, err
	}
	return a.reader(ctx, sys)
}

// now returns the system of that name in gallra.yaml as the file is now.
func (a *app) now(id gallra.SystemID) (config.System, error) {
	c, err := a.current()
	if err != nil {
		return config.System{}, err
	}
	sys, ok := c.System(id)
	if !ok {
		return config.System{}, gallra.Errorf(gallra.Invalid, "cli.unknown_system", "system", string(id))
	}
	return sys, nil
}

func (a *app) scanner() *inventory.Scanner {
	return &inventory.Scanner{DB: a.db, Engine: a.engine, Open: a.openToRead, Guard: a.guard()}
}

// scan makes one inventory and keeps its counts.
func (a *app) scan(ctx context.Context, id gallra.SystemID, actor string, show func(done, total int64)) error {
	sc := a.scanner()
	w, err := sc.Start(ctx, id, actor)
	if err != nil {
		return err
	}
	return a.steps(ctx, w.ID, sc.Step, show)
}

// steps does a work to its end in this process.
func (a *app) steps(ctx context.Context, id string, step func(context.Context, string) (bool, error), show func(done, total int64)) error {
	for {
		more, err := step(ctx, id)
		if err != nil {
			if ferr := work.Fail(context.WithoutCancel(ctx), a.db, id, err); ferr != nil {
				return errors.Join(err, ferr)
			}
			return err
		}
		w, err := work.Get(ctx, a.db, id)
		if err != nil {
			return err
		}
		if show != nil {
			show(w.Done, w.Total)
		}
		if !more {
			if w.State == work.Failed {
				return work.ProblemError(w.Problem)
			}
			return nil
		}
	}
}

// found is what one system answered about a person.
type found struct {
	system config.System
	result subject.Result
}

func (a *app) find(s *session, systems []string, ids []gallra.Identifier) ([]found, error) {
	list, err := a.named(systems)
	if err != nil {
		return nil, err
	}
	var out []found
	for _, sys := range list {
		what := s.say.T("cli.find.searching", "system", string(sys.Name))
		r, err := a.search(s.ctx, sys, ids, func(hits int) { s.status.show(what, int64(hits), -1) })
		if err != nil {
			return nil, err
		}
		out = append(out, found{sys, r})
	}
	s.status.clear()
	return out, nil
}

func (a *app) search(ctx context.Context, sys config.System, ids []gallra.Identifier, show func(int)) (subject.Result, error) {
	src, err := a.reader(ctx, sys)
	if err != nil {
		return subject.Result{}, err
	}
	defer src.Close() // read only: nothing is lost
	return subject.Search(ctx, src, sys.Name, ids, time.Now(), show)
}

func (a *app) maker() report.Maker {
	return report.Maker{Config: a.config, Open: a.reader, Engine: a.engine, Now: time.Now}
}

// full wires everything on the store.
func (s *session) full() (*app, error) {
	a, err := s.light()
	if err != nil {
		return nil, err
	}
	return a, a.openStore(s.ctx)
}

// openStore opens the store and what stands on it.
func (a *app) openStore(ctx context.Context) (err error) {
	if a.db, err = store.Open(ctx, a.data, a.database); err != nil {
		return err
	}
	rest.Share(pace.Ledger{DB: a.db})
	a.auth = auth.New(a.db, auth.Limits{})
	if a.log, err = evidence.Open(ctx, a.db, a.data); err != nil {
		a.close()
		return err
	}
	return nil
}

func (a *app) close() {
	if a.db != nil {
		rest.Share(nil)
		_ = a.db.Close() // everything that matters was committed
		a.db = nil
	}
}

func (a *app) organisation() retention.Organisation {
	o := a.config.Organisation
	return retention.Organisation{Name: o.Name, Number: o.Number, Type: o.Type, Archive: o.Archive}
}

// current reads gallra.yaml as it is now: the page edits the same file.
func (a *app) current() (*config.Config, error) {
	c, err := config.Load(a.configPath())
	if errors.Is(err, gallra.ErrNotFound) {
		return &config.Config{}, nil
	}
	return c, err
}

func (a *app) retention() *retention.Engine {
	return &retention.Engine{DB: a.db, Log: a.log, Open: a.open, OpenToRead: a.openToRead, Loc: stockholm, PII: a.engine, Lang: "sv", Keys: a.keys(), Dir: filepath.Dir(a.configPath()), Version: version(), Lanes: runtime.GOMAXPROCS(0), Names: a.auth.Names, Rules: func(context.Context) ([]gallra.Rule, error) {
		c, err := a.current()
		if err != nil {
			return nil, err
		}
		return c.Rules, nil
	}}
}

func (a *app) keys() string { return filepath.Join(a.data, "keys") }

// guard watches over what was erased. A system's backups live as long as its
// profile says.
func (a *app) guard() *guard.Guard {
	return &guard.Guard{DB: a.db, Log: a.log, Dir: a.keys(), Backup: func(ctx context.Context, id gallra.SystemID) (gallra.Period, error) {
		src, err := a.openToRead(ctx, id)
		if err != nil {
			return gallra.Period{}, nil // taken away since, or down: counted as not known
		}
		defer src.Close()
		p, ok := src.(connector.Profiled)
		if !ok || p.Profile().BackupLife == "" {
			return gallra.Period{}, nil
		}
		return gallra.ParsePeriod(p.Profile().BackupLife)
	}}
}

// checker looks through the systems for what should not be there.
func (a *app) checker(e *retention.Engine, d *request.Desk) *guard.Checker {
	return &guard.Checker{Guard: d.Guard, Engine: a.engine, Open: a.openToRead, Returned: []guard.Journal{e.Returned, d.Returned}}
}

func (a *app) desk() *request.Desk {
	return &request.Desk{DB: a.db, Log: a.log, Keys: request.Keys{Dir: a.keys()}, Open: a.open, OpenToRead: a.openToRead, Guard: a.guard(),
		Stopped: (&retention.Engine{DB: a.db}).Stopped,
		Organisation: func(context.Context) (gallra.OrganisationType, error) {
			c, err := a.current()
			if err != nil {
				return "", err
			}
			return c.Organisation.Type, nil
		},
		Systems: func(context.Context) ([]request.System, error) {
			c, err := a.current()
			if err != nil {
				return nil, err
			}
			var out []request.System
			for _, sys := range c.Systems {
				rs := request.System{ID: sys.Name, Title: sys.Title, Channel: sys.Channel}
				for _, r := range c.Rules {
					if slices.Contains(r.Systems, sys.Name) {
						rs.Rules = append(rs.Rules, r)
					}
				}
				out = append(out, rs)
			}
			return out, nil
		}}
}
