package retention_test

import (
	"context"
	"testing"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/retention"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/store/storetest"
)

// Too few share what is left of some records. Named as fields that may become
// coarser, queue and channel do so until five share them; the figures stay what
// they were to the byte.
func TestAN4_CoarserUntilFiveShareWhatIsLeft(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		f.desk.seed(t, 300, old)
		f.desk.exec(t, `UPDATE ticket SET person = 0`)
		for id, queue := range map[int]string{3: "Begravning", 7: "Färdtjänst", 8: "Färdtjänst", 20: "Tobakstillstånd", 21: "Hamn", 40: "Skyddsrum"} {
			f.desk.exec(t, `UPDATE ticket SET queue = ? WHERE id = ?`, queue, id)
		}
		r := rule("r", 24, gallra.ActionAnonymise)
		r.Coarsen = []string{"queue", "channel"}
		p := f.plan(t, company, r)
		f.approve(t, p)
		pr := f.run(t, p)
		a := pr.Parts[0].Anonymity
		if pr.Total.Outcomes[gallra.OutcomeAnonymised] != 300 || !pr.FiguresEqual || a == nil || a.Smallest < 5 || a.Small != 0 || a.Records != 300 {
			t.Fatalf("%+v %+v %v", pr.Total, a, pr.FiguresEqual)
		}
		if n := f.desk.count(t, `SELECT count(*) FROM ticket WHERE queue IN ('Begravning', 'Färdtjänst', 'Tobakstillstånd', 'Hamn', 'Skyddsrum')`); n != 0 {
			t.Fatalf("%d records still are in a queue of their own", n)
		}
		if least := f.desk.count(t, `SELECT min(n) FROM (SELECT count(*) AS n FROM ticket GROUP BY strftime('%Y-%m', created / 1000000, 'unixepoch'), queue, channel)`); least < 5 {
			t.Fatalf("a cell of %d", least)
		}
		// Most are as they were: no more is lost than must be.
		if n := f.desk.count(t, `SELECT count(*) FROM ticket WHERE queue IN ('Bygg', 'Skola', 'Vatten')`); n < 270 {
			t.Fatalf("only %d kept their queue", n)
		}
		if a.Coarser["queue"] < 6 {
			t.Fatalf("%+v", a)
		}
		// The next run of anything finds the same figures still.
		if p := f.plan(t, company, r); p.Preview.Planned != 0 || p.Preview.Units[0].Already != 300 {
			t.Fatalf("%+v", p.Preview.Units[0])
		}
		f.verifyLog(t)
	})
}

// Fewer than five in a month cannot hide among anything: they are de-identified,
// however coarse.
func TestAN4_FewerThanFiveStayDeidentified(t *testing.T) {
	t.Parallel()
	f := setup(t, storetest.SQLite(t))
	f.desk.seed(t, 4, old)
	f.desk.exec(t, `UPDATE ticket SET person = 0`)
	r := rule("r", 24, gallra.ActionAnonymise)
	r.Coarsen = []string{"queue", "channel", "rating"}
	p := f.plan(t, company, r)
	f.approve(t, p)
	pr := f.run(t, p)
	if pr.Status != retention.Complete || pr.Total.Outcomes[gallra.OutcomeDeidentified] != 4 || pr.Total.Failing["AN4"] != 4 || !pr.FiguresEqual {
		t.Fatalf("%+v", pr)
	}
}

// unrounded is a desk that cannot make times coarser.
type unrounded struct {
	connector.Source
	connector.Batcher
	connector.Verifier
}

// Whose record it is can be told by the second it was made, where the system
// keeps that: nothing is anonymous then, and the assessment says why. Where the
// system can, times are of a month afterwards, and the figures stay the same.
func TestAN4_ExactTimesPointOut(t *testing.T) {
	t.Parallel()
	for _, can := range []bool{true, false} {
		f := setup(t, storetest.SQLite(t))
		if !can {
			f.Open = func(context.Context, gallra.SystemID) (connector.Source, error) {
				return unrounded{f.desk, f.desk, f.desk}, nil
			}
		}
		f.desk.seed(t, 300, old)
		f.desk.exec(t, `UPDATE ticket SET person = 0`)
		r := rule("r", 24, gallra.ActionAnonymise)
		p := f.plan(t, company, r)
		f.approve(t, p)
		pr := f.run(t, p)
		a := pr.Parts[0].Anonymity
		if a == nil || !pr.FiguresEqual {
			t.Fatalf("%+v", pr)
		}
		odd := f.desk.count(t, `SELECT count(*) FROM ticket WHERE strftime('%d %H:%M:%S', created / 1000000, 'unixepoch') <> '01 00:00:00'`) +
			f.desk.count(t, `SELECT count(*) FROM message WHERE strftime('%d %H:%M:%S', created / 1000000, 'unixepoch') <> '01 00:00:00'`)
		if can && (odd != 0 || a.Exact != 0 || pr.Total.Outcomes[gallra.OutcomeAnonymised] != 300) {
			t.Fatalf("%d exact times, %+v %+v", odd, a, pr.Total)
		}
		if !can && (a.Exact != 300 || a.Smallest != 1 || pr.Total.Failing["AN4"] != 300 || pr.Total.Outcomes[gallra.OutcomeDeidentified] != 300 || pr.Total.Outcomes[gallra.OutcomeAnonymised] != 0) {
			t.Fatalf("%+v %+v", a, pr.Total)
		}
		// The next run finds the same figures still.
		f.desk.seed(t, 10, old)
		f.desk.exec(t, `UPDATE ticket SET person = 0`)
		p = f.plan(t, company, r)
		f.approve(t, p)
		if again := f.run(t, p); !again.FiguresEqual || again.Figures[0].Before.Records != 310 {
			t.Fatalf("%+v", again.Figures)
		}
	}
}

// A check that fails is listed whether or not another has failed.
func TestAN4_AN6_BothAreListed(t *testing.T) {
	t.Parallel()
	f := setup(t, storetest.SQLite(t))
	f.desk.seed(t, 3, old)
	f.desk.exec(t, `UPDATE ticket SET person = 0`)
	f.desk.noBackups = true
	p := f.plan(t, company, rule("r", 24, gallra.ActionAnonymise))
	f.approve(t, p)
	pr := f.run(t, p)
	if pr.Total.Failing["AN4"] != 3 || pr.Total.Failing["AN6"] != 3 || pr.Total.Outcomes[gallra.OutcomeDeidentified] != 3 || pr.Total.Outcomes[gallra.OutcomeAnonymised] != 0 {
		t.Fatalf("%+v", pr.Total)
	}
}
