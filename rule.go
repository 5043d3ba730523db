package gallra

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// Period is a calendar period of years, months and days (ISO 8601 without a
// time part). It is never turned into hours.
type Period struct{ Years, Months, Days int }

var periodPattern = regexp.MustCompile(`^P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?$`)

// ParsePeriod reads an ISO 8601 period such as P2Y, P6M, P30D, P1Y6M or P2W.
// It returns an Invalid error for an empty or negative one.
func ParsePeriod(s string) (Period, error) {
	m := periodPattern.FindStringSubmatch(s)
	if m == nil || s == "P" {
		return Period{}, Errorf(Invalid, "period.malformed", "value", s)
	}
	var n [4]int
	for i, v := range m[1:] {
		if v == "" {
			continue
		}
		x, err := strconv.Atoi(v)
		if err != nil || x > 10000 {
			return Period{}, Errorf(Invalid, "period.malformed", "value", s)
		}
		n[i] = x
	}
	p := Period{Years: n[0], Months: n[1], Days: n[2]*7 + n[3]}
	if p.IsZero() {
		return Period{}, Errorf(Invalid, "period.empty")
	}
	return p, nil
}

// IsZero reports whether p has no length.
func (p Period) IsZero() bool { return p == Period{} }

// String returns the ISO 8601 form; "P0D" for the zero period.
func (p Period) String() string {
	if p.IsZero() {
		return "P0D"
	}
	s := "P"
	for _, u := range []struct {
		n int
		c string
	}{{p.Years, "Y"}, {p.Months, "M"}, {p.Days, "D"}} {
		if u.n != 0 {
			s += fmt.Sprintf("%d%s", u.n, u.c)
		}
	}
	return s
}

// MarshalText implements encoding.TextMarshaler.
func (p Period) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *Period) UnmarshalText(b []byte) (err error) { *p, err = ParsePeriod(string(b)); return err }

// After returns the date that ends p counted from the date of t, in t's
// location, at midnight. A month that lacks the day ends on its last day
// (Reg. 1182/71 art. 3(2)(c); lag 1930:173 1 §; REQUIREMENTS T2, T10).
// Days are added after years and months.
func (p Period) After(t time.Time) time.Time {
	y, m, d := t.Date()
	months := int(m) - 1 + p.Months + 12*p.Years
	y, m = y+months/12, time.Month(months%12+1)
	if last := time.Date(y, m+1, 0, 0, 0, 0, 0, t.Location()).Day(); d > last {
		d = last
	}
	return time.Date(y, m, d+p.Days, 0, 0, 0, 0, t.Location())
}

// Before returns the latest date whose p ends on or before the date of t: the
// inverse of After, for turning "past its date" into a range query. A record
// whose start event is on or after the day following Before(t) is not yet due.
func (p Period) Before(t time.Time) time.Time {
	y, m, d := t.Date()
	day := time.Date(y, m, d, 0, 0, 0, 0, t.Location())
	c := day.AddDate(-p.Years, -p.Months, -p.Days+3)
	for p.After(c).After(day) {
		c = c.AddDate(0, 0, -1)
	}
	return c
}

// StartEvent is the event a retention period is counted from (REQUIREMENTS T11).
type StartEvent string

// The start events. Most systems know the first four of a record; the others
// come from a profile that names a column for them (Record.Events), and
// StartFiscalYear is counted from the creation.
const (
	StartCreated     StartEvent = "created"
	StartLastContact StartEvent = "last_contact"
	StartClosed      StartEvent = "closed"
	StartUpdated     StartEvent = "updated"

	StartAgreementEnded   StartEvent = "agreement_ended"
	StartAccountClosed    StartEvent = "account_closed"
	StartConsentWithdrawn StartEvent = "consent_withdrawn"
	StartDisputeEnded     StartEvent = "dispute_ended"
	StartDecisionFinal    StartEvent = "decision_final" // laga kraft
	StartDecision         StartEvent = "decision"       // of an authority
	StartLastLogin        StartEvent = "last_login"

	// StartFiscalYear is the last day of the calendar year in which the fiscal
	// year of the record's creation ends (BFL 7:2; REQUIREMENTS SE-20).
	StartFiscalYear StartEvent = "fiscal_year"
)

