package inventory

import (
	"time"
	_ "time/tzdata" // months are Swedish, also on a machine without a zone database

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

// FieldRule stands as the rule of a finding when the whole field is declared to
// hold the category (an e-mail column), so that no detector was asked.
const FieldRule = "field"

// Key names one line of the inventory.
type Key struct {
	Type, Field string
	Category    gallra.Category
	Rule        string
}

// Count is what the inventory says of one Key. It holds no value.
type Count struct {
	Findings       int64
	Records        int64 // each record once a field and category
	Oldest, Newest time.Time
}

// TypeCount is what the inventory says of one type.
type TypeCount struct {
	Kind           connector.Kind
	Records        int64
	Oldest, Newest time.Time
	Months         map[string]int64 // by month of creation, "2024-03"; "" unknown
	Skipped        map[string]int64 // places that could not be read, by reason
	Starts         map[Start]int64
}

// Start says when the time of some records begins to count: the event, and the
// month of it in Swedish time ("2024-03", "" unknown). Lacking are those that
// lack the event; their month is that of creation.
type Start struct {
	Event   gallra.StartEvent
	Lacking bool
	Month   string
}

func (c *TypeCount) start(rec gallra.Record) {
	for _, e := range gallra.StartEvents() {
		if e.Clock() != e {
			continue // counted from another event
		}
		t, ok := rec.Event(e)
		if !ok {
			t = rec.Created
		}
		s := Start{Event: e, Lacking: !ok}
		if !t.IsZero() {
			s.Month = t.In(stockholm).Format("2006-01")
		}
		c.Starts[s]++
	}
}

var stockholm = func() *time.Location {
	l, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		panic(err) // the zone database is embedded
	}
	return l
}()

// Tally is the inventory of one system, or of a part of it: counts and dates,
// never content (REQUIREMENTS X-1). The zero value is ready to use; it is not
// safe for concurrent use.
type Tally struct {
	Types  map[string]*TypeCount
	Counts map[Key]*Count
}

func (t *Tally) typ(name string, kind connector.Kind) *TypeCount {
	if t.Types == nil {
		t.Types = map[string]*TypeCount{}
	}
	c := t.Types[name]
	if c == nil {
		c = &TypeCount{Kind: kind, Months: map[string]int64{}, Skipped: map[string]int64{}, Starts: map[Start]int64{}}
		t.Types[name] = c
	}
	return c
}

func (t *Tally) count(k Key) *Count {
	if t.Counts == nil {
		t.Counts = map[Key]*Count{}
	}
	c := t.Counts[k]
	if c == nil {
		c = &Count{}
		t.Counts[k] = c
	}
	return c
}

// Merge adds what o counted to t.
func (t *Tally) Merge(o *Tally) {
	for name, oc := range o.Types {
		c := t.typ(name, oc.Kind)
		c.Records += oc.Records
		c.Oldest, c.Newest = earlier(c.Oldest, oc.Oldest), later(c.Newest, oc.Newest)
		for m, n := range oc.Months {
			c.Months[m] += n
		}
		for r, n := range oc.Skipped {
			c.Skipped[r] += n
		}
		for s, n := range oc.Starts {
			c.Starts[s] += n
		}
	}
	for k, oc := range o.Counts {
		c := t.count(k)
		c.Findings += oc.Findings
		c.Records += oc.Records
		c.Oldest, c.Newest = earlier(c.Oldest, oc.Oldest), later(c.Newest, oc.Newest)
	}
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
