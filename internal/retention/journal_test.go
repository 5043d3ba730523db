package retention_test

import (
	"context"
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
		pr := f.run(t, p)
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
		// B-3: thirty days after the last backup, and not a day before, the journal is
		// forgotten; the protocol stays.
		past := f.now
		f.now = pr.Parts[0].BackupsBy.AddDate(0, 0, 30)
		if n, err := f.PurgeJournal(ctx, "system"); err != nil || n != 0 {
			t.Fatalf("too early: %d %v", n, err)
		}
		f.now = f.now.Add(time.Second)
		if n, err := f.PurgeJournal(ctx, "system"); err != nil || n != 1 {
			t.Fatalf("%d %v", n, err)
		}
		if n, err := f.PurgeJournal(ctx, "system"); err != nil || n != 0 {
			t.Fatalf("twice: %d %v", n, err)
		}
		f.now = past
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

// SE-12: security copies are no official documents. In a public body they age by
// themselves: what a run has erased is gone from them on its day, a restored one
// is thinned out again and the journal is forgotten, also when the rule has no
// gallringsbeslut any more and therefore touches nothing itself.
func TestSE12_BackupsAgeWithoutADecision(t *testing.T) {
	t.Parallel()
	for _, org := range []gallra.OrganisationType{gallra.OrgAuthority, gallra.OrgMunicipality, gallra.OrgMunicipalCompany} {
		t.Run(string(org), func(t *testing.T) {
			t.Parallel()
			f := setup(t, storetest.SQLite(t))
			body := retention.Organisation{Name: "Nämnden", Type: org}
			f.desk.seed(t, 30, old)
			before := f.now
			r := rule("r", 24, gallra.ActionErase)
			r.Decision = gallra.Decision{Body: "Arkivnämnden", Number: "KS 2024/12 § 4", Date: "2024-01-01"}
			p := f.plan(t, body, r)
			f.approve(t, p)
			pr := f.run(t, p)
			gone := pr.Parts[0].BackupsBy
			if gone.IsZero() || !gone.After(f.now) || pr.Status != retention.Complete {
				t.Fatalf("%+v", pr)
			}
			// The decision is withdrawn: nothing more is thinned out by the rule ...
			r.Version, r.Decision = 2, gallra.Decision{}
			f.Rules = func(context.Context) ([]gallra.Rule, error) { return []gallra.Rule{r}, nil }
			f.desk.exec(t, `DELETE FROM erasure`)
			f.desk.seed(t, 30, old) // a backup is put back
			if p := f.plan(t, body, r); p.Preview.Planned != 0 || p.Preview.Units[0].Blocked[retention.ReasonNoDecision] != 30 {
				t.Fatalf("%+v", p.Preview)
			}
			// ... but what the copy brought back goes again, for it was decided about once.
			f.now = f.now.Add(24 * time.Hour)
			got, err := f.Replay(ctx, "desk", before.Add(-time.Hour), "operator")
			if err != nil || got.Back != 30 || got.Erased != 30 {
				t.Fatalf("%+v %v", got, err)
			}
			// And the last copy's day comes without anybody deciding anything.
			f.now = gone.AddDate(0, 0, 31)
			if n, err := f.PurgeJournal(ctx, "system"); err != nil || n != 1 {
				t.Fatalf("%d %v", n, err)
			}
			if f.desk.count(t, `SELECT count(*) FROM ticket`) != 0 {
				t.Fatal("something is left")
			}
			f.verifyLog(t)
		})
	}
}

// B-3: a journal goes after the last backup of everything the run took; where the
// life of one system's backups is not known, no day is the last.
func TestB3_TheLastBackupOfAll(t *testing.T) {
	t.Parallel()
	day := func(d int) time.Time { return time.Date(2026, 1, d, 0, 0, 0, 0, time.UTC) }
	for name, c := range map[string]struct {
		parts []retention.Part
		last  time.Time
		known bool
	}{
		"nothing taken":              {nil, day(1), true},
		"the later of two":           {[]retention.Part{{Planned: 3, BackupsBy: day(20)}, {Planned: 1, BackupsBy: day(9)}}, day(20), true},
		"one unknown":                {[]retention.Part{{Planned: 3, BackupsBy: day(20)}, {Planned: 1}}, time.Time{}, false},
		"unknown, but nothing taken": {[]retention.Part{{Planned: 3, BackupsBy: day(20)}, {}}, day(20), true},
	} {
		t.Run(name, func(t *testing.T) {
			last, known := retention.LastBackup(&retention.Protocol{Ended: day(1), Parts: c.parts})
			if !last.Equal(c.last) || known != c.known {
				t.Fatalf("got %v %v, want %v %v", last, known, c.last, c.known)
			}
		})
	}
}
