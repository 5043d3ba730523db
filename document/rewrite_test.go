package document_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/gallra/gallra/document"
)

// redact takes one person out, as the redactor of package pii does with known
// identifiers, in a form that leaves its own work alone.
func redact(_ document.PartInfo, s string) string {
	return strings.NewReplacer(
		"Åsa Öberg", "[NAMN 1]", "Åsa\u00A0Öberg", "[NAMN 1]", "asa.oberg@example.se", "[E-POST 1]", "850908-2395", "[PERSONNUMMER 1]", "Åsa", "[NAMN 1]", "Öberg", "[NAMN 1]",
	).Replace(s)
}

func identity(_ document.PartInfo, s string) string { return s }

func qp(s string) string {
	var b bytes.Buffer
	w := quotedprintable.NewWriter(&b)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return b.String()
}

// full is a mail with one person in every place a mail has.
func full() []byte {
	html := `<html><head><title>Hälsning från Åsa Öberg</title></head><body><!-- Åsa --><p class="x">Jag heter Åsa <b>Öberg</b>, tel.</p>
<img src=x.png alt='bild av Åsa Öberg'><a href="mailto:asa.oberg%40example.se?subject=hej">skriv</a><br>
<blockquote>&gt; &Aring;sa&nbsp;&#214;berg skrev &lt;tidigare&gt;</blockquote></body></html>`
	b64 := base64.StdEncoding.EncodeToString([]byte(html))
	return crlf(`Return-Path: <asa.oberg@example.se>
Received: from [192.0.2.1] (helo=asa.oberg@example.se) by mx.example.se
From: =?utf-8?Q?=C3=85sa_=C3?=
 =?utf-8?Q?=96berg?= <asa.oberg@example.se>
To: Kundtjänst <kundtjanst@example.se>, "Svensson, Per" <per@example.se>
Subject: =?utf-8?B?RnLDpWdhIGZyw6VuIA==?= =?utf-8?B?w4VzYSDDlmJlcmc=?=
Date: Tue, 3 Mar 2020 10:11:12 +0100
Message-ID: <asa.oberg@example.se>
References: <1@example.se> <asa.oberg@example.se>
X-Odd:   spaced   value
MIME-Version: 1.0
Content-Type: multipart/mixed;
	boundary="yttre"

En mail till dig, Åsa.
--yttre
Content-Type: multipart/alternative; boundary=inre

--inre
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Jag heter =C3=85sa =
=C3=96berg (850908-=
2395) och skriver =E2=82=AC.

> Hej =C3=85sa,
> tack.
--inre
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: base64

` + b64[:60] + "\n" + b64[60:] + `
--inre--

--yttre
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: 8bit

` + "Hej \xC5sa \xD6berg!" + `
--yttre
Content-Type: text/csv; charset=utf-8; name*=utf-8''%C3%85sa%20%C3%96berg.csv
Content-Disposition: attachment; filename*=utf-8''%C3%85sa%20%C3%96berg.csv; size=10
Content-Transfer-Encoding: base64

` + base64.StdEncoding.EncodeToString([]byte("namn;nr\r\nÅsa Öberg;850908-2395\r\n")) + `
--yttre
Content-Type: message/rfc822

From: =?utf-8?q?=C3=85sa_=C3=96berg?= <asa.oberg@example.se>
Subject: inre
Content-Type: text/plain; charset=utf-8; format=flowed

Hej, jag som skriver heter Åsa 
Öberg.

--yttre
Content-Type: application/pdf; name="faktura.pdf"
Content-Transfer-Encoding: base64

JVBERi0xLjQKJeLjz9MK
--yttre--
Slutord till Åsa.
`)
}

