package metaexport

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/jsonedit"
	"github.com/gallra/gallra/connector/zipfile"
)

// page is one message file taken apart, with the places of its values.
type page struct {
	raw          []byte
	title        span
	path         span // thread_path
	participants []span
	messages     []message
	rest         []gallra.Field // other top-level values, as they stand
}

// span is a value and where its bytes are. A zero span is not there.
type span struct {
	value      string
	start, end int
}

// message is one message of a page.
type message struct {
	span   // the whole object
	comma  int
	sender span
	text   span
	at     int64  // milliseconds since 1970
	uris   []span // what it has attached
	more   string // JSON of the values not named above
	nth    int    // among those of the same millisecond, counted from the end
	page   int
}

var errMalformed = jsonedit.ErrMalformed

// value reads any value and says where it stands, base bytes into the page.
func value(d *json.Decoder, base int) (json.RawMessage, span, error) {
	v, at, text, err := jsonedit.Value(d, base)
	return v, span{unescape(text), at.Start, at.End}, err
}

// parsePage takes a message file apart.
func parsePage(raw []byte) (page, error) {
	p := page{raw: raw}
	d := json.NewDecoder(bytes.NewReader(raw))
	err := jsonedit.Object(d, func(key string) (err error) {
		switch key {
		case "title":
			_, p.title, err = value(d, 0)
		case "thread_path":
			_, p.path, err = value(d, 0)
		case "participants":
			return jsonedit.Array(d, func() error {
				v, s, err := value(d, 0)
				if err != nil {
					return err
				}
				in := json.NewDecoder(bytes.NewReader(v))
				return jsonedit.Object(in, func(key string) error {
					_, n, err := value(in, s.start)
					if key == "name" {
						p.participants = append(p.participants, n)
					}
					return err
				})
			})
		case "messages":
			return jsonedit.Array(d, func() error {
				v, s, err := value(d, 0)
				if err != nil {
					return err
				}
				m, err := parseMessage(v, s)
				p.messages = append(p.messages, m)
				return err
			})
		default:
			var v json.RawMessage
			if v, _, err = value(d, 0); err == nil {
				p.rest = append(p.rest, gallra.Field{Name: key, Value: string(v)})
			}
		}
		return err
	})
	return p, err
}

func parseMessage(raw []byte, at span) (message, error) {
	m := message{span: at}
	more := map[string]json.RawMessage{}
	d := json.NewDecoder(bytes.NewReader(raw))
	err := jsonedit.Object(d, func(key string) error {
		v, s, err := value(d, at.start)
		if err != nil {
			return err
		}
		switch key {
		case "sender_name":
			m.sender = s
		case "content":
			m.text = s
		case "timestamp_ms":
			if m.at, err = strconv.ParseInt(string(v), 10, 64); err != nil {
				return errMalformed
			}
		default:
			more[key] = v
			uris(v, s.start, &m.uris)
		}
		return nil
	})
	if err == nil && len(more) > 0 {
		b, merr := json.Marshal(more)
		if merr != nil {
			return m, errMalformed
		}
		m.more = unescapeJSON(b)
	}
	return m, err
}

// uris collects the values named "uri" below a value.
func uris(v json.RawMessage, base int, out *[]span) {
	if len(v) == 0 || v[0] != '[' && v[0] != '{' {
		return
	}
	d := json.NewDecoder(bytes.NewReader(v))
	each := func(key string) error {
		v, s, err := value(d, base)
		if err != nil {
			return err
		}
		if key == "uri" && s.value != "" {
			*out = append(*out, s)
		}
		uris(v, s.start, out)
		return nil
	}
	// The value was read once already: it is well-formed.
	if v[0] == '{' {
		_ = jsonedit.Object(d, each)
	} else {
		_ = jsonedit.Array(d, func() error { return each("") })
	}
}

// unescape gives back the text whose UTF-8 bytes were written as characters.
func unescape(s string) string {
	b := make([]byte, 0, len(s))
	for _, r := range s {
		if r > 0xFF {
			return s
		}
		b = append(b, byte(r))
	}
	if !utf8.Valid(b) {
		return s
	}
	return string(b)
}

