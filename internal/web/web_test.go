package web_test

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/request"
	"github.com/gallra/gallra/internal/web"
	"github.com/gallra/gallra/internal/web/webtest"
)

// The start page shows the three areas of the house and the requests, each with
// a figure, a sentence and a way on.
func TestS1_StartPageShowsTheAreas(t *testing.T) {
	t.Parallel()
	v := webtest.New(t, true).As(t, auth.Approver)
	_, body := v.Get("/")
	panels := regexp.MustCompile(`<h2 id="panel-(\w+)"><a href="([^"]+)">([^<]+)<`).FindAllStringSubmatch(body, -1)
	var got []string
	for _, p := range panels {
		got = append(got, p[3])
	}
	if want := []string{"Uppgifter", "Leverantörer", "Gallring", "Begäranden"}; !slices.Equal(got, want) {
		t.Fatalf("panels %v, want %v", got, want)
	}
	for _, part := range []string{`class="figure`, `class="says"`, `class="act"`, `<title id="trend-`, `class="numbers"`} {
		if n := strings.Count(body, part); n < 4 {
			t.Errorf("%d of %s, want one a panel", n, part)
		}
	}
	for _, p := range panels {
		if status, _ := v.Get(p[2]); status != http.StatusOK {
			t.Errorf("%s leads to %s: %d", p[3], p[2], status)
		}
	}
}

// S5 and S9: what is missing is listed with its law and what breaking it may
// cost, in the sums of the organisation's type.
func TestS5_S9_GapsWithLawAndFine(t *testing.T) {
	t.Parallel()
	s := webtest.New(t, true)
	v := s.As(t, auth.DPO)
	_, body := v.Get("/")
	for _, want := range []string{"Chatt: skriv in avtalet med leverantören", "GDPR artikel 28", "5 miljoner kronor", "Chatt lagrar uppgifter utanför EES", "Gallringsbeslut saknas för"} {
		if !strings.Contains(body, want) {
			t.Errorf("the start page lacks %q", want)
		}
	}
	s.Config.Organisation.Type = gallra.OrgCompany
	if _, body = v.Get("/"); !strings.Contains(body, "10 miljoner euro") || strings.Contains(body, "miljoner kronor") || strings.Contains(body, "Gallringsbeslut saknas") {
		t.Error("a company is told the rules of public bodies")
	}
}

// S5: what is to be done with many systems is said once, and every one of them is
// still there with a way to it and still counted.
func TestS5_TheSameWithManySystemsIsSaidOnce(t *testing.T) {
	t.Parallel()
	s := webtest.New(t, true)
	v := s.As(t, auth.DPO)
	left := func(body string) int {
		m := regexp.MustCompile(`class="lead">(\d+) `).FindStringSubmatch(body)
		if m == nil {
			t.Fatal("how much is left is not said")
		}
		n, _ := strconv.Atoi(m[1])
		return n
	}
	_, few := v.Get("/")
	s.Grow(t, 20)
	_, many := v.Get("/")
	if got, want := left(many), left(few)+20; got != want {
		t.Errorf("%d things are left, want %d", got, want)
	}
	if n := strings.Count(many, ": sök igenom för första gången"); n != 0 {
		t.Errorf("%d lines say the same", n)
	}
	if !regexp.MustCompile(`Sök igenom 2\d system för första gången`).MatchString(many) {
		t.Error("it is not said that twenty systems wait for their first scan")
	}
	for i := range 20 {
		if n := strings.Count(many, `href="/systems/gren`+strconv.Itoa(i)+`"`); n != 1 {
			t.Errorf("system %d of twenty has %d links", i, n)
		}
	}
}

