package request_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/request"
	"github.com/gallra/gallra/internal/store"
	"github.com/gallra/gallra/internal/store/storetest"
)

// allowed is REQUIREMENTS 7.1 written down a second time.
const allowed = `
received        classified withdrawn forwarded
classified      identified identity_asked withdrawn forwarded
identity_asked  identified identity_asked identity_failed withdrawn forwarded
identity_failed decided identity_asked withdrawn
identified      searching withdrawn forwarded
searching       review withdrawn
review          searching decided withdrawn
decided         review executing delivered withdrawn
executing       verified
verified        executing delivered
delivered       closed
closed          reopened appealed
withdrawn       closed
forwarded       closed
appealed        reopened closed
reopened        classified
`

func table() map[request.State]map[request.State]bool {
	out := map[request.State]map[request.State]bool{}
	for line := range strings.Lines(strings.TrimSpace(allowed)) {
		f := strings.Fields(line)
		out[request.State(f[0])] = map[request.State]bool{}
		for _, to := range f[1:] {
			out[request.State(f[0])][request.State(to)] = true
		}
	}
	return out
}

// Every pair of states, asked of the rule and tried on a request that is in it.
func TestW1_OnlyAllowedTransitions(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		o := small(t, db)
		model := table()
		byHand := map[request.State]bool{request.Classified: true, request.Withdrawn: true, request.Forwarded: true, request.Reopened: true, request.Appealed: true}
		id := o.register(request.Access)[0].ID
		for _, from := range request.States() {
			for _, to := range request.States() {
				if from.May(to) != model[from][to] {
					t.Errorf("%s to %s: %t", from, to, from.May(to))
				}
				if _, err := db.Exec("UPDATE request SET state = $2 WHERE id = $1", id, string(from)); err != nil {
					t.Fatal(err)
				}
				events, err := o.Events(ctx, id)
				o.check(err)
				err = o.Move(ctx, id, "karin", to, "test")
				switch {
				case !byHand[to]:
					o.refused(err, "request.state_by_work")
				case !model[from][to]:
					o.refused(err, "request.transition")
				default:
					o.check(err)
				}
				after, err := o.Events(ctx, id)
				o.check(err)
				moved := byHand[to] && model[from][to]
				if moved != (len(after) == len(events)+1) || moved != (o.state(id) == to) && from != to {
					t.Errorf("%s to %s: moved %t, %d events more, now %s", from, to, moved, len(after)-len(events), o.state(id))
				}
				if moved {
					if e := after[len(after)-1]; e.Actor != "karin" || e.From != from || e.To != to || e.Reason != "test" || !e.At.Equal(o.now) {
						t.Errorf("logged as %+v", e)
					}
				}
			}
		}
		o.refused(o.Move(ctx, id, "karin", request.Classified, " "), "request.reason_missing")
	})
}

// small is an office without systems, for what needs none.
func small(t *testing.T, db *store.DB) *office {
	t.Helper()
	o := &office{t: t, dir: t.TempDir(), now: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)}
	db.Now = func() time.Time { return o.now }
	log, err := evidence.Open(ctx, db, o.dir)
	if err != nil {
		t.Fatal(err)
	}
	o.anna.Given, o.anna.Surname, o.anna.Emails, o.anna.Phone, o.anna.Personnummer = "Anna", "Lindqvist", []string{"anna.lindqvist@mail.example.se"}, "0701740605", "19850312-2387"
	o.Desk = &request.Desk{
		DB: db, Log: log, Keys: request.Keys{Dir: o.dir + "/keys"},
		Systems: func(context.Context) ([]request.System, error) { return nil, nil },
	}
	return o
}

func (o *office) at(date string) {
	o.t.Helper()
	d, err := time.ParseInLocation("2006-01-02 15:04", date+" 12:00", time.UTC)
	o.check(err)
	o.now = d
}

func TestA12_4_ExtensionOnlyWithinTheFirstDeadline(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		o := small(t, db)
		id := o.register(request.Access)[0].ID // 2 November
		o.refused(o.Extend(ctx, id, "karin", "", o.now), "request.reason_missing")
		o.refused(o.Extend(ctx, id, "karin", "request.complex", time.Time{}), "request.extension_untold")
		o.at("2026-12-03")
		o.refused(o.Extend(ctx, id, "karin", "request.complex", o.now), "request.extension_late")
		o.at("2026-12-02")
		o.check(o.Extend(ctx, id, "karin", "request.complex", o.now))
		r, err := o.Get(ctx, id)
		o.check(err)
		if got := r.Deadline.Watch.Format(time.DateOnly); got != "2027-02-02" {
			t.Errorf("extended to %s", got)
		}
		o.refused(o.Extend(ctx, id, "karin", "request.complex", o.now), "request.extended_already")
	})
}

// REQUIREMENTS 5.4: asked on the 4th, answered on the 14th.
func TestT5_4_PauseCountsWhenTheOfficerApproves(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		o := small(t, db)
		id := o.register(request.Erasure)[0].ID
		o.check(o.Move(ctx, id, "karin", request.Classified, "x"))
		o.at("2026-11-04")
		o.check(o.Ask(ctx, id, "karin", "request.which_address"))
		o.at("2026-11-14")
		o.check(o.Identify(ctx, id, "karin", "known_address", ""))
		watch := func() string {
			r, err := o.Get(ctx, id)
			o.check(err)
			return r.Deadline.Watch.Format(time.DateOnly)
		}
		if watch() != "2026-12-02" {
			t.Errorf("before approval %s", watch())
		}
		o.refused(o.ApprovePauses(ctx, id, "karin"), "request.four_eyes")
		o.check(o.ApprovePauses(ctx, id, "dso"))
		if watch() != "2026-12-14" {
			t.Errorf("after approval %s", watch())
		}
	})
}

