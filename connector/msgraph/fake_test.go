package msgraph_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/mail"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/connectortest"
	"github.com/gallra/gallra/connector/mailrecord/mailtest"
	"github.com/gallra/gallra/connector/msgraph"
	"github.com/gallra/gallra/connector/rest"
	"github.com/gallra/gallra/connector/rest/resttest"
)

const (
	box     = "kontakt@kommun.example"
	secret  = "hemlig-appnyckel"
	pageCap = 5 // Graph may give fewer than were asked for
)

// exchange is a mailbox in Exchange Online as Graph shows it: a mail that is
// erased for good is in Purges, which nothing shows, until the time is out and
// no hold is set.
type exchange struct {
	clock    *resttest.Clock
	tokens   *resttest.Tokens
	quota    *resttest.Quota
	contract *resttest.Contract
	system   gallra.SystemID
	way      *resttest.Faulty // to the server

	mu       sync.Mutex
	folders  []map[string]any // id, displayName, parent, hidden
	mails    map[string]*letter
	dumpster map[string]*letter // recoverable items that users see
	purges   map[string]*letter
	last     int
	canWrite bool
	failing  bool
	hold     bool
}

type letter struct {
	n                  int
	folder, key        string
	raw                string
	received, sent     time.Time
	read               bool
	flag, verb, marked string
	flags              string // PidTagMessageFlags as given; "" for a mail that was delivered
	until              time.Time
}

var systems atomic.Int64

func newExchange(tb testing.TB) *exchange {
	tb.Helper()
	description, err := os.ReadFile("testdata/graph.yaml")
	if err != nil {
		tb.Fatal(err)
	}
	contract, err := resttest.NewContract(description)
	if err != nil {
		tb.Fatal(err)
	}
	clock := resttest.NewClock(time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC))
	x := &exchange{clock: clock, contract: contract, system: gallra.SystemID(fmt.Sprint("post-", systems.Add(1))), canWrite: true,
		tokens: &resttest.Tokens{Clock: clock, Life: time.Hour, Client: "app", Secret: secret, Reader: "lasapp"},
		quota:  &resttest.Quota{Clock: clock, Calls: 10_000, Per: 10 * time.Minute}}
	x.way = &resttest.Faulty{Next: resttest.Local{Handler: x}}
	x.reset()
	tb.Cleanup(func() {
		for _, b := range contract.Broken() {
			tb.Errorf("against the contract: %s", b)
		}
	})
	return x
}

func (x *exchange) reset() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.mails, x.dumpster, x.purges, x.last = map[string]*letter{}, map[string]*letter{}, map[string]*letter{}, 0
	x.folders = []map[string]any{{"id": "AAinbox", "displayName": "Inkorg"}, {"id": "AAdrafts", "displayName": "Utkast"}, {"id": "AAdeleted", "displayName": "Borttaget"},
		{"id": "AAhidden", "displayName": "Dold", "hidden": true}}
	for i, name := range []string{"Bygglov", "Skola", "Vatten"} {
		x.folders = append(x.folders, map[string]any{"id": fmt.Sprint("AA", i), "displayName": name, "parent": "AAinbox"})
	}
}

func (x *exchange) config() connector.Config {
	return connector.Config{System: x.system, URL: "msgraph://graph.example.com", Options: map[string]string{
		"mailbox": box, "tenant": "kommun", "client_id": "lasapp", "client_secret": secret, "erase_client_id": "app", "erase_client_secret": secret, "login": "login.example.com"}}
}

func (x *exchange) open(tb connectortest.TB, change ...func(*connector.Config, *rest.Options)) connector.Source {
	tb.Helper()
	c := x.config()
	var o rest.Options
	for _, f := range change {
		f(&c, &o)
	}
	s, err := msgraph.Open(c, func(to *rest.Options) {
		to.Clock, to.Transport = x.clock, x.way
		if o.Transport != nil {
			to.Transport = o.Transport
		}
	})
	if err != nil {
		tb.Fatalf("open: %v", err)
	}
	return s
}

