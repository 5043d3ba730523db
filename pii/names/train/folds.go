package train

import (
	"fmt"
	"io"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/pii/names"
)

// CrossValidate trains on all but one part of the customer-service messages
// and measures on that part, for each part in turn. show names a category
// whose errors are printed.
func (m *Material) CrossValidate(w io.Writer, folds, only int, o Settings, show string) error {
	total := map[string]map[gallra.Category]*Score{}
	kinds := []gallra.Category{gallra.CategoryPerson, gallra.CategoryAddress, gallra.CategoryPlace, gallra.CategoryHealth, gallra.CategorySensitive}
	add := func(lang string, k gallra.Category, s Score) {
		if total[lang] == nil {
			total[lang] = map[gallra.Category]*Score{}
			for _, k := range kinds {
				total[lang][k] = &Score{}
			}
		}
		total[lang][k].Add(s)
	}
	var cased, low Score
	blind, parts := 0.0, 0
	for part := range folds {
		if only > 0 && part >= only {
			break
		}
		var in, held, news []Example
		n := 0
		for i, e := range m.Examples {
			if e.News {
				if i/8%folds == part {
					news = append(news, e)
				} else {
					in = append(in, e)
				}
				continue
			}
			if n%folds == part {
				held = append(held, e)
			} else {
				in = append(in, e)
			}
			n++
		}
		file, err := (&Material{m.Lists, in}).Build(o)
		if err != nil {
			return err
		}
		model, err := names.Open(string(file))
		if err != nil {
			return err
		}
		cased.Add(Exact(model, news, gallra.CategoryPerson, "PER", names.DefaultRecall))
		low.Add(Exact(model, Lowered(news), gallra.CategoryPerson, "PER", names.DefaultRecall))
		blind += Blind(model, news, "PER", names.DefaultRecall)
		parts++
		if show == "NEWS" {
			for _, e := range news {
				ShowErrors(w, model, e, gallra.CategoryPerson, "PER")
			}
		}
		for _, k := range kinds {
			for _, e := range held {
				s := Exact(model, []Example{e}, k, string(k), names.DefaultRecall)
				add(e.Lang, k, s)
				if e.Lang != "sv" {
					add("not sv", k, s)
				}
				add("all", k, s)
				if show == string(k) {
					ShowErrors(w, model, e, k, string(k))
				}
			}
		}
	}
	fmt.Fprintf(w, "held out news PERSON %v\nheld out news lower case %v\nheld out news type-blind %.3f\n", cased, low, blind/float64(parts))
	for _, lang := range append(names.Languages(), "not sv", "all") {
		for _, k := range kinds {
			if t := total[lang]; t != nil {
				fmt.Fprintf(w, "held out %-6s %-9s %v\n", lang, k, t[k])
			}
		}
	}
	return nil
}

func ShowErrors(w io.Writer, m *names.Model, e Example, kind gallra.Category, label string) {
	printErrors(w, m.Find(e.Text, e.Lang, names.DefaultRecall), e, kind, label)
}

// printErrors prints what was found of a kind and is not marked so, and what is
// marked and was not found.
func printErrors(w io.Writer, found []names.Span, e Example, kind gallra.Category, label string) {
	want := map[[2]int]bool{}
	for _, g := range e.Spans {
		if g.Label == label {
			want[[2]int{g.Start, g.End}] = true
		}
	}
	context := func(a, b int) string {
		return fmt.Sprintf("%q [%q] %q", e.Text[max(0, a-30):a], e.Text[a:b], e.Text[b:min(len(e.Text), b+20)])
	}
	for _, f := range found {
		if f.Kind == kind {
			if !want[[2]int{f.Start, f.End}] {
				fmt.Fprintf(w, "+ %s %s %.2f %s %s\n", e.Lang, e.ID, f.Score, f.Rule, context(f.Start, f.End))
			}
			delete(want, [2]int{f.Start, f.End})
		}
	}
	for _, g := range e.Spans {
		if want[[2]int{g.Start, g.End}] {
			fmt.Fprintf(w, "- %s %s %s\n", e.Lang, e.ID, context(g.Start, g.End))
		}
	}
}
