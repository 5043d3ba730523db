package sqldb

import (
	"database/sql"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gallra/gallra/internal/testserver"
)

// Keys that follow on one another are asked for as ranges, which hold them and
// no others; where there are gaps the list decides. What is changed is listed.
func TestIn_RangesAndLists(t *testing.T) {
	t.Parallel()
	keys := func(from, to int) (out []string) {
		for k := from; k <= to; k++ {
			out = append(out, strconv.Itoa(k))
		}
		return out
	}
	var odd, holes []string
	for k := 1; k < 40; k += 2 {
		odd = append(odd, strconv.Itoa(k))
	}
	for k := range 20 {
		holes = append(holes, keys(k*10, k*10+8)...)
	}
	for name, tt := range map[string]struct {
		d     dialect
		reads bool
		keys  []string
		want  string
	}{
		"two runs, in any order":    {mariadb, true, append(keys(21, 30), keys(1, 19)...), "(x BETWEEN 1 AND 19 OR x BETWEEN 21 AND 30)"},
		"twice, and no number":      {mariadb, true, append(keys(1, 10), "3", "x", "1.5"), "(x BETWEEN 1 AND 10)"},
		"largest":                   {mariadb, true, []string{"9223372036854775800", "9223372036854775801", "9223372036854775802", "9223372036854775803", "9223372036854775804", "9223372036854775805", "9223372036854775806", "9223372036854775807", "9223372036854775808"}, "(x BETWEEN 9223372036854775800 AND 9223372036854775807)"},
		"below zero":                {mariadb, true, append([]string{"-1"}, keys(0, 8)...), "x IN (-1,0,1,2,3,4,5,6,7,8)"},
		"few":                       {mariadb, true, keys(1, 7), "x IN (1,2,3,4,5,6,7)"},
		"scattered":                 {mariadb, true, []string{"90", "1", "50", "2", "3", "20", "30", "40", "60"}, "x IN (90,1,50,2,3,20,30,40,60)"},
		"every other":               {mariadb, true, odd, "(x BETWEEN 1 AND 39 AND x + 0 IN (" + strings.Join(odd, ",") + "))"},
		"what is changed":           {mariadb, false, keys(1, 9), "x IN (1,2,3,4,5,6,7,8,9)"},
		"too many ranges":           {mariadb, true, holes, "(x BETWEEN 0 AND 198 AND x + 0 IN (" + strings.Join(holes, ",") + "))"},
		"the whole range of bigint": {mariadb, true, []string{"0", "1", "2", "3", "4", "5", "6", "9223372036854775807"}, "x IN (0,1,2,3,4,5,6,9223372036854775807)"},
		"PostgreSQL":                {postgres, true, append(keys(21, 30), keys(1, 19)...), "(x BETWEEN $1::bigint AND $2::bigint OR x BETWEEN $3::bigint AND $4::bigint)"},
		"PostgreSQL, every other":   {postgres, true, odd, "x = ANY($1)"},
		"PostgreSQL, changed":       {postgres, false, keys(1, 9), "x = ANY($1)"},
		"SQLite":                    {sqlite, true, keys(1, 9), "x IN (1,2,3,4,5,6,7,8,9)"},
		"none that is a number":     {mariadb, true, []string{"x", ""}, "1 = 0"},
	} {
		if got := (&query{d: tt.d, reads: tt.reads}).in("x", tt.keys, true).String(); got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
	if got := (&query{d: mariadb, reads: true}).in("x", keys(1, 9), false).String(); got != "x IN (?,?,?,?,?,?,?,?,?)" {
		t.Errorf("keys that are text: %q", got)
	}
	// A column of another type than its keys may hold what lies between two of them.
	s, b := &Source{d: mariadb}, &query{d: mariadb, reads: true}
	if s.inOf(b, column{kind: "varchar"}, "x", keys(1, 9), true); b.String() != "x IN (1,2,3,4,5,6,7,8,9)" {
		t.Errorf("numbers in a column of text: %q", b)
	}
}

// G-7: whatever keys are asked for, of whatever whole numbers the column is made
// and however the statement is written, the database takes the rows with these keys
// and no others. The rows of the gaps exist.
func TestG7_TheKeysAskedForAndNoOthers(t *testing.T) {
	t.Parallel()
	t.Run("mariadb", func(t *testing.T) {
		t.Parallel()
		db, _ := testserver.MariaDB(t)
		asked(t, mariadb, db, "TINYINT", "TINYINT UNSIGNED", "SMALLINT", "MEDIUMINT UNSIGNED", "INT", "INT UNSIGNED", "INT(8) UNSIGNED ZEROFILL", "BIGINT", "BIGINT UNSIGNED")
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		db, _ := testserver.Postgres(t)
		asked(t, postgres, db, "SMALLINT", "INTEGER", "BIGINT")
	})
}

func asked(t *testing.T, d dialect, db *sql.DB, types ...string) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(7, 11))
	shapes := map[bool]map[string]int{true: {}, false: {}}
	for nr, typ := range types {
		table := "held" + strconv.Itoa(nr)
		low, high := -60, 120
		if strings.Contains(typ, "UNSIGNED") {
			low, high = 0, 200
		}
		var values, there []string
		for k := low; k <= high; k++ {
			there = append(there, strconv.Itoa(k))
		}
		if strings.HasPrefix(typ, "BIGINT") {
			for k := range int64(40) {
				there = append(there, strconv.FormatInt(math.MaxInt64-k, 10))
			}
			if low == 0 {
				there = append(there, "9223372036854775808", "9223372036854775809", "18446744073709551615")
			}
		}
		for _, k := range there {
			values = append(values, "("+k+", "+k+")")
		}
		for _, q := range []string{"CREATE TABLE " + table + " (id " + typ + " PRIMARY KEY, owner " + typ + ")", "CREATE INDEX " + table + "_owner ON " + table + " (owner)", "INSERT INTO " + table + " VALUES " + strings.Join(values, ",")} {
			if _, err := db.Exec(q); err != nil {
				t.Fatal(err)
			}
		}
		for range 80 {
			ends := []int{rnd.IntN(len(there)), rnd.IntN(len(there))}
			slices.Sort(ends)
			share := []int{100, 95, 70, 40}[rnd.IntN(4)]
			var asked []string
			for _, k := range there[ends[0] : ends[1]+1] {
				if rnd.IntN(100) < share {
					asked = append(asked, k)
				}
			}
			asked = append(asked, "-30000", "30000", "x") // nobody's
			if rnd.IntN(2) == 0 {
				asked = asked[:len(asked)-3]
			}
			rnd.Shuffle(len(asked), func(i, j int) { asked[i], asked[j] = asked[j], asked[i] })
			var want []string
			for _, k := range asked {
				if _, err := strconv.ParseInt(k, 10, 64); err == nil && slices.Contains(there, k) { // a larger key is no row's, as ever
					want = append(want, k)
				}
			}
			slices.Sort(want)
			for _, column := range []string{"id", "owner"} {
				for _, reads := range []bool{true, false} {
					b := &query{d: d, reads: reads}
					b.in("t."+column, asked, true)
					shape := "list"
					switch {
					case strings.Contains(b.String(), "+ 0 IN"):
						shape = "range and list"
					case strings.Contains(b.String(), "BETWEEN"):
						shape = "ranges"
					}
					shapes[reads][shape]++
					got := taken(t, db, "SELECT t.id FROM "+table+" t WHERE "+b.String(), b.args...)
					if !slices.Equal(got, want) {
						t.Fatalf("%s, %s: %s\ntakes %v\nwant %v", typ, column, b, got, want)
					}
				}
			}
		}
	}
	t.Logf("%v", shapes)
	if r, w := shapes[true], shapes[false]; r["ranges"] == 0 || (r["range and list"] == 0) == (d == mariadb) || r["list"] == 0 || len(w) != 1 {
		t.Errorf("not every way was tried, or a change passes over rows of others: %v", shapes)
	}
}

