package table_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

// source writes a file and opens it.
func source(tb testing.TB, scheme, content string, options map[string]string) (connector.Source, string) {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "fil")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		tb.Fatal(err)
	}
	s, err := connector.Open(tb.Context(), connector.Config{System: "s", URL: scheme + ":" + path, Options: options})
	if err != nil {
		tb.Fatal(err)
	}
	return s, path
}

func list(tb testing.TB, s connector.Source) connector.Page {
	tb.Helper()
	p, err := s.List(tb.Context(), connector.Query{Type: "row"})
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func content(tb testing.TB, path string) string {
	tb.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

// TestS35_OtherRowsKeepTheirBytes erases and edits the middle row of files
// written in every odd way.
func TestS35_OtherRowsKeepTheirBytes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ scheme, before, row, after, edited string }{
		"BOM, CRLF, needless quotes":       {"csv", "\uFEFF\"id\";namn;note\r\n1;\"Anna\";\"a;b\"\r\n", "2;Bo;x\r\n", "\"3\";Cissi;\"rad\r\nbruten \"\"så\"\"\"\r\n\r\n4;Dan;\r\n", "2;Bo;\"ny; text\"\r\n"},
		"windows-1252":                     {"csv", "id,namn,note\n1,\xc5sa,\xe5\n", "2,\xd6rjan,\x80\n", "3,Bj\xf6rn,\"\xe4,\"\n", "2,\xd6rjan,ny; text\n"},
		"spaces, ragged, no last line end": {"csv", "id;namn;note\n1 ; Anna;\n", "2;Bo;x;y;z\n", "3;Cissi;sist;", "2;Bo;\"ny; text\";y;z\n"},
		"jsonl":                            {"jsonl", "{\"id\":1, \"note\" : \"\\u00e5\"}\n", "{ \"id\":2,\"note\":null , \"n\":1.50}\n", "{\"id\":3,\"note\":\"c\",\"deep\":{\"a\":[1]}}\n", "{ \"id\":2,\"note\":\"ny; text\" , \"n\":1.50}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, erase := range []bool{true, false} {
				s, path := source(t, c.scheme, c.before+c.row+c.after, nil)
				rec := list(t, s).Records[1]
				want := c.before + c.after
				var err error
				if erase {
					_, err = s.(connector.Eraser).Erase(t.Context(), rec.Ref, rec.Version)
				} else {
					want = c.before + c.edited + c.after
					_, err = s.(connector.Editor).Edit(t.Context(), rec.Ref, rec.Version, []gallra.Field{{Name: "note", Value: "ny; text"}})
				}
				if err != nil {
					t.Fatal(err)
				}
				if got := content(t, path); got != want {
					t.Errorf("erase %v:\n got %q\nwant %q", erase, got, want)
				}
			}
		})
	}
}

// TestH4_WhatIsNoRowIsNamedAndKept: a line that cannot be understood is told and
// stays as it is.
func TestH4_WhatIsNoRowIsNamedAndKept(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		scheme, content, reason string
		rows                    int
	}{
		"half a row at the end":            {"csv", "id;namn;note\n1;Anna;x\n2;B", "table.row_truncated", 1},
		"a quotation mark open at the end": {"csv", "id;namn;note\n1;Anna;x\n2;Bo;\"hal", "table.row_truncated", 1},
		"a stray quotation mark":           {"csv", "id;namn;note\n1;\"Anna;x\n2;Bo;y\n3;Cissi;z\n", "table.quote_open", 2},
		"half an object at the end":        {"jsonl", "{\"id\":1}\n{\"id\":2,\"na", "table.row_truncated", 1},
		"no object":                        {"jsonl", "{\"id\":1}\n[1,2]\n{\"id\":3}\n", "table.row_malformed", 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, path := source(t, c.scheme, c.content, nil)
			p := list(t, s)
			if len(p.Records) != c.rows || len(p.Skipped) != 1 || p.Skipped[0].Reason != c.reason {
				t.Fatalf("%d rows, skipped %+v", len(p.Records), p.Skipped)
			}
			for _, r := range p.Records {
				if _, err := s.(connector.Eraser).Erase(t.Context(), r.Ref, ""); err != nil {
					t.Fatal(err)
				}
			}
			p = list(t, s)
			if len(p.Records) != 0 || len(p.Skipped) != 1 {
				t.Errorf("after the erasure: %d rows, skipped %+v; file %q", len(p.Records), p.Skipped, content(t, path))
			}
		})
	}
}

