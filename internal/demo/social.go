package demo

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// page is the organisation's name in the social medium.
const page = "Sundvalla kommun"

type metaThread struct {
	Participants       []metaName    `json:"participants"`
	Messages           []metaMessage `json:"messages"`
	Title              string        `json:"title"`
	IsStillParticipant bool          `json:"is_still_participant"`
	ThreadPath         string        `json:"thread_path"`
}

type metaName struct {
	Name string `json:"name"`
}

type metaMessage struct {
	SenderName  string `json:"sender_name"`
	TimestampMS int64  `json:"timestamp_ms"`
	Content     string `json:"content"`
}

// writeMeta writes n private conversations as the zip that Meta hands out: a file
// for each, newest message first, and every text in UTF-8 whose bytes are
// escaped as if each were a character of its own.
func (w *world) writeMeta(ctx context.Context, path string, n int) (Counts, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("demo: social: %w", err)
	}
	defer f.Close()
	z := zip.NewWriter(f)
	counts := Counts{}
	err = w.each(ctx, "social", n, func(c conversation) error {
		name := "inbox/" + threadName(c.Person, c.Index)
		t := metaThread{
			Participants: []metaName{{c.Person.Name()}, {page}}, Title: c.Person.Name(),
			IsStillParticipant: true, ThreadPath: name,
		}
		for i := len(c.Turns) - 1; i >= 0; i-- {
			sender := c.Turns[i].Author.Name()
			if c.Turns[i].Side != customer {
				sender = page
			}
			t.Messages = append(t.Messages, metaMessage{sender, c.Turns[i].At.UnixMilli(), c.Turns[i].Text})
		}
		entry, err := z.CreateHeader(&zip.FileHeader{Name: "your_facebook_activity/messages/" + name + "/message_1.json", Method: zip.Deflate, Modified: w.now})
		if err != nil {
			return fmt.Errorf("demo: social: %w", err)
		}
		b, err := metaJSON(t)
		if err == nil {
			_, err = entry.Write(b)
		}
		counts["thread"]++
		counts["message"] += len(t.Messages)
		return err
	})
	if err == nil {
		err = z.Close()
	}
	if cerr := f.Close(); err == nil && cerr != nil {
		err = fmt.Errorf("demo: social: %w", cerr)
	}
	return counts, err
}

// metaJSON marshals v and then escapes every byte that is not ASCII as \u00xx.
func metaJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("demo: social: %w", err)
	}
	var out strings.Builder
	for _, c := range b.Bytes() {
		if c < 0x80 {
			out.WriteByte(c)
		} else {
			fmt.Fprintf(&out, `\u%04x`, c)
		}
	}
	return []byte(out.String()), nil
}
