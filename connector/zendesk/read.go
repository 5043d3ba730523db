package zendesk

import (
	"bytes"
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/desk"
	"github.com/gallra/gallra/connector/rest"
)

// reader is the account as package desk reads it.
type reader struct{ *Source }

// archive remembers whether show_many hands out archived tickets in this
// account: it is nowhere said.
type archive struct {
	sync.Mutex
	known, hidden bool
}

func paging(list string) rest.Paging {
	return rest.Paging{Items: list, Cursor: "meta.after_cursor", More: "meta.has_more", Param: "page[after]"}
}

// deletedPaging: this list is paged by number in its description's example and
// by cursor in its text; the cursor does not move when something is purged.
var deletedPaging = paging("deleted_tickets")

func page(n int) url.Values { return url.Values{"page[size]": {strconv.Itoa(n)}} }

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// decode reads a document as the account writes it.
func decode(raw json.RawMessage, v any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	return d.Decode(v)
}

// number returns the id when it is one of Zendesk's; the types of this connector
// have no other.
func number(ref gallra.Ref) (string, error) {
	if _, ok := desk.Number(ref.ID); !ok {
		return "", desk.Gone(ref)
	}
	return ref.ID, nil
}

// Types implements desk.Vendor.
func (s reader) Types(ctx context.Context) ([]connector.Type, error) { return s.allTypes(ctx) }

type via struct {
	Channel string `json:"channel"`
	Source  struct {
		From struct {
			Address string `json:"address"`
			Name    string `json:"name"`
			Phone   string `json:"phone"`
		} `json:"from"`
	} `json:"source"`
}

type userDoc struct {
	ID         int64  `json:"id"`
	Name       string `json:"name"`
	Email      string `json:"email"`
	Phone      string `json:"phone"`
	Alias      string `json:"alias"`
	Details    string `json:"details"`
	Notes      string `json:"notes"`
	ExternalID string `json:"external_id"`
	Locale     string `json:"locale"`
	Role       string `json:"role"`
	Active     *bool  `json:"active"`
	Created    string `json:"created_at"`
	Updated    string `json:"updated_at"`
	Fields     map[string]any
}

type identity struct {
	ID      int64  `json:"id"`
	User    int64  `json:"user_id"`
	Type    string `json:"type"`
	Value   string `json:"value"`
	Primary bool   `json:"primary"`
}

type ticketDoc struct {
	ID           int64   `json:"id"`
	Subject      string  `json:"subject"`
	Status       string  `json:"status"`
	Priority     string  `json:"priority"`
	Type         string  `json:"type"`
	ExternalID   string  `json:"external_id"`
	Requester    int64   `json:"requester_id"`
	Group        int64   `json:"group_id"`
	Brand        int64   `json:"brand_id"`
	CC           []int64 `json:"email_cc_ids"`
	Collaborator []int64 `json:"collaborator_ids"`
	Tags         []string
	Via          via `json:"via"`
	Custom       []struct {
		ID    int64 `json:"id"`
		Value any   `json:"value"`
	} `json:"custom_fields"`
	Rating struct {
		Score   string `json:"score"`
		Comment string `json:"comment"`
	} `json:"satisfaction_rating"`
	Created string `json:"created_at"`
	Updated string `json:"updated_at"`
	Metrics *struct {
		Solved  string `json:"solved_at"`
		Comment string `json:"latest_comment_added_at"`
	} `json:"metric_set"`
}

// times reads times; a time of another form is drift.
func times(pairs map[*time.Time]string) bool {
	for t, v := range pairs {
		var ok bool
		if *t, ok = desk.Time(v); !ok {
			return false
		}
	}
	return true
}

// plainValue writes the value of a custom field.
func plainValue(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case string:
		return x
	case bool:
		return strconv.FormatBool(x)
	case json.Number:
		return x.String()
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64)
	case []any:
		var out []string
		for _, e := range x {
			out = append(out, plainValue(e))
		}
		return strings.Join(out, " ")
	}
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}

