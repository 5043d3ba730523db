package retention

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/internal/content"
	"github.com/gallra/gallra/internal/evidence"
	"github.com/gallra/gallra/pii"
)

// Sampled is a record of a plan as it is in its system now, its personal values
// masked.
type Sampled struct {
	Ref     gallra.Ref     `json:"ref"`
	Created time.Time      `json:"created,omitzero"`
	Fields  []SampledField `json:"fields"`
}

// SampledField is a field of a Sampled. Unlike a gallra.Field it may be written out,
// for its value is masked.
type SampledField struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// How many records of a plan a sample shows, and how many bytes of each text.
const (
	sampleShown = 5
	sampleText  = 300
)

// Sample reads a few of the records that a plan names, masked, so that whoever
// decides sees what kind they are. The reading is in the log. A record that is
// gone since the plan is left out.
func (e *Engine) Sample(ctx context.Context, plan, actor string) ([]Sampled, error) {
	p, err := e.PlanOf(ctx, plan)
	if err != nil {
		return nil, err
	}
	if e.PII == nil {
		return nil, gallra.Errorf(gallra.Unavailable, "retention.no_detector")
	}
	var refs []gallra.Ref
	for _, u := range p.Preview.Units {
		refs = append(refs, u.Sample...)
	}
	out, counts := []Sampled{}, map[string]int64{}
	for _, ref := range refs[:min(len(refs), sampleShown)] {
		src, err := e.source(ctx, ref.System)
		if err != nil {
			return nil, err
		}
		types, err := src.Types(ctx)
		if err != nil {
			return nil, fmt.Errorf("retention: types of %s: %w", ref.System, err)
		}
		rec, err := src.Get(ctx, ref)
		if errors.Is(err, gallra.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("retention: get %s: %w", ref, err)
		}
		out = append(out, e.masked(types, rec, counts))
	}
	counts["records"] = int64(len(out))
	err = e.DB.Tx(ctx, func(tx *sql.Tx) error {
		_, err := e.Log.Append(ctx, tx, evidence.Entry{Actor: actor, Action: "plan.sample", Subject: plan, Result: "masked", Counts: counts})
		return err
	})
	return out, err
}

func (e *Engine) masked(types []connector.Type, rec gallra.Record, counts map[string]int64) Sampled {
	s := Sampled{Ref: rec.Ref, Created: rec.Created, Fields: []SampledField{}}
	i := slices.IndexFunc(types, func(t connector.Type) bool { return t.Name == rec.Ref.Type })
	if i < 0 {
		return s
	}
	for _, p := range content.Texts(types[i], rec) {
		if strings.TrimSpace(p.Text) == "" {
			continue
		}
		text := ""
		if p.Category != "" {
			counts[string(p.Category)]++
			text = pii.Mask(p.Category, p.Text)
		} else {
			text = e.maskedText(p.Text, counts)
		}
		s.Fields = append(s.Fields, SampledField{Name: p.Field, Value: cutAt(text, sampleText)})
	}
	return s
}

// maskedText masks what is found in a text. A finding is never cut: the text is
// masked whole first.
func (e *Engine) maskedText(text string, counts map[string]int64) string {
	var b strings.Builder
	at := 0
	for _, f := range e.PII.Find(text) {
		if f.End <= at {
			continue
		}
		start := max(f.Start, at)
		b.WriteString(text[at:start])
		b.WriteString(pii.Mask(f.Category, text[start:f.End]))
		counts[string(f.Category)]++
		at = f.End
	}
	b.WriteString(text[at:])
	return b.String()
}

func cutAt(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most] + " …"
}
