package xexport

import (
	"archive/zip"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector/jsonedit"
	"github.com/gallra/gallra/connector/zipfile"
)

// How much an entry may hold.
const (
	maxScript = 512 << 20
	maxFile   = 1 << 30
)

// archive is an account's ZIP taken apart.
type archive struct {
	zip           *zip.Reader
	scripts       []*script
	conversations []*conversation // by id
	posts         []*post         // by id
	media         []*media        // by id
	recognised    bool
	problems      map[string]string // script -> why it could not be read
}

// script is one file of records.
type script struct {
	file    *zip.File
	raw     []byte
	items   []jsonedit.Span // of its array
	headers bool            // it repeats messages without their text
}

// conversation is all that two persons, or a group, have written.
type conversation struct {
	id       string // a digest where X's own is made of the persons' accounts
	accounts []string
	group    bool
	parts    []occurrence // where it stands: messages and headers, part by part
	messages []*message   // by time
}

// occurrence is one place of a conversation.
type occurrence struct {
	script *script
	item   int
	raw    []byte
	events []event
}

// event is one element of a conversation's array of messages.
type event struct {
	at   jsonedit.Span
	id   string   // of a message; "" for what is none
	name text     // a name the group was given
	msg  *message // nil in headers
}

// text is a string and where it stands.
type text struct {
	value string
	at    jsonedit.Span
}

// message is one message.
type message struct {
	id, sender, recipient string
	text                  text
	created               time.Time
	more                  string // JSON of the rest
	version               string
	c                     *conversation
	in                    *script
	at                    jsonedit.Span
}

// post is one post of the account itself.
type post struct {
	id      string
	text    text
	answers text // the name of the account that is answered
	names   []mention
	created time.Time
	more    string
	version string
	in      *script
	item    int
}

// mention is an account that a post names.
type mention struct{ name, account text }

// String is the mention as people read it.
func (m mention) String() string { return strings.TrimSpace(m.name.value + " @" + m.account.value) }

// media is a file that was sent.
type media struct {
	id   string
	file *zip.File
	msg  *message // nil when its message is gone
	c    *conversation
}

var (
	scriptPath = regexp.MustCompile(`^(?:.*/)?data/(direct-messages?(?:-group)?(-headers)?|tweets?|deleted-tweets|note-tweet|community-tweet)(?:-part[0-9]+)?\.js$`)
	mediaPath  = regexp.MustCompile(`^(?:.*/)?data/direct_messages?(?:_group)?_media/([0-9]+)-([^/]+)$`)
)

func readArchive(f *os.File) (*archive, error) {
	z, err := zipfile.Read(f)
	if err != nil {
		return nil, err
	}
	a := &archive{zip: z, problems: map[string]string{}}
	byID := map[string]*conversation{}
	messages := map[string]*message{}
	for _, f := range z.File {
		m := scriptPath.FindStringSubmatch(f.Name)
		if m == nil {
			continue
		}
		a.recognised = true
		raw, err := zipfile.Unpack(f, maxScript)
		if err != nil {
			a.problems[f.Name] = reason(err)
			continue
		}
		s := &script{file: f, raw: raw, headers: m[2] != ""}
		if strings.HasPrefix(m[1], "direct") {
			err = s.conversations(byID, strings.Contains(m[1], "group"), messages)
		} else {
			err = a.readPosts(s)
		}
		if err != nil {
			a.problems[f.Name] = "xexport.malformed"
		}
		a.scripts = append(a.scripts, s)
	}
	for _, c := range byID {
		slices.SortFunc(c.messages, func(x, y *message) int { return cmp.Or(x.created.Compare(y.created), cmp.Compare(x.id, y.id)) })
		a.conversations = append(a.conversations, c)
	}
	slices.SortFunc(a.conversations, func(x, y *conversation) int { return cmp.Compare(x.id, y.id) })
	slices.SortFunc(a.posts, func(x, y *post) int { return cmp.Compare(x.id, y.id) })
	for _, f := range z.File {
		m := mediaPath.FindStringSubmatch(f.Name)
		if m == nil {
			continue
		}
		// The name after the message's number may tell something: a digest stands for it.
		x := &media{id: m[1] + "-f" + digest([]byte(m[2])), file: f, msg: messages[m[1]]}
		if x.msg != nil {
			x.c = x.msg.c
		}
		a.media = append(a.media, x)
	}
	slices.SortFunc(a.media, func(x, y *media) int { return cmp.Compare(x.id, y.id) })
	return a, nil
}