func TestA12_7_IdentityCopyNeedsAReason(t *testing.T) {
	o := small(t, storetest.SQLite(t))
	id := o.register(request.Access)[0].ID
	o.check(o.Move(ctx, id, "karin", request.Classified, "x"))
	o.refused(o.Identify(ctx, id, "karin", "id_copy", ""), "request.identity_reason")
	o.refused(o.Identify(ctx, id, "karin", "signature", ""), "request.identity_method")
	if m := request.Methods(); m[0] != "known_address" || m[len(m)-1] != "id_copy" {
		t.Errorf("proposed: %v", m)
	}
	o.check(o.Identify(ctx, id, "karin", "id_copy", "request.no_other_way"))
}

func TestA11_1_CannotIdentify(t *testing.T) {
	o := small(t, storetest.SQLite(t))
	id := o.register(request.Access)[0].ID
	o.check(o.Move(ctx, id, "karin", request.Classified, "x"))
	o.check(o.Ask(ctx, id, "karin", "request.which_address"))
	o.check(o.CannotIdentify(ctx, id, "karin", "request.no_answer"))
	o.refused(o.Decide(ctx, id, "karin", request.Granted, ""), "request.outcome_state")
	o.check(o.Decide(ctx, id, "karin", request.CannotIdentify, "request.no_answer"))
	o.check(o.Deliver(ctx, id, "karin", "post"))
	o.check(o.Close(ctx, id, "karin", "request.answered"))
	o.at("2027-03-01")
	o.check(o.Move(ctx, id, "karin", request.Reopened, "request.more_told"))
	r, err := o.Get(ctx, id)
	o.check(err)
	if got := r.Deadline.Watch.Format(time.DateOnly); got != "2027-04-01" {
		t.Errorf("a full new month: %s", got)
	}
}

func TestW3_SameRequestAgain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		o := small(t, db)
		first := o.register(request.Access, request.Erasure)
		o.at("2026-11-20")
		det := request.Details{Identifiers: []request.Known{{Identifier: gallra.Identifier{Kind: gallra.IdentPhone, Value: "+46 70 174 06 05"}}}}
		again, err := o.Register(ctx, request.Intake{Rights: []request.Right{request.Access}, Channel: "phone", Details: det, Actor: "bo"})
		o.check(err)
		similar, err := o.Similar(ctx, again[0].ID)
		o.check(err)
		if len(similar) != 1 || similar[0] != first[0].ID {
			t.Errorf("similar: %v, want %s", similar, first[0].ID)
		}
		det.Identifiers[0].Identifier.Value = "0701740606"
		other, err := o.Register(ctx, request.Intake{Rights: []request.Right{request.Access}, Details: det, Actor: "bo"})
		o.check(err)
		if similar, err = o.Similar(ctx, other[0].ID); err != nil || len(similar) != 0 {
			t.Errorf("another person's: %v %v", similar, err)
		}
	})
}

// Numbers are given once, also when two intakes happen at the same time.
func TestNumbers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		o := small(t, db)
		errs := make(chan error)
		for range 8 {
			go func() {
				_, err := o.Register(ctx, request.Intake{Rights: []request.Right{request.Access}, Details: o.details(), Actor: "karin"})
				errs <- err
			}()
		}
		for range 8 {
			o.check(<-errs)
		}
		list, err := o.List(ctx, request.Filter{Open: true})
		o.check(err)
		seen := map[string]bool{}
		for _, r := range list {
			seen[r.ID] = true
			if _, err := o.Details(ctx, r.ID, "karin", "test"); err != nil {
				t.Errorf("%s can't be opened: %v", r.ID, err)
			}
		}
		if len(seen) != 8 || !seen["B2026-0001"] || !seen["B2026-0008"] {
			t.Errorf("%v", seen)
		}
	})
}

func TestIntakeRefusesNothingButNonsense(t *testing.T) {
	o := small(t, storetest.SQLite(t))
	for name, in := range map[string]request.Intake{
		"request.right_missing":   {Actor: "karin"},
		"request.right_unknown":   {Actor: "karin", Rights: []request.Right{"forgiveness"}},
		"request.actor_missing":   {Rights: []request.Right{request.Access}},
		"request.received_future": {Actor: "karin", Rights: []request.Right{request.Access}, Received: o.now.Add(time.Hour)},
	} {
		_, err := o.Register(ctx, in)
		o.refused(err, name)
	}
	// No name, no address, no form: a note of a telephone call will do.
	rs, err := o.Register(ctx, request.Intake{Actor: "karin", Channel: "phone", Rights: []request.Right{request.Access}, Received: o.now.AddDate(0, 0, -2)})
	o.check(err)
	if got := rs[0].Deadline.Watch.Format(time.DateOnly); got != "2026-11-30" { // 31 October plus a month
		t.Errorf("due %s", got)
	}
}