// declared leaves out nothing: a value in a field that the account does not
// declare is asked for once more, and is drift then.
func (s *Source) declared(ctx context.Context, typ, field string) error {
	for range 2 {
		types, err := s.allTypes(ctx)
		if err != nil {
			return err
		}
		for _, t := range types {
			if t.Name == typ {
				if _, ok := t.Field(field); ok {
					return nil
				}
			}
		}
		s.mu.Lock()
		s.types = nil
		s.mu.Unlock()
	}
	return gallra.Errorf(gallra.Drift, "zendesk.field_undeclared", "system", string(s.system), "field", field)
}

func (s reader) user(ctx context.Context, raw json.RawMessage, ids map[int64][]identity) (gallra.Record, error) {
	var u userDoc
	var more struct {
		Fields map[string]any `json:"user_fields"`
	}
	if decode(raw, &u) != nil || decode(raw, &more) != nil || u.ID == 0 || u.Role == "" || u.Active == nil {
		return gallra.Record{}, s.shape("users")
	}
	typ := TypeUser
	if u.Role != "end-user" {
		typ = TypeAgent
	}
	r := gallra.Record{Ref: s.ref(typ, itoa(u.ID))}
	if !times(map[*time.Time]string{&r.Created: u.Created, &r.Updated: u.Updated}) {
		return r, s.shape("users")
	}
	var emails, phones, handles []string
	for _, i := range ids[u.ID] {
		switch {
		case i.Type == "email":
			if i.Value != u.Email {
				emails = append(emails, i.Value)
			}
		case i.Type == "phone_number":
			if i.Value != u.Phone {
				phones = append(phones, i.Value)
			}
		default:
			handles = append(handles, i.Value)
		}
	}
	r.Fields = desk.Fields("name", u.Name, "email", u.Email, "more_emails", strings.Join(emails, ", "), "phone", u.Phone,
		"more_phones", strings.Join(phones, ", "), "handles", strings.Join(handles, ", "), "external_id", u.ExternalID,
		"alias", u.Alias, "details", u.Details, "notes", u.Notes, "locale", u.Locale)
	for _, k := range sorted(more.Fields) {
		if v := plainValue(more.Fields[k]); v != "" {
			if err := s.declared(ctx, typ, "field_"+k); err != nil {
				return r, err
			}
			r.Fields = append(r.Fields, gallra.Field{Name: "field_" + k, Value: v})
		}
	}
	r.Version = desk.Version(r)
	if !*u.Active {
		return r, desk.Gone(r.Ref) // deleted, and read all the same
	}
	return r, nil
}

func sorted(m map[string]any) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func (s reader) ticket(ctx context.Context, raw json.RawMessage) (gallra.Record, error) {
	var t ticketDoc
	if decode(raw, &t) != nil || t.ID == 0 || t.Status == "" {
		return gallra.Record{}, s.shape("tickets")
	}
	r := gallra.Record{Ref: s.ref(TypeTicket, itoa(t.ID))}
	if t.Requester != 0 {
		r.Person = s.ref(TypeUser, itoa(t.Requester))
	}
	ok := times(map[*time.Time]string{&r.Created: t.Created, &r.Updated: t.Updated})
	if t.Metrics != nil {
		ok = ok && times(map[*time.Time]string{&r.Contact: t.Metrics.Comment})
		if t.Status == "solved" || t.Status == "closed" {
			ok = ok && times(map[*time.Time]string{&r.Closed: t.Metrics.Solved})
		}
	}
	if !ok {
		return r, s.shape("tickets")
	}
	var cc []string
	for _, id := range append(slices.Clone(t.CC), t.Collaborator...) {
		if v := itoa(id); !slices.Contains(cc, v) {
			cc = append(cc, v)
		}
	}
	f := t.Via.Source.From
	r.Fields = desk.Fields("subject", t.Subject, "external_id", t.ExternalID, "cc", strings.Join(cc, " "), "tags", strings.Join(t.Tags, " "),
		"rating_comment", t.Rating.Comment, "status", t.Status, "channel", t.Via.Channel, "priority", t.Priority, "kind", t.Type,
		"group", id(t.Group), "brand", id(t.Brand), "rating", t.Rating.Score, "from_email", f.Address, "from_name", f.Name, "from_phone", f.Phone)
	for _, c := range t.Custom {
		if v := plainValue(c.Value); v != "" {
			name := "field_" + itoa(c.ID)
			if err := s.declared(ctx, TypeTicket, name); err != nil {
				return r, err
			}
			r.Fields = append(r.Fields, gallra.Field{Name: name, Value: v})
		}
	}
	r.Version = desk.Version(r)
	if t.Status == "deleted" {
		return r, desk.Gone(r.Ref)
	}
	return r, nil
}

