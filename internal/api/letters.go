package api

import (
	"net/http"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/letter"
)

// Letter is a letter to a vendor and what is to be done about it.
type Letter struct {
	letter.Letter
	Next letter.Next `json:"next"` // send, wait, remind, escalate, recheck, nothing
}

// About is one thing that a person is known by. It stands in bodies alone: no
// address, log or store of the API holds it.
type About struct {
	Kind  gallra.IdentifierKind `json:"kind"`
	Value string                `json:"value"`
}

// NewLetter is what a letter shall say.
type NewLetter struct {
	System   gallra.SystemID `json:"system"`
	Vendor   string          `json:"vendor,omitempty"` // empty: the general letter
	Action   string          `json:"action"`           // erase, anonymise, rectify, extract
	To       string          `json:"to,omitempty"`     // instead of the vendor's address
	Matter   string          `json:"matter,omitempty"`
	Language string          `json:"language,omitempty"` // sv or en
	About    []About         `json:"about"`
}

// LetterText is what a text that is made again needs and the store does not keep.
type LetterText struct {
	To       string  `json:"to,omitempty"`
	Language string  `json:"language,omitempty"`
	About    []About `json:"about,omitempty"`
}

// Written is a letter with its text, which is not kept.
type Written struct {
	Letter Letter `json:"letter"`
	Text   string `json:"text"`
}

// SentOn is the day a letter was sent.
type SentOn struct {
	On string `json:"on"` // YYYY-MM-DD
}

// LetterAnswer is what the vendor wrote back.
type LetterAnswer struct {
	On      string `json:"on"`    // YYYY-MM-DD
	Proof   string `json:"proof"` // SHA-256 of the answer
	GoneBy  string `json:"gone_by,omitempty"`
	Remains string `json:"remains,omitempty"` // without personal values
}

// LetterCheck is a new look through the system: for whom Gallra shall look, or
// how much a person has found.
type LetterCheck struct {
	About []About `json:"about,omitempty"`
	Left  *int64  `json:"left,omitempty"`
}

func (c *call) letterDesk() *letter.Desk {
	return &letter.Desk{DB: c.DB, Log: c.Evidence, Loc: c.Retention.Loc}
}

func (c *call) asLetter(l letter.Letter) Letter { return Letter{l, l.Next(c.DB.Now())} }

// told answers with a letter after a step.
func (c *call) told(l letter.Letter, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return c.asLetter(l), nil
}

// written answers with a letter and its text.
func (c *call) written(l letter.Letter, text string, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return Written{c.asLetter(l), text}, nil
}

func (c *call) letters() (any, error) {
	list, err := c.letterDesk().List(c.ctx(), c.r.URL.Query().Get("all") == "1")
	if err != nil {
		return nil, err
	}
	out := make([]Letter, 0, len(list))
	for _, l := range list {
		out = append(out, c.asLetter(l))
	}
	return out, nil
}

func (c *call) letter() (any, error) {
	return c.told(c.letterDesk().Letter(c.ctx(), c.r.PathValue("letter")))
}

func identifiers(about []About) ([]gallra.Identifier, error) {
	var out []gallra.Identifier
	for _, a := range about {
		known := false
		for _, k := range gallra.IdentifierKinds() {
			known = known || k == a.Kind
		}
		if !known || a.Value == "" {
			return nil, gallra.Errorf(gallra.Invalid, "api.body")
		}
		out = append(out, gallra.Identifier{Kind: a.Kind, Value: a.Value})
	}
	return out, nil
}

// letterSpec is what every letter about a system says of the organisation.
func (c *call) letterSpec(system gallra.SystemID, t LetterText) (letter.Spec, error) {
	cfg, err := c.Config(c.ctx())
	if err != nil {
		return letter.Spec{}, err
	}
	s, ok := cfg.System(system)
	if !ok {
		return letter.Spec{}, gallra.Errorf(gallra.Invalid, "cli.unknown_system", "system", string(system))
	}
	about, err := identifiers(t.About)
	if err != nil {
		return letter.Spec{}, err
	}
	lang := t.Language
	if lang == "" {
		lang = string(c.print.Lang())
	}
	o := cfg.Organisation
	return letter.Spec{System: s.Name, To: t.To, Product: s.Title, Agreement: s.Vendor.Agreement, Language: lang, About: about,
		Organisation: o.Name, Number: o.Number, Contact: o.Contact, Actor: c.account.Username}, nil
}