func rewrite(t *testing.T, raw []byte, f func(document.PartInfo, string) string, opts ...document.RewriteOption) ([]byte, document.Changes) {
	t.Helper()
	out, c, err := document.RewriteMail(raw, f, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return out, c
}

// needles returns the forms in which a person could be left in raw bytes, and
// everything a decoder sees.
func everything(t *testing.T, raw []byte) string {
	t.Helper()
	var b strings.Builder
	rewrite(t, raw, func(_ document.PartInfo, s string) string { b.WriteString(s + "\n"); return s })
	return b.String()
}

func TestRewriteMailForgetsAPersonEverywhere(t *testing.T) {
	t.Parallel()
	for name, raw := range map[string][]byte{"CRLF": full(), "LF": bytes.ReplaceAll(full(), []byte("\r\n"), []byte("\n"))} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, c := rewrite(t, raw, redact)
			if c.Parts < 6 || c.Headers < 5 || c.FileNames != 2 || c.Kept != 1 {
				t.Errorf("changes %+v", c)
			}
			all := everything(t, out)
			for _, old := range []string{"Åsa", "Öberg", "asa.oberg", "850908", "\xC5sa"} {
				if strings.Contains(all, old) {
					t.Errorf("%q is left in\n%s", old, all)
				}
				if bytes.Contains(out, []byte(old)) {
					t.Errorf("%q is left in the bytes", old)
				}
			}
			for _, kept := range []string{"Per", "tack.", "skriv", "€", "kundtjanst@example.se", "&lt;tidigare&gt;"[4:12], "[NAMN 1]", "[PERSONNUMMER 1]"} {
				if !strings.Contains(all, kept) {
					t.Errorf("%q is gone", kept)
				}
			}
			if !bytes.Contains(out, []byte("X-Odd:   spaced   value")) || !bytes.Contains(out, []byte("Date: Tue, 3 Mar 2020 10:11:12 +0100")) {
				t.Error("untouched fields changed their bytes")
			}
			if n := bytes.Count(out, []byte("\r\n")); (name == "CRLF") != (n == bytes.Count(out, []byte("\n"))) {
				t.Errorf("line ends are mixed: %d CRLF of %d", n, bytes.Count(out, []byte("\n")))
			}
			again, c2 := rewrite(t, out, redact)
			if !bytes.Equal(again, out) || c2.Any() {
				t.Errorf("redacting twice changes something: %+v", c2)
			}
			// Another reader than ours agrees that it is a mail.
			m, err := mail.ReadMessage(bytes.NewReader(out))
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := mime.ParseMediaType(m.Header.Get("Content-Type")); err != nil {
				t.Error(err)
			}
			if _, err := m.Header.AddressList("To"); err != nil {
				t.Errorf("To: %v", err)
			}
			p := parse(t, out)
			if len(p.Parts) != 7 || p.Subject != "Fråga från [NAMN 1]" || p.Parts[3].Name != "[NAMN 1].csv" {
				t.Errorf("%d parts, subject %q, file %q", len(p.Parts), p.Subject, p.Parts[3].Name)
			}
			if fmt.Sprint(p.From) != "[{[NAMN 1] [E-POST 1] }]" {
				t.Errorf("From %v in %s", p.From, out[:400])
			}
		})
	}
}

func TestRewriteMailIdentityChangesNoByte(t *testing.T) {
	t.Parallel()
	out, c := rewrite(t, full(), identity)
	if !bytes.Equal(out, full()) || c.Any() {
		t.Error("the identity changed the mail")
	}
}

