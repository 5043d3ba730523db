// Package ruleset is what can be done with retention rules besides carrying them
// out: templates of periods with the statute they rest on, and rules written to
// and read from files. gallra.yaml stays the one place where rules live; a file
// is a copy to look at, to discuss, and to bring back (REQUIREMENTS SE-22, SE-23).
package ruleset

import (
	_ "embed"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"

	"github.com/gallra/gallra"
)

//go:embed templates.yaml
var data []byte

// Words is a text in both languages.
type Words struct {
	SV string `yaml:"sv" json:"sv"`
	EN string `yaml:"en" json:"en"`
}

// In returns the text in a language, "sv" or "en".
func (w Words) In(lang string) string {
	if lang == "sv" {
		return w.SV
	}
	return w.EN
}

// Law is the provision a period rests on. SV and EN tell what it says; they are
// no quotation.
type Law struct {
	Name    string `yaml:"name" json:"name"`
	Section string `yaml:"section" json:"section"`
	SV      string `yaml:"sv" json:"sv"`
	EN      string `yaml:"en" json:"en"`
}

// Template is a period offered, never applied by itself.
type Template struct {
	ID       string                    `yaml:"id" json:"id"`
	Title    Words                     `yaml:"title" json:"title"`
	Purpose  Words                     `yaml:"purpose" json:"purpose"`
	Basis    string                    `yaml:"basis" json:"basis"`
	Start    gallra.StartEvent         `yaml:"start" json:"start"`
	Fallback gallra.StartEvent         `yaml:"fallback" json:"fallback,omitempty"`
	Keep     gallra.Period             `yaml:"keep" json:"keep"`
	Action   gallra.Action             `yaml:"action" json:"action"`
	For      []gallra.OrganisationType `yaml:"for" json:"for,omitempty"` // empty: everyone
	Law      Law                       `yaml:"law" json:"law"`
	Motive   Words                     `yaml:"motive" json:"motive"`
}

// Rule returns the rule that a template begins: its systems, decision and, after
// thought, its period are still to be filled in.
func (t Template) Rule(lang string) gallra.Rule {
	law := t.Law.EN
	if lang == "sv" {
		law = t.Law.SV
	}
	return gallra.Rule{ID: t.ID, Version: 1, Title: t.Title.In(lang), Purpose: t.Purpose.In(lang), Basis: t.Basis, Start: t.Start, Fallback: t.Fallback, Keep: t.Keep, Action: t.Action,
		Motive: t.Motive.In(lang) + " " + t.Law.Name + ", " + t.Law.Section + ": " + law}
}

type file struct {
	Date      string     `yaml:"date"`
	Templates []Template `yaml:"templates"`
}

var templates = sync.OnceValue(func() file {
	var f file
	if err := yaml.UnmarshalWithOptions(data, &f, yaml.Strict()); err != nil {
		panic("ruleset: templates.yaml: " + err.Error()) // part of the program, tried by its tests
	}
	return f
})

// Templates returns the templates for an organisation, and the day whose state of
// the law they give (YYYY-MM-DD). With no type it returns all.
func Templates(org gallra.OrganisationType) (list []Template, date string) {
	f := templates()
	for _, t := range f.Templates {
		if org == "" || len(t.For) == 0 || slices.Contains(t.For, org) {
			list = append(list, t)
		}
	}
	return list, f.Date
}

// Change is what a merge has done with one rule.
type Change string

// The changes.
const (
	Added    Change = "added"
	Replaced Change = "replaced"
	Same     Change = "same"
)

