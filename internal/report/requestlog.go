package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gallra/gallra/deadline"
	"github.com/gallra/gallra/internal/i18n"
	"github.com/gallra/gallra/internal/request"
)

// RequestLine is one request in the log of requests (begärandelogg, document
// D4): its row, its search plan and its items.
type RequestLine struct {
	Request  request.Request
	Searches []request.Search
	Items    []request.Item
	Events   []request.Event
}

// requestColumns are the columns of document D4, as message keys.
var requestColumns = []string{
	"number", "registration", "received", "channel", "right", "identity", "identity_at", "pauses", "due", "extended", "extension", "systems", "hits",
	"outcome", "reason", "exceptions", "handler", "decided_by", "approved_by", "delivery", "delivered", "closed", "days", "appealed",
}

// WriteRequestLog writes the log of requests as CSV (RFC 4180, UTF-8 with a byte
// order mark). It names no person.
func WriteRequestLog(w io.Writer, lang i18n.Lang, lines []RequestLine) error {
	p := i18n.For(lang)
	if _, err := io.WriteString(w, "\ufeff"); err != nil {
		return fmt.Errorf("report: request log: %w", err)
	}
	c := csv.NewWriter(w)
	c.UseCRLF = true
	head := make([]string, len(requestColumns))
	for i, k := range requestColumns {
		head[i] = p.T("requestlog." + k)
	}
	if err := c.Write(head); err != nil {
		return fmt.Errorf("report: request log: %w", err)
	}
	for _, l := range lines {
		if err := c.Write(requestRow(p, l)); err != nil {
			return fmt.Errorf("report: request log: %w", err)
		}
	}
	c.Flush()
	if err := c.Error(); err != nil {
		return fmt.Errorf("report: request log: %w", err)
	}
	return nil
}

func requestRow(p *i18n.Printer, l RequestLine) []string {
	r := l.Request
	date := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return deadline.On(t).Format(time.DateOnly)
	}
	word := func(prefix, s string) string {
		if s == "" {
			return ""
		}
		return p.Say(prefix + s)
	}
	var pauses, laws, appealed []string
	for _, q := range r.Pauses {
		pauses = append(pauses, date(q.Asked)+"–"+date(q.Answered)+" "+p.Say(q.Reason))
	}
	for _, it := range l.Items {
		if it.Decision == request.Keep && !slices.Contains(laws, it.Law) {
			laws = append(laws, it.Law)
		}
	}
	for _, e := range l.Events {
		if e.To == request.Appealed {
			appealed = append(appealed, date(e.At))
		}
	}
	hits, systems := 0, 0
	for _, s := range l.Searches {
		hits += s.Hits
		if s.State == "done" {
			systems++
		}
	}
	days := ""
	if !r.Delivered.IsZero() {
		days = strconv.Itoa(int(deadline.On(r.Delivered).Sub(deadline.On(r.Received)).Hours()+12) / 24) // a day may have 23 hours
	}
	return []string{
		r.ID, guard(r.Registration), date(r.Received), r.Channel, p.T("right." + string(r.Right) + ".name"), word("request.identity.", r.Identity.Method), date(r.Identity.At),
		guard(strings.Join(pauses, "; ")), date(r.Deadline.Watch), date(r.Extended), guard(p.Say(r.Extension)), strconv.Itoa(systems), strconv.Itoa(hits),
		word("request.outcome.", string(r.Outcome)), guard(p.Say(r.Reason)), guard(strings.Join(laws, "; ")), r.Handler, r.DecidedBy, r.ApprovedBy,
		word("request.delivery.", r.Delivery), date(r.Delivered), date(r.Closed), days, strings.Join(appealed, "; "),
	}
}
