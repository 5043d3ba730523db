//go:build unix

package mailfile_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

func TestHalfWrittenMboxIsReadAndNeverLost(t *testing.T) {
	t.Parallel()
	whole := mboxed(0, people[0]) + mboxed(1, people[1])
	third := mboxed(2, people[2])
	for cut := 50; cut < len(third)-1; cut += 37 {
		if third[cut-1] == '\n' {
			continue
		}
		path := filepath.Join(t.TempDir(), "in.mbox")
		write(t, path, whole+third[:cut])
		s := open(t, "mbox:"+path)
		page, err := s.List(ctx, connector.Query{Type: "mail"})
		if err != nil || len(page.Records) != 3 {
			t.Fatalf("cut at %d: %d mails, %v", cut, len(page.Records), err)
		}
		named := false
		for _, p := range page.Skipped {
			named = named || p.Reason == "mail.truncated"
		}
		if !named {
			t.Errorf("cut at %d: not named: %v", cut, page.Skipped)
		}
		for _, r := range page.Records {
			if field(r, "from") == people[0].addr {
				if _, err := s.Erase(ctx, r.Ref, r.Version); err != nil {
					t.Fatal(err)
				}
			}
		}
		if b, _ := os.ReadFile(path); string(b) != mboxed(1, people[1])+third[:cut] {
			t.Errorf("cut at %d: the half mail is not as it was", cut)
		}
	}
}

func TestWhatIsNoMailbox(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "notes.txt"), "Anna Åkesson ringde\n")
	write(t, filepath.Join(dir, "empty"), "")
	for url, want := range map[string]error{
		"mbox:" + filepath.Join(dir, "notes.txt"): gallra.ErrInvalid,
		"mbox:" + filepath.Join(dir, "none"):      gallra.ErrNotFound,
		"mbox:" + filepath.Join(dir, "empty"):     nil,
		"maildir:" + dir:                          gallra.ErrInvalid,
		"maildir:" + filepath.Join(dir, "none"):   gallra.ErrNotFound,
		"eml:" + filepath.Join(dir, "none"):       gallra.ErrNotFound,
	} {
		if err := open(t, url).Check(ctx); want == nil && err != nil || want != nil && !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", url, err, want)
		} else if err != nil && strings.Contains(err.Error(), dir) {
			t.Errorf("the path is in the error: %v", err)
		}
	}
	if _, err := connector.Open(ctx, connector.Config{URL: "mbox:"}); !errors.Is(err, gallra.ErrInvalid) {
		t.Errorf("no path: %v", err)
	}
}

func TestTextBeforeTheFirstMailIsKeptAndNamed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "in.mbox")
	write(t, path, "skräp om per@example.se\n\n"+mboxed(0, people[0])+mboxed(1, people[1]))
	s := open(t, "mbox:"+path)
	page, err := s.List(ctx, connector.Query{Type: "mail"})
	if err != nil || len(page.Records) != 2 || len(page.Skipped) == 0 {
		t.Fatalf("%d %v %v", len(page.Records), page.Skipped, err)
	}
	left, err := s.Leftovers(ctx, connector.Needles{Identifiers: []gallra.Identifier{{Kind: gallra.IdentEmail, Value: "per@example.se"}}}, "")
	if err != nil || len(left.Residues) != 1 {
		t.Errorf("%v %v", left, err)
	}
	for _, r := range page.Records {
		if _, err := s.Erase(ctx, r.Ref, ""); err != nil {
			t.Fatal(err)
		}
	}
	if b, _ := os.ReadFile(path); string(b) != "skräp om per@example.se\n\n" {
		t.Errorf("%q", b)
	}
}