// TestRowsThatAreAlike erases one of three rows with the same bytes, in the
// order of the file and across batches: the others' references hold.
func TestRowsThatAreAlike(t *testing.T) {
	t.Parallel()
	s, path := source(t, "csv", "namn;note\nAnna;x\nBo;y\nAnna;x\nAnna;x\n", nil)
	rs := list(t, s).Records
	seen := map[string]bool{}
	for _, r := range rs {
		seen[r.Ref.ID] = true
	}
	if len(seen) != 4 {
		t.Fatalf("%d references for 4 rows", len(seen))
	}
	for _, i := range []int{0, 2, 3} {
		if _, err := s.(connector.Eraser).Erase(t.Context(), rs[i].Ref, rs[i].Version); err != nil {
			t.Fatalf("row %d: %v", i, err)
		}
		left, err := s.(connector.Verifier).Remains(t.Context(), []gallra.Ref{rs[i].Ref})
		if err != nil || len(left) > 0 {
			t.Errorf("row %d remains: %v, %v", i, left, err)
		}
	}
	if got := content(t, path); got != "namn;note\nBo;y\n" {
		t.Errorf("left: %q", got)
	}
}

// TestX1_ReferencesHoldNoPersonalValue: a personnummer or an address of mail as
// the id of a row is never shown.
func TestX1_ReferencesHoldNoPersonalValue(t *testing.T) {
	t.Parallel()
	s, _ := source(t, "csv", "personnummer,namn\n19811218-9876,Anna\n", map[string]string{"id": "personnummer"})
	m, _ := source(t, "csv", "id,namn\nanna@example.se,Anna\n8112189876,Bo\nA-17,Cissi\n", nil)
	for _, r := range append(list(t, s).Records, list(t, m).Records...) {
		for _, v := range []string{"9876", "anna", "@"} {
			if strings.Contains(r.Ref.ID, v) && !strings.HasPrefix(r.Ref.ID, "k-") {
				t.Errorf("reference %q", r.Ref.ID)
			}
		}
	}
	if id := list(t, m).Records[2].Ref.ID; id != "i-A-17" {
		t.Errorf("an id that tells nothing is not used as it is: %q", id)
	}
}

// TestH3_NameInTwoColumns finds a person whose names stand apart.
func TestH3_NameInTwoColumns(t *testing.T) {
	t.Parallel()
	s, _ := source(t, "csv", "id;förnamn;efternamn;handläggare;note\n1;Åsa;Sjöqvist;Bo Ek;\n2;Åsa;Ek;Åsa Sjöqvist;ringde Åsa Sjöqvist\n", nil)
	hits, err := s.(connector.Finder).Find(t.Context(), connector.Needles{Depth: connector.InText, Identifiers: []gallra.Identifier{{Kind: gallra.IdentName, Value: "Åsa Sjöqvist"}}}, "")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, h := range hits.Hits {
		got = append(got, fmt.Sprintf("%s %s %s %s", h.Ref.ID, h.Field, h.Role, h.Certainty))
	}
	want := "i-1 efternamn requester unsure|i-2 handläggare agent unsure|i-2 note mentioned unsure"
	if strings.Join(got, "|") != want {
		t.Errorf("got %s\nwant %s", strings.Join(got, "|"), want)
	}
}

