package report

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/i18n"
	"github.com/gallra/gallra/pii"
)

//go:embed templates/*.html
var files embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"paragraphs": func(s string) []string {
		return strings.Split(strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n")), "\n\n")
	},
	"lines": func(s string) []string { return strings.Split(s, "\n") },
	"inc":   func(n int) int { return n + 1 },
}).ParseFS(files, "templates/*.html"))

// say is what templates call for words.
type say struct{ *i18n.Printer }

// When prints a time as a date and a minute in Swedish time; "" for none.
func (s say) When(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(stockholm).Format("2006-01-02 15:04")
}

// Day prints a date; "" for none.
func (s say) Day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(stockholm).Format(time.DateOnly)
}

var stockholm = func() *time.Location {
	l, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		panic(err) // i18n embeds the zone database
	}
	return l
}()

type threadPage struct {
	Say      say
	Lang     i18n.Lang
	System   string
	Title    string
	Thread   *Thread
	Overview string

	types map[string]connector.Type
}

// Label says what a field of a type holds.
func (p threadPage) Label(typ, field string) string {
	if field == "file" {
		return p.Say.T("extract.field.file")
	}
	f, _ := p.types[typ].Field(field)
	return label(p.Say.Printer, f)
}

func (x *extractor) page(sys ExtractSystem, t *Thread, types []connector.Type) error {
	byName := map[string]connector.Type{}
	for _, ty := range types {
		byName[ty.Name] = ty
	}
	n := x.zip.man.Systems[string(sys.System)] + 1
	t.file = fmt.Sprintf("threads/%s/%04d.html", sys.System, n)
	title := t.Title
	if title == "" {
		title = x.say.T("extract.thread", "number", n)
	}
	l := pageLink{File: t.file, Title: title, System: sys.Title, Channel: x.say.T("channel." + string(sys.Channel)), Count: len(t.Items), Own: t.Own, Role: t.Role}
	for _, it := range t.Items {
		if it.Created.IsZero() {
			continue
		}
		if l.From.IsZero() || it.Created.Before(l.From) {
			l.From = it.Created
		}
		if it.Created.After(l.To) {
			l.To = it.Created
		}
	}
	x.pages = append(x.pages, l)
	return x.zip.create(t.file, func(w io.Writer) error {
		err := templates.ExecuteTemplate(w, "thread.html", threadPage{Say: say{x.say}, Lang: x.Lang, System: sys.Title, Title: title, Thread: t, Overview: "../../" + x.overviewName(), types: byName})
		if err != nil {
			return fmt.Errorf("report: thread: %w", err)
		}
		return nil
	})
}

func (x *extractor) overviewName() string {
	if x.Lang == i18n.English {
		return "overview.html"
	}
	return "oversikt.html"
}

type overviewPage struct {
	Say     say
	Lang    i18n.Lang
	Extract Extract
	Pages   []pageLink
	Masked  int
	Unread  int
	Systems []overviewSystem
}

type overviewSystem struct {
	ExtractSystem
	Channel string
	Count   int
}

func (x *extractor) overview() error {
	v := overviewPage{Say: say{x.say}, Lang: x.Lang, Extract: x.Extract, Pages: x.pages, Masked: x.zip.man.Masked, Unread: x.unread}
	for _, s := range x.Systems {
		v.Systems = append(v.Systems, overviewSystem{s, x.say.T("channel." + string(s.Channel)), x.zip.man.Systems[string(s.System)]})
	}
	return x.zip.create(x.overviewName(), func(w io.Writer) error {
		if err := templates.ExecuteTemplate(w, "overview.html", v); err != nil {
			return fmt.Errorf("report: overview: %w", err)
		}
		return nil
	})
}

// Searched returns what was searched by, masked (REQUIREMENTS A15-1).
func (v overviewPage) Searched() string {
	var out []string
	for _, i := range v.Extract.Person {
		out = append(out, pii.Mask(i.Kind.Category(), i.Value))
	}
	return strings.Join(out, ", ")
}

// Recipients are the systems that somebody else runs for the organisation.
func (v overviewPage) Recipients() []overviewSystem {
	var out []overviewSystem
	for _, s := range v.Systems {
		if s.Vendor != "" && s.Count > 0 {
			out = append(out, s)
		}
	}
	return out
}

// Count64 is Count for the printer.
func (s overviewSystem) Count64() int64 { return int64(s.Count) }

// Masked64 is Masked for the printer.
func (v overviewPage) Masked64() int64 { return int64(v.Masked) }

// Unread64 is Unread for the printer.
func (v overviewPage) Unread64() int64 { return int64(v.Unread) }
