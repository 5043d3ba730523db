package guard_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/memory"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/guard"
	"github.com/gallra/gallra/internal/inventory"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/store/storetest"
	"github.com/gallra/gallra/pii"
)

var ctx = context.Background()

var engine = sync.OnceValues(func() (*pii.Engine, error) { return pii.New(pii.Options{Recall: .5}) })

// house is a guard over one system.
type house struct {
	*guard.Checker
	t    *testing.T
	sys  *memory.System
	now  time.Time
	back []guard.Return
}

func open(t *testing.T, db *store.DB) *house {
	t.Helper()
	h := &house{t: t, now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)}
	db.Now = func() time.Time { return h.now }
	h.sys = memory.New(memory.Options{System: "desk", Now: func() time.Time { return h.now }})
	dir := t.TempDir()
	log, err := evidence.Open(ctx, db, dir)
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine()
	if err != nil {
		t.Fatal(err)
	}
	h.Checker = &guard.Checker{
		Guard:  &guard.Guard{DB: db, Log: log, Dir: filepath.Join(dir, "keys")},
		Engine: e, Open: func(context.Context, gallra.SystemID) (connector.Source, error) { return h.sys.Open(), nil },
		Returned: []guard.Journal{func(context.Context, connector.Source, gallra.SystemID, int) ([]guard.Return, error) {
			return h.back, nil
		}},
	}
	return h
}

func (h *house) check(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) keep(e guard.Erased) {
	h.t.Helper()
	e.At, e.Actor, e.Systems = h.now, "karin", []gallra.SystemID{"desk"}
	h.check(h.DB.Tx(ctx, func(tx *sql.Tx) error { return h.Keep(ctx, tx, e) }))
}

// look checks the system once and returns the alarms that are not closed.
func (h *house) look() []guard.Alarm {
	h.t.Helper()
	w, err := h.Start(ctx, "desk", "karin")
	h.check(err)
	for more := true; more; {
		more, err = h.Step(ctx, w.ID)
		h.check(err)
	}
	list, err := h.Alarms(ctx, false)
	h.check(err)
	return list
}

func (h *house) writes(name, email, phone, text string, at time.Time) gallra.Ref {
	p := h.sys.AddPerson(memory.Person{Name: name, Email: email, Phone: phone, Created: at, Updated: at})
	c := h.sys.AddConversation(memory.Conversation{Person: p, Subject: "Fråga", Created: at, Updated: at})
	h.sys.AddMessage(c, memory.Message{Text: text, Created: at})
	return c
}

var anna = []gallra.Identifier{
	{Kind: gallra.IdentEmail, Value: "Anna.Lindqvist@mail.example"}, {Kind: gallra.IdentPhone, Value: "070-174 06 05"},
	{Kind: gallra.IdentPersonnummer, Value: "19850312-9887"}, {Kind: gallra.IdentName, Value: "Anna Lindqvist"},
}

func asks(list []guard.Alarm) (out []guard.Alarm) {
	for _, a := range list {
		if a.Asks() {
			out = append(out, a)
		}
	}
	return out
}

