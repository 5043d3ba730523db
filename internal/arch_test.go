// Package internal_test holds the import rules of the house (ARCHITECTURE.md):
// imports point down only.
package internal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/gallra/gallra"

// pkg is a package as go list tells of it; names are below the module.
type pkg struct {
	ImportPath string
	Imports    []string // of its code, not of its tests
}

// own returns the packages of this module that p imports.
func (p pkg) own() []string {
	var out []string
	for _, i := range p.Imports {
		if i == module || strings.HasPrefix(i, module+"/") {
			out = append(out, name(i))
		}
	}
	return out
}

// name returns a path below the module; "." is its root.
func name(importPath string) string {
	return path.Clean(strings.TrimPrefix(strings.TrimPrefix(importPath, module), "/"))
}

// under reports whether a package is one of the given ones or below it.
func under(p string, tops ...string) bool {
	return slices.ContainsFunc(tops, func(t string) bool { return p == t || strings.HasPrefix(p, t+"/") })
}

func packages(t *testing.T) []pkg {
	t.Helper()
	ps, err := list()
	if err != nil {
		t.Fatal(err)
	}
	return ps
}

var list = sync.OnceValues(func() ([]pkg, error) {
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Imports", module+"/...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w: %s", err, stderr.String())
	}
	var ps []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		ps = append(ps, p)
	}
	if len(ps) < 20 {
		return nil, fmt.Errorf("go list names %d packages: the rules would be tried on nothing", len(ps))
	}
	return ps, nil
})

// shared are the packages that several connectors build on; they are no
// connectors themselves.
var shared = []string{"connector/mailrecord", "connector/safefile", "connector/rest", "connector/zipfile", "connector/jsonedit", "connector/desk"}

// may says which packages of the module a package may import. The first rule
// whose packages include it counts.
var may = []struct {
	what    []string
	imports []string
	why     string
}{
	{[]string{"."}, nil, "the words and pure rules rest on the standard library alone"},
	{[]string{"pii", "deadline", "document"}, []string{".", "pii", "document"}, "text, dates and files are libraries that know no system"},
	{[]string{"anonymise"}, []string{".", "pii", "document", "connector"}, "it speaks of fields, not of systems"},
	{[]string{"connector/all"}, []string{"connector"}, "it registers connectors and does nothing else"},
	{[]string{"connector/connectortest"}, []string{".", "connector"}, "the suite knows no connector"},
	{[]string{"connector"}, append([]string{".", "connector", "pii", "document"}, shared...), "a connector knows the contract and its client, not the product"},
	{[]string{"internal/i18n", "internal/store", "internal/shareddata"}, []string{".", "internal/store"}, "the ground floor"},
	{[]string{"internal/evidence", "internal/work"}, []string{".", "internal/store"}, "what every job leans on leans on none"},
	{[]string{"internal"}, []string{".", "pii", "deadline", "document", "anonymise", "connector", "internal"}, "nothing below the command line knows the command line"},
}

func TestImportsPointDown(t *testing.T) {
	for _, p := range packages(t) {
		n := name(p.ImportPath)
		for _, r := range may {
			if !under(n, r.what...) && !(n == "." && slices.Contains(r.what, ".")) {
				continue
			}
			for _, i := range p.own() {
				ok := slices.ContainsFunc(r.imports, func(top string) bool { return i == top || top != "." && under(i, top) })
				if !ok && !under(i, n) && !sameFamily(n, i) {
					t.Errorf("%s imports %s: %s", n, i, r.why)
				}
			}
			break
		}
	}
}

// sameFamily reports whether two packages share a parent that keeps them
// internal to it.
func sameFamily(a, b string) bool {
	top, _, ok := strings.Cut(b, "/internal/")
	return ok && under(a, top)
}

// TestConnectorsAreStrangers: no connector knows another, and nobody knows a
// connector but connector/all and the tests.
func TestConnectorsAreStrangers(t *testing.T) {
	for _, p := range packages(t) {
		n := name(p.ImportPath)
		for _, i := range p.own() {
			if !under(i, "connector") || i == "connector" || under(i, "connector/all", "connector/connectortest") || under(i, shared...) {
				continue
			}
			if i == "connector/memory" && n == "internal/web/webtest" {
				continue // the reference connector is what tests are built on, and webtest is a test's
			}
			if n != "connector/all" && !under(n, i) && !under(i, parent(n)) {
				t.Errorf("%s imports the connector %s", n, i)
			}
		}
	}
}

// parent returns the connector that a package below it belongs to; the package
// itself when it is one.
func parent(n string) string {
	p := strings.SplitN(n, "/", 3)
	if p[0] != "connector" || len(p) < 3 {
		return n
	}
	return p[0] + "/" + p[1]
}

// TestJobsDoNotKnowEachOther: the jobs of the product meet in job, web and the
// command line only.
func TestJobsDoNotKnowEachOther(t *testing.T) {
	jobs := []string{"internal/inventory", "internal/retention", "internal/request"}
	above := []string{"internal/job", "internal/web", "internal/api", "internal/report", "internal/auth"}
	for _, p := range packages(t) {
		n := name(p.ImportPath)
		if !under(n, jobs...) {
			continue
		}
		for _, i := range p.own() {
			if under(i, jobs...) && !under(i, n) && !under(n, i) || under(i, above...) {
				t.Errorf("%s imports %s", n, i)
			}
		}
	}
}

// TestForeignPackagesHaveOneDoor: what ties the product to a library is in one
// place.
func TestForeignPackagesHaveOneDoor(t *testing.T) {
	for _, r := range []struct {
		foreign []string
		doors   []string
	}{
		{[]string{"github.com/riverqueue"}, []string{"internal/job"}},
		// demo fills databases as other products would; testserver starts them.
		{[]string{"modernc.org/sqlite", "github.com/go-sql-driver/mysql", "github.com/lib/pq"}, []string{"internal/store", "internal/demo", "internal/testserver", "connector"}},
		{[]string{"github.com/jackc/pgx"}, []string{"internal/store", "internal/demo", "internal/testserver", "internal/job", "connector"}},
		{[]string{"net/http"}, []string{"internal/web", "internal/api", "connector/rest", "cmd/gallra"}},
		{[]string{"github.com/alecthomas/kong"}, []string{"cmd"}},
		{[]string{"github.com/chromedp"}, []string{"internal/pdf"}},
		{[]string{"testing"}, []string{"internal/shareddata", "internal/testserver", "internal/store/storetest", "internal/web/webtest", "connector/connectortest"}},
	} {
		for _, p := range packages(t) {
			n := name(p.ImportPath)
			for _, i := range p.Imports {
				if under(i, r.foreign...) && !under(n, r.doors...) {
					t.Errorf("%s imports %s, which belongs to %s", n, i, strings.Join(r.doors, ", "))
				}
			}
		}
	}
}

// TestNamesSayWhatIsInside: no drawer for everything.
func TestNamesSayWhatIsInside(t *testing.T) {
	for _, p := range packages(t) {
		if slices.Contains([]string{"util", "utils", "common", "mock", "mocks", "models", "model", "service", "services", "helpers"}, path.Base(p.ImportPath)) {
			t.Errorf("%s says nothing of what is in it", name(p.ImportPath))
		}
	}
}