// Every route is asked for by every role and by nobody: the answer must be what
// the matrix says, and refused before anything is done.
func TestX7_PermissionMatrixOverAllRoutes(t *testing.T) {
	t.Parallel()
	s := webtest.New(t, true)
	fill := strings.NewReplacer("{$}", "", "{system}", "chatt", "{category}", "EMAIL", "{plan}", s.Plan(t), "{run}", "run-none", "{request}", s.Case,
		"{account}", "account-none", "{change}", "disable", "{session}", "session-none", "{work}", "work-none", "{wish}", "pause", "{rule}", "chatt", "{hold}", "hold-none")
	visitors := map[auth.Role]*webtest.Visitor{"": s.Visitor(t)}
	for _, r := range auth.Roles() {
		visitors[r] = s.As(t, r)
	}
	for _, rt := range web.Routes() {
		method, path, ok := strings.Cut(rt.Pattern, " ")
		if !ok || rt.May == "" || path == "/sign-out" {
			continue
		}
		path = fill.Replace(path)
		for role, v := range visitors {
			if role != "" && auth.Can(role, rt.May) {
				if method == http.MethodGet && !strings.HasSuffix(path, "/live") {
					if status, _ := v.Get(path); status == http.StatusForbidden || status == http.StatusSeeOther || status == http.StatusInternalServerError {
						t.Errorf("%s %s: %d for %s, who may", method, path, status, role)
					}
				}
				continue
			}
			status, _, to := v.Do(method, path, url.Values{})
			if role == "" && (status != http.StatusSeeOther || !strings.HasPrefix(to, "/sign-in")) {
				t.Errorf("%s %s: %d to %q for nobody, want the sign-in page", method, path, status, to)
			}
			if role != "" && status != http.StatusForbidden {
				t.Errorf("%s %s: %d for %s, who may not", method, path, status, role)
			}
		}
	}
}

// S22 and G-2: an agent plans, two approvers approve by typing the number, an
// agent runs; the records are gone from the system and the protocol says so.
func TestS22_G2_PlanApproveRun(t *testing.T) {
	t.Parallel()
	s := webtest.New(t, true)
	agent, first := s.As(t, auth.Agent), s.As(t, auth.Approver)
	second := s.Visitor(t)
	second.Post("/sign-in", "username", "approver2", "password", webtest.Password)
	status, _, to := agent.Post("/retention/plans", "rule", "chatt")
	if status != http.StatusSeeOther {
		t.Fatalf("plan: %d", status)
	}
	if _, body := agent.Get(to); !strings.Contains(body, "Planen tas fram") {
		t.Error("the plan's page does not show that it is being made")
	}
	s.Work(t)
	before := s.Count("chatt")
	_, body := first.Get(to)
	count := find(t, body, `Ska ([\d\x{a0}]+) poster gallras`)
	hash := find(t, body, `name="hash" value="([0-9a-f]{64})"`)
	if !strings.Contains(body, "Det går inte att ångra.") || !strings.Contains(body, "Sökindexet, tills det byggs om på natten") {
		t.Error("the decision does not say that it is final and what remains")
	}
	if _, body := agent.Get(to); strings.Contains(body, `/approve"`) {
		t.Error("an agent is offered the approval")
	}
	if status, _, _ := agent.Post(to+"/approve", "count", count, "hash", hash); status != http.StatusForbidden {
		t.Errorf("an agent's approval: %d", status)
	}
	if status, body, _ := first.Post(to+"/approve", "count", "1", "hash", hash); status != http.StatusUnprocessableEntity || !strings.Contains(body, "Antalet stämmer inte") {
		t.Errorf("approval with the wrong number: %d", status)
	}
	if status, _, _ := first.Post(to+"/approve", "count", count, "hash", strings.Repeat("0", 64)); status != http.StatusConflict {
		t.Errorf("approval of another hash: %d", status)
	}
	if status, _, _ := first.Post(to+"/approve", "count", count, "hash", hash); status != http.StatusSeeOther {
		t.Errorf("first approval: %d", status)
	}
	if status, _, _ := agent.Post(to + "/run"); status != http.StatusConflict {
		t.Errorf("run with one approval: %d", status)
	}
	first.Post(to+"/approve", "count", count, "hash", hash) // the same person again is not two
	if status, _, _ := agent.Post(to + "/run"); status != http.StatusConflict {
		t.Errorf("run approved twice by one person: %d", status)
	}
	if status, _, _ := second.Post(to+"/approve", "count", count, "hash", hash); status != http.StatusSeeOther {
		t.Errorf("second approval: %d", status)
	}
	status, _, run := agent.Post(to + "/run")
	if status != http.StatusSeeOther {
		t.Fatalf("run: %d", status)
	}
	if s.Count("chatt") != before {
		t.Fatal("the page itself erased something")
	}
	s.Work(t)
	_, body = agent.Get(run)
	if !strings.Contains(body, "kontrollerat på annan väg") || !strings.Contains(body, "Lika före och efter") {
		t.Errorf("the run's page does not say how it ended")
	}
	erased := strings.NewReplacer("\u00a0", "").Replace(count)
	if left := s.Count("chatt"); before-left == 0 || erased != itoa(before-left) {
		t.Errorf("%d of %d left, %s should have gone", left, before, erased)
	}
	for path, want := range map[string]string{run + "/protocol": "Gallringsprotokoll", run + "/protocol.json": `"figures_equal": true`, "/statistics": "Lika före och efter", "/statistics.csv": "2025-", "/evidence/verify": "Loggen är hel"} {
		status, body := first.Get(path)
		if status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d, without %q", path, status, want)
		}
	}
}

