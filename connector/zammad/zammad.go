// Package zammad connects Zammad through its REST API:
// "zammad://hjalp.kommun.se?token=…".
//
// Zammad's interface can erase a whole ticket, and a whole person by a task for
// data privacy. It cannot change the text of an article: nothing is anonymised
// in place here, and Edit is not declared. Whoever needs that connects the
// database (sqldb, profile zammad).
//
// The task for a person takes the person's tickets along, with everything that
// others have written in them. Erase of a person therefore refuses while the
// person still is the customer of a ticket: the tickets are looked at and erased
// one by one first, each under its own rule, and nothing goes by the way.
// Articles that the person wrote in others' tickets stay, as Zammad's own
// documentation says.
//
// Sources: zammad-admin-documentation system/data-privacy, docs.zammad.org API,
// SYSTEMS 3.2.
package zammad

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"io"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/desk"
	"github.com/gallra/gallra/connector/rest"
	"github.com/gallra/gallra/pii/ident"
)

// The types of record.
const (
	TypeCustomer   = "customer"
	TypeAgent      = "agent"
	TypeTicket     = "ticket"
	TypeArticle    = "article"
	TypeAttachment = "attachment"
)

func init() {
	connector.Register(connector.Info{
		Name: "zammad", Schemes: []string{"zammad"}, Title: "Zammad", Channel: connector.ChannelTicketing,
		Can: []connector.Capability{connector.CanFind, connector.CanErase, connector.CanConfirm, connector.CanAttachments,
			connector.CanLeftovers, connector.CanVerify},
		Finds: gallra.IdentifierKinds(),
		Options: append([]connector.Option{
			{Name: "token", Help: "option.zammad.token", Required: true, Secret: true},
			{Name: "erase_token", Help: "option.zammad.erase_token", Secret: true},
			{Name: "search", Help: "option.zammad.search"},
		}, rest.CommonOptions()...),
		Open: func(_ context.Context, c connector.Config) (connector.Source, error) { return open(c, nil) },
	})
}

//go:embed profile.yaml
var profile []byte

var known = connector.MustProfile(profile)

// Source is one Zammad.
type Source struct {
	known func(connector.Profile) connector.Profile
	desk.Desk
	via   rest.Pair
	clock rest.Clock
	all   bool // Find reads everything
	pages map[string]*desk.Pages
}

// open makes a source; tune, for tests, changes how the server is reached.
func open(c connector.Config, tune func(*rest.Options)) (*Source, error) {
	o, err := rest.FromConfig(c, "", rest.PerMinute(300))
	if err != nil {
		return nil, err
	}
	s := &Source{known: c.Known, pages: map[string]*desk.Pages{TypeTicket: {}, TypeCustomer: {}}}
	switch c.Option("search") {
	case "":
	case "all":
		s.all = true
	default:
		return nil, gallra.Errorf(gallra.Invalid, "connector.option_invalid", "option", "search")
	}
	o.Auth = token(c.Option("token"))
	if tune != nil {
		tune(&o)
	}
	s.System, s.V, s.clock = c.System, s, o.Clock
	if s.clock == nil {
		s.clock = rest.Wall{}
	}
	s.via, err = rest.NewPair(o, rest.Given(c.Option("erase_token"), token))
	return s, err
}

func token(t string) rest.Auth { return rest.Header("Authorization", "Token token="+t) }

// Close implements io.Closer.
func (s *Source) Close() error { return s.via.Close() }

// Profile implements connector.Profiled.
func (s *Source) Profile() connector.Profile { return s.known(known) }

// call makes one call below /api/v1.
func (s *Source) call(ctx context.Context, op, method string, q url.Values, body, out any, path ...string) (rest.Response, error) {
	p, err := rest.Join(append([]string{"api", "v1"}, path...)...)
	if err != nil {
		return rest.Response{}, gallra.Errorf(gallra.NotFound, "connector.record_not_found")
	}
	return s.via.Do(ctx, rest.Request{Op: op, Method: method, Path: p, Query: q, Body: body}, out)
}

