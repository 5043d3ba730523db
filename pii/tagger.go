package pii

import (
	"sync"

	"github.com/gallra/gallra/pii/names"
)

// namesTagger is the language pack's model behind the engine's seam.
type namesTagger struct{ model *names.Model }

// nameSpans lends the model's slices between calls.
var nameSpans = sync.Pool{New: func() any { s := make([]names.Span, 0, 64); return &s }}

func (n namesTagger) find(dst []Finding, text, lang string, recall float64) []Finding {
	buf := nameSpans.Get().(*[]names.Span)
	*buf = n.model.Append((*buf)[:0], text, lang, recall)
	for _, s := range *buf {
		dst = append(dst, Finding{Start: s.Start, End: s.End, Category: s.Kind, Score: s.Score, Rule: s.Rule})
	}
	clear(*buf) // the reasons may quote the text
	nameSpans.Put(buf)
	return dst
}
