package connector

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/gallra/gallra"
)

// Profile is what is known of a system besides its records: which records it
// lets go, what it does with what is erased, what remains and how long, and how
// fast it answers. It is data, shown before every run (REQUIREMENTS V-1). A
// source that has one implements Profiled.
//
// Durations are ISO 8601 periods of days and longer ("P30D") or, for waits and
// rates, Go durations ("5m", "1s"). An empty one is not known, or there is none.
type Profile struct {
	Product string  `yaml:"product" json:"product"`
	Channel Channel `yaml:"channel" json:"channel"`

	Eligible   Eligible    `yaml:"eligible,omitempty" json:"eligible,omitzero"`            // which records the system lets go
	SoftWindow string      `yaml:"soft_window,omitempty" json:"soft_window,omitempty"`     // period in which an erasure can be undone in the product, and is not one yet
	TwoStep    string      `yaml:"two_step_wait,omitempty" json:"two_step_wait,omitempty"` // duration that must pass between the first call and the one that erases
	Cascades   []Cascade   `yaml:"cascades,omitempty" json:"cascades,omitempty"`           // what goes along
	Remains    []Remain    `yaml:"remains,omitempty" json:"remains,omitempty"`             // what stays after an erasure, said in the preview
	Clocks     []ClockNote `yaml:"clock_reset,omitempty" json:"clock_reset,omitempty"`     // clocks that an edit by Gallra sets back
	Rate       Rate        `yaml:"rate,omitempty" json:"rate,omitzero"`
	BackupLife string      `yaml:"backup_life,omitempty" json:"backup_life,omitempty"` // period
	Manual     *Manual     `yaml:"manual,omitempty" json:"manual,omitempty"`           // the way when there is no door
	Scopes     []Scope     `yaml:"scopes,omitempty" json:"scopes,omitempty"`           // the least right each capability needs
	Reindex    string      `yaml:"reindex,omitempty" json:"reindex,omitempty"`         // what to run in the product afterwards
}

// Words is one text in both languages.
type Words struct {
	SV string `yaml:"sv" json:"sv"`
	EN string `yaml:"en" json:"en"`
}

// Eligible says which records the system lets go. The zero value is: all.
type Eligible struct {
	Closed    bool             `yaml:"closed,omitempty" json:"closed,omitempty"`         // conversations must be closed
	ClosedFor string           `yaml:"closed_for,omitempty" json:"closed_for,omitempty"` // period for which they must have been
	Offline   bool             `yaml:"offline,omitempty" json:"offline,omitempty"`       // the person must not be connected
	Without   string           `yaml:"without,omitempty" json:"without,omitempty"`       // type of record that the person must no longer have ("ticket")
	Words     `yaml:",inline"` // any further condition
}

// Cascade is what an erasure of one type takes along in the system, wanted or not.
type Cascade struct {
	Of     string   `yaml:"of" json:"of"`                             // type of record
	Takes  []string `yaml:"takes" json:"takes"`                       // types, or things that are none ("rating")
	Others bool     `yaml:"others,omitempty" json:"others,omitempty"` // other people's texts are among them
	Words  `yaml:",inline"`
}

// RemainKind says what sort of place keeps something.
type RemainKind string

// The kinds of what remains.
const (
	RemainCopy   RemainKind = "copy"    // a derived copy of records: search index, cache, file, raw mail
	RemainTrace  RemainKind = "trace"   // tells of the person without the record: logs, sessions
	RemainBackup RemainKind = "backup"  // backups and free pages of the disk
	RemainOut    RemainKind = "outside" // with somebody else: recipients, search engines, the platform
)

// Remain is one thing that stays after an erasure, in both languages.
type Remain struct {
	Where string     `yaml:"where" json:"where"`
	Kind  RemainKind `yaml:"kind,omitempty" json:"kind,omitempty"`
	For   string     `yaml:"for,omitempty" json:"for,omitempty"` // period after which it goes by itself; "" when somebody must see to it, or when nobody knows
	SV    string     `yaml:"sv" json:"sv"`
	EN    string     `yaml:"en" json:"en"`
}

