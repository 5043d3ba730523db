package report_test

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"html"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/document"
	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/hold"
	"github.com/gallra/gallra/internal/i18n"
	"github.com/gallra/gallra/internal/pdf"
	"github.com/gallra/gallra/internal/report"
	"github.com/gallra/gallra/internal/web/webtest"
)

// fields are the fields of REQUIREMENTS section 6, by document, as message keys
// in the order of its table.
var fields = map[string][]string{
	"D3": {"paper.d3.purpose", "paper.d3.type", "paper.d3.system", "paper.d3.start", "paper.d3.period", "paper.d3.action", "paper.d3.support", "paper.d3.motive", "paper.d3.exceptions",
		"paper.d3.responsible", "paper.d3.last", "paper.d3.next", "paper.d3.decided"},
	"D8": {"paper.d8.number", "paper.d8.organisation", "paper.d8.archive", "paper.d8.period", "paper.d8.type", "paper.d8.system", "paper.d8.criterion", "paper.d8.support", "paper.d8.action", "paper.d8.records",
		"paper.d8.attachments", "paper.d8.bytes", "paper.d8.excepted", "paper.d8.method", "paper.d8.planned", "paper.d8.approved", "paper.d8.done", "paper.d8.verified", "paper.d8.vendor", "paper.d8.backups",
		"paper.d8.statistics", "paper.d8.deviations", "paper.d8.signature", "paper.d8.log", "paper.d8.hash"},
	"D14": {"paper.d14.set", "paper.d14.for", "paper.d14.methods", "paper.d14.text", "paper.d14.tests", "paper.d14.k", "paper.d14.risk", "paper.d14.keys", "paper.d14.conclusion", "paper.d14.review"},
	"D15": {"paper.d15.id", "paper.d15.kind", "paper.d15.reason", "paper.d15.scope", "paper.d15.from", "paper.d15.decided", "paper.d15.review", "paper.d15.released"},
}

// head is what stands over every document.
var head = []string{"paper.head.organisation", "paper.head.number", "paper.head.date", "paper.head.version", "paper.head.by", "paper.head.sha256", "paper.head.seq", "paper.head.root"}

// asIs are fields whose label stands in another form on a page that is read:
// records are counted under the action, the selection stands under its rule.
var asIs = map[string]string{"paper.d8.records": "paper.d8.action", "paper.d8.criterion": "paper.d8.criteria", "paper.d8.type": "", "paper.d8.system": "paper.d8.system", "paper.d8.support": "paper.d8.criteria"}

type drawn struct {
	site   *webtest.Site
	press  report.Press
	papers map[string]report.Paper
}

