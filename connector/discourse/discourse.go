// Package discourse connects Discourse through its API:
// "discourse://forum.kommun.se?user=gallra&token=…".
//
// A post goes in two steps: a first deletion hides it, and a second, at least
// five minutes later and with force_destroy, erases it. Erase takes the first,
// Confirm the second when the time has come; the receipt is not final before. A
// topic goes post by post, the first last. An account without posts is removed;
// one with posts is anonymised by Discourse, whose posts then stay under a name
// that says nothing, and are thinned out by themselves. No address is put on
// Discourse's block lists.
//
// An edit writes the new text and erases the revisions that hold the old. Posts
// that came by mail are not edited: the mail itself would stay.
//
// Topics are read by their numbers, because Discourse's lists change while they
// are read and leave out private messages.
//
// Sources: Discourse's OpenAPI description, SYSTEMS 3.4.
package discourse

import (
	"context"
	_ "embed"
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
	"github.com/gallra/gallra/pii/ident"
)

// The types of record.
const (
	TypeUser  = "user"
	TypeStaff = "staff"
	TypeTopic = "topic"
	TypePost  = "post"
)

func init() {
	connector.Register(connector.Info{
		Name: "discourse", Schemes: []string{"discourse"}, Title: "Discourse", Channel: connector.ChannelForum,
		Can: []connector.Capability{connector.CanFind, connector.CanErase, connector.CanEdit, connector.CanConfirm,
			connector.CanLeftovers, connector.CanVerify},
		Finds: gallra.IdentifierKinds(),
		Options: append([]connector.Option{
			{Name: "user", Help: "option.discourse.user", Required: true},
			{Name: "token", Help: "option.discourse.token", Required: true, Secret: true},
			{Name: "erase_token", Help: "option.discourse.erase_token", Secret: true},
			{Name: "search", Help: "option.discourse.search"},
		}, rest.CommonOptions()...),
		Open: func(_ context.Context, c connector.Config) (connector.Source, error) { return open(c, nil) },
	})
}

//go:embed profile.yaml
var profile []byte

var known = connector.MustProfile(profile)

// wait is what Discourse demands between the two deletions, and a little more
// for clocks that differ.
const wait = 5*time.Minute + 10*time.Second

// Source is one forum.
type Source struct {
	known func(connector.Profile) connector.Profile
	desk.Desk
	via    rest.Pair
	clock  rest.Clock
	header map[string]string
	index  bool

	mu    sync.Mutex
	users []int64 // as last read in full
}

func open(c connector.Config, tune func(*rest.Options)) (*Source, error) {
	o, err := rest.FromConfig(c, "", rest.PerMinute(60))
	if err != nil {
		return nil, err
	}
	s := &Source{known: c.Known, header: map[string]string{"Api-Username": c.Option("user")}}
	switch c.Option("search") {
	case "", "all":
	case "index":
		s.index = true
	default:
		return nil, gallra.Errorf(gallra.Invalid, "connector.option_invalid", "option", "search")
	}
	o.Auth = key(c.Option("token"))
	if tune != nil {
		tune(&o)
	}
	s.System, s.V, s.clock = c.System, s, o.Clock
	if s.clock == nil {
		s.clock = rest.Wall{}
	}
	s.via, err = rest.NewPair(o, rest.Given(c.Option("erase_token"), key))
	return s, err
}

func key(k string) rest.Auth { return rest.Header("Api-Key", k) }

// Close implements io.Closer.
func (s *Source) Close() error { return s.via.Close() }

// Profile implements connector.Profiled.
func (s *Source) Profile() connector.Profile { return s.known(known) }

func (s *Source) call(ctx context.Context, op, method string, q url.Values, body, out any, path string) (rest.Response, error) {
	return s.via.Do(ctx, rest.Request{Op: op, Method: method, Path: path, Query: q, Body: body, Header: s.header, Repeat: method == "PUT"}, out)
}

func (s *Source) get(ctx context.Context, op string, q url.Values, out any, path string) error {
	_, err := s.call(ctx, op, "GET", q, nil, out, path)
	return err
}

func (s *Source) drift(op string) error {
	return gallra.Errorf(gallra.Drift, "rest.shape", "system", string(s.System), "op", op)
}

