package mailfile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

// pstVariable names a real Outlook data file: ./test fetches one.
const pstVariable = "GALLRA_TEST_PST"

func openPST(t *testing.T, path string) connector.Source {
	t.Helper()
	s, err := connector.Open(t.Context(), connector.Config{System: "gammal", URL: "pst:" + path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// takenOut returns the folders that this process has mails in.
func takenOut(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, place := range []string{"/dev/shm", os.TempDir()} {
		m, err := filepath.Glob(filepath.Join(place, "gallra-pst-*"))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, m...)
	}
	return out
}

// TestH14_OutlookFileIsReadAndLeavesNothing reads a real file of 2002, finds a
// person in it, changes nothing, and leaves nothing of what was taken out.
func TestH14_OutlookFileIsReadAndLeavesNothing(t *testing.T) {
	path := os.Getenv(pstVariable)
	if path == "" {
		t.Skip(pstVariable + " is not set: ./test fetches a file")
	}
	s := openPST(t, path)
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, dir := range takenOut(t) {
		if i, err := os.Stat(dir); err == nil && i.Mode().Perm() != 0o700 {
			t.Errorf("%v may be read by others", i.Mode())
		}
	}
	seen := map[string]bool{}
	q := connector.Query{Type: "mail", Limit: 7}
	for {
		p, err := s.List(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range p.Records {
			if seen[r.Ref.ID] || r.Created.IsZero() {
				t.Errorf("%v: twice, or without a date", r.Ref)
			}
			seen[r.Ref.ID] = true
		}
		if p.Next == "" {
			break
		}
		q.Cursor = p.Next
	}
	if len(seen) < 50 {
		t.Errorf("%d mails", len(seen))
	}
	hits, err := s.(connector.Finder).Find(t.Context(), connector.Needles{Identifiers: []gallra.Identifier{{Kind: gallra.IdentEmail, Value: "michelle.lokay@enron.com"}}}, "")
	if err != nil || len(hits.Hits) == 0 {
		t.Errorf("%d hits, %v", len(hits.Hits), err)
	}
	if _, ok := s.(connector.Eraser); ok {
		t.Error("a file that nothing can be erased from says that it can")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, dir := range takenOut(t) {
		if strings.Contains(dir, "-"+strconv.Itoa(os.Getpid())+"-") {
			t.Errorf("what was taken out is left")
		}
	}
	// The same mail has the same name the next time.
	again := openPST(t, path)
	p, err := again.List(t.Context(), connector.Query{Type: "mail", Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range p.Records {
		if !seen[r.Ref.ID] {
			t.Errorf("%v was not there the first time", r.Ref)
		}
	}
}

// TestPSTLeftByAKilledProcessIsSweptAway.
func TestPSTLeftByAKilledProcessIsSweptAway(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	left := filepath.Join(os.TempDir(), "gallra-pst-999999999-1")
	if err := os.Mkdir(left, 0o700); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	torn := filepath.Join(dir, "torn.pst")
	if err := os.WriteFile(torn, []byte("!BDN and then nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "other.pst")
	if err := os.WriteFile(other, []byte("PK\x03\x04"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{torn: gallra.ErrUnavailable, other: gallra.ErrInvalid, filepath.Join(dir, "none.pst"): gallra.ErrNotFound} {
		if err := openPST(t, path).Check(t.Context()); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", filepath.Base(path), err, want)
		}
	}
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what a killed process left is still there: %v", err)
	}
}
