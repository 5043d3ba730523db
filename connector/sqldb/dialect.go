package sqldb

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

// dialect is what differs between the databases.
type dialect int

const (
	postgres dialect = iota
	mariadb
	sqlite
)

// driverOf returns the database/sql driver and its address. It never puts the
// address into an error: it holds the password.
func driverOf(c connector.Config) (name, dsn string, d dialect, err error) {
	wrong := gallra.Errorf(gallra.Invalid, "sqldb.address", "system", string(c.System))
	switch connector.Scheme(c.URL) {
	case "postgres", "postgresql":
		u, err := url.Parse(c.URL)
		if err != nil {
			return "", "", 0, wrong
		}
		q := u.Query()
		for _, o := range []string{"profile", "prefix", "erase_user", "erase_password"} {
			q.Del(o)
		}
		u.RawQuery = q.Encode()
		credentials(u, c)
		return "pgx", u.String(), postgres, nil
	case "mysql", "mariadb":
		u, err := url.Parse(c.URL)
		if err != nil || u.Host == "" {
			return "", "", 0, wrong
		}
		credentials(u, c)
		m := mysql.NewConfig()
		m.Net, m.Addr = "tcp", u.Host
		if u.Port() == "" {
			m.Addr += ":3306"
		}
		m.DBName = strings.TrimPrefix(u.Path, "/")
		m.User = u.User.Username()
		m.Passwd, _ = u.User.Password()
		m.Timeout = 10 * time.Second
		m.Params = map[string]string{"charset": "utf8mb4"}
		m.InterpolateParams = true // one round trip a statement
		if v := u.Query().Get("tls"); v != "" {
			m.TLSConfig = v
		}
		return "mysql", m.FormatDSN(), mariadb, nil
	case "sqlite":
		q := url.Values{"_txlock": {"immediate"}}
		// secure_delete keeps what was erased out of the file's free pages.
		for _, p := range []string{"busy_timeout(10000)", "foreign_keys(1)", "secure_delete(on)"} {
			q.Add("_pragma", p)
		}
		q.Set("mode", "rw") // a mistyped path must not make an empty database
		return "sqlite", "file:" + (&url.URL{Path: c.Path()}).EscapedPath() + "?" + q.Encode(), sqlite, nil
	}
	return "", "", 0, wrong
}

func credentials(u *url.URL, c connector.Config) {
	user, pass := u.User.Username(), ""
	if p, ok := u.User.Password(); ok {
		pass = p
	}
	if v, ok := c.Options["user"]; ok {
		user = v
	}
	if v, ok := c.Options["password"]; ok {
		pass = v
	}
	switch {
	case pass != "":
		u.User = url.UserPassword(user, pass)
	case user != "":
		u.User = url.User(user)
	}
}

// silent keeps the driver from writing to standard error by itself.
type silent struct{}

func init() { _ = mysql.SetLogger(silent{}) } // fails for nil only

func (silent) Print(...any) {}

