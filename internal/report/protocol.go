package report

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/i18n"
	"github.com/gallra/gallra/internal/retention"
)

// Protocol is what the record of disposal (gallringsprotokoll, document D8) says
// of one run. It names no record and no person whose records went.
type Protocol struct {
	Number       string                 `json:"number"`   // the run's id
	Revision     int                    `json:"revision"` // counts the issues: more as what was open is settled
	Organisation retention.Organisation `json:"organisation"`
	Archive      string                 `json:"archive"` // arkivbildare; "" for one that has no public records
	Status       retention.Status       `json:"status"`  // deidentified: done, and personal data all the same
	Plan         string                 `json:"plan"`
	PlanHash     string                 `json:"plan_hash"`
	Criteria     []Criterion            `json:"criteria"`
	Planner      string                 `json:"planner"`
	Planned      time.Time              `json:"planned"`
	Approved     []retention.Approval   `json:"approved"` // two people; none when nothing was to go
	Actor        string                 `json:"actor"`
	Started      time.Time              `json:"started"`
	Ended        time.Time              `json:"ended"`
	Verified     Verification           `json:"verified"`
	Parts        []ProtocolPart         `json:"parts"`
	Tasks        []ProtocolTask         `json:"tasks"`      // done by hand
	Deliveries   []ProtocolDelivery     `json:"deliveries"` // handed over to an archive before erasing
	Open         retention.Open         `json:"open"`       // begun and not ended
	Settled      time.Time              `json:"settled,omitzero"`
	Again        []ProtocolAgain        `json:"again"` // done once more after a backup was restored
	Figures      []ProtocolFigures      `json:"figures"`
	FiguresEqual bool                   `json:"figures_equal"`
	Deviations   []retention.Deviation  `json:"deviations"`
	Evidence     retention.Position     `json:"evidence"`
	People       map[string]string      `json:"people"` // names by username, as they were at this issue
}

// ProtocolAgain is what a restored backup had brought back of what the run had
// done, and what was done with that.
type ProtocolAgain struct {
	At           time.Time        `json:"at"`
	System       System           `json:"system"`
	Since        time.Time        `json:"since"` // the day of the backup, as it was told
	Actor        string           `json:"actor"`
	Back         int64            `json:"back"`          // erased records that were there again
	Erased       int64            `json:"erased"`        // of them, erased again
	RewritesBack int64            `json:"rewrites_back"` // anonymised or de-identified records that were there again as they were
	Rewritten    int64            `json:"rewritten"`     // of them, rewritten again
	Kept         map[string]int64 `json:"kept"`          // the others, by reason
}

// Criterion is what was chosen by, and its support.
type Criterion struct {
	gallra.Rule
	Hash string `json:"hash"` // SHA-256 of the rule as it was
}

// Verification is when and how the systems were looked at again, and what was
// found.
type Verification struct {
	At     time.Time `json:"at"`
	Method string    `json:"method"` // "reread": listed anew, by another road than the one that erased
	Left   int64     `json:"left"`   // past their date and still there
}

// ProtocolPart is what became of one type of one system.
type ProtocolPart struct {
	System     System                   `json:"system"`
	Type       string                   `json:"type"`
	From       time.Time                `json:"from,omitzero"` // oldest start event of what was due
	To         time.Time                `json:"to"`
	Method     string                   `json:"method"` // sql, imap, file, api, manual
	Due        int64                    `json:"due"`
	Planned    int64                    `json:"planned"`
	Outcomes   map[gallra.Outcome]int64 `json:"outcomes"`
	Archived   int64                    `json:"archived"`    // of the erased, those an archive had said it has
	Children   int64                    `json:"children"`    // messages and the like rewritten with their records
	Attached   *int64                   `json:"attachments"` // null: they went with their records and were not counted apart
	Bytes      *int64                   `json:"bytes"`       // null: not counted
	Kept       map[string]int64         `json:"kept"`        // planned and left alone, by reason
	Held       map[string]int64         `json:"held"`        // outside the plan, by hold
	Blocked    map[string]int64         `json:"blocked"`     // outside the plan, by reason
	Left       map[string]int64         `json:"left"`        // past their date at the verification, by reason
	Failing    map[string]int64         `json:"failing"`     // anonymisation checks not passed
	Residues   []retention.Residue      `json:"residues"`
	Remains    []connector.Remain       `json:"remains"`
	GoneBy     time.Time                `json:"gone_by,omitzero"`    // the vendor's final erasure
	BackupsBy  time.Time                `json:"backups_by,omitzero"` // the last backup is free of it
	Anonymised time.Time                `json:"anonymised_from,omitzero"`
}