func (x *exchange) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Host == "login.example.com" {
		x.tokens.ServeHTTP(w, r)
		return
	}
	if r.Header.Get("return-client-request-id") == "true" {
		w.Header().Set("client-request-id", r.Header.Get("client-request-id"))
	}
	if x.quota.Refuse(w) {
		return
	}
	if !x.tokens.Valid(r) {
		refuse(w, 401, "InvalidAuthenticationToken")
		return
	}
	if x.tokens.Reading(r) && resttest.Changes(r) {
		refuse(w, 403, "ErrorAccessDenied")
		return
	}
	x.contract.Wrap(http.HandlerFunc(x.serve)).ServeHTTP(w, r)
}

func refuse(w http.ResponseWriter, status int, code string) {
	resttest.Write(w, status, map[string]any{"error": map[string]any{"code": code, "message": "Åsa får inte"}})
}

var pathOf = regexp.MustCompile(`^/v1\.0/users/([^/]+)/(.*)$`)

func (x *exchange) serve(w http.ResponseWriter, r *http.Request) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.expire()
	m := pathOf.FindStringSubmatch(r.URL.Path)
	if m == nil || m[1] != box {
		refuse(w, 404, "ErrorInvalidUser")
		return
	}
	if r.Method != http.MethodGet && (!x.canWrite || x.failing) {
		refuse(w, 403, "ErrorAccessDenied")
		return
	}
	p := strings.Split(m[2], "/")
	switch {
	case p[0] == "mailFolders" && len(p) == 1:
		x.listFolders(w, r, nil)
	case p[0] == "mailFolders" && len(p) == 2:
		if p[1] != "inbox" {
			refuse(w, 404, "ErrorItemNotFound")
			return
		}
		resttest.Write(w, 200, x.folder(x.folders[0]))
	case p[0] == "mailFolders" && p[2] == "childFolders":
		x.listFolders(w, r, p[1])
	case p[0] == "mailFolders" && r.Method == http.MethodPost:
		x.create(w, r, p[1])
	case p[0] == "mailFolders" && len(p) >= 4:
		if p[1] == "recoverableitemsdeletions" {
			x.one(w, x.dumpster, p[3], p[4:])
		} else {
			x.one(w, x.mails, p[3], p[4:])
		}
	case p[0] == "mailFolders":
		x.listMails(w, r, p[1])
	case len(p) == 1:
		x.listMails(w, r, "")
	default:
		x.one(w, x.mails, p[1], p[2:])
	}
}

func (x *exchange) one(w http.ResponseWriter, from map[string]*letter, id string, rest []string) {
	l := from[id]
	switch {
	case l == nil:
		refuse(w, 404, "ErrorItemNotFound")
	case len(rest) == 0:
		resttest.Write(w, 200, x.show(id, l))
	case rest[0] == "$value":
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, l.raw)
	case rest[0] == "permanentDelete":
		delete(x.mails, id)
		l.until = x.clock.Now().AddDate(0, 0, 14)
		x.purges[id] = l
		w.WriteHeader(204)
	}
}

func (x *exchange) expire() {
	for id, l := range x.purges {
		if !x.hold && !x.clock.Now().Before(l.until) {
			delete(x.purges, id)
		}
	}
}

func (x *exchange) folder(f map[string]any) map[string]any {
	children, total := 0, 0
	for _, c := range x.folders {
		if c["parent"] == f["id"] {
			children++
		}
	}
	for _, l := range x.mails {
		if l.folder == f["id"] {
			total++
		}
	}
	return map[string]any{"id": f["id"], "displayName": f["displayName"], "childFolderCount": children, "totalItemCount": total}
}

func (x *exchange) listFolders(w http.ResponseWriter, r *http.Request, parent any) {
	var all []map[string]any
	for _, f := range x.folders {
		if f["parent"] == parent && (f["hidden"] == nil || r.URL.Query().Get("includeHiddenFolders") == "true") {
			all = append(all, x.folder(f))
		}
	}
	page(w, r, all, 2)
}