func (s *Source) notDone() error {
	return gallra.Errorf(gallra.Unavailable, "discourse.not_done", "system", string(s.System))
}

// scoped names the right that a refusal is about.
func (s *Source) scoped(err error) error {
	if gallra.CodeOf(err) == gallra.Forbidden {
		return gallra.Errorf(gallra.Forbidden, "connector.scope_missing", "system", string(s.System), "scope", "administrator")
	}
	return err
}

// Check implements connector.Source. What only an administrator may read is
// answered to others as if it were not there.
func (s *Source) Check(ctx context.Context) error {
	return s.via.Each(func(c *rest.Client) error {
		var us []struct {
			ID int64 `json:"id"`
		}
		_, err := c.Do(ctx, rest.Request{Op: "users.list", Path: "/admin/users.json", Header: s.header}, &us)
		switch {
		case err == nil && (len(us) == 0 || us[0].ID == 0): // the administrator who asks is one of them
			return s.drift("users.list")
		case gallra.CodeOf(err) == gallra.NotFound:
			return s.scoped(gallra.ErrPermission)
		}
		return s.scoped(err)
	})
}

// Types implements desk.Vendor.
func (s *Source) Types(ctx context.Context) ([]connector.Type, error) {
	who := func(name string, c gallra.Category, r gallra.Role) connector.FieldInfo {
		return connector.FieldInfo{Name: name, Category: c, Role: r, Indexed: true}
	}
	text := func(name string) connector.FieldInfo { return connector.FieldInfo{Name: name, Text: true} }
	keep := func(name string) connector.FieldInfo { return connector.FieldInfo{Name: name, Keep: true} }
	person := []connector.FieldInfo{who("name", gallra.CategoryPerson, gallra.RoleRequester), who("username", gallra.CategoryUsername, gallra.RoleRequester),
		who("email", gallra.CategoryEmail, gallra.RoleRequester), who("secondary_emails", gallra.CategoryEmail, gallra.RoleRequester),
		who("ip_address", gallra.CategoryIP, gallra.RoleRequester), who("registration_ip_address", gallra.CategoryIP, gallra.RoleRequester), text("title"), keep("trust_level")}
	starts := []gallra.StartEvent{gallra.StartCreated, gallra.StartLastContact}
	return []connector.Type{
		{Name: TypeUser, Kind: connector.KindPerson, Starts: starts, Fields: person},
		{Name: TypeStaff, Kind: connector.KindAgent, Starts: starts, Fields: person},
		{Name: TypeTopic, Kind: connector.KindConversation, Starts: starts, Fields: []connector.FieldInfo{text("title"), keep("category_id"), keep("archetype"), keep("closed")}},
		{Name: TypePost, Kind: connector.KindMessage, Parent: TypeTopic, Starts: []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated, gallra.StartLastContact}, Fields: []connector.FieldInfo{
			text("raw"), who("username", gallra.CategoryUsername, gallra.RoleAuthor), who("name", gallra.CategoryPerson, gallra.RoleAuthor), keep("post_number"), keep("via_email")}},
	}, ctx.Err()
}

type user struct {
	ID        int64     `json:"id"`
	Username  string    `json:"username"`
	Name      string    `json:"name"`
	Title     string    `json:"title"`
	Admin     bool      `json:"admin"`
	Moderator bool      `json:"moderator"`
	Trust     int       `json:"trust_level"`
	Posts     int       `json:"post_count"`
	IP        string    `json:"ip_address"`
	FirstIP   string    `json:"registration_ip_address"`
	Created   time.Time `json:"created_at"`
	Seen      time.Time `json:"last_seen_at"`
}

// anonymous is the name that Discourse gives an account it has anonymised.
var anonymous = regexp.MustCompile(`^anon\d+$`)

type topic struct {
	ID        int64      `json:"id"`
	Title     string     `json:"title"`
	Category  int64      `json:"category_id"`
	Archetype string     `json:"archetype"`
	Closed    bool       `json:"closed"`
	Count     int64      `json:"posts_count"`
	Created   time.Time  `json:"created_at"`
	Posted    time.Time  `json:"last_posted_at"`
	Deleted   *time.Time `json:"deleted_at"`
	Details   struct {
		By struct {
			ID int64 `json:"id"`
		} `json:"created_by"`
	} `json:"details"`
	Stream struct {
		IDs []int64 `json:"stream"`
	} `json:"post_stream"`
}

