package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base32"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/api"
	"github.com/gallra/gallra/internal/config"
	"github.com/gallra/gallra/internal/guard"
	"github.com/gallra/gallra/internal/inventory"
	"github.com/gallra/gallra/internal/job"
	"github.com/gallra/gallra/internal/pdf"
	"github.com/gallra/gallra/internal/report"
	"github.com/gallra/gallra/internal/request"
	"github.com/gallra/gallra/internal/retention"
	"github.com/gallra/gallra/internal/web"
	"github.com/gallra/gallra/internal/work"
)

type serveCmd struct {
	Addr   string `default:"127.0.0.1:8700" help:"cli_flag_addr"`
	Secure bool   `help:"cli_flag_secure"`
}

// Run serves the page and works on what it starts, until it is interrupted.
func (c *serveCmd) Run(s *session) error {
	a, err := s.full()
	if err != nil {
		return err
	}
	defer a.close()
	code := ""
	if any, err := a.auth.Any(s.ctx); err != nil {
		return err
	} else if !any {
		// Whoever can read the terminal may make the first administrator; nobody
		// else on the network can.
		b := make([]byte, 10)
		_, _ = rand.Read(b) // crypto/rand.Read never fails (Go 1.24)
		code = base32.StdEncoding.EncodeToString(b)
		s.line("cli.serve.setup_code", "code", code)
	}
	return a.serve(s, c.Addr, code, c.Secure)
}

type workerCmd struct{}

// Run works on what others start, until it is interrupted.
func (c *workerCmd) Run(s *session) error {
	if s.flags.Database == "" {
		return gallra.Errorf(gallra.Invalid, "cli.worker_database")
	}
	a, err := s.full()
	if err != nil {
		return err
	}
	defer a.close()
	jobs, closeJobs, err := a.jobs(s.ctx, s.log())
	if err != nil {
		return err
	}
	defer closeJobs()
	s.line("cli.worker.running")
	return a.until(s.ctx, jobs)
}

// until runs the workers until the context ends, which is the orderly way.
func (a *app) until(ctx context.Context, jobs *job.Runner) error {
	err := jobs.Run(ctx, runtime.GOMAXPROCS(0))
	if ctx.Err() != nil && (err == nil || errors.Is(err, ctx.Err())) {
		return nil
	}
	return err
}