func id(n int64) string {
	if n == 0 {
		return ""
	}
	return itoa(n)
}

// Root implements desk.Vendor.
func (s reader) Root(ctx context.Context, ref gallra.Ref) (gallra.Record, error) {
	n, err := number(ref)
	if err != nil {
		return gallra.Record{}, err
	}
	switch ref.Type {
	case TypeTicket:
		var doc struct{ Ticket json.RawMessage }
		if _, err := s.via.Read.Do(ctx, rest.Request{Op: "tickets.show", Path: join("tickets", n), Query: url.Values{"include": {"metric_sets"}}}, &doc); err != nil {
			return gallra.Record{}, err
		}
		return s.same(s.ticket(ctx, doc.Ticket))(ref)
	case TypeSuspended:
		var doc struct {
			Ticket json.RawMessage `json:"suspended_ticket"`
		}
		if _, err := s.via.Read.Do(ctx, rest.Request{Op: "suspended.show", Path: join("suspended_tickets", n)}, &doc); err != nil {
			return gallra.Record{}, err
		}
		return s.same(s.suspended(doc.Ticket))(ref)
	}
	var doc struct {
		User       json.RawMessage
		Identities []identity
	}
	if _, err := s.via.Read.Do(ctx, rest.Request{Op: "users.show", Path: join("users", n), Query: url.Values{"include": {"identities"}}}, &doc); err != nil {
		return gallra.Record{}, err
	}
	// An agent is also found as the user it is asked for as, and the other way.
	r, err := s.user(ctx, doc.User, byUser(doc.Identities))
	if err == nil && r.Ref.ID != ref.ID {
		err = s.shape("users.show")
	}
	return r, err
}

// same proves that an answer is about what was asked for.
func (s reader) same(r gallra.Record, err error) func(gallra.Ref) (gallra.Record, error) {
	return func(ref gallra.Ref) (gallra.Record, error) {
		if err == nil && r.Ref.ID != ref.ID {
			err = s.shape("show")
		}
		return r, err
	}
}

func byUser(ids []identity) map[int64][]identity {
	out := map[int64][]identity{}
	for _, i := range ids {
		out[i.User] = append(out[i.User], i)
	}
	for _, l := range out {
		slices.SortFunc(l, func(a, b identity) int { return int(a.ID - b.ID) })
	}
	return out
}

// Walk implements desk.Vendor.
func (s reader) Walk(ctx context.Context, typ, after string, limit int) (desk.Stretch, error) {
	switch typ {
	case TypeTicket:
		return s.walkTickets(ctx, after, limit)
	case TypeSuspended:
		return s.walkSuspended(ctx, after, limit)
	}
	q := page(min(limit, 100))
	q.Set("include", "identities")
	if typ == TypeUser {
		q.Set("role", "end-user")
	} else {
		q["role[]"] = []string{"agent", "admin"}
	}
	p, err := s.via.Read.Page(ctx, rest.Request{Op: "users.list", Path: "/api/v2/users", Query: q}, paging("users"), after)
	if err != nil {
		return desk.Stretch{}, err
	}
	var ids []identity
	if raw := p.Document["identities"]; raw != nil && json.Unmarshal(raw, &ids) != nil {
		return desk.Stretch{}, s.shape("users.list")
	}
	out := desk.Stretch{Next: p.Next}
	for _, raw := range p.Items {
		r, err := s.user(ctx, raw, byUser(ids))
		if gone, err := desk.Absent(err); gone {
			continue
		} else if err != nil {
			return desk.Stretch{}, err
		}
		out.Records = append(out.Records, r)
	}
	return out, nil
}

func (s reader) walkSuspended(ctx context.Context, after string, limit int) (desk.Stretch, error) {
	last := int64(0)
	if after != "" {
		var ok bool
		if last, ok = desk.Number(after); !ok {
			return desk.Stretch{}, gallra.Errorf(gallra.Invalid, "connector.bad_cursor")
		}
	}
	all, err := s.allSuspended(ctx)
	if err != nil {
		return desk.Stretch{}, err
	}
	var out desk.Stretch
	for _, r := range all {
		if n, _ := desk.Number(r.Ref.ID); n > last {
			if len(out.Records) == limit {
				out.Next = out.Records[limit-1].Ref.ID
				break
			}
			out.Records = append(out.Records, r)
		}
	}
	return out, nil
}

