package trial_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/memory"
	"github.com/gallra/gallra/internal/hold"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/store/storetest"
	"github.com/gallra/gallra/internal/trial"
)

// dying lets the first erasure through and then the process is gone: nothing
// after it is carried out, and its answer is not heard.
type dying struct {
	*memory.Source
	stop context.CancelFunc
	done *int
}

func (d dying) Erase(ctx context.Context, ref gallra.Ref, v string) (gallra.Receipt, error) {
	if *d.done++; *d.done > 1 {
		return gallra.Receipt{}, ctx.Err()
	}
	_, err := d.Source.Erase(ctx, ref, v)
	d.stop()
	if err == nil {
		err = context.Canceled
	}
	return gallra.Receipt{}, err
}

// G-6: a trial that ends in the middle of what it erases goes on with what it
// had written down, though the person can no longer be found by all of it.
func TestG6_TrialGoesOnAfterAKill(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		sys := memory.New(memory.Options{System: "desk"})
		b := bench(t, db, func() (connector.Source, error) { return sys.Open(), nil })
		write(sys, connector.Person{Name: "Kanarie Annan", Email: "annan@example.se", Text: "hej"})
		before := sys.Count(memory.TypeConversation) + sys.Count(memory.TypePerson)
		tr, err := b.Start(ctx, "desk", "admin")
		if err != nil {
			t.Fatal(err)
		}
		write(sys, tr.Person)
		dies, stop := context.WithCancel(ctx)
		done := 0
		open := b.Open
		b.Open = func(context.Context, gallra.SystemID) (connector.Source, error) {
			return dying{sys.Open(), stop, &done}, nil
		}
		if _, err := b.Go(dies, tr.ID); err == nil || done != 1 {
			t.Fatalf("the process did not die: %v after %d", err, done)
		}
		var intents int
		if err := db.QueryRow(`SELECT count(*) FROM evidence WHERE line LIKE '%trial.intent%'`).Scan(&intents); err != nil || intents != 2 {
			t.Errorf("%d intents (edit, erase), %v", intents, err)
		}
		b.Open = open
		got, err := b.Go(ctx, tr.ID)
		if err != nil || !got.Passed() {
			t.Fatalf("%+v %v", got.Steps, err)
		}
		if n := sys.Count(memory.TypeConversation) + sys.Count(memory.TypePerson); n != before {
			t.Errorf("%d records, %d before the trial", n, before)
		}
	})
}

// X-16, W-20: while all disposal is stopped, and over what a hold covers, a
// trial touches nothing.
func TestX16_TrialAsksForTheBrakes(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		sys := memory.New(memory.Options{System: "desk"})
		b := bench(t, db, func() (connector.Source, error) { return sys.Open(), nil })
		stopped := false
		b.Stopped = func(context.Context) (bool, error) { return stopped, nil }
		tr, err := b.Start(ctx, "desk", "admin")
		if err != nil {
			t.Fatal(err)
		}
		write(sys, tr.Person)
		had := len(sys.Stored())
		stopped = true
		if _, err := b.Start(ctx, "desk", "admin"); !errors.Is(err, gallra.ErrBlocked) {
			t.Errorf("a trial begins though all is stopped: %v", err)
		}
		if _, err := b.Go(ctx, tr.ID); !errors.Is(err, gallra.ErrBlocked) || len(sys.Stored()) != had {
			t.Errorf("%v; %d of %d places", err, len(sys.Stored()), had)
		}
		stopped = false
		if err := db.Tx(ctx, func(tx *sql.Tx) error {
			_, err := hold.Register{DB: db, Log: b.Log}.Place(ctx, tx, hold.Hold{Kind: hold.Legal, Reason: "tvist", PlacedBy: "dpo", Targets: []hold.Target{{Ref: gallra.Ref{System: "desk"}}}})
			return err
		}); err != nil {
			t.Fatal(err)
		}
		got, err := b.Go(ctx, tr.ID)
		if err != nil || got.Passed() || verdict(got, connector.CanErase) != trial.Failed || len(sys.Stored()) != had {
			t.Errorf("%+v %v; %d of %d places", got.Steps, err, len(sys.Stored()), had)
		}
	})
}
