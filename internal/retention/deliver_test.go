package retention_test

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/retention"
	"github.com/gallra/gallra/internal/statistics"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/store/storetest"
	"github.com/gallra/gallra/internal/work"
)

// archived makes the folder of an archive and returns a rule that hands over to it.
func archived(tb testing.TB, f *fixture) gallra.Rule {
	tb.Helper()
	if err := os.MkdirAll(filepath.Join(f.dir, "arkiv"), 0o755); err != nil {
		tb.Fatal(err)
	}
	r := rule("r", 24, gallra.ActionArchive)
	r.Archive = gallra.Archive{To: "arkiv", Body: "Stadsarkivet", Agreement: "SA 2025/14"}
	return r
}

// accept registers a receipt for every package of a run.
func (f *fixture) accept(tb testing.TB, run string) {
	tb.Helper()
	list, err := f.Deliveries(ctx, run)
	if err != nil || len(list) == 0 {
		tb.Fatalf("%d packages, %v", len(list), err)
	}
	for _, d := range list {
		if err := f.Receive(ctx, d.ID, retention.Receipt{Actor: "arkivarie", SHA256: d.SHA256[:8], Accepted: true, Reference: "SA 2026/1"}); err != nil {
			tb.Fatal(err)
		}
	}
}

// opened reads a package as an archive would: every file that METS names must be
// there with its checksum, and no other. It returns the ids of the records.
func opened(tb testing.TB, path string) map[string]bool {
	tb.Helper()
	z, err := zip.OpenReader(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer z.Close()
	root := strings.TrimSuffix(filepath.Base(path), ".zip") + "/"
	files := map[string][]byte{}
	for _, f := range z.File {
		name, ok := strings.CutPrefix(f.Name, root)
		if !ok {
			tb.Fatalf("%s stands outside the package's folder", f.Name)
		}
		r, err := f.Open()
		if err != nil {
			tb.Fatal(err)
		}
		if files[name], err = io.ReadAll(r); err != nil {
			tb.Fatal(err)
		}
	}
	type ref struct {
		Href string `xml:"href,attr"`
		Sum  string `xml:"CHECKSUM,attr"`
		Size int    `xml:"SIZE,attr"`
	}
	var mets struct {
		Meta []ref `xml:"dmdSec>mdRef"`
		Prov []ref `xml:"amdSec>digiprovMD>mdRef"`
		Grp  []struct {
			File []struct {
				Sum   string `xml:"CHECKSUM,attr"`
				Size  int    `xml:"SIZE,attr"`
				Where ref    `xml:"FLocat"`
			} `xml:"file"`
		} `xml:"fileSec>fileGrp"`
	}
	if err := xml.Unmarshal(files["METS.xml"], &mets); err != nil {
		tb.Fatal(err)
	}
	named := map[string]ref{"METS.xml": {}}
	for _, r := range append(mets.Meta, mets.Prov...) {
		named[r.Href] = r
	}
	for _, g := range mets.Grp {
		for _, f := range g.File {
			named[f.Where.Href] = ref{f.Where.Href, f.Sum, f.Size}
		}
	}
	ids := map[string]bool{}
	for name, body := range files {
		r, ok := named[name]
		s := sha256.Sum256(body)
		if !ok || r.Href != "" && (r.Sum != hex.EncodeToString(s[:]) || r.Size != len(body)) {
			tb.Fatalf("%s: METS says %+v", name, r)
		}
		if strings.HasSuffix(name, "/record.json") {
			var rec struct {
				Record struct{ ID string }
			}
			if err := json.Unmarshal(body, &rec); err != nil || rec.Record.ID == "" || ids[rec.Record.ID] {
				tb.Fatalf("%s: %+v %v", name, rec, err)
			}
			ids[rec.Record.ID] = true
		}
	}
	if len(named) != len(files) {
		tb.Fatalf("METS names %d files, there are %d", len(named), len(files))
	}
	return ids
}

// SE-11: what is past its date is handed over whole, and erased only once the
// archive has said that it has it.
func TestSE11_ErasedOnlyAfterTheReceipt(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := setup(t, db)
		f.desk.seed(t, 120, old)
		f.desk.exec(t, `INSERT INTO attachment (version, message, ticket, filename, content) VALUES (1, 3, 3, 'Anna Lindqvists avtal.PDF', x'255044460001')`)
		f.desk.exec(t, `UPDATE message SET raw = 'From: anna@example.se

Hej åäö' WHERE id = 3`)
		before := f.desk.dump(t)
		id, pr := f.carryOut(t, archived(t, f))
		if pr.Status != retention.Pending || pr.Open.Delivered != 120 || pr.Total.Outcomes[gallra.OutcomeErased] != 0 || pr.Total.Reasons["retention.reason.archive"] != 120 || len(pr.Deliveries) != 3 || !pr.FiguresEqual {
			t.Fatalf("%+v", pr)
		}
		if f.desk.dump(t) != before {
			t.Fatal("handing over has changed the system")
		}
		ids := map[string]bool{}
		for _, d := range pr.Deliveries {
			path := filepath.Join(f.dir, "arkiv", d.File)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			line, err := os.ReadFile(path + ".sha256")
			s := sha256.Sum256(b)
			if sum := hex.EncodeToString(s[:]); err != nil || sum != d.SHA256 || string(line) != sum+"  "+d.File+"\n" || d.Body != "Stadsarkivet" {
				t.Fatalf("%+v %q %v", d, line, err)
			}
			for k := range opened(t, path) {
				if ids[k] {
					t.Fatalf("record %s was handed over twice", k)
				}
				ids[k] = true
			}
		}
		if len(ids) != 120 {
			t.Fatalf("%d records were handed over", len(ids))
		}
		// Not planned again, and nothing happens by itself, however long it takes.
		if p := f.plan(t, company, archived(t, f)); p.Preview.Due != 0 || p.Preview.Units[0].Waiting["archive"] != 120 {
			t.Fatalf("%+v", p.Preview)
		}
		f.now = f.now.AddDate(0, 2, 0)
		if o, _ := f.follow(t, id); o.Delivered != 120 || o.Overdue != 120 || f.desk.dump(t) != before {
			t.Fatalf("%+v", o)
		}
		// A receipt for other bytes is not believed, and one without number or sum neither.
		d := pr.Deliveries[0]
		for _, c := range []struct {
			r    retention.Receipt
			code error
		}{
			{retention.Receipt{Actor: "arkivarie", SHA256: strings.Repeat("0", 64), Accepted: true, Reference: "1"}, gallra.ErrConflict},
			{retention.Receipt{Actor: "arkivarie", SHA256: d.SHA256[:7], Accepted: true, Reference: "1"}, gallra.ErrInvalid},
			{retention.Receipt{Actor: "arkivarie", SHA256: d.SHA256, Accepted: true}, gallra.ErrInvalid},
			{retention.Receipt{SHA256: d.SHA256, Accepted: true, Reference: "1"}, gallra.ErrInvalid},
		} {
			if err := f.Receive(ctx, d.ID, c.r); !errors.Is(err, c.code) {
				t.Fatalf("%+v: %v", c.r, err)
			}
		}
		if f.follow(t, id); f.desk.dump(t) != before {
			t.Fatal("erased without a receipt")
		}
		// One package is confirmed: its records go, the others stay.
		if err := f.Receive(ctx, d.ID, retention.Receipt{Actor: "arkivarie", SHA256: d.SHA256, Accepted: true, Reference: "SA 2026/7"}); err != nil {
			t.Fatal(err)
		}
		if err := f.Receive(ctx, d.ID, retention.Receipt{Actor: "arkivarie", SHA256: d.SHA256, Accepted: true, Reference: "SA 2026/7"}); !errors.Is(err, gallra.ErrConflict) {
			t.Fatalf("twice: %v", err)
		}
		o, pr := f.follow(t, id)
		if o.Delivered != 120-d.Records || pr.Total.Outcomes[gallra.OutcomeErased] != d.Records || pr.Total.Archived != d.Records || f.desk.count(t, `SELECT count(*) FROM ticket`) != 120-d.Records {
			t.Fatalf("%+v %+v", o, pr.Total)
		}
		for _, d := range pr.Deliveries[1:] {
			if err := f.Receive(ctx, d.ID, retention.Receipt{Actor: "arkivarie", SHA256: d.SHA256, Accepted: true, Reference: "SA 2026/8"}); err != nil {
				t.Fatal(err)
			}
		}
		o, pr = f.follow(t, id)
		if o.Any() || pr.Status != retention.Complete || pr.Total.Archived != 120 || len(pr.Total.Reasons) != 0 || !pr.FiguresEqual || pr.Deliveries[0].Reference != "SA 2026/7" || pr.Deliveries[0].State != retention.DeliveryReceived || pr.Settled.IsZero() {
			t.Fatalf("%+v", pr)
		}
		if f.desk.count(t, `SELECT count(*) FROM ticket`)+f.desk.count(t, `SELECT count(*) FROM message`)+f.desk.count(t, `SELECT count(*) FROM attachment`) != 0 || f.desk.count(t, `SELECT count(*) FROM erasure`) != 120 {
			t.Fatal("something is left, or was erased twice")
		}
		if c, err := statistics.Thinned(ctx, db, "desk", "ticket"); err != nil || c.Records() != 120 {
			t.Fatalf("%d records in the figures, %v", c.Records(), err)
		}
		// The journal knows them as erased: a restored backup is thinned out again.
		f.desk.exec(t, `DELETE FROM erasure`)
		f.desk.seed(t, 120, old)
		if got, err := f.Replay(ctx, "desk", today.AddDate(0, 0, -1), "operator"); err != nil || got.Erased != 120 {
			t.Fatalf("%+v %v", got, err)
		}
		f.verifyLog(t)
	})
}

