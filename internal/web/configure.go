package web

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/config"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/i18n"
	"github.com/gallra/gallra/internal/retention"
	"github.com/gallra/gallra/internal/ruleset"
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

// saveVendor keeps who runs a system, on what terms (REQUIREMENTS S37-S40), and
// how long its backups live.
func (c *call) saveVendor() error {
	v, err := c.systemView()
	if err != nil {
		return err
	}
	v.Vendor = config.Vendor{Name: c.field("vendor"), Hosting: c.field("hosting"), Country: strings.ToUpper(c.field("country")), Agreement: c.field("agreement"), Review: c.field("review")}
	v.BackupLife = c.field("backup_life")
	life := ""
	if v.BackupLife != "" {
		p, err := parsePeriod(v.BackupLife)
		if err != nil {
			return c.refuse("system", v, err)
		}
		life = p.String()
	}
	id := gallra.SystemID(v.Name)
	err = c.configure(evidence.Entry{Action: "system.vendor", System: id}, func(cfg *config.Config) error {
		if v.Vendor.Country != "" && !i18n.IsCountry(v.Vendor.Country) {
			return gallra.Errorf(gallra.Invalid, "web.country")
		}
		for i := range cfg.Systems {
			if cfg.Systems[i].Name == id {
				cfg.Systems[i].Vendor, cfg.Systems[i].BackupLife = v.Vendor, life
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
	Keep    string // as typed: "2 år"
	Systems []config.System
	Starts  []gallra.StartEvent
	Actions []gallra.Action
	Old     bool // the rule exists: saving makes a new version of it
	Types   string
	Texts   []gallra.TextPolicy
	Files   []gallra.FilePolicy
	Rest    string // quarantine, as typed
	Agreed  string // as typed
	Within  string // until a receipt of the archive, as typed
	Public  bool
	History []RuleVersion

	Templates []ruleset.Template
	Checked   string // the day the templates' statutes were read
	Template  string // the one the form was filled from
}

// RuleVersion is one change of a rule, as the log has it.
type RuleVersion struct {
	At     time.Time
	Actor  string
	Action string
	What   string // "v3"
}

// Covers reports whether the rule speaks of a system.
func (v RuleView) Covers(id gallra.SystemID) bool { return slices.Contains(v.Rule.Systems, id) }

func (c *call) ruleView(id string) (v RuleView, err error) {
	cfg, err := c.configuration()
	if err != nil {
		return v, err
	}
	v = RuleView{Systems: cfg.Systems, Starts: gallra.StartEvents(), Files: []gallra.FilePolicy{gallra.FilesErase, gallra.FilesRedact, gallra.FilesKeep},
		Actions: []gallra.Action{gallra.ActionErase, gallra.ActionArchive, gallra.ActionAnonymise}, Texts: []gallra.TextPolicy{gallra.TextRemove, gallra.TextRedact}, Public: cfg.Organisation.Type.Public()}
	v.Templates, v.Checked = ruleset.Templates(cfg.Organisation.Type)
	if id == "" {
		v.Rule.Fallback = gallra.StartCreated
		v.fill(c.r.URL.Query().Get("template"), c)
		return v, nil
	}
	if v.Rule, v.Old = cfg.Rule(id); !v.Old {
		return v, c.unknownPage()
	}
	v.Keep, v.Types, v.Rest, v.Agreed, v.Within = c.periodText(v.Rule.Keep), strings.Join(v.Rule.Types, ", "), c.periodText(v.Rule.Quarantine), c.periodText(v.Rule.Agreed), c.periodText(v.Rule.Archive.Within)
	if c.Evidence == nil {
		return v, nil
	}
	entries, err := c.Evidence.Entries(c.ctx(), id)
	if err != nil {
		return v, err
	}
	for _, e := range slices.Backward(entries) {
		if strings.HasPrefix(e.Action, "rule.") {
			v.History = append(v.History, RuleVersion{e.At, e.Actor, e.Action, e.Result})
		}
	}
	return v, nil
}

// fill begins a new rule from a template; the person confirms or changes every
// part of it before it is saved.
func (v *RuleView) fill(template string, c *call) {
	for _, t := range v.Templates {
		if t.ID == template {
			v.Template, v.Rule = t.ID, t.Rule(string(c.print.Lang()))
			v.Rule.ID, v.Rule.Version, v.Keep = "", 0, c.periodText(t.Keep)
		}
	}
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
	r.Start, r.Fallback, r.Action = gallra.StartEvent(c.field("start")), gallra.StartEvent(c.field("fallback")), gallra.Action(c.field("action"))
	r.Basis, r.Owner, r.Except, r.Text = c.field("basis"), c.field("owner"), c.field("except"), gallra.TextPolicy(c.field("text"))
	r.Files, r.YearEnd = gallra.FilePolicy(c.field("files")), c.field("year_end")
	if r.Action != gallra.ActionAnonymise {
		r.Text, r.Files = "", ""
	}
	if r.Archive = (gallra.Archive{}); r.Action == gallra.ActionArchive {
		r.Archive = gallra.Archive{To: c.field("archive_to"), Receipts: c.field("archive_receipts"), Body: c.field("archive_body"), Agreement: c.field("archive_agreement"), Reference: c.field("archive_reference")}
		v.Within = c.field("archive_within")
	}
	v.Rest, v.Agreed = c.field("quarantine"), c.field("agreed")
	v.Types = c.field("types")
	r.Types = strings.FieldsFunc(v.Types, func(x rune) bool { return x == ',' || x == ' ' })
	r.Decision = gallra.Decision{Title: c.field("document"), Body: c.field("body"), Number: c.field("number"), Date: c.field("date"), URL: r.Decision.URL}
	r.Systems = nil
	for _, s := range c.r.PostForm["system"] {
		r.Systems = append(r.Systems, gallra.SystemID(s))
	}
	v.Rule, v.Keep = r, c.field("keep")
	for _, p := range []struct {
		text string
		into *gallra.Period
		may  bool // be left out
	}{{v.Keep, &r.Keep, false}, {v.Rest, &r.Quarantine, true}, {v.Agreed, &r.Agreed, true}, {v.Within, &r.Archive.Within, true}} {
		if *p.into = (gallra.Period{}); p.text == "" && p.may {
			continue
		}
		if *p.into, err = parsePeriod(p.text); err != nil {
			return c.refuse("rule", v, err)
		}
	}
	entry, err := retention.RuleEntry("rule.save", r)
	if err != nil {
		return err
	}
	err = c.configure(entry, func(cfg *config.Config) error {
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

// endRule takes a rule out of force. Its versions stay in the plans and runs
// that were made by them, and in the log.
func (c *call) endRule() error {
	v, err := c.ruleView(c.r.PathValue("rule"))
	if err != nil {
		return err
	}
	if c.field("sure") == "" {
		return c.refuse("rule", v, gallra.Errorf(gallra.Invalid, "web.rule_end_sure"))
	}
	entry, err := retention.RuleEntry("rule.end", v.Rule)
	if err != nil {
		return err
	}
	err = c.configure(entry, func(cfg *config.Config) error {
		cfg.Rules = slices.DeleteFunc(cfg.Rules, func(r gallra.Rule) bool { return r.ID == v.Rule.ID })
		return nil
	})
	if err != nil {
		return c.refuse("rule", v, err)
	}
	return c.done("/retention", "rule_ended")
}

// rulesYAML hands the rules over as they stand in gallra.yaml.
func (c *call) rulesYAML() error {
	cfg, err := c.configuration()
	if err != nil {
		return err
	}
	b, err := (&config.Config{Organisation: cfg.Organisation, Rules: cfg.Rules}).Marshal()
	if err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", "application/yaml")
	c.w.Header().Set("Content-Disposition", `attachment; filename="gallra-rules.yaml"`)
	_, _ = c.w.Write(b) // the reader may have gone
	return nil
}