// ProtocolTask is what a person was to do by hand, and who has signed for it.
type ProtocolTask struct {
	System    System               `json:"system"`
	Type      string               `json:"type"` // "" is all that is there
	Kind      connector.HandKind   `json:"kind"`
	Owner     string               `json:"owner"`
	Before    time.Time            `json:"before"`
	Due       time.Time            `json:"due"`
	Signature *retention.Signature `json:"signature"` // null: not done
}

// ProtocolDelivery is a package that was handed over to an archive.
type ProtocolDelivery struct {
	Package   string                  `json:"package"`
	System    System                  `json:"system"`
	Type      string                  `json:"type"`
	Archive   string                  `json:"archive"` // that receives
	State     retention.DeliveryState `json:"state"`
	Records   int64                   `json:"records"`
	Files     int64                   `json:"files"`
	Bytes     int64                   `json:"bytes"`
	SHA256    string                  `json:"sha256"`
	Delivered time.Time               `json:"delivered,omitzero"`
	Received  time.Time               `json:"received,omitzero"`
	Actor     string                  `json:"actor"`     // who registered the receipt
	Reference string                  `json:"reference"` // the archive's own number
}

// ProtocolFigures is the statistics of one type before and after.
type ProtocolFigures struct {
	System       System `json:"system"`
	Type         string `json:"type"`
	Before       int64  `json:"before"`
	After        int64  `json:"after"`
	DigestBefore string `json:"digest_before"`
	DigestAfter  string `json:"digest_after"`
	Equal        bool   `json:"equal"`
}

// Protocol draws up the record of disposal of a run that has ended.
// gallra.ErrNotFound when there is no such run or it has not ended.
func (p Press) Protocol(ctx context.Context, run string) (Paper, error) {
	r, err := p.Retention.RunOf(ctx, run)
	if err != nil {
		return Paper{}, err
	}
	if r.Protocol == nil {
		return Paper{}, gallra.Errorf(gallra.NotFound, "web.no_protocol")
	}
	d, err := p.protocol(*r.Protocol)
	if err != nil {
		return Paper{}, err
	}
	_, digest, err := sum(d)
	if err != nil {
		return Paper{}, err
	}
	// The run itself puts every issue of its protocol in the log.
	head := p.headOf("D8", digest)
	head.Date, head.By, head.Version = d.Ended, r.Protocol.Name(d.Actor), d.Revision
	if d.Settled.After(head.Date) {
		head.Date = d.Settled
	}
	head.Organisation, head.Number = d.Organisation.Name, d.Organisation.Number
	head.Log = Place{Seq: d.Evidence.Seq, Size: d.Evidence.Checkpoint.Size, Root: d.Evidence.Checkpoint.Hash}
	return Paper{Head: head, Content: d, lay: d.lay, order: protocolKeys, cells: d.cells}, nil
}

