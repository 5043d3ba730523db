// Package planted measures a detector on texts whose personal data is known
// because it was put there: made-up values of every structured kind, in the
// forms people write them, among numbers that look like them and are nobody's.
//
// It shares no code with the readers it measures: check digits are computed
// here in another way, country lengths and number plans are written down a
// second time. What both have wrong in the same way it cannot see.
package planted

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/pii"
)

// Options says what is planted.
type Options struct {
	Seed  uint64 // the same seed, the same texts
	Texts int    // how many of each kind
	// Official are Swedish numbers of twelve digits to plant beside those made
	// up: the Tax Agency's lists of test numbers.
	Official []string
}

// Text is one generated text with its planted value.
type Text struct {
	Lang, Body string
	Kind       string
	Category   gallra.Category
	Start, End int       // byte offsets of the value
	decoys     []decoyed // the numbers that are nobody's
}

type decoyed struct {
	name       string
	start, end int
	may        gallra.Category // what it may be taken for, if anything
}

// Each calls f with every text.
func Each(o Options, f func(Text)) {
	all := kinds(o.Official)
	for _, k := range all {
		r := rand.New(rand.NewPCG(o.Seed, hash(k.name)))
		langs := slices.Sorted(maps.Keys(k.in))
		for range o.Texts {
			f(compose(r, k, langs[r.IntN(len(langs))]))
		}
	}
}

// hash gives each kind numbers of its own, so that a new kind changes no other.
func hash(s string) (h uint64) {
	for _, c := range []byte(s) {
		h = h*1099511628211 + uint64(c)
	}
	return h
}

// compose makes a text: what is planted, two numbers that are nobody's and
// prose, in any order.
func compose(r *rand.Rand, k kind, lang string) Text {
	t := Text{Lang: lang, Kind: k.name, Category: k.category}
	var b strings.Builder
	parts := []int{0, 1, 1, 2}
	r.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	put := func(carrier, value string) (start, end int) {
		before, after, _ := strings.Cut(carrier, "{}")
		b.WriteString(before)
		start = b.Len()
		b.WriteString(value)
		end = b.Len()
		b.WriteString(after)
		return start, end
	}
	for i, p := range parts {
		if i > 0 {
			b.WriteString(pick(r, " ", " ", "\n"))
		}
		switch p {
		case 0:
			t.Start, t.End = put(pick(r, k.in[lang]...), k.value(r))
		case 1:
			d := decoys[r.IntN(len(decoys))]
			start, end := put(pick(r, d.in[lang]...), d.value(r))
			t.decoys = append(t.decoys, decoyed{d.name, start, end, d.may})
		case 2:
			b.WriteString(pick(r, prose[lang]...))
		}
	}
	t.Body = b.String()
	return t
}

func pick(r *rand.Rand, of ...string) string { return of[r.IntN(len(of))] }

// Score is what was found of one kind.
type Score struct {
	Kind     string          `json:"kind"`
	Category gallra.Category `json:"category"`
	Planted  int             `json:"planted"`
	Found    int             `json:"found"`   // with the right bounds and category
	Partly   int             `json:"partly"`  // the right category, other bounds
	Another  int             `json:"another"` // whole, as another category
	False    int             `json:"false"`   // what the rules that find this kind reported elsewhere
}

// Recall returns the share of what was planted that was found whole.
func (s Score) Recall() float64 { return share(s.Found, s.Planted) }

// Precision returns the share of right findings among all that the rules of
// this kind reported.
func (s Score) Precision() float64 { return share(s.Found, s.Found+s.False) }

func share(part, whole int) float64 {
	if whole == 0 {
		return 1
	}
	return float64(part) / float64(whole)
}

// Alarm counts false findings of one sort.
type Alarm struct {
	Category gallra.Category `json:"category"`
	Rule     string          `json:"rule"`
	In       string          `json:"in"` // the kind of number, planted or decoy, that was taken for it
	Count    int             `json:"count"`
}

