package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/i18n"
	"github.com/gallra/gallra/internal/request"
)

type certificatePage struct {
	Say          say
	Lang         i18n.Lang
	Organisation string
	Certificate  request.Certificate
	Full         bool
}

// Outcomes lists what became of a system's records.
func (p certificatePage) Outcomes(m map[gallra.Outcome]int) []count {
	var out []count
	for o, n := range m {
		out = append(out, count{"outcome." + string(o), int64(n)})
	}
	slices.SortFunc(out, func(a, b count) int { return strings.Compare(a.Key, b.Key) })
	return out
}

// Known reports whether a time is set.
func (p certificatePage) Known(t time.Time) bool { return !t.IsZero() }

// Int turns a count into what the printer takes.
func (p certificatePage) Int(n int) int64 { return int64(n) }

// WriteCertificate writes the erasure certificate of one case (raderingsintyg,
// document D9) as a page that stands alone. full adds what is for the
// organisation alone: who decided, and the place in the evidence log; without
// it, the page is the person's copy.
func WriteCertificate(w io.Writer, c request.Certificate, organisation string, lang i18n.Lang, full bool) error {
	return writeCertificate(w, "certificate.html", c, organisation, lang, full)
}

// WriteCertificateBody writes what WriteCertificate writes without the frame of
// a page, for a page that has a look of its own.
func WriteCertificateBody(w io.Writer, c request.Certificate, organisation string, lang i18n.Lang, full bool) error {
	return writeCertificate(w, "certificate", c, organisation, lang, full)
}

func writeCertificate(w io.Writer, name string, c request.Certificate, organisation string, lang i18n.Lang, full bool) error {
	err := templates.ExecuteTemplate(w, name, certificatePage{Say: say{i18n.For(lang)}, Lang: lang, Organisation: organisation, Certificate: c, Full: full})
	if err != nil {
		return fmt.Errorf("report: certificate: %w", err)
	}
	return nil
}

// count is one line of a table of counts: a message key and a number.
type count struct {
	Key string
	N   int64
}
