package table

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// All is the label that a value has at the top of the hierarchies made here:
// nothing of it is left.
const All = "*"

// Hierarchy says what each value of a column becomes at each level. Level 0 is
// the value itself, and two values that share a label share all coarser ones.
type Hierarchy struct {
	levels []string
	paths  map[string][]string
}

// NewHierarchy returns the hierarchy whose rows are a value and its label at
// each following level, the form of ARX's hierarchy files. Without names the
// levels are numbered. It fails on rows of unequal length and on labels that do
// not nest.
func NewHierarchy(names []string, rows [][]string) (*Hierarchy, error) {
	if len(rows) == 0 {
		return nil, errors.New("table: a hierarchy without values")
	}
	h := &Hierarchy{levels: names, paths: make(map[string][]string, len(rows))}
	if h.levels == nil {
		for l := range rows[0] {
			h.levels = append(h.levels, strconv.Itoa(l))
		}
	}
	parents := make([]map[string]string, len(h.levels))
	for l := range parents {
		parents[l] = map[string]string{}
	}
	for r, row := range rows {
		if len(row) == 0 || len(row) != len(h.levels) {
			return nil, fmt.Errorf("table: row %d of a hierarchy has %d levels, not %d", r+1, len(row), len(h.levels))
		}
		for l := range len(row) - 1 {
			if p, ok := parents[l][row[l]]; ok && p != row[l+1] {
				return nil, fmt.Errorf("table: row %d of a hierarchy does not nest at level %q", r+1, h.levels[l+1])
			}
			parents[l][row[l]] = row[l+1]
		}
		h.paths[row[0]] = slices.Clone(row)
	}
	return h, nil
}

// Levels returns the levels' names, finest first.
func (h *Hierarchy) Levels() []string { return slices.Clone(h.levels) }

// Label returns what value is at a level; false when the hierarchy lacks it.
func (h *Hierarchy) Label(value string, level int) (string, bool) {
	p, ok := h.paths[value]
	if !ok || level < 0 || level >= len(p) {
		return "", false
	}
	return p[level], true
}

func (h *Hierarchy) has(value string) bool { _, ok := h.paths[value]; return ok }

// derive builds a hierarchy over values by a function that gives the labels
// above level 0. An empty value stays empty below the top: that it is unknown
// is itself a fact of the row.
func derive(levels []string, values []string, labels func(string) ([]string, error)) (*Hierarchy, error) {
	h := &Hierarchy{levels: levels, paths: map[string][]string{}}
	for r, v := range values {
		if h.has(v) {
			continue
		}
		path := make([]string, len(levels))
		path[0], path[len(path)-1] = v, All
		if v != "" {
			up, err := labels(v)
			if err != nil {
				return nil, fmt.Errorf("table: value %d of a hierarchy: %w", r+1, err)
			}
			copy(path[1:], up)
		}
		h.paths[v] = path
	}
	return h, nil
}

// Dates returns the hierarchy day, week, month, quarter, year, all over civil
// dates (values that begin with YYYY-MM-DD; a time of day is dropped at the
// level "day"). A week is an ISO 8601 week cut at the end of the month, so that
// the weeks nest and every month's count stays exact. The caller has turned
// instants into dates of the place where they count.
func Dates(values []string) (*Hierarchy, error) {
	instants := slices.ContainsFunc(values, func(v string) bool { return len(v) > len(time.DateOnly) })
	levels := []string{"day", "week", "month", "quarter", "year", "all"}
	if instants {
		levels = append([]string{"time"}, levels...)
	}
	return derive(levels, values, func(v string) ([]string, error) {
		d, err := date(v)
		if err != nil {
			return nil, err
		}
		year, week := d.ISOWeek()
		month := d.Format("2006-01")
		up := []string{fmt.Sprintf("%d-W%02d/%s", year, week, month), month, fmt.Sprintf("%d-Q%d", d.Year(), (int(d.Month())+2)/3), d.Format("2006")}
		if instants {
			up = append([]string{d.Format(time.DateOnly)}, up...)
		}
		return up, nil
	})
}

var errNoDate = errors.New("not a date")

func date(v string) (time.Time, error) {
	if len(v) > len(time.DateOnly) {
		if c := v[len(time.DateOnly)]; c != 'T' && c != ' ' {
			return time.Time{}, errNoDate
		}
		v = v[:len(time.DateOnly)]
	}
	d, err := time.Parse(time.DateOnly, v)
	if err != nil {
		return time.Time{}, errNoDate // the parser's own error quotes the value
	}
	return d, nil
}

