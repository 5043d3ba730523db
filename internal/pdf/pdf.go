// Package pdf prints a page of ours to a tagged PDF with the Chromium that is
// installed. HTML is the document; the PDF is the same document on paper, with
// its headings, its table headers and its language kept for a screen reader
// (REQUIREMENTS section 6). Where there is no Chromium the package says so and
// the caller delivers the HTML.
//
// The browser is given the page over a pipe and nothing else: no network, no
// script, no environment of ours, and a profile that is removed afterwards.
package pdf

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/gallra/gallra"
)

// BrowserVar names the variable that says which browser to use.
const BrowserVar = "GALLRA_CHROMIUM"

// names are the programs looked for when BrowserVar is not set, in order.
var names = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"}

// Browser returns the program that prints; false when there is none. getenv is
// os.LookupEnv, or a test's.
func Browser(getenv func(string) (string, bool)) (string, bool) {
	if p, ok := getenv(BrowserVar); ok {
		path, err := exec.LookPath(p)
		return path, err == nil
	}
	for _, n := range names {
		if path, err := exec.LookPath(n); err == nil {
			return path, true
		}
	}
	return "", false
}

// ErrNoBrowser is the answer where nothing can print: an Unavailable error.
var ErrNoBrowser = gallra.Errorf(gallra.Unavailable, "pdf.no_browser")

// Printer prints pages, one at a time: a browser takes more memory than the
// rest of the program. The zero value looks for the browser in the environment;
// it is safe for concurrent use.
type Printer struct {
	Path   string        // of the browser; "": see Browser
	Within time.Duration // after which a page is given up; 0: a minute

	turn chan struct{}
}

// New returns a printer that uses the browser at path, "" to look for one at
// every page, so that one installed later is found.
func New(path string) *Printer { return &Printer{Path: path, turn: make(chan struct{}, 1)} }

// Able reports whether there is a browser to print with.
func (p *Printer) Able() bool {
	if p == nil {
		return false
	}
	_, ok := p.browser()
	return ok
}

func (p *Printer) browser() (string, bool) {
	if p.Path != "" {
		return p.Path, true
	}
	return Browser(os.LookupEnv)
}

// Print returns the page as a tagged PDF in A4. The page must stand alone: what
// it points to is not fetched. ErrNoBrowser when nothing can print.
func (p *Printer) Print(ctx context.Context, html []byte) ([]byte, error) {
	path, ok := p.browser()
	if !ok {
		return nil, ErrNoBrowser
	}
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return nil, fmt.Errorf("pdf: %w", ctx.Err())
	}
	within := p.Within
	if within == 0 {
		within = time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	home, err := os.MkdirTemp("", "gallra-pdf-")
	if err != nil {
		return nil, fmt.Errorf("pdf: %w", err)
	}
	out, err := printIn(ctx, path, home, html)
	return out, errors.Join(err, os.RemoveAll(home))
}

// printIn starts the browser with home as its only folder and prints. It
// returns when the browser has ended.
func printIn(ctx context.Context, path, home string, html []byte) ([]byte, error) {
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.UserDataDir(home), chromedp.NoInheritEnv,
		chromedp.Env("HOME="+home, "TMPDIR="+home, "XDG_CONFIG_HOME="+home, "XDG_CACHE_HOME="+home, "PATH=/usr/local/bin:/usr/bin:/bin"),
		chromedp.Headless, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
		// Every name leads nowhere and every connection to a port nobody has.
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND"), chromedp.ProxyServer("127.0.0.1:1"), chromedp.Flag("proxy-bypass-list", "<-loopback>"),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-default-apps", true), chromedp.Flag("disable-extensions", true),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("disable-crash-reporter", true), chromedp.Flag("no-pings", true),
	}
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium refuses to start as root with it
	}
	ctx, end := chromedp.NewExecAllocator(ctx, options...)
	defer end()
	ctx, leave := chromedp.NewContext(ctx, chromedp.WithErrorf(func(string, ...any) {})) // what fails is returned
	defer leave()
	if _, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		return nil, failed(err)
	}
	tree, err := chromedp.Call(ctx, page.GetFrameTree, cdp.Empty{})
	if err != nil {
		return nil, failed(err)
	}
	if _, err := chromedp.Call(ctx, page.SetDocumentContent, page.SetDocumentContentParams{FrameID: tree.FrameTree.Frame.ID, HTML: string(html)}); err != nil {
		return nil, failed(err)
	}
	yes := true
	out, err := chromedp.Run(ctx, chromedp.PrintToPDF(chromedp.PDFPaper(chromedp.PaperA4), func(q *page.PrintToPDFParams) {
		q.GenerateTaggedPDF, q.GenerateDocumentOutline, q.PreferCSSPageSize, q.PrintBackground = &yes, &yes, &yes, &yes
	}))
	if err != nil {
		return nil, failed(err)
	}
	if !bytes.HasPrefix(out, []byte("%PDF-")) {
		return nil, failed(errors.New("what was printed is no PDF"))
	}
	return out, nil
}

func failed(err error) error {
	return gallra.Errorf(gallra.Unavailable, "pdf.failed").Wrap(err)
}
