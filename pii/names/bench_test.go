package names_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gallra/gallra/internal/shareddata"
	"github.com/gallra/gallra/pii/names"
	"github.com/gallra/gallra/pii/names/train"
)

// BenchmarkFind measures all of Find on the training messages, one after
// another.
func BenchmarkFind(b *testing.B) {
	ex, err := train.Service(shareddata.Path(b, "data/corpus-train/corpus.jsonl"))
	if err != nil {
		b.Fatal(err)
	}
	m, err := names.Load()
	if err != nil {
		b.Fatal(err)
	}
	n := 0
	for _, e := range ex {
		n += len(e.Text)
	}
	b.SetBytes(int64(n))
	b.ReportAllocs()
	var dst []names.Span
	for b.Loop() {
		for _, e := range ex {
			dst = m.Append(dst[:0], e.Text, e.Lang, names.DefaultRecall)
		}
	}
}

// BenchmarkFindProse measures Find on text with few names.
func BenchmarkFindProse(b *testing.B) {
	raw, err := os.ReadFile(filepath.Join(shareddata.Path(b, "data/text/swefaq"), "swefaq_dev.jsonl"))
	if err != nil {
		b.Fatal(err)
	}
	text := strings.ReplaceAll(string(raw), `\n`, "\n")
	m, err := names.Load()
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	var dst []names.Span
	for b.Loop() {
		dst = m.Append(dst[:0], text, "sv", names.DefaultRecall)
	}
}
