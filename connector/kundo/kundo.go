// Package kundo connects Kundo through its interface for ticket data:
// "kundo://api.kundo.app?token=…". It can only read. Erasing and handing out go
// by a letter to Kundo, whose form stands in the profile; after that the
// leftovers search tells what is still there.
//
// The interface gives the id of a record alone unless each field is asked for,
// and drops names it does not know without a word: every answer is tried for
// the fields that were asked for. Messages have no id of their own and are
// counted, oldest first. What cannot be read (chats, a rating that Kundo answers
// with a fault) is said.
//
// Sources: Kundo's guide to its API for ärende-data, SYSTEMS 3.1.
package kundo

import (
	"context"
	_ "embed"
	"encoding/json"
	"net/url"
	"regexp"
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

// The types of record.
const (
	TypeContact = "contact"
	TypeUser    = "user"
	TypeTicket  = "ticket"
	TypeMessage = "message"
	TypeRating  = "rating"
)

func init() {
	connector.Register(connector.Info{
		Name: "kundo", Schemes: []string{"kundo"}, Title: "Kundo (read only)", Channel: connector.ChannelTicketing,
		Can:   []connector.Capability{connector.CanFind, connector.CanLeftovers},
		Finds: gallra.IdentifierKinds(),
		Options: append([]connector.Option{
			{Name: "token", Help: "option.kundo.token", Required: true, Secret: true},
		}, rest.CommonOptions()...),
		Open: func(_ context.Context, c connector.Config) (connector.Source, error) { return open(c, nil) },
	})
}

//go:embed profile.yaml
var profile []byte

var known = connector.MustProfile(profile)

// Source is one organisation in Kundo.
type Source struct {
	known func(connector.Profile) connector.Profile
	desk.Desk
	client, once *rest.Client // once does not repeat: for what Kundo answers with a fault

	mu  sync.Mutex
	ids map[string][]string // of persons, as last read in full
}

func open(c connector.Config, tune func(*rest.Options)) (*Source, error) {
	o, err := rest.FromConfig(c, "", rest.PerMinute(120))
	if err != nil {
		return nil, err
	}
	o.Auth = rest.Header("Token", c.Option("token"))
	o.Account = c.Option("token")
	if tune != nil {
		tune(&o)
	}
	s := &Source{known: c.Known, ids: map[string][]string{}}
	s.System, s.V = c.System, s
	if s.client, err = rest.New(o); err != nil {
		return nil, err
	}
	o.Attempts = 1
	s.once, err = rest.New(o)
	return s, err
}

// Close implements io.Closer.
func (s *Source) Close() error { _ = s.once.Close(); return s.client.Close() }

// Profile implements connector.Profiled.
func (s *Source) Profile() connector.Profile { return s.known(known) }

func (s *Source) drift(op string) error {
	return gallra.Errorf(gallra.Drift, "rest.shape", "system", string(s.System), "op", op)
}

// Check implements connector.Source.
func (s *Source) Check(ctx context.Context) error {
	var me struct {
		Organisation string `json:"organization_id"`
	}
	if _, err := s.client.Do(ctx, rest.Request{Op: "me", Path: "/v1/me"}, &me); err != nil {
		return err
	}
	if me.Organisation == "" {
		return s.drift("me")
	}
	_, _, err := s.list(ctx, "tickets.list", "/v1/tickets", ticketFields, url.Values{"limit": {"1"}})
	return err
}

// Types implements desk.Vendor.
func (s *Source) Types(ctx context.Context) ([]connector.Type, error) {
	text := func(name string) connector.FieldInfo { return connector.FieldInfo{Name: name, Text: true} }
	keep := func(name string) connector.FieldInfo { return connector.FieldInfo{Name: name, Keep: true} }
	person := []connector.FieldInfo{{Name: "name", Category: gallra.CategoryPerson, Role: gallra.RoleRequester}, {Name: "email", Category: gallra.CategoryEmail, Role: gallra.RoleRequester}}
	created := []gallra.StartEvent{gallra.StartCreated}
	return []connector.Type{
		{Name: TypeContact, Kind: connector.KindPerson, Fields: person},
		{Name: TypeUser, Kind: connector.KindAgent, Fields: person},
		{Name: TypeTicket, Kind: connector.KindConversation, Starts: created, Fields: []connector.FieldInfo{text("title"), text("tags"), keep("status"), keep("channel"), keep("incoming")}},
		{Name: TypeMessage, Kind: connector.KindMessage, Parent: TypeTicket, Starts: created, Fields: []connector.FieldInfo{
			{Name: "content", Text: true, Format: connector.FormatHTML}, keep("direction")}},
		{Name: TypeRating, Kind: connector.KindRow, Parent: TypeTicket, Fields: []connector.FieldInfo{text("comment"), keep("rating")}},
	}, ctx.Err()
}

type object map[string]json.RawMessage

// text returns a field as text; "" for null.
func (o object) text(name string) string {
	var v any
	if json.Unmarshal(o[name], &v) != nil || v == nil {
		return ""
	}
	if t, ok := v.(string); ok {
		return t
	}
	return string(o[name])
}

func (o object) list(name string) []string {
	var v []string
	_ = json.Unmarshal(o[name], &v) // null, or another shape that text then shows
	return v
}

func (o object) time(name string) (time.Time, error) {
	return time.Parse(time.RFC3339Nano, o.text(name))
}

var (
	ticketFields  = []string{"id", "created_at", "channel", "title", "status", "incoming", "tags", "contacts", "num_messages"}
	personFields  = []string{"id", "name", "email"}
	messageFields = []string{"created_at", "editor_id", "contact_id", "content"}
	eventFields   = []string{"event_type", "event_data", "created_at"}
)

// list reads a page; an answer without a field that was asked for is drift.
func (s *Source) list(ctx context.Context, op, path string, fields []string, q url.Values) (data []object, count int, err error) {
	q.Set("fields", strings.Join(fields, ","))
	var p struct {
		Count *int     `json:"count"`
		Data  []object `json:"data"`
	}
	if _, err := s.client.Do(ctx, rest.Request{Op: op, Path: path, Query: q}, &p); err != nil {
		return nil, 0, err
	}
	if p.Count == nil || p.Data == nil {
		return nil, 0, s.drift(op)
	}
	for _, o := range p.Data {
		for _, f := range fields {
			if _, ok := o[f]; !ok {
				return nil, 0, gallra.Errorf(gallra.Drift, "kundo.field_missing", "op", op, "field", f)
			}
		}
	}
	return p.Data, *p.Count, nil
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func (s *Source) personRecord(typ string, o object) gallra.Record {
	return gallra.Record{Ref: gallra.Ref{System: s.System, Type: typ, ID: o.text("id")}, Version: desk.Digest(o.text("name"), o.text("email")),
		Fields: []gallra.Field{{Name: "name", Value: o.text("name")}, {Name: "email", Value: o.text("email")}}}
}

func (s *Source) ticketRecord(o object) (gallra.Record, error) {
	at, err := o.time("created_at")
	if err != nil || !uuid.MatchString(o.text("id")) {
		return gallra.Record{}, s.drift("tickets.list")
	}
	var channel struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(o["channel"], &channel) != nil {
		return gallra.Record{}, s.drift("tickets.list")
	}
	r := gallra.Record{Ref: gallra.Ref{System: s.System, Type: TypeTicket, ID: o.text("id")}, Created: at,
		Version: desk.Digest(o.text("title"), o.text("status"), o.text("num_messages"), string(o["tags"]), string(o["contacts"])),
		Fields: []gallra.Field{{Name: "title", Value: o.text("title")}, {Name: "tags", Value: strings.Join(o.list("tags"), ", ")}, {Name: "status", Value: o.text("status")},
			{Name: "channel", Value: channel.Type}, {Name: "incoming", Value: o.text("incoming")}}}
	if c := o.list("contacts"); len(c) > 0 && uuid.MatchString(c[0]) {
		r.Person = gallra.Ref{System: s.System, Type: TypeContact, ID: c[0]}
	}
	return r, nil
}

func pathOf(typ string) string {
	return map[string]string{TypeContact: "/v1/contacts", TypeUser: "/v1/users"}[typ]
}

// everyone reads the ids of all persons of a type until they are as many as
// Kundo counts: it lists by name, and names come and go.
func (s *Source) everyone(ctx context.Context, typ string) ([]string, error) {
	found := map[string]bool{}
	for range 6 {
		total := 0
		for offset := 0; ; {
			data, count, err := s.list(ctx, typ+".list", pathOf(typ), personFields, url.Values{"limit": {"500"}, "offset": {strconv.Itoa(offset)}})
			if err != nil {
				return nil, err
			}
			for _, o := range data {
				if !uuid.MatchString(o.text("id")) {
					return nil, s.drift(typ + ".list")
				}
				found[o.text("id")] = true
			}
			total = count
			if offset += len(data); len(data) == 0 {
				break
			}
		}
		if len(found) >= total {
			out := make([]string, 0, len(found))
			for id := range found {
				out = append(out, id)
			}
			slices.Sort(out)
			s.mu.Lock()
			s.ids[typ] = out
			s.mu.Unlock()
			return out, nil
		}
	}
	return nil, gallra.Errorf(gallra.Unavailable, "desk.page_repeats")
}

// Walk implements desk.Vendor.
func (s *Source) Walk(ctx context.Context, typ, after string, limit int) (desk.Stretch, error) {
	if typ == TypeTicket {
		return s.walkTickets(ctx, after, limit)
	}
	if after != "" && !uuid.MatchString(after) {
		return desk.Stretch{}, gallra.Errorf(gallra.Invalid, "connector.bad_cursor")
	}
	s.mu.Lock()
	ids, have := s.ids[typ]
	s.mu.Unlock()
	if after == "" || !have {
		var err error
		if ids, err = s.everyone(ctx, typ); err != nil {
			return desk.Stretch{}, err
		}
	}
	i, exact := slices.BinarySearch(ids, after)
	if exact {
		i++
	}
	var out desk.Stretch
	for ; i < len(ids) && len(out.Records) < limit; i++ {
		r, err := s.Root(ctx, gallra.Ref{System: s.System, Type: typ, ID: ids[i]})
		if err == nil {
			out.Records = append(out.Records, r)
		} else if gallra.CodeOf(err) != gallra.NotFound {
			return desk.Stretch{}, err
		}
	}
	if i < len(ids) {
		out.Next = ids[i-1]
	}
	return out, nil
}

// walkTickets goes by the time tickets were made, and by id among those of one
// moment: offsets would miss tickets when Kundo erases others meanwhile.
func (s *Source) walkTickets(ctx context.Context, after string, limit int) (desk.Stretch, error) {
	from, last, _ := strings.Cut(after, "~")
	if after != "" {
		if _, err := time.Parse(time.RFC3339Nano, from); err != nil || !uuid.MatchString(last) {
			return desk.Stretch{}, gallra.Errorf(gallra.Invalid, "connector.bad_cursor")
		}
	}
	var found []gallra.Record
	take := func(data []object) error {
		for _, o := range data {
			r, err := s.ticketRecord(o)
			if err != nil {
				return err
			}
			if !slices.ContainsFunc(found, func(x gallra.Record) bool { return x.Ref == r.Ref }) && (after == "" || s.Place(r) > after) {
				found = append(found, r)
			}
		}
		return nil
	}
	more := true
	for len(found) <= limit && more {
		q := url.Values{"sort": {"created_at"}, "limit": {strconv.Itoa(min(limit+2, 500))}}
		if from != "" {
			q.Set("created_gte", from)
		}
		data, count, err := s.list(ctx, "tickets.list", "/v1/tickets", ticketFields, q)
		if err == nil {
			err = take(data)
		}
		if err != nil {
			return desk.Stretch{}, err
		}
		if more = len(data) < count; !more {
			break
		}
		if len(data) == 0 {
			return desk.Stretch{}, gallra.Errorf(gallra.Unavailable, "desk.page_repeats")
		}
		// On from the last of the page: all of its moment, so that their order is known.
		last, err := data[len(data)-1].time("created_at")
		if err == nil {
			err = s.moment(ctx, last, take)
		}
		if err != nil {
			return desk.Stretch{}, err
		}
		from = last.Add(time.Microsecond).UTC().Format(time.RFC3339Nano)
	}
	slices.SortFunc(found, func(a, b gallra.Record) int { return strings.Compare(s.Place(a), s.Place(b)) })
	out := desk.Stretch{Records: found[:min(limit, len(found))]}
	if more || len(found) > limit {
		out.Next = s.Place(out.Records[len(out.Records)-1])
	}
	return out, nil
}

// moment reads all tickets that were made in one moment.
func (s *Source) moment(ctx context.Context, at time.Time, take func([]object) error) error {
	when := at.UTC().Format(time.RFC3339Nano)
	before := ""
	for offset, count := 0, 1; offset < count; {
		q := url.Values{"sort": {"created_at"}, "created_gte": {when}, "created_lte": {when}, "limit": {"500"}, "offset": {strconv.Itoa(offset)}}
		data, n, err := s.list(ctx, "tickets.moment", "/v1/tickets", ticketFields, q)
		if err != nil {
			return err
		}
		if len(data) == 0 && n > 0 || len(data) > 0 && data[0].text("id") == before {
			return gallra.Errorf(gallra.Unavailable, "desk.page_repeats")
		}
		if len(data) > 0 {
			before = data[0].text("id")
		}
		if err := take(data); err != nil {
			return err
		}
		offset, count = offset+len(data), n
	}
	return nil
}

// Place implements desk.Vendor. Its text sorts as the tickets do.
func (s *Source) Place(conversation gallra.Record) string {
	return conversation.Created.UTC().Format("2006-01-02T15:04:05.000000Z") + "~" + conversation.Ref.ID
}

// Root implements desk.Vendor.
func (s *Source) Root(ctx context.Context, ref gallra.Ref) (gallra.Record, error) {
	if !uuid.MatchString(ref.ID) {
		return gallra.Record{}, desk.Gone(ref)
	}
	path, fields, op := pathOf(ref.Type), personFields, ref.Type+".get"
	if ref.Type == TypeTicket {
		path, fields = "/v1/tickets", ticketFields
	}
	data, _, err := s.list(ctx, op, path, fields, url.Values{"ids": {ref.ID}})
	if err != nil {
		return gallra.Record{}, err
	}
	for _, o := range data {
		if o.text("id") != ref.ID {
			continue
		}
		if ref.Type == TypeTicket {
			return s.ticketRecord(o)
		}
		return s.personRecord(ref.Type, o), nil
	}
	return gallra.Record{}, desk.Gone(ref)
}

// Thread implements desk.Vendor.
func (s *Source) Thread(ctx context.Context, conv gallra.Record) (desk.Thread, error) {
	var out desk.Thread
	if kind, _ := conv.Field("channel"); kind != "email" {
		out.Skipped = append(out.Skipped, connector.Problem{Ref: conv.Ref, Where: "messages", Reason: "kundo.no_messages"})
	} else {
		ms, err := s.all(ctx, "messages.list", "/v1/tickets/"+conv.Ref.ID+"/messages/email", messageFields, 50)
		if err != nil {
			return desk.Thread{}, err
		}
		for i, o := range ms {
			at, err := o.time("created_at")
			if err != nil {
				return desk.Thread{}, s.drift("messages.list")
			}
			r := gallra.Record{Ref: gallra.Ref{System: s.System, Type: TypeMessage, ID: desk.Child(conv.Ref.ID, strconv.Itoa(i+1))}, Parent: conv.Ref, Created: at, Contact: at, Version: desk.Digest(o.text("content"))}
			direction := "out"
			if id := o.text("contact_id"); uuid.MatchString(id) {
				direction, r.Person = "in", gallra.Ref{System: s.System, Type: TypeContact, ID: id}
			}
			r.Fields = []gallra.Field{{Name: "content", Value: o.text("content")}, {Name: "direction", Value: direction}}
			out.Records = append(out.Records, r)
		}
	}
	// The rating in a call of its own: Kundo answers some with a fault.
	var t struct {
		Data struct {
			CSAT *struct {
				Rating  *int    `json:"rating"`
				Comment *string `json:"comment"`
			} `json:"csat"`
		} `json:"data"`
	}
	_, err := s.once.Do(ctx, rest.Request{Op: "csat.get", Path: "/v1/tickets/" + conv.Ref.ID, Query: url.Values{"fields": {"csat"}}}, &t)
	switch gallra.CodeOf(err) {
	case "":
	case gallra.Unavailable:
		if ctx.Err() != nil {
			return desk.Thread{}, ctx.Err()
		}
		out.Skipped = append(out.Skipped, connector.Problem{Ref: conv.Ref, Where: "csat", Reason: "kundo.rating_unread"})
	default:
		return desk.Thread{}, err
	}
	if c := t.Data.CSAT; err == nil && c != nil && (c.Rating != nil || c.Comment != nil) {
		r := gallra.Record{Ref: gallra.Ref{System: s.System, Type: TypeRating, ID: desk.Child(conv.Ref.ID, "csat")}, Parent: conv.Ref}
		rating, comment := "", ""
		if c.Rating != nil {
			rating = strconv.Itoa(*c.Rating)
		}
		if c.Comment != nil {
			comment = *c.Comment
		}
		r.Version, r.Fields = desk.Digest(rating, comment), []gallra.Field{{Name: "comment", Value: comment}, {Name: "rating", Value: rating}}
		out.Records = append(out.Records, r)
	}
	return out, nil
}

// all reads a list that only grows at its end.
func (s *Source) all(ctx context.Context, op, path string, fields []string, size int) ([]object, error) {
	var out []object
	for before := ""; ; {
		data, count, err := s.list(ctx, op, path, fields, url.Values{"limit": {strconv.Itoa(size)}, "offset": {strconv.Itoa(len(out))}})
		if err != nil {
			return nil, err
		}
		if len(data) > 0 {
			b, err := json.Marshal(data)
			if err != nil || string(b) == before {
				return nil, gallra.Errorf(gallra.Unavailable, "desk.page_repeats")
			}
			before = string(b)
		}
		out = append(out, data...)
		switch {
		case len(out) >= count:
			return out, nil
		case len(data) == 0:
			return nil, gallra.Errorf(gallra.Unavailable, "desk.page_repeats")
		}
	}
}

// Search implements desk.Vendor: Kundo has no search, so persons are compared
// here, and in text every ticket is read.
func (s *Source) Search(ctx context.Context, n connector.Needles, at string) (desk.Candidates, error) {
	types := []string{TypeContact, TypeUser}
	if n.Depth == connector.InText {
		types = append(types, TypeTicket)
	}
	return desk.Scan(ctx, s, types, at)
}

// Cases implements desk.Vendor: the tickets that name the contact.
func (s *Source) Cases(ctx context.Context, person gallra.Ref) ([]gallra.Ref, error) {
	var out []gallra.Ref
	for after := ""; ; {
		data, err := s.walkTickets(ctx, after, 400)
		if err != nil {
			return nil, err
		}
		for _, r := range data.Records {
			if r.Person == person {
				out = append(out, r.Ref)
			}
		}
		if after = data.Next; after == "" {
			return out, nil
		}
	}
}

// Content implements desk.Vendor. Kundo hands out no files.
func (s *Source) Content(_ context.Context, file gallra.Ref) ([]byte, error) {
	return nil, desk.Gone(file)
}

// Traces implements desk.Vendor: the events of a ticket, which name addresses
// that mails were forwarded to.
func (s *Source) Traces(ctx context.Context, conv gallra.Record) ([]desk.Trace, error) {
	if conv.Ref.IsZero() {
		return nil, nil
	}
	es, err := s.all(ctx, "events.list", "/v1/tickets/"+conv.Ref.ID+"/events", eventFields, 500)
	var out []desk.Trace
	for _, e := range es {
		out = append(out, desk.Trace{Ref: conv.Ref, Where: "events", Text: e.text("event_data")})
	}
	return out, err
}