// A delivery that fails triggers no erasure, and goes on when the folder is back.
func TestSE11_FailedDeliveryErasesNothing(t *testing.T) {
	t.Parallel()
	f := setup(t, storetest.SQLite(t))
	f.desk.seed(t, 60, old)
	before := f.desk.dump(t)
	r := archived(t, f)
	p := f.plan(t, company, r)
	f.approve(t, p)
	id, err := f.Start(ctx, p.ID, "operator")
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(f.dir, "arkiv")
	for _, broken := range []func() error{
		func() error { return os.Remove(folder) },
		func() error { return os.WriteFile(folder, nil, 0o644) }, // something else bears its name
	} {
		if err := broken(); err != nil {
			t.Fatal(err)
		}
		if err := f.Drive(ctx, id); !errors.Is(err, gallra.ErrUnavailable) {
			t.Fatalf("%v", err)
		}
		if w, err := work.Get(ctx, f.DB, id); err != nil || w.State.Over() || f.desk.dump(t) != before {
			t.Fatalf("%+v %v", w, err)
		}
	}
	if err := errors.Join(os.Remove(folder), os.Mkdir(folder, 0o755)); err != nil {
		t.Fatal(err)
	}
	if pr := f.finish(t, id); pr.Open.Delivered != 60 || f.desk.dump(t) != before {
		t.Fatalf("%+v", pr)
	}
	// And a plan whose packages have nowhere to go is refused at once.
	r.ID, r.Archive.To = "annan", "ingenstans"
	plan, err := f.Plan(ctx, retention.PlanSpec{Rules: []gallra.Rule{r}, Organisation: company, Actor: "planner"})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Drive(ctx, plan); !errors.Is(err, gallra.ErrInvalid) {
		t.Fatalf("%v", err)
	}
}