type post struct {
	ID       int64      `json:"id"`
	Topic    int64      `json:"topic_id"`
	Number   int64      `json:"post_number"`
	Raw      *string    `json:"raw"`
	User     int64      `json:"user_id"`
	Username string     `json:"username"`
	Name     string     `json:"name"`
	Version  int64      `json:"version"`
	ViaMail  bool       `json:"via_email"`
	Created  time.Time  `json:"created_at"`
	Updated  time.Time  `json:"updated_at"`
	Deleted  *time.Time `json:"deleted_at"`
}

func (s *Source) ref(typ string, id ...int64) gallra.Ref {
	var parts []string
	for _, i := range id {
		parts = append(parts, strconv.FormatInt(i, 10))
	}
	return gallra.Ref{System: s.System, Type: typ, ID: desk.Child(parts[0], parts[1:]...)}
}

// userPage returns the ids on a page of the list of accounts, from 1.
func (s *Source) userPage(ctx context.Context, n int) ([]int64, error) {
	var us []user
	if err := s.get(ctx, "users.list", url.Values{"order": {"created"}, "asc": {"true"}, "page": {strconv.Itoa(n)}}, &us, "/admin/users.json"); err != nil {
		return nil, err
	}
	if us == nil {
		return nil, s.drift("users.list")
	}
	var out []int64
	for _, u := range us {
		out = append(out, u.ID)
	}
	return out, nil
}

// everyUser reads the ids of all accounts until a reading adds none: accounts
// that go meanwhile move the others to earlier pages.
func (s *Source) everyUser(ctx context.Context) ([]int64, error) {
	found := map[int64]bool{}
	for pass := 0; pass < 6; pass++ {
		before := len(found)
		for n := 1; ; n++ {
			ids, err := s.userPage(ctx, n)
			if err != nil {
				return nil, err
			}
			if len(ids) == 0 {
				break
			}
			for _, id := range ids {
				if id > 0 { // Discourse's own accounts have numbers below
					found[id] = true
				}
			}
		}
		if len(found) == before && pass > 0 || len(found) == 0 {
			var out []int64
			for id := range found {
				out = append(out, id)
			}
			slices.Sort(out)
			s.mu.Lock()
			s.users = out
			s.mu.Unlock()
			return out, nil
		}
	}
	return nil, gallra.Errorf(gallra.Unavailable, "desk.page_repeats")
}

// newest returns the highest number of a topic.
func (s *Source) newest(ctx context.Context) (int64, error) {
	high := int64(0)
	var latest struct {
		List *struct {
			Topics []struct {
				ID int64 `json:"id"`
			} `json:"topics"`
		} `json:"topic_list"`
	}
	if err := s.get(ctx, "latest.list", url.Values{"order": {"created"}}, &latest, "/latest.json"); err != nil {
		return 0, err
	}
	if latest.List == nil {
		return 0, s.drift("latest.list")
	}
	for _, t := range latest.List.Topics {
		high = max(high, t.ID)
	}
	// Private messages share the numbers and are in no list of all: look on until
	// a long stretch of numbers is empty.
	return high, nil
}

// gap is how many numbers without a topic end the reading, above the newest
// topic that the list shows: private messages may lie there.
const gap = 20

// Walk implements desk.Vendor.
func (s *Source) Walk(ctx context.Context, typ, after string, limit int) (desk.Stretch, error) {
	last := int64(0)
	if after != "" {
		n, ok := desk.Number(after)
		if !ok {
			return desk.Stretch{}, gallra.Errorf(gallra.Invalid, "connector.bad_cursor")
		}
		last = n
	}
	if typ == TypeTopic {
		return s.walkTopics(ctx, last, limit)
	}
	s.mu.Lock()
	ids := s.users
	s.mu.Unlock()
	if after == "" || ids == nil {
		var err error
		if ids, err = s.everyUser(ctx); err != nil {
			return desk.Stretch{}, err
		}
	}
	var out desk.Stretch
	for _, id := range ids {
		if id <= last {
			continue
		}
		if len(out.Records) == limit {
			out.Next = strconv.FormatInt(last, 10)
			return out, nil
		}
		r, err := s.Root(ctx, s.ref(typ, id))
		if err != nil && gallra.CodeOf(err) != gallra.NotFound {
			return desk.Stretch{}, err
		}
		if last = id; err == nil && r.Ref.Type == typ {
			out.Records = append(out.Records, r)
		}
	}
	return out, nil
}

