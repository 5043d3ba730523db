package anonymise_test

import (
	"strings"
	"testing"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/anonymise"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/pii"
)

// An attachment goes, stays or is redacted by policy; one that stays never lets
// the word anonymised through, and one that cannot be redacted goes.
func TestAN2_FilesByPolicy(t *testing.T) {
	t.Parallel()
	engine, err := pii.New(pii.Options{})
	if err != nil {
		t.Fatal(err)
	}
	file := connector.Type{Name: "file", Kind: connector.KindAttachment, Fields: []connector.FieldInfo{{Name: "filename", Text: true}, {Name: "content", Text: true, Format: connector.FormatFile}}}
	types := map[string]connector.Type{"file": file}
	make := func(name, content string) gallra.Record {
		return gallra.Record{Ref: gallra.Ref{System: "desk", Type: "file", ID: "1"}, Fields: []gallra.Field{{Name: "filename", Value: name}, {Name: "content", Value: content}}}
	}
	for _, c := range []struct {
		policy     gallra.FilePolicy
		name       string
		goes, kept bool
	}{{"", "brev.txt", true, false}, {gallra.FilesErase, "brev.txt", true, false}, {gallra.FilesKeep, "brev.txt", false, true}, {gallra.FilesRedact, "brev.txt", false, false}, {gallra.FilesRedact, "brev.pdf", true, false}} {
		r := make(c.name, "Svara till qz.lk@example.se om bygglovet")
		conv := anonymise.New(anonymise.Options{Files: c.policy, PII: engine}, types, []gallra.Record{r})
		set, left := conv.Edits(file, r)
		if goes := len(left) > 0; goes != c.goes {
			t.Errorf("%s %s: goes %v", c.policy, c.name, goes)
			continue
		}
		after := apply(r, set)
		content, _ := after.Field("content")
		if name, _ := after.Field("filename"); strings.Contains(name, "brev") {
			t.Errorf("%s: the name of the file is left", c.policy)
		}
		if !c.goes && strings.Contains(content, "qz.lk") != c.kept {
			t.Errorf("%s: %q", c.policy, content)
		}
		failed := false
		for _, f := range conv.Assess(file, after) {
			failed = failed || f.Check == anonymise.AN2
		}
		if !c.goes && !failed {
			t.Errorf("%s: a file that stays passes AN2", c.policy)
		}
	}
}
