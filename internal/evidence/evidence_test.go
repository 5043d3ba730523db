package evidence_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/store/storetest"
)

var ctx = context.Background()

func open(tb testing.TB, db *store.DB) *evidence.Log {
	tb.Helper()
	l, err := evidence.Open(ctx, db, tb.TempDir())
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

func fill(tb testing.TB, db *store.DB, l *evidence.Log, from, n int) {
	tb.Helper()
	key := evidence.NewKey()
	for i := from; i < from+n; i++ {
		err := db.Tx(ctx, func(tx *sql.Tx) error {
			seq, err := l.Append(ctx, tx, evidence.Entry{Actor: "anna", Action: "run.result", System: "helpdesk", Subject: "run-1",
				Digest: evidence.Digest(key, gallra.Ref{System: "helpdesk", Type: "ticket", ID: fmt.Sprint(i)}), Counts: map[string]int64{"erased": int64(i)}})
			if err == nil && seq != int64(i) {
				err = fmt.Errorf("entry %d got number %d", i, seq)
			}
			return err
		})
		if err != nil {
			tb.Fatal(err)
		}
	}
}

func export(tb testing.TB, l *evidence.Log) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := l.Export(ctx, &b); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func TestS15_ExportVerifiesFromFileAndKeyAlone(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		l := open(t, db)
		for _, n := range []int{0, 1, 2, 20} {
			fill(t, db, l, int(size(t, l)), n-int(size(t, l)))
			rep, err := evidence.Verify(bytes.NewReader(export(t, l)), l.PublicKey())
			if err != nil || rep.Entries != int64(n) || rep.Sealed != int64(n) || !rep.KeyGiven {
				t.Fatalf("%d entries: %+v, %v", n, rep, err)
			}
			own, err := l.VerifyDB(ctx)
			if err != nil || own.Root != rep.Root {
				t.Fatalf("store: %+v, %v; file's root %s", own, err, rep.Root)
			}
		}
	})
}

func size(tb testing.TB, l *evidence.Log) int64 {
	tb.Helper()
	rep, err := l.VerifyDB(ctx)
	if err != nil {
		tb.Fatal(err)
	}
	return rep.Size
}

// Every single byte of the file counts, also those of whitespace, signatures and padding.
func TestS15_AnyChangedByteIsCaught(t *testing.T) {
	t.Parallel()
	db := storetest.SQLite(t)
	l := open(t, db)
	fill(t, db, l, 0, 5)
	good := export(t, l)
	for i := range good {
		for _, flip := range []byte{0x01, 0x20, 0x80} {
			bad := bytes.Clone(good)
			bad[i] ^= flip
			if _, err := evidence.Verify(bytes.NewReader(bad), l.PublicKey()); !errors.Is(err, evidence.ErrTampered) {
				t.Fatalf("byte %d of %d xor %#x: got %v", i, len(good), flip, err)
			}
		}
	}
	for i := range good {
		if _, err := evidence.Verify(bytes.NewReader(good[:i]), l.PublicKey()); !errors.Is(err, evidence.ErrTampered) {
			t.Fatalf("cut at %d of %d: got %v", i, len(good), err)
		}
	}
	if _, err := evidence.Verify(bytes.NewReader(append(bytes.Clone(good), '\n')), l.PublicKey()); !errors.Is(err, evidence.ErrTampered) {
		t.Fatalf("a line added at the end: got %v", err)
	}
}