func (s *Source) walkTopics(ctx context.Context, last int64, limit int) (desk.Stretch, error) {
	high, err := s.newest(ctx)
	if err != nil {
		return desk.Stretch{}, err
	}
	var out desk.Stretch
	for id := last + 1; id <= high+gap; id++ {
		if len(out.Records) == limit {
			out.Next = strconv.FormatInt(id-1, 10)
			return out, nil
		}
		r, err := s.Root(ctx, s.ref(TypeTopic, id))
		switch gallra.CodeOf(err) {
		case "":
			out.Records = append(out.Records, r)
			high = max(high, id)
		case gallra.NotFound:
		default:
			return desk.Stretch{}, err
		}
	}
	return out, nil
}

// Place implements desk.Vendor.
func (s *Source) Place(conversation gallra.Record) string { return conversation.Ref.ID }

func (s *Source) topic(ctx context.Context, id string) (topic, error) {
	var t topic
	err := s.get(ctx, "topics.get", nil, &t, "/t/"+id+".json")
	if err == nil && (strconv.FormatInt(t.ID, 10) != id || t.Stream.IDs == nil && t.Deleted == nil) {
		err = s.drift("topics.get")
	}
	return t, err
}

// Root implements desk.Vendor.
func (s *Source) Root(ctx context.Context, ref gallra.Ref) (gallra.Record, error) {
	if _, ok := desk.Number(ref.ID); !ok {
		return gallra.Record{}, desk.Gone(ref)
	}
	if ref.Type == TypeTopic {
		t, err := s.topic(ctx, ref.ID)
		if err == nil && t.Deleted != nil {
			err = desk.Gone(ref)
		}
		if err != nil {
			return gallra.Record{}, err
		}
		r := gallra.Record{Ref: s.ref(TypeTopic, t.ID), Created: t.Created, Contact: t.Posted,
			Version: desk.Digest(t.Title, t.Posted.String(), strconv.FormatInt(t.Count, 10), strconv.FormatBool(t.Closed)),
			Fields:  desk.Fields("title", t.Title, "category_id", strconv.FormatInt(t.Category, 10), "archetype", t.Archetype, "closed", strconv.FormatBool(t.Closed))}
		if t.Details.By.ID > 0 {
			r.Person = s.ref(TypeUser, t.Details.By.ID)
		}
		return r, nil
	}
	u, r, err := s.account(ctx, ref)
	if err == nil && anonymous.MatchString(u.Username) {
		return gallra.Record{}, desk.Gone(ref) // nobody any more
	}
	return r, err
}

func (s *Source) account(ctx context.Context, ref gallra.Ref) (user, gallra.Record, error) {
	var u user
	if err := s.get(ctx, "users.get", nil, &u, "/admin/users/"+ref.ID+".json"); err != nil {
		return u, gallra.Record{}, err
	}
	if strconv.FormatInt(u.ID, 10) != ref.ID || u.Username == "" {
		return u, gallra.Record{}, s.drift("users.get")
	}
	path, err := rest.Join("u", u.Username, "emails.json")
	if err != nil {
		return u, gallra.Record{}, s.drift("users.get")
	}
	var mail struct {
		Email     *string  `json:"email"`
		Secondary []string `json:"secondary_emails"`
	}
	if err := s.get(ctx, "users.emails", nil, &mail, path); err != nil {
		return u, gallra.Record{}, err
	}
	email := ""
	if mail.Email != nil {
		email = *mail.Email
	}
	typ := TypeUser
	if u.Admin || u.Moderator {
		typ = TypeStaff
	}
	r := gallra.Record{Ref: s.ref(typ, u.ID), Created: u.Created, Contact: u.Seen,
		Fields: desk.Fields("name", u.Name, "username", u.Username, "email", email, "secondary_emails", strings.Join(mail.Secondary, ", "),
			"ip_address", u.IP, "registration_ip_address", u.FirstIP, "title", u.Title, "trust_level", strconv.Itoa(u.Trust))}
	parts := []string{u.Seen.String(), strconv.Itoa(u.Posts)}
	for _, f := range r.Fields {
		parts = append(parts, f.Value)
	}
	r.Version = desk.Digest(parts...)
	return u, r, nil
}

