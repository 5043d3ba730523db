package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	_ "github.com/gallra/gallra/connector/manual"
	"github.com/gallra/gallra/internal/api"
	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/config"
	"github.com/gallra/gallra/internal/retention"
	"github.com/gallra/gallra/internal/web/webtest"
	"github.com/gallra/gallra/pii"
)

// client asks the API as a program does, and holds every request and answer
// against the description that the API itself serves.
type client struct {
	*testing.T
	site   *webtest.Site
	base   string
	router routers.Router
	tokens map[auth.Role]string
}

func setup(t *testing.T) *client {
	t.Helper()
	s := webtest.New(t, true)
	h := api.New(api.Options{DB: s.DB, Auth: s.Auth, Evidence: s.Log, Retention: s.Engine, Guard: s.Desk.Guard, Requests: s.Desk, Maker: s.Maker,
		Config:     func(context.Context) (*config.Config, error) { return s.Config, nil },
		SaveConfig: func(_ context.Context, c *config.Config) error { s.Config = c; return nil },
		Open:       func(ctx context.Context, id gallra.SystemID) (connector.Source, error) { return s.Engine.Open(ctx, id) },
		Queue:      func(_ context.Context, id string) error { s.Queued = append(s.Queued, id); return nil }})
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	c := &client{T: t, site: s, base: srv.URL, tokens: map[auth.Role]string{}}
	accounts, err := s.Auth.Accounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range accounts {
		secret, _, err := s.Auth.IssueToken(t.Context(), a.ID, "test")
		if err != nil {
			t.Fatal(err)
		}
		c.tokens[auth.Role(a.Username)] = secret
	}
	res, err := http.Get(srv.URL + api.Base + "/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(b)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatalf("the description: %v", err)
	}
	doc.Servers = openapi3.Servers{{URL: srv.URL + api.Base}}
	if c.router, err = legacy.NewRouter(doc); err != nil {
		t.Fatal(err)
	}
	return c
}

// ask sends one request and returns its answer; v, when not nil, takes the JSON.
func (c *client) ask(as auth.Role, method, path string, in, v any) (status int, body string) {
	c.Helper()
	var send []byte
	if in != nil {
		var err error
		if send, err = json.Marshal(in); err != nil {
			c.Fatal(err)
		}
	}
	req, err := http.NewRequest(method, c.base+api.Base+path, bytes.NewReader(send))
	if err != nil {
		c.Fatal(err)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if as != "" {
		req.Header.Set("Authorization", "Bearer "+c.tokens[as])
	}
	req.Header.Set("Accept-Language", "sv")
	found, params, err := c.router.FindRoute(req)
	if err != nil {
		c.Fatalf("%s %s is not described: %v", method, path, err)
	}
	input := &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: found, Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, ExcludeResponseBody: false}}
	if err := openapi3filter.ValidateRequest(context.Background(), input); err != nil {
		c.Fatalf("%s %s: the request is not as described: %v", method, path, err)
	}
	req.Body = io.NopCloser(bytes.NewReader(send))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		c.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		c.Fatal(err)
	}
	answer := &openapi3filter.ResponseValidationInput{RequestValidationInput: input, Status: res.StatusCode, Header: res.Header, Options: input.Options}
	if ct := res.Header.Get("Content-Type"); ct == "" || ct == "application/json" {
		answer.SetBodyBytes(b)
		if err := openapi3filter.ValidateResponse(context.Background(), answer); err != nil {
			c.Errorf("%s %s: the answer is not as described: %v", method, path, err)
		}
	}
	if v != nil {
		if err := json.Unmarshal(b, v); err != nil {
			c.Fatalf("%s %s: %d %s: %v", method, path, res.StatusCode, b, err)
		}
	}
	return res.StatusCode, string(b)
}

