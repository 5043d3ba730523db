package api_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gallra/gallra/internal/api"
	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/guard"
	"github.com/gallra/gallra/internal/web/webtest"
	"github.com/gallra/gallra/internal/work"
)

// V-2, H-16: a letter's whole way over the API; who it is about stands in the
// answers that give its text, and nowhere in the store or the log.
func TestV2_LetterFromWritingToProofOverTheAPI(t *testing.T) {
	c := setup(t)
	about := []api.About{{Kind: "email", Value: "borta@example.org"}, {Kind: "name", Value: "Bo Rta"}}
	in := api.NewLetter{System: "chatt", Vendor: "kundo", Action: "erase", Matter: c.site.Case, Language: "sv", About: about}
	c.want(403, auth.DPO, "POST", "/letters", in, nil)
	c.want(403, auth.Admin, "GET", "/letters", nil, nil)
	c.want(422, auth.Agent, "POST", "/letters", api.NewLetter{System: "chatt", Vendor: "kundo", Action: "erase", About: []api.About{}}, nil)
	c.want(422, auth.Agent, "POST", "/letters", api.NewLetter{System: "chatt", Vendor: "kundo", Action: "erase", About: []api.About{{Kind: "shoe", Value: "44"}}}, nil)
	var w api.Written
	c.want(201, auth.Agent, "POST", "/letters", in, &w)
	if w.Letter.Next != "send" || !strings.Contains(w.Text, "borta@example.org") || !strings.Contains(w.Text, "Exempelstads kommun") {
		t.Fatalf("%+v", w)
	}
	at, first := "/letters/"+w.Letter.ID, w.Text
	if body := c.want(200, auth.DPO, "GET", "/letters", nil, nil); !strings.Contains(body, w.Letter.ID) || strings.Contains(body, "borta@") {
		t.Errorf("the list: %s", body)
	}
	c.want(403, auth.DPO, "POST", at+"/text", api.LetterText{About: about}, nil)
	if c.want(200, auth.Approver, "POST", at+"/text", api.LetterText{Language: "sv", About: about}, &w); w.Text != first {
		t.Error("the text made again is another")
	}
	var l api.Letter
	c.want(422, auth.Agent, "POST", at+"/sent", api.SentOn{On: "2027-01-01"}, nil)
	c.want(200, auth.Agent, "POST", at+"/sent", api.SentOn{On: c.site.Now.Format("2006-01-02")}, &l)
	if l.Next != "wait" || l.Due.IsZero() {
		t.Errorf("%+v", l)
	}
	c.want(409, auth.Agent, "POST", at+"/remind", api.LetterText{}, nil)
	c.site.Now = c.site.Now.AddDate(0, 2, 0)
	if c.want(200, auth.Agent, "POST", at+"/remind", api.LetterText{Language: "sv"}, &w); w.Letter.State != "reminded" || !strings.Contains(w.Text, "Påminnelse") {
		t.Errorf("%+v", w)
	}
	c.site.Now = c.site.Now.AddDate(0, 2, 0)
	if c.want(200, auth.Agent, "POST", at+"/remind", api.LetterText{Language: "en"}, &w); w.Letter.State != "escalated" || !strings.Contains(w.Text, "28(3)(e)") {
		t.Errorf("%+v", w)
	}
	today, proof := c.site.Now.Format("2006-01-02"), strings.Repeat("ab", 32)
	c.want(422, auth.Agent, "POST", at+"/answer", api.LetterAnswer{On: today, Proof: "xyz"}, nil)
	if c.want(200, auth.Agent, "POST", at+"/answer", api.LetterAnswer{On: today, Proof: proof, GoneBy: "2027-01-01"}, &l); l.Next != "recheck" || l.Proof != proof {
		t.Errorf("%+v", l)
	}
	// Gallra looks itself: this person is in the system, and the letter goes back.
	c.want(422, auth.Agent, "POST", at+"/recheck", api.LetterCheck{}, nil)
	if c.want(200, auth.Agent, "POST", at+"/recheck", api.LetterCheck{About: []api.About{{Kind: "email", Value: webtest.Person}}}, &l); l.State != "sent" || l.Left == 0 {
		t.Errorf("%+v", l)
	}
	c.want(200, auth.Agent, "POST", at+"/answer", api.LetterAnswer{On: today, Proof: proof}, &l)
	l = api.Letter{} // what is left out of an answer must not stand from the last
	if c.want(200, auth.Agent, "POST", at+"/recheck", api.LetterCheck{About: about}, &l); l.State != "done" || l.Left != 0 || l.Next != "nothing" {
		t.Errorf("%+v", l)
	}
	if body := c.want(200, auth.DPO, "GET", "/letters", nil, nil); strings.Contains(body, l.ID) {
		t.Error("an ended letter is open")
	}
	c.want(200, auth.DPO, "GET", at, nil, &l)
	c.want(404, auth.DPO, "GET", "/letters/letter-none", nil, nil)
	entries, err := c.site.Log.Entries(t.Context(), l.ID)
	if err != nil {
		t.Fatal(err)
	}
	var did []string
	for _, e := range entries {
		did = append(did, e.Action)
	}
	if got := strings.Join(did, " "); got != "letter.written letter.sent letter.reminded letter.escalated letter.answered letter.rechecked letter.answered letter.rechecked" {
		t.Errorf("the log: %s", got)
	}
	var n int
	if err := c.site.DB.QueryRow(`SELECT (SELECT count(*) FROM letter WHERE remains LIKE '%borta@%' OR matter LIKE '%borta@%') + (SELECT count(*) FROM evidence WHERE line LIKE '%borta@%')`).Scan(&n); err != nil || n != 0 {
		t.Errorf("the person stands %d times in the store, %v", n, err)
	}
}

