package web_test

import (
	"archive/zip"
	"context"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/hold"
	"github.com/gallra/gallra/internal/request"
	"github.com/gallra/gallra/internal/web/webtest"
)

// logged returns the entries of the log about an action, in order.
func logged(t *testing.T, s *webtest.Site, action string) []evidence.Entry {
	t.Helper()
	es, err := s.Log.Recent(context.Background(), 0, 500)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(es)
	return slices.DeleteFunc(es, func(e evidence.Entry) bool { return e.Action != action })
}

// W-7, X-8, X-21: a hit's text is read live and masked; in clear it takes a
// reason, and each reading is in the log without a value.
func TestW7_X8_HitIsReadMasked(t *testing.T) {
	t.Parallel()
	s := webtest.New(t, true)
	v := s.As(t, auth.Agent)
	items, err := s.Desk.Items(context.Background(), s.Case)
	i := slices.IndexFunc(items, func(it request.Item) bool { return it.Ref.Type == "conversation" })
	if err != nil || i < 0 {
		t.Fatal(i, err)
	}
	n := itoa(items[i].N)
	status, body, _ := v.Post("/requests/"+s.Case+"/read", "item", n)
	if status != http.StatusOK || !strings.Contains(body, "vet mer") {
		t.Fatalf("masked reading: %d %s", status, problem(body))
	}
	for _, bare := range []string{webtest.Person, "070-174 06 05", "berit@example.com", "Test Person"} {
		if strings.Contains(body, bare) {
			t.Errorf("the masked text shows %q", bare)
		}
	}
	if !strings.Contains(body, "<mark") {
		t.Error("nothing in the text is marked as masked")
	}
	if status, _, _ := v.Post("/requests/"+s.Case+"/read", "item", n, "reveal", "1"); status != http.StatusUnprocessableEntity {
		t.Errorf("in clear without a reason: %d", status)
	}
	status, body, _ = v.Post("/requests/"+s.Case+"/read", "item", n, "reveal", "1", "reason", "granska bilagan")
	if status != http.StatusOK || !strings.Contains(body, "berit@example.com") {
		t.Errorf("in clear with a reason: %d", status)
	}
	es := logged(t, s, "request.read_item")
	if len(es) != 2 {
		t.Fatalf("%d readings in the log, want 2", len(es))
	}
	for _, e := range es {
		if e.Subject != s.Case || e.Actor != "agent" || e.Counts["EMAIL"] == 0 {
			t.Errorf("log entry %+v", e)
		}
	}
	if status, _, _ := s.As(t, auth.DPO).Post("/requests/"+s.Case+"/read", "item", n); status != http.StatusForbidden {
		t.Errorf("a reader without the permission: %d", status)
	}
}

// samples of findings are masked, at most five, and logged.
func TestX21_SamplesAreMasked(t *testing.T) {
	t.Parallel()
	s := webtest.New(t, true)
	v := s.As(t, auth.Agent)
	for _, row := range []struct{ path, typ, field, rule, bare string }{
		{"/inventory/arenden/EMAIL", "message", "body", "email/form", "berit@example.com"},
		{"/inventory/arenden/EMAIL", "conversation", "contact_email", "field", "kund1@example.org"},
	} {
		status, body, _ := v.Post(row.path, "type", row.typ, "field", row.field, "rule", row.rule)
		got := strings.Count(body, `class="read"`)
		if status != http.StatusOK || got == 0 && row.typ != "conversation" || got > 5 {
			t.Errorf("%s %s: %d with %d samples (%s)", row.path, row.field, status, got, problem(body))
		}
		if strings.Contains(body, row.bare) || strings.Contains(body, "070-174") {
			t.Errorf("%s %s shows a value", row.path, row.field)
		}
	}
	if n := len(logged(t, s, "inventory.samples")); n == 0 {
		t.Error("the log does not tell of it")
	}
	if status, _, _ := s.As(t, auth.Admin).Post("/inventory/arenden/EMAIL", "type", "message", "field", "body", "rule", "email/form"); status != http.StatusForbidden {
		t.Errorf("an administrator sees customers' texts: %d", status)
	}
}

