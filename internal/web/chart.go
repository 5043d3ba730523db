package web

import (
	"github.com/gallra/gallra/internal/i18n"
)

// Chart is a row of bars with a name, a description and a table of the same
// numbers, so that nobody needs to see the picture (UX, Patterns).
type Chart struct {
	ID     string // unique on the page
	Title  i18n.Message
	Desc   i18n.Message
	Label  i18n.Message // what the first column of the table is: month, system
	Unit   i18n.Message // what the second is: records, cases
	Points []Point
}

// Point is one bar.
type Point struct {
	Label any // i18n.Month, i18n.Message or string
	Value int64
	Mark  bool // past its date: drawn as the thing to look at
}

// Empty reports whether there is nothing to draw.
func (c Chart) Empty() bool {
	for _, p := range c.Points {
		if p.Value != 0 {
			return false
		}
	}
	return true
}

// Bars is a chart in the units of its drawing.
type Bars struct {
	Chart
	Width, Height int
	Bars          []Bar
	First, Last   string
	Max           int64
}

// Bar is one bar in the units of the drawing.
type Bar struct {
	X, Y, W, H int
	Mark       bool
	Label      string
	Value      int64
}

// The drawing is as wide as it is for twelve months and grows with more bars;
// the style sheet scales it.
const (
	barPitch  = 20
	barGap    = 4
	barHeight = 64
)

func (c Chart) bars(p *i18n.Printer) Bars {
	b := Bars{Chart: c, Width: max(len(c.Points), 1)*barPitch - barGap, Height: barHeight}
	for _, pt := range c.Points {
		b.Max = max(b.Max, pt.Value)
	}
	for i, pt := range c.Points {
		h := 0
		if pt.Value > 0 {
			h = max(2, int(pt.Value*(barHeight-2)/b.Max)) // something is never drawn as nothing
		}
		b.Bars = append(b.Bars, Bar{X: i * barPitch, Y: barHeight - 1 - h, W: barPitch - barGap, H: h, Mark: pt.Mark, Label: p.Value(pt.Label), Value: pt.Value})
	}
	if len(b.Bars) > 0 {
		b.First, b.Last = b.Bars[0].Label, b.Bars[len(b.Bars)-1].Label
	}
	return b
}