// The person stands in a system again: in an old record that was read back, in a
// new one, in text, in another written form.
func TestSystems1_6_ErasedPersonIsBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := open(t, db)
		h.keep(guard.Erased{Matter: "B2026-0001", Identifiers: anna})
		if got := h.look(); len(got) != 0 {
			t.Fatalf("nothing is back: %+v", got)
		}
		h.now = h.now.Add(48 * time.Hour)
		h.writes("Johanna Lindqvist", "johanna.lindqvist@mail.example", "070-000 00 01", "Hej, jag heter Johanna.", h.now)
		if got := h.look(); len(got) != 0 {
			t.Fatalf("a namesake: %+v", got)
		}
		fresh := h.writes("Bo Ek", "bo.ek@mail.example", "", "Min granne anna.lindqvist+abc@MAIL.example har pnr 850312-9887.", h.now)
		got := h.look()
		if len(got) != 1 || got[0].Kind != guard.Contact || got[0].Ref != fresh || got[0].Matter != "B2026-0001" || strings.Join(got[0].Why, ",") != "email,personnummer" || !got[0].Asks() {
			t.Fatalf("%+v", got)
		}
		if again := h.look(); len(again) != 1 || again[0].ID != got[0].ID {
			t.Fatalf("the same alarm twice: %+v", again)
		}
		// A scan reads what is old, too.
		old := h.writes("Anna Lindqvist", "", "+46 70 174 06 05", "", h.now.AddDate(-2, 0, 0))
		if again := h.look(); len(again) != 1 {
			t.Fatalf("a nightly look reads what has changed only: %+v", again)
		}
		h.scan()
		list, err := h.Alarms(ctx, false)
		h.check(err)
		var kinds []string
		for _, a := range list {
			kinds = append(kinds, string(a.Kind))
		}
		if len(list) != 2 || list[0].Kind != guard.Restored && list[1].Kind != guard.Restored {
			t.Fatalf("after a scan: %v", kinds)
		}
		_ = old
		// The alarm's record goes, and with the next look the alarm.
		for _, a := range list {
			_, err := h.Decide(ctx, a.ID, "karin", guard.EraseAgain, "hämtad igen")
			h.check(err)
			_, err = h.sys.Open().Erase(ctx, a.Ref, "")
			h.check(err)
		}
		if left := h.look(); len(left) != 0 {
			t.Fatalf("%+v", left)
		}
		h.silent("anna.lindqvist", "850312", "1740605", "Lindqvist")
	})
}

func (h *house) scan() {
	h.t.Helper()
	s := &inventory.Scanner{DB: h.DB, Engine: h.Engine, Open: h.Open, Guard: h.Guard}
	w, err := s.Start(ctx, "desk", "karin")
	h.check(err)
	for more := true; more; {
		more, err = s.Step(ctx, w.ID)
		h.check(err)
	}
}

// silent checks that no table, log entry or file of keys holds a value.
func (h *house) silent(values ...string) {
	h.t.Helper()
	for _, table := range []string{"guard_person", "guard_known", "guard_alarm", "evidence", "work"} {
		rows, err := h.DB.Query("SELECT * FROM " + table)
		h.check(err)
		cols, err := rows.Columns()
		h.check(err)
		for rows.Next() {
			v := make([]any, len(cols))
			for i := range v {
				v[i] = new(any)
			}
			h.check(rows.Scan(v...))
			for _, c := range v {
				s := strings.ToLower(fmt.Sprint(*c.(*any)))
				for _, n := range values {
					if strings.Contains(s, strings.ToLower(n)) {
						h.t.Errorf("%s holds %q", table, n)
					}
				}
			}
		}
		h.check(rows.Err())
		h.check(rows.Close())
	}
	h.check(filepath.WalkDir(h.Dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		for _, n := range values {
			if bytes.Contains(b, []byte(n)) {
				h.t.Errorf("%s holds %q", path, n)
			}
		}
		return err
	}))
}

