package retention_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	_ "github.com/gallra/gallra/connector/manual" // the address of a place worked by hand
	"github.com/gallra/gallra/connector/memory"
	"github.com/gallra/gallra/internal/hold"
	"github.com/gallra/gallra/internal/retention"
	"github.com/gallra/gallra/internal/statistics"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/store/storetest"
	"github.com/gallra/gallra/internal/work"
)

// shop is an engine over the reference connector, which can restrict, promise
// and confirm.
func shop(t *testing.T, db *store.DB, wastebasket bool, n int) (*fixture, *memory.System) {
	t.Helper()
	f := setup(t, db)
	sys := memory.New(memory.Options{System: "desk", Wastebasket: wastebasket, Now: func() time.Time { return f.now }})
	for i := range n {
		c := old.Add(time.Duration(i) * time.Hour)
		sys.AddConversation(memory.Conversation{Subject: "Fråga", Queue: "Bygg", Channel: "mail", Status: "closed", Rating: "4", Created: c, Updated: c, Contact: c, Closed: c.Add(48 * time.Hour),
			Messages: []memory.Message{{Email: fmt.Sprintf("anna.%d@example.se", i), Text: "Hej", Created: c}}})
	}
	f.Open = func(context.Context, gallra.SystemID) (connector.Source, error) { return sys.Open(), nil }
	return f, sys
}

func (f *fixture) carryOut(t *testing.T, rules ...gallra.Rule) (string, *retention.Protocol) {
	t.Helper()
	p := f.plan(t, company, rules...)
	f.approve(t, p)
	id, err := f.Start(ctx, p.ID, "operator")
	if err != nil {
		t.Fatal(err)
	}
	return id, f.finish(t, id)
}

func (f *fixture) follow(t *testing.T, run string) (retention.Open, *retention.Protocol) {
	t.Helper()
	o, err := f.Follow(ctx, run)
	if err != nil {
		t.Fatal(err)
	}
	r, err := f.RunOf(ctx, run)
	if err != nil {
		t.Fatal(err)
	}
	return o, r.Protocol
}

func TestG7_W11_PromisesAreAskedUntilGone(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f, sys := shop(t, db, true, 30)
		id, pr := f.carryOut(t, rule("r", 24, gallra.ActionErase))
		if pr.Status != retention.Pending || pr.Open.Promised != 30 || pr.Total.Promised != 30 || !pr.FiguresEqual || pr.Revision != 1 {
			t.Fatalf("%+v", pr)
		}
		goneBy := pr.Parts[0].GoneBy
		if goneBy.IsZero() {
			t.Fatal("no date of the final erasure")
		}
		// What is promised is not planned again, and is a thing to do.
		if p := f.plan(t, company, rule("r", 24, gallra.ActionErase)); p.Preview.Due != 0 {
			t.Fatalf("%+v", p.Preview)
		}
		f.now = f.now.Add(48 * time.Hour)
		if o, pr := f.follow(t, id); o.Promised != 30 || o.Overdue != 0 || pr.Status != retention.Pending {
			t.Fatalf("%+v", o)
		}
		f.now = goneBy.Add(24 * time.Hour)
		if o, _ := f.follow(t, id); o.Overdue != 30 {
			t.Fatalf("a day late: %+v", o)
		}
		if w, err := f.Waiting(ctx); err != nil || len(w) != 1 || w[0].Run != id || w[0].Overdue != 30 {
			t.Fatalf("%+v %v", w, err)
		}
		sys.EmptyWastebasket()
		f.now = f.now.Add(25 * time.Hour)
		o, pr := f.follow(t, id)
		if o.Any() || pr.Status != retention.Complete || pr.Total.Promised != 0 || pr.Parts[0].Confirmed != 30 || !pr.Parts[0].ConfirmedAt.Equal(f.now) || pr.Settled.IsZero() || pr.Revision < 2 {
			t.Fatalf("%+v %+v", o, pr)
		}
		if pr.Total.Outcomes[gallra.OutcomeErased] != 30 || !pr.FiguresEqual {
			t.Fatalf("%+v", pr.Total)
		}
		// Done is done, and the earlier issue is kept.
		w, err := work.Latest(ctx, db, retention.WorkFollow, id)
		if err != nil || w.State != work.Done {
			t.Fatalf("%+v %v", w, err)
		}
		var issues int
		if err := db.QueryRowContext(ctx, `SELECT count(*) FROM run_protocol WHERE run = $1`, id).Scan(&issues); err != nil || issues != pr.Revision-1 {
			t.Fatalf("%d issues kept of %d, %v", issues, pr.Revision, err)
		}
		f.verifyLog(t)
	})
}

