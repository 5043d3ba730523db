package main

import (
	"bufio"
	"database/sql"
	"fmt"
	"os"
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/evidence"
)

type userCmd struct {
	Add  userAddCmd  `cmd:"" help:"cli_user_add"`
	List userListCmd `cmd:"" help:"cli_user_list"`

	Token userTokenCmd `cmd:"" help:"cli_user_token"`
}

type userTokenCmd struct {
	Name string `required:"" help:"cli_flag_token_name"`
	asFlag
}

// Run makes a token of the API for the account and prints it, this once.
func (c *userTokenCmd) Run(s *session) error {
	a, err := s.full()
	if err != nil {
		return err
	}
	defer a.close()
	acc, err := s.as(a, c.As, auth.OwnAccount)
	if err != nil {
		return err
	}
	secret, t, err := a.auth.IssueToken(s.ctx, acc.ID, c.Name)
	if err != nil {
		return err
	}
	if err := a.db.Tx(s.ctx, func(tx *sql.Tx) error {
		_, err := a.log.Append(s.ctx, tx, evidence.Entry{Actor: acc.Username, Action: "token.issue", Subject: t.ID})
		return err
	}); err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.out, secret)
	return err
}

type userAddCmd struct {
	Username string `arg:"" help:"cli_arg_username"`
	Role     string `required:"" enum:"agent,approver,dpo,admin,auditor" help:"cli_flag_role"`
	Name     string `help:"cli_flag_name"`
}

// Run makes an account; the password comes from GALLRA_PASSWORD or standard input.
func (c *userAddCmd) Run(s *session) error {
	a, err := s.full()
	if err != nil {
		return err
	}
	defer a.close()
	password, err := s.password()
	if err != nil {
		return err
	}
	name := c.Name
	if name == "" {
		name = c.Username
	}
	if _, err := a.auth.Create(s.ctx, auth.NewAccount{Username: c.Username, Name: name, Password: password, Role: auth.Role(c.Role)}); err != nil {
		return err
	}
	s.line("cli.user.added", "username", c.Username, "role", s.say.T("role."+c.Role))
	return nil
}

type userListCmd struct{}

// Run lists the accounts.
func (c *userListCmd) Run(s *session) error {
	a, err := s.full()
	if err != nil {
		return err
	}
	defer a.close()
	accounts, err := a.auth.Accounts(s.ctx)
	if err != nil {
		return err
	}
	if s.flags.JSON {
		return s.json(accounts)
	}
	var rows [][]string
	for _, u := range accounts {
		rows = append(rows, []string{u.Username, u.Name, string(u.Role)})
	}
	return s.table([]string{s.say.T("cli.col.username"), s.say.T("cli.col.name"), s.say.T("cli.col.role")}, rows)
}

// password reads the password of a command: never from an argument, which other
// users of the machine can see.
func (s *session) password() (string, error) {
	if p, ok := s.env("GALLRA_PASSWORD"); ok && p != "" {
		return p, nil
	}
	if f, ok := s.in.(*os.File); ok {
		if st, err := f.Stat(); err == nil && st.Mode()&os.ModeCharDevice != 0 {
			_, _ = s.err.Write([]byte(s.say.T("cli.password") + " "))
		}
	}
	line, err := bufio.NewReader(s.in).ReadString('\n')
	if err != nil && line == "" {
		return "", gallra.Errorf(gallra.Invalid, "cli.no_password")
	}
	return strings.TrimRight(line, "\r\n"), nil
}

// as signs in the account a command is done by: who plans, approves and runs
// must be known (REQUIREMENTS W-8, G-2).
func (s *session) as(a *app, username string, need auth.Permission) (auth.Account, error) {
	password, err := s.password()
	if err != nil {
		return auth.Account{}, err
	}
	token, acc, err := a.auth.SignIn(s.ctx, username, password, "gallra (command line)")
	if err != nil {
		return auth.Account{}, err
	}
	if err := a.auth.SignOut(s.ctx, token); err != nil { // no session outlives the command
		return auth.Account{}, err
	}
	if !acc.Can(need) {
		return auth.Account{}, gallra.Errorf(gallra.Forbidden, "cli.forbidden", "username", username)
	}
	return acc, nil
}
