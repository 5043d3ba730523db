package web

import (
	"bytes"
	"html/template"
	"slices"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/report"
	"github.com/gallra/gallra/internal/retention"
)

// DocumentsView lists the documents about gallring that can be taken away.
type DocumentsView struct {
	Names []string // of documents that are drawn up anew: D3, D15
	Runs  []DocumentRun
	Print bool // there is a browser to write PDF with
}

// DocumentRun is a run whose record of disposal can be taken away.
type DocumentRun struct {
	ID     string
	Ended  time.Time
	Status retention.Status
	Assess bool // something was anonymised in place: there is an assessment
}

// drawings are the documents that are drawn up when somebody asks.
var drawings = map[string]func(*call, report.Press) (report.Paper, error){
	"D3":  func(c *call, p report.Press) (report.Paper, error) { return p.RetentionPlan(c.ctx()) },
	"D14": func(c *call, p report.Press) (report.Paper, error) { return p.Assessment(c.ctx(), c.field("run")) },
	"D15": func(c *call, p report.Press) (report.Paper, error) { return p.HoldRegister(c.ctx()) },
}

// runsShown is how many runs the pages list.
const runsShown = 50

// Formats are those that can be had here.
func (v DocumentsView) Formats() []report.Format {
	return slices.DeleteFunc(report.Formats(), func(f report.Format) bool { return f == report.PDF && !v.Print })
}

func (c *call) press() (report.Press, error) {
	if c.Retention == nil || c.Evidence == nil {
		return report.Press{}, gallra.Errorf(gallra.Unavailable, "web.no_retention")
	}
	cfg, err := c.configuration()
	return report.Press{DB: c.DB, Log: c.Evidence, Retention: c.Retention, Config: cfg, Actor: c.account.Username}, err
}

func (c *call) documentsPage() error {
	p, err := c.press()
	if err != nil {
		return err
	}
	v := DocumentsView{Names: []string{"D3", "D15"}, Print: c.PDF.Able()}
	runs, err := p.Retention.Runs(c.ctx(), runsShown)
	if err != nil {
		return err
	}
	for _, r := range runs {
		v.Runs = append(v.Runs, DocumentRun{r.ID, r.Ended, r.Protocol.Word(), slices.ContainsFunc(r.Protocol.Rules, func(x gallra.Rule) bool { return x.Action == gallra.ActionAnonymise })})
	}
	return c.ok("documents", v)
}

// drawDocument draws a document up, which puts a new version of it in the log,
// and hands it over.
func (c *call) drawDocument() error {
	draw, ok := drawings[c.r.PathValue("document")]
	if !ok {
		return c.unknownPage()
	}
	press, err := c.press()
	if err != nil {
		return err
	}
	p, err := draw(c, press)
	if err != nil {
		return err
	}
	return c.hand(p, report.Format(c.field("format")))
}

// hand sends a paper as a file.
func (c *call) hand(p report.Paper, f report.Format) error {
	if !slices.Contains(report.Formats(), f) {
		return c.unknownPage()
	}
	var b bytes.Buffer
	if err := p.Write(c.ctx(), &b, f, c.print.Lang(), c.PDF); err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", f.MediaType())
	c.w.Header().Set("Content-Disposition", `attachment; filename="`+p.FileName(f, c.print.Lang())+`"`)
	_, _ = b.WriteTo(c.w) // the reader may have gone
	return nil
}

// ProtocolView is the record of disposal of a run, document D8.
type ProtocolView struct {
	ID     string
	Report template.HTML
	Print  bool
}

func (c *call) protocol() (report.Paper, error) {
	press, err := c.press()
	if err != nil {
		return report.Paper{}, err
	}
	return press.Protocol(c.ctx(), c.r.PathValue("run"))
}

// protocolPage is the record of disposal alone, made to be printed.
func (c *call) protocolPage() error {
	p, err := c.protocol()
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := p.Body(&b, c.print.Lang()); err != nil {
		return err
	}
	return c.ok("protocol", ProtocolView{ID: c.r.PathValue("run"), Report: template.HTML(b.String()), Print: c.PDF.Able()}) // escaped by the report's own templates
}

// protocolAs hands the record over in a format.
func protocolAs(f report.Format) func(*call) error {
	return func(c *call) error {
		p, err := c.protocol()
		if err != nil {
			return err
		}
		return c.hand(p, f)
	}
}

func init() {
	for _, f := range report.Formats() {
		routes = append(routes, route{"GET /retention/runs/{run}/protocol." + string(f), auth.SeeRetention, protocolAs(f)})
	}
}
