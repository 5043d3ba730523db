// Package statistics keeps the figures of customer service right when the
// records they come from go: volume by day, channel, queue and category, first
// response and solve time, rating (REQUIREMENTS S46). Before a record is erased
// its share is added to counts, in the same transaction; a report adds the
// counts of what is gone to those of what is live, and is equal before and
// after to the byte.
//
// There is no row for a person: days are counted by one dimension at a time,
// combinations of dimensions by month only, durations as histograms.
package statistics

import (
	"bytes"
	"cmp"
	"compress/flate"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

// SmallCell is the size below which a cell may point somebody out; reports say
// how many there are (REQUIREMENTS 7.4).
const SmallCell = 5

// SolveSeconds is the measure made of a record's own times: creation to close.
const SolveSeconds = "solve_seconds"

// Unknown stands for a day that is not known.
const Unknown = math.MinInt32

// Schema says which fields of a type are counted, and how.
type Schema struct {
	System     gallra.SystemID `json:"system"`
	Type       string          `json:"type"`
	Dimensions []string        `json:"dimensions"` // fields whose values are groups: queue, channel, category
	Measures   []string        `json:"measures"`   // fields that are numbers: rating, first_response_seconds
	Solve      bool            `json:"solve"`      // SolveSeconds is one of the measures, made of the record's times
}

// measureWords mark a Keep field as a number; any other is a group.
var measureWords = []string{"seconds", "minutes", "hours", "duration", "rating", "csat", "score", "replies", "reopen", "_count", "_time"}

func measured(field string) bool {
	field = strings.ToLower(field)
	return slices.ContainsFunc(measureWords, func(w string) bool { return strings.Contains(field, w) }) ||
		slices.ContainsFunc([]string{"_s", "_ms", "_min", "_h", moment}, func(unit string) bool { return strings.HasSuffix(field, unit) })
}

// moment ends the name of a field that holds a point in time. It is counted as
// the time from the record's creation, in seconds: as a group, it would be a
// value for each record, which points somebody out.
const moment = "_at"

// moments are the forms in which systems write a point in time.
var moments = []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999-07:00", "2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999", time.DateOnly}

// sinceCreation returns what a field of that name counts for, in thousandths.
func sinceCreation(r gallra.Record, value string) (int64, bool) {
	for _, form := range moments {
		if t, err := time.ParseInLocation(form, strings.TrimSpace(value), time.UTC); err == nil && !r.Created.IsZero() {
			return t.Unix()*1000 - r.Created.Unix()*1000, true
		}
	}
	return 0, false
}

// SchemaOf derives the schema of a type from its statistics fields
// (FieldInfo.Keep), in the order of their names.
func SchemaOf(system gallra.SystemID, t connector.Type) Schema {
	s := Schema{System: system, Type: t.Name, Solve: slices.Contains(t.Starts, gallra.StartClosed)}
	for _, f := range t.Fields {
		if !f.Keep {
			continue
		}
		if measured(f.Name) {
			s.Measures = append(s.Measures, f.Name)
		} else {
			s.Dimensions = append(s.Dimensions, f.Name)
		}
	}
	slices.Sort(s.Dimensions)
	slices.Sort(s.Measures)
	if s.Solve && !slices.Contains(s.Measures, SolveSeconds) {
		s.Measures = append(s.Measures, SolveSeconds)
	} else {
		s.Solve = false
	}
	return s
}

// Fact is one record's share of the statistics.
type Fact struct {
	Day    int32   // of creation, in days since 1970 in the report's time zone; Unknown
	Cell   string  // the record's groups
	Values []int64 // of the schema's measures, in thousandths; Missing
}

// Missing stands for a measure the record lacks.
const Missing = math.MinInt64

// separator stands between the groups of a cell.
const separator = "\x1f"

// Fact returns r's share, days counted in loc.
func (s Schema) Fact(r gallra.Record, loc *time.Location) Fact {
	f := Fact{Day: Unknown, Values: make([]int64, len(s.Measures))}
	if !r.Created.IsZero() {
		f.Day = dayOf(r.Created.In(loc))
	}
	var b strings.Builder
	for i, d := range s.Dimensions {
		v, _ := r.Field(d)
		if i > 0 {
			b.WriteString(separator)
		}
		b.WriteString(d)
		b.WriteByte('=')
		b.WriteString(strings.ReplaceAll(strings.ToValidUTF8(v, "\ufffd"), separator, " "))
	}
	f.Cell = b.String()
	for i, m := range s.Measures {
		f.Values[i] = Missing
		if m == SolveSeconds && s.Solve {
			if !r.Created.IsZero() && !r.Closed.IsZero() {
				f.Values[i] = r.Closed.Unix()*1000 - r.Created.Unix()*1000
			}
			continue
		}
		if v, ok := r.Field(m); ok {
			if strings.HasSuffix(strings.ToLower(m), moment) {
				if x, ok := sinceCreation(r, v); ok {
					f.Values[i] = x
				}
				continue
			}
			if x, err := strconv.ParseFloat(strings.Replace(strings.TrimSpace(v), ",", ".", 1), 64); err == nil && math.Abs(x) < 1e15 {
				f.Values[i] = int64(math.Round(x * 1000))
			}
		}
	}
	return f
}

func dayOf(t time.Time) int32 {
	y, m, d := t.Date()
	return int32(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

func dayName(d int32) string {
	if d == Unknown {
		return ""
	}
	return time.Unix(int64(d)*86400, 0).UTC().Format(time.DateOnly)
}

func monthName(d int32) string { return dayName(d)[:min(7, len(dayName(d)))] }

// Cells is the counts of one type of one system. It is not safe for concurrent use.
type Cells struct {
	System gallra.SystemID
	Type   string
	days   map[dayKey]int64
	months map[monthKey]*cell
	names  map[int32]string // month of a day, remembered
	groups map[string][]string
}

type dayKey struct {
	day   int32
	group string // "queue=Bygg"; "" counts every record
}

type monthKey struct{ month, cell string }

type cell struct {
	n        int64
	measures map[string]*Histogram
}

// Histogram counts the values of a measure. Sum is exact. Buckets are half a unit
// wide up to 100 and up to 25 % wide above: quantiles are read to that precision.
type Histogram struct {
	N       int64           `json:"n"`
	Sum     int64           `json:"sum"` // thousandths
	Buckets map[int16]int64 `json:"buckets"`
}

// NewCells returns empty counts.
func NewCells(system gallra.SystemID, typ string) *Cells {
	return &Cells{System: system, Type: typ, days: map[dayKey]int64{}, months: map[monthKey]*cell{}, names: map[int32]string{}, groups: map[string][]string{}}
}

// Add counts one record.
func (c *Cells) Add(s Schema, f Fact) {
	c.days[dayKey{f.Day, ""}]++
	groups, ok := c.groups[f.Cell]
	if !ok && f.Cell != "" {
		groups = strings.Split(f.Cell, separator)
		c.groups[f.Cell] = groups
	}
	for _, g := range groups {
		c.days[dayKey{f.Day, g}]++
	}
	m, ok := c.names[f.Day]
	if !ok {
		m = monthName(f.Day)
		c.names[f.Day] = m
	}
	x := c.cell(monthKey{m, f.Cell})
	x.n++
	for i, v := range f.Values {
		if v != Missing {
			x.measure(s.Measures[i]).add(v)
		}
	}
}

func (c *Cells) cell(k monthKey) *cell {
	x := c.months[k]
	if x == nil {
		x = &cell{measures: map[string]*Histogram{}}
		c.months[k] = x
	}
	return x
}

func (x *cell) measure(name string) *Histogram {
	h := x.measures[name]
	if h == nil {
		h = &Histogram{Buckets: map[int16]int64{}}
		x.measures[name] = h
	}
	return h
}

func (h *Histogram) add(v int64) {
	h.N++
	h.Sum += v
	h.Buckets[bucket(v)]++
}

func (h *Histogram) merge(o *Histogram) {
	h.N += o.N
	h.Sum += o.Sum
	for b, n := range o.Buckets {
		h.Buckets[b] += n
	}
}

// Values below fine are counted in halves, so that ratings are exact; above it
// each doubling is cut in four.
const (
	fine  = 100_000 // thousandths
	half  = 500
	exact = fine / half // buckets below fine
)

func bucket(v int64) int16 {
	if v < fine {
		return int16(max(v, 0) / half)
	}
	e := bits.Len64(uint64(v)) - 1
	return int16(exact + e*4 + int(v>>(e-2)&3))
}

// floor returns the least value of bucket b.
func floor(b int16) int64 {
	if b < exact {
		return int64(b) * half
	}
	e, quarter := (b-exact)/4, int64(b-exact)%4
	return 1<<e + quarter<<(e-2)
}

// Merge adds o's counts to c.
func (c *Cells) Merge(o *Cells) {
	for k, n := range o.days {
		c.days[k] += n
	}
	for k, x := range o.months {
		y := c.cell(k)
		y.n += x.n
		for name, h := range x.measures {
			y.measure(name).merge(h)
		}
	}
	c.prune()
}

// Groups returns the groups of f, each as "dimension=value".
func Groups(f Fact) []string {
	if f.Cell == "" {
		return nil
	}
	return strings.Split(f.Cell, separator)
}

// MonthOf returns the month of f as YYYY-MM; "" unknown.
func MonthOf(f Fact) string { return monthName(f.Day) }

// Change is what a record's statistics were and what they are.
type Change struct{ Was, Is Fact }

// Replace counts that live records show now what they did not: Was is added to
// c and Is taken off, so that c and the live records together still give Was.
func (c *Cells) Replace(s Schema, changes ...Change) {
	minus := NewCells(c.System, c.Type)
	for _, x := range changes {
		minus.Add(s, x.Is)
		c.Add(s, x.Was)
	}
	for k, n := range minus.days {
		c.days[k] -= n
	}
	for k, x := range minus.months {
		y := c.cell(k)
		y.n -= x.n
		for name, h := range x.measures {
			z := y.measure(name)
			z.N, z.Sum = z.N-h.N, z.Sum-h.Sum
			for b, n := range h.Buckets {
				z.Buckets[b] -= n
			}
		}
	}
	c.prune()
}

// prune drops what counts nothing, so that equal counts have equal bytes.
func (c *Cells) prune() {
	maps.DeleteFunc(c.days, func(_ dayKey, n int64) bool { return n == 0 })
	for k, x := range c.months {
		for name, h := range x.measures {
			maps.DeleteFunc(h.Buckets, func(_ int16, n int64) bool { return n == 0 })
			if h.N == 0 && h.Sum == 0 && len(h.Buckets) == 0 {
				delete(x.measures, name)
			}
		}
		if x.n == 0 && len(x.measures) == 0 {
			delete(c.months, k)
		}
	}
}

// Records returns how many records are counted.
func (c *Cells) Records() (n int64) {
	for k, v := range c.days {
		if k.group == "" {
			n += v
		}
	}
	return n
}

// Small returns how many cells stand for fewer than SmallCell records.
func (c *Cells) Small() (n int64) {
	for _, x := range c.months {
		if x.n < SmallCell {
			n++
		}
	}
	return n
}

// Size returns the number of records in the month and groups of f: how many
// share its statistics fields.
func (c *Cells) Size(f Fact) int64 {
	if x := c.months[monthKey{monthName(f.Day), f.Cell}]; x != nil {
		return x.n
	}
	return 0
}

// wire is the canonical JSON form of Cells: everything sorted.
type wire struct {
	System gallra.SystemID `json:"system"`
	Type   string          `json:"type"`
	Days   []wireDay       `json:"days"`
	Months []wireMonth     `json:"months"`
}

type wireDay struct {
	Day   int32  `json:"d"`
	Group string `json:"g,omitempty"`
	N     int64  `json:"n"`
}

type wireMonth struct {
	Month    string                `json:"m"`
	Cell     string                `json:"c,omitempty"`
	N        int64                 `json:"n"`
	Measures map[string]*Histogram `json:"v,omitempty"`
}

// MarshalJSON writes c in one canonical form: equal counts give equal bytes.
func (c *Cells) MarshalJSON() ([]byte, error) {
	w := wire{System: c.System, Type: c.Type, Days: []wireDay{}, Months: []wireMonth{}}
	for k, n := range c.days {
		w.Days = append(w.Days, wireDay{k.day, k.group, n})
	}
	slices.SortFunc(w.Days, func(a, b wireDay) int { return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Group, b.Group)) })
	for k, x := range c.months {
		w.Months = append(w.Months, wireMonth{k.month, k.cell, x.n, x.measures})
	}
	slices.SortFunc(w.Months, func(a, b wireMonth) int { return cmp.Or(cmp.Compare(a.Month, b.Month), cmp.Compare(a.Cell, b.Cell)) })
	return json.Marshal(w)
}

// UnmarshalJSON is the inverse of MarshalJSON.
func (c *Cells) UnmarshalJSON(b []byte) error {
	var w wire
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	*c = *NewCells(w.System, w.Type)
	for _, d := range w.Days {
		c.days[dayKey{d.Day, d.Group}] += d.N
	}
	for _, m := range w.Months {
		x := c.cell(monthKey{m.Month, m.Cell})
		x.n += m.N
		for name, h := range m.Measures {
			x.measure(name).merge(h)
		}
	}
	return nil
}

// Encode returns c compressed, for the store.
func (c *Cells) Encode() ([]byte, error) {
	b, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("statistics: encode: %w", err)
	}
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestSpeed)
	if err != nil {
		return nil, fmt.Errorf("statistics: encode: %w", err)
	}
	if _, err = w.Write(b); err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("statistics: encode: %w", err)
	}
	return out.Bytes(), nil
}

// Decode is the inverse of Encode.
func Decode(b []byte) (*Cells, error) {
	raw, err := io.ReadAll(flate.NewReader(bytes.NewReader(b)))
	if err != nil {
		return nil, fmt.Errorf("statistics: decode: %w", err)
	}
	c := &Cells{}
	if err := json.Unmarshal(raw, c); err != nil {
		return nil, fmt.Errorf("statistics: decode: %w", err)
	}
	return c, nil
}

// quantile returns the least value of the bucket that holds the q-th part.
func (h *Histogram) quantile(q float64) int64 {
	want := int64(math.Ceil(q * float64(h.N)))
	for _, b := range slices.Sorted(maps.Keys(h.Buckets)) {
		if want -= h.Buckets[b]; want <= 0 {
			return floor(b)
		}
	}
	return 0
}
