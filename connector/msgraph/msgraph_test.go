package msgraph_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/connector/connectortest"
	"github.com/gallra/gallra/connector/mailrecord/mailtest"
	"github.com/gallra/gallra/connector/rest"
	"github.com/gallra/gallra/connector/rest/resttest"
)

// Not beside other tests: the suite counts what is left running.
func TestConformance(t *testing.T) {
	connectortest.Run(t, newExchange(t).harness(t))
}

func TestS35_Faults(t *testing.T) {
	t.Parallel()
	connectortest.Faults(t, newExchange(t).harness(t))
}

var monday = time.Date(2024, 6, 10, 9, 30, 0, 0, time.UTC)

// put stores a mail and returns its id at Graph.
func (x *exchange) put(key, folder string, received time.Time) string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.add(&letter{folder: x.folderNamed(folder), raw: mailtest.Compose(connectortest.Seed{Key: key, Name: "Åsa Öberg", Email: "asa@example.se", Text: "Hej " + key, Created: received}), received: received, sent: received})
}

func list(t *testing.T, src connector.Source, q connector.Query) []gallra.Record {
	t.Helper()
	q.Type = "mail"
	var out []gallra.Record
	for {
		p, err := src.List(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p.Records...)
		if q.Cursor = p.Next; p.Next == "" {
			return out
		}
	}
}

func TestAccountWithoutTheRightToErase(t *testing.T) {
	t.Parallel()
	x := newExchange(t)
	x.put("ett", "Skola", monday)
	x.canWrite = false
	src := x.open(t)
	err := src.Check(t.Context())
	if !errors.Is(err, gallra.ErrPermission) || !strings.Contains(err.Error(), "Mail.ReadWrite") {
		t.Errorf("check: %v", err)
	}
	ref := list(t, src, connector.Query{})[0].Ref
	if _, err := src.(connector.Eraser).Erase(t.Context(), ref, ""); !errors.Is(err, gallra.ErrPermission) || !strings.Contains(err.Error(), "Mail.ReadWrite") {
		t.Errorf("erase: %v", err)
	}
	wrong := x.open(t, func(c *connector.Config, _ *rest.Options) { c.Options["client_secret"] = "fel" })
	if err := wrong.Check(t.Context()); !errors.Is(err, gallra.ErrAuth) {
		t.Errorf("a wrong secret: %v", err)
	}
	nobody := x.open(t, func(c *connector.Config, _ *rest.Options) { c.Options["mailbox"] = "annan@kommun.example" })
	if err := nobody.Check(t.Context()); !errors.Is(err, gallra.ErrNotFound) {
		t.Errorf("a mailbox that is not there: %v", err)
	}
}

// Many mails of one second lie across the pages that Graph gives.
func TestMailsOfOneSecondAreListedOnce(t *testing.T) {
	t.Parallel()
	x := newExchange(t)
	const n = 3*pageCap + 2
	for i := range n {
		x.put(fmt.Sprint("nr", i), "Skola", monday)
	}
	x.put("sist", "Vatten", monday.Add(time.Hour))
	for _, limit := range []int{0, 1, 2, pageCap, 7, n, 100} {
		seen := map[gallra.Ref]int{}
		for _, r := range list(t, x.open(t), connector.Query{Limit: limit}) {
			seen[r.Ref]++
		}
		if len(seen) != n+1 {
			t.Errorf("limit %d: %d mails of %d", limit, len(seen), n+1)
		}
		for ref, times := range seen {
			if times != 1 {
				t.Errorf("limit %d: %s is listed %d times", limit, ref, times)
			}
		}
	}
}

func TestLitigationHoldIsNeverFinal(t *testing.T) {
	t.Parallel()
	x := newExchange(t)
	x.put("ett", "Skola", monday)
	x.hold = true
	src := x.open(t, func(c *connector.Config, _ *rest.Options) { c.Options["hold"] = "true" })
	r, err := src.(connector.Eraser).Erase(t.Context(), list(t, src, connector.Query{})[0].Ref, "")
	if err != nil {
		t.Fatal(err)
	}
	x.clock.Advance(1000 * 24 * time.Hour)
	r, err = src.(connector.Confirmer).Confirm(t.Context(), r)
	if err != nil || r.Final || len(r.Residues) != 1 || r.Residues[0].Why != "msgraph.hold" {
		t.Errorf("%+v, %v", r, err)
	}
	if len(x.stored()) != 1 {
		t.Error("the fake has let go of what is held")
	}
}

