package e2e_test

import (
	"database/sql"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/hold"
	"github.com/gallra/gallra/internal/letter"
	"github.com/gallra/gallra/internal/retention"
	"github.com/gallra/gallra/internal/web/webtest"
	"github.com/gallra/gallra/internal/work"
)

// These walks do in a browser what people do, and look behind the page each
// time: into the store, the log and the systems.

// logged fails unless the actor has done that to the subject ("" for any).
func logged(t testing.TB, s *webtest.Site, actor, action, subject string) {
	t.Helper()
	entries, err := s.Log.Recent(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Actor == actor && e.Action == action && (subject == "" || e.Subject == subject) {
			return
		}
	}
	t.Errorf("the log does not say that %s did %s to %s", actor, action, subject)
}

// stand returns a work as the store has it.
func stand(t testing.TB, s *webtest.Site, id string) work.Work {
	t.Helper()
	w, err := work.Get(t.Context(), s.DB, id)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// step does one small piece of a work, five seconds after the last.
func step(t testing.TB, s *webtest.Site, id string) work.Work {
	t.Helper()
	s.Now = s.Now.Add(5 * time.Second)
	if _, err := s.Engine.Step(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	return stand(t, s, id)
}

// planChats makes a plan of the rule of chats by the page and returns its id.
func planChats(t testing.TB, s *webtest.Site, b *tab) string {
	t.Helper()
	b.goTo("/retention")
	eval[bool](b, `document.querySelectorAll("input[name=rule]").forEach(e => e.checked = e.value === "chatt"), true`)
	b.click(`form[action="/retention/plans"] button.first`)
	b.until(`location.pathname.startsWith("/retention/plans/")`)
	b.shows("Planen tas fram", "Väntar på sin tur")
	s.Work(t)
	b.until(`document.querySelector("dl.figures") !== null`) // by itself: the page stands open
	return eval[string](b, `location.pathname.split("/").pop()`)
}

// approve decides by the form, as somebody would: the number is read and typed.
func approve(b *tab, plan string) {
	b.Helper()
	b.goTo("/retention/plans/" + plan)
	b.fill("#count", eval[string](b, `document.querySelector("#decide").textContent.replace(/\D/g, "")`))
	b.click(`form[action$="/approve"] button`)
	b.until(`document.querySelector(".notice") !== null && location.search === "?notice=plan_approved"`)
}

// signInAs signs a person in, unless the last session of the tab still holds.
func signInAs(b *tab, user string) {
	b.Helper()
	b.goTo("/sign-in")
	b.speak("sv")
	if eval[string](b, `location.pathname`) == "/" {
		return
	}
	b.fill("#username", user, "#password", webtest.Password)
	b.click("form.stack button")
	b.until(`location.pathname === "/"`)
}

// G-2, X-16, G-8: two people approve what they have read; a run moves while the
// page stands open, says the time left, survives a reload, rests, goes on, is
// halted by the kill switch and lifted by an approver, and is stopped for good;
// what is left is as many as the page says.
func TestG2_X16_ARunWalkedByThreePeople(t *testing.T) {
	s := webtest.New(t, true)
	s.Engine.BatchSize = 40
	agent := open(t, s)
	agent.look(1280, "light")
	first, second := agent.beside(), agent.beside()
	signInAs(agent, "agent")
	signInAs(first, "approver")
	signInAs(second, "approver2")
	before := s.Count("chatt")
	plan := planChats(t, s, agent)
	p, err := s.Engine.PlanOf(t.Context(), plan)
	if err != nil || len(p.Rules) != 1 || p.Preview.Planned < 200 {
		t.Fatalf("%+v, %v", p.Preview, err)
	}
	agent.shows("Väntar på två godkännanden", "Statistiken före och efter", "Vad som blir kvar i systemen efteråt", "2 personer med rollen godkännare")
	if n := eval[int](agent, `document.querySelectorAll('form[action$="/approve"]').length`); n != 0 {
		t.Error("an agent is offered the approval")
	}
	// The figures before and after, as the store has them.
	row := eval[[]string](agent, `[...document.querySelectorAll("table")].find(e => e.textContent.includes("Sparat efter")).querySelector("tbody tr").innerText.split("\t").map(e => e.replace(/\s/g, ""))`)
	want := []string{"Chatt", "Ärende", strconv.Itoa(before), "0", strconv.Itoa(before - int(p.Preview.Planned)), strconv.Itoa(int(p.Preview.Planned)), strconv.Itoa(before)}
	if !slices.Equal(row, want) {
		t.Errorf("statistics before and after: %v, want %v", row, want)
	}
	// A number unread is no approval.
	first.goTo("/retention/plans/" + plan)
	first.fill("#count", "7")
	first.click(`form[action$="/approve"] button`)
	first.until(`document.querySelector(".problem") !== null`)
	first.shows("Antalet stämmer inte")
	if p, _ = s.Engine.PlanOf(t.Context(), plan); len(p.Approvals) != 0 {
		t.Fatal("approved with the wrong number")
	}
	approve(first, plan)
	first.shows("Du har godkänt. En till behöver göra det.")
	approve(second, plan)
	logged(t, s, "approver", "plan.approve", plan)
	logged(t, s, "approver2", "plan.approve", plan)

	agent.goTo("/retention/plans/" + plan)
	agent.shows("Planen är godkänd. Köra nu?", "Det går inte att ångra.")
	agent.click(`form[action$="/run"] button`)
	agent.until(`location.pathname.startsWith("/retention/runs/")`)
	run := eval[string](agent, `location.pathname.split("/").pop()`)
	if s.Count("chatt") != before {
		t.Fatal("the page itself erased something")
	}
	agent.until(`document.querySelector("[data-state=waiting]") !== null`)
	eval[bool](agent, `window.same = true`)
	w := stand(t, s, run)
	for n := 0; w.Done < 100; n++ {
		if w = step(t, s, run); n > 50 {
			t.Fatalf("the run does not come further: %+v", w)
		}
	}
	agent.until(`document.querySelector("progress")?.value === ` + strconv.FormatInt(w.Done, 10))
	if !eval[bool](agent, `window.same === true`) {
		t.Error("the page was loaded anew to show progress")
	}
	agent.shows("i sekunden", "kvar", strconv.FormatInt(w.Done, 10)+" av "+strconv.FormatInt(w.Total, 10))
	if title := eval[string](agent, `document.title`); !strings.Contains(title, "%") {
		t.Errorf("the title does not tell how far it is: %q", title)
	}
	agent.do("reload", chromedp.Reload())
	agent.until(`document.querySelector("progress")?.value === ` + strconv.FormatInt(w.Done, 10))

	// A pause rests before the next batch, and goes on from there.
	agent.click(`form[action$="/pause"] button`)
	agent.loaded()
	waitWish(t, s, run, work.WishPause)
	gone := s.Count("chatt")
	if w = step(t, s, run); w.State != work.Paused || step(t, s, run).State != work.Paused || s.Count("chatt") != gone {
		t.Fatalf("asked to pause it is %s; %d of %d are there", w.State, s.Count("chatt"), gone)
	}
	logged(t, s, "agent", "work.pause", run)
	agent.goTo("/retention/runs/" + run)
	agent.shows("Pausat")
	agent.click(`form[action$="/resume"] button`)
	waitWish(t, s, run, work.WishNone)
	if step(t, s, run); s.Count("chatt") >= gone {
		t.Fatal("resumed, it does not go on")
	}
	logged(t, s, "agent", "work.resume", run)

	// The kill switch: an agent throws it, an approver lifts it.
	agent.goTo("/retention")
	agent.click(`form[action="/retention/stop"] button`)
	agent.until(`location.search === "?notice=all_stopped"`)
	agent.shows("All gallring är stoppad.")
	if n := eval[int](agent, `document.querySelectorAll('form[action="/retention/lift"]').length`); n != 0 {
		t.Error("an agent is offered to lift the stop")
	}
	if on, err := s.Engine.Stopped(t.Context()); err != nil || !on {
		t.Fatalf("the store does not know of the stop: %v", err)
	}
	logged(t, s, "agent", "retention.stop_all", "")
	gone = s.Count("chatt")
	if w = step(t, s, run); w.State != work.Paused || s.Count("chatt") != gone {
		t.Fatalf("under the stop the run is %s", w.State)
	}
	agent.goTo("/retention/runs/" + run)
	agent.shows("All gallring är stoppad.", "Gallringen vilar")
	first.goTo("/retention")
	first.click(`form[action="/retention/lift"] button`)
	first.until(`location.search === "?notice=all_resumed"`)
	logged(t, s, "approver", "retention.resume_all", "")
	if w = step(t, s, run); w.State != work.Paused || s.Count("chatt") != gone {
		t.Error("lifting the stop set the run going by itself")
	}
	agent.goTo("/retention/runs/" + run)
	agent.click(`form[action$="/resume"] button`)
	waitWish(t, s, run, work.WishNone)
	step(t, s, run)

	// Stopped for good: what is done is done, and the page says what is left.
	agent.goTo("/retention/runs/" + run)
	agent.click(`form[action$="/stop"] button`)
	waitWish(t, s, run, work.WishStop)
	gone = s.Count("chatt")
	if err := s.Engine.Drive(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	logged(t, s, "agent", "work.stop", run)
	agent.goTo("/retention/runs/" + run)
	agent.shows("Gallringen stoppades. Det som är gjort är gjort, resten står kvar.", "Lika före och efter")
	r, err := s.Engine.RunOf(t.Context(), run)
	if err != nil || r.Protocol == nil || r.Protocol.Status != retention.Stopped || s.Count("chatt") != gone {
		t.Fatalf("%+v, %v", r.Protocol, err)
	}
	if erased := r.Protocol.Total.Outcomes[gallra.OutcomeErased]; erased != int64(before-gone) {
		t.Errorf("the record says %d erased; %d are gone", erased, before-gone)
	}
	agent.shows("Raderade\n" + strconv.Itoa(before-gone))
}

// waitWish waits until the store has a person's wish.
func waitWish(t testing.TB, s *webtest.Site, id string, want work.Wish) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; {
		if w := stand(t, s, id); w.Wish == want && (want != work.WishNone || w.State != work.Paused) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s never got the wish %q", id, want)
		}
	}
}

// G-2: an approval of a plan is void when a rule changes after it, and after
// seven days; the page says so and offers no run, and none is started.
func TestG2_ApprovalsThatFallWalked(t *testing.T) {
	s := webtest.New(t, true)
	first := open(t, s)
	first.look(1280, "light")
	second := first.beside()
	signInAs(first, "approver")
	signInAs(second, "approver2")
	plan := planChats(t, s, first)
	approve(first, plan)
	approve(second, plan)
	start := s.Now
	s.Now = start.AddDate(0, 0, 7).Add(-time.Minute)
	signInAs(first, "approver")
	first.goTo("/retention/plans/" + plan)
	first.shows("Planen är godkänd. Köra nu?")
	// The page that offers the run stands open while the time runs out.
	s.Now = start.AddDate(0, 0, 7).Add(time.Minute)
	before := s.Count("chatt")
	first.click(`form[action$="/run"] button`)
	first.until(`document.querySelector(".problem, .page-error") !== null`)
	if id, err := s.Engine.RunOfPlan(t.Context(), plan); err != nil || id != "" || s.Count("chatt") != before {
		t.Fatalf("run %q began on approvals seven days old, %v", id, err)
	}
	signInAs(first, "approver")
	first.goTo("/retention/plans/" + plan)
	first.shows("Gäller inte längre", "Väntar på två godkännanden")
	if n := eval[int](first, `document.querySelectorAll('form[action$="/run"]').length`); n != 0 {
		t.Error("approvals seven days old offer a run")
	}
	// Approved anew, and then the rule is changed by its form.
	s.Now = start.AddDate(0, 0, 8)
	signInAs(first, "approver")
	signInAs(second, "approver2")
	approve(first, plan)
	approve(second, plan)
	second.goTo("/retention/rules/chatt")
	second.fill("#keep", "P6M")
	second.click(`form[action="/retention/rules"] button.first`)
	second.until(`location.search === "?notice=rule_saved"`)
	first.goTo("/retention/plans/" + plan)
	first.shows("Planen gäller inte längre, inte heller godkännandena.", "Chattar raderas 3 månader efter att de stängts")
	if n := eval[int](first, `document.querySelectorAll('form[action$="/run"], form[action$="/approve"]').length`); n != 0 {
		t.Error("a plan whose rule has changed can be decided")
	}
	first.goTo("/")
	first.shows("Ta fram en ny gallringsplan: en regel har ändrats")
	if _, err := s.Engine.Start(t.Context(), plan, "agent"); err == nil {
		t.Error("it starts all the same")
	}
}

// T11, H-20, SE-2, SE-23: a rule by its forms. A template fills the form and
// makes nothing; versions are numbered and the old ones stay; two purposes over
// the same records are shown and planned together; a public body is told that a
// decision is missing.
func TestSE2_H20_RulesByTheirFormsWalked(t *testing.T) {
	s := webtest.New(t, true)
	b := open(t, s)
	b.look(1280, "light")
	signInAs(b, "approver")
	rules := len(s.Config.Rules)
	b.goTo("/retention/rules/new")
	b.shows("Att utgå från, inget gäller av sig självt")
	b.click(`a[href="/retention/rules/new?template=rakenskapsinformation"]`)
	b.until(`document.querySelector("#keep").value === "7 år"`)
	if len(s.Config.Rules) != rules {
		t.Fatal("a template made a rule by itself")
	}
	b.fill("#id", "underlag", "#title", "Fakturafrågor", "#purpose", "Bokföring")
	b.click(`input[name="system"][value="chatt"]`)
	b.click(`form[action="/retention/rules"] button.first`)
	b.until(`location.search === "?notice=rule_saved"`)
	r, ok := s.Config.Rule("underlag")
	if !ok || r.Version != 1 || r.Decision.Number != "" || len(r.Systems) != 1 {
		t.Fatalf("saved as %+v", r)
	}
	logged(t, s, "approver", "rule.save", "underlag")
	b.shows("Gallringsbeslut saknas", "Samma poster i Chatt omfattas också av: Fakturafrågor", "Den tid som är längst avgör")
	// One of the two alone is refused, with the reason.
	eval[bool](b, `document.querySelectorAll("input[name=rule]").forEach(e => e.checked = e.value === "chatt"), true`)
	b.click(`form[action="/retention/plans"] button.first`)
	b.until(`document.querySelector(".problem") !== null`)
	b.shows("av flera ändamål avgör det som sparar längst")
	// Both together: nothing is due for the longer.
	eval[bool](b, `document.querySelectorAll("input[name=rule]").forEach(e => e.checked = ["chatt", "underlag"].includes(e.value)), true`)
	b.click(`form[action="/retention/plans"] button.first`)
	b.until(`location.pathname.startsWith("/retention/plans/")`)
	s.Work(t)
	plan := eval[string](b, `location.pathname.split("/").pop()`)
	if p, err := s.Engine.PlanOf(t.Context(), plan); err != nil || p.Preview.Planned != 0 {
		t.Errorf("%d planned of what the longer purpose keeps, %v", p.Preview.Planned, err)
	}
	b.until(`document.querySelector("dl.figures") !== null`)
	b.shows("Det finns inget att gallra")
	// A change is the next version; the first stays as it was.
	b.goTo("/retention/rules/underlag")
	b.fill("#keep", "8 år", "#body", "Kommunstyrelsen", "#number", "KS 2026/4 § 9", "#date", "2026-02-11")
	b.click(`form[action="/retention/rules"] button.first`)
	b.until(`location.search === "?notice=rule_saved"`)
	b.shows("Beslut: Kommunstyrelsen, KS 2026/4 § 9, 2026-02-11")
	b.goTo("/retention/rules/underlag")
	b.shows("Sparad v2", "Sparad v1")
	p, err := s.Engine.PlanOf(t.Context(), plan) // what was made by the first version names it still
	if err != nil {
		t.Fatal(err)
	}
	kept := map[int]string{}
	for _, r := range p.Rules {
		if r.ID == "underlag" {
			kept[r.Version] = r.Keep.String()
		}
	}
	if now, _ := s.Config.Rule("underlag"); now.Version != 2 || now.Keep.String() != "P8Y" || kept[1] != "P7Y" {
		t.Errorf("version %d keeps %s; the plan has %v", now.Version, now.Keep, kept)
	}
	// A bad period is told beside what was typed, and nothing is saved.
	b.fill("#keep", "tre år")
	b.click(`form[action="/retention/rules"] button.first`)
	b.until(`document.querySelector(".problem") !== null`)
	if v := eval[string](b, `document.querySelector("#keep").value`); v != "tre år" {
		t.Errorf("what was typed became %q", v)
	}
	if now, _ := s.Config.Rule("underlag"); now.Version != 2 {
		t.Error("a rule without a period was saved")
	}
}

// W-20, G-13, V-2: holds, work by hand, letters and alarms by their forms.
func TestW20_G13_V2_HoldsTasksLettersAlarmsWalked(t *testing.T) {
	s := webtest.New(t, true)
	run := s.Task(t)
	s.Alarms(t)
	b := open(t, s)
	b.look(1280, "light")
	agent := b.beside()
	signInAs(b, "approver")
	signInAs(agent, "agent")
	reg := hold.Register{DB: s.DB, Log: s.Log}

	t.Run("hold", func(t *testing.T) {
		agent.goTo("/retention/holds")
		agent.shows("Inga spärrar gäller.")
		agent.fill("#kind", string(hold.Legal), "#what", "chatt", "#reason", "Tvist om faktura", "#matter", "KS 2026/7")
		agent.click(`form[action="/retention/holds"] button`)
		agent.until(`location.search === "?notice=hold_placed"`)
		agent.shows("Tvist om faktura", "Chatt, hela systemet")
		list, err := reg.List(t.Context(), false)
		if err != nil || len(list) != 1 || list[0].PlacedBy != "agent" || list[0].Targets[0].Ref.System != "chatt" {
			t.Fatalf("%+v, %v", list, err)
		}
		id := list[0].ID
		logged(t, s, "agent", "hold.place", id)
		if n := eval[int](agent, `document.querySelectorAll('form[action$="/release"]').length`); n != 0 {
			t.Error("an agent is offered to lift a hold")
		}
		plan := planChats(t, s, b)
		p, err := s.Engine.PlanOf(t.Context(), plan)
		if err != nil || p.Preview.Planned != 0 || p.Preview.Due == 0 || p.Preview.Units[0].Held[id] != p.Preview.Due {
			t.Errorf("under the hold %d of %d are planned, %v", p.Preview.Planned, p.Preview.Due, err)
		}
		b.shows("men ingen av dem får gallras nu")
		b.goTo("/retention/holds")
		b.click(`form[action="/retention/holds/` + id + `/release"] button`)
		b.until(`location.search === "?notice=hold_released"`)
		b.shows("Inga spärrar gäller.")
		if list, err = reg.List(t.Context(), true); err != nil || len(list) != 1 || list[0].ReleasedBy != "approver" {
			t.Errorf("%+v, %v", list, err)
		}
		logged(t, s, "approver", "hold.release", id)
		if p, err = s.Engine.PlanOf(t.Context(), planChats(t, s, b)); err != nil || p.Preview.Planned == 0 {
			t.Errorf("after the hold %d are planned, %v", p.Preview.Planned, err)
		}
	})
	t.Run("hold of a person", func(t *testing.T) {
		agent.goTo("/retention/holds")
		agent.fill("#id_email", "kund3@example.org", "#id_phone", "070-174 06 05", "#person-reason", "Tvist om bygglov")
		agent.click(`#person button`)
		agent.until(`location.search.startsWith("?notice=hold_person")`)
		agent.shows("Tvist om bygglov", "En person", "känd genom e-post och telefon, i alla system")
		list, err := reg.List(t.Context(), false)
		if err != nil || len(list) != 1 || len(list[0].By()) != 2 {
			t.Fatalf("%+v, %v", list, err)
		}
		if err := s.DB.Tx(t.Context(), func(tx *sql.Tx) error { return reg.Release(t.Context(), tx, list[0].ID, "approver") }); err != nil {
			t.Fatal(err)
		}
		agent.goTo("/retention/holds")
		agent.click(`#place details summary`)
		agent.fill("#what", "arenden/conversation", "#before", "2025-01-01", "#where", "queue=Skola", "#reason", "Tillsyn")
		agent.click(`#place button`)
		agent.until(`location.search === "?notice=hold_placed"`)
		agent.shows("queue=Skola", "skapad före 2025-01-01")
		if list, err = reg.List(t.Context(), false); err != nil || len(list) != 1 || len(list[0].Queries) != 1 {
			t.Fatalf("%+v, %v", list, err)
		}
		if err := s.DB.Tx(t.Context(), func(tx *sql.Tx) error { return reg.Release(t.Context(), tx, list[0].ID, "approver") }); err != nil {
			t.Fatal(err)
		}
	})

	t.Run("task by hand", func(t *testing.T) {
		agent.goTo("/retention/tasks")
		agent.shows("Pärmar i receptionen", "Skåp 4", "Receptionschefen")
		agent.fill(`input[name="count"]`, "3", `select[name="outcome"]`, "erased", `input[name="note"]`, "Två pärmar")
		agent.click(`form[action$="/sign"] button`)
		agent.until(`location.search === "?notice=task_signed"`)
		tasks, err := s.Engine.Tasks(t.Context(), run)
		if err != nil || len(tasks) != 1 || tasks[0].Signature == nil || tasks[0].Signature.Actor != "agent" || tasks[0].Signature.Count != 3 {
			t.Fatalf("%+v, %v", tasks, err)
		}
		logged(t, s, "agent", "run.task", "")
		agent.goTo("/retention/runs/" + run + "/protocol")
		agent.shows("Raderade 3, Karin Berg (agent), 2026-03-02")
		agent.goTo("/retention/runs/" + run)
		if text := agent.main(); strings.Contains(text, "inte signerad") || strings.Contains(text, "Per system") {
			t.Errorf("the run's page still asks, or shows a table without rows:\n%s", text)
		}
	})
	t.Run("letter", func(t *testing.T) {
		desk := letter.Desk{DB: s.DB, Log: s.Log, Loc: s.Engine.Loc}
		only := func() letter.Letter {
			list, err := desk.List(t.Context(), true)
			if err != nil || len(list) != 1 {
				t.Fatalf("%+v, %v", list, err)
			}
			return list[0]
		}
		agent.goTo("/letters")
		agent.shows("Inga öppna brev.")
		agent.fill("#system", "sociala", "#vendor", "kundo", "#action", "erase", "#id_email-new", "borta@example.org", "#id_name-new", "Bo Rta")
		agent.click(`form[action="/letters"] button.first`)
		agent.until(`document.querySelector("main pre") !== null`)
		text := eval[string](agent, `document.querySelector("main pre").textContent`)
		if !strings.Contains(text, "borta@example.org") || !strings.Contains(text, "Exempelstads kommun") {
			t.Errorf("the letter:\n%s", text)
		}
		agent.shows("Den visas bara nu.")
		id := only().ID
		agent.click(`main a.button.first`)
		agent.until(`location.pathname === "/letters" && document.querySelector("main pre") === null`)
		if strings.Contains(agent.main(), "borta@") {
			t.Error("the list shows who it is about")
		}
		agent.click(`form[action="/letters/` + id + `/sent"] button`)
		agent.until(`location.search === "?notice=letter_sent"`)
		if l := only(); l.State != letter.Sent || l.Due.IsZero() {
			t.Errorf("%+v", l)
		}
		logged(t, s, "agent", "letter.sent", id)
		s.Now = s.Now.AddDate(0, 2, 0)
		signInAs(agent, "agent")
		agent.shows("påminn leverantören")
		agent.goTo("/letters")
		agent.click(`form[action="/letters/` + id + `/remind"] button`)
		agent.until(`document.querySelector("main pre") !== null`)
		agent.shows("Påminnelse")
		if l := only(); l.State != letter.Reminded {
			t.Errorf("%+v", l)
		}
		agent.goTo("/letters")
		agent.fill(`form[action="/letters/`+id+`/answer"] input[name="proof"]`, strings.Repeat("ab", 32))
		agent.click(`form[action="/letters/` + id + `/answer"] button`)
		agent.until(`location.search === "?notice=letter_answered"`)
		if l := only(); l.State != letter.Answered || l.Proof != strings.Repeat("ab", 32) {
			t.Errorf("%+v", l)
		}
		agent.fill(`form[action="/letters/`+id+`/recheck"] input[name="left"]`, "0")
		agent.click(`form[action="/letters/` + id + `/recheck"] button`)
		agent.until(`location.search === "?notice=letter_done"`)
		if l := only(); l.State != letter.Done {
			t.Errorf("%+v", l)
		}
		logged(t, s, "agent", "letter.rechecked", id)
	})
	t.Run("alarm", func(t *testing.T) {
		signInAs(agent, "agent")
		agent.goTo("/alarms")
		agent.shows("Möjligen samma person", "Ingen måste göra något")
		id := eval[string](agent, `[...document.querySelectorAll("main section.sheet[id^=alarm]")].find(e => e.textContent.includes("Möjligen samma person")).id`)
		agent.click(`form[action="/alarms/` + id + `"] input[value="another"]`)
		agent.fill("#reason-"+id, "Delad växel")
		agent.click(`form[action="/alarms/` + id + `"] button`)
		agent.until(`location.search === "?notice=alarm_decided"`)
		a, err := s.Desk.Guard.Alarm(t.Context(), id)
		if err != nil || a.State != "closed" || a.Decision != "another" || a.Actor != "agent" || a.Reason != "Delad växel" {
			t.Errorf("%+v, %v", a, err)
		}
		logged(t, s, "agent", "guard.decide", id)
		if strings.Contains(agent.main(), id) {
			t.Error("it is listed still")
		}
	})
	t.Run("log", func(t *testing.T) {
		signInAs(b, "approver")
		for filter, want := range map[string]string{"guard": "Tog ställning till ett larm", "letter": "Tog emot en leverantörs svar", "hold": "Hävde en spärr"} {
			b.goTo("/evidence?action=" + filter)
			b.shows(want)
		}
		b.goTo("/evidence")
		b.click(`form[action="/evidence/verify"] button`)
		b.until(`location.pathname === "/evidence/verify"`)
		b.shows("Loggen är hel")
	})
}

// UX: a plan of twenty systems with long names can be read, on a phone too: what
// is told of each is folded, the way to the decision is one press away, and
// nothing is wider than the screen. Folded or not, axe finds nothing.
func TestSE30_APlanOfTwentySystems(t *testing.T) {
	script := axe(t)
	s := webtest.New(t, true)
	s.Grow(t, 20)
	plan := s.Plan(t)
	b := open(t, s)
	b.look(1280, "light")
	signInAs(b, "approver")
	for _, l := range looks[:4] {
		b.look(l.width, l.scheme)
		b.speak(l.lang)
		b.goTo("/retention/plans/" + plan)
		if n := eval[int](b, `document.querySelectorAll("main details[open]").length`); n != 0 {
			t.Errorf("%v: %d of what is told system by system stand open", l, n)
		}
		if over := eval[int](b, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
			t.Errorf("%v: %d pixels wider than the screen", l, over)
		}
		b.click(`a[href="#decide"]`)
		b.until(`document.querySelector("#decide").getBoundingClientRect().top < innerHeight`)
		eval[bool](b, `document.querySelectorAll("main details").forEach(d => d.open = true), true`)
		if over := eval[int](b, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
			t.Errorf("%v: unfolded, %d pixels wider than the screen", l, over)
		}
		if bad := b.violations(script); len(bad) > 0 {
			t.Errorf("%v:%s", l, lines(bad))
		}
		for _, path := range []string{"/", "/retention", "/systems", "/inventory"} {
			b.goTo(path)
			if over := eval[int](b, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
				t.Errorf("%v %s: %d pixels wider than the screen", l, path, over)
			}
		}
	}
}
