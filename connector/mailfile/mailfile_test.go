package mailfile_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	_ "github.com/gallra/gallra/connector/mailfile"
	"github.com/gallra/gallra/document"
)

var ctx = context.Background()

// letter is a mail of one customer, in encodings that hide her name from a
// search of the bytes.
func letter(n int, name, addr string) string {
	date := time.Date(2018, 1, 1, 9, 0, 0, 0, time.UTC).AddDate(0, n, 0).Format(time.RFC1123Z)
	return fmt.Sprintf(`From: =?utf-8?Q?%s?= <%s>
To: Kundtjänst <kundtjanst@kommun.se>
Subject: =?utf-8?Q?Hej_fr=C3=A5n_%s?=
Date: %s
Message-ID: <%d@example.se>
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Jag heter %s och =
undrar.

From en rad som b=C3=B6rjar som en avskiljare.
>From en till.
`, q(name), addr, q(name), date, n, q(name))
}

func q(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c >= 0x80 || c == ' ' {
			fmt.Fprintf(&b, "=%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

type person struct{ name, addr string }

var people = []person{{"Anna Åkesson", "anna@example.se"}, {"Johanna Öberg", "johanna@example.se"}, {"Per Svensson", "per@example.se"}, {"Kim Å", "kim@example.se"}}

// layouts make the same four mails in each kind of file and return the address.
var layouts = map[string]func(tb testing.TB, dir string) string{
	"mbox": func(tb testing.TB, dir string) string {
		var b strings.Builder
		for i, p := range people {
			b.WriteString(mboxed(i, p))
		}
		write(tb, filepath.Join(dir, "in.mbox"), b.String())
		return "mbox:" + filepath.Join(dir, "in.mbox")
	},
	"mbox, CRLF": func(tb testing.TB, dir string) string {
		var b strings.Builder
		for i, p := range people {
			b.WriteString(strings.ReplaceAll(mboxed(i, p), "\n", "\r\n"))
		}
		write(tb, filepath.Join(dir, "in.mbox"), b.String())
		return "mbox:" + filepath.Join(dir, "in.mbox")
	},
	"mbox folder": func(tb testing.TB, dir string) string {
		write(tb, filepath.Join(dir, "Inbox"), mboxed(0, people[0])+mboxed(1, people[1]))
		write(tb, filepath.Join(dir, "Sent"), mboxed(2, people[2])+mboxed(3, people[3]))
		write(tb, filepath.Join(dir, "readme.txt"), "not a mailbox")
		return "mbox:" + dir
	},
	"maildir": func(tb testing.TB, dir string) string {
		for i, p := range people {
			raw := letter(i, p.name, p.addr)
			sub := []string{"cur", "new", ".Skickat/cur", "Arkiv/cur"}[i]
			for _, d := range []string{"cur", "new", "tmp"} {
				mkdir(tb, filepath.Join(dir, sub, "..", d))
			}
			name := fmt.Sprintf("%d.M%dP1.host,S=%d", 1500000000+i, i, len(raw))
			if strings.HasSuffix(sub, "cur") {
				name += ":2,RS"
			}
			write(tb, filepath.Join(dir, sub, name), raw)
		}
		return "maildir:" + dir
	},
	"eml": func(tb testing.TB, dir string) string {
		for i, p := range people {
			write(tb, filepath.Join(dir, "år", fmt.Sprintf("%d %s.eml", i, p.name)), letter(i, p.name, p.addr))
		}
		return "eml:" + dir
	},
}

func mboxed(n int, p person) string {
	raw := letter(n, p.name, p.addr)
	raw = strings.ReplaceAll(raw, "\n>From ", "\n>>From ")
	raw = strings.ReplaceAll(raw, "\nFrom en", "\n>From en")
	at := time.Date(2018, 1, 1, 10, 0, 0, 0, time.UTC).AddDate(0, n, 0)
	return "From " + p.addr + " " + at.Format(time.ANSIC) + "\n" + raw + "\n"
}

func mkdir(tb testing.TB, dir string) {
	tb.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		tb.Fatal(err)
	}
}

func write(tb testing.TB, path, content string) {
	tb.Helper()
	mkdir(tb, filepath.Dir(path))
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		tb.Fatal(err)
	}
}

type source interface {
	connector.Source
	connector.Finder
	connector.Eraser
	connector.Editor
	connector.Batcher
	connector.Searcher
	connector.Verifier
	connector.Partitioner
}

func open(tb testing.TB, url string) source {
	tb.Helper()
	s, err := connector.Open(ctx, connector.Config{System: "post", URL: url})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	return s.(source)
}

func list(tb testing.TB, s connector.Source, q connector.Query) []gallra.Record {
	tb.Helper()
	q.Type = "mail"
	var out []gallra.Record
	for {
		p, err := s.List(ctx, q)
		if err != nil {
			tb.Fatal(err)
		}
		out = append(out, p.Records...)
		if p.Next == "" {
			return out
		}
		q.Cursor = p.Next
	}
}

func field(r gallra.Record, name string) string { v, _ := r.Field(name); return v }

// stored returns every byte and name under dir, decoded and not.
func stored(tb testing.TB, dir string) string {
	tb.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		b.WriteString(rel + "\n")
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		b.Write(raw)
		b.WriteString(strings.ReplaceAll(strings.ReplaceAll(string(raw), "=C3=85", "Å"), "=20", " "))
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

func forEach(t *testing.T, f func(t *testing.T, s source, dir, url string)) {
	for name, lay := range layouts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			url := lay(t, dir)
			f(t, open(t, url), dir, url)
		})
	}
}