// unescapeJSON does so within the strings of JSON.
func unescapeJSON(b []byte) string {
	var v any
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return string(b)
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if e.Encode(deep(v)) != nil {
		return string(b)
	}
	return strings.TrimRight(out.String(), "\n")
}

func deep(v any) any {
	switch x := v.(type) {
	case string:
		return unescape(x)
	case []any:
		for i := range x {
			x[i] = deep(x[i])
		}
	case map[string]any:
		for k := range x {
			x[k] = deep(x[k])
		}
	}
	return v
}

// escape writes a text as Meta does.
func escape(s string) []byte {
	var out bytes.Buffer
	for _, c := range jsonedit.Quote(s) {
		if c < 0x80 {
			out.WriteByte(c)
		} else {
			fmt.Fprintf(&out, `\u%04x`, c)
		}
	}
	return out.Bytes()
}

// conversation is a thread read whole.
type conversation struct {
	*thread
	pages    []page
	messages []message // oldest first
	version  string
}

// load reads the message files of a thread.
func (t *thread) load() (conversation, error) {
	c := conversation{thread: t}
	var sum []byte
	for i, f := range t.pages {
		raw, err := zipfile.Unpack(f, maxJSON)
		if err != nil {
			return c, err
		}
		sum = append(sum, digest(raw)...)
		p, err := parsePage(raw)
		if err != nil {
			return c, gallra.Errorf(gallra.Invalid, "meta.malformed")
		}
		for _, m := range p.messages {
			m.page = i
			c.messages = append(c.messages, m)
		}
		c.pages = append(c.pages, p)
	}
	c.version = digest(sum)
	count := map[int64]int{}
	for i := range slices.Backward(c.messages) {
		m := &c.messages[i]
		count[m.at]++
		m.nth = count[m.at]
	}
	slices.SortStableFunc(c.messages, func(x, y message) int {
		return cmp.Or(cmp.Compare(x.at, y.at), cmp.Compare(y.nth, x.nth))
	})
	return c, nil
}

// id names a message: its conversation, its millisecond, and which of those.
func (c conversation) id(m message) string {
	id := c.thread.id + "-" + strconv.FormatInt(m.at, 10)
	if m.nth > 1 {
		id += "-" + strconv.Itoa(m.nth)
	}
	return id
}

// names returns the participants, each once.
func (c conversation) names() []string {
	var out []string
	for _, p := range c.pages {
		for _, n := range p.participants {
			if !slices.Contains(out, n.value) {
				out = append(out, n.value)
			}
		}
	}
	return out
}

func (c conversation) title() string {
	if len(c.pages) == 0 {
		return ""
	}
	return c.pages[0].title.value
}

// record returns the conversation's record.
func (s *Source) record(c conversation, p connector.Projection) gallra.Record {
	r := gallra.Record{Ref: s.ref(TypeConversation, c.thread.id), Version: c.version}
	if n := len(c.messages); n > 0 {
		r.Created, r.Updated = moment(c.messages[0].at), moment(c.messages[n-1].at)
		r.Contact = r.Updated
	}
	if p == connector.FieldsAll {
		r.Fields = append(r.Fields, gallra.Field{Name: "title", Value: c.title()}, gallra.Field{Name: "participants", Value: strings.Join(c.names(), "\n")})
	}
	if p != connector.FieldsNone {
		r.Fields = append(r.Fields, gallra.Field{Name: "channel", Value: c.source}, gallra.Field{Name: "folder", Value: c.box})
	}
	return r
}

func moment(ms int64) time.Time { return time.UnixMilli(ms) }

// messageRecord returns the record of one message.
func (s *Source) messageRecord(c conversation, m message, p connector.Projection) gallra.Record {
	at := moment(m.at)
	r := gallra.Record{Ref: s.ref(TypeMessage, c.id(m)), Version: digest(c.pages[m.page].raw[m.start:m.end]), Parent: s.ref(TypeConversation, c.thread.id), Created: at, Updated: at, Contact: at}
	if p != connector.FieldsAll {
		return r
	}
	r.Fields = append(r.Fields, gallra.Field{Name: "sender_name", Value: m.sender.value}, gallra.Field{Name: "content", Value: m.text.value})
	if m.more != "" {
		r.Fields = append(r.Fields, gallra.Field{Name: "more", Value: m.more})
	}
	return r
}