// StartEvents returns every start event, the commonest first.
func StartEvents() []StartEvent {
	return []StartEvent{StartCreated, StartLastContact, StartClosed, StartUpdated, StartAgreementEnded, StartAccountClosed, StartConsentWithdrawn,
		StartDisputeEnded, StartDecisionFinal, StartDecision, StartLastLogin, StartFiscalYear}
}

// Clock returns the event that a query asks a system for: e itself, or what e
// is counted from. It never is later than e.
func (e StartEvent) Clock() StartEvent {
	if e == StartFiscalYear {
		return StartCreated
	}
	return e
}

// Event returns when e happened to r; false when the system does not know it.
// StartFiscalYear is not a record's but a rule's to tell: see Rule.Due.
func (r Record) Event(e StartEvent) (time.Time, bool) {
	var t time.Time
	switch e {
	case StartCreated:
		t = r.Created
	case StartLastContact:
		t = r.Contact
	case StartClosed:
		t = r.Closed
	case StartUpdated:
		t = r.Updated
	default:
		t = r.Events[e]
	}
	return t, !t.IsZero()
}

// Action is what is to be done with a record.
type Action string

// The actions.
const (
	ActionErase     Action = "erase"
	ActionArchive   Action = "archive" // hand over to an archive, and erase once it has said that it has it
	ActionAnonymise Action = "anonymise"
	ActionRedact    Action = "redact" // remove one person's values from a record that stays
	ActionRestrict  Action = "restrict"
	ActionRectify   Action = "rectify"
)

// Erases reports whether records are gone afterwards.
func (a Action) Erases() bool { return a == ActionErase || a == ActionArchive }

// Outcome is what a record has become. The three words are never mixed
// (REQUIREMENTS section 0.1): de-identified data are still personal data.
type Outcome string

// The outcomes.
const (
	OutcomeErased       Outcome = "erased"
	OutcomeAnonymised   Outcome = "anonymised"    // AN1-AN6 passed
	OutcomeDeidentified Outcome = "de-identified" // something failed; still has an end date
	OutcomeKept         Outcome = "kept"          // skipped, with a reason
	OutcomeFailed       Outcome = "failed"
)

// OrganisationType switches the rules for public bodies (REQUIREMENTS SE-1).
type OrganisationType string

// The organisation types.
const (
	OrgCompany          OrganisationType = "company"
	OrgAssociation      OrganisationType = "association"
	OrgAuthority        OrganisationType = "authority"         // state agency
	OrgMunicipality     OrganisationType = "municipality"      // municipality or region
	OrgMunicipalCompany OrganisationType = "municipal_company" // OSL 2:3, arkivlagen 2 a §
)

// Public reports whether the rules of public records apply: gallring then needs
// a disposal decision (arkivlagen 10 §; REQUIREMENTS SE-2, SE-3).
func (o OrganisationType) Public() bool {
	return o == OrgAuthority || o == OrgMunicipality || o == OrgMunicipalCompany
}

// Decision is the document that gives a rule its right: an agreement, a
// privacy notice or, in a public body, the gallringsbeslut (REQUIREMENTS S14, SE-2).
type Decision struct {
	Title  string `json:"title,omitempty" yaml:"title,omitempty"`
	Body   string `json:"body,omitempty" yaml:"body,omitempty"`     // who decided: instans
	Number string `json:"number,omitempty" yaml:"number,omitempty"` // diarienummer, paragraph
	Date   string `json:"date,omitempty" yaml:"date,omitempty"`     // YYYY-MM-DD
	URL    string `json:"url,omitempty" yaml:"url,omitempty"`
}