// array opens the array that a script assigns to its variable.
func (s *script) array() (*json.Decoder, int, error) {
	at := bytes.IndexByte(s.raw, '[')
	if at < 0 || !bytes.HasPrefix(bytes.TrimSpace(s.raw), []byte("window.")) {
		return nil, 0, jsonedit.ErrMalformed
	}
	return json.NewDecoder(bytes.NewReader(s.raw[at:])), at, nil
}

// conversations reads a file of messages or of headers.
func (s *script) conversations(byID map[string]*conversation, group bool, messages map[string]*message) error {
	d, base, err := s.array()
	if err != nil {
		return err
	}
	return jsonedit.Array(d, func() error {
		raw, at, _, err := jsonedit.Value(d, base)
		if err != nil {
			return err
		}
		o := occurrence{script: s, item: len(s.items), raw: raw}
		s.items = append(s.items, at)
		id := ""
		var own []*message
		err = member(raw, at.Start, "dmConversation", func(in *json.Decoder, base int) error {
			return jsonedit.Object(in, func(key string) error {
				v, at, text, err := jsonedit.Value(in, base)
				if key == "conversationId" {
					id = text
				}
				if key != "messages" || err != nil {
					return err
				}
				list := json.NewDecoder(bytes.NewReader(v))
				return jsonedit.Array(list, func() error {
					v, at, _, err := jsonedit.Value(list, at.Start)
					if err != nil {
						return err
					}
					e, err := s.event(v, at)
					if e.msg != nil {
						own = append(own, e.msg)
					}
					o.events = append(o.events, e)
					return err
				})
			})
		})
		if err != nil || id == "" {
			return jsonedit.ErrMalformed
		}
		c := byID[id]
		if c == nil {
			c = &conversation{id: id, group: group}
			if !group {
				c.id, c.accounts = "d"+digest([]byte(id)), strings.Split(id, "-")
			}
			byID[id] = c
		}
		c.parts = append(c.parts, o)
		for _, m := range own {
			m.c = c
			if messages[m.id] == nil {
				messages[m.id] = m
				c.messages = append(c.messages, m)
			}
		}
		return nil
	})
}

// member calls f with a decoder that stands before the value of one member of an
// object.
func member(raw []byte, base int, name string, f func(d *json.Decoder, base int) error) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	return jsonedit.Object(d, func(key string) error {
		v, at, _, err := jsonedit.Value(d, base)
		if err != nil || key != name {
			return err
		}
		return f(json.NewDecoder(bytes.NewReader(v)), at.Start)
	})
}

// event reads one element of a conversation.
func (s *script) event(raw []byte, at jsonedit.Span) (event, error) {
	e := event{at: at}
	d := json.NewDecoder(bytes.NewReader(raw))
	err := jsonedit.Object(d, func(kind string) error {
		v, in, _, err := jsonedit.Value(d, at.Start)
		if err != nil || v[0] != '{' {
			return err
		}
		m := &message{in: s, at: at, version: digest(raw)}
		more := map[string]json.RawMessage{}
		fields := json.NewDecoder(bytes.NewReader(v))
		if err := jsonedit.Object(fields, func(key string) error {
			v, at, value, err := jsonedit.Value(fields, in.Start)
			if err != nil {
				return err
			}
			switch key {
			case "id":
				m.id = value
			case "senderId":
				m.sender = value
			case "recipientId":
				m.recipient = value
			case "text":
				m.text = text{value, at}
			case "name":
				e.name = text{value, at}
			case "createdAt":
				m.created, err = time.Parse(time.RFC3339, value)
			default:
				more[key] = v
			}
			return err
		}); err != nil {
			return err
		}
		if kind != "messageCreate" && kind != "welcomeMessageCreate" || m.id == "" {
			return nil
		}
		e.id = m.id
		if !s.headers {
			m.more = rest(more)
			e.msg = m
		}
		return nil
	})
	return e, err
}

