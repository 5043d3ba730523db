package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

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
	for _, want := range []string{"Raderad person, gammal post", "Möjligen samma person", "En annan person, med rollen godkännare, startar sedan raderingen", s.Case, "e-post"} {
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

// B-4: what a restored backup has brought back is erased again by two people,
// from the page: one decides, another with the right to approve starts it. The
// log names both.
func TestB4_ErasedAgainByTwo(t *testing.T) {
	s := webtest.New(t, true)
	s.Run(t)
	left := s.Count("chatt")
	if back := s.Restore(t, "chatt", 400); back <= left {
		t.Fatalf("%d after the restore, %d before", back, left)
	}
	first, second, agent := s.As(t, auth.Approver), s.As(t, "approver2"), s.As(t, auth.Agent)
	_, body := first.Get("/alarms")
	id := find(t, body, `action="/alarms/(alarm-[^"]+)"`)
	since := s.Now.AddDate(0, 0, -2).Format(time.DateOnly)
	replay := "/alarms/" + id + "/replay"
	if status, _, _ := second.Post(replay, "since", since); status != http.StatusConflict {
		t.Errorf("before anybody has decided: %d", status)
	}
	if status, _, _ := first.Post("/alarms/"+id, "decision", "erase_again", "reason", "Säkerhetskopia"); status != http.StatusSeeOther {
		t.Fatalf("decided: %d", status)
	}
	if _, body = first.Get("/alarms"); strings.Contains(body, replay) || !strings.Contains(body, "Väntar på en annan person") {
		t.Error("whoever decided is offered to start it")
	}
	for who, v := range map[string]*webtest.Visitor{"who decided": first, "an agent": agent, "an administrator": s.As(t, auth.Admin)} {
		if status, _, _ := v.Post(replay, "since", since); status != http.StatusForbidden {
			t.Errorf("%s starts it: %d", who, status)
		}
	}
	if _, body = second.Get("/"); !strings.Contains(body, "starta ny radering av det som raderades") {
		t.Error("the start page asks nobody to start it")
	}
	if status, _, _ := second.Post(replay, "since", s.Now.Format(time.DateOnly)); status != http.StatusUnprocessableEntity {
		t.Errorf("a backup from after the erasure: %d", status)
	}
	if n := s.Count("chatt"); n != 400 || len(s.Queued) != 0 {
		t.Fatalf("%d left, %d works, and nobody has started it", n, len(s.Queued))
	}
	// The kill switch stops it, and it can be started anew.
	second.Post("/retention/stop")
	if status, _, to := second.Post(replay, "since", since); status != http.StatusSeeOther || to != "/alarms?notice=alarm_replaying" {
		t.Fatalf("started: %d to %s", status, to)
	}
	if status, _, _ := second.Post(replay, "since", since); status != http.StatusConflict {
		t.Errorf("started twice: %d", status)
	}
	s.Replay(t)
	if n := s.Count("chatt"); n != 400 {
		t.Fatalf("%d left under the kill switch", n)
	}
	if _, body = second.Get("/alarms"); !strings.Contains(body, "All gallring är stoppad") {
		t.Error("the page does not say why it ended")
	}
	second.Post("/retention/lift")
	s.Now = s.Now.Add(time.Second)
	second.Post(replay, "since", since)
	s.Replay(t)
	if n := s.Count("chatt"); n != left {
		t.Errorf("%d left, %d before the restore", n, left)
	}
	if _, body = second.Get("/alarms"); strings.Contains(body, id) {
		t.Error("the alarm stands still")
	}
	by := map[string]string{}
	entries, err := s.Log.Recent(t.Context(), 0, 50)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if by[e.Action] == "" {
			by[e.Action] = e.Actor
			if e.Action == "guard.replay" && (e.Subject != id || e.Reason != "approver") {
				t.Errorf("%+v", e)
			}
		}
	}
	if by["guard.decide"] != "approver" || by["guard.replay"] != "approver2" || by["replay.result"] != "approver2" || by["guard.gone"] == "" {
		t.Errorf("the log has %v", by)
	}
}

// B-4: records that a restored backup has given back what was taken out of them
// are rewritten again by two people, from the page; the alarm ends, and the protocol
// of the run tells of it.
func TestB4_RewrittenAgainByTwo(t *testing.T) {
	s := webtest.New(t, true)
	run := s.RunOf(t, 2)
	s.Restore(t, "forum", 500)
	first, second := s.As(t, auth.Approver), s.As(t, "approver2")
	_, body := first.Get("/alarms")
	for _, want := range []string{"Borttagna uppgifter är tillbaka i poster", "Ska tas bort igen", "Inget behöver göras", "Togs bort"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(body, "*rewritten") || strings.Contains(body, "Ska raderas igen") {
		t.Error("the page tells of erasing, or of how it keeps alarms")
	}
	id := find(t, body, `action="/alarms/(alarm-[^"]+)"`)
	since := s.Now.AddDate(0, 0, -2).Format(time.DateOnly)
	if status, _, _ := first.Post("/alarms/"+id, "decision", "erase_again", "reason", "Säkerhetskopia"); status != http.StatusUnprocessableEntity {
		t.Errorf("to be erased, which was never decided: %d", status)
	}
	if status, _, _ := first.Post("/alarms/"+id, "decision", "rewrite", "reason", "Säkerhetskopia"); status != http.StatusSeeOther {
		t.Fatalf("decided: %d", status)
	}
	if _, body = second.Get("/"); !strings.Contains(body, "starta ny borttagning av uppgifter") {
		t.Error("the start page asks nobody to start it")
	}
	if status, _, _ := first.Post("/alarms/"+id+"/replay", "since", since); status != http.StatusForbidden {
		t.Errorf("whoever decided starts it: %d", status)
	}
	if status, _, _ := second.Post("/alarms/"+id+"/replay", "since", since); status != http.StatusSeeOther {
		t.Fatalf("started: %d", status)
	}
	s.Replay(t)
	if _, body = second.Get("/alarms"); strings.Contains(body, id) {
		t.Error("the alarm stands still")
	}
	if _, body = second.Get("/alarms?show=all"); !strings.Contains(body, "Borta vid nästa kontroll") {
		t.Error("the page does not say how it ended")
	}
	_, body = second.Get("/retention/runs/" + run + "/protocol")
	for _, want := range []string{"Efter en återställd säkerhetskopia", "hade fått tillbaka uppgifter", "startat av Sara Holm"} {
		if !strings.Contains(body, want) {
			t.Errorf("the protocol lacks %q", want)
		}
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
