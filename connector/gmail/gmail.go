// Package gmail connects a Gmail mailbox through the Gmail API:
// "gmail://gmail.googleapis.com?client_id=…".
//
// A mail is read as its own bytes (format=raw) and looked at by package
// mailrecord. Gmail's lists are ordered by time and leave out what is erased
// meanwhile, so the ids are read until a reading adds none, and the mails one by
// one in the order of their ids.
//
// Erasing for good needs the full scope https://mail.google.com/. Google lets an
// administrator restore what is erased for 25 days: a receipt is a promise until
// then, and never final where the operator says that Google Vault keeps the mail.
// An edit inserts the new mail with the labels of the old one, by its Date field,
// and erases the old. A label of its own marks the new mail until the old one is
// gone, so that an edit whose answer was lost is not done twice.
//
// Sources: Google's discovery document of the Gmail API, SYSTEMS 3.3.
package gmail

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/base64"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/mailrecord"
	"github.com/gallra/gallra/connector/rest"
	"github.com/gallra/gallra/document"
)

func init() {
	connector.Register(connector.Info{
		Name: "gmail", Schemes: []string{"gmail"}, Title: "Gmail", Channel: connector.ChannelMail,
		Can: []connector.Capability{connector.CanFind, connector.CanErase, connector.CanEdit, connector.CanConfirm,
			connector.CanLeftovers, connector.CanVerify},
		Finds: []gallra.IdentifierKind{gallra.IdentEmail, gallra.IdentPhone, gallra.IdentPersonnummer, gallra.IdentName,
			gallra.IdentAccount, gallra.IdentUsername, gallra.IdentCustomer, gallra.IdentIP},
		Options: append([]connector.Option{
			{Name: "client_id", Help: "option.gmail.client_id", Required: true},
			{Name: "client_secret", Help: "option.gmail.client_secret", Required: true, Secret: true},
			{Name: "refresh_token", Help: "option.gmail.refresh_token", Required: true, Secret: true},
			{Name: "erase_refresh_token", Help: "option.gmail.erase_refresh_token", Secret: true},
			{Name: "login", Help: "option.gmail.login"},
			{Name: "restore_days", Help: "option.gmail.restore_days"},
			{Name: "hold", Help: "option.gmail.hold"},
			{Name: "own", Help: "option.own"},
		}, rest.CommonOptions()...),
		Open: func(_ context.Context, c connector.Config) (connector.Source, error) { return open(c, nil) },
	})
}

//go:embed profile.yaml
var profile []byte

var known = connector.MustProfile(profile)

// Source is one mailbox.
type Source struct {
	known  func(connector.Profile) connector.Profile
	system gallra.SystemID
	via    rest.Pair
	clock  rest.Clock
	own    []string
	keep   time.Duration
	hold   bool

	mu  sync.Mutex
	ids []string // as last read in full
}

func open(c connector.Config, tune func(*rest.Options)) (*Source, error) {
	o, err := rest.FromConfig(c, "", rest.Limit{Requests: 3000, Per: time.Minute, Burst: 20})
	if err != nil {
		return nil, err
	}
	s := &Source{known: c.Known, system: c.System, own: mailrecord.Own(c.Option("own")), keep: 25 * 24 * time.Hour}
	if v := c.Option("restore_days"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 || n > 3650 {
			return nil, gallra.Errorf(gallra.Invalid, "connector.option_invalid", "option", "restore_days")
		}
		s.keep = time.Duration(n) * 24 * time.Hour
	}
	if s.hold, err = rest.Flag(c, "hold"); err != nil {
		return nil, err
	}
	access := func(refresh string) rest.Auth {
		return rest.Tokens(rest.OAuth{TokenURL: "https://" + cmp.Or(c.Option("login"), "oauth2.googleapis.com") + "/token",
			ClientID: c.Option("client_id"), ClientSecret: c.Option("client_secret"), RefreshToken: refresh})
	}
	o.Auth = access(c.Option("refresh_token"))
	o.Account = c.Option("client_id") + " " + c.Option("refresh_token")
	if tune != nil {
		tune(&o)
	}
	if s.clock = o.Clock; s.clock == nil {
		s.clock = rest.Wall{}
	}
	s.via, err = rest.NewPair(o, rest.Given(c.Option("erase_refresh_token"), access))
	return s, err
}

