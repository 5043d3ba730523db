package report

import (
	"context"
	"slices"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/anonymise"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/retention"
)

// Assessment is what the anonymisation assessment (anonymiseringsbedömning,
// document D14) says of one run.
type Assessment struct {
	Run  string          `json:"run"`
	Sets []AssessmentSet `json:"sets"`
}

// AssessmentSet is one set of data that was rewritten in place.
type AssessmentSet struct {
	System     System                   `json:"system"`
	Type       string                   `json:"type"`
	Records    int64                    `json:"records"`
	For        string                   `json:"for"`     // for whom it is kept: the organisation
	Purpose    string                   `json:"purpose"` // of the rule
	Fields     []FieldMethod            `json:"fields"`
	Text       gallra.TextPolicy        `json:"free_text"`
	Files      gallra.FilePolicy        `json:"attachments"`
	Checks     []CheckResult            `json:"checks"`
	Anonymity  retention.Anonymity      `json:"anonymity"`
	Keys       time.Time                `json:"keys_destroyed"` // nothing leads back: no table of what was replaced is ever written
	Outcomes   map[gallra.Outcome]int64 `json:"outcomes"`
	Anonymised bool                     `json:"anonymised"` // every record passed every check
	From       time.Time                `json:"from,omitzero"`
	Review     time.Time                `json:"review"`
}

// FieldMethod is what was done with one field.
type FieldMethod struct {
	Type     string          `json:"type"`
	Field    string          `json:"field"`
	Category gallra.Category `json:"category"` // "" when it is none
	Method   string          `json:"method"`   // replaced, removed, redacted, kept, coarser, file_erase, file_redact, file_keep
}

// CheckResult is one of the checks AN1 to AN6.
type CheckResult struct {
	Check   string `json:"check"`
	Failing int64  `json:"failing"` // records that do not pass
}

// reviewAfter is when an assessment is made anew: what can be told from other
// data grows with time.
var reviewAfter = gallra.Period{Years: 1}

// Assessment draws up the assessment of a run that rewrote records in place.
// The methods per field follow from the system's own description of its fields
// as it is now. gallra.ErrNotFound when the run anonymised nothing.
func (p Press) Assessment(ctx context.Context, run string) (Paper, error) {
	r, err := p.Retention.RunOf(ctx, run)
	if err != nil {
		return Paper{}, err
	}
	if r.Protocol == nil {
		return Paper{}, gallra.Errorf(gallra.NotFound, "web.no_protocol")
	}
	a := Assessment{Run: run, Sets: []AssessmentSet{}}
	for _, part := range r.Protocol.Parts {
		n := part.Tally.Outcomes[gallra.OutcomeAnonymised] + part.Tally.Outcomes[gallra.OutcomeDeidentified]
		i := slices.IndexFunc(r.Protocol.Rules, func(x gallra.Rule) bool {
			return x.Action == gallra.ActionAnonymise && slices.Contains(x.Systems, part.System)
		})
		if n == 0 || i < 0 {
			continue
		}
		set, err := p.assess(ctx, *r.Protocol, part, r.Protocol.Rules[i])
		if err != nil {
			return Paper{}, err
		}
		a.Sets = append(a.Sets, set)
	}
	if len(a.Sets) == 0 {
		return Paper{}, gallra.Errorf(gallra.NotFound, "report.nothing_anonymised", "run", run)
	}
	head, err := p.issue(ctx, "D14", "D14/"+run, a)
	if err != nil {
		return Paper{}, err
	}
	return Paper{Head: head, Content: a, lay: a.lay, order: assessmentKeys, cells: a.cells}, nil
}

func (p Press) assess(ctx context.Context, r retention.Protocol, part retention.Part, rule gallra.Rule) (AssessmentSet, error) {
	set := AssessmentSet{System: System{part.System, p.title(part.System)}, Type: part.Type, For: r.Organisation.Name, Purpose: rule.Purpose, Text: rule.Text, Files: rule.Files, Outcomes: some(part.Tally.Outcomes),
		Keys: r.Ended, From: part.AnonymisedFrom, Review: reviewAfter.After(r.Ended.In(stockholm)), Fields: []FieldMethod{}, Checks: []CheckResult{}}
	if set.Text == "" {
		set.Text = gallra.TextRemove
	}
	if set.Files == "" {
		set.Files = gallra.FilesErase
	}
	set.Records = part.Tally.Outcomes[gallra.OutcomeAnonymised] + part.Tally.Outcomes[gallra.OutcomeDeidentified]
	set.Anonymised = part.Tally.Outcomes[gallra.OutcomeDeidentified] == 0
	if part.Anonymity != nil {
		set.Anonymity = *part.Anonymity
	}
	for _, c := range anonymise.Checks() {
		set.Checks = append(set.Checks, CheckResult{c, part.Tally.Failing[c]})
	}
	src, err := p.Retention.Open(ctx, part.System)
	if err != nil {
		return set, err
	}
	defer src.Close() // read only: nothing is lost
	types, err := src.Types(ctx)
	if err != nil {
		return set, err
	}
	for _, t := range append([]connector.Type{}, types...) {
		if t.Name != part.Type && !slices.ContainsFunc(connector.Below(types, part.Type), func(b connector.Type) bool { return b.Name == t.Name }) {
			continue
		}
		for _, f := range t.Fields {
			if f.ReadOnly {
				continue // follows the field it is derived from
			}
			set.Fields = append(set.Fields, FieldMethod{t.Name, f.Name, f.Category, set.method(f)})
		}
	}
	return set, nil
}