func TestX10_FirstBadEntryIsNamed(t *testing.T) {
	t.Parallel()
	db := storetest.SQLite(t)
	l := open(t, db)
	const n = 12
	fill(t, db, l, 0, n)
	lines := strings.SplitAfter(string(export(t, l)), "\n")
	at := func(seq int) int { return 1 + 2*seq } // header; then entry and checkpoint in turn
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.IntRange(0, n-2).Draw(t, "entry")
		bad := append([]string(nil), lines...)
		switch rapid.SampledFrom([]string{"change", "remove", "remove with seal", "repeat", "swap"}).Draw(t, "how") {
		case "change":
			bad[at(k)] = strings.Replace(bad[at(k)], `"anna"`, `"arne"`, 1)
		case "remove":
			bad[at(k)] = ""
		case "remove with seal":
			bad[at(k)], bad[at(k)+1] = "", ""
		case "repeat":
			bad[at(k)] += bad[at(k)]
			k++ // the second of the two stands where k+1 should
		case "swap":
			bad[at(k)], bad[at(k+1)] = bad[at(k+1)], bad[at(k)]
		}
		rep, err := evidence.Verify(strings.NewReader(strings.Join(bad, "")), l.PublicKey())
		if !errors.Is(err, evidence.ErrTampered) || rep.Bad == nil {
			t.Fatalf("got %+v, %v", rep, err)
		}
		// An entry removed alone is named by its checkpoint, which no longer fits.
		if rep.Bad.Seq > int64(k) || rep.Bad.To < int64(k)-1 || rep.Bad.Seq < int64(k)-1 {
			t.Fatalf("entry %d is bad, named was %+v", k, rep.Bad)
		}
	})
}

// A forger who can write the tables but has no key is found, and where.
func TestX10_TamperingInTheStoreIsCaught(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		l := open(t, db)
		fill(t, db, l, 0, 10)
		if _, err := db.ExecContext(ctx, `UPDATE evidence SET line = 'x' WHERE seq = 3`); err == nil {
			t.Fatal("an entry could be updated")
		}
		if _, err := db.ExecContext(ctx, `DELETE FROM evidence WHERE seq = 3`); err == nil {
			t.Fatal("an entry could be deleted")
		}
		for _, q := range []string{`DROP TRIGGER evidence_append_only`, `DROP TRIGGER evidence_purge_only`} {
			if db.Dialect == store.Postgres {
				q = `DROP TRIGGER IF EXISTS evidence_append_only ON evidence`
			}
			if _, err := db.ExecContext(ctx, q); err != nil {
				t.Fatal(err)
			}
		}
		for name, q := range map[string]string{
			"entry":      `UPDATE evidence SET line = replace(line, 'anna', 'arne') WHERE seq = 4`,
			"leaf":       `DELETE FROM evidence_hash WHERE idx = 7`, // entry 4: 0,1,(01),2,3,(23),(0123),4
			"checkpoint": `UPDATE evidence_checkpoint SET note = replace(note, '5', '6') WHERE size = 5`,
			"removed":    `DELETE FROM evidence WHERE seq = 4`,
		} {
			restore := snapshot(t, db)
			if _, err := db.ExecContext(ctx, q); err != nil {
				t.Fatal(err)
			}
			rep, err := l.VerifyDB(ctx)
			if !errors.Is(err, evidence.ErrTampered) || rep.Bad.Seq != 4 {
				t.Errorf("%s: got %+v, %v", name, rep.Bad, err)
			}
			restore()
			if _, err := l.VerifyDB(ctx); err != nil {
				t.Fatalf("%s: after putting it back: %v", name, err)
			}
		}
	})
}

