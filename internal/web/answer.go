package web

import (
	"bytes"
	"html/template"
	"io"
	"net/http"
	"slices"
	"strconv"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/internal/i18n"
	"github.com/gallra/gallra/internal/report"
	"github.com/gallra/gallra/internal/request"
)

// What the person gets, and what is left for a person here to do: the package of
// an access request, the values of a correction, the items no system can be told
// to carry out, and the certificate of an erasure.

func init() {
	for name, step := range map[string]caseStep{
		"package": {auth.HandleRequests, "case_packaged", func(c *call, d *request.Desk, id string) error {
			lang, ok := i18n.ParseLang(c.r.PostFormValue("lang"))
			if !ok {
				return gallra.Errorf(gallra.Invalid, "web.form")
			}
			m, err := c.maker()
			if err != nil {
				return err
			}
			return d.Package(c.ctx(), id, c.account.Username, func(w io.Writer) error {
				_, err := m.Request(c.ctx(), w, lang, d, id, c.account.Username)
				return err
			})
		}},
		"correct": {auth.HandleRequests, "case_corrected", func(c *call, d *request.Desk, id string) error {
			return d.Correct(c.ctx(), id, c.account.Username, request.Correction{
				Kind: gallra.IdentifierKind(c.r.PostFormValue("kind")), Old: c.r.PostFormValue("old"), New: c.r.PostFormValue("new")})
		}},
		"by-hand": {auth.HandleRequests, "case_by_hand", (*call).itemByHand},
	} {
		caseSteps[name] = step
	}
}

// maker returns what reads the systems as gallra.yaml has them now.
func (c *call) maker() (report.Maker, error) {
	if c.Maker == nil {
		return report.Maker{}, gallra.Errorf(gallra.Unavailable, "web.no_reading")
	}
	return c.Maker(c.ctx())
}

// itemByHand records what a person did outside Gallra, and what proves it
// (REQUIREMENTS W-10). The note is part of the log: the form asks for one
// without personal values.
func (c *call) itemByHand(d *request.Desk, id string) error {
	n, err := strconv.Atoi(c.r.PostFormValue("item"))
	if err != nil {
		return gallra.Errorf(gallra.Invalid, "web.number")
	}
	if c.reason() == "" {
		return gallra.Errorf(gallra.Invalid, "web.proof")
	}
	if err := c.prove(evidence.Entry{Action: "request.proof", Subject: id, Reason: c.reason(), Counts: map[string]int64{"item": int64(n)}}); err != nil {
		return err
	}
	return d.ManualItem(c.ctx(), id, c.account.Username, n, gallra.Outcome(c.r.PostFormValue("outcome")))
}

// answers settles what of the answer the page offers.
func (v *CaseView) answers(c *call, d *request.Desk) error {
	handle, decided := c.can(auth.HandleRequests), v.Outcome == request.Granted || v.Outcome == request.Partial
	if packaged := []request.Right{request.Access, request.Portability}; slices.Contains(packaged, v.Right) && decided && v.Destroyed.IsZero() {
		var err error
		if v.Packaged, err = d.Packaged(v.ID); err != nil {
			return err
		}
		v.CanPackage = handle && c.Maker != nil && !v.Approvable() && slices.Contains([]request.State{request.Decided, request.Delivered}, v.State)
		v.CanFetch = c.can(auth.SeePersonal) && handle && !v.Packaged.IsZero()
	}
	v.CanCorrect = handle && v.Right == request.Rectification && decided && !v.Approvable() &&
		(v.State == request.Executing || v.State.May(request.Executing))
	v.CanRead = c.can(auth.SeePersonal) && c.Maker != nil && v.Destroyed.IsZero()
	v.Certified = slices.Contains(carried, v.Right) && slices.Contains([]request.State{request.Verified, request.Delivered, request.Closed}, v.State) && decided
	v.ByHand = handle && !v.CanJudge
	v.Kinds = gallra.IdentifierKinds()
	return nil
}

// Language is one language a document can be made in.
func (v CaseView) Languages() []i18n.Lang { return i18n.Langs() }

// fetchPackage sends the package to the one who is to hand it over. That is a
// reading of personal data, logged before the first byte (REQUIREMENTS X-8).
func (c *call) fetchPackage() error {
	d, err := c.desk()
	if err != nil {
		return err
	}
	r, err := d.Get(c.ctx(), c.r.PathValue("request"))
	if err != nil {
		return err
	}
	if err := d.MayHandOver(c.ctx(), r.ID); err != nil {
		v, verr := c.caseView()
		if verr != nil {
			return verr
		}
		return c.refuse("case", v, err)
	}
	out := &download{call: c, name: r.ID + ".zip"}
	if err := d.OpenPackage(c.ctx(), r.ID, c.account.Username, out); err != nil {
		if out.begun { // half a file must not look like a whole one
			panic(http.ErrAbortHandler)
		}
		return err
	}
	return nil
}

// download sends a file; its headers go out with the first byte, so that an
// error before that still has its page.
type download struct {
	*call
	name  string
	begun bool
}

func (d *download) Write(b []byte) (int, error) {
	if !d.begun {
		d.begun = true
		d.w.Header().Set("Content-Type", "application/zip")
		d.w.Header().Set("Content-Disposition", `attachment; filename="`+d.name+`"`)
	}
	return d.w.Write(b)
}

// CertificateView is the certificate of an erasure, document D9.
type CertificateView struct {
	ID     string
	Full   bool // the organisation's own copy
	Report template.HTML
}

// certificatePage shows the certificate: the person's copy, or with ?copy=full
// the one that tells who decided and binds to the log.
func (c *call) certificatePage() error {
	d, err := c.desk()
	if err != nil {
		return err
	}
	cert, err := d.Certificate(c.ctx(), c.r.PathValue("request"))
	if err != nil {
		return err
	}
	cfg, err := c.configuration()
	if err != nil {
		return err
	}
	v := CertificateView{ID: cert.Request, Full: c.r.URL.Query().Get("copy") == "full"}
	var b bytes.Buffer
	if err := report.WriteCertificateBody(&b, cert, cfg.Organisation.Name, c.print.Lang(), v.Full); err != nil {
		return err
	}
	v.Report = template.HTML(b.String()) // written by html/template, which has escaped it
	return c.ok("certificate", v)
}
