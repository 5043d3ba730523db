package zammad

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector/desk"
	"github.com/gallra/gallra/document"
)

// Erase implements connector.Eraser for tickets and customers. Zammad has no
// conditional deletion: the version is compared just before.
func (s *Source) Erase(ctx context.Context, ref gallra.Ref, ifVersion string) (gallra.Receipt, error) {
	r, err := s.Current(ctx, ref, ifVersion)
	if err != nil {
		return gallra.Receipt{}, err
	}
	switch r.Ref.Type {
	case TypeTicket:
		return s.eraseTicket(ctx, r)
	case TypeCustomer:
		return s.erasePerson(ctx, r)
	}
	return gallra.Receipt{}, gallra.Errorf(gallra.Unsupported, "zammad.only_tickets", "type", r.Ref.Type)
}

func (s *Source) eraseTicket(ctx context.Context, r gallra.Record) (gallra.Receipt, error) {
	_, err := s.call(ctx, "tickets.delete", "DELETE", nil, nil, nil, "tickets", r.Ref.ID)
	switch gallra.CodeOf(err) {
	case "", gallra.NotFound: // not found: somebody was faster, or an attempt of ours was
	case gallra.Forbidden:
		return gallra.Receipt{}, s.lacks("admin")
	default:
		return gallra.Receipt{}, err
	}
	left, err := s.Remains(ctx, []gallra.Ref{r.Ref})
	if err != nil {
		return gallra.Receipt{}, err
	}
	if len(left) > 0 {
		return gallra.Receipt{}, gallra.Errorf(gallra.Unavailable, "zammad.not_done", "system", string(s.System))
	}
	now := s.clock.Now()
	return gallra.Receipt{Ref: r.Ref, Action: gallra.ActionErase, Grade: known.Grade(), At: now, Final: true, Residues: known.Residues(now)}, nil
}

type task struct {
	ID      int64     `json:"id"`
	Type    string    `json:"deletable_type"`
	Of      int64     `json:"deletable_id"`
	State   string    `json:"state"`
	Created time.Time `json:"created_at"`
}

// starts is how long a task may wait before Zammad's scheduler takes it, with
// the work itself on top.
const starts = 15 * time.Minute

// erasePerson orders a task for data privacy, unless the person has tickets:
// the task would take them along, and what others have written there.
func (s *Source) erasePerson(ctx context.Context, r gallra.Record) (gallra.Receipt, error) {
	cases, err := s.Cases(ctx, r.Ref)
	if err != nil {
		return gallra.Receipt{}, err
	}
	if len(cases) > 0 {
		return gallra.Receipt{}, gallra.Errorf(gallra.Blocked, "zammad.has_tickets", "count", strconv.Itoa(len(cases)))
	}
	t, err := s.taskFor(ctx, r.Ref)
	if err != nil {
		return gallra.Receipt{}, err
	}
	if t.ID == 0 {
		id, _ := desk.Number(r.Ref.ID)
		_, err = s.call(ctx, "data_privacy_tasks.create", "POST", nil, map[string]any{"deletable_type": "User", "deletable_id": id}, &t, "data_privacy_tasks")
		switch gallra.CodeOf(err) {
		case "":
		case gallra.Forbidden:
			return gallra.Receipt{}, s.lacks("admin.data_privacy")
		case gallra.Unavailable: // not known whether it was ordered: the list knows
			found, ferr := s.taskFor(ctx, r.Ref)
			if ferr != nil || found.ID == 0 {
				return gallra.Receipt{}, err
			}
			t = found
		default:
			return gallra.Receipt{}, err
		}
	}
	if t.ID == 0 || strconv.FormatInt(t.Of, 10) != r.Ref.ID {
		return gallra.Receipt{}, gallra.Errorf(gallra.Unavailable, "zammad.not_done", "system", string(s.System))
	}
	now := s.clock.Now()
	return gallra.Receipt{Ref: r.Ref, Action: gallra.ActionErase, Grade: gallra.GradeHidden, At: now, GoneBy: now.Add(starts), Remote: strconv.FormatInt(t.ID, 10),
		Residues: []gallra.Residue{{Ref: r.Ref, Where: "users", Why: "zammad.task_waits", GoneBy: now.Add(starts), Count: 1}}}, nil
}

