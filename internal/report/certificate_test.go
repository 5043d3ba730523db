package report_test

import (
	"bytes"
	"encoding/csv"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/deadline"
	"github.com/gallra/gallra/internal/i18n"
	"github.com/gallra/gallra/internal/report"
	"github.com/gallra/gallra/internal/request"
)

var certificate = request.Certificate{
	Request: "B2026-0001", Registration: "KS 2026/77", Right: request.Erasure, Received: day, Outcome: request.Partial, Reason: "request.partial", Identity: "known_address",
	DecidedBy: "karin", ApprovedBy: "bo", Approved: day, Started: day, Ended: day.Add(time.Hour), Made: day.Add(2 * time.Hour), Checkpoint: "gallra.example/log\n42\nroot",
	Systems: []request.CertificateSystem{
		{System: "helpdesk", Title: "Ärendesystemet", Searched: day, Hits: 7, Unread: 2, Verified: day, GoneBy: day.AddDate(0, 0, 30),
			Outcomes: map[gallra.Outcome]int{gallra.OutcomeErased: 3, gallra.OutcomeDeidentified: 1}, Residues: []gallra.Residue{{Where: "backup", Why: "residue.found", GoneBy: day.AddDate(0, 1, 0)}}},
		{System: "forum"},
	},
	Kept:    []request.CertificateKept{{System: "helpdesk", Type: "ticket", Count: 1, Reason: "request.held", Law: "BFL 7:2", Recheck: day.AddDate(7, 0, 0)}},
	Remains: []gallra.Residue{{Where: "message.body", Why: "request.still_there"}},
}

// raw finds message keys that nobody has put into words.
var raw = regexp.MustCompile(`\b(certificate|protocol|request|requestlog|outcome|residue)\.[a-z_.]+`)

func TestD9_Certificate(t *testing.T) {
	t.Parallel()
	for _, lang := range i18n.Langs() {
		for _, full := range []bool{true, false} {
			var b bytes.Buffer
			if err := report.WriteCertificate(&b, certificate, "Sundvalla kommun", lang, full); err != nil {
				t.Fatal(err)
			}
			page := b.String()
			for _, want := range []string{"B2026-0001", "KS 2026/77", "Sundvalla kommun", "Ärendesystemet", "BFL 7:2", "2025-04-03", "2032-03-04"} {
				if !strings.Contains(page, want) {
					t.Errorf("%s: %q is missing", lang, want)
				}
			}
			if got := strings.Contains(page, "karin") && strings.Contains(page, "gallra.example/log"); got != full {
				t.Errorf("%s: full %t, internals shown %t", lang, full, got)
			}
			if m := raw.FindAllString(page, -1); len(m) > 0 {
				t.Errorf("%s: not put into words: %v", lang, m)
			}
		}
	}
}

func TestD4_RequestLog(t *testing.T) {
	t.Parallel()
	at := func(m time.Month, d int) time.Time { return deadline.Day(2026, m, d).Add(12 * time.Hour) }
	line := report.RequestLine{
		Request: request.Request{
			ID: "B2026-0001", Registration: "=KS 2026/77", Right: request.Access, State: request.Closed, Channel: "phone", Received: at(10, 20), Handler: "karin",
			Identity: request.Identity{Method: "call_back", At: at(10, 21)}, Outcome: request.Granted, DecidedBy: "karin", Delivery: "post", Delivered: at(11, 2), Closed: at(11, 3),
			Pauses: []request.Pause{{Asked: at(10, 20), Answered: at(10, 21), Reason: "vilken adress"}}, Deadline: deadline.Compute(deadline.Input{Received: at(10, 20)}),
		},
		Searches: []request.Search{{System: "helpdesk", State: "done", Hits: 4}, {System: "forum", State: "done", Hits: 1}},
		Items:    []request.Item{{Decision: request.Keep, Law: "BFL 7:2"}, {Decision: request.Keep, Law: "BFL 7:2"}},
		Events:   []request.Event{{To: request.Appealed, At: at(11, 9)}},
	}
	for _, lang := range i18n.Langs() {
		var b bytes.Buffer
		if err := report.WriteRequestLog(&b, lang, []report.RequestLine{line}); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(b.String(), "\ufeff"))).ReadAll()
		if err != nil || len(rows) != 2 || len(rows[0]) != 24 {
			t.Fatalf("%v: %v", err, rows)
		}
		row := strings.Join(rows[1], "|")
		// The clocks go back in between: thirteen days all the same.
		for _, want := range []string{"B2026-0001", "'=KS 2026/77", "2026-10-20", "2026-10-21", "vilken adress", "2026-11-20", "|2|5|", "BFL 7:2|karin", "|13|", "2026-11-09"} {
			if !strings.Contains(row, want) {
				t.Errorf("%s: %q is missing in %s", lang, want, row)
			}
		}
		if m := raw.FindAllString(b.String(), -1); len(m) > 0 {
			t.Errorf("%s: not put into words: %v", lang, m)
		}
	}
}