func taken(t *testing.T, db *sql.DB, q string, args ...any) []string {
	t.Helper()
	rows, err := db.Query(q, args...)
	if err != nil {
		t.Fatalf("%s: %v", q, err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var k string
		if err := rows.Scan(&k); err != nil {
			t.Fatal(err)
		}
		out = append(out, strings.TrimLeft(k, "0"))
		if out[len(out)-1] == "" {
			out[len(out)-1] = "0"
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

// Rows that are locked or changed are taken run by run where their keys follow on
// one another, each with an end; wherever that is not sure, by the list.
func TestKeyed_RunByRunWithAnEnd(t *testing.T) {
	t.Parallel()
	whole := &table{key: []string{"id"}, columns: map[string]column{"id": {name: "id", kind: "bigint"}}}
	words := &table{key: []string{"id"}, columns: map[string]column{"id": {name: "id", kind: "varchar"}}}
	keys := func(from, to int) (out []string) {
		for k := from; k <= to; k++ {
			out = append(out, strconv.Itoa(k))
		}
		return out
	}
	var scattered []string
	for k := range 20 {
		scattered = append(scattered, keys(k*10, k*10+8)...)
	}
	for name, tt := range map[string]struct {
		s    *Source
		t    *table
		keys []string
		want []string
	}{
		"two runs":              {&Source{d: mariadb, readCommitted: true}, whole, append(keys(30, 39), keys(1, 8)...), []string{"t.`id` BETWEEN 1 AND 8 LIMIT 8", "t.`id` BETWEEN 30 AND 39 LIMIT 10"}},
		"named twice":           {&Source{d: mariadb, readCommitted: true}, whole, append(keys(1, 9), "4"), []string{"t.`id` BETWEEN 1 AND 9 LIMIT 9"}},
		"below zero":            {&Source{d: mariadb, readCommitted: true}, whole, append([]string{"-1"}, keys(0, 8)...), []string{"t.`id` IN (-1,0,1,2,3,4,5,6,7,8)"}},
		"scattered":             {&Source{d: mariadb, readCommitted: true}, whole, scattered, []string{"t.`id` IN (" + strings.Join(scattered, ",") + ")"}},
		"a log of statements":   {&Source{d: mariadb}, whole, keys(1, 9), []string{"t.`id` IN (1,2,3,4,5,6,7,8,9)"}},
		"keys that are text":    {&Source{d: mariadb, readCommitted: true}, words, keys(1, 9), []string{"t.`id` IN (?,?,?,?,?,?,?,?,?)"}},
		"none that is a number": {&Source{d: mariadb, readCommitted: true}, whole, strings.Split("abcdefghi", ""), []string{"1 = 0"}},
		"none":                  {&Source{d: mariadb, readCommitted: true}, whole, nil, []string{"1 = 0"}},
		"another database":      {&Source{d: postgres}, whole, keys(1, 9), []string{`t."id" = ANY($1)`}},
	} {
		var got []string
		if err := tt.s.keyed(tt.t, "t", tt.keys, func(where func(*query), end string) error {
			b := &query{d: tt.s.d}
			where(b)
			got = append(got, b.add(end).String())
			return nil
		}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}