// bare sends a request without a body, as described or not, and returns the status.
func (c *client) bare(as auth.Role, method, path string) int {
	c.Helper()
	req, err := http.NewRequest(method, c.base+api.Base+path, nil)
	if err != nil {
		c.Fatal(err)
	}
	if as != "" {
		req.Header.Set("Authorization", "Bearer "+c.tokens[as])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		c.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode
}

func (c *client) want(status int, as auth.Role, method, path string, in, v any) string {
	c.Helper()
	got, body := c.ask(as, method, path, in, v)
	if got != status {
		c.Errorf("%s %s as %s: %d %.200s, want %d", method, path, as, got, body, status)
	}
	return body
}

// G-2, S22 over the API: an agent plans, two approvers approve the hash, the
// agent runs; the protocol, the figures and the log tell the same as elsewhere.
func TestG2_S22_PlanApproveRunOverTheAPI(t *testing.T) {
	c := setup(t)
	var rules []gallra.Rule
	c.want(200, auth.Auditor, "GET", "/rules", nil, &rules)
	if len(rules) != 3 {
		t.Fatalf("%d rules", len(rules))
	}
	c.want(403, auth.Auditor, "POST", "/plans", api.PlanRequest{}, nil)
	c.want(422, auth.Agent, "POST", "/plans", api.PlanRequest{Rules: []string{"nowhere"}}, nil)
	var made api.Made
	c.want(202, auth.Agent, "POST", "/plans", api.PlanRequest{Rules: []string{"chatt"}}, &made)
	var p api.Progress
	c.want(200, auth.Agent, "GET", "/work/"+made.ID, nil, &p)
	if p.State != "waiting" {
		t.Errorf("the plan is %s", p.State)
	}
	c.site.Work(t)
	var plan retention.Plan
	c.want(200, auth.Approver, "GET", "/plans/"+made.ID, nil, &plan)
	c.want(403, auth.Agent, "POST", "/plans/"+made.ID+"/approve", api.Approval{Hash: plan.Hash}, nil)
	c.want(409, auth.Approver, "POST", "/plans/"+made.ID+"/approve", api.Approval{Hash: strings.Repeat("0", 64)}, nil)
	c.want(200, auth.Approver, "POST", "/plans/"+made.ID+"/approve", api.Approval{Hash: plan.Hash}, nil)
	c.want(409, auth.Agent, "POST", "/plans/"+made.ID+"/run", nil, nil)
	c.want(200, "approver2", "POST", "/plans/"+made.ID+"/approve", api.Approval{Hash: plan.Hash}, &plan)
	if len(plan.Approvals) != 2 {
		t.Errorf("%d approvals", len(plan.Approvals))
	}
	before := c.site.Count("chatt")
	c.want(202, auth.Agent, "POST", "/plans/"+made.ID+"/run", nil, &made)
	c.want(200, auth.Agent, "POST", "/work/"+made.ID+"/pause", nil, &p)
	c.site.Work(t)
	c.want(200, auth.Agent, "GET", "/work/"+made.ID, nil, &p)
	if p.State != "paused" || c.site.Count("chatt") != before {
		t.Errorf("paused, the run is %s and %d of %d are there", p.State, c.site.Count("chatt"), before)
	}
	c.want(200, auth.Agent, "POST", "/work/"+made.ID+"/resume", nil, nil)
	c.site.Work(t)
	var run retention.Run
	c.want(200, auth.DPO, "GET", "/runs/"+made.ID, nil, &run)
	if run.Protocol == nil || run.Protocol.Status != retention.Complete || int64(before-c.site.Count("chatt")) != plan.Preview.Planned {
		t.Errorf("the run: %+v; %d of %d left, %d planned", run.Protocol, c.site.Count("chatt"), before, plan.Preview.Planned)
	}
	if body := c.want(200, auth.Auditor, "GET", "/runs/"+made.ID+"/protocol", nil, nil); !strings.Contains(body, `"figures_equal": true`) {
		t.Error("the protocol does not say that the figures are equal")
	}
	if body := c.want(200, auth.Auditor, "GET", "/runs/"+made.ID+"/protocol?format=html", nil, nil); !strings.Contains(body, "Gallringsprotokoll") {
		t.Error("the protocol is not in Swedish")
	}
	c.want(503, auth.Auditor, "GET", "/runs/"+made.ID+"/protocol?format=pdf", nil, nil)
	c.want(200, auth.Auditor, "GET", "/runs", nil, &[]retention.Run{})
	c.want(200, auth.Auditor, "GET", "/statistics/chatt", nil, nil)
	c.want(404, auth.Auditor, "GET", "/statistics/nowhere", nil, nil)
	c.want(200, auth.Auditor, "GET", "/schedule", nil, nil)
	c.want(200, auth.Auditor, "GET", "/plans", nil, &[]retention.Plan{})
	for _, doc := range []string{"D3", "D15"} {
		c.want(200, auth.Auditor, "POST", "/documents/"+doc, nil, nil)
	}
}

// G-1, X-8 over the API: a manager sees what kind of records a plan names, and
// nobody's name, number or address; who may not see a case may not see these either.
func TestG1_X8_SamplesAreMaskedOverTheAPI(t *testing.T) {
	c := setup(t)
	var err error
	if c.site.Engine.PII, err = pii.New(pii.Options{}); err != nil {
		t.Fatal(err)
	}
	plan := c.site.Plan(t)
	p, err := c.site.Engine.PlanOf(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	src, err := c.site.Engine.Open(t.Context(), p.Preview.Units[0].System)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	for _, ref := range p.Preview.Units[0].Sample {
		if _, err := src.(interface {
			Edit(context.Context, gallra.Ref, string, []gallra.Field) (gallra.Receipt, error)
		}).Edit(t.Context(), ref, "", []gallra.Field{{Name: "subject", Value: "Hej, ring Berit Sandberg på 070-174 06 05, kanarie@example.org, 19811228-9874"}}); err != nil {
			t.Fatal(err)
		}
	}
	var shown []retention.Sampled
	body := c.want(200, auth.Agent, "POST", "/plans/"+plan+"/sample", nil, &shown)
	if len(shown) == 0 || len(shown[0].Fields) < 2 || !strings.Contains(body, "Hej, ring") {
		t.Errorf("nothing is shown: %s", body)
	}
	for _, canary := range []string{"Berit", "Sandberg", "070-174", "kanarie", "9874", "@example.org"} {
		if strings.Contains(body, canary) {
			t.Errorf("%s is told", canary)
		}
	}
	for _, who := range []auth.Role{auth.DPO, auth.Admin, auth.Auditor} {
		c.want(403, who, "POST", "/plans/"+plan+"/sample", nil, nil)
	}
	entries, err := c.site.Log.Entries(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	if last := entries[len(entries)-1]; last.Action != "plan.sample" || last.Actor != "agent" || last.Counts["records"] != int64(len(shown)) {
		t.Errorf("the log: %+v", last)
	}
}

// Rules are written, replaced and ended over the API, in gallra.yaml.
func TestS12_RulesOverTheAPI(t *testing.T) {
	c := setup(t)
	r := gallra.Rule{Title: "Samtal", Purpose: "Kundservice", Systems: []gallra.SystemID{"chatt"}, Start: gallra.StartCreated, Keep: gallra.Period{Years: 1}, Action: gallra.ActionErase}
	c.want(403, auth.Agent, "PUT", "/rules/samtal", r, nil)
	c.want(200, auth.Approver, "PUT", "/rules/samtal", r, &r)
	c.want(200, auth.Approver, "PUT", "/rules/samtal", r, &r)
	if now, ok := c.site.Config.Rule("samtal"); !ok || now.Version != 2 || r.Version != 2 {
		t.Errorf("saved as %+v", now)
	}
	r.Purpose = ""
	c.want(422, auth.Approver, "PUT", "/rules/samtal", r, nil)
	c.want(204, auth.Approver, "DELETE", "/rules/samtal", nil, nil)
	c.want(404, auth.Approver, "DELETE", "/rules/samtal", nil, nil)
}

// W-20, X-16, G-13 over the API.
func TestW20_X16_G13_HoldsStopAndTasksOverTheAPI(t *testing.T) {
	c := setup(t)
	run := c.site.Task(t)
	var h struct{ ID string }
	for _, ref := range []gallra.Ref{{System: "nowhere"}, {System: "chatt", Type: "ticket"}, {System: "chatt", Type: "conversation", ID: "99999999"}, {System: "chatt", ID: "8"}} {
		c.want(422, auth.Agent, "POST", "/holds", api.NewHold{Kind: "legal", Reason: "Tvist", Targets: []gallra.Ref{ref}}, nil)
	}
	away := api.NewHold{Kind: "legal", Reason: "Tvist", Targets: []gallra.Ref{{System: "sociala", Type: "message", ID: "8"}}}
	c.want(503, auth.Agent, "POST", "/holds", away, nil)
	away.Anyway = true
	c.want(201, auth.Agent, "POST", "/holds", away, nil)
	c.want(422, auth.Agent, "POST", "/holds", api.NewHold{Kind: "legal", Reason: "Tvist", Queries: []api.HeldSome{{System: "chatt", Type: "conversation", Fields: map[string]string{"email": "x"}}}}, nil)
	c.want(201, auth.Agent, "POST", "/holds", api.NewHold{Kind: "legal", Reason: "Tvist", Queries: []api.HeldSome{{System: "chatt", Type: "conversation", Before: "2025-01-01", Fields: map[string]string{"queue": "Skola"}}}}, nil)
	var placed api.Placed
	if body := c.want(201, auth.Agent, "POST", "/holds", api.NewHold{Kind: "legal", Reason: "Tvist", Persons: []api.About{{Kind: gallra.IdentEmail, Value: "kund3@example.org"}}}, &placed); placed.Found.Records < 4 || strings.Contains(body, "kund3") || len(placed.Found.Unasked) != 1 {
		t.Errorf("%+v %s", placed.Found, body)
	}
	c.want(204, auth.Approver, "DELETE", "/holds/"+placed.ID, nil, nil) // it would hold what is worked by hand too
	if body := c.want(422, auth.Agent, "POST", "/holds", api.NewHold{Kind: "legal", Reason: "Tvist", Persons: []api.About{{Kind: gallra.IdentName, Value: "Kund Tre"}}}, nil); strings.Contains(body, "Tre") {
		t.Errorf("the answer tells who it is: %s", body)
	}
	c.want(201, auth.Agent, "POST", "/holds", api.NewHold{Kind: "legal", Reason: "Tvist", Review: "2026-06-01", Targets: []gallra.Ref{{System: "chatt"}}}, &h)
	if body := c.want(200, auth.DPO, "GET", "/holds", nil, nil); !strings.Contains(body, h.ID) {
		t.Error("the hold is not listed")
	}
	c.want(403, auth.Agent, "DELETE", "/holds/"+h.ID, nil, nil)
	c.want(204, auth.Approver, "DELETE", "/holds/"+h.ID, nil, nil)
	if body := c.want(200, auth.DPO, "GET", "/holds?all=1", nil, nil); !strings.Contains(body, h.ID) {
		t.Error("the lifted hold is gone from the register")
	}
	var stop api.Stop
	c.want(200, auth.Agent, "POST", "/stop", nil, &stop)
	c.want(403, auth.Agent, "DELETE", "/stop", nil, nil)
	if c.want(200, auth.Auditor, "GET", "/stop", nil, &stop); !stop.Stopped {
		t.Error("not stopped")
	}
	c.want(200, auth.Approver, "DELETE", "/stop", nil, &stop)
	var tasks []retention.Task
	c.want(200, auth.Agent, "GET", "/tasks", nil, &tasks)
	if len(tasks) != 1 || tasks[0].Run != run {
		t.Fatalf("%d tasks", len(tasks))
	}
	c.want(200, auth.Agent, "POST", "/tasks/"+tasks[0].ID+"/sign", api.Signature{Performed: "2026-03-02", Outcome: gallra.OutcomeErased, Count: 2}, &tasks[0])
	if s := tasks[0].Signature; s == nil || s.Actor != "agent" {
		t.Errorf("signed %+v", s)
	}
}

// without a token, with another's, a revoked one or that of a closed
// account nothing is told; guesses from one address must wait, a good token
// never does; the store holds no token.
func TestX6_Tokens(t *testing.T) {
	c := setup(t)
	c.want(401, "", "GET", "/rules", nil, nil)
	accounts, err := c.site.Auth.Accounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range accounts {
		list, err := c.site.Auth.Tokens(t.Context(), a.ID)
		if err != nil || len(list) != 1 {
			t.Fatalf("%s has %d tokens, %v", a.Username, len(list), err)
		}
		switch a.Username {
		case "dpo":
			if err := c.site.Auth.RevokeToken(t.Context(), "another", list[0].ID); gallra.CodeOf(err) != gallra.NotFound {
				t.Errorf("another revoked it: %v", err)
			}
			if err := c.site.Auth.RevokeToken(t.Context(), a.ID, list[0].ID); err != nil {
				t.Fatal(err)
			}
		case "auditor":
			if err := c.site.Auth.Disable(t.Context(), a.ID); err != nil {
				t.Fatal(err)
			}
		}
		var n int
		if err := c.site.DB.QueryRowContext(t.Context(), `SELECT count(*) FROM token WHERE token LIKE '%' || $1 || '%' OR id = $1`, c.tokens[auth.Role(a.Username)]).Scan(&n); err != nil || n != 0 {
			t.Errorf("the token of %s stands in the store (%v)", a.Username, err)
		}
	}
	for _, r := range []auth.Role{auth.DPO, auth.Auditor} {
		c.want(401, r, "GET", "/rules", nil, nil)
	}
	c.tokens["guess"] = "gallra_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	last := 0
	for range 12 {
		last, _ = c.ask("guess", "GET", "/rules", nil, nil)
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("the twelfth guess: %d", last)
	}
	c.want(200, auth.Agent, "GET", "/rules", nil, nil)
}

// Nothing but what is described is served, and a body that says too much is
// refused.
func TestStrictness(t *testing.T) {
	c := setup(t)
	res, err := http.Get(c.base + api.Base + "/nothing")
	if err != nil || res.StatusCode != http.StatusNotFound {
		t.Errorf("%v %v", res.StatusCode, err)
	}
	res.Body.Close()
	req, _ := http.NewRequest("POST", c.base+api.Base+"/plans", strings.NewReader(`{"rules":["chatt"],"person":"anna@example.org"}`))
	req.Header.Set("Authorization", "Bearer "+c.tokens[auth.Agent])
	if res, err = http.DefaultClient.Do(req); err != nil || res.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a field of its own: %v %v", res.StatusCode, err)
	}
	res.Body.Close()
}

// SE-11 over the API: an archive's receipt, and nothing else, makes the package's
// records go.
func TestSE11_ReceiptOverTheAPI(t *testing.T) {
	c := setup(t)
	run := c.site.Deliver(t)
	var list []retention.Delivery
	c.want(200, auth.Auditor, "GET", "/deliveries", nil, &list)
	if len(list) != 1 || list[0].Run != run || list[0].State != retention.DeliveryOut {
		t.Fatalf("%+v", list)
	}
	d, before := list[0], c.site.Count("forum")
	to := "/deliveries/" + d.ID + "/receipt"
	c.want(403, auth.Auditor, "POST", to, api.Receipt{Accepted: true, SHA256: d.SHA256, Reference: "1"}, nil)
	c.want(422, auth.Agent, "POST", to, api.Receipt{Accepted: true, Reference: "1"}, nil)
	c.want(409, auth.Agent, "POST", to, api.Receipt{Accepted: true, SHA256: strings.Repeat("0", 64), Reference: "1"}, nil)
	c.want(404, auth.Agent, "POST", "/deliveries/nothing/receipt", api.Receipt{Accepted: true, SHA256: d.SHA256, Reference: "1"}, nil)
	if c.site.Count("forum") != before {
		t.Fatal("erased without a receipt")
	}
	c.want(200, auth.Agent, "POST", to, api.Receipt{Accepted: true, SHA256: d.SHA256, Reference: "SA 2026/3"}, &d)
	c.want(409, auth.Agent, "POST", to, api.Receipt{Accepted: true, SHA256: d.SHA256, Reference: "SA 2026/3"}, nil)
	c.site.Work(t)
	if d.State != retention.DeliveryReceived || int64(before-c.site.Count("forum")) != d.Records {
		t.Fatalf("%+v, %d of %d left", d, c.site.Count("forum"), before)
	}
}
