package pii

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/pii/names"
	"github.com/gallra/gallra/pii/pattern"
	"github.com/gallra/gallra/pii/scan"
)

// DefaultRecall is the dial's middle: a finding is reported when it is more
// likely right than not.
const DefaultRecall = 0.5

// Options says what an Engine looks for.
type Options struct {
	// Lang is the language of the texts ("sv", "en", "no", "da", "fi", "de").
	// Empty: guessed for each text.
	Lang string
	// Recall is the dial between missing nothing (1) and reporting nothing
	// doubtful (0). Zero means DefaultRecall.
	Recall float64
	// Patterns are the installation's own kinds of identifier.
	Patterns []Pattern
	// Names finds names, places and addresses; the language pack in the binary
	// when nil.
	Names *names.Model
	// Allow lists values that are never reported: the organisation's own
	// switchboard, its role mailboxes. Case and surrounding space do not matter.
	Allow []string
}

// Pattern is an installation's own identifier, say a customer number.
type Pattern struct {
	Name     string // shown in Finding.Rule as "pattern/<name>"
	Expr     string // RE2 syntax; matched in time linear in the text
	Category gallra.Category
}

// Engine finds personal data in text. It is immutable and safe for concurrent use.
type Engine struct {
	scanner  *scan.Scanner
	tagger   tagger
	lang     string
	recall   float64
	own      *pattern.Set // the patterns' expressions, nil when there are none
	patterns []ownKind    // what each of them finds
	allow    map[string]bool
}

// ownKind is what an installation's pattern finds.
type ownKind struct {
	category gallra.Category
	rule     string
}

// tagger finds what has no form of its own: names, places, addresses, health.
type tagger interface {
	find(dst []Finding, text, lang string, recall float64) []Finding
}

// New returns an Engine. It fails on a pattern that does not compile or that
// has an unknown category, and on a dial outside 0 to 1.
func New(o Options) (*Engine, error) {
	if o.Recall == 0 {
		o.Recall = DefaultRecall
	}
	if o.Recall < 0 || o.Recall > 1 {
		return nil, gallra.Errorf(gallra.Invalid, "pii.recall")
	}
	e := &Engine{
		scanner: scan.New(o.Lang, float32(1-o.Recall)),
		lang:    o.Lang,
		recall:  o.Recall,
	}
	if err := e.define(o.Patterns); err != nil {
		return nil, err
	}
	for _, a := range o.Allow {
		if e.allow == nil {
			e.allow = map[string]bool{}
		}
		e.allow[allowKey(a)] = true
	}
	if o.Names == nil {
		m, err := names.Load()
		if err != nil {
			return nil, err
		}
		o.Names = m
	}
	e.tagger = namesTagger{o.Names}
	return e, nil
}

// define makes the installation's own patterns ready.
func (e *Engine) define(ps []Pattern) error {
	if len(ps) == 0 {
		return nil
	}
	var exprs []string
	for _, p := range ps {
		if !p.Category.Valid() {
			return gallra.Errorf(gallra.Invalid, "pii.pattern_category", "name", p.Name, "category", string(p.Category))
		}
		exprs = append(exprs, p.Expr)
		e.patterns = append(e.patterns, ownKind{p.Category, "pattern/" + p.Name})
	}
	own, at, err := pattern.Compile(exprs)
	if err != nil {
		return gallra.Errorf(gallra.Invalid, "pii.pattern", "name", ps[at].Name).Wrap(err)
	}
	for i, p := range ps {
		if own.Empty(i) {
			return gallra.Errorf(gallra.Invalid, "pii.pattern_empty", "name", p.Name)
		}
	}
	e.own = own
	return nil
}

func allowKey(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// Find returns the personal data in text, in order and without overlap.
func (e *Engine) Find(text string) []Finding { return e.Append(nil, text) }

// FindLang is Find for a text whose language is known.
func (e *Engine) FindLang(text, lang string) []Finding { return e.appendLang(nil, text, lang) }

// Append appends the findings in text to dst. For the structured kinds it does
// not allocate beyond dst.
func (e *Engine) Append(dst []Finding, text string) []Finding {
	return e.appendLang(dst, text, e.lang)
}

// spans lends the scanner's slices between calls.
var spans = sync.Pool{New: func() any { s := make([]scan.Span, 0, 64); return &s }}

func (e *Engine) appendLang(dst []Finding, text, lang string) []Finding {
	base := len(dst)
	buf := spans.Get().(*[]scan.Span)
	scanner := e.scanner
	if lang != e.lang {
		scanner = scan.New(lang, float32(1-e.recall))
	}
	*buf = scanner.Append((*buf)[:0], text)
	for _, s := range *buf {
		dst = append(dst, Finding{Start: s.Start, End: s.End, Category: s.Kind, Score: s.Score, Rule: s.Rule})
	}
	structured := len(dst)
	*buf = scanner.AppendWords((*buf)[:0], text)
	for _, s := range *buf {
		dst = append(dst, Finding{Start: s.Start, End: s.End, Category: s.Kind, Score: s.Score, Rule: s.Rule})
	}
	spans.Put(buf)
	if e.own != nil {
		for _, m := range e.own.Append(nil, text) {
			p := &e.patterns[m.Expr]
			dst = append(dst, Finding{Start: m.Start, End: m.End, Category: p.category, Score: 1, Rule: p.rule})
		}
	}
	if e.tagger != nil {
		dst = e.tagger.find(dst, text, lang, e.recall)
	}
	if len(dst) > structured {
		dst = dst[:base+len(resolve(dst[base:]))]
	}
	if e.allow != nil {
		kept := dst[:base]
		for _, f := range dst[base:] {
			if !e.allow[allowKey(text[f.Start:f.End])] {
				kept = append(kept, f)
			}
		}
		dst = kept
	}
	return dst
}

// knownRule marks the place of an identifier that the caller gave.
const knownRule = "known/identifier"

// rank orders findings that compete for the same characters: what an
// installation defined itself, then what a check digit or form gives away, then
// what is told from context.
func rank(f Finding) int {
	if f.Category == gallra.CategoryName {
		return -1
	}
	if f.Rule == knownRule || strings.HasPrefix(f.Rule, "pattern/") {
		return 3
	}
	switch f.Category {
	case gallra.CategoryAddress:
		return 2 // holds postcode and flat number, which the scanner sees as numbers
	case gallra.CategoryPerson, gallra.CategoryPlace, gallra.CategoryHealth, gallra.CategorySensitive:
		return 0
	case gallra.CategoryCustomerID, gallra.CategoryUsername, gallra.CategorySecret:
		return 1
	}
	return 2
}

// resolve sorts findings and removes overlaps in place: the higher rank wins,
// then the longer, then the surer.
func resolve(fs []Finding) []Finding {
	slices.SortFunc(fs, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(b.End, a.End), cmp.Compare(rank(b), rank(a)))
	})
	out := fs[:0]
	for _, f := range fs {
		for len(out) > 0 {
			last := out[len(out)-1]
			if f.Start >= last.End {
				break
			}
			if !beats(f, last) {
				f.End = f.Start
				break
			}
			out = out[:len(out)-1]
		}
		if f.Start < f.End {
			out = append(out, f)
		}
	}
	return out
}

func beats(a, b Finding) bool {
	if ra, rb := rank(a), rank(b); ra != rb {
		return ra > rb
	}
	if la, lb := a.End-a.Start, b.End-b.Start; la != lb {
		return la > lb
	}
	return a.Score > b.Score
}