// ClockNote says that edits of a type move one of its clocks, so that a
// retention period counted from that clock begins anew.
type ClockNote struct {
	Type  string            `yaml:"type" json:"type"`
	Clock gallra.StartEvent `yaml:"clock" json:"clock"`
}

// Rate is how often the system may be called and how fast that makes a run.
type Rate struct {
	Requests int    `yaml:"requests,omitempty" json:"requests,omitempty"` // in Per; 0 unknown or unlimited
	Per      string `yaml:"per,omitempty" json:"per,omitempty"`
	Parallel int    `yaml:"parallel,omitempty" json:"parallel,omitempty"` // calls at once; 0 for no limit
	// Calls is the number of calls that one erasure takes, 1 when empty;
	// Batch how many records one such call can take.
	Calls int `yaml:"calls,omitempty" json:"calls,omitempty"`
	// Source says who has set Requests: the vendor, or Gallra where the vendor
	// states no figure.
	Source RateSource `yaml:"source,omitempty" json:"source,omitempty"`
	Batch  int        `yaml:"batch,omitempty" json:"batch,omitempty"`
}

// RateSource is who has set a rate.
type RateSource string

// The sources.
const (
	RateVendor RateSource = "vendor" // the vendor's own figure, or a share of it
	RateOurs   RateSource = "ours"   // the vendor states none for this: a careful choice
)

// PerHour returns how many records can be erased in an hour under the rate; 0
// when no rate is known.
func (r Rate) PerHour() float64 {
	per, err := time.ParseDuration(r.Per)
	if r.Requests == 0 || err != nil {
		return 0
	}
	return float64(r.Requests) * float64(time.Hour) / float64(per) * float64(max(r.Batch, 1)) / float64(max(r.Calls, 1))
}

// Takes returns how long the erasure of n records lasts at least; 0 when no
// rate is known.
func (r Rate) Takes(n int64) time.Duration {
	h := r.PerHour()
	if h == 0 {
		return 0
	}
	return time.Duration(float64(n) / h * float64(time.Hour))
}

// Manual is the way to an erasure where the vendor has no door for machines.
type Manual struct {
	To   string `yaml:"to" json:"to"`                         // address or place: "support@example.com"
	Days int    `yaml:"days,omitempty" json:"days,omitempty"` // in which an answer can be expected
	// Actions that go this way; all when empty.
	Actions []gallra.Action `yaml:"actions,omitempty" json:"actions,omitempty"`
	Words   `yaml:",inline"`
}

// Scope is the least right that a capability needs of the account.
type Scope struct {
	For   Capability `yaml:"for" json:"for"`     // "" for reading
	Needs []string   `yaml:"needs" json:"needs"` // in the vendor's own words: "tickets:write", "SELECT"
}

// Profiled is implemented by a source that has a Profile.
type Profiled interface{ Profile() Profile }

// ParseProfile reads a profile from YAML. gallra.ErrInvalid for a key that is
// none and for what Validate finds.
func ParseProfile(b []byte) (Profile, error) {
	var p Profile
	if err := yaml.UnmarshalWithOptions(b, &p, yaml.Strict()); err != nil {
		return Profile{}, gallra.Errorf(gallra.Invalid, "connector.profile_wrong", "what", strings.TrimSpace(yaml.FormatError(err, false, false)))
	}
	return p, p.Validate()
}

// MustProfile is ParseProfile for a profile that is part of the program; it
// panics where that is wrong.
func MustProfile(b []byte) Profile {
	p, err := ParseProfile(b)
	if err != nil {
		panic("connector: " + err.Error())
	}
	return p
}

