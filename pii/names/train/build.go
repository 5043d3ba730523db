package train

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/pii/names"
	"github.com/gallra/gallra/pii/names/internal/pack"
)

// Material is what a pack is made from.
type Material struct {
	Lists    *Lists
	Examples []Example
}

// Read reads the training material below the data folder.
func Read(data string) (*Material, error) {
	l, err := ReadLists(data)
	if err != nil {
		return nil, err
	}
	news, err := News(filepath.Join(data, "eval/swedish-ner-corpus/train_corpus.txt"))
	if err != nil {
		return nil, err
	}
	service, err := Service(filepath.Join(data, "corpus-train/corpus.jsonl"))
	if err != nil {
		return nil, err
	}
	return &Material{l, append(news, service...)}, nil
}

// Build makes the pack file from the material.
func (m *Material) Build(o Settings) ([]byte, error) {
	s, err := Tagger(m.Lists, m.Examples, o)
	if err != nil {
		return nil, err
	}
	s[names.SectionPostal] = m.Lists.Postal()
	s[names.SectionDetect] = Languages(m.Examples)
	return m.homed(s, o)
}

// homed returns the pack of the sections and of what can be learned only from
// what they find.
func (m *Material) homed(s pack.Sections, o Settings) ([]byte, error) {
	model, err := names.Open(string(pack.Encode(s)))
	if err != nil {
		return nil, err
	}
	s[names.SectionHome] = Homes(model, m.Examples, o.Seed)
	return pack.Encode(s), nil
}

// Report writes the figures of a model on the measuring sets below the data folder.
func Report(w io.Writer, m *names.Model, data string) error {
	test, err := News(filepath.Join(data, "eval/swedish-ner-corpus/test_corpus.txt"))
	if err != nil {
		return err
	}
	dev, err := Service(filepath.Join(data, "corpus-dev/corpus.jsonl"))
	if err != nil {
		return err
	}
	for _, dial := range []float64{0.5, 0.7, 0.9} {
		fmt.Fprintf(w, "swedish-ner test        dial %.1f  PERSON  %v  type-blind %.3f\n", dial,
			Exact(m, test, gallra.CategoryPerson, "PER", dial), Blind(m, test, "PER", dial))
	}
	fmt.Fprintf(w, "swedish-ner lower case  dial 0.5  PERSON  %v\n", Exact(m, Lowered(test), gallra.CategoryPerson, "PER", 0.5))
	Messages(w, m, dev)
	return nil
}

// Messages writes the figures on customer-service messages by language.
func Messages(w io.Writer, m *names.Model, dev []Example) {
	for _, kind := range []gallra.Category{gallra.CategoryPerson, gallra.CategoryAddress, gallra.CategoryPlace, gallra.CategoryHealth, gallra.CategorySensitive} {
		var all, other Score
		for _, lang := range names.Languages() {
			var part []Example
			for _, e := range dev {
				if e.Lang == lang {
					part = append(part, e)
				}
			}
			s := Exact(m, part, kind, string(kind), names.DefaultRecall)
			all.Add(s)
			if lang != "sv" {
				other.Add(s)
			}
			fmt.Fprintf(w, "service %-9s %s  %v\n", kind, lang, s)
		}
		f, r := Touched(m, dev, kind, string(kind), names.DefaultRecall)
		fmt.Fprintf(w, "service %-9s touched: recall %.3f precision %.3f\n", kind, f.Recall(), r.Precision())
		fmt.Fprintf(w, "service %-9s not sv %v\nservice %-9s all %v\n", kind, other, kind, all)
	}
	right := 0
	for _, e := range dev {
		if m.Detect(e.Text) == e.Lang {
			right++
		}
	}
	fmt.Fprintf(w, "service language  %d of %d right\n", right, len(dev))
}