// A rewritten mail keeps what the other does: dates, folder, marks, attachment;
// and it is no draft.
func TestEditKeepsWhatItMay(t *testing.T) {
	t.Parallel()
	x := newExchange(t)
	raw := "From: =?utf-8?q?=C3=85sa_=C3=96berg?= <asa@example.se>\r\nTo: kontakt@kommun.example\r\nCc: rektor@kommun.example\r\nSubject: Intyg\r\nDate: Mon, 10 Jun 2024 09:30:00 +0000\r\n" +
		"Message-ID: <a1@mail.example>\r\nIn-Reply-To: <a0@mail.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" +
		"--b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n--c\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nH=E4lsningar =C5sa\r\n" +
		"--c\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Hälsningar <b>Åsa</b></p>\r\n--c--\r\n" +
		"--b\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=intyg.bin\r\nContent-Transfer-Encoding: base64\r\n\r\nAP8=\r\n--b--\r\n"
	x.add(&letter{folder: x.folderNamed("Vatten"), raw: raw, received: monday, sent: monday, read: true, flag: "complete", verb: "102"})
	src := x.open(t)
	before := list(t, src, connector.Query{})[0]
	if v, _ := before.Field("answered"); v != "true" {
		t.Error("a mail that was answered is not said to be")
	}
	mail, _ := before.Field("raw")
	for _, name := range []string{"Åsa", "=C5sa", "=C3=85sa_=C3=96berg", "asa@example.se"} {
		mail = strings.ReplaceAll(mail, name, "Borttagen")
	}
	mail = strings.Replace(mail, "<Borttagen>", "<x@example.invalid>", 1)
	r, err := src.(connector.Editor).Edit(t.Context(), before.Ref, before.Version, []gallra.Field{{Name: "raw", Value: mail}})
	if err != nil {
		t.Fatal(err)
	}
	after, err := src.Get(t.Context(), r.Ref)
	if err != nil {
		t.Fatal(err)
	}
	if r.Final || r.Remote == "" || r.Ref == before.Ref {
		t.Errorf("the receipt claims too much: %+v", r)
	}
	for _, f := range []string{"folder", "weekday", "hour", "answered", "to", "cc", "subject", "attachments"} {
		a, _ := before.Field(f)
		if b, _ := after.Field(f); a != b {
			t.Errorf("%s: %q was %q", f, b, a)
		}
	}
	if !after.Created.Equal(before.Created) || !after.Updated.Equal(before.Updated) {
		t.Errorf("times: %v %v were %v %v", after.Created, after.Updated, before.Created, before.Updated)
	}
	_, id, _ := strings.Cut(r.Ref.ID, "-")
	l := x.mails[id]
	if l.flags != "1" || l.flag != "complete" || l.verb != "102" || !l.read || !strings.Contains(l.raw, "Content-Type: text/html") || !strings.Contains(l.raw, "AP8=") {
		t.Errorf("marks, text or attachment are lost: flags %s, flag %s, verb %s, read %v", l.flags, l.flag, l.verb, l.read)
	}
	for _, l := range x.mails {
		if strings.Contains(mailtest.Decoded(l.raw), "sa Öberg") {
			t.Error("the name is still there")
		}
	}
}

// The connection breaks after the new mail is made, and again after the old one
// is erased: done again, there is one mail.
func TestEditWhoseAnswerIsLostIsDoneOnce(t *testing.T) {
	t.Parallel()
	for _, lostAt := range []string{"/messages", "/permanentDelete", "get after"} {
		x := newExchange(t)
		x.put("ett", "Skola", monday)
		rec := list(t, x.open(t), connector.Query{})[0]
		set := []gallra.Field{{Name: "text", Value: "Borttaget"}}
		broken := true
		deleted := false
		src := x.open(t, func(_ *connector.Config, o *rest.Options) {
			o.Transport = &resttest.Faulty{Next: resttest.Local{Handler: x}, Choose: func(r *http.Request) resttest.Fault {
				if strings.HasSuffix(r.URL.Path, "/permanentDelete") {
					deleted = true
				}
				if broken && (r.Method == "POST" && strings.HasSuffix(r.URL.Path, lostAt) || lostAt == "get after" && deleted) {
					return resttest.Lost
				}
				return resttest.None
			}}
		})
		_, err := src.(connector.Editor).Edit(t.Context(), rec.Ref, rec.Version, set)
		if lostAt != "/messages" && err == nil {
			t.Errorf("%s: no error", lostAt)
		}
		broken = false
		if err != nil {
			r, err := src.(connector.Editor).Edit(t.Context(), rec.Ref, rec.Version, set)
			if err != nil {
				t.Errorf("%s: again: %v", lostAt, err)
			}
			if got, err := src.Get(t.Context(), r.Ref); err != nil {
				t.Errorf("%s: %v", lostAt, err)
			} else if v, _ := got.Field("text"); v != "Borttaget" {
				t.Errorf("%s: the text is not what was set", lostAt)
			}
		}
		if n := len(list(t, src, connector.Query{})); n != 1 {
			t.Errorf("%s: %d mails of one", lostAt, n)
		}
	}
}

func TestAnswerOfAnotherShapeIsDrift(t *testing.T) {
	t.Parallel()
	x := newExchange(t)
	for _, body := range []string{`{}`, `{"value":null}`, `[]`, `{"value":[],"@odata.nextLink":"https://graph.example.com/x"}`} {
		src := x.open(t, func(_ *connector.Config, o *rest.Options) {
			o.Transport = resttest.Local{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Host == "login.example.com" {
					x.ServeHTTP(w, r)
					return
				}
				w.Header().Set("Content-Type", "application/json")
				_, _ = w.Write([]byte(body))
			})}
		})
		if _, err := src.List(t.Context(), connector.Query{Type: "mail"}); !errors.Is(err, gallra.ErrDrift) {
			t.Errorf("%s: list: %v", body, err)
		}
		if err := src.Check(t.Context()); err == nil {
			t.Errorf("%s: passes Check", body)
		}
	}
}

func TestX5_ReadingAppChangesNothing(t *testing.T) {
	t.Parallel()
	x := newExchange(t)
	x.add(&letter{folder: x.folderNamed("Vatten"), received: monday, sent: monday, raw: "From: a@example.se\r\nSubject: Bygglov\r\n\r\nHej\r\n"})
	src := x.open(t, func(c *connector.Config, _ *rest.Options) { delete(c.Options, "erase_client_id") })
	resttest.Reader(t, src, "mail", true, x.stored)
}
