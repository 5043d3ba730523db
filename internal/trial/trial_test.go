package trial_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	_ "github.com/gallra/gallra/connector/imap"
	_ "github.com/gallra/gallra/connector/mailfile"
	"github.com/gallra/gallra/connector/memory"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/store/storetest"
	"github.com/gallra/gallra/internal/testserver"
	"github.com/gallra/gallra/internal/trial"
)

var ctx = context.Background()

func bench(t *testing.T, db *store.DB, open func() (connector.Source, error)) *trial.Bench {
	t.Helper()
	log, err := evidence.Open(ctx, db, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return &trial.Bench{DB: db, Log: log, Open: func(context.Context, gallra.SystemID) (connector.Source, error) { return open() }}
}

// write puts the made-up person into the system as a customer would come in.
func write(sys *memory.System, p connector.Person) {
	person := sys.AddPerson(memory.Person{Name: p.Name, Email: p.Email})
	c := sys.AddConversation(memory.Conversation{Person: person, Subject: "Prov från " + p.Name, Created: time.Now()})
	sys.AddMessage(c, memory.Message{Name: p.Name, Email: p.Email, Text: p.Text + " " + p.Name})
}

func verdict(t trial.Trial, c connector.Capability) trial.Verdict {
	for _, s := range t.Steps {
		if s.Capability == c {
			return s.Verdict
		}
	}
	return ""
}

// TestCapabilityCountsOnlyWhenProved: a system that does what it says passes, and
// its neighbours' records are untouched; one that answers success and does
// nothing is found out (REQUIREMENTS G-7).
func TestG7_CapabilityCountsOnlyWhenProved(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		sys := memory.New(memory.Options{System: "desk"})
		b := bench(t, db, func() (connector.Source, error) { return sys.Open(), nil })
		write(sys, connector.Person{Name: "Kanarie Annan", Email: "annan@example.se", Text: "hej"})
		before := sys.Count(memory.TypeConversation)

		tr, err := b.Start(ctx, "desk", "admin")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Go(ctx, tr.ID); !errors.Is(err, gallra.ErrUnavailable) {
			t.Errorf("nobody is there, and the trial says %v", err)
		}
		write(sys, tr.Person)
		got, err := b.Go(ctx, tr.ID)
		if err != nil || !got.Passed() {
			t.Fatalf("%+v, %v", got.Steps, err)
		}
		for _, c := range []connector.Capability{connector.CanFind, connector.CanEdit, connector.CanErase, connector.CanVerify, connector.CanLeftovers} {
			if verdict(got, c) != trial.Proved {
				t.Errorf("%s: %q", c, verdict(got, c))
			}
		}
		if n := sys.Count(memory.TypeConversation); n != before {
			t.Errorf("%d conversations, %d before", n, before)
		}
		if _, err := b.Go(ctx, tr.ID); !errors.Is(err, gallra.ErrConflict) {
			t.Errorf("a trial that has ended goes on: %v", err)
		}
		shown, err := b.Shown(ctx)
		if err != nil || shown["desk"][connector.CanErase].IsZero() {
			t.Errorf("last proved: %v, %v", shown, err)
		}

		lying, err := b.Start(ctx, "desk", "admin")
		if err != nil {
			t.Fatal(err)
		}
		write(sys, lying.Person)
		sys.Lie(true)
		got, err = b.Go(ctx, lying.ID)
		sys.Lie(false)
		if err != nil || got.Passed() || verdict(got, connector.CanErase) != trial.Failed {
			t.Errorf("a system that lies passes: %+v, %v", got.Steps, err)
		}
		if shown, err = b.Shown(ctx); err != nil || !shown["desk"][connector.CanErase].IsZero() {
			t.Errorf("what failed last still counts as proved: %v, %v", shown, err)
		}
	})
}

// TestTrialWaitsForAPromise: until the wastebasket is empty nothing is proved.
func TestTrialWaitsForAPromise(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		sys := memory.New(memory.Options{System: "desk", Wastebasket: true})
		b := bench(t, db, func() (connector.Source, error) { return sys.Open(), nil })
		tr, err := b.Start(ctx, "desk", "admin")
		if err != nil {
			t.Fatal(err)
		}
		write(sys, tr.Person)
		got, err := b.Go(ctx, tr.ID)
		if err != nil || got.Passed() || !got.Ended.IsZero() || got.Until.IsZero() || verdict(got, connector.CanErase) != trial.Waiting {
			t.Fatalf("%+v, %v", got, err)
		}
		sys.EmptyWastebasket()
		if got, err = b.Go(ctx, tr.ID); err != nil || !got.Passed() || verdict(got, connector.CanConfirm) != trial.Proved {
			t.Errorf("%+v, %v", got.Steps, err)
		}
	})
}

// TestTrialPlantsAMailItself in a folder of files and in a mailbox.
func TestTrialPlantsAMailItself(t *testing.T) {
	dir := t.TempDir()
	for _, sub := range []string{"cur", "new", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, "box", sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "eml"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, url := range map[string]string{"maildir": "maildir:" + filepath.Join(dir, "box"), "eml": "eml:" + filepath.Join(dir, "eml"), "imap": ""} {
		t.Run(name, func(t *testing.T) {
			if name == "imap" {
				url = testserver.IMAP(t)
			}
			db := storetest.SQLite(t)
			b := bench(t, db, func() (connector.Source, error) {
				return connector.Open(ctx, connector.Config{System: "post", URL: url})
			})
			tr, err := b.Start(ctx, "post", "admin")
			if err != nil || !tr.Planted {
				t.Fatalf("%+v, %v", tr, err)
			}
			got, err := b.Go(ctx, tr.ID)
			if err != nil || !got.Passed() {
				t.Fatalf("%+v, %v", got.Steps, err)
			}
			var left []string
			if err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
				if err == nil && d.Type().IsRegular() {
					left = append(left, path)
				}
				return err
			}); err != nil {
				t.Fatal(err)
			}
			if len(left) > 0 {
				t.Errorf("left: %s", strings.Join(left, " "))
			}
		})
	}
}
