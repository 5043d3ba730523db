package sqldb_test

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/csv"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gallra/gallra/connector"
	ct "github.com/gallra/gallra/connector/connectortest"
	"github.com/gallra/gallra/document"
	"github.com/gallra/gallra/internal/shareddata"
	"github.com/gallra/gallra/internal/testserver"
)

// product is one product's database, which a test fills and looks into behind
// the connector's back.
type product struct {
	t       *testing.T
	db      *sql.DB
	address string // with ?profile=
	kind    string // postgres, mariadb, sqlite
	prefix  string
	serial  int            // of the last seed; its rows have ids serial*100 and up
	keys    map[int]string // seed by serial
	files   map[string]int // osTicket: file row by content
}

// row is one row to insert: column, value, column, value.
type row struct {
	table string
	cells []any
}

func (p *product) quote(name string) string {
	if p.kind == "mariadb" {
		return "`" + name + "`"
	}
	return `"` + name + `"`
}

func (p *product) exec(tb ct.TB, statement string, args ...any) {
	tb.Helper()
	if _, err := p.db.ExecContext(context.Background(), statement, args...); err != nil {
		tb.Fatalf("%s: %v", statement, err)
	}
}

// insert adds rows; times are written as the product does.
func (p *product) insert(tb ct.TB, rows ...row) {
	tb.Helper()
	for _, r := range rows {
		var cols, marks []string
		var args []any
		for i := 0; i < len(r.cells); i += 2 {
			v := r.cells[i+1]
			if at, ok := v.(time.Time); ok {
				v = nil
				if !at.IsZero() {
					v = at.UTC().Format(time.DateTime)
					if p.prefix == "ost_" { // osTicket writes the server's own time
						v = at.In(stockholm).Format(time.DateTime)
					}
				}
			}
			cols = append(cols, p.quote(r.cells[i].(string)))
			args = append(args, v)
			if p.kind == "postgres" {
				marks = append(marks, "$"+strconv.Itoa(len(args)))
			} else {
				marks = append(marks, "?")
			}
		}
		p.exec(tb, "INSERT INTO "+p.quote(p.prefix+r.table)+" ("+strings.Join(cols, ", ")+") VALUES ("+strings.Join(marks, ", ")+")", args...)
	}
}

var stockholm = func() *time.Location {
	l, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		panic(err)
	}
	return l
}()

// tables returns the names of the tables that hold rows.
func (p *product) tables(tb ct.TB) []string {
	tb.Helper()
	var asked []string
	for _, n := range p.names(tb, map[string]string{
		"postgres": "SELECT c.relname FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace ORDER BY 1",
		"mariadb":  "SHOW TABLES",
		"sqlite":   "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY 1",
	}[p.kind]) {
		asked = append(asked, "SELECT '"+n+"' AS n WHERE EXISTS (SELECT 1 FROM "+p.quote(n)+")")
	}
	var out []string
	for part := range slices.Chunk(asked, 200) { // most compounds that SQLite takes: 500
		out = append(out, p.names(tb, strings.Join(part, " UNION ALL "))...)
	}
	slices.Sort(out)
	return out
}

