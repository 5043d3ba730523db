package pdf_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/pdf"
)

func browser(t *testing.T) string {
	t.Helper()
	if p := os.Getenv("GALLRA_TEST_CHROMIUM"); p != "" {
		return p
	}
	p, ok := pdf.Browser(os.LookupEnv)
	if !ok {
		t.Skip("no Chromium: set GALLRA_TEST_CHROMIUM to its path")
	}
	return p
}

// The PDF is tagged, has its language, its headings and its table headers; the
// browser reaches nothing, runs nothing and leaves nothing behind.
func TestTaggedAndAlone(t *testing.T) {
	var asked atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { asked.Add(1) }))
	defer srv.Close()
	t.Setenv("TMPDIR", t.TempDir())
	t.Setenv("GALLRA_CANARY", "a-secret-of-ours")
	html := `<!doctype html><html lang="sv"><head><meta charset="utf-8"><title>Gallringsprotokoll</title>
		<link rel="stylesheet" href="` + srv.URL + `/x.css"></head><body><h1>Åtgärd</h1><img src="` + srv.URL + `/x.png" alt="">
		<table><thead><tr><th scope="col">System</th></tr></thead><tbody><tr><td>Ärenden</td></tr></tbody></table>
		<script>document.title = "changed"; document.body.append("script ran")</script></body></html>`
	out, err := pdf.New(browser(t)).Print(t.Context(), []byte(html))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"/StructTreeRoot", "/Lang (sv)", "/S /H1", "/S /TH", "/S /TD", "/Marked true"} {
		if !bytes.Contains(out, []byte(want)) {
			t.Errorf("%s is not in the PDF", want)
		}
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("the browser asked for %d things", n)
	}
	left, err := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestWithoutBrowser(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	p := pdf.New("")
	if p.Able() {
		t.Error("able without a browser")
	}
	if _, err := p.Print(context.Background(), nil); !errors.Is(err, pdf.ErrNoBrowser) || !errors.Is(err, gallra.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	t.Setenv(pdf.BrowserVar, "/no/such/program")
	if p.Able() {
		t.Error("able with a browser that is not there")
	}
}
