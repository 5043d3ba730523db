// Package eval measures a detector of personal data against marked text: what
// it finds, what it misses, and whether a conversation comes out clean.
package eval

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"unicode"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/pii"
	"github.com/gallra/gallra/pii/ident"
)

// gold is one line of a marked corpus. Offsets count code points.
type gold struct {
	ID    string `json:"id"`
	Lang  string `json:"lang"`
	Text  string `json:"text"`
	Spans []struct {
		Start int    `json:"start"`
		End   int    `json:"end"`
		Label string `json:"label"`
		// Entity says which spans of a text mean the same; without it, those
		// of one label that are written alike do.
		Entity string `json:"entity"`
	} `json:"spans"`
}

// Score counts the spans of one category.
type Score struct {
	Right  int // found with the right bounds and category
	Missed int // marked, not found so
	False  int // found, not marked so
	// Whatever the bounds: Reached are the marked spans that share a character
	// with a finding of the category, Touching the findings that share one with
	// a marked span of it.
	Reached, Touching int
}

// TouchPrecision returns the share of what was found that touches a marked
// span of its category, 1 when nothing was found.
func (s Score) TouchPrecision() float64 { return share(s.Touching, s.Right+s.False) }

// TouchRecall returns the share of what is marked that a finding of its
// category touches, 1 when nothing is marked.
func (s Score) TouchRecall() float64 { return share(s.Reached, s.Right+s.Missed) }

// Precision returns the share of what was found that is right, 1 when nothing was found.
func (s Score) Precision() float64 { return share(s.Right, s.Right+s.False) }

// Recall returns the share of what is marked that was found, 1 when nothing is marked.
func (s Score) Recall() float64 { return share(s.Right, s.Right+s.Missed) }

// F1 returns the harmonic mean of precision and recall.
func (s Score) F1() float64 {
	if s.Right == 0 {
		return 0
	}
	p, r := s.Precision(), s.Recall()
	return 2 * p * r / (p + r)
}

func (s *Score) add(o Score) {
	s.Right += o.Right
	s.Missed += o.Missed
	s.False += o.False
	s.Reached += o.Reached
	s.Touching += o.Touching
}

func share(part, whole int) float64 {
	if whole == 0 {
		return 1
	}
	return float64(part) / float64(whole)
}

// Language holds the figures of one language.
type Language struct {
	Lang   string
	Texts  int
	Clean  int // texts of which no character of a direct identifier is left
	Tokens int // marked words
	Masked int // of them, found as anything (type-blind)
	Rest   int // words not marked
	Over   int // of them, found as anything all the same
	// Entities are the persons, numbers and the rest that the texts speak of,
	// each counted once a text however often it is mentioned; Whole are those of
	// which no character of any mention is left. Of them, Direct and DirectWhole
	// are of the categories that a clean conversation must not hold.
	Entities, Whole, Direct, DirectWhole int
	Label                                map[gallra.Category]*Score
}

// Report is the outcome of a measurement, languages in the order of size.
type Report struct {
	Languages []*Language
}

// mustGo are the categories of which a clean conversation holds no character.
var mustGo = map[gallra.Category]bool{
	gallra.CategoryPerson: true, gallra.CategoryEmail: true, gallra.CategoryPhone: true, gallra.CategoryPersonnummer: true,
	gallra.CategoryNationalID: true, gallra.CategoryAddress: true, gallra.CategoryBankAccount: true, gallra.CategoryCard: true,
}

// Run reads marked texts, one JSON object a line, and measures find on them.
func Run(marked io.Reader, find func(text, lang string) []pii.Finding) (Report, error) {
	byLang := map[string]*Language{}
	in := bufio.NewScanner(marked)
	in.Buffer(make([]byte, 0, 1<<16), 1<<26)
	for line := 1; in.Scan(); line++ {
		if len(in.Bytes()) == 0 {
			continue
		}
		var g gold
		if err := json.Unmarshal(in.Bytes(), &g); err != nil {
			return Report{}, gallra.Errorf(gallra.Invalid, "eval.line", "line", fmt.Sprint(line)).Wrap(err)
		}
		l := byLang[g.Lang]
		if l == nil {
			l = &Language{Lang: g.Lang, Label: map[gallra.Category]*Score{}}
			byLang[g.Lang] = l
		}
		if err := l.measure(g, find(g.Text, g.Lang)); err != nil {
			return Report{}, gallra.Errorf(gallra.Invalid, "eval.line", "line", fmt.Sprint(line)).Wrap(err)
		}
	}
	if err := in.Err(); err != nil {
		return Report{}, fmt.Errorf("eval: read the marked texts: %w", err)
	}
	var r Report
	for _, l := range byLang {
		r.Languages = append(r.Languages, l)
	}
	slices.SortFunc(r.Languages, func(a, b *Language) int {
		return cmp.Or(cmp.Compare(b.Texts, a.Texts), cmp.Compare(a.Lang, b.Lang))
	})
	return r, nil
}

func (l *Language) score(c gallra.Category) *Score {
	s := l.Label[c]
	if s == nil {
		s = &Score{}
		l.Label[c] = s
	}
	return s
}

