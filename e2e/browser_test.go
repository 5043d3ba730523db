// Package e2e tries the whole page in a real browser: Chromium without a
// window, and axe-core for accessibility. Tests skip, saying so, when either is
// missing: GALLRA_TEST_CHROMIUM (or /usr/bin/chromium) and GALLRA_TEST_AXE, the
// path of axe.min.js.
package e2e_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/web/webtest"
)

// tab is one browser tab in a profile of its own, on one site.
type tab struct {
	testing.TB
	ctx  context.Context
	base string

	mu     sync.Mutex
	policy []string // what broke the content policy
}

// open starts a browser with an empty profile on a site.
func open(t testing.TB, site *webtest.Site) *tab {
	t.Helper()
	srv := httptest.NewServer(site.Handler)
	t.Cleanup(srv.Close)
	return openAt(t, srv.URL)
}

// openAt starts a browser with an empty profile for the site at an address.
func openAt(t testing.TB, base string) *tab {
	t.Helper()
	path := os.Getenv("GALLRA_TEST_CHROMIUM")
	if path == "" {
		path = "/usr/bin/chromium"
	}
	if _, err := os.Stat(path); err != nil {
		t.Skip("no Chromium: set GALLRA_TEST_CHROMIUM to its path")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 12*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("lang", "sv"))
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &tab{TB: t, ctx: ctx, base: base}
	if err := chromedp.Listen(ctx, func(ev any) {
		e, ok := ev.(*audits.EventIssueAdded)
		if ok && e.Issue.Code == audits.InspectorIssueCodeContentSecurityPolicyIssue {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.policy = append(b.policy, fmt.Sprintf("%+v", e.Issue.Details.ContentSecurityPolicyIssueDetails))
		}
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, audits.Enable, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	return b
}

// beside opens the site for another person: the same browser, cookies of their own.
func (b *tab) beside() *tab {
	b.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	b.Cleanup(cancel)
	other := &tab{TB: b.TB, ctx: ctx, base: b.base}
	other.look(1280, "light")
	return other
}

// do runs browser actions; an error ends the test.
func (b *tab) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.Fatalf("%s: %v", what, err)
	}
}

// goTo opens a path and waits until the page has loaded.
func (b *tab) goTo(path string) {
	b.Helper()
	for n := 0; ; n++ {
		err := chromedp.Do(b.ctx, chromedp.Navigate(b.base+path))
		// The page may be on its way by itself: to where a form leads, or loaded anew
		// by a run that has ended. Who is first gives up, and a person would ask again.
		if err == nil || n == 5 || !strings.Contains(err.Error(), "net::ERR_ABORTED") {
			if err != nil {
				b.Fatalf("open %s: %v", path, err)
			}
			return
		}
		b.loaded()
	}
}

// eval runs JavaScript and returns its value.
func eval[T any](b *tab, js string) T {
	b.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](js))
	if err != nil {
		b.Fatalf("%.60s: %v", js, err)
	}
	return v
}

// until waits for a JavaScript condition on a page that has loaded: the address
// of a page changes before there is anything on it.
func (b *tab) until(js string) {
	b.Helper()
	js = `document.readyState === "complete" && (` + js + `)`
	for end := time.Now().Add(time.Minute); ; {
		ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](js))
		if err == nil && ok {
			return
		}
		if time.Now().After(end) {
			b.Fatalf("waited in vain for %s (%v)", js, err)
		}
		if err := chromedp.Do(b.ctx, chromedp.Sleep(50*time.Millisecond)); err != nil {
			b.Fatal(err)
		}
	}
}

// loaded waits until the page has loaded.
func (b *tab) loaded() {
	b.Helper()
	b.until(`true`)
}

// arrive waits for the address of the page, which needs no script.
func (b *tab) arrive(path string) {
	b.Helper()
	for end := time.Now().Add(time.Minute); ; {
		at, err := chromedp.Run(b.ctx, chromedp.Location())
		if err == nil && at == b.base+path {
			return
		}
		if time.Now().After(end) {
			b.Fatalf("at %s, never arrived at %s (%v)", at, path, err)
		}
		if err := chromedp.Do(b.ctx, chromedp.Sleep(50*time.Millisecond)); err != nil {
			b.Fatal(err)
		}
	}
}