// Merge enters rules that were read from a file among those that are. A rule that
// says something else than the one with its id must have a higher version:
// gallra.ErrConflict otherwise, and nothing is merged. Rules the file does not
// name stay.
func Merge(now, read []gallra.Rule) ([]gallra.Rule, map[string]Change, error) {
	out, done := slices.Clone(now), map[string]Change{}
	for _, r := range read {
		if r.Version == 0 {
			r.Version = 1
		}
		if err := r.Check(); err != nil {
			return nil, nil, err
		}
		if _, twice := done[r.ID]; twice {
			return nil, nil, gallra.Errorf(gallra.Invalid, "config.rule_twice", "rule", r.ID)
		}
		i := slices.IndexFunc(out, func(o gallra.Rule) bool { return o.ID == r.ID })
		switch {
		case i < 0:
			out, done[r.ID] = append(out, r), Added
		case equal(out[i], r):
			done[r.ID] = Same
		case r.Version <= out[i].Version:
			return nil, nil, gallra.Errorf(gallra.Conflict, "retention.rule_version", "rule", r.ID, "version", strconv.Itoa(r.Version))
		default:
			out[i], done[r.ID] = r, Replaced
		}
	}
	return out, done, nil
}

func equal(a, b gallra.Rule) bool {
	x, errx := json.Marshal(a)
	y, erry := json.Marshal(b)
	return errx == nil && erry == nil && string(x) == string(y)
}

// WriteJSON writes rules as Read takes them.
func WriteJSON(w io.Writer, rules []gallra.Rule) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(rules); err != nil {
		return fmt.Errorf("ruleset: write: %w", err)
	}
	return nil
}

// ReadJSON reads what WriteJSON wrote. gallra.ErrInvalid.
func ReadJSON(r io.Reader) ([]gallra.Rule, error) {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	var out []gallra.Rule
	if err := d.Decode(&out); err != nil {
		return nil, gallra.Errorf(gallra.Invalid, "ruleset.malformed", "line", "")
	}
	return out, nil
}

// columns are the columns of the table form, in order: a spreadsheet's, so lists
// stand in one cell with spaces between.
var columns = []column{
	text("id", func(r *gallra.Rule) *string { return &r.ID }),
	{"version", func(r *gallra.Rule) string { return strconv.Itoa(r.Version) }, func(r *gallra.Rule, s string) (err error) { r.Version, err = strconv.Atoi(s); return err }},
	text("title", func(r *gallra.Rule) *string { return &r.Title }),
	text("purpose", func(r *gallra.Rule) *string { return &r.Purpose }),
	text("basis", func(r *gallra.Rule) *string { return &r.Basis }),
	words("systems", func(r *gallra.Rule) *[]gallra.SystemID { return &r.Systems }),
	words("types", func(r *gallra.Rule) *[]string { return &r.Types }),
	text("start", func(r *gallra.Rule) *gallra.StartEvent { return &r.Start }),
	text("fallback", func(r *gallra.Rule) *gallra.StartEvent { return &r.Fallback }),
	period("keep", func(r *gallra.Rule) *gallra.Period { return &r.Keep }),
	text("action", func(r *gallra.Rule) *gallra.Action { return &r.Action }),
	text("decision_title", func(r *gallra.Rule) *string { return &r.Decision.Title }),
	text("decision_body", func(r *gallra.Rule) *string { return &r.Decision.Body }),
	text("decision_number", func(r *gallra.Rule) *string { return &r.Decision.Number }),
	text("decision_date", func(r *gallra.Rule) *string { return &r.Decision.Date }),
	text("decision_url", func(r *gallra.Rule) *string { return &r.Decision.URL }),
	text("motive", func(r *gallra.Rule) *string { return &r.Motive }),
	text("owner", func(r *gallra.Rule) *string { return &r.Owner }),
	text("except", func(r *gallra.Rule) *string { return &r.Except }),
	text("text", func(r *gallra.Rule) *gallra.TextPolicy { return &r.Text }),
	text("files", func(r *gallra.Rule) *gallra.FilePolicy { return &r.Files }),
	words("coarsen", func(r *gallra.Rule) *[]string { return &r.Coarsen }),
	period("quarantine", func(r *gallra.Rule) *gallra.Period { return &r.Quarantine }),
	period("agreed", func(r *gallra.Rule) *gallra.Period { return &r.Agreed }),
	text("year_end", func(r *gallra.Rule) *string { return &r.YearEnd }),
	text("archive_to", func(r *gallra.Rule) *string { return &r.Archive.To }),
	text("archive_receipts", func(r *gallra.Rule) *string { return &r.Archive.Receipts }),
	text("archive_body", func(r *gallra.Rule) *string { return &r.Archive.Body }),
	text("archive_agreement", func(r *gallra.Rule) *string { return &r.Archive.Agreement }),
	text("archive_reference", func(r *gallra.Rule) *string { return &r.Archive.Reference }),
	period("archive_within", func(r *gallra.Rule) *gallra.Period { return &r.Archive.Within }),
}

