package retention

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/anonymise"
	"github.com/gallra/gallra/anonymise/table"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/statistics"
)

// Anonymity is what the assessment of an anonymisation (D14) says of singling
// out (AN4): how many records share what is left of each. It holds names of
// fields and counts, no value.
type Anonymity struct {
	Records  int64            `json:"records"`           // anonymised, and looked at afterwards
	Wanted   int64            `json:"wanted"`            // the k that was to be reached
	Smallest int64            `json:"smallest"`          // k: records in the smallest cell, as they are now
	Cells    int64            `json:"cells"`             // combinations of what is left
	Small    int64            `json:"small"`             // records in cells below the wanted k
	Exact    int64            `json:"exact,omitempty"`   // records told from all others by an exact time; among Small
	Coarser  map[string]int64 `json:"coarser,omitempty"` // records whose field was made coarser, by field
	Risk     float64          `json:"risk"`              // of the record easiest to point out: 1 of Smallest
	Average  float64          `json:"average"`           // of a record: cells of records
}

// otherLabel stands for values that were too rare to stay, in the language of
// replacements.
func (e *Engine) otherLabel() string {
	if e.Lang == "en" {
		return "other"
	}
	return "övrigt"
}

// group is the month and the fields that stay as they are: cells are merged
// within it only, for neither the day a record was made nor another rule's field
// can be changed.
type group struct{ month, fixed string }

// coarsening is what a unit's rare combinations become.
type coarsening struct {
	fields []string                    // that may be made coarser, in the schema's order
	change map[group]map[string]string // rare cell to the cell it becomes
}

// coarsen makes the kept fields that its rules name coarser where too few of a
// unit's anonymised records share them, so that at least anonymise.K do
// (REQUIREMENTS AN4). The statistics keep the finer figures: what they lose in
// the system is added to what is gone, in the same transaction.
func (r *running) coarsen(ctx context.Context) error {
	if stopped, err := r.Stopped(ctx); err != nil {
		return err
	} else if stopped {
		return r.refuse(ctx, errAllStopped)
	}
	for until := time.Now().Add(r.budget()); r.at.Unit < len(r.plan.units); {
		done, err := r.coarsenUnit(ctx, until)
		if err != nil || !done {
			return err
		}
		r.at = runCursor{Phase: phaseCoarsen, Unit: r.at.Unit + 1}
		if err := r.save(ctx); err != nil {
			return err
		}
	}
	r.at = runCursor{Phase: phaseAfter}
	return r.save(ctx)
}

// coarsens reports whether a run has anything to make coarser.
func (r *running) coarsens() bool {
	return slices.ContainsFunc(r.plan.Rules, func(u gallra.Rule) bool { return len(u.Coarsen) > 0 && u.Action == gallra.ActionAnonymise })
}

// coarsenUnit does a unit, batch by batch from where it stands; false when the
// time is up.
func (r *running) coarsenUnit(ctx context.Context, until time.Time) (bool, error) {
	n := r.at.Unit
	c, err := r.coarsening(ctx, n)
	if err != nil || len(c.change) == 0 {
		return true, err
	}
	skipped, err := r.exceptions(ctx, n)
	if err != nil {
		return false, err
	}
	for _, b := range r.batches {
		if b.unit != n || b.n < r.at.Batch || r.plan.Rules[b.rule].Action != gallra.ActionAnonymise || len(r.plan.Rules[b.rule].Coarsen) == 0 {
			continue
		}
		_, items, err := r.blob(ctx, r.DB, b.n)
		if err != nil {
			return false, err
		}
		var rare []item
		for _, i := range items[:b.position] {
			if g, key := c.split(i.fact); !skipped[i.id] && c.change[g][key] != "" {
				rare = append(rare, i)
			}
		}
		if err := r.coarsenItems(ctx, n, b, c, rare); err != nil {
			return false, err
		}
		r.at.Batch = b.n + 1
		if err := r.save(ctx); err != nil {
			return false, err
		}
		if time.Now().After(until) {
			return false, nil
		}
	}
	return true, nil
}

