package e2e_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	_ "github.com/gallra/gallra/connector/manual"
	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/request"
	"github.com/gallra/gallra/internal/web/webtest"
)

// look is one way of seeing a page.
type look struct {
	lang   string
	width  int64
	scheme string
}

var looks = []look{
	{"sv", 1280, "light"}, {"sv", 390, "dark"}, {"en", 1280, "dark"}, {"en", 390, "light"},
	{"sv", 1280, "dark"}, {"sv", 390, "light"}, {"en", 1280, "light"}, {"en", 390, "dark"},
}

// SE-30: no page has anything that axe-core objects to (WCAG 2.2 AA and good
// practice), in either language, light or dark, on a wide and on a narrow
// screen; none is wider than its screen; and none breaks the content policy.
func TestSE30_NoViolationOnAnyPage(t *testing.T) {
	script := axe(t)
	for _, c := range []struct {
		name  string
		full  bool
		role  auth.Role
		pages []string
	}{
		{"signed out", true, "", []string{"/sign-in", "/accessibility"}},
		{"first run", false, "", []string{"/setup"}},
		{"approver", true, auth.Approver, []string{"/", "/inventory", "/inventory/chatt/EMAIL", "/systems", "/systems/chatt", "/systems/sociala", "/retention", "/retention/holds", "/retention/documents", "/retention/tasks", "/retention/deliveries", "/retention/rules/new?template=preskription", "/retention/rules/chatt", "/retention/plans/PLAN", "/retention/runs/RUN",
			"/retention/runs/RUN/protocol", "/requests", "/requests/new", "/requests/CASE", "/alarms", "/letters", "/statistics", "/evidence", "/evidence/verify", "/account", "/nowhere", "/settings"}},
		{"administrator", true, auth.Admin, []string{"/", "/systems/chatt", "/systems/new", "/settings"}},
		{"first day", false, auth.Admin, []string{"/", "/inventory", "/systems", "/retention", "/statistics", "/settings"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			site := webtest.New(t, c.full)
			b := open(t, site)
			paths := c.pages
			if c.full {
				run := site.Run(t)
				site.Alarms(t)
				site.Deliver(t)
				fill := strings.NewReplacer("CASE", site.Case, "PLAN", site.Plan(t), "RUN", run)
				for i := range paths {
					paths[i] = fill.Replace(paths[i])
				}
			}
			switch {
			case c.role != "" && c.full:
				b.signIn(c.role)
			case c.role != "":
				site.SetUp(t)
				b.signIn(c.role)
			default:
				b.goTo(paths[0])
			}
			for i, l := range looks {
				b.look(l.width, l.scheme)
				b.speak(l.lang)
				for _, p := range paths {
					// The first four looks meet both languages, schemes and widths.
					if i >= 4 && testing.Short() {
						continue
					}
					b.goTo(p)
					if bad := b.violations(script); len(bad) > 0 {
						t.Errorf("%v %s:%s", l, p, lines(bad))
					}
					if over := eval[int](b, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
						t.Errorf("%v %s is %d pixels wider than the screen", l, p, over)
					}
				}
			}
			if bad := b.broken(); len(bad) > 0 {
				t.Errorf("the content policy was broken:%s", lines(bad))
			}
		})
	}
}