func (p Press) protocol(r retention.Protocol) (Protocol, error) {
	d := Protocol{Number: r.Number, Revision: max(r.Revision, 1), Tasks: []ProtocolTask{}, Deliveries: []ProtocolDelivery{}, Again: []ProtocolAgain{}, Open: r.Open, Settled: r.Settled, Organisation: r.Organisation, Status: r.Word(), Plan: r.Plan, PlanHash: r.PlanHash, Planner: r.Planner, Planned: r.Planned, Approved: append([]retention.Approval{}, r.Approved...),
		Actor: r.Actor, Started: r.Started, Ended: r.Ended, Verified: Verification{At: r.Verified, Method: "reread"}, FiguresEqual: r.FiguresEqual, Deviations: append([]retention.Deviation{}, r.Deviations...), Evidence: r.Evidence, People: maps.Clone(r.People),
		Parts: []ProtocolPart{}, Figures: []ProtocolFigures{}, Criteria: []Criterion{}}
	if d.People == nil {
		d.People = map[string]string{}
	}
	if r.Organisation.Type.Public() {
		d.Archive = cmp.Or(r.Organisation.Archive, r.Organisation.Name)
	}
	for _, rule := range r.Rules {
		_, h, err := sum(rule)
		if err != nil {
			return d, err
		}
		d.Criteria = append(d.Criteria, Criterion{rule, h})
	}
	for _, x := range r.Parts {
		part := ProtocolPart{System: System{x.System, p.title(x.System)}, Type: x.Type, From: x.From, To: x.To, Method: p.method(x.System), Due: x.Due, Planned: x.Planned, Outcomes: some(x.Tally.Outcomes), Archived: x.Tally.Archived, Children: x.Tally.Children,
			Kept: some(x.Tally.Reasons), Held: some(x.Held), Blocked: some(x.Blocked), Left: some(x.Left), Failing: some(x.Tally.Failing), Residues: []retention.Residue{}, Remains: append([]connector.Remain{}, x.Remains...),
			GoneBy: x.GoneBy, BackupsBy: x.BackupsBy, Anonymised: x.AnonymisedFrom}
		if a := x.Tally.Attached; a != nil {
			part.Attached, part.Bytes = &a.Files, &a.Bytes
		}
		for _, k := range slices.Sorted(maps.Keys(x.Tally.Residues)) {
			part.Residues = append(part.Residues, x.Tally.Residues[k])
		}
		for _, n := range x.Left {
			d.Verified.Left += n
		}
		d.Parts = append(d.Parts, part)
	}
	for _, x := range r.Tasks {
		d.Tasks = append(d.Tasks, ProtocolTask{System{x.System, p.title(x.System)}, x.Type, x.Kind, x.Owner, x.Before, x.Due, x.Signature})
	}
	for _, x := range r.Deliveries {
		d.Deliveries = append(d.Deliveries, ProtocolDelivery{x.ID, System{x.System, p.title(x.System)}, x.Type, x.Body, x.State, x.Records, x.Files, x.Bytes, x.SHA256, x.Delivered, x.Received, x.Actor, x.Reference})
	}
	for _, x := range r.Again {
		d.Again = append(d.Again, ProtocolAgain{x.At, System{x.System, p.title(x.System)}, x.Since, x.Actor, x.Back, x.Erased, x.RewritesBack, x.Rewritten, some(x.Kept)})
	}
	for _, f := range r.Figures {
		d.Figures = append(d.Figures, ProtocolFigures{System{f.System, p.title(f.System)}, f.Type, f.Before.Records, f.After.Records, f.DigestBefore, f.DigestAfter, f.Equal})
	}
	return d, nil
}

// some keeps an empty map from being null in JSON.
func some[K comparable](m map[K]int64) map[K]int64 {
	if m == nil {
		return map[K]int64{}
	}
	return m
}

// method says by what road a system is written to.
func (p Press) method(id gallra.SystemID) string {
	sys, _ := p.Config.System(id)
	info, ok := connector.Lookup(connector.Scheme(sys.URL))
	switch {
	case !ok:
		return "api"
	case info.Name == "sqldb":
		return "sql"
	case info.Name == "imap":
		return "imap"
	case slices.Contains([]string{"mailfile", "table", "metaexport"}, info.Name):
		return "file"
	}
	return "api"
}

// protocolKeys are the fields of document D8, in the order of REQUIREMENTS
// section 6; its CSV has a row for each type of each system.
var protocolKeys = []string{"paper.d8.number", "paper.d8.organisation", "paper.d8.archive", "paper.d8.period", "paper.d8.type", "paper.d8.system", "paper.d8.criterion", "paper.d8.support",
	"paper.d8.action", "paper.d8.records", "paper.d8.attachments", "paper.d8.bytes", "paper.d8.excepted", "paper.d8.method", "paper.d8.planned", "paper.d8.approved", "paper.d8.done", "paper.d8.verified",
	"paper.d8.vendor", "paper.d8.backups", "paper.d8.statistics", "paper.d8.deviations", "paper.d8.signature", "paper.d8.log", "paper.d8.hash"}