func TestListReadsEveryMailOnceAtEveryLimit(t *testing.T) {
	t.Parallel()
	forEach(t, func(t *testing.T, s source, dir, _ string) {
		before := stored(t, dir)
		if err := s.Check(ctx); err != nil {
			t.Fatal(err)
		}
		for limit := range 6 {
			seen := map[gallra.Ref]bool{}
			for _, r := range list(t, s, connector.Query{Limit: limit}) {
				if seen[r.Ref] {
					t.Errorf("limit %d: twice", limit)
				}
				seen[r.Ref] = true
			}
			if len(seen) != 4 {
				t.Errorf("limit %d: %d mails", limit, len(seen))
			}
		}
		types, _ := s.Types(ctx)
		for _, r := range list(t, s, connector.Query{}) {
			got, err := s.Get(ctx, r.Ref)
			if err != nil || got.Version != r.Version || field(got, "raw") != field(r, "raw") {
				t.Errorf("Get: %v", err)
			}
			for _, f := range r.Fields {
				if _, ok := types[0].Field(f.Name); !ok {
					t.Errorf("field %s is not declared", f.Name)
				}
			}
			if strings.Contains(r.Ref.String(), "anna") || strings.Contains(r.Ref.String(), "Anna") {
				t.Error("a personal value in the reference")
			}
			if field(r, "from") == "anna@example.se" {
				if field(r, "from_name") != "Anna Åkesson" || !strings.Contains(field(r, "text"), "Jag heter Anna Åkesson och undrar.") || field(r, "subject") != "Hej från Anna Åkesson" {
					t.Errorf("decoded: %q %q %q", field(r, "from_name"), field(r, "subject"), field(r, "text"))
				}
				if want := time.Date(2018, 1, 1, 9, 0, 0, 0, time.UTC); !r.Created.Equal(want) {
					t.Errorf("created %v", r.Created)
				}
				if !strings.Contains(field(r, "raw"), "\nFrom en rad") || !strings.Contains(field(r, "raw"), "\n>From en till") {
					t.Error("the quoting of From lines shows")
				}
			}
		}
		if stored(t, dir) != before {
			t.Error("reading changed the files")
		}
		got := list(t, s, connector.Query{Clock: gallra.StartCreated, To: time.Date(2018, 2, 15, 0, 0, 0, 0, time.UTC)})
		if len(got) != 2 {
			t.Errorf("%d mails before the middle of February", len(got))
		}
		qs, err := s.Partitions(ctx, connector.Query{Type: "mail"}, 3)
		n := 0
		for _, q := range qs {
			n += len(list(t, s, q))
		}
		if err != nil || n != 4 {
			t.Errorf("partitions hold %d mails, %v", n, err)
		}
	})
}

