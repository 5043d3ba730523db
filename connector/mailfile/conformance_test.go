package mailfile_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/connectortest"
	"github.com/gallra/gallra/connector/mailrecord/mailtest"
	"github.com/gallra/gallra/connector/safefile/safefiletest"
)

// layout puts seeds into one kind of mail file.
type layout struct {
	scheme, path string // path below the folder that is emptied
	keep         string
	seed         func(dir string, n int, s connectortest.Seed) error
	plant        string // file that the screens do not show
	frame        []string
}

var separator = regexp.MustCompile(`(?m)^From \S+ \w{3} \w{3} .*\n`)

func TestConformance(t *testing.T) {
	each(t, func(t *testing.T, l layout) {
		t.Parallel()
		connectortest.Run(t, harness(t, l))
	})
}

// TestS35_Faults fills the disk and breaks writes in the middle of rewriting.
func TestS35_Faults(t *testing.T) {
	each(t, func(t *testing.T, l layout) {
		h := harness(t, l)
		h.Faults = func(_ connectortest.TB, seed uint64) func() int { return safefiletest.Spoil(seed, 4) }
		connectortest.Faults(t, h)
	})
}

// each runs f for each kind of mail file.
func each(t *testing.T, f func(t *testing.T, l layout)) {
	appendTo := func(path, text string) error {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = f.WriteString(text)
		return err
	}
	boxed := func(s connectortest.Seed) string {
		return "From " + s.Email + " " + s.Updated.UTC().Format(time.ANSIC) + "\n" + strings.ReplaceAll(mailtest.Compose(s), "\r\n", "\n") + "\n"
	}
	for name, l := range map[string]layout{
		"mbox": {scheme: "mbox", path: "in.mbox", plant: "in.mbox.msf", frame: []string{"in.mbox"},
			seed: func(dir string, _ int, s connectortest.Seed) error {
				return appendTo(filepath.Join(dir, "in.mbox"), boxed(s))
			}},
		"mbox folder": {scheme: "mbox", keep: "folder", plant: "Skola.msf", frame: []string{"Skola"},
			seed: func(dir string, _ int, s connectortest.Seed) error {
				return appendTo(filepath.Join(dir, s.Keep), boxed(s))
			}},
		"maildir": {scheme: "maildir", keep: "folder", plant: "tmp/half", frame: []string{"cur/", "new/", "tmp/"},
			seed: func(dir string, n int, s connectortest.Seed) error {
				raw := mailtest.Compose(s)
				path := filepath.Join(dir, "."+s.Keep, "cur", fmt.Sprintf("%d.M%d.host,S=%d:2,S", 1700000000+n, n, len(raw)))
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					return err
				}
				if err := os.WriteFile(path, []byte(raw), 0o600); err != nil {
					return err
				}
				return os.Chtimes(path, s.Updated, s.Updated)
			}},
		"eml": {scheme: "eml",
			seed: func(dir string, n int, s connectortest.Seed) error {
				path := filepath.Join(dir, fmt.Sprintf("brev %d.eml", n))
				if err := os.WriteFile(path, []byte(mailtest.Compose(s)), 0o600); err != nil {
					return err
				}
				return os.Chtimes(path, s.Updated, s.Updated)
			}},
	} {
		t.Run(name, func(t *testing.T) { f(t, l) })
	}
}

func harness(t *testing.T, l layout) connectortest.Harness {
	dir := t.TempDir()
	must := func(tb connectortest.TB, err error) {
		tb.Helper()
		if err != nil {
			tb.Fatalf("harness: %v", err)
		}
	}
	n := 0
	h := connectortest.Harness{
		Name: "mailfile", Type: "mail", Email: "from", Named: "from_name", Text: "text", Keep: l.keep,
		Kinds:  []gallra.IdentifierKind{gallra.IdentEmail, gallra.IdentName},
		Clocks: []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated},
		Config: func(connectortest.TB) connector.Config {
			return connector.Config{System: "post", URL: l.scheme + ":" + filepath.Join(dir, l.path)}
		},
		Broken: func(connectortest.TB) []connector.Config {
			return []connector.Config{{System: "post", URL: l.scheme + ":" + filepath.Join(dir, "hemlig-mapp", "finns inte")}}
		},
		Secrets: []string{"hemlig-mapp"},
		Reset: func(tb connectortest.TB) {
			entries, err := os.ReadDir(dir)
			must(tb, err)
			for _, e := range entries {
				must(tb, os.RemoveAll(filepath.Join(dir, e.Name())))
			}
			for _, f := range l.frame {
				if strings.HasSuffix(f, "/") {
					must(tb, os.MkdirAll(filepath.Join(dir, f), 0o700))
				} else {
					must(tb, os.WriteFile(filepath.Join(dir, f), nil, 0o600))
				}
			}
		},
		Seed: func(tb connectortest.TB, seeds []connectortest.Seed) {
			for _, s := range seeds {
				n++
				must(tb, l.seed(dir, n, s))
			}
		},
		Stored: func(tb connectortest.TB) []connectortest.Place {
			var out []connectortest.Place
			must(tb, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				b, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				rel, _ := filepath.Rel(dir, path)
				folder := filepath.ToSlash(rel)
				if l.scheme != "mbox" {
					out = append(out, connectortest.Place{Where: rel, Value: folder + "\n" + mailtest.Decoded(string(b))})
					return nil
				}
				at := separator.FindAllStringIndex(string(b), -1)
				for i, m := range at {
					end := len(b)
					if i+1 < len(at) {
						end = at[i+1][0]
					}
					out = append(out, connectortest.Place{Where: fmt.Sprintf("%s, mail %d", rel, i+1), Value: folder + "\n" + string(b[m[0]:m[1]]) + mailtest.Decoded(string(b[m[1]:end]))})
				}
				if len(at) == 0 && len(b) > 0 {
					out = append(out, connectortest.Place{Where: rel, Value: string(b)})
				}
				return nil
			}))
			return out
		},
		Raw: func(tb connectortest.TB) []byte { return []byte(stored(t, dir)) },
		// Somebody files the mail under a label, as mail programs write it.
		Touch: func(tb connectortest.TB, s connectortest.Seed) {
			touched := false
			must(tb, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				b, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				mark := "Message-ID: <" + s.Key + "@"
				if got := strings.Replace(string(b), mark, "X-Label: brådskande\n"+mark, 1); got != string(b) {
					touched = true
					return os.WriteFile(path, []byte(got), 0o600)
				}
				return nil
			}))
			if !touched {
				tb.Fatalf("harness: no mail of the seed")
			}
		},
	}
	if l.plant != "" {
		h.Plant = func(tb connectortest.TB, text string) {
			must(tb, os.WriteFile(filepath.Join(dir, filepath.FromSlash(l.plant)), []byte(text), 0o600))
		}
	}
	return h
}
