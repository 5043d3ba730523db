// Package mailtest makes mails of the conformance suite's seeds and decodes
// what a mail system stores, with the standard library alone: it is the other
// road by which the suite looks behind a mail connector's back.
package mailtest

import (
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/mail"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra/connector/connectortest"
)

// Compose returns the mail of a seed, with CRLF line ends. Its body is base64,
// so that it keeps every byte of the seed's text.
func Compose(s connectortest.Seed) string {
	var b strings.Builder
	head := func(name, value string) { fmt.Fprintf(&b, "%s: %s\r\n", name, value) }
	head("From", mime.QEncoding.Encode("utf-8", s.Name)+" <"+s.Email+">")
	head("To", "kundtjanst@kommun.se")
	head("Subject", mime.BEncoding.Encode("utf-8", "Fråga "+s.Key))
	head("Date", s.Created.UTC().Format(time.RFC1123Z))
	head("Message-ID", "<"+s.Key+"@mail.example>")
	head("MIME-Version", "1.0")
	head("Content-Type", "text/plain; charset=utf-8")
	head("Content-Transfer-Encoding", "base64")
	b.WriteString("\r\n")
	body := base64.StdEncoding.EncodeToString([]byte(s.Text))
	for len(body) > 76 {
		b.WriteString(body[:76] + "\r\n")
		body = body[76:]
	}
	b.WriteString(body + "\r\n")
	return b.String()
}

// Decoded returns a mail with its header and body decoded, the raw bytes first.
func Decoded(raw string) string {
	out := raw
	m, err := mail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		return out
	}
	var d mime.WordDecoder
	for _, name := range slices.Sorted(maps.Keys(m.Header)) {
		for _, v := range m.Header[name] {
			if t, err := d.DecodeHeader(v); err == nil {
				out += "\n" + name + ": " + t
			}
		}
	}
	body, err := io.ReadAll(m.Body)
	if err != nil {
		return out
	}
	if m.Header.Get("Content-Transfer-Encoding") == "base64" {
		if t, err := base64.StdEncoding.DecodeString(strings.NewReplacer("\r", "", "\n", "").Replace(string(body))); err == nil {
			body = t
		}
	}
	return out + "\n" + string(body)
}