func TestEraseTakesOneMailAndNothingElse(t *testing.T) {
	t.Parallel()
	forEach(t, func(t *testing.T, s source, dir, url string) {
		records := list(t, s, connector.Query{})
		var victim gallra.Record
		for _, r := range records {
			if field(r, "from") == "anna@example.se" {
				victim = r
			}
		}
		if _, err := s.Erase(ctx, victim.Ref, "stale"); !errors.Is(err, gallra.ErrConflict) {
			t.Errorf("stale version: %v", err)
		}
		receipt, err := s.Erase(ctx, victim.Ref, victim.Version)
		if err != nil || receipt.Grade < gallra.GradeLive || !receipt.Final {
			t.Fatalf("%+v %v", receipt, err)
		}
		if got := stored(t, dir); strings.Contains(got, "anna@example.se\n") || strings.Contains(got, "<anna@") || strings.Contains(got, "Anna Å") {
			t.Error("the mail is still stored")
		}
		if _, err := s.Erase(ctx, victim.Ref, ""); !errors.Is(err, gallra.ErrNotFound) {
			t.Errorf("erased twice: %v", err)
		}
		if _, err := s.Get(ctx, victim.Ref); !errors.Is(err, gallra.ErrNotFound) {
			t.Errorf("Get: %v", err)
		}
		rest := list(t, open(t, url), connector.Query{})
		if len(rest) != 3 {
			t.Fatalf("%d mails left", len(rest))
		}
		for _, r := range rest {
			old, err := s.Get(ctx, r.Ref)
			if err != nil || field(old, "raw") != field(r, "raw") {
				t.Error("another mail changed")
			}
			for _, before := range records {
				if before.Ref == r.Ref && field(before, "raw") != field(r, "raw") {
					t.Error("another mail changed its bytes")
				}
			}
		}
		remains, err := s.Remains(ctx, []gallra.Ref{victim.Ref, rest[0].Ref})
		if err != nil || len(remains) != 1 || remains[0].Ref != rest[0].Ref {
			t.Errorf("remains %v %v", remains, err)
		}
	})
}

func TestEditForgetsThePerson(t *testing.T) {
	t.Parallel()
	forEach(t, func(t *testing.T, s source, dir, _ string) {
		needles := connector.Needles{Depth: connector.InText, Identifiers: []gallra.Identifier{{Kind: gallra.IdentEmail, Value: "Anna@Example.se"}, {Kind: gallra.IdentName, Value: "Anna Åkesson"}}}
		hits, err := s.Find(ctx, needles, "")
		if err != nil || len(hits.Hits) == 0 {
			t.Fatalf("%v %v", hits, err)
		}
		for _, h := range hits.Hits {
			if h.Ref != hits.Hits[0].Ref {
				t.Error("anna@ finds another's mail")
			}
			if h.Field == "from" && (h.Role != gallra.RoleRequester || h.Certainty != connector.Certain) {
				t.Errorf("%+v", h)
			}
		}
		before, _ := s.Get(ctx, hits.Hits[0].Ref)
		raw, _, err := document.RewriteMail([]byte(field(before, "raw")), func(_ document.PartInfo, s string) string {
			return strings.NewReplacer("Anna Åkesson", "[NAMN 1]", "anna@example.se", "[E-POST 1]").Replace(s)
		})
		if err != nil {
			t.Fatal(err)
		}
		set := []gallra.Field{{Name: "raw", Value: string(raw)}}
		if name := field(before, "filename"); name != "" {
			set = append(set, gallra.Field{Name: "filename", Value: strings.ReplaceAll(name, "Anna Åkesson", "[NAMN 1]")})
		}
		if _, err := s.Edit(ctx, before.Ref, before.Version, []gallra.Field{{Name: "folder", Value: "x"}}); !errors.Is(err, gallra.ErrInvalid) {
			t.Errorf("a derived field was edited: %v", err)
		}
		receipt, err := s.Edit(ctx, before.Ref, before.Version, set)
		if err != nil {
			t.Fatal(err)
		}
		after, err := s.Get(ctx, receipt.Ref)
		if err != nil || after.Version == before.Version || field(after, "subject") != "Hej från [NAMN 1]" {
			t.Errorf("%v %q", err, field(after, "subject"))
		}
		for _, keep := range []string{"folder", "weekday", "hour", "answered"} {
			if field(after, keep) != field(before, keep) || keep != "answered" && field(after, keep) == "" {
				t.Errorf("%s: %q became %q", keep, field(before, keep), field(after, keep))
			}
		}
		if !after.Updated.Equal(before.Updated) || !after.Created.Equal(before.Created) {
			t.Error("the times changed")
		}
		if field(after, "raw") != string(raw) {
			t.Error("other bytes were stored than were set")
		}
		for cursor, first := "", true; first || cursor != ""; first = false {
			left, err := s.Leftovers(ctx, needles, cursor)
			if err != nil || len(left.Residues) > 0 {
				t.Errorf("left: %v %v", left.Residues, err)
			}
			cursor = left.Next
		}
		if got := stored(t, dir); strings.Contains(got, "From anna@") || strings.Contains(got, "<anna@") || strings.Contains(got, "Anna Å") {
			t.Error("the person is still stored")
		}
		if n := len(list(t, s, connector.Query{})); n != 4 {
			t.Errorf("%d mails", n)
		}
	})
}

