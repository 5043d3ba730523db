// Package web is the page: server-rendered HTML in Swedish and English over the
// same packages as the command line and the API use. A page works without
// JavaScript; one small script makes progress live and lets arrow keys walk
// through tables. A GET changes nothing; every POST ends in a redirect.
//
// One file a page holds its view (what the template shows), the one function
// that builds it from the packages of the product, and its handlers;
// templates/NAME.html is its template. Who may open which page stands in one
// table, routes.
package web

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/config"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/inventory"
	"github.com/gallra/gallra/internal/pdf"
	"github.com/gallra/gallra/internal/report"
	"github.com/gallra/gallra/internal/request"
	"github.com/gallra/gallra/internal/retention"
	"github.com/gallra/gallra/internal/store"
)

//go:embed templates
var templateFiles embed.FS

//go:embed static
var staticFiles embed.FS

// Options are what the page is built on. DB and Auth are required; without one
// of the others the pages that need it say so and the rest works.
type Options struct {
	DB         *store.DB
	Auth       *auth.Auth
	Evidence   *evidence.Log
	Config     func(context.Context) (*config.Config, error) // gallra.yaml as it is now
	SaveConfig func(context.Context, *config.Config) error   // writes it; nil: the page does not edit it
	Scanner    *inventory.Scanner
	Retention  *retention.Engine
	Requests   *request.Desk
	Queue      func(ctx context.Context, workID string) error // hands a waiting work to the workers
	Maker      func(context.Context) (report.Maker, error)    // reads the systems as gallra.yaml has them now
	CheckGuard func(ctx context.Context, actor string) error  // starts a check of every system for what was erased; nil: none
	PDF        *pdf.Printer                                   // prints documents; nil: they are offered as HTML

	Log       *slog.Logger
	SetupCode string // asked for when the first administrator is made; "" asks for none
	Secure    bool   // the page is reached by HTTPS: cookies are marked so and HSTS is sent
}

// server is the page.
type server struct {
	Options
	pages   pages
	assets  map[string]asset
	handler http.Handler
	figures figures
}

type asset struct {
	path  string // with its hash, so that it may be cached for ever
	body  []byte
	ctype string
}

// New returns the page.
func New(o Options) (http.Handler, error) {
	if o.DB == nil || o.Auth == nil {
		return nil, gallra.Errorf(gallra.Internal, "internal")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &server{Options: o, assets: map[string]asset{}}
	if err := s.loadAssets(); err != nil {
		return nil, err
	}
	var err error
	if s.pages, err = loadPages(s.asset); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	for _, r := range routes {
		mux.Handle(r.pattern, s.serve(r))
	}
	mux.HandleFunc("GET /static/{name}", s.static)
	s.handler = s.secure(mux)
	return s.handler, nil
}

func (s *server) loadAssets() error {
	types := map[string]string{"gallra.css": "text/css; charset=utf-8", "gallra.js": "text/javascript; charset=utf-8", "icon.svg": "image/svg+xml"}
	for name, ctype := range types {
		b, err := fs.ReadFile(staticFiles, "static/"+name)
		if err != nil {
			return fmt.Errorf("web: %w", err)
		}
		sum := sha256.Sum256(b)
		s.assets[name] = asset{path: "/static/" + name + "?v=" + hex.EncodeToString(sum[:6]), body: b, ctype: ctype}
	}
	return nil
}

func (s *server) asset(name string) string { return s.assets[name].path }

func (s *server) static(w http.ResponseWriter, r *http.Request) {
	a, ok := s.assets[r.PathValue("name")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", a.ctype)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write(a.body) // the reader may have gone; nobody is left to tell
}