// What only may be the same person asks nobody for anything, and can be decided
// on all the same.
func TestSystems1_6_PossibleAlarmsOverTheAPI(t *testing.T) {
	c := setup(t)
	c.site.Alarms(t)
	var list api.Alarms
	c.want(200, auth.DPO, "GET", "/alarms", nil, &list)
	for _, a := range list.Alarms {
		if a.Kind != guard.Possible {
			continue
		}
		c.want(403, auth.DPO, "POST", "/alarms/"+a.ID, api.Ruling{Decision: guard.Other, Reason: "Delad växel"}, nil)
		c.want(422, auth.Agent, "POST", "/alarms/"+a.ID, api.Ruling{Decision: guard.Other}, nil)
		var now guard.Alarm
		if c.want(200, auth.Agent, "POST", "/alarms/"+a.ID, api.Ruling{Decision: guard.Other, Reason: "Delad växel"}, &now); now.State != guard.Closed || now.Actor != "agent" {
			t.Errorf("%+v", now)
		}
		c.want(409, auth.Agent, "POST", "/alarms/"+a.ID, api.Ruling{Decision: guard.Other, Reason: "Delad växel"}, nil)
		return
	}
	t.Fatalf("no possible alarm among %+v", list.Alarms)
}

// every route of the API is asked for by every role and by nobody; the
// answer is what the matrix says, tables and exports too.
func TestX7_PermissionMatrixOverTheAPI(t *testing.T) {
	c := setup(t)
	fill := strings.NewReplacer("{rule}", "none", "{plan}", "plan-none", "{run}", "run-none", "{work}", "work-none", "{task}", "task-none", "{hold}", "hold-none", "{system}", "none", "{alarm}", "alarm-none",
		"{document}", "D0", "{letter}", "letter-none", "{delivery}", "none", "{case}", "none", "{request}", "none")
	seen := 0
	for _, rt := range api.Routes() {
		path := fill.Replace(rt.Path)
		if strings.Contains(path, "{") {
			t.Fatalf("no value for %s", rt.Path)
		}
		if rt.May == "" { // open
			continue
		}
		for _, role := range append(auth.Roles(), "") {
			status := c.bare(role, rt.Method, path)
			may := role != "" && auth.Can(role, rt.May)
			switch {
			case role == "" && status != 401 && status != 429:
				t.Errorf("%s %s: %d for nobody", rt.Method, path, status)
			case role != "" && may == (status == 403):
				t.Errorf("%s %s: %d for %s; may: %v", rt.Method, path, status, role, may)
			}
			seen++
		}
		// What tells of a person, or writes one's name into a letter, is for those
		// who handle requests; the rest of the world has numbers.
		if strings.HasSuffix(rt.Path, "/sample") && rt.May != auth.SeePersonal {
			t.Errorf("%s is open to %s", rt.Path, rt.May)
		}
	}
	if seen < 100 {
		t.Errorf("only %d answers", seen)
	}
}