// log is for those who run the program: what went wrong, never a personal value.
func (s *session) log() *slog.Logger {
	return slog.New(slog.NewJSONHandler(s.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// jobs wires the workers: which step carries on which kind of work.
func (a *app) jobs(ctx context.Context, log *slog.Logger) (*job.Runner, func(), error) {
	jobs, err := job.New(ctx, a.db, job.Options{Logger: log})
	if err != nil {
		return nil, nil, err
	}
	engine, desk := a.retention(), a.desk()
	jobs.Register(inventory.Kind, 1, a.scanner().Step)
	jobs.Register(retention.WorkPlan, 1, engine.Step)
	jobs.Register(retention.WorkRun, runtime.GOMAXPROCS(0), engine.Step)
	jobs.Register(retention.WorkFollow, 1, engine.Step)
	for _, k := range []string{request.WorkSearch, request.WorkExecute, request.WorkVerify, request.WorkHold} {
		jobs.Register(k, 1, desk.Step)
	}
	checker := a.checker(engine, desk)
	jobs.Register(guard.WorkCheck, 1, checker.Step)
	replayer := guard.Replayer{Guard: checker.Guard, Replays: []guard.Replay{engine.Replay, desk.Replay}, Check: func(ctx context.Context, system gallra.SystemID, actor string) error {
		return a.checkAll(ctx, checker, []gallra.SystemID{system}, actor, jobs)
	}}
	jobs.Register(guard.WorkReplay, 1, replayer.Step)
	jobs.Every("guard", time.Hour, func(ctx context.Context) error {
		if _, err := checker.Purge(ctx); err != nil {
			return err
		}
		cfg, err := a.current()
		if err != nil {
			return err
		}
		due, err := checker.Due(ctx, names(cfg))
		if err != nil {
			return err
		}
		return a.checkAll(ctx, checker, due, "system", jobs)
	})
	jobs.Every("journals", time.Hour, func(ctx context.Context) error {
		_, err := engine.PurgeJournal(ctx, "system")
		return err
	})
	jobs.Every("cases", time.Hour, func(ctx context.Context) error {
		_, err := desk.Destroy(ctx)
		return err
	})
	return jobs, func() {
		jobs.Close()
		if err := engine.Close(); err != nil {
			log.Error("closing systems", "error", err)
		}
	}, nil
}

// names returns the systems of gallra.yaml.
func names(cfg *config.Config) []gallra.SystemID {
	ids := make([]gallra.SystemID, 0, len(cfg.Systems))
	for _, s := range cfg.Systems {
		ids = append(ids, s.Name)
	}
	return ids
}

// checkAll starts a check of each system for what was erased from it.
func (a *app) checkAll(ctx context.Context, c *guard.Checker, systems []gallra.SystemID, actor string, jobs *job.Runner) error {
	for _, id := range systems {
		if err := a.db.Tx(ctx, func(tx *sql.Tx) error {
			w, err := c.StartTx(ctx, tx, id, actor)
			if err != nil {
				return err
			}
			return jobs.Enqueue(ctx, tx, guard.WorkCheck, w.ID)
		}); err != nil {
			return err
		}
	}
	return nil
}

// serve runs page and workers together until the context ends.
func (a *app) serve(s *session, addr, setupCode string, secure bool) error {
	log := s.log()
	jobs, closeJobs, err := a.jobs(s.ctx, log)
	if err != nil {
		return err
	}
	defer closeJobs()
	current := func(context.Context) (*config.Config, error) { return a.current() }
	save := func(_ context.Context, c *config.Config) error { return c.Save(a.configPath()) }
	queue := func(ctx context.Context, id string) error {
		w, err := work.Get(ctx, a.db, id)
		if err != nil {
			return err
		}
		return a.db.Tx(ctx, func(tx *sql.Tx) error { return jobs.Enqueue(ctx, tx, w.Kind, id) })
	}
	engine, printer := a.retention(), pdf.New("")
	defer engine.Close() // what matters was committed
	maker := func(context.Context) (report.Maker, error) {
		cfg, err := a.current()
		m := a.maker()
		m.Config = cfg
		return m, err
	}
	page, err := web.New(web.Options{
		DB: a.db, Auth: a.auth, Evidence: a.log, Scanner: a.scanner(), Retention: engine, Requests: a.desk(), Config: current, SaveConfig: save,
		Maker: maker,
		CheckGuard: func(ctx context.Context, actor string) error {
			cfg, err := a.current()
			if err != nil {
				return err
			}
			return a.checkAll(ctx, a.checker(engine, a.desk()), names(cfg), actor, jobs)
		},
		Queue: queue, PDF: printer, Log: log, SetupCode: setupCode, Secure: secure,
	})
	if err != nil {
		return err
	}
	both := http.NewServeMux()
	both.Handle("/", page)
	both.Handle(api.Base+"/", api.New(api.Options{DB: a.db, Auth: a.auth, Evidence: a.log, Retention: engine, Guard: a.guard(), Requests: a.desk(), Maker: maker, Config: current, SaveConfig: save, Open: a.openToRead, Queue: queue, PDF: printer, Log: log}))
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return gallra.Errorf(gallra.Invalid, "cli.serve.address", "address", addr)
	}
	srv := &http.Server{Handler: both, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
	fmt.Fprintln(s.out, s.say.T("cli.serve.ready", "address", "http://"+strings.Replace(l.Addr().String(), "127.0.0.1", "localhost", 1)+"/"))
	g, ctx := errgroup.WithContext(s.ctx)
	g.Go(func() error {
		if err := srv.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve: %w", err)
		}
		return nil
	})
	g.Go(func() error { return a.until(ctx, jobs) })
	g.Go(func() error {
		<-ctx.Done()
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		return srv.Shutdown(end)
	})
	return g.Wait()
}
