package retention_test

import (
	"database/sql"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/hold"
	"github.com/gallra/gallra/internal/retention"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/store/storetest"
)

func TestB4_ReplayAfterRestore(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		f.desk.seed(t, 120, old)
		before := f.now
		p := f.plan(t, company, rule("r", 24, gallra.ActionErase))
		f.approve(t, p)
		f.run(t, p)
		restore := func() {
			f.desk.exec(t, `DELETE FROM ticket`)
			f.desk.exec(t, `DELETE FROM message`)
			f.desk.exec(t, `DELETE FROM erasure`)
			f.desk.seed(t, 120, old)
		}
		restore()
		// Number 7 was taken by a new ticket after the restore; 8 is on hold.
		f.desk.exec(t, `UPDATE ticket SET created = ? WHERE id = 7`, f.now.UnixMicro())
		if err := db.Tx(ctx, func(tx *sql.Tx) error {
			_, err := hold.Register{DB: db, Log: f.Log}.Place(ctx, tx, hold.Hold{Kind: hold.Legal, Reason: "tvist", PlacedBy: "dpo", Targets: []hold.Target{{Ref: gallra.Ref{System: "desk", Type: "ticket", ID: "8"}}}})
			return err
		}); err != nil {
			t.Fatal(err)
		}
		f.now = f.now.Add(24 * time.Hour)
		got, err := f.Replay(ctx, "desk", before.Add(-time.Hour), "operator")
		if err != nil || got.Journal != 120 || got.Back != 120 || got.Erased != 118 || got.Kept[retention.ReasonOther] != 1 || got.Kept["retention.reason.hold"] != 1 {
			t.Fatalf("%+v %v", got, err)
		}
		if n := f.desk.count(t, `SELECT count(*) FROM ticket WHERE id NOT IN (7, 8)`); n != 0 {
			t.Fatalf("%d left", n)
		}
		if got, err := f.Replay(ctx, "desk", before.Add(-time.Hour), "operator"); err != nil || got.Erased != 0 || got.Back != 2 {
			t.Fatalf("again: %+v %v", got, err)
		}
		if got, err := f.Replay(ctx, "desk", f.now, "operator"); err != nil || got.Journal != 0 {
			t.Fatalf("a backup from after the run: %+v %v", got, err)
		}
		f.verifyLog(t)
		// B-3: the journal is forgotten, the protocol stays.
		if n, err := f.PurgeJournal(ctx, f.now, "dpo"); err != nil || n != 1 {
			t.Fatalf("%d %v", n, err)
		}
		var blobs, keys int
		if err := db.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM plan_batch WHERE length(blob) > 0), (SELECT count(*) FROM run WHERE length(key) > 0)`).Scan(&blobs, &keys); err != nil || blobs+keys != 0 {
			t.Fatalf("%d %d %v", blobs, keys, err)
		}
		id, err := f.RunOfPlan(ctx, p.ID)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := f.RunOf(ctx, id); err != nil || r.Protocol == nil {
			t.Fatal(err)
		}
		if got, err := f.Replay(ctx, "desk", before.Add(-time.Hour), "operator"); err != nil || got.Journal != 0 {
			t.Fatalf("after the purge: %+v %v", got, err)
		}
		f.verifyLog(t)
	})
}
