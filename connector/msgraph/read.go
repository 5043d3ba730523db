package msgraph

import (
	"context"
	"crypto/rand"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/mailrecord"
	"github.com/gallra/gallra/connector/rest"
)

const (
	pageMails = 200
	mostMails = 999      // a page that Graph gives
	pageBytes = 16 << 20 // of mail held in memory
)

// immutable asks for ids that follow a mail when it is moved.
var immutable = map[string]string{"Prefer": `IdType="ImmutableId"`}

// Names of Exchange's properties in Graph (MS-OXPROPS).
const (
	propVerb       = "Integer 0x1081"    // PidTagLastVerbExecuted: 102 replied, 103 replied to all
	propFlags      = "Integer 0x0E07"    // PidTagMessageFlags: 1 read, 8 unsent
	propDelivered  = "SystemTime 0x0E06" // PidTagMessageDeliveryTime
	propSubmitted  = "SystemTime 0x0039" // PidTagClientSubmitTime
	propReferences = "String 0x1039"     // PidTagInternetReferences
	propInReplyTo  = "String 0x1042"     // PidTagInReplyToId
	propReplaces   = "String {6f0f1c86-6f3c-4a0c-9c33-2a7a3c4f1d5e} Name GallraReplaces"
)

type property struct {
	ID    string `json:"id"`
	Value string `json:"value"`
}

type address struct {
	EmailAddress struct {
		Name    string `json:"name,omitempty"`
		Address string `json:"address,omitempty"`
	} `json:"emailAddress"`
}

// message is what Graph tells of a mail besides its text.
type message struct {
	ID           string     `json:"id"`
	ChangeKey    string     `json:"changeKey"`
	Folder       string     `json:"parentFolderId"`
	Received     time.Time  `json:"receivedDateTime"`
	Sent         time.Time  `json:"sentDateTime"`
	IsRead       bool       `json:"isRead"`
	IsDraft      bool       `json:"isDraft"`
	Importance   string     `json:"importance"`
	Categories   []string   `json:"categories"`
	Flag         *flag      `json:"flag"`
	From         *address   `json:"from"`
	Sender       *address   `json:"sender"`
	To           []address  `json:"toRecipients"`
	CC           []address  `json:"ccRecipients"`
	BCC          []address  `json:"bccRecipients"`
	ReplyTo      []address  `json:"replyTo"`
	Conversation string     `json:"conversationId"`
	Extended     []property `json:"singleValueExtendedProperties"`
}

type flag struct {
	Status string `json:"flagStatus"`
}

var (
	fieldsBrief = strings.Join([]string{"id", "changeKey", "parentFolderId", "receivedDateTime", "sentDateTime", "isRead", "isDraft", "importance", "categories", "flag"}, ",")
	fieldsWho   = fieldsBrief + ",from,sender,toRecipients,ccRecipients,bccRecipients,replyTo"
	expandVerb  = "singleValueExtendedProperties($filter=id eq '" + propVerb + "')"
)

func (m message) verb() string {
	for _, p := range m.Extended {
		if p.ID == propVerb {
			return p.Value
		}
	}
	return ""
}

// get calls something of a mailbox.
func (s *Source) get(ctx context.Context, op string, b mailbox, q url.Values, out any, path ...string) error {
	p, err := rest.Join(append([]string{"v1.0", "users", b.address}, path...)...)
	if err != nil {
		return errNotFound()
	}
	// Graph repeats the name a call was given. An answer with another name is a
	// cache's, to another question.
	name := rand.Text()
	h := map[string]string{"Prefer": immutable["Prefer"], "client-request-id": name, "return-client-request-id": "true"}
	resp, err := s.via.Do(ctx, rest.Request{Op: op, Path: p, Query: q, Header: h}, out)
	if got := resp.Header.Get("client-request-id"); got != "" && got != name {
		return gallra.Errorf(gallra.Unavailable, "msgraph.out_of_order", "system", string(s.system))
	}
	return err
}

