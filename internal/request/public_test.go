package request_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/hold"
	"github.com/gallra/gallra/internal/request"
	"github.com/gallra/gallra/internal/store/storetest"
)

// municipal makes the office a public body's.
func (o *office) municipal() *office {
	o.Organisation = func(context.Context) (gallra.OrganisationType, error) { return gallra.OrgMunicipality, nil }
	return o
}

// SE-8: a public body hands nothing over without a secrecy test, by any road, and
// nothing against what the test found. A judgement after it makes it void.
func TestSE8_NothingIsHandedOverWithoutATest(t *testing.T) {
	o := newOffice(t, storetest.SQLite(t)).municipal()
	id := o.register(request.Access)[0].ID
	o.searched(id)
	o.refused(o.TestSecrecy(ctx, id, "karin", "maybe", ""), "request.secrecy_result")
	o.refused(o.TestSecrecy(ctx, id, "karin", request.SecrecyPartly, " "), "request.secrecy_law")
	o.check(o.TestSecrecy(ctx, id, "karin", request.SecrecyNone, ""))
	o.judged(id) // after the test
	o.check(o.Decide(ctx, id, "karin", request.Granted, ""))
	o.refused(o.Deliver(ctx, id, "karin", "post"), "request.secrecy_missing")
	o.refused(o.MayHandOver(ctx, id), "request.secrecy_missing")
	_, err := o.MakeLink(ctx, id, "karin", 1)
	o.refused(err, "request.secrecy_missing")
	o.check(o.TestSecrecy(ctx, id, "karin", request.SecrecyWhole, "OSL 21:7"))
	o.refused(o.Deliver(ctx, id, "karin", "post"), "request.secrecy_against")
	o.check(o.TestSecrecy(ctx, id, "karin", request.SecrecyPartly, "OSL 21:7"))
	o.refused(o.Deliver(ctx, id, "karin", "post"), "request.secrecy_against") // a full yes is not what the test found
	o.check(o.TestSecrecy(ctx, id, "karin", request.SecrecyNone, ""))
	o.check(o.Deliver(ctx, id, "karin", "post"))
	r, err := o.Get(ctx, id)
	if o.check(err); r.Secrecy == nil || r.Secrecy.By != "karin" || r.Secrecy.At.IsZero() {
		t.Errorf("%+v", r.Secrecy)
	}
	entries, err := o.Log.Entries(ctx, id)
	o.check(err)
	var tests []string
	for _, e := range entries {
		if e.Action == "request.secrecy" {
			tests = append(tests, e.Reason)
		}
	}
	if strings.Join(tests, "; ") != "no; yes: OSL 21:7; partly: OSL 21:7; no" {
		t.Errorf("the log has %q", tests)
	}
	// A company is asked for none.
	c := newOffice(t, storetest.SQLite(t))
	id = c.register(request.Access)[0].ID
	c.searched(id)
	c.judged(id)
	c.check(c.Decide(ctx, id, "karin", request.Granted, ""))
	c.check(c.Deliver(ctx, id, "karin", "post"))
}

