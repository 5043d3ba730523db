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