// Validate tells the first thing that is wrong: gallra.ErrInvalid.
func (p Profile) Validate() error {
	if what := p.wrong(); what != "" {
		return gallra.Errorf(gallra.Invalid, "connector.profile_wrong", "what", what)
	}
	return nil
}

func (p Profile) wrong() string {
	switch {
	case p.Product == "":
		return "product"
	case !slices.Contains([]Channel{ChannelTicketing, ChannelMail, ChannelForum, ChannelChat, ChannelSocial, ChannelOther}, p.Channel):
		return "channel: " + string(p.Channel)
	}
	for name, v := range map[string]string{"eligible.closed_for": p.Eligible.ClosedFor, "soft_window": p.SoftWindow, "backup_life": p.BackupLife} {
		if _, err := gallra.ParsePeriod(v); v != "" && err != nil {
			return name + ": " + v
		}
	}
	for name, v := range map[string]string{"two_step_wait": p.TwoStep, "rate.per": p.Rate.Per} {
		if d, err := time.ParseDuration(v); v != "" && (err != nil || d <= 0) {
			return name + ": " + v
		}
	}
	if (p.Rate.Requests > 0) != (p.Rate.Per != "") {
		return "rate: requests and per belong together"
	}
	if p.Rate.Requests > 0 && p.Rate.Source != "" && p.Rate.Source != RateVendor && p.Rate.Source != RateOurs {
		return "rate.source: " + string(p.Rate.Source)
	}
	if !p.Eligible.both(true) {
		return "eligible: sv, en"
	}
	for i, r := range p.Remains {
		where := fmt.Sprintf("remains[%d]", i)
		_, err := gallra.ParsePeriod(r.For)
		switch {
		case r.Where == "" || !(Words{r.SV, r.EN}).both(false):
			return where + ": where, sv, en"
		case !slices.Contains([]RemainKind{"", RemainCopy, RemainTrace, RemainBackup, RemainOut}, r.Kind):
			return where + ".kind: " + string(r.Kind)
		case r.For != "" && err != nil:
			return where + ".for: " + r.For
		}
	}
	for i, c := range p.Cascades {
		if c.Of == "" || len(c.Takes) == 0 || !c.both(true) {
			return fmt.Sprintf("cascades[%d]: of, takes, sv, en", i)
		}
	}
	for i, c := range p.Clocks {
		if c.Type == "" || !slices.Contains([]gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated, gallra.StartLastContact, gallra.StartClosed}, c.Clock) {
			return fmt.Sprintf("clock_reset[%d]: type, clock", i)
		}
	}
	if m := p.Manual; m != nil && (m.To == "" || !m.both(false)) {
		return "manual: to, sv, en"
	}
	for i, s := range p.Scopes {
		if s.For != "" && !slices.Contains(EveryCapability(), s.For) || len(s.Needs) == 0 {
			return fmt.Sprintf("scopes[%d]: for, needs", i)
		}
	}
	return ""
}

// both reports whether the text stands in both languages; or in none, if that may be.
func (w Words) both(orNone bool) bool {
	return w.SV != "" && w.EN != "" || orNone && w.SV == "" && w.EN == ""
}

// Grade returns the most that an erasure in the system can claim: derived copies
// are gone only where the profile knows of none that the connector cannot reach.
func (p Profile) Grade() gallra.Grade {
	if slices.ContainsFunc(p.Remains, func(r Remain) bool { return r.Kind == RemainCopy }) {
		return gallra.GradeLive
	}
	return gallra.GradeDerived
}

// Residues returns the derived copies that an erasure at a time leaves behind,
// for its receipt.
func (p Profile) Residues(at time.Time) []gallra.Residue {
	var out []gallra.Residue
	for _, r := range p.Remains {
		if r.Kind != RemainCopy {
			continue
		}
		x := gallra.Residue{Where: r.Where, Why: "residue.copy"}
		if d, err := gallra.ParsePeriod(r.For); err == nil {
			x.GoneBy = d.After(at)
		}
		out = append(out, x)
	}
	return out
}
