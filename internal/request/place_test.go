package request_test

import (
	"archive/zip"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/gallra/gallra/connector/mailfile"
	_ "github.com/gallra/gallra/connector/metaexport"
	_ "github.com/gallra/gallra/connector/table"
	"github.com/gallra/gallra/document"
	"github.com/gallra/gallra/internal/request"
	"github.com/gallra/gallra/internal/store/storetest"

	"github.com/gallra/gallra"
)

// Mail lies raw and encoded on disk: the person's own is erased, the answers to
// it lose the person and stay well-formed.
func TestErasureInMailboxes(t *testing.T) {
	o := newOffice(t, storetest.SQLite(t))
	list := o.Systems
	o.Systems = func(c ctxt) ([]request.System, error) {
		s, err := list(c)
		return append(s, request.System{ID: "mail", Title: "Brevlådan", Channel: "mail"}), err
	}
	id := o.register(request.Erasure)[0].ID
	o.searched(id)
	before := o.mails()
	own := 0
	for _, text := range before {
		if strings.Contains(text, "anna.lindqvist@mail.example.se") {
			own++
		}
	}
	if own < 3 {
		t.Fatalf("only %d mails speak of the person", own)
	}
	for _, it := range o.judged(id) {
		if it.Ref.System == "mail" && it.Decision == request.Include && it.Action == gallra.ActionErase && !it.Own() {
			t.Errorf("%s is erased as %s", it.Ref, it.Role)
		}
	}
	o.erased(id)
	left, err := o.Remaining(ctx, id)
	o.check(err)
	for _, r := range left {
		t.Errorf("remains: %+v", r)
	}
	after := o.mails()
	for name, text := range after {
		clean := strings.ReplaceAll(text, "johanna.lindqvist@mail", "")
		for _, n := range []string{"anna.lindqvist@mail", "0701740605", "850312"} {
			if strings.Contains(clean, n) {
				t.Errorf("%s still holds %q", name, n)
			}
		}
	}
	changed := 0
	for name, text := range before {
		if got, ok := after[name]; ok && got != text {
			changed++
		}
	}
	if len(before)-len(after) < 2 || len(before)-len(after) > own || changed > own {
		t.Errorf("%d mails before, %d after, %d changed in place", len(before), len(after), changed)
	}
}

// mails returns the decoded text of every mail on disk, headers included, by
// file name without flags.
func (o *office) mails() map[string]string {
	o.t.Helper()
	out := map[string]string{}
	root := filepath.Join(o.dir, "systems", "mail")
	o.check(filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || e.Name() == "maildirfolder" {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		m, err := document.ParseMail(b, document.Limits{})
		if err != nil {
			return err
		}
		if len(m.Problems) > 0 && !strings.Contains(string(b), "image/png") {
			o.t.Errorf("%s is not well-formed: %v", path, m.Problems)
		}
		var s strings.Builder
		for _, h := range m.Header {
			s.WriteString(h.Name + ": " + h.Value + "\n")
		}
		name, _, _ := strings.Cut(e.Name(), ":")
		out[name] = s.String() + m.Body() + m.AttachmentText()
		return nil
	}))
	return out
}

// The zip of a social medium and the forgotten spreadsheet: the row goes, and the
// thread of somebody with her name and her number is hers when a person says so.
func TestErasureInFiles(t *testing.T) {
	o := newOffice(t, storetest.SQLite(t))
	o.Systems = func(ctxt) ([]request.System, error) {
		return []request.System{{ID: "social", Title: "Sociala medier", Channel: "social"}, {ID: "export", Title: "Kundlista", Channel: "other"}}, nil
	}
	id := o.register(request.Erasure)[0].ID
	o.searched(id)
	items, err := o.Items(ctx, id)
	o.check(err)
	for _, it := range items {
		if it.Ref.System == "social" && it.Ref.Type == "conversation" {
			if it.Decision != request.Open {
				t.Errorf("a thread known by name alone was %s by itself", it.Decision)
			}
			o.check(o.Judge(ctx, id, "karin", request.Verdict{Items: []int{it.N}, Decision: request.Include, Action: gallra.ActionErase, Reason: "request.number_and_street_agree"}))
		}
	}
	o.judged(id)
	rows := o.list()
	if !strings.Contains(rows, o.anna.Email()) || !strings.Contains(rows, "lindqvist.anna@example.org") {
		t.Fatal("the list does not hold her and her namesake to begin with")
	}
	threads := o.threads()
	o.erased(id)
	left, err := o.Remaining(ctx, id)
	o.check(err)
	for _, r := range left {
		t.Errorf("remains: %+v", r)
	}
	after := o.list()
	if strings.Contains(after, o.anna.CustomerNo) || strings.Contains(after, "850312") {
		t.Error("the row is still in the list")
	}
	if !strings.Contains(after, "lindqvist.anna@example.org") || !strings.Contains(after, "johanna.lindqvist@mail.example.se") || strings.Count(rows, "\n")-strings.Count(after, "\n") != 1 {
		t.Errorf("%d rows before, %d after; another's may be gone", strings.Count(rows, "\n"), strings.Count(after, "\n"))
	}
	now := o.threads()
	if len(threads)-len(now) != 1 {
		t.Errorf("%d threads before, %d after", len(threads), len(now))
	}
	for name, text := range now {
		if strings.Contains(text, "0701740605") || strings.Contains(name, "annalindqvist") {
			t.Errorf("%s still speaks of her", name)
		}
	}
}

func (o *office) list() string {
	o.t.Helper()
	b, err := os.ReadFile(filepath.Join(o.dir, "systems", "kundlista.csv"))
	o.check(err)
	return string(b)
}

func (o *office) threads() map[string]string {
	o.t.Helper()
	z, err := zip.OpenReader(filepath.Join(o.dir, "systems", "meta-export.zip"))
	o.check(err)
	defer z.Close()
	out := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		o.check(err)
		b, err := io.ReadAll(r)
		o.check(err)
		out[f.Name] = string(b)
	}
	return out
}