func TestRewriteMailKeepsCharsetAndEncoding(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ head, body, with, wantHead string }{
		"latin-1 stays":            {"Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable", "=C5sa", "Örjan", "charset=iso-8859-1"},
		"latin-1 cannot":           {"Content-Type: text/plain; charset=iso-8859-1; format=fixed\nContent-Transfer-Encoding: quoted-printable", "=C5sa", "Łukasz 😀", "charset=utf-8"},
		"7bit becomes QP":          {"Content-Type: text/plain", "Anna", "Örjan", "Content-Transfer-Encoding: quoted-printable"},
		"base64 stays":             {"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64", "QW5uYQ==", "Örjan", "Content-Transfer-Encoding: base64"},
		"HTML escapes what cannot": {"Content-Type: text/html; charset=iso-8859-1\nContent-Transfer-Encoding: 8bit", "<p>Anna</p>", "Łukasz <b>", "charset=iso-8859-1"},
		"8bit line too long":       {"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit", "Anna", strings.Repeat("ö ", 900), "Content-Transfer-Encoding: quoted-printable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw := []byte("From: x@example.se\n" + tc.head + "\n\n" + tc.body + "\n")
			out, _ := rewrite(t, raw, func(i document.PartInfo, s string) string {
				if i.Kind != document.PartText && i.Kind != document.PartHTML {
					return s
				}
				return strings.NewReplacer("Anna", tc.with, "Åsa", tc.with).Replace(s)
			})
			if !bytes.Contains(out, []byte(tc.wantHead)) {
				t.Errorf("%q lacks %q", out, tc.wantHead)
			}
			if got := strings.TrimRight(parse(t, out).Parts[0].Text, "\r\n"); strings.TrimSpace(got) != strings.TrimSpace(tc.with) {
				t.Errorf("text %q, want %q", got, tc.with)
			}
		})
	}
}

func TestG6_AttachmentsByPolicy(t *testing.T) {
	t.Parallel()
	pdf := "Content-Type: application/pdf; name=\"Anna.pdf\"\nContent-Disposition: attachment\n\n%PDF-1.4 Anna\n"
	text := "Content-Type: text/plain\n\nhej\n"
	decide := func(v document.Verdict) document.RewriteOption {
		return document.Attachments(func(o document.Opaque) (document.Verdict, string) {
			if o.Name != "Anna.pdf" || o.Size == 0 {
				t.Errorf("attachment %q of %d bytes", o.Name, o.Size)
			}
			return v, "Bilagan är gallrad."
		})
	}
	for name, parts := range map[string][]string{
		"last": {text, pdf}, "first": {pdf, text}, "middle": {text, pdf, text}, "only": {pdf}, "two": {pdf, pdf}, "two last": {text, pdf, pdf},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw := "From: a@example.se\nContent-Type: multipart/mixed; boundary=b\n\npreamble\n"
			for _, p := range parts {
				raw += "--b\n" + p
			}
			raw += "--b--\nepilogue\n"
			texts := strings.Count(raw, "hej")
			for _, v := range []document.Verdict{document.Keep, document.Drop, document.Replace} {
				out, c := rewrite(t, []byte(raw), identity, decide(v))
				m := parse(t, out)
				want := len(parts)
				switch v {
				case document.Keep:
					if string(out) != raw {
						t.Error("kept, and changed")
					}
				case document.Drop:
					want = max(texts, 1)
					if c.Dropped != len(parts)-texts {
						t.Errorf("%+v", c)
					}
				case document.Replace:
					if n := strings.Count(everything(t, out), "Bilagan är gallrad."); n != len(parts)-texts {
						t.Errorf("%d notes in %q", n, out)
					}
				}
				if v != document.Keep && strings.Contains(string(out), "Anna") {
					t.Errorf("the attachment is left: %q", out)
				}
				if len(m.Parts) != want || strings.Count(string(out), "hej") != texts || len(m.Problems) > 0 && v != document.Keep {
					t.Errorf("verdict %d: %d parts, want %d, %v: %q", v, len(m.Parts), want, m.Problems, out)
				}
			}
		})
	}
	t.Run("the mail itself", func(t *testing.T) {
		t.Parallel()
		out, _ := rewrite(t, []byte("From: a@example.se\nSubject: x\n"+pdf), identity, decide(document.Replace))
		m := parse(t, out)
		if strings.TrimSpace(m.Parts[0].Text) != "Bilagan är gallrad." || m.Subject != "x" || strings.Contains(string(out), "Anna") {
			t.Errorf("%q", out)
		}
	})
}