// page answers with a stretch of a list, shorter than asked for.
func page(w http.ResponseWriter, r *http.Request, all []map[string]any, most int) {
	skip, _ := strconv.Atoi(r.URL.Query().Get("$skip"))
	top, err := strconv.Atoi(r.URL.Query().Get("$top"))
	if err != nil {
		top = 10
	}
	all = all[min(skip, len(all)):]
	out := map[string]any{"value": append([]map[string]any{}, all[:min(len(all), top, most)]...)}
	if len(all) > min(top, most) {
		out["@odata.nextLink"] = "https://graph.example.com" + r.URL.Path + "?$skip=" + strconv.Itoa(skip+min(top, most))
	}
	resttest.Write(w, 200, out)
}

var (
	fromTo = regexp.MustCompile(`^receivedDateTime ge (\S+)(?: and receivedDateTime le (\S+))?$`)
	marked = regexp.MustCompile(`^singleValueExtendedProperties/Any\(ep: ep/id eq '(.*)' and ep/value eq '([0-9a-f]+)'\)$`)
)

func (x *exchange) listMails(w http.ResponseWriter, r *http.Request, folder string) {
	from := x.mails
	if folder == "recoverableitemsdeletions" {
		from, folder = x.dumpster, ""
	} else if folder != "" && !slices.ContainsFunc(x.folders, func(f map[string]any) bool { return f["id"] == folder }) {
		refuse(w, 404, "ErrorItemNotFound")
		return
	}
	var ids []string
	filter := r.URL.Query().Get("$filter")
	span, mark := fromTo.FindStringSubmatch(filter), marked.FindStringSubmatch(filter)
	if span == nil && mark == nil {
		refuse(w, 400, "ErrorInvalidUrlQueryFilter")
		return
	}
	for id, l := range from {
		if folder != "" && l.folder != folder || mark != nil && l.marked != mark[2] {
			continue
		}
		if span != nil {
			ge, err := time.Parse(time.RFC3339, span[1])
			le, err2 := time.Parse(time.RFC3339, span[2])
			if err != nil || span[2] != "" && err2 != nil {
				refuse(w, 400, "ErrorInvalidUrlQueryFilter")
				return
			}
			if l.received.Before(ge) || span[2] != "" && l.received.After(le) {
				continue
			}
		}
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b string) int {
		if c := from[a].received.Compare(from[b].received); c != 0 {
			return c
		}
		return from[b].n - from[a].n // an order of Exchange's own
	})
	all := []map[string]any{}
	for _, id := range ids {
		all = append(all, x.show(id, from[id]))
	}
	page(w, r, all, pageCap)
}

func (x *exchange) show(id string, l *letter) map[string]any {
	out := map[string]any{"id": id, "changeKey": l.key, "parentFolderId": l.folder, "receivedDateTime": l.received.UTC().Format(time.RFC3339), "sentDateTime": l.sent.UTC().Format(time.RFC3339),
		"isRead": l.read, "isDraft": l.flags == "8", "importance": "normal", "categories": []string{}, "flag": map[string]any{"flagStatus": l.flag}}
	m, err := mail.ReadMessage(strings.NewReader(l.raw))
	if err != nil {
		return out
	}
	recipients := func(name string) []any {
		list := []any{}
		as, _ := (&mail.AddressParser{WordDecoder: new(mime.WordDecoder)}).ParseList(m.Header.Get(name))
		for _, a := range as {
			list = append(list, map[string]any{"emailAddress": map[string]any{"name": a.Name, "address": a.Address}})
		}
		return list
	}
	if f := recipients("From"); len(f) > 0 {
		out["from"], out["sender"] = f[0], f[0]
	}
	out["toRecipients"], out["ccRecipients"], out["bccRecipients"], out["replyTo"] = recipients("To"), recipients("Cc"), recipients("Bcc"), recipients("Reply-To")
	if l.verb != "" {
		out["singleValueExtendedProperties"] = []any{map[string]any{"id": "Integer 0x1081", "value": l.verb}}
	}
	return out
}

