package web

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/config"
	"github.com/gallra/gallra/internal/i18n"
	"github.com/gallra/gallra/internal/letter"
)

// LettersView is what has been asked of vendors who have no door for a program
// (REQUIREMENTS V-2, H-16).
type LettersView struct {
	Open, Done []LetterRow
	Systems    []InventorySystem
	Vendors    []letter.Vendor
	Actions    []string
	Kinds      []gallra.IdentifierKind
	Form       LetterForm
	Today      time.Time
}

// LetterForm is what was written in the form of a new letter; never who it is about.
type LetterForm struct{ System, Vendor, Action, To, Matter string }

// LetterRow is one letter.
type LetterRow struct {
	letter.Letter
	Title   string // of the system
	Product string
	Next    letter.Next
	Overdue bool
	Case    bool // its matter is a request here
}

// LetterView is the text of one letter, shown once and not kept.
type LetterView struct {
	LetterRow
	Text   string
	Sender string // who must send it, in the vendor's words
}

func (c *call) letterDesk() (*letter.Desk, error) {
	if c.Evidence == nil {
		return nil, gallra.Errorf(gallra.Unavailable, "web.no_evidence")
	}
	loc, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		return nil, err
	}
	return &letter.Desk{DB: c.DB, Log: c.Evidence, Loc: loc}, nil
}

func (c *call) letterRow(cfg *config.Config, l letter.Letter) LetterRow {
	s, _ := cfg.System(l.System)
	row := LetterRow{Letter: l, Title: cmp.Or(title(s), string(l.System)), Next: l.Next(c.DB.Now()), Case: l.Matter != "" && l.Matter[0] == 'B'}
	row.Overdue = row.Next == letter.NextRemind || row.Next == letter.NextEscalate
	for _, v := range letter.Vendors() {
		if v.Name == l.Vendor {
			row.Product = v.Product
		}
	}
	return row
}

func (c *call) lettersView() (v LettersView, err error) {
	d, err := c.letterDesk()
	if err != nil {
		return v, err
	}
	cfg, err := c.configuration()
	if err != nil {
		return v, err
	}
	list, err := d.List(c.ctx(), true)
	if err != nil {
		return v, err
	}
	v = LettersView{Vendors: letter.Vendors(), Actions: letter.Actions(), Kinds: append([]gallra.IdentifierKind{gallra.IdentName}, intakeKinds...), Today: c.DB.Now()}
	for _, s := range cfg.Systems {
		v.Systems = append(v.Systems, InventorySystem{Name: string(s.Name), Title: title(s)})
	}
	for _, l := range list {
		row := c.letterRow(cfg, l)
		if l.State == letter.Done {
			v.Done = append(v.Done, row)
			continue
		}
		v.Open = append(v.Open, row)
	}
	return v, nil
}

func (c *call) lettersPage() error {
	v, err := c.lettersView()
	if err != nil {
		return err
	}
	v.Form.Matter = c.r.URL.Query().Get("for")
	return c.ok("letters", v)
}

// refuseLetter shows the list again with what was wrong.
func (c *call) refuseLetter(form LetterForm, cause error) error {
	v, err := c.lettersView()
	if err != nil {
		return err
	}
	v.Form = form
	return c.refuse("letters", v, cause)
}

func (c *call) letterSpec(cfg *config.Config, system, vendor, to string) (letter.Spec, error) {
	s, ok := cfg.System(gallra.SystemID(system))
	if !ok {
		return letter.Spec{}, gallra.Errorf(gallra.Invalid, "cli.unknown_system", "system", system)
	}
	o := cfg.Organisation
	return letter.Spec{System: s.Name, Vendor: vendor, To: to, Product: s.Title, Agreement: s.Vendor.Agreement, Language: c.field("lang"),
		Organisation: o.Name, Number: o.Number, Contact: o.Contact, Actor: c.account.Username}, nil
}

// about are the identifiers that the form names. They go into the text alone.
func (c *call) about() []gallra.Identifier {
	var out []gallra.Identifier
	for _, k := range append([]gallra.IdentifierKind{gallra.IdentName}, intakeKinds...) {
		if v := c.field("id_" + string(k)); v != "" {
			out = append(out, gallra.Identifier{Kind: k, Value: v})
		}
	}
	return out
}

// writeLetter writes the first letter and shows its text.
func (c *call) writeLetter() error {
	d, err := c.letterDesk()
	if err != nil {
		return err
	}
	cfg, err := c.configuration()
	if err != nil {
		return err
	}
	form := LetterForm{c.field("system"), c.field("vendor"), c.field("action"), c.field("to"), c.field("matter")}
	spec, err := c.letterSpec(cfg, form.System, form.Vendor, form.To)
	if err != nil {
		return c.refuseLetter(form, err)
	}
	spec.Action, spec.Matter, spec.About = form.Action, form.Matter, c.about()
	l, text, err := d.Write(c.ctx(), spec)
	if err != nil {
		return c.refuseLetter(form, err)
	}
	return c.showLetter(cfg, l, text)
}

func (c *call) showLetter(cfg *config.Config, l letter.Letter, text string) error {
	v := LetterView{LetterRow: c.letterRow(cfg, l), Text: text}
	for _, known := range letter.Vendors() {
		if known.Name == l.Vendor {
			v.Sender = known.Sender.In(string(c.print.Lang()))
		}
	}
	return c.ok("letter", v)
}

