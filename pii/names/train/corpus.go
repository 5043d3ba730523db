package train

import (
	"math/rand/v2"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gallra/gallra/pii/names/internal/tagger"
	"github.com/gallra/gallra/pii/names/internal/token"
)

// Common counts the ordinary words of the examples: those that stand outside
// every marked span, in lower case or first in a sentence.
func Common(examples []Example) map[string]int {
	count := map[string]int{}
	var toks []token.Token
	for _, e := range examples {
		toks = token.Append(toks[:0], e.Text)
		k := 0
		for _, t := range toks {
			for k < len(e.Spans) && e.Spans[k].End <= int(t.Start) {
				k++
			}
			in := k < len(e.Spans) && e.Spans[k].Start < int(t.End)
			if t.Kind != token.Word || in && naming(e.Spans[k].Label) {
				continue
			}
			w := e.Text[t.Start:t.End]
			if r, _ := utf8.DecodeRuneInString(w); unicode.IsUpper(r) {
				continue
			}
			count[lower(w)]++
		}
	}
	return count
}

// ordinary counts the ordinary words of the examples and of the word lists.
func ordinary(examples []Example) map[string]int {
	count := Common(examples)
	for _, w := range strings.Fields(ordinaryWords) {
		count[w] = max(count[w], 4)
	}
	return count
}

// entities counts the words of names in the news, in lower case: organisations,
// places and persons often spoken of. Names in messages are private persons'
// and are not counted.
func entities(examples []Example) map[string]int {
	count := map[string]int{}
	var toks []token.Token
	for _, e := range examples {
		if !e.News {
			continue
		}
		for _, s := range e.Spans {
			toks = token.Append(toks[:0], e.Text[s.Start:s.End])
			for _, t := range toks {
				if t.Kind == token.Word {
					count[lower(e.Text[s.Start:s.End][t.Start:t.End])]++
				}
			}
		}
	}
	return count
}

func naming(label string) bool {
	switch label {
	case "PER", "PERSON", "LOC", "ORG", "MISC", "PLACE", "ADDRESS", "USERNAME", "EMAIL":
		return true
	}
	return false
}

// truth returns what each token may be tagged.
func truth(toks []token.Token, e *Example) []tagger.Mask {
	out := make([]tagger.Mask, len(toks))
	k := 0
	for i, t := range toks {
		for k < len(e.Spans) && e.Spans[k].End <= int(t.Start) {
			k++
		}
		out[i] = tagger.Allow(tagger.O)
		if !e.News {
			out[i] = tagger.Allow(tagger.O, tagger.BLoc, tagger.ILoc, tagger.BOrg, tagger.IOrg)
		}
		if k == len(e.Spans) || int(t.End) <= e.Spans[k].Start {
			continue
		}
		s := e.Spans[k]
		first := i == 0 || int(toks[i-1].End) <= s.Start
		two := func(b, in uint8) tagger.Mask {
			if first {
				return tagger.Allow(b)
			}
			return tagger.Allow(in)
		}
		switch s.Label {
		case "PER", "PERSON":
			out[i] = two(tagger.BPer, tagger.IPer)
		case "LOC":
			out[i] = two(tagger.BLoc, tagger.ILoc) | tagger.Allow(tagger.Adr)
		case "PLACE":
			out[i] = two(tagger.BLoc, tagger.ILoc)
			if t.Kind != token.Word {
				out[i] |= tagger.Allow(tagger.O, tagger.ILoc)
			}
		case "ORG":
			out[i] = two(tagger.BOrg, tagger.IOrg)
		case "MISC":
			out[i] = two(tagger.BOrg, tagger.IOrg) | tagger.Allow(tagger.O)
		case "ADDRESS":
			out[i] = tagger.Allow(tagger.Adr)
			if strings.ContainsAny(e.Text[s.Start:t.Start], ",\n") || t.Kind != token.Word {
				out[i] = tagger.Allow(tagger.O, tagger.Adr, tagger.BLoc, tagger.ILoc)
			}
		case "USERNAME", "EMAIL", "SECRET":
			out[i] = tagger.Allow(tagger.O, tagger.BOrg, tagger.IOrg)
		}
	}
	return out
}

