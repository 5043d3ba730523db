package report

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/gallra/gallra/internal/hold"
)

// HoldRegister is what the register of holds (spärrregister, document D15) says.
type HoldRegister struct {
	Holds []HeldLine `json:"holds"`
}

// HeldLine is one hold.
type HeldLine struct {
	ID         string    `json:"id"`
	Kind       hold.Kind `json:"kind"` // legal: dispute, supervision, crime; request: open request, disclosure; archive
	Reason     string    `json:"reason"`
	Matter     string    `json:"matter"`
	Scope      []Scope   `json:"scope"`
	From       time.Time `json:"from"`
	Decided    string    `json:"decided_by"`
	Review     time.Time `json:"review"`
	Overdue    bool      `json:"overdue"` // the review is late; the hold stands
	Released   time.Time `json:"released,omitzero"`
	ReleasedBy string    `json:"released_by"`
}

// Scope is how much of one system a hold covers: all of it, a type of record,
// some of its records by a query, or a number of single records; or a person, in
// every system. Which ones stands in the product, not here.
type Scope struct {
	System  System `json:"system"`
	Type    string `json:"type"`    // "" is every type
	Records int64  `json:"records"` // 0 is every record
	Query   string `json:"query"`   // conditions: "queue=Bygg created<2025-01-01"
	Person  string `json:"person"`  // what a person is known by, "email phone": no system then
}

func (p Press) holds() hold.Register { return hold.Register{DB: p.DB, Log: p.Log} }

// HoldRegister draws up the register of every hold, released ones too.
func (p Press) HoldRegister(ctx context.Context) (Paper, error) {
	list, err := p.holds().List(ctx, true)
	if err != nil {
		return Paper{}, err
	}
	reg := HoldRegister{Holds: []HeldLine{}}
	for _, h := range list {
		l := HeldLine{ID: h.ID, Kind: h.Kind, Reason: h.Reason, Matter: h.Matter, Scope: []Scope{}, From: h.Placed, Decided: h.PlacedBy, Review: h.Review, Overdue: h.Overdue(p.DB.Now()), Released: h.Released, ReleasedBy: h.ReleasedBy}
		var by []string
		for _, k := range h.By() {
			by = append(by, string(k))
		}
		if len(by) > 0 {
			l.Scope = append(l.Scope, Scope{Person: strings.Join(by, " ")})
		}
		for _, q := range h.Queries {
			l.Scope = append(l.Scope, Scope{System: System{q.System, p.title(q.System)}, Type: q.Type, Query: q.String()})
		}
		for _, t := range h.Targets {
			if t.Digest != "" {
				continue
			}
			s := Scope{System: System{t.Ref.System, p.title(t.Ref.System)}, Type: t.Ref.Type}
			if t.Ref.ID != "" {
				s.Records = 1
			}
			if n := len(l.Scope) - 1; n >= 0 && s.Records > 0 && l.Scope[n].System == s.System && l.Scope[n].Type == s.Type && l.Scope[n].Records > 0 {
				l.Scope[n].Records++
				continue
			}
			l.Scope = append(l.Scope, s)
		}
		reg.Holds = append(reg.Holds, l)
	}
	head, err := p.issue(ctx, "D15", "D15", reg)
	if err != nil {
		return Paper{}, err
	}
	return Paper{Head: head, Content: reg, lay: reg.lay, order: holdKeys, cells: reg.cells}, nil
}

// holdKeys are the fields of document D15, in the order of REQUIREMENTS section 6.
var holdKeys = []string{"paper.d15.id", "paper.d15.kind", "paper.d15.reason", "paper.d15.scope", "paper.d15.from", "paper.d15.decided", "paper.d15.review", "paper.d15.released"}

func (d HoldRegister) lay(s *sheet) {
	open := int64(0)
	for _, h := range d.Holds {
		if h.Released.IsZero() {
			open++
		}
	}
	s.part("", s.N("paper.d15.lead", open), s.T("paper.d15.how"))
	rows := d.cells(s.say)
	for i, h := range d.Holds {
		s.part(s.Say(h.Reason))
		for _, k := range holdKeys {
			if k == "paper.d15.id" {
				s.code(k, rows[i][k])
				continue
			}
			s.fact(k, rows[i][k])
		}
	}
}

func (d HoldRegister) cells(s say) []map[string]string {
	var out []map[string]string
	for _, h := range d.Holds {
		scope := ""
		for _, x := range h.Scope {
			scope = join(scope, x.text(s))
		}
		review := s.Day(h.Review)
		if h.Overdue {
			review = join(review, s.T("paper.d15.overdue"))
		}
		released := ""
		if !h.Released.IsZero() {
			released = s.Day(h.Released) + ", " + h.ReleasedBy
		}
		out = append(out, map[string]string{"paper.d15.id": h.ID, "paper.d15.kind": s.T("holds.kind." + string(h.Kind)), "paper.d15.reason": join(s.Say(h.Reason), h.Matter), "paper.d15.scope": scope,
			"paper.d15.from": s.Day(h.From), "paper.d15.decided": h.Decided, "paper.d15.review": review, "paper.d15.released": cmp.Or(released, s.T("paper.d15.in_force"))})
	}
	return out
}

func (x Scope) text(s say) string {
	switch {
	case x.Person != "":
		var by []string
		for k := range strings.FieldsSeq(x.Person) {
			by = append(by, s.T("identifier."+k))
		}
		return s.T("paper.d15.by", "by", s.List(by))
	case x.Query != "":
		return s.T("paper.d15.query", "system", x.System.Title, "type", s.Type(x.Type), "filter", x.Query)
	case x.Type == "":
		return s.T("paper.d15.whole", "system", x.System.Title)
	case x.Records == 0:
		return s.T("paper.d15.every", "system", x.System.Title, "type", s.Type(x.Type))
	}
	return s.N("paper.d15.records", x.Records, "system", x.System.Title, "type", s.Type(x.Type))
}