func (s *Source) get(ctx context.Context, op string, q url.Values, out any, path ...string) error {
	_, err := s.call(ctx, op, "GET", q, nil, out, path...)
	return err
}

// Check implements connector.Source.
func (s *Source) Check(ctx context.Context) error {
	allowed := func(c *rest.Client, list, right string) error {
		var page []struct{}
		_, err := c.Do(ctx, rest.Request{Op: list + ".list", Path: "/api/v1/" + list, Query: url.Values{"per_page": {"1"}, "page": {"1"}}}, &page)
		if gallra.CodeOf(err) == gallra.Forbidden {
			return s.lacks(right)
		}
		return err
	}
	if err := allowed(s.via.Read, "tickets", "ticket.agent"); err != nil {
		return err
	}
	if err := allowed(s.via.Read, "users", "admin.user"); err != nil {
		return err
	}
	var me user
	if _, err := s.via.Write.Do(ctx, rest.Request{Op: "users.me", Path: "/api/v1/users/me", Query: expand}, &me); err != nil {
		return err
	}
	if me.ID == 0 || me.Roles == nil {
		return gallra.Errorf(gallra.Drift, "rest.shape", "system", string(s.System), "op", "users.me")
	}
	if !slices.Contains(me.Roles, "Admin") {
		return s.lacks("Admin")
	}
	return allowed(s.via.Write, "data_privacy_tasks", "admin.data_privacy")
}

// tasks reads the tasks for data privacy, or one of them: with the credentials
// that change, as the right to see them is the right to order them.
func (s *Source) tasks(ctx context.Context, op string, q url.Values, out any, path ...string) error {
	p, err := rest.Join(append([]string{"api", "v1", "data_privacy_tasks"}, path...)...)
	if err != nil {
		return gallra.Errorf(gallra.NotFound, "connector.record_not_found")
	}
	_, err = s.via.Write.Do(ctx, rest.Request{Op: "data_privacy_tasks." + op, Path: p, Query: q}, out)
	return err
}

func (s *Source) lacks(right string) error {
	return gallra.Errorf(gallra.Forbidden, "connector.scope_missing", "system", string(s.System), "scope", right)
}

// Types implements desk.Vendor.
func (s *Source) Types(ctx context.Context) ([]connector.Type, error) {
	who := func(name string, c gallra.Category) connector.FieldInfo {
		return connector.FieldInfo{Name: name, Category: c, Role: gallra.RoleRequester, Indexed: true}
	}
	text := func(name string) connector.FieldInfo { return connector.FieldInfo{Name: name, Text: true} }
	keep := func(name string) connector.FieldInfo { return connector.FieldInfo{Name: name, Keep: true} }
	person := []connector.FieldInfo{who("name", gallra.CategoryPerson), who("email", gallra.CategoryEmail), who("login", gallra.CategoryUsername),
		who("phone", gallra.CategoryPhone), who("mobile", gallra.CategoryPhone), who("fax", gallra.CategoryPhone),
		text("address"), text("web"), text("note"), keep("active")}
	address := func(name string, r gallra.Role) connector.FieldInfo {
		return connector.FieldInfo{Name: name, Category: gallra.CategoryEmail, Text: true, Role: r}
	}
	name := func(field string, r gallra.Role) connector.FieldInfo {
		return connector.FieldInfo{Name: field, Category: gallra.CategoryPerson, Role: r, ReadOnly: true}
	}
	all := []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated}
	return []connector.Type{
		{Name: TypeCustomer, Kind: connector.KindPerson, Fields: person, Starts: append(slices.Clone(all), gallra.StartLastContact)},
		{Name: TypeAgent, Kind: connector.KindAgent, Fields: person, Starts: append(slices.Clone(all), gallra.StartLastContact)},
		{Name: TypeTicket, Kind: connector.KindConversation, Starts: append(slices.Clone(all), gallra.StartLastContact, gallra.StartClosed), Fields: []connector.FieldInfo{
			{Name: "number"}, text("title"), text("note"), keep("group"), keep("state"), keep("priority"), keep("channel")}},
		{Name: TypeArticle, Kind: connector.KindMessage, Parent: TypeTicket, Starts: all, Fields: []connector.FieldInfo{
			address("from", gallra.RoleAuthor), name("from_name", gallra.RoleAuthor), address("to", gallra.RoleCC), name("to_name", gallra.RoleCC),
			address("cc", gallra.RoleCC), name("cc_name", gallra.RoleCC), address("reply_to", gallra.RoleAuthor), text("subject"),
			{Name: "body", Text: true, Format: connector.FormatHTML}, {Name: "plain_body", Text: true}, keep("type"), keep("sender"), keep("internal")}},
		{Name: TypeAttachment, Kind: connector.KindAttachment, Parent: TypeTicket, Starts: []gallra.StartEvent{gallra.StartCreated}, Fields: []connector.FieldInfo{
			text("filename"), {Name: "size"}}},
	}, ctx.Err()
}