func (d Protocol) lay(s *sheet) {
	s.part("", s.T("run.status."+string(d.Status)), s.T("paper.d8.no_personal"))
	w := d.whole(s.say)
	for _, k := range []string{"paper.d8.number", "paper.d8.organisation", "paper.d8.archive", "paper.d8.planned", "paper.d8.approved", "paper.d8.done", "paper.d8.verified", "paper.d8.statistics"} {
		s.fact(k, w[k])
	}
	s.part(s.T("paper.d8.deviations"), d.deviations(s.say)...)
	if len(d.Deviations) == 0 {
		s.parts[len(s.parts)-1].Text = []string{s.T("paper.d8.none")}
	}
	s.part(s.T("paper.d8.criteria"))
	for _, c := range d.Criteria {
		f := s.fact("paper.d8.criterion", c.text(s.say), supportLine(s.say, d.Organisation.Type, c.Decision), s.T("paper.d8.rule_hash", "hash", c.Hash[:16]))
		f.Label = or(c.Title, c.ID)
	}
	for _, x := range d.Parts {
		s.part(x.System.Title + ", " + s.Type(x.Type))
		c := x.cells(s.say)
		for _, k := range []string{"paper.d8.period", "paper.d8.due", "paper.d8.action", "paper.d8.attachments", "paper.d8.bytes", "paper.d8.method"} {
			s.fact(k, c[k])
		}
		s.fact("paper.d8.excepted", or(lines(x.excepted(s.say)), s.T("paper.d8.none_excepted")))
		s.fact("paper.d8.left", or(lines(reasons(s.say, x.Left)), s.T("paper.d8.none_excepted")))
		s.fact("paper.d8.vendor", c["paper.d8.vendor"])
		s.fact("paper.d8.backups", c["paper.d8.backups"])
		if !x.Anonymised.IsZero() {
			s.fact("paper.d8.anonymised", s.Day(x.Anonymised))
		}
		s.fact("paper.d8.remains", x.remains(s.say)...)
	}
	if len(d.Tasks) > 0 {
		t := &grid{Columns: []column{{s.T("paper.d8.system"), false}, {s.T("paper.d8.hand.what"), false}, {s.T("paper.d8.hand.due"), false}, {s.T("paper.d8.hand.signed"), false}}}
		for _, x := range d.Tasks {
			t.Rows = append(t.Rows, []string{x.System.Title, x.what(s.say), s.Day(x.Due.AddDate(0, 0, -1)), d.signed(s.say, x)})
		}
		s.part(s.T("paper.d8.hand"), s.T("paper.d8.hand.how")).Table = t
	}
	if len(d.Deliveries) > 0 {
		t := &grid{Columns: []column{{s.T("paper.d8.system"), false}, {s.T("paper.d8.archive.package"), false}, {s.T("paper.d8.records"), true}, {s.T("paper.d8.archive.delivered"), false}, {s.T("paper.d8.archive.receipt"), false}}}
		for _, x := range d.Deliveries {
			t.Rows = append(t.Rows, []string{x.System.Title, x.Package + ", SHA-256 " + x.SHA256, s.Number(x.Records), x.Archive + " " + s.Day(x.Delivered), d.receipt(s.say, x)})
		}
		s.part(s.T("paper.d8.archive.title"), s.T("paper.d8.archive.how")).Table = t
	}
	if d.Open.Any() {
		s.part(s.T("paper.d8.open"), d.open(s.say)...)
	}
	if len(d.Again) > 0 {
		s.part(s.T("paper.d8.again"), d.again(s.say)...)
	}
	if len(d.Figures) > 0 {
		text := s.T("paper.d8.equal")
		if !d.FiguresEqual {
			text = s.T("error.retention.figures_differ")
		}
		t := &grid{Columns: []column{{s.T("paper.d8.system"), false}, {s.T("paper.d8.type"), false}, {s.T("paper.d8.before"), true}, {s.T("paper.d8.after"), true}, {s.T("paper.d8.sum"), false}}}
		for _, f := range d.Figures {
			t.Rows = append(t.Rows, []string{f.System.Title, s.Type(f.Type), s.Number(f.Before), s.Number(f.After), first(f.DigestAfter)})
		}
		s.part(s.T("paper.d8.figures"), text).Table = t
	}
	s.part(s.T("paper.d8.log"), s.T("paper.d8.log_text", "seq", d.Evidence.Seq, "size", d.Evidence.Checkpoint.Size))
	s.code("paper.d8.hash", d.PlanHash)
	s.part(s.T("paper.d8.signature")).Sign = true
}

// again says what was done once more after a restore, a line for each replay.
func (d Protocol) again(s say) []string {
	var out []string
	for _, x := range d.Again {
		text := s.T("paper.d8.again.when", "date", s.When(x.At), "system", x.System.Title, "since", s.Day(x.Since), "actor", d.name(x.Actor))
		if x.Back > 0 {
			text += " " + s.T("paper.d8.again.erased", "back", x.Back, "erased", x.Erased)
		}
		if x.RewritesBack > 0 {
			text += " " + s.T("paper.d8.again.rewritten", "back", x.RewritesBack, "rewritten", x.Rewritten)
		}
		if len(x.Kept) > 0 {
			text += " " + s.T("paper.d8.again.kept", "why", strings.Join(reasons(s, x.Kept), ", "))
		}
		out = append(out, text)
	}
	return out
}