// W-20: a hold is placed and released from the page, its review is six months
// on at the latest, and one that is overdue alarms and goes on holding.
func TestW20_Holds(t *testing.T) {
	t.Parallel()
	s := webtest.New(t, true)
	agent, approver := s.As(t, auth.Agent), s.As(t, auth.Approver)
	place := func(review, reason string) (int, string) {
		status, body, _ := agent.Post("/retention/holds", "kind", "legal", "what", "arenden/conversation", "id", "8", "reason", reason, "review", review)
		return status, body
	}
	if status, _ := place("2026-09-03", "Tvist"); status != http.StatusUnprocessableEntity {
		t.Errorf("a review more than six months on: %d", status)
	}
	if status, _ := place("", ""); status != http.StatusUnprocessableEntity {
		t.Errorf("no reason: %d", status)
	}
	if status, body := place("2026-04-01", "Tvist om bygglov"); status != http.StatusSeeOther {
		t.Fatalf("%d %s", status, problem(body))
	}
	covers := func() bool {
		set, err := hold.Load(context.Background(), s.DB, "arenden")
		if err != nil {
			t.Fatal(err)
		}
		_, ok := set.Covers(gallra.Ref{System: "arenden", Type: "conversation", ID: "8"}, gallra.Ref{}, gallra.Ref{})
		return ok
	}
	if !covers() {
		t.Fatal("the hold holds nothing")
	}
	if _, body := approver.Get("/retention/holds"); strings.Contains(body, "Skulle ha omprövats") {
		t.Error("a new hold is overdue")
	}
	s.Now = s.Now.AddDate(0, 1, 5)
	agent, approver = s.As(t, auth.Agent), s.As(t, auth.Approver)
	_, body := approver.Get("/retention/holds")
	if !strings.Contains(body, "Skulle ha omprövats") || !covers() {
		t.Error("an overdue review does not show, or released the hold")
	}
	if _, start := approver.Get("/"); !strings.Contains(start, "Ompröva spärren") {
		t.Error("the to-do list lacks the overdue review")
	}
	id := find(t, body, `/retention/holds/(hold-[^/"]+)/release`)
	if status, _, _ := agent.Post("/retention/holds/" + id + "/release"); status != http.StatusForbidden {
		t.Errorf("an agent releases a hold: %d", status)
	}
	if status, _, _ := approver.Post("/retention/holds/" + id + "/release"); status != http.StatusSeeOther || covers() {
		t.Errorf("release: %d, still held %v", status, covers())
	}
}