var expand = url.Values{"expand": {"true"}}

type user struct {
	ID        int64     `json:"id"`
	Login     string    `json:"login"`
	First     string    `json:"firstname"`
	Last      string    `json:"lastname"`
	Email     string    `json:"email"`
	Phone     string    `json:"phone"`
	Mobile    string    `json:"mobile"`
	Fax       string    `json:"fax"`
	Web       string    `json:"web"`
	Street    string    `json:"street"`
	Zip       string    `json:"zip"`
	City      string    `json:"city"`
	Country   string    `json:"country"`
	Address   string    `json:"address"`
	Note      string    `json:"note"`
	Active    bool      `json:"active"`
	Roles     []string  `json:"roles"`
	LastLogin time.Time `json:"last_login"`
	Created   time.Time `json:"created_at"`
	Updated   time.Time `json:"updated_at"`
}

type ticket struct {
	ID       int64     `json:"id"`
	Number   string    `json:"number"`
	Title    string    `json:"title"`
	Note     string    `json:"note"`
	Group    string    `json:"group"`
	State    string    `json:"state"`
	Priority string    `json:"priority"`
	Channel  string    `json:"create_article_type"`
	Customer int64     `json:"customer_id"`
	Articles int64     `json:"article_count"`
	Created  time.Time `json:"created_at"`
	Updated  time.Time `json:"updated_at"`
	Contact  time.Time `json:"last_contact_at"`
	Closed   time.Time `json:"close_at"`
}

type article struct {
	ID          int64     `json:"id"`
	Ticket      int64     `json:"ticket_id"`
	From        string    `json:"from"`
	To          string    `json:"to"`
	CC          string    `json:"cc"`
	ReplyTo     string    `json:"reply_to"`
	Subject     string    `json:"subject"`
	Body        string    `json:"body"`
	ContentType string    `json:"content_type"`
	Type        string    `json:"type"`
	Sender      string    `json:"sender"`
	Internal    bool      `json:"internal"`
	Origin      int64     `json:"origin_by_id"`
	Author      int64     `json:"created_by_id"`
	Created     time.Time `json:"created_at"`
	Updated     time.Time `json:"updated_at"`
	Attachments []struct {
		ID       int64  `json:"id"`
		Filename string `json:"filename"`
		Size     string `json:"size"`
	} `json:"attachments"`
}

func (s *Source) ref(typ string, id ...int64) gallra.Ref {
	var parts []string
	for _, i := range id {
		parts = append(parts, strconv.FormatInt(i, 10))
	}
	return gallra.Ref{System: s.System, Type: typ, ID: desk.Child(parts[0], parts[1:]...)}
}

func version(t time.Time, more ...int64) string {
	v := t.UTC().Format("20060102150405.000000")
	for _, m := range more {
		v += "-" + strconv.FormatInt(m, 10)
	}
	return v
}