// A worker that dies while it asks loses nothing: another asks on.
func TestG6_PromisesSurviveARestart(t *testing.T) {
	t.Parallel()
	f, sys := shop(t, storetest.SQLite(t), true, 250)
	id, _ := f.carryOut(t, rule("r", 24, gallra.ActionErase))
	sys.EmptyWastebasket()
	f.now = f.now.Add(time.Hour)
	w, err := work.Latest(ctx, f.DB, retention.WorkFollow, id)
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	dying, cancel := context.WithCancel(ctx)
	sys.Fail(func(op string, _ gallra.Ref) error {
		if op == "confirm" {
			if asked++; asked == 130 {
				cancel()
				return context.Canceled
			}
		}
		return nil
	})
	for dying.Err() == nil {
		if _, err := f.Step(dying, w.ID); err != nil && dying.Err() == nil {
			t.Fatal(err)
		}
	}
	sys.Fail(nil)
	other := &retention.Engine{DB: f.DB, Log: f.Log, Open: f.Open, Loc: f.Loc, Lease: f.Lease}
	if o, err := other.Follow(ctx, id); err != nil || o.Any() {
		t.Fatalf("%+v %v", o, err)
	}
	r, err := f.RunOf(ctx, id)
	if err != nil || r.Protocol.Parts[0].Confirmed != 250 || r.Protocol.Status != retention.Complete {
		t.Fatalf("%+v %v", r.Protocol, err)
	}
}

// A system that says "final" while the record still is there is caught by
// looking.
func TestG7_BrokenPromiseIsCaught(t *testing.T) {
	t.Parallel()
	f, sys := shop(t, storetest.SQLite(t), true, 20)
	src := boasting{sys.Open()}
	f.Open = func(context.Context, gallra.SystemID) (connector.Source, error) { return src, nil }
	id, _ := f.carryOut(t, rule("r", 24, gallra.ActionErase))
	f.now = f.now.Add(time.Hour)
	o, pr := f.follow(t, id)
	if o.Any() || pr.Status != retention.Partial || pr.Total.Outcomes[gallra.OutcomeErased] != 0 || pr.Total.Outcomes[gallra.OutcomeFailed] != 20 || pr.Parts[0].Left["retention.reason.remains"] != 20 {
		t.Fatalf("%+v %+v", o, pr)
	}
}

// boasting says that every promise has been kept.
type boasting struct{ *memory.Source }

func (b boasting) Confirm(_ context.Context, r gallra.Receipt) (gallra.Receipt, error) {
	r.Final = true
	return r, nil
}

func quarantined(days int) gallra.Rule {
	r := rule("q", 24, gallra.ActionErase)
	r.Quarantine, r.Agreed = gallra.Period{Days: days}, gallra.Period{Years: 5}
	return r
}