// W-8 over the pages: whoever decides an erasure does not approve it.
func TestW8_DecisionByTwo(t *testing.T) {
	t.Parallel()
	s := webtest.New(t, true)
	first := s.As(t, auth.Approver)
	to := "/requests/" + s.Case
	if status, body, _ := first.Post(to+"/manual", "system", "sociala", "hits", "0"); status != http.StatusSeeOther {
		t.Fatalf("manual search: %d %s", status, problem(body))
	}
	if status, body, _ := first.Post(to+"/decide", "outcome", "granted"); status != http.StatusSeeOther {
		t.Fatalf("decide: %d %s", status, problem(body))
	}
	if status, _, _ := first.Post(to + "/approve"); status != http.StatusConflict && status != http.StatusForbidden {
		t.Errorf("the one who decided approved: %d", status)
	}
	if status, _, _ := s.As(t, auth.Agent).Post(to + "/approve"); status != http.StatusForbidden {
		t.Errorf("an agent approved: %d", status)
	}
	second := s.Visitor(t)
	second.Post("/sign-in", "username", "approver2", "password", webtest.Password)
	if status, body, _ := second.Post(to + "/approve"); status != http.StatusSeeOther {
		t.Errorf("second person: %d %s", status, problem(body))
	}
	r, err := s.Desk.Get(context.Background(), s.Case)
	if err != nil || r.ApprovedBy != "approver2" || r.State != request.Decided {
		t.Errorf("%+v, %v", r, err)
	}
}

// who the person is shows nowhere until somebody says why, and
// the reading is in the log.
func TestX8_X21_PersonalValuesOnlyOnReveal(t *testing.T) {
	t.Parallel()
	s := webtest.New(t, true)
	v := s.As(t, auth.Agent)
	for _, path := range []string{"/", "/requests", "/requests?show=all", "/requests/" + s.Case, "/inventory", "/retention"} {
		if _, body := v.Get(path); strings.Contains(body, webtest.Person) || strings.Contains(body, "Test Person") {
			t.Errorf("%s shows who the person is", path)
		}
	}
	before, err := s.Log.Entries(context.Background(), s.Case)
	if err != nil {
		t.Fatal(err)
	}
	if status, body, _ := v.Post("/requests/"+s.Case+"/reveal", "reason", ""); status != http.StatusUnprocessableEntity || strings.Contains(body, webtest.Person) {
		t.Errorf("revealed without a reason: %d", status)
	}
	if _, body, _ := v.Post("/requests/"+s.Case+"/reveal", "reason", "Ringer upp"); !strings.Contains(body, webtest.Person) {
		t.Error("not revealed")
	}
	after, err := s.Log.Entries(context.Background(), s.Case)
	if err != nil || len(after) != len(before)+1 {
		t.Fatalf("%d entries became %d, %v", len(before), len(after), err)
	}
	if e := after[len(after)-1]; e.Actor != "agent" {
		t.Errorf("the reading is logged as %+v", e)
	}
	for _, r := range []auth.Role{auth.Admin, auth.DPO, auth.Auditor} {
		if status, _, _ := s.As(t, r).Post("/requests/"+s.Case+"/reveal", "reason", "nyfiken"); status != http.StatusForbidden {
			t.Errorf("%s revealed: %d", r, status)
		}
	}
}

