package retention_test

import (
	"context"
	"database/sql"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/memory"
	"github.com/gallra/gallra/internal/hold"
	"github.com/gallra/gallra/internal/retention"
	"github.com/gallra/gallra/internal/store/storetest"
	"github.com/gallra/gallra/internal/work"
)

// destructive are the functions of the product that ask a system to change a
// record, and the tests that prove that each asks the holds first. One that is
// new is not known here, and fails the test until somebody has proved it too.
var destructive = map[string]string{
	"retention.eraseMany":  "erase, quarantine end, delivered, replay, anonymise",
	"retention.editMany":   "anonymise, coarsen",
	"retention.drop":       "anonymise",
	"retention.unlink":     "anonymise",
	"retention.roundTimes": "anonymise",
	"retention.quarantine": "quarantine",
	"retention.giveBack":   "lifts a restriction and destroys nothing",
	"trial.edit":           "a live try, on records that hold a made-up name and no other",
	"trial.erase":          "trial.TestX16_TrialAsksForTheBrakes",
	"request.perform":      "request.TestW20_HoldBeatsErasure",
	"request.once":         "request.TestW20_HoldBeatsErasure",
	"request.replayOne":    "request.TestW20_HoldBeatsTheReplay",
	"request.correctOne":   "rectifies what the person asked to have rectified",
}

func TestW20_EveryDestructivePathIsKnown(t *testing.T) {
	t.Parallel()
	verbs := []string{"Erase", "EraseMany", "Edit", "EditMany", "Restrict", "Unlink", "RoundTimes"}
	found := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		for _, decl := range f.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok {
					if sel, ok := call.Fun.(*ast.SelectorExpr); ok && slices.Contains(verbs, sel.Sel.Name) {
						found[f.Name.Name+"."+fn.Name.Name] = true
					}
				}
				return true
			})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if destructive[name] == "" {
			t.Errorf("%s changes records in a system: prove that a hold stops it", name)
		}
	}
	for name := range destructive {
		if !found[name] {
			t.Errorf("%s changes nothing any more", name)
		}
	}
}

