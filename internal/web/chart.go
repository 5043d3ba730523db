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
	Names  bool // the bars stand for things, not for a course of time
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

const barHeight = 72

// pitch is the width of a bar and its gap: few bars are wider, never fat; the
// style sheet shrinks what does not fit.
func pitch(bars int) (pitch, gap int) {
	switch {
	case bars <= 8:
		return 30, 6
	case bars <= 14:
		return 18, 4
	}
	return 14, 3
}

func (c Chart) bars(p *i18n.Printer) Bars {
	pitch, gap := pitch(len(c.Points))
	b := Bars{Chart: c, Width: max(len(c.Points), 1)*pitch - gap, Height: barHeight}
	for _, pt := range c.Points {
		b.Max = max(b.Max, pt.Value)
	}
	for i, pt := range c.Points {
		h := 0
		if pt.Value > 0 {
			h = max(2, int(pt.Value*(barHeight-2)/b.Max)) // something is never drawn as nothing
		}
		b.Bars = append(b.Bars, Bar{X: i * pitch, Y: barHeight - 1 - h, W: pitch - gap, H: h, Mark: pt.Mark, Label: p.Value(pt.Label), Value: pt.Value})
	}
	if len(b.Bars) > 0 && !c.Names {
		b.First, b.Last = b.Bars[0].Label, b.Bars[len(b.Bars)-1].Label
	}
	return b
}

// Part is the bar's length in hundredths of the longest; something is never
// drawn as nothing.
func (b Bar) Part(most int64) int64 {
	if b.Value <= 0 || most <= 0 {
		return 0
	}
	return max(1, b.Value*100/most)
}
