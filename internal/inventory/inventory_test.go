package inventory_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/memory"
	"github.com/gallra/gallra/internal/inventory"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/store/storetest"
	"github.com/gallra/gallra/internal/work"
	"github.com/gallra/gallra/pii"
)

var (
	old = time.Date(2015, 2, 3, 4, 5, 6, 0, time.UTC) // before the regulation applied (REQUIREMENTS S6)
	now = time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
)

const marker = "kanariefågel@example.se"

func filled(n int) *memory.System {
	sys := memory.New(memory.Options{System: "desk"})
	for i := range n {
		at := old.AddDate(0, i%100, 0)
		p := sys.AddPerson(memory.Person{Name: "Anna Lindqvist", Email: marker, Created: at})
		sys.AddConversation(memory.Conversation{Person: p, Email: marker, Subject: "Fråga", Queue: "vatten", Created: at, Messages: []memory.Message{
			{Email: marker, Text: "Mitt personnummer är 19850908-2395 och jag nås på " + marker, Created: at,
				Files: []memory.File{{Name: "bild.png", Content: []byte("\x89PNG\r\n\x1a\n0000")}}},
		}})
	}
	return sys
}

func engine(t *testing.T) *pii.Engine {
	t.Helper()
	e, err := pii.New(pii.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func line(r inventory.Report, typ, field string, c gallra.Category) (sum inventory.Line) {
	for _, l := range r.Lines {
		if l.Type == typ && l.Field == field && l.Category == c {
			sum.Findings += l.Findings
			sum.Records += l.Records
			sum.Oldest = l.Oldest
		}
	}
	return sum
}

func TestS24_S31_CountsByTypeFieldAndCategory(t *testing.T) {
	t.Parallel()
	const n = 700 // more than a page
	r, err := inventory.Collect(context.Background(), filled(n).Open(), "desk", engine(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct {
		typ, field string
		cat        gallra.Category
		findings   int64
	}{
		{memory.TypePerson, "email", gallra.CategoryEmail, n}, // S30: a structured column
		{memory.TypePerson, "name", gallra.CategoryPerson, n},
		{memory.TypeMessage, "body", gallra.CategoryPersonnummer, n}, // S32: in free text
		{memory.TypeMessage, "body", gallra.CategoryEmail, n},
	} {
		if l := line(r, want.typ, want.field, want.cat); l.Findings != want.findings || l.Records != n || !l.Oldest.Equal(old) {
			t.Errorf("%s.%s %s: %d findings in %d records since %v; want %d in %d since %v", want.typ, want.field, want.cat, l.Findings, l.Records, l.Oldest, want.findings, n, old)
		}
	}
	for _, ty := range r.Types {
		if ty.Type == memory.TypeAttachment {
			if ty.Skipped["document.image"] != n {
				t.Errorf("pictures that cannot be read: %v; want %d counted and named (H-4)", ty.Skipped, n)
			}
			if ty.Records != n {
				t.Errorf("%d attachments, want %d", ty.Records, n)
			}
		}
	}
}

func TestX1_NoContentIsStored(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db, err := store.Open(context.Background(), dir, "")
	if err != nil {
		t.Fatal(err)
	}
	s := scanner(t, db, filled(50))
	drive(t, s, start(t, s))
	if err := db.Scrub(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no store to look in: %v", err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range []string{marker, "19850908", "850908-2395", "Lindqvist"} {
			if bytes.Contains(b, []byte(m)) {
				t.Errorf("%s holds a value of a person", filepath.Base(f))
			}
		}
	}
}

func scanner(t *testing.T, db *store.DB, sys *memory.System) *inventory.Scanner {
	t.Helper()
	db.Now = func() time.Time { return now }
	return &inventory.Scanner{DB: db, Engine: engine(t), Open: func(context.Context, gallra.SystemID) (connector.Source, error) { return sys.Open(), nil }}
}

func start(t *testing.T, s *inventory.Scanner) string {
	t.Helper()
	w, err := s.Start(context.Background(), "desk", "anna")
	if err != nil {
		t.Fatal(err)
	}
	return w.ID
}

func drive(t *testing.T, s *inventory.Scanner, id string) {
	t.Helper()
	for {
		more, err := s.Step(context.Background(), id)
		if err != nil {
			t.Fatal(err)
		}
		if !more {
			return
		}
	}
}

func TestA5_4_StoredInventoryEqualsTheOneCollected(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		sys := filled(600)
		s := scanner(t, db, sys)
		if _, err := inventory.Latest(context.Background(), db, "desk"); gallra.CodeOf(err) != gallra.NotFound {
			t.Fatalf("before any scan: %v", err)
		}
		id := start(t, s)
		drive(t, s, id)
		got, err := inventory.Latest(context.Background(), db, "desk")
		if err != nil {
			t.Fatal(err)
		}
		want, err := inventory.Collect(context.Background(), sys.Open(), "desk", s.Engine, nil)
		if err != nil {
			t.Fatal(err)
		}
		got.ID, got.Ended = "", time.Time{}
		if d := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.EquateApproxTime(time.Microsecond)); d != "" {
			t.Errorf("stored inventory differs (-collected +stored):\n%s", d)
		}
		w, err := work.Get(context.Background(), db, id)
		if err != nil || w.State != work.Done || w.Done != w.Total || w.Done == 0 {
			t.Errorf("work ends as %+v, %v", w, err)
		}
	})
}

