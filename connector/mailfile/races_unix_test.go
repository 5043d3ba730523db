//go:build unix

package mailfile_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/safefile"
)

// edited changes a word of a record's mail.
func edited(t *testing.T, s source, r gallra.Record) error {
	t.Helper()
	_, err := s.Edit(ctx, r.Ref, r.Version, []gallra.Field{{Name: "raw", Value: strings.Replace(field(r, "raw"), "undrar", "har en undran", 1)}})
	return err
}

func entries(t *testing.T, dir string) []string {
	t.Helper()
	out, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// S-35: what takes the place of a mail after the folder was looked through is no
// mail: a link is not followed, neither to read nor to write, and a pipe is not
// waited for.
func TestS35_MaildirFollowsNoLinkAndWaitsForNoPipe(t *testing.T) {
	t.Parallel()
	for name, put := range map[string]func(path, other string) error{
		"link": func(path, other string) error { return os.Symlink(other, path) },
		"pipe": func(path, _ string) error { return syscall.Mkfifo(path, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, other := t.TempDir(), filepath.Join(t.TempDir(), "other")
			s := open(t, layouts["maildir"](t, dir))
			records := list(t, s, connector.Query{})
			write(t, other, "From: nobody\r\n\r\nundrar\r\n")
			for _, path := range entries(t, filepath.Join(dir, "cur")) {
				if err := errors.Join(os.Remove(path), put(path, other)); err != nil {
					t.Fatal(err)
				}
			}
			met := 0
			for _, r := range records {
				err := edited(t, s, r)
				if err == nil {
					continue // of another folder
				}
				met++
				if !errors.Is(err, gallra.ErrNotFound) {
					t.Errorf("edit: %v", err)
				}
				if _, err := s.Get(ctx, r.Ref); !errors.Is(err, gallra.ErrNotFound) {
					t.Errorf("get: %v", err)
				}
				if _, err := s.Erase(ctx, r.Ref, r.Version); !errors.Is(err, gallra.ErrNotFound) {
					t.Errorf("erase: %v", err)
				}
			}
			if met == 0 {
				t.Fatal("nothing was put in a mail's place")
			}
			if b, err := os.ReadFile(other); err != nil || string(b) != "From: nobody\r\n\r\nundrar\r\n" {
				t.Errorf("the file that the link leads to: %q %v", b, err)
			}
		})
	}
}

// S-35: a mail whose flags, and with them its name, another program changes while
// the new bytes are brought to disk stays one mail, and the edit says so. Not
// parallel: every rewrite passes the step that it watches.
func TestS35_MaildirDoesNotDoubleAMailThatIsRenamedMeanwhile(t *testing.T) {
	dir := t.TempDir()
	s := open(t, layouts["maildir"](t, dir))
	cur := filepath.Join(dir, "cur")
	before := entries(t, cur)
	records := list(t, s, connector.Query{})
	var was, is string
	safefile.Fail(func(step safefile.Step) error {
		if step == safefile.StepRename && was == "" {
			was = before[0]
			is = was + "T"
			return os.Rename(was, is)
		}
		return nil
	})
	defer safefile.Fail(nil)
	conflicts := 0
	for _, r := range records {
		// The first one that is edited is renamed, whichever of them it is, and any
		// other is as it was.
		raw := field(r, "raw")
		if was == "" {
			if b, err := os.ReadFile(before[0]); err != nil || string(b) != raw {
				continue
			}
		}
		switch err := edited(t, s, r); {
		case errors.Is(err, gallra.ErrConflict):
			conflicts++
			if b, err := os.ReadFile(is); err != nil || string(b) != raw {
				t.Errorf("the mail under its new name: %v", err)
			}
		case err != nil:
			t.Error(err)
		}
	}
	if conflicts != 1 {
		t.Errorf("%d edits said that the mail had changed, want 1", conflicts)
	}
	if after := entries(t, cur); len(after) != len(before) {
		t.Errorf("%d mails became %d", len(before), len(after))
	}
	if left := entries(t, filepath.Join(dir, "tmp")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// S-35: a new file is never written through what stands at its name, and a Maildir
// without its tmp is written all the same.
func TestS35_MaildirWritesThroughNoLink(t *testing.T) {
	t.Parallel()
	dir, other := t.TempDir(), filepath.Join(t.TempDir(), "other")
	s := open(t, layouts["maildir"](t, dir))
	records := list(t, s, connector.Query{})
	write(t, other, "as it was")
	if err := os.MkdirAll(filepath.Join(dir, "tmp"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range entries(t, filepath.Join(dir, "cur")) {
		name := filepath.Base(path)
		if i := strings.IndexAny(name, ":,;!"); i > 0 {
			name = name[:i]
		}
		if err := os.Symlink(other, filepath.Join(dir, "tmp", name+".gallra-tmp")); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range records {
		if err := edited(t, s, r); err != nil {
			t.Error(err)
		}
	}
	if b, err := os.ReadFile(other); err != nil || string(b) != "as it was" {
		t.Errorf("the file that the link leads to: %q %v", b, err)
	}
	for _, path := range entries(t, filepath.Join(dir, "cur")) {
		if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
			t.Errorf("%v %v", info.Mode(), err)
		}
	}
	if err := os.RemoveAll(filepath.Join(dir, "tmp")); err != nil {
		t.Fatal(err)
	}
	for _, r := range list(t, s, connector.Query{}) {
		raw := field(r, "raw")
		if !strings.Contains(raw, "har en undran") {
			continue
		}
		if _, err := s.Edit(ctx, r.Ref, r.Version, []gallra.Field{{Name: "raw", Value: strings.Replace(raw, "har en undran", "frågar", 1)}}); err != nil {
			t.Errorf("without tmp: %v", err)
		}
	}
}