// A customer who was erased may be one again: a named user says so with a
// reason, and later records are no matter for alarm. What is older still is.
func TestSystems1_6_NewLegitimateContact(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := open(t, db)
		h.keep(guard.Erased{Matter: "B2026-0001", Identifiers: anna})
		before := h.now.AddDate(0, -1, 0)
		h.now = h.now.Add(24 * time.Hour)
		for range 3 {
			h.writes("Anna Lindqvist", "anna.lindqvist@mail.example", "", "Hej igen", h.now)
		}
		list := asks(h.look())
		if len(list) == 0 {
			t.Fatal("no alarm")
		}
		if _, err := h.Decide(ctx, list[0].ID, "karin", guard.NewContact, "  "); gallra.CodeOf(err) != gallra.Invalid {
			t.Fatalf("without a reason: %v", err)
		}
		a, err := h.Decide(ctx, list[0].ID, "karin", guard.NewContact, "har beställt på nytt")
		if err != nil || a.State != guard.Closed || a.Actor != "karin" || a.Reason == "" {
			t.Fatalf("%+v %v", a, err)
		}
		if _, err := h.Decide(ctx, list[0].ID, "bo", guard.Other, "nej"); gallra.CodeOf(err) != gallra.Conflict {
			t.Fatalf("twice: %v", err)
		}
		h.writes("Anna Lindqvist", "anna.lindqvist@mail.example", "", "Och igen", h.now)
		if got := asks(h.look()); len(got) != 0 {
			t.Fatalf("she is a customer: %+v", got)
		}
		h.writes("Anna Lindqvist", "anna.lindqvist@mail.example", "", "Det gamla", before)
		h.scan()
		list, err = h.Alarms(ctx, false)
		h.check(err)
		if got := asks(list); len(got) == 0 || got[0].Kind != guard.Restored {
			t.Fatalf("what was erased is back all the same: %+v", got)
		}
		for _, want := range []string{"guard.keep", "guard.alarm", "guard.decide"} {
			var n int
			h.check(db.QueryRow(`SELECT count(*) FROM evidence WHERE line LIKE '%' || $1 || '%'`, want).Scan(&n))
			if n == 0 {
				t.Errorf("the log does not tell of %s", want)
			}
		}
	})
}

// A number that many have in common raises no alarm: 2,000 other people write,
// 400 of them from the number of the erased person's switchboard or home.
func TestSystems1_6_SharedTelephone(t *testing.T) {
	h := open(t, storetest.SQLite(t))
	h.keep(guard.Erased{Matter: "B2026-0001", Identifiers: append([]gallra.Identifier{{Kind: gallra.IdentEmail, Value: "info@foretaget.example"}}, anna...)})
	h.now = h.now.Add(24 * time.Hour)
	given := []string{"Karl", "Eva", "Omar", "Lisa", "Per", "Ingrid", "Johan", "Sara", "Nils", "Maja"}
	family := []string{"Berg", "Holm", "Ek", "Lind", "Strand", "Åberg", "Öhman", "Sjö", "Falk", "Nyman"}
	for i := range 2000 {
		name := given[i%10] + " " + family[i/10%10]
		phone, mail := fmt.Sprintf("070-%03d %02d %02d", i/100, i/10%100, i%100), fmt.Sprintf("p%d@mail.example", i)
		if i%5 == 0 {
			phone = "0701740605"
		}
		if i%50 == 0 {
			mail = "info@foretaget.example"
		}
		h.writes(name, mail, phone, "Ring mig på "+phone, h.now)
	}
	list := h.look()
	if n := len(asks(list)); n != 0 {
		t.Errorf("2,000 others, 400 with the same number, 40 of them by the same shared box too: %d false alarms", n)
	}
	if n := len(list) - len(asks(list)); n != 1 {
		t.Errorf("%d lines of what is possible, want one for the person and system", n)
	}
	// The same name and number is what no rule can tell apart: somebody must, once.
	ref := h.writes("Anna Lindqvist", "annan.anna@mail.example", "0701740605", "Hej", h.now)
	h.scan()
	list, err := h.Alarms(ctx, false)
	h.check(err)
	got := asks(list)
	if len(got) != 1 || strings.Join(got[0].Why, ",") != "name,phone" {
		t.Fatalf("%+v, of %s", got, ref)
	}
	_, err = h.Decide(ctx, got[0].ID, "karin", guard.Other, "en annan med samma namn i samma hus")
	h.check(err)
	h.scan()
	if list, err = h.Alarms(ctx, false); err != nil || len(asks(list)) != 0 {
		t.Errorf("%+v %v", asks(list), err)
	}
}

// What was decided to stay when the person was erased is no return.
func TestSystems1_6_WhatStayedIsKnown(t *testing.T) {
	h := open(t, storetest.SQLite(t))
	kept := h.writes("Anna Lindqvist", "anna.lindqvist@mail.example", "", "Faktura", h.now.AddDate(-1, 0, 0))
	rec, err := h.sys.Open().Get(ctx, kept)
	h.check(err)
	h.keep(guard.Erased{Matter: "B2026-0001", Identifiers: anna, Known: []gallra.Ref{kept, rec.Person}})
	h.scan()
	if got := h.look(); len(got) != 0 {
		t.Fatalf("%+v", got)
	}
}

