package web

import (
	"cmp"
	"database/sql"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/deadline"
	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/hold"
	"github.com/gallra/gallra/internal/i18n"
	"github.com/gallra/gallra/internal/inventory"
)

// HoldsView is what must not be gallrat, and until when that is looked at again
// (REQUIREMENTS W-20).
type HoldsView struct {
	Holds   []HoldRow
	All     bool // the released ones too
	Choices []HoldChoice
	Kinds   []hold.Kind
	Known   []gallra.IdentifierKind // what a person can be put on hold by
	Latest  time.Time               // the last day a review can wait to
	Form    HoldForm
	CanEnd  bool
}

// HoldRow is one hold.
type HoldRow struct {
	hold.Hold
	Overdue bool
	Covers  []HoldCover
	More    int64  // how many it covers besides those
	Case    string // the request it belongs to
}

// HoldCover is one thing it covers: a system, a type or a record of it, some of
// its records, or a person.
type HoldCover struct {
	System, Type, ID string
	By               string // a person, and what they are known by
	Query            *hold.Query
}

// HoldChoice is a system and the types of record that an inventory has seen in it.
type HoldChoice struct {
	Name, Title string
	Types       []string
}

// HoldForm is what was written in the form. What is a system, or system/type; From,
// Before and Where select among its records. Of a person nothing is shown again.
type HoldForm struct {
	Kind, What, ID, From, Before, Where, Reason, Matter, Review string
	Person                                                      bool // the form of people was sent
	Unasked                                                     bool // the system did not answer: it may be placed anyway
}

// coversShown is how many of the records of a hold the list names.
const coversShown = 3

func (c *call) holds() hold.Register { return hold.Register{DB: c.DB, Log: c.Evidence} }

func (c *call) holdsView() (v HoldsView, err error) {
	if c.Evidence == nil {
		return v, gallra.Errorf(gallra.Unavailable, "web.no_evidence")
	}
	cfg, err := c.configuration()
	if err != nil {
		return v, err
	}
	v = HoldsView{All: c.r.URL.Query().Get("show") == "all", Kinds: []hold.Kind{hold.Legal, hold.Request, hold.Archive}, Known: hold.Kinds(),
		Latest: hold.MaxReview.After(c.DB.Now()), CanEnd: c.can(auth.Approve)}
	for _, s := range cfg.Systems {
		ch := HoldChoice{Name: string(s.Name), Title: title(s)}
		r, err := inventory.Latest(c.ctx(), c.DB, s.Name)
		if err != nil && gallra.CodeOf(err) != gallra.NotFound {
			return v, err
		}
		for _, t := range r.Types {
			ch.Types = append(ch.Types, t.Type)
		}
		v.Choices = append(v.Choices, ch)
	}
	list, err := c.holds().List(c.ctx(), v.All)
	if err != nil {
		return v, err
	}
	for _, h := range list {
		row := HoldRow{Hold: h, Overdue: h.Overdue(c.DB.Now())}
		if h.Kind == hold.Request && strings.HasPrefix(h.Reason, "request.") { // placed by the case itself
			row.Case = h.Matter
		}
		name := func(id gallra.SystemID) string {
			s, _ := cfg.System(id)
			return cmp.Or(title(s), string(id))
		}
		var by []string
		for _, k := range h.By() {
			by = append(by, c.print.T("identifier."+string(k)))
		}
		if len(by) > 0 {
			row.Covers = append(row.Covers, HoldCover{By: c.print.List(by)})
		}
		for _, q := range h.Queries {
			row.Covers = append(row.Covers, HoldCover{System: name(q.System), Type: q.Type, Query: &q})
		}
		for _, t := range h.Targets {
			switch {
			case t.Digest != "":
			case len(row.Covers) >= coversShown:
				row.More++
			default:
				row.Covers = append(row.Covers, HoldCover{System: name(t.Ref.System), Type: t.Ref.Type, ID: t.Ref.ID})
			}
		}
		v.Holds = append(v.Holds, row)
	}
	// What should have been reviewed stands first.
	slices.SortStableFunc(v.Holds, func(a, b HoldRow) int {
		switch {
		case a.Overdue != b.Overdue && a.Overdue:
			return -1
		case a.Overdue != b.Overdue:
			return 1
		}
		return cmp.Or(b.Placed.Compare(a.Placed), cmp.Compare(a.ID, b.ID))
	})
	return v, nil
}

func (c *call) holdsPage() error {
	v, err := c.holdsView()
	if err != nil {
		return err
	}
	return c.ok("holds", v)
}

