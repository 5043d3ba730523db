package sqldb_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"

	"modernc.org/sqlite"
)

// failing makes the connector's connections to one SQLite file fail, while those
// of the test stay sound: the file cannot be opened, a statement is refused
// before it begins, the database gives up in the middle of one (and with it, or
// not, the whole transaction), a commit is not made, and a deletion or change of
// a record's own row says that it is done and is not.
type failing struct {
	tables []string

	mu    sync.Mutex
	rng   *rand.Rand // nil: sound
	count int
}

var (
	failings    sync.Map // path to *failing
	failingHook = sync.OnceFunc(func() {
		sqlite.MustRegisterScalarFunction("spoilt", 1, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
			if f, ok := failings.Load(args[0]); ok && f.(*failing).strikes(40) {
				if f.(*failing).pick(3) > 0 {
					return nil, errors.New("disk I/O error")
				}
				return int64(1), nil
			}
			return int64(0), nil
		})
		sqlite.RegisterConnectionHook(func(conn sqlite.ExecQuerierContext, dsn string) error {
			path, query, _ := strings.Cut(strings.TrimPrefix(dsn, "file:"), "?")
			f, ok := failings.Load(path)
			if !ok || !strings.Contains(query, "_txlock=immediate") { // which the connector alone asks for
				return nil
			}
			return f.(*failing).join(conn, path)
		})
	})
)

// newFailing prepares the file at path. The first of tables is the record's own.
func newFailing(path string, tables ...string) *failing {
	failingHook()
	f := &failing{tables: tables}
	failings.Store(path, f)
	return f
}

// spoil begins; stop ends it and tells how often it failed.
func (f *failing) spoil(seed uint64) (stop func() int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rng, f.count = rand.New(rand.NewPCG(seed, 5)), 0
	return func() int {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.rng = nil
		return f.count
	}
}

// strikes is true about once in n.
func (f *failing) strikes(n int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.rng == nil || f.rng.IntN(n) > 0 {
		return false
	}
	f.count++
	return true
}

func (f *failing) pick(n int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.rng == nil {
		return 0
	}
	return f.rng.IntN(n)
}

// join makes a new connection of the connector's one that fails.
func (f *failing) join(conn sqlite.ExecQuerierContext, path string) error {
	if f.strikes(6) {
		return errors.New("unable to open database file")
	}
	for i, t := range f.tables {
		for _, e := range []string{"DELETE", "UPDATE"} {
			lie := "0"
			if i == 0 {
				lie = "RAISE(IGNORE)"
			}
			if _, err := conn.ExecContext(context.Background(), "CREATE TEMP TRIGGER spoilt_"+e+"_"+t+" BEFORE "+e+" ON main."+t+
				" BEGIN SELECT CASE spoilt('"+path+"') WHEN 1 THEN "+lie+" END; END", nil); err != nil {
				return err
			}
		}
	}
	return conn.(sqlite.AuthorizerRegisterer).RegisterAuthorizer(func(action sqlite.AuthorizerActionCode, what, _, _, _ string) sqlite.AuthorizerReturnCode {
		if action == sqlite.AuthSelect && f.strikes(25) || action == sqlite.AuthTransaction && what == "COMMIT" && f.strikes(8) {
			return sqlite.AuthorizerDeny
		}
		return sqlite.AuthorizerOK
	})
}