// W-20: a person and a selection are put on hold from the page. Neither the page
// nor the store keeps what a person is known by; what does not exist is refused.
func TestW20_PersonAndSelectionOnThePage(t *testing.T) {
	t.Parallel()
	s := webtest.New(t, true)
	agent := s.As(t, auth.Agent)
	status, body, _ := agent.Post("/retention/holds", "scope", "person", "kind", "legal", "reason", "Tvist", "id_email", "kund3@example.org", "id_phone", "12")
	if status != http.StatusUnprocessableEntity || strings.Contains(body, "kund3") || !strings.Contains(body, "ingen fullständig uppgift") {
		t.Errorf("half a number: %d %s", status, problem(body))
	}
	for name, form := range map[string][]string{
		"no such record":    {"what", "arenden/conversation", "id", "99999999"},
		"a whole system":    {"what", "arenden", "where", "queue=Skola"},
		"one of one":        {"what", "arenden/conversation", "id", "8", "where", "queue=Skola"},
		"no such field":     {"what", "arenden/conversation", "where", "subject=Fråga 7"},
		"no condition":      {"what", "arenden/conversation", "where", "Skola"},
		"a field twice":     {"what", "arenden/conversation", "where", "queue=Skola\nqueue=Vatten"},
		"an end before":     {"what", "arenden/conversation", "from", "2026-01-01", "before", "2025-01-01"},
		"nobody":            {"scope", "person"},
		"half a word":       {"scope", "person", "id_personnummer", "8503"},
		"no day":            {"what", "arenden/conversation", "from", "i går"},
		"no such type":      {"what", "arenden/ticket"},
		"no system at all":  {"what", "nowhere"},
		"an empty question": {"what", ""},
	} {
		if status, body, _ := agent.Post("/retention/holds", append([]string{"kind", "legal", "reason", "Tvist"}, form...)...); status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %s", name, status, problem(body))
		}
	}
	if status, body, _ := agent.Post("/retention/holds", "kind", "legal", "reason", "Tvist", "what", "arenden/conversation", "where", "queue=Skola", "before", "2025-01-01"); status != http.StatusSeeOther {
		t.Fatalf("a selection: %d %s", status, problem(body))
	}
	if status, body, _ := agent.Post("/retention/holds", "scope", "person", "kind", "legal", "reason", "Tillsyn", "id_email", "Kund3@example.org"); status != http.StatusSeeOther {
		t.Fatalf("a person: %d %s", status, problem(body))
	}
	_, body = agent.Get("/retention/holds")
	for _, want := range []string{"queue=Skola", "skapad före 2025-01-01", "känd genom e-post, i alla system"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(body, "kund3") {
		t.Error("the page tells who it is")
	}
	list, err := hold.Register{DB: s.DB, Log: s.Log}.List(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	refs := 0
	for _, h := range list {
		if h.Reason != "Tillsyn" {
			continue
		}
		for _, target := range h.Targets {
			if target.Ref.ID != "" {
				refs++
			}
		}
	}
	if refs < 4 { // a conversation in each of four systems
		t.Errorf("%d records of the person are held from now on", refs)
	}
}

// open registers a request of a right and brings it to review over the page.
func open(t *testing.T, s *webtest.Site, v *webtest.Visitor, r request.Right) string {
	t.Helper()
	status, body, to := v.Post("/requests", "right", string(r), "channel", "email", "name", "Test Person", "id_email", webtest.Person)
	if status != http.StatusSeeOther {
		t.Fatalf("register: %d %s", status, problem(body))
	}
	to, _, _ = strings.Cut(to, "?")
	for _, step := range [][]string{{"identify", "method", "known_address"}, {"search"}} {
		if status, body, _ := v.Post(to+"/"+step[0], step[1:]...); status != http.StatusSeeOther {
			t.Fatalf("%s: %d %s", step[0], status, problem(body))
		}
	}
	s.WorkCases(t)
	step(t, v, to+"/manual", "system", "sociala", "hits", "0") // no connector there: a person has looked
	v.Post(to+"/judge", "all", "probable", "all", "unsure", "decision", "exclude", "reason", "annan person")
	return to
}

func step(t *testing.T, v *webtest.Visitor, path string, pairs ...string) {
	t.Helper()
	if status, body, _ := v.Post(path, pairs...); status != http.StatusSeeOther {
		t.Fatalf("%s: %d %s", path, status, problem(body))
	}
}

// A12 and X-3: the package of an access request is made, sealed and fetched;
// the neighbour's address is not in it.
func TestA15_PackageOfAnAccessRequest(t *testing.T) {
	t.Parallel()
	s := webtest.New(t, true)
	v := s.As(t, auth.Agent)
	to := open(t, s, v, request.Access)
	step(t, v, to+"/decide", "outcome", "granted", "reason", "alla träffar är personens")
	if _, body := v.Get(to); strings.Contains(body, to+"/fetch") {
		t.Error("a package that is not made can be fetched")
	}
	step(t, v, to+"/package", "lang", "sv")
	if _, body := v.Get(to); !strings.Contains(body, to+"/fetch") {
		t.Error("the page does not offer the package")
	}
	if status, _, _ := v.Post(to + "/fetch"); status != http.StatusConflict { // SE-8
		t.Errorf("fetched without a secrecy test: %d", status)
	}
	step(t, v, to+"/secrecy", "result", "no")
	res, err := v.Client.PostForm(v.Base+to+"/fetch", url.Values{})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.Header.Get("Content-Type") != "application/zip" || !strings.HasPrefix(res.Header.Get("Content-Disposition"), "attachment") {
		t.Fatalf("%v %v", err, res.Header)
	}
	z, err := zip.NewReader(strings.NewReader(string(b)), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(&all, r); err != nil {
			t.Fatal(err)
		}
		r.Close()
	}
	if !strings.Contains(all.String(), webtest.Person) || strings.Contains(all.String(), "berit@example.com") {
		t.Error("the package lacks the person, or holds another one")
	}
	if len(logged(t, s, "request.package_read")) != 1 {
		t.Error("the fetch is not in the log")
	}
}

// D9: the certificate of an erasure; the person's copy tells no decider.
func TestD9_CertificateOnThePage(t *testing.T) {
	t.Parallel()
	s := webtest.New(t, true)
	v := s.As(t, auth.Agent)
	to := open(t, s, v, request.Erasure)
	if status, _ := v.Get(to + "/certificate"); status != http.StatusConflict {
		t.Errorf("a certificate before anything was done: %d", status)
	}
	step(t, v, to+"/decide", "outcome", "granted", "reason", "17.1 b")
	step(t, s.As(t, auth.Approver), to+"/approve")
	step(t, v, to+"/execute")
	s.WorkCases(t)
	// What no system can be told to do is done by hand, with its proof.
	_, body := v.Get(to)
	for _, m := range regexp.MustCompile(`/by-hand".*?name="item" value="(\d+)"`).FindAllStringSubmatch(body, -1) {
		if status, _, _ := v.Post(to+"/by-hand", "item", m[1], "outcome", "erased"); status != http.StatusUnprocessableEntity {
			t.Errorf("by hand without proof: %d", status)
		}
		step(t, v, to+"/by-hand", "item", m[1], "outcome", "erased", "reason", "Leverantörens ärende 4711")
	}
	step(t, v, to+"/verify")
	s.WorkCases(t)
	status, person := v.Get(to + "/certificate")
	if status != http.StatusOK || !strings.Contains(person, "Raderingsintyg") {
		t.Fatalf("%d %s", status, problem(person))
	}
	main := person[strings.Index(person, "<article"):strings.Index(person, "</article>")]
	_, full := v.Get(to + "/certificate?copy=full")
	full = full[strings.Index(full, "<article"):strings.Index(full, "</article>")]
	if strings.Contains(main, "approver") || strings.Contains(main, "agent") || !strings.Contains(full, "approver") {
		t.Error("who decided stands in the wrong copy")
	}
	for _, copy := range []string{main, full} {
		if strings.Contains(copy, webtest.Person) || strings.Contains(copy, "Test Person") || strings.Contains(copy, "<style") {
			t.Error("the certificate holds a value or a style of its own")
		}
	}
}

// A16: a correction from the page stands in the system.
func TestA16_CorrectionFromThePage(t *testing.T) {
	t.Parallel()
	s := webtest.New(t, true)
	v := s.As(t, auth.Agent)
	to := open(t, s, v, request.Rectification)
	step(t, v, to+"/decide", "outcome", "granted", "reason", "styrkt")
	_, body := v.Get(to)
	if !strings.Contains(body, to+"/correct") {
		t.Fatal("the page does not offer to correct")
	}
	step(t, v, to+"/correct", "kind", "email", "old", webtest.Person, "new", "ny.adress@example.org")
	if len(logged(t, s, "request.rectify")) == 0 {
		t.Error("nothing was corrected")
	}
	for _, e := range logged(t, s, "request.rectify") {
		if strings.Contains(e.Reason, "@") {
			t.Error("the log holds the value")
		}
	}
}