func TestX9_HeadersAndForeignForms(t *testing.T) {
	t.Parallel()
	s := webtest.New(t, true)
	v := s.As(t, auth.Admin)
	res, err := v.Client.Get(v.Base + "/settings")
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	csp := res.Header.Get("Content-Security-Policy")
	if !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || !strings.Contains(csp, "frame-ancestors 'none'") {
		t.Errorf("policy %q", csp)
	}
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "Content-Language": "sv"} {
		if got := res.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	accounts := func() int { a, _ := s.Auth.Accounts(context.Background()); return len(a) }
	before := accounts()
	form := url.Values{"username": {"mallory"}, "name": {"M"}, "password": {"ett långt lösenord"}, "role": {"admin"}}
	status, _, _ := v.Do(http.MethodPost, "/settings/accounts", form, "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example")
	if status != http.StatusForbidden || accounts() != before {
		t.Errorf("a foreign site's form: %d, %d accounts became %d", status, before, accounts())
	}
	if status, _, _ := v.Do(http.MethodPost, "/settings/accounts", form, "Sec-Fetch-Site", "same-origin"); status != http.StatusSeeOther || accounts() != before+1 {
		t.Errorf("our own form: %d", status)
	}
}

func TestX6_SessionCookie(t *testing.T) {
	t.Parallel()
	s := webtest.New(t, true)
	v := s.Visitor(t)
	res, err := v.Client.PostForm(v.Base+"/sign-in", url.Values{"username": {"agent"}, "password": {webtest.Password}, "next": {"//evil.example/"}})
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if to := res.Header.Get("Location"); to != "/" {
		t.Errorf("sign-in sends people to %q", to)
	}
	for _, c := range res.Cookies() {
		if c.Name == "gallra_session" && (!c.HttpOnly || c.SameSite != http.SameSiteLaxMode) {
			t.Errorf("cookie %+v", c)
		}
	}
	if status, _ := v.Get("/requests"); status != http.StatusOK {
		t.Errorf("after signing in: %d", status)
	}
	v.Post("/sign-out")
	if status, _, to := v.Do(http.MethodGet, "/requests?show=all", nil); status != http.StatusSeeOther || to != "/sign-in?next=%2Frequests%3Fshow%3Dall" {
		t.Errorf("after signing out: %d to %q", status, to)
	}
	// A way on that leads elsewhere is never followed.
	for _, bad := range []string{"https://evil.example/", "//evil.example", "///evil.example", `/\evil.example`, "javascript:alert(1)", "evil"} {
		if got := web.Local(bad); got != "/" {
			t.Errorf("local(%q) = %q", bad, got)
		}
	}
}

// On the first day there is no account: every page leads to the one that makes
// the first administrator, once.
func TestX6_FirstRun(t *testing.T) {
	t.Parallel()
	s := webtest.New(t, false)
	v := s.Visitor(t)
	if status, _, to := v.Do(http.MethodGet, "/", nil); status != http.StatusSeeOther || to != "/setup" {
		t.Fatalf("%d to %q", status, to)
	}
	if status, body, _ := v.Post("/setup", "username", "per", "name", "Per", "password", "kort", "again", "kort"); status != http.StatusUnprocessableEntity || !strings.Contains(body, "minst 12 tecken") {
		t.Errorf("a short password: %d", status)
	}
	if status, _, to := v.Post("/setup", "username", "per", "name", "Per", "password", webtest.Password, "again", webtest.Password); status != http.StatusSeeOther || to != "/settings?notice=set_up" {
		t.Fatalf("%d to %q", status, to)
	}
	for _, path := range []string{"/", "/inventory", "/systems", "/retention", "/statistics", "/settings", "/account", "/accessibility"} {
		if status, body := v.Get(path); status != http.StatusOK || strings.Contains(body, "<no value>") {
			t.Errorf("%s on the first day: %d", path, status)
		}
	}
	if status, _, to := s.Visitor(t).Do(http.MethodGet, "/setup", nil); status != http.StatusSeeOther || to != "/sign-in" {
		t.Errorf("set up twice: %d to %q", status, to)
	}
}

