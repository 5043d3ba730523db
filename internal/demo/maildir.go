package demo

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// writeMaildir writes n mail threads as a Maildir: what came in is in the inbox,
// what was answered in ".Skickat", and every twelfth thread was forwarded to a
// colleague, whole.
func (w *world) writeMaildir(ctx context.Context, dir string, n int) (Counts, error) {
	for _, folder := range []string{"", ".Skickat"} {
		for _, sub := range []string{"cur", "new", "tmp"} {
			if err := os.MkdirAll(filepath.Join(dir, folder, sub), 0o700); err != nil {
				return nil, fmt.Errorf("demo: mail: %w", err)
			}
		}
	}
	counts, serial := Counts{}, 0
	put := func(folder, flags string, m message, r random) ([]byte, error) {
		serial++
		sub := "cur"
		if flags == "" {
			sub = "new"
		} else {
			flags = ":2," + flags
		}
		b := m.bytes(r)
		path := filepath.Join(dir, folder, sub, fmt.Sprintf("%d.M%dP1.mx.sundvalla.example%s", m.at.Unix(), serial, flags))
		if err := os.WriteFile(path, b, 0o600); err != nil {
			return nil, fmt.Errorf("demo: mail: %w", err)
		}
		if err := os.Chtimes(path, m.at, m.at); err != nil {
			return nil, fmt.Errorf("demo: mail: %w", err)
		}
		counts["message"]++
		return b, nil
	}
	err := w.each(ctx, "mail", n, func(c conversation) error {
		r := newRandom(w.seed, "mime", c.Index)
		var ids []string
		var first []byte
		from := c.Person.Email()
		for i, t := range c.Turns {
			if t.Side == internal {
				continue // notes are kept in the ticket system
			}
			m := message{
				id: fmt.Sprintf("<%d.%d.%08x@mx.sundvalla.example>", c.Index, i, uint32(r.Uint64())), references: ids,
				subject: c.Subject, at: t.At, ip: t.IP, text: t.Text, files: t.Files,
				from: address(c.Person.Name(), from), to: address("Sundvalla kontaktcenter", letterbox),
			}
			if len(ids) > 0 {
				m.reply, m.subject = ids[len(ids)-1], "Sv: "+c.Subject
			}
			folder, flags := "", "S"
			if t.Side == agent {
				folder, m.ip = ".Skickat", ""
				m.from, m.to = address("Sundvalla kontaktcenter", letterbox), m.from
			} else if c.Status == "new" {
				flags = ""
			} else if r.chance(0.5) {
				flags = "RS"
			}
			if t.Side == customer && i == 0 && r.chance(0.05) && c.Person.Number > len(cast) {
				p := w.other(r, "mail", c.Person)
				m.cc = address(p.Name(), p.Email())
			}
			ids = append(ids, m.id)
			b, err := put(folder, flags, m, r)
			if err != nil {
				return err
			}
			if first == nil {
				first = b
			}
		}
		if c.Index%12 == 5 {
			m := message{
				id: fmt.Sprintf("<%d.f.%08x@mx.sundvalla.example>", c.Index, uint32(r.Uint64())), subject: "VB: " + c.Subject, at: c.LastContact,
				from: address("Sundvalla kontaktcenter", letterbox), to: address(c.Agent.Name, c.Agent.Email),
				text: "Kan du ta den här?\n\n/Kontaktcenter", forward: first,
			}
			if _, err := put(".Skickat", "S", m, r); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, ".Skickat", "maildirfolder"), nil, 0o600)
	}
	return counts, err
}

// threadName makes the folder name of a private conversation as Meta does.
func threadName(p Person, i int) string {
	return strings.ToLower(ascii(p.Given)+ascii(p.Surname)) + fmt.Sprintf("_%d", 100_000+i)
}