func (p *product) names(tb ct.TB, q string) []string {
	tb.Helper()
	rows, err := p.db.Query(q)
	if err != nil {
		tb.Fatalf("tables: %v", err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var n string
		if err := rows.Scan(&n); err != nil {
			tb.Fatalf("tables: %v", err)
		}
		out = append(out, n)
	}
	return out
}

// dump returns every row of every table, decoded: what a person could read in it.
func (p *product) dump(tb ct.TB) []ct.Place {
	var out []ct.Place
	for _, t := range p.tables(tb) {
		rows, err := p.db.Query("SELECT * FROM " + p.quote(t))
		if err != nil {
			tb.Fatalf("dump %s: %v", t, err)
		}
		cols, err := rows.Columns()
		if err != nil {
			tb.Fatalf("dump %s: %v", t, err)
		}
		var places []ct.Place
		for rows.Next() {
			vals, ptrs := make([]any, len(cols)), make([]any, len(cols))
			for i := range vals {
				ptrs[i] = &vals[i]
			}
			if err := rows.Scan(ptrs...); err != nil {
				tb.Fatalf("dump %s: %v", t, err)
			}
			place := ct.Place{Where: t}
			for i, v := range vals {
				if b, ok := v.([]byte); ok {
					v = string(b)
				}
				if v == nil {
					continue
				}
				s := fmt.Sprint(v)
				place.Value += cols[i] + "=" + s + "\n" + revealed(s)
				if n, err := strconv.Atoi(s); err == nil && n >= firstID && p.keys[n/100] != "" {
					place.Of = p.keys[n/100]
				}
			}
			places = append(places, place)
		}
		if err := rows.Err(); err != nil {
			tb.Fatalf("dump %s: %v", t, err)
		}
		_ = rows.Close()
		slices.SortFunc(places, func(a, b ct.Place) int { return strings.Compare(a.Value, b.Value) })
		out = append(out, places...)
	}
	if p.prefix == "ost_" { // a file in pieces is one file
		rows, err := p.db.Query("SELECT GROUP_CONCAT(filedata ORDER BY chunk_id SEPARATOR '') FROM ost_file_chunk GROUP BY file_id ORDER BY file_id")
		if err != nil {
			tb.Fatalf("dump files: %v", err)
		}
		defer rows.Close()
		for rows.Next() {
			var b []byte
			if err := rows.Scan(&b); err != nil {
				tb.Fatalf("dump files: %v", err)
			}
			out = append(out, ct.Place{Where: "ost_file_chunk", Value: string(b)})
		}
	}
	return out
}

const firstID = 100_000

// revealed is what an encoded value says.
func revealed(v string) string {
	if b, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(v))); err == nil && string(b) != v && !strings.Contains(v, "=?") {
		return string(b) + "\n"
	}
	if b, err := base64.StdEncoding.DecodeString(v); err == nil && len(b) > 8 {
		v = string(b)
	}
	kind := ""
	if strings.Contains(v, "Subject:") || strings.Contains(v, "=?") {
		kind = "message/rfc822"
		if !strings.Contains(v, "\n\n") && !strings.Contains(v, "\r\n\r\n") {
			v += "\r\n\r\n"
		}
	}
	txt, _ := document.Text("", kind, []byte(v), document.Limits{})
	return txt + "\n"
}

// harness returns the parts of a harness that are the same for every product.
func (p *product) harness(owned []string, seed func(tb ct.TB, id int, s ct.Seed) []row) ct.Harness {
	return ct.Harness{
		Name: "sqldb",
		Config: func(ct.TB) connector.Config {
			u, q, _ := strings.Cut(p.address, "?profile=")
			name, _, _ := strings.Cut(q, "&")
			return connector.Config{System: "system", URL: u, Options: map[string]string{"profile": name, "prefix": p.prefix}}
		},
		Reset: func(tb ct.TB) {
			var all []string
			for _, t := range slices.Backward(owned) {
				all = append(all, "DELETE FROM "+p.quote(p.prefix+t))
			}
			p.exec(tb, strings.Join(append(all, "DROP TABLE IF EXISTS "+p.quote(p.prefix+"addon")), "; "))
			p.files = map[string]int{}
		},
		Seed: func(tb ct.TB, seeds []ct.Seed) {
			for _, s := range seeds {
				p.serial++
				id := firstID + p.serial*100
				p.keys[id/100] = s.Key
				p.insert(tb, seed(tb, id, s)...)
			}
		},
		Stored: p.dump,
		Plant: func(tb ct.TB, text string) {
			p.exec(tb, "CREATE TABLE IF NOT EXISTS "+p.quote(p.prefix+"addon")+" (n integer, said text)")
			p.insert(tb, row{"addon", []any{"n", 1, "said", text}})
		},
		Secrets: []string{"secret", "postgres:", "root:"},
	}
}

// refuse makes deletions and updates of a table fail, quoting the row as
// databases do in their messages.
func (p *product) refuse(table, column string) func(tb ct.TB, on bool) {
	return func(tb ct.TB, on bool) {
		name := p.quote(p.prefix + table)
		for _, e := range []string{"DELETE", "UPDATE"} {
			trigger := "refuse_" + strings.ToLower(e)
			switch {
			case p.kind == "postgres" && on:
				p.exec(tb, "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused: %', OLD."+column+"; END $$")
				p.exec(tb, "CREATE TRIGGER "+trigger+" BEFORE "+e+" ON "+name+" FOR EACH ROW EXECUTE FUNCTION refuse()")
			case p.kind == "postgres":
				p.exec(tb, "DROP TRIGGER "+trigger+" ON "+name)
			case on && p.kind == "mariadb":
				p.exec(tb, "CREATE TRIGGER "+trigger+" BEFORE "+e+" ON "+name+" FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'refused'")
			case on:
				p.exec(tb, "CREATE TRIGGER "+trigger+" BEFORE "+e+" ON "+name+" BEGIN SELECT RAISE(ABORT, 'refused'); END")
			default:
				p.exec(tb, "DROP TRIGGER "+trigger)
			}
		}
	}
}

