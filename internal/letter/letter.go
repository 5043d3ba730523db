// Package letter asks vendors who have no door for machines (SYSTEMS 1.7): it
// writes the request in the form the vendor wants, keeps its deadline, reminds,
// escalates, takes the answer and its proof, and asks for the system to be looked
// through again before anything counts as done.
//
// A letter names a person, so its text is handed out and never kept. What is
// kept is that it was written, to whom it went and what came of it.
package letter

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/work"
)

// Words is one text in both languages.
type Words struct {
	SV string `yaml:"sv" json:"sv"`
	EN string `yaml:"en" json:"en"`
}

// In returns the text in a language; Swedish unless that is "en".
func (w Words) In(lang string) string {
	if lang == "en" {
		return w.EN
	}
	return w.SV
}

// Vendor is what a vendor wants a letter to be: data, one file each.
type Vendor struct {
	Name     string  `yaml:"-" json:"name"`
	Product  string  `yaml:"product" json:"product"`
	To       string  `yaml:"to" json:"to"`
	Days     int     `yaml:"days" json:"days"`                     // in which an answer is due
	Remind   int     `yaml:"remind_after" json:"remind_after"`     // days after sending
	Escalate int     `yaml:"escalate_after" json:"escalate_after"` // days after the reminder
	Sender   Words   `yaml:"sender,omitempty" json:"sender"`       // who must send it
	Requires []Words `yaml:"requires,omitempty" json:"requires"`   // sentences that must stand in it
	Above    Words   `yaml:"escalate_to" json:"escalate_to"`
}

//go:embed vendors/*.yaml
var vendorFiles embed.FS

//go:embed templates/*.txt
var templateFiles embed.FS

var templates = template.Must(template.ParseFS(templateFiles, "templates/*.txt"))

// Vendors returns the vendors that are known, by name.
func Vendors() []Vendor {
	names, err := fs.Glob(vendorFiles, "vendors/*.yaml")
	if err != nil {
		panic(err) // a fixed pattern
	}
	var out []Vendor
	for _, n := range names {
		b, err := vendorFiles.ReadFile(n)
		if err != nil {
			panic(err) // embedded
		}
		v := Vendor{Name: strings.TrimSuffix(path.Base(n), ".yaml")}
		if err := yaml.UnmarshalWithOptions(b, &v, yaml.Strict()); err != nil {
			panic(fmt.Sprintf("letter: %s: %v", n, err)) // part of the program, and read by its tests
		}
		out = append(out, v)
	}
	return out
}

// vendor returns the named vendor; the general one for "".
func vendor(name string) (Vendor, error) {
	if name == "" {
		name = "generic"
	}
	list := Vendors()
	i := slices.IndexFunc(list, func(v Vendor) bool { return v.Name == name })
	if i < 0 {
		return Vendor{}, gallra.Errorf(gallra.Invalid, "letter.vendor_unknown", "vendor", name)
	}
	return list[i], nil
}

// State is how far a letter has come.
type State string

// The states.
const (
	Written   State = "written"
	Sent      State = "sent"
	Reminded  State = "reminded"
	Escalated State = "escalated"
	Answered  State = "answered" // and not yet looked through again
	Done      State = "done"
)

// Actions that can be asked for.
var actions = []string{"erase", "anonymise", "rectify", "extract"}

// Actions returns what can be asked for.
func Actions() []string { return slices.Clone(actions) }

// Spec is what a letter shall say.
type Spec struct {
	System    gallra.SystemID
	Vendor    string // "" for the general letter
	To        string // instead of the vendor's address
	Product   string // instead of the vendor's, as the organisation calls it
	Action    string // erase, anonymise, rectify, extract
	Matter    string // request or task it serves; never personal
	Agreement string
	Language  string // sv or en
	About     []gallra.Identifier

	Organisation, Number, Contact string
	Actor                         string

	// Put takes the text to where it is wanted, before anything is noted: when it
	// fails, the letter was not written. nil: the caller sees to it.
	Put func(text string) error
}

// put hands the text over.
func (s Spec) put(text string) error {
	if s.Put == nil {
		return nil
	}
	return s.Put(text)
}

