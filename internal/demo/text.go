package demo

import (
	"embed"
	"strings"
	"unicode"
)

//go:embed text/*.txt
var texts embed.FS

// lexicon is the sentence material of one language: templates by section.
type lexicon map[string][]template

// template is a text cut at its slots: literal, slot, literal, ...
type template []string

func parse(s string) template {
	s = strings.ReplaceAll(s, `\n`, "\n")
	var t template
	for {
		before, rest, ok := strings.Cut(s, "{")
		t = append(t, before)
		if !ok {
			return t
		}
		slot, after, _ := strings.Cut(rest, "}")
		t = append(t, slot)
		s = after
	}
}

// fill returns the text with each slot replaced.
func (t template) fill(slot func(string) string) string {
	if len(t) == 1 {
		return t[0]
	}
	var b strings.Builder
	for i, s := range t {
		if i%2 == 1 {
			s = slot(s)
		}
		b.WriteString(s)
	}
	return b.String()
}

// filled reports whether every slot has a value.
func (t template) filled(slot func(string) string) bool {
	for i := 1; i < len(t); i += 2 {
		if slot(t[i]) == "" {
			return false
		}
	}
	return true
}

func load(lang string) lexicon {
	b, err := texts.ReadFile("text/" + lang + ".txt")
	if err != nil {
		panic("demo: " + err.Error()) // embedded at build: unreachable
	}
	l, section := lexicon{}, ""
	for line := range strings.Lines(string(b)) {
		line = strings.TrimRight(line, "\n")
		if name, ok := strings.CutPrefix(line, "== "); ok {
			section = name
		} else if line != "" {
			l[section] = append(l[section], parse(line))
		}
	}
	return l
}

// careless makes a text look as if it was written in a hurry.
func careless(r random, s string) string {
	switch n := r.IntN(100); {
	case n < 8:
		s = misspell(r, s)
	case n < 18:
		s = strings.ToLower(s)
	case n < 21:
		s = strings.NewReplacer("å", "a", "ä", "a", "ö", "o").Replace(s)
	case n < 24:
		s = strings.ReplaceAll(s, "\n\n", "\n")
	}
	return s
}

// misspell swaps two letters in some of the words that are plain lower case, so
// that no name, number or address is changed.
func misspell(r random, s string) string {
	words := strings.Split(s, " ")
	for i, w := range words {
		c := []rune(w)
		if len(c) < 5 || strings.ContainsFunc(w, func(x rune) bool { return !unicode.IsLower(x) }) || !r.chance(0.15) {
			continue
		}
		k := r.between(1, len(c)-3)
		c[k], c[k+1] = c[k+1], c[k]
		words[i] = string(c)
	}
	return strings.Join(words, " ")
}

// quote returns a text as mail programs quote it.
func quote(s string) string {
	return "> " + strings.ReplaceAll(s, "\n", "\n> ")
}
