package request_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	_ "github.com/gallra/gallra/connector/sqldb"
	"github.com/gallra/gallra/internal/config"
	"github.com/gallra/gallra/internal/demo"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/request"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/store/storetest"
)

type ctxt = context.Context

var ctx = context.Background()

// office is a desk over the three databases of the example organisation.
type office struct {
	*request.Desk
	t    *testing.T
	dir  string
	anna demo.Person
	now  time.Time
	// wrap, if set, stands between the desk and a system.
	wrap func(gallra.SystemID, connector.Source) connector.Source
}

// example makes the organisation once; each office gets a copy.
var example = sync.OnceValues(func() (demo.Organisation, error) {
	dir, err := os.MkdirTemp("", "gallra-request-")
	if err != nil {
		return demo.Organisation{}, err
	}
	temporary = dir
	return demo.Make(ctx, dir, demo.Options{Size: 1500, Seed: 7, Now: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)})
})

var temporary string

func TestMain(m *testing.M) {
	code := m.Run()
	if temporary != "" {
		_ = os.RemoveAll(temporary)
	}
	os.Exit(code)
}

var systems = []gallra.SystemID{"helpdesk", "chat", "forum"}

func newOffice(t *testing.T, db *store.DB) *office {
	t.Helper()
	o := &office{t: t, dir: t.TempDir(), now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)}
	made, err := example()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(o.dir, os.DirFS(made.Dir)); err != nil {
		t.Fatal(err)
	}
	o.anna = made.Cast[0]
	c, err := config.Load(filepath.Join(o.dir, config.FileName))
	if err != nil {
		t.Fatal(err)
	}
	db.Now = func() time.Time { return o.now }
	log, err := evidence.Open(ctx, db, o.dir)
	if err != nil {
		t.Fatal(err)
	}
	o.Desk = &request.Desk{
		DB: db, Log: log, Keys: request.Keys{Dir: filepath.Join(o.dir, "keys")},
		Open: func(ctx context.Context, id gallra.SystemID) (connector.Source, error) {
			s, ok := c.System(id)
			if !ok {
				return nil, gallra.Errorf(gallra.NotFound, "test.system")
			}
			cc, err := c.Connect(s, func(string) (string, bool) { return "", false })
			if err != nil {
				return nil, err
			}
			src, err := connector.Open(ctx, cc)
			if err == nil && o.wrap != nil {
				src = o.wrap(id, src)
			}
			return src, err
		},
		Systems: func(context.Context) ([]request.System, error) {
			var out []request.System
			for _, id := range systems {
				s, _ := c.System(id)
				out = append(out, request.System{ID: id, Title: s.Title, Channel: s.Channel})
			}
			return out, nil
		},
	}
	return o
}

func (o *office) check(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

// refused checks that err is of a key.
func (o *office) refused(err error, key string) {
	o.t.Helper()
	var e *gallra.Error
	if err == nil || !asError(err, &e) || e.Key != key {
		o.t.Fatalf("got %v, want %s", err, key)
	}
}

func (o *office) details() request.Details {
	return request.Details{
		Name: o.anna.Name(), Address: o.anna.Email(), Message: "vill veta vad ni har om mig och sen ta bort allt",
		Identifiers: []request.Known{
			{Identifier: gallra.Identifier{Kind: gallra.IdentEmail, Value: o.anna.Email()}, Verified: true},
			{Identifier: gallra.Identifier{Kind: gallra.IdentPhone, Value: o.anna.Phone}, Verified: true},
			{Identifier: gallra.Identifier{Kind: gallra.IdentPersonnummer, Value: o.anna.Personnummer}, Verified: true},
			{Identifier: gallra.Identifier{Kind: gallra.IdentName, Value: o.anna.Name()}, Verified: true},
		},
	}
}

func (o *office) register(rights ...request.Right) []request.Request {
	o.t.Helper()
	rs, err := o.Register(ctx, request.Intake{Rights: rights, Channel: "email", Details: o.details(), Actor: "karin"})
	o.check(err)
	return rs
}

// searched brings a request to review.
func (o *office) searched(id string) {
	o.t.Helper()
	o.check(o.Move(ctx, id, "karin", request.Classified, "request.track.gdpr"))
	o.check(o.Identify(ctx, id, "karin", "known_address", ""))
	o.search(id)
}

func (o *office) search(id string) {
	o.t.Helper()
	w, err := o.StartSearch(ctx, id, "karin")
	o.check(err)
	o.check(o.Drive(ctx, w.ID, nil))
}

// judged decides about everything that is open: the person's second address is
// accepted, the rest is somebody else.
func (o *office) judged(id string) []request.Item {
	o.t.Helper()
	items, err := o.Items(ctx, id)
	o.check(err)
	var open []int
	for _, it := range items {
		if it.Decision == request.Open {
			open = append(open, it.N)
		}
	}
	if len(open) > 0 {
		o.check(o.Judge(ctx, id, "karin", request.Verdict{Items: open, Decision: request.Exclude, Reason: "request.another_person"}))
	}
	items, err = o.Items(ctx, id)
	o.check(err)
	return items
}

// erased carries an erasure out as far as its verification.
func (o *office) erased(id string) {
	o.t.Helper()
	o.check(o.Decide(ctx, id, "karin", request.Granted, ""))
	o.check(o.Approve(ctx, id, "bo"))
	o.execute(id)
	o.verify(id)
}

func (o *office) execute(id string) {
	o.t.Helper()
	w, err := o.StartExecute(ctx, id, "karin")
	o.check(err)
	o.check(o.Drive(ctx, w.ID, nil))
}

func (o *office) verify(id string) {
	o.t.Helper()
	w, err := o.StartVerify(ctx, id, "karin")
	o.check(err)
	o.check(o.Drive(ctx, w.ID, nil))
}

func (o *office) state(id string) request.State {
	o.t.Helper()
	r, err := o.Get(ctx, id)
	o.check(err)
	return r.State
}

// dump returns every value of a system's database by table, column and row,
// read behind the connector's back.
func (o *office) dump(system string) map[string]string {
	o.t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(o.dir, "systems", system+".db"))
	o.check(err)
	defer db.Close()
	out := map[string]string{}
	tables := query(o.t, db, "SELECT name FROM sqlite_master WHERE type = 'table'")
	for _, t := range tables {
		rows, err := db.Query(fmt.Sprintf("SELECT * FROM %q", t[0]))
		o.check(err)
		cols, err := rows.Columns()
		o.check(err)
		for rows.Next() {
			v := make([]any, len(cols))
			for i := range v {
				v[i] = new(sql.RawBytes)
			}
			o.check(rows.Scan(v...))
			id := string(*v[0].(*sql.RawBytes))
			for i := range cols {
				out[t[0]+"/"+id+"/"+cols[i]] = string(*v[i].(*sql.RawBytes))
			}
		}
		o.check(rows.Err())
		o.check(rows.Close())
	}
	return out
}