// Letter is one letter as it is kept.
type Letter struct {
	ID       string          `json:"id"`
	System   gallra.SystemID `json:"system"`
	Vendor   string          `json:"vendor"`
	Action   string          `json:"action"`
	Matter   string          `json:"matter,omitempty"`
	State    State           `json:"state"`
	Actor    string          `json:"actor"`
	Written  time.Time       `json:"written"`
	Sent     time.Time       `json:"sent,omitzero"`
	Due      time.Time       `json:"due,omitzero"` // the whole day is in time
	Reminded time.Time       `json:"reminded,omitzero"`
	Raised   time.Time       `json:"escalated,omitzero"`
	Answered time.Time       `json:"answered,omitzero"`
	GoneBy   time.Time       `json:"gone_by,omitzero"`
	Proof    string          `json:"proof,omitempty"`
	Remains  string          `json:"remains,omitempty"`
	Checked  time.Time       `json:"rechecked,omitzero"`
	Left     int64           `json:"left,omitempty"`
}

// Next is what has to be done about a letter.
type Next string

// What can be next.
const (
	NextSend     Next = "send"
	NextWait     Next = "wait"
	NextRemind   Next = "remind"
	NextEscalate Next = "escalate"
	NextRecheck  Next = "recheck"
	NextNothing  Next = "nothing"
)

// Next says what has to be done at a time.
func (l Letter) Next(now time.Time) Next {
	switch l.State {
	case Written:
		return NextSend
	case Answered:
		return NextRecheck
	case Done:
		return NextNothing
	case Sent:
		if now.After(l.Due) {
			return NextRemind
		}
	case Reminded, Escalated:
		if now.After(l.Due) {
			return NextEscalate
		}
	}
	return NextWait
}

// Desk writes letters and keeps track of them.
type Desk struct {
	DB  *store.DB
	Log *evidence.Log
	Loc *time.Location // where dates are meant
}

// Write notes a letter and returns it with its text, which is not kept. It goes
// out as the vendor wants: Vendor.Sender says who must send it.
func (d *Desk) Write(ctx context.Context, s Spec) (Letter, string, error) {
	v, err := vendor(s.Vendor)
	switch {
	case err != nil:
		return Letter{}, "", err
	case !slices.Contains(actions, s.Action):
		return Letter{}, "", gallra.Errorf(gallra.Invalid, "letter.action", "action", s.Action)
	case len(s.About) == 0:
		return Letter{}, "", gallra.Errorf(gallra.Invalid, "letter.about_nobody")
	case v.To == "" && s.To == "":
		return Letter{}, "", gallra.Errorf(gallra.Invalid, "letter.no_address", "vendor", v.Name)
	}
	now := d.DB.Now()
	l := Letter{ID: work.NewID("letter"), System: s.System, Vendor: v.Name, Action: s.Action, Matter: s.Matter, State: Written, Actor: s.Actor, Written: now.UTC()}
	text, err := d.text("first", l, v, s, d.day(now, v.Days))
	if err != nil {
		return Letter{}, "", err
	}
	err = d.DB.Tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO letter (id, system, vendor, action, matter, written, actor) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			l.ID, string(l.System), l.Vendor, l.Action, l.Matter, store.Micros(now), l.Actor); err != nil {
			return fmt.Errorf("letter: %w", err)
		}
		if err := d.prove(ctx, tx, l, "letter.written", s.Actor, ""); err != nil {
			return err
		}
		return s.put(text)
	})
	return l, text, err
}

