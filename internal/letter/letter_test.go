package letter_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/letter"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/store/storetest"
)

var ctx = context.Background()

const personnummer = "198509082395"

func spec() letter.Spec {
	return letter.Spec{System: "forum", Vendor: "kundo", Action: "erase", Matter: "request-1", Language: "sv", Actor: "anna", Organisation: "Sundvalla kommun", Number: "212000-0000", Agreement: "PUB 2024-02",
		About: []gallra.Identifier{{Kind: gallra.IdentPersonnummer, Value: personnummer}}}
}

func desk(t *testing.T, db *store.DB, now *time.Time) *letter.Desk {
	t.Helper()
	db.Now = func() time.Time { return *now }
	log, err := evidence.Open(ctx, db, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	loc, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		t.Fatal(err)
	}
	return &letter.Desk{DB: db, Log: log, Loc: loc}
}

// everything returns what the store holds, all tables.
func everything(t *testing.T, db *store.DB) string {
	t.Helper()
	var out strings.Builder
	for _, table := range []string{"letter", "evidence"} {
		rows, err := db.QueryContext(ctx, "SELECT * FROM "+table)
		if err != nil {
			t.Fatal(err)
		}
		names, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			vals := make([]sql.RawBytes, len(names))
			into := make([]any, len(names))
			for i := range vals {
				into[i] = &vals[i]
			}
			if err := rows.Scan(into...); err != nil {
				t.Fatal(err)
			}
			for _, v := range vals {
				fmt.Fprintf(&out, "%s|", v)
			}
		}
		if err := rows.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

// TestLetterUntilTheVendorHasProvedIt walks a letter through silence, reminder,
// escalation, a false answer and a true one (SYSTEMS 1.7).
func TestLetterUntilTheVendorHasProvedIt(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
		d := desk(t, db, &now)
		do := func(l letter.Letter, err error) letter.Letter {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			return l
		}
		next := func(id string, want letter.Next) {
			t.Helper()
			if l := do(d.Letter(ctx, id)); l.Next(now) != want {
				t.Errorf("%s: next is %s, want %s", l.State, l.Next(now), want)
			}
		}
		l, text, err := d.Write(ctx, spec())
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"support@kundo.se", "Vi har bekräftat personen/personernas identitet.", personnummer, "PUB 2024-02", "2026-04-01", "28.3 e", l.ID, "(212000-0000)"} {
			if !strings.Contains(text, want) {
				t.Errorf("the letter lacks %q:\n%s", want, text)
			}
		}
		next(l.ID, letter.NextSend)
		do(d.Sent(ctx, l.ID, "anna", now))
		next(l.ID, letter.NextWait)
		if _, _, err := d.Again(ctx, l.ID, spec()); !errors.Is(err, gallra.ErrConflict) {
			t.Errorf("a reminder before its day: %v", err)
		}
		now = time.Date(2026, 4, 1, 21, 59, 0, 0, time.UTC) // 23.59 in Stockholm: the last day is in time
		next(l.ID, letter.NextWait)
		now = now.Add(2 * time.Minute)
		next(l.ID, letter.NextRemind)
		if _, text, err = d.Again(ctx, l.ID, spec()); err != nil || !strings.Contains(text, "2026-03-02") || strings.Contains(text, personnummer) {
			t.Errorf("the reminder: %v\n%s", err, text)
		}
		next(l.ID, letter.NextWait)
		now = now.AddDate(0, 0, 15)
		next(l.ID, letter.NextEscalate)
		if _, text, err = d.Again(ctx, l.ID, spec()); err != nil || !strings.Contains(text, "dataskyddsombud") {
			t.Errorf("the escalation: %v\n%s", err, text)
		}
		if _, err := d.Take(ctx, l.ID, "anna", letter.Answer{On: now, Proof: "no digest"}); !errors.Is(err, gallra.ErrInvalid) {
			t.Errorf("an answer without proof: %v", err)
		}
		proof := strings.Repeat("ab", 32)
		do(d.Take(ctx, l.ID, "anna", letter.Answer{On: now, Proof: proof, GoneBy: now.AddDate(0, 3, 0)}))
		next(l.ID, letter.NextRecheck)
		do(d.Recheck(ctx, l.ID, "anna", 2)) // the vendor's word was not true
		now = now.Add(time.Minute)
		next(l.ID, letter.NextRemind)
		if _, _, err := d.Again(ctx, l.ID, spec()); err != nil {
			t.Fatal(err)
		}
		do(d.Take(ctx, l.ID, "anna", letter.Answer{On: now, Proof: proof}))
		do(d.Recheck(ctx, l.ID, "anna", 0))
		next(l.ID, letter.NextNothing)
		if open, err := d.List(ctx, false); err != nil || len(open) != 0 {
			t.Errorf("%d open letters, %v", len(open), err)
		}
		if _, err := d.Recheck(ctx, l.ID, "anna", 0); !errors.Is(err, gallra.ErrConflict) {
			t.Errorf("what is done is done again: %v", err)
		}
		// The person is in no row of ours.
		if all := everything(t, db); strings.Contains(all, personnummer) || !strings.Contains(all, l.ID) {
			t.Error("the store holds the person's number, or not the letter")
		}
	})
}

// TestEveryVendorMakesALetter in both languages, for every action.
func TestEveryVendorMakesALetter(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	d := desk(t, storetest.SQLite(t), &now)
	for _, v := range letter.Vendors() {
		for _, lang := range []string{"sv", "en"} {
			for _, action := range []string{"erase", "anonymise", "rectify", "extract"} {
				s := spec()
				s.Vendor, s.Language, s.Action, s.To = v.Name, lang, action, "dataskydd@leverantor.example"
				l, text, err := d.Write(ctx, s)
				if err != nil || strings.Contains(text, "<no value>") || strings.Contains(text, "\n\n\n") || !strings.Contains(text, l.ID) {
					t.Errorf("%s %s %s: %v\n%s", v.Name, lang, action, err, text)
				}
			}
		}
		if v.Days <= 0 || v.Remind <= 0 || v.Escalate <= 0 || v.Above.SV == "" || v.Above.EN == "" {
			t.Errorf("%s: a day or a word is missing", v.Name)
		}
	}
	for _, bad := range []func(*letter.Spec){
		func(s *letter.Spec) { s.Vendor = "nobody" }, func(s *letter.Spec) { s.Action = "shred" },
		func(s *letter.Spec) { s.About = nil }, func(s *letter.Spec) { s.Vendor, s.To = "generic", "" },
	} {
		s := spec()
		bad(&s)
		if _, _, err := d.Write(ctx, s); !errors.Is(err, gallra.ErrInvalid) {
			t.Errorf("%+v: %v", s.Vendor, err)
		}
	}
}