// snapshot keeps copies of the log's tables and returns what puts them back.
func snapshot(t *testing.T, db *store.DB) func() {
	t.Helper()
	run := func(q string) {
		t.Helper()
		if _, err := db.ExecContext(ctx, q); err != nil {
			t.Fatal(err)
		}
	}
	tables := map[string]string{"evidence": "seq, line", "evidence_hash": "idx, hash", "evidence_checkpoint": "size, note"}
	for n, c := range tables {
		run(fmt.Sprintf("DROP TABLE IF EXISTS copy_%s", n))
		run(fmt.Sprintf("CREATE TABLE copy_%s AS SELECT %s FROM %s", n, c, n))
	}
	return func() {
		for n, c := range tables {
			run("DELETE FROM " + n)
			run(fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM copy_%s", n, c, c, n))
		}
	}
}

func TestX10_PurgeByPrefixWithMarker(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		l := open(t, db)
		fill(t, db, l, 0, 21)
		total := 21
		for _, cut := range []int64{1, 6, 13, 16, 20} {
			if err := l.Purge(ctx, cut, "dpo", "log.retention"); err != nil {
				t.Fatal(err)
			}
			total++
			fill(t, db, l, total, 3)
			total += 3
			if _, err := l.VerifyDB(ctx); err != nil {
				t.Fatalf("store after a cut at %d: %v", cut, err)
			}
			file := export(t, l)
			rep, err := evidence.Verify(bytes.NewReader(file), l.PublicKey())
			if err != nil || rep.First != cut || rep.Size != int64(total) {
				t.Fatalf("file after a cut at %d: %+v, %v", cut, rep, err)
			}
			if bytes.Contains(file, fmt.Appendf(nil, `{"seq":%d,`, cut-1)) {
				t.Fatalf("entry %d is still in the file", cut-1)
			}
		}
		if err := l.Purge(ctx, 3, "dpo", ""); !errors.Is(err, gallra.ErrInvalid) {
			t.Fatalf("a cut behind an earlier one: %v", err)
		}
	})
}

func TestX10_AppendRollsBackWithTheAction(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		l := open(t, db)
		boom := errors.New("boom")
		if err := db.Tx(ctx, func(tx *sql.Tx) error {
			if _, err := l.Append(ctx, tx, evidence.Entry{Actor: "a", Action: "x"}); err != nil {
				return err
			}
			return boom
		}); !errors.Is(err, boom) {
			t.Fatal(err)
		}
		if n := size(t, l); n != 0 {
			t.Fatalf("%d entries", n)
		}
		fill(t, db, l, 0, 2)
	})
}

// Two processes with connections of their own append to one log.
func TestX10_ConcurrentAppendsDoNotFork(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		dir := t.TempDir()
		l1, err := evidence.Open(ctx, db, dir)
		if err != nil {
			t.Fatal(err)
		}
		db2 := db
		if db.Dialect == store.Postgres {
			if db2, err = store.Open(ctx, "", db.URL); err != nil {
				t.Fatal(err)
			}
			defer db2.Close()
		}
		l2, err := evidence.Open(ctx, db2, dir)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		errs := make(chan error, 8)
		for w := range 8 {
			d, l := db, l1
			if w%2 == 1 {
				d, l = db2, l2
			}
			wg.Go(func() {
				for i := range 10 {
					if err := d.Tx(ctx, func(tx *sql.Tx) error {
						_, err := l.AppendMany(ctx, tx, []evidence.Entry{{Actor: fmt.Sprint(w), Action: "a", Counts: map[string]int64{"i": int64(i)}}, {Actor: fmt.Sprint(w), Action: "b"}})
						return err
					}); err != nil {
						errs <- err
						return
					}
				}
			})
		}
		wg.Wait()
		close(errs)
		for err := range errs {
			t.Error(err)
		}
		if rep, err := l1.VerifyDB(ctx); err != nil || rep.Entries != 160 || rep.Sealed != 80 {
			t.Fatalf("%+v, %v", rep, err)
		}
	})
}

func TestX10_RewritingWithTheKeyBreaksAPublishedRoot(t *testing.T) {
	t.Parallel()
	db := storetest.SQLite(t)
	l := open(t, db)
	fill(t, db, l, 0, 7)
	cp, err := l.Checkpoint(ctx)
	if err != nil {
		t.Fatal(err)
	}
	root, err := evidence.RootOf(cp)
	if err != nil || root.Size != 7 {
		t.Fatal(root, err)
	}
	fill(t, db, l, 7, 4)
	if err := l.Holds(ctx, root); err != nil {
		t.Fatal(err)
	}
	root.Size = 6
	if err := l.Holds(ctx, root); !errors.Is(err, evidence.ErrTampered) {
		t.Fatalf("another size with the same hash: %v", err)
	}
}