// Again returns the text of the reminder or the escalation that is due, and
// notes that it was written. gallra.ErrConflict when neither is.
func (d *Desk) Again(ctx context.Context, id string, s Spec) (Letter, string, error) {
	l, err := d.Letter(ctx, id)
	if err != nil {
		return Letter{}, "", err
	}
	v, err := vendor(l.Vendor)
	if err != nil {
		return Letter{}, "", err
	}
	now := d.DB.Now()
	name, days, action := "remind", v.Escalate, "letter.reminded"
	set := `state = 'reminded', reminded = $2`
	switch l.Next(now) {
	case NextRemind:
	case NextEscalate:
		name, action = "escalate", "letter.escalated"
		set = `state = 'escalated', escalated = $2`
	default:
		return l, "", gallra.Errorf(gallra.Conflict, "letter.nothing_due", "letter", id)
	}
	due := d.day(now, days)
	text, err := d.text(name, l, v, s, due)
	if err != nil {
		return Letter{}, "", err
	}
	err = d.DB.Tx(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE letter SET `+set+`, due = $3 WHERE id = $1 AND state = $4`, id, store.Micros(now), store.Micros(due), string(l.State))
		if err := changed(res, err, id); err != nil {
			return err
		}
		if err := d.prove(ctx, tx, l, action, s.Actor, ""); err != nil {
			return err
		}
		return s.put(text)
	})
	if err != nil {
		return Letter{}, "", err
	}
	l, err = d.Letter(ctx, id)
	return l, text, err
}

// Text returns the text of the last letter that was written, as it was: the
// escalation, the reminder, or the first letter, which needs to be told again who
// it is about, as that is not kept.
func (d *Desk) Text(ctx context.Context, id string, s Spec) (Letter, string, error) {
	l, err := d.Letter(ctx, id)
	if err != nil {
		return l, "", err
	}
	v, err := vendor(l.Vendor)
	if err != nil {
		return l, "", err
	}
	name, due, then := "first", d.day(l.Written, v.Days), l
	switch {
	case l.State == Escalated, l.State != Reminded && !l.Raised.IsZero() && !l.Raised.Before(l.Reminded):
		name, due = "escalate", d.day(l.Raised, v.Escalate)
		then.Due = d.day(l.Reminded, v.Escalate)
	case !l.Reminded.IsZero():
		name, due = "remind", d.day(l.Reminded, v.Escalate)
		if then.Due = d.day(l.Sent, max(v.Remind, 1)); l.Checked.After(l.Sent) && !l.Checked.After(l.Reminded) {
			then.Due = l.Checked // it went back to the vendor then, and was due at once
		}
	case len(s.About) == 0:
		return l, "", gallra.Errorf(gallra.Invalid, "letter.about_nobody")
	case v.To == "" && s.To == "":
		return l, "", gallra.Errorf(gallra.Invalid, "letter.no_address", "vendor", v.Name)
	}
	text, err := d.text(name, then, v, s, due)
	return l, text, err
}

// Sent notes that a letter went out on a day; from then its deadline runs.
func (d *Desk) Sent(ctx context.Context, id, actor string, on time.Time) (Letter, error) {
	l, err := d.Letter(ctx, id)
	if err != nil {
		return l, err
	}
	v, err := vendor(l.Vendor)
	if err != nil {
		return l, err
	}
	if on.After(d.DB.Now()) {
		return l, gallra.Errorf(gallra.Invalid, "letter.date_ahead")
	}
	due := d.day(on, max(v.Remind, 1))
	err = d.DB.Tx(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE letter SET state = 'sent', sent = $2, due = $3 WHERE id = $1 AND state = 'written'`, id, store.Micros(on), store.Micros(due))
		if err := changed(res, err, id); err != nil {
			return err
		}
		return d.prove(ctx, tx, l, "letter.sent", actor, "")
	})
	if err != nil {
		return l, err
	}
	return d.Letter(ctx, id)
}

// Answer is what the vendor wrote back.
type Answer struct {
	On      time.Time
	GoneBy  time.Time // from backups too; zero when the vendor does not say
	Proof   string    // SHA-256 of the answer, hexadecimal
	Remains string    // what the vendor says remains, without personal values
}

// Take notes the vendor's answer. It does not end the matter: the vendor's word
// is a claim until the system was looked through again.
func (d *Desk) Take(ctx context.Context, id, actor string, a Answer) (Letter, error) {
	l, err := d.Letter(ctx, id)
	if err != nil {
		return l, err
	}
	if len(a.Proof) != 64 || strings.Trim(a.Proof, "0123456789abcdef") != "" {
		return l, gallra.Errorf(gallra.Invalid, "letter.proof")
	}
	gone := int64(0)
	if !a.GoneBy.IsZero() {
		gone = store.Micros(a.GoneBy)
	}
	err = d.DB.Tx(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE letter SET state = 'answered', answered = $2, gone_by = $3, proof = $4, remains = $5 WHERE id = $1 AND state IN ('sent','reminded','escalated')`,
			id, store.Micros(a.On), gone, a.Proof, a.Remains)
		if err := changed(res, err, id); err != nil {
			return err
		}
		return d.prove(ctx, tx, l, "letter.answered", actor, a.Proof)
	})
	if err != nil {
		return l, err
	}
	return d.Letter(ctx, id)
}

// Recheck notes what a new look through the system has found. Nothing left ends
// the matter; something left sends it back to the vendor, as a reminder that is
// due at once.
func (d *Desk) Recheck(ctx context.Context, id, actor string, left int64) (Letter, error) {
	l, err := d.Letter(ctx, id)
	if err != nil {
		return l, err
	}
	now := d.DB.Now()
	state, result := Done, "nothing left"
	if left > 0 {
		state, result = Sent, "something left"
	}
	err = d.DB.Tx(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE letter SET state = $2, rechecked = $3, left_over = $4, due = $5 WHERE id = $1 AND state = 'answered'`,
			id, string(state), store.Micros(now), left, store.Micros(now.Add(-time.Microsecond)))
		if err := changed(res, err, id); err != nil {
			return err
		}
		_, err = d.Log.Append(ctx, tx, evidence.Entry{Actor: actor, Action: "letter.rechecked", System: l.System, Subject: id, Reason: l.Matter, Result: result, Counts: map[string]int64{"left": left}})
		return err
	})
	if err != nil {
		return l, err
	}
	return d.Letter(ctx, id)
}

