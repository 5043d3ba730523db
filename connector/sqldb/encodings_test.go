package sqldb_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html"
	"io"
	"net/url"
	"os"
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

// encodings are the ways in which products write a text down.
func encodings(t *testing.T) map[string]func(string) []byte {
	packed := func(open func(io.Writer) io.WriteCloser) func(string) []byte {
		return func(s string) []byte {
			var b bytes.Buffer
			w := open(&b)
			if _, err := io.WriteString(w, s); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			return b.Bytes()
		}
	}
	gz := packed(func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) })
	escaped := func(s string) string {
		var b strings.Builder
		for _, r := range s {
			if r < 0x80 {
				b.WriteRune(r)
			} else {
				fmt.Fprintf(&b, `\u%04x`, r)
			}
		}
		return b.String()
	}
	entities := func(form string) func(string) []byte {
		return func(s string) []byte {
			var b strings.Builder
			for _, r := range s {
				if r < 0x80 {
					b.WriteRune(r)
				} else {
					fmt.Fprintf(&b, form, r)
				}
			}
			return []byte(b.String())
		}
	}
	must := func(b []byte, err error) []byte {
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	return map[string]func(string) []byte{
		"plain":                  func(s string) []byte { return []byte(s) },
		"base64":                 func(s string) []byte { return []byte(base64.StdEncoding.EncodeToString([]byte(s))) },
		"base64 in lines":        func(s string) []byte { return []byte(lines(base64.StdEncoding.EncodeToString([]byte(s)), 20)) },
		"base64 without padding": func(s string) []byte { return []byte(base64.RawStdEncoding.EncodeToString([]byte(s + "1"))) },
		"base64 for addresses":   func(s string) []byte { return []byte(base64.URLEncoding.EncodeToString([]byte(s + " ÿþ~?"))) },
		"base64 within a text": func(s string) []byte {
			return []byte("data:text/plain;base64," + base64.StdEncoding.EncodeToString([]byte(s)))
		},
		"base64 twice": func(s string) []byte {
			return []byte(base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(s)))))
		},
		"quoted-printable":     func(s string) []byte { return []byte(quotedPrintable(s)) },
		"latin1":               func(s string) []byte { return must(charmap.ISO8859_1.NewEncoder().Bytes([]byte(s))) },
		"UTF-8 read as latin1": func(s string) []byte { return must(charmap.ISO8859_1.NewDecoder().Bytes([]byte(s))) },
		"UTF-16": func(s string) []byte {
			return must(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().Bytes([]byte(s)))
		},
		"JSON":               func(s string) []byte { return []byte(`{"a":["` + escaped(s) + `"]}`) },
		"JSON within a text": func(s string) []byte { return []byte(`rad 1: "` + escaped(s) + `"`) },
		"JSON within JSON": func(s string) []byte {
			return []byte(`{"a":"{\"b\":\"` + strings.ReplaceAll(escaped(s), `\`, `\\`) + `\"}"}`)
		},
		"HTML": func(s string) []byte {
			return []byte("<p>" + strings.ReplaceAll(html.EscapeString(s), " ", "&nbsp;") + "</p>")
		},
		"HTML numbers":     entities("&#%d;"),
		"HTML hexadecimal": entities("&#x%X;"),
		"address":          func(s string) []byte { return []byte("q=" + url.QueryEscape(s) + "&x=1") },
		"gzip":             gz,
		"gzip in base64":   func(s string) []byte { return []byte(base64.StdEncoding.EncodeToString(gz(s))) },
		"zlib":             packed(func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }),
		"zlib after a length": func(s string) []byte {
			return append([]byte{0, 0, 0, byte(len(s))}, packed(func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) })(s)...)
		},
		"hexadecimal": func(s string) []byte { return []byte(hex.EncodeToString([]byte(s))) },
		"PHP":         func(s string) []byte { return []byte(fmt.Sprintf(`a:1:{s:4:"name";s:%d:"%s";}`, len(s), s)) },
		"mail in base64": func(s string) []byte {
			return []byte("From: a@b.se\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.StdEncoding.EncodeToString([]byte(s)))
		},
		"header of a mail, base64": func(s string) []byte {
			return []byte("Subject: =?utf-8?B?" + base64.StdEncoding.EncodeToString([]byte(s)) + "?=\r\n")
		},
		"deflate without any head": packed(func(w io.Writer) io.WriteCloser { f, _ := flate.NewWriter(w, 6); return f }),
	}
}

// unseen are the forms that the search does not open, and says nowhere that it
// did: what is written here is a known hole.
var unseen = map[string]bool{"deflate without any head": true}

func lines(s string, n int) string {
	var b strings.Builder
	for len(s) > n {
		b.WriteString(s[:n] + "\r\n")
		s = s[n:]
	}
	return b.String() + s
}

// The leftovers search reads every column of text or bytes of every table, those
// that no profile speaks of too, and opens what is written in another form.
func TestG7_LeftoversInAnyFormInATableNobodyListed(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*testing.T) *product{"sqlite": helpdesk, "postgres": chatwoot, "mariadb": osTicket} {
		t.Run(name, func(t *testing.T) {
			if name != "sqlite" && os.Getenv(map[string]string{"postgres": "GALLRA_TEST_POSTGRES", "mariadb": "GALLRA_TEST_MARIADB"}[name]) == "" {
				t.Skip("no server: ./test starts one")
			}
			t.Parallel()
			p := open(t)
			blob, text := "BLOB", "TEXT"
			if p.kind == "postgres" {
				blob = "bytea"
			}
			table := p.prefix + "tillagg_x"
			p.exec(t, fmt.Sprintf("CREATE TABLE %s (n integer, t %s, b %s)", table, text, blob))
			src := p.source(t)
			for form, encode := range encodings(t) {
				for what, id := range map[string]gallra.Identifier{
					"name":         {Kind: gallra.IdentName, Value: "Åsa Öberg"},
					"email":        {Kind: gallra.IdentEmail, Value: "asa.oberg@mail.example"},
					"personnummer": {Kind: gallra.IdentPersonnummer, Value: "850312-9887"},
				} {
					said := encode("Hej! Det här är från " + id.Value + " om bygglovet.")
					for _, col := range []string{"b", "t"} {
						if col == "t" && (bytes.ContainsRune(said, 0) || !strings.Contains(string(said), "H") && !isText(said) || !isText(said)) {
							continue // a column of text takes no bytes
						}
						p.exec(t, "DELETE FROM "+table)
						var v any = said
						if col == "t" {
							v = string(said)
						}
						mark := "?"
						if p.kind == "postgres" {
							mark = "$1"
						}
						p.exec(t, "INSERT INTO "+table+" ("+col+") VALUES ("+mark+")", v)
						found := false
						for cursor := ""; ; {
							r, err := src.(connector.Searcher).Leftovers(t.Context(), connector.Needles{Identifiers: []gallra.Identifier{id}, Depth: connector.InText}, cursor)
							if err != nil {
								t.Fatal(err)
							}
							for _, x := range r.Residues {
								found = found || x.Where == table+"."+col
							}
							if cursor = r.Next; cursor == "" {
								break
							}
						}
						if found == unseen[form] {
							t.Errorf("%s in %s as %s: found %v", what, col, form, found)
						}
					}
				}
			}
		})
	}
}

func isText(b []byte) bool {
	return strings.ToValidUTF8(string(b), "\x00") == string(b) && !bytes.ContainsRune(b, 0)
}