// brief returns what Graph tells of one mail; ErrNotFound.
func (s *Source) brief(ctx context.Context, p place) (message, error) {
	var m message
	err := s.get(ctx, "messages.get", p.box, url.Values{"$select": {fieldsBrief}, "$expand": {expandVerb}}, &m, "messages", p.id)
	if err == nil && m.ID != p.id {
		return m, gallra.Errorf(gallra.Drift, "msgraph.shape")
	}
	return m, err
}

// value returns the MIME of a mail, by way of the folder at path or of the whole
// mailbox. cut says that it is beyond the limit.
func (s *Source) value(ctx context.Context, p place, folder ...string) (raw []byte, cut bool, err error) {
	path, err := rest.Join(slices.Concat([]string{"v1.0", "users", p.box.address}, folder, []string{"messages", p.id, "$value"})...)
	if err != nil {
		return nil, false, errNotFound()
	}
	raw, err = s.via.Read.Bytes(ctx, "messages.value", path)
	var e *gallra.Error
	if errors.As(err, &e) && e.Key == "rest.too_large" {
		return nil, true, nil
	}
	return raw, false, err
}

// folder is one folder of a mailbox.
type folder struct {
	ID       string `json:"id"`
	Name     string `json:"displayName"`
	Children int    `json:"childFolderCount"`
	Total    int64  `json:"totalItemCount"`
}

// folders returns every folder, hidden ones included, by id.
func (s *Source) folders(ctx context.Context, b mailbox) ([]folder, error) {
	var out []folder
	open := [][]string{{"mailFolders"}}
	for len(open) > 0 {
		path := open[0]
		open = open[1:]
		for skip := 0; ; {
			q := url.Values{"$top": {"100"}, "includeHiddenFolders": {"true"}, "$select": {"id,displayName,childFolderCount,totalItemCount"}}
			if skip > 0 {
				q.Set("$skip", strconv.Itoa(skip))
			}
			var page struct {
				Value []folder `json:"value"`
				Next  string   `json:"@odata.nextLink"`
			}
			if err := s.get(ctx, "mailFolders.list", b, q, &page, path...); err != nil {
				return nil, err
			}
			if page.Value == nil || page.Next != "" && len(page.Value) == 0 {
				return nil, gallra.Errorf(gallra.Drift, "msgraph.shape")
			}
			for _, f := range page.Value {
				out = append(out, f)
				if f.Children > 0 {
					open = append(open, []string{"mailFolders", f.ID, "childFolders"})
				}
			}
			if skip += len(page.Value); page.Next == "" {
				break
			}
		}
	}
	slices.SortFunc(out, func(a, b folder) int { return strings.Compare(a.ID, b.ID) })
	return slices.CompactFunc(out, func(a, b folder) bool { return a.ID == b.ID }), nil
}

func nameOf(folders []folder, id string) string {
	for _, f := range folders {
		if f.ID == id {
			return f.Name
		}
	}
	return ""
}

// position is how far a reading has come: mails are read by the time they were
// received, and of those of the last second the ones already given are named.
// Offsets would miss mails when others are erased meanwhile.
type position struct {
	box, folder string // digests; folder only where folders are walked
	at          time.Time
	seen        []string // digests of ids
}

var beginning = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)

func (p position) String() string {
	return strings.Join([]string{p.box, p.folder, strconv.FormatInt(p.at.Unix(), 10), strings.Join(p.seen, ",")}, ".")
}

func parsePosition(cursor string) (position, error) {
	if cursor == "" {
		return position{at: beginning}, nil
	}
	f := strings.Split(cursor, ".")
	if len(f) != 4 {
		return position{}, gallra.Errorf(gallra.Invalid, "connector.bad_cursor")
	}
	at, err := strconv.ParseInt(f[2], 10, 64)
	if err != nil || at < beginning.Unix() {
		return position{}, gallra.Errorf(gallra.Invalid, "connector.bad_cursor")
	}
	p := position{box: f[0], folder: f[1], at: time.Unix(at, 0).UTC()}
	if f[3] != "" {
		p.seen = strings.Split(f[3], ",")
	}
	return p, nil
}

