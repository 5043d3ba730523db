// Package shareddata finds the reference material that tests read and that is
// never committed: schemas, corpora, official test numbers. It lies beside the
// repository, or where GALLRA_SHARED says.
package shareddata

import (
	"os"
	"path/filepath"
	"testing"
)

// Path returns the path of name below the shared material. It skips the test,
// saying what is missing, when it is not there.
func Path(tb testing.TB, name string) string {
	tb.Helper()
	p := filepath.Join(Root(), filepath.FromSlash(name))
	if _, err := os.Stat(p); err != nil {
		tb.Skipf("shared test material %q is missing: set GALLRA_SHARED to the folder that holds it", name)
	}
	return p
}

// Root returns the folder of the shared material, which need not exist.
func Root() string {
	if d := os.Getenv("GALLRA_SHARED"); d != "" {
		return d
	}
	d, err := os.Getwd()
	if err != nil {
		return "shared"
	}
	for {
		if _, err := os.Stat(filepath.Join(d, "go.mod")); err == nil {
			return filepath.Join(filepath.Dir(d), "shared")
		}
		up := filepath.Dir(d)
		if up == d {
			return "shared"
		}
		d = up
	}
}
