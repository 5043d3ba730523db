package web

import (
	"net/http"
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/auth"
)

// SignInView is the sign-in page.
type SignInView struct {
	Username string
	Next     string // where the person was going
}

func (c *call) signInForm() error {
	if c.account.ID != "" {
		c.redirect("/")
		return nil
	}
	exists, err := c.Auth.Any(c.ctx())
	if err != nil {
		return err
	}
	if !exists {
		c.redirect("/setup")
		return nil
	}
	return c.ok("sign-in", SignInView{Next: local(c.r.URL.Query().Get("next"))})
}

func (c *call) signIn() error {
	v := SignInView{Username: c.r.PostFormValue("username"), Next: local(c.r.PostFormValue("next"))}
	token, acc, err := c.Auth.SignIn(c.ctx(), v.Username, c.r.PostFormValue("password"), browser(c.r.UserAgent()))
	if err != nil {
		return c.refuse("sign-in", v, err)
	}
	c.opened(token)
	if err := c.note(acc, "account.sign_in", acc.ID, ""); err != nil {
		return err
	}
	c.redirect(v.Next)
	return nil
}

func (c *call) opened(token string) { http.SetCookie(c.w, c.cookie(sessionCookie, token, 0)) }

func (c *call) signOut() error {
	if ck, err := c.r.Cookie(sessionCookie); err == nil {
		if err := c.Auth.SignOut(c.ctx(), ck.Value); err != nil {
			return err
		}
	}
	http.SetCookie(c.w, c.cookie(sessionCookie, "", -1e9))
	return c.done("/sign-in", "signed_out")
}

// SetupView is the first-run page.
type SetupView struct {
	Username, Name string
	AskCode        bool
	Min            int
}

func (c *call) setupForm() error {
	exists, err := c.Auth.Any(c.ctx())
	if err != nil {
		return err
	}
	if exists {
		c.redirect("/sign-in")
		return nil
	}
	return c.ok("setup", SetupView{AskCode: c.SetupCode != "", Min: auth.MinPassword})
}

func (c *call) setup() error {
	v := SetupView{Username: c.r.PostFormValue("username"), Name: c.r.PostFormValue("name"), AskCode: c.SetupCode != "", Min: auth.MinPassword}
	if v.AskCode && !same(strings.TrimSpace(c.r.PostFormValue("code")), c.SetupCode) {
		return c.refuse("setup", v, gallra.Errorf(gallra.Invalid, "web.setup_code"))
	}
	password := c.r.PostFormValue("password")
	if password != c.r.PostFormValue("again") {
		return c.refuse("setup", v, gallra.Errorf(gallra.Invalid, "web.passwords_differ"))
	}
	acc, err := c.Auth.CreateFirst(c.ctx(), auth.NewAccount{Username: v.Username, Name: v.Name, Password: password})
	if err != nil {
		return c.refuse("setup", v, err)
	}
	if err := c.note(acc, "account.create", acc.ID, string(acc.Role)); err != nil {
		return err
	}
	token, _, err := c.Auth.SignIn(c.ctx(), acc.Username, password, browser(c.r.UserAgent()))
	if err != nil {
		return err
	}
	c.opened(token)
	return c.done("/settings", "set_up")
}

// browser describes a browser in two words, enough to know one's own session by.
func browser(agent string) string {
	first := func(pairs ...string) string {
		for i := 0; i < len(pairs); i += 2 {
			if strings.Contains(agent, pairs[i]) {
				return pairs[i+1]
			}
		}
		return ""
	}
	b := first("Edg/", "Edge", "Firefox/", "Firefox", "Chrome/", "Chrome", "Safari/", "Safari")
	os := first("Windows", "Windows", "Android", "Android", "iPhone", "iPhone", "iPad", "iPad", "Mac OS", "macOS", "Linux", "Linux")
	if b == "" || os == "" {
		return b + os
	}
	return b + ", " + os
}
