package retention_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/hold"
	"github.com/gallra/gallra/internal/retention"
	"github.com/gallra/gallra/internal/store/storetest"
)

// put places a hold that is no single record's.
func put(t *testing.T, f *fixture, h hold.Hold) hold.Hold {
	t.Helper()
	h.Kind, h.Reason, h.PlacedBy = hold.Legal, "tvist", "dpo"
	if err := f.DB.Tx(ctx, func(tx *sql.Tx) (err error) {
		h, err = hold.Register{DB: f.DB, Log: f.Log, Keys: f.Keys}.Place(ctx, tx, h)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return h
}

func person(kind gallra.IdentifierKind, value string) hold.Hold {
	return hold.Hold{Persons: []gallra.Identifier{{Kind: kind, Value: value}}}
}

// Somebody is on hold by what they are known by, or records by a query. Whatever
// would take along a record that bears the identifier, or that the query covers,
// stays: what came in after the hold was placed too, for the plan and the run look
// in the records themselves. Nothing else stays.
func TestW20_HoldByPersonAndByQuery(t *testing.T) {
	t.Parallel()
	of := func(typ string, start gallra.StartEvent, a gallra.Action) gallra.Rule {
		r := rule("r", 24, a)
		r.Types, r.Start = []string{typ}, start
		return r
	}
	tickets, blanked := of("ticket", gallra.StartClosed, gallra.ActionErase), of("ticket", gallra.StartClosed, gallra.ActionAnonymise)
	people, messages := of("person", gallra.StartCreated, gallra.ActionErase), of("message", gallra.StartCreated, gallra.ActionErase)
	bo := person(gallra.IdentEmail, "Bo+forum@Example.SE ")
	query := func(typ string, fields map[string]string) hold.Hold {
		return hold.Hold{Queries: []hold.Query{{System: "desk", Type: typ, From: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2020, 1, 2, 0, 0, 0, 0, time.UTC), Fields: fields}}}
	}
	water := `UPDATE ticket SET queue = 'VA' WHERE id = 11`
	for name, c := range map[string]struct {
		hold hold.Hold
		sql  string // what comes in after the hold
		rule gallra.Rule
		kept string // counts 1 while what is held stands
		gone string // counts 0 when what is not held is gone
	}{
		"sender": {bo, ``, tickets, `SELECT count(*) FROM ticket WHERE id = 10 AND subject = 'Tomt'`, `SELECT count(*) FROM ticket WHERE id = 11`},
		"sender, anonymised": {bo, ``, blanked, `SELECT count(*) FROM message WHERE id = 100 AND body = 'Hej, jag heter Anna Ek.'`,
			`SELECT count(*) FROM message WHERE id = 102 AND body LIKE '%Cia%'`},
		"requester": {person(gallra.IdentEmail, "anna@example.se"), ``, tickets, `SELECT count(*) FROM ticket WHERE id = 10`, `SELECT count(*) FROM ticket WHERE id = 11`},
		"requester's number": {person(gallra.IdentPhone, "+46 70-174 06 05"), `UPDATE person SET phone = '0701740605' WHERE id = 1`, messages,
			`SELECT count(*) FROM message WHERE id = 100`, `SELECT count(*) FROM message WHERE id = 102`},
		"a wrong number in its field": {person(gallra.IdentPersonnummer, "19850312-1111"), `UPDATE person SET personnummer = '850312-1111' WHERE id = 1`, tickets,
			`SELECT count(*) FROM ticket WHERE id = 10`, `SELECT count(*) FROM ticket WHERE id = 11`},
		"in a text": {person(gallra.IdentPhone, "+46701740605"), `UPDATE message SET body = 'Ring Bo på 070-174 06 05 i kväll.' WHERE id = 101`, tickets,
			`SELECT count(*) FROM ticket WHERE id = 10`, `SELECT count(*) FROM ticket WHERE id = 11`},
		"in markup": {person(gallra.IdentEmail, "dan@example.se"), `UPDATE message SET body = '<p>Fråga <b>dan</b>&#64;example.se</p>', html = 1 WHERE id = 101`, tickets,
			`SELECT count(*) FROM ticket WHERE id = 10`, `SELECT count(*) FROM ticket WHERE id = 11`},
		"in a file": {person(gallra.IdentPersonnummer, "19850312-1236"), `UPDATE attachment SET content = 'Personnummer: 850312-1236' WHERE id = 1000`, tickets,
			`SELECT count(*) FROM ticket WHERE id = 10`, `SELECT count(*) FROM ticket WHERE id = 11`},
		"in the history": {person(gallra.IdentEmail, "dan@example.se"), `UPDATE history SET old_value = 'dan@example.se' WHERE id = 5000`, tickets,
			`SELECT count(*) FROM ticket WHERE id = 10`, `SELECT count(*) FROM ticket WHERE id = 11`},
		"file of a message": {person(gallra.IdentPersonnummer, "8503121236"), `UPDATE attachment SET content = 'Personnummer: 850312-1236' WHERE id = 1000`, messages,
			`SELECT count(*) FROM message WHERE id = 101`, `SELECT count(*) FROM message WHERE id = 102`},
		"a message's own":   {bo, ``, messages, `SELECT count(*) FROM message WHERE id = 101`, `SELECT count(*) FROM message WHERE id = 102`},
		"a person's own":    {bo, ``, people, `SELECT count(*) FROM person WHERE id = 2`, `SELECT count(*) FROM person WHERE id = 3`},
		"in another's case": {bo, ``, people, `SELECT count(*) FROM person WHERE id = 1`, `SELECT count(*) FROM person WHERE id = 3`},
		"in a text of another's case": {person(gallra.IdentEmail, "dan@example.se"), `UPDATE message SET body = 'Fråga dan@example.se.' WHERE id = 100`, people,
			`SELECT count(*) FROM person WHERE id = 1`, `SELECT count(*) FROM person WHERE id = 3`},
		"query": {query("ticket", map[string]string{"queue": "bygg "}), water, tickets,
			`SELECT count(*) FROM ticket WHERE id = 10`, `SELECT count(*) FROM ticket WHERE id = 11`},
		"query, anonymised": {query("ticket", map[string]string{"queue": "Bygg"}), water, blanked,
			`SELECT count(*) FROM message WHERE id = 101 AND body LIKE '%Bo Alm%'`, `SELECT count(*) FROM message WHERE id = 102 AND body LIKE '%Cia%'`},
		"query of the conversation": {query("ticket", map[string]string{"queue": "Bygg"}), water, messages,
			`SELECT count(*) FROM message WHERE id = 101`, `SELECT count(*) FROM message WHERE id = 102`},
		"query of the person's cases": {query("ticket", map[string]string{"queue": "Bygg", "channel": "mail"}), water, people,
			`SELECT count(*) FROM person WHERE id = 1`, `SELECT count(*) FROM person WHERE id = 3`},
		"query by time": {query("ticket", nil), `UPDATE ticket SET created_at = '2020-01-02 08:00:00' WHERE id = 11`, tickets,
			`SELECT count(*) FROM ticket WHERE id = 10`, `SELECT count(*) FROM ticket WHERE id = 11`},
		"query of what hangs below": {query("message", nil), `UPDATE message SET created_at = '2020-02-02 08:00:00' WHERE id = 102`, tickets,
			`SELECT count(*) FROM ticket WHERE id = 10`, `SELECT count(*) FROM ticket WHERE id = 11`},
	} {
		for _, when := range []string{"before the plan", "after the approval"} {
			t.Run(name+"/"+when, func(t *testing.T) {
				t.Parallel()
				f := setup(t, storetest.SQLite(t))
				f.Keys = t.TempDir()
				db := counter(t, f)
				late := when == "after the approval"
				if late { // the same records, so that their versions are the plan's
					into(t, db, c.sql)
				} else {
					put(t, f, c.hold)
					into(t, db, c.sql)
				}
				p := f.plan(t, company, c.rule)
				u := p.Preview.Units[slices.IndexFunc(p.Preview.Units, func(u retention.UnitPreview) bool { return u.Type == c.rule.Types[0] })]
				if held := len(u.Held) > 0; held == late || u.Planned == 0 {
					t.Errorf("in the preview: %d planned, on hold %v", u.Planned, u.Held)
				}
				f.approve(t, p)
				run, err := f.Start(ctx, p.ID, "operator")
				if err != nil {
					t.Fatal(err)
				}
				if late {
					put(t, f, c.hold)
				}
				pr := f.finish(t, run)
				if n := number(t, db, c.kept); n != 1 {
					t.Errorf("what is on hold is gone: %s", c.kept)
				}
				if n := number(t, db, c.gone); n != 0 {
					t.Errorf("what is not on hold stays: %s", c.gone)
				}
				if late && pr.Total.Reasons["retention.reason.hold"] == 0 || !pr.FiguresEqual {
					t.Errorf("%+v", pr.Total)
				}
			})
		}
	}
}

func into(t *testing.T, db *sql.DB, q string) {
	t.Helper()
	if _, err := db.Exec(q); err != nil {
		t.Fatal(err)
	}
}

func number(t *testing.T, db *sql.DB, q string) (n int) {
	t.Helper()
	if err := db.QueryRow(q).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// Without the key by which people on hold are known, or with another one, nothing
// is planned and nothing erased; a hold that was lifted holds nobody back. The
// store keeps no value and nothing that tells one.
func TestW20_WithoutTheKeyNothingGoes(t *testing.T) {
	t.Parallel()
	f := setup(t, storetest.SQLite(t))
	f.Keys = t.TempDir()
	db := counter(t, f)
	r := rule("r", 24, gallra.ActionErase)
	r.Types = []string{"ticket"}
	p := f.plan(t, company, r)
	f.approve(t, p)
	h := put(t, f, person(gallra.IdentEmail, "nobody.at.all@example.se"))
	path := filepath.Join(f.Keys, "hold.key")
	key, err := os.ReadFile(path)
	if err != nil || len(key) != 32 {
		t.Fatalf("%d bytes, %v", len(key), err)
	}
	var digest string
	if err := f.DB.QueryRow(`SELECT digest FROM hold_target WHERE hold = $1`, h.ID).Scan(&digest); err != nil || !strings.HasPrefix(digest, "email:") || strings.Contains(digest, "nobody") {
		t.Fatalf("%q %v", digest, err)
	}
	for name, change := range map[string]func() error{
		"gone":    func() error { return os.Remove(path) },
		"another": func() error { return os.WriteFile(path, slices.Repeat([]byte{7}, 32), 0o600) },
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		id, err := f.Plan(ctx, retention.PlanSpec{Rules: []gallra.Rule{r}, Organisation: company, Actor: "planner"})
		if err == nil {
			err = f.Drive(ctx, id)
		}
		if !errors.Is(err, gallra.ErrBlocked) {
			t.Errorf("%s: planned: %v", name, err)
		}
	}
	run, err := f.Start(ctx, p.ID, "operator")
	if err == nil {
		err = f.Drive(ctx, run)
	}
	if !errors.Is(err, gallra.ErrBlocked) || number(t, db, `SELECT count(*) FROM ticket`) != 2 {
		t.Fatalf("erased without the key: %v", err)
	}
	if err := f.DB.Tx(ctx, func(tx *sql.Tx) error {
		return hold.Register{DB: f.DB, Log: f.Log}.Release(ctx, tx, h.ID, "dpo")
	}); err != nil {
		t.Fatal(err)
	}
	if p = f.plan(t, company, r); p.Preview.Planned != 2 {
		t.Errorf("%d planned after the hold was lifted", p.Preview.Planned)
	}
}
