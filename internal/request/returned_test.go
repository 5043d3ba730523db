package request_test

import (
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/guard"
	"github.com/gallra/gallra/internal/hold"
	"github.com/gallra/gallra/internal/request"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/store/storetest"
)

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	r, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	w, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(w, r); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// A helpdesk is restored from a backup of before the erasure: the guard tells of
// it, the replay erases all of it again, and the journal needs no key to.
func TestB4_RestoredAfterARequest(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		o := newOffice(t, db)
		o.Guard = &guard.Guard{DB: db, Log: o.Log, Dir: o.Keys.Dir}
		backup := t.TempDir()
		for _, s := range systems {
			copyFile(t, filepath.Join(o.dir, "systems", string(s)+".db"), filepath.Join(backup, string(s)))
		}
		before := o.now
		id := o.register(request.Erasure)[0].ID
		o.searched(id)
		o.judged(id)
		o.now = o.now.Add(time.Hour)
		o.erased(id)
		if st, err := o.Guard.Standing(ctx); err != nil || st.Persons != 1 || st.Digests < 4 {
			t.Fatalf("%+v %v", st, err)
		}
		erased := map[string]map[string]string{}
		for _, s := range systems {
			erased[string(s)] = o.dump(string(s))
		}
		for _, s := range systems {
			src, err := o.Open(ctx, s)
			o.check(err)
			if back, err := o.Returned(ctx, src, s, guard.Newest); err != nil || len(back) != 0 {
				t.Fatalf("nothing is back in %s: %+v %v", s, back, err)
			}
			o.check(src.Close())
			copyFile(t, filepath.Join(backup, string(s)), filepath.Join(o.dir, "systems", string(s)+".db"))
			if src, err = o.Open(ctx, s); err != nil {
				t.Fatal(err)
			}
			back, err := o.Returned(ctx, src, s, guard.Newest)
			o.check(err)
			o.check(src.Close())
			got, err := o.Replay(ctx, s, before, "operator")
			o.check(err)
			if got.Erased != got.Back || got.Back == 0 && len(back) > 0 || len(back) > 0 && back[0].Count != got.Back {
				t.Errorf("%s: %+v back, replayed %+v", s, back, got)
			}
			if again, err := o.Replay(ctx, s, before, "operator"); err != nil || again.Back != 0 || again.Journal != got.Journal {
				t.Errorf("%s again: %+v %v", s, again, err)
			}
			// What the request had erased is gone as it was then; what it had redacted
			// is back, and told of.
			for k := range o.dump(string(s)) {
				if _, ok := erased[string(s)][k]; !ok {
					t.Errorf("%s: %s is there after the replay", s, k)
				}
			}
			if got.Redacted == 0 && got.Journal == 0 {
				t.Errorf("%s: nothing was done there", s)
			}
		}
	})
}

// A record that a restored backup brought back and that has come under a hold
// since stays, with all that would take it along, and is counted.
func TestW20_HoldBeatsTheReplay(t *testing.T) {
	t.Parallel()
	for _, whole := range []bool{false, true} {
		t.Run(fmt.Sprintf("person=%v", whole), func(t *testing.T) {
			t.Parallel()
			db := storetest.SQLite(t)
			o := newOffice(t, db)
			s := systems[0]
			file := filepath.Join(o.dir, "systems", string(s)+".db")
			backup := filepath.Join(t.TempDir(), "backup")
			copyFile(t, file, backup)
			before := o.now
			id := o.register(request.Erasure)[0].ID
			o.searched(id)
			o.judged(id)
			o.now = o.now.Add(time.Hour)
			o.erased(id)
			copyFile(t, backup, file)
			src, err := o.Open(ctx, s)
			o.check(err)
			back, err := o.Returned(ctx, src, s, guard.Newest)
			o.check(err)
			if len(back) != 1 || back[0].Count < 2 {
				t.Fatalf("%+v", back)
			}
			held := back[0].Ref // the person
			page, err := src.List(ctx, connector.Query{Type: "ticket"})
			o.check(err)
			var own []gallra.Ref
			for _, r := range page.Records {
				if r.Person == held {
					own = append(own, r.Ref)
				}
			}
			if held.Type != "person" || len(own) < 2 {
				t.Fatalf("%s %v", held, own)
			}
			stays := own
			if !whole {
				held, stays = own[0], []gallra.Ref{own[0], held}
			}
			o.check(db.Tx(ctx, func(tx *sql.Tx) error {
				_, err := hold.Register{DB: db, Log: o.Log}.Place(ctx, tx, hold.Hold{Kind: hold.Legal, Reason: "tvist", PlacedBy: "dpo", Targets: []hold.Target{{Ref: held}}})
				return err
			}))
			asked := 0 // the kill switch is thrown before the second record
			o.Stopped = func(ctxt) (bool, error) { asked++; return asked > 1, nil }
			got, err := o.Replay(ctx, s, before, "operator")
			if !errors.Is(err, gallra.ErrBlocked) || asked != 2 || got.Erased > 1 {
				t.Fatalf("everything is stopped: %+v, asked %d times, %v", got, asked, err)
			}
			done := got.Erased
			o.Stopped = func(ctxt) (bool, error) { return false, nil }
			got, err = o.Replay(ctx, s, before, "operator")
			o.check(err)
			got.Erased, got.Back = got.Erased+done, got.Back+done
			if got.Kept["retention.reason.hold"] < int64(len(stays)) || !whole && got.Erased == 0 || got.Erased+got.Kept["retention.reason.hold"] != got.Back {
				t.Errorf("%+v", got)
			}
			for _, ref := range append(stays, held) {
				if _, err := src.Get(ctx, ref); err != nil {
					t.Errorf("%s, which was on hold: %v", ref, err)
				}
			}
			o.check(src.Close())
		})
	}
}
