package zendesk

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/desk"
	"github.com/gallra/gallra/connector/rest"
)

// Search implements desk.Vendor. One identifier is asked for at a time, in all
// its written forms, among users and among tickets; the cursor is its number.
// The queue of suspended mail cannot be searched and is read through.
func (s reader) Search(ctx context.Context, n connector.Needles, cursor string) (desk.Candidates, error) {
	i := 0
	if cursor != "" {
		var err error
		if i, err = strconv.Atoi(cursor); err != nil || i < 1 || i >= len(n.Identifiers) {
			return desk.Candidates{}, gallra.Errorf(gallra.Invalid, "connector.bad_cursor")
		}
	}
	var out desk.Candidates
	if i == 0 {
		queue, err := s.allSuspended(ctx)
		if err != nil {
			return out, err
		}
		for _, r := range queue {
			out.Refs = append(out.Refs, r.Ref)
		}
	}
	if len(n.Identifiers) == 0 {
		return out, nil
	}
	id := n.Identifiers[i]
	if id.Kind == gallra.IdentAccount {
		if _, ok := desk.Number(strings.TrimSpace(id.Value)); ok && (id.System == "" || id.System == s.system) {
			out.Refs = append(out.Refs, s.ref(TypeUser, strings.TrimSpace(id.Value)))
		}
	} else {
		for _, f := range desk.Forms(id) {
			for _, typ := range []string{"user", "ticket"} {
				refs, err := s.export(ctx, typ, phrase(f))
				if err != nil {
					return out, err
				}
				out.Refs = append(out.Refs, refs...)
			}
		}
	}
	if i+1 < len(n.Identifiers) {
		out.Next = strconv.Itoa(i + 1)
	}
	return out, nil
}

