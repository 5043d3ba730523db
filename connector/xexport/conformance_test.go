package xexport_test

import (
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/connectortest"
	"github.com/gallra/gallra/connector/safefile"
	"github.com/gallra/gallra/connector/safefile/safefiletest"
	_ "github.com/gallra/gallra/connector/xexport"
)

const (
	us      = "100200300"
	direct  = "data/direct-messages.js"
	headers = "data/direct-message-headers.js"
	tweets  = "data/tweets.js"
)

type obj = map[string]any

// entries is a ZIP in memory, in the order of its entries.
type entries struct {
	names  []string
	bodies map[string][]byte
}

func (z *entries) put(name string, body []byte) {
	if _, ok := z.bodies[name]; !ok {
		z.names = append(z.names, name)
	}
	z.bodies[name] = body
}

func readZip(tb connectortest.TB, path string) *entries {
	tb.Helper()
	r, err := zip.OpenReader(path)
	if err != nil {
		tb.Fatalf("harness: %v", err)
	}
	defer r.Close()
	z := &entries{bodies: map[string][]byte{}}
	for _, f := range r.File {
		c, err := f.Open()
		if err != nil {
			tb.Fatalf("harness: %v", err)
		}
		b, err := io.ReadAll(c)
		if err != nil {
			tb.Fatalf("harness: %v", err)
		}
		z.put(f.Name, b)
	}
	return z
}