func idDigest(id string) string { return mailrecord.Digest(id)[:12] }

// past returns the position behind m.
func (p position) past(m message) position {
	if !m.Received.Truncate(time.Second).Equal(p.at) {
		p.at, p.seen = m.Received.Truncate(time.Second).UTC(), nil
	}
	p.seen = append(slices.Clone(p.seen), idDigest(m.ID))
	return p
}

// after returns up to want mails behind a position, and whether there are more.
func (s *Source) after(ctx context.Context, b mailbox, pos position, want int, fields, narrow string, path ...string) (fresh []message, more bool, err error) {
	last := pos.at
	for skip := 0; ; {
		filter := "receivedDateTime ge " + pos.at.Format(time.RFC3339)
		if narrow != "" {
			filter += " and " + narrow
		}
		q := url.Values{"$select": {fields}, "$expand": {expandVerb}, "$filter": {filter}, "$orderby": {"receivedDateTime asc"},
			"$top": {strconv.Itoa(min(want+len(pos.seen), mostMails))}}
		if skip > 0 {
			q.Set("$skip", strconv.Itoa(skip))
		}
		var page struct {
			Value []message `json:"value"`
			Next  string    `json:"@odata.nextLink"`
		}
		if err := s.get(ctx, "messages.list", b, q, &page, path...); err != nil {
			return nil, false, err
		}
		if page.Value == nil || page.Next != "" && len(page.Value) == 0 {
			return nil, false, gallra.Errorf(gallra.Drift, "msgraph.shape")
		}
		for _, m := range page.Value {
			at := m.Received.Truncate(time.Second)
			if m.ID == "" || at.Before(last) {
				// The answer to another question: a cache, or a page given twice.
				return nil, false, gallra.Errorf(gallra.Unavailable, "msgraph.out_of_order", "system", string(s.system))
			}
			last = at
			if at.Equal(pos.at) && slices.Contains(pos.seen, idDigest(m.ID)) {
				continue
			}
			fresh = append(fresh, m)
		}
		skip += len(page.Value)
		switch {
		case len(fresh) > want || len(fresh) == want && page.Next != "":
			return fresh[:want], true, nil
		case page.Next == "":
			return fresh, false, nil
		}
	}
}

// stored makes of a mail what mailrecord reads. Without the mail's text, its
// sent time stands in for the Date field: Exchange writes the one from the other.
func (s *Source) stored(p place, m message, folders []folder, raw []byte, cut bool) mailrecord.Stored {
	if raw == nil {
		raw = []byte("Date: " + m.Sent.UTC().Format(time.RFC1123Z) + "\r\n\r\n")
	}
	return mailrecord.Stored{Ref: s.ref(p), Version: m.ChangeKey, Folder: nameOf(folders, m.Folder), Raw: raw, Truncated: cut,
		Received: m.Received, Answered: m.verb() == "102" || m.verb() == "103"}
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
	var out connector.Page
	out.Total = -1
	fetch := func(ctx context.Context, b mailbox, folders []folder, ms []message) (int, error) {
		if q.Fields != connector.FieldsAll {
			for _, m := range ms {
				if r, _ := mailrecord.Record(s.stored(place{b, m.ID}, m, folders, nil, false), q.Fields, s.limits()); mailrecord.Selects(q, r) {
					out.Records = append(out.Records, r)
				}
			}
			return len(ms), nil
		}
		wanted := func(m message) bool { // the times decide before the text is fetched
			r, _ := mailrecord.Record(s.stored(place{b, m.ID}, m, folders, nil, false), connector.FieldsNone, s.limits())
			return mailrecord.Selects(q, r)
		}
		return s.texts(ctx, b, ms, wanted, func(m message, raw []byte, cut bool) {
			r, problems := mailrecord.Record(s.stored(place{b, m.ID}, m, folders, raw, cut), connector.FieldsAll, s.limits())
			out.Records = append(out.Records, r)
			out.Skipped = append(out.Skipped, problems...)
		})
	}
	narrow := ""
	if q.Clock == gallra.StartUpdated && !q.To.IsZero() { // the time a mail was received
		narrow = "receivedDateTime le " + q.To.UTC().Format(time.RFC3339)
	}
	next, total, err := s.walk(ctx, q.Cursor, limit, fieldsBrief, narrow, fetch)
	if err != nil {
		return connector.Page{}, err
	}
	out.Next = next
	if q.Cursor == "" {
		out.Total = total
	}
	return out, nil
}