// Numbers returns the hierarchy of whole numbers in ever wider bands: [0, 60)
// is "0-59". Each width must be a multiple of the one before.
func Numbers(values []string, widths ...int64) (*Hierarchy, error) {
	levels := []string{"exact"}
	for i, w := range widths {
		if w < 2 || i > 0 && (w <= widths[i-1] || w%widths[i-1] != 0) {
			return nil, fmt.Errorf("table: a band of %d is no multiple of the one before", w)
		}
		levels = append(levels, strconv.FormatInt(w, 10))
	}
	return derive(append(levels, "all"), values, func(v string) ([]string, error) {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n > math.MaxInt64/2 || n < math.MinInt64/2 {
			return nil, errors.New("not a whole number")
		}
		var up []string
		for _, w := range widths {
			from := n / w * w
			if n%w < 0 {
				from -= w
			}
			up = append(up, fmt.Sprintf("%d-%d", from, from+w-1))
		}
		return up, nil
	})
}

// Prefixes returns the hierarchy that keeps ever fewer leading characters of a
// code, such as 3 and 2 digits of a postcode (AN4). Lengths fall; spaces do not
// count, and a value is padded to the same length with "*".
func Prefixes(values []string, lengths ...int) (*Hierarchy, error) {
	levels := []string{"whole"}
	for i, n := range lengths {
		if n < 1 || i > 0 && n >= lengths[i-1] {
			return nil, errors.New("table: prefixes must grow shorter")
		}
		levels = append(levels, strconv.Itoa(n))
	}
	return derive(append(levels, "all"), values, func(v string) ([]string, error) {
		code := []rune(strings.ReplaceAll(v, " ", ""))
		var up []string
		for _, n := range lengths {
			if len(code) > n {
				code = slices.Clone(code)
				for i := n; i < len(code); i++ {
					code[i] = '*'
				}
			}
			up = append(up, string(code))
		}
		return up, nil
	})
}

// Categories returns the hierarchy value, merged, all: at the level "merged" the
// values that fewer than k rows have become one, called other, and the rarest
// of the rest with them until k rows share it.
func Categories(values []string, k int, other string) *Hierarchy {
	count := map[string]int{}
	for _, v := range values {
		count[v]++
	}
	order := make([]string, 0, len(count))
	for v := range count {
		order = append(order, v)
	}
	slices.SortFunc(order, func(a, b string) int {
		if count[a] != count[b] {
			return count[a] - count[b]
		}
		return strings.Compare(a, b)
	})
	merged, rows := map[string]bool{}, 0
	for _, v := range order {
		if count[v] >= k && (rows == 0 || rows >= k) {
			break
		}
		merged[v] = true
		rows += count[v]
	}
	h := &Hierarchy{levels: []string{"value", "merged", "all"}, paths: map[string][]string{}}
	for _, v := range order {
		label := v
		if merged[v] || v == other {
			label = other
		}
		h.paths[v] = []string{v, label, All}
	}
	return h
}

var postcode = regexp.MustCompile(`^[1-9][0-9]{2} ?[0-9]{2}$`)

// Infer returns a column over values with the hierarchy that suits them: Dates
// when all are dates, Prefixes of 3 and 2 when all are Swedish postcodes (written
// "114 55", or plainly in a column whose name says so), Numbers in bands of 10, 100 and so on when all are whole
// numbers of more than twelve kinds, otherwise Categories. An empty value
// decides nothing.
func Infer(name string, values []string, k int, other string) Column {
	kinds := map[string]bool{}
	dates, codes, numbers := true, true, true
	spaced := strings.Contains(strings.ToLower(name), "post") || strings.Contains(strings.ToLower(name), "zip")
	widest := int64(1)
	for _, v := range values {
		if v == "" || kinds[v] {
			continue
		}
		kinds[v] = true
		if _, err := date(v); err != nil {
			dates = false
		}
		codes = codes && postcode.MatchString(v)
		spaced = spaced || strings.Contains(v, " ")
		n, err := strconv.ParseInt(v, 10, 64)
		numbers = numbers && err == nil
		widest = max(widest, n, -n)
	}
	var h *Hierarchy
	var err error = errNoDate
	switch {
	case len(kinds) == 0:
	case dates:
		h, err = Dates(values)
	case codes && spaced:
		h, err = Prefixes(values, 3, 2)
	case numbers && len(kinds) > 12:
		var widths []int64
		for w := int64(10); w <= widest && len(widths) < 6; w *= 10 {
			widths = append(widths, w)
		}
		h, err = Numbers(values, widths...)
	}
	if err != nil {
		h = Categories(values, k, other)
	}
	return Column{Name: name, Hierarchy: h}
}

// Columns returns a column for each name as Infer finds it in rows, whose values
// stand in the order of names.
func Columns(names []string, rows [][]string, k int, other string) []Column {
	out := make([]Column, len(names))
	values := make([]string, len(rows))
	for c, name := range names {
		for r, row := range rows {
			values[r] = ""
			if c < len(row) {
				values[r] = row[c]
			}
		}
		out[c] = Infer(name, values, k, other)
	}
	return out
}
