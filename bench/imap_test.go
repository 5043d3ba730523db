package bench_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/gallra/gallra/connector"
	_ "github.com/gallra/gallra/connector/imap"
	"github.com/gallra/gallra/internal/testserver"
)

// benchLetter is a customer's mail: six of ten are plain text in
// quoted-printable, three have HTML beside it, and one a picture with it.
func benchLetter(n int) string {
	var qp strings.Builder
	w := quotedprintable.NewWriter(&qp)
	text := strings.Repeat(fmt.Sprintf("Hej, jag heter Åsa Öberg och undrar hur det går med ärende %d, som jag skrev om förra veckan. ", n), 6)
	_, _ = io.WriteString(w, text+"\r\n\r\nMvh Åsa\r\n")
	_ = w.Close()
	head := fmt.Sprintf("Return-Path: <asa.oberg%d@example.se>\r\nReceived: from mx.example.se (mx.example.se [192.0.2.7]) by post.kommun.se with ESMTPS id %d; Mon, 1 Jun 2020 10:00:00 +0200\r\n"+
		"From: =?utf-8?Q?=C3=85sa_=C3=96berg?= <asa.oberg%d@example.se>\r\nTo: Kundtjanst <kundtjanst@kommun.se>\r\nSubject: =?utf-8?Q?Fr=C3=A5ga_om_%c3=A4rende_%d?=\r\nDate: %s\r\nMessage-ID: <%d@example.se>\r\nMIME-Version: 1.0\r\n",
		n, n, n, '=', n, time.Date(2020, 6, 1, 8, 0, 0, 0, time.UTC).Add(time.Duration(n)*time.Minute).Format(time.RFC1123Z), n)
	plain := "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + qp.String()
	switch n % 10 {
	case 0:
		picture := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01", 400)))
		var lines strings.Builder
		for len(picture) > 76 {
			lines.WriteString(picture[:76] + "\r\n")
			picture = picture[76:]
		}
		return head + "Content-Type: multipart/mixed; boundary=\"b1\"\r\n\r\n--b1\r\n" + plain + "\r\n--b1\r\nContent-Type: image/jpeg; name=\"bild.jpg\"\r\nContent-Disposition: attachment; filename=\"bild.jpg\"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + lines.String() + picture + "\r\n--b1--\r\n"
	case 1, 2, 3:
		return head + "Content-Type: multipart/alternative; boundary=\"b1\"\r\n\r\n--b1\r\n" + plain + "\r\n--b1\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<html><body><p>" + qp.String() + "</p></body></html>\r\n--b1--\r\n"
	}
	return head + plain
}

// BenchmarkIMAPScan lists GALLRA_BENCH_MAILS mails (10,000) of one folder,
// decoded and taken apart, beside a bare FETCH of the same bodies with the same
// client library, which throws them away as they come. The two take turns; the
// medians are compared.
func BenchmarkIMAPScan(b *testing.B) {
	mails := size("GALLRA_BENCH_MAILS", 10_000)
	address := testserver.IMAP(b)
	u, err := url.Parse(address)
	if err != nil {
		b.Fatal(err)
	}
	c, err := imapclient.DialInsecure(u.Host, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	password, _ := u.User.Password()
	if err := c.Login(u.User.Username(), password).Wait(); err != nil {
		b.Fatal(err)
	}
	bytes := int64(0)
	for n := range mails {
		raw := benchLetter(n)
		bytes += int64(len(raw))
		cmd := c.Append("INBOX", int64(len(raw)), nil)
		_, _ = io.WriteString(cmd, raw)
		_ = cmd.Close()
		if _, err := cmd.Wait(); err != nil {
			b.Fatal(err)
		}
	}
	src, err := connector.Open(b.Context(), connector.Config{System: "post", URL: address})
	if err != nil {
		b.Fatal(err)
	}
	defer src.Close()
	bare := func() {
		if _, err := c.Select("INBOX", &goimap.SelectOptions{ReadOnly: true}).Wait(); err != nil {
			b.Fatal(err)
		}
		var every goimap.SeqSet
		every.AddRange(1, 0)
		cmd := c.Fetch(every, &goimap.FetchOptions{BodySection: []*goimap.FetchItemBodySection{{Peek: true}}})
		got := int64(0)
		for m := cmd.Next(); m != nil; m = cmd.Next() {
			for i := m.Next(); i != nil; i = m.Next() {
				if body, ok := i.(imapclient.FetchItemDataBodySection); ok {
					n, err := io.Copy(io.Discard, body.Literal)
					if err != nil {
						b.Fatal(err)
					}
					got += n
				}
			}
		}
		if err := cmd.Close(); err != nil || got != bytes {
			b.Fatalf("%d of %d bytes: %v", got, bytes, err)
		}
	}
	scan := func() {
		n := 0
		for q := (connector.Query{Type: "mail"}); ; {
			p, err := src.List(b.Context(), q)
			if err != nil {
				b.Fatal(err)
			}
			n += len(p.Records)
			if q.Cursor = p.Next; q.Cursor == "" {
				break
			}
		}
		if n != mails {
			b.Fatalf("%d of %d mails", n, mails)
		}
	}
	timed := func(f func()) float64 {
		at := time.Now()
		f()
		return time.Since(at).Seconds()
	}
	for b.Loop() {
		bare() // the server's first look at the mails is nobody's
		var plain, whole []float64
		for range 7 {
			plain = append(plain, timed(bare))
			whole = append(whole, timed(scan))
		}
		slices.Sort(plain)
		slices.Sort(whole)
		b.ReportMetric(plain[3], "s/fetch")
		b.ReportMetric(whole[3], "s/scan")
		b.ReportMetric(whole[3]/plain[3], "ratio")
		b.ReportMetric(float64(bytes)/1e6, "MB")
		b.Logf("bare FETCH %.2f, scan %.2f", plain, whole)
	}
}
