package hold_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/hold"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/store/storetest"
)

func TestW20_HoldCoversUntilReleased(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		now := time.Date(2026, 8, 31, 12, 0, 0, 0, time.UTC)
		db.Now = func() time.Time { return now }
		log, err := evidence.Open(ctx, db, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		g := hold.Register{DB: db, Log: log}
		ticket := gallra.Ref{System: "desk", Type: "ticket", ID: "7"}
		person := gallra.Ref{System: "desk", Type: "user", ID: "3"}
		place := func(h hold.Hold) (out hold.Hold, err error) {
			err = db.Tx(ctx, func(tx *sql.Tx) error { out, err = g.Place(ctx, tx, h); return err })
			return out, err
		}
		for _, bad := range []hold.Hold{
			{Kind: hold.Legal, Targets: []hold.Target{{Ref: ticket}}},
			{Kind: hold.Legal, Reason: "tvist"},
			{Kind: hold.Legal, Reason: "tvist", Targets: []hold.Target{{}}},
			{Kind: hold.Legal, Reason: "tvist", Targets: []hold.Target{{Ref: ticket}}, Review: now.AddDate(0, 7, 0)},
		} {
			if _, err := place(bad); !errors.Is(err, gallra.ErrInvalid) {
				t.Errorf("%+v: got %v", bad, err)
			}
		}
		h, err := place(hold.Hold{Kind: hold.Legal, Reason: "tvist", Matter: "T 12-26", PlacedBy: "dpo", Targets: []hold.Target{{Ref: ticket}, {Ref: person}}})
		if err != nil {
			t.Fatal(err)
		}
		if want := "2027-02-28"; h.Review.Format(time.DateOnly) != want {
			t.Errorf("review %s, want %s", h.Review.Format(time.DateOnly), want)
		}
		now = now.AddDate(1, 0, 0)
		all, err := g.List(ctx, false)
		if err != nil || len(all) != 1 || len(all[0].Targets) != 2 || !all[0].Overdue(now) {
			t.Fatalf("%+v, %v", all, err)
		}
		other := gallra.Ref{System: "desk", Type: "ticket", ID: "8"}
		for name, c := range map[string]struct {
			ref, parent, person gallra.Ref
			want                bool
		}{
			"itself":               {ref: ticket, want: true},
			"its message":          {ref: gallra.Ref{System: "desk", Type: "message", ID: "70"}, parent: ticket, want: true},
			"the person's other":   {ref: other, person: person, want: true},
			"another":              {ref: other, want: false},
			"same id, other table": {ref: gallra.Ref{System: "desk", Type: "user", ID: "7"}, want: false},
		} {
			s, err := hold.Load(ctx, db, "desk")
			if err != nil {
				t.Fatal(err)
			}
			if _, got := s.Covers(c.ref, c.parent, c.person); got != c.want {
				t.Errorf("%s: got %v although review is overdue", name, got)
			}
		}
		for range 2 {
			err = db.Tx(ctx, func(tx *sql.Tx) error { return g.Release(ctx, tx, h.ID, "dpo") })
		}
		if !errors.Is(err, gallra.ErrNotFound) {
			t.Errorf("released twice: %v", err)
		}
		if s, err := hold.Load(ctx, db, "desk"); err != nil || !s.Empty() {
			t.Errorf("%+v, %v", s, err)
		}
		whole, err := place(hold.Hold{Kind: hold.Request, Reason: "utlämnande", PlacedBy: "dpo", Targets: []hold.Target{{Ref: gallra.Ref{System: "desk"}}}})
		if err != nil {
			t.Fatal(err)
		}
		s, err := hold.Load(ctx, db, "desk")
		if id, ok := s.Covers(other, gallra.Ref{}, gallra.Ref{}); err != nil || !ok || id != whole.ID {
			t.Errorf("whole system: %v %v %v", id, ok, err)
		}
		if es, err := log.Entries(ctx, h.ID); err != nil || len(es) != 2 {
			t.Errorf("evidence %+v, %v", es, err)
		}
	})
}
