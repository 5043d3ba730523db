package report

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/i18n"
	"github.com/gallra/gallra/internal/inventory"
)

// RetentionPlan is what the gallringsplan (document D3) says: every rule with
// its period, its support and what has been done by it.
type RetentionPlan struct {
	Type   gallra.OrganisationType `json:"organisation_type"`
	Public bool                    `json:"public"` // the words of public records apply
	Rules  []RetentionPlanRule     `json:"rules"`
}

// RetentionPlanRule is one rule of the plan.
type RetentionPlanRule struct {
	Rule        string            `json:"rule"`
	Version     int               `json:"version"`
	Title       string            `json:"title"`
	Purpose     string            `json:"purpose"`
	Basis       string            `json:"legal_basis"`
	Types       []string          `json:"types"` // empty: the conversations of the systems
	Systems     []System          `json:"systems"`
	Start       gallra.StartEvent `json:"start"`
	Fallback    gallra.StartEvent `json:"fallback"` // "" when there is none
	Keep        gallra.Period     `json:"period"`
	Action      gallra.Action     `json:"action"`
	Decision    gallra.Decision   `json:"support"`
	Decided     bool              `json:"decided"` // a public body may not act on a rule that is not
	Motive      string            `json:"motive"`
	Exceptions  string            `json:"exceptions"`
	Held        int               `json:"holds"` // holds in force over its systems
	Responsible string            `json:"responsible"`
	LastRun     time.Time         `json:"last_run,omitzero"`
	Next        string            `json:"next"` // YYYY-MM in which something falls due next; "" unknown
}

// System is a system by its name in gallra.yaml and by what people call it.
type System struct {
	Name  gallra.SystemID `json:"name"`
	Title string          `json:"title"`
}

func (p Press) systems(ids []gallra.SystemID) []System {
	out := []System{}
	for _, id := range ids {
		out = append(out, System{id, p.title(id)})
	}
	return out
}

// RetentionPlan draws up the gallringsplan of the rules as they are now.
func (p Press) RetentionPlan(ctx context.Context) (Paper, error) {
	org := p.Config.Organisation
	plan := RetentionPlan{Type: org.Type, Public: org.Type.Public(), Rules: []RetentionPlanRule{}}
	runs, err := p.Retention.Runs(ctx, 0)
	if err != nil {
		return Paper{}, err
	}
	holds, err := p.holds().List(ctx, false)
	if err != nil {
		return Paper{}, err
	}
	coming, err := inventory.FallingDue(ctx, p.DB, p.Config.Rules, p.DB.Now().In(stockholm))
	if err != nil {
		return Paper{}, err
	}
	for _, r := range p.Config.Rules {
		row := RetentionPlanRule{Rule: r.ID, Version: r.Version, Title: r.Title, Purpose: r.Purpose, Basis: r.Basis, Types: append([]string{}, r.Types...), Systems: p.systems(r.Systems),
			Start: r.Start, Fallback: r.Fallback, Keep: r.Keep, Action: r.Action, Decision: r.Decision, Motive: r.Motive, Exceptions: r.Except, Responsible: r.Owner,
			Decided: r.Decision.Body != "" && r.Decision.Date != "" && r.Decision.Number != ""}
		if row.Responsible == "" {
			row.Responsible = org.Contact
		}
		for _, run := range runs {
			if run.Ended.After(row.LastRun) && slices.ContainsFunc(run.Protocol.Rules, func(o gallra.Rule) bool { return o.ID == r.ID }) {
				row.LastRun = run.Ended
			}
		}
		for _, h := range holds {
			for _, t := range h.Targets {
				if slices.Contains(r.Systems, t.Ref.System) {
					row.Held++
					break
				}
			}
		}
		row.Next = coming.Next(r.ID)
		plan.Rules = append(plan.Rules, row)
	}
	head, err := p.issue(ctx, "D3", "D3", plan)
	if err != nil {
		return Paper{}, err
	}
	return Paper{Head: head, Content: plan, lay: plan.lay, order: planKeys, cells: plan.cells}, nil
}