func TestG11_QuarantineFirstThenErased(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f, sys := shop(t, db, false, 40)
		id, pr := f.carryOut(t, quarantined(30))
		if pr.Status != retention.Pending || pr.Open.Quarantined != 40 || sys.Count(memory.TypeConversation) != 40 || pr.Total.Outcomes[gallra.OutcomeErased] != 0 || !pr.FiguresEqual {
			t.Fatalf("%+v", pr)
		}
		if p := f.plan(t, company, quarantined(30)); p.Preview.Due != 0 || p.Preview.Units[0].Waiting["quarantine"] != 40 {
			t.Fatalf("%+v", p.Preview.Units[0])
		}
		// A new message takes one out, a hold another.
		ref := func(n int) gallra.Ref {
			page, err := sys.Open().List(ctx, connector.Query{Type: memory.TypeConversation})
			if err != nil {
				t.Fatal(err)
			}
			return page.Records[n].Ref
		}
		first, second := ref(0), ref(1)
		sys.Touch(first, f.now)
		if err := db.Tx(ctx, func(tx *sql.Tx) error {
			_, err := hold.Register{DB: db, Log: f.Log}.Place(ctx, tx, hold.Hold{Kind: hold.Legal, Reason: "tvist", PlacedBy: "dpo", Targets: []hold.Target{{Ref: second}}})
			return err
		}); err != nil {
			t.Fatal(err)
		}
		f.now = f.now.Add(29 * 24 * time.Hour)
		if o, pr := f.follow(t, id); o.Quarantined != 38 || sys.Count(memory.TypeConversation) != 40 || pr.Parts[0].Left["retention.reason.hold"] != 1 || pr.Parts[0].Left["retention.reason.changed"] != 1 {
			t.Fatalf("on day 29: %+v %+v", o, pr.Parts[0])
		}
		f.now = f.now.Add(3 * 24 * time.Hour)
		o, pr := f.follow(t, id)
		if o.Any() || sys.Count(memory.TypeConversation) != 2 || pr.Total.Outcomes[gallra.OutcomeErased] != 38 || pr.Total.Outcomes[gallra.OutcomeKept] != 2 || pr.Status != retention.Partial {
			t.Fatalf("%+v %+v", o, pr)
		}
		for _, r := range []gallra.Ref{first, second} {
			if _, err := sys.Open().Get(ctx, r); err != nil {
				t.Fatal(err)
			}
		}
		entries, err := f.Log.Entries(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		var digest [2]map[string]int
		digest[0], digest[1] = map[string]int{}, map[string]int{}
		for _, e := range entries {
			switch e.Action {
			case "quarantine.intent":
				digest[0][e.Digest]++
			case "quarantine.result":
				digest[1][e.Digest]++
			}
		}
		if len(digest[0]) == 0 || text(t, digest[0]) != text(t, digest[1]) {
			t.Fatalf("%v", digest)
		}
		// The journal knows what went, for a restore: none of it comes back unseen.
		if got, err := f.Replay(ctx, "desk", f.now.Add(-time.Hour), "operator"); err != nil || got.Journal != 38 {
			t.Fatalf("%+v %v", got, err)
		}
		f.verifyLog(t)
	})
}

// A crash after the erasure and before its note: done once, counted once.
func TestG6_G11_CrashAtTheEndOfAQuarantine(t *testing.T) {
	t.Parallel()
	f, sys := shop(t, storetest.SQLite(t), false, 30)
	src := &losing{Source: sys.Open()}
	f.Open = func(context.Context, gallra.SystemID) (connector.Source, error) { return src, nil }
	id, _ := f.carryOut(t, quarantined(30))
	f.now = f.now.Add(40 * 24 * time.Hour)
	src.armed = true
	if _, err := f.Follow(ctx, id); !errors.Is(err, gallra.ErrUnavailable) {
		t.Fatalf("%v", err)
	}
	o, pr := f.follow(t, id)
	if o.Any() || pr.Total.Outcomes[gallra.OutcomeErased] != 30 || len(pr.Total.Reasons) != 0 || pr.Status != retention.Complete || sys.Count(memory.TypeConversation) != 0 {
		t.Fatalf("%+v %+v", o, pr.Total)
	}
	c, err := statistics.Thinned(ctx, f.DB, "desk", memory.TypeConversation)
	if err != nil || c.Records() != 30 {
		t.Fatalf("%d records in the figures, %v", c.Records(), err)
	}
}

// losing erases and then loses the connection, once.
type losing struct {
	*memory.Source
	armed bool
}

