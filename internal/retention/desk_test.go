package retention_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

// desk is a ticket system in a database file of its own, so that it outlives a
// killed process and can be looked at behind the engine's back. It can be told
// to misbehave.
type desk struct {
	db   *sql.DB
	name gallra.SystemID

	lies      bool                       // answers that it erased, and did not
	onErase   func(items int) error      // before a batch
	onList    func(q connector.Query)    // before a page
	erased    func(ref gallra.Ref)       // after each record
	refuse    func(ref gallra.Ref) error // instead of a record
	promises  time.Time                  // receipts are not final until then
	oneByOne  bool                       // no batches
	noBackups bool                       // nobody knows how long its backups live
	calls     atomic.Int64
}

const deskSchema = `
CREATE TABLE IF NOT EXISTS ticket (id INTEGER PRIMARY KEY, version INTEGER NOT NULL, person INTEGER NOT NULL, email TEXT NOT NULL, name TEXT NOT NULL, phone TEXT NOT NULL,
	subject TEXT NOT NULL, queue TEXT NOT NULL, channel TEXT NOT NULL, rating TEXT NOT NULL, created INTEGER NOT NULL, contact INTEGER NOT NULL, closed INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS message (id INTEGER PRIMARY KEY, version INTEGER NOT NULL, ticket INTEGER NOT NULL, sender TEXT NOT NULL, body TEXT NOT NULL, raw TEXT NOT NULL, created INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS attachment (id INTEGER PRIMARY KEY, version INTEGER NOT NULL, message INTEGER NOT NULL, ticket INTEGER NOT NULL, filename TEXT NOT NULL, content BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS erasure (id INTEGER PRIMARY KEY, ticket INTEGER NOT NULL UNIQUE); -- counts real deletions: none may happen twice
CREATE INDEX IF NOT EXISTS message_ticket ON message (ticket);`

func openDesk(tb testing.TB, path string) *desk {
	tb.Helper()
	d, err := newDesk(path)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = d.db.Close() })
	return d
}

func newDesk(path string) (*desk, error) {
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(wal)&_pragma=synchronous(normal)&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	if _, err := db.Exec(deskSchema); err != nil {
		return nil, err
	}
	return &desk{db: db, name: "desk"}, nil
}