// stepLetter takes a letter one step on.
func (c *call) stepLetter() error {
	d, err := c.letterDesk()
	if err != nil {
		return err
	}
	cfg, err := c.configuration()
	if err != nil {
		return err
	}
	id := c.r.PathValue("letter")
	l, err := d.Letter(c.ctx(), id)
	if err != nil {
		return err
	}
	text, key := "", ""
	switch c.r.PathValue("step") {
	case "sent":
		var on time.Time
		if on, err = c.dayField("on"); err == nil {
			_, err = d.Sent(c.ctx(), id, c.account.Username, on)
		}
		key = "letter_sent"
	case "remind", "show":
		var spec letter.Spec
		if spec, err = c.letterSpec(cfg, string(l.System), l.Vendor, c.field("to")); err != nil {
			break
		}
		if spec.About = c.about(); c.r.PathValue("step") == "show" {
			l, text, err = d.Text(c.ctx(), id, spec)
		} else {
			l, text, err = d.Again(c.ctx(), id, spec)
		}
	case "answer":
		err = c.answerLetter(d, id)
		key = "letter_answered"
	case "recheck":
		var left int64
		if left, err = c.recheckLetter(l); err == nil {
			_, err = d.Recheck(c.ctx(), id, c.account.Username, left)
		}
		if key = "letter_done"; left > 0 {
			key = "letter_left"
		}
	default:
		return c.unknownPage()
	}
	if err != nil {
		return c.refuseLetter(LetterForm{}, err)
	}
	if text != "" {
		return c.showLetter(cfg, l, text)
	}
	return c.done("/letters", key)
}

// dayField reads a day of the form as its noon, which is the same day in Sweden.
func (c *call) dayField(name string) (time.Time, error) {
	t, err := time.Parse(time.DateOnly, c.field(name))
	if err != nil {
		return t, gallra.Errorf(gallra.Invalid, "web.date")
	}
	t = t.Add(12 * time.Hour)
	if now := c.DB.Now(); t.After(now) && t.Sub(now) < 24*time.Hour {
		t = now // today, before noon
	}
	return t, nil
}

// answerLetter notes the vendor's answer by the digest of a file, or by one that
// somebody else has made. The file is read and not kept.
func (c *call) answerLetter(d *letter.Desk, id string) error {
	a := letter.Answer{Remains: c.field("remains"), Proof: c.field("proof")}
	f, _, err := c.r.FormFile("file")
	switch {
	case err == nil:
		defer f.Close()
		sum := sha256.New()
		n, err := io.Copy(sum, f)
		if err != nil {
			return gallra.Errorf(gallra.Invalid, "web.form")
		}
		if n > 0 {
			a.Proof = hex.EncodeToString(sum.Sum(nil))
		}
	case !errors.Is(err, http.ErrMissingFile) && !errors.Is(err, http.ErrNotMultipart):
		return gallra.Errorf(gallra.Invalid, "web.form")
	}
	if a.On, err = c.dayField("on"); err != nil {
		return err
	}
	if c.field("gone_by") != "" {
		if a.GoneBy, err = time.Parse(time.DateOnly, c.field("gone_by")); err != nil {
			return gallra.Errorf(gallra.Invalid, "web.date")
		}
	}
	_, err = d.Take(c.ctx(), id, c.account.Username, a)
	return err
}

// recheckLetter counts what the system still has about the person: by looking,
// where it can be read and somebody says who it is, or by the word of who looked.
func (c *call) recheckLetter(l letter.Letter) (int64, error) {
	ids := c.about()
	if len(ids) == 0 {
		n, err := strconv.ParseInt(c.field("left"), 10, 64)
		if err != nil || n < 0 {
			return 0, gallra.Errorf(gallra.Invalid, "web.number")
		}
		return n, nil
	}
	if c.Scanner == nil {
		return 0, gallra.Errorf(gallra.Unsupported, "letter.look_by_hand", "system", string(l.System))
	}
	src, err := c.Scanner.Open(c.ctx(), l.System)
	if err != nil {
		return 0, err
	}
	defer src.Close() // read only
	return letter.Remaining(c.ctx(), src, l.System, ids)
}

// letterTodos tells what is to be done about letters.
func (c *call) letterTodos() ([]Todo, error) {
	d, err := c.letterDesk()
	if err != nil {
		return nil, nil // a page without a log has no letters
	}
	cfg, err := c.configuration()
	if err != nil {
		return nil, err
	}
	list, err := d.List(c.ctx(), false)
	if err != nil {
		return nil, err
	}
	var out []Todo
	for _, l := range list {
		row := c.letterRow(cfg, l)
		if row.Next == letter.NextWait || row.Next == letter.NextNothing {
			continue
		}
		t := Todo{Risk: 1, What: i18n.Msg("todo.letter."+string(row.Next), "system", row.Title), Role: auth.Agent, To: "/letters#" + l.ID, Law: "a28", Fine: "4"}
		if row.Overdue {
			t.Risk, t.By = 2, l.Due
		}
		out = append(out, t)
	}
	return out, nil
}