// phrase quotes a value so that the search takes it as it is.
func phrase(v string) string { return `"` + strings.NewReplacer(`"`, " ", `\`, " ").Replace(v) + `"` }

// export runs a query to its end.
func (s reader) export(ctx context.Context, typ, query string) ([]gallra.Ref, error) {
	q := page(100)
	q.Set("query", query)
	q.Set("filter[type]", typ)
	var out []gallra.Ref
	cursor := ""
	for {
		p, err := s.via.Read.Page(ctx, rest.Request{Op: "search.export", Path: "/api/v2/search/export", Query: q}, paging("results"), cursor)
		if err != nil {
			return nil, err
		}
		for _, raw := range p.Items {
			var d struct {
				ID   int64  `json:"id"`
				Role string `json:"role"`
			}
			if json.Unmarshal(raw, &d) != nil || d.ID == 0 {
				return nil, s.shape("search.export")
			}
			t := TypeTicket
			if typ == "user" {
				t = TypeUser
				if d.Role != "end-user" {
					t = TypeAgent
				}
			}
			out = append(out, s.ref(t, itoa(d.ID)))
		}
		if cursor = p.Next; cursor == "" {
			return out, nil
		}
	}
}

// Cases implements desk.Vendor: by the lists, which are up to date but leave out
// the archived, and by the search, which has those too.
func (s reader) Cases(ctx context.Context, person gallra.Ref) ([]gallra.Ref, error) {
	n, err := number(person)
	if err != nil {
		return nil, err
	}
	var out []gallra.Ref
	for _, list := range []string{"requested", "ccd"} {
		cursor := ""
		for {
			p, err := s.via.Read.Page(ctx, rest.Request{Op: "users.tickets." + list, Path: join("users", n, "tickets", list), Query: page(100)}, paging("tickets"), cursor)
			if err != nil {
				return nil, err
			}
			for _, raw := range p.Items {
				var d struct {
					ID int64 `json:"id"`
				}
				if json.Unmarshal(raw, &d) != nil || d.ID == 0 {
					return nil, s.shape("users.tickets")
				}
				out = append(out, s.ref(TypeTicket, itoa(d.ID)))
			}
			if cursor = p.Next; cursor == "" {
				break
			}
		}
	}
	for _, word := range []string{"requester:", "cc:", "commenter:"} {
		refs, err := s.export(ctx, "ticket", word+n)
		if err != nil {
			return nil, err
		}
		out = append(out, refs...)
	}
	return out, nil
}

// Open returns the bytes of an attachment.
func (s *Source) Open(ctx context.Context, ref gallra.Ref) (io.ReadCloser, error) {
	b, err := reader{s}.Content(ctx, ref)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

// Traces implements desk.Vendor: the history of a ticket, and of no ticket the
// lists of deleted tickets and users.
func (s reader) Traces(ctx context.Context, conv gallra.Record) ([]desk.Trace, error) {
	if conv.Ref.IsZero() {
		return s.deletedTraces(ctx)
	}
	var out []desk.Trace
	add := func(raw json.RawMessage) {
		out = append(out, desk.Trace{Ref: conv.Ref, Where: "audits", Text: desk.Strings(raw)})
	}
	if err := s.each(ctx, rest.Request{Op: "audits.list", Path: join("tickets", conv.Ref.ID, "audits"), Query: page(100)}, "audits", add); err != nil {
		return nil, err
	}
	list, err := s.comments(ctx, conv.Ref.ID)
	for _, c := range list { // the address of a link is in no other field
		out = append(out, desk.Trace{Ref: s.ref(TypeComment, desk.Child(conv.Ref.ID, itoa(c.ID))), Where: "comment.html", Text: c.HTML})
	}
	return out, err
}

func (s reader) deletedTraces(ctx context.Context) ([]desk.Trace, error) {
	var out []desk.Trace
	for list, typ := range map[string]string{"deleted_tickets": TypeTicket, "deleted_users": TypeUser} {
		err := s.each(ctx, rest.Request{Op: list, Path: join(list), Query: page(100)}, list, func(raw json.RawMessage) {
			var d struct {
				ID int64 `json:"id"`
			}
			_ = json.Unmarshal(raw, &d) // without an id it is a trace of nothing known
			out = append(out, desk.Trace{Ref: s.ref(typ, itoa(d.ID)), Where: list, Text: desk.Strings(raw)})
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// each reads a list to its end.
func (s *Source) each(ctx context.Context, r rest.Request, list string, do func(json.RawMessage)) error {
	cursor := ""
	for {
		p, err := s.via.Read.Page(ctx, r, paging(list), cursor)
		if err != nil {
			return err
		}
		for _, raw := range p.Items {
			do(raw)
		}
		if cursor = p.Next; cursor == "" {
			return nil
		}
	}
}

// Remains asks for each record by its id, and looks in the lists of what is
// deleted and not yet purged.
func (s *Source) Remains(ctx context.Context, refs []gallra.Ref) ([]gallra.Residue, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var out []gallra.Residue
	add := func(r gallra.Ref, where, why string) {
		out = append(out, gallra.Residue{Ref: r, Where: where, Why: why, Count: 1})
	}
	deleted, err := s.basket(ctx, refs)
	if err != nil {
		return nil, err
	}
	for _, r := range refs {
		_, err := s.Get(ctx, r)
		gone, err := desk.Absent(err)
		switch {
		case err != nil:
			return nil, err
		case !gone:
			add(r, r.Type, "residue.still_there")
		case r.Type == TypeTicket && deleted[r.ID]:
			add(r, "deleted_tickets", "residue.wastebasket")
		case r.Type == TypeUser:
			if _, ok := desk.Number(r.ID); !ok {
				continue
			}
			_, err := s.via.Read.Do(ctx, rest.Request{Op: "deleted_users.show", Path: join("deleted_users", r.ID)}, nil)
			if gone, err := desk.Absent(err); err != nil {
				return nil, err
			} else if !gone {
				add(r, "deleted_users", "residue.wastebasket")
			}
		}
	}
	return out, nil
}

// basket returns which of the tickets are deleted and not purged.
func (s *Source) basket(ctx context.Context, refs []gallra.Ref) (map[string]bool, error) {
	out := map[string]bool{}
	if !slices.ContainsFunc(refs, func(r gallra.Ref) bool { return r.Type == TypeTicket }) {
		return out, nil
	}
	return out, s.each(ctx, rest.Request{Op: "deleted_tickets", Path: join("deleted_tickets"), Query: page(100)}, "deleted_tickets", func(raw json.RawMessage) {
		var d struct {
			ID int64 `json:"id"`
		}
		if json.Unmarshal(raw, &d) == nil {
			out[itoa(d.ID)] = true
		}
	})
}

// inBasket looks for one ticket among those deleted since.
func (s *Source) inBasket(ctx context.Context, id string, since time.Time) (bool, error) {
	q := page(100)
	q["sort_by"], q["sort_order"] = []string{"deleted_at"}, []string{"desc"}
	r := rest.Request{Op: "deleted_tickets", Path: join("deleted_tickets"), Query: url.Values(q)}
	cursor := ""
	for {
		p, err := s.via.Read.Page(ctx, r, deletedPaging, cursor)
		if err != nil {
			return false, err
		}
		for _, raw := range p.Items {
			var d struct {
				ID int64  `json:"id"`
				At string `json:"deleted_at"`
			}
			if json.Unmarshal(raw, &d) != nil || d.ID == 0 {
				return false, s.shape("deleted_tickets")
			}
			if itoa(d.ID) == id {
				return true, nil
			}
			if at, ok := desk.Time(d.At); ok && !at.IsZero() && at.Before(since) {
				return false, nil
			}
		}
		if cursor = p.Next; cursor == "" {
			return false, nil
		}
	}
}