// crashing stops the reading of a source after a number of pages, for ever.
type crashing struct {
	connector.Source
	left int
}

func (c *crashing) List(ctx context.Context, q connector.Query) (connector.Page, error) {
	if c.left--; c.left < 0 {
		return connector.Page{}, gallra.Errorf(gallra.Unavailable, "memory.unknown")
	}
	return c.Source.List(ctx, q)
}

func TestScanGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	sys := filled(1200)
	db := storetest.SQLite(t)
	s := scanner(t, db, sys)
	plain := s.Open
	id := start(t, s)
	for n := 1; ; n++ {
		s.Open = func(ctx context.Context, sys gallra.SystemID) (connector.Source, error) {
			src, err := plain(ctx, sys)
			return &crashing{src, 2}, err
		}
		more, err := s.Step(context.Background(), id)
		if err == nil && !more {
			break
		}
		if n > 100 {
			t.Fatal("the scan never ends")
		}
	}
	got, err := inventory.Latest(context.Background(), db, "desk")
	if err != nil {
		t.Fatal(err)
	}
	for _, ty := range got.Types {
		if want := int64(sys.Count(ty.Type)); ty.Records != want {
			t.Errorf("%s: %d counted, %d there", ty.Type, ty.Records, want)
		}
	}
}

func TestPauseAndStop(t *testing.T) {
	t.Parallel()
	db := storetest.SQLite(t)
	s := scanner(t, db, filled(10))
	id := start(t, s)
	wish(t, db, id, work.WishPause)
	if more, err := s.Step(context.Background(), id); more || err != nil {
		t.Fatalf("a paused scan went on: %v, %v", more, err)
	}
	if w, _ := work.Get(context.Background(), db, id); w.State != work.Paused || w.Done != 0 {
		t.Errorf("got %s after %d records", w.State, w.Done)
	}
	wish(t, db, id, work.WishNone)
	drive(t, s, id)
	if w, _ := work.Get(context.Background(), db, id); w.State != work.Done {
		t.Errorf("got %s after going on", w.State)
	}
	stopped := start(t, s)
	wish(t, db, stopped, work.WishStop)
	drive(t, s, stopped)
	if w, _ := work.Get(context.Background(), db, stopped); w.State != work.Stopped {
		t.Errorf("got %s after stop", w.State)
	}
}

func wish(t *testing.T, db *store.DB, id string, w work.Wish) {
	t.Helper()
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if err := work.SetWish(context.Background(), tx, now, id, w); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

func TestReportNamesNoValue(t *testing.T) {
	t.Parallel()
	r, err := inventory.Collect(context.Background(), filled(5).Open(), "desk", engine(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range r.Lines {
		if strings.Contains(l.Rule, "@") || strings.Contains(l.Rule, "Lindqvist") {
			t.Errorf("a rule's name holds a value: %s", l.Field)
		}
	}
}