// SE-9: a public body's refusal is not delivered without its reasons, and the
// last day to appeal is counted from the day the person got it.
func TestSE9_RefusalHasReasonsAndAnAppealDate(t *testing.T) {
	o := newOffice(t, storetest.SQLite(t)).municipal()
	id := o.register(request.Access)[0].ID
	o.searched(id)
	o.judged(id)
	o.check(o.Decide(ctx, id, "karin", request.Refused, "request.refused"))
	o.check(o.Approve(ctx, id, "bo"))
	o.refused(o.Deliver(ctx, id, "karin", "post"), "request.ruling_missing")
	o.refused(o.SetRuling(ctx, id, "karin", request.Ruling{Provisions: "OSL 21:7"}, " "), "request.ruling_incomplete")
	const facts = "Uppgifterna rör grannen Sven."
	o.check(o.SetRuling(ctx, id, "karin", request.Ruling{Presenter: "Karin Ek", Others: []string{"Per By"}, Provisions: "OSL 21:7"}, facts))
	if det, err := o.Details(ctx, id, "karin", "prov"); err != nil || det.Facts != facts {
		t.Fatalf("%v", err)
	}
	var row string
	o.check(o.DB.QueryRowContext(ctx, "SELECT ruling || coalesce(CAST(sealed AS TEXT), '') FROM request WHERE id = $1", id).Scan(&row))
	if strings.Contains(row, "Sven") {
		t.Error("the facts are not sealed")
	}
	if r, err := o.Get(ctx, id); err != nil || !r.AppealBy().IsZero() {
		t.Errorf("an appeal date before the delivery: %v %v", r.AppealBy(), err)
	}
	o.check(o.Deliver(ctx, id, "karin", "post"))
	r, err := o.Get(ctx, id)
	o.check(err)
	if want := r.Delivered.AddDate(0, 0, 21).Format(time.DateOnly); r.AppealBy().Format(time.DateOnly) < want {
		t.Errorf("appeal by %v, delivered %v", r.AppealBy(), r.Delivered)
	}
	o.refused(o.Serve(ctx, id, "karin", r.Delivered.AddDate(0, 0, -2)), "request.served_date")
	o.now = time.Date(2026, 12, 10, 9, 0, 0, 0, time.UTC)
	o.check(o.Serve(ctx, id, "karin", time.Date(2026, 12, 3, 12, 0, 0, 0, time.UTC)))
	if r, err = o.Get(ctx, id); err != nil || r.AppealBy().Format(time.DateOnly) != "2026-12-28" { // the 24th is no working day for this
		t.Errorf("appeal by %v, %v", r.AppealBy(), err)
	}
}

// SE-10: what is an official document stays with a reason that is ready, and until
// when, by the rule it falls under.
func TestSE10_OfficialDocumentStaysUntilItsPeriod(t *testing.T) {
	o := newOffice(t, storetest.SQLite(t)).municipal()
	systems := o.Systems
	ruled := gallra.Rule{ID: "arenden", Version: 3, Systems: []gallra.SystemID{"helpdesk"}, Start: gallra.StartCreated, Keep: gallra.Period{Years: 10}, Decision: gallra.Decision{Body: "Arkivnämnden", Number: "AN 2024/12 § 4", Date: "2024-01-01"}}
	o.Systems = func(c context.Context) ([]request.System, error) {
		list, err := systems(c)
		for i := range list {
			if list[i].Rules = nil; list[i].ID == "helpdesk" {
				list[i].Rules = []gallra.Rule{ruled}
			}
		}
		return list, err
	}
	id := o.register(request.Erasure)[0].ID
	o.searched(id)
	items := o.judged(id)
	var kept []int
	for _, it := range items {
		if it.Kind == connector.KindConversation && it.Decision == request.Include {
			kept = append(kept, it.N)
		}
	}
	o.refused(o.Judge(ctx, id, "karin", request.Verdict{Items: kept, Decision: request.Include, Ground: request.GroundOfficial}), "request.ground_unknown")
	o.check(o.Judge(ctx, id, "karin", request.Verdict{Items: kept, Decision: request.Keep, Ground: request.GroundOfficial}))
	now, err := o.Items(ctx, id)
	o.check(err)
	dated, open := 0, 0
	for _, it := range now {
		if it.Ground != request.GroundOfficial {
			continue
		}
		if it.Outcome != request.OutcomePreserved || it.Law != request.OfficialLaw || it.Reason != "request.ground.official" {
			t.Errorf("%+v", it)
		}
		switch {
		case it.Ref.System == "helpdesk":
			dated++
			if want := it.Created.AddDate(10, 0, 0).Format("2006-01"); it.KeepUntil.Format("2006-01") != want || !strings.Contains(it.KeepRule, "arenden v3, Arkivnämnden AN 2024/12 § 4") {
				t.Errorf("until %v by %q, made %v", it.KeepUntil, it.KeepRule, it.Created)
			}
		case it.KeepUntil.IsZero() && it.KeepRule == "":
			open++
		default:
			t.Errorf("a period without a rule: %+v", it)
		}
	}
	if dated == 0 || open == 0 {
		t.Fatalf("%d with a period, %d without", dated, open)
	}
	o.check(o.Decide(ctx, id, "karin", request.Partial, "request.partial"))
	o.check(o.Approve(ctx, id, "bo"))
	o.execute(id)
	o.verify(id)
	c, err := o.Certificate(ctx, id)
	o.check(err)
	n := 0
	for _, s := range c.Systems {
		n += s.Outcomes[request.OutcomePreserved]
	}
	if n != len(kept) || len(c.Kept) < 2 {
		t.Errorf("%d preserved on the certificate, want %d: %+v", n, len(kept), c.Kept)
	}
	left, err := o.Remaining(ctx, id)
	o.check(err)
	for _, r := range left {
		t.Errorf("remains, though it was decided to stay: %+v", r)
	}
}

