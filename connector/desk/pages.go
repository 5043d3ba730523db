package desk

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/gallra/gallra"
)

// Pages walks through a list that a system gives by page number alone, oldest
// first by a number that rises (the id), as a Vendor's Walk and Place do.
// Records that are taken out on the way move the later ones to earlier pages; so
// a walk never trusts a page number: from each page it looks back until it sees
// something already given, so that nothing has slipped past in between. It is
// safe for concurrent use.
type Pages struct {
	mu   sync.Mutex
	seen map[string]int // on which page a record was, to look near it later
}

// Walk gives up to limit records behind a place. fetch returns page n, from 1,
// as long as the system makes it, and an empty one after the last. Numbers that
// fall are gallra.ErrDrift; the same page for ever is gallra.ErrUnavailable.
func (p *Pages) Walk(ctx context.Context, after string, limit int, fetch func(ctx context.Context, page int) ([]gallra.Record, error)) (Stretch, error) {
	w := numbered{pages: p, fetch: fetch, page: 1}
	if after != "" {
		page, last, _ := strings.Cut(after, "-")
		n, ok := Number(page)
		id, ok2 := Number(last)
		if !ok || !ok2 || n > 1<<31 {
			return Stretch{}, gallra.Errorf(gallra.Invalid, "connector.bad_cursor")
		}
		w.page, w.last = int(n), id
	}
	return w.walk(ctx, limit)
}

// Place returns the place behind a record.
func (p *Pages) Place(r gallra.Record) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strconv.Itoa(max(p.seen[r.Ref.ID], 1)) + "-" + r.Ref.ID
}

func (p *Pages) note(rs []gallra.Record, page int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen == nil || len(p.seen) > 10_000 {
		p.seen = map[string]int{}
	}
	for _, r := range rs {
		p.seen[r.Ref.ID] = page
	}
}

type numbered struct {
	pages *Pages
	fetch func(context.Context, int) ([]gallra.Record, error)
	page  int
	last  int64 // the number given last; 0 for none
}

// walk goes on from w.page. A page that ought to hold something given already
// and does not is asked for twice: either records were taken out since, or it
// was the answer to another question.
func (w *numbered) walk(ctx context.Context, limit int) (Stretch, error) {
	var out Stretch
	same, first, start := 0, int64(0), true
	for ; ; w.page++ {
		top, err := w.get(ctx, w.page)
		if err != nil {
			return Stretch{}, err
		}
		if start && w.last > 0 && w.beyond(top) {
			top, err = w.get(ctx, w.page)
		}
		start = false
		fresh, seen := w.after(top), top
		for n := w.page; err == nil && n > 1 && w.beyond(seen); {
			n--
			if seen, err = w.get(ctx, n); err == nil && w.beyond(seen) {
				seen, err = w.get(ctx, n)
			}
			fresh = union(fresh, w.after(seen))
		}
		if err != nil {
			return Stretch{}, err
		}
		for _, r := range fresh {
			if len(out.Records) == limit {
				out.Next = w.place()
				return out, nil
			}
			out.Records = append(out.Records, r)
			w.last = number(r)
		}
		if len(top) == 0 {
			return out, nil
		}
		if same++; number(top[0]) != first {
			same, first = 0, number(top[0])
		}
		if same > 1 {
			return Stretch{}, gallra.Errorf(gallra.Unavailable, "desk.page_repeats")
		}
	}
}

func (w *numbered) place() string { return strconv.Itoa(w.page) + "-" + strconv.FormatInt(w.last, 10) }

func (w *numbered) get(ctx context.Context, page int) ([]gallra.Record, error) {
	rs, err := w.fetch(ctx, page)
	if err != nil {
		return nil, err
	}
	w.pages.note(rs, page)
	for i, r := range rs {
		if number(r) == 0 || i > 0 && number(r) <= number(rs[i-1]) {
			return nil, gallra.Errorf(gallra.Drift, "desk.order", "type", r.Ref.Type)
		}
	}
	return rs, nil
}

// beyond reports whether a page holds nothing that was given already.
func (w *numbered) beyond(rs []gallra.Record) bool { return len(rs) == 0 || number(rs[0]) > w.last }

func (w *numbered) after(rs []gallra.Record) []gallra.Record {
	return slices.DeleteFunc(slices.Clone(rs), func(r gallra.Record) bool { return number(r) <= w.last })
}

func number(r gallra.Record) int64 {
	n, _ := Number(r.Ref.ID)
	return n
}

func union(a, b []gallra.Record) []gallra.Record {
	for _, r := range b {
		if !slices.ContainsFunc(a, func(o gallra.Record) bool { return o.Ref == r.Ref }) {
			a = append(a, r)
		}
	}
	slices.SortFunc(a, func(x, y gallra.Record) int { return cmp.Compare(number(x), number(y)) })
	return a
}

// Scan gives every root of some types as candidates of a search, for systems
// whose own search cannot be trusted: a Vendor's Search may end in it. at is
// "" or what it returned before.
func Scan(ctx context.Context, v Vendor, types []string, at string) (Candidates, error) {
	i, after := 0, ""
	if at != "" {
		n, rest, ok := strings.Cut(at, ":")
		k, err := strconv.Atoi(n)
		if !ok || err != nil || k < 0 || k >= len(types) {
			return Candidates{}, gallra.Errorf(gallra.Invalid, "connector.bad_cursor")
		}
		i, after = k, rest
	}
	s, err := v.Walk(ctx, types[i], after, roots)
	if err != nil {
		return Candidates{}, err
	}
	out := Candidates{Skipped: s.Skipped}
	for _, r := range s.Records {
		out.Refs = append(out.Refs, r.Ref)
	}
	switch {
	case s.Next != "":
		out.Next = fmt.Sprintf("%d:%s", i, s.Next)
	case i+1 < len(types):
		out.Next = fmt.Sprintf("%d:", i+1)
	}
	return out, nil
}