func open(t *testing.T, kind string) *product {
	t.Helper()
	p := &product{t: t, kind: kind, keys: map[int]string{}, files: map[string]int{}}
	switch kind {
	case "postgres":
		p.db, p.address = testserver.Postgres(t)
	case "mariadb":
		p.db, p.address = testserver.MariaDB(t)
	case "sqlite":
		path := filepath.Join(t.TempDir(), "system.db")
		db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(wal)")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		p.db, p.address = db, "sqlite:"+path
	}
	p.address, _, _ = strings.Cut(p.address, "?")
	return p
}

// script runs a product's own schema, words in it replaced.
func (p *product) script(path string, replace ...string) {
	p.t.Helper()
	b, err := os.ReadFile(shareddata.Path(p.t, path))
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.db.Exec(strings.NewReplacer(replace...).Replace(string(b))); err != nil {
		p.t.Fatalf("%s: %v", path, err)
	}
}

func znuny(t *testing.T) *product {
	p := open(t, "postgres")
	for _, f := range []string{"schema", "initial_insert", "schema-post"} {
		p.script("data/schemas/znuny/" + f + ".postgresql.sql")
	}
	p.address += "?profile=znuny"
	return p
}

func osTicket(t *testing.T) *product {
	p := open(t, "mariadb")
	p.prefix = "ost_"
	p.script("data/schemas/osticket/install-mysql.sql", "%TABLE_PREFIX%", "ost_")
	p.address += "?profile=osticket&prefix=ost_"
	// Made by the program itself, not by its installer.
	p.exec(t, "CREATE TABLE ost__search (object_type varchar(8), object_id int, title text, content text, PRIMARY KEY (object_type, object_id))")
	p.exec(t, "CREATE TABLE ost_ticket__cdata (ticket_id int PRIMARY KEY, subject mediumtext, priority mediumtext)")
	p.insert(t,
		row{"department", []any{"id", 1, "name", "Bygglov", "signature", "", "created", time.Now(), "updated", time.Now()}},
		row{"department", []any{"id", 2, "name", "Skola", "signature", "", "created", time.Now(), "updated", time.Now()}},
		row{"department", []any{"id", 3, "name", "Vatten", "signature", "", "created", time.Now(), "updated", time.Now()}})
	return p
}

var departments = map[string]int{"Bygglov": 1, "Skola": 2, "Vatten": 3}

func flarum(t *testing.T, kind string) *product {
	p := open(t, kind)
	p.prefix = "fl_"
	p.script(map[string]string{"mariadb": "data/schemas/flarum/mysql-install.dump", "sqlite": "data/schemas/flarum/sqlite-install.dump", "postgres": "data/schemas/flarum/pgsql-install.dump"}[kind],
		"db_prefix_", "fl_", "'search_path', ''", "'search_path', 'public'")
	p.address += "?profile=flarum&prefix=fl_"
	return p
}

var kinds = map[string]string{"string": "varchar", "datetime": "timestamp", "bigint": "bigint", "integer": "integer", "text": "text", "jsonb": "jsonb", "json": "json", "boolean": "boolean", "float": "float", "inet": "inet", "date": "date", "decimal": "numeric", "uuid": "uuid"}