func TestLeftoversSeesBesideTheMails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, layouts["maildir"](t, dir))
	write(t, filepath.Join(dir, "dovecot.index.cache"), "\x00\x01From: per@example.se\x00\x02")
	write(t, filepath.Join(dir, "tmp", "half"), "From: per@example.se\n\nhalf")
	left, err := s.Leftovers(ctx, connector.Needles{Identifiers: []gallra.Identifier{{Kind: gallra.IdentEmail, Value: "per@example.se"}}}, "")
	if err != nil {
		t.Fatal(err)
	}
	var where []string
	for _, r := range left.Residues {
		where = append(where, r.Where)
	}
	all := strings.Join(where, "|")
	for _, want := range []string{"cache", "tmp", "header From"} {
		if !strings.Contains(all, want) {
			t.Errorf("%s is not in %v", want, where)
		}
	}
	r := list(t, s, connector.Query{})[0]
	receipt, err := s.Erase(ctx, r.Ref, "")
	if err != nil || receipt.Grade != gallra.GradeLive || len(receipt.Residues) != 1 {
		t.Errorf("with a cache beside it: %+v %v", receipt, err)
	}
}

func TestMailsAlikeKeepTheirNumbers(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "in.mbox")
	write(t, path, mboxed(0, people[0])+mboxed(0, people[0])+mboxed(1, people[1])+mboxed(0, people[0]))
	s := open(t, "mbox:"+path)
	records := list(t, s, connector.Query{})
	if len(records) != 4 {
		t.Fatalf("%d mails", len(records))
	}
	for _, r := range records {
		if _, err := s.Erase(ctx, r.Ref, r.Version); err != nil {
			t.Fatalf("%s: %v", r.Ref, err)
		}
		if _, err := s.Get(ctx, r.Ref); !errors.Is(err, gallra.ErrNotFound) {
			t.Errorf("still there: %v", err)
		}
	}
	if b, _ := os.ReadFile(path); len(b) != 0 {
		t.Errorf("%q is left", b)
	}
}

