package ident

import (
	"strings"

	"github.com/gallra/gallra"
)

// Hint tells of a short text, without a Matcher, that none of some identifiers
// can stand in it: making a Matcher costs more than most fields are long.
type Hint struct {
	parts  []string // folded, without spaces: a text with none of them holds no name, address, account
	digits int      // fewest digits of a number among them; 0 for no number
	ip     bool
}

// NewHint returns the hint of ids.
func NewHint(ids []gallra.Identifier) Hint {
	var h Hint
	number := func(n int) {
		if h.digits == 0 || n < h.digits {
			h.digits = n
		}
	}
	part := func(s string) {
		if s = strings.ReplaceAll(Fold(s), " ", ""); s != "" {
			h.parts = append(h.parts, s)
		}
	}
	for _, id := range ids {
		switch id.Kind {
		case gallra.IdentPersonnummer:
			if n := len(Normalise(id.Kind, id.Value)); n == 10 || n == 12 {
				number(10)
			} else {
				part(id.Value)
			}
		case gallra.IdentPhone:
			number(5)
		case gallra.IdentEmail:
			local, _, _ := strings.Cut(normaliseMail(id.Value), "@")
			local, _, _ = strings.Cut(local, ".")
			if strings.ReplaceAll(Fold(local), " ", "") == "" {
				return Hint{parts: []string{""}} // anything may be it
			}
			part(local)
		case gallra.IdentName: // every written form has the last name's last word
			_, last := nameParts(id.Value)
			if words := strings.Fields(last); len(words) > 0 {
				last = words[len(words)-1]
			}
			part(last)
			part(transliterate(last))
		case gallra.IdentIP:
			h.ip = true
		default:
			part(id.Value)
		}
	}
	return h
}

// May reports whether one of the identifiers may stand in text. It is sure only
// when it says no, and says so of texts in ASCII only.
func (h Hint) May(text string) bool {
	var buf [64]byte
	symbols, digits := buf[:0], 0
	for i := range len(text) {
		if text[i] >= 0x80 {
			return true
		}
		symbols = appendFolded(symbols, rune(text[i]))
		if isDigit(text[i]) {
			digits++
		}
	}
	if h.digits > 0 && digits >= h.digits || h.ip && (strings.Count(text, ".") > 2 || strings.Count(text, ":") > 1) {
		return true
	}
	for _, p := range h.parts {
		if strings.Contains(string(symbols), p) {
			return true
		}
	}
	return false
}
