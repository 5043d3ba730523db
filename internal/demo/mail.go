package demo

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/textproto"
	"strings"
	"time"

	"golang.org/x/text/encoding/charmap"

	"github.com/gallra/gallra/deadline"
)

// letterbox is the address that customers write to.
const letterbox = "kontaktcenter@sundvalla.example"

// message is one mail of a thread, before it is written as MIME.
type message struct {
	id, reply  string // Message-ID, In-Reply-To
	references []string
	from, to   string // header values, encoded
	cc         string
	subject    string
	at         time.Time
	ip         string
	text       string
	files      []file
	forward    []byte // a whole mail carried inside
}

func address(name, addr string) string {
	if strings.IndexFunc(name, func(r rune) bool { return r > 126 }) >= 0 {
		return mime.QEncoding.Encode("utf-8", name) + " <" + addr + ">"
	}
	return name + " <" + addr + ">"
}

// bytes writes the mail in one of the many forms that mail programs give it.
func (m message) bytes(r random) []byte {
	var b bytes.Buffer
	header := func(k, v string) {
		if v != "" {
			fmt.Fprintf(&b, "%s: %s\r\n", k, v)
		}
	}
	if m.ip != "" {
		header("Received", fmt.Sprintf("from [%s] by mx.sundvalla.example with ESMTPSA;\r\n\t%s", bracket(m.ip), m.at.In(deadline.Stockholm).Format(time.RFC1123Z)))
	}
	header("From", m.from)
	header("To", m.to)
	header("Cc", m.cc)
	encoder := mime.QEncoding
	if r.chance(0.4) {
		encoder = mime.BEncoding
	}
	// Encode gives the encoded words one by one: a line for each.
	header("Subject", strings.ReplaceAll(encoder.Encode("utf-8", m.subject), "?= =?", "?=\r\n =?"))
	header("Date", m.at.In(deadline.Stockholm).Format(time.RFC1123Z))
	header("Message-ID", m.id)
	header("In-Reply-To", m.reply)
	header("References", strings.Join(m.references, "\r\n "))
	header("MIME-Version", "1.0")

	boundary := fmt.Sprintf("=_%016x", r.Uint64())
	switch {
	case len(m.files) > 0 || m.forward != nil:
		header("Content-Type", `multipart/mixed; boundary="`+boundary+`"`)
		b.WriteString("\r\n")
		w := parts(&b, boundary)
		text(r, m.text, part(w))
		for _, f := range m.files {
			h := textproto.MIMEHeader{
				"Content-Type":              {mime.FormatMediaType(f.Type, map[string]string{"name": ascii(f.Name)})},
				"Content-Disposition":       {mime.FormatMediaType("attachment", map[string]string{"filename": f.Name})},
				"Content-Transfer-Encoding": {"base64"},
			}
			must(w.CreatePart(h)).Write(folded(f.Body))
		}
		if m.forward != nil {
			must(w.CreatePart(textproto.MIMEHeader{"Content-Type": {"message/rfc822"}, "Content-Disposition": {"inline"}})).Write(m.forward)
		}
		finishParts(w)
	case r.chance(0.4):
		header("Content-Type", `multipart/alternative; boundary="`+boundary+`"`)
		b.WriteString("\r\n")
		w := parts(&b, boundary)
		text(r, m.text, part(w))
		h := textproto.MIMEHeader{"Content-Type": {"text/html; charset=utf-8"}, "Content-Transfer-Encoding": {"quoted-printable"}}
		quotedPrintable(must(w.CreatePart(h)), []byte(asHTML(m.text)))
		finishParts(w)
	default:
		text(r, m.text, func(h textproto.MIMEHeader) interface{ Write([]byte) (int, error) } {
			for _, k := range []string{"Content-Type", "Content-Transfer-Encoding"} {
				header(k, h.Get(k))
			}
			b.WriteString("\r\n")
			return &b
		})
	}
	return b.Bytes()
}

func bracket(ip string) string {
	if strings.Contains(ip, ":") {
		return "IPv6:" + ip
	}
	return ip
}

type writer = interface{ Write([]byte) (int, error) }

func parts(b *bytes.Buffer, boundary string) *multipart.Writer {
	w := multipart.NewWriter(b)
	if err := w.SetBoundary(boundary); err != nil {
		panic("demo: mime: " + err.Error())
	}
	return w
}

func part(w *multipart.Writer) func(textproto.MIMEHeader) writer {
	return func(h textproto.MIMEHeader) writer { return must(w.CreatePart(h)) }
}

// must takes what cannot fail on a bytes.Buffer.
func must(w writer, err error) writer {
	if err != nil {
		panic("demo: mime: " + err.Error())
	}
	return w
}

func finishParts(w *multipart.Writer) {
	if err := w.Close(); err != nil {
		panic("demo: mime: " + err.Error())
	}
}

// text writes a body in one of the usual encodings and character sets.
func text(r random, s string, open func(textproto.MIMEHeader) writer) {
	s = strings.ReplaceAll(s, "\n", "\r\n") + "\r\n"
	h := textproto.MIMEHeader{}
	switch r.IntN(4) {
	case 0:
		h.Set("Content-Type", "text/plain; charset=utf-8")
		h.Set("Content-Transfer-Encoding", "base64")
		open(h).Write(folded([]byte(s)))
	case 1:
		if latin, err := charmap.ISO8859_1.NewEncoder().String(s); err == nil {
			h.Set("Content-Type", "text/plain; charset=iso-8859-1")
			h.Set("Content-Transfer-Encoding", "quoted-printable")
			quotedPrintable(open(h), []byte(latin))
			return
		}
		fallthrough
	case 2:
		h.Set("Content-Type", "text/plain; charset=utf-8; format=flowed")
		h.Set("Content-Transfer-Encoding", "quoted-printable")
		quotedPrintable(open(h), []byte(s))
	default:
		h.Set("Content-Type", "text/plain; charset=utf-8")
		h.Set("Content-Transfer-Encoding", "8bit")
		open(h).Write([]byte(s))
	}
}

func quotedPrintable(w writer, b []byte) {
	q := quotedprintable.NewWriter(w)
	if _, err := q.Write(b); err != nil {
		panic("demo: mime: " + err.Error())
	}
	if err := q.Close(); err != nil {
		panic("demo: mime: " + err.Error())
	}
}

func folded(b []byte) []byte {
	s := base64.StdEncoding.EncodeToString(b)
	var out bytes.Buffer
	for len(s) > 76 {
		out.WriteString(s[:76] + "\r\n")
		s = s[76:]
	}
	out.WriteString(s + "\r\n")
	return out.Bytes()
}

// asHTML writes a text as mail programs do, with some letters as entities.
func asHTML(s string) string {
	s = strings.NewReplacer("å", "&aring;", "ö", "&ouml;", "\n\n", "</p><p>", "\n", "<br>").Replace(html.EscapeString(s))
	return "<html><body><p>" + s + "</p></body></html>"
}
