package metaexport_test

import (
	"archive/zip"
	"bytes"
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
	_ "github.com/gallra/gallra/connector/metaexport"
	"github.com/gallra/gallra/connector/safefile"
	"github.com/gallra/gallra/connector/safefile/safefiletest"
)

const us = "Sundvalla kommun"

type part struct {
	name string
	body []byte
}

func readZip(tb connectortest.TB, path string) []part {
	tb.Helper()
	z, err := zip.OpenReader(path)
	if err != nil {
		tb.Fatalf("harness: %v", err)
	}
	defer z.Close()
	var out []part
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			tb.Fatalf("harness: %v", err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			tb.Fatalf("harness: %v", err)
		}
		_ = r.Close()
		out = append(out, part{f.Name, b})
	}
	return out
}

func writeZip(tb connectortest.TB, path string, parts []part) {
	tb.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, p := range parts {
		w, err := z.Create(p.name)
		if err == nil {
			_, err = w.Write(p.body)
		}
		if err != nil {
			tb.Fatalf("harness: %v", err)
		}
	}
	if err := z.Close(); err != nil {
		tb.Fatalf("harness: %v", err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		tb.Fatalf("harness: %v", err)
	}
}

// meta writes JSON as Meta does: every byte beyond ASCII as a character of its own.
func meta(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	_ = e.Encode(v) // into memory
	var out bytes.Buffer
	for _, c := range b.Bytes() {
		if c < 0x80 {
			out.WriteByte(c)
		} else {
			fmt.Fprintf(&out, `\u%04x`, c)
		}
	}
	return out.Bytes()
}

// plain undoes meta for reading.
func plain(b []byte) string {
	var runes []rune
	for _, r := range string(b) {
		runes = append(runes, r)
	}
	var out bytes.Buffer
	s := string(runes)
	for i := 0; i < len(s); i++ {
		var c int
		if n, err := fmt.Sscanf(s[i:min(len(s), i+6)], `\u%04x`, &c); n == 1 && err == nil && c < 256 {
			out.WriteByte(byte(c))
			i += 5
			continue
		}
		out.WriteByte(s[i])
	}
	return out.String()
}

type obj = map[string]any

// thread writes a conversation: its messages newest first.
func thread(dir, name string, messages []obj) part {
	slices.Reverse(messages)
	return part{dir + "/message_1.json", meta(obj{
		"participants": []obj{{"name": name}, {"name": us}}, "messages": messages, "title": name,
		"is_still_participant": true, "thread_path": "inbox/" + filepath.Base(dir),
	})}
}

func harness(t *testing.T, typ string) connectortest.Harness {
	path := filepath.Join(t.TempDir(), "export.zip")
	dirs := map[string]string{}
	next := 100_000
	const inbox = "your_instagram_activity/messages/inbox/"
	shared := inbox + "gemensamkund_99999"
	h := connectortest.Harness{
		Name: "meta-export", Type: typ, Resolution: time.Millisecond,
		Clocks: []gallra.StartEvent{gallra.StartCreated, gallra.StartUpdated, gallra.StartLastContact},
		Config: func(connectortest.TB) connector.Config {
			return connector.Config{System: "insta", URL: "meta-export:" + path}
		},
		Broken: func(tb connectortest.TB) []connector.Config {
			half := path + ".half"
			b, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(half, b[:len(b)*2/3], 0o600)
			}
			if err != nil {
				tb.Fatalf("harness: %v", err)
			}
			other := path + ".other"
			writeZip(tb, other, []part{{"readme.txt", []byte("hej")}})
			return []connector.Config{
				{System: "insta", URL: "meta-export:" + half}, {System: "insta", URL: "meta-export:" + other},
				{System: "insta", URL: "meta-export:" + path + ".saknas"}, {System: "insta", URL: "meta-export:"}, {System: "insta", URL: "meta-export:" + filepath.Dir(path)},
			}
		},
		Reset: func(tb connectortest.TB) {
			for _, c := range safefile.Copies(path) {
				_ = os.RemoveAll(c) // may be gone
			}
			writeZip(tb, path, []part{{"your_instagram_activity/messages/autofill_information.json", []byte("{}")}})
		},
		Stored: func(tb connectortest.TB) []connectortest.Place {
			var out []connectortest.Place
			for _, p := range readZip(tb, path) {
				var m struct {
					Messages []json.RawMessage `json:"messages"`
					Rest     map[string]any    `json:"-"`
				}
				out = append(out, connectortest.Place{Where: "entry", Value: p.name})
				if !strings.HasSuffix(p.name, ".json") {
					out = append(out, connectortest.Place{Where: "content", Value: string(p.body)})
					continue
				}
				var all map[string]json.RawMessage
				if json.Unmarshal(p.body, &all) != nil || json.Unmarshal(p.body, &m) != nil {
					tb.Errorf("harness: %s is no longer JSON", p.name)
				}
				delete(all, "messages")
				rest, _ := json.Marshal(all)
				out = append(out, connectortest.Place{Where: "thread", Value: plain(rest)})
				for _, x := range m.Messages {
					out = append(out, connectortest.Place{Where: "message", Value: plain(x)})
				}
			}
			for _, c := range safefile.Copies(path) {
				b, err := os.ReadFile(c)
				if err == nil {
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
			writeZip(tb, path+".bak", []part{{"messages/inbox/x_1234/message_1.json", meta(obj{"messages": []obj{{"content": text}}})}})
		},
		PutBack: func(tb connectortest.TB, _ gallra.Ref, s connectortest.Seed) {
			dir, messages := dirs[s.Key], []obj{{"sender_name": us, "timestamp_ms": s.Created.UnixMilli(), "content": s.Text}}
			if typ == "message" {
				dir = shared
			}
			writeZip(tb, path+".bak", []part{thread(dir, s.Name, messages)})
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
		Secrets: []string{path},
	}
	// change lets f rewrite one message file.
	change := func(tb connectortest.TB, dir string, f func(messages []any) []any) {
		parts := readZip(tb, path)
		for i, p := range parts {
			if p.name != dir+"/message_1.json" {
				continue
			}
			var v obj
			_ = json.Unmarshal([]byte(plain(p.body)), &v)
			v["messages"] = f(v["messages"].([]any))
			parts[i].body = meta(v)
		}
		writeZip(tb, path, parts)
	}
	switch typ {
	case "conversation":
		h.Named, h.Children, h.Attachments = "title", "message", "attachment"
		h.Kinds = []gallra.IdentifierKind{gallra.IdentName}
		h.Seed = func(tb connectortest.TB, ss []connectortest.Seed) {
			parts := readZip(tb, path)
			for _, s := range ss {
				next++
				dir := inbox + "asa" + s.Key + "_" + fmt.Sprint(next)
				dirs[s.Key] = dir
				messages := []obj{{"sender_name": s.Name, "timestamp_ms": s.Created.UnixMilli(), "content": "Hej 👋 åäö"}}
				for i, c := range s.Children {
					messages = append(messages, obj{"sender_name": us, "timestamp_ms": s.Created.UnixMilli() + int64(i), "content": c})
				}
				for _, f := range s.Files {
					messages[0]["photos"] = append([]obj{}, obj{"uri": dir + "/photos/" + f.Name, "creation_timestamp": 1})
					parts = append(parts, part{dir + "/photos/" + f.Name, f.Content})
				}
				if len(s.Files) > 1 {
					var photos []obj
					for _, f := range s.Files {
						photos = append(photos, obj{"uri": dir + "/photos/" + f.Name})
					}
					messages[0]["photos"] = photos
				}
				messages = append(messages, obj{"sender_name": s.Name, "timestamp_ms": s.Contact.UnixMilli(), "content": "Det gäller " + s.Key})
				parts = append(parts, thread(dir, s.Name, messages))
			}
			writeZip(tb, path, parts)
		}
		h.Touch = func(tb connectortest.TB, s connectortest.Seed) {
			change(tb, dirs[s.Key], func(ms []any) []any {
				return append([]any{obj{"sender_name": us, "timestamp_ms": s.Contact.UnixMilli() + 1000, "content": "nytt " + s.Key}}, ms...)
			})
		}
	case "message":
		h.Text = "content"
		h.Seed = func(tb connectortest.TB, ss []connectortest.Seed) {
			parts := readZip(tb, path)
			var old []obj
			for _, p := range parts {
				if p.name == shared+"/message_1.json" {
					var v struct {
						Messages []obj `json:"messages"`
					}
					_ = json.Unmarshal([]byte(plain(p.body)), &v)
					for _, m := range slices.Backward(v.Messages) {
						m["timestamp_ms"] = int64(m["timestamp_ms"].(float64))
						old = append(old, m)
					}
				}
			}
			parts = slices.DeleteFunc(parts, func(p part) bool { return p.name == shared+"/message_1.json" })
			for _, s := range ss {
				old = append(old, obj{"sender_name": "Gemensam kund", "timestamp_ms": s.Created.UnixMilli(), "content": s.Text})
			}
			writeZip(tb, path, append(parts, thread(shared, "Gemensam kund", old)))
		}
		h.Touch = func(tb connectortest.TB, s connectortest.Seed) {
			change(tb, shared, func(ms []any) []any {
				for _, m := range ms {
					x := m.(map[string]any)
					x["timestamp_ms"] = int64(x["timestamp_ms"].(float64))
					if strings.Contains(fmt.Sprint(x["content"]), s.Key) {
						x["content"] = "ändrat " + s.Key
					}
				}
				return ms
			})
		}
	}
	return h
}

// TestS25_MetaExportKeepsTheContract runs the suite over exports that the harness
// writes and reads with code of its own.
func TestS25_MetaExportKeepsTheContract(t *testing.T) {
	for _, typ := range []string{"conversation", "message"} {
		t.Run(typ, func(t *testing.T) { connectortest.Run(t, harness(t, typ)) })
		t.Run(typ+" on a failing disk", func(t *testing.T) {
			h := harness(t, typ)
			h.Faults = func(_ connectortest.TB, seed uint64) func() int { return safefiletest.Spoil(seed, 4) }
			connectortest.Faults(t, h)
		})
	}
}
