package anonymise

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

// The checks. All must pass for the word anonymised.
const (
	AN1 = "AN1" // no direct identifier left; every field classified
	AN2 = "AN2" // no free text left
	AN3 = "AN3" // no stable key that links to another record or system
	AN4 = "AN4" // nobody singled out: at least K records share what is left
	AN5 = "AN5" // nothing certain to be inferred of a group's members
	AN6 = "AN6" // no other copy with the holder: backups are gone, or their last day known
)

// Checks returns the checks in order.
func Checks() []string { return []string{AN1, AN2, AN3, AN4, AN5, AN6} }

// K is how many records must share what is left of each.
const K = 5

// Finding is a check that a record does not pass, and the field that fails it.
type Finding struct{ Check, Field string }

// Assess returns which of AN1, AN2, AN3 and AN5 a record fails as it is now,
// after rewriting: the checks that one record decides by itself.
func (c *Conversation) Assess(t connector.Type, r gallra.Record) []Finding {
	var out []Finding
	for _, f := range r.Fields {
		info, known := t.Field(f.Name)
		v := strings.TrimSpace(f.Value)
		switch {
		case v == "":
		case info.Format == connector.FormatFile || info.Text && v != c.text("") && (c.redacts() || info.Format != connector.FormatMail):
			// Taken out by a detector alone never passes (AN2); what it has
			// missed may tell anything of a group (AN5).
			out = append(out, Finding{AN2, f.Name}, Finding{AN5, f.Name})
		case info.Text:
		case info.Category != "" && v != c.replacement(info.Category):
			out = append(out, Finding{AN1, f.Name}, Finding{AN3, f.Name})
		case info.Category != "":
		case looksLikeKey(v):
			out = append(out, Finding{AN3, f.Name})
		case !info.Keep || !known:
			out = append(out, Finding{AN1, f.Name})
		}
	}
	// A record that still points at a person's record is linked to all else
	// that does (Taxa 4x35).
	if !r.Person.IsZero() {
		out = append(out, Finding{AN3, "person"})
	}
	return out
}

var (
	hexadecimal = regexp.MustCompile(`^[0-9A-Fa-f-]{16,}$`)
	base64ish   = regexp.MustCompile(`^[A-Za-z0-9+/_=-]{20,}$`)
	number      = regexp.MustCompile(`^\+?[0-9][0-9 ()/-]{5,}$`)
)

// looksLikeKey reports whether v could tie records together: a digest, a token,
// a long number.
func looksLikeKey(v string) bool {
	if number.MatchString(v) {
		return true
	}
	digits := strings.ContainsAny(v, "0123456789")
	return hexadecimal.MatchString(v) || digits && base64ish.MatchString(v)
}

// Verdict is the outcome of a set of records, with what failed.
type Verdict struct {
	Records      int64
	Anonymised   int64
	Deidentified int64
	Failing      map[string]int64 // records by check
	Smallest     int64            // records that share the rarest combination of what is left; AN4 needs K
}

// Outcome returns the word for the whole: anonymised only if every record is.
func (v Verdict) Outcome() gallra.Outcome {
	if v.Deidentified > 0 || v.Records == 0 {
		return gallra.OutcomeDeidentified
	}
	return gallra.OutcomeAnonymised
}

// Judge assesses a whole set of records of one type as they are now. cell says
// which combination of remaining attributes a record shares with others; by
// default the statistics fields and the week of creation. backups tells
// whether the last day of every backup is known (AN6).
func Judge(t connector.Type, records []gallra.Record, cell func(gallra.Record) string, backups bool) Verdict {
	if cell == nil {
		cell = func(r gallra.Record) string { return Cell(t, r) }
	}
	v := Verdict{Failing: map[string]int64{}}
	size := map[string]int64{}
	for _, r := range records {
		size[cell(r)]++
	}
	c := New(Options{}, nil, nil)
	for _, r := range records {
		var failed []string
		for _, f := range c.Assess(t, r) {
			failed = append(failed, f.Check)
		}
		n := size[cell(r)]
		if v.Smallest == 0 || n < v.Smallest {
			v.Smallest = n
		}
		if n < K {
			failed = append(failed, AN4)
		}
		if !backups {
			failed = append(failed, AN6)
		}
		slices.Sort(failed)
		for _, k := range slices.Compact(failed) {
			v.Failing[k]++
		}
		v.Records++
		if len(failed) > 0 {
			v.Deidentified++
		} else {
			v.Anonymised++
		}
	}
	return v
}

// Cell returns the combination of r's remaining attributes: its statistics
// fields and the week it was created.
func Cell(t connector.Type, r gallra.Record) string {
	var b strings.Builder
	for _, f := range t.Fields {
		if f.Keep {
			v, _ := r.Field(f.Name)
			b.WriteString(f.Name + "=" + v + "\x1f")
		}
	}
	if !r.Created.IsZero() {
		y, w := r.Created.ISOWeek()
		fmt.Fprintf(&b, "%d-W%d", y, w)
	}
	return b.String()
}
