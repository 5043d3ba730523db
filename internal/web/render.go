package web

import (
	"bytes"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/i18n"
)

// Page is what the layout shows around a view.
type Page struct {
	Name         string // of the template; the texts title.NAME, lead.NAME and help.NAME belong to it
	Lang         i18n.Lang
	Other        i18n.Lang // the language one may change to
	Here         string    // path and query of this page, for the way back
	Account      auth.Account
	Areas        []Area
	Problem      string // what was wrong with the form
	Notice       string // what has just been done
	Organisation string
	View         any
}

// Can reports whether the reader may do p; templates hide what may not be done.
func (p Page) Can(perm string) bool { return p.Account.Can(auth.Permission(perm)) }

// Tongue is the page's language as plain text.
func (p Page) Tongue() string { return string(p.Lang) }

// Area is one entry of the navigation.
type Area struct {
	Name, Path string
	Current    bool
}

var areas = []struct {
	name, path string
	may        auth.Permission
}{
	{"overview", "/", auth.SeeOverview},
	{"inventory", "/inventory", auth.SeeInventory},
	{"systems", "/systems", auth.SeeSystems},
	{"retention", "/retention", auth.SeeRetention},
	{"requests", "/requests", auth.SeeRequests},
	{"statistics", "/statistics", auth.SeeStatistics},
	{"evidence", "/evidence", auth.SeeEvidence},
	{"settings", "/settings", auth.ManageAccounts},
}

// pages holds every page's template in every language.
type pages map[i18n.Lang]map[string]*template.Template

func loadPages(asset func(string) string) (pages, error) {
	names, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	out := pages{}
	for _, l := range i18n.Langs() {
		base, err := template.New("layout.html").Funcs(functions(i18n.For(l), asset)).ParseFS(templateFiles, "templates/layout.html", "templates/parts.html")
		if err != nil {
			return nil, fmt.Errorf("web: %w", err)
		}
		out[l] = map[string]*template.Template{}
		for _, n := range names {
			name := strings.TrimSuffix(path.Base(n), ".html")
			if name == "layout" || name == "parts" {
				continue
			}
			t, err := template.Must(base.Clone()).ParseFS(templateFiles, n)
			if err != nil {
				return nil, fmt.Errorf("web: %w", err)
			}
			out[l][name] = t
		}
	}
	return out, nil
}

// functions are what templates may call: words, and nothing that reads data.
func functions(p *i18n.Printer, asset func(string) string) template.FuncMap {
	return template.FuncMap{
		"t":        p.T,
		"has":      p.Has,
		"n":        func(key string, n int64, args ...any) string { return p.N(key, n, args...) },
		"msg":      p.Print,
		"say":      p.Say,
		"type":     p.Type,
		"val":      p.Value,
		"num":      p.Value,
		"date":     p.Date,
		"day":      p.Day,
		"clock":    p.Clock,
		"pct":      p.Percent,
		"bytes":    p.Bytes,
		"country":  func(code string) string { return p.Country(strings.ToUpper(strings.TrimSpace(code))) },
		"lands":    p.Countries,
		"period":   p.Period,
		"duration": p.Duration,
		"list":     p.List,
		"cap":      capital,
		"len64":    func(names []string) int64 { return int64(len(names)) },
		"few":      func(names []string) string { return few(p, names) },
		"iso":      func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"asset":    asset,
		"bars":     func(c Chart) Bars { return c.bars(p) },
		"part":     func(name string, page Page, view any) partial { return partial{Page: page, View: view} },
		"pair":     func(front, name string) named { return named{front, name} },
		"short":    short,
		"lang":     p.Lang,
		"why":      func(v any) string { return why(p, v) },
		"measure":  func(name string, x float64) string { return measure(p, name, x) },
	}
}

// capital returns a text with its first letter large.
func capital(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

// fewShown is how many names a sentence lists before it counts the rest.
const fewShown = 4

// few lists names in a sentence, and counts the rest when they are many.
func few(p *i18n.Printer, names []string) string {
	if len(names) <= fewShown {
		return p.List(names)
	}
	return p.T("list.more", "names", strings.Join(names[:fewShown-1], ", "), "n", len(names)-fewShown+1)
}

// partial hands both the page and one value to a part of a template.
type partial struct {
	Page Page
	View any
}

// named is a word of the log, and the front of the keys it may have a text under.
type named struct{ Front, Name string }

// short returns the first twelve characters of a digest, as people quote it.
func short(s string) string {
	if len(s) > 12 {
		return s[:12]
	}
	return s
}

// render writes a page: whole or not at all.
func (c *call) render(status int, name string, view any, problem string) error {
	t, ok := c.pages[c.print.Lang()][name]
	if !ok {
		return fmt.Errorf("web: no page %q", name)
	}
	p := Page{Name: name, Lang: c.print.Lang(), Other: i18n.English, Here: c.r.URL.RequestURI(), Account: c.account, Problem: problem, View: view}
	if p.Lang == i18n.English {
		p.Other = i18n.Swedish
	}
	if c.r.Method != http.MethodGet { // the way back from a refused form is the page it stands on
		p.Here = path.Dir(c.r.URL.Path)
	}
	if k := "notice." + c.r.URL.Query().Get("notice"); c.print.Has(k) {
		p.Notice = c.print.T(k)
	}
	for _, a := range areas {
		if c.can(a.may) {
			here := strings.NewReplacer("/alarms", "/requests/alarms", "/letters", "/requests/letters").Replace(c.r.URL.Path) // they belong there
			p.Areas = append(p.Areas, Area{a.name, a.path, here == a.path || a.path != "/" && strings.HasPrefix(here, a.path+"/")})
		}
	}
	if c.account.ID != "" && c.Config != nil {
		if cfg, err := c.Config(c.ctx()); err == nil {
			p.Organisation = cfg.Organisation.Name
		}
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "layout.html", p); err != nil {
		return fmt.Errorf("web: page %s: %w", name, err)
	}
	c.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	c.w.Header().Set("Content-Language", string(p.Lang))
	c.w.Header().Add("Vary", "Cookie, Accept-Language")
	c.w.WriteHeader(status)
	_, _ = b.WriteTo(c.w) // the reader may have gone; nobody is left to tell
	return nil
}

// why prints a message, or a reason that a package of the product wrote down as
// a key: the texts of reasons stand among those of errors. Other words are
// printed as they are.
func why(p *i18n.Printer, v any) string {
	switch v := v.(type) {
	case i18n.Message:
		if !p.Has(v.Key) {
			v.Key = "error." + v.Key
		}
		return p.Print(v)
	case string:
		return p.Say(v)
	}
	return p.Value(v)
}

// measure prints a measure's value: a length of time when it is in seconds.
func measure(p *i18n.Printer, name string, x float64) string {
	if strings.HasSuffix(name, "_seconds") || strings.HasSuffix(name, "_s") || strings.HasSuffix(name, "_at") {
		return p.Duration(time.Duration(x * float64(time.Second)))
	}
	return p.Decimal(x, 1)
}