// walk gives stretches of at most limit mails of all mailboxes to take, which
// says how many of them it has dealt with, and returns the next cursor.
func (s *Source) walk(ctx context.Context, cursor string, limit int, fields, narrow string, take func(context.Context, mailbox, []folder, []message) (int, error)) (next string, total int64, err error) {
	pos, err := parsePosition(cursor)
	if err != nil {
		return "", 0, err
	}
	if err := ctx.Err(); err != nil {
		return "", 0, err
	}
	room := limit
	for _, b := range s.boxes {
		if b.digest < pos.box {
			continue
		}
		if b.digest > pos.box {
			pos = position{box: b.digest, at: beginning}
		}
		folders, err := s.folders(ctx, b)
		if err != nil {
			return "", 0, err
		}
		for _, f := range folders {
			total += f.Total
		}
		if room == 0 {
			return pos.String(), total, nil // there is another mailbox
		}
		ms, more, err := s.after(ctx, b, pos, room, fields, narrow, "messages")
		if err != nil {
			return "", 0, err
		}
		n, err := take(ctx, b, folders, ms)
		if err != nil {
			return "", 0, err
		}
		for _, m := range ms[:n] {
			pos = pos.past(m)
		}
		if more || n < len(ms) {
			return pos.String(), total, nil
		}
		room -= n
	}
	return "", total, nil
}

// texts fetches the mails that are wanted, a few at a time, and hands them to
// take in order. It stops when it has read as much as a page may hold and
// returns how many of ms it has dealt with. A mail that is gone is left out.
func (s *Source) texts(ctx context.Context, b mailbox, ms []message, wanted func(message) bool, take func(message, []byte, bool), folder ...string) (int, error) {
	bytes := 0
	for done := 0; done < len(ms); done += parallel {
		if bytes > pageBytes {
			return done, nil
		}
		chunk := ms[done:min(done+parallel, len(ms))]
		raws, cuts := make([][]byte, len(chunk)), make([]bool, len(chunk))
		g, within := errgroup.WithContext(ctx)
		for i, m := range chunk {
			if !wanted(m) {
				continue
			}
			g.Go(func() error {
				raw, cut, err := s.value(within, place{b, m.ID}, folder...)
				if gallra.CodeOf(err) == gallra.NotFound {
					return nil
				}
				raws[i], cuts[i] = raw, cut
				return err
			})
		}
		if err := g.Wait(); err != nil {
			if ctx.Err() != nil {
				return done, ctx.Err()
			}
			return done, err
		}
		for i, m := range chunk {
			if raws[i] != nil || cuts[i] {
				bytes += 3 * len(raws[i])
				take(m, raws[i], cuts[i])
			}
		}
	}
	return len(ms), nil
}

// Get implements connector.Source.
func (s *Source) Get(ctx context.Context, ref gallra.Ref) (gallra.Record, error) {
	p, ok := s.placeOf(ref)
	if !ok {
		return gallra.Record{}, errNotFound()
	}
	st, _, err := s.whole(ctx, p)
	if err != nil {
		return gallra.Record{}, err
	}
	r, _ := mailrecord.Record(st, connector.FieldsAll, s.limits())
	return r, nil
}

// whole reads one mail with its text.
func (s *Source) whole(ctx context.Context, p place) (mailrecord.Stored, message, error) {
	m, err := s.brief(ctx, p)
	if err != nil {
		return mailrecord.Stored{}, m, err
	}
	folders, err := s.folders(ctx, p.box)
	if err != nil {
		return mailrecord.Stored{}, m, err
	}
	raw, cut, err := s.value(ctx, p)
	return s.stored(p, m, folders, raw, cut), m, err
}