// name is what somebody who took part is called.
func (d Protocol) name(username string) string {
	return (&retention.Protocol{People: d.People}).Name(username)
}

func first(digest string) string { return digest[:min(12, len(digest))] }

// whole is what holds for the run, not for one part of it.
func (d Protocol) whole(s say) map[string]string {
	approved, support, criterion := "", "", ""
	for _, a := range d.Approved {
		approved = join(approved, d.name(a.Actor)+", "+s.When(a.At))
	}
	if approved == "" {
		approved = s.T("paper.d8.no_approval")
	}
	for _, c := range d.Criteria {
		criterion = join(criterion, c.text(s)+" "+s.T("paper.d8.rule_hash", "hash", c.Hash[:16]))
		support = join(support, supportLine(s, d.Organisation.Type, c.Decision))
	}
	org := d.Organisation.Name
	if d.Organisation.Number != "" {
		org += " (" + d.Organisation.Number + ")"
	}
	figures := s.T("paper.d8.equal")
	if !d.FiguresEqual {
		figures = s.T("error.retention.figures_differ")
	}
	return map[string]string{"paper.d8.number": d.Number, "paper.d8.organisation": org, "paper.d8.archive": or(d.Archive, s.T("paper.d8.no_archive")), "paper.d8.criterion": criterion, "paper.d8.support": support,
		"paper.d8.planned": d.name(d.Planner) + ", " + s.When(d.Planned), "paper.d8.approved": approved, "paper.d8.done": d.name(d.Actor) + ", " + s.When(d.Started) + " – " + s.When(d.Ended),
		"paper.d8.verified": s.When(d.Verified.At) + ". " + s.T("paper.d8.reread") + " " + s.N("paper.d8.found", d.Verified.Left), "paper.d8.statistics": figures, "paper.d8.deviations": or(lines(d.deviations(s)), s.T("paper.d8.none")),
		"paper.d8.signature": "", "paper.d8.log": strconv.FormatInt(d.Evidence.Seq, 10), "paper.d8.hash": d.PlanHash}
}

func (d Protocol) deviations(s say) []string {
	var out []string
	for _, v := range d.Deviations {
		args := make([]any, len(v.Args))
		for i, a := range v.Args {
			if args[i] = a; i > 0 && v.Args[i-1] == "system" { // as people call it
				for _, p := range d.Parts {
					if string(p.System.Name) == a {
						args[i] = or(p.System.Title, a)
					}
				}
			}
		}
		key := v.Key
		if !s.Has(key) {
			key = "error." + key // the texts of deviations stand among those of errors
		}
		out = append(out, s.T(key, args...))
	}
	return out
}

func (d Protocol) cells(s say) []map[string]string {
	whole := d.whole(s)
	var out []map[string]string
	for _, x := range d.Parts {
		row := maps.Clone(whole)
		maps.Copy(row, x.cells(s))
		out = append(out, row)
	}
	if len(out) == 0 {
		out = append(out, whole)
	}
	return out
}

func (c Criterion) text(s say) string {
	return s.T("paper.d8.rule", "rule", c.ID, "version", c.Version, "purpose", c.Purpose, "period", c.Keep, "start", s.T("start."+string(c.Start)))
}

func supportLine(s say, org gallra.OrganisationType, d gallra.Decision) string {
	return or(supportOf(s, org, d), s.T("paper.d8.no_support"))
}

// done lists what became of the records, the words never mixed.
func (x ProtocolPart) done(s say) string {
	out := ""
	for _, o := range []gallra.Outcome{gallra.OutcomeErased, gallra.OutcomeAnonymised, gallra.OutcomeDeidentified, gallra.OutcomeKept, gallra.OutcomeFailed} {
		if n := x.Outcomes[o]; n > 0 {
			out = join(out, s.T("outcome."+string(o))+" "+s.Number(n))
		}
		if o == gallra.OutcomeErased && x.Archived > 0 {
			out = join(out, s.T("paper.d8.archived")+" "+s.Number(x.Archived))
		}
	}
	return or(out, s.T("paper.d8.nothing"))
}