func (l *losing) EraseMany(ctx context.Context, items []connector.Item) ([]connector.Result, error) {
	out, err := l.Source.EraseMany(ctx, items)
	if l.armed {
		l.armed = false
		return nil, gallra.Errorf(gallra.Unavailable, "desk.lost")
	}
	return out, err
}

// G-11: period and quarantine together are never longer than what was promised,
// and a system that cannot restrict has no quarantine.
func TestG11_QuarantineOutsideThePeriodIsRejected(t *testing.T) {
	t.Parallel()
	f, _ := shop(t, storetest.SQLite(t), false, 5)
	r := rule("q", 24, gallra.ActionErase)
	r.Quarantine = gallra.Period{Days: 30}
	plan := func(r gallra.Rule) error {
		id, err := f.Plan(ctx, retention.PlanSpec{Rules: []gallra.Rule{r}, Organisation: company, Actor: "p"})
		if err == nil {
			err = f.Drive(ctx, id)
		}
		return err
	}
	if err := plan(r); !errors.Is(err, gallra.ErrInvalid) {
		t.Fatalf("nothing longer was promised: %v", err)
	}
	r.Agreed = gallra.Period{Months: 25}
	if err := plan(r); !errors.Is(err, gallra.ErrInvalid) {
		t.Fatalf("thirty days do not fit in every month: %v", err)
	}
	r.Quarantine = gallra.Period{Days: 28}
	if err := plan(r); err != nil {
		t.Fatal(err)
	}
	g := setup(t, storetest.SQLite(t)) // the desk cannot restrict
	g.desk.seed(t, 10, old)
	id, err := g.Plan(ctx, retention.PlanSpec{Rules: []gallra.Rule{r}, Organisation: company, Actor: "p"})
	if err == nil {
		err = g.Drive(ctx, id)
	}
	if !errors.Is(err, gallra.ErrInvalid) {
		t.Fatalf("a system that cannot restrict: %v", err)
	}
}

// What is late already gets no longer than was promised.
func TestG11_LateRecordsAreNotKeptLonger(t *testing.T) {
	t.Parallel()
	f, sys := shop(t, storetest.SQLite(t), false, 12)
	r := quarantined(30)
	r.Agreed = gallra.Period{Months: 26} // passed for these, more than a year ago
	id, pr := f.carryOut(t, r)
	if pr.Open.Quarantined != 12 {
		t.Fatalf("%+v", pr.Open)
	}
	if o, pr := f.follow(t, id); o.Any() || pr.Total.Outcomes[gallra.OutcomeErased] != 12 || sys.Count(memory.TypeConversation) != 0 {
		t.Fatalf("%+v", pr.Total)
	}
}

var paper = gallra.Rule{ID: "p", Version: 1, Purpose: "kundservice", Systems: []gallra.SystemID{"arkiv"}, Start: gallra.StartClosed, Keep: gallra.Period{Years: 2}, Action: gallra.ActionErase}

// cabinet adds a place worked by hand beside the desk.
func cabinet(t *testing.T, f *fixture) {
	t.Helper()
	desk := f.Open
	f.Open = func(ctx context.Context, id gallra.SystemID) (connector.Source, error) {
		if id == "arkiv" {
			return connector.Open(ctx, connector.Config{System: id, URL: "manual://paper?place=Arkivrum+B&owner=registrator&within=P14D&backup_life=P1Y"})
		}
		return desk(ctx, id)
	}
}

