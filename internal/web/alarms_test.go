package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/web/webtest"
)

// An erased person who is back stands first among what is left to do, and a
// named user's word with a reason ends it.
func TestSystems1_6_AlarmsOnThePage(t *testing.T) {
	s := webtest.New(t, true)
	s.Alarms(t)
	agent := s.As(t, auth.Agent)
	_, body := agent.Get("/")
	for _, want := range []string{"raderades", "/alarms#alarm-"} {
		if !strings.Contains(body, want) {
			t.Errorf("the start page lacks %q", want)
		}
	}
	_, body = agent.Get("/alarms")
	for _, want := range []string{"Raderad person, gammal post", "Möjligen samma person", "gallra replay chatt --since", s.Case, "e-post"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(body, "borta@example.org") {
		t.Error("the page shows who it is")
	}
	id := find(t, body, `action="/alarms/(alarm-[^"]+)"`)
	if status, _, _ := agent.Post("/alarms/"+id, "decision", "another", "reason", ""); status != http.StatusUnprocessableEntity {
		t.Errorf("without a reason: %d", status)
	}
	if status, _, _ := agent.Post("/alarms/"+id, "decision", "another", "reason", "Delat konto"); status != http.StatusSeeOther {
		t.Errorf("decided: %d", status)
	}
	if _, body = agent.Get("/alarms"); strings.Contains(body, id) {
		t.Error("it asks still")
	}
	if _, body = agent.Get("/alarms?show=all"); !strings.Contains(body, "agent: Delat konto") {
		t.Error("what was decided is not told")
	}
	if status, _, _ := s.As(t, auth.Auditor).Post("/alarms/"+id, "decision", "another", "reason", "x"); status != http.StatusForbidden {
		t.Errorf("an auditor decides: %d", status)
	}
}

// V-1, S40: what is known of a system stands before the run, with what nobody
// has tried in it; a trial's date takes the warning away for a year.
func TestS40_WhatIsNotProvedIsSaidBeforeTheRun(t *testing.T) {
	s := webtest.New(t, true)
	plan := s.Plan(t)
	v := s.As(t, auth.Approver)
	_, body := v.Get("/retention/plans/" + plan)
	for _, want := range []string{"Om systemen", "Aldrig prövat i det här systemet", "Ingen har prövat att det här fungerar", "Lägsta behörighet", "Högst"} {
		if !strings.Contains(body, want) {
			t.Errorf("the plan lacks %q", want)
		}
	}
	if _, body = v.Get("/systems"); !strings.Contains(body, "inte prövad") {
		t.Error("the systems page does not say that nothing is tried")
	}
	s.Prove(t)
	if _, body = v.Get("/retention/plans/" + plan); strings.Contains(body, "Ingen har prövat att det här fungerar") || !strings.Contains(body, "Bevisat") {
		t.Error("what is proved is warned of")
	}
	if _, body = v.Get("/systems/chatt"); !strings.Contains(body, "Bevisat") {
		t.Error("the system page lacks the proof")
	}
	s.Now = s.Now.AddDate(1, 1, 0)
	v = s.As(t, auth.Approver)
	if _, body = v.Get("/systems/chatt"); !strings.Contains(body, "för länge sedan för att räknas") {
		t.Error("a proof of more than a year counts")
	}
}