// A hold that comes after the approval beats every path of this package. What is
// restricted at a person's request is held the same way (W-21).
func TestW20_W21_HoldBeatsEveryPath(t *testing.T) {
	t.Parallel()
	erase, rewrite := rule("r", 24, gallra.ActionErase), rule("r", 24, gallra.ActionAnonymise)
	coarse := rewrite
	coarse.Coarsen = []string{"queue", "category"}
	handed := rule("r", 24, gallra.ActionArchive)
	handed.Archive.To = "arkiv"
	paths := map[string]struct {
		rule  gallra.Rule
		begin func(f *fixture, run string) // before the hold comes
		then  func(t *testing.T, f *fixture, run string)
	}{
		"erase":      {rule: erase},
		"anonymise":  {rule: rewrite},
		"quarantine": {rule: quarantined(30)},
		"delivered": {rule: handed, begin: func(f *fixture, run string) { f.finish(t, run) }, then: func(t *testing.T, f *fixture, run string) {
			f.accept(t, run)
			if _, err := f.Follow(ctx, run); err != nil {
				t.Fatal(err)
			}
		}},
		"quarantine end": {rule: quarantined(30), begin: func(f *fixture, run string) { f.finish(t, run) }, then: func(t *testing.T, f *fixture, run string) {
			f.now = f.now.AddDate(0, 2, 0)
			if _, err := f.Follow(ctx, run); err != nil {
				t.Fatal(err)
			}
		}},
	}
	for name, path := range paths {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, sys := shop(t, storetest.SQLite(t), false, 30)
			archived(t, f)
			p := f.plan(t, company, path.rule)
			f.approve(t, p)
			run, err := f.Start(ctx, p.ID, "operator")
			if err != nil {
				t.Fatal(err)
			}
			if path.begin != nil {
				path.begin(f, run)
			}
			held := guarded(t, f, sys)
			before := stored(sys, held)
			f.finish(t, run)
			if path.then != nil {
				path.then(t, f, run)
			}
			if after := stored(sys, held); after != before || !strings.Contains(after, "Fråga") {
				t.Fatalf("what was on hold has changed:\n%s\n%s", before, after)
			}
		})
	}
	t.Run("coarsen", func(t *testing.T) {
		t.Parallel()
		f, sys := shop(t, storetest.SQLite(t), false, 30)
		page, err := sys.Open().List(ctx, connector.Query{Type: memory.TypeConversation})
		if err != nil {
			t.Fatal(err)
		}
		for n, ref := range []gallra.Ref{page.Records[4].Ref, page.Records[9].Ref} { // each alone in its queue
			if _, err := sys.Open().Edit(ctx, ref, "", []gallra.Field{{Name: "queue", Value: []string{"Hamn", "Begravning"}[n]}}); err != nil {
				t.Fatal(err)
			}
		}
		p := f.plan(t, company, coarse)
		f.approve(t, p)
		run, err := f.Start(ctx, p.ID, "operator")
		if err != nil {
			t.Fatal(err)
		}
		for phase := ""; phase != "phase.run.coarsen"; {
			if _, err := f.Step(ctx, run); err != nil {
				t.Fatal(err)
			}
			w, err := work.Get(ctx, f.DB, run)
			if err != nil {
				t.Fatal(err)
			}
			phase = w.Phase
		}
		held := guarded(t, f, sys)
		before := stored(sys, held)
		pr := f.finish(t, run)
		if after := stored(sys, held); after != before || !strings.Contains(after, "Hamn") || !pr.FiguresEqual || pr.Parts[0].Anonymity.Small != 1 {
			t.Fatalf("%s\n%s\n%+v", before, after, pr.Parts[0].Anonymity)
		}
		if other := stored(sys, page.Records[9].Ref); strings.Contains(other, "Begravning") {
			t.Fatalf("nothing was made coarser: %s", other)
		}
	})
	t.Run("replay", func(t *testing.T) {
		t.Parallel()
		f, sys := shop(t, storetest.SQLite(t), false, 30)
		since := f.now
		f.carryOut(t, erase)
		_, restored := shop(t, storetest.SQLite(t), false, 30) // the same ids: the backup
		f.Open = func(context.Context, gallra.SystemID) (connector.Source, error) { return restored.Open(), nil }
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		sys = restored
		held := guarded(t, f, sys)
		got, err := f.Replay(ctx, "desk", since.Add(-time.Hour), "operator")
		if err != nil || got.Erased != 29 || got.Kept["retention.reason.hold"] != 1 || !strings.Contains(stored(sys, held), "Fråga") {
			t.Fatalf("%+v %v", got, err)
		}
	})
	t.Run("task by hand", func(t *testing.T) {
		t.Parallel()
		f := setup(t, storetest.SQLite(t))
		cabinet(t, f)
		id, pr := f.carryOut(t, paper)
		place(t, f, gallra.Ref{System: "arkiv", Type: "pärm", ID: "7"})
		s := retention.Signature{Actor: "rut", Performed: "2026-06-15", Outcome: gallra.OutcomeErased, Count: 3}
		if err := f.Sign(ctx, pr.Tasks[0].ID, s); !errors.Is(err, gallra.ErrBlocked) {
			t.Fatalf("a folder on hold, and nobody has seen to it: %v", err)
		}
		h := place(t, f, gallra.Ref{System: "arkiv"})
		if s.Heeded = []string{h.ID}; !errors.Is(f.Sign(ctx, pr.Tasks[0].ID, s), gallra.ErrBlocked) {
			t.Fatal("the whole place is on hold")
		}
		s.Outcome, s.Count = gallra.OutcomeKept, 0
		if err := f.Sign(ctx, pr.Tasks[0].ID, s); err != nil {
			t.Fatal(err)
		}
		if r, err := f.RunOf(ctx, id); err != nil || r.Protocol.Tasks[0].Signature.Outcome != gallra.OutcomeKept {
			t.Fatal(err)
		}
	})
	// Confirm asks and changes nothing: what is promised has left our hands.
}

// place puts a hold over something.
func place(t *testing.T, f *fixture, ref gallra.Ref) (h hold.Hold) {
	t.Helper()
	if err := f.DB.Tx(ctx, func(tx *sql.Tx) (err error) {
		h, err = hold.Register{DB: f.DB, Log: f.Log}.Place(ctx, tx, hold.Hold{Kind: hold.Request, Reason: "request.restricted", PlacedBy: "dpo", Targets: []hold.Target{{Ref: ref}}})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return h
}

// guarded puts a hold over the fifth conversation and fails the test if any
// change is asked of it or of its message from now on.
func guarded(t *testing.T, f *fixture, sys *memory.System) gallra.Ref {
	t.Helper()
	page, err := sys.Open().List(ctx, connector.Query{Type: memory.TypeConversation})
	if err != nil {
		t.Fatal(err)
	}
	held := page.Records[4].Ref
	children, err := sys.Open().List(ctx, connector.Query{Type: memory.TypeMessage, Parents: []gallra.Ref{held}})
	if err != nil || len(children.Records) != 1 {
		t.Fatalf("%d %v", len(children.Records), err)
	}
	place(t, f, held)
	sys.Fail(func(op string, ref gallra.Ref) error {
		if (ref == held || ref == children.Records[0].Ref) && slices.Contains([]string{"erase", "edit", "unlink", "round"}, op) {
			t.Errorf("%s of %s, which is on hold", op, ref)
		}
		return nil
	})
	return held
}

// stored is everything a system holds of a conversation's own record.
func stored(sys *memory.System, ref gallra.Ref) string {
	var b strings.Builder
	for _, p := range sys.Stored() {
		if strings.HasPrefix(p.Where, ref.Type+"/"+ref.ID+".") {
			b.WriteString(p.Where + "=" + p.Value + "\n")
		}
	}
	return b.String()
}
