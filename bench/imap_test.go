package bench_test

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
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
// client library, which throws them away as they come, and beside the same FETCH
// with nothing but the socket, which no client comes near. The three take turns;
// the medians are compared, and what a turn costs both sides in processor time
// is told.
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
	socket := bareSocket(b, u, bytes)
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
	scan() // its connection is there
	servers := func() (used time.Duration) {
		for _, pid := range peers(b, u.Port()) {
			t, _ := processTime(pid)
			used += t
		}
		return used
	}
	kinds := []struct {
		name           string
		do             func()
		wall           []float64
		client, server time.Duration
	}{{name: "fetch", do: bare}, {name: "socket", do: socket}, {name: "scan", do: scan}}
	const turns = 7
	for b.Loop() {
		for i := range kinds {
			kinds[i].wall, kinds[i].client, kinds[i].server = nil, 0, 0
			kinds[i].do() // the server's first look at the mails is nobody's
		}
		for range turns {
			for i := range kinds {
				k := &kinds[i]
				own, theirs, at := cpu(b), servers(), time.Now()
				k.do()
				k.wall = append(k.wall, time.Since(at).Seconds())
				k.client += (cpu(b) - own) / turns
				k.server += (servers() - theirs) / turns
			}
		}
		for i := range kinds {
			k := &kinds[i]
			slices.Sort(k.wall)
			b.ReportMetric(k.wall[turns/2], "s/"+k.name)
			b.Logf("%s %.2f s, processor: client %.2f, server %.2f s", k.name, k.wall, k.client.Seconds(), k.server.Seconds())
		}
		b.ReportMetric(kinds[2].wall[turns/2]/kinds[0].wall[turns/2], "ratio")
		b.ReportMetric((kinds[2].client+kinds[2].server).Seconds()/(kinds[0].client+kinds[0].server).Seconds(), "cpu-ratio")
		b.ReportMetric(float64(bytes)/1e6, "MB")
	}
}

// bareSocket returns a function that fetches the bodies of INBOX with nothing
// but the socket, and finds how many bytes of literals came.
func bareSocket(b *testing.B, u *url.URL, want int64) func() {
	b.Helper()
	c, err := net.Dial("tcp", u.Host)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Close() })
	r := bufio.NewReaderSize(c, 64<<10)
	do := func(command string) (literals int64) {
		if _, err := io.WriteString(c, "a "+command+"\r\n"); err != nil {
			b.Fatal(err)
		}
		for {
			line, err := r.ReadSlice('\n')
			if err != nil {
				b.Fatal(err)
			}
			if s := string(line); strings.HasPrefix(s, "a ") {
				if !strings.HasPrefix(s, "a OK") {
					b.Fatal(s)
				}
				return literals
			}
			_, length, found := strings.Cut(string(line), "{")
			if n, err := strconv.Atoi(strings.TrimRight(length, "}\r\n")); found && err == nil {
				literals += int64(n)
				if _, err := r.Discard(n); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	password, _ := u.User.Password()
	do("LOGIN " + u.User.Username() + " " + password)
	do("EXAMINE INBOX")
	return func() {
		if got := do("FETCH 1:* BODY.PEEK[]"); got != want {
			b.Fatalf("%d of %d bytes", got, want)
		}
	}
}

// peers returns the processes on this machine at the other end of this one's
// connections to a port; none where it may not be known.
func peers(b *testing.B, port string) (pids []string) {
	b.Helper()
	inodes := func(pid string) map[string]bool {
		out := map[string]bool{}
		files, _ := os.ReadDir("/proc/" + pid + "/fd")
		for _, f := range files {
			to, _ := os.Readlink("/proc/" + pid + "/fd/" + f.Name())
			out[strings.TrimSuffix(strings.TrimPrefix(to, "socket:["), "]")] = true
		}
		return out
	}
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return nil
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		b.Fatal(err)
	}
	end := fmt.Sprintf(":%04X", n)
	own, theirs, mine := map[string]bool{}, map[string]string{}, inodes("self")
	for _, line := range strings.Split(string(table), "\n") {
		if f := strings.Fields(line); len(f) > 9 {
			if strings.HasSuffix(f[2], end) && mine[f[9]] {
				own[f[1]] = true
			} else if strings.HasSuffix(f[1], end) {
				theirs[f[2]] = f[9]
			}
		}
	}
	processes, _ := os.ReadDir("/proc")
	for _, p := range processes {
		name, _ := os.ReadFile("/proc/" + p.Name() + "/comm")
		if strings.TrimSpace(string(name)) != "imap" {
			continue
		}
		for socket := range inodes(p.Name()) {
			for at := range own {
				if theirs[at] == socket {
					pids = append(pids, p.Name())
				}
			}
		}
	}
	return pids
}