// coarsening counts the unit's anonymised records as the plan saw them and
// decides what the rare ones become. It is the same however often it is asked.
func (r *running) coarsening(ctx context.Context, n int) (coarsening, error) {
	u := r.plan.units[n]
	c := coarsening{change: map[group]map[string]string{}}
	for _, d := range u.Schema.Dimensions {
		if slices.ContainsFunc(u.Rules, func(i int) bool { return slices.Contains(r.plan.Rules[i].Coarsen, d) }) {
			c.fields = append(c.fields, d)
		}
	}
	if len(c.fields) == 0 {
		return c, nil
	}
	skipped, err := r.exceptions(ctx, n)
	if err != nil {
		return c, err
	}
	size := map[group]map[string]int64{}
	for _, b := range r.batches {
		if b.unit != n || r.plan.Rules[b.rule].Action != gallra.ActionAnonymise {
			continue
		}
		_, items, err := r.blob(ctx, r.DB, b.n)
		if err != nil {
			return c, err
		}
		for _, i := range items[:b.position] {
			if !skipped[i.id] {
				g, key := c.split(i.fact)
				if size[g] == nil {
					size[g] = map[string]int64{}
				}
				size[g][key]++
			}
		}
	}
	for g, cells := range size {
		if c.change[g], err = r.reduce(c.fields, cells); err != nil {
			return c, err
		}
		if len(c.change[g]) == 0 {
			delete(c.change, g)
		}
	}
	return c, nil
}

// split tells the fields that may change from the rest of a record's cell.
func (c coarsening) split(f statistics.Fact) (g group, key string) {
	var fixed, free []string
	for _, part := range statistics.Groups(f) {
		name, value, _ := strings.Cut(part, "=")
		if slices.Contains(c.fields, name) {
			free = append(free, value)
		} else {
			fixed = append(fixed, part)
		}
	}
	return group{statistics.MonthOf(f), strings.Join(fixed, "\x1f")}, strings.Join(free, "\x1f")
}

// reduce returns what the rare cells of a group become; cells that are large
// enough join only when the rare are too few among themselves.
func (r *running) reduce(fields []string, cells map[string]int64) (map[string]string, error) {
	var order []string
	for key := range cells {
		order = append(order, key)
	}
	slices.SortFunc(order, func(a, b string) int {
		if cells[a] != cells[b] {
			return int(cells[a] - cells[b])
		}
		return strings.Compare(a, b)
	})
	var rows [][]string
	var keys []string
	for _, key := range order {
		if cells[key] >= anonymise.K && (len(rows) == 0 || len(rows) >= anonymise.K) {
			break
		}
		for range cells[key] {
			rows, keys = append(rows, strings.Split(key, "\x1f")), append(keys, key)
		}
	}
	if len(rows) < anonymise.K {
		return nil, nil // nothing hides so few
	}
	reduced, err := table.Reduce(table.Columns(fields, rows, anonymise.K, r.otherLabel()), rows, table.Spec{K: anonymise.K})
	if err != nil {
		return nil, fmt.Errorf("retention: run %s: coarsen: %w", r.run.ID, err)
	}
	to := map[string]string{}
	for i, row := range reduced.Rows {
		for k, v := range row {
			if v == table.All {
				row[k] = r.otherLabel()
			}
		}
		// Rows of one cell may have become different ones; they go one way.
		if to[keys[i]] == "" {
			to[keys[i]] = strings.Join(row, "\x1f")
		}
	}
	return r.settleCells(len(fields), order, cells, to), nil
}

// settleCells sees to it that every cell that something becomes is large enough:
// what still is not becomes the cell of which nothing is left, and when that one
// is too small the smallest others join it.
func (r *running) settleCells(fields int, order []string, cells map[string]int64, to map[string]string) map[string]string {
	last := strings.TrimSuffix(strings.Repeat(r.otherLabel()+"\x1f", fields), "\x1f")
	at := func(key string) string {
		if x := to[key]; x != "" {
			return x
		}
		return key
	}
	sizes := func() map[string]int64 {
		out := map[string]int64{}
		for _, key := range order {
			out[at(key)] += cells[key]
		}
		return out
	}
	size := sizes()
	for _, key := range order {
		if size[at(key)] < anonymise.K {
			to[key] = last
		}
	}
	for _, key := range order { // smallest first
		if n := sizes()[last]; n == 0 || n >= anonymise.K {
			break
		}
		to[key] = last
	}
	for key, x := range to {
		if x == key {
			delete(to, key)
		}
	}
	return to
}

// coarsenItems rewrites the rare records of one batch and corrects the figures.
func (r *running) coarsenItems(ctx context.Context, n int, b batch, c coarsening, rare []item) error {
	u := r.plan.units[n]
	if len(rare) == 0 {
		return nil
	}
	src, err := r.source(ctx, u.System)
	if err != nil {
		return err
	}
	now, err := r.coarsenRecords(ctx, src, u, c, rare)
	if err != nil {
		return err
	}
	var changes []statistics.Change
	for _, i := range rare {
		if rec, there := now[i.id]; there {
			is := u.Schema.Fact(rec, r.Loc)
			was := is // what rounded times have changed is counted already
			was.Cell = i.fact.Cell
			changes = append(changes, statistics.Change{Was: was, Is: is})
		}
	}
	gone := statistics.NewCells(u.System, u.Type)
	gone.Replace(u.Schema, changes...)
	return r.DB.Tx(ctx, func(tx *sql.Tx) error {
		// The same batch again, after a crash: what was saved then is replaced.
		part := int64(math.MaxInt32)<<31 + b.n
		if _, err := tx.ExecContext(ctx, `DELETE FROM statistic WHERE run = $1 AND part = $2`, r.run.ID, part); err != nil {
			return fmt.Errorf("retention: run %s: coarsen: %w", r.run.ID, err)
		}
		return statistics.Save(ctx, tx, r.run.ID, part, gone)
	})
}

