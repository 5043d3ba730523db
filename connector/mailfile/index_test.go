package mailfile

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/gallra/gallra/connector/mailrecord"
)

// filled makes a Maildir of n mails and returns it with their names.
func filled(t *testing.T, n int) (*maildir, []string) {
	t.Helper()
	dir := t.TempDir()
	for _, sub := range []string{"cur", "new", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	names := make([]string, n)
	for k := range names {
		names[k] = fmt.Sprintf("%d.M%dP1.host:2,S", 1_500_000_000+k, k)
		if err := os.WriteFile(filepath.Join(dir, "cur", names[k]), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return &maildir{root: dir}, names
}

// The listing of a Maildir finds every mail by its id and by its place, whatever
// lies beside them, and of one that is moved while somebody looks the one in new.
func TestS21_ListingOfAMaildir(t *testing.T) {
	m, names := filled(t, 2500)
	put := func(path ...string) {
		t.Helper()
		path = append([]string{m.root}, path...)
		if err := os.MkdirAll(filepath.Dir(filepath.Join(path...)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(path...), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("new", unique(names[7]))
	put("new", "only")
	put("cur", ".hidden")
	put("cur", "1"+tempMark)
	put("tmp", "half")
	put(".Sub", "cur", names[0]) // the same name in another folder is another mail
	put("Long", "cur", strings.Repeat("n", 250))
	want := map[string]item{}
	add := func(folder string, path ...string) {
		path = append([]string{m.root}, path...)
		id := mailrecord.Digest(folder, unique(path[len(path)-1]))
		want[id] = item{id: id, path: filepath.Join(path...), folder: folder}
	}
	for _, n := range names {
		add("INBOX", "cur", n)
	}
	add("INBOX", "new", unique(names[7]))
	add("INBOX", "new", "only")
	add("Sub", ".Sub", "cur", names[0])
	add("Long", "Long", "cur", strings.Repeat("n", 250))
	l, _, err := m.index(t.Context())
	if err != nil || l.count() != len(want) {
		t.Fatalf("%d mails of %d: %v", l.count(), len(want), err)
	}
	last := ""
	for n := range l.count() {
		it := l.at(n)
		if it != want[it.id] || it.id <= last {
			t.Fatalf("%d: %+v after %s, not %+v", n, it, last, want[it.id])
		}
		if found, ok := l.byID(it.id); !ok || found != it {
			t.Fatalf("%+v is not found: %+v", it, found)
		}
		if l.after(it.id) != n+1 {
			t.Fatalf("after the %d-th comes the %d-th", n, l.after(it.id))
		}
		last = it.id
	}
	for _, id := range []string{"", "none", strings.ToUpper(last), strings.Repeat("0", 2*idBytes), strings.Repeat("x", 2*idBytes)} {
		if it, ok := l.byID(id); ok {
			t.Errorf("%q: %+v", id, it)
		}
	}
	if n := l.after(strings.Repeat("f", 2*idBytes)); n != l.count() {
		t.Errorf("after the last comes the %d-th", n)
	}
}

// A mail of a Maildir takes few bytes more than its name while the folder is being
// worked on: a lane of a run knows every mail there is.
func TestS21_ListingOfAMaildirIsSmall(t *testing.T) {
	const n, most = 5000, 80
	m, names := filled(t, n)
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return s.HeapAlloc
	}
	before := heap()
	l, _, err := m.index(t.Context())
	if err != nil || l.count() != n {
		t.Fatal(l.count(), err)
	}
	per := int64(heap()-before) / n
	if per > most {
		t.Errorf("%d bytes a mail; its name has %d", per, len(names[0]))
	}
	runtime.KeepAlive(m)
	runtime.KeepAlive(slices.Max(names))
}