// placeHold puts a hold in force over a system, a type in it, one record, some of
// the records of a type, or a person.
func (c *call) placeHold() error {
	v, err := c.holdsView()
	if err != nil {
		return err
	}
	if c.Retention == nil {
		return gallra.Errorf(gallra.Unavailable, "web.no_evidence")
	}
	cfg, err := c.configuration()
	if err != nil {
		return err
	}
	form := func(name string) string { return strings.TrimSpace(c.r.PostFormValue(name)) }
	v.Form = HoldForm{Kind: form("kind"), What: form("what"), ID: form("id"), From: form("from"), Before: form("before"), Where: form("where"),
		Reason: form("reason"), Matter: form("matter"), Review: form("review"), Person: form("scope") == "person"}
	h, err := v.Form.hold(v)
	var found hold.Found
	if err == nil {
		if v.Form.Person {
			h.Targets, h.Queries = nil, nil
			for _, k := range hold.Kinds() {
				if value := form("id_" + string(k)); value != "" {
					h.Persons = append(h.Persons, gallra.Identifier{Kind: k, Value: value})
				}
			}
		}
		h.PlacedBy = c.account.Username
		_, found, err = c.Retention.Placer(cfg.Names()).Put(c.ctx(), h, form("anyway") != "")
	}
	if err != nil {
		v.Form.Unasked = gallra.CodeOf(err) == gallra.Unavailable
		return c.refuse("holds", v, err)
	}
	switch {
	case !v.Form.Person:
		return c.done("/retention/holds", "hold_placed")
	case len(found.Unasked) > 0:
		return c.done("/retention/holds", "hold_person_unasked")
	}
	return c.done("/retention/holds", "hold_person")
}

func (f HoldForm) hold(v HoldsView) (hold.Hold, error) {
	h := hold.Hold{Kind: hold.Kind(f.Kind), Reason: f.Reason, Matter: f.Matter}
	system, typ, _ := strings.Cut(f.What, "/")
	known := slices.ContainsFunc(v.Choices, func(s HoldChoice) bool {
		return s.Name == system && (typ == "" || slices.Contains(s.Types, typ))
	})
	switch {
	case !slices.Contains(v.Kinds, h.Kind):
		return h, gallra.Errorf(gallra.Invalid, "web.form")
	case !known && !f.Person:
		return h, gallra.Errorf(gallra.Invalid, "hold.target_missing")
	case f.ID != "" && typ == "":
		return h, gallra.Errorf(gallra.Invalid, "web.hold_type")
	}
	if f.Review != "" {
		day, err := time.Parse(time.DateOnly, f.Review)
		if err != nil {
			return h, gallra.Errorf(gallra.Invalid, "web.date")
		}
		h.Review = day
	}
	if f.From != "" || f.Before != "" || f.Where != "" {
		var where []string
		for line := range strings.Lines(f.Where) {
			if line = strings.TrimSpace(line); line != "" {
				where = append(where, line)
			}
		}
		q, err := hold.ParseQuery(f.From, f.Before, where, deadline.Stockholm)
		switch {
		case err != nil:
			return h, err
		case typ == "" || f.ID != "":
			return h, gallra.Errorf(gallra.Invalid, "hold.query_form")
		}
		q.System, q.Type = gallra.SystemID(system), typ
		h.Queries = []hold.Query{q}
		return h, nil
	}
	h.Targets = []hold.Target{{Ref: gallra.Ref{System: gallra.SystemID(system), Type: typ, ID: f.ID}}}
	return h, nil
}

// releaseHold ends a hold: nothing else does.
func (c *call) releaseHold() error {
	if c.Evidence == nil {
		return gallra.Errorf(gallra.Unavailable, "web.no_evidence")
	}
	err := c.DB.Tx(c.ctx(), func(tx *sql.Tx) error {
		return c.holds().Release(c.ctx(), tx, c.r.PathValue("hold"), c.account.Username)
	})
	if err != nil {
		return err
	}
	return c.done("/retention/holds", "hold_released")
}

// holdTodos asks for the reviews whose day has passed: the hold stands until
// someone has looked.
func (c *call) holdTodos() ([]Todo, error) {
	if c.Evidence == nil {
		return nil, nil
	}
	list, err := c.holds().List(c.ctx(), false)
	if err != nil {
		return nil, err
	}
	var out []Todo
	for _, h := range list {
		if h.Overdue(c.DB.Now()) {
			out = append(out, Todo{Risk: 1, What: i18n.Msg("todo.hold", "hold", h.ID), Role: auth.Approver, By: h.Review, To: "/retention/holds", Law: "hold"})
		}
	}
	return out, nil
}