// Rule is one retention rule: what is kept for which purpose, how long, and
// what happens then. A decided version is never changed, only replaced.
type Rule struct {
	ID       string     `json:"id" yaml:"id"`
	Version  int        `json:"version" yaml:"version,omitempty"`
	Title    string     `json:"title,omitempty" yaml:"title,omitempty"`
	Purpose  string     `json:"purpose" yaml:"purpose"`
	Basis    string     `json:"basis,omitempty" yaml:"basis,omitempty"` // GDPR art. 6(1) letter or text
	Systems  []SystemID `json:"systems" yaml:"systems"`
	Types    []string   `json:"types,omitempty" yaml:"types,omitempty"` // empty: the conversations of the system
	Start    StartEvent `json:"start" yaml:"start"`
	Fallback StartEvent `json:"fallback,omitempty" yaml:"fallback,omitempty"` // when Start is unknown of a record
	Keep     Period     `json:"keep" yaml:"keep"`
	Action   Action     `json:"action" yaml:"action"`
	Decision Decision   `json:"decision" yaml:"decision,omitempty"`
	Motive   string     `json:"motive,omitempty" yaml:"motive,omitempty"`

	// Owner answers for the rule, by function ("Kundservicechefen"); Except says
	// in words what it does not reach. Both stand in the retention schedule (D3).
	Owner  string `json:"owner,omitempty" yaml:"owner,omitempty"`
	Except string `json:"except,omitempty" yaml:"except,omitempty"`

	// Text says what anonymising does with free text: TextRemove ("", the
	// default) or TextRedact, which never gives the word anonymised (AN2).
	Text TextPolicy `json:"text,omitempty" yaml:"text,omitempty"`
	// Files says what anonymising does with attachments: FilesErase ("", the
	// default), FilesRedact or FilesKeep; a kept file never gives the word.
	Files FilePolicy `json:"files,omitempty" yaml:"files,omitempty"`

	// Coarsen names the kept fields (queue, category, postcode) that anonymising
	// may make coarser in the records that too few others share them with (AN4);
	// none is touched without being named.
	Coarsen []string `json:"coarsen,omitempty" yaml:"coarsen,omitempty"`

	// Quarantine is how long a record is restricted before it is erased, where
	// the system can restrict. It is counted inside Agreed, the period that was
	// promised (REQUIREMENTS G-11): Keep and Quarantine together never exceed it.
	Quarantine Period `json:"quarantine,omitzero" yaml:"quarantine,omitempty"`
	Agreed     Period `json:"agreed,omitzero" yaml:"agreed,omitempty"` // zero: Keep
	// Archive says where ActionArchive hands over.
	Archive Archive `json:"archive,omitzero" yaml:"archive,omitempty"`
	// YearEnd is the last day of the fiscal year, MM-DD, for StartFiscalYear;
	// "" is 12-31.
	YearEnd string `json:"year_end,omitempty" yaml:"year_end,omitempty"`
}

// Archive is where and how records are handed over before they are erased
// (REQUIREMENTS SE-11).
type Archive struct {
	To        string `json:"to,omitempty" yaml:"to,omitempty"`               // folder for the packages; from that of gallra.yaml when it is relative
	Receipts  string `json:"receipts,omitempty" yaml:"receipts,omitempty"`   // folder where the archive puts its receipts; "" is To
	Body      string `json:"body,omitempty" yaml:"body,omitempty"`           // the archive that receives
	Agreement string `json:"agreement,omitempty" yaml:"agreement,omitempty"` // submission agreement: number, date
	Reference string `json:"reference,omitempty" yaml:"reference,omitempty"` // place in the archive's order
	Within    Period `json:"within,omitzero" yaml:"within,omitempty"`        // until a receipt is expected; zero: 30 days
}

// FilePolicy is what anonymising does with an attachment.
type FilePolicy string

// The file policies.
const (
	FilesErase  FilePolicy = "erase" // also ""
	FilesRedact FilePolicy = "redact"
	FilesKeep   FilePolicy = "keep"
)

// Check says what is wrong with a rule by itself, as an Invalid error; whether
// its systems exist and can do it is asked elsewhere.
func (u Rule) Check() error {
	invalid := func(key string) error { return Errorf(Invalid, key, "rule", u.ID) }
	switch {
	case u.Keep.IsZero():
		return invalid("retention.rule_period")
	case !u.Action.Erases() && u.Action != ActionAnonymise:
		return invalid("retention.rule_action")
	case u.Action == ActionArchive && u.Archive.To == "":
		return invalid("config.rule_archive_to")
	case u.Action != ActionArchive && u.Archive != Archive{}:
		return invalid("config.rule_archive_action")
	case !slices.Contains(StartEvents(), u.Start), u.Fallback != "" && !slices.Contains(StartEvents(), u.Fallback):
		return invalid("config.rule_start")
	case u.Text != "" && u.Text != TextRemove && u.Text != TextRedact:
		return invalid("config.rule_text")
	case u.Files != "" && u.Files != FilesErase && u.Files != FilesRedact && u.Files != FilesKeep:
		return invalid("config.rule_files")
	case u.YearEnd != "" && !yearEnd.MatchString(u.YearEnd):
		return invalid("config.rule_year_end")
	case len(u.Coarsen) > 0 && u.Action != ActionAnonymise:
		return invalid("config.rule_coarsen")
	case !u.Quarantine.IsZero() && u.Action != ActionErase:
		return invalid("config.rule_quarantine_action")
	case !u.Quarantine.IsZero() && !u.fits():
		return invalid("config.rule_quarantine")
	case !u.Agreed.IsZero() && !never(u.Keep, Period{}, u.Agreed):
		return invalid("config.rule_agreed")
	}
	return nil
}