func TestBadBytes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var nested strings.Builder
	nested.WriteString("From: bomb@example.se\n")
	for i := range 10_000 {
		fmt.Fprintf(&nested, "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i)
	}
	write(t, filepath.Join(dir, "bomb.eml"), nested.String())
	write(t, filepath.Join(dir, "big.eml"), "From: big@example.se\nContent-Transfer-Encoding: base64\n\n"+strings.Repeat("QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB\n", 50_000))
	write(t, filepath.Join(dir, "cp1252.eml"), "From: \xC5sa <asa@example.se>\nSubject: r\xE4kning\n\nKostar 5 \x80\n")
	write(t, filepath.Join(dir, "garbage.eml"), "\x00\xFF\xFE inget brev")
	write(t, filepath.Join(dir, "empty.eml"), "")
	s, err := connector.Open(ctx, connector.Config{System: "post", URL: "eml:" + dir + "?max_mail=1"})
	if err != nil {
		t.Fatal(err)
	}
	page, err := s.List(ctx, connector.Query{Type: "mail"})
	if err != nil || len(page.Records) != 5 {
		t.Fatalf("%d mails, %v", len(page.Records), err)
	}
	reasons := map[string]bool{}
	for _, p := range page.Skipped {
		reasons[p.Reason] = true
	}
	for _, want := range []string{"document.too_deep", "mail.too_large", "mail.not_a_mail"} {
		if !reasons[want] {
			t.Errorf("%s is not among %v", want, reasons)
		}
	}
	for _, r := range page.Records {
		switch field(r, "from") {
		case "asa@example.se":
			if field(r, "from_name") != "Åsa" || field(r, "subject") != "räkning" || !strings.Contains(field(r, "text"), "5 €") {
				t.Errorf("%q %q %q", field(r, "from_name"), field(r, "subject"), field(r, "text"))
			}
		case "big@example.se":
			if _, err := s.(connector.Editor).Edit(ctx, r.Ref, "", []gallra.Field{{Name: "raw", Value: "From: x\n\n"}}); !errors.Is(err, gallra.ErrUnsupported) {
				t.Errorf("a mail read in part was rewritten: %v", err)
			}
		}
		if _, err := s.(connector.Eraser).Erase(ctx, r.Ref, r.Version); err != nil {
			t.Errorf("what cannot be read cannot be erased: %v", err)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("%d files left", len(left))
	}
}

func TestLockedByAnother(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "in.mbox")
	write(t, path, mboxed(0, people[0]))
	s := open(t, "mbox:"+path)
	r := list(t, s, connector.Query{})[0]
	host, _ := os.Hostname()
	// A lock of ours whose process is gone is taken over.
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	write(t, path+".lock", fmt.Sprintf("%d %s gallra\n", gone.Process.Pid, host))
	raw := strings.Replace(field(r, "raw"), "undrar", "frågar", 1)
	if _, err := s.Edit(ctx, r.Ref, "", []gallra.Field{{Name: "raw", Value: raw}}); err != nil {
		t.Fatal(err)
	}
	// Any other is waited for, and respected.
	write(t, path+".lock", "4711\n")
	if _, err := s.Erase(ctx, r.Ref, ""); !errors.Is(err, gallra.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	if b, _ := os.ReadFile(path); len(b) == 0 {
		t.Error("erased in spite of the lock")
	}
}

// child is what the test program does when it is started to be killed or
// starved: it edits and erases until it is done.
func TestMain(m *testing.M) {
	url := os.Getenv("MAILFILE_TEST_CHILD")
	if url == "" {
		os.Exit(m.Run())
	}
	if os.Getenv("MAILFILE_TEST_FULL") != "" {
		signal.Ignore(syscall.SIGXFSZ)
		_ = syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 20_000, Max: 20_000})
	}
	c, err := connector.Open(ctx, connector.Config{System: "post", URL: url})
	if err != nil {
		os.Exit(2)
	}
	s := c.(source)
	page, err := s.List(ctx, connector.Query{Type: "mail", Limit: 1000})
	if err != nil {
		os.Exit(2)
	}
	fmt.Println("ready")
	for i, r := range page.Records {
		if i%3 == 0 {
			_, err = s.Erase(ctx, r.Ref, r.Version)
		} else {
			raw, _ := r.Field("raw")
			_, err = s.Edit(ctx, r.Ref, r.Version, []gallra.Field{{Name: "raw", Value: strings.Replace(raw, "undrar", "X", 1) + strings.Repeat("y", 3000)}})
		}
		if err != nil {
			fmt.Println(gallra.CodeOf(err), err)
			os.Exit(4)
		}
	}
	os.Exit(0)
}