// Report is the outcome of a measurement.
type Report struct {
	Kinds  []Score `json:"kinds"`
	Alarms []Alarm `json:"alarms"`
	Decoys int     `json:"decoys"` // numbers that were nobody's
}

// Run plants, searches with find, and counts. Names, places and what else has no
// form of its own is left out of the count: nothing of that is planted.
func Run(o Options, find func(text, lang string) []pii.Finding) Report {
	var report Report
	scores := map[string]*Score{}
	families := map[string]map[string]bool{} // rules by the kinds they find
	alarms := map[Alarm]int{}
	Each(o, func(t Text) {
		s := scores[t.Kind]
		if s == nil {
			s = &Score{Kind: t.Kind, Category: t.Category}
			scores[t.Kind] = s
			families[t.Kind] = map[string]bool{}
			report.Kinds = append(report.Kinds, Score{Kind: t.Kind})
		}
		s.Planted++
		report.Decoys += len(t.decoys)
		found, partly, another := false, false, false
		for _, f := range find(t.Body, t.Lang) {
			if !counted(f) {
				continue
			}
			whole := f.Start == t.Start && f.End == t.End
			switch {
			case whole && f.Category == t.Category:
				found = true
				families[t.Kind][family(f.Rule)] = true
			case f.Start < t.End && t.Start < f.End && f.Category == t.Category:
				partly = true
			case whole:
				another = true
				alarms[Alarm{Category: f.Category, Rule: f.Rule, In: t.Kind}]++
			default:
				in, allowed := t.at(f)
				if !allowed {
					alarms[Alarm{Category: f.Category, Rule: f.Rule, In: in}]++
				}
			}
		}
		switch {
		case found:
			s.Found++
		case partly:
			s.Partly++
		case another:
			s.Another++
		}
	})
	for a, n := range alarms {
		for kind, rules := range families {
			if rules[family(a.Rule)] && scores[kind].Category == a.Category {
				scores[kind].False += n
			}
		}
		a.Count = n
		report.Alarms = append(report.Alarms, a)
	}
	for i := range report.Kinds {
		report.Kinds[i] = *scores[report.Kinds[i].Kind]
	}
	slices.SortFunc(report.Alarms, func(a, b Alarm) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.In, b.In))
	})
	return report
}

// at returns the kind of number a finding stands in, and whether the finding may be.
func (t Text) at(f pii.Finding) (kind string, may bool) {
	if f.Start < t.End && t.Start < f.End {
		return t.Kind, false
	}
	for _, d := range t.decoys {
		if f.Start < d.end && d.start < f.End {
			return d.name, f.Category == d.may
		}
	}
	return "prose", false
}

// family returns the part of a rule's name that says what it looks for.
func family(rule string) string {
	name, _, _ := strings.Cut(rule, "/")
	return name
}

// counted reports whether a finding is of a kind that is planted.
func counted(f pii.Finding) bool {
	switch f.Category {
	case gallra.CategoryPerson, gallra.CategoryName, gallra.CategoryAddress, gallra.CategoryHealth, gallra.CategorySensitive:
		return false
	case gallra.CategoryPlace:
		return family(f.Rule) == "property"
	}
	return true
}

// Table writes the report: a line for each kind, and what was taken for
// something that it is not.
func (r Report) Table(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(tw, "kind\tcategory\tplanted\trecall\tprecision\tpartly\tas another\tfalse")
	for _, s := range r.Kinds {
		fmt.Fprintf(tw, "%s\t%s\t%d\t%.4f\t%.4f\t%d\t%d\t%d\n", s.Kind, s.Category, s.Planted, s.Recall(), s.Precision(), s.Partly, s.Another, s.False)
	}
	fmt.Fprintf(tw, "\nfalse findings (%d numbers that are nobody's)\n", r.Decoys)
	fmt.Fprintln(tw, "category\trule\tin\tcount")
	for _, a := range r.Alarms {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%d\n", a.Category, a.Rule, a.In, a.Count)
	}
	return tw.Flush()
}