// withFiles is a desk whose attachments' bytes stand outside its database.
type withFiles struct {
	*desk
	files map[string]string
}

func (w withFiles) Open(_ context.Context, ref gallra.Ref) (io.ReadCloser, error) {
	text, ok := w.files[ref.ID]
	if !ok {
		return nil, gallra.Errorf(gallra.NotFound, "sqldb.gone", "ref", ref.String())
	}
	return io.NopCloser(strings.NewReader(text)), nil
}

// The archive never gets less than what is erased: a case with an attachment whose
// bytes cannot be read is in no package, and one whose bytes are gone when the
// receipt comes stays.
func TestSE11_AnAttachmentNobodyCanReadStays(t *testing.T) {
	t.Parallel()
	f := setup(t, storetest.SQLite(t))
	f.desk.seed(t, 30, old)
	for id := range 4 {
		f.desk.exec(t, `INSERT INTO attachment (id, version, message, ticket, filename, content) VALUES (?, 1, ?, ?, 'avtal.pdf', x'')`, id+1, id+1, id+1)
	}
	src := withFiles{f.desk, map[string]string{"1": "%PDF ett", "2": "%PDF två", "3": ""}} // the fourth is not found
	f.Open = func(context.Context, gallra.SystemID) (connector.Source, error) { return src, nil }
	id, pr := f.carryOut(t, archived(t, f))
	if pr.Open.Delivered != 28 || pr.Total.Reasons["retention.reason.archive_no_file"] != 2 {
		t.Fatalf("%+v", pr)
	}
	var ids []string
	for _, d := range pr.Deliveries {
		for id := range opened(t, filepath.Join(f.dir, "arkiv", d.File)) {
			ids = append(ids, id)
		}
	}
	if len(ids) != 28 || slices.Contains(ids, "3") || slices.Contains(ids, "4") || !slices.Contains(ids, "1") {
		t.Fatalf("handed over: %v", ids)
	}
	delete(src.files, "2")
	f.accept(t, id)
	o, pr := f.follow(t, id)
	if o.Any() || pr.Total.Outcomes[gallra.OutcomeErased] != 27 || pr.Total.Reasons["retention.reason.archive_no_file"] != 3 {
		t.Fatalf("%+v %+v", o, pr.Total)
	}
	if n := f.desk.count(t, `SELECT count(*) FROM ticket WHERE id IN (2, 3, 4)`); n != 3 || f.desk.count(t, `SELECT count(*) FROM ticket`) != 3 {
		t.Fatalf("%d of the three are left", n)
	}
	f.verifyLog(t)
}