// Records that are back under their old ids: one alarm a run, until they are gone.
func TestB4_RecordsAreBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := open(t, db)
		h.back = []guard.Return{{Matter: "run-1", Ref: gallra.Ref{System: "desk", Type: "conversation", ID: "7"}, Count: 38, Erased: h.now.AddDate(0, 0, -3)}}
		got := h.look()
		if len(got) != 1 || got[0].Kind != guard.Record || got[0].Records != 38 || !got[0].Asks() {
			t.Fatalf("%+v", got)
		}
		if _, err := h.Decide(ctx, got[0].ID, "karin", guard.NewContact, "x"); gallra.CodeOf(err) != gallra.Invalid {
			t.Fatalf("an erased record is no contact: %v", err)
		}
		if got = h.look(); len(got) != 1 {
			t.Fatalf("%+v", got)
		}
		h.back = nil // gallra replay
		if got = h.look(); len(got) != 0 {
			t.Fatalf("%+v", got)
		}
		all, err := h.Alarms(ctx, true)
		if err != nil || len(all) != 1 || all[0].Decision != guard.Gone {
			t.Fatalf("%+v %v", all, err)
		}
		h.back = []guard.Return{{Matter: "run-1", Ref: gallra.Ref{System: "desk", Type: "conversation", ID: "7"}, Count: 38, Erased: h.now.AddDate(0, 0, -3)}}
		if got = h.look(); len(asks(got)) != 1 {
			t.Fatalf("restored once more: %+v", got)
		}
	})
}

// What was rewritten and is back is an alarm of its own beside what was erased by
// the same run, and asks for another word; what can be told to be neither asks for
// a plan, and no replay is begun for it.
func TestB4_RewrittenRecordsAreBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := open(t, db)
		ref := gallra.Ref{System: "desk", Type: "conversation", ID: "7"}
		three := []guard.Return{{Matter: "run-1", Ref: ref, Count: 3, Erased: h.now.AddDate(0, 0, -3)}, {Matter: "run-1", Kind: guard.Rewritten, Ref: ref, Count: 5, Erased: h.now.AddDate(0, 0, -3)},
			{Matter: "run-1", Kind: guard.Altered, Ref: ref, Count: 2, Erased: h.now.AddDate(0, 0, -3)}}
		h.back = three
		byKind := map[guard.Kind]guard.Alarm{}
		for range 2 { // seen twice is told once
			for _, a := range h.look() {
				byKind[a.Kind] = a
			}
		}
		if got := h.look(); len(got) != 3 || byKind[guard.Record].Records != 3 || byKind[guard.Rewritten].Records != 5 || byKind[guard.Altered].Records != 2 {
			t.Fatalf("%+v", got)
		}
		for k, a := range byKind {
			if a.Ref.ID != "" || !a.Asks() {
				t.Errorf("%s: %+v", k, a)
			}
			for _, d := range guard.Decisions() {
				if slices.Contains(k.Decisions(), d) {
					continue
				}
				if _, err := h.Decide(ctx, a.ID, "karin", d, "x"); gallra.CodeOf(err) != gallra.Invalid {
					t.Errorf("%s, %s: %v", k, d, err)
				}
			}
		}
		_, err := h.Decide(ctx, byKind[guard.Altered].ID, "karin", guard.Nothing, "rättat för hand")
		h.check(err)
		_, err = h.Decide(ctx, byKind[guard.Rewritten].ID, "karin", guard.Rewrite, "säkerhetskopia")
		h.check(err)
		if _, err := h.StartReplay(ctx, byKind[guard.Altered].ID, h.now.AddDate(0, 0, -9), "bo"); gallra.CodeOf(err) != gallra.Conflict {
			t.Errorf("a replay of what nobody can tell: %v", err)
		}
		if _, err := h.StartReplay(ctx, byKind[guard.Rewritten].ID, h.now.AddDate(0, 0, -9), "karin"); gallra.CodeOf(err) != gallra.Forbidden {
			t.Errorf("by one person: %v", err)
		}
		_, err = h.StartReplay(ctx, byKind[guard.Rewritten].ID, h.now.AddDate(0, 0, -9), "bo")
		h.check(err)
		h.back = three[:1]
		if got := h.look(); len(got) != 1 || got[0].Kind != guard.Record {
			t.Fatalf("%+v", got)
		}
		h.back = three
		if got := h.look(); len(got) != 2 { // what nothing needs to be done about is told once
			t.Fatalf("%+v", got)
		}
	})
}

