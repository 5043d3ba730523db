package pii_test

import (
	"regexp"
	"strings"
	"testing"

	bench "github.com/gallra/gallra/bench/pii"
	"github.com/gallra/gallra/pii"
	"github.com/gallra/gallra/pii/ident"
	"github.com/gallra/gallra/pii/pattern"
	"github.com/gallra/gallra/pii/scan"

	"github.com/gallra/gallra"
)

const size = 8 << 20

var tickets = bench.Tickets(size, 1)

func bytesOf(ts []string) (n int64) {
	for _, t := range ts {
		n += int64(len(t))
	}
	return n
}

// Structured kinds alone, ticket by ticket.
func BenchmarkStructured(b *testing.B) {
	s := scan.New("", 0.5)
	var spans []scan.Span
	b.SetBytes(bytesOf(tickets))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n = 0
		for _, t := range tickets {
			spans = s.Append(spans[:0], t)
			n += len(spans)
		}
	}
	b.ReportMetric(float64(n), "findings")
}

// The same in one text, as an archive is read.
func BenchmarkStructuredOneText(b *testing.B) {
	s := scan.New("", 0.5)
	var spans []scan.Span
	text := strings.Join(tickets, "\n")
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		spans = s.Append(spans[:0], text)
	}
	b.ReportMetric(float64(len(spans)), "findings")
}

// Text without anything to find: the floor of the walk.
func BenchmarkStructuredProse(b *testing.B) {
	s := scan.New("", 0.5)
	text := strings.Repeat("Hej, jag undrar över min senaste räkning som kom i förra veckan. Kan ni återkomma så snart som möjligt? ", 20000)
	b.SetBytes(int64(len(text)))
	var spans []scan.Span
	for b.Loop() {
		spans = s.Append(spans[:0], text)
	}
}

func BenchmarkEverything(b *testing.B) {
	e, err := pii.New(pii.Options{})
	if err != nil {
		b.Fatal(err)
	}
	some := tickets[:len(tickets)/8]
	var fs []pii.Finding
	b.SetBytes(bytesOf(some))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n = 0
		for _, t := range some {
			fs = e.Append(fs[:0], t)
			n += len(fs)
		}
	}
	b.ReportMetric(float64(n), "findings")
}

func BenchmarkKnown(b *testing.B) {
	m := ident.New([]gallra.Identifier{
		{Kind: gallra.IdentName, Value: "Åsa Lindqvist"}, {Kind: gallra.IdentPhone, Value: "070-174 06 71"},
		{Kind: gallra.IdentPersonnummer, Value: "19850822-9914"}, {Kind: gallra.IdentEmail, Value: "anna.berg7@example.se"},
	})
	some := tickets[:len(tickets)/8]
	b.SetBytes(bytesOf(some))
	b.ReportAllocs()
	for b.Loop() {
		for _, t := range some {
			m.Find(t)
		}
	}
}

func BenchmarkRegexpUnion(b *testing.B) {
	re := regexp.MustCompile(strings.Join(bench.Patterns, "|"))
	some := tickets[:len(tickets)/32]
	b.SetBytes(bytesOf(some))
	for b.Loop() {
		for _, t := range some {
			re.FindAllStringIndex(t, -1)
		}
	}
}

// customPatterns are what installations define: numbers with a prefix of their
// own, with a shape of their own, and one that is all digits.
var customPatterns = []pii.Pattern{
	{Name: "customer", Expr: `KND-\d{6}`, Category: gallra.CategoryCustomerID},
	{Name: "contract", Expr: `\bAV\d{8}\b`, Category: gallra.CategoryCustomerID},
	{Name: "meter", Expr: `\b[A-Z]{2}-\d{5}-[A-Z]\b`, Category: gallra.CategoryCustomerID},
	{Name: "case", Expr: `\b20\d{2}/\d{4,6}\b`, Category: gallra.CategoryCustomerID},
	{Name: "plain", Expr: `\b9\d{8}\b`, Category: gallra.CategoryCustomerID},
}

// An installation's own patterns, each by itself and all of them together, as
// the engine runs them; and each as Go's regexp would.
func BenchmarkOwnPatterns(b *testing.B) {
	some := tickets[:len(tickets)/8]
	var exprs []string
	run := func(name string, find func(text string)) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(bytesOf(some))
			for b.Loop() {
				for _, t := range some {
					find(t)
				}
			}
		})
	}
	set := func(exprs ...string) func(string) {
		s, _, err := pattern.Compile(exprs)
		if err != nil {
			b.Fatal(err)
		}
		var dst []pattern.Match
		return func(text string) { dst = s.Append(dst[:0], text) }
	}
	for _, p := range customPatterns {
		exprs = append(exprs, p.Expr)
		run(p.Name, set(p.Expr))
		re := regexp.MustCompile(p.Expr)
		run(p.Name+"/regexp", func(text string) { re.FindAllStringIndex(text, -1) })
	}
	run("all", set(exprs...))
	run("all/frequent", set(append(exprs, `\b\d{3}\b`)...)) // every second ticket holds some
}