// replace returns e with its spans' text replaced where f gives another.
func replace(e Example, f func(s Span, text string) string) Example {
	var b strings.Builder
	at := 0
	out := e
	out.Spans = nil
	for _, s := range e.Spans {
		b.WriteString(e.Text[at:s.Start])
		start := b.Len()
		b.WriteString(f(s, e.Text[s.Start:s.End]))
		out.Spans = append(out.Spans, Span{start, b.Len(), s.Label})
		at = s.End
	}
	b.WriteString(e.Text[at:])
	out.Text = b.String()
	return out
}

// lowered returns e in lower case.
func lowered(e Example, change func(string) string) Example {
	var b strings.Builder
	at := make([]int, len(e.Text)+1)
	for i, r := range e.Text {
		at[i] = b.Len()
		b.WriteString(change(string(r)))
	}
	at[len(e.Text)] = b.Len()
	e.Text = b.String()
	spans := e.Spans
	e.Spans = nil
	for _, s := range spans {
		e.Spans = append(e.Spans, Span{at[s.Start], at[s.End], s.Label})
	}
	return e
}

// swapper puts other names in the place of those marked.
type swapper struct {
	lists *Lists
	rng   *rand.Rand
	seen  map[string]string
}

func (w *swapper) swap(e Example) Example {
	w.seen = map[string]string{}
	return replace(e, func(s Span, text string) string {
		switch s.Label {
		case "PER", "PERSON":
			return w.name(text)
		case "LOC", "PLACE":
			if w.rng.Float64() < 0.3 && !strings.ContainsAny(text, " 0123456789") && w.lists.place[lower(text)] >= 2 {
				return recase(w.lists.cities[w.rng.IntN(len(w.lists.cities))], text)
			}
		}
		return text
	})
}

// name replaces the parts of a name one by one: a given name by a given name,
// the last by a surname; genitive and case kept. Initials and particles stay.
func (w *swapper) name(text string) string {
	parts := strings.Split(text, " ")
	for i, p := range parts {
		if len([]rune(p)) < 3 || strings.Contains(p, ".") {
			continue
		}
		k := lower(p)
		if n, ok := w.seen[k]; ok {
			parts[i] = recase(n, p)
			continue
		}
		stem, suffix := k, ""
		if strings.HasSuffix(k, "s") && max(w.lists.given[k], w.lists.surname[k]) < 5*max(w.lists.given[k[:len(k)-1]], w.lists.surname[k[:len(k)-1]]) {
			stem, suffix = k[:len(k)-1], "s"
		}
		g, s := w.lists.given[stem], w.lists.surname[stem]
		if g+s == 0 && w.rng.Float64() < 0.5 {
			continue
		}
		var n string
		if i == len(parts)-1 && i > 0 || s > 4*g {
			n = w.lists.Surname.pick(w.rng)
		} else {
			n = w.lists.Given.pick(w.rng)
		}
		if suffix == "s" && strings.HasSuffix(n, "s") {
			suffix = ""
		}
		n += suffix
		w.seen[k] = n
		parts[i] = recase(n, p)
	}
	return strings.Join(parts, " ")
}

// recase gives n the case of like.
func recase(n, like string) string {
	r, size := utf8.DecodeRuneInString(like)
	switch {
	case !unicode.IsUpper(r):
		return strings.ToLower(n)
	case len(like) > size && strings.ToUpper(like) == like:
		return strings.ToUpper(n)
	}
	return n
}

// attach joins punctuation to the words as in ordinary writing; the news text
// has spaces around every token.
func attach(e Example) Example {
	drop := make([]bool, len(e.Text))
	for i := 1; i+1 < len(e.Text); i++ {
		if e.Text[i] != ' ' {
			continue
		}
		if strings.IndexByte(",.!?:;)", e.Text[i+1]) >= 0 || e.Text[i-1] == '(' {
			drop[i] = true
		}
	}
	var b strings.Builder
	at := make([]int, len(e.Text)+1)
	for i := range len(e.Text) {
		at[i] = b.Len()
		if !drop[i] {
			b.WriteByte(e.Text[i])
		}
	}
	at[len(e.Text)] = b.Len()
	e.Text = b.String()
	spans := slices.Clone(e.Spans)
	for i := range spans {
		spans[i].Start, spans[i].End = at[spans[i].Start], at[spans[i].End]
	}
	e.Spans = spans
	return e
}
