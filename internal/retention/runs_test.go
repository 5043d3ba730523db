package retention_test

import (
	"reflect"
	"testing"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/store/storetest"
)

// What the pages read of many plans and runs at once is what each says by itself.
func TestG12_ManyPlansAndRunsReadAtOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		for range 3 {
			f.desk.seed(t, 20, old)
			p := f.plan(t, company, rule("r", 24, gallra.ActionErase))
			f.approve(t, p)
			f.run(t, p)
			f.desk.exec(t, `DELETE FROM erasure`)
		}
		f.desk.seed(t, 5, old)
		f.plan(t, company, rule("r", 24, gallra.ActionErase)) // nobody has approved it
		plans, err := f.Plans(ctx, 10)
		if err != nil || len(plans) != 4 {
			t.Fatalf("%d plans, %v", len(plans), err)
		}
		approved := 0
		for _, p := range plans {
			one, err := f.PlanOf(ctx, p.ID)
			if err != nil || !reflect.DeepEqual(one, p) {
				t.Errorf("%s is read differently among others: %v", p.ID, err)
			}
			approved += len(p.Approvals)
		}
		if approved != 6 {
			t.Errorf("%d approvals of three plans", approved)
		}
		if two, err := f.Plans(ctx, 2); err != nil || len(two) != 2 || two[0].ID != plans[0].ID || len(two[1].Approvals) != len(plans[1].Approvals) {
			t.Errorf("the newest two: %v", err)
		}
		whole, err := f.Runs(ctx, 0)
		if err != nil {
			t.Fatal(err)
		}
		parts, err := f.RunParts(ctx, 0)
		if err != nil || len(parts) != len(whole) || len(parts) != 3 {
			t.Fatalf("%d of %d runs, %v", len(parts), len(whole), err)
		}
		for n, r := range parts {
			if !reflect.DeepEqual(r.Protocol.Parts, whole[n].Protocol.Parts) || len(r.Protocol.Parts) == 0 || r.ID != whole[n].ID || !r.Started.Equal(whole[n].Started) || len(r.Protocol.Figures) != 0 {
				t.Errorf("run %s: %+v", r.ID, r.Protocol.Parts)
			}
		}
	})
}
