package safefile_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector/safefile"
)

func setup(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.csv")
	if err := os.WriteFile(path, []byte("old"), 0o640); err != nil {
		t.Fatal(err)
	}
	return path
}

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestRewrite(t *testing.T) {
	t.Parallel()
	failure := errors.New("no")
	for name, c := range map[string]struct {
		write func(path string) func(*os.File, *bufio.Writer) (bool, error)
		want  string
		err   error
	}{
		"changed": {func(string) func(*os.File, *bufio.Writer) (bool, error) {
			return func(old *os.File, w *bufio.Writer) (bool, error) {
				_, err := io.Copy(w, io.MultiReader(old, strings.NewReader("+new")))
				return true, err
			}
		}, "old+new", nil},
		"nothing to change": {func(string) func(*os.File, *bufio.Writer) (bool, error) {
			return func(_ *os.File, w *bufio.Writer) (bool, error) { _, err := w.WriteString("x"); return false, err }
		}, "old", nil},
		"failure": {func(string) func(*os.File, *bufio.Writer) (bool, error) {
			return func(_ *os.File, w *bufio.Writer) (bool, error) { _, _ = w.WriteString("half"); return true, failure }
		}, "old", failure},
		"somebody else wrote": {func(path string) func(*os.File, *bufio.Writer) (bool, error) {
			return func(_ *os.File, w *bufio.Writer) (bool, error) {
				_, _ = w.WriteString("mine")
				return true, os.WriteFile(path, []byte("theirs"), 0o640)
			}
		}, "theirs", gallra.ErrConflict},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := setup(t)
			if err := safefile.Rewrite(t.Context(), path, c.write(path)); !errors.Is(err, c.err) {
				t.Errorf("error %v, want %v", err, c.err)
			}
			if got := content(t, path); got != c.want {
				t.Errorf("the file holds %q, want %q", got, c.want)
			}
			if i, err := os.Stat(path); err != nil || i.Mode().Perm() != 0o640 {
				t.Errorf("rights %v, %v", i.Mode(), err)
			}
			if left := safefile.Copies(path); len(left) > 0 {
				t.Errorf("left behind: %d files", len(left))
			}
		})
	}
}

func TestRewriteOverWhatALostProcessLeft(t *testing.T) {
	t.Parallel()
	path := setup(t)
	if err := os.WriteFile(safefile.Temp(path), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if len(safefile.Copies(path)) != 1 {
		t.Error("the leftover is not told")
	}
	err := safefile.Rewrite(t.Context(), path, func(_ *os.File, w *bufio.Writer) (bool, error) { _, err := w.WriteString("new"); return true, err })
	if err != nil || content(t, path) != "new" || len(safefile.Copies(path)) != 0 {
		t.Errorf("%v, %q, %d copies", err, content(t, path), len(safefile.Copies(path)))
	}
}

func TestErrorsDoNotTellThePath(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	path := filepath.Join(t.TempDir(), "anna.berg.csv")
	err := safefile.Rewrite(ctx, path, nil)
	if !errors.Is(err, gallra.ErrUnavailable) || strings.Contains(err.Error(), "anna") {
		t.Errorf("missing file: %v", err)
	}
	if err := safefile.Writable(path); !errors.Is(err, gallra.ErrUnavailable) || strings.Contains(err.Error(), "anna") {
		t.Errorf("missing file: %v", err)
	}
	cancel()
	if err := safefile.Rewrite(ctx, path, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