func (d dialect) quote(name string) string {
	if d == mariadb {
		return "`" + strings.ReplaceAll(name, "`", "``") + "`"
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// joined writes the values one after the other as one.
func (d dialect) joined(values ...string) string {
	if d == mariadb {
		return "CONCAT(" + strings.Join(values, ", ") + ")"
	}
	return strings.Join(values, " || ")
}

// bytes writes how many bytes a value is.
func (d dialect) bytes(x string) string {
	switch d {
	case mariadb:
		return "LENGTH(" + x + ")"
	case sqlite:
		return "length(CAST(" + x + " AS BLOB))"
	}
	return "octet_length(" + x + ")"
}

// query is a statement being written: text and its parameters.
type query struct {
	d     dialect
	b     strings.Builder
	args  []any
	reads bool // it locks no row: rows beside those that are meant may be passed over
}

func (q *query) add(s ...string) *query {
	for _, x := range s {
		q.b.WriteString(x)
	}
	return q
}

// arg adds a parameter and writes its placeholder.
func (q *query) arg(v any) *query {
	q.args = append(q.args, v)
	if q.d == mariadb {
		q.b.WriteByte('?')
	} else {
		fmt.Fprintf(&q.b, "$%d", len(q.args))
	}
	return q
}

func (q *query) String() string { return q.b.String() }

// in writes "expr IN (keys)" so that ten thousand keys are one parameter where
// the database takes an array, and plain numbers or ranges of them where it does
// not. numeric says that expr is a column of whole numbers, not merely that the
// keys are: see numbered.
func (q *query) in(expr string, keys []string, numeric bool) *query {
	switch {
	case len(keys) == 0:
		return q.add("1 = 0")
	case numeric:
		n := numbers(keys)
		if q.d != sqlite && q.reads && q.ranges(expr, n) {
			return q
		}
		return q.numbered(expr, n)
	case q.d == postgres:
		return q.add(expr, "::text = ANY(").arg(keys).add(")")
	case q.d == sqlite:
		b, _ := json.Marshal(keys)
		return q.add(expr, " IN (SELECT value FROM json_each(").arg(string(b)).add("))")
	}
	q.add(expr, " IN (")
	for i, k := range keys {
		if i > 0 {
			q.add(",")
		}
		q.arg(k)
	}
	return q.add(")")
}

// numbered writes "expr IN (keys)" for what is compared with numbers, of
// whatever type it is.
func (q *query) numbered(expr string, n []int64) *query {
	switch {
	case len(n) == 0:
		return q.add("1 = 0")
	case q.d == postgres:
		return q.add(expr, " = ANY(").arg(n).add(")")
	}
	q.add(expr, " IN (")
	for i, k := range n {
		if i > 0 {
			q.add(",")
		}
		q.add(strconv.FormatInt(k, 10))
	}
	return q.add(")")
}

// inOf is in for keys that are of one column and are looked for in another of
// them, which need not be of its type.
func (s *Source) inOf(b *query, c column, expr string, keys []string, numeric bool) {
	if numeric && !c.numeric() {
		b.numbered(expr, numbers(keys))
		return
	}
	b.in(expr, keys, numeric)
}

const (
	// mostRanges is how many ranges keys are written as at most: MariaDB weighs
	// every one against the others, and hundreds cost more than the keys.
	mostRanges = 16
	// shortestRange is how many keys a range holds at least, taken together.
	shortestRange = 8
)

// ranges writes "expr BETWEEN a AND b OR ..." for a column of whole numbers when
// the keys follow on one another in few ranges, or on MariaDB are most of one. It
// looks up a list of five thousand keys one by one, which costs several times what
// a range does; PostgreSQL weighs each of them before it chooses a way to them.
//
// No row is meant that the list would not mean. Ranges without gaps hold the keys
// and nothing between them, since the column holds whole numbers alone; where there
// are gaps, the list stands beside the range and decides, in a form that no index
// answers. It is for reading only: on MariaDB a statement that locks would wait for
// the rows in the gaps too, and for the one after each range, at which the server
// sees that it has ended; these are not its own. Keys below zero are left to the
// list, so that nothing hangs on how a column without a sign is compared with them.
func (q *query) ranges(expr string, n []int64) bool {
	if len(n) < shortestRange {
		return false
	}
	n = slices.Clone(n)
	slices.Sort(n)
	n = slices.Compact(n)
	first, last := n[0], n[len(n)-1]
	if first < 0 {
		return false
	}
	ends := ends(n)
	between := func(a, b int64) {
		if q.d == postgres { // the same statement for other keys, whose plan is kept
			q.add(expr, " BETWEEN ").arg(a).add("::bigint AND ").arg(b).add("::bigint")
			return
		}
		q.add(expr, " BETWEEN ", strconv.FormatInt(a, 10), " AND ", strconv.FormatInt(b, 10))
	}
	switch {
	case len(ends) <= mostRanges && len(ends)*shortestRange <= len(n):
		q.add("(")
		for i, e := range ends {
			if i > 0 {
				q.add(" OR ")
			}
			between(e[0], e[1])
		}
		q.add(")")
	case q.d == mariadb && (last-first)/2 < int64(len(n)):
		q.add("(")
		between(first, last)
		q.add(" AND ").numbered(expr+" + 0", n).add(")")
	default:
		return false
	}
	return true
}

// ends returns the first and last of each run of numbers that follow on one
// another, of numbers in order.
func ends(n []int64) [][2]int64 {
	var out [][2]int64
	for i, k := range n {
		if i > 0 && k == n[i-1]+1 {
			out[len(out)-1][1] = k
			continue
		}
		out = append(out, [2]int64{k, k})
	}
	return out
}

// keyed writes the condition that a row of t is one of those with these keys, for
// statements that lock or change rows, and what stands at their end: one or several
// of them, in the order of the keys. On MariaDB each run of keys that follow on one
// another is a statement, which ends with as many rows as there are keys: it never
// comes to the row after them, to wait for whoever holds it.
func (s *Source) keyed(t *table, alias string, keys []string, statement func(where func(*query), end string) error) error {
	list := func() error { return statement(func(b *query) { s.hasKey(b, t, alias, keys) }, "") }
	// A log of statements does not take what ends with a number of rows.
	if s.d != mariadb || !s.readCommitted || !t.numericKey() || len(keys) < shortestRange {
		return list()
	}
	n := numbers(keys)
	slices.Sort(n)
	n = slices.Compact(n)
	runs := ends(n)
	if len(n) == 0 || n[0] < 0 || len(runs) > mostRanges || len(runs)*shortestRange > len(n) {
		return list()
	}
	key := s.d.refer(alias, t.key[0])
	for _, r := range runs {
		err := statement(func(b *query) {
			b.add(key, " BETWEEN ", strconv.FormatInt(r[0], 10), " AND ", strconv.FormatInt(r[1], 10))
		}, " LIMIT "+strconv.FormatInt(r[1]-r[0]+1, 10))
		if err != nil {
			return err
		}
	}
	return nil
}

// numbers turns keys of a numeric column into numbers; what is none matches no row.
func numbers(keys []string) []int64 {
	out := make([]int64, 0, len(keys))
	for _, k := range keys {
		n, err := strconv.ParseInt(k, 10, 64)
		if err != nil {
			continue
		}
		out = append(out, n)
	}
	return out
}

// layouts of times that are kept as text.
var layouts = []string{"2006-01-02 15:04:05.999999999", time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999-07:00", "2006-01-02 15:04:05.999999999-07", "2006-01-02 15:04:05.999999999 -0700 MST", "2006-01-02"}

// clock reads and writes the times of one column.
type clock struct {
	encoding string // "", unix, unix_ms
	kind     string // column type, lower case
	loc      *time.Location
}

func (c clock) read(v any) time.Time {
	switch v := v.(type) {
	case time.Time:
		if c.naive() { // the driver labels it UTC; it is a reading of the product's own clock
			return time.Date(v.Year(), v.Month(), v.Day(), v.Hour(), v.Minute(), v.Second(), v.Nanosecond(), c.loc)
		}
		return v
	case int64:
		if v == 0 {
			return time.Time{}
		}
		if c.encoding == "unix_ms" {
			return time.UnixMilli(v)
		}
		return time.Unix(v, 0)
	case float64:
		return c.read(int64(v))
	case []byte:
		return c.read(string(v))
	case string:
		if c.encoding != "" {
			if n, err := strconv.ParseInt(v, 10, 64); err == nil {
				return c.read(n)
			}
		}
		if v == "" || strings.HasPrefix(v, "0000-00-00") {
			return time.Time{}
		}
		for _, l := range layouts {
			if t, err := time.ParseInLocation(l, v, c.loc); err == nil {
				return t
			}
		}
	}
	return time.Time{}
}

func (c clock) naive() bool {
	return !strings.Contains(c.kind, "with time zone") && !strings.Contains(c.kind, "timestamptz")
}

// param returns t as the column holds it, for a range.
func (c clock) param(t time.Time, d dialect) any {
	t = t.Add(time.Microsecond - 1).Truncate(time.Microsecond) // no column is finer: nothing lies between
	switch {
	case c.encoding == "unix":
		return t.Add(time.Second - 1).Unix()
	case c.encoding == "unix_ms":
		return t.Add(time.Millisecond - 1).UnixMilli()
	case d == postgres && !c.naive():
		return t
	case d == postgres:
		l := t.In(c.loc)
		return time.Date(l.Year(), l.Month(), l.Day(), l.Hour(), l.Minute(), l.Second(), l.Nanosecond(), time.UTC)
	case d == sqlite:
		s := t.In(c.loc).Format("2006-01-02 15:04:05.999999999")
		return s
	}
	return t.In(c.loc).Format("2006-01-02 15:04:05.999999")
}