var yearEnd = regexp.MustCompile(`^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$`)

// AgreedPeriod returns the period that was promised: Agreed, or Keep.
func (u Rule) AgreedPeriod() Period {
	if u.Agreed.IsZero() {
		return u.Keep
	}
	return u.Agreed
}

func (u Rule) fits() bool { return never(u.Keep, u.Quarantine, u.AgreedPeriod()) }

// never reports whether a and then b never end after c, from whatever day.
// Months are not of one length, so every day of a leap cycle is tried.
func never(a, b, c Period) bool {
	for d := time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC); d.Year() < 2027; d = d.AddDate(0, 0, 1) {
		if b.After(a.After(d)).After(c.After(d)) {
			return false
		}
	}
	return true
}

// TextPolicy is what anonymising does with free text.
type TextPolicy string

// The text policies.
const (
	TextRemove TextPolicy = "remove" // also ""
	TextRedact TextPolicy = "redact"
)

// Due returns the last day r may be kept under the rule, counted in loc, and
// whether the fallback event was used. It may be gallrad from the following day
// (REQUIREMENTS T10). ok is false when neither event is known: such a record is
// never due and must be counted and shown.
func (u Rule) Due(r Record, loc *time.Location) (last time.Time, fallback, ok bool) {
	start, fallback, ok := u.Began(r, loc)
	if !ok {
		return time.Time{}, false, false
	}
	return u.Keep.After(start), fallback, true
}

// Began returns when the rule's period begins to count for r, in loc: its start
// event or, when that is unknown, the fallback.
func (u Rule) Began(r Record, loc *time.Location) (start time.Time, fallback, ok bool) {
	if start, ok = u.event(r, u.Start, loc); ok || u.Fallback == "" {
		return start, false, ok
	}
	start, ok = u.event(r, u.Fallback, loc)
	return start, ok, ok
}

func (u Rule) event(r Record, e StartEvent, loc *time.Location) (time.Time, bool) {
	t, ok := r.Event(e.Clock())
	if !ok {
		return time.Time{}, false
	}
	t = t.In(loc)
	if e == StartFiscalYear {
		// The fiscal year of t ends this calendar year, or, after its last day, the next.
		year := t.Year()
		if u.YearEnd != "" && t.Format("01-02") > u.YearEnd {
			year++
		}
		t = time.Date(year, 12, 31, 0, 0, 0, 0, loc)
	}
	return t, true
}

// Meets reports whether two rules may speak of the same records, and in which
// system first. A rule that names no types speaks of a system's conversations,
// whose names only the system knows: it may meet any.
func (u Rule) Meets(other Rule) (SystemID, bool) {
	if len(u.Types) > 0 && len(other.Types) > 0 && !slices.ContainsFunc(u.Types, func(t string) bool { return slices.Contains(other.Types, t) }) {
		return "", false
	}
	for _, s := range u.Systems {
		if slices.Contains(other.Systems, s) {
			return s, true
		}
	}
	return "", false
}

// Covers reports whether the rule speaks of records of type typ in system sys.
// conversation says that the type is the system's conversations, the default.
func (u Rule) Covers(sys SystemID, typ string, conversation bool) bool {
	in := false
	for _, s := range u.Systems {
		in = in || s == sys
	}
	if !in {
		return false
	}
	if len(u.Types) == 0 {
		return conversation
	}
	for _, t := range u.Types {
		if t == typ {
			return true
		}
	}
	return false
}