func (z *entries) write(tb connectortest.TB, path string) {
	tb.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, n := range z.names {
		e, err := w.Create(n)
		if err == nil {
			_, err = e.Write(z.bodies[n])
		}
		if err != nil {
			tb.Fatalf("harness: %v", err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatalf("harness: %v", err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		tb.Fatalf("harness: %v", err)
	}
}

// list reads the array of a script.
func (z *entries) list(tb connectortest.TB, name string) []obj {
	tb.Helper()
	_, data, ok := bytes.Cut(z.bodies[name], []byte("="))
	var out []obj
	if err := json.Unmarshal(data, &out); !ok || err != nil {
		tb.Fatalf("harness: %s is no longer a script of JSON: %v", name, err)
	}
	return out
}

func (z *entries) setList(name string, list []obj) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "window.YTD.%s.part0 = ", strings.ReplaceAll(strings.TrimSuffix(filepath.Base(name), ".js"), "-", "_"))
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if list == nil {
		list = []obj{}
	}
	_ = e.Encode(list) // into memory
	z.put(name, b.Bytes())
}

func message(id, from, to, text string, at time.Time) obj {
	return obj{"messageCreate": obj{"recipientId": to, "reactions": []obj{}, "urls": []obj{}, "text": text, "mediaUrls": []string{}, "senderId": from, "id": id, "createdAt": at.UTC().Format("2006-01-02T15:04:05.000Z")}}
}

// header is a message as the headers repeat it.
func header(m obj) obj {
	c := m["messageCreate"].(obj)
	return obj{"messageCreate": obj{"id": c["id"], "senderId": c["senderId"], "recipientId": c["recipientId"], "createdAt": c["createdAt"]}}
}

func conversation(id string, messages []obj) obj {
	messages = slices.Clone(messages)
	slices.Reverse(messages) // newest first
	return obj{"dmConversation": obj{"conversationId": id, "messages": messages}}
}

func harness(t *testing.T, typ string) connectortest.Harness {
	path := filepath.Join(t.TempDir(), "arkiv.zip")
	next := 5_000_000
	people, ids, owner := map[string]string{}, map[string]string{}, map[string]string{}
	number := func() string { next++; return fmt.Sprint(next) }
	h := connectortest.Harness{
		Name: "x-export", Type: typ, Resolution: time.Millisecond, Secrets: []string{path},
		Clocks: []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated, gallra.StartLastContact},
		Config: func(connectortest.TB) connector.Config {
			return connector.Config{System: "x", URL: "x-export:" + path}
		},
		Broken: func(tb connectortest.TB) []connector.Config {
			half, other, torn := path+".half", path+".other", path+".torn"
			b, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(half, b[:len(b)*2/3], 0o600)
			}
			if err != nil {
				tb.Fatalf("harness: %v", err)
			}
			z := &entries{bodies: map[string][]byte{}}
			z.put("readme.txt", []byte("hej"))
			z.write(tb, other)
			z.put(direct, []byte(`window.YTD.direct_messages.part0 = [ {"dmConversation": {`))
			z.write(tb, torn)
			var out []connector.Config
			for _, p := range []string{half, other, torn, path + ".saknas", "", filepath.Dir(path)} {
				out = append(out, connector.Config{System: "x", URL: "x-export:" + p})
			}
			return out
		},
		Reset: func(tb connectortest.TB) {
			for _, c := range safefile.Copies(path) {
				_ = os.RemoveAll(c) // may be gone
			}
			z := &entries{bodies: map[string][]byte{}}
			z.put("data/manifest.js", []byte(`window.__THAR_CONFIG = {"userInfo": {"accountId": "`+us+`"}}`))
			for _, n := range []string{direct, headers, tweets} {
				z.setList(n, nil)
			}
			z.write(tb, path)
		},
		Stored: func(tb connectortest.TB) []connectortest.Place {
			z := readZip(tb, path)
			var out []connectortest.Place
			add := func(where string, v any) {
				var b bytes.Buffer
				e := json.NewEncoder(&b)
				e.SetEscapeHTML(false)
				_ = e.Encode(v) // into memory
				text := b.String()
				if v, ok := v.(obj); ok {
					if m, ok := v["messageCreate"].(map[string]any); ok {
						text += fmt.Sprint(m["text"])
					}
				}
				p := connectortest.Place{Where: where, Value: text}
				if v, ok := v.(obj); ok && strings.HasPrefix(where, headers) { // it holds nothing of the seed but its number
					if m, ok := v["messageCreate"].(map[string]any); ok {
						p.Of = owner[fmt.Sprint(m["id"])]
					}
				}
				out = append(out, p)
			}
			for _, n := range z.names {
				if !strings.HasPrefix(n, "data/direct-") && n != tweets {
					out = append(out, connectortest.Place{Where: "entry", Value: n + "\n" + string(z.bodies[n])})
					continue
				}
				for _, c := range z.list(tb, n) {
					dm, ok := c["dmConversation"].(map[string]any)
					if !ok {
						add(n, c)
						continue
					}
					add(n+" conversation", dm["conversationId"])
					for _, m := range dm["messages"].([]any) {
						add(n+" message", m)
					}
				}
			}
			for _, c := range safefile.Copies(path) {
				if b, err := os.ReadFile(c); err == nil {
					out = append(out, connectortest.Place{Where: "copy", Value: string(b)})
				}
			}
			return out
		},
		Raw: func(tb connectortest.TB) []byte {
			b, err := os.ReadFile(path)
			if err != nil {
				tb.Fatalf("harness: %v", err)
			}
			return b
		},
		Plant: func(tb connectortest.TB, text string) {
			z := &entries{bodies: map[string][]byte{}}
			z.setList(direct, []obj{conversation("1-2", []obj{message("9", "1", "2", text, time.Now())})})
			z.write(tb, path+".bak")
		},
		FailWrites: func(tb connectortest.TB, on bool) {
			temp := safefile.Temp(path)
			err := os.RemoveAll(temp)
			if on {
				err = os.MkdirAll(filepath.Join(temp, "x"), 0o700)
			}
			if err != nil {
				tb.Fatalf("harness: %v", err)
			}
		},
	}
	h.PutBack = func(tb connectortest.TB, ref gallra.Ref, s connectortest.Seed) {
		z := &entries{bodies: map[string][]byte{}}
		switch typ {
		case "conversation":
			z.setList(direct, []obj{conversation(ids[s.Key], []obj{message(number(), us, "1", s.Text, s.Created)})})
		case "message":
			z.setList(direct, []obj{conversation("1-2", []obj{message(ref.ID, us, "1", s.Text, s.Created)})})
		default:
			z.setList(tweets, []obj{{"tweet": obj{"id_str": ref.ID, "full_text": s.Text}}})
		}
		z.write(tb, path+".bak")
	}
	switch typ {
	case "conversation":
		h.Children, h.Attachments = "message", "attachment"
		h.Kinds = []gallra.IdentifierKind{gallra.IdentUsername}
		h.Seed = func(tb connectortest.TB, ss []connectortest.Seed) {
			z := readZip(tb, path)
			list, heads := z.list(tb, direct), z.list(tb, headers)
			for _, s := range ss {
				account := cmp.Or(s.Username, number()) // X's are numbers; the suite gives it a name to look for
				id := account + "-" + us
				people[s.Key], ids[s.Key] = account, id
				messages := []obj{message(number(), account, us, "Hej 👋 åäö "+s.Key, s.Created)}
				for i, c := range s.Children {
					messages = append(messages, message(number(), us, account, c, s.Created.Add(time.Duration(i+1)*time.Millisecond)))
				}
				first := messages[0]["messageCreate"].(obj)["id"].(string)
				for _, f := range s.Files {
					z.put("data/direct_messages_media/"+first+"-"+f.Name, f.Content)
				}
				messages = append(messages, message(number(), account, us, "Det gäller "+s.Key, s.Contact))
				list = append(list, conversation(id, messages))
				var hs []obj
				for _, m := range messages {
					hs = append(hs, header(m))
				}
				heads = append(heads, conversation(id, hs))
			}
			z.setList(direct, list)
			z.setList(headers, heads)
			z.write(tb, path)
		}
		h.Touch = func(tb connectortest.TB, s connectortest.Seed) {
			z := readZip(tb, path)
			list := z.list(tb, direct)
			for _, c := range list {
				dm := c["dmConversation"].(map[string]any)
				if dm["conversationId"] == ids[s.Key] {
					dm["messages"] = append([]any{message(number(), us, people[s.Key], "nytt "+s.Key, s.Contact.Add(time.Second))}, dm["messages"].([]any)...)
				}
			}
			z.setList(direct, list)
			z.write(tb, path)
		}
	case "message":
		h.Text = "text"
		const shared = "42-" + us
		h.Seed = func(tb connectortest.TB, ss []connectortest.Seed) {
			z := readZip(tb, path)
			var messages, hs []obj
			for _, c := range z.list(tb, direct) {
				for _, m := range slices.Backward(c["dmConversation"].(map[string]any)["messages"].([]any)) {
					messages = append(messages, m.(map[string]any))
				}
			}
			for _, s := range ss {
				id := number()
				owner[id] = s.Key
				messages = append(messages, message(id, "42", us, s.Text, s.Created))
			}
			for _, m := range messages {
				hs = append(hs, header(m))
			}
			z.setList(direct, []obj{conversation(shared, messages)})
			z.setList(headers, []obj{conversation(shared, hs)})
			z.write(tb, path)
		}
		h.Touch = func(tb connectortest.TB, s connectortest.Seed) {
			z := readZip(tb, path)
			list := z.list(tb, direct)
			for _, m := range list[0]["dmConversation"].(map[string]any)["messages"].([]any) {
				c := m.(map[string]any)["messageCreate"].(map[string]any)
				if strings.Contains(fmt.Sprint(c["text"]), s.Key) {
					c["text"] = "ändrat " + s.Key
				}
			}
			z.setList(direct, list)
			z.write(tb, path)
		}
	case "post":
		h.Text, h.Resolution = "text", time.Second
		h.Kinds = []gallra.IdentifierKind{gallra.IdentUsername}
		h.Seed = func(tb connectortest.TB, ss []connectortest.Seed) {
			z := readZip(tb, path)
			list := z.list(tb, tweets)
			for _, s := range ss {
				list = append(list, obj{"tweet": obj{
					"id_str": number(), "full_text": s.Text, "created_at": s.Created.UTC().Format(time.RubyDate), "in_reply_to_screen_name": s.Username,
					"entities": obj{"user_mentions": []obj{{"name": "kund " + s.Key, "screen_name": s.Username}}, "urls": []obj{}},
				}})
			}
			z.setList(tweets, list)
			z.write(tb, path)
		}
		h.Touch = func(tb connectortest.TB, s connectortest.Seed) {
			z := readZip(tb, path)
			list := z.list(tb, tweets)
			for _, p := range list {
				if c := p["tweet"].(map[string]any); strings.Contains(fmt.Sprint(c["full_text"]), s.Key) {
					c["full_text"] = "ändrat " + s.Key
				}
			}
			z.setList(tweets, list)
			z.write(tb, path)
		}
	}
	return h
}

// TestS25_XArchiveKeepsTheContract runs the suite over archives that the harness
// writes and reads with code of its own.
func TestS25_XArchiveKeepsTheContract(t *testing.T) {
	for _, typ := range []string{"conversation", "message", "post"} {
		t.Run(typ, func(t *testing.T) { connectortest.Run(t, harness(t, typ)) })
		t.Run(typ+" on a failing disk", func(t *testing.T) {
			h := harness(t, typ)
			h.Faults = func(_ connectortest.TB, seed uint64) func() int { return safefiletest.Spoil(seed, 4) }
			connectortest.Faults(t, h)
		})
	}
}