// SE-30: what stands behind a form too: a hit being read, samples of findings
// and of a plan, a correction, an erasure done by hand, its certificate in both
// copies, a task to sign, and a form that is refused.
func TestSE30_NoViolationBehindForms(t *testing.T) {
	script := axe(t)
	site := webtest.New(t, true)
	plan, run := site.Plan(t), site.Task(t)
	agent, approver := site.As(t, auth.Agent), site.As(t, auth.Approver)
	corrected, erased := review(t, site, agent, request.Rectification), review(t, site, agent, request.Erasure)
	must(t, agent, corrected+"/decide", "outcome", "granted", "reason", "styrkt")
	b := open(t, site)
	b.signIn(auth.Approver)
	check := func(l look, name string) {
		t.Helper()
		b.loaded()
		if bad := b.violations(script); len(bad) > 0 {
			t.Errorf("%v %s:%s", l, name, lines(bad))
		}
		if over := eval[int](b, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
			t.Errorf("%v %s is %d pixels wider than the screen", l, name, over)
		}
	}
	posted := []struct{ name, from, form, shows string }{
		{"reading", "/requests/" + site.Case, `button[form="read"]`, `main .sheet`},
		{"samples", "/inventory/arenden/EMAIL", `form.below button`, `#samples`},
		{"samples of a plan", "/retention/plans/" + plan, `form[action$="/sample"] button`, `dd.read`},
		{"a refused approval", "/retention/plans/" + plan, `form[action$="/approve"]`, `.problem`},
	}
	for _, l := range looks[:4] {
		b.look(l.width, l.scheme)
		b.speak(l.lang)
		for _, p := range posted {
			b.goTo(p.from)
			eval[bool](b, fmt.Sprintf(`document.querySelectorAll("details").forEach(d => d.open = true), ((e) => { if (e.tagName === "FORM") { e.noValidate = true; e.requestSubmit() } else e.click() })(document.querySelector(%q)), true`, p.form))
			b.until(fmt.Sprintf(`document.querySelector(%q) !== null || document.querySelector(".page-error") !== null`, p.shows))
			if text := eval[string](b, `document.querySelector(".page-error main")?.textContent ?? ""`); text != "" {
				t.Fatalf("%s: %s", p.name, text)
			}
			check(l, p.name)
		}
	}
	must(t, agent, erased+"/decide", "outcome", "granted", "reason", "17.1 b")
	must(t, approver, erased+"/approve")
	must(t, agent, erased+"/execute")
	site.WorkCases(t)
	_, byHand := agent.Get(erased)
	for _, l := range looks[:4] {
		b.look(l.width, l.scheme)
		b.speak(l.lang)
		for _, path := range []string{corrected, erased, "/retention/tasks", "/retention/runs/" + run, "/retention/runs/" + run + "/protocol"} {
			b.goTo(path)
			eval[bool](b, `document.querySelectorAll("details").forEach(d => d.open = true), true`)
			check(l, path)
		}
	}
	for _, m := range regexp.MustCompile(`/by-hand".*?name="item" value="(\d+)"`).FindAllStringSubmatch(byHand, -1) {
		must(t, agent, erased+"/by-hand", "item", m[1], "outcome", "erased", "reason", "Leverantörens ärende 4711")
	}
	must(t, agent, erased+"/verify")
	site.WorkCases(t)
	for _, l := range looks[:4] {
		b.look(l.width, l.scheme)
		b.speak(l.lang)
		for _, path := range []string{erased + "/certificate", erased + "/certificate?copy=full", erased} {
			b.goTo(path)
			check(l, path)
		}
	}
	if bad := b.broken(); len(bad) > 0 {
		t.Errorf("the content policy was broken:%s", lines(bad))
	}
}

// review registers a request and brings it to review over the page.
func review(t *testing.T, s *webtest.Site, v *webtest.Visitor, r request.Right) string {
	t.Helper()
	status, _, to := v.Post("/requests", "right", string(r), "channel", "email", "name", "Test Person", "id_email", webtest.Person)
	if status != http.StatusSeeOther {
		t.Fatalf("register: %d", status)
	}
	to, _, _ = strings.Cut(to, "?")
	must(t, v, to+"/identify", "method", "known_address")
	must(t, v, to+"/search")
	s.WorkCases(t)
	for _, c := range s.Config.Systems {
		if c.Name == "sociala" || c.Name == "parmar" {
			must(t, v, to+"/manual", "system", string(c.Name), "hits", "0")
		}
	}
	v.Post(to+"/judge", "all", "probable", "all", "unsure", "decision", "exclude", "reason", "annan person")
	return to
}

func must(t *testing.T, v *webtest.Visitor, path string, pairs ...string) {
	t.Helper()
	if status, _, _ := v.Post(path, pairs...); status != http.StatusSeeOther {
		t.Fatalf("%s: %d", path, status)
	}
}

