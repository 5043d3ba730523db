package table_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/charmap"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/connectortest"
	"github.com/gallra/gallra/connector/safefile"
	"github.com/gallra/gallra/connector/safefile/safefiletest"
	_ "github.com/gallra/gallra/connector/table"
)

var header = []string{"id", "namn", "e-post", "telefon", "personnummer", "anteckning", "kategori", "skapad", "ändrad", "senaste kontakt", "avslutad"}

func cells(id int, s connectortest.Seed) []string {
	out := []string{fmt.Sprint(id), s.Name, s.Email, s.Phone, s.Personnummer, s.Text, s.Keep}
	for _, t := range []time.Time{s.Created, s.Updated, s.Contact, s.Closed} {
		v := ""
		if !t.IsZero() {
			v = t.Format(time.RFC3339)
		}
		out = append(out, v)
	}
	return out
}

// file is a format as the harness writes and reads it, with code of its own.
type file struct {
	scheme string
	ids    bool
	begin  string
	write  func(row []string) string
	read   func(b []byte) ([][]string, error)
	latin  bool
}

func csvFile(comma rune, bom string, crlf, ids, latin bool) file {
	names := header
	if !ids {
		names = header[1:]
	}
	line := func(row []string) string {
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		w.Comma, w.UseCRLF = comma, false
		_ = w.Write(row) // into memory
		w.Flush()
		s := b.String()
		if crlf {
			s = strings.TrimSuffix(s, "\n") + "\r\n"
		}
		if latin {
			s, _ = charmap.Windows1252.NewEncoder().String(s)
		}
		return s
	}
	return file{scheme: "csv", ids: ids, begin: bom + line(names), write: line, latin: latin, read: func(b []byte) ([][]string, error) {
		if latin {
			b, _ = charmap.Windows1252.NewDecoder().Bytes(b)
		}
		r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(b, []byte("\uFEFF"))))
		r.Comma, r.FieldsPerRecord, r.LazyQuotes = comma, -1, true
		return r.ReadAll()
	}}
}

func jsonFile() file {
	return file{scheme: "jsonl", ids: true, write: func(row []string) string {
		var b strings.Builder
		b.WriteString("{")
		for i, n := range header {
			if i > 0 {
				b.WriteString(", ")
			}
			k, _ := json.Marshal(n)
			v, _ := json.Marshal(row[i])
			if i == 0 {
				v = []byte(row[0])
			}
			fmt.Fprintf(&b, "%s : %s", k, v)
		}
		return b.String() + "}\n"
	}, read: func(b []byte) ([][]string, error) {
		var out [][]string
		d := json.NewDecoder(bytes.NewReader(b))
		for {
			var m map[string]any
			if err := d.Decode(&m); err == io.EOF {
				return out, nil
			} else if err != nil {
				return nil, err
			}
			var row []string
			for _, n := range header {
				row = append(row, fmt.Sprint(m[n]))
			}
			out = append(out, row)
		}
	}}
}