// Digests have an end of their own, and a guard without its key says that it is
// blind: it never passes over a person in silence.
func TestX11_DigestsEndAndKeysAreMissed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := open(t, db)
		h.Backup = func(context.Context, gallra.SystemID) (gallra.Period, error) { return gallra.Period{Days: 35}, nil }
		h.keep(guard.Erased{Matter: "B2026-0001", Identifiers: anna})
		st, err := h.Standing(ctx)
		if err != nil || st.Persons != 1 || st.Digests != 4 || st.Blind != 0 || st.Until.Format(time.DateOnly) != "2027-01-28" {
			t.Fatalf("%+v %v", st, err)
		}
		path := filepath.Join(h.Dir, "guard.key")
		old, err := os.ReadFile(path)
		h.check(err)
		h.check(os.Remove(path))
		if st, err = h.Standing(ctx); err != nil || st.Blind != 4 {
			t.Fatalf("%+v %v", st, err)
		}
		h.check(os.WriteFile(path, old, 0o600))
		if st, err = h.Standing(ctx); err != nil || st.Blind != 0 {
			t.Fatalf("%+v %v", st, err)
		}
		h.now = h.now.AddDate(0, 0, 65)
		if n, err := h.Purge(ctx); err != nil || n != 4 {
			t.Fatalf("%d %v", n, err)
		}
		h.writes("Anna Lindqvist", "anna.lindqvist@mail.example", "", "Hej", h.now)
		if got := h.look(); len(got) != 0 {
			t.Fatalf("forgotten is forgotten: %+v", got)
		}
	})
}

// A check that is cut off between pages goes on where it was; what it had seen
// is kept and nothing is told twice.
func TestG6_CheckGoesOnAfterARestart(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := open(t, db)
		h.keep(guard.Erased{Matter: "B2026-0001", Identifiers: anna})
		h.now = h.now.Add(24 * time.Hour)
		for i := range 1200 {
			mail := fmt.Sprintf("p%d@mail.example", i)
			if i == 700 {
				mail = "anna.lindqvist@mail.example"
			}
			h.sys.AddPerson(memory.Person{Name: "Någon Annan", Email: mail, Created: h.now, Updated: h.now})
		}
		w, err := h.Start(ctx, "desk", "karin")
		h.check(err)
		open := h.Open
		for more := true; more; {
			// Each step a process of its own, and each first try fails in the middle.
			pages := 0
			h.Open = func(c context.Context, id gallra.SystemID) (connector.Source, error) {
				src, err := open(c, id)
				return failing{src, &pages}, err
			}
			if _, err := h.Step(ctx, w.ID); err == nil {
				t.Log("a step was done before it could fail")
			}
			h.Open = open
			again := *h.Checker
			more, err = again.Step(ctx, w.ID)
			h.check(err)
		}
		list, err := h.Alarms(ctx, true)
		if err != nil || len(list) != 1 || list[0].Records != 1 {
			t.Fatalf("%+v %v", list, err)
		}
	})
}

// failing lets one page through and then is gone.
type failing struct {
	connector.Source
	pages *int
}

func (f failing) List(ctx context.Context, q connector.Query) (connector.Page, error) {
	if *f.pages++; *f.pages > 1 {
		return connector.Page{}, gallra.Errorf(gallra.Unavailable, "test.gone")
	}
	return f.Source.List(ctx, q)
}