// SE-30: sign-in, plan and approval by keyboard alone.
func TestSE30_ApprovalByKeyboardAlone(t *testing.T) {
	site := webtest.New(t, true)
	b := open(t, site)
	b.look(1280, "light")
	b.goTo("/sign-in")
	b.speak("sv")
	b.tabTo("#username")
	b.press("approver", kb.Tab, webtest.Password, kb.Enter)
	b.until(`location.pathname === "/"`)
	// The first stop of every page leads past the navigation.
	b.press(kb.Tab)
	if got := eval[string](b, `document.activeElement.className`); got != "skip" {
		t.Errorf("the first stop is %q, want the link to the content", got)
	}
	b.press(kb.Enter)
	b.until(`document.activeElement.id === "main"`)
	b.tabTo(`nav a[href="/retention"]`)
	b.press(kb.Enter)
	b.until(`location.pathname === "/retention"`)
	b.tabTo(`th a[href^="/retention/plans/"]`)
	b.press(kb.Enter)
	b.until(`location.pathname.startsWith("/retention/plans/")`)
	count := eval[string](b, `document.querySelector("#decide").textContent.replace(/\D/g, "")`)
	b.tabTo("#count")
	b.press(count, kb.Tab)
	if w := eval[string](b, `getComputedStyle(document.activeElement).outlineStyle`); w == "none" {
		t.Error("the focus does not show on the button that decides")
	}
	b.press(kb.Enter)
	b.until(`document.querySelector(".notice") !== null`)
	if text := eval[string](b, `document.querySelector(".notice").textContent`); !strings.Contains(text, "godkännande är antecknat") {
		t.Errorf("after approving: %q", text)
	}
}

// SE-30: intake by keyboard alone.
func TestSE30_IntakeByKeyboardAlone(t *testing.T) {
	site := webtest.New(t, true)
	b := open(t, site)
	b.look(1280, "light")
	b.signIn(auth.Agent)
	b.goTo("/requests/new")
	b.tabTo(`input[name="right"]`)
	b.press(" ")
	b.tabTo("#name")
	b.press("Anna Lindqvist")
	b.tabTo("#id_email")
	b.press("anna@example.org", kb.Enter)
	b.until(`location.pathname !== "/requests/new" && document.querySelector(".notice") !== null`)
	if where := eval[string](b, `location.pathname`); !strings.HasPrefix(where, "/requests/B") {
		t.Errorf("registered to %s", where)
	}
}

// Progress is told while the page stands open, without a reload, and the page
// shows the end when it comes.
func TestLiveProgress(t *testing.T) {
	site := webtest.New(t, true)
	b := open(t, site)
	b.look(1280, "light")
	b.signIn(auth.Admin)
	b.goTo("/systems/sociala")
	b.until(`document.title.includes("17")`)
	eval[bool](b, `window.same = true`)
	site.Progress(t, 9200)
	b.until(`document.querySelector("progress").value === 9200`)
	if !eval[bool](b, `window.same === true`) {
		t.Error("the page was loaded anew to show progress")
	}
	site.Progress(t, 18400)
	b.until(`document.querySelector("progress") === null`)
}

// Without JavaScript everything is there and progress is a link away.
func TestWithoutJavaScript(t *testing.T) {
	site := webtest.New(t, true)
	b := open(t, site)
	b.look(1280, "light")
	b.goTo("/sign-in")
	b.speak("sv")
	b.noScript()
	b.goTo("/sign-in")
	b.do("sign in", chromedp.SendKeys(chromedp.CSS("#username"), "admin"), chromedp.SendKeys(chromedp.CSS("#password"), webtest.Password+kb.Enter))
	b.arrive("/")
	b.goTo("/systems/sociala")
	text, err := chromedp.Run(b.ctx, chromedp.Text(chromedp.CSS("main")))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Pågår", "3\u00a0120 av 18\u00a0400", "Visa hur långt det har kommit nu", "Pausa"} {
		if !strings.Contains(text, want) {
			t.Errorf("without JavaScript the page lacks %q", want)
		}
	}
}

// Arrow keys walk through the links of a table.
func TestTableByArrowKeys(t *testing.T) {
	b := open(t, webtest.New(t, true))
	b.look(1280, "light")
	b.signIn(auth.Approver)
	b.goTo("/systems")
	b.tabTo(`th a[href="/systems/arenden"]`)
	b.press(kb.ArrowDown, kb.ArrowDown)
	if got := eval[string](b, `document.activeElement.getAttribute("href")`); got != "/systems/chatt" {
		t.Errorf("two down from the first system is %s", got)
	}
	b.press(kb.ArrowUp)
	if got := eval[string](b, `document.activeElement.getAttribute("href")`); got != "/systems/epost" {
		t.Errorf("one up again is %s", got)
	}
}

func (l look) String() string { return fmt.Sprintf("%s %d %s", l.lang, l.width, l.scheme) }
