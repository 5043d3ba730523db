package pii

import (
	"iter"
	"strings"

	"github.com/gallra/gallra"
)

// Evidence says why a column was classified as it was, without showing a value.
type Evidence struct {
	Values   int64   // values that are not empty
	Empty    int64   // empty ones
	Matched  int64   // values that are of the category: whole, or in part in free text
	Share    float64 // Matched of Values
	FreeText bool    // the category occurs inside longer text
	ByName   bool    // the column's name says the category
	Examples []string
	// Counts says how many values are, or hold, each category.
	Counts map[gallra.Category]int64
}

// Shares of the values that make a column one of a category.
const (
	wholeShare = 0.5  // the values themselves
	namedShare = 0.05 // the same when the column's name says so too
	textShare  = 0.01 // findings inside longer text
)

// examples is how many masked values the evidence shows.
const examples = 3

// Column classifies a table column by its name ("column", or "table.column"),
// its type as the database calls it, and all its values. It returns "" for a column that is not personal.
// Values are read one at a time and not kept; the evidence shows a few, masked.
func (e *Engine) Column(name, typ string, values iter.Seq[string]) (gallra.Category, Evidence) {
	table, column := "", name
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		table, column = name[:i], name[i+1:]
	}
	named, byName := ColumnIn(table, column)
	if !carriesText(typ) {
		byName = false
	}
	ev := Evidence{Counts: map[gallra.Category]int64{}}
	whole := map[gallra.Category]int64{}
	shown := map[gallra.Category][]string{}
	// The name stands before each value, as a form's label does before its field.
	label := strings.Join(nameWords(column), " ") + ": "
	var found []Finding
	var buf []byte
	for v := range values {
		v = strings.TrimSpace(v)
		if v == "" {
			ev.Empty++
			continue
		}
		ev.Values++
		buf = append(append(buf[:0], label...), v...)
		text := string(buf)
		found = e.Append(found[:0], text)
		seen := gallra.Category("")
		for _, f := range found {
			if f.Start < len(label) || f.Category == seen {
				continue
			}
			seen = f.Category
			ev.Counts[f.Category]++
			if 10*(f.End-f.Start) >= 9*len(v) {
				whole[f.Category]++
			}
			if s := shown[f.Category]; len(s) < examples {
				shown[f.Category] = append(s, Mask(f.Category, text[f.Start:f.End]))
			}
		}
	}
	best, most := gallra.Category(""), int64(0)
	for _, c := range gallra.Categories() {
		if whole[c] > most {
			best, most = c, whole[c]
		}
	}
	share := func(n int64) float64 {
		if ev.Values == 0 {
			return 0
		}
		return float64(n) / float64(ev.Values)
	}
	result := func(c gallra.Category, n int64, free bool) (gallra.Category, Evidence) {
		ev.Matched, ev.Share, ev.FreeText = n, share(n), free
		ev.ByName = byName && c == named
		ev.Examples = shown[c]
		return c, ev
	}
	switch {
	case byName && share(whole[named]) >= namedShare:
		return result(named, whole[named], false)
	case most > 0 && share(most) >= wholeShare:
		return result(best, most, false)
	case byName:
		return result(named, whole[named], false)
	}
	best, most = "", 0
	for _, c := range gallra.Categories() {
		if ev.Counts[c] > most {
			best, most = c, ev.Counts[c]
		}
	}
	if most > 0 && share(most) >= textShare {
		return result(best, most, true)
	}
	return result("", 0, false)
}

// carriesText reports whether a column of this type can hold a person's value:
// flags, times and floating-point numbers cannot.
func carriesText(typ string) bool {
	typ = strings.ToLower(typ)
	for _, t := range [...]string{"bool", "timestamp", "datetime", "time", "float", "double", "real", "tinyint(1)", "bit", "interval", "smallint", "tinyint"} {
		if strings.HasPrefix(typ, t) {
			return false
		}
	}
	return true
}