func (s *Source) userRecord(u user) gallra.Record {
	typ := TypeAgent
	if slices.Equal(u.Roles, []string{"Customer"}) {
		typ = TypeCustomer
	}
	address := strings.Join(slices.DeleteFunc([]string{u.Address, u.Street, u.Zip, u.City, u.Country}, func(v string) bool { return v == "" }), ", ")
	return gallra.Record{Ref: s.ref(typ, u.ID), Version: version(u.Updated), Created: u.Created, Updated: u.Updated, Contact: u.LastLogin,
		Fields: desk.Fields("name", strings.TrimSpace(u.First+" "+u.Last), "email", u.Email, "login", u.Login, "phone", u.Phone, "mobile", u.Mobile, "fax", u.Fax,
			"address", address, "web", u.Web, "note", u.Note, "active", strconv.FormatBool(u.Active))}
}

func (s *Source) ticketRecord(t ticket) gallra.Record {
	r := gallra.Record{Ref: s.ref(TypeTicket, t.ID), Version: version(t.Updated, t.Articles), Created: t.Created, Updated: t.Updated, Contact: t.Contact, Closed: t.Closed,
		Fields: desk.Fields("number", t.Number, "title", t.Title, "note", t.Note, "group", t.Group, "state", t.State, "priority", t.Priority, "channel", t.Channel)}
	if t.Customer > 1 { // 1 is the system's own user
		r.Person = s.ref(TypeCustomer, t.Customer)
	}
	return r
}

func (s *Source) drift(op string) error {
	return gallra.Errorf(gallra.Drift, "rest.shape", "system", string(s.System), "op", op)
}

// perPage is what is asked for; Zammad gives at most 100 tickets.
const perPage = "100"

// Walk implements desk.Vendor.
func (s *Source) Walk(ctx context.Context, typ, after string, limit int) (desk.Stretch, error) {
	if typ == TypeTicket {
		return s.pages[TypeTicket].Walk(ctx, after, limit, func(ctx context.Context, page int) ([]gallra.Record, error) {
			var ts []ticket
			if err := s.get(ctx, "tickets.list", url.Values{"expand": {"true"}, "per_page": {perPage}, "page": {strconv.Itoa(page)}}, &ts, "tickets"); err != nil {
				return nil, err
			}
			return s.tickets(ts, "tickets.list")
		})
	}
	// Customers and agents are one list: both are walked, and one kind kept.
	for {
		st, err := s.walkUsers(ctx, after, limit)
		if err != nil {
			return desk.Stretch{}, err
		}
		st.Records = slices.DeleteFunc(st.Records, func(r gallra.Record) bool { return r.Ref.Type != typ || r.Ref.ID == "1" })
		if after = st.Next; len(st.Records) > 0 || after == "" {
			return st, nil
		}
	}
}

func (s *Source) walkUsers(ctx context.Context, after string, limit int) (desk.Stretch, error) {
	return s.pages[TypeCustomer].Walk(ctx, after, limit, func(ctx context.Context, page int) ([]gallra.Record, error) {
		var us []user
		if err := s.get(ctx, "users.list", url.Values{"expand": {"true"}, "per_page": {perPage}, "page": {strconv.Itoa(page)}}, &us, "users"); err != nil {
			return nil, err
		}
		return s.users(us, "users.list")
	})
}

func (s *Source) tickets(ts []ticket, op string) ([]gallra.Record, error) {
	if ts == nil {
		return nil, s.drift(op)
	}
	var out []gallra.Record
	for _, t := range ts {
		if t.ID == 0 || t.Updated.IsZero() {
			return nil, s.drift(op)
		}
		out = append(out, s.ticketRecord(t))
	}
	return out, nil
}

func (s *Source) users(us []user, op string) ([]gallra.Record, error) {
	if us == nil {
		return nil, s.drift(op)
	}
	var out []gallra.Record
	for _, u := range us {
		if u.ID == 0 || u.Updated.IsZero() {
			return nil, s.drift(op)
		}
		out = append(out, s.userRecord(u))
	}
	return out, nil
}

// Place implements desk.Vendor.
func (s *Source) Place(conversation gallra.Record) string {
	return s.pages[TypeTicket].Place(conversation)
}

