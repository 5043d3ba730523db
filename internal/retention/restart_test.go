//go:build linux

package retention_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/retention"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/store/storetest"
)

// server is a database server of the test's own, which it may kill.
type server struct {
	t       *testing.T
	command func() *exec.Cmd
	ready   func() error
	cmd     *exec.Cmd
	ended   chan struct{}
}

// up starts the server and waits until it answers. One that will not begin
// because something of the last is still there is started again.
func (s *server) up() error {
	var err error
	for range 1200 {
		if s.cmd == nil {
			c, ended := s.command(), make(chan struct{})
			if err := c.Start(); err != nil {
				return err
			}
			go func() { _ = c.Wait(); close(ended) }()
			s.cmd, s.ended = c, ended
		}
		if err = s.ready(); err == nil {
			return nil
		}
		select {
		case <-s.ended:
			s.cmd = nil
		default:
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("the server does not come up: %w", err)
}

// down ends the server and all its processes at once, as a power cut does.
func (s *server) down() {
	if s.cmd != nil {
		_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL) // gone already is as good
		<-s.ended
		s.cmd = nil
	}
}

// tool finds a program; the test is skipped, saying so, where it is not installed.
func tool(t *testing.T, name string, places ...string) string {
	t.Helper()
	if p, err := exec.LookPath(name); err == nil {
		return p
	}
	for _, place := range places {
		if found, err := filepath.Glob(filepath.Join(place, name)); err == nil && len(found) > 0 {
			slices.Sort(found)
			return found[len(found)-1]
		}
	}
	t.Skip(name + " is not installed: the server that is restarted needs it")
	return ""
}

// as lets a command run as a user when the test is run by root, in a group of
// processes of its own.
func as(t *testing.T, name, dir string, c *exec.Cmd) *exec.Cmd {
	t.Helper()
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Dir = dir
	if os.Geteuid() != 0 {
		return c
	}
	u, err := user.Lookup(name)
	if err != nil {
		t.Skip("no user " + name + " to run the server as")
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	if err := filepath.Walk(dir, func(p string, _ os.FileInfo, err error) error {
		return errors.Join(err, os.Lchown(p, uid, gid))
	}); err != nil {
		t.Fatal(err)
	}
	c.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return c
}

func freePort(t *testing.T) int {
	t.Helper()
	for range 100 {
		port := 56000 + rand.IntN(4000) // none that is given to outgoing connections
		if l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port)); err == nil {
			_ = l.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

// ground is a directory that another user can reach.
func ground(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "gallra-restart-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func ownPostgres(t *testing.T) (s *server, address string) {
	t.Helper()
	initdb, bin := tool(t, "initdb", "/usr/lib/postgresql/*/bin"), tool(t, "postgres", "/usr/lib/postgresql/*/bin")
	dir, port := ground(t), freePort(t)
	data := filepath.Join(dir, "data")
	if out, err := as(t, "postgres", dir, exec.Command(initdb, "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N")).CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	address = fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", port)
	s = &server{t: t, command: func() *exec.Cmd {
		c := exec.Command(bin, "-D", data, "-k", dir, "-h", "127.0.0.1", "-p", strconv.Itoa(port), "-c", "shared_buffers=16MB")
		c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		return as(t, "postgres", dir, c)
	}, ready: func() error { return ping("pgx", address) }}
	if err := s.up(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.down)
	return s, address
}

func ownMariaDB(t *testing.T) (s *server, address, dsn string) {
	t.Helper()
	install, bin := tool(t, "mariadb-install-db"), tool(t, "mariadbd", "/usr/sbin", "/usr/libexec")
	dir, port := ground(t), freePort(t)
	data := filepath.Join(dir, "data")
	if out, err := as(t, "mysql", dir, exec.Command(install, "--no-defaults", "--datadir="+data, "--auth-root-authentication-method=normal", "--skip-test-db")).CombinedOutput(); err != nil {
		t.Fatalf("mariadb-install-db: %v\n%s", err, out)
	}
	dsn = fmt.Sprintf("root@tcp(127.0.0.1:%d)/mysql?multiStatements=true&parseTime=true&interpolateParams=true&charset=utf8mb4", port)
	s = &server{t: t, command: func() *exec.Cmd {
		return as(t, "mysql", dir, exec.Command(bin, "--no-defaults", "--datadir="+data, "--socket="+filepath.Join(dir, "s"), "--pid-file="+filepath.Join(dir, "pid"), "--bind-address=127.0.0.1", "--port="+strconv.Itoa(port), "--innodb-buffer-pool-size=32M"))
	}, ready: func() error { return ping("mysql", dsn) }}
	if err := s.up(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.down)
	return s, fmt.Sprintf("mysql://root@127.0.0.1:%d/", port), dsn
}

func ping(driver, dsn string) error {
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	c, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	return db.PingContext(c)
}

// through drives a work through power cuts of a server: it is killed at random
// moments and comes up again, cuts times.
func through(t *testing.T, e *retention.Engine, id string, s *server, cuts int) {
	t.Helper()
	r := random(t)
	var failures atomic.Int64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for range cuts {
			select {
			case <-stop:
				return
			case <-time.After(time.Duration(80+r.IntN(600)) * time.Millisecond):
			}
			s.down()
			if err := s.up(); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	for tries := 0; ; tries++ {
		more, err := e.Step(ctx, id)
		if err != nil {
			failures.Add(1)
			time.Sleep(20 * time.Millisecond)
		}
		if err == nil && !more {
			break
		}
		if tries > 20000 || t.Failed() {
			close(stop)
			<-stopped
			t.Fatalf("the run does not end: %v", err)
		}
	}
	close(stop)
	<-stopped
	t.Logf("%d steps failed", failures.Load())
	if failures.Load() == 0 {
		t.Error("no step met a server that was down")
	}
}

// The PostgreSQL that Gallra keeps its own state in is killed, all processes at
// once, and started again in the middle of a run, six times.
func TestG6_OwnPostgresRestarts(t *testing.T) {
	t.Parallel()
	s, address := ownPostgres(t)
	dir := t.TempDir()
	db, err := store.Open(ctx, dir, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	db.Now = func() time.Time { return today }
	log, err := evidence.Open(ctx, db, dir)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{desk: openDesk(t, filepath.Join(dir, "desk.db")), dir: dir, now: today}
	f.Engine = &retention.Engine{DB: db, Log: log, Loc: stockholm(t), BatchSize: 50, Lease: 150 * time.Millisecond,
		Open: func(context.Context, gallra.SystemID) (connector.Source, error) { return f.desk, nil }}
	const n = 900
	f.desk.seed(t, n, old)
	p := f.plan(t, company, rule("r", 24, gallra.ActionErase))
	f.approve(t, p)
	id, err := f.Start(ctx, p.ID, "operator")
	if err != nil {
		t.Fatal(err)
	}
	f.desk.erased = func(gallra.Ref) { time.Sleep(2 * time.Millisecond) }
	through(t, f.Engine, id, s, 6)
	f.complete(t, id, n)
}

// The system's own database is killed and started again in the middle of a run:
// Znuny on PostgreSQL and osTicket on MariaDB, erasing and anonymising.
func TestG6_TheSystemsDatabaseRestarts(t *testing.T) {
	for name, open := range map[string]func(*testing.T) (*server, *helpdesk){
		"Znuny on PostgreSQL": func(t *testing.T) (*server, *helpdesk) {
			s, address := ownPostgres(t)
			db, err := sql.Open("pgx", address)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			return s, znunyOn(t, db, address)
		},
		"osTicket on MariaDB": func(t *testing.T) (*server, *helpdesk) {
			s, address, dsn := ownMariaDB(t)
			db, err := sql.Open("mysql", dsn)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			if _, err := db.Exec("CREATE DATABASE ost CHARACTER SET utf8mb4"); err != nil {
				t.Fatal(err)
			}
			db.Close()
			if db, err = sql.Open("mysql", strings.Replace(dsn, "/mysql?", "/ost?", 1)); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			return s, osTicketOn(t, db, address+"ost")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, h := open(t)
			for _, action := range []gallra.Action{gallra.ActionErase, gallra.ActionAnonymise} {
				const n = 120
				first := 1000
				for i := range n {
					h.seed(t, first+i)
				}
				f := setup(t, storetest.SQLite(t))
				f.BatchSize, f.Lease = 10, 150*time.Millisecond
				f.Open = func(context.Context, gallra.SystemID) (connector.Source, error) {
					return &keepsBack{Source: h.source}, nil
				}
				r := rule("r", 24, action)
				r.Start = gallra.StartCreated
				p := f.plan(t, company, r)
				f.approve(t, p)
				id, err := f.Start(ctx, p.ID, "operator")
				if err != nil {
					t.Fatal(err)
				}
				through(t, f.Engine, id, s, 4)
				pr := f.finish(t, id)
				done := pr.Total.Outcomes[gallra.OutcomeErased] + pr.Total.Outcomes[gallra.OutcomeAnonymised] + pr.Total.Outcomes[gallra.OutcomeDeidentified]
				if pr.Status != retention.Complete || done != n || len(pr.Total.Reasons) != 0 || !pr.FiguresEqual {
					t.Fatalf("%s: %s %+v", action, pr.Status, pr.Total)
				}
				for _, table := range h.tables {
					if left := h.left(t, table); action == gallra.ActionErase && left != 0 {
						t.Errorf("%d rows are left in %s", left, table)
					}
				}
				f.verifyLog(t)
				h.forget(t, 0)
			}
		})
	}
}

// The disk that holds Gallra's own database is full in truth, again and again:
// steps fail, nothing is half written, and with room the run ends as if nothing
// had been.
func TestG6_DiskFullInTruth(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("a disk of its own can only be made by root")
	}
	dir := ground(t)
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=24m"); err != nil {
		t.Skipf("no disk of its own can be made here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, 0) })
	db, err := store.Open(ctx, dir, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	f := setup(t, db)
	const n = 900
	f.desk.seed(t, n, old)
	p := f.plan(t, company, rule("r", 24, gallra.ActionErase))
	f.approve(t, p)
	id, err := f.Start(ctx, p.ID, "operator")
	if err != nil {
		t.Fatal(err)
	}
	ballast := filepath.Join(dir, "ballast")
	fill := func() {
		out, err := os.OpenFile(ballast, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return // no room even for a name
		}
		defer out.Close()
		for _, err := out.Write(make([]byte, 4096)); err == nil; _, err = out.Write(make([]byte, 4096)) {
		}
	}
	full := 0
	for tries := 0; ; tries++ {
		if full < 25 && tries%2 == 0 {
			fill()
		}
		more, err := f.Step(ctx, id)
		if err != nil {
			if full++; !more {
				t.Fatalf("a full disk ended the run: %v", err)
			}
			if err := os.Remove(ballast); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
		}
		if err == nil && !more {
			break
		}
		if tries > 5000 {
			t.Fatalf("the run does not end: %v", err)
		}
	}
	t.Logf("%d steps met a full disk", full)
	if full < 10 {
		t.Fatalf("the disk was full %d times", full)
	}
	if err := os.Remove(ballast); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	f.complete(t, id, n)
}
