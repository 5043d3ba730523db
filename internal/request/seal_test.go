package request_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/request"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/store/storetest"
)

// found returns the files below dir that hold any of the needles.
func found(t *testing.T, dir string, needles ...string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		for _, n := range needles {
			if bytes.Contains(bytes.ToLower(b), []byte(strings.ToLower(n))) {
				out = append(out, path+": "+n)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func copyTree(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(filepath.Join(to, "copy"), os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(to, "copy")
}

// Nothing in the data directory tells who the person is, and after the day the
// key goes nothing opens the case: not the store, not a backup of it.
func TestX3_SealedAndDestroyed(t *testing.T) {
	dir := t.TempDir()
	db, err := store.Open(ctx, dir, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	o := small(t, db)
	o.Keys.Dir = filepath.Join(dir, "keys")
	id := o.register(request.Access)[0].ID
	needles := []string{"lindqvist", "19850312", "0701740605", "vill veta", "PACKAGE-MARKER"}
	text := strings.Repeat("PACKAGE-MARKER å ä ö ", 20_000)
	o.check(o.Package(ctx, id, "karin", func(w io.Writer) error { _, err := io.WriteString(w, text); return err }))
	var back bytes.Buffer
	o.check(o.OpenPackage(ctx, id, "karin", &back))
	if back.String() != text {
		t.Error("the package came back changed")
	}
	if _, err := db.Exec("PRAGMA wal_checkpoint(PASSIVE)"); err != nil {
		t.Fatal(err)
	}
	if f := found(t, dir, needles...); len(f) > 0 {
		t.Errorf("in clear: %v", f)
	}
	det, err := o.Details(ctx, id, "karin", "test")
	o.check(err)
	if det.Identifiers[0].Identifier.Value != o.anna.Email() || det.Name != "Anna Lindqvist" {
		t.Error("the details came back changed")
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if s := fmt.Sprintf(verb, det); strings.Contains(s, "Lindqvist") {
			t.Errorf("%s shows %s", verb, s)
		}
	}

	o.check(o.Move(ctx, id, "karin", request.Withdrawn, "request.by_person"))
	o.check(o.Close(ctx, id, "karin", "request.by_person"))
	if gone, err := o.Destroy(ctx); err != nil || len(gone) != 0 {
		t.Fatalf("destroyed before its day: %v %v", gone, err)
	}
	backup := copyTree(t, dir)
	o.at("2027-01-01")
	gone, err := o.Destroy(ctx)
	o.check(err)
	if len(gone) != 1 || gone[0] != id {
		t.Fatalf("destroyed %v", gone)
	}
	_, err = o.Details(ctx, id, "karin", "test")
	o.refused(err, "request.key_gone")
	o.refused(o.OpenPackage(ctx, id, "karin", io.Discard), "request.key_gone")

	// The backup of the store with the keys as they are now: B-5.
	old, err := store.Open(ctx, backup, "")
	o.check(err)
	defer old.Close()
	old.Now = db.Now
	restored := &request.Desk{DB: old, Log: o.Log, Keys: o.Keys, Open: o.Open, Systems: o.Systems}
	_, err = restored.Details(ctx, id, "karin", "test")
	o.refused(err, "request.key_gone")
	// The other way round: the old key file without the row's half.
	o.Keys.Dir = filepath.Join(backup, "keys")
	_, err = o.Details(ctx, id, "karin", "test")
	o.refused(err, "request.key_gone")
	if r, err := o.Get(ctx, id); err != nil || r.Destroyed.IsZero() {
		t.Errorf("the row tells that the key is destroyed: %+v %v", r, err)
	}
}

// W-8: no package is made of a decision that waits for its second person.
func TestW8_NoPackageBeforeTheSecondPerson(t *testing.T) {
	o := small(t, storetest.SQLite(t))
	id := o.register(request.Access)[0].ID
	o.check(o.Identify(ctx, id, "karin", "known_address", ""))
	o.search(id)
	o.check(o.Decide(ctx, id, "karin", request.Partial, "15(4)"))
	pack := func() error {
		return o.Package(ctx, id, "karin", func(w io.Writer) error { _, err := io.WriteString(w, "x"); return err })
	}
	if err := pack(); !errors.Is(err, gallra.ErrBlocked) {
		t.Errorf("made: %v", err)
	}
	if at, err := o.Packaged(id); err != nil || !at.IsZero() {
		t.Errorf("there is a package: %v %v", at, err)
	}
	o.check(o.Approve(ctx, id, "bo"))
	o.check(pack())
}

// A package that is cut, changed or another case's does not open.
func TestX3_PackageIsWhole(t *testing.T) {
	o := small(t, storetest.SQLite(t))
	rs := o.register(request.Access, request.Portability)
	text := strings.Repeat("0123456789abcdef", 10_000) // three chunks
	for _, r := range rs {
		o.check(o.Package(ctx, r.ID, "karin", func(w io.Writer) error { _, err := io.WriteString(w, text); return err }))
	}
	path := func(id string) string { return filepath.Join(o.dir, "packages", id+".sealed") }
	whole, err := os.ReadFile(path(rs[0].ID))
	o.check(err)
	other, err := os.ReadFile(path(rs[1].ID))
	o.check(err)
	changed := bytes.Clone(whole)
	changed[len(changed)/2] ^= 1
	first := 4 + int(whole[0])<<24 + int(whole[1])<<16 + int(whole[2])<<8 + int(whole[3])
	for name, b := range map[string][]byte{
		"cut between chunks": whole[:first], "cut in a chunk": whole[:len(whole)-7], "a byte changed": changed,
		"a chunk left out": whole[first:], "another case's": other, "empty": nil,
	} {
		o.check(os.WriteFile(path(rs[0].ID), b, 0o600))
		if err := o.OpenPackage(ctx, rs[0].ID, "karin", io.Discard); gallra.CodeOf(err) != gallra.NotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Two installations give one identifier different digests (REQUIREMENTS X-2).
func TestX2_DigestsDependOnTheInstallation(t *testing.T) {
	digest := func() string {
		db := storetest.SQLite(t)
		small(t, db).register(request.Access)
		var s string
		if err := db.QueryRow("SELECT min(digest) FROM request_person").Scan(&s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	if a, b := digest(), digest(); a == b || len(a) != 64 {
		t.Errorf("%s and %s", a, b)
	}
}