func TestG13_WorkByHandIsPartOfTheRun(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		cabinet(t, f)
		f.desk.seed(t, 20, old)
		p := f.plan(t, company, rule("r", 24, gallra.ActionErase), paper)
		if len(p.Preview.Tasks) != 1 || p.Preview.Tasks[0].Place != "Arkivrum B" || p.Preview.Tasks[0].Before.In(f.Loc).Format(time.DateOnly) != "2024-06-15" {
			t.Fatalf("%+v", p.Preview.Tasks)
		}
		f.approve(t, p)
		id, err := f.Start(ctx, p.ID, "operator")
		if err != nil {
			t.Fatal(err)
		}
		pr := f.finish(t, id)
		if pr.Status != retention.Pending || len(pr.Tasks) != 1 || pr.Tasks[0].Signature != nil || pr.Open.Tasks != 1 {
			t.Fatalf("%+v", pr)
		}
		task := pr.Tasks[0]
		if got := task.Due.Format(time.DateOnly); got != "2026-06-30" {
			t.Errorf("due %s", got)
		}
		f.now = f.now.AddDate(0, 0, 20)
		if w, err := f.Waiting(ctx); err != nil || w[0].Overdue != 1 {
			t.Fatalf("%+v %v", w, err)
		}
		s := retention.Signature{Actor: "rut", Performed: "2026-07-04", Outcome: gallra.OutcomeErased, Count: 3, Note: "tre pärmar", Proof: strings.Repeat("ab", 32)}
		for name, wrong := range map[string]func(*retention.Signature){
			"nobody": func(s *retention.Signature) { s.Actor = "" }, "tomorrow": func(s *retention.Signature) { s.Performed = "2026-12-24" },
			"no date": func(s *retention.Signature) { s.Performed = "" }, "anonymised by nobody's test": func(s *retention.Signature) { s.Outcome = gallra.OutcomeAnonymised },
			"a count of nothing": func(s *retention.Signature) { s.Count = -1 }, "proof": func(s *retention.Signature) { s.Proof = "x" },
		} {
			w := s
			wrong(&w)
			if err := f.Sign(ctx, task.ID, w); !errors.Is(err, gallra.ErrInvalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := f.Sign(ctx, task.ID, s); err != nil {
			t.Fatal(err)
		}
		if err := f.Sign(ctx, task.ID, s); !errors.Is(err, gallra.ErrConflict) {
			t.Fatalf("signed twice: %v", err)
		}
		r, err := f.RunOf(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		pr = r.Protocol
		got := pr.Tasks[0].Signature
		if pr.Status != retention.Complete || pr.Open.Any() || got == nil || got.Actor != "rut" || got.Count != 3 || got.Performed != "2026-07-04" || !got.At.Equal(f.now) {
			t.Fatalf("%+v", pr)
		}
		entries, err := f.Log.Entries(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, e := range entries {
			found = found || e.Action == "run.task" && e.Actor == "rut" && e.Counts["count"] == 3
		}
		if !found {
			t.Fatal("the signature is not in the log")
		}
		f.verifyLog(t)
	})
}

// A plan of work by hand alone needs two people all the same, is bound to its
// hash, and in a public body to a decision.
func TestG13_SE2_HandWorkNeedsApprovalAndDecision(t *testing.T) {
	t.Parallel()
	f := setup(t, storetest.SQLite(t))
	cabinet(t, f)
	p := f.plan(t, company, paper)
	if _, err := f.Start(ctx, p.ID, "x"); !errors.Is(err, gallra.ErrBlocked) {
		t.Fatalf("not approved: %v", err)
	}
	kommun := retention.Organisation{Name: "Kommunen", Type: gallra.OrgMunicipality}
	p = f.plan(t, kommun, paper)
	if len(p.Preview.Tasks) != 0 || p.Preview.TasksBlocked[retention.ReasonNoDecision] != 1 {
		t.Fatalf("%+v", p.Preview)
	}
	if err := f.Approve(ctx, p.ID, "anna", p.Hash); !errors.Is(err, gallra.ErrBlocked) {
		t.Fatalf("no decision: %v", err)
	}
}

// H-20: of two purposes over one place the longer period decides.
func TestH20_LongestPeriodDecidesByHandToo(t *testing.T) {
	t.Parallel()
	f := setup(t, storetest.SQLite(t))
	cabinet(t, f)
	long := paper
	long.ID, long.Purpose, long.Keep = "bok", "bokföring", gallra.Period{Years: 7}
	p := f.plan(t, company, paper, long)
	if len(p.Preview.Tasks) != 1 || p.Rules[p.Preview.Tasks[0].Rule].ID != "bok" {
		t.Fatalf("%+v", p.Preview.Tasks)
	}
}