// draw runs a retention run, places holds and draws every paper up.
func draw(t *testing.T) drawn {
	t.Helper()
	site := webtest.New(t, true)
	site.Config.Organisation.Number = "212000-0000"
	run := site.Run(t)
	p := report.Press{DB: site.DB, Log: site.Log, Retention: site.Engine, Config: site.Config, Actor: string(auth.Approver)}
	reg := hold.Register{DB: site.DB, Log: site.Log}
	err := site.DB.Tx(t.Context(), func(tx *sql.Tx) error {
		_, err := reg.Place(t.Context(), tx, hold.Hold{Kind: hold.Legal, Reason: "Tvist om avgift", Matter: "KS 2026/14", PlacedBy: "approver", Targets: []hold.Target{
			{Ref: gallra.Ref{System: "arenden", Type: "conversation", ID: "3"}}, {Ref: gallra.Ref{System: "arenden", Type: "conversation", ID: "4"}}, {Ref: gallra.Ref{System: "epost"}}}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	d := drawn{site, p, map[string]report.Paper{}}
	for doc, draw := range map[string]func() (report.Paper, error){
		"D3":  func() (report.Paper, error) { return p.RetentionPlan(t.Context()) },
		"D8":  func() (report.Paper, error) { return p.Protocol(t.Context(), run) },
		"D14": func() (report.Paper, error) { return p.Assessment(t.Context(), site.RunOf(t, 2)) },
		"D15": func() (report.Paper, error) { return p.HoldRegister(t.Context()) },
	} {
		if d.papers[doc], err = draw(); err != nil {
			t.Fatalf("%s: %v", doc, err)
		}
	}
	return d
}

func write(t *testing.T, p report.Paper, f report.Format, l i18n.Lang) string {
	t.Helper()
	var b bytes.Buffer
	if err := p.Write(t.Context(), &b, f, l, pdf.New(os.Getenv("GALLRA_TEST_CHROMIUM"))); err != nil {
		t.Fatalf("%s %s %s: %v", p.Head.Document, f, l, err)
	}
	return b.String()
}

var rawKey = regexp.MustCompile(`\b(paper|protocol|request|outcome|residue|retention|error|run|start|action|holds)\.[a-z_0-9]+[a-z_0-9.]*`)

// P-1: every field of the table is in every format and both languages, and no
// key is left unprinted.
func TestP1_EveryFieldOfTheTable(t *testing.T) {
	d := draw(t)
	for doc, p := range d.papers {
		for _, lang := range i18n.Langs() {
			say := i18n.For(lang)
			page, table := write(t, p, report.HTML, lang), write(t, p, report.CSV, lang)
			rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(table, "\ufeff"))).ReadAll()
			if err != nil || len(rows) < 2 {
				t.Fatalf("%s %s: %d rows, %v", doc, lang, len(rows), err)
			}
			for _, k := range append(append([]string{}, fields[doc]...), head...) {
				if !strings.Contains("\n"+strings.Join(rows[0], "\n")+"\n", "\n"+say.T(k)+"\n") {
					t.Errorf("%s %s: the table lacks %s", doc, lang, k)
				}
				if on, ok := asIs[k]; ok {
					k = on
				}
				if k != "" && !strings.Contains(page, ">"+html.EscapeString(say.T(k))+"<") {
					t.Errorf("%s %s: the page lacks %s", doc, lang, k)
				}
			}
			for name, text := range map[string]string{"page": page, "table": table} {
				if m := rawKey.FindString(text); m != "" {
					t.Errorf("%s %s: %q is not put into words in the %s", doc, lang, m, name)
				}
			}
		}
	}
}

// P-1: the record of disposal names those who planned, approved and ran, as they
// were called then: a new name later changes neither it nor its checksum.
func TestP1_ProtocolNamesThePeople(t *testing.T) {
	site := webtest.New(t, true)
	run := site.Run(t)
	p := report.Press{DB: site.DB, Log: site.Log, Retention: site.Engine, Config: site.Config, Actor: string(auth.DPO)}
	was, err := p.Protocol(t.Context(), run)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []report.Format{report.HTML, report.CSV} {
		text := write(t, was, f, i18n.Swedish)
		for _, want := range []string{"Lars Ek (approver), 2026-", "Karin Berg (agent), 2026-"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s lacks %q", f, want)
			}
		}
	}
	if _, err := site.DB.ExecContext(t.Context(), `UPDATE account SET name = 'Lars Nyman' WHERE username = 'approver'`); err != nil {
		t.Fatal(err)
	}
	is, err := p.Protocol(t.Context(), run)
	if err != nil {
		t.Fatal(err)
	}
	if is.Head.SHA256 != was.Head.SHA256 || strings.Contains(write(t, is, report.HTML, i18n.Swedish), "Lars Nyman") {
		t.Error("the record has changed with the name of an account")
	}
}

// The checksum is of the content, whatever the language and format; the log
// entry names it; a second drawing of the same content is the same version.
func TestP1_HeadCanBeChecked(t *testing.T) {
	d := draw(t)
	for doc, p := range d.papers {
		var out struct {
			SHA256  string `json:"sha256"`
			Content json.RawMessage
			Log     report.Place `json:"evidence_log"`
		}
		if err := json.Unmarshal([]byte(write(t, p, report.JSON, i18n.Swedish)), &out); err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := json.Compact(&b, out.Content); err != nil {
			t.Fatal(err)
		}
		if got := sha256.Sum256(b.Bytes()); hex.EncodeToString(got[:]) != out.SHA256 {
			t.Errorf("%s: the checksum is not that of the content", doc)
		}
		for _, f := range []report.Format{report.HTML, report.CSV} {
			if !strings.Contains(write(t, p, f, i18n.English), out.SHA256) {
				t.Errorf("%s: %s lacks the checksum", doc, f)
			}
		}
		if out.Log.Seq == 0 || out.Log.Root == "" || p.Head.Version != 1 {
			t.Errorf("%s: head %+v", doc, p.Head)
		}
	}
	again, err := d.press.HoldRegister(t.Context())
	if err != nil || again.Head.Version != 1 || again.Head.Log.Seq != d.papers["D15"].Head.Log.Seq {
		t.Errorf("the same content became %+v (%v)", again.Head, err)
	}
	d.site.Config.Rules[0].Motive = "Ny motivering"
	next, err := d.press.RetentionPlan(t.Context())
	if err != nil || next.Head.Version != 2 {
		t.Errorf("another content became %+v (%v)", next.Head, err)
	}
	if r, err := d.site.Log.VerifyDB(t.Context()); err != nil || r.Bad != nil {
		t.Errorf("the log: %+v %v", r, err)
	}
}

// P-2: none of the planted values is in any document, in any format.
func TestP2_NoPersonalValue(t *testing.T) {
	d := draw(t)
	planted := []string{webtest.Person, "Test Person", "070-174 06 05", "0701740605", "Berit Sandberg", "berit@example.com", "kund0@example.org", "Kund 1", "Fråga 1"}
	for doc, p := range d.papers {
		for _, f := range report.Formats() {
			text := write(t, p, f, i18n.Swedish)
			if f == report.PDF { // its streams are packed: search what a reader sees, too
				read, problems := document.Text("d.pdf", "application/pdf", []byte(text), document.Limits{})
				if len(problems) > 0 || !strings.Contains(strings.Join(strings.Fields(read), ""), p.Head.SHA256) {
					t.Errorf("%s: the PDF is not read: %v", doc, problems)
				}
				text += read
			}
			for _, v := range planted {
				if strings.Contains(text, v) {
					t.Errorf("%s as %s holds %q", doc, f, v)
				}
			}
			if f == report.PDF && !strings.HasPrefix(text, "%PDF-") {
				t.Errorf("%s: no PDF", doc)
			}
		}
	}
}

// AN4: the assessment never says that a test is passed which the figures beside
// it deny.
func TestP4_AssessmentAgreesWithItself(t *testing.T) {
	d := draw(t)
	a, ok := d.papers["D14"].Content.(report.Assessment)
	if !ok || len(a.Sets) == 0 {
		t.Fatalf("%+v", d.papers["D14"].Content)
	}
	for _, x := range a.Sets {
		failing := int64(0)
		for _, c := range x.Checks {
			if failing += c.Failing; c.Check == "AN4" && c.Failing < x.Anonymity.Small {
				t.Errorf("AN4: %d fail, %d are in groups that are too small", c.Failing, x.Anonymity.Small)
			}
		}
		if x.Anonymised != (failing == 0) {
			t.Errorf("%d failing, and anonymised is %t", failing, x.Anonymised)
		}
	}
}

// SE-4: a state agency applies the regulations of the National Archives; nothing
// says that they bind a municipality, which decides for itself. Others have what
// gives them their right, and no archives decide.
func TestSE4_WhoseDecisionItIs(t *testing.T) {
	d := draw(t)
	for org, want := range map[gallra.OrganisationType]string{gallra.OrgAuthority: "Tillämpningsbeslut enligt RA-FS 2021:6: Kommunstyrelsen", gallra.OrgMunicipality: "Lokalt gallringsbeslut: Kommunstyrelsen",
		gallra.OrgMunicipalCompany: "Lokalt gallringsbeslut: Kommunstyrelsen", gallra.OrgCompany: "Kommunstyrelsen"} {
		press := d.press
		cfg := *press.Config
		cfg.Organisation.Type = org
		press.Config = &cfg
		cfg.Rules = slices.Clone(cfg.Rules)
		for i := range cfg.Rules {
			cfg.Rules[i].Decision = gallra.Decision{Body: "Kommunstyrelsen", Number: "KS 2024/1", Date: "2024-03-11"}
		}
		paper, err := press.RetentionPlan(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		page := write(t, paper, report.HTML, "sv")
		if !strings.Contains(page, want) || org != gallra.OrgAuthority && strings.Contains(page, "RA-FS") || !org.Public() && strings.Contains(page, "allringsbeslut:") {
			t.Errorf("%s: the schedule does not say %q, or says more", org, want)
		}
	}
}