// rest is the JSON of members that are no fields of their own; "" when they say
// nothing.
func rest(more map[string]json.RawMessage) string {
	for k, v := range more {
		if len(v) == 2 && v[0] != '"' || string(v) == `""` { // [] and {}
			delete(more, k)
		}
	}
	if len(more) == 0 {
		return ""
	}
	b, err := json.Marshal(more)
	if err != nil {
		return ""
	}
	return string(b)
}

// readPosts reads a file of the account's own posts.
func (a *archive) readPosts(s *script) error {
	d, base, err := s.array()
	if err != nil {
		return err
	}
	return jsonedit.Array(d, func() error {
		raw, at, _, err := jsonedit.Value(d, base)
		if err != nil {
			return err
		}
		p := &post{in: s, item: len(s.items), version: digest(raw)}
		s.items = append(s.items, at)
		outer := json.NewDecoder(bytes.NewReader(raw))
		more := map[string]json.RawMessage{}
		err = jsonedit.Object(outer, func(string) error { // tweet, noteTweet
			v, at, _, err := jsonedit.Value(outer, at.Start)
			if err != nil || v[0] != '{' {
				return err
			}
			return p.read(v, at.Start, more)
		})
		if err != nil || p.id == "" {
			return jsonedit.ErrMalformed
		}
		p.more = rest(more)
		a.posts = append(a.posts, p)
		return nil
	})
}

// read reads the members of a post, those of its parts included.
func (p *post) read(raw []byte, base int, more map[string]json.RawMessage) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	return jsonedit.Object(d, func(key string) error {
		v, at, value, err := jsonedit.Value(d, base)
		if err != nil {
			return err
		}
		switch key {
		case "id_str", "id", "noteTweetId":
			p.id = cmp.Or(value, p.id)
		case "full_text", "text":
			p.text = text{value, at}
		case "in_reply_to_screen_name":
			p.answers = text{value, at}
		case "created_at", "createdAt":
			for _, layout := range []string{time.RubyDate, time.RFC3339} {
				if t, err := time.Parse(layout, value); err == nil {
					p.created = t
				}
			}
		case "core": // a long post's text
			return p.read(v, at.Start, more)
		case "entities":
			return p.entities(v, at.Start, more)
		default:
			more[key] = v
		}
		return nil
	})
}

// entities reads what a post points at: the accounts it names, and the rest.
func (p *post) entities(raw []byte, base int, more map[string]json.RawMessage) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	return jsonedit.Object(d, func(key string) error {
		v, at, _, err := jsonedit.Value(d, base)
		if err != nil || key != "user_mentions" {
			more[key] = v
			return err
		}
		list := json.NewDecoder(bytes.NewReader(v))
		return jsonedit.Array(list, func() error {
			v, at, _, err := jsonedit.Value(list, at.Start)
			if err != nil {
				return err
			}
			var m mention
			in := json.NewDecoder(bytes.NewReader(v))
			err = jsonedit.Object(in, func(key string) error {
				_, at, value, err := jsonedit.Value(in, at.Start)
				switch key {
				case "name":
					m.name = text{value, at}
				case "screen_name":
					m.account = text{value, at}
				}
				return err
			})
			p.names = append(p.names, m)
			return err
		})
	})
}

// mentions returns the accounts a post names, a line each.
func (p *post) mentions() string {
	lines := make([]string, len(p.names))
	for i, m := range p.names {
		lines[i] = m.String()
	}
	return strings.Join(lines, "\n")
}

// participants returns the accounts that have written or been written to.
func (c *conversation) participants() []string {
	var out []string
	add := func(ids ...string) {
		for _, id := range ids {
			if id != "" && !slices.Contains(out, id) {
				out = append(out, id)
			}
		}
	}
	add(c.accounts...)
	for _, m := range c.messages {
		add(m.sender, m.recipient)
	}
	return out
}

// name returns what a group was called last.
func (c *conversation) name() string {
	for _, o := range c.parts {
		for _, e := range o.events { // newest first
			if e.name.at.End > 0 {
				return e.name.value
			}
		}
	}
	return ""
}

func (c *conversation) version() string {
	var sum []byte
	for _, o := range c.parts {
		sum = append(sum, digest(o.raw)...)
	}
	return digest(sum)
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:12])
}

// reason returns the message key of an error.
func reason(err error) string {
	if e, ok := err.(*gallra.Error); ok {
		return e.Key
	}
	return "xexport.malformed"
}

func (m *media) name() string { return path.Base(m.file.Name) }