// Sent back: nothing is erased, and the next plan has the records again.
func TestSE11_SentBackErasesNothing(t *testing.T) {
	t.Parallel()
	f := setup(t, storetest.SQLite(t))
	f.desk.seed(t, 30, old)
	before := f.desk.dump(t)
	r := archived(t, f)
	id, pr := f.carryOut(t, r)
	if err := f.Receive(ctx, pr.Deliveries[0].ID, retention.Receipt{Actor: "arkivarie"}); !errors.Is(err, gallra.ErrInvalid) {
		t.Fatalf("without a reason: %v", err)
	}
	if err := f.Receive(ctx, pr.Deliveries[0].ID, retention.Receipt{Actor: "arkivarie", Note: "Fel arkivbildare"}); err != nil {
		t.Fatal(err)
	}
	o, pr := f.follow(t, id)
	if o.Any() || pr.Status != retention.Partial || pr.Total.Reasons["retention.reason.archive_refused"] != 30 || f.desk.dump(t) != before || pr.Deliveries[0].State != retention.DeliveryRefused {
		t.Fatalf("%+v %+v", o, pr)
	}
	if p := f.plan(t, company, r); p.Preview.Planned != 30 {
		t.Fatalf("%+v", p.Preview)
	}
	f.verifyLog(t)
}

// What is erased is what the archive has: a record that changed after it was
// handed over stays, also where its version does not tell.
func TestSE11_WhatHasChangedSinceStays(t *testing.T) {
	t.Parallel()
	f := setup(t, storetest.SQLite(t))
	f.desk.seed(t, 30, old)
	id, _ := f.carryOut(t, archived(t, f))
	f.desk.exec(t, `UPDATE ticket SET version = version + 1 WHERE id = 4`)
	f.desk.exec(t, `INSERT INTO message (version, ticket, sender, body, raw, created) VALUES (1, 9, 'anna@example.se', 'En sak till', '', 1)`) // the ticket itself bears no trace of it
	f.desk.exec(t, `DELETE FROM ticket WHERE id = 12`)                                                                                         // by somebody else
	f.accept(t, id)
	o, pr := f.follow(t, id)
	if o.Any() || pr.Total.Archived != 27 || pr.Total.Reasons["retention.reason.changed"] != 2 || pr.Total.Reasons["retention.reason.gone"] != 1 || f.desk.count(t, `SELECT count(*) FROM ticket WHERE id IN (4, 9)`) != 2 || f.desk.count(t, `SELECT count(*) FROM ticket`) != 2 {
		t.Fatalf("%+v", pr.Total)
	}
}

