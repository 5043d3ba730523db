package web

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/api"
	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/i18n"
)

// call is one request on its way to an answer.
type call struct {
	*server
	w       http.ResponseWriter
	r       *http.Request
	account auth.Account // zero when nobody is signed in
	session auth.Session
	print   *i18n.Printer
}

func (c *call) ctx() context.Context { return c.r.Context() }

// can reports whether the person at the page may do p.
func (c *call) can(p auth.Permission) bool { return c.account.Can(p) }

// serve answers one route: it finds out who asks and in which language, checks
// the permission, and turns an error into its page.
func (s *server) serve(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{server: s, w: w, r: r, print: i18n.For(language(r))}
		if ck, err := r.Cookie(sessionCookie); err == nil {
			acc, ses, err := s.Auth.Session(r.Context(), ck.Value)
			switch gallra.CodeOf(err) {
			case "":
				c.account, c.session = acc, ses
			case gallra.Unauthorize: // signed out: as if there were no cookie
			default:
				c.fail(err)
				return
			}
		}
		if rt.may != "" && c.account.ID == "" {
			c.toSignIn()
			return
		}
		if rt.may != "" && !c.can(rt.may) {
			c.fail(gallra.Errorf(gallra.Forbidden, "web.forbidden"))
			return
		}
		if err := rt.serve(c); err != nil {
			c.fail(err)
		}
	})
}

// toSignIn sends a person who is not signed in to the sign-in page, or to the
// first-run page when there is no account yet.
func (c *call) toSignIn() {
	exists, err := c.Auth.Any(c.ctx())
	switch {
	case err != nil:
		c.fail(err)
	case !exists:
		c.redirect("/setup")
	case c.r.Method == http.MethodGet && c.r.URL.Path != "/":
		c.redirect("/sign-in?next=" + url.QueryEscape(c.r.URL.RequestURI()))
	default:
		c.redirect("/sign-in")
	}
}

func language(r *http.Request) i18n.Lang {
	if ck, err := r.Cookie(languageCookie); err == nil {
		if l, ok := i18n.ParseLang(ck.Value); ok {
			return l
		}
	}
	return i18n.Negotiate(r.Header.Get("Accept-Language"))
}

// redirect answers 303 to a path of this site.
func (c *call) redirect(path string) {
	http.Redirect(c.w, c.r, local(path), http.StatusSeeOther)
}

// done redirects to path, where the text notice.KEY is shown.
func (c *call) done(path, key string) error {
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	c.redirect(path + sep + "notice=" + key)
	return nil
}

// local returns path if it leads to this site, "/" otherwise: a sign-in page
// must not send people elsewhere.
func local(path string) string {
	u, err := url.Parse(path)
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.Contains(path, "\\") {
		return "/"
	}
	return path
}

func status(err error) int { return api.Status(err) }

// fail shows err on a page of its own. An unexpected one is logged: an error
// never holds a personal value, by the rule of the house.
func (c *call) fail(err error) {
	if c.ctx().Err() != nil {
		return // the reader has gone
	}
	if status(err) == http.StatusInternalServerError {
		c.Log.LogAttrs(c.ctx(), slog.LevelError, "page failed", slog.String("route", c.r.Pattern), slog.Any("error", err))
	}
	if rerr := c.show(status(err), "error", ErrorView{Status: status(err), Text: c.print.Error(err)}); rerr != nil {
		http.Error(c.w, "500", http.StatusInternalServerError)
	}
}

// refuse shows a page again with what was wrong with the form.
func (c *call) refuse(page string, view any, err error) error {
	if status(err) == http.StatusInternalServerError {
		return err
	}
	return c.render(status(err), page, view, c.print.Error(err))
}

// ok shows a page.
func (c *call) ok(page string, view any) error { return c.render(http.StatusOK, page, view, "") }

func (c *call) show(status int, page string, view any) error { return c.render(status, page, view, "") }

// ErrorView is the page of an error.
type ErrorView struct {
	Status int
	Text   string
}

func (c *call) unknownPage() error { return gallra.Errorf(gallra.NotFound, "web.no_page") }

func (c *call) crossOrigin() error { return gallra.Errorf(gallra.Forbidden, "web.cross_origin") }

// setLanguage keeps the choice of language for a year.
func (c *call) setLanguage() error {
	if l, ok := i18n.ParseLang(c.r.PostFormValue("lang")); ok {
		ck := c.cookie(languageCookie, string(l), 365*24*3600*1e9)
		http.SetCookie(c.w, ck)
	}
	c.redirect(c.r.PostFormValue("back"))
	return nil
}
