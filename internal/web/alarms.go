package web

import (
	"cmp"
	"errors"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/deadline"
	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/guard"
	"github.com/gallra/gallra/internal/i18n"
	"github.com/gallra/gallra/internal/work"
)

// AlarmsView is what was erased and is there again (SYSTEMS 1.6).
type AlarmsView struct {
	Asks, Acting, Others []AlarmRow // that somebody must decide on; that are to go again; the others
	All                  bool       // the closed ones too
	Standing             guard.Standing
	Decisions            []guard.Decision
	Decision             string // as chosen in the form
	Reason               string
}

// AlarmRow is one alarm.
type AlarmRow struct {
	guard.Alarm
	Title     string // of the system
	Case      bool   // its matter is a request
	Decisions []guard.Decision
	Since     string         // the day of the backup, in the form that erases again
	MayReplay bool           // the reader may be the second person
	Replay    *Progress      // of records that are being, or have been, erased or rewritten again
	Replayed  guard.Replayed // what came of it
}

func (c *call) guarding() (*guard.Guard, error) {
	if c.Requests == nil || c.Requests.Guard == nil {
		return nil, gallra.Errorf(gallra.Unavailable, "web.no_guard")
	}
	return c.Requests.Guard, nil
}

func (c *call) alarmsView() (v AlarmsView, err error) {
	g, err := c.guarding()
	if err != nil {
		return v, err
	}
	cfg, err := c.configuration()
	if err != nil {
		return v, err
	}
	v = AlarmsView{All: c.r.URL.Query().Get("show") == "all"}
	if v.Standing, err = g.Standing(c.ctx()); err != nil {
		return v, err
	}
	list, err := g.Alarms(c.ctx(), v.All)
	if err != nil {
		return v, err
	}
	for _, a := range list {
		s, _ := cfg.System(a.System)
		row := AlarmRow{Alarm: a, Title: cmp.Or(title(s), string(a.System)), Case: len(a.Matter) > 0 && a.Matter[0] == 'B'}
		row.Decisions = a.Kind.Decisions()
		if a.Kind.Replayed() && a.State == guard.Acting {
			if err := c.replayOf(g, &row); err != nil {
				return v, err
			}
		}
		switch {
		case a.Asks():
			v.Asks = append(v.Asks, row)
		case a.State == guard.Acting:
			v.Acting = append(v.Acting, row)
		default:
			v.Others = append(v.Others, row)
		}
	}
	return v, nil
}

// replayOf tells how far the erasing again of what an alarm is about has come.
func (c *call) replayOf(g *guard.Guard, row *AlarmRow) error {
	w, did, err := g.LastReplay(c.ctx(), row.ID)
	switch {
	case errors.Is(err, gallra.ErrNotFound):
	case err != nil:
		return err
	default:
		p := c.progress(w)
		row.Replay, row.Replayed = &p, did
	}
	row.Since = c.print.Day(row.Erased)
	row.MayReplay = c.can(auth.Approve) && c.Queue != nil && row.Actor != c.account.Username && (row.Replay == nil || row.Replay.Over)
	return nil
}

func (c *call) alarmsPage() error {
	v, err := c.alarmsView()
	if err != nil {
		return err
	}
	return c.ok("alarms", v)
}

// decideAlarm writes down what a named user finds of an alarm.
func (c *call) decideAlarm() error {
	g, err := c.guarding()
	if err != nil {
		return err
	}
	if _, err := g.Decide(c.ctx(), c.r.PathValue("alarm"), c.account.Username, guard.Decision(c.field("decision")), c.field("reason")); err != nil {
		v, verr := c.alarmsView()
		if verr != nil {
			return verr
		}
		return c.refuse("alarms", v, err)
	}
	return c.done("/alarms", "alarm_decided")
}

// replayAlarm is the second person's yes to thinning out again what is back: the
// workers do it.
func (c *call) replayAlarm() error {
	g, err := c.guarding()
	if err != nil {
		return err
	}
	if c.Queue == nil {
		return gallra.Errorf(gallra.Unavailable, "web.no_guard")
	}
	since, err := deadline.ParseDay(c.field("since"))
	if err != nil {
		err = gallra.Errorf(gallra.Invalid, "web.date")
	}
	var w work.Work
	if err == nil {
		w, err = g.StartReplay(c.ctx(), c.r.PathValue("alarm"), since, c.account.Username)
	}
	if err != nil {
		v, verr := c.alarmsView()
		if verr != nil {
			return verr
		}
		return c.refuse("alarms", v, err)
	}
	if err := c.Queue(c.ctx(), w.ID); err != nil {
		return err
	}
	return c.done("/alarms", "alarm_replaying")
}

// checkAlarms asks for a check of every system now.
func (c *call) checkAlarms() error {
	if c.CheckGuard == nil {
		return gallra.Errorf(gallra.Unavailable, "web.no_guard")
	}
	if err := c.CheckGuard(c.ctx(), c.account.Username); err != nil {
		return err
	}
	return c.done("/alarms", "alarms_checking")
}

// alarmTodos asks for a word on what has come back.
func (c *call) alarmTodos() ([]Todo, error) {
	if c.Requests == nil || c.Requests.Guard == nil {
		return nil, nil
	}
	list, err := c.Requests.Guard.Alarms(c.ctx(), false)
	if err != nil {
		return nil, err
	}
	cfg, err := c.configuration()
	if err != nil {
		return nil, err
	}
	var out []Todo
	for _, a := range list {
		s, _ := cfg.System(a.System)
		if a.Kind.Replayed() && a.State == guard.Acting {
			what := "todo.replay"
			if a.Kind == guard.Rewritten {
				what = "todo.replay_rewritten"
			}
			out = append(out, Todo{Risk: 2, What: i18n.Msg(what, "system", cmp.Or(title(s), string(a.System)), "date", a.Erased),
				Role: auth.Approver, To: "/alarms#" + a.ID, Law: "a17", Fine: "5"})
		}
		if !a.Asks() {
			continue
		}
		out = append(out, Todo{Risk: 2, What: i18n.Msg("todo.alarm."+string(a.Kind), "system", cmp.Or(title(s), string(a.System)), "date", a.Erased),
			Role: auth.Agent, To: "/alarms#" + a.ID, Law: "a17", Fine: "5"})
	}
	st, err := c.Requests.Guard.Standing(c.ctx())
	if err != nil {
		return nil, err
	}
	if st.Blind > 0 {
		out = append(out, Todo{Risk: 2, What: i18n.Msg("todo.guard_blind"), Role: auth.Admin, To: "/alarms", Law: "a17", Fine: "5"})
	}
	return out, nil
}
