package table_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/connectortest"
	"github.com/gallra/gallra/connector/safefile"
	"github.com/gallra/gallra/connector/safefile/safefiletest"
)

// texts returns every piece of text and every attribute in the parts of a
// workbook, read with code of this test's own.
func texts(tb connectortest.TB, path string) []connectortest.Place {
	b, err := os.ReadFile(path)
	if err != nil {
		tb.Fatalf("harness: %v", err)
	}
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return []connectortest.Place{{Where: "file", Value: string(b)}}
	}
	var out []connectortest.Place
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			tb.Fatalf("harness: %v", err)
		}
		d := xml.NewDecoder(r)
		var text strings.Builder
		n := 0
		add := func(v string) {
			if strings.TrimSpace(v) != "" && v != "\u2014" {
				n++
				out = append(out, connectortest.Place{Where: fmt.Sprintf("%s %d", f.Name, n), Value: strings.ReplaceAll(v, "_x000D_", "\r")})
			}
		}
		for {
			t, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				tb.Fatalf("harness: %s: %v", f.Name, err)
			}
			switch t := t.(type) {
			case xml.StartElement:
				for _, a := range t.Attr {
					if strings.ContainsAny(a.Value, "@") {
						add(a.Value)
					}
				}
			case xml.CharData:
				text.Write(t)
			case xml.EndElement:
				if t.Name.Local == "si" || t.Name.Local == "c" || t.Name.Local == "comment" {
					add(text.String())
				}
				if t.Name.Local != "t" && t.Name.Local != "r" {
					text.Reset()
				}
			}
		}
	}
	return out
}

func workbookHarness(t *testing.T) connectortest.Harness {
	h := harness(t, file{scheme: "xlsx", ids: true})
	path := h.Config(nil).Path()
	must := func(tb connectortest.TB, err error) {
		tb.Helper()
		if err != nil {
			tb.Fatalf("harness: %v", err)
		}
	}
	next, ids, shared := 0, map[string]int{}, map[string]bool{}
	change := func(tb connectortest.TB, path string, f func(*excelize.File)) {
		x, err := excelize.OpenFile(path)
		must(tb, err)
		f(x)
		must(tb, x.SaveAs(path))
		must(tb, x.Close())
	}
	fresh := func(tb connectortest.TB, path string) {
		x := excelize.NewFile()
		for i, n := range header {
			at, _ := excelize.CoordinatesToCellName(i+1, 1)
			must(tb, x.SetCellStr("Sheet1", at, n))
		}
		must(tb, x.SaveAs(path))
		must(tb, x.Close())
	}
	write := func(tb connectortest.TB, x *excelize.File, row int, s connectortest.Seed) {
		for i, v := range cells(ids[s.Key], s) {
			at, _ := excelize.CoordinatesToCellName(i+1, row)
			must(tb, x.SetCellStr("Sheet1", at, v))
		}
	}
	row := func(tb connectortest.TB, x *excelize.File, s connectortest.Seed) int {
		rows, err := x.GetRows("Sheet1")
		must(tb, err)
		for i, r := range rows {
			if len(r) > 0 && r[0] == fmt.Sprint(ids[s.Key]) {
				return i + 1
			}
		}
		return len(rows) + 1
	}
	h.Reset = func(tb connectortest.TB) {
		for _, c := range safefile.Copies(path) {
			must(tb, os.RemoveAll(c))
		}
		fresh(tb, path)
	}
	h.Seed = func(tb connectortest.TB, ss []connectortest.Seed) {
		change(tb, path, func(x *excelize.File) {
			for _, s := range ss {
				next++
				ids[s.Key] = next
				for _, v := range cells(0, s)[6:] {
					shared[v] = true
				}
				write(tb, x, row(tb, x, s), s)
			}
		})
	}
	h.Stored = func(tb connectortest.TB) []connectortest.Place {
		// That another program still opens the file, and what it sees in it.
		x, err := excelize.OpenFile(path)
		must(tb, err)
		rows, err := x.GetRows("Sheet1")
		must(tb, err)
		must(tb, x.Close())
		var out []connectortest.Place
		for _, r := range rows {
			if len(r) > 0 {
				out = append(out, connectortest.Place{Where: "row " + r[0], Value: strings.Join(r, "\x00")})
			}
		}
		for _, p := range texts(tb, path) {
			if shared[p.Value] { // a string of several rows is nobody's, and goes with the last
				continue
			}
			p.Where = "text " + p.Value // its number changes with the strings before it
			out = append(out, p)
		}
		for _, c := range safefile.Copies(path) {
			out = append(out, texts(tb, c)...)
		}
		return out
	}
	h.PutBack = func(tb connectortest.TB, _ gallra.Ref, s connectortest.Seed) {
		copied := strings.TrimSuffix(path, ".xlsx") + "-kopia.xlsx" // excelize goes by the name
		fresh(tb, copied)
		change(tb, copied, func(x *excelize.File) { write(tb, x, 2, s) })
		must(tb, os.Rename(copied, path+".bak"))
	}
	h.Touch = func(tb connectortest.TB, s connectortest.Seed) {
		change(tb, path, func(x *excelize.File) {
			at := row(tb, x, s)
			s.Updated = s.Updated.Add(time.Hour)
			for _, v := range cells(0, s)[6:] {
				shared[v] = true
			}
			write(tb, x, at, s)
		})
	}
	return h
}