// Root implements desk.Vendor.
func (s *Source) Root(ctx context.Context, ref gallra.Ref) (gallra.Record, error) {
	if _, ok := desk.Number(ref.ID); !ok {
		return gallra.Record{}, desk.Gone(ref)
	}
	if ref.Type == TypeTicket {
		var t ticket
		if err := s.get(ctx, "tickets.get", expand, &t, "tickets", ref.ID); err != nil {
			return gallra.Record{}, err
		}
		if strconv.FormatInt(t.ID, 10) != ref.ID {
			return gallra.Record{}, s.drift("tickets.get")
		}
		return s.ticketRecord(t), nil
	}
	var u user
	if err := s.get(ctx, "users.get", expand, &u, "users", ref.ID); err != nil {
		return gallra.Record{}, err
	}
	if strconv.FormatInt(u.ID, 10) != ref.ID || u.Roles == nil {
		return gallra.Record{}, s.drift("users.get")
	}
	return s.userRecord(u), nil
}

// Thread implements desk.Vendor.
func (s *Source) Thread(ctx context.Context, conv gallra.Record) (desk.Thread, error) {
	id, _ := desk.Number(conv.Ref.ID)
	var as []article
	if err := s.get(ctx, "articles.list", expand, &as, "ticket_articles", "by_ticket", conv.Ref.ID); err != nil {
		return desk.Thread{}, err
	}
	if as == nil {
		return desk.Thread{}, s.drift("articles.list")
	}
	var out desk.Thread
	for _, a := range as {
		if a.ID == 0 || a.Ticket != id {
			return desk.Thread{}, s.drift("articles.list")
		}
		r := gallra.Record{Ref: s.ref(TypeArticle, id, a.ID), Version: version(a.Updated), Parent: conv.Ref, Created: a.Created, Updated: a.Updated, Contact: a.Created,
			Fields: desk.Fields("from", a.From, "from_name", names(a.From), "to", a.To, "to_name", names(a.To), "cc", a.CC, "cc_name", names(a.CC), "reply_to", a.ReplyTo, "subject", a.Subject)}
		if strings.HasPrefix(a.ContentType, "text/html") {
			r.Fields = append(r.Fields, desk.Fields("body", a.Body)...)
		} else {
			r.Fields = append(r.Fields, desk.Fields("plain_body", a.Body)...)
		}
		r.Fields = append(r.Fields, desk.Fields("type", a.Type, "sender", a.Sender, "internal", strconv.FormatBool(a.Internal))...)
		if by := cmp.Or(a.Origin, a.Author); a.Sender == "Customer" && by > 1 {
			r.Person = s.ref(TypeCustomer, by)
		}
		out.Records = append(out.Records, r)
		for _, f := range a.Attachments {
			out.Records = append(out.Records, gallra.Record{Ref: s.ref(TypeAttachment, id, a.ID, f.ID), Version: version(a.Updated, f.ID), Parent: conv.Ref, Created: a.Created, Updated: a.Updated,
				Fields: desk.Fields("filename", f.Filename, "size", f.Size)})
		}
	}
	return out, nil
}

// names returns the names in a line of addresses.
func names(line string) string {
	list, err := mail.ParseAddressList(line)
	if err != nil {
		return "" // whatever it is, the line itself is searched as text
	}
	var out []string
	for _, a := range list {
		if a.Name != "" {
			out = append(out, a.Name)
		}
	}
	return strings.Join(out, ", ")
}