// allSuspended reads the whole queue, in the order of ids: it is short, and
// Zendesk empties it every two weeks.
func (s reader) allSuspended(ctx context.Context) ([]gallra.Record, error) {
	var out []gallra.Record
	cursor := ""
	for {
		p, err := s.via.Read.Page(ctx, rest.Request{Op: "suspended.list", Path: "/api/v2/suspended_tickets", Query: page(100)}, paging("suspended_tickets"), cursor)
		if err != nil {
			return nil, err
		}
		for _, raw := range p.Items {
			r, err := s.suspended(raw)
			if err != nil {
				return nil, err
			}
			out = append(out, r)
		}
		if cursor = p.Next; cursor == "" {
			break
		}
	}
	slices.SortFunc(out, func(a, b gallra.Record) int {
		x, _ := desk.Number(a.Ref.ID)
		y, _ := desk.Number(b.Ref.ID)
		return int(x - y)
	})
	return out, nil
}

func (s reader) suspended(raw json.RawMessage) (gallra.Record, error) {
	var d struct {
		ID     int64 `json:"id"`
		Author struct {
			Name  string `json:"name"`
			Email string `json:"email"`
		} `json:"author"`
		Subject string `json:"subject"`
		Content string `json:"content"`
		Cause   string `json:"cause"`
		Created string `json:"created_at"`
		Updated string `json:"updated_at"`
	}
	// The description shows one in a list of one, too.
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil && len(list) == 1 {
		raw = list[0]
	}
	if decode(raw, &d) != nil || d.ID == 0 {
		return gallra.Record{}, s.shape("suspended")
	}
	r := gallra.Record{Ref: s.ref(TypeSuspended, itoa(d.ID)),
		Fields: desk.Fields("from_email", d.Author.Email, "from_name", d.Author.Name, "subject", d.Subject, "content", d.Content, "cause", d.Cause)}
	if !times(map[*time.Time]string{&r.Created: d.Created, &r.Updated: d.Updated}) {
		return r, s.shape("suspended")
	}
	r.Version = desk.Version(r)
	return r, nil
}

// window is how many ids are asked for at once; show_many takes no more.
const window = 100

// walkTickets goes through the ids, as every list of tickets is incomplete: the
// plain one lacks the archived, the incremental export gives a ticket twice
// when it changes meanwhile, and the search lags. A place is "ID" or
// "ID.NEWEST", the second so that a walk ends where it began to.
func (s reader) walkTickets(ctx context.Context, after string, limit int) (desk.Stretch, error) {
	last, newest := int64(0), int64(0)
	if after != "" {
		a, b, split := strings.Cut(after, ".")
		n, ok := desk.Number(a)
		if split {
			m, ok2 := desk.Number(b)
			newest, ok = m, ok && ok2
		}
		if !ok {
			return desk.Stretch{}, gallra.Errorf(gallra.Invalid, "connector.bad_cursor")
		}
		last = n
	}
	if newest == 0 {
		var err error
		if newest, err = s.newest(ctx); err != nil {
			return desk.Stretch{}, err
		}
	}
	var out desk.Stretch
	for calls := 0; last < newest && calls < 10; calls++ { // where all is erased the pages are empty for long
		end := min(last+window, newest)
		rs, err := s.tickets(ctx, last+1, end)
		if err != nil {
			return desk.Stretch{}, err
		}
		for _, r := range rs {
			if len(out.Records) == limit {
				break
			}
			out.Records = append(out.Records, r)
			last, _ = desk.Number(r.Ref.ID)
		}
		if len(out.Records) == limit {
			break
		}
		last = end
	}
	if last < newest {
		out.Next = itoa(last) + "." + itoa(newest)
	}
	return out, nil
}

