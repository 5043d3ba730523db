package anonymise_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/anonymise"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/pii"
)

var ticket = connector.Type{Name: "ticket", Kind: connector.KindConversation, Fields: []connector.FieldInfo{
	{Name: "name", Category: gallra.CategoryPerson}, {Name: "email", Category: gallra.CategoryEmail}, {Name: "phone", Category: gallra.CategoryPhone},
	{Name: "subject", Text: true}, {Name: "raw", Text: true, Format: connector.FormatMail}, {Name: "key"}, {Name: "queue", Keep: true}, {Name: "file", Text: true, Format: connector.FormatFile}}}

func record(n int, fields ...gallra.Field) gallra.Record {
	return gallra.Record{Ref: gallra.Ref{System: "desk", Type: "ticket", ID: fmt.Sprint(n)}, Created: time.Date(2024, 3, 4, n%24, 0, 0, 0, time.UTC), Fields: fields}
}

func apply(r gallra.Record, set []gallra.Field) gallra.Record {
	out := r
	out.Fields = append([]gallra.Field(nil), r.Fields...)
	for _, s := range set {
		for i := range out.Fields {
			if out.Fields[i].Name == s.Name {
				out.Fields[i].Value = s.Value
			}
		}
	}
	return out
}

const mail = "From: Anna Svensson <anna@example.se>\r\nTo: kund@example.org\r\nSubject: Hej\r\nDate: Mon, 4 Mar 2024 10:00:00 +0100\r\nMessage-ID: <1234@example.se>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nMitt nummer är 070-174 06 05, hälsar Anna Svensson\r\n"

func TestS21_RecordPassesAllChecks(t *testing.T) {
	t.Parallel()
	var after []gallra.Record
	for n := range 6 {
		r := record(n, gallra.Field{Name: "name", Value: "Anna Svensson"}, gallra.Field{Name: "email", Value: "anna@example.se"}, gallra.Field{Name: "phone", Value: "070-174 06 05"},
			gallra.Field{Name: "subject", Value: "Fråga från Anna Svensson"}, gallra.Field{Name: "raw", Value: mail}, gallra.Field{Name: "queue", Value: "Bygg"})
		c := anonymise.New(anonymise.Options{}, map[string]connector.Type{"ticket": ticket}, []gallra.Record{r})
		set, left := c.Edits(ticket, r)
		if len(left) != 0 || len(set) != 5 {
			t.Fatalf("%d edits, left %v", len(set), left)
		}
		a := apply(r, set)
		if again, _ := c.Edits(ticket, a); len(again) != 0 {
			t.Fatalf("a second time %d edits: %v", len(again), again)
		}
		for _, f := range a.Fields {
			for _, marker := range []string{"Anna", "Svensson", "anna@", "174", "1234@"} {
				if strings.Contains(f.Value, marker) {
					t.Errorf("%s still holds %s", f.Name, marker)
				}
			}
			if f.Name == "raw" && !strings.Contains(f.Value, "Date: Mon, 4 Mar 2024 10:00:00 +0100") {
				t.Error("the mail has lost its date")
			}
		}
		if q, _ := a.Field("queue"); q != "Bygg" {
			t.Error("a statistics field was touched")
		}
		after = append(after, a)
	}
	if v := anonymise.Judge(ticket, after, nil, true); v.Outcome() != gallra.OutcomeAnonymised || v.Anonymised != 6 || len(v.Failing) != 0 {
		t.Fatalf("%+v", v)
	}
	if v := anonymise.Judge(ticket, after[:4], nil, true); v.Outcome() != gallra.OutcomeDeidentified || v.Failing[anonymise.AN4] != 4 {
		t.Fatalf("a group of four: %+v", v)
	}
	if v := anonymise.Judge(ticket, after, nil, false); v.Outcome() != gallra.OutcomeDeidentified || v.Failing[anonymise.AN6] != 6 {
		t.Fatalf("backups unknown: %+v", v)
	}
}

// Taxa 4x35: the name went, the phone number stayed as the key.
func TestAN_TaxaIsDeidentified(t *testing.T) {
	t.Parallel()
	var rs []gallra.Record
	for n := range 20 {
		rs = append(rs, record(n, gallra.Field{Name: "name", Value: ""}, gallra.Field{Name: "phone", Value: fmt.Sprintf("070-174 06 %02d", n)}, gallra.Field{Name: "queue", Value: "Bygg"}))
	}
	v := anonymise.Judge(ticket, rs, nil, true)
	if v.Outcome() != gallra.OutcomeDeidentified || v.Failing[anonymise.AN1] != 20 || v.Failing[anonymise.AN3] != 20 {
		t.Fatalf("%+v", v)
	}
}

func TestAN_HashAndPersonLinkFailAN3(t *testing.T) {
	t.Parallel()
	var hashed, linked, plain []gallra.Record
	for n := range 10 {
		hashed = append(hashed, record(n, gallra.Field{Name: "key", Value: fmt.Sprintf("%x", sha256.Sum256([]byte{byte(n)}))}, gallra.Field{Name: "queue", Value: "Bygg"}))
		r := record(n, gallra.Field{Name: "queue", Value: "Bygg"})
		plain = append(plain, r)
		r.Person = gallra.Ref{System: "desk", Type: "user", ID: "7"}
		linked = append(linked, r)
	}
	for name, rs := range map[string][]gallra.Record{"a hash of the e-mail": hashed, "a link to the person": linked} {
		if v := anonymise.Judge(ticket, rs, nil, true); v.Outcome() != gallra.OutcomeDeidentified || v.Failing[anonymise.AN3] != 10 {
			t.Errorf("%s: %+v", name, v)
		}
	}
	if v := anonymise.Judge(ticket, plain, nil, true); v.Outcome() != gallra.OutcomeAnonymised {
		t.Errorf("counts alone: %+v", v)
	}
}

// Redacting by a detector keeps the text readable and never gives the word.
func TestAN2_RedactedTextIsDeidentified(t *testing.T) {
	t.Parallel()
	engine, err := pii.New(pii.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := record(1, gallra.Field{Name: "email", Value: "qz.lk@example.se"}, gallra.Field{Name: "subject", Value: "Svara till qz.lk@example.se om bygglovet"}, gallra.Field{Name: "file", Value: "%PDF"})
	c := anonymise.New(anonymise.Options{Text: gallra.TextRedact, PII: engine}, map[string]connector.Type{"ticket": ticket}, []gallra.Record{r})
	set, left := c.Edits(ticket, r)
	if len(left) != 1 || left[0].Field != "file" {
		t.Fatalf("%v", left)
	}
	a := apply(r, set)
	s, _ := a.Field("subject")
	if strings.Contains(s, "qz.lk") || !strings.Contains(s, "om bygglovet") {
		t.Fatalf("%q", s)
	}
	checks := map[string]bool{}
	for _, f := range c.Assess(ticket, a) {
		checks[f.Check] = true
	}
	if !checks[anonymise.AN2] {
		t.Fatalf("%v", checks)
	}
}
