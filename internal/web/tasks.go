package web

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/hold"
	"github.com/gallra/gallra/internal/i18n"
	"github.com/gallra/gallra/internal/retention"
)

// TasksView is what people do by hand as part of a run, and sign
// (REQUIREMENTS G-13).
type TasksView struct {
	Open, Signed []TaskRow
	Outcomes     []gallra.Outcome
	Today        time.Time
}

// TaskRow is one task.
type TaskRow struct {
	retention.Task
	Title   string
	Last    time.Time // the last day on which it is in time
	Overdue bool
	Holds   []string // in force over something in the place
}

func (c *call) tasksView() (v TasksView, err error) {
	if c.Retention == nil {
		return v, gallra.Errorf(gallra.Unavailable, "web.no_retention")
	}
	cfg, err := c.configuration()
	if err != nil {
		return v, err
	}
	list, err := c.Retention.Tasks(c.ctx(), "")
	if err != nil {
		return v, err
	}
	now := c.DB.Now()
	v = TasksView{Outcomes: []gallra.Outcome{gallra.OutcomeErased, gallra.OutcomeDeidentified, gallra.OutcomeKept}, Today: now}
	for _, t := range list {
		s, _ := cfg.System(t.System)
		row := TaskRow{Task: t, Title: cmp.Or(title(s), string(t.System)), Last: t.Due.AddDate(0, 0, -1), Overdue: t.Overdue(now)}
		if t.Signature != nil {
			v.Signed = append(v.Signed, row)
			continue
		}
		holds, err := hold.Load(c.ctx(), c.DB, t.System)
		if err != nil {
			return v, err
		}
		row.Holds = holds.IDs()
		v.Open = append(v.Open, row)
	}
	slices.SortStableFunc(v.Open, func(a, b TaskRow) int { return a.Due.Compare(b.Due) })
	return v, nil
}

func (c *call) tasksPage() error {
	v, err := c.tasksView()
	if err != nil {
		return err
	}
	return c.ok("tasks", v)
}

// signTask is a person's word for what was done by hand.
func (c *call) signTask() error {
	v, err := c.tasksView()
	if err != nil {
		return err
	}
	s := retention.Signature{Actor: c.account.Username, Performed: c.field("performed"), Outcome: gallra.Outcome(c.field("outcome")), Note: c.field("note"), Proof: c.field("proof"), Heeded: c.r.PostForm["heeded"]}
	if n := c.field("count"); n != "" {
		if s.Count, err = strconv.ParseInt(n, 10, 64); err != nil {
			return c.refuse("tasks", v, gallra.Errorf(gallra.Invalid, "web.number"))
		}
	}
	if err := c.Retention.Sign(c.ctx(), c.r.PathValue("task"), s); err != nil {
		return c.refuse("tasks", v, err)
	}
	return c.done("/retention/tasks", "task_signed")
}

// taskTodos asks for the signatures that are wanted.
func (c *call) taskTodos() ([]Todo, error) {
	if c.Retention == nil {
		return nil, nil
	}
	list, err := c.Retention.Tasks(c.ctx(), "")
	if err != nil {
		return nil, err
	}
	cfg, err := c.configuration()
	if err != nil {
		return nil, err
	}
	var out []Todo
	for _, t := range list {
		if t.Signature != nil {
			continue
		}
		s, _ := cfg.System(t.System)
		todo := Todo{Risk: 1, What: i18n.Msg("todo.task", "system", cmp.Or(title(s), string(t.System))), Role: auth.Agent, By: t.Due.AddDate(0, 0, -1), To: "/retention/tasks", Law: "a5e", Fine: "5"}
		if t.Overdue(c.DB.Now()) {
			todo.Risk = 2
		}
		out = append(out, todo)
	}
	return out, nil
}