// TestS35_WorkbookKeepsTheContract runs the suite over a workbook that another
// program writes and reads.
func TestS35_WorkbookKeepsTheContract(t *testing.T) {
	connectortest.Run(t, workbookHarness(t))
	t.Run("on a failing disk", func(t *testing.T) {
		h := workbookHarness(t)
		h.Faults = func(_ connectortest.TB, seed uint64) func() int { return safefiletest.Spoil(seed, 4) }
		connectortest.Faults(t, h)
	})
}

func openWorkbook(t *testing.T, path string) connector.Source {
	t.Helper()
	s, err := connector.Open(t.Context(), connector.Config{System: "lista", URL: "xlsx:" + path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func all(t *testing.T, s connector.Source) []gallra.Record {
	t.Helper()
	p, err := s.List(t.Context(), connector.Query{Type: "row"})
	if err != nil {
		t.Fatal(err)
	}
	return p.Records
}

func value(r gallra.Record, name string) string {
	for _, f := range r.Fields {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// TestH14_WorkbookForgetsItsCopies: what goes from the cells goes from notes,
// links, filters, shared strings, charts and checks of values too, and what
// another row says stays.
func TestH14_WorkbookForgetsItsCopies(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kunder.xlsx")
	x := excelize.NewFile()
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	do(x.SetCellStr("Sheet1", "A1", "Kundlista hösten"))
	for i, r := range [][]any{
		{"Namn", "E-post", "Personnummer", "Senaste kontakt", "Belopp", "Dubbelt"},
		{"Åsa Öberg", "asa.oberg@example.se", 198509082395, time.Date(2021, 3, 4, 0, 0, 0, 0, time.UTC), 120.5, nil},
		{"Bo Ek", "bo.ek@example.se", 197001011234, time.Date(2022, 5, 6, 7, 8, 9, 0, time.UTC), 99, nil},
	} {
		do(x.SetSheetRow("Sheet1", fmt.Sprintf("A%d", i+2), &r))
	}
	ref, kind := "F3:F4", excelize.STCellFormulaTypeShared
	do(x.SetCellFormula("Sheet1", "F3", "E3*2", excelize.FormulaOpts{Ref: &ref, Type: &kind}))
	do(x.AddComment("Sheet1", excelize.Comment{Cell: "A3", Author: "Handläggare", Text: "Åsa Öberg ringde, gråt"}))
	do(x.AddComment("Sheet1", excelize.Comment{Cell: "A4", Author: "Handläggare", Text: "Bo vill bli uppringd"}))
	do(x.SetCellHyperLink("Sheet1", "B3", "mailto:asa.oberg@example.se?subject=hej", "External"))
	valid := excelize.NewDataValidation(true)
	valid.Sqref = "G2:G9"
	do(valid.SetDropList([]string{"ja", "nej"}))
	do(x.AddDataValidation("Sheet1", valid))
	do(x.AutoFilter("Sheet1", "A2:F4", []excelize.AutoFilterOptions{{Column: "B", Expression: "x == asa.oberg@example.se"}}))
	_, err := x.NewSheet("Dold")
	do(err)
	do(x.SetSheetRow("Dold", "A1", &[]any{"Namn", "Ort"}))
	do(x.SetSheetRow("Dold", "A2", &[]any{"Bo Ek", "Umeå"}))
	do(x.SetSheetVisible("Dold", false))
	do(x.SaveAs(path))
	do(x.Close())

	s := openWorkbook(t, path)
	rs := all(t, s)
	if len(rs) != 4 {
		t.Fatalf("%d rows, want the title, two customers and the hidden sheet's one", len(rs))
	}
	asa := rs[1]
	for name, want := range map[string]string{"Personnummer": "198509082395", "Senaste kontakt": "2021-03-04", "Belopp": "120.5", "comments": "Åsa Öberg ringde, gråt"} {
		if got := value(asa, name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got := value(rs[2], "Senaste kontakt"); got != "2022-05-06 07:08:09" {
		t.Errorf("a time of day: %q", got)
	}
	if at, ok := asa.Event(gallra.StartLastContact); !ok || at.Format(time.DateOnly) != "2021-03-04" {
		t.Errorf("last contact: %v %v", at, ok)
	}
	if got := value(rs[3], "Ort"); got != "Umeå" {
		t.Errorf("hidden sheet: %q", got)
	}
	r, err := s.(connector.Eraser).Erase(t.Context(), asa.Ref, asa.Version)
	if err != nil || r.Grade != gallra.GradeDerived {
		t.Fatalf("erase: %v, grade %v", err, r.Grade)
	}
	var left []string
	for _, p := range texts(t, path) {
		for _, v := range []string{"Åsa", "asa.oberg", "198509082395", "gråt"} {
			if strings.Contains(p.Value, v) {
				left = append(left, p.Where+": "+p.Value)
			}
		}
	}
	raw, err := os.ReadFile(path)
	do(err)
	for _, part := range []string{"xl/worksheets/sheet1.xml", "xl/worksheets/_rels/sheet1.xml.rels"} {
		if b := unzip(t, raw, part); strings.Contains(b, "asa.oberg") || strings.Contains(b, "Åsa") {
			left = append(left, part)
		}
	}
	if len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	y, err := excelize.OpenFile(path)
	do(err)
	defer y.Close()
	for at, want := range map[string]string{"A4": "Bo Ek", "C4": "197001011234", "A1": "Kundlista hösten", "A3": ""} {
		if got, err := y.GetCellValue("Sheet1", at); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", at, got, err, want)
		}
	}
	notes, err := y.GetComments("Sheet1")
	do(err)
	if !slices.ContainsFunc(notes, func(c excelize.Comment) bool { return c.Cell == "A4" && strings.Contains(c.Text, "uppringd") }) {
		t.Errorf("the other row's note is gone: %v", notes)
	}
	// A note is edited where it stands, and a cell keeps its style.
	bo := all(t, s)[1]
	if _, err := s.(connector.Editor).Edit(t.Context(), bo.Ref, bo.Version, []gallra.Field{{Name: "comments", Value: "vill bli uppringd"}, {Name: "Namn", Value: "[NAMN 1]"}}); err != nil {
		t.Fatal(err)
	}
	bo = all(t, s)[1]
	if value(bo, "comments") != "vill bli uppringd" || value(bo, "Namn") != "[NAMN 1]" || value(bo, "E-post") != "bo.ek@example.se" {
		t.Errorf("after the edit: %v", bo.Fields)
	}
	if b := unzip(t, mustRead(t, path), "xl/sharedStrings.xml"); !strings.Contains(b, "Bo Ek") {
		t.Error("the name that the hidden sheet still holds went from the shared strings")
	}
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func unzip(t *testing.T, b []byte, name string) string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	f, err := z.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestH4_WorkbookThatCannotBeRead names each reason.
func TestH4_WorkbookThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		content string
		want    error
	}{
		"old.xlsx":  {"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1 and so on", gallra.ErrUnsupported},
		"half.xlsx": {"PK\x03\x04 half a download", gallra.ErrUnavailable},
		"word.xlsx": {zipOf(t, "word/document.xml", "<a/>"), gallra.ErrInvalid},
		"bad.xlsx":  {zipOf(t, "xl/workbook.xml", "<workbook/>", "xl/worksheets/sheet1.xml", "<worksheet><sheetData><c/></sheetData></worksheet>"), gallra.ErrInvalid},
		"bomb.xlsx": {zipOf(t, "xl/workbook.xml", "<workbook/>", "xl/worksheets/sheet1.xml", strings.Repeat(" ", 40<<20)), gallra.ErrUnsupported},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := openWorkbook(t, path).Check(context.Background()); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func zipOf(t *testing.T, namesAndContents ...string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(namesAndContents); i += 2 {
		w, err := z.Create(namesAndContents[i])
		if err == nil {
			_, err = io.WriteString(w, namesAndContents[i+1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// FuzzWorkbookSheet: no sheet makes the connector panic or hang.
func FuzzWorkbookSheet(f *testing.F) {
	f.Add(`<worksheet><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>Namn</t></is></c></row><row r="2"><c r="A2"><v>1</v></c></row></sheetData></worksheet>`)
	f.Add(`<x:worksheet xmlns:x="a"><x:sheetData><x:row><x:c t="s"><x:v>9</x:v></x:c></x:row></x:sheetData></x:worksheet>`)
	f.Fuzz(func(t *testing.T, sheet string) {
		path := filepath.Join(t.TempDir(), "f.xlsx")
		if err := os.WriteFile(path, []byte(zipOf(t, "xl/workbook.xml", "<workbook/>", "xl/worksheets/sheet1.xml", sheet)), 0o600); err != nil {
			t.Fatal(err)
		}
		s := openWorkbook(t, path)
		p, err := s.List(t.Context(), connector.Query{Type: "row"})
		if err != nil || len(p.Records) == 0 {
			return
		}
		before := len(p.Records)
		if _, err := s.(connector.Eraser).Erase(t.Context(), p.Records[0].Ref, ""); err != nil {
			t.Fatalf("erase: %v", err)
		}
		if after := len(all(t, s)); after != before-1 {
			t.Errorf("%d rows, then %d", before, after)
		}
	})
}