// coarsenRecords makes rare records coarser and returns them as they are then.
func (r *running) coarsenRecords(ctx context.Context, src connector.Source, u unit, c coarsening, rare []item) (map[string]gallra.Record, error) {
	refs := make([]gallra.Ref, len(rare))
	for k, i := range rare {
		refs[k] = gallra.Ref{System: u.System, Type: u.Type, ID: i.id}
	}
	now, err := getMany(ctx, src, refs, true, nil)
	if err != nil {
		return nil, err
	}
	holds, err := r.holds(ctx, src, u, rare)
	if err != nil {
		return nil, err
	}
	var edits []connector.Edit
	for k, i := range rare {
		rec, there := now[i.id]
		if _, held := holds.Covers(refs[k], i.parent, i.person); held || !there {
			continue
		}
		g, key := c.split(i.fact)
		var set []gallra.Field
		for f, value := range strings.Split(c.change[g][key], "\x1f") {
			if was, _ := rec.Field(c.fields[f]); was != value {
				set = append(set, gallra.Field{Name: c.fields[f], Value: value})
			}
		}
		if len(set) > 0 {
			edits = append(edits, connector.Edit{Item: connector.Item{Ref: refs[k], IfVersion: rec.Version}, Set: set})
		}
	}
	// A field that the system will not set leaves its record rare, and rare is
	// what the look afterwards calls it.
	if _, err := editMany(ctx, src, edits); err != nil {
		return nil, err
	}
	return getMany(ctx, src, refs, false, nil)
}

// anonymityOf judges cells with how many records share each, and how many records
// share nothing, for their times are exact.
func anonymityOf(shared map[string]int64, exact int64) Anonymity {
	a := Anonymity{Wanted: anonymise.K, Cells: int64(len(shared)) + exact, Records: exact, Small: exact, Exact: exact}
	if exact > 0 {
		a.Smallest = 1
	}
	for _, n := range shared {
		a.Records += n
		if a.Smallest == 0 || n < a.Smallest {
			a.Smallest = n
		}
		if n < anonymise.K {
			a.Small += n
		}
	}
	if a.Records > 0 {
		a.Risk, a.Average = 1/float64(a.Smallest), float64(a.Cells)/float64(a.Records)
	}
	return a
}

// rounded reports whether a record's times say no more than a month, as counted
// here or in UTC.
func rounded(rec gallra.Record, loc *time.Location) bool {
	ok := func(t time.Time) bool {
		if t.IsZero() {
			return true
		}
		for _, l := range []*time.Location{loc, time.UTC} {
			y, m, _ := t.In(l).Date()
			if t.Equal(time.Date(y, m, 1, 0, 0, 0, 0, l)) {
				return true
			}
		}
		return false
	}
	for _, t := range rec.Events {
		if !ok(t) {
			return false
		}
	}
	return ok(rec.Created) && ok(rec.Closed) && ok(rec.Contact) && ok(rec.Updated)
}

// coarser counts, by field, the records that show a coarser value than the plan
// saw: the difference between what was and what is, value by value.
func (r *running) coarser(ctx context.Context, n int, shared map[string]int64) (map[string]int64, error) {
	c, err := r.coarsening(ctx, n)
	if err != nil || len(c.change) == 0 {
		return nil, err
	}
	out := map[string]int64{}
	for cell, k := range shared {
		for _, part := range strings.Split(cell, "\x1f")[1:] {
			if name, value, _ := strings.Cut(part, "="); slices.Contains(c.fields, name) && c.made(name, value) {
				out[name] += k
			}
		}
	}
	return out, nil
}

// made reports whether a field's value is one that coarsening gives.
func (c coarsening) made(name, value string) bool {
	at := slices.Index(c.fields, name)
	for _, cells := range c.change {
		for was, is := range cells {
			if x := strings.Split(is, "\x1f")[at]; x == value && strings.Split(was, "\x1f")[at] != value {
				return true
			}
		}
	}
	return false
}