func child(t *testing.T, url string, env ...string) (*exec.Cmd, *strings.Builder) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), append(env, "MAILFILE_TEST_CHILD="+url)...)
	var out strings.Builder
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, &out
}

// many makes an mbox or Maildir of n mails.
func many(t *testing.T, kind, dir string, n int) string {
	if kind == "mbox" {
		var b strings.Builder
		for i := range n {
			b.WriteString(mboxed(i, people[i%4]))
		}
		write(t, filepath.Join(dir, "in.mbox"), b.String())
		return "mbox:" + filepath.Join(dir, "in.mbox")
	}
	for _, d := range []string{"cur", "new", "tmp"} {
		mkdir(t, filepath.Join(dir, d))
	}
	for i := range n {
		raw := letter(i, people[i%4].name, people[i%4].addr)
		write(t, filepath.Join(dir, "cur", fmt.Sprintf("%d.M1.host,S=%d:2,S", i, len(raw))), raw)
	}
	return "maildir:" + dir
}

func TestKilledAtAnyTimeLeavesOldOrNew(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"mbox", "maildir"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			const n = 60
			killed := 0
			for range 12 {
				dir := t.TempDir()
				url := many(t, kind, dir, n)
				cmd, _ := child(t, url)
				time.Sleep(time.Duration(rand.IntN(60)) * time.Millisecond) // when it dies is chance; what it leaves must not be
				_ = cmd.Process.Kill()
				if err := cmd.Wait(); err != nil {
					killed++
				}
				s := open(t, url)
				page, err := s.List(ctx, connector.Query{Type: "mail", Limit: 1000})
				if err != nil {
					t.Fatal(err)
				}
				if len(page.Skipped) > 0 {
					t.Fatalf("half-written: %v", page.Skipped)
				}
				for _, r := range page.Records {
					raw := field(r, "raw")
					old, edited := strings.Contains(raw, "undrar.") && !strings.Contains(raw, "yyy"), strings.Contains(raw, "X.") && strings.HasSuffix(strings.TrimSpace(raw), strings.Repeat("y", 3000))
					if old == edited {
						t.Fatalf("neither old nor new: %q", raw)
					}
				}
				if len(page.Records) < n-n/3 {
					t.Fatalf("%d mails left", len(page.Records))
				}
				// Done again, it ends as if it had never been killed.
				cmd, out := child(t, url)
				if err := cmd.Wait(); err != nil {
					t.Fatalf("the second run: %v %s", err, out)
				}
			}
			t.Logf("%d of 12 were killed before they were done", killed)
		})
	}
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"mbox", "maildir"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			url := many(t, kind, dir, 60)
			if kind == "maildir" {
				big := letter(99, people[0].name, people[0].addr) + strings.Repeat("lång rad\n", 5000)
				write(t, filepath.Join(dir, "cur", "big.M1.host:2,S"), big)
			}
			n := len(list(t, open(t, url), connector.Query{}))
			before := stored(t, dir)
			cmd, out := child(t, url, "MAILFILE_TEST_FULL=1")
			err := cmd.Wait()
			if kind == "mbox" {
				if err == nil || !strings.Contains(out.String(), "mailfile.disk_full") {
					t.Errorf("%v %s", err, out)
				}
				if stored(t, dir) != before {
					t.Error("the mailbox changed, or something was left behind")
				}
				return
			}
			after := list(t, open(t, url), connector.Query{})
			if len(after) < n-n/3-1 {
				t.Errorf("%d mails left of %d", len(after), n)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "tmp", "*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}