func TestKeyFile(t *testing.T) {
	t.Parallel()
	db := storetest.SQLite(t)
	dir := t.TempDir()
	l, err := evidence.Open(ctx, db, dir)
	if err != nil {
		t.Fatal(err)
	}
	fi, err := os.Stat(filepath.Join(dir, evidence.KeyFile))
	if err != nil || fi.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", fi, err)
	}
	again, err := evidence.Open(ctx, db, dir)
	if err != nil || again.PublicKey() != l.PublicKey() {
		t.Fatalf("opened again: %v", err)
	}
	if _, err := evidence.Open(ctx, db, t.TempDir()); !errors.Is(err, gallra.ErrInvalid) {
		t.Fatalf("without its key file: %v", err)
	}
	other := t.TempDir()
	if _, err := evidence.Open(ctx, storetest.SQLite(t), other); err != nil {
		t.Fatal(err)
	}
	if _, err := evidence.Open(ctx, db, other); !errors.Is(err, gallra.ErrInvalid) {
		t.Fatalf("with another log's key: %v", err)
	}
	if _, err := evidence.Verify(bytes.NewReader(export(t, l)), "gallra/00000000+00000000+AAAA"); !errors.Is(err, evidence.ErrTampered) {
		t.Fatalf("verified with another key: %v", err)
	}
}

func TestDigestSeparatesFields(t *testing.T) {
	t.Parallel()
	k := evidence.NewKey()
	a := evidence.Digest(k, gallra.Ref{System: "a", Type: "bc", ID: "d"})
	if a == evidence.Digest(k, gallra.Ref{System: "ab", Type: "c", ID: "d"}) || a == evidence.Digest(evidence.NewKey(), gallra.Ref{System: "a", Type: "bc", ID: "d"}) {
		t.Fatal("digests collide")
	}
}

func TestEntriesAndBefore(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		db.Now = func() time.Time { now = now.Add(time.Hour); return now }
		l := open(t, db)
		fill(t, db, l, 0, 5)
		got, err := l.Entries(ctx, "run-1")
		if err != nil || len(got) != 5 || got[4].Counts["erased"] != 4 {
			t.Fatalf("%+v, %v", got, err)
		}
		if none, err := l.Entries(ctx, "run-%"); err != nil || len(none) != 0 {
			t.Fatalf("%+v, %v", none, err)
		}
		cut, err := l.Before(ctx, got[3].At)
		if err != nil || cut != 3 {
			t.Fatalf("%d, %v", cut, err)
		}
		last, err := l.Recent(ctx, 0, 2)
		if err != nil || len(last) != 2 || last[0].Seq != 4 {
			t.Fatalf("%+v, %v", last, err)
		}
	})
}

func FuzzVerify(f *testing.F) {
	db := storetest.SQLite(f)
	l := open(f, db)
	fill(f, db, l, 0, 4)
	good := export(f, l)
	f.Add(good)
	f.Add([]byte{})
	f.Add(bytes.ReplaceAll(good, []byte("\n"), []byte("\r\n")))
	f.Fuzz(func(t *testing.T, b []byte) {
		rep, err := evidence.Verify(bytes.NewReader(b), l.PublicKey())
		if (err == nil) != bytes.Equal(b, good) {
			t.Fatalf("%+v, %v", rep, err)
		}
	})
}

func BenchmarkAppendMany(b *testing.B) {
	db := storetest.SQLite(b)
	l := open(b, db)
	entries := make([]evidence.Entry, 100)
	for i := range entries {
		entries[i] = evidence.Entry{Actor: "system", Action: "read"}
	}
	for b.Loop() {
		if err := db.Tx(ctx, func(tx *sql.Tx) error { _, err := l.AppendMany(ctx, tx, entries); return err }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(entries))/b.Elapsed().Seconds(), "entries/s")
}