func (x ProtocolPart) cells(s say) map[string]string {
	period := s.T("paper.d8.until", "to", s.Day(x.To))
	if !x.From.IsZero() {
		period = s.Day(x.From) + " – " + s.Day(x.To)
	}
	vendor := s.T("paper.d8.at_once")
	if !x.GoneBy.IsZero() {
		vendor = s.T("paper.d8.by", "day", s.Day(x.GoneBy))
	}
	backups := s.T("paper.d8.backups_unknown")
	if !x.BackupsBy.IsZero() {
		backups = s.T("paper.d8.by", "day", s.Day(x.BackupsBy))
	}
	return map[string]string{"paper.d8.period": period, "paper.d8.type": s.Type(x.Type), "paper.d8.system": x.System.Title, "paper.d8.action": x.done(s), "paper.d8.due": s.Number(x.Due), "paper.d8.records": count64(x.gone()),
		"paper.d8.attachments": counted(s, x.Attached), "paper.d8.bytes": counted(s, x.Bytes), "paper.d8.excepted": or(lines(x.excepted(s)), s.T("paper.d8.none_excepted")), "paper.d8.method": s.T("paper.method." + x.Method),
		"paper.d8.vendor": vendor, "paper.d8.backups": backups}
}

// gone is how many are no longer what they were.
func (x ProtocolPart) gone() int64 {
	return x.Outcomes[gallra.OutcomeErased] + x.Outcomes[gallra.OutcomeAnonymised] + x.Outcomes[gallra.OutcomeDeidentified]
}

func counted(s say, n *int64) string {
	if n == nil {
		return s.T("paper.d8.uncounted")
	}
	return s.Number(*n)
}

// excepted lists what was due and stays, each with how many and why.
func (x ProtocolPart) excepted(s say) []string {
	out := reasons(s, x.Blocked)
	for _, id := range slices.Sorted(maps.Keys(x.Held)) {
		out = append(out, s.T("paper.d8.held", "n", x.Held[id], "hold", id))
	}
	return append(out, reasons(s, x.Kept)...)
}

// lines joins what stands in one cell.
func lines(list []string) string { return strings.Join(list, "; ") }

func reasons(s say, m map[string]int64) []string {
	var out []string
	for _, why := range slices.Sorted(maps.Keys(m)) {
		out = append(out, s.Say(why)+": "+s.Number(m[why]))
	}
	return out
}

func (x ProtocolPart) remains(s say) []string {
	var out []string
	for _, r := range x.Remains {
		if s.Lang() == i18n.English {
			out = append(out, r.EN)
		} else {
			out = append(out, r.SV)
		}
	}
	for _, r := range x.Residues {
		text := r.Where + ": " + s.Say(r.Why) + " (" + s.Number(r.Count) + ")"
		if !r.GoneBy.IsZero() {
			text += ", " + s.T("paper.d8.by", "day", s.Day(r.GoneBy))
		}
		out = append(out, text)
	}
	return out
}

func (x ProtocolTask) what(s say) string {
	what := s.T("paper.d8.hand.all")
	if x.Type != "" {
		what = s.Type(x.Type)
	}
	return s.T("paper.d8.hand.before", "what", what, "day", s.Day(x.Before))
}

func (d Protocol) receipt(s say, x ProtocolDelivery) string {
	if x.Received.IsZero() {
		return s.T("delivery.state." + string(x.State))
	}
	by := d.name(x.Actor)
	if by == "receipt file" {
		by = s.T("deliveries.by_file")
	}
	return s.T("paper.d8.archive.answer", "state", s.T("delivery.state."+string(x.State)), "reference", or(x.Reference, "–"), "actor", by, "day", s.Day(x.Received))
}

func (d Protocol) signed(s say, x ProtocolTask) string {
	if x.Signature == nil {
		return s.T("paper.d8.hand.unsigned")
	}
	g := x.Signature
	return s.T("paper.d8.hand.signature", "outcome", s.T("outcome."+string(g.Outcome)), "n", g.Count, "actor", d.name(g.Actor), "day", g.Performed)
}

func (d Protocol) open(s say) []string {
	var out []string
	if n := d.Open.Promised; n > 0 {
		out = append(out, s.N("paper.d8.open.promised", n, "day", s.Day(d.Open.PromisedBy)))
	}
	if n := d.Open.Quarantined; n > 0 {
		out = append(out, s.N("paper.d8.open.quarantined", n, "day", s.Day(d.Open.Until)))
	}
	if n := d.Open.Delivered; n > 0 {
		out = append(out, s.N("paper.d8.open.delivered", n, "day", s.Day(d.Open.ReceiptBy)))
	}
	if n := d.Open.Tasks; n > 0 {
		out = append(out, s.N("paper.d8.open.tasks", n, "day", s.Day(d.Open.TasksDue)))
	}
	return out
}
