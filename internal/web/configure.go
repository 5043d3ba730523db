package web

import (
	"net/url"
	"slices"
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/config"
	"github.com/gallra/gallra/internal/evidence"
)

// These pages edit gallra.yaml, the same file that others keep under version
// control. What is saved is checked whole first, and is in the log.

// configure loads gallra.yaml anew, lets change alter it and saves it.
func (c *call) configure(e evidence.Entry, change func(*config.Config) error) error {
	if c.SaveConfig == nil {
		return gallra.Errorf(gallra.Unavailable, "web.no_config")
	}
	cfg, err := c.configuration()
	if err != nil {
		return err
	}
	next := *cfg
	next.Systems, next.Rules = slices.Clone(cfg.Systems), slices.Clone(cfg.Rules)
	if err := change(&next); err != nil {
		return err
	}
	if err := next.Validate(); err != nil {
		return err
	}
	if err := c.SaveConfig(c.ctx(), &next); err != nil {
		return err
	}
	return c.record(e)
}

func (c *call) field(name string) string { return strings.TrimSpace(c.r.PostFormValue(name)) }

// NewSystemView is the form that connects a system.
type NewSystemView struct {
	Name, Title, URL string
	Channel          connector.Channel
	Channels         []connector.Channel
	Connectors       []connector.Info
}

func newSystemView() NewSystemView {
	return NewSystemView{Connectors: connector.All(), Channels: []connector.Channel{connector.ChannelTicketing, connector.ChannelMail, connector.ChannelForum,
		connector.ChannelChat, connector.ChannelSocial, connector.ChannelOther}}
}

func (c *call) newSystemPage() error { return c.ok("system-new", newSystemView()) }

func (c *call) addSystem() error {
	v := newSystemView()
	v.Name, v.Title, v.URL, v.Channel = strings.ToLower(c.field("name")), c.field("title"), c.field("url"), connector.Channel(c.field("channel"))
	id := gallra.SystemID(v.Name)
	err := c.configure(evidence.Entry{Action: "system.add", System: id}, func(cfg *config.Config) error {
		if secretInClear(v.URL) {
			return gallra.Errorf(gallra.Invalid, "web.secret_in_clear")
		}
		if _, ok := connector.Lookup(connector.Scheme(v.URL)); !ok {
			return gallra.Errorf(gallra.Invalid, "connector.unknown_scheme", "scheme", connector.Scheme(v.URL), "known", strings.Join(connector.Schemes(), ", "))
		}
		cfg.Systems = append(cfg.Systems, config.System{Name: id, Title: v.Title, URL: v.URL, Channel: v.Channel})
		return nil
	})
	if err != nil {
		return c.refuse("system-new", v, err)
	}
	return c.done("/systems/"+v.Name, "system_added")
}

// secretInClear reports whether an address holds a password itself instead of
// naming where it stands (REQUIREMENTS X-5).
func secretInClear(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.User == nil {
		return false
	}
	p, ok := u.User.Password()
	return ok && p != "" && !strings.HasPrefix(p, "${")
}

// saveVendor keeps who runs a system and on what terms (REQUIREMENTS S37-S40).
func (c *call) saveVendor() error {
	v, err := c.systemView()
	if err != nil {
		return err
	}
	v.Vendor = config.Vendor{Name: c.field("vendor"), Hosting: c.field("hosting"), Country: strings.ToUpper(c.field("country")), Agreement: c.field("agreement"), Review: c.field("review")}
	id := gallra.SystemID(v.Name)
	err = c.configure(evidence.Entry{Action: "system.vendor", System: id}, func(cfg *config.Config) error {
		if n := len(v.Vendor.Country); n != 0 && n != 2 {
			return gallra.Errorf(gallra.Invalid, "web.country")
		}
		for i := range cfg.Systems {
			if cfg.Systems[i].Name == id {
				cfg.Systems[i].Vendor = v.Vendor
			}
		}
		return nil
	})
	if err != nil {
		return c.refuse("system", v, err)
	}
	return c.done("/systems/"+v.Name, "vendor_saved")
}

// RuleView is the form of one rule.
type RuleView struct {
	Rule    gallra.Rule
	Keep    string // as typed: P2Y
	Systems []config.System
	Starts  []gallra.StartEvent
	Actions []gallra.Action
	Old     bool // the rule exists: saving makes a new version of it
}

// Covers reports whether the rule speaks of a system.
func (v RuleView) Covers(id gallra.SystemID) bool { return slices.Contains(v.Rule.Systems, id) }

func (c *call) ruleView(id string) (v RuleView, err error) {
	cfg, err := c.configuration()
	if err != nil {
		return v, err
	}
	v = RuleView{Systems: cfg.Systems, Starts: []gallra.StartEvent{gallra.StartClosed, gallra.StartLastContact, gallra.StartCreated, gallra.StartUpdated},
		Actions: []gallra.Action{gallra.ActionErase, gallra.ActionAnonymise}}
	if id == "" {
		return v, nil
	}
	if v.Rule, v.Old = cfg.Rule(id); !v.Old {
		return v, c.unknownPage()
	}
	v.Keep = v.Rule.Keep.String()
	return v, nil
}

func (c *call) rulePage() error {
	id := c.r.PathValue("rule")
	if id == "new" {
		id = ""
	}
	v, err := c.ruleView(id)
	if err != nil {
		return err
	}
	return c.ok("rule", v)
}

// saveRule keeps a rule; one that existed becomes its next version, and every
// approval of a plan made under the old one falls (REQUIREMENTS G-2).
func (c *call) saveRule() error {
	if err := c.r.ParseForm(); err != nil {
		return gallra.Errorf(gallra.Invalid, "web.form")
	}
	v, err := c.ruleView(c.field("old"))
	if err != nil {
		return err
	}
	r := v.Rule
	if !v.Old {
		r.ID = strings.ToLower(c.field("id"))
	}
	r.Version++
	r.Title, r.Purpose, r.Motive = c.field("title"), c.field("purpose"), c.field("motive")
	r.Start, r.Fallback, r.Action = gallra.StartEvent(c.field("start")), gallra.StartCreated, gallra.Action(c.field("action"))
	r.Decision.Body, r.Decision.Number, r.Decision.Date = c.field("body"), c.field("number"), c.field("date")
	r.Systems = nil
	for _, s := range c.r.PostForm["system"] {
		r.Systems = append(r.Systems, gallra.SystemID(s))
	}
	v.Rule, v.Keep = r, strings.ToUpper(c.field("keep"))
	err = c.configure(evidence.Entry{Action: "rule.save", Subject: r.ID}, func(cfg *config.Config) (err error) {
		if r.Keep, err = gallra.ParsePeriod(v.Keep); err != nil {
			return err
		}
		for i := range cfg.Rules {
			if v.Old && cfg.Rules[i].ID == r.ID {
				cfg.Rules[i] = r
				return nil
			}
		}
		cfg.Rules = append(cfg.Rules, r)
		return nil
	})
	if err != nil {
		return c.refuse("rule", v, err)
	}
	return c.done("/retention", "rule_saved")
}