// chatwoot makes the tables from the list of their columns; a column of a type
// the server lacks (vectors) becomes text.
func chatwoot(t *testing.T) *product {
	p := open(t, "postgres")
	f, err := os.Open(shareddata.Path(t, "data/schemas/chatwoot/columns.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.FieldsPerRecord = -1
	lines, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	columns := map[string][]string{}
	word := regexp.MustCompile(`^[a-z]+`)
	for _, l := range lines[1:] {
		kind := kinds[word.FindString(l[2])]
		if kind == "" {
			kind = "text"
		}
		columns[l[0]] = append(columns[l[0]], p.quote(l[1])+" "+kind)
	}
	for name, cols := range columns {
		p.exec(t, "CREATE TABLE "+p.quote(name)+" (id bigserial PRIMARY KEY, "+strings.Join(cols, ", ")+")")
	}
	p.address += "?profile=chatwoot"
	p.insert(t, row{"inboxes", []any{"id", 1, "name", "Bygglov"}}, row{"inboxes", []any{"id", 2, "name", "Skola"}}, row{"inboxes", []any{"id", 3, "name", "Vatten"}})
	return p
}

func requestTracker(t *testing.T) *product {
	p := open(t, "postgres")
	p.script("data/schemas/rt5/schema.Pg")
	p.address += "?profile=rt"
	p.insert(t,
		row{"users", []any{"id", 1, "name", "RT_System"}}, row{"users", []any{"id", 6, "name", "Nobody"}},
		row{"queues", []any{"id", 1, "name", "Bygglov"}}, row{"queues", []any{"id", 2, "name", "Skola"}}, row{"queues", []any{"id", 3, "name", "Vatten"}})
	return p
}

// listed makes the tables of a product from the list of their columns. A type
// that follows a column's name after a colon in change replaces the listed one.
func (p *product) listed(path string, keyed func(table, column, kind string) string) {
	p.t.Helper()
	f, err := os.Open(shareddata.Path(p.t, path))
	if err != nil {
		p.t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.FieldsPerRecord = -1
	lines, err := r.ReadAll()
	if err != nil {
		p.t.Fatal(err)
	}
	var order []string
	columns := map[string][]string{}
	seen := map[string]bool{}
	for _, l := range lines[1:] {
		kind := keyed(l[0], l[1], l[2])
		if kind == "" || seen[l[0]+"."+l[1]] {
			continue
		}
		seen[l[0]+"."+l[1]] = true
		if columns[l[0]] == nil {
			order = append(order, l[0])
		}
		columns[l[0]] = append(columns[l[0]], p.quote(l[1])+" "+kind)
	}
	for _, t := range order {
		p.exec(p.t, "CREATE TABLE "+p.quote(p.prefix+t)+" ("+strings.Join(columns[t], ", ")+")")
	}
}

const helpdeskSchema = `
CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT, email TEXT, phone TEXT, personnummer TEXT, created_at TEXT);
CREATE TABLE ticket (id INTEGER PRIMARY KEY, number TEXT, subject TEXT, status TEXT, queue TEXT, channel TEXT, category TEXT,
  person_id INTEGER REFERENCES person(id), created_at TEXT, updated_at TEXT, last_contact_at TEXT, closed_at TEXT, first_response_s INTEGER, rating INTEGER);
CREATE TABLE message (id INTEGER PRIMARY KEY, ticket_id INTEGER REFERENCES ticket(id), person_id INTEGER, agent TEXT, sender TEXT, body TEXT, html INTEGER, created_at TEXT, ip TEXT);
CREATE TABLE attachment (id INTEGER PRIMARY KEY, message_id INTEGER REFERENCES message(id), filename TEXT, content_type TEXT, content BLOB);
CREATE TABLE history (id INTEGER PRIMARY KEY, ticket_id INTEGER, at TEXT, what TEXT, old_value TEXT, new_value TEXT);
CREATE TABLE draft (id INTEGER PRIMARY KEY, ticket_id INTEGER, agent TEXT, body TEXT, saved_at TEXT);`

func helpdesk(t *testing.T) *product {
	p := open(t, "sqlite")
	p.exec(t, helpdeskSchema)
	p.address += "?profile=helpdesk"
	return p
}

// linked seeds records that point at a person's record.
func (p *product) linked(seed func(tb ct.TB, id int, s ct.Seed) []row) func(tb ct.TB, seeds []ct.Seed) {
	return func(tb ct.TB, seeds []ct.Seed) {
		for _, s := range seeds {
			p.serial++
			id := firstID + p.serial*100
			p.keys[id/100] = s.Key
			p.insert(tb, seed(tb, id, s)...)
		}
	}
}

// others returns what the rows hold that have one of the ids.
func (p *product) others(t *testing.T, ids ...int) []string {
	var out []string
	for _, place := range p.dump(t) {
		for _, id := range ids {
			if strings.Contains(place.Value, fmt.Sprintf("id=%d\n", id)) {
				out = append(out, place.Where+" "+place.Value)
			}
		}
	}
	return out
}

func day(n int) time.Time { return time.Date(2024, 3, n, 9, 0, 0, 0, time.UTC) }

// quotedPrintable encodes a text as mail programs do.
func quotedPrintable(s string) string {
	var b strings.Builder
	w := quotedprintable.NewWriter(&b)
	if _, err := io.WriteString(w, s); err != nil {
		panic(err)
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.String()
}

// pdf is a PDF of one line.
func pdf(line string) string {
	var b strings.Builder
	var at []int
	b.WriteString("%PDF-1.4\n")
	stream := "BT /F1 12 Tf 50 700 Td (" + line + ") Tj ET"
	for i, o := range []string{"<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
		"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
		fmt.Sprintf("<</Length %d>>\nstream\n%s\nendstream", len(stream), stream), "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>"} {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	xref := b.Len()
	b.WriteString("xref\n0 6\n0000000000 65535 f \n")
	for _, x := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", x)
	}
	fmt.Fprintf(&b, "trailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", xref)
	return b.String()
}