// seed adds n tickets, created one an hour from start, closed two days later.
func (d *desk) seed(tb testing.TB, n int, start time.Time) {
	tb.Helper()
	tx, err := d.db.Begin()
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	var max int
	if err := tx.QueryRow(`SELECT COALESCE(max(id), 0) FROM ticket`).Scan(&max); err != nil {
		tb.Fatal(err)
	}
	queues, channels := []string{"Bygg", "Skola", "Vatten"}, []string{"mail", "chat"}
	for i := range n {
		id := max + i + 1
		c := start.Add(time.Duration(i) * time.Hour)
		closed := c.Add(48 * time.Hour)
		if _, err := tx.Exec(`INSERT INTO ticket VALUES (?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, id, id%50, fmt.Sprintf("anna.%d@example.se", id), fmt.Sprintf("Anna Nr%d", id), fmt.Sprintf("070-174 06 %02d", id%100),
			fmt.Sprintf("Fråga från Anna Nr%d", id), queues[i%3], channels[i%2], strconv.Itoa(1+i%5), c.UnixMicro(), closed.UnixMicro(), closed.UnixMicro()); err != nil {
			tb.Fatal(err)
		}
		if _, err := tx.Exec(`INSERT INTO message (version, ticket, sender, body, raw, created) VALUES (1, ?, ?, ?, ?, ?)`, id, fmt.Sprintf("anna.%d@example.se", id),
			fmt.Sprintf("Hej, jag heter Anna Nr%d och mitt nummer är 070-174 06 %02d.", id, id%100), "", c.UnixMicro()); err != nil {
			tb.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		tb.Fatal(err)
	}
}

func (d *desk) count(tb testing.TB, query string, args ...any) (n int64) {
	tb.Helper()
	if err := d.db.QueryRow(query, args...).Scan(&n); err != nil {
		tb.Fatal(err)
	}
	return n
}

func (d *desk) exec(tb testing.TB, query string, args ...any) {
	tb.Helper()
	if _, err := d.db.Exec(query, args...); err != nil {
		tb.Fatal(err)
	}
}

// dump is every byte of every table, to compare with.
func (d *desk) dump(tb testing.TB) string {
	tb.Helper()
	var b strings.Builder
	for _, t := range []string{"ticket", "message", "attachment"} {
		rows, err := d.db.Query("SELECT * FROM " + t + " ORDER BY id")
		if err != nil {
			tb.Fatal(err)
		}
		cols, err := rows.Columns()
		if err != nil {
			tb.Fatal(err)
		}
		for rows.Next() {
			v := make([]any, len(cols))
			for i := range v {
				v[i] = new(any)
			}
			if err := rows.Scan(v...); err != nil {
				tb.Fatal(err)
			}
			for _, x := range v {
				fmt.Fprintf(&b, "%v|", *x.(*any))
			}
			b.WriteByte('\n')
		}
		if err := rows.Err(); err != nil {
			tb.Fatal(err)
		}
	}
	return b.String()
}

func (d *desk) Check(context.Context) error { return nil }
func (d *desk) Close() error                { return nil } // the test closes the database

func (d *desk) Profile() connector.Profile {
	life := "P30D"
	if d.noBackups {
		life = ""
	}
	return connector.Profile{Product: "desk", BackupLife: life, Remains: []connector.Remain{{Where: "log", SV: "serverloggen", EN: "the server log"}}}
}

func (d *desk) Types(context.Context) ([]connector.Type, error) {
	return []connector.Type{
		{Name: "ticket", Kind: connector.KindConversation, Starts: []gallra.StartEvent{gallra.StartCreated, gallra.StartLastContact, gallra.StartClosed}, Fields: []connector.FieldInfo{
			{Name: "email", Category: gallra.CategoryEmail, Role: gallra.RoleRequester}, {Name: "name", Category: gallra.CategoryPerson, Role: gallra.RoleRequester},
			{Name: "phone", Category: gallra.CategoryPhone, Role: gallra.RoleRequester}, {Name: "subject", Text: true},
			{Name: "queue", Keep: true}, {Name: "channel", Keep: true}, {Name: "rating", Keep: true}}},
		{Name: "message", Kind: connector.KindMessage, Parent: "ticket", Fields: []connector.FieldInfo{
			{Name: "sender", Category: gallra.CategoryEmail, Role: gallra.RoleRequester}, {Name: "body", Text: true}, {Name: "raw", Text: true, Format: connector.FormatMail}}},
		{Name: "attachment", Kind: connector.KindAttachment, Parent: "message", Fields: []connector.FieldInfo{{Name: "filename", Text: true}, {Name: "content", Text: true, Format: connector.FormatFile}}},
	}, nil
}

func (d *desk) List(ctx context.Context, q connector.Query) (connector.Page, error) {
	if d.onList != nil {
		d.onList(q)
	}
	if q.Type != "ticket" {
		return d.children(ctx, q)
	}
	limit := q.Limit
	if limit == 0 {
		limit = 100
	}
	col := map[gallra.StartEvent]string{gallra.StartCreated: "created", gallra.StartLastContact: "contact", gallra.StartClosed: "closed"}
	where, args := "id > ?", []any{q.Cursor}
	if q.Cursor == "" {
		args[0] = 0
	}
	if q.Clock != "" && !q.To.IsZero() {
		clock := "NULLIF(" + col[q.Clock] + ", 0)"
		if q.Fallback != "" {
			clock = "COALESCE(" + clock + ", " + col[q.Fallback] + ")"
		}
		where += " AND " + clock + " < ?"
		args = append(args, q.To.UnixMicro())
	}
	p := connector.Page{Total: -1}
	if q.Cursor == "" {
		if err := d.db.QueryRowContext(ctx, `SELECT count(*) FROM ticket WHERE `+where, args...).Scan(&p.Total); err != nil {
			return p, err
		}
	}
	rows, err := d.db.QueryContext(ctx, `SELECT id, version, person, email, name, phone, subject, queue, channel, rating, created, contact, closed FROM ticket WHERE `+where+` ORDER BY id LIMIT ?`, append(args, limit)...)
	if err != nil {
		return p, err
	}
	defer rows.Close()
	for rows.Next() {
		r, err := d.ticket(rows, q.Fields)
		if err != nil {
			return p, err
		}
		p.Records = append(p.Records, r)
	}
	if len(p.Records) == limit {
		p.Next = p.Records[limit-1].Ref.ID
	}
	return p, rows.Err()
}

func (d *desk) ticket(row interface{ Scan(...any) error }, p connector.Projection) (gallra.Record, error) {
	var id, version, person, created, contact, closed int64
	var email, name, phone, subject, queue, channel, rating string
	if err := row.Scan(&id, &version, &person, &email, &name, &phone, &subject, &queue, &channel, &rating, &created, &contact, &closed); err != nil {
		return gallra.Record{}, err
	}
	at := func(us int64) time.Time {
		if us == 0 {
			return time.Time{}
		}
		return time.UnixMicro(us)
	}
	r := gallra.Record{Ref: gallra.Ref{System: d.name, Type: "ticket", ID: strconv.FormatInt(id, 10)}, Version: strconv.FormatInt(version, 10), Created: at(created), Contact: at(contact), Closed: at(closed)}
	if person != 0 {
		r.Person = gallra.Ref{System: d.name, Type: "user", ID: strconv.FormatInt(person, 10)}
	}
	if p != connector.FieldsNone {
		r.Fields = []gallra.Field{{Name: "queue", Value: queue}, {Name: "channel", Value: channel}, {Name: "rating", Value: rating}}
	}
	if p == connector.FieldsAll {
		r.Fields = append(r.Fields, gallra.Field{Name: "email", Value: email}, gallra.Field{Name: "name", Value: name}, gallra.Field{Name: "phone", Value: phone}, gallra.Field{Name: "subject", Value: subject})
	}
	return r, nil
}

func (d *desk) children(ctx context.Context, q connector.Query) (connector.Page, error) {
	var ids []any
	for _, p := range q.Parents {
		ids = append(ids, p.ID)
	}
	if len(ids) == 0 {
		return connector.Page{}, errors.New("desk lists messages of tickets only")
	}
	query := `SELECT id, version, ticket, sender, body, raw FROM message WHERE ticket IN (?` + strings.Repeat(",?", len(ids)-1) + `) ORDER BY id`
	if q.Type == "attachment" {
		query = `SELECT id, version, ticket, filename, content, '' FROM attachment WHERE ticket IN (?` + strings.Repeat(",?", len(ids)-1) + `) ORDER BY id`
	}
	rows, err := d.db.QueryContext(ctx, query, ids...)
	if err != nil {
		return connector.Page{}, err
	}
	defer rows.Close()
	var p connector.Page
	for rows.Next() {
		var id, version, ticket string
		var a, b, c string
		if err := rows.Scan(&id, &version, &ticket, &a, &b, &c); err != nil {
			return p, err
		}
		r := gallra.Record{Ref: gallra.Ref{System: d.name, Type: q.Type, ID: id}, Version: version, Parent: gallra.Ref{System: d.name, Type: "ticket", ID: ticket}}
		if q.Type == "message" {
			r.Fields = []gallra.Field{{Name: "sender", Value: a}, {Name: "body", Value: b}, {Name: "raw", Value: c}}
		} else {
			r.Fields = []gallra.Field{{Name: "filename", Value: a}, {Name: "content", Value: b}}
		}
		p.Records = append(p.Records, r)
	}
	return p, rows.Err()
}

func (d *desk) Get(ctx context.Context, ref gallra.Ref) (gallra.Record, error) {
	r, err := d.ticket(d.db.QueryRowContext(ctx, `SELECT id, version, person, email, name, phone, subject, queue, channel, rating, created, contact, closed FROM ticket WHERE id = ?`, ref.ID), connector.FieldsAll)
	if errors.Is(err, sql.ErrNoRows) {
		return r, gallra.Errorf(gallra.NotFound, "desk.gone")
	}
	return r, err
}

func (d *desk) Erase(ctx context.Context, ref gallra.Ref, ifVersion string) (gallra.Receipt, error) {
	out, err := d.EraseMany(ctx, []connector.Item{{Ref: ref, IfVersion: ifVersion}})
	if err != nil {
		return gallra.Receipt{}, err
	}
	return out[0].Receipt, out[0].Err
}

func (d *desk) EraseMany(ctx context.Context, items []connector.Item) ([]connector.Result, error) {
	d.calls.Add(1)
	if d.onErase != nil {
		if err := d.onErase(len(items)); err != nil {
			return nil, err
		}
	}
	out := make([]connector.Result, len(items))
	for n, i := range items {
		out[n].Receipt, out[n].Err = d.eraseOne(ctx, i)
		if d.erased != nil {
			d.erased(i.Ref)
		}
	}
	return out, nil
}

func (d *desk) eraseOne(ctx context.Context, i connector.Item) (gallra.Receipt, error) {
	if d.refuse != nil {
		if err := d.refuse(i.Ref); err != nil {
			return gallra.Receipt{}, err
		}
	}
	done := gallra.Receipt{Ref: i.Ref, Action: gallra.ActionErase, Grade: gallra.GradeDerived, At: time.Now(), Final: d.promises.IsZero(), GoneBy: d.promises}
	if d.lies {
		return done, nil
	}
	if i.Ref.Type == "attachment" {
		_, err := d.db.ExecContext(ctx, `DELETE FROM attachment WHERE id = ?`, i.Ref.ID)
		return done, err
	}
	tx, err := d.db.BeginTx(ctx, nil)
	if err != nil {
		return gallra.Receipt{}, err
	}
	defer func() { _ = tx.Rollback() }()
	var version string
	if err := tx.QueryRowContext(ctx, `SELECT version FROM ticket WHERE id = ?`, i.Ref.ID).Scan(&version); errors.Is(err, sql.ErrNoRows) {
		return gallra.Receipt{}, gallra.Errorf(gallra.NotFound, "desk.gone")
	} else if err != nil {
		return gallra.Receipt{}, err
	}
	if i.IfVersion != "" && i.IfVersion != version {
		return gallra.Receipt{}, gallra.Errorf(gallra.Conflict, "desk.changed")
	}
	for _, q := range []string{`DELETE FROM attachment WHERE ticket = ?`, `DELETE FROM message WHERE ticket = ?`, `DELETE FROM ticket WHERE id = ?`, `INSERT INTO erasure (ticket) VALUES (?)`} {
		if _, err := tx.ExecContext(ctx, q, i.Ref.ID); err != nil {
			return gallra.Receipt{}, err
		}
	}
	return done, tx.Commit()
}

func (d *desk) EditMany(ctx context.Context, edits []connector.Edit) ([]connector.Result, error) {
	d.calls.Add(1)
	out := make([]connector.Result, len(edits))
	for n, e := range edits {
		out[n].Receipt, out[n].Err = d.Edit(ctx, e.Ref, e.IfVersion, e.Set)
		if answer := (*gallra.Error)(nil); out[n].Err != nil && !errors.As(out[n].Err, &answer) {
			return nil, out[n].Err // the database's own trouble, not the record's
		}
	}
	return out, nil
}

func (d *desk) Edit(ctx context.Context, ref gallra.Ref, ifVersion string, set []gallra.Field) (gallra.Receipt, error) {
	done := gallra.Receipt{Ref: ref, Action: gallra.ActionAnonymise, Grade: gallra.GradeDerived, At: time.Now(), Final: true}
	if d.lies {
		return done, nil
	}
	tx, err := d.db.BeginTx(ctx, nil)
	if err != nil {
		return gallra.Receipt{}, err
	}
	defer func() { _ = tx.Rollback() }()
	var version string
	if err := tx.QueryRowContext(ctx, `SELECT version FROM `+ref.Type+` WHERE id = ?`, ref.ID).Scan(&version); errors.Is(err, sql.ErrNoRows) {
		return gallra.Receipt{}, gallra.Errorf(gallra.NotFound, "desk.gone")
	} else if err != nil {
		return gallra.Receipt{}, err
	}
	if ifVersion != "" && ifVersion != version {
		return gallra.Receipt{}, gallra.Errorf(gallra.Conflict, "desk.changed")
	}
	for _, f := range set {
		if _, err := tx.ExecContext(ctx, `UPDATE `+ref.Type+` SET `+f.Name+` = ? WHERE id = ?`, f.Value, ref.ID); err != nil {
			return gallra.Receipt{}, err
		}
	}
	if _, err := tx.ExecContext(ctx, `UPDATE `+ref.Type+` SET version = version + 1 WHERE id = ?`, ref.ID); err != nil {
		return gallra.Receipt{}, err
	}
	if d.erased != nil {
		d.erased(ref)
	}
	return done, tx.Commit()
}

func (d *desk) Remains(ctx context.Context, refs []gallra.Ref) ([]gallra.Residue, error) {
	var out []gallra.Residue
	for _, ref := range refs {
		for _, t := range []string{"ticket WHERE id", "message WHERE ticket", "attachment WHERE ticket"} {
			var n int64
			if err := d.db.QueryRowContext(ctx, `SELECT count(*) FROM `+t+` = ?`, ref.ID).Scan(&n); err != nil {
				return nil, err
			}
			if n > 0 {
				out = append(out, gallra.Residue{Ref: ref, Where: strings.Fields(t)[0], Count: n})
			}
		}
	}
	return out, nil
}

// plain is a desk that knows neither batches nor verification: the engine must
// go one by one and read again.
type plain struct{ d *desk }

func (p plain) Check(ctx context.Context) error                     { return p.d.Check(ctx) }
func (p plain) Close() error                                        { return nil }
func (p plain) Types(ctx context.Context) ([]connector.Type, error) { return p.d.Types(ctx) }
func (p plain) List(ctx context.Context, q connector.Query) (connector.Page, error) {
	page, err := p.d.List(ctx, q)
	for i := range page.Records {
		page.Records[i].Version = "" // a system without versions
	}
	return page, err
}
func (p plain) Get(ctx context.Context, ref gallra.Ref) (gallra.Record, error) {
	return p.d.Get(ctx, ref)
}
func (p plain) Erase(ctx context.Context, ref gallra.Ref, v string) (gallra.Receipt, error) {
	return p.d.Erase(ctx, ref, v)
}

// RoundTimes sets times back to the beginning of their month.
func (d *desk) RoundTimes(ctx context.Context, refs []gallra.Ref, _ ...string) error {
	const month = `CAST(strftime('%s', X / 1000000, 'unixepoch', 'start of month') AS INTEGER) * 1000000`
	of := func(c string) string { return c + " = " + strings.ReplaceAll(month, "X", c) }
	for _, r := range refs {
		if d.lies || r.Type != "ticket" {
			continue
		}
		for _, q := range []string{`UPDATE ticket SET ` + of("created") + `, ` + of("contact") + `, ` + of("closed") + ` WHERE id = ?`, `UPDATE message SET ` + of("created") + ` WHERE ticket = ?`} {
			if _, err := d.db.ExecContext(ctx, q, r.ID); err != nil {
				return err
			}
		}
	}
	return nil
}
