package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/web/webtest"
)

// V-2, H-16: a letter's whole way on the page, and what is to be done about it
// on the start page at each step.
func TestV2_LetterFromWritingToProofOnThePage(t *testing.T) {
	s := webtest.New(t, true)
	v := s.As(t, auth.Agent)
	if status, body, _ := v.Post("/letters", "system", "sociala", "vendor", "generic", "action", "erase", "id_email", "borta@example.org", "lang", "sv"); status != http.StatusUnprocessableEntity || !strings.Contains(body, "value=\"generic\" selected") {
		t.Errorf("without an address: %d", status)
	}
	status, body, _ := v.Post("/letters", "system", "sociala", "vendor", "kundo", "action", "erase", "id_email", "borta@example.org", "id_name", "Bo Rta", "matter", s.Case, "lang", "sv")
	if status != http.StatusOK || !strings.Contains(body, "Vi har bekräftat personen/personernas identitet.") || !strings.Contains(body, "borta@example.org") {
		t.Fatalf("%d: %s", status, body)
	}
	text := find(t, body, `(?s)<pre[^>]*>(.*?)</pre>`)
	todo := func(want string) {
		t.Helper()
		v = s.As(t, auth.Agent)
		if _, body := v.Get("/"); !strings.Contains(body, want) {
			t.Errorf("the start page lacks %q", want)
		}
	}
	todo("skicka brevet till leverantören")
	_, body = v.Get("/letters")
	id := find(t, body, `action="/letters/(letter-[^/"]+)/sent"`)
	if strings.Contains(body, "borta@") || strings.Contains(body, "Bo Rta") {
		t.Error("the list shows who it is about")
	}
	if _, again, _ := v.Post("/letters/"+id+"/show", "id_email", "borta@example.org", "id_name", "Bo Rta", "lang", "sv"); find(t, again, `(?s)<pre[^>]*>(.*?)</pre>`) != text {
		t.Error("the letter is not the same when it is shown again")
	}
	day := s.Now.Format("2006-01-02")
	if status, _, _ := v.Post("/letters/"+id+"/sent", "on", day); status != http.StatusSeeOther {
		t.Fatalf("sent: %d", status)
	}
	if status, _, _ := v.Post("/letters/"+id+"/remind", "lang", "sv"); status != http.StatusConflict {
		t.Errorf("reminded before its day: %d", status)
	}
	s.Now = s.Now.AddDate(0, 2, 0)
	todo("påminn leverantören")
	status, body, _ = v.Post("/letters/"+id+"/remind", "lang", "sv")
	if status != http.StatusOK || !strings.Contains(body, "Påminnelse") || strings.Contains(body, "borta@") {
		t.Errorf("reminder: %d", status)
	}
	reminder := find(t, body, `(?s)<pre[^>]*>(.*?)</pre>`)
	if _, again, _ := v.Post("/letters/"+id+"/show", "lang", "sv"); find(t, again, `(?s)<pre[^>]*>(.*?)</pre>`) != reminder {
		t.Error("the reminder is not the same when it is shown again")
	}
	s.Now = s.Now.AddDate(0, 2, 0)
	todo("gå till nästa instans")
	if status, body, _ = v.Post("/letters/"+id+"/remind", "lang", "en"); status != http.StatusOK || !strings.Contains(body, "28(3)(e)") {
		t.Errorf("escalation: %d", status)
	}
	if status, _, _ := v.Post("/letters/"+id+"/answer", "on", s.Now.Format("2006-01-02"), "proof", "xyz"); status != http.StatusUnprocessableEntity {
		t.Errorf("a proof that is none: %d", status)
	}
	if status, _, _ := v.Post("/letters/"+id+"/answer", "on", s.Now.Format("2006-01-02"), "proof", strings.Repeat("ab", 32), "gone_by", "2027-01-01"); status != http.StatusSeeOther {
		t.Errorf("answer: %d", status)
	}
	todo("se efter att leverantören har gjort det den säger")
	if status, _, _ := v.Post("/letters/"+id+"/recheck", "left", "3"); status != http.StatusSeeOther {
		t.Errorf("recheck: %d", status)
	}
	todo("påminn leverantören")
	status, body, _ = v.Post("/letters/"+id+"/remind", "lang", "sv")
	if status != http.StatusOK || !strings.Contains(body, "Påminnelse") {
		t.Errorf("reminded of what was left: %d", status)
	}
	reminder = find(t, body, `(?s)<pre[^>]*>(.*?)</pre>`)
	if _, again, _ := v.Post("/letters/"+id+"/show", "lang", "sv"); find(t, again, `(?s)<pre[^>]*>(.*?)</pre>`) != reminder {
		t.Errorf("the second reminder is not the same when it is shown again")
	}
	if status, _, _ := v.Post("/letters/"+id+"/answer", "on", s.Now.Format("2006-01-02"), "proof", strings.Repeat("cd", 32)); status != http.StatusSeeOther {
		t.Error("second answer")
	}
	if status, _, _ := v.Post("/letters/"+id+"/recheck", "left", "0"); status != http.StatusSeeOther {
		t.Error("second recheck")
	}
	if _, body = v.Get("/"); strings.Contains(body, "/letters#") {
		t.Error("what is ended is still to do")
	}
	if _, body = v.Get("/letters"); !strings.Contains(body, "Avslutade") || !strings.Contains(body, strings.Repeat("cd", 32)) {
		t.Error("the ended letter and its proof are not shown")
	}
	if status, _, _ := s.As(t, auth.DPO).Post("/letters", "system", "sociala", "vendor", "kundo", "action", "erase", "id_email", "x@example.org"); status != http.StatusForbidden {
		t.Errorf("a DPO writes: %d", status)
	}
}
