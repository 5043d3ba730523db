package metaexport_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

func export(tb testing.TB, parts ...part) (connector.Source, string) {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "export.zip")
	writeZip(tb, path, parts)
	s, err := connector.Open(tb.Context(), connector.Config{System: "fb", URL: "meta-export:" + path})
	if err != nil {
		tb.Fatal(err)
	}
	return s, path
}

func list(tb testing.TB, s connector.Source, typ string) connector.Page {
	tb.Helper()
	p, err := s.List(tb.Context(), connector.Query{Type: typ})
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// TestH4_WhatIsNotReadIsNamed: conversations in HTML, half files and bombs are
// told, and the others are read all the same.
func TestH4_WhatIsNotReadIsNamed(t *testing.T) {
	t.Parallel()
	const inbox = "your_facebook_activity/messages/inbox/"
	good := thread(inbox+"annaberg_10001", "Anna Berg", []obj{{"sender_name": "Anna Berg", "timestamp_ms": 1_700_000_000_000, "content": "hej"}})
	s, _ := export(t, good, part{inbox + "boek_10002/message_1.html", []byte("<p>hej</p>")}, part{inbox + "cissi_10003/message_1.json", []byte(`{"messages": [{"sender_name": "C`)})
	p := list(t, s, "conversation")
	var got []string
	for _, x := range p.Skipped {
		got = append(got, x.Ref.ID+" "+x.Reason)
	}
	if want := []string{"10002 meta.html_unread", "10003 meta.malformed"}; len(p.Records) != 1 || !slices.Equal(got, want) {
		t.Errorf("%d conversations, skipped %v, want %v", len(p.Records), got, want)
	}
	if v, _ := p.Records[0].Field("channel"); v != "facebook" {
		t.Errorf("channel %q", v)
	}
}

func TestZIPThatUnpacksToTooMuch(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "bomb.zip")
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestCompression) })
	w, err := z.Create("messages/inbox/anna_12345/message_1.json")
	if err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, 1<<20)
	for range 20 {
		if _, err := w.Write(zeros); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(z.Close(), os.WriteFile(path, b.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	s, err := connector.Open(t.Context(), connector.Config{System: "fb", URL: "meta-export:" + path})
	if err != nil {
		t.Fatal(err)
	}
	p := list(t, s, "message")
	if len(p.Skipped) != 1 || p.Skipped[0].Reason != "zip.bomb" {
		t.Errorf("skipped %+v", p.Skipped)
	}
}

// TestH7_AnonymisedConversationForgetsItsName renames a conversation and looks
// at every byte of the new file.
func TestH7_AnonymisedConversationForgetsItsName(t *testing.T) {
	t.Parallel()
	const dir = "your_instagram_activity/messages/inbox/asasjoqvist_20001"
	const other = "your_instagram_activity/messages/inbox/boek_20002"
	th := thread(dir, "Åsa Sjöqvist", []obj{
		{"sender_name": "Åsa Sjöqvist", "timestamp_ms": 1_700_000_000_000, "content": "hej", "photos": []obj{{"uri": dir + "/photos/1.jpg"}}},
		{"sender_name": us, "timestamp_ms": 1_700_000_001_000, "content": "hej hej", "reactions": []obj{{"reaction": "❤", "actor": "Åsa Sjöqvist"}}},
	})
	bo := thread(other, "Bo Ek", []obj{{"sender_name": "Bo Ek", "timestamp_ms": 1_700_000_002_000, "content": "åäö"}})
	s, path := export(t, th, part{dir + "/photos/1.jpg", []byte("bild")}, bo)
	rec := list(t, s, "conversation").Records[0]
	if strings.Contains(rec.Ref.ID, "sjoqvist") {
		t.Errorf("the reference holds the name: %s", rec.Ref.ID)
	}
	r, err := s.(connector.Editor).Edit(t.Context(), rec.Ref, rec.Version, []gallra.Field{{Name: "title", Value: "[namn borttaget]"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range readZip(t, path) {
		text := strings.ToLower(p.name + plain(p.body))
		if strings.Contains(text, "sjöqvist") || strings.Contains(text, "sjoqvist") {
			t.Errorf("the name is left in an entry")
		}
		if p.name == bo.name && !bytes.Equal(p.body, bo.body) {
			t.Errorf("another conversation has changed")
		}
	}
	if _, err := s.Get(t.Context(), r.Ref); err != nil {
		t.Errorf("the receipt's reference leads nowhere: %v", err)
	}
	atts := list(t, s, "attachment").Records
	if len(atts) != 1 || atts[0].Parent.Type != "message" {
		t.Fatalf("the picture has lost its message: %+v", atts)
	}
}

// TestH2_MentionInAnothersConversation: who is named by somebody else is
// mentioned, not the requester.
func TestH2_MentionInAnothersConversation(t *testing.T) {
	t.Parallel()
	s, _ := export(t,
		thread("messages/inbox/annaberg_30001", "Anna Berg", []obj{{"sender_name": "Anna Berg", "timestamp_ms": 1, "content": "min adress är anna@example.se"}}),
		thread("messages/inbox/boek_30002", "Bo Ek", []obj{{"sender_name": "Bo Ek", "timestamp_ms": 2, "content": "fråga anna@example.se och inte johanna@example.se"}}))
	hits, err := s.(connector.Finder).Find(t.Context(), connector.Needles{Depth: connector.InText, Identifiers: []gallra.Identifier{
		{Kind: gallra.IdentEmail, Value: "Anna@example.se"}, {Kind: gallra.IdentName, Value: "Anna Berg"}}}, "")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]gallra.Role{}
	for _, h := range hits.Hits {
		got[h.Ref.ID+"/"+h.Field+"/"+string(h.Kind)] = h.Role
	}
	for k, want := range map[string]gallra.Role{
		"30001/title/name": gallra.RoleRequester, "30001-1/sender_name/name": gallra.RoleAuthor,
		"30002-2/content/email": gallra.RoleMentioned,
	} {
		if got[k] != want {
			t.Errorf("%s has the role %q, want %q", k, got[k], want)
		}
	}
}

// FuzzPage gives the connector any message file: it is read or named, and when
// a message is erased the rest is still JSON with one message less.
func FuzzPage(f *testing.F) {
	f.Add([]byte(`{"participants":[{"name":"A"}],"messages":[{"sender_name":"A","timestamp_ms":1,"content":"x"},{"timestamp_ms":1}],"title":"A"}`))
	f.Add([]byte(`{"messages":[{"timestamp_ms":2,"photos":[{"uri":"a/b"}]}]}`))
	f.Add([]byte("{\"messages\":[ {\"content\":\"\\u00c3\\u00a5\"} , {} ]}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, _ := export(t, part{"messages/inbox/x_12345/message_1.json", b})
		p := list(t, s, "message")
		if len(p.Records) == 0 {
			return
		}
		r := p.Records[len(p.Records)/2]
		if _, err := s.(connector.Eraser).Erase(t.Context(), r.Ref, r.Version); err != nil {
			t.Fatalf("erase: %v", err)
		}
		after := list(t, s, "message")
		if len(after.Skipped) > 0 || len(after.Records) != len(p.Records)-1 {
			t.Fatalf("%d messages of %d, skipped %v", len(after.Records), len(p.Records), after.Skipped)
		}
	})
}
