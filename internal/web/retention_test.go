package web_test

import (
	"net/http"
	"strings"
	"testing"

	_ "github.com/gallra/gallra/connector/manual"
	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/web/webtest"
)

// A rule is written from a template, changed into a new version and ended, all
// in gallra.yaml and in the log; nothing applies by itself (SE-23).
func TestSE23_RuleFromTemplateToItsEnd(t *testing.T) {
	t.Parallel()
	s := webtest.New(t, true)
	v := s.As(t, auth.Approver)
	rules := len(s.Config.Rules)
	_, body := v.Get("/retention/rules/new")
	if !strings.Contains(body, "Bokföringslag (1999:1078)") || strings.Contains(body, `value="7 år"`) {
		t.Error("the templates are not offered, or one is applied by itself")
	}
	_, body = v.Get("/retention/rules/new?template=rakenskapsinformation")
	if !strings.Contains(body, `value="7 år"`) || len(s.Config.Rules) != rules {
		t.Error("the template does not fill the form, or has made a rule")
	}
	form := []string{"id", "underlag", "title", "Underlag", "system", "arenden", "purpose", "Bokföring", "basis", "6.1 c", "keep", "P7Y", "start", "fiscal_year", "fallback", "", "action", "erase",
		"owner", "Ekonomichefen", "except", "Klagomål", "year_end", "04-30", "quarantine", "14 dagar", "agreed", "8 år"}
	if status, body, to := v.Post("/retention/rules", form...); status != http.StatusSeeOther || !strings.HasPrefix(to, "/retention?") {
		t.Fatalf("save: %d %s", status, problem(body))
	}
	r, ok := s.Config.Rule("underlag")
	if !ok || r.Version != 1 || r.Owner != "Ekonomichefen" || r.YearEnd != "04-30" || r.Quarantine.String() != "P14D" {
		t.Fatalf("saved as %+v", r)
	}
	if status, _, _ := v.Post("/retention/rules", append(form, "old", "underlag", "quarantine", "P2Y")...); status != http.StatusUnprocessableEntity {
		t.Errorf("a quarantine that exceeds the promised period: %d", status)
	}
	v.Post("/retention/rules", append(form, "old", "underlag", "keep", "P6Y")...)
	if r, _ := s.Config.Rule("underlag"); r.Version != 2 {
		t.Errorf("changed to version %d", r.Version)
	}
	_, body = v.Get("/retention/rules/underlag")
	if !strings.Contains(body, "Sparad v2") || !strings.Contains(body, "Sparad v1") {
		t.Error("the rule's page does not list its versions")
	}
	if status, body := v.Get("/retention/rules.yaml"); status != http.StatusOK || !strings.Contains(body, "id: underlag") || strings.Contains(body, "sqlite:") {
		t.Errorf("export: %d", status)
	}
	if status, _, _ := v.Post("/retention/rules/underlag/end"); status != http.StatusUnprocessableEntity {
		t.Errorf("ended without being sure: %d", status)
	}
	v.Post("/retention/rules/underlag/end", "sure", "1")
	if _, ok := s.Config.Rule("underlag"); ok {
		t.Error("the rule has not ended")
	}
}