func harness(t *testing.T, f file) connectortest.Harness {
	path := filepath.Join(t.TempDir(), "lista."+f.scheme)
	next := 0
	ids := map[string]int{}
	must := func(tb connectortest.TB, err error) {
		tb.Helper()
		if err != nil {
			tb.Fatalf("harness: %v", err)
		}
	}
	row := func(s connectortest.Seed) string {
		r := cells(ids[s.Key], s)
		if !f.ids {
			r = r[1:]
		}
		return f.write(r)
	}
	look := func(tb connectortest.TB, path string) []connectortest.Place {
		b, err := os.ReadFile(path)
		must(tb, err)
		rows, err := f.read(b)
		must(tb, err)
		var out []connectortest.Place
		for i, r := range rows {
			out = append(out, connectortest.Place{Where: fmt.Sprintf("row %d", i+1), Value: strings.Join(r, "\x00")})
		}
		return out
	}
	config := connector.Config{System: "lista", URL: f.scheme + ":" + path}
	h := connectortest.Harness{
		Name: f.scheme, Type: "row", Email: "e-post", Named: "namn", Text: "anteckning", Keep: "kategori",
		Kinds:  []gallra.IdentifierKind{gallra.IdentEmail, gallra.IdentPhone, gallra.IdentPersonnummer, gallra.IdentName},
		Clocks: []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated, gallra.StartLastContact, gallra.StartClosed},
		Config: func(connectortest.TB) connector.Config { return config },
		Broken: func(connectortest.TB) []connector.Config {
			return []connector.Config{
				{System: "lista", URL: f.scheme + ":" + path + ".saknas"},
				{System: "lista", URL: f.scheme + ":" + filepath.Dir(path)},
				{System: "lista", URL: f.scheme + ":"},
				{System: "lista", URL: config.URL, Options: map[string]string{"timezone": "Nowhere/Land"}},
			}
		},
		Reset: func(tb connectortest.TB) {
			for _, c := range safefile.Copies(path) {
				must(tb, os.RemoveAll(c))
			}
			must(tb, os.WriteFile(path, []byte(f.begin), 0o600))
		},
		Seed: func(tb connectortest.TB, ss []connectortest.Seed) {
			w, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			must(tb, err)
			for _, s := range ss {
				next++
				ids[s.Key] = next
				_, err := w.WriteString(row(s))
				must(tb, err)
			}
			must(tb, w.Close())
		},
		Stored: func(tb connectortest.TB) []connectortest.Place {
			out := look(tb, path)
			for _, c := range safefile.Copies(path) {
				b, err := os.ReadFile(c)
				must(tb, err)
				out = append(out, connectortest.Place{Where: "copy", Value: string(b)})
			}
			return out
		},
		Raw: func(tb connectortest.TB) []byte {
			b, err := os.ReadFile(path)
			must(tb, err)
			return b
		},
		Plant: func(tb connectortest.TB, text string) {
			must(tb, os.WriteFile(path+".bak", []byte(text), 0o600))
		},
		FailWrites: func(tb connectortest.TB, on bool) {
			// A folder of that name, with something in it, cannot be replaced.
			if on {
				must(tb, os.MkdirAll(filepath.Join(safefile.Temp(path), "x"), 0o700))
			} else {
				must(tb, os.RemoveAll(safefile.Temp(path)))
			}
		},
	}
	h.PutBack = func(tb connectortest.TB, _ gallra.Ref, s connectortest.Seed) {
		must(tb, os.WriteFile(path+".bak", []byte(f.begin+row(s)), 0o600))
	}
	if f.ids {
		h.Touch = func(tb connectortest.TB, s connectortest.Seed) {
			b, err := os.ReadFile(path)
			must(tb, err)
			old := row(s)
			s.Updated = s.Updated.Add(time.Hour)
			must(tb, os.WriteFile(path, bytes.Replace(b, []byte(old), []byte(row(s)), 1), 0o600))
		}
	}
	if f.latin {
		h.Texts = []string{"å ä ö Å Ä Ö é ü ß ñ — “citat” ’ €", "rad ett\r\nrad två", "\ttabb; semikolon, \"citat\"", strings.Repeat("Lång text åäö. ", 1500)}
	}
	return h
}

// TestS35_FilesKeepTheContract runs the suite over files of every kind; the
// harness reads them with other code than the connector.
func TestS35_FilesKeepTheContract(t *testing.T) {
	for name, f := range map[string]file{
		"csv semicolon BOM CRLF": csvFile(';', "\uFEFF", true, true, false),
		"csv comma":              csvFile(',', "", false, true, false),
		"csv tab, no ids":        csvFile('\t', "", false, false, false),
		"csv windows-1252":       csvFile(';', "", true, true, true),
		"jsonl":                  jsonFile(),
	} {
		t.Run(name, func(t *testing.T) { connectortest.Run(t, harness(t, f)) })
		t.Run(name+" on a failing disk", func(t *testing.T) {
			h := harness(t, f)
			h.Faults = func(_ connectortest.TB, seed uint64) func() int { return safefiletest.Spoil(seed, 4) }
			connectortest.Faults(t, h)
		})
	}
}
