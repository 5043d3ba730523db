package xexport_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
)

func open(t *testing.T, path string) connector.Source {
	t.Helper()
	s, err := connector.Open(t.Context(), connector.Config{System: "x", URL: "x-export:" + path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func list(t *testing.T, s connector.Source, typ string) connector.Page {
	t.Helper()
	p, err := s.List(t.Context(), connector.Query{Type: typ})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func field(r gallra.Record, name string) string {
	for _, f := range r.Fields {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// sample is an archive with what makes them hard: a second part, a group, files
// that were sent, and a post that names its reader three times.
func sample(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "arkiv.zip")
	z := &entries{bodies: map[string][]byte{}}
	at := time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)
	z.setList(direct, []obj{conversation("11-"+us, []obj{message("900", "11", us, "Jag heter Åsa Öberg", at)})})
	z.setList("data/direct-messages-part1.js", []obj{conversation("11-"+us, []obj{message("901", us, "11", "Hej Åsa", at.Add(time.Hour))})})
	group := conversation("777", []obj{message("902", "12", "", "hej alla", at)})
	dm := group["dmConversation"].(obj)
	dm["messages"] = append(dm["messages"].([]obj), obj{"conversationNameUpdate": obj{"initiatingUserId": "12", "name": "Åsas grupp", "createdAt": "2024-01-02T03:04:05.000Z"}})
	z.setList("data/direct-messages-group.js", []obj{group})
	z.put("data/direct_messages_media/900-asa.txt", []byte("personnummer 850908-2395"))
	z.put("data/direct_messages_media/901-x.txt", []byte("annat"))
	z.setList(tweets, []obj{{"tweet": obj{"id_str": "5", "full_text": "@asa_o Vi ringer dig, Åsa", "created_at": at.Format(time.RubyDate), "in_reply_to_screen_name": "asa_o",
		"entities": obj{"user_mentions": []obj{{"name": "Åsa Öberg", "screen_name": "asa_o", "id_str": "11"}}}}}})
	z.write(t, path)
	return path
}

// TestH14_ArchiveOfX: one conversation in two files is one, and goes from both
// with what was sent in it.
func TestH14_ArchiveOfX(t *testing.T) {
	path := sample(t)
	s := open(t, path)
	conversations := list(t, s, "conversation").Records
	if len(conversations) != 2 {
		t.Fatalf("%d conversations", len(conversations))
	}
	var direct gallra.Record
	for _, c := range conversations {
		if field(c, "group") == "false" {
			direct = c
		} else if field(c, "name") != "Åsas grupp" {
			t.Errorf("the group's name: %q", field(c, "name"))
		}
	}
	if got := len(list(t, s, "message").Records); got != 3 {
		t.Errorf("%d messages", got)
	}
	hits, err := s.(connector.Finder).Find(t.Context(), connector.Needles{Depth: connector.InText, Identifiers: []gallra.Identifier{{Kind: gallra.IdentPersonnummer, Value: "198509082395"}, {Kind: gallra.IdentUsername, Value: "@asa_o"}}}, "")
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]bool{}
	for _, h := range hits.Hits {
		fields[h.Ref.Type+"."+h.Field] = true
	}
	for _, want := range []string{"attachment.content", "post.answers", "post.mentions", "post.text"} {
		if !fields[want] {
			t.Errorf("nothing found in %s; found in %v", want, fields)
		}
	}
	if _, err := s.(connector.Eraser).Erase(t.Context(), direct.Ref, direct.Version); err != nil {
		t.Fatal(err)
	}
	z := readZip(t, path)
	for _, n := range z.names {
		if strings.Contains(n, "_media/") || strings.Contains(n, "direct") && strings.Contains(string(z.bodies[n]), "Öberg") {
			t.Errorf("%s is left", n)
		}
	}
	if !strings.Contains(string(z.bodies["data/direct-messages-group.js"]), "hej alla") {
		t.Error("the group's message went too")
	}
}

// TestPostForgetsWhomItNames: the name stands in the text, as the account that
// is answered, and twice in the entities.
func TestPostForgetsWhomItNames(t *testing.T) {
	path := sample(t)
	s := open(t, path)
	p := list(t, s, "post").Records[0]
	if field(p, "mentions") != "Åsa Öberg @asa_o" {
		t.Fatalf("mentions: %q", field(p, "mentions"))
	}
	_, err := s.(connector.Editor).Edit(t.Context(), p.Ref, p.Version, []gallra.Field{
		{Name: "text", Value: "[ANVÄNDARE 1] Vi ringer dig, [NAMN 1]"}, {Name: "answers", Value: "[ANVÄNDARE 1]"}, {Name: "mentions", Value: "[NAMN 1] @[ANVÄNDARE 1]"}})
	if err != nil {
		t.Fatal(err)
	}
	b := string(readZip(t, path).bodies[tweets])
	if strings.Contains(b, "sa Öberg") || strings.Contains(b, "asa_o") || !strings.Contains(b, `"id_str": "11"`) {
		t.Errorf("after the edit: %s", b)
	}
}

// TestTornScriptChangesNothing: what cannot be read may hold the same record, so
// it is named and nothing is written.
func TestTornScriptChangesNothing(t *testing.T) {
	path := sample(t)
	z := readZip(t, path)
	z.put("data/direct-messages-part2.js", []byte("window.YTD.direct_messages.part2 = [ { \"dmConv"))
	z.write(t, path)
	s := open(t, path)
	p := list(t, s, "conversation")
	if len(p.Skipped) != 1 || p.Skipped[0].Reason != "xexport.malformed" {
		t.Errorf("skipped: %v", p.Skipped)
	}
	if _, err := s.(connector.Eraser).Erase(t.Context(), p.Records[0].Ref, ""); gallra.CodeOf(err) != gallra.Drift {
		t.Errorf("erase: %v", err)
	}
}

// FuzzScript: no script makes the connector panic, and what it erases is gone.
func FuzzScript(f *testing.F) {
	f.Add(`window.YTD.direct_messages.part0 = [ {"dmConversation": {"conversationId": "1-2", "messages": [ {"messageCreate": {"id": "9", "text": "hej", "createdAt": "2024-01-02T03:04:05.000Z"}} ]}} ]`)
	f.Add(`window.a = [ {"dmConversation": {"conversationId": "777", "messages": [ {"conversationNameUpdate": {"name": "å"}}, {} ]}}, {"dmConversation": {"conversationId": "777"}} ]`)
	f.Fuzz(func(t *testing.T, script string) {
		path := filepath.Join(t.TempDir(), "f.zip")
		z := &entries{bodies: map[string][]byte{}}
		z.put(direct, []byte(script))
		z.write(t, path)
		s := open(t, path)
		p, err := s.List(t.Context(), connector.Query{Type: "conversation"})
		if err != nil || len(p.Records) == 0 || len(p.Skipped) > 0 {
			return
		}
		if _, err := s.(connector.Eraser).Erase(t.Context(), p.Records[0].Ref, ""); err != nil {
			t.Fatalf("erase: %v", err)
		}
		after, err := s.List(t.Context(), connector.Query{Type: "conversation"})
		if err != nil || len(after.Skipped) > 0 || len(after.Records) != len(p.Records)-1 {
			t.Errorf("%d conversations, then %d (%v, %v)", len(p.Records), len(after.Records), after.Skipped, err)
		}
	})
}