// SE-6: one letter, two tracks. In the track of official documents nobody is asked
// who they are, there is no month, and what is asked for may be picked out.
func TestSE6_FourTracks(t *testing.T) {
	o := newOffice(t, storetest.SQLite(t)).municipal()
	o.now = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC) // a Friday
	src, err := o.Open(ctx, "helpdesk")
	o.check(err)
	page, err := src.List(ctx, connector.Query{Type: "ticket", Limit: 1})
	o.check(err)
	o.check(src.Close())
	ref := page.Records[0].Ref
	rs, err := o.Register(ctx, request.Intake{Rights: []request.Right{request.Access}, Tracks: []request.Track{request.TrackDocument, request.TrackParty, request.TrackGuardian}, Targets: []gallra.Ref{ref}, Actor: "karin", Details: o.details()})
	o.check(err)
	if len(rs) != 4 || rs[0].Track != request.TrackData || rs[1].Track != request.TrackDocument || rs[1].Matter != rs[0].ID || rs[3].Track != request.TrackGuardian {
		t.Fatalf("%+v", rs)
	}
	for n, want := range []string{"2026-12-21", "2026-11-24", "2026-12-04", "2026-12-21"} {
		if got := rs[n].Deadline.Watch.Format(time.DateOnly); got != want {
			t.Errorf("%s is due %s, want %s", rs[n].Track, got, want)
		}
	}
	// What the letter names is held from the same moment (SE-13).
	holds, err := hold.Load(ctx, o.DB, "helpdesk")
	o.check(err)
	if _, held := holds.Covers(ref, gallra.Ref{}, gallra.Ref{}); !held {
		t.Error("not held from its registration")
	}
	doc := rs[1].ID
	o.refused(o.Extend(ctx, doc, "karin", "request.complex", o.now), "request.extension_track")
	o.refused(o.Extend(ctx, rs[2].ID, "karin", "request.complex", o.now), "request.extension_track")
	o.check(o.Move(ctx, doc, "karin", request.Classified, "case.classified"))
	o.refused(o.Identify(ctx, doc, "karin", "visit", ""), "request.transition")
	o.refused(o.Ask(ctx, doc, "karin", "vem är du?"), "request.transition")
	o.refused(o.Choose(ctx, rs[0].ID, "karin", []gallra.Ref{ref}), "request.cannot_choose")
	o.check(o.Choose(ctx, doc, "karin", []gallra.Ref{ref}))
	o.check(o.Decide(ctx, doc, "karin", request.Granted, ""))
	o.refused(o.Deliver(ctx, doc, "karin", "visit"), "request.secrecy_missing")
	o.check(o.TestSecrecy(ctx, doc, "karin", request.SecrecyNone, ""))
	o.check(o.Deliver(ctx, doc, "karin", "visit"))
	// Switching is logged with its reason, and brings identity back.
	o.refused(o.SwitchTrack(ctx, rs[2].ID, "karin", request.TrackParty, "x"), "request.track_state")
	o.refused(o.SwitchTrack(ctx, rs[2].ID, "karin", request.TrackDocument, ""), "request.reason_missing")
	o.check(o.SwitchTrack(ctx, rs[2].ID, "karin", request.TrackDocument, "hon vill vara anonym"))
	o.check(o.Move(ctx, rs[2].ID, "karin", request.Classified, "case.classified"))
	o.refused(o.Identify(ctx, rs[2].ID, "karin", "visit", ""), "request.transition")
	o.check(o.SwitchTrack(ctx, rs[2].ID, "karin", request.TrackData, "hon ber om sina egna uppgifter"))
	o.check(o.Identify(ctx, rs[2].ID, "karin", "visit", ""))
	entries, err := o.Log.Entries(ctx, rs[2].ID)
	o.check(err)
	n := 0
	for _, e := range entries {
		if e.Action == "request.track" {
			n++
		}
	}
	if n != 2 {
		t.Errorf("%d switches are logged", n)
	}
	// Anonymous: no name, no identifier, nothing.
	rs, err = o.Register(ctx, request.Intake{Tracks: []request.Track{request.TrackDocument}, Actor: "karin"})
	if o.check(err); len(rs) != 1 || !rs[0].Anonymous() {
		t.Fatalf("%+v", rs)
	}
}

