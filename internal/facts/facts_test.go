package facts_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/facts"
	"github.com/gallra/gallra/internal/i18n"
)

var now = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

// S40: an ability counts for twelve months from the day it was shown.
func TestS40_AProofCountsForAYear(t *testing.T) {
	can := []connector.Capability{connector.CanFind, connector.CanErase, connector.CanEdit, connector.CanBatch}
	shown := map[connector.Capability]time.Time{connector.CanErase: now.AddDate(0, -11, 0), connector.CanEdit: now.AddDate(0, -13, 0)}
	got := facts.Proofs(can, shown, now)
	if len(got) != 3 || got[0].Counts || !got[1].Counts || got[2].Counts {
		t.Fatalf("%+v", got)
	}
	if no := facts.Unproved(got, connector.CanErase); len(no) != 0 {
		t.Errorf("erase is proved: %v", no)
	}
	if no := facts.Unproved(got, connector.CanErase, connector.CanEdit); !slices.Equal(no, []connector.Capability{connector.CanEdit}) {
		t.Errorf("edit was proved too long ago: %v", no)
	}
}

// V-1: everything that a profile can say is said, in both languages, and how
// long the rate makes it.
func TestV1_EveryFactIsSaid(t *testing.T) {
	p := connector.Profile{
		Product: "Desk", Channel: connector.ChannelTicketing,
		Eligible:   connector.Eligible{Closed: true, ClosedFor: "P120D", Offline: true, Words: connector.Words{SV: "Villkor", EN: "Condition"}},
		SoftWindow: "P30D", TwoStep: "5m", Cascades: []connector.Cascade{{Of: "ticket", Takes: []string{"rating"}}},
		Remains: []connector.Remain{{Where: "log", SV: "Loggen", EN: "The log"}}, Clocks: []connector.ClockNote{{Type: "ticket", Clock: "updated"}},
		Rate: connector.Rate{Requests: 60, Per: "1m", Calls: 3, Source: connector.RateVendor}, BackupLife: "P35D",
		Manual: &connector.Manual{To: "support@example.com", Words: connector.Words{SV: "Skriv", EN: "Write"}}, Reindex: "reindex",
		Scopes: []connector.Scope{{For: connector.CanErase, Needs: []string{"tickets:write"}}},
	}
	proofs := facts.Proofs([]connector.Capability{connector.CanErase, connector.CanFind}, map[connector.Capability]time.Time{connector.CanErase: now}, now)
	for lang, want := range map[i18n.Lang][]string{
		i18n.Swedish: {"120 dagar", "30 dagar", "5 minuter", "ticket: rating", "Loggen", "60 anrop", "1 200 poster", "50 minuter", "35 dagar", "Skriv", "tickets:write", "24 nov", "Aldrig prövat"},
		i18n.English: {"120 days", "30 days", "5 minutes", "The log", "60 calls", "1,200 records", "50 minutes", "35 days", "Write", "Never tried"},
	} {
		var text []string
		names := map[string]bool{}
		for _, l := range facts.Lines(i18n.For(lang), p, proofs, 1000) {
			names[l.Name] = true
			text = append(text, l.Text...)
			if l.Warn != (l.Name == "unproved") {
				t.Errorf("%s warns: %v", l.Name, l.Warn)
			}
		}
		all := strings.ReplaceAll(strings.Join(text, "\n"), "\u00a0", " ")
		for _, w := range want {
			if !strings.Contains(all, w) {
				t.Errorf("%s lacks %q:\n%s", lang, w, all)
			}
		}
		if len(names) != 12 {
			t.Errorf("%d facts of a profile that has them all: %v", len(names), names)
		}
	}
	empty := facts.Lines(i18n.For(i18n.English), connector.Profile{}, nil, 10)
	if len(empty) != 3 {
		t.Errorf("what is not known is said of eligibility, rate and backups: %+v", empty)
	}
}