// Search implements desk.Vendor: every written form is asked for among persons
// and tickets; then the tickets of the last day, which the index
// may not know yet.
func (s *Source) Search(ctx context.Context, n connector.Needles, at string) (desk.Candidates, error) {
	if s.all {
		return desk.Scan(ctx, s, []string{TypeCustomer, TypeAgent, TypeTicket}, at)
	}
	forms := queries(n.Identifiers)
	// One question is asked at a time, in two kinds, page by page.
	step, page, before := 0, 1, ""
	if at != "" {
		c := strings.Split(at, ".")
		var err, err2 error
		if len(c) == 3 {
			step, err = strconv.Atoi(c[0])
			page, err2 = strconv.Atoi(c[1])
			before = c[2]
		}
		if len(c) != 3 || err != nil || err2 != nil || step < 0 || step > 2*len(forms) || page < 1 {
			return desk.Candidates{}, gallra.Errorf(gallra.Invalid, "connector.bad_cursor")
		}
	}
	var out desk.Candidates
	if at == "" {
		for _, id := range n.Identifiers { // the account itself needs no search
			if _, ok := desk.Number(id.Value); ok && id.Kind == gallra.IdentAccount && (id.System == "" || id.System == s.System) {
				r, err := s.Root(ctx, gallra.Ref{System: s.System, Type: TypeCustomer, ID: id.Value})
				if err == nil {
					out.Refs = append(out.Refs, r.Ref)
				} else if gallra.CodeOf(err) != gallra.NotFound {
					return out, err
				}
			}
		}
	}
	rs, more, err := s.look(ctx, forms, step, page)
	if err != nil {
		return out, err
	}
	for _, r := range rs {
		out.Refs = append(out.Refs, r.Ref)
	}
	switch {
	case more && rs[0].Ref.ID == before:
		return desk.Candidates{}, gallra.Errorf(gallra.Unavailable, "desk.page_repeats")
	case more:
		out.Next = strconv.Itoa(step) + "." + strconv.Itoa(page+1) + "." + rs[0].Ref.ID
	case step < 2*len(forms):
		out.Next = strconv.Itoa(step+1) + ".1."
	}
	return out, nil
}

// look makes one step of a search.
func (s *Source) look(ctx context.Context, forms []string, step, page int) (rs []gallra.Record, more bool, err error) {
	q := url.Values{"expand": {"true"}, "per_page": {perPage}, "page": {strconv.Itoa(page)}}
	switch {
	case step == 2*len(forms):
		rs, err = s.where(ctx, map[string]any{"ticket.updated_at": map[string]any{"operator": "within last (relative)", "value": "24", "range": "hour"}}, page)
	case step%2 == 0:
		q.Set("query", forms[step/2])
		var us []user
		if err = s.get(ctx, "users.search", q, &us, "users", "search"); err == nil {
			rs, err = s.users(us, "users.search")
		}
	default:
		q.Set("query", forms[step/2])
		var ts []ticket
		if err = s.get(ctx, "tickets.search", q, &ts, "tickets", "search"); err == nil {
			rs, err = s.tickets(ts, "tickets.search")
		}
	}
	return rs, len(rs) > 0, err
}

// formsInOne is how many written forms one question holds.
const formsInOne = 20

