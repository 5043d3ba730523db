package pii

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gallra/gallra"
)

// Mask returns value as it may be shown to someone who has not revealed it
// (REQUIREMENTS X-21): a personnummer keeps its date (ÅÅMMDD-****), an e-mail
// address its first letters and top level (a***@d***.se), a phone number its
// last three digits, a name its initials. Everything else keeps its first
// character at most. A value that is not of its category's form is hidden whole.
func Mask(c gallra.Category, value string) string {
	value = strings.TrimSpace(value)
	if value == "" {
		return ""
	}
	switch c {
	case gallra.CategoryPersonnummer:
		d := digitsOf(value)
		if len(d) == 12 {
			d = d[2:]
		}
		if len(d) < 9 { // an interim number has nine digits and a letter
			return hidden
		}
		return d[:6] + "-****"
	case gallra.CategoryEmail:
		return maskMail(value)
	case gallra.CategoryPhone:
		d := digitsOf(value)
		if len(d) < 6 {
			return hidden
		}
		return strings.Repeat("*", len(d)-3) + d[len(d)-3:]
	case gallra.CategoryPerson:
		return initials(value)
	case gallra.CategorySecret, gallra.CategoryHealth, gallra.CategorySensitive:
		return hidden
	case gallra.CategoryCard, gallra.CategoryBankAccount:
		d := digitsOf(value)
		if len(d) < 8 {
			return hidden
		}
		return hidden + d[len(d)-4:]
	case gallra.CategoryIP:
		if i := strings.IndexAny(value, ".:"); i > 0 {
			return value[:i+1] + hidden
		}
	}
	r, n := utf8.DecodeRuneInString(value)
	if n == len(value) || r == utf8.RuneError {
		return hidden
	}
	return string(r) + hidden
}

const hidden = "****"

func digitsOf(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] >= '0' && s[i] <= '9' {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

func maskMail(value string) string {
	local, domain, ok := strings.Cut(value, "@")
	if !ok || local == "" || domain == "" {
		return hidden
	}
	l, _ := utf8.DecodeRuneInString(local)
	d, _ := utf8.DecodeRuneInString(domain)
	top := ""
	if i := strings.LastIndexByte(domain, '.'); i > 0 {
		top = domain[i:]
	}
	return string(l) + "***@" + string(d) + "***" + top
}

// initials returns "A. L." for "Anna Lindqvist" and "A.-M." for "Anna-Maria".
func initials(name string) string {
	var b strings.Builder
	first := true
	for _, r := range name {
		switch {
		case unicode.IsSpace(r):
			if !first {
				b.WriteByte(' ')
			}
			first = true
		case r == '-':
			b.WriteByte('-')
			first = true
		case first && unicode.IsLetter(r):
			b.WriteRune(unicode.ToUpper(r))
			b.WriteByte('.')
			first = false
		}
	}
	if b.Len() == 0 {
		return hidden
	}
	return strings.TrimSpace(b.String())
}