var untranslated = regexp.MustCompile(`>\s*[a-z_]+(\.[a-z_-]+)+\s*<|\{[a-z]+\}|%!|<no value>|ZgotmplZ`)

// SE-35: every page in both languages, without a key or a placeholder showing.
func TestSE35_EveryPageInBothLanguages(t *testing.T) {
	t.Parallel()
	s := webtest.New(t, true)
	s.Alarms(t)
	plan := s.Plan(t)
	for _, role := range []auth.Role{auth.Approver, auth.Admin} {
		v := s.As(t, role)
		for _, lang := range []string{"sv", "en"} {
			if status, _, to := v.Post("/language", "lang", lang, "back", "/systems"); status != http.StatusSeeOther || to != "/systems" {
				t.Fatalf("language: %d to %q", status, to)
			}
			for _, path := range []string{"/", "/inventory", "/inventory/chatt/EMAIL", "/inventory/arenden/HEALTH", "/systems", "/systems/new", "/retention/rules/new", "/retention/rules/chatt", "/systems/chatt", "/systems/arenden", "/retention", "/retention/plans/" + plan, "/retention/holds", "/retention/holds?show=all", "/alarms", "/letters",
				"/requests", "/requests/new", "/requests/" + s.Case, "/statistics", "/evidence", "/evidence?action=run", "/evidence/verify", "/settings", "/account", "/accessibility", "/nowhere"} {
				status, body := v.Get(path)
				if status == http.StatusForbidden {
					continue
				}
				if status != http.StatusOK && path != "/nowhere" || status == http.StatusInternalServerError {
					t.Errorf("%s %s: %d", lang, path, status)
				}
				if !strings.Contains(body, `<html lang="`+lang+`">`) {
					t.Errorf("%s %s is not in its language", lang, path)
				}
				for _, m := range untranslated.FindAllString(strings.ReplaceAll(strip(body), "tawk.to", "tawk"), -1) {
					t.Errorf("%s %s shows %q", lang, path, m)
				}
			}
		}
	}
}

// strip takes out what is code and not words.
func strip(body string) string {
	return regexp.MustCompile(`(?s)<(span|small|p|li|dd|td|a)[^>]*class="[^"]*code[^"]*"[^>]*>.*?</(span|small|p|li|dd|td|a)>`).ReplaceAllString(body, "")
}

func find(t *testing.T, body, pattern string) string {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(body)
	if m == nil {
		t.Fatalf("the page lacks %s", pattern)
	}
	return m[1]
}

// problem returns what a page says was wrong.
func problem(body string) string {
	if m := regexp.MustCompile(`class="problem" role="alert"><p>([^<]*)`).FindStringSubmatch(body); m != nil {
		return m[1]
	}
	return "(no problem shown)"
}

func itoa(n int) string { return strconv.Itoa(n) }