func changed(res sql.Result, err error, id string) error {
	if err != nil {
		return fmt.Errorf("letter: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return gallra.Errorf(gallra.Conflict, "letter.state", "letter", id)
	}
	return nil
}

func (d *Desk) prove(ctx context.Context, tx *sql.Tx, l Letter, action, actor, digest string) error {
	_, err := d.Log.Append(ctx, tx, evidence.Entry{Actor: actor, Action: action, System: l.System, Subject: l.ID, Reason: l.Matter, Result: l.Action, Digest: digest})
	return err
}

// day returns the end of the day that comes days after t.
func (d *Desk) day(t time.Time, days int) time.Time {
	y, m, n := t.In(d.Loc).Date()
	return time.Date(y, m, n+days+1, 0, 0, 0, 0, d.Loc).Add(-time.Microsecond)
}

func (d *Desk) text(name string, l Letter, v Vendor, s Spec, due time.Time) (string, error) {
	lang := s.Language
	if lang != "en" {
		lang = "sv"
	}
	data := struct {
		Spec
		Reference, Due, Was, Sent, Reminded string
		Requires, About                     []string
	}{Spec: s, Reference: l.ID, Due: due.In(d.Loc).Format(time.DateOnly)}
	data.Action = l.Action
	if data.To == "" {
		data.To = v.To
	}
	if name == "escalate" {
		data.To = v.Above.In(lang)
	}
	if data.Product == "" {
		data.Product = v.Product
	}
	if data.Product == "" {
		data.Product = string(l.System)
	}
	for _, r := range v.Requires {
		data.Requires = append(data.Requires, r.In(lang))
	}
	for _, id := range s.About {
		data.About = append(data.About, id.Value)
	}
	date := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.In(d.Loc).Format(time.DateOnly)
	}
	data.Was, data.Sent, data.Reminded = date(l.Due), date(l.Sent), date(l.Reminded)
	var b strings.Builder
	if err := templates.ExecuteTemplate(&b, name+"."+lang+".txt", data); err != nil {
		return "", gallra.Errorf(gallra.Internal, "letter.template", "name", name) // its text may quote a value
	}
	return b.String(), nil
}

const columns = `id, system, vendor, action, matter, state, actor, written, sent, due, reminded, escalated, answered, gone_by, proof, remains, rechecked, left_over`

// Letter returns one letter. gallra.ErrNotFound.
func (d *Desk) Letter(ctx context.Context, id string) (Letter, error) {
	list, err := d.read(ctx, `WHERE id = $1`, id)
	if err != nil {
		return Letter{}, err
	}
	if len(list) == 0 {
		return Letter{}, gallra.Errorf(gallra.NotFound, "letter.unknown", "letter", id)
	}
	return list[0], nil
}

// List returns the letters, those that are due first; ended ones too when all.
func (d *Desk) List(ctx context.Context, all bool) ([]Letter, error) {
	if all {
		return d.read(ctx, `ORDER BY due, written, id`)
	}
	return d.read(ctx, `WHERE state <> 'done' ORDER BY due, written, id`)
}

func (d *Desk) read(ctx context.Context, where string, args ...any) ([]Letter, error) {
	rows, err := d.DB.QueryContext(ctx, `SELECT `+columns+` FROM letter `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("letter: %w", err)
	}
	defer rows.Close()
	var out []Letter
	for rows.Next() {
		var l Letter
		var at [8]int64
		if err := rows.Scan(&l.ID, &l.System, &l.Vendor, &l.Action, &l.Matter, &l.State, &l.Actor, &at[0], &at[1], &at[2], &at[3], &at[4], &at[5], &at[6], &l.Proof, &l.Remains, &at[7], &l.Left); err != nil {
			return nil, fmt.Errorf("letter: %w", err)
		}
		for i, t := range []*time.Time{&l.Written, &l.Sent, &l.Due, &l.Reminded, &l.Raised, &l.Answered, &l.GoneBy, &l.Checked} {
			*t = store.Time(at[i])
		}
		out = append(out, l)
	}
	return out, rows.Err()
}