// click presses the first element that matches, with what is folded away opened.
func (b *tab) click(selector string) {
	b.Helper()
	b.until(fmt.Sprintf(`document.querySelector(%q) !== null`, selector))
	eval[bool](b, fmt.Sprintf(`(e => { for (let d = e.closest("details"); d; d = d.parentElement.closest("details")) d.open = true; e.scrollIntoView(); return true })(document.querySelector(%q))`, selector))
	b.do("click "+selector, chromedp.Click(chromedp.CSS(selector)))
}

// fill writes into the fields of the form that holds each selector.
func (b *tab) fill(pairs ...string) {
	b.Helper()
	for i := 0; i+1 < len(pairs); i += 2 {
		b.until(fmt.Sprintf(`document.querySelector(%q) !== null`, pairs[i]))
		eval[bool](b, fmt.Sprintf(`(e => { for (let d = e.closest("details"); d; d = d.parentElement.closest("details")) d.open = true; return true })(document.querySelector(%q))`, pairs[i]))
		b.do("fill "+pairs[i], chromedp.SetValue(chromedp.CSS(pairs[i]), pairs[i+1]))
	}
}

// main is the text of the page's content.
func (b *tab) main() string {
	b.Helper()
	b.loaded()
	return strings.ReplaceAll(eval[string](b, `document.querySelector("main").innerText`), "\u00a0", " ")
}

// shows fails unless the content has each text.
func (b *tab) shows(want ...string) {
	b.Helper()
	text := b.main()
	for _, w := range want {
		if !strings.Contains(text, w) {
			b.Errorf("%s lacks %q:\n%s", eval[string](b, `location.pathname`), w, text)
		}
	}
}

// press sends keys to whatever has the focus.
func (b *tab) press(keys ...string) {
	b.Helper()
	for _, k := range keys {
		b.do("press", chromedp.KeyEvent(k))
	}
}

// signIn signs in by the form.
func (b *tab) signIn(r auth.Role) {
	b.Helper()
	b.goTo("/sign-in")
	b.speak("sv")
	b.do("sign in",
		chromedp.SetValue(chromedp.CSS("#username"), string(r)),
		chromedp.SetValue(chromedp.CSS("#password"), webtest.Password),
		chromedp.Submit(chromedp.CSS("form.stack")),
	)
	b.until(`location.pathname === "/"`)
}

// speak changes the language of the page.
func (b *tab) speak(lang string) {
	b.Helper()
	b.loaded()
	if eval[string](b, `document.documentElement.lang`) == lang {
		return
	}
	b.do("change language", chromedp.Click(chromedp.CSS(`form[action="/language"] button`)))
	b.until(fmt.Sprintf(`document.documentElement.lang === %q`, lang))
}

// look sets the width of the window and light or dark.
func (b *tab) look(width int64, scheme string) {
	b.Helper()
	b.do("set size", chromedp.EmulateViewport(width, 900))
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	if err != nil {
		b.Fatal(err)
	}
}

// axe returns the script of axe-core.
func axe(t testing.TB) string {
	t.Helper()
	path := os.Getenv("GALLRA_TEST_AXE")
	if path == "" {
		t.Skip("GALLRA_TEST_AXE is not set: it names axe.min.js of axe-core 4.14.1")
	}
	js, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(js)
}

// violations returns what axe-core has against the page, a line each.
func (b *tab) violations(script string) []string {
	b.Helper()
	// Figures that are being counted make the page load anew when they are there.
	b.until(`document.querySelector('[data-live="/statistics/live"]') === null`)
	eval[bool](b, script+"; true")
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]string](`axe.run(document, {resultTypes: ["violations"],
		runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then(r => r.violations.flatMap(v =>
		v.nodes.map(n => v.id + " (" + v.impact + "): " + n.target.join(" ") + " " + (n.any[0]?.message ?? n.all[0]?.message ?? n.none[0]?.message ?? ""))))`, chromedp.EvalAwaitPromise))
	if err != nil {
		b.Fatalf("axe: %v", err)
	}
	return v
}

// lines joins findings for a report.
func lines(s []string) string { return "\n  " + strings.Join(s, "\n  ") }

// tabTo presses Tab until the element has the focus.
func (b *tab) tabTo(selector string) {
	b.Helper()
	for range 120 {
		b.press(kb.Tab)
		if eval[bool](b, fmt.Sprintf(`document.activeElement.matches(%q)`, selector)) {
			return
		}
	}
	b.Fatalf("Tab never reaches %s", selector)
}

// noScript turns JavaScript off.
func (b *tab) noScript() {
	b.Helper()
	if _, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		b.Fatal(err)
	}
}

// broken returns what the browser has said of the content policy so far.
func (b *tab) broken() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.policy
}
