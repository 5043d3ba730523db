package zendesk

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/desk"
	"github.com/gallra/gallra/connector/rest"
)

// jobPatience is how long a batch waits for Zendesk's job; what is not done by
// then is asked for again by the caller's next attempt.
const jobPatience = 10 * time.Minute

// EraseMany implements connector.Batcher: tickets go a hundred at a time, in a
// job each for the two steps. Everything else goes one by one, as do tickets that
// the list of many does not show.
func (s *Source) EraseMany(ctx context.Context, items []connector.Item) ([]connector.Result, error) {
	out := make([]connector.Result, len(items))
	var many []int // places of tickets
	for i, it := range items {
		if _, ok := desk.Number(it.Ref.ID); ok && it.Ref.Type == TypeTicket {
			many = append(many, i)
			continue
		}
		out[i].Receipt, out[i].Err = s.Erase(ctx, it.Ref, it.IfVersion)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	for len(many) > 0 {
		n := min(len(many), window)
		if err := s.eraseTickets(ctx, items, many[:n], out); err != nil {
			return nil, err
		}
		many = many[n:]
	}
	return out, nil
}

// EditMany implements connector.Batcher; Zendesk has no such batch.
func (s *Source) EditMany(ctx context.Context, edits []connector.Edit) ([]connector.Result, error) {
	out := make([]connector.Result, len(edits))
	for i, e := range edits {
		out[i].Receipt, out[i].Err = s.Edit(ctx, e.Ref, e.IfVersion, e.Set)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return out, nil
}

// eraseTickets erases up to a hundred tickets, those at the places, and enters
// what became of each.
func (s *Source) eraseTickets(ctx context.Context, items []connector.Item, places []int, out []connector.Result) error {
	v := reader{s}
	var ids []int64
	for _, i := range places {
		n, _ := desk.Number(items[i].Ref.ID)
		ids = append(ids, n)
	}
	there, err := v.showMany(ctx, ids)
	if err != nil {
		return err
	}
	var open []int // places whose ticket is shown, in the version that is meant
	var going []int64
	for k, i := range places {
		r, ok := there[ids[k]]
		switch {
		case !ok: // gone, deleted already, or hidden
			out[i].Receipt, out[i].Err = s.Erase(ctx, items[i].Ref, items[i].IfVersion)
			if ctx.Err() != nil {
				return ctx.Err()
			}
		case items[i].IfVersion != "" && r.Version != items[i].IfVersion:
			out[i].Err = desk.Changed(items[i].Ref)
		default:
			open, going = append(open, i), append(going, ids[k])
		}
	}
	if len(open) == 0 {
		return nil
	}
	job, err := s.destroyMany(ctx, "tickets", going)
	if err == nil {
		err = s.await(ctx, job)
	}
	if err != nil {
		return err
	}
	left, err := v.showMany(ctx, going) // an answer of success is no proof
	if err != nil {
		return err
	}
	var purge []int
	var purged []int64
	for k, i := range open {
		ref := items[i].Ref
		if _, ok := left[going[k]]; ok {
			out[i].Err = desk.Undone(ref)
			continue
		}
		if s.mayBeArchived(there[going[k]]) {
			out[i].Receipt, out[i].Err = s.purge(ctx, ref, true)
			continue
		}
		purge, purged = append(purge, i), append(purged, going[k])
	}
	if len(purge) == 0 {
		return nil
	}
	job, err = s.destroyMany(ctx, "deleted_tickets", purged)
	if err != nil {
		return err
	}
	for _, i := range purge {
		out[i].Receipt = s.promise(items[i].Ref, remoteJob+job)
	}
	return nil
}

// mayBeArchived reports whether Zendesk may have archived the ticket: the second
// step does not know such.
func (s *Source) mayBeArchived(r gallra.Record) bool {
	status, _ := r.Field("status")
	return status == "closed" && r.Updated.Before(s.clock.Now().Add(7*24*time.Hour-archivedAfter))
}

// destroyMany asks for a job that takes away what has the ids.
func (s *Source) destroyMany(ctx context.Context, list string, ids []int64) (string, error) {
	var words []string
	for _, id := range ids {
		words = append(words, itoa(id))
	}
	var doc struct {
		Job struct {
			ID string `json:"id"`
		} `json:"job_status"`
	}
	op := list + ".destroy_many"
	if _, err := s.via.Write.Do(ctx, rest.Request{Op: op, Method: "DELETE", Path: join(list, "destroy_many"), Query: url.Values{"ids": {strings.Join(words, ",")}}}, &doc); err != nil {
		return "", err
	}
	if doc.Job.ID == "" {
		return "", s.shape(op)
	}
	return doc.Job.ID, nil
}

// await waits until a job has ended, in whichever way.
func (s *Source) await(ctx context.Context, job string) error {
	for waited, pause := time.Duration(0), time.Second; ; waited, pause = waited+pause, min(2*pause, 30*time.Second) {
		var doc struct {
			Job struct{ Status string } `json:"job_status"`
		}
		_, err := s.via.Read.Do(ctx, rest.Request{Op: "jobs.show", Path: join("job_statuses", job)}, &doc)
		gone, err := desk.Absent(err)
		if err != nil {
			return err
		}
		switch doc.Job.Status {
		case "completed", "failed", "killed":
			return nil
		}
		if gone {
			return nil
		}
		if waited >= jobPatience {
			return gallra.Errorf(gallra.Unavailable, "zendesk.job_lasts", "system", string(s.system))
		}
		if err := s.clock.Sleep(ctx, pause); err != nil {
			return err
		}
	}
}
