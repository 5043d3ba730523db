package anonymise_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/anonymise"
	"github.com/gallra/gallra/connector"
	"github.com/gallra/gallra/pii"
)

// What one record of a conversation tells is taken out of all, wherever it
// stands: in a field, in a mail, in a file that is redacted.
func TestG7_RewriteKnowsTheWholeConversation(t *testing.T) {
	t.Parallel()
	engine, err := pii.New(pii.Options{Lang: "sv"})
	if err != nil {
		t.Fatal(err)
	}
	const hushed, spoken = "Pratade med quorvatz om fakturan igen.", "Hälsningar Karin Quorvatz"
	file := connector.Type{Name: "file", Kind: connector.KindAttachment, Fields: []connector.FieldInfo{{Name: "filename", Text: true}, {Name: "content", Text: true, Format: connector.FormatFile}}}
	types := map[string]connector.Type{"ticket": ticket, "file": file}
	for name, tells := range map[string]gallra.Record{
		"a field": record(2, gallra.Field{Name: "subject", Value: spoken}),
		"a mail":  record(2, gallra.Field{Name: "raw", Value: "From: x@example.se\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<p>H=C3=A4lsningar Karin Quor=\r\nvatz</p>\r\n"}),
		"a file":  {Ref: gallra.Ref{System: "desk", Type: "file", ID: "3"}, Fields: []gallra.Field{{Name: "filename", Value: "brev.txt"}, {Name: "content", Value: spoken}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			records := []gallra.Record{record(1, gallra.Field{Name: "subject", Value: hushed}, gallra.Field{Name: "queue", Value: "quorvatz"}), tells}
			c := anonymise.New(anonymise.Options{Text: gallra.TextRedact, Files: gallra.FilesRedact, PII: engine}, types, records)
			var after []gallra.Record
			for n, change := range c.Rewrite(types, records) {
				if len(change.Left) > 0 {
					t.Fatalf("%v", change.Left)
				}
				after = append(after, apply(records[n], change.Set))
			}
			if s, _ := after[0].Field("subject"); s != "Pratade med [NAMN 1] om fakturan igen." {
				t.Errorf("%q", s)
			}
			if q, _ := after[0].Field("queue"); q != "quorvatz" {
				t.Errorf("a statistics field is %q", q)
			}
			for _, f := range after[1].Fields {
				if strings.Contains(strings.ToLower(f.Value), "quor") {
					t.Errorf("%s: %q", f.Name, f.Value)
				}
			}
			c.Forget()
			again := anonymise.New(anonymise.Options{Text: gallra.TextRedact, Files: gallra.FilesRedact, PII: engine}, types, after)
			for _, c := range []*anonymise.Conversation{c, again} {
				if slices.ContainsFunc(c.Rewrite(types, after), func(x anonymise.Change) bool { return len(x.Set)+len(x.Left) > 0 }) {
					t.Errorf("a second time it is another: %q", after)
				}
			}
		})
	}
}

// Where text goes whole, nothing is searched.
func TestG7_NothingIsLearntOfTextThatGoes(t *testing.T) {
	t.Parallel()
	r := record(1, gallra.Field{Name: "subject", Value: "Hälsningar Karin Quorvatz"})
	types := map[string]connector.Type{"ticket": ticket}
	c := anonymise.New(anonymise.Options{}, types, []gallra.Record{r})
	if c.Learn(types, r); c.Learned() != 0 || len(c.Values()) != 0 {
		t.Errorf("%d values", c.Learned())
	}
}