// SE-13: registering a request to see something puts what it is about on hold, by
// a work that every worker finds; a system that cannot be asked is held whole. An
// appeal does so again when the case was closed.
func TestSE13_RegisteringHolds(t *testing.T) {
	o := newOffice(t, storetest.SQLite(t))
	down := false
	o.wrap = func(id gallra.SystemID, src connector.Source) connector.Source {
		if down && id == "chat" {
			return mute{src}
		}
		return src
	}
	down = true
	id := o.register(request.Access)[0].ID
	w, err := o.HoldWork(ctx, id)
	if o.check(err); w == "" {
		t.Fatal("nothing is to be done")
	}
	o.check(o.Drive(ctx, w, nil))
	if w, err := o.HoldWork(ctx, id); err != nil || w != "" {
		t.Fatalf("%q %v", w, err)
	}
	chat, err := hold.Load(ctx, o.DB, "chat")
	o.check(err)
	if _, held := chat.Covers(gallra.Ref{System: "chat", Type: "conversation", ID: "1"}, gallra.Ref{}, gallra.Ref{}); !held {
		t.Error("a system that cannot be asked is not held")
	}
	down = false
	desk, err := hold.Load(ctx, o.DB, "helpdesk")
	o.check(err)
	if desk.Empty() {
		t.Error("nothing is held in a system that answered")
	}
	o.searched(id)
	items := o.judged(id)
	if chat, err = hold.Load(ctx, o.DB, "chat"); err != nil {
		t.Fatal(err)
	}
	if _, held := chat.Covers(gallra.Ref{System: "chat", Type: "conversation", ID: "no such"}, gallra.Ref{}, gallra.Ref{}); held {
		t.Error("the whole system is held still after the search")
	}
	o.check(o.Decide(ctx, id, "karin", request.Granted, ""))
	o.check(o.Deliver(ctx, id, "karin", "post"))
	o.check(o.Close(ctx, id, "karin", "request.answered"))
	held := func() bool {
		s, err := hold.Load(ctx, o.DB, items[0].Ref.System)
		o.check(err)
		_, yes := s.Covers(items[0].Ref, gallra.Ref{}, gallra.Ref{})
		return yes
	}
	if held() {
		t.Error("held when it is closed")
	}
	o.check(o.Move(ctx, id, "karin", request.Appealed, "överklagat"))
	if r, err := o.Get(ctx, id); !held() || err != nil || !r.Destroy.IsZero() {
		t.Errorf("an appeal holds nothing, or the file goes: %+v %v", r.Destroy, err)
	}
}

// mute is a system that answers nobody.
type mute struct{ connector.Source }

func (mute) Find(context.Context, connector.Needles, string) (connector.Hits, error) {
	return connector.Hits{}, gallra.Errorf(gallra.Unavailable, "store.unreachable")
}
