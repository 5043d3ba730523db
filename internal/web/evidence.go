package web

import (
	"cmp"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/i18n"
)

// EvidenceView is a page of the evidence log, newest first.
type EvidenceView struct {
	Entries                []evidence.Entry
	Action, Actor, Subject string // the filters
	Actions                []string
	Next                   string // address of the following page; "" on the last
	PublicKey              string

	titles map[gallra.SystemID]string
}

// Result puts an entry's result into words where it has some: roles, outcomes,
// decisions, what is asked of a vendor, and the kinds of identifier that a person
// was known again by.
func (v EvidenceView) Result(e evidence.Entry, lang i18n.Lang) string {
	p := i18n.For(lang)
	if e.Action == "guard.alarm" {
		var kinds []string
		for k := range strings.SplitSeq(e.Result, ",") {
			if p.Has("identifier." + k) {
				k = p.T("identifier." + k)
			}
			kinds = append(kinds, k)
		}
		return strings.Join(kinds, ", ")
	}
	for _, front := range []string{"role.", "evidence.outcome.", "guard.decision.", "letters.action."} {
		if p.Has(front + e.Result) {
			return p.T(front + e.Result)
		}
	}
	return ""
}

// Number returns a count of an entry as people count: batches are kept from 0 on.
func (EvidenceView) Number(name string, n int64) int64 {
	if name == "batch" {
		return n + 1
	}
	return n
}

// System returns what people call a system, as long as it is in gallra.yaml.
func (v EvidenceView) System(id gallra.SystemID) string { return cmp.Or(v.titles[id], string(id)) }

// The kinds of entry one may filter by: the front of their actions.
var evidenceKinds = []string{"run", "plan", "rule", "hold", "request", "letter", "guard", "scan", "work", "account", "session", "evidence"}

const (
	evidencePage  = 50
	evidenceReach = 5000 // entries looked through for one filtered page
)

func (c *call) evidenceView() (v EvidenceView, err error) {
	if c.Evidence == nil {
		return v, gallra.Errorf(gallra.Unavailable, "web.no_evidence")
	}
	q := c.r.URL.Query()
	v = EvidenceView{Action: q.Get("action"), Actor: q.Get("actor"), Subject: q.Get("subject"), Actions: evidenceKinds, PublicKey: c.Evidence.PublicKey(), titles: map[gallra.SystemID]string{}}
	if cfg, err := c.configuration(); err == nil { // the log can be read without it
		for _, s := range cfg.Systems {
			v.titles[s.Name] = title(s)
		}
	}
	before, _ := strconv.ParseInt(q.Get("before"), 10, 64) // anything else starts from the newest
	for seen := 0; seen < evidenceReach; {
		es, err := c.Evidence.Recent(c.ctx(), before, 200)
		if err != nil {
			return v, err
		}
		for _, e := range es {
			before = e.Seq
			if v.match(e) {
				v.Entries = append(v.Entries, e)
			}
			if len(v.Entries) == evidencePage {
				v.Next = v.next(before)
				return v, nil
			}
		}
		if len(es) < 200 {
			return v, nil
		}
		seen += len(es)
	}
	v.Next = v.next(before)
	return v, nil
}

func (v EvidenceView) match(e evidence.Entry) bool {
	return (v.Action == "" || e.Action == v.Action || strings.HasPrefix(e.Action, v.Action+".")) &&
		(v.Actor == "" || strings.EqualFold(e.Actor, v.Actor)) && (v.Subject == "" || e.Subject == v.Subject)
}

func (v EvidenceView) next(before int64) string {
	q := url.Values{"before": {strconv.FormatInt(before, 10)}}
	for k, s := range map[string]string{"action": v.Action, "actor": v.Actor, "subject": v.Subject} {
		if s != "" {
			q.Set(k, s)
		}
	}
	return "/evidence?" + q.Encode()
}

func (c *call) evidencePage() error {
	v, err := c.evidenceView()
	if err != nil {
		return err
	}
	return c.ok("evidence", v)
}

// VerifyView is what a verification of the log found.
type VerifyView struct {
	evidence.Report
	Purged bool
}

func (c *call) verifyPage() error {
	if c.Evidence == nil {
		return gallra.Errorf(gallra.Unavailable, "web.no_evidence")
	}
	r, err := c.Evidence.VerifyDB(c.ctx())
	if err != nil && r.Bad == nil {
		return err
	}
	return c.ok("verify", VerifyView{Report: r, Purged: r.First > 0})
}

func (c *call) exportEvidence() error {
	if c.Evidence == nil {
		return gallra.Errorf(gallra.Unavailable, "web.no_evidence")
	}
	if err := c.note(c.account, "evidence.export", "", ""); err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", "application/octet-stream")
	c.w.Header().Set("Content-Disposition", `attachment; filename="gallra-evidence.jsonl"`)
	if err := c.Evidence.Export(c.ctx(), c.w); err != nil {
		panic(http.ErrAbortHandler) // the download must not look whole
	}
	return nil
}