func (c *call) writeLetter() (any, error) {
	var in NewLetter
	if err := c.body(&in); err != nil {
		return nil, err
	}
	spec, err := c.letterSpec(in.System, LetterText{in.To, in.Language, in.About})
	if err != nil {
		return nil, err
	}
	spec.Vendor, spec.Action, spec.Matter = in.Vendor, in.Action, in.Matter
	c.status = http.StatusCreated
	return c.written(c.letterDesk().Write(c.ctx(), spec))
}

// again reads what a text that is made again needs.
func (c *call) again() (string, letter.Spec, error) {
	var in LetterText
	if err := c.body(&in); err != nil {
		return "", letter.Spec{}, err
	}
	l, err := c.letterDesk().Letter(c.ctx(), c.r.PathValue("letter"))
	if err != nil {
		return "", letter.Spec{}, err
	}
	spec, err := c.letterSpec(l.System, in)
	spec.Vendor = l.Vendor
	return l.ID, spec, err
}

func (c *call) letterText() (any, error) {
	id, spec, err := c.again()
	if err != nil {
		return nil, err
	}
	return c.written(c.letterDesk().Text(c.ctx(), id, spec))
}

func (c *call) letterRemind() (any, error) {
	id, spec, err := c.again()
	if err != nil {
		return nil, err
	}
	return c.written(c.letterDesk().Again(c.ctx(), id, spec))
}

// day reads a day as its noon, which is the same day in Sweden; today is now.
func (c *call) day(text string) (time.Time, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return t, gallra.Errorf(gallra.Invalid, "web.date")
	}
	t = t.Add(12 * time.Hour)
	if now := c.DB.Now(); t.After(now) && t.Sub(now) < 24*time.Hour {
		t = now
	}
	return t, nil
}

func (c *call) letterSent() (any, error) {
	var in SentOn
	if err := c.body(&in); err != nil {
		return nil, err
	}
	on, err := c.day(in.On)
	if err != nil {
		return nil, err
	}
	return c.told(c.letterDesk().Sent(c.ctx(), c.r.PathValue("letter"), c.account.Username, on))
}

func (c *call) letterAnswer() (any, error) {
	var in LetterAnswer
	if err := c.body(&in); err != nil {
		return nil, err
	}
	a := letter.Answer{Proof: in.Proof, Remains: in.Remains}
	var err error
	if a.On, err = c.day(in.On); err == nil && in.GoneBy != "" {
		if a.GoneBy, err = time.Parse(time.DateOnly, in.GoneBy); err != nil {
			err = gallra.Errorf(gallra.Invalid, "web.date")
		}
	}
	if err != nil {
		return nil, err
	}
	return c.told(c.letterDesk().Take(c.ctx(), c.r.PathValue("letter"), c.account.Username, a))
}

func (c *call) letterRecheck() (any, error) {
	var in LetterCheck
	if err := c.body(&in); err != nil {
		return nil, err
	}
	id := c.r.PathValue("letter")
	about, err := identifiers(in.About)
	if err != nil {
		return nil, err
	}
	var left int64
	switch {
	case in.Left != nil && len(about) == 0 && *in.Left >= 0:
		left = *in.Left
	case in.Left == nil && len(about) > 0:
		l, err := c.letterDesk().Letter(c.ctx(), id)
		if err != nil {
			return nil, err
		}
		src, err := c.Open(c.ctx(), l.System)
		if err != nil {
			return nil, err
		}
		defer src.Close() // read only: nothing is lost
		if left, err = letter.Remaining(c.ctx(), src, l.System, about); err != nil {
			return nil, err
		}
	default:
		return nil, gallra.Errorf(gallra.Invalid, "web.number")
	}
	return c.told(c.letterDesk().Recheck(c.ctx(), id, c.account.Username, left))
}