func TestRewriteMailFoldsLongHeaders(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("Ärende om Åsa Öberg ", 30)
	out, _ := rewrite(t, []byte("From: x@example.se\nSubject: kort\n\n"), func(i document.PartInfo, s string) string {
		if i.Field == "Subject" {
			return long
		}
		return s
	})
	for _, line := range strings.Split(string(out), "\n") {
		if len(line) > 78 {
			t.Errorf("line of %d: %q", len(line), line)
		}
	}
	if got := parse(t, out).Subject; got != strings.TrimSpace(long) {
		t.Errorf("subject %q", got)
	}
}

// Whatever the text, encoding and replacement: the identity keeps the bytes, a
// replacement takes every occurrence, and a second run changes nothing.
func TestRewriteMailProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.SampledFrom([]string{"Åsa Öberg", "hej", "😀", "ö", "<b>", "&amp;", "850908-2395", "\n", "> ", "  ", "=", "--b", "From x", ".", "https://x.se/?a=1&b=2", strings.Repeat("lång ", 20)})
		body := strings.Join(rapid.SliceOfN(word, 0, 30).Draw(t, "body"), " ")
		subject := strings.ReplaceAll(strings.Join(rapid.SliceOfN(word, 0, 6).Draw(t, "subject"), " "), "\n", " ")
		head := rapid.SampledFrom([]string{"text/plain; charset=utf-8", "text/html; charset=utf-8", "text/plain; charset=utf-8; format=flowed", "text/calendar; charset=utf-8"}).Draw(t, "type")
		enc := rapid.SampledFrom([]string{"8bit", "quoted-printable", "base64"}).Draw(t, "encoding")
		switch enc {
		case "quoted-printable":
			body = qp(body)
		case "base64":
			body = base64.StdEncoding.EncodeToString([]byte(body))
		}
		raw := crlf("From: a@example.se\nSubject: " + mime.QEncoding.Encode("utf-8", subject) + "\nContent-Type: " + head + "\nContent-Transfer-Encoding: " + enc + "\n\n" + strings.ReplaceAll(body, "\r\n", "\n") + "\n")
		if out, c, err := document.RewriteMail(raw, identity); err != nil || !bytes.Equal(out, raw) || c.Any() {
			t.Fatalf("identity: %v %+v\n%q\n%q", err, c, raw, out)
		}
		out, _, err := document.RewriteMail(raw, redact)
		if err != nil {
			t.Fatal(err)
		}
		again, c, err := document.RewriteMail(out, redact)
		if err != nil || c.Any() {
			t.Fatalf("second run: %v %+v\n%q\n%q", err, c, out, again)
		}
		m, err := document.ParseMail(out, document.Limits{})
		if err != nil || strings.Contains(m.Subject+m.Body(), "Åsa Öberg") {
			t.Fatalf("left: %v %q", err, out)
		}
	})
}

func TestSetTextAndHeader(t *testing.T) {
	t.Parallel()
	text := "rad ett\r\nrad två 😀\n\n\tslut "
	for name, raw := range map[string][]byte{
		"many parts": full(), "plain": crlf("From: Åsa <asa.oberg@example.se>\n\nHej\n"), "no body": []byte("From: a@example.se\n"),
		"alternative": []byte("From: a@example.se\nContent-Type: multipart/alternative; boundary=b\n\n--b\n\nHej Åsa\n--b\nContent-Type: text/html\n\n<p>Åsa</p>\n--b--\n"),
	} {
		out, err := document.SetText(raw, text, document.Limits{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out = document.SetHeader(out, "Subject", "Ärendet är mött")
		out = document.SetSender(out, document.Address{Name: "Örjan, chef", Address: "ny@example.se"})
		m := parse(t, out)
		if m.Body() != text || m.Subject != "Ärendet är mött" || fmt.Sprint(m.From[0]) != "{Örjan, chef ny@example.se}" || len(m.Problems) > 0 && name != "many parts" {
			t.Errorf("%s: %q %q %v %v", name, m.Body(), m.Subject, m.From, m.Problems)
		}
		if name == "many parts" && !strings.Contains(m.AttachmentText(), "850908-2395") {
			t.Error("the attachments are gone")
		}
	}
}