// B-4 over the API: what a restored backup brought back is erased again when one
// person has decided so and another starts it, and not before.
func TestB4_ErasedAgainByTwoOverTheAPI(t *testing.T) {
	c := setup(t)
	c.site.Run(t)
	left := c.site.Count("chatt")
	if back := c.site.Restore(t, "chatt", 400); back <= left {
		t.Fatalf("%d after the restore, %d before", back, left)
	}
	var list api.Alarms
	c.want(200, auth.DPO, "GET", "/alarms", nil, &list)
	i := slices.IndexFunc(list.Alarms, func(a guard.Alarm) bool { return a.Kind == guard.Record && a.System == "chatt" })
	if i < 0 {
		t.Fatalf("no alarm of records in %+v", list.Alarms)
	}
	at, day := "/alarms/"+list.Alarms[i].ID, c.site.Now.AddDate(0, 0, -2).Format(time.DateOnly)
	since := api.Restored{Since: day}
	c.want(409, "approver2", "POST", at+"/replay", since, nil) // nobody has decided
	c.want(200, auth.Approver, "POST", at, api.Ruling{Decision: guard.EraseAgain, Reason: "Säkerhetskopia"}, nil)
	c.want(403, auth.Approver, "POST", at+"/replay", since, nil) // who decided
	c.want(403, auth.Agent, "POST", at+"/replay", since, nil)
	c.want(422, "approver2", "POST", at+"/replay", api.Restored{Since: "i går"}, nil)
	c.want(422, "approver2", "POST", at+"/replay", api.Restored{Since: c.site.Now.Format(time.DateOnly)}, nil) // after the erasure
	c.want(404, "approver2", "POST", "/alarms/alarm-none/replay", since, nil)
	if n := c.site.Count("chatt"); n != 400 || len(c.site.Queued) != 0 {
		t.Fatalf("%d left, %d works, and nobody has started it", n, len(c.site.Queued))
	}
	var made api.Made
	c.want(202, "approver2", "POST", at+"/replay", since, &made)
	if !slices.Contains(c.site.Queued, made.ID) {
		t.Errorf("%s is not among the works %v", made.ID, c.site.Queued)
	}
	c.want(409, "approver2", "POST", at+"/replay", since, nil)              // under way
	c.want(404, auth.Approver, "POST", "/work/"+made.ID+"/pause", nil, nil) // it can't be paused
	c.site.Replay(t)
	var p api.Progress
	if c.want(200, auth.DPO, "GET", "/work/"+made.ID, nil, &p); p.State != work.Done {
		t.Errorf("the work is %s", p.State)
	}
	if n := c.site.Count("chatt"); n != left {
		t.Errorf("%d left, %d before the restore", n, left)
	}
	if c.want(200, auth.DPO, "GET", "/alarms", nil, &list); slices.ContainsFunc(list.Alarms, func(a guard.Alarm) bool { return strings.HasSuffix(at, a.ID) }) {
		t.Error("the alarm stands still")
	}
	by := map[string]string{}
	entries, err := c.site.Log.Entries(t.Context(), strings.TrimPrefix(at, "/alarms/"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		by[e.Actor] += e.Action + " "
	}
	if by["approver"] == "" || by["approver2"] == "" {
		t.Errorf("the log: %v", by)
	}
}
