package train

import (
	_ "embed"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/pii/names"
	"github.com/gallra/gallra/pii/names/internal/special"
)

// specialKinds are what the model of package special finds.
var specialKinds = []gallra.Category{gallra.CategoryHealth, gallra.CategorySensitive}

// WriteSpecial makes the file of the model that finds health and the other
// special kinds, from the training messages below the data folder.
func WriteSpecial(data, file string) error {
	examples, err := Service(filepath.Join(data, "corpus-train/corpus.jsonl"))
	if err != nil {
		return err
	}
	return os.WriteFile(file, special.Learn(append(places(examples), ownSentences()...), special.Defaults), 0o644)
}

//go:embed sentences.txt
var sentences string

// ownSentences returns the sentences written for this product, each a text.
func ownSentences() []special.Marked {
	var out []special.Marked
	for line := range strings.Lines(sentences) {
		lang, text, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || lang == "#" {
			continue
		}
		m := special.Marked{Lang: lang}
		for {
			before, rest, ok := strings.Cut(text, "[")
			m.Text += before
			if !ok {
				break
			}
			in, after, _ := strings.Cut(rest, "]")
			m.Spans = append(m.Spans, special.Place{Start: len(m.Text), End: len(m.Text) + len(in)})
			m.Text += in
			text = after
		}
		out = append(out, m)
	}
	return out
}

func places(examples []Example) []special.Marked {
	var out []special.Marked
	for _, e := range examples {
		m := special.Marked{Text: e.Text, Lang: e.Lang}
		for _, s := range e.Spans {
			if k := gallra.Category(s.Label); k == gallra.CategoryHealth || k == gallra.CategorySensitive {
				m.Spans = append(m.Spans, special.Place{Start: s.Start, End: s.End})
			}
		}
		out = append(out, m)
	}
	return out
}

// ValidateSpecial trains on all but one part of the training messages and
// measures on that part, for each part in turn. show prints the errors.
func ValidateSpecial(w io.Writer, data string, folds int, recall float64, show bool) error {
	examples, err := Service(filepath.Join(data, "corpus-train/corpus.jsonl"))
	if err != nil {
		return err
	}
	type tally struct{ exact, reached, touching Score }
	total := map[string]*tally{}
	for part := range folds {
		var in, held []Example
		for i, e := range examples {
			if i%folds == part {
				held = append(held, e)
			} else {
				in = append(in, e)
			}
		}
		model, err := special.Open(string(special.Learn(append(places(in), ownSentences()...), special.Defaults)))
		if err != nil {
			return err
		}
		f := special.NewFinder(model)
		for _, e := range held {
			t := special.Cut(e.Text, e.Lang)
			var found []names.Span
			for _, s := range f.Append(nil, t, recall) {
				found = append(found, names.Span{Start: int(t.Tokens[s.First].Start), End: int(t.Tokens[s.Last-1].End), Kind: s.Kind, Score: s.Score, Rule: s.Rule})
			}
			for _, kind := range specialKinds {
				for _, key := range []string{string(kind) + " all", string(kind) + " " + e.Lang} {
					if total[key] == nil {
						total[key] = &tally{}
					}
					a, b, c := compare(found, e, kind)
					total[key].exact.Add(a)
					total[key].reached.Add(b)
					total[key].touching.Add(c)
				}
				if show {
					printErrors(w, found, e, kind, string(kind))
				}
			}
		}
	}
	for _, kind := range specialKinds {
		for _, lang := range append(names.Languages(), "all") {
			if t := total[string(kind)+" "+lang]; t != nil {
				fmt.Fprintf(w, "held out %-9s %-3s exact %v  touching recall %.3f precision %.3f\n", kind, lang, t.exact, t.reached.Recall(), t.touching.Precision())
			}
		}
	}
	return nil
}

// compare counts spans found exactly, marked spans touched, and findings that
// touch a marked span.
func compare(found []names.Span, e Example, kind gallra.Category) (exact, reached, touching Score) {
	for _, g := range e.Spans {
		if g.Label != string(kind) {
			continue
		}
		exact.Marked++
		reached.Marked++
		hit := false
		for _, f := range found {
			if f.Kind != kind {
				continue
			}
			hit = hit || f.Start < g.End && g.Start < f.End
			if f.Start == g.Start && f.End == g.End {
				exact.Right++
			}
		}
		if hit {
			reached.Right++
		}
	}
	for _, f := range found {
		if f.Kind != kind {
			continue
		}
		exact.Found++
		touching.Found++
		for _, g := range e.Spans {
			if g.Label == string(kind) && f.Start < g.End && g.Start < f.End {
				touching.Right++
				break
			}
		}
	}
	return exact, reached, touching
}
