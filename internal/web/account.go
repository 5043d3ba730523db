package web

import (
	"crypto/subtle"
	"database/sql"
	"slices"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/evidence"
)

// AccountView is a person's own page: password and sessions.
type AccountView struct {
	Sessions []auth.Session
	This     string // id of the session in use
	Tokens   []auth.Token
	Secret   string // the token just made, shown this once
	Made     string // its name
	Min      int
}

func (c *call) accountView() (AccountView, error) {
	v := AccountView{This: c.session.ID, Min: auth.MinPassword}
	var err error
	if v.Sessions, err = c.Auth.Sessions(c.ctx(), c.account.ID); err != nil {
		return v, err
	}
	v.Tokens, err = c.Auth.Tokens(c.ctx(), c.account.ID)
	return v, err
}

func (c *call) accountPage() error {
	v, err := c.accountView()
	if err != nil {
		return err
	}
	return c.ok("account", v)
}

func (c *call) changePassword() error {
	v, err := c.accountView()
	if err != nil {
		return err
	}
	password := c.r.PostFormValue("password")
	if password != c.r.PostFormValue("again") {
		return c.refuse("account", v, gallra.Errorf(gallra.Invalid, "web.passwords_differ"))
	}
	if err := c.Auth.ChangePassword(c.ctx(), c.account.ID, c.r.PostFormValue("old"), password); err != nil {
		return c.refuse("account", v, err)
	}
	if err := c.note(c.account, "account.password", c.account.ID, ""); err != nil {
		return err
	}
	return c.done("/sign-in", "password_changed")
}

// endOwnSession ends a session of the person's own; another's is not found.
func (c *call) endOwnSession() error {
	v, err := c.accountView()
	if err != nil {
		return err
	}
	id := c.r.PathValue("session")
	if !slices.ContainsFunc(v.Sessions, func(s auth.Session) bool { return s.ID == id }) {
		return gallra.Errorf(gallra.NotFound, "web.no_session")
	}
	if err := c.Auth.Revoke(c.ctx(), id); err != nil {
		return err
	}
	return c.done("/account", "session_ended")
}

// issueToken makes a token of the API for the person's account and shows it: the
// one answer to a form that is no redirect, because nothing keeps the token.
func (c *call) issueToken() error {
	name := c.r.PostFormValue("name")
	secret, t, err := c.Auth.IssueToken(c.ctx(), c.account.ID, name)
	v, verr := c.accountView()
	if verr != nil {
		return verr
	}
	if err != nil {
		return c.refuse("account", v, err)
	}
	if err := c.note(c.account, "token.issue", t.ID, ""); err != nil {
		return err
	}
	v.Secret, v.Made = secret, t.Name
	return c.ok("account", v)
}

func (c *call) revokeToken() error {
	id := c.r.PathValue("token")
	if err := c.Auth.RevokeToken(c.ctx(), c.account.ID, id); err != nil {
		return err
	}
	if err := c.note(c.account, "token.revoke", id, ""); err != nil {
		return err
	}
	return c.done("/account", "token_revoked")
}

// SettingsView is the administrator's page of accounts, roles and sessions.
type SettingsView struct {
	Accounts []auth.Account
	Sessions []auth.Session
	Roles    []auth.Role
	Matrix   []PermissionRow
	New      auth.NewAccount // what was typed, when the form is shown again
	Min      int
	Self     string
}

// PermissionRow says which roles may do one thing, in the order of Roles.
type PermissionRow struct {
	Permission auth.Permission
	May        []bool
}

func (c *call) settingsView() (v SettingsView, err error) {
	v.Roles, v.Min, v.Self = auth.Roles(), auth.MinPassword, c.account.ID
	if v.Accounts, err = c.Auth.Accounts(c.ctx()); err != nil {
		return v, err
	}
	if v.Sessions, err = c.Auth.Sessions(c.ctx(), ""); err != nil {
		return v, err
	}
	for _, p := range auth.Permissions() {
		row := PermissionRow{Permission: p}
		for _, r := range v.Roles {
			row.May = append(row.May, auth.Can(r, p))
		}
		v.Matrix = append(v.Matrix, row)
	}
	return v, nil
}

func (c *call) settingsPage() error {
	v, err := c.settingsView()
	if err != nil {
		return err
	}
	return c.ok("settings", v)
}

func (c *call) addAccount() error {
	n := auth.NewAccount{Username: c.r.PostFormValue("username"), Name: c.r.PostFormValue("name"),
		Password: c.r.PostFormValue("password"), Role: auth.Role(c.r.PostFormValue("role"))}
	acc, err := c.Auth.Create(c.ctx(), n)
	if err != nil {
		v, verr := c.settingsView()
		if verr != nil {
			return verr
		}
		v.New = n
		return c.refuse("settings", v, err)
	}
	if err := c.note(c.account, "account.create", acc.ID, string(acc.Role)); err != nil {
		return err
	}
	return c.done("/settings", "account_added")
}

// changeAccount is what an administrator does with one account.
func (c *call) changeAccount() error {
	id, ctx := c.r.PathValue("account"), c.ctx()
	var err error
	var action, detail string
	switch c.r.PathValue("change") {
	case "role":
		action, detail = "account.role", c.r.PostFormValue("role")
		err = c.Auth.SetRole(ctx, id, auth.Role(detail))
	case "password":
		action = "account.password"
		err = c.Auth.SetPassword(ctx, id, c.r.PostFormValue("password"))
	case "disable":
		action = "account.disable"
		err = c.Auth.Disable(ctx, id)
	case "enable":
		action = "account.enable"
		err = c.Auth.Enable(ctx, id)
	default:
		return c.unknownPage()
	}
	if err != nil {
		v, verr := c.settingsView()
		if verr != nil {
			return verr
		}
		return c.refuse("settings", v, err)
	}
	if err := c.note(c.account, action, id, detail); err != nil {
		return err
	}
	return c.done("/settings", "account_changed")
}

func (c *call) endSession() error {
	if err := c.Auth.Revoke(c.ctx(), c.r.PathValue("session")); err != nil {
		return err
	}
	if err := c.note(c.account, "session.revoke", c.r.PathValue("session"), ""); err != nil {
		return err
	}
	return c.done("/settings", "session_ended")
}

// note writes to the evidence log what was done with accounts: ids and
// roles, never a person's name.
func (c *call) note(by auth.Account, action, subject, result string) error {
	return c.record(evidence.Entry{Actor: by.Username, Action: action, Subject: subject, Result: result})
}

// record writes an entry to the evidence log, by the person at the page unless
// the entry says another.
func (c *call) record(e evidence.Entry) error {
	if c.Evidence == nil {
		return nil
	}
	if e.Actor == "" {
		e.Actor = c.account.Username
	}
	return c.DB.Tx(c.ctx(), func(tx *sql.Tx) error {
		_, err := c.Evidence.Append(c.ctx(), tx, e)
		return err
	})
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
