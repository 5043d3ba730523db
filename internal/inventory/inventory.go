// Package inventory answers "which personal data do we keep, where?": it reads
// a system page by page, asks the detector about every text in it, mail and
// attachments decoded, and keeps counts per type, field and category with the
// oldest date. It writes nothing to the system and keeps no content.
package inventory

import (
	"context"
	"runtime"
	"sync"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/content"
	"github.com/gallra/gallra/internal/guard"
	"github.com/gallra/gallra/pii"
)

// pageSize is how many records one step reads: enough to keep both database
// and detector busy, little enough that a page of mails stays small in memory.
const pageSize = 500

// Cursor is where a scan goes on: it survives a restart as JSON.
type Cursor struct {
	Type int    `json:"type"` // index into Source.Types
	Page string `json:"page"` // connector.Query.Cursor
}

// Page reads one page of src from cursor c, counts what is in it, and returns
// the next cursor; done is true after the last page of the last type.
// estimate is the connector's guess of how many records the type holds, -1 when
// it has none; it is given with the first page of a type only. watch, if not
// nil, is told what is found.
func Page(ctx context.Context, src connector.Source, types []connector.Type, eng *pii.Engine, watch *guard.Watch, c Cursor) (t *Tally, next Cursor, estimate int64, done bool, err error) {
	if c.Type >= len(types) {
		return &Tally{}, c, -1, true, nil
	}
	typ := types[c.Type]
	page, err := src.List(ctx, connector.Query{Type: typ.Name, Cursor: c.Page, Limit: pageSize})
	if err != nil {
		return nil, c, -1, false, err
	}
	t = countPage(typ, page, eng, watch)
	next = Cursor{Type: c.Type, Page: page.Next}
	if page.Next == "" {
		next = Cursor{Type: c.Type + 1}
	}
	estimate = -1
	if c.Page == "" {
		estimate = page.Total
	}
	return t, next, estimate, next.Type >= len(types), nil
}

// countPage shares the records of a page among the processors: detection, not
// reading, is what a scan spends its time on.
func countPage(typ connector.Type, page connector.Page, eng *pii.Engine, watch *guard.Watch) *Tally {
	workers := min(runtime.GOMAXPROCS(0), len(page.Records))
	tallies := make([]Tally, max(workers, 1))
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			r := reader{typ: typ, eng: eng, watch: watch, tally: &tallies[w]}
			for i := w; i < len(page.Records); i += workers {
				r.record(page.Records[i])
			}
		})
	}
	wg.Wait()
	t := &tallies[0]
	for i := 1; i < len(tallies); i++ {
		t.Merge(&tallies[i])
	}
	tc := t.typ(typ.Name, typ.Kind) // an empty type is an answer too
	for _, p := range page.Skipped {
		tc.Skipped[p.Reason]++
	}
	return t
}

// reader counts records of one type into one tally.
type reader struct {
	typ      connector.Type
	eng      *pii.Engine
	watch    *guard.Watch
	tally    *Tally
	findings []pii.Finding
}

func (r *reader) record(rec gallra.Record) {
	tc := r.tally.typ(r.typ.Name, r.typ.Kind)
	tc.Records++
	at := rec.Created
	if at.IsZero() {
		at = rec.Updated
	}
	month := ""
	if !at.IsZero() {
		month = at.UTC().Format("2006-01")
	}
	tc.Months[month]++
	tc.start(rec)
	tc.Oldest, tc.Newest = earlier(tc.Oldest, at), later(tc.Newest, at)

	for _, part := range content.Texts(r.typ, rec) {
		for _, p := range part.Problems {
			tc.Skipped[p]++
		}
		if part.Text == "" {
			continue
		}
		if part.Category != "" {
			r.add(Key{r.typ.Name, part.Field, part.Category, FieldRule}, rec, true)
			r.watchField(rec, part)
			continue
		}
		r.findings = r.eng.Append(r.findings[:0], part.Text)
		var seen [32]gallra.Category
		n := 0
	next:
		for _, f := range r.findings {
			first := true
			for _, c := range seen[:n] {
				if c == f.Category {
					first = false
				}
			}
			if first && n < len(seen) {
				seen[n], n = f.Category, n+1
			}
			if !f.Category.Valid() {
				continue next
			}
			if r.watch != nil {
				r.watch.Value(rec, f.Category, part.Text[f.Start:f.End])
			}
			r.add(Key{r.typ.Name, part.Field, f.Category, f.Rule}, rec, first)
		}
	}
}

// watchField gives a declared value to the watch, and what is found in it: a
// field of addresses may hold several, with names.
func (r *reader) watchField(rec gallra.Record, part content.Part) {
	if r.watch == nil {
		return
	}
	r.watch.Value(rec, part.Category, part.Text)
	r.findings = r.eng.Append(r.findings[:0], part.Text)
	for _, f := range r.findings {
		r.watch.Value(rec, f.Category, part.Text[f.Start:f.End])
	}
}

func (r *reader) add(k Key, rec gallra.Record, first bool) {
	c := r.tally.count(k)
	c.Findings++
	if first {
		c.Records++
	}
	at := rec.Created
	if at.IsZero() {
		at = rec.Updated
	}
	c.Oldest, c.Newest = earlier(c.Oldest, at), later(c.Newest, at)
}