// The kill switch and a changed rule stop what a receipt would set going.
func TestSE11_X16_StoppedErasesNothing(t *testing.T) {
	t.Parallel()
	f := setup(t, storetest.SQLite(t))
	f.desk.seed(t, 30, old)
	r := archived(t, f)
	f.Rules = func(context.Context) ([]gallra.Rule, error) { return []gallra.Rule{r}, nil }
	id, _ := f.carryOut(t, r)
	if err := f.StopAll(ctx, true, "operator"); err != nil {
		t.Fatal(err)
	}
	f.accept(t, id)
	w, err := work.Latest(ctx, f.DB, retention.WorkFollow, id)
	if err != nil {
		t.Fatal(err)
	}
	var later work.Later
	if _, err := f.Step(ctx, w.ID); !errors.As(err, &later) || f.desk.count(t, `SELECT count(*) FROM ticket`) != 30 {
		t.Fatalf("%v", err)
	}
	if err := f.StopAll(ctx, false, "operator"); err != nil {
		t.Fatal(err)
	}
	r.Version, r.Keep = 2, gallra.Period{Years: 5}
	if _, pr := f.follow(t, id); pr.Total.Reasons["retention.reason.rule_changed"] != 30 || f.desk.count(t, `SELECT count(*) FROM ticket`) != 30 {
		t.Fatalf("%+v", pr.Total)
	}
}

// A receipt may come as a file. One that is half written is not believed, and one
// for other bytes never.
func TestSE11_ReceiptFiles(t *testing.T) {
	t.Parallel()
	f := setup(t, storetest.SQLite(t))
	f.desk.seed(t, 60, old)
	r := archived(t, f)
	r.Archive.Receipts = "kvitton"
	if err := os.Mkdir(filepath.Join(f.dir, "kvitton"), 0o755); err != nil {
		t.Fatal(err)
	}
	id, pr := f.carryOut(t, r)
	if len(pr.Deliveries) != 2 {
		t.Fatalf("%+v", pr.Deliveries)
	}
	one, two := pr.Deliveries[0], pr.Deliveries[1]
	put := func(d retention.Delivery, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(f.dir, "kvitton", d.ID+".receipt"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	whole := fmt.Sprintf(`{"package": %q, "sha256": %q, "accepted": true, "reference": "SA 2026/11"}`, one.ID, one.SHA256)
	for _, bad := range []string{"", whole[:len(whole)/2], `{"package": "x", "sha256": "` + one.SHA256 + `", "accepted": true}`, strings.Replace(whole, one.SHA256, two.SHA256, 1), strings.Replace(whole, "true", "tru", 1), one.SHA256} {
		put(one, bad)
		if o, pr := f.follow(t, id); o.Delivered != 60 || f.desk.count(t, `SELECT count(*) FROM ticket`) != 60 {
			t.Fatalf("%q: %+v %+v", bad, o, pr.Total)
		}
	}
	if list, err := f.Deliveries(ctx, id); err != nil || list[0].Problem == "" {
		t.Fatalf("nobody is told: %+v %v", list, err)
	}
	put(one, whole)
	put(two, two.SHA256+"  /inkorg/"+two.File+"\n") // as sha256sum writes it
	o, pr := f.follow(t, id)
	if o.Any() || pr.Total.Archived != 60 || pr.Deliveries[0].Reference != "SA 2026/11" || pr.Deliveries[1].Actor != "receipt file" || pr.Deliveries[0].Problem != "" {
		t.Fatalf("%+v %+v", o, pr)
	}
	f.verifyLog(t)
}

// Killed while handing over, and again while erasing: every record is in one
// package, whole and readable, and is erased once.
func TestSE11_G6_KilledWhileDelivering(t *testing.T) {
	for _, dialect := range []store.Dialect{store.SQLite, store.Postgres} {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			r := random(t)
			const n = 300
			for total := 0; total < *kills; {
				f := faulty(t, dialect).guarded()
				f.desk.seed(t, n, old)
				p := f.plan(t, company, archived(t, f))
				f.approve(t, p)
				id, err := f.Start(ctx, p.ID, "operator")
				if err != nil {
					t.Fatal(err)
				}
				delivering := killed(t, f, id, (*kills+1)/2, r)
				pr := f.finish(t, id)
				if pr.Status != retention.Pending || pr.Open.Delivered != n || f.desk.count(t, `SELECT count(*) FROM erasure`) != 0 {
					t.Fatalf("%+v", pr)
				}
				ids := map[string]bool{}
				for _, d := range pr.Deliveries {
					for k := range opened(t, filepath.Join(f.dir, "arkiv", d.File)) {
						if ids[k] {
							t.Fatalf("record %s was handed over twice", k)
						}
						ids[k] = true
					}
				}
				names, err := os.ReadDir(filepath.Join(f.dir, "arkiv"))
				if err != nil || len(names) != 2*len(pr.Deliveries) || len(ids) != n {
					t.Fatalf("%d files of %d packages, %d records, %v", len(names), len(pr.Deliveries), len(ids), err)
				}
				f.accept(t, id)
				w, err := work.Latest(ctx, f.DB, retention.WorkFollow, id)
				if err != nil {
					t.Fatal(err)
				}
				erasing := killed(t, f, w.ID, (*kills+1)/2, r)
				if o, err := f.Follow(ctx, id); err != nil || o.Any() {
					t.Fatalf("%+v %v", o, err)
				}
				run, err := f.RunOf(ctx, id)
				if err != nil {
					t.Fatal(err)
				}
				pr = run.Protocol
				if pr.Status != retention.Complete || pr.Total.Archived != n || len(pr.Total.Outcomes) != 1 || len(pr.Total.Reasons) != 0 || !pr.FiguresEqual {
					t.Fatalf("%+v", pr)
				}
				if f.desk.count(t, `SELECT count(*) FROM ticket`) != 0 || f.desk.count(t, `SELECT count(*) FROM erasure`) != n {
					t.Fatal("not every record was erased once")
				}
				f.verifyLog(t)
				t.Logf("%d kills while handing over, %d while erasing", delivering, erasing)
				total += max(delivering+erasing, 1)
			}
		})
	}
}

