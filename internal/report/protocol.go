package report

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/gallra/gallra/internal/i18n"
	"github.com/gallra/gallra/internal/retention"
)

type protocolPage struct {
	Say      say
	Lang     i18n.Lang
	Protocol retention.Protocol
}

// count is one line of a table of counts: a message key and a number.
type count struct {
	Key string
	N   int64
}

// Counts lists a map of counts in a stable order, under a prefix of the catalogue.
func (p protocolPage) Counts(prefix string, m map[string]int64) []count {
	var out []count
	for k, n := range m {
		out = append(out, count{prefix + k, n})
	}
	slices.SortFunc(out, func(a, b count) int {
		if a.Key < b.Key {
			return -1
		}
		return 1
	})
	return out
}

// Outcomes lists what became of the records of a part.
func (p protocolPage) Outcomes(t retention.Tally) []count {
	m := map[string]int64{}
	for o, n := range t.Outcomes {
		m[string(o)] = n
	}
	return p.Counts("outcome.", m)
}

// Args turns the arguments of a deviation into what the printer takes.
func (p protocolPage) Text(d retention.Deviation) string {
	args := make([]any, len(d.Args))
	for i, a := range d.Args {
		args[i] = a
	}
	key := d.Key
	if !p.Say.Has(key) {
		key = "error." + key // the texts of deviations stand among those of errors
	}
	return p.Say.T(key, args...)
}

// Known reports whether a time is set.
func (p protocolPage) Known(t time.Time) bool { return !t.IsZero() }

// Remain prints what stays in a system, in the page's language.
func (p protocolPage) Remain(sv, en string) string {
	if p.Lang == i18n.English {
		return en
	}
	return sv
}

// WriteProtocol writes the record of disposal (gallringsprotokoll, document D8)
// as a page that stands alone and prints well. It holds no personal data of
// those whose records went.
func WriteProtocol(w io.Writer, p retention.Protocol, lang i18n.Lang) error {
	err := templates.ExecuteTemplate(w, "protocol.html", protocolPage{Say: say{i18n.For(lang)}, Lang: lang, Protocol: p})
	if err != nil {
		return fmt.Errorf("report: protocol: %w", err)
	}
	return nil
}
