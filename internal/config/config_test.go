package config_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/config"
)

const good = `organisation:
  name: Exempelstads kommun
  type: municipality
systems:
  - name: arenden
    title: Ärendesystemet
    url: sqlite:systems/a.db?profile=helpdesk
    channel: ticketing
  - name: mail
    url: imaps://kundtjanst@mail.example.se/
    options:
      password: ${MAIL_PASSWORD}
      token: file:token
rules:
  - id: arenden-2-ar
    purpose: Svara på frågor
    systems: [arenden]
    start: closed
    fallback: last_contact
    keep: P2Y
    action: erase
    decision: {title: Gallringsbeslut, body: Kommunstyrelsen, number: KS 2024/12 § 4, date: 2024-03-11}
`

func TestParse(t *testing.T) {
	c, err := config.Parse([]byte(good), "/data")
	if err != nil {
		t.Fatal(err)
	}
	if r := c.Rules[0]; r.Keep != (gallra.Period{Years: 2}) || r.Version != 1 || r.Decision.Body != "Kommunstyrelsen" {
		t.Errorf("rule read wrong: %+v", r)
	}
	b, err := c.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	again, err := config.Parse(b, "/data")
	if err != nil {
		t.Fatalf("what Marshal wrote does not parse: %v\n%s", err, b)
	}
	if d := cmp.Diff(c.Rules, again.Rules); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(c.Systems, again.Systems); d != "" {
		t.Error(d)
	}
}

func TestS12_RuleWithoutPeriodIsRefused(t *testing.T) {
	for name, change := range map[string][2]string{
		"no period":      {"    keep: P2Y\n", ""},
		"no purpose":     {"purpose: Svara på frågor", "purpose: ''"},
		"bad start":      {"start: closed", "start: someday"},
		"bad action":     {"action: erase", "action: hide"},
		"unknown system": {"systems: [arenden]", "systems: [borta]"},
		"bad period":     {"P2Y", "2 years"},
		"unknown key":    {"    keep: P2Y", "    keep: P2Y\n    kepp: P1Y"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.Parse([]byte(strings.Replace(good, change[0], change[1], 1)), "")
			if !errors.Is(err, gallra.ErrInvalid) {
				t.Errorf("got %v, want an invalid error", err)
			}
		})
	}
}

// TestV1_BackupsLiveAsTheirKeeperSays: what the system's entry says goes to the
// connector, and nonsense is refused.
func TestV1_BackupsLiveAsTheirKeeperSays(t *testing.T) {
	entry := "systems: [{name: a, url: 'csv:a.csv', backup_life: %s}]"
	c, err := config.Parse(fmt.Appendf(nil, entry, "P45D"), "")
	if err != nil {
		t.Fatal(err)
	}
	cc, err := c.Connect(c.Systems[0], func(string) (string, bool) { return "", false })
	if err != nil || cc.BackupLife != "P45D" {
		t.Errorf("%q, %v", cc.BackupLife, err)
	}
	p := cc.Known(connector.Profile{BackupLife: "P7D", Remains: []connector.Remain{{Where: "a", Kind: connector.RemainBackup, For: "P7D"}, {Where: "b", Kind: connector.RemainBackup}, {Where: "c", Kind: connector.RemainCopy, For: "P1D"}}})
	if p.BackupLife != "P45D" || p.Remains[0].For != "P45D" || p.Remains[1].For != "" || p.Remains[2].For != "P1D" {
		t.Errorf("%+v", p)
	}
	if p := (connector.Config{}).Known(connector.Profile{BackupLife: "P7D"}); p.BackupLife != "P7D" {
		t.Errorf("the profile's own: %q", p.BackupLife)
	}
	for _, bad := range []string{"P0D", "en månad", "30"} {
		if _, err := config.Parse(fmt.Appendf(nil, entry, bad), ""); !errors.Is(err, gallra.ErrInvalid) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestConnectResolvesSecretsAndPaths(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "token"), []byte("canary-token\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Parse([]byte(good), dir)
	if err != nil {
		t.Fatal(err)
	}
	env := func(k string) (string, bool) { return "canary-password", k == "MAIL_PASSWORD" }
	s, _ := c.System("mail")
	cc, err := c.Connect(s, env)
	if err != nil {
		t.Fatal(err)
	}
	if cc.Option("password") != "canary-password" || cc.Option("token") != "canary-token" {
		t.Error("secrets were not resolved")
	}
	if s := cc.String(); strings.Contains(s, "canary") || strings.Contains(s, "kundtjanst") {
		t.Errorf("String shows a secret: %s", s)
	}
	s, _ = c.System("arenden")
	if cc, err = c.Connect(s, env); err != nil || cc.URL != "sqlite:"+filepath.Join(dir, "systems/a.db")+"?profile=helpdesk" {
		t.Errorf("got %q, %v", cc.URL, err)
	}
	if cc.Option("profile") != "helpdesk" {
		t.Errorf("option from the query: %q", cc.Option("profile"))
	}
	_, err = c.Connect(config.System{Name: "mail", URL: "imap://${NOPE}/"}, env)
	if !errors.Is(err, gallra.ErrInvalid) || !strings.Contains(err.Error(), "NOPE") {
		t.Errorf("missing variable: %v", err)
	}
}

// TestX5_WhatReadsLoadsNoCredentialForChanges: the file with the credential is
// not even looked for.
func TestX5_WhatReadsLoadsNoCredentialForChanges(t *testing.T) {
	c, err := config.Parse([]byte(good), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := config.System{Name: "post", URL: "gmail://gmail.example.com?rate=60&erase_x=${NOPE}", Options: map[string]string{"token": "läs", "erase_token": "file:is-not-here"}}
	env := func(string) (string, bool) { return "", false }
	if _, err := c.Connect(s, env); !errors.Is(err, gallra.ErrInvalid) {
		t.Errorf("a credential that is missing: %v", err)
	}
	cc, err := c.ConnectToRead(s, env)
	if err != nil {
		t.Fatal(err)
	}
	if cc.Option("token") != "läs" || cc.Option("rate") != "60" || cc.Option("erase_token") != "" || cc.Option("erase_x") != "" {
		t.Errorf("%q with token %q, rate %q", cc.URL, cc.Option("token"), cc.Option("rate"))
	}
	if s.Options["erase_token"] == "" {
		t.Error("the configuration itself was changed")
	}
}