// An attempt that died between writing a package and giving it its name is gone on
// with; one whose package the archive has fetched meanwhile hands nothing over again.
func TestSE11_G6_CrashBeforeTheName(t *testing.T) {
	t.Parallel()
	for _, fetched := range []bool{false, true} {
		f := setup(t, storetest.SQLite(t))
		f.desk.seed(t, 30, old)
		p := f.plan(t, company, archived(t, f))
		f.approve(t, p)
		id, err := f.Start(ctx, p.ID, "operator")
		if err != nil {
			t.Fatal(err)
		}
		// The last step of handing over fails: its name is taken by a folder.
		name := filepath.Join(f.dir, "arkiv", id+"-0-0.zip")
		if err := os.Mkdir(name, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := f.Drive(ctx, id); !errors.Is(err, gallra.ErrUnavailable) {
			t.Fatalf("%v", err)
		}
		list, err := f.Deliveries(ctx, id)
		if err != nil || len(list) != 1 || list[0].State != retention.DeliveryWritten {
			t.Fatalf("%+v %v", list, err)
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		if fetched {
			parts, err := filepath.Glob(filepath.Join(f.dir, "arkiv", ".*.part"))
			if err != nil || len(parts) != 1 || os.Remove(parts[0]) != nil {
				t.Fatalf("%v %v", parts, err)
			}
		}
		pr := f.finish(t, id)
		if len(pr.Deliveries) != 1 || pr.Deliveries[0].SHA256 != list[0].SHA256 || pr.Open.Delivered != 30 {
			t.Fatalf("%+v", pr)
		}
		if _, err := os.Stat(name); fetched != errors.Is(err, os.ErrNotExist) {
			t.Fatalf("fetched %v: %v", fetched, err)
		}
	}
}

// Nothing personal stands in a package's name, in the log or in the store.
func TestSE11_X11_NothingPersonalOutsideThePackage(t *testing.T) {
	t.Parallel()
	f := setup(t, storetest.SQLite(t))
	f.desk.seed(t, 30, old)
	id, pr := f.carryOut(t, archived(t, f))
	for _, d := range pr.Deliveries {
		z, err := zip.OpenReader(filepath.Join(f.dir, "arkiv", d.File))
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		for _, x := range z.File {
			r, err := x.Open()
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(x.Name, "nna") || strings.Contains(string(b), "anna.7@") != strings.HasSuffix(x.Name, "000007/record.json") {
				t.Fatalf("%s", x.Name)
			}
		}
	}
	f.accept(t, id)
	f.follow(t, id)
	for _, q := range []string{`SELECT coalesce(group_concat(content || note || reference), '') FROM run_delivery`, `SELECT coalesce(group_concat(digest || receipt || version), '') FROM run_wait`} {
		var s string
		if err := f.DB.QueryRowContext(ctx, q).Scan(&s); err != nil || strings.Contains(s, "nna") || strings.Contains(s, "@") {
			t.Fatalf("%s %v", s, err)
		}
	}
}