// planKeys are the fields of document D3, in the order of REQUIREMENTS section 6.
var planKeys = []string{"paper.d3.purpose", "paper.d3.type", "paper.d3.system", "paper.d3.start", "paper.d3.period", "paper.d3.action", "paper.d3.support", "paper.d3.motive",
	"paper.d3.exceptions", "paper.d3.responsible", "paper.d3.last", "paper.d3.next", "paper.d3.decided", "paper.d3.rule"}

func (d RetentionPlan) lay(s *sheet) {
	s.part("", s.N("paper.d3.lead", int64(len(d.Rules))))
	if d.Public {
		s.part("", s.T("paper.d3.public"))
	}
	for _, r := range d.Rules {
		s.part(or(r.Title, r.Rule))
		cells := r.cells(s.say, d.Type)
		for _, k := range planKeys {
			s.fact(k, cells[k])
		}
	}
}

func (d RetentionPlan) cells(s say) []map[string]string {
	var out []map[string]string
	for _, r := range d.Rules {
		out = append(out, r.cells(s, d.Type))
	}
	return out
}

func (r RetentionPlanRule) cells(s say, org gallra.OrganisationType) map[string]string {
	start := s.T("start." + string(r.Start))
	if r.Fallback != "" && r.Fallback != r.Start {
		start = s.T("paper.d3.fallback", "start", start, "fallback", s.T("start."+string(r.Fallback)))
	}
	except := r.Exceptions
	if r.Held > 0 {
		except = join(except, s.N("paper.d3.held", int64(r.Held)))
	}
	support := supportOf(s, org, r.Decision)
	if support == "" && org.Public() {
		support = s.T("paper.d3.no_decision")
	}
	return map[string]string{
		"paper.d3.purpose": join(r.Purpose, basis(s, r.Basis)), "paper.d3.type": s.types(r.Types), "paper.d3.system": s.List(titles(r.Systems)),
		"paper.d3.start": start, "paper.d3.period": s.Period(r.Keep) + " (" + r.Keep.String() + ")", "paper.d3.action": s.T("action." + string(r.Action)),
		"paper.d3.support": support, "paper.d3.motive": r.Motive, "paper.d3.exceptions": except, "paper.d3.responsible": r.Responsible,
		"paper.d3.last": or(s.Day(r.LastRun), s.T("paper.d3.never")), "paper.d3.next": or(s.month(r.Next), s.T("paper.d3.unknown")),
		"paper.d3.decided": join(r.Decision.Date, s.T("paper.version", "version", r.Version)), "paper.d3.rule": r.Rule,
	}
}

func basis(s say, b string) string {
	if b == "" {
		return ""
	}
	return s.T("paper.d3.basis", "basis", b)
}

// supportOf names what gives a rule its right: who decided, when, and where it
// can be read. In a state agency that is how it applies the regulations of the
// National Archives; a municipality is not bound by them and decides itself
// (REQUIREMENTS SE-4).
func supportOf(s say, org gallra.OrganisationType, d gallra.Decision) string {
	out := ""
	for _, v := range []string{d.Title, d.Body, d.Number, d.Date, d.URL} {
		if v != "" && out != "" {
			out += ", "
		}
		out += v
	}
	switch {
	case out == "":
		return ""
	case org == gallra.OrgAuthority:
		return s.T("paper.support.agency", "decision", out)
	case org.Public():
		return s.T("paper.support.local", "decision", out)
	}
	return out
}

func titles(list []System) []string {
	var out []string
	for _, x := range list {
		out = append(out, x.Title)
	}
	return out
}

// types names kinds of record; none means conversations.
func (s say) types(names []string) string {
	if len(names) == 0 {
		return s.T("paper.d3.conversations")
	}
	var out []string
	for _, n := range names {
		out = append(out, s.Type(n))
	}
	return s.List(out)
}

func (s say) month(m string) string {
	t, err := time.ParseInLocation("2006-01", m, stockholm)
	if err != nil {
		return ""
	}
	return s.Value(i18n.Month(t))
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// join puts two sentences or terms side by side.
func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}

func count64(n int64) string { return strconv.FormatInt(n, 10) }
