package statistics_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/statistics"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/store/storetest"
)

var ticket = connector.Type{Name: "ticket", Kind: connector.KindConversation, Starts: []gallra.StartEvent{gallra.StartCreated, gallra.StartClosed},
	Fields: []connector.FieldInfo{{Name: "queue", Keep: true}, {Name: "channel", Keep: true}, {Name: "rating", Keep: true}, {Name: "subject", Text: true}}}

func stockholm(tb testing.TB) *time.Location {
	tb.Helper()
	loc, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		tb.Fatal(err)
	}
	return loc
}

func records(n int) *rapid.Generator[[]gallra.Record] {
	one := rapid.Custom(func(t *rapid.T) gallra.Record {
		r := gallra.Record{Ref: gallra.Ref{System: "desk", Type: "ticket", ID: "1"}}
		if rapid.IntRange(0, 9).Draw(t, "known") > 0 {
			r.Created = time.Unix(rapid.Int64Range(1.4e9, 1.8e9).Draw(t, "created"), 0)
			if rapid.Bool().Draw(t, "closed") {
				r.Closed = r.Created.Add(time.Duration(rapid.Int64Range(0, 1e7).Draw(t, "solve")) * time.Second)
			}
		}
		r.Fields = []gallra.Field{
			{Name: "queue", Value: rapid.SampledFrom([]string{"Bygg", "Skola", "a=b", "x\x1fy", ""}).Draw(t, "queue")},
			{Name: "rating", Value: rapid.SampledFrom([]string{"1", "4,5", "5", "", "bra"}).Draw(t, "rating")},
			{Name: "subject", Value: "Anna Svensson"},
		}
		return r
	})
	return rapid.SliceOfN(one, 0, n)
}

// However records are split between what is gone and what is live, the figures
// are those of all of them, to the byte.
func TestS46_FiguresAreEqualHoweverRecordsAreSplit(t *testing.T) {
	t.Parallel()
	loc := stockholm(t)
	db := storetest.SQLite(t)
	ctx := context.Background()
	s := statistics.SchemaOf("desk", ticket)
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		rs := records(60).Draw(rt, "records")
		whole, live := statistics.NewCells("desk", "ticket"), statistics.NewCells("desk", "ticket")
		parts := map[int64]*statistics.Cells{}
		for i, r := range rs {
			f := s.Fact(r, loc)
			whole.Add(s, f)
			p := rapid.Int64Range(-1, 3).Draw(rt, fmt.Sprint("part", i))
			if p < 0 {
				live.Add(s, f)
				continue
			}
			if parts[p] == nil {
				parts[p] = statistics.NewCells("desk", "ticket")
			}
			parts[p].Add(s, f)
		}
		if _, err := db.ExecContext(ctx, `DELETE FROM statistic`); err != nil {
			rt.Fatal(err)
		}
		for _, fold := range []bool{false, true} {
			err := db.Tx(ctx, func(tx *sql.Tx) error {
				if fold {
					return statistics.Fold(ctx, tx, "run-1")
				}
				for p, c := range parts {
					if err := statistics.Save(ctx, tx, "run-1", p, c); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				rt.Fatal(err)
			}
			got, err := statistics.Thinned(ctx, db, "desk", "ticket")
			if err != nil {
				rt.Fatal(err)
			}
			got.Merge(live)
			if a, b := text(rt, whole), text(rt, got); a != b {
				rt.Fatalf("fold %v:\n%s\n%s", fold, a, b)
			}
		}
		if strings.Contains(text(rt, whole), "Svensson") {
			rt.Fatal("a field that is not kept reached the counts")
		}
	})
}

func text(tb interface{ Fatal(...any) }, v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

func TestS46_ReportAndCSV(t *testing.T) {
	t.Parallel()
	loc := stockholm(t)
	s := statistics.SchemaOf("desk", ticket)
	c := statistics.NewCells("desk", "ticket")
	// 23:30 UTC on 31 December is the next year in Stockholm.
	newYear := time.Date(2025, 12, 31, 23, 30, 0, 0, time.UTC)
	for i := range 4 {
		c.Add(s, s.Fact(gallra.Record{Created: newYear, Closed: newYear.Add(time.Duration(i+1) * 1000 * time.Second),
			Fields: []gallra.Field{{Name: "queue", Value: "Bygg"}, {Name: "rating", Value: fmt.Sprint(i + 1)}}}, loc))
	}
	r := c.Report()
	if r.Records != 4 || r.Small != 1 || r.Days[0].Name != "2026-01-01" || r.Months[0].Month != "2026-01" || r.Groups[1].Name != "Bygg" {
		t.Fatalf("%+v", r)
	}
	for _, m := range r.Measures {
		switch {
		case m.Name == "rating" && (m.Mean != 2.5 || m.Median != 2 || m.P90 != 4):
			t.Errorf("%+v", m)
		case m.Name == statistics.SolveSeconds && (m.Mean != 2500 || m.Median < 1600 || m.Median > 2000 || m.P90 < 3200 || m.P90 > 4000):
			t.Errorf("%+v", m)
		}
	}
	var b bytes.Buffer
	if err := c.WriteCSV(&b); err != nil || strings.Count(b.String(), "\n") != 3 {
		t.Fatalf("%v\n%s", err, b.String())
	}
	whole, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	back, err := statistics.Decode(whole)
	if err != nil || text(t, back) != text(t, c) {
		t.Fatalf("%v\n%s\n%s", err, text(t, back), text(t, c))
	}
	if _, err := statistics.Decode(whole[:len(whole)/2]); err == nil {
		t.Fatal("half a blob decoded")
	}
}

func TestThinnedTypesOnBothStores(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		loc := stockholm(t)
		s := statistics.SchemaOf("desk", ticket)
		err := db.Tx(ctx, func(tx *sql.Tx) error {
			for part := range int64(3) {
				c := statistics.NewCells("desk", "ticket")
				c.Add(s, s.Fact(gallra.Record{Created: time.Unix(1.5e9, 0)}, loc))
				if err := statistics.Save(ctx, tx, "run-1", part, c); err != nil {
					return err
				}
			}
			return statistics.Fold(ctx, tx, "run-1")
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err := statistics.ThinnedTypes(ctx, db)
		if err != nil || len(got) != 1 || got[0].Records() != 3 {
			t.Fatalf("%v %v", got, err)
		}
	})
}