// Close implements io.Closer.
func (s *Source) Close() error { return s.via.Close() }

// Profile implements connector.Profiled.
func (s *Source) Profile() connector.Profile { return s.known(known) }

func (s *Source) call(ctx context.Context, op, method string, q url.Values, body, out any, path ...string) error {
	p, err := rest.Join(append([]string{"gmail", "v1", "users", "me"}, path...)...)
	if err != nil {
		return gallra.Errorf(gallra.NotFound, "connector.record_not_found")
	}
	_, err = s.via.Do(ctx, rest.Request{Op: op, Method: method, Path: p, Query: q, Body: body}, out)
	if gallra.CodeOf(err) == gallra.Forbidden {
		scope := "gmail.readonly"
		if method != "GET" {
			scope = "https://mail.google.com/"
		}
		return gallra.Errorf(gallra.Forbidden, "connector.scope_missing", "system", string(s.system), "scope", scope)
	}
	return err
}

func (s *Source) drift(op string) error {
	return gallra.Errorf(gallra.Drift, "rest.shape", "system", string(s.system), "op", op)
}

func errNotFound() error { return gallra.Errorf(gallra.NotFound, "connector.record_not_found") }

func (s *Source) notDone() error {
	return gallra.Errorf(gallra.Unavailable, "gmail.not_done", "system", string(s.system))
}

// Check implements connector.Source. It asks for the right to erase by naming a
// mail that cannot exist.
func (s *Source) Check(ctx context.Context) error {
	if _, err := s.labels(ctx); err != nil {
		return err
	}
	err := s.call(ctx, "messages.delete", "DELETE", nil, nil, nil, "messages", "0")
	if code := gallra.CodeOf(err); code == gallra.NotFound || code == gallra.Invalid {
		return nil
	}
	if err == nil {
		err = s.drift("messages.delete")
	}
	return err
}

// Types implements connector.Source.
func (s *Source) Types(ctx context.Context) ([]connector.Type, error) {
	return []connector.Type{mailrecord.Type(false)}, ctx.Err()
}

func (s *Source) ref(id string) gallra.Ref {
	return gallra.Ref{System: s.system, Type: mailrecord.TypeName, ID: id}
}

func (s *Source) idOf(r gallra.Ref) (string, bool) {
	return r.ID, r.System == s.system && r.Type == mailrecord.TypeName && plain(r.ID)
}

// plain reports whether an id can be one of Gmail's: hexadecimal.
func plain(id string) bool {
	return id != "" && len(id) <= 20 && strings.Trim(id, "0123456789abcdef") == ""
}

// before orders ids as numbers.
func before(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b)) }

type message struct {
	ID      string   `json:"id"`
	Labels  []string `json:"labelIds"`
	Date    string   `json:"internalDate"` // milliseconds
	Raw     string   `json:"raw"`
	Payload struct {
		Headers []struct {
			Name  string `json:"name"`
			Value string `json:"value"`
		} `json:"headers"`
	} `json:"payload"`
}