func (l *Language) measure(g gold, found []pii.Finding) error {
	l.Texts++
	// offset[k] is where code point k begins.
	offset := make([]int, 0, len(g.Text)+1)
	for i := range g.Text {
		offset = append(offset, i)
	}
	offset = append(offset, len(g.Text))
	type span struct {
		start, end int
		label      gallra.Category
	}
	type entity struct {
		label gallra.Category
		name  string
	}
	whole := map[entity]bool{}
	hit := map[span]bool{}
	covered := make([]bool, len(g.Text))
	for _, f := range found {
		hit[span{f.Start, f.End, f.Category}] = true
		for i := f.Start; i < f.End; i++ {
			covered[i] = true
		}
	}
	clean := true
	marked := make([]bool, len(g.Text))
	for _, s := range g.Spans {
		if s.Start < 0 || s.End < s.Start || s.End >= len(offset) {
			return fmt.Errorf("span %d-%d lies outside the text", s.Start, s.End)
		}
		want := span{offset[s.Start], offset[s.End], gallra.Category(s.Label)}
		if hit[want] {
			l.score(want.label).Right++
			delete(hit, want)
		} else {
			l.score(want.label).Missed++
		}
		left := false
		for i, r := range g.Text[want.start:want.end] {
			marked[want.start+i] = true
			left = left || inWord(r) && !covered[want.start+i]
		}
		clean = clean && !(left && mustGo[want.label])
		of := entity{want.label, s.Entity}
		if of.name == "" {
			of.name = ident.Fold(g.Text[want.start:want.end])
		}
		if before, ok := whole[of]; !ok || before {
			whole[of] = !left
		}
		for _, f := range found {
			if f.Category == want.label && f.Start < want.end && want.start < f.End {
				l.score(want.label).Reached++
				break
			}
		}
		words(g.Text, want.start, want.end, func(from, to int) {
			l.Tokens++
			if !slices.Contains(covered[from:to], false) {
				l.Masked++
			}
		})
	}
	words(g.Text, 0, len(g.Text), func(from, to int) {
		if marked[from] {
			return
		}
		l.Rest++
		if covered[from] {
			l.Over++
		}
	})
	for s := range hit {
		l.score(s.label).False++
	}
	for _, f := range found {
		for _, s := range g.Spans {
			if f.Category == gallra.Category(s.Label) && f.Start < offset[s.End] && offset[s.Start] < f.End {
				l.score(f.Category).Touching++
				break
			}
		}
	}
	for e, gone := range whole {
		l.Entities++
		l.Whole += one(gone)
		if mustGo[e.label] {
			l.Direct++
			l.DirectWhole += one(gone)
		}
	}
	if clean {
		l.Clean++
	}
	return nil
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

func inWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// words calls f with the place of each word in text[start:end].
func words(text string, start, end int, f func(from, to int)) {
	from := -1
	for i, r := range text[start:end] {
		switch in := inWord(r); {
		case in && from < 0:
			from = start + i
		case !in && from >= 0:
			f(from, start+i)
			from = -1
		}
	}
	if from >= 0 {
		f(from, end)
	}
}

// Total returns the scores of one category over languages, all when none is named.
func (r Report) Total(c gallra.Category, langs ...string) Score {
	var t Score
	for _, l := range r.Languages {
		if len(langs) > 0 && !slices.Contains(langs, l.Lang) {
			continue
		}
		if s := l.Label[c]; s != nil {
			t.add(*s)
		}
	}
	return t
}

// Table writes the report: a line for each language and category, and the
// figures over whole texts.
func (r Report) Table(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	row := func(lang string, c gallra.Category, s Score) {
		fmt.Fprintf(tw, "%s\t%s\t%d\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\n", lang, c, s.Right+s.Missed, s.Precision(), s.Recall(), s.F1(), s.TouchPrecision(), s.TouchRecall())
	}
	fmt.Fprintln(tw, "lang\tcategory\tmarked\tprecision\trecall\tF1\ttouching precision\ttouching recall")
	for _, c := range gallra.Categories() {
		if s := r.Total(c); s != (Score{}) {
			row("all", c, s)
		}
	}
	for _, l := range r.Languages {
		for _, c := range gallra.Categories() {
			if s := l.Label[c]; s != nil {
				row(l.Lang, c, *s)
			}
		}
	}
	fmt.Fprintln(tw, "\nlang\ttexts\tclean\tclean share\tmarked words\ttype-blind recall\tother words taken out\tentities\tentity recall\tdirect ones\tentity recall")
	for _, l := range r.Languages {
		fmt.Fprintf(tw, "%s\t%d\t%d\t%.3f\t%d\t%.3f\t%.3f\t%d\t%.3f\t%d\t%.3f\n", l.Lang, l.Texts, l.Clean, share(l.Clean, l.Texts), l.Tokens, share(l.Masked, l.Tokens), float64(l.Over)/float64(max(l.Rest, 1)),
			l.Entities, share(l.Whole, l.Entities), l.Direct, share(l.DirectWhole, l.Direct))
	}
	return tw.Flush()
}