// newest returns the highest ticket id there is: of the plain list, which holds
// all but the archived at once, and of the search, which also knows those.
func (s reader) newest(ctx context.Context) (int64, error) {
	top := int64(0)
	for _, r := range []struct {
		req  rest.Request
		list string
	}{
		{rest.Request{Op: "tickets.list", Path: "/api/v2/tickets", Query: url.Values{"sort_by": {"id"}, "sort_order": {"desc"}, "per_page": {"1"}}}, "tickets"},
		{rest.Request{Op: "search", Path: "/api/v2/search", Query: url.Values{"query": {"type:ticket"}, "sort_by": {"created_at"}, "sort_order": {"desc"}, "per_page": {"1"}}}, "results"},
	} {
		ids, err := s.ids(ctx, r.req, r.list)
		if err != nil {
			return 0, err
		}
		for _, id := range ids {
			top = max(top, id)
		}
	}
	return top, nil
}

func (s reader) ids(ctx context.Context, r rest.Request, list string) ([]int64, error) {
	var doc map[string]json.RawMessage
	if _, err := s.via.Read.Do(ctx, r, &doc); err != nil {
		return nil, err
	}
	var found []struct {
		ID int64 `json:"id"`
	}
	if doc[list] == nil || json.Unmarshal(doc[list], &found) != nil {
		return nil, s.shape(r.Op)
	}
	var out []int64
	for _, f := range found {
		out = append(out, f.ID)
	}
	return out, nil
}

// tickets reads those of the ids from…to that are there, in order.
func (s reader) tickets(ctx context.Context, from, to int64) ([]gallra.Record, error) {
	hidden, err := s.hidesArchived(ctx)
	if err != nil {
		return nil, err
	}
	var ids []int64
	for n := from; n <= to; n++ {
		ids = append(ids, n)
	}
	got, err := s.showMany(ctx, ids)
	if err != nil {
		return nil, err
	}
	var out []gallra.Record
	for _, n := range ids {
		r, ok := got[n]
		if !ok && hidden {
			var err error
			r, err = s.Root(ctx, s.ref(TypeTicket, itoa(n)))
			if gone, err := desk.Absent(err); gone {
				continue
			} else if err != nil {
				return nil, err
			}
			ok = true
		}
		if ok {
			out = append(out, r)
		}
	}
	return out, nil
}

func (s reader) showMany(ctx context.Context, ids []int64) (map[int64]gallra.Record, error) {
	var list []string
	for _, n := range ids {
		list = append(list, itoa(n))
	}
	var doc struct{ Tickets []json.RawMessage }
	if _, err := s.via.Read.Do(ctx, rest.Request{Op: "tickets.show_many", Path: "/api/v2/tickets/show_many", Query: url.Values{"ids": {strings.Join(list, ",")}, "include": {"metric_sets"}}}, &doc); err != nil {
		return nil, err
	}
	if doc.Tickets == nil {
		return nil, s.shape("tickets.show_many")
	}
	out := map[int64]gallra.Record{}
	for _, raw := range doc.Tickets {
		r, err := s.ticket(ctx, raw)
		if gone, err := desk.Absent(err); gone {
			continue
		} else if err != nil {
			return nil, err
		}
		n, _ := desk.Number(r.Ref.ID)
		if !slices.Contains(ids, n) {
			return nil, s.shape("tickets.show_many") // the answer to another question
		}
		out[n] = r
	}
	return out, nil
}

// archivedAfter is when a closed ticket is archived.
const archivedAfter = 120 * 24 * time.Hour

// hidesArchived tries on one archived ticket whether show_many hands it out.
func (s reader) hidesArchived(ctx context.Context) (bool, error) {
	s.archived.Lock()
	defer s.archived.Unlock()
	if s.archived.known {
		return s.archived.hidden, nil
	}
	old := s.clock.Now().Add(-archivedAfter - 7*24*time.Hour).UTC().Format("2006-01-02")
	ids, err := s.ids(ctx, rest.Request{Op: "search", Path: "/api/v2/search", Query: url.Values{"query": {"type:ticket status:closed updated<" + old}, "sort_by": {"created_at"}, "sort_order": {"asc"}, "per_page": {"1"}}}, "results")
	if err != nil {
		return false, err
	}
	if len(ids) > 0 {
		got, err := s.showMany(ctx, ids[:1])
		if err != nil {
			return false, err
		}
		if len(got) == 0 {
			_, err := s.Root(ctx, s.ref(TypeTicket, itoa(ids[0])))
			if gone, err := desk.Absent(err); err != nil {
				return false, err
			} else if gone {
				return false, nil // the search names what is gone: not known yet
			}
			s.archived.hidden = true
		}
	}
	s.archived.known = len(ids) > 0
	return s.archived.hidden, nil
}