func query(t *testing.T, db *sql.DB, q string) [][]string {
	t.Helper()
	rows, err := db.Query(q)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	cols, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var out [][]string
	for rows.Next() {
		row := make([]string, len(cols))
		v := make([]any, len(cols))
		for i := range v {
			v[i] = &row[i]
		}
		if err := rows.Scan(v...); err != nil {
			t.Fatal(err)
		}
		out = append(out, row)
	}
	return out
}

// The whole road of a message that asks for both: see, then erase.
func TestA12_10_A12_11_AccessThenErasure(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		o := newOffice(t, db)
		rs := o.register(request.Access, request.Erasure)
		access, erasure := rs[0].ID, rs[1].ID
		if rs[1].Matter != access || rs[0].Right != request.Access || rs[1].Right != request.Erasure {
			t.Fatalf("%+v", rs)
		}
		for _, id := range []string{access, erasure} {
			o.searched(id)
			o.judged(id)
		}
		o.check(o.Decide(ctx, erasure, "karin", request.Granted, ""))
		o.check(o.Approve(ctx, erasure, "bo"))
		_, err := o.StartExecute(ctx, erasure, "karin")
		o.refused(err, "request.access_first")
		o.check(o.Decide(ctx, access, "karin", request.Granted, ""))
		o.check(o.Deliver(ctx, access, "karin", "download"))
		o.check(o.Close(ctx, access, "karin", "request.answered"))

		before := map[string]map[string]string{}
		for _, s := range systems {
			before[string(s)] = o.dump(string(s))
		}
		o.execute(erasure)
		o.verify(erasure)
		left, err := o.Remaining(ctx, erasure)
		o.check(err)
		for _, r := range left {
			t.Errorf("remains: %+v", r)
		}
		items, err := o.Items(ctx, erasure)
		o.check(err)
		for _, it := range items {
			if it.Decision == request.Include && it.State != "done" {
				t.Errorf("%s: %s %v", it.Ref, it.State, it.Problem)
			}
		}
		for _, s := range systems {
			o.untouched(string(s), before[string(s)], o.dump(string(s)))
			o.clean(string(s))
		}
		if o.state(erasure) != request.Verified {
			t.Error(o.state(erasure))
		}
		o.check(o.Deliver(ctx, erasure, "karin", "email"))
		o.check(o.Close(ctx, erasure, "karin", "request.answered"))
	})
}

// clean checks that nothing in a system's database tells of the person any more,
// in any of the forms in which the example organisation writes it.
func (o *office) clean(system string) {
	o.t.Helper()
	needles := []string{"anna.lindqvist@mail", "850312", "070-174 06 05", "0701740605", "070-1740605", "+46701740605", "+46 70 174 0605", "070 174 06 05"}
	for k, v := range o.dump(system) {
		for _, n := range needles {
			if strings.Contains(strings.ReplaceAll(v, "johanna.lindqvist@mail", ""), n) {
				o.t.Errorf("%s %s still holds %q", system, k, n)
			}
		}
	}
}

// untouched checks that every value that speaks of others is what it was.
func (o *office) untouched(system string, before, after map[string]string) {
	o.t.Helper()
	changed := 0
	for k, v := range before {
		if strings.HasPrefix(k, "history/") || strings.HasSuffix(k, "/user_id") {
			continue // a derived copy that the edit takes along; the tie to the person
		}
		if got, ok := after[k]; ok && got != v {
			changed++
			if !strings.Contains(got, "[borttaget]") && !strings.Contains(got, "example.invalid") && got != "0.0.0.0" && got != "" {
				o.t.Errorf("%s %s was changed: %q to %q", system, k, v, got)
			}
			if !strings.Contains(strings.ToLower(v), "anna") && !strings.Contains(v, "06 05") && !strings.Contains(v, "0605") && got != "0.0.0.0" {
				o.t.Errorf("%s %s did not speak of the person: %q", system, k, v)
			}
		}
	}
	for k := range before {
		// The namesake and the one whose address ends like hers stay whole.
		if _, ok := after[k]; !ok && (strings.HasPrefix(k, "person/2/") || strings.HasPrefix(k, "person/3/") || strings.HasPrefix(k, "contacts/2/") || strings.HasPrefix(k, "users/2/")) {
			o.t.Errorf("%s %s is gone", system, k)
		}
	}
	if changed > 12 {
		o.t.Errorf("%s: %d values were changed", system, changed)
	}
}
