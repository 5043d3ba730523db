package document_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/document"
)

func crlf(s string) []byte { return []byte(strings.ReplaceAll(s, "\n", "\r\n")) }

func parse(t *testing.T, raw []byte) *document.Mail {
	t.Helper()
	m, err := document.ParseMail(raw, document.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestH3_TextIsFoundInEveryEncoding(t *testing.T) {
	t.Parallel()
	long := base64.StdEncoding.EncodeToString([]byte("Hej, jag heter Åsa Öberg 😀 och bor i Växjö.\r\n"))
	for name, tc := range map[string]struct{ mail, want string }{
		"quoted-printable, soft break inside the name": {"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\nHej, jag heter =C3=85sa =C3=\n=96berg.\n", "Åsa Öberg."},
		"quoted-printable, latin-1":                    {"Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n=C5sa =D6be=\nrg\n", "Åsa Öberg"},
		"base64 in broken lines":                       {"Content-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: BASE64\n\n" + long[:7] + "\n" + long[7:10] + " \n\n" + long[10:] + "\n", "Åsa Öberg 😀 och"},
		"8bit, no charset, windows-1252":               {"Content-Type: text/plain\n\n\xC5sa \xD6berg kostar 5 \x80\n", "Åsa Öberg kostar 5 €"},
		"said to be UTF-8, is windows-1252":            {"Content-Type: text/plain; charset=utf-8\n\n\xC5sa \xD6berg\n", "Åsa Öberg"},
		"said to be latin-1, is UTF-8":                 {"Content-Type: text/plain; charset=iso-8859-1\n\nÅsa Öberg\n", "Åsa Öberg"},
		"UTF-8 with one foreign byte":                  {"Content-Type: text/plain; charset=utf-8\n\nÅsa Öberg, Bj\xF6rn\n", "Åsa Öberg, Björn"},
		"unknown charset":                              {"Content-Type: text/plain; charset=x-nonsense\n\nÅsa Öberg\n", "Åsa Öberg"},
		"format=flowed":                                {"Content-Type: text/plain; charset=utf-8; format=flowed\n\nHej, jag heter Åsa \nÖberg.\n> du heter Åsa \n> Öberg?\n", "> du heter Åsa Öberg?"},
		"format=flowed, delsp":                         {"Content-Type: text/plain; charset=utf-8; format=flowed; delsp=yes\n\nÅsa Öb \nerg.\n", "Åsa Öberg."},
		"HTML entities and inline markup":              {"Content-Type: text/html; charset=us-ascii\n\n<p>Jag heter &Aring;sa\n <b>&#214;berg</b>.</p><style>x</style>", "Jag heter Åsa Öberg."},
		"HTML, a link's hidden address":                {"Content-Type: text/html\n\n<a href=\"mailto:anna%40example.se\">skriv</a>", "anna@example.se"},
		"HTML, charset in the page":                    {"Content-Type: text/html\n\n<meta charset='windows-1252'><p>\xC5sa</p>", "Åsa"},
		"vCard folded":                                 {"Content-Type: text/vcard\n\nBEGIN:VCARD\nFN:Åsa Öb\n erg\nEND:VCARD\n", "FN:Åsa Öberg"},
		"mail in a mail in a mail":                     {"Content-Type: message/rfc822\n\nSubject: vidare\nContent-Type: message/rfc822\n\nFrom: =?utf-8?q?=C3=85sa_=C3=96berg?= <asa@example.se>\n\nHej\n", "From: Åsa Öberg <asa@example.se>"},
		"attached mail in base64":                      {"Content-Type: application/octet-stream; name=x.eml\nContent-Transfer-Encoding: base64\n\n" + base64.StdEncoding.EncodeToString([]byte("From: a@example.se\nSubject: S\n\nÅsa Öberg\n")), "Åsa Öberg"},
		"unended multipart":                            {"Content-Type: multipart/mixed; boundary=\"b\"\n\n--b\nContent-Type: text/plain\n\nÅsa Öberg\n", "Åsa Öberg"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, raw := range [][]byte{[]byte("From: x@example.se\n" + tc.mail), crlf("From: x@example.se\n" + tc.mail)} {
				m := parse(t, raw)
				var all strings.Builder
				for _, p := range m.Parts {
					all.WriteString(p.Text + "\n")
				}
				if got := strings.ReplaceAll(all.String(), "\r\n", "\n"); !strings.Contains(got, tc.want) {
					t.Errorf("text %q does not hold %q", got, tc.want)
				}
			}
		})
	}
}

func TestParseMailHeader(t *testing.T) {
	t.Parallel()
	m := parse(t, crlf(`From: =?utf-8?Q?=C3=85sa_=C3?=
 =?utf-8?Q?=96berg?= <asa.oberg@example.se>
To: "Andersson, Anna" <anna@example.se>, kundtjanst@example.se (Kundtjänst),
	Grupp: b@example.se, =?iso-8859-1?Q?Bj=F6rn?= <c@example.se>;
Cc: Johan =?utf-8?B?w5ZzdA==?= <johan@example.se>
Bcc: hemlig@example.se
Reply-To: svar@example.se
Subject: =?utf-8?B?RsO2cmZyw6VnYW4gb20gw6Q=?=
 =?utf-8?B?cmVuZGU=?=
Date: Tue, 3 Mar 2020 10:11:12 +0100 (CET)
Message-ID: <1@example.se>
References: <a@example.se>
 <b@example.se>
In-Reply-To: <b@example.se>

x
`))
	check := func(name, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	check("From", fmt.Sprint(m.From), "[{Åsa Öberg asa.oberg@example.se}]")
	check("To", fmt.Sprint(m.To), "[{Andersson, Anna anna@example.se} {Kundtjänst kundtjanst@example.se} {Grupp } { b@example.se} {Björn c@example.se}]")
	check("Cc", fmt.Sprint(m.Cc), "[{Johan Öst johan@example.se}]")
	check("Bcc", fmt.Sprint(m.Bcc), "[{ hemlig@example.se}]")
	check("Reply-To", fmt.Sprint(m.ReplyTo), "[{ svar@example.se}]")
	check("Subject", m.Subject, "Förfrågan om ärende")
	check("Date", m.Date.UTC().Format(time.RFC3339), "2020-03-03T09:11:12Z")
	check("Message-ID", m.MessageID, "1@example.se")
	check("References", fmt.Sprint(m.References), "[a@example.se b@example.se]")
}

func TestH4_FileNamesAreDecoded(t *testing.T) {
	t.Parallel()
	for _, header := range []string{
		"Content-Disposition: attachment; filename=\"=?utf-8?Q?=C3=85sa_=C3=96berg.csv?=\"",
		"Content-Disposition: attachment; filename*=utf-8''%C3%85sa%20%C3%96berg.csv",
		"Content-Disposition: attachment; filename*0*=iso-8859-1'sv'%C5sa%20;\n filename*1=\"\xD6berg\"; filename*2=.csv",
		"Content-Type: text/csv; name=\"Åsa Öberg.csv\"",
	} {
		m := parse(t, []byte("From: a@example.se\n"+header+"\n\nx;y\n"))
		if got := m.Parts[0].Name; got != "Åsa Öberg.csv" {
			t.Errorf("%s: name %q", header, got)
		}
		if !m.Parts[0].Attachment {
			t.Errorf("%s: not an attachment", header)
		}
	}
}

func TestParseMailBodyLeavesOutTheSameInHTML(t *testing.T) {
	t.Parallel()
	mail := "From: a@example.se\nContent-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/plain\n\nHej Anna, tack.\n--b\nContent-Type: text/html\n\n<p>Hej <b>Anna</b>, tack%s.</p>\n--b--\n"
	if got := parse(t, fmt.Appendf(nil, mail, "")).Body(); got != "Hej Anna, tack." {
		t.Errorf("body %q", got)
	}
	if got := parse(t, fmt.Appendf(nil, mail, " Johanna")).Body(); !strings.Contains(got, "Johanna") {
		t.Errorf("what only the HTML says is lost: %q", got)
	}
}

func TestParseMailOfSomethingElse(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{"", "\n\n\n", "no header at all\n", "\x00\x01\x02"} {
		if _, err := document.ParseMail([]byte(raw), document.Limits{}); !errors.Is(err, gallra.ErrInvalid) {
			t.Errorf("%q: %v", raw, err)
		}
	}
}

// heap runs f and returns how many bytes it allocated.
func heap(f func()) uint64 {
	var a, b runtime.MemStats
	runtime.ReadMemStats(&a)
	f()
	runtime.ReadMemStats(&b)
	return b.TotalAlloc - a.TotalAlloc
}

func hasReason(ps []document.Problem, reason string) bool {
	for _, p := range ps {
		if p.Reason == reason {
			return true
		}
	}
	return false
}

func TestH4_MailBombs(t *testing.T) { // not parallel: it measures allocation
	nested := strings.Builder{}
	nested.WriteString("From: a@example.se\n")
	for i := range 10_000 {
		fmt.Fprintf(&nested, "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i)
	}
	rfc822 := "From: a@example.se\n" + strings.Repeat("Content-Type: message/rfc822\n\n", 10_000)
	siblings := "From: a@example.se\nContent-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b\n\nhej\n", 100_000) + "--b--\n"
	headers := "From: a@example.se\n" + strings.Repeat("To: a@example.se\n", 100_000) + "\nx"
	huge := append([]byte("From: a@example.se\nContent-Transfer-Encoding: base64\nContent-Type: text/plain\n\n"), bytes.Repeat([]byte("QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB\n"), 5<<20)...)
	for name, tc := range map[string]struct {
		raw    []byte
		reason string
		most   uint64
	}{
		"10,000 nested parts": {[]byte(nested.String()), document.ReasonTooDeep, 64 << 20},
		"10,000 nested mails": {[]byte(rfc822), document.ReasonTooDeep, 64 << 20},
		"100,000 parts":       {[]byte(siblings), document.ReasonTooMany, 64 << 20},
		"100,000 fields":      {[]byte(headers), "", 256 << 20},
		"huge base64":         {huge, document.ReasonTooLarge, 300 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			var m *document.Mail
			var err error
			if n := heap(func() { m, err = document.ParseMail(tc.raw, document.Limits{}) }); n > tc.most {
				t.Errorf("%d MB allocated", n>>20)
			}
			if err != nil {
				t.Fatal(err)
			}
			if tc.reason == "" {
				return
			}
			if !hasReason(m.Problems, tc.reason) {
				t.Errorf("problems %v, want %s", m.Problems, tc.reason)
			}
			_, _, err = document.RewriteMail(tc.raw, func(_ document.PartInfo, s string) string { return s })
			if tc.reason != document.ReasonTooMany && !errors.Is(err, gallra.ErrUnsupported) {
				t.Errorf("a mail not seen in full was rewritten: %v", err)
			}
		})
	}
}