// UX: the picture of what falls due, the late, the backups and the samples. What
// is shown of a record is masked, and the reading is in the log.
func TestG12_B2_RetentionPage(t *testing.T) {
	t.Parallel()
	s := webtest.New(t, true)
	plan := s.Plan(t)
	s.Run(t)
	v := s.As(t, auth.Approver)
	_, body := v.Get("/retention")
	for _, want := range []string{"Vad som går ut, månad för månad", "har redan passerat sin tid", "Försenad gallring", "gallringsbeslut", "När säkerhetskopiorna är fria", "2026-04-01"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if status, _, _ := s.As(t, auth.Admin).Post("/retention/plans/" + plan + "/sample"); status != http.StatusForbidden {
		t.Errorf("an administrator reads samples: %d", status)
	}
	status, body, _ := v.Post("/retention/plans/" + plan + "/sample")
	if status != http.StatusOK || !strings.Contains(body, "k***@e***.org") {
		t.Fatalf("samples: %d %s", status, problem(body))
	}
	for _, planted := range []string{"kund1@example.org", "kund2@example.org", webtest.Person} {
		if strings.Contains(body, planted) {
			t.Errorf("%s is shown in clear", planted)
		}
	}
	if _, body := v.Get("/evidence?action=plan.sample"); !strings.Contains(body, plan) {
		t.Error("the reading is not in the log")
	}
}

// P-1: every document can be taken from its page.
func TestP1_DocumentsPage(t *testing.T) {
	t.Parallel()
	s := webtest.New(t, true)
	run := s.Run(t)
	v := s.As(t, auth.Auditor)
	if _, body := v.Get("/retention/documents"); !strings.Contains(body, "PDF kräver webbläsaren") || !strings.Contains(body, run+"/protocol.csv") {
		t.Error("the page does not say what can be had")
	}
	for _, doc := range []string{"D3", "D15"} {
		for format, want := range map[string]string{"html": "<h1>", "csv": "\ufeff", "json": `"document": "` + doc + `"`} {
			if status, body, _ := v.Post("/retention/documents/"+doc, "format", format); status != http.StatusOK || !strings.Contains(body, want) {
				t.Errorf("%s as %s: %d", doc, format, status)
			}
		}
	}
	if status, body, _ := v.Post("/retention/documents/D3", "format", "pdf"); status != http.StatusServiceUnavailable || !strings.Contains(body, "Chromium") {
		t.Errorf("PDF without a browser: %d", status)
	}
	if status, _, _ := v.Post("/retention/documents/D99", "format", "html"); status != http.StatusNotFound {
		t.Errorf("a document that does not exist: %d", status)
	}
}

// G-13: a system without a door is part of the run as a task, which a person
// signs once; the protocol has a row with name and date.
func TestG13_TaskIsSigned(t *testing.T) {
	t.Parallel()
	s := webtest.New(t, true)
	run := s.Task(t)
	v := s.As(t, auth.Agent)
	_, body := v.Get("/retention/tasks")
	id := find(t, body, `/retention/tasks/(task-[^/"]+)/sign`)
	if !strings.Contains(body, "Skåp 4") || !strings.Contains(body, "Receptionschefen") {
		t.Error("the task does not say where and who")
	}
	if _, start := v.Get("/"); !strings.Contains(start, "signera uppgiften för Pärmar i receptionen") {
		t.Error("the to-do list lacks the task")
	}
	if _, page := v.Get("/retention/runs/" + run); !strings.Contains(page, "1 uppgift för hand är inte signerad") {
		t.Error("the run's page does not say what is open")
	}
	if status, _, _ := v.Post("/retention/tasks/"+id+"/sign", "performed", "2026-04-01", "outcome", "erased", "count", "3"); status != http.StatusUnprocessableEntity {
		t.Errorf("signed for a day to come: %d", status)
	}
	if status, body, _ := v.Post("/retention/tasks/"+id+"/sign", "performed", "2026-03-02", "outcome", "erased", "count", "3", "note", "Två pärmar"); status != http.StatusSeeOther {
		t.Fatalf("sign: %d %s", status, problem(body))
	}
	if status, _, _ := v.Post("/retention/tasks/"+id+"/sign", "performed", "2026-03-02", "outcome", "kept"); status != http.StatusConflict {
		t.Errorf("signed twice: %d", status)
	}
	_, paper := v.Get("/retention/runs/" + run + "/protocol")
	if !strings.Contains(paper, "Raderade 3, Karin Berg (agent), 2026-03-02") || !strings.Contains(paper, "version 2") {
		t.Error("the protocol lacks the signature, or is not a new version")
	}
}

// a token of the API is made on the account's page, shown once, and ended
// by its owner alone.
func TestX6_TokenOnThePage(t *testing.T) {
	t.Parallel()
	s := webtest.New(t, true)
	v, other := s.As(t, auth.Approver), s.As(t, auth.Agent)
	if status, _, _ := v.Post("/account/tokens", "name", " "); status != http.StatusUnprocessableEntity {
		t.Errorf("a token without a name: %d", status)
	}
	status, body, _ := v.Post("/account/tokens", "name", "BI-verktyget")
	secret := find(t, body, `(gallra_[A-Za-z0-9_-]{43})`)
	if acc, err := s.Auth.Bearer(t.Context(), secret); status != http.StatusOK || err != nil || acc.Username != "approver" {
		t.Fatalf("%d, acts for %q, %v", status, acc.Username, err)
	}
	_, body = v.Get("/account")
	if strings.Contains(body, secret) || !strings.Contains(body, "BI-verktyget") {
		t.Error("the token is shown again, or not listed")
	}
	id := find(t, body, `/account/tokens/(token-[^/"]+)/end`)
	if status, _, _ := other.Post("/account/tokens/" + id + "/end"); status != http.StatusNotFound {
		t.Errorf("another ends it: %d", status)
	}
	v.Post("/account/tokens/" + id + "/end")
	if _, err := s.Auth.Bearer(t.Context(), secret); err == nil {
		t.Error("the token still works")
	}
}

// SE-11: the page asks for the archive's receipt, refuses one for other bytes, and
// only then are the records erased; the protocol names the receipt.
func TestSE11_ReceiptOnThePage(t *testing.T) {
	t.Parallel()
	s := webtest.New(t, true)
	run := s.Deliver(t)
	v := s.As(t, auth.Agent)
	list, err := s.Engine.Deliveries(t.Context(), run)
	if err != nil || len(list) != 1 || list[0].Records == 0 {
		t.Fatalf("%+v %v", list, err)
	}
	d := list[0]
	_, body := v.Get("/retention/deliveries")
	if !strings.Contains(body, d.SHA256) || !strings.Contains(body, "Stadsarkivet") {
		t.Error("the page does not name the package")
	}
	if _, page := v.Get("/retention/runs/" + run); !strings.Contains(page, "utan kvitto") {
		t.Error("the run's page does not say what is open")
	}
	if _, start := v.Get("/"); !strings.Contains(start, "Arkivet har inte kvitterat paketet") {
		t.Error("the to-do list lacks the receipt")
	}
	to := "/retention/deliveries/" + d.ID + "/receipt"
	if status, _, _ := v.Post(to, "answer", "accepted", "sum", "00000000", "reference", "1"); status != http.StatusConflict {
		t.Errorf("a receipt for other bytes: %d", status)
	}
	if status, _, _ := s.As(t, auth.Auditor).Post(to, "answer", "accepted", "sum", d.SHA256, "reference", "1"); status != http.StatusForbidden {
		t.Errorf("an auditor: %d", status)
	}
	if status, body, _ := v.Post(to, "answer", "accepted", "sum", d.SHA256[:10], "reference", "SA 2026/3"); status != http.StatusSeeOther || len(s.Queued) != 1 {
		t.Fatalf("%d %s, %d queued", status, problem(body), len(s.Queued))
	}
	if o, err := s.Engine.Follow(t.Context(), run); err != nil || o.Any() {
		t.Fatalf("%+v %v", o, err)
	}
	if _, paper := v.Get("/retention/runs/" + run + "/protocol"); !strings.Contains(paper, "SA 2026/3") || !strings.Contains(paper, "därav arkivlevererade") {
		t.Error("the protocol lacks the receipt")
	}
}