func (a AssessmentSet) method(f connector.FieldInfo) string {
	switch {
	case f.Format == connector.FormatFile:
		return "file_" + string(a.Files)
	case f.Text && a.Text == gallra.TextRedact:
		return "redacted"
	case f.Text:
		return "removed"
	case f.Category != "":
		return "replaced"
	case f.Keep && a.Anonymity.Coarser[f.Name] > 0:
		return "coarser"
	case f.Keep:
		return "kept"
	}
	return "removed"
}

// assessmentKeys are the fields of document D14, in the order of REQUIREMENTS
// section 6.
var assessmentKeys = []string{"paper.d14.set", "paper.d14.for", "paper.d14.methods", "paper.d14.text", "paper.d14.tests", "paper.d14.k", "paper.d14.risk", "paper.d14.keys", "paper.d14.conclusion", "paper.d14.review"}

func (a Assessment) lay(s *sheet) {
	s.part("", s.T("paper.d14.lead", "run", a.Run))
	for i, x := range a.Sets {
		s.part(x.System.Title + ", " + s.Type(x.Type))
		cells := a.cells(s.say)[i]
		for _, k := range assessmentKeys {
			if k != "paper.d14.methods" && k != "paper.d14.tests" {
				s.fact(k, cells[k])
			}
		}
		fields := &grid{Columns: []column{{s.T("paper.d14.field"), false}, {s.T("paper.d14.holds"), false}, {s.T("paper.d14.method"), false}}}
		for _, f := range x.Fields {
			holds := s.T("paper.none")
			if f.Category != "" {
				holds = s.T("category." + string(f.Category))
			}
			fields.Rows = append(fields.Rows, []string{s.Type(f.Type) + ": " + f.Field, holds, s.T("paper.d14.method." + f.Method)})
		}
		s.part(s.T("paper.d14.methods")).Table = fields
		tests := &grid{Columns: []column{{s.T("paper.d14.test"), false}, {s.T("paper.d14.asks"), false}, {s.T("paper.d14.failing"), true}}}
		for _, c := range x.Checks {
			tests.Rows = append(tests.Rows, []string{c.Check, s.T("paper.d14.asks." + c.Check), s.Number(c.Failing)})
		}
		s.part(s.T("paper.d14.tests")).Table = tests
	}
}

func (a Assessment) cells(s say) []map[string]string {
	var out []map[string]string
	for _, x := range a.Sets {
		methods, tests := "", ""
		for _, f := range x.Fields {
			methods = join(methods, f.Type+"."+f.Field+": "+s.T("paper.d14.method."+f.Method))
		}
		for _, c := range x.Checks {
			tests = join(tests, c.Check+": "+s.Number(c.Failing))
		}
		n := x.Anonymity
		risk := s.T("paper.d14.risk_text", "most", s.Decimal(100*n.Risk, 1), "average", s.Decimal(100*n.Average, 1), "small", n.Small)
		if n.Records == 0 {
			risk = s.T("paper.d14.not_counted")
		}
		if n.Exact > 0 {
			risk = join(risk, s.N("paper.d14.exact", n.Exact))
		}
		word := s.T("paper.d14.is.deidentified")
		if x.Anonymised {
			word = s.T("paper.d14.is.anonymised")
		}
		if !x.From.IsZero() {
			word = join(word, s.T("paper.d14.from", "day", s.Day(x.From)))
		}
		out = append(out, map[string]string{"paper.d14.set": s.N("paper.d14.records", x.Records, "system", x.System.Title, "type", s.Type(x.Type)), "paper.d14.for": x.For + ": " + x.Purpose, "paper.d14.methods": methods,
			"paper.d14.text": s.T("paper.d14.text." + string(x.Text)), "paper.d14.tests": tests, "paper.d14.k": s.T("paper.d14.k_text", "smallest", n.Smallest, "wanted", max(n.Wanted, anonymise.K)), "paper.d14.risk": risk,
			"paper.d14.keys": s.T("paper.d14.no_keys", "day", s.Day(x.Keys)), "paper.d14.conclusion": word, "paper.d14.review": s.Day(x.Review)})
	}
	return out
}
