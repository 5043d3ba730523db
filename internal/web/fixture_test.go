package web_test

import (
	"context"
	"database/sql"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/config"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/inventory"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/store/storetest"
	"github.com/gallra/gallra/internal/web"
	"github.com/gallra/gallra/internal/work"
)

const password = "sju tallar i vinden"

// site is a page over a real store, with one account of each role. Full, it
// has systems, inventories and a log; else it is as on the first day.
type site struct {
	handler http.Handler
	db      *store.DB
	auth    *auth.Auth
	config  *config.Config
	log     *evidence.Log
	now     time.Time
	queued  []string // works handed to the workers
}

var people = map[auth.Role]string{auth.Agent: "Karin Berg", auth.Approver: "Lars Ek", auth.DPO: "Noor Haddad", auth.Admin: "Per Nyström", auth.Auditor: "Eva Sandell"}

func newSite(t *testing.T, full bool) *site {
	t.Helper()
	ctx := context.Background()
	s := &site{db: storetest.SQLite(t), now: time.Date(2026, 3, 2, 8, 30, 0, 0, time.UTC), config: &config.Config{}}
	s.db.Now = func() time.Time { return s.now }
	s.auth = auth.New(s.db, auth.Limits{})
	var err error
	if s.log, err = evidence.Open(ctx, s.db, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if full {
		s.fill(t)
	}
	s.handler, err = web.New(web.Options{
		DB: s.db, Auth: s.auth, Evidence: s.log,
		Config:  func(context.Context) (*config.Config, error) { return s.config, nil },
		Scanner: &inventory.Scanner{DB: s.db},
		Queue:   func(_ context.Context, id string) error { s.queued = append(s.queued, id); return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *site) fill(t *testing.T) {
	t.Helper()
	ctx := context.Background()
	for _, r := range auth.Roles() {
		if _, err := s.auth.Create(ctx, auth.NewAccount{Username: string(r), Name: people[r], Password: password, Role: r}); err != nil {
			t.Fatal(err)
		}
	}
	s.config = &config.Config{
		Organisation: config.Organisation{Name: "Exempelstads kommun", Type: gallra.OrgMunicipality, Contact: "kundservice@exempelstad.example"},
		Systems: []config.System{
			{Name: "arenden", Title: "Ärenden", URL: "sqlite:a.db?profile=osticket", Channel: "ticketing", Vendor: config.Vendor{Name: "Egen drift", Hosting: "own"}},
			{Name: "epost", Title: "E-post", URL: "maildir:mail", Channel: "mail", Vendor: config.Vendor{Name: "Postbolaget AB", Hosting: "cloud", Country: "SE", Agreement: "KS 2024/112, 2024-05-02", Review: "2026-09-01"}},
			{Name: "chatt", Title: "Chatt", URL: "sqlite:c.db?profile=chatwoot", Channel: "chat", Vendor: config.Vendor{Name: "Talk Inc.", Hosting: "cloud", Country: "US"}},
			{Name: "forum", Title: "Frågor och svar", URL: "sqlite:f.db?profile=flarum", Channel: "forum", Vendor: config.Vendor{Name: "Forumvärden", Hosting: "cloud"}},
			{Name: "sociala", Title: "Sociala medier", URL: "meta-export:m.zip", Channel: "social", Vendor: config.Vendor{Name: "Meta Platforms Ireland", Hosting: "cloud", Country: "IE", Agreement: "Standardavtal 2025"}},
		},
		Rules: []gallra.Rule{
			{ID: "chatt", Version: 1, Title: "Chattar", Purpose: "Kundservice", Systems: []gallra.SystemID{"chatt"}, Start: gallra.StartClosed, Fallback: gallra.StartCreated, Keep: gallra.Period{Months: 3}, Action: gallra.ActionErase, Decision: gallra.Decision{Number: "KS 2025/88 § 14", Body: "Kommunstyrelsen", Date: "2025-03-11"}},
			{ID: "arenden", Version: 2, Title: "Ärenden", Purpose: "Kundservice", Systems: []gallra.SystemID{"arenden", "epost"}, Start: gallra.StartLastContact, Fallback: gallra.StartCreated, Keep: gallra.Period{Years: 2}, Action: gallra.ActionErase, Decision: gallra.Decision{Number: "KS 2025/88 § 14", Body: "Kommunstyrelsen", Date: "2025-03-11"}},
			{ID: "forum", Version: 1, Title: "Trådar i forumet", Purpose: "Frågor och svar", Systems: []gallra.SystemID{"forum"}, Start: gallra.StartUpdated, Keep: gallra.Period{Years: 1}, Action: gallra.ActionAnonymise},
		},
	}
	for i, sys := range []string{"arenden", "epost", "chatt", "forum"} {
		s.scan(t, sys, int64(i))
	}
	s.tx(t, func(tx *sql.Tx) error {
		w, err := work.Create(ctx, tx, s.now, inventory.Kind, "sociala", "admin")
		if err != nil {
			return err
		}
		w.State, w.Done, w.Total, w.Started = work.Running, 3120, 18400, s.now
		return work.Save(ctx, tx, s.now.Add(40*time.Second), &w)
	})
	s.tx(t, func(tx *sql.Tx) error {
		for range 3 {
			if _, err := s.log.AppendMany(ctx, tx, []evidence.Entry{
				{Actor: "admin", Action: "scan.start", System: "arenden", Subject: "scan-a2"},
				{Actor: "agent", Action: "plan.create", Subject: "plan-7f", Counts: map[string]int64{"records": 1842}},
				{Actor: "system", Action: "run.result", System: "chatt", Subject: "run-7f", Result: "erased", Counts: map[string]int64{"erased": 120, "kept": 3}},
			}); err != nil {
				return err
			}
		}
		return nil
	})
}

// scan writes a finished inventory the way a scanner leaves it.
func (s *site) scan(t *testing.T, system string, n int64) {
	t.Helper()
	id := "scan-" + system
	at := func(y int) int64 { return store.Micros(time.Date(y, 4, 17, 9, 0, 0, 0, time.UTC)) }
	s.tx(t, func(tx *sql.Tx) error {
		exec := func(q string, args ...any) error { _, err := tx.Exec(q, args...); return err }
		err := exec(`INSERT INTO scan VALUES ($1, $2, $3, $4)`, id, system, store.Micros(s.now), store.Micros(s.now))
		for i, typ := range []string{"ticket", "message", "attachment"} {
			kind := []string{"conversation", "message", "attachment"}[i]
			if err == nil {
				err = exec(`INSERT INTO scan_type VALUES ($1, $2, $3, $4, $5, $6)`, id, typ, kind, 18211/(n+1)*int64(i+1), at(2017), at(2026))
			}
		}
		for m := range 38 {
			month := time.Date(2023, time.Month(m+2), 1, 0, 0, 0, 0, time.UTC)
			if err == nil {
				err = exec(`INSERT INTO scan_month VALUES ($1, 'ticket', $2, $3)`, id, month.Format("2006-01"), 210+37*int64(m%7)+int64(m)*9/(n+1))
			}
		}
		for i, c := range gallra.Categories() {
			if (int64(i)+n)%5 == 4 || err != nil {
				continue
			}
			count := 48123 / int64(i*i+1) / (n + 1)
			if err = exec(`INSERT INTO scan_finding VALUES ($1, 'message', 'body', $2, 'text/known', $3, $4, $5, $6)`, id, string(c), count, count/2+1, at(2018), at(2026)); err != nil {
				break
			}
			if i < 3 {
				err = exec(`INSERT INTO scan_finding VALUES ($1, 'ticket', 'requester', $2, 'field', $3, $3, $4, $5)`, id, string(c), count*2, at(2017), at(2026))
			}
		}
		if err == nil && n == 0 {
			err = exec(`INSERT INTO scan_skipped VALUES ($1, 'attachment', 'file.encrypted', 14)`, id)
		}
		return err
	})
}

func (s *site) tx(t *testing.T, f func(*sql.Tx) error) {
	t.Helper()
	if err := s.db.Tx(context.Background(), f); err != nil {
		t.Fatal(err)
	}
}

// visitor is one browser: it keeps cookies and does not follow redirects.
type visitor struct {
	t      *testing.T
	client *http.Client
	base   string
}

func (s *site) visitor(t *testing.T) *visitor {
	t.Helper()
	srv := httptest.NewServer(s.handler)
	t.Cleanup(srv.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t: t, base: srv.URL, client: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// as returns a visitor who has signed in with a role.
func (s *site) as(t *testing.T, r auth.Role) *visitor {
	t.Helper()
	v := s.visitor(t)
	if status, _, to := v.post("/sign-in", "username", string(r), "password", password); status != http.StatusSeeOther || to != "/" {
		t.Fatalf("sign in as %s: %d to %q", r, status, to)
	}
	return v
}

func (v *visitor) do(method, path string, form url.Values, header ...string) (status int, body, location string) {
	v.t.Helper()
	req, err := http.NewRequest(method, v.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := v.client.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	var b strings.Builder
	if _, err := b.WriteString(read(v.t, res)); err != nil {
		v.t.Fatal(err)
	}
	return res.StatusCode, b.String(), res.Header.Get("Location")
}

func (v *visitor) get(path string) (status int, body string) {
	v.t.Helper()
	status, body, _ = v.do(http.MethodGet, path, nil)
	return status, body
}

func (v *visitor) post(path string, pairs ...string) (status int, body, location string) {
	v.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return v.do(http.MethodPost, path, form)
}