type column struct {
	name string
	get  func(*gallra.Rule) string
	set  func(*gallra.Rule, string) error
}

func text[T ~string](name string, at func(*gallra.Rule) *T) column {
	return column{name, func(r *gallra.Rule) string { return string(*at(r)) }, func(r *gallra.Rule, s string) error { *at(r) = T(s); return nil }}
}

func words[T ~string](name string, at func(*gallra.Rule) *[]T) column {
	return column{name, func(r *gallra.Rule) string {
		var out []string
		for _, x := range *at(r) {
			out = append(out, string(x))
		}
		return strings.Join(out, " ")
	}, func(r *gallra.Rule, s string) error {
		*at(r) = nil
		for _, x := range strings.Fields(s) {
			*at(r) = append(*at(r), T(x))
		}
		return nil
	}}
}

func period(name string, at func(*gallra.Rule) *gallra.Period) column {
	return column{name, func(r *gallra.Rule) string {
		if at(r).IsZero() {
			return ""
		}
		return at(r).String()
	}, func(r *gallra.Rule, s string) (err error) {
		if *at(r) = (gallra.Period{}); s != "" {
			*at(r), err = gallra.ParsePeriod(s)
		}
		return err
	}}
}

// Formulas a spreadsheet would run are written as text.
func safe(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r'", rune(s[0])) {
		return "'" + s
	}
	return s
}

// WriteCSV writes rules as a table.
func WriteCSV(w io.Writer, rules []gallra.Rule) error {
	c := csv.NewWriter(w)
	row := make([]string, len(columns))
	for i, x := range columns {
		row[i] = x.name
	}
	_ = c.Write(row) // c.Error tells
	for _, r := range rules {
		for i, x := range columns {
			row[i] = safe(x.get(&r))
		}
		_ = c.Write(row)
	}
	if c.Flush(); c.Error() != nil {
		return fmt.Errorf("ruleset: write: %w", c.Error())
	}
	return nil
}

// ReadCSV reads a table of rules, with a line of column names first; columns may
// be missing or in another order. gallra.ErrInvalid names the line.
func ReadCSV(r io.Reader) ([]gallra.Rule, error) {
	rows, err := csv.NewReader(r).ReadAll()
	if err != nil || len(rows) == 0 {
		return nil, gallra.Errorf(gallra.Invalid, "ruleset.malformed", "line", "")
	}
	var cols []column
	for _, name := range rows[0] {
		i := slices.IndexFunc(columns, func(c column) bool { return c.name == strings.TrimSpace(strings.TrimPrefix(name, "\ufeff")) })
		if i < 0 {
			return nil, gallra.Errorf(gallra.Invalid, "ruleset.column", "column", name)
		}
		cols = append(cols, columns[i])
	}
	var out []gallra.Rule
	for n, row := range rows[1:] {
		var rule gallra.Rule
		for i, x := range cols {
			value := row[i]
			if v, quoted := strings.CutPrefix(value, "'"); quoted && safe(v) != v {
				value = v
			}
			if err := x.set(&rule, value); err != nil {
				return nil, gallra.Errorf(gallra.Invalid, "ruleset.malformed", "line", strconv.Itoa(n+2))
			}
		}
		out = append(out, rule)
	}
	return out, nil
}

// complete reports whether the table form has a column for every field of a
// rule; its tests ask.
func complete() bool {
	return reflect.TypeFor[gallra.Rule]().NumField()-2+reflect.TypeFor[gallra.Decision]().NumField()+reflect.TypeFor[gallra.Archive]().NumField() == len(columns)
}