// queries writes the forms of the identifiers in the language of Elasticsearch:
// phrases, and for a name, whose parts stand in fields of their own, words.
func queries(ids []gallra.Identifier) []string {
	var terms []string
	for _, id := range ids {
		if id.Kind == gallra.IdentAccount {
			continue
		}
		for _, f := range ident.Forms(id) {
			words := []string{f}
			if id.Kind == gallra.IdentName {
				words = strings.Fields(f)
			}
			for i, w := range words {
				words[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(w) + `"`
			}
			terms = append(terms, "("+strings.Join(words, " AND ")+")")
		}
	}
	slices.Sort(terms)
	var out []string
	for chunk := range slices.Chunk(slices.Compact(terms), formsInOne) {
		out = append(out, strings.Join(chunk, " OR "))
	}
	return out
}

// where returns a page of the tickets that meet a condition. It is answered from
// the database, not from the index.
func (s *Source) where(ctx context.Context, condition map[string]any, page int) ([]gallra.Record, error) {
	p, err := rest.Join("api", "v1", "tickets", "search")
	if err != nil {
		return nil, err
	}
	n, _ := strconv.Atoi(perPage)
	var ts []ticket
	if _, err := s.via.Read.Do(ctx, rest.Request{Op: "tickets.condition", Method: "POST", Path: p, Repeat: true,
		Body: map[string]any{"condition": condition, "expand": true, "per_page": n, "page": page}}, &ts); err != nil {
		return nil, err
	}
	return s.tickets(ts, "tickets.condition")
}

// Cases implements desk.Vendor.
func (s *Source) Cases(ctx context.Context, person gallra.Ref) ([]gallra.Ref, error) {
	var out []gallra.Ref
	for page := 1; ; page++ {
		rs, err := s.where(ctx, map[string]any{"ticket.customer_id": map[string]any{"operator": "is", "pre_condition": "specific", "value": []string{person.ID}}}, page)
		if err != nil || len(rs) == 0 {
			return out, err
		}
		for _, r := range rs {
			if slices.Contains(out, r.Ref) {
				return nil, gallra.Errorf(gallra.Unavailable, "desk.page_repeats")
			}
			out = append(out, r.Ref)
		}
	}
}

// Content implements desk.Vendor.
func (s *Source) Content(ctx context.Context, file gallra.Ref) ([]byte, error) {
	parts := desk.Parts(file.ID)
	if len(parts) != 3 || file.Type != TypeAttachment {
		return nil, desk.Gone(file)
	}
	return s.bytes(ctx, "attachments.get", append([]string{"ticket_attachment"}, parts...)...)
}

func (s *Source) bytes(ctx context.Context, op string, path ...string) ([]byte, error) {
	p, err := rest.Join(append([]string{"api", "v1"}, path...)...)
	if err != nil {
		return nil, gallra.Errorf(gallra.NotFound, "connector.record_not_found")
	}
	return s.via.Read.Bytes(ctx, op, p)
}

// Open implements connector.Attachments.
func (s *Source) Open(ctx context.Context, ref gallra.Ref) (io.ReadCloser, error) {
	if ref.Type != TypeAttachment || ref.System != "" && ref.System != s.System {
		return nil, desk.Gone(ref)
	}
	b, err := s.Content(ctx, ref)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

// Traces implements desk.Vendor: a ticket's history and the mails as they came;
// and the list of tasks for data privacy, which keeps names half hidden.
func (s *Source) Traces(ctx context.Context, conv gallra.Record) ([]desk.Trace, error) {
	var out []desk.Trace
	if conv.Ref.IsZero() {
		for page := 1; page < 1000; page++ {
			var tasks []struct {
				ID          int64 `json:"id"`
				Preferences any   `json:"preferences"`
			}
			if err := s.tasks(ctx, "list", url.Values{"per_page": {perPage}, "page": {strconv.Itoa(page)}}, &tasks); err != nil {
				return nil, err
			}
			if tasks == nil {
				return nil, s.drift("data_privacy_tasks.list")
			}
			if len(tasks) == 0 {
				break
			}
			for _, t := range tasks {
				out = append(out, desk.Trace{Ref: s.ref("data_privacy_task", t.ID), Where: "data_privacy_tasks.preferences", Text: flat(t.Preferences)})
			}
		}
		return out, nil
	}
	var history struct {
		History []map[string]any `json:"history"`
	}
	if err := s.get(ctx, "history.get", nil, &history, "ticket_history", conv.Ref.ID); err != nil {
		return nil, err
	}
	if history.History == nil {
		return nil, s.drift("history.get")
	}
	for _, h := range history.History {
		out = append(out, desk.Trace{Ref: conv.Ref, Where: "histories.value", Text: flat(h["value_from"]) + "\n" + flat(h["value_to"])})
	}
	th, err := s.Thread(ctx, conv)
	if err != nil {
		return nil, err
	}
	for _, r := range th.Records {
		if kind, _ := r.Field("type"); kind != "email" {
			continue
		}
		raw, err := s.bytes(ctx, "articles.plain", "ticket_article_plain", desk.Parts(r.Ref.ID)[1])
		if gallra.CodeOf(err) == gallra.NotFound {
			continue // written here, not received
		}
		if err != nil {
			return nil, err
		}
		out = append(out, desk.Trace{Ref: r.Ref, Where: "ticket_article_plain", Text: readMail(raw)})
	}
	return out, nil
}
