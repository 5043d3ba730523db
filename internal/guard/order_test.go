package guard_test

import (
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/guard"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/store/storetest"
)

// B-4: a replay that no alarm asks for takes two different people within a week,
// the second with the right to approve, and each pair of words is good for one.
func TestB4_OrderedByTwo(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		now := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
		db.Now = func() time.Time { return now }
		log, err := evidence.Open(t.Context(), db, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		g := &guard.Guard{DB: db, Log: log, Dir: t.TempDir()}
		since := now.AddDate(0, 0, -3)
		order := func(who string, since time.Time, may bool) bool {
			t.Helper()
			second, err := g.Order(t.Context(), "desk", since, who, may)
			if err != nil {
				t.Fatal(err)
			}
			return second
		}
		if order("anna", since, true) || order("anna", since, true) || order("bo", since.AddDate(0, 0, 1), true) {
			t.Error("one person alone")
		}
		if _, err := g.Order(t.Context(), "desk", since, "eva", false); gallra.CodeOf(err) != gallra.Forbidden {
			t.Errorf("a second who may not approve: %v", err)
		}
		if !order("bo", since, true) || order("bo", since, true) {
			t.Error("two people, once")
		}
		now = now.AddDate(0, 0, 8)
		if order("cilla", since, true) {
			t.Error("a word more than a week old")
		}
		es, err := log.Entries(t.Context(), "replay:desk")
		if err != nil {
			t.Fatal(err)
		}
		approved := 0
		for _, e := range es {
			if e.Action == "replay.approve" && e.Actor == "bo" && e.Reason == "anna" {
				approved++
			}
		}
		if approved != 1 {
			t.Errorf("%d approvals in the log: %+v", approved, es)
		}
	})
}
