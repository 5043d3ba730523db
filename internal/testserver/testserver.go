// Package testserver gives tests a fresh database or mailbox on the servers
// that ./test starts and names in the environment. A test skips, saying what is
// missing, when there is none; ./test makes such a skip a failure.
package testserver

import (
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"sync/atomic"
	"testing"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // database/sql driver "pgx"
)

// The environment variables that name the servers.
const (
	PostgresVariable   = "GALLRA_TEST_POSTGRES"    // postgres://user:password@host:port/…, a superuser
	MariaDBVariable    = "GALLRA_TEST_MARIADB"     // mysql://user:password@host:port/, with every right
	IMAPVariable       = "GALLRA_TEST_IMAP"        // imap://user:password@host:port/; the password fits every user
	RTVariable         = "GALLRA_TEST_RT"          // http://root:password@host:port of Request Tracker
	RTDatabaseVariable = "GALLRA_TEST_RT_DATABASE" // postgres://…: its database
)

var serial atomic.Int64

// unique returns a name no other test uses.
func unique() string { return fmt.Sprintf("gallra_%d_%d", os.Getpid(), serial.Add(1)) }

// address returns the parsed value of a variable, or skips.
func address(tb testing.TB, variable string) *url.URL {
	tb.Helper()
	v := os.Getenv(variable)
	if v == "" {
		tb.Skip(variable + " is not set: ./test starts a server")
	}
	u, err := url.Parse(v)
	if err != nil || u.Host == "" {
		tb.Fatal(variable + " is not a URL")
	}
	return u
}

// Postgres makes an empty PostgreSQL database that is dropped after the test.
// It returns the database and its address.
func Postgres(tb testing.TB) (*sql.DB, string) {
	tb.Helper()
	u := address(tb, PostgresVariable)
	admin := open(tb, "pgx", u.String())
	name := unique()
	execute(tb, admin, "CREATE DATABASE "+name)
	tb.Cleanup(func() { execute(tb, admin, "DROP DATABASE "+name+" WITH (FORCE)") })
	u.Path = "/" + name
	return open(tb, "pgx", u.String()), u.String()
}

// MariaDB makes an empty MariaDB database that is dropped after the test. It
// returns the database, which takes several statements in one call, and its
// address in URL form.
func MariaDB(tb testing.TB) (*sql.DB, string) {
	tb.Helper()
	u := address(tb, MariaDBVariable)
	c := mysql.NewConfig()
	c.Net, c.Addr, c.User = "tcp", u.Host, u.User.Username()
	c.Passwd, _ = u.User.Password()
	c.MultiStatements, c.ParseTime, c.InterpolateParams = true, true, true
	c.Params = map[string]string{"charset": "utf8mb4"}
	admin := open(tb, "mysql", c.FormatDSN())
	name := unique()
	execute(tb, admin, "CREATE DATABASE "+name+" CHARACTER SET utf8mb4")
	tb.Cleanup(func() { execute(tb, admin, "DROP DATABASE "+name) })
	c.DBName, u.Path = name, "/"+name
	return open(tb, "mysql", c.FormatDSN()), u.String()
}

// IMAP returns the address of an empty mailbox of its own.
func IMAP(tb testing.TB) string {
	tb.Helper()
	u := address(tb, IMAPVariable)
	password, _ := u.User.Password()
	u.User = url.UserPassword(unique(), password)
	return u.String()
}

func open(tb testing.TB, driver, dsn string) *sql.DB {
	tb.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = db.Close() })
	return db
}

func execute(tb testing.TB, db *sql.DB, statement string) {
	tb.Helper()
	if _, err := db.Exec(statement); err != nil {
		tb.Errorf("%s: %v", statement, err)
	}
}

// RequestTracker returns the address of a running Request Tracker, where root's
// password stands in the address and everybody may write, and its database,
// with the database's address. Its tickets are shared by all tests.
func RequestTracker(tb testing.TB) (base *url.URL, db *sql.DB, dsn string) {
	tb.Helper()
	base, data := address(tb, RTVariable), address(tb, RTDatabaseVariable)
	return base, open(tb, "pgx", data.String()), data.String()
}