func (s *Source) post(ctx context.Context, id int64) (post, error) {
	var p post
	err := s.get(ctx, "posts.get", nil, &p, "/posts/"+strconv.FormatInt(id, 10)+".json")
	if err == nil && (p.ID != id || p.Raw == nil) {
		err = s.drift("posts.get")
	}
	return p, err
}

func (s *Source) postRecord(p post) gallra.Record {
	r := gallra.Record{Ref: s.ref(TypePost, p.Topic, p.ID), Parent: s.ref(TypeTopic, p.Topic), Created: p.Created, Updated: p.Updated, Contact: p.Created,
		Version: strconv.FormatInt(p.Version, 10) + "-" + desk.Digest(*p.Raw, p.Username, p.Name),
		Fields:  desk.Fields("raw", *p.Raw, "username", p.Username, "name", p.Name, "post_number", strconv.FormatInt(p.Number, 10), "via_email", strconv.FormatBool(p.ViaMail))}
	if p.User > 0 {
		r.Person = s.ref(TypeUser, p.User)
	}
	return r
}

// Thread implements desk.Vendor.
func (s *Source) Thread(ctx context.Context, conv gallra.Record) (desk.Thread, error) {
	t, err := s.topic(ctx, conv.Ref.ID)
	if err != nil {
		return desk.Thread{}, err
	}
	var out desk.Thread
	for _, id := range t.Stream.IDs {
		p, err := s.post(ctx, id)
		if gallra.CodeOf(err) == gallra.NotFound || err == nil && p.Deleted != nil {
			continue
		}
		if err != nil {
			return desk.Thread{}, err
		}
		out.Records = append(out.Records, s.postRecord(p))
	}
	return out, nil
}

// Search implements desk.Vendor. In fields every account is compared here; in
// text everything is read, unless the operator chose Discourse's search.
func (s *Source) Search(ctx context.Context, n connector.Needles, at string) (desk.Candidates, error) {
	if !strings.HasPrefix(at, "q.") {
		types := []string{TypeUser, TypeStaff}
		if n.Depth == connector.InText && !s.index {
			types = append(types, TypeTopic)
		}
		c, err := desk.Scan(ctx, s, types, at)
		if err == nil && c.Next == "" && n.Depth == connector.InText && s.index {
			c.Next = "q.0"
		}
		return c, err
	}
	var forms []string
	for _, id := range n.Identifiers {
		forms = append(forms, ident.Forms(id)...)
	}
	slices.Sort(forms)
	forms = slices.Compact(forms)
	i, err := strconv.Atoi(strings.TrimPrefix(at, "q."))
	if err != nil || i < 0 || i >= max(len(forms), 1) {
		return desk.Candidates{}, gallra.Errorf(gallra.Invalid, "connector.bad_cursor")
	}
	var out desk.Candidates
	if len(forms) == 0 {
		return out, nil
	}
	for page := 1; ; page++ {
		var p struct {
			Posts []struct {
				Topic int64 `json:"topic_id"`
			} `json:"posts"`
		}
		if err := s.get(ctx, "search", url.Values{"q": {`"` + strings.ReplaceAll(forms[i], `"`, "") + `"`}, "page": {strconv.Itoa(page)}}, &p, "/search.json"); err != nil {
			return desk.Candidates{}, err
		}
		if p.Posts == nil {
			return desk.Candidates{}, s.drift("search")
		}
		fresh := false
		for _, x := range p.Posts {
			if r := s.ref(TypeTopic, x.Topic); !slices.Contains(out.Refs, r) {
				out.Refs, fresh = append(out.Refs, r), true
			}
		}
		if !fresh {
			break
		}
	}
	if i+1 < len(forms) {
		out.Next = "q." + strconv.Itoa(i+1)
	}
	return out, nil
}