// S5: what the to-do list asks for can be done where it leads, and then it is
// gone from the list. A password in clear is refused.
func TestS5_GapsCanBeMended(t *testing.T) {
	t.Parallel()
	s := webtest.New(t, true)
	admin, approver := s.As(t, auth.Admin), s.As(t, auth.Approver)
	if status, body, _ := admin.Post("/systems/chatt/vendor", "vendor", "Talk", "hosting", "cloud", "country", "se", "agreement", "KS 2026/1", "review", "2027-01-01", "backup_life", "p45d"); status != http.StatusSeeOther {
		t.Fatalf("vendor: %d %s", status, problem(body))
	}
	if status, body, _ := approver.Post("/retention/rules", "id", "sociala", "title", "Inlägg", "purpose", "Kundservice", "keep", "p6m", "start", "created", "action", "erase",
		"system", "sociala", "body", "Kommunstyrelsen", "number", "KS 2026/2", "date", "2026-01-01"); status != http.StatusSeeOther {
		t.Fatalf("rule: %d %s", status, problem(body))
	}
	if status, body, _ := approver.Post("/retention/rules", "old", "forum", "title", "Trådar", "purpose", "Svar", "keep", "P1Y", "start", "updated", "action", "anonymise",
		"system", "forum", "body", "Kommunstyrelsen", "number", "KS 2026/3", "date", "2026-01-01"); status != http.StatusSeeOther {
		t.Fatalf("rule: %d %s", status, problem(body))
	}
	if y, _ := s.Config.System("chatt"); y.BackupLife != "P45D" {
		t.Errorf("backups live %q", y.BackupLife)
	}
	if status, _, _ := admin.Post("/systems/chatt/vendor", "vendor", "Talk", "backup_life", "en månad"); status != http.StatusUnprocessableEntity {
		t.Errorf("backups that live en månad: %d", status)
	}
	if status, _, _ := admin.Post("/systems/chatt/vendor", "vendor", "Talk", "country", "XX"); status != http.StatusUnprocessableEntity {
		t.Errorf("a country XX: %d", status)
	}
	if _, page := admin.Get("/systems/chatt"); !strings.Contains(page, `<option value="SE" selected>Sverige</option>`) {
		t.Error("the system's country is not the chosen one of its form")
	}
	if r, _ := s.Config.Rule("forum"); r.Version != 2 {
		t.Errorf("a changed rule has version %d", r.Version)
	}
	_, body := approver.Get("/")
	for _, gone := range []string{"Chatt: skriv in avtalet", "Chatt lagrar uppgifter utanför", "Sociala medier: bestäm hur länge", "Gallringsbeslut saknas för"} {
		if strings.Contains(body, gone) {
			t.Errorf("still to do: %s", gone)
		}
	}
	for _, bad := range [][]string{{"keep", "två år"}, {"keep", ""}, {"purpose", ""}, {"action", "burn"}} {
		form := map[string]string{"id": "ny", "title": "Ny", "purpose": "Kundservice", "keep": "P1Y", "start": "created", "action": "erase", "system": "sociala"}
		form[bad[0]] = bad[1]
		var pairs []string
		for k, v := range form {
			pairs = append(pairs, k, v)
		}
		if status, _, _ := approver.Post("/retention/rules", pairs...); status != http.StatusUnprocessableEntity {
			t.Errorf("a rule with %s %q: %d", bad[0], bad[1], status)
		}
	}
	if status, body, _ := admin.Post("/systems", "name", "ny", "title", "Ny", "channel", "ticketing", "url", "postgres://gallra:hemligt@db/x"); status != http.StatusUnprocessableEntity || !strings.Contains(body, "lösenord i klartext") {
		t.Errorf("a password in clear: %d %s", status, problem(body))
	}
	if _, ok := s.Config.System("ny"); ok {
		t.Error("the system with a password in clear was added")
	}
}

// a page asks nobody else for anything, and the style sheet stays small.
func TestX12_NoForeignAsset(t *testing.T) {
	t.Parallel()
	v := webtest.New(t, true).As(t, auth.Approver)
	_, body := v.Get("/")
	for _, m := range regexp.MustCompile(`(?:src|href|action)="([^"]*)"`).FindAllStringSubmatch(body, -1) {
		if !strings.HasPrefix(m[1], "/") && !strings.HasPrefix(m[1], "#") || strings.HasPrefix(m[1], "//") {
			t.Errorf("the start page points to %q", m[1])
		}
	}
	if strings.Contains(body, "<style") || strings.Contains(body, "style=") || strings.Contains(body, "onclick") {
		t.Error("inline style or script")
	}
	css := find(t, body, `href="(/static/gallra\.css\?v=[0-9a-f]+)"`)
	status, sheet := v.Get(css)
	if status != http.StatusOK || len(sheet) > 24_000 || strings.Contains(sheet, "url(") || strings.Contains(sheet, "@import") {
		t.Errorf("style sheet: %d, %d bytes", status, len(sheet))
	}
}
