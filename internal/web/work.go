package web

import (
	"bytes"
	"database/sql"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/guard"
	"github.com/gallra/gallra/internal/inventory"
	"github.com/gallra/gallra/internal/retention"
	"github.com/gallra/gallra/internal/work"
)

// Progress is a long work as a page shows it.
type Progress struct {
	ID, Kind, Subject string
	Title             string // of the system that is scanned
	State             work.State
	Phase             string // message key or plain words
	Done, Total       int64
	Known             bool // Total is known
	Over, Paused      bool
	Rate              string // records a second
	Left              time.Duration
	Problem           string
	MayBrake          bool
}

// To is the page that shows the work.
func (p Progress) To() string {
	switch p.Kind {
	case "scan":
		return "/systems/" + p.Subject
	case "plan":
		return "/retention/plans/" + p.ID
	case "run":
		return "/retention/runs/" + p.ID
	case guard.WorkReplay:
		return "/alarms"
	}
	return "/requests/" + p.Subject
}

// brakes says who may pause and stop which kind of work.
var brakes = map[string]auth.Permission{
	"scan":   auth.EditSystems,
	"plan":   auth.PlanRetention,
	"run":    auth.RunRetention,
	"search": auth.HandleRequests, "execute": auth.HandleRequests, "verify": auth.HandleRequests,
}

func (c *call) progress(w work.Work) Progress {
	p := Progress{ID: w.ID, Kind: w.Kind, Subject: w.Subject, State: w.State, Phase: w.Phase, Done: w.Done, Total: w.Total,
		Known: w.Total > 0, Over: w.State.Over(), Paused: w.State == work.Paused}
	if r := w.Rate(); r > 0 && w.State == work.Running {
		decimals := 0
		if r < 10 {
			decimals = 1
		}
		p.Rate = c.print.Decimal(r, decimals)
	}
	p.Left, _ = w.LeftAt(c.least(w))
	if w.Kind == inventory.Kind {
		if cfg, err := c.configuration(); err == nil { // without it the short name is shown
			s, _ := cfg.System(gallra.SystemID(w.Subject))
			p.Title = title(s)
		}
	}
	if w.Problem != "" {
		p.Problem = c.print.Error(work.ProblemError(w.Problem))
	}
	if may, ok := brakes[w.Kind]; ok {
		p.MayBrake = c.can(may)
	}
	return p
}

// least is how long the systems' rates make a run last at least; 0 when no rate
// is known.
func (c *call) least(w work.Work) time.Duration {
	if c.Retention == nil || w.Kind != retention.WorkRun || w.State.Over() {
		return 0
	}
	d, err := c.Retention.Least(c.ctx(), w.ID)
	if err != nil {
		return 0 // the page lives without
	}
	return d
}

// running returns the works under way of the given kinds ("" for any).
func (c *call) running(kinds ...string) ([]Progress, error) {
	ws, err := work.Open(c.ctx(), c.DB)
	if err != nil {
		return nil, err
	}
	var out []Progress
	for _, w := range ws {
		for _, k := range kinds {
			if w.Kind == k {
				out = append(out, c.progress(w))
			}
		}
	}
	return out, nil
}

// liveEvery is how often the page is told of progress.
const liveEvery = 700 * time.Millisecond

// liveWork sends the fragment of a work's progress as server-sent events until
// it is over or the reader leaves.
func (c *call) liveWork() error {
	ctx, id := c.ctx(), c.r.PathValue("work")
	w, err := work.Get(ctx, c.DB, id)
	if err != nil {
		return err
	}
	out := http.NewResponseController(c.w)
	_ = out.SetWriteDeadline(time.Time{}) // unsupported by a test's recorder, which has no deadline either
	c.w.Header().Set("Content-Type", "text/event-stream")
	tick := time.NewTicker(liveEvery)
	defer tick.Stop()
	last := ""
	for {
		var b bytes.Buffer
		if err := c.pages[c.print.Lang()]["error"].ExecuteTemplate(&b, "progress", c.progress(w)); err != nil {
			return err
		}
		if s := b.String(); s != last {
			last = s
			// A line break ends a field of an event.
			if _, err := fmt.Fprintf(c.w, "event: progress\ndata: %s\n\n", strings.ReplaceAll(strings.TrimSpace(s), "\n", "\ndata: ")); err != nil {
				return nil // the reader has gone
			}
		}
		if w.State.Over() {
			_, _ = fmt.Fprint(c.w, "event: over\ndata: \n\n")
			return nil
		}
		if err := out.Flush(); err != nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if w, err = work.Get(ctx, c.DB, id); err != nil {
			return nil // the headers are sent: the page reloads and meets the error there
		}
	}
}

// brakeWork pauses, stops or resumes a work.
func (c *call) brakeWork() error {
	ctx, id := c.ctx(), c.r.PathValue("work")
	w, err := work.Get(ctx, c.DB, id)
	if err != nil {
		return err
	}
	if may, ok := brakes[w.Kind]; !ok || !c.can(may) {
		return gallra.Errorf(gallra.Forbidden, "web.forbidden")
	}
	wish, ok := map[string]work.Wish{"pause": work.WishPause, "stop": work.WishStop, "resume": work.WishNone}[c.r.PathValue("wish")]
	if !ok {
		return c.unknownPage()
	}
	err = c.DB.Tx(ctx, func(tx *sql.Tx) error {
		if err := work.SetWish(ctx, tx, c.DB.Now(), id, wish); err != nil || c.Evidence == nil {
			return err
		}
		_, err := c.Evidence.Append(ctx, tx, evidence.Entry{Actor: c.account.Username, Action: "work." + c.r.PathValue("wish"), Subject: id})
		return err
	})
	if err != nil {
		return err
	}
	if wish == work.WishNone && c.Queue != nil {
		if err := c.Queue(ctx, id); err != nil {
			return err
		}
	}
	c.redirect(c.r.PostFormValue("back"))
	return nil
}