// taskFor returns the task that is under way for a person; a zero one when
// there is none.
func (s *Source) taskFor(ctx context.Context, person gallra.Ref) (task, error) {
	for page := 1; page < 1000; page++ {
		var tasks []task
		q := map[string][]string{"per_page": {perPage}, "page": {strconv.Itoa(page)}}
		if err := s.tasks(ctx, "list", q, &tasks); err != nil {
			return task{}, err
		}
		if tasks == nil {
			return task{}, s.drift("data_privacy_tasks.list")
		}
		if len(tasks) == 0 {
			return task{}, nil
		}
		for _, t := range tasks {
			if t.Type == "User" && strconv.FormatInt(t.Of, 10) == person.ID && t.State == "in process" {
				return t, nil
			}
		}
	}
	return task{}, s.drift("data_privacy_tasks.list")
}

// Confirm implements connector.Confirmer: it asks the task, and then for the
// person.
func (s *Source) Confirm(ctx context.Context, r gallra.Receipt) (gallra.Receipt, error) {
	if r.Final || r.Remote == "" {
		return r, ctx.Err()
	}
	if _, ok := desk.Number(r.Remote); !ok {
		return r, desk.Gone(r.Ref)
	}
	var t task
	if err := s.tasks(ctx, "get", nil, &t, r.Remote); err != nil && gallra.CodeOf(err) != gallra.NotFound {
		return r, err // a task that is gone itself leaves the person to be asked for
	}
	switch t.State {
	case "in process":
		return r, nil
	case "failed":
		r.Residues = []gallra.Residue{{Ref: r.Ref, Where: "users", Why: "zammad.task_failed", Count: 1}}
		return r, nil
	}
	left, err := s.Remains(ctx, []gallra.Ref{r.Ref})
	if err != nil {
		return r, err
	}
	if r.Residues = left; len(left) > 0 {
		return r, nil
	}
	now := s.clock.Now()
	r.Final, r.At, r.Grade, r.Residues = true, now, known.Grade(), known.Residues(now)
	return r, nil
}

// Remains implements connector.Verifier: tickets by a question to the database,
// persons by their id, both besides the lists that List reads.
func (s *Source) Remains(ctx context.Context, refs []gallra.Ref) ([]gallra.Residue, error) {
	var out []gallra.Residue
	var ids []string
	for _, ref := range refs {
		if _, ok := desk.Number(ref.ID); !ok {
			continue
		}
		switch ref.Type {
		case TypeTicket:
			ids = append(ids, ref.ID)
		case TypeCustomer, TypeAgent:
			_, err := s.Root(ctx, ref)
			if err == nil {
				out = append(out, gallra.Residue{Ref: ref, Where: "users", Why: "residue.still_there", Count: 1})
			} else if gallra.CodeOf(err) != gallra.NotFound {
				return nil, err
			}
		}
	}
	for chunk := range slices.Chunk(ids, 50) {
		rs, err := s.where(ctx, map[string]any{"ticket.id": map[string]any{"operator": "is", "value": chunk}}, 1)
		if err != nil {
			return nil, err
		}
		for _, r := range rs {
			if slices.Contains(chunk, r.Ref.ID) {
				out = append(out, gallra.Residue{Ref: r.Ref, Where: "tickets", Why: "residue.still_there", Count: 1})
			}
		}
	}
	return out, ctx.Err()
}

// flat writes a value of JSON as text to search in.
func flat(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case string:
		return x
	case map[string]any:
		var b strings.Builder
		for _, e := range x {
			b.WriteString(flat(e) + "\n")
		}
		return b.String()
	case []any:
		var b strings.Builder
		for _, e := range x {
			b.WriteString(flat(e) + "\n")
		}
		return b.String()
	}
	return fmt.Sprint(v)
}

// readMail returns the text in a mail, header and attachments included; the
// bytes themselves when it is none.
func readMail(raw []byte) string {
	m, err := document.ParseMail(raw, document.Limits{})
	if err != nil {
		return string(raw)
	}
	var b strings.Builder
	for _, h := range m.Header {
		b.WriteString(h.Value + "\n")
	}
	return b.String() + m.Body() + "\n" + m.AttachmentText()
}