// create makes a mail of what Graph was told and composes its MIME anew.
func (x *exchange) create(w http.ResponseWriter, r *http.Request, folder string) {
	var d struct {
		Subject           string
		Body              struct{ ContentType, Content string }
		From              *recipient
		ToRecipients      []recipient
		CcRecipients      []recipient
		InternetMessageID string
		IsRead            bool
		Flag              struct{ FlagStatus string }
		Attachments       []struct{ Name, ContentType, ContentBytes string }
		Extended          []struct{ ID, Value string } `json:"singleValueExtendedProperties"`
	}
	if err := json.NewDecoder(r.Body).Decode(&d); err != nil {
		refuse(w, 400, "BadRequest")
		return
	}
	l := &letter{folder: folder, read: d.IsRead, flag: d.Flag.FlagStatus, flags: "8", received: x.clock.Now(), sent: x.clock.Now()}
	for _, p := range d.Extended {
		switch p.ID {
		case "Integer 0x0E07":
			l.flags = p.Value
		case "Integer 0x1081":
			l.verb = p.Value
		case "SystemTime 0x0E06":
			l.received, _ = time.Parse(time.RFC3339, p.Value)
		case "SystemTime 0x0039":
			l.sent, _ = time.Parse(time.RFC3339, p.Value)
		default:
			if strings.HasSuffix(p.ID, "GallraReplaces") {
				l.marked = p.Value
			}
		}
	}
	var b strings.Builder
	head := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\r\n", name, value)
		}
	}
	if d.From != nil {
		head("From", d.From.String())
	}
	head("To", joined(d.ToRecipients))
	head("CC", joined(d.CcRecipients))
	head("Subject", mime.BEncoding.Encode("utf-8", d.Subject))
	head("Thread-Topic", mime.BEncoding.Encode("utf-8", d.Subject))
	head("Date", l.sent.Format(time.RFC1123Z))
	head("Message-ID", d.InternetMessageID)
	head("MIME-Version", "1.0")
	part := func(kind, content string) string {
		return "Content-Type: " + kind + "\r\nContent-Transfer-Encoding: base64\r\n\r\n" + content + "\r\n"
	}
	text := part(map[string]string{"text": "text/plain", "html": "text/html"}[d.Body.ContentType]+"; charset=\"utf-8\"", base64.StdEncoding.EncodeToString([]byte(d.Body.Content)))
	if len(d.Attachments) == 0 {
		b.WriteString(text)
	} else {
		b.WriteString("Content-Type: multipart/mixed; boundary=\"_000_x\"\r\n\r\n--_000_x\r\n" + text)
		for _, a := range d.Attachments {
			b.WriteString("--_000_x\r\nContent-Disposition: attachment; filename=\"" + a.Name + "\"\r\n" + part(a.ContentType, a.ContentBytes))
		}
		b.WriteString("--_000_x--\r\n")
	}
	l.raw = b.String()
	id := x.add(l)
	resttest.Write(w, 201, x.show(id, l))
}

type recipient struct {
	EmailAddress struct{ Name, Address string }
}

func (r recipient) String() string {
	return (&mail.Address{Name: r.EmailAddress.Name, Address: r.EmailAddress.Address}).String()
}

func joined(rs []recipient) string {
	var out []string
	for _, r := range rs {
		out = append(out, r.String())
	}
	return strings.Join(out, ", ")
}

// add stores a mail; the caller holds the lock or is alone.
func (x *exchange) add(l *letter) string {
	x.last++
	l.n, l.key = x.last, fmt.Sprintf("CQAAAB%d", x.last)
	if l.flag == "" {
		l.flag = "notFlagged"
	}
	id := fmt.Sprintf("AAkALgAAAAAAHYQDEapmEc2byACqAC-EWg0A%06d-_", x.last)
	x.mails[id] = l
	return id
}

func (x *exchange) find(key string) (string, *letter) {
	for id, l := range x.mails {
		if strings.Contains(mailtest.Decoded(l.raw), key) {
			return id, l
		}
	}
	return "", nil
}