func (m message) received() time.Time {
	n, err := strconv.ParseInt(m.Date, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(n).UTC()
}

// version follows labels, not whether the mail was read; its bytes cannot change.
func (m message) version() string {
	labels := slices.DeleteFunc(slices.Clone(m.Labels), func(l string) bool { return l == "UNREAD" })
	slices.Sort(labels)
	return mailrecord.Digest(append(labels, m.Date)...)
}

type label struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func (s *Source) labels(ctx context.Context) ([]label, error) {
	var out struct {
		Labels []label `json:"labels"`
	}
	if err := s.call(ctx, "labels.list", "GET", nil, nil, &out, "labels"); err != nil {
		return nil, err
	}
	if out.Labels == nil {
		return nil, s.drift("labels.list")
	}
	return out.Labels, nil
}

// folder returns the one label that stands for a mail's folder in statistics: a
// user's own, else where Gmail keeps it.
func folder(m message, labels []label) string {
	for _, l := range labels {
		if strings.HasPrefix(l.ID, "Label_") && slices.Contains(m.Labels, l.ID) && !strings.HasPrefix(l.Name, markPrefix) {
			return l.Name
		}
	}
	for _, id := range []string{"INBOX", "SENT", "DRAFT", "SPAM", "TRASH"} {
		if slices.Contains(m.Labels, id) {
			return id
		}
	}
	return ""
}

// get reads one mail; ErrNotFound.
func (s *Source) get(ctx context.Context, id, format string, headers ...string) (message, error) {
	var m message
	q := url.Values{"format": {format}}
	if len(headers) > 0 {
		q["metadataHeaders"] = headers
	}
	err := s.call(ctx, "messages.get", "GET", q, nil, &m, "messages", id)
	if err == nil && (m.ID != id || m.received().IsZero() || format == "raw" && m.Raw == "") {
		err = s.drift("messages.get")
	}
	return m, err
}

// stored reads a mail as mailrecord does: whole, or its header alone.
func (s *Source) stored(ctx context.Context, id string, labels []label, whole bool) (mailrecord.Stored, error) {
	var m message
	var raw []byte
	var err error
	if whole {
		if m, err = s.get(ctx, id, "raw"); err == nil {
			if raw, err = base64.RawURLEncoding.DecodeString(strings.TrimRight(m.Raw, "=")); err != nil {
				err = s.drift("messages.get")
			}
		}
	} else if m, err = s.get(ctx, id, "metadata", "Date", "From", "Sender", "To", "Cc", "Bcc", "Reply-To"); err == nil {
		var b bytes.Buffer
		for _, h := range m.Payload.Headers {
			b.WriteString(h.Name + ": " + h.Value + "\r\n")
		}
		raw = append(b.Bytes(), "\r\n"...)
	}
	return mailrecord.Stored{Ref: s.ref(id), Version: m.version(), Folder: folder(m, labels), Raw: raw, Received: m.received()}, err
}

// every reads all ids until a reading adds none.
func (s *Source) every(ctx context.Context) ([]string, error) {
	found := map[string]bool{}
	for pass := 0; pass < 6; pass++ {
		n := len(found)
		for token := ""; ; {
			q := url.Values{"maxResults": {"500"}, "includeSpamTrash": {"true"}}
			if token != "" {
				q.Set("pageToken", token)
			}
			var p struct {
				Messages []message `json:"messages"`
				Next     string    `json:"nextPageToken"`
				Size     *int64    `json:"resultSizeEstimate"`
			}
			if err := s.call(ctx, "messages.list", "GET", q, nil, &p, "messages"); err != nil {
				return nil, err
			}
			if p.Messages == nil && p.Size == nil || p.Next != "" && p.Next == token {
				return nil, s.drift("messages.list")
			}
			for _, m := range p.Messages {
				if !plain(m.ID) {
					return nil, s.drift("messages.list")
				}
				found[m.ID] = true
			}
			if token = p.Next; token == "" {
				break
			}
		}
		if len(found) == n && pass > 0 {
			out := make([]string, 0, len(found))
			for id := range found {
				out = append(out, id)
			}
			slices.SortFunc(out, before)
			s.mu.Lock()
			s.ids = out
			s.mu.Unlock()
			return out, nil
		}
	}
	return nil, gallra.Errorf(gallra.Unavailable, "desk.page_repeats")
}

const (
	pageMails = 200
	pageBytes = 16 << 20
)

// walk gives the mails behind a cursor to take until it says that the page is
// full, and returns the next cursor.
func (s *Source) walk(ctx context.Context, cursor string, whole bool, take func(mailrecord.Stored) (full bool)) (string, int64, error) {
	if cursor != "" && !plain(cursor) {
		return "", 0, gallra.Errorf(gallra.Invalid, "connector.bad_cursor")
	}
	s.mu.Lock()
	ids := s.ids
	s.mu.Unlock()
	if cursor == "" || ids == nil {
		var err error
		if ids, err = s.every(ctx); err != nil {
			return "", 0, err
		}
	}
	labels, err := s.labels(ctx)
	if err != nil {
		return "", 0, err
	}
	size := 0
	for i, id := range ids {
		if cursor != "" && before(id, cursor) <= 0 {
			continue
		}
		st, err := s.stored(ctx, id, labels, whole)
		if gallra.CodeOf(err) == gallra.NotFound {
			continue
		}
		if err != nil {
			return "", 0, err
		}
		size += 3 * len(st.Raw)
		if (take(st) || size > pageBytes) && i+1 < len(ids) {
			return id, int64(len(ids)), nil
		}
	}
	return "", int64(len(ids)), nil
}

// List implements connector.Source.
func (s *Source) List(ctx context.Context, q connector.Query) (connector.Page, error) {
	if err := mailrecord.CheckType(q.Type); err != nil {
		return connector.Page{}, err
	}
	limit := q.Limit
	if limit <= 0 || limit > pageMails {
		limit = pageMails
	}
	out := connector.Page{Total: -1}
	next, total, err := s.walk(ctx, q.Cursor, q.Fields == connector.FieldsAll, func(st mailrecord.Stored) bool {
		if r, problems := mailrecord.Record(st, q.Fields, document.Limits{}); mailrecord.Selects(q, r) {
			out.Records, out.Skipped = append(out.Records, r), append(out.Skipped, problems...)
		}
		return len(out.Records) >= limit
	})
	if err != nil {
		return connector.Page{}, err
	}
	if out.Next = next; q.Cursor == "" {
		out.Total = total
	}
	return out, nil
}

// Get implements connector.Source.
func (s *Source) Get(ctx context.Context, ref gallra.Ref) (gallra.Record, error) {
	st, err := s.one(ctx, ref)
	if err != nil {
		return gallra.Record{}, err
	}
	r, _ := mailrecord.Record(st, connector.FieldsAll, document.Limits{})
	return r, nil
}

func (s *Source) one(ctx context.Context, ref gallra.Ref) (mailrecord.Stored, error) {
	id, ok := s.idOf(ref)
	if !ok {
		return mailrecord.Stored{}, errNotFound()
	}
	labels, err := s.labels(ctx)
	if err != nil {
		return mailrecord.Stored{}, err
	}
	return s.stored(ctx, id, labels, true)
}

// Find implements connector.Finder: the header of every mail at depth InFields,
// every mail whole at depth InText. Gmail's own search compares words.
func (s *Source) Find(ctx context.Context, n connector.Needles, cursor string) (connector.Hits, error) {
	needle := mailrecord.NewNeedle(n, s.own)
	var out connector.Hits
	seen := 0
	next, _, err := s.walk(ctx, cursor, n.Depth == connector.InText, func(st mailrecord.Stored) bool {
		hits, problems := needle.Hits(st, document.Limits{})
		out.Hits, out.Skipped = append(out.Hits, hits...), append(out.Skipped, problems...)
		seen++
		return seen >= pageMails
	})
	out.Next = next
	return out, err
}

// Leftovers implements connector.Searcher: mails are named by their threads,
// spam and trash included, and every text in them is decoded.
func (s *Source) Leftovers(ctx context.Context, n connector.Needles, cursor string) (connector.Residues, error) {
	needle := mailrecord.NewNeedle(n, nil)
	var out connector.Residues
	labels, err := s.labels(ctx)
	if err != nil {
		return out, err
	}
	if cursor == "" {
		for _, l := range labels {
			if found := needle.Count(l.Name); found > 0 {
				out.Residues = append(out.Residues, gallra.Residue{Where: "label " + mailrecord.Digest(l.ID)[:8] + " name", Why: "gmail.left_in_name", Count: found})
			}
		}
	}
	q := url.Values{"maxResults": {"50"}, "includeSpamTrash": {"true"}}
	if cursor != "" {
		q.Set("pageToken", cursor)
	}
	var p struct {
		Threads []message `json:"threads"`
		Next    string    `json:"nextPageToken"`
		Size    *int64    `json:"resultSizeEstimate"`
	}
	if err := s.call(ctx, "threads.list", "GET", q, nil, &p, "threads"); err != nil {
		return connector.Residues{}, err
	}
	if p.Threads == nil && p.Size == nil {
		return connector.Residues{}, s.drift("threads.list")
	}
	for _, t := range p.Threads {
		var thread struct {
			Messages []message `json:"messages"`
		}
		err := s.call(ctx, "threads.get", "GET", url.Values{"format": {"minimal"}}, nil, &thread, "threads", t.ID)
		if err != nil && gallra.CodeOf(err) != gallra.NotFound {
			return connector.Residues{}, err
		}
		for _, m := range thread.Messages {
			st, err := s.stored(ctx, m.ID, labels, true)
			if gallra.CodeOf(err) == gallra.NotFound {
				continue
			}
			if err != nil {
				return connector.Residues{}, err
			}
			residues, problems := needle.Leftovers(st, document.Limits{})
			out.Residues, out.Skipped = append(out.Residues, residues...), append(out.Skipped, problems...)
		}
	}
	out.Next = p.Next
	return out, nil
}

// Remains implements connector.Verifier.
func (s *Source) Remains(ctx context.Context, refs []gallra.Ref) ([]gallra.Residue, error) {
	var out []gallra.Residue
	for _, r := range refs {
		id, ok := s.idOf(r)
		if !ok {
			continue
		}
		_, err := s.get(ctx, id, "minimal")
		if err == nil {
			out = append(out, gallra.Residue{Ref: r, Where: "mailbox", Why: "residue.still_there", Count: 1})
		} else if gallra.CodeOf(err) != gallra.NotFound {
			return nil, err
		}
	}
	return out, ctx.Err()
}

// Erase implements connector.Eraser. Gmail has no conditional deletion: the
// version is compared just before.
func (s *Source) Erase(ctx context.Context, ref gallra.Ref, ifVersion string) (gallra.Receipt, error) {
	id, ok := s.idOf(ref)
	if !ok {
		return gallra.Receipt{}, errNotFound()
	}
	m, err := s.get(ctx, id, "minimal")
	if err != nil {
		return gallra.Receipt{}, err
	}
	if ifVersion != "" && ifVersion != m.version() {
		return gallra.Receipt{}, gallra.Errorf(gallra.Conflict, "connector.record_changed", "ref", ref.String())
	}
	if err := s.purge(ctx, id); err != nil {
		return gallra.Receipt{}, err
	}
	return s.promise(gallra.Receipt{Ref: ref, Action: gallra.ActionErase, Remote: id}), nil
}

func (s *Source) purge(ctx context.Context, id string) error {
	if err := s.call(ctx, "messages.delete", "DELETE", nil, nil, nil, "messages", id); err != nil && gallra.CodeOf(err) != gallra.NotFound {
		return err
	}
	_, err := s.get(ctx, id, "minimal")
	if gallra.CodeOf(err) == gallra.NotFound {
		return nil
	}
	return cmp.Or(err, s.notDone())
}

func (s *Source) promise(r gallra.Receipt) gallra.Receipt {
	r.Grade, r.At = gallra.GradeLive, s.clock.Now()
	if s.hold {
		r.Residues = []gallra.Residue{{Ref: r.Ref, Where: "Vault", Why: "gmail.hold", Count: 1}}
		return r
	}
	r.GoneBy = r.At.Add(s.keep)
	if r.Final = s.keep == 0; !r.Final {
		r.Residues = []gallra.Residue{{Ref: r.Ref, Where: "administrator's restore", Why: "gmail.restorable", GoneBy: r.GoneBy, Count: 1}}
	}
	return r
}

// Confirm implements connector.Confirmer: the promise is kept when its day has
// passed and the mail has not been restored.
func (s *Source) Confirm(ctx context.Context, r gallra.Receipt) (gallra.Receipt, error) {
	if r.Final || s.hold || r.GoneBy.IsZero() || s.clock.Now().Before(r.GoneBy) {
		return r, ctx.Err()
	}
	left, err := s.Remains(ctx, []gallra.Ref{s.ref(r.Remote)})
	if err != nil {
		return r, err
	}
	if r.Residues = left; len(left) == 0 {
		r.Final, r.At = true, s.clock.Now()
	}
	return r, nil
}

// markPrefix begins the name of the label that marks an edit under way.
const markPrefix = "Gallra/"

// Edit implements connector.Editor.
func (s *Source) Edit(ctx context.Context, ref gallra.Ref, ifVersion string, set []gallra.Field) (gallra.Receipt, error) {
	id, ok := s.idOf(ref)
	if !ok {
		return gallra.Receipt{}, errNotFound()
	}
	m, err := s.get(ctx, id, "raw")
	if err != nil && gallra.CodeOf(err) != gallra.NotFound {
		return gallra.Receipt{}, err
	}
	gone := err
	parts := []string{id}
	for _, f := range set {
		parts = append(parts, f.Name, f.Value)
	}
	mark := markPrefix + mailrecord.Digest(parts...)
	labelID, made, err := s.marked(ctx, mark)
	if err != nil {
		return gallra.Receipt{}, err
	}
	switch {
	case gone != nil && made == "":
		return gallra.Receipt{}, gone
	case made == "":
		if ifVersion != "" && ifVersion != m.version() {
			return gallra.Receipt{}, gallra.Errorf(gallra.Conflict, "connector.record_changed", "ref", ref.String())
		}
		old, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(m.Raw, "="))
		if err != nil {
			return gallra.Receipt{}, s.drift("messages.get")
		}
		raw, err := mailrecord.Edited(mailrecord.Stored{Raw: old}, set)
		if err != nil {
			return gallra.Receipt{}, err
		}
		if bytes.Equal(raw, old) {
			return gallra.Receipt{Ref: ref, Action: gallra.ActionAnonymise, Grade: gallra.GradeLive, At: s.clock.Now(), Final: true}, nil
		}
		if labelID, made, err = s.insert(ctx, m, raw, mark, labelID); err != nil {
			return gallra.Receipt{}, err
		}
	}
	if gone == nil {
		if err := s.purge(ctx, id); err != nil {
			return gallra.Receipt{}, err // done again, this finds the mark and goes on from here
		}
	}
	if err := s.call(ctx, "labels.delete", "DELETE", nil, nil, nil, "labels", labelID); err != nil && gallra.CodeOf(err) != gallra.NotFound {
		return gallra.Receipt{}, err
	}
	return s.promise(gallra.Receipt{Ref: s.ref(made), Action: gallra.ActionAnonymise, Remote: id}), nil
}

