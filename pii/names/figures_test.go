package names_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/shareddata"
	"github.com/gallra/gallra/pii/names"
	"github.com/gallra/gallra/pii/names/train"
)

// The tests below hold the committed pack to what it reaches on text it was
// not trained on; each floor lies just below the figure reached.

func TestPersonsInNews(t *testing.T) {
	t.Parallel()
	m := load(t)
	test, err := train.News(shareddata.Path(t, "data/eval/swedish-ner-corpus/test_corpus.txt"))
	if err != nil {
		t.Fatal(err)
	}
	atLeast(t, "F1", train.Exact(m, test, gallra.CategoryPerson, "PER", 0.5).F1(), 0.92)
	atLeast(t, "lower-case F1", train.Exact(m, train.Lowered(test), gallra.CategoryPerson, "PER", 0.5).F1(), 0.87)
	atLeast(t, "type-blind recall", train.Blind(m, test, "PER", 0.5), 0.985)
}

func TestServiceMessages(t *testing.T) {
	t.Parallel()
	m := load(t)
	dev, err := train.Service(shareddata.Path(t, "data/corpus-dev/corpus.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var sv, rest []train.Example
	right := 0
	for _, e := range dev {
		if e.Lang == "sv" {
			sv = append(sv, e)
		} else {
			rest = append(rest, e)
		}
		if m.Detect(e.Text) == e.Lang {
			right++
		}
	}
	atLeast(t, "PERSON sv", train.Exact(m, sv, gallra.CategoryPerson, "PERSON", 0.5).F1(), 0.95)
	atLeast(t, "PERSON not sv", train.Exact(m, rest, gallra.CategoryPerson, "PERSON", 0.5).F1(), 0.95)
	address := train.Exact(m, dev, gallra.CategoryAddress, "ADDRESS", 0.5)
	atLeast(t, "ADDRESS precision", address.Precision(), 0.93)
	atLeast(t, "ADDRESS recall", address.Recall(), 0.91)
	atLeast(t, "language", float64(right)/float64(len(dev)), 0.98)
}

// TestFalsePersons counts names found in text that holds hardly any.
func TestFalsePersons(t *testing.T) {
	t.Parallel()
	m := load(t)
	words, persons := 0, 0
	for _, f := range []string{"swefaq_dev.jsonl", "swefaq_test.jsonl"} {
		raw, err := os.ReadFile(filepath.Join(shareddata.Path(t, "data/text/swefaq"), f))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(raw)) {
			var q struct {
				Question string
				Answers  []string `json:"candidate_answers"`
			}
			if err := json.Unmarshal([]byte(line), &q); err != nil {
				t.Fatal(err)
			}
			for _, text := range append(q.Answers, q.Question) {
				words += len(strings.Fields(text))
				for _, s := range m.Find(text, "sv", names.DefaultRecall) {
					if s.Kind == gallra.CategoryPerson {
						persons++
					}
				}
			}
		}
	}
	rate := float64(persons) / float64(words) * 1000
	t.Logf("%d persons in %d words: %.2f per 1,000", persons, words, rate)
	if words < 10000 || rate > 2 {
		t.Errorf("%.2f false persons per 1,000 of %d words", rate, words)
	}
}

func atLeast(t *testing.T, what string, got, floor float64) {
	t.Helper()
	t.Logf("%s %.3f", what, got)
	if got < floor {
		t.Errorf("%s %.3f, floor %.3f", what, got, floor)
	}
}

// TestSpecialKinds holds health and the other special kinds to their figures:
// the exact phrase, and the place whatever the borders.
func TestSpecialKinds(t *testing.T) {
	t.Parallel()
	m := load(t)
	dev, err := train.Service(shareddata.Path(t, "data/corpus-dev/corpus.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		kind                      gallra.Category
		exact, reached, precision float64
	}{
		{gallra.CategoryHealth, 0.44, 0.79, 0.84},
		{gallra.CategorySensitive, 0.40, 0.80, 0.80},
	} {
		atLeast(t, string(c.kind)+" F1", train.Exact(m, dev, c.kind, string(c.kind), 0.5).F1(), c.exact)
		found, right := train.Touched(m, dev, c.kind, string(c.kind), 0.5)
		atLeast(t, string(c.kind)+" touching recall", found.Recall(), c.reached)
		atLeast(t, string(c.kind)+" touching precision", right.Precision(), c.precision)
	}
}
