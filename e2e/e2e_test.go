package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/gallra/gallra/internal/auth"
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
		{"approver", true, auth.Approver, []string{"/", "/inventory", "/inventory/chatt/EMAIL", "/systems", "/systems/chatt", "/systems/sociala", "/retention", "/retention/holds", "/retention/rules/new", "/retention/rules/chatt", "/retention/plans/PLAN", "/retention/runs/RUN",
			"/retention/runs/RUN/protocol", "/requests", "/requests/new", "/requests/CASE", "/statistics", "/evidence", "/evidence/verify", "/account", "/nowhere", "/settings"}},
		{"administrator", true, auth.Admin, []string{"/", "/systems/chatt", "/systems/new", "/settings"}},
		{"first day", false, auth.Admin, []string{"/", "/inventory", "/systems", "/retention", "/statistics", "/settings"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			site := webtest.New(t, c.full)
			b := open(t, site)
			paths := c.pages
			if c.full {
				run := site.Run(t)
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
