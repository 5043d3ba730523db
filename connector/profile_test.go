package connector_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

const whole = `
product: Desk
channel: ticketing
eligible: {closed: true, closed_for: P120D, sv: Stängda., en: Closed.}
soft_window: P30D
two_step_wait: 5m
cascades:
  - {of: user, takes: [ticket, rating], others: true, sv: Ärenden följer med., en: Tickets go along.}
remains:
  - {where: search, kind: copy, for: P1D, sv: Sökindex., en: Search index.}
  - {where: backup, kind: backup, for: P30D, sv: Säkerhetskopior., en: Backups.}
clock_reset: [{type: ticket, clock: updated}]
rate: {requests: 700, per: 10m, parallel: 4, calls: 2, batch: 1}
backup_life: P30D
manual: {to: support@example.com, days: 30, actions: [erase], sv: Skriv till dem., en: Write to them.}
scopes: [{needs: ["tickets:read"]}, {for: erase, needs: ["tickets:write"]}]
reindex: desk reindex
`

// TestV1_AProfileIsDataThatIsChecked reads a whole profile and profiles with
// one thing wrong.
func TestV1_AProfileIsDataThatIsChecked(t *testing.T) {
	p, err := connector.ParseProfile([]byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	if !p.Eligible.Closed || p.Eligible.SV != "Stängda." || p.Manual.Days != 30 || !p.Cascades[0].Others || p.Scopes[1].For != connector.CanErase {
		t.Errorf("something is lost: %+v", p)
	}
	for what, change := range map[string][2]string{
		"a key nobody knows":   {"reindex:", "reindexx:"},
		"no channel":           {"channel: ticketing", "channel: post"},
		"no period":            {"P120D", "120 days"},
		"no duration":          {"5m", "P5M"},
		"no rate":              {"per: 10m", "per: -10m"},
		"half a rate":          {"requests: 700, ", ""},
		"one language":         {"sv: Sökindex., ", ""},
		"no kind":              {"kind: copy", "kind: copies"},
		"no capability":        {"for: erase, needs", "for: delete, needs"},
		"no clock":             {"clock: updated", "clock: changed"},
		"a cascade of nothing": {"takes: [ticket, rating]", "takes: []"},
	} {
		if _, err := connector.ParseProfile([]byte(strings.Replace(whole, change[0], change[1], 1))); !errors.Is(err, gallra.ErrInvalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestV1_TheGradeFollowsTheProfile: where a copy is out of reach, nothing is
// gone from derived copies.
func TestV1_TheGradeFollowsTheProfile(t *testing.T) {
	p, err := connector.ParseProfile([]byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	r := p.Residues(at)
	if p.Grade() != gallra.GradeLive || len(r) != 1 || r[0].Where != "search" || r[0].GoneBy.Format(time.DateOnly) != "2026-03-05" {
		t.Errorf("grade %d, residues %v", p.Grade(), r)
	}
	p.Remains = p.Remains[1:]
	if p.Grade() != gallra.GradeDerived || len(p.Residues(at)) != 0 {
		t.Errorf("backups alone: grade %d, residues %v", p.Grade(), p.Residues(at))
	}
}

func TestRateTellsTheTime(t *testing.T) {
	r := connector.Rate{Requests: 700, Per: "10m", Calls: 2}
	if r.PerHour() != 2100 || r.Takes(4200) != 2*time.Hour {
		t.Errorf("%v an hour, %v", r.PerHour(), r.Takes(4200))
	}
	if (connector.Rate{}).Takes(10) != 0 {
		t.Error("a time is told where no rate is known")
	}
}
