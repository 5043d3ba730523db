package train

import (
	"fmt"
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/pii/names"
)

// Score counts spans found, marked and right.
type Score struct{ Right, Found, Marked int }

// Add adds o to s.
func (s *Score) Add(o Score) { s.Right += o.Right; s.Found += o.Found; s.Marked += o.Marked }

// Precision returns the share of the found that is right.
func (s Score) Precision() float64 { return ratio(s.Right, s.Found) }

// Recall returns the share of the marked that was found.
func (s Score) Recall() float64 { return ratio(s.Right, s.Marked) }

// F1 returns the harmonic mean of precision and recall.
func (s Score) F1() float64 { return ratio(2*s.Right, s.Found+s.Marked) }

func (s Score) String() string {
	return fmt.Sprintf("P %.3f R %.3f F1 %.3f (%d marked)", s.Precision(), s.Recall(), s.F1(), s.Marked)
}

func ratio(a, b int) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// Exact compares spans of one kind: offsets must agree.
func Exact(m *names.Model, examples []Example, kind gallra.Category, label string, recall float64) (s Score) {
	for _, e := range examples {
		want := map[[2]int]bool{}
		for _, g := range e.Spans {
			if g.Label == label {
				want[[2]int{g.Start, g.End}] = true
			}
		}
		s.Marked += len(want)
		for _, f := range m.Find(e.Text, e.Lang, recall) {
			if f.Kind == kind {
				s.Found++
				if want[[2]int{f.Start, f.End}] {
					s.Right++
				}
			}
		}
	}
	return s
}

// Touched counts the spans of one kind that share a character with a finding
// of it, and the findings that share one with a span: right when the place is,
// whatever the borders.
func Touched(m *names.Model, examples []Example, kind gallra.Category, label string, recall float64) (found, right Score) {
	for _, e := range examples {
		spans := m.Find(e.Text, e.Lang, recall)
		for _, g := range e.Spans {
			if g.Label != label {
				continue
			}
			found.Marked++
			for _, f := range spans {
				if f.Kind == kind && f.Start < g.End && g.Start < f.End {
					found.Right++
					break
				}
			}
		}
		for _, f := range spans {
			if f.Kind != kind {
				continue
			}
			right.Found++
			for _, g := range e.Spans {
				if g.Label == label && f.Start < g.End && g.Start < f.End {
					right.Right++
					break
				}
			}
		}
	}
	return found, right
}

// Blind returns the share of the words in spans of label that lie in a finding
// of whatever kind.
func Blind(m *names.Model, examples []Example, label string, recall float64) float64 {
	in, all := 0, 0
	for _, e := range examples {
		found := m.Find(e.Text, e.Lang, recall)
		for _, g := range e.Spans {
			if g.Label != label {
				continue
			}
			for at := g.Start; at < g.End; {
				n := strings.IndexByte(e.Text[at:g.End], ' ')
				if n < 0 {
					n = g.End - at
				}
				all++
				for _, f := range found {
					if f.Start <= at && f.End >= at+n {
						in++
						break
					}
				}
				at += n + 1
			}
		}
	}
	return ratio(in, all)
}

// Lowered returns the examples in lower case.
func Lowered(examples []Example) []Example {
	out := make([]Example, len(examples))
	for i, e := range examples {
		out[i] = lowered(e, strings.ToLower)
	}
	return out
}
