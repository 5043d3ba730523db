package report_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/gallra/gallra/internal/i18n"
	"github.com/gallra/gallra/internal/report"
)

var update = flag.Bool("update", false, "write docs/documents.schema.json")

const published = "../../docs/documents.schema.json"

// The published schemas are those of the program.
func TestP1_PublishedSchema(t *testing.T) {
	now, err := json.MarshalIndent(report.Schemas(), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	now = append(now, '\n')
	if *update {
		if err := os.WriteFile(published, now, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	old, err := os.ReadFile(published)
	if err != nil || !bytes.Equal(old, now) {
		t.Errorf("%s is not what the program writes (%v): go test ./internal/report -update", published, err)
	}
}

// P-1: every document passes the check of its published schema, and one that
// lacks a field does not.
func TestP1_SchemaCheck(t *testing.T) {
	b, err := os.ReadFile(published)
	if err != nil {
		t.Fatal(err)
	}
	var schemas map[string]*openapi3.Schema
	if err := json.Unmarshal(b, &schemas); err != nil {
		t.Fatal(err)
	}
	d := draw(t)
	for doc, p := range d.papers {
		schema := schemas[doc]
		if schema == nil {
			t.Fatalf("%s has no published schema", doc)
		}
		var v map[string]any
		if err := json.Unmarshal([]byte(write(t, p, report.JSON, i18n.Swedish)), &v); err != nil {
			t.Fatal(err)
		}
		if err := schema.VisitJSON(v); err != nil {
			t.Errorf("%s: %v", doc, err)
		}
		content := v["content"].(map[string]any)
		for _, k := range schema.Properties["content"].Value.Required {
			old := content[k]
			delete(content, k)
			if schema.VisitJSON(v) == nil {
				t.Errorf("%s without %s passes", doc, k)
			}
			content[k] = old
		}
		v["person"] = "anna@example.org"
		if schema.VisitJSON(v) == nil {
			t.Errorf("%s with a field of its own passes", doc)
		}
	}
}