// Place implements desk.Vendor.
func (s reader) Place(c gallra.Record) string { return c.Ref.ID }

type commentDoc struct {
	ID       int64  `json:"id"`
	Author   int64  `json:"author_id"`
	Body     string `json:"body"`
	HTML     string `json:"html_body"`
	Public   bool   `json:"public"`
	Created  string `json:"created_at"`
	Via      via    `json:"via"`
	Metadata struct {
		System struct {
			IP       string `json:"ip_address"`
			Location string `json:"location"`
		} `json:"system"`
	} `json:"metadata"`
	Files []fileDoc `json:"attachments"`
}

type fileDoc struct {
	ID      int64  `json:"id"`
	Name    string `json:"file_name"`
	Type    string `json:"content_type"`
	URL     string `json:"content_url"`
	Deleted bool   `json:"deleted"`
}

// redactedFile is what Zendesk puts in the place of a redacted attachment.
const redactedFile = "redacted.txt"

func (s *Source) comments(ctx context.Context, ticket string) ([]commentDoc, error) {
	var out []commentDoc
	cursor := ""
	for {
		p, err := s.via.Read.Page(ctx, rest.Request{Op: "comments.list", Path: join("tickets", ticket, "comments"), Query: page(100)}, paging("comments"), cursor)
		if err != nil {
			return nil, err
		}
		for _, raw := range p.Items {
			var c commentDoc
			if decode(raw, &c) != nil || c.ID == 0 {
				return nil, s.shape("comments.list")
			}
			out = append(out, c)
		}
		if cursor = p.Next; cursor == "" {
			return out, nil
		}
	}
}

// Thread implements desk.Vendor.
func (s reader) Thread(ctx context.Context, conv gallra.Record) (desk.Thread, error) {
	list, err := s.comments(ctx, conv.Ref.ID)
	if err != nil {
		return desk.Thread{}, err
	}
	var out desk.Thread
	for _, c := range list {
		r := gallra.Record{Ref: s.ref(TypeComment, desk.Child(conv.Ref.ID, itoa(c.ID))), Parent: conv.Ref}
		if c.Author > 0 {
			r.Person = s.ref(TypeUser, itoa(c.Author))
		}
		if !times(map[*time.Time]string{&r.Created: c.Created}) {
			return desk.Thread{}, s.shape("comments.list")
		}
		f := c.Via.Source.From
		r.Fields = desk.Fields("body", c.Body, "public", strconv.FormatBool(c.Public), "channel", c.Via.Channel, "ip", c.Metadata.System.IP,
			"location", c.Metadata.System.Location, "from_email", f.Address, "from_name", f.Name, "from_phone", f.Phone)
		r.Version = desk.Version(r, c.HTML)
		out.Records = append(out.Records, r)
		for _, f := range c.Files {
			if f.Deleted || f.Name == redactedFile {
				continue
			}
			a := gallra.Record{Ref: s.ref(TypeAttachment, desk.Child(conv.Ref.ID, itoa(c.ID), itoa(f.ID))), Parent: conv.Ref, Created: r.Created,
				Fields: desk.Fields("filename", f.Name, "content_type", f.Type)}
			a.Version = desk.Version(a)
			out.Records = append(out.Records, a)
		}
	}
	return out, nil
}

// Content implements desk.Vendor.
func (s reader) Content(ctx context.Context, ref gallra.Ref) ([]byte, error) {
	ids := desk.Parts(ref.ID)
	if ref.Type != TypeAttachment || len(ids) != 3 {
		return nil, desk.Gone(ref)
	}
	for _, n := range ids {
		if _, ok := desk.Number(n); !ok {
			return nil, desk.Gone(ref)
		}
	}
	list, err := s.comments(ctx, ids[0])
	if err != nil {
		return nil, err
	}
	for _, c := range list {
		for _, f := range c.Files {
			if itoa(c.ID) == ids[1] && itoa(f.ID) == ids[2] && !f.Deleted && f.Name != redactedFile {
				return s.via.Read.Download(ctx, "attachment", f.URL)
			}
		}
	}
	return nil, desk.Gone(ref)
}