// marked returns the label of an edit and the mail that bears it, "" for none.
func (s *Source) marked(ctx context.Context, mark string) (labelID, made string, err error) {
	labels, err := s.labels(ctx)
	if err != nil {
		return "", "", err
	}
	for _, l := range labels {
		if l.Name == mark {
			labelID = l.ID
		}
	}
	if labelID == "" {
		return "", "", nil
	}
	var p struct {
		Messages []message `json:"messages"`
		Size     *int64    `json:"resultSizeEstimate"`
	}
	if err := s.call(ctx, "messages.list", "GET", url.Values{"labelIds": {labelID}, "includeSpamTrash": {"true"}}, nil, &p, "messages"); err != nil {
		return "", "", err
	}
	if p.Messages == nil && p.Size == nil {
		return "", "", s.drift("messages.list")
	}
	if len(p.Messages) > 0 {
		made = p.Messages[0].ID
	}
	return labelID, made, nil
}

// insert puts the new mail in the mailbox, marked.
func (s *Source) insert(ctx context.Context, m message, raw []byte, mark, labelID string) (string, string, error) {
	if labelID == "" {
		var l label
		err := s.call(ctx, "labels.create", "POST", nil, map[string]string{"name": mark, "labelListVisibility": "labelHide", "messageListVisibility": "hide"}, &l, "labels")
		if labelID = l.ID; err != nil || labelID == "" {
			found, _, ferr := s.marked(ctx, mark) // it may have been made
			if ferr != nil || found == "" {
				return "", "", cmp.Or(err, ferr, s.notDone())
			}
			labelID = found
		}
	}
	var got message
	body := map[string]any{"raw": base64.URLEncoding.EncodeToString(raw), "labelIds": append(slices.Clone(m.Labels), labelID)}
	err := s.call(ctx, "messages.insert", "POST", url.Values{"internalDateSource": {"dateHeader"}}, body, &got, "messages")
	if err == nil && plain(got.ID) {
		return labelID, got.ID, nil
	}
	if err != nil && gallra.CodeOf(err) != gallra.Unavailable {
		return "", "", err
	}
	_, made, ferr := s.marked(ctx, mark)
	if ferr != nil || made == "" {
		return "", "", cmp.Or(err, ferr, s.notDone())
	}
	return labelID, made, nil
}

var _ connector.Editor = (*Source)(nil)