func (x *exchange) folderNamed(name string) string {
	for _, f := range x.folders {
		if f["displayName"] == name {
			return f["id"].(string)
		}
	}
	return "AAinbox"
}

func (x *exchange) stored() []connectortest.Place {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.expire()
	var out []connectortest.Place
	for _, part := range []struct {
		where string
		mails map[string]*letter
	}{{"mailbox", x.mails}, {"recoverable items", x.dumpster}, {"Purges", x.purges}} {
		var ls []*letter
		for _, l := range part.mails {
			ls = append(ls, l)
		}
		slices.SortFunc(ls, func(a, b *letter) int { return a.n - b.n })
		for _, l := range ls {
			name := ""
			for _, f := range x.folders {
				if f["id"] == l.folder {
					name = f["displayName"].(string)
				}
			}
			out = append(out, connectortest.Place{Where: part.where, Value: strings.Join([]string{name, l.received.UTC().String(), l.sent.UTC().String(), l.flag, l.verb, l.flags, strconv.FormatBool(l.read), mailtest.Decoded(l.raw)}, "\n")})
		}
	}
	return out
}

func (x *exchange) harness(tb testing.TB) connectortest.Harness {
	return connectortest.Harness{
		Name: "msgraph", Type: "mail", Email: "from", Named: "from_name", Text: "text", Keep: "folder",
		Kinds:   []gallra.IdentifierKind{gallra.IdentEmail, gallra.IdentName},
		Clocks:  []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated},
		Config:  func(connectortest.TB) connector.Config { return x.config() },
		Open:    func(tb connectortest.TB) connector.Source { return x.open(tb) },
		Secrets: []string{secret, box},
		Reset:   func(connectortest.TB) { x.reset() },
		Seed: func(_ connectortest.TB, seeds []connectortest.Seed) {
			x.mu.Lock()
			defer x.mu.Unlock()
			for _, s := range seeds {
				x.add(&letter{folder: x.folderNamed(s.Keep), raw: mailtest.Compose(s), received: s.Updated, sent: s.Created})
			}
		},
		Stored: func(connectortest.TB) []connectortest.Place { return x.stored() },
		Touch: func(tb connectortest.TB, s connectortest.Seed) {
			x.mu.Lock()
			defer x.mu.Unlock()
			_, l := x.find(s.Key)
			if l == nil {
				tb.Fatalf("harness: no mail of the seed")
			}
			l.flag, l.key = "flagged", l.key+"a"
		},
		Plant: func(_ connectortest.TB, text string) {
			x.mu.Lock()
			defer x.mu.Unlock()
			l := &letter{folder: "AAinbox", received: x.clock.Now(), sent: x.clock.Now(), raw: mailtest.Compose(connectortest.Seed{Key: "plant", Text: text, Email: "x@example.org"})}
			id := x.add(l)
			delete(x.mails, id)
			x.dumpster[id] = l
		},
		PutBack: func(_ connectortest.TB, ref gallra.Ref, s connectortest.Seed) {
			x.mu.Lock()
			defer x.mu.Unlock()
			_, id, _ := strings.Cut(ref.ID, "-")
			x.dumpster[id] = &letter{raw: mailtest.Compose(s), received: s.Updated, sent: s.Created, flag: "notFlagged"}
		},
		FailWrites: func(_ connectortest.TB, on bool) { x.mu.Lock(); x.failing = on; x.mu.Unlock() },
		Faults: func(_ connectortest.TB, seed uint64) func() int {
			stop := x.way.Spoil(seed, 6)
			return func() int {
				x.clock.Advance(15 * 24 * time.Hour) // what edits have left in Purges goes
				return stop()
			}
		},
		Eventually: func(connectortest.TB) { x.clock.Advance(15 * 24 * time.Hour) },
		Broken: func(connectortest.TB) []connector.Config {
			a, b, c := x.config(), x.config(), x.config()
			a.Options["recoverable_days"], b.Options["hold"], c.URL = "många", "kanske", "msgraph://"
			return []connector.Config{a, b, c}
		},
	}
}