func TestBatchIsOneRewrite(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "in.mbox")
	var b strings.Builder
	for i := range 300 {
		b.WriteString(mboxed(i, people[i%4]))
	}
	write(t, path, b.String())
	s := open(t, "mbox:"+path)
	var items []connector.Item
	want := ""
	for i := range 300 {
		if i%4 != 0 {
			want += mboxed(i, people[i%4])
		}
	}
	for _, r := range list(t, s, connector.Query{}) {
		if field(r, "from") == people[0].addr {
			items = append(items, connector.Item{Ref: r.Ref, IfVersion: r.Version})
		}
	}
	items[3].IfVersion = "stale"
	items = append(items, connector.Item{Ref: gallra.Ref{System: "post", Type: "mail", ID: "none"}})
	results, err := s.EraseMany(ctx, items)
	if err != nil {
		t.Fatal(err)
	}
	if !errors.Is(results[3].Err, gallra.ErrConflict) || !errors.Is(results[len(results)-1].Err, gallra.ErrNotFound) {
		t.Errorf("%v %v", results[3].Err, results[len(results)-1].Err)
	}
	if results, err = s.EraseMany(ctx, []connector.Item{{Ref: items[3].Ref}}); err != nil || results[0].Err != nil {
		t.Error(err, results)
	}
	if got, _ := os.ReadFile(path); string(got) != want {
		t.Error("the other mails changed their bytes")
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := os.Stat(path + ".lock"); err == nil {
		t.Error("the lock is left")
	}
}

func TestRoleByOwnAddress(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "in.mbox")
	write(t, path, "From x Mon Jan  1 10:00:00 2018\nFrom: svar@kommun.se\nTo: per@example.se\nMessage-ID: <1@x>\n\nHej\n> per@example.se skrev\n\n")
	s, err := connector.Open(ctx, connector.Config{System: "post", URL: "mbox:" + path + "?own=kommun.se"})
	if err != nil {
		t.Fatal(err)
	}
	hits, err := s.(connector.Finder).Find(ctx, connector.Needles{Depth: connector.InText, Identifiers: []gallra.Identifier{{Kind: gallra.IdentEmail, Value: "per@example.se"}}}, "")
	if err != nil || len(hits.Hits) != 2 || hits.Hits[0].Role != gallra.RoleRequester || hits.Hits[1].Role != gallra.RoleQuoted {
		t.Errorf("%+v %v", hits, err)
	}
}

func TestEmlNamesNeverLandOnEachOther(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, layouts["eml"](t, dir))
	for _, r := range list(t, s, connector.Query{}) {
		if _, err := s.Edit(ctx, r.Ref, r.Version, []gallra.Field{{Name: "filename", Value: "brev.eml"}}); err != nil {
			t.Fatal(err)
		}
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*", "brev*.eml"))
	if len(files) != 4 || len(list(t, s, connector.Query{})) != 4 {
		t.Errorf("%d files", len(files))
	}
	r := list(t, s, connector.Query{})[0]
	for _, bad := range []string{"../x.eml", "a/b.eml", ".dold.eml"} {
		if _, err := s.Edit(ctx, r.Ref, "", []gallra.Field{{Name: "filename", Value: bad}}); !errors.Is(err, gallra.ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestFileTimesAndModesStay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, layouts["maildir"](t, dir))
	old := time.Date(2019, 5, 6, 7, 8, 9, 0, time.UTC)
	files, _ := filepath.Glob(filepath.Join(dir, "cur", "*"))
	if err := os.Chtimes(files[0], old, old); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(files[0], 0o640); err != nil {
		t.Fatal(err)
	}
	for _, r := range list(t, s, connector.Query{}) {
		raw := strings.Replace(field(r, "raw"), "undrar", "har en undran", 1)
		if _, err := s.Edit(ctx, r.Ref, r.Version, []gallra.Field{{Name: "raw", Value: raw}}); err != nil {
			t.Fatal(err)
		}
	}
	files, _ = filepath.Glob(filepath.Join(dir, "cur", "*"))
	info, err := os.Stat(files[0])
	if err != nil || !info.ModTime().Equal(old) || info.Mode().Perm() != 0o640 {
		t.Errorf("%v %v", info, err)
	}
	if !strings.HasSuffix(files[0], fmt.Sprintf(",S=%d:2,RS", info.Size())) {
		t.Errorf("the name lies about the size: %s is %d", filepath.Base(files[0]), info.Size())
	}
	b, _ := os.ReadFile(files[0])
	if !bytes.Contains(b, []byte("har en undran")) {
		t.Error("not edited")
	}
}