// Cases implements desk.Vendor: the topics a user has opened or written in.
func (s *Source) Cases(ctx context.Context, person gallra.Ref) ([]gallra.Ref, error) {
	u, _, err := s.account(ctx, person)
	if gallra.CodeOf(err) == gallra.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []gallra.Ref
	for offset := 0; ; {
		var p struct {
			Actions []struct {
				Topic int64 `json:"topic_id"`
			} `json:"user_actions"`
		}
		// 4 topics, 5 replies, 12 private messages got, 13 sent
		if err := s.get(ctx, "user_actions.list", url.Values{"username": {u.Username}, "filter": {"4,5,12,13"}, "offset": {strconv.Itoa(offset)}}, &p, "/user_actions.json"); err != nil {
			return nil, err
		}
		if p.Actions == nil {
			return nil, s.drift("user_actions.list")
		}
		if len(p.Actions) == 0 {
			return out, nil
		}
		offset += len(p.Actions)
		for _, a := range p.Actions {
			if r := s.ref(TypeTopic, a.Topic); a.Topic > 0 && !slices.Contains(out, r) {
				out = append(out, r)
			}
		}
	}
}

// Content implements desk.Vendor. Uploads are not records here.
func (s *Source) Content(_ context.Context, file gallra.Ref) ([]byte, error) {
	return nil, desk.Gone(file)
}

// Traces implements desk.Vendor: the revisions of a topic's posts, and what is
// hidden but still there: topics that are deleted, which staff can read.
func (s *Source) Traces(ctx context.Context, conv gallra.Record) ([]desk.Trace, error) {
	var out []desk.Trace
	if !conv.Ref.IsZero() {
		th, err := s.Thread(ctx, conv)
		if err != nil {
			return nil, err
		}
		for _, r := range th.Records {
			old, err := s.revisions(ctx, r.Ref)
			if err != nil {
				return nil, err
			}
			out = append(out, old...)
		}
		return out, nil
	}
	high, err := s.newest(ctx)
	if err != nil {
		return nil, err
	}
	for id := int64(1); id <= high+gap; id++ {
		t, err := s.topic(ctx, strconv.FormatInt(id, 10))
		if gallra.CodeOf(err) == gallra.NotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		if high = max(high, id); t.Deleted == nil {
			continue
		}
		out = append(out, desk.Trace{Ref: s.ref(TypeTopic, id), Where: "deleted topic", Text: t.Title})
		for _, pid := range t.Stream.IDs {
			p, err := s.post(ctx, pid)
			if err == nil {
				out = append(out, desk.Trace{Ref: s.ref(TypePost, id, pid), Where: "deleted post", Text: *p.Raw + "\n" + p.Username + "\n" + p.Name})
			} else if gallra.CodeOf(err) != gallra.NotFound {
				return nil, err
			}
		}
	}
	return out, nil
}

// revisions returns the earlier texts of a post.
func (s *Source) revisions(ctx context.Context, ref gallra.Ref) ([]desk.Trace, error) {
	id := desk.Parts(ref.ID)[1]
	var out []desk.Trace
	for n := int64(2); n > 0; {
		var v struct {
			Next *int64 `json:"next_revision"`
			Now  int64  `json:"current_revision"`
			Body struct {
				Inline string `json:"side_by_side_markdown"`
			} `json:"body_changes"`
		}
		err := s.get(ctx, "revisions.get", nil, &v, "/posts/"+id+"/revisions/"+strconv.FormatInt(n, 10)+".json")
		if gallra.CodeOf(err) == gallra.NotFound {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		if v.Now != n {
			return nil, s.drift("revisions.get")
		}
		out = append(out, desk.Trace{Ref: ref, Where: "post_revisions", Text: desk.Readable(connector.FieldInfo{Format: connector.FormatHTML}, v.Body.Inline)})
		if v.Next == nil || *v.Next <= n {
			return out, nil
		}
		n = *v.Next
	}
	return out, nil
}
