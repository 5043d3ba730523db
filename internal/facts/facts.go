// Package facts says in words what is known of a system before anything is done
// in it: which records it lets go and when, what goes along, what stays, how
// fast it may be asked and how long that makes a run, and which abilities have
// been proved on this very system, when (REQUIREMENTS V-1, S26, S40). The page
// and the command line show the same lines.
package facts

import (
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/i18n"
)

// ProofLife is how long a proof counts: after it, the ability is a claim again
// (REQUIREMENTS S40).
var ProofLife = gallra.Period{Months: 12}

// Proof is one ability of a system and when it was last proved there.
type Proof struct {
	Capability connector.Capability `json:"capability"`
	Proved     time.Time            `json:"proved,omitzero"` // zero: never
	Counts     bool                 `json:"counts"`          // proved, and not too long ago
}

// provable are the abilities that a trial proves; the others are roads, not
// promises.
var provable = []connector.Capability{connector.CanFind, connector.CanErase, connector.CanEdit, connector.CanConfirm, connector.CanLeftovers, connector.CanVerify}

// Proofs returns the provable abilities that a system claims, with the dates on
// which they were last shown.
func Proofs(can []connector.Capability, shown map[connector.Capability]time.Time, now time.Time) []Proof {
	var out []Proof
	for _, c := range provable {
		if !slices.Contains(can, c) {
			continue
		}
		at := shown[c]
		out = append(out, Proof{c, at, !at.IsZero() && now.Before(ProofLife.After(at))})
	}
	return out
}

// Unproved returns which of the needed abilities have no proof that counts.
func Unproved(proofs []Proof, needed ...connector.Capability) []connector.Capability {
	var out []connector.Capability
	for _, p := range proofs {
		if slices.Contains(needed, p.Capability) && !p.Counts {
			out = append(out, p.Capability)
		}
	}
	return out
}

// Line is one fact: what it is about, and what is known.
type Line struct {
	Name string   `json:"name"` // key below "facts."
	Text []string `json:"text"`
	Warn bool     `json:"warn,omitempty"` // somebody should do something about it
}

// Lines returns what is known of a system in the language of say. records is how
// many are to go, 0 when nothing is planned.
func Lines(say *i18n.Printer, p connector.Profile, proofs []Proof, records int64) []Line {
	var out []Line
	add := func(name string, text ...string) {
		text = slices.DeleteFunc(text, func(s string) bool { return s == "" })
		if len(text) > 0 {
			out = append(out, Line{Name: name, Text: text})
		}
	}
	words := func(sv, en string) string {
		if say.Lang() == i18n.English {
			return en
		}
		return sv
	}
	period := func(key, v string) string {
		d, err := gallra.ParsePeriod(v)
		if v == "" || err != nil {
			return ""
		}
		return say.T(key, "period", d)
	}
	var eligible []string
	if e := p.Eligible; e != (connector.Eligible{}) {
		if e.Closed {
			eligible = append(eligible, say.T("facts.closed"))
		}
		eligible = append(eligible, period("facts.closed_for", e.ClosedFor))
		if e.Offline {
			eligible = append(eligible, say.T("facts.offline"))
		}
		eligible = append(eligible, words(e.SV, e.EN))
	} else {
		eligible = append(eligible, say.T("facts.all"))
	}
	add("eligible", eligible...)
	add("window", period("facts.window_for", p.SoftWindow), wait(say, p.TwoStep))
	var cascades []string
	for _, c := range p.Cascades {
		t := words(c.SV, c.EN)
		if t == "" {
			t = c.Of + ": " + strings.Join(c.Takes, ", ")
		}
		cascades = append(cascades, t)
	}
	add("cascades", cascades...)
	var remains []string
	for _, r := range p.Remains {
		remains = append(remains, words(r.SV, r.EN))
	}
	add("remains", remains...)
	var clocks []string
	for _, c := range p.Clocks {
		clocks = append(clocks, say.T("facts.clock", "type", c.Type, "clock", say.T("start."+string(c.Clock))))
	}
	add("clocks", clocks...)
	add("rate", rate(say, p.Rate, records)...)
	if backups := period("facts.backups_for", p.BackupLife); backups != "" {
		add("backups", backups)
	} else {
		add("backups", say.T("plan.backups_unknown"))
	}
	if m := p.Manual; m != nil {
		add("manual", m.To, words(m.SV, m.EN))
	}
	add("reindex", p.Reindex)
	var scopes []string
	for _, s := range p.Scopes {
		what := say.T("facts.reading")
		if s.For != "" {
			what = say.T("capability." + string(s.For))
		}
		scopes = append(scopes, what+": "+strings.Join(s.Needs, ", "))
	}
	add("scopes", scopes...)
	out = append(out, proved(say, proofs)...)
	return out
}

func wait(say *i18n.Printer, v string) string {
	d, err := time.ParseDuration(v)
	if v == "" || err != nil {
		return ""
	}
	return say.T("facts.two_step", "time", d)
}

func rate(say *i18n.Printer, r connector.Rate, records int64) []string {
	if r.Requests == 0 {
		return []string{say.T("facts.no_rate")}
	}
	per, _ := time.ParseDuration(r.Per)
	out := []string{say.N("facts.rate", int64(r.Requests), "time", per)}
	if r.Source != "" {
		out = append(out, say.T("facts.source."+string(r.Source)))
	}
	out = append(out, say.N("facts.throughput", int64(r.PerHour())))
	if d := r.Takes(records); d > 0 {
		out = append(out, say.N("facts.takes", records, "time", d.Round(time.Second)))
	}
	return out
}

// proved tells each ability with its date. One line of those that are proved,
// one that warns of those that are not.
func proved(say *i18n.Printer, proofs []Proof) []Line {
	var yes, no, never []string
	for _, p := range proofs {
		name := say.T("capability." + string(p.Capability))
		switch {
		case p.Counts:
			yes = append(yes, say.T("facts.proved_on", "what", name, "date", p.Proved))
		case p.Proved.IsZero():
			never = append(never, name)
		default:
			no = append(no, say.T("facts.proved_long_ago", "what", name, "date", p.Proved))
		}
	}
	if len(never) > 0 {
		no = append(no, say.T("facts.never_proved", "what", strings.Join(never, ", ")))
	}
	var out []Line
	if len(yes) > 0 {
		out = append(out, Line{Name: "proved", Text: yes})
	}
	if len(no) > 0 {
		out = append(out, Line{Name: "unproved", Text: no, Warn: true})
	}
	return out
}
