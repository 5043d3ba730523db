package desk_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector/desk"
)

// pages is a list of numbers given in pages of size.
type pages struct {
	ids    []int
	size   int
	before func(page int) // something happens just before a page is given
}

func (p *pages) fetch(_ context.Context, page int) ([]gallra.Record, error) {
	if p.before != nil {
		p.before(page)
	}
	from := min((page-1)*p.size, len(p.ids))
	var out []gallra.Record
	for _, id := range p.ids[from:min(from+p.size, len(p.ids))] {
		out = append(out, gallra.Record{Ref: gallra.Ref{System: "s", Type: "t", ID: strconv.Itoa(id)}})
	}
	return out, nil
}

// TestPagesGivesEachOnceWhateverIsTakenOut: what was there throughout is
// given once, in order, however the pages shift in between.
func TestPagesGivesEachOnceWhateverIsTakenOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 40).Draw(t, "n")
		p := &pages{size: rapid.IntRange(1, 7).Draw(t, "size")}
		for i := range n {
			p.ids = append(p.ids, 3*i+1)
		}
		all := slices.Clone(p.ids)
		gone := map[int]bool{}
		last := 3 * n
		p.before = func(int) {
			for rapid.IntRange(0, 2).Draw(t, "how") == 0 && len(p.ids) > 0 {
				i := rapid.IntRange(0, len(p.ids)-1).Draw(t, "which")
				gone[p.ids[i]] = true
				p.ids = slices.Delete(p.ids, i, i+1)
			}
			if rapid.IntRange(0, 5).Draw(t, "add") == 0 {
				last += 2
				p.ids = append(p.ids, last)
			}
		}
		limit := rapid.IntRange(1, 9).Draw(t, "limit")
		count, order, at := map[string]int{}, 0, ""
		for range 400 {
			s, err := new(desk.Pages).Walk(t.Context(), at, limit, p.fetch)
			if err != nil {
				t.Fatal(err)
			}
			if len(s.Records) > limit {
				t.Fatalf("%d records, %d were asked for", len(s.Records), limit)
			}
			for _, r := range s.Records {
				id, _ := strconv.Atoi(r.Ref.ID)
				if id <= order {
					t.Fatalf("%d after %d", id, order)
				}
				order = id
				count[r.Ref.ID]++
			}
			if at = s.Next; at == "" {
				break
			}
			if len(s.Records) > 0 && rapid.Bool().Draw(t, "by place") { // from a record, on another connection
				at = new(desk.Pages).Place(s.Records[len(s.Records)-1])
			}
		}
		if at != "" {
			t.Skip("it never ends while records are added faster than they are read")
		}
		for _, id := range all {
			if c := count[strconv.Itoa(id)]; !gone[id] && c != 1 {
				t.Fatalf("%d is given %d times", id, c)
			}
		}
	})
}

func TestPagesRefusesWhatIsNoList(t *testing.T) {
	p := &pages{ids: []int{5, 4}, size: 5}
	if _, err := new(desk.Pages).Walk(t.Context(), "", 5, p.fetch); !errors.Is(err, gallra.ErrDrift) {
		t.Errorf("numbers that fall: %v", err)
	}
	same := &pages{ids: []int{1, 2}, size: 2}
	if _, err := new(desk.Pages).Walk(t.Context(), "", 5, func(ctx context.Context, _ int) ([]gallra.Record, error) { return same.fetch(ctx, 1) }); !errors.Is(err, gallra.ErrUnavailable) {
		t.Errorf("the same page for ever: %v", err)
	}
	for _, bad := range []string{"x", "1-", "0-1", "-1-1", "1-1-1", "\x00"} {
		if _, err := new(desk.Pages).Walk(t.Context(), bad, 5, p.fetch); !errors.Is(err, gallra.ErrInvalid) {
			t.Errorf("cursor %q: %v", bad, err)
		}
	}
}