// TestListAfterARewriteElsewhere goes on from a cursor after rows before and
// behind it have gone or changed.
func TestListAfterARewriteElsewhere(t *testing.T) {
	t.Parallel()
	rows := "namn;note\n"
	for i := range 20 {
		rows += fmt.Sprintf("Person %d;%d\n", i, i)
	}
	s, path := source(t, "csv", rows, nil)
	p, err := s.List(t.Context(), connector.Query{Type: "row", Limit: 5})
	if err != nil {
		t.Fatal(err)
	}
	// The first, the next two and the last go.
	for _, i := range []int{0, 5, 6, 19} {
		rows = strings.Replace(rows, fmt.Sprintf("Person %d;%d\n", i, i), "", 1)
	}
	if err := os.WriteFile(path, []byte(rows), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err = s.List(t.Context(), connector.Query{Type: "row", Cursor: p.Next})
	if err != nil || len(p.Records) != 12 {
		t.Fatalf("%d rows follow, %v", len(p.Records), err)
	}
	if v, _ := p.Records[0].Field("namn"); v != "Person 7" {
		t.Errorf("goes on at the wrong row")
	}
	if err := os.WriteFile(path, []byte("namn;note\nHelt;annat\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	q, err := s.List(t.Context(), connector.Query{Type: "row", Limit: 1})
	if err != nil || len(q.Records) != 1 {
		t.Fatalf("%v", err)
	}
}

// TestMemoryStaysFlat reads and rewrites a file of many rows.
func TestMemoryStaysFlat(t *testing.T) {
	const rows = 200_000
	path := filepath.Join(t.TempDir(), "stor.csv")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, "id;namn;e-post;anteckning")
	for i := range rows {
		fmt.Fprintf(w, "%d;Person Nummer%d;person%d@example.se;%s\n", i, i, i, "en anteckning som är lika lång för alla och inte säger något")
	}
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		t.Fatal(err)
	}
	s, err := connector.Open(t.Context(), connector.Config{System: "s", URL: "csv:" + path})
	if err != nil {
		t.Fatal(err)
	}
	var most uint64
	look := func() {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		most = max(most, m.HeapAlloc)
	}
	look()
	start := most
	q := connector.Query{Type: "row", Limit: 10_000, Fields: connector.FieldsKeep}
	seen := 0
	var items []connector.Item
	for {
		p, err := s.List(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		seen += len(p.Records)
		if len(items) == 0 {
			for _, r := range p.Records {
				items = append(items, connector.Item{Ref: r.Ref, IfVersion: r.Version})
			}
			items = items[:5000]
		}
		look()
		if q.Cursor = p.Next; p.Next == "" {
			break
		}
	}
	res, err := s.(connector.Batcher).EraseMany(t.Context(), items)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range res {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	look()
	if seen != rows {
		t.Errorf("%d rows of %d", seen, rows)
	}
	// The rows alone are 20 MB in the file.
	if grown := most - start; grown > 12<<20 {
		t.Errorf("%d MB held for a file of %d rows", grown>>20, rows)
	}
	if p := list(t, s); p.Total != rows-5000 {
		t.Errorf("%d rows left", p.Total)
	}
}

// fuzz checks on any file that erasing a row takes its bytes and no others.
func fuzz(t *testing.T, scheme, before string) {
	s, path := source(t, scheme, before, nil)
	p, err := s.List(t.Context(), connector.Query{Type: "row"})
	if err != nil || len(p.Records) == 0 {
		return
	}
	r := p.Records[len(p.Records)/2]
	if got, err := s.Get(t.Context(), r.Ref); err != nil || got.Version != r.Version {
		t.Fatalf("a listed row cannot be read: %v", err)
	}
	if _, err := s.(connector.Eraser).Erase(t.Context(), r.Ref, r.Version); err != nil {
		t.Fatalf("erase: %v", err)
	}
	after := content(t, path)
	k := 0
	for k < len(after) && after[k] == before[k] {
		k++
	}
	if len(after) >= len(before) || !strings.HasSuffix(before, after[k:]) {
		t.Fatalf("more than one row has changed:\n%q\n%q", before, after)
	}
}

func FuzzCSV(f *testing.F) {
	for _, s := range []string{"id;namn\n1;Anna\n2;Bo\n", "a,b\n\"x\ny\",z\n\"\"\"\"\n", "\uFEFFid\tx\r\n1\t\xe5\r\n", "a\n\"\n\"b\nc", "\n\na;b\n;;\n\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { fuzz(t, "csv", s) })
}

func FuzzJSONL(f *testing.F) {
	for _, s := range []string{"{\"id\":1}\n{\"id\":2,\"a\":[{}]}\n", "{}\n{\"\":null}\n", "{\"a\":\"\\ud800\"}\nx\n{\"a\":1}{\"a\":2}\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { fuzz(t, "jsonl", s) })
}
